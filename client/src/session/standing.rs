//! Subscriptions and registrations: what the application wants as long as the client lives, whatever becomes of
//! sessions. A new session subscribes and registers all of it again.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytestring::ByteString;
use wamp_proto::dict::{Dict, RegisterOptions, SubscribeOptions};
use wamp_proto::message::{
    self, Answered, Event, MessageCode, Register, Registered, Subscribe, Subscribed, Unregister,
    Unregistered, Unsubscribe, Unsubscribed,
};
use wamp_proto::{ClientSession, MatchPolicy, RegistrationId, RequestId, SubscriptionId, Uri};

use super::Wire;
use crate::command::{Key, NewProcedure, NewSubscriber, Reply};
use crate::error::{Error, WampError};
use crate::event::EventSender;
use crate::invocation::Run;

/// What is to be subscribed and registered, and what of it the session has.
#[derive(Default)]
pub(crate) struct Standing {
    topics: HashMap<TopicKey, Topic>,
    key_by_subscription: HashMap<SubscriptionId, TopicKey>,
    subscribing: HashMap<RequestId, Subscribing>,
    unsubscribing: HashMap<RequestId, Option<Reply<()>>>,
    /// In the order in which they were registered: it means something to some invocation policies.
    procedures: BTreeMap<Key, Procedure>,
    key_by_registration: HashMap<RegistrationId, Key>,
    registering: HashMap<RequestId, Registering>,
    unregistering: HashMap<RequestId, Option<Reply<()>>>,
    is_to_restore: bool,
}

/// What the router takes for one subscription.
#[derive(Clone, PartialEq, Eq, Hash)]
struct TopicKey {
    topic: Uri,
    match_policy: MatchPolicy,
    /// Shards of a topic are subscriptions of their own (SHS-01).
    node: Option<ByteString>,
}

struct Topic {
    options: Dict<SubscribeOptions>,
    subscribers: Vec<Subscriber>,
    subscription: Option<SubscriptionId>,
    /// SUBSCRIBEs under way: the last UNSUBSCRIBE has to wait for them.
    requests: usize,
}

struct Subscriber {
    key: Key,
    events: EventSender,
    wants_retained: bool,
    /// Told once that it is subscribed; later only the log is.
    ready: Option<Reply<()>>,
}

struct Subscribing {
    topic: TopicKey,
    /// The subscriber that asked; none if it is all that an earlier session had.
    subscriber: Option<Key>,
}

struct Registering {
    procedure: Key,
    /// Who took it back before the router answered, and waits until that is done.
    done: Option<Reply<()>>,
}

struct Procedure {
    uri: Uri,
    options: Dict<RegisterOptions>,
    run: Run,
    registration: Option<RegistrationId>,
    is_requested: bool,
    /// Told once that it is registered; later only the log is.
    ready: Option<Reply<()>>,
}

impl TopicKey {
    fn new(topic: Uri, options: &SubscribeOptions) -> Self {
        let match_policy = options.match_policy.unwrap_or_default();
        Self { topic, match_policy, node: options.nkey.clone() }
    }
}

impl Standing {
    /// Asks for everything that the session does not have.
    pub(super) fn restore(&mut self, protocol: &mut ClientSession, wire: &mut Wire) {
        self.is_to_restore = false;
        let mut topics: Vec<_> = self.topics.iter_mut().collect();
        topics.retain(|(_, topic)| topic.subscription.is_none() && topic.requests == 0);
        for (key, topic) in topics {
            let mut options = topic.options.clone();
            // What was retained is old news to whoever was subscribed before.
            if topic.subscribers.iter().any(|waiting| waiting.ready.is_some() && waiting.wants_retained) {
                options.get_retained = Some(true);
            }
            let request = protocol.next_request();
            match wire.send(Subscribe { request, options, topic: key.topic.clone() }) {
                Ok(()) => {
                    topic.requests += 1;
                    self.subscribing.insert(request, Subscribing { topic: key.clone(), subscriber: None });
                }
                Err(error) => {
                    protocol.take_back(request);
                    self.is_to_restore = true;
                    tracing::warn!(topic = &*key.topic, %error, "not subscribed again yet");
                }
            }
        }
        let mut procedures: Vec<_> = self.procedures.iter_mut().collect();
        procedures.retain(|(_, procedure)| procedure.registration.is_none() && !procedure.is_requested);
        for (&key, procedure) in procedures {
            let request = protocol.next_request();
            let (options, uri) = (procedure.options.clone(), procedure.uri.clone());
            match wire.send(Register { request, options, procedure: uri }) {
                Ok(()) => {
                    procedure.is_requested = true;
                    self.registering.insert(request, Registering { procedure: key, done: None });
                }
                Err(error) => {
                    protocol.take_back(request);
                    self.is_to_restore = true;
                    tracing::warn!(procedure = &*procedure.uri, %error, "not registered again yet");
                }
            }
        }
    }

