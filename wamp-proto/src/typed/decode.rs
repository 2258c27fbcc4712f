//! From the octets of one serializer to what serde deserializes: values, dict keys, and the two roots of a payload.

use std::borrow::Cow;

use serde::de::value::CowStrDeserializer;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, MapAccess,
    SeqAccess, Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::{DecodeValueError, OPTIONS};
use crate::serializer::token::{
    BIG_MAX_BYTES, BIG_TOO_LARGE, Items, Kind, Reader, Scalar, SyntaxError, decimal, rfc3339,
};

type Result<T = ()> = std::result::Result<T, DecodeValueError>;

/// Largest float that stands for an integer: beyond it, not every integer has a float.
const FLOAT_INTEGER_MAX: f64 = 9_007_199_254_740_992.0;

/// Takes the list of arguments that comes next.
pub(super) fn arguments<'de, R: Reader<'de>, T: Deserialize<'de>>(reader: &mut R) -> Result<T> {
    let items = reader.array()?;
    T::deserialize(Arguments { reader, items: Some(items), read: 0, is_exhausted: false })
}

/// Takes the opaque octets that come next for the one argument.
pub(super) fn octets<'de, R: Reader<'de>, T: Deserialize<'de>>(reader: &mut R) -> Result<T> {
    T::deserialize(Arguments { reader, items: None, read: 0, is_exhausted: false })
}

/// Takes the dict of keyword arguments that comes next.
pub(super) fn keywords<'de, R: Reader<'de>, T: Deserialize<'de>>(reader: &mut R) -> Result<T> {
    T::deserialize(Keywords(reader))
}

/// Reads one value.
struct ValueDeserializer<'r, R> {
    reader: &'r mut R,
    /// Options that may still stand directly within each other.
    options: usize,
}

impl<'r, R> ValueDeserializer<'r, R> {
    fn new(reader: &'r mut R) -> Self {
        Self { reader, options: OPTIONS }
    }

    fn list<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value>
    where
        R: Reader<'de>,
    {
        let items = self.reader.array()?;
        let mut list = List { reader: self.reader, items, read: 0 };
        let value = visitor.visit_seq(&mut list)?;
        list.finish()?;
        Ok(value)
    }

    fn dict<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value>
    where
        R: Reader<'de>,
    {
        let items = self.reader.map()?;
        let mut dict = Dict { reader: self.reader, items, read: 0, key: Cow::Borrowed("") };
        let value = visitor.visit_map(&mut dict)?;
        dict.finish()?;
        Ok(value)
    }

