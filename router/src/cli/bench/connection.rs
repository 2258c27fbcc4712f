//! The client's end of a transport: whole messages in and out, as cheaply as can be.
//!
//! Writes are collected and leave in one system call; messages are slices of what one read brought. Framing
//! is done here rather than by a WebSocket client library, because the load must not be the bottleneck.

use std::future::poll_fn;
use std::io::{self, Cursor};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use anyhow::{Context as _, bail, ensure};
use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWrite as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};
use wamp_proto::SerializerId;
use wamp_proto::rawsocket::{FramePrefix, FrameType, HandshakeRequest, MaxLength, PREFIX_LENGTH};

/// Octets that one read may bring: a deep window arrives in few reads, and a thousand connections still
/// fit in memory.
const READ_LENGTH: usize = 16 * 1024;

/// The mask of every frame we send. Masks protect proxies from chosen octets, and there is none here; a mask
/// of zeros saves the work of masking, while whoever receives it unmasks all the same.
const MASK: [u8; 4] = [0; 4];

/// An open transport.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    framing: Framing,
    input: BytesMut,
    /// Octets to write, of which the first `sent` are written.
    output: Vec<u8>,
    sent: usize,
}

#[derive(Clone, Copy, Debug)]
enum Framing {
    WebSocket(Data),
    RawSocket,
}

/// What a frame is to us, in either framing.
#[derive(Clone, Copy, Debug)]
enum FrameKind {
    Message,
    Ping,
    Pong,
    Close,
}

