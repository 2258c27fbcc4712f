//! From the CALL to the INVOCATION: which callee, and the queue in front of it.

use wamp_proto::dict::{Dict, InvocationDetails, InvocationPolicy};
use wamp_proto::message::{Call, Invocation};
use wamp_proto::uri::is_reserved;
use wamp_proto::{
    Arity, MatchPolicy, MessageCode, Payload, Profile, RegistrationId, RequestId, Uri, Violation, error_uri,
};

use super::gathering::{Answer, Gathering};
use super::registration::{Callee, PendingCall};
use super::terms::{self, Chunks, Spare, Terms};
use super::{Dealer, Party};
use crate::realm::authorization::Disclosure;
use crate::realm::outgoing::Outgoing;
use crate::realm::recipient::{Full, RecipientKey};
use crate::realm::refusal::{Refusal, shown};
use crate::realm::settings::RealmSettings;
use crate::realm::world::{Limit, Moment, World};

/// An INVOCATION that its callee has not answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Invoked {
    /// The caller and its CALL; nobody, if the caller has its answer and the callee's place is still taken (CON-03).
    pub(super) caller: Option<(RecipientKey, RequestId)>,
    /// Slot of the registration.
    pub(super) registration: usize,
    /// What the callee knows it by, even when it is gone and the slot another one's.
    pub(super) id: RegistrationId,
    /// The callee's place in it, which tells whether the slot still is that registration's.
    pub(super) place: u64,
}

/// A CALL that its caller waits for.
#[derive(Debug)]
pub(super) struct OpenCall {
    pub(super) at: Whereabouts,
    /// When its time is up.
    pub(super) deadline: Option<Moment>,
    /// What is special about it, once it is at a callee.
    pub(super) terms: Option<Box<Terms>>,
}

/// Where a CALL is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Whereabouts {
    /// At a callee, under that INVOCATION.
    Invoked(RecipientKey, RequestId),
    /// In the queue of the registration in that slot.
    Waiting(usize),
    /// At all callees.
    Everywhere,
}

