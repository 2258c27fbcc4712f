//! Routing core of one realm: Broker and Dealer, two state machines without IO.
//!
//! [`crate::realm_driver`] feeds it requests; what follows from one goes to the [`World`] before the guard
//! drops under which it arose, so that every recipient gets messages in the order in which the core made
//! them (ORD-01 to ORD-03). It never blocks, knows no socket and no clock, and asks the [`World`] for time and
//! chance. Lock order where one step needs both: dealer, then broker.

mod admission;
mod audience;
mod authorization;
mod broker;
mod dealer;
mod held;
mod lock;
mod meta;
mod outgoing;
mod packing;
mod patterns;
mod publication;
mod recipient;
mod refusal;
mod ruling;
mod settings;
mod shards;
mod store;
mod world;

#[cfg(test)]
mod tests;

use time::OffsetDateTime;
use wamp_proto::message::{
    Call, Cancel, Error, Publish, Published, Register, Subscribe, Unregister, Unsubscribe, Yield,
};
use wamp_proto::{Action, MatchPolicy, MessageCode, RegistrationId, RequestId, Violation};

use admission::{Applicant, verdict};
use broker::Broker;
use dealer::Dealer;
use lock::Brief;
use meta::{MetaCall, MetaEvent, Testaments};
use outgoing::detach;
use publication::Publication;
use refusal::Refusal;

pub(crate) use authorization::{Disclosure, Role, Rule, Verdict};
pub(crate) use held::{Held, held_by_process, held_roughly};
pub(crate) use lock::ReadMostly;
pub(crate) use outgoing::Outgoing;
pub(crate) use patterns::RankedPatterns;
pub(crate) use recipient::{Features, Full, Identity, RecipientKey};
pub(crate) use ruling::{Ruling, Rulings, Subject};
pub(crate) use settings::{QueueLimits, RealmSettings, StoreLimits};
pub(crate) use world::{Departure, Limit, Moment, World};

/// One realm.
#[derive(Debug)]
pub(crate) struct Realm {
    settings: RealmSettings,
    dealer: Brief<Dealer>,
    broker: ReadMostly<Broker>,
    testaments: Brief<Testaments>,
}

/// A request of a session, in an open session and in the right order.
#[derive(Debug)]
pub(crate) enum Request {
    /// For the broker.
    Publish(Publish),
    /// For the broker.
    Subscribe(Subscribe),
    /// For the broker.
    Unsubscribe(Unsubscribe),
    /// For the dealer.
    Register(Register),
    /// For the dealer.
    Unregister(Unregister),
    /// For the dealer.
    Call(Call),
    /// For the dealer: more of a call in several messages, perhaps.
    Chunk(Call),
    /// For the dealer.
    Cancel(Cancel),
    /// For the dealer.
    Yield(Yield),
    /// For the dealer: a callee's error.
    Error(Error),
}

/// How much a realm keeps for sessions; all zero when everybody left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Topics and patterns of topics with subscribers.
    pub subscriptions: usize,
    /// Procedures and patterns of procedures with callees.
    pub registrations: usize,
    /// CALLs without a final answer.
    pub open_calls: usize,
    /// Octets of those that wait in queues, and of what open calls keep for later.
    pub waiting_bytes: usize,
    /// Sessions that called, or were called, and have not left.
    pub parties: usize,
    /// Testaments of sessions that have not left.
    pub testaments: usize,
}

impl Realm {
    /// A realm that nobody joined yet, made at that time.
    pub(crate) fn new(settings: RealmSettings, created: OffsetDateTime) -> Self {
        Self {
            dealer: Brief::new(Dealer::new(&settings)),
            broker: ReadMostly::new(Broker::new(&settings, created)),
            testaments: Brief::new(Testaments::default()),
            settings,
        }
    }

    /// What the realm was told about itself.
    pub(crate) fn settings(&self) -> &RealmSettings {
        &self.settings
    }

