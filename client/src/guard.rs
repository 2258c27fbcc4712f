//! Futures and streams that are dropped take back what they asked for.

use std::sync::Arc;

use crate::client::Shared;
use crate::command::{Command, Key};

/// Sends a command when it is dropped.
pub(crate) struct Guard {
    pub(crate) shared: Arc<Shared>,
    pub(crate) key: Key,
    take_back: Option<fn(Key) -> Command>,
}

impl Guard {
    pub(crate) fn new(shared: Arc<Shared>, key: Key, take_back: fn(Key) -> Command) -> Self {
        Self { shared, key, take_back: Some(take_back) }
    }

    /// There is nothing to be taken back any more.
    pub(crate) fn disarm(&mut self) {
        self.take_back = None;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(take_back) = self.take_back {
            self.shared.send_now(take_back(self.key));
        }
    }
}
