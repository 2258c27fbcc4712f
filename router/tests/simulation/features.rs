//! What a session announces in HELLO, as far as it changes what it gets.

use wamp_proto::dict::{
    CalleeFeatures, CalleeRole, CallerFeatures, CallerRole, ClientRoles, Dict, PublisherRole,
    SubscriberFeatures, SubscriberRole,
};

use crate::random::Random;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Features {
    /// As a caller: calls in several chunks.
    pub(crate) sends_chunks: bool,
    /// As a caller: takes packed results, and calls with packed payloads.
    pub(crate) packs_calls: bool,
    /// As a callee, all of these.
    pub(crate) takes_interrupts: bool,
    pub(crate) sends_progress: bool,
    pub(crate) takes_chunks: bool,
    pub(crate) minds_timeouts: bool,
    pub(crate) reroutes: bool,
    pub(crate) takes_packed: bool,
    pub(crate) takes_revocation: bool,
    /// As a subscriber.
    pub(crate) takes_subscription_revocation: bool,
}

impl Features {
    pub(crate) fn any(random: &mut Random) -> Self {
        Self {
            sends_chunks: random.one_in(2),
            packs_calls: random.one_in(2),
            takes_interrupts: !random.one_in(3),
            sends_progress: !random.one_in(3),
            takes_chunks: !random.one_in(3),
            minds_timeouts: random.one_in(2),
            reroutes: random.one_in(2),
            takes_packed: random.one_in(2),
            takes_revocation: random.one_in(2),
            takes_subscription_revocation: random.one_in(2),
        }
    }

    pub(crate) fn roles(self) -> ClientRoles {
        let announced = |is_there: bool| is_there.then_some(true);
        let caller = CallerFeatures {
            progressive_call_invocations: announced(self.sends_chunks),
            payload_passthru_mode: announced(self.packs_calls),
            ..CallerFeatures::default()
        };
        let callee = CalleeFeatures {
            call_canceling: announced(self.takes_interrupts),
            progressive_call_results: announced(self.sends_progress),
            progressive_call_invocations: announced(self.takes_chunks),
            call_timeout: announced(self.minds_timeouts),
            call_reroute: announced(self.reroutes),
            payload_passthru_mode: announced(self.takes_packed),
            registration_revocation: announced(self.takes_revocation),
            ..CalleeFeatures::default()
        };
        let subscriber = SubscriberFeatures {
            subscription_revocation: announced(self.takes_subscription_revocation),
            ..SubscriberFeatures::default()
        };
        ClientRoles {
            publisher: Some(Dict::from(PublisherRole::default())),
            subscriber: Some(
                SubscriberRole { features: Some(subscriber.into()), ..SubscriberRole::default() }.into(),
            ),
            caller: Some(CallerRole { features: Some(caller.into()), ..CallerRole::default() }.into()),
            callee: Some(CalleeRole { features: Some(callee.into()), ..CalleeRole::default() }.into()),
            ..ClientRoles::default()
        }
    }
}
