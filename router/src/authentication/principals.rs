//! Who a realm knows by credentials, ready to be looked up. How those are challenged whom it does not know is the
//! business of [`Mocks`].

use std::collections::HashMap;
use std::sync::Arc;

use trunkline_config::{AuthMethod, CertificateName, Principal, RealmRules, Secret, WampcraCredential};
use wamp_proto::auth::wampcra::Salting;

use super::mocks::Mocks;

/// The principals of the realms of one entry of the configuration.
#[derive(Debug)]
pub(crate) struct Principals {
    by_authid: HashMap<String, Arc<Principal>>,
    by_public_key: HashMap<[u8; 32], Arc<Principal>>,
    by_certificate: HashMap<CertificateName, Arc<Principal>>,
    methods: Vec<AuthMethod>,
    /// Hashes of tickets that nobody has, as many as the principal with the most has.
    unfit_tickets: Vec<Secret>,
    /// What stands in for those whom the realm does not know.
    pub(crate) mocks: Mocks,
}

impl Principals {
    /// Those of a realm, or of the realms of a template; [`Mocks::new`] says what for the router's key is.
    pub(crate) fn new(label: &str, rules: &RealmRules, router_key: Option<&Secret>) -> Self {
        let tickets = rules.principals.iter().map(|principal| principal.tickets.as_slice());
        let most = tickets.max_by_key(|tickets| tickets.len()).unwrap_or_default();
        let mut found = Self {
            by_authid: HashMap::new(),
            by_public_key: HashMap::new(),
            by_certificate: HashMap::new(),
            methods: Vec::new(),
            unfit_tickets: most.iter().map(unfit).collect(),
            mocks: Mocks::new(label, rules, router_key),
        };
        for principal in &rules.principals {
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
        let others = self.unfit_tickets.iter().skip(own.len());
        own.iter().chain(others).cloned().collect()
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
        let joe = Principal { tickets: vec![Secret(own.to_owned())], ..Principal::new("joe", "user") };
        let rules = RealmRules { principals: vec![joe], ..RealmRules::default() };
        let principals = Principals::new("realm1", &rules, None);
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
