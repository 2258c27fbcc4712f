//! In-process sessions: they route on the thread that sends, so that its work can be counted.

use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use trunkline::{InProcess, Router};
use wamp_proto::{DecodeRules, Message, MessageCode, Payload, SerializerId, decode};

use crate::message::{Work, encoded, work_message};

/// An open in-process session.
#[derive(Debug)]
pub struct Peer {
    /// The session itself, for what is measured.
    pub transport: InProcess,
    serializer: SerializerId,
}

impl Peer {
    /// Opens a session in the realm of the default configuration.
    ///
    /// # Errors
    /// If the router does not welcome it.
    pub fn join(router: &Arc<Router>, serializer: SerializerId) -> anyhow::Result<Self> {
        let mut peer = Self { transport: router.connect(serializer), serializer };
        let hello = r#"[1,"realm1",{"roles":{"caller":{},"callee":{},"publisher":{},"subscriber":{}}}]"#;
        peer.transport.send(&encoded(serializer, hello)?)?;
        peer.expect(MessageCode::Welcome)?;
        Ok(peer)
    }

    /// Subscribes to the topic of the events.
    ///
    /// # Errors
    /// If the router does not acknowledge it.
    pub fn subscribe(&mut self) -> anyhow::Result<()> {
        self.ask(Work::Subscribe, MessageCode::Subscribed)
    }

    /// Registers the procedure of the calls.
    ///
    /// # Errors
    /// If the router does not acknowledge it.
    pub fn register(&mut self) -> anyhow::Result<()> {
        self.ask(Work::Register, MessageCode::Registered)
    }

    fn ask(&mut self, work: Work, answer: MessageCode) -> anyhow::Result<()> {
        let request = work_message(work, &Payload::EMPTY)?.encode(self.serializer)?;
        self.transport.send(&request)?;
        self.expect(answer)?;
        Ok(())
    }

    /// Takes the only message that waits.
    ///
    /// # Errors
    /// If none or another one waits, or more than one.
    pub fn expect(&mut self, wanted: MessageCode) -> anyhow::Result<Message> {
        let (message, _) = self.expect_body(wanted)?;
        Ok(message)
    }

    /// Takes the only message that waits, with its octets.
    ///
    /// # Errors
    /// If none or another one waits, or more than one.
    pub fn expect_body(&mut self, wanted: MessageCode) -> anyhow::Result<(Message, Bytes)> {
        let body = self.transport.try_receive().with_context(|| format!("no {} came", wanted.as_str()))?;
        let message = decode(self.serializer, &body, &DecodeRules::default())?;
        if message.code() != wanted {
            bail!("{} came instead of {}: {message:?}", message.code().as_str(), wanted.as_str());
        }
        ensure!(self.transport.try_receive().is_none(), "something came behind {}", wanted.as_str());
        Ok((message, body))
    }

    /// Takes everything that waits; says how many messages that were.
    pub fn drain(&mut self) -> usize {
        std::iter::from_fn(|| self.transport.try_receive()).count()
    }
}

/// Sessions that subscribed to the topic of the events.
///
/// # Errors
/// If the router does not welcome or subscribe one.
pub fn join_subscribers(
    router: &Arc<Router>,
    serializer: SerializerId,
    count: usize,
) -> anyhow::Result<Vec<Peer>> {
    let mut subscribers = Vec::with_capacity(count);
    for _ in 0..count {
        let mut peer = Peer::join(router, serializer)?;
        peer.subscribe()?;
        subscribers.push(peer);
    }
    Ok(subscribers)
}

/// The serializer's name in the report.
pub fn name(serializer: SerializerId) -> &'static str {
    match serializer {
        SerializerId::Json => "JSON",
        SerializerId::MsgPack => "MessagePack",
        SerializerId::Cbor => "CBOR",
    }
}
