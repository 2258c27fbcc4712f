//! The Dealer: who registered what, and which CALL waits for which callee.
//!
//! Registrations change only by [`Dealer::apply`]ing records in order. On one node a record is applied in
//! the step that proposes it; a cluster puts its log in between.
//!
//! A call is known at two places: at its callee, under the INVOCATION's request, and at its caller, under
//! the CALL's. Both entries go together, in one of three functions: [`Dealer::finish`] when an answer goes to
//! the caller, [`Dealer::leave`] for either end.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use wamp_proto::dict::{Dict, ErrorDetails, InvocationPolicy};
use wamp_proto::message::{
    Answered, Call, CallResult, Error, Invocation, Register, Registered, Unregister, Unregistered, Yield,
};
use wamp_proto::uri::{check_pattern, check_uri, is_reserved};
use wamp_proto::{
    MatchPolicy, Message, MessageCode, Payload, RegistrationId, RequestId, Uri, Violation, error_uri,
};

use super::outgoing::Outgoing;
use super::recipient::{RecipientKey, Recipients};
use super::refusal::{Refusal, shown};
use super::settings::{RealmSettings, UriHasher};

/// A change of the registrations.
#[derive(Debug)]
enum Record {
    /// A session offers a procedure.
    Registered { callee: RecipientKey, request: RequestId, procedure: Uri },
    /// A session takes a registration back.
    Unregistered { callee: RecipientKey, request: RequestId, registration: RegistrationId },
    /// A session is gone, and its registrations with it.
    SessionGone { callee: RecipientKey },
}

/// A procedure with a callee.
#[derive(Debug)]
struct Registration {
    procedure: Arc<str>,
    callee: RecipientKey,
}

/// What a session does as caller and as callee.
#[derive(Debug, Default)]
struct Party {
    registrations: BTreeSet<RegistrationId>,
    /// The last INVOCATION request sent to it (ID-05).
    last_invocation: Option<RequestId>,
    /// Open INVOCATIONs, by their request: caller and CALL.
    caller_by_invocation: HashMap<RequestId, (RecipientKey, RequestId), foldhash::fast::FixedState>,
    /// Open CALLs, by their request: callee and INVOCATION.
    invocation_by_call: HashMap<RequestId, (RecipientKey, RequestId), foldhash::fast::FixedState>,
}

/// The registrations and open calls of a realm.
#[derive(Debug)]
pub(super) struct Dealer {
    registrations: HashMap<RegistrationId, Registration, foldhash::fast::FixedState>,
    registration_by_procedure: HashMap<Arc<str>, RegistrationId, UriHasher>,
    parties: HashMap<RecipientKey, Party, foldhash::fast::FixedState>,
    /// The last registration ID given; on one node the registry is a counter.
    last_registration: u64,
    open_calls: usize,
    draining: bool,
}

impl Dealer {
    pub(super) fn new(settings: &RealmSettings) -> Self {
        Self {
            registrations: HashMap::default(),
            registration_by_procedure: HashMap::with_hasher(settings.uri_hasher()),
            parties: HashMap::default(),
            last_registration: 0,
            open_calls: 0,
            draining: false,
        }
    }

    /// Offers a procedure.
    pub(super) fn register(
        &mut self,
        settings: &RealmSettings,
        from: RecipientKey,
        register: Register,
        out: &impl Recipients,
    ) {
        if let Err(refusal) = self.check_register(settings, from, &register) {
            return refusal.answer(from, MessageCode::Register, register.request, out);
        }
        let Register { request, procedure, .. } = register;
        self.apply(Record::Registered { callee: from, request, procedure }, out);
    }

    fn check_register(
        &self,
        settings: &RealmSettings,
        from: RecipientKey,
        register: &Register,
    ) -> Result<(), Refusal> {
        let policy = register.options.match_policy.unwrap_or_default();
        check_pattern(&register.procedure, policy, &settings.uri_rules).map_err(Refusal::invalid_uri)?;
        if is_reserved(&register.procedure) {
            return Err(Refusal::reserved_uri());
        }
        if policy != MatchPolicy::Exact {
            return Err(not_supported("match policy", policy.as_str()));
        }
        let invoke = register.options.invoke.unwrap_or(InvocationPolicy::Single);
        if invoke != InvocationPolicy::Single {
            return Err(not_supported("invocation policy", invoke.as_str()));
        }
        let held = self.parties.get(&from).map_or(0, |party| party.registrations.len());
        if held >= settings.registrations_max {
            return Err(Refusal::new(
                error_uri::UNAVAILABLE,
                format!("a session may hold {} registrations", settings.registrations_max),
            ));
        }
        Ok(())
    }

