//! IDs: who chooses them, from what range, and what they count.

use std::collections::HashSet;

use trunkline_tests::{Peer, STRICT, TestRouter, Transport, Via, event, hello};
use wamp_proto::SerializerId;

const IN_PROCESS: Via = Via(Transport::InProcess, SerializerId::Json);

/// How many IDs are drawn: 100 are expected in each eighth of the range.
const DRAWN: usize = 800;

/// Whether IDs look as if drawn from all of [1, 2^53].
///
/// Of 800, an eighth of the range gets less than 40 or more than 160 once in 10^9 times.
fn assert_uniform(ids: &[u64]) {
    assert_eq!(ids.len(), DRAWN);
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), DRAWN, "an ID came twice");
    let mut eighths = [0; 8];
    let mut odd = 0;
    for id in ids {
        assert!((1..=1 << 53).contains(id), "{id}");
        eighths[((id - 1) >> 50) as usize] += 1;
        odd += id & 1;
    }
    assert!(eighths.iter().all(|count| (40..=160).contains(count)), "{eighths:?}");
    assert!((280..=520).contains(&odd), "{odd} of {DRAWN} are odd");
}

#[tokio::test]
async fn id_02_session_ids_are_random_over_the_whole_range() {
    let router = TestRouter::start().await;
    let mut peers = Vec::new();
    let mut ids = Vec::new();
    for number in 0..DRAWN {
        let mut peer = Peer::connect(&router, &format!("peer {number}"), IN_PROCESS).await;
        ids.push(peer.hello(STRICT).await);
        peers.push(peer);
    }
    assert_uniform(&ids);
    assert_eq!(router.router().sessions(), DRAWN);
}

#[tokio::test]
async fn id_02_publication_ids_are_random_over_the_whole_range() {
    let router = TestRouter::start().await;
    let mut alice = Peer::join(&router, "alice").await;
    let mut ids = Vec::new();
    for _ in 0..DRAWN {
        ids.push(alice.publish_acknowledged("com.example.tick", "").await);
    }
    assert_uniform(&ids);
}

#[tokio::test]
async fn id_03_subscribers_of_one_topic_share_the_subscription() {
    let router = TestRouter::start().await;
    let mut alice = Peer::join(&router, "alice").await;
    let tick = alice.subscribe("com.example.tick").await;
    assert_ne!(alice.subscribe("com.example.tock").await, tick);
    for via in Via::sockets() {
        let mut bob = Peer::join_via(&router, "bob", via).await;
        assert_eq!(bob.subscribe("com.example.tick").await, tick);
    }
}

#[tokio::test]
async fn id_03_registrations_are_distinct_and_chosen_by_the_router() {
    let router = TestRouter::start().await;
    let mut alice = Peer::join(&router, "alice").await;
    let add = alice.register("com.example.add").await;
    let sub = alice.register("com.example.sub").await;
    let mut bob = Peer::join(&router, "bob").await;
    let mul = bob.register("com.example.mul").await;
    assert_eq!(HashSet::from([add, sub, mul]).len(), 3);
    bob.call("com.example.sub", "").await;
    assert_eq!(alice.expect_invocation().await.registration.value(), sub);
}

#[tokio::test]
async fn id_05_invocations_are_counted_for_each_callee_from_1_without_gaps() {
    let router = TestRouter::start().await;
    for via in Via::serializers() {
        let mut alice = Peer::join_via(&router, "alice", via).await;
        let mut bob = Peer::join_via(&router, "bob", via).await;
        alice.register("com.example.of_alice").await;
        alice.register("com.example.also_of_alice").await;
        bob.register("com.example.of_bob").await;
        let mut carol = Peer::join_via(&router, "carol", via).await;
        let mut dave = Peer::join_via(&router, "dave", via).await;
        for round in 1..=3 {
            carol.call("com.example.of_alice", "").await;
            assert_eq!(alice.expect_invocation().await.request.value(), 2 * round - 1);
            dave.call("com.example.also_of_alice", "").await;
            assert_eq!(alice.expect_invocation().await.request.value(), 2 * round);
            // A call without an INVOCATION takes none of the callee's IDs.
            let failing = carol.call("com.example.none", "").await;
            carol.expect_error(wamp_proto::MessageCode::Call, failing, "wamp.error.no_such_procedure").await;
            carol.call("com.example.of_bob", "").await;
            assert_eq!(bob.expect_invocation().await.request.value(), round);
        }
    }
}

