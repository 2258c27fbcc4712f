//! Events: publishers with a topic each, and subscribers that see to it that no event is lost.
//!
//! A publisher stays at most a window ahead of its slowest subscriber. Of the two ways to know, asking every
//! subscriber's position costs too much with a thousand of them; so subscribers count each other past
//! checkpoints, a quarter of a window apart, and the last one past tells the publisher.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval, sleep};
use wamp_proto::dict::Dict;
use wamp_proto::message::{Event, Publish};
use wamp_proto::{Message, SerializerId, SubscriptionId};

use super::frames::{Mark, Template, VARIABLE_PUBLICATION, VARIABLE_REQUEST, payload};
use super::peer::{Joining, Part, Peer, unexpected};
use super::run::{PATIENCE, Run, Tasks};

/// Checkpoints in a window. More of them wake the publisher more often for less.
const CHECKPOINTS: u64 = 4;

/// Counters of checkpoints, used in turn. A subscriber can be a window ahead of another, and a window has
/// less than twice the checkpoints above.
const COUNTERS: usize = 16;

/// How often the end of a run looks whether everything has arrived.
const LOOK: Duration = Duration::from_millis(1);

/// What kind of events to publish.
#[derive(Clone, Debug)]
pub(super) struct Events {
    /// Publishers, with a topic each.
    pub(super) publishers: u16,
    /// Subscribers of each topic.
    pub(super) subscribers: usize,
    /// Events that a publisher may be ahead of its slowest subscriber.
    pub(super) window: u64,
    /// Octets of the argument.
    pub(super) payload: usize,
    /// The topics' URIs begin with it.
    pub(super) prefix: String,
}

impl Events {
    /// Opens all sessions and starts publishing.
    pub(super) async fn start(self, run: &Arc<Run>, joining: &Joining) -> anyhow::Result<Tasks> {
        let mut tasks = Tasks::default();
        let mut publishers = Vec::new();
        for number in 0..self.publishers {
            let topic = Arc::new(Topic::new(number, self.subscribers, self.window));
            let uri = format!("{}.topic{number}", self.prefix);
            for index in 0..self.subscribers {
                let mut peer = Peer::join(joining, Part::Subscriber(number)).await?;
                peer.subscribe(&uri).await?;
                let (run, topic, payload) = (run.clone(), topic.clone(), self.payload);
                tasks.receivers.spawn(Subscriber { run, topic, index, peer, payload }.work());
            }
            publishers.push(Publisher {
                run: run.clone(),
                topic,
                peer: Peer::join(joining, Part::Publisher(number)).await?,
                quota: run.amount().share(number, self.publishers),
                template: self.template(joining, &uri)?,
                buffer: Vec::new(),
                sent: 0,
                given_up: 0,
            });
        }
        for publisher in publishers {
            tasks.senders.spawn(publisher.work());
        }
        Ok(tasks)
    }

    fn template(&self, joining: &Joining, topic: &str) -> anyhow::Result<Template> {
        let serializer: SerializerId = joining.serializer;
        let payload = payload(serializer, self.payload);
        let message = if joining.target.is_relay() {
            let (subscription, publication) =
                (SubscriptionId::from_bits(u64::MAX >> 1), VARIABLE_PUBLICATION);
            Message::from(Event { subscription, publication, details: Dict::new(), payload })
        } else {
            Publish { request: VARIABLE_REQUEST, options: Dict::new(), topic: topic.into(), payload }.into()
        };
        Template::new(serializer, &message)
    }
}

/// What the publisher of a topic and its subscribers know of each other.
struct Topic {
    number: u16,
    window: u64,
    /// Events between two checkpoints.
    stride: u64,
    /// Events up to which each subscriber came.
    positions: Vec<AtomicU64>,
    /// How many times a subscriber passed a checkpoint; checkpoints take turns.
    passed: [AtomicU64; COUNTERS],
    /// Events up to the last checkpoint that all subscribers passed.
    arrived: AtomicU64,
    progress: Notify,
    /// When an event was published, by its sequence number modulo the length.
    published_at: Vec<AtomicU64>,
}

impl Topic {
    fn new(number: u16, subscribers: usize, window: u64) -> Self {
        let zeros = |count| std::iter::repeat_with(AtomicU64::default).take(count).collect();
        Self {
            number,
            window,
            stride: (window / CHECKPOINTS).max(1),
            positions: zeros(subscribers),
            passed: Default::default(),
            arrived: AtomicU64::new(0),
            progress: Notify::new(),
            published_at: zeros(usize::try_from(2 * window).unwrap_or(usize::MAX)),
        }
    }

    fn published_at(&self, sequence: u64) -> Option<&AtomicU64> {
        self.published_at.get(usize::try_from(sequence % self.published_at.len() as u64).ok()?)
    }

