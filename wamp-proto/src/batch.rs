//! Batches: several WAMP messages in one WebSocket message (BAT-01 to BAT-04).
//!
//! Behind each JSON message stands a separator, before each MessagePack or CBOR message its length. Nothing here
//! reads, writes or copies a message.

use bytes::{Buf, Bytes};
use memchr::memchr2;
use thiserror::Error;

use crate::SerializerId;

/// Octets of the length before each MessagePack or CBOR message: a uint32, most significant octet first (BAT-03).
pub const LENGTH_OCTETS: usize = 4;

/// The octet behind each JSON message (BAT-02). JSON text holds neither.
///
/// The specification writes `\30`, and means the record separator, 30 in decimal; some peers read it as octal.
/// Receivers take both; a router writes the one that its peer does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Separator {
    /// 0x1E, what the specification means.
    #[default]
    Record = 0x1E,
    /// 0x18, what `\30` is in octal.
    Octal30 = 0x18,
}

/// How messages are told apart in a batch that is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchFormat {
    /// By a separator behind each: JSON.
    Separated(Separator),
    /// By its length before each: MessagePack and CBOR.
    LengthPrefixed,
}

/// The octets that set one message of a batch off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// They stand before the message.
    Before([u8; LENGTH_OCTETS]),
    /// It stands behind the message.
    Behind([u8; 1]),
}

impl BatchFormat {
    /// The format of that serializer's batches; a separator is for JSON only.
    pub const fn new(serializer: SerializerId, separator: Separator) -> Self {
        if serializer.is_text() { Self::Separated(separator) } else { Self::LengthPrefixed }
    }

    /// What sets off a message of `length` octets. `None`: its length is no uint32.
    pub fn mark(self, length: usize) -> Option<Mark> {
        match self {
            Self::Separated(separator) => Some(Mark::Behind([separator as u8])),
            Self::LengthPrefixed => {
                u32::try_from(length).ok().map(|length| Mark::Before(length.to_be_bytes()))
            }
        }
    }

    /// Octets of a mark.
    pub const fn mark_length(self) -> usize {
        match self {
            Self::Separated(_) => 1,
            Self::LengthPrefixed => LENGTH_OCTETS,
        }
    }
}

/// A received batch that is taken apart message by message, in order (BAT-04).
///
/// A fault shows where it is: the messages before it come out first, and nothing behind it.
#[derive(Clone, Debug)]
pub struct Batch {
    rest: Bytes,
    is_separated: bool,
}

/// Why octets are no batch. Each fails the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BatchError {
    /// There is no message in it (BAT-04).
    #[error("batch without a message")]
    Empty,
    /// JSON text without a separator behind it.
    #[error("batch ends without a separator")]
    Unseparated,
    /// It ends within a length or within the message that the length announces.
    #[error("batch ends within a message")]
    Truncated,
}

impl Batch {
    /// The batch in one WebSocket message.
    ///
    /// # Errors
    /// If there is nothing in it.
    pub fn new(serializer: SerializerId, octets: Bytes) -> Result<Self, BatchError> {
        if octets.is_empty() {
            return Err(BatchError::Empty);
        }
        Ok(Self { rest: octets, is_separated: serializer.is_text() })
    }

    /// The separator behind the next message, if there is one.
    pub fn separator(&self) -> Option<Separator> {
        let separator = self.rest.get(self.separator_position()?)?;
        Some(if *separator == Separator::Octal30 as u8 { Separator::Octal30 } else { Separator::Record })
    }

    fn separator_position(&self) -> Option<usize> {
        if !self.is_separated {
            return None;
        }
        memchr2(Separator::Record as u8, Separator::Octal30 as u8, &self.rest)
    }

    fn split_separated(&mut self) -> Result<Bytes, BatchError> {
        let end = self.separator_position().ok_or(BatchError::Unseparated)?;
        let message = self.rest.split_to(end);
        self.rest.advance(1);
        Ok(message)
    }

