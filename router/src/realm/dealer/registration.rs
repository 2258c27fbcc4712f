//! One registration: its callees, which of them is next, and the calls that wait for one.

use std::collections::VecDeque;
use std::sync::Arc;

use time::OffsetDateTime;
use wamp_proto::dict::InvocationPolicy;
use wamp_proto::{MatchPolicy, Payload, RegistrationId, RequestId, SessionId, Uri};

use super::terms::{Chunks, Terms};
use crate::realm::meta::Description;
use crate::realm::recipient::{CalleeFeatures, RecipientKey};
use crate::realm::settings::QueueLimits;
use crate::realm::shards;
use crate::realm::world::Moment;

/// What a waiting call counts for besides its payload and the procedure's name.
const WAITING_CALL_BYTES: usize = 256;

/// A procedure, or a pattern of procedures, with callees.
#[derive(Debug)]
pub(super) struct Registration {
    pub(super) id: RegistrationId,
    pub(super) procedure: Arc<str>,
    pub(super) match_policy: MatchPolicy,
    pub(super) invoke: InvocationPolicy,
    created: OffsetDateTime,
    /// In the order in which they registered, hence of their places.
    callees: Vec<Callee>,
    /// The place of the callee that was invoked last.
    last_invoked: u64,
    pub(super) waiting: WaitingCalls,
}

/// A session's place in a registration.
#[derive(Clone, Copy, Debug)]
pub(super) struct Callee {
    pub(super) key: RecipientKey,
    /// Kept, since the member may be gone when it is taken off.
    pub(super) session: SessionId,
    /// Higher than that of everybody who registered before, in whatever registration.
    pub(super) place: u64,
    /// Invocations that it takes at a time, if it said so (CON-01).
    pub(super) concurrency: Option<u64>,
    /// Every caller is disclosed to it (CID-02).
    pub(super) wants_caller: bool,
    /// It minds time-outs itself, if it can (TMO-03).
    pub(super) wants_timeout: bool,
    /// Callers learn who it is, where they are told the answers of several.
    pub(super) is_disclosed: bool,
    pub(super) features: CalleeFeatures,
    /// Invocations that it has not answered.
    pub(super) open: u64,
}

/// A CALL on its way to a callee.
#[derive(Debug)]
pub(super) struct PendingCall {
    pub(super) caller: RecipientKey,
    pub(super) request: RequestId,
    /// The procedure called, for a callee that registered a pattern (PBR-05).
    pub(super) procedure: Option<Uri>,
    pub(super) payload: Payload,
    /// What it asks for beyond the ordinary.
    pub(super) terms: Option<Box<Terms>>,
    /// When its time is up.
    pub(super) deadline: Option<Moment>,
}

/// Calls that wait for a callee, in the order in which they came (CON-07).
#[derive(Debug, Default)]
pub(super) struct WaitingCalls {
    calls: VecDeque<PendingCall>,
    bytes: usize,
    limits: QueueLimits,
}

impl Registration {
    pub(super) fn new(
        id: RegistrationId,
        procedure: Arc<str>,
        match_policy: MatchPolicy,
        invoke: InvocationPolicy,
        queue: QueueLimits,
        created: OffsetDateTime,
    ) -> Self {
        let waiting = WaitingCalls { limits: queue, ..WaitingCalls::default() };
        Self { id, procedure, match_policy, invoke, created, callees: Vec::new(), last_invoked: 0, waiting }
    }

    pub(super) fn callees(&self) -> &[Callee] {
        &self.callees
    }

    /// The registration as the meta API shows it.
    pub(super) fn description(&self) -> Description {
        Description {
            id: self.id.value(),
            created: self.created,
            uri: self.procedure.clone(),
            match_policy: self.match_policy,
            invoke: Some(self.invoke),
        }
    }

    /// Adds a session behind all others. A session that is there keeps its place, and what it said last holds
    /// (SHR-04). Returns whether it is new.
    pub(super) fn add(&mut self, callee: Callee) -> bool {
        let found = self.callees.iter_mut().find(|other| other.key == callee.key);
        let is_new = found.is_none();
        match found {
            Some(there) => *there = Callee { place: there.place, open: there.open, ..callee },
            None => self.callees.push(callee),
        }
        is_new
    }

