//! Transports: channels of encoded WAMP messages to a router, over WebSocket and RawSocket, and how they are opened.
//!
//! What the messages mean is the session's business. Nothing here spawns; whoever opens or closes bounds the time.
#![cfg_attr(
    not(all(feature = "rawsocket", feature = "tls", feature = "websocket")),
    allow(
        dead_code,
        unused_variables,
        reason = "a build without some transports needs less of what they share"
    )
)]

mod dial;
mod keep_alive;
#[cfg(feature = "rawsocket")]
mod rawsocket;
mod socket;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "websocket")]
mod websocket;

#[cfg(all(test, unix, feature = "rawsocket", feature = "tls", feature = "websocket"))]
mod tests;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Sink, Stream};
use thiserror::Error;
use wamp_proto::SerializerId;
use wamp_proto::rawsocket::HandshakeError;

use crate::address::{Address, Target};

use socket::Socket;
#[cfg(feature = "tls")]
pub use tls::{Tls, TlsError};

/// Octets of a message up to which it is copied out of the read buffer: whoever keeps it keeps no more than that.
const COPY_MAX_BYTES: usize = 4096;

/// Octets that are queued before they are written, and above which no further message is taken before they are.
const HIGH_WATER: usize = 16 * 1024;

/// Octets of pings and pongs that may be unsent before reading stops, so that pings of a router that doesn't read can't
/// fill our memory. Were there no room for any, two peers that wait for each other to read would wait forever.
const CONTROL_MAX_BYTES: usize = 16 * 1024;

/// A channel of encoded WAMP messages, one each.
///
/// As a [`Sink`]: `feed` many, `flush` once; closing says goodbye as the transport does and waits until the router closes,
/// too. As a [`Stream`]: ends when the router closed in good order, and after its first error, of which the kinds
/// `InvalidData` (the router broke the rules of the transport: WS-03, RAW-12) and `TimedOut` (it fell silent) are worth
/// telling apart. Polling the stream also answers pings. One task polls both directions.
///
/// Implemented by whatever fits: this one counts what the router sends.
///
/// ```
/// # trunkline_tests::example(async |_| {
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use futures_util::StreamExt as _;
/// use trunkline_client::{Builder, SerializerId, Transport};
///
/// fn counted(transport: impl Transport, octets: Arc<AtomicU64>) -> impl Transport {
///     transport.inspect(move |message| {
///         let length = message.as_ref().map_or(0, |message| message.len() as u64);
///         octets.fetch_add(length, Ordering::Relaxed);
///     })
/// }
///
/// # let router = trunkline::Router::new(&trunkline::config::Config::default());
/// # let serializer = SerializerId::ALL[0];
/// let octets = Arc::new(AtomicU64::new(0));
/// let counter = octets.clone();
/// let open = move || {
///     let transport = counted(router.connect(serializer), counter.clone());
///     async move { Ok(transport) }
/// };
/// let client = Builder::over(serializer, open, "realm1").connect().await?;
/// assert_ne!(octets.load(Ordering::Relaxed), 0);
/// # client.leave().await;
/// # Ok(()) });
/// ```
pub trait Transport:
    Stream<Item = io::Result<Bytes>> + Sink<Bytes, Error = io::Error> + Send + Unpin
{
}

impl<T: Stream<Item = io::Result<Bytes>> + Sink<Bytes, Error = io::Error> + Send + Unpin> Transport for T {}

/// An open transport, and what was agreed on.
pub(crate) struct Opened {
    pub(crate) transport: Box<dyn Transport>,
    /// Of all messages in both directions.
    pub(crate) serializer: SerializerId,
    /// The channel binding `tls-exporter` (RFC 9266). With TLS 1.2 it would need the extended master secret, and we cannot
    /// see whether the router has it: there is none, then.
    pub(crate) channel: Option<[u8; 32]>,
    /// What the router set in the answer to the upgrade, as the header Cookie wants it.
    pub(crate) cookie: Option<String>,
    /// Octets of the longest message that the router takes.
    pub(crate) send_max_bytes: usize,
}

/// How transports are opened.
#[derive(Clone)]
pub(crate) struct TransportSettings {
    /// To choose from, the best first.
    pub(crate) serializers: Vec<SerializerId>,
    /// Octets of the longest message that is received. RawSocket rounds it down to a power of two between 512 and 2^24.
    pub(crate) message_max_bytes: usize,
    /// How long a router may be silent before it is pinged, and again before it is given up.
    pub(crate) keep_alive: Option<Duration>,
    /// Names and values that the HTTP request carries besides those of the upgrade.
    pub(crate) headers: Vec<(String, String)>,
    /// Without it, the roots are the system's.
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Arc<rustls::ClientConfig>>,
}

