//! What the realm sees of the world outside: its members, their outboxes, the time and chance.

use std::ops::Add;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use wamp_proto::message::Goodbye;
use wamp_proto::{PublicationId, SessionId};

use super::outgoing::Outgoing;
use super::recipient::{Full, Identity, RecipientKey};

/// A point in time, in milliseconds since the router began; it never goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u64);

impl Moment {
    pub(crate) fn from_start(elapsed: Duration) -> Self {
        Self(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
    }

    /// How long after the router began that is.
    pub(crate) fn since_start(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

/// That many milliseconds later.
impl Add<u64> for Moment {
    type Output = Self;

    fn add(self, milliseconds: u64) -> Self {
        Self(self.0.saturating_add(milliseconds))
    }
}

/// A limit that a request may meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// Octets or components of a URI.
    Uri,
    /// Subscriptions of a session.
    Subscriptions,
    /// Registrations of a session.
    Registrations,
    /// Calls of a session that wait for their final answer.
    OpenCalls,
    /// Calls that wait for a busy callee, and what open calls keep for later.
    WaitingCalls,
    /// Testaments of a session, or their octets.
    Testaments,
}

/// How a session leaves its realm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Departure {
    /// By GOODBYE, loss, violation or a kill of its own: everybody may learn of it.
    Announced,
    /// By `wamp.session.kill_all`, which fires neither testaments nor `on_leave` (TST-06, META-SES-09).
    Unannounced,
}

/// Takes what the realm sends, at once and in order; a recipient that is gone takes and forgets. Knows the time,
/// and is asked for it only where a message needs it.
///
/// A call returns before the guard under which the effect arose is dropped; it must not block.
pub(crate) trait World {
    /// Who a member is; nobody, if it is gone.
    fn identity(&self, of: RecipientKey) -> Option<&Identity>;

    /// The member with that session ID.
    fn member(&self, session: SessionId) -> Option<RecipientKey>;

    /// Every member, in no particular order.
    fn members(&self) -> impl Iterator<Item = (RecipientKey, &Identity)>;

    /// How many members there are, without a walk.
    fn member_count(&self) -> usize;

    /// An EVENT. What happens to a recipient without room is the implementor's policy.
    fn event(&self, to: RecipientKey, message: &Arc<Outgoing>);

    /// An answer to a request of the recipient: acknowledgement, RESULT or ERROR; or INTERRUPT, or UNREGISTERED or
    /// UNSUBSCRIBED of what is revoked. Never lost: a recipient without room for it has to go.
    fn answer(&self, to: RecipientKey, message: &Arc<Outgoing>);

    /// Told, for logs and counters, of a request that is refused with that error, because of a limit perhaps. The
    /// answer, if there is one, comes separately.
    fn refused(&self, from: RecipientKey, error: &'static str, over: Option<Limit>);

    /// An INVOCATION.
    ///
    /// # Errors
    /// If the callee has no room: it is not invoked.
    fn invocation(&self, to: RecipientKey, message: &Arc<Outgoing>) -> Result<(), Full>;

    /// Ends a member's session with that GOODBYE. It leaves right behind this step; whatever it sends until it
    /// answers counts for nothing. Returns whether the session was to go on until now: of two that kill the same, one
    /// did.
    fn kill(&self, member: RecipientKey, goodbye: Goodbye, departure: Departure) -> bool;

    /// Told, for the audit log, whom one step killed.
    fn killed(&self, sessions: &[u64], reason: &str);

    /// Forgets what the authorizer said about anything; returns how much that was.
    fn forget_rulings(&self) -> usize;

    /// What time it is, for what has to happen later.
    fn now(&self) -> Moment;

    /// What time it is, for people.
    fn wall_clock(&self) -> OffsetDateTime;

    /// An ID for a publication of the realm's own (ID-02).
    fn publication_id(&self) -> PublicationId;

    /// Has the realm's [`expire`](super::Realm::expire) called at that time, or soon after, instead of at the time that
    /// was asked for before.
    fn wake_at(&self, at: Moment);
}
