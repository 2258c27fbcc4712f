//! Silence, on a clock that moves only when nobody can do anything.

use tokio::time::Instant;
use wamp_proto::SerializerId::Json;
use wamp_proto::rawsocket::FrameType;

use super::websocket::{self, upgrade};
use super::*;
use trunkline_tests::frame;

const PERIOD: Duration = Duration::from_secs(5);

fn patient() -> TransportSettings {
    TransportSettings { keep_alive: Some(PERIOD), ..settings(&[Json]) }
}

async fn open_rawsocket() -> (Channel, DuplexStream) {
    let (connection, mut far) = pipe();
    write(&mut far, &[0x7F, 0xF1, 0, 0]).await;
    let opened = super::super::rawsocket::open(connection, Json, &patient()).await.unwrap();
    read::<4>(&mut far).await;
    (opened.transport, far)
}

async fn open_websocket() -> (Channel, DuplexStream) {
    let (opened, far) = websocket::open_with(&patient(), upgrade("wamp.2.json")).await;
    (opened.unwrap().transport, far)
}

/// Waits for a ping of `N` octets, which comes after one period of silence.
async fn expect_ping<const N: usize>(far: &mut DuplexStream) -> [u8; N] {
    let since = Instant::now();
    let mut ping = [0; N];
    far.read_exact(&mut ping).await.unwrap();
    assert_eq!(since.elapsed(), PERIOD);
    ping
}

#[tokio::test(start_paused = true)]
async fn a_silent_router_is_pinged_and_one_that_answers_is_kept() {
    let (mut channel, mut far) = open_rawsocket().await;
    let script = async {
        for _ in 0..3 {
            assert_eq!(expect_ping(&mut far).await, [1, 0, 0, 0], "an empty PING");
            far.write_all(&frame(FrameType::Pong, b"")).await.unwrap();
        }
        far.write_all(&frame(FrameType::Wamp, b"[]")).await.unwrap();
    };
    tokio::join!(script, async { assert_eq!(channel.next().await.unwrap().unwrap(), "[]") });

    let (mut channel, mut far) = open_websocket().await;
    let script = async {
        for _ in 0..3 {
            let [head, length, ..] = expect_ping::<6>(&mut far).await;
            assert_eq!((head, length), (0x89, 0x80), "an empty ping, masked");
            far.write_all(&[0x8A, 0]).await.unwrap();
        }
        far.write_all(b"\x81\x02[]").await.unwrap();
    };
    tokio::join!(script, async { assert_eq!(channel.next().await.unwrap().unwrap(), "[]") });
}

async fn expect_to_give_up(channel: &mut Channel) {
    let since = Instant::now();
    expect_failure(channel, io::ErrorKind::TimedOut).await;
    assert_eq!(since.elapsed(), PERIOD * 2);
}

#[tokio::test(start_paused = true)]
async fn a_router_that_does_not_answer_a_ping_is_given_up() {
    let (mut channel, _far) = open_rawsocket().await;
    expect_to_give_up(&mut channel).await;
    let (mut channel, _far) = open_websocket().await;
    expect_to_give_up(&mut channel).await;
}

#[tokio::test(start_paused = true)]
async fn a_router_that_talks_is_not_pinged() {
    let (mut channel, mut far) = open_rawsocket().await;
    let script = async {
        let mut tick = tokio::time::interval(PERIOD - Duration::from_secs(1));
        for _ in 0..5 {
            tick.tick().await;
            // Part of a message is a sign of life, too.
            far.write_all(&[0]).await.unwrap();
        }
        assert_eq!(expect_ping(&mut far).await, [1, 0, 0, 0], "an empty PING");
    };
    tokio::select! {
        () = script => {}
        message = channel.next() => assert_eq!(message.unwrap().unwrap(), ""),
    }
}

#[tokio::test(start_paused = true)]
async fn a_router_that_reads_slowly_is_not_given_up() {
    let (channel, mut far) = open_rawsocket().await;
    let (mut sink, mut stream) = channel.split();
    let sending = async {
        sink.send(Bytes::from(vec![7; 20 * PIPE_LENGTH])).await.unwrap();
        std::future::pending::<()>().await;
    };
    let script = async {
        let mut tick = tokio::time::interval(PERIOD - Duration::from_secs(1));
        for _ in 0..20 {
            tick.tick().await;
            read::<PIPE_LENGTH>(&mut far).await;
        }
    };
    tokio::select! {
        () = sending => {}
        () = script => {}
        end = stream.next() => panic!("{end:?}"),
    }
}

/// A period so long that no clock goes there.
#[tokio::test(start_paused = true)]
async fn the_longest_period_is_never_over() {
    let (connection, mut far) = pipe();
    write(&mut far, &[0x7F, 0xF1, 0, 0]).await;
    let settings = TransportSettings { keep_alive: Some(Duration::MAX), ..settings(&[Json]) };
    let mut channel = super::super::rawsocket::open(connection, Json, &settings).await.unwrap().transport;
    let silence = tokio::time::timeout(PERIOD * 1000, channel.next()).await;
    assert!(silence.is_err());
}
