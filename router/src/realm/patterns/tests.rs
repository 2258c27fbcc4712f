//! The tries against the definitions, over a small alphabet.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// Whether a pattern matches a URI, by the words of the specification.
pub(crate) fn matches(pattern: &str, policy: MatchPolicy, uri: &str) -> bool {
    match policy {
        MatchPolicy::Exact => pattern == uri,
        MatchPolicy::Prefix => uri.starts_with(pattern),
        MatchPolicy::Wildcard => {
            let (pattern, uri): (Vec<_>, Vec<_>) = (pattern.split('.').collect(), uri.split('.').collect());
            pattern.len() == uri.len()
                && pattern.iter().zip(uri).all(|(pattern, uri)| pattern.is_empty() || *pattern == uri)
        }
    }
}

/// Lengths of the literal runs of a wildcard pattern.
fn literal_runs(pattern: &str) -> Vec<usize> {
    let mut runs = vec![0];
    for component in pattern.split('.') {
        match runs.last_mut() {
            Some(run) if !component.is_empty() => *run += 1,
            _ => runs.push(0),
        }
    }
    runs
}

/// A URI of at most so many components, out of two letters.
fn uri(max_components: usize) -> impl Strategy<Value = String> {
    prop::collection::vec("[ab]{1,2}", 1..=max_components).prop_map(|components| components.join("."))
}

/// A pattern of at most so many components, out of two letters.
pub(crate) fn pattern(max_components: usize) -> impl Strategy<Value = (String, MatchPolicy)> {
    let complete = prop::collection::vec("[ab]{1,2}\\.", 0..max_components);
    let prefix =
        (complete, "[ab]{0,2}").prop_map(|(complete, last)| (complete.concat() + &last, MatchPolicy::Prefix));
    let wildcard = prop::collection::vec("[ab]{0,1}", 1..=max_components)
        .prop_map(|components| (components.join("."), MatchPolicy::Wildcard));
    prop_oneof![uri(max_components).prop_map(|uri| (uri, MatchPolicy::Exact)), prefix, wildcard]
}

fn map<T>() -> PatternMap<T> {
    PatternMap::new(UriHasher::with_key(&[7; 16]))
}

proptest! {
    /// Conformance: PBS-02, PBS-03, PBR-01, PBR-03, PBR-04
    #[test]
    fn pbs_02_tries_find_what_matches_and_rank_it(
        changes in prop::collection::vec((pattern(4), any::<bool>()), 0..60),
        uris in prop::collection::vec(uri(4), 1..10),
    ) {
        let mut map = map();
        let mut model = BTreeMap::new();
        for ((pattern, policy), is_insert) in changes {
            if is_insert {
                if model.insert((pattern.clone(), policy), ()).is_none() {
                    map.insert(&pattern.as_str().into(), policy, (pattern.clone(), policy));
                }
            } else {
                model.remove(&(pattern.clone(), policy));
                map.remove(&pattern, policy);
            }
            prop_assert_eq!(map.get(&pattern, policy).is_some(), model.contains_key(&(pattern, policy)));
        }
        for uri in uris {
            let of = |wanted: MatchPolicy| {
                let uri = &uri;
                model.keys().filter(move |(pattern, policy)| *policy == wanted && matches(pattern, *policy, uri))
            };
            let mut found = Vec::new();
            map.for_each_pattern(&uri, |value| found.push(value.clone()));
            found.sort();
            let mut expected: Vec<_> =
                of(MatchPolicy::Prefix).chain(of(MatchPolicy::Wildcard)).cloned().collect();
            expected.sort();
            prop_assert_eq!(found, expected);
            prop_assert_eq!(map.exact(&uri), of(MatchPolicy::Exact).next());
            prop_assert_eq!(map.longest_prefix(&uri), of(MatchPolicy::Prefix).max_by_key(|(p, _)| p.len()));
            let best = of(MatchPolicy::Wildcard).max_by_key(|(pattern, _)| literal_runs(pattern));
            prop_assert_eq!(map.best_wildcard(&uri), best);
        }
        for (pattern, policy) in model.into_keys() {
            map.remove(&pattern, policy);
        }
        prop_assert_eq!(map.prefixes.nodes(), 0);
        prop_assert!(map.wildcards.is_empty());
    }
}

/// Conformance: PBS-03
#[test]
fn pbr_04_literal_runs_are_compared_from_the_left() {
    let mut map = map();
    let patterns = ["a1.b2..d4.e5", "a1.b2.c33..e5", "a1.b2..d4.e5..g7", "a1.b2..d4..f6.g7"];
    for pattern in patterns {
        map.insert(&pattern.into(), MatchPolicy::Wildcard, pattern);
    }
    assert_eq!(map.best_wildcard("a1.b2.c33.d4.e5"), Some(&"a1.b2.c33..e5"));
    assert_eq!(map.best_wildcard("a1.b2.c88.d4.e5"), Some(&"a1.b2..d4.e5"));
    assert_eq!(map.best_wildcard("a1.b2.c33.d4.e5.f6.g7"), Some(&"a1.b2..d4.e5..g7"));
    assert_eq!(map.best_wildcard("a1.b2.c33.d4.x5.f6.g7"), Some(&"a1.b2..d4..f6.g7"));
    assert_eq!(map.best_wildcard("a1.b2.c33.d4"), None);
}

/// Patterns that all branch and of which none matches: each shape costs a lookup a path, so shapes are bounded.
#[test]
fn pbs_03_wildcards_planted_to_be_slow_come_in_a_bounded_number_of_shapes() {
    let mut map = map();
    let pattern = |number: usize, last: &str| {
        let choices = (0..13).map(|bit| if number >> bit & 1 == 1 { "a" } else { "" });
        choices.chain(["a"; 18]).chain([last]).collect::<Vec<_>>().join(".")
    };
    for number in 0..wildcards::SHAPES_MAX {
        let pattern = pattern(number, "b");
        assert!(map.takes(&pattern, MatchPolicy::Wildcard));
        map.insert(&pattern.as_str().into(), MatchPolicy::Wildcard, number);
    }
    let other_shape = pattern(wildcards::SHAPES_MAX, "b");
    assert!(!map.takes(&other_shape, MatchPolicy::Wildcard));
    assert!(map.takes(&pattern(7, "c"), MatchPolicy::Wildcard) && map.takes("b", MatchPolicy::Prefix));
    let uri = ["a"; 32].join(".");
    assert_eq!(map.best_wildcard(&uri), None);
    let matching = uri.strip_suffix('a').unwrap().to_owned() + "b";
    let mut found = 0;
    map.for_each_pattern(&matching, |_| found += 1);
    assert_eq!(found, wildcards::SHAPES_MAX);
    assert_eq!(map.best_wildcard(&matching), Some(&(wildcards::SHAPES_MAX - 1)));
    map.remove(&pattern(7, "b"), MatchPolicy::Wildcard);
    assert!(map.takes(&other_shape, MatchPolicy::Wildcard));
}

/// As deep as the longest URI that a configuration may allow.
#[test]
fn pbs_02_prefixes_of_prefixes_fit_on_a_threads_stack() {
    let mut map = map();
    let longest = "a".repeat(4096);
    for length in 0..=longest.len() {
        map.insert(&"a".repeat(length).into(), MatchPolicy::Prefix, length);
    }
    assert_eq!(map.longest_prefix(&longest), Some(&4096));
    map.remove(&longest, MatchPolicy::Prefix);
    assert_eq!(map.longest_prefix(&longest), Some(&4095));
}
