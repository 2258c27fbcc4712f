//! Who leaves, in which order: told by the router to one session of each realm, of which the model knows nothing.

use std::sync::Arc;
use std::task::Poll;

use trunkline::Router;
use wamp_proto::{Message, SerializerId, SessionId, Value};

use super::REALMS;
use super::rules::ANYONE;
use crate::features::Features;
use crate::pattern::Pattern;
use crate::peer::Peer;

pub(super) struct Departures(Vec<Peer>);

impl Departures {
    pub(super) fn watch(router: &Arc<Router>) -> Self {
        let watchers = REALMS.map(|realm| {
            let transport = router.connect_as(SerializerId::Json, "watcher", ANYONE);
            let mut peer = Peer::join(transport, realm, SerializerId::Json, 0, Features::default());
            peer.subscribe(&Pattern::exact("wamp.session.on_leave"), 0);
            let subscribed = peer.poll();
            assert!(matches!(subscribed, Poll::Ready(Some(Message::Subscribed(_)))), "{subscribed:?}");
            peer
        });
        Self(watchers.into())
    }

    /// Sessions that left since this was asked last; within a realm, in that order.
    pub(super) fn take(&mut self) -> Vec<SessionId> {
        let mut departed = Vec::new();
        for watcher in &mut self.0 {
            while let Poll::Ready(message) = watcher.poll_message() {
                let Some(Message::Event(event)) = message else { panic!("a watcher gets {message:?}") };
                let (args, _) = event.payload.values().expect("arguments");
                let id = args.first().and_then(Value::as_i64).and_then(|id| SessionId::new(id as u64));
                departed.push(id.expect("a session ID"));
            }
        }
        departed
    }

    /// How many subscriptions each realm has for this.
    pub(super) fn subscriptions(&self) -> usize {
        self.0.len() / REALMS.len()
    }

    pub(super) fn sessions(&self) -> usize {
        self.0.len()
    }

    /// Returns how many sessions this took.
    pub(super) fn end(&mut self) -> usize {
        std::mem::take(&mut self.0).len()
    }
}
