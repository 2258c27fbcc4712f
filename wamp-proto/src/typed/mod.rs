//! Typed application data: what serde (de)serializes as Arguments and ArgumentsKw, in any of the three serializers.
//!
//! Everything here is written once over [`Reader`] and [`Writer`], without a tree of values in between. All three
//! serializers are human-readable for serde: a payload may be transcoded on its way, so that a UUID or an IP
//! address has to be the same text whichever serializer its receiver speaks.

mod decode;
mod encode;
mod id;
mod value;

use serde::{Deserialize, Serialize};

use crate::payload::{Arity, Payload, separator};
use crate::serializer::SerializerId;
use crate::serializer::decode::DecodeRules;
use crate::serializer::token::{Reader, SyntaxError, Writer};
use crate::serializer::{with_reader, with_writer};

/// Nesting of lists and dicts, Arguments or ArgumentsKw included. The message around them is the one level that
/// is missing here.
const LEVELS: usize = DecodeRules::MAX_DEPTH - 1;

/// Options directly within each other. They take no octets, so that only this count ends the recursion into a type
/// such as `struct Chain(Option<Box<Chain>>)`.
const OPTIONS: usize = 64;

/// Why application data cannot be a payload, and where in it. Arguments and items are counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EncodeError {
    message: String,
}

impl EncodeError {
    /// The same error in a larger value.
    fn at(self, place: std::fmt::Arguments<'_>) -> Self {
        Self { message: format!("{place}: {}", self.message) }
    }
}

impl serde::ser::Error for EncodeError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self { message: message.to_string() }
    }
}

impl From<SyntaxError> for EncodeError {
    fn from(error: SyntaxError) -> Self {
        Self { message: error.to_string() }
    }
}

/// Why a payload is not the application data that somebody wants, and where in it. Arguments and items are counted
/// from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DecodeValueError {
    message: String,
}

impl DecodeValueError {
    /// Characters that serde's text may have, and a key: a payload comes from strangers, and errors go to logs.
    const TEXT_MAX: usize = 200;
    const KEY_MAX: usize = 40;

    /// Octets from which on an error says enough, so that no further place is put in front of it.
    const MESSAGE_MAX: usize = 1000;

    /// The same error in a larger value.
    fn at(self, place: std::fmt::Arguments<'_>) -> Self {
        if self.message.len() >= Self::MESSAGE_MAX {
            return self;
        }
        Self { message: format!("{place}: {}", self.message) }
    }

    fn at_key(self, key: &str) -> Self {
        match key.char_indices().nth(Self::KEY_MAX) {
            None => self.at(format_args!("key {key:?}")),
            Some((end, _)) => self.at(format_args!("key {:?}...", key.get(..end).unwrap_or_default())),
        }
    }
}

impl serde::de::Error for DecodeValueError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        let text = message.to_string();
        let mut message = String::new();
        for (index, character) in text.chars().enumerate() {
            if index == Self::TEXT_MAX {
                message.push_str("...");
                break;
            }
            // serde quotes some of what it did not expect as it came.
            if character.is_control() {
                message.extend(character.escape_default());
            } else {
                message.push(character);
            }
        }
        Self { message }
    }

    fn invalid_type(unexpected: serde::de::Unexpected<'_>, expected: &dyn serde::de::Expected) -> Self {
        match unexpected {
            serde::de::Unexpected::Unit => {
                Self::custom(format_args!("invalid type: null, expected {expected}"))
            }
            unexpected => Self::custom(format_args!("invalid type: {unexpected}, expected {expected}")),
        }
    }
}

impl From<SyntaxError> for DecodeValueError {
    fn from(error: SyntaxError) -> Self {
        Self { message: error.to_string() }
    }
}

/// Which of the two.
#[derive(Clone, Copy)]
enum Element {
    Arguments,
    ArgumentsKw,
}

/// Application data as serde knows it.
impl Payload {
    /// Positional arguments alone.
    ///
    /// A tuple is the list of arguments, and so is an array; `()` and a unit struct are no arguments; a newtype
    /// struct is what it contains. Any other value is the one argument: a `Vec` is one list, a struct is one dict,
    /// a tuple struct is one list, and `Option::None` is one null.
    ///
    /// Octets are what calls `serialize_bytes`, such as the types of `serde_bytes`; a `Vec<u8>` is a list of
    /// integers. Enums are tagged externally. A key of a dict is text, or an integer, boolean or `char` as its
    /// text. In JSON, a float that is not finite is null, and text that begins with U+0000 may come back as octets
    /// (SER-03).
    ///
    /// # Errors
    /// If `args` says so itself, has another key in a dict, or is nested deeper than
    /// [`DecodeRules::MAX_DEPTH`] with the message around it.
    pub fn from_args<A: Serialize + ?Sized>(serializer: SerializerId, args: &A) -> Result<Self, EncodeError> {
        Self::from_args_kwargs(serializer, args, &())
    }

