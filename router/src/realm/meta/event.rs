//! What happened in a realm: the topic that says so, and the payload.

use wamp_proto::{Payload, Profile, RegistrationId, SerializerId, SessionId, SubscriptionId, Value};

use super::{Description, sessions};
use crate::realm::recipient::Identity;

/// Something that happened, and the session that did it or that it happened to.
#[derive(Debug)]
pub(in crate::realm) enum MetaEvent<'a> {
    /// A session joined (META-SES-01).
    Joined(&'a Identity),
    /// A session left (META-SES-02).
    Left(&'a Identity, Profile),
    /// A topic, or a pattern, has a first subscriber (META-SUB-01).
    SubscriptionCreated(SessionId, Description),
    /// A session is on a subscription from now on.
    Subscribed(SessionId, SubscriptionId),
    /// A session is on a subscription no longer.
    Unsubscribed(SessionId, SubscriptionId),
    /// A subscription went with its last subscriber.
    SubscriptionDeleted(SessionId, SubscriptionId),
    /// A procedure, or a pattern, has a first callee (META-REG-01).
    RegistrationCreated(SessionId, Description),
    /// A session is on a registration from now on.
    Registered(SessionId, RegistrationId),
    /// A session is on a registration no longer.
    Unregistered(SessionId, RegistrationId),
    /// A registration went with its last callee.
    RegistrationDeleted(SessionId, RegistrationId),
}

impl MetaEvent<'_> {
    pub(in crate::realm) fn topic(&self) -> &'static str {
        match self {
            Self::Joined(_) => "wamp.session.on_join",
            Self::Left(..) => "wamp.session.on_leave",
            Self::SubscriptionCreated(..) => "wamp.subscription.on_create",
            Self::Subscribed(..) => "wamp.subscription.on_subscribe",
            Self::Unsubscribed(..) => "wamp.subscription.on_unsubscribe",
            Self::SubscriptionDeleted(..) => "wamp.subscription.on_delete",
            Self::RegistrationCreated(..) => "wamp.registration.on_create",
            Self::Registered(..) => "wamp.registration.on_register",
            Self::Unregistered(..) => "wamp.registration.on_unregister",
            Self::RegistrationDeleted(..) => "wamp.registration.on_delete",
        }
    }

    pub(in crate::realm) fn payload(&self) -> Payload {
        let arguments: Vec<Value> = match self {
            Self::Joined(identity) => vec![sessions::details(identity)],
            // What Crossbar.io's users expect.
            Self::Left(identity, Profile::Crossbar) => vec![identity.session.value().into()],
            Self::Left(identity, Profile::Default | Profile::Strict) => {
                let (authid, authrole) = (&*identity.authid, &*identity.role.name);
                vec![identity.session.value().into(), authid.into(), authrole.into()]
            }
            Self::SubscriptionCreated(session, description)
            | Self::RegistrationCreated(session, description) => {
                vec![session.value().into(), description.entries().into()]
            }
            Self::Subscribed(session, subscription)
            | Self::Unsubscribed(session, subscription)
            | Self::SubscriptionDeleted(session, subscription) => {
                vec![session.value().into(), subscription.value().into()]
            }
            Self::Registered(session, registration)
            | Self::Unregistered(session, registration)
            | Self::RegistrationDeleted(session, registration) => {
                vec![session.value().into(), registration.value().into()]
            }
        };
        Payload::new(SerializerId::Json, &arguments, &[])
    }
}
