//! What callees answer, and what becomes of it.

use wamp_proto::error_uri;

use super::Model;
use super::calls::{Call, CallKey, Invocation};
use super::procedures::Callee;
use super::session::{Answer, Asked};
use crate::note::Note;
use crate::reply::{Content, Part, Reply};

impl Model {
    /// A callee answers; late answers count for nothing.
    pub(crate) fn answered(&mut self, callee: u64, request: u64, note: Note, reply: Reply) {
        if !self.is_live(callee) {
            return;
        }
        match reply {
            Reply::Progress => self.progressed(callee, request, note),
            Reply::Packed if !self.caller_takes_packed(callee, request) => {
                // The callee is told why, and the caller that there is no result (PPT-08).
                self.ask(callee, self.max_messages * 2, Asked::Refused { request });
                self.end_invocation(callee, request, Answer::Error(error_uri::FEATURE_NOT_SUPPORTED));
            }
            Reply::Unavailable if self.may_go_elsewhere(callee, request) => self.reroute(callee, request),
            Reply::Result => {
                self.end_invocation(callee, request, Answer::Result(Content::One(note)));
            }
            Reply::Packed => self.end_invocation(callee, request, Answer::Packed(note)),
            Reply::Failed => self.end_invocation(callee, request, Answer::Failed(note)),
            Reply::Unavailable => {
                self.end_invocation(callee, request, Answer::Error(error_uri::UNAVAILABLE));
            }
        }
        self.settle();
    }

    /// The call that waits for an invocation.
    fn call_of(&mut self, callee: u64, request: u64) -> Option<&mut Call> {
        let open = self.open.iter().find(|open| open.callee == callee && open.request == request);
        let caller = open?.caller?;
        self.find_call(caller)
    }

    fn caller_takes_packed(&mut self, callee: u64, request: u64) -> bool {
        let caller = self.call_of(callee, request).map(|call| call.caller);
        // If nobody waits, nobody minds.
        caller.is_none_or(|caller| self.sessions[&caller].features.packs_calls)
    }

    /// A progressive result is passed on at once, if the caller asked for such and still wants it (PCR-02, PCR-04).
    fn progressed(&mut self, callee: u64, request: u64, note: Note) {
        let Some(call) = self.call_of(callee, request) else { return };
        if !call.takes_progress || call.is_killed {
            return;
        }
        // Another callee would begin again.
        call.may_be_rerouted = false;
        let call = call.clone();
        let (caller, request) = call.key();
        if let Some(milliseconds) = self.time_left(&call) {
            // The time-out is one of inactivity (PCR-08).
            let deadline = self.now + milliseconds;
            self.find_call((caller, request)).expect("a call").deadline = Some(deadline);
        }
        self.seen.progress += 1;
        self.answer(caller, request, Answer::Progress(Content::One(note)));
    }

    /// Whether a callee may pass an invocation on: if anybody may have the call.
    fn may_go_elsewhere(&mut self, callee: u64, request: u64) -> bool {
        let reroutes = self.sessions[&callee].features.reroutes;
        let call = self.call_of(callee, request);
        reroutes && call.is_none_or(|call| !call.is_killed && call.gathering.is_none())
    }

