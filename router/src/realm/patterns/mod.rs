//! What stands under a URI or a pattern of URIs, and which of it matches a given URI (PBS-02, PBS-03).
//!
//! Exact URIs by hash, prefixes and wildcards by tries, whose cost does not grow with what they hold and does
//! not match.

mod prefixes;
mod ranked;
mod wildcards;

#[cfg(test)]
pub(super) mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use wamp_proto::MatchPolicy;

use super::settings::UriHasher;
use prefixes::Prefixes;
pub(crate) use ranked::RankedPatterns;
use wildcards::Wildcards;

/// Values under patterns of URIs, at most one for each URI and match policy.
#[derive(Debug)]
pub(super) struct PatternMap<T> {
    exact: HashMap<Arc<str>, T, UriHasher>,
    prefixes: Prefixes<T>,
    wildcards: Wildcards<T>,
}

impl<T> PatternMap<T> {
    pub(super) fn new(hasher: UriHasher) -> Self {
        Self {
            exact: HashMap::with_hasher(hasher),
            prefixes: Prefixes::default(),
            wildcards: Wildcards::default(),
        }
    }

    /// The value under that very pattern.
    pub(super) fn get(&self, uri: &str, policy: MatchPolicy) -> Option<&T> {
        match policy {
            MatchPolicy::Exact => self.exact.get(uri),
            MatchPolicy::Prefix => self.prefixes.get(uri),
            MatchPolicy::Wildcard => self.wildcards.get(uri),
        }
    }

    /// Whether there is room for a pattern that a peer chose. Wildcards come in a bounded number of shapes.
    pub(super) fn takes(&self, uri: &str, policy: MatchPolicy) -> bool {
        policy != MatchPolicy::Wildcard || self.wildcards.takes(uri)
    }

    /// Puts a value under a pattern that has none.
    pub(super) fn insert(&mut self, uri: &Arc<str>, policy: MatchPolicy, value: T) {
        match policy {
            MatchPolicy::Exact => {
                self.exact.insert(uri.clone(), value);
            }
            MatchPolicy::Prefix => self.prefixes.insert(uri, value),
            MatchPolicy::Wildcard => self.wildcards.insert(uri, value),
        }
    }

    /// Takes away what is under a pattern.
    pub(super) fn remove(&mut self, uri: &str, policy: MatchPolicy) {
        match policy {
            MatchPolicy::Exact => {
                self.exact.remove(uri);
            }
            MatchPolicy::Prefix => self.prefixes.remove(uri),
            MatchPolicy::Wildcard => self.wildcards.remove(uri),
        }
    }

    /// The value under the URI itself.
    pub(super) fn exact(&self, uri: &str) -> Option<&T> {
        self.exact.get(uri)
    }

    /// The value under the longest prefix of the URI (PBR-03).
    pub(super) fn longest_prefix(&self, uri: &str) -> Option<&T> {
        let mut longest = None;
        self.prefixes.for_each_match(uri, &mut |value| longest = Some(value));
        longest
    }

    /// The value under the wildcard that matches the URI with the longest literal runs from the left (PBR-04).
    pub(super) fn best_wildcard(&self, uri: &str) -> Option<&T> {
        self.wildcards.best_match(uri)
    }

    /// Everything under a prefix or wildcard that matches the URI.
    pub(super) fn for_each_pattern(&self, uri: &str, mut visit: impl FnMut(&T)) {
        self.prefixes.for_each_match(uri, &mut |value| visit(value));
        self.wildcards.for_each_match(uri, &mut |value| visit(value));
    }
}
