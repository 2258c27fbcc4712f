//! What callees say to an invocation, and what of it comes to the caller.

use wamp_proto::{Payload, Value, error_uri};

use crate::note::Note;

/// The error of callees that fail.
pub(crate) const FAILED: &str = "com.simulation.failed";

/// Why registrations and subscriptions are revoked, and sessions killed.
pub(crate) const REVOKED: &str = "com.simulation.revoked";

/// The scheme of packed payloads.
pub(crate) const SCHEME: &str = "x_simulation";

/// How a callee answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Result,
    /// A result in payload passthru mode.
    Packed,
    /// A progressive result: another reply follows.
    Progress,
    /// The error [`FAILED`].
    Failed,
    /// The error by which it passes the call on, if it announced that it does.
    Unavailable,
}

/// What one of several callees answered, as their caller is told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Part {
    Result(Note),
    Failed(Note),
    Error(String),
}

/// The payload of a RESULT.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    One(Note),
    /// Of a call that went to all callees.
    All(Vec<Part>),
}

impl Content {
    pub(crate) fn read(payload: &Payload) -> Self {
        match payload.values() {
            Ok((args, _)) if args.iter().all(|part| part.as_dict().is_some()) => {
                Self::All(args.iter().map(Part::read).collect())
            }
            _ => Self::One(Note::read(payload)),
        }
    }
}

impl Part {
    /// One of the router's own errors.
    pub(crate) fn error(error: &str) -> Self {
        Self::Error(error.to_owned())
    }

    fn read(part: &Value) -> Self {
        let dict = part.as_dict().expect("a dict");
        let of = |key: &str| dict.iter().find(|(known, _)| known == key).map(|(_, value)| value);
        let note = || {
            let args = of("args").and_then(Value::as_list).expect("args");
            let kwargs = of("kwargs").and_then(Value::as_dict).expect("kwargs");
            Note::from_values(args, kwargs)
        };
        match of("error").map(|error| error.as_str().expect("a URI")) {
            None => Self::Result(note()),
            Some(FAILED) => Self::Failed(note()),
            Some(error) => Self::error(error),
        }
    }

    /// As it arrives: what only one serializer can say does not fit beside others.
    pub(crate) fn told(self) -> Self {
        match self {
            Self::Result(note) | Self::Failed(note) if note.is_json_only() => {
                Self::error(error_uri::INVALID_ARGUMENT)
            }
            part => part,
        }
    }
}
