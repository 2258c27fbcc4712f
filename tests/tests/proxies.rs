//! Connections that come through proxies: who is believed, and what a false word costs.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper fails the test that uses it")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use trunkline::config::{Address, Certificate, Config, ProxyHeader, Tls, TrustedProxy};
use trunkline_tests::{Peer, Scratch, TestRouter, Via, config, within_deadline};

/// One connection for each source address, and a proxy on this machine that says what that is.
fn behind(proxy: &str, header: ProxyHeader) -> Config {
    let mut config = config();
    let listener = &mut config.listeners[0];
    listener.connections_per_address_max = 1;
    listener.proxy_header = Some(header);
    listener.trusted_proxies = vec![match proxy {
        "unix" => TrustedProxy::Unix,
        network => TrustedProxy::Network(network.parse().unwrap()),
    }];
    config
}

const LOOPBACK: &str = "127.0.0.0/8";

/// A header of version 2 that names an IPv4 source, with an addition behind the addresses.
fn version_2(source: Ipv4Addr) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0f".to_vec();
    header.extend(source.octets());
    header.extend([192, 0, 2, 1, 0x12, 0x34, 0, 80, 4, 0, 0]);
    header
}

async fn connect(router: &TestRouter, before: &[u8]) -> TcpStream {
    let mut socket = TcpStream::connect(router.address()).await.unwrap();
    socket.write_all(before).await.unwrap();
    socket
}

/// What comes back until the router closes, if it does so in good order.
async fn answer(router: &TestRouter, octets: &[u8]) -> Vec<u8> {
    answer_over(connect(router, octets).await).await
}

async fn answer_over(mut socket: impl tokio::io::AsyncRead + Unpin) -> Vec<u8> {
    let mut answer = Vec::new();
    within_deadline("the end", socket.read_to_end(&mut answer)).await.ok();
    answer
}

const RAW_JSON: &[u8] = b"\x7f\xf1\0\0";

const NO_PLACE: &[u8] = b"\x7f\x40\0\0";

#[tokio::test]
async fn the_proxy_protocol_names_the_source_before_either_transport() {
    let router = TestRouter::with(&behind(LOOPBACK, ProxyHeader::ProxyProtocol)).await;
    let first = version_2(Ipv4Addr::new(198, 51, 100, 1));
    let line = |source: &str| format!("PROXY TCP4 {source} 192.0.2.1 4711 80\r\n").into_bytes();
    let mut sessions = Vec::new();
    for (number, via) in Via::sockets().enumerate() {
        let header = match number {
            0 => first.clone(),
            _ => line(&format!("203.0.113.{number}")),
        };
        let mut peer = Peer::join_over(connect(&router, &header).await, "alice", via).await;
        peer.publish_acknowledged("com.example.tick", "").await;
        sessions.push(peer);
    }
    // What counts is what the proxy says.
    assert_eq!(answer(&router, &[&first[..], RAW_JSON].concat()).await, NO_PLACE);
    assert_eq!(answer(&router, &[&line("198.51.100.1")[..], RAW_JSON].concat()).await, NO_PLACE);
    let request = [&line("203.0.113.1")[..], b"GET /ws HTTP/1.1\r\nHost: x\r\n\r\n"].concat();
    assert!(answer(&router, &request).await.starts_with(b"HTTP/1.1 503 "));
    assert_eq!(router.router().counters().connections_refused_by_address.value(), 3);
    // A health check of the proxy counts for itself.
    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
    sessions.push(Peer::join_over(connect(&router, local).await, "proxy", Via::json()[1]).await);
    assert_eq!(answer(&router, &[b"PROXY UNKNOWN\r\n", RAW_JSON].concat()).await, NO_PLACE);
}

