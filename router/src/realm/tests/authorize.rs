//! What roles permit. The role `guest` may little, that of `ward` is left to the authorizer; see [`super::Stage`].

use expect_test::expect;
use wamp_proto::MatchPolicy;

use super::{RealmSettings, StoreLimits, check, check_with, settings};

/// Conformance: URI-06
#[test]
fn authz_01_what_no_rule_allows_is_denied_before_anything_is_revealed() {
    check(
        r#"
            g is g in role guest
            a> REGISTER 1 {} com.other.there
            g> CALL 1 {} com.other.there
            g> CALL 2 {} com.other.not_there
            g> CALL 3 {} com.acme.not_there
            g> CALL 4 {} com.acme.reset
            g> CALL 5 {} com..acme
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            g< ERROR CALL 1 {} wamp.error.not_authorized ["role \"guest\" may not call \"com.other.there\""]
            g< ERROR CALL 2 {} wamp.error.not_authorized ["role \"guest\" may not call \"com.other.not_there\""]
            g< ERROR CALL 3 {} wamp.error.no_such_procedure ["no procedure \"com.acme.not_there\" is registered"]
            g< ERROR CALL 4 {} wamp.error.not_authorized ["role \"guest\" may not call \"com.acme.reset\""]
            g< ERROR CALL 5 {} wamp.error.invalid_uri ["the URI has an empty component"]
        "#]],
    );
}

