//! WebSocket and RawSocket as a session sees them. Octets without a session are the router's own tests.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper fails the test that uses it")]

use std::net::SocketAddr;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Message as Frame, protocol::frame};
use trunkline::Router;
use trunkline::config::Address;
use trunkline_tests::{
    Peer, RawFrames, STRICT, Scratch, TestRouter, Transport, Via, config, hello, open_rawsocket,
    open_websocket, within_deadline,
};
use wamp_proto::SerializerId;
use wamp_proto::error_uri::PROTOCOL_VIOLATION;
use wamp_proto::rawsocket::{FrameType, MaxLength};

const SUBSCRIBE: &str = r#"[32,1,{},"com.example.tick"]"#;

fn is_subscribed(answer: &[u8]) -> bool {
    answer.starts_with(b"[33,1,") && answer.ends_with(b"]")
}

fn is_welcome(answer: &[u8]) -> bool {
    answer.starts_with(b"[2,")
}

fn is_violation(answer: &[u8]) -> bool {
    answer.starts_with(b"[3,{\"message\":") && answer.ends_with(b"\"wamp.error.protocol_violation\"]")
}

#[tokio::test]
async fn ws_01_each_subprotocol_carries_its_serializer() {
    let router = TestRouter::start().await;
    for serializer in SerializerId::ALL {
        let mut websocket = open_websocket(router.address(), serializer).await;
        let hello = wamp_proto::decode(
            SerializerId::Json,
            &Bytes::from(hello(STRICT)),
            &wamp_proto::DecodeRules::default(),
        );
        let hello = hello.unwrap().encode(serializer).unwrap();
        let frame = match serializer {
            SerializerId::Json => Frame::text(std::str::from_utf8(&hello).unwrap()),
            _ => Frame::binary(hello),
        };
        websocket.send(frame).await.unwrap();
        let answer = within_deadline("an answer", websocket.next()).await.unwrap().unwrap();
        // Text for JSON, binary for the others (WS-03).
        assert_eq!(answer.is_text(), serializer == SerializerId::Json);
        let first = match serializer {
            SerializerId::Json => b'[',
            SerializerId::MsgPack => 0x93,
            SerializerId::Cbor => 0x83,
        };
        assert_eq!(answer.into_data()[0], first, "{serializer:?}");
    }
}

#[tokio::test]
async fn ws_03_the_wrong_kind_of_message_is_a_violation() {
    let router = TestRouter::start().await;
    let mut bob = Peer::join(&router, "bob").await;
    for is_joined in [false, true] {
        for serializer in SerializerId::ALL {
            let mut mallory = Peer::connect(&router, "mallory", Via(Transport::WebSocket, serializer)).await;
            if is_joined {
                mallory.hello(STRICT).await;
                mallory.register("com.example.add").await;
            }
            mallory.send_wrong_kind(b"[99]").await;
            mallory.expect_violation_and_close(1002).await;
            // What it held is free.
            let registration = bob.register("com.example.add").await;
            bob.unregister(registration).await;
        }
    }
    assert_eq!(router.router().counters().protocol_violations.value(), 6);
}

#[tokio::test]
async fn ser_08_a_websocket_text_message_that_is_no_utf_8_is_a_violation() {
    let router = TestRouter::start().await;
    for is_joined in [false, true] {
        let mut websocket = open_websocket(router.address(), SerializerId::Json).await;
        if is_joined {
            websocket.send(Frame::text(hello(STRICT))).await.unwrap();
            assert!(is_welcome(&websocket.next().await.unwrap().unwrap().into_data()));
        }
        let text = frame::Frame::message(&b"[\xff]"[..], OpCode::Data(Data::Text), true);
        websocket.send(Frame::Frame(text)).await.unwrap();
        let abort = within_deadline("ABORT", websocket.next()).await.unwrap().unwrap();
        assert!(is_violation(&abort.into_data()));
        let Frame::Close(Some(close)) =
            within_deadline("a close frame", websocket.next()).await.unwrap().unwrap()
        else {
            panic!("no close frame")
        };
        assert_eq!(u16::from(close.code), 1007);
    }
    assert_eq!(router.router().counters().protocol_violations.value(), 2);
}

