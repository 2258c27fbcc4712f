//! One session, without IO: commands of the application and messages of the router go in, encoded messages and
//! procedures to run come out; answers and events go to whoever waits for them.
//!
//! `calls` is the side of callers and publishers, `invocations` that of callees; `standing` is what outlives a
//! session: subscriptions and registrations. The driver moves octets and runs what there is to run.

mod calls;
mod invocations;
mod standing;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Weak;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use wamp_proto::dict::{DealerFeatures, Dict, Keys, RouterRoles};
use wamp_proto::message::{Goodbye, Message};
use wamp_proto::session::{ClientInput, Violation};
use wamp_proto::{ClientSession, DecodeRules, Payload, SerializerId, decode, error_uri};

use crate::client::Shared;
use crate::command::Command;
use crate::error::{Error, Reason};
use crate::passthru::{Packing, Passthru, check_router, unpacked};
use crate::state::Ended;
use calls::Calls;
use invocations::Invocations;
pub(crate) use standing::Standing;

/// What a session knows of the connection that it is on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) serializer: SerializerId,
    /// Octets of the longest message that the router takes.
    pub(crate) send_max_bytes: usize,
    /// How deep a message may be nested that the router takes.
    pub(crate) send_max_depth: usize,
}

/// An open session.
pub(crate) struct Session {
    protocol: ClientSession,
    wire: Wire,
    calls: Calls,
    invocations: Invocations,
    standing: Standing,
    is_leaving: bool,
    is_closing: bool,
}

/// Messages on their way out, and what may be sent at all.
pub(crate) struct Wire {
    terms: Terms,
    pub(crate) roles: Dict<RouterRoles>,
    out: VecDeque<Bytes>,
}

impl Wire {
    /// Queues a message; nothing of it if it cannot be sent.
    fn send(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        let message = message.into();
        // Payloads were encoded by us, or decoded: what is left are values that no other serializer has.
        let body = message
            .encode(self.terms.serializer)
            .map_err(|error| Error::Encode(serde::ser::Error::custom(error)))?;
        let limit = self.terms.send_max_bytes;
        if body.len() > limit {
            return Err(Error::TooLarge { octets: body.len(), limit });
        }
        let limit = self.terms.send_max_depth;
        if message.payload().is_some_and(|payload| payload.is_deeper_than(limit)) {
            return Err(Error::TooDeep { limit });
        }
        self.out.push_back(body);
        Ok(())
    }

    /// Queues a message that is short and without application data.
    fn tell(&mut self, message: impl Into<Message>) {
        if let Err(error) = self.send(message) {
            tracing::warn!(%error, "a message could not be sent");
        }
    }

    /// Whether the router's broker passes packed events on.
    fn passes_events(&self) -> bool {
        let features = self.roles.broker.as_ref().and_then(|broker| broker.features.as_ref());
        features.and_then(|features| features.payload_passthru_mode).unwrap_or(false)
    }

    /// Whether the router's dealer passes packed calls and results on.
    fn passes_calls(&self) -> bool {
        self.dealer_has(|dealer| dealer.payload_passthru_mode)
    }

    /// The payload of a message as it goes out: packed, if it is to be, and if the router passes it on (PPT-06).
    fn packed<T: Packing + Keys>(
        &self,
        passthru: Option<&Passthru>,
        options: &mut Dict<T>,
        payload: Payload,
        is_announced: bool,
    ) -> Result<Payload, Error> {
        if passthru.is_some() || options.is_packed() {
            check_router(is_announced)?;
        }
        match passthru {
            None => Ok(payload),
            Some(passthru) => passthru.pack(&mut **options, &payload, self.terms.serializer),
        }
    }

    /// Whether the router's dealer announced that feature.
    fn dealer_has(&self, feature: impl FnOnce(&DealerFeatures) -> Option<bool>) -> bool {
        let features = self.roles.dealer.as_ref().and_then(|dealer| dealer.features.as_ref());
        features.and_then(|features| feature(features)).unwrap_or(false)
    }
}

impl Session {
    /// A session that WELCOME opened, with what is to outlive it: subscribes and registers that again.
    pub(crate) fn new(
        protocol: ClientSession,
        terms: Terms,
        roles: Dict<RouterRoles>,
        standing: Standing,
        shared: Weak<Shared>,
    ) -> Self {
        let mut session = Self {
            protocol,
            wire: Wire { terms, roles, out: VecDeque::new() },
            calls: Calls::default(),
            invocations: Invocations::new(shared, terms.serializer),
            standing,
            is_leaving: false,
            is_closing: false,
        };
        session.standing.restore(&mut session.protocol, &mut session.wire);
        session
    }

    /// Whether the router passes packed events on.
    pub(crate) fn passes_events(&self) -> bool {
        self.wire.passes_events()
    }

