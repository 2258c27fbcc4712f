//! What a client says about itself: which methods HELLO offers, the answer to CHALLENGE, the check of WELCOME.
//!
//! Which methods are safe over a transport, and where secrets come from, is the caller's to know.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use zeroize::Zeroize as _;

use super::AuthMethod;
use super::cryptosign::{self, CryptosignError};
use super::scram::{self, Dialect, Kdf, ScramError};
use super::wampcra::{self, Salting};
use crate::dict::{AuthenticateExtra, ChallengeExtra, Dict, HelloDetails};
use crate::error_uri;
use crate::message::{Abort, Authenticate, Challenge, Welcome};
use crate::session::abort;
use crate::value::Value;

/// One way in which a client can prove who it is.
#[derive(Clone)]
pub enum Credential {
    /// None: whoever connects is somebody (AUTH-ANON-01).
    Anonymous,
    /// A ticket. The router sees it: it is for transports that nobody reads along (AUTH-TKT-01).
    Ticket(String),
    /// The shared secret of WAMP-CRA.
    Wampcra {
        /// The secret itself, also where the router keeps a key that was derived from it.
        secret: String,
    },
    /// Somebody else has the secret of WAMP-CRA and signs (AUTH-CRA-05).
    WampcraSigner,
    /// A password that the router never sees. Not offered beside a [`Cryptosign`](Self::Cryptosign) that is bound to
    /// its channel: HELLO has one channel binding for all methods, and here SCRAM has none.
    Scram {
        /// Which SCRAM.
        dialect: Dialect,
        /// The password.
        password: String,
    },
    /// An Ed25519 key.
    Cryptosign {
        /// The seed of the private key.
        seed: [u8; 32],
        /// The TLS channel that the signature is valid on; none for any (AUTH-CB-01).
        channel: Option<Channel>,
        /// What the router has to prove first (AUTH-RTR-01).
        router: Option<ExpectedRouter>,
    },
    /// The certificate of the TLS client (AUTH-TRN-02).
    Tls,
    /// The cookie that the transport brought along (AUTH-TRN-02).
    Cookie,
}

/// A TLS channel, as both of its ends know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// The channel binding: `tls-exporter` or `tls-unique`.
    pub binding: String,
    /// What the channel is known by.
    pub id: [u8; 32],
}

/// The router that a client wants to speak to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedRouter {
    /// Its public key, known beforehand: a key that comes with the proof would prove nothing.
    pub public_key: [u8; 32],
    /// What it has to sign: random, fresh for each session.
    pub challenge: [u8; 32],
}

/// One attempt of a client to log in, from HELLO to WELCOME.
#[derive(Debug)]
pub struct Login {
    authid: Option<String>,
    credentials: Vec<Credential>,
    nonce: String,
    scram: Option<(Dialect, scram::Answer)>,
    has_proven_router: bool,
}

/// What a client does about CHALLENGE.
#[derive(Debug)]
pub enum Answer {
    /// Send it.
    Authenticate(Authenticate),
    /// Have somebody sign that text, exactly as it is, and send [`Answer::signed`] (AUTH-CRA-05).
    ToSign(String),
}

