//! RawSocket: frames with a four octet prefix (RAW-09 to RAW-12), after the handshake.
//!
//! The frame format is `wamp_proto::rawsocket`'s; here it meets a socket and its memory limits.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use wamp_proto::SerializerId;
use wamp_proto::rawsocket::{FrameError, FramePrefix, FrameType, HandshakeRequest, MaxLength, PREFIX_LENGTH};

use super::socket::{ReadOctets, Socket};
use super::{Received, Stream, TransportError};

/// An open RawSocket transport on the router.
pub(crate) struct RawSocket {
    pub(super) socket: Socket,
    serializer: SerializerId,
    /// The longest frame that the peer receives.
    send_max: MaxLength,
    /// What the last read brought and is not yet handed out. An idle transport has none.
    octets: Option<ReadOctets>,
    frame: PartialFrame,
    /// A PONG that waits for unsent octets to become fewer, so that PINGs of a peer that doesn't read
    /// can't fill our memory. Nothing is read meanwhile.
    owed_pong: Option<Bytes>,
    receive_max: MaxLength,
}

impl RawSocket {
    /// The transport that `request` asked for, once the reply with `receive_max` is written.
    pub(super) fn new(stream: Stream, request: HandshakeRequest, receive_max: MaxLength) -> Self {
        Self {
            socket: Socket::new(stream),
            serializer: request.serializer,
            send_max: request.receive_max,
            octets: None,
            frame: PartialFrame::default(),
            owed_pong: None,
            receive_max,
        }
    }

    pub(super) fn serializer(&self) -> SerializerId {
        self.serializer
    }

    pub(super) fn send_max_bytes(&self) -> usize {
        self.send_max.octets()
    }

    pub(super) fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Received, TransportError>> {
        if self.owed_pong.is_some() {
            ready!(self.socket.poll_ready(cx))?;
            if let Some(payload) = self.owed_pong.take() {
                self.queue_frame(FrameType::Pong, payload)?;
            }
        }
        let mut octets = match self.octets.take() {
            Some(octets) => octets,
            None => ready!(self.socket.poll_read_octets(cx))?,
        };
        let frame = self.frame.take_frame(&mut octets, self.receive_max)?;
        if !octets.remaining().is_empty() {
            self.octets = Some(octets);
        }
        match frame {
            Some((FrameType::Wamp, body)) => Poll::Ready(Ok(Received::Message(body))),
            Some((FrameType::Ping, payload)) => {
                self.handle_ping(payload)?;
                Poll::Ready(Ok(Received::Activity))
            }
            Some((FrameType::Pong, _)) | None => Poll::Ready(Ok(Received::Activity)),
        }
    }

    fn handle_ping(&mut self, payload: Bytes) -> Result<(), TransportError> {
        if payload.len() > self.send_max_bytes() {
            // RAW-11 wants these octets back, RAW-13 forbids to send them.
            return Err(TransportError::Violation("PING is longer than the frames its sender receives"));
        }
        if self.socket.has_room() {
            self.queue_frame(FrameType::Pong, payload)
        } else {
            self.owed_pong = Some(payload);
            Ok(())
        }
    }

    fn queue_frame(&mut self, frame_type: FrameType, payload: Bytes) -> Result<(), TransportError> {
        let length = payload.len();
        let prefix = FramePrefix::new(frame_type, length)
            .ok_or(TransportError::TooLarge { length, limit: self.send_max_bytes() })?;
        self.socket.queue(&prefix.encode());
        self.socket.queue_body(payload);
        Ok(())
    }

    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        self.socket.poll_ready(cx)
    }

    pub(super) fn queue(&mut self, body: Bytes) -> Result<(), TransportError> {
        self.queue_frame(FrameType::Wamp, body)
    }

    pub(super) fn queue_ping(&mut self) -> Result<(), TransportError> {
        self.queue_frame(FrameType::Ping, Bytes::new())
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        self.socket.poll_flush(cx)
    }

    pub(super) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.octets = None;
        self.socket.poll_close(cx)
    }

    #[cfg(test)]
    pub(super) fn buffer_capacity(&self) -> usize {
        let read_octets = self.octets.as_ref().map_or(0, |octets| octets.remaining().len());
        read_octets + self.socket.buffer_capacity()
    }
}

/// The frame that is being received, as far as it came.
enum PartialFrame {
    Prefix { octets: [u8; PREFIX_LENGTH], filled: usize },
    Payload { prefix: FramePrefix, octets: Vec<u8> },
}

impl Default for PartialFrame {
    fn default() -> Self {
        Self::Prefix { octets: [0; PREFIX_LENGTH], filled: 0 }
    }
}

impl PartialFrame {
    /// Consumes octets up to the end of one frame, or all of them if the frame doesn't end there.
    ///
    /// The payload has an allocation of its own: whoever keeps it keeps no read buffer.
    fn take_frame(
        &mut self,
        input: &mut ReadOctets,
        receive_max: MaxLength,
    ) -> Result<Option<(FrameType, Bytes)>, TransportError> {
        if let Self::Prefix { octets, filled } = self {
            let mut taken = 0;
            for (slot, octet) in octets.iter_mut().skip(*filled).zip(input.remaining()) {
                *slot = *octet;
                taken += 1;
            }
            *filled += taken;
            input.consume(taken);
            if *filled < PREFIX_LENGTH {
                return Ok(None);
            }
            let prefix = FramePrefix::parse(*octets).map_err(violation)?;
            let (length, limit) = (prefix.length(), receive_max.octets());
            if length > limit {
                return Err(TransportError::TooLarge { length, limit });
            }
            if let Some(payload) = input.remaining().get(..length) {
                let payload = Bytes::copy_from_slice(payload);
                input.consume(length);
                *self = Self::default();
                return Ok(Some((prefix.frame_type(), payload)));
            }
            *self = Self::Payload { prefix, octets: Vec::new() };
        }
        let Self::Payload { prefix, octets } = self else {
            return Ok(None);
        };
        let (frame_type, length) = (prefix.frame_type(), prefix.length());
        let remaining = input.remaining();
        let taken = remaining.len().min(length - octets.len());
        let head = remaining.get(..taken).unwrap_or_default();
        let needed = octets.len() + taken;
        if needed > octets.capacity() {
            // Memory follows what came, not what the prefix promises, and ends exactly at the length.
            let capacity = length.min(needed.max(2 * octets.capacity()));
            octets.reserve_exact(capacity - octets.len());
        }
        octets.extend_from_slice(head);
        input.consume(taken);
        if octets.len() < length {
            return Ok(None);
        }
        let payload = Bytes::from(std::mem::take(octets));
        *self = Self::default();
        Ok(Some((frame_type, payload)))
    }
}

fn violation(error: FrameError) -> TransportError {
    TransportError::Violation(match error {
        FrameError::ReservedBits => "RawSocket frame prefix uses reserved bits",
        FrameError::ReservedType => "RawSocket frame prefix names a reserved type",
        _ => "RawSocket frame prefix announces an impossible length",
    })
}
