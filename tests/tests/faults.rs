//! Peers that fail: killed half-way, dribbling, talking garbage, no longer reading; and an authenticator that is slow.
//! Whoever is well must not notice, and nothing of the others may be left.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper fails the test that uses it")]

use std::cell::Cell;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use argon2::{Argon2, PasswordHasher as _};
use futures_util::future::join_all;
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::yield_now;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use trunkline::config::{
    Address, AuthMethod, Authenticator, Certificate, Config, Limits, Listener, Permission, Principal, Role,
    Secret, Tls,
};
use trunkline::{Attempt, Decision, Holdings, Vouched};
use trunkline_tests::{
    DEADLINE, Duplex, OTHER, Peer, STRICT, Scratch, TestRouter, Transport, Via, config, event, frame, hello,
    rawsocket_over, within_deadline,
};
use wamp_proto::error_uri::{AUTHENTICATION_FAILED, PROTOCOL_VIOLATION, UNAVAILABLE};
use wamp_proto::rawsocket::{FrameType, MaxLength};
use wamp_proto::{Message, SerializerId};

const RAW_JSON: Via = Via(Transport::RawSocket, SerializerId::Json);
const HOST: &str = "router.example";

/// HELLO of somebody who wants to log in with a ticket.
fn hello_with_ticket(authid: &str) -> String {
    hello(STRICT).replacen(
        r#"{"roles""#,
        &format!(r#"{{"authmethods":["ticket"],"authid":"{authid}","roles""#),
        1,
    )
}

/// A pair that is well: alice publishes a number at a time, and bob gets every one of them in order.
struct Pair {
    alice: Peer,
    bob: Peer,
    tick: u64,
    number: u64,
}

impl Pair {
    async fn join(router: &TestRouter) -> Self {
        Self::of(Peer::join_via(router, "alice", RAW_JSON).await, Peer::join(router, "bob").await).await
    }

    async fn of(alice: Peer, mut bob: Peer) -> Self {
        let tick = bob.subscribe("com.example.tick").await;
        Self { alice, bob, tick, number: 0 }
    }

    async fn exchange(&mut self) {
        let payload = format!("[{}]", self.number);
        self.alice.publish("com.example.tick", &payload).await;
        let [_] = self.bob.expect(&event(self.tick, &payload)).await;
        self.number += 1;
    }

    /// Goes on until `others` are done.
    async fn exchange_during<T>(&mut self, others: impl Future<Output = T>) -> T {
        let is_over = Cell::new(false);
        let others = async {
            let value = others.await;
            is_over.set(true);
            value
        };
        let exchanging = async {
            while !is_over.get() {
                self.exchange().await;
            }
        };
        tokio::join!(others, exchanging).0
    }

    /// Nothing is left but this pair, which is as well as before.
    async fn expect_to_be_alone(&mut self, router: &TestRouter) {
        let all = Holdings { subscriptions: 1, ..Holdings::default() };
        router
            .wait_until("only the pair is left", |router| {
                router.sessions() == 2 && router.holdings(STRICT) == Some(all)
            })
            .await;
        self.exchange().await;
    }
}

/// A listener has places for the pair and for so many more.
const PLACES_LEFT: usize = 2;

fn with_few_places(mut config: Config) -> Config {
    config.listeners[0].connections_max = 2 + PLACES_LEFT;
    config
}

/// Every place that the pair does not have is free. A place is given back soon after its socket is closed.
async fn expect_free_places<S: Duplex>(connect: impl AsyncFn() -> io::Result<S>) {
    let is_granted = async |socket: &mut S| -> io::Result<bool> {
        socket.write_all(b"\x7f\xf1\0\0").await?;
        let mut reply = [0; 4];
        socket.read_exact(&mut reply).await?;
        Ok(reply[1] & 0x0f != 0)
    };
    let looking = async {
        loop {
            let mut granted = Vec::new();
            while let Ok(mut socket) = connect().await
                && granted.len() <= PLACES_LEFT
                && is_granted(&mut socket).await.unwrap_or(false)
            {
                granted.push(socket);
            }
            assert!(granted.len() <= PLACES_LEFT, "more places than there are");
            if granted.len() == PLACES_LEFT {
                break;
            }
            yield_now().await;
        }
    };
    within_deadline("all places are free", looking).await;
}

/// How a peer goes.
#[derive(Clone, Copy, Debug)]
enum Exit {
    /// As a process that ends.
    Fin,
    /// As a machine that is switched off and on.
    Reset,
}

impl Exit {
    const ALL: [Self; 2] = [Self::Fin, Self::Reset];

    fn take(self, socket: TcpStream) {
        if let Self::Reset = self {
            socket.set_zero_linger().expect("a TCP socket");
        }
    }
}

/// How far a peer came before it was gone.
#[derive(Clone, Copy, Debug)]
enum State {
    Accepted,
    HalfRawSocketHandshake,
    RawSocketOpen,
    HalfHelloInAFrame,
    HalfHttpHead,
    WebSocketOpen,
    HalfAWebSocketFrame,
    Challenged(Via),
    Welcomed(Via),
    SaidGoodbye(Via),
}

impl State {
    fn all() -> Vec<Self> {
        let mut states = vec![
            Self::Accepted,
            Self::HalfRawSocketHandshake,
            Self::RawSocketOpen,
            Self::HalfHelloInAFrame,
            Self::HalfHttpHead,
            Self::WebSocketOpen,
            Self::HalfAWebSocketFrame,
        ];
        for via in Via::json() {
            states.extend([Self::Challenged(via), Self::Welcomed(via), Self::SaidGoodbye(via)]);
        }
        states
    }

    async fn reach(self, router: &TestRouter) -> TcpStream {
        let after = async |octets: &[u8]| {
            let mut socket = TcpStream::connect(router.address()).await.unwrap();
            socket.write_all(octets).await.unwrap();
            socket
        };
        let behind = async |via, octets: &[u8]| {
            let mut socket = Peer::connect(router, "mallory", via).await.into_stream();
            socket.write_all(octets).await.unwrap();
            socket
        };
        let [websocket, _] = Via::json();
        match self {
            Self::Accepted => after(b"").await,
            Self::HalfRawSocketHandshake => after(b"\x7f\xf1").await,
            Self::RawSocketOpen => behind(RAW_JSON, b"").await,
            Self::HalfHelloInAFrame => behind(RAW_JSON, b"\0\0\0\x30[1,").await,
            Self::HalfHttpHead => after(b"GET /ws HTTP/1.1\r\nHost: router.example\r\nUpgr").await,
            Self::WebSocketOpen => behind(websocket, b"").await,
            Self::HalfAWebSocketFrame => behind(websocket, b"\x81\xb0\0\0\0\0[1,").await,
            Self::Challenged(via) => {
                let mut mallory = Peer::connect(router, "mallory", via).await;
                mallory.send(&hello_with_ticket("tom")).await;
                assert!(matches!(mallory.receive().await, Message::Challenge(_)));
                mallory.into_stream()
            }
            Self::Welcomed(via) => busy(router, via).await.into_stream(),
            Self::SaidGoodbye(via) => {
                let mut mallory = busy(router, via).await;
                mallory.send(r#"[6,{},"wamp.close.normal"]"#).await;
                mallory.into_stream()
            }
        }
    }
}

/// A session that subscribed, registered, and has a call open.
async fn busy(router: &TestRouter, via: Via) -> Peer {
    let mut mallory = Peer::join_via(router, "mallory", via).await;
    mallory.subscribe("com.example.tick").await;
    // Two of them are here at a time.
    mallory.register_with(r#"{"invoke":"last"}"#, "com.example.add").await;
    mallory.call("com.example.add", "").await;
    mallory
}

/// Tom has a ticket; who names no method may come as it is.
fn with_a_ticket() -> Config {
    let mut config = config();
    let rules = &mut config.realms[0].rules;
    rules.roles.push(Role {
        name: "user".to_owned(),

        permissions: vec![Permission::everything()],
        ..Role::default()
    });
    let costs = argon2::Params::new(64, 1, 1, None).unwrap();
    let argon2 = Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, costs);
    let hash = argon2.hash_password_with_salt(b"his ticket", b"sixteen octets..").unwrap();
    rules.principals =
        vec![Principal { tickets: vec![Secret(hash.to_string())], ..Principal::new("tom", "user") }];
    config
}

#[tokio::test]
async fn a_peer_that_is_killed_in_any_state_leaves_nothing_and_gives_its_place_back() {
    let router = TestRouter::with(&with_few_places(with_a_ticket())).await;
    let mut pair = Pair::join(&router).await;
    for state in State::all() {
        for exit in Exit::ALL {
            let gone = join_all((0..PLACES_LEFT).map(|_| state.reach(&router))).await;
            pair.exchange().await;
            gone.into_iter().for_each(|socket| exit.take(socket));
            expect_free_places(|| TcpStream::connect(router.address())).await;
            pair.expect_to_be_alone(&router).await;
        }
    }
}

/// A certificate that only these tests trust.
struct Authority {
    scratch: Scratch,
    issued: CertifiedKey<KeyPair>,
}

impl Authority {
    fn new() -> Self {
        Self { scratch: Scratch::new(), issued: generate_simple_self_signed([HOST.to_owned()]).unwrap() }
    }

    fn tls(&self) -> Tls {
        Tls::with(Certificate {
            certificate_file: self.scratch.file("certificate.pem", self.issued.cert.pem()),
            key_file: self.scratch.file("key.pem", self.issued.signing_key.serialize_pem()),
        })
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issued.cert.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = builder.with_root_certificates(roots).with_no_client_auth();
        let socket = TcpStream::connect(address).await?;
        TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(HOST).unwrap(), socket).await
    }
}

#[tokio::test]
async fn a_peer_that_is_killed_in_any_state_of_tls_leaves_nothing_and_gives_its_place_back() {
    let authority = Authority::new();
    let mut config = with_few_places(config());
    config.listeners[0].tls = Some(authority.tls());
    let router = TestRouter::with(&config).await;
    let connect = async || authority.connect(router.address()).await;
    let [websocket, _] = Via::json();
    let alice = Peer::join_over(connect().await.unwrap(), "alice", RAW_JSON).await;
    let bob = Peer::join_over(connect().await.unwrap(), "bob", websocket).await;
    let mut pair = Pair::of(alice, bob).await;
    for exit in Exit::ALL {
        for _ in 0..PLACES_LEFT {
            let mut socket = TcpStream::connect(router.address()).await.unwrap();
            // A record of 512 octets with a ClientHello, of which a few are here.
            socket.write_all(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03").await.unwrap();
            exit.take(socket);
        }
        expect_free_places(connect).await;
        for octets in [&b""[..], b"\x7f", b"\x7f\xf1\0\0\0\0\0\x30[1,", b"GET /ws HTTP/1.1\r\nHost:"] {
            for _ in 0..PLACES_LEFT {
                let mut socket = connect().await.unwrap();
                socket.write_all(octets).await.unwrap();
                // Without close_notify.
                exit.take(socket.into_inner().0);
            }
            expect_free_places(connect).await;
            pair.expect_to_be_alone(&router).await;
        }
        let mut gone = Vec::new();
        for _ in 0..PLACES_LEFT {
            let mut socket =
                rawsocket_over(Box::new(connect().await.unwrap()), RAW_JSON.1, MaxLength::MAX).await;
            socket.send(FrameType::Wamp, hello(STRICT).as_bytes()).await;
            within_deadline("WELCOME", socket.receive()).await.expect("an open session");
            socket.send(FrameType::Wamp, br#"[32,1,{},"com.example.tick"]"#).await;
            within_deadline("SUBSCRIBED", socket.receive()).await.expect("an open session");
            gone.push(socket.stream);
        }
        pair.exchange().await;
        for socket in gone {
            let tls: Box<TlsStream<TcpStream>> = socket.into_any().downcast().unwrap();
            exit.take(tls.into_inner().0);
        }
        expect_free_places(connect).await;
        pair.expect_to_be_alone(&router).await;
    }
}

/// A connection on which the router gets one octet at a time.
async fn dribbling(router: &TestRouter) -> DuplexStream {
    let socket = TcpStream::connect(router.address()).await.unwrap();
    socket.set_nodelay(true).unwrap();
    let (near, far) = tokio::io::duplex(1024);
    tokio::spawn(async move {
        let (mut from_peer, mut to_peer) = tokio::io::split(far);
        let (mut from_router, mut to_router) = socket.into_split();
        let dribble = async {
            while let Ok(octet) = from_peer.read_u8().await {
                to_router.write_u8(octet).await?;
                // So that the router reads it before the next one is there.
                yield_now().await;
            }
            to_router.shutdown().await
        };
        let copy = async {
            tokio::io::copy(&mut from_router, &mut to_peer).await?;
            to_peer.shutdown().await
        };
        tokio::try_join!(dribble, copy)
    });
    near
}

/// HELLO, SUBSCRIBE, PUBLISH, REGISTER, CALL, YIELD, GOODBYE, and what comes back.
async fn whole_session(router: &TestRouter, number: usize, via: Via) {
    let mut carol = Peer::join_over(dribbling(router).await, "carol", via).await;
    let own = format!("com.example.own{number}");
    let subscription = carol.subscribe(&own).await;
    let request = carol.next_request();
    carol.send(&format!(r#"[16,{request},{{"exclude_me":false}},"{own}",["é",{number}]]"#)).await;
    let [_] = carol.expect(&event(subscription, &format!(r#"["é",{number}]"#))).await;
    carol.register(&own).await;
    let call = carol.call(&own, "[1,2]").await;
    let invocation = carol.expect_invocation().await;
    carol.answer(&invocation, &format!("[{number}]")).await;
    carol.expect_message(&format!("[50,{call},{{}},[{number}]]")).await;
    carol.send(r#"[6,{},"wamp.close.normal"]"#).await;
    carol.expect_goodbye("wamp.close.goodbye_and_out").await;
}

#[tokio::test]
async fn sessions_work_octet_by_octet_and_hold_nobody_up() {
    let router = TestRouter::start().await;
    let mut pair = Pair::join(&router).await;
    let sessions = Via::sockets().chain(Via::sockets()).enumerate();
    let dribbling = join_all(sessions.map(|(number, via)| whole_session(&router, number, via)));
    pair.exchange_during(dribbling).await;
    assert!(pair.number > 0);
    pair.expect_to_be_alone(&router).await;
    assert_eq!(router.router().counters().sessions_joined.value(), 2 + 12);
}

/// Octets as they come, and the same ones in every run.
struct Garbage(fastrand::Rng);

impl Garbage {
    fn new() -> Self {
        Self(fastrand::Rng::with_seed(0x7275_6262_6973_6821))
    }

    fn next(&mut self) -> Vec<u8> {
        let length = self.0.usize(1..2048);
        std::iter::repeat_with(|| self.0.u8(..)).take(length).collect()
    }
}

/// Sends these octets and nothing after them, and reads until the router closes.
async fn throw_at(mut socket: impl Duplex, octets: &[u8]) {
    // The router may hang up before all of it is out.
    let _closed = socket.write_all(octets).await;
    let _closed = socket.shutdown().await;
    let _reset = within_deadline("the router closes", socket.read_to_end(&mut Vec::new())).await;
}

#[tokio::test]
async fn garbage_on_every_port_costs_its_peer_the_connection_and_nobody_else() {
    const TIMES: usize = 50;
    let authority = Authority::new();
    let path = authority.scratch.path("trunkline.sock");
    let mut config = config();
    config.listeners.push(Listener { tls: Some(authority.tls()), ..config.listeners[0].clone() });
    config.listeners[0].addresses.push(Address::Unix(path.clone()));
    let router = TestRouter::with(&config).await;
    let Some(Address::Tcp(tls)) = router.addresses().last().cloned() else { panic!("no port for TLS") };
    let mut pair = Pair::join(&router).await;
    let mut garbage = Garbage::new();
    for _ in 0..TIMES {
        let octets = garbage.next();
        throw_at(TcpStream::connect(router.address()).await.unwrap(), &octets).await;
        throw_at(UnixStream::connect(&path).await.unwrap(), &octets).await;
        throw_at(TcpStream::connect(tls).await.unwrap(), &octets).await;
        throw_at(authority.connect(tls).await.unwrap(), &octets).await;
        pair.exchange().await;
    }
    for via in Via::json() {
        for _ in 0..TIMES {
            let octets = garbage.next();
            throw_at(Peer::connect(&router, "mallory", via).await.into_stream(), &octets).await;
            throw_at(Peer::join_via(&router, "mallory", via).await.into_stream(), &octets).await;
            pair.exchange().await;
        }
    }
    pair.expect_to_be_alone(&router).await;
}

#[tokio::test]
async fn garbage_in_whole_frames_is_a_violation_before_and_after_welcome() {
    const TIMES: usize = 25;
    let router = TestRouter::start().await;
    let mut pair = Pair::join(&router).await;
    let mut garbage = Garbage::new();
    for via in Via::sockets() {
        for is_joined in [false, true] {
            for _ in 0..TIMES {
                let octets = garbage.next();
                let mut mallory = Peer::connect(&router, "mallory", via).await;
                if is_joined {
                    mallory.hello(STRICT).await;
                    mallory.register("com.example.add").await;
                }
                let octets = match via.1 {
                    SerializerId::Json => String::from_utf8_lossy(&octets).into_owned().into(),
                    _ => octets.into(),
                };
                mallory.send_octets(vec![octets]).await;
                mallory.expect_abort(PROTOCOL_VIOLATION).await;
                pair.exchange().await;
            }
        }
    }
    pair.expect_to_be_alone(&router).await;
    assert_eq!(router.router().counters().protocol_violations.value(), 6 * 2 * TIMES as u64);
}

fn large(number: usize) -> String {
    format!(r#"[{number},"{}"]"#, "x".repeat(64 * 1024))
}

/// Publishes until a subscriber that stopped reading was disconnected; another one gets every event in order.
async fn publish_past_a_stopped_subscriber(router: &TestRouter, slow_consumers: u64) -> usize {
    let mut mallory = Peer::join_via(router, "mallory", RAW_JSON).await;
    mallory.subscribe("com.example.large").await;
    let _stopped = mallory.into_stream();
    let mut dave = Peer::join(router, "dave").await;
    let subscription = dave.subscribe("com.example.large").await;
    let mut carol = Peer::join(router, "carol").await;
    let mut published = 0;
    while router.router().counters().slow_consumers.value() < slow_consumers {
        carol.publish("com.example.large", &large(published)).await;
        let [_] = dave.expect(&event(subscription, &large(published))).await;
        published += 1;
        assert!(published < 10_000, "no outbox overflows");
    }
    dave.expect_silence().await;
    published
}

/// Answers every call with its own arguments.
async fn echo(mut callee: Peer, procedure: &str) -> Infallible {
    callee.register(procedure).await;
    loop {
        let invocation = callee.expect_invocation().await;
        let argument = String::from_utf8(invocation.payload.raw().to_vec()).unwrap();
        callee.answer(&invocation, &argument).await;
    }
}

/// Calls and reads no answer until it is disconnected.
async fn call_and_never_read(router: &TestRouter, procedure: &str) {
    let mut stopped = Peer::join_via(router, "mallory", RAW_JSON).await.into_stream();
    let argument = "x".repeat(16 * 1024);
    for request in 1_u64.. {
        let call = format!(r#"[48,{request},{{}},"{procedure}",["{argument}"]]"#);
        if stopped.write_all(&frame(FrameType::Wamp, call.as_bytes())).await.is_err() {
            break;
        }
    }
}

/// Calls a callee that stopped reading until it can take no more, and kills it: each call is answered, once.
async fn call_a_stopped_callee(router: &TestRouter) -> usize {
    let mut mallory = Peer::join_via(router, "mallory", RAW_JSON).await;
    mallory.register("com.example.stuck").await;
    let stopped = mallory.into_stream();
    let mut grace = Peer::join(router, "grace").await;
    let mut open = Vec::new();
    loop {
        open.push(grace.call("com.example.stuck", &large(open.len())).await);
        let request = grace.next_request();
        grace.send(&format!(r#"[16,{request},{{"acknowledge":true}},"com.example.tock"]"#)).await;
        if let Message::Error(error) = grace.receive().await {
            assert_eq!((Some(error.request.value()), &*error.error), (open.pop(), UNAVAILABLE));
            let [_] = grace.expect(&format!("[17,{request},#]")).await;
            break;
        }
        assert!(open.len() < 10_000, "no outbox is full");
    }
    drop(stopped);
    let mut answered = Vec::new();
    for _ in &open {
        let Message::Error(error) = grace.receive().await else { panic!("no ERROR") };
        answered.push(error.request.value());
    }
    answered.sort_unstable();
    assert_eq!(answered, open);
    grace.expect_silence().await;
    answered.len()
}

#[tokio::test]
async fn a_subscriber_a_caller_and_a_callee_that_stop_reading_cost_nobody_else_a_message() {
    let mut config = config();
    config.limits = Limits { outbox_max_bytes: 1 << 20, outbox_stall: DEADLINE / 80, ..config.limits };
    let router = TestRouter::with(&config).await;
    let mut pair = Pair::join(&router).await;
    let counters = router.router().counters();
    let eve = Peer::join(&router, "eve").await;
    tokio::select! {
        // It answers until nobody calls any more.
        never = echo(eve, "com.example.echo") => match never {},
        () = pair.exchange_during(call_and_never_read(&router, "com.example.echo")) => {}
    }
    let disconnected = || counters.stalled_sessions.value() + counters.slow_consumers.value();
    assert_eq!(disconnected(), 1, "{:?}", counters.all());
    let before = (counters.slow_consumers.value(), counters.callees_full.value());
    let subscribers = publish_past_a_stopped_subscriber(&router, before.0 + 1);
    let stopping = async { tokio::join!(subscribers, call_a_stopped_callee(&router)) };
    let (events, answers) = pair.exchange_during(stopping).await;
    assert!(events > 0 && answers > 0);
    assert_eq!(disconnected(), 2);
    assert_eq!(
        (counters.slow_consumers.value(), counters.callees_full.value()),
        (before.0 + 1, before.1 + 1)
    );
    pair.expect_to_be_alone(&router).await;
}

/// Vouches for everybody, but for nobody before it may.
#[derive(Debug)]
struct Slow {
    may_answer: Semaphore,
    asked: AtomicUsize,
}

impl trunkline::Authenticator for Slow {
    fn authenticate(&self, attempt: Attempt) -> Pin<Box<dyn Future<Output = Decision> + Send + '_>> {
        Box::pin(async move {
            self.asked.fetch_add(1, Ordering::Relaxed);
            self.may_answer.acquire().await.expect("never closed").forget();
            let principal = Principal::new(&attempt.authid.unwrap_or_default(), "user");
            Ok(Vouched { principal, realm: None, extra: None })
        })
    }
}

/// Sends HELLO and the ticket, and leaves the answer unread.
async fn log_in(router: &TestRouter, authid: &str, via: Via) -> Peer {
    let mut peer = Peer::connect(router, authid, via).await;
    peer.send(&hello_with_ticket(authid)).await;
    assert!(matches!(peer.receive().await, Message::Challenge(_)));
    peer.send(r#"[5,"his ticket",{}]"#).await;
    peer
}

#[tokio::test]
async fn a_slow_authenticator_holds_up_those_who_wait_for_it_and_nobody_else() {
    const WAITING: usize = 64;
    let router = TestRouter::with(&with_a_ticket()).await;
    let slow = Arc::new(Slow { may_answer: Semaphore::new(0), asked: AtomicUsize::new(0) });
    assert!(router.router().authenticate_with(STRICT, &[AuthMethod::Ticket], slow.clone()));
    let mut pair = Pair::join(&router).await;
    let vias = Vec::from_iter(Via::sockets()).into_iter();
    let mut waiting = Vec::new();
    for (number, via) in vias.cycle().take(WAITING).enumerate() {
        waiting.push(log_in(&router, &format!("ann{number}"), via).await);
    }
    router.wait_until("all are asked about", |_| slow.asked.load(Ordering::Relaxed) == WAITING).await;

    // Principals of the configuration and anonymous sessions come and go, and the pair goes on.
    for via in Via::sockets() {
        let mut tom = log_in(&router, "tom", via).await;
        tom.expect_welcome().await;
        Peer::join_via(&router, "anybody", via).await.expect_silence().await;
        pair.exchange().await;
    }
    pair.expect_to_be_alone(&router).await;

    // Every other one has given up when it answers.
    let mut number = 0;
    waiting.retain(|_| {
        number += 1;
        number % 2 == 0
    });
    slow.may_answer.add_permits(WAITING);
    for peer in &mut waiting {
        peer.expect_welcome().await;
        peer.expect_silence().await;
    }
    router.wait_until("only they are left", |router| router.sessions() == 2 + WAITING / 2).await;
    drop(waiting);
    pair.expect_to_be_alone(&router).await;
}

#[tokio::test]
async fn an_authenticator_that_never_answers_fails_each_login_in_its_time() {
    const LOGINS: usize = 24;
    let mut config = with_a_ticket();
    config.realms[0].rules.authenticators = vec![Authenticator {
        methods: vec![AuthMethod::Ticket],
        procedure: "com.example.authenticate".to_owned(),
        realm: Some(OTHER.to_owned()),
        timeout: DEADLINE / 400,
    }];
    let router = TestRouter::with(&config).await;
    let mut pair = Pair::join(&router).await;
    let mut authenticator = Peer::connect(&router, "authenticator", RAW_JSON).await;
    authenticator.hello(OTHER).await;
    authenticator.register("com.example.authenticate").await;
    let vias = Vec::from_iter(Via::sockets()).into_iter();
    let logins = vias.cycle().take(LOGINS).enumerate().map(async |(number, via)| {
        let mut peer = log_in(&router, &format!("ann{number}"), via).await;
        peer.expect_abort(AUTHENTICATION_FAILED).await;
    });
    pair.exchange_during(join_all(logins)).await;
    assert_eq!(router.router().counters().authenticators_failed.value(), LOGINS as u64);
    // What it says now counts for nothing.
    for _ in 0..LOGINS {
        let invocation = authenticator.expect_invocation().await;
        authenticator.answer(&invocation, r#"["user"]"#).await;
    }
    drop(authenticator);
    pair.expect_to_be_alone(&router).await;
}
