//! Whom a publication is for, among those who subscribed to its topic (EXC, BWL).

use wamp_proto::Uri;
use wamp_proto::dict::PublishOptions;

use super::recipient::{Identity, RecipientKey};
use super::world::World;

/// The publisher's exclusion, and its black- and whitelists.
pub(super) struct Audience {
    /// The publisher, unless it wants its own EVENTs (EXC-01).
    excluded: Option<RecipientKey>,
    lists: Option<Lists>,
}

/// Who is in every list of the eligible, and in none of the excluded (BWL-02). Sorted.
pub(super) struct Lists {
    exclude: Vec<u64>,
    exclude_authid: Vec<Uri>,
    exclude_authrole: Vec<Uri>,
    eligible: Option<Vec<u64>>,
    eligible_authid: Option<Vec<Uri>>,
    eligible_authrole: Option<Vec<Uri>>,
}

impl Audience {
    pub(super) fn new(publisher: RecipientKey, options: &PublishOptions) -> Self {
        let excluded = (options.exclude_me != Some(false)).then_some(publisher);
        let has_lists = options.exclude.is_some()
            || options.exclude_authid.is_some()
            || options.exclude_authrole.is_some()
            || options.eligible.is_some()
            || options.eligible_authid.is_some()
            || options.eligible_authrole.is_some();
        Self { excluded, lists: has_lists.then(|| Lists::new(options)) }
    }

    /// Whether a subscriber gets the EVENT as far as exclusion goes.
    pub(super) fn admits(&self, subscriber: RecipientKey) -> bool {
        Some(subscriber) != self.excluded
    }

    /// The lists that narrow it further, which few publications have.
    pub(super) fn lists(&self) -> Option<&Lists> {
        self.lists.as_ref()
    }
}

impl Lists {
    fn new(options: &PublishOptions) -> Self {
        Self {
            exclude: sorted(&options.exclude).unwrap_or_default(),
            exclude_authid: sorted(&options.exclude_authid).unwrap_or_default(),
            exclude_authrole: sorted(&options.exclude_authrole).unwrap_or_default(),
            eligible: sorted(&options.eligible),
            eligible_authid: sorted(&options.eligible_authid),
            eligible_authrole: sorted(&options.eligible_authrole),
        }
    }

    /// Whether a subscriber gets the EVENT as far as the lists go.
    pub(super) fn include(&self, subscriber: RecipientKey, out: &impl World) -> bool {
        out.identity(subscriber).is_some_and(|identity| self.name(identity))
    }

    fn name(&self, identity: &Identity) -> bool {
        let session = identity.session.value();
        let (authid, authrole) = (&*identity.authid, &*identity.role.name);
        self.exclude.binary_search(&session).is_err()
            && !names(&self.exclude_authid, authid)
            && !names(&self.exclude_authrole, authrole)
            && self.eligible.as_ref().is_none_or(|list| list.binary_search(&session).is_ok())
            && self.eligible_authid.as_ref().is_none_or(|list| names(list, authid))
            && self.eligible_authrole.as_ref().is_none_or(|list| names(list, authrole))
    }
}

fn sorted<T: Clone + Ord>(list: &Option<Vec<T>>) -> Option<Vec<T>> {
    let mut list = list.clone()?;
    list.sort_unstable();
    Some(list)
}

fn names(list: &[Uri], name: &str) -> bool {
    list.binary_search_by(|entry| (**entry).cmp(name)).is_ok()
}
