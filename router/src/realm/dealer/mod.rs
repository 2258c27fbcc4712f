//! The Dealer: who registered what, and which CALL waits for which callee.
//!
//! Registrations change only by [`Dealer::apply`]ing records in order. On one node a record is applied in
//! the step that proposes it; a cluster puts its log in between.
//!
//! A call is known at two places: at its callee, under the INVOCATION's request, or in the queue of its
//! registration; and at its caller, under the CALL's.
//!
//! ```text
//! call ──> try_call ──> dispatch ──> Whereabouts::Invoked      policy `all`: Everywhere
//!              │           ^
//!              └──> wait ──┴ serve_waiting (a place is free)   in the queue: Waiting
//! chunk        more of a progressive invocation, to wherever the call is
//! yielded, error ──> finish ──> settle: the caller's answer    progressed: a part of it
//!                └─> reroute ──> dispatch                      another callee, after `unavailable`
//! cancel, expire, leave, … ──> end_call, skip_call             the end before the answer
//! ```
//!
//! `calls` is the way there, `answers` the way back, `endings` every other end, all of which go through
//! `forget_call`: a call that is not found there has had its answer.

mod answers;
mod calls;
mod deadlines;
mod endings;
mod gathering;
mod inspect;
mod registration;
mod terms;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use slab::Slab;
use wamp_proto::dict::{Dict, InvocationPolicy, RegisterOptions, UnregisteredDetails};
use wamp_proto::message::{Answered, Register, Registered, Unregister, Unregistered};
use wamp_proto::{MatchPolicy, MessageCode, Profile, RegistrationId, RequestId, SessionId, Uri, error_uri};

use super::authorization::Disclosure;
use super::held::Held;
use super::meta::MetaEvent;
use super::outgoing::Outgoing;
use super::patterns::PatternMap;
use super::recipient::RecipientKey;
use super::refusal::{Refusal, shown};
use super::settings::RealmSettings;
use super::world::{Limit, World};
use calls::{Invoked, OpenCall};
use deadlines::Deadlines;
use gathering::CALLEES_MAX;
use registration::{Callee, PendingCall, Registration};

pub(super) use inspect::Workload;

/// A change of the registrations.
#[derive(Debug)]
enum Record {
    /// A session offers a procedure.
    Registered {
        callee: RecipientKey,
        session: SessionId,
        request: RequestId,
        procedure: Uri,
        options: Dict<RegisterOptions>,
        /// Whether callers learn who it is, where they are told the answers of several.
        is_disclosed: bool,
    },
    /// A session takes a registration back.
    Unregistered { callee: RecipientKey, request: RequestId, registration: RegistrationId },
    /// A session is gone, and its registrations with it.
    SessionGone { callee: RecipientKey },
}

/// What a session does as caller and as callee.
#[derive(Debug, Default)]
struct Party {
    registrations: BTreeSet<RegistrationId>,
    /// The last INVOCATION request sent to it (ID-05).
    last_invocation: Option<RequestId>,
    /// Open INVOCATIONs that nobody waits for.
    orphans: usize,
    /// Open INVOCATIONs, by their request.
    invocations: HashMap<RequestId, Invoked, foldhash::fast::FixedState>,
    /// Open CALLs, by their request.
    calls: HashMap<RequestId, OpenCall, foldhash::fast::FixedState>,
}

/// The registrations and open calls of a realm.
#[derive(Debug)]
pub(super) struct Dealer {
    registrations: Slab<Registration>,
    slot_by_procedure: PatternMap<usize>,
    slot_by_id: HashMap<RegistrationId, usize, foldhash::fast::FixedState>,
    parties: HashMap<RecipientKey, Party, foldhash::fast::FixedState>,
    /// The last registration ID given; on one node the registry is a counter.
    last_registration: u64,
    /// The last place given to a callee.
    last_place: u64,
    open_calls: usize,
    deadlines: Deadlines,
    /// Octets of the calls that wait, in all queues, and of what open calls keep for later.
    waiting_bytes: Held,
    draining: bool,
    /// What happened to the registrations, and was not announced yet.
    news: Vec<MetaEvent<'static>>,
    chance: fastrand::Rng,
}

