//! The header of the PROXY protocol, versions 1 and 2, by which a proxy says where a connection comes from.
//!
//! Read octet by octet up to its end: what comes behind it belongs to TLS or to the transport.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::Source;

/// Octets of the longest header of version 1, line end included.
const LINE_MAX: usize = 107;

/// Octets behind the fixed part of a header of version 2. The format could say 64 KiB; proxies send a few
/// hundred, with a client's certificate among the additions.
const ADDITIONS_MAX: usize = 4096;

/// What a header of version 2 begins with, behind its first octet.
const SIGNATURE: &[u8; 11] = b"\n\r\n\0\r\nQUIT\n";

/// Why there is no source in what a proxy sent.
#[derive(Debug, Error)]
pub(crate) enum ProxyHeaderError {
    /// It starts with something else.
    #[error("no PROXY protocol header")]
    Missing,
    /// It is none of the headers that the protocol knows, or a datagram's.
    #[error("malformed PROXY protocol header")]
    Malformed,
    /// It says that it is longer than a header may be here.
    #[error("PROXY protocol header of {0} octets is above the limit of {ADDITIONS_MAX}")]
    TooLong(usize),
    /// The socket failed or ended.
    #[error("socket failed")]
    Io(#[from] io::Error),
}

/// Reads the header. The source is `proxy` itself where the proxy says that it speaks for nobody, or for
/// somebody without an address.
pub(super) async fn read_source(
    stream: &mut (impl AsyncRead + Unpin),
    proxy: Source,
) -> Result<Source, ProxyHeaderError> {
    let source = match stream.read_u8().await? {
        b'P' => read_version_1(stream).await?,
        b'\r' => read_version_2(stream).await?,
        _ => return Err(ProxyHeaderError::Missing),
    };
    let canonical = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    Ok(source.map_or(proxy, |source| Source::Tcp(canonical(source))))
}

async fn read_version_1(
    stream: &mut (impl AsyncRead + Unpin),
) -> Result<Option<SocketAddr>, ProxyHeaderError> {
    let mut start = [0; 5];
    stream.read_exact(&mut start).await?;
    if start != *b"ROXY " {
        return Err(ProxyHeaderError::Missing);
    }
    let mut line = Vec::with_capacity(LINE_MAX);
    let rest_max = LINE_MAX - "PROXY ".len();
    while !line.ends_with(b"\r\n") {
        if line.len() == rest_max {
            return Err(ProxyHeaderError::Malformed);
        }
        line.push(stream.read_u8().await?);
    }
    let line = line.strip_suffix(b"\r\n").and_then(|line| str::from_utf8(line).ok());
    line.and_then(parse_line).ok_or(ProxyHeaderError::Malformed)
}

/// What stands between `PROXY ` and the line end; nobody for `UNKNOWN`, whatever follows it.
fn parse_line(line: &str) -> Option<Option<SocketAddr>> {
    let mut words = line.split(' ');
    let family = words.next()?;
    if family == "UNKNOWN" {
        return Some(None);
    }
    let mut address = || -> Option<IpAddr> {
        let word = words.next()?;
        match family {
            "TCP4" => word.parse().ok().map(IpAddr::V4),
            "TCP6" => word.parse().ok().map(IpAddr::V6),
            _ => None,
        }
    };
    let (source, _destination) = (address()?, address()?);
    let mut port =
        || words.next().filter(|word| word.bytes().all(|octet| octet.is_ascii_digit()))?.parse().ok();
    let (source_port, _destination_port): (u16, u16) = (port()?, port()?);
    words.next().is_none().then_some(Some(SocketAddr::new(source, source_port)))
}

async fn read_version_2(
    stream: &mut (impl AsyncRead + Unpin),
) -> Result<Option<SocketAddr>, ProxyHeaderError> {
    let mut head = [0; 15];
    stream.read_exact(&mut head).await?;
    let [signature @ .., version_and_command, family_and_protocol, high, low] = head;
    if signature != *SIGNATURE {
        return Err(ProxyHeaderError::Missing);
    }
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > ADDITIONS_MAX {
        return Err(ProxyHeaderError::TooLong(length));
    }
    let mut addresses = vec![0; length];
    stream.read_exact(&mut addresses).await?;
    match (version_and_command, family_and_protocol) {
        // LOCAL: a health check of the proxy's own.
        (0x20, _) => Ok(None),
        (0x21, 0x11) => parse_addresses(&addresses, Ipv4Addr::from_octets).map(Some),
        (0x21, 0x21) => parse_addresses(&addresses, Ipv6Addr::from_octets).map(Some),
        // Of no family that the proxy could name, or a Unix domain socket on the proxy's machine.
        (0x21, 0x00 | 0x31) => Ok(None),
        _ => Err(ProxyHeaderError::Malformed),
    }
}

/// The source among the addresses: both addresses, then both ports, then additions that do not matter here.
fn parse_addresses<const N: usize, A: Into<IpAddr>>(
    octets: &[u8],
    address: fn([u8; N]) -> A,
) -> Result<SocketAddr, ProxyHeaderError> {
    let parse = || {
        let (source, rest) = octets.split_first_chunk::<N>()?;
        let (_destination, ports) = rest.split_first_chunk::<N>()?;
        let ([high, low, _, _], _additions) = ports.split_first_chunk::<4>()?;
        Some(SocketAddr::new(address(*source).into(), u16::from_be_bytes([*high, *low])))
    };
    parse().ok_or(ProxyHeaderError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: Source = Source::Unix;

    /// The source, and what is left behind the header.
    async fn read(mut octets: &[u8]) -> Result<(String, Vec<u8>), ProxyHeaderError> {
        let source = read_source(&mut octets, PROXY).await?;
        Ok((source.to_string(), octets.to_vec()))
    }

    fn version_2(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
        let length = u16::try_from(addresses.len()).unwrap().to_be_bytes();
        [b"\r", &SIGNATURE[..], &[command, family], &length, addresses].concat()
    }

    #[tokio::test]
    async fn version_1_names_the_source() {
        for (line, source) in [
            ("PROXY TCP4 192.0.2.7 192.0.2.1 56324 443\r\n", "192.0.2.7:56324"),
            ("PROXY TCP6 2001:db8::7 2001:db8::1 56324 443\r\n", "[2001:db8::7]:56324"),
            ("PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n", "192.0.2.7:1"),
            ("PROXY UNKNOWN\r\n", "unix"),
            ("PROXY UNKNOWN ffff::1 whatever 65535\r\n", "unix"),
        ] {
            let octets = [line.as_bytes(), b"\x7f"].concat();
            assert_eq!(read(&octets).await.unwrap(), (source.to_owned(), vec![0x7F]), "{line}");
        }
    }

    #[tokio::test]
    async fn version_2_names_the_source_and_additions_are_skipped() {
        let mut four = vec![192, 0, 2, 7, 192, 0, 2, 1, 0xDC, 4, 1, 0xBB];
        four.extend([4, 0, 1, 0]);
        let mut six = Vec::from("2001:db8::7".parse::<Ipv6Addr>().unwrap().octets());
        six.extend([0; 16]);
        six.extend([0xDC, 4, 1, 0xBB]);
        for (header, source) in [
            (version_2(0x21, 0x11, &four), "192.0.2.7:56324"),
            (version_2(0x21, 0x21, &six), "[2001:db8::7]:56324"),
            (version_2(0x20, 0x11, &four), "unix"),
            (version_2(0x20, 0, &[]), "unix"),
            (version_2(0x21, 0, &[]), "unix"),
        ] {
            let octets = [&header, &b"\x7f"[..]].concat();
            assert_eq!(read(&octets).await.unwrap(), (source.to_owned(), vec![0x7F]), "{header:?}");
        }
    }

    #[tokio::test]
    async fn anything_else_is_no_header() {
        for octets in [
            &b"\x7f\xf1\0\0"[..],
            b"GET /ws HTTP/1.1\r\n\r\n",
            b"POST /ws HTTP/1.1\r\n\r\n",
            b"\r\n\r\nGET /ws HTTP/1.1\r\n\r\n",
        ] {
            assert!(matches!(read(octets).await, Err(ProxyHeaderError::Missing)), "{octets:?}");
        }
        let endless = format!("PROXY UNKNOWN {}\r\n", "x".repeat(LINE_MAX));
        for line in [
            "PROXY TCP4 192.0.2.7 192.0.2.1 56324\r\n",
            "PROXY TCP4 192.0.2.7 192.0.2.1 56324 443 1\r\n",
            "PROXY TCP4 192.0.2.7 192.0.2.1 56324 65536\r\n",
            "PROXY TCP4 192.0.2.7 192.0.2.1 +1 443\r\n",
            "PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n",
            "PROXY TCP4  192.0.2.7 192.0.2.1 1 2\r\n",
            "PROXY UDP4 192.0.2.7 192.0.2.1 1 2\r\n",
            "PROXY \r\n",
            &endless,
        ] {
            assert!(matches!(read(line.as_bytes()).await, Err(ProxyHeaderError::Malformed)), "{line}");
        }
        for header in [
            version_2(0x11, 0x11, &[0; 12]),
            version_2(0x22, 0x11, &[0; 12]),
            version_2(0x21, 0x11, &[0; 11]),
            version_2(0x21, 0x21, &[0; 35]),
            version_2(0x21, 0x12, &[0; 12]),
        ] {
            assert!(matches!(read(&header).await, Err(ProxyHeaderError::Malformed)), "{header:?}");
        }
        let header = version_2(0x21, 0x11, &[0; ADDITIONS_MAX + 1]);
        assert!(matches!(read(&header).await, Err(ProxyHeaderError::TooLong(_))));
        assert!(matches!(read(b"PROXY TCP4 192").await, Err(ProxyHeaderError::Io(_))));
    }
}
