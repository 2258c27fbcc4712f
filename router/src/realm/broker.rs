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
use wamp_proto::message::{
    Answered, Event, Publish, Published, Subscribe, Subscribed, Unsubscribe, Unsubscribed,
};
use wamp_proto::uri::is_reserved;
use wamp_proto::{
    MatchPolicy, MessageCode, Payload, Profile, PublicationId, SessionId, SubscriptionId, Uri, error_uri,
};

use super::audience::Audience;
use super::meta::MetaEvent;
use super::outgoing::Outgoing;
use super::patterns::PatternMap;
use super::recipient::RecipientKey;
use super::refusal::Refusal;
use super::settings::RealmSettings;
use super::world::World;

/// How often a subscription ID is derived anew before the SUBSCRIBE is refused.
const ID_ATTEMPTS: u64 = 4;

/// A topic, or a pattern of topics, with subscribers.
#[derive(Debug)]
struct Subscription {
    id: SubscriptionId,
    topic: Arc<str>,
    match_policy: MatchPolicy,
    /// Since when somebody subscribes to it.
    created: Option<OffsetDateTime>,
    /// Whether meta events tell of it.
    is_announced: bool,
    /// In no particular order; `held` knows each one's place.
    subscribers: Vec<RecipientKey>,
}

/// The subscriptions of a realm.
#[derive(Debug)]
pub(super) struct Broker {
    subscriptions: Slab<Subscription>,
    slot_by_topic: PatternMap<usize>,
    slot_by_id: HashMap<SubscriptionId, usize, foldhash::fast::FixedState>,
    /// For each subscriber its subscriptions, and its place among the subscribers of each.
    held: HashMap<RecipientKey, BTreeMap<SubscriptionId, usize>, foldhash::fast::FixedState>,
}

impl Broker {
    pub(super) fn new(settings: &RealmSettings) -> Self {
        Self {
            subscriptions: Slab::new(),
            slot_by_topic: PatternMap::new(settings.uri_hasher()),
            slot_by_id: HashMap::default(),
            held: HashMap::default(),
        }
    }

    /// Gives an event to every subscriber of its topic that the audience includes, once for each subscription
    /// that matches (PBS-04).
    pub(super) fn publish(
        &self,
        from: RecipientKey,
        publish: Publish,
        publication: PublicationId,
        audience: &Audience,
        out: &impl World,
    ) {
        if publish.options.acknowledge == Some(true) {
            // Before the publisher's own EVENT, if it gets one (ORD-06).
            out.answer(from, &Outgoing::new(Published { request: publish.request, publication }.into()));
        }
        let Publish { topic, payload, .. } = publish;
        // A copy for all: a slice of the publisher's frame would keep the frame alive.
        let mut copied = None;
        self.slot_by_topic.for_each_pattern(&topic, |&slot| {
            let Some(subscription) = self.subscriptions.get(slot) else { return };
            let event = || {
                let topic = copied.get_or_insert_with(|| Uri::from(&*topic)).clone();
                let details = EventDetails { topic: Some(topic), ..EventDetails::default() };
                subscription.event(publication, details.into(), payload.clone())
            };
            subscription.deliver(event, audience, out);
        });
        let exact = self.slot_by_topic.exact(&topic).and_then(|&slot| self.subscriptions.get(slot));
        if let Some(subscription) = exact {
            subscription.deliver(|| subscription.event(publication, Dict::new(), payload), audience, out);
        }
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
                let request = subscribe.request;
                out.answer(from, &Outgoing::new(Subscribed { request, subscription }.into()));
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
            None => self.create(settings, &subscribe.topic, policy)?,
        };
        let Some(subscription) = self.subscriptions.get_mut(slot) else {
            return Err(Refusal::new(error_uri::UNAVAILABLE, "the subscription is gone".to_owned()));
        };
        self.held.entry(from).or_default().insert(subscription.id, subscription.subscribers.len());
        let is_first = subscription.subscribers.is_empty();
        subscription.subscribers.push(from);
        if is_first {
            subscription.created = Some(out.wall_clock());
        }
        let mut news = Vec::new();
        if let Some(identity) = out.identity(from).filter(|_| subscription.is_announced) {
            if is_first {
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
        self.subscriptions.len()
    }

    /// Derives the ID from realm, topic and policy alone, so that every node of a cluster gives the same
    /// (design: IDs).
    fn create(
        &mut self,
        settings: &RealmSettings,
        topic: &str,
        match_policy: MatchPolicy,
    ) -> Result<usize, Refusal> {
        if !self.slot_by_topic.takes(topic, match_policy) {
            return Err(Refusal::too_many_shapes());
        }
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
            created: None,
            is_announced: settings.profile != Profile::Crossbar || !is_reserved(&topic),
            topic,
            match_policy,
            subscribers: Vec::new(),
        });
        Ok(slot)
    }

    /// Removes the subscriber at `place`; the last one takes its place, and the subscription goes with the last.
    /// Returns what happened, to be announced.
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
        subscription.subscribers.swap_remove(place);
        if let Some(moved) = subscription.subscribers.get(place)
            && let Some(moved_place) = self.held.get_mut(moved).and_then(|held| held.get_mut(&id))
        {
            *moved_place = place;
        }
        if subscription.subscribers.is_empty() {
            subscription.created = None;
            news.extend(session.map(|session| MetaEvent::SubscriptionDeleted(session, id)));
        }
        if subscription.subscribers.is_empty() {
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
    /// Pushes the event to each subscriber of the audience; makes none if there is nobody to get it.
    fn deliver(&self, event: impl FnOnce() -> Arc<Outgoing>, audience: &Audience, out: &impl World) {
        let subscribers = self.subscribers.iter().copied();
        match audience.lists() {
            None => push(subscribers.filter(|subscriber| audience.admits(*subscriber)), event, out),
            Some(lists) => {
                let includes = |subscriber: &RecipientKey| {
                    audience.admits(*subscriber) && lists.include(*subscriber, out)
                };
                push(subscribers.filter(includes), event, out);
            }
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
    Err(Refusal::new(
        error_uri::UNAVAILABLE,
        format!("a session may hold {} subscriptions", settings.subscriptions_max),
    ))
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
