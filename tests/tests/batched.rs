//! Batched subprotocols: several WAMP messages in one WebSocket message, either way.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper fails the test that uses it")]

use std::collections::VecDeque;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use trunkline_tests::{
    Peer, STRICT, Socket, TestRouter, Transport, Via, config, event, hello, websocket_over, within_deadline,
};
use wamp_proto::batch::{Batch, BatchFormat, Mark, Separator};
use wamp_proto::{DecodeRules, Message, SerializerId, Subprotocol, decode};

const EVERY_FORMAT: [(SerializerId, Separator); 4] = [
    (SerializerId::Json, Separator::Record),
    (SerializerId::Json, Separator::Octal30),
    (SerializerId::MsgPack, Separator::Record),
    (SerializerId::Cbor, Separator::Record),
];

const JSON: (SerializerId, Separator) = EVERY_FORMAT[0];

/// A peer on a batched subprotocol, batch by batch.
struct Batcher {
    websocket: WebSocketStream<Socket>,
    serializer: SerializerId,
    format: BatchFormat,
    received: VecDeque<Bytes>,
    /// WebSocket messages that came, and the octets of the longest.
    batches: usize,
    longest: usize,
}

impl Batcher {
    async fn connect(router: &TestRouter, (serializer, separator): (SerializerId, Separator)) -> Self {
        let socket = Box::new(TcpStream::connect(router.address()).await.unwrap());
        let name = Subprotocol::batched(serializer).name();
        let websocket = within_deadline("the upgrade", websocket_over(socket, name)).await;
        let format = BatchFormat::new(serializer, separator);
        Self { websocket, serializer, format, received: VecDeque::new(), batches: 0, longest: 0 }
    }

    async fn join(router: &TestRouter, format: (SerializerId, Separator)) -> Self {
        let mut peer = Self::connect(router, format).await;
        peer.send(&[&hello(STRICT)]).await;
        assert!(peer.receive().await.starts_with("[2,"));
        peer
    }

    /// Sends messages that are written as JSON as one batch.
    async fn send(&mut self, messages: &[&str]) {
        let batch = self.batch(messages);
        self.send_octets(batch).await;
    }

    fn batch(&self, messages: &[&str]) -> Vec<u8> {
        let mut batch = Vec::new();
        for json in messages {
            let body = match self.serializer {
                SerializerId::Json => Bytes::copy_from_slice(json.as_bytes()),
                serializer => decoded(SerializerId::Json, &Bytes::copy_from_slice(json.as_bytes()))
                    .encode(serializer)
                    .unwrap(),
            };
            match self.format.mark(body.len()).unwrap() {
                Mark::Before(length) => batch.extend_from_slice(&[&length, &body[..]].concat()),
                Mark::Behind(separator) => batch.extend_from_slice(&[&body[..], &separator].concat()),
            }
        }
        batch
    }

    async fn send_octets(&mut self, octets: Vec<u8>) {
        let frame = match self.serializer {
            SerializerId::Json => Frame::text(String::from_utf8(octets).unwrap()),
            _ => Frame::binary(octets),
        };
        within_deadline("the router reads", self.websocket.send(frame)).await.unwrap();
    }

    /// The next message as JSON.
    async fn receive(&mut self) -> String {
        while self.received.is_empty() {
            let frame = within_deadline("a batch", self.websocket.next()).await.unwrap().unwrap();
            assert_eq!(frame.is_text(), self.serializer == SerializerId::Json, "{frame:?}");
            let octets = frame.into_data();
            self.batches += 1;
            self.longest = self.longest.max(octets.len());
            let batch = Batch::new(self.serializer, octets).unwrap();
            if let BatchFormat::Separated(separator) = self.format {
                assert_eq!(batch.separator(), Some(separator));
            }
            self.received.extend(batch.map(Result::unwrap));
        }
        let body = self.received.pop_front().unwrap();
        let json = decoded(self.serializer, &body).encode(SerializerId::Json).unwrap();
        String::from_utf8(json.to_vec()).unwrap()
    }

    async fn expect(&mut self, json: &str) {
        assert_eq!(self.receive().await, json);
    }

    /// The router closes the WebSocket; the status code.
    async fn closed(&mut self) -> u16 {
        match within_deadline("a close frame", self.websocket.next()).await {
            Some(Ok(Frame::Close(Some(close)))) => close.code.into(),
            other => panic!("{other:?}"),
        }
    }
}

fn decoded(serializer: SerializerId, body: &Bytes) -> Message {
    decode(serializer, body, &DecodeRules::default()).expect("a message")
}

