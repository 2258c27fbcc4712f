//! A thousand sessions in one thread, each step chosen by chance and done in the router and in the model.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::task::Poll;

use trunkline::Router;
use trunkline::config::{Config, Limits, Realm};
use wamp_proto::message::Answered;
use wamp_proto::{
    Message, PublicationId, RegistrationId, RequestId, SerializerId, SubscriptionId, error_uri,
};

use crate::model::{Answer, Model, Place};
use crate::note::{Kind, Note};
use crate::peer::{FAILED, Peer};
use crate::random::Random;

const SESSIONS: usize = 1000;
const REALMS: [&str; 2] = ["realm1", "realm2"];
const TOPICS: usize = 300;
const PROCEDURES: usize = 150;
/// Small, so that slow readers overflow.
const OUTBOX_MESSAGES: usize = 24;
/// How often what the router keeps is compared, in steps.
const AUDIT_STEPS: usize = 500;

pub(crate) struct Simulation {
    /// First, and so dropped first: what a bug leaves behind may panic once more.
    progress: Progress,
    random: Random,
    router: Arc<Router>,
    model: Model,
    people: BTreeMap<u64, Person>,
    /// Everybody's name, to pick from.
    names: Vec<u64>,
    last_name: u64,
    subscription_ids: BTreeMap<Place, SubscriptionId>,
    registration_ids: BTreeMap<(usize, RegistrationId), usize>,
    publications: BTreeMap<(u64, u64), PublicationId>,
    publication_ids: BTreeSet<PublicationId>,
}

struct Person {
    peer: Peer,
    realm: usize,
    /// Does not read before that step.
    reads_from: usize,
}

/// Says where it was when something went wrong.
struct Progress {
    seed: u64,
    steps: usize,
    step: usize,
}

impl Drop for Progress {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { seed, steps, step } = self;
            eprintln!("failed at step {step}; to see it again: SIM_SEED={seed} SIM_STEPS={steps}");
        }
    }
}

fn topic(number: usize) -> String {
    format!("com.simulation.topic{number}")
}

fn procedure(number: usize) -> String {
    format!("com.simulation.procedure{number}")
}

/// Runs one simulation to its end.
pub(crate) fn run(seed: u64, steps: usize) {
    let config = Config {
        realms: REALMS.map(Realm::open).into(),
        limits: Limits { outbox_max_messages: OUTBOX_MESSAGES, ..Limits::default() },
        ..Config::default()
    };
    let mut simulation = Simulation {
        progress: Progress { seed, steps, step: 0 },
        random: Random::new(seed),
        router: Router::with_table_key(&config, [7; 16]),
        model: Model::new(OUTBOX_MESSAGES),
        people: BTreeMap::new(),
        names: Vec::new(),
        last_name: 0,
        subscription_ids: BTreeMap::new(),
        registration_ids: BTreeMap::new(),
        publications: BTreeMap::new(),
        publication_ids: BTreeSet::new(),
    };
    while simulation.names.len() < SESSIONS {
        simulation.join();
    }
    for step in 1..=steps {
        simulation.progress.step = step;
        simulation.act();
        if step % AUDIT_STEPS == 0 {
            simulation.audit();
        }
    }
    simulation.finish();
}

impl Simulation {
    fn act(&mut self) {
        if self.names.len() < SESSIONS && self.random.one_in(2) {
            self.join();
        }
        let at = self.random.below(self.names.len());
        let name = self.names[at];
        if self.model.sessions[&name].is_gone {
            self.act_in_vain(name);
            return;
        }
        match self.random.below(200) {
            0..45 => self.publish(name),
            45..65 => self.subscribe(name),
            65..75 => self.unsubscribe(name),
            75..85 => self.register(name),
            85..89 => self.unregister(name),
            89..120 => self.call(name),
            120..122 => self.leave(name),
            122 => {
                // Until it overflows, most likely.
                let pause = self.random.below(30_000);
                self.person(name).reads_from = self.progress.step + pause;
            }
            _ if self.people[&name].reads_from <= self.progress.step => {
                self.read(name);
                self.answer(name);
            }
            _ => self.answer(name),
        }
    }

    fn person(&mut self, name: u64) -> &mut Person {
        self.people.get_mut(&name).expect("a person")
    }

