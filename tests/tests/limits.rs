//! What happens at the limits: messages too large or deep, peers that do not read, peers that are dead.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper fails the test that uses it")]

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use trunkline::Router;
use trunkline::config::{Config, Limits, Listener, Permission, Role};
use trunkline_tests::{
    DEADLINE, OTHER, Peer, RawFrames, STRICT, TestRouter, Transport, Via, config, error, event, frame, hello,
    open_websocket, within_deadline,
};
use wamp_proto::error_uri::{PROTOCOL_VIOLATION, UNAVAILABLE};
use wamp_proto::rawsocket::FrameType;
use wamp_proto::{Message, SerializerId};

const RAW_JSON: Via = Via(Transport::RawSocket, SerializerId::Json);

/// A PUBLISH with the request ID 1 of exactly `length` octets in JSON.
fn publish_of(length: usize) -> String {
    let (head, tail) = (r#"[16,1,{},"com.example.tick",[""#, r#""]]"#);
    format!("{head}{}{tail}", "x".repeat(length - head.len() - tail.len()))
}

#[tokio::test]
async fn a_message_of_one_mebibyte_is_taken_and_a_longer_one_ends_the_connection() {
    let router = TestRouter::start().await;
    let mut bob = Peer::join(&router, "bob").await;
    let tick = bob.subscribe("com.example.tick").await;
    for (round, via) in Via::json().into_iter().enumerate() {
        let mut alice = Peer::join_via(&router, "alice", via).await;
        alice.send(&publish_of(1 << 20)).await;
        let around = r#"[16,1,{},"com.example.tick",]"#.len();
        assert_eq!(bob.expect_event().await.payload.raw().len(), (1 << 20) - around);

        let mut mallory = Peer::join_via(&router, "mallory", via).await;
        mallory.register("com.example.add").await;
        mallory.send(&publish_of((1 << 20) + 1).replacen("[16,1", "[16,2", 1)).await;
        let code = mallory.expect_closed().await;
        assert_eq!(code, (via.0 == Transport::WebSocket).then_some(1009));
        assert_eq!(router.router().counters().messages_too_large.value(), round as u64 + 1);
        // Nothing of mallory is left, and nobody else noticed.
        let registration = alice.register("com.example.add").await;
        alice.unregister(registration).await;
        alice.publish("com.example.tick", "[7]").await;
        let [_] = bob.expect(&event(tick, "[7]")).await;
    }
}

#[tokio::test]
async fn fragments_count_together() {
    let router = TestRouter::start().await;
    let mut websocket = open_websocket(router.address(), SerializerId::Json).await;
    use futures_util::{SinkExt, StreamExt};
    websocket.send(Frame::text(hello(STRICT))).await.unwrap();
    within_deadline("WELCOME", websocket.next()).await.unwrap().unwrap();
    for data in [Data::Text, Data::Continue, Data::Continue] {
        let part = frame::Frame::message(vec![b'['; 400 * 1024], OpCode::Data(data), false);
        // The router may be gone before the last one.
        websocket.send(Frame::Frame(part)).await.ok();
    }
    let end = within_deadline("the end", websocket.next()).await;
    assert!(matches!(end, Some(Ok(Frame::Close(Some(close)))) if u16::from(close.code) == 1009));
    assert_eq!(router.router().counters().messages_too_large.value(), 1);
}

#[tokio::test]
async fn a_message_before_welcome_has_the_same_limit() {
    let router = TestRouter::start().await;
    for via in Via::json() {
        let mut mallory = Peer::connect(&router, "mallory", via).await;
        mallory.send(&publish_of((1 << 20) + 1)).await;
        mallory.expect_closed().await;
    }
    assert_eq!(router.router().counters().messages_too_large.value(), 2);
}

#[tokio::test]
async fn messages_may_nest_64_deep() {
    let router = TestRouter::start().await;
    // The message itself is one level, and each bracket another.
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth - 1), "]".repeat(depth - 1));
    for via in Via::sockets() {
        let mut bob = Peer::join_via(&router, "bob", via).await;
        let tick = bob.subscribe("com.example.tick").await;
        let mut alice = Peer::join_via(&router, "alice", via).await;
        alice.publish("com.example.tick", &nested(64)).await;
        let [_] = bob.expect(&event(tick, &nested(64))).await;
        let mut mallory = Peer::join_via(&router, "mallory", via).await;
        mallory.publish("com.example.tick", &nested(65)).await;
        mallory.expect_abort(PROTOCOL_VIOLATION).await;
        // Also where it is not payload.
        let mut trudy = Peer::join_via(&router, "trudy", via).await;
        trudy.send(&format!(r#"[32,1,{{"_x":{}}},"com.example.tick"]"#, nested(64))).await;
        trudy.expect_abort(PROTOCOL_VIOLATION).await;
        bob.expect_silence().await;
    }
}

#[tokio::test]
async fn options_have_at_most_16_kib() {
    let router = TestRouter::start().await;
    for via in Via::sockets() {
        let options = |length| format!(r#"{{"_x":"{}"}}"#, "x".repeat(length));
        let mut alice = Peer::join_via(&router, "alice", via).await;
        alice.send(&format!(r#"[32,1,{},"com.example.tick"]"#, options(16_000))).await;
        let [_] = alice.expect("[33,1,#]").await;
        alice.send(&format!(r#"[32,2,{},"com.example.tick"]"#, options(16_400))).await;
        alice.expect_abort(PROTOCOL_VIOLATION).await;
        // Payloads may be larger.
        let mut bob = Peer::join_via(&router, "bob", via).await;
        bob.publish_acknowledged("com.example.tick", &format!("[{}]", options(100_000))).await;
    }
}

/// Fills a session up with 8,192 of something; the next one is refused until there is room again.
async fn expect_8192(code: u64, answer_code: u64) {
    let router = TestRouter::start().await;
    let mut alice = Peer::join_via(&router, "alice", RAW_JSON).await;
    let requests: Vec<String> =
        (1..=8192).map(|request| format!(r#"[{code},{request},{{}},"com.example.x{request}"]"#)).collect();
    let requests: Vec<&str> = requests.iter().map(String::as_str).collect();
    alice.send_all(&requests).await;
    let mut first = None;
    for request in 1..=8192 {
        let [id] = alice.expect(&format!("[{answer_code},{request},#]")).await;
        first.get_or_insert(id);
    }
    alice.send(&format!(r#"[{code},8193,{{}},"com.example.x8193"]"#)).await;
    let [] = alice.expect(&error(code, 8193, UNAVAILABLE)).await;
    // It is a limit of each session.
    let mut bob = Peer::join(&router, "bob").await;
    bob.send(&format!(r#"[{code},1,{{}},"com.example.x8193"]"#)).await;
    let [_] = bob.expect(&format!("[{answer_code},1,#]")).await;
    // And there is room again.
    alice.send(&format!("[{},8194,{}]", code + 2, first.unwrap())).await;
    alice.expect_message(&format!("[{},8194]", answer_code + 2)).await;
    alice.send(&format!(r#"[{code},8195,{{}},"com.example.x8195"]"#)).await;
    let [_] = alice.expect(&format!("[{answer_code},8195,#]")).await;
    drop((alice, bob));
    router.wait_until_empty().await;
}

#[tokio::test]
async fn what_a_session_may_hold_is_limited_and_counted() {
    let mut config = config();
    config.limits = Limits {
        subscriptions_max: 1,
        registrations_max: 1,
        open_calls_max: 1,
        testaments_max: 2,
        testaments_max_bytes: 200,
        ..config.limits
    };
    let router = TestRouter::with(&config).await;
    let counters = router.router().counters();
    let mut alice = Peer::join(&router, "alice").await;
    alice.subscribe("com.example.a").await;
    let request = alice.next_request();
    alice.send(&format!(r#"[32,{request},{{}},"com.example.b"]"#)).await;
    let [] = alice.expect(&error(32, request, UNAVAILABLE)).await;
    assert_eq!(counters.subscriptions_over_limit.value(), 1);

    alice.register("com.example.a").await;
    let request = alice.next_request();
    alice.send(&format!(r#"[64,{request},{{}},"com.example.b"]"#)).await;
    let [] = alice.expect(&error(64, request, UNAVAILABLE)).await;
    assert_eq!(counters.registrations_over_limit.value(), 1);

    let mut bob = Peer::join(&router, "bob").await;
    bob.call("com.example.a", "").await;
    alice.expect_invocation().await;
    let request = bob.call("com.example.a", "").await;
    let [] = bob.expect(&error(48, request, UNAVAILABLE)).await;
    assert_eq!(counters.open_calls_over_limit.value(), 1);

    // Too large, and too many.
    let mut refused = 0;
    for (payload, is_taken) in [(200, false), (1, true), (1, true), (1, false)] {
        let testament = format!(r#"["com.example.gone",["{}"],{{}}]"#, "x".repeat(payload));
        let request = alice.call("wamp.session.add_testament", &testament).await;
        if is_taken {
            alice.expect_message(&format!("[50,{request},{{}}]")).await;
        } else {
            let [] = alice.expect(&error(48, request, UNAVAILABLE)).await;
            refused += 1;
        }
        assert_eq!(counters.testaments_over_limit.value(), refused);
    }
    assert_eq!(counters.requests_refused.value(), 3 + refused);
}

#[tokio::test]
async fn the_8193rd_subscription_is_refused() {
    expect_8192(32, 33).await;
}

#[tokio::test]
async fn the_8193rd_registration_is_refused() {
    expect_8192(64, 65).await;
}

fn pinging(ping_interval: Duration, ping_timeout: Duration) -> Config {
    let mut config = config();
    let listener = config.listeners.remove(0);
    config.listeners = vec![Listener { ping_interval, ping_timeout, ..listener }];
    config
}

#[tokio::test]
async fn a_peer_that_answers_no_ping_is_closed_and_counted() {
    let router = TestRouter::with(&pinging(DEADLINE / 400, DEADLINE / 200)).await;
    for (round, via) in Via::sockets().enumerate() {
        let alice = Peer::join_via(&router, "alice", via).await;
        // Nobody reads this socket, so nobody answers.
        let socket = alice.into_stream();
        router
            .wait_until("it counts as dead", |router| {
                router.counters().dead_peers.value() == round as u64 + 1
            })
            .await;
        drop(socket);
    }
    router.wait_until_empty().await;
}

#[tokio::test]
async fn a_peer_that_answers_pings_stays() {
    let router = TestRouter::with(&pinging(DEADLINE / 400, DEADLINE / 5)).await;
    let peers = Via::sockets().map(async |via| {
        let mut alice = Peer::join_via(&router, "alice", via).await;
        // The second comes after the time in which the first had to be answered.
        alice.expect_ping().await;
        alice.expect_ping().await;
        alice.expect_silence().await;
    });
    futures_util::future::join_all(peers).await;
    assert_eq!(router.router().counters().dead_peers.value(), 0);
}

#[tokio::test]
async fn a_session_more_than_the_process_may_have_is_refused_until_one_is_gone() {
    let mut config = config();
    config.limits.sessions_max = Some(2);
    let router = TestRouter::with(&config).await;
    for via in Via::json() {
        let alice = Peer::join_via(&router, "alice", via).await;
        // In whatever realm, and however it comes.
        let mut bob = Peer::connect(&router, "bob", Via(Transport::InProcess, SerializerId::Json)).await;
        bob.hello(OTHER).await;
        let refused = router.router().counters().sessions_over_limit.value();
        let mut carol = Peer::connect(&router, "carol", via).await;
        carol.send(&hello(STRICT)).await;
        carol.expect_abort(UNAVAILABLE).await;
        assert_eq!(router.router().counters().sessions_over_limit.value(), refused + 1);
        drop(bob);
        let dave = Peer::join_via(&router, "dave", via).await;
        drop((alice, dave));
        router.wait_until_empty().await;
    }
}

/// Everybody has that role.
fn with_role(role: Role) -> Config {
    let mut config = config();
    config.realms[0].rules.roles = vec![Role { permissions: vec![Permission::everything()], ..role }];
    config
}

fn anonymous() -> Role {
    Role { name: "anonymous".to_owned(), ..Role::default() }
}

fn reads_delayed(router: &Router) -> u64 {
    router.counters().reads_delayed.value()
}

#[tokio::test]
async fn what_a_session_sends_too_fast_is_delayed_and_all_of_it_comes_in_order() {
    const PER_SECOND: usize = 100;
    for via in Via::sockets() {
        let mut config = with_role(Role { messages_per_second: Some(PER_SECOND), ..anonymous() });
        // Nobody but alice is held up.
        config.realms[0].rules.roles.push(Role {
            name: "fast".to_owned(),
            permissions: vec![Permission::everything()],
            ..Role::default()
        });
        let router = TestRouter::with(&config).await;
        let mut bob = Peer::join_as(&router, "bob", "fast").await;
        let tick = bob.subscribe("com.example.tick").await;
        let mut alice = Peer::join_via(&router, "alice", via).await;
        let mut number = 0;
        // A machine that is busy enough needs more than one second's messages to be too fast.
        while reads_delayed(router.router()) == 0 {
            let publish = |number| format!(r#"[16,{number},{{}},"com.example.tick",[{number}]]"#);
            let messages: Vec<_> = (number + 1..=number + PER_SECOND + 10).map(publish).collect();
            alice.send_all(&messages.iter().map(String::as_str).collect::<Vec<_>>()).await;
            for _ in &messages {
                number += 1;
                let [_] = bob.expect(&event(tick, &format!("[{number}]"))).await;
            }
        }
        alice.expect_silence().await;
    }
}

#[tokio::test]
async fn who_sent_too_much_is_written_to_but_not_read_and_not_taken_for_dead() {
    // One mebibyte takes it a minute: longer than any test waits.
    let bytes_per_second = Some((1 << 20) / 64);
    for via in Via::json() {
        let mut config = with_role(Role { bytes_per_second, ..anonymous() });
        config.listeners = pinging(DEADLINE / 40, DEADLINE / 20).listeners;
        let router = TestRouter::with(&config).await;
        let mut alice = Peer::join_via(&router, "alice", via).await;
        let tick = alice.subscribe("com.example.tick").await;
        let mut carol = Peer::join_as(&router, "carol", "anonymous").await;
        let tock = carol.subscribe("com.example.tock").await;
        let around = r#"[16,2,{},"com.example.tock",]"#.len();
        let payload = format!(r#"["{}"]"#, "x".repeat((1 << 20) - around - 4));
        alice.publish("com.example.tock", &payload).await;
        let [_] = carol.expect(&event(tock, &payload)).await;
        router.wait_until("reading rests", |router| reads_delayed(router) == 1).await;

        alice.send(r#"[16,3,{"acknowledge":true},"com.example.tock"]"#).await;
        // Who joined later and is silent as well is dead before.
        let mallory = Peer::join_via(&router, "mallory", via).await.into_stream();
        router.wait_until("mallory is dead", |router| router.counters().dead_peers.value() == 1).await;
        drop(mallory);
        for number in 0..100 {
            carol.publish("com.example.tick", &format!("[{number}]")).await;
            let [_] = alice.expect(&event(tick, &format!("[{number}]"))).await;
        }
        let counters = router.router().counters();
        assert_eq!((counters.dead_peers.value(), counters.reads_delayed.value()), (1, 1));
        assert_eq!(router.router().sessions(), 2);
        carol.expect_silence().await;
    }
}

#[tokio::test]
async fn who_sent_too_much_can_still_say_goodbye_to_a_router_that_goes_down() {
    let bytes_per_second = Some((1 << 20) / 64);
    let mut config = with_role(Role { bytes_per_second, ..anonymous() });
    config.node.close_timeout = DEADLINE * 2;
    let router = TestRouter::with(&config).await;
    let mut alice = Peer::join_via(&router, "alice", RAW_JSON).await;
    alice.send(&publish_of(1 << 20)).await;
    router.wait_until("reading rests", |router| reads_delayed(router) == 1).await;
    let parting = async {
        alice.expect_goodbye("wamp.close.system_shutdown").await;
        alice.send(r#"[6,{},"wamp.close.goodbye_and_out"]"#).await;
        alice.expect_closed().await;
    };
    within_deadline("all is over", async { tokio::join!(router.shut_down(), parting) }).await;
}

fn with_outbox(max_bytes: usize) -> Config {
    let mut config = config();
    config.limits = Limits { outbox_max_bytes: max_bytes, outbox_stall: DEADLINE * 2, ..config.limits };
    config
}

/// About 64 KiB, with a number in front.
fn large(number: u64) -> String {
    format!(r#"[{number},"{}"]"#, "x".repeat(64 * 1024))
}

/// Publishes to `bob` until somebody's outbox overflowed, and a little more. Bob misses nothing.
async fn publish_past_a_slow_consumer(router: &TestRouter, alice: &mut Peer, bob: &mut Peer, tick: u64) {
    let mut left = None;
    let mut number = 0;
    while left != Some(0) {
        alice.publish("com.example.tick", &large(number)).await;
        let [_] = bob.expect(&event(tick, &large(number))).await;
        number += 1;
        assert!(number < 100_000, "no outbox overflows");
        left = match left {
            None if router.router().counters().slow_consumers.value() == 1 => Some(10),
            left => left.map(|left| left - 1),
        };
    }
}

#[tokio::test]
async fn pub_06_a_subscriber_that_does_not_read_is_disconnected_and_others_miss_nothing() {
    for via in Via::json() {
        let router = TestRouter::with(&with_outbox(1 << 20)).await;
        let mut mallory = Peer::join_via(&router, "mallory", via).await;
        mallory.subscribe("com.example.tick").await;
        mallory.subscribe("com.example.of_mallory").await;
        mallory.register("com.example.of_mallory").await;
        let stalled = mallory.into_stream();
        let mut bob = Peer::join_via(&router, "bob", via).await;
        let tick = bob.subscribe("com.example.tick").await;
        let mut alice = Peer::join_via(&router, "alice", via).await;
        publish_past_a_slow_consumer(&router, &mut alice, &mut bob, tick).await;
        assert_eq!(router.router().sessions(), 2);
        let left = router.router().holdings(STRICT).unwrap();
        assert_eq!((left.subscriptions, left.registrations), (1, 0));
        assert_eq!(router.router().counters().slow_consumers.value(), 1);
        drop(stalled);
    }
}

#[tokio::test]
async fn a_slow_consumers_connection_ends_even_if_it_never_reads() {
    let router = TestRouter::with(&with_outbox(1 << 20)).await;
    let mut mallory = Peer::join_via(&router, "mallory", RAW_JSON).await;
    mallory.subscribe("com.example.tick").await;
    let mut stalled = mallory.into_stream();
    let mut bob = Peer::join(&router, "bob").await;
    let tick = bob.subscribe("com.example.tick").await;
    let mut alice = Peer::join(&router, "alice").await;
    publish_past_a_slow_consumer(&router, &mut alice, &mut bob, tick).await;
    // It goes on talking; sooner or later its system says that nobody is there.
    let mut request = 1;
    let talking = async {
        loop {
            request += 1;
            let publish = format!(r#"[16,{request},{{}},"com.example.tock"]"#);
            if stalled.write_all(&frame(FrameType::Wamp, publish.as_bytes())).await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    within_deadline("the connection ends", talking).await;
}

/// A CALL whose answer is about as long as itself.
fn call_nobody(request: u64) -> Vec<u8> {
    let procedure = format!("com.example.{}", "x".repeat(900));
    frame(FrameType::Wamp, format!(r#"[48,{request},{{}},"{procedure}"]"#).as_bytes())
}

#[tokio::test]
async fn a_client_that_never_reads_its_answers_is_not_read_and_then_disconnected() {
    let mut config = with_outbox(256 * 1024);
    config.limits.outbox_stall = DEADLINE / 40;
    let router = TestRouter::with(&config).await;
    let mallory = Peer::join_via(&router, "mallory", RAW_JSON).await;
    let mut socket = mallory.into_stream();
    let writing = async {
        let mut request = 1;
        while socket.write_all(&call_nobody(request)).await.is_ok() {
            request += 1;
        }
    };
    within_deadline("the connection ends", writing).await;
    router.wait_until("mallory is counted", |router| router.counters().stalled_sessions.value() == 1).await;
    // Had the router read on, the outbox would have overflowed long before.
    assert_eq!(router.router().counters().slow_consumers.value(), 0);
    router.wait_until_empty().await;
}

#[tokio::test]
async fn a_client_that_pauses_and_reads_on_loses_nothing() {
    let router = TestRouter::with(&with_outbox(256 * 1024)).await;
    let alice = Peer::join_via(&router, "alice", RAW_JSON).await;
    let (reader, mut writer) = alice.into_stream().into_split();
    let (progress, mut written) = watch::channel(0);
    let writing = tokio::spawn(async move {
        while !progress.is_closed() {
            let request = *progress.borrow() + 1;
            writer.write_all(&call_nobody(request)).await.expect("the router reads on");
            progress.send_replace(request);
        }
        (writer, *progress.borrow())
    });
    // The router reads nothing more once nothing moves for a while. Were it ever earlier, the test would
    // only prove less.
    let stalling =
        async { while timeout(DEADLINE / 40, written.changed()).await.is_ok_and(|end| end.is_ok()) {} };
    within_deadline("the router stops reading", stalling).await;
    drop(written);

    let reading = async {
        let mut raw = Reader { reader, buffer: Vec::new() };
        let mut answered = 0;
        let mut writing = Some(writing);
        let mut asked = u64::MAX;
        let mut rest = None;
        while answered < asked {
            answered += 1;
            let head = format!("[8,48,{answered},{{}},\"wamp.error.no_such_procedure\"");
            raw.expect(head.as_bytes()).await;
            // Whoever wrote was waiting for us; now it is done.
            if let Some(task) = writing.take_if(|task| task.is_finished()) {
                let (writer, count) = task.await.unwrap();
                (asked, rest) = (count, Some(writer));
            }
        }
        rest
    };
    assert!(within_deadline("all answers", reading).await.is_some());
    let counters = router.router().counters();
    assert_eq!((counters.stalled_sessions.value(), counters.slow_consumers.value()), (0, 0));
    assert_eq!(router.router().sessions(), 1);
}

/// Frames of the reading half of a RawSocket.
struct Reader {
    reader: tokio::net::tcp::OwnedReadHalf,
    buffer: Vec<u8>,
}

impl Reader {
    async fn expect(&mut self, head: &[u8]) {
        use tokio::io::AsyncReadExt;
        let length = self.reader.read_u32().await.expect("a frame");
        self.buffer.resize(length as usize, 0);
        self.reader.read_exact(&mut self.buffer).await.expect("a whole frame");
        assert!(self.buffer.starts_with(head), "{:?}", String::from_utf8_lossy(&self.buffer));
    }
}

#[tokio::test]
async fn a_call_to_a_callee_that_does_not_read_is_unavailable_and_none_is_lost() {
    let router = TestRouter::with(&with_outbox(1 << 20)).await;
    let mut bob = Peer::join_via(&router, "bob", RAW_JSON).await;
    bob.register("com.example.add").await;
    let stalled = bob.into_stream();
    let mut alice = Peer::join(&router, "alice").await;
    let mut open = Vec::new();
    loop {
        let call = alice.call("com.example.add", &large(open.len() as u64)).await;
        let request = alice.next_request();
        alice.send(&format!(r#"[16,{request},{{"acknowledge":true}},"com.example.tick"]"#)).await;
        match alice.receive().await {
            Message::Published(_) => open.push(call),
            Message::Error(error) => {
                assert_eq!((error.request.value(), &*error.error), (call, UNAVAILABLE));
                let [_] = alice.expect(&format!("[17,{request},#]")).await;
                break;
            }
            other => panic!("{other:?}"),
        }
        assert!(open.len() < 100_000, "no outbox is full");
    }
    let counters = router.router().counters();
    assert_eq!((counters.callees_full.value(), counters.slow_consumers.value()), (1, 0));
    assert_eq!(router.router().holdings(STRICT).unwrap().open_calls, open.len());

    // Bob reads at last: every call that was taken reaches him, and none else.
    let mut bob = RawFrames::new(stalled);
    for number in 1..=open.len() {
        let (_, invocation) = within_deadline("an INVOCATION", bob.receive()).await.expect("an open session");
        assert!(invocation.starts_with(format!("[68,{number},").as_bytes()));
        bob.send(FrameType::Wamp, format!("[70,{number},{{}},[{number}]]").as_bytes()).await;
    }
    for (number, call) in open.iter().enumerate() {
        alice.expect_message(&format!("[50,{call},{{}},[{}]]", number + 1)).await;
    }
    let call = alice.call("com.example.add", "").await;
    let number = open.len() + 1;
    within_deadline("an INVOCATION", bob.receive()).await.expect("an open session");
    bob.send(FrameType::Wamp, format!("[70,{number},{{}}]").as_bytes()).await;
    alice.expect_message(&format!("[50,{call},{{}}]")).await;
}

#[tokio::test]
async fn can_04_an_interrupt_does_not_cost_a_full_callee_its_session() {
    let router = TestRouter::with(&with_outbox(1 << 20)).await;
    let mut bob = Peer::join_with_features(&router, "bob", RAW_JSON).await;
    bob.register("com.example.add").await;
    let _stalled = bob.into_stream();
    let mut alice = Peer::join(&router, "alice").await;
    let mut last = 0;
    for small in [false, true] {
        for number in 0.. {
            let payload = if small { String::new() } else { large(number) };
            let call = alice.call("com.example.add", &payload).await;
            let request = alice.next_request();
            alice.send(&format!(r#"[16,{request},{{"acknowledge":true}},"com.example.tick"]"#)).await;
            match alice.receive().await {
                Message::Published(_) => last = call,
                Message::Error(_) => {
                    let [_] = alice.expect(&format!("[17,{request},#]")).await;
                    break;
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(router.router().counters().slow_consumers.value(), 0);
    alice.send(&format!("[49,{last},{{}}]")).await;
    alice.receive().await;
    assert_eq!(router.router().counters().slow_consumers.value(), 0, "callee was thrown out");
}
