//! The router's side of a session.

use bytestring::ByteString;

use super::{Profile, Violation};
use crate::dict::ClientRoles;
use crate::id::{MAX_ID, RequestId};
use crate::message::{
    Authenticate, Call, Cancel, Error, Goodbye, Hello, Message, MessageCode, Publish, Register, Subscribe,
    Unregister, Unsubscribe, Yield,
};

/// What a message asks the router to do.
#[derive(Debug)]
pub enum RouterInput {
    /// Let the session in, with [`RouterSession::welcome`], have it prove who it is, with
    /// [`RouterSession::challenge`], or abort.
    Hello(Hello),
    /// What proves it, or does not: go on as with HELLO.
    Authenticate(Authenticate),
    /// Give it to the broker.
    Publish(Publish),
    /// Give it to the broker.
    Subscribe(Subscribe),
    /// Give it to the broker.
    Unsubscribe(Unsubscribe),
    /// Give it to the dealer: a new call.
    Call(Call),
    /// Give it to the dealer: a CALL with an ID that was used before, in a session with progressive call
    /// invocations. It continues an open call (PCI-02), is a violation if that call was not started with
    /// progress (PCI-10, [`Violation::NotProgressive`]), and is dropped if no call has that ID (PCI-11, PCI-12).
    Chunk(Call),
    /// Give it to the dealer.
    Cancel(Cancel),
    /// Give it to the dealer.
    Register(Register),
    /// Give it to the dealer.
    Unregister(Unregister),
    /// Give it to the dealer.
    Yield(Yield),
    /// Give it to the dealer: a callee's error.
    Error(Error),
    /// The client leaves: release the session and answer with GOODBYE (SES-07).
    Leave(Goodbye),
    /// The client answered our GOODBYE: the session is over.
    Left,
    /// The client aborted: the session is over, without an answer (SES-11).
    Aborted,
    /// Nothing: we are closing, and what is not GOODBYE does not count any more (SES-08).
    Ignored,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing came yet.
    Opening,
    /// HELLO came, or AUTHENTICATE: the router decides.
    Joining,
    /// CHALLENGE went out.
    Challenged,
    /// WELCOME went out.
    Open,
    /// Our GOODBYE went out.
    Closing,
    /// Nothing more counts.
    Over,
}

impl State {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Opening => "before HELLO",
            Self::Joining => "before WELCOME",
            Self::Challenged => "behind CHALLENGE",
            Self::Open => "in an open session",
            Self::Closing => "in a closing session",
            Self::Over => "after the end of the session",
        }
    }
}

/// Which roles a client announced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Announced {
    publisher: bool,
    subscriber: bool,
    caller: bool,
    callee: bool,
}

/// Which features a client announced of those that it may not use without (PV-12).
#[derive(Clone, Copy, Debug, Default)]
struct Features {
    progressive_call_invocations: bool,
    /// Payload passthru mode as publisher, as caller and as callee.
    publisher_passthru: bool,
    caller_passthru: bool,
    callee_passthru: bool,
}

/// What the router knows of one session's protocol.
#[derive(Debug)]
pub struct RouterSession {
    state: State,
    profile: Profile,
    announced: Announced,
    features: Features,
    /// The last request ID accepted, 0 for none.
    last_request: u64,
}

impl Default for RouterSession {
    fn default() -> Self {
        Self::new()
    }
}

impl RouterSession {
    /// A session of which nothing came yet. A transport may carry one after the other (WS-05).
    pub const fn new() -> Self {
        Self {
            state: State::Opening,
            profile: Profile::Default,
            announced: Announced { publisher: false, subscriber: false, caller: false, callee: false },
            features: Features {
                progressive_call_invocations: false,
                publisher_passthru: false,
                caller_passthru: false,
                callee_passthru: false,
            },
            last_request: 0,
        }
    }

    /// Takes the next message of the client.
    ///
    /// # Errors
    /// If the client broke the protocol. The session is over then: send [`Violation::abort`], release what
    /// the session holds and close the transport.
    pub fn receive(&mut self, message: Message) -> Result<RouterInput, Violation> {
        let result = self.accept(message);
        if result.is_err() {
            self.state = State::Over;
        }
        result
    }

    /// The router sends CHALLENGE: AUTHENTICATE comes next, once (AUTH-GEN-02). Returns whether it may: only behind HELLO
    /// or AUTHENTICATE, and not if the client gave up meanwhile.
    pub fn challenge(&mut self) -> bool {
        let may = self.state == State::Joining;
        if may {
            self.state = State::Challenged;
        }
        may
    }

