//! The router's side of a session.

use super::{Profile, Violation};
use crate::dict::ClientRoles;
use crate::id::{MAX_ID, RequestId};
use crate::message::{
    Call, Cancel, Error, Goodbye, Hello, Message, MessageCode, Publish, Register, Subscribe, Unregister,
    Unsubscribe, Yield,
};

/// What a message asks the router to do.
#[derive(Debug)]
pub enum RouterInput {
    /// Let the session in, with [`RouterSession::welcome`], or abort.
    Hello(Hello),
    /// Give it to the broker.
    Publish(Publish),
    /// Give it to the broker.
    Subscribe(Subscribe),
    /// Give it to the broker.
    Unsubscribe(Unsubscribe),
    /// Give it to the dealer.
    Call(Call),
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
    /// HELLO came.
    Joining,
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

/// What the router knows of one session's protocol.
#[derive(Debug)]
pub struct RouterSession {
    state: State,
    profile: Profile,
    announced: Announced,
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

    /// The router sent WELCOME; from here the rules of the realm's profile apply.
    pub fn welcome(&mut self, profile: Profile) {
        self.profile = profile;
        self.state = State::Open;
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
                    self.announced = announced(&hello)?;
                    self.state = State::Joining;
                    return Ok(RouterInput::Hello(hello));
                }
                Message::Abort(_) => return Ok(self.aborted()),
                _ => return Err(self.illegal(code)),
            },
            // Challenges come with authentication; until then nothing is legal but to give up (SES-12).
            State::Joining => match message {
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
            Message::Call(call) => {
                self.request(call.request, code, self.announced.caller, "caller")?;
                RouterInput::Call(call)
            }
            Message::Cancel(cancel) => RouterInput::Cancel(cancel),
            Message::Register(register) => {
                self.request(register.request, code, self.announced.callee, "callee")?;
                RouterInput::Register(register)
            }
            Message::Unregister(unregister) => {
                self.request(unregister.request, code, self.announced.callee, "callee")?;
                RouterInput::Unregister(unregister)
            }
            Message::Yield(yielded) => RouterInput::Yield(yielded),
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
        let found = request.value();
        let last = self.last_request;
        let follows = match self.profile {
            Profile::Strict => found == if last == MAX_ID { 1 } else { last + 1 },
            // Deployed clients skip forward; one that repeats an ID would get the other request's answer.
            Profile::Default | Profile::Crossbar => found > last || (last == MAX_ID && found == 1),
        };
        if !follows {
            return Err(Violation::RequestId { found, last });
        }
        self.last_request = found;
        Ok(())
    }
}

fn announced(hello: &Hello) -> Result<Announced, Violation> {
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
    if announced == Announced::default() { Err(Violation::NoRoles) } else { Ok(announced) }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
