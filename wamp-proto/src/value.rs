//! An owned tree of application values, for recoding, unknown keys and meta procedures.
//!
//! Payloads never become one on their way through a router: they stay raw ([`crate::Payload`]). Keys of
//! Options and Details that nobody knows do.

use crate::serializer::decode::DecodeRules;
use crate::serializer::token::{Reader as _, SyntaxError, Writer as _};
use crate::serializer::transcode::{read_value, write_value};
use crate::serializer::{SerializerId, with_reader, with_writer};

/// Any value that WAMP can carry.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// null, and what another serializer calls undefined.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer of any size that a serializer has natively or as bignum, up to 128 bit.
    Integer(i128),
    /// A floating point number.
    Float(f64),
    /// Text.
    String(String),
    /// Octets.
    Bytes(Vec<u8>),
    /// A list.
    List(Vec<Value>),
    /// A dict with string keys, in the order of the wire.
    Dict(Vec<(String, Value)>),
}

/// Octets of memory that dict entries take.
pub(crate) fn footprint_of_entries(entries: &[(String, Value)]) -> usize {
    entries.iter().map(|(key, value)| size_of::<String>() + key.capacity() + value.footprint()).sum()
}

impl Value {
    /// The value alone, in that serializer.
    pub fn encode(&self, serializer: SerializerId) -> Vec<u8> {
        with_writer!(serializer, W => {
            let mut writer = W::with_capacity(64);
            write_value(self, &mut writer);
            writer.into_vec()
        })
    }

    /// The value that these octets are in that serializer.
    ///
    /// # Errors
    /// If they are none, or are followed by others.
    pub fn decode(serializer: SerializerId, octets: &[u8]) -> Result<Self, SyntaxError> {
        with_reader!(serializer, octets, DecodeRules::MAX_DEPTH, reader => {
            let value = read_value(reader)?;
            reader.end()?;
            Ok(value)
        })
    }

    /// Octets of memory that the value takes.
    pub fn footprint(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Null | Self::Bool(_) | Self::Integer(_) | Self::Float(_) => 0,
                Self::String(text) => text.capacity(),
                Self::Bytes(octets) => octets.capacity(),
                Self::List(items) => items.iter().map(Self::footprint).sum(),
                Self::Dict(entries) => footprint_of_entries(entries),
            }
    }

    /// The value of `key`, if this is a dict that has it.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Self::Dict(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The text, if this is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The integer, if this is an integer of at most 64 bit.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => i64::try_from(*number).ok(),
            _ => None,
        }
    }

    /// The boolean, if this is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The integer, if this is an integer from 0 to 2^64 - 1.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Integer(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    }

    /// The items, if this is a list.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// The entries, if this is a dict.
    pub fn as_dict(&self) -> Option<&[(String, Value)]> {
        match self {
            Self::Dict(entries) => Some(entries),
            _ => None,
        }
    }
}

macro_rules! from {
    ($($type:ty => |$value:ident| $make:expr;)*) => {
        $(impl From<$type> for Value {
            fn from($value: $type) -> Self {
                $make
            }
        })*
    };
}

from! {
    bool => |value| Self::Bool(value);
    i32 => |value| Self::Integer(value.into());
    u32 => |value| Self::Integer(value.into());
    i64 => |value| Self::Integer(value.into());
    u64 => |value| Self::Integer(value.into());
    f64 => |value| Self::Float(value);
    &str => |value| Self::String(value.to_owned());
    String => |value| Self::String(value);
    Vec<u8> => |value| Self::Bytes(value);
    Vec<Value> => |value| Self::List(value);
    Vec<(String, Value)> => |value| Self::Dict(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_taken_only_for_what_it_is() {
        let entries = vec![("key".to_owned(), Value::Null)];
        assert_eq!(Value::from(true).as_bool(), Some(true));
        assert_eq!(Value::from(1).as_bool(), None);
        assert_eq!(Value::from(u64::MAX).as_u64(), Some(u64::MAX));
        assert_eq!(Value::from(-1).as_u64(), None);
        assert_eq!(Value::Integer(1 << 64).as_u64(), None);
        assert_eq!(Value::from(1.0).as_u64(), None);
        assert_eq!(Value::from(entries.clone()).as_dict(), Some(entries.as_slice()));
        assert_eq!(Value::List(Vec::new()).as_dict(), None);
    }

    #[test]
    fn the_footprint_counts_every_value_and_its_text() {
        let list = Value::List(vec![Value::Null; 1000]);
        assert!(list.footprint() >= 1000 * size_of::<Value>());
        let text = Value::String("x".repeat(500));
        assert!(text.footprint() >= 500 + size_of::<Value>());
        let dict = Value::Dict(vec![("key".repeat(100), list)]);
        assert!(dict.footprint() >= 300 + 1000 * size_of::<Value>());
    }

    #[test]
    fn a_value_alone_is_its_octets_and_nothing_else_is() {
        let octets = Value::Bytes(vec![0, 255]);
        let value = Value::Dict(vec![("args".to_owned(), Value::List(vec![octets, Value::Null]))]);
        for serializer in SerializerId::ALL {
            let mut encoded = value.encode(serializer);
            assert_eq!(Value::decode(serializer, &encoded), Ok(value.clone()));
            assert!(Value::decode(serializer, &encoded[..encoded.len() - 1]).is_err());
            encoded.extend(Value::Null.encode(serializer));
            assert_eq!(Value::decode(serializer, &encoded), Err(SyntaxError::Trailing));
            assert!(Value::decode(serializer, &[]).is_err());
            let lists = (0..300).fold(Value::Null, |inner, _| Value::List(vec![inner]));
            assert!(Value::decode(serializer, &lists.encode(serializer)).is_err(), "nested too deep");
        }
    }
}
