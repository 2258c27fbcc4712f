//! The session state machine of both peers: which message is legal when, and what it means.
//!
//! ```text
//! router:  Opening ──HELLO──> Joining ──welcome()──> Open ──GOODBYE──> Over
//!                             │     ^                  └──goodbye()──> Closing ──GOODBYE──> Over
//!                    challenge()   AUTHENTICATE
//!                             v     │
//!                             Challenged
//! ABORT in either direction, and every violation, leads to Over from anywhere.
//! ```

mod client;
mod router;

pub use client::{ClientInput, ClientSession};
pub use router::{RouterInput, RouterSession};

use crate::dict::AbortDetails;
use crate::error_uri;
use crate::message::{Abort, MessageCode};
use crate::payload::Payload;
use crate::serializer::decode::DecodeError;

/// How strictly a realm takes the protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// The specification, except where a client that ships today would break.
    #[default]
    Default,
    /// The specification without exception.
    Strict,
    /// `Default`, and what deployed clients of Crossbar.io lean on.
    Crossbar,
}

/// How a peer broke the protocol. The answer to every one is ABORT, then the end (PV-08).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// A frame that is not a message (SER-08, MSG-01, MSG-05).
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The transport's rules were broken (WS-03).
    #[error("{0}")]
    Transport(&'static str),
    /// A message that is never sent in this direction (MSG-10).
    #[error("{} is never sent to this peer", .0.as_str())]
    Direction(MessageCode),
    /// A message that is not legal in the session's state (PV-01 to PV-04).
    #[error("{} is not legal {state}", message.as_str())]
    State {
        /// The message.
        message: MessageCode,
        /// The state, as the end of a sentence.
        state: &'static str,
    },
    /// HELLO without a role (SES-02).
    #[error("HELLO.Details.roles names no role")]
    NoRoles,
    /// A message of a role that the session did not announce.
    #[error("{} needs the role {role}, which HELLO did not announce", message.as_str())]
    Role {
        /// The message.
        message: MessageCode,
        /// The role.
        role: &'static str,
    },
    /// A message that uses a feature of its sender's role that HELLO did not announce (PV-12, PCI-03, PPT-05).
    #[error("{} needs the feature {feature}, which HELLO did not announce", message.as_str())]
    NotAnnounced {
        /// The message.
        message: MessageCode,
        /// The feature, as HELLO would name it.
        feature: &'static str,
    },
    /// A chunk for an open call that was complete with its first CALL (PCI-10).
    #[error("CALL continues call {request}, which was not started with progress")]
    NotProgressive {
        /// The request of the open call.
        request: u64,
    },
    /// A request ID out of sequence (PV-07, PCI-09).
    #[error("the request ID {found} does not follow {last}")]
    RequestId {
        /// The ID received.
        found: u64,
        /// The last ID accepted, 0 for none.
        last: u64,
    },
    /// ERROR for a request that this peer never answers with ERROR (PV-05).
    #[error("ERROR for a request of type {0}")]
    ErrorType(u64),
    /// YIELD or ERROR for an invocation that was never issued (PV-06).
    #[error("{} for invocation {request}, which was never issued", message.as_str())]
    NeverIssued {
        /// The message.
        message: MessageCode,
        /// The request.
        request: u64,
    },
}

impl Violation {
    /// The ABORT that answers it.
    pub fn abort(&self) -> Abort {
        abort(error_uri::PROTOCOL_VIOLATION, &self.to_string())
    }
}

/// An ABORT with a message for people.
pub fn abort(reason: &'static str, message: &str) -> Abort {
    Abort {
        details: AbortDetails { message: Some(message.into()), ..AbortDetails::default() }.into(),
        reason: reason.into(),
        payload: Payload::EMPTY,
    }
}
