//! All realms of a router: those of the configuration, and those made from its templates while sessions are in
//! them.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU64;
use std::sync::Arc;

use parking_lot::RwLock;
use trunkline_config::{
    AuthMethod, Authorizer, Config, Disclose, EventHistory, JwtIssuer, Limits, MatchPolicy, Permission,
    RealmRules, SlowSubscriber,
};
use wamp_proto::uri::UriRules;
use wamp_proto::{Profile, SessionId, error_uri};

use crate::authentication::{Hook, Issuer, Login, Principals};
use crate::clock::Clock;
use crate::counters::Counters;
use crate::outbox::OutboxLimits;
use crate::pace::Rate;
use crate::realm::{
    Disclosure, Identity, QueueLimits, RankedPatterns, RealmSettings, Role, Rule, StoreLimits, Verdict,
};
use crate::realm_driver::{Membership, NotJoined, RealmDriver};

/// What the realms of one entry of the configuration have in common.
#[derive(Debug)]
pub(crate) struct RealmPlan {
    /// The realm's name, or the template's URI: what listeners know it by.
    pub(crate) label: String,
    pub(crate) profile: Profile,
    roles: HashMap<String, Arc<Role>>,
    /// How fast the sessions of roles may send that have a limit.
    rates: HashMap<String, Rate>,
    anonymous_role: Option<String>,
    pub(crate) principals: Principals,
    pub(crate) issuers: Vec<Issuer>,
    /// Who decides what rules leave open.
    pub(crate) authorizer: Option<Authorizer>,
    hooks: RwLock<Vec<(AuthMethod, Hook)>>,
    uri_rules: UriRules,
    call_queues: Arc<RankedPatterns<QueueLimits>>,
    call_timeout: Option<NonZeroU64>,
    histories: Vec<(String, MatchPolicy, StoreLimits)>,
    retained: StoreLimits,
    drops_events: bool,
    /// Of a template: how many of its realms there may be at a time.
    realms_max: Option<usize>,
}

/// The realms of a router.
#[derive(Debug)]
pub(crate) struct Realms {
    present: RwLock<Present>,
    plans: Vec<Arc<RealmPlan>>,
    plan_by_name: RankedPatterns<usize>,
    limits: Limits,
    counters: Arc<Counters>,
    clock: Arc<Clock>,
    table_key: [u8; 16],
}

#[derive(Debug, Default)]
struct Present {
    by_name: BTreeMap<String, Arc<RealmDriver>>,
    /// The router goes down: no realm comes into being any more.
    is_closing: bool,
}

impl Realms {
    pub(crate) fn new(
        config: &Config,
        counters: Arc<Counters>,
        clock: Arc<Clock>,
        table_key: [u8; 16],
    ) -> Self {
        let named = config.realms.iter().map(|realm| {
            let plan = RealmPlan::new(&realm.name, &realm.rules, config, None, &table_key);
            (realm.name.as_str(), MatchPolicy::Exact, plan)
        });
        let templates = config.realm_templates.iter().map(|template| {
            let max = Some(template.realms_max);
            let plan = RealmPlan::new(&template.uri, &template.rules, config, max, &table_key);
            (template.uri.as_str(), template.match_policy, plan)
        });
        let (mut plans, mut patterns) = (Vec::new(), Vec::new());
        // Of two under one pattern the later one counts: a realm that has a name of its own.
        for (index, (uri, match_policy, plan)) in templates.chain(named).enumerate() {
            patterns.push((uri, match_policy, index));
            plans.push(Arc::new(plan));
        }
        let realms = Self {
            present: RwLock::default(),
            plan_by_name: RankedPatterns::new(patterns, &table_key),
            plans,
            limits: config.limits.clone(),
            counters,
            clock,
            table_key,
        };
        for realm in &config.realms {
            if let Some(plan) = realms.plan(&realm.name) {
                realms.present.write().by_name.insert(realm.name.clone(), realms.make(&realm.name, plan));
            }
        }
        realms
    }

    /// What a realm of that name is like, whether or not it is there now.
    pub(crate) fn plan(&self, name: &str) -> Option<&Arc<RealmPlan>> {
        self.plans.get(*self.plan_by_name.most_specific(name)?)
    }

    /// The entry of the configuration that listeners know by that name.
    pub(crate) fn plan_labelled(&self, label: &str) -> Option<&Arc<RealmPlan>> {
        self.plans.iter().find(|plan| plan.label == label)
    }

    /// The realm of that name, if it is there.
    pub(crate) fn get(&self, name: &str) -> Option<Arc<RealmDriver>> {
        self.present.read().by_name.get(name).cloned()
    }

