//! What roles permit. The role `guest` may little; see [`super::Stage`].

use expect_test::expect;

use super::check;

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