    /// Takes a session off, and says what its place was.
    pub(super) fn remove(&mut self, key: RecipientKey) -> Option<Callee> {
        let index = self.callees.iter().position(|callee| callee.key == key)?;
        Some(self.callees.remove(index))
    }

    /// The indices of the callees that a call may go to, best first, whether or not they have room.
    ///
    /// `chance` decides where the policy leaves it to chance.
    pub(super) fn candidates(
        &self,
        chance: u64,
        terms: Option<&Terms>,
    ) -> impl Iterator<Item = usize> + use<> {
        let count = self.callees.len();
        let resource_key = terms.and_then(|terms| terms.resource_key.as_deref());
        let is_tried = |callee: &Callee| terms.is_some_and(|terms| terms.has_tried(callee));
        // A stand-by must not become active because the first or last one is busy: there is no other candidate.
        let (first, candidates) = match (resource_key, self.invoke) {
            // Nor does another shard have what belongs to this one.
            (Some(key), _) => (self.shard(key), 1),
            (None, InvocationPolicy::Single | InvocationPolicy::First) => {
                (self.callees.iter().position(|callee| !is_tried(callee)).unwrap_or(0), 1)
            }
            (None, InvocationPolicy::Last) => {
                (self.callees.iter().rposition(|callee| !is_tried(callee)).unwrap_or(0), 1)
            }
            // By place and not by number, so that it stays fair when callees leave (SHR-03).
            (None, InvocationPolicy::RoundRobin) => (self.turn(), count),
            (None, InvocationPolicy::Random) => (self.drawn(chance, &is_tried), count),
            (None, InvocationPolicy::LeastBusy) => (self.least_busy(&is_tried), count),
            (None, InvocationPolicy::All) => (0, count),
        };
        (first..count).chain(0..first.min(count)).take(candidates)
    }

    /// The callee that a resource key belongs to: by rendezvous hashing, so that a callee that comes or goes moves
    /// no more keys than its own.
    fn shard(&self, key: &str) -> usize {
        let score = |callee: &Callee| shards::score(&callee.session.value().to_le_bytes(), key);
        let scores = self.callees.iter().map(score).enumerate();
        scores.max_by_key(|(_, score)| *score).map_or(0, |(index, _)| index)
    }

    fn turn(&self) -> usize {
        self.callees.partition_point(|callee| callee.place <= self.last_invoked)
    }

    /// The index of a callee with room, each as likely as the others.
    fn drawn(&self, chance: u64, is_tried: &impl Fn(&Callee) -> bool) -> usize {
        let is_free = |callee: &Callee| callee.has_room() && !is_tried(callee);
        // Two draws out of one number. Lists of callees are short: remainders are as good as even.
        let (among_all, among_free) = ((chance >> 32) as usize, chance as u32 as usize);
        let index = among_all.checked_rem(self.callees.len()).unwrap_or(0);
        if self.callees.get(index).is_some_and(is_free) {
            return index;
        }
        let free = || self.callees.iter().enumerate().filter(|(_, callee)| is_free(callee));
        let chosen = among_free.checked_rem(free().count()).unwrap_or(0);
        free().nth(chosen).map_or(0, |(index, _)| index)
    }

    /// The index of the callee with the fewest open invocations; of several, the one whose turn it is.
    fn least_busy(&self, is_tried: &impl Fn(&Callee) -> bool) -> usize {
        let turn = self.turn();
        let (before, from) = self.callees.split_at_checked(turn).unwrap_or_default();
        let in_turn = (turn..).zip(from).chain((0..).zip(before));
        let load = |callee: &Callee| (is_tried(callee), !callee.has_room(), callee.open);
        in_turn.min_by_key(|(_, callee)| load(callee)).map_or(0, |(index, _)| index)
    }

    /// Counts an invocation of the callee at that place.
    pub(super) fn invoked(&mut self, place: u64) {
        self.last_invoked = place;
        if let Some(callee) = self.callee_mut(place) {
            callee.open += 1;
        }
    }

    /// Counts an invocation as over. Returns whether the callee is there still: it may have left the registration
    /// meanwhile, and the slot may be another one's.
    pub(super) fn answered(&mut self, place: u64) -> bool {
        let callee = self.callee_mut(place);
        callee.map(|callee| callee.open -= 1).is_some()
    }

    /// Whether an answer is to come that lets the queue move on.
    pub(super) fn has_open_invocations(&self) -> bool {
        self.callees.iter().any(|callee| callee.open > 0)
    }

