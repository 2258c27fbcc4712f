//! Calls that end before their callee answers: canceled, out of time, or somebody left.

use wamp_proto::dict::CancelMode;
use wamp_proto::{RequestId, error_uri};

use super::Model;
use super::calls::{Call, CallKey, Invocation};
use super::session::{Answer, Asked};

impl Model {
    /// A caller gives its call up (CAN-02 to CAN-07).
    pub(crate) fn cancel(&mut self, name: u64, request: RequestId, mode: Option<CancelMode>) {
        let key = (name, request);
        if !self.is_live(name) {
            return;
        }
        let Some(call) = self.find_call(key) else { return };
        if call.is_killed {
            return;
        }
        match mode.unwrap_or(CancelMode::KillNoWait) {
            CancelMode::Kill => self.kill(key),
            CancelMode::KillNoWait => self.end_call(key, error_uri::CANCELED),
            CancelMode::Skip => self.skip(key),
        }
        self.settle();
    }

    /// Has the callees stop, and the caller wait for what they say then. Without any that can be stopped, it is
    /// a skip.
    fn kill(&mut self, key: CallKey) {
        let (interruptible, others): (Vec<_>, Vec<_>) =
            self.callees_of(key).into_iter().partition(|(callee, _)| self.takes_interrupts(*callee));
        if interruptible.is_empty() {
            return self.skip(key);
        }
        self.seen.kills += 1;
        let deadline = self.call_timeout.map(|milliseconds| self.now + milliseconds);
        let call = self.find_call(key).expect("a call");
        call.is_killed = true;
        call.deadline = deadline;
        for (callee, request) in interruptible {
            self.interrupt(callee, request, CancelMode::Kill);
        }
        for (callee, request) in others {
            // They work on, though nobody waits for them.
            self.end_part(key, (callee, request), Answer::Error(error_uri::CANCELED));
            if let Some(number) = self.orphan(callee, request) {
                self.serve(number);
            }
        }
    }

    fn skip(&mut self, key: CallKey) {
        let callees = self.callees_of(key);
        let waited_for = self.waits_for(key);
        self.take_call(key);
        self.answer(key.0, key.1, Answer::Error(error_uri::CANCELED));
        for (callee, request) in callees {
            if let Some(number) = self.orphan(callee, request) {
                self.serve(number);
            }
        }
        self.seen.skips += 1;
        waited_for.into_iter().for_each(|number| self.serve(number));
    }

    /// Answers the caller with an error, and stops the callees as far as they can be.
    pub(super) fn end_call(&mut self, key: CallKey, error: &'static str) {
        for number in self.stop_call(key, error) {
            self.serve(number);
        }
    }

    /// The same, and returns the registrations that may move on then.
    pub(super) fn stop_call(&mut self, key: CallKey, error: &'static str) -> Vec<u64> {
        let callees = self.callees_of(key);
        let waited_for = self.waits_for(key);
        let is_killed = self.take_call(key).is_some_and(|call| call.is_killed);
        self.answer(key.0, key.1, Answer::Error(error));
        let abandoned =
            callees.into_iter().filter_map(|(callee, request)| self.abandon(callee, request, is_killed));
        let mut freed: Vec<_> = abandoned.collect();
        // Who stood behind it may be somebody for whom a callee has room.
        freed.extend(waited_for);
        freed
    }

    fn callees_of(&self, key: CallKey) -> Vec<(u64, u64)> {
        let of_call = self.open.iter().filter(|open| open.caller == Some(key));
        of_call.map(|open| (open.callee, open.request)).collect()
    }

    fn takes_interrupts(&self, callee: u64) -> bool {
        let session = &self.sessions[&callee];
        session.features.takes_interrupts && !session.has_left
    }

    pub(super) fn interrupt(&mut self, callee: u64, request: u64, mode: CancelMode) {
        self.seen.interrupts += 1;
        self.ask(callee, self.max_messages * 2, Asked::Interrupted { request, mode });
    }

