//! Static authorization: what a role may do with a URI, or with a pattern of URIs (AUTHZ-01), and what it has to ask
//! the realm's authorizer about.
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

/// Allows or denies one action on the URIs that a pattern matches, or leaves it to the authorizer.
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
    /// The authorizer decides, about disclosure too if it likes.
    Ask(Disclosure),
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
    /// The patterns that leave it to the authorizer.
    asks: Vec<(String, MatchPolicy)>,
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

    /// Whether anything is left to the authorizer.
    pub(crate) fn asks(&self) -> bool {
        self.rules.iter().any(|rules| !rules.asks.is_empty())
    }

    /// Whether the role's sessions may do that with every URI that the pattern matches: denied if anything is denied
    /// that it matches, to be asked about if anything is to be asked about.
    pub(super) fn verdict(&self, action: Action, uri: &str, match_policy: MatchPolicy) -> Verdict {
        // `Action::ALL` is in the order of the variants.
        let Some(rules) = self.rules.get(action as usize) else { return Verdict::Denied };
        match match_policy {
            MatchPolicy::Exact => rules.of_uri(uri),
            MatchPolicy::Prefix | MatchPolicy::Wildcard => rules.of_pattern(uri, match_policy),
        }
    }
}

impl Rules {
    fn new(rules: &[&Rule], max_components: usize, table_key: &[u8; 16]) -> Self {
        let verdicts = rules.iter().map(|rule| (rule.uri.as_str(), rule.match_policy, rule.verdict));
        let patterns = |is: fn(Verdict) -> bool| {
            let found = rules.iter().filter(move |rule| is(rule.verdict));
            found.map(|rule| (rule.uri.clone(), rule.match_policy))
        };
        let everything = (String::new(), MatchPolicy::Prefix);
        Self {
            verdicts: RankedPatterns::new(verdicts, table_key),
            denials: patterns(Verdict::is_denial).chain([everything]).collect(),
            asks: patterns(Verdict::is_left).collect(),
            disclose_on_request: rules
                .iter()
                .all(|rule| matches!(rule.verdict.disclosure(), None | Some(Disclosure::OnRequest))),
            max_components,
        }
    }

    fn of_uri(&self, uri: &str) -> Verdict {
        self.verdicts.most_specific(uri).copied().unwrap_or(Verdict::Denied)
    }

    /// Rules know finitely many components, URIs are free to have others. Hence, for each rule that denies (or asks),
    /// it is enough to look at the URIs that it shares with the pattern and that have something unheard of wherever
    /// both leave them free: a rule that decides otherwise there matches all that the two share, and outranks
    /// the denial everywhere.
    fn of_pattern(&self, pattern: &str, policy: MatchPolicy) -> Verdict {
        let shape = Shape::new(pattern, policy);
        let matches_any = |rules: &[(String, MatchPolicy)], is: fn(Verdict) -> bool| {
            rules.iter().any(|(rule, policy)| {
                let rule = Shape::new(rule, *policy);
                shared_uris(&shape, &rule, self.max_components).any(|uri| is(self.of_uri(&uri)))
            })
        };
        if matches_any(&self.denials, Verdict::is_denial) {
            return Verdict::Denied;
        }
        let disclosure = self.disclosure(pattern);
        if matches_any(&self.asks, Verdict::is_left) {
            Verdict::Ask(disclosure)
        } else {
            Verdict::Allowed(disclosure)
        }
    }

    /// What the rule that decides about that pattern, taken as text, says about disclosure. It is looked for only
    /// where rules differ.
    fn disclosure(&self, pattern: &str) -> Disclosure {
        if self.disclose_on_request {
            return Disclosure::OnRequest;
        }
        self.of_uri(pattern).disclosure().unwrap_or(Disclosure::Refused)
    }
}

impl Verdict {
    fn is_denial(self) -> bool {
        self == Self::Denied
    }

    /// Whether it is left to the authorizer.
    fn is_left(self) -> bool {
        matches!(self, Self::Ask(_))
    }

