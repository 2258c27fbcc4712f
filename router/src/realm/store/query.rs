//! What a caller asks of a history and what it is answered: the arguments and results of
//! `wamp.subscription.get_events` (HIS-01 to HIS-05).

use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::sync::Arc;

use time::OffsetDateTime;
use time::format_description::StaticFormatDescription;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use wamp_proto::dict::EventDetails;
use wamp_proto::id::MAX_ID;
use wamp_proto::{PublicationId, SubscriptionId, Value, error_uri};

use super::StoredEvent;
use crate::realm::refusal::Refusal;

/// RFC 3339 to the millisecond, in UTC (HIS-01).
const TIMESTAMP: StaticFormatDescription =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// Which events of a history are wanted: those that meet every condition.
///
/// A publication that is not, or no longer, in the history is neither before nor behind any other: a query that
/// names it finds nothing.
#[derive(Debug, Default)]
pub(in crate::realm) struct Query {
    from_time: Option<OffsetDateTime>,
    after_time: Option<OffsetDateTime>,
    before_time: Option<OffsetDateTime>,
    until_time: Option<OffsetDateTime>,
    from_publication: Option<PublicationId>,
    after_publication: Option<PublicationId>,
    before_publication: Option<PublicationId>,
    until_publication: Option<PublicationId>,
    topic: Option<String>,
    /// The newest first.
    is_reverse: bool,
    limit: Option<NonZeroU64>,
}

impl Query {
    /// A query out of the keyword arguments of a CALL. Those that are not known, or null, say nothing.
    ///
    /// # Errors
    /// With `wamp.error.invalid_argument` and the name of the one that does not fit.
    pub(in crate::realm) fn parse(kwargs: &[(String, Value)]) -> Result<Self, Refusal> {
        let mut query = Self::default();
        for (name, value) in kwargs.iter().filter(|(_, value)| *value != Value::Null) {
            let is_taken = match name.as_str() {
                "from_time" => take(&mut query.from_time, time(value)),
                "after_time" => take(&mut query.after_time, time(value)),
                "before_time" => take(&mut query.before_time, time(value)),
                "until_time" => take(&mut query.until_time, time(value)),
                "from_publication" => take(&mut query.from_publication, publication(value)),
                "after_publication" => take(&mut query.after_publication, publication(value)),
                "before_publication" => take(&mut query.before_publication, publication(value)),
                "until_publication" => take(&mut query.until_publication, publication(value)),
                "topic" => take(&mut query.topic, value.as_str().map(str::to_owned)),
                "limit" => take(&mut query.limit, positive(value)),
                "reverse" => match value {
                    Value::Bool(is_reverse) => {
                        query.is_reverse = *is_reverse;
                        true
                    }
                    _ => false,
                },
                _ => true,
            };
            if !is_taken {
                return Err(refusal(name));
            }
        }
        Ok(query)
    }

    /// The newest first, and so many unless it says otherwise: what callers of Crossbar.io expect.
    pub(in crate::realm) fn newest_first(mut self, limit: NonZeroU64) -> Self {
        self.is_reverse = true;
        self.limit = self.limit.or(Some(limit));
        self
    }

    /// What it finds among events, given the oldest first.
    pub(super) fn select(
        &self,
        events: &VecDeque<Arc<StoredEvent>>,
        includes: impl Fn(&StoredEvent) -> bool,
    ) -> Vec<Arc<StoredEvent>> {
        let Some((start, end)) = self.span(events) else { return Vec::new() };
        let span = events.iter().take(end).skip(start);
        let found = span.filter(|event| self.is_met_by(event) && includes(event)).cloned();
        let limit = self.limit.map_or(usize::MAX, |limit| usize::try_from(limit.get()).unwrap_or(usize::MAX));
        if self.is_reverse { found.rev().take(limit).collect() } else { found.take(limit).collect() }
    }

    /// Where the events begin and end that are in order with the publications it names.
    fn span(&self, events: &VecDeque<Arc<StoredEvent>>) -> Option<(usize, usize)> {
        let place = |publication| events.iter().position(|event| event.publication == publication);
        let (mut start, mut end) = (0, events.len());
        if let Some(publication) = self.from_publication {
            start = start.max(place(publication)?);
        }
        if let Some(publication) = self.after_publication {
            start = start.max(place(publication)? + 1);
        }
        if let Some(publication) = self.before_publication {
            end = end.min(place(publication)?);
        }
        if let Some(publication) = self.until_publication {
            end = end.min(place(publication)? + 1);
        }
        Some((start, end))
    }

