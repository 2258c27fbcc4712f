//! Where a connection comes from: what logs show and what connection limits count.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// The source of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The peer of a TCP socket, or what a trusted proxy says that it was there.
    Tcp(SocketAddr),
    /// What a trusted proxy says, without a port.
    Address(IpAddr),
    /// A process on this machine.
    Unix,
}

impl Source {
    /// The address, if there is one.
    pub(crate) fn address(self) -> Option<IpAddr> {
        match self {
            Self::Tcp(address) => Some(address.ip()),
            Self::Address(address) => Some(address),
            Self::Unix => None,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Address(address) => address.fmt(f),
            Self::Unix => f.write_str("unix"),
        }
    }
}
