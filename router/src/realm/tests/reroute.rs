//! Calls that a callee cannot attend to go to another one (RRT).

use expect_test::expect;

use super::*;

#[test]
fn rrt_02_a_single_callee_has_no_other() {
    check(
        r#"
            a> REGISTER 1 {} com.acme.get
            alice> CALL 1 {} com.acme.get
            a> ERROR inv#1 {} wamp.error.unavailable
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {}
            alice< ERROR CALL 1 {} wamp.error.no_available_callee ["no callee can attend to the call"]
        "#]],
    );
}

/// Conformance: RRT-01, RRT-03
#[test]
fn rrt_02_round_robin_goes_on_to_the_next() {
    check(
        r#"
            a> REGISTER 1 {"invoke":"roundrobin"} com.acme.get
            b> REGISTER 1 {"invoke":"roundrobin"} com.acme.get
            c> REGISTER 1 {"invoke":"roundrobin"} com.acme.get
            
            alice> CALL 1 {} com.acme.get [1]
            a> ERROR inv#1 {} wamp.error.unavailable
            b> ERROR inv#1 {} wamp.error.unavailable
            c> YIELD inv#1 {} ["c"]
            alice> CALL 2 {} com.acme.get [2]
            a> ERROR inv#2 {} wamp.error.unavailable
            b> ERROR inv#2 {} wamp.error.unavailable
            c> ERROR inv#2 {} wamp.error.unavailable
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            b< REGISTERED 1 reg#1
            c< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {} [1]
            b< INVOCATION inv#1 reg#1 {} [1]
            c< INVOCATION inv#1 reg#1 {} [1]
            alice< RESULT 1 {} ["c"]
            a< INVOCATION inv#2 reg#1 {} [2]
            b< INVOCATION inv#2 reg#1 {} [2]
            c< INVOCATION inv#2 reg#1 {} [2]
            alice< ERROR CALL 2 {} wamp.error.no_available_callee ["no callee can attend to the call"]
        "#]],
    );
}

#[test]
fn rrt_02_first_goes_on_to_the_one_registered_next() {
    check(
        r#"
            a> REGISTER 1 {"invoke":"first"} com.acme.get
            b> REGISTER 1 {"invoke":"first"} com.acme.get
            c> REGISTER 1 {"invoke":"first"} com.acme.get
            
            alice> CALL 1 {} com.acme.get [1]
            a> ERROR inv#1 {} wamp.error.unavailable
            b> ERROR inv#1 {} wamp.error.unavailable
            c> YIELD inv#1 {} ["c"]
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            b< REGISTERED 1 reg#1
            c< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {} [1]
            b< INVOCATION inv#1 reg#1 {} [1]
            c< INVOCATION inv#1 reg#1 {} [1]
            alice< RESULT 1 {} ["c"]
        "#]],
    );
}

#[test]
fn rrt_02_last_goes_back_to_the_one_registered_before() {
    check(
        r#"
            a> REGISTER 1 {"invoke":"last"} com.acme.get
            b> REGISTER 1 {"invoke":"last"} com.acme.get
            c> REGISTER 1 {"invoke":"last"} com.acme.get
            
            alice> CALL 1 {} com.acme.get [1]
            c> ERROR inv#1 {} wamp.error.unavailable
            b> ERROR inv#1 {} wamp.error.unavailable
            a> ERROR inv#1 {} wamp.error.unavailable
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            b< REGISTERED 1 reg#1
            c< REGISTERED 1 reg#1
            c< INVOCATION inv#1 reg#1 {} [1]
            b< INVOCATION inv#1 reg#1 {} [1]
            a< INVOCATION inv#1 reg#1 {} [1]
            alice< ERROR CALL 1 {} wamp.error.no_available_callee ["no callee can attend to the call"]
        "#]],
    );
}

/// Conformance: RRT-03
#[test]
fn rrt_02_random_never_takes_one_that_failed() {
    check(
        r#"
            a> REGISTER 1 {"invoke":"random"} com.acme.get
            b> REGISTER 1 {"invoke":"random"} com.acme.get
            c> REGISTER 1 {"invoke":"random"} com.acme.get
            
            alice> CALL 1 {} com.acme.get [1]
            a> ERROR inv#1 {} wamp.error.unavailable
            b> ERROR inv#1 {} wamp.error.unavailable
            c> ERROR inv#1 {} wamp.error.unavailable
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            b< REGISTERED 1 reg#1
            c< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {} [1]
            b< INVOCATION inv#1 reg#1 {} [1]
            c< INVOCATION inv#1 reg#1 {} [1]
            alice< ERROR CALL 1 {} wamp.error.no_available_callee ["no callee can attend to the call"]
        "#]],
    );
}

