//! Handshakes over real sockets, as octets on the wire.

use std::net::SocketAddr;

use crate::router::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use trunkline_config::{Config, TrustedProxy};

use super::*;
use crate::transport::Received;

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// A connected socket whose other end goes through [`open`].
async fn connect() -> (TcpStream, JoinHandle<Result<Transport, OpenError>>) {
    connect_to(Listener::default()).await
}

async fn connect_to(listener: Listener) -> (TcpStream, JoinHandle<Result<Transport, OpenError>>) {
    let acceptor = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let client = TcpStream::connect(acceptor.local_addr().unwrap()).await.unwrap();
    let (socket, _) = acceptor.accept().await.unwrap();
    let entrance = Entrance::new(&listener, &Router::new(&Config::default())).unwrap();
    let opening = async move {
        let mut source = Source::Tcp(SocketAddr::from(([127, 0, 0, 1], 1)));
        open(Plain::Tcp(socket), &mut source, &entrance).await.map(|opened| opened.transport)
    };
    (client, tokio::spawn(opening))
}

/// Sends `octets` to a fresh connection: all that comes back until the router closes, and why it closed.
async fn refused(octets: &[u8]) -> (Vec<u8>, OpenError) {
    let (mut client, opening) = connect().await;
    client.write_all(octets).await.unwrap();
    let mut reply = Vec::new();
    client.read_to_end(&mut reply).await.unwrap();
    (reply, opening.await.unwrap().err().expect("no transport"))
}

/// A WebSocket handshake on `/ws`, with header lines `extra` (each ended by CRLF) added.
fn handshake(extra: &str) -> String {
    format!(
        "GET /ws?token=1 HTTP/1.1\r\nHost: router.example\r\nUpgrade: WebSocket\r\n\
         Connection: keep-alive, Upgrade\r\n{extra}\r\n"
    )
}

fn valid_handshake(protocols: &str) -> String {
    handshake(&format!(
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{protocols}\
         Sec-WebSocket-Extensions: permessage-deflate\r\n"
    ))
}

async fn read_head(client: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap().to_lowercase()
}

/// The whole answer to one request, after which the client closes.
async fn answer(request: &str) -> String {
    let (mut client, opening) = connect().await;
    client.write_all(request.as_bytes()).await.unwrap();
    client.shutdown().await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(matches!(opening.await.unwrap(), Err(OpenError::Http)));
    answer.to_lowercase()
}

async fn receive(transport: &mut Transport) -> Received {
    loop {
        match std::future::poll_fn(|cx| transport.poll_receive(cx)).await.unwrap() {
            Received::Activity => {}
            message @ Received::Message(_) => return message,
        }
    }
}

#[tokio::test]
async fn raw_02_success_reply_announces_the_routers_own_limit() {
    let (mut client, opening) = connect().await;
    client.write_all(&[0x7F, 0x03, 0, 0]).await.unwrap();
    let mut reply = [0; 4];
    client.read_exact(&mut reply).await.unwrap();
    assert_eq!(reply, [0x7F, 0xB3, 0, 0]);
    let transport = opening.await.unwrap().unwrap();
    assert_eq!(transport.kind(), "rawsocket");
    assert_eq!(transport.serializer(), wamp_proto::SerializerId::Cbor);
    assert_eq!(transport.send_max_bytes(), 512);
}

#[tokio::test]
async fn raw_03_unknown_serializer_is_answered_with_error_1() {
    // With a frame behind it: the unread octets must not cost the peer the reply.
    let (reply, error) = refused(&[0x7F, 0xF4, 0, 0, 0, 0, 0, 1, b'x']).await;
    assert_eq!(reply, [0x7F, 0x10, 0, 0]);
    assert!(matches!(error, OpenError::RawSocket(HandshakeError::Refused(_))));
}

#[tokio::test]
async fn raw_04_reserved_octets_are_answered_with_error_3() {
    let (reply, _) = refused(&[0x7F, 0xF1, 0, 1]).await;
    assert_eq!(reply, [0x7F, 0x30, 0, 0]);
}

