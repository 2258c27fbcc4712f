//! RawSocket handshake and framing as pure functions on four octets at a time.
//!
//! Nothing here reads, writes, buffers or allocates: a transport hands in the octets it got and sends
//! those it is given. Both halves are here, for a router and for a client.
//!
//! ```text
//! client                                              router
//!   HandshakeRequest::encode    7F LS 00 00  ------>    HandshakeRequest::parse
//!   HandshakeRequest::accept    7F LS 00 00  <------    HandshakeRequest::reply
//!                            or 7F E0 00 00  <------    HandshakeError::reply
//!   FramePrefix + payload                   <----->     FramePrefix + payload
//! ```

use thiserror::Error;

use crate::SerializerId;

/// First octet of a handshake in either direction. No HTTP method and no TLS record starts with it.
pub const MAGIC: u8 = 0x7F;

/// Octets of a handshake request and of its reply.
pub const HANDSHAKE_LENGTH: usize = 4;

/// Octets before the payload of each frame.
pub const PREFIX_LENGTH: usize = 4;

/// Longest payload that a frame can have, in octets: 2^24 (RAW-10).
pub const FRAME_LENGTH_MAX: usize = 1 << 24;

/// The longest frame payload that a peer is willing to receive: 2^(9+L) octets for a nibble L (RAW-01).
///
/// Each direction of a transport has a limit of its own (RAW-02).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MaxLength(u8);

impl MaxLength {
    /// 512 octets, the least that a peer can announce.
    pub const MIN: Self = Self(0);
    /// 2^24 octets (16 MiB), the most that a peer can announce.
    pub const MAX: Self = Self(15);

    /// The largest announceable limit that is not above `octets`.
    ///
    /// Below 512 octets there is nothing to announce: the answer is then [`MaxLength::MIN`], which *is*
    /// above `octets`.
    pub const fn not_above(octets: usize) -> Self {
        let mut limit = Self::MAX;
        while limit.0 > 0 && limit.octets() > octets {
            limit.0 -= 1;
        }
        limit
    }

    /// The limit that the high nibble of a handshake octet announces.
    const fn from_handshake_octet(octet: u8) -> Self {
        Self(octet >> 4)
    }

    /// The limit in octets.
    pub const fn octets(self) -> usize {
        512 << self.0
    }

    /// The nibble L of the handshake, 0 to 15.
    pub const fn nibble(self) -> u8 {
        self.0
    }
}

/// What a client asks for when it opens a RawSocket transport, `7F LS 00 00` (RAW-01).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandshakeRequest {
    /// Serializer of the messages in both directions.
    pub serializer: SerializerId,
    /// The longest frame that the client will receive, hence the longest that the router may send.
    pub receive_max: MaxLength,
}

impl HandshakeRequest {
    /// The request as a client sends it (RAW-01).
    pub const fn encode(self) -> [u8; HANDSHAKE_LENGTH] {
        encode_accepting(self.serializer, self.receive_max)
    }

    /// Reads a client's request, on the router.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::reply`] says whether the client is to be told (RAW-03, RAW-04) or the connection
    /// to be closed without a word (RAW-05, RAW-06). Reserved octets are looked at before the serializer.
    pub fn parse(octets: [u8; HANDSHAKE_LENGTH]) -> Result<Self, HandshakeError> {
        let [magic, limit_and_serializer, reserved @ ..] = octets;
        if magic != MAGIC {
            return Err(HandshakeError::NotRawSocket { octet: magic });
        }
        let serializer = limit_and_serializer & 0x0F;
        if serializer == 0 {
            return Err(HandshakeError::NoSerializer);
        }
        if reserved != [0, 0] {
            return Err(HandshakeError::Refused(Refusal::ReservedBitsUsed));
        }
        let serializer = SerializerId::from_rawsocket_id(serializer)
            .ok_or(HandshakeError::Refused(Refusal::SerializerUnsupported))?;
        Ok(Self { serializer, receive_max: MaxLength::from_handshake_octet(limit_and_serializer) })
    }

    /// The router's reply of success: the same serializer, and what the router itself will receive (RAW-02).
    pub const fn reply(self, receive_max: MaxLength) -> [u8; HANDSHAKE_LENGTH] {
        encode_accepting(self.serializer, receive_max)
    }

