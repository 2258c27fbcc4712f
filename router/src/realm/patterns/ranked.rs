//! Which of several patterns counts for a URI: the most specific one.

use std::cmp::Ordering;
use std::sync::Arc;

use wamp_proto::MatchPolicy;

use super::PatternMap;
use crate::realm::settings::UriHasher;

/// Values under patterns, of which the most specific counts.
///
/// An exact URI is more specific than any pattern; else literal runs are compared from the left, as between
/// registrations (PBR-03, PBR-04), and a prefix goes before a wildcard only where these are equal.
#[derive(Debug)]
pub(crate) struct RankedPatterns<T>(PatternMap<Ranked<T>>);

#[derive(Debug)]
struct Ranked<T> {
    value: T,
    /// Complete literal components up to the first that is not.
    first_run: usize,
    /// Octets of a prefix's last component, which need not be complete.
    incomplete: usize,
    /// Whether a wildcard has literal components behind its first empty one.
    has_more_literals: bool,
}

impl<T> RankedPatterns<T> {
    /// Of two values under the same pattern, the later one counts; a configuration has none.
    pub(crate) fn new<'a>(
        patterns: impl IntoIterator<Item = (&'a str, MatchPolicy, T)>,
        table_key: &[u8; 16],
    ) -> Self {
        let mut map = PatternMap::new(UriHasher::with_key(table_key));
        for (uri, policy, value) in patterns {
            map.insert(&Arc::from(uri), policy, Ranked::new(uri, policy, value));
        }
        Self(map)
    }

    /// The value of the most specific pattern that matches.
    pub(crate) fn most_specific(&self, uri: &str) -> Option<&T> {
        let Self(patterns) = self;
        if let Some(exact) = patterns.exact(uri) {
            return Some(&exact.value);
        }
        let best = match (patterns.longest_prefix(uri), patterns.best_wildcard(uri)) {
            (Some(prefix), Some(wildcard)) if wildcard.outranks(prefix) => wildcard,
            (prefix, wildcard) => prefix.or(wildcard)?,
        };
        Some(&best.value)
    }
}

impl<T> Ranked<T> {
    fn new(uri: &str, policy: MatchPolicy, value: T) -> Self {
        let (first_run, incomplete, has_more_literals) = match policy {
            MatchPolicy::Exact => (0, 0, false),
            MatchPolicy::Prefix => {
                let incomplete = uri.rsplit('.').next().unwrap_or_default();
                (uri.split('.').count() - 1, incomplete.len(), false)
            }
            MatchPolicy::Wildcard => {
                let first_run = uri.split('.').take_while(|component| !component.is_empty()).count();
                let has_more = uri.split('.').skip(first_run).any(|component| !component.is_empty());
                (first_run, 0, has_more)
            }
        };
        Self { value, first_run, incomplete, has_more_literals }
    }

    /// Whether this wildcard is more specific than that prefix.
    fn outranks(&self, prefix: &Self) -> bool {
        let runs = self.first_run.cmp(&prefix.first_run).then(self.incomplete.cmp(&prefix.incomplete));
        runs.is_gt() || (runs == Ordering::Equal && self.has_more_literals)
    }
}
