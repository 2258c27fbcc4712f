//! One session, and what may be said to it: whatever it receives is held against what it sent and received
//! before, with no knowledge of anybody else.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use trunkline::{InProcess, SessionOver};
use wamp_proto::dict::{
    CallOptions, CancelMode, CancelOptions, Dict, HelloDetails, PublishOptions, RegisterOptions,
    SubscribeOptions, YieldOptions,
};
use wamp_proto::message::{
    Answered, Call, Cancel, Error, Goodbye, Hello, Interrupt, Invocation, Publish, Register, Subscribe,
    Unregister, Unsubscribe, Yield,
};
use wamp_proto::{
    DecodeRules, Message, MessageCode, Payload, RegistrationId, RequestId, SerializerId, SessionId,
    SubscriptionId, Uri, Value, decode, error_uri,
};

use crate::features::Features;
use crate::model::Scope;
use crate::note::{Kind, Note, encode};
use crate::pattern::Pattern;
use crate::reply::{Content, FAILED, REVOKED, Reply, SCHEME};

/// Testaments are signed by somebody else than what a session publishes itself: with names that are that much higher.
const TESTATORS: u64 = 1_000_000_000;

pub(crate) struct Peer {
    transport: InProcess,
    pub(crate) serializer: SerializerId,
    /// Signs its notes.
    pub(crate) name: u64,
    pub(crate) session: SessionId,
    notes: u64,
    last_request: u64,
    open: BTreeMap<RequestId, Open>,
    subscriptions: BTreeMap<SubscriptionId, Pattern>,
    /// As far as it knows: one that was taken over may have been its last.
    pub(crate) registrations: BTreeMap<RegistrationId, Pattern>,
    pub(crate) features: Features,
    /// Calls of which it has more to say.
    pub(crate) unfinished: BTreeMap<RequestId, String>,
    last_invocation: u64,
    /// Invocations that cannot be carried here, so that their numbers are missing.
    skipped: BTreeSet<u64>,
    /// The last event of each publisher, and the subscriptions that it came for.
    events: BTreeMap<u64, (u64, BTreeSet<SubscriptionId>)>,
    /// The last call of each caller at each registration.
    calls: BTreeMap<(u64, RegistrationId), u64>,
    /// Invocations to answer.
    pub(crate) unanswered: BTreeMap<RequestId, Note>,
    /// Some that were answered.
    pub(crate) answered: Vec<RequestId>,
    /// Invocations of which more chunks are to come.
    in_chunks: BTreeSet<RequestId>,
    /// Invocations that it was told to stop.
    interrupted: BTreeSet<RequestId>,
    /// Invocations that it answered in payload passthru mode.
    packed: BTreeSet<RequestId>,
}

/// A request that waits for its one answer.
#[derive(Clone, Debug, PartialEq)]
enum Open {
    Subscribe(Pattern),
    Unsubscribe(SubscriptionId),
    Publish(Note),
    Register(Pattern),
    Unregister(RegistrationId),
    /// And whether progress is welcome.
    Call(Note, bool),
}

impl Open {
    fn code(&self) -> MessageCode {
        match self {
            Self::Subscribe(_) => MessageCode::Subscribe,
            Self::Unsubscribe(_) => MessageCode::Unsubscribe,
            Self::Publish(_) => MessageCode::Publish,
            Self::Register(_) => MessageCode::Register,
            Self::Unregister(_) => MessageCode::Unregister,
            Self::Call(..) => MessageCode::Call,
        }
    }
}

