//! JSON (SER-02, SER-03): a pull reader over text that is UTF-8 as a whole, and a writer.
//!
//! Octets are the string U+0000 followed by their base64. The writer finds out whether a comma is due
//! by the last octet written: only after `[`, `{`, `:` and `,` none is.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::SerializerId;
use super::decode::DecodeRules;
use super::token::{
    Items, Kind, Mark, Reader, Result, Scalar, SyntaxError, Writer, decimal, integer_from_magnitude,
    magnitude, rfc3339,
};

pub(crate) struct JsonReader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    max_depth: usize,
}

/// Whether each open container, outermost first, is a dict.
#[derive(Default)]
struct Nesting {
    depth: usize,
    maps: [u64; DecodeRules::MAX_DEPTH / 64],
}

impl Nesting {
    /// Enters a container. There is room for the deepest nesting that can be allowed.
    fn enter(&mut self, is_map: bool) -> bool {
        let Some(word) = self.maps.get_mut(self.depth / 64) else { return false };
        let bit = 1 << (self.depth % 64);
        if is_map {
            *word |= bit
        } else {
            *word &= !bit
        }
        self.depth += 1;
        true
    }

    fn leave(&mut self) {
        self.depth -= 1;
    }

    /// Whether the innermost container is a dict.
    fn is_map(&self) -> bool {
        let level = self.depth.wrapping_sub(1);
        self.maps.get(level / 64).is_some_and(|word| word >> (level % 64) & 1 == 1)
    }
}

const fn malformed<T>(at: usize, expected: &'static str) -> Result<T> {
    Err(SyntaxError::Malformed { at, expected })
}

/// The octets of `word` that end plain text in a JSON string, by their highest bits: `"`, `\` and controls.
const fn string_specials(word: u64) -> u64 {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    const fn zeros(word: u64) -> u64 {
        word.wrapping_sub(LOW) & !word & HIGH
    }
    let quote = zeros(word ^ (LOW * b'"' as u64));
    let backslash = zeros(word ^ (LOW * b'\\' as u64));
    let control = word.wrapping_sub(LOW * 0x20) & !word & HIGH;
    quote | backslash | control
}

impl<'a> JsonReader<'a> {
    pub(crate) fn new(text: &'a str, max_depth: usize) -> Self {
        Self { text, at: 0, depth: 0, max_depth }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn whitespace(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.byte() {
            self.at += 1;
        }
    }

    /// The next octet that is not whitespace, unread.
    #[inline]
    fn next(&mut self) -> Result<u8> {
        match self.byte() {
            // What programs write has hardly any whitespace.
            Some(byte) if byte > b' ' => Ok(byte),
            _ => {
                self.whitespace();
                self.byte().ok_or(SyntaxError::UnexpectedEnd)
            }
        }
    }

    fn slice(&self, from: usize, to: usize) -> &'a str {
        // Both ends are next to ASCII octets, hence character boundaries.
        self.text.get(from..to).unwrap_or_default()
    }

    fn enter(&mut self, open: u8, is_map: bool, expected: &'static str) -> Result<Items> {
        if self.next()? != open {
            return Err(SyntaxError::Type(expected));
        }
        self.depth += 1;
        if self.depth > self.max_depth {
            return Err(SyntaxError::TooDeep(self.max_depth));
        }
        self.at += 1;
        Ok(Items::new(None, is_map))
    }

