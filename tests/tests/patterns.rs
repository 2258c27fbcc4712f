//! Patterns of topics and procedures, black- and whitelists.

use trunkline_tests::{Peer, TestRouter, Via, event};
use wamp_proto::error_uri::{INVALID_URI, NO_SUCH_PROCEDURE, PROTOCOL_VIOLATION};
use wamp_proto::{MessageCode, SerializerId};

/// The pattern of an EVENT of a pattern subscription.
fn pattern_event(subscription: u64, topic: &str, payload: &str) -> String {
    format!(r#"[36,{subscription},#,{{"topic":"{topic}"}},{payload}]"#)
}

/// Conformance: PBS-02, PBS-03, PBS-05
#[tokio::test]
async fn pbs_01_pattern_subscriptions_get_what_they_match_in_every_serializer() {
    let router = TestRouter::start().await;
    let mut bob = Peer::join(&router, "bob").await;
    for via in Via::serializers() {
        let mut alice = Peer::join_via(&router, "alice", via).await;
        let prefix = alice.subscribe_with(r#"{"match":"prefix"}"#, "com.myapp.topic.emergency").await;
        let wildcard = alice.subscribe_with(r#"{"match":"wildcard"}"#, "com.myapp..userevent").await;
        for topic in
            ["com.myapp.topic.emergency", "com.myapp.topic.emergency-low", "com.myapp.topic.emergency.11"]
        {
            bob.publish_acknowledged(topic, "[1]").await;
            let [_] = alice.expect(&pattern_event(prefix, topic, "[1]")).await;
        }
        bob.publish_acknowledged("com.myapp.foo.userevent", "[2]").await;
        let [_] = alice.expect(&pattern_event(wildcard, "com.myapp.foo.userevent", "[2]")).await;
        for topic in ["com.myapp.topic.emerge", "com.myapp.foo.userevent.bar", "com.myapp.userevent"] {
            bob.publish_acknowledged(topic, "[3]").await;
        }
        alice.expect_silence().await;
    }
}

/// Conformance: PBS-06
#[tokio::test]
async fn pbs_04_one_publication_arrives_once_for_each_subscription() {
    let router = TestRouter::start().await;
    let mut bob = Peer::join(&router, "bob").await;
    let mut alice = Peer::join(&router, "alice").await;
    let topic = "com.myapp.tick";
    let exact = alice.subscribe(topic).await;
    let prefix = alice.subscribe_with(r#"{"match":"prefix"}"#, topic).await;
    let wildcard = alice.subscribe_with(r#"{"match":"wildcard"}"#, topic).await;
    assert!(exact != prefix && prefix != wildcard && exact != wildcard);
    let publication = bob.publish_acknowledged(topic, "[7]").await;
    let mut subscriptions = Vec::new();
    for _ in 0..3 {
        let event = alice.expect_event().await;
        assert_eq!(event.publication.value(), publication);
        subscriptions.push(event.subscription.value());
    }
    subscriptions.sort_unstable();
    let mut expected = vec![exact, prefix, wildcard];
    expected.sort_unstable();
    assert_eq!(subscriptions, expected);
    alice.expect_silence().await;
}

/// Conformance: PBR-01, EXC-01, BWL-01, SHR-01
#[tokio::test]
async fn pbs_01_options_of_the_wrong_kind_are_a_protocol_violation() {
    let router = TestRouter::start().await;
    for options in [
        r#"[32,1,{"match":"regex"},"com.example"]"#,
        r#"[32,1,{"match":7},"com.example"]"#,
        r#"[64,1,{"match":"regex"},"com.example"]"#,
        r#"[64,1,{"invoke":"any"},"com.example"]"#,
        r#"[64,1,{"concurrency":"many"},"com.example"]"#,
        r#"[16,1,{"exclude_me":1},"com.example"]"#,
        r#"[16,1,{"exclude":7},"com.example"]"#,
        r#"[16,1,{"eligible":["7"]},"com.example"]"#,
        r#"[16,1,{"exclude_authid":[7]},"com.example"]"#,
        r#"[16,1,{"eligible_authid":"alice"},"com.example"]"#,
        r#"[16,1,{"exclude_authrole":{}},"com.example"]"#,
        r#"[16,1,{"eligible_authrole":[null]},"com.example"]"#,
    ] {
        let mut mallory = Peer::join(&router, "mallory").await;
        mallory.send(options).await;
        mallory.expect_abort(PROTOCOL_VIOLATION).await;
    }
}

/// Conformance: URI-02, URI-03
#[tokio::test]
async fn uri_06_a_bad_pattern_is_answered_with_one_error() {
    let router = TestRouter::start().await;
    let mut alice = Peer::join(&router, "alice").await;
    for (request, message) in [
        (1, r#"[32,1,{"match":"prefix"},"com..x"]"#),
        (2, r#"[32,2,{"match":"wildcard"},"com.#"]"#),
        (3, r#"[32,3,{},"com..x"]"#),
    ] {
        alice.send(message).await;
        alice.expect_error(MessageCode::Subscribe, request, INVALID_URI).await;
    }
    alice.send(r#"[64,4,{"match":"prefix"},".x"]"#).await;
    alice.expect_error(MessageCode::Register, 4, INVALID_URI).await;
    let mut bob = Peer::join(&router, "bob").await;
    bob.subscribe_with(r#"{"match":"wildcard"}"#, "com..x").await;
    bob.subscribe_with(r#"{"match":"prefix"}"#, "com.x.").await;
    bob.register_with(r#"{"match":"wildcard"}"#, "com..x").await;
    bob.register_with(r#"{"match":"prefix"}"#, "").await;
}

/// Conformance: PBR-01, PBR-03, PBR-04, PBR-05, PBR-06
#[tokio::test]
async fn pbr_02_a_call_goes_to_the_best_registration_alone() {
    let router = TestRouter::start().await;
    let mut bob = Peer::join(&router, "bob").await;
    // The specification's example: pattern, policy, a call that it gets. But for row 5, where it has `c33`: that
    // begins as the prefix of row 2 does, hence would go there by its own rules for prefixes.
    let rows = [
        ("a1.b2.c3.d4.e55", "exact", "a1.b2.c3.d4.e55"),
        ("a1.b2.c3", "prefix", "a1.b2.c3.d98"),
        ("a1.b2.c3.d4", "prefix", "a1.b2.c3.d4.e5"),
        ("a1.b2..d4.e5", "wildcard", "a1.b2.c55.d4.e5"),
        ("a1.b2.x33..e5", "wildcard", "a1.b2.x33.d4.e5"),
        ("a1.b2..d4.e5..g7", "wildcard", "a1.b2.c88.d4.e5.f6.g7"),
        ("a1.b2..d4..f6.g7", "wildcard", "a1.b2.c88.d4.e77.f6.g7"),
    ];
    for via in Via::serializers() {
        let mut alice = Peer::join_via(&router, "alice", via).await;
        let mut registrations = Vec::new();
        for (pattern, policy, _) in rows {
            registrations.push(alice.register_with(&format!(r#"{{"match":"{policy}"}}"#), pattern).await);
        }
        for ((_, policy, procedure), registration) in rows.into_iter().zip(registrations) {
            let call = bob.call(procedure, "[7]").await;
            let invocation = alice.expect_invocation().await;
            assert_eq!(invocation.registration.value(), registration, "{procedure}");
            let named = invocation.details.procedure.as_deref();
            assert_eq!(named, (policy != "exact").then_some(procedure));
            alice.answer(&invocation, "[8]").await;
            bob.expect_result(call).await;
        }
        let call = bob.call("a2.b2.c2.d2.e2", "").await;
        bob.expect_error(MessageCode::Call, call, NO_SUCH_PROCEDURE).await;
        drop(alice);
        router.wait_until("alice is gone", |router| router.sessions() == 1).await;
    }
}

/// Conformance: BWL-01, BWL-03, BWL-04, EXC-02
#[tokio::test]
async fn bwl_02_lists_narrow_who_gets_an_event() {
    let router = TestRouter::start().await;
    for serializer in SerializerId::ALL {
        let via = Via(trunkline_tests::Transport::RawSocket, serializer);
        let mut publisher = Peer::connect(&router, "publisher", via).await;
        let own = publisher.hello(trunkline_tests::STRICT).await;
        let mut people = Vec::new();
        for name in ["alice", "bob", "carol"] {
            let mut peer = Peer::connect(&router, name, via).await;
            let session = peer.hello(trunkline_tests::STRICT).await;
            let tick = peer.subscribe("com.example.tick").await;
            people.push((peer, session, tick));
        }
        let tick = publisher.subscribe("com.example.tick").await;
        let [a, b, c] = [0, 1, 2].map(|at: usize| people[at].1);
        for (number, (lists, receivers)) in [
            (format!(r#""eligible":[{a},{b},{c}],"exclude":[{a}]"#), vec![b, c]),
            (format!(r#""eligible":[{c}]"#), vec![c]),
            (r#""eligible":[]"#.to_owned(), vec![]),
            (r#""exclude":[]"#.to_owned(), vec![a, b, c]),
            (r#""eligible_authrole":["anonymous"]"#.to_owned(), vec![a, b, c]),
            (r#""exclude_authrole":["anonymous"]"#.to_owned(), vec![]),
            (r#""eligible_authid":["nobody"]"#.to_owned(), vec![]),
            (format!(r#""exclude_me":false,"exclude":[{own},{a},{b}]"#), vec![c]),
            (format!(r#""exclude_me":false,"eligible":[{own}]"#), vec![own]),
        ]
        .into_iter()
        .enumerate()
        {
            let request = publisher.next_request();
            let options = format!(r#"{{"acknowledge":true,{lists}}}"#);
            publisher.send(&format!(r#"[16,{request},{options},"com.example.tick",[{number}]]"#)).await;
            let [_] = publisher.expect(&format!("[17,{request},#]")).await;
            if receivers.contains(&own) {
                let [_] = publisher.expect(&event(tick, &format!("[{number}]"))).await;
            }
            for (peer, session, tick) in &mut people {
                if receivers.contains(session) {
                    let [_] = peer.expect(&event(*tick, &format!("[{number}]"))).await;
                }
                peer.expect_silence().await;
            }
        }
        drop((publisher, people));
        router.wait_until_empty().await;
    }
}
