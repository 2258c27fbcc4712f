//! Peers without a socket.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper fails the test that uses it")]

use bytes::Bytes;
use trunkline::Router;
use trunkline_tests::{OTHER, Peer, STRICT, TestRouter, Transport, Via, config, event, hello};
use wamp_proto::error_uri::{GOODBYE_AND_OUT, NO_SUCH_PROCEDURE, NO_SUCH_REALM, PROTOCOL_VIOLATION};
use wamp_proto::{MessageCode, SerializerId};

const IN_PROCESS: Via = Via(Transport::InProcess, SerializerId::Json);

#[tokio::test]
async fn in_process_peers_talk_with_socket_peers() {
    let router = TestRouter::start().await;
    for ours in SerializerId::ALL {
        for via in Via::sockets() {
            let mut alice = Peer::join_via(&router, "alice", Via(Transport::InProcess, ours)).await;
            let mut bob = Peer::join_via(&router, "bob", via).await;
            let tick = alice.subscribe("com.example.tick").await;
            assert_eq!(bob.subscribe("com.example.tick").await, tick);
            alice.publish("com.example.tick", "[1]").await;
            let [_] = bob.expect(&event(tick, "[1]")).await;
            bob.publish("com.example.tick", "[2]").await;
            let [_] = alice.expect(&event(tick, "[2]")).await;

            alice.register("com.example.of_alice").await;
            bob.register("com.example.of_bob").await;
            let call = alice.call("com.example.of_bob", "[3]").await;
            let invocation = bob.expect_invocation().await;
            bob.answer(&invocation, "[4]").await;
            alice.expect_message(&format!("[50,{call},{{}},[4]]")).await;
            let call = bob.call("com.example.of_alice", "[5]").await;
            let invocation = alice.expect_invocation().await;
            alice.answer(&invocation, "[6]").await;
            bob.expect_message(&format!("[50,{call},{{}},[6]]")).await;
            drop((alice, bob));
            router.wait_until_empty().await;
        }
    }
}

