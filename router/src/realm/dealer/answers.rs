//! From the callee's answer to the caller's.

use std::collections::BTreeMap;

use wamp_proto::dict::{CancelMode, Dict, ErrorDetails, ResultDetails, YieldOptions};
use wamp_proto::message::{CallResult, Error, Yield};
use wamp_proto::uri::check_uri;
use wamp_proto::{MessageCode, Payload, Profile, RequestId, SerializerId, Uri, Violation, error_uri};

use super::calls::{Invoked, Undispatched};
use super::endings::interrupt;
use super::gathering::Answer;
use super::registration::PendingCall;
use super::terms::{self, Terms};
use super::{Dealer, Record};
use crate::realm::outgoing::Outgoing;
use crate::realm::packing::{carry_packing, is_packed, is_passthru};
use crate::realm::recipient::RecipientKey;
use crate::realm::refusal::Refusal;
use crate::realm::settings::RealmSettings;
use crate::realm::world::World;

/// How a callee's part in a call ends.
enum Outcome {
    Result(Dict<ResultDetails>, Payload),
    Error(Dict<ErrorDetails>, Uri, Payload),
}

impl Outcome {
    fn error(error: &'static str) -> Self {
        Self::Error(Dict::new(), error.into(), Payload::EMPTY)
    }

    fn explained(error: &'static str, why: &str) -> Self {
        let payload = Payload::new(SerializerId::Json, &[why.into()], &[]);
        Self::Error(Dict::new(), error.into(), payload)
    }
}

impl Dealer {
    /// Gives a callee's result to the caller.
    ///
    /// # Errors
    /// If the invocation was never issued to that session (PV-06).
    pub(in crate::realm) fn yielded(
        &mut self,
        settings: &RealmSettings,
        from: RecipientKey,
        yielded: Yield,
        out: &impl World,
    ) -> Result<(), Violation> {
        self.check_issued(from, MessageCode::Yield, yielded.request)?;
        let Yield { request: invocation, options, payload } = yielded;
        if is_passthru(&options.ppt_scheme) && !self.caller_takes_packed(from, invocation, out) {
            // The callee is told why (PPT-08), and the caller gets its final answer all the same.
            let refusal = Refusal::new(
                error_uri::FEATURE_NOT_SUPPORTED,
                "the caller does not take payload passthru mode".to_owned(),
            );
            refusal.answer(from, MessageCode::Yield, invocation, out);
            self.finish(settings, from, invocation, Outcome::error(error_uri::FEATURE_NOT_SUPPORTED), out);
            return Ok(());
        }
        let details = result_details(&options);
        if options.progress == Some(true) {
            self.progressed(settings, from, invocation, details, payload, out);
        } else {
            self.finish(settings, from, invocation, Outcome::Result(details, payload), out);
        }
        Ok(())
    }

    fn caller_takes_packed(&self, callee: RecipientKey, invocation: RequestId, out: &impl World) -> bool {
        let party = self.parties.get(&callee);
        let invoked = party.and_then(|party| party.invocations.get(&invocation));
        let caller = invoked.and_then(|invoked| invoked.caller);
        // If nobody waits for it any more, nobody minds.
        let identity = caller.and_then(|(caller, _)| out.identity(caller));
        identity.is_none_or(|identity| identity.features.caller_payload_passthru)
    }

    /// Passes a progressive result on, if the caller asked for such and still wants them (PCR-02, PCR-04, PCR-06).
    fn progressed(
        &mut self,
        settings: &RealmSettings,
        callee: RecipientKey,
        invocation: RequestId,
        mut details: Dict<ResultDetails>,
        payload: Payload,
        out: &impl World,
    ) {
        let party = self.parties.get(&callee);
        let invoked = party.and_then(|party| party.invocations.get(&invocation));
        let Some((caller, request)) = invoked.and_then(|invoked| invoked.caller) else { return };
        let open = self.parties.get_mut(&caller).and_then(|party| party.calls.get_mut(&request));
        let Some(open) = open else { return };
        let terms = open
            .terms
            .as_deref()
            .filter(|terms| terms.takes_progress && !terms.is_killed && terms.gathering.is_none());
        let Some(terms) = terms else { return };
        // The time-out is one of inactivity now (PCR-08).
        let timeout = terms::dealers_timeout(settings, Some(terms));
        if let Some(milliseconds) = timeout {
            let deadline = out.now() + milliseconds;
            if let Some(before) = open.deadline.replace(deadline) {
                self.deadlines.clear(before, caller, request);
            }
            self.deadlines.set(deadline, caller, request, out);
        }
        // Another callee would begin again.
        self.forget_spare(caller, request);
        details.progress = Some(true);
        out.answer(caller, &Outgoing::to_one(CallResult { request, details, payload }.into()));
    }

