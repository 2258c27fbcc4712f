//! Tables about who gets in: principals and their credentials, and who else is asked.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use wamp_proto::auth::cryptosign::parse_public_key;
use wamp_proto::auth::scram::{Dialect, Kdf, ScramError, Verifier};
use wamp_proto::auth::wampcra::Salting;

use super::{AGE_S, COUNT, DAY_MS, ENTRIES_MAX, FILE_PATH, NAME, TIMEOUT};
use crate::file::read::{
    Hidden, Integer, Keys, List, Milliseconds, Misfit, SECRET, Seconds, Shaped, Table, Text, Whole, Word,
    table, whole_tables,
};
use crate::{
    AuthMethod, Authentication, Authenticator, Authorizer, CertificateName, Cookie, JwtAlgorithm, JwtIssuer,
    JwtKey, Principal, RealmRules, Secret, WampcraCredential,
};

/// KiB that one hash may take: a GiB.
const HASH_MEMORY: RangeInclusive<u32> = 8..=1 << 20;
/// Passes over that memory.
const HASH_ITERATIONS: RangeInclusive<u32> = 1..=100;
/// Lanes of that memory. One core computes them all.
const HASH_LANES_MAX: u32 = 16;
/// Iterations that any function takes. Which make sense, the function itself says.
const ITERATIONS: RangeInclusive<u32> = 1..=10_000_000;

/// The methods that a listener can be restricted to.
pub(super) const AUTHMETHOD: Word<AuthMethod> = Word(&[
    (AuthMethod::Anonymous.as_str(), AuthMethod::Anonymous),
    (AuthMethod::Ticket.as_str(), AuthMethod::Ticket),
    (AuthMethod::Wampcra.as_str(), AuthMethod::Wampcra),
    (AuthMethod::WampScram.as_str(), AuthMethod::WampScram),
    (AuthMethod::Scram.as_str(), AuthMethod::Scram),
    (AuthMethod::Cryptosign.as_str(), AuthMethod::Cryptosign),
    (AuthMethod::Tls.as_str(), AuthMethod::Tls),
    (AuthMethod::Cookie.as_str(), AuthMethod::Cookie),
]);

/// The methods about which an authenticator can be asked. A cookie stands for a session that was let in before.
const ASKED_METHOD: Word<AuthMethod> = Word(&[
    (AuthMethod::Anonymous.as_str(), AuthMethod::Anonymous),
    (AuthMethod::Ticket.as_str(), AuthMethod::Ticket),
    (AuthMethod::Wampcra.as_str(), AuthMethod::Wampcra),
    (AuthMethod::WampScram.as_str(), AuthMethod::WampScram),
    (AuthMethod::Scram.as_str(), AuthMethod::Scram),
    (AuthMethod::Cryptosign.as_str(), AuthMethod::Cryptosign),
    (AuthMethod::Tls.as_str(), AuthMethod::Tls),
]);

const TICKET: Hidden<Secret> = Hidden { expected: "the argon2id hash of a ticket", parse: parse_ticket };

const PUBLIC_KEY: Shaped<[u8; 32]> = Shaped {
    expected: "an Ed25519 public key, 64 hexadecimal digits",
    parse: |text, _| parse_public_key(text).ok(),
};

const ROUTER_KEY: Hidden<Secret> = Hidden {
    expected: "the seed of an Ed25519 key, 64 hexadecimal digits",
    parse: |text| {
        let is_seed = text.len() == 64 && text.bytes().all(|octet| octet.is_ascii_hexdigit());
        let misfit = Misfit { label: "this does not fit", help: "make one with `trunkline keygen`" };
        if is_seed { Ok(Secret(text.to_owned())) } else { Err(misfit) }
    },
};

const CERTIFICATE_NAME: Shaped<CertificateName> = Shaped {
    expected: "the name of a certificate: `sha256:` and 64 hexadecimal digits, or `dns:`, `uri:`, `email:` or `ip:` \
               and one of its subject alternative names",
    parse: |text, _| text.parse().ok(),
};

