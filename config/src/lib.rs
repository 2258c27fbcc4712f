//! Typed settings of a Trunkline router, and their defaults.
//!
//! Durations are [`Duration`]s here and carry their unit in the key (`…_ms`) in files. Loading from
//! TOML comes with the realm config; until then a program builds these values itself.
#![forbid(unsafe_code)]

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use wamp_proto::Profile;

/// Everything a router needs to start.
#[derive(Clone, Debug)]
pub struct Config {
    /// Sockets to listen on.
    pub listeners: Vec<Listener>,
    /// Realms that sessions may join.
    pub realms: Vec<Realm>,
    /// Limits of every session, whatever its realm.
    pub limits: Limits,
    /// How the router goes down.
    pub shutdown: Shutdown,
}

/// One listening socket that speaks RawSocket, WebSocket and HTTP.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Address and port; port 0 lets the system choose one.
    pub address: SocketAddr,
    /// HTTP paths that upgrade to WebSocket.
    pub websocket_paths: Vec<String>,
    /// Hosts whose pages a browser may connect from: the host of the `Origin` header, whatever its port.
    /// `*` stands for every host. Programs that are no browser send no `Origin`, and are not asked for one.
    pub allowed_origin_hosts: Vec<String>,
    /// Time for a peer from accept to WELCOME: RawSocket or HTTP handshake, then HELLO (SES-16).
    pub handshake_timeout: Duration,
    /// Octets that an HTTP request head may have.
    pub http_head_max_bytes: usize,
    /// A peer that was silent this long is sent a ping, after twice as long at the latest.
    pub ping_interval: Duration,
    /// A peer from which nothing at all comes this long after a ping is taken for dead.
    pub ping_timeout: Duration,
}

/// A realm and the rules of its sessions.
#[derive(Clone, Debug)]
pub struct Realm {
    /// The realm's URI.
    pub name: String,
    /// How strictly the protocol is taken.
    pub profile: Profile,
    /// Whether URI components are restricted to `[0-9a-z_]+` (URI-04).
    pub strict_uris: bool,
}

/// Limits of a session and of its messages.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Octets of one message, in either framing.
    pub message_max_bytes: usize,
    /// Nesting of arrays and dicts in one message.
    pub message_max_depth: usize,
    /// Octets of one Options or Details dict.
    pub dict_max_bytes: usize,
    /// Octets of one URI.
    pub uri_max_bytes: usize,
    /// Components of one URI.
    pub uri_max_components: usize,
    /// Messages in the outbox of one session.
    pub outbox_max_messages: usize,
    /// Octets in the outbox of one session: about the bodies, plus 64 for each entry.
    pub outbox_max_bytes: usize,
    /// How long a session may leave the answers to its own requests unread before it is disconnected.
    pub outbox_stall: Duration,
    /// Subscriptions that one session may hold.
    pub subscriptions_max: usize,
    /// Registrations that one session may hold.
    pub registrations_max: usize,
    /// CALLs of one session that may wait for their final answer.
    pub open_calls_max: usize,
}

/// How the router goes down on SIGTERM or Ctrl-C.
#[derive(Clone, Debug)]
pub struct Shutdown {
    /// How long open invocations may still run.
    pub drain_timeout: Duration,
    /// How long sessions get to answer GOODBYE.
    pub close_timeout: Duration,
}

impl Default for Config {
    /// The development router: loopback only, realm `realm1`, open to everybody on this machine.
    fn default() -> Self {
        Self {
            listeners: vec![Listener::default()],
            realms: vec![Realm::named("realm1")],
            limits: Limits::default(),
            shutdown: Shutdown::default(),
        }
    }
}

impl Default for Listener {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            websocket_paths: vec!["/ws".to_owned(), "/".to_owned()],
            // Any page that somebody opens could otherwise talk to a router on their machine.
            allowed_origin_hosts: ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned).to_vec(),
            handshake_timeout: Duration::from_secs(5),
            http_head_max_bytes: 16 * 1024,
            ping_interval: Duration::from_secs(20),
            ping_timeout: Duration::from_secs(10),
        }
    }
}

impl Realm {
    /// A realm with default rules.
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), profile: Profile::Default, strict_uris: false }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_max_bytes: 1024 * 1024,
            message_max_depth: 64,
            dict_max_bytes: 16 * 1024,
            uri_max_bytes: 1024,
            uri_max_components: 32,
            outbox_max_messages: 65_536,
            outbox_max_bytes: 4 * 1024 * 1024,
            outbox_stall: Duration::from_secs(30),
            subscriptions_max: 8192,
            registrations_max: 8192,
            open_calls_max: 65_536,
        }
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { drain_timeout: Duration::from_secs(10), close_timeout: Duration::from_secs(2) }
    }
}
