//! RawSocket: the handshake of a client (RAW-07), then frames with a four octet prefix (RAW-09 to RAW-13).
//!
//! The format is `wamp_proto::rawsocket`'s; here it meets a socket and its memory limits.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Sink, Stream};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use wamp_proto::SerializerId;
use wamp_proto::rawsocket::{
    FramePrefix, FrameType, HANDSHAKE_LENGTH, HandshakeError, HandshakeRequest, MaxLength, PREFIX_LENGTH,
    Refusal,
};

use super::keep_alive::KeepAlive;
use super::socket::Socket;
use super::{
    CONTROL_MAX_BYTES, COPY_MAX_BYTES, Connection, HIGH_WATER, Opened, TransportError, TransportSettings,
    lost,
};

/// Octets of room that each read finds at least. More memory is taken only as octets come.
const READ_BYTES: usize = 8 * 1024;

/// Octets of a write buffer that is kept when it is empty.
const KEPT_BYTES: usize = 4 * HIGH_WATER;

/// Agrees with the router on the serializer and on the lengths of frames.
pub(super) async fn open(
    connection: Connection,
    serializer: SerializerId,
    settings: &TransportSettings,
) -> Result<Opened, TransportError> {
    let Connection { mut socket, channel } = connection;
    let request =
        HandshakeRequest { serializer, receive_max: MaxLength::not_above(settings.message_max_bytes) };
    socket.write_all(&request.encode()).await.map_err(lost)?;
    socket.flush().await.map_err(lost)?;
    let mut reply = [0; HANDSHAKE_LENGTH];
    socket.read_exact(&mut reply).await.map_err(lost)?;
    let send_max = request.accept(reply).map_err(TransportError::RawSocket)?;
    let transport = RawSocket {
        socket,
        input: BytesMut::new(),
        output: BytesMut::new(),
        control_bytes: 0,
        receive_max: request.receive_max,
        send_max,
        keep_alive: settings.keep_alive.map(KeepAlive::new),
        is_over: false,
        is_shut_down: false,
    };
    let send_max_bytes = send_max.octets();
    Ok(Opened { transport: Box::new(transport), serializer, channel, cookie: None, send_max_bytes })
}

/// Whether another serializer may be the better offer.
pub(super) fn is_unsupported(error: &TransportError) -> bool {
    let unsupported = HandshakeError::Refused(Refusal::SerializerUnsupported);
    matches!(error, TransportError::RawSocket(error) if *error == unsupported)
}

struct RawSocket {
    socket: Socket,
    /// What was read and is not handed out.
    input: BytesMut,
    /// Frames that are not written, or not as a whole.
    output: BytesMut,
    /// Octets of PINGs and PONGs that were queued since `output` was last empty.
    control_bytes: usize,
    receive_max: MaxLength,
    send_max: MaxLength,
    keep_alive: Option<KeepAlive>,
    /// The stream has ended.
    is_over: bool,
    /// The sink has ended.
    is_shut_down: bool,
}

