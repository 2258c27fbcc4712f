//! The meta API as clients see it: killed sessions and their connections, meta events on every transport, results that
//! do not fit.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper fails the test that uses it")]

use std::time::Duration;

use futures_util::future::join_all;
use trunkline::config::{Config, Limits, Node};
use trunkline_tests::{
    DEADLINE, OTHER, Peer, STRICT, TestRouter, Transport, Via, config, error, event, hello,
};
use wamp_proto::error_uri::{GOODBYE_AND_OUT, KILLED, PAYLOAD_SIZE_EXCEEDED};
use wamp_proto::{Message, MessageCode, SerializerId};

const IN_PROCESS: Via = Via(Transport::InProcess, SerializerId::Json);
const SMALL: Via = Via(Transport::SmallRawSocket, SerializerId::Json);
const WEBSOCKET: Via = Via(Transport::WebSocket, SerializerId::Json);

fn with_close_timeout(close_timeout: Duration) -> Config {
    Config { node: Node { close_timeout, ..Node::default() }, ..config() }
}

/// Joins; returns the session's ID too.
async fn join(router: &TestRouter, name: &str, via: Via) -> (Peer, u64) {
    let mut peer = Peer::connect(router, name, via).await;
    let session = peer.hello(STRICT).await;
    (peer, session)
}

/// Calls a meta procedure; returns what stands behind the Details of its RESULT.
async fn ask(peer: &mut Peer, procedure: &str, arguments: &str) -> String {
    let call = peer.call(procedure, arguments).await;
    let text = peer.receive_text().await;
    let results = text.strip_prefix(&format!("[50,{call},{{}}")).unwrap_or_else(|| panic!("{text}"));
    results.trim_end_matches(']').trim_start_matches(",[").to_owned()
}