#[tokio::test]
async fn in_process_peers_obey_the_protocol_like_any_other() {
    let router = TestRouter::start().await;
    let mut mallory = Peer::join_via(&router, "mallory", IN_PROCESS).await;
    mallory.subscribe("com.example.tick").await;
    mallory.send("[99]").await;
    mallory.expect_abort(PROTOCOL_VIOLATION).await;
    let mut trudy = Peer::connect(&router, "trudy", IN_PROCESS).await;
    trudy.send(&hello("com.example.nowhere")).await;
    trudy.expect_abort(NO_SUCH_REALM).await;
    let mut alice = Peer::join_via(&router, "alice", IN_PROCESS).await;
    alice.send(r#"[6,{},"wamp.close.close_realm"]"#).await;
    alice.expect_goodbye(GOODBYE_AND_OUT).await;
    alice.expect_closed().await;
    router.wait_until_empty().await;
}

#[tokio::test]
async fn pub_02_answers_to_what_came_before_goodbye_come_before_its_answer() {
    let router = TestRouter::start().await;
    // Over RawSocket both frames may arrive in one read, and then be handled in one turn.
    for via in [IN_PROCESS, Via(Transport::RawSocket, SerializerId::Json)] {
        let mut alice = Peer::join_via(&router, "alice", via).await;
        let request = alice.next_request();
        alice.send(&format!(r#"[16,{request},{{"acknowledge":true}},"com.example.tick"]"#)).await;
        alice.send(r#"[6,{},"wamp.close.close_realm"]"#).await;
        let [_] = alice.expect(&format!("[17,{request},#]")).await;
        alice.expect_goodbye(GOODBYE_AND_OUT).await;
    }
}

#[tokio::test]
async fn a_dropped_in_process_peer_leaves() {
    let router = TestRouter::start().await;
    let mut alice = Peer::join_realm(&router, "alice", IN_PROCESS, OTHER).await;
    alice.register("com.example.add").await;
    drop(alice);
    assert_eq!(router.router().sessions(), 0);
    let mut bob = Peer::join_realm(&router, "bob", IN_PROCESS, OTHER).await;
    let call = bob.call("com.example.add", "").await;
    bob.expect_error(MessageCode::Call, call, NO_SUCH_PROCEDURE).await;
}

#[tokio::test]
async fn an_in_process_peer_that_does_not_receive_is_disconnected_when_its_outbox_is_full() {
    let mut config = trunkline_tests::config();
    config.limits.outbox_max_messages = 8;
    let router = TestRouter::with(&config).await;
    let mut mallory = Peer::join_via(&router, "mallory", IN_PROCESS).await;
    mallory.subscribe("com.example.tick").await;
    let mut alice = Peer::join(&router, "alice").await;
    for _ in 0..8 {
        alice.publish_acknowledged("com.example.tick", "[7]").await;
    }
    assert_eq!(router.router().counters().slow_consumers.value(), 0);
    alice.publish_acknowledged("com.example.tick", "[7]").await;
    assert_eq!(router.router().counters().slow_consumers.value(), 1);
    assert_eq!(router.router().sessions(), 1);
    mallory.expect_closed().await;
}

/// Joins in-process, subscribes, and publishes from a socket; the frames that the subscribers got.
async fn frames_of_one_publication(publisher: SerializerId, subscribers: &[SerializerId]) -> Vec<Bytes> {
    let router = TestRouter::start().await;
    let mut peers = Vec::new();
    for serializer in subscribers {
        let mut bob = Peer::join_via(&router, "bob", Via(Transport::InProcess, *serializer)).await;
        bob.subscribe("com.example.tick").await;
        peers.push(bob);
    }
    let mut alice = Peer::join_via(&router, "alice", Via(Transport::RawSocket, publisher)).await;
    alice.publish_acknowledged("com.example.tick", r#"["grüße",{"a":[1,2.5,null]}],{"k":"v"}"#).await;
    let mut frames = Vec::new();
    for bob in &mut peers {
        frames.push(bob.receive_octets().await.expect("an EVENT"));
    }
    frames
}

/// Proof (c) of the path: equal addresses are one allocation, made by one encoding.
#[tokio::test]
async fn a_publish_to_six_subscribers_is_encoded_once_for_each_serializer() {
    let [json, msgpack, cbor] = SerializerId::ALL;
    for publisher in SerializerId::ALL {
        let frames = frames_of_one_publication(publisher, &[json, msgpack, cbor, cbor, json, msgpack]).await;
        let [json_1, msgpack_1, cbor_1, cbor_2, json_2, msgpack_2] = &frames[..] else {
            panic!("{} frames", frames.len())
        };
        for (one, other) in [(json_1, json_2), (msgpack_1, msgpack_2), (cbor_1, cbor_2)] {
            assert_eq!(one, other);
            assert_eq!(one.as_ptr(), other.as_ptr());
        }
        assert_ne!(json_1, msgpack_1);
        assert_ne!(msgpack_1, cbor_1);
    }
}

#[tokio::test]
async fn frames_of_two_publications_are_not_shared() {
    let router = TestRouter::start().await;
    let mut bob = Peer::join_realm(&router, "bob", IN_PROCESS, STRICT).await;
    bob.subscribe("com.example.tick").await;
    let mut alice = Peer::join(&router, "alice").await;
    alice.publish_acknowledged("com.example.tick", "[7]").await;
    alice.publish_acknowledged("com.example.tick", "[7]").await;
    let first = bob.receive_octets().await.unwrap();
    let second = bob.receive_octets().await.unwrap();
    assert_ne!(first, second, "publication IDs differ");
    assert_ne!(first.as_ptr(), second.as_ptr());
}

/// Each session waits for the next one's answer, and has no room for another message: the last one overflows, and
/// takes all others along, one after the other.
#[test]
fn sessions_that_overflow_because_another_left_leave_in_a_loop() {
    const SESSIONS: usize = 1000;
    const ROOM: usize = 16;
    // A recursion would need far more.
    const STACK: usize = 512 * 1024;
    let chain = || {
        let mut config = config();
        config.limits.outbox_max_messages = ROOM;
        let router = Router::new(&config);
        let mut peers: Vec<_> = (0..SESSIONS)
            .map(|number| {
                let mut peer = router.connect(SerializerId::Json);
                peer.send(&hello(STRICT).into()).unwrap();
                let register = format!(r#"[64,1,{{}},"com.example.procedure{number}"]"#);
                peer.send(&register.into()).unwrap();
                peer
            })
            .collect();
        for (number, peer) in peers.iter_mut().enumerate() {
            peer.send(&format!(r#"[48,2,{{}},"com.example.procedure{}"]"#, number + 1).into()).unwrap();
        }
        // Answers have twice the room. REGISTERED and an INVOCATION are there; the last session got an ERROR, too.
        for peer in peers.iter_mut().take(SESSIONS - 1).rev() {
            for request in 3..=ROOM as u64 * 2 {
                let publish = format!(r#"[16,{request},{{"acknowledge":true}},"com.example.none"]"#);
                peer.send(&publish.into()).unwrap();
            }
        }
        assert_eq!(router.sessions(), SESSIONS);
        drop(peers.pop());
        router
    };
    let router = std::thread::Builder::new().stack_size(STACK).spawn(chain).unwrap().join().unwrap();
    assert_eq!(router.sessions(), 0);
    // All but the last, which left, and the first, which nobody called.
    assert_eq!(router.counters().slow_consumers.value(), SESSIONS as u64 - 2);
}

/// A session may be killed, and topics of the router's own be published, from the moment in which it is a member.
#[test]
fn ord_07_welcome_precedes_a_goodbye_that_races_with_it() {
    use std::sync::atomic::{AtomicBool, Ordering};

    let router = Router::new(&config());
    let send = |peer: &mut trunkline::InProcess, text: &str| {
        peer.send(&Bytes::copy_from_slice(text.as_bytes())).is_ok()
    };
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let killer = scope.spawn(|| {
            let mut killer = router.connect(SerializerId::Json);
            assert!(send(&mut killer, &hello(OTHER)));
            let mut request = 0;
            while !is_over.load(Ordering::Relaxed) {
                request += 1;
                assert!(send(&mut killer, &format!(r#"[48,{request},{{}},"wamp.session.kill_all"]"#)));
                while killer.try_receive().is_some() {}
            }
        });
        for _ in 0..2000 {
            let mut alice = router.connect(SerializerId::Json);
            assert!(send(&mut alice, &hello(OTHER)));
            assert!(alice.try_receive().expect("WELCOME").starts_with(b"[2,"));
            if let Some(message) = alice.try_receive() {
                assert!(message.starts_with(b"[6,"), "{message:?}");
            }
        }
        is_over.store(true, Ordering::Relaxed);
        killer.join().expect("the killer lives");
    });
}