    /// Routes one request, about which the authorizer said that.
    ///
    /// # Errors
    /// If the session broke the protocol: it has to [leave](Self::leave).
    pub(crate) fn handle(
        &self,
        from: RecipientKey,
        request: Request,
        rulings: &Rulings,
        out: &impl World,
    ) -> Result<(), Violation> {
        let settings = &self.settings;
        let Some(identity) = out.identity(from) else { return Ok(()) };
        let applicant = Applicant { settings, identity, rulings };
        let admit = |action, uri: &str, policy: Option<MatchPolicy>| {
            applicant.admit(action, uri, policy.unwrap_or_default())
        };
        match request {
            Request::Publish(publish) => {
                let request = publish.request;
                let wants_answer = publish.options.acknowledge == Some(true);
                let publication = admit(Action::Publish, &publish.topic, None).and_then(|disclosure| {
                    Publication::new(out.publication_id(), from, applicant, disclosure, publish)
                });
                match publication {
                    Ok(publication) => {
                        if wants_answer {
                            // Before the publisher's own EVENT, if it gets one (ORD-06).
                            let published = Published { request, publication: publication.id };
                            out.answer(from, &Outgoing::new(published.into()));
                        }
                        self.broker.read().publish(publication, out);
                    }
                    Err(refusal) if wants_answer => {
                        refusal.answer(from, MessageCode::Publish, request, out);
                    }
                    // Without acknowledgement the router never answers (PUB-01).
                    Err(refusal) => refusal.ignore(from, out),
                }
            }
            Request::Subscribe(subscribe) => {
                match admit(Action::Subscribe, &subscribe.topic, subscribe.options.match_policy) {
                    Ok(_) => self.broker.write().subscribe(settings, from, &subscribe, out),
                    Err(refusal) => refusal.answer(from, MessageCode::Subscribe, subscribe.request, out),
                }
            }
            Request::Unsubscribe(unsubscribe) => self.broker.write().unsubscribe(from, &unsubscribe, out),
            Request::Register(register) => {
                match admit(Action::Register, &register.procedure, register.options.match_policy) {
                    Ok(disclosure) => {
                        self.change_registrations(out, |dealer| {
                            dealer.register(settings, from, register, disclosure, out)
                        });
                    }
                    Err(refusal) => refusal.answer(from, MessageCode::Register, register.request, out),
                }
            }
            Request::Unregister(unregister) => {
                self.change_registrations(out, |dealer| dealer.unregister(settings, from, &unregister, out));
            }
            Request::Call(mut call) => {
                let admitted = admit(Action::Call, &call.procedure, None);
                if let Ok(disclosure) = admitted {
                    if call.procedure.starts_with(meta::NAMESPACE)
                        && let Some(procedure) = meta::procedure(&call.procedure)
                    {
                        let called = MetaCall { realm: self, caller: from, applicant, disclosure, out };
                        return called.answer(procedure, &call);
                    }
                    detach(&mut call.payload);
                }
                return self.dealer.lock().call(settings, from, call, admitted, out);
            }
            Request::Chunk(mut call) => {
                detach(&mut call.payload);
                return self.dealer.lock().chunk(settings, from, call, out);
            }
            Request::Cancel(cancel) => self.dealer.lock().cancel(settings, from, &cancel, out),
            Request::Yield(mut yielded) => {
                detach(&mut yielded.payload);
                return self.dealer.lock().yielded(settings, from, yielded, out);
            }
            Request::Error(mut error) => {
                detach(&mut error.payload);
                return self.dealer.lock().error(settings, from, error, out);
            }
        }
        Ok(())
    }

    /// What the authorizer has to be asked before that request is routed, if its role's rules leave it to the
    /// authorizer.
    pub(crate) fn subject(&self, from: RecipientKey, request: &Request, out: &impl World) -> Option<Subject> {
        let (action, uri, policy) = match request {
            Request::Publish(publish) => (Action::Publish, &publish.topic, None),
            Request::Subscribe(subscribe) => {
                (Action::Subscribe, &subscribe.topic, subscribe.options.match_policy)
            }
            Request::Register(register) => {
                (Action::Register, &register.procedure, register.options.match_policy)
            }
            Request::Call(call) => (Action::Call, &call.procedure, None),
            _ => return None,
        };
        let policy = policy.unwrap_or_default();
        let verdict = verdict(&self.settings, out.identity(from)?, action, uri, policy);
        matches!(verdict, Ok(Verdict::Ask(_))).then(|| Subject::new(action, uri, policy))
    }

