//! What a request has to pass before it takes a lock: URI rules, reserved URIs, authorization.

use wamp_proto::uri::{check_pattern, is_reserved};
use wamp_proto::{Action, MatchPolicy, error_uri};

use super::authorization::{Disclosure, Verdict};
use super::recipient::Identity;
use super::refusal::{Refusal, shown};
use super::ruling::{Ruling, Rulings};
use super::settings::RealmSettings;

/// Who wants something, and what the authorizer said about that.
#[derive(Clone, Copy)]
pub(super) struct Applicant<'a> {
    pub(super) settings: &'a RealmSettings,
    pub(super) identity: &'a Identity,
    pub(super) rulings: &'a Rulings,
}

impl Applicant<'_> {
    /// Whether a session may do that with a URI or pattern, and what that says about disclosure. Says nothing about
    /// what is behind the URI (AUTHZ-01).
    pub(super) fn admit(self, action: Action, uri: &str, policy: MatchPolicy) -> Result<Disclosure, Refusal> {
        match verdict(self.settings, self.identity, action, uri, policy)? {
            Verdict::Allowed(disclosure) => Ok(disclosure),
            Verdict::Ask(disclosure) => match self.rulings.about(action, uri, policy) {
                Ruling::Allowed(said) => Ok(said.unwrap_or(disclosure)),
                Ruling::Denied => Err(self.denied(action, uri)),
                Ruling::Failed => Err(Refusal::new(
                    error_uri::AUTHORIZATION_FAILED,
                    format!("whether you may {} {} could not be found out", action.as_str(), shown(uri)),
                )),
            },
            Verdict::Denied => Err(self.denied(action, uri)),
        }
    }

    fn denied(self, action: Action, uri: &str) -> Refusal {
        let role = shown(&self.identity.role.name);
        Refusal::new(
            error_uri::NOT_AUTHORIZED,
            format!("role {role} may not {} {}", action.as_str(), shown(uri)),
        )
    }
}

/// What the rules of a session's role say.
///
/// # Errors
/// If there are no such URIs for anybody.
pub(super) fn verdict(
    settings: &RealmSettings,
    identity: &Identity,
    action: Action,
    uri: &str,
    policy: MatchPolicy,
) -> Result<Verdict, Refusal> {
    check_pattern(uri, policy, &settings.uri_rules).map_err(Refusal::invalid_uri)?;
    if matches!(action, Action::Publish | Action::Register) && is_reserved(uri) {
        return Err(Refusal::reserved_uri());
    }
    Ok(identity.role.verdict(action, uri, policy))
}
