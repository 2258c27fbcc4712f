//! Peers that speak something else, or nothing, or garbage.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper fails the test that uses it")]

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use trunkline_tests::{Peer, STRICT, TestRouter, Transport, Via, event, frame, hello, within_deadline};
use wamp_proto::error_uri::{NO_SUCH_PROCEDURE, PROTOCOL_VIOLATION};
use wamp_proto::rawsocket::FrameType;
use wamp_proto::{MessageCode, SerializerId};

const RAW_JSON: Via = Via(Transport::RawSocket, SerializerId::Json);

/// Sends these octets to a fresh connection: all that comes back until it ends. A reset counts as an end.
async fn answer(router: &TestRouter, octets: &[u8]) -> Vec<u8> {
    let mut socket = TcpStream::connect(router.address()).await.expect("the router listens");
    socket.write_all(octets).await.expect("the router accepts");
    let mut answer = Vec::new();
    let _reset = within_deadline("the router closes", socket.read_to_end(&mut answer)).await;
    answer
}

#[tokio::test]
async fn a_port_scanners_octets_are_closed_without_a_reply_and_counted() {
    let router = TestRouter::start().await;
    // TLS, SMB, a null probe, RTSP's cousin, RDP, and one octet.
    for (number, octets) in [
        &b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"[..],
        b"\0\0\0\x85\xffSMB",
        b"\0",
        b"\x80\x9e\x01\x03\x01",
        b"\x03\0\0\x13\x0e\xe0",
        b"\xff",
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(answer(&router, octets).await, b"");
        router
            .wait_until("it is counted", |router| {
                router.counters().handshakes_refused.value() == number as u64 + 1
            })
            .await;
    }
    let mut alice = Peer::join(&router, "alice").await;
    alice.expect_silence().await;
}

#[tokio::test]
async fn http_that_is_no_upgrade_is_answered_in_http() {
    let router = TestRouter::start().await;
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "426"),
        ("GET /etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "404"),
        ("HELP\r\n\r\n", "400"),
        ("GET / HTTP/9.9\r\n\r\n", "400"),
    ] {
        let answer = answer(&router, request.as_bytes()).await;
        assert!(answer.starts_with(format!("HTTP/1.1 {status} ").as_bytes()), "{request:?}: {answer:?}");
    }
    router.wait_until("all are counted", |router| router.counters().handshakes_refused.value() == 4).await;
}

#[tokio::test]
async fn half_a_request_and_half_a_handshake_are_counted_when_their_peer_goes() {
    let router = TestRouter::start().await;
    for octets in [&b"GET /ws HTTP/1.1\r\nHost:"[..], b"\x7f\xf1", b""] {
        let mut socket = TcpStream::connect(router.address()).await.expect("the router listens");
        socket.write_all(octets).await.expect("the router accepts");
        drop(socket);
    }
    router.wait_until("all are counted", |router| router.counters().handshakes_refused.value() == 3).await;
    assert_eq!(router.router().counters().handshakes_timed_out.value(), 0);
}

#[tokio::test]
async fn garbage_after_welcome_ends_that_session_and_no_other() {
    let router = TestRouter::start().await;
    let mut bob = Peer::join(&router, "bob").await;
    let tick = bob.subscribe("com.example.tick").await;
    for via in Via::sockets() {
        let mut mallory = Peer::join_via(&router, "mallory", via).await;
        mallory.subscribe("com.example.tick").await;
        mallory.send_octets(vec!["certainly no message".into()]).await;
        mallory.expect_abort(PROTOCOL_VIOLATION).await;
    }
    let mut alice = Peer::join(&router, "alice").await;
    alice.publish("com.example.tick", "[7]").await;
    let [_] = bob.expect(&event(tick, "[7]")).await;
    assert_eq!(router.router().sessions(), 2);
}

#[tokio::test]
async fn garbage_instead_of_frames_ends_the_connection() {
    let router = TestRouter::start().await;
    for via in Via::sockets() {
        let mallory = Peer::join_via(&router, "mallory", via).await;
        let mut socket = mallory.into_stream();
        // Reserved bits in either framing.
        socket.write_all(&[0xf7; 64]).await.expect("the router reads");
        let mut rest = Vec::new();
        let _reset = within_deadline("the router closes", socket.read_to_end(&mut rest)).await;
        drop(socket);
        router.wait_until("mallory left", |router| router.sessions() == 0).await;
    }
    assert_eq!(router.router().counters().protocol_violations.value(), 6);
}

#[tokio::test]
async fn a_frame_that_never_ends_holds_nobody_up() {
    let router = TestRouter::start().await;
    let mut bob = Peer::join(&router, "bob").await;
    let tick = bob.subscribe("com.example.tick").await;
    let mallory = Peer::join_via(&router, "mallory", RAW_JSON).await;
    let mut half_open = mallory.into_stream();
    half_open.write_all(b"\0\x01\0\0[16,1,").await.expect("the router reads");
    let mut alice = Peer::join(&router, "alice").await;
    alice.publish("com.example.tick", "[7]").await;
    let [_] = bob.expect(&event(tick, "[7]")).await;
    // Half of a message has no effect when its peer is gone.
    drop(half_open);
    router.wait_until("mallory left", |router| router.sessions() == 2).await;
    alice.expect_silence().await;
}

