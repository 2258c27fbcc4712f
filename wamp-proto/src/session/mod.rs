//! The session state machine of both peers.

/// How strictly a realm takes the protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// The specification, except where a client that ships today would break.
    #[default]
    Default,
    /// The specification without exception.
    Strict,
    /// What deployed Crossbar.io clients lean on.
    Crossbar,
}
