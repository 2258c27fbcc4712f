//! Static authorization: what a role may do with a URI, or with a pattern of URIs (AUTHZ-01).
//!
//! The most specific rule decides (see [`RankedPatterns`]). Where no rule matches, nothing is allowed.

use std::ops::RangeInclusive;

use wamp_proto::uri::UriRules;
use wamp_proto::{Action, MatchPolicy};

use super::patterns::RankedPatterns;

/// A component that no rule names: `#` is in no URI. What a rule says about it, it says about every component
/// that the rules do not name.
const ANY_OTHER: &str = "#";

/// A role of a realm.
#[derive(Debug)]
pub(crate) struct Role {
    /// The authrole of its sessions.
    pub(crate) name: Box<str>,
    /// How far its publishers and callers are trusted, if anybody is to know (TRL-01).
    pub(crate) trustlevel: Option<u64>,
    rules: [Rules; Action::ALL.len()],
}

/// Allows or denies one action on the URIs that a pattern matches.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) uri: String,
    pub(crate) match_policy: MatchPolicy,
    pub(crate) action: Action,
    pub(crate) verdict: Verdict,
}

/// What a rule says about an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Denied,
    Allowed(Disclosure),
}

/// Whether those who publish or call are disclosed to those who get the message (PID, CID).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Disclosure {
    /// If they, or the callee, ask for it.
    #[default]
    OnRequest,
    /// Never; whoever asks is refused.
    Refused,
    /// Always.
    Forced,
}

/// The rules for one action.
#[derive(Debug)]
struct Rules {
    verdicts: RankedPatterns<Verdict>,
    /// The patterns that deny, and the one that everything matches: what no rule matches is denied.
    denials: Vec<(String, MatchPolicy)>,
    /// Whether none of them says anything else about disclosure.
    disclose_on_request: bool,
    max_components: usize,
}

impl Role {
    /// A role with those rules. Of two that tie, the later one counts; a configuration has none.
    pub(crate) fn new(
        name: &str,
        trustlevel: Option<u64>,
        rules: &[Rule],
        uri_rules: &UriRules,
        table_key: &[u8; 16],
    ) -> Self {
        let rules = Action::ALL.map(|action| {
            let of_action: Vec<_> = rules.iter().filter(|rule| rule.action == action).collect();
            Rules::new(&of_action, uri_rules.max_components, table_key)
        });
        Self { name: name.into(), trustlevel, rules }
    }

    /// A role that may call everything, and nothing else.
    pub(crate) fn that_calls(name: &str, uri_rules: &UriRules, table_key: &[u8; 16]) -> Self {
        let everything = Rule {
            uri: String::new(),
            match_policy: MatchPolicy::Prefix,
            action: Action::Call,
            verdict: Verdict::Allowed(Disclosure::OnRequest),
        };
        Self::new(name, None, &[everything], uri_rules, table_key)
    }

    /// Whether the role's sessions may do that with every URI that the pattern matches.
    pub(super) fn permits(&self, action: Action, uri: &str, match_policy: MatchPolicy) -> bool {
        // `Action::ALL` is in the order of the variants.
        let Some(rules) = self.rules.get(action as usize) else { return false };
        match match_policy {
            MatchPolicy::Exact => rules.allow(uri),
            MatchPolicy::Prefix | MatchPolicy::Wildcard => rules.allow_all(uri, match_policy),
        }
    }

    /// What the rule that decides about that URI, or about that pattern taken as text, says about disclosure, given
    /// that it allows the action. It is looked for only where rules differ.
    pub(super) fn disclosure(&self, action: Action, uri: &str) -> Disclosure {
        let Some(rules) = self.rules.get(action as usize) else { return Disclosure::Refused };
        if rules.disclose_on_request {
            return Disclosure::OnRequest;
        }
        match rules.verdicts.most_specific(uri) {
            Some(Verdict::Allowed(disclosure)) => *disclosure,
            Some(Verdict::Denied) | None => Disclosure::Refused,
        }
    }
}

impl Rules {
    fn new(rules: &[&Rule], max_components: usize, table_key: &[u8; 16]) -> Self {
        let verdicts = rules.iter().map(|rule| (rule.uri.as_str(), rule.match_policy, rule.verdict));
        let denials = rules.iter().filter(|rule| rule.verdict == Verdict::Denied);
        let everything = (String::new(), MatchPolicy::Prefix);
        Self {
            verdicts: RankedPatterns::new(verdicts, table_key),
            denials: denials.map(|rule| (rule.uri.clone(), rule.match_policy)).chain([everything]).collect(),
            disclose_on_request: rules.iter().all(|rule| {
                matches!(rule.verdict, Verdict::Denied | Verdict::Allowed(Disclosure::OnRequest))
            }),
            max_components,
        }
    }

