//! Hundreds of sessions in one thread, each step chosen by chance and done in the router and in the model.

mod calls;
mod departures;
mod identifiers;
mod reading;
mod requests;
mod revocation;
mod rules;
mod testaments;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use trunkline::Router;
use trunkline::config::{Config, Limits, Realm, RealmRules};
use wamp_proto::{Message, SerializerId};

use crate::features::Features;
use crate::model::{Model, REGISTRATIONS_MAX, SUBSCRIPTIONS_MAX, Seen, Session, TESTAMENTS_MAX};
use crate::note::Kind;
use crate::pattern::MAX_COMPONENTS;
use crate::peer::Peer;
use crate::random::Random;
use crate::reply::Reply;
use departures::Departures;
use identifiers::Identifiers;

const SESSIONS: usize = 300;
const REALMS: [&str; 2] = ["realm1", "realm2"];
/// Few, so that many sessions are of the same principal.
const AUTHIDS: [&str; 5] = ["alice", "bob", "carol", "dave", "erin"];
/// Small, so that slow readers overflow.
const OUTBOX_MESSAGES: usize = 16;
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
    identifiers: Identifiers,
    departures: Departures,
    /// What somebody took out of the outbox, and did not look at yet.
    arrived: BTreeMap<u64, Vec<Message>>,
    /// Of who joined, and of every message that anybody took.
    digest: DefaultHasher,
}

struct Person {
    peer: Peer,
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

/// Runs one simulation to its end. Returns a digest of all that anybody received.
pub(crate) fn run(seed: u64, steps: usize) -> u64 {
    let mut random = Random::new(seed);
    let rules = rules::rules(&mut random);
    let config = config(&rules);
    let router = Router::with_standing_clock(&config, [7; 16]);
    let mut simulation = Simulation {
        progress: Progress { seed, steps, step: 0 },
        random,
        departures: Departures::watch(&router),
        router,
        model: Model::new(&rules, OUTBOX_MESSAGES),
        people: BTreeMap::new(),
        names: Vec::new(),
        last_name: 0,
        identifiers: Identifiers::default(),
        arrived: BTreeMap::new(),
        digest: DefaultHasher::new(),
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
    simulation.digest.finish()
}

fn config(rules: &RealmRules) -> Config {
    Config {
        realms: REALMS.map(|name| Realm { name: name.to_owned(), rules: rules.clone() }).into(),
        limits: Limits {
            outbox_max_messages: OUTBOX_MESSAGES,
            uri_max_components: MAX_COMPONENTS,
            subscriptions_max: SUBSCRIPTIONS_MAX,
            registrations_max: REGISTRATIONS_MAX,
            testaments_max: TESTAMENTS_MAX,
            ..Limits::default()
        },
        ..Config::default()
    }
}

impl Simulation {
    fn act(&mut self) {
        if self.names.len() < SESSIONS && self.random.one_in(2) {
            return self.join();
        }
        for _ in 0..2 {
            let reader = self.random.pick(self.names.iter().copied()).expect("people");
            self.read_if_it_likes(reader);
        }
        let name = self.random.pick(self.names.iter().copied()).expect("people");
        if self.model.sessions[&name].is_gone {
            return self.act_in_vain(name);
        }
        if self.random.one_in(12) {
            let milliseconds = 1 + self.random.low(40) as u64;
            self.pass_time(milliseconds);
        }
        match self.random.below(268) {
            200..212 => {
                let caller = self.someone(name, |peer| !peer.calls().is_empty());
                self.cancel(caller);
            }
            212..240 => {
                let caller = self.someone(name, |peer| !peer.unfinished.is_empty());
                self.go_on(caller);
            }
            240..255 => self.bequeath(name),
            255..258 => self.remove_callee(name),
            258..265 => self.remove_subscriber(name),
            265..268 => self.kill_session(name),
            0..45 => self.publish(name),
            // Some never subscribe.
            45..62 if !name.is_multiple_of(3) => self.subscribe(name),
            45..62 => self.call(name),
            62..72 => self.unsubscribe(name),
            72..88 => self.register(name),
            88..93 => self.unregister(name),
            93..145 => self.call(name),
            145..149 => self.leave(name),
            149..152 => {
                // Until it overflows, most likely; a callee without subscriptions is full before.
                let pause = self.random.below(10_000);
                self.person(name).reads_from = self.progress.step + pause;
            }
            _ => {
                let callee = self.someone(name, |peer| !peer.unanswered.is_empty());
                self.read_if_it_likes(callee);
                self.answer(callee);
            }
        }
    }

    /// Now and then the one named; else somebody of whom that is true.
    fn someone(&mut self, name: u64, is_meant: impl Fn(&Peer) -> bool) -> u64 {
        if self.random.one_in(2) {
            return name;
        }
        let is_there = |name: &u64| !self.model.sessions[name].is_gone;
        let meant = self.people.iter().filter(|(name, person)| is_there(name) && is_meant(&person.peer));
        let meant: Vec<_> = meant.map(|(name, _)| *name).collect();
        self.random.pick(meant.into_iter()).unwrap_or(name)
    }

    fn read_if_it_likes(&mut self, name: u64) {
        let may_read = self.people[&name].reads_from <= self.progress.step;
        if may_read && !self.model.sessions[&name].is_gone {
            self.read(name);
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
        let serializer = if self.random.one_in(2) {
            SerializerId::Json
        } else {
            SerializerId::ALL[self.random.below(SerializerId::ALL.len())]
        };
        let authid = AUTHIDS[self.random.below(AUTHIDS.len())];
        let is_anyone = self.random.one_in(2);
        let role =
            if is_anyone { rules::ANYONE } else { rules::OTHERS[self.random.below(rules::OTHERS.len())] };
        let features = Features::any(&mut self.random);
        let transport = self.router.connect_as(serializer, authid, role);
        let peer = Peer::join(transport, REALMS[realm], serializer, name, features);
        (name, peer.session.value()).hash(&mut self.digest);
        let session =
            Session::new(realm, serializer, peer.session, authid.to_owned(), role.to_owned(), features);
        self.people.insert(name, Person { peer, reads_from: 0 });
        self.names.push(name);
        self.model.join(name, session);
    }

    fn pass_time(&mut self, milliseconds: u64) {
        self.router.advance(Duration::from_millis(milliseconds));
        self.in_model(|model| model.advance(milliseconds));
    }

    /// Does in the model what was done in the router.
    fn in_model(&mut self, act: impl FnOnce(&mut Model)) {
        self.observe();
        act(&mut self.model);
        self.look();
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
                for invocation in self.model.sessions[&name].lost_invocations() {
                    peer.expect_gap(invocation);
                }
                peer.say_goodbye();
            }
            _ => drop(peer),
        }
        self.in_model(|model| model.leave(name));
    }

    /// A session that the router disconnected notices when it reads, and what it says until then is lost.
    fn act_in_vain(&mut self, name: u64) {
        match self.random.below(5) {
            0 => self.publish(name),
            1 => self.call(name),
            2 => self.subscribe(name),
            3 => self.register(name),
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

    /// What the router keeps and counts is what the model says.
    fn audit(&self) {
        for (number, realm) in REALMS.iter().enumerate() {
            let mut holdings = self.model.holdings(number);
            holdings.subscriptions += self.departures.subscriptions();
            assert_eq!(self.router.holdings(realm), Some(holdings), "in {realm}");
        }
        assert_eq!(self.router.sessions(), self.model.live_sessions() + self.departures.sessions());
        let counters = self.router.counters();
        assert_eq!(counters.slow_consumers.value(), self.model.seen.overflows);
        assert_eq!(counters.callees_full.value(), self.model.seen.refused_invocations);
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
                    let note = self.peer(name).answer(request, Kind::Plain, Reply::Result);
                    self.in_model(|model| model.answered(name, request.value(), note, Reply::Result));
                    is_quiet = false;
                }
            }
        }
        for (name, person) in &self.people {
            assert!(person.peer.is_answered(), "{name} still waits for an answer");
        }
        // Nothing comes of time-outs of calls that are over.
        self.pass_time(1_000_000);
        self.names.clone().into_iter().for_each(|name| self.read(name));
        self.audit();
        while let Some(name) = self.random.pick(self.names.iter().copied()) {
            // Whoever stays must cope with what leaving brings about.
            if self.model.sessions[&name].is_gone { self.act_in_vain(name) } else { self.leave(name) }
        }
        self.audit();
        let watchers = self.departures.end() as u64;
        for realm in REALMS {
            assert_eq!(self.router.holdings(realm), Some(trunkline::Holdings::default()), "in {realm}");
        }
        assert_eq!(self.router.sessions(), 0);
        let counters = self.router.counters();
        assert_eq!(counters.sessions_joined.value(), self.last_name + watchers);
        assert_eq!(counters.sessions_left.value(), self.last_name + watchers);
        if self.progress.steps >= 10_000 {
            self.assert_not_too_tame();
        }
    }

