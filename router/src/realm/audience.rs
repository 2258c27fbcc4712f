//! Whom a publication is for, among those who subscribed to its topic (EXC, BWL).

use wamp_proto::dict::PublishOptions;
use wamp_proto::{Profile, SessionId, Uri};

use super::recipient::{Identity, RecipientKey};
use super::world::World;

/// The publisher's exclusion, and its black- and whitelists.
pub(super) struct Audience {
    /// The publisher, unless it wants its own EVENTs (EXC-01).
    excluded: Option<(RecipientKey, SessionId)>,
    lists: Option<Box<Lists>>,
}

/// Who is in every list of the eligible, and in none of the excluded (BWL-02). Sorted.
#[derive(Debug)]
pub(super) struct Lists {
    exclude: Vec<u64>,
    exclude_authid: Vec<Uri>,
    exclude_authrole: Vec<Uri>,
    eligible: Option<Vec<u64>>,
    eligible_authid: Option<Vec<Uri>>,
    eligible_authrole: Option<Vec<Uri>>,
}

impl Audience {
    pub(super) fn new(
        publisher: RecipientKey,
        session: SessionId,
        options: &PublishOptions,
        profile: Profile,
    ) -> Self {
        let excluded = (options.exclude_me != Some(false)).then_some((publisher, session));
        let has_lists = options.exclude.is_some()
            || options.exclude_authid.is_some()
            || options.exclude_authrole.is_some()
            || options.eligible.is_some()
            || options.eligible_authid.is_some()
            || options.eligible_authrole.is_some();
        let lists = if has_lists { Lists::new(options, profile) } else { None };
        Self { excluded, lists: lists.map(Box::new) }
    }

    /// Whether a subscriber gets the EVENT as far as exclusion goes.
    pub(super) fn admits(&self, subscriber: RecipientKey) -> bool {
        self.excluded.is_none_or(|(publisher, _)| subscriber != publisher)
    }

    /// The publisher, if it is excluded.
    pub(super) fn excluded_session(&self) -> Option<SessionId> {
        self.excluded.map(|(_, session)| session)
    }

    /// The lists that narrow it further, which few publications have.
    pub(super) fn lists(&self) -> Option<&Lists> {
        self.lists.as_deref()
    }
}

impl Lists {
    /// Nothing, if the lists that there are change nothing (BWL-03).
    fn new(options: &PublishOptions, profile: Profile) -> Option<Self> {
        let lists = Self {
            exclude: sorted(&options.exclude).unwrap_or_default(),
            exclude_authid: sorted(&options.exclude_authid).unwrap_or_default(),
            exclude_authrole: sorted(&options.exclude_authrole).unwrap_or_default(),
            eligible: whitelist(&options.eligible, profile),
            eligible_authid: whitelist(&options.eligible_authid, profile),
            eligible_authrole: whitelist(&options.eligible_authrole, profile),
        };
        let narrows = lists.names_sessions()
            || !lists.exclude_authid.is_empty()
            || !lists.exclude_authrole.is_empty()
            || lists.eligible_authid.is_some()
            || lists.eligible_authrole.is_some();
        narrows.then_some(lists)
    }

    /// Whether it goes by session IDs, which mean nothing to later sessions.
    pub(super) fn names_sessions(&self) -> bool {
        !self.exclude.is_empty() || self.eligible.is_some()
    }

    /// A copy that keeps no frame alive.
    pub(super) fn detached(&self) -> Self {
        let copied = |names: &Vec<Uri>| names.iter().map(|name| Uri::from(&**name)).collect();
        Self {
            exclude: self.exclude.clone(),
            exclude_authid: copied(&self.exclude_authid),
            exclude_authrole: copied(&self.exclude_authrole),
            eligible: self.eligible.clone(),
            eligible_authid: self.eligible_authid.as_ref().map(copied),
            eligible_authrole: self.eligible_authrole.as_ref().map(copied),
        }
    }

    /// Octets of memory that the lists take.
    pub(super) fn footprint(&self) -> usize {
        let blacklists = [&self.exclude_authid, &self.exclude_authrole];
        let whitelists = [&self.eligible_authid, &self.eligible_authrole];
        let names = blacklists.into_iter().chain(whitelists.into_iter().flatten()).flatten();
        let sessions = self.exclude.len() + self.eligible.as_ref().map_or(0, Vec::len);
        size_of::<Self>()
            + sessions * size_of::<u64>()
            + names.map(|name| size_of::<Uri>() + name.len()).sum::<usize>()
    }

    /// Whether a subscriber gets the EVENT as far as the lists go.
    pub(super) fn include(&self, subscriber: RecipientKey, out: &impl World) -> bool {
        out.identity(subscriber).is_some_and(|identity| self.include_identity(identity))
    }

    /// Whether somebody would get it as far as the lists go.
    pub(super) fn include_identity(&self, identity: &Identity) -> bool {
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

/// For Crossbar.io an empty list is as good as none.
fn whitelist<T: Clone + Ord>(list: &Option<Vec<T>>, profile: Profile) -> Option<Vec<T>> {
    sorted(list).filter(|list| profile != Profile::Crossbar || !list.is_empty())
}

fn sorted<T: Clone + Ord>(list: &Option<Vec<T>>) -> Option<Vec<T>> {
    let mut list = list.clone()?;
    list.sort_unstable();
    Some(list)
}

fn names(list: &[Uri], name: &str) -> bool {
    list.binary_search_by(|entry| (**entry).cmp(name)).is_ok()
}
