//! From what serde serializes to the octets of one serializer: values, dict keys, and the two roots of a payload.

use serde::Serialize;
use serde::ser::{
    Error as _, Impossible, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::{EncodeError, LEVELS, OPTIONS};
use crate::serializer::token::{Mark, SyntaxError, Writer};

type Result<T = ()> = std::result::Result<T, EncodeError>;

/// Arguments, and how many there are.
pub(super) fn arguments<W: Writer, A: Serialize + ?Sized>(args: &A) -> Result<(W, usize)> {
    let mut writer = W::with_capacity(64);
    let mark = writer.begin(false);
    let mut len = 0;
    args.serialize(Arguments { writer: &mut writer, len: &mut len })?;
    writer.finish_container(mark, len, false);
    Ok((writer, len))
}

/// ArgumentsKw, and how many there are.
pub(super) fn keywords<W: Writer, K: Serialize + ?Sized>(kwargs: &K) -> Result<(W, usize)> {
    let mut writer = W::with_capacity(0);
    let mark = writer.begin(true);
    let mut len = 0;
    kwargs.serialize(Keywords { writer: &mut writer, len: &mut len })?;
    writer.finish_container(mark, len, true);
    Ok((writer, len))
}

/// Writes one value.
struct ValueSerializer<'w, W> {
    writer: &'w mut W,
    /// Lists and dicts that may still be opened within each other.
    levels: usize,
    /// Options that may still stand directly within each other.
    options: usize,
}

impl<'w, W: Writer> ValueSerializer<'w, W> {
    fn new(writer: &'w mut W, levels: usize) -> Self {
        Self { writer, levels, options: OPTIONS }
    }

    fn enter(&self) -> Result<usize> {
        Ok(self.levels.checked_sub(1).ok_or(SyntaxError::TooDeep(LEVELS))?)
    }

    fn open(self, len: Option<usize>, is_map: bool) -> Result<Container<'w, W>> {
        let levels = self.enter()?;
        let size = match len {
            Some(len) => {
                if is_map {
                    self.writer.map(len);
                } else {
                    self.writer.array(len);
                }
                Size::Known(len)
            }
            None => Size::Unknown(self.writer.begin(is_map)),
        };
        Ok(Container { writer: self.writer, levels, size, written: 0, is_map, is_variant: false })
    }

    /// Opens the dict of one entry that an enum variant with content is.
    fn variant(self, name: &str) -> Result<Self> {
        let levels = self.enter()?;
        self.writer.map(1);
        self.writer.key(name);
        Ok(Self::new(self.writer, levels))
    }

    fn open_variant(self, name: &str, len: usize, is_map: bool) -> Result<Container<'w, W>> {
        Ok(Container { is_variant: true, ..self.variant(name)?.open(Some(len), is_map)? })
    }
}

macro_rules! integers {
    ($($method:ident($type:ty) $write:ident;)*) => {
        $(fn $method(self, value: $type) -> Result {
            self.writer.$write(value.into());
            Ok(())
        })*
    };
}

impl<'w, W: Writer> Serializer for ValueSerializer<'w, W> {
    type Ok = ();
    type Error = EncodeError;
    type SerializeSeq = Container<'w, W>;
    type SerializeTuple = Container<'w, W>;
    type SerializeTupleStruct = Container<'w, W>;
    type SerializeTupleVariant = Container<'w, W>;
    type SerializeMap = Container<'w, W>;
    type SerializeStruct = Container<'w, W>;
    type SerializeStructVariant = Container<'w, W>;

    integers! {
        serialize_i8(i8) integer;
        serialize_i16(i16) integer;
        serialize_i32(i32) integer;
        serialize_i64(i64) integer;
        serialize_i128(i128) integer;
        serialize_u8(u8) unsigned;
        serialize_u16(u16) unsigned;
        serialize_u32(u32) unsigned;
        serialize_u64(u64) unsigned;
        serialize_f32(f32) float;
        serialize_f64(f64) float;
    }

    fn serialize_u128(self, value: u128) -> Result {
        match i128::try_from(value) {
            Ok(value) => self.writer.integer(value),
            Err(_) => self.writer.big(false, &value.to_be_bytes()),
        }
        Ok(())
    }

