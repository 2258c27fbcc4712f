//! Patterns of topics and procedures.

use expect_test::expect;

use super::check;

/// Conformance: PBS-02, PBS-03, PBS-05
#[test]
fn pbs_01_prefix_and_wildcard_subscriptions_get_what_they_match() {
    check(
        r#"
            alice> SUBSCRIBE 1 {"match":"prefix"} com.acme.topic.emergency
            alice> SUBSCRIBE 2 {"match":"wildcard"} com.acme..userevent
            bob> PUBLISH 1 {} com.acme.topic.emergency [1]
            bob> PUBLISH 2 {} com.acme.topic.emergency-low [2]
            bob> PUBLISH 3 {} com.acme.topic.emergency.11 [3]
            bob> PUBLISH 4 {} com.acme.topic.emerge [4]
            bob> PUBLISH 5 {} com.acme.foo.userevent [5]
            bob> PUBLISH 6 {} com.acme.foo.userevent.bar [6]
            bob> PUBLISH 7 {} com.acme.foo.user [7]
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< SUBSCRIBED 2 sub#2
            alice< EVENT sub#1 pub#1 {"topic":"com.acme.topic.emergency"} [1]
            alice< EVENT sub#1 pub#2 {"topic":"com.acme.topic.emergency-low"} [2]
            alice< EVENT sub#1 pub#3 {"topic":"com.acme.topic.emergency.11"} [3]
            alice< EVENT sub#2 pub#4 {"topic":"com.acme.foo.userevent"} [5]
        "#]],
    );
}

/// Conformance: PBS-06, SUB-02
#[test]
fn pbs_04_an_event_arrives_once_for_each_subscription_that_matches() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} com.acme.tick
            alice> SUBSCRIBE 2 {"match":"prefix"} com.acme.tick
            alice> SUBSCRIBE 3 {"match":"wildcard"} com.acme.tick
            alice> SUBSCRIBE 4 {"match":"prefix"} com.acme.tick
            bob> PUBLISH 1 {"acknowledge":true} com.acme.tick ["all three"]
            alice> UNSUBSCRIBE 5 sub#2
            bob> PUBLISH 2 {"acknowledge":true} com.acme.tick ["two"]
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< SUBSCRIBED 2 sub#2
            alice< SUBSCRIBED 3 sub#3
            alice< SUBSCRIBED 4 sub#2
            bob< PUBLISHED 1 pub#1
            alice< EVENT sub#2 pub#1 {"topic":"com.acme.tick"} ["all three"]
            alice< EVENT sub#3 pub#1 {"topic":"com.acme.tick"} ["all three"]
            alice< EVENT sub#1 pub#1 {} ["all three"]
            alice< UNSUBSCRIBED 5
            bob< PUBLISHED 2 pub#2
            alice< EVENT sub#3 pub#2 {"topic":"com.acme.tick"} ["two"]
            alice< EVENT sub#1 pub#2 {} ["two"]
        "#]],
    );
}

/// Conformance: EXC-01
#[test]
fn pbs_04_exclusion_holds_for_every_subscription() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} com.acme.tick
            alice> SUBSCRIBE 2 {"match":"prefix"} com.
            alice> PUBLISH 3 {} com.acme.tick
            alice> PUBLISH 4 {"exclude_me":false} com.acme.tick
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< SUBSCRIBED 2 sub#2
            alice< EVENT sub#2 pub#1 {"topic":"com.acme.tick"}
            alice< EVENT sub#1 pub#1 {}
        "#]],
    );
}

/// Conformance: URI-02, URI-03
#[test]
fn pbs_01_everything_is_a_prefix_too() {
    check(
        r#"
            alice> SUBSCRIBE 1 {"match":"prefix"} ""
            alice> SUBSCRIBE 2 {"match":"wildcard"} ""
            alice> SUBSCRIBE 3 {"match":"wildcard"} .
            alice> SUBSCRIBE 4 {"match":"prefix"} com..x
            bob> PUBLISH 1 {} tick
            bob> PUBLISH 2 {} com.tick
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< EVENT sub#1 pub#1 {"topic":"wamp.subscription.on_create"} [1,{"id":sub#1,"created":"2026-11-22T12:00:00Z","uri":"","match":"prefix"}]
            alice< EVENT sub#1 pub#2 {"topic":"wamp.subscription.on_subscribe"} [1,sub#1]
            alice< SUBSCRIBED 2 sub#2
            alice< EVENT sub#1 pub#3 {"topic":"wamp.subscription.on_create"} [1,{"id":sub#2,"created":"2026-11-22T12:00:00Z","uri":"","match":"wildcard"}]
            alice< EVENT sub#1 pub#4 {"topic":"wamp.subscription.on_subscribe"} [1,sub#2]
            alice< SUBSCRIBED 3 sub#3
            alice< EVENT sub#1 pub#5 {"topic":"wamp.subscription.on_create"} [1,{"id":sub#3,"created":"2026-11-22T12:00:00Z","uri":".","match":"wildcard"}]
            alice< EVENT sub#1 pub#6 {"topic":"wamp.subscription.on_subscribe"} [1,sub#3]
            alice< ERROR SUBSCRIBE 4 {} wamp.error.invalid_uri ["the URI has an empty component"]
            alice< EVENT sub#1 pub#7 {"topic":"wamp.session.on_join"} [{"session":2,"authid":"bob","authrole":"anyone","authmethod":"anonymous","authprovider":"static"}]
            alice< EVENT sub#1 pub#8 {"topic":"tick"}
            alice< EVENT sub#2 pub#8 {"topic":"tick"}
            alice< EVENT sub#1 pub#9 {"topic":"com.tick"}
            alice< EVENT sub#3 pub#9 {"topic":"com.tick"}
        "#]],
    );
}

