//! Threads at once on one realm. What happens when is the scheduler's choice; what must hold is not.
//!
//! Each thread has its own peers, which check what they receive; it waits for messages, never for time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use trunkline::config::{Config, Limits};
use trunkline::{Holdings, Router};
use wamp_proto::{Message, SerializerId, error_uri};

use crate::note::Kind;
use crate::peer::{FAILED, Peer};

const REALM: &str = "realm1";
/// When an event comes on this topic, all is over.
const STOP: &str = "com.simulation.stop";
const TOPICS: [&str; 3] = ["com.simulation.one", "com.simulation.two", "com.simulation.three"];
const PROCEDURES: [&str; 2] = ["com.simulation.add", "com.simulation.sub"];
/// Answered by a subscriber when it has read what came before.
const PACES: [&str; 2] = ["com.simulation.pace.one", "com.simulation.pace.two"];

const PUBLISHERS: usize = 2;
/// Far more than an outbox holds, so that who does not read must overflow.
const EVENTS: usize = 2000;
/// A publisher is never further ahead of the subscribers that pace it.
const WINDOW: usize = 40;
const OUTBOX_MESSAGES: usize = 400;
const CALLERS: usize = 2;
const CALLS: usize = 1500;
const CALLS_IN_FLIGHT: usize = 8;
const VISITS: usize = 300;

/// Only reached when somebody waits for what never comes.
const DEADLINE: Duration = Duration::from_secs(60);

fn in_thread(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(DEADLINE, work).await }).expect("nobody waits for ever");
}

fn join(router: &Arc<Router>, name: usize) -> Peer {
    Peer::join(router, REALM, SerializerId::ALL[name % SerializerId::ALL.len()], name as u64)
}

/// The next message of a session that the router has no reason to end.
async fn next(peer: &mut Peer) -> Message {
    peer.receive().await.expect("the session goes on")
}

/// Waits for the answers to all requests.
async fn settle(peer: &mut Peer) {
    while !peer.is_answered() {
        next(peer).await;
    }
}

/// Publishes, and waits for the subscribers that keep pace after every so many events.
async fn publish(router: Arc<Router>, name: usize) {
    let mut peer = join(&router, name);
    for event in 0..EVENTS {
        let kind = if event % 50 == 0 { Kind::Large } else { Kind::Octets };
        peer.publish(TOPICS[event % TOPICS.len()], kind, Some(event % 3 == 0), None);
        if event % WINDOW == 0 {
            for pace in PACES {
                peer.call(pace, Kind::Plain);
            }
            while !peer.is_answered() {
                let answer = next(&mut peer).await;
                assert!(!matches!(answer, Message::Error(_)), "{answer:?}");
            }
        }
    }
    settle(&mut peer).await;
    peer.say_goodbye();
}

