//! The Broker: who subscribed to what, and who gets an EVENT.
//!
//! [`Broker::publish`] only reads, so publishers of one realm run side by side; what changes the
//! subscriptions takes `&mut self`. Both hand their messages to the [`World`] before they return.

mod inspect;

use std::cell::LazyCell;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use slab::Slab;
use time::OffsetDateTime;
use wamp_proto::dict::{Dict, EventDetails};
use wamp_proto::message::{Answered, Event, Subscribe, Subscribed, Unsubscribe, Unsubscribed};
use wamp_proto::uri::is_reserved;
use wamp_proto::{
    Action, MatchPolicy, MessageCode, Payload, Profile, PublicationId, SessionId, SubscriptionId, Uri,
    error_uri,
};

use super::admission::Applicant;
use super::audience::Audience;
use super::meta::MetaEvent;
use super::outgoing::Outgoing;
use super::patterns::PatternMap;
use super::publication::Publication;
use super::recipient::RecipientKey;
use super::refusal::Refusal;
use super::settings::{RealmSettings, StoreLimits};
use super::shards::Nodes;
use super::store::{EventStore, History, MemoryStore, Query, StoredEvent};
use super::world::{Limit, Moment, World};

/// How often a subscription ID is derived anew before the SUBSCRIBE is refused.
const ID_ATTEMPTS: u64 = 4;

/// A topic, or a pattern of topics, with subscribers or a history.
#[derive(Debug)]
struct Subscription {
    id: SubscriptionId,
    topic: Arc<str>,
    match_policy: MatchPolicy,
    /// Since when somebody subscribes to it.
    created: OffsetDateTime,
    /// Whether meta events tell of it.
    is_announced: bool,
    /// In no particular order; `held` knows each one's place.
    subscribers: Vec<RecipientKey>,
    /// If any of them gave a node key.
    nodes: Option<Box<Nodes>>,
    /// Whether its events are kept. Then it is there with or without subscribers (HIS-09).
    has_history: bool,
}

/// The subscriptions of a realm.
#[derive(Debug)]
pub(super) struct Broker {
    subscriptions: Slab<Subscription>,
    slot_by_topic: PatternMap<usize>,
    slot_by_id: HashMap<SubscriptionId, usize, foldhash::fast::FixedState>,
    /// For each subscriber its subscriptions, and its place among the subscribers of each.
    held: HashMap<RecipientKey, BTreeMap<SubscriptionId, usize>, foldhash::fast::FixedState>,
    /// The slots of those that have a history.
    recorded: Vec<usize>,
    store: Box<dyn EventStore>,
}

impl Broker {
    /// A broker that knows the topics whose histories are kept, since `created`.
    pub(super) fn new(settings: &RealmSettings, created: OffsetDateTime) -> Self {
        let mut broker = Self {
            subscriptions: Slab::new(),
            slot_by_topic: PatternMap::new(settings.uri_hasher()),
            slot_by_id: HashMap::default(),
            held: HashMap::default(),
            recorded: Vec::new(),
            store: Box::new(MemoryStore::new(settings.retained)),
        };
        for (topic, match_policy, limits) in &settings.histories {
            broker.open_history(settings, topic, *match_policy, *limits, created);
        }
        broker
    }

    /// Creates a subscription that has a history. Of two for the same pattern the first counts; a configuration has
    /// none.
    fn open_history(
        &mut self,
        settings: &RealmSettings,
        topic: &str,
        match_policy: MatchPolicy,
        limits: StoreLimits,
        created: OffsetDateTime,
    ) {
        if self.slot_by_topic.get(topic, match_policy).is_none()
            && let Ok(slot) = self.create(settings, topic, match_policy, created)
            && let Some(subscription) = self.subscriptions.get_mut(slot)
        {
            subscription.has_history = true;
            self.recorded.push(slot);
            self.store.open(subscription.id, limits);
        }
    }

