//! What a session that is gone leaves to others.

use expect_test::expect;

use super::{Holdings, Stage, check, settings};

/// Conformance: SES-15
#[test]
fn ses_14_a_session_that_is_gone_gets_no_events() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} com.acme.tick
            bob> SUBSCRIBE 1 {} com.acme.tick
            alice> leave
            carol> PUBLISH 1 {} com.acme.tick [7]
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            bob< SUBSCRIBED 1 sub#1
            bob< EVENT sub#1 pub#1 {} [7]
        "#]],
    );
}

/// Each took the place of another in the list of subscribers, and must be found there.
#[test]
fn who_leaves_takes_nobody_else_along() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} com.acme.tick
            alice> SUBSCRIBE 2 {} com.acme.tock
            bob> SUBSCRIBE 1 {} com.acme.tock
            bob> SUBSCRIBE 2 {} com.acme.tick
            carol> SUBSCRIBE 1 {} com.acme.tick
            carol> SUBSCRIBE 2 {} com.acme.tock
            dave> SUBSCRIBE 1 {} com.acme.tick
            alice> leave
            dave> leave
            erin> PUBLISH 1 {} com.acme.tick [1]
            erin> PUBLISH 2 {} com.acme.tock [2]
            carol> leave
            erin> PUBLISH 3 {} com.acme.tick [3]
            bob> UNSUBSCRIBE 3 sub#1
            erin> PUBLISH 4 {} com.acme.tick [4]
            erin> PUBLISH 5 {} com.acme.tock [5]
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< SUBSCRIBED 2 sub#2
            bob< SUBSCRIBED 1 sub#2
            bob< SUBSCRIBED 2 sub#1
            carol< SUBSCRIBED 1 sub#1
            carol< SUBSCRIBED 2 sub#2
            dave< SUBSCRIBED 1 sub#1
            carol< EVENT sub#1 pub#1 {} [1]
            bob< EVENT sub#1 pub#1 {} [1]
            carol< EVENT sub#2 pub#2 {} [2]
            bob< EVENT sub#2 pub#2 {} [2]
            bob< EVENT sub#1 pub#3 {} [3]
            bob< UNSUBSCRIBED 3
            bob< EVENT sub#2 pub#4 {} [5]
        "#]],
    );
}

/// Conformance: SES-15, ORD-05
#[test]
fn ses_14_a_session_that_is_gone_is_not_called() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            bob> leave
            alice> CALL 1 {} com.acme.add
            carol> REGISTER 1 {} com.acme.add
            alice> CALL 2 {} com.acme.add
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            alice< ERROR CALL 1 {} wamp.error.no_such_procedure ["no procedure \"com.acme.add\" is registered"]
            carol< REGISTERED 1 reg#2
            carol< INVOCATION inv#1 reg#2 {}
        "#]],
    );
}

/// Bob joins where alice was.
/// Conformance: SES-15
#[test]
fn a_session_in_the_place_of_another_inherits_nothing() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} com.acme.tick
            alice> REGISTER 2 {} com.acme.add
            dave> CALL 1 {} com.acme.add
            alice> leave
            bob> SUBSCRIBE 1 {} com.acme.tock
            carol> PUBLISH 1 {} com.acme.tick [7]
            carol> CALL 2 {} com.acme.add
            bob> UNSUBSCRIBE 2 sub#1
            bob> UNREGISTER 3 reg#1
            bob> YIELD inv#1 {}
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< REGISTERED 2 reg#1
            alice< INVOCATION inv#1 reg#1 {}
            dave< ERROR CALL 1 {} wamp.error.canceled ["the callee is gone"]
            bob< SUBSCRIBED 1 sub#2
            carol< ERROR CALL 2 {} wamp.error.no_such_procedure ["no procedure \"com.acme.add\" is registered"]
            bob< ERROR UNSUBSCRIBE 2 {} wamp.error.no_such_subscription ["subscription sub#1 is not held by this session"]
            bob< ERROR UNREGISTER 3 {} wamp.error.no_such_registration ["registration reg#1 is not held by this session"]
            bob! YIELD for invocation 1, which was never issued
        "#]],
    );
}

/// Conformance: ORD-05, RPC-06
#[test]
fn rpc_08_callers_of_a_callee_that_is_gone_get_their_answer() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            bob> REGISTER 2 {} com.acme.sub
            alice> CALL 1 {} com.acme.add
            carol> CALL 1 {} com.acme.sub
            alice> CALL 2 {} com.acme.sub
            alice> CALL 3 {} com.acme.add
            bob> YIELD inv#3 {} [2]
            bob> leave
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< REGISTERED 2 reg#2
            bob< INVOCATION inv#1 reg#1 {}
            bob< INVOCATION inv#2 reg#2 {}
            bob< INVOCATION inv#3 reg#2 {}
            bob< INVOCATION inv#4 reg#1 {}
            alice< RESULT 2 {} [2]
            alice< ERROR CALL 1 {} wamp.error.canceled ["the callee is gone"]
            carol< ERROR CALL 1 {} wamp.error.canceled ["the callee is gone"]
            alice< ERROR CALL 3 {} wamp.error.canceled ["the callee is gone"]
        "#]],
    );
}

#[test]
fn rpc_08_calls_to_other_callees_stay_open() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            carol> REGISTER 1 {} com.acme.sub
            alice> CALL 1 {} com.acme.add
            alice> CALL 2 {} com.acme.sub
            bob> leave
            carol> YIELD inv#1 {} [5]
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            carol< REGISTERED 1 reg#2
            bob< INVOCATION inv#1 reg#1 {}
            carol< INVOCATION inv#1 reg#2 {}
            alice< ERROR CALL 1 {} wamp.error.canceled ["the callee is gone"]
            alice< RESULT 2 {} [5]
        "#]],
    );
}