    fn allow(&self, uri: &str) -> bool {
        matches!(self.verdicts.most_specific(uri), Some(Verdict::Allowed(_)))
    }

    /// Whether every URI that the pattern matches is allowed.
    ///
    /// Rules know finitely many components, URIs are free to have others. Hence, for each rule that denies, it
    /// is enough to look at the URIs that it shares with the pattern and that have something unheard of wherever
    /// both leave them free: a rule that decides otherwise there matches all that the two share, and outranks
    /// the denial everywhere.
    fn allow_all(&self, pattern: &str, policy: MatchPolicy) -> bool {
        let pattern = Shape::new(pattern, policy);
        self.denials.iter().all(|(denial, policy)| {
            let denial = Shape::new(denial, *policy);
            shared_uris(&pattern, &denial, self.max_components).all(|uri| self.allow(&uri))
        })
    }
}

/// Of the URIs that both patterns match, for each number of components one with [`ANY_OTHER`] wherever neither
/// pattern says what stands there.
fn shared_uris<'a>(
    a: &'a Shape<'a>,
    b: &'a Shape<'a>,
    max_components: usize,
) -> impl Iterator<Item = String> + 'a {
    let (a_lengths, b_lengths) = (a.lengths(max_components), b.lengths(max_components));
    let lengths = *a_lengths.start().max(b_lengths.start())..=*a_lengths.end().min(b_lengths.end());
    lengths.filter_map(|length| {
        let components = (0..length).map(|place| a.component(place).and(b.component(place)));
        let texts: Option<Vec<_>> = components.map(|component| component.map(Component::text)).collect();
        texts.map(|texts| texts.join("."))
    })
}

/// What a pattern says about the components of the URIs that it matches.
struct Shape<'a> {
    components: Vec<Component<'a>>,
    /// Whether any number of others may follow.
    is_open: bool,
}

/// What a pattern says about one component.
#[derive(Clone, Copy)]
enum Component<'a> {
    Is(&'a str),
    BeginsWith(&'a str),
}

impl<'a> Shape<'a> {
    fn new(pattern: &'a str, policy: MatchPolicy) -> Self {
        let last = pattern.split('.').count() - 1;
        let component = |(place, text)| match policy {
            MatchPolicy::Prefix if place == last => Component::BeginsWith(text),
            MatchPolicy::Wildcard if text.is_empty() => Component::BeginsWith(text),
            _ => Component::Is(text),
        };
        Self {
            components: pattern.split('.').enumerate().map(component).collect(),
            is_open: policy == MatchPolicy::Prefix,
        }
    }

    /// How many components the URIs have.
    fn lengths(&self, max: usize) -> RangeInclusive<usize> {
        let min = self.components.len();
        min..=if self.is_open { max } else { min }
    }

    fn component(&self, place: usize) -> Component<'a> {
        self.components.get(place).copied().unwrap_or(Component::BeginsWith(""))
    }
}

