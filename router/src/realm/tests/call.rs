//! CALL, INVOCATION, YIELD, RESULT, and ERROR in between.

use expect_test::expect;

use super::check;

/// Conformance: PV-10, ID-06
#[test]
fn rpc_03_a_call_that_nobody_answers_to() {
    check(
        r#"
            alice> CALL 1 {} com.acme.add [2,3]
        "#,
        expect![[r#"
            alice< ERROR CALL 1 {} wamp.error.no_such_procedure ["no procedure \"com.acme.add\" is registered"]
        "#]],
    );
}

#[test]
fn rpc_03_a_procedure_is_matched_exactly() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            alice> CALL 1 {} com.acme
            alice> CALL 2 {} com.acme.add.x
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            alice< ERROR CALL 1 {} wamp.error.no_such_procedure ["no procedure \"com.acme\" is registered"]
            alice< ERROR CALL 2 {} wamp.error.no_such_procedure ["no procedure \"com.acme.add.x\" is registered"]
        "#]],
    );
}

#[test]
fn uri_06_a_bad_procedure_is_answered_with_an_error() {
    check(
        r#"
            alice> CALL 1 {} com..add
            alice> CALL 2 {} com.acme.add
        "#,
        expect![[r#"
            alice< ERROR CALL 1 {} wamp.error.invalid_uri ["the URI has an empty component"]
            alice< ERROR CALL 2 {} wamp.error.no_such_procedure ["no procedure \"com.acme.add\" is registered"]
        "#]],
    );
}

/// There is none yet: not refused for its URI.
#[test]
fn uri_05_the_routers_procedures_may_be_called() {
    check(
        r#"
            alice> CALL 1 {} wamp.session.nothing
        "#,
        expect![[r#"
            alice< ERROR CALL 1 {} wamp.error.no_such_procedure ["no procedure \"wamp.session.nothing\" is registered"]
        "#]],
    );
}

/// Conformance: ID-06
#[test]
fn rpc_04_call_invocation_yield_result() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            alice> CALL 1 {} com.acme.add [2,3]
            bob> YIELD inv#1 {} [5]
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {} [2,3]
            alice< RESULT 1 {} [5]
        "#]],
    );
}

/// Conformance: PUB-04
#[test]
fn rpc_04_payloads_arrive_as_they_were_sent() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            alice> CALL 1 {} com.acme.add [1, 2.50, "\u00e4", null] {"x": {}, "a": -0.0}
            bob> YIELD inv#1 {} [] {"sum": 1e3}
            alice> CALL 2 {} com.acme.add
            bob> YIELD inv#2 {}
            alice> CALL 3 {} com.acme.add []
            bob> YIELD inv#3 {} [] {}
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {} [1, 2.50, "\u00e4", null] {"x": {}, "a": -0.0}
            alice< RESULT 1 {} [] {"sum": 1e3}
            bob< INVOCATION inv#2 reg#1 {}
            alice< RESULT 2 {}
            bob< INVOCATION inv#3 reg#1 {} []
            alice< RESULT 3 {} [] {}
        "#]],
    );
}

#[test]
fn rpc_05_an_error_of_the_callee_reaches_the_caller() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            alice> CALL 1 {} com.acme.add [2]
            bob> ERROR inv#1 {} com.acme.failed ["x"] {"a":1}
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {} [2]
            alice< ERROR CALL 1 {} com.acme.failed ["x"] {"a":1}
        "#]],
    );
}

#[test]
fn err_06_any_error_passes_with_its_payload_and_details() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            alice> CALL 1 {} com.acme.add
            bob> ERROR inv#1 {"_trace_id":"t1"} wamp.error.invalid_argument
            alice> CALL 2 {} com.acme.add
            bob> ERROR inv#2 {} com.acme.failed []
            alice> CALL 3 {} com.acme.add
            bob> ERROR inv#3 {} com.acme.failed [1, 2.50] {"b": [null]}
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {}
            alice< ERROR CALL 1 {"_trace_id":"t1"} wamp.error.invalid_argument
            bob< INVOCATION inv#2 reg#1 {}
            alice< ERROR CALL 2 {} com.acme.failed []
            bob< INVOCATION inv#3 reg#1 {}
            alice< ERROR CALL 3 {} com.acme.failed [1, 2.50] {"b": [null]}
        "#]],
    );
}

/// A client could not read the URI, and must not wait for ever.
#[test]
fn an_error_whose_uri_is_none_still_ends_the_call() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            alice> CALL 1 {} com.acme.add
            bob> ERROR inv#1 {} com..failed ["x"]
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {}
            alice< ERROR CALL 1 {} wamp.error.invalid_uri ["x"]
        "#]],
    );
}

