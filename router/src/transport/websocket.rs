//! WebSocket: one WAMP message each or a batch of them (WS-04, BAT-04), text for JSON and binary otherwise (WS-03),
//! after the upgrade.
//!
//! Reading, fragments, masks and control frames are the library's. Messages are framed here, because a
//! server's frame is its body behind a short header: bodies stay shared and are not validated again.

use std::io;
use std::mem;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{FrameHeader, Utf8Bytes};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig, WebSocketContext};
use tokio_tungstenite::tungstenite::{Error, Message, error::CapacityError};
use wamp_proto::batch::{Batch, BatchError, BatchFormat, LENGTH_OCTETS, Mark, Separator};
use wamp_proto::{SerializerId, Subprotocol};

use super::socket::{HIGH_WATER, Socket};
use super::{CloseReason, Received, Stream, TransportError};

/// Octets of the library's read buffer, which every connection owns all the time.
///
/// The library's default of 128 KiB made an idle connection cost 135 KiB; with 4 KiB it is under 7.
const READ_BUFFER_LENGTH: usize = 4096;

/// Octets of control frames that the library may hold back. It needs room for one, at most 127 octets
/// with its header: each moves on to the socket's own buffer at once.
const CONTROL_FRAMES_LENGTH_MAX: usize = 1024;

/// Octets of the messages in one batch that goes out, unless a single one is longer.
const BATCH_MAX_BYTES: usize = HIGH_WATER;

/// Octets of the longest message that a batch can carry: its length is a uint32 (BAT-03).
const SEND_MAX_BYTES: usize = u32::MAX as usize;

