//! Failed log-ins, and how long they shut out: by source address, and by source address and authid; never by authid
//! alone, which would let strangers shut anybody out.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::net::IpAddr;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use trunkline_config::Authentication;

/// Addresses, and pairs of address and authid, that are remembered at a time.
const ENTRIES_MAX: usize = 65_536;

/// Failures beyond the free ones after which the delay doubles no more: it is at any maximum by then.
const DOUBLINGS_MAX: u32 = 31;

/// Who failed lately.
#[derive(Debug)]
pub(crate) struct Backoff {
    settings: Authentication,
    /// Of authids. Nobody can choose two with the same hash who does not know its keys.
    hashes: RandomState,
    failed: Mutex<Failed>,
}

#[derive(Debug, Default)]
struct Failed {
    by_address: HashMap<Origin, Failures>,
    by_authid: HashMap<(Origin, AuthidHash), Failures>,
}

/// Instead of the authid, which a stranger may choose as long as a HELLO is.
type AuthidHash = u64;

/// Where attempts come from ([`Source::network`](crate::listen::Source)): a socket file has none.
type Origin = Option<IpAddr>;

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    shut_out_until: Instant,
    /// When they are forgotten, if there are no more.
    remembered_until: Instant,
}

impl Backoff {
    pub(crate) fn new(settings: &Authentication) -> Self {
        Self { settings: settings.clone(), hashes: RandomState::new(), failed: Mutex::default() }
    }

    /// Whether somebody may try.
    pub(crate) fn admits(&self, origin: Origin, authid: &str, now: Instant) -> bool {
        let failed = self.failed.lock();
        let is_shut_out = |failures: Option<&Failures>| {
            failures.is_some_and(|failures| now < failures.shut_out_until && now < failures.remembered_until)
        };
        !is_shut_out(failed.by_address.get(&origin))
            && !is_shut_out(failed.by_authid.get(&(origin, self.hashes.hash_one(authid))))
    }

    /// Notes a failure.
    pub(crate) fn failed(&self, origin: Origin, authid: &str, now: Instant) {
        let mut failed = self.failed.lock();
        let Failed { by_address, by_authid } = &mut *failed;
        self.note(by_address, origin, self.settings.failures_free_per_address, now);
        self.note(by_authid, (origin, self.hashes.hash_one(authid)), self.settings.failures_free, now);
    }

    /// Notes a success, which clears the name, but not the address: somebody else may be guessing there.
    pub(crate) fn succeeded(&self, origin: Origin, authid: &str) {
        self.failed.lock().by_authid.remove(&(origin, self.hashes.hash_one(authid)));
    }

    fn note<K: Hash + Eq + Copy>(&self, entries: &mut HashMap<K, Failures>, key: K, free: u32, now: Instant) {
        if entries.len() >= ENTRIES_MAX && !entries.contains_key(&key) {
            make_room(entries, now);
        }
        let delay_max = self.settings.failure_delay_max;
        let failures =
            entries.entry(key).or_insert(Failures { count: 0, shut_out_until: now, remembered_until: now });
        if now >= failures.remembered_until {
            failures.count = 0;
        }
        failures.count = failures.count.saturating_add(1);
        let delay = match failures.count.checked_sub(free) {
            None | Some(0) => Duration::ZERO,
            Some(beyond) => {
                let doublings = (beyond - 1).min(DOUBLINGS_MAX);
                self.settings.failure_delay.saturating_mul(1 << doublings).min(delay_max)
            }
        };
        failures.shut_out_until = now + delay;
        failures.remembered_until = now + delay + delay_max;
    }
}

/// Forgets what may be forgotten, and if nothing may, what would be forgotten first.
fn make_room<K: Hash + Eq + Copy>(entries: &mut HashMap<K, Failures>, now: Instant) {
    entries.retain(|_, failures| now < failures.remembered_until);
    if entries.len() >= ENTRIES_MAX {
        let first = entries.iter().min_by_key(|(_, failures)| failures.remembered_until);
        if let Some(first) = first.map(|(key, _)| *key) {
            entries.remove(&first);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const HERE: Origin = Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));
    const THERE: Origin = Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)));
    const SECOND: Duration = Duration::from_secs(1);

    fn backoff() -> (Backoff, Instant) {
        let settings = Authentication {
            failures_free: 2,
            failures_free_per_address: 4,
            failure_delay: SECOND,
            failure_delay_max: 8 * SECOND,
            ..Authentication::default()
        };
        (Backoff::new(&settings), Instant::now())
    }

    #[test]
    fn each_failure_beyond_the_free_ones_doubles_the_time_up_to_the_maximum() {
        let (backoff, mut now) = backoff();
        for _ in 0..2 {
            backoff.failed(HERE, "joe", now);
            assert!(backoff.admits(HERE, "joe", now));
        }
        for delay in [1, 2, 4, 8, 8] {
            backoff.failed(HERE, "joe", now);
            assert!(!backoff.admits(HERE, "joe", now + delay * SECOND - SECOND / 2));
            now += delay * SECOND;
            assert!(backoff.admits(HERE, "joe", now));
        }
        // Time enough passes: all is forgotten.
        now += 9 * SECOND;
        backoff.failed(HERE, "joe", now);
        assert!(backoff.admits(HERE, "joe", now));
    }

    #[test]
    fn an_authid_is_shut_out_for_the_address_alone_that_failed() {
        let (backoff, now) = backoff();
        for _ in 0..3 {
            backoff.failed(HERE, "joe", now);
        }
        assert!(!backoff.admits(HERE, "joe", now));
        assert!(backoff.admits(THERE, "joe", now) && backoff.admits(None, "joe", now));
        assert!(backoff.admits(HERE, "jane", now));
    }

    #[test]
    fn many_failures_of_one_address_shut_out_every_authid_there() {
        let (backoff, now) = backoff();
        for authid in ["a", "b", "c", "d", "e"] {
            backoff.failed(HERE, authid, now);
        }
        assert!(!backoff.admits(HERE, "joe", now) && backoff.admits(THERE, "joe", now));
        // A success clears the name alone.
        backoff.succeeded(HERE, "joe");
        assert!(!backoff.admits(HERE, "joe", now));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (backoff, now) = backoff();
        for name in 0..ENTRIES_MAX + 10 {
            backoff.failed(HERE, &name.to_string(), now);
        }
        assert_eq!(backoff.failed.lock().by_authid.len(), ENTRIES_MAX);
        backoff.failed(HERE, "joe", now + 100 * SECOND);
        assert_eq!(backoff.failed.lock().by_authid.len(), 1);
    }

    /// A stranger sends authids of kilobytes, from as many addresses as it has.
    #[test]
    fn nothing_is_allocated_for_an_authid() {
        fn is_one_piece<K: Copy, V: Copy>(_: &HashMap<K, V>) {}
        let (backoff, now) = backoff();
        is_one_piece(&backoff.failed.lock().by_authid);
        let long = "a".repeat(1 << 14);
        for _ in 0..3 {
            backoff.failed(HERE, &long, now);
        }
        assert!(!backoff.admits(HERE, &long, now) && backoff.admits(HERE, &format!("{long}b"), now));
    }
}
