//! Harness of the black-box suites: a router on a port of its own, and peers that speak raw frames to it.
//!
//! Suites are in `tests/tests`, one for each area. In them a Session is named for a person, and messages are
//! written as JSON text whatever the peer's serializer is.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a harness fails the test that uses it")]

mod example;
pub mod logins;
mod peer;
mod router;
mod scratch;
mod script;
mod wire;

use std::time::Duration;

pub use example::example;
pub use peer::{Peer, error, event};
pub use router::{OTHER, RELAXED, STRICT, TestRouter, config};
pub use scratch::Scratch;
pub use script::{ClientEnd, SCRIPTED, Script, WELCOME, answer, begin, client_of, joined, scripted};
pub use wire::{
    Duplex, RawFrames, Socket, Transport, Via, frame, open_rawsocket, open_websocket, rawsocket_over,
    websocket_over,
};

/// How long a test waits for what has to come. Only a failure ever waits so long.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// HELLO with all four roles.
pub fn hello(realm: &str) -> String {
    format!(r#"[1,"{realm}",{{"roles":{{"publisher":{{}},"subscriber":{{}},"caller":{{}},"callee":{{}}}}}}]"#)
}

/// HELLO with all four roles and every feature of callers and callees.
pub fn hello_with_features(realm: &str) -> String {
    let caller = r#""progressive_call_invocations":true,"payload_passthru_mode":true"#;
    let callee =
        r#""progressive_call_results":true,"call_canceling":true,"call_timeout":true,"call_reroute":true"#;
    format!(
        r#"[1,"{realm}",{{"roles":{{"publisher":{{}},"subscriber":{{}},"caller":{{"features":{{{caller}}}}},"callee":{{"features":{{{callee},{caller}}}}}}}}}]"#
    )
}

/// Waits for `future`, but not longer than [`DEADLINE`].
///
/// # Panics
/// If the time is over.
pub async fn within_deadline<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, future).await {
        Ok(value) => value,
        Err(_) => panic!("in vain: {what}"),
    }
}
