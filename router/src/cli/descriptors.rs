//! The file descriptors of this process: each connection takes one.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use trunkline::config::{Config, Listener};

/// What the process needs besides connections and listening sockets: standard streams, the runtime, files that are
/// read.
const RESERVED: usize = 32;

/// Raises the soft limit to the hard one.
///
/// # Errors
/// If the system does not let us; the limit stays as it is.
pub(super) fn raise_limit() -> nix::Result<()> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft < hard { setrlimit(Resource::RLIMIT_NOFILE, hard, hard) } else { Ok(()) }
}

/// How many sessions with a socket the process may have once the limit is raised; none if the system does not say.
pub(super) fn sessions_max(config: &Config) -> Option<usize> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    let listening: usize = config.listeners.iter().map(addresses).sum();
    let descriptors = usize::try_from(hard).unwrap_or(usize::MAX);
    Some(descriptors.saturating_sub(RESERVED + listening))
}

fn addresses(listener: &Listener) -> usize {
    listener.addresses.len()
}
