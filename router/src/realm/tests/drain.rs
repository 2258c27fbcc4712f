//! The realm goes down.

use expect_test::expect;

use super::check;

#[test]
fn while_draining_new_calls_are_refused_and_open_ones_are_answered() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            alice> CALL 1 {} com.acme.add [1]
            drain
            alice> CALL 2 {} com.acme.add [2]
            bob> YIELD inv#1 {} [1]
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {} [1]
            alice< ERROR CALL 2 {} wamp.error.unavailable ["the router is going down"]
            alice< RESULT 1 {} [1]
        "#]],
    );
}

#[test]
fn while_draining_everything_but_calls_goes_on() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} com.acme.tick
            drain
            bob> PUBLISH 1 {"acknowledge":true} com.acme.tick [7]
            bob> SUBSCRIBE 2 {} com.acme.tick
            bob> UNSUBSCRIBE 3 sub#1
            bob> REGISTER 4 {} com.acme.add
            bob> UNREGISTER 5 reg#1
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            bob< PUBLISHED 1 pub#1
            alice< EVENT sub#1 pub#1 {} [7]
            bob< SUBSCRIBED 2 sub#1
            bob< UNSUBSCRIBED 3
            bob< REGISTERED 4 reg#1
            bob< UNREGISTERED 5
        "#]],
    );
}

/// Conformance: ORD-05, PV-06
#[test]
fn rpc_06_canceling_answers_every_open_call_once() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            carol> REGISTER 1 {} com.acme.sub
            carol> CALL 2 {} com.acme.sub
            alice> CALL 1 {} com.acme.add
            alice> CALL 2 {} com.acme.sub
            dave> CALL 1 {} com.acme.add
            bob> YIELD inv#2 {} [1]
            drain
            cancel
            cancel
            bob> YIELD inv#1 {} [2]
            carol> ERROR inv#2 {} com.acme.failed
            bob> leave
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            carol< REGISTERED 1 reg#2
            carol< INVOCATION inv#1 reg#2 {}
            bob< INVOCATION inv#1 reg#1 {}
            carol< INVOCATION inv#2 reg#2 {}
            bob< INVOCATION inv#2 reg#1 {}
            dave< RESULT 1 {} [1]
            carol< ERROR CALL 2 {} wamp.error.canceled ["the router is going down"]
            carol< INTERRUPT 1 {"mode":"killnowait"}
            alice< ERROR CALL 1 {} wamp.error.canceled ["the router is going down"]
            bob< INTERRUPT 1 {"mode":"killnowait"}
            alice< ERROR CALL 2 {} wamp.error.canceled ["the router is going down"]
            carol< INTERRUPT 2 {"mode":"killnowait"}
        "#]],
    );
}

#[test]
fn canceling_leaves_alone_callers_that_are_gone() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            alice> CALL 1 {} com.acme.add
            carol> CALL 1 {} com.acme.add
            alice> leave
            cancel
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {}
            bob< INVOCATION inv#2 reg#1 {}
            bob< INTERRUPT 1 {"mode":"killnowait"}
            carol< ERROR CALL 1 {} wamp.error.canceled ["the router is going down"]
            bob< INTERRUPT 2 {"mode":"killnowait"}
        "#]],
    );
}
