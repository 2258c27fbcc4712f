//! What IDs were seen to stand for, which nothing else may stand for.

use std::collections::{BTreeMap, BTreeSet};

use wamp_proto::{PublicationId, RegistrationId, SubscriptionId};

use crate::note::Note;
use crate::pattern::Pattern;

#[derive(Default)]
pub(super) struct Identifiers {
    subscriptions: BTreeMap<(usize, Pattern), SubscriptionId>,
    /// The model's numbers of registrations, by realm and ID.
    registrations: BTreeMap<(usize, RegistrationId), u64>,
    publications: BTreeMap<(u64, u64), PublicationId>,
    publication_ids: BTreeSet<PublicationId>,
}

impl Identifiers {
    pub(super) fn subscription(&self, realm: usize, topic: &Pattern) -> Option<SubscriptionId> {
        self.subscriptions.get(&(realm, topic.clone())).copied()
    }

    /// The registrations that a realm had so far.
    pub(super) fn registrations(&self, realm: usize) -> Vec<RegistrationId> {
        self.registrations.keys().filter(|(at, _)| *at == realm).map(|(_, id)| *id).collect()
    }

    pub(super) fn registration(&self, realm: usize, id: RegistrationId) -> u64 {
        self.registrations[&(realm, id)]
    }

    /// A topic or pattern keeps its ID, whoever comes and goes, and shares it with no other.
    pub(super) fn subscription_is(&mut self, realm: usize, topic: &Pattern, id: SubscriptionId) {
        match self.subscription(realm, topic) {
            Some(known) => assert_eq!(known, id, "{topic:?} has got another ID"),
            None => {
                let is_new = self.subscriptions.values().all(|known| *known != id);
                assert!(is_new, "{topic:?} has the ID of another topic");
                self.subscriptions.insert((realm, topic.clone()), id);
            }
        }
    }

    /// A registration has one ID, which no other has before or after it.
    pub(super) fn registration_is(&mut self, realm: usize, number: u64, id: RegistrationId) {
        let known = *self.registrations.entry((realm, id)).or_insert(number);
        assert_eq!(known, number, "the registration ID {id} was given before");
        let of_number = self.registrations.values().filter(|known| **known == number).count();
        assert_eq!(of_number, 1, "callees of one registration have different IDs for it");
    }

    /// A publication has one ID, and no other has it.
    pub(super) fn publication_is(&mut self, note: Note, id: PublicationId) {
        let known = *self.publications.entry(note.key()).or_insert_with(|| {
            assert!(self.publication_ids.insert(id), "another publication has the ID {id}");
            id
        });
        assert_eq!(known, id, "{note:?} has two IDs");
    }
}
