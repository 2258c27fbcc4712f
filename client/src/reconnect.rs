//! When to connect again.

use std::time::Duration;

/// How long a client waits before it connects again, and how often it tries.
///
/// The wait is random between half and all of a time that doubles with each attempt in vain, up to
/// [`max_delay`](Self::max_delay), so that the clients of a router that restarts do not all come at once. Registrations and
/// subscriptions that the router refuses to give back are asked for again after the same waits, for ever.
///
/// ```
/// use std::time::Duration;
/// use trunkline_client::Reconnect;
///
/// let patient = Reconnect::default().max_delay(Duration::from_secs(60));
/// let ten_times = Reconnect::default().attempts(10);
/// let never = Reconnect::never();
/// # assert!(patient != ten_times && ten_times != never);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reconnect {
    min_delay: Duration,
    max_delay: Duration,
    attempts: Option<u32>,
}

impl Default for Reconnect {
    /// From 200 ms to 30 s, for ever.
    fn default() -> Self {
        Self { min_delay: Duration::from_millis(200), max_delay: Duration::from_secs(30), attempts: None }
    }
}

impl Reconnect {
    /// Not at all: the client is closed when its session ends.
    pub fn never() -> Self {
        Self { attempts: Some(0), ..Self::default() }
    }

    /// The wait before the first attempt.
    #[must_use]
    pub fn min_delay(mut self, delay: Duration) -> Self {
        self.min_delay = delay;
        self
    }

    /// The longest wait between two attempts.
    #[must_use]
    pub fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// How many attempts in a row may be in vain before the client gives up. One that leads to a session of less than
    /// 10 s was in vain, too.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = Some(attempts);
        self
    }

    /// The wait before that attempt, counted from 1; none if there is to be no such attempt. `fraction` is random in
    /// [0, 1).
    pub(crate) fn attempt(&self, attempt: u32, fraction: f64) -> Option<Duration> {
        let is_the_end = self.attempts.is_some_and(|attempts| attempt > attempts);
        (!is_the_end).then(|| self.delay(attempt, fraction))
    }

    /// The wait before that attempt, however many there may be.
    pub(crate) fn delay(&self, attempt: u32, fraction: f64) -> Duration {
        let doubled = self.min_delay.saturating_mul(1 << attempt.saturating_sub(1).min(16));
        let longest = doubled.min(self.max_delay);
        longest.mul_f64(0.5 + fraction.clamp(0.0, 1.0) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_its_limit() {
        let policy = Reconnect::default();
        let waits: Vec<_> = (1..=12).map(|attempt| policy.delay(attempt, 1.0)).collect();
        let milliseconds: Vec<_> = waits.iter().map(Duration::as_millis).collect();
        let doubled = [200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000, 30_000, 30_000];
        assert_eq!(milliseconds, doubled);
        assert_eq!(policy.delay(u32::MAX, 1.0), Duration::from_secs(30));
    }

    #[test]
    fn the_wait_is_random_in_its_upper_half() {
        let policy = Reconnect::default();
        assert_eq!(policy.delay(1, 0.0), Duration::from_millis(100));
        assert_eq!(policy.delay(1, 0.5), Duration::from_millis(150));
    }

    #[test]
    fn attempts_are_limited_if_one_says_so() {
        let policy = Reconnect::default().attempts(2);
        assert!(policy.attempt(2, 0.0).is_some());
        assert_eq!(policy.attempt(3, 0.0), None);
        assert_eq!(Reconnect::never().attempt(1, 0.0), None);
    }
}
