//! The router's own procedures, and the events about what happens in a realm (META).
//!
//! A CALL of a meta procedure is answered at once, on its caller's thread, while the realm drains too. What the
//! procedures read or change belongs to the Broker, the Dealer and the World; here is what it looks like to clients.

mod arguments;
mod authorizer;
mod event;
mod registrations;
mod sessions;
mod subscriptions;
mod testaments;

use std::sync::Arc;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use wamp_proto::dict::{Dict, InvocationPolicy};
use wamp_proto::message::{Call, CallResult};
use wamp_proto::uri::check_uri;
use wamp_proto::{MatchPolicy, MessageCode, Payload, RequestId, SerializerId, Value, Violation, error_uri};

use super::admission::Applicant;
use super::authorization::Disclosure;
use super::outgoing::{MakePayload, Outgoing};
use super::recipient::RecipientKey;
use super::refusal::Refusal;
use super::settings::RealmSettings;
use super::world::World;
use super::{Realm, Request};
use arguments::Arguments;

pub(super) use event::MetaEvent;
pub(super) use testaments::Testaments;

/// What the URI of every meta procedure begins with.
pub(super) const NAMESPACE: &str = "wamp.";

/// Octets that an ID takes in a message, about.
const ID_BYTES: usize = 18;

/// How many times over a message's limit a result may be by its estimate, which is rough: the writer knows.
const ESTIMATE_SLACK: usize = 2;

/// A meta procedure.
pub(super) type Procedure<W> = fn(&MetaCall<'_, W>, Arguments) -> Result<Answer, Refusal>;

/// The meta procedure of that URI, if there is one.
pub(super) fn procedure<W: World>(uri: &str) -> Option<Procedure<W>> {
    let procedure: Procedure<W> = match uri {
        "wamp.session.count" => sessions::count,
        "wamp.session.list" => sessions::list,
        "wamp.session.get" => sessions::get,
        "wamp.session.kill" => sessions::kill,
        "wamp.session.kill_by_authid" => sessions::kill_by_authid,
        "wamp.session.kill_by_authrole" => sessions::kill_by_authrole,
        "wamp.session.kill_all" => sessions::kill_all,
        "wamp.session.add_testament" => testaments::add,
        "wamp.session.flush_testaments" => testaments::flush,
        "wamp.registration.list" => registrations::list,
        "wamp.registration.lookup" => registrations::lookup,
        "wamp.registration.match" => registrations::best_match,
        "wamp.registration.get" => registrations::get,
        "wamp.registration.list_callees" => registrations::list_callees,
        "wamp.registration.count_callees" => registrations::count_callees,
        "wamp.registration.remove_callee" => registrations::remove_callee,
        "wamp.subscription.list" => subscriptions::list,
        "wamp.subscription.lookup" => subscriptions::lookup,
        "wamp.subscription.match" => subscriptions::matching,
        "wamp.subscription.get" => subscriptions::get,
        "wamp.subscription.list_subscribers" => subscriptions::list_subscribers,
        "wamp.subscription.count_subscribers" => subscriptions::count_subscribers,
        "wamp.subscription.get_events" => subscriptions::get_events,
        "wamp.subscription.remove_subscriber" => subscriptions::remove_subscriber,
        "wamp.trunkline.authorizer.flush" => authorizer::flush,
        _ => return None,
    };
    Some(procedure)
}

/// What the caller of a meta procedure has to be allowed besides. Arguments that cannot be read imply nothing: the
/// call is refused for them.
pub(super) fn implied(realm: &Realm, call: &Call) -> Option<Request> {
    let arguments = || Arguments::read(&call.payload, &realm.settings).ok();
    match &*call.procedure {
        "wamp.session.add_testament" => testaments::implied(realm, arguments()?),
        "wamp.subscription.get_events" => subscriptions::implied(realm, arguments()?),
        _ => None,
    }
}

/// A CALL of a meta procedure, which its caller may call.
pub(super) struct MetaCall<'a, W> {
    pub(super) realm: &'a Realm,
    pub(super) caller: RecipientKey,
    pub(super) applicant: Applicant<'a>,
    /// What its caller's permission says about disclosure.
    pub(super) disclosure: Disclosure,
    pub(super) out: &'a W,
}

/// What a meta procedure returns.
pub(super) enum Answer {
    /// These positional results.
    Results(Vec<Value>),
    /// Results of about that many octets, which the writer makes, outside of any lock.
    Later(usize, Box<MakePayload>),
}

/// IDs of subscriptions or registrations, by how their URI is matched.
#[derive(Debug, Default)]
pub(super) struct IdsByPolicy {
    exact: Vec<u64>,
    prefix: Vec<u64>,
    wildcard: Vec<u64>,
}

/// A subscription or a registration, as the meta API shows it.
#[derive(Clone, Debug)]
pub(super) struct Description {
    pub(super) id: u64,
    pub(super) created: OffsetDateTime,
    pub(super) uri: Arc<str>,
    pub(super) match_policy: MatchPolicy,
    /// Of a registration.
    pub(super) invoke: Option<InvocationPolicy>,
}

