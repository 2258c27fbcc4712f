//! The queue of messages that one session has not taken yet, bounded in messages and in octets.
//!
//! Anybody may push, from any thread and without waiting; only the session's own task takes. Answers to the
//! session's own requests have twice the room of everything else: a session that pauses reading while they
//! fill half of it (design: overload) must not be disconnected for those under way.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use wamp_proto::message::Goodbye;

use crate::realm::{Held, Outgoing};

/// Entries for which an emptied queue keeps room: a session in steady work does not allocate.
const KEPT_ENTRIES: usize = 8;

/// Queues with more room than this give it back when they are empty.
const RELEASED_ENTRIES: usize = 512;

/// How much an outbox may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutboxLimits {
    pub(crate) max_messages: usize,
    pub(crate) max_bytes: usize,
}

/// Why nothing more will come out of an outbox.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Closed {
    /// It overflowed. What was in it is gone.
    Overflow,
    /// The router ends the session with this GOODBYE. What is in it comes first.
    Goodbye(Goodbye),
}

/// The outbox is full.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Overflow;

#[derive(Debug)]
pub(crate) struct Outbox {
    limits: OutboxLimits,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    entries: VecDeque<Arc<Outgoing>>,
    /// What the places of the entries take: the messages count for themselves, once for all outboxes.
    room: Held,
    all: Load,
    /// The part of it that answers requests of the session.
    answers: Load,
    closed: Option<Closed>,
    /// The session's task, if it waits.
    waker: Option<Waker>,
    /// Whether it waits for messages too, and not only to learn that the outbox was closed.
    wants_messages: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Load {
    messages: usize,
    bytes: usize,
}

impl Load {
    fn exceeds(self, limits: OutboxLimits) -> bool {
        self.messages > limits.max_messages || self.bytes > limits.max_bytes
    }

    fn plus(self, bytes: usize) -> Self {
        Self { messages: self.messages + 1, bytes: self.bytes + bytes }
    }

    fn minus(self, bytes: usize) -> Self {
        Self { messages: self.messages - 1, bytes: self.bytes - bytes }
    }
}

impl OutboxLimits {
    fn doubled(self) -> Self {
        Self { max_messages: self.max_messages * 2, max_bytes: self.max_bytes * 2 }
    }

    fn halved(self) -> Self {
        Self { max_messages: self.max_messages / 2, max_bytes: self.max_bytes / 2 }
    }
}

impl Outbox {
    pub(crate) fn new(limits: OutboxLimits) -> Self {
        Self { limits, queue: Mutex::default() }
    }

