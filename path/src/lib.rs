//! What `cargo xtask path` and `cargo xtask storm` measure with: in-process peers, clients over sockets, the
//! payload, the lines of the report.
//!
//! `path` judges with counts and sizes alone, never with time; `storm` reports time and does not judge it. The executables under `src/bin` do the measuring;
//! nothing here names the counting allocator, so that only `path-heap` is linked with it.
#![forbid(unsafe_code)]

mod message;
mod patterns;
mod peer;
mod process;
mod report;
mod socket;

pub use message::{Work, encoded, payload, published, with_request, work_message};
pub use patterns::hold_patterns;
pub use peer::{Peer, join_subscribers, name};
pub use process::{Memory, sockets_of};
pub use report::{Check, report};
pub use socket::{SocketPeer, TransportKind};