    /// The router sends WELCOME; from here the rules of the realm's profile apply. Returns whether it may, as with
    /// [`challenge`](Self::challenge).
    pub fn welcome(&mut self, profile: Profile) -> bool {
        let may = self.state == State::Joining;
        if may {
            self.profile = profile;
            self.state = State::Open;
        }
        may
    }

    /// The router sends GOODBYE. Returns whether it may: only an open session is closed, and only once.
    pub fn goodbye(&mut self) -> bool {
        let may = self.state == State::Open;
        if may {
            self.state = State::Closing;
        }
        may
    }

    /// The router sent ABORT, or the transport is gone.
    pub fn end(&mut self) {
        self.state = State::Over;
    }

    /// Whether WELCOME was sent and neither peer ended the session since.
    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Whether nothing counts any more.
    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    fn accept(&mut self, message: Message) -> Result<RouterInput, Violation> {
        let code = message.code();
        match self.state {
            State::Opening => match message {
                Message::Hello(hello) => {
                    (self.announced, self.features) = announced(&hello)?;
                    self.state = State::Joining;
                    return Ok(RouterInput::Hello(hello));
                }
                Message::Abort(_) => return Ok(self.aborted()),
                _ => return Err(self.illegal(code)),
            },
            // While the router decides, nothing is legal but to give up (SES-12).
            State::Joining => match message {
                Message::Abort(_) => return Ok(self.aborted()),
                _ => return Err(self.illegal(code)),
            },
            State::Challenged => match message {
                Message::Authenticate(authenticate) => {
                    self.state = State::Joining;
                    return Ok(RouterInput::Authenticate(authenticate));
                }
                Message::Abort(_) => return Ok(self.aborted()),
                _ => return Err(self.illegal(code)),
            },
            State::Closing => {
                return Ok(match message {
                    Message::Goodbye(_) => {
                        self.state = State::Over;
                        RouterInput::Left
                    }
                    Message::Abort(_) => self.aborted(),
                    _ => RouterInput::Ignored,
                });
            }
            State::Over => return Ok(RouterInput::Ignored),
            State::Open => {}
        }
        Ok(match message {
            Message::Publish(publish) => {
                self.request(publish.request, code, self.announced.publisher, "publisher")?;
                passthru(&publish.options.ppt_scheme, code, self.features.publisher_passthru)?;
                RouterInput::Publish(publish)
            }
            Message::Subscribe(subscribe) => {
                self.request(subscribe.request, code, self.announced.subscriber, "subscriber")?;
                RouterInput::Subscribe(subscribe)
            }
            Message::Unsubscribe(unsubscribe) => {
                self.request(unsubscribe.request, code, self.announced.subscriber, "subscriber")?;
                RouterInput::Unsubscribe(unsubscribe)
            }
            Message::Call(call) => self.call(call)?,
            Message::Cancel(cancel) => RouterInput::Cancel(cancel),
            Message::Register(register) => {
                self.request(register.request, code, self.announced.callee, "callee")?;
                RouterInput::Register(register)
            }
            Message::Unregister(unregister) => {
                self.request(unregister.request, code, self.announced.callee, "callee")?;
                RouterInput::Unregister(unregister)
            }
            Message::Yield(yielded) => {
                passthru(&yielded.options.ppt_scheme, code, self.features.callee_passthru)?;
                RouterInput::Yield(yielded)
            }
            Message::Error(error) if error.request_type == MessageCode::Invocation as u64 => {
                RouterInput::Error(error)
            }
            Message::Error(error) => return Err(Violation::ErrorType(error.request_type)),
            Message::Goodbye(goodbye) => {
                self.state = State::Over;
                RouterInput::Leave(goodbye)
            }
            Message::Abort(_) => self.aborted(),
            Message::Hello(_) | Message::Authenticate(_) => return Err(self.illegal(code)),
            Message::Welcome(_)
            | Message::Challenge(_)
            | Message::Published(_)
            | Message::Subscribed(_)
            | Message::Unsubscribed(_)
            | Message::Event(_)
            | Message::CallResult(_)
            | Message::Registered(_)
            | Message::Unregistered(_)
            | Message::Invocation(_)
            | Message::Interrupt(_) => return Err(Violation::Direction(code)),
        })
    }

    fn illegal(&self, message: MessageCode) -> Violation {
        Violation::State { message, state: self.state.as_str() }
    }

