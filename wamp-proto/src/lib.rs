//! The WAMP v2 protocol without IO: no sockets, no clock, no threads.
//!
//! - [`decode`] turns a frame into a [`Message`], [`Message::encode`] turns it back. Only the header is
//!   decoded: a [`Payload`] is a slice of the frame, scanned for well-formedness and never built, spliced
//!   unchanged between equal serializers and transcoded between unequal ones.
//! - With the feature `serde`, `Payload::from_args` and `Payload::to_args` carry typed application data.
//! - [`session`] says which message is legal when, for either peer.
//! - [`rawsocket`] is the handshake and the framing of the RawSocket transport, [`batch`] what WebSocket peers may put
//!   around messages.
//! - With the feature `serde`, payloads are encoded from Rust values, and decoded to them, without a tree in between.
//! - [`uri`], [`id`] and [`error_uri`] are the vocabulary.
//!
//! What this crate does not do: move octets, keep time, route.
//!
//! ```
//! use bytes::Bytes;
//! use wamp_proto::{DecodeRules, Message, SerializerId, decode};
//!
//! let frame = Bytes::from_static(br#"[16,1,{"acknowledge":true},"com.example.tick",[7]]"#);
//! let message = decode(SerializerId::Json, &frame, &DecodeRules::default())?;
//! let Message::Publish(publish) = &message else { unreachable!("16 is PUBLISH") };
//! assert_eq!(publish.topic, "com.example.tick");
//! assert_eq!(publish.payload.raw(), "[7]".as_bytes());
//!
//! let msgpack = message.encode(SerializerId::MsgPack)?;
//! assert_eq!(decode(SerializerId::MsgPack, &msgpack, &DecodeRules::default())?.code(), message.code());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

#[cfg(feature = "auth")]
pub mod auth;
pub mod batch;
pub mod dict;
pub mod error_uri;
pub mod id;
pub mod message;
pub mod rawsocket;
pub mod session;
pub mod uri;

mod action;
mod payload;
mod serializer;
mod subprotocol;
#[cfg(feature = "serde")]
mod typed;
mod value;

pub use action::Action;
pub use id::{PublicationId, RegistrationId, RequestId, SessionId, SubscriptionId};
pub use message::{Message, MessageCode};
pub use payload::{Arity, Payload};
pub use serializer::SerializerId;
pub use serializer::decode::{DecodeError, DecodeRules, decode};
pub use serializer::token::SyntaxError;
pub use serializer::transcode::RecodeError;
pub use session::{ClientSession, Profile, RouterSession, Violation};
pub use subprotocol::{MESSAGE_MAX_BYTES_HEADER, Subprotocol};
#[cfg(feature = "serde")]
pub use typed::{DecodeValueError, EncodeError};
pub use uri::{MatchPolicy, Uri};
pub use value::Value;
