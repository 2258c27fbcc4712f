//! Client ends of the transports, frame by frame.

use std::any::Any;
use std::fmt;
use std::net::SocketAddr;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{ClientRequestBuilder, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use trunkline::InProcess;
use wamp_proto::SerializerId;
use wamp_proto::rawsocket::{FramePrefix, FrameType, HandshakeRequest, MaxLength, PREFIX_LENGTH};

use crate::TestRouter;

/// What a peer is connected by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A WebSocket.
    WebSocket,
    /// A RawSocket that announces 16 MiB.
    RawSocket,
    /// A RawSocket that receives 512 octets at most.
    SmallRawSocket,
    /// No socket at all.
    InProcess,
}

/// A transport and the serializer on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Via(pub Transport, pub SerializerId);

impl Via {
    /// Every serializer over WebSocket.
    pub fn serializers() -> [Self; 3] {
        SerializerId::ALL.map(|serializer| Self(Transport::WebSocket, serializer))
    }

    /// Every serializer over both transports.
    pub fn sockets() -> impl Iterator<Item = Self> {
        let raw = SerializerId::ALL.map(|serializer| Self(Transport::RawSocket, serializer));
        Self::serializers().into_iter().chain(raw)
    }

    /// Every serializer over both transports, each with another serializer at the other end.
    pub fn mixed() -> impl Iterator<Item = (Self, Self)> {
        let others = Self::sockets().skip(4).chain(Self::sockets());
        Self::sockets().zip(others)
    }

    /// JSON over both transports.
    pub fn json() -> [Self; 2] {
        [Self(Transport::WebSocket, SerializerId::Json), Self(Transport::RawSocket, SerializerId::Json)]
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, {:?}", self.0, self.1)
    }
}

/// A connected socket of whatever kind.
pub type Socket = Box<dyn Duplex>;

/// What can be read and written.
pub trait Duplex: AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin {
    /// Gives its kind back to who knows it.
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

impl<S: AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin + 'static> Duplex for S {
    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

/// One end of an open transport.
#[derive(Debug)]
pub(crate) enum Wire {
    WebSocket(Box<WebSocketStream<Socket>>),
    RawSocket(RawFrames),
    InProcess(Box<InProcess>),
}

/// What comes out of a transport.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    Message(Bytes),
    Ping,
    Pong(Bytes),
    /// With the status code of the WebSocket close frame, if there was one.
    Closed(Option<u16>),
}

impl Wire {
    pub(crate) async fn open(router: &TestRouter, via: Via) -> Self {
        match via.0 {
            Transport::InProcess => Self::InProcess(Box::new(router.router().connect(via.1))),
            _ => Self::over(connect(router.address()).await, via).await,
        }
    }

    pub(crate) fn vouched(
        router: &TestRouter,
        serializer: SerializerId,
        authid: &str,
        authrole: &str,
    ) -> Self {
        Self::InProcess(Box::new(router.router().connect_as(serializer, authid, authrole)))
    }

    pub(crate) async fn over(socket: Socket, Via(transport, serializer): Via) -> Self {
        match transport {
            Transport::WebSocket => {
                Self::WebSocket(Box::new(websocket_over(socket, serializer.subprotocol()).await))
            }
            Transport::RawSocket => Self::RawSocket(rawsocket_over(socket, serializer, MaxLength::MAX).await),
            Transport::SmallRawSocket => {
                Self::RawSocket(rawsocket_over(socket, serializer, MaxLength::MIN).await)
            }
            Transport::InProcess => panic!("there is no socket in-process"),
        }
    }

    /// Sends messages in one go.
    pub(crate) async fn send(&mut self, is_text: bool, messages: Vec<Bytes>) {
        match self {
            Self::WebSocket(websocket) => {
                for body in messages {
                    websocket.feed(message(is_text, body)).await.expect("the router reads");
                }
                websocket.flush().await.expect("the router reads");
            }
            Self::RawSocket(raw) => {
                let octets: Vec<u8> = messages.iter().flat_map(|body| frame(FrameType::Wamp, body)).collect();
                raw.stream.write_all(&octets).await.expect("the router reads");
            }
            Self::InProcess(peer) => {
                for body in messages {
                    (**peer).send(&body).expect("the session is open");
                }
            }
        }
    }

    pub(crate) async fn send_ping(&mut self, payload: &Bytes) {
        match self {
            Self::WebSocket(websocket) => {
                websocket.send(Message::Ping(payload.clone())).await.expect("the router reads");
            }
            Self::RawSocket(raw) => raw.send(FrameType::Ping, payload).await,
            Self::InProcess(_) => panic!("there are no pings in-process"),
        }
    }