    fn word(&mut self, word: &'static str) -> Result<()> {
        if self.text.as_bytes().get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes())) {
            self.at += word.len();
            Ok(())
        } else {
            malformed(self.at, "a value")
        }
    }

    /// Passes over the string at the cursor; returns the range of its content and whether it has escapes.
    fn string(&mut self) -> Result<(usize, usize, bool)> {
        let bytes = self.text.as_bytes();
        let start = self.at + 1;
        let mut at = start;
        let mut escaped = false;
        loop {
            while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
                let specials = string_specials(u64::from_le_bytes(*chunk));
                if specials != 0 {
                    at += specials.trailing_zeros() as usize / 8;
                    break;
                }
                at += 8;
            }
            match bytes.get(at) {
                None => return Err(SyntaxError::UnexpectedEnd),
                Some(b'"') => {
                    self.at = at + 1;
                    return Ok((start, at, escaped));
                }
                Some(b'\\') => {
                    escaped = true;
                    match bytes.get(at + 1) {
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => at += 2,
                        Some(b'u') => {
                            let digits = bytes.get(at + 2..at + 6);
                            if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
                                return malformed(at, "four hexadecimal digits");
                            }
                            at += 6;
                        }
                        _ => return malformed(at, "an escape sequence"),
                    }
                }
                Some(0..=0x1f) => return malformed(at, "no control character in a string"),
                Some(_) => at += 1,
            }
        }
    }

    /// Passes over the string at the cursor; nearly all have no escapes and are found out at once.
    #[inline]
    fn skip_string(&mut self) -> Result<()> {
        let rest = self.text.as_bytes().get(self.at + 1..).unwrap_or_default();
        let mut length = 0;
        for chunk in rest.as_chunks::<8>().0 {
            let specials = string_specials(u64::from_le_bytes(*chunk));
            if specials != 0 {
                length += specials.trailing_zeros() as usize / 8;
                if rest.get(length) == Some(&b'"') {
                    self.at += length + 2;
                    return Ok(());
                }
                break;
            }
            length += 8;
        }
        self.string().map(drop)
    }

    fn unescape(&self, start: usize, end: usize) -> Result<String> {
        let mut text = String::with_capacity(end - start);
        let mut rest = self.slice(start, end);
        while let Some(backslash) = memchr::memchr(b'\\', rest.as_bytes()) {
            text.push_str(rest.get(..backslash).unwrap_or_default());
            let escape = rest.as_bytes().get(backslash + 1).copied().unwrap_or_default();
            let mut used = 2;
            match escape {
                b'b' => text.push('\u{8}'),
                b'f' => text.push('\u{c}'),
                b'n' => text.push('\n'),
                b'r' => text.push('\r'),
                b't' => text.push('\t'),
                b'u' => {
                    let unit = |at: usize| {
                        let digits = rest.get(at..at + 4)?;
                        u32::from_str_radix(digits, 16).ok()
                    };
                    let first = unit(backslash + 2).ok_or(SyntaxError::LoneSurrogate)?;
                    used = 6;
                    let character = if (0xd800..0xdc00).contains(&first) {
                        let is_pair = rest.get(backslash + 6..backslash + 8) == Some("\\u");
                        let second = unit(backslash + 8).filter(|unit| (0xdc00..0xe000).contains(unit));
                        let (true, Some(second)) = (is_pair, second) else {
                            return Err(SyntaxError::LoneSurrogate);
                        };
                        used = 12;
                        0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
                    } else {
                        first
                    };
                    text.push(char::from_u32(character).ok_or(SyntaxError::LoneSurrogate)?);
                }
                other => text.push(char::from(other)),
            }
            rest = rest.get(backslash + used..).unwrap_or_default();
        }
        text.push_str(rest);
        Ok(text)
    }

    fn string_scalar(&mut self) -> Result<Scalar<'a>> {
        let (start, end, escaped) = self.string()?;
        if !escaped {
            return Ok(Scalar::Text(Cow::Borrowed(self.slice(start, end))));
        }
        let text = self.unescape(start, end)?;
        // What starts with U+0000 but is no base64 was meant as text by somebody: it stays text.
        if let Some(encoded) = text.strip_prefix('\0')
            && let Ok(bytes) = BASE64.decode(encoded)
        {
            return Ok(Scalar::Bytes(Cow::Owned(bytes)));
        }
        Ok(Scalar::Text(Cow::Owned(text)))
    }

    fn digits(&mut self) -> Result<()> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.byte() {
            self.at += 1;
        }
        if self.at == start { malformed(self.at, "a digit") } else { Ok(()) }
    }

    /// Passes over the number at the cursor; returns whether it is an integer.
    fn number(&mut self) -> Result<bool> {
        if self.byte() == Some(b'-') {
            self.at += 1;
        }
        if self.byte() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        let mut is_integer = true;
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
            is_integer = false;
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.byte() {
                self.at += 1;
            }
            self.digits()?;
            is_integer = false;
        }
        Ok(is_integer)
    }

    fn number_scalar(&mut self) -> Result<Scalar<'a>> {
        let start = self.at;
        let is_integer = self.number()?;
        let text = self.slice(start, self.at);
        if is_integer {
            if let Ok(value) = text.parse::<i64>() {
                return Ok(Scalar::Integer(value.into()));
            }
            let (negative, digits) = match text.strip_prefix('-') {
                Some(digits) => (true, digits),
                None => (false, text),
            };
            return match magnitude(digits) {
                Some(octets) => Ok(integer_from_magnitude(negative, Cow::Owned(octets))),
                None => Err(SyntaxError::Type("an integer of at most 2,048 digits")),
            };
        }
        text.parse().map(Scalar::Float).or(Err(SyntaxError::Type("a number")))
    }

    /// Passes over the key at the cursor and its colon.
    fn skip_key(&mut self) -> Result<()> {
        if self.byte() != Some(b'"') {
            return malformed(self.at, "a string as key");
        }
        self.skip_string()?;
        self.colon()
    }

    fn colon(&mut self) -> Result<()> {
        if self.next()? != b':' {
            return malformed(self.at, "':'");
        }
        self.at += 1;
        Ok(())
    }
}

