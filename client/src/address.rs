//! Where a router is, and which transport is spoken there, as a user writes it.
//!
//! How a connection comes to be is `transport`'s business.

use std::fmt;
use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

/// The address of a router.
///
/// | Text | Transport |
/// |---|---|
/// | `ws://router.example/ws` | WebSocket; the port is 80 if none is written |
/// | `wss://router.example/ws` | WebSocket over TLS; the port is 443 if none is written |
/// | `rs://router.example:8081` | RawSocket over TCP |
/// | `rss://router.example:8081` | RawSocket over TLS |
/// | `unix:///run/trunkline.sock`, `unix:trunkline.sock` | RawSocket over a Unix domain socket |
///
/// Path and query of a WebSocket address go to the router as they are written. Any address can be parsed, whatever
/// features this crate was built with.
///
/// ```
/// use trunkline_client::Address;
///
/// let address: Address = "wss://router.example:443/ws".parse()?;
/// assert_eq!(address.to_string(), "wss://router.example/ws");
/// # Ok::<(), trunkline_client::AddressError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address(Target);

/// What an [`Address`] names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    WebSocket {
        endpoint: Endpoint,
        /// Path and query, percent-encoded; begins with `/`.
        path: String,
    },
    RawSocket(Endpoint),
    Unix(PathBuf),
}

/// A TCP port of a host, with or without TLS.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Endpoint {
    /// A name, or an IP address without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) is_tls: bool,
}

impl Address {
    pub(crate) fn target(&self) -> &Target {
        &self.0
    }
}

impl Endpoint {
    /// Host and port as they stand in a URL and in the header Host: without the port that HTTP takes for granted.
    pub(crate) fn http_authority(&self) -> String {
        if self.port == http_port(self.is_tls) { self.bracketed_host() } else { self.to_string() }
    }

    fn bracketed_host(&self) -> String {
        if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.bracketed_host(), self.port)
    }
}

const fn http_port(is_tls: bool) -> u16 {
    if is_tls { 443 } else { 80 }
}

/// Parses back to an equal address.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Target::WebSocket { endpoint, path } => {
                let scheme = if endpoint.is_tls { "wss" } else { "ws" };
                write!(f, "{scheme}://{}{path}", endpoint.http_authority())
            }
            Target::RawSocket(endpoint) => {
                let scheme = if endpoint.is_tls { "rss" } else { "rs" };
                write!(f, "{scheme}://{endpoint}")
            }
            Target::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Why a text is no [`Address`].
///
/// ```
/// use trunkline_client::{Address, AddressError};
///
/// assert_eq!("http://example.com".parse::<Address>().err(), Some(AddressError::Scheme));
/// assert_eq!("rs://example.com".parse::<Address>().err(), Some(AddressError::NoPort));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AddressError {
    /// It does not begin with a scheme that we know.
    #[error("an address begins with ws://, wss://, rs://, rss:// or unix:")]
    Scheme,
    /// There is no host behind the scheme.
    #[error("the host is missing: write it behind two slashes, as in ws://router.example/ws")]
    NoHost,
    /// The host is neither a name nor an IP address.
    #[error("{host:?} is no host: write a name in ASCII, an IPv4 address, or an IPv6 address in brackets")]
    Host {
        /// What stands there.
        host: String,
    },
    /// A RawSocket address has no port.
    #[error("the port is missing: RawSocket has no usual one, write it as in rs://router.example:8081")]
    NoPort,
    /// The port is not a number that can be connected to.
    #[error("{port:?} is no port: write a number from 1 to 65535")]
    Port {
        /// What stands there.
        port: String,
    },
    /// There is a user name or a password in front of the host. It is not repeated here.
    #[error("an address has no user and no password: authenticate the session, or send a header")]
    UserInfo,
    /// A RawSocket address has a path or a query.
    #[error("RawSocket has no path: end the address behind the port")]
    Path,
    /// A WebSocket address has a fragment (RFC 6455, section 3).
    #[error("a WebSocket address has no fragment: write %23 for a # that belongs to the path")]
    Fragment,
    /// The path or the query of a WebSocket address has a character that HTTP does not allow there.
    #[error("{character:?} cannot stand in a path: write it percent-encoded")]
    Character {
        /// The first such character.
        character: char,
    },
    /// There is no path of a Unix domain socket, or a host in its place.
    #[error("the path of the socket is missing: write unix:///run/trunkline.sock or unix:trunkline.sock")]
    SocketPath,
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (scheme, rest) = text.split_once(':').ok_or(AddressError::Scheme)?;
        let target = match scheme.to_ascii_lowercase().as_str() {
            "ws" => websocket(rest, false)?,
            "wss" => websocket(rest, true)?,
            "rs" => rawsocket(rest, false)?,
            "rss" => rawsocket(rest, true)?,
            "unix" => unix(rest)?,
            _ => return Err(AddressError::Scheme),
        };
        Ok(Self(target))
    }
}

fn websocket(rest: &str, is_tls: bool) -> Result<Target, AddressError> {
    let (host, port, path) = split_authority(rest)?;
    if path.contains('#') {
        return Err(AddressError::Fragment);
    }
    let is_allowed = |c: &char| c.is_ascii_graphic() && !r#""<>\^`{|}"#.contains(*c);
    if let Some(character) = path.chars().find(|c| !is_allowed(c)) {
        return Err(AddressError::Character { character });
    }
    let slash = if path.starts_with('/') { "" } else { "/" };
    let endpoint = Endpoint { host, port: port.unwrap_or(http_port(is_tls)), is_tls };
    Ok(Target::WebSocket { endpoint, path: format!("{slash}{path}") })
}

