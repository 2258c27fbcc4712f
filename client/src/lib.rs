//! An asynchronous WAMP client: calls, procedures, events, and a session that survives its router.
//!
//! ```no_run
//! use futures_util::StreamExt as _;
//! use trunkline_client::{Args, Reply};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = trunkline_client::connect("ws://127.0.0.1:8080/ws", "realm1").await?;
//!
//! client.register("com.example.add", async |Args((a, b)): Args<(i64, i64)>| Reply(a + b)).await?;
//! let sum: i64 = client.call("com.example.add", (2, 3)).await?;
//!
//! let mut sums = client.subscribe::<i64>("com.example.sums").await?;
//! client.publish("com.example.sums", sum).exclude_me(false).await?;
//! if let Some(event) = sums.next().await {
//!     println!("{}", event?.args);
//! }
//! client.leave().await;
//! # Ok(())
//! # }
//! ```
//!
//! - [`Client`] is the handle: cheap to clone. [`Client::builder`] has URLs, credentials, TLS and the rest.
//! - [`IntoPayload`] and [`FromPayload`] say what Rust values are as arguments.
//! - [`FromInvocation`] says what a procedure can have as parameters: arguments, its caller, a sender of progressive
//!   results, …
//! - [`Error`] says why a request failed; [`ApplicationError`] maps the application's own errors both ways.
//! - [`Reconnect`] says what happens when the session ends. Subscriptions and registrations come back by themselves.
//!
//! One task per client owns the connection; handles talk to it through one queue, so that requests go out in the order
//! in which they were made. What this crate does not do: speak the protocol's octets (that is `wamp-proto`) and route.
//!
//! Features, all on by default: `websocket`, `rawsocket`, `tls`, and the serializers `cbor`, `msgpack`, `json`. The oldest
//! Rust that builds it is the `rust-version` of its manifest.
#![forbid(unsafe_code)]

mod address;
mod builder;
mod call;
mod client;
mod command;
mod connector;
mod credential;
mod driver;
mod error;
mod event;
mod guard;
mod invocation;
mod login;
mod passthru;
mod payload;
mod payload_queue;
mod publish;
mod reconnect;
mod register;
mod session;
mod state;
mod subscribe;
mod transport;

pub use address::{Address, AddressError};
pub use builder::Builder;
pub use call::{Call, ChunkSink, Results};
pub use client::{Client, connect};
pub use credential::Credential;
pub use error::{ApplicationError, ConnectError, Error, Reason, WampError};
pub use event::{Event, EventError};
pub use invocation::{
    Args, Caller, Cancellation, Chunks, Details, FromInvocation, Handler, IntoAnswer, Invocation, Procedure,
    Progress, Reply,
};
pub use passthru::Passthru;
pub use payload::{ArgsKwargs, FromPayload, IntoPayload, Kwargs, NotDecoded, Raw};
pub use publish::{AcknowledgedPublish, Publish};
pub use reconnect::Reconnect;
pub use register::{Register, Registration};
pub use state::{Ended, Joined, State};
pub use subscribe::{Handling, Subscribe, Subscription};
#[cfg(feature = "tls")]
pub use transport::{Tls, TlsError};
pub use transport::{Transport, TransportError};

/// What [`Cancellation`] holds.
pub use tokio_util::sync::CancellationToken;
/// What the protocol is made of: IDs, dicts, payloads, predefined URIs.
pub use wamp_proto as proto;
pub use wamp_proto::dict::InvocationPolicy;
pub use wamp_proto::{PublicationId, SerializerId, SessionId};

/// Keeps the code of the crate's front page compiling.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