impl Default for TransportSettings {
    /// Whatever there is, the smallest first.
    fn default() -> Self {
        let mut serializers = SerializerId::ALL.to_vec();
        serializers.reverse();
        Self {
            serializers,
            message_max_bytes: 16 * 1024 * 1024,
            keep_alive: Some(Duration::from_secs(30)),
            headers: Vec::new(),
            #[cfg(feature = "tls")]
            tls: None,
        }
    }
}

/// Why no transport could be opened.
///
/// ```
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use trunkline_client::{ConnectError, TransportError, connect};
///
/// match connect("wss://example.com/ws", "realm1").await {
///     Err(ConnectError::Transport(TransportError::Certificate { host, problem })) => {
///         println!("nobody here trusts {host}: {problem}");
///     }
///     Err(ConnectError::Transport(TransportError::Http { status })) => println!("HTTP says {status}"),
///     other => println!("{:?}", other?),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The host has no address, or nobody listens there.
    #[error("cannot connect to {address}")]
    Connect {
        /// Where to.
        address: Address,
        /// What the system says.
        source: Arc<io::Error>,
    },
    /// The connection ended before the transport was open.
    #[error("the connection was lost before the transport was open")]
    Io(#[source] Arc<io::Error>),
    /// The router's certificate is not one to trust (TLS-01).
    #[error("the certificate of {host} is not accepted: {problem}")]
    Certificate {
        /// For whom the certificate should be.
        host: String,
        /// What is wrong with it.
        problem: String,
    },
    /// TLS failed for another reason; for example, the router wants a certificate of the client.
    #[error("TLS failed")]
    Tls(#[source] Arc<io::Error>),
    /// The system's roots cannot be used.
    #[cfg(feature = "tls")]
    #[error("TLS cannot be set up")]
    TlsSettings(#[source] Arc<TlsError>),
    /// The router, or what stands before it, answered the upgrade to WebSocket with another status than 101.
    #[error("the WebSocket is refused with the HTTP status {status}")]
    Http {
        /// The status.
        status: u16,
    },
    /// What answered does not speak WebSocket.
    #[error("the answer is no upgrade to WebSocket: {problem}")]
    NotWebSocket {
        /// What is wrong with it.
        problem: String,
    },
    /// The router upgraded to WebSocket without a subprotocol: it does not speak WAMP there (WS-01).
    #[error("the router selects no WebSocket subprotocol: is this the path where it speaks WAMP?")]
    NoSubprotocol,
    /// The router selected a WebSocket subprotocol that was not offered (WS-01).
    #[error("the router selects a WebSocket subprotocol that was not offered")]
    OtherSubprotocol,
    /// A header of the settings can't be sent.
    #[error("{name:?} with its value is no HTTP header")]
    Header {
        /// The header's name. The value may be a secret.
        name: String,
    },
    /// The router refused the RawSocket handshake, or does not speak RawSocket (RAW-07).
    #[error("no RawSocket")]
    RawSocket(#[source] HandshakeError),
    /// The settings name no serializer.
    #[error("there is no serializer to choose from: name at least one")]
    NoSerializer,
    /// This build cannot speak that transport.
    #[error("{address} needs {needs}")]
    Unsupported {
        /// What was to be opened.
        address: Address,
        /// What it needs: a feature of this crate, or another system.
        needs: &'static str,
    },
}

/// A socket behind the handshake of TLS, if there is one.
struct Connection {
    socket: Socket,
    channel: Option<[u8; 32]>,
}

/// Connects, and opens the transport. Dropping the future closes the connection.
///
/// `cookie` goes into the request of a WebSocket. On a RawSocket, serializers that the router doesn't support are passed over;
/// each takes a connection of its own.
///
/// # Errors
/// There is a variant for each cause. If the router supports none of the serializers, it is that of the last.
pub(crate) async fn open(
    address: &Address,
    settings: &TransportSettings,
    cookie: Option<&str>,
) -> Result<Opened, TransportError> {
    if settings.serializers.is_empty() {
        return Err(TransportError::NoSerializer);
    }
    match address.target() {
        #[cfg(feature = "websocket")]
        Target::WebSocket { endpoint, path } => {
            let request = websocket::request(endpoint, path, settings, cookie)?;
            websocket::open(connect(address, settings).await?, request, settings).await
        }
        #[cfg(feature = "rawsocket")]
        Target::RawSocket(_) | Target::Unix(_) => {
            let mut refused = TransportError::NoSerializer;
            for serializer in &settings.serializers {
                let connection = connect(address, settings).await?;
                match rawsocket::open(connection, *serializer, settings).await {
                    Err(error) if rawsocket::is_unsupported(&error) => refused = error,
                    done => return done,
                }
            }
            Err(refused)
        }
        #[cfg(not(feature = "websocket"))]
        Target::WebSocket { .. } => {
            Err(TransportError::Unsupported { address: address.clone(), needs: "the feature `websocket`" })
        }
        #[cfg(not(feature = "rawsocket"))]
        Target::RawSocket(_) | Target::Unix(_) => {
            Err(TransportError::Unsupported { address: address.clone(), needs: "the feature `rawsocket`" })
        }
    }
}

async fn connect(address: &Address, settings: &TransportSettings) -> Result<Connection, TransportError> {
    let failed = |error| TransportError::Connect { address: address.clone(), source: Arc::new(error) };
    let endpoint = match address.target() {
        Target::WebSocket { endpoint, .. } | Target::RawSocket(endpoint) => endpoint,
        #[cfg(unix)]
        Target::Unix(path) => {
            let stream = tokio::net::UnixStream::connect(path).await.map_err(failed)?;
            return Ok(Connection { socket: Socket::new(stream), channel: None });
        }
        #[cfg(not(unix))]
        Target::Unix(_) => {
            return Err(TransportError::Unsupported {
                address: address.clone(),
                needs: "Unix domain sockets",
            });
        }
    };
    if endpoint.is_tls && cfg!(not(feature = "tls")) {
        return Err(TransportError::Unsupported { address: address.clone(), needs: "the feature `tls`" });
    }
    let stream = dial::dial(&endpoint.host, endpoint.port).await.map_err(failed)?;
    // What a session writes is flushed in batches already: it should not wait for more.
    stream.set_nodelay(true).map_err(failed)?;
    #[cfg(feature = "tls")]
    if endpoint.is_tls {
        return tls::connect(stream, &endpoint.host, settings.tls.as_ref()).await;
    }
    Ok(Connection { socket: Socket::new(stream), channel: None })
}

/// Why the connection ended while the transport was opened. With TLS 1.3, a router that wants a certificate of us says so
/// only then.
pub(crate) fn lost(error: io::Error) -> TransportError {
    #[cfg(feature = "tls")]
    if error.get_ref().is_some_and(|cause| cause.is::<rustls::Error>()) {
        return TransportError::Tls(Arc::new(error));
    }
    TransportError::Io(Arc::new(error))
}

#[cfg(all(test, not(all(feature = "rawsocket", feature = "tls", feature = "websocket"))))]
mod left_out {
    use super::*;

    #[tokio::test]
    async fn an_address_whose_transport_was_left_out_says_what_it_needs() {
        let settings = TransportSettings {
            serializers: SerializerId::ALL.to_vec(),
            message_max_bytes: 1 << 20,
            keep_alive: None,
            headers: Vec::new(),
            #[cfg(feature = "tls")]
            tls: None,
        };
        let websocket = (cfg!(feature = "websocket"), "the feature `websocket`");
        let rawsocket = (cfg!(feature = "rawsocket"), "the feature `rawsocket`");
        let tls = (cfg!(feature = "tls"), "the feature `tls`");
        for (address, needs) in [
            ("ws://127.0.0.1:1/", vec![websocket]),
            ("wss://127.0.0.1:1/", vec![websocket, tls]),
            ("rs://127.0.0.1:1", vec![rawsocket]),
            ("rss://127.0.0.1:1", vec![rawsocket, tls]),
            ("unix:/nowhere/trunkline.sock", vec![rawsocket]),
        ] {
            let missing = needs.into_iter().find_map(|(is_there, name)| (!is_there).then_some(name));
            let error = open(&address.parse().unwrap(), &settings, None).await.err().unwrap();
            match missing {
                Some(name) => assert_eq!(error.to_string(), format!("{address} needs {name}")),
                None => assert!(matches!(error, TransportError::Connect { .. }), "{error:?}"),
            }
        }
    }
}
