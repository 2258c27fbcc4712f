//! What one session is, and what it should receive.
//!
//! Every session has several mailboxes, because order binds within events and within invocations only; what
//! order binds between them, [`crate::peer`] checks.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use wamp_proto::dict::CancelMode;
use wamp_proto::{RequestId, SerializerId, SessionId};

use super::testaments::Testament;
use crate::features::Features;
use crate::note::Note;
use crate::pattern::Pattern;
use crate::reply::Content;

pub(crate) struct Session {
    pub(crate) realm: usize,
    pub(crate) serializer: SerializerId,
    pub(crate) id: SessionId,
    pub(crate) authid: String,
    pub(crate) role: String,
    pub(crate) features: Features,
    /// Its place among the members of its realm: the last one that became free, or a new one.
    pub(super) slot: usize,
    /// Its outbox overflowed: it receives nothing more, and does not know yet.
    pub(crate) is_gone: bool,
    /// What it held was released, or is about to be.
    pub(super) has_left: bool,
    pub(crate) subscriptions: BTreeSet<Pattern>,
    /// Called, waits for a callee, or offered a procedure.
    pub(super) is_party: bool,
    pub(super) last_invocation: u64,
    /// In the order in which it added them.
    pub(super) testaments: Vec<Testament>,
    /// What the outbox should hold.
    pub(super) queued: usize,
    /// For each request, progressive results and then the final answer.
    pub(crate) answers: BTreeMap<RequestId, VecDeque<Answer>>,
    /// With the subscriptions that match.
    pub(crate) events: VecDeque<Event>,
    /// What it is asked as a callee.
    pub(crate) asked: VecDeque<Asked>,
    /// What its outbox holds and cannot be carried to it.
    pub(super) losses: Vec<Loss>,
    /// Registrations that somebody took over or away, and why.
    pub(crate) revocations: VecDeque<(u64, &'static str)>,
    /// Subscriptions that somebody took away.
    pub(crate) lost_subscriptions: VecDeque<Pattern>,
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
    /// Another answer follows.
    Progress(Content),
    Result(Content),
    /// A result in payload passthru mode.
    Packed(Note),
    /// The callee's own error.
    Failed(Note),
    Error(&'static str),
}

/// What has no octets in the serializer of its recipient.
#[derive(Clone, Copy, Debug)]
pub(super) enum Loss {
    Invocation(u64),
    /// A progressive result of that CALL.
    Progress(RequestId),
}

/// One publication, as one subscriber should get it: once for each subscription that matches, in any order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    pub(crate) note: Note,
    pub(crate) topic: String,
    pub(crate) subscriptions: BTreeSet<Pattern>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Asked {
    Invoked(Invoked),
    Interrupted {
        request: u64,
        mode: CancelMode,
    },
    /// What it answered is not what the caller takes.
    Refused {
        request: u64,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Invoked {
    pub(crate) request: u64,
    /// The model's number of the registration.
    pub(crate) registration: u64,
    /// If the registration is a pattern.
    pub(crate) procedure: Option<String>,
    pub(crate) note: Note,
    pub(crate) is_packed: bool,
    /// More chunks follow.
    pub(crate) more_follows: bool,
    pub(crate) takes_progress: bool,
    /// Milliseconds that the callee minds itself.
    pub(crate) timeout: Option<u64>,
}

impl Session {
    pub(crate) fn new(
        realm: usize,
        serializer: SerializerId,
        id: SessionId,
        authid: String,
        role: String,
        features: Features,
    ) -> Self {
        Self {
            realm,
            serializer,
            id,
            authid,
            role,
            features,
            slot: 0,
            is_gone: false,
            has_left: false,
            subscriptions: BTreeSet::new(),
            is_party: false,
            last_invocation: 0,
            testaments: Vec::new(),
            queued: 0,
            answers: BTreeMap::new(),
            events: VecDeque::new(),
            asked: VecDeque::new(),
            losses: Vec::new(),
            revocations: VecDeque::new(),
            lost_subscriptions: VecDeque::new(),
        }
    }

    /// The requests of the INVOCATIONs in its outbox that cannot be carried to it.
    pub(crate) fn lost_invocations(&self) -> Vec<u64> {
        let invocation =
            |loss: &Loss| if let Loss::Invocation(request) = loss { Some(*request) } else { None };
        self.losses.iter().filter_map(invocation).collect()
    }
}