/// One peer of many that misbehave, each in the way of its number; what it leaves open is returned.
async fn misbehave(router: &TestRouter, number: usize) -> Option<TcpStream> {
    let open = async || TcpStream::connect(router.address()).await.expect("the router listens");
    let via = Via::json()[number / 10 % 2];
    match number % 10 {
        0 => drop(open().await),
        1 => {
            answer(router, b"\x16\x03\x01\x02\0\x01").await;
        }
        2 => {
            answer(router, b"\x7f\xff\xff\xff").await;
        }
        3 => {
            // Half a request, and then silence.
            let mut socket = open().await;
            socket.write_all(b"GET /ws HTTP/1.1\r\n").await.expect("the router reads");
            return Some(socket);
        }
        4 => {
            // Half a handshake that is reset.
            let mut socket = open().await;
            socket.write_all(b"\x7f").await.expect("the router reads");
            socket.set_zero_linger().expect("a TCP socket");
        }
        5 => {
            let mut mallory = Peer::join_via(router, "mallory", via).await;
            mallory.send("[99]").await;
            mallory.expect_abort(PROTOCOL_VIOLATION).await;
        }
        6 => {
            let mut mallory = Peer::join_via(router, "mallory", via).await;
            mallory.subscribe("com.example.tick").await;
            mallory.into_stream().set_zero_linger().expect("a TCP socket");
        }
        7 => {
            // It subscribes and never reads.
            let mut mallory = Peer::join_via(router, "mallory", via).await;
            mallory.subscribe("com.example.tick").await;
            return Some(mallory.into_stream());
        }
        8 => {
            let mallory = Peer::join_via(router, "mallory", RAW_JSON).await;
            let mut socket = mallory.into_stream();
            socket.write_all(&[0, 0xff, 0xff, 0xff]).await.expect("the router reads");
            let mut rest = Vec::new();
            let _reset = within_deadline("the router closes", socket.read_to_end(&mut rest)).await;
        }
        _ => {
            // Everything at once, with a violation in the middle, and gone.
            let mut socket = open().await;
            let octets = [
                b"\x7f\xf1\0\0".to_vec(),
                frame(FrameType::Wamp, hello(STRICT).as_bytes()),
                frame(FrameType::Wamp, br#"[32,1,{},"com.example.tick"]"#),
                frame(FrameType::Wamp, br#"[32,7,{},"com.example.tick"]"#),
                frame(FrameType::Wamp, br#"[16,2,{},"com.example.tick",["never"]]"#),
            ];
            socket.write_all(&octets.concat()).await.expect("the router reads");
        }
    }
    None
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_misbehaving_peers_do_not_disturb_a_steady_pair() {
    const PEERS: usize = 200;
    let router = TestRouter::start().await;
    let mut alice = Peer::join_via(&router, "alice", RAW_JSON).await;
    let mut bob = Peer::join(&router, "bob").await;
    let tick = bob.subscribe("com.example.tick").await;
    let mut number = 0;
    let mut exchange = async || {
        alice.publish("com.example.tick", &format!("[{number}]")).await;
        let [_] = bob.expect(&event(tick, &format!("[{number}]"))).await;
        number += 1;
    };
    let is_over = std::cell::Cell::new(false);
    let misbehaving = async {
        let left_open = (0..PEERS).map(|number| misbehave(&router, number));
        let left_open = futures_util::future::join_all(left_open).await;
        is_over.set(true);
        left_open
    };
    let exchanging = async {
        while !is_over.get() {
            exchange().await;
        }
    };
    let (left_open, ()) = tokio::join!(misbehaving, exchanging);
    for _ in 0..20 {
        exchange().await;
    }
    let left_open: Vec<TcpStream> = left_open.into_iter().flatten().collect();
    assert_eq!(left_open.len(), 2 * PEERS / 10);
    drop(left_open);
    router.wait_until("only the pair is left", |router| router.sessions() == 2).await;
    exchange().await;
    let counters = router.router().counters();
    assert_eq!(counters.connections_accepted.value(), PEERS as u64 + 2);
    assert_eq!(counters.messages_too_large.value(), PEERS as u64 / 10);
    // Who is gone at once may take its violation along, unread.
    assert!((PEERS as u64 / 10..=2 * PEERS as u64 / 10).contains(&counters.protocol_violations.value()));
    assert_eq!(counters.slow_consumers.value(), 0);
    let left = router.router().holdings(STRICT).unwrap();
    assert_eq!((left.subscriptions, left.registrations, left.open_calls), (1, 0, 0));
}

#[tokio::test]
async fn what_was_asked_before_a_violation_is_answered_in_front_of_abort() {
    let router = TestRouter::start().await;
    let in_process = SerializerId::ALL.map(|serializer| Via(Transport::InProcess, serializer));
    for via in Via::sockets().chain(in_process) {
        let mut peer = Peer::join_via(&router, "peer", via).await;
        let subscribe = r#"[32,1,{},"com.example.tick"]"#;
        peer.send_all(&[subscribe, r#"[48,2,{},"com.example.nothing"]"#, &hello(STRICT)]).await;
        let [_] = peer.expect("[33,1,#]").await;
        peer.expect_error(MessageCode::Call, 2, NO_SUCH_PROCEDURE).await;
        peer.expect_abort(PROTOCOL_VIOLATION).await;
    }
    router.wait_until_empty().await;
}