#[tokio::test]
async fn ws_04_fragments_make_one_message_and_two_messages_are_none() {
    let router = TestRouter::start().await;
    let mut websocket = open_websocket(router.address(), SerializerId::Json).await;
    websocket.send(Frame::text(hello(STRICT))).await.unwrap();
    assert!(is_welcome(&within_deadline("WELCOME", websocket.next()).await.unwrap().unwrap().into_data()));
    let parts = SUBSCRIBE.as_bytes().chunks(5).collect::<Vec<_>>();
    for (number, part) in parts.iter().enumerate() {
        let data = if number == 0 { Data::Text } else { Data::Continue };
        let is_last = number + 1 == parts.len();
        let part = frame::Frame::message(Bytes::copy_from_slice(part), OpCode::Data(data), is_last);
        websocket.send(Frame::Frame(part)).await.unwrap();
    }
    assert!(is_subscribed(
        &within_deadline("SUBSCRIBED", websocket.next()).await.unwrap().unwrap().into_data()
    ));

    let two = r#"[16,2,{},"com.example.tick"][16,3,{},"com.example.tick"]"#;
    websocket.send(Frame::text(two)).await.unwrap();
    assert!(is_violation(&within_deadline("ABORT", websocket.next()).await.unwrap().unwrap().into_data()));
}

async fn receive(raw: &mut RawFrames) -> (FrameType, Bytes) {
    within_deadline("a frame", raw.receive()).await.expect("the transport is open")
}

#[tokio::test]
async fn raw_08_handshake_hello_and_a_request_may_come_in_one_write() {
    let router = TestRouter::start().await;
    let octets = [
        &b"\x7f\xf1\0\0"[..],
        &trunkline_tests::frame(FrameType::Wamp, hello(STRICT).as_bytes()),
        &trunkline_tests::frame(FrameType::Wamp, SUBSCRIBE.as_bytes()),
    ]
    .concat();
    let mut socket = TcpStream::connect(router.address()).await.unwrap();
    socket.write_all(&octets).await.unwrap();
    let mut reply = [0; 4];
    socket.read_exact(&mut reply).await.unwrap();
    assert_eq!(reply, [0x7f, 0xb1, 0, 0]);
    let mut raw = RawFrames::new(socket);
    assert!(is_welcome(&receive(&mut raw).await.1));
    assert!(is_subscribed(&receive(&mut raw).await.1));
}

#[tokio::test]
async fn raw_08_frames_may_come_octet_by_octet() {
    let router = TestRouter::start().await;
    let mut raw = open_rawsocket(router.address(), SerializerId::Json, MaxLength::MAX).await;
    for message in [hello(STRICT).as_str(), SUBSCRIBE] {
        for octet in trunkline_tests::frame(FrameType::Wamp, message.as_bytes()) {
            raw.stream.write_u8(octet).await.unwrap();
            tokio::task::yield_now().await;
        }
    }
    assert!(is_welcome(&receive(&mut raw).await.1));
    assert!(is_subscribed(&receive(&mut raw).await.1));
}

