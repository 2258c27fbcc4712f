//! A placeholder: the async client for Rust is not there yet.
//!
//! Until it is, `wamp-proto` has the protocol without IO, and any WAMP client in another language works.