    pub(crate) async fn receive(&mut self) -> Received {
        match self {
            Self::WebSocket(websocket) => {
                let mut code = None;
                loop {
                    match websocket.next().await {
                        Some(Ok(Message::Text(text))) => return Received::Message(text.into()),
                        Some(Ok(Message::Binary(body))) => return Received::Message(body),
                        Some(Ok(Message::Ping(_))) => {
                            websocket.flush().await.ok();
                            return Received::Ping;
                        }
                        Some(Ok(Message::Pong(payload))) => return Received::Pong(payload),
                        // The library answers it; the end follows.
                        Some(Ok(Message::Close(frame))) => code = frame.map(|frame| frame.code.into()),
                        Some(Ok(Message::Frame(_))) => {}
                        Some(Err(_)) | None => {
                            // The router waits for our end before it lets the socket go.
                            websocket.get_mut().shutdown().await.ok();
                            return Received::Closed(code);
                        }
                    }
                }
            }
            Self::RawSocket(raw) => match raw.receive().await {
                Some((FrameType::Wamp, body)) => Received::Message(body),
                Some((FrameType::Ping, payload)) => {
                    raw.send(FrameType::Pong, &payload).await;
                    Received::Ping
                }
                Some((FrameType::Pong, payload)) => Received::Pong(payload),
                None => {
                    raw.stream.shutdown().await.ok();
                    Received::Closed(None)
                }
            },
            Self::InProcess(peer) => match peer.receive().await {
                Some(body) => Received::Message(body),
                None => Received::Closed(None),
            },
        }
    }

    pub(crate) fn into_stream(self) -> TcpStream {
        let socket = match self {
            Self::WebSocket(websocket) => websocket.into_inner(),
            Self::RawSocket(raw) => raw.stream,
            Self::InProcess(_) => panic!("there is no socket in-process"),
        };
        *socket.into_any().downcast().expect("a TCP socket")
    }
}

pub(crate) fn message(is_text: bool, body: Bytes) -> Message {
    if is_text {
        Message::Text(body.try_into().expect("UTF-8; what is none goes out by hand"))
    } else {
        Message::Binary(body)
    }
}

/// A RawSocket behind its handshake.
#[derive(Debug)]
pub struct RawFrames {
    /// The socket, to write on.
    pub stream: Socket,
    received: BytesMut,
}

impl RawFrames {
    /// The RawSocket on a socket that did its handshake.
    pub fn new(stream: impl Duplex + 'static) -> Self {
        Self { stream: Box::new(stream), received: BytesMut::new() }
    }

    /// Sends one frame.
    pub async fn send(&mut self, frame_type: FrameType, payload: &[u8]) {
        self.stream.write_all(&frame(frame_type, payload)).await.expect("the router reads");
    }

    /// The next frame, or `None` at the end of the stream. Nothing is lost if this is dropped.
    pub async fn receive(&mut self) -> Option<(FrameType, Bytes)> {
        loop {
            if let Some(prefix) = self.received.first_chunk::<PREFIX_LENGTH>() {
                let prefix = FramePrefix::parse(*prefix).expect("the router frames well");
                if self.received.len() >= PREFIX_LENGTH + prefix.length() {
                    self.received.advance(PREFIX_LENGTH);
                    let payload = self.received.split_to(prefix.length());
                    return Some((prefix.frame_type(), payload.freeze()));
                }
            }
            match self.stream.read_buf(&mut self.received).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }
}

/// One RawSocket frame.
pub fn frame(frame_type: FrameType, payload: &[u8]) -> Vec<u8> {
    let prefix = FramePrefix::new(frame_type, payload.len()).expect("at most 2^24 octets");
    [&prefix.encode(), payload].concat()
}

async fn connect(address: SocketAddr) -> Socket {
    let stream = TcpStream::connect(address).await.expect("the router listens");
    stream.set_nodelay(true).expect("a TCP socket");
    Box::new(stream)
}

/// Opens a RawSocket that receives `receive_max`.
pub async fn open_rawsocket(
    address: SocketAddr,
    serializer: SerializerId,
    receive_max: MaxLength,
) -> RawFrames {
    rawsocket_over(connect(address).await, serializer, receive_max).await
}

/// Opens a RawSocket that receives `receive_max` over a connected socket.
pub async fn rawsocket_over(
    mut socket: Socket,
    serializer: SerializerId,
    receive_max: MaxLength,
) -> RawFrames {
    let request = HandshakeRequest { serializer, receive_max };
    socket.write_all(&request.encode()).await.expect("the router reads");
    let mut reply = [0; 4];
    socket.read_exact(&mut reply).await.expect("a reply");
    request.accept(reply).expect("the router takes it");
    RawFrames { stream: socket, received: BytesMut::new() }
}

/// Opens a WebSocket.
pub async fn open_websocket(address: SocketAddr, serializer: SerializerId) -> WebSocketStream<Socket> {
    websocket_over(connect(address).await, serializer.subprotocol()).await
}

/// Opens a WebSocket with that subprotocol over a connected socket.
pub async fn websocket_over(socket: Socket, subprotocol: &str) -> WebSocketStream<Socket> {
    let uri = "ws://router.example/ws".parse().expect("a URI");
    let request = ClientRequestBuilder::new(uri).with_sub_protocol(subprotocol);
    let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
    let (websocket, response) =
        client_async_with_config(request, socket, Some(config)).await.expect("an upgrade");
    assert_eq!(response.headers()["sec-websocket-protocol"], subprotocol);
    websocket
}
