//! CBOR (SER-05): a pull reader that takes every well-formed encoding, and a writer of definite lengths.
//!
//! Tags: 2 and 3 are bignums, 1 is a timestamp; any other tag stands for its content (SER-09).

use std::borrow::Cow;

use super::SerializerId;
use super::token::{
    Items, Kind, Mark, Reader, Result, Scalar, SyntaxError, Writer, check_utf8, integer_from_magnitude,
    rfc3339,
};

pub(crate) struct CborReader<'a> {
    input: &'a [u8],
    at: usize,
    depth: usize,
    max_depth: usize,
}

const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const TAG: u8 = 6;
const SIMPLE: u8 = 7;

const BREAK: u8 = 0xff;
const TAG_EPOCH: u64 = 1;
const TAG_BIG: u64 = 2;
const TAG_BIG_NEGATIVE: u64 = 3;

/// The head of a value: major type, additional information, and the argument (`None`: indefinite).
struct Head {
    major: u8,
    info: u8,
    argument: Option<u64>,
}

impl<'a> CborReader<'a> {
    pub(crate) fn new(input: &'a [u8], max_depth: usize) -> Self {
        Self { input, at: 0, depth: 0, max_depth }
    }

    fn malformed<T>(&self, expected: &'static str) -> Result<T> {
        Err(SyntaxError::Malformed { at: self.at, expected })
    }

