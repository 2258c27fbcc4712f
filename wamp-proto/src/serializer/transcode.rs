//! Carries values from one serializer to another, and between raw octets and [`Value`]s (SER-06, SER-09).

use std::borrow::Cow;
use std::collections::HashSet;

use super::token::{
    BIG_MAX_BYTES, BIG_TOO_LARGE, Kind, Reader, Scalar, SyntaxError, Writer, decimal, rfc3339,
};
use crate::value::Value;

/// Why a payload cannot be carried to a serializer. Equal serializers never meet this: octets are spliced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecodeError {
    /// A value that reads well in its own serializer only, such as a lone surrogate in JSON.
    #[error("not transcodable: {0}")]
    Value(#[from] SyntaxError),
    /// A dict key that is neither text nor an integer.
    #[error("a dict key is neither text nor an integer")]
    Key,
    /// A keyword argument given twice.
    #[error("a keyword argument is given twice")]
    DuplicateKeyword,
}

/// Copies the next value.
pub(crate) fn copy<'a, R: Reader<'a>, W: Writer>(reader: &mut R, writer: &mut W) -> Result<(), RecodeError> {
    match reader.peek()? {
        Kind::Array => {
            let mut items = reader.array()?;
            let mark = writer.begin(false);
            let mut len = 0;
            while reader.more(&mut items)? {
                copy(reader, writer)?;
                len += 1;
            }
            writer.finish_container(mark, len, false);
        }
        Kind::Map => copy_dict(reader, writer, None)?,
        Kind::Null | Kind::Scalar => write_scalar(&reader.scalar()?, writer)?,
    }
    Ok(())
}

/// Copies the keyword arguments that come next; their keys are unique.
pub(crate) fn copy_kwargs<'a, R: Reader<'a>, W: Writer>(
    reader: &mut R,
    writer: &mut W,
) -> Result<(), RecodeError> {
    copy_dict(reader, writer, Some(HashSet::new()))
}

fn copy_dict<'a, R: Reader<'a>, W: Writer>(
    reader: &mut R,
    writer: &mut W,
    mut seen: Option<HashSet<Cow<'a, str>>>,
) -> Result<(), RecodeError> {
    let mut items = reader.map()?;
    let mark = writer.begin(true);
    let mut len = 0;
    while reader.more(&mut items)? {
        let key = reader.key()?;
        let key = match key {
            Scalar::Text(text) => {
                writer.key(&text);
                text
            }
            Scalar::Integer(number) => {
                writer.integer_key(number);
                number.to_string().into()
            }
            _ => return Err(RecodeError::Key),
        };
        if let Some(seen) = &mut seen
            && !seen.insert(key)
        {
            return Err(RecodeError::DuplicateKeyword);
        }
        copy(reader, writer)?;
        len += 1;
    }
    writer.finish_container(mark, len, true);
    Ok(())
}

fn write_scalar<W: Writer>(scalar: &Scalar<'_>, writer: &mut W) -> Result<(), RecodeError> {
    match scalar {
        Scalar::Null => writer.null(),
        Scalar::Bool(value) => writer.bool(*value),
        Scalar::Integer(value) => writer.integer(*value),
        Scalar::Big { magnitude, .. } if magnitude.len() > BIG_MAX_BYTES => return Err(BIG_TOO_LARGE.into()),
        Scalar::Big { negative, magnitude } => writer.big(*negative, magnitude),
        Scalar::Float(value) => writer.float(*value),
        Scalar::Text(value) => writer.text(value),
        Scalar::Bytes(value) => writer.bytes(value),
        Scalar::Timestamp { seconds, nanos } => writer.timestamp(*seconds, *nanos),
    }
    Ok(())
}

/// Reads the next value as a tree.
pub(crate) fn read_value<'a, R: Reader<'a>>(reader: &mut R) -> Result<Value, SyntaxError> {
    Ok(match reader.peek()? {
        Kind::Array => {
            let mut items = reader.array()?;
            let mut list = Vec::new();
            while reader.more(&mut items)? {
                list.push(read_value(reader)?);
            }
            Value::List(list)
        }
        Kind::Map => Value::Dict(read_entries(reader)?),
        Kind::Null | Kind::Scalar => match reader.scalar()? {
            Scalar::Null => Value::Null,
            Scalar::Bool(value) => Value::Bool(value),
            Scalar::Integer(value) => Value::Integer(value),
            Scalar::Float(value) => Value::Float(value),
            Scalar::Text(value) => Value::String(value.into_owned()),
            Scalar::Bytes(value) => Value::Bytes(value.into_owned()),
            Scalar::Big { magnitude, .. } if magnitude.len() > BIG_MAX_BYTES => return Err(BIG_TOO_LARGE),
            Scalar::Big { negative, magnitude } => {
                let digits = decimal(negative, &magnitude);
                digits.parse().map_or_else(|_| Value::String(digits), Value::Integer)
            }
            Scalar::Timestamp { seconds, nanos } => match rfc3339(seconds, nanos) {
                Some(text) => Value::String(text),
                None => Value::Integer(seconds.into()),
            },
        },
    })
}

/// Reads the entries of the dict that comes next; integer keys become decimal text.
pub(crate) fn read_entries<'a, R: Reader<'a>>(reader: &mut R) -> Result<Vec<(String, Value)>, SyntaxError> {
    let mut items = reader.map()?;
    let mut entries = Vec::new();
    while reader.more(&mut items)? {
        let key = match reader.key()? {
            Scalar::Text(text) => text.into_owned(),
            Scalar::Integer(number) => number.to_string(),
            _ => return Err(SyntaxError::Type("text or an integer as a dict key")),
        };
        entries.push((key, read_value(reader)?));
    }
    Ok(entries)
}

/// Writes a tree.
pub(crate) fn write_value<W: Writer>(value: &Value, writer: &mut W) {
    match value {
        Value::Null => writer.null(),
        Value::Bool(value) => writer.bool(*value),
        Value::Integer(value) => writer.integer(*value),
        Value::Float(value) => writer.float(*value),
        Value::String(value) => writer.text(value),
        Value::Bytes(value) => writer.bytes(value),
        Value::List(items) => {
            writer.array(items.len());
            for item in items {
                write_value(item, writer);
            }
            writer.end_array();
        }
        Value::Dict(entries) => write_entries(entries, writer),
    }
}

/// Writes a dict.
pub(crate) fn write_entries<W: Writer>(entries: &[(String, Value)], writer: &mut W) {
    writer.map(entries.len());
    for (key, value) in entries {
        writer.key(key);
        write_value(value, writer);
    }
    writer.end_map();
}
