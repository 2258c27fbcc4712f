//! Rust values to octets.

use std::fmt::Display;

use serde::ser::{self, Error as _, Impossible, Serialize, Serializer};

use super::MAX_DEPTH;
use crate::payload::Arity;
use crate::serializer::token::{Mark, Scalar, Writer, integer_from_magnitude};

/// A Rust value cannot be encoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EncodeError(String);

impl ser::Error for EncodeError {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

type Result<T> = std::result::Result<T, EncodeError>;

/// Arguments alone: their octets, and whether there are any.
pub(super) fn args<W: Writer, A: Serialize + ?Sized>(args: &A) -> Result<(Vec<u8>, Arity)> {
    if Shape::of(args) == Shape::Nothing {
        return Ok((Vec::new(), Arity::None));
    }
    let mut writer = W::with_capacity(64);
    write_args(args, &mut writer)?;
    Ok((writer.into_vec(), Arity::Args))
}

/// Arguments and keyword arguments; none if there are no keyword arguments.
pub(super) fn args_kwargs<W: Writer, A: Serialize + ?Sized, K: Serialize + ?Sized>(
    args: &A,
    kwargs: &K,
) -> Result<Option<Vec<u8>>> {
    match Shape::of(kwargs) {
        Shape::Nothing => return Ok(None),
        Shape::Dict => {}
        Shape::List | Shape::Other => {
            return Err(EncodeError::custom("keyword arguments have to be a struct or a map"));
        }
    }
    let mut writer = W::with_capacity(64);
    write_args(args, &mut writer)?;
    let entries = kwargs.serialize(Encoder { writer: &mut writer, depth: MAX_DEPTH })?;
    Ok((entries > 0).then(|| writer.into_vec()))
}

fn write_args<W: Writer, A: Serialize + ?Sized>(args: &A, writer: &mut W) -> Result<()> {
    match Shape::of(args) {
        Shape::List => {
            args.serialize(Encoder { writer, depth: MAX_DEPTH })?;
        }
        Shape::Nothing => {
            writer.array(0);
            writer.end_array();
        }
        Shape::Dict | Shape::Other => {
            writer.array(1);
            args.serialize(Encoder { writer: &mut *writer, depth: MAX_DEPTH - 1 })?;
            writer.end_array();
        }
    }
    Ok(())
}

/// Writes one value. Reports how many items or entries it has, 0 if it is no container.
struct Encoder<'w, W> {
    writer: &'w mut W,
    /// How many levels of containers may still be opened.
    depth: usize,
}

impl<'w, W: Writer> Encoder<'w, W> {
    fn scalar(self, write: impl FnOnce(&mut W)) -> Result<usize> {
        write(self.writer);
        Ok(0)
    }

    fn container(self, len: Option<usize>, is_map: bool) -> Result<Container<'w, W>> {
        let Some(depth) = self.depth.checked_sub(1) else {
            return Err(EncodeError::custom(format_args!("nested deeper than {MAX_DEPTH} levels")));
        };
        let mark = match len {
            None => Some(self.writer.begin(is_map)),
            Some(len) => {
                if is_map {
                    self.writer.map(len)
                } else {
                    self.writer.array(len)
                }
                None
            }
        };
        Ok(Container { writer: self.writer, depth, len, count: 0, mark, is_map, is_in_dict: false })
    }

    /// A dict of one entry, of which only the key is written.
    fn variant(&mut self, variant: &str) -> Result<()> {
        let Some(depth) = self.depth.checked_sub(1) else {
            return Err(EncodeError::custom(format_args!("nested deeper than {MAX_DEPTH} levels")));
        };
        self.depth = depth;
        self.writer.map(1);
        self.writer.key(variant);
        Ok(())
    }
}

/// A list or a dict that is being written.
struct Container<'w, W> {
    writer: &'w mut W,
    depth: usize,
    len: Option<usize>,
    count: usize,
    mark: Option<Mark>,
    is_map: bool,
    /// It is the value of a dict of one entry: a variant of an enum.
    is_in_dict: bool,
}

impl<W: Writer> Container<'_, W> {
    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        value.serialize(Encoder { writer: &mut *self.writer, depth: self.depth }).map(drop)
    }

    fn item<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<()> {
        self.count += 1;
        self.value(item)
    }

    fn field<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<()> {
        self.count += 1;
        self.writer.key(key);
        self.value(value)
    }

    fn finish(self) -> Result<usize> {
        match (self.mark, self.is_map) {
            (Some(mark), is_map) => self.writer.finish_container(mark, self.count, is_map),
            // What it announced is on the wire already.
            (None, _) if self.len.is_some_and(|len| len != self.count) => {
                return Err(EncodeError::custom("a list or map of another length than it said"));
            }
            (None, true) => self.writer.end_map(),
            (None, false) => self.writer.end_array(),
        }
        if self.is_in_dict {
            self.writer.end_map();
        }
        Ok(self.count)
    }
}