    /// Reads the router's reply to this request, on the client: the longest frame that may be sent (RAW-07).
    ///
    /// Octets 3 and 4 of a reply are reserved and not looked at.
    ///
    /// # Errors
    ///
    /// The router refused, chose another serializer, or doesn't speak RawSocket. The client closes the
    /// connection without a further word in each case.
    pub fn accept(self, reply: [u8; HANDSHAKE_LENGTH]) -> Result<MaxLength, HandshakeError> {
        let [magic, limit_and_serializer, ..] = reply;
        if magic != MAGIC {
            return Err(HandshakeError::NotRawSocket { octet: magic });
        }
        let (high, serializer) = (limit_and_serializer >> 4, limit_and_serializer & 0x0F);
        if serializer == 0 {
            return Err(Refusal::from_code(high)
                .map_or(HandshakeError::UnknownRefusal { code: high }, HandshakeError::Refused));
        }
        if serializer != self.serializer.rawsocket_id() {
            return Err(HandshakeError::OtherSerializer { id: serializer });
        }
        Ok(MaxLength::from_handshake_octet(limit_and_serializer))
    }
}

const fn encode_accepting(serializer: SerializerId, receive_max: MaxLength) -> [u8; HANDSHAKE_LENGTH] {
    [MAGIC, receive_max.nibble() << 4 | serializer.rawsocket_id(), 0, 0]
}

/// Why a router refuses a handshake, as it says on the wire (RAW-03).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// Error 1.
    #[error("serializer unsupported")]
    SerializerUnsupported = 1,
    /// Error 2.
    #[error("maximum message length unacceptable")]
    MaxLengthUnacceptable = 2,
    /// Error 3 (RAW-04).
    #[error("use of reserved bits")]
    ReservedBitsUsed = 3,
    /// Error 4.
    #[error("maximum connection count reached")]
    ConnectionLimit = 4,
}

impl Refusal {
    /// The error number E, 1 to 4. Zero is never sent.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The refusal that an error number stands for, if the specification names it.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::SerializerUnsupported),
            2 => Some(Self::MaxLengthUnacceptable),
            3 => Some(Self::ReservedBitsUsed),
            4 => Some(Self::ConnectionLimit),
            _ => None,
        }
    }

    /// The reply `7F E0 00 00`, after which the router closes the connection (RAW-03).
    pub const fn encode(self) -> [u8; HANDSHAKE_LENGTH] {
        [MAGIC, self.code() << 4, 0, 0]
    }
}

/// Why a RawSocket handshake failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The peer doesn't speak RawSocket (RAW-05, RAW-07).
    #[error("first octet is {octet:#04x} instead of 0x7f")]
    NotRawSocket {
        /// What came instead of [`MAGIC`].
        octet: u8,
    },
    /// The request names serializer 0, which is illegal (RAW-06).
    #[error("request names no serializer")]
    NoSerializer,
    /// The router refuses, or has refused, with an error number (RAW-03).
    #[error("handshake refused: {0}")]
    Refused(Refusal),
    /// The router refused with a number that means nothing, 0 among them (RAW-07).
    #[error("handshake refused with the unknown error {code}")]
    UnknownRefusal {
        /// The error number E.
        code: u8,
    },
    /// The router chose a serializer that was not asked for (RAW-07).
    #[error("reply names serializer {id}, which was not asked for")]
    OtherSerializer {
        /// The number S of the reply.
        id: u8,
    },
}

impl HandshakeError {
    /// What the router sends before it closes the connection; `None`: it closes without a reply
    /// (RAW-05, RAW-06).
    pub const fn reply(self) -> Option<[u8; HANDSHAKE_LENGTH]> {
        match self {
            Self::Refused(refusal) => Some(refusal.encode()),
            Self::NotRawSocket { .. }
            | Self::NoSerializer
            | Self::UnknownRefusal { .. }
            | Self::OtherSerializer { .. } => None,
        }
    }
}

/// What a frame carries (RAW-09).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameType {
    /// One WAMP message.
    Wamp = 0,
    /// Octets that the other peer sends back in a PONG, once and at once (RAW-11).
    Ping = 1,
    /// The answer to a PING.
    Pong = 2,
}

/// The four octets before each payload: what it is and how long (RAW-09, RAW-10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FramePrefix {
    frame_type: FrameType,
    length: usize,
}

impl FramePrefix {
    /// The prefix of a payload of `length` octets, unless that is above [`FRAME_LENGTH_MAX`].
    pub const fn new(frame_type: FrameType, length: usize) -> Option<Self> {
        if length > FRAME_LENGTH_MAX { None } else { Some(Self { frame_type, length }) }
    }

    /// What the frame carries.
    pub const fn frame_type(self) -> FrameType {
        self.frame_type
    }