impl Peer {
    /// Joins a realm.
    pub(crate) fn join(
        mut transport: InProcess,
        realm: &str,
        serializer: SerializerId,
        name: u64,
        features: Features,
    ) -> Self {
        let details = HelloDetails { roles: Some(features.roles().into()), ..HelloDetails::default() };
        let hello = Hello { realm: realm.into(), details: details.into() }.into();
        transport.send(&encode(&hello, serializer)).expect("a new session");
        let answer = transport.try_receive().expect("an answer to HELLO");
        let answer = decode(serializer, &answer, &DecodeRules::default()).expect("a message");
        let Message::Welcome(welcome) = answer else {
            panic!("WELCOME precedes everything else, not {answer:?}");
        };
        Self {
            transport,
            serializer,
            name,
            session: welcome.session,
            notes: 0,
            last_request: 0,
            open: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            registrations: BTreeMap::new(),
            features,
            unfinished: BTreeMap::new(),
            last_invocation: 0,
            skipped: BTreeSet::new(),
            events: BTreeMap::new(),
            calls: BTreeMap::new(),
            unanswered: BTreeMap::new(),
            answered: Vec::new(),
            in_chunks: BTreeSet::new(),
            interrupted: BTreeSet::new(),
            packed: BTreeSet::new(),
        }
    }

    fn send(&mut self, message: &Message) -> Result<(), SessionOver> {
        self.transport.send(&encode(message, self.serializer))
    }

    fn request(&mut self, skip: u64, open: Option<Open>) -> RequestId {
        self.last_request += 1 + skip;
        let request = RequestId::new(self.last_request).expect("few requests");
        if let Some(open) = open {
            self.open.insert(request, open);
        }
        request
    }

    fn note(&mut self, kind: Kind) -> Note {
        self.notes += 1;
        Note { origin: self.name, number: self.notes, kind }
    }

    fn ask(&mut self, message: impl Into<Message>) {
        self.send(&message.into()).expect("the session goes on");
    }

    /// Subscribes; request IDs may skip forward.
    pub(crate) fn subscribe(&mut self, topic: &Pattern, skip: u64) -> RequestId {
        let request = self.request(skip, Some(Open::Subscribe(topic.clone())));
        let match_policy = (!topic.is_exact()).then_some(topic.policy);
        let options = SubscribeOptions { match_policy, ..SubscribeOptions::default() };
        self.ask(Subscribe { request, options: options.into(), topic: topic.uri.as_str().into() });
        request
    }

    pub(crate) fn unsubscribe(&mut self, subscription: SubscriptionId) -> RequestId {
        let request = self.request(0, Some(Open::Unsubscribe(subscription)));
        self.ask(Unsubscribe { request, subscription });
        request
    }

    pub(crate) fn publish(&mut self, topic: &str, kind: Kind, options: PublishOptions) -> (RequestId, Note) {
        let note = self.note(kind);
        let is_acknowledged = options.acknowledge == Some(true);
        let request = self.request(0, is_acknowledged.then_some(Open::Publish(note)));
        let payload = note.payload(self.serializer);
        self.ask(Publish { request, options: options.into(), topic: topic.into(), payload });
        (request, note)
    }

    /// Offers a procedure; the options say all but how it is matched.
    pub(crate) fn register(&mut self, procedure: &Pattern, options: RegisterOptions) -> RequestId {
        let request = self.request(0, Some(Open::Register(procedure.clone())));
        let match_policy = (!procedure.is_exact()).then_some(procedure.policy);
        let options = RegisterOptions { match_policy, ..options };
        self.ask(Register { request, options: options.into(), procedure: procedure.uri.as_str().into() });
        request
    }

    pub(crate) fn unregister(&mut self, registration: RegistrationId) -> RequestId {
        let request = self.request(0, Some(Open::Unregister(registration)));
        self.ask(Unregister { request, registration });
        request
    }

    pub(crate) fn call(&mut self, procedure: &str, kind: Kind, options: CallOptions) -> (RequestId, Note) {
        let note = self.note(kind);
        let takes_progress = options.receive_progress == Some(true);
        let request = self.request(0, Some(Open::Call(note, takes_progress)));
        if options.progress == Some(true) {
            self.unfinished.insert(request, procedure.to_owned());
        }
        let payload = note.payload(self.serializer);
        self.ask(Call { request, options: options.into(), procedure: procedure.into(), payload });
        (request, note)
    }

