//! Realms that nobody can join. They are no mistake: a router can run with them, but somebody may wonder.

use std::fmt;

use crate::{AuthMethod, Config, Listener, RealmRules};

/// A realm that no session can join, or a template of such realms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosedRealm<'a> {
    /// Name of the realm, or URI of the template.
    name: &'a str,
    is_template: bool,
    reason: &'static str,
}

impl fmt::Display for ClosedRealm<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, is_template, reason } = self;
        let what = if *is_template { "realms of the template" } else { "realm" };
        write!(f, "nobody can join {what} {name:?}: {reason}")
    }
}

impl Config {
    /// The realms and templates that nobody can join, in their order: no listener opens them, or none takes
    /// a method by which somebody could prove, or need not prove, who it is.
    pub fn closed_realms(&self) -> impl Iterator<Item = ClosedRealm<'_>> {
        let realms = self.realms.iter().map(|realm| (realm.name.as_str(), &realm.rules, false));
        let templates =
            self.realm_templates.iter().map(|template| (template.uri.as_str(), &template.rules, true));
        realms.chain(templates).filter_map(|(name, rules, is_template)| {
            let reason = why_closed(name, rules, &self.listeners)?;
            Some(ClosedRealm { name, is_template, reason })
        })
    }
}

fn why_closed(name: &str, rules: &RealmRules, listeners: &[Listener]) -> Option<&'static str> {
    let mut opening = listeners.iter().filter(|listener| listener.opens(name)).peekable();
    if opening.peek().is_none() {
        return Some("no listener has it among its `realms`");
    }
    let mut has_way = false;
    for listener in opening {
        let mut ways = ways(name, rules, listener).peekable();
        has_way |= ways.peek().is_some();
        if ways.any(|method| listener.takes(method)) {
            return None;
        }
    }
    Some(if has_way {
        "no listener has its ways to log in among its `authmethods`"
    } else {
        "it has no `anonymous_role`, and no listener has a role for it in `anonymous_roles`"
    })
}

/// The methods by which somebody may join the realm, as far as the listener's own are not asked.
fn ways<'a>(
    name: &'a str,
    rules: &'a RealmRules,
    listener: &'a Listener,
) -> impl Iterator<Item = AuthMethod> + 'a {
    let is_anonymous =
        rules.anonymous_role.is_some() || listener.anonymous_roles.iter().any(|role| role.realm == name);
    let anonymous = is_anonymous.then_some(AuthMethod::Anonymous);
    let tokens = (!rules.jwt.is_empty()).then_some(AuthMethod::Ticket);
    let asked = rules.authenticators.iter().flat_map(|authenticator| authenticator.methods.iter().copied());
    let known = rules.principals.iter().flat_map(|principal| principal.methods());
    anonymous.into_iter().chain(tokens).chain(asked).chain(known)
}
