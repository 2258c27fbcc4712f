//! The only caller of a [`Realm`]: knows its members and their outboxes, and carries effects there.
//!
//! A step runs under a read guard on the members. Joining and leaving take the write guard, hence no step of
//! a session is under way when it is taken out, and none begins afterwards: what [`Realm::leave`] releases
//! then is complete. A member whose outbox overflows in a step leaves right behind it, before the thread's
//! next input: a loop, no recursion under a lock.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;
use slab::Slab;
use tokio::sync::Notify;
use wamp_proto::{RequestId, SessionId, Violation};

use crate::counters::Counters;
use crate::outbox::{Closed, Outbox, OutboxLimits};
use crate::realm::{Full, Holdings, Outgoing, Realm, RealmSettings, RecipientKey, Recipients, Request};

/// A realm and its members.
#[derive(Debug)]
pub(crate) struct RealmDriver {
    realm: Realm,
    members: RwLock<Members>,
    outbox_limits: OutboxLimits,
    counters: Arc<Counters>,
    draining: AtomicBool,
    /// Told after every step that may have ended the last open call of a draining realm.
    drained: Notify,
}

#[derive(Debug, Default)]
struct Members {
    slots: Slab<Member>,
    key_by_session: HashMap<SessionId, RecipientKey>,
    next_generation: u32,
    /// Every member was told to say GOODBYE: nobody may join any more.
    is_closing: bool,
}

#[derive(Debug)]
struct Member {
    generation: u32,
    session: SessionId,
    outbox: Arc<Outbox>,
}

/// A session's place in its realm.
#[derive(Clone, Debug)]
pub(crate) struct Membership {
    pub(crate) key: RecipientKey,
    pub(crate) session: SessionId,
    pub(crate) outbox: Arc<Outbox>,
}

impl Members {
    fn member(&self, key: RecipientKey) -> Option<&Member> {
        self.slots.get(key.slot as usize).filter(|member| member.generation == key.generation)
    }
}

impl RealmDriver {
    pub(crate) fn new(settings: RealmSettings, outbox_limits: OutboxLimits, counters: Arc<Counters>) -> Self {
        Self {
            realm: Realm::new(settings),
            members: RwLock::default(),
            outbox_limits,
            counters,
            draining: AtomicBool::new(false),
            drained: Notify::new(),
        }
    }

    pub(crate) fn settings(&self) -> &RealmSettings {
        self.realm.settings()
    }

    pub(crate) fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// Makes a session a member, under a random ID that no other member has (ID-02). Not while the realm
    /// goes down.
    pub(crate) fn join(&self) -> Option<Membership> {
        let outbox = Arc::new(Outbox::new(self.outbox_limits));
        let mut members = self.members.write();
        if members.is_closing {
            return None;
        }
        let session = loop {
            let session = SessionId::from_bits(rand::random());
            if !members.key_by_session.contains_key(&session) {
                break session;
            }
        };
        let generation = members.next_generation;
        members.next_generation = generation.wrapping_add(1);
        let slot = members.slots.insert(Member { generation, session, outbox: outbox.clone() });
        // Sessions are bounded by descriptors, far below 2^32.
        let key = RecipientKey { slot: slot as u32, generation };
        members.key_by_session.insert(session, key);
        self.counters.sessions_joined.increment();
        Some(Membership { key, session, outbox })
    }

    /// Takes a session out and releases whatever it held. Does nothing if it left before.
    pub(crate) fn leave(&self, key: RecipientKey) {
        {
            let mut members = self.members.write();
            if members.member(key).is_none() {
                return;
            }
            let member = members.slots.remove(key.slot as usize);
            members.key_by_session.remove(&member.session);
        }
        self.counters.sessions_left.increment();
        self.step(|realm, out| realm.leave(key, out));
    }

    /// Routes one request of a member. What comes from a session that left counts for nothing.
    ///
    /// # Errors
    /// If the session broke the protocol: it has to leave.
    pub(crate) fn handle(&self, from: RecipientKey, request: Request) -> Result<(), Violation> {
        self.step(|realm, out| {
            if out.members.member(from).is_none() {
                return Ok(());
            }
            realm.handle(from, request, out)
        })
    }

    /// Ends the call of an INVOCATION that could not be carried to its callee.
    pub(crate) fn undeliverable(&self, callee: RecipientKey, invocation: RequestId, error: &'static str) {
        self.step(|realm, out| realm.undeliverable(callee, invocation, error, out));
    }

    /// From now on, refuses every CALL.
    pub(crate) fn drain(&self) {
        self.realm.drain();
        self.draining.store(true, Ordering::SeqCst);
    }

    /// Waits until the open calls of a draining realm are answered.
    pub(crate) async fn wait_until_drained(&self) {
        loop {
            let drained = self.drained.notified();
            if self.realm.holdings().open_calls == 0 {
                return;
            }
            drained.await;
        }
    }

    /// Ends every open call, then has every session say GOODBYE.
    pub(crate) fn shut_down(&self) {
        self.step(|realm, out| realm.cancel_all(out));
        let mut members = self.members.write();
        members.is_closing = true;
        for (_, member) in &members.slots {
            member.outbox.close(Closed::Shutdown);
        }
    }

    /// How much the realm keeps.
    pub(crate) fn holdings(&self) -> Holdings {
        self.realm.holdings()
    }

    /// How many sessions are members.
    pub(crate) fn sessions(&self) -> usize {
        self.members.read().slots.len()
    }

    fn step<T>(&self, input: impl FnOnce(&Realm, &Step<'_>) -> T) -> T {
        let mut overflowed;
        let result = {
            let members = self.members.read();
            let step = Step { members: &members, counters: &self.counters, overflowed: RefCell::default() };
            let result = input(&self.realm, &step);
            overflowed = step.overflowed.into_inner();
            result
        };
        while let Some(key) = overflowed.pop() {
            self.leave(key);
        }
        if self.draining.load(Ordering::Relaxed) {
            self.drained.notify_waiters();
        }
        result
    }
}

/// Carries the effects of one step to the members' outboxes.
struct Step<'a> {
    members: &'a Members,
    counters: &'a Counters,
    overflowed: RefCell<Vec<RecipientKey>>,
}

impl Step<'_> {
    fn push(&self, to: RecipientKey, message: &Arc<Outgoing>) {
        let Some(member) = self.members.member(to) else { return };
        if member.outbox.push(message).is_err() {
            // The policy `disconnect`: a session that cannot keep up is better gone than silently short.
            // Another publisher may have met the same overflow: one of them counts it.
            if member.outbox.close(Closed::Overflow) {
                self.counters.slow_consumers.increment();
            }
            self.overflowed.borrow_mut().push(to);
        }
    }
}

impl Recipients for Step<'_> {
    fn event(&self, to: RecipientKey, message: &Arc<Outgoing>) {
        self.push(to, message);
    }

    fn answer(&self, to: RecipientKey, message: &Arc<Outgoing>) {
        self.push(to, message);
    }

    fn refused(&self, from: RecipientKey, error: &'static str) {
        self.counters.requests_refused.increment();
        if let Some(member) = self.members.member(from) {
            tracing::debug!(session = member.session.value(), error, "request refused");
        }
    }

    fn invocation(&self, to: RecipientKey, message: &Arc<Outgoing>) -> Result<(), Full> {
        let Some(member) = self.members.member(to) else { return Err(Full) };
        member.outbox.push(message).map_err(|_| {
            self.counters.callees_full.increment();
            Full
        })
    }
}
