//! Calls, from the CALL to the final answer.

use std::collections::{BTreeMap, BTreeSet};

use wamp_proto::dict::{Dict, ErrorDetails, InvocationDetails};
use wamp_proto::message::{Call, CallResult, Cancel, Error, Invocation, Yield};
use wamp_proto::uri::{check_uri, is_reserved};
use wamp_proto::{
    MatchPolicy, Message, MessageCode, Payload, Profile, RequestId, SerializerId, Uri, Violation, error_uri,
};

use super::registration::PendingCall;
use super::{Dealer, Party, Record};
use crate::realm::outgoing::Outgoing;
use crate::realm::recipient::RecipientKey;
use crate::realm::refusal::{Refusal, shown};
use crate::realm::settings::RealmSettings;
use crate::realm::world::World;

/// An INVOCATION that its callee has not answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Invoked {
    /// The caller and its CALL; nobody, if the caller is gone and the callee's place is still taken (CON-03).
    caller: Option<(RecipientKey, RequestId)>,
    /// Slot of the registration.
    registration: usize,
    /// The callee's place in it, which tells whether the slot still is that registration's.
    place: u64,
}

/// Where a CALL is that its caller waits for.
#[derive(Clone, Copy, Debug)]
pub(super) enum OpenCall {
    /// At a callee, under that INVOCATION.
    Invoked(RecipientKey, RequestId),
    /// In the queue of the registration in that slot.
    Waiting(usize),
}

/// Why no callee took a call, and the call.
enum Undispatched {
    /// All callees that may take it have as many invocations as they want (CON-04).
    Busy(PendingCall),
    /// The outboxes of all callees that may take it are full.
    Full(PendingCall),
}

impl Party {
    /// Forgets invocations at that place whose caller is gone: nobody waits for the place any more.
    pub(super) fn forget_orphans(&mut self, place: Option<u64>) {
        if self.orphans > 0 {
            let open = self.invocations.len();
            self.invocations.retain(|_, invoked| invoked.caller.is_some() || Some(invoked.place) != place);
            self.orphans -= open - self.invocations.len();
        }
    }
}

impl Dealer {
    /// Gives a call to a callee, or has it wait for one. `admitted` is what the caller may do.
    ///
    /// # Errors
    /// If the caller waits for a call with that request already (PV-07): request IDs begin again at 1.
    pub(in crate::realm) fn call(
        &mut self,
        settings: &RealmSettings,
        from: RecipientKey,
        call: Call,
        admitted: Result<(), Refusal>,
        out: &impl World,
    ) -> Result<(), Violation> {
        let request = call.request;
        if self.parties.get(&from).is_some_and(|party| party.calls.contains_key(&request)) {
            return Err(Violation::RequestId { found: request.value(), last: request.value() });
        }
        if let Err(refusal) = admitted.and_then(|()| self.try_call(settings, from, call, out)) {
            refusal.answer(from, MessageCode::Call, request, out);
        }
        Ok(())
    }

    fn try_call(
        &mut self,
        settings: &RealmSettings,
        from: RecipientKey,
        call: Call,
        out: &impl World,
    ) -> Result<(), Refusal> {
        let open = self.parties.get(&from).map_or(0, |party| party.calls.len());
        if open >= settings.open_calls_max {
            return Err(Refusal::new(
                error_uri::UNAVAILABLE,
                format!("a session may have {} calls open", settings.open_calls_max),
            ));
        }
        if self.draining {
            return Err(Refusal::new(error_uri::UNAVAILABLE, "the router is going down".to_owned()));
        }
        let Some(slot) = self.find(&call.procedure) else {
            return Err(Refusal::new(
                error_uri::NO_SUCH_PROCEDURE,
                format!("no procedure {} is registered", shown(&call.procedure)),
            ));
        };
        let registration = self.registrations.get(slot);
        let is_pattern = registration.is_some_and(|found| found.match_policy != MatchPolicy::Exact);
        let others_wait = registration.is_some_and(|found| found.waiting.len() > 0);
        let call = PendingCall {
            caller: from,
            request: call.request,
            // Copied: a slice of the caller's frame would keep the frame alive.
            procedure: is_pattern.then(|| Uri::from(&*call.procedure)),
            payload: call.payload,
        };
        if others_wait {
            // Perhaps for a callee whose outbox was full: it may have room by now.
            self.wait(settings, slot, call)?;
            self.serve_waiting(slot, out);
            return Ok(());
        }
        match self.dispatch(slot, call, out) {
            Ok(()) => Ok(()),
            Err(Undispatched::Busy(call)) => self.wait(settings, slot, call),
            Err(Undispatched::Full(call)) if self.answers_will_come(slot) => {
                self.wait(settings, slot, call).map_err(|_| Refusal::callee_full())
            }
            Err(Undispatched::Full(_)) => Err(Refusal::callee_full()),
        }
    }

