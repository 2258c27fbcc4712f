//! What sessions ask for.

use wamp_proto::dict::{InvocationPolicy, PublishOptions, RegisterOptions};
use wamp_proto::{SerializerId, error_uri};

use super::rules::{ANYONE, OTHERS};
use super::{AUTHIDS, Simulation};
use crate::pattern::{Pattern, any_pattern, any_uri};
use crate::random::Random;

impl Simulation {
    pub(super) fn publish(&mut self, name: u64) {
        let kind = self.kind(name);
        let own = self.model.sessions[&name].subscriptions.iter().cloned().collect::<Vec<_>>();
        // Now and then to itself.
        let own = if self.random.one_in(5) { self.random.pick(own.iter()) } else { None };
        let topic = own.map_or_else(|| any_uri(&mut self.random), Pattern::example);
        let options = self.publish_options();
        if self.random.one_in(20) {
            let (request, _) = self.peer(name).publish("wamp.simulation", kind, options.clone());
            if options.acknowledge == Some(true) {
                self.in_model(|model| model.refuse(name, request, error_uri::INVALID_URI));
            }
            return;
        }
        // Which of several is disconnected first, the router may choose: here, it is never more than one.
        while let [first, _, ..] = *self.model.overwhelmed(name, &options, &topic) {
            self.read(first);
        }
        let (request, note) = self.peer(name).publish(&topic, kind, options.clone());
        self.in_model(|model| model.publish(name, request, &options, &topic, note));
    }

    pub(super) fn publish_options(&mut self) -> PublishOptions {
        let mut options = PublishOptions {
            acknowledge: [None, Some(false), Some(true), Some(true)][self.random.below(4)],
            exclude_me: [None, Some(true), Some(false)][self.random.below(3)],
            ..PublishOptions::default()
        };
        if self.random.one_in(3) {
            let mut sessions: Vec<_> =
                self.people.values().map(|person| person.peer.session.value()).collect();
            // Of nobody, almost certainly.
            sessions.push(1);
            let authids = AUTHIDS.map(Into::into);
            let roles = [&[ANYONE], &OTHERS[..]].concat().into_iter().map(Into::into).collect::<Vec<_>>();
            let random = &mut self.random;
            options.exclude = some_of(random, &sessions);
            options.exclude_authid = some_of(random, &authids);
            options.exclude_authrole = some_of(random, &roles);
            options.eligible = some_of(random, &sessions);
            options.eligible_authid = some_of(random, &authids);
            options.eligible_authrole = some_of(random, &roles);
        }
        options
    }

    pub(super) fn subscribe(&mut self, name: u64) {
        if self.random.one_in(20) {
            let request = self.peer(name).subscribe(&Pattern::exact("com..topic"), 0);
            return self.in_model(|model| model.refuse(name, request, error_uri::INVALID_URI));
        }
        let topic = any_pattern(&mut self.random);
        // The router's own events are not simulated: nobody subscribes to everything.
        if topic.matches("wamp.session.on_join") {
            return;
        }
        let skip = self.random.low(3) as u64;
        let request = self.peer(name).subscribe(&topic, skip);
        self.in_model(|model| model.subscribe(name, request, topic));
    }

    /// Gives up one of its subscriptions or, now and then, one that it never had.
    pub(super) fn unsubscribe(&mut self, name: u64) {
        let session = &self.model.sessions[&name];
        let realm = session.realm;
        let held: Vec<_> = session.subscriptions.iter().cloned().collect();
        let topic = if self.random.one_in(4) {
            Some(any_pattern(&mut self.random))
        } else {
            self.random.pick(held.iter()).cloned()
        };
        let Some(topic) = topic else { return };
        // Nobody can know the ID before somebody was told.
        let Some(id) = self.identifiers.subscription(realm, &topic) else { return };
        let request = self.peer(name).unsubscribe(id);
        self.in_model(|model| model.unsubscribe(name, request, &topic));
    }

    pub(super) fn register(&mut self, name: u64) {
        let realm = self.model.sessions[&name].realm;
        let force = self.random.one_in(4);
        let known = match self.random.below(3) {
            0 => Vec::new(),
            // Most succeed if they are forced.
            1 if force => self.model.offers_of_same_principal(name),
            _ => self.model.offers(realm),
        };
        let known = self.random.pick(known.iter()).cloned();
        let (procedure, invoke) = match known {
            Some(known) => known,
            None => (any_pattern(&mut self.random), self.any_policy()),
        };
        let invoke = if self.random.one_in(6) { self.any_policy() } else { invoke };
        // Whom chance chose is learnt from its outbox, as soon as there is an invocation. That must not have effects
        // of its own, as where something turns out that cannot be carried to its serializer.
        let is_json = self.people[&name].peer.serializer == SerializerId::Json;
        let invoke =
            if is_json || invoke != InvocationPolicy::Random { invoke } else { InvocationPolicy::First };
        let invoke = Some(invoke).filter(|invoke| *invoke != InvocationPolicy::Single);
        if invoke == Some(InvocationPolicy::Random) && !self.model.sessions[&name].is_gone {
            // So that it has room: otherwise others than those with room for an invocation were asked too.
            self.read(name);
        }
        let options = RegisterOptions {
            invoke,
            concurrency: match self.random.below(40) {
                0 => Some(0),
                1..12 => None,
                // Whoever does not subscribe may fill up with invocations.
                12..30 if name.is_multiple_of(3) => None,
                12..30 => Some(1),
                30..36 => Some(2),
                _ => Some(3),
            },
            force_reregister: force.then_some(true),
            forward_timeout: self.random.one_in(3).then_some(true),
            ..RegisterOptions::default()
        };
        let request = self.peer(name).register(&procedure, options.clone());
        if invoke == Some(InvocationPolicy::Random) && !self.model.sessions[&name].is_gone {
            // Chance may have chosen it for a call that waited.
            self.take(name);
        }
        self.in_model(|model| model.register(name, request, &options, &procedure));
    }

    fn any_policy(&mut self) -> InvocationPolicy {
        [
            InvocationPolicy::Single,
            InvocationPolicy::RoundRobin,
            InvocationPolicy::RoundRobin,
            InvocationPolicy::Random,
            InvocationPolicy::Random,
            InvocationPolicy::First,
            InvocationPolicy::Last,
            InvocationPolicy::LeastBusy,
            InvocationPolicy::All,
        ][self.random.below(9)]
    }

    /// Takes back one of its registrations or, now and then, somebody else's.
    pub(super) fn unregister(&mut self, name: u64) {
        let realm = self.model.sessions[&name].realm;
        let ids: Vec<_> = if self.random.one_in(4) {
            self.identifiers.registrations(realm)
        } else {
            self.people[&name].peer.registrations.keys().copied().collect()
        };
        let Some(id) = self.random.pick(ids.into_iter()) else { return };
        let number = self.identifiers.registration(realm, id);
        let request = self.peer(name).unregister(id);
        self.in_model(|model| model.unregister(name, request, number));
    }
}

/// Mostly no list at all; else a few, or nearly all, or none.
fn some_of<T: Clone>(random: &mut Random, all: &[T]) -> Option<Vec<T>> {
    let keep = match random.below(20) {
        0 => 0,
        1 | 2 => 1,
        3..6 => 9,
        _ => return None,
    };
    Some(all.iter().filter(|_| random.below(10) < keep).cloned().collect())
}