fn call(request: usize) -> String {
    format!(r#"[48,{request},{{}},"com.example.nothing"]"#)
}

fn no_such_procedure(request: usize) -> String {
    format!("[8,48,{request},{{}},\"wamp.error.no_such_procedure\"")
}

/// Conformance: BAT-02, BAT-03, BAT-04, WS-03
#[tokio::test]
async fn bat_01_sessions_run_in_batches_of_every_format() {
    let router = TestRouter::start().await;
    let mut alice = Peer::join(&router, "alice").await;
    for format in EVERY_FORMAT {
        // A lone message is a batch of one, both ways.
        let mut bob = Batcher::join(&router, format).await;
        bob.send(&[r#"[32,1,{},"com.example.tick"]"#, r#"[64,2,{},"com.example.add"]"#]).await;
        let subscribed = bob.receive().await;
        let subscription = subscribed.strip_prefix("[33,1,").and_then(|rest| rest.strip_suffix(']')).unwrap();
        assert!(bob.receive().await.starts_with("[65,2,"));
        alice.publish("com.example.tick", "[\"\\u001e\\u0018\"]").await;
        let event = bob.receive().await;
        assert!(event.starts_with(&format!("[36,{subscription},")), "{event}");
        assert!(event.ends_with(r#",{},["\u001e\u0018"]]"#), "{event}");
        let request = alice.call("com.example.add", "[1,2]").await;
        let invocation = bob.receive().await;
        assert!(invocation.starts_with("[68,1,"), "{invocation}");
        bob.send(&["[70,1,{},[3]]"]).await;
        alice.expect_message(&format!("[50,{request},{{}},[3]]")).await;
        bob.send(&[r#"[6,{},"wamp.close.normal"]"#, &hello(STRICT)]).await;
        bob.expect(r#"[6,{},"wamp.close.goodbye_and_out"]"#).await;
        assert!(bob.receive().await.starts_with("[2,"));
    }
}

#[tokio::test]
async fn bat_04_messages_of_one_batch_are_handled_one_by_one_in_order() {
    const CALLS: usize = 1000;
    let mut config = config();
    // Were more than a turn's 32 handled before the outbox has its turn, answers would overflow it.
    config.limits.outbox_max_messages = 32;
    let router = TestRouter::with(&config).await;
    for format in EVERY_FORMAT {
        let mut alice = Batcher::connect(&router, format).await;
        let mut batch = vec![hello(STRICT)];
        batch.extend((1..=CALLS).map(call));
        alice.send(&batch.iter().map(String::as_str).collect::<Vec<_>>()).await;
        assert!(alice.receive().await.starts_with("[2,"));
        for request in 1..=CALLS {
            let answer = alice.receive().await;
            assert!(answer.starts_with(&no_such_procedure(request)), "{answer}");
        }
    }
}

#[tokio::test]
async fn bat_04_a_batch_of_no_message_fails_the_transport() {
    let router = TestRouter::start().await;
    for format in EVERY_FORMAT {
        for is_joined in [false, true] {
            let mut mallory = if is_joined {
                Batcher::join(&router, format).await
            } else if format.1 == Separator::Record {
                Batcher::connect(&router, format).await
            } else {
                // Nobody knows its separator yet.
                continue;
            };
            mallory.send_octets(Vec::new()).await;
            assert!(mallory.receive().await.contains("wamp.error.protocol_violation"));
            assert_eq!(mallory.closed().await, 1002);
        }
    }
    assert_eq!(router.router().counters().protocol_violations.value(), 7);
    router.wait_until_empty().await;
}

#[tokio::test]
async fn bat_04_a_batch_that_is_cut_short_fails_the_transport_where_it_is_cut() {
    let router = TestRouter::start().await;
    let mut bob = Peer::join(&router, "bob").await;
    let tick = bob.subscribe("com.example.tick").await;
    for format in EVERY_FORMAT {
        let mut mallory = Batcher::join(&router, format).await;
        let publish = |request| format!(r#"[16,{request},{{}},"com.example.tick",[{request}]]"#);
        let mut batch = mallory.batch(&[&publish(1), &publish(2)]);
        batch.pop();
        mallory.send_octets(batch).await;
        let [_] = bob.expect(&event(tick, "[1]")).await;
        bob.expect_silence().await;
        let abort = mallory.receive().await;
        assert!(abort.contains("batch ends") && abort.contains("wamp.error.protocol_violation"), "{abort}");
        assert_eq!(mallory.closed().await, 1002);
    }
    router.wait_until("bob is left", |router| router.sessions() == 1).await;
}

#[tokio::test]
async fn what_is_ready_goes_out_together_and_no_batch_is_long() {
    const EVENTS: usize = 640;
    let router = TestRouter::start().await;
    for format in EVERY_FORMAT {
        let mut bob = Batcher::join(&router, format).await;
        bob.send(&[r#"[32,1,{},"com.example.tick"]"#]).await;
        bob.receive().await;
        bob.batches = 0;
        let mut alice = Batcher::join(&router, JSON).await;
        let publish = |request| {
            let filler = "x".repeat(request % 97);
            format!(r#"[16,{request},{{}},"com.example.tick",[{request},"{filler}"]]"#)
        };
        let batch: Vec<_> = (1..=EVENTS).map(publish).collect();
        alice.send(&batch.iter().map(String::as_str).collect::<Vec<_>>()).await;
        for request in 1..=EVENTS {
            let event = bob.receive().await;
            assert!(event.contains(&format!(",{{}},[{request},\"")), "{event}");
        }
        assert!(bob.batches < EVENTS / 4, "{} batches", bob.batches);
        assert!(bob.longest <= 16 * 1024 + 64 * 100, "{} octets", bob.longest);
    }
}

#[tokio::test]
async fn large_messages_pass_in_batches_unharmed() {
    let router = TestRouter::start().await;
    for format in EVERY_FORMAT {
        let mut bob = Batcher::join(&router, format).await;
        bob.send(&[r#"[32,1,{},"com.example.tick"]"#]).await;
        bob.receive().await;
        let mut alice = Batcher::join(&router, format).await;
        let large = "x".repeat(300_000);
        let publish =
            |request: u8, text: &str| format!(r#"[16,{request},{{}},"com.example.tick",["{text}"]]"#);
        let batch = [publish(1, "small"), publish(2, &large), publish(3, "small"), publish(4, &large)];
        alice.send(&batch.each_ref().map(String::as_str)).await;
        for text in ["small", &large, "small", &large] {
            assert!(bob.receive().await.ends_with(&format!(",{{}},[\"{text}\"]]")));
        }
    }
}

/// A PUBLISH with that request ID of exactly `length` octets in JSON.
fn publish_of(request: u64, length: usize) -> String {
    let (head, tail) = (format!(r#"[16,{request},{{}},"com.example.tick",[""#), r#""]]"#);
    format!("{head}{}{tail}", "x".repeat(length - head.len() - tail.len()))
}

#[tokio::test]
async fn each_message_and_the_whole_batch_are_limited() {
    let mut config = config();
    config.listeners[0].message_max_bytes = Some(10_000);
    let router = TestRouter::with(&config).await;
    let over: [&[String]; 3] = [
        // One octet too many, but not for the whole; then too much together, each short enough.
        &[publish_of(2, 10_001)],
        &[publish_of(2, 10_004)],
        &[publish_of(2, 6000), publish_of(3, 6000)],
    ];
    for (round, batch) in over.into_iter().enumerate() {
        let mut alice = Batcher::join(&router, JSON).await;
        alice.send(&[&publish_of(1, 10_000)]).await;
        alice.send(&batch.iter().map(String::as_str).collect::<Vec<_>>()).await;
        assert_eq!(alice.closed().await, 1009);
        assert_eq!(router.router().counters().messages_too_large.value(), round as u64 + 1);
    }
    // Without batches, not one octet more.
    let via = Via(Transport::WebSocket, SerializerId::Json);
    let mut bob = Peer::join_via(&router, "bob", via).await;
    bob.send(&publish_of(1, 10_000)).await;
    bob.send(&publish_of(2, 10_001)).await;
    assert_eq!(bob.expect_closed().await, Some(1009));
}

#[tokio::test]
async fn batched_and_other_sessions_share_a_realm() {
    let router = TestRouter::start().await;
    let mut bob = Peer::join_via(&router, "bob", Via(Transport::RawSocket, SerializerId::Json)).await;
    let tick = bob.subscribe("com.example.tick").await;
    for format in EVERY_FORMAT {
        let mut alice = Batcher::join(&router, format).await;
        alice.send(&[r#"[16,1,{},"com.example.tick",[7]]"#, r#"[16,2,{},"com.example.tick",[8]]"#]).await;
        let [_] = bob.expect(&event(tick, "[7]")).await;
        let [_] = bob.expect(&event(tick, "[8]")).await;
    }
}
