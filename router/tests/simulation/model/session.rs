//! What one session is, and what it should receive.
//!
//! Every session has several mailboxes, because order binds within events and within invocations only; what
//! order binds between them, [`crate::peer`] checks.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use wamp_proto::{RequestId, SerializerId, SessionId};

use crate::note::Note;
use crate::pattern::Pattern;

pub(crate) struct Session {
    pub(crate) realm: usize,
    pub(crate) serializer: SerializerId,
    pub(crate) id: SessionId,
    pub(crate) authid: String,
    pub(crate) role: String,
    /// Wants to be told when a registration of it is taken over.
    pub(crate) takes_revocation: bool,
    /// Its outbox overflowed: it receives nothing more, and does not know yet.
    pub(crate) is_gone: bool,
    pub(crate) subscriptions: BTreeSet<Pattern>,
    /// Called, waits for a callee, or offered a procedure.
    pub(super) is_party: bool,
    pub(super) last_invocation: u64,
    /// What the outbox should hold.
    pub(super) queued: usize,
    pub(crate) answers: BTreeMap<RequestId, Answer>,
    /// With the subscriptions that match.
    pub(crate) events: VecDeque<Event>,
    pub(crate) invocations: VecDeque<Invoked>,
    /// Registrations that somebody took over.
    pub(crate) revocations: VecDeque<u64>,
}

/// What a request should be answered with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    Subscribed(Pattern),
    Unsubscribed,
    Published(Note),
    /// The model's number of the registration.
    Registered(u64),
    Unregistered,
    Result(Note),
    /// The callee's own error.
    Failed(Note),
    Error(&'static str),
}

/// One publication, as one subscriber should get it: once for each subscription that matches, in any order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    pub(crate) note: Note,
    pub(crate) topic: String,
    pub(crate) subscriptions: BTreeSet<Pattern>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Invoked {
    pub(crate) request: u64,
    /// The model's number of the registration.
    pub(crate) registration: u64,
    /// If the registration is a pattern.
    pub(crate) procedure: Option<String>,
    pub(crate) note: Note,
}

impl Session {
    pub(crate) fn new(
        realm: usize,
        serializer: SerializerId,
        id: SessionId,
        authid: String,
        role: String,
        takes_revocation: bool,
    ) -> Self {
        Self {
            realm,
            serializer,
            id,
            authid,
            role,
            takes_revocation,
            is_gone: false,
            subscriptions: BTreeSet::new(),
            is_party: false,
            last_invocation: 0,
            queued: 0,
            answers: BTreeMap::new(),
            events: VecDeque::new(),
            invocations: VecDeque::new(),
            revocations: VecDeque::new(),
        }
    }

    /// The requests of the invocations in its outbox that cannot be carried to it.
    pub(crate) fn lost_invocations(&self) -> Vec<u64> {
        let lost = self.invocations.iter().filter(|invoked| !invoked.note.fits(self.serializer));
        lost.map(|invoked| invoked.request).collect()
    }
}
