//! What the router should do, in the plainest words: no locks, no indexes, no octets, but lists that are searched.

mod audience;
mod calls;
mod permissions;
mod procedures;
mod session;
mod specificity;
mod topics;

use std::collections::{BTreeMap, VecDeque};

use trunkline::Holdings;
use trunkline::config::{Action, CallQueue, RealmRules};
use wamp_proto::{RequestId, error_uri};

use crate::pattern::Pattern;
use calls::Invocation;
use permissions::Permissions;
use procedures::Registration;

pub(crate) use calls::Call;
pub(crate) use procedures::REGISTRATIONS_MAX;
pub(crate) use session::{Answer, Event, Invoked, Session};
pub(crate) use topics::SUBSCRIPTIONS_MAX;

/// Realms with the same rules.
pub(crate) struct Model {
    max_messages: usize,
    permissions: Permissions,
    queues: Vec<CallQueue>,
    pub(crate) sessions: BTreeMap<u64, Session>,
    /// The oldest first.
    registrations: Vec<Registration>,
    last_registration: u64,
    last_place: u64,
    /// Open invocations, the oldest first.
    open: Vec<Invocation>,
    /// Who was seen to get the invocation with a note: what chance decides, the model has to be told.
    pub(crate) seen_at: BTreeMap<(u64, u64), u64>,
    pub(crate) overflows: u64,
    pub(crate) refused_invocations: u64,
    pub(crate) denials: u64,
    pub(crate) calls_that_waited: u64,
    pub(crate) choices_by_chance: u64,
    pub(crate) revocations: u64,
    overflowed: Vec<u64>,
}

impl Model {
    /// For outboxes with room for that many messages, and twice that for answers.
    pub(crate) fn new(rules: &RealmRules, max_messages: usize) -> Self {
        Self {
            max_messages,
            permissions: Permissions::new(rules.roles.clone()),
            queues: rules.call_queues.clone(),
            sessions: BTreeMap::new(),
            registrations: Vec::new(),
            last_registration: 0,
            last_place: 0,
            open: Vec::new(),
            seen_at: BTreeMap::new(),
            overflows: 0,
            refused_invocations: 0,
            denials: 0,
            calls_that_waited: 0,
            choices_by_chance: 0,
            revocations: 0,
            overflowed: Vec::new(),
        }
    }

    pub(crate) fn join(&mut self, name: u64, session: Session) {
        self.sessions.insert(name, session);
    }

    fn is_live(&self, name: u64) -> bool {
        self.sessions.get(&name).is_some_and(|session| !session.is_gone)
    }

    fn member(&mut self, name: u64) -> &mut Session {
        self.sessions.get_mut(&name).expect("a session")
    }

    /// Whether the session's role permits that.
    fn may(&mut self, name: u64, action: Action, pattern: &Pattern) -> bool {
        let role = &self.sessions[&name].role;
        let may = self.permissions.permit(role, action, pattern);
        self.denials += u64::from(!may);
        may
    }

    /// Whether a request that is always answered gets beyond the session's role.
    fn admits(&mut self, name: u64, request: RequestId, action: Action, pattern: &Pattern) -> bool {
        if !self.is_live(name) {
            return false;
        }
        let may = self.may(name, action, pattern);
        if !may {
            self.refuse(name, request, error_uri::NOT_AUTHORIZED);
        }
        may
    }

    pub(crate) fn refuse(&mut self, name: u64, request: RequestId, error: &'static str) {
        self.answer(name, request, Answer::Error(error));
        self.settle();
    }

    /// The session breaks off, leaves, or is made to leave.
    pub(crate) fn leave(&mut self, name: u64) {
        self.release(name);
        self.sessions.remove(&name);
        self.settle();
    }

