//! Rust values as application data, and back, by serde: straight from and to the octets of any serializer.

mod decode;
mod encode;
mod value;

use serde::{Deserialize, Serialize};

pub use decode::DecodeValueError;
pub use encode::EncodeError;

use crate::payload::{Arity, Payload};
use crate::serializer::SerializerId;
use crate::serializer::cbor::{CborReader, CborWriter};
use crate::serializer::decode::DecodeRules;
use crate::serializer::json::{JsonReader, JsonWriter};
use crate::serializer::msgpack::{MsgPackReader, MsgPackWriter};
use crate::serializer::token::SyntaxError;

/// Nesting of values that is encoded and decoded: both recurse.
const MAX_DEPTH: usize = DecodeRules::MAX_DEPTH;

macro_rules! with_reader {
    ($payload:expr, $reader:ident => $read:expr) => {
        match $payload.serializer() {
            SerializerId::Json => {
                let text = std::str::from_utf8($payload.raw()).or(Err(SyntaxError::Utf8))?;
                let $reader = &mut JsonReader::new(text, MAX_DEPTH);
                $read
            }
            SerializerId::MsgPack => {
                let $reader = &mut MsgPackReader::new($payload.raw(), MAX_DEPTH);
                $read
            }
            SerializerId::Cbor => {
                let $reader = &mut CborReader::new($payload.raw(), MAX_DEPTH);
                $read
            }
        }
    };
}

impl Payload {
    /// Positional arguments. A tuple, or an array, is the list of them; `()` is none; any other value is the one
    /// argument, so that a `Vec` is one that is a list, and a struct one that is a dict.
    ///
    /// # Errors
    /// If the value says so itself, or is nested too deep.
    pub fn from_args<A: Serialize + ?Sized>(serializer: SerializerId, args: &A) -> Result<Self, EncodeError> {
        let (raw, arity) = match serializer {
            SerializerId::Json => encode::args::<JsonWriter, A>(args),
            SerializerId::MsgPack => encode::args::<MsgPackWriter, A>(args),
            SerializerId::Cbor => encode::args::<CborWriter, A>(args),
        }?;
        Ok(Self::from_encoded(serializer, arity, raw.into()))
    }

    /// Positional arguments, and keyword arguments: a struct or a map, or `()` for none. Empty elements are left out as
    /// MSG-11 asks.
    ///
    /// # Errors
    /// If a value says so itself, is nested too deep, or `kwargs` is something else.
    pub fn from_args_kwargs<A: Serialize + ?Sized, K: Serialize + ?Sized>(
        serializer: SerializerId,
        args: &A,
        kwargs: &K,
    ) -> Result<Self, EncodeError> {
        let encoded = match serializer {
            SerializerId::Json => encode::args_kwargs::<JsonWriter, A, K>(args, kwargs),
            SerializerId::MsgPack => encode::args_kwargs::<MsgPackWriter, A, K>(args, kwargs),
            SerializerId::Cbor => encode::args_kwargs::<CborWriter, A, K>(args, kwargs),
        }?;
        match encoded {
            Some(raw) => Ok(Self::from_encoded(serializer, Arity::ArgsKwargs, raw.into())),
            None => Self::from_args(serializer, args),
        }
    }

    /// Positional arguments as a Rust value, the mirror of [`from_args`](Self::from_args): a tuple or an array takes all
    /// of them, and has to be as long; `()` takes any; `Option` is `None` if there is none; any other type takes the
    /// first one, and leaves more unread.
    ///
    /// # Errors
    /// If they are something else.
    pub fn to_args<'de, T: Deserialize<'de>>(&'de self) -> Result<T, DecodeValueError> {
        with_reader!(self, reader => decode::args(reader, self.arity()))
    }

    /// Keyword arguments as a struct or a map; if there are none, they are an empty dict (MSG-12).
    ///
    /// # Errors
    /// If they are something else.
    pub fn to_kwargs<'de, T: Deserialize<'de>>(&'de self) -> Result<T, DecodeValueError> {
        with_reader!(self, reader => decode::kwargs(reader, self.arity()))
    }
}