#[tokio::test]
async fn raw_05_unknown_first_octet_is_closed_without_reply() {
    let (mut client, opening) = connect().await;
    client.write_all(&[0x16]).await.unwrap();
    assert!(matches!(opening.await.unwrap(), Err(OpenError::UnknownProtocol(0x16))));
    let mut reply = Vec::new();
    // The octet stays unread, so this may also be a reset.
    let _reset = client.read_to_end(&mut reply).await;
    assert!(reply.is_empty(), "{reply:?}");
}

#[tokio::test]
async fn raw_06_serializer_0_is_closed_without_reply() {
    let (reply, error) = refused(&[0x7F, 0xF0, 0, 0]).await;
    assert!(reply.is_empty(), "{reply:?}");
    assert!(matches!(error, OpenError::RawSocket(HandshakeError::NoSerializer)));
}

#[tokio::test]
async fn raw_08_handshake_may_arrive_octet_by_octet() {
    let (mut client, opening) = connect().await;
    client.set_nodelay(true).unwrap();
    for octet in [0x7F, 0xF1, 0, 0] {
        client.write_u8(octet).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(opening.await.unwrap().unwrap().serializer(), wamp_proto::SerializerId::Json);
}

#[tokio::test]
async fn raw_08_first_frame_may_come_with_the_handshake() {
    let (mut client, opening) = connect().await;
    client.write_all(b"\x7f\xf1\0\0\0\0\0\x03[1]").await.unwrap();
    let mut transport = opening.await.unwrap().unwrap();
    assert_eq!(receive(&mut transport).await, Received::Message("[1]".into()));
}

#[tokio::test]
async fn peer_that_says_nothing_is_no_error_of_the_socket() {
    let (client, opening) = connect().await;
    drop(client);
    assert!(matches!(opening.await.unwrap(), Err(OpenError::Closed)));
    let (reply, error) = {
        let (mut client, opening) = connect().await;
        client.write_all(&[0x7F, 0xF1]).await.unwrap();
        client.shutdown().await.unwrap();
        let mut reply = Vec::new();
        client.read_to_end(&mut reply).await.unwrap();
        (reply, opening.await.unwrap().err().unwrap())
    };
    assert!(reply.is_empty(), "{reply:?}");
    assert!(matches!(error, OpenError::Closed));
}

#[tokio::test]
async fn upgrade_answers_the_key_and_declines_extensions() {
    let (mut client, opening) = connect().await;
    client.write_all(valid_handshake("Sec-WebSocket-Protocol: wamp.2.cbor\r\n").as_bytes()).await.unwrap();
    let head = read_head(&mut client).await;
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    // The key and its answer are the example of RFC 6455.
    assert!(head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n"), "{head}");
    assert!(head.contains("sec-websocket-protocol: wamp.2.cbor\r\n"), "{head}");
    assert!(!head.contains("extensions"), "{head}");
    let transport = opening.await.unwrap().unwrap();
    assert_eq!((transport.kind(), transport.send_max_bytes()), ("websocket", usize::MAX));
}

#[tokio::test]
async fn upgrade_keeps_a_frame_pipelined_behind_the_handshake() {
    let (mut client, opening) = connect().await;
    let mut octets = valid_handshake("Sec-WebSocket-Protocol: wamp.2.json\r\n").into_bytes();
    octets.extend_from_slice(b"\x81\x83\0\0\0\0[1]");
    client.write_all(&octets).await.unwrap();
    let mut transport = opening.await.unwrap().unwrap();
    assert_eq!(receive(&mut transport).await, Received::Message("[1]".into()));
}

#[tokio::test]
async fn ws_01_no_common_subprotocol_is_refused_with_400() {
    for protocols in ["", "Sec-WebSocket-Protocol: mqtt, wamp.2.flatbuffers\r\n"] {
        let answer = answer(&valid_handshake(protocols)).await;
        assert!(answer.starts_with("http/1.1 400 "), "{answer}");
        assert!(answer.ends_with(".batched, wamp.2.cbor.batched\n"), "{answer}");
    }
}

#[tokio::test]
async fn ws_02_first_supported_offer_wins() {
    for (protocols, chosen) in [
        ("Sec-WebSocket-Protocol: x, wamp.2.cbor,wamp.2.json\r\n", "wamp.2.cbor"),
        (
            "Sec-WebSocket-Protocol: x\r\nSec-WebSocket-Protocol: wamp.2.msgpack, wamp.2.json\r\n",
            "wamp.2.msgpack",
        ),
        ("Sec-WebSocket-Protocol: wamp.2.cbor.batched, wamp.2.cbor\r\n", "wamp.2.cbor.batched"),
        ("Sec-WebSocket-Protocol: wamp.2.json, wamp.2.json.batched\r\n", "wamp.2.json"),
    ] {
        let (mut client, opening) = connect().await;
        client.write_all(valid_handshake(protocols).as_bytes()).await.unwrap();
        let head = read_head(&mut client).await;
        assert!(head.contains(&format!("sec-websocket-protocol: {chosen}\r\n")), "{head}");
        let serializer = opening.await.unwrap().unwrap().serializer();
        assert!(chosen.starts_with(serializer.subprotocol()));
    }
}

#[tokio::test]
async fn pages_of_other_hosts_are_refused_with_403() {
    let upgrade = |origin: &str| {
        valid_handshake(&format!("Sec-WebSocket-Protocol: wamp.2.json\r\nOrigin: {origin}\r\n"))
    };
    for origin in ["https://evil.example", "null"] {
        let answer = answer(&upgrade(origin)).await;
        assert!(answer.starts_with("http/1.1 403 ") && answer.contains("allowed_origin_hosts"), "{answer}");
    }
    let (mut client, opening) = connect().await;
    client.write_all(upgrade("http://localhost:3000").as_bytes()).await.unwrap();
    assert!(read_head(&mut client).await.starts_with("http/1.1 101 "));
    opening.await.unwrap().unwrap();
}

#[tokio::test]
async fn malformed_upgrades_are_refused() {
    let offer = "Sec-WebSocket-Protocol: wamp.2.json\r\n";
    let version = "Sec-WebSocket-Version: 13\r\n";
    let key = format!("Sec-WebSocket-Key: {KEY}\r\n");
    for (extra, status) in [
        (format!("{key}{offer}"), 426),
        (format!("{key}{offer}Sec-WebSocket-Version: 8\r\n"), 426),
        (format!("{version}{offer}"), 400),
        (format!("{version}{offer}Sec-WebSocket-Key: c2hvcnQ=\r\n"), 400),
        (format!("{version}{offer}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ!==\r\n"), 400),
        (format!("{version}{offer}{key}{key}"), 400),
    ] {
        let answer = answer(&handshake(&extra)).await;
        assert!(answer.starts_with(&format!("http/1.1 {status} ")), "{extra}{answer}");
        assert_eq!(status == 426, answer.contains("sec-websocket-version: 13\r\n"), "{extra}{answer}");
    }
    let without_connection =
        valid_handshake(offer).replace("Connection: keep-alive, Upgrade", "Connection: keep-alive");
    assert!(answer(&without_connection).await.starts_with("http/1.1 400 "));
    let old = valid_handshake(offer).replace("HTTP/1.1", "HTTP/1.0");
    assert!(answer(&old).await.starts_with("http/1.0 400 "));
}

/// Found by fuzzing: part of a body that came with the head was read as frames, or not, as the packets were cut.
#[tokio::test]
async fn an_upgrade_with_a_body_is_refused_however_it_is_cut() {
    let offer = "Sec-WebSocket-Protocol: wamp.2.json\r\n";
    for (length, body) in
        [("Content-Length: 5", "hello"), ("Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n")]
    {
        let head = valid_handshake(&format!("{offer}{length}\r\n"));
        for (now, later) in [(format!("{head}{body}"), ""), (head, body)] {
            let (mut client, opening) = connect().await;
            client.write_all(now.as_bytes()).await.unwrap();
            let answer = read_head(&mut client).await;
            assert!(answer.starts_with("http/1.1 400 "), "{answer}");
            client.write_all(later.as_bytes()).await.ok();
            drop(client);
            assert!(opening.await.unwrap().is_err());
        }
    }
    let (mut client, _opening) = connect().await;
    let without = valid_handshake(&format!("{offer}Content-Length: 0\r\n"));
    client.write_all(without.as_bytes()).await.unwrap();
    assert!(read_head(&mut client).await.starts_with("http/1.1 101 "));
}

#[tokio::test]
async fn other_requests_are_told_what_this_port_is() {
    let plain = answer("GET / HTTP/1.1\r\nHost: router.example:8080\r\n\r\n").await;
    assert!(plain.starts_with("http/1.1 426 "), "{plain}");
    assert!(plain.contains("upgrade: websocket\r\n"), "{plain}");
    assert!(plain.contains("wamp router: connect to ws://router.example:8080/ with subprotocol"), "{plain}");
    let strange_host = answer("GET / HTTP/1.1\r\nHost: <script>\r\n\r\n").await;
    assert!(!strange_host.contains("<script>"), "{strange_host}");
    let post = answer("POST /ws HTTP/1.1\r\nHost: r\r\nContent-Length: 0\r\n\r\n").await;
    assert!(post.starts_with("http/1.1 405 ") && post.contains("allow: get\r\n"), "{post}");
    let elsewhere = answer("GET /elsewhere HTTP/1.1\r\nHost: r\r\n\r\n").await;
    assert!(elsewhere.starts_with("http/1.1 404 "), "{elsewhere}");
}

#[tokio::test]
async fn refused_requests_may_be_followed_by_an_upgrade() {
    let (mut client, opening) = connect().await;
    let refused = valid_handshake("");
    let plain = "GET / HTTP/1.1\r\nHost: r\r\n\r\n";
    for (request, status) in [(plain, "426"), (refused.as_str(), "400")] {
        client.write_all(request.as_bytes()).await.unwrap();
        let head = read_head(&mut client).await;
        assert!(head.starts_with(&format!("http/1.1 {status} ")), "{head}");
        let (_, rest) = head.split_once("content-length: ").unwrap();
        let length = rest.split("\r\n").next().unwrap().parse().unwrap();
        client.read_exact(&mut vec![0; length]).await.unwrap();
    }
    client.write_all(valid_handshake("Sec-WebSocket-Protocol: wamp.2.json\r\n").as_bytes()).await.unwrap();
    assert!(read_head(&mut client).await.starts_with("http/1.1 101 "));
    assert!(opening.await.unwrap().is_ok());
}

#[tokio::test]
async fn long_head_is_refused_with_431() {
    let (mut client, opening) =
        connect_to(Listener { http_head_max_bytes: 512, ..Listener::default() }).await;
    let head = handshake(&format!("X-Long: {}\r\n", "x".repeat(600)));
    client.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    assert!(matches!(opening.await.unwrap(), Err(OpenError::BadHttp(_))));
}

/// The source that a peer on this machine has in the end, which is a trusted proxy.
async fn source_of(header: ProxyHeader, octets: &str) -> String {
    let listener = Listener {
        trusted_proxies: vec![TrustedProxy::Network("127.0.0.0/8".parse().unwrap())],
        proxy_header: Some(header),
        ..Listener::default()
    };
    let acceptor = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let mut client = TcpStream::connect(acceptor.local_addr().unwrap()).await.unwrap();
    let (socket, peer) = acceptor.accept().await.unwrap();
    client.write_all(octets.as_bytes()).await.unwrap();
    let entrance = Entrance::new(&listener, &Router::new(&Config::default())).unwrap();
    let mut source = Source::Tcp(peer);
    open(Plain::Tcp(socket), &mut source, &entrance).await.unwrap();
    source.to_string()
}

#[tokio::test]
async fn logs_show_the_source_that_a_trusted_proxy_names() {
    let raw = "PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\r\n\x7f\x01\0\0";
    assert_eq!(source_of(ProxyHeader::ProxyProtocol, raw).await, "192.0.2.7:4711");
    let upgrade = valid_handshake("Sec-WebSocket-Protocol: wamp.2.json\r\nX-Forwarded-For: 192.0.2.7\r\n");
    assert_eq!(source_of(ProxyHeader::XForwardedFor, &upgrade).await, "192.0.2.7");
}