    /// Nobody waits for that invocation any more: it is stopped, and its place free, if the callee can be told
    /// (CON-03). Returns the registration, if that may move on.
    fn abandon(&mut self, callee: u64, request: u64, is_killed: bool) -> Option<u64> {
        if !self.takes_interrupts(callee) {
            return self.orphan(callee, request);
        }
        if !is_killed {
            self.interrupt(callee, request, CancelMode::KillNoWait);
        }
        let Invocation { registration, place, .. } = self.take_invocation(callee, request)?;
        self.callee_at(registration, place).is_some().then_some(registration)
    }

    /// Nobody waits for that invocation any more, and its callee goes on: where its place counts, that is taken until
    /// the callee answers. Returns the registration, if that may move on.
    fn orphan(&mut self, callee: u64, request: u64) -> Option<u64> {
        let is_meant = |open: &Invocation| open.callee == callee && open.request == request;
        let at = self.open.iter().position(is_meant)?;
        let Invocation { registration, place, .. } = self.open[at];
        let found = self.callee_at(registration, place);
        let is_there = found.is_some();
        if found.is_some_and(|callee| callee.concurrency.is_some()) {
            self.open[at].caller = None;
            return None;
        }
        self.open.remove(at);
        is_there.then_some(registration)
    }

    /// Time passes, and calls run out of it, each at its own time (TMO-02).
    pub(crate) fn advance(&mut self, milliseconds: u64) {
        let until = self.now + milliseconds;
        while let Some(next) = self.calls().filter_map(|call| call.deadline).min().filter(|at| *at <= until) {
            self.now = next;
            while let Some(key) = self.next_due() {
                self.seen.timeouts += 1;
                self.end_call(key, error_uri::TIMEOUT);
            }
            self.settle();
        }
        self.now = until;
    }

    /// A call whose time is up; of several, one of the caller with the lowest slot.
    fn next_due(&mut self) -> Option<CallKey> {
        let now = self.now;
        let due = self.calls().filter(|call| call.deadline.is_some_and(|deadline| deadline <= now));
        let due: Vec<_> = due.map(|call| call.key()).collect();
        due.into_iter().min_by_key(|(caller, request)| (self.sessions[caller].slot, *caller, *request))
    }

    /// Milliseconds that the dealer gives a call, or the pause between two results of it.
    pub(super) fn time_left(&self, call: &Call) -> Option<u64> {
        let is_minded = !call.is_timeout_forwarded && !call.is_killed;
        let own = call.options.timeout.filter(|timeout| *timeout > 0 && is_minded);
        own.into_iter().chain(self.call_timeout).min()
    }

    /// What is left of a time-out since the CALL came, and never nothing.
    pub(super) fn rest_of(&self, timeout: u64, call: &Call) -> u64 {
        timeout.saturating_sub(self.now - call.since).max(1)
    }

    /// Releases what a session that is gone held as caller and as callee.
    pub(super) fn release_calls(&mut self, name: u64) {
        let mut own: Vec<_> =
            self.calls().map(|call| call.key()).filter(|(caller, _)| *caller == name).collect();
        own.sort();
        let mut freed = Vec::new();
        for key in own {
            let callees = self.callees_of(key);
            freed.extend(self.waits_for(key));
            let is_killed = self.take_call(key).is_some_and(|call| call.is_killed);
            for (callee, request) in callees {
                freed.extend(self.abandon(callee, request, is_killed));
            }
        }
        let left: Vec<_> = self.open.extract_if(.., |open| open.callee == name).collect();
        for Invocation { request, caller, .. } in left {
            if let Some(key) = caller {
                self.end_part(key, (name, request), Answer::Error(error_uri::CANCELED));
            }
        }
        for number in self.held(name) {
            self.take_off(name, number);
        }
        // Calls that waited for what nobody waits for any more.
        for number in freed {
            self.serve(number);
        }
    }
}
