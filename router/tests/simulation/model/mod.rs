//! What the router should do, in the plainest words: no locks, no indexes, no octets, but lists that are searched.

mod answers;
mod audience;
mod calls;
mod dispatch;
mod endings;
mod gathering;
mod permissions;
mod procedures;
mod revocation;
mod seen;
mod session;
mod specificity;
mod testaments;
mod topics;

use std::collections::{BTreeMap, VecDeque};

use trunkline::Holdings;
use trunkline::config::{Action, CallQueue, RealmRules};
use wamp_proto::{RequestId, SessionId, error_uri};

use crate::pattern::Pattern;
use crate::reply::Content;
use calls::Invocation;
use permissions::Permissions;
use procedures::Registration;
use session::Loss;

pub(crate) use calls::{Call, Chunk};
pub(crate) use procedures::REGISTRATIONS_MAX;
pub(crate) use seen::Seen;
pub(crate) use session::{Answer, Asked, Event, Invoked, Session};
pub(crate) use testaments::{Scope, TESTAMENTS_MAX, Testament};
pub(crate) use topics::SUBSCRIPTIONS_MAX;

/// Realms with the same rules.
pub(crate) struct Model {
    max_messages: usize,
    permissions: Permissions,
    queues: Vec<CallQueue>,
    /// Milliseconds that a call may take.
    call_timeout: Option<u64>,
    /// Milliseconds since the router began.
    now: u64,
    /// Slots of members that left, the last one last, of each realm.
    vacant_slots: BTreeMap<usize, Vec<usize>>,
    pub(crate) sessions: BTreeMap<u64, Session>,
    /// The oldest first.
    registrations: Vec<Registration>,
    last_registration: u64,
    last_place: u64,
    /// Calls that callees have.
    underway: Vec<Call>,
    /// Open invocations, the oldest first.
    open: Vec<Invocation>,
    /// Who was seen to get the invocation with a note: what chance decides, the model has to be told.
    pub(crate) seen_at: BTreeMap<(u64, u64), u64>,
    pub(crate) seen: Seen,
    /// Their outbox overflowed, or somebody killed them.
    leaving: VecDeque<u64>,
    /// Who was seen to leave, in that order: of several that have to at once, any may be first.
    pub(crate) departures: Vec<SessionId>,
}

impl Model {
    /// For outboxes with room for that many messages, and twice that for answers.
    pub(crate) fn new(rules: &RealmRules, max_messages: usize) -> Self {
        Self {
            max_messages,
            permissions: Permissions::new(rules.roles.clone()),
            queues: rules.call_queues.clone(),
            call_timeout: Some(rules.call_timeout_ms).filter(|timeout| *timeout > 0),
            now: 0,
            vacant_slots: BTreeMap::new(),
            sessions: BTreeMap::new(),
            registrations: Vec::new(),
            last_registration: 0,
            last_place: 0,
            underway: Vec::new(),
            open: Vec::new(),
            seen_at: BTreeMap::new(),
            seen: Seen::default(),
            leaving: VecDeque::new(),
            departures: Vec::new(),
        }
    }

