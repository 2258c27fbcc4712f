//! JSON Web Tokens as tickets: who signed them, whom they name, and until when.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use std::{fs, io};

use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Map, Value};
use thiserror::Error;
use trunkline_config::{JwtAlgorithm, JwtIssuer, JwtKey};

/// How far apart the clocks of two machines may be, in seconds.
const LEEWAY_S: u64 = 10;

/// Algorithms that a key of a set may be for. Those that sign with a shared secret are not among them: a public key
/// would be taken for a secret that everybody knows.
const OF_SETS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

/// Somebody whose tokens are taken.
pub(crate) struct Issuer {
    settings: JwtIssuer,
    keys: Keys,
}

enum Keys {
    One(Algorithm, DecodingKey),
    Set(JwkSet),
}

/// Whom a token names.
pub(crate) struct Bearer {
    pub(crate) authid: String,
    pub(crate) role: String,
    pub(crate) expires: SystemTime,
}

/// Why the keys of an issuer cannot be used.
#[derive(Debug, Error)]
pub enum JwtKeyError {
    /// A file is not there, or not for us.
    #[error("cannot read {}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file holds no key of the algorithm.
    #[error("{} holds no public key of that algorithm in PEM", file.display())]
    Pem {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        source: jsonwebtoken::errors::Error,
    },
    /// A file is no JSON Web Key Set.
    #[error("{} is no JSON Web Key Set", file.display())]
    Set {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuer").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Issuer {
    /// Reads the keys.
    ///
    /// # Errors
    /// If they cannot be used.
    pub(crate) fn load(settings: &JwtIssuer) -> Result<Self, JwtKeyError> {
        let keys = match &settings.key {
            JwtKey::Secret(secret) => {
                Keys::One(Algorithm::HS256, DecodingKey::from_secret(secret.0.as_bytes()))
            }
            JwtKey::PublicKeyFile { file, algorithm } => {
                let pem = read(file)?;
                let (algorithm, key) = match algorithm {
                    JwtAlgorithm::Rs256 => (Algorithm::RS256, DecodingKey::from_rsa_pem(&pem)),
                    JwtAlgorithm::Es256 => (Algorithm::ES256, DecodingKey::from_ec_pem(&pem)),
                    JwtAlgorithm::EdDsa => (Algorithm::EdDSA, DecodingKey::from_ed_pem(&pem)),
                };
                Keys::One(algorithm, key.map_err(|source| JwtKeyError::Pem { file: file.clone(), source })?)
            }
            JwtKey::JwksFile(file) => Keys::Set(
                serde_json::from_slice(&read(file)?)
                    .map_err(|source| JwtKeyError::Set { file: file.clone(), source })?,
            ),
        };
        Ok(Self { settings: settings.clone(), keys })
    }

    /// Whom the token names, if this issuer signed it, it is for us, and its time has come and is not over.
    /// `is_role` tells which roles there are.
    pub(crate) fn verify(&self, token: &str, is_role: impl Fn(&str) -> bool) -> Option<Bearer> {
        let (algorithm, key) = match &self.keys {
            Keys::One(algorithm, key) => (*algorithm, key.clone()),
            Keys::Set(set) => key_of(set, token)?,
        };
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY_S;
        validation.validate_nbf = true;
        let mut required = vec!["exp"];
        if let Some(issuer) = &self.settings.issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        if !self.settings.audience.is_empty() {
            validation.set_audience(&self.settings.audience);
            required.push("aud");
        }
        validation.set_required_spec_claims(&required);
        let claims = decode::<Map<String, Value>>(token, &key, &validation).ok()?.claims;
        let authid = claims.get(&self.settings.authid_claim)?.as_str().filter(|authid| !authid.is_empty())?;
        let expires = claims.get("exp")?.as_f64().filter(|seconds| seconds.is_finite() && *seconds >= 0.0)?;
        let expires = Duration::try_from_secs_f64(expires).ok()?;
        Some(Bearer {
            authid: authid.to_owned(),
            role: self.role(&claims, is_role)?,
            expires: SystemTime::UNIX_EPOCH.checked_add(expires)?,
        })
    }

    fn role(&self, claims: &Map<String, Value>, is_role: impl Fn(&str) -> bool) -> Option<String> {
        let claim = self.settings.role_claim.as_ref().and_then(|claim| claims.get(claim));
        let mut named = match claim {
            None => return self.settings.role.clone(),
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            Some(name) => name.as_str().into_iter().collect::<Vec<_>>(),
        }
        .into_iter();
        named.find(|name| is_role(name)).map(str::to_owned)
    }
}

/// The key of a set that the token says it was signed with.
fn key_of(set: &JwkSet, token: &str) -> Option<(Algorithm, DecodingKey)> {
    let header = decode_header(token).ok().filter(|header| OF_SETS.contains(&header.alg))?;
    let jwk: &Jwk = match &header.kid {
        Some(kid) => set.find(kid)?,
        // Without a name there must be no choice.
        None => set.keys.first().filter(|_| set.keys.len() == 1)?,
    };
    let key = DecodingKey::from_jwk(jwk).ok()?;
    // An RSA key must not be tried with an algorithm of another family: the library compares the two.
    Some((header.alg, key))
}

fn read(file: &Path) -> Result<Vec<u8>, JwtKeyError> {
    fs::read(file).map_err(|source| JwtKeyError::Read { file: file.to_owned(), source })
}
