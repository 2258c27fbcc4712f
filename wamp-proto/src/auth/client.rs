//! The client's side of a log-in: what HELLO offers, the answer to CHALLENGE, and what WELCOME has to prove.

use std::fmt;

use super::scram::{self, Answer, Dialect, Kdf};
use super::wampcra::{self, Salting};
use super::{AuthMethod, cryptosign};
use crate::dict::{AuthenticateExtra, Dict, HelloDetails, WelcomeDetails};
use crate::error_uri;
use crate::message::{Abort, Authenticate, Challenge};
use crate::session::abort;
use crate::value::Value;

/// What a client proves itself with.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// Nothing.
    Anonymous,
    /// A ticket.
    Ticket(String),
    /// The secret of WAMP-CRA.
    Wampcra(String),
    /// A password, by the specification's SCRAM or by Autobahn's.
    Scram(Dialect, String),
    /// The seed of an Ed25519 key.
    Cryptosign([u8; 32]),
    /// A cookie that its HTTP client has, or the certificate that it showed in its TLS handshake.
    OfTransport(AuthMethod),
}

/// A log-in under way.
#[derive(Debug)]
pub struct Login {
    authid: Option<String>,
    credentials: Vec<Credential>,
    nonce: String,
    channel_id: Option<[u8; 32]>,
    router: Option<Router>,
    /// What was answered by SCRAM, and WELCOME has to match.
    scram: Option<(Dialect, Answer)>,
    /// The router proved itself where it had to.
    is_router_proven: bool,
}

/// The router that is to prove itself (AUTH-RTR-01).
#[derive(Clone, Debug)]
pub struct Router {
    /// Its public key.
    pub public_key: [u8; 32],
    /// What it has to sign: 32 random octets.
    pub challenge: [u8; 32],
}

/// Why a log-in comes to nothing. The answer to every one is [`LoginError::abort`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// The router challenges by a method that was not offered (AUTH-GEN-06).
    #[error("the router challenges by a method that was not offered")]
    NotOffered,
    /// CHALLENGE lacks something, or has something else in its place.
    #[error("CHALLENGE.Extra.{0} is missing, or not what it has to be")]
    Challenge(&'static str),
    /// SCRAM cannot be done with that challenge (AUTH-SCRAM-05).
    #[error(transparent)]
    Scram(#[from] scram::ScramError),
    /// The channel binding that was asked for is not active (AUTH-CB-02).
    #[error("the router does not bind to the TLS channel")]
    ChannelBinding,
    /// The router does not have the key that it should have (AUTH-RTR-01), or does not know the password
    /// (AUTH-SCRAM-10).
    #[error("the router did not prove who it is")]
    Router,
}

impl LoginError {
    /// The ABORT that answers it.
    pub fn abort(&self) -> Abort {
        abort(error_uri::CANNOT_AUTHENTICATE, &self.to_string())
    }
}

impl Credential {
    /// The method that it is for.
    pub fn method(&self) -> AuthMethod {
        match self {
            Self::Anonymous => AuthMethod::Anonymous,
            Self::Ticket(_) => AuthMethod::Ticket,
            Self::Wampcra(_) => AuthMethod::Wampcra,
            Self::Scram(dialect, _) => dialect.method(),
            Self::Cryptosign(_) => AuthMethod::Cryptosign,
            Self::OfTransport(method) => *method,
        }
    }
}

/// The method alone: the rest is secret.
impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Credential").field(&self.method()).finish()
    }
}

impl Login {
    /// A log-in by one of these credentials, the preferred first. `nonce` is canonical base64 of 16 random octets or
    /// more (AUTH-SCRAM-01).
    pub fn new(authid: Option<String>, credentials: Vec<Credential>, nonce: String) -> Self {
        Self {
            authid,
            credentials,
            nonce,
            channel_id: None,
            router: None,
            scram: None,
            is_router_proven: false,
        }
    }