    fn disclosure(self) -> Option<Disclosure> {
        match self {
            Self::Denied => None,
            Self::Ask(disclosure) | Self::Allowed(disclosure) => Some(disclosure),
        }
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

    const ALLOWED: Verdict = Verdict::Allowed(Disclosure::OnRequest);
    const ASK: Verdict = Verdict::Ask(Disclosure::OnRequest);

    fn rule(uri: &str, match_policy: MatchPolicy, verdict: Verdict) -> Rule {
        Rule { uri: uri.to_owned(), match_policy, action: Action::Subscribe, verdict }
    }

    fn verdict() -> impl Strategy<Value = Verdict> {
        prop_oneof![Just(Verdict::Denied), Just(ASK), Just(ALLOWED)]
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
        prop::collection::btree_map(pattern(3), verdict(), 0..8).prop_map(|rules| {
            let rule = |((uri, match_policy), verdict): ((String, _), _)| rule(&uri, match_policy, verdict);
            rules.into_iter().map(rule).collect()
        })
    }

    proptest! {
        /// A pattern is denied exactly if some URI is that it matches; and if none is, it is to be asked about exactly
        /// if some URI is.
        #[test]
        fn authz_01_a_pattern_is_allowed_if_all_that_it_matches_is(
            rules in subscribe_rules(),
            patterns in prop::collection::vec(pattern(3), 1..6),
        ) {
            let role = role(&rules);
            let universe = universe();
            for (pattern, policy) in patterns {
                let matched = universe.iter().filter(|uri| matches(&pattern, policy, uri));
                let verdicts: Vec<_> =
                    matched.map(|uri| role.verdict(Action::Subscribe, uri, MatchPolicy::Exact)).collect();
                let expected = if verdicts.contains(&Verdict::Denied) {
                    Verdict::Denied
                } else if verdicts.contains(&ASK) {
                    ASK
                } else {
                    ALLOWED
                };
                prop_assert_eq!(
                    role.verdict(Action::Subscribe, &pattern, policy), expected, "{} {:?}", pattern, policy
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
            let expected = best.map_or(Verdict::Denied, |rule| rule.verdict);
            prop_assert_eq!(role(&rules).verdict(Action::Subscribe, &uri, MatchPolicy::Exact), expected);
        }
    }

    #[test]
    fn authz_01_a_rule_is_for_its_actions_only() {
        let role = role(&[rule("com.example.tick", MatchPolicy::Exact, ALLOWED)]);
        let verdict = |action, uri| role.verdict(action, uri, MatchPolicy::Exact);
        assert_eq!(verdict(Action::Subscribe, "com.example.tick"), ALLOWED);
        for action in [Action::Publish, Action::Call, Action::Register] {
            assert_eq!(verdict(action, "com.example.tick"), Verdict::Denied, "{action:?}");
        }
        assert_eq!(verdict(Action::Subscribe, "com.example.tock"), Verdict::Denied);
    }

    #[test]
    fn authz_01_a_hole_in_a_pattern_denies_the_patterns_around_it() {
        use MatchPolicy::{Exact, Prefix, Wildcard};
        let role = role(&[
            rule("com.", Prefix, ALLOWED),
            rule("com.secret.", Prefix, Verdict::Denied),
            rule("com.secret..public", Wildcard, ALLOWED),
        ]);
        let may = |uri, policy| role.verdict(Action::Subscribe, uri, policy) == ALLOWED;
        assert!(may("com.open.", Prefix) && !may("com..", Wildcard) && !may("com.", Prefix));
        assert!(
            may("com.open", Exact) && !may("com.secret.key", Exact) && may("com.secret.key.public", Exact)
        );
        assert!(may("com.secret..public", Wildcard) && may("com...public", Wildcard));
        assert!(!may("com.secret.", Prefix) && !may("com.sec", Prefix) && may("com.set", Prefix));
    }

    #[test]
    fn authz_01_what_a_pattern_says_about_disclosure_holds_for_what_is_asked() {
        let ask = |uri, disclosure| rule(uri, MatchPolicy::Prefix, Verdict::Ask(disclosure));
        let asking = role(&[ask("com.", Disclosure::Forced), ask("com.a.", Disclosure::Refused)]);
        let verdict = |uri, policy| asking.verdict(Action::Subscribe, uri, policy);
        assert_eq!(verdict("com.b", MatchPolicy::Exact), Verdict::Ask(Disclosure::Forced));
        assert_eq!(verdict("com.a.", MatchPolicy::Prefix), Verdict::Ask(Disclosure::Refused));
        assert!(asking.asks());
        assert!(!role(&[rule("com.", MatchPolicy::Prefix, ALLOWED)]).asks());
    }
}