impl Connection {
    /// Opens a WebSocket and, if there is one, agrees on the subprotocol.
    pub(super) async fn websocket(
        authority: &str,
        path: &str,
        subprotocol: Option<&'static str>,
        serializer: SerializerId,
    ) -> anyhow::Result<Self> {
        let stream = connect(authority).await?;
        let mut request = format!("ws://{authority}{path}").into_client_request()?;
        if let Some(name) = subprotocol {
            request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(name));
        }
        let (websocket, _) = tokio_tungstenite::client_async(request, stream)
            .await
            .with_context(|| format!("cannot open a WebSocket at {authority}{path}"))?;
        // Nothing was read ahead: the other side waits for our first message.
        let data = if serializer.is_text() { Data::Text } else { Data::Binary };
        Ok(Self::new(websocket.into_inner(), Framing::WebSocket(data)))
    }

    /// Opens a RawSocket.
    pub(super) async fn rawsocket(authority: &str, serializer: SerializerId) -> anyhow::Result<Self> {
        let mut stream = connect(authority).await?;
        let request = HandshakeRequest { serializer, receive_max: MaxLength::MAX };
        let mut reply = [0; 4];
        stream.write_all(&request.encode()).await?;
        stream.read_exact(&mut reply).await.with_context(|| format!("no RawSocket at {authority}"))?;
        request.accept(reply)?;
        Ok(Self::new(stream, Framing::RawSocket))
    }

    fn new(stream: TcpStream, framing: Framing) -> Self {
        Self { stream, framing, input: BytesMut::new(), output: Vec::new(), sent: 0 }
    }

    /// Queues one message, given in two parts; the next [`Connection::receive`] writes it.
    pub(super) fn queue(&mut self, head: &[u8], tail: &[u8]) {
        self.queue_frame(FrameKind::Message, head, tail);
    }

    fn queue_frame(&mut self, kind: FrameKind, head: &[u8], tail: &[u8]) {
        let length = head.len() + tail.len();
        match self.framing {
            Framing::WebSocket(data) => {
                let opcode = match kind {
                    FrameKind::Message => OpCode::Data(data),
                    FrameKind::Ping => OpCode::Control(Control::Ping),
                    FrameKind::Pong => OpCode::Control(Control::Pong),
                    FrameKind::Close => OpCode::Control(Control::Close),
                };
                let header = FrameHeader { opcode, mask: Some(MASK), ..FrameHeader::default() };
                // Writing to memory cannot fail.
                header.format(length as u64, &mut self.output).ok();
            }
            Framing::RawSocket => {
                let frame_type = match kind {
                    FrameKind::Message => FrameType::Wamp,
                    FrameKind::Ping => FrameType::Ping,
                    FrameKind::Pong => FrameType::Pong,
                    FrameKind::Close => return,
                };
                let Some(prefix) = FramePrefix::new(frame_type, length) else { return };
                self.output.extend_from_slice(&prefix.encode());
            }
        }
        self.output.extend_from_slice(head);
        self.output.extend_from_slice(tail);
    }

    /// Writes what is queued, and returns when something came. Dropped before, it loses nothing.
    pub(super) async fn receive(&mut self) -> anyhow::Result<()> {
        let count = poll_fn(|cx| self.poll_receive(cx)).await.context("the connection failed")?;
        ensure!(count > 0, "the connection was closed");
        Ok(())
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        while let Some(octets) = self.output.get(self.sent..).filter(|octets| !octets.is_empty()) {
            match Pin::new(&mut self.stream).poll_write(cx, octets)? {
                Poll::Ready(count) => self.sent += count,
                Poll::Pending => break,
            }
        }
        if self.sent == self.output.len() {
            self.output.clear();
            self.sent = 0;
        }
        self.input.reserve(READ_LENGTH);
        pin!(self.stream.read_buf(&mut self.input)).poll(cx)
    }

    /// Takes the next whole message of what came. Answers pings on the way.
    pub(super) fn next_message(&mut self) -> anyhow::Result<Option<Bytes>> {
        while let Some((kind, head, length)) = self.next_header()? {
            if self.input.len() - head < length {
                self.input.reserve(head + length - self.input.len());
                return Ok(None);
            }
            self.input.advance(head);
            let body = self.input.split_to(length).freeze();
            match kind {
                FrameKind::Message => return Ok(Some(body)),
                FrameKind::Ping => self.queue_frame(FrameKind::Pong, &body, &[]),
                FrameKind::Pong => {}
                FrameKind::Close => bail!("the router closed the connection: {}", close_reason(&body)),
            }
        }
        Ok(None)
    }

    /// What the next frame is, and the octets of its header and of its body; none while that is not known.
    fn next_header(&self) -> anyhow::Result<Option<(FrameKind, usize, usize)>> {
        match self.framing {
            Framing::WebSocket(_) => {
                let mut cursor = Cursor::new(&self.input);
                let Some((header, length)) = FrameHeader::parse(&mut cursor)? else { return Ok(None) };
                let kind = match header.opcode {
                    OpCode::Data(Data::Text | Data::Binary) if header.is_final => FrameKind::Message,
                    OpCode::Data(_) => bail!("fragmented messages are not supported here"),
                    OpCode::Control(Control::Ping) => FrameKind::Ping,
                    OpCode::Control(Control::Close) => FrameKind::Close,
                    OpCode::Control(_) => FrameKind::Pong,
                };
                Ok(Some((kind, cursor.position() as usize, usize::try_from(length)?)))
            }
            Framing::RawSocket => {
                let Some(prefix) = self.input.first_chunk() else { return Ok(None) };
                let prefix = FramePrefix::parse(*prefix)?;
                let kind = match prefix.frame_type() {
                    FrameType::Wamp => FrameKind::Message,
                    FrameType::Ping => FrameKind::Ping,
                    FrameType::Pong => FrameKind::Pong,
                };
                Ok(Some((kind, PREFIX_LENGTH, prefix.length())))
            }
        }
    }
}

async fn connect(authority: &str) -> anyhow::Result<TcpStream> {
    let stream =
        TcpStream::connect(authority).await.with_context(|| format!("cannot connect to {authority}"))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Status code and text of a close frame's body, for a person to read.
fn close_reason(body: &[u8]) -> String {
    match body.split_first_chunk() {
        Some((code, text)) => format!("{} {}", u16::from_be_bytes(*code), text.escape_ascii()),
        None => "no reason given".to_owned(),
    }
}