#[test]
fn id_05_invocations_are_counted_for_each_callee_from_1() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            bob> REGISTER 2 {} com.acme.sub
            carol> REGISTER 1 {} com.acme.mul
            alice> CALL 1 {} com.acme.add
            alice> CALL 2 {} com.acme.mul
            dave> CALL 1 {} com.acme.sub
            dave> CALL 2 {} com.acme.add
            alice> CALL 3 {} com.acme.mul
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< REGISTERED 2 reg#2
            carol< REGISTERED 1 reg#3
            bob< INVOCATION inv#1 reg#1 {}
            carol< INVOCATION inv#1 reg#3 {}
            bob< INVOCATION inv#2 reg#2 {}
            bob< INVOCATION inv#3 reg#1 {}
            carol< INVOCATION inv#2 reg#3 {}
        "#]],
    );
}

#[test]
fn id_05_a_call_that_is_refused_leaves_no_gap() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            alice> CALL 1 {} com.acme.add
            bob is full
            alice> CALL 2 {} com.acme.add
            bob is ready
            alice> CALL 3 {} com.acme.add
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {}
            alice< ERROR CALL 2 {} wamp.error.unavailable ["the callee takes no more calls now"]
            bob< INVOCATION inv#2 reg#1 {}
        "#]],
    );
}

/// Conformance: ORD-05, PV-06
#[test]
fn rpc_06_an_answer_after_a_result_is_dropped() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            alice> CALL 1 {} com.acme.add
            bob> YIELD inv#1 {} [5]
            bob> YIELD inv#1 {} [6]
            bob> ERROR inv#1 {} com.acme.failed
            alice> CALL 2 {} com.acme.add
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {}
            alice< RESULT 1 {} [5]
            bob< INVOCATION inv#2 reg#1 {}
        "#]],
    );
}

/// Conformance: ORD-05, PV-06
#[test]
fn rpc_06_an_answer_after_an_error_is_dropped() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            alice> CALL 1 {} com.acme.add
            bob> ERROR inv#1 {} com.acme.failed
            bob> ERROR inv#1 {} com.acme.failed
            bob> YIELD inv#1 {} [5]
            alice> CALL 2 {} com.acme.add
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {}
            alice< ERROR CALL 1 {} com.acme.failed
            bob< INVOCATION inv#2 reg#1 {}
        "#]],
    );
}

#[test]
fn rpc_06_progress_that_nobody_asked_for_is_not_the_answer() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            alice> CALL 1 {} com.acme.add
            bob> YIELD inv#1 {"progress":true} [1]
            bob> YIELD inv#1 {} [2]
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {}
            alice< RESULT 1 {} [2]
        "#]],
    );
}

#[test]
fn rpc_09_calls_are_answered_in_any_order() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            alice> CALL 1 {} com.acme.add [1]
            alice> CALL 2 {} com.acme.add [2]
            carol> CALL 1 {} com.acme.add [3]
            bob> YIELD inv#3 {} [3]
            bob> YIELD inv#2 {} [2]
            bob> YIELD inv#1 {} [1]
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {} [1]
            bob< INVOCATION inv#2 reg#1 {} [2]
            bob< INVOCATION inv#3 reg#1 {} [3]
            carol< RESULT 1 {} [3]
            alice< RESULT 2 {} [2]
            alice< RESULT 1 {} [1]
        "#]],
    );
}

