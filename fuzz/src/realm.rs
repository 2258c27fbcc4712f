//! Routing: what peers in the same realms can do to each other, and what is left of them.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use trunkline::{Holdings, InProcess, Router};
use trunkline_config::{Config, ProcessEnvironment};
use wamp_proto::id::MAX_ID;
use wamp_proto::{DecodeRules, Message, MessageCode, RegistrationId, SerializerId, SubscriptionId, decode};

/// Peers that take part.
const PEERS: usize = 4;

/// A realm where nearly everything may be done that can be configured, and one that takes the protocol strictly.
static CONFIG: LazyLock<Config> = LazyLock::new(|| {
    let text = include_str!("realm.toml");
    Config::parse(text, Path::new("realm.toml"), &ProcessEnvironment).expect("our own file")
});

/// Each line is what happens next. `+250`: time goes on by 250 ms. `~` and a letter: that peer is gone. Any other line: the
/// peer of its first octet sends the rest: in its own serializer if it is a message in JSON, else as it is.
///
/// Nothing is left when all are gone, what the router sends can be decoded, and no CALL is answered twice.
pub(crate) fn realm_inputs(octets: &[u8]) {
    play(octets, |transport| transport.try_receive().into_iter().collect());
}

/// What a router has for a peer: nothing, if there is nothing for now.
type Receive = fn(&mut InProcess) -> Vec<Bytes>;

fn play(octets: &[u8], receive: Receive) {
    let router = Router::with_standing_clock(&CONFIG, [7; 16]);
    let mut peers: [Peer; PEERS] = std::array::from_fn(Peer::new);
    for line in octets.split(|octet| *octet == b'\n') {
        let Some((first, rest)) = line.split_first() else { continue };
        match first {
            b'+' => {
                let text = String::from_utf8_lossy(rest);
                router.advance(Duration::from_millis(text.parse::<u32>().unwrap_or(1000).into()));
            }
            b'~' => {
                if let Some(peer) = peers.get_mut(index(rest.first().copied().unwrap_or_default())) {
                    peer.transport = None;
                }
            }
            letter => {
                if let Some(peer) = peers.get_mut(index(*letter)) {
                    peer.send(&router, rest);
                }
            }
        }
        peers.iter_mut().for_each(|peer| peer.receive_all(receive));
    }
    router.advance(Duration::from_secs(3600));
    peers.iter_mut().for_each(|peer| peer.receive_all(receive));
    drop(peers);
    assert_eq!(router.sessions(), 0);
    for realm in &CONFIG.realms {
        assert_eq!(router.holdings(&realm.name), Some(Holdings::default()), "left in {}", realm.name);
    }
}

fn index(letter: u8) -> usize {
    usize::from(letter) % PEERS
}

struct Peer {
    serializer: SerializerId,
    transport: Option<InProcess>,
    /// Final answers to each CALL that was sent.
    calls: HashMap<u64, usize>,
    /// Subscriptions and registrations, in the order in which they were confirmed.
    confirmed: Vec<u64>,
    /// Whether request IDs may have begun anew.
    has_wrapped: bool,
}

impl Peer {
    fn new(index: usize) -> Self {
        let [json, msgpack, cbor] = SerializerId::ALL;
        let serializer = [json, msgpack, cbor, json].into_iter().nth(index).unwrap_or(json);
        Self { serializer, transport: None, calls: HashMap::new(), confirmed: Vec::new(), has_wrapped: false }
    }

    fn send(&mut self, router: &Arc<Router>, octets: &[u8]) {
        let text = Bytes::copy_from_slice(octets);
        let frame = match decode(SerializerId::Json, &text, &DecodeRules::default()) {
            Ok(message) => match self.adapt(message).encode(self.serializer) {
                Ok(frame) => frame,
                // Not to be had in the serializer of this peer.
                Err(_) => return,
            },
            Err(_) => text,
        };
        let is_over = match &mut self.transport {
            Some(transport) => transport.send(&frame).is_err(),
            None => true,
        };
        if is_over {
            *self = Self {
                transport: Some(router.connect(self.serializer)),
                serializer: self.serializer,
                ..Self::new(0)
            };
        }
        // What is sent may be a CALL in any case: as text, or as octets that happen to be one.
        if let Ok(message) = decode(self.serializer, &frame, &unlimited()) {
            self.note_request(&message);
        }
        if is_over && let Some(transport) = &mut self.transport {
            assert!(transport.send(&frame).is_ok(), "a new transport takes one message at least");
        }
    }

    /// Small numbers stand for the first subscriptions and registrations, whose IDs no script can know.
    fn adapt(&self, mut message: Message) -> Message {
        let known = |number: u64| self.confirmed.get(usize::try_from(number).ok()?.checked_sub(1)?).copied();
        match &mut message {
            Message::Unsubscribe(unsubscribe) => {
                if let Some(id) = known(unsubscribe.subscription.value()).and_then(SubscriptionId::new) {
                    unsubscribe.subscription = id;
                }
            }
            Message::Unregister(unregister) => {
                if let Some(id) = known(unregister.registration.value()).and_then(RegistrationId::new) {
                    unregister.registration = id;
                }
            }
            _ => {}
        }
        message
    }

    fn note_request(&mut self, message: &Message) {
        let request = match message {
            Message::Call(call) => {
                self.calls.entry(call.request.value()).or_default();
                call.request
            }
            Message::Publish(publish) => publish.request,
            Message::Subscribe(subscribe) => subscribe.request,
            Message::Unsubscribe(unsubscribe) => unsubscribe.request,
            Message::Register(register) => register.request,
            Message::Unregister(unregister) => unregister.request,
            _ => return,
        };
        self.has_wrapped |= request.value() == MAX_ID;
    }

    fn receive_all(&mut self, receive: Receive) {
        loop {
            let frames = self.transport.as_mut().map(receive).unwrap_or_default();
            if frames.is_empty() {
                return;
            }
            for frame in frames {
                match decode(self.serializer, &frame, &unlimited()) {
                    Ok(message) => self.receive(&message),
                    Err(error) => panic!("the router sends {frame:?}: {error}"),
                }
            }
        }
    }

    fn receive(&mut self, message: &Message) {
        match message {
            Message::Subscribed(subscribed) => self.confirmed.push(subscribed.subscription.value()),
            Message::Registered(registered) => self.confirmed.push(registered.registration.value()),
            Message::CallResult(result) if result.details.progress != Some(true) => {
                self.note_answer(result.request.value());
            }
            Message::Error(error) if error.request_type == MessageCode::Call as u64 => {
                self.note_answer(error.request.value());
            }
            _ => {}
        }
    }

    fn note_answer(&mut self, request: u64) {
        let Some(answers) = self.calls.get_mut(&request) else {
            panic!("an answer to CALL {request}, which was never sent");
        };
        *answers += 1;
        assert!(*answers == 1 || self.has_wrapped, "CALL {request} is answered {answers} times");
    }
}

fn unlimited() -> DecodeRules {
    DecodeRules { dict_max_bytes: usize::MAX, max_depth: DecodeRules::MAX_DEPTH, ..DecodeRules::default() }
}

/// The same check of a router that is wrong.
pub(crate) mod faulty {
    use super::*;

    /// Sends errors twice.
    pub(crate) fn realm_inputs(octets: &[u8]) {
        play(octets, |transport| {
            let Some(frame) = transport.try_receive() else { return Vec::new() };
            if frame.starts_with(b"[8,") { vec![frame.clone(), frame] } else { vec![frame] }
        });
    }
}
