//! One session, whatever carries it: frames in, routed requests out.
//!
//! A connection drives it from its socket, a program that embeds the router from its own thread. There is
//! one path through the router for both.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

use bytes::Bytes;
use tokio::task::AbortHandle;
use wamp_proto::dict::Dict;
use wamp_proto::message::{CallResult, Error, Goodbye};
use wamp_proto::session::RouterInput;
use wamp_proto::{
    DecodeRules, Message, MessageCode, Payload, Profile, RequestId, RouterSession, SerializerId, Violation,
    decode, error_uri,
};

use crate::authentication::Admitted;
use crate::authorizer::Consultation;
use crate::counters::Counters;
use crate::outbox::Outbox;
use crate::pace::Rate;
use crate::pending::Pending;
use crate::realm::{Outgoing, Request, Rulings};
use crate::realm_driver::{Membership, RealmDriver};
use crate::router::Router;
use crate::seats::Seat;

/// Frames up to this many octets are copied before they wait.
const COPY_MAX_BYTES: usize = 4096;

/// A session that joined its realm, and leaves it when dropped.
#[derive(Debug)]
pub(crate) struct Session {
    protocol: RouterSession,
    router: Arc<Router>,
    driver: Arc<RealmDriver>,
    membership: Membership,
    rate: Rate,
    rules: DecodeRules,
    serializer: SerializerId,
    /// Calls that lost a progressive result on the way here and whose final answer is still to be written, and why.
    spoiled_calls: Vec<(RequestId, &'static str)>,
    /// Ends the session when its proof is worth nothing any more.
    expiry: Option<AbortHandle>,
    _seat: Seat,
    /// What waits for the authorizer, if the session's role asks it anything.
    pending: Option<Box<Pending>>,
}

/// What becomes of a session after a frame.
#[derive(Debug)]
pub(crate) enum Flow {
    /// It goes on.
    Continue,
    /// The client leaves: answer with this GOODBYE.
    Leave(Goodbye),
    /// The session is over, and there is nothing to say.
    Over,
}

impl Session {
    /// A session that has just joined, and whose WELCOME goes out next.
    pub(crate) fn new(
        protocol: RouterSession,
        router: Arc<Router>,
        (driver, membership): (Arc<RealmDriver>, Membership),
        admitted: &Admitted,
        serializer: SerializerId,
        seat: Seat,
    ) -> Self {
        let Admitted { plan, role, .. } = admitted;
        let DecodeRules { nil_is_empty_dict, float_is_integer, .. } = DecodeRules::new(plan.profile);
        let rules = DecodeRules { nil_is_empty_dict, float_is_integer, ..router.decode_rules().clone() };
        Self {
            protocol,
            router,
            driver,
            membership,
            rate: plan.rate(&role.name),
            rules,
            serializer,
            spoiled_calls: Vec::new(),
            expiry: None,
            pending: None,
            _seat: seat,
        }
    }

    /// Has the session end at that time.
    pub(crate) fn expire_at(&mut self, time: SystemTime) {
        let left = time.duration_since(SystemTime::now()).unwrap_or_default();
        let (driver, key) = (Arc::downgrade(&self.driver), self.membership.key);
        let end = async move {
            tokio::time::sleep(left).await;
            if let Some(driver) = driver.upgrade() {
                driver.close(key, goodbye(error_uri::TOKEN_EXPIRED));
            }
        };
        self.expiry = Some(tokio::spawn(end).abort_handle());
    }

    /// From now on, has requests wait for the authorizer that the rules of the session's role leave to it.
    pub(crate) fn wait_for_authorizer(&mut self) {
        self.pending = Some(Box::new(Pending::new(self.router.limits())));
    }

    /// Takes the client's next frame.
    ///
    /// # Errors
    /// If the client broke the protocol. What the session held is released; send the ABORT and close.
    pub(crate) fn receive(&mut self, frame: &Bytes) -> Result<Flow, Violation> {
        let result = self.route(frame);
        if let Err(violation) = &result {
            self.violated(violation);
        }
        result
    }

