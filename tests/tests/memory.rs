//! What happens when more waits and is kept than the memory budget allows. It is the whole process's: one test at a time.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper fails the test that uses it")]

use tokio::sync::Mutex;
use trunkline::Router;
use trunkline::config::{Authorizer, CallQueue, Config, Limits, MatchPolicy, Permission, Role};
use trunkline_tests::{DEADLINE, Peer, STRICT, TestRouter, Transport, Via, config, event, hello};
use wamp_proto::SerializerId;
use wamp_proto::error_uri::UNAVAILABLE;

/// Held by the test that runs.
static ALONE: Mutex<()> = Mutex::const_new(());

const BUDGET: usize = 4 << 20;

/// More of it than the thread of a test keeps to itself.
const LARGE: usize = BUDGET / 16;

/// A router with that budget, and room for all of it in one outbox or queue.
async fn router() -> TestRouter {
    let mut config: Config = config();
    config.limits = Limits {
        memory_budget_bytes: Some(BUDGET),
        outbox_max_bytes: BUDGET * 4,
        testaments_max: 100,
        pending_authorizations_max_bytes: BUDGET * 4,
        testaments_max_bytes: BUDGET * 4,
        ..config.limits
    };
    config.realms[0].rules.call_queues = vec![CallQueue {
        uri: "com.example.slow".to_owned(),
        match_policy: MatchPolicy::Exact,
        limit: 1000,
        max_bytes: BUDGET * 4,
    }];
    let rules = &mut config.realms[0].rules;
    rules.authorizer = Some(Authorizer {
        procedure: "com.example.authorize".to_owned(),
        realm: None,
        timeout: DEADLINE * 2,
        cache_max: 0,
        cache_age: DEADLINE,
    });
    let Permission { allow, .. } = Permission::everything();
    let asks = Permission { allow: Vec::new(), ask: allow, ..Permission::everything() };
    rules.roles.push(Role { name: "guest".to_owned(), permissions: vec![asks], ..rules.roles[0].clone() });
    TestRouter::with(&config).await
}

/// In-process: what it does not receive is in its outbox and nowhere else.
async fn join(router: &TestRouter, name: &str) -> Peer {
    Peer::join_as(router, name, "anonymous").await
}

