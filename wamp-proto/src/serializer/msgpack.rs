//! MessagePack (SER-04): a pull reader that passes over what nobody asks for, and a writer.

use std::borrow::Cow;

use super::SerializerId;
use super::token::{Items, Kind, Mark, Reader, Result, Scalar, SyntaxError, Writer, check_utf8, decimal};

pub(crate) struct MsgPackReader<'a> {
    input: &'a [u8],
    at: usize,
    depth: usize,
    max_depth: usize,
}

/// JavaScript's undefined as msgpackr, hence wampy.js, writes it: extension 0 with one zero octet.
const UNDEFINED: [u8; 3] = [0xd4, 0, 0];

/// The extension type of timestamps.
const TIMESTAMP: i8 = -1;

impl<'a> MsgPackReader<'a> {
    pub(crate) fn new(input: &'a [u8], max_depth: usize) -> Self {
        Self { input, at: 0, depth: 0, max_depth }
    }

    fn byte(&mut self) -> Result<u8> {
        let byte = self.input.get(self.at).copied().ok_or(SyntaxError::UnexpectedEnd)?;
        self.at += 1;
        Ok(byte)
    }

    fn next(&self) -> Result<u8> {
        self.input.get(self.at).copied().ok_or(SyntaxError::UnexpectedEnd)
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(len).ok_or(SyntaxError::UnexpectedEnd)?;
        let taken = self.input.get(self.at..end).ok_or(SyntaxError::UnexpectedEnd)?;
        self.at = end;
        Ok(taken)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.take(N)?.try_into().or(Err(SyntaxError::UnexpectedEnd))
    }

    fn len8(&mut self) -> Result<usize> {
        Ok(self.byte()?.into())
    }

    fn len16(&mut self) -> Result<usize> {
        Ok(u16::from_be_bytes(self.fixed()?).into())
    }

    fn len32(&mut self) -> Result<usize> {
        usize::try_from(u32::from_be_bytes(self.fixed()?)).or(Err(SyntaxError::UnexpectedEnd))
    }

    fn utf8(&mut self, len: usize) -> Result<&'a str> {
        std::str::from_utf8(self.take(len)?).or(Err(SyntaxError::Utf8))
    }

    fn enter(&mut self, items: usize, is_map: bool) -> Result<Items> {
        self.depth += 1;
        if self.depth > self.max_depth {
            return Err(SyntaxError::TooDeep(self.max_depth));
        }
        // Every item takes an octet at least: a length beyond that is a lie, found before any loop.
        let needed = if is_map { items.saturating_mul(2) } else { items };
        if needed > self.input.len() - self.at {
            return Err(SyntaxError::UnexpectedEnd);
        }
        Ok(Items::new(Some(items as u64), is_map))
    }

    /// The content of the extension value whose marker was read.
    fn extension(&mut self, marker: u8) -> Result<(i8, &'a [u8])> {
        let len = match marker {
            0xc7 => self.len8()?,
            0xc8 => self.len16()?,
            0xc9 => self.len32()?,
            _ => 1 << (marker - 0xd4),
        };
        let kind = self.byte()?.cast_signed();
        Ok((kind, self.take(len)?))
    }
}

/// What the content of a timestamp extension says, if its length is one of the three that there are.
fn timestamp(content: &[u8]) -> Option<Scalar<'static>> {
    let (seconds, nanos) = match content.len() {
        4 => (i64::from(u32::from_be_bytes(content.try_into().ok()?)), 0),
        8 => {
            let both = u64::from_be_bytes(content.try_into().ok()?);
            ((both & 0x3_ffff_ffff).cast_signed(), (both >> 34) as u32)
        }
        12 => {
            let (nanos, seconds) = content.split_at(4);
            (i64::from_be_bytes(seconds.try_into().ok()?), u32::from_be_bytes(nanos.try_into().ok()?))
        }
        _ => return None,
    };
    (nanos < 1_000_000_000).then_some(Scalar::Timestamp { seconds, nanos })
}

