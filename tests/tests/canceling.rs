//! Calls that their callers cancel or leave behind.

use trunkline_tests::{Peer, TestRouter, Via, error};
use wamp_proto::MessageCode;
use wamp_proto::error_uri::CANCELED;

const WORK: &str = "com.example.work";

/// Conformance: PCR-06
#[tokio::test]
async fn can_02_skip_answers_the_caller_and_the_callee_hears_nothing() {
    let router = TestRouter::start().await;
    for (ours, theirs) in Via::mixed() {
        let mut alice = Peer::join_with_features(&router, "alice", ours).await;
        let mut bob = Peer::join_with_features(&router, "bob", theirs).await;
        bob.register(WORK).await;
        let call = alice.call_with(r#"{"receive_progress":true}"#, r#""com.example.work""#).await;
        let invocation = bob.expect_invocation().await;
        alice.send(&format!(r#"[49,{call},{{"mode":"skip"}}]"#)).await;
        alice.expect_error(MessageCode::Call, call, CANCELED).await;
        bob.expect_silence().await;
        // Too late, and no violation.
        bob.send(r#"[70,1,{"progress":true},["progress"]]"#).await;
        bob.answer(&invocation, r#"["late"]"#).await;
        bob.expect_silence().await;
        alice.send(&format!(r#"[49,{call},{{"mode":"skip"}}]"#)).await;
        alice.expect_silence().await;
    }
}

/// Conformance: CAN-07
#[tokio::test]
async fn can_03_kill_leaves_the_answer_to_the_callee() {
    let router = TestRouter::start().await;
    for (ours, theirs) in Via::mixed() {
        let mut alice = Peer::join_with_features(&router, "alice", ours).await;
        let mut bob = Peer::join_with_features(&router, "bob", theirs).await;
        bob.register(WORK).await;
        for (number, answer, expected) in [
            (
                1,
                r#"[8,68,1,{},"wamp.error.canceled",["stopped"]]"#,
                r#"{},"wamp.error.canceled",["stopped"]]"#,
            ),
            (2, r#"[8,68,2,{},"com.example.error"]"#, r#"{},"com.example.error"]"#),
            (3, r#"[70,3,{},["done before"]]"#, r#"{},["done before"]]"#),
        ] {
            let call = alice.call(WORK, "").await;
            bob.expect_invocation().await;
            alice.send(&format!(r#"[49,{call},{{"mode":"kill"}}]"#)).await;
            bob.expect_message(&format!(r#"[69,{number},{{"mode":"kill"}}]"#)).await;
            // Nothing yet, and a second CANCEL changes nothing.
            alice.send(&format!(r#"[49,{call},{{"mode":"skip"}}]"#)).await;
            alice.expect_silence().await;
            bob.send(answer).await;
            let head = if answer.starts_with("[8") { "[8,48" } else { "[50" };
            alice.expect_message(&format!("{head},{call},{expected}")).await;
        }
        bob.expect_silence().await;
    }
}

/// Conformance: CAN-01
#[tokio::test]
async fn can_04_killnowait_and_no_mode_interrupt_and_answer_at_once() {
    let router = TestRouter::start().await;
    for (ours, theirs) in Via::mixed() {
        let mut alice = Peer::join_with_features(&router, "alice", ours).await;
        let mut bob = Peer::join_with_features(&router, "bob", theirs).await;
        bob.register(WORK).await;
        for (number, options) in [(1, r#"{"mode":"killnowait"}"#), (2, "{}")] {
            let call = alice.call(WORK, "").await;
            bob.expect_invocation().await;
            alice.send(&format!("[49,{call},{options}]")).await;
            alice.expect_error(MessageCode::Call, call, CANCELED).await;
            bob.expect_message(&format!(r#"[69,{number},{{"mode":"killnowait"}}]"#)).await;
            bob.send(&format!(r#"[8,68,{number},{{}},"wamp.error.canceled"]"#)).await;
            bob.expect_silence().await;
            alice.expect_silence().await;
        }
    }
}

#[tokio::test]
async fn can_05_a_callee_that_cannot_be_interrupted_is_skipped() {
    let router = TestRouter::start().await;
    for (ours, theirs) in Via::mixed() {
        let mut alice = Peer::join_with_features(&router, "alice", ours).await;
        let mut old = Peer::join_via(&router, "old", theirs).await;
        old.register(WORK).await;
        for mode in ["kill", "killnowait", "skip"] {
            let call = alice.call(WORK, "").await;
            let invocation = old.expect_invocation().await;
            alice.send(&format!(r#"[49,{call},{{"mode":"{mode}"}}]"#)).await;
            alice.expect_error(MessageCode::Call, call, CANCELED).await;
            old.expect_silence().await;
            old.answer(&invocation, "").await;
            alice.expect_silence().await;
        }
    }
}

#[tokio::test]
async fn can_06_kill_ends_with_a_callee_that_dies() {
    let router = TestRouter::start().await;
    for (ours, theirs) in Via::mixed() {
        let mut alice = Peer::join_with_features(&router, "alice", ours).await;
        let mut bob = Peer::join_with_features(&router, "bob", theirs).await;
        bob.register(WORK).await;
        let call = alice.call(WORK, "").await;
        bob.expect_invocation().await;
        alice.send(&format!(r#"[49,{call},{{"mode":"kill"}}]"#)).await;
        bob.expect_message(r#"[69,1,{"mode":"kill"}]"#).await;
        drop(bob);
        let [] = alice.expect(&error(48, call, CANCELED)).await;
    }
}

/// Conformance: PCI-14
#[tokio::test]
async fn rpc_07_a_callee_is_interrupted_when_its_caller_is_gone() {
    let router = TestRouter::start().await;
    for (ours, theirs) in Via::mixed() {
        let mut bob = Peer::join_with_features(&router, "bob", theirs).await;
        bob.register(WORK).await;
        for (number, options) in [(1, "{}"), (2, r#"{"progress":true}"#)] {
            let mut alice = Peer::join_with_features(&router, "alice", ours).await;
            alice.call_with(options, r#""com.example.work""#).await;
            bob.expect_invocation().await;
            // Once with GOODBYE, once without.
            if number == 1 {
                alice.send(r#"[6,{},"wamp.close.close_realm"]"#).await;
                alice.expect_goodbye("wamp.close.goodbye_and_out").await;
            }
            drop(alice);
            bob.expect_message(&format!(r#"[69,{number},{{"mode":"killnowait"}}]"#)).await;
            bob.send(&format!("[70,{number},{{}}]")).await;
            bob.expect_silence().await;
        }
    }
}