    /// Calls one of the router's own procedures, about that note if it matters.
    fn call_router(&mut self, procedure: &str, note: Note, args: &[Value]) -> RequestId {
        let request = self.request(0, Some(Open::Call(note, false)));
        let payload = Payload::new(self.serializer, args, &[]);
        self.ask(Call { request, options: Dict::new(), procedure: procedure.into(), payload });
        request
    }

    pub(crate) fn add_testament(
        &mut self,
        topic: &str,
        kind: Kind,
        options: Vec<(String, Value)>,
        scope: Scope,
    ) -> (RequestId, Note) {
        let note = self.note(kind);
        // It comes after what is published meanwhile, and so has an order of its own.
        let note = Note { origin: note.origin + TESTATORS * (1 + scope as u64), ..note };
        let (args, kwargs) = note.values();
        let args = [topic.into(), args.into(), kwargs.into(), options.into(), scope.as_str().into()];
        (self.call_router("wamp.session.add_testament", note, &args), note)
    }

    pub(crate) fn kill_session(&mut self, session: SessionId) -> RequestId {
        let note = self.note(Kind::Plain);
        self.call_router("wamp.session.kill", note, &[session.value().into(), REVOKED.into()])
    }

    pub(crate) fn remove_callee(&mut self, registration: RegistrationId, callee: SessionId) -> RequestId {
        let note = self.note(Kind::Plain);
        let args = [registration.value().into(), callee.value().into(), REVOKED.into()];
        self.call_router("wamp.registration.remove_callee", note, &args)
    }

    pub(crate) fn remove_subscriber(
        &mut self,
        subscription: SubscriptionId,
        subscriber: SessionId,
    ) -> RequestId {
        let note = self.note(Kind::Plain);
        let args = [subscription.value().into(), subscriber.value().into(), REVOKED.into()];
        self.call_router("wamp.subscription.remove_subscriber", note, &args)
    }

    pub(crate) fn flush_testaments(&mut self, scope: Scope) -> RequestId {
        let note = self.note(Kind::Plain);
        // Only the scope, which comes last.
        self.call_router("wamp.session.flush_testaments", note, &[scope.as_str().into()])
    }

    /// Goes on with a call of which it has more to say.
    pub(crate) fn go_on(&mut self, request: RequestId, kind: Kind, is_last: bool) -> Note {
        let note = self.note(kind);
        let procedure = self.unfinished[&request].clone();
        if is_last {
            self.unfinished.remove(&request);
        }
        let options = CallOptions { progress: (!is_last).then_some(true), ..CallOptions::default() };
        let payload = note.payload(self.serializer);
        self.ask(Call { request, options: options.into(), procedure: procedure.into(), payload });
        note
    }

    pub(crate) fn cancel(&mut self, request: RequestId, mode: Option<CancelMode>) {
        let options = CancelOptions { mode, ..CancelOptions::default() };
        self.ask(Cancel { request, options: options.into() });
    }

    /// Its calls that it knows no final answer of.
    pub(crate) fn calls(&self) -> Vec<RequestId> {
        let calls = self.open.iter().filter(|(_, open)| open.code() == MessageCode::Call);
        calls.map(|(request, _)| *request).collect()
    }

    /// Answers an invocation with its own note, in another kind.
    pub(crate) fn answer(&mut self, request: RequestId, kind: Kind, reply: Reply) -> Note {
        let note = *self.unanswered.get(&request).expect("an invocation that was not answered");
        let note = Note { kind, ..note };
        if reply != Reply::Progress {
            self.unanswered.remove(&request);
            self.answered.push(request);
        }
        self.answer_again(request, note, reply);
        note
    }

