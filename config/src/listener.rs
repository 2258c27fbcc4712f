//! `[[listeners]]`: what to listen on, and what is spoken there.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;
use wamp_proto::auth::AuthMethod;

use crate::authentication::Cookie;

/// One listener that speaks RawSocket, WebSocket and HTTP on each of its addresses.
#[derive(Clone, Debug, PartialEq)]
pub struct Listener {
    /// What a connection leads to.
    pub kind: ListenerKind,
    /// Where to listen; at least one.
    pub addresses: Vec<Address>,
    /// The certificates. With them, the listener accepts TLS only.
    pub tls: Option<Tls>,
    /// Mode and owner of the socket files among the addresses.
    pub unix_socket: UnixSocket,
    /// HTTP paths that upgrade to WebSocket.
    pub websocket_paths: Vec<String>,
    /// Hosts whose pages a browser may connect from: the host of the `Origin` header, whatever its port.
    /// `*` stands for every host. Programs that are no browser send no `Origin`, and are not asked for one.
    pub allowed_origin_hosts: Vec<String>,
    /// Time for a peer from accept to WELCOME: TLS, RawSocket or HTTP handshake, then HELLO (SES-16).
    pub handshake_timeout: Duration,
    /// Octets that an HTTP request head may have.
    pub http_head_max_bytes: usize,
    /// Octets of one message here; none stands for [`Limits::message_max_bytes`](crate::Limits). RawSocket
    /// announces the largest power of two that is not above it, 16 MiB at most.
    pub message_max_bytes: Option<usize>,
    /// Connections at a time.
    pub connections_max: usize,
    /// Connections at a time from one source address. Peers on a Unix domain socket have none.
    pub connections_per_address_max: usize,
    /// Connections at a time that have not got WELCOME yet.
    pub handshakes_max: usize,
    /// Those from one source address. Peers on a Unix domain socket have none.
    pub handshakes_per_address_max: usize,
    /// A peer that was silent this long is sent a ping, after twice as long at the latest.
    pub ping_interval: Duration,
    /// A peer from which nothing at all comes this long after a ping is taken for dead.
    pub ping_timeout: Duration,
    /// Peers that are believed what they say about a connection's source.
    pub trusted_proxies: Vec<TrustedProxy>,
    /// How they say it; given exactly if there are trusted proxies.
    pub proxy_header: Option<ProxyHeader>,
    /// The only realms that can be joined here: names of realms, URIs of templates. None stands for all.
    pub realms: Option<Vec<String>>,
    /// Roles of anonymous sessions here, instead of those that their realms give them.
    pub anonymous_roles: Vec<AnonymousRole>,
    /// The only authentication methods here. None stands for all that a realm has.
    pub authmethods: Option<Vec<AuthMethod>>,
    /// With it, browsers get a cookie by which they can join again.
    pub cookie: Option<Cookie>,
}

/// What the connections of a listener lead to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ListenerKind {
    /// `router`: to the router.
    #[default]
    Router,
    /// `websocket-testee`: to the router's WebSocket alone, which sends every message back. For suites of tests.
    WebsocketTestee,
}

/// An address to listen on: `127.0.0.1:8080`, `[::]:8080` or `unix:/run/trunkline/trunkline.sock`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Address {
    /// Address and port; port 0 lets the system choose one.
    Tcp(SocketAddr),
    /// Path of a Unix domain socket.
    Unix(PathBuf),
}

/// The certificates that a listener shows, and those that it asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// For clients that name no host, or one that no other certificate is for.
    pub default_certificate: Certificate,
    /// For clients that name a host in it.
    pub certificates: Vec<Certificate>,
    /// Authorities whose client certificates are accepted. Without it, clients are not asked for one.
    pub client_ca_file: Option<PathBuf>,
    /// Whether clients must have one. Means nothing without `client_ca_file`.
    pub client_certificates: ClientCertificates,
    /// What the authorities have revoked. If there are any, one for every authority.
    pub client_crl_files: Vec<PathBuf>,
}

/// A certificate and its key, as PEM files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate itself, and those that lead from it to the authority's.
    pub certificate_file: PathBuf,
    /// The private key of the first certificate.
    pub key_file: PathBuf,
}

