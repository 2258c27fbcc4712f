//! What a realm's authorizer is asked about a request, and what it said. Asking is left to others.

use wamp_proto::{Action, MatchPolicy};

use super::authorization::Disclosure;

/// What somebody wants to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Subject {
    pub(crate) action: Action,
    /// A copy: it is kept for longer than the frame that it came in.
    pub(crate) uri: Box<str>,
    pub(crate) match_policy: MatchPolicy,
}

/// What the authorizer says about a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ruling {
    Denied,
    /// Allowed; and disclosed like that, or as the role's rules have it.
    Allowed(Option<Disclosure>),
    /// It did not say, or nothing that can be understood: nothing is allowed (AUTHZ-02).
    Failed,
}

/// What the authorizer says about everything that one request depends on.
#[derive(Debug, Default)]
pub(crate) struct Rulings(Vec<(Subject, Ruling)>);

impl Rulings {
    /// Of a request about which nobody was asked.
    pub(crate) const NONE: Self = Self(Vec::new());

    /// About that subject. Who was not asked has not allowed it.
    pub(super) fn about(&self, action: Action, uri: &str, match_policy: MatchPolicy) -> Ruling {
        let found = self.0.iter().find(|(subject, _)| {
            (subject.action, &*subject.uri, subject.match_policy) == (action, uri, match_policy)
        });
        found.map_or(Ruling::Failed, |(_, ruling)| *ruling)
    }
}

impl Subject {
    pub(super) fn new(action: Action, uri: &str, match_policy: MatchPolicy) -> Self {
        Self { action, uri: uri.into(), match_policy }
    }
}

impl FromIterator<(Subject, Ruling)> for Rulings {
    fn from_iter<T: IntoIterator<Item = (Subject, Ruling)>>(rulings: T) -> Self {
        Self(rulings.into_iter().collect())
    }
}
