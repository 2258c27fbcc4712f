//! Shared registrations, and how many invocations a callee takes at a time.

use expect_test::expect;

use super::{RealmSettings, check, check_with, settings, with_queue};

/// Conformance: SHR-04
#[test]
fn shr_01_callees_share_one_registration() {
    check(
        r#"
            a> REGISTER 1 {"invoke":"roundrobin"} com.acme.add
            b> REGISTER 1 {"invoke":"roundrobin"} com.acme.add
            a> REGISTER 2 {"invoke":"roundrobin"} com.acme.add
            bob> CALL 1 {} com.acme.add
            bob> CALL 2 {} com.acme.add
            bob> CALL 3 {} com.acme.add
            a> UNREGISTER 3 reg#1
            bob> CALL 4 {} com.acme.add
            bob> CALL 5 {} com.acme.add
            a> UNREGISTER 4 reg#1
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            b< REGISTERED 1 reg#1
            a< REGISTERED 2 reg#1
            a< INVOCATION inv#1 reg#1 {}
            b< INVOCATION inv#1 reg#1 {}
            a< INVOCATION inv#2 reg#1 {}
            a< UNREGISTERED 3
            b< INVOCATION inv#2 reg#1 {}
            b< INVOCATION inv#3 reg#1 {}
            a< ERROR UNREGISTER 4 {} wamp.error.no_such_registration ["registration reg#1 is not held by this session"]
        "#]],
    );
}

#[test]
fn shr_02_the_first_callee_decides_the_policy() {
    check(
        r#"
            a> REGISTER 1 {} com.acme.alone
            b> REGISTER 1 {"invoke":"first"} com.acme.alone
            a> REGISTER 2 {"invoke":"first"} com.acme.add
            b> REGISTER 2 {"invoke":"last"} com.acme.add
            b> REGISTER 3 {} com.acme.add
            b> REGISTER 4 {"invoke":"last","match":"prefix"} com.acme.add
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            b< ERROR REGISTER 1 {} wamp.error.procedure_already_exists ["\"com.acme.alone\" is registered already"]
            a< REGISTERED 2 reg#2
            b< ERROR REGISTER 2 {} wamp.error.procedure_already_exists ["\"com.acme.add\" is registered with the invocation policy \"first\""]
            b< ERROR REGISTER 3 {} wamp.error.procedure_already_exists ["\"com.acme.add\" is registered with the invocation policy \"first\""]
            b< REGISTERED 4 reg#3
        "#]],
    );
}

#[test]
fn shr_03_round_robin_stays_fair_when_callees_leave() {
    check(
        r#"
            a> REGISTER 1 {"invoke":"roundrobin"} com.acme.add
            b> REGISTER 1 {"invoke":"roundrobin"} com.acme.add
            c> REGISTER 1 {"invoke":"roundrobin"} com.acme.add
            d> REGISTER 1 {"invoke":"roundrobin"} com.acme.add
            bob> CALL 1 {} com.acme.add
            bob> CALL 2 {} com.acme.add
            a> leave
            bob> CALL 3 {} com.acme.add
            bob> CALL 4 {} com.acme.add
            bob> CALL 5 {} com.acme.add
            d> UNREGISTER 2 reg#1
            bob> CALL 6 {} com.acme.add
            bob> CALL 7 {} com.acme.add
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            b< REGISTERED 1 reg#1
            c< REGISTERED 1 reg#1
            d< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {}
            b< INVOCATION inv#1 reg#1 {}
            bob< ERROR CALL 1 {} wamp.error.canceled ["the callee is gone"]
            c< INVOCATION inv#1 reg#1 {}
            d< INVOCATION inv#1 reg#1 {}
            b< INVOCATION inv#2 reg#1 {}
            d< UNREGISTERED 2
            c< INVOCATION inv#2 reg#1 {}
            b< INVOCATION inv#3 reg#1 {}
        "#]],
    );
}

