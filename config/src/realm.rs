//! `[[realms]]` and `[[realm_templates]]`: who may do what there, and how.

use std::time::Duration;

use wamp_proto::{Action, MatchPolicy, Profile};

use crate::authentication::{Authenticator, Authorizer, JwtIssuer, Principal};

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
    /// Bound of every call, in milliseconds as in `CALL.Options.timeout` (TMO-01); 0 stands for none.
    ///
    /// It lasts from CALL to the final answer; of a call with progressive results, from CALL to the first, and
    /// from each to the next (PCR-08). It also bounds how long CANCEL in mode `kill` waits for the callee.
    pub call_timeout_ms: u64,
    /// Role of sessions that prove nothing about themselves. Without it, they cannot join.
    pub anonymous_role: Option<String>,
    /// What sessions may do.
    pub roles: Vec<Role>,
    /// Who is known by credentials.
    pub principals: Vec<Principal>,
    /// Who is asked about sessions that are no principal's: one for each method at most.
    pub authenticators: Vec<Authenticator>,
    /// Whose tokens are taken as tickets.
    pub jwt: Vec<JwtIssuer>,
    /// Who decides where a permission says `ask`.
    pub authorizer: Option<Authorizer>,
    /// Which calls may wait for a callee that is busy.
    pub call_queues: Vec<CallQueue>,
    /// Subscriptions whose past events are kept.
    pub event_history: Vec<EventHistory>,
    /// How much is kept of events that are published with `retain`.
    pub retained_events: RetainedEvents,
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Role {
    /// The role's name, the authrole of its sessions.
    pub name: String,
    /// `trustlevel` of what its sessions publish and call (TRL-01). Without it, EVENT and INVOCATION have none.
    pub trustlevel: Option<u64>,
    /// Messages that each of its sessions may send in one second; none stands for any number. Beyond it, the session is
    /// read more slowly: nothing is lost.
    pub messages_per_second: Option<usize>,
    /// Octets of these messages; none stands for any number.
    pub bytes_per_second: Option<usize>,
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
    /// Actions that are denied. One that is in no list is left to less specific permissions.
    pub deny: Vec<Action>,
    /// Actions about which the realm's [`Authorizer`] is asked.
    pub ask: Vec<Action>,
    /// Who learns whom the allowed actions come from.
    pub disclose: Disclose,
}

/// Whether subscribers and callees learn who published or called (PID, CID).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Disclose {
    /// `allowed`: if the publisher or caller asks with `disclose_me`, or the registration with `disclose_caller`.
    #[default]
    Allowed,
    /// `denied`: never; PUBLISH, CALL and REGISTER that ask are refused, and calls of callees that want to know
    /// (PID-02, CID-03).
    Denied,
    /// `always`: without being asked, too. Of a permission to register: callers learn whose answer it is where they
    /// are told the answers of several (policy `all`).
    Always,
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

/// A subscription that is there from the realm's start, with or without subscribers, and whose past events
/// `wamp.subscription.get_events` returns (HIS-01, HIS-09).
///
/// Beyond a bound, the oldest events go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventHistory {
    /// Topic of the subscription, or pattern of its topics.
    pub uri: String,
    /// How `uri` matches.
    pub match_policy: MatchPolicy,
    /// Events that are kept.
    pub limit: usize,
    /// Octets that the payloads of these events may take, plus 256 for each event.
    pub max_bytes: usize,
    /// How old they may be; none stands for any age.
    pub max_age: Option<Duration>,
}

/// How much one realm keeps of events that are published with `retain` (RET-01).
///
/// Beyond a bound, the oldest events go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetainedEvents {
    /// Topics that may have retained events; with 0, nothing is retained.
    pub limit: usize,
    /// Octets that the payloads of these events may take, plus 256 for each event.
    pub max_bytes: usize,
    /// How old they may be; none stands for any age.
    pub max_age: Option<Duration>,
}

impl Default for RetainedEvents {
    fn default() -> Self {
        Self { limit: 10_000, max_bytes: 16 * 1024 * 1024, max_age: None }
    }
}

impl Realm {
    /// A realm with default rules: no roles, hence nobody may join.
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), rules: RealmRules::default() }
    }

    /// A realm in which everybody may do everything, under the role `anonymous`.
    pub fn open(name: &str) -> Self {
        let role = Role {
            name: "anonymous".to_owned(),
            permissions: vec![Permission::everything()],
            ..Role::default()
        };
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
            ask: Vec::new(),
            disclose: Disclose::Allowed,
        }
    }
}
