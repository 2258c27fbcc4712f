//! What sessions lose because somebody else says so.

use trunkline::config::Action;
use wamp_proto::{RequestId, error_uri};

use super::Model;
use super::session::Answer;
use crate::pattern::Pattern;
use crate::reply::{Content, REVOKED};

impl Model {
    /// Takes a callee off a registration (RRV-01).
    pub(crate) fn remove_callee(&mut self, name: u64, request: RequestId, number: u64, callee: u64) {
        if !self.admits(name, request, Action::Call, &Pattern::exact("wamp.registration.remove_callee")) {
            return;
        }
        let answer = if self.registration(number).is_none() {
            Answer::Error(error_uri::NO_SUCH_REGISTRATION)
        } else if !self.held(callee).contains(&number) {
            Answer::Error(error_uri::NO_SUCH_SESSION)
        } else {
            self.revoke(callee, number, REVOKED);
            self.take_off(callee, number);
            Answer::Result(Content::All(Vec::new()))
        };
        self.answer(name, request, answer);
        self.settle();
    }

    /// Takes a subscriber off a subscription (SRV-01).
    pub(crate) fn remove_subscriber(
        &mut self,
        name: u64,
        request: RequestId,
        topic: &Pattern,
        subscriber: u64,
    ) {
        if !self.admits(name, request, Action::Call, &Pattern::exact("wamp.subscription.remove_subscriber")) {
            return;
        }
        let answer = if self.subscribers(self.sessions[&name].realm, topic).is_empty() {
            Answer::Error(error_uri::NO_SUCH_SUBSCRIPTION)
        } else if !self.member(subscriber).subscriptions.remove(topic) {
            Answer::Error(error_uri::NO_SUCH_SESSION)
        } else {
            self.seen.subscriptions_revoked += 1;
            let is_told = self.sessions[&subscriber].features.takes_subscription_revocation;
            if is_told && self.queue(subscriber, self.max_messages * 2) {
                self.member(subscriber).lost_subscriptions.push_back(topic.clone());
            }
            Answer::Result(Content::All(Vec::new()))
        };
        self.answer(name, request, answer);
        self.settle();
    }

    /// Makes another session of the same realm leave.
    pub(crate) fn kill_session(&mut self, name: u64, request: RequestId, victim: u64) {
        if !self.admits(name, request, Action::Call, &Pattern::exact("wamp.session.kill")) {
            return;
        }
        if !self.may_kill(name, victim) {
            return self.refuse(name, request, error_uri::NO_SUCH_SESSION);
        }
        self.seen.sessions_killed += 1;
        self.member(victim).is_gone = true;
        self.leaving.push_back(victim);
        self.answer(name, request, Answer::Result(Content::All(Vec::new())));
        self.settle();
        self.sessions.remove(&victim);
    }

    /// Whether a session may make that other one leave.
    pub(crate) fn may_kill(&mut self, name: u64, victim: u64) -> bool {
        let (killer, other) = (&self.sessions[&name], &self.sessions[&victim]);
        let is_there = killer.realm == other.realm && victim != name && !other.is_gone;
        is_there && self.permissions.permit(&killer.role, Action::Call, &Pattern::exact("wamp.session.kill"))
    }

    pub(crate) fn callees(&self, number: u64) -> Vec<u64> {
        let found = self.registrations.iter().filter(|registration| registration.number == number);
        found.flat_map(|registration| registration.callees.iter().map(|callee| callee.name)).collect()
    }

    pub(crate) fn subscribers(&self, realm: usize, topic: &Pattern) -> Vec<u64> {
        let holds = |(name, session): (&u64, &super::Session)| {
            (session.realm == realm && session.subscriptions.contains(topic)).then_some(*name)
        };
        self.sessions.iter().filter_map(holds).collect()
    }
}
