//! Registrations: who offers what, whose turn it is, and who may take over.

use std::collections::VecDeque;
use std::hash::Hasher;

use siphasher::sip::SipHasher24;
use trunkline::config::{Action, CallQueue, MatchPolicy};
use wamp_proto::dict::{InvocationPolicy, RegisterOptions};
use wamp_proto::{RequestId, SessionId, error_uri};

use super::Model;
use super::calls::{Call, Chunk};
use super::session::Answer;
use super::specificity::most_specific;
use crate::pattern::Pattern;

/// How much a session claims a resource key, by rendezvous hashing.
fn claim(session: SessionId, key: &str) -> u64 {
    let mut hasher = SipHasher24::new();
    hasher.write(&session.value().to_le_bytes());
    hasher.write(&[0xff]);
    hasher.write(key.as_bytes());
    hasher.finish()
}

/// Registrations that one session may hold.
pub(crate) const REGISTRATIONS_MAX: usize = 6;

/// A procedure or pattern of procedures that somebody offers.
pub(super) struct Registration {
    /// Counts the registrations of all realms.
    pub(super) number: u64,
    pub(super) realm: usize,
    pub(super) pattern: Pattern,
    pub(super) invoke: InvocationPolicy,
    /// In the order in which they registered.
    pub(super) callees: Vec<Callee>,
    /// Place of the callee that was invoked last.
    pub(super) last_invoked: u64,
    pub(super) waiting: VecDeque<Call>,
    pub(super) queue: Option<CallQueue>,
}

#[derive(Clone)]
pub(super) struct Callee {
    pub(super) name: u64,
    /// Counts the callees of all registrations, so that later ones have higher places.
    pub(super) place: u64,
    /// Invocations that it takes at a time.
    pub(super) concurrency: Option<u64>,
    /// It minds time-outs itself, if it announced that it can.
    pub(super) forwards_timeout: bool,
}

impl Registration {
    fn has_callee(&self, name: u64) -> bool {
        self.callees.iter().any(|callee| callee.name == name)
    }

    /// Whether the queue has room for another call, in calls and in octets (CON-04).
    pub(super) fn has_room_for(&self, call: &Call) -> bool {
        let Some(queue) = &self.queue else { return false };
        let octets = self.waiting_octets() + self.octets_of(call);
        self.waiting.len() < queue.limit && octets <= queue.max_bytes
    }

    pub(super) fn has_room_for_chunk(&self, chunk: &Chunk) -> bool {
        let octets = self.waiting_octets() + chunk.counted_octets();
        self.queue.as_ref().is_some_and(|queue| octets <= queue.max_bytes)
    }

    pub(super) fn waiting_octets(&self) -> usize {
        self.waiting.iter().map(|call| self.octets_of(call)).sum()
    }

    fn octets_of(&self, call: &Call) -> usize {
        // A pattern has to keep the procedure too.
        256 + call.waiting_octets() + if self.pattern.is_exact() { 0 } else { call.procedure.len() }
    }
}

impl Model {
    pub(super) fn registration(&mut self, number: u64) -> Option<&mut Registration> {
        self.registrations.iter_mut().find(|registration| registration.number == number)
    }

    /// The registration that a call goes to (PBR-02, PBR-03, PBR-04).
    pub(super) fn best_registration(&self, realm: usize, procedure: &str) -> Option<u64> {
        let matching = |policy| {
            let of_realm = self.registrations.iter().filter(move |registration| registration.realm == realm);
            of_realm.filter(move |registration| {
                registration.pattern.policy == policy && registration.pattern.matches(procedure)
            })
        };
        let exact = matching(MatchPolicy::Exact).next();
        let prefix = matching(MatchPolicy::Prefix).max_by_key(|registration| registration.pattern.uri.len());
        let wildcard =
            matching(MatchPolicy::Wildcard).max_by_key(|registration| registration.pattern.literal_runs());
        exact.or(prefix).or(wildcard).map(|registration| registration.number)
    }