/// A hash that the router can check in a time, and with memory, that it can spare for one session.
fn parse_ticket(text: &str) -> Result<Secret, Misfit> {
    if !text.starts_with('$') {
        return Err(Misfit {
            label: "this is plain text",
            help: "a ticket must be hashed: `trunkline passwd`",
        });
    }
    let misfit = Misfit {
        label: "this is no such hash",
        help: "it begins with `$argon2id$v=19$m=`; make one with `trunkline passwd`",
    };
    let Ok(hash) = PasswordHash::new(text) else { return Err(misfit) };
    let is_argon2id = hash.algorithm.as_str() == argon2::Algorithm::Argon2id.as_str();
    let is_whole =
        hash.version == Some(argon2::Version::V0x13.into()) && hash.salt.is_some() && hash.hash.is_some();
    let Ok(costs) = argon2::Params::try_from(&hash) else { return Err(misfit) };
    if !is_argon2id || !is_whole {
        return Err(misfit);
    }
    let can_bear = HASH_MEMORY.contains(&costs.m_cost())
        && HASH_ITERATIONS.contains(&costs.t_cost())
        && costs.p_cost() <= HASH_LANES_MAX;
    if !can_bear {
        return Err(Misfit {
            label: "this would cost the router too much",
            help: "costs are 1 GiB (m=1048576), 100 iterations (t=100) and 16 lanes (p=16) at most",
        });
    }
    Ok(Secret(text.to_owned()))
}