    /// Appends a message and wakes the session's task.
    ///
    /// A closed outbox takes everything and keeps nothing: its session is about to leave.
    pub(crate) fn push(&self, message: &Arc<Outgoing>) -> Result<(), Overflow> {
        let bytes = message.cost();
        let is_answer = message.is_answer();
        let limits = if message.has_reserve() { self.limits.doubled() } else { self.limits };
        let waker = {
            let mut queue = self.queue.lock();
            if queue.closed.is_some() {
                return Ok(());
            }
            let load = queue.all.plus(bytes);
            if load.exceeds(limits) {
                return Err(Overflow);
            }
            queue.all = load;
            if is_answer {
                queue.answers = queue.answers.plus(bytes);
            }
            if queue.entries.capacity() == 0 {
                queue.entries.reserve_exact(KEPT_ENTRIES);
                queue.measure();
            }
            let is_full = queue.entries.len() == queue.entries.capacity();
            queue.entries.push_back(message.clone());
            if is_full {
                queue.measure();
            }
            if queue.wants_messages { queue.waker.take() } else { None }
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    /// Takes nothing more in. Returns whether it did until now.
    pub(crate) fn close(&self, why: Closed) -> bool {
        let (was_open, waker) = {
            let mut queue = self.queue.lock();
            let was_open = queue.closed.is_none();
            if why == Closed::Overflow {
                queue.entries = VecDeque::new();
                queue.measure();
                queue.all = Load::default();
                queue.answers = Load::default();
            }
            if queue.closed != Some(Closed::Overflow) {
                queue.closed = Some(why);
            }
            (was_open, queue.waker.take())
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        was_open
    }

    /// Moves messages to `batch`, in order: up to `max_messages`, and as few as reach `max_bytes`.
    ///
    /// Ready with what closed the outbox once it is closed and nothing is left; pending, with the task to be
    /// woken, while there is nothing.
    pub(crate) fn poll_take(
        &self,
        cx: &mut Context<'_>,
        batch: &mut Vec<Arc<Outgoing>>,
        max_messages: usize,
        max_bytes: usize,
    ) -> Poll<Result<(), Closed>> {
        let mut queue = self.queue.lock();
        if queue.entries.is_empty() {
            if let Some(why) = &queue.closed {
                return Poll::Ready(Err(why.clone()));
            }
            queue.wait(cx, true);
            return Poll::Pending;
        }
        queue.take(batch, max_messages, max_bytes);
        Poll::Ready(Ok(()))
    }

    /// Waits until the outbox is closed, whatever is left in it: for a task that cannot take messages now. None
    /// wakes it.
    pub(crate) fn poll_closed(&self, cx: &mut Context<'_>) -> Poll<Closed> {
        let mut queue = self.queue.lock();
        if let Some(why) = &queue.closed {
            return Poll::Ready(why.clone());
        }
        queue.wait(cx, false);
        Poll::Pending
    }

    /// Octets of what is in it, as its limit counts them.
    pub(crate) fn bytes(&self) -> usize {
        self.queue.lock().all.bytes
    }

    /// Whether answers to the session's own requests fill half of the outbox: read nothing more from it.
    pub(crate) fn is_congested(&self) -> bool {
        self.queue.lock().answers.exceeds(self.limits.halved())
    }
}

impl Queue {
    fn wait(&mut self, cx: &Context<'_>, wants_messages: bool) {
        self.wants_messages = wants_messages;
        if self.waker.as_ref().is_none_or(|waker| !waker.will_wake(cx.waker())) {
            self.waker = Some(cx.waker().clone());
        }
    }

    fn take(&mut self, batch: &mut Vec<Arc<Outgoing>>, max_messages: usize, max_bytes: usize) {
        let mut taken = 0;
        for _ in 0..max_messages {
            if taken >= max_bytes {
                break;
            }
            let Some(message) = self.entries.pop_front() else { break };
            let bytes = message.cost();
            taken += bytes;
            self.all = self.all.minus(bytes);
            if message.is_answer() {
                self.answers = self.answers.minus(bytes);
            }
            batch.push(message);
        }
        if self.entries.is_empty() && self.entries.capacity() > RELEASED_ENTRIES {
            self.entries.shrink_to(KEPT_ENTRIES);
            self.measure();
        }
    }

    /// Looks how much the places of the entries take.
    fn measure(&mut self) {
        self.room.set(self.entries.capacity() * size_of::<Arc<Outgoing>>());
    }
}

#[cfg(test)]
mod tests {
    use std::task::Wake;

    use wamp_proto::dict::Dict;
    use wamp_proto::message::{Event, Published};
    use wamp_proto::{Payload, PublicationId, RequestId, SubscriptionId};

    use super::*;

    fn event() -> Arc<Outgoing> {
        Outgoing::new(
            Event {
                subscription: SubscriptionId::from_bits(1),
                publication: PublicationId::from_bits(2),
                details: Dict::new(),
                payload: Payload::EMPTY,
            }
            .into(),
        )
    }

    fn goodbye() -> Goodbye {
        Goodbye { details: Dict::new(), reason: "com.example.enough".into() }
    }

    fn answer() -> Arc<Outgoing> {
        Outgoing::new(
            Published { request: RequestId::FIRST, publication: PublicationId::from_bits(2) }.into(),
        )
    }

    fn outbox(max_messages: usize, max_bytes: usize) -> Outbox {
        Outbox::new(OutboxLimits { max_messages, max_bytes })
    }

    #[derive(Default)]
    struct Woken(std::sync::atomic::AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }

    #[test]
    fn events_overflow_at_the_limit_of_messages() {
        let outbox = outbox(2, usize::MAX / 2);
        assert_eq!(outbox.push(&event()), Ok(()));
        assert_eq!(outbox.push(&event()), Ok(()));
        assert_eq!(outbox.push(&event()), Err(Overflow));
    }

    #[test]
    fn events_overflow_at_the_limit_of_bytes() {
        let outbox = outbox(100, event().cost() * 2);
        assert_eq!(outbox.push(&event()), Ok(()));
        assert_eq!(outbox.push(&event()), Ok(()));
        assert_eq!(outbox.push(&event()), Err(Overflow));
    }

    #[test]
    fn answers_have_twice_the_room_and_count_for_congestion() {
        let outbox = outbox(4, usize::MAX / 2);
        for _ in 0..4 {
            outbox.push(&event()).expect("room for events");
        }
        assert!(!outbox.is_congested());
        for _ in 0..2 {
            outbox.push(&answer()).expect("room for answers");
        }
        assert!(!outbox.is_congested());
        outbox.push(&answer()).expect("room for answers");
        assert!(outbox.is_congested());
        outbox.push(&answer()).expect("room for answers");
        assert_eq!(outbox.push(&answer()), Err(Overflow));

        let mut batch = Vec::new();
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(outbox.poll_take(&mut cx, &mut batch, usize::MAX, usize::MAX), Poll::Ready(Ok(())));
        assert_eq!(batch.len(), 8);
        assert!(!outbox.is_congested());
    }

    #[test]
    fn a_batch_ends_where_it_reaches_its_octets() {
        let outbox = outbox(8, usize::MAX / 2);
        for _ in 0..8 {
            outbox.push(&event()).expect("room");
        }
        let mut cx = Context::from_waker(Waker::noop());
        let mut batch = Vec::new();
        assert_eq!(outbox.poll_take(&mut cx, &mut batch, 8, event().cost() * 2), Poll::Ready(Ok(())));
        assert_eq!(batch.len(), 2);
        assert_eq!(outbox.poll_take(&mut cx, &mut batch, 8, 1), Poll::Ready(Ok(())));
        assert_eq!(batch.len(), 3);
    }

    #[test]
    fn an_overflowed_outbox_is_emptied_at_once() {
        let outbox = outbox(4, usize::MAX / 2);
        let held = event();
        outbox.push(&held).expect("room");
        outbox.close(Closed::Overflow);
        assert_eq!(Arc::strong_count(&held), 1);
        assert_eq!(outbox.push(&held), Ok(()));
        assert_eq!(Arc::strong_count(&held), 1);
    }

    #[test]
    fn a_waiting_task_is_woken_once() {
        let outbox = outbox(4, usize::MAX / 2);
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        let mut cx = Context::from_waker(&waker);
        let mut batch = Vec::new();
        assert!(outbox.poll_take(&mut cx, &mut batch, 8, usize::MAX).is_pending());
        outbox.push(&event()).expect("room");
        outbox.push(&event()).expect("room");
        assert_eq!(woken.0.load(std::sync::atomic::Ordering::Relaxed), 1);
        assert_eq!(outbox.poll_take(&mut cx, &mut batch, 8, usize::MAX), Poll::Ready(Ok(())));
        assert_eq!(batch.len(), 2);
    }

    #[test]
    fn a_task_that_cannot_write_is_woken_by_the_end_alone() {
        let outbox = outbox(4, usize::MAX / 2);
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        let mut cx = Context::from_waker(&waker);
        assert!(outbox.poll_closed(&mut cx).is_pending());
        outbox.push(&event()).expect("room");
        assert_eq!(woken.0.load(std::sync::atomic::Ordering::Relaxed), 0);
        outbox.close(Closed::Overflow);
        assert_eq!(woken.0.load(std::sync::atomic::Ordering::Relaxed), 1);
        assert_eq!(outbox.poll_closed(&mut cx), Poll::Ready(Closed::Overflow));
    }

    #[test]
    fn shutdown_comes_after_what_was_queued() {
        let outbox = outbox(4, usize::MAX / 2);
        let mut cx = Context::from_waker(Waker::noop());
        let mut batch = Vec::new();
        outbox.push(&event()).expect("room");
        outbox.close(Closed::Goodbye(goodbye()));
        assert_eq!(outbox.poll_take(&mut cx, &mut batch, 8, usize::MAX), Poll::Ready(Ok(())));
        assert_eq!(
            outbox.poll_take(&mut cx, &mut batch, 8, usize::MAX),
            Poll::Ready(Err(Closed::Goodbye(goodbye())))
        );
    }
}
