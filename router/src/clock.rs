//! What time it is, and who wants to be woken when: by the system's clock, or by one that a test moves.
//!
//! A program that embeds the router need not run tokio: alarms have a thread of their own, which starts with the
//! first of them.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use time::OffsetDateTime;

use crate::realm::Moment;
use crate::realm_driver::RealmDriver;

/// The clock of one router.
#[derive(Debug)]
pub(crate) struct Clock {
    source: Source,
    alarms: Arc<Alarms>,
}

#[derive(Debug)]
enum Source {
    System(Instant),
    /// How long the router runs, as whoever moves it says.
    Virtual(Mutex<Duration>),
}

/// Who has alarms at a clock; one at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Sleeper(u64);

/// Realms to be woken, the earliest first.
#[derive(Debug, Default)]
struct Alarms {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    last_sleeper: u64,
    order: BTreeSet<(Moment, Sleeper)>,
    alarms: HashMap<Sleeper, Alarm>,
    /// Whether the thread is there that waits for them.
    is_attended: bool,
    is_over: bool,
}

#[derive(Debug)]
struct Alarm {
    at: Moment,
    realm: Weak<RealmDriver>,
}

impl Clock {
    /// The system's clock.
    pub(crate) fn of_system() -> Self {
        Self { source: Source::System(Instant::now()), alarms: Arc::default() }
    }

    /// A clock that stands still until it is [moved](Self::advance).
    pub(crate) fn standing_still() -> Self {
        Self { source: Source::Virtual(Mutex::default()), alarms: Arc::default() }
    }

    /// Whether it goes on only when it is [moved](Self::advance).
    pub(crate) fn stands_still(&self) -> bool {
        matches!(self.source, Source::Virtual(_))
    }

    /// Somebody new who may have an alarm.
    pub(crate) fn sleeper(&self) -> Sleeper {
        let mut state = lock(&self.alarms.state);
        state.last_sleeper += 1;
        Sleeper(state.last_sleeper)
    }

    /// How long the router runs.
    pub(crate) fn now(&self) -> Moment {
        self.source.now()
    }

    /// Date and time, for people. A clock that stands still began with the year 2000.
    pub(crate) fn wall_clock(&self) -> OffsetDateTime {
        match &self.source {
            Source::System(_) => OffsetDateTime::now_utc(),
            Source::Virtual(elapsed) => {
                const YEAR_2000: i64 = 946_684_800;
                let elapsed = *lock(elapsed);
                OffsetDateTime::from_unix_timestamp(YEAR_2000).unwrap_or(OffsetDateTime::UNIX_EPOCH) + elapsed
            }
        }
    }

    /// Has the realm look at its deadlines at that time, instead of at the one it asked for before.
    pub(crate) fn wake(&self, sleeper: Sleeper, realm: Weak<RealmDriver>, at: Moment) {
        let mut state = lock(&self.alarms.state);
        state.forget(sleeper);
        let is_next = state.order.first().is_none_or(|(next, _)| at < *next);
        state.order.insert((at, sleeper));
        state.alarms.insert(sleeper, Alarm { at, realm });
        let Source::System(start) = self.source else { return };
        if !state.is_attended {
            let alarms = self.alarms.clone();
            let thread = std::thread::Builder::new().name("trunkline-clock".to_owned());
            match thread.spawn(move || alarms.attend(start)) {
                Ok(_) => state.is_attended = true,
                Err(error) => tracing::error!(%error, "no thread for time-outs: they are late"),
            }
        } else if is_next {
            self.alarms.changed.notify_one();
        }
    }

    /// Wakes somebody no more.
    pub(crate) fn forget(&self, sleeper: Sleeper) {
        lock(&self.alarms.state).forget(sleeper);
    }

    /// Moves a clock that stands still, and wakes whoever is due, each at their own time.
    pub(crate) fn advance(&self, by: Duration) {
        let Source::Virtual(elapsed) = &self.source else { return };
        let until = *lock(elapsed) + by;
        loop {
            let due = lock(&self.alarms.state).next_due(Moment::from_start(until));
            let Some(alarm) = due else { break };
            let at = alarm.at.since_start();
            {
                let mut elapsed = lock(elapsed);
                *elapsed = at.max(*elapsed);
            }
            alarm.ring();
        }
        *lock(elapsed) = until;
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        lock(&self.alarms.state).is_over = true;
        self.alarms.changed.notify_one();
    }
}

impl Source {
    fn now(&self) -> Moment {
        Moment::from_start(match self {
            Self::System(start) => start.elapsed(),
            Self::Virtual(elapsed) => *lock(elapsed),
        })
    }
}

impl Alarms {
    /// Rings alarms until the router is gone.
    fn attend(&self, start: Instant) {
        let mut state = lock(&self.state);
        while !state.is_over {
            let now = Moment::from_start(start.elapsed());
            if let Some(alarm) = state.next_due(now) {
                drop(state);
                // A panic in one realm is a bug that its log shows, and no reason to let the others sleep on.
                if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| alarm.ring())).is_err() {
                    tracing::error!("a realm's time-outs ended in a panic");
                }
                state = lock(&self.state);
                continue;
            }
            state = match state.order.first() {
                Some((next, _)) => {
                    let wait = next.since_start().saturating_sub(start.elapsed());
                    self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

impl State {
    fn next_due(&mut self, now: Moment) -> Option<Alarm> {
        let (at, sleeper) = *self.order.first()?;
        if at > now {
            return None;
        }
        self.order.pop_first();
        self.alarms.remove(&sleeper)
    }

    fn forget(&mut self, sleeper: Sleeper) {
        if let Some(alarm) = self.alarms.remove(&sleeper) {
            self.order.remove(&(alarm.at, sleeper));
        }
    }
}

impl Alarm {
    fn ring(&self) {
        if let Some(realm) = self.realm.upgrade() {
            realm.expire();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleeper_has_one_alarm_and_takes_it_along() {
        let clock = Clock::standing_still();
        let (one, other) = (clock.sleeper(), clock.sleeper());
        for at in (0..1000).rev() {
            clock.wake(one, Weak::new(), Moment::default() + at);
            clock.wake(other, Weak::new(), Moment::default() + 2000);
        }
        let count = || {
            let state = lock(&clock.alarms.state);
            (state.order.len(), state.alarms.len())
        };
        assert_eq!(count(), (2, 2));
        clock.advance(Duration::from_secs(1));
        assert_eq!(count(), (1, 1));
        clock.forget(other);
        assert_eq!(count(), (0, 0));
    }
}
