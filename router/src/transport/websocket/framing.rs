//! WebSocket (RFC 6455) on the router's side, whatever the messages are: what comes in and goes out as text or binary
//! after the upgrade.
//!
//! Reading, fragments, masks and control frames are the library's. Messages are framed here, because a
//! server's frame is its body behind a short header: bodies stay shared and are not validated again.

use std::io;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{FrameHeader, Utf8Bytes};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig, WebSocketContext};
use tokio_tungstenite::tungstenite::{Error, Message, error::CapacityError};

use super::super::socket::Socket;
use super::super::{CloseReason, Stream, TransportError};

/// Octets of the library's read buffer, which every connection owns all the time.
///
/// The library's default of 128 KiB made an idle connection cost 135 KiB; with 4 KiB it is under 7.
const READ_BUFFER_LENGTH: usize = 4096;

/// Octets of control frames that the library may hold back. It needs room for one, at most 127 octets
/// with its header: each moves on to the socket's own buffer at once.
const CONTROL_FRAMES_LENGTH_MAX: usize = 1024;

/// An upgraded connection.
///
/// What the transport above knows of its messages stands here, between flags that leave room for it: an idle session
/// would pay eight octets for it elsewhere.
pub(crate) struct Framing<S> {
    pub(in crate::transport) socket: Socket,
    context: WebSocketContext,
    pub(super) serializer: S,
    /// A PONG waits in `context` for unsent octets to become fewer, so that pings of a peer that doesn't
    /// read can't fill our memory. Nothing is read meanwhile.
    owes_pong: bool,
    /// The last read found the socket empty.
    is_drained: bool,
}

/// What [`Framing::poll_receive`] reports.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A whole message that is valid UTF-8.
    Text(Bytes),
    /// Any other whole message.
    Binary(Bytes),
    /// A ping, a pong, or part of a frame came.
    Activity,
}

impl<S> Framing<S> {
    /// `read_ahead` came behind the HTTP request. Messages above `message_max_bytes` octets are refused, in one
    /// frame or in many.
    pub(crate) fn new(stream: Stream, read_ahead: &[u8], serializer: S, message_max_bytes: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_LENGTH)
            .write_buffer_size(0)
            .max_write_buffer_size(CONTROL_FRAMES_LENGTH_MAX)
            .max_message_size(Some(message_max_bytes))
            .max_frame_size(Some(message_max_bytes));
        Self {
            socket: Socket::new(stream),
            // Copied: the HTTP side's buffer would otherwise stay the session's read buffer for good.
            context: WebSocketContext::from_partially_read(read_ahead.to_vec(), Role::Server, Some(config)),
            serializer,
            owes_pong: false,
            is_drained: false,
        }
    }

    /// Takes the next message, or learns that the peer is alive. Pings are answered on the way, with the next
    /// `poll_flush`.
    pub(crate) fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Incoming, TransportError>> {
        if self.owes_pong {
            ready!(self.socket.poll_ready(cx))?;
            self.queue_control_frames(cx)?;
        }
        if self.is_drained {
            // The library clears its read buffer before every read: not for nothing, then.
            ready!(self.socket.poll_read_ready(cx))?;
            self.is_drained = false;
        }
        let mut stream = SyncStream { socket: &mut self.socket, cx, octets_came: false };
        match self.context.read(&mut stream) {
            Ok(Message::Text(text)) => Poll::Ready(Ok(Incoming::Text(text.into()))),
            Ok(Message::Binary(body)) => Poll::Ready(Ok(Incoming::Binary(body))),
            Ok(Message::Ping(_)) => {
                self.owes_pong = true;
                if self.socket.has_room() {
                    self.queue_control_frames(cx)?;
                }
                Poll::Ready(Ok(Incoming::Activity))
            }
            Ok(Message::Pong(_) | Message::Frame(_)) => Poll::Ready(Ok(Incoming::Activity)),
            Ok(Message::Close(_)) => {
                self.queue_control_frames(cx)?;
                Poll::Ready(Err(TransportError::Closed))
            }
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                self.is_drained = true;
                if stream.octets_came { Poll::Ready(Ok(Incoming::Activity)) } else { Poll::Pending }
            }
            Err(error) => Poll::Ready(Err(error.into())),
        }
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

    /// Queues one whole message.
    ///
    /// # Errors
    /// The transport is closing.
    pub(crate) fn queue(&mut self, data: Data, body: Bytes) -> Result<(), TransportError> {
        self.queue_header(OpCode::Data(data), body.len())?;
        self.socket.queue_body(body);
        Ok(())
    }

    pub(super) fn queue_ping(&mut self) -> Result<(), TransportError> {
        self.queue_header(OpCode::Control(Control::Ping), 0)
    }

    /// Queues the header of a frame with `length` octets, which must follow.
    pub(super) fn queue_header(&mut self, opcode: OpCode, length: usize) -> Result<(), TransportError> {
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

    /// Writes everything that is queued.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        self.socket.poll_flush(cx)
    }

    /// Says why in a close frame, unless the peer closed first, and waits for the peer to close the socket.
    pub(crate) fn poll_close(&mut self, reason: CloseReason, cx: &mut Context<'_>) -> Poll<()> {
        if self.context.can_write() {
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
