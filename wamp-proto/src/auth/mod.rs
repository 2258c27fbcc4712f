//! TEMPORARY
#![allow(missing_docs, clippy::todo, unused)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AuthMethod {
    Anonymous,
    Ticket,
    Wampcra,
    WampScram,
    Scram,
    Cryptosign,
    Tls,
    Cookie,
}
impl AuthMethod {
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
    pub fn as_str(self) -> &'static str {
        todo!()
    }
    pub fn named(_: &str) -> Option<Self> {
        todo!()
    }
}
pub mod wampcra {
    pub struct Challenge<'a> {
        pub authid: &'a str,
        pub authrole: &'a str,
        pub authprovider: &'a str,
        pub nonce: &'a str,
        pub timestamp: &'a str,
        pub session: crate::SessionId,
    }
    impl Challenge<'_> {
        pub fn to_json(&self) -> String {
            todo!()
        }
    }
    #[derive(Clone, Debug)]
    pub struct Salting {
        pub salt: String,
        pub iterations: u32,
        pub keylen: u32,
    }
    pub fn verify(_: &[u8], _: &str, _: &str) -> bool {
        todo!()
    }
}
pub mod cryptosign {
    #[derive(Debug, thiserror::Error)]
    #[error("x")]
    pub struct CryptosignError;
    pub fn parse_public_key(_: &str) -> Result<[u8; 32], CryptosignError> {
        todo!()
    }
    pub fn parse_challenge(_: &str) -> Result<[u8; 32], CryptosignError> {
        todo!()
    }
    pub fn parse_seed(_: &str) -> Result<[u8; 32], CryptosignError> {
        todo!()
    }
    pub fn public_key(_: &[u8; 32]) -> [u8; 32] {
        todo!()
    }
    pub fn sign(_: &[u8; 32], _: &[u8; 32], _: Option<&[u8; 32]>) -> String {
        todo!()
    }
    pub fn verify(_: &[u8; 32], _: &[u8; 32], _: Option<&[u8; 32]>, _: &str) -> Result<(), CryptosignError> {
        todo!()
    }
}
pub mod scram {
    use super::AuthMethod;
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Dialect {
        Wamp,
        Autobahn,
    }
    impl Dialect {
        pub fn method(self) -> AuthMethod {
            todo!()
        }
        pub fn of(_: AuthMethod) -> Option<Self> {
            todo!()
        }
    }
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Kdf {
        Argon2id13 { iterations: u32, memory: u32 },
        Pbkdf2 { iterations: u32 },
    }
    impl Kdf {
        pub fn named(_: &str, _: u32, _: Option<u32>) -> Option<Self> {
            todo!()
        }
    }
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub struct Verifier {
        pub dialect: Dialect,
        pub kdf: Kdf,
        pub salt: Vec<u8>,
        pub stored_key: [u8; 32],
        pub server_key: [u8; 32],
    }
    #[derive(Debug, thiserror::Error)]
    #[error("x")]
    pub struct ScramError;
    impl Verifier {
        pub fn from_texts(_: Dialect, _: Kdf, _: &str, _: &str, _: &str) -> Result<Self, ScramError> {
            todo!()
        }
    }
    pub fn is_nonce(_: &str) -> bool {
        todo!()
    }
}
