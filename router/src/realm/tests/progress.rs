//! Progressive results (PCR) and progressive invocations (PCI).

use expect_test::expect;

use super::*;

/// Conformance: PCR-05
#[test]
fn pcr_01_progress_is_welcome_if_the_callee_can_be_interrupted_too() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.add
            old> REGISTER 1 {} com.acme.old
            alice> CALL 1 {"receive_progress":true} com.acme.add
            alice> CALL 2 {"receive_progress":true} com.acme.old
            alice> CALL 3 {"receive_progress":false} com.acme.add
            old> YIELD inv#1 {} ["once"]
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            old< REGISTERED 1 reg#2
            bob< INVOCATION inv#1 reg#1 {"receive_progress":true}
            old< INVOCATION inv#1 reg#2 {}
            bob< INVOCATION inv#2 reg#1 {}
            alice< RESULT 2 {} ["once"]
        "#]],
    );
}

/// Conformance: PCR-03, ORD-03
#[test]
fn pcr_02_progressive_results_come_before_the_final_one() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.count
            alice> CALL 1 {"receive_progress":true} com.acme.count
            bob> YIELD inv#1 {"progress":true} [1]
            bob> YIELD inv#1 {"progress":true}
            bob> YIELD inv#1 {} [3]
            bob> YIELD inv#1 {"progress":true} [4]
            alice> CALL 2 {"receive_progress":true} com.acme.count
            bob> YIELD inv#2 {"progress":true} [1]
            bob> ERROR inv#2 {} com.acme.enough
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {"receive_progress":true}
            alice< RESULT 1 {"progress":true} [1]
            alice< RESULT 1 {"progress":true}
            alice< RESULT 1 {} [3]
            bob< INVOCATION inv#2 reg#1 {"receive_progress":true}
            alice< RESULT 2 {"progress":true} [1]
            alice< ERROR CALL 2 {} com.acme.enough
        "#]],
    );
}

#[test]
fn pcr_04_progress_that_nobody_asked_for_is_not_delivered() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.count
            alice> CALL 1 {} com.acme.count
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

/// A call may have been with a callee that was told that progress is welcome, before it goes to all.
///
/// Conformance: RRT-01
#[test]
fn pcr_04_progress_is_as_welcome_as_the_last_invocation_said() {
    check_with(
        with_queue(1, 1000),
        r#"
            a is acme in role anyone
            b is acme in role anyone
            new is acme in role anyone
            a> REGISTER 1 {"invoke":"roundrobin","concurrency":1} com.acme.queued.count
            b> REGISTER 1 {"invoke":"roundrobin","concurrency":1} com.acme.queued.count
            alice> CALL 1 {"receive_progress":true} com.acme.queued.count
            alice> CALL 2 {} com.acme.queued.count
            a> ERROR inv#1 {} wamp.error.unavailable
            new> REGISTER 1 {"invoke":"all","force_reregister":true} com.acme.queued.count
            new> YIELD inv#1 {"progress":true} [1]
            new> YIELD inv#1 {} [2]
            b> YIELD inv#1 {} [3]
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            b< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {"receive_progress":true}
            b< INVOCATION inv#1 reg#1 {}
            a< UNREGISTERED 0 {"registration":reg#1,"reason":"trunkline.reason.registration_taken_over"}
            b< UNREGISTERED 0 {"registration":reg#1,"reason":"trunkline.reason.registration_taken_over"}
            new< REGISTERED 1 reg#1
            new< INVOCATION inv#1 reg#1 {}
            alice< RESULT 1 {"progress":true} [{"args":[2],"kwargs":{}}]
            alice< RESULT 1 {} [{"args":[2],"kwargs":{}}]
            alice< RESULT 2 {} [3]
        "#]],
    );
}

#[test]
fn pcr_06_progress_for_a_caller_that_left_is_dropped() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.count
            alice> CALL 1 {"receive_progress":true} com.acme.count
            alice> leave
            bob> YIELD inv#1 {"progress":true} [1]
            bob> YIELD inv#1 {} [2]
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {"receive_progress":true}
            bob< INTERRUPT 1 {"mode":"killnowait"}
        "#]],
    );
}

/// Conformance: PCI-01, PCI-14
#[test]
fn pci_02_chunks_share_the_request_of_their_invocation() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.sum
            stream> CALL 1 {"progress":true,"receive_progress":true} com.acme.sum [1]
            stream> CALL 1 {"progress":true} com.acme.sum [2]
            bob> YIELD inv#1 {"progress":true} ["so far"]
            stream> CALL 1 {} com.acme.sum [3]
            bob> YIELD inv#1 {} [6]
            stream> CALL 2 {} com.acme.sum [7]
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {"receive_progress":true,"progress":true} [1]
            bob< INVOCATION inv#1 reg#1 {"receive_progress":true,"progress":true} [2]
            stream< RESULT 1 {"progress":true} ["so far"]
            bob< INVOCATION inv#1 reg#1 {"receive_progress":true} [3]
            stream< RESULT 1 {} [6]
            bob< INVOCATION inv#2 reg#1 {} [7]
        "#]],
    );
}

