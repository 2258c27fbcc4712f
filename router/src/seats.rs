//! How many sessions the router has at a time, those of all realms together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Debug)]
pub(crate) struct Seats {
    max: usize,
    taken: AtomicUsize,
}

/// What one session takes, given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Seat(Arc<Seats>);

impl Seats {
    /// So many; none stands for any number.
    pub(crate) fn new(max: Option<usize>) -> Arc<Self> {
        Arc::new(Self { max: max.unwrap_or(usize::MAX), taken: AtomicUsize::new(0) })
    }

    /// A seat, if one is free.
    pub(crate) fn take(self: &Arc<Self>) -> Option<Seat> {
        let one_more = |taken| (taken < self.max).then_some(taken + 1);
        self.taken.try_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(Seat(self.clone()))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}
