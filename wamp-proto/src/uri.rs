//! URIs and URI patterns: what is well-formed, loosely and strictly (URI-01 to URI-05).
//!
//! Three shapes are checked by hand instead of by regular expression: one pass, no allocation.

use bytestring::ByteString;

/// A URI as it came off the wire: a cheap slice of its frame. Not checked; see [`check_uri`].
pub type Uri = ByteString;

/// How the URI of a subscription or registration is matched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MatchPolicy {
    /// The URI itself.
    #[default]
    Exact,
    /// Every URI that starts with it, as plain text (PBS-02).
    Prefix,
    /// Every URI with as many components, an empty component standing for any one (PBS-03).
    Wildcard,
}

impl MatchPolicy {
    /// The word in `Options.match`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Prefix => "prefix",
            Self::Wildcard => "wildcard",
        }
    }

    /// The policy that a word in `Options.match` names.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Exact, Self::Prefix, Self::Wildcard].into_iter().find(|policy| policy.as_str() == word)
    }
}

/// What a realm demands of URIs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UriRules {
    /// Components consist of `[0-9a-z_]` only (URI-04).
    pub strict: bool,
    /// Octets that a URI may have.
    pub max_bytes: usize,
    /// Components that a URI may have.
    pub max_components: usize,
}

impl UriRules {
    /// Loose URIs with the default limits: 1,024 octets, 32 components.
    pub const fn loose() -> Self {
        Self { strict: false, max_bytes: 1024, max_components: 32 }
    }

    /// Strict URIs with the default limits.
    pub const fn strict() -> Self {
        Self { strict: true, max_bytes: 1024, max_components: 32 }
    }
}

impl Default for UriRules {
    fn default() -> Self {
        Self::loose()
    }
}

/// Why a URI is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// More octets than the rules allow.
    #[error("the URI has more than {0} octets")]
    TooLong(usize),
    /// More components than the rules allow.
    #[error("the URI has more than {0} components")]
    TooManyComponents(usize),
    /// A component is empty where this shape of URI has none.
    #[error("the URI has an empty component")]
    EmptyComponent,
    /// A character that no URI may have: whitespace or `#`, and in strict mode all but `[0-9a-z_]`.
    #[error("the URI has an illegal character")]
    IllegalCharacter,
}

/// Which components of a URI may be empty.
#[derive(Clone, Copy, PartialEq)]
enum Empty {
    None,
    Last,
    Any,
}

/// Checks a concrete URI: realm, topic, procedure, error, reason (URI-01).
///
/// # Errors
/// The first rule that it breaks.
pub fn check_uri(uri: &str, rules: &UriRules) -> Result<(), UriError> {
    check(uri, rules, Empty::None)
}

/// Checks the URI of a SUBSCRIBE or REGISTER with that match policy (URI-02, URI-03).
///
/// # Errors
/// The first rule that it breaks.
pub fn check_pattern(uri: &str, policy: MatchPolicy, rules: &UriRules) -> Result<(), UriError> {
    let empty = match policy {
        MatchPolicy::Exact => Empty::None,
        MatchPolicy::Prefix => Empty::Last,
        MatchPolicy::Wildcard => Empty::Any,
    };
    check(uri, rules, empty)
}

