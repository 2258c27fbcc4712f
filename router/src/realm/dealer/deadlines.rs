//! When which calls run out of time.

use std::collections::BTreeSet;

use wamp_proto::RequestId;

use crate::realm::recipient::RecipientKey;
use crate::realm::world::{Moment, World};

/// The deadlines of open calls, and when the realm is to be woken for them.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    calls: BTreeSet<(Moment, RecipientKey, RequestId)>,
    /// The alarm that was asked for, and has not come. It comes even if it is not needed any more.
    alarm: Option<Moment>,
}

impl Deadlines {
    pub(super) fn set(&mut self, at: Moment, caller: RecipientKey, request: RequestId, out: &impl World) {
        self.calls.insert((at, caller, request));
        self.arm(out);
    }

    pub(super) fn clear(&mut self, at: Moment, caller: RecipientKey, request: RequestId) {
        self.calls.remove(&(at, caller, request));
    }

    /// A call whose time is up.
    pub(super) fn next_due(&mut self, now: Moment) -> Option<(RecipientKey, RequestId)> {
        let (at, caller, request) = *self.calls.first()?;
        if at > now {
            return None;
        }
        self.calls.pop_first();
        Some((caller, request))
    }

    /// The alarm has come: asks for the next one.
    pub(super) fn rang(&mut self, out: &impl World) {
        self.alarm = None;
        self.arm(out);
    }

    fn arm(&mut self, out: &impl World) {
        if let Some((next, ..)) = self.calls.first()
            && self.alarm.is_none_or(|alarm| *next < alarm)
        {
            self.alarm = Some(*next);
            out.wake_at(*next);
        }
    }
}