    /// Reads a value that a visitor wants as a scalar of its own kind.
    fn scalar<'de, V: Visitor<'de>>(
        self,
        visitor: V,
        visit: impl FnOnce(Scalar<'de>, V) -> Result<V::Value>,
    ) -> Result<V::Value>
    where
        R: Reader<'de>,
    {
        match self.reader.peek()? {
            Kind::Array => self.list(visitor),
            Kind::Map => self.dict(visitor),
            Kind::Null | Kind::Scalar => visit(self.reader.scalar()?, visitor),
        }
    }
}

fn visit_integer<'de, V: Visitor<'de>>(value: i128, visitor: V) -> Result<V::Value> {
    match (u64::try_from(value), i64::try_from(value)) {
        (Ok(value), _) => visitor.visit_u64(value),
        (_, Ok(value)) => visitor.visit_i64(value),
        _ => visitor.visit_i128(value),
    }
}

/// The decimal digits of a bignum, if it is of a size that we convert.
fn digits(negative: bool, magnitude: &[u8]) -> Result<String> {
    if magnitude.len() > BIG_MAX_BYTES {
        return Err(BIG_TOO_LARGE.into());
    }
    Ok(decimal(negative, magnitude))
}

/// Hands over a scalar as what it is; what serde has no word for is what it would be as [`crate::Value`].
fn visit_scalar<'de, V: Visitor<'de>>(scalar: Scalar<'de>, visitor: V) -> Result<V::Value> {
    match scalar {
        Scalar::Null => visitor.visit_unit(),
        Scalar::Bool(value) => visitor.visit_bool(value),
        Scalar::Integer(value) => visit_integer(value, visitor),
        Scalar::Big { negative, magnitude } => {
            let digits = digits(negative, &magnitude)?;
            match digits.parse() {
                Ok(value) => visitor.visit_i128(value),
                Err(_) => visitor.visit_string(digits),
            }
        }
        Scalar::Float(value) => visitor.visit_f64(value),
        Scalar::Text(Cow::Borrowed(text)) => visitor.visit_borrowed_str(text),
        Scalar::Text(Cow::Owned(text)) => visitor.visit_string(text),
        Scalar::Bytes(Cow::Borrowed(octets)) => visitor.visit_borrowed_bytes(octets),
        Scalar::Bytes(Cow::Owned(octets)) => visitor.visit_byte_buf(octets),
        Scalar::Timestamp { seconds, nanos } => match rfc3339(seconds, nanos) {
            Some(text) => visitor.visit_string(text),
            None => visitor.visit_i64(seconds),
        },
    }
}

/// Hands over a scalar to who wants an integer.
fn visit_as_integer<'de, V: Visitor<'de>>(scalar: Scalar<'de>, visitor: V) -> Result<V::Value> {
    match scalar {
        Scalar::Float(value) if value.fract() == 0.0 && value.abs() <= FLOAT_INTEGER_MAX => {
            visitor.visit_i64(value as i64)
        }
        other => visit_scalar(other, visitor),
    }
}

/// Hands over a scalar to who wants an integer of 128 bits. Beyond 64 bits, serializers have it as bignum or as text.
fn visit_as_wide_integer<'de, V: Visitor<'de>>(scalar: Scalar<'de>, visitor: V) -> Result<V::Value> {
    let digits = match &scalar {
        Scalar::Big { negative, magnitude } => Cow::Owned(digits(*negative, magnitude)?),
        Scalar::Text(text) => Cow::Borrowed(text.as_ref()),
        _ => return visit_as_integer(scalar, visitor),
    };
    let is_narrow = |value| i64::try_from(value).is_ok() || u64::try_from(value).is_ok();
    match (digits.parse::<i128>(), digits.parse::<u128>()) {
        (Ok(value), _) if !is_narrow(value) => visitor.visit_i128(value),
        (Err(_), Ok(value)) => visitor.visit_u128(value),
        _ => visit_scalar(scalar, visitor),
    }
}

/// Hands over a scalar to who wants text. Octets are never text, even if they could be.
fn visit_as_text<'de, V: Visitor<'de>>(scalar: Scalar<'de>, visitor: V) -> Result<V::Value> {
    match scalar {
        Scalar::Bytes(octets) => Err(DecodeValueError::invalid_type(Unexpected::Bytes(&octets), &visitor)),
        Scalar::Big { negative, magnitude } => visitor.visit_string(digits(negative, &magnitude)?),
        other => visit_scalar(other, visitor),
    }
}

/// Hands over a scalar to who wants octets. Text is never octets, even if a visitor would take it.
fn visit_as_octets<'de, V: Visitor<'de>>(scalar: Scalar<'de>, visitor: V) -> Result<V::Value> {
    match scalar {
        Scalar::Text(text) => Err(DecodeValueError::invalid_type(Unexpected::Str(&text), &visitor)),
        other => visit_scalar(other, visitor),
    }
}

/// Hands over a scalar to who wants a float.
fn visit_as_float<'de, V: Visitor<'de>>(scalar: Scalar<'de>, visitor: V) -> Result<V::Value> {
    match scalar {
        Scalar::Integer(value) => visitor.visit_f64(value as f64),
        Scalar::Big { negative, magnitude } => match digits(negative, &magnitude)?.parse() {
            Ok(value) => visitor.visit_f64(value),
            Err(_) => visit_scalar(Scalar::Big { negative, magnitude }, visitor),
        },
        other => visit_scalar(other, visitor),
    }
}

macro_rules! deserialize_scalars {
    ($($method:ident $visit:ident;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            self.scalar(visitor, $visit)
        })*
    };
}

impl<'de, R: Reader<'de>> Deserializer<'de> for ValueDeserializer<'_, R> {
    type Error = DecodeValueError;

    deserialize_scalars! {
        deserialize_any visit_scalar;
        deserialize_bool visit_scalar;
        deserialize_i8 visit_as_integer;
        deserialize_i16 visit_as_integer;
        deserialize_i32 visit_as_integer;
        deserialize_i64 visit_as_integer;
        deserialize_i128 visit_as_wide_integer;
        deserialize_u8 visit_as_integer;
        deserialize_u16 visit_as_integer;
        deserialize_u32 visit_as_integer;
        deserialize_u64 visit_as_integer;
        deserialize_u128 visit_as_wide_integer;
        deserialize_f32 visit_as_float;
        deserialize_f64 visit_as_float;
        deserialize_char visit_as_text;
        deserialize_str visit_as_text;
        deserialize_string visit_as_text;
        deserialize_identifier visit_as_text;
        deserialize_bytes visit_as_octets;
        deserialize_byte_buf visit_as_octets;
    }