impl Component<'_> {
    /// What both say, unless they contradict each other.
    fn and(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Is(a), Self::Is(b)) => (a == b).then_some(self),
            (Self::Is(a), Self::BeginsWith(b)) => a.starts_with(b).then_some(self),
            (Self::BeginsWith(_), Self::Is(_)) => other.and(self),
            (Self::BeginsWith(a), Self::BeginsWith(b)) if a.starts_with(b) => Some(self),
            (Self::BeginsWith(a), Self::BeginsWith(b)) => b.starts_with(a).then_some(other),
        }
    }

    fn text(self) -> String {
        match self {
            Self::Is(text) => text.to_owned(),
            Self::BeginsWith(text) => text.to_owned() + ANY_OTHER,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::patterns::tests::{matches, pattern};
    use super::*;

    const URI_RULES: UriRules = UriRules { strict: false, max_bytes: 1024, max_components: 3 };

    fn role(rules: &[Rule]) -> Role {
        Role::new("guest", None, rules, &URI_RULES, &[7; 16])
    }

    fn rule(uri: &str, match_policy: MatchPolicy, is_allowed: bool) -> Rule {
        let verdict = if is_allowed { Verdict::Allowed(Disclosure::OnRequest) } else { Verdict::Denied };
        Rule { uri: uri.to_owned(), match_policy, action: Action::Subscribe, verdict }
    }

    /// Every URI out of what patterns are made of, and of components that they are not made of.
    fn universe() -> Vec<String> {
        let components = ["a", "b", "c", "aa", "ab", "ac", "ba", "bb", "bc", "aac", "abc", "bac", "bbc"];
        let mut all: Vec<_> = components.map(str::to_owned).to_vec();
        for shorter in 0..components.len() + components.len() * components.len() {
            all.extend(components.map(|component| format!("{}.{component}", all[shorter])));
        }
        all
    }

    fn subscribe_rules() -> impl Strategy<Value = Vec<Rule>> {
        prop::collection::btree_map(pattern(3), any::<bool>(), 0..8).prop_map(|rules| {
            let rule =
                |((uri, match_policy), is_allowed): ((String, _), _)| rule(&uri, match_policy, is_allowed);
            rules.into_iter().map(rule).collect()
        })
    }

    proptest! {
        /// A pattern is allowed exactly if every URI is that it matches.
        #[test]
        fn authz_01_a_pattern_is_allowed_if_all_that_it_matches_is(
            rules in subscribe_rules(),
            patterns in prop::collection::vec(pattern(3), 1..6),
        ) {
            let role = role(&rules);
            let universe = universe();
            for (pattern, policy) in patterns {
                let mut matched = universe.iter().filter(|uri| matches(&pattern, policy, uri));
                let expected = matched.all(|uri| role.permits(Action::Subscribe, uri, MatchPolicy::Exact));
                prop_assert_eq!(
                    role.permits(Action::Subscribe, &pattern, policy), expected, "{} {:?}", pattern, policy
                );
            }
        }

        /// The verdict is that of the rule that comes first when all that match are put in order.
        #[test]
        fn authz_01_the_most_specific_rule_decides(rules in subscribe_rules(), uri in "[abc]{1,2}(\\.[abc]{1,2}){0,2}") {
            // Exact before the others; then literal runs; then prefix before wildcard.
            let rank = |rule: &Rule| {
                let components: Vec<_> = rule.uri.split('.').collect();
                let is_prefix = rule.match_policy == MatchPolicy::Prefix;
                let (components, incomplete) = match components.split_last() {
                    Some((last, complete)) if is_prefix => (complete.to_vec(), last.len()),
                    _ => (components, 0),
                };
                let first_run = components.iter().take_while(|component| !component.is_empty()).count();
                let later: Vec<_> = components.iter().skip(first_run).map(|component| !component.is_empty()).collect();
                let has_more = later.contains(&true);
                (rule.match_policy == MatchPolicy::Exact, first_run, incomplete, has_more, is_prefix, later)
            };
            let best = rules.iter().filter(|rule| matches(&rule.uri, rule.match_policy, &uri)).max_by_key(|rule| rank(rule));
            let expected = best.is_some_and(|rule| rule.verdict != Verdict::Denied);
            prop_assert_eq!(role(&rules).permits(Action::Subscribe, &uri, MatchPolicy::Exact), expected);
        }
    }

    #[test]
    fn authz_01_a_rule_is_for_its_actions_only() {
        let role = role(&[rule("com.example.tick", MatchPolicy::Exact, true)]);
        assert!(role.permits(Action::Subscribe, "com.example.tick", MatchPolicy::Exact));
        for action in [Action::Publish, Action::Call, Action::Register] {
            assert!(!role.permits(action, "com.example.tick", MatchPolicy::Exact), "{action:?}");
        }
        assert!(!role.permits(Action::Subscribe, "com.example.tock", MatchPolicy::Exact));
    }

    #[test]
    fn authz_01_a_hole_in_a_pattern_denies_the_patterns_around_it() {
        use MatchPolicy::{Exact, Prefix, Wildcard};
        let role = role(&[
            rule("com.", Prefix, true),
            rule("com.secret.", Prefix, false),
            rule("com.secret..public", Wildcard, true),
        ]);
        let may = |uri, policy| role.permits(Action::Subscribe, uri, policy);
        assert!(may("com.open.", Prefix) && !may("com..", Wildcard) && !may("com.", Prefix));
        assert!(
            may("com.open", Exact) && !may("com.secret.key", Exact) && may("com.secret.key.public", Exact)
        );
        assert!(may("com.secret..public", Wildcard) && may("com...public", Wildcard));
        assert!(!may("com.secret.", Prefix) && !may("com.sec", Prefix) && may("com.set", Prefix));
    }
}
