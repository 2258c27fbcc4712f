//! The WAMP v2 protocol without IO.
#![forbid(unsafe_code)]

pub mod rawsocket;
pub mod serializer;
pub mod session;

pub use serializer::SerializerId;
pub use session::Profile;
