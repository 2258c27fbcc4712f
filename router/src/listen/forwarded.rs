//! The HTTP headers by which proxies say for whom they forward: `Forwarded` (RFC 7239) and `X-Forwarded-For`.
//!
//! Every proxy on the way appends what it sees. Read from the end, the list is true as far as trusted proxies
//! wrote it: up to and including the first hop that is none of them.

use std::net::{IpAddr, SocketAddr};

use hyper::HeaderMap;
use hyper::header::{FORWARDED, HeaderName};
use trunkline_config::{ProxyHeader, TrustedProxy};

use super::Source;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// A header that cannot be read as what it should be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Whether that source is believed what it says about others.
pub(super) fn is_trusted(source: Source, proxies: &[TrustedProxy]) -> bool {
    proxies.iter().any(|proxy| match proxy {
        TrustedProxy::Network(network) => {
            source.address().is_some_and(|address| network.contains(&address.to_canonical()))
        }
        TrustedProxy::Unix => source == Source::Unix,
    })
}

/// For whom the trusted proxy `peer` forwards a request.
///
/// A hop that hides its address ends the list, and so does one that is no trusted proxy: what stands in front of
/// them is hearsay. Of a list without anybody else, `peer` is left.
pub(super) fn source(
    headers: &HeaderMap,
    header: ProxyHeader,
    peer: Source,
    proxies: &[TrustedProxy],
) -> Result<Source, Malformed> {
    let hops = match header {
        ProxyHeader::Forwarded => forwarded(headers)?,
        ProxyHeader::XForwardedFor => x_forwarded_for(headers)?,
        ProxyHeader::ProxyProtocol => Vec::new(),
    };
    let mut source = peer;
    for hop in hops.into_iter().rev() {
        let Some(hop) = hop else { break };
        source = hop;
        if !is_trusted(hop, proxies) {
            break;
        }
    }
    Ok(source)
}

/// The lines of a header. Several stand for one list.
fn lines(headers: &HeaderMap, name: &HeaderName) -> Result<Vec<String>, Malformed> {
    let lines = headers.get_all(name).iter().map(|line| line.to_str().map(str::to_owned));
    lines.collect::<Result<_, _>>().map_err(|_| Malformed)
}

fn x_forwarded_for(headers: &HeaderMap) -> Result<Vec<Option<Source>>, Malformed> {
    let lines = lines(headers, &X_FORWARDED_FOR)?;
    let hops = lines.iter().flat_map(|line| line.split(',')).map(str::trim).filter(|hop| !hop.is_empty());
    Ok(hops.map(parse_node).collect())
}

fn forwarded(headers: &HeaderMap) -> Result<Vec<Option<Source>>, Malformed> {
    let mut hops = Vec::new();
    for line in lines(headers, &FORWARDED)? {
        for element in split_unquoted(&line, ',')?.into_iter().map(str::trim).filter(|part| !part.is_empty())
        {
            hops.push(forwarded_for(element)?);
        }
    }
    Ok(hops)
}

/// The node that an element of `Forwarded` names as `for`.
fn forwarded_for(element: &str) -> Result<Option<Source>, Malformed> {
    let mut node = None;
    for pair in split_unquoted(element, ';')?.into_iter().map(str::trim).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or(Malformed)?;
        if name.eq_ignore_ascii_case("for") && node.replace(unquote(value)?).is_some() {
            return Err(Malformed);
        }
    }
    Ok(node.and_then(parse_node))
}

/// Splits at a separator, but not where it is quoted. A quote that does not end is an error: it could swallow
/// what the proxies behind it wrote.
fn split_unquoted(text: &str, separator: char) -> Result<Vec<&str>, Malformed> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let parts = text.split(|c| {
        if is_escaped {
            is_escaped = false;
        } else if c == '"' {
            is_quoted = !is_quoted;
        } else if c == '\\' && is_quoted {
            is_escaped = true;
        } else {
            return c == separator && !is_quoted;
        }
        false
    });
    let parts = parts.collect();
    if is_quoted { Err(Malformed) } else { Ok(parts) }
}

fn unquote(value: &str) -> Result<&str, Malformed> {
    match value.strip_prefix('"') {
        Some(value) => value.strip_suffix('"').ok_or(Malformed),
        None => Ok(value),
    }
}

