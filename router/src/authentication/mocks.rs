//! Challenges for names that nobody has: they look like those of somebody who is known, and are the same for the same
//! name every time.
//!
//! Whom the configuration knows is known from the start; whom an authenticator knows is seen in its answers.

use std::fmt;

use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use trunkline_config::{AuthMethod, Principal, RealmRules, Secret, WampcraCredential, scram};
use wamp_proto::auth::wampcra::Salting;

use super::principals::wampcra_key;

/// Shapes of an authenticator's answers that are remembered for each method, the latest.
const SHAPES_MAX: usize = 16;

/// Octets of a role or a salt that an authenticator gives, beyond which its answer is not imitated.
const TEXT_MAX_BYTES: usize = 1024;

/// What stands in for principals that a realm does not have.
#[derive(Debug)]
pub(crate) struct Mocks {
    key: Key,
    wampcra: Shapes<WampcraShape>,
    wamp_scram: Shapes<ScramShape>,
    scram: Shapes<ScramShape>,
}

impl Mocks {
    /// Those of a realm, or of the realms of a template. The same name gets the same salt after a restart if the router
    /// has a key, or else if principals of the realm have secrets, and these are still the same.
    pub(crate) fn new(label: &str, rules: &RealmRules, router_key: Option<&Secret>) -> Self {
        let credentials = || rules.principals.iter().flat_map(|principal| &principal.wampcra);
        let verifiers = || rules.principals.iter().flat_map(|principal| &principal.scram);
        let secrets: Vec<&[u8]> = match router_key {
            Some(key) => vec![key.0.as_bytes()],
            None => (rules.principals.iter().flat_map(|principal| &principal.tickets))
                .map(|ticket| ticket.0.as_bytes())
                .chain(credentials().map(|credential| wampcra_key(credential).0.as_bytes()))
                .chain(verifiers().flat_map(|verifier| [&verifier.stored_key[..], &verifier.server_key]))
                .collect(),
        };
        let wampcra = rules.principals.iter().filter_map(WampcraShape::of);
        let scram = |dialect| {
            let of_dialect = verifiers().filter(move |verifier| verifier.dialect == dialect);
            Shapes::new(of_dialect.map(ScramShape::of), vec![ScramShape::LIKELY])
        };
        // One of the roles that there are: none at all would say that there is nobody.
        let likely = rules.roles.iter().map(|role| WampcraShape { role: role.name.clone(), salting: None });
        Self {
            key: Key::new(label, &secrets),
            wampcra: Shapes::new(wampcra, likely.collect()),
            wamp_scram: scram(scram::Dialect::Wamp),
            scram: scram(scram::Dialect::Autobahn),
        }
    }

    /// From now on, strangers may look like that principal, for whom an authenticator vouched.
    pub(crate) fn imitate(&self, method: AuthMethod, principal: &Principal) {
        if let Some(dialect) = scram::Dialect::of(method) {
            let verifier = principal.scram.iter().find(|verifier| verifier.dialect == dialect);
            if let Some(verifier) = verifier.filter(|verifier| verifier.salt.len() <= TEXT_MAX_BYTES) {
                self.of_dialect(dialect).remember(ScramShape::of(verifier));
            }
        } else if method == AuthMethod::Wampcra
            && let Some(shape) = WampcraShape::of(principal).filter(WampcraShape::is_short)
        {
            self.wampcra.remember(shape);
        }
    }

    /// A role and a salting of WAMP-CRA for an authid that nobody has.
    pub(crate) fn wampcra(&self, authid: &str) -> (String, Option<Salting>) {
        let draw = Draw { key: &self.key, method: AuthMethod::Wampcra, authid };
        let Some(WampcraShape { role, salting }) = self.wampcra.pick(&draw) else {
            return (String::new(), None);
        };
        let salting = salting.map(|salting| Salting {
            // Of text, unlike the octets of SCRAM.
            salt: String::from_utf8_lossy(&salting.salt.fill(draw.octets("salt"))).into_owned(),
            iterations: salting.iterations,
            keylen: salting.keylen,
        });
        (role, salting)
    }

    /// What SCRAM asks an authid for that nobody has (AUTH-SCRAM-03). No password fits.
    pub(crate) fn scram(&self, dialect: scram::Dialect, authid: &str) -> scram::Verifier {
        let draw = Draw { key: &self.key, method: dialect.method(), authid };
        let ScramShape { kdf, salt } = self.of_dialect(dialect).pick(&draw).unwrap_or(ScramShape::LIKELY);
        scram::Verifier {
            dialect,
            kdf,
            salt: salt.fill(draw.octets("salt")),
            stored_key: draw.block("stored", 0),
            server_key: draw.block("server", 0),
        }
    }