    fn aborted(&mut self) -> RouterInput {
        self.state = State::Over;
        RouterInput::Aborted
    }

    /// Checks a request ID (PV-07) and the role that the message belongs to.
    fn request(
        &mut self,
        request: RequestId,
        message: MessageCode,
        has_role: bool,
        role: &'static str,
    ) -> Result<(), Violation> {
        if !has_role {
            return Err(Violation::Role { message, role });
        }
        self.advance(request, self.profile != Profile::Strict)
    }

    /// Tells a new call from a chunk of one that is there already (PCI-09 to PCI-12).
    fn call(&mut self, call: Call) -> Result<RouterInput, Violation> {
        let message = MessageCode::Call;
        let is_progressive = self.features.progressive_call_invocations;
        if call.options.progress == Some(true) {
            // wampy.js does not announce what its progressive calls need: the first of them announces it.
            if self.profile == Profile::Strict {
                announces(message, is_progressive, "progressive_call_invocations")?;
            }
            self.features.progressive_call_invocations = true;
        }
        passthru(&call.options.ppt_scheme, message, self.features.caller_passthru)?;
        if !is_progressive {
            self.request(call.request, message, self.announced.caller, "caller")?;
            return Ok(RouterInput::Call(call));
        }
        let found = call.request.value();
        if found <= self.last_request && !self.wraps(found) {
            return Ok(RouterInput::Chunk(call));
        }
        // A gap is a violation in every profile: only without one are the IDs up to the last one all used.
        self.advance(call.request, false)?;
        Ok(RouterInput::Call(call))
    }

    /// Takes the ID of a new request. Deployed clients skip forward; one that repeats an ID would get the other
    /// request's answer.
    fn advance(&mut self, request: RequestId, may_skip: bool) -> Result<(), Violation> {
        let found = request.value();
        let last = self.last_request;
        let is_next = found == last + 1 || self.wraps(found);
        let is_skip = may_skip && found > last;
        if !is_next && !is_skip {
            return Err(Violation::RequestId { found, last });
        }
        self.last_request = found;
        Ok(())
    }

    /// Whether that ID is the first one again, behind the last that there is (ID-04).
    fn wraps(&self, found: u64) -> bool {
        self.last_request == MAX_ID && found == 1
    }
}

fn announces(message: MessageCode, is_announced: bool, feature: &'static str) -> Result<(), Violation> {
    if is_announced { Ok(()) } else { Err(Violation::NotAnnounced { message, feature }) }
}

/// Checks that a payload in passthru mode comes from a role that announced it (PPT-05).
fn passthru(scheme: &Option<ByteString>, message: MessageCode, is_announced: bool) -> Result<(), Violation> {
    match scheme {
        Some(scheme) if !scheme.is_empty() => announces(message, is_announced, "payload_passthru_mode"),
        _ => Ok(()),
    }
}

