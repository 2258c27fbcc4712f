//! RawSocket with a router that follows a script.

use allocation_counter::measure;
use futures_util::FutureExt;
use tokio::net::TcpListener;
use tokio::runtime;
use wamp_proto::SerializerId::{Cbor, Json, MsgPack};
use wamp_proto::rawsocket::{FrameType, Refusal};

use super::*;
use trunkline_tests::frame;

async fn handshake(reply: [u8; 4]) -> Result<Opened, TransportError> {
    let (connection, mut far) = pipe();
    let settings = settings(&[Cbor]);
    let script = async {
        assert_eq!(read(&mut far).await, [0x7F, 0xB3, 0, 0]);
        write(&mut far, &reply).await;
    };
    tokio::join!(super::super::rawsocket::open(connection, Cbor, &settings), script).0
}

/// An open RawSocket in CBOR that receives 1 MiB, with a router that receives 512 octets.
async fn open_rawsocket() -> (Channel, DuplexStream) {
    let (connection, mut far) = pipe();
    write(&mut far, &[0x7F, 0x03, 0, 0]).await;
    let opened = super::super::rawsocket::open(connection, Cbor, &settings(&[Cbor])).await.unwrap();
    assert_eq!(read(&mut far).await, [0x7F, 0xB3, 0, 0]);
    assert_eq!(opened.send_max_bytes, 512);
    (opened.transport, far)
}

#[tokio::test]
async fn raw_07_refusals_are_told_apart() {
    let refusals = [
        Refusal::SerializerUnsupported,
        Refusal::MaxLengthUnacceptable,
        Refusal::ReservedBitsUsed,
        Refusal::ConnectionLimit,
    ];
    for refusal in refusals {
        let error = refused(handshake(refusal.encode()).await);
        assert!(matches!(error, TransportError::RawSocket(HandshakeError::Refused(r)) if r == refusal));
        assert_eq!(said(&error), format!("no RawSocket: handshake refused: {refusal}"));
    }
    for code in [0, 5, 15] {
        let error = refused(handshake([0x7F, code << 4, 0, 0]).await);
        let is_it = |error: &_| *error == HandshakeError::UnknownRefusal { code };
        assert!(matches!(&error, TransportError::RawSocket(error) if is_it(error)), "{error:?}");
    }
}

#[tokio::test]
async fn raw_07_another_magic_and_another_serializer_fail() {
    let error = refused(handshake(*b"HTTP").await);
    assert!(matches!(error, TransportError::RawSocket(HandshakeError::NotRawSocket { octet: b'H' })));
    let error = refused(handshake([0x7F, 0xF1, 0, 0]).await);
    assert!(matches!(error, TransportError::RawSocket(HandshakeError::OtherSerializer { id: 1 })));
}

#[tokio::test]
async fn raw_07_a_router_that_closes_without_reply_is_no_refusal() {
    let (connection, far) = pipe();
    drop(far);
    let error = refused(super::super::rawsocket::open(connection, Json, &settings(&[Json])).await);
    assert!(matches!(error, TransportError::Io(_)), "{error:?}");
}

#[tokio::test]
async fn the_next_serializer_is_tried_when_the_router_has_not_the_first() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: Address = format!("rs://{}", listener.local_addr().unwrap()).parse().unwrap();
    let script = async {
        for (request, reply) in [(0xB3, 0x10), (0xB2, 0xF2)] {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut octets = [0; 4];
            socket.read_exact(&mut octets).await.unwrap();
            assert_eq!(octets, [0x7F, request, 0, 0]);
            socket.write_all(&[0x7F, reply, 0, 0]).await.unwrap();
        }
    };
    let settings = settings(&[Cbor, MsgPack]);
    let opening = async { tokio::join!(open(&address, &settings, None), script).0 };
    let opened = within_deadline("the second handshake", opening).await.unwrap();
    assert_eq!((opened.serializer, opened.send_max_bytes), (MsgPack, 1 << 24));
}

