//! What the three serializers have in common: pull reading and push writing of one value at a time.
//!
//! Decoding, encoding, scanning and transcoding are written once over [`Reader`] and [`Writer`].
#![cfg_attr(
    not(all(feature = "json", feature = "msgpack", feature = "cbor")),
    allow(dead_code, reason = "what one serializer needs, the others may not")
)]

use std::borrow::Cow;

use super::SerializerId;

/// Why octets are not a value, or not a value of the wanted type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxError {
    /// The input ends inside a value, or declares a length that goes beyond its end.
    #[error("the input ends inside a value")]
    UnexpectedEnd,
    /// Octets that the format does not allow here.
    #[error("malformed at octet {at}: expected {expected}")]
    Malformed {
        /// Offset of the octet.
        at: usize,
        /// What the format allows.
        expected: &'static str,
    },
    /// Text that is not UTF-8.
    #[error("text is not valid UTF-8")]
    Utf8,
    /// A JSON escape of half a surrogate pair: text for JSON, but not Unicode.
    #[error("text has a lone surrogate")]
    LoneSurrogate,
    /// Arrays and dicts nested deeper than the limit.
    #[error("nested deeper than {0} levels")]
    TooDeep(usize),
    /// Octets behind the message.
    #[error("trailing octets behind the message")]
    Trailing,
    /// A value of another type than the one wanted.
    #[error("expected {0}")]
    Type(&'static str),
}

pub(crate) type Result<T> = std::result::Result<T, SyntaxError>;

/// Checks that octets are text. Nearly all text is ASCII, for which a simpler loop will do.
#[inline]
pub(crate) fn check_utf8(octets: &[u8]) -> Result<()> {
    if octets.is_ascii() || std::str::from_utf8(octets).is_ok() { Ok(()) } else { Err(SyntaxError::Utf8) }
}

/// What kind of value comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    Array,
    Map,
    Scalar,
}

/// A value that is not a container.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Scalar<'a> {
    Null,
    Bool(bool),
    /// In [-2^64, 2^64), what CBOR has natively.
    Integer(i128),
    /// Any larger integer: its sign, and its magnitude in big-endian octets without leading zeros.
    Big {
        negative: bool,
        magnitude: Cow<'a, [u8]>,
    },
    Float(f64),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
    /// Seconds since 1970 and nanoseconds.
    Timestamp {
        seconds: i64,
        nanos: u32,
    },
}

/// How many items of a container are still to come.
#[derive(Debug)]
pub(crate) struct Items {
    /// `None`: an end mark follows the last item (JSON, indefinite CBOR).
    pub(crate) remaining: Option<u64>,
    pub(crate) is_first: bool,
    pub(crate) is_map: bool,
    /// The end was reached: there is nothing more, however often one asks.
    pub(crate) is_left: bool,
}

impl Items {
    pub(crate) const fn new(remaining: Option<u64>, is_map: bool) -> Self {
        Self { remaining, is_first: true, is_map, is_left: false }
    }
}

/// Reads one value after the other from a message.
pub(crate) trait Reader<'a> {
    const SERIALIZER: SerializerId;

    /// Offset of the next value's first octet.
    fn position(&mut self) -> usize;

    /// Offset behind the last octet read.
    fn offset(&self) -> usize;

    /// Goes back to the [`Reader::position`] of a value that was passed over.
    fn rewind(&mut self, position: usize);

    /// Kind of the next value, which stays unread.
    fn peek(&mut self) -> Result<Kind>;

    /// Enters the array that comes next.
    fn array(&mut self) -> Result<Items>;

    /// Enters the dict that comes next.
    fn map(&mut self) -> Result<Items>;

    /// Whether the container has another item (a key, in a dict); leaves the container if not.
    fn more(&mut self, items: &mut Items) -> Result<bool>;

    /// Reads the key of a dict entry.
    fn key(&mut self) -> Result<Scalar<'a>>;

    /// Reads a value that is not a container.
    fn scalar(&mut self) -> Result<Scalar<'a>>;

    /// Reads an unsigned integer.
    fn unsigned(&mut self) -> Result<u64>;

    /// Passes over one value, well-formed in every respect.
    fn skip(&mut self) -> Result<()>;

    /// Nothing may follow.
    fn end(&mut self) -> Result<()>;

    /// Reads text.
    fn text(&mut self) -> Result<Cow<'a, str>> {
        match self.peek()? {
            Kind::Scalar => match self.scalar()? {
                Scalar::Text(text) => Ok(text),
                _ => Err(SyntaxError::Type("text")),
            },
            _ => Err(SyntaxError::Type("text")),
        }
    }

    /// Reads a dict key that must be text.
    fn text_key(&mut self) -> Result<Cow<'a, str>> {
        match self.key()? {
            Scalar::Text(text) => Ok(text),
            _ => Err(SyntaxError::Type("text as a dict key")),
        }
    }
}