/// An open WebSocket transport on the router.
pub(crate) struct WebSocket {
    pub(super) socket: Socket,
    context: WebSocketContext,
    serializer: SerializerId,
    /// On a batched subprotocol.
    batching: Option<Box<Batching>>,
    /// A PONG waits in `context` for unsent octets to become fewer, so that pings of a peer that doesn't
    /// read can't fill our memory. Nothing is read meanwhile.
    owes_pong: bool,
    /// The last read found the socket empty.
    is_drained: bool,
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
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_LENGTH)
            .write_buffer_size(0)
            .max_write_buffer_size(CONTROL_FRAMES_LENGTH_MAX)
            .max_message_size(Some(whole_max_bytes))
            .max_frame_size(Some(whole_max_bytes));
        Self {
            socket: Socket::new(stream),
            // Copied: the HTTP side's buffer would otherwise stay the session's read buffer for good.
            context: WebSocketContext::from_partially_read(read_ahead.to_vec(), Role::Server, Some(config)),
            serializer,
            batching,
            owes_pong: false,
            is_drained: false,
        }
    }

    pub(super) fn serializer(&self) -> SerializerId {
        self.serializer
    }

    pub(super) fn send_max_bytes(&self) -> usize {
        if self.batching.is_some() { SEND_MAX_BYTES } else { usize::MAX }
    }

    pub(super) fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Received, TransportError>> {
        if self.owes_pong {
            ready!(self.socket.poll_ready(cx))?;
            self.queue_control_frames(cx)?;
        }
        if let Some(batching) = &mut self.batching
            && let Some(received) = batching.next_message()
        {
            return Poll::Ready(received);
        }
        if self.is_drained {
            // The library clears its read buffer before every read: not for nothing, then.
            ready!(self.socket.poll_read_ready(cx))?;
            self.is_drained = false;
        }
        let mut stream = SyncStream { socket: &mut self.socket, cx, octets_came: false };
        match self.context.read(&mut stream) {
            Ok(Message::Text(text)) if self.serializer.is_text() => Poll::Ready(self.take(text.into())),
            Ok(Message::Binary(body)) if !self.serializer.is_text() => Poll::Ready(self.take(body)),
            Ok(Message::Text(_)) => {
                Poll::Ready(Err(TransportError::Violation("text message on a binary subprotocol")))
            }
            Ok(Message::Binary(_)) => {
                Poll::Ready(Err(TransportError::Violation("binary message on a text subprotocol")))
            }
            Ok(Message::Ping(_)) => {
                self.owes_pong = true;
                if self.socket.has_room() {
                    self.queue_control_frames(cx)?;
                }
                Poll::Ready(Ok(Received::Activity))
            }
            Ok(Message::Pong(_) | Message::Frame(_)) => Poll::Ready(Ok(Received::Activity)),
            Ok(Message::Close(_)) => {
                self.queue_control_frames(cx)?;
                Poll::Ready(Err(TransportError::Closed))
            }
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                self.is_drained = true;
                if stream.octets_came { Poll::Ready(Ok(Received::Activity)) } else { Poll::Pending }
            }
            Err(error) => Poll::Ready(Err(error.into())),
        }
    }

    /// Takes one whole WebSocket message: what it is, or the first of those that are in it.
    fn take(&mut self, octets: Bytes) -> Result<Received, TransportError> {
        let Some(batching) = &mut self.batching else { return Ok(Received::Message(octets)) };
        batching.received_bytes = octets.len();
        let batch = Batch::new(self.serializer, octets)?;
        let format = || BatchFormat::new(self.serializer, batch.separator().unwrap_or_default());
        batching.format.get_or_insert_with(format);
        batching.received = Some(batch);
        batching.next_message().unwrap_or(Ok(Received::Activity))
    }

    /// Moves a PONG or the answer to a close frame from the library to the socket's unsent octets.
    fn queue_control_frames(&mut self, cx: &mut Context<'_>) -> Result<(), TransportError> {
        self.owes_pong = false;
        let mut stream = SyncStream { socket: &mut self.socket, cx, octets_came: false };
        match self.context.flush(&mut stream) {
            // The close handshake is complete, as far as the library is concerned.
            Ok(()) | Err(Error::ConnectionClosed | Error::AlreadyClosed) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        if self.batching.as_ref().is_some_and(|batching| batching.waiting_bytes >= BATCH_MAX_BYTES) {
            // The batch is full. While it waited, nobody would see that it keeps the next one out.
            self.queue_batch()?;
        }
        self.socket.poll_ready(cx)
    }

    pub(super) fn queue(&mut self, body: Bytes) -> Result<(), TransportError> {
        let Some(batching) = &mut self.batching else {
            self.queue_header(self.data(), body.len())?;
            self.socket.queue_body(body);
            return Ok(());
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
        let Some(batching) = &mut self.batching else { return Ok(()) };
        if batching.waiting.is_empty() {
            return Ok(());
        }
        let messages = batching.take_waiting();
        let format = batching.format.unwrap_or(BatchFormat::new(self.serializer, Separator::default()));
        let length = messages.iter().map(|message| message.len() + format.mark_length()).sum();
        self.queue_header(self.data(), length)?;
        for message in messages {
            match format.mark(message.len()) {
                Some(Mark::Before(octets)) => {
                    self.socket.queue(&octets);
                    self.socket.queue_body(message);
                }
                Some(Mark::Behind(octets)) => {
                    self.socket.queue_body(message);
                    self.socket.queue(&octets);
                }
                None => return Err(TransportError::TooLarge { length, limit: SEND_MAX_BYTES }),
            }
        }
        Ok(())
    }

    pub(super) fn queue_ping(&mut self) -> Result<(), TransportError> {
        self.queue_header(OpCode::Control(Control::Ping), 0)
    }

    fn data(&self) -> OpCode {
        OpCode::Data(if self.serializer.is_text() { Data::Text } else { Data::Binary })
    }

    /// Queues the header of a frame with `length` octets, which must follow.
    fn queue_header(&mut self, opcode: OpCode, length: usize) -> Result<(), TransportError> {
        if !self.context.can_write() {
            return Err(TransportError::Closed);
        }
        // The longest header of an unmasked frame.
        let mut octets = [0; 10];
        let header = FrameHeader { opcode, ..FrameHeader::default() };
        let length = length as u64;
        header.format(length, &mut octets.as_mut_slice())?;
        self.socket.queue(octets.get(..header.len(length)).unwrap_or_default());
        Ok(())
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        self.queue_batch()?;
        self.socket.poll_flush(cx)
    }

    pub(super) fn poll_close(&mut self, reason: CloseReason, cx: &mut Context<'_>) -> Poll<()> {
        if self.queue_batch().is_ok() && self.context.can_write() {
            let code = match reason {
                CloseReason::Normal => CloseCode::Normal,
                CloseReason::GoingAway => CloseCode::Away,
                CloseReason::ProtocolError => CloseCode::Protocol,
                CloseReason::InvalidUtf8 => CloseCode::Invalid,
                CloseReason::TooLarge => CloseCode::Size,
            };
            let frame = CloseFrame { code, reason: Utf8Bytes::from_static("") };
            let mut stream = SyncStream { socket: &mut self.socket, cx, octets_came: false };
            // It only fails when the peer closed first; then there is nothing to say.
            let _closed = self.context.close(&mut stream, Some(frame));
        }
        self.socket.poll_close(cx)
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

impl From<Error> for TransportError {
    fn from(error: Error) -> Self {
        match error {
            Error::Io(error) => error.into(),
            Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
                Self::TooLarge { length: size, limit: max_size }
            }
            Error::Utf8(_) => Self::InvalidUtf8,
            Error::ConnectionClosed | Error::AlreadyClosed => Self::Closed,
            // All that is left of what reading can meet: the peer broke RFC 6455.
            _ => Self::Violation("malformed WebSocket frame"),
        }
    }
}

/// The socket as the library wants it: reads that fail with `WouldBlock`, writes that only queue.
struct SyncStream<'a, 'b> {
    socket: &'a mut Socket,
    cx: &'a mut Context<'b>,
    octets_came: bool,
}

impl io::Read for SyncStream<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.socket.poll_read(buffer, self.cx) {
            Poll::Ready(Ok(count)) => {
                self.octets_came = true;
                Ok(count)
            }
            Poll::Ready(Err(TransportError::Io(error))) => Err(error),
            Poll::Ready(Err(_)) => Err(io::ErrorKind::ConnectionReset.into()),
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl io::Write for SyncStream<'_, '_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.socket.queue(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