    /// Every realm that is there.
    pub(crate) fn all(&self) -> Vec<Arc<RealmDriver>> {
        self.present.read().by_name.values().cloned().collect()
    }

    /// Makes somebody a member of the realm of that name, which comes into being if its plan is a template's.
    ///
    /// # Errors
    /// With the URI of what is in the way.
    pub(crate) fn join(
        &self,
        name: &str,
        plan: &Arc<RealmPlan>,
        session: Option<SessionId>,
        login: Option<&Arc<Login>>,
        identity: impl Fn(SessionId) -> Identity,
    ) -> Result<(Arc<RealmDriver>, Membership), &'static str> {
        loop {
            let driver = match self.get(name) {
                Some(driver) => driver,
                None => self.get_or_make(name, plan)?,
            };
            let reason = match driver.join(session, login, &identity) {
                Ok(membership) => return Ok((driver, membership)),
                // Its last session left in between, and took it along.
                Err(NotJoined::Retired) => continue,
                Err(NotJoined::Closing) => error_uri::SYSTEM_SHUTDOWN,
                Err(NotJoined::Taken) => error_uri::UNAVAILABLE,
                Err(NotJoined::Revoked) => error_uri::AUTHENTICATION_DENIED,
            };
            // It may have come into being for this session.
            self.retire_if_empty(&driver);
            return Err(reason);
        }
    }

    fn get_or_make(&self, name: &str, plan: &Arc<RealmPlan>) -> Result<Arc<RealmDriver>, &'static str> {
        let mut present = self.present.write();
        if let Some(driver) = present.by_name.get(name) {
            return Ok(driver.clone());
        }
        if present.is_closing {
            return Err(error_uri::SYSTEM_SHUTDOWN);
        }
        let made = present.by_name.values().filter(|driver| Arc::ptr_eq(driver.plan(), plan)).count();
        if plan.realms_max.is_some_and(|max| made >= max) {
            self.counters.realms_over_limit.increment();
            return Err(error_uri::UNAVAILABLE);
        }
        let driver = self.make(name, plan);
        present.by_name.insert(name.to_owned(), driver.clone());
        tracing::info!(realm = %name.escape_debug(), template = %plan.label, "realm made");
        Ok(driver)
    }

    fn make(&self, name: &str, plan: &Arc<RealmPlan>) -> Arc<RealmDriver> {
        let limits = &self.limits;
        let settings = RealmSettings {
            name: name.into(),
            profile: plan.profile,
            uri_rules: plan.uri_rules.clone(),
            subscriptions_max: limits.subscriptions_max,
            registrations_max: limits.registrations_max,
            open_calls_max: limits.open_calls_max,
            message_max_bytes: limits.message_max_bytes,
            dict_max_bytes: limits.dict_max_bytes,
            waiting_calls_max_bytes: limits.waiting_calls_max_bytes,
            call_queues: plan.call_queues.clone(),
            call_timeout: plan.call_timeout,
            histories: plan.histories.clone(),
            retained: plan.retained,
            testaments_max: limits.testaments_max,
            testaments_max_bytes: limits.testaments_max_bytes,
            subscription_key: self.table_key,
            table_key: self.table_key,
        };
        let outbox_limits =
            OutboxLimits { max_messages: limits.outbox_max_messages, max_bytes: limits.outbox_max_bytes };
        let (counters, clock) = (self.counters.clone(), self.clock.clone());
        RealmDriver::new(settings, plan.clone(), outbox_limits, counters, clock)
    }

    /// Takes a realm away that was made from a template, if nobody is in it any more.
    pub(crate) fn retire_if_empty(&self, driver: &RealmDriver) {
        if driver.plan().realms_max.is_none() || driver.sessions() > 0 {
            return;
        }
        let mut present = self.present.write();
        if driver.retire() {
            let name = &driver.settings().name;
            present.by_name.remove(&**name);
            tracing::info!(realm = %name.escape_debug(), "realm gone with its last session");
        }
    }

    /// From now on, no realm comes into being.
    pub(crate) fn close(&self) {
        self.present.write().is_closing = true;
    }
}