#[tokio::test]
async fn raw_08_a_split_reply_and_a_coalesced_frame_are_both_read() {
    let (connection, mut far) = pipe();
    let settings = settings(&[Cbor]);
    let script = async {
        for octet in [0x7F, 0xF3, 0] {
            write(&mut far, &[octet]).await;
            tokio::task::yield_now().await;
        }
        write(
            &mut far,
            &[&[0][..], &frame(FrameType::Wamp, b"one"), &frame(FrameType::Wamp, b"two")].concat(),
        )
        .await;
    };
    let (opened, ()) = tokio::join!(super::super::rawsocket::open(connection, Cbor, &settings), script);
    let mut channel = opened.unwrap().transport;
    expect_message(&mut channel, b"one").await;
    expect_message(&mut channel, b"two").await;
}

#[tokio::test]
async fn messages_of_any_length_arrive_whole_and_in_order() {
    let (mut channel, mut far) = open_rawsocket().await;
    let lengths = [0, 1, 4096, 4097, 8 << 10, 100_000, 1 << 20, 7];
    let script = async {
        for (length, octet) in lengths.into_iter().zip(0..) {
            write(&mut far, &frame(FrameType::Wamp, &vec![octet; length])).await;
        }
        drop(far);
    };
    let receiving = async {
        for (length, octet) in lengths.into_iter().zip(0..) {
            expect_message(&mut channel, &vec![octet; length]).await;
        }
        assert!(receive(&mut channel).await.is_none());
    };
    tokio::join!(script, receiving);
}

#[tokio::test]
async fn what_is_fed_goes_out_in_order_when_it_is_flushed() {
    let (mut channel, mut far) = open_rawsocket().await;
    let feeding = async {
        for number in 0..500_u16 {
            channel.feed(Bytes::from(number.to_be_bytes().repeat(100))).await.unwrap();
        }
        channel.flush().await.unwrap();
    };
    let script = async {
        for number in 0..500_u16 {
            let octets: [u8; 204] = read(&mut far).await;
            assert_eq!(octets[..], frame(FrameType::Wamp, &number.to_be_bytes().repeat(100)));
        }
    };
    within_deadline("everything goes out", async { tokio::join!(feeding, script) }).await;
}

#[tokio::test]
async fn raw_11_each_ping_gets_one_pong_with_its_payload() {
    let (mut channel, mut far) = open_rawsocket().await;
    for payload in [&b""[..], b"still there?", &[0xFF; 512]] {
        write(&mut far, &frame(FrameType::Ping, payload)).await;
    }
    write(&mut far, &frame(FrameType::Wamp, b"message")).await;
    expect_message(&mut channel, b"message").await;
    for payload in [&b""[..], b"still there?", &[0xFF; 512]] {
        let expected = frame(FrameType::Pong, payload);
        let mut octets = vec![0; expected.len()];
        within_deadline("a PONG", far.read_exact(&mut octets)).await.unwrap();
        assert_eq!(octets, expected);
    }
    send(&mut channel, b"next").await;
    assert_eq!(read::<8>(&mut far).await[..], frame(FrameType::Wamp, b"next"));
}

#[tokio::test]
async fn raw_11_a_pong_that_nobody_asked_for_is_ignored() {
    let (mut channel, mut far) = open_rawsocket().await;
    write(&mut far, &frame(FrameType::Pong, b"?")).await;
    write(&mut far, &frame(FrameType::Wamp, b"message")).await;
    expect_message(&mut channel, b"message").await;
}

#[tokio::test]
async fn a_ping_that_must_not_be_answered_fails_the_connection() {
    let (mut channel, mut far) = open_rawsocket().await;
    write(&mut far, &frame(FrameType::Ping, &[0; 513])).await;
    expect_failure(&mut channel, io::ErrorKind::InvalidData).await;
}

/// Otherwise two peers that wait for each other to read would wait forever.
#[tokio::test]
async fn a_ping_does_not_stop_reading_while_writing_is_stuck() {
    let (mut channel, mut far) = open_rawsocket().await;
    // Those that are answered don't count.
    for _ in 0..60 {
        write(&mut far, &frame(FrameType::Ping, &[7; 500])).await;
        assert!(channel.next().now_or_never().is_none());
        assert_eq!(read::<504>(&mut far).await[..], frame(FrameType::Pong, &[7; 500]));
    }
    for _ in 0..10 {
        channel.feed(Bytes::from_static(&[7; 500])).await.unwrap();
    }
    assert!(channel.flush().now_or_never().is_none());
    write(&mut far, &frame(FrameType::Ping, b"?")).await;
    write(&mut far, &frame(FrameType::Wamp, b"message")).await;
    expect_message(&mut channel, b"message").await;
}

