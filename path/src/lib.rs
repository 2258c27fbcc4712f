//! What `cargo xtask path` measures with: in-process peers, clients over sockets, the payload, the lines of
//! the report.
//!
//! It judges with counts and sizes alone, never with time. The executables under `src/bin` do the measuring;
//! nothing here names the counting allocator, so that only `path-heap` is linked with it.
#![forbid(unsafe_code)]

mod message;
mod patterns;
mod peer;
mod report;
mod socket;

pub use message::{Work, encoded, payload, published, with_request, work_message};
pub use patterns::hold_patterns;
pub use peer::{Peer, join_subscribers, name};
pub use report::{Check, report};
pub use socket::{SocketPeer, TransportKind};
