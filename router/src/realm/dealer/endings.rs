//! Calls that end before their callee answers: canceled, out of time, their caller gone, the router going down.

use std::collections::BTreeSet;

use wamp_proto::dict::{CancelMode, InterruptOptions};
use wamp_proto::message::{Cancel, Interrupt};
use wamp_proto::{MessageCode, RequestId, error_uri};

use super::Dealer;
use super::calls::{OpenCall, Whereabouts};
use super::terms;
use crate::realm::outgoing::Outgoing;
use crate::realm::recipient::RecipientKey;
use crate::realm::refusal::Refusal;
use crate::realm::settings::RealmSettings;
use crate::realm::world::World;

/// Calls that run out of time under one guard.
const EXPIRED_AT_ONCE: usize = 64;

impl Dealer {
    /// Ends a call that its caller gave up (CAN). One that is over, or somebody else's, stays as it is (PV-13,
    /// CAN-07).
    pub(in crate::realm) fn cancel(
        &mut self,
        settings: &RealmSettings,
        from: RecipientKey,
        cancel: &Cancel,
        out: &impl World,
    ) {
        let request = cancel.request;
        let open = self.parties.get_mut(&from).and_then(|party| party.calls.get_mut(&request));
        let Some(open) = open else { return };
        if open.terms.as_ref().is_some_and(|terms| terms.is_killed) {
            return;
        }
        let refusal = Refusal::new(error_uri::CANCELED, "the caller canceled the call".to_owned());
        match cancel.options.mode.unwrap_or(CancelMode::KillNoWait) {
            CancelMode::Kill => {
                if !self.kill(settings, from, request, out) {
                    self.skip_call(settings, from, request, &refusal, out);
                }
            }
            CancelMode::KillNoWait => self.end_call(settings, from, request, &refusal, out),
            CancelMode::Skip => self.skip_call(settings, from, request, &refusal, out),
        }
    }

    /// Interrupts the callees of a call, whose caller goes on to wait for them (CAN-03). Returns whether there is
    /// one that can be interrupted.
    fn kill(
        &mut self,
        settings: &RealmSettings,
        caller: RecipientKey,
        request: RequestId,
        out: &impl World,
    ) -> bool {
        let (interruptible, others): (Vec<_>, Vec<_>) = self
            .callees_of(caller, request)
            .into_iter()
            .partition(|(callee, _)| takes_interrupts(*callee, out));
        if interruptible.is_empty() {
            return false;
        }
        let open = self.parties.get_mut(&caller).and_then(|party| party.calls.get_mut(&request));
        if let Some(open) = open {
            let terms = open.terms.get_or_insert_default();
            terms.is_killed = true;
            // Its own time-out is over; the realm's bounds how long the callee may take to stop.
            let timeout = terms::dealers_timeout(settings, Some(terms));
            let deadline = timeout.map(|milliseconds| out.now() + milliseconds);
            let before = std::mem::replace(&mut open.deadline, deadline);
            if let Some(at) = before {
                self.deadlines.clear(at, caller, request);
            }
            if let Some(at) = deadline {
                self.deadlines.set(at, caller, request, out);
            }
        }
        for (callee, invocation) in interruptible {
            interrupt(callee, invocation, CancelMode::Kill, out);
        }
        for (callee, invocation) in others {
            // Of several callees, those that cannot be interrupted are not waited for. They work on all the same.
            self.give_up_on(settings, (caller, request), (callee, invocation), out);
            if let Some(slot) = self.orphan(settings, callee, invocation) {
                self.serve_waiting(settings, slot, out);
            }
        }
        true
    }

    /// Answers the caller at once, and leaves the callees alone (CAN-02).
    fn skip_call(
        &mut self,
        settings: &RealmSettings,
        caller: RecipientKey,
        request: RequestId,
        refusal: &Refusal,
        out: &impl World,
    ) {
        let callees = self.callees_of(caller, request);
        let open = self.take_call(caller, request);
        refusal.answer(caller, MessageCode::Call, request, out);
        for (callee, invocation) in callees {
            if let Some(slot) = self.orphan(settings, callee, invocation) {
                self.serve_waiting(settings, slot, out);
            }
        }
        if let Some(slot) = open.and_then(|open| open.queue()) {
            self.serve_waiting(settings, slot, out);
        }
    }

    /// Answers the caller at once, and interrupts the callees as far as they can be (CAN-04, CAN-05, TMO-02).
    pub(super) fn end_call(
        &mut self,
        settings: &RealmSettings,
        caller: RecipientKey,
        request: RequestId,
        refusal: &Refusal,
        out: &impl World,
    ) {
        for slot in self.stop_call(settings, caller, request, refusal, out) {
            self.serve_waiting(settings, slot, out);
        }
    }