/// Why no callee took a call, and the call.
pub(super) enum Undispatched {
    /// All callees that may take it have as many invocations as they want (CON-04).
    Busy(PendingCall),
    /// The outboxes of all callees that may take it are full.
    Full(PendingCall),
    /// No callee can take it, now or later.
    Never(PendingCall, Refusal),
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
        admitted: Result<Disclosure, Refusal>,
        out: &impl World,
    ) -> Result<(), Violation> {
        let request = call.request;
        if self.parties.get(&from).is_some_and(|party| party.calls.contains_key(&request)) {
            return Err(Violation::RequestId { found: request.value(), last: request.value() });
        }
        let called = admitted.and_then(|disclosure| self.try_call(settings, from, call, disclosure, out));
        if let Err(refusal) = called {
            refusal.answer(from, MessageCode::Call, request, out);
        }
        Ok(())
    }

    fn try_call(
        &mut self,
        settings: &RealmSettings,
        from: RecipientKey,
        call: Call,
        disclosure: Disclosure,
        out: &impl World,
    ) -> Result<(), Refusal> {
        // The router asks for all sessions: one of them must not use up what others need. It asks about each no more
        // than that may have waiting, and while the realm drains too, where everything else goes on.
        let is_session = from != RecipientKey::ROUTER;
        let open = self.parties.get(&from).map_or(0, |party| party.calls.len());
        if is_session && open >= settings.open_calls_max {
            return Err(Refusal::over(
                Limit::OpenCalls,
                error_uri::UNAVAILABLE,
                format!("a session may have {} calls open", settings.open_calls_max),
            ));
        }
        if is_session && self.draining {
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
        let terms = Terms::of(settings, &call.procedure, &call.options, disclosure, || out.now())?;
        let texts = terms.as_ref().map_or(0, |terms| terms.text_bytes());
        if texts > 0 && self.waiting_bytes.bytes() + texts > settings.waiting_calls_max_bytes {
            return Err(Refusal::no_room());
        }
        let timeout = terms::dealers_timeout(settings, terms.as_deref());
        let call = PendingCall {
            caller: from,
            request: call.request,
            // Copied: a slice of the caller's frame would keep the frame alive.
            procedure: is_pattern.then(|| Uri::from(&*call.procedure)),
            payload: call.payload,
            terms,
            deadline: timeout.map(|milliseconds| out.now() + milliseconds),
        };
        if others_wait {
            // Perhaps for a callee whose outbox was full: it may have room by now.
            self.wait(settings, slot, call, out)?;
            self.serve_waiting(settings, slot, out);
            return Ok(());
        }
        match self.dispatch(settings, slot, call, out) {
            Ok(()) => Ok(()),
            Err(undispatched) => self.wait_or_refuse(settings, slot, undispatched, out),
        }
    }

    /// Has a call wait that no callee took, if it may.
    pub(super) fn wait_or_refuse(
        &mut self,
        settings: &RealmSettings,
        slot: usize,
        undispatched: Undispatched,
        out: &impl World,
    ) -> Result<(), Refusal> {
        match undispatched {
            Undispatched::Busy(call) => self.wait(settings, slot, call, out),
            Undispatched::Full(call) if self.answers_will_come(slot) => {
                self.wait(settings, slot, call, out).map_err(|_| Refusal::callee_full())
            }
            Undispatched::Full(_) => Err(Refusal::callee_full()),
            Undispatched::Never(_, refusal) => Err(refusal),
        }
    }

    /// Continues a call with another message (PCI-10). One that is over is nobody's any more (PCI-11).
    ///
    /// # Errors
    /// If the call was not begun with `progress`, has had its last message, or is one of another procedure.
    pub(in crate::realm) fn chunk(
        &mut self,
        settings: &RealmSettings,
        from: RecipientKey,
        call: Call,
        out: &impl World,
    ) -> Result<(), Violation> {
        let request = call.request;
        let Some(open) = self.parties.get_mut(&from).and_then(|party| party.calls.get_mut(&request)) else {
            return Ok(());
        };
        let at = open.at;
        let is_killed = open.terms.as_ref().is_some_and(|terms| terms.is_killed);
        let is_last = call.options.progress != Some(true);
        let chunks = match at {
            Whereabouts::Waiting(slot) => {
                let registration = self.registrations.get_mut(slot);
                registration.and_then(|registration| registration.waiting.chunks_of(from, request))
            }
            Whereabouts::Invoked(..) | Whereabouts::Everywhere => {
                open.terms.as_mut().and_then(|terms| terms.chunks.as_mut())
            }
        };
        let chunks = chunks.filter(|chunks| !chunks.is_complete && *chunks.procedure == *call.procedure);
        // Octets that no key explains are no message for anybody; the keys are those of the first (PCI-06).
        let is_opaque = call.payload.arity() == Arity::Opaque;
        let chunks = chunks.filter(|chunks| !is_opaque || chunks.is_transparent);
        let Some(chunks) = chunks else {
            return Err(Violation::NotProgressive { request: request.value() });
        };
        chunks.is_complete = is_last;
        let is_sent = match at {
            _ if is_killed => true,
            Whereabouts::Waiting(slot) => {
                let has_room = self.waiting_bytes.bytes() + Chunks::cost(&call.payload)
                    <= settings.waiting_calls_max_bytes;
                let registration = self.registrations.get_mut(slot).filter(|_| has_room);
                let cost = registration
                    .and_then(|found| found.waiting.push_chunk(from, request, call.payload, is_last));
                self.waiting_bytes += cost.unwrap_or(0);
                cost.is_some()
            }
            Whereabouts::Invoked(callee, invocation) => {
                // Another callee could not make up for what this one got.
                self.forget_spare(from, request);
                self.send_chunk((from, request), (callee, invocation), call.payload, is_last, out).is_ok()
            }
            Whereabouts::Everywhere => true,
        };
        if !is_sent {
            self.end_call(settings, from, request, &Refusal::chunk_lost(), out);
        }
        Ok(())
    }

    fn send_chunk(
        &mut self,
        (caller, request): (RecipientKey, RequestId),
        (callee, invocation): (RecipientKey, RequestId),
        payload: Payload,
        is_last: bool,
        out: &impl World,
    ) -> Result<(), Full> {
        let party = self.parties.get(&callee);
        let invoked = party.and_then(|party| party.invocations.get(&invocation)).ok_or(Full)?;
        let registration = invoked.id;
        let open = self.parties.get(&caller).and_then(|party| party.calls.get(&request)).ok_or(Full)?;
        let chunks = open.terms.as_ref().and_then(|terms| terms.chunks.as_ref()).ok_or(Full)?;
        let mut details = chunks.details.clone();
        details.progress = (!is_last).then_some(true);
        let chunk = Invocation { request: invocation, registration, details, payload };
        out.invocation(callee, &Outgoing::to_one(chunk.into()))
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
    fn wait(
        &mut self,
        settings: &RealmSettings,
        slot: usize,
        call: PendingCall,
        out: &impl World,
    ) -> Result<(), Refusal> {
        let (caller, request, cost, deadline) = (call.caller, call.request, call.cost(), call.deadline);
        let has_room = self.waiting_bytes.bytes() + cost <= settings.waiting_calls_max_bytes
            && self.registrations.get_mut(slot).is_some_and(|registration| registration.waiting.push(call));
        if !has_room {
            let error = match settings.profile {
                Profile::Crossbar => error_uri::CROSSBAR_MAX_CONCURRENCY_REACHED,
                Profile::Default | Profile::Strict => error_uri::MAX_CONCURRENCY_REACHED,
            };
            let explanation = "every callee is busy, and no more calls may wait".to_owned();
            return Err(Refusal::over(Limit::WaitingCalls, error, explanation));
        }
        self.waiting_bytes += cost;
        let open = OpenCall { at: Whereabouts::Waiting(slot), deadline, terms: None };
        self.keep_call(caller, request, open, out);
        Ok(())
    }

    /// Remembers where a call is, and when its time is up.
    fn keep_call(&mut self, caller: RecipientKey, request: RequestId, open: OpenCall, out: &impl World) {
        let deadline = open.deadline;
        self.waiting_bytes += open.terms.as_ref().map_or(0, |terms| terms.kept_bytes());
        let before = self.parties.entry(caller).or_default().calls.insert(request, open);
        self.open_calls += usize::from(before.is_none());
        let deadline_before = before.and_then(|before| before.deadline);
        if deadline_before != deadline {
            if let Some(at) = deadline_before {
                self.deadlines.clear(at, caller, request);
            }
            if let Some(at) = deadline {
                self.deadlines.set(at, caller, request, out);
            }
        }
    }

    /// Invokes the first callee that may and can take the call.
    #[expect(clippy::result_large_err, reason = "the call is handed back and put somewhere, not passed up")]
    pub(super) fn dispatch(
        &mut self,
        settings: &RealmSettings,
        slot: usize,
        mut call: PendingCall,
        out: &impl World,
    ) -> Result<(), Undispatched> {
        let Some(registration) = self.registrations.get(slot) else {
            return Err(Undispatched::Full(call));
        };
        if registration.invoke == InvocationPolicy::All {
            return self.dispatch_to_all(settings, slot, call, out);
        }
        let (mut is_busy, mut is_full, mut refusal) = (false, false, None);
        let identity = out.identity(call.caller);
        let candidates = registration.candidates(self.chance.u64(..), call.terms.as_deref());
        let (id, invoke) = (registration.id, registration.invoke);
        for index in candidates {
            let Some(callee) = registration.callees().get(index).copied() else { continue };
            if let Some(terms) = call.terms.as_deref() {
                if terms.has_tried(&callee) {
                    continue;
                }
                if let Err(unfit) = terms.fit(&callee) {
                    refusal = Some(unfit);
                    continue;
                }
            }
            if !callee.has_room() {
                is_busy = true;
                continue;
            }
            let details = terms::details(settings, &mut call, &callee, identity, || out.now());
            let may_be_retried = callee.features.call_reroute && invoke != InvocationPolicy::Single;
            let spare = may_be_retried.then(|| call.payload.clone());
            let party = self.parties.entry(callee.key).or_default();
            match party.invoke(id, (&callee, slot), details, &mut call, out) {
                Ok(invocation) => {
                    if let Some(payload) = spare {
                        self.keep_spare(settings, &mut call, payload);
                    }
                    self.invoked(settings, slot, &callee, invocation, call, out);
                    return Ok(());
                }
                Err(Full) => is_full = true,
            }
        }
        Err(match refusal {
            _ if is_full => Undispatched::Full(call),
            _ if is_busy => Undispatched::Busy(call),
            Some(refusal) => Undispatched::Never(call, refusal),
            None => Undispatched::Never(call, Refusal::no_available_callee()),
        })
    }

    /// A callee took a call: counts it there, and remembers where the call is.
    fn invoked(
        &mut self,
        settings: &RealmSettings,
        slot: usize,
        callee: &Callee,
        invocation: RequestId,
        mut call: PendingCall,
        out: &impl World,
    ) {
        if let Some(registration) = self.registrations.get_mut(slot) {
            registration.invoked(callee.place);
        }
        if let Some(terms) = call.terms.as_deref().filter(|terms| terms.is_timeout_forwarded) {
            let timeout = terms::dealers_timeout(settings, Some(terms));
            // The realm's has run since the CALL came, as the caller's own (CON-05).
            call.deadline = timeout.map(|milliseconds| terms.since + milliseconds);
        }
        let chunks = call.terms.as_mut().and_then(|terms| terms.chunks.as_mut());
        let chunks = chunks.map(|chunks| std::mem::take(&mut chunks.waiting)).unwrap_or_default();
        let (caller, request) = (call.caller, call.request);
        let at = Whereabouts::Invoked(callee.key, invocation);
        self.keep_call(caller, request, OpenCall { at, deadline: call.deadline, terms: call.terms }, out);
        if !chunks.is_empty() {
            // Another callee could not make up for what this one gets.
            self.forget_spare(caller, request);
        }
        for (payload, is_last) in chunks {
            if self.send_chunk((caller, request), (callee.key, invocation), payload, is_last, out).is_err() {
                // It waited in a queue: who served the queue goes on with it, a loop and no recursion.
                self.stop_call(settings, caller, request, &Refusal::chunk_lost(), out);
                return;
            }
        }
    }

    /// Invokes every callee, and gathers what they answer.
    #[expect(clippy::result_large_err, reason = "the call is handed back and put somewhere, not passed up")]
    fn dispatch_to_all(
        &mut self,
        settings: &RealmSettings,
        slot: usize,
        mut call: PendingCall,
        out: &impl World,
    ) -> Result<(), Undispatched> {
        if let Err(refusal) = call.terms.as_deref().map_or(Ok(()), Terms::fit_all) {
            return Err(Undispatched::Never(call, refusal));
        }
        let Some(registration) = self.registrations.get_mut(slot) else {
            return Err(Undispatched::Full(call));
        };
        let mut gathering = Gathering::default();
        let caller = out.identity(call.caller);
        let wants_progress = call.terms.as_ref().is_some_and(|terms| terms.wants_progress);
        if let Some(terms) = &mut call.terms {
            // Progress is what the others answer, not what one has so far.
            terms.wants_progress = false;
        }
        for index in 0..registration.callees().len() {
            let Some(callee) = registration.callees().get(index).copied() else { continue };
            let unfit = call.terms.as_deref().map(|terms| terms.fit(&callee)).and_then(Result::err);
            let is_tried = call.terms.as_ref().is_some_and(|terms| terms.has_tried(&callee));
            let invoked = match unfit {
                _ if is_tried => Err(Answer::error(error_uri::UNAVAILABLE)),
                Some(refusal) => Err(Answer::error(refusal.error())),
                None if !callee.has_room() => Err(Answer::error(error_uri::MAX_CONCURRENCY_REACHED)),
                None => {
                    let payload = call.payload.clone();
                    let details = terms::details(settings, &mut call, &callee, caller, || out.now());
                    let party = self.parties.entry(callee.key).or_default();
                    let invoked = party.invoke(registration.id, (&callee, slot), details, &mut call, out);
                    call.payload = payload;
                    invoked.map_err(|Full| Answer::error(error_uri::UNAVAILABLE))
                }
            };
            if invoked.is_ok() {
                registration.invoked(callee.place);
            }
            gathering.add(&callee, out.identity(callee.key), invoked);
        }
        let PendingCall { caller, request, mut terms, deadline, .. } = call;
        if gathering.is_complete() {
            // Nobody was there to be invoked.
            self.forget_call(caller, request);
            out.answer(caller, &gathering.into_result(request));
            return Ok(());
        }
        let gathered = terms.get_or_insert_default();
        gathered.wants_progress = wants_progress;
        // A time-out of the call as a whole is the dealer's.
        gathered.is_timeout_forwarded = false;
        gathered.gathering = Some(gathering);
        self.keep_call(caller, request, OpenCall { at: Whereabouts::Everywhere, deadline, terms }, out);
        Ok(())
    }

    /// Keeps what another callee would need (RRT-01), as far as the realm has room for calls that wait.
    fn keep_spare(&mut self, settings: &RealmSettings, call: &mut PendingCall, payload: Payload) {
        // Half of the room is for calls that do wait.
        if self.waiting_bytes.bytes() + payload.raw().len() <= settings.waiting_calls_max_bytes / 2 {
            let spare = Spare { procedure: call.procedure.clone(), payload };
            call.terms.get_or_insert_default().spare = Some(spare);
        }
    }

    /// Whether calls may wait for a callee whose outbox is full: it answers later, or never.
    fn answers_will_come(&self, slot: usize) -> bool {
        self.registrations.get(slot).is_some_and(|registration| {
            registration.waiting.has_queue() && registration.has_open_invocations()
        })
    }

    /// Gives waiting calls to callees, as far as these take them.
    pub(super) fn serve_waiting(&mut self, settings: &RealmSettings, slot: usize, out: &impl World) {
        while let Some(registration) = self.registrations.get_mut(slot) {
            let Some(call) = registration.waiting.next() else { return };
            let cost = call.cost();
            self.waiting_bytes -= cost;
            if out.identity(call.caller).is_none() {
                // It is about to leave, and nobody knows any more who called.
                self.forget_call(call.caller, call.request);
                continue;
            }
            match self.dispatch(settings, slot, call, out) {
                Ok(()) => {}
                Err(Undispatched::Full(call)) if !self.answers_will_come(slot) => {
                    self.refuse_pending(&call, &Refusal::callee_full(), out);
                }
                Err(Undispatched::Never(call, refusal)) => self.refuse_pending(&call, &refusal, out),
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

    /// Ends a call that has left its queue.
    fn refuse_pending(&mut self, call: &PendingCall, refusal: &Refusal, out: &impl World) {
        self.forget_call(call.caller, call.request);
        refusal.answer(call.caller, MessageCode::Call, call.request, out);
    }
}

impl Party {
    /// Sends an INVOCATION to the callee that this is. Takes the payload of the call, and gives it back if the callee
    /// has no room.
    fn invoke(
        &mut self,
        registration: RegistrationId,
        (callee, slot): (&Callee, usize),
        details: Dict<InvocationDetails>,
        call: &mut PendingCall,
        out: &impl World,
    ) -> Result<RequestId, Full> {
        let request = self.last_invocation.map_or(RequestId::FIRST, RequestId::next);
        let payload = std::mem::replace(&mut call.payload, Payload::EMPTY);
        let invocation = Outgoing::to_one(Invocation { request, registration, details, payload }.into());
        if let Err(full) = out.invocation(callee.key, &invocation) {
            call.payload = invocation.into_payload().unwrap_or(Payload::EMPTY);
            return Err(full);
        }
        // Taken last, once the outbox has the INVOCATION, so that request IDs have no gap (ID-05). One that
        // turns out to be undeliverable when it is written has used its number up all the same.
        self.last_invocation = Some(request);
        let caller = Some((call.caller, call.request));
        let invoked = Invoked { caller, registration: slot, id: registration, place: callee.place };
        self.invocations.insert(request, invoked);
        Ok(request)
    }

    /// Forgets invocations at that place that nobody waits for: nobody waits for the place any more either.
    pub(super) fn forget_orphans(&mut self, place: Option<u64>) {
        if self.orphans > 0 {
            let open = self.invocations.len();
            self.invocations.retain(|_, invoked| invoked.caller.is_some() || Some(invoked.place) != place);
            self.orphans -= open - self.invocations.len();
        }
    }
}
