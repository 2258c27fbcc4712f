//! Calls, from the CALL to the final answer: at a callee, or waiting for one.

use std::collections::BTreeMap;

use trunkline::config::Action;
use wamp_proto::dict::InvocationPolicy;
use wamp_proto::{RequestId, error_uri};

use super::Model;
use super::procedures::{Callee, Registration};
use super::session::{Answer, Invoked};
use crate::note::Note;
use crate::pattern::Pattern;

/// A CALL that no callee has.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) caller: u64,
    pub(crate) request: RequestId,
    pub(crate) procedure: String,
    pub(crate) note: Note,
    /// Of the payload, as the caller wrote it.
    pub(crate) octets: usize,
}

/// An INVOCATION that its callee has not answered.
pub(super) struct Invocation {
    callee: u64,
    request: u64,
    /// Nobody, if the caller left and the callee's place is taken still (CON-03).
    caller: Option<(u64, RequestId)>,
    registration: u64,
    place: u64,
}

/// What becomes of a call.
#[derive(PartialEq)]
enum Outcome {
    Invoked,
    /// All callees that may take it have as many invocations as they want.
    Busy,
    /// The outboxes of all callees that may take it are full.
    Full,
}

impl Model {
    pub(crate) fn call(&mut self, call: Call) {
        let (name, request) = (call.caller, call.request);
        if !self.admits(name, request, Action::Call, &Pattern::exact(&call.procedure)) {
            return;
        }
        let error = match self.best_registration(self.sessions[&name].realm, &call.procedure) {
            None => Some(error_uri::NO_SUCH_PROCEDURE),
            Some(number) => {
                let others_wait = self.registration(number).is_some_and(|found| !found.waiting.is_empty());
                let error = match if others_wait { Outcome::Busy } else { self.dispatch(number, &call) } {
                    Outcome::Invoked => None,
                    Outcome::Busy if self.wait(number, &call) => None,
                    Outcome::Busy => Some(error_uri::MAX_CONCURRENCY_REACHED),
                    Outcome::Full if self.answers_will_come(number) && self.wait(number, &call) => None,
                    Outcome::Full => Some(error_uri::UNAVAILABLE),
                };
                if others_wait && error.is_none() {
                    // Perhaps for a callee whose outbox was full, and has room by now.
                    self.serve(number);
                }
                error
            }
        };
        if let Some(error) = error {
            self.answer(name, request, Answer::Error(error));
        }
        self.settle();
    }

    fn wait(&mut self, number: u64, call: &Call) -> bool {
        let caller = call.caller;
        let registration = self.registration(number).expect("a registration");
        let has_room = registration.has_room_for(call);
        if has_room {
            registration.waiting.push_back(call.clone());
            self.member(caller).is_party = true;
            self.calls_that_waited += 1;
        }
        has_room
    }

    fn open_invocations(&self, callee: &Callee) -> u64 {
        self.open.iter().filter(|invocation| invocation.place == callee.place).count() as u64
    }

    /// Whether a callee will answer, so that a call may wait for an outbox that is full.
    fn answers_will_come(&mut self, number: u64) -> bool {
        let callees = self.registration(number).map(|registration| registration.callees.clone());
        callees.into_iter().flatten().any(|callee| self.open_invocations(&callee) > 0)
    }

    fn dispatch(&mut self, number: u64, call: &Call) -> Outcome {
        let registration = self.registration(number).expect("a registration");
        let invoke = registration.invoke;
        let procedure = (!registration.pattern.is_exact()).then(|| call.procedure.clone());
        let mut callees = registration.callees_in_turn();
        callees.retain(|callee| callee.concurrency.is_none_or(|most| self.open_invocations(callee) < most));
        if callees.is_empty() {
            return Outcome::Busy;
        }
        if invoke == InvocationPolicy::Random && callees.len() > 1 {
            // Any will do that has room, and this is the one.
            let seen = self.seen_at.get(&call.note.key());
            callees.retain(|callee| Some(&callee.name) == seen);
            assert_eq!(callees.len(), 1, "{:?} went to {seen:?}, who has no room", call.note);
            self.choices_by_chance += 1;
        }
        for callee in callees {
            let invoked = |request| Invoked {
                request,
                registration: number,
                procedure: procedure.clone(),
                note: call.note,
            };
            if let Some(request) = self.invoke(callee.name, invoked) {
                let caller = Some((call.caller, call.request));
                let place = callee.place;
                self.open.push(Invocation {
                    callee: callee.name,
                    request,
                    caller,
                    registration: number,
                    place,
                });
                self.registration(number).expect("a registration").last_invoked = place;
                self.member(call.caller).is_party = true;
                return Outcome::Invoked;
            }
            self.refused_invocations += 1;
        }
        Outcome::Full
    }