impl RealmPlan {
    fn new(
        label: &str,
        rules: &RealmRules,
        config: &Config,
        realms_max: Option<usize>,
        table_key: &[u8; 16],
    ) -> Self {
        let limits = &config.limits;
        let uri_rules = UriRules {
            strict: rules.strict_uris,
            max_bytes: limits.uri_max_bytes,
            max_components: limits.uri_max_components,
        };
        let roles = rules.roles.iter().map(|role| {
            let rules: Vec<_> = role.permissions.iter().flat_map(rules_of).collect();
            (
                role.name.clone(),
                Arc::new(Role::new(&role.name, role.trustlevel, &rules, &uri_rules, table_key)),
            )
        });
        let rates = rules.roles.iter().map(|role| {
            let rate = Rate {
                messages_per_second: per_second(role.messages_per_second),
                bytes_per_second: per_second(role.bytes_per_second),
            };
            (role.name.clone(), rate)
        });
        let call_queues = rules.call_queues.iter().map(|queue| {
            let limits = QueueLimits { calls: queue.limit, max_bytes: queue.max_bytes };
            (queue.uri.as_str(), queue.match_policy, limits)
        });
        let histories = rules.event_history.iter().map(|history| {
            let EventHistory { uri, match_policy, limit, max_bytes, max_age } = history.clone();
            (uri, match_policy, StoreLimits { events: limit, max_bytes, max_age })
        });
        let hooks = rules.authenticators.iter().flat_map(|authenticator| {
            let methods = authenticator.methods.iter();
            methods.map(|method| (*method, Hook::Procedure(authenticator.clone())))
        });
        let retained = &rules.retained_events;
        Self {
            label: label.to_owned(),
            profile: rules.profile,
            roles: roles.collect(),
            rates: rates.filter(|(_, rate)| *rate != Rate::default()).collect(),
            anonymous_role: rules.anonymous_role.clone(),
            principals: Principals::new(label, rules, config.authentication.router_key.as_ref()),
            issuers: rules.jwt.iter().filter_map(usable).collect(),
            authorizer: rules.authorizer.clone(),
            hooks: RwLock::new(hooks.collect()),
            call_queues: Arc::new(RankedPatterns::new(call_queues, table_key)),
            uri_rules,
            call_timeout: NonZeroU64::new(rules.call_timeout_ms),
            histories: histories.collect(),
            retained: StoreLimits {
                events: retained.limit,
                max_bytes: retained.max_bytes,
                max_age: retained.max_age,
            },
            drops_events: rules.slow_subscriber == SlowSubscriber::DropEvents,
            realms_max,
        }
    }

    /// The role of that name.
    pub(crate) fn role(&self, name: &str) -> Option<&Arc<Role>> {
        self.roles.get(name)
    }

    /// How fast the sessions of that role may send.
    pub(crate) fn rate(&self, role: &str) -> Rate {
        self.rates.get(role).copied().unwrap_or_default()
    }

    /// The name of the role that anonymous sessions have, unless their listener gives them another.
    pub(crate) fn anonymous_role(&self) -> Option<&str> {
        self.anonymous_role.as_deref()
    }

    /// Whom to ask about sessions of that method that are no principal's.
    pub(crate) fn hook(&self, method: AuthMethod) -> Option<Hook> {
        let hooks = self.hooks.read();
        hooks.iter().find(|(of, _)| *of == method).map(|(_, hook)| hook.clone())
    }

    /// From now on, asks that one about sessions of that method.
    pub(crate) fn set_hook(&self, method: AuthMethod, hook: Hook) {
        let mut hooks = self.hooks.write();
        hooks.retain(|(of, _)| *of != method);
        hooks.push((method, hook));
    }

    /// Whether a subscriber whose outbox is full misses EVENTs instead of being disconnected.
    pub(crate) fn drops_events(&self) -> bool {
        self.drops_events
    }
}

/// An issuer whose keys can be read. A server does not start with others; where there is none, their tokens are refused.
fn usable(settings: &JwtIssuer) -> Option<Issuer> {
    let loaded = Issuer::load(settings);
    loaded.inspect_err(|error| tracing::error!(%error, "tokens of this issuer are refused")).ok()
}

fn per_second(count: Option<usize>) -> Option<NonZeroU64> {
    NonZeroU64::new(count? as u64)
}

fn rules_of(permission: &Permission) -> impl Iterator<Item = Rule> {
    let disclosure = match permission.disclose {
        Disclose::Allowed => Disclosure::OnRequest,
        Disclose::Denied => Disclosure::Refused,
        Disclose::Always => Disclosure::Forced,
    };
    let verdicts = [
        (&permission.allow, Verdict::Allowed(disclosure)),
        (&permission.ask, Verdict::Ask(disclosure)),
        (&permission.deny, Verdict::Denied),
    ];
    verdicts.into_iter().flat_map(move |(actions, verdict)| {
        actions.iter().map(move |&action| Rule {
            uri: permission.uri.clone(),
            match_policy: permission.match_policy,
            action,
            verdict,
        })
    })
}
