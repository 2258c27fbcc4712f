//! The ways to connect that the router offers: every transport with each of its serializers.

/// What carries the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    WebSocket,
    WebSocketTls,
    WebSocketUnix,
    RawSocket,
    RawSocketTls,
    RawSocketUnix,
}

impl Transport {
    pub(super) const ALL: [Self; 6] = [
        Self::WebSocket,
        Self::WebSocketTls,
        Self::WebSocketUnix,
        Self::RawSocket,
        Self::RawSocketTls,
        Self::RawSocketUnix,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::WebSocket => "WebSocket",
            Self::WebSocketTls => "WebSocket TLS",
            Self::WebSocketUnix => "WebSocket Unix",
            Self::RawSocket => "RawSocket",
            Self::RawSocketTls => "RawSocket TLS",
            Self::RawSocketUnix => "RawSocket Unix",
        }
    }

    pub(super) fn is_rawsocket(self) -> bool {
        matches!(self, Self::RawSocket | Self::RawSocketTls | Self::RawSocketUnix)
    }

    /// Part of the URIs that its peers use.
    fn key(self) -> &'static str {
        match self {
            Self::WebSocket => "ws",
            Self::WebSocketTls => "wss",
            Self::WebSocketUnix => "ws_unix",
            Self::RawSocket => "rs",
            Self::RawSocketTls => "rss",
            Self::RawSocketUnix => "rs_unix",
        }
    }
}

/// A transport and what is spoken over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Connection {
    pub(super) transport: Transport,
    /// As in the names of WAMP's WebSocket subprotocols, behind `wamp.2.`.
    pub(super) serializer: &'static str,
}

impl Connection {
    pub(super) const SERIALIZERS: [&str; 6] =
        ["json", "msgpack", "cbor", "json.batched", "msgpack.batched", "cbor.batched"];

    /// All that there are: RawSocket knows no batches.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        Transport::ALL
            .into_iter()
            .flat_map(|transport| {
                Self::SERIALIZERS.into_iter().map(move |serializer| Self { transport, serializer })
            })
            .filter(|connection| !(connection.transport.is_rawsocket() && connection.is_batched()))
    }

    pub(super) fn is_batched(self) -> bool {
        self.serializer.ends_with(".batched")
    }

    /// Two components of the URIs that its peers use.
    pub(super) fn key(self) -> String {
        format!("{}.{}", self.transport.key(), self.serializer.replace('.', "_"))
    }
}
