//! Rules of the realms: roles by chance, and queues for calls.

use std::collections::BTreeSet;

use trunkline::config::{Action, CallQueue, Disclose, MatchPolicy, Permission, RealmRules, Role};

use crate::pattern::any_pattern;
use crate::random::Random;

/// May do everything.
pub(super) const ANYONE: &str = "anyone";
/// May what chance lets them.
pub(super) const OTHERS: [&str; 3] = ["clerk", "guest", "visitor"];

pub(super) fn rules(random: &mut Random) -> RealmRules {
    let anyone =
        Role { name: ANYONE.to_owned(), permissions: vec![Permission::everything()], ..Role::default() };
    let others = OTHERS.map(|name| Role {
        name: name.to_owned(),
        permissions: permissions(random),
        ..Role::default()
    });
    RealmRules {
        roles: [anyone].into_iter().chain(others).collect(),
        call_queues: call_queues(),
        call_timeout_ms: if random.one_in(2) { 6000 } else { 0 },
        ..RealmRules::default()
    }
}

fn permissions(random: &mut Random) -> Vec<Permission> {
    let mut permissions = if random.one_in(2) { vec![Permission::everything()] } else { Vec::new() };
    let patterns: BTreeSet<_> = (0..10).map(|_| any_pattern(random)).collect();
    for pattern in patterns.into_iter().filter(|pattern| !pattern.uri.is_empty()) {
        let (mut allow, mut deny) = (Vec::new(), Vec::new());
        for action in Action::ALL {
            match random.below(5) {
                0 | 1 => allow.push(action),
                2 => deny.push(action),
                _ => {}
            }
        }
        permissions.push(Permission {
            uri: pattern.uri,
            match_policy: pattern.policy,
            allow,
            deny,
            ask: Vec::new(),
            disclose: Disclose::Allowed,
        });
    }
    permissions
}

/// Some bounded in calls and some in octets; and for many registrations none.
fn call_queues() -> Vec<CallQueue> {
    let queue = |uri: &str, match_policy, limit, max_bytes| CallQueue {
        uri: uri.to_owned(),
        match_policy,
        limit,
        max_bytes,
    };
    vec![
        queue("a", MatchPolicy::Prefix, 4, 100_000),
        queue("a.a", MatchPolicy::Prefix, 8, 1200),
        queue("a.b", MatchPolicy::Exact, 1, 100_000),
        queue(".b", MatchPolicy::Wildcard, 6, 11_000),
        queue("a..a", MatchPolicy::Wildcard, 2, 6000),
        queue("ab.", MatchPolicy::Prefix, 3, 3000),
    ]
}
