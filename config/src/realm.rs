//! `[[realms]]` and `[[realm_templates]]`: who may do what there, and how.

use wamp_proto::{Action, MatchPolicy, Profile};

/// A realm.
#[derive(Clone, Debug, PartialEq)]
pub struct Realm {
    /// The realm's URI.
    pub name: String,
    /// How it works.
    pub rules: RealmRules,
}

/// Realms with equal rules, made when somebody joins one and gone with its last session.
#[derive(Clone, Debug, PartialEq)]
pub struct RealmTemplate {
    /// URI pattern of the realms' names.
    pub uri: String,
    /// How `uri` matches.
    pub match_policy: MatchPolicy,
    /// How many of them there may be at a time.
    pub realms_max: usize,
    /// How they work.
    pub rules: RealmRules,
}

/// What a realm does with its sessions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RealmRules {
    /// How strictly the protocol is taken.
    pub profile: Profile,
    /// Whether URI components are restricted to `[0-9a-z_]+` (URI-04).
    pub strict_uris: bool,
    /// What becomes of a subscriber that does not keep up.
    pub slow_subscriber: SlowSubscriber,
    /// Role of sessions that prove nothing about themselves. Without it, they cannot join.
    pub anonymous_role: Option<String>,
    /// What sessions may do.
    pub roles: Vec<Role>,
    /// Which calls may wait for a callee that is busy.
    pub call_queues: Vec<CallQueue>,
}

/// What becomes of a subscriber whose outbox has no room for an EVENT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SlowSubscriber {
    /// `disconnect`: it is disconnected.
    #[default]
    Disconnect,
    /// `drop-events`: it misses the EVENT, which is counted.
    DropEvents,
}

/// A role: what its sessions may do. What no permission allows is denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// The role's name, the authrole of its sessions.
    pub name: String,
    /// For one action and URI, the most specific permission that names the action decides.
    pub permissions: Vec<Permission>,
}

/// Allows or denies actions on the URIs that a pattern matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// URI pattern of topics and procedures.
    pub uri: String,
    /// How `uri` matches.
    pub match_policy: MatchPolicy,
    /// Actions that are allowed.
    pub allow: Vec<Action>,
    /// Actions that are denied. One that is in neither list is left to less specific permissions.
    pub deny: Vec<Action>,
}

/// Room for calls of registrations whose callees are all busy (CON-04).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallQueue {
    /// Pattern of the URIs of registrations that have such a queue, each one of its own.
    pub uri: String,
    /// How `uri` matches. The most specific entry counts.
    pub match_policy: MatchPolicy,
    /// Calls that may wait.
    pub limit: usize,
    /// Octets that the payloads of waiting calls may take, plus 256 for each call.
    pub max_bytes: usize,
}

impl Realm {
    /// A realm with default rules: no roles, hence nobody may join.
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), rules: RealmRules::default() }
    }

    /// A realm in which everybody may do everything, under the role `anonymous`.
    pub fn open(name: &str) -> Self {
        let role = Role { name: "anonymous".to_owned(), permissions: vec![Permission::everything()] };
        let rules = RealmRules {
            anonymous_role: Some(role.name.clone()),
            roles: vec![role],
            ..RealmRules::default()
        };
        Self { name: name.to_owned(), rules }
    }
}

impl Permission {
    /// Allows every action on every URI.
    pub fn everything() -> Self {
        Self {
            uri: String::new(),
            match_policy: MatchPolicy::Prefix,
            allow: Action::ALL.to_vec(),
            deny: Vec::new(),
        }
    }
}
