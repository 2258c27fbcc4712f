//! Calls that take too long. Time really passes here: what is shown is the order in which calls end.

use trunkline_tests::{Peer, TestRouter, Via, config};
use wamp_proto::MessageCode;
use wamp_proto::error_uri::TIMEOUT;

const WORK: &str = r#""com.example.work""#;

/// Conformance: TMO-01
#[tokio::test]
async fn tmo_02_a_call_that_takes_too_long_ends_and_its_callee_is_interrupted() {
    let router = TestRouter::start().await;
    for (ours, theirs) in Via::mixed() {
        let mut alice = Peer::join_with_features(&router, "alice", ours).await;
        let mut bob = Peer::join_with_features(&router, "bob", theirs).await;
        let work = bob.register("com.example.work").await;
        let patient = alice.call_with(r#"{"timeout":0}"#, WORK).await;
        bob.expect_invocation().await;
        let call = alice.call_with(r#"{"timeout":30}"#, WORK).await;
        // Not forwarded: the router minds it.
        bob.expect_message(&format!("[68,2,{work},{{}}]")).await;
        let refusal = alice.expect_error(MessageCode::Call, call, TIMEOUT).await;
        assert!(refusal.details.is_empty());
        bob.expect_message(r#"[69,2,{"mode":"killnowait"}]"#).await;
        bob.send(r#"[70,2,{},["too late"]]"#).await;
        bob.send(r#"[70,1,{},["in time"]]"#).await;
        alice.expect_message(&format!(r#"[50,{patient},{{}},["in time"]]"#)).await;
    }
}

/// Conformance: CAN-05
#[tokio::test]
async fn tmo_02_a_callee_that_cannot_be_interrupted_hears_nothing() {
    let router = TestRouter::start().await;
    for (ours, theirs) in Via::mixed() {
        let mut alice = Peer::join_via(&router, "alice", ours).await;
        let mut old = Peer::join_via(&router, "old", theirs).await;
        old.register("com.example.work").await;
        let call = alice.call_with(r#"{"timeout":30}"#, WORK).await;
        let invocation = old.expect_invocation().await;
        alice.expect_error(MessageCode::Call, call, TIMEOUT).await;
        old.expect_silence().await;
        old.answer(&invocation, "").await;
        old.expect_silence().await;
        alice.expect_silence().await;
    }
}

#[tokio::test]
async fn tmo_03_a_time_out_that_the_callee_minds_is_forwarded() {
    let router = TestRouter::start().await;
    for (ours, theirs) in Via::mixed() {
        let mut alice = Peer::join_with_features(&router, "alice", ours).await;
        let mut bob = Peer::join_with_features(&router, "bob", theirs).await;
        let forwarded = bob.register_with(r#"{"forward_timeout":true}"#, "com.example.work").await;
        bob.register("com.example.other").await;
        let minded = alice.call_with(r#"{"timeout":10}"#, WORK).await;
        // What is left of it: a millisecond may have passed.
        let [left] = bob.expect(&format!(r#"[68,1,{forwarded},{{"timeout":#}}]"#)).await;
        assert!((1..=10).contains(&left), "{left}");
        let other = alice.call_with(r#"{"timeout":60}"#, r#""com.example.other""#).await;
        bob.expect_invocation().await;
        // The earlier time-out would have come first.
        alice.expect_error(MessageCode::Call, other, TIMEOUT).await;
        bob.expect_message(r#"[69,2,{"mode":"killnowait"}]"#).await;
        bob.send(r#"[8,68,1,{},"wamp.error.timeout",["of the callee"]]"#).await;
        alice
            .expect_message(&format!(r#"[8,48,{minded},{{}},"wamp.error.timeout",["of the callee"]]"#))
            .await;
    }
}

#[tokio::test]
async fn tmo_03_a_realm_bounds_calls_that_bring_no_time_out() {
    let mut config = config();
    config.realms[0].rules.call_timeout_ms = 30;
    let router = TestRouter::with(&config).await;
    for (ours, theirs) in Via::mixed() {
        let mut alice = Peer::join_with_features(&router, "alice", ours).await;
        let mut bob = Peer::join_with_features(&router, "bob", theirs).await;
        bob.register("com.example.work").await;
        for (number, options) in [(1, "{}"), (2, r#"{"timeout":3600000}"#)] {
            let call = alice.call_with(options, WORK).await;
            bob.expect_invocation().await;
            alice.expect_error(MessageCode::Call, call, TIMEOUT).await;
            bob.expect_message(&format!(r#"[69,{number},{{"mode":"killnowait"}}]"#)).await;
        }
    }
}

#[tokio::test]
async fn pcr_08_with_progressive_results_it_is_the_time_between_two() {
    let router = TestRouter::start().await;
    let (ours, theirs) = Via::mixed().next().expect("a pair");
    let mut alice = Peer::join_with_features(&router, "alice", ours).await;
    let mut bob = Peer::join_with_features(&router, "bob", theirs).await;
    bob.register("com.example.work").await;
    let progressive = alice.call_with(r#"{"timeout":1500,"receive_progress":true}"#, WORK).await;
    let plain = alice.call_with(r#"{"timeout":1650}"#, WORK).await;
    let early = alice.call_with(r#"{"timeout":300}"#, WORK).await;
    for _ in 0..3 {
        bob.expect_invocation().await;
    }
    alice.expect_error(MessageCode::Call, early, TIMEOUT).await;
    bob.expect_message(r#"[69,3,{"mode":"killnowait"}]"#).await;
    bob.send(r#"[70,1,{"progress":true},[1]]"#).await;
    alice.expect_message(&format!(r#"[50,{progressive},{{"progress":true}},[1]]"#)).await;
    // The first call would have ended before the second, had its time not begun anew.
    alice.expect_error(MessageCode::Call, plain, TIMEOUT).await;
    alice.expect_error(MessageCode::Call, progressive, TIMEOUT).await;
    bob.expect_message(r#"[69,2,{"mode":"killnowait"}]"#).await;
    bob.expect_message(r#"[69,1,{"mode":"killnowait"}]"#).await;
}
