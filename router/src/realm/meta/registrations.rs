//! The registration meta API (META-REG): which procedures there are, who has them, and how busy the callees are.

use wamp_proto::{Payload, RegistrationId, SessionId, Value, error_uri};

use super::arguments::Arguments;
use super::{Answer, MetaCall};
use crate::realm::dealer::Workload;
use crate::realm::refusal::Refusal;
use crate::realm::world::World;

/// Octets that a registration takes in a message beside its URI, about.
const DESCRIPTION_BYTES: usize = 192;

/// Octets that what a callee has to do takes in a message, about.
const CALLEE_BYTES: usize = 64;

pub(super) fn list<W: World>(call: &MetaCall<'_, W>, arguments: Arguments) -> Result<Answer, Refusal> {
    arguments.end()?;
    Ok(Answer::ids_by_policy(call.realm.dealer.lock().ids()))
}

pub(super) fn lookup<W: World>(call: &MetaCall<'_, W>, mut arguments: Arguments) -> Result<Answer, Refusal> {
    let procedure: String = arguments.required("procedure")?;
    let policy = arguments.match_policy()?;
    let found = call.realm.dealer.lock().lookup(&procedure, policy);
    Ok(Answer::id(found.map(RegistrationId::value)))
}

pub(super) fn best_match<W: World>(
    call: &MetaCall<'_, W>,
    mut arguments: Arguments,
) -> Result<Answer, Refusal> {
    let procedure: String = arguments.required("procedure")?;
    arguments.end()?;
    let found = call.realm.dealer.lock().best_match(&procedure);
    Ok(Answer::id(found.map(RegistrationId::value)))
}

/// `RegistrationDetails`, and what an operator asks about: how many calls wait, and how busy each callee is.
pub(super) fn get<W: World>(call: &MetaCall<'_, W>, arguments: Arguments) -> Result<Answer, Refusal> {
    let id = only_id(arguments)?;
    let found = call.realm.dealer.lock().workload(id);
    let workload = found.ok_or_else(|| no_such_registration(id))?;
    let bytes = DESCRIPTION_BYTES + workload.description.uri.len() + workload.callees.len() * CALLEE_BYTES;
    let payload = move |serializer| Payload::new(serializer, &[details(&workload)], &[]);
    Ok(Answer::Later(bytes, Box::new(payload)))
}

fn details(workload: &Workload) -> Value {
    let callees = workload.callees.iter().map(|callee| {
        let mut load = vec![
            ("session".to_owned(), callee.session.value().into()),
            ("open_invocations".to_owned(), callee.open.into()),
        ];
        load.extend(callee.concurrency.map(|concurrency| ("concurrency".to_owned(), concurrency.into())));
        Value::Dict(load)
    });
    let mut details = workload.description.entries();
    details.push(("_waiting_calls".to_owned(), (workload.waiting_calls as u64).into()));
    details.push(("_callees".to_owned(), Value::List(callees.collect())));
    Value::Dict(details)
}

pub(super) fn list_callees<W: World>(
    call: &MetaCall<'_, W>,
    arguments: Arguments,
) -> Result<Answer, Refusal> {
    let id = only_id(arguments)?;
    let callees = call.realm.dealer.lock().callees(id);
    callees.map(Answer::ids).ok_or_else(|| no_such_registration(id))
}

pub(super) fn count_callees<W: World>(
    call: &MetaCall<'_, W>,
    arguments: Arguments,
) -> Result<Answer, Refusal> {
    let id = only_id(arguments)?;
    let count = call.realm.dealer.lock().callee_count(id);
    count.map(Answer::count).ok_or_else(|| no_such_registration(id))
}

/// Takes a callee off a registration (RRV-01).
pub(super) fn remove_callee<W: World>(
    call: &MetaCall<'_, W>,
    mut arguments: Arguments,
) -> Result<Answer, Refusal> {
    let id = arguments.required("registration")?;
    let callee: SessionId = arguments.required("callee")?;
    let reason: Option<String> = arguments.optional("reason")?;
    arguments.end()?;
    if let Some(reason) = &reason {
        call.check_reason(reason)?;
    }
    let reason = reason.map(Into::into);
    let settings = &call.realm.settings;
    call.realm
        .change_registrations(call.out, |dealer| dealer.revoke(settings, id, callee, reason, call.out))?;
    Ok(Answer::EMPTY)
}

fn only_id(mut arguments: Arguments) -> Result<RegistrationId, Refusal> {
    let id = arguments.required("registration")?;
    arguments.end()?;
    Ok(id)
}

fn no_such_registration(id: RegistrationId) -> Refusal {
    Refusal::new(error_uri::NO_SUCH_REGISTRATION, format!("registration {id} does not exist"))
}