#[tokio::test]
async fn meta_ses_05_a_killed_session_says_goodbye_and_its_transport_closes() {
    for via in Via::sockets() {
        let router = TestRouter::with(&with_close_timeout(DEADLINE * 2)).await;
        let (mut alice, _) = join(&router, "alice", WEBSOCKET).await;
        let (mut victim, session) = join(&router, "victim", via).await;
        victim.register("com.example.add").await;
        let kill = format!(r#"[{session}],{{"reason":"com.example.enough","message":"go away"}}"#);
        assert_eq!(ask(&mut alice, "wamp.session.kill", &kill).await, "");
        // It has left before it heard of that.
        assert_eq!(ask(&mut alice, "wamp.session.count", "").await, "1");
        let call = alice.call("wamp.session.get", &format!("[{session}]")).await;
        let [] = alice.expect(&error(48, call, "wamp.error.no_such_session")).await;
        let registered = alice.register("com.example.add").await;
        alice.unregister(registered).await;
        victim.expect_message(r#"[6,{"message":"go away"},"com.example.enough"]"#).await;
        // What it still says counts for nothing, and would be a violation in an open session.
        victim.send_all(&["[70,7,{}]", r#"[6,{},"wamp.close.goodbye_and_out"]"#]).await;
        assert_eq!(victim.expect_closed().await, (via.0 == Transport::WebSocket).then_some(1000));
        assert_eq!(router.router().counters().protocol_violations.value(), 0);
    }
}

#[tokio::test]
async fn meta_ses_10_a_victim_that_does_not_answer_keeps_no_connection() {
    for via in Via::sockets() {
        let router = TestRouter::with(&with_close_timeout(Duration::from_millis(1))).await;
        let (mut alice, _) = join(&router, "alice", WEBSOCKET).await;
        let (mut victim, session) = join(&router, "victim", via).await;
        ask(&mut alice, "wamp.session.kill", &format!("[{session}]")).await;
        victim.expect_goodbye(KILLED).await;
        assert_eq!(victim.expect_closed().await, (via.0 == Transport::WebSocket).then_some(1000));
    }
}

#[tokio::test]
async fn meta_ses_10_a_victim_that_reads_nothing_keeps_no_connection() {
    // Far more than the sockets take, and less than the outbox does.
    const EVENTS: usize = 40;
    let payload = format!("[\"{}\"]", "x".repeat(1_000_000));
    for via in Via::json() {
        let router = TestRouter::with(&Config {
            limits: Limits { outbox_max_bytes: 1 << 30, ..Limits::default() },
            ..with_close_timeout(Duration::from_millis(1))
        })
        .await;
        let (mut alice, _) = join(&router, "alice", WEBSOCKET).await;
        let (mut victim, session) = join(&router, "victim", via).await;
        victim.subscribe("com.example.flood").await;
        let unread = victim.into_stream();
        for _ in 0..EVENTS {
            alice.publish_acknowledged("com.example.flood", &payload).await;
        }
        ask(&mut alice, "wamp.session.kill", &format!("[{session}]")).await;
        router
            .wait_until("the connection is given up", |router| {
                router.counters().stalled_sessions.value() == 1
            })
            .await;
        assert_eq!(router.router().counters().slow_consumers.value(), 0);
        drop(unread);
    }
}

#[tokio::test]
async fn meta_ses_05_an_in_process_session_ends_too() {
    let router = TestRouter::start().await;
    let (mut alice, _) = join(&router, "alice", WEBSOCKET).await;
    let (mut victim, session) = join(&router, "victim", IN_PROCESS).await;
    ask(&mut alice, "wamp.session.kill", &format!("[{session}]")).await;
    victim.expect_goodbye(KILLED).await;
    victim.expect_closed().await;
}

/// Conformance: SES-09
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn meta_ses_05_who_leaves_while_it_is_killed_gets_one_goodbye() {
    let router = TestRouter::with(&with_close_timeout(DEADLINE * 2)).await;
    let rounds = (0..20).map(async |round| {
        let (mut alice, _) = join(&router, "alice", IN_PROCESS).await;
        let (mut victim, session) = join(&router, "victim", Via::json()[round % 2]).await;
        alice.call("wamp.session.kill", &format!("[{session}]")).await;
        victim.send(r#"[6,{},"wamp.close.close_realm"]"#).await;
        let Message::Goodbye(goodbye) = victim.receive().await else { panic!("no GOODBYE") };
        match &*goodbye.reason {
            KILLED => _ = victim.expect_closed().await,
            // It was the answer to the victim's own. The transport may carry another session.
            GOODBYE_AND_OUT => {
                victim.send(&hello(STRICT)).await;
                victim.expect_welcome().await;
            }
            other => panic!("{other}"),
        }
    });
    join_all(rounds).await;
}

#[tokio::test]
async fn meta_ses_05_a_message_too_long_for_the_victim_is_left_out() {
    let router = TestRouter::start().await;
    let (mut alice, _) = join(&router, "alice", WEBSOCKET).await;
    let (mut victim, session) = join(&router, "victim", SMALL).await;
    let kill = format!(r#"[{session}],{{"message":"{}"}}"#, "x".repeat(1000));
    ask(&mut alice, "wamp.session.kill", &kill).await;
    victim.expect_goodbye(KILLED).await;
}

/// Conformance: META-SES-02
#[tokio::test]
async fn meta_ses_01_members_of_the_realm_learn_who_comes_and_goes_in_every_serializer() {
    for via in Via::sockets() {
        let router = TestRouter::start().await;
        let (mut alice, _) = join(&router, "alice", via).await;
        let joined = alice.subscribe("wamp.session.on_join").await;
        let left = alice.subscribe("wamp.session.on_leave").await;
        Peer::join_realm(&router, "stranger", via, OTHER).await;
        let mut bob = Peer::connect(&router, "bob", via).await;
        bob.send(&hello(STRICT)).await;
        let welcome = bob.expect_welcome().await;
        let (session, authid) = (welcome.session, welcome.details.authid.clone().unwrap());
        let details = format!(
            r#"{{"session":{session},"authid":"{authid}","authrole":"anonymous","authmethod":"anonymous","authprovider":"static"}}"#
        );
        let [_] = alice.expect(&event(joined, &format!("[{details}]"))).await;
        assert_eq!(ask(&mut alice, "wamp.session.get", &format!("[{session}]")).await, details);
        // Lost, without a word.
        drop(bob);
        let [_] = alice.expect(&event(left, &format!(r#"[{session},"{authid}","anonymous"]"#))).await;
        alice.expect_silence().await;
    }
}

#[tokio::test]
async fn tst_04_a_lost_connection_leaves_its_testaments_behind() {
    for via in Via::sockets() {
        let router = TestRouter::start().await;
        let (mut alice, _) = join(&router, "alice", via).await;
        let gone = alice.subscribe("com.example.gone").await;
        let (mut bob, _) = join(&router, "bob", via).await;
        let testament = r#"["com.example.gone",["bob",1.5],{"why":null}]"#;
        assert_eq!(ask(&mut bob, "wamp.session.add_testament", testament).await, "");
        assert_eq!(router.router().holdings(STRICT).unwrap().testaments, 1);
        drop(bob);
        let [_] = alice.expect(&event(gone, r#"["bob",1.5],{"why":null}"#)).await;
        drop(alice);
        router.wait_until_empty().await;
    }
}

#[tokio::test]
async fn meta_reg_04_a_list_that_does_not_fit_is_an_error_and_the_session_lives_on() {
    let router = TestRouter::start().await;
    let (mut bob, _) = join(&router, "bob", WEBSOCKET).await;
    let mut last = 0;
    for number in 0..300 {
        last = bob.register(&format!("com.example.procedure{number}")).await;
    }
    let (mut alice, _) = join(&router, "alice", SMALL).await;
    let call = alice.call("wamp.registration.list", "").await;
    alice.expect_error(MessageCode::Call, call, PAYLOAD_SIZE_EXCEEDED).await;
    let count = ask(&mut alice, "wamp.registration.count_callees", &format!("[{last}]")).await;
    assert_eq!(count, "1");
    // It fits where there is room.
    let list = ask(&mut bob, "wamp.registration.list", "").await;
    assert!(list.contains(&format!(",{last}],\"prefix\":[],\"wildcard\":[]")), "{list}");
}

#[tokio::test]
async fn meta_ses_07_the_killed_leave_in_the_order_in_which_they_were_killed() {
    let router = TestRouter::start().await;
    let (mut alice, _) = join(&router, "alice", WEBSOCKET).await;
    let mut victims = Vec::new();
    for _ in 0..3 {
        let mut victim = Peer::connect_as(&router, "bob", "anonymous");
        victims.push((victim.hello(STRICT).await, victim));
    }
    let left = alice.subscribe("wamp.session.on_leave").await;
    let killed = ask(&mut alice, "wamp.session.kill_by_authid", r#"["bob"]"#).await;
    let sessions: Vec<_> = victims.iter().map(|(session, _)| session.to_string()).collect();
    assert_eq!(killed, format!("[{}", sessions.join(",")));
    for session in sessions {
        let [_] = alice.expect(&event(left, &format!(r#"[{session},"bob","anonymous"]"#))).await;
    }
}

/// Conformance: SES-14
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn meta_ses_09_kill_all_leaves_nothing_behind_but_the_caller() {
    let router = TestRouter::start().await;
    let mut victims = Vec::new();
    for (number, via) in Via::sockets().chain([IN_PROCESS; 4]).enumerate() {
        let (mut victim, _) = join(&router, "victim", via).await;
        victim.subscribe("com.example.tick").await;
        victim.register(&format!("com.example.procedure{number}")).await;
        victim.call("com.example.procedure0", "").await;
        ask_for_testament(&mut victim).await;
        victims.push(victim);
    }
    let (mut alice, _) = join(&router, "alice", WEBSOCKET).await;
    alice.subscribe("wamp.session.on_leave").await;
    alice.subscribe("com.example.gone").await;
    let kill_all = ask(&mut alice, "wamp.session.kill_all", r#"["com.example.enough"]"#).await;
    assert_eq!(kill_all, victims.len().to_string());
    assert_eq!(router.router().sessions(), 1);
    for victim in &mut victims {
        // Whatever it was told before: its own calls, and those of others to the first procedure.
        while !victim.receive_text().await.starts_with(r#"[6,{},"com.example.enough"]"#) {}
    }
    alice.expect_silence().await;
    drop(alice);
    router.wait_until_empty().await;
}

/// Leaves a testament, whatever else comes in the meantime.
async fn ask_for_testament(peer: &mut Peer) {
    let call = peer.call("wamp.session.add_testament", r#"["com.example.gone",[],{}]"#).await;
    while peer.receive_text().await != format!("[50,{call},{{}}]") {}
}
