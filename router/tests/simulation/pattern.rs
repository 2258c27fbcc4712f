//! URIs and patterns of them: what they match, by the words of the specification, and some to choose from.

use trunkline::config::MatchPolicy;

use crate::random::Random;

/// Few, and one begins as another does, so that patterns overlap often.
const COMPONENTS: [&str; 3] = ["a", "b", "ab"];
/// Components that nobody names, for each way in which prefixes made of [`COMPONENTS`] may match them.
const UNHEARD_OF: [&str; 4] = ["z", "az", "bz", "abz"];
/// Components that a URI may have.
pub(crate) const MAX_COMPONENTS: usize = 4;

/// A URI, and how it is matched.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pattern {
    pub(crate) uri: String,
    pub(crate) policy: MatchPolicy,
}

impl Pattern {
    pub(crate) fn new(uri: &str, policy: MatchPolicy) -> Self {
        Self { uri: uri.to_owned(), policy }
    }

    pub(crate) fn exact(uri: &str) -> Self {
        Self::new(uri, MatchPolicy::Exact)
    }

    pub(crate) fn is_exact(&self) -> bool {
        self.policy == MatchPolicy::Exact
    }

    /// Conformance: PBS-02, PBS-03
    pub(crate) fn matches(&self, uri: &str) -> bool {
        match self.policy {
            MatchPolicy::Exact => uri == self.uri,
            MatchPolicy::Prefix => uri.starts_with(&self.uri),
            MatchPolicy::Wildcard => {
                let mut components = uri.split('.');
                let fit = self.uri.split('.').all(|wanted| {
                    components.next().is_some_and(|component| wanted.is_empty() || wanted == component)
                });
                fit && components.next().is_none()
            }
        }
    }

    /// How many components stand before the first wildcard, then between that and the next, and so on.
    pub(crate) fn literal_runs(&self) -> Vec<usize> {
        let components: Vec<_> = self.uri.split('.').collect();
        components.split(|component| component.is_empty()).map(<[_]>::len).collect()
    }

    /// A URI that matches.
    pub(crate) fn example(&self) -> String {
        match self.policy {
            MatchPolicy::Prefix if self.uri.is_empty() || self.uri.ends_with('.') => format!("{}a", self.uri),
            MatchPolicy::Exact | MatchPolicy::Prefix => self.uri.clone(),
            MatchPolicy::Wildcard => {
                let components =
                    self.uri.split('.').map(|component| if component.is_empty() { "a" } else { component });
                components.collect::<Vec<_>>().join(".")
            }
        }
    }
}

/// A URI by chance.
pub(crate) fn any_uri(random: &mut Random) -> String {
    let length = [1, 2, 2, 3, 3, 3, MAX_COMPONENTS][random.below(7)];
    let components: Vec<_> = (0..length).map(|_| COMPONENTS[random.low(COMPONENTS.len())]).collect();
    components.join(".")
}

/// A pattern by chance.
pub(crate) fn any_pattern(random: &mut Random) -> Pattern {
    let uri = any_uri(random);
    match random.below(3) {
        0 => Pattern::exact(&uri),
        1 => {
            // The shorter ones match nearly everything; a few of them are enough.
            let least = if random.one_in(10) { 0 } else { uri.len().div_ceil(2) };
            let length = least + random.below(uri.len() + 1 - least);
            Pattern::new(&uri.chars().take(length).collect::<String>(), MatchPolicy::Prefix)
        }
        _ => {
            let components = uri.split('.').map(|component| if random.one_in(2) { "" } else { component });
            let uri = components.collect::<Vec<_>>().join(".");
            Pattern::new(&uri, MatchPolicy::Wildcard)
        }
    }
}

/// Every URI there can be, as far as patterns of these components can tell URIs apart.
pub(crate) fn all_uris() -> Vec<String> {
    let components = || COMPONENTS.into_iter().chain(UNHEARD_OF);
    let mut all = Vec::new();
    let mut longest = vec![String::new()];
    for _ in 0..MAX_COMPONENTS {
        let longer =
            longest.iter().flat_map(|uri| {
                components().map(move |component| {
                    if uri.is_empty() { component.to_owned() } else { format!("{uri}.{component}") }
                })
            });
        longest = longer.collect();
        all.extend_from_slice(&longest);
    }
    all
}