fn large() -> String {
    format!(r#"["{}"]"#, "x".repeat(LARGE))
}

fn over_budget(router: &Router) -> u64 {
    router.counters().outboxes_over_budget.value()
}

/// Everybody who comes now hears that there is no room.
async fn expect_refused(router: &TestRouter) {
    let counters = router.router().counters();
    let before =
        (counters.sessions_refused_for_memory.value(), counters.connections_refused_for_memory.value());
    let mut mallory = Peer::connect_as(router, "mallory", "anonymous");
    mallory.send(&hello(STRICT)).await;
    mallory.expect_abort(UNAVAILABLE).await;
    let mut socket = tokio::net::TcpStream::connect(router.address()).await.unwrap();
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    socket.write_all(b"\x7f\xf1\0\0").await.unwrap();
    let mut reply = Vec::new();
    trunkline_tests::within_deadline("the end", socket.read_to_end(&mut reply)).await.unwrap();
    assert_eq!(reply, [0x7F, 0x40, 0, 0]);
    let after =
        (counters.sessions_refused_for_memory.value(), counters.connections_refused_for_memory.value());
    assert_eq!(after, (before.0 + 1, before.1 + 1));
}

/// Somebody who comes now is let in.
async fn expect_taken(router: &TestRouter) {
    Peer::join_via(router, "dave", Via(Transport::RawSocket, SerializerId::Json)).await;
}

#[tokio::test]
async fn above_the_budget_the_fullest_outbox_overflows_and_no_other() {
    let _alone = ALONE.lock().await;
    let router = router().await;
    let mut alice = join(&router, "alice").await;
    let mut carol = join(&router, "carol").await;
    let tock = carol.subscribe("com.example.tock").await;
    let mut mallory = join(&router, "mallory").await;
    mallory.subscribe("com.example.tick").await;
    for _ in 0..4 {
        alice.publish("com.example.tock", &large()).await;
    }
    let mut sent = 0;
    while over_budget(router.router()) == 0 {
        alice.publish("com.example.tick", &large()).await;
        sent += 1;
        assert!(sent < 100, "no outbox overflows");
    }
    // Together with what waits for carol, that is the budget.
    assert!((11..=13).contains(&sent), "{sent}");
    mallory.expect_closed().await;
    let counters = router.router().counters();
    assert_eq!((over_budget(router.router()), counters.slow_consumers.value()), (1, 1));
    for _ in 0..4 {
        let [_] = carol.expect(&event(tock, &large())).await;
    }
    alice.expect_silence().await;
    expect_taken(&router).await;
    router.shut_down().await;
}

#[tokio::test]
async fn an_event_counts_once_however_many_outboxes_it_is_in() {
    let _alone = ALONE.lock().await;
    let router = router().await;
    let mut alice = join(&router, "alice").await;
    let mut subscribers = Vec::new();
    for _ in 0..20 {
        let mut bob = join(&router, "bob").await;
        bob.subscribe("com.example.tick").await;
        subscribers.push(bob);
    }
    for _ in 0..8 {
        alice.publish("com.example.tick", &large()).await;
    }
    assert_eq!(over_budget(router.router()), 0);
    expect_taken(&router).await;
    for bob in &mut subscribers {
        for _ in 0..8 {
            bob.expect_event().await;
        }
    }
    router.shut_down().await;
}

#[tokio::test]
async fn retained_events_over_the_budget_keep_newcomers_out_and_nobody_is_thrown_out() {
    let _alone = ALONE.lock().await;
    let router = router().await;
    let mut alice = join(&router, "alice").await;
    let mut bob = join(&router, "bob").await;
    let tick = bob.subscribe("com.example.tick").await;
    let retain = async |alice: &mut Peer, payload: &str| {
        for number in 0..17 {
            let request = alice.next_request();
            let options = r#"{"retain":true,"acknowledge":true}"#;
            alice.send(&format!(r#"[16,{request},{options},"com.example.kept{number}",{payload}]"#)).await;
            let [_] = alice.expect(&format!("[17,{request},#]")).await;
        }
    };
    retain(&mut alice, &large()).await;
    expect_refused(&router).await;
    // Nothing is wrong with those who are there.
    for number in 0..100 {
        alice.publish("com.example.tick", &format!("[{number}]")).await;
        let [_] = bob.expect(&event(tick, &format!("[{number}]"))).await;
    }
    let counters = router.router().counters();
    assert_eq!((over_budget(router.router()), counters.slow_consumers.value()), (0, 0));
    retain(&mut alice, "[]").await;
    expect_taken(&router).await;
    router.shut_down().await;
}

#[tokio::test]
async fn waiting_calls_count_until_they_are_answered() {
    let _alone = ALONE.lock().await;
    let router = router().await;
    let mut bob = join(&router, "bob").await;
    bob.register_with(r#"{"concurrency":1}"#, "com.example.slow").await;
    let mut alice = join(&router, "alice").await;
    for _ in 0..18 {
        alice.call("com.example.slow", &large()).await;
    }
    expect_refused(&router).await;
    for _ in 0..18 {
        let invocation = bob.expect_invocation().await;
        bob.answer(&invocation, "").await;
    }
    drop(alice);
    expect_taken(&router).await;
    router.shut_down().await;
}

#[tokio::test]
async fn requests_count_that_wait_for_the_authorizer() {
    let _alone = ALONE.lock().await;
    let router = router().await;
    let mut judge = join(&router, "judge").await;
    judge.register("com.example.authorize").await;
    let mut guest = Peer::join_as(&router, "guest", "guest").await;
    for _ in 0..18 {
        guest.publish("com.example.tick", &large()).await;
        judge.expect_invocation().await;
    }
    expect_refused(&router).await;
    drop(guest);
    expect_taken(&router).await;
    router.shut_down().await;
}

#[tokio::test]
async fn testaments_count_until_they_are_flushed() {
    let _alone = ALONE.lock().await;
    let router = router().await;
    let mut alice = join(&router, "alice").await;
    // A CALL may have one mebibyte.
    for _ in 0..18 {
        let testament = format!(r#"["com.example.gone",{},{{}}]"#, large());
        let call = alice.call("wamp.session.add_testament", &testament).await;
        alice.expect_message(&format!("[50,{call},{{}}]")).await;
    }
    expect_refused(&router).await;
    let call = alice.call("wamp.session.flush_testaments", "").await;
    alice.expect_message(&format!("[50,{call},{{}}]")).await;
    expect_taken(&router).await;
    router.shut_down().await;
}
