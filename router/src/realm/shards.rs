//! Which of several nodes a resource key belongs to: rendezvous hashing (SHS-01, SRD-01).
//!
//! The hash is fixed, so that every router, and whoever wants to know beforehand, comes to the same answer.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::hash::Hasher;
use std::sync::Arc;

use siphasher::sip::SipHasher24;

use super::recipient::RecipientKey;

/// The node keys of a subscription's subscribers, as far as they gave one.
///
/// An event with a resource key goes to those whose node has the highest [`score`], of two with the same one to the
/// smaller node key. Several subscribers may be one node. Lists narrow the node's subscribers, they do not choose
/// another node.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    by_subscriber: BTreeMap<RecipientKey, Arc<str>>,
    /// How many subscribers are each node: its score is computed once for all of them.
    subscribers: BTreeMap<Arc<str>, usize>,
}

impl Nodes {
    /// Takes the node key of a subscriber down; the one of its last SUBSCRIBE counts.
    pub(super) fn set(&mut self, subscriber: RecipientKey, node_key: Option<&str>) {
        let former = match node_key {
            Some(node_key) => {
                let known = self.subscribers.get_key_value(node_key);
                let node = known.map_or_else(|| node_key.into(), |(node, _)| node.clone());
                *self.subscribers.entry(node.clone()).or_default() += 1;
                self.by_subscriber.insert(subscriber, node)
            }
            None => self.by_subscriber.remove(&subscriber),
        };
        if let Some(former) = former
            && let Some(count) = self.subscribers.get_mut(&former)
        {
            *count -= 1;
            if *count == 0 {
                self.subscribers.remove(&former);
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_subscriber.is_empty()
    }

    /// The shard that a resource key belongs to.
    pub(super) fn shard(&self, resource_key: &str) -> Shard<'_> {
        let owner = self.distinct().max_by_key(|node| (score(node.as_bytes(), resource_key), Reverse(*node)));
        Shard { nodes: self, owner }
    }

    fn distinct(&self) -> impl Iterator<Item = &str> {
        self.subscribers.keys().map(|node| &**node)
    }
}

/// Those that get an event with a resource key.
pub(super) struct Shard<'a> {
    nodes: &'a Nodes,
    owner: Option<&'a str>,
}

impl Shard<'_> {
    /// Whether a subscriber gets the EVENT: it is the node, or none at all.
    pub(super) fn includes(&self, subscriber: RecipientKey) -> bool {
        self.nodes.by_subscriber.get(&subscriber).is_none_or(|node| Some(&**node) == self.owner)
    }
}

/// How much a node claims a resource key; the key belongs to the node with the highest score.
///
/// SipHash-2-4 with a key of 16 zero octets over the node, an octet `0xFF`, and the resource key. A node that comes or
/// goes moves only the resource keys that it wins or had.
pub(super) fn score(node: &[u8], resource_key: &str) -> u64 {
    let mut hasher = SipHasher24::new();
    hasher.write(node);
    // In no text: node and resource key cannot run into each other.
    hasher.write_u8(0xff);
    hasher.write(resource_key.as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner<'a>(nodes: &[&'a str], resource_key: &str) -> &'a str {
        let nodes = nodes.iter().copied();
        nodes.max_by_key(|node| score(node.as_bytes(), resource_key)).expect("a node")
    }

    /// Computed by another program: routers of any version must agree.
    #[test]
    fn shs_01_scores_never_change() {
        assert_eq!(score(b"node23", "sn239019"), 0x98fb_8a6b_2bac_69f5);
        assert_eq!(score(b"", ""), 0x20dd_4eb3_3d95_90f2);
        assert_ne!(score(b"a", "bc"), score(b"ab", "c"));
    }

    #[test]
    fn shs_01_a_node_of_many_subscribers_is_scored_once() {
        let subscriber = |slot| RecipientKey { slot, generation: 0 };
        let mut nodes = Nodes::default();
        for slot in 0..3 {
            nodes.set(subscriber(slot), Some("north"));
        }
        nodes.set(subscriber(3), Some("south"));
        assert_eq!(nodes.distinct().collect::<Vec<_>>(), ["north", "south"]);

        nodes.set(subscriber(3), Some("south"));
        nodes.set(subscriber(0), Some("east"));
        nodes.set(subscriber(1), None);
        assert_eq!(nodes.distinct().collect::<Vec<_>>(), ["east", "north", "south"]);
        nodes.set(subscriber(2), Some("east"));
        nodes.set(subscriber(3), None);
        assert_eq!(nodes.distinct().collect::<Vec<_>>(), ["east"]);
    }

    #[test]
    fn shs_01_a_node_that_goes_leaves_the_keys_of_the_others_alone() {
        let nodes = ["north", "east", "south", "west"];
        let mut moved = 0;
        for key in (0..4000).map(|number| format!("sensor{number}")) {
            let before = owner(&nodes, &key);
            let after = owner(&nodes[..3], &key);
            if before == "west" {
                moved += 1;
            } else {
                assert_eq!(before, after, "{key}");
            }
        }
        assert!((900..1100).contains(&moved), "{moved} of 4000 keys, about a quarter");
    }
}
