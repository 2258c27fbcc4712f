//! WAMP over WebSocket: one message each or a batch of them (WS-04, BAT-04), text for JSON and binary otherwise
//! (WS-03), after the upgrade.
//!
//! `framing` knows of RFC 6455 and of nothing above it.

mod framing;

use std::mem;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use wamp_proto::batch::{Batch, BatchError, BatchFormat, LENGTH_OCTETS, Mark, Separator};
use wamp_proto::{SerializerId, Subprotocol};

use super::socket::HIGH_WATER;
use super::{CloseReason, Received, Stream, TransportError};

pub(crate) use framing::{Framing, Incoming};

/// Octets of the messages in one batch that goes out, unless a single one is longer.
const BATCH_MAX_BYTES: usize = HIGH_WATER;

/// Octets of the longest message that a batch can carry: its length is a uint32 (BAT-03).
const SEND_MAX_BYTES: usize = u32::MAX as usize;

/// An open WebSocket transport on the router.
pub(crate) struct WebSocket {
    pub(super) framing: Framing<SerializerId>,
    /// On a batched subprotocol.
    batching: Option<Box<Batching>>,
}

impl WebSocket {
    /// The transport of an upgraded connection; `read_ahead` came behind the HTTP request.
    pub(super) fn new(
        stream: Stream,
        read_ahead: Bytes,
        subprotocol: Subprotocol,
        message_max_bytes: usize,
    ) -> Self {
        let Subprotocol { serializer, is_batched } = subprotocol;
        let batching = is_batched.then(|| Box::new(Batching { message_max_bytes, ..Batching::default() }));
        let whole_max_bytes = message_max_bytes + if is_batched { LENGTH_OCTETS } else { 0 };
        Self { framing: Framing::new(stream, &read_ahead, serializer, whole_max_bytes), batching }
    }

    pub(super) fn serializer(&self) -> SerializerId {
        self.framing.serializer
    }

    pub(super) fn send_max_bytes(&self) -> usize {
        if self.batching.is_some() { SEND_MAX_BYTES } else { usize::MAX }
    }

    pub(super) fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Received, TransportError>> {
        if let Some(batching) = &mut self.batching
            && let Some(received) = batching.next_message()
        {
            return Poll::Ready(received);
        }
        let is_text = self.serializer().is_text();
        Poll::Ready(match ready!(self.framing.poll_receive(cx))? {
            Incoming::Text(octets) if is_text => self.take(octets),
            Incoming::Binary(octets) if !is_text => self.take(octets),
            Incoming::Text(_) => Err(TransportError::Violation("text message on a binary subprotocol")),
            Incoming::Binary(_) => Err(TransportError::Violation("binary message on a text subprotocol")),
            Incoming::Activity => Ok(Received::Activity),
        })
    }

    /// Takes one whole WebSocket message: what it is, or the first of those that are in it.
    fn take(&mut self, octets: Bytes) -> Result<Received, TransportError> {
        let serializer = self.serializer();
        let Some(batching) = &mut self.batching else { return Ok(Received::Message(octets)) };
        batching.received_bytes = octets.len();
        let batch = Batch::new(serializer, octets)?;
        let format = || BatchFormat::new(serializer, batch.separator().unwrap_or_default());
        batching.format.get_or_insert_with(format);
        batching.received = Some(batch);
        batching.next_message().unwrap_or(Ok(Received::Activity))
    }

