//! Which permission or call queue counts for a URI, by the words of the reference documentation.

use trunkline::config::MatchPolicy;

use crate::pattern::Pattern;

/// The most specific of the patterns that match, with what stands under it.
pub(super) fn most_specific<T>(patterns: impl IntoIterator<Item = (Pattern, T)>, uri: &str) -> Option<T> {
    let matching = patterns.into_iter().filter(|(pattern, _)| pattern.matches(uri));
    matching.max_by_key(|(pattern, _)| rank(pattern)).map(|(_, value)| value)
}

/// Exact before all others; then the first run of literal components, octets of a prefix's incomplete component,
/// and further runs; and prefixes before wildcards where all that is equal.
fn rank(pattern: &Pattern) -> (bool, usize, usize, Vec<usize>, bool) {
    match pattern.policy {
        MatchPolicy::Exact => (true, 0, 0, Vec::new(), false),
        MatchPolicy::Prefix => match pattern.uri.rsplit_once('.') {
            Some((complete, last)) => (false, complete.split('.').count(), last.len(), Vec::new(), true),
            None => (false, 0, pattern.uri.len(), Vec::new(), true),
        },
        MatchPolicy::Wildcard => {
            let mut runs = pattern.literal_runs();
            let first = runs.remove(0);
            while runs.last() == Some(&0) {
                runs.pop();
            }
            (false, first, 0, runs, false)
        }
    }
}
