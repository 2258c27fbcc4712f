//! WebSocket with a router that follows a script, octet by octet.

use futures_util::FutureExt;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use wamp_proto::SerializerId::{Cbor, Json, MsgPack};

use super::*;
use crate::transport::websocket as client;

/// The answer that upgrades to that subprotocol. `KEY` stands for what the request asks for.
pub(super) fn upgrade(subprotocol: &str) -> String {
    upgrade_with(&format!("Sec-WebSocket-Protocol: {subprotocol}\r\n"))
}

fn upgrade_with(headers: &str) -> String {
    let fixed = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: KEY\r\n";
    format!("HTTP/1.1 101 Switching Protocols\r\n{fixed}{headers}\r\n")
}

async fn read_request(far: &mut DuplexStream) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(far.read_u8().await.unwrap());
    }
    String::from_utf8(request).unwrap()
}

/// What the client sends to open `ws://router.example:8080/ws`, and what comes of that answer.
pub(super) async fn open_with(
    settings: &TransportSettings,
    answer: String,
) -> (Result<Opened, TransportError>, DuplexStream) {
    let (opened, _, far) = ask("ws://router.example:8080/ws", settings, None, answer).await;
    (opened, far)
}

async fn ask(
    address: &str,
    settings: &TransportSettings,
    cookie: Option<&str>,
    answer: String,
) -> (Result<Opened, TransportError>, String, DuplexStream) {
    let address: Address = address.parse().unwrap();
    let Target::WebSocket { endpoint, path } = address.target() else { panic!("{address}") };
    let request = client::request(endpoint, path, settings, cookie).unwrap();
    let (connection, mut far) = pipe();
    let script = async {
        let request = read_request(&mut far).await;
        let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
        let answer = answer.replace("KEY", &derive_accept_key(key.as_bytes()));
        far.write_all(answer.as_bytes()).await.unwrap();
        if !answer.starts_with("HTTP/1.1 101") {
            far.shutdown().await.unwrap();
        }
        request
    };
    let (opened, request) = within_deadline("an answer", async {
        tokio::join!(client::open(connection, request, settings), script)
    })
    .await;
    (opened, request, far)
}

async fn refusal(answer: &str) -> TransportError {
    refused(open_with(&settings(&[Cbor, Json]), answer.to_owned()).await.0)
}

async fn open_in(serializer: SerializerId) -> (Channel, DuplexStream) {
    let (opened, far) = open_with(&settings(&[serializer]), upgrade(serializer.subprotocol())).await;
    (opened.unwrap().transport, far)
}

/// A short frame of the client, unmasked: its first octet, and its payload.
async fn read_frame(far: &mut DuplexStream) -> (u8, Vec<u8>) {
    let [head, length] = read(far).await;
    assert!((0x80..0xFE).contains(&length), "short, and masked");
    let mask: [u8; 4] = read(far).await;
    let mut payload = vec![0; usize::from(length & 0x7F)];
    within_deadline("a payload", far.read_exact(&mut payload)).await.unwrap();
    (head, payload.iter().zip(mask.iter().cycle()).map(|(octet, mask)| octet ^ mask).collect())
}

#[tokio::test]
async fn ws_01_the_first_serializer_is_offered_first_and_the_selected_one_is_spoken() {
    let settings = settings(&[Cbor, MsgPack, Json]);
    for serializer in SerializerId::ALL {
        let (opened, request, _far) =
            ask("ws://router.example/", &settings, None, upgrade(serializer.subprotocol())).await;
        assert_eq!(opened.unwrap().serializer, serializer);
        assert!(
            request.contains("\r\nSec-WebSocket-Protocol: wamp.2.cbor, wamp.2.msgpack, wamp.2.json\r\n"),
            "{request}"
        );
    }
}