#[tokio::test]
async fn id_06_answers_mirror_the_request() {
    let router = TestRouter::start().await;
    // The default profile takes any ascending IDs, so that none can be right by chance.
    let via = Via(Transport::RawSocket, SerializerId::Json);
    let mut alice = Peer::join_realm(&router, "alice", via, trunkline_tests::RELAXED).await;
    alice.send(r#"[32,1000,{},"com.example.tick"]"#).await;
    let [tick] = alice.expect("[33,1000,#]").await;
    alice.send(&format!("[34,2000,{tick}]")).await;
    alice.expect_message("[35,2000]").await;
    alice.send(r#"[64,3000,{},"com.example.add"]"#).await;
    let [add] = alice.expect("[65,3000,#]").await;
    alice.send(r#"[16,4000,{"acknowledge":true},"com.example.tick"]"#).await;
    let [_] = alice.expect("[17,4000,#]").await;
    alice.send(r#"[48,5000,{},"com.example.add",[1,2]]"#).await;
    let [invocation] = alice.expect(&format!("[68,#,{add},{{}},[1,2]]")).await;
    assert_eq!(invocation, 1);
    alice.send("[70,1,{},[3]]").await;
    alice.expect_message("[50,5000,{},[3]]").await;
    alice.send(r#"[48,5001,{},"com.example.add"]"#).await;
    alice.expect_message(&format!("[68,2,{add},{{}}]")).await;
    alice.send(r#"[8,68,2,{},"com.example.error"]"#).await;
    alice.expect_message(r#"[8,48,5001,{},"com.example.error"]"#).await;
    alice.send(&format!("[66,6000,{add}]")).await;
    alice.expect_message("[67,6000]").await;
    alice.send("[66,7000,1]").await;
    let [] = alice.expect(r#"[8,66,7000,{},"wamp.error.no_such_registration"…"#).await;
}

#[tokio::test]
async fn id_08_one_publication_has_one_id_everywhere() {
    let router = TestRouter::start().await;
    let mut subscribers = Vec::new();
    for via in Via::sockets() {
        let mut bob = Peer::join_via(&router, "bob", via).await;
        let tick = bob.subscribe("com.example.tick").await;
        subscribers.push((bob, tick));
    }
    let mut alice = Peer::join(&router, "alice").await;
    let mut seen = HashSet::new();
    for round in 0..5 {
        let publication = alice.publish_acknowledged("com.example.tick", &format!("[{round}]")).await;
        assert!(seen.insert(publication));
        for (bob, tick) in &mut subscribers {
            let pattern = event(*tick, &format!("[{round}]"));
            assert_eq!(bob.expect(&pattern).await, [publication]);
        }
    }
}

#[tokio::test]
async fn a_session_id_is_not_given_again_on_the_same_transport() {
    let router = TestRouter::start().await;
    let mut alice = Peer::connect(&router, "alice", IN_PROCESS).await;
    let first = alice.hello(STRICT).await;
    let mut bob = Peer::connect(&router, "bob", Via(Transport::WebSocket, SerializerId::Json)).await;
    let second = bob.hello(STRICT).await;
    bob.send(r#"[6,{},"wamp.close.close_realm"]"#).await;
    bob.expect_goodbye(wamp_proto::error_uri::GOODBYE_AND_OUT).await;
    bob.send(&hello(STRICT)).await;
    let third = bob.expect_welcome().await.session.value();
    assert_eq!(HashSet::from([first, second, third]).len(), 3);
}