    /// The session reads until there is nothing more: what cannot be carried there is told to the callers, whereupon
    /// others may get their turn.
    ///
    /// Returns the invocations that it will not get.
    pub(crate) fn read(&mut self, name: u64) -> Vec<u64> {
        let mut lost = Vec::new();
        while self.is_live(name) && self.member(name).queued > 0 {
            let session = self.member(name);
            session.queued = 0;
            let serializer = session.serializer;
            let lost_now = session.lost_invocations();
            session.events.retain(|event| event.note.fits(serializer));
            session.invocations.retain(|invoked| invoked.note.fits(serializer));
            for invocation in &lost_now {
                self.end_call(name, *invocation, Answer::Error(error_uri::INVALID_ARGUMENT));
                self.settle();
            }
            lost.extend(lost_now);
        }
        lost
    }

    /// The session has read everything.
    pub(crate) fn was_read(&mut self, name: u64) {
        let session = self.member(name);
        assert_eq!(session.answers, BTreeMap::new(), "{name} did not get these");
        assert_eq!(session.events, VecDeque::new(), "{name} did not get these");
        assert_eq!(session.invocations, VecDeque::new(), "{name} did not get these");
        assert_eq!(session.revocations, VecDeque::new(), "{name} did not get these");
    }

    pub(crate) fn holdings(&self, realm: usize) -> Holdings {
        let parties = self.sessions.values().filter(|session| session.realm == realm);
        Holdings {
            subscriptions: self.subscriptions(realm),
            registrations: self.registrations.iter().filter(|known| known.realm == realm).count(),
            open_calls: self.open_calls(realm),
            waiting_bytes: self.waiting_octets(realm),
            parties: parties.filter(|session| session.is_party && !session.is_gone).count(),
            testaments: 0,
        }
    }

    pub(crate) fn live_sessions(&self) -> usize {
        self.sessions.values().filter(|session| !session.is_gone).count()
    }

    /// Puts one more message into the outbox. Returns whether it will arrive.
    fn queue(&mut self, name: u64, most: usize) -> bool {
        if !self.is_live(name) {
            return false;
        }
        let session = self.member(name);
        session.queued += 1;
        if session.queued > most {
            self.overflow(name);
        }
        self.is_live(name)
    }

    fn answer(&mut self, name: u64, request: RequestId, answer: Answer) {
        if !self.queue(name, self.max_messages * 2) {
            return;
        }
        let session = self.member(name);
        let answer = match answer {
            Answer::Result(note) | Answer::Failed(note) if !note.fits(session.serializer) => {
                Answer::Error(error_uri::INVALID_ARGUMENT)
            }
            answer => answer,
        };
        assert_eq!(session.answers.insert(request, answer), None, "the model answers twice");
    }

    /// Tells a callee that somebody took its registration over, if it wants to know.
    fn revoke(&mut self, name: u64, registration: u64) {
        self.revocations += 1;
        if self.sessions[&name].takes_revocation && self.queue(name, self.max_messages * 2) {
            self.member(name).revocations.push_back(registration);
        }
    }

    fn event(&mut self, name: u64, event: Event) {
        for _ in &event.subscriptions {
            self.queue(name, self.max_messages);
        }
        if self.is_live(name) {
            self.member(name).events.push_back(event);
        }
    }

    /// Invokes a callee that has room in its outbox. Returns the request of the invocation.
    fn invoke(&mut self, name: u64, invoked: impl FnOnce(u64) -> Invoked) -> Option<u64> {
        let max = self.max_messages;
        let session = self.member(name);
        // Whose outbox overflowed takes everything until it is made to leave, which is next.
        if session.queued >= max && !session.is_gone {
            return None;
        }
        session.last_invocation += 1;
        let request = session.last_invocation;
        if self.queue(name, max) {
            self.member(name).invocations.push_back(invoked(request));
        }
        Some(request)
    }

    fn overflow(&mut self, name: u64) {
        self.overflows += 1;
        self.overflowed.push(name);
        let session = self.member(name);
        session.answers.clear();
        session.events.clear();
        session.invocations.clear();
        session.revocations.clear();
        session.is_gone = true;
    }

    /// Those whose outbox overflowed leave, which may let others' overflow.
    fn settle(&mut self) {
        while let Some(name) = self.overflowed.pop() {
            self.release(name);
        }
    }

    fn release(&mut self, name: u64) {
        let session = self.member(name);
        session.is_gone = true;
        session.subscriptions.clear();
        self.release_calls(name);
    }
}
