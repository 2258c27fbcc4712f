//! Going down in good order.

use std::time::Duration;

use trunkline::config::{Config, Node};
use trunkline_tests::{
    DEADLINE, OTHER, Peer, STRICT, TestRouter, Transport, Via, config, event, hello, within_deadline,
};
use wamp_proto::error_uri::{CANCELED, GOODBYE_AND_OUT, NO_SUCH_PROCEDURE, SYSTEM_SHUTDOWN, UNAVAILABLE};
use wamp_proto::{Message, MessageCode, SerializerId};

const IN_PROCESS: Via = Via(Transport::InProcess, SerializerId::Json);

fn with_timeouts(drain_timeout: Duration, close_timeout: Duration) -> Config {
    Config { node: Node { drain_timeout, close_timeout, ..Node::default() }, ..config() }
}

/// Calls a procedure that nobody has until the router says that it goes down.
async fn wait_for_drain(peer: &mut Peer) {
    loop {
        let call = peer.call("com.example.none", "").await;
        match peer.receive().await {
            Message::Error(error) if error.request.value() == call => match &*error.error {
                UNAVAILABLE => return,
                NO_SUCH_PROCEDURE => tokio::task::yield_now().await,
                other => panic!("{other}"),
            },
            other => panic!("{other:?}"),
        }
    }
}

