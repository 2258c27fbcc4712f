//! From an accepted socket to an open [`Transport`]: the sniff, then a RawSocket or an HTTP handshake.
//!
//! Accepting sockets, time limits and sessions are not its business.

mod http;

#[cfg(test)]
mod tests;

use std::io;

use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use trunkline_config::Listener;
use wamp_proto::rawsocket::{HANDSHAKE_LENGTH, HandshakeError, HandshakeRequest, MAGIC, MaxLength};

use crate::transport::Transport;

/// Octets behind a refused handshake that are read and dropped before the socket is closed.
const DISCARD_MAX: usize = 64 * 1024;

/// Why no transport came out of a connection. None of them is worth more than a line at debug level.
#[derive(Debug, Error)]
pub(crate) enum OpenError {
    /// The peer closed before its handshake was complete.
    #[error("peer closed the connection during its handshake")]
    Closed,
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

/// Finds out what the peer speaks, and takes the connection through the handshake of that transport.
///
/// `message_max_bytes` limits what the peer may send in one message; RawSocket announces the largest
/// power of two that is not above it. There is no time limit here but the one on an HTTP request head:
/// the caller sets one for the whole way to WELCOME (SES-16).
///
/// # Errors
///
/// Every error means that the socket is closed and the peer was told what there is to tell.
pub(crate) async fn open(
    socket: TcpStream,
    listener: &Listener,
    message_max_bytes: usize,
) -> Result<Transport, OpenError> {
    socket.set_nodelay(true)?;
    let mut first = [0];
    match socket.peek(&mut first).await? {
        0 => Err(OpenError::Closed),
        _ if first == [MAGIC] => open_rawsocket(socket, MaxLength::not_above(message_max_bytes)).await,
        _ if starts_http(first[0]) => http::open_websocket(socket, listener, message_max_bytes).await,
        _ => Err(OpenError::UnknownProtocol(first[0])),
    }
}

/// Methods start with a letter; an empty line before the request is tolerated (RFC 9112, 2.2).
fn starts_http(octet: u8) -> bool {
    octet.is_ascii_alphabetic() || octet == b'\r' || octet == b'\n'
}

async fn open_rawsocket(mut socket: TcpStream, receive_max: MaxLength) -> Result<Transport, OpenError> {
    let mut octets = [0; HANDSHAKE_LENGTH];
    // Exactly these and no more: what comes behind them is the first frame (RAW-08).
    socket.read_exact(&mut octets).await?;
    match HandshakeRequest::parse(octets) {
        Ok(request) => {
            socket.write_all(&request.reply(receive_max)).await?;
            Ok(Transport::rawsocket(socket, request, receive_max))
        }
        Err(error) => {
            if let Some(reply) = error.reply() {
                socket.write_all(&reply).await?;
                socket.shutdown().await?;
                discard_received(&socket);
            }
            Err(OpenError::RawSocket(error))
        }
    }
}

/// Drops what has already come. Closing a socket with unread octets resets the connection, and the peer
/// might never see the reply.
fn discard_received(socket: &TcpStream) {
    let mut scratch = [0; 1024];
    let mut discarded = 0;
    while discarded < DISCARD_MAX {
        match socket.try_read(&mut scratch) {
            Ok(0) | Err(_) => break,
            Ok(count) => discarded += count,
        }
    }
}