    /// Gives an event to every subscriber of its topic that the audience includes, once for each subscription
    /// that matches (PBS-04), and to the histories of these (HIS-06).
    pub(super) fn publish(&self, publication: Publication, out: &impl World) {
        // Made for the first that keeps it.
        let mut stored = None;
        let mut stored =
            || stored.get_or_insert_with(|| Arc::new(StoredEvent::new(&publication, out))).clone();
        let mut record = |subscription: &Subscription| {
            if subscription.has_history && publication.is_for_histories() {
                self.store.record(subscription.id, &stored());
            }
        };
        // A copy for all: a slice of the publisher's frame would keep the frame alive.
        let mut copied = None;
        self.slot_by_topic.for_each_pattern(&publication.topic, |&slot| {
            let Some(subscription) = self.subscriptions.get(slot) else { return };
            record(subscription);
            let event = || {
                let topic = copied.get_or_insert_with(|| Uri::from(&*publication.topic)).clone();
                let mut details = publication.details.clone();
                details.topic = Some(topic);
                subscription.event(publication.id, details, publication.payload.clone())
            };
            let resource_key = publication.resource_key.as_deref();
            subscription.deliver(event, &publication.audience, resource_key, out);
        });
        let exact = self.slot_by_topic.exact(&publication.topic);
        let exact = exact.and_then(|&slot| self.subscriptions.get(slot));
        exact.into_iter().for_each(record);
        if publication.is_retained {
            self.store.retain(stored());
        }
        if let Some(subscription) = exact {
            let Publication { id, payload, details, audience, resource_key, .. } = publication;
            let event = || subscription.event(id, details, payload);
            subscription.deliver(event, &audience, resource_key.as_deref(), out);
        }
    }

    /// What the history of a subscription has for a query, and the requester may see (HIS-07). A subscription
    /// without a history has nothing.
    ///
    /// # Errors
    /// If there is no such subscription, or the requester may not have it (HIS-08).
    pub(super) fn history(
        &self,
        id: SubscriptionId,
        query: &Query,
        requester: Applicant<'_>,
        now: Moment,
    ) -> Result<History, Refusal> {
        let slot = self.slot_by_id.get(&id);
        let Some(subscription) = slot.and_then(|&slot| self.subscriptions.get(slot)) else {
            return Err(Refusal::new(
                error_uri::NO_SUCH_SUBSCRIPTION,
                format!("subscription {id} does not exist"),
            ));
        };
        let Subscription { topic, match_policy, has_history, .. } = subscription;
        requester.admit(Action::Subscribe, topic, *match_policy)?;
        let events = self.store.events(id, query, now, &|event| event.is_listed_for(requester.identity));
        let is_pattern = *match_policy != MatchPolicy::Exact;
        Ok(History { subscription: id, is_kept: *has_history, is_pattern, events })
    }

    /// Subscribes a session and acknowledges; a session that has the subscription gets its ID again (SUB-02).
    pub(super) fn subscribe(
        &mut self,
        settings: &RealmSettings,
        from: RecipientKey,
        subscribe: &Subscribe,
        out: &impl World,
    ) {
        match self.try_subscribe(settings, from, subscribe, out) {
            // Under the write guard, so that it precedes the first EVENT (ORD-02).
            Ok((subscription, news)) => {
                self.set_node_key(subscription, from, subscribe.options.nkey.as_deref());
                let request = subscribe.request;
                out.answer(from, &Outgoing::new(Subscribed { request, subscription }.into()));
                if subscribe.options.get_retained == Some(true) {
                    self.give_retained(settings, from, subscription, subscribe, out);
                }
                self.announce_all(&news, out);
            }
            Err(refusal) => refusal.answer(from, MessageCode::Subscribe, subscribe.request, out),
        }
    }

