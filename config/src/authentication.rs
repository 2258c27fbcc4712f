//! `[authentication]`, `[[realms.principals]]`, `[[realms.authenticators]]`, `[[realms.jwt]]` and
//! `[realms.authorizer]`: who gets in, by what proof, and who else is asked.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use wamp_proto::auth::AuthMethod;
use wamp_proto::auth::scram;

/// How much work authentication may make, and how failures slow it down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authentication {
    /// Tickets whose hash is computed at a time; each takes a core, and the memory that its hash says.
    pub hashes_max: usize,
    /// Failures of one source address with one authid that cost nothing. Beyond them, each doubles the time in
    /// which that address is refused with that authid.
    pub failures_free: u32,
    /// The same for one source address, whatever the authid: many users may share an address.
    pub failures_free_per_address: u32,
    /// How long the first failure beyond those shuts out.
    pub failure_delay: Duration,
    /// How long any failure shuts out at most, and how long it is remembered.
    pub failure_delay_max: Duration,
    /// Seed of the Ed25519 key, 64 hexadecimal digits, by which the router proves itself to clients of `cryptosign`
    /// that ask for it (AUTH-RTR-01).
    pub router_key: Option<Secret>,
}

/// Somebody whom a realm knows by credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The principal's name, the authid of its sessions.
    pub authid: String,
    /// Name of one of the realm's roles.
    pub role: String,
    /// Hashes of tickets, each an argon2id PHC string (AUTH-TKT-01).
    pub tickets: Vec<Secret>,
    /// Secrets of WAMP-CRA. All are salted in the same way: the CHALLENGE names one salt (AUTH-CRA-04).
    pub wampcra: Vec<WampcraCredential>,
    /// What proves knowledge of a password by SCRAM, at most one for each dialect (AUTH-SCRAM-12).
    pub scram: Vec<scram::Verifier>,
    /// Ed25519 public keys (AUTH-CS-01). Each belongs to one principal of the realm.
    pub cryptosign: Vec<[u8; 32]>,
    /// Certificates of TLS clients. Each name belongs to one principal of the realm.
    pub certificates: Vec<CertificateName>,
}

/// The key that signs challenges of WAMP-CRA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WampcraCredential {
    /// The secret itself.
    Secret(Secret),
    /// A key that was derived from it, and how.
    Derived {
        /// Base64 text of the derived key.
        key: Secret,
        /// Octets of the salt are those of this text.
        salt: String,
        /// Rounds of PBKDF2-HMAC-SHA256.
        iterations: u32,
        /// Octets of the derived key.
        keylen: u32,
    },
}

/// By what a TLS client's certificate is known.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CertificateName {
    /// SHA-256 of its DER: `sha256:` and 64 hexadecimal digits.
    Fingerprint([u8; 32]),
    /// One of its subject alternative names: `dns:`, `uri:`, `email:` or `ip:`, and the name.
    AlternativeName(String),
}

/// A procedure that is asked who a session is (dynamic authenticator).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authenticator {
    /// The methods for which it is asked, about sessions that are no configured principal's.
    pub methods: Vec<AuthMethod>,
    /// The procedure.
    pub procedure: String,
    /// The realm where it is registered; none stands for the realm that the session wants to join.
    pub realm: Option<String>,
    /// How long its answer may take. Without one, the session is refused.
    pub timeout: Duration,
}

/// JSON Web Tokens that are taken as tickets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtIssuer {
    /// What the claim `iss` has to be; none stands for anything.
    pub issuer: Option<String>,
    /// One of what the claim `aud` has to name; empty if the claim must not be there.
    pub audience: Vec<String>,
    /// What verifies the signature.
    pub key: JwtKey,
    /// The claim that has the authid.
    pub authid_claim: String,
    /// The claim that names the role: a text or a list of texts, of which the first role of the realm counts.
    pub role_claim: Option<String>,
    /// The role of tokens without that claim. Without it, they are refused.
    pub role: Option<String>,
}

/// What verifies the signature of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JwtKey {
    /// HS256 with that secret.
    Secret(Secret),
    /// RS256, ES256 or EdDSA with the public key in that PEM file.
    PublicKeyFile {
        /// The file.
        file: PathBuf,
        /// Which of them.
        algorithm: JwtAlgorithm,
    },
    /// The keys in that JSON Web Key Set file, by `kid`.
    JwksFile(PathBuf),
}

/// How a token is signed with a private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwtAlgorithm {
    /// RSA PKCS #1 v1.5 with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

/// The procedure that decides where a permission says `ask`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorizer {
    /// The procedure.
    pub procedure: String,
    /// The realm where it is registered; none stands for this one.
    pub realm: Option<String>,
    /// How long its answer may take. Without one, the request is refused (AUTHZ-02).
    pub timeout: Duration,
    /// Answers that are remembered.
    pub cache_max: usize,
    /// How long an answer is remembered; zero remembers none.
    pub cache_age: Duration,
}

/// The cookie by which a browser that logged in once joins again (`cookie`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    /// How long it is valid from the last time that it was used.
    pub max_age: Duration,
    /// Cookies that are remembered at a time; beyond, the one that was used longest ago goes.
    pub cookies_max: usize,
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Default for Authentication {
    fn default() -> Self {
        Self {
            hashes_max: 2,
            failures_free: 3,
            failures_free_per_address: 20,
            failure_delay: Duration::from_secs(1),
            failure_delay_max: Duration::from_secs(60),
            router_key: None,
        }
    }
}
