//! Open transports against a peer that writes and reads octets.

use std::future::{Future, poll_fn};
use std::pin::pin;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

async fn sockets() -> (TcpStream, Stream) {
    let acceptor = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let client = TcpStream::connect(acceptor.local_addr().unwrap()).await.unwrap();
    client.set_nodelay(true).unwrap();
    (client, Stream::Plain(Plain::Tcp(acceptor.accept().await.unwrap().0)))
}

/// A RawSocket whose peer receives up to 2^24 octets and may send up to 1 KiB.
async fn rawsocket() -> (TcpStream, Transport) {
    let request = HandshakeRequest { serializer: SerializerId::Json, receive_max: MaxLength::MAX };
    let (client, stream) = sockets().await;
    (client, Transport::rawsocket(stream, request, MaxLength::not_above(1024)))
}

/// A WebSocket whose peer may send up to 1 KiB.
async fn websocket(serializer: SerializerId) -> (TcpStream, Transport) {
    let (client, stream) = sockets().await;
    (client, Transport::websocket(stream, Bytes::new(), Subprotocol::unbatched(serializer), 1024))
}

async fn receive(transport: &mut Transport) -> Result<Received, TransportError> {
    poll_fn(|cx| transport.poll_receive(cx)).await
}

/// The next message, whatever signs of life come before it.
async fn receive_message(transport: &mut Transport) -> Result<Bytes, TransportError> {
    loop {
        if let Received::Message(body) = receive(transport).await? {
            return Ok(body);
        }
    }
}

/// The error that ends `transport`, whatever comes before it.
async fn receive_error(transport: &mut Transport) -> TransportError {
    loop {
        if let Err(error) = receive(transport).await {
            return error;
        }
    }
}

async fn flush(transport: &mut Transport) {
    poll_fn(|cx| transport.poll_flush(cx)).await.unwrap();
}

async fn read(client: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut octets = vec![0; length];
    client.read_exact(&mut octets).await.unwrap();
    octets
}

/// A frame as a WebSocket client sends it, masked with zeros.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first, 0x80 | u8::try_from(payload.len()).unwrap(), 0, 0, 0, 0];
    frame.extend_from_slice(payload);
    frame
}

#[test]
fn transports_are_small_enough_for_the_session_future() {
    let sizes = [size_of::<Transport>(), size_of::<RawSocket>(), size_of::<WebSocket>()];
    assert!(sizes.iter().all(|size| *size <= 400), "{sizes:?}");
}

#[tokio::test]
async fn raw_08_several_frames_in_one_read_come_one_by_one() {
    let (mut client, mut transport) = rawsocket().await;
    client.write_all(b"\0\0\0\x03[1]\0\0\0\0\0\0\0\x03[2]").await.unwrap();
    for body in ["[1]", "", "[2]"] {
        assert_eq!(receive_message(&mut transport).await.unwrap(), body);
    }
}

#[tokio::test]
async fn raw_08_frame_may_arrive_octet_by_octet() {
    let (mut client, mut transport) = rawsocket().await;
    let (last, rest) = b"\0\0\0\x03[1]".split_last().unwrap();
    for octet in rest {
        client.write_u8(*octet).await.unwrap();
        assert_eq!(receive(&mut transport).await.unwrap(), Received::Activity);
    }
    client.write_u8(*last).await.unwrap();
    assert_eq!(receive(&mut transport).await.unwrap(), Received::Message("[1]".into()));
}

#[tokio::test]
async fn raw_09_reserved_bits_are_a_violation() {
    let (mut client, mut transport) = rawsocket().await;
    client.write_all(&[0x10, 0, 0, 0]).await.unwrap();
    assert!(matches!(receive_error(&mut transport).await, TransportError::Violation(_)));
}

#[tokio::test]
async fn raw_11_ping_gets_one_pong_with_the_identical_payload() {
    let (mut client, mut transport) = rawsocket().await;
    client.write_all(b"\x01\0\0\x02\0\xff\x02\0\0\x01x\x01\0\0\0\0\0\0\x03[1]").await.unwrap();
    assert_eq!(receive_message(&mut transport).await.unwrap(), "[1]");
    transport.queue_ping().unwrap();
    flush(&mut transport).await;
    assert_eq!(read(&mut client, 14).await, b"\x02\0\0\x02\0\xff\x02\0\0\0\x01\0\0\0");
}

