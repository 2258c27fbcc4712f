//! The arguments of a meta call: by their place or by the specification's name for them (META-GEN-01).

use std::collections::VecDeque;

use wamp_proto::{MatchPolicy, Payload, RegistrationId, SessionId, SubscriptionId, Value, error_uri};

use crate::realm::refusal::{Refusal, shown};
use crate::realm::settings::RealmSettings;

/// Octets that the arguments of a meta call may take, beside what a testament may.
///
/// They are built as values, which take many times that.
const MAX_BYTES: usize = 64 * 1024;

/// What is left of a call's arguments. They are taken in the order of their places.
pub(in crate::realm) struct Arguments {
    positional: VecDeque<Value>,
    keywords: Vec<(String, Value)>,
}

/// What an argument can be.
pub(super) trait Argument: Sized {
    const EXPECTED: &'static str;

    fn from_value(value: Value) -> Option<Self>;
}

impl Arguments {
    /// Reads both payload elements.
    pub(super) fn read(payload: &Payload, settings: &RealmSettings) -> Result<Self, Refusal> {
        let max_bytes = MAX_BYTES + settings.testaments_max_bytes;
        if payload.raw().len() > max_bytes {
            return Err(invalid(format!(
                "the router's own procedures take {max_bytes} octets of arguments at most"
            )));
        }
        let (positional, keywords) =
            payload.values().map_err(|error| invalid(format!("the arguments cannot be read: {error}")))?;
        Ok(Self { positional: positional.into(), keywords })
    }

    /// The next argument.
    pub(super) fn required<T: Argument>(&mut self, name: &str) -> Result<T, Refusal> {
        self.optional(name)?.ok_or_else(|| invalid(format!("the argument {name:?} is missing")))
    }

    /// The next argument; null stands for one that is not given.
    pub(super) fn optional<T: Argument>(&mut self, name: &str) -> Result<Option<T>, Refusal> {
        let keyword = self.keywords.iter().position(|(keyword, _)| keyword == name);
        let value = match (self.positional.pop_front(), keyword) {
            (Some(_), Some(_)) => return Err(invalid(format!("the argument {name:?} is given twice"))),
            (None, Some(index)) => self.keywords.swap_remove(index).1,
            (Some(value), None) => value,
            (None, None) => Value::Null,
        };
        if value == Value::Null {
            return Ok(None);
        }
        let expected = || invalid(format!("the argument {name:?} has to be {}", T::EXPECTED));
        T::from_value(value).map(Some).ok_or_else(expected)
    }

    /// The keyword arguments that are left, if there are no others.
    pub(super) fn into_keywords(self) -> Result<Vec<(String, Value)>, Refusal> {
        let Self { positional, keywords } = self;
        Self { positional, keywords: Vec::new() }.end()?;
        Ok(keywords)
    }

    /// Whether none is left over.
    pub(super) fn end(self) -> Result<(), Refusal> {
        if !self.positional.is_empty() {
            return Err(invalid(format!("arguments too many: {}", self.positional.len())));
        }
        match self.keywords.first() {
            Some((name, _)) => Err(invalid(format!("there is no argument {}", shown(name)))),
            None => Ok(()),
        }
    }

    /// The match policy in the last argument, `options`, as in SUBSCRIBE and REGISTER.
    pub(super) fn match_policy(mut self) -> Result<MatchPolicy, Refusal> {
        let options: Vec<(String, Value)> = self.optional("options")?.unwrap_or_default();
        self.end()?;
        let Some((_, word)) = options.into_iter().find(|(key, _)| key == "match") else {
            return Ok(MatchPolicy::Exact);
        };
        word.as_str().and_then(MatchPolicy::parse).ok_or_else(|| {
            invalid("\"match\" of the argument \"options\" has to be exact, prefix or wildcard".to_owned())
        })
    }
}

/// An argument that is missing, of the wrong type, or one too many.
pub(super) fn invalid(explanation: String) -> Refusal {
    Refusal::new(error_uri::INVALID_ARGUMENT, explanation)
}

/// Whatever it is: somebody else looks at it.
impl Argument for Value {
    const EXPECTED: &'static str = "a value";

    fn from_value(value: Value) -> Option<Self> {
        Some(value)
    }
}

impl Argument for String {
    const EXPECTED: &'static str = "text";

    fn from_value(value: Value) -> Option<Self> {
        if let Value::String(text) = value { Some(text) } else { None }
    }
}

impl Argument for Vec<Value> {
    const EXPECTED: &'static str = "a list";

    fn from_value(value: Value) -> Option<Self> {
        if let Value::List(items) = value { Some(items) } else { None }
    }
}

impl Argument for Vec<(String, Value)> {
    const EXPECTED: &'static str = "a dict";

    fn from_value(value: Value) -> Option<Self> {
        if let Value::Dict(entries) = value { Some(entries) } else { None }
    }
}

impl Argument for Vec<String> {
    const EXPECTED: &'static str = "a list of texts";

    fn from_value(value: Value) -> Option<Self> {
        Vec::from_value(value)?.into_iter().map(String::from_value).collect()
    }
}

/// An ID. wampy.js writes those above 2^32 as floats, which are exact up to 2^53.
fn id(value: &Value) -> Option<u64> {
    match value {
        Value::Integer(id) => u64::try_from(*id).ok(),
        Value::Float(id) if id.fract() == 0.0 && *id >= 0.0 => Some(*id as u64),
        _ => None,
    }
}

macro_rules! ids {
    ($($id:ident)*) => {
        $(impl Argument for $id {
            const EXPECTED: &'static str = "an ID in [1, 2^53]";

            fn from_value(value: Value) -> Option<Self> {
                id(&value).and_then(Self::new)
            }
        })*
    };
}

ids!(SessionId SubscriptionId RegistrationId);
