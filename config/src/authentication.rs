//! `[authentication]`, `[[realms.principals]]`, `[[realms.authenticators]]`, `[[realms.jwt]]` and
//! `[realms.authorizer]`: who gets in, by what proof, and who else is asked.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
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
    /// that ask for it (AUTH-RTR-01). The salts of names that nobody has follow from it, too (AUTH-SCRAM-03).
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

impl Principal {
    /// Somebody without any credential yet.
    pub fn new(authid: &str, role: &str) -> Self {
        Self {
            authid: authid.to_owned(),
            role: role.to_owned(),
            tickets: Vec::new(),
            wampcra: Vec::new(),
            scram: Vec::new(),
            cryptosign: Vec::new(),
            certificates: Vec::new(),
        }
    }

    /// The methods by which it can log in.
    pub fn methods(&self) -> impl Iterator<Item = AuthMethod> {
        let methods = [
            (!self.tickets.is_empty(), AuthMethod::Ticket),
            (!self.wampcra.is_empty(), AuthMethod::Wampcra),
            (!self.cryptosign.is_empty(), AuthMethod::Cryptosign),
            (!self.certificates.is_empty(), AuthMethod::Tls),
        ];
        let methods = methods.into_iter().filter_map(|(is_there, method)| is_there.then_some(method));
        methods.chain(self.scram.iter().map(|verifier| verifier.dialect.method()))
    }
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
    /// One of its subject alternative names: `dns:`, `uri:`, `email:` or `ip:`, and the name. A DNS name is in lower
    /// case, an address as Rust writes it.
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

/// A text that is no [`CertificateName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected sha256: and 64 hexadecimal digits, or dns:, uri:, email: or ip: and a name")]
pub struct ParseCertificateNameError;

impl FromStr for CertificateName {
    type Err = ParseCertificateNameError;

    fn from_str(text: &str) -> Result<Self, ParseCertificateNameError> {
        let (kind, name) = text.split_once(':').ok_or(ParseCertificateNameError)?;
        let name = match kind {
            "sha256" => {
                return parse_fingerprint(name).map(Self::Fingerprint).ok_or(ParseCertificateNameError);
            }
            "dns" => name.to_ascii_lowercase(),
            "ip" => name.parse::<IpAddr>().or(Err(ParseCertificateNameError))?.to_string(),
            "uri" | "email" => name.to_owned(),
            _ => return Err(ParseCertificateNameError),
        };
        if name.is_empty() {
            return Err(ParseCertificateNameError);
        }
        Ok(Self::AlternativeName(format!("{kind}:{name}")))
    }
}

/// Reads 64 hexadecimal digits, also in pairs between colons, as other programs print them.
fn parse_fingerprint(text: &str) -> Option<[u8; 32]> {
    let digits = text.bytes().filter(|octet| *octet != b':');
    let digits: Vec<_> = digits.map(|digit| char::from(digit).to_digit(16)).collect::<Option<_>>()?;
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    let octets: Vec<_> = pairs.iter().filter_map(|[high, low]| u8::try_from(high * 16 + low).ok()).collect();
    octets.try_into().ok()
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
