//! CANCEL in every mode, by whoever, whenever (CAN).

use expect_test::expect;

use super::*;

/// Conformance: PCR-06
#[test]
fn can_02_skip_answers_the_caller_at_once_and_leaves_the_callee_alone() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            alice> CALL 1 {} com.acme.add
            alice> CANCEL 1 {"mode":"skip"}
            bob> YIELD inv#1 {} [5]
            alice> CANCEL 1 {"mode":"skip"}
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {}
            alice< ERROR CALL 1 {} wamp.error.canceled ["the caller canceled the call"]
        "#]],
    );
}

/// Conformance: CAN-07
#[test]
fn can_03_kill_waits_for_whatever_the_callee_answers() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            alice> CALL 1 {} com.acme.add
            alice> CANCEL 1 {"mode":"kill"}
            alice> CANCEL 1 {"mode":"skip"}
            bob> ERROR inv#1 {} wamp.error.canceled ["stopped"]
            alice> CALL 2 {} com.acme.add
            alice> CANCEL 2 {"mode":"kill"}
            bob> YIELD inv#2 {} ["done before"]
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {}
            bob< INTERRUPT 1 {"mode":"kill"}
            alice< ERROR CALL 1 {} wamp.error.canceled ["stopped"]
            bob< INVOCATION inv#2 reg#1 {}
            bob< INTERRUPT 2 {"mode":"kill"}
            alice< RESULT 2 {} ["done before"]
        "#]],
    );
}

/// Conformance: CAN-01
#[test]
fn can_04_killnowait_interrupts_and_answers_at_once() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            alice> CALL 1 {} com.acme.add
            alice> CANCEL 1 {"mode":"killnowait"}
            bob> ERROR inv#1 {} wamp.error.canceled
            alice> CALL 2 {} com.acme.add
            alice> CANCEL 2 {}
            bob> YIELD inv#2 {}
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {}
            alice< ERROR CALL 1 {} wamp.error.canceled ["the caller canceled the call"]
            bob< INTERRUPT 1 {"mode":"killnowait"}
            bob< INVOCATION inv#2 reg#1 {}
            alice< ERROR CALL 2 {} wamp.error.canceled ["the caller canceled the call"]
            bob< INTERRUPT 2 {"mode":"killnowait"}
        "#]],
    );
}

#[test]
fn can_05_a_callee_that_cannot_be_interrupted_is_skipped() {
    check(
        r#"
            old> REGISTER 1 {} com.acme.add
            alice> CALL 1 {} com.acme.add
            alice> CANCEL 1 {"mode":"kill"}
            alice> CALL 2 {} com.acme.add
            alice> CANCEL 2 {"mode":"killnowait"}
            old> YIELD inv#1 {}
            old> YIELD inv#2 {}
        "#,
        expect![[r#"
            old< REGISTERED 1 reg#1
            old< INVOCATION inv#1 reg#1 {}
            alice< ERROR CALL 1 {} wamp.error.canceled ["the caller canceled the call"]
            old< INVOCATION inv#2 reg#1 {}
            alice< ERROR CALL 2 {} wamp.error.canceled ["the caller canceled the call"]
        "#]],
    );
}

/// Conformance: RPC-08
#[test]
fn can_06_kill_ends_if_the_callee_dies() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            alice> CALL 1 {} com.acme.add
            alice> CANCEL 1 {"mode":"kill"}
            bob> leave
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {}
            bob< INTERRUPT 1 {"mode":"kill"}
            alice< ERROR CALL 1 {} wamp.error.canceled ["the callee is gone"]
        "#]],
    );
}

/// Conformance: PV-13
#[test]
fn can_07_somebody_elses_call_is_left_alone() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            alice> CALL 1 {} com.acme.add
            carol> CANCEL 1 {"mode":"kill"}
            alice> CANCEL 2 {}
            bob> YIELD inv#1 {}
            alice> CANCEL 1 {}
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {}
            alice< RESULT 1 {}
        "#]],
    );
}