    /// Takes a registration back.
    pub(super) fn unregister(&mut self, from: RecipientKey, unregister: &Unregister, out: &impl Recipients) {
        let Unregister { request, registration } = *unregister;
        self.apply(Record::Unregistered { callee: from, request, registration }, out);
    }

    /// Changes the registrations, and answers whoever asked for it.
    fn apply(&mut self, record: Record, out: &impl Recipients) {
        match record {
            Record::Registered { callee, request, procedure } => match self.add(callee, &procedure) {
                Ok(registration) => {
                    out.answer(callee, &Outgoing::new(Registered { request, registration }.into()));
                }
                Err(refusal) => refusal.answer(callee, MessageCode::Register, request, out),
            },
            Record::Unregistered { callee, request, registration } => {
                let is_held = self
                    .parties
                    .get_mut(&callee)
                    .is_some_and(|party| party.registrations.remove(&registration));
                if !is_held {
                    return Refusal::new(
                        error_uri::NO_SUCH_REGISTRATION,
                        format!("registration {registration} is not held by this session"),
                    )
                    .answer(callee, MessageCode::Unregister, request, out);
                }
                self.remove(registration);
                let request = Answered::Request(request);
                out.answer(callee, &Outgoing::new(Unregistered { request, revoked: None }.into()));
            }
            Record::SessionGone { callee } => {
                let held =
                    self.parties.get_mut(&callee).map(|party| std::mem::take(&mut party.registrations));
                for registration in held.unwrap_or_default() {
                    self.remove(registration);
                }
            }
        }
    }

    fn add(&mut self, callee: RecipientKey, procedure: &Uri) -> Result<RegistrationId, Refusal> {
        if self.registration_by_procedure.contains_key(&**procedure) {
            return Err(Refusal::new(
                error_uri::PROCEDURE_ALREADY_EXISTS,
                format!("{} is registered already", shown(procedure)),
            ));
        }
        let Some(registration) = RegistrationId::new(self.last_registration + 1) else {
            return Err(Refusal::new(error_uri::UNAVAILABLE, "all registration IDs were used".to_owned()));
        };
        self.last_registration = registration.value();
        let procedure: Arc<str> = (&**procedure).into();
        self.registration_by_procedure.insert(procedure.clone(), registration);
        self.registrations.insert(registration, Registration { procedure, callee });
        self.parties.entry(callee).or_default().registrations.insert(registration);
        Ok(registration)
    }

    fn remove(&mut self, registration: RegistrationId) {
        if let Some(registration) = self.registrations.remove(&registration) {
            self.registration_by_procedure.remove(&registration.procedure);
        }
    }

    /// Gives a call to its callee.
    ///
    /// # Errors
    /// If the caller waits for a call with that request already (PV-07): request IDs begin again at 1.
    pub(super) fn call(
        &mut self,
        settings: &RealmSettings,
        from: RecipientKey,
        call: Call,
        out: &impl Recipients,
    ) -> Result<(), Violation> {
        let request = call.request;
        if self.parties.get(&from).is_some_and(|party| party.invocation_by_call.contains_key(&request)) {
            return Err(Violation::RequestId { found: request.value(), last: request.value() });
        }
        if let Err(refusal) = self.try_call(settings, from, call, out) {
            refusal.answer(from, MessageCode::Call, request, out);
        }
        Ok(())
    }

    fn try_call(
        &mut self,
        settings: &RealmSettings,
        from: RecipientKey,
        call: Call,
        out: &impl Recipients,
    ) -> Result<(), Refusal> {
        check_uri(&call.procedure, &settings.uri_rules).map_err(Refusal::invalid_uri)?;
        let open = self.parties.get(&from).map_or(0, |party| party.invocation_by_call.len());
        if open >= settings.open_calls_max {
            return Err(Refusal::new(
                error_uri::UNAVAILABLE,
                format!("a session may have {} calls open", settings.open_calls_max),
            ));
        }
        if self.draining {
            return Err(Refusal::new(error_uri::UNAVAILABLE, "the router is going down".to_owned()));
        }
        let found = self.registration_by_procedure.get(&*call.procedure).copied();
        let Some((id, registration)) = found.and_then(|id| Some((id, self.registrations.get(&id)?))) else {
            return Err(Refusal::new(
                error_uri::NO_SUCH_PROCEDURE,
                format!("no procedure {} is registered", shown(&call.procedure)),
            ));
        };
        let callee = registration.callee;
        let party = self.parties.entry(callee).or_default();
        let request = party.last_invocation.map_or(RequestId::FIRST, RequestId::next);
        let invocation = Outgoing::new(
            Invocation { request, registration: id, details: Dict::new(), payload: call.payload }.into(),
        );
        out.invocation(callee, &invocation).map_err(|_| {
            Refusal::new(error_uri::UNAVAILABLE, "the callee takes no more calls now".to_owned())
        })?;
        // Taken last, once the outbox has the INVOCATION, so that request IDs have no gap (ID-05). One that
        // turns out to be undeliverable when it is written has used its number up all the same.
        party.last_invocation = Some(request);
        party.caller_by_invocation.insert(request, (from, call.request));
        self.parties.entry(from).or_default().invocation_by_call.insert(call.request, (callee, request));
        self.open_calls += 1;
        Ok(())
    }

