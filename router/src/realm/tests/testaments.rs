//! What sessions leave behind.

use expect_test::expect;

use super::{RealmSettings, Stage, check, check_with, settings};
use crate::realm::Holdings;

/// Conformance: TST-01
#[test]
fn tst_04_testaments_are_published_detached_ones_first_behind_what_is_released_and_before_on_leave() {
    check(
        r#"
            m> SUBSCRIBE 1 {"match":"prefix"} com.acme.
            m> SUBSCRIBE 2 {} wamp.session.on_leave
            m> SUBSCRIBE 3 {} wamp.registration.on_unregister
            m> SUBSCRIBE 4 {} wamp.subscription.on_unsubscribe
            a> REGISTER 1 {} com.acme.add
            a> SUBSCRIBE 2 {"match":"prefix"} com.acme.
            a> CALL 3 {} wamp.session.add_testament ["com.acme.gone",["last",1],{"k":[1.5,null,true]}]
            a> CALL 4 {} wamp.session.add_testament ["com.acme.gone",["first"],{},{},"detached"]
            a> CALL 5 {} wamp.session.add_testament [] {"topic":"com.acme.gone","args":[],"kwargs":{},"scope":"destroyed"}
            a> CALL 6 {} wamp.session.add_testament ["com.acme.gone",["second"],{}] {"scope":"detached"}
            a> leave
        "#,
        expect![[r#"
            m< SUBSCRIBED 1 sub#1
            m< SUBSCRIBED 2 sub#2
            m< SUBSCRIBED 3 sub#3
            m< SUBSCRIBED 4 sub#4
            a< REGISTERED 1 reg#1
            a< SUBSCRIBED 2 sub#1
            a< RESULT 3 {}
            a< RESULT 4 {}
            a< RESULT 5 {}
            a< RESULT 6 {}
            m< EVENT sub#3 pub#1 {} [2,1]
            m< EVENT sub#4 pub#2 {} [2,sub#1]
            m< EVENT sub#1 pub#3 {"topic":"com.acme.gone"} ["first"]
            m< EVENT sub#1 pub#4 {"topic":"com.acme.gone"} ["second"]
            m< EVENT sub#1 pub#5 {"topic":"com.acme.gone"} ["last",1] {"k":[1.5,null,true]}
            m< EVENT sub#1 pub#6 {"topic":"com.acme.gone"}
            m< EVENT sub#2 pub#7 {} [2,"a","anyone"]
        "#]],
    );
}

#[test]
fn tst_04_killed_sessions_and_those_that_break_the_protocol_have_testaments_too() {
    check(
        r#"
            m> SUBSCRIBE 1 {} com.acme.gone
            a> CALL 1 {} wamp.session.add_testament ["com.acme.gone",["a"],{}]
            b> CALL 1 {} wamp.session.add_testament ["com.acme.gone",["b"],{}]
            m> CALL 2 {} wamp.session.kill [2]
            b> YIELD inv#1 {}
        "#,
        expect![[r#"
            m< SUBSCRIBED 1 sub#1
            a< RESULT 1 {}
            b< RESULT 1 {}
            a< GOODBYE {} wamp.close.killed
            m< RESULT 2 {}
            m< EVENT sub#1 pub#1 {} ["a"]
            b! YIELD for invocation 1, which was never issued
            m< EVENT sub#1 pub#2 {} ["b"]
        "#]],
    );
}

#[test]
fn tst_02_flushing_clears_one_scope_of_the_caller() {
    check(
        r#"
            m> SUBSCRIBE 1 {} com.acme.gone
            a> CALL 1 {} wamp.session.add_testament ["com.acme.gone",["a detached"],{},{},"detached"]
            a> CALL 2 {} wamp.session.add_testament ["com.acme.gone",["a destroyed"],{}]
            b> CALL 1 {} wamp.session.add_testament ["com.acme.gone",["b detached"],{},{},"detached"]
            b> CALL 2 {} wamp.session.add_testament ["com.acme.gone",["b destroyed"],{}]
            a> CALL 3 {} wamp.session.flush_testaments
            b> CALL 3 {} wamp.session.flush_testaments [] {"scope":"detached"}
            m> CALL 2 {} wamp.session.flush_testaments ["destroyed"]
            a> leave
            b> leave
        "#,
        expect![[r#"
            m< SUBSCRIBED 1 sub#1
            a< RESULT 1 {}
            a< RESULT 2 {}
            b< RESULT 1 {}
            b< RESULT 2 {}
            a< RESULT 3 {}
            b< RESULT 3 {}
            m< RESULT 2 {}
            m< EVENT sub#1 pub#1 {} ["a detached"]
            m< EVENT sub#1 pub#2 {} ["b destroyed"]
        "#]],
    );
}

#[test]
fn tst_03_what_is_no_testament_is_refused() {
    check(
        r#"
            m> SUBSCRIBE 1 {"match":"prefix"} com.
            g is g in role guest
            a> CALL 1 {} wamp.session.add_testament ["com.acme.gone",[],{},{},"frozen"]
            a> CALL 2 {} wamp.session.add_testament ["com.acme.gone",[]]
            a> CALL 3 {} wamp.session.add_testament ["com..gone",[],{}]
            a> CALL 4 {} wamp.session.add_testament ["wamp.session.on_leave",[],{}]
            a> CALL 5 {} wamp.session.add_testament ["com.acme.gone",{},[]]
            a> CALL 6 {} wamp.session.add_testament ["com.acme.gone",[],{},{"retain":1}]
            a> CALL 7 {} wamp.session.add_testament ["com.acme.gone",[],{},{"exclude":["bob"]}]
            a> CALL 8 {} wamp.session.flush_testaments ["frozen"]
            a> CALL 9 {} wamp.session.flush_testaments [7]
            g> CALL 1 {} wamp.session.add_testament ["com.acme.x.private",[],{}]
            a> leave
            g> leave
        "#,
        expect![[r#"
            m< SUBSCRIBED 1 sub#1
            a< ERROR CALL 1 {} wamp.error.invalid_argument ["the argument \"scope\" has to be detached or destroyed"]
            a< ERROR CALL 2 {} wamp.error.invalid_argument ["the argument \"kwargs\" is missing"]
            a< ERROR CALL 3 {} wamp.error.invalid_uri ["the URI has an empty component"]
            a< ERROR CALL 4 {} wamp.error.invalid_uri ["URIs that begin with \"wamp\" are the router's"]
            a< ERROR CALL 5 {} wamp.error.invalid_argument ["the argument \"args\" has to be a list"]
            a< ERROR CALL 6 {} wamp.error.invalid_argument ["the argument \"publish_options\" cannot be used: the value of \"retain\" is not a boolean"]
            a< ERROR CALL 7 {} wamp.error.invalid_argument ["the argument \"publish_options\" cannot be used: the value of \"exclude\" is not an unsigned integer"]
            a< ERROR CALL 8 {} wamp.error.invalid_argument ["the argument \"scope\" has to be detached or destroyed"]
            a< ERROR CALL 9 {} wamp.error.invalid_argument ["the argument \"scope\" has to be text"]
            g< ERROR CALL 1 {} wamp.error.not_authorized ["role \"guest\" may not publish \"com.acme.x.private\""]
        "#]],
    );
}

#[test]
fn tst_05_what_the_session_may_not_publish_any_more_is_not_published() {
    check(
        r#"
            m> SUBSCRIBE 1 {"match":"prefix"} com.acme.
            a> CALL 1 {} wamp.session.add_testament ["com.acme.x.private",[],{}]
            a> CALL 2 {} wamp.session.add_testament ["com.acme.x.public",[],{}]
            a is a in role guest
            a> leave
        "#,
        expect![[r#"
            m< SUBSCRIBED 1 sub#1
            a< RESULT 1 {}
            a< RESULT 2 {}
            m< EVENT sub#1 pub#1 {"topic":"com.acme.x.public"}
        "#]],
    );
}

#[test]
fn tst_05_options_are_honoured_but_for_acknowledge() {
    check(
        r#"
            b is bob in role anyone
            b> SUBSCRIBE 1 {} com.acme.gone
            c> SUBSCRIBE 1 {} com.acme.gone
            a> CALL 1 {} wamp.session.add_testament ["com.acme.gone",[1],{},{"acknowledge":true,"exclude":[1]}]
            a> CALL 2 {} wamp.session.add_testament ["com.acme.gone",[2],{}] {"publish_options":{"eligible_authid":["bob"]}}
            a> CALL 3 {} wamp.session.add_testament ["com.acme.gone",[3],{},{"_custom":{"x":1}}]
            a> leave
        "#,
        expect![[r#"
            b< SUBSCRIBED 1 sub#1
            c< SUBSCRIBED 1 sub#1
            a< RESULT 1 {}
            a< RESULT 2 {}
            a< RESULT 3 {}
            c< EVENT sub#1 pub#1 {} [1]
            b< EVENT sub#1 pub#2 {} [2]
            b< EVENT sub#1 pub#3 {} [3]
            c< EVENT sub#1 pub#3 {} [3]
        "#]],
    );
}

/// The realm lets a session have 4 testaments of 4,096 octets in all.
#[test]
fn testaments_are_bounded() {
    let mut stage = Stage::new(settings());
    let large = "x".repeat(3000);
    let script = format!(
        r#"
            a> CALL 1 {{}} wamp.session.add_testament ["com.acme.gone",["{large}"],{{}}]
            a> CALL 2 {{}} wamp.session.add_testament ["com.acme.gone",["{large}"],{{}}]
            a> CALL 3 {{}} wamp.session.add_testament ["com.acme.gone",[],{{}},{{}},"detached"]
            a> CALL 4 {{}} wamp.session.add_testament ["com.acme.gone",[],{{}}]
            a> CALL 5 {{}} wamp.session.add_testament ["com.acme.gone",[],{{}}]
            a> CALL 6 {{}} wamp.session.add_testament ["com.acme.gone",[],{{}}]
            b> CALL 1 {{}} wamp.session.add_testament ["com.acme.gone",[],{{}}]
            a> CALL 7 {{}} wamp.session.flush_testaments
            a> CALL 8 {{}} wamp.session.add_testament ["com.acme.gone",["{large}"],{{}}]
        "#
    );
    expect![[r#"
        a< RESULT 1 {}
        a< ERROR CALL 2 {} wamp.error.unavailable ["the testaments of a session may have 4096 octets"]
        a< RESULT 3 {}
        a< RESULT 4 {}
        a< RESULT 5 {}
        a< ERROR CALL 6 {} wamp.error.unavailable ["a session may have 4 testaments"]
        b< RESULT 1 {}
        a< RESULT 7 {}
        a< RESULT 8 {}
    "#]]
    .assert_eq(&stage.play(&script));
    assert_eq!(stage.realm.holdings(), Holdings { testaments: 3, ..Holdings::default() });
    stage.clear();
}

#[test]
fn tst_01_options_of_a_testament_are_as_large_as_those_of_a_message() {
    check_with(
        RealmSettings { dict_max_bytes: 30, ..settings() },
        r#"
            alice> CALL 1 {} wamp.session.add_testament ["com.acme.gone",[],{},{"exclude_authid":["bob"]}]
            alice> CALL 2 {} wamp.session.add_testament ["com.acme.gone",[],{},{"exclude_authid":["bob","carol","dave","erin"]}]
        "#,
        expect![[r#"
            alice< RESULT 1 {}
            alice< ERROR CALL 2 {} wamp.error.invalid_argument ["the argument \"publish_options\" cannot be used: an Options or Details dict has more than 30 octets"]
        "#]],
    );
}