/// Integers beyond those that CBOR has natively are bignums there.
fn integer<W: Writer>(writer: &mut W, negative: bool, magnitude: u128) {
    match integer_from_magnitude(negative, (&magnitude.to_be_bytes()[..]).into()) {
        Scalar::Big { negative, magnitude } => writer.big(negative, &magnitude),
        Scalar::Integer(number) => writer.integer(number),
        _ => {}
    }
}

impl<'w, W: Writer> Serializer for Encoder<'w, W> {
    type Ok = usize;
    type Error = EncodeError;
    type SerializeSeq = Container<'w, W>;
    type SerializeTuple = Container<'w, W>;
    type SerializeTupleStruct = Container<'w, W>;
    type SerializeTupleVariant = Container<'w, W>;
    type SerializeMap = Container<'w, W>;
    type SerializeStruct = Container<'w, W>;
    type SerializeStructVariant = Container<'w, W>;

    fn serialize_bool(self, value: bool) -> Result<usize> {
        self.scalar(|writer| writer.bool(value))
    }

    fn serialize_i8(self, value: i8) -> Result<usize> {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<usize> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<usize> {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<usize> {
        self.scalar(|writer| match u64::try_from(value) {
            Ok(value) => writer.unsigned(value),
            Err(_) => writer.integer(value.into()),
        })
    }

    fn serialize_i128(self, value: i128) -> Result<usize> {
        self.scalar(|writer| integer(writer, value < 0, value.unsigned_abs()))
    }

    fn serialize_u8(self, value: u8) -> Result<usize> {
        self.serialize_u64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<usize> {
        self.serialize_u64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<usize> {
        self.serialize_u64(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<usize> {
        self.scalar(|writer| writer.unsigned(value))
    }

    fn serialize_u128(self, value: u128) -> Result<usize> {
        self.scalar(|writer| integer(writer, false, value))
    }

    fn serialize_f32(self, value: f32) -> Result<usize> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<usize> {
        self.scalar(|writer| writer.float(value))
    }

    fn serialize_char(self, value: char) -> Result<usize> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<usize> {
        self.scalar(|writer| writer.text(value))
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<usize> {
        self.scalar(|writer| writer.bytes(value))
    }

    fn serialize_none(self) -> Result<usize> {
        self.scalar(Writer::null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<usize> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<usize> {
        self.scalar(Writer::null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<usize> {
        self.scalar(Writer::null)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<usize> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<usize> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<usize> {
        self.variant(variant)?;
        value.serialize(Encoder { writer: &mut *self.writer, depth: self.depth })?;
        self.writer.end_map();
        Ok(1)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Container<'w, W>> {
        self.container(len, false)
    }

    fn serialize_tuple(self, len: usize) -> Result<Container<'w, W>> {
        self.container(Some(len), false)
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<Container<'w, W>> {
        self.container(Some(len), false)
    }

    fn serialize_tuple_variant(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Container<'w, W>> {
        self.variant(variant)?;
        Ok(Container { is_in_dict: true, ..self.container(Some(len), false)? })
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Container<'w, W>> {
        self.container(len, true)
    }

    fn serialize_struct(self, _: &'static str, len: usize) -> Result<Container<'w, W>> {
        self.container(Some(len), true)
    }

    fn serialize_struct_variant(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Container<'w, W>> {
        self.variant(variant)?;
        Ok(Container { is_in_dict: true, ..self.container(Some(len), true)? })
    }
}

macro_rules! list_containers {
    ($($container:ident $method:ident;)*) => {
        $(impl<W: Writer> ser::$container for Container<'_, W> {
            type Ok = usize;
            type Error = EncodeError;

            fn $method<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<()> {
                self.item(item)
            }

            fn end(self) -> Result<usize> {
                self.finish()
            }
        })*
    };
}

list_containers! {
    SerializeSeq serialize_element;
    SerializeTuple serialize_element;
    SerializeTupleStruct serialize_field;
    SerializeTupleVariant serialize_field;
}

macro_rules! field_containers {
    ($($container:ident)*) => {
        $(impl<W: Writer> ser::$container for Container<'_, W> {
            type Ok = usize;
            type Error = EncodeError;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<()> {
                self.field(key, value)
            }

            fn end(self) -> Result<usize> {
                self.finish()
            }
        })*
    };
}

field_containers!(SerializeStruct SerializeStructVariant);

impl<W: Writer> ser::SerializeMap for Container<'_, W> {
    type Ok = usize;
    type Error = EncodeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<()> {
        self.count += 1;
        let key = key.serialize(Key)?;
        self.writer.key(&key);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.value(value)
    }

    fn end(self) -> Result<usize> {
        self.finish()
    }
}

/// What a value is, before it is written: serializing it fails at once, with the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a shape is no error")]
enum Shape {
    /// `()`, or a tuple without members.
    Nothing,
    /// A tuple.
    List,
    /// A struct or a map.
    Dict,
    Other,
}

impl ser::Error for Shape {
    fn custom<T: Display>(_: T) -> Self {
        Self::Other
    }
}

impl Shape {
    fn of<T: Serialize + ?Sized>(value: &T) -> Self {
        match value.serialize(LookAtShape) {
            Err(shape) => shape,
            Ok(never) => match never {},
        }
    }
}

struct LookAtShape;

/// What never comes to be.
enum Never {}

macro_rules! shapes {
    ($($method:ident($($argument:ty),*) $shape:ident $(<$generic:ident>)?;)*) => {
        $(fn $method $(<$generic: Serialize + ?Sized>)? (self, $(_: $argument),*) -> std::result::Result<Never, Shape> {
            Err(Shape::$shape)
        })*
    };
}

type NoContainer = Impossible<Never, Shape>;

impl Serializer for LookAtShape {
    type Ok = Never;
    type Error = Shape;
    type SerializeSeq = NoContainer;
    type SerializeTuple = NoContainer;
    type SerializeTupleStruct = NoContainer;
    type SerializeTupleVariant = NoContainer;
    type SerializeMap = NoContainer;
    type SerializeStruct = NoContainer;
    type SerializeStructVariant = NoContainer;

    shapes! {
        serialize_bool(bool) Other;
        serialize_i8(i8) Other;
        serialize_i16(i16) Other;
        serialize_i32(i32) Other;
        serialize_i64(i64) Other;
        serialize_i128(i128) Other;
        serialize_u8(u8) Other;
        serialize_u16(u16) Other;
        serialize_u32(u32) Other;
        serialize_u64(u64) Other;
        serialize_u128(u128) Other;
        serialize_f32(f32) Other;
        serialize_f64(f64) Other;
        serialize_char(char) Other;
        serialize_str(&str) Other;
        serialize_bytes(&[u8]) Other;
        serialize_none() Other;
        serialize_some(&T) Other <T>;
        serialize_unit() Nothing;
        serialize_unit_struct(&'static str) Other;
        serialize_unit_variant(&'static str, u32, &'static str) Other;
        serialize_newtype_variant(&'static str, u32, &'static str, &T) Other <T>;
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> std::result::Result<Never, Shape> {
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> std::result::Result<NoContainer, Shape> {
        Err(Shape::Other)
    }

    fn serialize_tuple(self, len: usize) -> std::result::Result<NoContainer, Shape> {
        Err(if len == 0 { Shape::Nothing } else { Shape::List })
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> std::result::Result<NoContainer, Shape> {
        Err(Shape::Other)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> std::result::Result<NoContainer, Shape> {
        Err(Shape::Other)
    }

    fn serialize_map(self, _: Option<usize>) -> std::result::Result<NoContainer, Shape> {
        Err(Shape::Dict)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> std::result::Result<NoContainer, Shape> {
        Err(Shape::Dict)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> std::result::Result<NoContainer, Shape> {
        Err(Shape::Other)
    }
}

/// The key of a dict as text: only text is a key in every serializer.
struct Key;

macro_rules! text_keys {
    ($($method:ident($type:ty);)*) => {
        $(fn $method(self, value: $type) -> Result<String> {
            Ok(value.to_string())
        })*
    };
}

macro_rules! no_keys {
    ($($method:ident($($argument:ty),*) $(<$generic:ident>)? -> $result:ty;)*) => {
        $(fn $method $(<$generic: Serialize + ?Sized>)? (self, $(_: $argument),*) -> Result<$result> {
            Err(EncodeError::custom("a key has to be text, a number or a boolean"))
        })*
    };
}

type NoKey = Impossible<String, EncodeError>;

impl Serializer for Key {
    type Ok = String;
    type Error = EncodeError;
    type SerializeSeq = NoKey;
    type SerializeTuple = NoKey;
    type SerializeTupleStruct = NoKey;
    type SerializeTupleVariant = NoKey;
    type SerializeMap = NoKey;
    type SerializeStruct = NoKey;
    type SerializeStructVariant = NoKey;

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
        serialize_str(&str);
    }

    no_keys! {
        serialize_f32(f32) -> String;
        serialize_f64(f64) -> String;
        serialize_bytes(&[u8]) -> String;
        serialize_none() -> String;
        serialize_unit() -> String;
        serialize_unit_struct(&'static str) -> String;
        serialize_newtype_variant(&'static str, u32, &'static str, &T) <T> -> String;
        serialize_seq(Option<usize>) -> NoKey;
        serialize_tuple(usize) -> NoKey;
        serialize_tuple_struct(&'static str, usize) -> NoKey;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> NoKey;
        serialize_map(Option<usize>) -> NoKey;
        serialize_struct(&'static str, usize) -> NoKey;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> NoKey;
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<String> {
        value.serialize(self)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<String> {
        Ok(variant.to_owned())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<String> {
        value.serialize(self)
    }
}