impl Dealer {
    pub(super) fn new(settings: &RealmSettings) -> Self {
        Self {
            registrations: Slab::new(),
            slot_by_procedure: PatternMap::new(settings.uri_hasher()),
            slot_by_id: HashMap::default(),
            parties: HashMap::default(),
            last_registration: 0,
            last_place: 0,
            open_calls: 0,
            deadlines: Deadlines::default(),
            waiting_bytes: Held::default(),
            draining: false,
            news: Vec::new(),
            chance: fastrand::Rng::with_seed(settings.seed()),
        }
    }

    /// Offers a procedure.
    pub(super) fn register(
        &mut self,
        settings: &RealmSettings,
        from: RecipientKey,
        register: Register,
        disclosure: Disclosure,
        out: &impl World,
    ) {
        if let Err(refusal) = self.check_register(settings, from, &register, disclosure) {
            return refusal.answer(from, MessageCode::Register, register.request, out);
        }
        let Some(session) = out.identity(from).map(|identity| identity.session) else { return };
        let Register { request, options, procedure } = register;
        let is_disclosed = disclosure == Disclosure::Forced;
        let record = Record::Registered { callee: from, session, request, procedure, options, is_disclosed };
        self.apply(settings, record, out);
    }

    fn check_register(
        &self,
        settings: &RealmSettings,
        from: RecipientKey,
        register: &Register,
        disclosure: Disclosure,
    ) -> Result<(), Refusal> {
        if register.options.disclose_caller == Some(true) && disclosure == Disclosure::Refused {
            return Err(Refusal::disclosure());
        }
        if register.options.concurrency == Some(0) {
            return Err(Refusal::new(
                error_uri::INVALID_ARGUMENT,
                "a callee takes at least one invocation at a time: concurrency is 0".to_owned(),
            ));
        }
        let Register { procedure, options, .. } = register;
        let slot = self.slot_by_procedure.get(procedure, options.match_policy.unwrap_or_default());
        let id = slot.and_then(|slot| self.registrations.get(*slot)).map(|registration| registration.id);
        let held = self.parties.get(&from).map(|party| &party.registrations);
        let is_held = held.zip(id).is_some_and(|(held, id)| held.contains(&id));
        if !is_held && held.map_or(0, BTreeSet::len) >= settings.registrations_max {
            return Err(Refusal::over(
                Limit::Registrations,
                error_uri::UNAVAILABLE,
                format!("a session may hold {} registrations", settings.registrations_max),
            ));
        }
        Ok(())
    }

    /// Takes a registration back.
    pub(super) fn unregister(
        &mut self,
        settings: &RealmSettings,
        from: RecipientKey,
        unregister: &Unregister,
        out: &impl World,
    ) {
        let Unregister { request, registration } = *unregister;
        self.apply(settings, Record::Unregistered { callee: from, request, registration }, out);
    }

    /// Changes the registrations, and answers whoever asked for it.
    fn apply(&mut self, settings: &RealmSettings, record: Record, out: &impl World) {
        match record {
            Record::Registered { callee, session, request, procedure, options, is_disclosed } => {
                match self.add(settings, (callee, session, is_disclosed), &procedure, &options, out) {
                    Ok(slot) => {
                        let Some(registration) = self.registrations.get(slot).map(|found| found.id) else {
                            return;
                        };
                        out.answer(callee, &Outgoing::new(Registered { request, registration }.into()));
                        self.serve_waiting(settings, slot, out);
                    }
                    Err(refusal) => refusal.answer(callee, MessageCode::Register, request, out),
                }
            }
            Record::Unregistered { callee, request, registration } => {
                let party = self.parties.get_mut(&callee);
                if !party.is_some_and(|party| party.registrations.remove(&registration)) {
                    return Refusal::new(
                        error_uri::NO_SUCH_REGISTRATION,
                        format!("registration {registration} is not held by this session"),
                    )
                    .answer(callee, MessageCode::Unregister, request, out);
                }
                let request = Answered::Request(request);
                out.answer(callee, &Outgoing::new(Unregistered { request, revoked: None }.into()));
                self.remove(settings, registration, callee, out);
            }
            Record::SessionGone { callee } => {
                let held =
                    self.parties.get_mut(&callee).map(|party| std::mem::take(&mut party.registrations));
                for registration in held.unwrap_or_default() {
                    self.remove(settings, registration, callee, out);
                }
            }
        }
    }