/// With the clock paused, a time-out passes as soon as nobody can do anything.
#[tokio::test(start_paused = true)]
async fn pings_of_a_router_that_does_not_read_take_bounded_memory() {
    let (mut channel, mut far) = open_rawsocket().await;
    let ping = frame(FrameType::Ping, &[7; 500]);
    let mut pings = 0;
    let flood = async {
        for _ in 0..1000 {
            far.write_all(&ping).await.unwrap();
            pings += 1;
        }
    };
    let both = async { tokio::join!(flood, channel.next()) };
    tokio::time::timeout(Duration::from_secs(1), both).await.unwrap_err();
    assert!((30..60).contains(&pings), "{pings}");
}

#[tokio::test]
async fn raw_12_a_frame_above_our_limit_fails_on_its_prefix() {
    let (mut channel, mut far) = open_rawsocket().await;
    write(&mut far, &frame(FrameType::Wamp, b"message")).await;
    write(&mut far, &[0, 0x10, 0, 1]).await;
    expect_message(&mut channel, b"message").await;
    let error = expect_failure(&mut channel, io::ErrorKind::InvalidData).await;
    assert_eq!(error.to_string(), "frame of 1048577 octets is above our limit of 1048576");
}

/// Conformance: RAW-09, RAW-10
#[tokio::test]
async fn raw_12_broken_prefixes_fail_the_connection() {
    for prefix in [[0x10, 0, 0, 0], [3, 0, 0, 0], [8, 0, 0, 1], [8, 0, 0, 0]] {
        let (mut channel, mut far) = open_rawsocket().await;
        write(&mut far, &prefix).await;
        expect_failure(&mut channel, io::ErrorKind::InvalidData).await;
    }
}

#[test]
fn raw_12_memory_is_taken_for_octets_that_came_and_not_for_those_announced() {
    let runtime = runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let (mut channel, mut far) = runtime.block_on(open_rawsocket());
    let taken = measure(|| {
        runtime.block_on(async {
            write(&mut far, &[0, 0x10, 0, 0]).await;
            write(&mut far, &[7; 1000]).await;
            assert!(channel.next().now_or_never().is_none());
        });
    });
    assert!(taken.bytes_max < 64 << 10, "{taken:?}");
}

#[test]
fn a_short_message_that_is_kept_keeps_no_read_buffer() {
    let runtime = runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let (mut channel, mut far) = runtime.block_on(open_rawsocket());
    let mut kept = Vec::new();
    let taken = measure(|| {
        runtime.block_on(async {
            for _ in 0..50 {
                write(&mut far, &frame(FrameType::Wamp, &[7; 10])).await;
                kept.push(receive(&mut channel).await.unwrap().unwrap());
            }
        });
    });
    assert!(taken.bytes_current < 32 << 10, "{taken:?}");
}

#[tokio::test]
async fn raw_13_a_message_above_the_routers_limit_is_an_error_and_the_transport_goes_on() {
    let (mut channel, mut far) = open_rawsocket().await;
    let error = channel.send(Bytes::from_static(&[0; 513])).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    assert_eq!(error.to_string(), "message of 513 octets is above the router's limit of 512");
    send(&mut channel, &[7; 512]).await;
    assert_eq!(read::<516>(&mut far).await[..], frame(FrameType::Wamp, &[7; 512]));
    write(&mut far, &frame(FrameType::Wamp, b"message")).await;
    expect_message(&mut channel, b"message").await;
}

#[tokio::test]
async fn a_connection_that_ends_within_a_frame_fails() {
    let (mut channel, mut far) = open_rawsocket().await;
    write(&mut far, &[0, 0, 0, 2, 7]).await;
    drop(far);
    expect_failure(&mut channel, io::ErrorKind::UnexpectedEof).await;
}

#[tokio::test]
async fn closing_writes_everything_and_waits_for_the_router() {
    let (mut channel, mut far) = open_rawsocket().await;
    channel.feed(Bytes::from_static(b"last")).await.unwrap();
    let closing = async { channel.close().await.unwrap() };
    let script = async {
        let mut rest = Vec::new();
        far.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, frame(FrameType::Wamp, b"last"));
        write(&mut far, &frame(FrameType::Wamp, &[0; 10_000])).await;
        drop(far);
    };
    within_deadline("both are done", async { tokio::join!(closing, script) }).await;
}