/// Answers the router's GOODBYE.
async fn part(peer: &mut Peer) {
    peer.expect_goodbye(SYSTEM_SHUTDOWN).await;
    peer.send(&format!(r#"[6,{{}},"{GOODBYE_AND_OUT}"]"#)).await;
    peer.expect_closed().await;
}

#[tokio::test]
async fn open_calls_are_answered_while_new_ones_are_refused() {
    for via in Via::sockets() {
        let router = TestRouter::with(&with_timeouts(DEADLINE * 2, DEADLINE * 2)).await;
        let address = router.address();
        let mut alice = Peer::join_via(&router, "alice", via).await;
        let mut bob = Peer::join_via(&router, "bob", via).await;
        bob.register("com.example.add").await;
        let tick = bob.subscribe("com.example.tick").await;
        let open = alice.call("com.example.add", "[1,2]").await;
        let invocation = bob.expect_invocation().await;

        let going_down = tokio::spawn(router.shut_down());
        wait_for_drain(&mut alice).await;
        let late = alice.call("com.example.add", "[1,2]").await;
        alice.expect_error(MessageCode::Call, late, UNAVAILABLE).await;
        // Everything else goes on, but for those who come late.
        alice.publish("com.example.tick", "[7]").await;
        let [_] = bob.expect(&event(tick, "[7]")).await;
        // The listener closes at its own pace.
        let knocking = async { while tokio::net::TcpStream::connect(address).await.is_ok() {} };
        within_deadline("nobody listens any more", knocking).await;

        bob.answer(&invocation, "[3]").await;
        alice.expect_message(&format!("[50,{open},{{}},[3]]")).await;
        part(&mut alice).await;
        part(&mut bob).await;
        within_deadline("the router is down", going_down).await.unwrap();
    }
}

#[tokio::test]
async fn every_realm_refuses_calls_from_the_start_of_the_drain() {
    let via = Via::json()[1];
    // A call stays open in one realm, whichever comes first.
    for (busy, idle) in [(STRICT, OTHER), (OTHER, STRICT)] {
        let router = TestRouter::with(&with_timeouts(DEADLINE * 2, DEADLINE * 2)).await;
        let mut alice = Peer::join_realm(&router, "alice", via, busy).await;
        alice.register("com.example.add").await;
        alice.call("com.example.add", "").await;
        let invocation = alice.expect_invocation().await;
        let mut bob = Peer::join_realm(&router, "bob", via, idle).await;
        let going_down = tokio::spawn(router.shut_down());
        wait_for_drain(&mut alice).await;
        within_deadline("the other realm drains too", wait_for_drain(&mut bob)).await;
        alice.answer(&invocation, "").await;
        assert!(matches!(alice.receive().await, Message::CallResult(_)));
        part(&mut alice).await;
        part(&mut bob).await;
        within_deadline("the router is down", going_down).await.unwrap();
    }
}

#[tokio::test]
async fn calls_still_open_after_the_drain_timeout_are_canceled() {
    for via in Via::sockets() {
        let router = TestRouter::with(&with_timeouts(DEADLINE / 100, DEADLINE * 2)).await;
        let mut alice = Peer::join_via(&router, "alice", via).await;
        let mut bob = Peer::join_via(&router, "bob", via).await;
        bob.register("com.example.add").await;
        let first = alice.call("com.example.add", "").await;
        let second = alice.call("com.example.add", "").await;
        bob.expect_invocation().await;
        bob.expect_invocation().await;
        let going_down = tokio::spawn(router.shut_down());
        let mut canceled = Vec::new();
        for _ in 0..2 {
            let Message::Error(error) = alice.receive().await else { panic!("no ERROR") };
            assert_eq!(error.error, CANCELED);
            canceled.push(error.request.value());
        }
        canceled.sort_unstable();
        assert_eq!(canceled, [first, second]);
        part(&mut alice).await;
        part(&mut bob).await;
        within_deadline("the router is down", going_down).await.unwrap();
    }
}

/// Conformance: SES-10
#[tokio::test]
async fn ses_07_everybody_gets_one_goodbye() {
    let router = TestRouter::with(&with_timeouts(DEADLINE * 2, DEADLINE * 2)).await;
    let mut peers = Vec::new();
    for realm in [STRICT, OTHER] {
        for via in Via::sockets() {
            peers.push(Peer::join_realm(&router, "alice", via, realm).await);
        }
    }
    let mut in_process = Peer::join_via(&router, "bob", IN_PROCESS).await;
    let going_down = tokio::spawn(router.shut_down());
    for alice in &mut peers {
        part(alice).await;
    }
    within_deadline("the router is down", going_down).await.unwrap();
    in_process.expect_goodbye(SYSTEM_SHUTDOWN).await;
    in_process.expect_closed().await;
}

#[tokio::test]
async fn a_hello_that_comes_too_late_is_aborted() {
    let router = TestRouter::with(&with_timeouts(DEADLINE * 2, DEADLINE * 2)).await;
    let mut alice = Peer::join(&router, "alice").await;
    let mut late = Vec::new();
    for via in Via::sockets() {
        late.push(Peer::connect(&router, "carol", via).await);
    }
    let going_down = tokio::spawn(router.shut_down());
    alice.expect_goodbye(SYSTEM_SHUTDOWN).await;
    for carol in &mut late {
        carol.send(&hello(STRICT)).await;
        carol.expect_abort(SYSTEM_SHUTDOWN).await;
    }
    alice.send(&format!(r#"[6,{{}},"{GOODBYE_AND_OUT}"]"#)).await;
    alice.expect_closed().await;
    within_deadline("the router is down", going_down).await.unwrap();
}

#[tokio::test]
async fn a_peer_that_does_not_answer_goodbye_holds_nobody_up() {
    let router = TestRouter::with(&with_timeouts(DEADLINE, DEADLINE / 100)).await;
    let mut alice = Peer::join(&router, "alice").await;
    let _silent = Peer::connect(&router, "bob", Via::json()[1]).await;
    let going_down = tokio::spawn(router.shut_down());
    alice.expect_goodbye(SYSTEM_SHUTDOWN).await;
    within_deadline("the router is down", going_down).await.unwrap();
    alice.expect_closed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_who_joins_at_the_last_moment_is_forgotten() {
    for _ in 0..50 {
        let router = TestRouter::start().await;
        let routes = router.router().clone();
        let joining = tokio::task::spawn_blocking(move || {
            let hello = hello(STRICT).into();
            let mut joined = Vec::new();
            loop {
                let mut peer = routes.connect(SerializerId::Json);
                peer.send(&hello).expect("a fresh transport");
                let answer = peer.try_receive().expect("an answer");
                if !answer.starts_with(b"[2,") {
                    assert!(answer.ends_with(br#""wamp.close.system_shutdown"]"#), "{answer:?}");
                    return joined;
                }
                joined.push(peer);
            }
        });
        router.wait_until("somebody joined", |router| router.sessions() > 0).await;
        router.shut_down().await;
        for mut peer in within_deadline("joining ends", joining).await.unwrap() {
            let goodbye = within_deadline("GOODBYE", peer.receive()).await;
            assert_eq!(goodbye.unwrap(), r#"[6,{},"wamp.close.system_shutdown"]"#);
        }
    }
}

#[tokio::test]
async fn a_dropped_server_takes_its_connections_with_it() {
    let router = TestRouter::start().await;
    let mut alice = Peer::join(&router, "alice").await;
    let routing = router.router().clone();
    drop(router);
    alice.expect_closed().await;
    assert_eq!(routing.sessions(), 0);
}

#[tokio::test]
async fn ses_08_behind_its_goodbye_the_router_says_nothing_to_a_message_of_the_wrong_kind() {
    let mut config = config();
    config.node.close_timeout = DEADLINE;
    let router = TestRouter::with(&config).await;
    let routing = router.router().clone();
    let via = Via(Transport::WebSocket, SerializerId::Json);
    let mut alice = Peer::join_via(&router, "alice", via).await;
    let going_down = tokio::spawn(router.shut_down());
    alice.expect_goodbye(SYSTEM_SHUTDOWN).await;
    alice.send_wrong_kind(b"[99]").await;
    assert_eq!(alice.expect_closed().await, Some(1001));
    within_deadline("the router is down", going_down).await.unwrap();
    assert_eq!(routing.counters().protocol_violations.value(), 0);
}
