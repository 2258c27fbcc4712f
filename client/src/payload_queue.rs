//! Payloads that came faster than they are taken: progressive results, and parts of progressive invocations. A peer
//! decides how many there are and how long each is; what bounds the memory that they take is their octets.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::sync::mpsc;
use wamp_proto::Payload;

/// Octets that may wait, unless the application says otherwise.
pub(crate) const WAITING_MAX_BYTES: usize = 16 * 1024 * 1024;

/// Octets that a payload keeps besides its own: the message around it, and its place in the queue.
const OVERHEAD: usize = 128;

/// A queue in which payloads of that many octets may wait; one payload, however long, always may.
pub(crate) fn payload_queue(max_bytes: usize) -> (PayloadSender, PayloadReceiver) {
    // tidy: allow-unbounded the octets of what waits are bounded
    let (sender, receiver) = mpsc::unbounded_channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    (PayloadSender { sender, waiting: waiting.clone(), max_bytes }, PayloadReceiver { receiver, waiting })
}

/// Why a payload was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unqueued {
    /// Too much waits already.
    Full,
    /// Nobody takes payloads any more.
    Closed,
}

pub(crate) struct PayloadSender {
    // tidy: allow-unbounded as above
    sender: mpsc::UnboundedSender<Payload>,
    /// Octets that wait.
    waiting: Arc<AtomicUsize>,
    max_bytes: usize,
}

impl PayloadSender {
    /// Queues a payload, without waiting.
    pub(crate) fn send(&self, payload: Payload) -> Result<(), Unqueued> {
        let octets = octets(&payload);
        // There is one sender: what is added here in between is nothing, and what is taken away makes room.
        let waiting = self.waiting.load(Ordering::Relaxed);
        if waiting > 0 && waiting.saturating_add(octets) > self.max_bytes {
            return Err(Unqueued::Full);
        }
        self.waiting.fetch_add(octets, Ordering::Relaxed);
        self.sender.send(payload).or(Err(Unqueued::Closed))
    }
}

pub(crate) struct PayloadReceiver {
    // tidy: allow-unbounded as above
    receiver: mpsc::UnboundedReceiver<Payload>,
    waiting: Arc<AtomicUsize>,
}

impl PayloadReceiver {
    /// The next payload; none if there comes no other. Pending does not say that none waits: the task may have had its
    /// share.
    pub(crate) fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Payload>> {
        let next = self.receiver.poll_recv(cx);
        if let Poll::Ready(Some(payload)) = &next {
            self.taken(payload);
        }
        next
    }

    /// The next payload, if one waits.
    pub(crate) fn try_recv(&mut self) -> Option<Payload> {
        let payload = self.receiver.try_recv().ok()?;
        self.taken(&payload);
        Some(payload)
    }

    /// No more are to be queued. Those that wait can still be taken.
    pub(crate) fn close(&mut self) {
        self.receiver.close();
    }

    fn taken(&self, payload: &Payload) {
        self.waiting.fetch_sub(octets(payload), Ordering::Relaxed);
    }
}

fn octets(payload: &Payload) -> usize {
    payload.raw().len() + OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;
    use wamp_proto::SerializerId;

    #[test]
    fn what_waits_is_bounded_by_its_octets() {
        let [short, long] = [10, 1000].map(|octets| {
            let text = "x".repeat(octets);
            Payload::new(SerializerId::ALL[0], &[text.into()], &[])
        });
        let (sender, mut receiver) = payload_queue(2 * octets(&short));
        assert_eq!(sender.send(short.clone()), Ok(()));
        assert_eq!(sender.send(short.clone()), Ok(()));
        assert_eq!(sender.send(short.clone()), Err(Unqueued::Full));
        assert_eq!(receiver.try_recv(), Some(short.clone()));
        assert_eq!(sender.send(long.clone()), Err(Unqueued::Full));
        assert_eq!(sender.send(short.clone()), Ok(()));
        assert!(receiver.try_recv().is_some() && receiver.try_recv().is_some());
        // One that alone is too long has nothing to wait for.
        assert_eq!(sender.send(long.clone()), Ok(()));
        receiver.close();
        assert_eq!(sender.send(short), Err(Unqueued::Full));
        assert_eq!(receiver.try_recv(), Some(long.clone()));
        assert_eq!(sender.send(long), Err(Unqueued::Closed));
    }
}
