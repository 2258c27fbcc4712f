//! Who a realm knows by credentials, ready to be looked up; and what stands in for those whom it does not know, so
//! that nobody can tell the difference.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest as _, Sha256};
use trunkline_config::{AuthMethod, CertificateName, Principal, Secret, WampcraCredential, scram};
use wamp_proto::auth::wampcra::Salting;

/// Octets of a salt that is made up.
const MOCK_SALT_BYTES: usize = 16;

/// The principals of the realms of one entry of the configuration.
#[derive(Debug)]
pub(crate) struct Principals {
    by_authid: HashMap<String, Arc<Principal>>,
    by_public_key: HashMap<[u8; 32], Arc<Principal>>,
    by_certificate: HashMap<CertificateName, Arc<Principal>>,
    methods: Vec<AuthMethod>,
    mocks: Mocks,
}

/// Challenges for authids that nobody has. The same authid gets the same salt, and costs, every time: they follow
/// from the authid and from secrets of the configuration, and stay the same when the router starts again.
#[derive(Debug)]
struct Mocks {
    key: [u8; 32],
    /// Role and WAMP-CRA salting of each principal that logs in so.
    wampcra: Vec<(String, Option<Salting>)>,
    scram: Vec<scram::Verifier>,
    /// Hashes of tickets that nobody has, as many as the principal with the most has.
    tickets: Vec<Secret>,
}

impl Principals {
    pub(crate) fn new(principals: &[Principal]) -> Self {
        let mut found = Self {
            by_authid: HashMap::new(),
            by_public_key: HashMap::new(),
            by_certificate: HashMap::new(),
            methods: Vec::new(),
            mocks: Mocks::new(principals),
        };
        for principal in principals {
            found.methods.extend(methods_of(principal));
            let principal = Arc::new(principal.clone());
            found.by_authid.insert(principal.authid.clone(), principal.clone());
            for public_key in &principal.cryptosign {
                found.by_public_key.insert(*public_key, principal.clone());
            }
            for certificate in &principal.certificates {
                found.by_certificate.insert(certificate.clone(), principal.clone());
            }
        }
        found.methods.sort_unstable();
        found.methods.dedup();
        found
    }

    /// Whether somebody logs in by that method.
    pub(crate) fn has(&self, method: AuthMethod) -> bool {
        self.methods.contains(&method)
    }

    pub(crate) fn named(&self, authid: &str) -> Option<&Arc<Principal>> {
        self.by_authid.get(authid)
    }

    pub(crate) fn with_public_key(&self, public_key: &[u8; 32]) -> Option<&Arc<Principal>> {
        self.by_public_key.get(public_key)
    }

    pub(crate) fn with_certificate(&self, name: &CertificateName) -> Option<&Arc<Principal>> {
        self.by_certificate.get(name)
    }

    /// The hashes that a ticket is compared with: those of the principal, and others that nothing fits, so that it is
    /// always the same number.
    pub(crate) fn hashes(&self, of: Option<&Principal>) -> Vec<Secret> {
        let own = of.map_or(&[][..], |principal| &principal.tickets);
        let others = self.mocks.tickets.iter().skip(own.len());
        own.iter().chain(others).cloned().collect()
    }

    /// A role and a salting of WAMP-CRA for an authid that nobody has.
    pub(crate) fn mock_wampcra(&self, authid: &str) -> (String, Option<Salting>) {
        let drawn = self.mocks.draw("wampcra", authid);
        let Some((role, salting)) = pick(&self.mocks.wampcra, &drawn) else { return (String::new(), None) };
        let salting = salting.as_ref().map(|salting| {
            let salt = BASE64.encode(drawn);
            // As long as the real one, however long that is.
            let salt = salt.chars().cycle().take(salting.salt.chars().count()).collect();
            Salting { salt, ..salting.clone() }
        });
        (role.clone(), salting)
    }

    /// What SCRAM asks an authid for that nobody has (AUTH-SCRAM-03). No password fits.
    pub(crate) fn mock_scram(&self, dialect: scram::Dialect, authid: &str) -> scram::Verifier {
        let drawn = self.mocks.draw(dialect.method().as_str(), authid);
        let of_dialect: Vec<_> =
            self.mocks.scram.iter().filter(|verifier| verifier.dialect == dialect).collect();
        let kdf = pick(&of_dialect, &drawn).map_or(DEFAULT_KDF, |verifier| verifier.kdf);
        let salt_bytes = pick(&of_dialect, &drawn).map_or(MOCK_SALT_BYTES, |verifier| verifier.salt.len());
        scram::Verifier {
            dialect,
            kdf,
            salt: drawn.iter().copied().cycle().take(salt_bytes).collect(),
            stored_key: self.mocks.draw("stored", authid),
            server_key: self.mocks.draw("server", authid),
        }
    }
}