impl RawSocket {
    /// The next message; PINGs are answered on the way.
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        loop {
            if self.control_bytes > 0 {
                let written = self.poll_write_out(cx)?;
                if written.is_pending() && self.control_bytes > CONTROL_MAX_BYTES {
                    return Poll::Pending;
                }
            }
            match self.take_frame()? {
                Some((FrameType::Wamp, message)) => return Poll::Ready(Ok(Some(message))),
                Some((FrameType::Ping, payload)) => self.answer(&payload)?,
                Some((FrameType::Pong, _)) => {}
                None => {
                    // Without this, the library would give the next read as little as 64 octets.
                    if self.input.capacity() - self.input.len() < READ_BYTES / 2 {
                        self.input.reserve(READ_BYTES);
                    }
                    match ready!(pin!(self.socket.read_buf(&mut self.input)).poll(cx)) {
                        Ok(0) => return Poll::Ready(self.end_of_input()),
                        // TLS ended without its goodbye. No frame can be cut short unseen.
                        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                            return Poll::Ready(self.end_of_input());
                        }
                        Ok(_) => {}
                        Err(error) => return Poll::Ready(Err(error)),
                    }
                }
            }
        }
    }

    /// The frame at the beginning of the input, if it is there as a whole.
    fn take_frame(&mut self) -> io::Result<Option<(FrameType, Bytes)>> {
        let Some(prefix) = self.input.first_chunk::<PREFIX_LENGTH>() else { return Ok(None) };
        let prefix = FramePrefix::parse(*prefix).map_err(violation)?;
        let (length, limit) = (prefix.length(), self.receive_max.octets());
        if length > limit {
            return Err(violation(format!("frame of {length} octets is above our limit of {limit}")));
        }
        let Some(payload) = self.input.get(PREFIX_LENGTH..PREFIX_LENGTH + length) else { return Ok(None) };
        let payload = if length <= COPY_MAX_BYTES {
            let payload = Bytes::copy_from_slice(payload);
            self.input.advance(PREFIX_LENGTH + length);
            payload
        } else {
            self.input.advance(PREFIX_LENGTH);
            self.input.split_to(length).freeze()
        };
        if self.input.is_empty() {
            // An idle transport keeps none of the memory that a long message took.
            self.input = BytesMut::new();
        }
        Ok(Some((prefix.frame_type(), payload)))
    }

    fn answer(&mut self, payload: &[u8]) -> io::Result<()> {
        if payload.len() > self.send_max.octets() {
            // RAW-11 wants these octets back, RAW-13 forbids to send them.
            return Err(violation("PING is longer than the frames that the router receives"));
        }
        self.queue_control(FrameType::Pong, payload)
    }

    fn queue_control(&mut self, frame_type: FrameType, payload: &[u8]) -> io::Result<()> {
        self.control_bytes += PREFIX_LENGTH + payload.len();
        self.queue(frame_type, payload)
    }

    fn queue(&mut self, frame_type: FrameType, payload: &[u8]) -> io::Result<()> {
        let (length, limit) = (payload.len(), self.send_max.octets());
        let too_long = || {
            let what = format!("message of {length} octets is above the router's limit of {limit}");
            io::Error::new(io::ErrorKind::InvalidInput, what)
        };
        let prefix = FramePrefix::new(frame_type, length).filter(|_| length <= limit).ok_or_else(too_long)?;
        self.output.extend_from_slice(&prefix.encode());
        self.output.extend_from_slice(payload);
        Ok(())
    }

    fn end_of_input(&self) -> io::Result<Option<Bytes>> {
        if self.input.is_empty() {
            Ok(None)
        } else {
            Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the connection ended within a frame"))
        }
    }

    /// Writes until no more than so many octets are left.
    fn poll_write_down_to(&mut self, left: usize, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.output.len() > left {
            if ready!(pin!(self.socket.write_buf(&mut self.output)).poll(cx))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_write_down_to(0, cx))?;
        if self.output.capacity() > KEPT_BYTES {
            self.output = BytesMut::new();
        }
        ready!(Pin::new(&mut self.socket).poll_flush(cx))?;
        self.control_bytes = 0;
        Poll::Ready(Ok(()))
    }
}

impl Stream for RawSocket {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let this = self.get_mut();
        while !this.is_over {
            let ended = match this.poll_message(cx) {
                Poll::Ready(Ok(Some(message))) => return Poll::Ready(Some(Ok(message))),
                Poll::Ready(Ok(None)) => None,
                Poll::Ready(Err(error)) => Some(error),
                Poll::Pending => {
                    let Some(keep_alive) = &mut this.keep_alive else { return Poll::Pending };
                    let due = ready!(keep_alive.poll_due(this.socket.last_sign(), cx));
                    match due.and_then(|()| this.queue_control(FrameType::Ping, &[])) {
                        Ok(()) => continue,
                        Err(error) => Some(error),
                    }
                }
            };
            this.is_over = true;
            return Poll::Ready(ended.map(Err));
        }
        Poll::Ready(None)
    }
}

impl Sink<Bytes> for RawSocket {
    type Error = io::Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_write_down_to(HIGH_WATER, cx)
    }

    /// Fails with `InvalidInput` if the router takes no message that long, and leaves the transport as it was (RAW-13).
    fn start_send(mut self: Pin<&mut Self>, message: Bytes) -> io::Result<()> {
        self.queue(FrameType::Wamp, &message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_write_out(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.is_shut_down {
            ready!(this.poll_write_out(cx))?;
            ready!(Pin::new(&mut this.socket).poll_shutdown(cx))?;
            this.is_shut_down = true;
        }
        // What the router still sends is of no use. Were it left unread, our last message might not arrive.
        loop {
            this.input.clear();
            this.input.reserve(READ_BYTES);
            match ready!(pin!(this.socket.read_buf(&mut this.input)).poll(cx)) {
                Ok(0) | Err(_) => return Poll::Ready(Ok(())),
                Ok(_) => {}
            }
        }
    }
}

fn violation(what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