#[tokio::test]
async fn raw_09_malformed_prefixes_are_violations_that_end_the_session() {
    let router = TestRouter::start().await;
    let mut bob = Peer::join(&router, "bob").await;
    // Reserved bits, reserved types, and the long form with a length (RAW-10).
    for prefix in [[0x10, 0, 0, 1], [0x80, 0, 0, 1], [3, 0, 0, 1], [7, 0, 0, 1], [8, 0, 0, 1]] {
        for is_joined in [false, true] {
            let via = Via(Transport::RawSocket, SerializerId::Json);
            let mut mallory = Peer::connect(&router, "mallory", via).await;
            if is_joined {
                mallory.hello(STRICT).await;
                mallory.register("com.example.add").await;
            }
            let mut raw = RawFrames::new(mallory.into_stream());
            raw.stream.write_all(&prefix).await.unwrap();
            let (frame_type, abort) = receive(&mut raw).await;
            assert_eq!(frame_type, FrameType::Wamp);
            assert!(is_violation(&abort), "{abort:?}");
            assert_eq!(within_deadline("the end", raw.receive()).await, None);
            let registration = bob.register("com.example.add").await;
            bob.unregister(registration).await;
        }
    }
    assert_eq!(router.router().counters().protocol_violations.value(), 10);
}

#[tokio::test]
async fn raw_10_a_frame_of_2_to_the_24_is_over_our_limit_not_malformed() {
    let router = TestRouter::start().await;
    let mut raw = open_rawsocket(router.address(), SerializerId::Json, MaxLength::MAX).await;
    raw.stream.write_all(&[8, 0, 0, 0]).await.unwrap();
    assert_eq!(within_deadline("the end", raw.receive()).await, None);
    let counters = router.router().counters();
    assert_eq!((counters.messages_too_large.value(), counters.protocol_violations.value()), (1, 0));
}

#[tokio::test]
async fn raw_11_pings_are_answered_before_and_during_a_session_without_touching_it() {
    let router = TestRouter::start().await;
    for via in Via::sockets() {
        let mut alice = Peer::connect(&router, "alice", via).await;
        alice.expect_pong(b"").await;
        alice.expect_pong(b"\x00\xff binary").await;
        alice.hello(STRICT).await;
        alice.expect_pong(b"").await;
        alice.expect_pong(b"again").await;
        // The strict request counter did not move.
        alice.send(SUBSCRIBE).await;
        let [_] = alice.expect("[33,1,#]").await;
    }
}

#[tokio::test]
async fn raw_11_unsolicited_pongs_are_ignored() {
    let router = TestRouter::start().await;
    let mut raw = open_rawsocket(router.address(), SerializerId::Json, MaxLength::MAX).await;
    raw.send(FrameType::Pong, b"who asked?").await;
    raw.send(FrameType::Wamp, hello(STRICT).as_bytes()).await;
    assert!(is_welcome(&receive(&mut raw).await.1));
    raw.send(FrameType::Pong, b"").await;
    raw.send(FrameType::Wamp, SUBSCRIBE.as_bytes()).await;
    assert!(is_subscribed(&receive(&mut raw).await.1));
}

#[tokio::test]
async fn raw_12_an_oversize_frame_ends_the_connection_at_its_prefix() {
    let router = TestRouter::start().await;
    for is_joined in [false, true] {
        let mut raw = open_rawsocket(router.address(), SerializerId::Json, MaxLength::MAX).await;
        if is_joined {
            raw.send(FrameType::Wamp, hello(STRICT).as_bytes()).await;
            assert!(is_welcome(&receive(&mut raw).await.1));
        }
        // One octet above the 2^20 that the router announced, and nothing of them sent.
        raw.stream.write_all(&[0, 0x10, 0, 1]).await.unwrap();
        assert_eq!(within_deadline("the end", raw.receive()).await, None);
    }
    assert_eq!(router.router().counters().messages_too_large.value(), 2);
    router.wait_until_empty().await;
}

#[tokio::test]
async fn both_transports_share_one_port_and_one_realm() {
    let router = TestRouter::start().await;
    let mut bob = Peer::join_via(&router, "bob", Via(Transport::RawSocket, SerializerId::Json)).await;
    let tick = bob.subscribe("com.example.tick").await;
    let mut alice = Peer::join_via(&router, "alice", Via(Transport::WebSocket, SerializerId::Json)).await;
    alice.publish("com.example.tick", "[7]").await;
    let [_] = bob.expect(&trunkline_tests::event(tick, "[7]")).await;
    bob.publish_acknowledged("com.example.tick", "").await;
    let mut mallory = Peer::connect(&router, "mallory", Via::json()[0]).await;
    mallory.send("[99]").await;
    mallory.expect_abort(PROTOCOL_VIOLATION).await;
}

