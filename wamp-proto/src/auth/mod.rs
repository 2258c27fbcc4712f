//! Authentication methods, as what either peer computes: no clock, no chance, no sockets. Nonces, salts and times are
//! arguments.

pub mod client;
pub mod cryptosign;
mod hex;
pub mod scram;
pub mod wampcra;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

/// How a session proves who it is (AUTH-GEN-01).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AuthMethod {
    /// It does not (AUTH-ANON-01).
    Anonymous,
    /// By a ticket, sent as it is (AUTH-TKT-01).
    Ticket,
    /// By a shared secret that signs a challenge (AUTH-CRA-01).
    Wampcra,
    /// By a password, with proof in both directions (AUTH-SCRAM-01).
    WampScram,
    /// The same as Autobahn does it.
    Scram,
    /// By an Ed25519 key (AUTH-CS-01).
    Cryptosign,
    /// By the certificate that it showed in its TLS handshake (AUTH-TRN-02).
    Tls,
    /// By a cookie that its browser got when it logged in before (AUTH-TRN-02).
    Cookie,
}

impl AuthMethod {
    /// Every method.
    pub const ALL: [Self; 8] = [
        Self::Anonymous,
        Self::Ticket,
        Self::Wampcra,
        Self::WampScram,
        Self::Scram,
        Self::Cryptosign,
        Self::Tls,
        Self::Cookie,
    ];

    /// What HELLO, CHALLENGE and WELCOME call it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Ticket => "ticket",
            Self::Wampcra => "wampcra",
            Self::WampScram => "wamp-scram",
            Self::Scram => "scram",
            Self::Cryptosign => "cryptosign",
            Self::Tls => "tls",
            Self::Cookie => "cookie",
        }
    }

    /// The method of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }
}

/// Whether both are equal, in a time that tells nothing but their lengths.
pub fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// HMAC-SHA256.
fn mac(key: &[u8], text: &[u8]) -> [u8; 32] {
    // A key of any length will do.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    mac.update(text);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auth_gen_01_every_method_is_found_by_its_name() {
        for method in AuthMethod::ALL {
            assert_eq!(AuthMethod::named(method.as_str()), Some(method));
        }
        for name in ["", "Ticket", "wamp-cra", "cryptosign-proxy"] {
            assert_eq!(AuthMethod::named(name), None, "{name}");
        }
    }

    #[test]
    fn auth_tkt_01_texts_of_any_length_are_compared() {
        assert!(constant_time_eq(b"", b"") && constant_time_eq(b"ticket", b"ticket"));
        for other in [&b""[..], b"ticke", b"tickets", b"Ticket", b"tickeT"] {
            assert!(!constant_time_eq(b"ticket", other));
        }
    }
}
