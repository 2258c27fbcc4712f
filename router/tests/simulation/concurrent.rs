//! Threads at once on one realm. What happens when is the scheduler's choice; what must hold is not.
//!
//! Each thread has its own peers, which check what they receive; it waits for messages, never for time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use trunkline::config::{CallQueue, Config, Limits, MatchPolicy, Realm};
use trunkline::{Holdings, Router};
use wamp_proto::dict::{CallOptions, InvocationPolicy, PublishOptions, RegisterOptions};
use wamp_proto::{Message, SerializerId, error_uri};

use crate::features::Features;
use crate::note::Kind;
use crate::pattern::Pattern;
use crate::peer::Peer;
use crate::reply::{FAILED, Reply};

const REALM: &str = "realm1";
/// When an event comes on this topic, all is over.
const STOP: &str = "com.simulation.stop";
const TOPICS: [&str; 3] = ["com.simulation.one", "com.simulation.two", "com.simulation.three"];
/// Offered by callees that come and go.
const PROCEDURES: [&str; 2] = ["com.simulation.add", "com.simulation.sub"];
/// The same, but callees share it and take one invocation at a time.
const SHARED: &str = "com.simulation.queued.shared";
/// Offered by callees that take one invocation at a time, and stay: every call of it has a result.
const STEADY: &str = "com.simulation.queued.steady";
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
    let serializer = SerializerId::ALL[name % SerializerId::ALL.len()];
    Peer::join(router.connect(serializer), REALM, serializer, name as u64, Features::default())
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
        let options = PublishOptions { acknowledge: Some(event % 3 == 0), ..PublishOptions::default() };
        peer.publish(TOPICS[event % TOPICS.len()], kind, options);
        if event % WINDOW == 0 {
            for pace in PACES {
                peer.call(pace, Kind::Plain, CallOptions::default());
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
                peer.answer(invocation.request, Kind::Plain, Reply::Result);
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
    let patterns = [
        Pattern::new("com.simulation.t", MatchPolicy::Prefix),
        Pattern::new("com..one", MatchPolicy::Wildcard),
        Pattern::new(".simulation.", MatchPolicy::Wildcard),
    ];
    let topics: Vec<_> = TOPICS.map(Pattern::exact).into_iter().chain(patterns).collect();
    for topic in &topics {
        peer.subscribe(topic, 0);
    }
    let mut held = Vec::new();
    while held.len() < topics.len() {
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
    let procedures = PROCEDURES.into_iter().chain([SHARED, STEADY]).collect::<Vec<_>>();
    let mut peer = join(&router, name);
    let mut of_steady = BTreeSet::new();
    let mut answers = 0;
    for number in 0..CALLS {
        let procedure = procedures[number % procedures.len()];
        let (request, _) = peer.call(procedure, Kind::Keywords, CallOptions::default());
        if procedure == STEADY {
            of_steady.insert(request);
        }
        while number + 1 - answers >= CALLS_IN_FLIGHT || (number + 1 == CALLS && answers < CALLS) {
            match next(&mut peer).await {
                Message::CallResult(_) => {}
                Message::Error(error) => {
                    let allowed =
                        [error_uri::CANCELED, error_uri::NO_SUCH_PROCEDURE, error_uri::UNAVAILABLE, FAILED];
                    assert!(allowed.contains(&&*error.error), "{error:?}");
                    assert!(!of_steady.contains(&error.request), "{error:?} though its callees stay");
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
async fn serve(
    router: Arc<Router>,
    name: usize,
    procedure: &str,
    options: RegisterOptions,
    is_over: &AtomicBool,
) {
    loop {
        let mut peer = join(&router, name);
        peer.subscribe(&Pattern::exact(STOP), 0);
        settle(&mut peer).await;
        if is_over.load(Ordering::SeqCst) {
            // The event came before the subscription, perhaps.
            return;
        }
        peer.register(&Pattern::exact(procedure), options.clone());
        for served in 0.. {
            match next(&mut peer).await {
                Message::Event(_) => return,
                // Left unanswered: leaving answers for it.
                Message::Invocation(_) if served >= 30 => break,
                Message::Invocation(invocation) => {
                    if options.concurrency == Some(1) {
                        assert!(peer.poll().is_pending(), "another comes before the answer");
                    }
                    let reply = if served % 5 == 0 { Reply::Failed } else { Reply::Result };
                    peer.answer(invocation.request, Kind::Plain, reply);
                }
                _ => {}
            }
        }
        if let Some(registration) = peer.registrations.keys().next().copied() {
            peer.unregister(registration);
        }
    }
}

/// Answers every call, until all is over.
async fn serve_steadily(mut peer: Peer) {
    loop {
        match next(&mut peer).await {
            Message::Event(_) => break,
            Message::Invocation(invocation) => {
                assert!(peer.poll().is_pending(), "another comes before the answer");
                peer.answer(invocation.request, Kind::Plain, Reply::Result);
            }
            other => panic!("{other:?}"),
        }
    }
    peer.say_goodbye();
}

/// One of several callees, which takes one invocation at a time.
fn one_at_a_time() -> RegisterOptions {
    RegisterOptions {
        invoke: Some(InvocationPolicy::RoundRobin),
        concurrency: Some(1),
        ..RegisterOptions::default()
    }
}

/// The answers are there at once.
fn settle_now(peer: &mut Peer) {
    while !peer.is_answered() {
        assert!(peer.poll().is_ready(), "an answer is there at once");
    }
}

/// A realm in which all calls that may be under way can wait.
fn realm() -> Realm {
    let mut realm = Realm::open(REALM);
    realm.rules.call_queues.push(CallQueue {
        uri: "com.simulation.queued.".to_owned(),
        match_policy: MatchPolicy::Prefix,
        limit: CALLERS * CALLS_IN_FLIGHT,
        max_bytes: 1 << 20,
    });
    realm
}

/// Conformance: ORD-01, ORD-02, ORD-03, RPC-06, RPC-08, PUB-06, SES-14, SES-15, PBS-05, CON-01, CON-06, CON-07
#[test]
fn ord_05_threads_at_once() {
    let config = Config {
        realms: vec![realm()],
        limits: Limits { outbox_max_messages: OUTBOX_MESSAGES, ..Limits::default() },
        ..Config::default()
    };
    let router = Router::new(&config);
    // Named 0: its events mean the end.
    let mut director = join(&router, 0);
    let mut sluggard = join(&router, 1);
    for topic in TOPICS {
        sluggard.subscribe(&Pattern::exact(topic), 0);
    }
    let followers = PACES.map(|pace| {
        let mut peer = join(&router, 2);
        peer.register(&Pattern::exact(pace), RegisterOptions::default());
        for topic in TOPICS.into_iter().chain([STOP]) {
            peer.subscribe(&Pattern::exact(topic), 0);
        }
        settle_now(&mut peer);
        peer
    });
    let steady = [500, 501].map(|name| {
        let mut peer = join(&router, name);
        peer.subscribe(&Pattern::exact(STOP), 0);
        peer.register(&Pattern::exact(STEADY), one_at_a_time());
        settle_now(&mut peer);
        peer
    });
    let is_over = &AtomicBool::new(false);
    std::thread::scope(|scope| {
        for peer in followers {
            scope.spawn(|| in_thread(follow(peer)));
        }
        for peer in steady {
            scope.spawn(|| in_thread(serve_steadily(peer)));
        }
        let callees = PROCEDURES.map(|procedure| (procedure, RegisterOptions::default()));
        let callees = callees.into_iter().chain([(SHARED, one_at_a_time()), (SHARED, one_at_a_time())]);
        for (number, (procedure, options)) in callees.enumerate() {
            let router = router.clone();
            scope.spawn(move || in_thread(serve(router, 100 + number, procedure, options, is_over)));
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
        let acknowledged = PublishOptions { acknowledge: Some(true), ..PublishOptions::default() };
        director.publish(STOP, Kind::Plain, acknowledged);
        assert_eq!(failed, 0, "threads that failed");
    });
    assert_eq!(sluggard.poll(), Poll::Ready(None), "who does not read is disconnected");
    assert!(router.counters().slow_consumers.value() >= 1);
    drop((director, sluggard));
    assert_eq!(router.holdings(REALM), Some(Holdings::default()));
    assert_eq!(router.sessions(), 0);
}