    /// Gives a call to the next callee that has not been asked (RRT-01 to RRT-03).
    fn reroute(&mut self, callee: u64, request: u64) {
        let Some(invocation) = self.take_invocation(callee, request) else { return };
        let number = invocation.registration;
        if let Some(key) = invocation.caller {
            let mut call = self.take_call(key).expect("a call");
            if !call.may_be_rerouted || self.registration(number).is_none() {
                self.answer(key.0, key.1, Answer::Error(error_uri::NO_AVAILABLE_CALLEE));
            } else {
                call.tried.push(invocation.place);
                call.may_be_rerouted = false;
                // Whoever gets it next may not be told that progress is welcome.
                call.takes_progress = false;
                if call.is_timeout_forwarded
                    && let Some(timeout) = call.options.timeout.filter(|timeout| *timeout > 0)
                {
                    // The dealer minds it again.
                    let deadline = self.now + self.rest_of(timeout, &call);
                    call.deadline = Some(call.deadline.map_or(deadline, |before| before.min(deadline)));
                }
                call.is_timeout_forwarded = false;
                self.seen.reroutes += 1;
                let rerouted = self.dispatch(number, call);
                if let Err(undispatched) = rerouted
                    && let Err(error) = self.wait_or_refuse(number, *undispatched)
                {
                    self.answer(key.0, key.1, Answer::Error(error));
                }
                return self.serve(number);
            }
        }
        if self.callee_at(number, invocation.place).is_some() {
            self.serve(number);
        }
    }

    /// What an invocation comes to cannot be told, or nobody is to answer it any more.
    pub(super) fn end_undeliverable(&mut self, callee: u64, request: u64, error: &'static str) {
        let call = self.call_of(callee, request);
        if call.is_some_and(|call| call.is_in_chunks() && !call.is_killed) {
            // It may have got other chunks.
            self.interrupt(callee, request, wamp_proto::dict::CancelMode::KillNoWait);
        }
        self.end_invocation(callee, request, Answer::Error(error));
    }

    /// A part of what a call comes to cannot be told: the rest means nothing, and is replaced by an error, even if it
    /// is on its way.
    pub(super) fn end_untold(&mut self, key: CallKey) {
        self.seen.results_lost += 1;
        if self.find_call(key).is_some() {
            return self.end_call(key, error_uri::INVALID_ARGUMENT);
        }
        let last = self.member(key.0).answers.get_mut(&key.1).and_then(|answers| answers.back_mut());
        if let Some(last) = last {
            *last = Answer::Error(error_uri::INVALID_ARGUMENT);
        }
    }

    /// The last word on an invocation: its place is free for the next.
    pub(super) fn end_invocation(&mut self, callee: u64, request: u64, answer: Answer) {
        let Some(invocation) = self.take_invocation(callee, request) else { return };
        if let Some(key) = invocation.caller {
            self.end_part(key, (callee, request), answer);
        }
        if self.callee_at(invocation.registration, invocation.place).is_some() {
            self.serve(invocation.registration);
        }
    }

    pub(super) fn take_invocation(&mut self, callee: u64, request: u64) -> Option<Invocation> {
        let is_meant = |open: &Invocation| open.callee == callee && open.request == request;
        let at = self.open.iter().position(is_meant)?;
        Some(self.open.remove(at))
    }

    /// Answers the caller, unless others have to answer too.
    pub(super) fn end_part(&mut self, key: CallKey, invocation: (u64, u64), answer: Answer) {
        if self.find_call(key).is_none_or(|call| call.gathering.is_none()) {
            self.take_call(key).expect("a call");
            return self.answer(key.0, key.1, answer);
        }
        let part = match answer {
            Answer::Result(Content::One(note)) => Part::Result(note),
            Answer::Failed(note) => Part::Failed(note),
            Answer::Error(error) => Part::error(error),
            // Says how it is packed, for which there is no place beside other answers.
            Answer::Packed(_) => Part::error(error_uri::FEATURE_NOT_SUPPORTED),
            other => panic!("{other:?} is no answer to an invocation"),
        };
        self.gathered(key, invocation, part);
    }

    /// The callee at a place of a registration, unless it left that meanwhile.
    pub(super) fn callee_at(&mut self, number: u64, place: u64) -> Option<&Callee> {
        self.registration(number)?.callees.iter().find(|callee| callee.place == place)
    }

    /// Forgets the invocations at a place that is no callee's any more, unless a caller waits for the answer.
    pub(super) fn forget_places_of_nobody(&mut self, place: u64) {
        self.open.retain(|invocation| invocation.place != place || invocation.caller.is_some());
    }
}
