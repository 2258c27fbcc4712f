//! Octets to Rust values.

use std::borrow::Cow;
use std::fmt::Display;

use serde::de::value::MapDeserializer;
use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, MapAccess,
    SeqAccess, VariantAccess, Visitor,
};

use super::MAX_DEPTH;
use crate::id::MAX_ID;
use crate::payload::{Arity, pass_separator};
use crate::serializer::token::{Items, Kind, Reader, Scalar, SyntaxError, decimal, rfc3339};

/// A value is not of the type that it was to be taken as.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DecodeValueError(String);

impl de::Error for DecodeValueError {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

impl From<SyntaxError> for DecodeValueError {
    fn from(error: SyntaxError) -> Self {
        Self(error.to_string())
    }
}

impl DecodeValueError {
    /// Says where the value is that is wrong.
    fn at(self, place: impl Display) -> Self {
        Self(format!("{place}: {}", self.0))
    }
}

type Result<T> = std::result::Result<T, DecodeValueError>;

/// The positional arguments.
pub(super) fn args<'de, R: Reader<'de>, T: Deserialize<'de>>(reader: &mut R, arity: Arity) -> Result<T> {
    T::deserialize(Args { reader, arity })
}

/// The keyword arguments.
pub(super) fn kwargs<'de, R: Reader<'de>, T: Deserialize<'de>>(reader: &mut R, arity: Arity) -> Result<T> {
    if arity != Arity::ArgsKwargs {
        let nothing = std::iter::empty::<(&str, &str)>();
        return T::deserialize(MapDeserializer::<_, DecodeValueError>::new(nothing));
    }
    reader.skip()?;
    pass_separator(reader)?;
    T::deserialize(Decoder { reader, depth: MAX_DEPTH })
}

/// All arguments, of which most types take the first one.
struct Args<'r, R> {
    reader: &'r mut R,
    arity: Arity,
}

impl<'de, 'r, R: Reader<'de>> Args<'r, R> {
    /// The first argument, if there is one.
    fn first(self) -> Result<Option<Decoder<'r, R>>> {
        let Self { reader, arity } = self;
        let there_is_one = match arity {
            Arity::None => false,
            // Octets stand for the one argument (PPT-03).
            Arity::Opaque => true,
            Arity::Args | Arity::ArgsKwargs => {
                let mut items = reader.array()?;
                reader.more(&mut items)?
            }
        };
        Ok(there_is_one.then_some(Decoder { reader, depth: MAX_DEPTH - 1 }))
    }

    fn needed(self) -> Result<Decoder<'r, R>> {
        self.first()?.ok_or_else(|| DecodeValueError::custom("there is no argument"))
    }
}

macro_rules! first_argument {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            self.needed()?.$method(visitor)
        })*
    };
}

impl<'de, R: Reader<'de>> Deserializer<'de> for Args<'_, R> {
    type Error = DecodeValueError;

