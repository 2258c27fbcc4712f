//! From a call to its INVOCATIONs: which callee gets it, and what that is told.

use wamp_proto::dict::InvocationPolicy;
use wamp_proto::{RequestId, error_uri};

use super::Model;
use super::calls::{Call, CallKey, Chunk, Invocation, Obstacle, Undispatched};
use super::procedures::Callee;
use super::session::Invoked;

impl Model {
    pub(super) fn open_invocations(&self, callee: &Callee) -> u64 {
        self.open.iter().filter(|invocation| invocation.place == callee.place).count() as u64
    }

    pub(super) fn has_room(&self, callee: &Callee) -> bool {
        callee.concurrency.is_none_or(|most| self.open_invocations(callee) < most)
    }

    /// Whether a callee has the features that the call needs (PPT-07, PCI-04).
    pub(super) fn suits(&self, callee: &Callee, call: &Call) -> bool {
        let features = self.sessions[&callee.name].features;
        let lacks_packing = call.is_packed() && !features.takes_packed;
        let lacks_chunks = call.is_in_chunks() && !(features.takes_chunks && features.takes_interrupts);
        !lacks_packing && !lacks_chunks
    }

    /// Gives a call to the first callee that may, can and does take it.
    pub(super) fn dispatch(&mut self, number: u64, mut call: Call) -> Result<(), Box<Undispatched>> {
        let invoke = self.registration(number).expect("a registration").invoke;
        if invoke == InvocationPolicy::All {
            return self.dispatch_to_all(number, call);
        }
        let mut callees = self.callees_in_turn(number, &call);
        let mut obstacle = Obstacle::Never(error_uri::NO_AVAILABLE_CALLEE);
        if callees.iter().any(|callee| !self.suits(callee, &call)) {
            obstacle = Obstacle::Never(error_uri::FEATURE_NOT_SUPPORTED);
        }
        callees.retain(|callee| self.suits(callee, &call));
        if callees.iter().any(|callee| !self.has_room(callee)) {
            obstacle = Obstacle::Busy;
        }
        callees.retain(|callee| self.has_room(callee));
        if invoke == InvocationPolicy::Random && callees.len() > 1 {
            // Any will do, and this is the one.
            let seen = self.seen_at.get(&call.note.key());
            callees.retain(|callee| Some(&callee.name) == seen);
            assert_eq!(callees.len(), 1, "{:?} went to {seen:?}, who could not have it", call.note);
            self.seen.choices_by_chance += 1;
        }
        for callee in callees {
            let Some(invoked) = self.invoke_for(number, &callee, &call) else {
                obstacle = Obstacle::Full;
                continue;
            };
            let features = self.sessions[&callee.name].features;
            call.takes_progress = invoked.takes_progress;
            call.is_timeout_forwarded = invoked.timeout.is_some();
            if call.is_timeout_forwarded {
                call.deadline = self.call_timeout.map(|milliseconds| call.since + milliseconds);
            }
            // A call in several messages is told from the start to nobody else.
            call.may_be_rerouted =
                features.reroutes && invoke != InvocationPolicy::Single && call.waiting_chunks.is_empty();
            call.invoked = Some(invoked);
            self.begin(call);
            return Ok(());
        }
        Err(Box::new((obstacle, call)))
    }

    /// A callee has the call; the chunks that waited with it follow.
    fn begin(&mut self, mut call: Call) {
        let key = call.key();
        let chunks = std::mem::take(&mut call.waiting_chunks);
        self.member(call.caller).is_party = true;
        self.underway.push(call);
        for chunk in chunks {
            if !self.pass_on(key, chunk) {
                // It waited, and so did those that whoever serves the queue goes on with.
                self.stop_call(key, error_uri::UNAVAILABLE);
                return;
            }
        }
    }

    fn forwards_timeout(&self, callee: &Callee) -> bool {
        callee.forwards_timeout && self.sessions[&callee.name].features.minds_timeouts
    }

    /// Sends an INVOCATION, if the callee's outbox has room, and takes the callee's place.
    pub(super) fn invoke_for(&mut self, number: u64, callee: &Callee, call: &Call) -> Option<Invoked> {
        let features = self.sessions[&callee.name].features;
        let registration = self.registration(number).expect("a registration");
        let goes_to_all = registration.invoke == InvocationPolicy::All;
        let procedure = (!registration.pattern.is_exact()).then(|| call.procedure.clone());
        let wants_progress = call.options.receive_progress == Some(true) && !goes_to_all;
        let timeout = call.options.timeout.filter(|timeout| *timeout > 0 && self.forwards_timeout(callee));
        let invoked = Invoked {
            request: self.member(callee.name).last_invocation + 1,
            registration: number,
            procedure,
            note: call.note,
            is_packed: call.is_packed(),
            more_follows: call.is_in_chunks(),
            takes_progress: wants_progress && features.sends_progress,
            timeout: timeout.map(|timeout| self.rest_of(timeout, call)),
        };
        if !self.invoke(callee.name, invoked.clone()) {
            return None;
        }
        self.member(callee.name).last_invocation = invoked.request;
        self.open.push(Invocation {
            callee: callee.name,
            request: invoked.request,
            caller: Some(call.key()),
            registration: number,
            place: callee.place,
        });
        self.registration(number).expect("a registration").last_invoked = callee.place;
        Some(invoked)
    }

    /// The caller goes on with a call. What belongs to none that is open is dropped (PCI-11).
    pub(crate) fn chunk(&mut self, name: u64, request: RequestId, chunk: Chunk) {
        let key = (name, request);
        if !self.is_live(name) {
            return;
        }
        let waits_for = self.waits_for(key);
        let Some(call) = self.find_call(key) else { return };
        if call.is_killed {
            return;
        }
        let has_room = match waits_for {
            Some(number) => self.wait_with_call(number, key, chunk),
            None => {
                // Another callee could not make up for what this one got.
                call.may_be_rerouted = false;
                self.pass_on(key, chunk)
            }
        };
        if !has_room {
            self.seen.chunks_lost += 1;
            self.end_call(key, error_uri::UNAVAILABLE);
        }
        self.settle();
    }

    fn wait_with_call(&mut self, number: u64, key: CallKey, chunk: Chunk) -> bool {
        let has_room = self.registration(number).expect("a registration").has_room_for_chunk(&chunk);
        if has_room {
            self.find_call(key).expect("a call").waiting_chunks.push(chunk);
            self.seen.chunks_that_waited += 1;
        }
        has_room
    }

    /// Gives a chunk to the callee that has the call (PCI-02, PCI-05).
    fn pass_on(&mut self, key: CallKey, chunk: Chunk) -> bool {
        let open = self.open.iter().find(|open| open.caller == Some(key)).expect("an invocation");
        let callee = open.callee;
        self.seen.chunks_passed_on += 1;
        let first = self.find_call(key).and_then(|call| call.invoked.clone()).expect("a callee");
        self.invoke(callee, Invoked { note: chunk.note, more_follows: !chunk.is_last, ..first })
    }
}
