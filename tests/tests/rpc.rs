//! Routed remote procedure calls.

use bytes::Bytes;
use trunkline_tests::{Peer, TestRouter, Transport, Via, error, event};
use wamp_proto::error_uri::{
    CANCELED, INVALID_ARGUMENT, INVALID_URI, NO_SUCH_PROCEDURE, NO_SUCH_REGISTRATION, PAYLOAD_SIZE_EXCEEDED,
    PROCEDURE_ALREADY_EXISTS,
};
use wamp_proto::{Message, MessageCode, SerializerId};

const RAW_JSON: Via = Via(Transport::RawSocket, SerializerId::Json);

#[tokio::test]
async fn rpc_01_register_gets_exactly_one_answer() {
    let router = TestRouter::start().await;
    for via in Via::sockets() {
        let mut alice = Peer::join_via(&router, "alice", via).await;
        let mut bob = Peer::join_via(&router, "bob", via).await;
        alice.send(r#"[64,1,{},"com.example.add"]"#).await;
        let [add] = alice.expect("[65,1,#]").await;
        assert!((1..=1 << 53).contains(&add));
        // Nobody else gets it, nor the same session twice.
        bob.send(r#"[64,1,{},"com.example.add"]"#).await;
        let refusal = bob.expect_error(MessageCode::Register, 1, PROCEDURE_ALREADY_EXISTS).await;
        assert!(refusal.details.is_empty());
        alice.send(r#"[64,2,{"invoke":"single"},"com.example.add"]"#).await;
        alice.expect_error(MessageCode::Register, 2, PROCEDURE_ALREADY_EXISTS).await;
        alice.send(r#"[64,3,{},"com..add"]"#).await;
        alice.expect_error(MessageCode::Register, 3, INVALID_URI).await;
        alice.expect_silence().await;
        alice.unregister(add).await;
        bob.register("com.example.add").await;
    }
}

#[tokio::test]
async fn rpc_02_unregister_is_for_registrations_that_the_session_holds() {
    let router = TestRouter::start().await;
    let mut bob = Peer::join(&router, "bob").await;
    let add = bob.register("com.example.add").await;
    for via in Via::sockets() {
        let mut alice = Peer::join_via(&router, "alice", via).await;
        alice.send(&format!("[66,1,{add}]")).await;
        alice.expect_error(MessageCode::Unregister, 1, NO_SUCH_REGISTRATION).await;
        alice.send("[66,2,777]").await;
        alice.expect_error(MessageCode::Unregister, 2, NO_SUCH_REGISTRATION).await;
        alice.send(r#"[64,3,{},"com.example.sub"]"#).await;
        let [sub] = alice.expect("[65,3,#]").await;
        alice.send(&format!("[66,4,{sub}]")).await;
        alice.expect_message("[67,4]").await;
        alice.send(&format!("[66,5,{sub}]")).await;
        alice.expect_error(MessageCode::Unregister, 5, NO_SUCH_REGISTRATION).await;
        alice.send(r#"[48,6,{},"com.example.sub"]"#).await;
        alice.expect_error(MessageCode::Call, 6, NO_SUCH_PROCEDURE).await;
        // Bob keeps his.
        alice.send(r#"[48,7,{},"com.example.add"]"#).await;
        let invocation = bob.expect_invocation().await;
        assert_eq!(invocation.registration.value(), add);
        bob.answer(&invocation, "").await;
        alice.expect_message("[50,7,{}]").await;
    }
}

#[tokio::test]
async fn rpc_03_a_call_without_a_callee_is_no_such_procedure() {
    let router = TestRouter::start().await;
    for via in Via::sockets() {
        let mut alice = Peer::join_via(&router, "alice", via).await;
        alice.send(r#"[48,1,{},"com.example.none",[1],{"a":2}]"#).await;
        let refusal = alice.expect_error(MessageCode::Call, 1, NO_SUCH_PROCEDURE).await;
        assert!(refusal.details.is_empty());
        alice.expect_silence().await;
    }
}

#[tokio::test]
async fn rpc_04_a_call_reaches_its_callee_and_the_result_its_caller() {
    let router = TestRouter::start().await;
    for via in Via::sockets() {
        let mut alice = Peer::join_via(&router, "alice", via).await;
        let mut bob = Peer::join_via(&router, "bob", via).await;
        let add = bob.register("com.example.add").await;
        for (number, payload) in
            ["", "[]", "[],{}", "[1,[2,{\"x\":null}],-1.5]", r#"[],{"a":1}"#].into_iter().enumerate()
        {
            let call = alice.call("com.example.add", payload).await;
            let comma = if payload.is_empty() { "" } else { "," };
            let invocation = number as u64 + 1;
            bob.expect_message(&format!("[68,{invocation},{add},{{}}{comma}{payload}]")).await;
            bob.send(&format!("[70,{invocation},{{}}{comma}{payload}]")).await;
            alice.expect_message(&format!("[50,{call},{{}}{comma}{payload}]")).await;
        }
        alice.expect_silence().await;
        bob.expect_silence().await;
    }
}

#[tokio::test]
async fn rpc_05_an_error_of_the_callee_reaches_the_caller() {
    let router = TestRouter::start().await;
    for via in Via::sockets() {
        let mut alice = Peer::join_via(&router, "alice", via).await;
        let mut bob = Peer::join_via(&router, "bob", via).await;
        bob.register("com.example.add").await;
        for tail in ["", r#",["why"]"#, r#",["why"],{"code":7}"#] {
            let call = alice.call("com.example.add", "").await;
            let invocation = bob.expect_invocation().await.request;
            bob.send(&format!(r#"[8,68,{invocation},{{}},"com.example.error.overflow"{tail}]"#)).await;
            alice.expect_message(&format!(r#"[8,48,{call},{{}},"com.example.error.overflow"{tail}]"#)).await;
        }
    }
}

#[tokio::test]
async fn err_06_error_uri_payload_and_details_are_carried_unchanged() {
    let router = TestRouter::start().await;
    for theirs in SerializerId::ALL {
        for ours in SerializerId::ALL {
            let mut alice = Peer::join_via(&router, "alice", Via(Transport::WebSocket, ours)).await;
            let mut bob = Peer::join_via(&router, "bob", Via(Transport::RawSocket, theirs)).await;
            bob.register("com.example.add").await;
            for uri in ["com.example.error.overflow", "wamp.error.invalid_argument", "x"] {
                let call = alice.call("com.example.add", "").await;
                let invocation = bob.expect_invocation().await.request;
                let rest = format!(
                    r#"{{"_trace":[1,{{"deep":true}}],"hint":"later"}},"{uri}",["why",7],{{"code":7}}]"#
                );
                bob.send(&format!("[8,68,{invocation},{rest}")).await;
                alice.expect_message(&format!("[8,48,{call},{rest}")).await;
            }
        }
    }
}

#[tokio::test]
async fn an_error_uri_that_is_none_still_ends_the_call() {
    let router = TestRouter::start().await;
    let mut alice = Peer::join(&router, "alice").await;
    let mut bob = Peer::join(&router, "bob").await;
    bob.register("com.example.add").await;
    for uri in ["", "com..error", "not a uri"] {
        let call = alice.call("com.example.add", "").await;
        let invocation = bob.expect_invocation().await.request;
        bob.send(&format!(r#"[8,68,{invocation},{{}},"{uri}",[7]]"#)).await;
        alice.expect_message(&format!(r#"[8,48,{call},{{}},"{INVALID_URI}",[7]]"#)).await;
    }
}

#[tokio::test]
async fn rpc_06_a_call_has_exactly_one_final_answer() {
    let router = TestRouter::start().await;
    for via in Via::sockets() {
        let mut alice = Peer::join_via(&router, "alice", via).await;
        let mut bob = Peer::join_via(&router, "bob", via).await;
        bob.register("com.example.add").await;
        for (first, expected) in
            [("[70,1,{},[1]]", "[50,1,{},[1]]"), (r#"[8,68,2,{},"x.y"]"#, r#"[8,48,2,{},"x.y"]"#)]
        {
            let call = if first.starts_with("[70") { 1 } else { 2 };
            alice.send(&format!(r#"[48,{call},{{}},"com.example.add"]"#)).await;
            bob.expect_invocation().await;
            bob.send_all(&[
                first,
                &format!("[70,{call},{{}},[2]]"),
                &format!(r#"[8,68,{call},{{}},"com.example.error"]"#),
                &format!("[70,{call},{{}}]"),
            ])
            .await;
            alice.expect_message(expected).await;
            // The callee lives on, and the caller hears no more.
            bob.expect_silence().await;
        }
        alice.send(r#"[16,3,{"acknowledge":true},"com.example.tick"]"#).await;
        let [_] = alice.expect("[17,3,#]").await;
    }
    assert_eq!(router.router().counters().protocol_violations.value(), 0);
}

#[tokio::test]
async fn a_progressive_result_that_nobody_asked_for_is_dropped() {
    let router = TestRouter::start().await;
    let mut alice = Peer::join(&router, "alice").await;
    let mut bob = Peer::join(&router, "bob").await;
    bob.register("com.example.add").await;
    let call = alice.call("com.example.add", "").await;
    bob.expect_invocation().await;
    bob.send_all(&[r#"[70,1,{"progress":true},[1]]"#, "[70,1,{},[2]]"]).await;
    alice.expect_message(&format!("[50,{call},{{}},[2]]")).await;
}

#[tokio::test]
async fn rpc_07_answers_for_a_caller_that_is_gone_are_dropped() {
    let router = TestRouter::start().await;
    for via in Via::sockets() {
        let mut bob = Peer::join_via(&router, "bob", via).await;
        let add = bob.register("com.example.add").await;
        for answer in ["[70,1,{},[1]]", r#"[8,68,2,{},"com.example.error"]"#] {
            let mut alice = Peer::join_via(&router, "alice", via).await;
            alice.call("com.example.add", "").await;
            bob.expect_invocation().await;
            drop(alice);
            router.wait_until("alice left", |router| router.sessions() == 1).await;
            // Canceling is not announced: the callee hears nothing of it.
            bob.expect_silence().await;
            bob.send(answer).await;
            bob.expect_silence().await;
        }
        let mut carol = Peer::join_via(&router, "carol", via).await;
        let call = carol.call("com.example.add", "").await;
        let invocation = bob.expect_invocation().await;
        assert_eq!((invocation.request.value(), invocation.registration.value()), (3, add));
        bob.answer(&invocation, "").await;
        carol.expect_result(call).await;
        drop((bob, carol));
        router.wait_until_empty().await;
    }
}

#[tokio::test]
async fn rpc_08_calls_of_a_callee_that_is_gone_are_canceled() {
    let router = TestRouter::start().await;
    for via in Via::sockets() {
        let mut bob = Peer::join_via(&router, "bob", via).await;
        bob.register("com.example.add").await;
        let mut alice = Peer::join_via(&router, "alice", via).await;
        let mut carol = Peer::join_via(&router, "carol", via).await;
        let first = alice.call("com.example.add", "").await;
        let second = alice.call("com.example.add", "").await;
        let third = carol.call("com.example.add", "").await;
        for _ in 0..3 {
            bob.expect_invocation().await;
        }
        bob.send("[70,2,{},[7]]").await;
        alice.expect_message(&format!("[50,{second},{{}},[7]]")).await;
        drop(bob);
        let canceled = alice.expect_error(MessageCode::Call, first, CANCELED).await;
        assert!(canceled.details.is_empty());
        carol.expect_error(MessageCode::Call, third, CANCELED).await;
        alice.expect_silence().await;
        carol.expect_silence().await;
    }
}

#[tokio::test]
async fn rpc_09_many_calls_are_open_in_both_directions() {
    let router = TestRouter::start().await;
    for via in Via::serializers() {
        let mut alice = Peer::join_via(&router, "alice", via).await;
        let mut bob = Peer::join_via(&router, "bob", via).await;
        alice.register("com.example.of_alice").await;
        bob.register("com.example.of_bob").await;
        let mut of_alice = Vec::new();
        let mut of_bob = Vec::new();
        for _ in 0..20 {
            of_bob.push(alice.call("com.example.of_bob", "").await);
            of_alice.push(bob.call("com.example.of_alice", "").await);
        }
        let mut for_alice = Vec::new();
        let mut for_bob = Vec::new();
        for _ in 0..20 {
            for_alice.push(alice.expect_invocation().await);
            for_bob.push(bob.expect_invocation().await);
        }
        // Answered from the last to the first.
        for number in (0..20).rev() {
            alice.answer(&for_alice[number], &format!("[{number}]")).await;
            bob.expect_message(&format!("[50,{},{{}},[{number}]]", of_alice[number])).await;
            bob.answer(&for_bob[number], &format!("[{number}]")).await;
            alice.expect_message(&format!("[50,{},{{}},[{number}]]", of_bob[number])).await;
        }
    }
}

#[tokio::test]
async fn rpc_09_a_session_may_call_its_own_procedure() {
    let router = TestRouter::start().await;
    for via in Via::sockets() {
        let mut alice = Peer::join_via(&router, "alice", via).await;
        alice.register("com.example.add").await;
        let call = alice.call("com.example.add", "[1,2]").await;
        let invocation = alice.expect_invocation().await;
        alice.answer(&invocation, "[3]").await;
        alice.expect_message(&format!("[50,{call},{{}},[3]]")).await;
        // And leave with its own call open.
        alice.call("com.example.add", "[1,2]").await;
        alice.expect_invocation().await;
        drop(alice);
        router.wait_until_empty().await;
    }
}

#[tokio::test]
async fn rpc_10_unregister_leaves_running_invocations_alone() {
    let router = TestRouter::start().await;
    for via in Via::sockets() {
        let mut alice = Peer::join_via(&router, "alice", via).await;
        let mut bob = Peer::join_via(&router, "bob", via).await;
        let add = bob.register("com.example.add").await;
        let first = alice.call("com.example.add", "").await;
        let second = alice.call("com.example.add", "").await;
        let running = bob.expect_invocation().await;
        let failing = bob.expect_invocation().await;
        bob.unregister(add).await;
        let late = alice.call("com.example.add", "").await;
        alice.expect_error(MessageCode::Call, late, NO_SUCH_PROCEDURE).await;
        bob.answer(&running, "[3]").await;
        alice.expect_message(&format!("[50,{first},{{}},[3]]")).await;
        bob.send(&format!(r#"[8,68,{},{{}},"com.example.error"]"#, failing.request)).await;
        let [] = alice.expect(&error(48, second, "com.example.error")).await;
    }
}

/// Conformance: ORD-02
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ord_05_registered_precedes_and_unregistered_follows_every_invocation() {
    let router = TestRouter::start().await;
    let mut alice = Peer::join_via(&router, "alice", RAW_JSON).await;
    let mut bob = Peer::join(&router, "bob").await;
    let registering = async {
        for _ in 0..100 {
            let request = bob.next_request();
            bob.send(&format!(r#"[64,{request},{{}},"com.example.add"]"#)).await;
            let [add] = bob.expect(&format!("[65,{request},#]")).await;
            let request = bob.next_request();
            bob.send(&format!("[66,{request},{add}]")).await;
            let mut invocations = Vec::new();
            while let Message::Invocation(invocation) = bob.receive().await {
                assert_eq!(invocation.registration.value(), add);
                invocations.push(invocation);
            }
            // That was UNREGISTERED; now nothing comes but the answer.
            bob.expect_silence().await;
            for invocation in &invocations {
                bob.answer(invocation, "").await;
            }
        }
    };
    let calling = async {
        loop {
            let call = alice.call("com.example.add", "").await;
            match alice.receive().await {
                Message::CallResult(result) => assert_eq!(result.request.value(), call),
                Message::Error(error) => {
                    assert_eq!((error.request.value(), &*error.error), (call, NO_SUCH_PROCEDURE));
                }
                other => panic!("{other:?}"),
            }
        }
    };
    tokio::select! {
        () = registering => {}
        () = calling => {}
    }
}

#[tokio::test]
async fn ord_03_calls_of_one_caller_reach_one_callee_in_order() {
    let router = TestRouter::start().await;
    for via in Via::sockets() {
        let mut alice = Peer::join_via(&router, "alice", via).await;
        let mut bob = Peer::join_via(&router, "bob", via).await;
        let procedures = ["com.example.add", "com.example.sub", "com.example.mul"];
        let mut registrations = Vec::new();
        for procedure in procedures {
            registrations.push(bob.register(procedure).await);
        }
        for number in 0..300 {
            alice.call(procedures[number % 3], &format!("[{number}]")).await;
        }
        for number in 0..300 {
            let registration = registrations[number % 3];
            bob.expect_message(&format!("[68,{},{registration},{{}},[{number}]]", number + 1)).await;
        }
    }
}

/// Octets that JSON can carry and no other serializer: half of a surrogate pair.
const JSON_ONLY: &str = r#"["\ud800"]"#;

fn json_only(head: &str) -> Vec<Bytes> {
    vec![format!("[{head},{JSON_ONLY}]").into()]
}

#[tokio::test]
async fn ser_09_an_invocation_that_cannot_be_carried_ends_the_call() {
    let router = TestRouter::start().await;
    for theirs in [SerializerId::MsgPack, SerializerId::Cbor] {
        let mut bob = Peer::join_via(&router, "bob", Via(Transport::WebSocket, theirs)).await;
        bob.register("com.example.add").await;
        let mut alice = Peer::join(&router, "alice").await;
        alice.send_octets(json_only(r#"48,1,{},"com.example.add""#)).await;
        alice.expect_error(MessageCode::Call, 1, INVALID_ARGUMENT).await;
        bob.expect_silence().await;
        assert_eq!(router.router().holdings(trunkline_tests::STRICT).unwrap().open_calls, 0);
        // The next one goes through.
        alice.send(r#"[48,2,{},"com.example.add",[1]]"#).await;
        let invocation = bob.expect_invocation().await;
        bob.answer(&invocation, "[2]").await;
        alice.expect_message("[50,2,{},[2]]").await;
    }
    assert_eq!(router.router().counters().calls_undeliverable.value(), 2);
}

#[tokio::test]
async fn ser_09_an_answer_that_cannot_be_carried_is_an_error_at_the_caller() {
    let router = TestRouter::start().await;
    for ours in [SerializerId::MsgPack, SerializerId::Cbor] {
        let mut bob = Peer::join(&router, "bob").await;
        bob.register("com.example.add").await;
        let mut alice = Peer::join_via(&router, "alice", Via(Transport::RawSocket, ours)).await;
        for answer in ["70,1,{}", r#"8,68,2,{},"com.example.error""#] {
            let call = alice.call("com.example.add", "").await;
            bob.expect_invocation().await;
            bob.send_octets(json_only(answer)).await;
            alice.expect_error(MessageCode::Call, call, INVALID_ARGUMENT).await;
        }
        alice.expect_silence().await;
        bob.expect_silence().await;
    }
    assert_eq!(router.router().counters().calls_undeliverable.value(), 4);
}

/// Conformance: PCR-03
#[tokio::test]
async fn ser_09_the_final_answer_behind_a_part_that_cannot_be_carried_says_why() {
    let router = TestRouter::start().await;
    for ours in [SerializerId::MsgPack, SerializerId::Cbor] {
        let mut bob =
            Peer::join_with_features(&router, "bob", Via(Transport::InProcess, SerializerId::Json)).await;
        bob.register("com.example.count").await;
        // Reads nothing before everything is on its way.
        let mut alice = Peer::join_via(&router, "alice", Via(Transport::InProcess, ours)).await;
        for last in ["[70,1,{},[3]]", r#"[8,68,2,{},"com.example.error",[3]]"#] {
            let call = alice.call_with(r#"{"receive_progress":true}"#, r#""com.example.count""#).await;
            bob.expect_invocation().await;
            let request = if last.starts_with("[70") { 1 } else { 2 };
            bob.send_octets(json_only(&format!(r#"70,{request},{{"progress":true}}"#))).await;
            bob.send(&format!(r#"[70,{request},{{"progress":true}},[2]]"#)).await;
            bob.send(last).await;
            alice.expect_message(&format!(r#"[50,{call},{{"progress":true}},[2]]"#)).await;
            alice.expect_error(MessageCode::Call, call, INVALID_ARGUMENT).await;
            alice.expect_silence().await;
        }
    }
}

#[tokio::test]
async fn ser_09_an_event_that_cannot_be_carried_is_skipped_and_counted() {
    let router = TestRouter::start().await;
    let mut subscribers = Vec::new();
    for via in Via::sockets() {
        let mut bob = Peer::join_via(&router, "bob", via).await;
        let tick = bob.subscribe("com.example.tick").await;
        subscribers.push((bob, tick, via.1));
    }
    let mut alice = Peer::join(&router, "alice").await;
    alice.send_octets(json_only(r#"16,1,{"acknowledge":true},"com.example.tick""#)).await;
    let [_] = alice.expect("[17,1,#]").await;
    alice.send(r#"[16,2,{},"com.example.tick",[7]]"#).await;
    for (bob, tick, serializer) in &mut subscribers {
        if *serializer == SerializerId::Json {
            let [_] = bob.expect(&event(*tick, JSON_ONLY)).await;
        }
        let [_] = bob.expect(&event(*tick, "[7]")).await;
    }
    assert_eq!(router.router().counters().events_undeliverable.value(), 4);
}

const SMALL: Via = Via(Transport::SmallRawSocket, SerializerId::Json);

/// A payload that makes every message longer than 512 octets.
fn large() -> String {
    format!(r#"["{}"]"#, "x".repeat(600))
}

#[tokio::test]
async fn raw_13_an_event_over_the_peers_limit_is_dropped_and_the_session_kept() {
    let router = TestRouter::start().await;
    let mut bob = Peer::join_via(&router, "bob", SMALL).await;
    let tick = bob.subscribe("com.example.tick").await;
    let mut carol = Peer::join(&router, "carol").await;
    carol.subscribe("com.example.tick").await;
    let mut alice = Peer::join(&router, "alice").await;
    alice.publish("com.example.tick", &large()).await;
    alice.publish("com.example.tick", "[7]").await;
    let [_] = bob.expect(&event(tick, "[7]")).await;
    // Who takes more gets it.
    let [_] = carol.expect(&event(tick, &large())).await;
    let [_] = carol.expect(&event(tick, "[7]")).await;
    assert_eq!(router.router().counters().events_undeliverable.value(), 1);
}

#[tokio::test]
async fn raw_13_the_limit_is_met_to_the_octet() {
    let router = TestRouter::start().await;
    let mut bob = Peer::join_via(&router, "bob", SMALL).await;
    let tick = bob.subscribe("com.example.tick").await;
    let mut alice = Peer::join(&router, "alice").await;
    // The head's length is known only once the publication's ID is: so every length around the limit.
    for length in 400..512 {
        alice.publish("com.example.tick", &format!(r#"["{}"]"#, "x".repeat(length))).await;
    }
    alice.publish("com.example.tick", r#"["last"]"#).await;
    let mut longest = 0;
    loop {
        let octets = bob.receive_octets().await.unwrap();
        assert!(octets.len() <= 512);
        if octets.ends_with(br#""last"]]"#) {
            break;
        }
        assert!(octets.starts_with(format!("[36,{tick},").as_bytes()));
        longest = longest.max(octets.len());
    }
    assert!(longest > 508, "{longest}");
}

/// Conformance: RAW-01
#[tokio::test]
async fn raw_13_an_invocation_over_the_callees_limit_ends_the_call() {
    let router = TestRouter::start().await;
    let mut bob = Peer::join_via(&router, "bob", SMALL).await;
    bob.register("com.example.add").await;
    for via in Via::sockets() {
        let mut alice = Peer::join_via(&router, "alice", via).await;
        let call = alice.call("com.example.add", &large()).await;
        alice.expect_error(MessageCode::Call, call, PAYLOAD_SIZE_EXCEEDED).await;
        bob.expect_silence().await;
        let call = alice.call("com.example.add", "[1]").await;
        let invocation = bob.expect_invocation().await;
        bob.answer(&invocation, "[2]").await;
        alice.expect_message(&format!("[50,{call},{{}},[2]]")).await;
    }
    assert_eq!(router.router().counters().calls_undeliverable.value(), 6);
}

#[tokio::test]
async fn raw_13_an_answer_over_the_callers_limit_is_an_error_instead() {
    let router = TestRouter::start().await;
    let mut alice = Peer::join_via(&router, "alice", SMALL).await;
    for via in Via::sockets() {
        let mut bob = Peer::join_via(&router, "bob", via).await;
        bob.register("com.example.add").await;
        let call = alice.call("com.example.add", "").await;
        let invocation = bob.expect_invocation().await;
        bob.answer(&invocation, &large()).await;
        alice.expect_error(MessageCode::Call, call, PAYLOAD_SIZE_EXCEEDED).await;
        let call = alice.call("com.example.add", "").await;
        let invocation = bob.expect_invocation().await.request;
        bob.send(&format!(r#"[8,68,{invocation},{{}},"com.example.error",{}]"#, large())).await;
        alice.expect_error(MessageCode::Call, call, PAYLOAD_SIZE_EXCEEDED).await;
        alice.expect_silence().await;
        drop(bob);
        router.wait_until("bob left", |router| router.sessions() == 1).await;
    }
}

#[tokio::test]
async fn raw_13_a_refusal_of_a_long_uri_fits_into_the_peers_limit() {
    let router = TestRouter::start().await;
    let mut alice = Peer::join_via(&router, "alice", SMALL).await;
    let long = format!("com.example.{}", "x".repeat(600));
    alice.register(&long).await;
    // The explanation names the procedure, as far as there is room.
    let request = alice.next_request();
    alice.send(&format!(r#"[64,{request},{{}},"{long}"]"#)).await;
    alice.expect_error(MessageCode::Register, request, PROCEDURE_ALREADY_EXISTS).await;
    alice.expect_silence().await;
}

#[tokio::test]
async fn raw_13_an_abort_is_not_longer_than_the_peers_limit() {
    let router = TestRouter::start().await;
    let mut alice = Peer::connect(&router, "alice", SMALL).await;
    alice.send(&trunkline_tests::hello(&format!("com.example.{}", "x".repeat(600)))).await;
    let abort = alice.receive_octets().await.unwrap();
    assert!(abort.len() <= 512, "{} octets", abort.len());
    assert!(abort.ends_with(br#""wamp.error.no_such_realm"]"#), "{abort:?}");
    alice.expect_closed().await;
}

/// Conformance: RPC-06, ORD-05
#[tokio::test]
async fn raw_13_a_progressive_result_over_the_callers_limit_ends_the_call() {
    let router = TestRouter::start().await;
    let mut bob =
        Peer::join_with_features(&router, "bob", Via(Transport::RawSocket, SerializerId::Json)).await;
    bob.register("com.example.add").await;
    let mut alice = Peer::join_via(&router, "alice", SMALL).await;
    let call = alice.call_with(r#"{"receive_progress":true}"#, r#""com.example.add""#).await;
    bob.expect_invocation().await;
    bob.send(&format!(r#"[70,1,{{"progress":true}},{}]"#, large())).await;
    bob.send(r#"[70,1,{"progress":true},[2]]"#).await;
    bob.send(r#"[70,1,{},[3]]"#).await;
    // The part behind it may have been queued already; the end is no RESULT in either case.
    let ended = loop {
        match alice.receive().await {
            Message::CallResult(result) => assert_eq!(result.details.progress, Some(true)),
            other => break other,
        }
    };
    let Message::Error(error) = ended else { panic!("{ended:?}") };
    assert_eq!((error.request.value(), &*error.error), (call, PAYLOAD_SIZE_EXCEEDED));
    alice.expect_silence().await;
}