    fn peer(&mut self, name: u64) -> &mut Peer {
        &mut self.person(name).peer
    }

    fn join(&mut self) {
        self.last_name += 1;
        let name = self.last_name;
        let realm = self.random.low(REALMS.len() + 1).min(REALMS.len() - 1);
        let serializer = self.random.pick(SerializerId::ALL.into_iter()).expect("three");
        let peer = Peer::join(&self.router, REALMS[realm], serializer, name);
        self.people.insert(name, Person { peer, realm, reads_from: 0 });
        self.names.push(name);
        self.model.join(name, realm, serializer);
    }

    fn forget(&mut self, name: u64) -> Peer {
        self.names.retain(|known| *known != name);
        self.people.remove(&name).expect("a person").peer
    }

    fn leave(&mut self, name: u64) {
        let mut peer = self.forget(name);
        match self.random.below(4) {
            0 => peer.misbehave(true),
            1 => peer.misbehave(false),
            2 => {
                // What was queued comes before GOODBYE.
                for invocation in self.model.lost(name) {
                    peer.expect_gap(invocation);
                }
                peer.say_goodbye();
            }
            _ => drop(peer),
        }
        self.model.leave(name);
    }

    /// A session that the router disconnected notices when it reads, and what it says until then is lost.
    fn act_in_vain(&mut self, name: u64) {
        match self.random.below(4) {
            0 => self.publish(name),
            1 => self.call(name),
            2 => self.subscribe(name),
            _ => {
                let mut peer = self.forget(name);
                assert_eq!(peer.poll(), Poll::Ready(None), "{name} overflowed");
                self.model.sessions.remove(&name);
            }
        }
    }

    fn kind(&mut self, name: u64) -> Kind {
        let kind = Kind::ALL[self.random.low(Kind::ALL.len() + 2).min(Kind::ALL.len() - 1)];
        if kind != Kind::JsonOnly {
            kind
        } else if self.people[&name].peer.serializer == SerializerId::Json {
            Kind::JsonOnly
        } else {
            Kind::Plain
        }
    }

    fn publish(&mut self, name: u64) {
        let kind = self.kind(name);
        let acknowledge = [None, Some(false), Some(true), Some(true)][self.random.below(4)];
        let exclude_me = [None, Some(true), Some(false)][self.random.below(3)];
        let own: Vec<_> = self.model.sessions[&name].subscriptions.iter().copied().collect();
        // Now and then to itself.
        let own = if self.random.one_in(5) { self.random.pick(own.into_iter()) } else { None };
        let number = own.unwrap_or_else(|| self.random.low(TOPICS));
        let is_refused = self.random.one_in(20);
        let uri = if is_refused { "wamp.simulation".to_owned() } else { topic(number) };
        let (request, note) = self.peer(name).publish(&uri, kind, acknowledge, exclude_me);
        let acknowledged = (acknowledge == Some(true)).then_some(request);
        if !is_refused {
            self.model.publish(name, number, note, acknowledged, exclude_me != Some(false));
        } else if acknowledged.is_some() {
            self.model.refuse(name, request, error_uri::INVALID_URI);
        }
    }

    fn subscribe(&mut self, name: u64) {
        if self.random.one_in(20) {
            let request = self.peer(name).subscribe("com..topic", 0);
            self.model.refuse(name, request, error_uri::INVALID_URI);
            return;
        }
        let number = self.random.low(TOPICS);
        let skip = self.random.low(3) as u64;
        let request = self.peer(name).subscribe(&topic(number), skip);
        self.model.subscribe(name, request, number);
    }

    /// Gives up one of its subscriptions or, now and then, one that it never had.
    fn unsubscribe(&mut self, name: u64) {
        let session = &self.model.sessions[&name];
        let realm = session.realm;
        let number = if self.random.one_in(4) {
            Some(self.random.below(TOPICS))
        } else {
            self.random.pick(session.subscriptions.iter().copied().collect::<Vec<_>>().into_iter())
        };
        let Some(number) = number else { return };
        // Nobody can know the ID before somebody was told.
        let Some(id) = self.subscription_ids.get(&(realm, number)).copied() else { return };
        let request = self.peer(name).unsubscribe(id);
        self.model.unsubscribe(name, request, Some(number));
    }

