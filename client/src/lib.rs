//! A placeholder: the async client for Rust is not there yet.
//!
//! Until it is, `wamp-proto` has the protocol without IO, and any WAMP client in another language works.
#![forbid(unsafe_code)]
#![allow(dead_code, reason = "the session that drives transports comes next")]

mod address;
mod transport;

pub use address::{Address, AddressError};
#[cfg(feature = "tls")]
pub use transport::{Tls, TlsError};
pub use transport::{Transport, TransportError};