    /// Whether SUBSCRIBEs or REGISTERs are under way.
    pub(super) fn is_restoring(&self) -> bool {
        !self.subscribing.is_empty() || !self.registering.is_empty()
    }

    /// Whether the router refused something that an earlier session had.
    pub(super) fn is_to_restore(&self) -> bool {
        self.is_to_restore
    }

    // Subscribers.

    pub(super) fn subscribe(&mut self, new: NewSubscriber, protocol: &mut ClientSession, wire: &mut Wire) {
        let NewSubscriber { key, topic: uri, options, events, ready } = new;
        if ready.is_closed() {
            return;
        }
        let topic_key = TopicKey::new(uri.clone(), &options);
        let wants_retained = options.get_retained == Some(true);
        let topic = self.topics.entry(topic_key.clone()).or_insert_with(|| {
            let mut options = options.clone();
            if wants_retained {
                options.get_retained = None;
            }
            Topic { options, subscribers: Vec::new(), subscription: None, requests: 0 }
        });
        let mut subscriber = Subscriber { key, events, wants_retained, ready: Some(ready) };
        if topic.subscription.is_some() && !wants_retained {
            accomplished(subscriber.ready.take());
            topic.subscribers.push(subscriber);
            return;
        }
        topic.subscribers.push(subscriber);
        let request = protocol.next_request();
        match wire.send(Subscribe { request, options, topic: uri }) {
            Ok(()) => {
                topic.requests += 1;
                self.subscribing.insert(request, Subscribing { topic: topic_key, subscriber: Some(key) });
            }
            Err(error) => {
                protocol.take_back(request);
                self.refuse(&topic_key, Some(key), &error);
            }
        }
    }

    pub(super) fn subscribed(
        &mut self,
        subscribed: &Subscribed,
        protocol: &mut ClientSession,
        wire: &mut Wire,
    ) {
        let Some(Subscribing { topic: key, subscriber }) = self.subscribing.remove(&subscribed.request)
        else {
            return;
        };
        if let Some(topic) = self.topics.get_mut(&key) {
            topic.requests -= 1;
            topic.subscription = Some(subscribed.subscription);
            self.key_by_subscription.insert(subscribed.subscription, key.clone());
            for asked in
                topic.subscribers.iter_mut().filter(|other| subscriber.is_none_or(|key| key == other.key))
            {
                accomplished(asked.ready.take());
            }
        }
        self.give_up_unused(&key, None, protocol, wire);
    }

    pub(super) fn unsubscribe(
        &mut self,
        subscriber: Key,
        done: Option<Reply<()>>,
        protocol: &mut ClientSession,
        wire: &mut Wire,
    ) {
        match self.forget_subscriber(subscriber) {
            Some(key) => self.give_up_unused(&key, done, protocol, wire),
            None => accomplished(done),
        }
    }

    /// Tells subscribers that wait that they are none: that one, or all.
    fn refuse(&mut self, key: &TopicKey, subscriber: Option<Key>, error: &Error) {
        let Some(topic) = self.topics.get_mut(key) else { return };
        topic.subscribers.retain_mut(|other| {
            let is_asked = subscriber.is_none_or(|key| key == other.key);
            let Some(ready) = other.ready.take_if(|_| is_asked) else { return true };
            ready.send(Err(error.clone())).ok();
            false
        });
        if topic.subscribers.is_empty() && topic.requests == 0 && topic.subscription.is_none() {
            self.topics.remove(key);
        }
    }

    /// Takes a subscriber out. Returns the topic that it had.
    fn forget_subscriber(&mut self, subscriber: Key) -> Option<TopicKey> {
        let is_it = |other: &Subscriber| other.key == subscriber;
        let (key, topic) = self.topics.iter_mut().find(|(_, topic)| topic.subscribers.iter().any(is_it))?;
        topic.subscribers.retain(|other| !is_it(other));
        Some(key.clone())
    }

