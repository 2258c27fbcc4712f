//! Who gets a message, as the core sees it: an opaque key, and three ways to hand a message over.

use std::sync::Arc;

use super::outgoing::Outgoing;

/// A member of a realm: where its messages go, and who sent one.
///
/// `Copy`, and cheap to look up. A slot is used again, a key never is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RecipientKey {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

/// The recipient has no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// Takes what a realm sends, at once and in order. A recipient that is gone takes and forgets.
///
/// A call returns before the guard under which the effect arose is dropped; it must not block.
pub(crate) trait Recipients {
    /// An EVENT. What happens to a recipient without room is the implementor's policy.
    fn event(&self, to: RecipientKey, message: &Arc<Outgoing>);

    /// An answer to a request of the recipient: acknowledgement, RESULT or ERROR. Never lost: a recipient
    /// without room for it has to go.
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