#[test]
fn shr_03_first_and_last_have_a_hot_stand_by() {
    check(
        r#"
            a> REGISTER 1 {"invoke":"first"} com.acme.add
            b> REGISTER 1 {"invoke":"first"} com.acme.add
            a> REGISTER 2 {"invoke":"last"} com.acme.sub
            b> REGISTER 2 {"invoke":"last"} com.acme.sub
            bob> CALL 1 {} com.acme.add
            bob> CALL 2 {} com.acme.sub
            a> leave
            bob> CALL 3 {} com.acme.add
            c> REGISTER 1 {"invoke":"last"} com.acme.sub
            bob> CALL 4 {} com.acme.sub
            c> leave
            bob> CALL 5 {} com.acme.sub
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            b< REGISTERED 1 reg#1
            a< REGISTERED 2 reg#2
            b< REGISTERED 2 reg#2
            a< INVOCATION inv#1 reg#1 {}
            b< INVOCATION inv#1 reg#2 {}
            bob< ERROR CALL 1 {} wamp.error.canceled ["the callee is gone"]
            b< INVOCATION inv#2 reg#1 {}
            c< REGISTERED 1 reg#2
            c< INVOCATION inv#1 reg#2 {}
            bob< ERROR CALL 4 {} wamp.error.canceled ["the callee is gone"]
            b< INVOCATION inv#3 reg#2 {}
        "#]],
    );
}

#[test]
fn shr_03_a_callee_without_room_is_passed_over() {
    check(
        r#"
            a> REGISTER 1 {"invoke":"roundrobin"} com.acme.add
            b> REGISTER 1 {"invoke":"roundrobin"} com.acme.add
            a is full
            bob> CALL 1 {} com.acme.add [1]
            bob> CALL 2 {} com.acme.add [2]
            b is full
            bob> CALL 3 {} com.acme.add [3]
            a is ready
            bob> CALL 4 {} com.acme.add [4]
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            b< REGISTERED 1 reg#1
            b< INVOCATION inv#1 reg#1 {} [1]
            b< INVOCATION inv#2 reg#1 {} [2]
            bob< ERROR CALL 3 {} wamp.error.unavailable ["the callee takes no more calls now"]
            a< INVOCATION inv#1 reg#1 {} [4]
        "#]],
    );
}

/// Conformance: CON-04
#[test]
fn con_01_a_callee_takes_as_many_invocations_as_it_said() {
    check(
        r#"
            a> REGISTER 1 {"concurrency":2} com.acme.add
            bob> CALL 1 {} com.acme.add
            bob> CALL 2 {} com.acme.add
            bob> CALL 3 {} com.acme.add
            a> YIELD inv#1 {} [1]
            bob> CALL 4 {} com.acme.add
            a> ERROR inv#2 {} com.acme.failed
            bob> CALL 5 {} com.acme.add
            a> REGISTER 2 {"concurrency":0} com.acme.none
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {}
            a< INVOCATION inv#2 reg#1 {}
            bob< ERROR CALL 3 {} trunkline.error.max_concurrency_reached ["every callee is busy, and no more calls may wait"]
            bob< RESULT 1 {} [1]
            a< INVOCATION inv#3 reg#1 {}
            bob< ERROR CALL 2 {} com.acme.failed
            a< INVOCATION inv#4 reg#1 {}
            a< ERROR REGISTER 2 {} wamp.error.invalid_argument ["a callee takes at least one invocation at a time: concurrency is 0"]
        "#]],
    );
}