/// Sends `ping` again and again without reading anything, until the router reads nothing either.
async fn unsent_after_flood_of_pings(mut client: TcpStream, transport: &mut Transport, ping: &[u8]) -> usize {
    let mut flooding = pin!(async {
        loop {
            client.write_all(ping).await.unwrap();
        }
    });
    // The kernels' buffers have to fill up first, in both directions.
    let mut rounds_without_progress = 0;
    while rounds_without_progress < 1000 {
        poll_fn(|cx| {
            let _pending: Poll<()> = flooding.as_mut().poll(cx);
            let received = transport.poll_receive(cx).map(Result::unwrap);
            let _pending = transport.poll_flush(cx).map(Result::unwrap);
            rounds_without_progress = if received.is_pending() { rounds_without_progress + 1 } else { 0 };
            Poll::Ready(())
        })
        .await;
        tokio::task::yield_now().await;
    }
    match transport {
        Transport::RawSocket(rawsocket) => rawsocket.socket.unsent(),
        Transport::WebSocket(websocket) => websocket.framing.socket.unsent(),
    }
}

#[tokio::test]
async fn raw_11_pings_of_a_peer_that_reads_nothing_do_not_pile_up() {
    let (client, mut transport) = rawsocket().await;
    let mut ping = vec![1, 0, 4, 0];
    ping.resize(4 + 1024, b'x');
    let unsent = unsent_after_flood_of_pings(client, &mut transport, &ping.repeat(8)).await;
    assert!((HIGH_WATER..HIGH_WATER + 2048).contains(&unsent), "{unsent}");
}

#[tokio::test]
async fn websocket_pings_of_a_peer_that_reads_nothing_do_not_pile_up() {
    let (client, mut transport) = websocket(SerializerId::Json).await;
    let ping = masked(0x89, &[b'x'; 125]);
    let unsent = unsent_after_flood_of_pings(client, &mut transport, &ping.repeat(64)).await;
    assert!((HIGH_WATER..HIGH_WATER + 256).contains(&unsent), "{unsent}");
}

#[tokio::test]
async fn idle_rawsocket_owns_no_buffer() {
    let (mut client, mut transport) = rawsocket().await;
    client.write_all(b"\0\0\0\x03[1]\0\0\0\x03[2]").await.unwrap();
    for _ in 0..2 {
        let body = receive_message(&mut transport).await.unwrap();
        transport.queue(body).unwrap();
        flush(&mut transport).await;
    }
    let Transport::RawSocket(rawsocket) = &transport else { panic!("another transport") };
    assert_eq!(rawsocket.buffer_capacity(), 0);
}

#[tokio::test]
async fn raw_12_oversize_prefix_is_refused_before_the_payload() {
    let (mut client, mut transport) = rawsocket().await;
    client.write_all(&[0, 0, 4, 1]).await.unwrap();
    assert!(matches!(
        receive_error(&mut transport).await,
        TransportError::TooLarge { length: 1025, limit: 1024 }
    ));
}

#[tokio::test]
async fn raw_13_ping_that_could_not_be_answered_within_the_peers_limit_is_a_violation() {
    let request = HandshakeRequest { serializer: SerializerId::Json, receive_max: MaxLength::MIN };
    let (mut client, stream) = sockets().await;
    let mut transport = Transport::rawsocket(stream, request, MaxLength::MAX);
    let mut ping = vec![1, 0, 2, 1];
    ping.resize(4 + 513, 0);
    client.write_all(&ping).await.unwrap();
    assert!(matches!(receive_error(&mut transport).await, TransportError::Violation(_)));
}

#[tokio::test]
async fn large_bodies_keep_their_place_among_small_ones() {
    let (mut client, mut transport) = rawsocket().await;
    let large = Bytes::from(vec![b'x'; 3 << 20]);
    let writing = async {
        for body in [Bytes::from("[1]"), large.clone(), Bytes::from("[2]"), large.clone()] {
            poll_fn(|cx| transport.poll_ready(cx)).await.unwrap();
            transport.queue(body).unwrap();
        }
        transport.queue_ping().unwrap();
        flush(&mut transport).await;
    };
    let reading = async {
        for expected in [&b"[1]"[..], &large, b"[2]", &large, b""] {
            let prefix = client.read_u32().await.unwrap();
            assert_eq!(prefix & 0x00FF_FFFF, u32::try_from(expected.len()).unwrap());
            assert!(read(&mut client, expected.len()).await == expected);
        }
    };
    tokio::join!(writing, reading);
}

/// The octets that a transport with that name sends for `body`.
fn framed(name: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len() as u64 + u64::from(name == "batched");
    let short = u8::try_from(length).ok().filter(|length| *length < 126);
    let mut octets = match (name, short) {
        ("rawsocket", _) => (length as u32).to_be_bytes().to_vec(),
        (_, Some(length)) => vec![0x81, length],
        (_, None) => [&[0x81, 127][..], &length.to_be_bytes()].concat(),
    };
    octets.extend_from_slice(body);
    octets.extend((name == "batched").then_some(0x1E));
    octets
}