fn announced(hello: &Hello) -> Result<(Announced, Features), Violation> {
    let Some(roles) = &hello.details.roles else {
        return Err(Violation::NoRoles);
    };
    let ClientRoles { publisher, subscriber, caller, callee, extra: _ } = &**roles;
    let announced = Announced {
        publisher: publisher.is_some(),
        subscriber: subscriber.is_some(),
        caller: caller.is_some(),
        callee: callee.is_some(),
    };
    if announced == Announced::default() {
        return Err(Violation::NoRoles);
    }
    let publisher = publisher.as_ref().and_then(|role| role.features.as_deref());
    let caller = caller.as_ref().and_then(|role| role.features.as_deref());
    let callee = callee.as_ref().and_then(|role| role.features.as_deref());
    let features = Features {
        progressive_call_invocations: caller
            .is_some_and(|features| features.progressive_call_invocations == Some(true)),
        publisher_passthru: publisher.is_some_and(|features| features.payload_passthru_mode == Some(true)),
        caller_passthru: caller.is_some_and(|features| features.payload_passthru_mode == Some(true)),
        callee_passthru: callee.is_some_and(|features| features.payload_passthru_mode == Some(true)),
    };
    Ok((announced, features))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dict::Dict;
    use crate::payload::Payload;

    fn hello() -> Message {
        let hello = br#"[1,"realm1",{"roles":{"caller":{}}}]"#;
        let rules = crate::DecodeRules::new(Profile::Default);
        crate::decode(crate::SerializerId::Json, &bytes::Bytes::from_static(hello), &rules).expect("HELLO")
    }

    fn authenticate() -> Message {
        Authenticate { signature: "secret".into(), extra: Dict::new() }.into()
    }

    /// Conformance: AUTH-GEN-02
    #[test]
    fn ses_13_authenticate_is_legal_once_for_each_challenge() {
        let mut session = RouterSession::new();
        assert!(matches!(session.receive(hello()), Ok(RouterInput::Hello(_))));
        // Twice: with two factors, for example.
        for _ in 0..2 {
            session.challenge();
            assert!(matches!(session.receive(authenticate()), Ok(RouterInput::Authenticate(_))));
        }
        session.welcome(Profile::Default);
        assert!(session.is_open());
        assert!(session.receive(authenticate()).is_err() && session.is_over());
    }

    /// Conformance: PV-01
    #[test]
    fn ses_13_nothing_but_authenticate_is_legal_while_challenged_and_it_is_not_without_challenge() {
        let mut session = RouterSession::new();
        assert!(session.receive(authenticate()).is_err());

        let mut session = RouterSession::new();
        assert!(session.receive(hello()).is_ok());
        assert!(session.receive(authenticate()).is_err(), "while the router decides");

        let goodbye =
            || Goodbye { details: Dict::new(), reason: crate::error_uri::CLOSE_REALM.into() }.into();
        for message in [hello(), goodbye()] {
            let mut session = RouterSession::new();
            assert!(session.receive(hello()).is_ok());
            session.challenge();
            assert!(session.receive(message).is_err() && session.is_over());
        }
    }

    #[test]
    fn ses_12_abort_ends_the_handshake_in_every_state_and_nothing_revives_it() {
        let abort = || crate::session::abort(crate::error_uri::CANNOT_AUTHENTICATE, "no").into();
        let mut opening = RouterSession::new();
        assert!(!opening.challenge() && !opening.welcome(Profile::Default), "nobody said HELLO");
        let mut joining = RouterSession::new();
        assert!(joining.receive(hello()).is_ok());
        let mut challenged = RouterSession::new();
        assert!(challenged.receive(hello()).is_ok() && challenged.challenge());
        assert!(!challenged.challenge() && !challenged.welcome(Profile::Default), "AUTHENTICATE is due");
        let mut deciding = RouterSession::new();
        assert!(deciding.receive(hello()).is_ok() && deciding.challenge());
        assert!(deciding.receive(authenticate()).is_ok());
        for mut session in [opening, joining, challenged, deciding] {
            assert!(matches!(session.receive(abort()), Ok(RouterInput::Aborted)));
            assert!(!session.challenge() && !session.welcome(Profile::Default) && session.is_over());
            assert!(matches!(session.receive(authenticate()), Ok(RouterInput::Ignored)));
        }
    }

    /// Conformance: ID-04
    #[test]
    fn pv_07_the_sequence_wraps_in_profile_strict_too() {
        let mut session =
            RouterSession { profile: Profile::Strict, last_request: MAX_ID - 1, ..RouterSession::new() };
        let mut request =
            |id| session.request(RequestId::new(id).expect("in range"), MessageCode::Call, true, "caller");
        assert_eq!(request(MAX_ID), Ok(()));
        assert_eq!(request(2), Err(Violation::RequestId { found: 2, last: MAX_ID }));
        assert_eq!(request(1), Ok(()));
        assert_eq!(request(2), Ok(()));
    }

    /// Conformance: PCI-09, ID-04
    #[test]
    fn pci_10_behind_the_wrap_the_watermark_is_1() {
        let mut session = RouterSession {
            state: State::Open,
            announced: Announced { caller: true, ..Announced::default() },
            features: Features { progressive_call_invocations: true, ..Features::default() },
            last_request: MAX_ID,
            ..RouterSession::new()
        };
        let mut call = |id| {
            let request = RequestId::new(id).expect("in range");
            let procedure = "com.acme.add".into();
            session.call(Call { request, options: Dict::new(), procedure, payload: Payload::EMPTY })
        };
        assert!(matches!(call(MAX_ID), Ok(RouterInput::Chunk(_))));
        assert!(matches!(call(2), Ok(RouterInput::Chunk(_))));
        assert!(matches!(call(1), Ok(RouterInput::Call(_))));
        assert!(matches!(call(1), Ok(RouterInput::Chunk(_))));
        assert_eq!(call(MAX_ID).unwrap_err(), Violation::RequestId { found: MAX_ID, last: 1 });
        assert!(matches!(call(2), Ok(RouterInput::Call(_))));
    }
}