    /// Positional arguments as in [`Payload::from_args`], and keyword arguments: a struct or a map, or `()` for
    /// none. Empty elements are left out as MSG-11 asks: `[]` stands only before keyword arguments.
    ///
    /// # Errors
    /// As in [`Payload::from_args`], and if `kwargs` is anything else.
    pub fn from_args_kwargs<A: Serialize + ?Sized, K: Serialize + ?Sized>(
        serializer: SerializerId,
        args: &A,
        kwargs: &K,
    ) -> Result<Self, EncodeError> {
        let (raw, arity) = with_writer!(serializer, Serializer => build::<Serializer, A, K>(args, kwargs))?;
        Ok(Self { serializer, arity, raw: raw.into() })
    }

    /// The positional arguments.
    ///
    /// A tuple or array takes the list, whose length has to be right. `()` and a unit struct take any arguments, a
    /// newtype struct what it contains would take. Anything else takes the first argument and ignores further ones;
    /// an `Option` is `None` if there is none, or null.
    ///
    /// A float without fraction up to 2^53 stands for an integer, because some peers write all numbers as floats.
    /// `&str` and `&[u8]` borrow from the payload where the text has no escapes and the octets no base64. Opaque
    /// octets are the one argument, as in payload passthru mode (PPT-03).
    ///
    /// # Errors
    /// If the arguments are of another type or number, or nested deeper than [`DecodeRules::MAX_DEPTH`] with the
    /// message around them.
    pub fn to_args<'de, T: Deserialize<'de>>(&'de self) -> Result<T, DecodeValueError> {
        self.read(Element::Arguments)
    }

    /// The keyword arguments: a struct, or a map. They are an empty dict if absent (MSG-12). `()` takes any.
    ///
    /// # Errors
    /// As in [`Payload::to_args`].
    pub fn to_kwargs<'de, T: Deserialize<'de>>(&'de self) -> Result<T, DecodeValueError> {
        self.read(Element::ArgumentsKw)
    }

    fn read<'de, T: Deserialize<'de>>(&'de self, element: Element) -> Result<T, DecodeValueError> {
        let stands_for_absent: &'static [u8] = match (element, self.arity) {
            (Element::Arguments, Arity::None) => self.serializer.empty_list(),
            (Element::ArgumentsKw, Arity::None | Arity::Args | Arity::Opaque) => self.serializer.empty_dict(),
            _ => {
                return with_reader!(self.serializer, &self.raw, LEVELS, reader => {
                    read(reader, self.arity, element)
                });
            }
        };
        with_reader!(self.serializer, stands_for_absent, LEVELS, reader => match element {
            Element::Arguments => decode::arguments(reader),
            Element::ArgumentsKw => decode::keywords(reader),
        })
    }
}

impl SerializerId {
    fn empty_list(self) -> &'static [u8] {
        match self {
            #[cfg(feature = "json")]
            Self::Json => b"[]",
            #[cfg(feature = "msgpack")]
            Self::MsgPack => b"\x90",
            #[cfg(feature = "cbor")]
            Self::Cbor => b"\x80",
        }
    }

    fn empty_dict(self) -> &'static [u8] {
        match self {
            #[cfg(feature = "json")]
            Self::Json => b"{}",
            #[cfg(feature = "msgpack")]
            Self::MsgPack => b"\x80",
            #[cfg(feature = "cbor")]
            Self::Cbor => b"\xa0",
        }
    }
}

fn build<W: Writer, A: Serialize + ?Sized, K: Serialize + ?Sized>(
    args: &A,
    kwargs: &K,
) -> Result<(Vec<u8>, Arity), EncodeError> {
    let (mut writer, args_len) = encode::arguments::<W, A>(args)?;
    let (keywords, kwargs_len) = encode::keywords::<W, K>(kwargs)?;
    let arity = match (args_len, kwargs_len) {
        (0, 0) => return Ok((Vec::new(), Arity::None)),
        (_, 0) => Arity::Args,
        _ => Arity::ArgsKwargs,
    };
    if arity == Arity::ArgsKwargs {
        writer.raw(&keywords.into_vec());
    }
    Ok((writer.into_vec(), arity))
}

fn read<'de, R: Reader<'de>, T: Deserialize<'de>>(
    reader: &mut R,
    arity: Arity,
    element: Element,
) -> Result<T, DecodeValueError> {
    match (element, arity) {
        (Element::Arguments, Arity::Opaque) => decode::octets(reader),
        (Element::Arguments, _) => decode::arguments(reader),
        (Element::ArgumentsKw, _) => {
            reader.skip()?;
            separator(reader)?;
            decode::keywords(reader)
        }
    }
}