    fn serialize_bool(self, value: bool) -> Result {
        self.writer.bool(value);
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result {
        self.writer.text(value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result {
        self.writer.bytes(value);
        Ok(())
    }

    fn serialize_none(self) -> Result {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result {
        let options = self.options.checked_sub(1).ok_or(SyntaxError::TooDeep(OPTIONS))?;
        value.serialize(Self { options, ..self })
    }

    fn serialize_unit(self) -> Result {
        self.writer.null();
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _name: &'static str, _index: u32, variant: &'static str) -> Result {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, value: &T) -> Result {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result {
        let Self { writer, levels, .. } = self.variant(variant)?;
        value
            .serialize(ValueSerializer::new(&mut *writer, levels))
            .map_err(|error| error.at(format_args!("key {variant:?}")))?;
        writer.end_map();
        Ok(())
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Container<'w, W>> {
        self.open(len, false)
    }

    fn serialize_tuple(self, len: usize) -> Result<Container<'w, W>> {
        self.open(Some(len), false)
    }

    fn serialize_tuple_struct(self, _name: &'static str, len: usize) -> Result<Container<'w, W>> {
        self.open(Some(len), false)
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Container<'w, W>> {
        self.open_variant(variant, len, false)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Container<'w, W>> {
        self.open(len, true)
    }

    fn serialize_struct(self, _name: &'static str, len: usize) -> Result<Container<'w, W>> {
        self.open(Some(len), true)
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Container<'w, W>> {
        self.open_variant(variant, len, true)
    }
}

/// How an open list or dict gets its size.
enum Size {
    Known(usize),
    Unknown(Mark),
}

/// A list or dict that is being written.
struct Container<'w, W> {
    writer: &'w mut W,
    levels: usize,
    size: Size,
    written: usize,
    is_map: bool,
    /// Whether it is the content of an enum variant, whose dict ends with it.
    is_variant: bool,
}

impl<W: Writer> Container<'_, W> {
    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        self.written += 1;
        value.serialize(ValueSerializer::new(self.writer, self.levels))
    }

    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        self.value(value).map_err(|error| error.at(format_args!("item {}", self.written)))
    }

    fn field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result {
        self.writer.key(key);
        self.value(value).map_err(|error| error.at(format_args!("key {key:?}")))
    }

    fn close(self) -> Result {
        match self.size {
            // MessagePack and CBOR have the length in front: a wrong one would change the meaning of what follows.
            Size::Known(len) if len != self.written => {
                let written = self.written;
                return Err(EncodeError::custom(format_args!("{written} items where {len} were announced")));
            }
            Size::Known(_) if self.is_map => self.writer.end_map(),
            Size::Known(_) => self.writer.end_array(),
            Size::Unknown(mark) => self.writer.finish_container(mark, self.written, self.is_map),
        }
        if self.is_variant {
            self.writer.end_map();
        }
        Ok(())
    }
}

macro_rules! lists {
    ($($kind:ident::$method:ident;)*) => {
        $(impl<W: Writer> $kind for Container<'_, W> {
            type Ok = ();
            type Error = EncodeError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
                self.item(value)
            }

            fn end(self) -> Result {
                self.close()
            }
        })*
    };
}

lists! {
    SerializeSeq::serialize_element;
    SerializeTuple::serialize_element;
    SerializeTupleStruct::serialize_field;
    SerializeTupleVariant::serialize_field;
}

macro_rules! structs {
    ($($kind:ident)*) => {
        $(impl<W: Writer> $kind for Container<'_, W> {
            type Ok = ();
            type Error = EncodeError;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result {
                self.field(key, value)
            }

            fn end(self) -> Result {
                self.close()
            }
        })*
    };
}

structs! { SerializeStruct SerializeStructVariant }

impl<W: Writer> SerializeMap for Container<'_, W> {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result {
        key.serialize(KeySerializer(self.writer))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        self.value(value).map_err(|error| error.at(format_args!("entry {}", self.written)))
    }

    fn end(self) -> Result {
        self.close()
    }
}

/// Methods that refuse a value, whatever it is.
macro_rules! refuse {
    ($why:ident: $($method:ident($($type:ty),*) -> $ok:ty;)*) => {
        $(fn $method(self, $(_: $type),*) -> Result<$ok> {
            Err(EncodeError::custom($why))
        })*
    };
}