    forward_to_deserialize_any! { unit unit_struct seq tuple tuple_struct map struct }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.reader.peek()? == Kind::Null {
            self.reader.scalar()?;
            return visitor.visit_none();
        }
        let options = self.options.checked_sub(1).ok_or(SyntaxError::TooDeep(OPTIONS))?;
        visitor.visit_some(Self { options, ..self })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        if self.reader.peek()? != Kind::Map {
            return self.scalar(visitor, |scalar, visitor| match scalar {
                Scalar::Text(text) => {
                    let name: CowStrDeserializer<'de, DecodeValueError> = text.into_deserializer();
                    visitor.visit_enum(name)
                }
                other => visit_scalar(other, visitor),
            });
        }
        let one_entry = || DecodeValueError::custom("an enum variant with content is a dict of one entry");
        let mut items = self.reader.map()?;
        if !self.reader.more(&mut items)? {
            return Err(one_entry());
        }
        let name = key(self.reader)?;
        let value = visitor.visit_enum(Variant { reader: self.reader, name })?;
        if self.reader.more(&mut items)? {
            return Err(one_entry());
        }
        Ok(value)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.reader.skip()?;
        visitor.visit_unit()
    }
}

/// The items of a list.
struct List<'r, R> {
    reader: &'r mut R,
    items: Items,
    read: usize,
}

impl<R> List<'_, R> {
    /// Refuses a list that is longer than its visitor knew.
    fn finish<'de>(&mut self) -> Result
    where
        R: Reader<'de>,
    {
        let wanted = self.read;
        while self.reader.more(&mut self.items)? {
            self.reader.skip()?;
            self.read += 1;
        }
        if self.read == wanted {
            return Ok(());
        }
        Err(DecodeValueError::invalid_length(self.read, &format!("a list of {wanted}").as_str()))
    }
}

impl<'de, R: Reader<'de>> SeqAccess<'de> for List<'_, R> {
    type Error = DecodeValueError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        if !self.reader.more(&mut self.items)? {
            return Ok(None);
        }
        self.read += 1;
        seed.deserialize(ValueDeserializer::new(self.reader))
            .map(Some)
            .map_err(|error| error.at(format_args!("item {}", self.read)))
    }

    fn size_hint(&self) -> Option<usize> {
        self.items.remaining.and_then(|remaining| usize::try_from(remaining).ok())
    }
}

/// The entries of a dict.
struct Dict<'r, 'de, R> {
    reader: &'r mut R,
    items: Items,
    read: usize,
    /// The last key read, for errors in its value.
    key: Cow<'de, str>,
}

impl<'de, R: Reader<'de>> Dict<'_, 'de, R> {
    /// Refuses a dict that is longer than its visitor knew.
    fn finish(&mut self) -> Result {
        let wanted = self.read;
        while self.reader.more(&mut self.items)? {
            key(self.reader)?;
            self.reader.skip()?;
            self.read += 1;
        }
        if self.read == wanted {
            return Ok(());
        }
        Err(DecodeValueError::invalid_length(self.read, &format!("a dict of {wanted}").as_str()))
    }
}

impl<'de, R: Reader<'de>> MapAccess<'de> for Dict<'_, 'de, R> {
    type Error = DecodeValueError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        if !self.reader.more(&mut self.items)? {
            return Ok(None);
        }
        self.read += 1;
        self.key = key(self.reader)?;
        seed.deserialize(KeyDeserializer(self.key.clone())).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value> {
        seed.deserialize(ValueDeserializer::new(self.reader)).map_err(|error| error.at_key(&self.key))
    }

    fn size_hint(&self) -> Option<usize> {
        self.items.remaining.and_then(|remaining| usize::try_from(remaining).ok())
    }
}

/// An enum variant with content.
struct Variant<'r, 'de, R> {
    reader: &'r mut R,
    name: Cow<'de, str>,
}

impl<'de, R: Reader<'de>> EnumAccess<'de> for Variant<'_, 'de, R> {
    type Error = DecodeValueError;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self)> {
        let variant = seed.deserialize(KeyDeserializer(self.name.clone()))?;
        Ok((variant, self))
    }
}

impl<'de, R: Reader<'de>> VariantAccess<'de> for Variant<'_, 'de, R> {
    type Error = DecodeValueError;

    fn unit_variant(self) -> Result {
        self.newtype_variant_seed(std::marker::PhantomData)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value> {
        seed.deserialize(ValueDeserializer::new(self.reader)).map_err(|error| error.at_key(&self.name))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value> {
        ValueDeserializer::new(self.reader)
            .deserialize_tuple(len, visitor)
            .map_err(|error| error.at_key(&self.name))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        ValueDeserializer::new(self.reader)
            .deserialize_struct("", fields, visitor)
            .map_err(|error| error.at_key(&self.name))
    }
}

/// Reads the key of a dict entry; integers become decimal text.
fn key<'de, R: Reader<'de>>(reader: &mut R) -> Result<Cow<'de, str>> {
    match reader.key()? {
        Scalar::Text(text) => Ok(text),
        Scalar::Integer(number) => Ok(number.to_string().into()),
        _ => Err(SyntaxError::Type("text or an integer as a dict key").into()),
    }
}

