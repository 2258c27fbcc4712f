//! A peer of the load: a joined WAMP session, or its stand-in at a relay that knows no WAMP.
//!
//! At a relay the frames hold the messages that the other peer would have got from a router, so the load
//! decodes and checks the same. See `examples/relay.rs` for how a frame finds its way there.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context as _, bail};
use bytes::{Buf as _, Bytes};
use tokio_tungstenite::tungstenite::http::Uri;
use wamp_proto::dict::{
    CalleeRole, CallerRole, ClientRoles, Dict, HelloDetails, PublisherRole, SubscriberRole,
};
use wamp_proto::message::{Error, Hello, Register, Subscribe};
use wamp_proto::session::ClientInput;
use wamp_proto::{ClientSession, DecodeRules, Message, SerializerId, decode};

use super::connection::Connection;

/// Where a load goes to.
#[derive(Clone, Debug)]
pub(super) struct Target {
    transport: Transport,
    authority: String,
    path: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    WebSocket,
    RawSocket,
    Relay,
}

impl Transport {
    const ALL: [Self; 3] = [Self::WebSocket, Self::RawSocket, Self::Relay];

    const fn scheme(self) -> &'static str {
        match self {
            Self::WebSocket => "ws",
            Self::RawSocket => "rs",
            Self::Relay => "relay",
        }
    }
}

impl Target {
    /// Whether it is no WAMP router, but a relay.
    pub(super) fn is_relay(&self) -> bool {
        self.transport == Transport::Relay
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let uri: Uri = text.parse().map_err(|error| format!("not a URL: {error}"))?;
        let scheme = uri.scheme_str().unwrap_or_default();
        let transport = Transport::ALL.into_iter().find(|transport| transport.scheme() == scheme);
        let transport = transport.ok_or("expected ws://…, rs://… or relay://…")?;
        if uri.port().is_none() {
            return Err("the port is missing".to_owned());
        }
        let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Self { transport, authority, path })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.transport == Transport::WebSocket { self.path.as_str() } else { "" };
        write!(f, "{}://{}{path}", self.transport.scheme(), self.authority)
    }
}

/// What peers of one run have in common.
#[derive(Clone, Debug)]
pub(super) struct Joining {
    pub(super) target: Target,
    pub(super) realm: String,
    pub(super) serializer: SerializerId,
}

/// What a peer does, and which of them it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    Caller(u16),
    Callee,
    /// Publishes to the topic of that number.
    Publisher(u16),
    /// Receives the topic of that number.
    Subscriber(u16),
    /// Does nothing.
    Idler,
}

impl Part {
    fn relay_path(self) -> anyhow::Result<String> {
        Ok(match self {
            Self::Caller(number) => format!("/caller/{number}"),
            Self::Callee => "/callee".to_owned(),
            Self::Publisher(topic) => format!("/publisher/{topic}"),
            Self::Subscriber(topic) => format!("/subscriber/{topic}"),
            Self::Idler => bail!("a relay has no idle sessions to measure"),
        })
    }
}

/// Octets before a message that tell a relay which caller it belongs to.
type CallerTag = [u8; 4];

/// An open session. Single requests are awaited here; what makes the load goes through
/// [`Peer::queue`], [`Peer::receive`] and [`Peer::next_message`].
#[derive(Debug)]
pub(super) struct Peer {
    connection: Connection,
    session: ClientSession,
    serializer: SerializerId,
    rules: DecodeRules,
    /// At a relay: our own as a caller, that of the last message as the callee.
    tag: Option<CallerTag>,
    is_relayed: bool,
}

impl Peer {
    /// Connects, and opens a session if there is a router.
    pub(super) async fn join(joining: &Joining, part: Part) -> anyhow::Result<Self> {
        let Joining { target, realm, serializer } = joining;
        let (authority, serializer) = (target.authority.as_str(), *serializer);
        let connection = match target.transport {
            Transport::WebSocket => {
                let subprotocol = Some(serializer.subprotocol());
                Connection::websocket(authority, &target.path, subprotocol, serializer).await?
            }
            Transport::RawSocket => Connection::rawsocket(authority, serializer).await?,
            Transport::Relay => {
                Connection::websocket(authority, &part.relay_path()?, None, serializer).await?
            }
        };
        let is_relayed = target.is_relay();
        let tag = match part {
            Part::Caller(number) if is_relayed => Some(caller_tag(number)),
            Part::Callee if is_relayed => Some(caller_tag(0)),
            _ => None,
        };
        let rules = DecodeRules::default();
        let mut peer = Self { connection, session: ClientSession::new(), serializer, rules, tag, is_relayed };
        if !is_relayed {
            peer.say_hello(realm).await.with_context(|| format!("cannot join {realm:?} at {target}"))?;
        }
        Ok(peer)
    }

