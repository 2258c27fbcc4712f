//! The locks of a realm, made for what every message does with them. Neither is poisoned: a panic under a guard is
//! a bug that its test shows, and no reason to lock everybody else out.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crossbeam_utils::sync::{ShardedLock, ShardedLockReadGuard, ShardedLockWriteGuard};

/// Read by every message, written by few.
///
/// Readers on different threads touch no memory in common, so that reading scales with the cores; writing takes a
/// lock for each of a handful of shards.
#[derive(Debug, Default)]
pub(crate) struct ReadMostly<T>(ShardedLock<T>);

impl<T> ReadMostly<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(ShardedLock::new(value))
    }

    pub(crate) fn read(&self) -> ShardedLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> ShardedLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Written by every message, for a fraction of a microsecond.
///
/// The standard library's mutex, since it spins for about as long as that before it asks the kernel to wait.
#[derive(Debug)]
pub(super) struct Brief<T>(Mutex<T>);

impl<T> Brief<T> {
    pub(super) fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