#[test]
fn pci_04_a_callee_that_lacks_it_is_not_invoked() {
    check(
        r#"
            old> REGISTER 1 {} com.acme.sum
            stream> CALL 1 {"progress":true} com.acme.sum [1]
            stream> CALL 1 {} com.acme.sum [2]
        "#,
        expect![[r#"
            old< REGISTERED 1 reg#1
            stream< ERROR CALL 1 {} wamp.error.feature_not_supported ["the callee does not take progressive call invocations"]
        "#]],
    );
}

#[test]
fn pci_05_all_chunks_go_to_the_callee_of_the_first() {
    check(
        r#"
            a> REGISTER 1 {"invoke":"roundrobin"} com.acme.sum
            b> REGISTER 1 {"invoke":"roundrobin"} com.acme.sum
            stream> CALL 1 {"progress":true} com.acme.sum [1]
            c> REGISTER 1 {"invoke":"roundrobin"} com.acme.sum
            a> UNREGISTER 2 reg#1
            stream> CALL 1 {"progress":true} com.acme.sum [2]
            stream> CALL 1 {} com.acme.sum [3]
            a> YIELD inv#1 {} [6]
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            b< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {"progress":true} [1]
            c< REGISTERED 1 reg#1
            a< UNREGISTERED 2
            a< INVOCATION inv#1 reg#1 {"progress":true} [2]
            a< INVOCATION inv#1 reg#1 {} [3]
            stream< RESULT 1 {} [6]
        "#]],
    );
}

/// Conformance: PCI-08, PPT-11
#[test]
fn pci_06_options_are_those_of_the_first_chunk() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.sum
            stream> CALL 1 {"progress":true,"disclose_me":true,"ppt_scheme":"x_acme","ppt_serializer":"cbor"} com.acme.sum [1]
            stream> CALL 1 {"progress":true,"disclose_me":false,"ppt_scheme":"x_other","receive_progress":true,"timeout":5} com.acme.sum [2]
            stream> CALL 1 {} com.acme.sum [3]
            bob> YIELD inv#1 {} [6]
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {"progress":true,"caller":2,"caller_authid":"stream","caller_authrole":"anyone","ppt_scheme":"x_acme","ppt_serializer":"cbor"} [1]
            bob< INVOCATION inv#1 reg#1 {"progress":true,"caller":2,"caller_authid":"stream","caller_authrole":"anyone","ppt_scheme":"x_acme","ppt_serializer":"cbor"} [2]
            bob< INVOCATION inv#1 reg#1 {"caller":2,"caller_authid":"stream","caller_authrole":"anyone","ppt_scheme":"x_acme","ppt_serializer":"cbor"} [3]
            stream< RESULT 1 {} [6]
        "#]],
    );
}

/// Conformance: PV-07
#[test]
fn pci_10_more_of_a_call_that_was_not_progressive_is_a_violation() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.sum
            stream> CALL 1 {} com.acme.sum [1]
            stream> CALL 1 {"progress":true} com.acme.sum [2]
            bob> YIELD inv#1 {}
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {} [1]
            stream! CALL continues call 1, which was not started with progress
            bob< INTERRUPT 1 {"mode":"killnowait"}
        "#]],
    );
}

#[test]
fn pci_10_more_behind_the_last_chunk_or_of_another_procedure_is_a_violation() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.sum
            stream1> CALL 1 {"progress":true} com.acme.sum [1]
            stream1> CALL 1 {} com.acme.sum [2]
            stream1> CALL 1 {} com.acme.sum [3]
            stream2> CALL 1 {"progress":true} com.acme.sum [1]
            stream2> CALL 1 {} com.acme.other [2]
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {"progress":true} [1]
            bob< INVOCATION inv#1 reg#1 {} [2]
            stream1! CALL continues call 1, which was not started with progress
            bob< INTERRUPT 1 {"mode":"killnowait"}
            bob< INVOCATION inv#2 reg#1 {"progress":true} [1]
            stream2! CALL continues call 1, which was not started with progress
            bob< INTERRUPT 2 {"mode":"killnowait"}
        "#]],
    );
}

/// Conformance: PCI-12
#[test]
fn pci_11_chunks_of_a_call_that_is_over_are_dropped() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.sum
            stream> CALL 2 {"progress":true} com.acme.sum [1]
            bob> ERROR inv#1 {} com.acme.enough
            stream> CALL 2 {"progress":true} com.acme.sum [2]
            stream> CALL 2 {} com.acme.sum [3]
            stream> CALL 1 {"progress":true} com.acme.sum [4]
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {"progress":true} [1]
            stream< ERROR CALL 2 {} com.acme.enough
        "#]],
    );
}

