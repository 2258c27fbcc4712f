//! Realms that nobody can join. They are no mistake: a router can run with them, but somebody may wonder.

use std::fmt;

use crate::{Config, Listener, RealmRules};

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
    /// The realms and templates that nobody can join, in their order: no listener opens them, or none has a role
    /// for those who prove nothing about themselves.
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
    let has_role = |listener: &Listener| {
        rules.anonymous_role.is_some() || listener.anonymous_roles.iter().any(|role| role.realm == name)
    };
    (!opening.any(has_role))
        .then_some("it has no `anonymous_role`, and no listener has a role for it in `anonymous_roles`")
}
