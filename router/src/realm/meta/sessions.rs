//! The session meta API (META-SES): who is in the realm, and who has to go.

use std::collections::HashSet;

use wamp_proto::dict::{Dict, GoodbyeDetails};
use wamp_proto::message::Goodbye;
use wamp_proto::{Profile, SessionId, Value, error_uri};

use super::arguments::{Arguments, invalid};
use super::{Answer, MetaCall, dict};
use crate::realm::recipient::Identity;
use crate::realm::refusal::Refusal;
use crate::realm::world::{Departure, World};

/// Authroles that a caller may name at a time.
const ROLES_MAX: usize = 1000;

pub(super) fn count<W: World>(call: &MetaCall<'_, W>, arguments: Arguments) -> Result<Answer, Refusal> {
    let roles = roles(arguments)?;
    Ok(Answer::count(match roles {
        Some(roles) => members(call, Some(&roles)).count(),
        None => call.out.member_count(),
    }))
}

pub(super) fn list<W: World>(call: &MetaCall<'_, W>, arguments: Arguments) -> Result<Answer, Refusal> {
    let roles = roles(arguments)?;
    Ok(Answer::ids(members(call, roles.as_ref()).collect()))
}

/// The authroles that the caller wants to see; all, if it named none.
fn roles(mut arguments: Arguments) -> Result<Option<HashSet<String>>, Refusal> {
    let roles: Option<Vec<String>> = arguments.optional("filter_authroles")?;
    arguments.end()?;
    if roles.as_ref().is_some_and(|roles| roles.len() > ROLES_MAX) {
        return Err(invalid(format!("the argument \"filter_authroles\" has {ROLES_MAX} authroles at most")));
    }
    Ok(roles.map(HashSet::from_iter))
}

/// Session IDs of the members in one of those roles.
fn members<W: World>(call: &MetaCall<'_, W>, roles: Option<&HashSet<String>>) -> impl Iterator<Item = u64> {
    call.out
        .members()
        .filter(move |(_, identity)| roles.is_none_or(|roles| roles.contains(&*identity.role.name)))
        .map(|(_, identity)| identity.session.value())
}

pub(super) fn get<W: World>(call: &MetaCall<'_, W>, mut arguments: Arguments) -> Result<Answer, Refusal> {
    let session: SessionId = arguments.required("session")?;
    arguments.end()?;
    let identity = call.out.member(session).and_then(|member| call.out.identity(member));
    identity
        .map(|identity| Answer::one(details(identity)))
        .ok_or_else(|| Refusal::new(error_uri::NO_SUCH_SESSION, format!("session {session} does not exist")))
}

/// A session, as `get` and `on_join` show it.
pub(super) fn details(identity: &Identity) -> Value {
    dict([
        ("session", identity.session.value().into()),
        ("authid", (&*identity.authid).into()),
        ("authrole", (&*identity.role.name).into()),
        ("authmethod", identity.authmethod.into()),
        ("authprovider", identity.authprovider.into()),
    ])
}

pub(super) fn kill<W: World>(call: &MetaCall<'_, W>, mut arguments: Arguments) -> Result<Answer, Refusal> {
    let session: SessionId = arguments.required("session")?;
    let goodbye = goodbye(call, arguments)?;
    // There is no other session of the caller's ID (META-SES-06).
    let Some(victim) = call.out.member(session).filter(|member| *member != call.caller) else {
        let explanation = format!("there is no other session {session}");
        return Err(Refusal::new(error_uri::NO_SUCH_SESSION, explanation));
    };
    let reason = goodbye.reason.clone();
    if call.out.kill(victim, goodbye, Departure::Announced) {
        call.out.killed(&[session.value()], &reason);
    }
    Ok(Answer::EMPTY)
}

pub(super) fn kill_by_authid<W: World>(
    call: &MetaCall<'_, W>,
    mut arguments: Arguments,
) -> Result<Answer, Refusal> {
    let authid: String = arguments.required("authid")?;
    let goodbye = goodbye(call, arguments)?;
    let killed = kill_others(call, &goodbye, Departure::Announced, |other| *other.authid == *authid);
    Ok(Answer::ids(killed))
}

pub(super) fn kill_by_authrole<W: World>(
    call: &MetaCall<'_, W>,
    mut arguments: Arguments,
) -> Result<Answer, Refusal> {
    let authrole: String = arguments.required("authrole")?;
    let goodbye = goodbye(call, arguments)?;
    let killed = kill_others(call, &goodbye, Departure::Announced, |other| *other.role.name == *authrole);
    Ok(how_many(call, killed))
}

pub(super) fn kill_all<W: World>(call: &MetaCall<'_, W>, arguments: Arguments) -> Result<Answer, Refusal> {
    let goodbye = goodbye(call, arguments)?;
    let killed = kill_others(call, &goodbye, Departure::Unannounced, |_| true);
    Ok(how_many(call, killed))
}

/// What the killed are told, from the last two arguments (META-SES-05).
fn goodbye<W: World>(call: &MetaCall<'_, W>, mut arguments: Arguments) -> Result<Goodbye, Refusal> {
    let reason: Option<String> = arguments.optional("reason")?;
    let message: Option<String> = arguments.optional("message")?;
    arguments.end()?;
    let reason = match reason {
        Some(reason) => {
            call.check_reason(&reason)?;
            reason.into()
        }
        None => match call.realm.settings.profile {
            Profile::Crossbar => error_uri::NORMAL.into(),
            Profile::Default | Profile::Strict => error_uri::KILLED.into(),
        },
    };
    let details = message.map_or_else(Dict::new, |message| {
        GoodbyeDetails { message: Some(message.into()), ..GoodbyeDetails::default() }.into()
    });
    Ok(Goodbye { details, reason })
}

/// Kills everybody but the caller of whom that holds. Returns their session IDs.
fn kill_others<W: World>(
    call: &MetaCall<'_, W>,
    goodbye: &Goodbye,
    departure: Departure,
    is_meant: impl Fn(&Identity) -> bool,
) -> Vec<u64> {
    let others = call.out.members().filter(|(member, identity)| *member != call.caller && is_meant(identity));
    let killed: Vec<u64> = others
        .filter(|(member, _)| call.out.kill(*member, goodbye.clone(), departure))
        .map(|(_, identity)| identity.session.value())
        .collect();
    call.out.killed(&killed, &goodbye.reason);
    killed
}

/// How many were killed; who, where Crossbar.io's users expect that.
fn how_many<W: World>(call: &MetaCall<'_, W>, killed: Vec<u64>) -> Answer {
    match call.realm.settings.profile {
        Profile::Crossbar => Answer::ids(killed),
        Profile::Default | Profile::Strict => Answer::count(killed.len()),
    }
}