/// An address with or without port. None for `unknown` and for made-up names.
fn parse_node(node: &str) -> Option<Source> {
    if let Ok(address) = node.parse::<SocketAddr>() {
        return Some(Source::Tcp(SocketAddr::new(address.ip().to_canonical(), address.port())));
    }
    // A port may be a made-up name, too.
    let host = node.rsplit_once(":_").map_or(node, |(host, _)| host);
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    Some(Source::Address(host.parse::<IpAddr>().ok()?.to_canonical()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies() -> Vec<TrustedProxy> {
        let network = |network: &str| TrustedProxy::Network(network.parse().unwrap());
        vec![network("10.0.0.0/8"), network("fd00::/8"), TrustedProxy::Unix]
    }

    fn read(name: HeaderName, header: ProxyHeader, lines: &[&str]) -> Option<String> {
        let headers = lines.iter().map(|line| (name.clone(), line.parse().unwrap())).collect();
        let source = source(&headers, header, Source::Unix, &proxies());
        source.ok().map(|source| source.to_string())
    }

    fn forwarded(lines: &[&str]) -> Option<String> {
        read(FORWARDED, ProxyHeader::Forwarded, lines)
    }

    fn x_forwarded_for(lines: &[&str]) -> Option<String> {
        read(X_FORWARDED_FOR, ProxyHeader::XForwardedFor, lines)
    }

    #[test]
    fn the_last_hop_that_is_no_trusted_proxy_is_the_source() {
        for (lines, source) in [
            (&["for=192.0.2.7"][..], "192.0.2.7"),
            (&["For=\"192.0.2.7:4711\";proto=https;by=10.0.0.1"], "192.0.2.7:4711"),
            (&["for=\"[2001:db8::7]:4711\""], "[2001:db8::7]:4711"),
            (&["for=\"[2001:db8::7]\""], "2001:db8::7"),
            (&["for=\"[2001:db8::7]:_port\""], "2001:db8::7"),
            (&["for=198.51.100.1, for=192.0.2.7,for=10.1.2.3 , for=\"[fd00::1]\""], "192.0.2.7"),
            (&["for=198.51.100.1", "for=192.0.2.7;host=\"a,b;c\"", "for=10.1.2.3"], "192.0.2.7"),
            (&["for=10.1.2.3"], "10.1.2.3"),
            (&[], "unix"),
            (&["for=192.0.2.7, for=_hidden"], "unix"),
            (&["for=192.0.2.7, for=unknown, for=10.1.2.3"], "10.1.2.3"),
            (&["for=192.0.2.7, proto=https"], "unix"),
        ] {
            assert_eq!(forwarded(lines).as_deref(), Some(source), "{lines:?}");
        }
        for (lines, source) in [
            (&["198.51.100.1, 192.0.2.7, 10.1.2.3"][..], "192.0.2.7"),
            (&["198.51.100.1", "2001:db8::7"], "2001:db8::7"),
            (&["192.0.2.7:4711"], "192.0.2.7:4711"),
            (&["::ffff:192.0.2.7"], "192.0.2.7"),
            (&["nonsense, 192.0.2.7"], "192.0.2.7"),
            (&["192.0.2.7, nonsense, 10.1.2.3"], "10.1.2.3"),
            (&[], "unix"),
        ] {
            assert_eq!(x_forwarded_for(lines).as_deref(), Some(source), "{lines:?}");
        }
    }

    #[test]
    fn a_client_cannot_swallow_what_the_proxy_appends() {
        for line in [
            "for=\"198.51.100.1, for=192.0.2.7",
            "for=\"198.51.100.1\\\", for=192.0.2.7",
            "for=\"198.51.100.1\"x, for=192.0.2.7",
            "for, for=192.0.2.7",
            "for=198.51.100.1;for=198.51.100.2, for=192.0.2.7",
        ] {
            assert_eq!(forwarded(&[line]), None, "{line}");
        }
    }

    #[test]
    fn the_other_header_is_not_believed() {
        assert_eq!(read(X_FORWARDED_FOR, ProxyHeader::Forwarded, &["192.0.2.7"]).as_deref(), Some("unix"));
        assert_eq!(read(FORWARDED, ProxyHeader::XForwardedFor, &["for=192.0.2.7"]).as_deref(), Some("unix"));
    }
}