    /// The callees that the policy allows for a call and that were not asked before, the best first. Whoever is first
    /// or last does not cede its place to another because it is busy (CON-02).
    pub(super) fn callees_in_turn(&self, number: u64, call: &Call) -> Vec<Callee> {
        let found = self.registrations.iter().find(|found| found.number == number).expect("a registration");
        let all = || found.callees.iter().cloned();
        let is_untried = |callee: &Callee| !call.tried.contains(&callee.place);
        // Who stands behind the last one comes before those in front of it.
        let later = all().filter(|callee| callee.place > found.last_invoked);
        let in_turn = later.chain(all().filter(|callee| callee.place <= found.last_invoked));
        let mut callees: Vec<_> = match (call.resource_key(), found.invoke) {
            (Some(key), _) => self.owner(&found.callees, key).into_iter().cloned().collect(),
            (None, InvocationPolicy::Single | InvocationPolicy::First) => {
                all().filter(is_untried).take(1).collect()
            }
            (None, InvocationPolicy::Last) => all().rev().filter(is_untried).take(1).collect(),
            (None, InvocationPolicy::RoundRobin) => in_turn.collect(),
            (None, InvocationPolicy::Random | InvocationPolicy::All) => all().collect(),
            (None, InvocationPolicy::LeastBusy) => {
                let least = in_turn.min_by_key(|callee| {
                    (!is_untried(callee), !self.has_room(callee), self.open_invocations(callee))
                });
                let least = least.expect("a callee").place;
                let later = all().filter(|callee| callee.place >= least);
                later.chain(all().filter(|callee| callee.place < least)).collect()
            }
        };
        callees.retain(is_untried);
        callees
    }