    pub(crate) fn answer_again(&mut self, request: RequestId, note: Note, reply: Reply) {
        let payload = note.payload(self.serializer);
        let mut options = YieldOptions::default();
        let (error, payload) = match reply {
            Reply::Result => (None, payload),
            Reply::Progress => {
                options.progress = Some(true);
                (None, payload)
            }
            Reply::Packed => {
                self.packed.insert(request);
                options.ppt_scheme = Some(SCHEME.into());
                (None, payload)
            }
            Reply::Failed => (Some(FAILED), payload),
            Reply::Unavailable => (Some(error_uri::UNAVAILABLE), Payload::EMPTY),
        };
        match error {
            None => self.ask(Yield { request, options: options.into(), payload }),
            Some(error) => {
                let request_type = MessageCode::Invocation as u64;
                self.ask(Error { request_type, request, details: Dict::new(), error: error.into(), payload });
            }
        }
    }

    /// Leaves in good order.
    pub(crate) fn say_goodbye(mut self) {
        self.ask(Goodbye { details: Dict::new(), reason: error_uri::CLOSE_REALM.into() });
        let answer = self.last_words();
        assert!(matches!(answer, Message::Goodbye(_)), "not GOODBYE but {answer:?}");
    }

    /// The router ends the session, for that reason.
    pub(crate) fn expect_goodbye(mut self, reason: &str) {
        match self.last_words() {
            Message::Goodbye(goodbye) => assert_eq!(goodbye.reason, reason),
            other => panic!("not GOODBYE but {other:?}"),
        }
    }

    /// Breaks the protocol.
    pub(crate) fn misbehave(mut self, is_decodable: bool) {
        if is_decodable {
            let request = RequestId::new(self.last_invocation + 1_000_000).expect("few invocations");
            let payload = self.note(Kind::Plain).payload(self.serializer);
            self.ask(Yield { request, options: Dict::new(), payload });
        } else {
            self.transport.send(&Bytes::from_static(b"\xc1[")).expect("the session goes on");
        }
        match self.last_words() {
            Message::Abort(abort) => assert_eq!(abort.reason, error_uri::PROTOCOL_VIOLATION),
            other => panic!("not ABORT but {other:?}"),
        }
    }

    /// What the router said last, after the messages that were taken from the outbox before.
    fn last_words(&mut self) -> Message {
        loop {
            let Poll::Ready(Some(message)) = self.poll_message() else { panic!("no last words") };
            if let Message::Goodbye(_) | Message::Abort(_) = message {
                assert_eq!(self.poll_message(), Poll::Ready(None));
                return message;
            }
            self.check(&message);
        }
    }

    /// The next message if there is one already, to be checked later.
    pub(crate) fn poll_message(&mut self) -> Poll<Option<Message>> {
        let mut cx = Context::from_waker(Waker::noop());
        let frame = pin!(self.transport.receive()).poll(&mut cx);
        frame.map(|frame| frame.map(|frame| self.decode(&frame)))
    }

    fn decode(&self, frame: &Bytes) -> Message {
        decode(self.serializer, frame, &DecodeRules::default()).expect("the router sends messages")
    }

    /// The next message if there is one already, checked.
    pub(crate) fn poll(&mut self) -> Poll<Option<Message>> {
        let message = self.poll_message();
        if let Poll::Ready(Some(message)) = &message {
            self.check(message);
        }
        message
    }

    /// The next message, checked; none once the router ended the session.
    pub(crate) async fn receive(&mut self) -> Option<Message> {
        let frame = self.transport.receive().await?;
        let message = self.decode(&frame);
        self.check(&message);
        if let Message::Invocation(invocation) = &message {
            self.check_order(invocation);
        }
        Some(message)
    }

    /// Whether every request was answered.
    pub(crate) fn is_answered(&self) -> bool {
        self.open.is_empty()
    }

    /// The invocation of that number will not arrive: it cannot be carried to this serializer.
    pub(crate) fn expect_gap(&mut self, invocation: u64) {
        self.skipped.insert(invocation);
    }

