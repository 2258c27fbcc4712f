//! Rust values as application data, and back, by serde: straight from and to the octets of any serializer.

mod decode;
mod encode;
mod value;

use serde::{Deserialize, Serialize};

pub use decode::DecodeValueError;
pub use encode::EncodeError;

use crate::payload::{Arity, Payload};
use crate::serializer::SerializerId;
use crate::serializer::decode::DecodeRules;
use crate::serializer::{with_reader, with_writer};

/// Nesting of values that is encoded and decoded: both recurse.
const MAX_DEPTH: usize = DecodeRules::MAX_DEPTH;

impl Payload {
    /// Positional arguments. A tuple, or an array, is the list of them; `()` is none; any other value is the one
    /// argument, so that a `Vec` is one that is a list, and a struct one that is a dict.
    ///
    /// # Errors
    /// If the value says so itself, or is nested too deep.
    pub fn from_args<A: Serialize + ?Sized>(serializer: SerializerId, args: &A) -> Result<Self, EncodeError> {
        let (raw, arity) = with_writer!(serializer, Serializer => encode::args::<Serializer, A>(args))?;
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
        let encoded = with_writer!(
            serializer,
            Serializer => encode::args_kwargs::<Serializer, A, K>(args, kwargs)
        )?;
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
        with_reader!(self.serializer(), self.raw(), MAX_DEPTH, reader => decode::args(reader, self.arity()))
    }

    /// Keyword arguments as a struct or a map; if there are none, they are an empty dict (MSG-12).
    ///
    /// # Errors
    /// If they are something else.
    pub fn to_kwargs<'de, T: Deserialize<'de>>(&'de self) -> Result<T, DecodeValueError> {
        with_reader!(self.serializer(), self.raw(), MAX_DEPTH, reader => decode::kwargs(reader, self.arity()))
    }
}
