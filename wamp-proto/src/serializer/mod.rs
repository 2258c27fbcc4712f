//! The three serializers: which there are, and how each is named on a transport.

pub(crate) mod cbor;
pub(crate) mod decode;
pub(crate) mod json;
pub(crate) mod msgpack;
pub(crate) mod token;
pub(crate) mod transcode;

/// A serialization format that two peers agreed on when their transport opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SerializerId {
    /// JSON in UTF-8 text (SER-02).
    Json,
    /// MessagePack (SER-04).
    MsgPack,
    /// CBOR (SER-05).
    Cbor,
}

impl SerializerId {
    /// Every serializer, in the order of [`SerializerId::index`].
    pub const ALL: [Self; 3] = [Self::Json, Self::MsgPack, Self::Cbor];

    /// Position in [`SerializerId::ALL`], for tables with one entry per serializer.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The WebSocket subprotocol of the unbatched transport (WS-01).
    pub const fn subprotocol(self) -> &'static str {
        match self {
            Self::Json => "wamp.2.json",
            Self::MsgPack => "wamp.2.msgpack",
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
            Self::Json => 1,
            Self::MsgPack => 2,
            Self::Cbor => 3,
        }
    }

    /// The serializer that a RawSocket handshake asks for, if we know it.
    pub fn from_rawsocket_id(id: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|serializer| serializer.rawsocket_id() == id)
    }

    /// Whether messages travel as text: WebSocket text messages for JSON, binary ones otherwise (WS-03).
    pub const fn is_text(self) -> bool {
        matches!(self, Self::Json)
    }
}