/// The key of a dict entry: text, and whatever was written as text.
struct KeyDeserializer<'de>(Cow<'de, str>);

macro_rules! integer_keys {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            match self.0.parse() {
                Ok(value) => visit_integer(value, visitor),
                Err(_) => self.deserialize_any(visitor),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for KeyDeserializer<'de> {
    type Error = DecodeValueError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.0 {
            Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            Cow::Owned(text) => visitor.visit_string(text),
        }
    }

    integer_keys! {
        deserialize_i8
        deserialize_i16
        deserialize_i32
        deserialize_i64
        deserialize_i128
        deserialize_u8
        deserialize_u16
        deserialize_u32
        deserialize_u64
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.0.parse() {
            Ok(value) => visitor.visit_u128(value),
            Err(_) => self.deserialize_any(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.0.parse() {
            Ok(value) => visitor.visit_bool(value),
            Err(_) => self.deserialize_any(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        let name: CowStrDeserializer<'de, DecodeValueError> = self.0.into_deserializer();
        visitor.visit_enum(name)
    }

    forward_to_deserialize_any! {
        f32 f64 char str string bytes byte_buf option unit unit_struct seq tuple tuple_struct map struct
        identifier ignored_any
    }
}

/// Reads the arguments: as a list, or the first of them.
struct Arguments<'r, R> {
    reader: &'r mut R,
    /// `None`: opaque octets, which are the one argument.
    items: Option<Items>,
    read: usize,
    /// Somebody asked for more than there are.
    is_exhausted: bool,
}

impl<R> Arguments<'_, R> {
    fn more<'de>(&mut self) -> Result<bool>
    where
        R: Reader<'de>,
    {
        let more = match &mut self.items {
            Some(items) => self.reader.more(items)?,
            None => self.read == 0,
        };
        if more {
            self.read += 1;
        }
        Ok(more)
    }

    fn first<'de, T>(mut self, read: impl FnOnce(ValueDeserializer<'_, R>) -> Result<T>) -> Result<T>
    where
        R: Reader<'de>,
    {
        if !self.more()? {
            return Err(DecodeValueError::custom("no argument"));
        }
        read(ValueDeserializer::new(self.reader)).map_err(|error| error.at(format_args!("argument 1")))
    }
}

impl<'de, R: Reader<'de>> SeqAccess<'de> for Arguments<'_, R> {
    type Error = DecodeValueError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        if !self.more()? {
            self.is_exhausted = true;
            return Ok(None);
        }
        seed.deserialize(ValueDeserializer::new(self.reader))
            .map(Some)
            .map_err(|error| error.at(format_args!("argument {}", self.read)))
    }
}

macro_rules! first {
    ($($method:ident($($name:ident: $type:ty),*);)*) => {
        $(fn $method<V: Visitor<'de>>(self, $($name: $type,)* visitor: V) -> Result<V::Value> {
            self.first(|argument| argument.$method($($name,)* visitor))
        })*
    };
}

impl<'de, R: Reader<'de>> Deserializer<'de> for Arguments<'_, R> {
    type Error = DecodeValueError;

    fn deserialize_tuple<V: Visitor<'de>>(mut self, len: usize, visitor: V) -> Result<V::Value> {
        let value = visitor.visit_seq(&mut self);
        if value.is_err() && !self.is_exhausted {
            return value;
        }
        while self.more()? {
            self.reader.skip()?;
        }
        if self.read == len {
            return value;
        }
        let (s, found) = (if len == 1 { "" } else { "s" }, self.read);
        Err(DecodeValueError::custom(format_args!("expected {len} argument{s}, found {found}")))
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value> {
        visitor.visit_unit()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value> {
        if !self.more()? {
            return visitor.visit_none();
        }
        ValueDeserializer::new(self.reader)
            .deserialize_option(visitor)
            .map_err(|error| error.at(format_args!("argument 1")))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    first! {
        deserialize_any();
        deserialize_bool();
        deserialize_i8();
        deserialize_i16();
        deserialize_i32();
        deserialize_i64();
        deserialize_i128();
        deserialize_u8();
        deserialize_u16();
        deserialize_u32();
        deserialize_u64();
        deserialize_u128();
        deserialize_f32();
        deserialize_f64();
        deserialize_char();
        deserialize_str();
        deserialize_string();
        deserialize_identifier();
        deserialize_bytes();
        deserialize_byte_buf();
        deserialize_seq();
        deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_map();
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
    }
}

/// Reads the keyword arguments, which are a dict.
struct Keywords<'r, R>(&'r mut R);

impl<'de, R: Reader<'de>> Deserializer<'de> for Keywords<'_, R> {
    type Error = DecodeValueError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        ValueDeserializer::new(self.0).dict(visitor)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value> {
        visitor.visit_unit()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option seq tuple
        tuple_struct map struct enum identifier
    }
}