    fn of_dialect(&self, dialect: scram::Dialect) -> &Shapes<ScramShape> {
        match dialect {
            scram::Dialect::Wamp => &self.wamp_scram,
            scram::Dialect::Autobahn => &self.scram,
        }
    }
}

/// What challenges of one method look like.
#[derive(Debug)]
struct Shapes<S> {
    /// Those of the configuration's principals.
    configured: Vec<S>,
    /// Those of whom an authenticator vouched for, the latest last.
    answered: Mutex<Vec<S>>,
    /// What is likely, as long as there are no others.
    likely: Vec<S>,
}

impl<S: Clone + fmt::Debug + PartialEq> Shapes<S> {
    fn new(of_principals: impl Iterator<Item = S>, likely: Vec<S>) -> Self {
        let mut configured = Vec::new();
        for shape in of_principals {
            if !configured.contains(&shape) {
                configured.push(shape);
            }
        }
        Self { configured, answered: Mutex::default(), likely }
    }

    fn remember(&self, shape: S) {
        if self.configured.contains(&shape) {
            return;
        }
        let mut answered = self.answered.lock();
        answered.retain(|known| *known != shape);
        if answered.len() == SHAPES_MAX {
            answered.remove(0);
        }
        answered.push(shape);
    }

    /// The shape that suits a name best. A new one takes over those names that it suits better than all others, and
    /// the rest look as before, whichever shape was seen last.
    fn pick(&self, draw: &Draw<'_>) -> Option<S> {
        // Its text is all that there is of a shape, and the same after a restart.
        let fitness = |shape: &&S| draw.block(&format!("{shape:?}"), 0);
        let answered = self.answered.lock();
        let known = self.configured.iter().chain(answered.iter()).max_by_key(fitness);
        known.or_else(|| self.likely.iter().max_by_key(fitness)).cloned()
    }
}

/// What CHALLENGE shows of somebody for WAMP-CRA.
#[derive(Clone, Debug, PartialEq, Eq)]
struct WampcraShape {
    role: String,
    salting: Option<SaltingShape>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct SaltingShape {
    salt: SaltShape,
    iterations: u32,
    keylen: u32,
}

impl WampcraShape {
    fn of(principal: &Principal) -> Option<Self> {
        let salting = match principal.wampcra.first()? {
            WampcraCredential::Secret(_) => None,
            WampcraCredential::Derived { salt, iterations, keylen, .. } => Some(SaltingShape {
                salt: SaltShape::of_text(salt),
                iterations: *iterations,
                keylen: *keylen,
            }),
        };
        Some(Self { role: principal.role.clone(), salting })
    }

    fn is_short(&self) -> bool {
        let salt = self.salting.as_ref().map_or(0, |salting| salting.salt.len());
        self.role.len().max(salt) <= TEXT_MAX_BYTES
    }
}

/// What CHALLENGE shows of somebody for SCRAM.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ScramShape {
    kdf: scram::Kdf,
    salt: SaltShape,
}

impl ScramShape {
    /// As `trunkline passwd` makes them.
    const LIKELY: Self =
        Self { kdf: scram::Kdf::Argon2id13 { iterations: 2, memory: 19_456 }, salt: SaltShape::Octets(16) };

    fn of(verifier: &scram::Verifier) -> Self {
        Self { kdf: verifier.kdf, salt: SaltShape::of_octets(&verifier.salt) }
    }
}

const DIGITS: &str = "0123456789";
const BASE64_OF_TWO_OCTETS: &str = "AEIMQUYcgkosw048";
const BASE64_OF_ONE_OCTET: &str = "AQgw";
const GRAPHIC: &str =
    " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~";

/// What salts are usually made of; what is contained in others comes first.
const ALPHABETS: [&str; 8] = [
    DIGITS,
    "0123456789abcdef",
    "0123456789ABCDEF",
    "0123456789abcdefghijklmnopqrstuvwxyz",
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+/",
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_",
    GRAPHIC,
];

/// How a salt is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SaltShape {
    /// So many octets of any value.
    Octets(usize),
    /// Characters of an alphabet. At the end of base64, where some bits stand for nothing, there are fewer.
    Text { alphabet: &'static str, last: &'static str, len: usize, padding: usize },
}