/// Subscribes to everything, and misses nothing.
async fn follow(mut peer: Peer) {
    let mut events = 0;
    loop {
        match next(&mut peer).await {
            Message::Event(event) if event.payload.values().unwrap().0.first() == Some(&0_u64.into()) => {
                break;
            }
            Message::Event(_) => events += 1,
            Message::Invocation(invocation) => {
                peer.answer(invocation.request, Kind::Plain, false);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(events, PUBLISHERS * EVENTS);
    peer.say_goodbye();
}

/// Comes and goes, in good order and otherwise, between SUBSCRIBE and UNSUBSCRIBE.
async fn visit(router: Arc<Router>, name: usize) {
    for visit in 0..VISITS {
        let peer = join(&router, name);
        // A visitor that the scheduler forgets for too long overflows.
        if let Some(mut peer) = subscribe_and_unsubscribe(peer).await {
            match visit % 4 {
                0 => peer.misbehave(false),
                1 => peer.say_goodbye(),
                2 => while !peer.is_answered() && peer.receive().await.is_some() {},
                _ => drop(peer),
            }
        }
    }
}

async fn subscribe_and_unsubscribe(mut peer: Peer) -> Option<Peer> {
    for topic in TOPICS {
        peer.subscribe(topic, 0);
    }
    let mut held = Vec::new();
    while held.len() < TOPICS.len() {
        if let Message::Subscribed(answer) = peer.receive().await? {
            held.push(answer.subscription);
        }
    }
    for subscription in held {
        peer.unsubscribe(subscription);
    }
    Some(peer)
}

/// Calls whoever is there; every call is answered once.
async fn call(router: Arc<Router>, name: usize) {
    let mut peer = join(&router, name);
    let mut answers = 0;
    for number in 0..CALLS {
        peer.call(PROCEDURES[number % PROCEDURES.len()], Kind::Keywords);
        while number + 1 - answers >= CALLS_IN_FLIGHT || (number + 1 == CALLS && answers < CALLS) {
            match next(&mut peer).await {
                Message::CallResult(_) => {}
                Message::Error(error) => {
                    let allowed =
                        [error_uri::CANCELED, error_uri::NO_SUCH_PROCEDURE, error_uri::UNAVAILABLE, FAILED];
                    assert!(allowed.contains(&&*error.error), "{error:?}");
                }
                other => panic!("{other:?}"),
            }
            answers += 1;
        }
    }
    assert!(peer.is_answered());
    peer.say_goodbye();
}

/// Answers some calls, fails at others, leaves some behind, and comes back until all is over.
async fn serve(router: Arc<Router>, name: usize, procedure: &str, is_over: &AtomicBool) {
    loop {
        let mut peer = join(&router, name);
        peer.subscribe(STOP, 0);
        settle(&mut peer).await;
        if is_over.load(Ordering::SeqCst) {
            // The event came before the subscription, perhaps.
            return;
        }
        peer.register(procedure);
        for served in 0.. {
            match next(&mut peer).await {
                Message::Event(_) => return,
                // Left unanswered: leaving answers for it.
                Message::Invocation(_) if served >= 30 => break,
                Message::Invocation(invocation) => {
                    peer.answer(invocation.request, Kind::Plain, served % 5 == 0);
                }
                _ => {}
            }
        }
        if let Some(registration) = peer.registrations.first().copied() {
            peer.unregister(registration);
        }
    }
}

/// Conformance: ORD-01, ORD-02, ORD-03, RPC-06, RPC-08, PUB-06, SES-14, SES-15
#[test]
fn ord_05_threads_at_once() {
    let config = Config {
        limits: Limits { outbox_max_messages: OUTBOX_MESSAGES, ..Limits::default() },
        ..Config::default()
    };
    let router = Router::new(&config);
    // Named 0: its events mean the end.
    let mut director = join(&router, 0);
    let mut sluggard = join(&router, 1);
    for topic in TOPICS {
        sluggard.subscribe(topic, 0);
    }
    let followers = PACES.map(|pace| {
        let mut peer = join(&router, 2);
        peer.register(pace);
        for topic in TOPICS.into_iter().chain([STOP]) {
            peer.subscribe(topic, 0);
        }
        while !peer.is_answered() {
            assert!(peer.poll().is_ready(), "an answer is there at once");
        }
        peer
    });
    let is_over = &AtomicBool::new(false);
    std::thread::scope(|scope| {
        for peer in followers {
            scope.spawn(|| in_thread(follow(peer)));
        }
        for (number, procedure) in PROCEDURES.into_iter().enumerate() {
            let router = router.clone();
            scope.spawn(move || in_thread(serve(router, 100 + number, procedure, is_over)));
        }
        let mut busy = Vec::new();
        for number in 0..PUBLISHERS {
            let router = router.clone();
            busy.push(scope.spawn(move || in_thread(publish(router, 200 + number))));
        }
        for number in 0..CALLERS {
            let router = router.clone();
            busy.push(scope.spawn(move || in_thread(call(router, 300 + number))));
        }
        for number in 0..2 {
            let router = router.clone();
            busy.push(scope.spawn(move || in_thread(visit(router, 400 + number))));
        }
        let failed = busy.into_iter().map(|thread| thread.join()).filter(Result::is_err).count();
        is_over.store(true, Ordering::SeqCst);
        director.publish(STOP, Kind::Plain, Some(true), None);
        assert_eq!(failed, 0, "threads that failed");
    });
    assert_eq!(sluggard.poll(), Poll::Ready(None), "who does not read is disconnected");
    assert!(router.counters().slow_consumers.value() >= 1);
    drop((director, sluggard));
    assert_eq!(router.holdings(REALM), Some(Holdings::default()));
    assert_eq!(router.sessions(), 0);
}
