//! Shared registrations, how many invocations a callee takes at a time, and calls that wait.

use trunkline::config::{CallQueue, Config, MatchPolicy, Profile};
use trunkline_tests::{Peer, TestRouter, Via, config};
use wamp_proto::MessageCode;
use wamp_proto::error_uri::{
    CROSSBAR_MAX_CONCURRENCY_REACHED, MAX_CONCURRENCY_REACHED, NO_SUCH_PROCEDURE, PROCEDURE_ALREADY_EXISTS,
};

/// Two calls of each procedure below `com.example.queued.` may wait.
fn with_queues() -> Config {
    let mut config = config();
    config.realms[0].rules.call_queues = vec![CallQueue {
        uri: "com.example.queued.".to_owned(),
        match_policy: MatchPolicy::Prefix,
        limit: 2,
        max_bytes: 4096,
    }];
    config
}

/// Conformance: SHR-03, SHR-04
#[tokio::test]
async fn shr_01_every_policy_chooses_as_it_says() {
    let router = TestRouter::start().await;
    let mut caller = Peer::join(&router, "caller").await;
    for via in Via::serializers() {
        let mut first = Peer::join_via(&router, "first", via).await;
        let mut last = Peer::join_via(&router, "last", via).await;
        for (policy, expected) in
            [("first", vec![0, 0, 0]), ("last", vec![1, 1, 1]), ("roundrobin", vec![0, 1, 0, 1])]
        {
            let procedure = format!("com.example.{policy}");
            let options = format!(r#"{{"invoke":"{policy}"}}"#);
            let registration = first.register_with(&options, &procedure).await;
            assert_eq!(last.register_with(&options, &procedure).await, registration);
            assert_eq!(last.register_with(&options, &procedure).await, registration);
            for chosen in expected {
                let call = caller.call(&procedure, "").await;
                let callee = if chosen == 0 { &mut first } else { &mut last };
                let invocation = callee.expect_invocation().await;
                callee.answer(&invocation, "").await;
                caller.expect_result(call).await;
            }
        }
        drop((first, last));
        router.wait_until("the callees are gone", |router| router.sessions() == 1).await;
    }
}

#[tokio::test]
async fn shr_03_random_reaches_everybody() {
    let router = TestRouter::start().await;
    let mut caller = Peer::join(&router, "caller").await;
    let options = r#"{"invoke":"random"}"#;
    let mut callees = Vec::new();
    for name in ["alice", "bob", "carol"] {
        let mut callee = Peer::join(&router, name).await;
        callee.register_with(options, "com.example.any").await;
        callees.push(callee);
    }
    const CALLS: usize = 300;
    for _ in 0..CALLS {
        caller.call("com.example.any", "").await;
    }
    caller.expect_silence().await;
    let mut counts = Vec::new();
    for mut callee in callees {
        // What came before the acknowledgement of this.
        let request = callee.next_request();
        callee.send(&format!(r#"[16,{request},{{"acknowledge":true}},"com.example.count"]"#)).await;
        let mut count = 0;
        while callee.receive().await.code() == MessageCode::Invocation {
            count += 1;
        }
        counts.push(count);
    }
    assert_eq!(counts.iter().sum::<usize>(), CALLS);
    // A third each; less than half of that has a chance below 10^-9.
    assert!(counts.iter().all(|count| *count > CALLS / 6), "{counts:?}");
}

#[tokio::test]
async fn shr_02_a_policy_that_differs_is_refused() {
    let router = TestRouter::start().await;
    let mut alice = Peer::join(&router, "alice").await;
    let mut bob = Peer::join(&router, "bob").await;
    alice.register_with(r#"{"invoke":"first"}"#, "com.example.shared").await;
    alice.register("com.example.single").await;
    for (request, message) in [
        (1, r#"[64,1,{"invoke":"last"},"com.example.shared"]"#),
        (2, r#"[64,2,{},"com.example.shared"]"#),
        (3, r#"[64,3,{"invoke":"first"},"com.example.single"]"#),
    ] {
        bob.send(message).await;
        bob.expect_error(MessageCode::Register, request, PROCEDURE_ALREADY_EXISTS).await;
    }
}

#[tokio::test]
async fn shr_03_a_stand_by_takes_over_when_the_first_callee_is_gone() {
    let router = TestRouter::start().await;
    let mut caller = Peer::join(&router, "caller").await;
    let mut alice = Peer::join(&router, "alice").await;
    let mut bob = Peer::join(&router, "bob").await;
    let options = r#"{"invoke":"first"}"#;
    alice.register_with(options, "com.example.add").await;
    bob.register_with(options, "com.example.add").await;
    // Without GOODBYE.
    drop(alice);
    router.wait_until("alice is gone", |router| router.sessions() == 2).await;
    let call = caller.call("com.example.add", "").await;
    let invocation = bob.expect_invocation().await;
    bob.answer(&invocation, "").await;
    caller.expect_result(call).await;
}

/// Conformance: CON-01, CON-06, CON-07
#[tokio::test]
async fn con_04_calls_wait_for_a_busy_callee_as_far_as_the_queue_goes() {
    let router = TestRouter::with(&with_queues()).await;
    for (round, via) in (1..).zip(Via::serializers()) {
        let mut caller = Peer::join_via(&router, "caller", via).await;
        let mut callee = Peer::join_via(&router, "callee", via).await;
        let procedure = "com.example.queued.work";
        let registration = callee.register_with(r#"{"concurrency":1}"#, procedure).await;
        let mut calls = Vec::new();
        for number in 0..3 {
            calls.push(caller.call(procedure, &format!("[{number}]")).await);
        }
        let refused = caller.call(procedure, "[3]").await;
        caller.expect_error(MessageCode::Call, refused, MAX_CONCURRENCY_REACHED).await;
        assert_eq!(router.router().counters().waiting_calls_over_limit.value(), round);
        for (number, call) in calls.iter().enumerate().take(2) {
            let invocation = callee.expect_invocation().await;
            assert_eq!(invocation.payload.values().unwrap().0, [(number as u64).into()]);
            callee.expect_silence().await;
            callee.answer(&invocation, "").await;
            caller.expect_result(*call).await;
        }
        let invocation = callee.expect_invocation().await;
        let waiting = caller.call(procedure, "").await;
        caller.expect_silence().await;
        callee.unregister(registration).await;
        caller.expect_error(MessageCode::Call, waiting, NO_SUCH_PROCEDURE).await;
        callee.answer(&invocation, "").await;
        caller.expect_result(calls[2]).await;
        drop((caller, callee));
        router.wait_until_empty().await;
    }
}

#[tokio::test]
async fn con_04_without_a_queue_a_busy_callee_is_an_error() {
    let mut config = config();
    config.realms[0].rules.profile = Profile::Crossbar;
    let crossbar = TestRouter::with(&config).await;
    let strict = TestRouter::start().await;
    for (router, error) in [(strict, MAX_CONCURRENCY_REACHED), (crossbar, CROSSBAR_MAX_CONCURRENCY_REACHED)] {
        let mut alice = Peer::join(&router, "alice").await;
        alice.register_with(r#"{"concurrency":1}"#, "com.example.work").await;
        alice.call("com.example.work", "").await;
        alice.expect_invocation().await;
        let refused = alice.call("com.example.work", "").await;
        alice.expect_error(MessageCode::Call, refused, error).await;
    }
}

/// Conformance: CON-05
#[tokio::test]
async fn con_03_who_leaves_takes_waiting_calls_along_and_keeps_the_callee_busy() {
    let router = TestRouter::with(&with_queues()).await;
    let procedure = "com.example.queued.work";
    let mut callee = Peer::join(&router, "callee").await;
    let mut gone = Peer::join(&router, "gone").await;
    let mut caller = Peer::join(&router, "caller").await;
    callee.register_with(r#"{"concurrency":1}"#, procedure).await;
    gone.call(procedure, r#"["taken"]"#).await;
    gone.call(procedure, r#"["waits"]"#).await;
    gone.expect_silence().await;
    drop(gone);
    router.wait_until("the caller is gone", |router| router.sessions() == 2).await;
    let call = caller.call(procedure, r#"["mine"]"#).await;
    caller.expect_silence().await;
    let invocation = callee.expect_invocation().await;
    callee.expect_silence().await;
    callee.answer(&invocation, "").await;
    let invocation = callee.expect_invocation().await;
    assert_eq!(invocation.payload.values().unwrap().0, ["mine".into()]);
    callee.answer(&invocation, "").await;
    caller.expect_result(call).await;
}

/// Conformance: RRV-01
#[tokio::test]
async fn con_08_the_same_principal_takes_a_registration_over() {
    let router = TestRouter::start().await;
    let mut old = Peer::join_as(&router, "service", "anonymous").await;
    let mut new = Peer::join_as(&router, "service", "anonymous").await;
    let mut stranger = Peer::join(&router, "stranger").await;
    let registration = old.register("com.example.add").await;
    stranger.send(r#"[64,1,{"force_reregister":true},"com.example.add"]"#).await;
    stranger.expect_error(MessageCode::Register, 1, PROCEDURE_ALREADY_EXISTS).await;
    assert_eq!(new.register_with(r#"{"force_reregister":true}"#, "com.example.add").await, registration);
    // It did not announce that it takes revocations.
    old.expect_silence().await;

    let roles = r#"{"roles":{"callee":{"features":{"registration_revocation":true}},"publisher":{}}}"#;
    let mut told = Peer::connect_as(&router, "service", "anonymous");
    told.send(&format!(r#"[1,"{}",{roles}]"#, trunkline_tests::STRICT)).await;
    told.expect_welcome().await;
    told.register_with(r#"{"force_reregister":true}"#, "com.example.add").await;
    new.register_with(r#"{"force_reregister":true}"#, "com.example.add").await;
    let reason = "trunkline.reason.registration_taken_over";
    told.expect_message(&format!(r#"[67,0,{{"registration":{registration},"reason":"{reason}"}}]"#)).await;
    let call = stranger.call("com.example.add", "").await;
    let invocation = new.expect_invocation().await;
    new.answer(&invocation, "").await;
    stranger.expect_result(call).await;
}
