//! The subscription meta API (META-SUB): which topics have subscribers, and who they are.

use std::num::NonZeroU64;

use wamp_proto::dict::SubscribeOptions;
use wamp_proto::message::Subscribe;
use wamp_proto::{Payload, Profile, RequestId, SessionId, SubscriptionId, Uri, Value, error_uri};

use super::arguments::Arguments;
use super::{Answer, MetaCall, list as list_of};
use crate::realm::refusal::Refusal;
use crate::realm::store::Query;
use crate::realm::world::World;
use crate::realm::{Realm, Request};

/// Events that Crossbar.io gives unless it is asked for more or fewer.
const CROSSBAR_LIMIT: NonZeroU64 = NonZeroU64::new(10).unwrap();

pub(super) fn list<W: World>(call: &MetaCall<'_, W>, arguments: Arguments) -> Result<Answer, Refusal> {
    arguments.end()?;
    Ok(Answer::ids_by_policy(call.realm.broker.read().ids()))
}

pub(super) fn lookup<W: World>(call: &MetaCall<'_, W>, mut arguments: Arguments) -> Result<Answer, Refusal> {
    let topic: String = arguments.required("topic")?;
    let policy = arguments.match_policy()?;
    let found = call.realm.broker.read().lookup(&topic, policy);
    Ok(Answer::id(found.map(SubscriptionId::value)))
}

pub(super) fn matching<W: World>(
    call: &MetaCall<'_, W>,
    mut arguments: Arguments,
) -> Result<Answer, Refusal> {
    let topic: String = arguments.required("topic")?;
    arguments.end()?;
    let found = call.realm.broker.read().matching(&topic);
    Ok(Answer::one(if found.is_empty() { Value::Null } else { list_of(&found) }))
}

pub(super) fn get<W: World>(call: &MetaCall<'_, W>, arguments: Arguments) -> Result<Answer, Refusal> {
    let id = only_id(arguments)?;
    let description = call.realm.broker.read().describe(id);
    description.map(|found| Answer::one(found.entries())).ok_or_else(|| no_such_subscription(id))
}

pub(super) fn list_subscribers<W: World>(
    call: &MetaCall<'_, W>,
    arguments: Arguments,
) -> Result<Answer, Refusal> {
    let id = only_id(arguments)?;
    let subscribers = call.realm.broker.read().subscribers(id, call.out);
    subscribers.map(Answer::ids).ok_or_else(|| no_such_subscription(id))
}

pub(super) fn count_subscribers<W: World>(
    call: &MetaCall<'_, W>,
    arguments: Arguments,
) -> Result<Answer, Refusal> {
    let id = only_id(arguments)?;
    let count = call.realm.broker.read().subscriber_count(id);
    count.map(Answer::count).ok_or_else(|| no_such_subscription(id))
}

/// The events that a subscription's history keeps (HIS-01).
pub(super) fn get_events<W: World>(
    call: &MetaCall<'_, W>,
    mut arguments: Arguments,
) -> Result<Answer, Refusal> {
    let id: SubscriptionId = arguments.required("subscription")?;
    let is_crossbar = call.realm.settings.profile == Profile::Crossbar;
    // Crossbar.io's callers may give it as a positional argument.
    let limit = if is_crossbar { arguments.optional::<Value>("limit")? } else { None };
    let mut keywords = arguments.into_keywords()?;
    keywords.extend(limit.map(|limit| ("limit".to_owned(), limit)));
    let query = Query::parse(&keywords)?;
    let query = if is_crossbar { query.newest_first(CROSSBAR_LIMIT) } else { query };
    let history = call.realm.broker.read().history(id, &query, call.applicant, call.out.now())?;
    if is_crossbar && !history.is_kept {
        return Err(Refusal::new(
            error_uri::CROSSBAR_HISTORY_UNAVAILABLE,
            format!("subscription {id} has no history"),
        ));
    }
    let bytes = history.bytes();
    let payload = move |serializer| {
        let events: Vec<_> = history.values().collect();
        let results = if is_crossbar { vec![Value::List(events)] } else { events };
        Payload::new(serializer, &results, &[])
    };
    Ok(Answer::Later(bytes, Box::new(payload)))
}

/// The subscription that somebody has to be allowed who looks up its events.
pub(super) fn implied(realm: &Realm, mut arguments: Arguments) -> Option<Request> {
    let id: SubscriptionId = arguments.required("subscription").ok()?;
    let found = realm.broker.read().describe(id)?;
    let options = SubscribeOptions { match_policy: Some(found.match_policy), ..SubscribeOptions::default() };
    let topic = Uri::from(&*found.uri);
    Some(Request::Subscribe(Subscribe { request: RequestId::FIRST, options: options.into(), topic }))
}

/// Takes a subscriber off a subscription (SRV-01).
pub(super) fn remove_subscriber<W: World>(
    call: &MetaCall<'_, W>,
    mut arguments: Arguments,
) -> Result<Answer, Refusal> {
    let id = arguments.required("subscription")?;
    let subscriber: SessionId = arguments.required("subscriber")?;
    let reason: Option<String> = arguments.optional("reason")?;
    arguments.end()?;
    if let Some(reason) = &reason {
        call.check_reason(reason)?;
    }
    call.realm.broker.write().revoke(id, subscriber, reason.map(Into::into), call.out)?;
    Ok(Answer::EMPTY)
}

fn only_id(mut arguments: Arguments) -> Result<SubscriptionId, Refusal> {
    let id = arguments.required("subscription")?;
    arguments.end()?;
    Ok(id)
}

fn no_such_subscription(id: SubscriptionId) -> Refusal {
    Refusal::new(error_uri::NO_SUCH_SUBSCRIPTION, format!("subscription {id} does not exist"))
}
