//! What a request has to pass before it takes a lock: URI rules, reserved URIs, authorization.

use wamp_proto::uri::{check_pattern, is_reserved};
use wamp_proto::{Action, MatchPolicy, error_uri};

use super::recipient::Identity;
use super::refusal::{Refusal, shown};
use super::settings::RealmSettings;

/// Whether a session may do that with a URI or pattern. Says nothing about what is behind the URI (AUTHZ-01).
pub(super) fn admit(
    settings: &RealmSettings,
    identity: &Identity,
    action: Action,
    uri: &str,
    policy: MatchPolicy,
) -> Result<(), Refusal> {
    check_pattern(uri, policy, &settings.uri_rules).map_err(Refusal::invalid_uri)?;
    if matches!(action, Action::Publish | Action::Register) && is_reserved(uri) {
        return Err(Refusal::reserved_uri());
    }
    if identity.role.permits(action, uri, policy) {
        return Ok(());
    }
    Err(Refusal::new(
        error_uri::NOT_AUTHORIZED,
        format!("role {} may not {} {}", shown(&identity.role.name), action.as_str(), shown(uri)),
    ))
}
