//! WebSocket: the upgrade (WS-01), then one WAMP message each (WS-04), text for JSON and binary otherwise (WS-03).
//!
//! Frames, masks, fragments and limits are the library's.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::{Sink, Stream};
use tokio::io::AsyncWrite;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError, SubProtocolError};
use tokio_tungstenite::tungstenite::handshake::client::{Request, Response, generate_key};
use tokio_tungstenite::tungstenite::http::header::{
    CONNECTION, COOKIE, HOST, HeaderName, HeaderValue, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, SET_COOKIE, UPGRADE,
};
use tokio_tungstenite::tungstenite::http::{HeaderMap, Uri};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use wamp_proto::{MESSAGE_MAX_BYTES_HEADER, SerializerId};

use super::keep_alive::KeepAlive;
use super::socket::Socket;
use super::{
    CONTROL_MAX_BYTES, COPY_MAX_BYTES, Connection, HIGH_WATER, Opened, TransportError, TransportSettings,
    lost,
};
use crate::address::Endpoint;

/// Octets of the library's read buffer. Its default of 128 KiB is there all the time, too.
const READ_BUFFER_LENGTH: usize = 4096;

/// Octets of the longest header of a client's control frame.
const CONTROL_HEADER_LENGTH: usize = 6;

/// The upgrade to ask for. Our own headers replace those of the settings.
pub(super) fn request(
    endpoint: &Endpoint,
    path: &str,
    settings: &TransportSettings,
    cookie: Option<&str>,
) -> Result<Request, TransportError> {
    let invalid = |name: &str| TransportError::Header { name: name.to_owned() };
    let value =
        |name: &HeaderName, text: &str| HeaderValue::from_str(text).map_err(|_| invalid(name.as_str()));
    let mut headers = HeaderMap::new();
    for (name, text) in &settings.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid(name))?;
        let value = value(&name, text)?;
        headers.append(name, value);
    }
    if let Some(cookie) = cookie {
        // A request has one such header at most (RFC 6265, section 5.4).
        let others = headers.get(COOKIE).and_then(|others| others.to_str().ok());
        let all = others.map_or(cookie.to_owned(), |others| format!("{others}; {cookie}"));
        headers.insert(COOKIE, value(&COOKIE, &all)?);
    }
    let offers: Vec<_> = settings.serializers.iter().map(|serializer| serializer.subprotocol()).collect();
    for (name, text) in [
        (HOST, endpoint.http_authority().as_str()),
        (CONNECTION, "Upgrade"),
        (UPGRADE, "websocket"),
        (SEC_WEBSOCKET_VERSION, "13"),
        (SEC_WEBSOCKET_KEY, &generate_key()),
        (SEC_WEBSOCKET_PROTOCOL, &offers.join(", ")),
    ] {
        let value = value(&name, text)?;
        headers.insert(name, value);
    }
    headers.remove(SEC_WEBSOCKET_EXTENSIONS);
    let uri = Uri::builder().scheme("ws").authority(endpoint.http_authority()).path_and_query(path);
    let uri = uri.build().map_err(|_| invalid(HOST.as_str()))?;
    let mut request = Request::new(());
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    Ok(request)
}

/// Asks for the upgrade, and takes what the router selects.
pub(super) async fn open(
    connection: Connection,
    request: Request,
    settings: &TransportSettings,
) -> Result<Opened, TransportError> {
    let Connection { socket, channel } = connection;
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_LENGTH)
        .write_buffer_size(HIGH_WATER)
        .max_message_size(Some(settings.message_max_bytes))
        .max_frame_size(Some(settings.message_max_bytes));
    let (inner, response) =
        client_async_with_config(request, socket, Some(config)).await.map_err(not_upgraded)?;
    if response.headers().contains_key(SEC_WEBSOCKET_EXTENSIONS) {
        let problem = "it turns on an extension that was not offered".to_owned();
        return Err(TransportError::NotWebSocket { problem });
    }
    let serializer = selected(&response, &settings.serializers).ok_or(TransportError::OtherSubprotocol)?;
    let transport = WebSocket {
        inner,
        is_text: serializer.is_text(),
        control_bytes: 0,
        keep_alive: settings.keep_alive.map(KeepAlive::new),
        close_received: false,
        is_over: false,
    };
    let cookie = cookie(&response);
    let send_max_bytes = send_max_bytes(&response);
    Ok(Opened { transport: Box::new(transport), serializer, channel, cookie, send_max_bytes })
}

