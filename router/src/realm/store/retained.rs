//! The retained events of a realm's topics (RET-01).
//!
//! A retained event without a payload is an event like any other: it does not clear its topic, as it would in MQTT.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use wamp_proto::MatchPolicy;

use super::StoredEvent;
use crate::realm::settings::StoreLimits;
use crate::realm::world::Moment;

/// Events that one SUBSCRIBE gets at most: they go out at once, and a subscriber whose outbox overflows has to go.
const FOUND_MAX: usize = 1000;

/// Topics that are looked at for one SUBSCRIBE, under the broker's write guard.
const LOOKED_AT_MAX: usize = 10_000;

/// Retained events, within limits. The oldest go first.
#[derive(Debug)]
pub(super) struct Retained {
    limits: StoreLimits,
    topics: BTreeMap<Arc<str>, Topic>,
    /// Whose turn it is to go: topics by the number of each of their events.
    by_age: BTreeMap<u64, Arc<str>>,
    next_number: u64,
    bytes: usize,
}

/// What is kept of one topic, the newest first, three at most: the newest event; if some must not see that, the
/// newest without lists; and if its publisher must not see that, the newest without lists that the publisher may.
#[derive(Debug, Default)]
struct Topic {
    kept: Vec<Numbered>,
}

#[derive(Debug)]
struct Numbered {
    number: u64,
    event: Arc<StoredEvent>,
}

impl Retained {
    pub(super) fn new(limits: StoreLimits) -> Self {
        Self { limits, topics: BTreeMap::new(), by_age: BTreeMap::new(), next_number: 0, bytes: 0 }
    }

    /// Keeps an event in place of those that it supersedes. One that does not fit supersedes them too: what was
    /// true before it is so no more.
    pub(super) fn retain(&mut self, event: Arc<StoredEvent>) {
        let now = event.moment;
        let fits = event.held.bytes() <= self.limits.max_bytes;
        let topic = self.topics.entry(event.topic.clone()).or_default();
        for old in topic.supersede(&event, fits) {
            self.bytes -= old.event.held.bytes();
            self.by_age.remove(&old.number);
        }
        if fits {
            self.bytes += event.held.bytes();
            self.by_age.insert(self.next_number, event.topic.clone());
            topic.kept.insert(0, Numbered { number: self.next_number, event });
            self.next_number += 1;
        } else if topic.kept.is_empty() {
            self.topics.remove(&event.topic);
        }
        self.evict(now);
    }

    /// Of each topic that matches, in their order, the newest event that `includes` lets through: as many of the
    /// first ones as the bounds allow, and the first one at any rate.
    pub(super) fn matching(
        &mut self,
        topic: &str,
        match_policy: MatchPolicy,
        now: Moment,
        max_bytes: usize,
        includes: impl Fn(&StoredEvent) -> bool,
    ) -> Vec<Arc<StoredEvent>> {
        self.evict(now);
        let newest = |found: &Topic| {
            found.kept.iter().find(|kept| includes(&kept.event)).map(|kept| kept.event.clone())
        };
        if match_policy == MatchPolicy::Exact {
            return self.topics.get(topic).and_then(newest).into_iter().collect();
        }
        let literal = match match_policy {
            MatchPolicy::Wildcard => literal_start(topic),
            MatchPolicy::Exact | MatchPolicy::Prefix => topic,
        };
        let from = self.topics.range::<str, _>((Bound::Included(literal), Bound::Unbounded));
        let candidates = from.take_while(|(candidate, _)| candidate.starts_with(literal));
        let mut bytes = 0_usize;
        candidates
            .take(LOOKED_AT_MAX)
            .filter(|(candidate, _)| match_policy == MatchPolicy::Prefix || fits(topic, candidate))
            .filter_map(|(_, found)| newest(found))
            .enumerate()
            .take_while(|(place, event)| {
                bytes = bytes.saturating_add(event.held.bytes());
                *place == 0 || bytes <= max_bytes
            })
            .map(|(_, event)| event)
            .take(FOUND_MAX)
            .collect()
    }

    /// Lets go of the oldest events until the rest is within the limits.
    fn evict(&mut self, now: Moment) {
        while let Some((&number, topic)) = self.by_age.first_key_value() {
            let count = self.topics.len();
            let Some(found) = self.topics.get_mut(topic) else { return };
            // Of one topic, too, the oldest goes first.
            let Some(kept) = found.kept.last().filter(|kept| kept.number == number) else { return };
            let is_outlived = self.limits.is_outlived(kept.event.moment, now);
            if !is_outlived && self.bytes <= self.limits.max_bytes && count <= self.limits.events {
                return;
            }
            self.bytes -= kept.event.held.bytes();
            found.kept.pop();
            if found.kept.is_empty() {
                let topic = topic.clone();
                self.topics.remove(&topic);
            }
            self.by_age.pop_first();
        }
    }
}

