//! What an authorizer said before: bounded in answers and in age, and forgotten on demand.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use wamp_proto::RegistrationId;

use crate::realm::{Identity, Moment, Ruling, Subject};

/// What a ruling is about: whoever has the same authid and role may do the same.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Case {
    authid: Box<str>,
    authrole: Box<str>,
    pub(super) subject: Subject,
}

/// Answers, within limits. The oldest go first.
#[derive(Debug)]
pub(super) struct Memory {
    max: usize,
    max_age: Duration,
    rulings: HashMap<Arc<Case>, Ruling>,
    by_age: VecDeque<(Moment, Arc<Case>)>,
    epoch: Epoch,
    /// Whose answers these are.
    registration: Option<RegistrationId>,
}

/// The time between two flushes. What was asked in an earlier one is not remembered: the answer may be older than the
/// reason to forget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Epoch(u64);

impl Case {
    pub(super) fn new(identity: &Identity, subject: Subject) -> Self {
        Self { authid: identity.authid.clone(), authrole: identity.role.name.clone(), subject }
    }
}

impl Memory {
    pub(super) fn new(max: usize, max_age: Duration) -> Self {
        let (rulings, by_age) = (HashMap::new(), VecDeque::new());
        Self { max, max_age, rulings, by_age, epoch: Epoch::default(), registration: None }
    }

    /// What was said about that, if it still holds.
    pub(super) fn recall(&mut self, case: &Case, now: Moment) -> Option<Ruling> {
        self.forget_old(now);
        self.rulings.get(case).copied()
    }

    /// Which epoch it is: to be given back with the answer.
    pub(super) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Remembers what was asked in that epoch.
    pub(super) fn remember(&mut self, case: Case, ruling: Ruling, asked: Epoch, now: Moment) {
        if asked != self.epoch || self.max == 0 || self.max_age.is_zero() {
            return;
        }
        self.forget_old(now);
        if let Some(known) = self.rulings.get_mut(&case) {
            // Asked twice before the first answer. It keeps its age, so that ages stay in order.
            *known = ruling;
            return;
        }
        if self.rulings.len() >= self.max {
            self.forget_oldest();
        }
        let case = Arc::new(case);
        self.by_age.push_back((now, case.clone()));
        self.rulings.insert(case, ruling);
    }

    /// From now on, that registration is asked: another authorizer may answer otherwise. Returns whether anything was
    /// forgotten.
    pub(super) fn heed(&mut self, registration: RegistrationId) -> bool {
        let before = self.registration.replace(registration);
        before.is_some_and(|before| before != registration) && self.flush() > 0
    }

    /// Forgets everything; returns how much that was.
    pub(super) fn flush(&mut self) -> usize {
        self.epoch.0 += 1;
        self.by_age = VecDeque::new();
        std::mem::take(&mut self.rulings).len()
    }

    fn forget_old(&mut self, now: Moment) {
        let is_old = |then: Moment| now.since_start().saturating_sub(then.since_start()) >= self.max_age;
        while self.by_age.front().is_some_and(|(then, _)| is_old(*then)) {
            if let Some((_, case)) = self.by_age.pop_front() {
                self.rulings.remove(&case);
            }
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, case)) = self.by_age.pop_front() {
            self.rulings.remove(&case);
        }
    }
}

#[cfg(test)]
mod tests {
    use wamp_proto::{Action, MatchPolicy};

    use super::*;

    fn case(authid: &str, uri: &str) -> Case {
        let subject = Subject { action: Action::Call, uri: uri.into(), match_policy: MatchPolicy::Exact };
        Case { authid: authid.into(), authrole: "guest".into(), subject }
    }

    fn at(seconds: u64) -> Moment {
        Moment::from_start(Duration::from_secs(seconds))
    }

    const YES: Ruling = Ruling::Allowed(None);

    #[test]
    fn an_answer_is_known_for_as_long_as_it_may_get_old() {
        let mut memory = Memory::new(10, Duration::from_secs(5));
        memory.remember(case("alice", "a"), YES, memory.epoch(), at(1));
        assert_eq!(memory.recall(&case("alice", "a"), at(5)), Some(YES));
        assert_eq!(memory.recall(&case("bob", "a"), at(5)), None);
        assert_eq!(memory.recall(&case("alice", "b"), at(5)), None);
        assert_eq!(memory.recall(&case("alice", "a"), at(6)), None);
        assert_eq!(memory.flush(), 0);
    }

    #[test]
    fn beyond_the_bound_the_oldest_answer_goes() {
        let mut memory = Memory::new(2, Duration::from_secs(5));
        for (second, uri) in [(0, "a"), (1, "b"), (2, "b"), (3, "c")] {
            memory.remember(case("alice", uri), YES, memory.epoch(), at(second));
        }
        let known = ["a", "b", "c"].map(|uri| memory.recall(&case("alice", uri), at(4)).is_some());
        assert_eq!(known, [false, true, true]);
        assert_eq!((memory.rulings.len(), memory.by_age.len()), (2, 2));
    }

    #[test]
    fn without_room_or_time_nothing_is_remembered() {
        for (max, max_age) in [(0, Duration::from_secs(5)), (5, Duration::ZERO)] {
            let mut memory = Memory::new(max, max_age);
            memory.remember(case("alice", "a"), YES, memory.epoch(), at(0));
            assert_eq!(memory.flush(), 0);
        }
    }

    #[test]
    fn what_one_registration_answered_does_not_count_for_another() {
        let mut memory = Memory::new(10, Duration::from_secs(5));
        let [first, second] = [1, 2].map(|id| RegistrationId::new(id).expect("an ID"));
        assert!(!memory.heed(first));
        let asked = memory.epoch();
        memory.remember(case("alice", "a"), YES, asked, at(0));
        assert!(!memory.heed(first));
        assert_eq!(memory.recall(&case("alice", "a"), at(0)), Some(YES));
        assert!(memory.heed(second));
        // Its answer came late.
        memory.remember(case("alice", "a"), YES, asked, at(0));
        assert_eq!(memory.recall(&case("alice", "a"), at(0)), None);
    }

    #[test]
    fn what_was_asked_before_a_flush_is_not_remembered_after_it() {
        let mut memory = Memory::new(10, Duration::from_secs(5));
        let before = memory.epoch();
        memory.remember(case("alice", "a"), YES, before, at(0));
        assert_eq!(memory.flush(), 1);
        memory.remember(case("alice", "a"), YES, before, at(0));
        assert_eq!(memory.recall(&case("alice", "a"), at(0)), None);
        memory.remember(case("alice", "a"), YES, memory.epoch(), at(0));
        assert_eq!(memory.recall(&case("alice", "a"), at(0)), Some(YES));
    }
}
