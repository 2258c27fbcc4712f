//! What the router should do, in the plainest words: no locks, no indexes, no octets.
//!
//! Every session has three mailboxes, because order binds within events and within invocations only; what
//! order binds between them, [`crate::peer`] checks.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use trunkline::Holdings;
use wamp_proto::{RegistrationId, RequestId, SerializerId, error_uri};

use crate::note::Note;

/// A realm, and a topic or procedure in it.
pub(crate) type Place = (usize, usize);

#[derive(Default)]
pub(crate) struct Model {
    max_messages: usize,
    pub(crate) sessions: BTreeMap<u64, Session>,
    /// Subscribers.
    topics: BTreeMap<Place, BTreeSet<u64>>,
    /// Callees.
    procedures: BTreeMap<Place, u64>,
    open_calls: BTreeMap<usize, usize>,
    pub(crate) overflows: u64,
    pub(crate) refused_invocations: u64,
    overflowed: Vec<u64>,
}

/// What a session should hold and receive.
pub(crate) struct Session {
    pub(crate) realm: usize,
    serializer: SerializerId,
    /// Its outbox overflowed: the router forgot it, and it does not know yet.
    pub(crate) is_gone: bool,
    pub(crate) subscriptions: BTreeSet<usize>,
    /// With the ID, once the session was told.
    pub(crate) registrations: BTreeMap<usize, Option<RegistrationId>>,
    is_party: bool,
    last_invocation: u64,
    /// Open calls: callee and invocation.
    calls: BTreeMap<RequestId, (u64, u64)>,
    /// Open invocations: the caller, as long as there is one.
    pending: BTreeMap<u64, Option<(u64, RequestId)>>,
    /// What the outbox should hold.
    queued: usize,
    pub(crate) answers: BTreeMap<RequestId, Answer>,
    pub(crate) events: VecDeque<(usize, Note)>,
    pub(crate) invocations: VecDeque<(u64, usize, Note)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Answer {
    Subscribed(usize),
    Unsubscribed,
    Published(Note),
    Registered(usize),
    Unregistered,
    Result(Note),
    /// The callee's own error.
    Failed(Note),
    Error(&'static str),
}

impl Model {
    /// For outboxes with room for that many messages, and twice that for answers.
    pub(crate) fn new(max_messages: usize) -> Self {
        Self { max_messages, ..Self::default() }
    }

    pub(crate) fn join(&mut self, name: u64, realm: usize, serializer: SerializerId) {
        let session = Session {
            realm,
            serializer,
            is_gone: false,
            subscriptions: BTreeSet::new(),
            registrations: BTreeMap::new(),
            is_party: false,
            last_invocation: 0,
            calls: BTreeMap::new(),
            pending: BTreeMap::new(),
            queued: 0,
            answers: BTreeMap::new(),
            events: VecDeque::new(),
            invocations: VecDeque::new(),
        };
        self.sessions.insert(name, session);
    }

    /// The session, as long as the router knows it.
    fn live(&mut self, name: u64) -> Option<&mut Session> {
        self.sessions.get_mut(&name).filter(|session| !session.is_gone)
    }

    pub(crate) fn subscribe(&mut self, name: u64, request: RequestId, topic: usize) {
        let Some(session) = self.live(name) else { return };
        session.subscriptions.insert(topic);
        let place = (session.realm, topic);
        self.topics.entry(place).or_default().insert(name);
        self.answer(name, request, Answer::Subscribed(topic));
        self.settle();
    }

    pub(crate) fn unsubscribe(&mut self, name: u64, request: RequestId, topic: Option<usize>) {
        let Some(session) = self.live(name) else { return };
        let realm = session.realm;
        let held = topic.filter(|topic| session.subscriptions.remove(topic));
        let answer = match held {
            Some(topic) => {
                self.forget_subscriber((realm, topic), name);
                Answer::Unsubscribed
            }
            None => Answer::Error(error_uri::NO_SUCH_SUBSCRIPTION),
        };
        self.answer(name, request, answer);
        self.settle();
    }

    pub(crate) fn publish(
        &mut self,
        name: u64,
        topic: usize,
        note: Note,
        acknowledged: Option<RequestId>,
        exclude_me: bool,
    ) {
        let Some(session) = self.live(name) else { return };
        let place = (session.realm, topic);
        if let Some(request) = acknowledged {
            self.answer(name, request, Answer::Published(note));
        }
        for subscriber in self.topics.get(&place).cloned().unwrap_or_default() {
            if subscriber != name || !exclude_me {
                self.event(subscriber, topic, note);
            }
        }
        self.settle();
    }

    pub(crate) fn refuse(&mut self, name: u64, request: RequestId, error: &'static str) {
        self.answer(name, request, Answer::Error(error));
        self.settle();
    }

    pub(crate) fn register(&mut self, name: u64, request: RequestId, procedure: usize) {
        let Some(session) = self.live(name) else { return };
        let place = (session.realm, procedure);
        let is_taken = self.procedures.contains_key(&place);
        let answer = if is_taken {
            Answer::Error(error_uri::PROCEDURE_ALREADY_EXISTS)
        } else {
            self.procedures.insert(place, name);
            let session = self.sessions.get_mut(&name).expect("a session");
            session.registrations.insert(procedure, None);
            session.is_party = true;
            Answer::Registered(procedure)
        };
        self.answer(name, request, answer);
        self.settle();
    }

    pub(crate) fn unregister(&mut self, name: u64, request: RequestId, registration: RegistrationId) {
        let Some(session) = self.live(name) else { return };
        let mut held = session.registrations.iter();
        let held = held.find(|(_, id)| **id == Some(registration)).map(|(procedure, _)| *procedure);
        let answer = match held {
            Some(procedure) => {
                session.registrations.remove(&procedure);
                let place = (session.realm, procedure);
                self.procedures.remove(&place);
                Answer::Unregistered
            }
            None => Answer::Error(error_uri::NO_SUCH_REGISTRATION),
        };
        self.answer(name, request, answer);
        self.settle();
    }

    pub(crate) fn call(&mut self, name: u64, request: RequestId, procedure: usize, note: Note) {
        let Some(session) = self.live(name) else { return };
        let realm = session.realm;
        match self.procedures.get(&(realm, procedure)).copied() {
            None => self.answer(name, request, Answer::Error(error_uri::NO_SUCH_PROCEDURE)),
            Some(callee) => match self.invocation(callee, procedure, note) {
                Some(invocation) => {
                    self.sessions
                        .get_mut(&callee)
                        .expect("a callee")
                        .pending
                        .insert(invocation, Some((name, request)));
                    let caller = self.sessions.get_mut(&name).expect("a caller");
                    caller.calls.insert(request, (callee, invocation));
                    caller.is_party = true;
                    *self.open_calls.entry(realm).or_default() += 1;
                }
                None => {
                    self.refused_invocations += 1;
                    self.answer(name, request, Answer::Error(error_uri::UNAVAILABLE));
                }
            },
        }
        self.settle();
    }

    /// A callee answers; late answers count for nothing.
    pub(crate) fn answered(&mut self, callee: u64, invocation: u64, note: Note, fails: bool) {
        let answer = if fails { Answer::Failed(note) } else { Answer::Result(note) };
        self.end_call(callee, invocation, answer);
        self.settle();
    }

    /// The session breaks off, leaves, or is made to leave.
    pub(crate) fn leave(&mut self, name: u64) {
        self.release(name);
        self.sessions.remove(&name);
        self.settle();
    }

    /// The session begins to read: room is made, and what cannot be carried there is told to the callers.
    ///
    /// Returns the invocations that it will not get.
    pub(crate) fn read(&mut self, name: u64) -> Vec<u64> {
        let lost = self.lost(name);
        let Some(session) = self.live(name) else { return Vec::new() };
        session.queued = 0;
        let serializer = session.serializer;
        session.events.retain(|(_, note)| note.fits(serializer));
        session.invocations.retain(|(.., note)| note.fits(serializer));
        for invocation in &lost {
            self.end_call(name, *invocation, Answer::Error(error_uri::INVALID_ARGUMENT));
            self.settle();
        }
        lost
    }

    /// The invocations in the session's outbox that cannot be carried to it.
    pub(crate) fn lost(&self, name: u64) -> Vec<u64> {
        let session = &self.sessions[&name];
        let lost = session.invocations.iter().filter(|(.., note)| !note.fits(session.serializer));
        lost.map(|(invocation, ..)| *invocation).collect()
    }

    /// The session has read everything.
    pub(crate) fn was_read(&mut self, name: u64) {
        let session = self.sessions.get_mut(&name).expect("a session");
        assert_eq!(session.answers, BTreeMap::new(), "{name} did not get these");
        assert_eq!(session.events, [], "{name} did not get these");
        assert_eq!(session.invocations, [], "{name} did not get these");
        session.queued = 0;
    }

    pub(crate) fn holdings(&self, realm: usize) -> Holdings {
        let in_realm = |place: &&Place| place.0 == realm;
        let parties = self.sessions.values().filter(|session| session.realm == realm);
        Holdings {
            subscriptions: self.topics.keys().filter(in_realm).count(),
            registrations: self.procedures.keys().filter(in_realm).count(),
            waiting_bytes: 0,
            open_calls: self.open_calls.get(&realm).copied().unwrap_or_default(),
            parties: parties.filter(|session| session.is_party && !session.is_gone).count(),
        }
    }

    pub(crate) fn live_sessions(&self) -> usize {
        self.sessions.values().filter(|session| !session.is_gone).count()
    }

    fn answer(&mut self, name: u64, request: RequestId, answer: Answer) {
        let max = self.max_messages * 2;
        let Some(session) = self.live(name) else { return };
        session.queued += 1;
        if session.queued > max {
            self.overflow(name);
            return;
        }
        let answer = match answer {
            Answer::Result(note) | Answer::Failed(note) if !note.fits(session.serializer) => {
                Answer::Error(error_uri::INVALID_ARGUMENT)
            }
            answer => answer,
        };
        assert_eq!(session.answers.insert(request, answer), None, "the model answers twice");
    }

    fn event(&mut self, name: u64, topic: usize, note: Note) {
        let max = self.max_messages;
        let Some(session) = self.live(name) else { return };
        session.queued += 1;
        if session.queued > max {
            self.overflow(name);
        } else {
            session.events.push_back((topic, note));
        }
    }

    fn invocation(&mut self, name: u64, procedure: usize, note: Note) -> Option<u64> {
        let max = self.max_messages;
        let session = self.live(name).filter(|session| session.queued < max)?;
        session.queued += 1;
        session.last_invocation += 1;
        session.invocations.push_back((session.last_invocation, procedure, note));
        Some(session.last_invocation)
    }

    fn end_call(&mut self, callee: u64, invocation: u64, answer: Answer) {
        let pending = self.live(callee).and_then(|session| session.pending.remove(&invocation));
        if let Some((caller, request)) = pending.flatten() {
            self.forget_call(caller, request);
            self.answer(caller, request, answer);
        }
    }

    fn forget_call(&mut self, caller: u64, request: RequestId) {
        let session = self.sessions.get_mut(&caller).expect("a caller");
        session.calls.remove(&request).expect("an open call");
        *self.open_calls.get_mut(&session.realm).expect("open calls") -= 1;
    }

    fn forget_subscriber(&mut self, place: Place, name: u64) {
        let subscribers = self.topics.get_mut(&place).expect("a topic");
        assert!(subscribers.remove(&name));
        if subscribers.is_empty() {
            self.topics.remove(&place);
        }
    }

    fn overflow(&mut self, name: u64) {
        self.overflows += 1;
        self.overflowed.push(name);
        let session = self.sessions.get_mut(&name).expect("a session");
        session.answers.clear();
        session.events.clear();
        session.invocations.clear();
        session.is_gone = true;
    }

    /// Those whose outbox overflowed leave, which may let others' overflow.
    fn settle(&mut self) {
        while let Some(name) = self.overflowed.pop() {
            self.release(name);
        }
    }

    fn release(&mut self, name: u64) {
        let session = self.sessions.get_mut(&name).expect("a session");
        session.is_gone = true;
        let realm = session.realm;
        let topics = std::mem::take(&mut session.subscriptions);
        let procedures = std::mem::take(&mut session.registrations);
        let calls = std::mem::take(&mut session.calls);
        let pending = std::mem::take(&mut session.pending);
        for topic in topics {
            self.forget_subscriber((realm, topic), name);
        }
        for procedure in procedures.into_keys() {
            self.procedures.remove(&(realm, procedure));
        }
        for (callee, invocation) in calls.into_values() {
            *self.open_calls.get_mut(&realm).expect("open calls") -= 1;
            if callee != name {
                let callee = self.sessions.get_mut(&callee).expect("a callee");
                *callee.pending.get_mut(&invocation).expect("an open invocation") = None;
            }
        }
        for (caller, request) in pending.into_values().flatten().filter(|(caller, _)| *caller != name) {
            self.forget_call(caller, request);
            self.answer(caller, request, Answer::Error(error_uri::CANCELED));
        }
    }
}
