//! From an address to listen on to an open [`Transport`]: accepted socket, proxy's word, place, TLS, sniff, and a
//! RawSocket or an HTTP handshake.
//!
//! Time limits and sessions are not its business.

mod admission;
mod bind;
mod entrance;
mod forwarded;
mod http;
mod proxy_protocol;
mod source;
mod tls;

#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;

use thiserror::Error;
use tokio::io::{AsyncRead as _, AsyncReadExt as _, AsyncWriteExt as _, ReadBuf};
use trunkline_config::{Address, Listener, ProxyHeader};
use wamp_proto::rawsocket::{HANDSHAKE_LENGTH, HandshakeError, HandshakeRequest, MAGIC, MaxLength, Refusal};

use crate::authentication::cookies::Issued;
use crate::transport::{Framing, Plain, Stream, Transport};

pub(crate) use admission::Place;
pub(crate) use bind::Acceptor;
pub use bind::BindError;
pub(crate) use entrance::Entrance;
pub(crate) use source::Source;
pub use tls::TlsError;

/// Octets behind a refused handshake that are read and dropped before the socket is closed.
const DISCARD_MAX: usize = 64 * 1024;

/// Why no transport came out of a connection. None of them is worth more than a line at debug level.
#[derive(Debug, Error)]
pub(crate) enum OpenError {
    /// The peer closed before its handshake was complete.
    #[error("peer closed the connection during its handshake")]
    Closed,
    /// There is no place for it. It was told, unless too many others were being told or it speaks TLS.
    #[error("connection limit reached")]
    Full,
    /// A trusted proxy did not say where the connection comes from.
    #[error("proxy does not name the source")]
    Proxy(#[source] proxy_protocol::ProxyHeaderError),
    /// TLS is spoken here. Closed without a reply.
    #[error("first octet {0:#04x} starts no TLS handshake")]
    NotTls(u8),
    /// The TLS handshake failed. The peer was told where TLS has words for it.
    #[error("TLS handshake failed: {0}")]
    Tls(io::Error),
    /// The first octet belongs to no protocol that is spoken here. Closed without a reply (RAW-05).
    #[error("first octet {0:#04x} starts neither a RawSocket nor an HTTP handshake")]
    UnknownProtocol(u8),
    /// The RawSocket request is unacceptable. If the error has a reply, it was written (RAW-03).
    #[error("RawSocket handshake failed")]
    RawSocket(#[source] HandshakeError),
    /// The HTTP connection ended, and all its requests were answered. Browsers and health checks do that.
    #[error("HTTP connection ended without an upgrade to WebSocket")]
    Http,
    /// What came is no HTTP, or its head was too long or too slow. hyper answered where it could.
    #[error("HTTP request failed")]
    BadHttp(#[source] hyper::Error),
    /// The socket failed.
    #[error("socket failed during the handshake")]
    Io(#[source] io::Error),
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => Self::Closed,
            _ => Self::Io(error),
        }
    }
}

impl From<admission::Overrun> for OpenError {
    fn from(_: admission::Overrun) -> Self {
        Self::Full
    }
}

/// A connection that is ready for its first message.
pub(crate) struct Opened {
    pub(crate) transport: Transport,
    pub(crate) place: Place,
    /// Of a browser, where browsers get one.
    pub(crate) cookie: Option<Box<Issued>>,
}

/// Takes a connection through all that comes before its first message.
///
/// `source` is the socket's peer, and becomes what a trusted proxy says instead. There is no time limit here but
/// the one on an HTTP request head: the caller sets one for the whole way to WELCOME (SES-16).
///
/// # Errors
///
/// Every error means that the socket is closed and the peer was told what there is to tell.
pub(crate) async fn open(
    socket: Plain,
    source: &mut Source,
    entrance: &Entrance,
) -> Result<Opened, OpenError> {
    let (mut stream, mut place) = admit(socket, source, entrance).await?;
    let (transport, cookie) = match stream.peek().await? {
        None => return Err(OpenError::Closed),
        Some(MAGIC) => {
            place.count_for(*source)?;
            let receive_max = MaxLength::not_above(entrance.message_max_bytes);
            (open_rawsocket(stream, receive_max, &place).await?, None)
        }
        Some(octet) if starts_http(octet) => {
            http::open_websocket(stream, entrance, source, &mut place).await?
        }
        Some(octet) => return Err(OpenError::UnknownProtocol(octet)),
    };
    Ok(Opened { transport, place, cookie })
}

/// The same for a listener that speaks WebSocket without WAMP, and nothing else.
///
/// # Errors
///
/// Those of [`open`].
pub(crate) async fn open_testee(
    socket: Plain,
    source: &mut Source,
    entrance: &Entrance,
) -> Result<(Framing<()>, Place), OpenError> {
    let (mut stream, mut place) = admit(socket, source, entrance).await?;
    let framing = match stream.peek().await? {
        None => return Err(OpenError::Closed),
        Some(octet) if starts_http(octet) => http::open_testee(stream, entrance, source, &mut place).await?,
        Some(octet) => return Err(OpenError::UnknownProtocol(octet)),
    };
    Ok((framing, place))
}

/// Finds a place for a connection, as far as its source is known already, and takes it through TLS.
async fn admit(
    mut socket: Plain,
    source: &mut Source,
    entrance: &Entrance,
) -> Result<(Stream, Place), OpenError> {
    let mut place = entrance.admission.enter()?;
    if let Plain::Tcp(socket) = &socket {
        socket.set_nodelay(true)?;
    }
    match entrance.proxy_header_of(*source) {
        Some(ProxyHeader::ProxyProtocol) => {
            *source = proxy_protocol::read_source(&mut socket, *source).await.map_err(OpenError::Proxy)?;
            place.count_for(*source)?;
        }
        // What counts is known when the HTTP request is here.
        Some(ProxyHeader::Forwarded | ProxyHeader::XForwardedFor) => {}
        None => place.count_for(*source)?,
    }
    let stream = match &entrance.tls {
        // A TLS handshake is too dear for a peer that cannot stay.
        Some(_) if !place.is_granted() => return Err(OpenError::Full),
        Some(config) => tls::accept(socket, config).await?,
        None => Stream::Plain(socket),
    };
    Ok((stream, place))
}

/// Looks for what only this system can tell about a listener, without listening: is the certificate of use, do
/// the owners of socket files exist?
pub(crate) fn check(listener: &Listener) -> (Option<TlsError>, Vec<(Address, BindError)>) {
    let tls = listener.tls.as_ref().and_then(|files| tls::server_config(files).err());
    let unix = listener.addresses.iter().filter(|address| matches!(address, Address::Unix(_)));
    let owners = unix.filter_map(|address| {
        bind::Owner::resolve(&listener.unix_socket).err().map(|error| (address.clone(), error))
    });
    (tls, owners.collect())
}

/// Methods start with a letter; an empty line before the request is tolerated (RFC 9112, 2.2).
fn starts_http(octet: u8) -> bool {
    octet.is_ascii_alphabetic() || octet == b'\r' || octet == b'\n'
}

async fn open_rawsocket(
    mut stream: Stream,
    receive_max: MaxLength,
    place: &Place,
) -> Result<Transport, OpenError> {
    let mut octets = [0; HANDSHAKE_LENGTH];
    // Exactly these and no more: what comes behind them is the first frame (RAW-08).
    stream.read_exact(&mut octets).await?;
    if !place.is_granted() {
        refuse(&mut stream, Refusal::ConnectionLimit.encode()).await?;
        return Err(OpenError::Full);
    }
    match HandshakeRequest::parse(octets) {
        Ok(request) => {
            stream.write_all(&request.reply(receive_max)).await?;
            stream.flush().await?;
            Ok(Transport::rawsocket(stream, request, receive_max))
        }
        Err(error) => {
            if let Some(reply) = error.reply() {
                refuse(&mut stream, reply).await?;
            }
            Err(OpenError::RawSocket(error))
        }
    }
}

/// Says why not, and drops what has already come: closing a socket with unread octets resets the connection, and
/// the peer might never see the reply.
async fn refuse(stream: &mut Stream, reply: [u8; HANDSHAKE_LENGTH]) -> io::Result<()> {
    stream.write_all(&reply).await?;
    stream.shutdown().await?;
    let mut scratch = [0; 1024];
    let mut discarded = 0;
    poll_fn(|cx| {
        while discarded < DISCARD_MAX {
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut *stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => discarded += buffer.filled().len(),
                _ => break,
            }
        }
        Poll::Ready(())
    })
    .await;
    Ok(())
}