    fn route(&mut self, frame: &Bytes) -> Result<Flow, Violation> {
        // What may wait keeps no buffer alive that it is a small part of.
        let copy =
            (self.pending.is_some() && frame.len() <= COPY_MAX_BYTES).then(|| Bytes::copy_from_slice(frame));
        let frame = copy.as_ref().unwrap_or(frame);
        let message = match decode(self.serializer, frame, &self.rules) {
            // Behind our GOODBYE nothing counts but the peer's, and nothing more is said (SES-08).
            Err(_) if !self.protocol.is_open() => return Ok(Flow::Continue),
            message => message?,
        };
        let request = match self.protocol.receive(message)? {
            RouterInput::Publish(publish) => Request::Publish(publish),
            RouterInput::Subscribe(subscribe) => Request::Subscribe(subscribe),
            RouterInput::Unsubscribe(unsubscribe) => Request::Unsubscribe(unsubscribe),
            RouterInput::Call(call) => Request::Call(call),
            RouterInput::Register(register) => Request::Register(register),
            RouterInput::Unregister(unregister) => Request::Unregister(unregister),
            RouterInput::Yield(yielded) => Request::Yield(yielded),
            RouterInput::Error(error) => Request::Error(error),
            RouterInput::Chunk(call) => Request::Chunk(call),
            RouterInput::Cancel(cancel) => Request::Cancel(cancel),
            RouterInput::Ignored => return Ok(Flow::Continue),
            RouterInput::Leave(goodbye) => {
                if goodbye.reason == error_uri::LOGOUT {
                    self.driver.log_out(self.membership.key);
                }
                self.driver.leave(self.membership.key);
                // Crossbar.io's clients are used to another word.
                let reason = match self.driver.settings().profile {
                    Profile::Crossbar => error_uri::NORMAL,
                    Profile::Default | Profile::Strict => error_uri::GOODBYE_AND_OUT,
                };
                return Ok(Flow::Leave(self::goodbye(reason)));
            }
            RouterInput::Left | RouterInput::Aborted => {
                self.driver.leave(self.membership.key);
                return Ok(Flow::Over);
            }
            RouterInput::Hello(_) | RouterInput::Authenticate(_) => {
                return Err(Violation::State { message: MessageCode::Hello, state: "in an open session" });
            }
        };
        self.submit(request, frame.len())?;
        self.router.relieve_memory();
        Ok(Flow::Continue)
    }

    /// Routes a request of a frame of that many octets, or has it wait for the authorizer, or for what waits already.
    fn submit(&mut self, request: Request, frame_bytes: usize) -> Result<(), Violation> {
        let Self { router, driver, membership, pending, .. } = self;
        let (Some(pending), Some(authorizer)) = (pending, driver.authorizer()) else {
            return driver.handle(membership.key, request, &Rulings::NONE);
        };
        match &request {
            Request::Yield(_) | Request::Error(_) => {
                return driver.handle(membership.key, request, &Rulings::NONE);
            }
            Request::Cancel(cancel) => {
                if pending.withdraw(cancel.request) {
                    driver.canceled(membership.key, cancel.request);
                    return Ok(());
                }
                return driver.handle(membership.key, request, &Rulings::NONE);
            }
            _ => {}
        }
        let consultations = authorizer.consult(router, driver, membership.key, &request);
        if pending.is_empty() && consultations.iter().all(Consultation::is_over) {
            let rulings = consultations.into_iter().map(Consultation::into_ruling).collect();
            return driver.handle(membership.key, request, &rulings);
        }
        pending.push(request, consultations, frame_bytes);
        if pending.is_full() {
            driver.counters().authorizations_backed_up.increment();
        }
        Ok(())
    }

    /// Routes what waited for the authorizer and is decided, in its order, while there is room for the answers. To be
    /// called whenever something was received, and when the task is woken.
    ///
    /// # Errors
    /// If the client broke the protocol, as from [`receive`](Self::receive).
    pub(crate) fn poll_pending(&mut self, cx: &mut Context<'_>) -> Result<(), Violation> {
        let Self { driver, membership, pending: Some(pending), .. } = self else { return Ok(()) };
        let Some(authorizer) = driver.authorizer() else { return Ok(()) };
        let mut result = Ok(());
        while result.is_ok()
            && !pending.is_empty()
            && !membership.outbox.is_congested()
            && let Poll::Ready(Some((request, rulings))) = pending.poll_next(cx, authorizer)
        {
            result = driver.handle(membership.key, request, &rulings);
        }
        if let Err(violation) = &result {
            self.violated(violation);
        }
        result
    }

    /// Whether as much waits for the authorizer as may: receive nothing more.
    pub(crate) fn is_backed_up(&self) -> bool {
        self.pending.as_ref().is_some_and(|pending| pending.is_full())
    }

    /// Ends the session of a client that broke the protocol: nothing of it counts any more (PV-08).
    pub(crate) fn violated(&mut self, violation: &Violation) {
        self.protocol.end();
        self.driver.leave(self.membership.key);
        self.driver.counters().protocol_violations.increment();
        tracing::debug!(session = self.membership.session.value(), %violation, "protocol violation");
    }