    fn try_subscribe(
        &mut self,
        settings: &RealmSettings,
        from: RecipientKey,
        subscribe: &Subscribe,
        out: &impl World,
    ) -> Result<(SubscriptionId, Vec<MetaEvent<'static>>), Refusal> {
        check_node_key(subscribe, settings)?;
        let policy = subscribe.options.match_policy.unwrap_or_default();
        let existing = self.slot_by_topic.get(&subscribe.topic, policy).copied();
        let held = self.held.get(&from);
        if let Some(subscription) = existing.and_then(|slot| self.subscriptions.get(slot))
            && held.is_some_and(|held| held.contains_key(&subscription.id))
        {
            return Ok((subscription.id, Vec::new()));
        }
        check_room(held, settings)?;
        let slot = match existing {
            Some(slot) => slot,
            None if !self.slot_by_topic.takes(&subscribe.topic, policy) => {
                return Err(Refusal::too_many_shapes());
            }
            None => self.create(settings, &subscribe.topic, policy, out.wall_clock())?,
        };
        let Some(subscription) = self.subscriptions.get_mut(slot) else {
            return Err(Refusal::new(error_uri::UNAVAILABLE, "the subscription is gone".to_owned()));
        };
        self.held.entry(from).or_default().insert(subscription.id, subscription.subscribers.len());
        subscription.subscribers.push(from);
        let mut news = Vec::new();
        if let Some(identity) = out.identity(from).filter(|_| subscription.is_announced) {
            if existing.is_none() {
                news.push(MetaEvent::SubscriptionCreated(identity.session, subscription.description()));
            }
            news.push(MetaEvent::Subscribed(identity.session, subscription.id));
        }
        Ok((subscription.id, news))
    }

    /// Takes a session off a subscription and acknowledges.
    pub(super) fn unsubscribe(&mut self, from: RecipientKey, unsubscribe: &Unsubscribe, out: &impl World) {
        let place = self.held.get_mut(&from).and_then(|held| held.remove(&unsubscribe.subscription));
        let Some(place) = place else {
            return Refusal::new(
                error_uri::NO_SUCH_SUBSCRIPTION,
                format!("subscription {} is not held by this session", unsubscribe.subscription),
            )
            .answer(from, MessageCode::Unsubscribe, unsubscribe.request, out);
        };
        let session = out.identity(from).map(|identity| identity.session);
        let news = self.remove(unsubscribe.subscription, place, session);
        self.forget_if_idle(from);
        let request = Answered::Request(unsubscribe.request);
        out.answer(from, &Outgoing::new(Unsubscribed { request, revoked: None }.into()));
        self.announce_all(&news, out);
    }

    /// Takes a session that is gone off all its subscriptions.
    pub(super) fn leave(&mut self, from: RecipientKey, session: SessionId, out: &impl World) {
        let held = self.held.remove(&from).unwrap_or_default();
        let mut news = Vec::new();
        for (subscription, place) in held {
            news.extend(self.remove(subscription, place, Some(session)));
        }
        self.announce_all(&news, out);
    }

    /// Gives what happened to whoever subscribed to that meta topic; no payload is made for nobody (META-SUB-05).
    pub(super) fn announce(&self, event: &MetaEvent<'_>, out: &impl World) {
        let topic = event.topic();
        let publication = LazyCell::new(|| out.publication_id());
        let payload = LazyCell::new(|| event.payload());
        self.slot_by_topic.for_each_pattern(topic, |&slot| {
            let Some(subscription) = self.subscriptions.get(slot) else { return };
            let event = || {
                let topic = Some(Uri::from_static(topic));
                let details = EventDetails { topic, ..EventDetails::default() };
                subscription.event(*publication, details.into(), payload.clone())
            };
            push(subscription.subscribers.iter().copied(), event, out);
        });
        let exact = self.slot_by_topic.exact(topic).and_then(|&slot| self.subscriptions.get(slot));
        if let Some(subscription) = exact {
            let event = || subscription.event(*publication, Dict::new(), payload.clone());
            push(subscription.subscribers.iter().copied(), event, out);
        }
    }

