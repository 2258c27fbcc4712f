//! What the meta API shows of the subscriptions, and which subscribers it takes off them (META-SUB).

use wamp_proto::dict::UnsubscribedDetails;
use wamp_proto::message::{Answered, Unsubscribed};
use wamp_proto::{MatchPolicy, SessionId, SubscriptionId, Uri, error_uri};

use super::{Broker, Subscription};
use crate::realm::meta::{Description, IdsByPolicy};
use crate::realm::outgoing::Outgoing;
use crate::realm::refusal::Refusal;
use crate::realm::world::World;

impl Broker {
    /// Every subscription.
    pub(in crate::realm) fn ids(&self) -> IdsByPolicy {
        let mut ids = IdsByPolicy::default();
        for (_, subscription) in &self.subscriptions {
            ids.push(subscription.match_policy, subscription.id.value());
        }
        ids
    }

    /// The subscription to that very topic or pattern.
    pub(in crate::realm) fn lookup(&self, topic: &str, policy: MatchPolicy) -> Option<SubscriptionId> {
        let slot = self.slot_by_topic.get(topic, policy)?;
        self.subscriptions.get(*slot).map(|subscription| subscription.id)
    }

    /// Every subscription that gets what is published to that topic.
    pub(in crate::realm) fn matching(&self, topic: &str) -> Vec<u64> {
        let mut slots: Vec<usize> = self.slot_by_topic.exact(topic).copied().into_iter().collect();
        self.slot_by_topic.for_each_pattern(topic, |slot| slots.push(*slot));
        let found = slots.into_iter().filter_map(|slot| self.subscriptions.get(slot));
        found.map(|subscription| subscription.id.value()).collect()
    }

    /// A subscription.
    pub(in crate::realm) fn describe(&self, id: SubscriptionId) -> Option<Description> {
        self.subscription(id).map(Subscription::description)
    }

    /// Session IDs of a subscription's subscribers.
    pub(in crate::realm) fn subscribers(&self, id: SubscriptionId, out: &impl World) -> Option<Vec<u64>> {
        let subscribers = self.subscription(id)?.subscribers.iter();
        let identities = subscribers.filter_map(|subscriber| out.identity(*subscriber));
        Some(identities.map(|identity| identity.session.value()).collect())
    }

    /// How many subscribers a subscription has.
    pub(in crate::realm) fn subscriber_count(&self, id: SubscriptionId) -> Option<usize> {
        self.subscription(id).map(|subscription| subscription.subscribers.len())
    }

    /// Takes a session off a subscription, whether or not it wants to, and tells it if it can be told (SRV-01).
    pub(in crate::realm) fn revoke(
        &mut self,
        id: SubscriptionId,
        subscriber: SessionId,
        reason: Option<Uri>,
        out: &impl World,
    ) -> Result<(), Refusal> {
        if self.subscription(id).is_none() {
            return Err(Refusal::new(
                error_uri::NO_SUCH_SUBSCRIPTION,
                format!("subscription {id} does not exist"),
            ));
        }
        let member = out.member(subscriber);
        let held = member.and_then(|member| Some((member, self.held.get_mut(&member)?.remove(&id)?)));
        let Some((member, place)) = held else {
            return Err(Refusal::new(
                error_uri::NO_SUCH_SESSION,
                format!("session {subscriber} is no subscriber of subscription {id} now"),
            ));
        };
        let news = self.remove(id, place, Some(subscriber));
        self.forget_if_idle(member);
        if out.identity(member).is_some_and(|identity| identity.features.subscription_revocation) {
            let revoked =
                UnsubscribedDetails { subscription: Some(id), reason, ..UnsubscribedDetails::default() };
            let message = Unsubscribed { request: Answered::Revocation, revoked: Some(revoked.into()) };
            out.answer(member, &Outgoing::new(message.into()));
        }
        self.announce_all(&news, out);
        Ok(())
    }

    fn subscription(&self, id: SubscriptionId) -> Option<&Subscription> {
        self.subscriptions.get(*self.slot_by_id.get(&id)?)
    }
}

impl Subscription {
    /// The subscription as the meta API shows it.
    pub(super) fn description(&self) -> Description {
        Description {
            id: self.id.value(),
            created: self.created,
            uri: self.topic.clone(),
            match_policy: self.match_policy,
            invoke: None,
        }
    }
}
