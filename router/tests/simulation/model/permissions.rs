//! What roles permit. A pattern is decided by looking at every URI that it can match.

use std::collections::BTreeMap;

use trunkline::config::{Action, Role};

use super::specificity::most_specific;
use crate::pattern::{Pattern, all_uris};

pub(super) struct Permissions {
    roles: Vec<Role>,
    uris: Vec<String>,
    /// What was decided before, since it takes long.
    decided: BTreeMap<(String, Action, Pattern), bool>,
}

impl Permissions {
    pub(super) fn new(roles: Vec<Role>) -> Self {
        Self { roles, uris: all_uris(), decided: BTreeMap::new() }
    }

    /// Whether sessions of the role may do that with all that the pattern matches.
    pub(super) fn permit(&mut self, role: &str, action: Action, pattern: &Pattern) -> bool {
        let question = (role.to_owned(), action, pattern.clone());
        if let Some(decided) = self.decided.get(&question) {
            return *decided;
        }
        let role = self.roles.iter().find(|known| known.name == role).expect("a role");
        let decided = if pattern.is_exact() {
            permits(role, action, &pattern.uri)
        } else {
            self.uris.iter().filter(|uri| pattern.matches(uri)).all(|uri| permits(role, action, uri))
        };
        self.decided.insert(question, decided);
        decided
    }
}

/// Whether the most specific permission that names the action allows it.
fn permits(role: &Role, action: Action, uri: &str) -> bool {
    let naming = role
        .permissions
        .iter()
        .filter(|permission| permission.allow.contains(&action) || permission.deny.contains(&action));
    let verdicts = naming.map(|permission| {
        let pattern = Pattern::new(&permission.uri, permission.match_policy);
        (pattern, permission.allow.contains(&action))
    });
    most_specific(verdicts, uri).unwrap_or(false)
}
