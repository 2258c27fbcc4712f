//! Who gets a message, as the core sees it: an opaque key, and who that is.

use std::sync::Arc;

use wamp_proto::SessionId;
use wamp_proto::dict::HelloDetails;

use super::authorization::Role;

/// A member of a realm: where its messages go, and who sent one.
///
/// `Copy`, and cheap to look up. A slot is used again, a key never is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RecipientKey {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

impl RecipientKey {
    /// The router, which calls procedures too. It is no member: nothing but answers gets to it.
    pub(crate) const ROUTER: Self = Self { slot: u32::MAX, generation: 0 };
}

/// Who a member is, and what it said about itself.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) session: SessionId,
    pub(crate) authid: Box<str>,
    pub(crate) role: Arc<Role>,
    /// How it proved who it is (AUTH-GEN-03).
    pub(crate) authmethod: &'static str,
    /// Who vouched for it.
    pub(crate) authprovider: &'static str,
    pub(crate) features: Features,
}

/// What a member's HELLO announced, as far as the core goes by it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Features {
    pub(crate) callee: CalleeFeatures,
    /// Whether it takes packed payloads as a caller (PPT-08).
    pub(crate) caller_payload_passthru: bool,
    /// Whether it wants to be told when a subscription of it is revoked (SRV-01).
    pub(crate) subscription_revocation: bool,
}

/// What a member can do as a callee.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CalleeFeatures {
    /// It sends progressive results (PCR-01).
    pub(crate) progressive_call_results: bool,
    /// It takes calls in several chunks (PCI-04).
    pub(crate) progressive_call_invocations: bool,
    /// It understands INTERRUPT (CAN-05).
    pub(crate) call_canceling: bool,
    /// It minds time-outs itself, if it asks for them (TMO-03).
    pub(crate) call_timeout: bool,
    /// It passes on what it cannot attend to (RRT-01).
    pub(crate) call_reroute: bool,
    /// It takes packed payloads (PPT-07).
    pub(crate) payload_passthru_mode: bool,
    /// It wants to be told when a registration of it is revoked (RRV-01).
    pub(crate) registration_revocation: bool,
}

impl Features {
    /// What HELLO announced.
    pub(crate) fn announced(hello: &HelloDetails) -> Self {
        let Some(roles) = &hello.roles else { return Self::default() };
        let callee = roles.callee.as_ref().and_then(|role| role.features.as_ref());
        let caller = roles.caller.as_ref().and_then(|role| role.features.as_ref());
        let subscriber = roles.subscriber.as_ref().and_then(|role| role.features.as_ref());
        let is = |announced: Option<bool>| announced == Some(true);
        Self {
            callee: callee.map_or_else(CalleeFeatures::default, |callee| CalleeFeatures {
                progressive_call_results: is(callee.progressive_call_results),
                progressive_call_invocations: is(callee.progressive_call_invocations),
                call_canceling: is(callee.call_canceling) || is(callee.call_cancelling),
                call_timeout: is(callee.call_timeout),
                call_reroute: is(callee.call_reroute),
                payload_passthru_mode: is(callee.payload_passthru_mode),
                registration_revocation: is(callee.registration_revocation),
            }),
            caller_payload_passthru: caller.is_some_and(|caller| is(caller.payload_passthru_mode)),
            subscription_revocation: subscriber.is_some_and(|found| is(found.subscription_revocation)),
        }
    }
}

impl Identity {
    /// Whether both are the same principal: the same authid in the same role.
    pub(super) fn is_same_principal(&self, other: &Self) -> bool {
        self.authid == other.authid && self.role.name == other.role.name
    }
}

/// The recipient has no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;