    fn close(&mut self, request: RequestId, answer: &Message) -> Open {
        let open = self.open.remove(&request);
        open.unwrap_or_else(|| panic!("{} has nothing to wait for: {answer:?}", self.name))
    }

    /// Holds a message against what was sent and received before.
    pub(crate) fn check(&mut self, message: &Message) {
        match message {
            Message::Subscribed(answer) => {
                let Open::Subscribe(topic) = self.close(answer.request, message) else {
                    panic!("{message:?} answers another request");
                };
                self.subscriptions.insert(answer.subscription, topic);
            }
            Message::Unsubscribed(answer) => match answer.request {
                Answered::Request(request) => {
                    let Open::Unsubscribe(subscription) = self.close(request, message) else {
                        panic!("{message:?} answers another request");
                    };
                    let held = self.subscriptions.remove(&subscription);
                    assert!(held.is_some(), "{subscription} was given up twice");
                }
                Answered::Revocation => {
                    let takes_revocation = self.features.takes_subscription_revocation;
                    assert!(takes_revocation, "{} did not ask for {message:?}", self.name);
                    let revoked = answer.revoked.as_ref().expect("what is revoked");
                    assert_eq!(revoked.reason.as_deref(), Some(REVOKED));
                    let subscription = revoked.subscription.expect("which subscription");
                    let held = self.subscriptions.remove(&subscription);
                    assert!(held.is_some(), "{subscription} is none of {}", self.name);
                }
            },
            Message::Published(answer) => {
                assert!(matches!(self.close(answer.request, message), Open::Publish(_)));
            }
            Message::Registered(answer) => {
                let Open::Register(procedure) = self.close(answer.request, message) else {
                    panic!("{message:?} answers another request");
                };
                // Again, perhaps: it keeps its place in a registration that is shared.
                let known = self.registrations.insert(answer.registration, procedure.clone());
                assert!(known.is_none_or(|known| known == procedure), "the ID of another procedure");
            }
            Message::Unregistered(answer) => match answer.request {
                Answered::Request(request) => {
                    let Open::Unregister(registration) = self.close(request, message) else {
                        panic!("{message:?} answers another request");
                    };
                    let held = self.registrations.remove(&registration);
                    assert!(held.is_some(), "{registration} was taken back twice");
                }
                Answered::Revocation => {
                    assert!(self.features.takes_revocation, "{} did not ask for {message:?}", self.name);
                    let revoked = answer.revoked.as_ref().expect("what is revoked");
                    let registration = revoked.registration.expect("which registration");
                    let held = self.registrations.remove(&registration);
                    assert!(held.is_some(), "{registration} is none of {}", self.name);
                }
            },
            Message::CallResult(answer) => {
                let is_progress = answer.details.progress == Some(true);
                let open = if is_progress {
                    self.open.get(&answer.request).cloned()
                } else {
                    self.unfinished.remove(&answer.request);
                    Some(self.close(answer.request, message))
                };
                let Some(Open::Call(call, takes_progress)) = open else {
                    panic!("{message:?} answers another request, or one that is over");
                };
                assert!(takes_progress || !is_progress, "{} did not ask for {message:?}", self.name);
                if let Content::One(note) = Content::read(&answer.payload) {
                    self.check_answer(call, note);
                }
            }
            Message::Error(answer) if answer.request_type == MessageCode::Yield as u64 => {
                assert_eq!(answer.error, error_uri::FEATURE_NOT_SUPPORTED);
                assert!(self.packed.remove(&answer.request), "{} did not pack for {message:?}", self.name);
            }
            Message::Error(answer) => {
                self.unfinished.remove(&answer.request);
                let open = self.close(answer.request, message);
                assert_eq!(answer.request_type, open.code() as u64, "{message:?} answers {open:?}");
                if let Open::Unregister(registration) = open {
                    // Somebody took it over without a word.
                    self.registrations.remove(&registration);
                }
                if answer.error == FAILED {
                    let Open::Call(call, _) = open else { panic!("{message:?} answers {open:?}") };
                    self.check_answer(call, Note::read(&answer.payload));
                }
            }
            Message::Event(event) => {
                let held = self.subscriptions.get(&event.subscription);
                let held = held.unwrap_or_else(|| panic!("{} does not hold {message:?}", self.name));
                check_named(held, &event.details.topic);
                let note = Note::read(&event.payload);
                let (last, subscriptions) = self.events.entry(note.origin).or_default();
                assert!(*last <= note.number, "{note:?} arrives after event {last} of its publisher");
                if *last < note.number {
                    (*last, *subscriptions) = (note.number, BTreeSet::new());
                }
                assert!(subscriptions.insert(event.subscription), "{message:?} comes twice");
                let waits = self.open.values().any(|open| *open == Open::Publish(note));
                assert!(!waits, "{} gets its own event before PUBLISHED", self.name);
            }
            Message::Invocation(invocation) => self.check_invocation(invocation),
            Message::Interrupt(interrupt) => self.check_interrupt(interrupt),
            _ => panic!("{} cannot make sense of {message:?}", self.name),
        }
    }