/// Conformance: PBR-05, PBR-06
#[test]
fn pbr_02_exact_before_prefix_before_wildcard() {
    check(
        r#"
            exact> REGISTER 1 {} com.acme.add
            prefix> REGISTER 1 {"match":"prefix"} com.acme.add
            wildcard> REGISTER 1 {"match":"wildcard"} com.acme.add
            bob> CALL 1 {} com.acme.add
            bob> CALL 2 {} com.acme.add2
            exact> UNREGISTER 2 reg#1
            bob> CALL 3 {} com.acme.add
            prefix> UNREGISTER 2 reg#2
            bob> CALL 4 {} com.acme.add
            bob> CALL 5 {} com.acme.add2
        "#,
        expect![[r#"
            exact< REGISTERED 1 reg#1
            prefix< REGISTERED 1 reg#2
            wildcard< REGISTERED 1 reg#3
            exact< INVOCATION inv#1 reg#1 {}
            prefix< INVOCATION inv#1 reg#2 {"procedure":"com.acme.add2"}
            exact< UNREGISTERED 2
            prefix< INVOCATION inv#2 reg#2 {"procedure":"com.acme.add"}
            prefix< UNREGISTERED 2
            wildcard< INVOCATION inv#1 reg#3 {"procedure":"com.acme.add"}
            bob< ERROR CALL 5 {} wamp.error.no_such_procedure ["no procedure \"com.acme.add2\" is registered"]
        "#]],
    );
}

/// Conformance: PBR-01
#[test]
fn pbr_03_the_longest_prefix_gets_the_call() {
    check(
        r#"
            short> REGISTER 1 {"match":"prefix"} a1.b2.c3
            long> REGISTER 1 {"match":"prefix"} a1.b2.c3.d4
            bob> CALL 1 {} a1.b2.c3.d4.e5
            bob> CALL 2 {} a1.b2.c3.d5
            bob> CALL 3 {} a1.b2.c33
        "#,
        expect![[r#"
            short< REGISTERED 1 reg#1
            long< REGISTERED 1 reg#2
            long< INVOCATION inv#1 reg#2 {"procedure":"a1.b2.c3.d4.e5"}
            short< INVOCATION inv#1 reg#1 {"procedure":"a1.b2.c3.d5"}
            short< INVOCATION inv#2 reg#1 {"procedure":"a1.b2.c33"}
        "#]],
    );
}

/// Conformance: PBR-01
#[test]
fn pbr_04_the_wildcard_with_the_longest_literal_run_gets_the_call() {
    check(
        r#"
            two> REGISTER 1 {"match":"wildcard"} a1.b2..d4.e5
            three> REGISTER 1 {"match":"wildcard"} a1.b2.c33..e5
            bob> CALL 1 {} a1.b2.c33.d4.e5
            bob> CALL 2 {} a1.b2.c88.d4.e5
            bob> CALL 3 {} a1.b2.c88.d4
        "#,
        expect![[r#"
            two< REGISTERED 1 reg#1
            three< REGISTERED 1 reg#2
            three< INVOCATION inv#1 reg#2 {"procedure":"a1.b2.c33.d4.e5"}
            two< INVOCATION inv#1 reg#1 {"procedure":"a1.b2.c88.d4.e5"}
            bob< ERROR CALL 3 {} wamp.error.no_such_procedure ["no procedure \"a1.b2.c88.d4\" is registered"]
        "#]],
    );
}

#[test]
fn uri_05_patterns_do_not_catch_calls_of_the_routers_procedures() {
    check(
        r#"
            alice> REGISTER 1 {"match":"prefix"} ""
            alice> REGISTER 2 {"match":"wildcard"} .session.count
            alice> REGISTER 3 {"match":"prefix"} wamp.
            bob> CALL 1 {} wamp.session.nothing
            bob> CALL 2 {} wampx.session.count
        "#,
        expect![[r#"
            alice< REGISTERED 1 reg#1
            alice< REGISTERED 2 reg#2
            alice< ERROR REGISTER 3 {} wamp.error.invalid_uri ["URIs that begin with \"wamp\" are the router's"]
            bob< ERROR CALL 1 {} wamp.error.no_such_procedure ["no procedure \"wamp.session.nothing\" is registered"]
            alice< INVOCATION inv#1 reg#1 {"procedure":"wampx.session.count"}
        "#]],
    );
}