#[test]
fn con_02_round_robin_takes_callees_with_room_first_waits_for_its_own() {
    check_with(
        with_queue(2, 1024),
        r#"
            a> REGISTER 1 {"invoke":"roundrobin","concurrency":1} com.acme.queued.round
            b> REGISTER 1 {"invoke":"roundrobin","concurrency":2} com.acme.queued.round
            a> REGISTER 2 {"invoke":"first","concurrency":1} com.acme.queued.first
            b> REGISTER 2 {"invoke":"first"} com.acme.queued.first
            a> REGISTER 3 {"invoke":"last"} com.acme.queued.last
            b> REGISTER 3 {"invoke":"last","concurrency":1} com.acme.queued.last
            bob> CALL 1 {} com.acme.queued.round
            bob> CALL 2 {} com.acme.queued.round
            bob> CALL 3 {} com.acme.queued.round
            bob> CALL 4 {} com.acme.queued.round
            bob> CALL 5 {} com.acme.queued.first
            bob> CALL 6 {} com.acme.queued.first
            bob> CALL 7 {} com.acme.queued.last
            bob> CALL 8 {} com.acme.queued.last
            a> YIELD inv#1 {}
            a> YIELD inv#2 {}
            b> YIELD inv#3 {}
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            b< REGISTERED 1 reg#1
            a< REGISTERED 2 reg#2
            b< REGISTERED 2 reg#2
            a< REGISTERED 3 reg#3
            b< REGISTERED 3 reg#3
            a< INVOCATION inv#1 reg#1 {}
            b< INVOCATION inv#1 reg#1 {}
            b< INVOCATION inv#2 reg#1 {}
            a< INVOCATION inv#2 reg#2 {}
            b< INVOCATION inv#3 reg#3 {}
            bob< RESULT 1 {}
            a< INVOCATION inv#3 reg#1 {}
            bob< RESULT 5 {}
            a< INVOCATION inv#4 reg#2 {}
            bob< RESULT 7 {}
            b< INVOCATION inv#4 reg#3 {}
        "#]],
    );
}

