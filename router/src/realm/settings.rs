//! What a realm is told about itself.

use std::hash::BuildHasher;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use siphasher::sip::SipHasher13;
use wamp_proto::uri::UriRules;
use wamp_proto::{MatchPolicy, Profile};

use super::patterns::RankedPatterns;
use super::world::Moment;

/// The rules and secrets of one realm.
#[derive(Clone, Debug)]
pub(crate) struct RealmSettings {
    /// The realm's URI.
    pub(crate) name: Box<str>,
    /// How strictly the protocol is taken.
    pub(crate) profile: Profile,
    /// What URIs have to be like.
    pub(crate) uri_rules: UriRules,
    /// Subscriptions that one session may hold.
    pub(crate) subscriptions_max: usize,
    /// CALLs of one session that may wait for their final answer.
    pub(crate) open_calls_max: usize,
    /// Registrations that one session may hold.
    pub(crate) registrations_max: usize,
    /// Octets of a message.
    pub(crate) message_max_bytes: usize,
    /// Octets of one Options or Details dict.
    pub(crate) dict_max_bytes: usize,
    /// Octets that all waiting calls may take.
    pub(crate) waiting_calls_max_bytes: usize,
    /// Queues for calls whose callees are busy, by the URI of the registration, as text (CON-04).
    pub(crate) call_queues: Arc<RankedPatterns<QueueLimits>>,
    /// Milliseconds that a call may take, if there is a bound (TMO).
    pub(crate) call_timeout: Option<NonZeroU64>,
    /// Topics and patterns of topics whose events are kept (HIS).
    pub(crate) histories: Vec<(String, MatchPolicy, StoreLimits)>,
    /// What is kept of retained events, counted in topics (RET).
    pub(crate) retained: StoreLimits,
    /// What one session may leave behind (TST): testaments, and octets of them as PUBLISH
    /// in CBOR.
    pub(crate) testaments_max: usize,
    pub(crate) testaments_max_bytes: usize,
    /// Key of the hash that subscription IDs are derived from; the same on every node of a cluster.
    pub(crate) subscription_key: [u8; 16],
    /// Key of the tables that peers choose the keys of. Random, so that nobody can plan collisions; fixed
    /// where instructions are counted.
    pub(crate) table_key: [u8; 16],
}

/// How much may wait for the callees of one registration.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct QueueLimits {
    /// Calls.
    pub(crate) calls: usize,
    /// Octets of their payloads, plus 256 for each call.
    pub(crate) max_bytes: usize,
}

/// How much is kept of past events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct StoreLimits {
    /// Events.
    pub(crate) events: usize,
    /// Octets of their payloads and texts, plus 256 for each event.
    pub(crate) max_bytes: usize,
    /// How old they get, if that is bounded.
    pub(crate) max_age: Option<Duration>,
}

impl StoreLimits {
    /// Whether an event of that time is too old by now.
    pub(super) fn is_outlived(&self, event: Moment, now: Moment) -> bool {
        self.max_age.is_some_and(|max_age| now.since_start().saturating_sub(event.since_start()) > max_age)
    }
}

impl RealmSettings {
    /// Where the realm's own chance begins.
    pub(crate) fn seed(&self) -> u64 {
        self.uri_hasher().hash_one(&self.name)
    }

    pub(super) fn uri_hasher(&self) -> UriHasher {
        UriHasher::with_key(&self.table_key)
    }

    pub(super) fn subscription_hasher(&self) -> UriHasher {
        UriHasher::with_key(&self.subscription_key)
    }
}

/// Hashes what strangers choose.
#[derive(Clone, Debug)]
pub(super) struct UriHasher(SipHasher13);

impl UriHasher {
    pub(super) fn with_key(key: &[u8; 16]) -> Self {
        Self(SipHasher13::new_with_key(key))
    }
}

impl BuildHasher for UriHasher {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        self.0
    }
}