/// Methods that refuse a value that contains another.
macro_rules! refuse_wrapping {
    ($why:ident: $($method:ident($($type:ty),*);)*) => {
        $(fn $method<T: Serialize + ?Sized>(self, $(_: $type,)* _: &T) -> Result {
            Err(EncodeError::custom($why))
        })*
    };
}

/// Writes the key of a dict entry, which is text in every serializer: transcoding must not change it.
struct KeySerializer<'w, W>(&'w mut W);

const KEY: &str = "a dict key has to be text, an integer, a boolean or a char";

macro_rules! text_keys {
    ($($method:ident($type:ty);)*) => {
        $(fn $method(self, key: $type) -> Result {
            self.0.key(&key.to_string());
            Ok(())
        })*
    };
}

impl<W: Writer> Serializer for KeySerializer<'_, W> {
    type Ok = ();
    type Error = EncodeError;
    type SerializeSeq = Impossible<(), EncodeError>;
    type SerializeTuple = Impossible<(), EncodeError>;
    type SerializeTupleStruct = Impossible<(), EncodeError>;
    type SerializeTupleVariant = Impossible<(), EncodeError>;
    type SerializeMap = Impossible<(), EncodeError>;
    type SerializeStruct = Impossible<(), EncodeError>;
    type SerializeStructVariant = Impossible<(), EncodeError>;

    text_keys! {
        serialize_bool(bool);
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_i128(i128);
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
        serialize_u128(u128);
        serialize_char(char);
    }

    fn serialize_str(self, key: &str) -> Result {
        self.0.key(key);
        Ok(())
    }

    fn serialize_unit_variant(self, _name: &'static str, _index: u32, variant: &'static str) -> Result {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, key: &T) -> Result {
        key.serialize(self)
    }

    refuse! { KEY:
        serialize_f32(f32) -> ();
        serialize_f64(f64) -> ();
        serialize_bytes(&[u8]) -> ();
        serialize_none() -> ();
        serialize_unit() -> ();
        serialize_unit_struct(&'static str) -> ();
        serialize_seq(Option<usize>) -> Self::SerializeSeq;
        serialize_tuple(usize) -> Self::SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant;
        serialize_map(Option<usize>) -> Self::SerializeMap;
        serialize_struct(&'static str, usize) -> Self::SerializeStruct;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant;
    }

    refuse_wrapping! { KEY:
        serialize_some();
        serialize_newtype_variant(&'static str, u32, &'static str);
    }
}

/// Writes the items of Arguments. Whoever began the list ends it.
struct Arguments<'w, W> {
    writer: &'w mut W,
    len: &'w mut usize,
}

impl<'w, W: Writer> Arguments<'w, W> {
    fn one(self) -> ValueSerializer<'w, W> {
        *self.len = 1;
        ValueSerializer::new(self.writer, LEVELS - 1)
    }
}

impl<W: Writer> SerializeTuple for Arguments<'_, W> {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        *self.len += 1;
        value
            .serialize(ValueSerializer::new(self.writer, LEVELS - 1))
            .map_err(|error| error.at(format_args!("argument {}", self.len)))
    }

    fn end(self) -> Result {
        Ok(())
    }
}

/// Methods for what is one argument.
macro_rules! one {
    ($($method:ident($($name:ident: $type:ty),*) -> $ok:ty;)*) => {
        $(fn $method(self, $($name: $type),*) -> Result<$ok> {
            self.one().$method($($name),*)
        })*
    };
}

impl<'w, W: Writer> Serializer for Arguments<'w, W> {
    type Ok = ();
    type Error = EncodeError;
    type SerializeSeq = Container<'w, W>;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Container<'w, W>;
    type SerializeTupleVariant = Container<'w, W>;
    type SerializeMap = Container<'w, W>;
    type SerializeStruct = Container<'w, W>;
    type SerializeStructVariant = Container<'w, W>;

    fn serialize_tuple(self, _len: usize) -> Result<Self> {
        Ok(self)
    }