#[test]
fn pci_14_interrupted_if_the_caller_leaves_canceled_if_the_callee_does() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.sum
            stream> CALL 1 {"progress":true} com.acme.sum [1]
            stream> leave
            stream2> CALL 1 {"progress":true} com.acme.sum [1]
            bob> leave
            stream2> CALL 1 {} com.acme.sum [2]
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {"progress":true} [1]
            bob< INTERRUPT 1 {"mode":"killnowait"}
            bob< INVOCATION inv#2 reg#1 {"progress":true} [1]
            stream2< ERROR CALL 1 {} wamp.error.canceled ["the callee is gone"]
        "#]],
    );
}

#[test]
fn pci_10_a_chunk_that_finds_no_room_ends_the_call() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.sum
            stream> CALL 1 {"progress":true} com.acme.sum [1]
            bob is full
            stream> CALL 1 {"progress":true} com.acme.sum [2]
            bob is ready
            stream> CALL 1 {} com.acme.sum [3]
            bob> YIELD inv#1 {}
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {"progress":true} [1]
            stream< ERROR CALL 1 {} wamp.error.unavailable ["there is no room for more of the call"]
            bob< INTERRUPT 1 {"mode":"killnowait"}
        "#]],
    );
}

/// Conformance: RAW-13
#[test]
fn pci_10_a_chunk_that_cannot_be_carried_ends_the_call() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.sum
            stream> CALL 1 {"progress":true} com.acme.sum [1]
            stream> CALL 1 {"progress":true} com.acme.sum [2]
            bob cannot take inv#1
            stream> CALL 1 {} com.acme.sum [3]
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {"progress":true} [1]
            bob< INVOCATION inv#1 reg#1 {"progress":true} [2]
            bob< INTERRUPT 1 {"mode":"killnowait"}
            stream< ERROR CALL 1 {} wamp.error.payload_size_exceeded
        "#]],
    );
}

#[test]
fn con_05_chunks_wait_with_their_call() {
    check_with(
        with_queue(2, 1024),
        r#"
            a> REGISTER 1 {"concurrency":1} com.acme.queued.sum
            bob> CALL 1 {} com.acme.queued.sum
            stream> CALL 1 {"progress":true} com.acme.queued.sum [1]
            stream> CALL 1 {"progress":true} com.acme.queued.sum [2]
            a> YIELD inv#1 {}
            stream> CALL 1 {} com.acme.queued.sum [3]
            a> YIELD inv#2 {} [6]
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {}
            bob< RESULT 1 {}
            a< INVOCATION inv#2 reg#1 {"progress":true} [1]
            a< INVOCATION inv#2 reg#1 {"progress":true} [2]
            a< INVOCATION inv#2 reg#1 {} [3]
            stream< RESULT 1 {} [6]
        "#]],
    );
}

/// Conformance: CON-04
#[test]
fn con_05_chunks_that_have_no_room_to_wait_end_the_call() {
    check_with(
        with_queue(2, 600),
        r#"
            a> REGISTER 1 {"concurrency":1} com.acme.queued.sum
            bob> CALL 1 {} com.acme.queued.sum
            stream> CALL 1 {"progress":true} com.acme.queued.sum [1]
            stream> CALL 1 {"progress":true} com.acme.queued.sum ["xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"]
            stream> CALL 1 {"progress":true} com.acme.queued.sum ["xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"]
            stream> CALL 1 {} com.acme.queued.sum [3]
            a> YIELD inv#1 {}
        "#,
        expect![[r#"
            a< REGISTERED 1 reg#1
            a< INVOCATION inv#1 reg#1 {}
            stream< ERROR CALL 1 {} wamp.error.unavailable ["there is no room for more of the call"]
            bob< RESULT 1 {}
        "#]],
    );
}

#[test]
fn pci_05_chunks_go_to_a_callee_that_took_its_registration_back() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.sum
            stream> CALL 1 {"progress":true} com.acme.sum [1]
            bob> UNREGISTER 2 reg#1
            stream> CALL 1 {"progress":true} com.acme.sum [2]
            carol> REGISTER 1 {} com.acme.other
            stream> CALL 1 {} com.acme.sum [3]
            bob> YIELD inv#1 {} [6]
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {"progress":true} [1]
            bob< UNREGISTERED 2
            bob< INVOCATION inv#1 reg#1 {"progress":true} [2]
            carol< REGISTERED 1 reg#2
            bob< INVOCATION inv#1 reg#1 {} [3]
            stream< RESULT 1 {} [6]
        "#]],
    );
}

/// Conformance: PCI-10
#[test]
fn can_03_a_callee_is_interrupted_once_even_if_a_chunk_cannot_be_carried() {
    check(
        r#"
            bob> REGISTER 1 {} com.acme.sum
            stream> CALL 1 {"progress":true} com.acme.sum [1]
            stream> CANCEL 1 {"mode":"kill"}
            bob cannot take inv#1
        "#,
        expect![[r#"
            bob< REGISTERED 1 reg#1
            bob< INVOCATION inv#1 reg#1 {"progress":true} [1]
            bob< INTERRUPT 1 {"mode":"kill"}
            stream< ERROR CALL 1 {} wamp.error.payload_size_exceeded
        "#]],
    );
}
