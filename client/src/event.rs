//! Events on their way to a subscriber: a buffer that is bounded and says how much it had to leave out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytestring::ByteString;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use wamp_proto::dict::{Dict, EventDetails};
use wamp_proto::{PublicationId, message};

use crate::payload::{FromPayload, NotDecoded};

/// One event of a subscription.
///
/// ```
/// # trunkline_tests::example(async |client| {
/// use futures_util::StreamExt as _;
///
/// let mut all = client.subscribe::<f64>("com.example.temperature.").prefix().await?;
/// let publish = client.publish("com.example.temperature.hall", 18.5).exclude_me(false);
/// let publication = publish.disclose_me().acknowledge().await?;
///
/// let event = all.next().await.unwrap()?;
/// assert_eq!(event.args, 18.5);
/// assert_eq!(event.topic, "com.example.temperature.hall");
/// assert_eq!(event.publication, publication);
/// assert_eq!(event.details.publisher_authid.as_deref(), Some("ann"));
/// # Ok(()) });
/// ```
#[derive(Clone, Debug)]
pub struct Event<T> {
    /// The event's arguments.
    pub args: T,
    /// The publication: the same for every subscriber, and for the publisher that asks (ID-08).
    pub publication: PublicationId,
    /// The topic that was published to; the event says it itself where the subscription is a pattern (PBS-05).
    pub topic: ByteString,
    /// Publisher, trust level, whether it is a retained event, …, as far as the router says it.
    pub details: Dict<EventDetails>,
}

/// What comes in place of an event.
///
/// ```
/// # trunkline_tests::example(async |client| {
/// use futures_util::StreamExt as _;
/// use trunkline_client::EventError;
///
/// let mut ticks = client.subscribe::<u64>("com.example.tick").capacity(16).await?;
/// # for tick in 0..20 {
/// #     client.publish("com.example.tick", tick).exclude_me(false).await?;
/// # }
/// # client.publish("com.example.tick", ()).acknowledge().await?;
/// while let Some(event) = ticks.next().await {
///     match event {
///         Ok(event) => println!("{} on {}", event.args, event.topic),
///         Err(EventError::Lagged(events)) => {
///             println!("{events} were left out");
/// #           break;
///         }
///         Err(error) => println!("{error}"),
///     }
/// }
/// # Ok(()) });
/// ```
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// That many events were left out: they came faster than they were taken, and the buffer was full. The next
    /// ones follow.
    #[error("{0} events were left out, since they came faster than they were taken")]
    Lagged(u64),
    /// The arguments of an event are of another type than the subscription's.
    #[error("an event of another type than expected: {0}")]
    Decode(NotDecoded),
    /// The router took the subscription back, for this reason (SRV-01). It is the last item.
    #[error("the router revoked the subscription: {0}")]
    Revoked(String),
}

/// What subscriber and connection share beside the queue.
#[derive(Default)]
struct Aside {
    lagged: AtomicU64,
    revoked: Mutex<Option<String>>,
}

struct Delivery {
    /// Events that were left out before this one.
    lagged: u64,
    event: Arc<message::Event>,
}

/// Where the connection puts events; it never waits.
pub(crate) struct EventSender {
    queue: mpsc::Sender<Delivery>,
    aside: Arc<Aside>,
}

/// Where a subscriber takes them.
pub(crate) struct EventReceiver {
    queue: mpsc::Receiver<Delivery>,
    aside: Arc<Aside>,
    /// The event behind the [`EventError::Lagged`] that was taken last.
    next: Option<Arc<message::Event>>,
}

/// A buffer for that many events.
pub(crate) fn buffer(capacity: usize) -> (EventSender, EventReceiver) {
    let (sender, receiver) = mpsc::channel(capacity.max(1));
    let aside = Arc::new(Aside::default());
    let receiver = EventReceiver { queue: receiver, aside: aside.clone(), next: None };
    (EventSender { queue: sender, aside }, receiver)
}

impl EventSender {
    /// Hands on an event; leaves it out if the buffer is full.
    pub(crate) fn send(&self, event: &Arc<message::Event>) {
        match self.queue.try_reserve() {
            Ok(place) => {
                let lagged = self.aside.lagged.swap(0, Ordering::AcqRel);
                place.send(Delivery { lagged, event: event.clone() });
            }
            Err(_) => {
                self.aside.lagged.fetch_add(1, Ordering::AcqRel);
            }
        }
    }

    /// There will be no more events, for that reason.
    pub(crate) fn revoke(&self, reason: &str) {
        *self.aside.revoked.lock() = Some(reason.to_owned());
    }
}

impl EventReceiver {
    /// The next event, or what comes in its place; `None` once there are no more.
    pub(crate) fn poll_next<T: FromPayload>(
        &mut self,
        cx: &mut Context<'_>,
        topic: &ByteString,
    ) -> Poll<Option<Result<Event<T>, EventError>>> {
        if let Some(event) = self.next.take() {
            return Poll::Ready(Some(decoded(&event, topic)));
        }
        let lagged = |lagged| Poll::Ready(Some(Err(EventError::Lagged(lagged))));
        match self.queue.poll_recv(cx) {
            Poll::Ready(Some(Delivery { lagged: 0, event })) => Poll::Ready(Some(decoded(&event, topic))),
            Poll::Ready(Some(Delivery { lagged: left_out, event })) => {
                self.next = Some(event);
                lagged(left_out)
            }
            // This task had its share; what was left out comes behind what still waits.
            Poll::Pending if !self.queue.is_empty() => Poll::Pending,
            // Nothing comes behind what was left out, for now or for ever.
            end => match self.aside.lagged.swap(0, Ordering::AcqRel) {
                0 => {
                    ready!(end);
                    let revoked = self.aside.revoked.lock().take();
                    Poll::Ready(revoked.map(|reason| Err(EventError::Revoked(reason))))
                }
                left_out => lagged(left_out),
            },
        }
    }
}

fn decoded<T: FromPayload>(event: &message::Event, topic: &ByteString) -> Result<Event<T>, EventError> {
    let args = T::from_payload(&event.payload).map_err(EventError::Decode)?;
    let topic = event.details.topic.as_ref().unwrap_or(topic).clone();
    Ok(Event { args, publication: event.publication, topic, details: event.details.clone() })
}