/// Whether clients that have no certificate may come in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientCertificates {
    /// They may; a certificate that is shown must be good.
    #[default]
    Optional,
    /// They may not.
    Required,
}

impl Tls {
    /// TLS with one certificate, whatever host a client names, which asks clients for none.
    pub fn with(default_certificate: Certificate) -> Self {
        Self {
            default_certificate,
            certificates: Vec::new(),
            client_ca_file: None,
            client_certificates: ClientCertificates::default(),
            client_crl_files: Vec::new(),
        }
    }
}

/// Mode and owner of a socket file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnixSocket {
    /// Permission bits; none leaves what the process's umask makes of it.
    pub mode: Option<u32>,
    /// User that owns the file, by name or number.
    pub owner: Option<String>,
    /// Group of the file, by name or number.
    pub group: Option<String>,
}

/// A peer that is believed what it says about a connection's source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrustedProxy {
    /// Every peer whose address is in that network; a single address is a network of one.
    Network(IpNet),
    /// Every peer on a Unix domain socket: `unix`.
    Unix,
}

/// How a trusted proxy says where a connection comes from. Only this one is believed, so that a client cannot
/// slip another one past a proxy that does not know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyHeader {
    /// `proxy-protocol`: a header of the PROXY protocol, version 1 or 2, before anything else.
    ProxyProtocol,
    /// `forwarded`: the HTTP header `Forwarded` (RFC 7239).
    Forwarded,
    /// `x-forwarded-for`: the HTTP header `X-Forwarded-For`.
    XForwardedFor,
}

/// The role of anonymous sessions that join one realm through one listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnonymousRole {
    /// Name of the realm, or URI of the template.
    pub realm: String,
    /// Name of one of its roles.
    pub role: String,
}

impl Default for Listener {
    fn default() -> Self {
        Self {
            kind: ListenerKind::default(),
            addresses: vec![Address::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)))],
            tls: None,
            unix_socket: UnixSocket::default(),
            websocket_paths: vec!["/ws".to_owned(), "/".to_owned()],
            // Any page that somebody opens could otherwise talk to a router on their machine.
            allowed_origin_hosts: ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned).to_vec(),
            handshake_timeout: Duration::from_secs(5),
            http_head_max_bytes: 16 * 1024,
            message_max_bytes: None,
            connections_max: 65_536,
            connections_per_address_max: 16_384,
            handshakes_max: 4096,
            handshakes_per_address_max: 1024,
            ping_interval: Duration::from_secs(20),
            ping_timeout: Duration::from_secs(10),
            trusted_proxies: Vec::new(),
            proxy_header: None,
            realms: None,
            anonymous_roles: Vec::new(),
            authmethods: None,
            cookie: None,
        }
    }
}

impl Listener {
    /// Whether the realm of that name, or those of the template with that URI, can be joined here.
    pub fn opens(&self, realm: &str) -> bool {
        let is_named = self.realms.as_ref().is_none_or(|realms| realms.iter().any(|open| open == realm));
        self.kind == ListenerKind::Router && is_named
    }

    /// Whether that authentication method can be used here.
    pub fn takes(&self, method: AuthMethod) -> bool {
        self.authmethods.as_ref().is_none_or(|methods| methods.contains(&method))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A text that is no [`Address`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an address such as 127.0.0.1:8080, [::1]:8080 or unix:trunkline.sock")]
pub struct ParseAddressError;

impl FromStr for Address {
    type Err = ParseAddressError;

    fn from_str(text: &str) -> Result<Self, ParseAddressError> {
        match text.strip_prefix("unix:") {
            Some("") => Err(ParseAddressError),
            Some(path) => Ok(Self::Unix(path.into())),
            None => text.parse().map(Self::Tcp).or(Err(ParseAddressError)),
        }
    }
}

/// A text that is no [`TrustedProxy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a network such as 10.0.0.0/8, an address, or unix")]
pub struct ParseProxyError;

impl FromStr for TrustedProxy {
    type Err = ParseProxyError;

    fn from_str(text: &str) -> Result<Self, ParseProxyError> {
        if text == "unix" {
            return Ok(Self::Unix);
        }
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.map(Self::Network).or(Err(ParseProxyError))
    }
}
