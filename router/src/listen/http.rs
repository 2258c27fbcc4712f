//! The HTTP side of a listener: the upgrade to WebSocket, and plain answers to everything else.

use std::convert::Infallible;
use std::future;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Body;
use hyper::header::{
    ALLOW, CONNECTION, CONTENT_TYPE, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN,
    SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, SET_COOKIE,
    UPGRADE,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::io::AsyncWriteExt as _;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use trunkline_config::{Cookie, Listener, ListenerKind};
use wamp_proto::{MESSAGE_MAX_BYTES_HEADER, Subprotocol};

use super::{Entrance, OpenError, Place, Source, forwarded};
use crate::authentication::cookies::{self, Issued};
use crate::transport::{Framing, Stream, Transport};

/// hyper panics on a smaller buffer. The limit on the head itself may still be lower.
const HYPER_BUFFER_MIN: usize = 8192;

/// The WebSocket of the request that upgrades the connection.
pub(super) async fn open_websocket(
    stream: Stream,
    entrance: &Entrance,
    source: &mut Source,
    place: &mut Place,
) -> Result<(Transport, Option<Box<Issued>>), OpenError> {
    let agree = |headers: &HeaderMap| {
        let subprotocol = first_supported_offer(headers)?;
        let mut response = HeaderMap::new();
        response.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(subprotocol.name()));
        response.insert(MESSAGE_MAX_BYTES_HEADER, HeaderValue::from(entrance.message_max_bytes));
        let cookie = entrance.listener.cookie.as_ref().map(|settings| {
            let (text, issued) = entrance.cookies.issue(settings, shown_cookie(headers), Instant::now());
            response.extend(set_cookie(&text, settings).map(|value| (SET_COOKIE, value)));
            Box::new(issued)
        });
        Some(((subprotocol, cookie), response))
    };
    let (stream, read_ahead, (subprotocol, cookie)) = answer(stream, entrance, source, place, agree).await?;
    let transport = Transport::websocket(stream, read_ahead, subprotocol, entrance.message_max_bytes);
    Ok((transport, cookie))
}

/// The cookie of ours that a browser shows.
fn shown_cookie(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == cookies::NAME).map(|(_, value)| value)
}

/// Never sent without TLS (but to this machine itself), nor to scripts, nor for pages of other sites.
fn set_cookie(text: &str, settings: &Cookie) -> Option<HeaderValue> {
    let (name, max_age) = (cookies::NAME, settings.max_age.as_secs());
    let value = format!("{name}={text}; Path=/; Max-Age={max_age}; Secure; HttpOnly; SameSite=Strict");
    HeaderValue::try_from(value).ok()
}

/// The same with any subprotocol, or none: the first one that the peer offers.
pub(super) async fn open_testee(
    stream: Stream,
    entrance: &Entrance,
    source: &mut Source,
    place: &mut Place,
) -> Result<Framing<()>, OpenError> {
    let agree = |headers: &HeaderMap| {
        let offer = list(headers, &SEC_WEBSOCKET_PROTOCOL).next();
        let name = offer.and_then(|offer| HeaderValue::from_str(offer).ok());
        Some(((), name.into_iter().map(|name| (SEC_WEBSOCKET_PROTOCOL, name)).collect()))
    };
    let (stream, read_ahead, ()) = answer(stream, entrance, source, place, agree).await?;
    Ok(Framing::new(stream, &read_ahead, (), entrance.message_max_bytes))
}

/// Answers requests until one of them upgrades the connection. What was agreed on comes back with the stream and with
/// what came behind the request.
///
/// `agree` looks at the offered subprotocols: what becomes of them, and what the response says; none if there is none
/// of use.
async fn answer<T>(
    stream: Stream,
    entrance: &Entrance,
    source: &mut Source,
    place: &mut Place,
    agree: impl Fn(&HeaderMap) -> Option<(T, HeaderMap)>,
) -> Result<(Stream, Bytes, T), OpenError> {
    let listener = &entrance.listener;
    let visit = Mutex::new((source, place));
    let agreed = Mutex::new(None);
    let service = service_fn(|request| {
        let (source, place) = &mut *visit.lock();
        let answer = if place.is_granted() {
            upgrade(&request, listener, &agree).and_then(|upgraded| {
                settle(request.headers(), entrance, source, place)?;
                Ok(upgraded)
            })
        } else {
            Err(full())
        };
        let response = match answer {
            Ok((upgraded, response)) => {
                *agreed.lock() = Some(upgraded);
                response
            }
            Err(refusal) => *refusal,
        };
        future::ready(Ok::<_, Infallible>(response))
    });
    let http1::Parts { io, read_buf, .. } = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(listener.handshake_timeout)
        .max_header_size(listener.http_head_max_bytes)
        .max_buf_size(listener.http_head_max_bytes.max(HYPER_BUFFER_MIN))
        .serve_connection(TokioIo::new(stream), service)
        .without_shutdown()
        .await
        .map_err(OpenError::BadHttp)?;
    let mut stream = io.into_inner();
    match agreed.into_inner() {
        Some(upgraded) => Ok((stream, read_buf, upgraded)),
        None => {
            // TLS ends with a word of its own, which need not reach a peer that is gone.
            stream.shutdown().await.ok();
            let (_, place) = visit.into_inner();
            Err(if place.is_granted() { OpenError::Http } else { OpenError::Full })
        }
    }
}