    /// Gives waiting calls to callees, as far as these take them.
    pub(super) fn serve(&mut self, number: u64) {
        while let Some(call) = self.registration(number).and_then(|found| found.waiting.pop_front()) {
            match self.dispatch(number, &call) {
                Outcome::Invoked => {}
                Outcome::Full if !self.answers_will_come(number) => {
                    self.answer(call.caller, call.request, Answer::Error(error_uri::UNAVAILABLE));
                }
                Outcome::Busy | Outcome::Full => {
                    self.registration(number).expect("a registration").waiting.push_front(call);
                    return;
                }
            }
        }
    }

    /// A callee answers; late answers count for nothing.
    pub(crate) fn answered(&mut self, callee: u64, request: u64, note: Note, fails: bool) {
        let answer = if fails { Answer::Failed(note) } else { Answer::Result(note) };
        self.end_call(callee, request, answer);
        self.settle();
    }

    pub(super) fn end_call(&mut self, callee: u64, request: u64, answer: Answer) {
        if !self.is_live(callee) {
            return;
        }
        let is_meant = |open: &Invocation| open.callee == callee && open.request == request;
        let Some(at) = self.open.iter().position(is_meant) else { return };
        let Invocation { caller, registration, place, .. } = self.open.remove(at);
        if let Some((caller, request)) = caller {
            self.answer(caller, request, answer);
        }
        if self.callee_at(registration, place).is_some() {
            self.serve(registration);
        }
    }

    /// The callee at a place of a registration, unless it left that meanwhile.
    fn callee_at(&mut self, number: u64, place: u64) -> Option<&Callee> {
        self.registration(number)?.callees.iter().find(|callee| callee.place == place)
    }

    /// Forgets the invocations at a place that is no callee's any more, unless a caller waits for the answer.
    pub(super) fn forget_places_of_nobody(&mut self, place: u64) {
        self.open.retain(|invocation| invocation.place != place || invocation.caller.is_some());
    }

    /// Releases what a session that is gone held as caller and as callee.
    pub(super) fn release_calls(&mut self, name: u64) {
        for registration in &mut self.registrations {
            registration.waiting.retain(|call| call.caller != name);
        }
        let is_own = |open: &Invocation| open.caller.is_some_and(|(caller, _)| caller == name);
        let own: BTreeMap<_, _> = self
            .open
            .iter()
            .filter(|open| is_own(open))
            .map(|open| (open.caller, (open.registration, open.place)))
            .collect();
        let mut freed = Vec::new();
        for (caller, (number, place)) in own {
            let callee = self.callee_at(number, place);
            let has_callee = callee.is_some();
            // Where its place counts, it is taken until the callee answers.
            let is_limited = callee.is_some_and(|callee| callee.concurrency.is_some());
            let at = self.open.iter().position(|open| open.caller == caller).expect("an open invocation");
            if is_limited {
                self.open[at].caller = None;
            } else {
                self.open.remove(at);
                freed.extend(has_callee.then_some(number));
            }
        }
        let left: Vec<_> = self.open.extract_if(.., |open| open.callee == name).collect();
        for (caller, request) in left.into_iter().filter_map(|invocation| invocation.caller) {
            self.answer(caller, request, Answer::Error(error_uri::CANCELED));
        }
        for number in self.held(name) {
            self.take_off(name, number);
        }
        // Calls that waited for an answer which nobody waits for any more.
        for number in freed {
            self.serve(number);
        }
    }

    /// Octets of the calls of a realm that wait in queues.
    pub(super) fn waiting_octets(&self, realm: usize) -> usize {
        let of_realm = self.registrations.iter().filter(|registration| registration.realm == realm);
        of_realm.map(Registration::waiting_octets).sum()
    }

    /// How many CALLs of a realm wait for their final answer.
    pub(super) fn open_calls(&self, realm: usize) -> usize {
        let of_realm = self.registrations.iter().filter(|registration| registration.realm == realm);
        let waiting: usize = of_realm.map(|registration| registration.waiting.len()).sum();
        let callers = self.open.iter().filter_map(|invocation| invocation.caller);
        waiting + callers.filter(|(caller, _)| self.sessions[caller].realm == realm).count()
    }
}
