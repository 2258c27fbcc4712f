//! Time-outs of calls, the caller's and the realm's (TMO).

use expect_test::expect;

use super::*;

fn timed(milliseconds: u64) -> RealmSettings {
    RealmSettings { call_timeout: std::num::NonZeroU64::new(milliseconds), ..settings() }
}

/// Conformance: TMO-01
#[test]
fn tmo_02_a_call_that_takes_too_long_is_interrupted() {
    check(
        r#"
            old> REGISTER 1 {} com.acme.old
            bob> REGISTER 1 {} com.acme.add
            alice> CALL 1 {"timeout":200} com.acme.add
            alice> CALL 2 {"timeout":300} com.acme.old
            alice> CALL 3 {"timeout":0} com.acme.add
            199 ms later
            1 ms later
            100 ms later
            100000 ms later
            bob> YIELD inv#1 {}
            old> YIELD inv#1 {}
            bob> YIELD inv#2 {}
        "#,
        expect![[r#"
            old< REGISTERED 1 reg#1
            bob< REGISTERED 1 reg#2
            bob< INVOCATION inv#1 reg#2 {}
            old< INVOCATION inv#1 reg#1 {}
            bob< INVOCATION inv#2 reg#2 {}
            alice< ERROR CALL 1 {} wamp.error.timeout ["the call took too long"]
            bob< INTERRUPT 1 {"mode":"killnowait"}
            alice< ERROR CALL 2 {} wamp.error.timeout ["the call took too long"]
            alice< RESULT 3 {}
        "#]],
    );
}

#[test]
fn tmo_05_no_time_out_behind_the_end_of_a_call() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            alice> CALL 1 {"timeout":200} com.acme.add
            bob> YIELD inv#1 {}
            alice> CALL 2 {"timeout":200} com.acme.add
            alice> CANCEL 2 {"mode":"skip"}
            alice> CALL 3 {"timeout":200} com.acme.add
            alice> CANCEL 3 {"mode":"kill"}
            carol> CALL 1 {"timeout":200} com.acme.add
            carol> leave
            1000 ms later
            bob> ERROR inv#3 {} wamp.error.canceled
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {}
            alice< RESULT 1 {}
            bob< INVOCATION inv#2 reg#1 {}
            alice< ERROR CALL 2 {} wamp.error.canceled ["the caller canceled the call"]
            bob< INVOCATION inv#3 reg#1 {}
            bob< INTERRUPT 3 {"mode":"kill"}
            bob< INVOCATION inv#4 reg#1 {}
            bob< INTERRUPT 4 {"mode":"killnowait"}
            alice< ERROR CALL 3 {} wamp.error.canceled
        "#]],
    );
}

#[test]
fn pcr_08_with_progressive_results_it_is_the_time_between_two() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.count
            alice> CALL 1 {"timeout":200,"receive_progress":true} com.acme.count
            150 ms later
            bob> YIELD inv#1 {"progress":true} [1]
            150 ms later
            bob> YIELD inv#1 {"progress":true} [2]
            199 ms later
            1 ms later
            alice> CALL 2 {"timeout":200,"receive_progress":true} com.acme.count
            200 ms later
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {"receive_progress":true}
            alice< RESULT 1 {"progress":true} [1]
            alice< RESULT 1 {"progress":true} [2]
            alice< ERROR CALL 1 {} wamp.error.timeout ["the call took too long"]
            bob< INTERRUPT 1 {"mode":"killnowait"}
            bob< INVOCATION inv#2 reg#1 {"receive_progress":true}
            alice< ERROR CALL 2 {} wamp.error.timeout ["the call took too long"]
            bob< INTERRUPT 2 {"mode":"killnowait"}
        "#]],
    );
}

/// Conformance: TMO-04
#[test]
fn tmo_03_a_time_out_is_forwarded_if_the_callee_minds_it_itself() {
    check(
        r#"
            bob> REGISTER 1 {"forward_timeout":true} com.acme.add
            old> REGISTER 1 {"forward_timeout":true} com.acme.old
            alice> CALL 1 {"timeout":200} com.acme.add
            alice> CALL 2 {"timeout":200} com.acme.old
            200 ms later
            bob> ERROR inv#1 {} wamp.error.timeout
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            old< REGISTERED 1 reg#2
            bob< INVOCATION inv#1 reg#1 {"timeout":200}
            old< INVOCATION inv#1 reg#2 {}
            alice< ERROR CALL 2 {} wamp.error.timeout ["the call took too long"]
            alice< ERROR CALL 1 {} wamp.error.timeout
        "#]],
    );
}

/// Conformance: CON-05
#[test]
fn tmo_03_the_callee_gets_what_is_left_of_a_call_that_waited() {
    check_with(
        with_queue(2, 1024),
        r#"
            a> REGISTER 1 {"concurrency":1,"forward_timeout":true} com.acme.queued.add
            bob> CALL 1 {} com.acme.queued.add
            bob> CALL 2 {"timeout":500} com.acme.queued.add
            200 ms later
            a> YIELD inv#1 {}
            1000 ms later
            a> YIELD inv#2 {}
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {}
            bob< RESULT 1 {}
            a< INVOCATION inv#2 reg#1 {"timeout":300}
            bob< RESULT 2 {}
        "#]],
    );
}

