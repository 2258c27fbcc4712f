//! Which of several nodes a resource key belongs to: rendezvous hashing (SHS-01, SRD-01).
//!
//! The hash is fixed, so that every router, and whoever wants to know beforehand, comes to the same answer.

use std::hash::Hasher;

use siphasher::sip::SipHasher24;

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
