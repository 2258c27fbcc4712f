//! Opening and ending sessions, and what breaks the protocol in between.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper fails the test that uses it")]

use std::collections::BTreeSet;

use bytes::Bytes;
use futures_util::future::join_all;
use trunkline::config::{Limits, Listener};
use trunkline_tests::{
    DEADLINE, OTHER, Peer, RELAXED, STRICT, TestRouter, Transport, Via, config, error, event, hello,
    within_deadline,
};
use wamp_proto::error_uri::{
    CANCELED, GOODBYE_AND_OUT, INVALID_URI, NO_MATCHING_AUTH_METHOD, NO_SUCH_PROCEDURE, NO_SUCH_REALM,
    NO_SUCH_SUBSCRIPTION, PROTOCOL_VIOLATION, SYSTEM_SHUTDOWN,
};
use wamp_proto::{Message, MessageCode, SerializerId};

const RAW_JSON: Via = Via(Transport::RawSocket, SerializerId::Json);

/// Every kind of request, with this request ID.
fn requests(request: u64) -> [String; 6] {
    [
        format!(r#"[16,{request},{{}},"com.example.tick"]"#),
        format!(r#"[32,{request},{{}},"com.example.tick"]"#),
        format!("[34,{request},1]"),
        format!(r#"[48,{request},{{}},"com.example.add"]"#),
        format!(r#"[64,{request},{{}},"com.example.add"]"#),
        format!("[66,{request},1]"),
    ]
}

/// Messages that only a router sends.
const OF_ROUTERS: [&str; 11] = [
    r#"[2,1,{"roles":{"broker":{"features":{}}}}]"#,
    r#"[4,"ticket",{}]"#,
    "[17,1,2]",
    "[33,1,2]",
    "[35,1]",
    "[36,1,2,{}]",
    "[50,1,{}]",
    "[65,1,2]",
    "[67,1]",
    "[68,1,2,{}]",
    "[69,1,{}]",
];

#[tokio::test]
async fn ses_01_hello_is_answered_first_and_with_welcome() {
    let router = TestRouter::start().await;
    for via in Via::sockets() {
        let mut alice = Peer::connect(&router, "alice", via).await;
        // The router says nothing before.
        alice.expect_pong(b"anybody there?").await;
        let session = alice.hello(STRICT).await;
        assert!((1..=1 << 53).contains(&session));
        alice.expect_silence().await;
    }
}

#[tokio::test]
async fn ses_02_hello_without_a_role_is_aborted() {
    let router = TestRouter::start().await;
    for details in [
        "{}",
        r#"{"roles":{}}"#,
        r#"{"roles":{"broker":{}}}"#,
        r#"{"roles":{"caller":1}}"#,
        r#"{"roles":{"caller":null}}"#,
        r#"{"roles":["caller"]}"#,
        r#"{"roles":null}"#,
    ] {
        let mut mallory = Peer::connect(&router, "mallory", RAW_JSON).await;
        mallory.send(&format!(r#"[1,"{STRICT}",{details}]"#)).await;
        mallory.expect_abort(PROTOCOL_VIOLATION).await;
    }
    assert_eq!(router.router().counters().sessions_joined.value(), 0);
}

#[tokio::test]
async fn ses_02_one_role_of_any_kind_is_enough() {
    let router = TestRouter::start().await;
    for role in ["publisher", "subscriber", "caller", "callee"] {
        let mut alice = Peer::connect(&router, "alice", RAW_JSON).await;
        alice.send(&format!(r#"[1,"{STRICT}",{{"roles":{{"{role}":{{}}}}}}]"#)).await;
        alice.expect_welcome().await;
    }
}

#[tokio::test]
async fn ses_03_welcome_names_broker_and_dealer_with_nested_features() {
    let router = TestRouter::start().await;
    for via in Via::serializers() {
        let mut alice = Peer::connect(&router, "alice", via).await;
        alice.send(&hello(STRICT)).await;
        let welcome = alice.receive_text().await;
        let roles = r#""roles":{"broker":{"features":{"publisher_identification":true"#;
        assert!(welcome.contains(roles), "{welcome}");
        assert!(welcome.contains(r#"},"dealer":{"features":{"#), "{welcome}");
    }
}

/// The feature keys of the specification, each with the row that stands for its feature.
const BROKER_FEATURES: [(&str, &str); 13] = [
    ("publisher_identification", "PID-01"),
    ("publisher_exclusion", "EXC-01"),
    ("subscriber_blackwhite_listing", "BWL-01"),
    ("pattern_based_subscription", "PBS-01"),
    ("publication_trustlevels", "TRL-01"),
    ("subscription_meta_api", "META-SUB-01"),
    ("session_meta_api", "META-SES-01"),
    ("event_history", "HIS-01"),
    ("event_retention", "RET-01"),
    ("subscription_revocation", "SRV-01"),
    ("shareded_subscriptions", "SHS-01"),
    ("payload_passthru_mode", "PPT-01"),
    ("payload_transparency", "TV-04"),
];

const DEALER_FEATURES: [(&str, &str); 18] = [
    ("progressive_call_results", "PCR-01"),
    ("progressive_call_invocations", "PCI-01"),
    ("call_canceling", "CAN-01"),
    ("call_timeout", "TMO-01"),
    ("caller_identification", "CID-01"),
    ("call_trustlevels", "TRL-01"),
    ("pattern_based_registration", "PBR-01"),
    ("shared_registration", "SHR-01"),
    ("sharded_registration", "SRD-01"),
    ("registration_revocation", "RRV-01"),
    ("registration_meta_api", "META-REG-01"),
    ("session_meta_api", "META-SES-01"),
    ("testament_meta_api", "TST-01"),
    ("call_reroute", "RRT-01"),
    ("payload_passthru_mode", "PPT-01"),
    ("payload_transparency", "TV-04"),
    ("_invoke_all", "SHR-01"),
    ("_invoke_leastbusy", "SHR-01"),
];

/// Whether the checklist says that we have what the row asks for.
fn is_implemented(row: &str) -> bool {
    let line = include_str!("../conformance.tsv")
        .lines()
        .find(|line| line.split('\t').next() == Some(row))
        .unwrap_or_else(|| panic!("no row {row}"));
    matches!(line.split('\t').nth(3), Some("due" | "partial"))
}

fn implemented(features: &[(&'static str, &str)]) -> BTreeSet<&'static str> {
    features.iter().filter(|(_, row)| is_implemented(row)).map(|(key, _)| *key).collect()
}

/// The keys of the JSON object behind `"role":{"features":`, all of which are `true`.
fn announced(welcome: &str, role: &str) -> BTreeSet<String> {
    let (_, rest) = welcome.split_once(&format!(r#""{role}":{{"features":{{"#)).expect("the role");
    let (features, _) = rest.split_once('}').expect("an object");
    let keys = features.split(',').filter(|entry| !entry.is_empty());
    keys.map(|entry| entry.strip_suffix(":true").expect("true").trim_matches('"').to_owned()).collect()
}

/// Conformance: FEAT-02, FEAT-08, PCR-07
#[tokio::test]
async fn feat_01_welcome_announces_exactly_what_the_checklist_shows_as_implemented() {
    let router = TestRouter::start().await;
    let mut alice = Peer::connect(&router, "alice", RAW_JSON).await;
    alice.send(&hello(STRICT)).await;
    let welcome = alice.receive_text().await;
    let expected = |features| implemented(features).into_iter().map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(announced(&welcome, "broker"), expected(&BROKER_FEATURES));
    assert_eq!(announced(&welcome, "dealer"), expected(&DEALER_FEATURES));
    assert!(implemented(&BROKER_FEATURES).contains("publisher_exclusion"), "the checklist is read");
}

#[tokio::test]
async fn feat_07_either_spelling_of_call_canceling_is_understood() {
    let router = TestRouter::start().await;
    for key in ["call_canceling", "call_cancelling"] {
        let mut callee = Peer::connect(&router, "callee", RAW_JSON).await;
        let roles = format!(r#"{{"roles":{{"callee":{{"features":{{"{key}":true}}}}}}}}"#);
        callee.send(&format!(r#"[1,"{STRICT}",{roles}]"#)).await;
        callee.expect_welcome().await;
        callee.register(&format!("com.example.{key}")).await;
        let mut caller = Peer::join(&router, "caller").await;
        let call = caller.call(&format!("com.example.{key}"), "").await;
        let invocation = callee.expect_invocation().await;
        caller.send(&format!(r#"[49,{call},{{}}]"#)).await;
        caller.expect_error(MessageCode::Call, call, CANCELED).await;
        callee.expect_message(&format!(r#"[69,{},{{"mode":"killnowait"}}]"#, invocation.request)).await;
    }
}

/// Conformance: META-SES-02, TST-04
#[tokio::test]
async fn pv_09_a_violation_ends_as_any_other_leaving() {
    let router = TestRouter::start().await;
    let mut watcher = Peer::join(&router, "watcher").await;
    let left = watcher.subscribe("wamp.session.on_leave").await;
    let will = watcher.subscribe("com.example.will").await;
    let mut mallory = Peer::connect(&router, "mallory", RAW_JSON).await;
    let session = mallory.hello(STRICT).await;
    let call = mallory.call("wamp.session.add_testament", r#"["com.example.will",["gone"],{}]"#).await;
    mallory.expect_result(call).await;
    mallory.send(r#"[2,1,{}]"#).await;
    mallory.expect_abort(PROTOCOL_VIOLATION).await;
    let [_] = watcher.expect(&event(will, r#"["gone"]"#)).await;
    let on_leave = watcher.receive_text().await;
    assert!(on_leave.starts_with(&format!("[36,{left},")), "{on_leave}");
    assert!(on_leave.contains(&format!("[{session},")), "{on_leave}");
}

#[tokio::test]
async fn ses_04_agent_is_optional_in_hello_and_sent_in_welcome() {
    let router = TestRouter::start().await;
    for agent in ["", r#""agent":"a-client/1.0","#] {
        let mut alice = Peer::connect(&router, "alice", RAW_JSON).await;
        alice.send(&format!(r#"[1,"{STRICT}",{{{agent}"roles":{{"caller":{{}}}}}}]"#)).await;
        let welcome = alice.expect_welcome().await;
        assert!(welcome.details.agent.as_deref().is_some_and(|agent| agent.starts_with("Trunkline/")));
    }
    let mut mallory = Peer::connect(&router, "mallory", RAW_JSON).await;
    mallory.send(&format!(r#"[1,"{STRICT}",{{"agent":7,"roles":{{"caller":{{}}}}}}]"#)).await;
    mallory.expect_abort(PROTOCOL_VIOLATION).await;
}

#[tokio::test]
async fn ses_05_an_unknown_realm_is_aborted_with_no_such_realm() {
    let router = TestRouter::start().await;
    for via in Via::sockets() {
        let mut alice = Peer::connect(&router, "alice", via).await;
        alice.send(&hello("com.example.nowhere")).await;
        alice.expect_abort(NO_SUCH_REALM).await;
    }
    assert_eq!(router.router().counters().joins_refused.value(), 6);
    assert_eq!(router.router().counters().protocol_violations.value(), 0);
}

#[tokio::test]
async fn ses_06_welcome_precedes_the_answers_to_requests_sent_along_with_hello() {
    let router = TestRouter::start().await;
    for via in Via::sockets() {
        let mut alice = Peer::connect(&router, "alice", via).await;
        let hello = hello(STRICT);
        alice
            .send_all(&[
                &hello,
                r#"[32,1,{},"com.example.tick"]"#,
                r#"[16,2,{"exclude_me":false},"com.example.tick",[7]]"#,
            ])
            .await;
        alice.expect_welcome().await;
        let [tick] = alice.expect("[33,1,#]").await;
        let [_] = alice.expect(&event(tick, "[7]")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ord_07_welcome_precedes_events_that_race_with_joining() {
    let router = TestRouter::start().await;
    let mut bob = Peer::join(&router, "bob").await;
    let hello = hello(STRICT);
    for round in 0..50 {
        let mut alice = Peer::connect(&router, "alice", RAW_JSON).await;
        let joining = async {
            alice.send_all(&[&hello, r#"[32,1,{},"com.example.tick"]"#]).await;
            alice.expect_welcome().await;
            let [tick] = alice.expect("[33,1,#]").await;
            (alice, tick)
        };
        let publishing = async {
            for _ in 0..10 {
                bob.publish("com.example.tick", &format!("[{round}]")).await;
            }
            bob.expect_silence().await;
        };
        let ((mut alice, tick), ()) = tokio::join!(joining, publishing);
        bob.publish("com.example.tick", r#"["last"]"#).await;
        // Whatever raced is an EVENT of this round, up to the last.
        loop {
            let event = alice.expect_event().await;
            assert_eq!(event.subscription.value(), tick);
            if &event.payload.raw()[..] == br#"["last"]"# {
                break;
            }
            assert_eq!(event.payload.raw(), format!("[{round}]").as_bytes());
        }
    }
}

/// Conformance: SES-10, ERR-02
#[tokio::test]
async fn ses_07_goodbye_is_answered_by_exactly_one_goodbye() {
    let router = TestRouter::start().await;
    let mut peers = Vec::new();
    for via in Via::sockets() {
        let mut alice = Peer::join_via(&router, "alice", via).await;
        for goodbye in [
            r#"[6,{},"wamp.close.close_realm"]"#,
            r#"[6,{"message":"that was it"},"wamp.close.normal"]"#,
            r#"[6,{},"wamp.close.killed"]"#,
        ] {
            alice.send(goodbye).await;
            alice.expect_goodbye(GOODBYE_AND_OUT).await;
            // WELCOME is the next message: there was no second GOODBYE.
            alice.hello(STRICT).await;
        }
        peers.push(alice);
    }
    assert_eq!(router.router().sessions(), peers.len());
}

/// Conformance: SES-10, ERR-02
#[tokio::test]
async fn ses_07_the_answer_to_the_routers_goodbye_is_not_answered() {
    for via in Via::sockets() {
        let router = TestRouter::start().await;
        let mut alice = Peer::join_via(&router, "alice", via).await;
        let going_down = tokio::spawn(router.shut_down());
        alice.expect_goodbye(SYSTEM_SHUTDOWN).await;
        alice.send(r#"[6,{},"wamp.close.goodbye_and_out"]"#).await;
        let code = alice.expect_closed().await;
        assert_eq!(code, (via.0 == Transport::WebSocket).then_some(1001));
        within_deadline("the router is down", going_down).await.unwrap();
    }
}

#[tokio::test]
async fn ses_08_after_its_goodbye_the_router_ignores_everything_but_goodbye() {
    for via in Via::sockets() {
        let mut config = config();
        config.node.close_timeout = DEADLINE;
        let router = TestRouter::with(&config).await;
        let mut alice = Peer::join_via(&router, "alice", via).await;
        alice.subscribe("com.example.tick").await;
        let going_down = tokio::spawn(router.shut_down());
        alice.expect_goodbye(SYSTEM_SHUTDOWN).await;
        alice
            .send_all(&[
                r#"[16,2,{"acknowledge":true,"exclude_me":false},"com.example.tick"]"#,
                r#"[48,3,{},"com.example.add"]"#,
                // Each of these would be a violation in an open session.
                r#"[48,3,{},"com.example.add"]"#,
                "[70,7,{}]",
                "[36,1,2,{}]",
                "[99]",
                "[]",
                r#"[6,{},"wamp.close.goodbye_and_out"]"#,
            ])
            .await;
        alice.expect_closed().await;
        within_deadline("the router is down", going_down).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ses_09_simultaneous_goodbyes_answer_each_other() {
    // Side by side, since a transport without a session stays open for as long as the router allows.
    let rounds = (0..20).map(async |round| {
        let router = TestRouter::start().await;
        let mut alice = Peer::join_via(&router, "alice", Via::json()[round % 2]).await;
        let going_down = tokio::spawn(router.shut_down());
        alice.send(r#"[6,{},"wamp.close.close_realm"]"#).await;
        // Either the router's own, or the answer to alice's; never both.
        let Message::Goodbye(goodbye) = alice.receive().await else { panic!("no GOODBYE") };
        assert!([SYSTEM_SHUTDOWN, GOODBYE_AND_OUT].contains(&&*goodbye.reason), "{goodbye:?}");
        alice.expect_closed().await;
        within_deadline("the router is down", going_down).await.unwrap();
    });
    join_all(rounds).await;
}

/// Conformance: MSG-05
#[tokio::test]
async fn ses_11_abort_is_terminal_and_never_answered() {
    let router = TestRouter::start().await;
    for via in Via::sockets() {
        for abort in [
            r#"[3,{},"com.example.error.tired"]"#,
            r#"[3,{"message":"why"},"com.example.error.tired",["args"]]"#,
            r#"[3,{},"com.example.error.tired",["args"],{"and":"kwargs"}]"#,
        ] {
            let mut alice = Peer::connect(&router, "alice", via).await;
            alice.send_all(&[abort, &hello(STRICT)]).await;
            alice.expect_closed().await;

            let mut bob = Peer::join_via(&router, "bob", via).await;
            bob.subscribe("com.example.tick").await;
            bob.send_all(&[abort, r#"[32,2,{},"com.example.tock"]"#]).await;
            bob.expect_closed().await;
        }
    }
    router.wait_until_empty().await;
    assert_eq!(router.router().counters().protocol_violations.value(), 0);
}

/// Conformance: PV-01
#[tokio::test]
async fn ses_13_authenticate_without_a_challenge_is_a_violation() {
    let router = TestRouter::start().await;
    for via in Via::sockets() {
        let mut mallory = Peer::connect(&router, "mallory", via).await;
        mallory.send(r#"[5,"secret",{}]"#).await;
        mallory.expect_abort(PROTOCOL_VIOLATION).await;
        let mut trudy = Peer::join_via(&router, "trudy", via).await;
        trudy.send(r#"[5,"secret",{}]"#).await;
        trudy.expect_abort(PROTOCOL_VIOLATION).await;
    }
    router.wait_until_empty().await;
}

#[tokio::test]
async fn ses_14_transport_loss_releases_everything_the_session_held() {
    let router = TestRouter::start().await;
    for via in Via::sockets() {
        for is_abrupt in [false, true] {
            let mut alice = Peer::join_via(&router, "alice", via).await;
            let mut bob = Peer::join_via(&router, "bob", via).await;
            alice.subscribe("com.example.tick").await;
            alice.register("com.example.add").await;
            bob.register("com.example.sub").await;
            let waiting = bob.call("com.example.add", "[1,2]").await;
            alice.expect_invocation().await;
            alice.call("com.example.sub", "[1,2]").await;
            let orphaned = bob.expect_invocation().await;

            let socket = alice.into_stream();
            if is_abrupt {
                socket.set_zero_linger().expect("a TCP socket");
            }
            drop(socket);
            bob.expect_error(MessageCode::Call, waiting, CANCELED).await;
            bob.register("com.example.add").await;
            bob.answer(&orphaned, "[-1]").await;
            bob.expect_silence().await;
            let left = router.router().holdings(STRICT).unwrap();
            assert_eq!((left.subscriptions, left.registrations, left.open_calls), (0, 2, 0));
            drop(bob);
            router.wait_until_empty().await;
        }
    }
}

#[tokio::test]
async fn ses_15_subscriptions_and_registrations_do_not_cross_realms() {
    let router = TestRouter::start().await;
    let mut alice = Peer::join_realm(&router, "alice", RAW_JSON, STRICT).await;
    let mut bob = Peer::join_realm(&router, "bob", RAW_JSON, OTHER).await;
    let tick = alice.subscribe("com.example.tick").await;
    alice.register("com.example.add").await;

    bob.publish_acknowledged("com.example.tick", "[7]").await;
    let call = bob.call("com.example.add", "").await;
    bob.expect_error(MessageCode::Call, call, NO_SUCH_PROCEDURE).await;
    bob.register("com.example.add").await;
    let request = bob.next_request();
    bob.send(&format!("[34,{request},{tick}]")).await;
    bob.expect_error(MessageCode::Unsubscribe, request, NO_SUCH_SUBSCRIPTION).await;

    // Neither an EVENT nor an INVOCATION came to alice, and her subscription stands.
    alice.expect_silence().await;
    let mut carol = Peer::join(&router, "carol").await;
    carol.publish("com.example.tick", "[8]").await;
    let [_] = alice.expect(&event(tick, "[8]")).await;
}

#[tokio::test]
async fn ses_15_subscriptions_and_registrations_do_not_outlive_the_session() {
    let router = TestRouter::start().await;
    let mut bob = Peer::join(&router, "bob").await;
    for via in Via::json() {
        let mut alice = Peer::join_via(&router, "alice", via).await;
        alice.subscribe("com.example.tick").await;
        alice.register("com.example.add").await;
        alice.send(r#"[6,{},"wamp.close.close_realm"]"#).await;
        alice.expect_goodbye(GOODBYE_AND_OUT).await;
        // A new session on the very same transport has nothing of the old one.
        alice.hello(STRICT).await;
        bob.publish_acknowledged("com.example.tick", "[7]").await;
        let call = bob.call("com.example.add", "").await;
        bob.expect_error(MessageCode::Call, call, NO_SUCH_PROCEDURE).await;
        alice.expect_silence().await;
    }
}

fn impatient() -> trunkline::config::Config {
    let mut config = config();
    let listener = config.listeners.remove(0);
    config.listeners = vec![Listener { handshake_timeout: DEADLINE / 10, ..listener }];
    config
}

#[tokio::test]
async fn ses_16_a_peer_without_a_handshake_is_closed_in_time() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let router = TestRouter::with(&impatient()).await;
    let beginnings = [&b""[..], b"\x7f\xf1", b"GET /ws HTTP/1.1\r\nHost: x\r\n"];
    let peers = beginnings.map(async |octets| {
        let mut socket = tokio::net::TcpStream::connect(router.address()).await.unwrap();
        socket.write_all(octets).await.unwrap();
        let mut answer = Vec::new();
        // An HTTP peer may be told why. A reset counts as an end too.
        let _reset = within_deadline("the router closes", socket.read_to_end(&mut answer)).await;
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"), "{answer:?}");
    });
    join_all(peers).await;
    router
        .wait_until("all are counted", |router| {
            let counters = router.counters();
            counters.handshakes_timed_out.value() + counters.handshakes_refused.value() == 3
        })
        .await;
    assert!(router.router().counters().handshakes_timed_out.value() >= 2);
}

#[tokio::test]
async fn ses_16_a_peer_without_hello_is_closed_in_time() {
    let router = TestRouter::with(&impatient()).await;
    let peers = Via::sockets().map(async |via| {
        let mut alice = Peer::connect(&router, "alice", via).await;
        let code = alice.expect_closed().await;
        assert_eq!(code, (via.0 == Transport::WebSocket).then_some(1000));
    });
    join_all(peers).await;
    assert_eq!(router.router().counters().handshakes_timed_out.value(), 6);
}

#[tokio::test]
async fn ses_16_a_peer_without_a_second_hello_is_closed_in_time() {
    let router = TestRouter::with(&impatient()).await;
    let peers = Via::sockets().map(async |via| {
        let mut alice = Peer::join_via(&router, "alice", via).await;
        alice.send(r#"[6,{},"wamp.close.close_realm"]"#).await;
        alice.expect_goodbye(GOODBYE_AND_OUT).await;
        alice.expect_closed().await;
    });
    join_all(peers).await;
    assert_eq!(router.router().counters().handshakes_timed_out.value(), 6);
}

#[tokio::test]
async fn ses_16_a_peer_that_does_not_read_its_goodbye_is_closed_in_time() {
    let mut config = impatient();
    config.limits.outbox_max_bytes = 32 << 20;
    let router = TestRouter::with(&config).await;
    let mut alice = Peer::join_via(&router, "alice", RAW_JSON).await;
    alice.subscribe("com.example.tick").await;
    let mut bob = Peer::join(&router, "bob").await;
    // More than the kernels take for alice, less than her outbox does.
    let large = format!(r#"["{}"]"#, "x".repeat(256 * 1024));
    for _ in 0..96 {
        bob.publish("com.example.tick", &large).await;
    }
    bob.expect_silence().await;
    alice.send(r#"[6,{},"wamp.close.close_realm"]"#).await;
    router.wait_until("alice left", |router| router.sessions() == 1).await;
    router.wait_until("alice is closed", |router| router.counters().handshakes_timed_out.value() == 1).await;
    bob.expect_silence().await;
}

/// Conformance: WS-05
#[tokio::test]
async fn id_07_a_second_session_on_a_transport_starts_anew() {
    let router = TestRouter::start().await;
    let mut bob = Peer::join_realm(&router, "bob", RAW_JSON, OTHER).await;
    for via in Via::sockets() {
        let mut alice = Peer::join_via(&router, "alice", via).await;
        alice.register("com.example.add").await;
        for _ in 0..2 {
            let call = alice.call("com.example.add", "").await;
            let invocation = alice.expect_invocation().await;
            alice.answer(&invocation, "").await;
            alice.expect_result(call).await;
        }
        alice.send(r#"[6,{},"wamp.close.close_realm"]"#).await;
        alice.expect_goodbye(GOODBYE_AND_OUT).await;

        // Another realm, and both counters at 1: strict realms take no other request ID.
        alice.hello(OTHER).await;
        alice.send(r#"[64,1,{},"com.example.add"]"#).await;
        let [registration] = alice.expect("[65,1,#]").await;
        let call = bob.call("com.example.add", "").await;
        let invocation = alice.expect_invocation().await;
        assert_eq!(invocation.request.value(), 1, "{via}");
        alice.answer(&invocation, "").await;
        bob.expect_result(call).await;
        alice.unregister(registration).await;
    }
}

#[tokio::test]
async fn pv_01_a_second_hello_ends_the_session() {
    let router = TestRouter::start().await;
    for via in Via::sockets() {
        let mut mallory = Peer::join_via(&router, "mallory", via).await;
        mallory.subscribe("com.example.tick").await;
        mallory.register("com.example.add").await;
        mallory.send(&hello(STRICT)).await;
        mallory.expect_abort(PROTOCOL_VIOLATION).await;
        router.wait_until_empty().await;
    }
    assert_eq!(router.router().counters().protocol_violations.value(), 6);
}

#[tokio::test]
async fn pv_03_goodbye_and_error_before_welcome_are_violations() {
    let router = TestRouter::start().await;
    for via in Via::sockets() {
        for message in [r#"[6,{},"wamp.close.close_realm"]"#, r#"[8,68,1,{},"com.example.error"]"#] {
            let mut mallory = Peer::connect(&router, "mallory", via).await;
            mallory.send_all(&[message, &hello(STRICT)]).await;
            mallory.expect_abort(PROTOCOL_VIOLATION).await;
        }
    }
}

/// Conformance: SES-01
#[tokio::test]
async fn pv_04_requests_before_hello_are_violations() {
    let router = TestRouter::start().await;
    let [publish, subscribe, unsubscribe, call, register, unregister] = requests(1);
    for via in Via::json() {
        for message in [&publish, &subscribe, &unsubscribe, &call, &register, &unregister] {
            let mut mallory = Peer::connect(&router, "mallory", via).await;
            mallory.send(message).await;
            mallory.expect_abort(PROTOCOL_VIOLATION).await;
        }
        for message in OF_ROUTERS.into_iter().chain(["[49,1,{}]", "[70,1,{}]"]) {
            let mut mallory = Peer::connect(&router, "mallory", via).await;
            mallory.send(message).await;
            mallory.expect_abort(PROTOCOL_VIOLATION).await;
        }
    }
    let counters = router.router().counters();
    assert_eq!((counters.sessions_joined.value(), counters.protocol_violations.value()), (0, 38));
}

#[tokio::test]
async fn msg_10_messages_of_routers_are_violations() {
    let router = TestRouter::start().await;
    for via in Via::serializers() {
        for message in OF_ROUTERS {
            let mut mallory = Peer::join_via(&router, "mallory", via).await;
            mallory.send(message).await;
            mallory.expect_abort(PROTOCOL_VIOLATION).await;
        }
    }
}

#[tokio::test]
async fn pv_05_an_error_for_anything_but_an_invocation_is_a_violation() {
    let router = TestRouter::start().await;
    for request_type in [0, 1, 16, 32, 34, 48, 64, 66, 70, 255] {
        let mut mallory = Peer::join_via(&router, "mallory", RAW_JSON).await;
        mallory.register("com.example.add").await;
        mallory.call("com.example.add", "").await;
        mallory.expect_invocation().await;
        mallory.send(&format!(r#"[8,{request_type},1,{{}},"com.example.error"]"#)).await;
        mallory.expect_abort(PROTOCOL_VIOLATION).await;
    }
}

#[tokio::test]
async fn pv_06_answers_to_invocations_that_were_never_issued_are_violations() {
    let router = TestRouter::start().await;
    for realm in [STRICT, RELAXED] {
        for answer in ["[70,2,{}]", r#"[8,68,2,{},"com.example.error"]"#] {
            // Before any INVOCATION, and above the last one.
            let mut mallory = Peer::join_realm(&router, "mallory", RAW_JSON, realm).await;
            mallory.send(answer).await;
            mallory.expect_abort(PROTOCOL_VIOLATION).await;

            let mut trudy = Peer::join_realm(&router, "trudy", RAW_JSON, realm).await;
            trudy.register("com.example.add").await;
            trudy.call("com.example.add", "").await;
            assert_eq!(trudy.expect_invocation().await.request.value(), 1);
            trudy.send(answer).await;
            trudy.expect_abort(PROTOCOL_VIOLATION).await;
        }
    }
}

#[tokio::test]
async fn pv_06_answers_to_orphaned_and_answered_invocations_are_dropped() {
    let router = TestRouter::start().await;
    let mut bob = Peer::join(&router, "bob").await;
    bob.register("com.example.add").await;
    let mut alice = Peer::join(&router, "alice").await;
    alice.call("com.example.add", "").await;
    let orphaned = bob.expect_invocation().await;
    drop(alice);
    router.wait_until("alice left", |router| router.sessions() == 1).await;
    for _ in 0..2 {
        bob.answer(&orphaned, "[1]").await;
        bob.send(r#"[8,68,1,{},"com.example.error"]"#).await;
    }
    bob.expect_silence().await;
}

#[tokio::test]
async fn pv_07_strict_request_ids_go_up_one_by_one() {
    let router = TestRouter::start().await;
    // A start above 1, a gap, a repetition, a restart, and what is no ID at all.
    for (before, request) in [(0, 2), (3, 5), (3, 3), (3, 1), (0, 0), (0, (1_u64 << 53) + 1), (0, u64::MAX)] {
        for message in requests(request) {
            let mut mallory = Peer::join_via(&router, "mallory", RAW_JSON).await;
            for _ in 0..before {
                // Unacknowledged PUBLISHes count too.
                mallory.publish("com.example.tick", "").await;
            }
            mallory.send(&message).await;
            mallory.expect_abort(PROTOCOL_VIOLATION).await;
        }
    }
}

/// Conformance: ID-06
#[tokio::test]
async fn pv_07_all_requests_of_a_session_share_one_sequence() {
    let router = TestRouter::start().await;
    for via in Via::serializers() {
        let mut alice = Peer::join_via(&router, "alice", via).await;
        alice.send(r#"[32,1,{},"com.example.tick"]"#).await;
        let [tick] = alice.expect("[33,1,#]").await;
        alice.send(r#"[64,2,{},"com.example.add"]"#).await;
        let [add] = alice.expect("[65,2,#]").await;
        alice.send(r#"[16,3,{},"com.example.tock"]"#).await;
        alice.send(r#"[48,4,{},"com.example.add"]"#).await;
        let invocation = alice.expect_invocation().await;
        // Neither YIELD nor CANCEL takes an ID of its own.
        alice.answer(&invocation, "").await;
        alice.expect_result(4).await;
        alice.send("[49,4,{}]").await;
        alice.send(&format!("[34,5,{tick}]")).await;
        alice.expect_message("[35,5]").await;
        alice.send(&format!("[66,6,{add}]")).await;
        alice.expect_message("[67,6]").await;
        alice.send(r#"[16,7,{"acknowledge":true},"com.example.tock"]"#).await;
        let [_] = alice.expect("[17,7,#]").await;
    }
}

#[tokio::test]
async fn pv_07_default_request_ids_may_skip_but_never_repeat() {
    let router = TestRouter::start().await;
    let mut alice = Peer::join_realm(&router, "alice", RAW_JSON, RELAXED).await;
    for request in [5_u64, 6, 100, 1 << 53] {
        alice.send(&format!(r#"[16,{request},{{"acknowledge":true}},"com.example.tick"]"#)).await;
        let [_] = alice.expect(&format!("[17,{request},#]")).await;
    }
    // After the largest comes 1.
    alice.send(r#"[16,1,{"acknowledge":true},"com.example.tick"]"#).await;
    let [_] = alice.expect("[17,1,#]").await;
    for request in [3_u64, 2, 1, 0, (1 << 53) + 1] {
        for message in requests(request) {
            let mut mallory = Peer::join_realm(&router, "mallory", RAW_JSON, RELAXED).await;
            mallory.send(r#"[16,3,{},"com.example.tick"]"#).await;
            mallory.send(&message).await;
            mallory.expect_abort(PROTOCOL_VIOLATION).await;
        }
    }
}

#[tokio::test]
async fn pv_08_a_violation_is_one_abort_and_the_end_of_everything_queued() {
    let router = TestRouter::start().await;
    let mut bob = Peer::join(&router, "bob").await;
    let tick = bob.subscribe("com.example.tick").await;
    for (round, via) in Via::sockets().enumerate() {
        let mut mallory = Peer::join_via(&router, "mallory", via).await;
        mallory.subscribe("com.example.mallory").await;
        mallory.register("com.example.add").await;
        mallory
            .send_all(&[
                r#"[16,3,{},"com.example.tick",["before"]]"#,
                "[99]",
                r#"[16,4,{},"com.example.tick",["after"]]"#,
                r#"[64,5,{},"com.example.after"]"#,
                "[99]",
            ])
            .await;
        mallory.expect_abort(PROTOCOL_VIOLATION).await;
        let [_] = bob.expect(&event(tick, r#"["before"]"#)).await;
        // What mallory held is free at once, and nothing behind the violation had an effect.
        let call = bob.call("com.example.add", "").await;
        bob.expect_error(MessageCode::Call, call, NO_SUCH_PROCEDURE).await;
        let left = router.router().holdings(STRICT).unwrap();
        assert_eq!((left.subscriptions, left.registrations), (1, 0));
        assert_eq!(router.router().counters().protocol_violations.value(), round as u64 + 1);
    }
}

#[tokio::test]
async fn pv_08_a_websocket_is_closed_with_1002() {
    let router = TestRouter::start().await;
    let mut mallory = Peer::join(&router, "mallory").await;
    mallory.send("[99]").await;
    assert!(matches!(mallory.receive().await, Message::Abort(_)));
    assert_eq!(mallory.expect_closed().await, Some(1002));
}

#[tokio::test]
async fn pv_10_a_failed_request_is_an_error_and_the_session_lives_on() {
    let router = TestRouter::start().await;
    let mut bob = Peer::join(&router, "bob").await;
    bob.register("com.example.taken").await;
    for via in Via::sockets() {
        let mut alice = Peer::join_via(&router, "alice", via).await;
        for (request, answer) in [
            (r#"[16,1,{"acknowledge":true},"com..tick"]"#, error(16, 1, INVALID_URI)),
            (r#"[32,2,{},"com..tick"]"#, error(32, 2, INVALID_URI)),
            ("[34,3,77]", error(34, 3, NO_SUCH_SUBSCRIPTION)),
            (r#"[48,4,{},"com.example.none"]"#, error(48, 4, NO_SUCH_PROCEDURE)),
            (r#"[48,5,{},"com. "]"#, error(48, 5, INVALID_URI)),
            (r#"[64,6,{},"com.example.taken"]"#, error(64, 6, "wamp.error.procedure_already_exists")),
            (r#"[64,7,{},""]"#, error(64, 7, INVALID_URI)),
            ("[66,8,77]", error(66, 8, "wamp.error.no_such_registration")),
        ] {
            alice.send(request).await;
            let [] = alice.expect(&answer).await;
        }
        alice.expect_silence().await;
    }
    assert_eq!(router.router().counters().protocol_violations.value(), 0);
}

#[tokio::test]
async fn pv_11_a_failed_handshake_is_an_abort_never_an_error() {
    let router = TestRouter::start().await;
    let roles = r#""roles":{"caller":{}}"#;
    for via in Via::sockets() {
        for (hello, reason) in [
            (format!(r#"[1,"com.example.none",{{{roles}}}]"#), NO_SUCH_REALM),
            (format!(r#"[1,"com..none",{{{roles}}}]"#), INVALID_URI),
            (format!(r#"[1,"",{{{roles}}}]"#), INVALID_URI),
            (
                format!(r#"[1,"{STRICT}",{{{roles},"authmethods":["ticket","wampcra"]}}]"#),
                NO_MATCHING_AUTH_METHOD,
            ),
            (format!(r#"[1,"{STRICT}",{{}}]"#), PROTOCOL_VIOLATION),
        ] {
            let mut alice = Peer::connect(&router, "alice", via).await;
            alice.send(&hello).await;
            alice.expect_abort(reason).await;
        }
    }
    let mut alice = Peer::connect(&router, "alice", RAW_JSON).await;
    alice.send(&format!(r#"[1,"{STRICT}",{{{roles},"authmethods":["ticket","anonymous"]}}]"#)).await;
    alice.expect_welcome().await;
}

#[tokio::test]
async fn pv_12_options_of_features_that_were_not_announced_are_honoured_or_ignored() {
    let router = TestRouter::start().await;
    for via in Via::serializers() {
        let mut alice = Peer::join_via(&router, "alice", via).await;
        // Honoured: publisher exclusion.
        let tick = alice.subscribe("com.example.tick").await;
        alice.send(r#"[16,2,{"exclude_me":false},"com.example.tick",[1]]"#).await;
        let [_] = alice.expect(&event(tick, "[1]")).await;
        // Honoured as well: retention. Ignored: what nobody knows.
        alice
            .send(r#"[16,3,{"exclude_me":false,"retain":true,"_abc":[{}],"x":1},"com.example.tick",[2]]"#)
            .await;
        let [_] = alice.expect(&event(tick, "[2]")).await;
        alice.send(r#"[32,4,{"get_retained":true,"_abc":null},"com.example.tick"]"#).await;
        alice.expect_message(&format!("[33,4,{tick}]")).await;
        let [_] = alice.expect(&format!(r#"[36,{tick},#,{{"retained":true}},[2]]"#)).await;
        alice.send(r#"[64,5,{"concurrency":1,"match":"exact","invoke":"single"},"com.example.add"]"#).await;
        let [_] = alice.expect("[65,5,#]").await;
        alice.send(r#"[48,6,{"timeout":60000,"receive_progress":true},"com.example.add"]"#).await;
        let invocation = alice.expect_invocation().await;
        alice.answer(&invocation, "").await;
        alice.expect_message("[50,6,{}]").await;
    }
}

#[tokio::test]
async fn a_message_of_a_role_that_was_not_announced_is_a_violation() {
    let router = TestRouter::start().await;
    for (roles, messages) in [
        (r#"{"subscriber":{},"caller":{},"callee":{}}"#, &requests(1)[..1]),
        (r#"{"publisher":{},"caller":{},"callee":{}}"#, &requests(1)[1..3]),
        (r#"{"publisher":{},"subscriber":{},"callee":{}}"#, &requests(1)[3..4]),
        (r#"{"publisher":{},"subscriber":{},"caller":{}}"#, &requests(1)[4..]),
    ] {
        for message in messages {
            let mut mallory = Peer::connect(&router, "mallory", RAW_JSON).await;
            mallory.send(&format!(r#"[1,"{STRICT}",{{"roles":{roles}}}]"#)).await;
            mallory.expect_welcome().await;
            mallory.send(message).await;
            mallory.expect_abort(PROTOCOL_VIOLATION).await;
        }
    }
}

#[tokio::test]
async fn pv_13_cancel_of_no_call_of_this_session_is_ignored() {
    let router = TestRouter::start().await;
    let mut alice = Peer::join(&router, "alice").await;
    let mut bob = Peer::join(&router, "bob").await;
    bob.register("com.example.add").await;
    let call = alice.call("com.example.add", "").await;
    let invocation = bob.expect_invocation().await;
    // Of nobody, and of alice.
    bob.send("[49,77,{}]").await;
    bob.send(&format!(r#"[49,{call},{{"mode":"kill"}}]"#)).await;
    bob.expect_silence().await;
    bob.answer(&invocation, "[3]").await;
    alice.expect_message(&format!("[50,{call},{{}},[3]]")).await;
    // Of a call that is over.
    alice.send(&format!("[49,{call},{{}}]")).await;
    alice.expect_silence().await;
    bob.expect_silence().await;
}

#[tokio::test]
async fn msg_01_what_is_no_list_with_a_type_code_is_a_violation() {
    let router = TestRouter::start().await;
    for (serializer, frames) in [
        (
            SerializerId::Json,
            [&b"[]"[..], b"{}", b"7", br#"["16"]"#, b"[16.5]", b"[null]", b"[[16]]", b"[-1]"],
        ),
        (
            SerializerId::MsgPack,
            [
                &b"\x90"[..],
                b"\x80",
                b"\x07",
                b"\x91\xa216",
                b"\x91\xcb\x40\x30\x80\0\0\0\0\0",
                b"\x91\xc0",
                b"\x91\x91\x10",
                b"\x91\xff",
            ],
        ),
        (
            SerializerId::Cbor,
            [
                &b"\x80"[..],
                b"\xa0",
                b"\x07",
                b"\x81\x6216",
                b"\x81\xfb\x40\x30\x80\0\0\0\0\0",
                b"\x81\xf6",
                b"\x81\x81\x10",
                b"\x81\x20",
            ],
        ),
    ] {
        for frame in frames {
            let via = Via(Transport::WebSocket, serializer);
            let mut mallory = Peer::connect(&router, "mallory", via).await;
            mallory.send_octets(vec![Bytes::from_static(frame)]).await;
            mallory.expect_abort(PROTOCOL_VIOLATION).await;
            let mut trudy = Peer::join_via(&router, "trudy", via).await;
            trudy.send_octets(vec![Bytes::from_static(frame)]).await;
            trudy.expect_abort(PROTOCOL_VIOLATION).await;
        }
    }
}

#[tokio::test]
async fn msg_05_wrong_arity_or_element_types_are_violations() {
    let router = TestRouter::start().await;
    for message in [
        "[16]",
        "[16,1]",
        "[16,1,{}]",
        r#"[16,1,{},"com.example.tick",[],{},[]]"#,
        r#"[16,"1",{},"com.example.tick"]"#,
        r#"[16,1.5,{},"com.example.tick"]"#,
        r#"[16,1,[],"com.example.tick"]"#,
        r#"[16,1,null,"com.example.tick"]"#,
        "[16,1,{},7]",
        r#"[16,1,{},"com.example.tick",{}]"#,
        r#"[16,1,{},"com.example.tick",[],[]]"#,
        r#"[16,1,{},"com.example.tick","args"]"#,
        "[32,1,{}]",
        r#"[32,1,{},"com.example.tick",[]]"#,
        "[34,1]",
        r#"[34,1,"77"]"#,
        "[34,1,77,{}]",
        "[48,1,{}]",
        r#"[48,1,{},["com.example.add"]]"#,
        r#"[64,1,{},"com.example.add",[]]"#,
        "[66,1]",
        "[66,1,0]",
        "[70,1]",
        "[70,1,{},[],{},7]",
        "[49,1]",
        "[6,{}]",
        r#"[6,"wamp.close.close_realm"]"#,
        r#"[8,68,1,{}]"#,
        "[3,{}]",
        r#"[3,{},"x.y",[],{},7]"#,
    ] {
        for serializer in SerializerId::ALL {
            let via = Via(Transport::RawSocket, serializer);
            let mut mallory = Peer::join_via(&router, "mallory", via).await;
            mallory.send(message).await;
            mallory.expect_abort(PROTOCOL_VIOLATION).await;
        }
    }
}

/// Conformance: MSG-05
#[tokio::test]
async fn id_01_only_the_default_profile_takes_floats_and_nil_for_ids_and_dicts() {
    let router = TestRouter::start().await;
    for serializer in [SerializerId::MsgPack, SerializerId::Cbor] {
        let via = Via(Transport::WebSocket, serializer);
        let lenient = [r#"[32,1.0,{},"com.example.tick"]"#, r#"[32,1,null,"com.example.tick"]"#];
        for message in lenient {
            let mut mallory = Peer::join_via(&router, "mallory", via).await;
            mallory.send(message).await;
            mallory.expect_abort(PROTOCOL_VIOLATION).await;
            // Deployed clients write them.
            let mut alice = Peer::join_realm(&router, "alice", via, RELAXED).await;
            alice.send(message).await;
            let [_] = alice.expect("[33,1,#]").await;
        }
    }
}

#[tokio::test]
async fn msg_09_unknown_message_codes_are_violations() {
    let router = TestRouter::start().await;
    for code in [0, 7, 9, 37, 71, 255, 256, 337, 1023, 1024, u64::MAX] {
        for via in Via::serializers() {
            let mut mallory = Peer::join_via(&router, "mallory", via).await;
            mallory.send(&format!("[{code},1,{{}}]")).await;
            mallory.expect_abort(PROTOCOL_VIOLATION).await;
        }
    }
}

/// Octets that no decoder of that serializer takes for a message.
fn undecodable(serializer: SerializerId) -> Vec<&'static [u8]> {
    match serializer {
        SerializerId::Json => vec![
            b"",
            b"garbage",
            br#"[16,1,{},"com.example.tick""#,
            br#"[16,1,{},"com.example.tick"] [16]"#,
            br#"[16,1,{},"com.example.tick",[tru]]"#,
            b"[16,1,{},\"com.example.tick\",[\"\xff\"]]",
        ],
        SerializerId::MsgPack => vec![
            b"",
            b"\xc1",
            b"\x94\x10\x01\x80\xa5com",
            b"\x94\x10\x01\x80\xa5com.x\xc0",
            b"\x95\x10\x01\x80\xa5com.x\xdd\xff\xff\xff\xff",
            b"\x95\x10\x01\x80\xa5com.x\x91\xa1\xff",
        ],
        SerializerId::Cbor => vec![
            b"",
            b"\x1c",
            b"\x84\x10\x01\xa0\x65com",
            b"\x84\x10\x01\xa0\x65com.x\xf6",
            b"\x85\x10\x01\xa0\x65com.x\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x85\x10\x01\xa0\x65com.x\x81\x61\xff",
        ],
    }
}

#[tokio::test]
async fn ser_08_undecodable_frames_are_violations_before_and_after_welcome() {
    let router = TestRouter::start().await;
    let mut count = 0;
    for serializer in SerializerId::ALL {
        for frame in undecodable(serializer) {
            for transport in [Transport::WebSocket, Transport::RawSocket] {
                // A WebSocket text message that is no UTF-8 has a test of its own.
                if transport == Transport::WebSocket && serializer.is_text() && frame.contains(&0xff) {
                    continue;
                }
                let via = Via(transport, serializer);
                let mut mallory = Peer::connect(&router, "mallory", via).await;
                mallory.send_octets(vec![Bytes::from_static(frame)]).await;
                mallory.expect_abort(PROTOCOL_VIOLATION).await;
                let mut trudy = Peer::join_via(&router, "trudy", via).await;
                trudy.subscribe("com.example.tick").await;
                trudy.send_octets(vec![Bytes::from_static(frame)]).await;
                trudy.expect_abort(PROTOCOL_VIOLATION).await;
                count += 2;
            }
        }
    }
    assert_eq!(router.router().counters().protocol_violations.value(), count);
    router.wait_until_empty().await;
}

#[tokio::test]
async fn limits_of_the_configuration_hold_for_hello_too() {
    let mut config = config();
    config.limits = Limits { dict_max_bytes: 256, ..config.limits };
    let router = TestRouter::with(&config).await;
    let mut mallory = Peer::connect(&router, "mallory", RAW_JSON).await;
    let agent = "x".repeat(300);
    mallory.send(&format!(r#"[1,"{STRICT}",{{"agent":"{agent}","roles":{{"caller":{{}}}}}}]"#)).await;
    mallory.expect_abort(PROTOCOL_VIOLATION).await;
}