/// What an authenticator's principals are likely to have, where the configuration has none.
const DEFAULT_KDF: scram::Kdf = scram::Kdf::Argon2id13 { iterations: 2, memory: 19_456 };

impl Mocks {
    fn new(principals: &[Principal]) -> Self {
        let mut key = Sha256::new();
        let mut wampcra = Vec::new();
        let (mut scram, mut tickets) = (Vec::new(), Vec::new());
        for principal in principals {
            key.update(principal.authid.as_bytes());
            for ticket in &principal.tickets {
                key.update(ticket.0.as_bytes());
            }
            for credential in &principal.wampcra {
                let (secret, salting) = wampcra_key(credential);
                key.update(secret.as_bytes());
                wampcra.push((principal.role.clone(), salting));
            }
            for verifier in &principal.scram {
                key.update(verifier.stored_key);
                key.update(verifier.server_key);
                scram.push(verifier.clone());
            }
            if principal.tickets.len() > tickets.len() {
                tickets.clone_from(&principal.tickets);
            }
        }
        Self { key: key.finalize().into(), wampcra, scram, tickets: tickets.iter().map(unfit).collect() }
    }

    /// Octets that look like chance to whoever does not know the secrets.
    fn draw(&self, purpose: &str, authid: &str) -> [u8; 32] {
        let mut hash = Sha256::new();
        for part in [&self.key[..], purpose.as_bytes(), authid.as_bytes()] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }
}

/// The key that signs for a credential of WAMP-CRA, and how a client derives it.
pub(crate) fn wampcra_key(credential: &WampcraCredential) -> (&str, Option<Salting>) {
    match credential {
        WampcraCredential::Secret(secret) => (&secret.0, None),
        WampcraCredential::Derived { key, salt, iterations, keylen } => {
            let salting = Salting { salt: salt.clone(), iterations: *iterations, keylen: *keylen };
            (&key.0, Some(salting))
        }
    }
}

fn methods_of(principal: &Principal) -> impl Iterator<Item = AuthMethod> {
    let methods = [
        (!principal.tickets.is_empty(), AuthMethod::Ticket),
        (!principal.wampcra.is_empty(), AuthMethod::Wampcra),
        (!principal.cryptosign.is_empty(), AuthMethod::Cryptosign),
        (!principal.certificates.is_empty(), AuthMethod::Tls),
    ];
    let scram: Vec<_> = principal.scram.iter().map(|verifier| verifier.dialect.method()).collect();
    methods.into_iter().filter_map(|(has, method)| has.then_some(method)).chain(scram)
}

fn pick<'a, T>(of: &'a [T], drawn: &[u8; 32]) -> Option<&'a T> {
    let [.., last] = drawn;
    of.get(usize::from(*last).checked_rem(of.len())?)
}

/// A hash that costs the same and that no ticket has: its last characters are others.
fn unfit(hash: &Secret) -> Secret {
    let (head, _) = hash.0.rsplit_once('$').unwrap_or((&hash.0, ""));
    // Forty-three digits of zeros: 32 octets, the length that PHC strings of argon2 usually have.
    Secret(format!("{head}${}", "A".repeat(43)))
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::phc::PasswordHash;

    use super::*;

    /// A hash that cannot be read would be compared in no time.
    #[test]
    fn auth_tkt_01_the_hash_that_no_ticket_has_costs_as_much_as_the_one_that_it_stands_in_for() {
        let own =
            "$argon2id$v=19$m=64,t=1,p=1$c2l4dGVlbiBvY3RldHMuLg$DGgcIzHBsdXFxOBgDGnTbRBMVpsQk6JVHtlTN57mKBM";
        let principals = Principals::new(&[Principal {
            tickets: vec![Secret(own.to_owned())],
            ..Principal::new("joe", "user")
        }]);
        let read = |secret: &Secret| {
            let hash = PasswordHash::new(&secret.0).unwrap();
            (hash.algorithm.to_string(), hash.params.to_string(), hash.salt, hash.hash.map(|hash| hash.len()))
        };
        let (known, unknown) =
            (principals.hashes(principals.named("joe").map(|joe| &**joe)), principals.hashes(None));
        assert_eq!((known.len(), unknown.len()), (1, 1));
        assert_ne!(known, unknown);
        assert_eq!(read(&known[0]), read(&unknown[0]));
    }
}