    fn split_length_prefixed(&mut self) -> Result<Bytes, BatchError> {
        let length = self.rest.try_get_u32().map_err(|_| BatchError::Truncated)?;
        match usize::try_from(length) {
            Ok(length) if length <= self.rest.len() => Ok(self.rest.split_to(length)),
            _ => Err(BatchError::Truncated),
        }
    }
}

impl Iterator for Batch {
    type Item = Result<Bytes, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let message = if self.is_separated { self.split_separated() } else { self.split_length_prefixed() };
        if message.is_err() || self.rest.is_empty() {
            // An empty slice would keep the whole batch alive.
            self.rest = Bytes::new();
        }
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(serializer: SerializerId, octets: &'static [u8]) -> Vec<Result<Bytes, BatchError>> {
        Batch::new(serializer, Bytes::from_static(octets)).unwrap().collect()
    }

    fn good(message: &'static [u8]) -> Result<Bytes, BatchError> {
        Ok(Bytes::from_static(message))
    }

    #[test]
    fn bat_02_a_separator_stands_behind_each_json_message() {
        let json = SerializerId::Json;
        assert_eq!(split(json, b"[1]\x1e"), [good(b"[1]")]);
        assert_eq!(split(json, b"[1]\x1e[2]\x1e"), [good(b"[1]"), good(b"[2]")]);
        assert_eq!(split(json, b"[1]\x18[2]\x18"), [good(b"[1]"), good(b"[2]")]);
        assert_eq!(split(json, b"[1]\x1e[2]"), [good(b"[1]"), Err(BatchError::Unseparated)]);
        assert_eq!(split(json, b"[1]"), [Err(BatchError::Unseparated)]);
        // What is no message is for the decoder to refuse.
        assert_eq!(split(json, b"\x1e"), [good(b"")]);
        for (separator, octet) in [(Separator::Record, 0x1E), (Separator::Octal30, 0x18)] {
            assert_eq!(BatchFormat::new(json, separator).mark(3), Some(Mark::Behind([octet])));
            let batch = Batch::new(json, Bytes::from(vec![b'[', b']', octet])).unwrap();
            assert_eq!(batch.separator(), Some(separator));
        }
        assert_eq!(Batch::new(json, Bytes::from_static(b"[1]")).unwrap().separator(), None);
    }

    #[test]
    fn bat_03_a_length_stands_before_each_msgpack_and_cbor_message() {
        for serializer in [SerializerId::MsgPack, SerializerId::Cbor] {
            assert_eq!(split(serializer, b"\0\0\0\x02\x91\x01"), [good(b"\x91\x01")]);
            // The octets of the separators mean nothing here.
            let two = b"\0\0\0\x02\x91\x1e\0\0\0\x01\x18";
            assert_eq!(split(serializer, two), [good(b"\x91\x1e"), good(b"\x18")]);
            assert_eq!(split(serializer, b"\0\0\0\0"), [good(b"")]);
            let truncated: [&[u8]; 4] = [b"\0", b"\0\0\0\x02\x91", b"\xff\xff\xff\xff", b"\0\0\0\x01"];
            for octets in truncated {
                assert_eq!(split(serializer, octets), [Err(BatchError::Truncated)], "{octets:?}");
            }
            let then_truncated = b"\0\0\0\x01\x90\0\0";
            assert_eq!(split(serializer, then_truncated), [good(b"\x90"), Err(BatchError::Truncated)]);
            let format = BatchFormat::new(serializer, Separator::Record);
            assert_eq!(format.mark(0x0102_0304), Some(Mark::Before([1, 2, 3, 4])));
            assert_eq!(format.mark(1 << 32), None);
        }
    }

    #[test]
    fn bat_04_a_batch_holds_a_message() {
        for serializer in SerializerId::ALL {
            assert_eq!(Batch::new(serializer, Bytes::new()).unwrap_err(), BatchError::Empty);
        }
    }
}
