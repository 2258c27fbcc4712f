//! What the settings of a realm become.

use std::time::Duration;

use trunkline_config::{Disclose, EventHistory, Limits, MatchPolicy, Realm, RealmRules, RetainedEvents};

use super::parse;

/// The rules of the only realm, or the only template, with these keys.
fn rules(keys: &str) -> RealmRules {
    let realm = parse(&format!("realms = [{{ name = 'a', {keys} }}]")).unwrap().realms.remove(0);
    let text = format!("realm_templates = [{{ uri = 'a.', {keys} }}]");
    let template = parse(&text).unwrap().realm_templates.remove(0);
    assert_eq!(realm.rules, template.rules, "a template has the keys of a realm");
    realm.rules
}

#[test]
fn a_realm_without_keys_has_the_default_rules() {
    let rules = rules("");
    assert_eq!(rules, RealmRules::default());
    assert_eq!(rules.call_timeout_ms, 0);
    assert!(rules.event_history.is_empty());
    let retained = RetainedEvents { limit: 10_000, max_bytes: 16_777_216, max_age: None };
    assert_eq!(rules.retained_events, retained);
}

#[test]
fn an_open_realm_discloses_whoever_agrees_and_has_no_trust_levels() {
    let role = Realm::open("a").rules.roles.remove(0);
    assert_eq!((role.trustlevel, role.permissions[0].disclose), (None, Disclose::Allowed));
}

#[test]
fn calls_are_bounded_in_milliseconds() {
    assert_eq!(rules("call_timeout_ms = 1500").call_timeout_ms, 1500);
    assert_eq!(rules("call_timeout_ms = 0").call_timeout_ms, 0);
    assert_eq!(rules("call_timeout_ms = 86400000").call_timeout_ms, 86_400_000);
}

/// Zero is the lowest level, not the absence of one.
#[test]
fn a_role_has_the_trust_level_that_it_is_given_if_any() {
    let level = |keys: &str| rules(&format!("roles = [{{ name = 'r', {keys} }}]")).roles[0].trustlevel;
    assert_eq!(level(""), None);
    assert_eq!(level("trustlevel = 0"), Some(0));
    assert_eq!(level("trustlevel = 4294967295"), Some(4_294_967_295));
}

#[test]
fn a_permission_says_who_learns_of_whom() {
    let disclose = |keys: &str| {
        let roles = format!("roles = [{{ name = 'r', permissions = [{{ uri = 'b', {keys} }}] }}]");
        rules(&roles).roles[0].permissions[0].disclose
    };
    assert_eq!(disclose("allow = ['call']"), Disclose::Allowed);
    assert_eq!(disclose("allow = ['call'], disclose = 'allowed'"), Disclose::Allowed);
    assert_eq!(disclose("allow = ['register'], disclose = 'denied'"), Disclose::Denied);
    assert_eq!(disclose("allow = ['subscribe', 'publish'], disclose = 'always'"), Disclose::Always);
}

#[test]
fn a_history_has_the_bounds_that_it_is_given() {
    let keys = "event_history = [{ uri = 'b' }, \
                { uri = 'b', match = 'prefix', limit = 1, max_bytes = 1024, max_age_s = 60 }]";
    let uri = || "b".to_owned();
    assert_eq!(
        rules(keys).event_history,
        [
            EventHistory {
                uri: uri(),
                match_policy: MatchPolicy::Exact,
                limit: 1000,
                max_bytes: 1_048_576,
                max_age: None
            },
            EventHistory {
                uri: uri(),
                match_policy: MatchPolicy::Prefix,
                limit: 1,
                max_bytes: 1024,
                max_age: Some(Duration::from_secs(60)),
            },
        ]
    );
}

#[test]
fn retained_events_have_the_bounds_that_they_are_given() {
    let given = rules("retained_events = { limit = 0, max_bytes = 1024, max_age_s = 1 }").retained_events;
    let expected = RetainedEvents { limit: 0, max_bytes: 1024, max_age: Some(Duration::from_secs(1)) };
    assert_eq!(given, expected);
    assert_eq!(rules("retained_events = { max_age_s = 0 }").retained_events, RetainedEvents::default());
}

#[test]
fn testaments_have_the_bounds_that_they_are_given() {
    let limits =
        |keys: &str| parse(&format!("realms = [{{ name = 'a' }}]\nlimits = {{ {keys} }}")).unwrap().limits;
    let bounds = |limits: Limits| (limits.testaments_max, limits.testaments_max_bytes);
    assert_eq!(bounds(limits("")), (16, 65_536));
    assert_eq!(bounds(limits("testaments_max = 0, testaments_max_bytes = 0")), (0, 0));
    assert_eq!(bounds(limits("testaments_max = 100, testaments_max_bytes = 1048576")), (100, 1_048_576));
}

#[test]
fn what_waits_for_an_authorizer_has_the_bounds_that_it_is_given() {
    let limits =
        |keys: &str| parse(&format!("realms = [{{ name = 'a' }}]\nlimits = {{ {keys} }}")).unwrap().limits;
    let bounds =
        |limits: Limits| (limits.pending_authorizations_max, limits.pending_authorizations_max_bytes);
    assert_eq!(bounds(limits("")), (256, 1 << 20));
    let given = limits("pending_authorizations_max = 1, pending_authorizations_max_bytes = 4096");
    assert_eq!(bounds(given), (1, 4096));
}