/// Conformance: CAN-03
#[test]
fn pcr_06_progress_behind_kill_is_dropped() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            alice> CALL 1 {"receive_progress":true} com.acme.add
            bob> YIELD inv#1 {"progress":true} [1]
            alice> CANCEL 1 {"mode":"kill"}
            bob> YIELD inv#1 {"progress":true} [2]
            bob> YIELD inv#1 {} [3]
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {"receive_progress":true}
            alice< RESULT 1 {"progress":true} [1]
            bob< INTERRUPT 1 {"mode":"kill"}
            alice< RESULT 1 {} [3]
        "#]],
    );
}

#[test]
fn a_25_in_profile_crossbar_kill_ends_in_canceled_whatever_the_callee_says() {
    check_with(
        RealmSettings { profile: Profile::Crossbar, ..settings() },
        r#"
            bob> REGISTER 1 {} com.acme.add
            alice> CALL 1 {} com.acme.add
            alice> CANCEL 1 {"mode":"kill"}
            bob> YIELD inv#1 {} [5]
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {}
            bob< INTERRUPT 1 {"mode":"kill"}
            alice< ERROR CALL 1 {} wamp.error.canceled ["the call was canceled"]
        "#]],
    );
}

/// Conformance: CON-05
#[test]
fn con_03_killnowait_frees_the_place_and_skip_does_not() {
    check_with(
        with_queue(2, 1024),
        r#"
            a> REGISTER 1 {"concurrency":1} com.acme.queued.add
            bob> CALL 1 {} com.acme.queued.add
            bob> CALL 2 {} com.acme.queued.add
            bob> CALL 3 {} com.acme.queued.add
            bob> CANCEL 1 {"mode":"killnowait"}
            bob> CANCEL 2 {"mode":"skip"}
            a> YIELD inv#1 {}
            a> YIELD inv#2 {}
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {}
            bob< ERROR CALL 1 {} wamp.error.canceled ["the caller canceled the call"]
            a< INTERRUPT 1 {"mode":"killnowait"}
            a< INVOCATION inv#2 reg#1 {}
            bob< ERROR CALL 2 {} wamp.error.canceled ["the caller canceled the call"]
            a< INVOCATION inv#3 reg#1 {}
        "#]],
    );
}

#[test]
fn con_05_cancel_in_any_mode_removes_a_waiting_call() {
    check_with(
        with_queue(2, 1024),
        r#"
            a> REGISTER 1 {"concurrency":1} com.acme.queued.add
            bob> CALL 1 {} com.acme.queued.add
            bob> CALL 2 {} com.acme.queued.add [2]
            bob> CALL 3 {} com.acme.queued.add [3]
            bob> CANCEL 2 {"mode":"kill"}
            bob> CALL 4 {} com.acme.queued.add [4]
            bob> CANCEL 3 {"mode":"skip"}
            a> YIELD inv#1 {}
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {}
            bob< ERROR CALL 2 {} wamp.error.canceled ["the caller canceled the call"]
            bob< ERROR CALL 3 {} wamp.error.canceled ["the caller canceled the call"]
            bob< RESULT 1 {}
            a< INVOCATION inv#2 reg#1 {} [4]
        "#]],
    );
}

/// Conformance: RPC-07
#[test]
fn con_03_an_interrupted_callee_has_its_place_free_when_the_caller_leaves() {
    check_with(
        with_queue(2, 1024),
        r#"
            a> REGISTER 1 {"concurrency":1} com.acme.queued.add
            bob> CALL 1 {} com.acme.queued.add
            carol> CALL 1 {} com.acme.queued.add
            bob> leave
            a> YIELD inv#1 {} ["for nobody"]
            a> YIELD inv#2 {} ["for carol"]
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {}
            a< INTERRUPT 1 {"mode":"killnowait"}
            a< INVOCATION inv#2 reg#1 {}
            carol< RESULT 1 {} ["for carol"]
        "#]],
    );
}

#[test]
fn rpc_07_no_second_interrupt_for_a_call_that_was_killed() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            alice> CALL 1 {} com.acme.add
            alice> CANCEL 1 {"mode":"kill"}
            alice> leave
            bob> YIELD inv#1 {}
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {}
            bob< INTERRUPT 1 {"mode":"kill"}
        "#]],
    );
}
