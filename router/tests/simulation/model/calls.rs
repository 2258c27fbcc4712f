//! Calls: what is known of each, where it is, and the queues in front of callees.

use trunkline::config::Action;
use wamp_proto::dict::CallOptions;
use wamp_proto::{RequestId, error_uri};

use super::Model;
use super::gathering::Member;
use super::procedures::Registration;
use super::session::{Answer, Invoked};
use crate::note::Note;
use crate::pattern::Pattern;

/// Who called, and by which request.
pub(super) type CallKey = (u64, RequestId);

/// A CALL, and what became of it.
#[derive(Clone)]
pub(crate) struct Call {
    pub(super) caller: u64,
    pub(super) request: RequestId,
    pub(super) procedure: String,
    /// What it asked for, which holds to the end (PCI-06).
    pub(super) options: CallOptions,
    pub(super) note: Note,
    /// Of the payload, as the caller wrote it.
    pub(super) octets: usize,

    /// When it came.
    pub(super) since: u64,
    pub(super) deadline: Option<u64>,
    /// Chunks that wait with it.
    pub(super) waiting_chunks: Vec<Chunk>,
    /// The INVOCATION that the first chunk became.
    pub(super) invoked: Option<Invoked>,
    /// The callee was told that progress is welcome.
    pub(super) takes_progress: bool,
    /// The callee minds the time-out.
    pub(super) is_timeout_forwarded: bool,
    pub(super) is_killed: bool,
    /// Places of those who could not attend to it.
    pub(super) tried: Vec<u64>,
    /// Whether it can be given to another callee.
    pub(super) may_be_rerouted: bool,
    /// Whom it went to, of all callees, and what they answered.
    pub(super) gathering: Option<Vec<Member>>,
}

/// Another message of a call.
#[derive(Clone)]
pub(crate) struct Chunk {
    pub(crate) note: Note,
    pub(crate) octets: usize,
    pub(crate) is_last: bool,
}

/// An INVOCATION that its callee has not answered.
pub(super) struct Invocation {
    pub(super) callee: u64,
    pub(super) request: u64,
    /// Nobody, if the caller has its answer and the callee's place is taken still (CON-03).
    pub(super) caller: Option<CallKey>,
    pub(super) registration: u64,
    pub(super) place: u64,
}

/// Why no callee took a call.
pub(super) enum Obstacle {
    /// All callees that may take it have as many invocations as they want.
    Busy,
    /// The outboxes of all callees that may take it are full.
    Full,
    /// Nobody can take it, now or later.
    Never(&'static str),
}

/// A call, and why no callee took it.
pub(super) type Undispatched = (Obstacle, Call);

impl Call {
    pub(crate) fn new(
        (caller, request): (u64, RequestId),
        procedure: String,
        options: CallOptions,
        note: Note,
        octets: usize,
    ) -> Self {
        Self {
            caller,
            request,
            procedure,
            options,
            note,
            octets,
            since: 0,
            deadline: None,
            waiting_chunks: Vec::new(),
            invoked: None,
            takes_progress: false,
            is_timeout_forwarded: false,
            is_killed: false,
            tried: Vec::new(),
            may_be_rerouted: false,
            gathering: None,
        }
    }

    pub(super) fn key(&self) -> CallKey {
        (self.caller, self.request)
    }

    pub(super) fn is_in_chunks(&self) -> bool {
        self.options.progress == Some(true)
    }

    pub(super) fn is_packed(&self) -> bool {
        self.options.ppt_scheme.is_some()
    }

    /// The key of the one callee that may have it.
    pub(super) fn resource_key(&self) -> Option<&str> {
        let is_partitioned = self.options.runmode.is_some();
        self.options.rkey.as_deref().filter(|_| is_partitioned)
    }

    /// Octets of the payloads and of what else its caller wrote, while it waits.
    pub(super) fn waiting_octets(&self) -> usize {
        self.octets
            + self.text_octets()
            + self.waiting_chunks.iter().map(Chunk::counted_octets).sum::<usize>()
    }

    /// Octets that are kept of it while somebody is at work on it.
    fn kept_octets(&self) -> usize {
        let spare = if self.may_be_rerouted { self.octets } else { 0 };
        let answers = self.gathering.iter().flatten().map(Member::octets).sum::<usize>();
        self.text_octets() + spare + answers
    }

    fn text_octets(&self) -> usize {
        let procedure = if self.is_in_chunks() { self.procedure.len() } else { 0 };
        let scheme = self.options.ppt_scheme.as_ref().map_or(0, |scheme| scheme.len());
        procedure + scheme + self.resource_key().map_or(0, str::len)
    }
}

impl Chunk {
    /// Octets that it counts for while it waits.
    pub(super) fn counted_octets(&self) -> usize {
        self.octets + 64
    }
}

impl Model {
    pub(crate) fn call(&mut self, call: Call) {
        let (name, request) = call.key();
        if !self.admits(name, request, Action::Call, &Pattern::exact(&call.procedure)) {
            return;
        }
        if let Err(error) = self.try_call(call) {
            self.answer(name, request, Answer::Error(error));
        }
        self.settle();
    }