    /// The same, and leaves it to others to give the places to calls that wait: returns the slots of their
    /// registrations.
    pub(super) fn stop_call(
        &mut self,
        settings: &RealmSettings,
        caller: RecipientKey,
        request: RequestId,
        refusal: &Refusal,
        out: &impl World,
    ) -> Vec<usize> {
        let callees = self.callees_of(caller, request);
        let open = self.take_call(caller, request);
        let is_killed = open.as_ref().is_some_and(OpenCall::is_killed);
        refusal.answer(caller, MessageCode::Call, request, out);
        let abandoned = callees
            .into_iter()
            .filter_map(|(callee, invocation)| self.abandon(settings, callee, invocation, is_killed, out));
        let mut freed: Vec<_> = abandoned.collect();
        // The next in the queue may be for another callee.
        freed.extend(open.and_then(|open| open.queue()));
        freed
    }

    /// Ends a call whose caller cannot be told the rest of it (RAW-13). Returns whether it was open.
    pub(in crate::realm) fn end_untold(
        &mut self,
        settings: &RealmSettings,
        caller: RecipientKey,
        request: RequestId,
        error: &'static str,
        out: &impl World,
    ) -> bool {
        let party = self.parties.get(&caller);
        let is_open = party.is_some_and(|party| party.calls.contains_key(&request));
        if is_open {
            let refusal =
                Refusal::new(error, "a part of the result cannot be carried to the caller".to_owned());
            self.end_call(settings, caller, request, &refusal, out);
        }
        is_open
    }

    /// Ends calls whose time is up (TMO-02). Returns whether there may be more.
    pub(in crate::realm) fn expire(&mut self, settings: &RealmSettings, out: &impl World) -> bool {
        let now = out.now();
        for _ in 0..EXPIRED_AT_ONCE {
            let Some((caller, request)) = self.deadlines.next_due(now) else {
                self.deadlines.rang(out);
                return false;
            };
            if let Some(open) = self.parties.get_mut(&caller).and_then(|party| party.calls.get_mut(&request))
            {
                open.deadline = None;
            }
            let refusal = Refusal::new(error_uri::TIMEOUT, "the call took too long".to_owned());
            self.end_call(settings, caller, request, &refusal, out);
        }
        true
    }

    /// Forgets the calls of a caller that is gone, and interrupts their callees (RPC-07). What they answer later
    /// belongs to nobody, and is dropped. Returns the slots of registrations whose queue may move on.
    pub(super) fn forget_caller(
        &mut self,
        settings: &RealmSettings,
        from: RecipientKey,
        out: &impl World,
    ) -> Vec<usize> {
        let calls = self.parties.get(&from).map(|party| party.calls.keys().copied());
        let calls: BTreeSet<_> = calls.into_iter().flatten().collect();
        let mut waited = BTreeSet::new();
        let mut freed = Vec::new();
        for request in calls {
            let callees = self.callees_of(from, request);
            let Some(open) = self.forget_call(from, request) else { continue };
            if let Whereabouts::Waiting(slot) = open.at {
                waited.insert(slot);
                freed.push(slot);
            }
            for (callee, invocation) in callees {
                freed.extend(self.abandon(settings, callee, invocation, open.is_killed(), out));
            }
        }
        for slot in waited {
            if let Some(registration) = self.registrations.get_mut(slot) {
                self.waiting_bytes -= registration.waiting.forget(from);
            }
        }
        freed
    }

    /// The INVOCATIONs of a call that are not answered.
    fn callees_of(&self, caller: RecipientKey, request: RequestId) -> Vec<(RecipientKey, RequestId)> {
        let open = self.parties.get(&caller).and_then(|party| party.calls.get(&request));
        match open.map(|open| (open.at, open.terms.as_ref())) {
            Some((Whereabouts::Invoked(callee, invocation), _)) => vec![(callee, invocation)],
            Some((Whereabouts::Everywhere, Some(terms))) => {
                terms.gathering.as_ref().map(|gathering| gathering.missing()).unwrap_or_default()
            }
            Some((Whereabouts::Waiting(_) | Whereabouts::Everywhere, _)) | None => Vec::new(),
        }
    }

    /// Forgets a call, and takes it out of its queue.
    fn take_call(&mut self, caller: RecipientKey, request: RequestId) -> Option<OpenCall> {
        let open = self.forget_call(caller, request)?;
        if let Whereabouts::Waiting(slot) = open.at
            && let Some(registration) = self.registrations.get_mut(slot)
        {
            self.waiting_bytes -= registration.waiting.remove(caller, request);
        }
        Some(open)
    }

