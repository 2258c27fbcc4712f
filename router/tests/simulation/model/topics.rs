//! Subscriptions, and who gets which publication.

use std::collections::BTreeSet;

use trunkline::config::Action;
use wamp_proto::dict::PublishOptions;
use wamp_proto::{RequestId, error_uri};

use super::session::{Answer, Event};
use super::{Model, audience};
use crate::note::Note;
use crate::pattern::Pattern;

/// Subscriptions that one session may hold.
pub(crate) const SUBSCRIPTIONS_MAX: usize = 8;

impl Model {
    pub(crate) fn subscribe(&mut self, name: u64, request: RequestId, topic: Pattern) {
        if !self.admits(name, request, Action::Subscribe, &topic) {
            return;
        }
        let session = self.member(name);
        let answer = if session.subscriptions.contains(&topic) {
            Answer::Subscribed(topic)
        } else if session.subscriptions.len() < SUBSCRIPTIONS_MAX {
            session.subscriptions.insert(topic.clone());
            Answer::Subscribed(topic)
        } else {
            Answer::Error(error_uri::UNAVAILABLE)
        };
        self.answer(name, request, answer);
        self.settle();
    }

    pub(crate) fn unsubscribe(&mut self, name: u64, request: RequestId, topic: &Pattern) {
        if !self.is_live(name) {
            return;
        }
        let answer = if self.member(name).subscriptions.remove(topic) {
            Answer::Unsubscribed
        } else {
            Answer::Error(error_uri::NO_SUCH_SUBSCRIPTION)
        };
        self.answer(name, request, answer);
        self.settle();
    }

    pub(crate) fn publish(
        &mut self,
        name: u64,
        request: RequestId,
        options: &PublishOptions,
        topic: &str,
        note: Note,
    ) {
        if !self.is_live(name) {
            return;
        }
        let is_acknowledged = options.acknowledge == Some(true);
        if !self.may(name, Action::Publish, &Pattern::exact(topic)) {
            // Without acknowledgement, it vanishes.
            if is_acknowledged {
                self.answer(name, request, Answer::Error(error_uri::NOT_AUTHORIZED));
            }
            return self.settle();
        }
        if is_acknowledged {
            self.answer(name, request, Answer::Published(note));
        }
        self.distribute(name, options, topic, note);
        self.settle();
    }

    pub(super) fn distribute(&mut self, name: u64, options: &PublishOptions, topic: &str, note: Note) {
        for (subscriber, subscriptions) in self.audience(name, options, topic) {
            self.event(subscriber, Event { note, topic: topic.to_owned(), subscriptions });
        }
    }

    /// Who gets a publication, and for which subscriptions.
    fn audience(&self, name: u64, options: &PublishOptions, topic: &str) -> Vec<(u64, BTreeSet<Pattern>)> {
        let mut audience = Vec::new();
        for (subscriber, session) in &self.sessions {
            let is_excluded = *subscriber == name && options.exclude_me != Some(false);
            if session.realm != self.sessions[&name].realm || session.is_gone || is_excluded {
                continue;
            }
            let matching = session.subscriptions.iter().filter(|pattern| pattern.matches(topic));
            let matching: BTreeSet<_> = matching.cloned().collect();
            if !matching.is_empty() && audience::includes(options, session) {
                audience.push((*subscriber, matching));
            }
        }
        audience
    }

    /// Whose outboxes have no room for that publication.
    pub(crate) fn overwhelmed(&self, name: u64, options: &PublishOptions, topic: &str) -> Vec<u64> {
        let audience = self.audience(name, options, topic).into_iter();
        let has_no_room = |(subscriber, subscriptions): &(u64, BTreeSet<_>)| {
            let answers = usize::from(*subscriber == name && options.acknowledge == Some(true));
            self.sessions[subscriber].queued + answers + subscriptions.len() > self.max_messages
        };
        audience.filter(has_no_room).map(|(subscriber, _)| subscriber).collect()
    }

    /// How many topics and patterns of a realm have subscribers.
    pub(super) fn subscriptions(&self, realm: usize) -> usize {
        let sessions = self.sessions.values().filter(|session| session.realm == realm);
        sessions.flat_map(|session| &session.subscriptions).collect::<BTreeSet<_>>().len()
    }
}