    /// The registration that a CALL goes to: exact before prefix before wildcard (PBR-02). The router's own
    /// procedures are nobody else's, whatever pattern matches them (URI-05).
    pub(super) fn find(&self, procedure: &str) -> Option<usize> {
        let slots = &self.slot_by_procedure;
        let found = slots.exact(procedure);
        let pattern = || slots.longest_prefix(procedure).or_else(|| slots.best_wildcard(procedure));
        found.or_else(|| if is_reserved(procedure) { None } else { pattern() }).copied()
    }

    /// Has a call wait in its registration's queue.
    fn wait(&mut self, settings: &RealmSettings, slot: usize, call: PendingCall) -> Result<(), Refusal> {
        let (caller, request, cost) = (call.caller, call.request, call.cost());
        let has_room = self.waiting_bytes + cost <= settings.waiting_calls_max_bytes
            && self.registrations.get_mut(slot).is_some_and(|registration| registration.waiting.push(call));
        if !has_room {
            let error = match settings.profile {
                Profile::Crossbar => error_uri::CROSSBAR_MAX_CONCURRENCY_REACHED,
                Profile::Default | Profile::Strict => error_uri::MAX_CONCURRENCY_REACHED,
            };
            return Err(Refusal::new(error, "every callee is busy, and no more calls may wait".to_owned()));
        }
        self.parties.entry(caller).or_default().calls.insert(request, OpenCall::Waiting(slot));
        self.open_calls += 1;
        self.waiting_bytes += cost;
        Ok(())
    }

    /// Invokes the first callee that may and can take the call.
    fn dispatch(&mut self, slot: usize, mut call: PendingCall, out: &impl World) -> Result<(), Undispatched> {
        let Some(registration) = self.registrations.get_mut(slot) else {
            return Err(Undispatched::Full(call));
        };
        let mut all_busy = true;
        let mut taken = None;
        for callee in registration.candidates(self.chance.u64(..)) {
            all_busy = false;
            let party = self.parties.entry(callee.key).or_default();
            let request = party.last_invocation.map_or(RequestId::FIRST, RequestId::next);
            let details = match &call.procedure {
                Some(procedure) => {
                    let procedure = Some(procedure.clone());
                    InvocationDetails { procedure, ..InvocationDetails::default() }.into()
                }
                None => Dict::new(),
            };
            let PendingCall { payload, .. } = &mut call;
            let payload = std::mem::replace(payload, Payload::EMPTY);
            let invocation = Outgoing::to_one(
                Invocation { request, registration: registration.id, details, payload }.into(),
            );
            if out.invocation(callee.key, &invocation).is_err() {
                call.payload = invocation.into_payload().unwrap_or(Payload::EMPTY);
                continue;
            }
            // Taken last, once the outbox has the INVOCATION, so that request IDs have no gap (ID-05). One that
            // turns out to be undeliverable when it is written has used its number up all the same.
            party.last_invocation = Some(request);
            let caller = Some((call.caller, call.request));
            party.invocations.insert(request, Invoked { caller, registration: slot, place: callee.place });
            taken = Some((callee, request));
            break;
        }
        let Some((callee, invocation)) = taken else {
            return Err(if all_busy { Undispatched::Busy(call) } else { Undispatched::Full(call) });
        };
        registration.invoked(callee.place);
        let caller = self.parties.entry(call.caller).or_default();
        if caller.calls.insert(call.request, OpenCall::Invoked(callee.key, invocation)).is_none() {
            self.open_calls += 1;
        }
        Ok(())
    }