impl<W: World> MetaCall<'_, W> {
    /// Has the procedure do its work, and answers with its RESULT or ERROR.
    ///
    /// # Errors
    /// If the caller waits for a call with that request already (PV-07).
    pub(super) fn answer(&self, procedure: Procedure<W>, call: &Call) -> Result<(), Violation> {
        let request = call.request;
        if self.realm.dealer.lock().has_open_call(self.caller, request) {
            return Err(Violation::RequestId { found: request.value(), last: request.value() });
        }
        let answer = self
            .check_disclosure(call)
            .and_then(|()| check_options(call))
            .and_then(|()| Arguments::read(&call.payload, &self.realm.settings))
            .and_then(|arguments| procedure(self, arguments))
            .and_then(|answer| answer.into_result(request, call.payload.serializer(), &self.realm.settings));
        match answer {
            Ok(result) => self.out.answer(self.caller, &result),
            Err(refusal) => refusal.answer(self.caller, MessageCode::Call, request, self.out),
        }
        Ok(())
    }

    /// Nobody reads who called; what is refused for every other procedure is refused here too (CID-03).
    fn check_disclosure(&self, call: &Call) -> Result<(), Refusal> {
        if call.options.disclose_me == Some(true) && self.disclosure == Disclosure::Refused {
            return Err(Refusal::disclosure());
        }
        Ok(())
    }

    /// Checks the URI that GOODBYE or a revocation gives for a reason.
    fn check_reason(&self, reason: &str) -> Result<(), Refusal> {
        check_uri(reason, &self.realm.settings.uri_rules).map_err(Refusal::invalid_uri)
    }
}

/// Meta procedures take their arguments at once, and have to read them.
fn check_options(call: &Call) -> Result<(), Refusal> {
    let options = &call.options;
    let refused = if options.progress == Some(true) {
        "calls in several chunks"
    } else if options.ppt_scheme.is_some() || options.enc_algo.is_some() {
        "packed payloads"
    } else {
        return Ok(());
    };
    Err(Refusal::new(
        error_uri::FEATURE_NOT_SUPPORTED,
        format!("the router's own procedures take no {refused}"),
    ))
}

impl Answer {
    /// No result.
    const EMPTY: Self = Self::Results(Vec::new());

    /// One result.
    fn one(result: impl Into<Value>) -> Self {
        Self::Results(vec![result.into()])
    }

    /// One result, a list of IDs. There may be very many.
    fn ids(ids: Vec<u64>) -> Self {
        let bytes = ids.len() * ID_BYTES;
        Self::Later(bytes, Box::new(move |serializer| Payload::new(serializer, &[list(&ids)], &[])))
    }

    /// One result, a dict of lists of IDs.
    fn ids_by_policy(ids: IdsByPolicy) -> Self {
        let bytes = ids.len() * ID_BYTES;
        Self::Later(bytes, Box::new(move |serializer| Payload::new(serializer, &[ids.value()], &[])))
    }

    /// One result, a number of things.
    fn count(count: usize) -> Self {
        Self::one(count as u64)
    }

    /// One result, an ID, or null if there is none.
    fn id(id: Option<u64>) -> Self {
        Self::one(id.map_or(Value::Null, Value::from))
    }

    /// # Errors
    /// If no message can be that large: an outbox takes it for a message, and would disconnect the caller.
    fn into_result(
        self,
        request: RequestId,
        serializer: SerializerId,
        settings: &RealmSettings,
    ) -> Result<Arc<Outgoing>, Refusal> {
        let result = |payload| CallResult { request, details: Dict::new(), payload };
        match self {
            Self::Results(results) => {
                Ok(Outgoing::to_one(result(Payload::new(serializer, &results, &[])).into()))
            }
            Self::Later(bytes, _) if bytes > settings.message_max_bytes.saturating_mul(ESTIMATE_SLACK) => {
                Err(Refusal::new(
                    error_uri::PAYLOAD_SIZE_EXCEEDED,
                    "the result is larger than a message may be; ask for less, for example with limit"
                        .to_owned(),
                ))
            }
            Self::Later(bytes, payload) => Ok(Outgoing::deferred(result(Payload::EMPTY), bytes, payload)),
        }
    }
}

impl IdsByPolicy {
    pub(super) fn push(&mut self, policy: MatchPolicy, id: u64) {
        let ids = match policy {
            MatchPolicy::Exact => &mut self.exact,
            MatchPolicy::Prefix => &mut self.prefix,
            MatchPolicy::Wildcard => &mut self.wildcard,
        };
        ids.push(id);
    }

    fn len(&self) -> usize {
        self.exact.len() + self.prefix.len() + self.wildcard.len()
    }

    fn value(&self) -> Value {
        dict([
            ("exact", list(&self.exact)),
            ("prefix", list(&self.prefix)),
            ("wildcard", list(&self.wildcard)),
        ])
    }
}

impl Description {
    /// `SubscriptionDetails` or `RegistrationDetails` of the specification.
    fn entries(&self) -> Vec<(String, Value)> {
        let created = self.created.truncate_to_millisecond().format(&Rfc3339).ok();
        let entries: [(&str, Option<Value>); 5] = [
            ("id", Some(self.id.into())),
            ("created", created.map(Value::from)),
            ("uri", Some((&*self.uri).into())),
            ("match", Some(self.match_policy.as_str().into())),
            ("invoke", self.invoke.map(|policy| policy.as_str().into())),
        ];
        entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
    }
}

fn dict<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Dict(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

fn list(ids: &[u64]) -> Value {
    Value::List(ids.iter().map(|id| Value::from(*id)).collect())
}
