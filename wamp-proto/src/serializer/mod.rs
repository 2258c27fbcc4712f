//! The three serializers: which there are, and how each is named on a transport.

#[cfg(feature = "cbor")]
pub(crate) mod cbor;
pub(crate) mod decode;
#[cfg(feature = "json")]
pub(crate) mod json;
#[cfg(feature = "msgpack")]
pub(crate) mod msgpack;
pub(crate) mod token;
pub(crate) mod transcode;

#[cfg(not(any(feature = "json", feature = "msgpack", feature = "cbor")))]
compile_error!("a peer needs a serializer: one of the features `json`, `msgpack` and `cbor`");

/// Evaluates an expression with `$Writer` as the type that writes that serializer.
macro_rules! with_writer {
    ($serializer:expr, $Writer:ident => $body:expr) => {
        match $serializer {
            #[cfg(feature = "json")]
            $crate::SerializerId::Json => {
                type $Writer = $crate::serializer::json::JsonWriter;
                $body
            }
            #[cfg(feature = "msgpack")]
            $crate::SerializerId::MsgPack => {
                type $Writer = $crate::serializer::msgpack::MsgPackWriter;
                $body
            }
            #[cfg(feature = "cbor")]
            $crate::SerializerId::Cbor => {
                type $Writer = $crate::serializer::cbor::CborWriter;
                $body
            }
        }
    };
}

/// Evaluates an expression with `$reader` as a reader of these octets, in a function that can fail with
/// [`token::SyntaxError`].
macro_rules! with_reader {
    ($serializer:expr, $octets:expr, $max_depth:expr, $reader:ident => $body:expr) => {
        match $serializer {
            #[cfg(feature = "json")]
            $crate::SerializerId::Json => {
                let text =
                    std::str::from_utf8($octets).or(Err($crate::serializer::token::SyntaxError::Utf8))?;
                let $reader = &mut $crate::serializer::json::JsonReader::new(text, $max_depth);
                $body
            }
            #[cfg(feature = "msgpack")]
            $crate::SerializerId::MsgPack => {
                let $reader = &mut $crate::serializer::msgpack::MsgPackReader::new($octets, $max_depth);
                $body
            }
            #[cfg(feature = "cbor")]
            $crate::SerializerId::Cbor => {
                let $reader = &mut $crate::serializer::cbor::CborReader::new($octets, $max_depth);
                $body
            }
        }
    };
}

pub(crate) use {with_reader, with_writer};

/// A serialization format that two peers agreed on when their transport opened. Each is there with the feature of its
/// name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SerializerId {
    /// JSON in UTF-8 text (SER-02).
    #[cfg(feature = "json")]
    Json,
    /// MessagePack (SER-04).
    #[cfg(feature = "msgpack")]
    MsgPack,
    /// CBOR (SER-05).
    #[cfg(feature = "cbor")]
    Cbor,
}

impl SerializerId {
    /// Every serializer, in the order of [`SerializerId::index`].
    pub const ALL: [Self; Self::COUNT] = [
        #[cfg(feature = "json")]
        Self::Json,
        #[cfg(feature = "msgpack")]
        Self::MsgPack,
        #[cfg(feature = "cbor")]
        Self::Cbor,
    ];

    /// How many there are.
    pub(crate) const COUNT: usize = cfg!(feature = "json") as usize
        + cfg!(feature = "msgpack") as usize
        + cfg!(feature = "cbor") as usize;

    /// Position in [`SerializerId::ALL`], for tables with one entry per serializer.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The WebSocket subprotocol of the unbatched transport (WS-01).
    pub const fn subprotocol(self) -> &'static str {
        match self {
            #[cfg(feature = "json")]
            Self::Json => "wamp.2.json",
            #[cfg(feature = "msgpack")]
            Self::MsgPack => "wamp.2.msgpack",
            #[cfg(feature = "cbor")]
            Self::Cbor => "wamp.2.cbor",
        }
    }

    /// The serializer that an unbatched WebSocket subprotocol names, if we know it.
    pub fn from_subprotocol(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|serializer| serializer.subprotocol() == name)
    }

    /// The number in the low nibble of a RawSocket handshake (RAW-01).
    pub const fn rawsocket_id(self) -> u8 {
        match self {
            #[cfg(feature = "json")]
            Self::Json => 1,
            #[cfg(feature = "msgpack")]
            Self::MsgPack => 2,
            #[cfg(feature = "cbor")]
            Self::Cbor => 3,
        }
    }

    /// The serializer that a RawSocket handshake asks for, if we know it.
    pub fn from_rawsocket_id(id: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|serializer| serializer.rawsocket_id() == id)
    }

    /// Whether messages travel as text: WebSocket text messages for JSON, binary ones otherwise (WS-03).
    pub const fn is_text(self) -> bool {
        match self {
            #[cfg(feature = "json")]
            Self::Json => true,
            #[cfg(any(feature = "msgpack", feature = "cbor"))]
            _ => false,
        }
    }
}