    fn is_met_by(&self, event: &StoredEvent) -> bool {
        self.from_time.is_none_or(|time| event.at >= time)
            && self.after_time.is_none_or(|time| event.at > time)
            && self.before_time.is_none_or(|time| event.at < time)
            && self.until_time.is_none_or(|time| event.at <= time)
            && self.topic.as_ref().is_none_or(|topic| **topic == *event.topic)
    }
}

/// Puts a value where it belongs, if there is one.
fn take<T>(place: &mut Option<T>, value: Option<T>) -> bool {
    *place = value;
    place.is_some()
}

fn time(value: &Value) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(value.as_str()?, &Rfc3339).ok()
}

fn publication(value: &Value) -> Option<PublicationId> {
    PublicationId::new(positive(value)?.get())
}

/// A positive integer, from some clients as a float.
fn positive(value: &Value) -> Option<NonZeroU64> {
    match value {
        Value::Integer(number) => NonZeroU64::new(u64::try_from(*number).ok()?),
        Value::Float(number) if number.fract() == 0.0 && (1.0..=MAX_ID as f64).contains(number) => {
            NonZeroU64::new(*number as u64)
        }
        _ => None,
    }
}

fn refusal(name: &str) -> Refusal {
    let expected = match name {
        "reverse" => "a boolean",
        "topic" => "a URI",
        "limit" => "a positive integer",
        _ if name.ends_with("_time") => "a time as in RFC 3339",
        _ => "a publication ID",
    };
    Refusal::new(error_uri::INVALID_ARGUMENT, format!("{name} has to be {expected}"))
}

/// The answer to a [`Query`].
#[derive(Debug)]
pub(in crate::realm) struct History {
    pub(in crate::realm) subscription: SubscriptionId,
    /// Whether there is a history at all, be it empty.
    pub(in crate::realm) is_kept: bool,
    /// Whether the topics of its events differ.
    pub(in crate::realm) is_pattern: bool,
    pub(in crate::realm) events: Vec<Arc<StoredEvent>>,
}

impl History {
    /// Octets that the answer takes, about.
    pub(in crate::realm) fn bytes(&self) -> usize {
        self.events.iter().map(|event| event.held.bytes()).sum()
    }

    /// One dict for each event, to be a positional result (HIS-01).
    ///
    /// An event whose payload is no WAMP value in any serializer but its own is left out, as subscribers with other
    /// serializers do not get it either.
    pub(in crate::realm) fn values(&self) -> impl Iterator<Item = Value> {
        self.events.iter().filter_map(|event| self.value(event))
    }

    fn value(&self, event: &StoredEvent) -> Option<Value> {
        let (args, kwargs) = event.payload.values().ok()?;
        let mut entries = vec![
            ("timestamp".to_owned(), event.at.format(&TIMESTAMP).ok()?.into()),
            ("subscription".to_owned(), self.subscription.value().into()),
            ("publication".to_owned(), event.publication.value().into()),
            ("details".to_owned(), details(&event.details, self.is_pattern.then_some(&event.topic))),
        ];
        if !args.is_empty() || !kwargs.is_empty() {
            entries.push(("args".to_owned(), args.into()));
        }
        if !kwargs.is_empty() {
            entries.push(("kwargs".to_owned(), kwargs.into()));
        }
        Some(entries.into())
    }
}

fn details(details: &EventDetails, topic: Option<&Arc<str>>) -> Value {
    let texts = [
        ("publisher_authid", details.publisher_authid.as_deref()),
        ("publisher_authrole", details.publisher_authrole.as_deref()),
        ("ppt_scheme", details.ppt_scheme.as_deref()),
        ("ppt_serializer", details.ppt_serializer.as_deref()),
        ("ppt_cipher", details.ppt_cipher.as_deref()),
        ("ppt_keyid", details.ppt_keyid.as_deref()),
        ("enc_algo", details.enc_algo.as_ref().map(|algorithm| algorithm.as_str())),
        ("enc_serializer", details.enc_serializer.as_deref()),
        ("enc_key", details.enc_key.as_deref()),
    ];
    let numbers =
        [("publisher", details.publisher.map(|session| session.value())), ("trustlevel", details.trustlevel)];
    let topic = topic.map(|topic| ("topic", Value::from(&**topic)));
    let numbers = numbers.into_iter().filter_map(|(key, number)| Some((key, Value::from(number?))));
    let texts = texts.into_iter().filter_map(|(key, text)| Some((key, Value::from(text?))));
    let entries = topic.into_iter().chain(numbers).chain(texts);
    Value::Dict(entries.map(|(key, value)| (key.to_owned(), value)).collect())
}