    /// Unsubscribes if the last subscriber has gone, and none is about to come (SUB-03).
    fn give_up_unused(
        &mut self,
        key: &TopicKey,
        done: Option<Reply<()>>,
        protocol: &mut ClientSession,
        wire: &mut Wire,
    ) {
        let is_unused = |topic: &Topic| topic.subscribers.is_empty() && topic.requests == 0;
        let topic = if self.topics.get(key).is_some_and(is_unused) { self.topics.remove(key) } else { None };
        let Some(subscription) = topic.and_then(|topic| topic.subscription) else {
            return accomplished(done);
        };
        self.key_by_subscription.remove(&subscription);
        let request = protocol.next_request();
        self.unsubscribing.insert(request, done);
        wire.tell(Unsubscribe { request, subscription });
    }

    pub(super) fn unsubscribed(&mut self, unsubscribed: &Unsubscribed) {
        match unsubscribed.request {
            Answered::Request(request) => accomplished(self.unsubscribing.remove(&request).flatten()),
            Answered::Revocation => {
                let Some(details) = &unsubscribed.revoked else { return };
                let key = details.subscription.and_then(|id| self.key_by_subscription.remove(&id));
                if let Some(topic) = key.and_then(|key| self.topics.remove(&key)) {
                    let reason = details.reason.as_deref().unwrap_or_default();
                    topic.subscribers.iter().for_each(|subscriber| subscriber.events.revoke(reason));
                }
            }
        }
    }

    /// Events that are still under way after UNSUBSCRIBE are nobody's (SUB-05).
    pub(super) fn event(&mut self, event: Event) {
        let topic = self.key_by_subscription.get(&event.subscription).and_then(|key| self.topics.get(key));
        let Some(topic) = topic else { return };
        let is_retained = event.details.retained == Some(true);
        let event = Arc::new(event);
        // What is retained comes for one subscriber that asked, on the subscription that all have.
        for subscriber in topic.subscribers.iter().filter(|other| other.wants_retained || !is_retained) {
            subscriber.events.send(&event);
        }
    }

    // Procedures.

    pub(super) fn register(&mut self, new: NewProcedure, protocol: &mut ClientSession, wire: &mut Wire) {
        let NewProcedure { key, procedure: uri, options, run, ready } = new;
        if ready.is_closed() {
            return;
        }
        let request = protocol.next_request();
        match wire.send(Register { request, options: options.clone(), procedure: uri.clone() }) {
            Ok(()) => {
                self.registering.insert(request, Registering { procedure: key, done: None });
                let ready = Some(ready);
                let procedure =
                    Procedure { uri, options, run, registration: None, is_requested: true, ready };
                self.procedures.insert(key, procedure);
            }
            Err(error) => {
                protocol.take_back(request);
                ready.send(Err(error)).ok();
            }
        }
    }

    pub(super) fn registered(
        &mut self,
        registered: &Registered,
        protocol: &mut ClientSession,
        wire: &mut Wire,
    ) {
        let Some(Registering { procedure: key, done }) = self.registering.remove(&registered.request) else {
            return;
        };
        match self.procedures.get_mut(&key) {
            Some(procedure) => {
                procedure.registration = Some(registered.registration);
                procedure.is_requested = false;
                self.key_by_registration.insert(registered.registration, key);
                if let Some(ready) = procedure.ready.take() {
                    ready.send(Ok(())).ok();
                }
            }
            // It was taken back before the router answered.
            None => self.send_unregister(registered.registration, done, protocol, wire),
        }
    }

    pub(super) fn unregister(
        &mut self,
        procedure: Key,
        done: Option<Reply<()>>,
        protocol: &mut ClientSession,
        wire: &mut Wire,
    ) {
        if let Some(registration) = self.procedures.remove(&procedure).and_then(|it| it.registration) {
            return self.send_unregister(registration, done, protocol, wire);
        }
        match self.registering.values_mut().find(|registering| registering.procedure == procedure) {
            // UNREGISTER has to wait for the answer.
            Some(registering) => accomplished(std::mem::replace(&mut registering.done, done)),
            None => accomplished(done),
        }
    }

    /// Takes every procedure back.
    pub(super) fn unregister_all(&mut self, protocol: &mut ClientSession, wire: &mut Wire) {
        let procedures = std::mem::take(&mut self.procedures);
        let registrations: Vec<_> =
            procedures.into_values().filter_map(|procedure| procedure.registration).collect();
        for registration in registrations {
            self.send_unregister(registration, None, protocol, wire);
        }
    }

    /// Whether procedures are being taken back: until the router says so, invocations may come.
    pub(super) fn is_unregistering(&self) -> bool {
        !self.unregistering.is_empty() || !self.registering.is_empty()
    }