#[tokio::test]
async fn a_trusted_peer_without_a_proper_header_is_refused() {
    let router = TestRouter::with(&behind(LOOPBACK, ProxyHeader::ProxyProtocol)).await;
    let attempts: [&[u8]; 5] = [
        RAW_JSON,
        b"GET /ws HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PROXY TCP4 nobody 192.0.2.1 4711 80\r\n\x7f\xf1\0\0",
        b"PROXY TCP4 198.51.100.1 192.0.2.1 4711 80\n\x7f\xf1\0\0\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
    ];
    for octets in attempts {
        assert_eq!(answer(&router, octets).await, b"", "{octets:?}");
    }
    router.wait_until("all are counted", |router| router.counters().handshakes_refused.value() == 5).await;
}

#[tokio::test]
async fn an_untrusted_peer_is_not_believed() {
    let header = version_2(Ipv4Addr::new(198, 51, 100, 1));
    let router = TestRouter::with(&behind("192.0.2.0/24", ProxyHeader::ProxyProtocol)).await;
    let reply = answer(&router, &[&header[..], RAW_JSON].concat()).await;
    assert!(reply.is_empty() || reply.starts_with(b"HTTP/1.1 400 "), "{reply:?}");
    router.wait_until("it is gone", |router| router.counters().handshakes_refused.value() == 1).await;
    // Without a header it is a peer like any other.
    Peer::join_via(&router, "alice", Via::json()[1]).await;

    for header in [ProxyHeader::Forwarded, ProxyHeader::XForwardedFor] {
        let router = TestRouter::with(&behind("192.0.2.0/24", header)).await;
        let _first =
            upgraded(&router, "Forwarded: for=198.51.100.1\r\nX-Forwarded-For: 198.51.100.1\r\n").await;
        let other = "Forwarded: for=198.51.100.2\r\nX-Forwarded-For: 198.51.100.2\r\n";
        assert!(status(&router, other).await.starts_with("HTTP/1.1 503 "));
    }
}

#[tokio::test]
async fn the_proxy_protocol_comes_before_tls() {
    let scratch = Scratch::new();
    let issued = rcgen::generate_simple_self_signed(["router.example".to_owned()]).unwrap();
    let mut config = behind(LOOPBACK, ProxyHeader::ProxyProtocol);
    config.listeners[0].tls = Some(Tls::with(Certificate {
        certificate_file: scratch.file("certificate.pem", issued.cert.pem()),
        key_file: scratch.file("key.pem", issued.signing_key.serialize_pem()),
    }));
    let router = TestRouter::with(&config).await;
    let mut roots = RootCertStore::empty();
    roots.add(issued.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let connector = TlsConnector::from(Arc::new(client.with_root_certificates(roots).with_no_client_auth()));
    let header = version_2(Ipv4Addr::new(198, 51, 100, 1));
    let socket = connect(&router, &header).await;
    let connecting = connector.connect(ServerName::try_from("router.example").unwrap(), socket);
    let socket = within_deadline("the TLS handshake", connecting).await.unwrap();
    let _alice = Peer::join_over(socket, "alice", Via::json()[0]).await;
    // Nobody else from there, and no TLS handshake for them.
    let socket = connect(&router, &header).await;
    let connecting = connector.connect(ServerName::try_from("router.example").unwrap(), socket);
    assert!(within_deadline("the end", connecting).await.is_err());
    assert_eq!(router.router().counters().connections_refused_by_address.value(), 1);
}

fn upgrade(extra: &str) -> String {
    format!(
        "GET /ws HTTP/1.1\r\nHost: router.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: wamp.2.json\r\n{extra}\r\n"
    )
}

/// Asks for an upgrade: the status line, and the socket.
async fn ask(mut socket: TcpStream, extra: &str) -> (String, TcpStream) {
    socket.write_all(upgrade(extra).as_bytes()).await.unwrap();
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        line.push(within_deadline("an answer", socket.read_u8()).await.unwrap());
    }
    (String::from_utf8(line).unwrap(), socket)
}

async fn status(router: &TestRouter, extra: &str) -> String {
    ask(connect(router, b"").await, extra).await.0
}

/// A WebSocket that stays open.
async fn upgraded(router: &TestRouter, extra: &str) -> TcpStream {
    let (status, socket) = ask(connect(router, b"").await, extra).await;
    assert!(status.starts_with("HTTP/1.1 101 "), "{extra}: {status}");
    socket
}