    fn register(&mut self, name: u64) {
        let number = self.random.low(PROCEDURES);
        let request = self.peer(name).register(&procedure(number));
        self.model.register(name, request, number);
    }

    /// Takes back one of its registrations or, now and then, somebody else's.
    fn unregister(&mut self, name: u64) {
        let realm = self.people[&name].realm;
        let id = if self.random.one_in(4) {
            let known = self.registration_ids.keys().filter(|(at, _)| *at == realm).map(|(_, id)| *id);
            self.random.pick(known.collect::<Vec<_>>().into_iter())
        } else {
            let held: Vec<_> = self.people[&name].peer.registrations.iter().copied().collect();
            self.random.pick(held.into_iter())
        };
        let Some(id) = id else { return };
        let request = self.peer(name).unregister(id);
        self.model.unregister(name, request, id);
    }

    fn call(&mut self, name: u64) {
        let kind = self.kind(name);
        let own: Vec<_> = self.model.sessions[&name].registrations.keys().copied().collect();
        // Now and then itself.
        let own = if self.random.one_in(20) { self.random.pick(own.into_iter()) } else { None };
        let number = own.unwrap_or_else(|| self.random.low(PROCEDURES));
        let (request, note) = self.peer(name).call(&procedure(number), kind);
        self.model.call(name, request, number, note);
    }

    /// Answers an invocation, any of those that wait; now and then one that was answered before.
    fn answer(&mut self, name: u64) {
        let fails = self.random.one_in(4);
        let kind = self.kind(name);
        let peer = &mut self.people.get_mut(&name).expect("a person").peer;
        if self.random.one_in(8)
            && let Some(request) = self.random.pick(peer.answered.iter().copied())
        {
            let note = Note { origin: name, number: 0, kind };
            peer.answer_again(request, note, fails);
            self.model.answered(name, request.value(), note, fails);
        } else if let Some(request) = self.random.pick(peer.unanswered.keys().copied()) {
            let note = peer.answer(request, kind, fails);
            self.model.answered(name, request.value(), note, fails);
        }
    }

    fn read(&mut self, name: u64) {
        for invocation in self.model.read(name) {
            self.peer(name).expect_gap(invocation);
        }
        loop {
            match self.peer(name).poll() {
                Poll::Pending => break,
                Poll::Ready(None) => panic!("{name} was disconnected though it had room"),
                Poll::Ready(Some(message)) => self.received(name, &message),
            }
        }
        self.model.was_read(name);
    }

    fn received(&mut self, name: u64, message: &Message) {
        let realm = self.people[&name].realm;
        let (request, answer) = match message {
            Message::Event(event) => {
                let session = self.model.sessions.get_mut(&name).expect("a session");
                let note = Note::read(&event.payload);
                let expected = session.events.pop_front();
                let Some((topic, _)) = expected.filter(|(_, expected)| *expected == note) else {
                    panic!("{name} gets {note:?} instead of {expected:?}");
                };
                self.subscription_is((realm, topic), event.subscription);
                self.publication_is(note, event.publication);
                return;
            }
            Message::Invocation(invocation) => {
                let session = self.model.sessions.get_mut(&name).expect("a session");
                let note = Note::read(&invocation.payload);
                let procedure = self.registration_ids[&(realm, invocation.registration)];
                let arrived = (invocation.request.value(), procedure, note);
                assert_eq!(session.invocations.pop_front(), Some(arrived), "an invocation of {name}");
                return;
            }
            Message::Subscribed(answer) => (answer.request, None),
            Message::Published(answer) => (answer.request, None),
            Message::Registered(answer) => (answer.request, None),
            Message::Unsubscribed(answer) => (request_of(answer.request), Some(Answer::Unsubscribed)),
            Message::Unregistered(answer) => (request_of(answer.request), Some(Answer::Unregistered)),
            Message::CallResult(answer) => {
                (answer.request, Some(Answer::Result(Note::read(&answer.payload))))
            }
            Message::Error(answer) if answer.error == FAILED => {
                (answer.request, Some(Answer::Failed(Note::read(&answer.payload))))
            }
            Message::Error(answer) => (answer.request, None),
            other => panic!("{name} gets {other:?}"),
        };
        let session = self.model.sessions.get_mut(&name).expect("a session");
        let expected = session.answers.remove(&request);
        match (message, expected) {
            (Message::Subscribed(answer), Some(Answer::Subscribed(topic))) => {
                self.subscription_is((realm, topic), answer.subscription);
            }
            (Message::Registered(answer), Some(Answer::Registered(procedure))) => {
                let id = answer.registration;
                if let Some(held) = session.registrations.get_mut(&procedure) {
                    *held = Some(id);
                }
                let known = self.registration_ids.insert((realm, id), procedure);
                assert_eq!(known, None, "the registration ID {id} was given before");
            }
            (Message::Published(answer), Some(Answer::Published(note))) => {
                self.publication_is(note, answer.publication);
            }
            (Message::Error(answer), Some(Answer::Error(error))) => assert_eq!(answer.error, error),
            (_, Some(expected)) if answer == Some(expected) => {}
            _ => panic!("{name} gets {message:?} instead of {expected:?}"),
        }
    }