    /// Octets of the payload, 0 to 2^24.
    pub const fn length(self) -> usize {
        self.length
    }

    /// The prefix as it is sent: `RRRR XTTT` and the length's low 24 bits, most significant octet first.
    pub const fn encode(self) -> [u8; PREFIX_LENGTH] {
        // A length of exactly 2^24 sets bit 24 and no other, and that bit's place is X (RAW-10).
        let word = (self.frame_type as u32) << 24 | (self.length as u32 >> 24) << 27;
        (word | self.length as u32 & 0x00FF_FFFF).to_be_bytes()
    }

    /// Reads a prefix. The caller compares [`FramePrefix::length`] with the limit it announced before it
    /// buffers any payload (RAW-12).
    ///
    /// # Errors
    ///
    /// Each of them fails the connection (RAW-09, RAW-10).
    pub const fn parse(octets: [u8; PREFIX_LENGTH]) -> Result<Self, FrameError> {
        let [kind, length @ ..] = octets;
        let [high, middle, low] = length;
        if kind & 0xF0 != 0 {
            return Err(FrameError::ReservedBits);
        }
        let frame_type = match kind & 0x07 {
            0 => FrameType::Wamp,
            1 => FrameType::Ping,
            2 => FrameType::Pong,
            _ => return Err(FrameError::ReservedType),
        };
        let length = u32::from_be_bytes([0, high, middle, low]) as usize;
        if kind & 0x08 == 0 {
            Ok(Self { frame_type, length })
        } else if length == 0 {
            Ok(Self { frame_type, length: FRAME_LENGTH_MAX })
        } else {
            Err(FrameError::Length)
        }
    }
}