/// Conformance: RPC-10
#[test]
fn con_03_the_place_of_a_caller_that_left_is_taken_until_the_callee_answers() {
    check_with(
        with_queue(2, 1024),
        r#"
            old> REGISTER 1 {"concurrency":1} com.acme.queued.add
            bob> CALL 1 {} com.acme.queued.add
            bob> leave
            carol> CALL 1 {} com.acme.queued.add
            old> YIELD inv#1 {} ["for nobody"]
            old> YIELD inv#2 {} ["for carol"]
            old> YIELD inv#2 {} ["again"]
        "#,
        expect![[r#"
            old< REGISTERED 1 reg#1
            old< INVOCATION inv#1 reg#1 {}
            old< INVOCATION inv#2 reg#1 {}
            carol< RESULT 1 {} ["for carol"]
        "#]],
    );
}

#[test]
fn con_03_a_place_is_free_again_when_the_callee_registers_anew() {
    check_with(
        with_queue(2, 1024),
        r#"
            old> REGISTER 1 {"concurrency":1} com.acme.queued.add
            bob> CALL 1 {} com.acme.queued.add
            bob> leave
            old> UNREGISTER 2 reg#1
            old> REGISTER 3 {"concurrency":1} com.acme.queued.add
            carol> CALL 1 {} com.acme.queued.add
            old> YIELD inv#1 {} ["for nobody"]
            carol> CALL 2 {} com.acme.queued.add
        "#,
        expect![[r#"
            old< REGISTERED 1 reg#1
            old< INVOCATION inv#1 reg#1 {}
            old< UNREGISTERED 2
            old< REGISTERED 3 reg#2
            old< INVOCATION inv#2 reg#2 {}
        "#]],
    );
}

/// Conformance: CON-07
#[test]
fn con_04_calls_wait_in_a_queue_that_has_an_end() {
    check_with(
        with_queue(2, 1024),
        r#"
            a> REGISTER 1 {"concurrency":1} com.acme.queued.add
            bob> CALL 1 {} com.acme.queued.add [1]
            bob> CALL 2 {} com.acme.queued.add [2]
            carol> CALL 1 {} com.acme.queued.add [3]
            bob> CALL 3 {} com.acme.queued.add [4]
            a> YIELD inv#1 {}
            bob> CALL 4 {} com.acme.queued.add [5]
            a> YIELD inv#2 {}
            a> YIELD inv#3 {}
            a> YIELD inv#4 {}
            bob> CALL 5 {} com.acme.queued.add [6]
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {} [1]
            bob< ERROR CALL 3 {} trunkline.error.max_concurrency_reached ["every callee is busy, and no more calls may wait"]
            bob< RESULT 1 {}
            a< INVOCATION inv#2 reg#1 {} [2]
            bob< RESULT 2 {}
            a< INVOCATION inv#3 reg#1 {} [3]
            carol< RESULT 1 {}
            a< INVOCATION inv#4 reg#1 {} [5]
            bob< RESULT 4 {}
            a< INVOCATION inv#5 reg#1 {} [6]
        "#]],
    );
}

#[test]
fn con_04_a_queue_is_bounded_in_octets_too() {
    check_with(
        with_queue(9, 562),
        r#"
            a> REGISTER 1 {"concurrency":1} com.acme.queued.add
            bob> CALL 1 {} com.acme.queued.add
            bob> CALL 2 {} com.acme.queued.add ["0123456789012345678901234567890123456789"]
            bob> CALL 3 {} com.acme.queued.add ["0"]
            bob> CALL 4 {} com.acme.queued.add
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {}
            bob< ERROR CALL 4 {} trunkline.error.max_concurrency_reached ["every callee is busy, and no more calls may wait"]
        "#]],
    );
}

/// Conformance: PBR-05
#[test]
fn con_04_a_pattern_keeps_the_procedure_of_a_waiting_call() {
    check_with(
        with_queue(9, 1024),
        r#"
            a> REGISTER 1 {"match":"prefix","concurrency":1} com.acme.queued.
            bob> CALL 1 {} com.acme.queued.one
            bob> CALL 2 {} com.acme.queued.two [2]
            a> YIELD inv#1 {}
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {"procedure":"com.acme.queued.one"}
            bob< RESULT 1 {}
            a< INVOCATION inv#2 reg#1 {"procedure":"com.acme.queued.two"} [2]
        "#]],
    );
}

/// Conformance: PV-07
#[test]
fn con_04_a_request_that_waits_is_open() {
    check_with(
        with_queue(9, 1024),
        r#"
            a> REGISTER 1 {"concurrency":1} com.acme.queued.add
            bob> CALL 1 {} com.acme.queued.add
            bob> CALL 2 {} com.acme.queued.add
            bob> CALL 2 {} com.acme.queued.add
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {}
            bob! the request ID 2 does not follow 2
            a< INTERRUPT 1 {"mode":"killnowait"}
        "#]],
    );
}

#[test]
fn con_05_a_waiting_call_goes_with_its_caller() {
    check_with(
        with_queue(9, 1024),
        r#"
            a> REGISTER 1 {"concurrency":1} com.acme.queued.add
            bob> CALL 1 {} com.acme.queued.add
            carol> CALL 1 {} com.acme.queued.add ["carol"]
            bob> CALL 2 {} com.acme.queued.add ["bob"]
            carol> leave
            a> YIELD inv#1 {}
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {}
            bob< RESULT 1 {}
            a< INVOCATION inv#2 reg#1 {} ["bob"]
        "#]],
    );
}

/// Conformance: RPC-08
#[test]
fn con_06_with_the_last_callee_waiting_calls_end() {
    check_with(
        with_queue(9, 1024),
        r#"
            a> REGISTER 1 {"invoke":"first","concurrency":1} com.acme.queued.add
            b> REGISTER 1 {"invoke":"first","concurrency":1} com.acme.queued.add
            bob> CALL 1 {} com.acme.queued.add
            bob> CALL 2 {} com.acme.queued.add
            bob> CALL 3 {} com.acme.queued.add
            a> leave
            b> UNREGISTER 2 reg#1
            b> YIELD inv#1 {}
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            b< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {}
            bob< ERROR CALL 1 {} wamp.error.canceled ["the callee is gone"]
            b< INVOCATION inv#1 reg#1 {}
            b< UNREGISTERED 2
            bob< ERROR CALL 3 {} wamp.error.no_such_procedure ["the last callee is gone"]
            bob< RESULT 2 {}
        "#]],
    );
}

/// Conformance: ORD-03
#[test]
fn con_07_calls_keep_their_order_through_the_queue() {
    check_with(
        with_queue(9, 1024),
        r#"
            a> REGISTER 1 {"invoke":"random","concurrency":1} com.acme.queued.add
            b> REGISTER 1 {"invoke":"random","concurrency":1} com.acme.queued.add
            bob> CALL 1 {} com.acme.queued.add [1]
            bob> CALL 2 {} com.acme.queued.add [2]
            bob> CALL 3 {} com.acme.queued.add [3]
            bob> CALL 4 {} com.acme.queued.add [4]
            c> REGISTER 1 {"invoke":"random","concurrency":1} com.acme.queued.add
            a> YIELD inv#1 {}
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            b< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {} [1]
            b< INVOCATION inv#1 reg#1 {} [2]
            c< REGISTERED 1 reg#1
            c< INVOCATION inv#1 reg#1 {} [3]
            bob< RESULT 1 {}
            a< INVOCATION inv#2 reg#1 {} [4]
        "#]],
    );
}

#[test]
fn con_04_a_call_waits_for_a_full_callee_only_if_that_will_answer() {
    check_with(
        with_queue(2, 1024),
        r#"
            a> REGISTER 1 {} com.acme.queued.add
            a is full
            bob> CALL 1 {} com.acme.queued.add [1]
            a is ready
            bob> CALL 2 {} com.acme.queued.add [2]
            a is full
            bob> CALL 3 {} com.acme.queued.add [3]
            bob> CALL 4 {} com.acme.queued.add [4]
            a is ready
            a> YIELD inv#1 {}
            a is full
            bob> CALL 5 {} com.acme.queued.add [5]
            bob> CALL 6 {} com.acme.queued.add [6]
            a> YIELD inv#2 {}
            a> YIELD inv#3 {}
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            bob< ERROR CALL 1 {} wamp.error.unavailable ["the callee takes no more calls now"]
            a< INVOCATION inv#1 reg#1 {} [2]
            bob< RESULT 2 {}
            a< INVOCATION inv#2 reg#1 {} [3]
            a< INVOCATION inv#3 reg#1 {} [4]
            bob< RESULT 3 {}
            bob< RESULT 4 {}
            bob< ERROR CALL 5 {} wamp.error.unavailable ["the callee takes no more calls now"]
            bob< ERROR CALL 6 {} wamp.error.unavailable ["the callee takes no more calls now"]
        "#]],
    );
}

/// Conformance: RRV-01
#[test]
fn con_08_the_same_principal_takes_a_registration_over() {
    check_with(
        with_queue(9, 1024),
        r#"
            new is a in role anyone
            a> REGISTER 1 {"concurrency":1} com.acme.queued.add
            bob> CALL 1 {} com.acme.queued.add [1]
            bob> CALL 2 {} com.acme.queued.add [2]
            stranger> REGISTER 1 {"force_reregister":true} com.acme.queued.add
            new> REGISTER 1 {} com.acme.queued.add
            new> REGISTER 2 {"force_reregister":true,"concurrency":1} com.acme.queued.add
            a> YIELD inv#1 {} ["late"]
            a> UNREGISTER 2 reg#1
            new> YIELD inv#1 {}
            bob> CALL 3 {} com.acme.queued.add [3]
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {} [1]
            stranger< ERROR REGISTER 1 {} wamp.error.procedure_already_exists ["\"com.acme.queued.add\" is registered by somebody else"]
            new< ERROR REGISTER 1 {} wamp.error.procedure_already_exists ["\"com.acme.queued.add\" is registered already"]
            a< UNREGISTERED 0 {"registration":reg#1,"reason":"trunkline.reason.registration_taken_over"}
            new< REGISTERED 2 reg#1
            new< INVOCATION inv#1 reg#1 {} [2]
            bob< RESULT 1 {} ["late"]
            a< ERROR UNREGISTER 2 {} wamp.error.no_such_registration ["registration reg#1 is not held by this session"]
            bob< RESULT 2 {}
            new< INVOCATION inv#2 reg#1 {} [3]
        "#]],
    );
}

#[test]
fn con_08_the_role_has_to_be_the_same_too() {
    check(
        r#"
            new is a in role guest
            a> REGISTER 1 {} com.acme.add
            new> REGISTER 1 {"force_reregister":true} com.acme.add
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            new< ERROR REGISTER 1 {} wamp.error.procedure_already_exists ["\"com.acme.add\" is registered by somebody else"]
        "#]],
    );
}

#[test]
fn con_08_all_callees_have_to_be_of_the_principal() {
    check(
        r#"
            a> REGISTER 1 {"invoke":"first"} com.acme.add
            b> REGISTER 1 {"invoke":"first"} com.acme.add
            a> REGISTER 2 {"invoke":"first","force_reregister":true} com.acme.add
            b> UNREGISTER 2 reg#1
            a> REGISTER 3 {"force_reregister":true} com.acme.add
            b> REGISTER 3 {"invoke":"first"} com.acme.add
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            b< REGISTERED 1 reg#1
            a< ERROR REGISTER 2 {} wamp.error.procedure_already_exists ["\"com.acme.add\" is registered by somebody else"]
            b< UNREGISTERED 2
            a< REGISTERED 3 reg#1
            b< ERROR REGISTER 3 {} wamp.error.procedure_already_exists ["\"com.acme.add\" is registered already"]
        "#]],
    );
}

/// Conformance: CON-08
#[test]
fn rrv_01_who_does_not_take_revocations_is_removed_silently() {
    check(
        r#"
            new is old in role anyone
            old> REGISTER 1 {} com.acme.add
            new> REGISTER 1 {"force_reregister":true} com.acme.add
            old> UNREGISTER 2 reg#1
            bob> CALL 1 {} com.acme.add
        "#,
        expect![[r#"
            old< REGISTERED 1 reg#1
            new< REGISTERED 1 reg#1
            old< ERROR UNREGISTER 2 {} wamp.error.no_such_registration ["registration reg#1 is not held by this session"]
            new< INVOCATION inv#1 reg#1 {}
        "#]],
    );
}

/// Conformance: SES-08
#[test]
fn con_06_going_down_ends_waiting_calls() {
    check_with(
        with_queue(9, 1024),
        r#"
            a> REGISTER 1 {"concurrency":1} com.acme.queued.add
            bob> CALL 1 {} com.acme.queued.add
            bob> CALL 2 {} com.acme.queued.add
            drain
            bob> CALL 3 {} com.acme.queued.add
            cancel
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {}
            bob< ERROR CALL 3 {} wamp.error.unavailable ["the router is going down"]
            bob< ERROR CALL 2 {} wamp.error.canceled ["the router is going down"]
            bob< ERROR CALL 1 {} wamp.error.canceled ["the router is going down"]
            a< INTERRUPT 1 {"mode":"killnowait"}
        "#]],
    );
}

/// Conformance: RPC-06, CON-05
#[test]
fn con_04_a_call_does_not_wait_for_an_answer_that_nobody_waits_for() {
    check_with(
        with_queue(2, 1024),
        r#"
            a> REGISTER 1 {} com.acme.queued.add
            bob> CALL 1 {} com.acme.queued.add [1]
            a is full
            carol> CALL 1 {} com.acme.queued.add [2]
            a is ready
            bob> leave
            a> YIELD inv#1 {}
            a> YIELD inv#2 {} ["for carol"]
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {} [1]
            a< INTERRUPT 1 {"mode":"killnowait"}
            a< INVOCATION inv#2 reg#1 {} [2]
            carol< RESULT 1 {} ["for carol"]
        "#]],
    );
}

#[test]
fn con_04_a_call_that_comes_moves_the_queue_on_if_the_callee_has_room_again() {
    check_with(
        with_queue(2, 1024),
        r#"
            a> REGISTER 1 {} com.acme.queued.add
            bob> CALL 1 {} com.acme.queued.add [1]
            a is full
            bob> CALL 2 {} com.acme.queued.add [2]
            a is ready
            bob> CALL 3 {} com.acme.queued.add [3]
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {} [1]
            a< INVOCATION inv#2 reg#1 {} [2]
            a< INVOCATION inv#3 reg#1 {} [3]
        "#]],
    );
}

#[test]
fn con_04_all_queues_of_a_realm_have_an_end_together() {
    check_with(
        RealmSettings { waiting_calls_max_bytes: 300, ..with_queue(9, 1024) },
        r#"
            a> REGISTER 1 {"concurrency":1} com.acme.queued.one
            a> REGISTER 2 {"concurrency":1} com.acme.queued.two
            bob> CALL 1 {} com.acme.queued.one
            bob> CALL 2 {} com.acme.queued.two
            bob> CALL 3 {} com.acme.queued.one ["waits"]
            bob> CALL 4 {} com.acme.queued.two ["is refused"]
            a> YIELD inv#1 {}
            bob> CALL 5 {} com.acme.queued.two ["waits"]
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            a< REGISTERED 2 reg#2
            a< INVOCATION inv#1 reg#1 {}
            a< INVOCATION inv#2 reg#2 {}
            bob< ERROR CALL 4 {} trunkline.error.max_concurrency_reached ["every callee is busy, and no more calls may wait"]
            bob< RESULT 1 {}
            a< INVOCATION inv#3 reg#1 {} ["waits"]
        "#]],
    );
}

#[test]
fn con_03_what_callers_leave_behind_at_a_callee_has_an_end() {
    check_with(
        RealmSettings { open_calls_max: 1, ..settings() },
        r#"
            a> REGISTER 1 {"concurrency":2} com.acme.work
            bob> CALL 1 {} com.acme.work
            carol> CALL 1 {} com.acme.work
            bob> leave
            carol> leave
            dave> CALL 1 {} com.acme.work
            erin> CALL 1 {} com.acme.work
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {}
            a< INVOCATION inv#2 reg#1 {}
            a< INTERRUPT 1 {"mode":"killnowait"}
            a< INTERRUPT 2 {"mode":"killnowait"}
            a< INVOCATION inv#3 reg#1 {}
            a< INVOCATION inv#4 reg#1 {}
        "#]],
    );
}

/// Conformance: SHR-01
#[test]
fn shr_04_registering_again_needs_no_room() {
    check_with(
        RealmSettings { registrations_max: 1, ..settings() },
        r#"
            a> REGISTER 1 {"invoke":"first"} com.acme.one
            a> REGISTER 2 {"invoke":"first"} com.acme.one
            a> REGISTER 3 {"invoke":"first"} com.acme.two
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            a< REGISTERED 2 reg#1
            a< ERROR REGISTER 3 {} wamp.error.unavailable ["a session may hold 1 registrations"]
        "#]],
    );
}

/// Conformance: CON-05
#[test]
fn con_07_who_waits_behind_a_call_that_is_given_up_moves_on() {
    check_with(
        with_queue(4, 4096),
        r#"
            a> REGISTER 1 {"invoke":"roundrobin","concurrency":1} com.acme.queued.get
            b> REGISTER 1 {"invoke":"roundrobin","concurrency":1} com.acme.queued.get
            alice> CALL 1 {"runmode":"partition","rkey":"k"} com.acme.queued.get [1]
            alice> CALL 2 {"runmode":"partition","rkey":"k"} com.acme.queued.get [2]
            bob> CALL 1 {} com.acme.queued.get ["behind 2"]
            alice> CANCEL 2 {}
            b> YIELD inv#1 {}
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            b< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {} [1]
            alice< ERROR CALL 2 {} wamp.error.canceled ["the caller canceled the call"]
            b< INVOCATION inv#1 reg#1 {} ["behind 2"]
            bob< RESULT 1 {}
        "#]],
    );
}

/// Conformance: CON-05
#[test]
fn con_07_who_waits_behind_a_caller_that_leaves_or_has_no_time_left_moves_on() {
    check_with(
        with_queue(4, 4096),
        r#"
            a> REGISTER 1 {"invoke":"roundrobin","concurrency":1} com.acme.queued.get
            b> REGISTER 1 {"invoke":"roundrobin","concurrency":1} com.acme.queued.get
            alice> CALL 1 {"runmode":"partition","rkey":"k"} com.acme.queued.get
            dave> CALL 1 {"runmode":"partition","rkey":"k"} com.acme.queued.get
            bob> CALL 1 {} com.acme.queued.get ["behind dave"]
            dave> leave
            b> YIELD inv#1 {}
            alice> CALL 2 {"runmode":"partition","rkey":"k","timeout":10} com.acme.queued.get
            bob> CALL 2 {} com.acme.queued.get ["behind alice"]
            10 ms later
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            b< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {}
            b< INVOCATION inv#1 reg#1 {} ["behind dave"]
            bob< RESULT 1 {}
            alice< ERROR CALL 2 {} wamp.error.timeout ["the call took too long"]
            b< INVOCATION inv#2 reg#1 {} ["behind alice"]
        "#]],
    );
}
