//! WAMP-CRA: a shared secret signs a challenge (AUTH-CRA).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::Sha256;

use super::{constant_time_eq, mac};
use crate::id::SessionId;
#[cfg(feature = "json")]
use crate::{
    serializer::{json::JsonWriter, token::Writer as _, transcode::write_value},
    value::Value,
};

/// What the router has signed (AUTH-CRA-01).
#[derive(Clone, Copy, Debug)]
pub struct Challenge<'a> {
    /// Who the client claims to be.
    pub authid: &'a str,
    /// The role that it will have.
    pub authrole: &'a str,
    /// Who vouches for it.
    pub authprovider: &'a str,
    /// Something that never was in a challenge before (AUTH-CRA-03).
    pub nonce: &'a str,
    /// The time, as of ISO 8601 in UTC.
    pub timestamp: &'a str,
    /// The ID that the session will have (AUTH-CRA-03).
    pub session: SessionId,
}

/// How a client derives the key that signs from its secret (AUTH-CRA-04).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Salting {
    /// The salt is the octets of this text.
    pub salt: String,
    /// Rounds of PBKDF2-HMAC-SHA256.
    pub iterations: u32,
    /// Octets of the key.
    pub keylen: u32,
}

impl Salting {
    /// Rounds that a client computes for a stranger at most: a second or so.
    pub const ITERATIONS_MAX: u32 = 1_000_000;

    /// Octets of a key at most: more than any hash has.
    pub const KEYLEN_MAX: u32 = 64;

    /// Rounds if CHALLENGE does not say how many.
    pub const ITERATIONS_DEFAULT: u32 = 1000;

    /// Octets of a key if CHALLENGE does not say how many.
    pub const KEYLEN_DEFAULT: u32 = 32;

    /// Whether a client can derive a key like that for a stranger, and gets one.
    pub fn is_bearable(&self) -> bool {
        (1..=Self::ITERATIONS_MAX).contains(&self.iterations) && (1..=Self::KEYLEN_MAX).contains(&self.keylen)
    }
}

/// A router needs JSON for it, even if no message is in JSON.
#[cfg(feature = "json")]
impl Challenge<'_> {
    /// The text that is signed: a JSON object. Nobody may write it anew, the octets count (AUTH-CRA-02).
    pub fn to_json(&self) -> String {
        let entries = [
            ("authid", Value::from(self.authid)),
            ("authrole", self.authrole.into()),
            ("authmethod", "wampcra".into()),
            ("authprovider", self.authprovider.into()),
            ("nonce", self.nonce.into()),
            ("timestamp", self.timestamp.into()),
            ("session", self.session.value().into()),
        ];
        let object = Value::Dict(entries.map(|(key, value)| (key.to_owned(), value)).to_vec());
        let mut writer = JsonWriter::with_capacity(256);
        write_value(&object, &mut writer);
        // The writer writes UTF-8.
        String::from_utf8(writer.into_vec()).unwrap_or_default()
    }
}

/// The key that signs, made of a secret: base64 *text* of what PBKDF2 gives, whose octets are the key (A-36).
pub fn derive_key(secret: &str, salting: &Salting) -> String {
    let mut key = vec![0; salting.keylen.min(Salting::KEYLEN_MAX) as usize];
    let (secret, salt) = (secret.as_bytes(), salting.salt.as_bytes());
    pbkdf2::pbkdf2_hmac::<Sha256>(secret, salt, salting.iterations.min(Salting::ITERATIONS_MAX), &mut key);
    BASE64.encode(key)
}

/// The signature of a challenge, as AUTHENTICATE carries it (AUTH-CRA-02).
pub fn sign(key: &[u8], challenge: &str) -> String {
    BASE64.encode(mac(key, challenge.as_bytes()))
}

/// Whether that is the signature of the challenge, in a time that does not tell how much of it is right.
pub fn verify(key: &[u8], challenge: &str, signature: &str) -> bool {
    constant_time_eq(sign(key, challenge).as_bytes(), signature.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALTING: Salting = Salting { salt: String::new(), iterations: 1000, keylen: 32 };

    /// Conformance: AUTH-CRA-02
    #[test]
    fn auth_cra_04_the_key_is_the_base64_text_of_what_was_derived() {
        let salting = Salting { salt: "salt123".to_owned(), ..SALTING };
        let key = derive_key("secret123", &salting);
        assert_eq!(key, "Eu7CQLfR+/Ffb+275A4s9/6H/RGKYxM4s6IMrsNKzC8=");
        let challenge = r#"{"authid":"peter"}"#;
        let signature = sign(key.as_bytes(), challenge);
        assert_eq!(signature, "9u91ZevXNqc7tX4jVbt4GhL5i0Z0nJ/B/HJ3uWn6kcU=");
        assert!(verify(key.as_bytes(), challenge, &signature));
    }

    #[test]
    fn auth_cra_02_nothing_else_is_the_signature() {
        let signature = sign(b"secret", "challenge");
        assert!(!verify(b"Secret", "challenge", &signature));
        assert!(!verify(b"secret", "challenge ", &signature));
        assert!(!verify(b"secret", "challenge", &signature.to_lowercase()));
        assert!(!verify(b"secret", "challenge", ""));
        assert!(!verify(b"secret", "challenge", &format!("{signature} ")));
    }

    #[test]
    fn auth_cra_01_the_challenge_is_a_json_object_with_these_names() {
        let challenge = Challenge {
            authid: r#"jo"e"#,
            authrole: "user",
            authprovider: "static",
            nonce: "n",
            timestamp: "2026-11-23T00:00:00Z",
            session: SessionId::new(9_007_199_254_740_992).unwrap(),
        };
        let parsed: serde_json::Value = serde_json::from_str(&challenge.to_json()).unwrap();
        let expected = serde_json::json!({
            "authid": "jo\"e", "authrole": "user", "authmethod": "wampcra", "authprovider": "static", "nonce": "n",
            "timestamp": "2026-11-23T00:00:00Z", "session": 9_007_199_254_740_992_u64,
        });
        assert_eq!(parsed, expected);
    }
}