    /// Binds cryptosign to the TLS channel with that ID, `tls-exporter` of RFC 9266 (AUTH-CB-01).
    #[must_use]
    pub fn bound_to(self, channel_id: [u8; 32]) -> Self {
        Self { channel_id: Some(channel_id), ..self }
    }

    /// Demands that the router proves itself, which it does by cryptosign alone (AUTH-RTR-01).
    #[must_use]
    pub fn with_router(self, router: Router) -> Self {
        Self { router: Some(router), ..self }
    }

    /// Adds to HELLO what the router has to know.
    pub fn complete(&self, details: &mut Dict<HelloDetails>) {
        let methods = self.credentials.iter().map(|credential| credential.method().as_str().into());
        details.authmethods = Some(methods.collect());
        details.authid = self.authid.as_deref().map(Into::into);
        let mut extra = Vec::new();
        for credential in &self.credentials {
            match credential {
                Credential::Scram(..) => extra.push(("nonce".to_owned(), Value::from(&*self.nonce))),
                Credential::Cryptosign(seed) => {
                    let key = cryptosign::to_hex(&cryptosign::public_key(seed));
                    extra.push(("pubkey".to_owned(), key.into()));
                    if self.channel_id.is_some() {
                        extra.push(("channel_binding".to_owned(), "tls-exporter".into()));
                    }
                    if let Some(router) = &self.router {
                        let challenge = cryptosign::to_hex(&router.challenge);
                        extra.push(("challenge".to_owned(), challenge.into()));
                    }
                }
                Credential::Anonymous
                | Credential::Ticket(_)
                | Credential::Wampcra(_)
                | Credential::OfTransport(_) => {}
            }
        }
        if !extra.is_empty() {
            details.authextra = Some(Value::Dict(extra));
        }
    }

    /// The answer to CHALLENGE.
    ///
    /// # Errors
    /// If there is none that a careful client gives.
    pub fn answer(&mut self, challenge: &Challenge) -> Result<Authenticate, LoginError> {
        let named = |credential: &&Credential| credential.method().as_str() == &*challenge.authmethod;
        let credential = self.credentials.iter().find(named).cloned().ok_or(LoginError::NotOffered)?;
        match credential {
            Credential::Ticket(ticket) => Ok(authenticate(ticket, Vec::new())),
            Credential::Wampcra(secret) => {
                let key = wampcra_key(&secret, challenge)?;
                Ok(authenticate(wampcra::sign(key.as_bytes(), text(challenge, "challenge")?), Vec::new()))
            }
            Credential::Scram(dialect, password) => self.answer_scram(dialect, &password, challenge),
            Credential::Cryptosign(seed) => self.answer_cryptosign(&seed, challenge),
            Credential::Anonymous | Credential::OfTransport(_) => Err(LoginError::NotOffered),
        }
    }

    fn answer_scram(
        &mut self,
        dialect: Dialect,
        password: &str,
        challenge: &Challenge,
    ) -> Result<Authenticate, LoginError> {
        let iterations = number(challenge, "iterations")?.ok_or(LoginError::Challenge("iterations"))?;
        let kdf = Kdf::named(text(challenge, "kdf")?, iterations, number(challenge, "memory")?)
            .ok_or(LoginError::Challenge("kdf"))?;
        let (nonce, salt) = (text(challenge, "nonce")?, text(challenge, "salt")?);
        let authid = self.authid.as_deref().unwrap_or_default();
        let answer = Answer::new(dialect, authid, password, &self.nonce, nonce, salt, kdf)?;
        let extra = match dialect {
            Dialect::Wamp => vec![
                ("nonce".to_owned(), Value::from(&*answer.nonce)),
                ("channel_binding".to_owned(), Value::Null),
            ],
            Dialect::Autobahn => Vec::new(),
        };
        let authenticate = authenticate(answer.proof.clone(), extra);
        self.scram = Some((dialect, answer));
        Ok(authenticate)
    }