/// Where a container of unknown length began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark(pub(crate) usize);

/// Appends one value after the other to a buffer.
pub(crate) trait Writer {
    const SERIALIZER: SerializerId;

    fn with_capacity(capacity: usize) -> Self;
    fn array(&mut self, len: usize);
    fn end_array(&mut self);
    fn map(&mut self, len: usize);
    fn end_map(&mut self);
    /// Begins an array or dict whose length is not known yet.
    fn begin(&mut self, is_map: bool) -> Mark;
    /// Ends what [`Writer::begin`] began, `len` being its items or entries.
    fn finish_container(&mut self, mark: Mark, len: usize, is_map: bool);
    fn key(&mut self, key: &str);
    /// A dict key that is an integer, for serializers that have such.
    fn integer_key(&mut self, key: i128);
    fn null(&mut self);
    fn bool(&mut self, value: bool);
    fn unsigned(&mut self, value: u64);
    fn integer(&mut self, value: i128);
    fn big(&mut self, negative: bool, magnitude: &[u8]);
    fn float(&mut self, value: f64);
    fn text(&mut self, value: &str);
    fn bytes(&mut self, value: &[u8]);
    fn timestamp(&mut self, seconds: i64, nanos: u32);
    /// Splices values of this serializer that are known to be well-formed.
    fn raw(&mut self, values: &[u8]);
    /// Octets written so far, with the separator that the next value needs.
    fn position_for_raw(&mut self) -> usize;
    fn into_vec(self) -> Vec<u8>;
}

/// Octets of a bignum that we convert to or from decimal digits; the work grows with its square.
pub(crate) const BIG_MAX_BYTES: usize = 1024;

/// What [`BIG_MAX_BYTES`] means to whoever sent more.
pub(crate) const BIG_TOO_LARGE: SyntaxError = SyntaxError::Type("an integer of at most 1,024 octets");

/// The decimal digits of a magnitude.
pub(crate) fn decimal(negative: bool, magnitude: &[u8]) -> String {
    const BASE: u64 = 1_000_000_000;
    // Limbs to that base, least significant first; four octets at a time, what is less at the front.
    let mut limbs: Vec<u32> = vec![0];
    for octets in magnitude.rchunks(4).rev() {
        let mut carry = octets.iter().fold(0, |value, &octet| value << 8 | u64::from(octet));
        for limb in &mut limbs {
            let sum = (u64::from(*limb) << 32) + carry;
            *limb = (sum % BASE) as u32;
            carry = sum / BASE;
        }
        while carry > 0 {
            limbs.push((carry % BASE) as u32);
            carry /= BASE;
        }
    }
    let mut text = String::from(if negative { "-" } else { "" });
    let mut limbs = limbs.iter().rev();
    if let Some(first) = limbs.next() {
        text.push_str(&first.to_string());
    }
    for limb in limbs {
        text.push_str(&format!("{limb:09}"));
    }
    text
}

/// The magnitude that decimal digits stand for, without leading zeros, if it is of a size that we convert.
pub(crate) fn magnitude(digits: &str) -> Option<Vec<u8>> {
    // 2,048 digits are at most 851 octets.
    if digits.len() > 2 * BIG_MAX_BYTES {
        return None;
    }
    // Least significant first; nine digits at a time, what is less at the front.
    let mut limbs: Vec<u32> = Vec::new();
    for digits in digits.as_bytes().rchunks(9).rev() {
        let mut carry =
            digits.iter().fold(0, |value, digit| value * 10 + u64::from(digit.wrapping_sub(b'0')));
        for limb in &mut limbs {
            let sum = u64::from(*limb) * 1_000_000_000 + carry;
            *limb = sum as u32;
            carry = sum >> 32;
        }
        if carry > 0 {
            limbs.push(carry as u32);
        }
    }
    let octets = limbs.iter().rev().flat_map(|limb| limb.to_be_bytes());
    Some(octets.skip_while(|&octet| octet == 0).collect())
}