/// Whether the first component is `wamp`: reserved for the router (URI-05).
pub fn is_reserved(uri: &str) -> bool {
    uri.strip_prefix("wamp").is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn check(uri: &str, rules: &UriRules, empty: Empty) -> Result<(), UriError> {
    if uri.len() > rules.max_bytes {
        return Err(UriError::TooLong(rules.max_bytes));
    }
    let mut components = 1;
    let mut component_is_empty = true;
    let mut non_ascii = false;
    for byte in uri.bytes() {
        match byte {
            b'.' => {
                if component_is_empty && empty != Empty::Any {
                    return Err(UriError::EmptyComponent);
                }
                components += 1;
                component_is_empty = true;
                continue;
            }
            b'0'..=b'9' | b'a'..=b'z' | b'_' => {}
            _ if rules.strict => return Err(UriError::IllegalCharacter),
            b'#' | b' ' | b'\t'..=b'\r' => return Err(UriError::IllegalCharacter),
            // What the `\s` of the specification's expression means beyond ASCII needs characters.
            0x1c..=0x1f => return Err(UriError::IllegalCharacter),
            0x80.. => non_ascii = true,
            _ => {}
        }
        component_is_empty = false;
    }
    if component_is_empty && empty == Empty::None {
        return Err(UriError::EmptyComponent);
    }
    if components > rules.max_components {
        return Err(UriError::TooManyComponents(rules.max_components));
    }
    if non_ascii && uri.chars().any(char::is_whitespace) {
        return Err(UriError::IllegalCharacter);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loose(uri: &str) -> bool {
        check_uri(uri, &UriRules::loose()).is_ok()
    }

    fn pattern(uri: &str, policy: MatchPolicy) -> bool {
        check_pattern(uri, policy, &UriRules::loose()).is_ok()
    }

    #[test]
    fn uri_01_loose_check_of_concrete_uris() {
        for uri in ["com.myapp.topic1", "a", "com.My-App.Ärger.日本", "x.y:z/w"] {
            assert!(loose(uri), "{uri}");
        }
        for uri in ["", ".", "com..x", "com.", ".com", "com.my app", "com.#", "a\tb", "a\u{a0}b", "a\u{1f}b"]
        {
            assert!(!loose(uri), "{uri:?}");
        }
    }

    #[test]
    fn uri_02_wildcard_patterns_may_have_empty_components() {
        for uri in ["com.myapp..x", ".", "", "..", "com.", ".com", "a.b"] {
            assert!(pattern(uri, MatchPolicy::Wildcard), "{uri:?}");
        }
        assert!(!pattern("com. .x", MatchPolicy::Wildcard));
        assert!(!pattern("com.#", MatchPolicy::Wildcard));
    }

    #[test]
    fn uri_03_prefix_patterns_may_end_in_an_empty_component_only() {
        for uri in ["com.myapp.", "", "com.my"] {
            assert!(pattern(uri, MatchPolicy::Prefix), "{uri:?}");
        }
        for uri in ["com..x", ".", ".x"] {
            assert!(!pattern(uri, MatchPolicy::Prefix), "{uri:?}");
        }
    }

    #[test]
    fn uri_04_strict_components_are_lower_case_letters_digits_and_underscores() {
        let strict = UriRules::strict();
        assert_eq!(check_uri("com.my_app.v2", &strict), Ok(()));
        for uri in ["com.MyApp", "com.my-app", "com.ä", "com..x"] {
            assert!(check_uri(uri, &strict).is_err(), "{uri}");
        }
        assert_eq!(check_pattern("com..x", MatchPolicy::Wildcard, &strict), Ok(()));
        assert_eq!(check_pattern("com.", MatchPolicy::Prefix, &strict), Ok(()));
    }

    #[test]
    fn uri_05_the_reserved_component_is_wamp_as_a_whole() {
        assert!(is_reserved("wamp.session.on_join") && is_reserved("wamp"));
        assert!(!is_reserved("wampx.y") && !is_reserved("com.wamp") && !is_reserved(""));
    }

    #[test]
    fn uris_over_the_limits_are_refused() {
        let rules = UriRules { strict: false, max_bytes: 9, max_components: 3 };
        assert_eq!(check_uri("a.b.c", &rules), Ok(()));
        assert_eq!(check_uri("a.b.c.d", &rules), Err(UriError::TooManyComponents(3)));
        assert_eq!(check_uri("abcdefghi", &rules), Ok(()));
        assert_eq!(check_uri("abcdefghij", &rules), Err(UriError::TooLong(9)));
    }
}