    pub(crate) fn join(&mut self, name: u64, mut session: Session) {
        let members = self.sessions.values().filter(|other| other.realm == session.realm && !other.has_left);
        let vacant = self.vacant_slots.entry(session.realm).or_default();
        session.slot = vacant.pop().unwrap_or(members.count());
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
        self.seen.denials += u64::from(!may);
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
            session.events.retain(|event| event.note.fits(serializer));
            for loss in std::mem::take(&mut session.losses) {
                match loss {
                    Loss::Invocation(invocation) => {
                        self.end_undeliverable(name, invocation, error_uri::INVALID_ARGUMENT);
                        lost.push(invocation);
                    }
                    Loss::Progress(request) => self.end_untold((name, request)),
                }
                self.settle();
            }
        }
        lost
    }

    /// The session has read everything.
    pub(crate) fn was_read(&mut self, name: u64) {
        let session = self.member(name);
        assert_eq!(session.answers, BTreeMap::new(), "{name} did not get these");
        assert_eq!(session.events, VecDeque::new(), "{name} did not get these");
        assert_eq!(session.asked, VecDeque::new(), "{name} did not get these");
        assert_eq!(session.revocations, VecDeque::new(), "{name} did not get these");
        assert_eq!(session.lost_subscriptions, VecDeque::new(), "{name} did not get these");
    }

    pub(crate) fn holdings(&self, realm: usize) -> Holdings {
        let parties = self.sessions.values().filter(|session| session.realm == realm);
        Holdings {
            subscriptions: self.subscriptions(realm),
            registrations: self.registrations.iter().filter(|known| known.realm == realm).count(),
            open_calls: self.open_calls(realm),
            waiting_bytes: self.waiting_octets(realm),
            parties: parties.filter(|session| session.is_party && !session.is_gone).count(),
            testaments: self.testaments(realm),
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
            Answer::Progress(Content::One(note)) if !note.fits(session.serializer) => {
                return session.losses.push(Loss::Progress(request));
            }
            Answer::Result(Content::One(note)) | Answer::Packed(note) | Answer::Failed(note)
                if !note.fits(session.serializer) =>
            {
                Answer::Error(error_uri::INVALID_ARGUMENT)
            }
            answer => answer,
        };
        let answers = session.answers.entry(request).or_default();
        let is_over = answers.back().is_some_and(|last| !matches!(last, Answer::Progress(_)));
        assert!(!is_over, "the model answers twice");
        answers.push_back(answer);
    }

    /// Tells a callee that somebody took its registration, if it wants to know.
    fn revoke(&mut self, name: u64, registration: u64, reason: &'static str) {
        self.seen.revocations += 1;
        if self.sessions[&name].features.takes_revocation && self.queue(name, self.max_messages * 2) {
            self.member(name).revocations.push_back((registration, reason));
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

    /// Sends an INVOCATION to a callee that has room in its outbox. Returns whether it has.
    fn invoke(&mut self, name: u64, invoked: Invoked) -> bool {
        let session = &self.sessions[&name];
        // Whose outbox leaving takes everything until it is made to leave, which is next.
        let has_room = session.queued < self.max_messages || session.is_gone;
        if has_room {
            self.ask(name, self.max_messages, Asked::Invoked(invoked));
        } else {
            self.seen.refused_invocations += 1;
        }
        has_room
    }

    fn ask(&mut self, name: u64, most: usize, asked: Asked) {
        if !self.queue(name, most) {
            return;
        }
        let session = self.member(name);
        match asked {
            Asked::Invoked(invoked) if !invoked.note.fits(session.serializer) => {
                session.losses.push(Loss::Invocation(invoked.request));
            }
            asked => session.asked.push_back(asked),
        }
    }

    fn overflow(&mut self, name: u64) {
        self.seen.overflows += 1;
        self.leaving.push_back(name);
        let session = self.member(name);
        session.answers.clear();
        session.events.clear();
        session.asked.clear();
        session.losses.clear();
        session.revocations.clear();
        session.lost_subscriptions.clear();
        session.is_gone = true;
    }

    /// Those whose outbox overflowed leave, and those who were killed, which may let others' overflow.
    fn settle(&mut self) {
        while let Some(name) = self.first_to_leave() {
            self.leaving.retain(|other| *other != name);
            self.release(name);
        }
    }

    fn first_to_leave(&self) -> Option<u64> {
        let seen_at = |name: &u64| {
            let id = self.sessions[name].id;
            let at = self.departures.iter().position(|departed| *departed == id);
            at.unwrap_or_else(|| panic!("nobody saw {name} leave"))
        };
        self.leaving.iter().copied().min_by_key(seen_at)
    }

    fn release(&mut self, name: u64) {
        let session = self.member(name);
        session.is_gone = true;
        session.has_left = true;
        session.subscriptions.clear();
        let (realm, slot) = (session.realm, session.slot);
        self.vacant_slots.entry(realm).or_default().push(slot);
        self.release_calls(name);
        self.execute_testaments(name);
    }
}