/// Why four octets are no frame prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A bit of RRRR is set (RAW-09).
    #[error("frame prefix uses reserved bits")]
    ReservedBits,
    /// TTT is 3 to 7 (RAW-09).
    #[error("frame prefix names a reserved type")]
    ReservedType,
    /// X is set together with bits of the length (RAW-10).
    #[error("frame prefix announces more than 2^24 octets")]
    Length,
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: HandshakeRequest =
        HandshakeRequest { serializer: SerializerId::MsgPack, receive_max: MaxLength::MAX };

    #[test]
    fn raw_01_request_carries_limit_and_serializer() {
        assert_eq!(REQUEST.encode(), [0x7F, 0xF2, 0, 0]);
        for serializer in SerializerId::ALL {
            for receive_max in [MaxLength::MIN, MaxLength::not_above(1 << 20), MaxLength::MAX] {
                let request = HandshakeRequest { serializer, receive_max };
                assert_eq!(HandshakeRequest::parse(request.encode()), Ok(request));
            }
        }
    }

    #[test]
    fn raw_01_limits_are_powers_of_two_from_512_to_16_mib() {
        assert_eq!(MaxLength::MIN.octets(), 512);
        assert_eq!(MaxLength::MAX.octets(), FRAME_LENGTH_MAX);
        for (limit, nibble) in [
            (0, 0),
            (511, 0),
            (512, 0),
            (1023, 0),
            (1024, 1),
            (1 << 20, 11),
            ((1 << 24) - 1, 14),
            (1 << 24, 15),
            (usize::MAX, 15),
        ] {
            assert_eq!(MaxLength::not_above(limit).nibble(), nibble, "{limit} octets");
        }
    }

    #[test]
    fn raw_02_reply_echoes_the_serializer_and_has_a_limit_of_its_own() {
        let reply = REQUEST.reply(MaxLength::MIN);
        assert_eq!(reply, [0x7F, 0x02, 0, 0]);
        assert_eq!(REQUEST.accept(reply), Ok(MaxLength::MIN));
    }

    #[test]
    fn raw_03_refusals_are_numbered_1_to_4() {
        let refusals = [
            Refusal::SerializerUnsupported,
            Refusal::MaxLengthUnacceptable,
            Refusal::ReservedBitsUsed,
            Refusal::ConnectionLimit,
        ];
        for (refusal, code) in refusals.into_iter().zip(1..) {
            assert_eq!(refusal.encode(), [0x7F, code << 4, 0, 0]);
            assert_eq!(Refusal::from_code(code), Some(refusal));
        }
        assert_eq!(Refusal::from_code(0), None);
        assert_eq!(Refusal::from_code(5), None);
    }

    #[test]
    fn raw_04_reserved_octets_are_refused_with_error_3() {
        for octets in [[0x7F, 0xF1, 1, 0], [0x7F, 0xF1, 0, 1], [0x7F, 0xFF, 0, 0x80]] {
            let error = HandshakeRequest::parse(octets).unwrap_err();
            assert_eq!(error, HandshakeError::Refused(Refusal::ReservedBitsUsed));
            assert_eq!(error.reply(), Some([0x7F, 0x30, 0, 0]));
        }
    }

    #[test]
    fn raw_05_another_first_octet_fails_without_reply() {
        let error = HandshakeRequest::parse(*b"GET ").unwrap_err();
        assert_eq!(error, HandshakeError::NotRawSocket { octet: b'G' });
        assert_eq!(error.reply(), None);
    }

    #[test]
    fn raw_06_serializer_0_fails_without_reply() {
        let error = HandshakeRequest::parse([0x7F, 0xF0, 0, 0]).unwrap_err();
        assert_eq!(error, HandshakeError::NoSerializer);
        assert_eq!(error.reply(), None);
    }

    #[test]
    fn raw_06_unknown_serializers_are_refused_with_error_1() {
        for serializer in 4..=15 {
            let error = HandshakeRequest::parse([0x7F, 0xF0 | serializer, 0, 0]).unwrap_err();
            assert_eq!(error.reply(), Some([0x7F, 0x10, 0, 0]), "serializer {serializer}");
        }
    }

    #[test]
    fn raw_07_client_fails_on_another_magic_or_serializer() {
        assert_eq!(REQUEST.accept([0x48, 0xF2, 0, 0]), Err(HandshakeError::NotRawSocket { octet: 0x48 }));
        assert_eq!(REQUEST.accept([0x7F, 0xF1, 0, 0]), Err(HandshakeError::OtherSerializer { id: 1 }));
    }

    #[test]
    fn raw_07_client_gets_the_refusal_as_a_typed_error() {
        assert_eq!(
            REQUEST.accept(Refusal::ConnectionLimit.encode()),
            Err(HandshakeError::Refused(Refusal::ConnectionLimit))
        );
        for code in [0, 5, 15] {
            assert_eq!(REQUEST.accept([0x7F, code << 4, 0, 0]), Err(HandshakeError::UnknownRefusal { code }));
        }
    }

    #[test]
    fn raw_09_prefix_carries_type_and_length() {
        for (frame_type, length, octets) in [
            (FrameType::Wamp, 0, [0, 0, 0, 0]),
            (FrameType::Ping, 5, [1, 0, 0, 5]),
            (FrameType::Pong, 0x01_02_03, [2, 1, 2, 3]),
        ] {
            let prefix = FramePrefix::new(frame_type, length).unwrap();
            assert_eq!(prefix.encode(), octets);
            assert_eq!(FramePrefix::parse(octets), Ok(prefix));
        }
    }

    #[test]
    fn raw_09_reserved_bits_and_types_fail() {
        for bit in [0x10, 0x20, 0x40, 0x80] {
            assert_eq!(FramePrefix::parse([bit, 0, 0, 1]), Err(FrameError::ReservedBits));
        }
        for kind in 3..=7 {
            assert_eq!(FramePrefix::parse([kind, 0, 0, 1]), Err(FrameError::ReservedType));
        }
    }

    #[test]
    fn raw_10_length_of_2_pow_24_minus_1() {
        let prefix = FramePrefix::new(FrameType::Wamp, FRAME_LENGTH_MAX - 1).unwrap();
        assert_eq!(prefix.encode(), [0x00, 0xFF, 0xFF, 0xFF]);
        assert_eq!(FramePrefix::parse(prefix.encode()), Ok(prefix));
    }

    #[test]
    fn raw_10_length_of_exactly_2_pow_24() {
        let prefix = FramePrefix::new(FrameType::Wamp, FRAME_LENGTH_MAX).unwrap();
        assert_eq!(prefix.encode(), [0x08, 0, 0, 0]);
        assert_eq!(FramePrefix::parse(prefix.encode()), Ok(prefix));
        let pong = FramePrefix::new(FrameType::Pong, FRAME_LENGTH_MAX).unwrap();
        assert_eq!(pong.encode(), [0x0A, 0, 0, 0]);
    }

    #[test]
    fn raw_10_more_than_2_pow_24_can_neither_be_framed_nor_parsed() {
        assert_eq!(FramePrefix::new(FrameType::Wamp, FRAME_LENGTH_MAX + 1), None);
        assert_eq!(FramePrefix::parse([0x08, 0, 0, 1]), Err(FrameError::Length));
        assert_eq!(FramePrefix::parse([0x08, 0xFF, 0xFF, 0xFF]), Err(FrameError::Length));
    }
}