/// Why a client goes no further.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The router challenges by a method that HELLO did not offer (AUTH-GEN-06).
    #[error("CHALLENGE is of a method that was not offered")]
    NotOffered,
    /// A key of CHALLENGE.Extra is missing, or is not what it has to be.
    #[error("CHALLENGE.Extra.{0} is missing, or not what it has to be")]
    Extra(&'static str),
    /// The derivation of a key that no client should undertake, or be content with (AUTH-SCRAM-05).
    #[error("CHALLENGE asks for a key derivation that is too weak, or too dear")]
    Costs,
    /// The router does not bind to the channel, or not as it was asked to (AUTH-CB-02).
    #[error("the channel binding is not the one that was asked for")]
    ChannelBinding,
    /// SCRAM cannot go on.
    #[error(transparent)]
    Scram(#[from] ScramError),
    /// The router is not the expected one (AUTH-RTR-01).
    #[error("the router does not prove who it is: {0}")]
    Router(CryptosignError),
    /// WELCOME came without a proof that every credential asks for (AUTH-SCRAM-10, AUTH-RTR-01).
    #[error("the router did not prove who it is")]
    Unproven,
}

impl Credential {
    /// The method that it is for.
    pub const fn method(&self) -> AuthMethod {
        match self {
            Self::Anonymous => AuthMethod::Anonymous,
            Self::Ticket(_) => AuthMethod::Ticket,
            Self::Wampcra { .. } | Self::WampcraSigner => AuthMethod::Wampcra,
            Self::Scram { dialect, .. } => dialect.method(),
            Self::Cryptosign { .. } => AuthMethod::Cryptosign,
            Self::Tls => AuthMethod::Tls,
            Self::Cookie => AuthMethod::Cookie,
        }
    }

    /// Whether the router proves itself too.
    const fn proves_router(&self) -> bool {
        matches!(self, Self::Scram { .. } | Self::Cryptosign { router: Some(_), .. })
    }

    const fn bound_to(&self) -> Option<&Channel> {
        match self {
            Self::Cryptosign { channel, .. } => channel.as_ref(),
            _ => None,
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({})", self.method().as_str())
    }
}

impl Drop for Credential {
    fn drop(&mut self) {
        match self {
            Self::Ticket(secret) | Self::Wampcra { secret } | Self::Scram { password: secret, .. } => {
                secret.zeroize();
            }
            Self::Cryptosign { seed, .. } => seed.zeroize(),
            Self::Anonymous | Self::WampcraSigner | Self::Tls | Self::Cookie => {}
        }
    }
}

impl Login {
    /// With these credentials, the preferred first. `nonce` is random, fresh for each session; SCRAM shows it to the
    /// router.
    pub fn new(authid: Option<&str>, credentials: Vec<Credential>, nonce: [u8; 24]) -> Self {
        Self {
            authid: authid.map(str::to_owned),
            credentials,
            // Crossbar.io appends its own nonce to the octets of this one, not to the text. For whole groups of three
            // octets, that is the same.
            nonce: BASE64.encode(nonce),
            scram: None,
            has_proven_router: false,
        }
    }

    /// The credentials that go together.
    fn offered(&self) -> impl Iterator<Item = &Credential> {
        let is_bound = self.credentials.iter().any(|credential| credential.bound_to().is_some());
        let fits = move |credential: &&Credential| !is_bound || Dialect::of(credential.method()).is_none();
        self.credentials.iter().filter(fits)
    }

    /// Adds to HELLO.Details who the client is, and how it can prove that (AUTH-GEN-01). Other keys of `authextra` stay.
    pub fn hello(&self, details: &mut HelloDetails) {
        details.authid = self.authid.as_deref().map(Into::into);
        details.authmethods = Some(self.offered().map(|offered| offered.method().as_str().into()).collect());
        let mut extra = match details.authextra.take() {
            Some(Value::Dict(entries)) => entries,
            _ => Vec::new(),
        };
        let mut add = |key: &str, value: Value| {
            if !extra.iter().any(|(known, _)| known == key) {
                extra.push((key.to_owned(), value));
            }
        };
        for credential in self.offered() {
            match credential {
                Credential::Scram { .. } => add("nonce", self.nonce.as_str().into()),
                Credential::Cryptosign { seed, channel, router } => {
                    add("pubkey", cryptosign::to_hex(&cryptosign::public_key(seed)).into());
                    if let Some(channel) = channel {
                        add("channel_binding", channel.binding.as_str().into());
                    }
                    if let Some(router) = router {
                        add("challenge", cryptosign::to_hex(&router.challenge).into());
                    }
                }
                _ => {}
            }
        }
        details.authextra = (!extra.is_empty()).then_some(Value::Dict(extra));
    }

    /// Answers CHALLENGE. A router may challenge more than once (AUTH-GEN-02).
    ///
    /// # Errors
    /// If the client should not answer: send [`Refusal::abort`] and close.
    pub fn answer(&mut self, challenge: &Challenge) -> Result<Answer, Refusal> {
        let credential = self.offered().find(|offered| challenge.authmethod == offered.method().as_str());
        let extra = &challenge.extra;
        match credential.ok_or(Refusal::NotOffered)? {
            Credential::Anonymous | Credential::Tls | Credential::Cookie => Err(Refusal::NotOffered),
            Credential::Ticket(ticket) => Ok(Answer::signed(ticket)),
            Credential::Wampcra { secret } => {
                let text = text(extra, "challenge")?;
                let signature = match salting(extra)? {
                    None => wampcra::sign(secret.as_bytes(), text),
                    Some(salting) => wampcra::sign(wampcra::derive_key(secret, &salting).as_bytes(), text),
                };
                Ok(Answer::signed(&signature))
            }
            Credential::WampcraSigner => Ok(Answer::ToSign(text(extra, "challenge")?.to_owned())),
            Credential::Scram { dialect, password } => {
                let dialect = *dialect;
                let answer = self.scram(dialect, password, extra)?;
                let extra = match dialect {
                    Dialect::Wamp => AuthenticateExtra {
                        extra: vec![
                            ("nonce".to_owned(), answer.nonce.as_str().into()),
                            ("channel_binding".to_owned(), Value::Null),
                            ("cbind_data".to_owned(), Value::Null),
                        ],
                    }
                    .into(),
                    Dialect::Autobahn => Dict::new(),
                };
                let signature = answer.proof.as_str().into();
                self.scram = Some((dialect, answer));
                Ok(Answer::Authenticate(Authenticate { signature, extra }))
            }
            Credential::Cryptosign { seed, channel, router } => {
                let wanted = cryptosign::parse_challenge(text(extra, "challenge")?);
                let wanted = wanted.or(Err(Refusal::Extra("challenge")))?;
                let binding =
                    value(extra, "channel_binding").map(|binding| binding.as_str().unwrap_or_default());
                if binding != channel.as_ref().map(|channel| channel.binding.as_str()) {
                    return Err(Refusal::ChannelBinding);
                }
                let channel_id = channel.as_ref().map(|channel| &channel.id);
                let signature = cryptosign::sign(seed, &wanted, channel_id);
                if let Some(ExpectedRouter { public_key, challenge }) = router {
                    if cryptosign::parse_public_key(text(extra, "pubkey")?).map_err(Refusal::Router)?
                        != *public_key
                    {
                        return Err(Refusal::Router(CryptosignError::OtherKey));
                    }
                    let proof = text(extra, "signature")?;
                    cryptosign::verify(public_key, challenge, channel_id, proof).map_err(Refusal::Router)?;
                    self.has_proven_router = true;
                }
                Ok(Answer::signed(&signature))
            }
        }
    }

    fn scram(
        &self,
        dialect: Dialect,
        password: &str,
        extra: &ChallengeExtra,
    ) -> Result<scram::Answer, Refusal> {
        let iterations = number(extra, "iterations")?.ok_or(Refusal::Extra("iterations"))?;
        let kdf = Kdf::named(text(extra, "kdf")?, iterations, number(extra, "memory")?);
        let kdf = kdf.ok_or(Refusal::Extra("kdf"))?;
        if !kdf.is_strong() {
            return Err(Refusal::Costs);
        }
        let authid = self.authid.as_deref().unwrap_or_default();
        let (nonce, salt) = (text(extra, "nonce")?, text(extra, "salt")?);
        Ok(scram::Answer::new(dialect, authid, password, &self.nonce, nonce, salt, kdf)?)
    }

    /// Checks that WELCOME comes from a router that proved itself, if the client asked for that (AUTH-SCRAM-10).
    ///
    /// # Errors
    /// If it did not: send [`Refusal::abort`] and close.
    pub fn check_welcome(&self, welcome: &Welcome) -> Result<(), Refusal> {
        let Some((dialect, answer)) = &self.scram else {
            // Else whoever has no proof would just leave out CHALLENGE.
            let needs_proof = self.offered().count() > 0 && self.offered().all(Credential::proves_router);
            return if needs_proof && !self.has_proven_router { Err(Refusal::Unproven) } else { Ok(()) };
        };
        let authextra = welcome.details.authextra.as_ref();
        let verifier = authextra.and_then(|extra| extra.get(dialect.server_signature_key())?.as_str());
        Ok(answer.check_server_signature(verifier.ok_or(Refusal::Unproven)?)?)
    }
}

impl Answer {
    /// AUTHENTICATE with that signature, and nothing else.
    pub fn signed(signature: &str) -> Self {
        Self::Authenticate(Authenticate { signature: signature.into(), extra: Dict::new() })
    }
}

impl Refusal {
    /// The ABORT that ends the session (SES-12).
    pub fn abort(&self) -> Abort {
        abort(error_uri::CANNOT_AUTHENTICATE, &self.to_string())
    }
}

/// How WAMP-CRA derives its key, if it does; with what is left out as deployed routers mean it.
fn salting(extra: &ChallengeExtra) -> Result<Option<Salting>, Refusal> {
    let Some(salt) = value(extra, "salt") else { return Ok(None) };
    let salt = salt.as_str().ok_or(Refusal::Extra("salt"))?.to_owned();
    let iterations = number(extra, "iterations")?.unwrap_or(Salting::ITERATIONS_DEFAULT);
    let keylen = number(extra, "keylen")?.unwrap_or(Salting::KEYLEN_DEFAULT);
    let salting = Salting { salt, iterations, keylen };
    if salting.is_bearable() { Ok(Some(salting)) } else { Err(Refusal::Costs) }
}

/// The value of that key. null says as much as no key.
fn value<'a>(extra: &'a ChallengeExtra, key: &str) -> Option<&'a Value> {
    extra
        .extra
        .iter()
        .find(|(name, _)| name == key)
        .map(|(_, value)| value)
        .filter(|value| **value != Value::Null)
}

fn text<'a>(extra: &'a ChallengeExtra, key: &'static str) -> Result<&'a str, Refusal> {
    value(extra, key).and_then(Value::as_str).ok_or(Refusal::Extra(key))
}

fn number(extra: &ChallengeExtra, key: &'static str) -> Result<Option<u32>, Refusal> {
    let number = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok());
    value(extra, key).map(|value| number(value).ok_or(Refusal::Extra(key))).transpose()
}