#[test]
fn rrt_02_least_busy_and_shards() {
    check(
        r#"
            a> REGISTER 1 {"invoke":"leastbusy"} com.acme.get
            b> REGISTER 1 {"invoke":"leastbusy"} com.acme.get
            alice> CALL 1 {} com.acme.get [1]
            a> ERROR inv#1 {} wamp.error.unavailable
            b> ERROR inv#1 {} wamp.error.unavailable
            alice> CALL 2 {"runmode":"partition","rkey":"one"} com.acme.get [1]
            a> ERROR inv#2 {} wamp.error.unavailable
            b> ERROR inv#2 {} wamp.error.unavailable
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            b< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {} [1]
            b< INVOCATION inv#1 reg#1 {} [1]
            alice< ERROR CALL 1 {} wamp.error.no_available_callee ["no callee can attend to the call"]
            a< INVOCATION inv#2 reg#1 {} [1]
            alice< ERROR CALL 2 {} wamp.error.no_available_callee ["no callee can attend to the call"]
            b! ERROR for invocation 2, which was never issued
        "#]],
    );
}

/// Conformance: ERR-06
#[test]
fn rrt_01_who_did_not_announce_it_gives_an_error_as_any_other() {
    check(
        r#"
            old> REGISTER 1 {"invoke":"roundrobin"} com.acme.get
            b> REGISTER 1 {"invoke":"roundrobin"} com.acme.get
            alice> CALL 1 {} com.acme.get [1]
            old> ERROR inv#1 {} wamp.error.unavailable ["not now"]
        "#,
        expect![[r#"
            old< REGISTERED 1 reg#1
            b< REGISTERED 1 reg#1
            old< INVOCATION inv#1 reg#1 {} [1]
            alice< ERROR CALL 1 {} wamp.error.unavailable ["not now"]
        "#]],
    );
}

#[test]
fn rrt_01_a_pattern_keeps_the_procedure_and_terms_of_a_rerouted_call() {
    check(
        r#"
            a> REGISTER 1 {"invoke":"first","match":"prefix"} com.acme.
            b> REGISTER 1 {"invoke":"first","match":"prefix"} com.acme.
            alice> CALL 1 {"receive_progress":true,"disclose_me":true} com.acme.get [1]
            a> ERROR inv#1 {} wamp.error.unavailable
            b> YIELD inv#1 {"progress":true} [1]
            b> ERROR inv#1 {} wamp.error.unavailable
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            b< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {"receive_progress":true,"caller":3,"caller_authid":"alice","caller_authrole":"anyone","procedure":"com.acme.get"} [1]
            b< INVOCATION inv#1 reg#1 {"receive_progress":true,"caller":3,"caller_authid":"alice","caller_authrole":"anyone","procedure":"com.acme.get"} [1]
            alice< RESULT 1 {"progress":true} [1]
            alice< ERROR CALL 1 {} wamp.error.no_available_callee ["no callee can attend to the call"]
        "#]],
    );
}

/// Conformance: PCI-05
#[test]
fn rrt_01_what_began_is_not_begun_again() {
    check(
        r#"
            a> REGISTER 1 {"invoke":"first"} com.acme.get
            b> REGISTER 1 {"invoke":"first"} com.acme.get
            stream> CALL 1 {"progress":true} com.acme.get [1]
            stream> CALL 1 {} com.acme.get [2]
            a> ERROR inv#1 {} wamp.error.unavailable
            stream> CALL 2 {"progress":true} com.acme.get [1]
            a> ERROR inv#2 {} wamp.error.unavailable
            stream> CALL 2 {} com.acme.get [2]
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            b< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {"progress":true} [1]
            a< INVOCATION inv#1 reg#1 {} [2]
            stream< ERROR CALL 1 {} wamp.error.no_available_callee ["no callee can attend to the call"]
            a< INVOCATION inv#2 reg#1 {"progress":true} [1]
            b< INVOCATION inv#1 reg#1 {"progress":true} [1]
            b< INVOCATION inv#1 reg#1 {} [2]
        "#]],
    );
}

/// Conformance: CON-04
#[test]
fn rrt_01_a_rerouted_call_waits_for_a_busy_callee_and_keeps_its_time_out() {
    check_with(
        with_queue(2, 1024),
        r#"
            a> REGISTER 1 {"concurrency":1,"invoke":"roundrobin"} com.acme.queued.get
            b> REGISTER 1 {"concurrency":1,"invoke":"roundrobin"} com.acme.queued.get
            alice> CALL 1 {"timeout":300} com.acme.queued.get [1]
            bob> CALL 1 {} com.acme.queued.get ["bob"]
            100 ms later
            a> ERROR inv#1 {} wamp.error.unavailable
            bob> CALL 2 {} com.acme.queued.get ["behind"]
            b> YIELD inv#1 {}
            b> YIELD inv#2 {"progress":true} [1]
            200 ms later
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            b< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {} [1]
            b< INVOCATION inv#1 reg#1 {} ["bob"]
            bob< RESULT 1 {}
            b< INVOCATION inv#2 reg#1 {} [1]
            a< INVOCATION inv#2 reg#1 {} ["behind"]
            alice< ERROR CALL 1 {} wamp.error.timeout ["the call took too long"]
            b< INTERRUPT 2 {"mode":"killnowait"}
        "#]],
    );
}

/// Conformance: CAN-03
#[test]
fn rrt_01_killed_calls_stay_where_they_are() {
    check(
        r#"
            a> REGISTER 1 {"invoke":"first"} com.acme.get
            b> REGISTER 1 {"invoke":"first"} com.acme.get
            alice> CALL 1 {} com.acme.get [1]
            alice> CANCEL 1 {"mode":"kill"}
            a> ERROR inv#1 {} wamp.error.unavailable
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            b< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {} [1]
            a< INTERRUPT 1 {"mode":"kill"}
            alice< ERROR CALL 1 {} wamp.error.unavailable
        "#]],
    );
}

#[test]
fn rrt_01_a_caller_that_left_has_nothing_rerouted() {
    check(
        r#"
            a> REGISTER 1 {"invoke":"first"} com.acme.get
            b> REGISTER 1 {"invoke":"first"} com.acme.get
            alice> CALL 1 {} com.acme.get [1]
            alice> leave
            a> ERROR inv#1 {} wamp.error.unavailable
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            b< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {} [1]
            a< INTERRUPT 1 {"mode":"killnowait"}
        "#]],
    );
}

/// Conformance: RRT-02
#[test]
fn rrt_01_a_call_whose_registration_is_gone_goes_nowhere() {
    check(
        r#"
            a> REGISTER 1 {"invoke":"roundrobin"} com.acme.get
            alice> CALL 1 {} com.acme.get
            a> UNREGISTER 2 reg#1
            b> REGISTER 1 {"invoke":"roundrobin"} com.acme.reset
            a> ERROR inv#1 {} wamp.error.unavailable
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {}
            a< UNREGISTERED 2
            b< REGISTERED 1 reg#2
            alice< ERROR CALL 1 {} wamp.error.no_available_callee ["no callee can attend to the call"]
        "#]],
    );
}

/// Conformance: PCI-05, CON-05
#[test]
fn rrt_01_a_call_whose_chunks_waited_is_not_begun_again() {
    check_with(
        with_queue(2, 1024),
        r#"
            a> REGISTER 1 {"invoke":"roundrobin","concurrency":1} com.acme.queued.sum
            bob> CALL 1 {} com.acme.queued.sum
            stream> CALL 1 {"progress":true} com.acme.queued.sum [1]
            stream> CALL 1 {} com.acme.queued.sum [2]
            a> YIELD inv#1 {}
            b> REGISTER 1 {"invoke":"roundrobin"} com.acme.queued.sum
            a> ERROR inv#2 {} wamp.error.unavailable
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {}
            bob< RESULT 1 {}
            a< INVOCATION inv#2 reg#1 {"progress":true} [1]
            a< INVOCATION inv#2 reg#1 {} [2]
            b< REGISTERED 1 reg#1
            stream< ERROR CALL 1 {} wamp.error.no_available_callee ["no callee can attend to the call"]
        "#]],
    );
}

/// Conformance: TMO-02
#[test]
fn rrt_01_the_dealer_minds_a_time_out_that_the_next_callee_does_not() {
    check(
        r#"
            a> REGISTER 1 {"invoke":"roundrobin","forward_timeout":true} com.acme.get
            old> REGISTER 1 {"invoke":"roundrobin"} com.acme.get
            alice> CALL 1 {"timeout":100} com.acme.get
            60 ms later
            a> ERROR inv#1 {} wamp.error.unavailable
            39 ms later
            bob> CALL 1 {} com.acme.unknown
            1 ms later
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            old< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {"timeout":100}
            old< INVOCATION inv#1 reg#1 {}
            bob< ERROR CALL 1 {} wamp.error.no_such_procedure ["no procedure \"com.acme.unknown\" is registered"]
            alice< ERROR CALL 1 {} wamp.error.timeout ["the call took too long"]
        "#]],
    );
}