    first_argument! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_i128 deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64 deserialize_char deserialize_str deserialize_string deserialize_bytes
        deserialize_byte_buf deserialize_seq deserialize_map deserialize_identifier
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.first()? {
            Some(first) => first.deserialize_option(visitor),
            None => visitor.visit_none(),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_unit()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value> {
        self.needed()?.deserialize_unit_struct(name, visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value> {
        let Self { reader, arity } = self;
        let mut count = 0;
        let value = match arity {
            Arity::None => visitor.visit_seq(de::value::SeqDeserializer::new(std::iter::empty::<()>())),
            Arity::Opaque => {
                let mut items = Items::new(Some(1), false);
                let access = Elements { reader, items: &mut items, count: &mut count, depth: MAX_DEPTH - 1 };
                return visitor.visit_seq(access);
            }
            Arity::Args | Arity::ArgsKwargs => {
                let mut items = reader.array()?;
                let access = Elements {
                    reader: &mut *reader,
                    items: &mut items,
                    count: &mut count,
                    depth: MAX_DEPTH - 1,
                };
                let value = visitor.visit_seq(access);
                if value.is_ok() && !items.is_left {
                    while reader.more(&mut items)? {
                        reader.skip()?;
                        count += 1;
                    }
                }
                value
            }
        };
        match value {
            Ok(value) if count == len => Ok(value),
            // Whatever the visitor says of a list that is too short.
            Err(_) if count < len => Err(wrong_count(len, count)),
            Ok(_) => Err(wrong_count(len, count)),
            Err(error) => Err(error.at(format_args!("argument {count}"))),
        }
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value> {
        self.needed()?.deserialize_tuple_struct(name, len, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.needed()?.deserialize_struct(name, fields, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.needed()?.deserialize_enum(name, variants, visitor)
    }
}

fn wrong_count(expected: usize, found: usize) -> DecodeValueError {
    DecodeValueError(format!("expected {expected} arguments, there are {found}"))
}

/// Reads one value.
struct Decoder<'r, R> {
    reader: &'r mut R,
    /// How many levels of containers may still be entered.
    depth: usize,
}

impl<'de, R: Reader<'de>> Decoder<'_, R> {
    fn deeper(&self) -> Result<usize> {
        self.depth.checked_sub(1).ok_or_else(|| SyntaxError::TooDeep(MAX_DEPTH).into())
    }

    fn list<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let depth = self.deeper()?;
        let mut items = self.reader.array()?;
        let mut count = 0;
        let access = Elements { reader: &mut *self.reader, items: &mut items, count: &mut count, depth };
        let value = visitor.visit_seq(access)?;
        if !items.is_left && self.reader.more(&mut items)? {
            return Err(DecodeValueError::custom(format_args!("a list of more than {count} items")));
        }
        Ok(value)
    }

    fn dict<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let depth = self.deeper()?;
        let mut items = self.reader.map()?;
        let access = Entries { reader: &mut *self.reader, items: &mut items, key: None, depth };
        let value = visitor.visit_map(access)?;
        if !items.is_left && self.reader.more(&mut items)? {
            return Err(DecodeValueError::custom("a dict of more entries than expected"));
        }
        Ok(value)
    }

    fn scalar<V: Visitor<'de>>(self, visitor: V, wants_integer: bool) -> Result<V::Value> {
        match self.reader.scalar()? {
            Scalar::Null => visitor.visit_unit(),
            Scalar::Bool(value) => visitor.visit_bool(value),
            Scalar::Integer(value) => integer(value, visitor),
            // JSON 1.0, and integers of wampy.js above 2^32 in the other serializers.
            Scalar::Float(value) if wants_integer && value.fract() == 0.0 && value.abs() <= MAX_ID as f64 => {
                visitor.visit_i64(value as i64)
            }
            Scalar::Float(value) => visitor.visit_f64(value),
            Scalar::Text(Cow::Borrowed(text)) => visitor.visit_borrowed_str(text),
            Scalar::Text(Cow::Owned(text)) => visitor.visit_string(text),
            Scalar::Bytes(Cow::Borrowed(octets)) => visitor.visit_borrowed_bytes(octets),
            Scalar::Bytes(Cow::Owned(octets)) => visitor.visit_byte_buf(octets),
            Scalar::Big { negative, magnitude } => {
                let digits = decimal(negative, &magnitude);
                match (digits.parse::<i128>(), digits.parse::<u128>()) {
                    (Ok(value), _) => visitor.visit_i128(value),
                    (_, Ok(value)) => visitor.visit_u128(value),
                    _ => visitor.visit_string(digits),
                }
            }
            Scalar::Timestamp { seconds, nanos } => match rfc3339(seconds, nanos) {
                Some(text) => visitor.visit_string(text),
                None => visitor.visit_i64(seconds),
            },
        }
    }
}

fn integer<'de, V: Visitor<'de>>(value: i128, visitor: V) -> Result<V::Value> {
    match (u64::try_from(value), i64::try_from(value)) {
        (Ok(value), _) => visitor.visit_u64(value),
        (_, Ok(value)) => visitor.visit_i64(value),
        _ => visitor.visit_i128(value),
    }
}

macro_rules! as_it_is {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            self.deserialize_any(visitor)
        })*
    };
}

macro_rules! integers {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            match self.reader.peek()? {
                Kind::Scalar => self.scalar(visitor, true),
                _ => self.deserialize_any(visitor),
            }
        })*
    };
}