/// Conformance: PUB-01
#[test]
fn authz_01_publications_are_authorized() {
    check(
        r#"
            g is g in role guest
            a> SUBSCRIBE 1 {"match":"prefix"} com.
            g> PUBLISH 1 {"acknowledge":true} com.acme.x.public
            g> PUBLISH 2 {"acknowledge":true} com.acme.x.private
            g> PUBLISH 3 {} com.acme.x.private
        "#,
        expect![[r#"
            a< SUBSCRIBED 1 sub#1
            g< PUBLISHED 1 pub#1
            a< EVENT sub#1 pub#1 {"topic":"com.acme.x.public"}
            g< ERROR PUBLISH 2 {} wamp.error.not_authorized ["role \"guest\" may not publish \"com.acme.x.private\""]
        "#]],
    );
}

#[test]
fn authz_01_a_pattern_is_authorized_if_all_is_that_it_matches() {
    check(
        r#"
            g is g in role guest
            g> SUBSCRIBE 1 {} com.acme.open.tick
            g> SUBSCRIBE 2 {} com.acme.open.secret
            g> SUBSCRIBE 3 {"match":"prefix"} com.acme.open.
            g> SUBSCRIBE 4 {"match":"prefix"} com.acme.open.t
            g> SUBSCRIBE 5 {"match":"wildcard"} com.acme.open..tick
            g> SUBSCRIBE 6 {"match":"wildcard"} com.acme.open.
            g> SUBSCRIBE 7 {"match":"prefix"} com.acme.
        "#,
        expect![[r#"
            g< SUBSCRIBED 1 sub#1
            g< ERROR SUBSCRIBE 2 {} wamp.error.not_authorized ["role \"guest\" may not subscribe \"com.acme.open.secret\""]
            g< ERROR SUBSCRIBE 3 {} wamp.error.not_authorized ["role \"guest\" may not subscribe \"com.acme.open.\""]
            g< SUBSCRIBED 4 sub#2
            g< SUBSCRIBED 5 sub#3
            g< ERROR SUBSCRIBE 6 {} wamp.error.not_authorized ["role \"guest\" may not subscribe \"com.acme.open.\""]
            g< ERROR SUBSCRIBE 7 {} wamp.error.not_authorized ["role \"guest\" may not subscribe \"com.acme.\""]
        "#]],
    );
}

#[test]
fn authz_01_a_procedure_of_a_pattern_is_not_the_pattern() {
    check(
        r#"
            g is g in role guest
            g> REGISTER 1 {} com.acme.add
            g> REGISTER 2 {"match":"prefix"} com.acme.add
            g> REGISTER 3 {"match":"wildcard"} com.acme.add
            g> REGISTER 4 {} com.acme.sub
        "#,
        expect![[r#"
            g< REGISTERED 1 reg#1
            g< ERROR REGISTER 2 {} wamp.error.not_authorized ["role \"guest\" may not register \"com.acme.add\""]
            g< REGISTERED 3 reg#2
            g< ERROR REGISTER 4 {} wamp.error.not_authorized ["role \"guest\" may not register \"com.acme.sub\""]
        "#]],
    );
}

/// Conformance: URI-05
#[test]
fn authz_01_the_routers_topics_are_authorized_as_others_are() {
    check(
        r#"
            g is g in role guest
            g> SUBSCRIBE 1 {} wamp.session.on_join
            g> SUBSCRIBE 2 {} wamp.session.on_leave
            g> SUBSCRIBE 3 {"match":"prefix"} wamp.
            a> SUBSCRIBE 1 {"match":"prefix"} wamp.
        "#,
        expect![[r#"
            g< SUBSCRIBED 1 sub#1
            g< ERROR SUBSCRIBE 2 {} wamp.error.not_authorized ["role \"guest\" may not subscribe \"wamp.session.on_leave\""]
            g< ERROR SUBSCRIBE 3 {} wamp.error.not_authorized ["role \"guest\" may not subscribe \"wamp.\""]
            g< EVENT sub#1 pub#1 {} [{"session":2,"authid":"a","authrole":"anyone","authmethod":"anonymous","authprovider":"static"}]
            a< SUBSCRIBED 1 sub#2
            a< EVENT sub#2 pub#2 {"topic":"wamp.subscription.on_create"} [2,{"id":sub#2,"created":"2026-11-22T12:00:00Z","uri":"wamp.","match":"prefix"}]
            a< EVENT sub#2 pub#3 {"topic":"wamp.subscription.on_subscribe"} [2,sub#2]
        "#]],
    );
}

/// Conformance: ERR-04
#[test]
fn authz_02_what_the_authorizer_says_goes_where_the_rules_leave_it_to_it() {
    check(
        r#"
            w is w in role ward
            a> SUBSCRIBE 1 {"match":"prefix"} com.acme.
            w> PUBLISH 1 {"acknowledge":true} com.acme.tick
            w> CALL 2 {} com.acme.not_there
            the authorizer denies publish
            the authorizer denies call
            w> PUBLISH 3 {"acknowledge":true} com.acme.tick
            w> CALL 4 {} com.acme.not_there
            the authorizer allows publish
            the authorizer allows call
            w> PUBLISH 5 {"acknowledge":true} com.acme.tick
            w> CALL 6 {} com.acme.not_there
        "#,
        expect![[r#"
            a< SUBSCRIBED 1 sub#1
            w< ERROR PUBLISH 1 {} wamp.error.authorization_failed ["whether you may publish \"com.acme.tick\" could not be found out"]
            w< ERROR CALL 2 {} wamp.error.authorization_failed ["whether you may call \"com.acme.not_there\" could not be found out"]
            w< ERROR PUBLISH 3 {} wamp.error.not_authorized ["role \"ward\" may not publish \"com.acme.tick\""]
            w< ERROR CALL 4 {} wamp.error.not_authorized ["role \"ward\" may not call \"com.acme.not_there\""]
            w< PUBLISHED 5 pub#1
            a< EVENT sub#1 pub#1 {"topic":"com.acme.tick"}
            w< ERROR CALL 6 {} wamp.error.no_such_procedure ["no procedure \"com.acme.not_there\" is registered"]
        "#]],
    );
}

/// Conformance: URI-05
#[test]
fn authz_01_no_authorizer_allows_what_nobody_may() {
    check(
        r#"
            w is w in role ward
            the authorizer allows publish
            the authorizer allows register
            w> PUBLISH 1 {"acknowledge":true} wamp.session.on_join
            w> REGISTER 2 {} wamp.session.count
            w> REGISTER 3 {} wamp.trunkline.authorizer.flush
            w> PUBLISH 4 {"acknowledge":true} com..acme
        "#,
        expect![[r#"
            w< ERROR PUBLISH 1 {} wamp.error.invalid_uri ["URIs that begin with \"wamp\" are the router's"]
            w< ERROR REGISTER 2 {} wamp.error.invalid_uri ["URIs that begin with \"wamp\" are the router's"]
            w< ERROR REGISTER 3 {} wamp.error.invalid_uri ["URIs that begin with \"wamp\" are the router's"]
            w< ERROR PUBLISH 4 {} wamp.error.invalid_uri ["the URI has an empty component"]
        "#]],
    );
}

/// Conformance: CID-03
#[test]
fn pid_02_the_authorizer_decides_about_disclosure() {
    check(
        r#"
            w is w in role ward
            a> SUBSCRIBE 1 {} com.acme.tick
            a> REGISTER 2 {} com.acme.add
            the authorizer hides publish
            the authorizer hides call
            the authorizer hides register
            w> PUBLISH 1 {"acknowledge":true,"disclose_me":true} com.acme.tick
            w> PUBLISH 2 {} com.acme.tick [2]
            w> CALL 3 {"disclose_me":true} com.acme.add
            w> CALL 4 {"disclose_me":true} wamp.session.count
            w> CALL 5 {} com.acme.add
            w> REGISTER 6 {"disclose_caller":true} com.acme.sub
            the authorizer discloses publish
            the authorizer discloses call
            w> PUBLISH 7 {} com.acme.tick [7]
            w> CALL 8 {} com.acme.add
            the authorizer allows publish
            the authorizer allows call
            w> PUBLISH 9 {} com.acme.tick [9]
            w> PUBLISH 10 {"disclose_me":true} com.acme.tick [10]
            w> CALL 11 {} com.acme.add
        "#,
        expect![[r#"
            a< SUBSCRIBED 1 sub#1
            a< REGISTERED 2 reg#1
            w< ERROR PUBLISH 1 {} wamp.error.option_disallowed.disclose_me ["publishers to \"com.acme.tick\" are not disclosed"]
            a< EVENT sub#1 pub#1 {} [2]
            w< ERROR CALL 3 {} wamp.error.option_disallowed.disclose_me ["the realm's rules do not permit disclosure"]
            w< ERROR CALL 4 {} wamp.error.option_disallowed.disclose_me ["the realm's rules do not permit disclosure"]
            a< INVOCATION inv#1 reg#1 {}
            w< ERROR REGISTER 6 {} wamp.error.option_disallowed.disclose_me ["the realm's rules do not permit disclosure"]
            a< EVENT sub#1 pub#2 {"publisher":1,"publisher_authid":"w","publisher_authrole":"ward"} [7]
            a< INVOCATION inv#2 reg#1 {"caller":1,"caller_authid":"w","caller_authrole":"ward"}
            a< EVENT sub#1 pub#3 {} [9]
            a< EVENT sub#1 pub#4 {"publisher":1,"publisher_authid":"w","publisher_authrole":"ward"} [10]
            a< INVOCATION inv#3 reg#1 {}
        "#]],
    );
}

#[test]
fn his_08_who_may_not_subscribe_looks_up_nothing_whoever_decides_that() {
    let everything = StoreLimits { events: 10, max_bytes: 1 << 16, max_age: None };
    let histories = vec![("com.acme.".to_owned(), MatchPolicy::Prefix, everything)];
    check_with(
        RealmSettings { histories, ..settings() },
        r#"
            w is w in role ward
            a> PUBLISH 1 {} com.acme.tick [1]
            a> SUBSCRIBE 2 {"match":"prefix"} com.acme.
            w> CALL 1 {} wamp.subscription.get_events [sub#1]
            the authorizer allows call
            w> CALL 2 {} wamp.subscription.get_events [sub#1]
            the authorizer denies subscribe
            w> CALL 3 {} wamp.subscription.get_events [sub#1]
            the authorizer allows subscribe
            w> CALL 4 {} wamp.subscription.get_events [sub#1]
            w> CALL 5 {} wamp.subscription.get_events [7]
        "#,
        expect![[r#"
            a< SUBSCRIBED 2 sub#1
            w< ERROR CALL 1 {} wamp.error.authorization_failed ["whether you may call \"wamp.subscription.get_events\" could not be found out"]
            w< ERROR CALL 2 {} wamp.error.authorization_failed ["whether you may subscribe \"com.acme.\" could not be found out"]
            w< ERROR CALL 3 {} wamp.error.not_authorized ["role \"ward\" may not subscribe \"com.acme.\""]
            w< RESULT 4 {} [{"timestamp":"2026-11-22T12:00:00.000Z","subscription":sub#1,"publication":6607762075843606,"details":{"topic":"com.acme.tick"},"args":[1]}]
            w< ERROR CALL 5 {} wamp.error.no_such_subscription ["subscription 7 does not exist"]
        "#]],
    );
}

#[test]
fn ret_03_who_may_not_subscribe_gets_no_retained_event_whoever_decides_that() {
    check(
        r#"
            w is w in role ward
            a> PUBLISH 1 {"retain":true} com.acme.tick [1]
            the authorizer allows subscribe
            w> SUBSCRIBE 1 {} com.acme.tick
            the authorizer denies subscribe
            w> SUBSCRIBE 2 {"get_retained":true} com.acme.tick
            the authorizer allows subscribe
            w> SUBSCRIBE 3 {"get_retained":true} com.acme.tick
        "#,
        expect![[r#"
            w< SUBSCRIBED 1 sub#1
            w< ERROR SUBSCRIBE 2 {} wamp.error.not_authorized ["role \"ward\" may not subscribe \"com.acme.tick\""]
            w< SUBSCRIBED 3 sub#1
            w< EVENT sub#1 pub#1 {"retained":true} [1]
        "#]],
    );
}

/// Nobody can be asked for a session that is gone: what counts is what the authorizer said when the testament came, and
/// where the rules do not leave it to the authorizer any more, what they say.
#[test]
fn tst_05_what_the_authorizer_said_about_a_testament_holds_when_it_is_published() {
    check(
        r#"
            m> SUBSCRIBE 1 {"match":"prefix"} com.acme.
            w is w in role ward
            v is v in role ward
            the authorizer allows call
            the authorizer denies publish
            w> CALL 1 {} wamp.session.add_testament ["com.acme.x.public",["denied"],{}]
            the authorizer discloses publish
            w> CALL 2 {} wamp.session.add_testament ["com.acme.x.public",["disclosed"],{}]
            v> CALL 1 {} wamp.session.add_testament ["com.acme.x.private",["denied by now"],{}]
            v> CALL 2 {} wamp.session.add_testament ["com.acme.x.public",["allowed"],{}]
            the authorizer fails publish
            w> CALL 3 {} wamp.session.add_testament ["com.acme.x.public",["failed"],{}]
            v is v in role guest
            w> leave
            v> leave
            x> CALL 1 {} wamp.session.add_testament ["com.acme.x.public",["never asked about"],{}]
            x is x in role ward
            x> leave
        "#,
        expect![[r#"
            m< SUBSCRIBED 1 sub#1
            w< ERROR CALL 1 {} wamp.error.not_authorized ["role \"ward\" may not publish \"com.acme.x.public\""]
            w< RESULT 2 {}
            v< RESULT 1 {}
            v< RESULT 2 {}
            w< ERROR CALL 3 {} wamp.error.authorization_failed ["whether you may publish \"com.acme.x.public\" could not be found out"]
            m< EVENT sub#1 pub#1 {"publisher":2,"publisher_authid":"w","publisher_authrole":"ward","topic":"com.acme.x.public"} ["disclosed"]
            m< EVENT sub#1 pub#2 {"topic":"com.acme.x.public"} ["allowed"]
            x< RESULT 1 {}
        "#]],
    );
}
