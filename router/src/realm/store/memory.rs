//! Events kept in memory, within limits: a restart forgets them.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use wamp_proto::{MatchPolicy, SubscriptionId};

use super::query::Query;
use super::retained::Retained;
use super::{EventStore, StoredEvent};
use crate::realm::lock::Brief;
use crate::realm::settings::StoreLimits;
use crate::realm::world::Moment;

/// Histories, each within limits of its own, and the realm's retained events.
#[derive(Debug)]
pub(in crate::realm) struct MemoryStore {
    recordings: HashMap<SubscriptionId, Brief<Recording>>,
    retained: Brief<Retained>,
}

/// What was published to one subscription, the oldest first.
#[derive(Debug)]
struct Recording {
    limits: StoreLimits,
    events: VecDeque<Arc<StoredEvent>>,
    bytes: usize,
}

impl MemoryStore {
    /// An empty store with those limits for retained events.
    pub(in crate::realm) fn new(retained: StoreLimits) -> Self {
        Self { recordings: HashMap::new(), retained: Brief::new(Retained::new(retained)) }
    }
}

impl EventStore for MemoryStore {
    fn open(&mut self, subscription: SubscriptionId, limits: StoreLimits) {
        let recording = Recording { limits, events: VecDeque::new(), bytes: 0 };
        self.recordings.insert(subscription, Brief::new(recording));
    }

    fn record(&self, subscription: SubscriptionId, event: &Arc<StoredEvent>) {
        if let Some(recording) = self.recordings.get(&subscription) {
            recording.lock().record(event.clone());
        }
    }

    fn events(
        &self,
        subscription: SubscriptionId,
        query: &Query,
        now: Moment,
        includes: &dyn Fn(&StoredEvent) -> bool,
    ) -> Vec<Arc<StoredEvent>> {
        let Some(recording) = self.recordings.get(&subscription) else { return Vec::new() };
        let mut recording = recording.lock();
        recording.evict(now);
        query.select(&recording.events, includes)
    }

    fn retain(&self, event: Arc<StoredEvent>) {
        self.retained.lock().retain(event);
    }

    fn retained(
        &self,
        topic: &str,
        match_policy: MatchPolicy,
        now: Moment,
        max_bytes: usize,
        includes: &dyn Fn(&StoredEvent) -> bool,
    ) -> Vec<Arc<StoredEvent>> {
        self.retained.lock().matching(topic, match_policy, now, max_bytes, includes)
    }
}

impl Recording {
    fn record(&mut self, event: Arc<StoredEvent>) {
        // It would evict all the others, and then itself.
        if event.held.bytes() > self.limits.max_bytes {
            return;
        }
        let now = event.moment;
        self.bytes += event.held.bytes();
        self.events.push_back(event);
        self.evict(now);
    }

    /// Lets go of the oldest events until the rest is within the limits.
    fn evict(&mut self, now: Moment) {
        while self.events.front().is_some_and(|oldest| {
            self.events.len() > self.limits.events
                || self.bytes > self.limits.max_bytes
                || self.limits.is_outlived(oldest.moment, now)
        }) {
            self.bytes -= self.events.pop_front().map_or(0, |event| event.held.bytes());
        }
    }
}