impl<'a> Reader<'a> for MsgPackReader<'a> {
    const SERIALIZER: SerializerId = SerializerId::MsgPack;

    fn position(&mut self) -> usize {
        self.at
    }

    fn offset(&self) -> usize {
        self.at
    }

    fn rewind(&mut self, position: usize) {
        self.at = position;
    }

    fn peek(&mut self) -> Result<Kind> {
        Ok(match self.next()? {
            0x90..=0x9f | 0xdc | 0xdd => Kind::Array,
            0x80..=0x8f | 0xde | 0xdf => Kind::Map,
            0xc0 => Kind::Null,
            0xd4 if self.input.get(self.at..).is_some_and(|rest| rest.starts_with(&UNDEFINED)) => Kind::Null,
            _ => Kind::Scalar,
        })
    }

    fn array(&mut self) -> Result<Items> {
        let len = match self.byte()? {
            marker @ 0x90..=0x9f => usize::from(marker & 0x0f),
            0xdc => self.len16()?,
            0xdd => self.len32()?,
            _ => return Err(SyntaxError::Type("a list")),
        };
        self.enter(len, false)
    }

    fn map(&mut self) -> Result<Items> {
        let len = match self.byte()? {
            marker @ 0x80..=0x8f => usize::from(marker & 0x0f),
            0xde => self.len16()?,
            0xdf => self.len32()?,
            _ => return Err(SyntaxError::Type("a dict")),
        };
        self.enter(len, true)
    }

    fn more(&mut self, items: &mut Items) -> Result<bool> {
        match &mut items.remaining {
            Some(0) | None => {
                if !items.is_left {
                    self.depth -= 1;
                    items.is_left = true;
                }
                Ok(false)
            }
            Some(remaining) => {
                *remaining -= 1;
                Ok(true)
            }
        }
    }

    fn key(&mut self) -> Result<Scalar<'a>> {
        match self.peek()? {
            Kind::Scalar | Kind::Null => self.scalar(),
            Kind::Array | Kind::Map => Err(SyntaxError::Type("text as a dict key")),
        }
    }

    fn scalar(&mut self) -> Result<Scalar<'a>> {
        let at = self.at;
        Ok(match self.byte()? {
            value @ 0x00..=0x7f => Scalar::Integer(value.into()),
            value @ 0xe0..=0xff => Scalar::Integer(value.cast_signed().into()),
            marker @ 0xa0..=0xbf => Scalar::Text(Cow::Borrowed(self.utf8(usize::from(marker & 0x1f))?)),
            0xc0 => Scalar::Null,
            0xc2 => Scalar::Bool(false),
            0xc3 => Scalar::Bool(true),
            0xc4 => {
                let len = self.len8()?;
                Scalar::Bytes(Cow::Borrowed(self.take(len)?))
            }
            0xc5 => {
                let len = self.len16()?;
                Scalar::Bytes(Cow::Borrowed(self.take(len)?))
            }
            0xc6 => {
                let len = self.len32()?;
                Scalar::Bytes(Cow::Borrowed(self.take(len)?))
            }
            marker @ (0xc7..=0xc9 | 0xd4..=0xd8) => {
                let (kind, content) = self.extension(marker)?;
                if self.input.get(at..self.at) == Some(&UNDEFINED) {
                    return Ok(Scalar::Null);
                }
                let known = (kind == TIMESTAMP).then(|| timestamp(content)).flatten();
                known.unwrap_or(Scalar::Bytes(Cow::Borrowed(content)))
            }
            0xca => Scalar::Float(f32::from_be_bytes(self.fixed()?).into()),
            0xcb => Scalar::Float(f64::from_be_bytes(self.fixed()?)),
            0xcc => Scalar::Integer(self.byte()?.into()),
            0xcd => Scalar::Integer(u16::from_be_bytes(self.fixed()?).into()),
            0xce => Scalar::Integer(u32::from_be_bytes(self.fixed()?).into()),
            0xcf => Scalar::Integer(u64::from_be_bytes(self.fixed()?).into()),
            0xd0 => Scalar::Integer(i8::from_be_bytes(self.fixed()?).into()),
            0xd1 => Scalar::Integer(i16::from_be_bytes(self.fixed()?).into()),
            0xd2 => Scalar::Integer(i32::from_be_bytes(self.fixed()?).into()),
            0xd3 => Scalar::Integer(i64::from_be_bytes(self.fixed()?).into()),
            0xd9 => {
                let len = self.len8()?;
                Scalar::Text(Cow::Borrowed(self.utf8(len)?))
            }
            0xda => {
                let len = self.len16()?;
                Scalar::Text(Cow::Borrowed(self.utf8(len)?))
            }
            0xdb => {
                let len = self.len32()?;
                Scalar::Text(Cow::Borrowed(self.utf8(len)?))
            }
            _ => return Err(SyntaxError::Malformed { at, expected: "a value that is not a list or dict" }),
        })
    }

    fn unsigned(&mut self) -> Result<u64> {
        match self.next()? {
            value @ 0x00..=0x7f => {
                self.at += 1;
                Ok(value.into())
            }
            0xcc..=0xd3 => match self.scalar()? {
                Scalar::Integer(value) => {
                    u64::try_from(value).or(Err(SyntaxError::Type("an unsigned integer")))
                }
                _ => Err(SyntaxError::Type("an unsigned integer")),
            },
            _ => Err(SyntaxError::Type("an unsigned integer")),
        }
    }

    fn skip(&mut self) -> Result<()> {
        let at = self.at;
        let marker = self.byte()?;
        let len = match marker {
            0x00..=0x7f | 0xe0..=0xff | 0xc0 | 0xc2 | 0xc3 => return Ok(()),
            0xa0..=0xbf => return check_utf8(self.take(usize::from(marker & 0x1f))?),
            0x80..=0x9f | 0xdc..=0xdf => {
                self.at = at;
                let is_map = matches!(marker, 0x80..=0x8f | 0xde | 0xdf);
                let items = if is_map { self.map()? } else { self.array()? };
                let values = items.remaining.unwrap_or(0) * if is_map { 2 } else { 1 };
                for _ in 0..values {
                    // What most values are needs no call.
                    match self.next()? {
                        0x00..=0x7f | 0xe0..=0xff | 0xc0 | 0xc2 | 0xc3 => self.at += 1,
                        marker @ 0xa0..=0xbf => {
                            self.at += 1;
                            let text = self.take(usize::from(marker & 0x1f))?;
                            check_utf8(text)?;
                        }
                        _ => self.skip()?,
                    }
                }
                self.depth -= 1;
                return Ok(());
            }
            0xd9 => {
                let len = self.len8()?;
                return check_utf8(self.take(len)?);
            }
            0xda => {
                let len = self.len16()?;
                return check_utf8(self.take(len)?);
            }
            0xdb => {
                let len = self.len32()?;
                return check_utf8(self.take(len)?);
            }
            0xc4 => self.len8()?,
            0xc5 => self.len16()?,
            0xc6 => self.len32()?,
            0xc7..=0xc9 | 0xd4..=0xd8 => return self.extension(marker).map(drop),
            0xcc | 0xd0 => 1,
            0xcd | 0xd1 => 2,
            0xca | 0xce | 0xd2 => 4,
            0xcb | 0xcf | 0xd3 => 8,
            0xc1 => return Err(SyntaxError::Malformed { at, expected: "a value; 0xc1 is never used" }),
        };
        self.take(len).map(drop)
    }

    fn end(&mut self) -> Result<()> {
        if self.at == self.input.len() { Ok(()) } else { Err(SyntaxError::Trailing) }
    }
}