    fn announce_all(&self, news: &[MetaEvent<'_>], out: &impl World) {
        for event in news {
            self.announce(event, out);
        }
    }

    /// How many topics and patterns have subscribers.
    pub(super) fn subscriptions(&self) -> usize {
        let recorded = self.recorded.iter().filter_map(|&slot| self.subscriptions.get(slot));
        self.subscriptions.len() - recorded.filter(|found| found.subscribers.is_empty()).count()
    }

    /// Gives a subscriber the retained events of the topics that its subscription matches (RET-02, RET-05): of
    /// the size of one message together, which its outbox takes.
    fn give_retained(
        &self,
        settings: &RealmSettings,
        to: RecipientKey,
        subscription: SubscriptionId,
        subscribe: &Subscribe,
        out: &impl World,
    ) {
        let Some(subscriber) = out.identity(to) else { return };
        let policy = subscribe.options.match_policy.unwrap_or_default();
        let is_for_subscriber = |event: &StoredEvent| event.is_for_subscriber(subscriber);
        let max_bytes = settings.message_max_bytes;
        let found = self.store.retained(&subscribe.topic, policy, out.now(), max_bytes, &is_for_subscriber);
        for event in found {
            let mut details = event.details.clone();
            details.retained = Some(true);
            if policy != MatchPolicy::Exact {
                details.topic = Some(Uri::from(&*event.topic));
            }
            let (publication, payload) = (event.publication, event.payload.clone());
            let event = Event { subscription, publication, details, payload };
            out.event(to, &Outgoing::to_one(event.into()));
        }
    }

    fn set_node_key(&mut self, id: SubscriptionId, subscriber: RecipientKey, node_key: Option<&str>) {
        let slot = self.slot_by_id.get(&id);
        if let Some(subscription) = slot.and_then(|&slot| self.subscriptions.get_mut(slot)) {
            subscription.set_node_key(subscriber, node_key);
        }
    }

    /// Derives the ID from realm, topic and policy alone, so that every node of a cluster gives the same
    /// (design: IDs).
    fn create(
        &mut self,
        settings: &RealmSettings,
        topic: &str,
        match_policy: MatchPolicy,
        created: OffsetDateTime,
    ) -> Result<usize, Refusal> {
        let id = (0..ID_ATTEMPTS).map(|attempt| subscription_id(settings, topic, match_policy, attempt));
        let Some(id) = id.into_iter().find(|id| !self.slot_by_id.contains_key(id)) else {
            return Err(Refusal::new(
                error_uri::UNAVAILABLE,
                "the subscription's ID collides with others".to_owned(),
            ));
        };
        let topic: Arc<str> = topic.into();
        let slot = self.subscriptions.vacant_key();
        self.slot_by_topic.insert(&topic, match_policy, slot);
        self.slot_by_id.insert(id, slot);
        self.subscriptions.insert(Subscription {
            id,
            created,
            is_announced: settings.profile != Profile::Crossbar || !is_reserved(&topic),
            topic,
            match_policy,
            subscribers: Vec::new(),
            nodes: None,
            has_history: false,
        });
        Ok(slot)
    }

    /// Removes the subscriber at `place`; the last one takes its place, and the subscription goes with the last
    /// unless it has a history. Returns what happened, to be announced.
    fn remove(
        &mut self,
        id: SubscriptionId,
        place: usize,
        session: Option<SessionId>,
    ) -> Vec<MetaEvent<'static>> {
        let mut news = Vec::new();
        let Some(&slot) = self.slot_by_id.get(&id) else { return news };
        let Some(subscription) = self.subscriptions.get_mut(slot) else { return news };
        let session = session.filter(|_| subscription.is_announced);
        news.extend(session.map(|session| MetaEvent::Unsubscribed(session, id)));
        let gone = subscription.subscribers.swap_remove(place);
        subscription.set_node_key(gone, None);
        if let Some(moved) = subscription.subscribers.get(place)
            && let Some(moved_place) = self.held.get_mut(moved).and_then(|held| held.get_mut(&id))
        {
            *moved_place = place;
        }
        if subscription.subscribers.is_empty() && !subscription.has_history {
            news.extend(session.map(|session| MetaEvent::SubscriptionDeleted(session, id)));
            let subscription = self.subscriptions.remove(slot);
            self.slot_by_topic.remove(&subscription.topic, subscription.match_policy);
            self.slot_by_id.remove(&id);
        }
        news
    }

