//! The names that WebSocket peers agree on: a serializer, with or without batches.

use crate::SerializerId;

/// The header in which a router that upgrades to WebSocket says how many octets the longest message has that it takes. The
/// RawSocket handshake has a place for that (RAW-13), that of WebSocket none.
pub const MESSAGE_MAX_BYTES_HEADER: &str = "wamp-message-max-bytes";

/// A WebSocket subprotocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Subprotocol {
    /// Serializer of the messages in both directions.
    pub serializer: SerializerId,
    /// Whether a WebSocket message is a [batch](crate::batch) of WAMP messages instead of one (WS-04, BAT-04).
    pub is_batched: bool,
}

impl Subprotocol {
    /// Every subprotocol: first the unbatched ones, in the order of [`SerializerId::ALL`].
    pub const ALL: [Self; 2 * SerializerId::COUNT] = {
        let mut all = [Self::unbatched(SerializerId::ALL[0]); 2 * SerializerId::COUNT];
        let mut index = 0;
        while index < SerializerId::COUNT {
            all[index] = Self::unbatched(SerializerId::ALL[index]);
            all[SerializerId::COUNT + index] = Self::batched(SerializerId::ALL[index]);
            index += 1;
        }
        all
    };

    /// One message at a time.
    pub const fn unbatched(serializer: SerializerId) -> Self {
        Self { serializer, is_batched: false }
    }

    /// Messages in batches.
    pub const fn batched(serializer: SerializerId) -> Self {
        Self { serializer, is_batched: true }
    }

    /// The name in `Sec-WebSocket-Protocol` (WS-01, BAT-01).
    pub const fn name(self) -> &'static str {
        match (self.is_batched, self.serializer) {
            (false, serializer) => serializer.subprotocol(),
            #[cfg(feature = "json")]
            (true, SerializerId::Json) => "wamp.2.json.batched",
            #[cfg(feature = "msgpack")]
            (true, SerializerId::MsgPack) => "wamp.2.msgpack.batched",
            #[cfg(feature = "cbor")]
            (true, SerializerId::Cbor) => "wamp.2.cbor.batched",
        }
    }

    /// The subprotocol of that name, if we know it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|subprotocol| subprotocol.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bat_01_every_serializer_has_a_batched_name() {
        for (serializer, name) in SerializerId::ALL.into_iter().zip(["json", "msgpack", "cbor"]) {
            let batched = Subprotocol::batched(serializer);
            assert_eq!(batched.name(), format!("wamp.2.{name}.batched"));
            assert_eq!(Subprotocol::from_name(batched.name()), Some(batched));
            let unbatched = Subprotocol::from_name(serializer.subprotocol());
            assert_eq!(unbatched, Some(Subprotocol::unbatched(serializer)));
        }
        for name in
            ["", "wamp.2.batched", "wamp.2.ubjson.batched", "wamp.2.JSON.batched", "wamp.2.json.batched "]
        {
            assert_eq!(Subprotocol::from_name(name), None, "{name}");
        }
    }
}