pub(crate) struct MsgPackWriter {
    out: Vec<u8>,
}

impl MsgPackWriter {
    fn sized(&mut self, len: usize, markers: [u8; 3]) {
        let [marker8, marker16, marker32] = markers;
        if let Ok(len) = u8::try_from(len)
            && marker8 != 0
        {
            self.out.extend_from_slice(&[marker8, len]);
        } else if let Ok(len) = u16::try_from(len) {
            self.out.push(marker16);
            self.out.extend_from_slice(&len.to_be_bytes());
        } else {
            self.out.push(marker32);
            self.out.extend_from_slice(&(len as u32).to_be_bytes());
        }
    }
}

impl Writer for MsgPackWriter {
    const SERIALIZER: SerializerId = SerializerId::MsgPack;

    fn with_capacity(capacity: usize) -> Self {
        Self { out: Vec::with_capacity(capacity) }
    }

    fn array(&mut self, len: usize) {
        if len < 16 { self.out.push(0x90 | len as u8) } else { self.sized(len, [0, 0xdc, 0xdd]) }
    }

    fn end_array(&mut self) {}

    fn map(&mut self, len: usize) {
        if len < 16 { self.out.push(0x80 | len as u8) } else { self.sized(len, [0, 0xde, 0xdf]) }
    }