fn selected(response: &Response, offered: &[SerializerId]) -> Option<SerializerId> {
    let name = response.headers().get(SEC_WEBSOCKET_PROTOCOL)?.to_str().ok()?;
    SerializerId::from_subprotocol(name).filter(|serializer| offered.contains(serializer))
}

/// Octets of the longest message that the router takes, if it says so.
fn send_max_bytes(response: &Response) -> usize {
    let header = response.headers().get(MESSAGE_MAX_BYTES_HEADER);
    header.and_then(|octets| octets.to_str().ok()?.parse().ok()).unwrap_or(usize::MAX)
}

/// Names and values of all cookies that are set, without their attributes.
fn cookie(response: &Response) -> Option<String> {
    let values = response.headers().get_all(SET_COOKIE).into_iter();
    let cookies = values.filter_map(|value| value.to_str().ok()?.split(';').next());
    let cookies: Vec<_> = cookies.map(str::trim).filter(|cookie| cookie.contains('=')).collect();
    if cookies.is_empty() { None } else { Some(cookies.join("; ")) }
}

fn not_upgraded(error: Error) -> TransportError {
    match error {
        Error::Http(response) => TransportError::Http { status: response.status().as_u16() },
        Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(SubProtocolError::NoSubProtocol)) => {
            TransportError::NoSubprotocol
        }
        Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(_)) => TransportError::OtherSubprotocol,
        Error::Protocol(ProtocolError::HandshakeIncomplete) => lost(io::ErrorKind::UnexpectedEof.into()),
        Error::Io(error) => lost(error),
        other => TransportError::NotWebSocket { problem: other.to_string() },
    }
}

struct WebSocket {
    inner: WebSocketStream<Socket>,
    /// Messages are text.
    is_text: bool,
    /// Octets of pings and pongs that were queued since everything was last written, about.
    control_bytes: usize,
    keep_alive: Option<KeepAlive>,
    /// The router said goodbye.
    close_received: bool,
    /// The stream has ended.
    is_over: bool,
}

/// Why a WebSocket can't go on, and what the router is told.
struct Failure {
    error: io::Error,
    code: Option<CloseCode>,
}

impl WebSocket {
    /// The next message; pings are answered on the way.
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Failure>> {
        loop {
            if self.close_received {
                // The library has queued the answer.
                return Pin::new(&mut self.inner).poll_flush(cx).map(|_| Ok(None));
            }
            if self.control_bytes > 0 {
                let written = self.poll_write_out(cx)?;
                if written.is_pending() && self.control_bytes > CONTROL_MAX_BYTES {
                    return Poll::Pending;
                }
            }
            let Some(message) = ready!(Pin::new(&mut self.inner).poll_next(cx)).transpose()? else {
                return Poll::Ready(Ok(None));
            };
            let body = match message {
                Message::Text(text) if self.is_text => text.into(),
                Message::Binary(body) if !self.is_text => body,
                Message::Text(_) | Message::Binary(_) => return Poll::Ready(Err(Failure::wrong_opcode())),
                Message::Ping(payload) => {
                    self.control_bytes += CONTROL_HEADER_LENGTH + payload.len();
                    continue;
                }
                Message::Close(_) => {
                    self.close_received = true;
                    continue;
                }
                Message::Pong(_) | Message::Frame(_) => continue,
            };
            let is_short = body.len() <= COPY_MAX_BYTES;
            return Poll::Ready(Ok(Some(if is_short { Bytes::copy_from_slice(&body) } else { body })));
        }
    }

