//! Who gets a message, as the core sees it: an opaque key, who that is, and ways to hand a message over.

use std::sync::Arc;

use wamp_proto::SessionId;

use super::authorization::Role;
use super::outgoing::Outgoing;

/// A member of a realm: where its messages go, and who sent one.
///
/// `Copy`, and cheap to look up. A slot is used again, a key never is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RecipientKey {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

/// Who a member is, and what it said about itself.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) session: SessionId,
    pub(crate) authid: Box<str>,
    pub(crate) role: Arc<Role>,
    /// Whether it wants to be told when a registration of it is revoked (RRV-01).
    pub(crate) takes_registration_revocation: bool,
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

/// The members of a realm. Takes what the realm sends, at once and in order; a recipient that is gone takes and
/// forgets.
///
/// A call returns before the guard under which the effect arose is dropped; it must not block.
pub(crate) trait Recipients {
    /// Who a member is; nobody, if it is gone.
    fn identity(&self, of: RecipientKey) -> Option<&Identity>;

    /// An EVENT. What happens to a recipient without room is the implementor's policy.
    fn event(&self, to: RecipientKey, message: &Arc<Outgoing>);

    /// An answer to a request of the recipient: acknowledgement, RESULT or ERROR; or UNREGISTERED of a
    /// registration that is revoked. Never lost: a recipient without room for it has to go.
    fn answer(&self, to: RecipientKey, message: &Arc<Outgoing>);

    /// Told, for logs and counters, of a request that is refused with that error. The answer, if there is
    /// one, comes separately.
    fn refused(&self, from: RecipientKey, error: &'static str);

    /// An INVOCATION.
    ///
    /// # Errors
    /// If the callee has no room: it is not invoked.
    fn invocation(&self, to: RecipientKey, message: &Arc<Outgoing>) -> Result<(), Full>;
}
