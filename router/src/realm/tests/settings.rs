//! Limits, and how strictly URIs are taken.

use expect_test::expect;
use wamp_proto::uri::UriRules;

use super::{RealmSettings, check, check_with, settings};

/// What it holds already counts once, and others have room of their own.
#[test]
fn a_session_holds_no_more_subscriptions_than_allowed() {
    check_with(
        RealmSettings { subscriptions_max: 2, ..settings() },
        r#"
            alice> SUBSCRIBE 1 {} com.acme.a
            alice> SUBSCRIBE 2 {} com.acme.b
            alice> SUBSCRIBE 3 {} com.acme.c
            alice> SUBSCRIBE 4 {} com.acme.a
            bob> SUBSCRIBE 1 {} com.acme.c
            alice> UNSUBSCRIBE 5 sub#1
            alice> SUBSCRIBE 6 {} com.acme.c
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< SUBSCRIBED 2 sub#2
            alice< ERROR SUBSCRIBE 3 {} wamp.error.unavailable ["a session may hold 2 subscriptions"]
            alice< SUBSCRIBED 4 sub#1
            bob< SUBSCRIBED 1 sub#3
            alice< UNSUBSCRIBED 5
            alice< SUBSCRIBED 6 sub#3
        "#]],
    );
}

#[test]
fn a_session_holds_no_more_registrations_than_allowed() {
    check_with(
        RealmSettings { registrations_max: 2, ..settings() },
        r#"
            alice> REGISTER 1 {} com.acme.a
            alice> REGISTER 2 {} com.acme.b
            alice> REGISTER 3 {} com.acme.c
            bob> REGISTER 1 {} com.acme.c
            alice> UNREGISTER 4 reg#1
            alice> REGISTER 5 {} com.acme.d
        "#,
        expect![[r#"
            alice< REGISTERED 1 reg#1
            alice< REGISTERED 2 reg#2
            alice< ERROR REGISTER 3 {} wamp.error.unavailable ["a session may hold 2 registrations"]
            bob< REGISTERED 1 reg#3
            alice< UNREGISTERED 4
            alice< REGISTERED 5 reg#4
        "#]],
    );
}

#[test]
fn a_refused_subscription_leaves_no_topic_behind() {
    check_with(
        RealmSettings { subscriptions_max: 0, ..settings() },
        r#"
            alice> SUBSCRIBE 1 {} com.acme.a
            bob> PUBLISH 1 {"acknowledge":true} com.acme.a [7]
        "#,
        expect![[r#"
            alice< ERROR SUBSCRIBE 1 {} wamp.error.unavailable ["a session may hold 0 subscriptions"]
            bob< PUBLISHED 1 pub#1
        "#]],
    );
}

/// Conformance: URI-06
#[test]
fn uri_04_strict_realms_refuse_loose_uris() {
    check_with(
        RealmSettings { uri_rules: UriRules::strict(), ..settings() },
        r#"
            alice> SUBSCRIBE 1 {} com.Acme.tick
            alice> REGISTER 2 {} com.acme.add-two
            alice> CALL 3 {} com.acme.Add
            alice> PUBLISH 4 {"acknowledge":true} com.acme.Tick
        "#,
        expect![[r#"
            alice< ERROR SUBSCRIBE 1 {} wamp.error.invalid_uri ["the URI has an illegal character"]
            alice< ERROR REGISTER 2 {} wamp.error.invalid_uri ["the URI has an illegal character"]
            alice< ERROR CALL 3 {} wamp.error.invalid_uri ["the URI has an illegal character"]
            alice< ERROR PUBLISH 4 {} wamp.error.invalid_uri ["the URI has an illegal character"]
        "#]],
    );
}

#[test]
fn uri_04_loose_realms_take_them() {
    check(
        r#"
            alice> SUBSCRIBE 1 {} com.Acme.tick
            alice> REGISTER 2 {} com.acme.add-two
            alice> CALL 3 {} com.acme.Add
            alice> PUBLISH 4 {"acknowledge":true} com.acme.Tick
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< REGISTERED 2 reg#1
            alice< ERROR CALL 3 {} wamp.error.no_such_procedure ["no procedure \"com.acme.Add\" is registered"]
            alice< PUBLISHED 4 pub#1
        "#]],
    );
}

#[test]
fn uri_04_strict_realms_take_strict_uris() {
    check_with(
        RealmSettings { uri_rules: UriRules::strict(), ..settings() },
        r#"
            alice> SUBSCRIBE 1 {} com.acme.tick_2
            alice> REGISTER 2 {} com.acme.add_2
            bob> CALL 1 {} com.acme.add_2
            bob> PUBLISH 2 {"acknowledge":true} com.acme.tick_2
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< REGISTERED 2 reg#1
            alice< INVOCATION inv#1 reg#1 {}
            bob< PUBLISHED 2 pub#1
            alice< EVENT sub#1 pub#1 {}
        "#]],
    );
}

/// Conformance: URI-06
#[test]
fn uris_over_the_limits_are_refused() {
    check_with(
        RealmSettings {
            uri_rules: UriRules { strict: false, max_bytes: 8, max_components: 3 },
            ..settings()
        },
        r#"
            alice> SUBSCRIBE 1 {} com.acme
            alice> SUBSCRIBE 2 {} com.acmes
            alice> REGISTER 3 {} c.a.m
            alice> REGISTER 4 {} c.a.m.e
            alice> CALL 5 {} com.acmes
            alice> PUBLISH 6 {"acknowledge":true} c.a.m.e
        "#,
        expect![[r#"
            alice< SUBSCRIBED 1 sub#1
            alice< ERROR SUBSCRIBE 2 {} wamp.error.invalid_uri ["the URI has more than 8 octets"]
            alice< REGISTERED 3 reg#1
            alice< ERROR REGISTER 4 {} wamp.error.invalid_uri ["the URI has more than 3 components"]
            alice< ERROR CALL 5 {} wamp.error.invalid_uri ["the URI has more than 8 octets"]
            alice< ERROR PUBLISH 6 {} wamp.error.invalid_uri ["the URI has more than 3 components"]
        "#]],
    );
}

#[test]
fn a_session_has_a_limited_number_of_open_calls() {
    check_with(
        RealmSettings { open_calls_max: 1, ..settings() },
        r#"
            alice> REGISTER 1 {} com.acme.slow
            bob> CALL 1 {} com.acme.slow
            bob> CALL 2 {} com.acme.slow
            carol> CALL 1 {} com.acme.slow
            alice> YIELD inv#1 {}
            bob> CALL 3 {} com.acme.slow
        "#,
        expect![[r#"
            alice< REGISTERED 1 reg#1
            alice< INVOCATION inv#1 reg#1 {}
            bob< ERROR CALL 2 {} wamp.error.unavailable ["a session may have 1 calls open"]
            alice< INVOCATION inv#2 reg#1 {}
            bob< RESULT 1 {}
            alice< INVOCATION inv#3 reg#1 {}
        "#]],
    );
}

#[test]
fn explanations_repeat_the_beginning_of_a_long_uri() {
    check(
        r#"
            alice> CALL 1 {} com.acme.a_procedure_with_a_name_that_goes_on_and_on_until_it_is_over_the_limit
        "#,
        expect![[r#"
            alice< ERROR CALL 1 {} wamp.error.no_such_procedure ["no procedure \"com.acme.a_procedure_with_a_name_that_goes_on_and_on_until_it_is\"… is registered"]
        "#]],
    );
}