/// Finds out for whom a trusted proxy forwards the request, and counts the connection for them.
fn settle(
    headers: &HeaderMap,
    entrance: &Entrance,
    source: &mut Source,
    place: &mut Place,
) -> Result<(), Box<TextResponse>> {
    if let Some(header) = entrance.proxy_header_of(*source) {
        *source = forwarded::source(headers, header, *source, &entrance.listener.trusted_proxies)
            .map_err(|forwarded::Malformed| refusal(StatusCode::BAD_REQUEST, "malformed Forwarded header"))?;
        // However many others are being refused, this one is being answered anyway.
        place.count_for(*source).ok();
        if !place.is_granted() {
            return Err(full());
        }
    }
    Ok(())
}

/// There is no place for this connection.
fn full() -> Box<TextResponse> {
    let refusal = refusal(StatusCode::SERVICE_UNAVAILABLE, "too many connections: try again later");
    with(refusal, CONNECTION, "close")
}

type TextResponse = Response<Full<Bytes>>;

/// What was agreed on and the 101 response that `request` asks for, or the response that refuses it.
fn upgrade<B: Body, T>(
    request: &Request<B>,
    listener: &Listener,
    agree: impl Fn(&HeaderMap) -> Option<(T, HeaderMap)>,
) -> Result<(T, TextResponse), Box<TextResponse>> {
    let (headers, path) = (request.headers(), request.uri().path());
    if !listener.websocket_paths.iter().any(|known| known == path) {
        return Err(refusal(StatusCode::NOT_FOUND, "there is nothing at this path"));
    }
    if request.method() != Method::GET {
        let text = "only GET is answered here";
        return Err(with(refusal(StatusCode::METHOD_NOT_ALLOWED, text), ALLOW, "GET"));
    }
    if !names(headers, &UPGRADE, "websocket") {
        let upgrade =
            with(refusal(StatusCode::UPGRADE_REQUIRED, &hint(headers, path, listener)), UPGRADE, "websocket");
        return Err(with(upgrade, CONNECTION, "upgrade"));
    }
    if request.version() != Version::HTTP_11 || !names(headers, &CONNECTION, "upgrade") {
        let text = "a WebSocket handshake needs HTTP/1.1 and Connection: Upgrade";
        return Err(refusal(StatusCode::BAD_REQUEST, text));
    }
    if !request.body().is_end_stream() {
        // Whether it was taken for frames would depend on how much of it had come.
        return Err(refusal(StatusCode::BAD_REQUEST, "a WebSocket handshake has no body"));
    }
    if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        let text = "this is WebSocket version 13";
        let refusal = with(refusal(StatusCode::UPGRADE_REQUIRED, text), SEC_WEBSOCKET_VERSION, "13");
        return Err(with(with(refusal, UPGRADE, "websocket"), CONNECTION, "upgrade"));
    }
    if !is_allowed_origin(headers, &listener.allowed_origin_hosts) {
        let text = "pages of this origin may not connect: see allowed_origin_hosts";
        return Err(refusal(StatusCode::FORBIDDEN, text));
    }
    let Some(accept) = accept_value(headers) else {
        let text = "Sec-WebSocket-Key must be 16 octets in base64";
        return Err(refusal(StatusCode::BAD_REQUEST, text));
    };
    let Some((agreed, more)) = agree(headers) else {
        let text = format!("Sec-WebSocket-Protocol must offer {}", subprotocols());
        return Err(refusal(StatusCode::BAD_REQUEST, &text));
    };
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    headers.extend(more);
    Ok((agreed, response))
}