    /// Gives a callee's result to the caller.
    ///
    /// # Errors
    /// If the invocation was never issued to that session (PV-06).
    pub(super) fn yielded(
        &mut self,
        from: RecipientKey,
        yielded: Yield,
        out: &impl Recipients,
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
    pub(super) fn error(
        &mut self,
        settings: &RealmSettings,
        from: RecipientKey,
        error: Error,
        out: &impl Recipients,
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
    pub(super) fn undeliverable(
        &mut self,
        callee: RecipientKey,
        invocation: RequestId,
        error: &'static str,
        out: &impl Recipients,
    ) {
        self.finish(callee, invocation, out, |request| {
            call_error(request, Dict::new(), error.into(), Payload::EMPTY)
        });
    }

    /// Releases what a session that is gone held as callee and as caller.
    pub(super) fn leave(&mut self, from: RecipientKey, out: &impl Recipients) {
        self.apply(Record::SessionGone { callee: from }, out);
        let Some(party) = self.parties.remove(&from) else { return };
        for (callee, invocation) in party.invocation_by_call.into_values() {
            // What its callee answers later belongs to nobody, and is dropped. A session may call itself:
            // then `party` holds both entries.
            if let Some(callee) = self.parties.get_mut(&callee) {
                callee.caller_by_invocation.remove(&invocation);
            }
            self.open_calls -= 1;
        }
        // In the order of the calls, so that equal inputs give equal output.
        let pending: BTreeMap<_, _> = party.caller_by_invocation.into_iter().collect();
        for (caller, request) in pending.into_values() {
            if caller == from {
                continue;
            }
            self.forget_call(caller, request);
            let message = vec!["the callee is gone".into()];
            let payload = Payload::new(wamp_proto::SerializerId::Json, &message, &[]);
            let error = call_error(request, Dict::new(), error_uri::CANCELED.into(), payload);
            out.answer(caller, &Outgoing::new(error));
        }
    }

    /// From now on, refuses every CALL.
    pub(super) fn drain(&mut self) {
        self.draining = true;
    }

    /// How many CALLs wait for their final answer.
    pub(super) fn open_calls(&self) -> usize {
        self.open_calls
    }

    /// How many procedures have a callee.
    pub(super) fn registrations(&self) -> usize {
        self.registrations.len()
    }

    /// How many sessions the dealer keeps anything of.
    pub(super) fn parties(&self) -> usize {
        self.parties.len()
    }

    /// Ends every open call with `wamp.error.canceled`.
    pub(super) fn cancel_all(&mut self, out: &impl Recipients) {
        let open: BTreeSet<_> =
            self.parties.values().flat_map(|party| party.invocation_by_call.values().copied()).collect();
        for (callee, invocation) in open {
            self.undeliverable(callee, invocation, error_uri::CANCELED, out);
        }
    }

    /// Answers the caller of an invocation, if there still is one, with its final message.
    fn finish(
        &mut self,
        callee: RecipientKey,
        invocation: RequestId,
        out: &impl Recipients,
        answer: impl FnOnce(RequestId) -> Message,
    ) {
        let pending =
            self.parties.get_mut(&callee).and_then(|party| party.caller_by_invocation.remove(&invocation));
        // Answered before, or the caller is gone: the answer is dropped without a word.
        let Some((caller, request)) = pending else { return };
        self.forget_call(caller, request);
        out.answer(caller, &Outgoing::new(answer(request)));
    }

    fn forget_call(&mut self, caller: RecipientKey, request: RequestId) {
        if let Some(party) = self.parties.get_mut(&caller)
            && party.invocation_by_call.remove(&request).is_some()
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

fn not_supported(what: &str, word: &str) -> Refusal {
    Refusal::new(error_uri::FEATURE_NOT_SUPPORTED, format!("{what} {word:?} is not supported"))
}
