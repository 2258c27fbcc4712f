//! URIs as the router answers them.

use trunkline::config::Realm;
use trunkline_tests::{Peer, STRICT, TestRouter, Transport, Via, config, error, event, hello};
use wamp_proto::error_uri::{INVALID_URI, NO_SUCH_PROCEDURE};
use wamp_proto::{MessageCode, Profile, SerializerId};

const RAW_JSON: Via = Via(Transport::RawSocket, SerializerId::Json);

/// Sends every request that takes a URI; each is answered with that URI's refusal.
async fn expect_refused_everywhere(alice: &mut Peer, uri: &str) {
    let request = alice.next_request();
    alice.send(&format!(r#"[16,{request},{{"acknowledge":true}},"{uri}"]"#)).await;
    let [] = alice.expect(&error(16, request, INVALID_URI)).await;
    for code in [32, 48, 64] {
        let request = alice.next_request();
        alice.send(&format!(r#"[{code},{request},{{}},"{uri}"]"#)).await;
        let [] = alice.expect(&error(code, request, INVALID_URI)).await;
    }
}

/// Conformance: URI-06
#[tokio::test]
async fn uri_01_loose_uris_have_no_empty_component_whitespace_or_hash() {
    let router = TestRouter::start().await;
    for via in Via::sockets() {
        let mut alice = Peer::join_via(&router, "alice", via).await;
        for uri in [
            "",
            ".",
            "com..tick",
            ".com",
            "com.",
            "com.my tick",
            "com.tick#1",
            "com.\\ttick",
            "com.a\\u00a0b",
        ] {
            expect_refused_everywhere(&mut alice, uri).await;
        }
        for uri in ["a", "com.My-App.Tick", "x.y:z/w", "com.example.1"] {
            let subscription = alice.subscribe(uri).await;
            let registration = alice.register(uri).await;
            alice.unsubscribe(subscription).await;
            alice.unregister(registration).await;
        }
    }
}

#[tokio::test]
async fn uris_over_the_limits_are_refused() {
    let router = TestRouter::start().await;
    let mut alice = Peer::join(&router, "alice").await;
    expect_refused_everywhere(&mut alice, &"x".repeat(1025)).await;
    expect_refused_everywhere(&mut alice, &["x"; 33].join(".")).await;
    let counters = router.router().counters();
    assert!(counters.uris_over_limit.value() > 0);
    assert_eq!(counters.uris_over_limit.value(), counters.requests_refused.value());
    alice.subscribe(&"x".repeat(1024)).await;
    alice.subscribe(&["x"; 32].join(".")).await;
}

#[tokio::test]
async fn uri_02_wildcard_patterns_may_have_empty_components() {
    let router = TestRouter::start().await;
    let mut alice = Peer::join(&router, "alice").await;
    for uri in ["com. .tick", "com.#.tick"] {
        expect_pattern_refused(&mut alice, "wildcard", uri).await;
    }
    for uri in ["com..tick", ".", ""] {
        alice.subscribe_with(r#"{"match":"wildcard"}"#, uri).await;
        alice.register_with(r#"{"match":"wildcard"}"#, uri).await;
    }
}

#[tokio::test]
async fn uri_03_prefix_patterns_may_end_in_an_empty_component_only() {
    let router = TestRouter::start().await;
    let mut alice = Peer::join(&router, "alice").await;
    for uri in ["com..tick", ".tick"] {
        expect_pattern_refused(&mut alice, "prefix", uri).await;
    }
    for uri in ["com.example.", "com.exa", ""] {
        alice.register_with(r#"{"match":"prefix"}"#, uri).await;
        // Last of all, since the prefix of every topic gets the router's own events too.
        alice.subscribe_with(r#"{"match":"prefix"}"#, uri).await;
    }
}

async fn expect_pattern_refused(peer: &mut Peer, policy: &str, uri: &str) {
    for code in [32, 64] {
        let request = peer.next_request();
        peer.send(&format!(r#"[{code},{request},{{"match":"{policy}"}},"{uri}"]"#)).await;
        let [] = peer.expect(&error(code, request, INVALID_URI)).await;
    }
}

#[tokio::test]
async fn uri_04_a_realm_may_restrict_components() {
    let mut config = config();
    let mut realm = Realm::open("com.example.lower");
    realm.rules.strict_uris = true;
    realm.rules.profile = Profile::Strict;
    config.realms.push(realm);
    let router = TestRouter::with(&config).await;
    let mut alice = Peer::join_realm(&router, "alice", RAW_JSON, "com.example.lower").await;
    for uri in ["com.MyApp", "com.my-app", "com.ärger", "com.a:b"] {
        expect_refused_everywhere(&mut alice, uri).await;
    }
    alice.subscribe("com.my_app.v2").await;
    alice.register("com.my_app.v2").await;
    // The switch is the realm's.
    let mut bob = Peer::join(&router, "bob").await;
    bob.subscribe("com.MyApp").await;
}

#[tokio::test]
async fn uri_05_the_first_component_wamp_is_the_routers() {
    let router = TestRouter::start().await;
    for via in Via::serializers() {
        let mut alice = Peer::join_via(&router, "alice", via).await;
        for uri in ["wamp.session.on_join", "wamp.x", "wamp"] {
            let request = alice.next_request();
            alice.send(&format!(r#"[16,{request},{{"acknowledge":true}},"{uri}"]"#)).await;
            let [] = alice.expect(&error(16, request, INVALID_URI)).await;
            let request = alice.next_request();
            alice.send(&format!(r#"[64,{request},{{}},"{uri}"]"#)).await;
            let [] = alice.expect(&error(64, request, INVALID_URI)).await;
        }
        // Meta topics and procedures may be asked for.
        alice.subscribe("wamp.session.on_join").await;
        let call = alice.call("wamp.session.nothing", "").await;
        alice.expect_error(MessageCode::Call, call, NO_SUCH_PROCEDURE).await;
        // It is the component that counts, not the letters.
        let registration = alice.register("wampx.y").await;
        alice.unregister(registration).await;
        alice.publish_acknowledged("wampx.y", "").await;
    }
}

#[tokio::test]
async fn uri_05_nobody_forges_meta_events() {
    let router = TestRouter::start().await;
    let mut alice = Peer::join(&router, "alice").await;
    let mut mallory = Peer::join(&router, "mallory").await;
    alice.subscribe("wamp.session.on_join").await;
    mallory.publish("wamp.session.on_join", r#"[{"session":1}]"#).await;
    mallory.expect_silence().await;
    alice.expect_silence().await;
}

/// Conformance: PUB-01
#[tokio::test]
async fn uri_06_an_unacknowledged_publish_to_no_uri_is_dropped_silently() {
    let router = TestRouter::start().await;
    for via in Via::sockets() {
        let mut alice = Peer::join_via(&router, "alice", via).await;
        let refused = router.router().counters().requests_refused.value();
        for topic in ["", "com..tick", "wamp.x", "a b"] {
            alice.publish(topic, "[1]").await;
            let request = alice.next_request();
            alice.send(&format!(r#"[16,{request},{{"acknowledge":false}},"{topic}"]"#)).await;
        }
        alice.expect_silence().await;
        // Silent towards the peer, not towards the operator: four topics, each published to twice.
        assert!(router.router().counters().requests_refused.value() - refused >= 8);
    }
}

#[tokio::test]
async fn uri_06_a_bad_realm_can_only_be_aborted() {
    let router = TestRouter::start().await;
    for realm in ["", "com..example", "com.example.", "a b", "a#b"] {
        let mut alice = Peer::connect(&router, "alice", RAW_JSON).await;
        alice.send(&hello(realm)).await;
        alice.expect_abort(INVALID_URI).await;
    }
    assert_eq!(router.router().counters().joins_refused.value(), 5);
}

#[tokio::test]
async fn uri_07_unicode_uris_are_the_same_in_every_serializer() {
    let mut config = config();
    let mut realm = Realm::open("com.example.日本");
    realm.rules.profile = Profile::Strict;
    config.realms.push(realm);
    let router = TestRouter::with(&config).await;
    let topic = "com.ärger.日本.🚀";
    for theirs in SerializerId::ALL {
        for ours in SerializerId::ALL {
            let realm = "com.example.日本";
            let mut bob = Peer::join_realm(&router, "bob", Via(Transport::WebSocket, theirs), realm).await;
            let tick = bob.subscribe(topic).await;
            bob.register(topic).await;
            let mut alice = Peer::join_realm(&router, "alice", Via(Transport::RawSocket, ours), realm).await;
            alice.publish(topic, r#"["grüße"]"#).await;
            let [_] = bob.expect(&event(tick, r#"["grüße"]"#)).await;
            let call = alice.call(topic, "").await;
            let invocation = bob.expect_invocation().await;
            bob.send(&format!(r#"[8,68,{},{{}},"com.fehler.größe"]"#, invocation.request)).await;
            alice.expect_message(&format!(r#"[8,48,{call},{{}},"com.fehler.größe"]"#)).await;
        }
    }
    assert_eq!(router.router().holdings(STRICT).unwrap(), Default::default());
}
