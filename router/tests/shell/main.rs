//! The client for the shell, as its user meets it: `trunkline call`, `register`, `publish`, `subscribe`.
#![cfg(all(unix, feature = "cli"))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a harness fails the test that uses it")]

mod calls;
mod connection;
mod events;
mod output;
mod scene;
