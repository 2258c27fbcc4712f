//! Transports: channels of encoded WAMP messages over a socket, WebSocket and RawSocket.
//!
//! One connection task polls both directions of its [`Transport`]; nothing here spawns or times out.
//! How a transport comes to be is `listen`'s business, what the messages mean the session's.

mod rawsocket;
mod socket;
mod stream;
mod websocket;

#[cfg(test)]
mod tests;

use std::io;
use std::task::{Context, Poll};

use bytes::Bytes;
use thiserror::Error;
use wamp_proto::rawsocket::{HandshakeRequest, MaxLength};
use wamp_proto::{SerializerId, Subprotocol};

pub(crate) use rawsocket::RawSocket;
pub(crate) use socket::HIGH_WATER;
pub(crate) use stream::{Plain, Stream};
pub(crate) use websocket::{Framing, Incoming, WebSocket};

/// An open transport. After an error only [`Transport::poll_close`] makes sense, or dropping it.
///
/// Outgoing messages: `poll_ready`, `queue`, and again while there are more; then `poll_flush`, which
/// writes the batch with one system call. Polling one direction never takes the waker of the other away,
/// as long as one task polls both.
pub(crate) enum Transport {
    WebSocket(WebSocket),
    RawSocket(RawSocket),
}

/// What [`Transport::poll_receive`] reports. Either is a sign of life.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// One message in the transport's serializer, not yet decoded; possibly empty.
    ///
    /// From a WebSocket it may be a slice of the read buffer: copy what outlives the step. On a text
    /// subprotocol it is valid UTF-8 there, unlike from a RawSocket.
    Message(Bytes),
    /// A ping, a pong, or part of a frame came.
    Activity,
}

/// Why a transport can't go on.
#[derive(Debug, Error)]
pub(crate) enum TransportError {
    /// The peer closed it, in good order or not.
    #[error("peer closed the transport")]
    Closed,
    /// A frame or a message is above its limit; found on its header, before the payload (RAW-12).
    #[error("message of {length} octets is above the limit of {limit}")]
    TooLarge {
        /// Octets of the message, as far as they are known.
        length: usize,
        /// Octets that would have been accepted.
        limit: usize,
    },
    /// The peer broke the rules of framing, or used the wrong opcode (WS-03).
    #[error("transport violation: {0}")]
    Violation(&'static str),
    /// A WebSocket text message is not UTF-8.
    #[error("text message is not valid UTF-8")]
    InvalidUtf8,
    /// The socket failed.
    #[error("socket failed")]
    Io(#[source] io::Error),
}

impl TransportError {
    /// What to tell the peer when this error ends the transport.
    pub(crate) fn close_reason(&self) -> CloseReason {
        match self {
            Self::Closed | Self::Io(_) => CloseReason::Normal,
            Self::TooLarge { .. } => CloseReason::TooLarge,
            Self::Violation(_) => CloseReason::ProtocolError,
            Self::InvalidUtf8 => CloseReason::InvalidUtf8,
        }
    }
}

impl From<io::Error> for TransportError {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        match error.kind() {
            // The end of a TLS stream without close_notify is unexpected. Messages carry their length: none can
            // be cut short unseen.
            BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof => Self::Closed,
            _ => Self::Io(error),
        }
    }
}

/// Why we close a transport: the status code of a WebSocket close frame. RawSocket has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CloseReason {
    /// 1000.
    Normal,
    /// 1001: the router goes down.
    GoingAway,
    /// 1002.
    ProtocolError,
    /// 1007.
    InvalidUtf8,
    /// 1009.
    TooLarge,
}

impl Transport {
    /// The WebSocket of an upgraded connection; `read_ahead` came behind the HTTP request.
    ///
    /// Messages above `message_max_bytes` octets are refused, in one frame or in many. A batch may be as long as
    /// one message and its mark.
    pub(crate) fn websocket(
        stream: Stream,
        read_ahead: Bytes,
        subprotocol: Subprotocol,
        message_max_bytes: usize,
    ) -> Self {
        Self::WebSocket(WebSocket::new(stream, read_ahead, subprotocol, message_max_bytes))
    }