    /// Adds a callee to the registration of that procedure, which is made if there is none.
    fn add(
        &mut self,
        settings: &RealmSettings,
        (callee, session, is_disclosed): (RecipientKey, SessionId, bool),
        procedure: &Uri,
        options: &RegisterOptions,
        out: &impl World,
    ) -> Result<usize, Refusal> {
        let match_policy = options.match_policy.unwrap_or_default();
        let invoke = options.invoke.unwrap_or(InvocationPolicy::Single);
        let slot = match self.slot_by_procedure.get(procedure, match_policy).copied() {
            Some(slot) if options.force_reregister == Some(true) => {
                self.take_over(slot, callee, invoke, out)?;
                slot
            }
            Some(slot) => {
                self.check_shared(settings, slot, callee, invoke)?;
                slot
            }
            None => {
                let slot = self.create(settings, procedure, match_policy, invoke, out)?;
                let description = self.registrations.get(slot).map(Registration::description);
                self.news.extend(description.map(|made| MetaEvent::RegistrationCreated(session, made)));
                slot
            }
        };
        if let Some(registration) = self.registrations.get_mut(slot) {
            self.last_place += 1;
            let identity = out.identity(callee);
            let is_new = registration.add(Callee {
                key: callee,
                session,
                place: self.last_place,
                concurrency: options.concurrency,
                wants_caller: options.disclose_caller == Some(true),
                wants_timeout: options.forward_timeout == Some(true),
                is_disclosed,
                features: identity.map(|identity| identity.features.callee).unwrap_or_default(),
                open: 0,
            });
            if is_new {
                self.news.push(MetaEvent::Registered(session, registration.id));
            }
            self.parties.entry(callee).or_default().registrations.insert(registration.id);
        }
        Ok(slot)
    }

    fn create(
        &mut self,
        settings: &RealmSettings,
        procedure: &Uri,
        match_policy: MatchPolicy,
        invoke: InvocationPolicy,
        out: &impl World,
    ) -> Result<usize, Refusal> {
        if !self.slot_by_procedure.takes(procedure, match_policy) {
            return Err(Refusal::too_many_shapes());
        }
        let Some(id) = RegistrationId::new(self.last_registration + 1) else {
            return Err(Refusal::new(error_uri::UNAVAILABLE, "all registration IDs were used".to_owned()));
        };
        self.last_registration = id.value();
        let queue = settings.call_queues.most_specific(procedure).copied().unwrap_or_default();
        let procedure: Arc<str> = (&**procedure).into();
        let slot = self.registrations.vacant_key();
        self.slot_by_procedure.insert(&procedure, match_policy, slot);
        self.slot_by_id.insert(id, slot);
        let created = out.wall_clock();
        self.registrations.insert(Registration::new(id, procedure, match_policy, invoke, queue, created));
        Ok(slot)
    }

    /// Whether a registration takes another callee that asks for that policy: the first one decided (SHR-02).
    fn check_shared(
        &self,
        settings: &RealmSettings,
        slot: usize,
        callee: RecipientKey,
        invoke: InvocationPolicy,
    ) -> Result<(), Refusal> {
        let Some(registration) = self.registrations.get(slot) else { return Ok(()) };
        let procedure = shown(&registration.procedure);
        let (error, why) = match registration.invoke {
            InvocationPolicy::Single => {
                (error_uri::PROCEDURE_ALREADY_EXISTS, format!("{procedure} is registered already"))
            }
            policy if policy != invoke => {
                let error = match settings.profile {
                    Profile::Crossbar => error_uri::CROSSBAR_DIFFERENT_INVOCATION_POLICY,
                    Profile::Default | Profile::Strict => error_uri::PROCEDURE_ALREADY_EXISTS,
                };
                (error, format!("{procedure} is registered with the invocation policy {:?}", policy.as_str()))
            }
            InvocationPolicy::All if registration.callees().len() >= CALLEES_MAX => {
                let is_there = registration.callees().iter().any(|other| other.key == callee);
                if is_there {
                    return Ok(());
                }
                (error_uri::UNAVAILABLE, format!("a call of all reaches {CALLEES_MAX} callees"))
            }
            _ => return Ok(()),
        };
        Err(Refusal::new(error, why))
    }