impl<'de, R: Reader<'de>> Deserializer<'de> for Decoder<'_, R> {
    type Error = DecodeValueError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.reader.peek()? {
            Kind::Array => self.list(visitor),
            Kind::Map => self.dict(visitor),
            Kind::Null | Kind::Scalar => self.scalar(visitor, false),
        }
    }

    as_it_is! {
        deserialize_bool deserialize_f32 deserialize_f64 deserialize_char deserialize_str deserialize_string
        deserialize_bytes deserialize_byte_buf deserialize_unit deserialize_seq deserialize_map
        deserialize_identifier
    }

    integers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128 deserialize_u8
        deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.reader.peek()? == Kind::Null {
            self.reader.skip()?;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value> {
        self.deserialize_any(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value> {
        self.deserialize_any(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value> {
        self.deserialize_any(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.deserialize_any(visitor)
    }

    /// Text is a variant without content, a dict of one entry a variant and its content.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        if self.reader.peek()? != Kind::Map {
            return match self.reader.scalar()? {
                Scalar::Text(variant) => visitor.visit_enum(variant.into_deserializer()),
                _ => Err(DecodeValueError::custom("expected the name of a variant, or a dict of one entry")),
            };
        }
        let depth = self.deeper()?;
        let mut items = self.reader.map()?;
        if !self.reader.more(&mut items)? {
            return Err(DecodeValueError::custom("expected a dict of one entry, it is empty"));
        }
        let variant = self.reader.text_key()?;
        let value = visitor.visit_enum(Variant { reader: &mut *self.reader, variant, depth })?;
        if self.reader.more(&mut items)? {
            return Err(DecodeValueError::custom("expected a dict of one entry, there are more"));
        }
        Ok(value)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.reader.skip()?;
        visitor.visit_unit()
    }
}

/// The items of a list.
struct Elements<'r, R> {
    reader: &'r mut R,
    items: &'r mut Items,
    /// Items that were begun.
    count: &'r mut usize,
    depth: usize,
}

impl<'de, R: Reader<'de>> SeqAccess<'de> for Elements<'_, R> {
    type Error = DecodeValueError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        if !self.reader.more(self.items)? {
            return Ok(None);
        }
        *self.count += 1;
        seed.deserialize(Decoder { reader: &mut *self.reader, depth: self.depth }).map(Some)
    }
}

/// The entries of a dict.
struct Entries<'de, 'r, R> {
    reader: &'r mut R,
    items: &'r mut Items,
    /// The key of the value that comes next.
    key: Option<Cow<'de, str>>,
    depth: usize,
}

impl<'de, R: Reader<'de>> MapAccess<'de> for Entries<'de, '_, R> {
    type Error = DecodeValueError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        if !self.reader.more(self.items)? {
            return Ok(None);
        }
        let key = match self.reader.key()? {
            Scalar::Text(text) => text,
            Scalar::Integer(number) => number.to_string().into(),
            _ => return Err(SyntaxError::Type("text or an integer as a dict key").into()),
        };
        let value = seed.deserialize(Key(key.clone()))?;
        self.key = Some(key);
        Ok(Some(value))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value> {
        let value = seed.deserialize(Decoder { reader: &mut *self.reader, depth: self.depth });
        value.map_err(|error| error.at(self.key.take().unwrap_or_default()))
    }
}

/// The key of an entry. Numbers and booleans are text there.
struct Key<'de>(Cow<'de, str>);

macro_rules! number_keys {
    ($($method:ident $visit:ident;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            match self.0.parse() {
                Ok(value) => visitor.$visit(value),
                Err(_) => self.deserialize_any(visitor),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for Key<'de> {
    type Error = DecodeValueError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.0 {
            Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            Cow::Owned(text) => visitor.visit_string(text),
        }
    }

    number_keys! {
        deserialize_bool visit_bool;
        deserialize_i8 visit_i8;
        deserialize_i16 visit_i16;
        deserialize_i32 visit_i32;
        deserialize_i64 visit_i64;
        deserialize_i128 visit_i128;
        deserialize_u8 visit_u8;
        deserialize_u16 visit_u16;
        deserialize_u32 visit_u32;
        deserialize_u64 visit_u64;
        deserialize_u128 visit_u128;
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_enum(self.0.into_deserializer())
    }

    serde::forward_to_deserialize_any! {
        f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier
        ignored_any
    }
}

/// A variant with content.
struct Variant<'de, 'r, R> {
    reader: &'r mut R,
    variant: Cow<'de, str>,
    depth: usize,
}

impl<'de, 'r, R: Reader<'de>> EnumAccess<'de> for Variant<'de, 'r, R> {
    type Error = DecodeValueError;
    type Variant = Decoder<'r, R>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Decoder<'r, R>)> {
        let variant = seed.deserialize(Key(self.variant))?;
        Ok((variant, Decoder { reader: self.reader, depth: self.depth }))
    }
}

impl<'de, R: Reader<'de>> VariantAccess<'de> for Decoder<'_, R> {
    type Error = DecodeValueError;

    fn unit_variant(self) -> Result<()> {
        Deserialize::deserialize(self)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value> {
        self.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value> {
        self.deserialize_any(visitor)
    }
}
