//! How many octets the messages, events and calls take that are kept, counted for the whole process.
//!
//! What is kept says so once, however many queues share it. Each thread counts for itself and tells the rest only in
//! steps, so that counting costs a message next to nothing. The realm never looks at the sum: who acts on it is outside.

use std::cell::Cell;
use std::ops::{AddAssign, SubAssign};
use std::sync::atomic::{AtomicIsize, Ordering};

/// What a thread keeps to itself, in octets.
const STEP: usize = 16 * 1024;

/// What all threads told. What one of them made another may free, so that a part of it may be below zero.
static TOLD: AtomicIsize = AtomicIsize::new(0);

thread_local! {
    static UNTOLD: Untold = const { Untold(Cell::new(0)) };
}

struct Untold(Cell<isize>);

impl Untold {
    fn tell(&self) {
        TOLD.fetch_add(self.0.take(), Ordering::Relaxed);
    }
}

impl Drop for Untold {
    fn drop(&mut self) {
        self.tell();
    }
}

/// Octets that are kept for as long as this is.
#[derive(Debug, Default)]
pub(crate) struct Held(usize);

impl Held {
    pub(crate) fn new(bytes: usize) -> Self {
        count(bytes as isize);
        Self(bytes)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.0
    }

    pub(crate) fn set(&mut self, bytes: usize) {
        // No allocation has more than `isize::MAX` octets.
        count(bytes as isize - self.0 as isize);
        self.0 = bytes;
    }
}

impl AddAssign<usize> for Held {
    fn add_assign(&mut self, bytes: usize) {
        self.set(self.0 + bytes);
    }
}

impl SubAssign<usize> for Held {
    fn sub_assign(&mut self, bytes: usize) {
        self.set(self.0 - bytes);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// What the process keeps, in octets: exact but for 16 KiB for each other thread.
pub(crate) fn held_by_process() -> usize {
    UNTOLD.try_with(Untold::tell).ok();
    held_roughly()
}

/// What the threads of the process told that they keep, in octets.
pub(crate) fn held_roughly() -> usize {
    usize::try_from(TOLD.load(Ordering::Relaxed)).unwrap_or(0)
}

fn count(bytes: isize) {
    let counted = UNTOLD.try_with(|untold| {
        let sum = untold.0.get() + bytes;
        untold.0.set(sum);
        if sum.unsigned_abs() >= STEP {
            untold.tell();
        }
    });
    // The thread ends, and has told all it had.
    if counted.is_err() {
        TOLD.fetch_add(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn untold() -> isize {
        UNTOLD.with(|untold| untold.0.get())
    }

    #[test]
    fn what_is_held_counts_until_it_is_dropped() {
        let before = untold();
        let mut held = Held::new(100);
        held += 50;
        held -= 20;
        assert_eq!((held.bytes(), untold() - before), (130, 130));
        held.set(7);
        assert_eq!(untold() - before, 7);
        drop(held);
        assert_eq!(untold(), before);
    }

    #[test]
    fn a_thread_keeps_little_to_itself() {
        let small: Vec<_> = (0..1000).map(|_| Held::new(100)).collect();
        assert!(untold().unsigned_abs() < STEP);
        let large = Held::new(STEP);
        assert_eq!(untold(), 0);
        drop((small, large));
        assert!(untold().unsigned_abs() < STEP);
    }
}
