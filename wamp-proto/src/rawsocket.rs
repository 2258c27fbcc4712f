//! RawSocket handshake and framing.