/// An integer of any size as a scalar.
pub(crate) fn integer_from_magnitude(negative: bool, magnitude: Cow<'_, [u8]>) -> Scalar<'_> {
    let significant = magnitude.iter().position(|&octet| octet != 0).unwrap_or(magnitude.len());
    let octets = magnitude.get(significant..).unwrap_or_default();
    if octets.len() <= 9 {
        let value = octets.iter().fold(0i128, |value, &octet| value << 8 | i128::from(octet));
        let value = if negative { -value } else { value };
        if (-(1 << 64)..1 << 64).contains(&value) {
            return Scalar::Integer(value);
        }
    }
    match magnitude {
        Cow::Borrowed(whole) => {
            Scalar::Big { negative, magnitude: Cow::Borrowed(whole.get(significant..).unwrap_or_default()) }
        }
        Cow::Owned(mut whole) => {
            whole.drain(..significant);
            Scalar::Big { negative, magnitude: Cow::Owned(whole) }
        }
    }
}

/// Writes seconds since 1970 as RFC 3339 text in UTC, if the year has four digits.
pub(crate) fn rfc3339(seconds: i64, nanos: u32) -> Option<String> {
    let days = seconds.div_euclid(86_400);
    let second = seconds.rem_euclid(86_400);
    // Civil date from days, counting years from 1 March so that the leap day ends a year.
    let days = days.checked_add(719_468)?;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    if !(0..=9999).contains(&year) {
        return None;
    }
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let mut text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if nanos > 0 {
        let fraction = format!("{nanos:09}");
        text.push('.');
        text.push_str(fraction.trim_end_matches('0'));
    }
    text.push('Z');
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_become_rfc_3339_text() {
        assert_eq!(rfc3339(0, 0).as_deref(), Some("1970-01-01T00:00:00Z"));
        assert_eq!(rfc3339(951_827_696, 500_000_000).as_deref(), Some("2000-02-29T12:34:56.5Z"));
        assert_eq!(rfc3339(-1, 1).as_deref(), Some("1969-12-31T23:59:59.000000001Z"));
        assert_eq!(rfc3339(i64::MAX, 0), None);
    }

    #[test]
    fn decimal_digits_and_magnitudes_are_inverse() {
        for text in [
            "0",
            "4294967296",
            "18446744073709551616",
            "100000000000000000000000000000000000000000000000000000000000",
            "340282366920938463463374607431768211456000000001",
        ] {
            let octets = magnitude(text).expect("of a size that we convert");
            assert_eq!(decimal(false, &octets), text);
        }
        assert_eq!(decimal(true, &[1, 0]), "-256");
        assert_eq!(decimal(false, &[0, 0, 0, 0, 1]), "1");
        assert_eq!(magnitude("00000000000000000001"), Some(vec![1]));
        let largest = "9".repeat(2 * BIG_MAX_BYTES);
        assert_eq!(decimal(false, &magnitude(&largest).expect("of a size that we convert")), largest);
        assert_eq!(magnitude(&"9".repeat(2 * BIG_MAX_BYTES + 1)), None);
    }

    #[test]
    fn integers_are_big_only_outside_what_cbor_has_natively() {
        let from = |negative, octets: &[u8]| integer_from_magnitude(negative, Cow::Owned(octets.to_vec()));
        assert_eq!(from(false, &[0, 0, 7]), Scalar::Integer(7));
        assert_eq!(from(false, &[0xff; 8]), Scalar::Integer(u64::MAX.into()));
        assert_eq!(from(true, &[1, 0, 0, 0, 0, 0, 0, 0, 0]), Scalar::Integer(-(1 << 64)));
        let big = from(false, &[0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
        let magnitude = Cow::Owned(vec![1, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(big, Scalar::Big { negative: false, magnitude });
    }
}