    fn end_map(&mut self) {}

    fn begin(&mut self, is_map: bool) -> Mark {
        let mark = Mark(self.out.len());
        self.out.push(if is_map { 0x80 } else { 0x90 });
        mark
    }

    fn finish_container(&mut self, mark: Mark, len: usize, is_map: bool) {
        let mut header = Self::with_capacity(5);
        if is_map {
            header.map(len)
        } else {
            header.array(len)
        }
        // One octet was kept for the header; only a container of 16 items or more moves its content.
        self.out.splice(mark.0..=mark.0, header.out);
    }

    fn key(&mut self, key: &str) {
        self.text(key);
    }

    fn integer_key(&mut self, key: i128) {
        self.integer(key);
    }

    fn null(&mut self) {
        self.out.push(0xc0);
    }

    fn bool(&mut self, value: bool) {
        self.out.push(if value { 0xc3 } else { 0xc2 });
    }

    fn unsigned(&mut self, value: u64) {
        if value < 0x80 {
            self.out.push(value as u8);
        } else if let Ok(value) = u8::try_from(value) {
            self.out.extend_from_slice(&[0xcc, value]);
        } else if let Ok(value) = u16::try_from(value) {
            self.out.push(0xcd);
            self.out.extend_from_slice(&value.to_be_bytes());
        } else if let Ok(value) = u32::try_from(value) {
            self.out.push(0xce);
            self.out.extend_from_slice(&value.to_be_bytes());
        } else {
            self.out.push(0xcf);
            self.out.extend_from_slice(&value.to_be_bytes());
        }
    }

    fn integer(&mut self, value: i128) {
        if let Ok(value) = u64::try_from(value) {
            self.unsigned(value);
        } else if (-32..0).contains(&value) {
            self.out.push((value as i8).cast_unsigned());
        } else if let Ok(value) = i8::try_from(value) {
            self.out.extend_from_slice(&[0xd0, value.cast_unsigned()]);
        } else if let Ok(value) = i16::try_from(value) {
            self.out.push(0xd1);
            self.out.extend_from_slice(&value.to_be_bytes());
        } else if let Ok(value) = i32::try_from(value) {
            self.out.push(0xd2);
            self.out.extend_from_slice(&value.to_be_bytes());
        } else if let Ok(value) = i64::try_from(value) {
            self.out.push(0xd3);
            self.out.extend_from_slice(&value.to_be_bytes());
        } else {
            self.text(&value.to_string());
        }
    }

    fn big(&mut self, negative: bool, magnitude: &[u8]) {
        self.text(&decimal(negative, magnitude));
    }

    fn float(&mut self, value: f64) {
        self.out.push(0xcb);
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    fn text(&mut self, value: &str) {
        if value.len() < 32 {
            self.out.push(0xa0 | value.len() as u8);
        } else {
            self.sized(value.len(), [0xd9, 0xda, 0xdb]);
        }
        self.out.extend_from_slice(value.as_bytes());
    }

    fn bytes(&mut self, value: &[u8]) {
        self.sized(value.len(), [0xc4, 0xc5, 0xc6]);
        self.out.extend_from_slice(value);
    }

    fn timestamp(&mut self, seconds: i64, nanos: u32) {
        let kind = TIMESTAMP.cast_unsigned();
        if let (Ok(seconds), 0) = (u32::try_from(seconds), nanos) {
            self.out.extend_from_slice(&[0xd6, kind]);
            self.out.extend_from_slice(&seconds.to_be_bytes());
        } else {
            self.out.extend_from_slice(&[0xc7, 12, kind]);
            self.out.extend_from_slice(&nanos.to_be_bytes());
            self.out.extend_from_slice(&seconds.to_be_bytes());
        }
    }

    fn raw(&mut self, values: &[u8]) {
        self.out.extend_from_slice(values);
    }

    fn position_for_raw(&mut self) -> usize {
        self.out.len()
    }

    fn into_vec(self) -> Vec<u8> {
        self.out
    }
}
