//! The trust boundary: one function for each way in which octets of strangers come in.
//!
//! A target takes any octets and panics if what must hold does not. `tests/targets.rs` gives it what lies in `corpus`
//! and random changes of that; the executable, built by `cargo xtask fuzz`, looks for octets that take new paths.
#![allow(clippy::expect_used, reason = "a target fails by panicking")]

mod authentication;
mod configuration;
mod frames;
mod framing;
mod listener;
mod realm;
mod sessions;

/// One way in.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// What it is called on command lines.
    pub name: &'static str,
    /// Folders under `corpus` with octets worth starting from.
    pub corpora: &'static [&'static str],
    /// Panics if these octets do what they must not.
    pub run: fn(&[u8]),
    /// The same, of something that is wrong on purpose: proves that the target finds what it is for.
    pub faulty: fn(&[u8]),
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target {
        name: "decode_json",
        corpora: &["json"],
        run: frames::decode_json,
        faulty: frames::faulty::decode_json,
    },
    Target {
        name: "decode_msgpack",
        corpora: &["msgpack"],
        run: frames::decode_msgpack,
        faulty: frames::faulty::decode_msgpack,
    },
    Target {
        name: "decode_cbor",
        corpora: &["cbor"],
        run: frames::decode_cbor,
        faulty: frames::faulty::decode_cbor,
    },
    Target {
        name: "scan_against_decode",
        corpora: &["values"],
        run: frames::scan_against_decode,
        faulty: frames::faulty::scan_against_decode,
    },
    Target {
        name: "transcode",
        corpora: &["json", "msgpack", "cbor"],
        run: frames::transcode,
        faulty: frames::faulty::transcode,
    },
    Target {
        name: "batches",
        corpora: &["batches"],
        run: framing::batches,
        faulty: framing::faulty::batches,
    },
    Target {
        name: "rawsocket_prefixes",
        corpora: &["rawsocket"],
        run: framing::rawsocket_prefixes,
        faulty: framing::faulty::rawsocket_prefixes,
    },
    Target {
        name: "rawsocket",
        corpora: &["rawsocket"],
        run: listener::rawsocket,
        faulty: listener::faulty::rawsocket,
    },
    Target {
        name: "http_upgrade",
        corpora: &["http"],
        run: listener::http_upgrade,
        faulty: listener::faulty::http_upgrade,
    },
    Target {
        name: "session",
        corpora: &["sessions"],
        run: sessions::session,
        faulty: sessions::faulty::session,
    },
    Target {
        name: "authentication",
        corpora: &["authentication"],
        run: authentication::authentication,
        faulty: authentication::faulty::authentication,
    },
    Target {
        name: "realm_inputs",
        corpora: &["realm"],
        run: realm::realm_inputs,
        faulty: realm::faulty::realm_inputs,
    },
    Target {
        name: "config",
        corpora: &["config"],
        run: configuration::config,
        faulty: configuration::faulty::config,
    },
];

/// The target of that name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
