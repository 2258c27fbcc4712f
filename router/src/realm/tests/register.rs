//! REGISTER, UNREGISTER.

use expect_test::expect;

use super::check;

/// Conformance: ID-06
#[test]
fn rpc_01_register_is_answered_once() {
    check(
        r#"
            alice> REGISTER 1 {} com.acme.add
        "#,
        expect![[r#"
            alice< REGISTERED 1 reg#1
        "#]],
    );
}

/// Conformance: PV-10
#[test]
fn rpc_01_a_procedure_has_one_callee() {
    check(
        r#"
            alice> REGISTER 1 {} com.acme.add
            bob> REGISTER 1 {} com.acme.add
            alice> REGISTER 2 {"invoke":"single"} com.acme.add
            carol> CALL 1 {} com.acme.add
        "#,
        expect![[r#"
            alice< REGISTERED 1 reg#1
            bob< ERROR REGISTER 1 {} wamp.error.procedure_already_exists ["\"com.acme.add\" is registered already"]
            alice< ERROR REGISTER 2 {} wamp.error.procedure_already_exists ["\"com.acme.add\" is registered already"]
            alice< INVOCATION inv#1 reg#1 {}
        "#]],
    );
}

/// Conformance: URI-06, PV-10
#[test]
fn rpc_01_a_bad_procedure_is_answered_with_one_error() {
    check(
        r#"
            alice> REGISTER 1 {} com..add
            alice> REGISTER 2 {} com.acme.add
        "#,
        expect![[r#"
            alice< ERROR REGISTER 1 {} wamp.error.invalid_uri ["the URI has an empty component"]
            alice< REGISTERED 2 reg#1
        "#]],
    );
}

#[test]
fn uri_05_nobody_registers_the_routers_procedures() {
    check(
        r#"
            alice> REGISTER 1 {} wamp.session.count
            alice> REGISTER 2 {} wamp
            alice> REGISTER 3 {} wampx.count
        "#,
        expect![[r#"
            alice< ERROR REGISTER 1 {} wamp.error.invalid_uri ["URIs that begin with \"wamp\" are the router's"]
            alice< ERROR REGISTER 2 {} wamp.error.invalid_uri ["URIs that begin with \"wamp\" are the router's"]
            alice< REGISTERED 3 reg#1
        "#]],
    );
}

/// Conformance: ID-06, ORD-05
#[test]
fn rpc_02_unregister_is_answered_once() {
    check(
        r#"
            alice> REGISTER 1 {} com.acme.add
            alice> UNREGISTER 2 reg#1
            bob> CALL 1 {} com.acme.add
        "#,
        expect![[r#"
            alice< REGISTERED 1 reg#1
            alice< UNREGISTERED 2
            bob< ERROR CALL 1 {} wamp.error.no_such_procedure ["no procedure \"com.acme.add\" is registered"]
        "#]],
    );
}

/// Conformance: PV-10
#[test]
fn rpc_02_an_unknown_registration_cannot_be_taken_back() {
    check(
        r#"
            alice> UNREGISTER 1 4711
        "#,
        expect![[r#"
            alice< ERROR UNREGISTER 1 {} wamp.error.no_such_registration ["registration 4711 is not held by this session"]
        "#]],
    );
}

#[test]
fn rpc_02_the_owner_keeps_what_another_tries_to_take_back() {
    check(
        r#"
            alice> REGISTER 1 {} com.acme.add
            bob> UNREGISTER 1 reg#1
            carol> CALL 1 {} com.acme.add
        "#,
        expect![[r#"
            alice< REGISTERED 1 reg#1
            bob< ERROR UNREGISTER 1 {} wamp.error.no_such_registration ["registration reg#1 is not held by this session"]
            alice< INVOCATION inv#1 reg#1 {}
        "#]],
    );
}

#[test]
fn rpc_02_a_registration_cannot_be_taken_back_twice() {
    check(
        r#"
            alice> REGISTER 1 {} com.acme.add
            alice> UNREGISTER 2 reg#1
            alice> UNREGISTER 3 reg#1
        "#,
        expect![[r#"
            alice< REGISTERED 1 reg#1
            alice< UNREGISTERED 2
            alice< ERROR UNREGISTER 3 {} wamp.error.no_such_registration ["registration reg#1 is not held by this session"]
        "#]],
    );
}

/// A late message about the old registration must not be taken for one about the new.
#[test]
fn id_03_a_registration_id_is_not_given_again() {
    check(
        r#"
            alice> REGISTER 1 {} com.acme.add
            alice> UNREGISTER 2 reg#1
            alice> REGISTER 3 {} com.acme.add
            alice> REGISTER 4 {} com.acme.sub
            alice> leave
            bob> REGISTER 1 {} com.acme.add
            bob> REGISTER 2 {} com.acme.sub
        "#,
        expect![[r#"
            alice< REGISTERED 1 reg#1
            alice< UNREGISTERED 2
            alice< REGISTERED 3 reg#2
            alice< REGISTERED 4 reg#3
            bob< REGISTERED 1 reg#4
            bob< REGISTERED 2 reg#5
        "#]],
    );
}

#[test]
fn who_unregisters_keeps_its_other_procedures() {
    check(
        r#"
            alice> REGISTER 1 {} com.acme.add
            alice> REGISTER 2 {} com.acme.sub
            alice> UNREGISTER 3 reg#1
            bob> CALL 1 {} com.acme.sub
        "#,
        expect![[r#"
            alice< REGISTERED 1 reg#1
            alice< REGISTERED 2 reg#2
            alice< UNREGISTERED 3
            alice< INVOCATION inv#1 reg#2 {}
        "#]],
    );
}

#[test]
fn another_session_may_register_what_was_taken_back() {
    check(
        r#"
            alice> REGISTER 1 {} com.acme.add
            alice> UNREGISTER 2 reg#1
            bob> REGISTER 1 {} com.acme.add
            carol> CALL 1 {} com.acme.add
        "#,
        expect![[r#"
            alice< REGISTERED 1 reg#1
            alice< UNREGISTERED 2
            bob< REGISTERED 1 reg#2
            bob< INVOCATION inv#1 reg#2 {}
        "#]],
    );
}

#[test]
fn ord_02_registered_arrives_before_the_first_invocation() {
    check(
        r#"
            alice> REGISTER 1 {} com.acme.add
            bob> CALL 1 {} com.acme.add
        "#,
        expect![[r#"
            alice< REGISTERED 1 reg#1
            alice< INVOCATION inv#1 reg#1 {}
        "#]],
    );
}