/// Conformance: RPC-10
#[test]
fn rpc_08_an_unregistered_callee_that_leaves_ends_its_open_calls() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            alice> CALL 1 {} com.acme.add
            bob> UNREGISTER 2 reg#1
            bob> leave
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {}
            bob< UNREGISTERED 2
            alice< ERROR CALL 1 {} wamp.error.canceled ["the callee is gone"]
        "#]],
    );
}

/// The callee is not told: it did not announce `call_canceling`.
/// Conformance: PV-06
#[test]
fn rpc_07_late_answers_to_a_caller_that_is_gone_are_dropped() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            alice> CALL 1 {} com.acme.add
            alice> CALL 2 {} com.acme.add
            alice> leave
            bob> YIELD inv#1 {} [5]
            bob> ERROR inv#2 {} com.acme.failed
            carol> CALL 1 {} com.acme.add
            bob> YIELD inv#3 {} [6]
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {}
            bob< INVOCATION inv#2 reg#1 {}
            bob< INTERRUPT 1 {"mode":"killnowait"}
            bob< INTERRUPT 2 {"mode":"killnowait"}
            bob< INVOCATION inv#3 reg#1 {}
            carol< RESULT 1 {} [6]
        "#]],
    );
}

#[test]
fn rpc_07_a_callee_that_leaves_after_its_caller_tells_nobody() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            alice> CALL 1 {} com.acme.add
            alice> leave
            bob> leave
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {}
            bob< INTERRUPT 1 {"mode":"killnowait"}
        "#]],
    );
}

/// Conformance: RPC-08
#[test]
fn rpc_09_a_session_leaves_while_it_calls_itself() {
    check(
        r#"
            alice> REGISTER 1 {} com.acme.add
            alice> CALL 2 {} com.acme.add
            bob> CALL 1 {} com.acme.add
            alice> leave
        "#,
        expect![[r#"
            alice< REGISTERED 1 reg#1
            alice< INVOCATION inv#1 reg#1 {}
            alice< INVOCATION inv#2 reg#1 {}
            bob< ERROR CALL 1 {} wamp.error.canceled ["the callee is gone"]
        "#]],
    );
}

/// Conformance: RPC-08, RPC-07
#[test]
fn rpc_09_sessions_that_call_each_other_leave() {
    check(
        r#"
            alice> REGISTER 1 {} com.acme.add
            bob> REGISTER 1 {} com.acme.sub
            alice> CALL 2 {} com.acme.sub
            bob> CALL 2 {} com.acme.add
            alice> leave
            bob> YIELD inv#1 {} [5]
        "#,
        expect![[r#"
            alice< REGISTERED 1 reg#1
            bob< REGISTERED 1 reg#2
            bob< INVOCATION inv#1 reg#2 {}
            alice< INVOCATION inv#1 reg#1 {}
            bob< INTERRUPT 1 {"mode":"killnowait"}
            bob< ERROR CALL 2 {} wamp.error.canceled ["the callee is gone"]
        "#]],
    );
}

#[test]
fn subscriptions_keep_their_id_when_a_subscriber_comes_back() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} com.acme.tick
            alice> SUBSCRIBE 2 {} com.acme.tock
            alice> leave
            alice> SUBSCRIBE 1 {} com.acme.tock
            alice> SUBSCRIBE 2 {} com.acme.tick
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< SUBSCRIBED 2 sub#2
            alice< SUBSCRIBED 1 sub#2
            alice< SUBSCRIBED 2 sub#1
        "#]],
    );
}

/// Conformance: ID-07
#[test]
fn id_05_invocations_of_a_new_session_begin_at_1() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            alice> CALL 1 {} com.acme.add
            bob> leave
            bob> REGISTER 1 {} com.acme.add
            alice> CALL 2 {} com.acme.add
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {}
            alice< ERROR CALL 1 {} wamp.error.canceled ["the callee is gone"]
            bob< REGISTERED 1 reg#2
            bob< INVOCATION inv#1 reg#2 {}
        "#]],
    );
}

/// Conformance: SES-14, SES-15
#[test]
fn nothing_stays_behind_when_everybody_left() {
    let mut stage = Stage::new(settings());
    stage.play(
        r"
        alice> SUBSCRIBE 1 {} com.acme.tick
        bob> SUBSCRIBE 1 {} com.acme.tick
        bob> SUBSCRIBE 2 {} com.acme.tock
        alice> REGISTER 2 {} com.acme.add
        bob> CALL 3 {} com.acme.add
        alice> CALL 3 {} com.acme.add
        ",
    );
    let held =
        Holdings { subscriptions: 2, registrations: 1, open_calls: 2, parties: 2, ..Holdings::default() };
    assert_eq!(stage.realm.holdings(), held);
    stage.play("alice> leave");
    let held = Holdings { subscriptions: 2, parties: 1, ..Holdings::default() };
    assert_eq!(stage.realm.holdings(), held);
    stage.play("bob> leave");
    assert_eq!(stage.realm.holdings(), Holdings::default());
}

#[test]
fn answered_calls_and_refused_requests_are_not_kept() {
    let mut stage = Stage::new(settings());
    stage.play(
        r"
        bob> REGISTER 1 {} com.acme.add
        alice> CALL 1 {} com.acme.add
        alice> CALL 2 {} com.acme.add
        alice> CALL 3 {} com.acme.none
        alice> SUBSCRIBE 4 {} com..tick
        bob> YIELD inv#1 {}
        bob> ERROR inv#2 {} com.acme.failed
        bob> UNREGISTER 2 reg#1
        ",
    );
    let held = Holdings { parties: 2, ..Holdings::default() };
    assert_eq!(stage.realm.holdings(), held);
    stage.clear();
}
