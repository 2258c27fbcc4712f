//! Registrations with several callees: who else is called, which shard, all of them, and the least busy one.

use std::collections::BTreeMap;

use trunkline_tests::{Peer, TestRouter, Via};
use wamp_proto::error_uri::{INVALID_ARGUMENT, NO_AVAILABLE_CALLEE};
use wamp_proto::{Message, MessageCode, Value};

/// Conformance: RRT-02, RRT-03
#[tokio::test]
async fn rrt_01_who_cannot_attend_to_a_call_has_it_given_to_another() {
    let router = TestRouter::start().await;
    for (ours, theirs) in Via::mixed() {
        let mut caller = Peer::join_via(&router, "caller", ours).await;
        let mut alice = Peer::join_with_features(&router, "alice", theirs).await;
        let mut bob = Peer::join_with_features(&router, "bob", ours).await;
        let shared = r#"{"invoke":"first"}"#;
        alice.register_with(shared, "com.example.work").await;
        bob.register_with(shared, "com.example.work").await;
        let call = caller.call("com.example.work", r#"[1],{"k":"v"}"#).await;
        let first = alice.expect_invocation().await;
        alice.send(&format!(r#"[8,68,{},{{}},"wamp.error.unavailable"]"#, first.request)).await;
        // The caller is none the wiser.
        caller.expect_silence().await;
        let second = bob.expect_invocation().await;
        assert_eq!(second.payload.values().unwrap(), first.payload.values().unwrap());
        bob.answer(&second, r#"["bob"]"#).await;
        caller.expect_message(&format!(r#"[50,{call},{{}},["bob"]]"#)).await;
        // Nobody is asked twice.
        let call = caller.call("com.example.work", "").await;
        for callee in [&mut alice, &mut bob] {
            let invocation = callee.expect_invocation().await;
            callee.send(&format!(r#"[8,68,{},{{}},"wamp.error.unavailable"]"#, invocation.request)).await;
        }
        caller.expect_error(MessageCode::Call, call, NO_AVAILABLE_CALLEE).await;
        alice.expect_silence().await;
        bob.expect_silence().await;
    }
}

#[tokio::test]
async fn srd_01_calls_with_the_same_key_have_the_same_callee() {
    const KEYS: usize = 30;
    let router = TestRouter::start().await;
    let mut callers = Vec::new();
    for via in Via::sockets() {
        callers.push(Peer::join_via(&router, "caller", via).await);
    }
    let mut callees = Vec::new();
    for via in Via::sockets() {
        let mut callee = Peer::join_via(&router, "callee", via).await;
        callee.register_with(r#"{"invoke":"roundrobin"}"#, "com.example.get").await;
        callees.push(callee);
    }
    for caller in &mut callers {
        for key in 0..KEYS {
            let options = format!(r#"{{"runmode":"partition","rkey":"article {key}"}}"#);
            caller.call_with(&options, &format!(r#""com.example.get",[{key}]"#)).await;
        }
        caller.expect_silence().await;
    }
    let mut shards: BTreeMap<i128, Vec<usize>> = BTreeMap::new();
    for (number, callee) in callees.iter_mut().enumerate() {
        // What came before the acknowledgement of this.
        let request = callee.next_request();
        callee.send(&format!(r#"[16,{request},{{"acknowledge":true}},"com.example.count"]"#)).await;
        while let Message::Invocation(invocation) = callee.receive().await {
            let [Value::Integer(key)] = invocation.payload.values().unwrap().0[..] else {
                panic!("{invocation:?}");
            };
            shards.entry(key).or_default().push(number);
        }
    }
    assert_eq!(shards.len(), KEYS);
    let mut used = vec![false; callees.len()];
    for (key, numbers) in &shards {
        assert_eq!(numbers.len(), callers.len(), "article {key}");
        assert!(numbers.iter().all(|number| number == &numbers[0]), "article {key} is with {numbers:?}");
        used[numbers[0]] = true;
    }
    assert!(used.iter().filter(|is_used| **is_used).count() > 1, "all keys are with one callee");

    let keyless = callers[0].call_with(r#"{"runmode":"partition"}"#, r#""com.example.get""#).await;
    callers[0].expect_error(MessageCode::Call, keyless, INVALID_ARGUMENT).await;
}

#[tokio::test]
async fn policy_all_puts_the_answers_of_all_callees_together() {
    let router = TestRouter::start().await;
    for (ours, theirs) in Via::mixed() {
        let mut caller = Peer::join_via(&router, "caller", ours).await;
        let mut alice = Peer::join_with_features(&router, "alice", theirs).await;
        let mut bob = Peer::join_with_features(&router, "bob", ours).await;
        alice.register_with(r#"{"invoke":"all"}"#, "com.example.vote").await;
        bob.register_with(r#"{"invoke":"all"}"#, "com.example.vote").await;
        for options in ["{}", r#"{"receive_progress":true}"#] {
            let call = caller.call_with(options, r#""com.example.vote",["?"]"#).await;
            let of_alice = alice.expect_invocation().await;
            let of_bob = bob.expect_invocation().await;
            assert_eq!(of_alice.payload.values().unwrap(), of_bob.payload.values().unwrap());
            bob.answer(&of_bob, r#"["yes","\u0000AAEC",1.5],{"n":null}"#).await;
            let yes = r#"{"args":["yes","\u0000AAEC",1.5],"kwargs":{"n":null}}"#;
            if options != "{}" {
                caller.expect_message(&format!(r#"[50,{call},{{"progress":true}},[{yes}]]"#)).await;
            }
            alice.send(&format!(r#"[8,68,{},{{}},"com.example.undecided",[7]]"#, of_alice.request)).await;
            let error = r#"{"error":"com.example.undecided","args":[7],"kwargs":{}}"#;
            if options != "{}" {
                caller.expect_message(&format!(r#"[50,{call},{{"progress":true}},[{error}]]"#)).await;
            }
            caller.expect_message(&format!("[50,{call},{{}},[{error},{yes}]]")).await;
        }
        // Who leaves is not waited for, and who is left is interrupted on cancel.
        let call = caller.call("com.example.vote", "").await;
        alice.expect_invocation().await;
        bob.expect_invocation().await;
        drop(alice);
        router.wait_until("alice is gone", |router| router.sessions() == 2).await;
        caller.send(&format!(r#"[49,{call},{{"mode":"kill"}}]"#)).await;
        bob.expect_message(r#"[69,3,{"mode":"kill"}]"#).await;
        bob.send("[70,3,{},[1]]").await;
        caller.expect_message(&format!(
            r#"[50,{call},{{}},[{{"error":"wamp.error.canceled","args":["the callee is gone"],"kwargs":{{}}}},{{"args":[1],"kwargs":{{}}}}]]"#
        ))
        .await;
        drop((caller, bob));
        router.wait_until_empty().await;
    }
}

#[tokio::test]
async fn policy_leastbusy_takes_the_callee_with_the_fewest_open_invocations() {
    let router = TestRouter::start().await;
    for (ours, theirs) in Via::mixed() {
        let mut caller = Peer::join_via(&router, "caller", ours).await;
        let mut alice = Peer::join_via(&router, "alice", theirs).await;
        let mut bob = Peer::join_via(&router, "bob", ours).await;
        for callee in [&mut alice, &mut bob] {
            callee.register_with(r#"{"invoke":"leastbusy"}"#, "com.example.work").await;
        }
        for number in 1..=4 {
            caller.call("com.example.work", &format!("[{number}]")).await;
        }
        alice.expect_invocation().await;
        alice.expect_invocation().await;
        let first = bob.expect_invocation().await;
        let second = bob.expect_invocation().await;
        for invocation in [&first, &second] {
            bob.answer(invocation, "").await;
        }
        caller.expect_result(2).await;
        caller.expect_result(4).await;
        for _ in 0..2 {
            caller.call("com.example.work", "").await;
            bob.expect_invocation().await;
        }
        alice.expect_silence().await;
    }
}