    fn take(&mut self, len: u64) -> Result<&'a [u8]> {
        let len = usize::try_from(len).or(Err(SyntaxError::UnexpectedEnd))?;
        let end = self.at.checked_add(len).ok_or(SyntaxError::UnexpectedEnd)?;
        let taken = self.input.get(self.at..end).ok_or(SyntaxError::UnexpectedEnd)?;
        self.at = end;
        Ok(taken)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.take(N as u64)?.try_into().or(Err(SyntaxError::UnexpectedEnd))
    }

    fn next(&self) -> Result<u8> {
        self.input.get(self.at).copied().ok_or(SyntaxError::UnexpectedEnd)
    }

    fn head(&mut self) -> Result<Head> {
        let initial = self.next()?;
        self.at += 1;
        let (major, info) = (initial >> 5, initial & 0x1f);
        let argument = match info {
            0..=23 => Some(u64::from(info)),
            24 => Some(u8::from_be_bytes(self.fixed()?).into()),
            25 => Some(u16::from_be_bytes(self.fixed()?).into()),
            26 => Some(u32::from_be_bytes(self.fixed()?).into()),
            27 => Some(u64::from_be_bytes(self.fixed()?)),
            31 if matches!(major, BYTES | TEXT | ARRAY | MAP) => None,
            _ => {
                self.at -= 1;
                return self.malformed("a value");
            }
        };
        Ok(Head { major, info, argument })
    }

    /// Passes over tags that stand for their content.
    fn transparent_tags(&mut self) -> Result<()> {
        loop {
            let start = self.at;
            if self.next()? >> 5 != TAG {
                return Ok(());
            }
            let head = self.head()?;
            // A tag of anything else than what it is for, other tags included, says nothing to us.
            let is_for_content = match head.argument {
                Some(TAG_EPOCH) => matches!(self.next()? >> 5, UNSIGNED | NEGATIVE | SIMPLE),
                Some(TAG_BIG | TAG_BIG_NEGATIVE) => self.next()? >> 5 == BYTES,
                _ => false,
            };
            if is_for_content {
                self.at = start;
                return Ok(());
            }
        }
    }

    /// The next chunk of an indefinite byte or text string; `None` behind the last.
    fn chunk(&mut self, major: u8) -> Result<Option<&'a [u8]>> {
        if self.next()? == BREAK {
            self.at += 1;
            return Ok(None);
        }
        let start = self.at;
        let head = self.head()?;
        let (true, Some(len)) = (head.major == major, head.argument) else {
            self.at = start;
            return self.malformed("a chunk of the same type and definite length");
        };
        let chunk = self.take(len)?;
        if major == TEXT && std::str::from_utf8(chunk).is_err() {
            return Err(SyntaxError::Utf8);
        }
        Ok(Some(chunk))
    }

    /// The content of a byte or text string whose head was read.
    fn string(&mut self, head: &Head) -> Result<Cow<'a, [u8]>> {
        if let Some(len) = head.argument {
            return self.take(len).map(Cow::Borrowed);
        }
        let mut whole = Vec::new();
        while let Some(chunk) = self.chunk(head.major)? {
            whole.extend_from_slice(chunk);
        }
        Ok(Cow::Owned(whole))
    }

    fn text_of(&mut self, head: &Head) -> Result<Cow<'a, str>> {
        match self.string(head)? {
            Cow::Borrowed(octets) => {
                std::str::from_utf8(octets).map(Cow::Borrowed).or(Err(SyntaxError::Utf8))
            }
            Cow::Owned(octets) => String::from_utf8(octets).map(Cow::Owned).or(Err(SyntaxError::Utf8)),
        }
    }

    /// Passes over one item of a container; what most items are needs no call.
    #[inline]
    fn skip_item(&mut self) -> Result<()> {
        match self.next()? {
            // Small integers, false, true and null.
            0x00..=0x17 | 0x20..=0x37 | 0xf4..=0xf6 => {
                self.at += 1;
                Ok(())
            }
            // Text of up to 23 octets.
            initial @ 0x60..=0x77 => {
                self.at += 1;
                let text = self.take(u64::from(initial & 0x1f))?;
                check_utf8(text)
            }
            _ => self.skip(),
        }
    }

    fn enter(&mut self, head: &Head) -> Result<Items> {
        let is_map = head.major == MAP;
        self.depth += 1;
        if self.depth > self.max_depth {
            return Err(SyntaxError::TooDeep(self.max_depth));
        }
        if let Some(items) = head.argument {
            // Every item takes an octet at least: a length beyond that is a lie, found before any loop.
            let needed = if is_map { items.saturating_mul(2) } else { items };
            if needed > (self.input.len() - self.at) as u64 {
                return Err(SyntaxError::UnexpectedEnd);
            }
        }
        Ok(Items::new(head.argument, is_map))
    }

    fn container(&mut self, major: u8, expected: &'static str) -> Result<Items> {
        self.transparent_tags()?;
        if self.next()? >> 5 != major {
            return Err(SyntaxError::Type(expected));
        }
        let head = self.head()?;
        self.enter(&head)
    }

    fn simple(&mut self, head: &Head) -> Result<Scalar<'a>> {
        let argument = head.argument.unwrap_or(0);
        Ok(match head.info {
            20 => Scalar::Bool(false),
            21 => Scalar::Bool(true),
            25 => Scalar::Float(half(argument as u16)),
            26 => Scalar::Float(f32::from_bits(argument as u32).into()),
            27 => Scalar::Float(f64::from_bits(argument)),
            24 if argument < 32 => return self.malformed("a simple value in its shortest form"),
            // null, undefined, and simple values that nobody assigned a meaning.
            _ => Scalar::Null,
        })
    }

    fn tagged(&mut self, tag: u64) -> Result<Scalar<'a>> {
        match (tag, self.scalar()?) {
            (TAG_BIG, Scalar::Bytes(magnitude)) => Ok(integer_from_magnitude(false, magnitude)),
            // Tag 3 stands for -1 - n.
            (TAG_BIG_NEGATIVE, Scalar::Bytes(magnitude)) => {
                Ok(integer_from_magnitude(true, Cow::Owned(plus_one(&magnitude))))
            }
            (TAG_EPOCH, Scalar::Integer(seconds)) => match i64::try_from(seconds) {
                Ok(seconds) => Ok(Scalar::Timestamp { seconds, nanos: 0 }),
                Err(_) => Ok(Scalar::Integer(seconds)),
            },
            (TAG_EPOCH, Scalar::Float(time)) if time.is_finite() && time.abs() < 1e15 => {
                let seconds = time.floor();
                let nanos = ((time - seconds) * 1e9).round() as u32;
                Ok(Scalar::Timestamp { seconds: seconds as i64, nanos: nanos.min(999_999_999) })
            }
            (_, content) => Ok(content),
        }
    }
}

fn plus_one(magnitude: &[u8]) -> Vec<u8> {
    let mut sum = vec![0];
    sum.extend_from_slice(magnitude);
    for octet in sum.iter_mut().rev() {
        let (next, overflow) = octet.overflowing_add(1);
        *octet = next;
        if !overflow {
            break;
        }
    }
    sum
}