    /// Whether calls may wait for a callee whose outbox is full: it answers later, or never.
    fn answers_will_come(&self, slot: usize) -> bool {
        self.registrations.get(slot).is_some_and(|registration| {
            registration.waiting.has_queue() && registration.has_open_invocations()
        })
    }

    /// Gives waiting calls to callees, as far as these take them.
    pub(super) fn serve_waiting(&mut self, slot: usize, out: &impl World) {
        while let Some(registration) = self.registrations.get_mut(slot) {
            let Some(call) = registration.waiting.next() else { return };
            let cost = call.cost();
            self.waiting_bytes -= cost;
            match self.dispatch(slot, call, out) {
                Ok(()) => {}
                Err(Undispatched::Full(call)) if !self.answers_will_come(slot) => {
                    self.forget_call(call.caller, call.request);
                    Refusal::callee_full().answer(call.caller, MessageCode::Call, call.request, out);
                }
                Err(Undispatched::Busy(call) | Undispatched::Full(call)) => {
                    if let Some(registration) = self.registrations.get_mut(slot) {
                        registration.waiting.put_back(call);
                        self.waiting_bytes += cost;
                    }
                    return;
                }
            }
        }
    }

    /// Ends a call that its caller gave up.
    pub(in crate::realm) fn cancel(&mut self, _from: RecipientKey, _cancel: &Cancel, _out: &impl World) {}

    /// Ends calls whose time is up.
    pub(in crate::realm) fn expire(&mut self, _out: &impl World) {}

    /// Gives a callee's result to the caller.
    ///
    /// # Errors
    /// If the invocation was never issued to that session (PV-06).
    pub(in crate::realm) fn yielded(
        &mut self,
        from: RecipientKey,
        yielded: Yield,
        out: &impl World,
    ) -> Result<(), Violation> {
        self.check_issued(from, MessageCode::Yield, yielded.request)?;
        if yielded.options.progress == Some(true) {
            // Nobody asked for progress: it is not announced, so no CALL asks for it (PCR-04).
            return Ok(());
        }
        self.finish(from, yielded.request, out, |request| {
            CallResult { request, details: Dict::new(), payload: yielded.payload }.into()
        });
        Ok(())
    }

    /// Gives a callee's error to the caller (ERR-06).
    ///
    /// # Errors
    /// If the invocation was never issued to that session (PV-06).
    pub(in crate::realm) fn error(
        &mut self,
        settings: &RealmSettings,
        from: RecipientKey,
        error: Error,
        out: &impl World,
    ) -> Result<(), Violation> {
        self.check_issued(from, MessageCode::Error, error.request)?;
        self.finish(from, error.request, out, |request| {
            // The caller gets its answer even if the callee's URI is none.
            let uri = match check_uri(&error.error, &settings.uri_rules) {
                // Copied: a slice of the callee's frame would keep the frame alive.
                Ok(()) => (&*error.error).into(),
                Err(_) => error_uri::INVALID_URI.into(),
            };
            call_error(request, error.details, uri, error.payload)
        });
        Ok(())
    }

    /// Ends a call whose INVOCATION or answer could not be carried to its recipient.
    pub(in crate::realm) fn undeliverable(
        &mut self,
        callee: RecipientKey,
        invocation: RequestId,
        error: &'static str,
        out: &impl World,
    ) {
        self.finish(callee, invocation, out, |request| {
            call_error(request, Dict::new(), error.into(), Payload::EMPTY)
        });
    }

    /// Releases what a session that is gone held as caller and as callee.
    pub(in crate::realm) fn leave(&mut self, settings: &RealmSettings, from: RecipientKey, out: &impl World) {
        let freed = self.forget_caller(settings, from);
        let pending = self.parties.get_mut(&from).map(|party| std::mem::take(&mut party.invocations));
        // In the order of the calls, so that equal inputs give equal output.
        let pending: BTreeMap<_, _> = pending.into_iter().flatten().collect();
        for (caller, request) in pending.into_values().filter_map(|invoked| invoked.caller) {
            self.forget_call(caller, request);
            let message = vec!["the callee is gone".into()];
            let payload = Payload::new(SerializerId::Json, &message, &[]);
            let error = call_error(request, Dict::new(), error_uri::CANCELED.into(), payload);
            out.answer(caller, &Outgoing::new(error));
        }
        self.apply(settings, Record::SessionGone { callee: from }, out);
        self.parties.remove(&from);
        for slot in freed {
            self.serve_waiting(slot, out);
        }
    }