impl Topic {
    /// Takes out what nobody gets any more once there is that event.
    fn supersede(&mut self, event: &StoredEvent, fits: bool) -> Vec<Numbered> {
        let has_substitute = fits && event.excluded.is_some();
        let mut is_newest = true;
        let (kept, superseded) = std::mem::take(&mut self.kept).into_iter().partition(|old| {
            if old.event.is_restricted() || event.is_restricted() {
                return !old.event.is_restricted();
            }
            // The publisher, which is excluded, gets the newest event of another.
            has_substitute && old.event.excluded != event.excluded && std::mem::take(&mut is_newest)
        });
        self.kept = kept;
        superseded
    }
}

/// What every topic begins with that a wildcard pattern matches.
fn literal_start(pattern: &str) -> &str {
    if pattern.starts_with('.') {
        return "";
    }
    pattern
        .split_once("..")
        .map_or_else(|| pattern.strip_suffix('.').unwrap_or(pattern), |(literal, _)| literal)
}

/// Whether a wildcard pattern matches a topic (PBS-03).
fn fits(pattern: &str, topic: &str) -> bool {
    let (mut pattern, mut topic) = (pattern.split('.'), topic.split('.'));
    loop {
        match (pattern.next(), topic.next()) {
            (None, None) => return true,
            (Some(expected), Some(component)) if expected.is_empty() || expected == component => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use time::OffsetDateTime;
    use wamp_proto::dict::Dict;
    use wamp_proto::{Payload, PublicationId};

    use super::super::{EVENT_BYTES, Held};
    use super::*;
    use crate::realm::patterns::tests::{matches, pattern};

    fn event(topic: &str, publication: u64) -> Arc<StoredEvent> {
        Arc::new(StoredEvent {
            publication: PublicationId::new(publication).expect("an ID"),
            topic: topic.into(),
            details: Dict::new(),
            payload: Payload::EMPTY,
            at: OffsetDateTime::UNIX_EPOCH,
            moment: Moment::default(),
            excluded: None,
            lists: None,
            held: Held::new(EVENT_BYTES),
        })
    }

    proptest! {
        /// Of each topic that matches by the words of the specification the last one, in order of the topics; of all
        /// topics those that were written last.
        #[test]
        fn ret_05_what_is_found_is_what_matches(
            topics in prop::collection::vec("[ab]{1,2}(\\.[ab]{1,2}){0,3}", 1..40),
            (pattern, policy) in pattern(4),
        ) {
            const KEPT: usize = 12;
            let mut retained = Retained::new(StoreLimits { events: KEPT, max_bytes: 1 << 20, max_age: None });
            let mut last = BTreeMap::new();
            for (number, topic) in (1_u64..).zip(&topics) {
                retained.retain(event(topic, number));
                last.insert(topic.as_str(), number);
            }
            let mut kept: Vec<_> = last.values().copied().collect();
            kept.sort_unstable();
            let oldest = kept[kept.len().saturating_sub(KEPT)];
            last.retain(|topic, number| *number >= oldest && matches(&pattern, policy, topic));
            let found = retained.matching(&pattern, policy, Moment::default(), usize::MAX, |_| true);
            let found: Vec<_> = found.iter().map(|event| (&*event.topic, event.publication.value())).collect();
            prop_assert_eq!(found, last.into_iter().collect::<Vec<_>>());
        }
    }

    fn found(topics: usize, is_wanted: impl Fn(&StoredEvent) -> bool) -> Vec<u64> {
        let mut retained =
            Retained::new(StoreLimits { events: topics, max_bytes: usize::MAX, max_age: None });
        for number in 1..=topics as u64 {
            retained.retain(event(&format!("com.acme.t{number:06}"), number));
        }
        let found =
            retained.matching("com.acme.", MatchPolicy::Prefix, Moment::default(), usize::MAX, is_wanted);
        found.iter().map(|event| event.publication.value()).collect()
    }

    #[test]
    fn ret_05_a_pattern_brings_a_thousand_events_and_no_more() {
        assert_eq!(found(1000, |_| true).len(), 1000);
        assert_eq!(found(1001, |_| true), (1..=1000).collect::<Vec<_>>());
    }

    #[test]
    fn ret_05_of_ten_thousand_topics_the_rest_is_not_looked_at() {
        let is_late = |event: &StoredEvent| event.publication.value() >= 10_000;
        assert_eq!(found(10_001, is_late), [10_000]);
    }
}