impl<'a> Reader<'a> for JsonReader<'a> {
    const SERIALIZER: SerializerId = SerializerId::Json;

    fn position(&mut self) -> usize {
        self.whitespace();
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
            b'[' => Kind::Array,
            b'{' => Kind::Map,
            b'n' => Kind::Null,
            _ => Kind::Scalar,
        })
    }

    fn array(&mut self) -> Result<Items> {
        self.enter(b'[', false, "a list")
    }

    fn map(&mut self) -> Result<Items> {
        self.enter(b'{', true, "a dict")
    }

    fn more(&mut self, items: &mut Items) -> Result<bool> {
        if items.is_left {
            return Ok(false);
        }
        let close = if items.is_map { b'}' } else { b']' };
        let next = self.next()?;
        if next == close {
            self.at += 1;
            self.depth -= 1;
            items.is_left = true;
            return Ok(false);
        }
        if items.is_first {
            items.is_first = false;
            return Ok(true);
        }
        if next != b',' {
            return malformed(self.at, "',' or the end of the list or dict");
        }
        self.at += 1;
        self.whitespace();
        Ok(true)
    }

    fn key(&mut self) -> Result<Scalar<'a>> {
        if self.next()? != b'"' {
            return malformed(self.at, "a string as key");
        }
        let (start, end, escaped) = self.string()?;
        let key = if escaped {
            Cow::Owned(self.unescape(start, end)?)
        } else {
            Cow::Borrowed(self.slice(start, end))
        };
        self.colon()?;
        Ok(Scalar::Text(key))
    }

    fn scalar(&mut self) -> Result<Scalar<'a>> {
        match self.next()? {
            b'"' => self.string_scalar(),
            b'n' => self.word("null").map(|()| Scalar::Null),
            b't' => self.word("true").map(|()| Scalar::Bool(true)),
            b'f' => self.word("false").map(|()| Scalar::Bool(false)),
            b'-' | b'0'..=b'9' => self.number_scalar(),
            _ => malformed(self.at, "a value"),
        }
    }

    fn unsigned(&mut self) -> Result<u64> {
        const EXPECTED: SyntaxError = SyntaxError::Type("an unsigned integer");
        if !self.next()?.is_ascii_digit() {
            return Err(EXPECTED);
        }
        let start = self.at;
        if !self.number()? {
            return Err(EXPECTED);
        }
        self.slice(start, self.at).parse().or(Err(EXPECTED))
    }

    fn skip(&mut self) -> Result<()> {
        // Every payload passes here, so this is one loop instead of a function per value: what recursion
        // would remember is a bit for each level.
        let mut nesting = Nesting::default();
        loop {
            match self.next()? {
                b'"' => self.skip_string()?,
                b'-' | b'0'..=b'9' => self.number().map(drop)?,
                b'n' => self.word("null")?,
                b't' => self.word("true")?,
                b'f' => self.word("false")?,
                open @ (b'[' | b'{') => {
                    let is_map = open == b'{';
                    self.at += 1;
                    if self.depth + nesting.depth >= self.max_depth || !nesting.enter(is_map) {
                        return Err(SyntaxError::TooDeep(self.max_depth));
                    }
                    // '[' and '{' are two before ']' and '}' in ASCII.
                    if self.next()? == open + 2 {
                        self.at += 1;
                        nesting.leave();
                    } else {
                        if is_map {
                            self.skip_key()?;
                        }
                        continue;
                    }
                }
                _ => return malformed(self.at, "a value"),
            }
            // Behind a value: ends of lists and dicts, then perhaps the next item.
            loop {
                if nesting.depth == 0 {
                    return Ok(());
                }
                let is_map = nesting.is_map();
                match self.next()? {
                    b',' => {
                        self.at += 1;
                        if is_map {
                            self.next()?;
                            self.skip_key()?;
                        }
                        break;
                    }
                    b']' if !is_map => {}
                    b'}' if is_map => {}
                    _ => return malformed(self.at, "',' or the end of the list or dict"),
                }
                self.at += 1;
                nesting.leave();
            }
        }
    }

    fn end(&mut self) -> Result<()> {
        self.whitespace();
        if self.at == self.text.len() { Ok(()) } else { Err(SyntaxError::Trailing) }
    }
}