/// A plain text response of one line.
fn refusal(status: StatusCode, line: &str) -> Box<TextResponse> {
    let mut response = Response::new(Full::from(format!("{line}\n")));
    *response.status_mut() = status;
    with(Box::new(response), CONTENT_TYPE, "text/plain; charset=utf-8")
}

fn with(mut response: Box<TextResponse>, name: HeaderName, value: &'static str) -> Box<TextResponse> {
    response.headers_mut().insert(name, HeaderValue::from_static(value));
    response
}

/// Tells somebody with a browser what this port is.
fn hint(headers: &HeaderMap, path: &str, listener: &Listener) -> String {
    // The name comes from a stranger: nothing but a host and a port is repeated.
    let is_host_octet = |octet: u8| octet.is_ascii_alphanumeric() || b".-:[]".contains(&octet);
    let host = headers
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .filter(|host| !host.is_empty() && host.bytes().all(is_host_octet))
        .unwrap_or("this-host");
    if listener.kind == ListenerKind::WebsocketTestee {
        return "this is a WebSocket for suites of tests: it sends every message back".to_owned();
    }
    let scheme = if listener.tls.is_some() { "wss" } else { "ws" };
    format!("this is a WAMP router: connect to {scheme}://{host}{path} with subprotocol {}", subprotocols())
}

/// The supported subprotocols, for a person to read.
fn subprotocols() -> String {
    Subprotocol::ALL.map(Subprotocol::name).join(", ")
}

/// The parts of a header that is a list, which may be spread over several lines.
fn list<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

/// Whether the list in a header has `token` in it, in whatever case.
fn names(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    list(headers, name).any(|part| part.eq_ignore_ascii_case(token))
}

/// The peer's order of preference counts (WS-02); without a known subprotocol there is no WAMP (WS-01).
fn first_supported_offer(headers: &HeaderMap) -> Option<Subprotocol> {
    list(headers, &SEC_WEBSOCKET_PROTOCOL).find_map(Subprotocol::from_name)
}

/// Whether the page that a browser connects for may do so. What is no browser sends no Origin.
fn is_allowed_origin(headers: &HeaderMap, allowed: &[String]) -> bool {
    let mut origins = headers.get_all(ORIGIN).iter().peekable();
    if origins.peek().is_none() || allowed.iter().any(|host| host == "*") {
        return true;
    }
    origins.all(|origin| {
        let host = origin.to_str().ok().and_then(origin_host);
        host.is_some_and(|host| allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(host)))
    })
}

/// The host in an Origin, `scheme://host[:port]`; none in `null`, which any page can have itself sent.
fn origin_host(origin: &str) -> Option<&str> {
    let (_, authority) = origin.split_once("://")?;
    match authority.find(']') {
        Some(end) => authority.get(..=end),
        None => authority.split(':').next(),
    }
}

/// The proof that the peer's one key was understood, if it is 16 octets in base64.
fn accept_value(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).iter();
    let (key, None) = (keys.next()?.as_bytes(), keys.next()) else {
        return None;
    };
    // 16 octets are 22 digits, filled up to 24.
    let digits = key.strip_suffix(b"==")?;
    let is_digit = |octet: &u8| octet.is_ascii_alphanumeric() || b"+/".contains(octet);
    if digits.len() != 22 || !digits.iter().all(is_digit) {
        return None;
    }
    HeaderValue::try_from(derive_accept_key(key)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(origin: &'static str, hosts: &[&str]) -> bool {
        let headers = HeaderMap::from_iter([(ORIGIN, HeaderValue::from_static(origin))]);
        let hosts: Vec<_> = hosts.iter().map(|&host| host.to_owned()).collect();
        is_allowed_origin(&headers, &hosts)
    }

    #[test]
    fn pages_connect_from_allowed_hosts_only() {
        let local = ["localhost", "127.0.0.1", "[::1]"];
        for origin in
            ["http://localhost:3000", "https://LOCALHOST", "http://127.0.0.1:8080", "http://[::1]:5173"]
        {
            assert!(allowed(origin, &local), "{origin}");
        }
        for origin in [
            "https://evil.example",
            "null",
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example",
            "",
        ] {
            assert!(!allowed(origin, &local), "{origin}");
        }
        assert!(allowed("https://anywhere.example", &["*"]));
        assert!(is_allowed_origin(&HeaderMap::new(), &[]));
    }
}