#[tokio::test]
async fn ws_01_a_router_that_selects_no_subprotocol_or_another_one_is_refused() {
    let error = refusal(&upgrade_with("")).await;
    assert!(matches!(error, TransportError::NoSubprotocol), "{error:?}");
    for other in ["wamp.2.msgpack", "wamp.2.cbor.batched", "chat"] {
        let error = refusal(&upgrade(other)).await;
        assert!(matches!(error, TransportError::OtherSubprotocol), "{error:?}");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_upgrade_is_named() {
    for status in [200, 302, 400, 404, 503] {
        let error = refusal(&format!("HTTP/1.1 {status} Word\r\nContent-Length: 0\r\n\r\n")).await;
        assert!(matches!(error, TransportError::Http { status: s } if s == status), "{error:?}");
    }
    for answer in [
        "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        &upgrade("wamp.2.cbor").replace("KEY", "another"),
        &upgrade_with(
            "Sec-WebSocket-Protocol: wamp.2.cbor\r\nSec-WebSocket-Extensions: permessage-deflate\r\n",
        ),
    ] {
        let error = refusal(answer).await;
        assert!(matches!(error, TransportError::NotWebSocket { .. }), "{answer}: {error:?}");
    }
    for answer in ["", "HTTP/1.1 404 Not"] {
        let error = refusal(answer).await;
        assert!(matches!(error, TransportError::Io(_)), "{answer}: {error:?}");
    }
}

#[tokio::test]
async fn the_request_names_host_and_path_as_they_are_written() {
    for (address, line, host) in [
        ("ws://router.example", "/", "router.example"),
        ("ws://router.example:80/ws", "/ws", "router.example"),
        ("ws://router.example:8080/a%20b/%2e%2E?x=%26&y", "/a%20b/%2e%2E?x=%26&y", "router.example:8080"),
        ("wss://router.example/", "/", "router.example"),
        ("wss://router.example:80/", "/", "router.example:80"),
        ("ws://[::1]:8080/ws", "/ws", "[::1]:8080"),
        ("wss://[2001:db8::7]/", "/", "[2001:db8::7]"),
        ("ws://127.0.0.1?x", "/?x", "127.0.0.1"),
    ] {
        let (_, request, _) = ask(address, &settings(&[Json]), None, upgrade("wamp.2.json")).await;
        assert!(request.starts_with(&format!("GET {line} HTTP/1.1\r\n")), "{request}");
        assert!(request.contains(&format!("\r\nHost: {host}\r\n")), "{request}");
    }
}

#[tokio::test]
async fn headers_and_cookies_go_both_ways() {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut settings = settings(&[Json]);
    settings.headers = vec![
        header("Authorization", "Bearer 7"),
        header("Cookie", "theme=dark"),
        header("Sec-WebSocket-Protocol", "chat"),
        header("Sec-WebSocket-Extensions", "permessage-deflate"),
    ];
    let answer = upgrade_with(
        "Sec-WebSocket-Protocol: wamp.2.json\r\nSet-Cookie: cbtid=a=b; Path=/; Secure\r\nSet-Cookie: n=1\r\n",
    );
    let (opened, request, _far) = ask("ws://router.example/", &settings, Some("cbtid=old"), answer).await;
    assert_eq!(opened.unwrap().cookie.as_deref(), Some("cbtid=a=b; n=1"));
    assert!(request.contains("\r\nauthorization: Bearer 7\r\n"), "{request}");
    assert!(request.contains("\r\ncookie: theme=dark; cbtid=old\r\n"), "{request}");
    assert!(request.contains("\r\nSec-WebSocket-Protocol: wamp.2.json\r\n"), "{request}");
    assert!(!request.contains("chat") && !request.contains("permessage-deflate"), "{request}");
}

#[tokio::test]
async fn a_header_that_would_be_two_is_refused_without_its_value() {
    let address: Address = "ws://127.0.0.1:1/".parse().unwrap();
    for (name, value) in [("X-Key", "secret\r\nX-Other: 1"), ("X Key", "secret")] {
        let mut settings = settings(&[Json]);
        settings.headers = vec![(name.to_owned(), value.to_owned())];
        let error = refused(open(&address, &settings, None).await);
        assert!(matches!(error, TransportError::Header { .. }), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("secret"));
    }
}

#[tokio::test]
async fn ws_03_json_goes_out_as_text_and_the_others_as_binary_messages() {
    for (serializer, head) in [(Json, 0x81), (MsgPack, 0x82), (Cbor, 0x82)] {
        let (mut channel, mut far) = open_in(serializer).await;
        send(&mut channel, b"[7]").await;
        assert_eq!(read_frame(&mut far).await, (head, b"[7]".to_vec()));
        write(&mut far, &[head, 3, b'[', b'8', b']']).await;
        expect_message(&mut channel, b"[8]").await;
    }
}

#[tokio::test]
async fn ws_03_the_other_opcode_fails_the_connection_with_status_1002() {
    for (serializer, head) in [(Json, 0x82), (MsgPack, 0x81), (Cbor, 0x81)] {
        let (mut channel, mut far) = open_in(serializer).await;
        write(&mut far, &[head, 2, b'[', b']']).await;
        expect_failure(&mut channel, io::ErrorKind::InvalidData).await;
        assert_eq!(read_frame(&mut far).await, (0x88, 1002_u16.to_be_bytes().to_vec()));
    }
}

#[tokio::test]
async fn ws_04_a_message_in_fragments_is_one_message() {
    let (mut channel, mut far) = open_in(Json).await;
    // A ping may stand between two fragments.
    write(&mut far, b"\x01\x02[1\x89\x01?\x00\x02,2\x80\x01]\x81\x02[]").await;
    expect_message(&mut channel, b"[1,2]").await;
    expect_message(&mut channel, b"[]").await;
    assert_eq!(read_frame(&mut far).await, (0x8A, b"?".to_vec()));
}

#[tokio::test]
async fn a_message_above_our_limit_fails_the_connection_with_status_1009() {
    for frames in
        [&b"\x81\x7E\x02\x01"[..], &[b"\x01\x7E\x02\x00".as_slice(), &[b' '; 512], b"\x80\x01 "].concat()]
    {
        let settings = TransportSettings { message_max_bytes: 512, ..settings(&[Json]) };
        let (opened, mut far) = open_with(&settings, upgrade("wamp.2.json")).await;
        let mut channel = opened.unwrap().transport;
        write(&mut far, frames).await;
        expect_failure(&mut channel, io::ErrorKind::InvalidData).await;
        assert_eq!(read_frame(&mut far).await, (0x88, 1009_u16.to_be_bytes().to_vec()));
    }
}

#[tokio::test]
async fn text_that_is_none_is_neither_taken_nor_sent() {
    let (mut channel, mut far) = open_in(Json).await;
    let error = channel.send(Bytes::from_static(b"\xFF")).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    send(&mut channel, b"[]").await;
    assert_eq!(read_frame(&mut far).await, (0x81, b"[]".to_vec()));
    write(&mut far, b"\x81\x01\xFF").await;
    expect_failure(&mut channel, io::ErrorKind::InvalidData).await;
}

/// With the clock paused, a time-out passes as soon as nobody can do anything.
#[tokio::test(start_paused = true)]
async fn pings_of_a_router_that_does_not_read_take_bounded_memory() {
    let (mut channel, mut far) = open_in(Json).await;
    let ping = [&[0x89, 125][..], &[7; 125]].concat();
    let mut pings = 0;
    let flood = async {
        for _ in 0..1000 {
            far.write_all(&ping).await.unwrap();
            pings += 1;
        }
    };
    let both = async { tokio::join!(flood, channel.next()) };
    tokio::time::timeout(Duration::from_secs(1), both).await.unwrap_err();
    assert!((100..300).contains(&pings), "{pings}");
}

/// Otherwise two peers that wait for each other to read would wait forever.
#[tokio::test]
async fn a_ping_does_not_stop_reading_while_writing_is_stuck() {
    let (mut channel, mut far) = open_in(Json).await;
    assert!(channel.send(Bytes::from(vec![b' '; 2 * PIPE_LENGTH])).now_or_never().is_none());
    write(&mut far, b"\x89\x01?\x81\x02[]").await;
    expect_message(&mut channel, b"[]").await;
}

#[tokio::test]
async fn what_is_fed_goes_out_in_order_when_it_is_flushed() {
    let (mut channel, mut far) = open_in(Cbor).await;
    let feeding = async {
        for number in 0..500_u16 {
            channel.feed(Bytes::from(number.to_be_bytes().repeat(50))).await.unwrap();
        }
        channel.flush().await.unwrap();
    };
    let script = async {
        for number in 0..500_u16 {
            assert_eq!(read_frame(&mut far).await, (0x82, number.to_be_bytes().repeat(50)));
        }
    };
    within_deadline("everything goes out", async { tokio::join!(feeding, script) }).await;
}

#[tokio::test]
async fn closing_says_goodbye_and_waits_for_that_of_the_router() {
    let (mut channel, mut far) = open_in(Json).await;
    channel.feed(Bytes::from_static(b"[6]")).await.unwrap();
    let closing = async { channel.close().await.unwrap() };
    let script = async {
        assert_eq!(read_frame(&mut far).await, (0x81, b"[6]".to_vec()));
        assert_eq!(read_frame(&mut far).await, (0x88, Vec::new()));
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert!(far.read(&mut [0]).now_or_never().is_none(), "it waits for our goodbye");
        // Without the end of the connection, which a client does not wait for.
        write(&mut far, b"\x81\x03[7]\x88\x02\x03\xE8").await;
        assert_eq!(far.read(&mut [0]).await.unwrap(), 0);
    };
    within_deadline("both are done", async { tokio::join!(closing, script) }).await;
}

#[tokio::test]
async fn a_router_that_says_goodbye_ends_the_stream_and_is_answered() {
    let (mut channel, mut far) = open_in(Json).await;
    write(&mut far, b"\x81\x02[]\x88\x02\x03\xE9").await;
    expect_message(&mut channel, b"[]").await;
    assert!(receive(&mut channel).await.is_none());
    assert_eq!(read_frame(&mut far).await, (0x88, 1001_u16.to_be_bytes().to_vec()));
    let error = channel.send(Bytes::from_static(b"[]")).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    within_deadline("closing", channel.close()).await.unwrap();
}

#[tokio::test]
async fn a_connection_that_ends_without_goodbye_fails() {
    let (mut channel, far) = open_in(Json).await;
    drop(far);
    expect_failure(&mut channel, io::ErrorKind::UnexpectedEof).await;
}