#[test]
fn rpc_09_sessions_call_each_other() {
    check(
        r#"
            alice> REGISTER 1 {} com.acme.add
            bob> REGISTER 1 {} com.acme.sub
            alice> CALL 2 {} com.acme.sub [1]
            bob> CALL 2 {} com.acme.add [2]
            bob> YIELD inv#1 {} [3]
            alice> YIELD inv#1 {} [4]
        "#,
        expect![[r#"
            alice< REGISTERED 1 reg#1
            bob< REGISTERED 1 reg#2
            bob< INVOCATION inv#1 reg#2 {} [1]
            alice< INVOCATION inv#1 reg#1 {} [2]
            alice< RESULT 2 {} [3]
            bob< RESULT 2 {} [4]
        "#]],
    );
}

#[test]
fn rpc_09_a_session_calls_its_own_procedure() {
    check(
        r#"
            alice> REGISTER 1 {} com.acme.add
            alice> CALL 2 {} com.acme.add [2,3]
            alice> YIELD inv#1 {} [5]
        "#,
        expect![[r#"
            alice< REGISTERED 1 reg#1
            alice< INVOCATION inv#1 reg#1 {} [2,3]
            alice< RESULT 2 {} [5]
        "#]],
    );
}

#[test]
fn ord_03_calls_of_one_caller_arrive_in_order() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            bob> REGISTER 2 {} com.acme.sub
            alice> CALL 1 {} com.acme.add [1]
            alice> CALL 2 {} com.acme.sub [2]
            alice> CALL 3 {} com.acme.add [3]
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< REGISTERED 2 reg#2
            bob< INVOCATION inv#1 reg#1 {} [1]
            bob< INVOCATION inv#2 reg#2 {} [2]
            bob< INVOCATION inv#3 reg#1 {} [3]
        "#]],
    );
}

#[test]
fn rpc_10_invocations_outlive_their_registration() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            alice> CALL 1 {} com.acme.add [1]
            alice> CALL 2 {} com.acme.add [2]
            bob> UNREGISTER 2 reg#1
            bob> YIELD inv#1 {} [1]
            bob> ERROR inv#2 {} com.acme.failed
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {} [1]
            bob< INVOCATION inv#2 reg#1 {} [2]
            bob< UNREGISTERED 2
            alice< RESULT 1 {} [1]
            alice< ERROR CALL 2 {} com.acme.failed
        "#]],
    );
}

#[test]
fn ord_05_no_invocation_after_unregistered() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            alice> CALL 1 {} com.acme.add [1]
            bob> UNREGISTER 2 reg#1
            alice> CALL 2 {} com.acme.add [2]
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {} [1]
            bob< UNREGISTERED 2
            alice< ERROR CALL 2 {} wamp.error.no_such_procedure ["no procedure \"com.acme.add\" is registered"]
        "#]],
    );
}

/// Conformance: RPC-08
#[test]
fn pv_06_a_yield_for_an_invocation_never_issued_ends_the_session() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            alice> CALL 1 {} com.acme.add
            bob> YIELD inv#2 {} [5]
            alice> CALL 2 {} com.acme.add
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {}
            bob! YIELD for invocation 2, which was never issued
            alice< ERROR CALL 1 {} wamp.error.canceled ["the callee is gone"]
            alice< ERROR CALL 2 {} wamp.error.no_such_procedure ["no procedure \"com.acme.add\" is registered"]
        "#]],
    );
}

#[test]
fn pv_06_an_error_for_an_invocation_never_issued_ends_the_session() {
    check(
        r#"
            bob> ERROR inv#1 {} com.acme.failed
            carol> YIELD inv#1 {}
        "#,
        expect![[r#"
            bob! ERROR for invocation 1, which was never issued
            carol! YIELD for invocation 1, which was never issued
        "#]],
    );
}

#[test]
fn pv_06_an_invocation_of_another_callee_was_never_issued_to_this_one() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            alice> CALL 1 {} com.acme.add
            carol> YIELD inv#1 {} [5]
            bob> YIELD inv#1 {} [6]
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {}
            carol! YIELD for invocation 1, which was never issued
            alice< RESULT 1 {} [6]
        "#]],
    );
}

/// After 2^53 requests begin at 1 again, and clients may skip there at any time.
#[test]
fn pv_07_the_request_of_an_open_call_is_not_given_again() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            alice> CALL 1 {} com.acme.add [1]
            alice> CALL 1 {} com.acme.add [2]
            bob> YIELD inv#1 {} [1]
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {} [1]
            alice! the request ID 1 does not follow 1
            bob< INTERRUPT 1 {"mode":"killnowait"}
        "#]],
    );
}

#[test]
fn a_callee_without_room_is_not_invoked() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            bob is full
            alice> CALL 1 {} com.acme.add [1]
            bob is ready
            alice> CALL 2 {} com.acme.add [2]
            bob> YIELD inv#1 {} [2]
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            alice< ERROR CALL 1 {} wamp.error.unavailable ["the callee takes no more calls now"]
            bob< INVOCATION inv#1 reg#1 {} [2]
            alice< RESULT 2 {} [2]
        "#]],
    );
}

#[test]
fn an_invocation_that_cannot_be_carried_ends_its_call() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            alice> CALL 1 {} com.acme.add [1]
            alice> CALL 2 {} com.acme.add [2]
            bob cannot take inv#1
            bob cannot take inv#1
            bob> YIELD inv#2 {} [2]
            bob> YIELD inv#1 {} [1]
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {} [1]
            bob< INVOCATION inv#2 reg#1 {} [2]
            alice< ERROR CALL 1 {} wamp.error.payload_size_exceeded
            alice< RESULT 2 {} [2]
        "#]],
    );
}