fn minus_one(magnitude: &[u8]) -> Vec<u8> {
    let mut difference = magnitude.to_vec();
    for octet in difference.iter_mut().rev() {
        let (next, borrow) = octet.overflowing_sub(1);
        *octet = next;
        if !borrow {
            break;
        }
    }
    difference
}

/// A half-precision float (RFC 8949, appendix D).
fn half(bits: u16) -> f64 {
    let exponent = i32::from(bits >> 10 & 0x1f);
    let mantissa = f64::from(bits & 0x3ff);
    let value = match exponent {
        0 => mantissa * 2f64.powi(-24),
        31 if mantissa == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (mantissa + 1024.0) * 2f64.powi(exponent - 25),
    };
    if bits & 0x8000 == 0 { value } else { -value }
}

impl<'a> Reader<'a> for CborReader<'a> {
    const SERIALIZER: SerializerId = SerializerId::Cbor;

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
        let start = self.at;
        self.transparent_tags()?;
        let initial = self.next()?;
        self.at = start;
        Ok(match initial >> 5 {
            ARRAY => Kind::Array,
            MAP => Kind::Map,
            SIMPLE if matches!(initial & 0x1f, 22 | 23) => Kind::Null,
            _ => Kind::Scalar,
        })
    }

    fn array(&mut self) -> Result<Items> {
        self.container(ARRAY, "a list")
    }

    fn map(&mut self) -> Result<Items> {
        self.container(MAP, "a dict")
    }

    fn more(&mut self, items: &mut Items) -> Result<bool> {
        let more = match &mut items.remaining {
            Some(0) => false,
            Some(remaining) => {
                *remaining -= 1;
                true
            }
            None if items.is_left => false,
            None if self.next()? == BREAK => {
                self.at += 1;
                false
            }
            None => true,
        };
        if !more && !items.is_left {
            self.depth -= 1;
            items.is_left = true;
        }
        Ok(more)
    }

    fn key(&mut self) -> Result<Scalar<'a>> {
        match self.peek()? {
            Kind::Scalar | Kind::Null => self.scalar(),
            Kind::Array | Kind::Map => Err(SyntaxError::Type("text as a dict key")),
        }
    }

    fn scalar(&mut self) -> Result<Scalar<'a>> {
        self.transparent_tags()?;
        let head = self.head()?;
        let argument = head.argument.unwrap_or(0);
        Ok(match head.major {
            UNSIGNED => Scalar::Integer(argument.into()),
            NEGATIVE => Scalar::Integer(-1 - i128::from(argument)),
            BYTES => Scalar::Bytes(self.string(&head)?),
            TEXT => Scalar::Text(self.text_of(&head)?),
            TAG => return self.tagged(argument),
            SIMPLE => return self.simple(&head),
            _ => return self.malformed("a value that is not a list or dict"),
        })
    }

    fn unsigned(&mut self) -> Result<u64> {
        const EXPECTED: SyntaxError = SyntaxError::Type("an unsigned integer");
        match self.next()? >> 5 {
            UNSIGNED => self.head()?.argument.ok_or(EXPECTED),
            TAG => match self.scalar()? {
                Scalar::Integer(value) => u64::try_from(value).or(Err(EXPECTED)),
                _ => Err(EXPECTED),
            },
            _ => Err(EXPECTED),
        }
    }

    fn skip(&mut self) -> Result<()> {
        let mut head = self.head()?;
        // A chain of tags nests as deep as a chain of lists, but without recursion costs nothing.
        while head.major == TAG {
            head = self.head()?;
        }
        match head.major {
            UNSIGNED | NEGATIVE => Ok(()),
            BYTES | TEXT => match head.argument {
                Some(len) => {
                    let content = self.take(len)?;
                    if head.major == TEXT { check_utf8(content) } else { Ok(()) }
                }
                None => {
                    while self.chunk(head.major)?.is_some() {}
                    Ok(())
                }
            },
            ARRAY | MAP => {
                let mut items = self.enter(&head)?;
                while self.more(&mut items)? {
                    self.skip_item()?;
                    if items.is_map {
                        self.skip_item()?;
                    }
                }
                Ok(())
            }
            _ => self.simple(&head).map(drop),
        }
    }

    fn end(&mut self) -> Result<()> {
        if self.at == self.input.len() { Ok(()) } else { Err(SyntaxError::Trailing) }
    }
}