/// A number of a range that `u32` has.
fn number(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The range of such numbers.
fn range(numbers: &RangeInclusive<u32>) -> Integer {
    Integer(*numbers.start() as usize..=*numbers.end() as usize)
}

impl Table for Authentication {
    fn blank() -> Self {
        Self::default()
    }

    fn describe(keys: &mut Keys<Self>) {
        keys.optional(
            "hashes_max",
            Integer(1..=1024),
            "Tickets whose hash is computed at a time; each takes a core, and the memory that its hash says.",
            |authentication, count| authentication.hashes_max = count,
        );
        keys.optional(
            "failures_free",
            Integer(0..=ENTRIES_MAX),
            "Failures of one source address with one authid that cost nothing. Each one more doubles the time in which \
             the address is refused with that authid.",
            |authentication, count| authentication.failures_free = number(count),
        );
        keys.optional(
            "failures_free_per_address",
            Integer(0..=ENTRIES_MAX),
            "The same for one source address, whatever the authid.",
            |authentication, count| authentication.failures_free_per_address = number(count),
        );
        keys.optional(
            "failure_delay_ms",
            Milliseconds(0..=DAY_MS),
            "How long the first failure beyond those shuts out, in milliseconds.",
            |authentication, delay| authentication.failure_delay = delay,
        );
        keys.optional(
            "failure_delay_max_ms",
            Milliseconds(0..=DAY_MS),
            "How long any failure shuts out at most, and how long it is remembered, in milliseconds.",
            |authentication, delay| authentication.failure_delay_max = delay,
        );
        keys.optional(
            "router_key",
            ROUTER_KEY,
            "Seed of the Ed25519 key, 64 hexadecimal digits, by which the router proves itself to clients of \
             `cryptosign` that ask for it.",
            |authentication, key| authentication.router_key = Some(key),
        );
    }
}

/// Adds the keys of realms and templates that say who gets in.
pub(super) fn describe_rules<T: Table>(keys: &mut Keys<T>, rules: fn(&mut T) -> &mut RealmRules) {
    keys.optional("principals", super::tables(), "Who is known by credentials.", move |table, principals| {
        rules(table).principals = principals
    });
    keys.optional(
        "authenticators",
        super::tables(),
        "Procedures that are asked about sessions that are no principal's.",
        move |table, authenticators| rules(table).authenticators = authenticators,
    );
    keys.optional(
        "jwt",
        whole_tables::<JwtTable>(),
        "Whose tokens are taken as tickets.",
        move |table, jwt| {
            rules(table).jwt = jwt;
        },
    );
    keys.optional(
        "authorizer",
        table(),
        "The procedure that decides where a permission says `ask`.",
        move |table, authorizer| rules(table).authorizer = Some(authorizer),
    );
}

impl Table for Principal {
    fn blank() -> Self {
        Self {
            authid: String::new(),
            role: String::new(),
            tickets: Vec::new(),
            wampcra: Vec::new(),
            scram: Vec::new(),
            cryptosign: Vec::new(),
            certificates: Vec::new(),
        }
    }

    fn describe(keys: &mut Keys<Self>) {
        keys.required(
            "authid",
            NAME,
            "The principal's name, the authid of its sessions.",
            |principal, authid| principal.authid = authid,
        );
        keys.required("role", NAME, "Name of one of the realm's roles.", |principal, role| {
            principal.role = role;
        });
        keys.optional(
            "tickets",
            List { item: TICKET, min: 1 },
            "Hashes of tickets, as `trunkline passwd` makes them: argon2id PHC strings.",
            |principal, tickets| principal.tickets = tickets,
        );
        keys.optional(
            "wampcra",
            whole_tables::<WampcraTable>(),
            "Secrets of WAMP-CRA, all salted in the same way.",
            |principal, credentials| principal.wampcra = credentials,
        );
        keys.optional(
            "scram",
            whole_tables::<ScramTable>(),
            "What proves knowledge of a password by SCRAM, at most one for each dialect.",
            |principal, verifiers| principal.scram = verifiers,
        );
        keys.optional(
            "cryptosign",
            List { item: PUBLIC_KEY, min: 1 },
            "Ed25519 public keys, 64 hexadecimal digits each.",
            |principal, public_keys| principal.cryptosign = public_keys,
        );
        keys.optional(
            "certificates",
            List { item: CERTIFICATE_NAME, min: 1 },
            "Certificates of TLS clients: `sha256:` and 64 hexadecimal digits, or `dns:`, `uri:`, `email:` or `ip:` and a \
             subject alternative name.",
            |principal, names| principal.certificates = names,
        );
    }
}

/// `wampcra` of a principal: the secret, or what was derived from it.
struct WampcraTable {
    secret: Option<Secret>,
    key: Option<Secret>,
    salt: Option<String>,
    iterations: Option<u32>,
    keylen: Option<u32>,
}

impl Table for WampcraTable {
    fn blank() -> Self {
        Self { secret: None, key: None, salt: None, iterations: None, keylen: None }
    }

    fn describe(keys: &mut Keys<Self>) {
        keys.optional("secret", SECRET, "The secret itself.", |table, secret| table.secret = Some(secret));
        keys.optional(
            "key",
            SECRET,
            "Instead of the secret: the key that was derived from it, in base64.",
            |table, key| table.key = Some(key),
        );
        keys.optional(
            "salt",
            NAME,
            "Salt of a derived key: its octets are those of this text.",
            |table, salt| table.salt = Some(salt),
        );
        keys.optional(
            "iterations",
            range(&(1..=Salting::ITERATIONS_MAX)),
            "Rounds of PBKDF2-HMAC-SHA256 that derive the key; 1000 if it is not given.",
            |table, iterations| table.iterations = Some(number(iterations)),
        );
        keys.optional(
            "keylen",
            range(&(1..=Salting::KEYLEN_MAX)),
            "Octets of a derived key, before base64; 32 if it is not given.",
            |table, octets| table.keylen = Some(number(octets)),
        );
    }
}

impl Whole for WampcraTable {
    type Setting = WampcraCredential;

    fn whole(self) -> Result<WampcraCredential, Misfit> {
        let is_derived = self.salt.is_some() || self.iterations.is_some() || self.keylen.is_some();
        let keylen = self.keylen.unwrap_or(32);
        match (self.secret, self.key, self.salt) {
            (Some(secret), None, None) if !is_derived => Ok(WampcraCredential::Secret(secret)),
            (None, Some(key), Some(_)) if key.0.len() != keylen.div_ceil(3) as usize * 4 => Err(Misfit {
                label: "`key` is not the base64 of `keylen` octets",
                help: "make it with `trunkline passwd --method wampcra-salted`",
            }),
            (None, Some(key), Some(salt)) => {
                let iterations = self.iterations.unwrap_or(1000);
                Ok(WampcraCredential::Derived { key, salt, iterations, keylen })
            }
            _ => Err(Misfit {
                label: "neither a secret nor a derived key",
                help: "give `secret` alone, or `key` and `salt` with `iterations` and `keylen`",
            }),
        }
    }
}

/// `scram` of a principal.
struct ScramTable {
    dialect: Dialect,
    is_argon2: bool,
    iterations: u32,
    memory: Option<u32>,
    salt: String,
    stored_key: String,
    server_key: String,
}

impl Table for ScramTable {
    fn blank() -> Self {
        Self {
            dialect: Dialect::Wamp,
            is_argon2: true,
            iterations: 0,
            memory: None,
            salt: String::new(),
            stored_key: String::new(),
            server_key: String::new(),
        }
    }

    fn describe(keys: &mut Keys<Self>) {
        keys.required(
            "dialect",
            Word(&[("wamp-scram", Dialect::Wamp), ("scram", Dialect::Autobahn)]),
            "The method: \"wamp-scram\" as the specification has it, or \"scram\" as Autobahn has it.",
            |table, dialect| table.dialect = dialect,
        );
        keys.required(
            "kdf",
            Word(&[("argon2id13", true), ("pbkdf2", false)]),
            "How the password is hashed: \"argon2id13\" or \"pbkdf2\".",
            |table, is_argon2| table.is_argon2 = is_argon2,
        );
        keys.required(
            "iterations",
            range(&ITERATIONS),
            "Iterations; of pbkdf2, 4096 at least.",
            |table, iterations| table.iterations = number(iterations),
        );
        keys.optional(
            "memory",
            range(&HASH_MEMORY),
            "KiB of memory that argon2id13 takes.",
            |table, memory| {
                table.memory = Some(number(memory));
            },
        );
        keys.required("salt", NAME, "The salt, in base64.", |table, salt| table.salt = salt);
        keys.required("stored_key", SECRET, "StoredKey, in base64.", |table, key| table.stored_key = key.0);
        keys.required("server_key", SECRET, "ServerKey, in base64.", |table, key| table.server_key = key.0);
    }
}

impl Whole for ScramTable {
    type Setting = Verifier;

    fn whole(self) -> Result<Verifier, Misfit> {
        let iterations = self.iterations;
        let kdf = match self.memory {
            Some(memory) if self.is_argon2 => Some(Kdf::Argon2id13 { iterations, memory }),
            None if !self.is_argon2 => Some(Kdf::Pbkdf2 { iterations }),
            _ => None,
        };
        let Some(kdf) = kdf.filter(|kdf| kdf.check().is_ok()) else {
            return Err(Misfit {
                label: "no client would take these costs",
                help: "\"argon2id13\" needs `memory`, and `memory` times `iterations` is 16777216 at most; \"pbkdf2\" has no \
                       `memory`, and 4096 `iterations` at least",
            });
        };
        let Self { dialect, salt, stored_key, server_key, .. } = self;
        match Verifier::from_texts(dialect, kdf, &salt, &stored_key, &server_key) {
            Ok(verifier) if verifier.salt.len() >= argon2::MIN_SALT_LEN => Ok(verifier),
            Err(ScramError::Kdf) => Err(Misfit {
                label: "the dialect \"scram\" has no \"pbkdf2\"",
                help: "its clients compute \"argon2id13\" alone; \"wamp-scram\" has both",
            }),
            _ => Err(Misfit {
                label: "salt or keys are not what they must be",
                help: "all are base64, the keys of 32 octets and the salt of 8 at least: make them with `trunkline \
                       passwd`",
            }),
        }
    }
}

impl Table for Authenticator {
    fn blank() -> Self {
        Self { methods: Vec::new(), procedure: String::new(), realm: None, timeout: Duration::from_secs(5) }
    }

    fn describe(keys: &mut Keys<Self>) {
        keys.required(
            "methods",
            List { item: ASKED_METHOD, min: 1 },
            "The methods for which it is asked.",
            |authenticator, methods| authenticator.methods = methods,
        );
        keys.required(
            "procedure",
            Text,
            "The procedure, which is told realm, authid and details of a session.",
            |authenticator, procedure| authenticator.procedure = procedure,
        );
        keys.optional(
            "realm",
            NAME,
            "The realm where it is registered; the one that the session wants to join if it is not given.",
            |authenticator, realm| authenticator.realm = Some(realm),
        );
        keys.optional(
            "timeout_ms",
            Milliseconds(TIMEOUT),
            "How long its answer may take, in milliseconds. Without one, the session is refused.",
            |authenticator, timeout| authenticator.timeout = timeout,
        );
    }
}

/// `jwt` of a realm, of whose keys there must be one of one kind.
struct JwtTable {
    issuer: JwtIssuer,
    secret: Option<Secret>,
    public_key_file: Option<PathBuf>,
    algorithm: Option<JwtAlgorithm>,
    jwks_file: Option<PathBuf>,
}

impl Table for JwtTable {
    fn blank() -> Self {
        let issuer = JwtIssuer {
            issuer: None,
            audience: Vec::new(),
            key: JwtKey::Secret(Secret(String::new())),
            authid_claim: "sub".to_owned(),
            role_claim: None,
            role: None,
        };
        Self { issuer, secret: None, public_key_file: None, algorithm: None, jwks_file: None }
    }

    fn describe(keys: &mut Keys<Self>) {
        keys.optional(
            "issuer",
            NAME,
            "What the claim `iss` has to be; anything if it is not given.",
            |table, issuer| table.issuer.issuer = Some(issuer),
        );
        keys.optional(
            "audience",
            List { item: NAME, min: 0 },
            "One of what the claim `aud` has to name. With none, the claim must not be there.",
            |table, audience| table.issuer.audience = audience,
        );
        keys.optional("secret", SECRET, "Secret of tokens that are signed with HS256.", |table, secret| {
            table.secret = Some(secret);
        });
        keys.optional(
            "public_key_file",
            FILE_PATH,
            "PEM file with the public key that verifies tokens; needs `algorithm`.",
            |table, path| table.public_key_file = Some(path),
        );
        keys.optional(
            "algorithm",
            Word(&[
                ("RS256", JwtAlgorithm::Rs256),
                ("ES256", JwtAlgorithm::Es256),
                ("EdDSA", JwtAlgorithm::EdDsa),
            ]),
            "How tokens are signed that the key in `public_key_file` verifies.",
            |table, algorithm| table.algorithm = Some(algorithm),
        );
        keys.optional(
            "jwks_file",
            FILE_PATH,
            "JSON Web Key Set file with the keys that verify tokens, by `kid`.",
            |table, path| table.jwks_file = Some(path),
        );
        keys.optional(
            "authid_claim",
            NAME,
            "The claim that has the authid; `sub` if it is not given.",
            |table, claim| table.issuer.authid_claim = claim,
        );
        keys.optional(
            "role_claim",
            NAME,
            "The claim that names the role: a text or a list of texts, of which the first role of the realm counts.",
            |table, claim| table.issuer.role_claim = Some(claim),
        );
        keys.optional(
            "role",
            NAME,
            "The role of tokens without that claim. Without it, they are refused.",
            |table, role| table.issuer.role = Some(role),
        );
    }
}

impl Whole for JwtTable {
    type Setting = JwtIssuer;

    fn whole(self) -> Result<JwtIssuer, Misfit> {
        let key = match (self.secret, self.public_key_file, self.algorithm, self.jwks_file) {
            (Some(secret), None, None, None) => JwtKey::Secret(secret),
            (None, Some(file), Some(algorithm), None) => JwtKey::PublicKeyFile { file, algorithm },
            (None, None, None, Some(file)) => JwtKey::JwksFile(file),
            _ => {
                return Err(Misfit {
                    label: "what verifies the tokens?",
                    help: "give exactly one: `secret`, `public_key_file` with `algorithm`, or `jwks_file`",
                });
            }
        };
        if self.issuer.role.is_none() && self.issuer.role_claim.is_none() {
            return Err(Misfit {
                label: "no token would have a role",
                help: "add `role`, `role_claim`, or both",
            });
        }
        Ok(JwtIssuer { key, ..self.issuer })
    }
}

impl Table for Authorizer {
    fn blank() -> Self {
        Self {
            procedure: String::new(),
            realm: None,
            timeout: Duration::from_secs(5),
            cache_max: 10_000,
            cache_age: Duration::from_secs(60),
        }
    }

    fn describe(keys: &mut Keys<Self>) {
        keys.required(
            "procedure",
            Text,
            "The procedure, which is told session, URI, action and options of a request.",
            |authorizer, procedure| authorizer.procedure = procedure,
        );
        keys.optional(
            "realm",
            NAME,
            "The realm where it is registered; this one if it is not given.",
            |authorizer, realm| authorizer.realm = Some(realm),
        );
        keys.optional(
            "timeout_ms",
            Milliseconds(TIMEOUT),
            "How long its answer may take, in milliseconds. Without one, the request is refused.",
            |authorizer, timeout| authorizer.timeout = timeout,
        );
        keys.optional("cache_max", Integer(COUNT), "Answers that are remembered.", |authorizer, count| {
            authorizer.cache_max = count
        });
        keys.optional(
            "cache_age_s",
            Seconds(AGE_S),
            "How long an answer is remembered, in seconds; with 0, none is.",
            |authorizer, age| authorizer.cache_age = age,
        );
    }
}

impl Table for Cookie {
    fn blank() -> Self {
        Self { max_age: Duration::from_secs(7 * 24 * 60 * 60), cookies_max: 100_000 }
    }

    fn describe(keys: &mut Keys<Self>) {
        keys.optional(
            "max_age_s",
            Seconds(1..=*AGE_S.end()),
            "How long a cookie is valid from the last time that it was used, in seconds.",
            |cookie, age| cookie.max_age = age,
        );
        keys.optional(
            "cookies_max",
            Integer(COUNT),
            "Cookies that are remembered at a time; beyond, the one that was used longest ago goes.",
            |cookie, count| cookie.cookies_max = count,
        );
    }
}
