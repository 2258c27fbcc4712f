//! Calls with more than one result, and calls that are made in more than one message.

use trunkline_tests::{Peer, RELAXED, STRICT, TestRouter, Via, error};
use wamp_proto::MessageCode;
use wamp_proto::error_uri::{CANCELED, FEATURE_NOT_SUPPORTED, PROTOCOL_VIOLATION};

const COUNT: &str = r#""com.example.count""#;

/// Conformance: PCR-03, ORD-03
#[tokio::test]
async fn pcr_02_progressive_results_come_before_the_final_answer() {
    let router = TestRouter::start().await;
    for (ours, theirs) in Via::mixed() {
        let mut alice = Peer::join_with_features(&router, "alice", ours).await;
        let mut bob = Peer::join_with_features(&router, "bob", theirs).await;
        let count = bob.register("com.example.count").await;
        let call = alice.call_with(r#"{"receive_progress":true}"#, COUNT).await;
        bob.expect_message(&format!(r#"[68,1,{count},{{"receive_progress":true}}]"#)).await;
        bob.send_all(&[
            r#"[70,1,{"progress":true},[1]]"#,
            r#"[70,1,{"progress":true}]"#,
            r#"[70,1,{"progress":true},[],{"n":3}]"#,
            "[70,1,{},[4]]",
            r#"[70,1,{"progress":true},["too late"]]"#,
        ])
        .await;
        for tail in [
            r#"{"progress":true},[1]]"#,
            r#"{"progress":true}]"#,
            r#"{"progress":true},[],{"n":3}]"#,
            "{},[4]]",
        ] {
            alice.expect_message(&format!("[50,{call},{tail}")).await;
        }
        bob.expect_silence().await;
        alice.expect_silence().await;
        // An ERROR ends it as well.
        let call = alice.call_with(r#"{"receive_progress":true}"#, COUNT).await;
        bob.expect_invocation().await;
        bob.send_all(&[r#"[70,2,{"progress":true},[1]]"#, r#"[8,68,2,{},"com.example.enough",[2]]"#]).await;
        alice.expect_message(&format!(r#"[50,{call},{{"progress":true}},[1]]"#)).await;
        alice.expect_message(&format!(r#"[8,48,{call},{{}},"com.example.enough",[2]]"#)).await;
    }
}

#[tokio::test]
async fn pcr_01_who_cannot_be_interrupted_is_asked_for_progress_in_no_strict_realm() {
    let router = TestRouter::start().await;
    for (realm, details) in [(STRICT, "{}"), (RELAXED, r#"{"receive_progress":true}"#)] {
        for (ours, theirs) in Via::mixed() {
            let mut alice = Peer::join_realm(&router, "alice", ours, realm).await;
            // As Autobahn|JS does.
            let mut bob = Peer::connect(&router, "bob", theirs).await;
            let roles = r#"{"callee":{"features":{"progressive_call_results":true}}}"#;
            bob.send(&format!(r#"[1,"{realm}",{{"roles":{roles}}}]"#)).await;
            bob.expect_welcome().await;
            let count = bob.register("com.example.count").await;
            let call = alice.call_with(r#"{"receive_progress":true}"#, COUNT).await;
            bob.expect_message(&format!("[68,1,{count},{details}]")).await;
            bob.send_all(&[r#"[70,1,{"progress":true},[1]]"#, "[70,1,{},[2]]"]).await;
            if realm == RELAXED {
                alice.expect_message(&format!(r#"[50,{call},{{"progress":true}},[1]]"#)).await;
            }
            alice.expect_message(&format!("[50,{call},{{}},[2]]")).await;
        }
    }
}

/// Conformance: PCI-01, PCI-06, PCI-10, PCI-14
#[tokio::test]
async fn pci_02_chunks_of_a_call_share_one_invocation() {
    let router = TestRouter::start().await;
    for (ours, theirs) in Via::mixed() {
        let mut alice = Peer::join_with_features(&router, "alice", ours).await;
        let mut bob = Peer::join_with_features(&router, "bob", theirs).await;
        let sum = bob.register("com.example.sum").await;
        alice.send(r#"[48,1,{"progress":true,"receive_progress":true},"com.example.sum",[1]]"#).await;
        bob.expect_message(&format!(r#"[68,1,{sum},{{"receive_progress":true,"progress":true}},[1]]"#)).await;
        // Both directions at once; another call does not disturb it.
        bob.send(r#"[70,1,{"progress":true},["so far",1]]"#).await;
        alice.expect_message(r#"[50,1,{"progress":true},["so far",1]]"#).await;
        alice.send(r#"[48,2,{},"com.example.sum",["another"]]"#).await;
        bob.expect_message(&format!(r#"[68,2,{sum},{{}},["another"]]"#)).await;
        alice
            .send(r#"[48,1,{"progress":true,"receive_progress":false,"timeout":1},"com.example.sum",[2]]"#)
            .await;
        bob.expect_message(&format!(r#"[68,1,{sum},{{"receive_progress":true,"progress":true}},[2]]"#)).await;
        alice.send(r#"[48,1,{},"com.example.sum",[3]]"#).await;
        bob.expect_message(&format!(r#"[68,1,{sum},{{"receive_progress":true}},[3]]"#)).await;
        bob.send_all(&["[70,1,{},[6]]", "[70,2,{}]"]).await;
        alice.expect_message("[50,1,{},[6]]").await;
        alice.expect_message("[50,2,{}]").await;
    }
}

/// Conformance: PV-12
#[tokio::test]
async fn pci_03_chunks_of_who_did_not_announce_them_are_a_violation() {
    let router = TestRouter::start().await;
    for via in Via::sockets() {
        let mut mallory = Peer::join_via(&router, "mallory", via).await;
        mallory.send(r#"[48,1,{"progress":true},"com.example.sum",[1]]"#).await;
        mallory.expect_abort(PROTOCOL_VIOLATION).await;
    }
}

#[tokio::test]
async fn pci_04_a_callee_that_takes_no_chunks_is_not_invoked() {
    let router = TestRouter::start().await;
    for (ours, theirs) in Via::mixed() {
        let mut alice = Peer::join_with_features(&router, "alice", ours).await;
        let mut old = Peer::join_via(&router, "old", theirs).await;
        old.register("com.example.count").await;
        let call = alice.call_with(r#"{"progress":true}"#, COUNT).await;
        alice.expect_error(MessageCode::Call, call, FEATURE_NOT_SUPPORTED).await;
        // Sent before the caller knew (PCI-11).
        alice.send(&format!("[48,{call},{{}},{COUNT}]")).await;
        alice.expect_silence().await;
        old.expect_silence().await;
    }
}

#[tokio::test]
async fn pci_05_chunks_stay_with_the_callee_of_the_first() {
    let router = TestRouter::start().await;
    for (ours, theirs) in Via::mixed() {
        let mut alice = Peer::join_with_features(&router, "alice", ours).await;
        let mut bob = Peer::join_with_features(&router, "bob", theirs).await;
        let mut carol = Peer::join_with_features(&router, "carol", ours).await;
        let shared = r#"{"invoke":"roundrobin"}"#;
        let count = bob.register_with(shared, "com.example.count").await;
        carol.register_with(shared, "com.example.count").await;
        alice.send(r#"[48,1,{"progress":true},"com.example.count",[1]]"#).await;
        bob.expect_message(&format!(r#"[68,1,{count},{{"progress":true}},[1]]"#)).await;
        bob.unregister(count).await;
        alice.send(r#"[48,1,{"progress":true},"com.example.count",[2]]"#).await;
        alice.send(r#"[48,1,{},"com.example.count",[3]]"#).await;
        bob.expect_message(&format!(r#"[68,1,{count},{{"progress":true}},[2]]"#)).await;
        bob.expect_message(&format!("[68,1,{count},{{}},[3]]")).await;
        carol.expect_silence().await;
        bob.send("[70,1,{},[6]]").await;
        alice.expect_message("[50,1,{},[6]]").await;
    }
}

/// Conformance: PCI-10, PV-07
#[tokio::test]
async fn pci_09_request_ids_that_no_chunk_may_have_are_a_violation() {
    let router = TestRouter::start().await;
    let mut bob = Peer::join_with_features(&router, "bob", Via::json()[0]).await;
    bob.register("com.example.count").await;
    bob.register("com.example.other").await;
    for via in Via::sockets() {
        for (first, second) in [
            // Beyond the next.
            (
                r#"[48,1,{"progress":true},"com.example.count"]"#,
                r#"[48,3,{"progress":true},"com.example.count"]"#,
            ),
            // More of a call that was complete, of one whose last chunk came, and of another procedure.
            (r#"[48,1,{},"com.example.count"]"#, r#"[48,1,{"progress":true},"com.example.count"]"#),
            (r#"[48,1,{},"com.example.count"]"#, r#"[48,1,{},"com.example.count"]"#),
            (r#"[48,1,{"progress":true},"com.example.count"]"#, r#"[48,1,{},"com.example.other"]"#),
        ] {
            let mut mallory = Peer::join_with_features(&router, "mallory", via).await;
            mallory.send(first).await;
            let invocation = bob.expect_invocation().await;
            mallory.send(second).await;
            mallory.expect_abort(PROTOCOL_VIOLATION).await;
            bob.expect_message(&format!(r#"[69,{},{{"mode":"killnowait"}}]"#, invocation.request)).await;
        }
    }
}

/// Conformance: PCI-12
#[tokio::test]
async fn pci_11_chunks_behind_the_end_of_a_call_are_dropped() {
    let router = TestRouter::start().await;
    for (ours, theirs) in Via::mixed() {
        let mut alice = Peer::join_with_features(&router, "alice", ours).await;
        let mut bob = Peer::join_with_features(&router, "bob", theirs).await;
        bob.register("com.example.count").await;
        alice.send(r#"[48,1,{"progress":true},"com.example.count",[1]]"#).await;
        bob.expect_invocation().await;
        bob.send(r#"[8,68,1,{},"com.example.enough"]"#).await;
        alice.expect_message(r#"[8,48,1,{},"com.example.enough"]"#).await;
        alice
            .send_all(&[
                r#"[48,1,{"progress":true},"com.example.count",[2]]"#,
                r#"[48,1,{},"com.example.count",[3]]"#,
            ])
            .await;
        alice.expect_silence().await;
        bob.expect_silence().await;
    }
}

#[tokio::test]
async fn pci_14_a_call_in_chunks_is_canceled_if_its_callee_leaves() {
    let router = TestRouter::start().await;
    for (ours, theirs) in Via::mixed() {
        let mut alice = Peer::join_with_features(&router, "alice", ours).await;
        let mut bob = Peer::join_with_features(&router, "bob", theirs).await;
        bob.register("com.example.count").await;
        let call = alice.call_with(r#"{"progress":true}"#, COUNT).await;
        bob.expect_invocation().await;
        drop(bob);
        let [] = alice.expect(&error(48, call, CANCELED)).await;
        alice.send(&format!("[48,{call},{{}},{COUNT}]")).await;
        alice.expect_silence().await;
    }
}