    /// Keeps nothing of a session that holds no subscription.
    fn forget_if_idle(&mut self, subscriber: RecipientKey) {
        if self.held.get(&subscriber).is_some_and(BTreeMap::is_empty) {
            self.held.remove(&subscriber);
        }
    }
}

impl Subscription {
    /// Pushes the event to each subscriber of the audience and of the shard; makes none if there is nobody to get
    /// it.
    fn deliver(
        &self,
        event: impl FnOnce() -> Arc<Outgoing>,
        audience: &Audience,
        resource_key: Option<&str>,
        out: &impl World,
    ) {
        let subscribers = self.subscribers.iter().copied().filter(|subscriber| audience.admits(*subscriber));
        let shard = self.nodes.as_ref().zip(resource_key).map(|(nodes, key)| nodes.shard(key));
        match (audience.lists(), shard) {
            (None, None) => push(subscribers, event, out),
            (lists, shard) => {
                let includes = |subscriber: &RecipientKey| {
                    lists.is_none_or(|lists| lists.include(*subscriber, out))
                        && shard.as_ref().is_none_or(|shard| shard.includes(*subscriber))
                };
                push(subscribers.filter(includes), event, out);
            }
        }
    }

    fn set_node_key(&mut self, subscriber: RecipientKey, node_key: Option<&str>) {
        if node_key.is_none() && self.nodes.is_none() {
            return;
        }
        let nodes = self.nodes.get_or_insert_default();
        nodes.set(subscriber, node_key);
        if nodes.is_empty() {
            self.nodes = None;
        }
    }

    fn event(
        &self,
        publication: PublicationId,
        details: Dict<EventDetails>,
        payload: Payload,
    ) -> Arc<Outgoing> {
        Outgoing::new(Event { subscription: self.id, publication, details, payload }.into())
    }
}

fn push(
    mut recipients: impl Iterator<Item = RecipientKey>,
    event: impl FnOnce() -> Arc<Outgoing>,
    out: &impl World,
) {
    let Some(first) = recipients.next() else { return };
    let event = event();
    out.event(first, &event);
    recipients.for_each(|recipient| out.event(recipient, &event));
}

fn check_room(
    held: Option<&BTreeMap<SubscriptionId, usize>>,
    settings: &RealmSettings,
) -> Result<(), Refusal> {
    if held.map_or(0, BTreeMap::len) < settings.subscriptions_max {
        return Ok(());
    }
    Err(Refusal::over(
        Limit::Subscriptions,
        error_uri::UNAVAILABLE,
        format!("a session may hold {} subscriptions", settings.subscriptions_max),
    ))
}

fn check_node_key(subscribe: &Subscribe, settings: &RealmSettings) -> Result<(), Refusal> {
    let max = settings.uri_rules.max_bytes;
    if subscribe.options.nkey.as_ref().is_none_or(|node_key| node_key.len() <= max) {
        return Ok(());
    }
    Err(Refusal::new(error_uri::INVALID_ARGUMENT, format!("a node key has at most {max} octets")))
}

fn subscription_id(
    settings: &RealmSettings,
    topic: &str,
    match_policy: MatchPolicy,
    attempt: u64,
) -> SubscriptionId {
    let mut hasher = settings.subscription_hasher().build_hasher();
    hasher.write(settings.name.as_bytes());
    // 0xff is in no URI: realm, policy and topic cannot run into each other.
    hasher.write_u8(0xff);
    hasher.write(match_policy.as_str().as_bytes());
    hasher.write_u8(0xff);
    hasher.write(topic.as_bytes());
    hasher.write_u64(attempt.to_le());
    SubscriptionId::from_bits(hasher.finish())
}