pub(crate) struct JsonWriter {
    out: Vec<u8>,
}

impl JsonWriter {
    fn separate(&mut self) {
        if !matches!(self.out.last(), None | Some(b'[' | b'{' | b':' | b',')) {
            self.out.push(b',');
        }
    }

    fn quoted(&mut self, text: &str) {
        self.out.push(b'"');
        let mut written = 0;
        for (at, byte) in text.bytes().enumerate() {
            let escape: &[u8] = match byte {
                b'"' => b"\\\"",
                b'\\' => b"\\\\",
                b'\n' => b"\\n",
                b'\r' => b"\\r",
                b'\t' => b"\\t",
                0..=0x1f => b"",
                _ => continue,
            };
            self.out.extend_from_slice(text.as_bytes().get(written..at).unwrap_or_default());
            if escape.is_empty() {
                self.out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
            } else {
                self.out.extend_from_slice(escape);
            }
            written = at + 1;
        }
        self.out.extend_from_slice(text.as_bytes().get(written..).unwrap_or_default());
        self.out.push(b'"');
    }
}

impl Writer for JsonWriter {
    const SERIALIZER: SerializerId = SerializerId::Json;

    fn with_capacity(capacity: usize) -> Self {
        Self { out: Vec::with_capacity(capacity) }
    }

    fn array(&mut self, _len: usize) {
        self.separate();
        self.out.push(b'[');
    }

    fn end_array(&mut self) {
        self.out.push(b']');
    }

    fn map(&mut self, _len: usize) {
        self.separate();
        self.out.push(b'{');
    }

    fn end_map(&mut self) {
        self.out.push(b'}');
    }

    fn begin(&mut self, is_map: bool) -> Mark {
        if is_map {
            self.map(0)
        } else {
            self.array(0)
        }
        Mark(0)
    }

    fn finish_container(&mut self, _mark: Mark, _len: usize, is_map: bool) {
        if is_map { self.end_map() } else { self.end_array() }
    }

    fn key(&mut self, key: &str) {
        self.separate();
        self.quoted(key);
        self.out.push(b':');
    }

    fn integer_key(&mut self, key: i128) {
        self.key(&key.to_string());
    }

    fn null(&mut self) {
        self.separate();
        self.out.extend_from_slice(b"null");
    }

    fn bool(&mut self, value: bool) {
        self.separate();
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
    }

    fn unsigned(&mut self, value: u64) {
        self.separate();
        // 20 digits hold every u64.
        let mut digits = [0; 20];
        let mut at = digits.len();
        let mut rest = value;
        loop {
            at -= 1;
            if let Some(digit) = digits.get_mut(at) {
                *digit = b'0' + (rest % 10) as u8;
            }
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.out.extend_from_slice(digits.get(at..).unwrap_or_default());
    }

    fn integer(&mut self, value: i128) {
        match u64::try_from(value) {
            Ok(value) => self.unsigned(value),
            Err(_) => {
                self.separate();
                self.out.extend_from_slice(value.to_string().as_bytes());
            }
        }
    }

    fn big(&mut self, negative: bool, magnitude: &[u8]) {
        self.text(&decimal(negative, magnitude));
    }

    fn float(&mut self, value: f64) {
        if value.is_finite() {
            self.separate();
            // The debug form is the shortest that reads back as the same number, and is JSON.
            self.out.extend_from_slice(format!("{value:?}").as_bytes());
        } else {
            self.null();
        }
    }

    fn text(&mut self, value: &str) {
        self.separate();
        self.quoted(value);
    }

    fn bytes(&mut self, value: &[u8]) {
        self.separate();
        self.out.extend_from_slice(b"\"\\u0000");
        self.out.extend_from_slice(BASE64.encode(value).as_bytes());
        self.out.push(b'"');
    }

    fn timestamp(&mut self, seconds: i64, nanos: u32) {
        match rfc3339(seconds, nanos) {
            Some(text) => self.text(&text),
            None => self.integer(seconds.into()),
        }
    }

    fn raw(&mut self, values: &[u8]) {
        self.separate();
        self.out.extend_from_slice(values);
    }

    fn position_for_raw(&mut self) -> usize {
        self.separate();
        self.out.len()
    }

    fn into_vec(self) -> Vec<u8> {
        self.out
    }
}