    /// Takes the others off a registration, all of which have to be of the same principal (CON-08). Calls that
    /// wait go on to wait.
    fn take_over(
        &mut self,
        slot: usize,
        callee: RecipientKey,
        invoke: InvocationPolicy,
        out: &impl World,
    ) -> Result<(), Refusal> {
        let Some(registration) = self.registrations.get_mut(slot) else { return Ok(()) };
        let principal = out.identity(callee);
        let is_own = |other: RecipientKey| match out.identity(other) {
            Some(identity) => principal.is_some_and(|principal| principal.is_same_principal(identity)),
            // It has left, and is about to be taken off.
            None => true,
        };
        if !registration.callees().iter().all(|other| is_own(other.key)) {
            return Err(Refusal::new(
                error_uri::PROCEDURE_ALREADY_EXISTS,
                format!("{} is registered by somebody else", shown(&registration.procedure)),
            ));
        }
        registration.invoke = invoke;
        let id = registration.id;
        let others: Vec<_> =
            registration.callees().iter().map(|other| other.key).filter(|other| *other != callee).collect();
        for other in others {
            let removed = registration.remove(other);
            if let Some(party) = self.parties.get_mut(&other) {
                party.registrations.remove(&id);
                party.forget_orphans(removed.map(|callee| callee.place));
            }
            tell_revoked(other, id, Some(error_uri::REGISTRATION_TAKEN_OVER.into()), out);
            self.news.extend(removed.map(|callee| MetaEvent::Unregistered(callee.session, id)));
        }
        Ok(())
    }

    /// Takes a callee off a registration, which goes with the last one (CON-06).
    fn remove(
        &mut self,
        settings: &RealmSettings,
        id: RegistrationId,
        callee: RecipientKey,
        out: &impl World,
    ) {
        let Some(&slot) = self.slot_by_id.get(&id) else { return };
        let Some(registration) = self.registrations.get_mut(slot) else { return };
        let removed = registration.remove(callee);
        if let Some(party) = self.parties.get_mut(&callee) {
            party.forget_orphans(removed.map(|callee| callee.place));
        }
        self.news.extend(removed.map(|callee| MetaEvent::Unregistered(callee.session, id)));
        if !registration.callees().is_empty() {
            return self.serve_waiting(settings, slot, out);
        }
        let waiting = registration.waiting.take();
        let registration = self.registrations.remove(slot);
        self.news.extend(removed.map(|callee| MetaEvent::RegistrationDeleted(callee.session, id)));
        self.slot_by_id.remove(&id);
        self.slot_by_procedure.remove(&registration.procedure, registration.match_policy);
        self.refuse_waiting(waiting, error_uri::NO_SUCH_PROCEDURE, "the last callee is gone", out);
    }

    /// Ends calls that waited in vain.
    fn refuse_waiting(
        &mut self,
        waiting: VecDeque<PendingCall>,
        error: &'static str,
        why: &str,
        out: &impl World,
    ) {
        for call in waiting {
            self.waiting_bytes -= call.cost();
            self.forget_call(call.caller, call.request);
            Refusal::new(error, why.to_owned()).answer(call.caller, MessageCode::Call, call.request, out);
        }
    }

    /// What happened to the registrations since this was asked last, in that order.
    pub(super) fn take_news(&mut self) -> Vec<MetaEvent<'static>> {
        std::mem::take(&mut self.news)
    }

    /// How many CALLs wait for their final answer.
    pub(super) fn open_calls(&self) -> usize {
        self.open_calls
    }

    /// How many octets the calls take that wait in queues.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.waiting_bytes.bytes()
    }

    /// How many procedures and patterns have a callee.
    pub(super) fn registrations(&self) -> usize {
        self.registrations.len()
    }

    /// How many sessions the dealer keeps anything of. The router, which calls too, is none.
    pub(super) fn parties(&self) -> usize {
        self.parties.len() - usize::from(self.parties.contains_key(&RecipientKey::ROUTER))
    }
}

/// Tells a callee that a registration of it was revoked, if it announced that it understands (RRV-01).
fn tell_revoked(callee: RecipientKey, id: RegistrationId, reason: Option<Uri>, out: &impl World) {
    if out.identity(callee).is_some_and(|identity| identity.features.callee.registration_revocation) {
        let revoked =
            UnregisteredDetails { registration: Some(id), reason, ..UnregisteredDetails::default() };
        let message = Unregistered { request: Answered::Revocation, revoked: Some(revoked.into()) };
        out.answer(callee, &Outgoing::new(message.into()));
    }
}