    /// A subscriber came from one position to a later one.
    fn advance(&self, subscriber: usize, from: u64, to: u64) {
        if let Some(position) = self.positions.get(subscriber) {
            position.store(to, Ordering::Relaxed);
        }
        for checkpoint in from / self.stride + 1..=to / self.stride {
            let Some(passed) = self.passed.get(checkpoint as usize % COUNTERS) else { return };
            if (passed.fetch_add(1, Ordering::AcqRel) + 1).is_multiple_of(self.positions.len() as u64) {
                self.arrived.fetch_max(checkpoint * self.stride, Ordering::AcqRel);
                self.progress.notify_one();
            }
        }
    }

    /// Events up to which the slowest subscriber came.
    fn slowest(&self) -> u64 {
        self.positions.iter().map(|position| position.load(Ordering::Relaxed)).min().unwrap_or_default()
    }
}

struct Publisher {
    run: Arc<Run>,
    topic: Arc<Topic>,
    peer: Peer,
    /// Events still to be published.
    quota: u64,
    template: Template,
    buffer: Vec<u8>,
    sent: u64,
    /// Events up to which nobody waits any more for those that did not arrive.
    given_up: u64,
}

impl Publisher {
    async fn work(mut self) -> anyhow::Result<()> {
        let topic = self.topic.clone();
        let mut patience = interval(PATIENCE);
        patience.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last_look = None;
        while self.quota > 0 && !self.run.is_stopping() {
            self.publish();
            tokio::select! {
                received = self.peer.receive() => {
                    received?;
                    if let Some(message) = self.peer.next_message()? {
                        return Err(unexpected(&message));
                    }
                }
                () = topic.progress.notified() => {}
                _ = patience.tick() => {
                    let slowest = topic.slowest();
                    if last_look == Some(slowest) {
                        self.given_up = self.sent;
                    }
                    last_look = Some(slowest);
                }
            }
        }
        self.finish().await
    }

    /// Publishes as many events as the window takes.
    fn publish(&mut self) {
        let arrived = self.topic.arrived.load(Ordering::Acquire).max(self.given_up);
        let room = (arrived + self.topic.window).saturating_sub(self.sent).min(self.quota);
        if room == 0 {
            return;
        }
        let now = self.run.now();
        for _ in 0..room {
            if let Some(published_at) = self.topic.published_at(self.sent) {
                published_at.store(now, Ordering::Relaxed);
            }
            let mark = Mark { sender: self.topic.number, sequence: self.sent };
            self.sent += 1;
            let body = self.template.fill(self.sent, mark, &mut self.buffer);
            self.peer.queue(body);
        }
        self.quota -= room;
        let deliveries = room * self.topic.positions.len() as u64;
        self.run.count(self.topic.number.into()).expected(deliveries);
    }

    /// Waits for the events that are under way, as long as any arrive.
    async fn finish(mut self) -> anyhow::Result<()> {
        let mut last = self.topic.slowest();
        let mut since = Instant::now();
        while last < self.sent && since.elapsed() < PATIENCE {
            tokio::select! {
                received = self.peer.receive() => received?,
                () = sleep(LOOK) => {}
            }
            let slowest = self.topic.slowest();
            if slowest > last {
                (last, since) = (slowest, Instant::now());
            }
        }
        Ok(())
    }
}

struct Subscriber {
    run: Arc<Run>,
    topic: Arc<Topic>,
    index: usize,
    peer: Peer,
    payload: usize,
}

impl Subscriber {
    async fn work(mut self) -> anyhow::Result<()> {
        let mut position = 0;
        loop {
            self.peer.receive().await?;
            let before = position;
            let mut count = self.run.count(self.index + usize::from(self.topic.number));
            while let Some(message) = self.peer.next_message()? {
                let Message::Event(event) = message else { return Err(unexpected(&message)) };
                match Mark::of(&event.payload, self.payload) {
                    Some(mark) if mark.sender != self.topic.number || mark.sequence < position => {
                        count.disordered();
                    }
                    Some(mark) => {
                        let published_at = self.topic.published_at(mark.sequence);
                        count.completed(published_at.map_or(0, |at| at.load(Ordering::Relaxed)));
                        position = mark.sequence + 1;
                    }
                    None => count.failed(),
                }
            }
            drop(count);
            self.topic.advance(self.index, before, position);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publisher_knows_when_the_slowest_passed_a_checkpoint() {
        let topic = Topic::new(0, 3, 16);
        topic.advance(0, 0, 9);
        topic.advance(1, 0, 4);
        assert_eq!(topic.arrived.load(Ordering::Relaxed), 0);
        topic.advance(2, 0, 7);
        assert_eq!(topic.arrived.load(Ordering::Relaxed), 4);
        topic.advance(2, 7, 16);
        topic.advance(1, 4, 8);
        assert_eq!(topic.arrived.load(Ordering::Relaxed), 8);
        assert_eq!(topic.slowest(), 8);
    }
}