    /// The RawSocket that `request` asked for, once the reply that announces `receive_max` is written.
    pub(crate) fn rawsocket(stream: Stream, request: HandshakeRequest, receive_max: MaxLength) -> Self {
        Self::RawSocket(RawSocket::new(stream, request, receive_max))
    }

    /// The serializer of all messages in both directions.
    pub(crate) fn serializer(&self) -> SerializerId {
        match self {
            Self::WebSocket(websocket) => websocket.serializer(),
            Self::RawSocket(rawsocket) => rawsocket.serializer(),
        }
    }

    /// The transport's name in logs.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::WebSocket(_) => "websocket",
            Self::RawSocket(_) => "rawsocket",
        }
    }

    /// What it runs on, and what that knows about the peer.
    pub(crate) fn stream(&self) -> &Stream {
        match self {
            Self::WebSocket(websocket) => websocket.framing.socket.stream(),
            Self::RawSocket(rawsocket) => rawsocket.socket.stream(),
        }
    }

    /// Octets of the longest message that the peer takes. Whoever queues messages keeps to it (RAW-13).
    pub(crate) fn send_max_bytes(&self) -> usize {
        match self {
            Self::WebSocket(websocket) => websocket.send_max_bytes(),
            Self::RawSocket(rawsocket) => rawsocket.send_max_bytes(),
        }
    }

    /// Takes the next message, or learns that the peer is alive. Pings are answered on the way, with the
    /// next `poll_flush`.
    ///
    /// Many messages can be ready in a row without a system call: the caller bounds how many it takes
    /// before it gives way.
    pub(crate) fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Received, TransportError>> {
        match self {
            Self::WebSocket(websocket) => websocket.poll_receive(cx),
            Self::RawSocket(rawsocket) => rawsocket.poll_receive(cx),
        }
    }

    /// Waits until a message may be queued: less than 16 KiB is unsent, and no large message. Writes, if that is
    /// what it takes.
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        match self {
            Self::WebSocket(websocket) => websocket.poll_ready(cx),
            Self::RawSocket(rawsocket) => rawsocket.poll_ready(cx),
        }
    }

    /// Queues one encoded message. Never makes a system call.
    ///
    /// # Errors
    ///
    /// The transport is closing, or no RawSocket frame is long enough for `body`.
    pub(crate) fn queue(&mut self, body: Bytes) -> Result<(), TransportError> {
        match self {
            Self::WebSocket(websocket) => websocket.queue(body),
            Self::RawSocket(rawsocket) => rawsocket.queue(body),
        }
    }

    /// Queues a ping without payload. A live peer answers, which [`Received::Activity`] reports.
    ///
    /// # Errors
    ///
    /// The transport is closing.
    pub(crate) fn queue_ping(&mut self) -> Result<(), TransportError> {
        match self {
            Self::WebSocket(websocket) => websocket.queue_ping(),
            Self::RawSocket(rawsocket) => rawsocket.queue_ping(),
        }
    }

    /// Writes everything that is queued.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        match self {
            Self::WebSocket(websocket) => websocket.poll_flush(cx),
            Self::RawSocket(rawsocket) => rawsocket.poll_flush(cx),
        }
    }

    /// Whether the peer took octets since this was asked last: one that reads slowly lives, too.
    pub(crate) fn took_octets(&mut self) -> bool {
        match self {
            Self::WebSocket(websocket) => websocket.framing.socket.took_octets(),
            Self::RawSocket(rawsocket) => rawsocket.socket.took_octets(),
        }
    }

    /// Says goodbye as the transport does, writes everything, and waits for the peer to close too.
    ///
    /// Errors end it early, since there is nothing left to do about them. The caller bounds the time: a
    /// peer that neither reads nor closes keeps it waiting.
    pub(crate) fn poll_close(&mut self, cx: &mut Context<'_>, reason: CloseReason) -> Poll<()> {
        match self {
            Self::WebSocket(websocket) => websocket.poll_close(reason, cx),
            Self::RawSocket(rawsocket) => rawsocket.poll_close(cx),
        }
    }
}
