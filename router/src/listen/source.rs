//! Where a connection comes from: what logs show and what connection limits count.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Leading bits of an IPv6 address that count: who has one address there has the rest of the network, too.
const IPV6_PREFIX_BITS: u32 = 64;

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

    /// What counts as one source: an IPv4 address, or an IPv6 network.
    pub(crate) fn network(self) -> Option<IpAddr> {
        Some(match self.address()?.to_canonical() {
            IpAddr::V6(address) => {
                Ipv6Addr::from_bits(address.to_bits() >> IPV6_PREFIX_BITS << IPV6_PREFIX_BITS).into()
            }
            address => address,
        })
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