#[tokio::test]
async fn a_large_body_is_never_copied_whatever_is_sent_behind_it() {
    let (batched_client, stream) = sockets().await;
    let subprotocol = Subprotocol::batched(SerializerId::Json);
    let batched = (batched_client, Transport::websocket(stream, Bytes::new(), subprotocol, 1024));
    let transports = [
        ("rawsocket", rawsocket().await, &[1, 0, 0, 0][..]),
        ("websocket", websocket(SerializerId::Json).await, &[0x89, 0]),
        ("batched", batched, &[0x89, 0]),
    ];
    for (name, (mut client, mut transport), ping) in transports {
        let large = Bytes::from(vec![b'x'; 12 << 20]);
        transport.queue(large.clone()).unwrap();
        // More than the kernel takes while nobody reads.
        for step in 0..3 {
            let ready = poll_fn(|cx| Poll::Ready(transport.poll_ready(cx).map(Result::unwrap))).await;
            assert!(ready.is_pending(), "{name}: the next large body would find no place");
            if step == 1 {
                transport.queue_ping().unwrap();
            }
            // Such as a GOODBYE, for which nobody waits until the transport is ready.
            if step == 2 {
                transport.queue("[6]".into()).unwrap();
            }
            let flushed = poll_fn(|cx| Poll::Ready(transport.poll_flush(cx).map(Result::unwrap))).await;
            assert!(flushed.is_pending());
            let socket = match &transport {
                Transport::RawSocket(rawsocket) => &rawsocket.socket,
                Transport::WebSocket(websocket) => &websocket.framing.socket,
            };
            assert!(socket.unsent() > 1 << 20, "{name}: {}", socket.unsent());
            assert!(socket.buffer_capacity() < 1024, "{name}: {}", socket.buffer_capacity());
            assert!(!large.is_unique());
        }
        let expected = [framed(name, &large), ping.to_vec(), framed(name, b"[6]")].concat();
        let ((), octets) = tokio::join!(flush(&mut transport), read(&mut client, expected.len()));
        assert!(octets == expected, "{name}");
        assert!(large.is_unique());
    }
}

#[tokio::test]
async fn large_frame_arrives_in_memory_of_its_own_size() {
    let request = HandshakeRequest { serializer: SerializerId::Json, receive_max: MaxLength::MAX };
    let (mut client, stream) = sockets().await;
    let mut transport = Transport::rawsocket(stream, request, MaxLength::MAX);
    let body: Vec<u8> = (0..1 << 24).map(|index: u32| (index % 251) as u8).collect();
    let writing = async {
        client.write_all(&[0x08, 0, 0, 0]).await.unwrap();
        client.write_all(&body).await.unwrap();
    };
    let ((), received) = tokio::join!(writing, receive_message(&mut transport));
    assert!(received.unwrap() == body);
}

#[tokio::test]
async fn closing_delivers_what_was_queued_to_a_peer_that_still_sends() {
    let (mut client, mut transport) = rawsocket().await;
    client.write_all(&[0xFF; 4096]).await.unwrap();
    let error = receive_error(&mut transport).await;
    transport.queue("[3]".into()).unwrap();
    let closing = poll_fn(|cx| transport.poll_close(cx, error.close_reason()));
    let reading = async {
        let mut octets = Vec::new();
        client.read_to_end(&mut octets).await.unwrap();
        drop(client);
        octets
    };
    let ((), octets) = tokio::join!(closing, reading);
    assert_eq!(octets, b"\0\0\0\x03[3]");
}

#[tokio::test]
async fn end_of_stream_closes_either_transport() {
    let (client, mut raw) = rawsocket().await;
    drop(client);
    assert!(matches!(receive_error(&mut raw).await, TransportError::Closed));
    let (client, mut web) = websocket(SerializerId::Json).await;
    drop(client);
    assert!(matches!(receive_error(&mut web).await, TransportError::Closed));
}

#[tokio::test]
async fn ws_03_wrong_opcode_is_a_violation() {
    for (serializer, right, wrong) in [
        (SerializerId::Json, 0x81, 0x82),
        (SerializerId::MsgPack, 0x82, 0x81),
        (SerializerId::Cbor, 0x82, 0x81),
    ] {
        let (mut client, mut transport) = websocket(serializer).await;
        client.write_all(&masked(right, b"[1]")).await.unwrap();
        assert_eq!(receive_message(&mut transport).await.unwrap(), "[1]");
        client.write_all(&masked(wrong, b"[1]")).await.unwrap();
        assert!(matches!(receive_error(&mut transport).await, TransportError::Violation(_)));
    }
}