    fn answer_cryptosign(
        &mut self,
        seed: &[u8; 32],
        challenge: &Challenge,
    ) -> Result<Authenticate, LoginError> {
        let is_bound = value(challenge, "channel_binding").and_then(Value::as_str) == Some("tls-exporter");
        if is_bound != self.channel_id.is_some() {
            return Err(LoginError::ChannelBinding);
        }
        let channel_id = self.channel_id.as_ref();
        if let Some(router) = &self.router {
            let key = cryptosign::parse_public_key(text(challenge, "pubkey")?).or(Err(LoginError::Router))?;
            if key != router.public_key {
                return Err(LoginError::Router);
            }
            cryptosign::verify(&key, &router.challenge, channel_id, text(challenge, "signature")?)
                .or(Err(LoginError::Router))?;
            self.is_router_proven = true;
        }
        let octets = cryptosign::parse_challenge(text(challenge, "challenge")?)
            .or(Err(LoginError::Challenge("challenge")))?;
        Ok(authenticate(cryptosign::sign(seed, &octets, channel_id), Vec::new()))
    }

    /// Checks what WELCOME proves, if it has to prove anything.
    ///
    /// # Errors
    /// If it does not.
    pub fn check(&self, welcome: &WelcomeDetails) -> Result<(), LoginError> {
        if self.router.is_some() && !self.is_router_proven {
            return Err(LoginError::Router);
        }
        let offers_scram = |method: &str| {
            let mut methods = self.credentials.iter().map(Credential::method);
            methods.any(|offered| Dialect::of(offered).is_some() && offered.as_str() == method)
        };
        let Some((dialect, answer)) = &self.scram else {
            // A router that says it was SCRAM has to have asked.
            let is_claimed = welcome.authmethod.as_deref().is_some_and(offers_scram);
            return if is_claimed { Err(LoginError::Router) } else { Ok(()) };
        };
        let key = match dialect {
            Dialect::Wamp => "verifier",
            Dialect::Autobahn => "scram_server_signature",
        };
        let signature = welcome.authextra.as_ref().and_then(|extra| extra.get(key)?.as_str());
        answer.check_server_signature(signature.unwrap_or_default()).or(Err(LoginError::Router))
    }
}

/// The key that signs the challenge; whoever has the secret can sign for the client (AUTH-CRA-05).
///
/// # Errors
/// If the challenge says how to salt the secret, and that cannot be done.
pub fn wampcra_key(secret: &str, challenge: &Challenge) -> Result<String, LoginError> {
    if value(challenge, "salt").is_none() {
        return Ok(secret.to_owned());
    }
    let bounded = |key: &'static str, usual: u32, max: u32| {
        let number = number(challenge, key)?.unwrap_or(usual);
        if number <= max { Ok(number) } else { Err(LoginError::Challenge(key)) }
    };
    let salting = Salting {
        salt: text(challenge, "salt")?.to_owned(),
        iterations: bounded("iterations", 1000, Salting::ITERATIONS_MAX)?,
        keylen: bounded("keylen", 32, Salting::KEYLEN_MAX)?,
    };
    Ok(wampcra::derive_key(secret, &salting))
}

fn authenticate(signature: String, extra: Vec<(String, Value)>) -> Authenticate {
    Authenticate { signature: signature.into(), extra: AuthenticateExtra { extra }.into() }
}

fn value<'a>(challenge: &'a Challenge, key: &str) -> Option<&'a Value> {
    let found = challenge.extra.extra.iter().find(|(name, _)| name == key);
    found.map(|(_, value)| value).filter(|value| **value != Value::Null)
}

fn text<'a>(challenge: &'a Challenge, key: &'static str) -> Result<&'a str, LoginError> {
    value(challenge, key).and_then(Value::as_str).ok_or(LoginError::Challenge(key))
}

fn number(challenge: &Challenge, key: &'static str) -> Result<Option<u32>, LoginError> {
    let number = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok());
    value(challenge, key).map(|value| number(value).ok_or(LoginError::Challenge(key))).transpose()
}
