//! Clients over real sockets, each driven by a thread of its own that may block.

use std::io::{BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, ClientRequestBuilder, WebSocket};
use wamp_proto::rawsocket::{
    FramePrefix, FrameType, HANDSHAKE_LENGTH, HandshakeRequest, MaxLength, PREFIX_LENGTH,
};
use wamp_proto::{DecodeRules, Message, MessageCode, Payload, SerializerId, decode};

use crate::message::{Work, encoded, work_message};

/// Octets that one read of a client may bring.
const READ_LENGTH: usize = 256 * 1024;

/// What carries the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportKind {
    /// WebSocket.
    WebSocket,
    /// RawSocket.
    RawSocket,
}

impl TransportKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::WebSocket, Self::RawSocket];

    /// The transport's name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::WebSocket => "WebSocket",
            Self::RawSocket => "RawSocket",
        }
    }
}

/// An open session over a socket. Reading and writing fail when they block too long.
#[derive(Debug)]
pub struct SocketPeer {
    transport: Transport,
    serializer: SerializerId,
}

#[derive(Debug)]
enum Transport {
    WebSocket(Box<WebSocket<TcpStream>>),
    RawSocket(BufReader<TcpStream>),
}

impl SocketPeer {
    /// Connects, and opens a session in the realm of the default configuration.
    ///
    /// # Errors
    /// If the router is not there, does not welcome the session, or takes longer than `patience`.
    pub fn join(
        kind: TransportKind,
        serializer: SerializerId,
        router: SocketAddr,
        patience: Duration,
    ) -> anyhow::Result<Self> {
        let stream = TcpStream::connect_timeout(&router, patience).context("cannot connect to the router")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        let transport = match kind {
            TransportKind::WebSocket => {
                let request = ClientRequestBuilder::new(format!("ws://{router}/ws").parse()?)
                    .with_sub_protocol(serializer.subprotocol());
                let config = WebSocketConfig::default().read_buffer_size(READ_LENGTH).write_buffer_size(0);
                match tungstenite::client::client_with_config(request, stream, Some(config)) {
                    Ok((websocket, _)) => Transport::WebSocket(Box::new(websocket)),
                    Err(error) => bail!("no WebSocket: {error}"),
                }
            }
            TransportKind::RawSocket => {
                let mut stream = stream;
                let request = HandshakeRequest { serializer, receive_max: MaxLength::MAX };
                stream.write_all(&request.encode())?;
                let mut reply = [0; HANDSHAKE_LENGTH];
                stream.read_exact(&mut reply)?;
                request.accept(reply)?;
                Transport::RawSocket(BufReader::with_capacity(READ_LENGTH, stream))
            }
        };
        let mut peer = Self { transport, serializer };
        let hello = r#"[1,"realm1",{"roles":{"caller":{},"callee":{},"publisher":{},"subscriber":{}}}]"#;
        peer.send(encoded(serializer, hello)?)?;
        peer.expect(MessageCode::Welcome)?;
        Ok(peer)
    }

    /// Subscribes to the topic of the events.
    ///
    /// # Errors
    /// If the router does not acknowledge it.
    pub fn subscribe(&mut self) -> anyhow::Result<()> {
        self.ask(Work::Subscribe, MessageCode::Subscribed)
    }

    /// Registers the procedure of the calls.
    ///
    /// # Errors
    /// If the router does not acknowledge it.
    pub fn register(&mut self) -> anyhow::Result<()> {
        self.ask(Work::Register, MessageCode::Registered)
    }

    fn ask(&mut self, work: Work, answer: MessageCode) -> anyhow::Result<()> {
        self.send(work_message(work, &Payload::EMPTY)?.encode(self.serializer)?)?;
        self.expect(answer)?;
        Ok(())
    }

    /// The bare socket, for a session that only has to stay open.
    pub fn into_stream(self) -> TcpStream {
        match self.transport {
            Transport::WebSocket(websocket) => websocket.into_inner(),
            Transport::RawSocket(stream) => stream.into_inner(),
        }
    }

    /// Sends one message.
    ///
    /// # Errors
    /// If the socket fails, or takes nothing for too long.
    pub fn send(&mut self, body: Bytes) -> anyhow::Result<()> {
        match &mut self.transport {
            Transport::WebSocket(websocket) => {
                let message = if self.serializer.is_text() {
                    tungstenite::Message::Text(body.try_into()?)
                } else {
                    tungstenite::Message::Binary(body)
                };
                websocket.send(message)?;
            }
            Transport::RawSocket(stream) => send_frame(stream.get_mut(), FrameType::Wamp, &body)?,
        }
        Ok(())
    }

    /// Receives one message. Pings are answered on the way.
    ///
    /// # Errors
    /// If the socket fails or was closed, or brings nothing for too long.
    pub fn receive(&mut self) -> anyhow::Result<Bytes> {
        loop {
            match &mut self.transport {
                Transport::WebSocket(websocket) => match websocket.read()? {
                    tungstenite::Message::Text(text) => return Ok(text.into()),
                    tungstenite::Message::Binary(body) => return Ok(body),
                    tungstenite::Message::Close(_) => bail!("the router closed the WebSocket"),
                    _ => {}
                },
                Transport::RawSocket(stream) => {
                    let mut octets = [0; PREFIX_LENGTH];
                    stream.read_exact(&mut octets)?;
                    let prefix = FramePrefix::parse(octets)?;
                    let mut body = vec![0; prefix.length()];
                    stream.read_exact(&mut body)?;
                    match prefix.frame_type() {
                        FrameType::Wamp => return Ok(body.into()),
                        FrameType::Ping => send_frame(stream.get_mut(), FrameType::Pong, &body)?,
                        FrameType::Pong => {}
                    }
                }
            }
        }
    }

    /// Receives a message that has to be of that kind.
    ///
    /// # Errors
    /// As [`SocketPeer::receive`], or if another message comes.
    pub fn expect(&mut self, wanted: MessageCode) -> anyhow::Result<Message> {
        let message = decode(self.serializer, &self.receive()?, &DecodeRules::default())?;
        let code = message.code();
        ensure!(code == wanted, "{} came instead of {}", code.as_str(), wanted.as_str());
        Ok(message)
    }
}

fn send_frame(stream: &mut TcpStream, frame_type: FrameType, body: &[u8]) -> anyhow::Result<()> {
    let prefix = FramePrefix::new(frame_type, body.len()).context("the message is too long for a frame")?;
    let mut frame = Vec::with_capacity(PREFIX_LENGTH + body.len());
    frame.extend_from_slice(&prefix.encode());
    frame.extend_from_slice(body);
    stream.write_all(&frame)?;
    Ok(())
}