    fn check_invocation(&mut self, invocation: &Invocation) {
        let Invocation { request, registration, details, payload } = invocation;
        let more_follows = details.progress == Some(true);
        // Of one in several chunks, perhaps the first cannot be carried here.
        let begins_later = self.skipped.contains(&request.value());
        let is_late = begins_later && request.value() <= self.last_invocation;
        let continues = self.in_chunks.contains(request) || is_late;
        if more_follows {
            self.in_chunks.insert(*request);
        } else {
            self.in_chunks.remove(request);
        }
        if continues {
            return;
        }
        self.last_invocation += 1;
        while self.skipped.contains(&self.last_invocation) && self.last_invocation < request.value() {
            self.last_invocation += 1;
        }
        assert_eq!(request.value(), self.last_invocation, "a gap, or a repetition");
        let held = self.registrations.get(registration);
        assert!(held.is_some() || begins_later, "{} does not hold {registration}", self.name);
        if let Some(held) = held {
            check_named(held, &details.procedure);
        }
        self.unanswered.insert(*request, Note::read(payload));
    }

    /// The calls of one caller keep their order, as long as nobody passes any on.
    fn check_order(&mut self, invocation: &Invocation) {
        let note = Note::read(&invocation.payload);
        let last = self.calls.insert((note.origin, invocation.registration), note.number);
        assert!(last < Some(note.number), "{note:?} arrives after call {last:?} of its caller");
    }

    fn check_interrupt(&mut self, interrupt: &Interrupt) {
        let request = interrupt.request;
        assert!(self.features.takes_interrupts, "{} did not ask for {interrupt:?}", self.name);
        assert!(self.interrupted.insert(request), "{interrupt:?} comes twice");
        let is_known = request.value() <= self.last_invocation || self.skipped.contains(&request.value());
        assert!(is_known, "{interrupt:?} comes before its INVOCATION");
        let waits_for_answer = interrupt.options.mode == Some(CancelMode::Kill);
        // Some stop at once, some answer in vain.
        if !waits_for_answer
            && request.value().is_multiple_of(2)
            && self.unanswered.remove(&request).is_some()
        {
            self.answered.push(request);
        }
    }

    fn check_answer(&self, call: Note, answer: Note) {
        assert_eq!((answer.origin, answer.number), (call.origin, call.number), "the answer to another call");
    }
}

/// Details name the URI exactly where the pattern does not.
fn check_named(held: &Pattern, named: &Option<Uri>) {
    match named {
        None => assert!(held.is_exact(), "nobody knows what {held:?} stands for"),
        Some(uri) => assert!(!held.is_exact() && held.matches(uri), "{uri} comes for {held:?}"),
    }
}
