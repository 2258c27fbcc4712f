//! What sessions receive, held against what the model says they should.

use std::hash::Hash;
use std::task::Poll;

use wamp_proto::message::{Answered, Event, Invocation};
use wamp_proto::{Message, MessageCode};

use super::Simulation;
use crate::model::{Answer, Asked, Invoked};
use crate::note::Note;
use crate::reply::{Content, FAILED, SCHEME};

impl Simulation {
    pub(super) fn read(&mut self, name: u64) {
        self.take(name);
        self.observe();
        for invocation in self.model.read(name) {
            self.peer(name).expect_gap(invocation);
        }
        self.look();
    }

    /// Takes what there is out of the outbox.
    pub(super) fn take(&mut self, name: u64) {
        let messages = self.arrived.entry(name).or_default();
        let peer = &mut self.people.get_mut(&name).expect("a person").peer;
        loop {
            match peer.poll_message() {
                Poll::Pending => break,
                Poll::Ready(None) => panic!("{name} was disconnected though it had room"),
                Poll::Ready(Some(message)) => {
                    let body = message.encode(peer.serializer).expect("it came in that serializer");
                    (name, body).hash(&mut self.digest);
                    messages.push(message);
                }
            }
        }
    }

    /// Tells the model whom chance has chosen: takes what came to those who may have been.
    pub(super) fn observe(&mut self) {
        for name in self.model.left_to_chance() {
            if self.people.contains_key(&name) {
                self.take(name);
            }
        }
        self.model.departures.extend(self.departures.take());
        for (name, messages) in &self.arrived {
            for message in messages {
                if let Message::Invocation(invocation) = message {
                    self.model.seen_at.insert(Note::read(&invocation.payload).key(), *name);
                }
            }
        }
    }

    /// Holds what arrived against what should have.
    pub(super) fn look(&mut self) {
        self.model.seen_at.clear();
        self.model.departures.clear();
        while let Some((name, messages)) = self.arrived.pop_first() {
            let lost = self.model.read(name);
            assert!(lost.is_empty(), "{name} can be told everything");
            for message in messages {
                self.peer(name).check(&message);
                self.received(name, &message);
            }
            self.model.was_read(name);
        }
    }