    /// Everything that the simulation is about happened.
    fn assert_not_too_tame(&self) {
        let Seen {
            overflows,
            refused_invocations,
            denials,
            calls_that_waited,
            choices_by_chance,
            revocations,
            progress,
            skips,
            kills,
            interrupts,
            timeouts,
            chunks_passed_on,
            chunks_that_waited,
            chunks_lost,
            reroutes,
            gatherings,
            results_lost,
            testaments,
            subscriptions_revoked,
            sessions_killed,
        } = self.model.seen;
        let happened = [
            ("overflowed", overflows),
            ("was too full for an invocation", refused_invocations),
            ("was denied anything", denials),
            ("waited for a callee", calls_that_waited),
            ("was chosen by chance", choices_by_chance),
            ("lost a registration to another", revocations),
            ("got progressive results", progress),
            ("skipped a call", skips),
            ("killed a call", kills),
            ("was interrupted", interrupts),
            ("ran out of time", timeouts),
            ("got another chunk", chunks_passed_on),
            ("waited with another chunk", chunks_that_waited),
            ("lost a chunk", chunks_lost),
            ("passed a call on", reroutes),
            ("called all", gatherings),
            ("lost a part of a result", results_lost),
            ("left a testament", testaments),
            ("lost a subscription to another", subscriptions_revoked),
            ("was killed", sessions_killed),
        ];
        let missing: Vec<_> =
            happened.iter().filter(|(_, count)| *count == 0).map(|(what, _)| what).collect();
        // A short run may miss something rare.
        assert!(missing.len() <= 2, "nobody {missing:?}: the simulation is too tame");
    }
}
