//! Trunkline: a WAMP router as a library.
//!
//! [`Server`] listens; [`Router`] routes, for the sessions of a server and for in-process peers
//! ([`Router::connect`]). The executable `trunkline` is a command line around them (feature `cli`).
//!
//! Follow one PUBLISH: `connection` takes a frame from its `transport`, `session` decodes it and asks the
//! protocol whether it is legal, `realm_driver` gives it to the `realm`, whose broker pushes one shared EVENT
//! into the `outbox` of each subscriber, from where the subscriber's own connection writes it. A CALL goes
//! the same way, through the dealer.
#![forbid(unsafe_code)]

mod authentication;
mod authorizer;
mod certificate;
mod clock;
mod connection;
mod counters;
mod in_process;
mod inquiry;
mod listen;
mod memory;
mod opening;
mod outbox;
mod pace;
mod pending;
mod realm;
mod realm_driver;
mod realms;
mod router;
mod seats;
mod server;
mod session;
mod testee;
mod transport;

pub use authentication::{Attempt, Authenticator, Decision, JwtKeyError, NotVouched, Vouched};
pub use counters::{Counter, Counters};
pub use in_process::{InProcess, SessionOver};
pub use listen::{BindError, TlsError};
pub use realm::Holdings;
pub use router::Router;
pub use server::{Server, StartError, check};
pub use trunkline_config as config;

/// Keeps the code of the documentation compiling, and runs what can be run.
#[cfg(doctest)]
mod documentation {
    #[doc = include_str!("../../README.md")]
    struct Readme;

    #[doc = include_str!("../../docs/how-to/embed-the-router.md")]
    struct EmbedTheRouter;
}