pub(crate) struct CborWriter {
    out: Vec<u8>,
}

impl CborWriter {
    fn head(&mut self, major: u8, argument: u64) {
        let major = major << 5;
        if argument < 24 {
            self.out.push(major | argument as u8);
        } else if let Ok(argument) = u8::try_from(argument) {
            self.out.extend_from_slice(&[major | 24, argument]);
        } else if let Ok(argument) = u16::try_from(argument) {
            self.out.push(major | 25);
            self.out.extend_from_slice(&argument.to_be_bytes());
        } else if let Ok(argument) = u32::try_from(argument) {
            self.out.push(major | 26);
            self.out.extend_from_slice(&argument.to_be_bytes());
        } else {
            self.out.push(major | 27);
            self.out.extend_from_slice(&argument.to_be_bytes());
        }
    }
}

impl Writer for CborWriter {
    const SERIALIZER: SerializerId = SerializerId::Cbor;

    fn with_capacity(capacity: usize) -> Self {
        Self { out: Vec::with_capacity(capacity) }
    }

    fn array(&mut self, len: usize) {
        self.head(ARRAY, len as u64);
    }

    fn end_array(&mut self) {}

    fn map(&mut self, len: usize) {
        self.head(MAP, len as u64);
    }

    fn end_map(&mut self) {}

    fn begin(&mut self, is_map: bool) -> Mark {
        let mark = Mark(self.out.len());
        if is_map {
            self.map(0)
        } else {
            self.array(0)
        }
        mark
    }

    fn finish_container(&mut self, mark: Mark, len: usize, is_map: bool) {
        let mut header = Self::with_capacity(9);
        if is_map {
            header.map(len)
        } else {
            header.array(len)
        }
        // One octet was kept for the header; only a container of 24 items or more moves its content.
        self.out.splice(mark.0..=mark.0, header.out);
    }

    fn key(&mut self, key: &str) {
        self.text(key);
    }

    fn integer_key(&mut self, key: i128) {
        self.integer(key);
    }

    fn null(&mut self) {
        self.out.push(0xf6);
    }

    fn bool(&mut self, value: bool) {
        self.out.push(if value { 0xf5 } else { 0xf4 });
    }

    fn unsigned(&mut self, value: u64) {
        self.head(UNSIGNED, value);
    }

    fn integer(&mut self, value: i128) {
        if let Ok(value) = u64::try_from(value) {
            self.head(UNSIGNED, value);
        } else if let Ok(value) = u64::try_from(-1 - value) {
            self.head(NEGATIVE, value);
        } else {
            self.big(value < 0, &value.unsigned_abs().to_be_bytes());
        }
    }

    fn big(&mut self, negative: bool, magnitude: &[u8]) {
        // A negative bignum stands for -1 - n.
        let content = if negative { Cow::Owned(minus_one(magnitude)) } else { Cow::Borrowed(magnitude) };
        let significant = content.iter().position(|&octet| octet != 0).unwrap_or(content.len());
        self.head(TAG, if negative { TAG_BIG_NEGATIVE } else { TAG_BIG });
        self.bytes(content.get(significant..).unwrap_or_default());
    }

    fn float(&mut self, value: f64) {
        self.out.push(0xfb);
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    fn text(&mut self, value: &str) {
        self.head(TEXT, value.len() as u64);
        self.out.extend_from_slice(value.as_bytes());
    }

    fn bytes(&mut self, value: &[u8]) {
        self.head(BYTES, value.len() as u64);
        self.out.extend_from_slice(value);
    }

    fn timestamp(&mut self, seconds: i64, nanos: u32) {
        // Tag 1 would have to be a float to hold nanoseconds, and could not hold them all: text can.
        match rfc3339(seconds, nanos) {
            Some(text) if nanos > 0 => {
                self.head(TAG, 0);
                self.text(&text);
            }
            _ => {
                self.head(TAG, TAG_EPOCH);
                self.integer(seconds.into());
            }
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
