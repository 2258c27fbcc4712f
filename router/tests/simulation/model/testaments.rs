//! Testaments: what is published for a session when it leaves.

use trunkline::config::Action;
use wamp_proto::dict::PublishOptions;
use wamp_proto::{RequestId, error_uri};

use super::Model;
use super::session::Answer;
use crate::note::Note;
use crate::pattern::Pattern;
use crate::reply::Content;

/// Testaments that one session may have.
pub(crate) const TESTAMENTS_MAX: usize = 3;

/// Scopes in the order in which their testaments are published (TST-04).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    Detached,
    Destroyed,
}

impl Scope {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Detached => "detached",
            Self::Destroyed => "destroyed",
        }
    }
}

pub(crate) struct Testament {
    pub(crate) scope: Scope,
    pub(crate) topic: String,
    pub(crate) options: PublishOptions,
    pub(crate) note: Note,
}

impl Model {
    pub(crate) fn add_testament(&mut self, name: u64, request: RequestId, testament: Testament) {
        if !self.admits(name, request, Action::Call, &Pattern::exact("wamp.session.add_testament")) {
            return;
        }
        let may = self.may(name, Action::Publish, &Pattern::exact(&testament.topic));
        let testaments = &mut self.member(name).testaments;
        let answer = if !may {
            Answer::Error(error_uri::NOT_AUTHORIZED)
        } else if testaments.len() < TESTAMENTS_MAX {
            testaments.push(testament);
            Answer::Result(Content::All(Vec::new()))
        } else {
            Answer::Error(error_uri::UNAVAILABLE)
        };
        self.answer(name, request, answer);
        self.settle();
    }

    pub(crate) fn flush_testaments(&mut self, name: u64, request: RequestId, scope: Scope) {
        if !self.admits(name, request, Action::Call, &Pattern::exact("wamp.session.flush_testaments")) {
            return;
        }
        self.member(name).testaments.retain(|testament| testament.scope != scope);
        self.answer(name, request, Answer::Result(Content::All(Vec::new())));
        self.settle();
    }

    /// Publishes the testaments of a session that is gone.
    pub(super) fn execute_testaments(&mut self, name: u64) {
        let mut testaments = std::mem::take(&mut self.member(name).testaments);
        testaments.sort_by_key(|testament| testament.scope);
        for Testament { topic, options, note, .. } in testaments {
            self.seen.testaments += 1;
            self.distribute(name, &options, &topic, note);
        }
    }

    /// How many testaments a realm has.
    pub(super) fn testaments(&self, realm: usize) -> usize {
        let sessions = self.sessions.values().filter(|session| session.realm == realm);
        sessions.map(|session| session.testaments.len()).sum()
    }
}