    /// What else the sender of that request has to be allowed to do: somebody who looks up past events has to be a
    /// possible subscriber (HIS-08), somebody who leaves a testament a possible publisher (TST-05).
    pub(crate) fn implied(&self, request: &Request) -> Option<Request> {
        if let Request::Call(call) = request { meta::implied(self, call) } else { None }
    }

    /// The registration that a CALL of that procedure goes to, and whether that session is a callee of it.
    pub(crate) fn registration(
        &self,
        procedure: &str,
        session: RecipientKey,
    ) -> Option<(RegistrationId, bool)> {
        self.dealer.lock().best_match_and_callee(procedure, session)
    }

    /// Answers a CALL that its caller canceled before it was routed (CAN).
    pub(crate) fn canceled(&self, caller: RecipientKey, request: RequestId, out: &impl World) {
        Refusal::canceled().answer(caller, MessageCode::Call, request, out);
    }

    /// Ends the call of an INVOCATION that could not be carried to its callee.
    pub(crate) fn undeliverable(
        &self,
        callee: RecipientKey,
        invocation: RequestId,
        error: &'static str,
        out: &impl World,
    ) {
        self.dealer.lock().undeliverable(&self.settings, callee, invocation, error, out);
    }

    /// Ends an open call of that caller, which cannot be told the rest. Returns whether it was open.
    pub(crate) fn end_call(
        &self,
        caller: RecipientKey,
        request: RequestId,
        error: &'static str,
        out: &impl World,
    ) -> bool {
        self.dealer.lock().end_untold(&self.settings, caller, request, error, out)
    }

    /// A session has become a member.
    pub(crate) fn joined(&self, member: RecipientKey, out: &impl World) {
        if let Some(identity) = out.identity(member) {
            self.broker.read().announce(&MetaEvent::Joined(identity), out);
        }
    }

    /// Does what is due.
    pub(crate) fn expire(&self, out: &impl World) {
        // A few under one guard: others wait for it.
        while self.dealer.lock().expire(&self.settings, out) {}
    }

    /// Releases whatever a session held that is gone (SES-14). Nothing more may come from it, but its testaments.
    pub(crate) fn leave(
        &self,
        from: RecipientKey,
        identity: &Identity,
        departure: Departure,
        out: &impl World,
    ) {
        let settings = &self.settings;
        self.change_registrations(out, |dealer| dealer.leave(settings, from, out));
        self.broker.write().leave(from, identity.session, out);
        let testaments = self.testaments.lock().take(from);
        if departure == Departure::Unannounced {
            return;
        }
        for (publish, rulings) in testaments {
            // What it was allowed when it added the testament, it may be denied by now (TST-05). The authorizer said
            // then what it has to say: who is gone waits for nobody.
            let applicant = Applicant { settings, identity, rulings: &rulings };
            let admitted = applicant.admit(Action::Publish, &publish.topic, MatchPolicy::Exact);
            let publication = admitted.and_then(|disclosure| {
                Publication::new(out.publication_id(), from, applicant, disclosure, publish)
            });
            match publication {
                Ok(publication) => self.broker.read().publish(publication, out),
                Err(refusal) => refusal.ignore(from, out),
            }
        }
        self.broker.read().announce(&MetaEvent::Left(identity, settings.profile), out);
    }

    /// Does a step that may change the registrations, and announces what changed before the next one can.
    fn change_registrations<T>(&self, out: &impl World, step: impl FnOnce(&mut Dealer) -> T) -> T {
        let mut dealer = self.dealer.lock();
        let result = step(&mut dealer);
        let news = dealer.take_news();
        if !news.is_empty() {
            let broker = self.broker.read();
            news.iter().for_each(|event| broker.announce(event, out));
        }
        result
    }

    /// From now on, refuses every CALL.
    pub(crate) fn drain(&self) {
        self.dealer.lock().drain();
    }

    /// Ends every open call.
    pub(crate) fn cancel_all(&self, out: &impl World) {
        self.dealer.lock().cancel_all(&self.settings, out);
    }

    /// How much the realm keeps.
    pub(crate) fn holdings(&self) -> Holdings {
        let dealer = self.dealer.lock();
        Holdings {
            subscriptions: self.broker.read().subscriptions(),
            registrations: dealer.registrations(),
            open_calls: dealer.open_calls(),
            waiting_bytes: dealer.waiting_bytes(),
            parties: dealer.parties(),
            testaments: self.testaments.lock().len(),
        }
    }
}