    fn try_call(&mut self, mut call: Call) -> Result<(), &'static str> {
        let realm = self.sessions[&call.caller].realm;
        let number = self.best_registration(realm, &call.procedure).ok_or(error_uri::NO_SUCH_PROCEDURE)?;
        if call.options.runmode.is_some() && call.options.rkey.is_none() {
            return Err(error_uri::INVALID_ARGUMENT);
        }
        call.since = self.now;
        call.deadline = self.time_left(&call).map(|milliseconds| self.now + milliseconds);
        if self.registration(number).is_some_and(|found| !found.waiting.is_empty()) {
            self.wait(number, call)?;
            // Perhaps for a callee whose outbox was full, and has room by now.
            self.serve(number);
            return Ok(());
        }
        self.dispatch(number, call).or_else(|undispatched| self.wait_or_refuse(number, *undispatched))
    }

    pub(super) fn wait_or_refuse(
        &mut self,
        number: u64,
        (obstacle, call): Undispatched,
    ) -> Result<(), &'static str> {
        match obstacle {
            Obstacle::Busy => self.wait(number, call),
            Obstacle::Full if self.answers_will_come(number) => {
                self.wait(number, call).map_err(|_| error_uri::UNAVAILABLE)
            }
            Obstacle::Full => Err(error_uri::UNAVAILABLE),
            Obstacle::Never(error) => Err(error),
        }
    }

    fn wait(&mut self, number: u64, call: Call) -> Result<(), &'static str> {
        let caller = call.caller;
        let registration = self.registration(number).expect("a registration");
        if !registration.has_room_for(&call) {
            return Err(error_uri::MAX_CONCURRENCY_REACHED);
        }
        registration.waiting.push_back(call);
        self.member(caller).is_party = true;
        self.seen.calls_that_waited += 1;
        Ok(())
    }

    /// Gives waiting calls to callees, as far as these take them.
    pub(super) fn serve(&mut self, number: u64) {
        while let Some(call) = self.registration(number).and_then(|found| found.waiting.pop_front()) {
            let (caller, request) = call.key();
            match self.dispatch(number, call).map_err(|undispatched| *undispatched) {
                Ok(()) => {}
                Err((Obstacle::Never(error), _)) => self.answer(caller, request, Answer::Error(error)),
                Err((Obstacle::Full, _)) if !self.answers_will_come(number) => {
                    self.answer(caller, request, Answer::Error(error_uri::UNAVAILABLE));
                }
                Err((Obstacle::Busy | Obstacle::Full, call)) => {
                    self.registration(number).expect("a registration").waiting.push_front(call);
                    return;
                }
            }
        }
    }

    /// Whether a callee will answer, so that a call may wait for an outbox that is full.
    fn answers_will_come(&mut self, number: u64) -> bool {
        let callees = self.registration(number).map(|registration| registration.callees.clone());
        callees.into_iter().flatten().any(|callee| self.open_invocations(&callee) > 0)
    }

    /// Every call that has no final answer.
    pub(super) fn calls(&mut self) -> impl Iterator<Item = &mut Call> {
        let waiting = self.registrations.iter_mut().flat_map(|registration| &mut registration.waiting);
        self.underway.iter_mut().chain(waiting)
    }

    pub(super) fn find_call(&mut self, key: CallKey) -> Option<&mut Call> {
        self.calls().find(|call| call.key() == key)
    }

    /// The registration that a call waits for.
    pub(super) fn waits_for(&self, key: CallKey) -> Option<u64> {
        let waits = |found: &&Registration| found.waiting.iter().any(|call| call.key() == key);
        self.registrations.iter().find(waits).map(|registration| registration.number)
    }

    /// Forgets a call, wherever it is.
    pub(super) fn take_call(&mut self, key: CallKey) -> Option<Call> {
        for registration in &mut self.registrations {
            if let Some(at) = registration.waiting.iter().position(|call| call.key() == key) {
                return registration.waiting.remove(at);
            }
        }
        let at = self.underway.iter().position(|call| call.key() == key)?;
        Some(self.underway.remove(at))
    }

    /// Octets that a realm keeps of open calls.
    pub(super) fn waiting_octets(&self, realm: usize) -> usize {
        let of_realm = self.registrations.iter().filter(|registration| registration.realm == realm);
        let underway = self.underway.iter().filter(|call| self.sessions[&call.caller].realm == realm);
        of_realm.map(Registration::waiting_octets).sum::<usize>()
            + underway.map(Call::kept_octets).sum::<usize>()
    }

    /// How many CALLs of a realm wait for their final answer.
    pub(super) fn open_calls(&self, realm: usize) -> usize {
        let of_realm = self.registrations.iter().filter(|registration| registration.realm == realm);
        let waiting: usize = of_realm.map(|registration| registration.waiting.len()).sum();
        waiting + self.underway.iter().filter(|call| self.sessions[&call.caller].realm == realm).count()
    }
}