    /// Takes one encoded message of the router.
    ///
    /// # Errors
    /// How the session ended. What is left to send is to be sent.
    pub(crate) fn receive(&mut self, frame: &Bytes) -> Result<(), Ended> {
        let rules = DecodeRules { max_depth: DecodeRules::MAX_DEPTH, ..DecodeRules::default() };
        let input = decode(self.wire.terms.serializer, frame, &rules)
            .map_err(Into::into)
            .and_then(|message| self.protocol.receive(message));
        match input {
            Err(violation) => return Err(self.violated(&violation)),
            Ok(ClientInput::Answer(answer)) => self.answer(answer),
            Ok(ClientInput::Error(mut error)) => {
                error.payload = unpacked(&*error.details, error.payload, self.wire.terms.serializer);
                if let Some(error) = self.calls.error(error) {
                    self.standing.error(error);
                }
            }
            Ok(ClientInput::Event(mut event)) => {
                event.payload = unpacked(&*event.details, event.payload, self.wire.terms.serializer);
                self.standing.event(event);
            }
            Ok(ClientInput::Invocation(mut invocation)) => {
                invocation.payload =
                    unpacked(&*invocation.details, invocation.payload, self.wire.terms.serializer);
                let procedure = self.standing.procedure(invocation.registration);
                self.invocations.invoke(invocation, procedure, &mut self.wire);
            }
            Ok(ClientInput::Interrupt(interrupt)) => self.invocations.interrupt(&interrupt, &mut self.wire),
            Ok(ClientInput::Leave(goodbye)) => {
                self.wire.out.clear();
                self.wire.tell(Goodbye { details: Dict::new(), reason: error_uri::GOODBYE_AND_OUT.into() });
                return Err(Ended::Goodbye(Reason::from(&goodbye)));
            }
            Ok(ClientInput::Aborted(abort)) => return Err(Ended::Aborted(Reason::from(&abort))),
            Ok(ClientInput::Left) => return Err(Ended::Left),
            // WELCOME and CHALLENGE are violations in an open session.
            Ok(ClientInput::Ignored | ClientInput::Welcome(_) | ClientInput::Challenge(_)) => {}
        }
        Ok(())
    }

    /// The router broke the protocol: nothing goes out any more but ABORT (PV-08), and that only from a session that
    /// said no GOODBYE yet (SES-08).
    pub(crate) fn violated(&mut self, violation: &Violation) -> Ended {
        if self.is_closing {
            return Ended::Left;
        }
        self.wire.out.clear();
        self.wire.tell(violation.abort());
        Ended::Protocol(violation.to_string())
    }

    fn answer(&mut self, answer: Message) {
        match answer {
            Message::Published(published) => self.calls.published(&published),
            Message::CallResult(mut result) => {
                result.payload = unpacked(&*result.details, result.payload, self.wire.terms.serializer);
                self.calls.result(result, &mut self.wire);
            }
            Message::Subscribed(subscribed) => {
                self.standing.subscribed(&subscribed, &mut self.protocol, &mut self.wire);
            }
            Message::Unsubscribed(unsubscribed) => self.standing.unsubscribed(&unsubscribed),
            Message::Registered(registered) => {
                self.standing.registered(&registered, &mut self.protocol, &mut self.wire);
            }
            Message::Unregistered(unregistered) => self.standing.unregistered(&unregistered),
            _ => {}
        }
    }

    /// Does what the application wants.
    pub(crate) fn command(&mut self, command: Command) {
        let (protocol, wire) = (&mut self.protocol, &mut self.wire);
        if !protocol.is_open() {
            return command.refuse();
        }
        match command {
            Command::Call(call) => self.calls.call(*call, protocol, wire),
            Command::Chunk { call, payload, is_last } => self.calls.chunk(call, payload, is_last, wire),
            Command::Cancel { call } => self.calls.cancel(call, wire),
            Command::Publish(publish) => self.calls.publish(*publish, protocol, wire),
            Command::Subscribe(subscribe) => self.standing.subscribe(*subscribe, protocol, wire),
            Command::Unsubscribe { subscriber, done } => {
                self.standing.unsubscribe(subscriber, done, protocol, wire);
            }
            Command::Register(register) => self.standing.register(*register, protocol, wire),
            Command::Unregister { procedure, done } => {
                self.standing.unregister(procedure, done, protocol, wire);
            }
            Command::Answer { token, request, answer } => {
                self.invocations.answer(token, request, answer, wire);
            }
        }
    }

    /// Asks again for what the router refused when the session began.
    pub(crate) fn restore(&mut self) {
        // Nothing follows GOODBYE.
        if self.protocol.is_open() {
            self.standing.restore(&mut self.protocol, &mut self.wire);
        }
    }

    /// Whether the router still has to answer for what an earlier session had.
    pub(crate) fn is_restoring(&self) -> bool {
        self.standing.is_restoring()
    }

    /// Whether the router refused to subscribe or register again what an earlier session had.
    pub(crate) fn is_to_restore(&self) -> bool {
        self.standing.is_to_restore()
    }

    /// Begins to leave: takes the procedures back, so that no more invocations come.
    pub(crate) fn leave(&mut self) {
        if !self.is_leaving {
            self.is_leaving = true;
            self.standing.unregister_all(&mut self.protocol, &mut self.wire);
        }
    }

    /// Says GOODBYE as soon as nothing runs any more, if the application wants to leave; at once if `now`.
    pub(crate) fn say_goodbye(&mut self, now: bool) {
        let is_time =
            now || (self.is_leaving && self.invocations.is_idle() && !self.standing.is_unregistering());
        if is_time && self.protocol.goodbye() {
            self.wire.tell(Goodbye { details: Dict::new(), reason: error_uri::CLOSE_REALM.into() });
            self.is_closing = true;
        }
    }

    /// Whether GOODBYE was said.
    pub(crate) fn is_closing(&self) -> bool {
        self.is_closing
    }

    /// Messages that are to be sent, in their order.
    pub(crate) fn outgoing(&mut self) -> &mut VecDeque<Bytes> {
        &mut self.wire.out
    }

    /// Procedures that are to run, each in a task of its own.
    pub(crate) fn take_work(&mut self) -> impl Iterator<Item = BoxFuture<'static, ()>> {
        self.invocations.take_work()
    }

    /// Ends the session: whoever waits for an answer gets `error`, what runs is stopped. Returns what outlives it.
    pub(crate) fn end(mut self, error: &Error) -> Standing {
        self.calls.end(error);
        self.invocations.end();
        self.standing.end();
        self.standing
    }
}
