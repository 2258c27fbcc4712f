//! When to ping a silent router, and when to give it up.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// The timer of one transport.
pub(super) struct KeepAlive {
    period: Duration,
    timer: Pin<Box<Sleep>>,
    pinged: Option<Ping>,
}

struct Ping {
    sent: Instant,
    /// The last sign of life then. Another one answers the ping, whatever it is.
    last_sign: Instant,
}

impl KeepAlive {
    pub(super) fn new(period: Duration) -> Self {
        Self { period, timer: Box::pin(sleep(period)), pinged: None }
    }

    /// Ready when a ping is due. The caller polls again at once, so that the timer runs on.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`] if no sign of life followed the last ping.
    pub(super) fn poll_due(&mut self, last_sign: Instant, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            if self.pinged.as_ref().is_some_and(|ping| ping.last_sign != last_sign) {
                self.pinged = None;
            }
            let since = self.pinged.as_ref().map_or(last_sign, |ping| ping.sent);
            let now = Instant::now();
            let left = self.period.saturating_sub(now.saturating_duration_since(since));
            if !left.is_zero() {
                self.timer.set(sleep(left));
                continue;
            }
            if self.pinged.is_some() {
                let silence = "nothing came from the router, not even the answer to a ping";
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, silence)));
            }
            self.pinged = Some(Ping { sent: now, last_sign });
            self.timer.set(sleep(self.period));
            return Poll::Ready(Ok(()));
        }
    }
}