    pub(super) fn queue_ping(&mut self) -> Result<(), TransportError> {
        self.framing.queue_ping()
    }

    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        if self.batching.as_ref().is_some_and(|batching| batching.waiting_bytes >= BATCH_MAX_BYTES) {
            // The batch is full. While it waited, nobody would see that it keeps the next one out.
            self.queue_batch()?;
        }
        self.framing.socket.poll_ready(cx)
    }

    pub(super) fn queue(&mut self, body: Bytes) -> Result<(), TransportError> {
        let data = self.data();
        let Some(batching) = &mut self.batching else {
            return self.framing.queue(data, body);
        };
        if !batching.has_room_for(&body) {
            self.queue_batch()?;
        }
        if let Some(batching) = &mut self.batching {
            batching.push(body);
        }
        Ok(())
    }

    /// Queues the messages that wait, as one batch. What is ready when the connection turns to writing goes out
    /// together; nothing waits for more to come.
    fn queue_batch(&mut self) -> Result<(), TransportError> {
        let (serializer, data) = (self.serializer(), self.data());
        let Some(batching) = &mut self.batching else { return Ok(()) };
        if batching.waiting.is_empty() {
            return Ok(());
        }
        let messages = batching.take_waiting();
        let format = batching.format.unwrap_or(BatchFormat::new(serializer, Separator::default()));
        let length = messages.iter().map(|message| message.len() + format.mark_length()).sum();
        self.framing.queue_header(OpCode::Data(data), length)?;
        for message in messages {
            match format.mark(message.len()) {
                Some(Mark::Before(octets)) => {
                    self.framing.socket.queue(&octets);
                    self.framing.socket.queue_body(message);
                }
                Some(Mark::Behind(octets)) => {
                    self.framing.socket.queue_body(message);
                    self.framing.socket.queue(&octets);
                }
                None => return Err(TransportError::TooLarge { length, limit: SEND_MAX_BYTES }),
            }
        }
        Ok(())
    }

    fn data(&self) -> Data {
        if self.serializer().is_text() { Data::Text } else { Data::Binary }
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        self.queue_batch()?;
        self.framing.poll_flush(cx)
    }

    pub(super) fn poll_close(&mut self, reason: CloseReason, cx: &mut Context<'_>) -> Poll<()> {
        if self.queue_batch().is_err() {
            // The peer closed first: there is nothing to say.
            return self.framing.socket.poll_close(cx);
        }
        self.framing.poll_close(reason, cx)
    }
}

/// What a batched subprotocol keeps between two steps.
#[derive(Default)]
struct Batching {
    /// Octets that each received message may have, whatever the whole batch may.
    message_max_bytes: usize,
    /// What is left of the batch that came last.
    received: Option<Batch>,
    /// Octets of that batch when it was whole.
    received_bytes: usize,
    /// The format of what goes out, once a batch came: in JSON, its separator is ours from then on.
    format: Option<BatchFormat>,
    /// Messages of the next batch that goes out, and their octets.
    waiting: Vec<Bytes>,
    waiting_bytes: usize,
}

impl Batching {
    /// The next message of the batch that came last, if it is not used up.
    fn next_message(&mut self) -> Option<Result<Received, TransportError>> {
        let Some(message) = self.received.as_mut()?.next() else {
            self.received = None;
            return None;
        };
        let limit = self.message_max_bytes;
        Some(match message {
            Ok(message) if message.len() > limit => {
                Err(TransportError::TooLarge { length: message.len(), limit })
            }
            // Alone in its batch, the message and its mark are all that it keeps in memory.
            Ok(message) if message.len() + LENGTH_OCTETS >= self.received_bytes => {
                Ok(Received::Message(message))
            }
            // Whoever keeps a part of it must not keep the others.
            Ok(message) => Ok(Received::Message(Bytes::copy_from_slice(&message))),
            Err(error) => Err(error.into()),
        })
    }

    fn has_room_for(&self, body: &Bytes) -> bool {
        self.waiting.is_empty() || self.waiting_bytes + body.len() <= BATCH_MAX_BYTES
    }

    fn push(&mut self, body: Bytes) {
        self.waiting_bytes += body.len();
        self.waiting.push(body);
    }

    fn take_waiting(&mut self) -> Vec<Bytes> {
        self.waiting_bytes = 0;
        mem::take(&mut self.waiting)
    }
}

impl From<BatchError> for TransportError {
    fn from(error: BatchError) -> Self {
        Self::Violation(match error {
            BatchError::Empty => "batch without a message",
            BatchError::Unseparated => "batch ends without a separator",
            BatchError::Truncated => "batch ends within a message",
        })
    }
}
