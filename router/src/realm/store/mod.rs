//! Events that are kept: the history of subscriptions (HIS) and the retained events of topics (RET).
//!
//! [`EventStore`] is where they are kept; memory is one such place. What is kept and who may see it is the Broker's.

mod memory;
mod query;
mod retained;

use std::fmt::Debug;
use std::sync::Arc;

use time::{OffsetDateTime, UtcOffset};
use wamp_proto::dict::{Dict, EventDetails};
use wamp_proto::{MatchPolicy, Payload, PublicationId, SessionId, SubscriptionId};

use super::audience::Lists;
use super::held::Held;
use super::publication::Publication;
use super::recipient::Identity;
use super::settings::StoreLimits;
use super::world::{Moment, World};

pub(super) use memory::MemoryStore;
pub(super) use query::{History, Query};

/// What an event takes besides its payload and texts, in octets.
const EVENT_BYTES: usize = 256;

/// Keeps events. Takes locks of its own, and only for those that are kept.
pub(super) trait EventStore: Debug + Send + Sync {
    /// Begins the history of a subscription.
    fn open(&mut self, subscription: SubscriptionId, limits: StoreLimits);

    /// Adds an event to the history of a subscription that has one.
    fn record(&self, subscription: SubscriptionId, event: &Arc<StoredEvent>);

    /// What the query finds in the history of a subscription, among the events that `includes` lets through.
    fn events(
        &self,
        subscription: SubscriptionId,
        query: &Query,
        now: Moment,
        includes: &dyn Fn(&StoredEvent) -> bool,
    ) -> Vec<Arc<StoredEvent>>;

    /// Makes an event the retained one of its topic.
    fn retain(&self, event: Arc<StoredEvent>);

    /// Of each topic that matches, in their order, the newest retained event that `includes` lets through: as many
    /// of the first ones as take `max_bytes` octets together, details included, and the first one at any rate. There
    /// are bounds of the store's own beside.
    fn retained(
        &self,
        topic: &str,
        match_policy: MatchPolicy,
        now: Moment,
        max_bytes: usize,
        includes: &dyn Fn(&StoredEvent) -> bool,
    ) -> Vec<Arc<StoredEvent>>;
}

/// An event, in memory of its own.
#[derive(Debug)]
pub(super) struct StoredEvent {
    pub(super) publication: PublicationId,
    pub(super) topic: Arc<str>,
    /// What every EVENT says, apart from the topic.
    pub(super) details: Dict<EventDetails>,
    pub(super) payload: Payload,
    /// When it was published, for people: in UTC, to the millisecond.
    pub(super) at: OffsetDateTime,
    /// The same, to know how old it is.
    moment: Moment,
    /// The publisher, unless it wants its own EVENTs (EXC-01).
    excluded: Option<SessionId>,
    lists: Option<Lists>,
    held: Held,
}

impl StoredEvent {
    pub(super) fn new(publication: &Publication, out: &impl World) -> Self {
        let mut payload = publication.payload.clone();
        payload.detach();
        let audience = &publication.audience;
        let lists = audience.lists().map(Lists::detached);
        let bytes = EVENT_BYTES
            + payload.raw().len()
            + publication.topic.len()
            + publication.details.footprint()
            + publication.details.text_bytes()
            + lists.as_ref().map_or(0, Lists::footprint);
        let at = out.wall_clock().to_offset(UtcOffset::UTC);
        Self {
            publication: publication.id,
            topic: (&*publication.topic).into(),
            details: publication.details.clone(),
            payload,
            // What a query repeats from an answer has to compare equal, and clients keep milliseconds.
            at: at.replace_millisecond(at.millisecond()).unwrap_or(at),
            moment: out.now(),
            excluded: audience.excluded_session(),
            lists,
            held: Held::new(bytes),
        }
    }

    /// Whether somebody would have got it, and is not the publisher (RET-02).
    pub(super) fn is_for_subscriber(&self, identity: &Identity) -> bool {
        self.excluded != Some(identity.session) && self.is_listed_for(identity)
    }

    /// Whether its lists let somebody see it (HIS-07).
    pub(super) fn is_listed_for(&self, identity: &Identity) -> bool {
        self.lists.as_ref().is_none_or(|lists| lists.include_identity(identity))
    }

    /// Whether only some of the subscribers got it.
    fn is_restricted(&self) -> bool {
        self.lists.is_some()
    }
}
