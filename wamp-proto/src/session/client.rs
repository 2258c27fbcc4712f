//! The client's side of a session: request IDs in sequence, and what a router may say when.

use super::Violation;
use crate::id::RequestId;
use crate::message::{
    Abort, Challenge, Error, Event, Goodbye, Interrupt, Invocation, Message, MessageCode, Welcome,
};

/// What a message of the router means to the client.
#[derive(Debug)]
pub enum ClientInput {
    /// The session is open.
    Welcome(Welcome),
    /// The router wants proof of identity.
    Challenge(Challenge),
    /// The router ended the session.
    Aborted(Abort),
    /// PUBLISHED, SUBSCRIBED, UNSUBSCRIBED, RESULT, REGISTERED or UNREGISTERED.
    Answer(Message),
    /// A request failed.
    Error(Error),
    /// An event.
    Event(Event),
    /// A call to answer.
    Invocation(Invocation),
    /// An invocation to stop.
    Interrupt(Interrupt),
    /// The router leaves: answer with GOODBYE (SES-07).
    Leave(Goodbye),
    /// The router answered our GOODBYE: the session is over.
    Left,
    /// Nothing: we are closing, and what is not GOODBYE does not count any more (SES-08).
    Ignored,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Opening,
    Open,
    Closing,
    Over,
}

/// What the client knows of its session's protocol.
#[derive(Debug)]
pub struct ClientSession {
    state: State,
    next_request: RequestId,
}

impl Default for ClientSession {
    fn default() -> Self {
        Self::new()
    }
}

impl ClientSession {
    /// A session whose HELLO goes out next.
    pub const fn new() -> Self {
        Self { state: State::Opening, next_request: RequestId::FIRST }
    }

    /// The ID of the next request; take one for each request, in the order in which they are sent (ID-04).
    pub fn next_request(&mut self) -> RequestId {
        let request = self.next_request;
        self.next_request = request.next();
        request
    }

    /// The ID that was taken last is free again: the request was not sent after all, and IDs have no gaps (ID-04).
    pub fn take_back(&mut self, request: RequestId) {
        if request.next() == self.next_request {
            self.next_request = request;
        }
    }

    /// The client sends GOODBYE. Returns whether it may: only an open session is closed, and only once.
    pub fn goodbye(&mut self) -> bool {
        let may = self.state == State::Open;
        if may {
            self.state = State::Closing;
        }
        may
    }

    /// Whether WELCOME came and neither peer ended the session since.
    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Takes the next message of the router.
    ///
    /// # Errors
    /// If the router broke the protocol. The session is over then: send [`Violation::abort`] and close.
    pub fn receive(&mut self, message: Message) -> Result<ClientInput, Violation> {
        let result = self.accept(message);
        if result.is_err() {
            self.state = State::Over;
        }
        result
    }

    fn accept(&mut self, message: Message) -> Result<ClientInput, Violation> {
        let code = message.code();
        let illegal = |state| Err(Violation::State { message: code, state });
        match (self.state, message) {
            (State::Over, _) => Ok(ClientInput::Ignored),
            (_, Message::Abort(abort)) => {
                self.state = State::Over;
                Ok(ClientInput::Aborted(abort))
            }
            (State::Opening, Message::Welcome(welcome)) => {
                self.state = State::Open;
                Ok(ClientInput::Welcome(welcome))
            }
            (State::Opening, Message::Challenge(challenge)) => Ok(ClientInput::Challenge(challenge)),
            (State::Opening, _) => illegal("before WELCOME"),
            (State::Closing, Message::Goodbye(_)) => {
                self.state = State::Over;
                Ok(ClientInput::Left)
            }
            (State::Closing, _) => Ok(ClientInput::Ignored),
            (State::Open, Message::Goodbye(goodbye)) => {
                self.state = State::Over;
                Ok(ClientInput::Leave(goodbye))
            }
            (State::Open, Message::Event(event)) => Ok(ClientInput::Event(event)),
            (State::Open, Message::Invocation(invocation)) => Ok(ClientInput::Invocation(invocation)),
            (State::Open, Message::Interrupt(interrupt)) => Ok(ClientInput::Interrupt(interrupt)),
            (State::Open, Message::Error(error)) => {
                const REQUESTS: [MessageCode; 7] = [
                    MessageCode::Publish,
                    MessageCode::Subscribe,
                    MessageCode::Unsubscribe,
                    MessageCode::Call,
                    MessageCode::Register,
                    MessageCode::Unregister,
                    // A packed result for a caller that takes none (PPT-08).
                    MessageCode::Yield,
                ];
                if REQUESTS.iter().any(|&request| request as u64 == error.request_type) {
                    Ok(ClientInput::Error(error))
                } else {
                    Err(Violation::ErrorType(error.request_type))
                }
            }
            (
                State::Open,
                answer @ (Message::Published(_)
                | Message::Subscribed(_)
                | Message::Unsubscribed(_)
                | Message::CallResult(_)
                | Message::Registered(_)
                | Message::Unregistered(_)),
            ) => Ok(ClientInput::Answer(answer)),
            (State::Open, Message::Welcome(_) | Message::Challenge(_)) => illegal("in an open session"),
            (
                State::Open,
                Message::Hello(_)
                | Message::Authenticate(_)
                | Message::Publish(_)
                | Message::Subscribe(_)
                | Message::Unsubscribe(_)
                | Message::Call(_)
                | Message::Cancel(_)
                | Message::Register(_)
                | Message::Unregister(_)
                | Message::Yield(_),
            ) => Err(Violation::Direction(code)),
        }
    }
}