    /// Gives a callee's error to the caller (ERR-06), or the call to another callee (RRT-01).
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
        let reroutes = || out.identity(from).is_some_and(|identity| identity.features.callee.call_reroute);
        if error.error == error_uri::UNAVAILABLE && reroutes() && self.may_go_elsewhere(from, error.request) {
            self.reroute(settings, from, error.request, out);
            return Ok(());
        }
        // The caller gets its answer even if the callee's URI is none.
        let uri = match check_uri(&error.error, &settings.uri_rules) {
            // Copied: a slice of the callee's frame would keep the frame alive.
            Ok(()) => (&*error.error).into(),
            Err(_) => error_uri::INVALID_URI.into(),
        };
        let is_for_caller =
            !is_passthru(&error.details.ppt_scheme) || self.caller_takes_packed(from, error.request, out);
        let outcome = if is_for_caller {
            Outcome::Error(passed_on(error.details), uri, error.payload)
        } else {
            Outcome::Error(Dict::new(), uri, Payload::EMPTY)
        };
        self.finish(settings, from, error.request, outcome, out);
        Ok(())
    }

    /// Whether the call of an invocation waits for one callee, and for whichever.
    fn may_go_elsewhere(&self, callee: RecipientKey, invocation: RequestId) -> bool {
        let terms = self.terms_of(callee, invocation);
        terms.is_none_or(|terms| !terms.is_killed && terms.gathering.is_none())
    }

    /// What is special about the call of an invocation.
    fn terms_of(&self, callee: RecipientKey, invocation: RequestId) -> Option<&Terms> {
        let (caller, request) = self.parties.get(&callee)?.invocations.get(&invocation)?.caller?;
        self.parties.get(&caller)?.calls.get(&request)?.terms.as_deref()
    }

    /// Gives a call to the next callee that may have it, since this one cannot attend to it. Each is asked once
    /// (RRT-03).
    fn reroute(
        &mut self,
        settings: &RealmSettings,
        callee: RecipientKey,
        invocation: RequestId,
        out: &impl World,
    ) {
        let Some(invoked) = self.take_invoked(callee, invocation) else { return };
        if let Some((caller, request)) = invoked.caller {
            match self.take_for_another(caller, request, &invoked, out) {
                Some(call) => {
                    let slot = invoked.registration;
                    self.count_answered(&invoked);
                    let rerouted = self.dispatch(settings, slot, call, out);
                    if let Err(undispatched) = rerouted {
                        self.not_rerouted(settings, slot, undispatched, (caller, request), out);
                    }
                    return self.serve_waiting(settings, slot, out);
                }
                None => {
                    let outcome = Outcome::explained(
                        error_uri::NO_AVAILABLE_CALLEE,
                        "no callee can attend to the call",
                    );
                    self.settle(settings, (caller, request), (callee, invocation), outcome, out);
                }
            }
        }
        self.free_place(settings, &invoked, out);
    }

    /// The call, if another callee may have it.
    fn take_for_another(
        &mut self,
        caller: RecipientKey,
        request: RequestId,
        invoked: &Invoked,
        out: &impl World,
    ) -> Option<PendingCall> {
        // The slot may be another registration's by now.
        self.registrations.get(invoked.registration).filter(|found| found.id == invoked.id)?;
        let open = self.parties.get_mut(&caller)?.calls.get_mut(&request)?;
        let mut terms = open.terms.take_if(|terms| terms.spare.is_some())?;
        self.waiting_bytes -= terms.kept_bytes();
        let spare = terms.spare.take()?;
        terms.note_tried(invoked.place);
        terms.takes_progress = false;
        let mut deadline = open.deadline;
        if std::mem::take(&mut terms.is_timeout_forwarded) {
            // The next callee may not mind it.
            let own = terms.time_left(|| out.now()).map(|milliseconds| out.now() + milliseconds);
            deadline = deadline.into_iter().chain(own).min();
        }
        let (procedure, payload) = (spare.procedure, spare.payload);
        Some(PendingCall { caller, request, procedure, payload, terms: Some(terms), deadline })
    }

    fn not_rerouted(
        &mut self,
        settings: &RealmSettings,
        slot: usize,
        undispatched: Undispatched,
        (caller, request): (RecipientKey, RequestId),
        out: &impl World,
    ) {
        if let Err(refusal) = self.wait_or_refuse(settings, slot, undispatched, out) {
            self.forget_call(caller, request);
            refusal.answer(caller, MessageCode::Call, request, out);
        }
    }

    /// Counts a callee as one that will not answer any more.
    pub(super) fn give_up_on(
        &mut self,
        settings: &RealmSettings,
        call: (RecipientKey, RequestId),
        invoked: (RecipientKey, RequestId),
        out: &impl World,
    ) {
        self.settle(settings, call, invoked, Outcome::error(error_uri::CANCELED), out);
    }

    /// Ends a call whose INVOCATION could not be carried to its callee.
    pub(in crate::realm) fn undeliverable(
        &mut self,
        settings: &RealmSettings,
        callee: RecipientKey,
        invocation: RequestId,
        error: &'static str,
        out: &impl World,
    ) {
        if self.terms_of(callee, invocation).is_some_and(|terms| terms.chunks.is_some() && !terms.is_killed) {
            // It may have got the chunks before this one.
            interrupt(callee, invocation, CancelMode::KillNoWait, out);
        }
        self.finish(settings, callee, invocation, Outcome::error(error), out);
    }

    /// Releases what a session that is gone held as caller and as callee.
    pub(in crate::realm) fn leave(&mut self, settings: &RealmSettings, from: RecipientKey, out: &impl World) {
        let freed = self.forget_caller(settings, from, out);
        let pending = self.parties.get_mut(&from).map(|party| std::mem::take(&mut party.invocations));
        // In the order of the calls, so that equal inputs give equal output.
        let pending: BTreeMap<_, _> = pending.into_iter().flatten().collect();
        let why = match settings.profile {
            Profile::Crossbar => "callee disconnected from in-flight request",
            Profile::Default | Profile::Strict => "the callee is gone",
        };
        for (invocation, invoked) in pending {
            if let Some(call) = invoked.caller {
                let outcome = Outcome::explained(error_uri::CANCELED, why);
                self.settle(settings, call, (from, invocation), outcome, out);
            }
        }
        self.apply(settings, Record::SessionGone { callee: from }, out);
        self.parties.remove(&from);
        for slot in freed {
            self.serve_waiting(settings, slot, out);
        }
    }

    /// Takes a callee's last word on an invocation, and gives its place to the next.
    fn finish(
        &mut self,
        settings: &RealmSettings,
        callee: RecipientKey,
        invocation: RequestId,
        outcome: Outcome,
        out: &impl World,
    ) {
        // Answered before, or nobody waits any more: the answer is dropped without a word.
        let Some(invoked) = self.take_invoked(callee, invocation) else { return };
        if let Some(call) = invoked.caller {
            self.settle(settings, call, (callee, invocation), outcome, out);
        }
        self.free_place(settings, &invoked, out);
    }

    fn take_invoked(&mut self, callee: RecipientKey, invocation: RequestId) -> Option<Invoked> {
        let party = self.parties.get_mut(&callee)?;
        let invoked = party.invocations.remove(&invocation)?;
        party.orphans -= usize::from(invoked.caller.is_none());
        Some(invoked)
    }

    /// Gives the place of an invocation that is over to a call that waits.
    fn free_place(&mut self, settings: &RealmSettings, invoked: &Invoked, out: &impl World) {
        if self.count_answered(invoked) {
            self.serve_waiting(settings, invoked.registration, out);
        }
    }

    fn count_answered(&mut self, invoked: &Invoked) -> bool {
        let registration = self.registrations.get_mut(invoked.registration);
        registration.is_some_and(|registration| registration.answered(invoked.place))
    }

    /// Answers the caller with its final message, unless other callees have to answer too.
    fn settle(
        &mut self,
        settings: &RealmSettings,
        (caller, request): (RecipientKey, RequestId),
        (callee, invocation): (RecipientKey, RequestId),
        outcome: Outcome,
        out: &impl World,
    ) {
        let Some(open) = self.parties.get_mut(&caller).and_then(|party| party.calls.get_mut(&request)) else {
            return;
        };
        if let Some(terms) = open.terms.as_deref_mut() {
            if terms.gathering.is_some() {
                return self.gathered(settings, (caller, request), (callee, invocation), outcome, out);
            }
            if terms.is_killed && settings.profile == Profile::Crossbar {
                // Crossbar.io's callers lean on that error, whatever the callee says.
                self.forget_call(caller, request);
                return Refusal::canceled().answer(caller, MessageCode::Call, request, out);
            }
        }
        self.forget_call(caller, request);
        let answer = match outcome {
            Outcome::Result(details, payload) => CallResult { request, details, payload }.into(),
            Outcome::Error(details, error, payload) => {
                let request_type = MessageCode::Call as u64;
                Error { request_type, request, details, error, payload }.into()
            }
        };
        out.answer(caller, &Outgoing::to_one(answer));
    }

    /// Takes the answer of one of all callees.
    fn gathered(
        &mut self,
        settings: &RealmSettings,
        (caller, request): (RecipientKey, RequestId),
        (callee, invocation): (RecipientKey, RequestId),
        outcome: Outcome,
        out: &impl World,
    ) {
        let open = self.parties.get_mut(&caller).and_then(|party| party.calls.get_mut(&request));
        let Some(terms) = open.and_then(|open| open.terms.as_deref_mut()) else { return };
        let Some(gathering) = &mut terms.gathering else { return };
        let answer = match outcome {
            Outcome::Result(details, _) if details.ppt_scheme.is_some() || details.enc_algo.is_some() => {
                // What says how it is packed has no place beside other answers.
                Answer::error(error_uri::FEATURE_NOT_SUPPORTED)
            }
            Outcome::Result(_, payload) => Answer { error: None, payload },
            Outcome::Error(details, ..) if details.ppt_scheme.is_some() || details.enc_algo.is_some() => {
                Answer::error(error_uri::FEATURE_NOT_SUPPORTED)
            }
            Outcome::Error(_, error, payload) => Answer { error: Some(error), payload },
        };
        let before = gathering.bytes();
        let Some(answered) = gathering.answered(callee, invocation, answer) else { return };
        self.waiting_bytes += gathering.bytes() - before;
        if self.waiting_bytes.bytes() > settings.waiting_calls_max_bytes {
            return self.end_call(settings, caller, request, &Refusal::no_room(), out);
        }
        if gathering.bytes() > settings.message_max_bytes {
            let refusal = Refusal::new(
                error_uri::PAYLOAD_SIZE_EXCEEDED,
                "the answers of all callees are larger than a message".to_owned(),
            );
            return self.end_call(settings, caller, request, &refusal, out);
        }
        if terms.wants_progress && !terms.is_killed {
            out.answer(caller, &answered.into_progress(request));
        }
        if !gathering.is_complete() {
            return;
        }
        let open = self.forget_call(caller, request);
        let Some(terms) = open.and_then(|open| open.terms) else { return };
        if terms.is_killed && settings.profile == Profile::Crossbar {
            return Refusal::canceled().answer(caller, MessageCode::Call, request, out);
        }
        if let Some(gathering) = terms.gathering {
            out.answer(caller, &gathering.into_result(request));
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

/// The Details of an ERROR without what routers alone say: who was called or called, how far somebody is trusted,
/// which way a message took (R2R-02).
fn passed_on(mut details: Dict<ErrorDetails>) -> Dict<ErrorDetails> {
    const ROUTERS: [&str; 10] = [
        "caller",
        "caller_authid",
        "caller_authrole",
        "callee",
        "callee_authid",
        "callee_authrole",
        "procedure",
        "progress",
        "timeout",
        "trustlevel",
    ];
    if !details.is_empty() {
        details.forward_for = None;
        details.extra.retain(|(key, _)| !ROUTERS.contains(&key.as_str()));
    }
    details
}

/// What RESULT says of how the payload is packed.
fn result_details(options: &YieldOptions) -> Dict<ResultDetails> {
    let mut details: Dict<ResultDetails> = Dict::new();
    if is_packed!(options) {
        carry_packing!(options => details);
    }
    details
}
