//! The router without its sockets: the realms, and what all their sessions share.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use trunkline_config::{AuthMethod, Config, Limits};
use wamp_proto::auth::cryptosign::parse_seed;
use wamp_proto::uri::UriRules;
use wamp_proto::{DecodeRules, Profile};

use crate::authentication::{Authenticator, Backoff, Cookies, Hashing, Hook};
use crate::clock::Clock;
use crate::counters::Counters;
use crate::memory::{MemoryBudget, Relief};
use crate::realm::Holdings;
use crate::realms::Realms;
use crate::seats::Seats;

/// The realms, and what all sessions share. Knows no socket: see [`Server`](crate::Server) and [`Router::connect`].
#[derive(Debug)]
pub struct Router {
    realms: Realms,
    limits: Limits,
    close_timeout: Duration,
    decode_rules: DecodeRules,
    realm_uri_rules: UriRules,
    counters: Arc<Counters>,
    clock: Arc<Clock>,
    backoff: Backoff,
    cookies: Arc<Cookies>,
    hashing: Hashing,
    /// Seed of the key by which the router proves itself (AUTH-RTR-01).
    key: Option<[u8; 32]>,
    seats: Arc<Seats>,
    memory: Arc<MemoryBudget>,
}

impl Router {
    /// A router with the realms and limits of that configuration.
    pub fn new(config: &Config) -> Arc<Self> {
        Self::with(config, rand::random(), Clock::of_system())
    }

    /// A router whose tables hash with that key, and which derives subscription IDs with it, so that two runs
    /// differ in random IDs alone.
    ///
    /// For measurements: who knows the key can plan collisions.
    pub fn with_table_key(config: &Config, table_key: [u8; 16]) -> Arc<Self> {
        Self::with(config, table_key, Clock::of_system())
    }

    /// The same, with a clock that stands still until [`advance`](Self::advance) moves it, and with session and
    /// publication IDs that follow from the key: equal inputs, one after the other, get equal answers.
    ///
    /// For tests: a run can be had again, and none has to wait for what takes time. Who knows the key foresees
    /// every ID.
    pub fn with_standing_clock(config: &Config, table_key: [u8; 16]) -> Arc<Self> {
        Self::with(config, table_key, Clock::standing_still())
    }

    /// Moves a clock that stands still, and does what is due until then. Other clocks go on as they do.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    fn with(config: &Config, table_key: [u8; 16], clock: Clock) -> Arc<Self> {
        let clock = Arc::new(clock);
        let limits = &config.limits;
        let counters = Arc::new(Counters::default());
        Arc::new(Self {
            realms: Realms::new(config, counters.clone(), clock.clone(), table_key),
            cookies: Arc::default(),
            limits: limits.clone(),
            close_timeout: config.node.close_timeout,
            decode_rules: DecodeRules {
                max_depth: limits.message_max_depth,
                dict_max_bytes: limits.dict_max_bytes,
                ..DecodeRules::new(Profile::Default)
            },
            realm_uri_rules: UriRules {
                strict: false,
                max_bytes: limits.uri_max_bytes,
                max_components: limits.uri_max_components,
            },
            counters,
            clock,
            backoff: Backoff::new(&config.authentication),
            hashing: Hashing::new(config.authentication.hashes_max),
            key: config.authentication.router_key.as_ref().and_then(|key| parse_seed(&key.0).ok()),
            seats: Seats::new(limits.sessions_max),
            memory: Arc::new(MemoryBudget::new(limits.memory_budget_bytes)),
        })
    }

    /// From now on, asks that authenticator about sessions that want to join by one of these methods and are no
    /// configured principal's. `realm` names a realm, or a template by its URI. Returns whether there is one.
    pub fn authenticate_with(
        &self,
        realm: &str,
        methods: &[AuthMethod],
        authenticator: Arc<dyn Authenticator>,
    ) -> bool {
        let Some(plan) = self.realms.plan_labelled(realm) else { return false };
        for method in methods {
            plan.set_hook(*method, Hook::Program(authenticator.clone()));
        }
        true
    }

    /// What the router counted so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Sessions that joined and have not left, in all realms.
    pub fn sessions(&self) -> usize {
        self.realms.all().iter().map(|realm| realm.sessions()).sum()
    }

    /// What a realm keeps, if there is such a realm.
    pub fn holdings(&self, realm: &str) -> Option<Holdings> {
        self.realms.get(realm).map(|realm| realm.holdings())
    }

    pub(crate) fn shared_counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    pub(crate) fn realms(&self) -> &Realms {
        &self.realms
    }

    pub(crate) fn backoff(&self) -> &Backoff {
        &self.backoff
    }

    pub(crate) fn cookies(&self) -> &Arc<Cookies> {
        &self.cookies
    }

    pub(crate) fn hashing(&self) -> &Hashing {
        &self.hashing
    }

    pub(crate) fn key(&self) -> Option<&[u8; 32]> {
        self.key.as_ref()
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What may wait and be kept.
    pub(crate) fn memory(&self) -> &Arc<MemoryBudget> {
        &self.memory
    }

    /// Ends the sessions with the fullest outboxes if more waits and is kept than may be.
    ///
    /// After every message, and under no guard of a realm.
    pub(crate) fn relieve_memory(&self) {
        if let Some(relief) = self.memory.relief() {
            self.relieve(&relief);
        }
    }

    #[cold]
    fn relieve(&self, relief: &Relief<'_>) {
        let realms = self.realms.all();
        let mut outboxes: Vec<_> = realms
            .iter()
            .flat_map(|realm| realm.outboxes().into_iter().map(move |(key, bytes)| (bytes, key, realm)))
            .collect();
        let spared = relief.spared_bytes(outboxes.len());
        outboxes.retain(|(bytes, ..)| *bytes > spared);
        outboxes.sort_unstable_by_key(|(bytes, ..)| Reverse(*bytes));
        let mut ended = 0;
        for (_, key, realm) in outboxes {
            if !relief.is_needed() {
                break;
            }
            if realm.overflow(key) {
                self.counters.outboxes_over_budget.increment();
                ended += 1;
            }
        }
        tracing::warn!(ended, "over `memory_budget_bytes`: sessions with the fullest outboxes were ended");
    }

    /// The places of all sessions.
    pub(crate) fn seats(&self) -> &Arc<Seats> {
        &self.seats
    }

    /// How long a session gets to answer the router's GOODBYE.
    pub(crate) fn close_timeout(&self) -> Duration {
        self.close_timeout
    }

    pub(crate) fn decode_rules(&self) -> &DecodeRules {
        &self.decode_rules
    }

    pub(crate) fn realm_uri_rules(&self) -> &UriRules {
        &self.realm_uri_rules
    }

    /// Refuses new CALLs and waits for the open ones to be answered, but not longer than `limit`.
    pub(crate) async fn drain(&self, limit: Duration) {
        self.realms.close();
        let realms = self.realms.all();
        // All of them first: none may take calls for as long as another one drains.
        for realm in &realms {
            realm.drain();
        }
        let all = async {
            for realm in &realms {
                realm.wait_until_drained().await;
            }
        };
        if tokio::time::timeout(limit, all).await.is_err() {
            tracing::warn!("calls still open when the drain timeout ran out; they are canceled");
        }
    }

    /// Ends every open call, and has every session say GOODBYE.
    pub(crate) fn close(&self) {
        for realm in self.realms.all() {
            realm.shut_down();
        }
    }
}