    /// A topic keeps its ID, whoever comes and goes, and shares it with no other topic.
    fn subscription_is(&mut self, place: Place, id: SubscriptionId) {
        match self.subscription_ids.get(&place) {
            Some(known) => assert_eq!(*known, id, "the topic {place:?} has got another ID"),
            None => {
                let is_new = self.subscription_ids.values().all(|known| *known != id);
                assert!(is_new, "{place:?} has the ID of another topic");
                self.subscription_ids.insert(place, id);
            }
        }
    }

    /// A publication has one ID, and no other has it.
    fn publication_is(&mut self, note: Note, id: PublicationId) {
        let known = *self.publications.entry((note.origin, note.number)).or_insert_with(|| {
            assert!(self.publication_ids.insert(id), "another publication has the ID {id}");
            id
        });
        assert_eq!(known, id, "{note:?} has two IDs");
    }

    /// What the router keeps and counts is what the model says.
    fn audit(&self) {
        for (number, realm) in REALMS.iter().enumerate() {
            assert_eq!(self.router.holdings(realm), Some(self.model.holdings(number)), "in {realm}");
        }
        assert_eq!(self.router.sessions(), self.model.live_sessions());
        let counters = self.router.counters();
        assert_eq!(counters.slow_consumers.value(), self.model.overflows);
        assert_eq!(counters.callees_full.value(), self.model.refused_invocations);
    }

    /// Everybody reads and answers until nothing is left to say; then everybody leaves.
    fn finish(&mut self) {
        let mut is_quiet = false;
        while !is_quiet {
            is_quiet = true;
            for name in self.names.clone() {
                if self.model.sessions[&name].is_gone {
                    self.act_in_vain(name);
                    is_quiet = false;
                    continue;
                }
                self.read(name);
                while let Some(request) = self.people[&name].peer.unanswered.keys().next().copied() {
                    let note = self.peer(name).answer(request, Kind::Plain, false);
                    self.model.answered(name, request.value(), note, false);
                    is_quiet = false;
                }
            }
        }
        for (name, person) in &self.people {
            assert!(person.peer.is_answered(), "{name} still waits for an answer");
        }
        self.audit();
        while let Some(name) = self.random.pick(self.names.iter().copied()) {
            // Whoever stays must cope with what leaving brings about.
            if self.model.sessions[&name].is_gone { self.act_in_vain(name) } else { self.leave(name) }
        }
        self.audit();
        for realm in REALMS {
            assert_eq!(self.router.holdings(realm), Some(trunkline::Holdings::default()), "in {realm}");
        }
        assert_eq!(self.router.sessions(), 0);
        let counters = self.router.counters();
        assert_eq!(counters.sessions_joined.value(), self.last_name);
        assert_eq!(counters.sessions_left.value(), self.last_name);
        if self.progress.steps >= 10_000 {
            assert!(self.model.overflows > 0, "nobody overflowed: the simulation is too tame");
            assert!(self.model.refused_invocations > 0, "no callee was full: the simulation is too tame");
        }
    }
}

fn request_of(answered: Answered) -> RequestId {
    match answered {
        Answered::Request(request) => request,
        Answered::Revocation => panic!("nobody revokes"),
    }
}