    /// Forgets the calls of a caller that is gone. What their callees answer later belongs to nobody, and is
    /// dropped. Returns the slots of registrations whose queue may move on.
    fn forget_caller(&mut self, settings: &RealmSettings, from: RecipientKey) -> Vec<usize> {
        let calls = self.parties.get_mut(&from).map(|party| std::mem::take(&mut party.calls));
        let calls: BTreeMap<_, _> = calls.into_iter().flatten().collect();
        self.open_calls -= calls.len();
        let mut waited = BTreeSet::new();
        let mut freed = Vec::new();
        for call in calls.into_values() {
            match call {
                OpenCall::Waiting(slot) => {
                    waited.insert(slot);
                }
                OpenCall::Invoked(callee, invocation) => {
                    freed.extend(self.orphan(settings, callee, invocation));
                }
            }
        }
        for slot in waited {
            if let Some(registration) = self.registrations.get_mut(slot) {
                self.waiting_bytes -= registration.waiting.forget(from);
            }
        }
        freed
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

    /// From now on, refuses every CALL.
    pub(in crate::realm) fn drain(&mut self) {
        self.draining = true;
    }

    /// Ends every open call with `wamp.error.canceled`, those that wait first.
    pub(in crate::realm) fn cancel_all(&mut self, out: &impl World) {
        let waiting: Vec<_> = self.registrations.iter_mut().map(|(_, found)| found.waiting.take()).collect();
        for calls in waiting {
            self.refuse_waiting(calls, error_uri::CANCELED, "the router is going down", out);
        }
        let calls = self.parties.values().flat_map(|party| party.calls.values());
        let open: BTreeSet<_> = calls
            .filter_map(|call| match call {
                OpenCall::Invoked(callee, invocation) => Some((*callee, *invocation)),
                OpenCall::Waiting(_) => None,
            })
            .collect();
        for (callee, invocation) in open {
            self.undeliverable(callee, invocation, error_uri::CANCELED, out);
        }
    }

    /// Answers the caller of an invocation, if there still is one, with its final message, and gives the callee's
    /// place to the next.
    fn finish(
        &mut self,
        callee: RecipientKey,
        invocation: RequestId,
        out: &impl World,
        answer: impl FnOnce(RequestId) -> Message,
    ) {
        let invoked = self.parties.get_mut(&callee).and_then(|party| party.invocations.remove(&invocation));
        // Answered before, or nobody waits any more: the answer is dropped without a word.
        let Some(invoked) = invoked else { return };
        match invoked.caller {
            Some((caller, request)) => {
                self.forget_call(caller, request);
                out.answer(caller, &Outgoing::to_one(answer(request)));
            }
            None => {
                if let Some(party) = self.parties.get_mut(&callee) {
                    party.orphans -= 1;
                }
            }
        }
        if let Some(registration) = self.registrations.get_mut(invoked.registration)
            && registration.answered(invoked.place)
        {
            self.serve_waiting(invoked.registration, out);
        }
    }

    pub(super) fn forget_call(&mut self, caller: RecipientKey, request: RequestId) {
        if let Some(party) = self.parties.get_mut(&caller)
            && party.calls.remove(&request).is_some()
        {
            self.open_calls -= 1;
        }
    }

    fn check_issued(
        &self,
        from: RecipientKey,
        message: MessageCode,
        request: RequestId,
    ) -> Result<(), Violation> {
        let last = self.parties.get(&from).and_then(|party| party.last_invocation);
        match last {
            Some(last) if request <= last => Ok(()),
            _ => Err(Violation::NeverIssued { message, request: request.value() }),
        }
    }
}

fn call_error(request: RequestId, details: Dict<ErrorDetails>, error: Uri, payload: Payload) -> Message {
    Error { request_type: MessageCode::Call as u64, request, details, error, payload }.into()
}