    /// The router says GOODBYE of its own accord. Returns the octets, if it may and if the peer can take them:
    /// without Details, where these are too long for it.
    pub(crate) fn say_goodbye(&mut self, goodbye: &Goodbye, max_bytes: usize) -> Option<Bytes> {
        // What still waits is not to happen any more (AUTHZ-03).
        self.pending = None;
        if !self.protocol.goodbye() {
            return None;
        }
        let brief = Goodbye { details: Dict::new(), reason: goodbye.reason.clone() };
        let bodies = [goodbye.clone(), brief].map(|goodbye| Message::from(goodbye).encode(self.serializer));
        bodies.into_iter().flatten().find(|body| body.len() <= max_bytes)
    }

    /// The octets of a message for this session, none if there is no way to carry it there.
    ///
    /// The party that waits for it learns why: the caller of an INVOCATION or of a RESULT (RAW-13, SER-09).
    pub(crate) fn body(&mut self, message: &Outgoing, max_bytes: usize) -> Option<Bytes> {
        let error = match self.spoiled_by(message.message()) {
            Some(error) => error,
            None => match message.body(self.serializer) {
                Ok(body) if body.len() <= max_bytes => return Some(body),
                Ok(_) => error_uri::PAYLOAD_SIZE_EXCEEDED,
                Err(_) => error_uri::INVALID_ARGUMENT,
            },
        };
        let counters = self.driver.counters();
        let (request_type, request) = match message.message() {
            Message::Invocation(invocation) => {
                counters.calls_undeliverable.increment();
                self.driver.undeliverable(self.membership.key, invocation.request, error);
                return None;
            }
            // More of it may come, which means nothing without this part: the call ends here.
            Message::CallResult(CallResult { request, details, .. }) if details.progress == Some(true) => {
                counters.calls_undeliverable.increment();
                let was_open = self.driver.end_call(self.membership.key, *request, error);
                if !was_open && self.spoiled_calls.iter().all(|(spoiled, _)| spoiled != request) {
                    // Its final answer is on its way already, behind all of its parts.
                    self.spoiled_calls.push((*request, error));
                }
                return None;
            }
            // The request is over for the core: its sender gets this as the final answer instead.
            Message::CallResult(CallResult { request, .. }) => {
                counters.calls_undeliverable.increment();
                (MessageCode::Call as u64, *request)
            }
            Message::Error(Error { request_type, request, .. }) => {
                counters.calls_undeliverable.increment();
                (*request_type, *request)
            }
            _ => {
                counters.events_undeliverable.increment();
                return None;
            }
        };
        let instead = Error {
            request_type,
            request,
            details: Dict::new(),
            error: error.into(),
            payload: Payload::EMPTY,
        };
        Message::from(instead).encode(self.serializer).ok().filter(|body| body.len() <= max_bytes)
    }

    /// What a part of a call was lost by, if that message is the call's final answer.
    fn spoiled_by(&mut self, message: &Message) -> Option<&'static str> {
        if self.spoiled_calls.is_empty() {
            return None;
        }
        let request = match message {
            Message::CallResult(result) if result.details.progress != Some(true) => result.request,
            Message::Error(error) if error.request_type == MessageCode::Call as u64 => error.request,
            _ => return None,
        };
        let place = self.spoiled_calls.iter().position(|(spoiled, _)| *spoiled == request)?;
        Some(self.spoiled_calls.swap_remove(place).1)
    }

    /// The messages that wait for this session.
    pub(crate) fn outbox(&self) -> &Outbox {
        &self.membership.outbox
    }

    /// How fast it may send.
    pub(crate) fn rate(&self) -> Rate {
        self.rate
    }

    pub(crate) fn counters(&self) -> &Counters {
        self.driver.counters()
    }

    /// The session's ID, for logs.
    pub(crate) fn id(&self) -> u64 {
        self.membership.session.value()
    }
}

impl Drop for Session {
    /// However a session ends, nothing of it stays behind (SES-14, SES-15).
    fn drop(&mut self) {
        if let Some(expiry) = &self.expiry {
            expiry.abort();
        }
        self.driver.leave(self.membership.key);
        self.router.realms().retire_if_empty(&self.driver);
    }
}

/// A GOODBYE that needs no words.
pub(crate) fn goodbye(reason: &'static str) -> Goodbye {
    Goodbye { details: Dict::new(), reason: reason.into() }
}