    fn poll_write_out(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        ready!(Pin::new(&mut self.inner).poll_flush(cx))?;
        self.control_bytes = 0;
        Poll::Ready(Ok(()))
    }

    fn queue_ping(&mut self) -> Result<(), Failure> {
        self.control_bytes += CONTROL_HEADER_LENGTH;
        Ok(Pin::new(&mut self.inner).start_send(Message::Ping(Bytes::new()))?)
    }

    /// Says why, as far as the kernel takes it now.
    fn fail(&mut self, Failure { error, code }: Failure) -> io::Error {
        if let Some(code) = code {
            let frame = CloseFrame { code, reason: Utf8Bytes::default() };
            // The connection may be gone; the caller hears why in any case.
            Pin::new(&mut self.inner).start_send(Message::Close(Some(frame))).ok();
        }
        error
    }
}

impl Stream for WebSocket {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let this = self.get_mut();
        while !this.is_over {
            let ended = match this.poll_message(cx) {
                Poll::Ready(Ok(Some(message))) => return Poll::Ready(Some(Ok(message))),
                Poll::Ready(Ok(None)) => None,
                Poll::Ready(Err(failure)) => Some(failure),
                Poll::Pending => {
                    let Some(keep_alive) = &mut this.keep_alive else { return Poll::Pending };
                    let due = ready!(keep_alive.poll_due(this.inner.get_ref().last_sign(), cx));
                    match due.map_err(Failure::silent).and_then(|()| this.queue_ping()) {
                        Ok(()) => continue,
                        Err(failure) => Some(failure),
                    }
                }
            };
            this.is_over = true;
            return Poll::Ready(ended.map(|failure| Err(this.fail(failure))));
        }
        Poll::Ready(None)
    }
}

impl Sink<Bytes> for WebSocket {
    type Error = io::Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_ready(cx).map_err(io_error)
    }

    /// Fails with `InvalidInput` if the message should be text and is not UTF-8.
    fn start_send(mut self: Pin<&mut Self>, message: Bytes) -> io::Result<()> {
        let message = if self.is_text {
            let text = Utf8Bytes::try_from(message);
            Message::Text(text.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?)
        } else {
            Message::Binary(message)
        };
        Pin::new(&mut self.inner).start_send(message).map_err(io_error)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_write_out(cx).map_err(|failure| failure.error)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut this.inner).poll_close(cx)).map_err(io_error)?;
        while !this.is_over {
            // What the router still sends before its own goodbye is of no use.
            match ready!(Pin::new(&mut this.inner).poll_next(cx)) {
                Some(Ok(Message::Close(_)) | Err(_)) | None => this.is_over = true,
                Some(Ok(_)) => {}
            }
        }
        Pin::new(this.inner.get_mut()).poll_shutdown(cx)
    }
}

impl Failure {
    fn wrong_opcode() -> Self {
        let what = "text in place of a binary message, or the other way round";
        Self { error: io::Error::new(io::ErrorKind::InvalidData, what), code: Some(CloseCode::Protocol) }
    }

    fn silent(error: io::Error) -> Self {
        Self { error, code: None }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::Capacity(CapacityError::MessageTooLong { .. }) => Some(CloseCode::Size),
            Error::Utf8(_) => Some(CloseCode::Invalid),
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
            Error::Protocol(_) => Some(CloseCode::Protocol),
            _ => None,
        };
        Self { error: io_error(error), code }
    }
}

fn io_error(error: Error) -> io::Error {
    let kind = match &error {
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => io::ErrorKind::UnexpectedEof,
        Error::Protocol(ProtocolError::SendAfterClosing) | Error::ConnectionClosed | Error::AlreadyClosed => {
            io::ErrorKind::BrokenPipe
        }
        Error::Protocol(_) | Error::Capacity(_) | Error::Utf8(_) => io::ErrorKind::InvalidData,
        _ => io::ErrorKind::Other,
    };
    if let Error::Io(error) = error { error } else { io::Error::new(kind, error) }
}
