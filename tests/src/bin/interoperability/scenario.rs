//! The list of scenarios, and how they are run: each over every connection, one after the other.

use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::timeout;

use crate::place::{Connection, Place};
use crate::report::Report;
use crate::router::Router;
use crate::{calls, events, logins, meta, payloads, procedures, sessions};

/// For one scenario over one connection; what it waits for has shorter deadlines, which say more.
const DEADLINE: Duration = Duration::from_secs(180);

/// Something that the client does with a router.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// What must happen, for the documentation.
    pub(crate) about: &'static str,
    run: for<'a> fn(&'a Place) -> BoxFuture<'a, anyhow::Result<()>>,
}

macro_rules! scenarios {
    ($($module:ident::$name:ident $about:literal)*) => {
        &[$(Scenario {
            name: stringify!($name),
            about: $about,
            run: |place| Box::pin($module::$name(place)),
        },)*]
    };
}

/// Every scenario, in the order of the documentation.
pub(crate) const ALL: &[Scenario] = scenarios! {
    sessions::join "WELCOME names the session, the realm and the role, over the serializer that was asked for"
    sessions::unknown_realm "a realm that there is not: `wamp.error.no_such_realm`"
    sessions::leave "after GOODBYE the session is gone, procedures have finished, and requests fail"
    sessions::reconnect "the router restarts: the client joins again, with its subscriptions and registrations"
    logins::ticket "log-in by ticket, and not with a wrong one"
    logins::wampcra "log-in by WAMP-CRA, and not with a wrong secret"
    logins::salted_wampcra "the same with a salted secret"
    logins::scram "log-in by SCRAM as Autobahn has it, and not with a wrong password"
    logins::wamp_scram "log-in by SCRAM as the specification has it, and not with a wrong password"
    logins::cryptosign "log-in by Cryptosign, and not with another key"
    logins::unknown_principal "an authid that nobody has is refused"
    logins::denied_reason "a wrong secret is refused with `wamp.error.authentication_denied`"
    logins::several_methods "of several credentials the router takes one that it can"
    calls::arguments "arguments and keyword arguments go to the callee, and results come back"
    calls::application_errors "errors of the application keep their URI and arguments, both ways"
    calls::invalid_arguments "arguments of another type: `wamp.error.invalid_argument`"
    calls::no_such_procedure "a procedure that nobody registered: `wamp.error.no_such_procedure`"
    calls::timeout "a call that takes too long fails when its caller says, and its procedure is stopped"
    calls::cancel "a call that is dropped is canceled, and its procedure is stopped"
    calls::timeout_option "`timeout` alone, in milliseconds, has the router end the call and stop its procedure"
    calls::forwarded_timeout "the same, if the callee asked to mind it by `forward_timeout`"
    calls::progressive_results "the caller gets what the callee reports on the way, in order, and then the result"
    calls::progressive_invocation "the callee gets every part of a call, and the caller one result"
    calls::caller_by_configuration "callees learn who called where the configuration says so"
    calls::caller_on_request "callees learn who called if the caller asks for it"
    procedures::unregister "a procedure that was taken back cannot be called"
    procedures::second_registration "a second registration: `wamp.error.procedure_already_exists`"
    procedures::prefix_registration "the procedure learns by which name it was called; the longest prefix counts"
    procedures::wildcard_registration "the same with a wildcard, which an exact registration overrides"
    procedures::roundrobin "callees of a shared registration take turns"
    procedures::first_and_last "of a shared registration, the first or the last callee is called"
    procedures::random "of a shared registration, any callee is called"
    procedures::concurrency "a callee is not called more often at once than it says, and another call is refused"
    procedures::callee_leaves "a call whose callee leaves: `wamp.error.canceled`"
    events::publish "events arrive in order, with the publication ID that the publisher learns"
    events::exclude_me "a publisher has its own event only if it asks for it"
    events::receivers "`eligible` and `exclude` by session, authid and authrole"
    events::unsubscribe "no event after UNSUBSCRIBED"
    events::patterns "prefix and wildcard subscriptions, whose events name their topic"
    events::retained "a later subscriber has the retained event, marked as such"
    events::retained_publication "and it has the publication ID that it was published with"
    events::retained_pattern "and so has a later subscriber to a pattern"
    events::publisher_by_configuration "subscribers learn who published where the configuration says so"
    events::publisher_on_request "subscribers learn who published if the publisher asks for it"
    events::testament "what a session left behind is published when its connection is gone"
    meta::sessions "`wamp.session.count`, `list` and `get`, and `on_join` and `on_leave`"
    meta::who_left "`wamp.session.on_leave` says session, authid and authrole"
    meta::registrations "`wamp.registration.list`, `lookup`, `match`, `get`, `list_callees` and `count_callees`"
    meta::registration_events "`on_create`, `on_register`, `on_unregister`, `on_delete`"
    meta::subscriptions "`wamp.subscription.lookup`, `match`, `get`, `list_subscribers` and `count_subscribers`"
    meta::kill "a session that is killed learns why"
    payloads::values "Unicode, null, integers above 2^32 and negative ones, floating point, lists and dicts"
    payloads::octets "every octet, in whatever serializer"
    payloads::large "1 MiB to the callee and back, and as an event"
    payloads::many_events "10,000 events: none lost, none twice, in order"
    payloads::many_calls "1,000 calls at a time, each with its own result"
};

/// Runs all of them.
pub(crate) async fn run_all(router: &Router) -> Report {
    let mut report = Report::default();
    let mut number = 0;
    for (index, connection) in Connection::all().enumerate() {
        let over = connection.name();
        for scenario in ALL {
            let lack = router.lacks(scenario.name);
            // Once is enough to know that it is still so.
            if let Some(why) = lack.filter(|_| index > 0) {
                Report::not_had(scenario, &over, why);
                continue;
            }
            number += 1;
            let place = Place::new(router, connection, number);
            let result = timeout(DEADLINE, (scenario.run)(&place)).await;
            let result = result.unwrap_or_else(|_| Err(anyhow::anyhow!("not done in time")));
            match (result, lack) {
                (Ok(()), None) => Report::ok(scenario, &over),
                (Ok(()), Some(_)) => report.fail(scenario, &over, "it is said not to be had, and is"),
                (Err(_), Some(why)) => Report::not_had(scenario, &over, why),
                (Err(error), None) => report.fail(scenario, &over, &format!("{error:#}")),
            }
        }
    }
    report
}