/// What a RawSocket client hears that asks for JSON, until the router closes.
async fn raw_reply(address: SocketAddr) -> Vec<u8> {
    reply(address, b"\x7f\xf1\0\0").await
}

/// What comes back until the router closes.
async fn reply(address: SocketAddr, octets: &[u8]) -> Vec<u8> {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(octets).await.unwrap();
    let mut reply = Vec::new();
    within_deadline("the end", socket.read_to_end(&mut reply)).await.unwrap();
    reply
}

const UPGRADE: &str = "GET /ws HTTP/1.1\r\nHost: router.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Protocol: wamp.2.json\r\n\r\n";

fn assert_is_full(answer: &[u8]) {
    let answer = std::str::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\ntoo many connections: try again later\n"), "{answer}");
}

#[tokio::test]
async fn raw_01_each_listener_announces_its_own_limit() {
    for (limit, nibble) in [(512, 0), (10_000, 4), (1 << 14, 5), (20 << 20, 15)] {
        let mut config = config();
        config.listeners[0].message_max_bytes = Some(limit);
        let router = TestRouter::with(&config).await;
        let mut socket = TcpStream::connect(router.address()).await.unwrap();
        socket.write_all(b"\x7f\xf1\0\0").await.unwrap();
        let mut reply = [0; 4];
        within_deadline("a reply", socket.read_exact(&mut reply)).await.unwrap();
        assert_eq!(reply, [0x7F, nibble << 4 | 1, 0, 0], "{limit}");
    }
}

#[tokio::test]
async fn raw_03_a_listener_that_is_full_says_error_4_or_503() {
    let mut config = config();
    config.listeners[0].connections_max = 2;
    let router = TestRouter::with(&config).await;
    let mut alice = Peer::join_via(&router, "alice", Via::json()[0]).await;
    let bob = Peer::join_via(&router, "bob", Via::json()[1]).await;
    assert_eq!(raw_reply(router.address()).await, [0x7F, 0x40, 0, 0]);
    assert_is_full(&reply(router.address(), UPGRADE.as_bytes()).await);
    assert_is_full(&reply(router.address(), b"GET /nothing HTTP/1.1\r\nHost: router.example\r\n\r\n").await);
    let counters = router.router().counters();
    assert_eq!((counters.connections_refused.value(), counters.handshakes_refused.value()), (3, 0));
    // Who is in does not notice, and a place that is given back is free.
    alice.publish_acknowledged("com.example.tick", "").await;
    drop(bob);
    let free = async {
        while raw_reply_or_none(router.address()).await != Some([0x7F, 0xB1, 0, 0]) {
            tokio::task::yield_now().await;
        }
    };
    within_deadline("a place", free).await;
}

#[tokio::test]
async fn raw_03_an_address_with_too_many_connections_is_refused_alone() {
    let mut config = config();
    config.listeners[0].connections_per_address_max = 1;
    let scratch = Scratch::new();
    let path = scratch.path("trunkline.sock");
    config.listeners[0].addresses.push(Address::Unix(path.clone()));
    let router = TestRouter::with(&config).await;
    let _alice = Peer::join_via(&router, "alice", Via::json()[0]).await;
    assert_eq!(raw_reply(router.address()).await, [0x7F, 0x40, 0, 0]);
    assert_is_full(&reply(router.address(), UPGRADE.as_bytes()).await);
    let counters = router.router().counters();
    assert_eq!(
        (counters.connections_refused_by_address.value(), counters.connections_refused.value()),
        (2, 0)
    );
    // Peers on a Unix domain socket have no address.
    for name in ["bob", "carol"] {
        Peer::join_over(UnixStream::connect(&path).await.unwrap(), name, Via::json()[1]).await;
    }
}

