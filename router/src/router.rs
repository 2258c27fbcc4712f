//! The router without its sockets: the realms, and what all their sessions share.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use trunkline_config::{Config, Limits};
use wamp_proto::uri::UriRules;
use wamp_proto::{DecodeRules, Profile};

use crate::counters::Counters;
use crate::outbox::OutboxLimits;
use crate::realm::{Holdings, RealmSettings};
use crate::realm_driver::RealmDriver;

/// The realms, and what all sessions share. Knows no socket: see [`Server`](crate::Server) and [`Router::connect`].
#[derive(Debug)]
pub struct Router {
    realms: BTreeMap<String, Arc<RealmDriver>>,
    limits: Limits,
    decode_rules: DecodeRules,
    realm_uri_rules: UriRules,
    counters: Arc<Counters>,
}

impl Router {
    /// A router with the realms and limits of that configuration.
    pub fn new(config: &Config) -> Arc<Self> {
        Self::with_table_key(config, rand::random())
    }

    /// A router whose tables hash with that key, and which derives subscription IDs with it, so that two runs
    /// differ in random IDs alone.
    ///
    /// For measurements: who knows the key can plan collisions.
    pub fn with_table_key(config: &Config, table_key: [u8; 16]) -> Arc<Self> {
        let limits = &config.limits;
        let counters = Arc::new(Counters::default());
        let outbox_limits =
            OutboxLimits { max_messages: limits.outbox_max_messages, max_bytes: limits.outbox_max_bytes };
        let uri_rules = |strict| UriRules {
            strict,
            max_bytes: limits.uri_max_bytes,
            max_components: limits.uri_max_components,
        };
        let realms = config.realms.iter().map(|realm| {
            let settings = RealmSettings {
                name: realm.name.as_str().into(),
                profile: realm.rules.profile,
                uri_rules: uri_rules(realm.rules.strict_uris),
                subscriptions_max: limits.subscriptions_max,
                registrations_max: limits.registrations_max,
                open_calls_max: limits.open_calls_max,
                subscription_key: table_key,
                table_key,
            };
            let driver = RealmDriver::new(settings, outbox_limits, counters.clone());
            (realm.name.clone(), Arc::new(driver))
        });
        Arc::new(Self {
            realms: realms.collect(),
            limits: limits.clone(),
            decode_rules: DecodeRules {
                max_depth: limits.message_max_depth,
                dict_max_bytes: limits.dict_max_bytes,
                ..DecodeRules::new(Profile::Default)
            },
            realm_uri_rules: uri_rules(false),
            counters,
        })
    }

    /// What the router counted so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Sessions that joined and have not left, in all realms.
    pub fn sessions(&self) -> usize {
        self.realms.values().map(|realm| realm.sessions()).sum()
    }

    /// What a realm keeps, if there is such a realm.
    pub fn holdings(&self, realm: &str) -> Option<Holdings> {
        self.realms.get(realm).map(|realm| realm.holdings())
    }

    pub(crate) fn shared_counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    pub(crate) fn realm(&self, name: &str) -> Option<&Arc<RealmDriver>> {
        self.realms.get(name)
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn decode_rules(&self) -> &DecodeRules {
        &self.decode_rules
    }

    pub(crate) fn realm_uri_rules(&self) -> &UriRules {
        &self.realm_uri_rules
    }

    /// Refuses new CALLs and waits for the open ones to be answered, but not longer than `limit`.
    pub(crate) async fn drain(&self, limit: Duration) {
        // All of them first: none may take calls for as long as another one drains.
        for realm in self.realms.values() {
            realm.drain();
        }
        let all = async {
            for realm in self.realms.values() {
                realm.wait_until_drained().await;
            }
        };
        if tokio::time::timeout(limit, all).await.is_err() {
            tracing::warn!("calls still open when the drain timeout ran out; they are canceled");
        }
    }

    /// Ends every open call, and has every session say GOODBYE.
    pub(crate) fn close(&self) {
        for realm in self.realms.values() {
            realm.shut_down();
        }
    }
}