    async fn say_hello(&mut self, realm: &str) -> anyhow::Result<()> {
        let roles = ClientRoles {
            publisher: Some(PublisherRole::default().into()),
            subscriber: Some(SubscriberRole::default().into()),
            caller: Some(CallerRole::default().into()),
            callee: Some(CalleeRole::default().into()),
            ..ClientRoles::default()
        };
        let details = HelloDetails { roles: Some(roles.into()), ..HelloDetails::default() };
        self.send(&Hello { realm: realm.into(), details: details.into() }.into())?;
        match self.next_input().await? {
            ClientInput::Welcome(_) => Ok(()),
            ClientInput::Challenge(challenge) => {
                bail!("the router wants authentication ({}); anonymous sessions only", challenge.authmethod)
            }
            other => bail!("unexpected answer to HELLO: {other:?}"),
        }
    }

    /// Subscribes to a topic and waits until that is done. A relay knows it from the path.
    pub(super) async fn subscribe(&mut self, topic: &str) -> anyhow::Result<()> {
        if self.is_relayed {
            return Ok(());
        }
        let request = self.session.next_request();
        self.request(&Subscribe { request, options: Dict::new(), topic: topic.into() }.into()).await
    }

    /// Registers a procedure and waits until that is done. A relay knows it from the path.
    pub(super) async fn register(&mut self, procedure: &str) -> anyhow::Result<()> {
        if self.is_relayed {
            return Ok(());
        }
        let request = self.session.next_request();
        self.request(&Register { request, options: Dict::new(), procedure: procedure.into() }.into()).await
    }

    async fn request(&mut self, message: &Message) -> anyhow::Result<()> {
        self.send(message)?;
        match self.next_input().await? {
            ClientInput::Answer(_) => Ok(()),
            ClientInput::Error(error) => bail!("{} refused: {}", message.code().as_str(), describe(&error)),
            other => bail!("unexpected answer to {}: {other:?}", message.code().as_str()),
        }
    }

    async fn next_input(&mut self) -> anyhow::Result<ClientInput> {
        loop {
            if let Some(message) = self.next_message()? {
                return match self.session.receive(message)? {
                    ClientInput::Aborted(abort) => bail!("the router aborted: {}", abort.reason),
                    input => Ok(input),
                };
            }
            self.receive().await?;
        }
    }

    /// Encodes and queues a message.
    pub(super) fn send(&mut self, message: &Message) -> anyhow::Result<()> {
        let body = message.encode(self.serializer)?;
        self.queue(&body);
        Ok(())
    }

    /// Queues an encoded message; the next [`Peer::receive`] writes it.
    pub(super) fn queue(&mut self, body: &[u8]) {
        let tag = self.tag;
        self.connection.queue(tag.as_ref().map_or(&[], CallerTag::as_slice), body);
    }

    /// Writes what is queued, and returns when something came. Dropped before, it loses nothing.
    pub(super) async fn receive(&mut self) -> anyhow::Result<()> {
        self.connection.receive().await
    }

    /// Takes the next message of what came.
    pub(super) fn next_message(&mut self) -> anyhow::Result<Option<Message>> {
        let Some(mut frame) = self.connection.next_message()? else { return Ok(None) };
        if let Some(tag) = &mut self.tag {
            *tag = take_tag(&mut frame)?;
        }
        Ok(Some(decode(self.serializer, &frame, &self.rules)?))
    }
}

/// Four digits, so that a frame of JSON stays text.
fn caller_tag(number: u16) -> CallerTag {
    let mut tag = [b'0'; 4];
    for (digit, value) in tag.iter_mut().rev().zip([1, 10, 100, 1000]) {
        *digit += (number / value % 10) as u8;
    }
    tag
}

fn take_tag(frame: &mut Bytes) -> anyhow::Result<CallerTag> {
    let tag = *frame.first_chunk().context("a relayed frame has no tag")?;
    frame.advance(tag.len());
    Ok(tag)
}

/// What an ERROR says, for a person to read.
pub(super) fn describe(error: &Error) -> String {
    let arguments = error.payload.values().map(|(arguments, _)| arguments).unwrap_or_default();
    match arguments.first().and_then(|argument| argument.as_str()) {
        Some(text) => format!("{} ({text})", error.error),
        None => error.error.to_string(),
    }
}

/// The error of a peer that got something it cannot use.
pub(super) fn unexpected(message: &Message) -> anyhow::Error {
    match message {
        Message::Error(error) => anyhow::anyhow!("the router refused: {}", describe(error)),
        Message::Abort(abort) => anyhow::anyhow!("the router aborted: {}", abort.reason),
        Message::Goodbye(goodbye) => anyhow::anyhow!("the router said goodbye: {}", goodbye.reason),
        other => anyhow::anyhow!("unexpected {}", other.code().as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_named_by_url() {
        for text in ["ws://127.0.0.1:8080/ws", "rs://[::1]:8080", "relay://localhost:9000"] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
        }
        for text in ["http://127.0.0.1:8080/", "ws://127.0.0.1/ws", "127.0.0.1:8080", ""] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }

    #[test]
    fn caller_tags_are_four_digits() {
        assert_eq!(&caller_tag(0), b"0000");
        assert_eq!(&caller_tag(9042), b"9042");
    }
}