    fn serialize_unit(self) -> Result {
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result {
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, value: &T) -> Result {
        value.serialize(self)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result {
        self.one().serialize_some(value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result {
        self.one().serialize_newtype_variant(name, index, variant, value)
    }

    one! {
        serialize_bool(value: bool) -> ();
        serialize_i8(value: i8) -> ();
        serialize_i16(value: i16) -> ();
        serialize_i32(value: i32) -> ();
        serialize_i64(value: i64) -> ();
        serialize_i128(value: i128) -> ();
        serialize_u8(value: u8) -> ();
        serialize_u16(value: u16) -> ();
        serialize_u32(value: u32) -> ();
        serialize_u64(value: u64) -> ();
        serialize_u128(value: u128) -> ();
        serialize_f32(value: f32) -> ();
        serialize_f64(value: f64) -> ();
        serialize_char(value: char) -> ();
        serialize_str(value: &str) -> ();
        serialize_bytes(value: &[u8]) -> ();
        serialize_none() -> ();
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str) -> ();
        serialize_seq(len: Option<usize>) -> Container<'w, W>;
        serialize_tuple_struct(name: &'static str, len: usize) -> Container<'w, W>;
        serialize_tuple_variant(
            name: &'static str, index: u32, variant: &'static str, len: usize
        ) -> Container<'w, W>;
        serialize_map(len: Option<usize>) -> Container<'w, W>;
        serialize_struct(name: &'static str, len: usize) -> Container<'w, W>;
        serialize_struct_variant(
            name: &'static str, index: u32, variant: &'static str, len: usize
        ) -> Container<'w, W>;
    }
}

/// Writes the entries of ArgumentsKw. Whoever began the dict ends it.
struct Keywords<'w, W> {
    writer: &'w mut W,
    len: &'w mut usize,
}

const KEYWORDS: &str = "keyword arguments have to be a struct or a map";

impl<W: Writer> SerializeStruct for Keywords<'_, W> {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result {
        self.writer.key(key);
        *self.len += 1;
        value
            .serialize(ValueSerializer::new(self.writer, LEVELS - 1))
            .map_err(|error| error.at(format_args!("key {key:?}")))
    }

    fn end(self) -> Result {
        Ok(())
    }
}

impl<W: Writer> SerializeMap for Keywords<'_, W> {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result {
        key.serialize(KeySerializer(self.writer))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        *self.len += 1;
        value
            .serialize(ValueSerializer::new(self.writer, LEVELS - 1))
            .map_err(|error| error.at(format_args!("entry {}", self.len)))
    }

    fn end(self) -> Result {
        Ok(())
    }
}

impl<W: Writer> Serializer for Keywords<'_, W> {
    type Ok = ();
    type Error = EncodeError;
    type SerializeSeq = Impossible<(), EncodeError>;
    type SerializeTuple = Impossible<(), EncodeError>;
    type SerializeTupleStruct = Impossible<(), EncodeError>;
    type SerializeTupleVariant = Impossible<(), EncodeError>;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Impossible<(), EncodeError>;

    fn serialize_map(self, _len: Option<usize>) -> Result<Self> {
        Ok(self)
    }

    fn serialize_struct(self, _name: &'static str, _len: usize) -> Result<Self> {
        Ok(self)
    }

    fn serialize_unit(self) -> Result {
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result {
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, value: &T) -> Result {
        value.serialize(self)
    }

    refuse! { KEYWORDS:
        serialize_bool(bool) -> ();
        serialize_i8(i8) -> ();
        serialize_i16(i16) -> ();
        serialize_i32(i32) -> ();
        serialize_i64(i64) -> ();
        serialize_u8(u8) -> ();
        serialize_u16(u16) -> ();
        serialize_u32(u32) -> ();
        serialize_u64(u64) -> ();
        serialize_f32(f32) -> ();
        serialize_f64(f64) -> ();
        serialize_char(char) -> ();
        serialize_str(&str) -> ();
        serialize_bytes(&[u8]) -> ();
        serialize_none() -> ();
        serialize_unit_variant(&'static str, u32, &'static str) -> ();
        serialize_seq(Option<usize>) -> Self::SerializeSeq;
        serialize_tuple(usize) -> Self::SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant;
    }

    refuse_wrapping! { KEYWORDS:
        serialize_some();
        serialize_newtype_variant(&'static str, u32, &'static str);
    }
}