#[tokio::test]
async fn ws_03_messages_are_sent_with_the_serializers_opcode() {
    for (serializer, opcode) in [(SerializerId::Json, 0x81), (SerializerId::Cbor, 0x82)] {
        let (mut client, mut transport) = websocket(serializer).await;
        for length in [3, 125, 126, 65_535, 65_536] {
            transport.queue(vec![b'x'; length].into()).unwrap();
        }
        let reading = async {
            for head in [
                &[opcode, 3][..],
                &[opcode, 125],
                &[opcode, 126, 0, 126],
                &[opcode, 126, 0xFF, 0xFF],
                &[opcode, 127, 0, 0, 0, 0, 0, 1, 0, 0],
            ] {
                assert_eq!(read(&mut client, head.len()).await, head);
                let length = head.iter().skip(if head.len() == 2 { 1 } else { 2 });
                let length = length.fold(0, |length, octet| length << 8 | usize::from(*octet));
                assert!(read(&mut client, length).await.iter().all(|octet| *octet == b'x'));
            }
        };
        tokio::join!(flush(&mut transport), reading);
    }
}

#[tokio::test]
async fn ws_04_fragments_make_one_message() {
    let (mut client, mut transport) = websocket(SerializerId::Json).await;
    client.write_all(&masked(0x01, b"[1")).await.unwrap();
    assert_eq!(receive(&mut transport).await.unwrap(), Received::Activity);
    client.write_all(&masked(0x89, b"p")).await.unwrap();
    assert_eq!(receive(&mut transport).await.unwrap(), Received::Activity);
    client.write_all(&masked(0x80, b"]")).await.unwrap();
    assert_eq!(receive_message(&mut transport).await.unwrap(), "[1]");
    flush(&mut transport).await;
    assert_eq!(read(&mut client, 3).await, [0x8A, 1, b'p']);
}

#[tokio::test]
async fn websocket_reports_part_of_a_frame_as_activity() {
    let (mut client, mut transport) = websocket(SerializerId::Json).await;
    let frame = masked(0x81, b"[1]");
    client.write_all(&frame[..7]).await.unwrap();
    assert_eq!(receive(&mut transport).await.unwrap(), Received::Activity);
    client.write_all(&frame[7..]).await.unwrap();
    assert_eq!(receive_message(&mut transport).await.unwrap(), "[1]");
}

#[tokio::test]
async fn websocket_refuses_an_oversize_header_and_says_so_in_its_close_frame() {
    let (mut client, mut transport) = websocket(SerializerId::Json).await;
    client.write_all(&[0x81, 0xFE, 0x04, 0x01, 0, 0, 0, 0]).await.unwrap();
    let error = receive_error(&mut transport).await;
    assert!(matches!(error, TransportError::TooLarge { length: 1025, limit: 1024 }));
    let closing = poll_fn(|cx| transport.poll_close(cx, error.close_reason()));
    let reading = async {
        let mut octets = Vec::new();
        client.read_to_end(&mut octets).await.unwrap();
        drop(client);
        octets
    };
    let ((), octets) = tokio::join!(closing, reading);
    assert_eq!(octets, [0x88, 2, 0x03, 0xF1]);
}

#[tokio::test]
async fn a_message_of_a_batch_keeps_no_other_one_in_memory() {
    let (mut client, stream) = sockets().await;
    let subprotocol = Subprotocol::batched(SerializerId::Json);
    let mut transport = Transport::websocket(stream, Bytes::new(), subprotocol, 1024);
    client.write_all(&masked(0x81, b"[1]\x1e[\"long enough to be no mark\"]\x1e")).await.unwrap();
    let first = receive_message(&mut transport).await.unwrap();
    assert_eq!(first, "[1]");
    assert!(first.is_unique());
    let second = receive_message(&mut transport).await.unwrap();
    assert_eq!(second, "[\"long enough to be no mark\"]");
    assert!(second.is_unique());
}

#[tokio::test]
async fn websocket_refuses_text_that_is_not_utf_8() {
    let (mut client, mut transport) = websocket(SerializerId::Json).await;
    client.write_all(&masked(0x81, &[b'"', 0xFF, b'"'])).await.unwrap();
    assert!(matches!(receive_error(&mut transport).await, TransportError::InvalidUtf8));
}

#[tokio::test]
async fn websocket_answers_a_close_frame() {
    let (mut client, mut transport) = websocket(SerializerId::Json).await;
    client.write_all(&masked(0x88, &[0x03, 0xE8])).await.unwrap();
    assert!(matches!(receive_error(&mut transport).await, TransportError::Closed));
    assert!(matches!(transport.queue("[1]".into()), Err(TransportError::Closed)));
    let closing = poll_fn(|cx| transport.poll_close(cx, CloseReason::GoingAway));
    let reading = async {
        let mut octets = Vec::new();
        client.read_to_end(&mut octets).await.unwrap();
        drop(client);
        octets
    };
    let ((), octets) = tokio::join!(closing, reading);
    assert_eq!(octets, [0x88, 2, 0x03, 0xE8]);
}
