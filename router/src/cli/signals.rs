//! Signals that end the router, and a client, in good order.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Signals that ask this process to end.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// Those by which a terminal ends what runs in it.
    urgent: [Option<Signal>; 2],
    have_come: bool,
}

/// A signal that came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// How it is called.
    pub(super) name: &'static str,
    /// Whether there is nobody who would wait for a good end.
    pub(super) is_urgent: bool,
}

impl Signals {
    /// SIGINT and SIGTERM. From now on, they no longer kill the process.
    ///
    /// # Errors
    /// If the system refuses.
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            urgent: [None, None],
            have_come: false,
        })
    }

    /// The same, and those that come when a terminal closes, and from Ctrl-\: processes that were started here would stay
    /// otherwise.
    ///
    /// # Errors
    /// If the system refuses.
    pub(super) fn with_terminal() -> std::io::Result<Self> {
        let is_to_stay = ignores_hangup(&std::fs::read_to_string("/proc/self/status").unwrap_or_default());
        let hangup = if is_to_stay { None } else { Some(signal(SignalKind::hangup())?) };
        Ok(Self { urgent: [hangup, Some(signal(SignalKind::quit())?)], ..Self::new()? })
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) -> Asked {
        let Self { interrupt, terminate, urgent: [hangup, quit], have_come } = self;
        let (name, is_urgent) = tokio::select! {
            _ = interrupt.recv() => ("SIGINT", false),
            _ = terminate.recv() => ("SIGTERM", false),
            () = came(hangup) => ("SIGHUP", true),
            () = came(quit) => ("SIGQUIT", true),
        };
        *have_come = true;
        Asked { name, is_urgent }
    }

    /// Whether one came already.
    pub(super) fn have_come(&self) -> bool {
        self.have_come
    }
}

/// When that signal comes; never, if nobody listens to it.
async fn came(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Whether the process was started so that it outlives its terminal, as `nohup` does it: by the status that Linux has of
/// it.
fn ignores_hangup(status: &str) -> bool {
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 << (SignalKind::hangup().as_raw_value() - 1) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_to_outlive_its_terminal_is_known() {
        assert!(ignores_hangup("SigBlk:\t0000000000000001\nSigIgn:\t0000000000001001\n"));
        assert!(!ignores_hangup("SigBlk:\t0000000000000001\nSigIgn:\t0000000000001000\n"));
        assert!(!ignores_hangup(""));
    }
}
