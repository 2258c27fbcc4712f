//! How fast a session may send: a bucket of messages and one of octets, each of them filled in one second (GCRA).
//!
//! Reads no clock and holds nothing up: who reads the session's messages asks until when to rest.

use std::num::NonZeroU64;
use std::time::Duration;

use tokio::time::Instant;

/// What a full bucket holds: the messages and octets of so long a time.
const BURST: Duration = Duration::from_secs(1);

const NANOSECONDS_PER_SECOND: u128 = 1_000_000_000;

/// How much a session may send in the long run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rate {
    /// None stands for any number.
    pub(crate) messages_per_second: Option<NonZeroU64>,
    /// Octets of these messages; none stands for any number.
    pub(crate) bytes_per_second: Option<NonZeroU64>,
}

/// What one session has left of its rate.
#[derive(Debug)]
pub(crate) struct Pace {
    messages: Option<Bucket>,
    bytes: Option<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    per_second: NonZeroU64,
    /// When the bucket is full again.
    full_at: Instant,
}

impl Rate {
    /// The pace of a session that opens now, with full buckets; none if nothing is limited.
    pub(crate) fn begin(self, now: Instant) -> Option<Box<Pace>> {
        let bucket = |per_second: Option<NonZeroU64>| Some(Bucket { per_second: per_second?, full_at: now });
        let pace = Pace { messages: bucket(self.messages_per_second), bytes: bucket(self.bytes_per_second) };
        (self != Self::default()).then(|| Box::new(pace))
    }
}

impl Pace {
    /// Counts a message that came. Returns until when nothing more is to be read, if that was too fast.
    pub(crate) fn count(&mut self, bytes: usize, now: Instant) -> Option<Instant> {
        let messages = self.messages.as_mut().and_then(|bucket| bucket.take(1, now));
        let bytes = self.bytes.as_mut().and_then(|bucket| bucket.take(bytes as u64, now));
        messages.max(bytes)
    }
}

impl Bucket {
    /// Takes out more than is in it, if need be. Returns when that has flowed in, if it has not.
    fn take(&mut self, amount: u64, now: Instant) -> Option<Instant> {
        let nanoseconds = u128::from(amount) * NANOSECONDS_PER_SECOND / u128::from(self.per_second.get());
        let lasting = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
        self.full_at = self.full_at.max(now).checked_add(lasting)?;
        let debt = self.full_at.duration_since(now).checked_sub(BURST)?;
        (!debt.is_zero()).then(|| now + debt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(messages_per_second: u64, bytes_per_second: u64, now: Instant) -> Pace {
        let rate = Rate {
            messages_per_second: NonZeroU64::new(messages_per_second),
            bytes_per_second: NonZeroU64::new(bytes_per_second),
        };
        *rate.begin(now).expect("a limit")
    }

    fn milliseconds(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn without_a_limit_there_is_nothing_to_count() {
        assert!(Rate::default().begin(Instant::now()).is_none());
    }

    #[test]
    fn the_messages_of_one_second_may_come_at_once() {
        let start = Instant::now();
        let mut pace = pace(10, 0, start);
        for _ in 0..10 {
            assert_eq!(pace.count(1 << 20, start), None);
        }
        assert_eq!(pace.count(0, start), Some(start + milliseconds(100)));
        assert_eq!(pace.count(0, start), Some(start + milliseconds(200)));
    }

    #[test]
    fn in_the_long_run_the_rate_is_kept() {
        let start = Instant::now();
        let mut pace = pace(10, 0, start);
        let mut now = start;
        for _ in 0..100 {
            now = pace.count(0, now).unwrap_or(now);
        }
        assert_eq!(now, start + Duration::from_secs(9));
    }

    #[test]
    fn a_pause_of_the_peer_fills_the_bucket_and_no_more() {
        let start = Instant::now();
        let mut pace = pace(10, 0, start);
        for _ in 0..10 {
            pace.count(0, start);
        }
        let later = start + Duration::from_secs(3600);
        for _ in 0..10 {
            assert_eq!(pace.count(0, later), None);
        }
        assert!(pace.count(0, later).is_some());
    }

    #[test]
    fn a_message_above_the_rate_is_paid_for_afterwards() {
        let start = Instant::now();
        let mut pace = pace(0, 1000, start);
        assert_eq!(pace.count(3500, start), Some(start + milliseconds(2500)));
        let paid = start + milliseconds(2500);
        assert_eq!(pace.count(1, paid), Some(paid + milliseconds(1)));
    }

    #[test]
    fn the_tighter_of_two_limits_holds() {
        let start = Instant::now();
        let mut many = pace(1, 1_000_000, start);
        assert_eq!(many.count(10, start), None);
        assert_eq!(many.count(10, start), Some(start + milliseconds(1000)));
        let mut large = pace(1000, 100, start);
        assert_eq!(large.count(200, start), Some(start + milliseconds(1000)));
    }

    #[test]
    fn no_length_overflows() {
        let start = Instant::now();
        let mut pace = pace(1, 1, start);
        pace.count(usize::MAX, start);
        pace.count(usize::MAX, start);
    }
}
