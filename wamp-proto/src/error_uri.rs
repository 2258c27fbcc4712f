//! The predefined error and close reason URIs (Basic Profile, "Protocol errors"; ERR-01 to ERR-05), and those of
//! Trunkline.
//!
//! No other module of Trunkline spells such a URI.

macro_rules! uris {
    ($($(#[$doc:meta])* $name:ident = $uri:literal;)*) => {
        $($(#[$doc])* pub const $name: &str = $uri;)*

        /// Every predefined URI of this module.
        pub const ALL: &[&str] = &[$($name),*];
    };
}

uris! {
    /// A URI that breaks the URI rules of its realm or position.
    INVALID_URI = "wamp.error.invalid_uri";
    /// A CALL found no registration.
    NO_SUCH_PROCEDURE = "wamp.error.no_such_procedure";
    /// The registration's invocation policy leaves no place for another callee.
    PROCEDURE_ALREADY_EXISTS = "wamp.error.procedure_already_exists";
    /// UNREGISTER for a registration that the session does not hold.
    NO_SUCH_REGISTRATION = "wamp.error.no_such_registration";
    /// UNSUBSCRIBE for a subscription that the session does not hold.
    NO_SUCH_SUBSCRIPTION = "wamp.error.no_such_subscription";
    /// Arguments that do not fit, or that cannot be carried to the other peer's serializer.
    INVALID_ARGUMENT = "wamp.error.invalid_argument";
    /// The call ended before its callee answered.
    CANCELED = "wamp.error.canceled";
    /// A payload over the limit of a transport on its way.
    PAYLOAD_SIZE_EXCEEDED = "wamp.error.payload_size_exceeded";
    /// A peer broke the protocol.
    PROTOCOL_VIOLATION = "wamp.error.protocol_violation";
    /// The session's role does not permit the action.
    NOT_AUTHORIZED = "wamp.error.not_authorized";
    /// Whether the action is permitted could not be found out.
    AUTHORIZATION_FAILED = "wamp.error.authorization_failed";
    /// HELLO named a realm that does not exist.
    NO_SUCH_REALM = "wamp.error.no_such_realm";
    /// The role of the session does not exist on the realm.
    NO_SUCH_ROLE = "wamp.error.no_such_role";

    /// No authentication method that the client offers is configured.
    NO_MATCHING_AUTH_METHOD = "wamp.error.no_matching_auth_method";
    /// The authid is not known.
    NO_SUCH_PRINCIPAL = "wamp.error.no_such_principal";
    /// The credentials are wrong.
    AUTHENTICATION_DENIED = "wamp.error.authentication_denied";
    /// Whether the credentials are right could not be found out.
    AUTHENTICATION_FAILED = "wamp.error.authentication_failed";
    /// The realm does not take anonymous sessions.
    AUTHENTICATION_REQUIRED = "wamp.error.authentication_required";
    /// The client cannot, or will not, answer the CHALLENGE.
    CANNOT_AUTHENTICATE = "wamp.error.cannot_authenticate";
    /// The principal may not do this (Advanced Profile's word for `not_authorized`).
    AUTHORIZATION_DENIED = "wamp.error.authorization_denied";
    /// The action needs an authenticated session.
    AUTHORIZATION_REQUIRED = "wamp.error.authorization_required";

    /// A call's time-out ran out.
    TIMEOUT = "wamp.error.timeout";
    /// An option that this peer may not use.
    OPTION_NOT_ALLOWED = "wamp.error.option_not_allowed";
    /// Disclosure was asked for and is not permitted.
    OPTION_DISALLOWED_DISCLOSE_ME = "wamp.error.option_disallowed.disclose_me";
    /// A peer in between could not be reached.
    NETWORK_FAILURE = "wamp.error.network_failure";
    /// A callee, or the router, takes no more calls now.
    UNAVAILABLE = "wamp.error.unavailable";
    /// Every callee of the registration is unavailable.
    NO_AVAILABLE_CALLEE = "wamp.error.no_available_callee";
    /// A peer on the way lacks a feature that the request needs.
    FEATURE_NOT_SUPPORTED = "wamp.error.feature_not_supported";
    /// A meta procedure was given the ID of no session.
    NO_SUCH_SESSION = "wamp.error.no_such_session";
    /// A callee's handler failed without an error of its own.
    RUNTIME_ERROR = "wamp.error.runtime_error";

    /// Every callee of the registration has as many open invocations as it takes, and no more calls may wait
    /// (CON-04).
    MAX_CONCURRENCY_REACHED = "trunkline.error.max_concurrency_reached";
    /// The same, as Crossbar.io has it.
    CROSSBAR_MAX_CONCURRENCY_REACHED = "crossbar.error.max_concurrency_reached";
    /// Shared callees have to agree on the invocation policy, as Crossbar.io says it.
    CROSSBAR_DIFFERENT_INVOCATION_POLICY = "wamp.error.procedure_exists_with_different_invocation_policy";
    /// The topic has no history, as Crossbar.io says it.
    CROSSBAR_HISTORY_UNAVAILABLE = "wamp.error.history_unavailable";
    /// Nothing that the client offers is configured, as Crossbar.io says it.
    CROSSBAR_NO_AUTH_METHOD = "wamp.error.no_auth_method";
    /// Why a registration is revoked: another session of the same principal took it over (CON-08).
    REGISTRATION_TAKEN_OVER = "trunkline.reason.registration_taken_over";
    /// A client leaves, and its browser is to forget who it was (a word of Crossbar.io's).
    LOGOUT = "wamp.close.logout";
    /// The token by which the session logged in is not valid any more.
    TOKEN_EXPIRED = "trunkline.close.token_expired";

    /// The peer stops.
    SYSTEM_SHUTDOWN = "wamp.close.system_shutdown";
    /// The peer leaves the realm.
    CLOSE_REALM = "wamp.close.close_realm";
    /// The answer to a GOODBYE.
    GOODBYE_AND_OUT = "wamp.close.goodbye_and_out";
    /// The session was ended by somebody else.
    KILLED = "wamp.close.killed";
    /// An ordinary end, as the specification's examples and deployed routers write it.
    NORMAL = "wamp.close.normal";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uri::{UriRules, check_uri};

    #[test]
    fn err_01_predefined_uris_are_valid_and_distinct() {
        for (index, uri) in ALL.iter().enumerate() {
            assert_eq!(check_uri(uri, &UriRules::strict()), Ok(()), "{uri}");
            assert!(!ALL.iter().take(index).any(|other| other == uri), "{uri} twice");
        }
    }

    /// Conformance: ERR-02, ERR-05
    #[test]
    fn err_01_predefined_uris_are_spelled_as_the_specification_spells_them() {
        for name in [
            "invalid_uri",
            "no_such_procedure",
            "procedure_already_exists",
            "no_such_registration",
            "no_such_subscription",
            "invalid_argument",
            "canceled",
            "payload_size_exceeded",
            "protocol_violation",
            "not_authorized",
            "authorization_failed",
            "no_such_realm",
            "no_such_role",
        ] {
            assert!(ALL.contains(&format!("wamp.error.{name}").as_str()), "{name}");
        }
        for name in [
            "timeout",
            "option_not_allowed",
            "option_disallowed.disclose_me",
            "network_failure",
            "unavailable",
            "no_available_callee",
            "feature_not_supported",
            "no_such_session",
        ] {
            assert!(ALL.contains(&format!("wamp.error.{name}").as_str()), "{name}");
        }
        for name in ["system_shutdown", "close_realm", "goodbye_and_out", "killed", "normal"] {
            assert!(ALL.contains(&format!("wamp.close.{name}").as_str()), "{name}");
        }
    }
}