    /// Whether the callee at that place takes only so many invocations at a time.
    pub(super) fn is_limited(&self, place: u64) -> bool {
        let index = self.callees.binary_search_by_key(&place, |callee| callee.place);
        index.is_ok_and(|index| self.callees.get(index).is_some_and(|callee| callee.concurrency.is_some()))
    }

    fn callee_mut(&mut self, place: u64) -> Option<&mut Callee> {
        let index = self.callees.binary_search_by_key(&place, |callee| callee.place).ok()?;
        self.callees.get_mut(index)
    }
}

impl Callee {
    pub(super) fn has_room(&self) -> bool {
        self.concurrency.is_none_or(|concurrency| self.open < concurrency)
    }
}

impl PendingCall {
    /// Octets that it counts for while it waits.
    pub(super) fn cost(&self) -> usize {
        let procedure = self.procedure.as_ref().map_or(0, |procedure| procedure.len());
        let chunks = self.terms.as_ref().and_then(|terms| terms.chunks.as_ref());
        let chunks = chunks.map_or(0, Chunks::waiting_bytes);
        let texts = self.terms.as_ref().map_or(0, |terms| terms.text_bytes());
        self.payload.raw().len() + procedure + texts + chunks + WAITING_CALL_BYTES
    }
}

impl WaitingCalls {
    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }

    /// Whether the procedure has a queue at all.
    pub(super) fn has_queue(&self) -> bool {
        self.limits.calls > 0
    }

    /// Has a call wait behind all others. Returns whether there was room for it (CON-04).
    pub(super) fn push(&mut self, call: PendingCall) -> bool {
        let bytes = self.bytes + call.cost();
        let has_room = self.calls.len() < self.limits.calls && bytes <= self.limits.max_bytes;
        if has_room {
            self.bytes = bytes;
            self.calls.push_back(call);
        }
        has_room
    }

    /// Puts a call back that was next.
    pub(super) fn put_back(&mut self, call: PendingCall) {
        self.bytes += call.cost();
        self.calls.push_front(call);
    }

    pub(super) fn next(&mut self) -> Option<PendingCall> {
        let call = self.calls.pop_front()?;
        self.bytes -= call.cost();
        if self.calls.is_empty() {
            self.calls = VecDeque::new();
        }
        Some(call)
    }

    /// Has a chunk wait with the call that it belongs to. Returns what it counts for, unless there is no room.
    pub(super) fn push_chunk(
        &mut self,
        caller: RecipientKey,
        request: RequestId,
        payload: Payload,
        is_last: bool,
    ) -> Option<usize> {
        let cost = Chunks::cost(&payload);
        let has_room = self.bytes + cost <= self.limits.max_bytes;
        let mut calls = self.calls.iter_mut();
        let call = calls.find(|call| call.caller == caller && call.request == request)?;
        let chunks = call.terms.as_mut().and_then(|terms| terms.chunks.as_mut()).filter(|_| has_room)?;
        chunks.waiting.push_back((payload, is_last));
        self.bytes += cost;
        Some(cost)
    }

    /// The call that a chunk continues, if it waits here.
    pub(super) fn chunks_of(&mut self, caller: RecipientKey, request: RequestId) -> Option<&mut Chunks> {
        let mut calls = self.calls.iter_mut();
        let call = calls.find(|call| call.caller == caller && call.request == request)?;
        call.terms.as_mut()?.chunks.as_mut()
    }

    /// Takes one call out of the queue. Returns what it counted for.
    pub(super) fn remove(&mut self, caller: RecipientKey, request: RequestId) -> usize {
        let place = self.calls.iter().position(|call| call.caller == caller && call.request == request);
        let cost = place.and_then(|place| self.calls.remove(place)).map_or(0, |call| call.cost());
        self.bytes -= cost;
        cost
    }

    /// Forgets the calls of a caller that is gone. Returns what they counted for.
    pub(super) fn forget(&mut self, caller: RecipientKey) -> usize {
        let bytes = self.bytes;
        self.calls.retain(|call| call.caller != caller);
        self.bytes = self.calls.iter().map(PendingCall::cost).sum();
        bytes - self.bytes
    }

    /// All of them, to be ended.
    pub(super) fn take(&mut self) -> VecDeque<PendingCall> {
        self.bytes = 0;
        std::mem::take(&mut self.calls)
    }
}
