//! A scripted peer: sends what the test writes, and says what came.

use bytes::Bytes;
use tokio::net::TcpStream;
use wamp_proto::error_uri::PROTOCOL_VIOLATION;
use wamp_proto::message::{CallResult, Error, Event, Invocation, Welcome};
use wamp_proto::{DecodeRules, Message, MessageCode, Profile, SerializerId, decode};

use crate::wire::{Duplex, Received, Wire};
use crate::{STRICT, TestRouter, Transport, Via, hello, hello_with_features, within_deadline};

/// One peer on its transport. Its name appears in failures.
#[derive(Debug)]
pub struct Peer {
    name: String,
    serializer: SerializerId,
    wire: Wire,
    last_request: u64,
}

/// The pattern of an EVENT with that payload.
pub fn event(subscription: u64, payload: &str) -> String {
    let comma = if payload.is_empty() { "" } else { "," };
    format!("[36,{subscription},#,{{}}{comma}{payload}]")
}

/// The pattern of an ERROR, whatever its payload explains.
pub fn error(request_type: u64, request: u64, uri: &str) -> String {
    format!(r#"[8,{request_type},{request},{{}},"{uri}"…"#)
}

impl Peer {
    /// Connects by WebSocket in JSON, and joins the realm [`STRICT`].
    pub async fn join(router: &TestRouter, name: &str) -> Self {
        Self::join_via(router, name, Via(Transport::WebSocket, SerializerId::Json)).await
    }

    /// Connects as told, and joins the realm [`STRICT`].
    pub async fn join_via(router: &TestRouter, name: &str, via: Via) -> Self {
        Self::join_realm(router, name, via, STRICT).await
    }

    /// Connects as told, and joins that realm.
    pub async fn join_realm(router: &TestRouter, name: &str, via: Via, realm: &str) -> Self {
        let mut peer = Self::connect(router, name, via).await;
        peer.hello(realm).await;
        peer
    }

    /// Connects as told, and joins the realm [`STRICT`] with every feature of callers and callees.
    pub async fn join_with_features(router: &TestRouter, name: &str, via: Via) -> Self {
        let mut peer = Self::connect(router, name, via).await;
        peer.send(&hello_with_features(STRICT)).await;
        peer.expect_welcome().await;
        peer
    }

    /// Connects, and says nothing yet.
    pub async fn connect(router: &TestRouter, name: &str, via: Via) -> Self {
        let wire = within_deadline(&format!("{name} connects"), Wire::open(router, via)).await;
        Self { name: format!("{name} ({via})"), serializer: via.1, wire, last_request: 0 }
    }

    /// Joins [`STRICT`] in-process, as that principal.
    pub async fn join_as(router: &TestRouter, authid: &str, authrole: &str) -> Self {
        let mut peer = Self::connect_as(router, authid, authrole);
        peer.hello(STRICT).await;
        peer
    }

    /// Connects in-process as that principal, and says nothing yet.
    pub fn connect_as(router: &TestRouter, authid: &str, authrole: &str) -> Self {
        let serializer = SerializerId::Json;
        let wire = Wire::vouched(router, serializer, authid, authrole);
        Self { name: authid.to_owned(), serializer, wire, last_request: 0 }
    }

    /// Opens the transport over a socket that is connected already, and joins the realm [`STRICT`].
    pub async fn join_over(socket: impl Duplex + 'static, name: &str, via: Via) -> Self {
        let mut peer = Self::connect_over(socket, name, via).await;
        peer.hello(STRICT).await;
        peer
    }

    /// Opens the transport over a socket that is connected already, and says nothing yet.
    pub async fn connect_over(socket: impl Duplex + 'static, name: &str, via: Via) -> Self {
        let wire = within_deadline(&format!("{name} connects"), Wire::over(Box::new(socket), via)).await;
        Self { name: format!("{name} ({via})"), serializer: via.1, wire, last_request: 0 }
    }

    /// Joins a realm with all four roles; returns the session's ID.
    pub async fn hello(&mut self, realm: &str) -> u64 {
        self.send(&hello(realm)).await;
        self.expect_welcome().await.session.value()
    }

    /// Sends a message that is written as JSON, in the peer's serializer.
    pub async fn send(&mut self, json: &str) {
        self.send_all(&[json]).await;
    }

    /// Sends messages in one go.
    pub async fn send_all(&mut self, messages: &[&str]) {
        let mut encoded = Vec::new();
        for json in messages {
            if let Some(request) = request_of(json) {
                self.last_request = request;
            }
            encoded.push(encode(json, self.serializer));
        }
        self.send_octets(encoded).await;
    }

    /// Sends messages of these octets in one go, whatever they are. Text goes out as text.
    pub async fn send_octets(&mut self, messages: Vec<Bytes>) {
        let what = format!("{} sends", self.name);
        within_deadline(&what, self.wire.send(self.serializer.is_text(), messages)).await;
    }

    /// The ID that a next request has.
    pub fn next_request(&mut self) -> u64 {
        self.last_request += 1;
        self.last_request
    }

    /// The next message's octets, `Err` with the WebSocket's status code at the end of the transport.
    pub async fn receive_octets(&mut self) -> Result<Bytes, Option<u16>> {
        let what = format!("{} receives", self.name);
        within_deadline(&what, async {
            loop {
                match self.wire.receive().await {
                    Received::Message(body) => return Ok(body),
                    Received::Closed(code) => return Err(code),
                    Received::Ping | Received::Pong(_) => {}
                }
            }
        })
        .await
    }

    /// Waits for a ping of the router, and answers it.
    pub async fn expect_ping(&mut self) {
        let what = format!("{} is pinged", self.name);
        let received = within_deadline(&what, self.wire.receive()).await;
        assert_eq!(received, Received::Ping, "{}", self.name);
    }

    /// Pings the router; the very next thing from it is the answer.
    pub async fn expect_pong(&mut self, payload: &'static [u8]) {
        let payload = Bytes::from_static(payload);
        let what = format!("{} pings", self.name);
        let received = within_deadline(&what, async {
            self.wire.send_ping(&payload).await;
            self.wire.receive().await
        });
        assert_eq!(received.await, Received::Pong(payload), "{}", self.name);
    }

    /// The next message as JSON text: the very octets if the peer speaks JSON.
    pub async fn receive_text(&mut self) -> String {
        match self.receive_octets().await {
            Ok(body) => text(self.serializer, &body),
            Err(code) => panic!("{}: the transport ended ({code:?})", self.name),
        }
    }

    /// The next message.
    pub async fn receive(&mut self) -> Message {
        match self.receive_octets().await {
            Ok(body) => decode(self.serializer, &body, &rules()).expect("the router writes messages"),
            Err(code) => panic!("{}: the transport ended ({code:?})", self.name),
        }
    }

    /// The next message is this one. In `pattern`, `#` stands for any number, which is returned, and `…` at
    /// the end for anything.
    pub async fn expect<const N: usize>(&mut self, pattern: &str) -> [u64; N] {
        let text = self.receive_text().await;
        let Some(numbers) = match_pattern(pattern, &text) else {
            panic!("{}:\n  expected {pattern}\n  received {text}", self.name);
        };
        numbers.try_into().expect("as many results as `#` in the pattern")
    }

    /// The next message is this one, in which nothing is left open.
    pub async fn expect_message(&mut self, json: &str) {
        let [] = self.expect(json).await;
    }

    /// The next message is WELCOME.
    pub async fn expect_welcome(&mut self) -> Welcome {
        let Message::Welcome(welcome) = self.receive().await else { panic!("{}: no WELCOME", self.name) };
        self.last_request = 0;
        welcome
    }

    /// The router ends the session with an ABORT for that reason, and closes the transport.
    pub async fn expect_abort(&mut self, reason: &str) {
        match self.receive().await {
            Message::Abort(abort) => {
                assert_eq!(abort.reason, reason, "{}: {abort:?}", self.name);
                assert!(abort.details.message.is_some(), "{}: {abort:?}", self.name);
            }
            other => panic!("{}: no ABORT {reason} but {other:?}", self.name),
        }
        self.expect_closed().await;
    }

    /// The router ends the session for a violation, and closes the WebSocket with that status code.
    pub async fn expect_violation_and_close(&mut self, code: u16) {
        match self.receive().await {
            Message::Abort(abort) => assert_eq!(abort.reason, PROTOCOL_VIOLATION, "{}", self.name),
            other => panic!("{}: no ABORT but {other:?}", self.name),
        }
        assert_eq!(self.expect_closed().await, Some(code), "{}", self.name);
    }

    /// Sends text where octets are due, or octets where text is.
    pub async fn send_wrong_kind(&mut self, body: &'static [u8]) {
        let what = format!("{} sends", self.name);
        let body = Bytes::from_static(body);
        within_deadline(&what, self.wire.send(!self.serializer.is_text(), vec![body])).await;
    }

    /// The next message is the router's GOODBYE.
    pub async fn expect_goodbye(&mut self, reason: &str) {
        self.expect_message(&format!(r#"[6,{{}},"{reason}"]"#)).await;
    }

    /// The router closes the transport without a further message; returns the WebSocket's status code.
    pub async fn expect_closed(&mut self) -> Option<u16> {
        match self.receive_octets().await {
            Ok(body) => panic!("{}: received {}", self.name, text(self.serializer, &body)),
            Err(code) => code,
        }
    }

    /// Nothing waits for this session: what it asks for now is answered first.
    pub async fn expect_silence(&mut self) {
        self.publish_acknowledged("com.example.silence", "[]").await;
    }

    /// The next message is an EVENT.
    pub async fn expect_event(&mut self) -> Event {
        match self.receive().await {
            Message::Event(event) => event,
            other => panic!("{}: no EVENT but {other:?}", self.name),
        }
    }

    /// The next message is an INVOCATION.
    pub async fn expect_invocation(&mut self) -> Invocation {
        match self.receive().await {
            Message::Invocation(invocation) => invocation,
            other => panic!("{}: no INVOCATION but {other:?}", self.name),
        }
    }

    /// The next message is the RESULT of that CALL.
    pub async fn expect_result(&mut self, request: u64) -> CallResult {
        match self.receive().await {
            Message::CallResult(result) if result.request.value() == request => result,
            other => panic!("{}: no RESULT of {request} but {other:?}", self.name),
        }
    }

    /// The next message is an ERROR with that URI for that request.
    pub async fn expect_error(&mut self, request_type: MessageCode, request: u64, uri: &str) -> Error {
        match self.receive().await {
            Message::Error(error)
                if (error.request_type, error.request.value()) == (request_type as u64, request)
                    && error.error == uri =>
            {
                error
            }
            other => panic!("{}: no ERROR {uri} for {request_type:?} {request} but {other:?}", self.name),
        }
    }

    /// Subscribes to a topic; returns the subscription's ID.
    pub async fn subscribe(&mut self, topic: &str) -> u64 {
        self.subscribe_with("{}", topic).await
    }

    /// Subscribes with those options; returns the subscription's ID.
    pub async fn subscribe_with(&mut self, options: &str, topic: &str) -> u64 {
        let request = self.next_request();
        self.send(&format!(r#"[32,{request},{options},"{topic}"]"#)).await;
        let [subscription] = self.expect(&format!("[33,{request},#]")).await;
        subscription
    }

    /// Gives a subscription up.
    pub async fn unsubscribe(&mut self, subscription: u64) {
        let request = self.next_request();
        self.send(&format!("[34,{request},{subscription}]")).await;
        self.expect_message(&format!("[35,{request}]")).await;
    }

    /// Publishes without acknowledgement. `payload` is what stands behind the topic, if anything.
    pub async fn publish(&mut self, topic: &str, payload: &str) {
        let request = self.next_request();
        let comma = if payload.is_empty() { "" } else { "," };
        self.send(&format!(r#"[16,{request},{{}},"{topic}"{comma}{payload}]"#)).await;
    }

    /// Publishes, and waits for PUBLISHED; returns the publication's ID.
    pub async fn publish_acknowledged(&mut self, topic: &str, payload: &str) -> u64 {
        let request = self.next_request();
        let comma = if payload.is_empty() { "" } else { "," };
        self.send(&format!(r#"[16,{request},{{"acknowledge":true}},"{topic}"{comma}{payload}]"#)).await;
        let [publication] = self.expect(&format!("[17,{request},#]")).await;
        publication
    }

    /// Registers a procedure; returns the registration's ID.
    pub async fn register(&mut self, procedure: &str) -> u64 {
        self.register_with("{}", procedure).await
    }

    /// Registers with those options; returns the registration's ID.
    pub async fn register_with(&mut self, options: &str, procedure: &str) -> u64 {
        let request = self.next_request();
        self.send(&format!(r#"[64,{request},{options},"{procedure}"]"#)).await;
        let [registration] = self.expect(&format!("[65,{request},#]")).await;
        registration
    }

    /// Takes a registration back.
    pub async fn unregister(&mut self, registration: u64) {
        let request = self.next_request();
        self.send(&format!("[66,{request},{registration}]")).await;
        self.expect_message(&format!("[67,{request}]")).await;
    }

    /// Calls without waiting; returns the request's ID. `payload` is what stands behind the procedure.
    pub async fn call(&mut self, procedure: &str, payload: &str) -> u64 {
        let request = self.next_request();
        let comma = if payload.is_empty() { "" } else { "," };
        self.send(&format!(r#"[48,{request},{{}},"{procedure}"{comma}{payload}]"#)).await;
        request
    }

    /// Calls with those options without waiting; returns the request's ID. `rest` is the procedure and what stands
    /// behind it.
    pub async fn call_with(&mut self, options: &str, rest: &str) -> u64 {
        let request = self.next_request();
        self.send(&format!("[48,{request},{options},{rest}]")).await;
        request
    }

    /// Answers an INVOCATION. `payload` is what stands behind the options.
    pub async fn answer(&mut self, invocation: &Invocation, payload: &str) {
        let comma = if payload.is_empty() { "" } else { "," };
        self.send(&format!("[70,{},{{}}{comma}{payload}]", invocation.request)).await;
    }

    /// The socket under the transport, from here on the test's own. What was received and not yet asked for
    /// is lost.
    pub fn into_stream(self) -> TcpStream {
        self.wire.into_stream()
    }
}

fn rules() -> DecodeRules {
    DecodeRules {
        max_depth: DecodeRules::MAX_DEPTH,
        dict_max_bytes: usize::MAX,
        ..DecodeRules::new(Profile::Strict)
    }
}

/// The list that `json` writes, in that serializer. It need not be a message.
fn encode(json: &str, serializer: SerializerId) -> Bytes {
    if serializer == SerializerId::Json {
        return Bytes::copy_from_slice(json.as_bytes());
    }
    // A payload may hold any list.
    let carrier = format!("[70,1,{{}},{json}]").into();
    let carrier = decode(SerializerId::Json, &carrier, &rules()).expect("a list in JSON");
    let carrier = carrier.encode(serializer).expect("what every serializer can write");
    let carrier = decode(serializer, &carrier, &rules()).expect("what was just encoded");
    carrier.payload().expect("YIELD has a payload").raw().clone()
}

fn text(serializer: SerializerId, body: &Bytes) -> String {
    let message = decode(serializer, body, &rules()).expect("the router writes messages");
    let json = match serializer {
        SerializerId::Json => body.clone(),
        _ => message.encode(SerializerId::Json).expect("what JSON can write"),
    };
    String::from_utf8(json.to_vec()).expect("JSON is UTF-8")
}

/// The request ID of a message that takes one from the session's sequence.
fn request_of(json: &str) -> Option<u64> {
    let rest =
        ["[16,", "[32,", "[34,", "[48,", "[64,", "[66,"].iter().find_map(|head| json.strip_prefix(head))?;
    rest.split([',', ']']).next()?.parse().ok()
}

fn match_pattern(pattern: &str, text: &str) -> Option<Vec<u64>> {
    let mut numbers = Vec::new();
    let (pattern, is_open) = match pattern.strip_suffix('…') {
        Some(pattern) => (pattern, true),
        None => (pattern, false),
    };
    let mut literals = pattern.split('#');
    let mut rest = text.strip_prefix(literals.next()?)?;
    for literal in literals {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (digits, tail) = rest.split_at(end);
        numbers.push(digits.parse().ok()?);
        rest = tail.strip_prefix(literal)?;
    }
    (is_open || rest.is_empty()).then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_takes_numbers_out_and_nothing_else() {
        assert_eq!(match_pattern("[33,1,#]", "[33,1,42]"), Some(vec![42]));
        assert_eq!(match_pattern("[33,1,#]", "[33,2,42]"), None);
        assert_eq!(match_pattern("[33,1,#]", "[33,1,42,7]"), None);
        assert_eq!(match_pattern("[8,32,#,{}…", "[8,32,7,{},\"x\"]"), Some(vec![7]));
        assert_eq!(match_pattern("[35,1]", "[35,1]"), Some(vec![]));
    }

    #[test]
    fn lists_that_are_no_messages_are_written_too() {
        assert_eq!(&encode("[]", SerializerId::MsgPack)[..], [0x90]);
        assert_eq!(&encode("[1,\"x\"]", SerializerId::Cbor)[..], [0x82, 1, 0x61, b'x']);
    }
}
