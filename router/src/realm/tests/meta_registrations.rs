//! The registration meta API.

use expect_test::expect;

use super::{check, check_with, with_queue};

/// Conformance: META-REG-01, META-REG-03
#[test]
fn meta_reg_02_events_come_in_order() {
    check(
        r#"
            m> SUBSCRIBE 1 {"match":"prefix"} wamp.registration.
            a> REGISTER 1 {"invoke":"roundrobin"} com.acme.add
            500 ms later
            b> REGISTER 1 {"invoke":"roundrobin"} com.acme.add
            a> REGISTER 2 {"invoke":"roundrobin"} com.acme.add
            b> REGISTER 2 {"match":"prefix"} com.acme.
            a> UNREGISTER 3 reg#1
            b> UNREGISTER 3 reg#1
            b> leave
        "#,
        expect![[r#"
            m< SUBSCRIBED 1 sub#1
            a< REGISTERED 1 reg#1
            m< EVENT sub#1 pub#1 {"topic":"wamp.registration.on_create"} [2,{"id":1,"created":"2026-11-22T12:00:00Z","uri":"com.acme.add","match":"exact","invoke":"roundrobin"}]
            m< EVENT sub#1 pub#2 {"topic":"wamp.registration.on_register"} [2,1]
            b< REGISTERED 1 reg#1
            m< EVENT sub#1 pub#3 {"topic":"wamp.registration.on_register"} [3,1]
            a< REGISTERED 2 reg#1
            b< REGISTERED 2 reg#2
            m< EVENT sub#1 pub#4 {"topic":"wamp.registration.on_create"} [3,{"id":2,"created":"2026-11-22T12:00:00.5Z","uri":"com.acme.","match":"prefix","invoke":"single"}]
            m< EVENT sub#1 pub#5 {"topic":"wamp.registration.on_register"} [3,2]
            a< UNREGISTERED 3
            m< EVENT sub#1 pub#6 {"topic":"wamp.registration.on_unregister"} [2,1]
            b< UNREGISTERED 3
            m< EVENT sub#1 pub#7 {"topic":"wamp.registration.on_unregister"} [3,1]
            m< EVENT sub#1 pub#8 {"topic":"wamp.registration.on_delete"} [3,1]
            m< EVENT sub#1 pub#9 {"topic":"wamp.registration.on_unregister"} [3,2]
            m< EVENT sub#1 pub#10 {"topic":"wamp.registration.on_delete"} [3,2]
        "#]],
    );
}

#[test]
fn meta_reg_02_a_take_over_takes_others_off() {
    check(
        r#"
            m> SUBSCRIBE 1 {"match":"prefix"} wamp.registration.
            a is worker in role anyone
            b is worker in role anyone
            a> REGISTER 1 {} com.acme.add
            b> REGISTER 1 {"force_reregister":true} com.acme.add
            b> REGISTER 2 {"force_reregister":true} com.acme.add
            a> leave
            b> leave
        "#,
        expect![[r#"
            m< SUBSCRIBED 1 sub#1
            a< REGISTERED 1 reg#1
            m< EVENT sub#1 pub#1 {"topic":"wamp.registration.on_create"} [2,{"id":1,"created":"2026-11-22T12:00:00Z","uri":"com.acme.add","match":"exact","invoke":"single"}]
            m< EVENT sub#1 pub#2 {"topic":"wamp.registration.on_register"} [2,1]
            a< UNREGISTERED 0 {"registration":reg#1,"reason":"trunkline.reason.registration_taken_over"}
            b< REGISTERED 1 reg#1
            m< EVENT sub#1 pub#3 {"topic":"wamp.registration.on_unregister"} [2,1]
            m< EVENT sub#1 pub#4 {"topic":"wamp.registration.on_register"} [3,1]
            b< REGISTERED 2 reg#1
            m< EVENT sub#1 pub#5 {"topic":"wamp.registration.on_unregister"} [3,1]
            m< EVENT sub#1 pub#6 {"topic":"wamp.registration.on_delete"} [3,1]
        "#]],
    );
}

#[test]
fn meta_reg_02_refused_requests_are_not_announced() {
    check(
        r#"
            m> SUBSCRIBE 1 {"match":"prefix"} wamp.registration.
            a> REGISTER 1 {} com.acme.add
            b> REGISTER 1 {} com.acme.add
            b> REGISTER 2 {"concurrency":0} com.acme.sub
            b> UNREGISTER 3 reg#1
        "#,
        expect![[r#"
            m< SUBSCRIBED 1 sub#1
            a< REGISTERED 1 reg#1
            m< EVENT sub#1 pub#1 {"topic":"wamp.registration.on_create"} [2,{"id":1,"created":"2026-11-22T12:00:00Z","uri":"com.acme.add","match":"exact","invoke":"single"}]
            m< EVENT sub#1 pub#2 {"topic":"wamp.registration.on_register"} [2,1]
            b< ERROR REGISTER 1 {} wamp.error.procedure_already_exists ["\"com.acme.add\" is registered already"]
            b< ERROR REGISTER 2 {} wamp.error.invalid_argument ["a callee takes at least one invocation at a time: concurrency is 0"]
            b< ERROR UNREGISTER 3 {} wamp.error.no_such_registration ["registration reg#1 is not held by this session"]
        "#]],
    );
}

#[test]
fn meta_reg_04_list_has_a_list_for_each_match_policy() {
    check(
        r#"
            m> CALL 1 {} wamp.registration.list
            a> REGISTER 1 {} com.acme.add
            a> REGISTER 2 {"match":"prefix"} com.acme.
            a> REGISTER 3 {"match":"wildcard"} com..add
            a> REGISTER 4 {} com.acme.sub
            m> CALL 2 {} wamp.registration.list
        "#,
        expect![[r#"
            m< RESULT 1 {} [{"exact":[],"prefix":[],"wildcard":[]}]
            a< REGISTERED 1 reg#1
            a< REGISTERED 2 reg#2
            a< REGISTERED 3 reg#3
            a< REGISTERED 4 reg#4
            m< RESULT 2 {} [{"exact":[1,4],"prefix":[2],"wildcard":[3]}]
        "#]],
    );
}

#[test]
fn meta_reg_05_lookup_finds_what_was_registered_and_match_what_is_called() {
    check(
        r#"
            a> REGISTER 1 {} com.acme.add
            a> REGISTER 2 {"match":"prefix"} com.acme
            a> REGISTER 3 {"match":"wildcard"} com..sub
            m> CALL 1 {} wamp.registration.lookup ["com.acme.add"]
            m> CALL 2 {} wamp.registration.lookup ["com.acme",{"match":"prefix"}]
            m> CALL 3 {} wamp.registration.lookup [] {"procedure":"com..sub","options":{"match":"wildcard"}}
            m> CALL 4 {} wamp.registration.lookup ["com.acme.sub",{"match":"exact"}]
            m> CALL 5 {} wamp.registration.match ["com.acme.add"]
            m> CALL 6 {} wamp.registration.match ["com.acme.sub"]
            m> CALL 7 {} wamp.registration.match ["com.other.sub"]
            m> CALL 8 {} wamp.registration.match ["com.other.add"]
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            a< REGISTERED 2 reg#2
            a< REGISTERED 3 reg#3
            m< RESULT 1 {} [1]
            m< RESULT 2 {} [2]
            m< RESULT 3 {} [3]
            m< RESULT 4 {} [null]
            m< RESULT 5 {} [1]
            m< RESULT 6 {} [2]
            m< RESULT 7 {} [3]
            m< RESULT 8 {} [null]
        "#]],
    );
}

#[test]
fn meta_reg_06_get_says_what_it_is_and_how_busy_everybody_is() {
    check_with(
        with_queue(10, 1 << 20),
        r#"
            1500 ms later
            a> REGISTER 1 {"invoke":"roundrobin","concurrency":1} com.acme.queued.add
            b> REGISTER 1 {"invoke":"roundrobin","concurrency":2} com.acme.queued.add
            c> CALL 1 {} com.acme.queued.add
            c> CALL 2 {} com.acme.queued.add
            c> CALL 3 {} com.acme.queued.add
            c> CALL 4 {} com.acme.queued.add
            c> CALL 5 {} com.acme.queued.add
            m> CALL 1 {} wamp.registration.get [reg#1]
            m> CALL 2 {} wamp.registration.list_callees [reg#1]
            m> CALL 3 {} wamp.registration.count_callees [reg#1]
            a> leave
            b> REGISTER 2 {} com.acme.plain
            m> CALL 4 {} wamp.registration.get [reg#1]
            m> CALL 5 {} wamp.registration.get [reg#2]
            m> CALL 6 {} wamp.registration.list_callees [reg#1]
            m> CALL 7 {} wamp.registration.get [77]
            m> CALL 8 {} wamp.registration.list_callees [77]
            m> CALL 9 {} wamp.registration.count_callees [77]
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            b< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {}
            b< INVOCATION inv#1 reg#1 {}
            b< INVOCATION inv#2 reg#1 {}
            m< RESULT 1 {} [{"id":1,"created":"2026-11-22T12:00:01.5Z","uri":"com.acme.queued.add","match":"exact","invoke":"roundrobin","_waiting_calls":2,"_callees":[{"session":1,"open_invocations":1,"concurrency":1},{"session":2,"open_invocations":2,"concurrency":2}]}]
            m< RESULT 2 {} [[1,2]]
            m< RESULT 3 {} [2]
            c< ERROR CALL 1 {} wamp.error.canceled ["the callee is gone"]
            b< REGISTERED 2 reg#2
            m< RESULT 4 {} [{"id":1,"created":"2026-11-22T12:00:01.5Z","uri":"com.acme.queued.add","match":"exact","invoke":"roundrobin","_waiting_calls":2,"_callees":[{"session":2,"open_invocations":2,"concurrency":2}]}]
            m< RESULT 5 {} [{"id":2,"created":"2026-11-22T12:00:01.5Z","uri":"com.acme.plain","match":"exact","invoke":"single","_waiting_calls":0,"_callees":[{"session":2,"open_invocations":0}]}]
            m< RESULT 6 {} [[2]]
            m< ERROR CALL 7 {} wamp.error.no_such_registration ["registration 77 does not exist"]
            m< ERROR CALL 8 {} wamp.error.no_such_registration ["registration 77 does not exist"]
            m< ERROR CALL 9 {} wamp.error.no_such_registration ["registration 77 does not exist"]
        "#]],
    );
}

/// Conformance: ORD-05
#[test]
fn rrv_01_a_removed_callee_is_told_if_it_can_be() {
    check(
        r#"
            m> SUBSCRIBE 1 {"match":"prefix"} wamp.registration.
            a> REGISTER 1 {"invoke":"roundrobin"} com.acme.add
            old> REGISTER 1 {"invoke":"roundrobin"} com.acme.add
            b> REGISTER 1 {"invoke":"roundrobin"} com.acme.add
            m> CALL 2 {} wamp.registration.remove_callee [reg#1,2,"com.acme.broken"]
            m> CALL 3 {} wamp.registration.remove_callee [reg#1,3]
            m> CALL 4 {} com.acme.add
            m> CALL 5 {} wamp.registration.remove_callee [] {"registration":reg#1,"callee":4}
            b> YIELD inv#1 {} [3]
            b> UNREGISTER 2 reg#1
            m> CALL 6 {} com.acme.add
        "#,
        expect![[r#"
            m< SUBSCRIBED 1 sub#1
            a< REGISTERED 1 reg#1
            m< EVENT sub#1 pub#1 {"topic":"wamp.registration.on_create"} [2,{"id":1,"created":"2026-11-22T12:00:00Z","uri":"com.acme.add","match":"exact","invoke":"roundrobin"}]
            m< EVENT sub#1 pub#2 {"topic":"wamp.registration.on_register"} [2,1]
            old< REGISTERED 1 reg#1
            m< EVENT sub#1 pub#3 {"topic":"wamp.registration.on_register"} [3,1]
            b< REGISTERED 1 reg#1
            m< EVENT sub#1 pub#4 {"topic":"wamp.registration.on_register"} [4,1]
            a< UNREGISTERED 0 {"registration":reg#1,"reason":"com.acme.broken"}
            m< EVENT sub#1 pub#5 {"topic":"wamp.registration.on_unregister"} [2,1]
            m< RESULT 2 {}
            m< EVENT sub#1 pub#6 {"topic":"wamp.registration.on_unregister"} [3,1]
            m< RESULT 3 {}
            b< INVOCATION inv#1 reg#1 {}
            b< UNREGISTERED 0 {"registration":reg#1}
            m< EVENT sub#1 pub#7 {"topic":"wamp.registration.on_unregister"} [4,1]
            m< EVENT sub#1 pub#8 {"topic":"wamp.registration.on_delete"} [4,1]
            m< RESULT 5 {}
            m< RESULT 4 {} [3]
            b< ERROR UNREGISTER 2 {} wamp.error.no_such_registration ["registration reg#1 is not held by this session"]
            m< ERROR CALL 6 {} wamp.error.no_such_procedure ["no procedure \"com.acme.add\" is registered"]
        "#]],
    );
}

#[test]
fn rrv_01_calls_that_wait_end_with_the_last_callee() {
    check_with(
        with_queue(10, 1 << 20),
        r#"
            a> REGISTER 1 {"invoke":"roundrobin","concurrency":1} com.acme.queued.add
            c> CALL 1 {} com.acme.queued.add
            c> CALL 2 {} com.acme.queued.add
            m> CALL 1 {} wamp.registration.remove_callee [reg#1,1]
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {}
            a< UNREGISTERED 0 {"registration":reg#1}
            c< ERROR CALL 2 {} wamp.error.no_such_procedure ["the last callee is gone"]
            m< RESULT 1 {}
        "#]],
    );
}

#[test]
fn rrv_01_what_cannot_be_removed() {
    check(
        r#"
            a> REGISTER 1 {} com.acme.add
            m> CALL 1 {} wamp.registration.remove_callee [77,1]
            m> CALL 2 {} wamp.registration.remove_callee [reg#1,2]
            m> CALL 3 {} wamp.registration.remove_callee [reg#1,1,""]
            m> CALL 4 {} wamp.registration.remove_callee [reg#1]
            m> CALL 5 {} wamp.registration.count_callees [reg#1]
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            m< ERROR CALL 1 {} wamp.error.no_such_registration ["registration 77 does not exist"]
            m< ERROR CALL 2 {} wamp.error.no_such_session ["session 2 is no callee of registration reg#1 now"]
            m< ERROR CALL 3 {} wamp.error.invalid_uri ["the URI has an empty component"]
            m< ERROR CALL 4 {} wamp.error.invalid_argument ["the argument \"callee\" is missing"]
            m< RESULT 5 {} [1]
        "#]],
    );
}
