//! What must be true of those who get in, and of those who are asked about them.

use wamp_proto::MatchPolicy;
use wamp_proto::uri::is_reserved;

use super::{Check, Seen};
use crate::file::problem::Problem;
use crate::{AuthMethod, Listener, Permission, Principal, RealmRules, WampcraCredential};

impl Check<'_> {
    /// The methods of a listener, and its cookie.
    pub(super) fn methods_of_listener(&mut self, path: &str, listener: &Listener) {
        let Some(methods) = &listener.authmethods else { return };
        let path = format!("{path}.authmethods");
        if self.is_failed(&path) {
            return;
        }
        let mut seen = Seen::new();
        for (index, method) in methods.iter().enumerate() {
            self.once(
                &mut seen,
                *method,
                &format!("{path}.{index}"),
                "a method is named twice",
                "leave one out",
            );
        }
        match (methods.contains(&AuthMethod::Cookie), &listener.cookie) {
            (true, None) => self.report(
                &path,
                "the method \"cookie\" without `cookie`",
                "nobody would get a cookie",
                "add `[listeners.cookie]`, or leave the method out",
            ),
            (false, Some(_)) => self.report(
                &path,
                "`cookie` without the method \"cookie\"",
                "no cookie would be taken",
                "add \"cookie\", or leave `[listeners.cookie]` out",
            ),
            _ => {}
        }
    }

    /// Who gets into a realm, and who else is asked.
    pub(super) fn authentication_of_realm(&mut self, path: &str, rules: &RealmRules) {
        self.principals(path, rules);
        self.authenticators(path, rules);
        for (index, issuer) in rules.jwt.iter().enumerate() {
            if let Some(role) = &issuer.role {
                self.role(&format!("{path}.jwt.{index}.role"), role, path, rules);
            }
        }
        if let Some(authorizer) = &rules.authorizer {
            let path = format!("{path}.authorizer");
            self.asked(&path, &authorizer.procedure, authorizer.realm.as_deref());
        }
    }

    fn principals(&mut self, path: &str, rules: &RealmRules) {
        let (mut authids, mut public_keys, mut certificates) = (Seen::new(), Seen::new(), Seen::new());
        for (index, principal) in rules.principals.iter().enumerate() {
            let item = format!("{path}.principals.{index}");
            let [authid, role, cryptosign, certificate] =
                ["authid", "role", "cryptosign", "certificates"].map(|key| format!("{item}.{key}"));
            if self.places.has_understood(&authid) {
                let help = "put all credentials of the principal into one table";
                self.once(&mut authids, &principal.authid, &authid, "a principal is described twice", help);
            }
            if self.places.has_understood(&role) {
                self.role(&role, &principal.role, path, rules);
            }
            let help = "it must say who has it: leave one out";
            for (index, public_key) in principal.cryptosign.iter().enumerate() {
                let path = format!("{cryptosign}.{index}");
                self.once(&mut public_keys, public_key, &path, "a public key stands twice", help);
            }
            for (index, name) in principal.certificates.iter().enumerate() {
                let path = format!("{certificate}.{index}");
                self.once(&mut certificates, name, &path, "a certificate stands twice", help);
            }
            self.credentials(&item, principal);
        }
    }

    fn credentials(&mut self, path: &str, principal: &Principal) {
        let keys = ["tickets", "wampcra", "scram", "cryptosign", "certificates"];
        let is_empty = principal.methods().next().is_none();
        if is_empty && !keys.iter().any(|key| self.is_failed(&format!("{path}.{key}"))) {
            self.report(
                &format!("{path}.authid"),
                "a principal without any credential",
                "how would it log in?",
                "add `tickets`, `wampcra`, `scram`, `cryptosign` or `certificates`",
            );
        }
        self.salting(path, &principal.wampcra);
        let mut dialects = Seen::new();
        for (index, verifier) in principal.scram.iter().enumerate() {
            let path = format!("{path}.scram.{index}.dialect");
            let title = "two passwords of one principal for the same dialect";
            self.once(
                &mut dialects,
                verifier.dialect.method(),
                &path,
                title,
                "a dialect has one: leave one out",
            );
        }
    }

    /// The CHALLENGE names one salt, whichever secret the client has (AUTH-CRA-04).
    fn salting(&mut self, path: &str, credentials: &[WampcraCredential]) {
        let path = |index: usize| self.places.find(&format!("{path}.wampcra.{index}"));
        let Some(first) = credentials.first() else { return };
        let others = credentials.iter().enumerate().filter(|(_, other)| salting(other) != salting(first));
        for (index, _) in others {
            let title = "two secrets of one principal that are salted differently";
            let problem = Problem::new(title, path(index), "another salting").help(
                "a client is told one salt: give all the same `salt`, `iterations` and `keylen`, or none",
            );
            self.problems.push(problem.related(path(0), "first here"));
        }
    }

    fn authenticators(&mut self, path: &str, rules: &RealmRules) {
        let mut methods = Seen::new();
        for (index, authenticator) in rules.authenticators.iter().enumerate() {
            let path = format!("{path}.authenticators.{index}");
            for (index, method) in authenticator.methods.iter().enumerate() {
                let title = "two authenticators for one method";
                let path = format!("{path}.methods.{index}");
                self.once(&mut methods, *method, &path, title, "one is asked: leave one out");
            }
            self.asked(&path, &authenticator.procedure, authenticator.realm.as_deref());
        }
    }

    /// A procedure that is asked, and the realm where it is registered.
    fn asked(&mut self, path: &str, procedure: &str, realm: Option<&str>) {
        let [procedure_path, realm_path] = ["procedure", "realm"].map(|key| format!("{path}.{key}"));
        if self.places.has_understood(&procedure_path) {
            if is_reserved(procedure) {
                let help = "choose one that does not begin with `wamp`";
                self.report(
                    &procedure_path,
                    "nobody can register this procedure",
                    "it is the router's",
                    help,
                );
            } else {
                self.uri(&procedure_path, procedure, MatchPolicy::Exact, false);
            }
        }
        let realms = &self.config.realms;
        let Some(realm) = realm else { return };
        if !realms.iter().any(|there| there.name == realm) && self.all_have("realms", realms.len(), "name") {
            let help = "it must be the `name` of one of `[[realms]]`";
            self.report(&realm_path, "there is no realm of this name", "no such realm", help);
        }
    }

    /// Somebody must be there to be asked.
    pub(super) fn asks(&mut self, path: &str, permission: &Permission, rules: &RealmRules, rules_path: &str) {
        let is_there = rules.authorizer.is_some() || self.places.has(&format!("{rules_path}.authorizer"));
        if !permission.ask.is_empty() && !is_there {
            self.report(
                &format!("{path}.ask"),
                "`ask` without an authorizer",
                "who would be asked?",
                "add `authorizer` to the realm, or name the actions in `allow` or `deny`",
            );
        }
    }
}

/// What CHALLENGE says about the salt.
fn salting(credential: &WampcraCredential) -> Option<(&str, u32, u32)> {
    match credential {
        WampcraCredential::Secret(_) => None,
        WampcraCredential::Derived { salt, iterations, keylen, .. } => Some((salt, *iterations, *keylen)),
    }
}
