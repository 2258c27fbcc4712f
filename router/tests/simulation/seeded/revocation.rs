//! What sessions take from others.

use super::Simulation;
use crate::pattern::any_pattern;
use crate::reply::REVOKED;

impl Simulation {
    /// Takes somebody off a registration.
    pub(super) fn remove_callee(&mut self, name: u64) {
        let realm = self.model.sessions[&name].realm;
        let all = self.identifiers.registrations(realm);
        let Some(id) = self.random.pick(all.into_iter()) else { return };
        let number = self.identifiers.registration(realm, id);
        let callees = self.model.callees(number);
        let callee = self.one_of(&callees, name);
        let session = self.model.sessions[&callee].id;
        let request = self.peer(name).remove_callee(id, session);
        self.in_model(|model| model.remove_callee(name, request, number, callee));
    }

    /// Takes somebody off a subscription.
    pub(super) fn remove_subscriber(&mut self, name: u64) {
        let realm = self.model.sessions[&name].realm;
        let topic = any_pattern(&mut self.random);
        // Nobody can know the ID before somebody was told.
        let Some(id) = self.identifiers.subscription(realm, &topic) else { return };
        let subscribers = self.model.subscribers(realm, &topic);
        let subscriber = self.one_of(&subscribers, name);
        let session = self.model.sessions[&subscriber].id;
        let request = self.peer(name).remove_subscriber(id, session);
        self.in_model(|model| model.remove_subscriber(name, request, &topic, subscriber));
    }

    /// Makes somebody leave, if it is in the same realm.
    pub(super) fn kill_session(&mut self, name: u64) {
        let victim = self.random.pick(self.names.iter().copied()).expect("people");
        let session = &self.model.sessions[&victim];
        let (id, lost) = (session.id, session.lost_invocations());
        let request = self.peer(name).kill_session(id);
        if self.model.may_kill(name, victim) {
            let mut peer = self.forget(victim);
            // What was queued comes before GOODBYE.
            for invocation in lost {
                peer.expect_gap(invocation);
            }
            peer.expect_goodbye(REVOKED);
        }
        self.in_model(|model| model.kill_session(name, request, victim));
    }

    /// One of them; now and then, or if there is none, the one named.
    fn one_of(&mut self, some: &[u64], name: u64) -> u64 {
        let chosen = self.random.pick(some.iter().copied());
        chosen.filter(|_| !self.random.one_in(6)).unwrap_or(name)
    }
}