    /// The callee that a resource key belongs to: who claims it most (SRD-01).
    fn owner<'a>(&self, callees: &'a [Callee], key: &str) -> Option<&'a Callee> {
        callees.iter().max_by_key(|callee| claim(self.sessions[&callee.name].id, key))
    }

    /// A resource key that belongs to one of those who offer a procedure. Session IDs differ from run to run; who gets
    /// the call must not.
    pub(crate) fn resource_key(&self, realm: usize, procedure: &str, choice: usize) -> String {
        let number = self.best_registration(realm, procedure);
        let found = self.registrations.iter().find(|found| Some(found.number) == number);
        let callees = found.map_or(&[][..], |found| &found.callees);
        let chosen = choice.checked_rem(callees.len()).map(|index| callees[index].place);
        let mut keys = (0..).map(|number| format!("key{number}"));
        let is_meant = |key: &String| self.owner(callees, key).map(|owner| owner.place) == chosen;
        keys.find(is_meant).expect("a key for everybody")
    }

    pub(crate) fn register(
        &mut self,
        name: u64,
        request: RequestId,
        options: &RegisterOptions,
        procedure: &Pattern,
    ) {
        if !self.admits(name, request, Action::Register, procedure) {
            return;
        }
        match self.registered(name, options, procedure) {
            Ok(number) => {
                self.answer(name, request, Answer::Registered(number));
                self.serve(number);
            }
            Err(error) => self.answer(name, request, Answer::Error(error)),
        }
        self.settle();
    }

    fn registered(
        &mut self,
        name: u64,
        options: &RegisterOptions,
        pattern: &Pattern,
    ) -> Result<u64, &'static str> {
        if options.concurrency == Some(0) {
            return Err(error_uri::INVALID_ARGUMENT);
        }
        let realm = self.sessions[&name].realm;
        let invoke = options.invoke.unwrap_or(InvocationPolicy::Single);
        let known = self.registrations.iter().find(|known| known.realm == realm && known.pattern == *pattern);
        let is_held = known.is_some_and(|known| known.has_callee(name));
        if !is_held && self.held(name).len() >= REGISTRATIONS_MAX {
            return Err(error_uri::UNAVAILABLE);
        }
        let number = match known {
            None => self.create(realm, pattern, invoke),
            Some(known) if options.force_reregister == Some(true) => {
                if known.callees.iter().any(|callee| !self.are_same_principal(callee.name, name)) {
                    return Err(error_uri::PROCEDURE_ALREADY_EXISTS);
                }
                let number = known.number;
                self.take_over(number, name, invoke);
                number
            }
            Some(known) if known.invoke == InvocationPolicy::Single || known.invoke != invoke => {
                return Err(error_uri::PROCEDURE_ALREADY_EXISTS);
            }
            Some(known) => known.number,
        };
        self.last_place += 1;
        let callee = Callee {
            name,
            place: self.last_place,
            concurrency: options.concurrency,
            forwards_timeout: options.forward_timeout == Some(true),
        };
        let registration = self.registration(number).expect("a registration");
        match registration.callees.iter_mut().find(|callee| callee.name == name) {
            Some(known) => *known = Callee { place: known.place, ..callee },
            None => registration.callees.push(callee),
        }
        self.member(name).is_party = true;
        Ok(number)
    }

    fn create(&mut self, realm: usize, pattern: &Pattern, invoke: InvocationPolicy) -> u64 {
        self.last_registration += 1;
        let queues = self.queues.iter().map(|queue| (Pattern::new(&queue.uri, queue.match_policy), queue));
        self.registrations.push(Registration {
            number: self.last_registration,
            realm,
            pattern: pattern.clone(),
            invoke,
            callees: Vec::new(),
            last_invoked: 0,
            waiting: VecDeque::new(),
            queue: most_specific(queues, &pattern.uri).cloned(),
        });
        self.last_registration
    }

    fn are_same_principal(&self, one: u64, other: u64) -> bool {
        let (one, other) = (&self.sessions[&one], &self.sessions[&other]);
        (&one.authid, &one.role) == (&other.authid, &other.role)
    }

    /// Takes everybody else off a registration. Calls that wait go on to wait (CON-08, RRV-01).
    fn take_over(&mut self, number: u64, name: u64, invoke: InvocationPolicy) {
        let registration = self.registration(number).expect("a registration");
        registration.invoke = invoke;
        let others: Vec<_> = registration.callees.extract_if(.., |callee| callee.name != name).collect();
        for other in others {
            self.forget_places_of_nobody(other.place);
            self.revoke(other.name, number, error_uri::REGISTRATION_TAKEN_OVER);
        }
    }

    pub(crate) fn unregister(&mut self, name: u64, request: RequestId, number: u64) {
        if !self.is_live(name) {
            return;
        }
        if self.held(name).contains(&number) {
            self.answer(name, request, Answer::Unregistered);
            self.take_off(name, number);
        } else {
            self.answer(name, request, Answer::Error(error_uri::NO_SUCH_REGISTRATION));
        }
        self.settle();
    }

    /// Takes a callee off a registration, which goes with the last one (CON-06).
    pub(super) fn take_off(&mut self, name: u64, number: u64) {
        let registration = self.registration(number).expect("a registration");
        let at = registration.callees.iter().position(|callee| callee.name == name).expect("a callee");
        let place = registration.callees.remove(at).place;
        let is_last = registration.callees.is_empty();
        self.forget_places_of_nobody(place);
        if !is_last {
            return self.serve(number);
        }
        let at = self.registrations.iter().position(|known| known.number == number).expect("a registration");
        for call in self.registrations.remove(at).waiting {
            self.answer(call.caller, call.request, Answer::Error(error_uri::NO_SUCH_PROCEDURE));
        }
    }

    /// The registrations of a session, the oldest first.
    pub(super) fn held(&self, name: u64) -> Vec<u64> {
        let held = self.registrations.iter().filter(|registration| registration.has_callee(name));
        held.map(|registration| registration.number).collect()
    }

    /// What a session offers.
    pub(crate) fn offers_of(&self, name: u64) -> Vec<Pattern> {
        let own = self.registrations.iter().filter(|registration| registration.has_callee(name));
        own.map(|registration| registration.pattern.clone()).collect()
    }

    /// What is offered in a realm, and who of several gets a call.
    pub(crate) fn offers(&self, realm: usize) -> Vec<(Pattern, InvocationPolicy)> {
        let all = self.registrations.iter().filter(|registration| registration.realm == realm);
        all.map(|registration| (registration.pattern.clone(), registration.invoke)).collect()
    }

    /// What is offered in a session's realm in nobody's name but its own.
    pub(crate) fn offers_of_same_principal(&self, name: u64) -> Vec<(Pattern, InvocationPolicy)> {
        let realm = self.sessions[&name].realm;
        let own = self.registrations.iter().filter(|registration| {
            let mut callees = registration.callees.iter();
            registration.realm == realm && callees.all(|callee| self.are_same_principal(callee.name, name))
        });
        own.map(|registration| (registration.pattern.clone(), registration.invoke)).collect()
    }

    /// Callees of registrations that leave the choice to chance.
    pub(crate) fn left_to_chance(&self) -> Vec<u64> {
        let random = self.registrations.iter().filter(|known| known.invoke == InvocationPolicy::Random);
        random.flat_map(|registration| registration.callees.iter().map(|callee| callee.name)).collect()
    }
}
