//! From a frame to a message: the header is decoded, the payload only scanned.

use bytes::Bytes;

use super::SerializerId;
#[cfg(feature = "cbor")]
use super::cbor::CborReader;
#[cfg(feature = "json")]
use super::json::JsonReader;
#[cfg(feature = "msgpack")]
use super::msgpack::MsgPackReader;
use super::token::{Reader, SyntaxError};
use crate::dict::Context;
use crate::message::{Answered, Message, MessageCode};
use crate::payload::Frame;
use crate::session::Profile;

/// What a receiver accepts. The size of a whole message is the transport's to check.
#[derive(Clone, Debug)]
pub struct DecodeRules {
    /// Nesting of arrays and dicts, the message itself included; at most [`DecodeRules::MAX_DEPTH`].
    pub max_depth: usize,
    /// Octets of one Options or Details dict.
    pub dict_max_bytes: usize,
    /// Whether nil stands for an empty dict, and for a key that is not there (wampy.js sends such).
    pub nil_is_empty_dict: bool,
    /// Whether a float up to 2^53 without a fraction stands for an ID or another unsigned integer in
    /// MessagePack and CBOR (wampy.js sends such above 2^32).
    pub float_is_integer: bool,
}

impl DecodeRules {
    /// The deepest nesting that can be allowed: scanning recurses.
    pub const MAX_DEPTH: usize = 256;

    /// The default limits under a profile.
    pub fn new(profile: Profile) -> Self {
        let is_lenient = profile != Profile::Strict;
        Self {
            max_depth: 64,
            dict_max_bytes: 16 * 1024,
            nil_is_empty_dict: is_lenient,
            float_is_integer: is_lenient,
        }
    }
}

impl Default for DecodeRules {
    fn default() -> Self {
        Self::new(Profile::Default)
    }
}

/// Why a frame is not a message. Every one is a protocol violation of its sender (SER-08, MSG-01, MSG-05).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The octets are not what the serializer writes.
    #[error("undecodable: {0}")]
    Syntax(#[from] SyntaxError),
    /// The value is not a list that begins with a type code.
    #[error("a message is a list that begins with an integer")]
    NotAMessage,
    /// A type code that nobody agreed on (MSG-09).
    #[error("there is no message of type {0}")]
    UnknownType(u64),
    /// Too few or too many elements.
    #[error("{} has a wrong number of elements", .0.as_str())]
    Arity(MessageCode),
    /// An element of a wrong type.
    #[error("{}.{element} is not {expected}", message.as_str())]
    Element {
        /// The message.
        message: MessageCode,
        /// The element's name in the specification.
        element: &'static str,
        /// What it has to be.
        expected: &'static str,
    },
    /// A known key of a dict with a value of a wrong type (MSG-07).
    #[error("the value of {key:?} is not {expected}")]
    Key {
        /// The key.
        key: String,
        /// What its value has to be.
        expected: &'static str,
    },
    /// A key that stands in a dict twice (MSG-06).
    #[error("the key {0:?} is given twice")]
    DuplicateKey(String),
    /// An Options or Details dict over its limit.
    #[error("an Options or Details dict has more than {0} octets")]
    DictTooLarge(usize),
    /// An Options or Details dict with too many unknown keys.
    #[error("an Options or Details dict has more than {0} unknown keys")]
    TooManyKeys(usize),
}

/// Decodes one message.
///
/// Payload, URIs and other text of the message are slices of `frame` and keep it alive.
///
/// # Errors
/// Whatever makes the frame not a message.
pub fn decode(serializer: SerializerId, frame: &Bytes, rules: &DecodeRules) -> Result<Message, DecodeError> {
    let max_depth = rules.max_depth.min(DecodeRules::MAX_DEPTH);
    match serializer {
        #[cfg(feature = "json")]
        SerializerId::Json => {
            let text = bytestring::ByteString::try_from(frame.clone()).or(Err(SyntaxError::Utf8))?;
            let context = Context { frame: Frame { octets: frame, text: Some(&text) }, rules };
            read(&mut JsonReader::new(&text, max_depth), &context)
        }
        #[cfg(feature = "msgpack")]
        SerializerId::MsgPack => {
            let context = Context { frame: Frame { octets: frame, text: None }, rules };
            read(&mut MsgPackReader::new(frame, max_depth), &context)
        }
        #[cfg(feature = "cbor")]
        SerializerId::Cbor => {
            let context = Context { frame: Frame { octets: frame, text: None }, rules };
            read(&mut CborReader::new(frame, max_depth), &context)
        }
    }
}

fn read<'a, R: Reader<'a>>(reader: &mut R, context: &Context<'_>) -> Result<Message, DecodeError> {
    let not_a_message = |error| match error {
        SyntaxError::Type(_) => DecodeError::NotAMessage,
        other => other.into(),
    };
    let mut items = reader.array().map_err(not_a_message)?;
    if !reader.more(&mut items)? {
        return Err(DecodeError::NotAMessage);
    }
    let number = reader.unsigned().map_err(not_a_message)?;
    let code = MessageCode::from_number(number).ok_or(DecodeError::UnknownType(number))?;
    let message = Message::read(code, reader, &mut items, context)?;
    reader.end()?;
    // Request 0 and Details belong together (ID-01).
    let is_whole = match &message {
        Message::Unsubscribed(answer) => (answer.request == Answered::Revocation) == answer.revoked.is_some(),
        Message::Unregistered(answer) => (answer.request == Answered::Revocation) == answer.revoked.is_some(),
        _ => true,
    };
    if is_whole { Ok(message) } else { Err(DecodeError::Arity(code)) }
}