#[tokio::test]
async fn the_forwarded_header_names_the_source_of_a_websocket() {
    let router = TestRouter::with(&behind(LOOPBACK, ProxyHeader::Forwarded)).await;
    let _first = upgraded(&router, "Forwarded: for=\"198.51.100.1:4711\";proto=https\r\n").await;
    let _second = upgraded(&router, "Forwarded: for=\"[2001:db8::1]:4711\", for=127.0.0.9\r\n").await;
    for extra in [
        "Forwarded: for=198.51.100.1\r\n",
        // What a client makes up stands in front of what the proxy saw.
        "Forwarded: for=203.0.113.1, for=198.51.100.1\r\n",
        "Forwarded: for=203.0.113.1\r\nForwarded: for=198.51.100.1\r\n",
        // Another address of the same network.
        "Forwarded: for=\"[2001:db8::2]\"\r\n",
    ] {
        assert!(status(&router, extra).await.starts_with("HTTP/1.1 503 "), "{extra}");
    }
    // A header that is not the proxy's is not looked at.
    let _third = upgraded(&router, "Forwarded: for=203.0.113.2\r\nX-Forwarded-For: 198.51.100.1\r\n").await;
    let malformed = "Forwarded: for=\"203.0.113.3, for=198.51.100.1\r\n";
    assert!(status(&router, malformed).await.starts_with("HTTP/1.1 400 "));
    // Who hides counts for the proxy, as RawSocket peers behind it do.
    let _hidden = upgraded(&router, "Forwarded: for=_hidden\r\n").await;
    assert!(status(&router, "").await.starts_with("HTTP/1.1 503 "));
    assert_eq!(answer(&router, RAW_JSON).await, NO_PLACE);
    let counters = router.router().counters();
    assert_eq!(counters.connections_refused_by_address.value(), 6);
}

#[tokio::test]
async fn x_forwarded_for_names_the_source_of_a_websocket() {
    let router = TestRouter::with(&behind(LOOPBACK, ProxyHeader::XForwardedFor)).await;
    let _first = upgraded(&router, "X-Forwarded-For: 203.0.113.1, 198.51.100.1, 127.0.0.9\r\n").await;
    assert!(status(&router, "X-Forwarded-For: 198.51.100.1\r\n").await.starts_with("HTTP/1.1 503 "));
    let _second = upgraded(&router, "X-Forwarded-For: 198.51.100.1, 203.0.113.1\r\n").await;
    // Several clients may share one connection of the proxy until one of them upgrades it.
    let mut socket =
        connect(&router, b"GET /nothing HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 198.51.100.1\r\n\r\n").await;
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\nthere is nothing at this path\n") {
        seen.push(within_deadline("404", socket.read_u8()).await.unwrap());
    }
    let (status, _third) = ask(socket, "X-Forwarded-For: 203.0.113.3\r\n").await;
    assert!(status.starts_with("HTTP/1.1 101 "), "{status}");
}

#[tokio::test]
async fn a_proxy_on_a_unix_socket_can_be_trusted() {
    let scratch = Scratch::new();
    let path = scratch.path("trunkline.sock");
    let mut config = behind("unix", ProxyHeader::ProxyProtocol);
    config.listeners[0].addresses.push(Address::Unix(path.clone()));
    let router = TestRouter::with(&config).await;
    let header = version_2(Ipv4Addr::new(198, 51, 100, 1));
    let mut socket = UnixStream::connect(&path).await.unwrap();
    socket.write_all(&header).await.unwrap();
    let _alice = Peer::join_over(socket, "alice", Via::json()[0]).await;
    let mut socket = UnixStream::connect(&path).await.unwrap();
    socket.write_all(&[&header[..], RAW_JSON].concat()).await.unwrap();
    assert_eq!(answer_over(socket).await, NO_PLACE);
    // By TCP nobody is a proxy here.
    let address: SocketAddr = router.address();
    Peer::join_over(TcpStream::connect(address).await.unwrap(), "bob", Via::json()[1]).await;
}