impl SaltShape {
    fn of_octets(salt: &[u8]) -> Self {
        match std::str::from_utf8(salt) {
            Ok(text) if text.chars().all(|character| GRAPHIC.contains(character)) => Self::of_text(text),
            _ => Self::Octets(salt.len()),
        }
    }

    fn of_text(salt: &str) -> Self {
        let text = salt.trim_end_matches('=');
        let len = text.chars().count();
        let contains_all = |alphabet: &&&str| text.chars().all(|character| alphabet.contains(character));
        let alphabet = ALPHABETS.iter().find(contains_all).copied().unwrap_or(GRAPHIC);
        let ends_in = |alphabet: &&str| text.ends_with(|last| alphabet.contains(last));
        let last = match len % 4 {
            2 => Some(BASE64_OF_ONE_OCTET),
            3 => Some(BASE64_OF_TWO_OCTETS),
            _ => None,
        };
        let is_base64 = |last: &&str| last.chars().all(|character| alphabet.contains(character));
        let last = last.filter(is_base64).filter(ends_in).unwrap_or(alphabet);
        Self::Text { alphabet, last, len, padding: salt.len() - text.len() }
    }

    /// Octets of it.
    fn len(self) -> usize {
        match self {
            Self::Octets(len) => len,
            Self::Text { len, padding, .. } => len.saturating_add(padding),
        }
    }

    /// A salt like that of random octets.
    fn fill(self, mut random: impl Iterator<Item = u8>) -> Vec<u8> {
        match self {
            Self::Octets(len) => random.take(len).collect(),
            Self::Text { alphabet, last, len, padding } => {
                let mut character_of = |alphabet: &str| {
                    let octets = random.by_ref().take(4);
                    let number = octets.fold(0_usize, |number, octet| (number << 8) | usize::from(octet));
                    alphabet.as_bytes().get(number % alphabet.len().max(1)).copied()
                };
                let mut salt: Vec<u8> = (1..len).filter_map(|_| character_of(alphabet)).collect();
                salt.extend((len > 0).then(|| character_of(last)).flatten());
                salt.extend(std::iter::repeat_n(b'=', padding));
                salt
            }
        }
    }
}

/// Without it, nobody can tell what is made up.
struct Key([u8; 32]);

impl Key {
    /// From these secrets; from chance, if there are none.
    fn new(label: &str, secrets: &[&[u8]]) -> Self {
        if secrets.is_empty() {
            return Self(rand::random());
        }
        let parts = [b"mocks", label.as_bytes()].into_iter().chain(secrets.iter().copied());
        Self(hash(parts))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(***)")
    }
}

/// Octets that look like chance to whoever does not know the key, the same for the same name.
struct Draw<'a> {
    key: &'a Key,
    method: AuthMethod,
    authid: &'a str,
}

impl Draw<'_> {
    fn block(&self, purpose: &str, number: u64) -> [u8; 32] {
        let method = self.method.as_str();
        hash([
            &self.key.0,
            method.as_bytes(),
            self.authid.as_bytes(),
            purpose.as_bytes(),
            &number.to_be_bytes(),
        ])
    }

    /// As many as anybody wants.
    fn octets(&self, purpose: &str) -> impl Iterator<Item = u8> {
        (0..).flat_map(move |number| self.block(purpose, number))
    }
}