    fn received(&mut self, name: u64, message: &Message) {
        let (request, answer) = match message {
            Message::Event(event) => return self.received_event(name, event),
            Message::Invocation(invocation) => {
                let invoked = self.invoked(name, invocation);
                return self.was_asked(name, &Asked::Invoked(invoked));
            }
            Message::Interrupt(interrupt) => {
                let mode = interrupt.options.mode.expect("a mode");
                let request = interrupt.request.value();
                return self.was_asked(name, &Asked::Interrupted { request, mode });
            }
            Message::Error(answer) if answer.request_type == MessageCode::Yield as u64 => {
                return self.was_asked(name, &Asked::Refused { request: answer.request.value() });
            }
            Message::Subscribed(answer) => (answer.request, None),
            Message::Published(answer) => (answer.request, None),
            Message::Registered(answer) => (answer.request, None),
            Message::Unsubscribed(answer) => match answer.request {
                Answered::Request(request) => (request, Some(Answer::Unsubscribed)),
                Answered::Revocation => {
                    let revoked = answer.revoked.as_ref().expect("what is revoked");
                    let session = self.model.sessions.get_mut(&name).expect("a session");
                    let topic = session.lost_subscriptions.pop_front().expect("no revocation");
                    let id = self.identifiers.subscription(session.realm, &topic);
                    return assert_eq!(revoked.subscription, id, "a revocation for {name}");
                }
            },
            Message::Unregistered(answer) => match answer.request {
                Answered::Request(request) => (request, Some(Answer::Unregistered)),
                Answered::Revocation => {
                    let revoked = answer.revoked.as_ref().expect("what is revoked");
                    let session = self.model.sessions.get_mut(&name).expect("a session");
                    let (number, reason) = session.revocations.pop_front().expect("no revocation");
                    assert_eq!(revoked.reason.as_deref(), Some(reason), "for {name}");
                    let id = revoked.registration.expect("an ID");
                    let known = self.identifiers.registration(session.realm, id);
                    return assert_eq!(known, number, "a revocation for {name}");
                }
            },
            Message::CallResult(answer) => {
                let content = Content::read(&answer.payload);
                let details = &answer.details;
                let answered = match (details.progress == Some(true), &details.ppt_scheme, content) {
                    (true, None, content) => Answer::Progress(content),
                    (false, None, content) => Answer::Result(content),
                    (false, Some(scheme), Content::One(note)) if scheme == SCHEME => Answer::Packed(note),
                    _ => panic!("{name} gets {answer:?}"),
                };
                (answer.request, Some(answered))
            }
            Message::Error(answer) if answer.error == FAILED => {
                (answer.request, Some(Answer::Failed(Note::read(&answer.payload))))
            }
            Message::Error(answer) => (answer.request, None),
            other => panic!("{name} gets {other:?}"),
        };
        let session = self.model.sessions.get_mut(&name).expect("a session");
        let realm = session.realm;
        let answers = session.answers.entry(request).or_default();
        let expected = answers.pop_front();
        if answers.is_empty() {
            session.answers.remove(&request);
        }
        match (message, expected) {
            (Message::Subscribed(answer), Some(Answer::Subscribed(topic))) => {
                self.identifiers.subscription_is(realm, &topic, answer.subscription);
            }
            (Message::Registered(answer), Some(Answer::Registered(number))) => {
                self.identifiers.registration_is(realm, number, answer.registration);
            }
            (Message::Published(answer), Some(Answer::Published(note))) => {
                self.identifiers.publication_is(note, answer.publication);
            }
            (Message::Error(answer), Some(Answer::Error(error))) => {
                assert_eq!(answer.error, error, "for {name}");
            }
            (_, Some(expected)) if answer.as_ref() == Some(&expected) => {}
            (_, expected) => panic!("{name} gets {message:?} instead of {expected:?}"),
        }
    }

    fn received_event(&mut self, name: u64, event: &Event) {
        let session = self.model.sessions.get_mut(&name).expect("a session");
        let note = Note::read(&event.payload);
        let Some(expected) = session.events.front_mut().filter(|expected| expected.note == note) else {
            panic!("{name} gets {note:?} instead of {:?}", session.events.front());
        };
        let meant = expected
            .subscriptions
            .iter()
            .find(|topic| self.identifiers.subscription(session.realm, topic) == Some(event.subscription));
        let Some(meant) = meant.cloned() else {
            panic!("{name} gets {event:?} instead of {expected:?}");
        };
        expected.subscriptions.remove(&meant);
        if let Some(topic) = &event.details.topic {
            assert_eq!(**topic, *expected.topic, "for {name}");
        }
        if expected.subscriptions.is_empty() {
            session.events.pop_front();
        }
        self.identifiers.publication_is(note, event.publication);
    }

    fn invoked(&self, name: u64, invocation: &Invocation) -> Invoked {
        let details = &invocation.details;
        Invoked {
            request: invocation.request.value(),
            registration: self
                .identifiers
                .registration(self.model.sessions[&name].realm, invocation.registration),
            procedure: details.procedure.as_deref().map(str::to_owned),
            note: Note::read(&invocation.payload),
            is_packed: details.ppt_scheme.as_deref() == Some(SCHEME),
            more_follows: details.progress == Some(true),
            takes_progress: details.receive_progress == Some(true),
            timeout: details.timeout,
        }
    }

    fn was_asked(&mut self, name: u64, asked: &Asked) {
        let session = self.model.sessions.get_mut(&name).expect("a session");
        assert_eq!(Some(asked), session.asked.pop_front().as_ref(), "what {name} is asked");
    }
}