    /// Interrupts a callee that nobody waits for, whose place is free then (CON-03). Returns the registration's slot,
    /// if a call may have the place.
    fn abandon(
        &mut self,
        settings: &RealmSettings,
        callee: RecipientKey,
        invocation: RequestId,
        is_killed: bool,
        out: &impl World,
    ) -> Option<usize> {
        if !takes_interrupts(callee, out) {
            return self.orphan(settings, callee, invocation);
        }
        if !is_killed {
            interrupt(callee, invocation, CancelMode::KillNoWait, out);
        }
        let invoked = self.parties.get_mut(&callee)?.invocations.remove(&invocation)?;
        let registration = self.registrations.get_mut(invoked.registration)?;
        registration.answered(invoked.place).then_some(invoked.registration)
    }

    /// Forgets the caller of an invocation, and the invocation too if it takes no place that others wait for: then
    /// returns the registration's slot, if the callee is in it still.
    fn orphan(
        &mut self,
        settings: &RealmSettings,
        callee: RecipientKey,
        invocation: RequestId,
    ) -> Option<usize> {
        let party = self.parties.get_mut(&callee)?;
        let invoked = party.invocations.get_mut(&invocation)?;
        let slot = invoked.registration;
        let mut moves_on = false;
        if let Some(registration) = self.registrations.get_mut(slot) {
            // A callee that never answers must not have the dealer keep what callers leave behind without end.
            if registration.is_limited(invoked.place) && party.orphans < settings.open_calls_max {
                invoked.caller = None;
                party.orphans += 1;
                return None;
            }
            moves_on = registration.answered(invoked.place);
        }
        party.invocations.remove(&invocation);
        moves_on.then_some(slot)
    }

    /// From now on, refuses every CALL of a session.
    pub(in crate::realm) fn drain(&mut self) {
        self.draining = true;
    }

    /// Ends every open call with `wamp.error.canceled`, those that wait first.
    pub(in crate::realm) fn cancel_all(&mut self, settings: &RealmSettings, out: &impl World) {
        let waiting: Vec<_> = self.registrations.iter_mut().map(|(_, found)| found.waiting.take()).collect();
        for calls in waiting {
            self.refuse_waiting(calls, error_uri::CANCELED, "the router is going down", out);
        }
        let parties = self.parties.iter();
        let calls = parties.flat_map(|(caller, party)| party.calls.keys().map(|request| (*caller, *request)));
        let open: BTreeSet<_> = calls.collect();
        let refusal = Refusal::new(error_uri::CANCELED, "the router is going down".to_owned());
        for (caller, request) in open {
            self.end_call(settings, caller, request, &refusal, out);
        }
    }

    /// Forgets that a caller waits for a call, with its deadline and whatever was kept for it: the one way out. Whoever
    /// finds the call here may answer it, nobody else.
    pub(super) fn forget_call(&mut self, caller: RecipientKey, request: RequestId) -> Option<OpenCall> {
        let open = self.parties.get_mut(&caller)?.calls.remove(&request)?;
        self.open_calls -= 1;
        if let Some(at) = open.deadline {
            self.deadlines.clear(at, caller, request);
        }
        self.waiting_bytes -= open.terms.as_ref().map_or(0, |terms| terms.kept_bytes());
        Some(open)
    }

    /// Forgets what another callee would have needed.
    pub(super) fn forget_spare(&mut self, caller: RecipientKey, request: RequestId) {
        let open = self.parties.get_mut(&caller).and_then(|party| party.calls.get_mut(&request));
        let terms = open.and_then(|open| open.terms.as_mut());
        if let Some(spare) = terms.and_then(|terms| terms.spare.take()) {
            self.waiting_bytes -= spare.payload.raw().len();
        }
    }
}

impl OpenCall {
    /// The slot of the registration in whose queue it is.
    fn queue(&self) -> Option<usize> {
        if let Whereabouts::Waiting(slot) = self.at { Some(slot) } else { None }
    }

    fn is_killed(&self) -> bool {
        self.terms.as_ref().is_some_and(|terms| terms.is_killed)
    }
}

fn takes_interrupts(callee: RecipientKey, out: &impl World) -> bool {
    out.identity(callee).is_some_and(|identity| identity.features.callee.call_canceling)
}

pub(super) fn interrupt(callee: RecipientKey, invocation: RequestId, mode: CancelMode, out: &impl World) {
    let options = InterruptOptions { mode: Some(mode), ..InterruptOptions::default() }.into();
    out.answer(callee, &Outgoing::to_one(Interrupt { request: invocation, options }.into()));
}