    fn send_unregister(
        &mut self,
        registration: RegistrationId,
        done: Option<Reply<()>>,
        protocol: &mut ClientSession,
        wire: &mut Wire,
    ) {
        self.key_by_registration.remove(&registration);
        let request = protocol.next_request();
        self.unregistering.insert(request, done);
        wire.tell(Unregister { request, registration });
    }

    pub(super) fn unregistered(&mut self, unregistered: &Unregistered) {
        match unregistered.request {
            Answered::Request(request) => accomplished(self.unregistering.remove(&request).flatten()),
            Answered::Revocation => {
                let Some(details) = &unregistered.revoked else { return };
                let key = details.registration.and_then(|id| self.key_by_registration.remove(&id));
                if let Some(procedure) = key.and_then(|key| self.procedures.remove(&key)) {
                    let reason = details.reason.as_deref().unwrap_or_default();
                    tracing::warn!(procedure = &*procedure.uri, reason, "a registration was revoked");
                }
            }
        }
    }

    /// The procedure that an invocation is for.
    pub(super) fn procedure(&self, registration: RegistrationId) -> Option<&Run> {
        let key = self.key_by_registration.get(&registration)?;
        self.procedures.get(key).map(|procedure| &procedure.run)
    }

    /// Takes an ERROR that is for none of the callers and publishers.
    pub(super) fn error(&mut self, error: message::Error) {
        let (request_type, request) = (error.request_type, error.request);
        let error = WampError::from(error);
        if request_type == MessageCode::Subscribe as u64 {
            let Some(Subscribing { topic: key, subscriber }) = self.subscribing.remove(&request) else {
                return;
            };
            if let Some(topic) = self.topics.get_mut(&key) {
                topic.requests -= 1;
            }
            if subscriber.is_none() {
                self.is_to_restore = true;
                tracing::warn!(topic = &*key.topic, %error, "not subscribed again yet");
            }
            self.refuse(&key, subscriber, &error.into());
        } else if request_type == MessageCode::Register as u64 {
            let Some(Registering { procedure: key, done }) = self.registering.remove(&request) else {
                return;
            };
            accomplished(done);
            let Some(procedure) = self.procedures.get_mut(&key) else { return };
            procedure.is_requested = false;
            match procedure.ready.take() {
                Some(ready) => {
                    self.procedures.remove(&key);
                    ready.send(Err(error.into())).ok();
                }
                None => {
                    self.is_to_restore = true;
                    tracing::warn!(procedure = &*procedure.uri, %error, "not registered again yet");
                }
            }
        } else if request_type == MessageCode::Unsubscribe as u64 {
            failed(self.unsubscribing.remove(&request).flatten(), error);
        } else if request_type == MessageCode::Unregister as u64 {
            failed(self.unregistering.remove(&request).flatten(), error);
        }
    }

    /// The session has ended: nothing is subscribed or registered now. What was being taken back is.
    pub(super) fn end(&mut self) {
        self.key_by_subscription.clear();
        self.key_by_registration.clear();
        self.subscribing.clear();
        let registering = std::mem::take(&mut self.registering).into_values().map(|it| it.done);
        let unsubscribing = std::mem::take(&mut self.unsubscribing).into_values();
        let unregistering = std::mem::take(&mut self.unregistering).into_values();
        unsubscribing.chain(unregistering).chain(registering).for_each(accomplished);
        self.topics.retain(|_, topic| {
            topic.subscription = None;
            topic.requests = 0;
            !topic.subscribers.is_empty()
        });
        for procedure in self.procedures.values_mut() {
            procedure.registration = None;
            procedure.is_requested = false;
        }
    }

    /// The client is closed: whoever waits does so in vain.
    pub(crate) fn close(self) {
        let subscribers = self.topics.into_values().flat_map(|topic| topic.subscribers);
        let waiting = subscribers.filter_map(|subscriber| subscriber.ready);
        let procedures = self.procedures.into_values().filter_map(|procedure| procedure.ready);
        for ready in waiting.chain(procedures) {
            ready.send(Err(Error::Closed)).ok();
        }
    }
}

/// What was to be taken back is.
fn accomplished(done: Option<Reply<()>>) {
    if let Some(done) = done {
        done.send(Ok(())).ok();
    }
}

fn failed(done: Option<Reply<()>>, error: WampError) {
    if let Some(done) = done {
        done.send(Err(error.into())).ok();
    }
}