fn rawsocket(rest: &str, is_tls: bool) -> Result<Target, AddressError> {
    let (host, port, path) = split_authority(rest)?;
    if !matches!(path, "" | "/") {
        return Err(AddressError::Path);
    }
    let port = port.ok_or(AddressError::NoPort)?;
    Ok(Target::RawSocket(Endpoint { host, port, is_tls }))
}

fn unix(rest: &str) -> Result<Target, AddressError> {
    let path = match rest.strip_prefix("//") {
        Some(path) if path.starts_with('/') => path,
        Some(_) => return Err(AddressError::SocketPath),
        None => rest,
    };
    if path.is_empty() { Err(AddressError::SocketPath) } else { Ok(Target::Unix(path.into())) }
}

/// Host, port if there is one, and what follows.
fn split_authority(rest: &str) -> Result<(String, Option<u16>, &str), AddressError> {
    let rest = rest.strip_prefix("//").ok_or(AddressError::NoHost)?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if authority.contains('@') {
        return Err(AddressError::UserInfo);
    }
    let no_host = || AddressError::Host { host: authority.to_owned() };
    let (host, port) = match authority.strip_prefix('[') {
        Some(bracketed) => {
            let (ip, port) = bracketed.split_once(']').ok_or_else(no_host)?;
            let ip: Ipv6Addr = ip.parse().map_err(|_| no_host())?;
            let port = if port.is_empty() { None } else { Some(port.strip_prefix(':').ok_or_else(no_host)?) };
            (ip.to_string(), port)
        }
        None => {
            let (host, port) = match authority.rsplit_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            };
            if host.is_empty() {
                return Err(AddressError::NoHost);
            }
            if !host.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-._".contains(&octet)) {
                return Err(no_host());
            }
            (host.to_owned(), port)
        }
    };
    let port = port.map(parse_port).transpose()?;
    Ok((host, port, path))
}

fn parse_port(port: &str) -> Result<u16, AddressError> {
    match port.parse() {
        Ok(number) if number > 0 && !port.starts_with('+') => Ok(number),
        _ => Err(AddressError::Port { port: port.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Address, AddressError> {
        text.parse()
    }

    #[test]
    fn an_address_is_written_as_it_is_read() {
        for text in [
            "ws://router.example/",
            "ws://router.example:8080/ws",
            "wss://router.example/a%20b/%C3%BC?key=v%26w&x",
            "wss://127.0.0.1:80/ws",
            "ws://[::1]:8080/ws",
            "wss://[2001:db8::7]/",
            "rs://router.example:8081",
            "rss://[::1]:443",
            "unix:/run/trunkline.sock",
            "unix:trunkline.sock",
        ] {
            let address = parse(text).unwrap();
            assert_eq!(address.to_string(), text);
            assert_eq!(parse(&address.to_string()), Ok(address));
        }
    }

    #[test]
    fn what_goes_without_saying_is_not_said() {
        for (text, plain) in [
            ("WS://router.example", "ws://router.example/"),
            ("ws://router.example:80", "ws://router.example/"),
            ("wss://router.example:443?x=1", "wss://router.example/?x=1"),
            ("ws://[0:0:0:0:0:0:0:1]/", "ws://[::1]/"),
            ("rs://router.example:8081/", "rs://router.example:8081"),
            ("unix:///run/trunkline.sock", "unix:/run/trunkline.sock"),
        ] {
            assert_eq!(parse(text).unwrap().to_string(), plain);
        }
    }

    #[test]
    fn a_mistake_is_named_together_with_what_would_be_right() {
        let host = |host: &str| AddressError::Host { host: host.to_owned() };
        let port = |port: &str| AddressError::Port { port: port.to_owned() };
        for (text, error) in [
            ("", AddressError::Scheme),
            ("127.0.0.1:8080", AddressError::Scheme),
            ("http://router.example/ws", AddressError::Scheme),
            ("ws:router.example", AddressError::NoHost),
            ("ws:///ws", AddressError::NoHost),
            ("rs://:8081", AddressError::NoHost),
            ("ws://::1/ws", host("::1")),
            ("ws://[::1", host("[::1")),
            ("ws://[::1]8080/", host("[::1]8080")),
            ("ws://[router.example]/", host("[router.example]")),
            ("ws://röuter.example/", host("röuter.example")),
            ("ws://a b/", host("a b")),
            ("rs://router.example", AddressError::NoPort),
            ("ws://router.example:/", port("")),
            ("ws://router.example:0/", port("0")),
            ("ws://router.example:+80/", port("+80")),
            ("rs://router.example:65536", port("65536")),
            ("wss://alice:secret@router.example/", AddressError::UserInfo),
            ("rs://router.example:8081/ws", AddressError::Path),
            ("rs://router.example:8081?x", AddressError::Path),
            ("ws://router.example/ws#part", AddressError::Fragment),
            ("ws://router.example/a b", AddressError::Character { character: ' ' }),
            ("ws://router.example/ü", AddressError::Character { character: 'ü' }),
            ("ws://router.example/\r\nHost:x", AddressError::Character { character: '\r' }),
            ("unix:", AddressError::SocketPath),
            ("unix://", AddressError::SocketPath),
            ("unix://run/trunkline.sock", AddressError::SocketPath),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
        }
        let error = parse("wss://alice:secret@router.example/").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"));
    }
}