#[test]
fn con_05_the_time_out_runs_while_a_call_waits() {
    check_with(
        with_queue(2, 1024),
        r#"
            a> REGISTER 1 {"concurrency":1} com.acme.queued.add
            bob> CALL 1 {} com.acme.queued.add
            bob> CALL 2 {"timeout":200} com.acme.queued.add [2]
            bob> CALL 3 {} com.acme.queued.add [3]
            200 ms later
            a> YIELD inv#1 {}
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {}
            bob< ERROR CALL 2 {} wamp.error.timeout ["the call took too long"]
            bob< RESULT 1 {}
            a< INVOCATION inv#2 reg#1 {} [3]
        "#]],
    );
}

/// Conformance: CON-03
#[test]
fn tmo_02_a_place_that_a_time_out_frees_goes_to_the_next() {
    check_with(
        with_queue(2, 1024),
        r#"
            a> REGISTER 1 {"concurrency":1} com.acme.queued.add
            bob> CALL 1 {"timeout":100} com.acme.queued.add [1]
            bob> CALL 2 {} com.acme.queued.add [2]
            100 ms later
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {} [1]
            bob< ERROR CALL 1 {} wamp.error.timeout ["the call took too long"]
            a< INTERRUPT 1 {"mode":"killnowait"}
            a< INVOCATION inv#2 reg#1 {} [2]
        "#]],
    );
}

/// Conformance: TMO-02
#[test]
fn tmo_03_the_realm_bounds_every_call_and_kill() {
    check_with(
        timed(1000),
        r#"
            bob> REGISTER 1 {"forward_timeout":true} com.acme.add
            alice> CALL 1 {} com.acme.add
            alice> CALL 2 {"timeout":5000} com.acme.add
            alice> CALL 3 {"timeout":300} com.acme.add
            500 ms later
            alice> CANCEL 2 {"mode":"kill"}
            500 ms later
            500 ms later
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {}
            bob< INVOCATION inv#2 reg#1 {"timeout":5000}
            bob< INVOCATION inv#3 reg#1 {"timeout":300}
            bob< INTERRUPT 2 {"mode":"kill"}
            alice< ERROR CALL 1 {} wamp.error.timeout ["the call took too long"]
            bob< INTERRUPT 1 {"mode":"killnowait"}
            alice< ERROR CALL 3 {} wamp.error.timeout ["the call took too long"]
            bob< INTERRUPT 3 {"mode":"killnowait"}
            alice< ERROR CALL 2 {} wamp.error.timeout ["the call took too long"]
        "#]],
    );
}

#[test]
fn pcr_08_the_realms_bound_is_between_two_results() {
    check_with(
        timed(1000),
        r#"
            bob> REGISTER 1 {} com.acme.count
            alice> CALL 1 {"receive_progress":true} com.acme.count
            900 ms later
            bob> YIELD inv#1 {"progress":true} [1]
            900 ms later
            bob> YIELD inv#1 {"progress":true} [2]
            1000 ms later
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {"receive_progress":true}
            alice< RESULT 1 {"progress":true} [1]
            alice< RESULT 1 {"progress":true} [2]
            alice< ERROR CALL 1 {} wamp.error.timeout ["the call took too long"]
            bob< INTERRUPT 1 {"mode":"killnowait"}
        "#]],
    );
}

#[test]
fn tmo_05_an_earlier_time_out_does_not_make_a_later_one_be_forgotten() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            alice> CALL 1 {"timeout":500} com.acme.add
            alice> CALL 2 {"timeout":100} com.acme.add
            alice> CALL 3 {"timeout":300} com.acme.add
            100 ms later
            bob> YIELD inv#3 {}
            400 ms later
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {}
            bob< INVOCATION inv#2 reg#1 {}
            bob< INVOCATION inv#3 reg#1 {}
            alice< ERROR CALL 2 {} wamp.error.timeout ["the call took too long"]
            bob< INTERRUPT 2 {"mode":"killnowait"}
            alice< RESULT 3 {}
            alice< ERROR CALL 1 {} wamp.error.timeout ["the call took too long"]
            bob< INTERRUPT 1 {"mode":"killnowait"}
        "#]],
    );
}

/// Conformance: TMO-03
#[test]
fn con_05_the_realms_time_out_runs_while_a_call_waits_even_if_the_callee_minds_the_callers() {
    check_with(
        RealmSettings { call_timeout: std::num::NonZeroU64::new(100), ..with_queue(2, 1024) },
        r#"
            a> REGISTER 1 {"concurrency":1,"forward_timeout":true} com.acme.queued.get
            bob> CALL 1 {} com.acme.queued.get
            alice> CALL 1 {"timeout":90} com.acme.queued.get
            carol> CALL 1 {"receive_progress":true} com.acme.queued.get
            60 ms later
            a> YIELD inv#1 {}
            20 ms later
            a> YIELD inv#2 {}
            alice> CALL 2 {"timeout":90} com.acme.queued.get
            10 ms later
            10 ms later
            79 ms later
            1 ms later
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {}
            bob< RESULT 1 {}
            a< INVOCATION inv#2 reg#1 {"timeout":30}
            alice< RESULT 1 {}
            a< INVOCATION inv#3 reg#1 {"receive_progress":true}
            carol< ERROR CALL 1 {} wamp.error.timeout ["the call took too long"]
            a< INTERRUPT 3 {"mode":"killnowait"}
            a< INVOCATION inv#4 reg#1 {"timeout":70}
            alice< ERROR CALL 2 {} wamp.error.timeout ["the call took too long"]
            a< INTERRUPT 4 {"mode":"killnowait"}
        "#]],
    );
}