#[tokio::test]
async fn too_many_handshakes_at_a_time_are_refused_and_sessions_do_not_count() {
    let mut config = config();
    config.listeners[0].handshakes_max = 2;
    let router = TestRouter::with(&config).await;
    let mut alice = Peer::join_via(&router, "alice", Via::json()[0]).await;
    let mut bob = Peer::join_via(&router, "bob", Via::json()[1]).await;
    let _silent = TcpStream::connect(router.address()).await.unwrap();
    // A transport without a session is half a handshake, too.
    let mut carol = Peer::connect(&router, "carol", Via::json()[1]).await;
    assert_eq!(raw_reply(router.address()).await, [0x7F, 0x40, 0, 0]);
    assert_is_full(&reply(router.address(), UPGRADE.as_bytes()).await);
    let counters = router.router().counters();
    assert_eq!((counters.handshakes_over_limit.value(), counters.connections_refused.value()), (2, 0));
    carol.hello(STRICT).await;
    for peer in [&mut alice, &mut bob, &mut carol] {
        peer.publish_acknowledged("com.example.tick", "").await;
    }
    Peer::join_via(&router, "dave", Via::json()[1]).await;
}

#[tokio::test]
async fn an_address_with_too_many_handshakes_is_refused_alone() {
    let mut config = config();
    config.listeners[0].handshakes_per_address_max = 1;
    let scratch = Scratch::new();
    let path = scratch.path("trunkline.sock");
    config.listeners[0].addresses.push(Address::Unix(path.clone()));
    let router = TestRouter::with(&config).await;
    let _silent = TcpStream::connect(router.address()).await.unwrap();
    assert_eq!(raw_reply(router.address()).await, [0x7F, 0x40, 0, 0]);
    let counters = router.router().counters();
    assert_eq!(
        (counters.handshakes_over_limit_by_address.value(), counters.handshakes_over_limit.value()),
        (1, 0)
    );
    Peer::join_over(UnixStream::connect(&path).await.unwrap(), "bob", Via::json()[1]).await;
}

#[tokio::test]
async fn only_so_many_are_told_at_a_time_that_there_is_no_place() {
    const TOLD_MAX: usize = 64;
    let mut config = config();
    config.listeners[0].connections_max = 0;
    let router = TestRouter::with(&config).await;
    let mut silent = Vec::new();
    for _ in 0..TOLD_MAX {
        silent.push(TcpStream::connect(router.address()).await.unwrap());
    }
    let refused = |router: &Router| router.counters().connections_refused.value();
    router.wait_until("all are seen", |router| refused(router) == TOLD_MAX as u64).await;
    let mut socket = TcpStream::connect(router.address()).await.unwrap();
    let mut reply = Vec::new();
    within_deadline("the end", socket.read_to_end(&mut reply)).await.ok();
    assert_eq!(reply, b"");
    assert_eq!(refused(router.router()), TOLD_MAX as u64 + 1);
    // The first that hears of it makes room.
    let mut first = silent.pop().unwrap();
    first.write_all(b"\x7f\xf1\0\0").await.unwrap();
    within_deadline("the end", first.read_to_end(&mut reply)).await.unwrap();
    assert_eq!(reply, [0x7F, 0x40, 0, 0]);
    let told = async { while raw_reply_or_none(router.address()).await.is_none() {} };
    within_deadline("room for another refusal", told).await;
}

async fn raw_reply_or_none(address: SocketAddr) -> Option<[u8; 4]> {
    let mut socket = TcpStream::connect(address).await.ok()?;
    socket.write_all(b"\x7f\xf1\0\0").await.ok()?;
    let mut reply = [0; 4];
    socket.read_exact(&mut reply).await.ok()?;
    Some(reply)
}