fn hash<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mocks() -> Mocks {
        Mocks::new("realm1", &RealmRules::default(), None)
    }

    fn with_secret(role: &str) -> Principal {
        let secret = WampcraCredential::Secret(Secret("secret".to_owned()));
        Principal { wampcra: vec![secret], ..Principal::new("ann", role) }
    }

    fn with_salt(salt: &str) -> Principal {
        let key = Secret("key".to_owned());
        let derived = WampcraCredential::Derived { key, salt: salt.to_owned(), iterations: 1000, keylen: 32 };
        Principal { wampcra: vec![derived], ..Principal::new("ann", "user") }
    }

    fn strangers() -> impl Iterator<Item = String> {
        (0..200).map(|number| format!("stranger{number}"))
    }

    /// An answer about somebody else must not show who is a stranger.
    #[test]
    fn auth_gen_04_a_stranger_looks_the_same_whichever_known_shape_was_seen_last() {
        let mocks = mocks();
        let roles = || strangers().map(|name| mocks.wampcra(&name).0).collect::<Vec<_>>();
        let see = |role| mocks.imitate(AuthMethod::Wampcra, &with_secret(role));
        see("user");
        see("guest");
        let before = roles();
        assert!(before.iter().any(|role| role == "user") && before.iter().any(|role| role == "guest"));
        see("user");
        assert_eq!(roles(), before);
        // A new one takes over a part, and changes nothing for the others.
        see("admin");
        let changes = roles().into_iter().zip(before).filter(|(now, before)| now != before);
        let changed: Vec<_> = changes.map(|(now, _)| now).collect();
        assert!((1..150).contains(&changed.len()), "{}", changed.len());
        assert!(changed.iter().all(|role| role == "admin"));
    }

    #[test]
    fn what_is_remembered_of_answers_is_bounded() {
        let mocks = mocks();
        for number in 0..10 * SHAPES_MAX {
            mocks.imitate(AuthMethod::Wampcra, &with_secret(&format!("role{number}")));
        }
        assert_eq!(mocks.wampcra.answered.lock().len(), SHAPES_MAX);
        let long = "x".repeat(TEXT_MAX_BYTES + 1);
        for principal in [with_secret(&long), with_salt(&long)] {
            mocks.imitate(AuthMethod::Wampcra, &principal);
        }
        // The latest are kept, what is too long is not.
        let latest: Vec<_> =
            (9 * SHAPES_MAX..10 * SHAPES_MAX).map(|number| format!("role{number}")).collect();
        for name in strangers() {
            assert!(latest.contains(&mocks.wampcra(&name).0));
        }
    }

    #[test]
    fn auth_gen_04_a_salt_that_is_made_up_is_written_as_the_known_one() {
        for (salt, alphabet, last) in [
            ("salt123", ALPHABETS[3], ALPHABETS[3]),
            ("0123456789abcdef", ALPHABETS[1], ALPHABETS[1]),
            ("FCtbRLI8kUMIMF9Pc8JHGg==", ALPHABETS[4], BASE64_OF_ONE_OCTET),
            ("FC+bRLI8kUMIMF9Pc8JHGa0=", ALPHABETS[5], BASE64_OF_TWO_OCTETS),
            ("FC-bRLI8kUMIMF9Pc8JHGg", ALPHABETS[6], BASE64_OF_ONE_OCTET),
            ("a salt of words, and more of it than one hash has octets", GRAPHIC, GRAPHIC),
            ("0123456789ABCA", ALPHABETS[2], ALPHABETS[2]),
            ("", DIGITS, DIGITS),
        ] {
            let mocks = mocks();
            mocks.imitate(AuthMethod::Wampcra, &with_salt(salt));
            for name in strangers() {
                let (role, Some(mock)) = mocks.wampcra(&name) else { panic!("no salt for {salt}") };
                assert_eq!((role.as_str(), mock.iterations, mock.keylen), ("user", 1000, 32));
                assert_eq!(mock.salt.len(), salt.len());
                let text = mock.salt.trim_end_matches('=');
                assert!(alphabet == GRAPHIC || text.len() == salt.trim_end_matches('=').len());
                assert!(text.chars().all(|character| alphabet.contains(character)), "{salt}: {text}");
                assert!(text.is_empty() || text.ends_with(|character| last.contains(character)), "{text}");
                let half = text.len() / 2;
                assert!(half < 16 || text.get(..half) != text.get(half..half * 2), "no repetition");
                assert_eq!(mocks.wampcra(&name).1, Some(mock), "the same every time");
            }
        }
    }

    #[test]
    fn auth_scram_03_costs_and_length_of_a_made_up_salt_are_those_of_the_known_one() {
        let pbkdf2 = scram::Kdf::Pbkdf2 { iterations: 5000 };
        for salt in [vec![0xFF; 40], b"sixteen octets..".to_vec()] {
            let mocks = mocks();
            let verifier = scram::Verifier {
                dialect: scram::Dialect::Wamp,
                kdf: pbkdf2,
                salt: salt.clone(),
                stored_key: [1; 32],
                server_key: [2; 32],
            };
            let principal = Principal { scram: vec![verifier], ..Principal::new("ann", "user") };
            mocks.imitate(AuthMethod::WampScram, &principal);
            for name in strangers() {
                let mock = mocks.scram(scram::Dialect::Wamp, &name);
                assert_eq!((mock.kdf, mock.salt.len()), (pbkdf2, salt.len()));
                assert!(!salt.is_ascii() || mock.salt.is_ascii());
                // The other dialect has authenticators, and challenges, of its own.
                assert_eq!(mocks.scram(scram::Dialect::Autobahn, &name).kdf, ScramShape::LIKELY.kdf);
            }
        }
    }
}
