//! One measured run: what its peers count together, when the counting starts and ends, what comes out.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use hdrhistogram::Histogram;
use parking_lot::Mutex;
use tokio::task::JoinSet;

use super::process;
use super::report::Report;

/// Load before the measurement of a timed run: connections, allocators and caches are then in steady state.
const WARM_UP: Duration = Duration::from_millis(500);

/// How long nothing at all may happen before what is missing counts as lost.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// Peers that share a tally. One for each of a thousand subscribers would be 140 MB of histograms.
const TALLIES: usize = 16;

/// Latencies from a microsecond to a minute, with three digits, in nanoseconds.
const LATENCY_MIN: u64 = 1_000;
const LATENCY_MAX: u64 = 60_000_000_000;
const LATENCY_DIGITS: u8 = 3;

/// How much load to make.
#[derive(Clone, Copy, Debug)]
pub(super) enum Amount {
    /// As much as goes in that time, after warming up.
    Time(Duration),
    /// So many calls, or published events.
    Count(u64),
}

impl Amount {
    /// The part of sender `index` of `senders`; a timed run ends otherwise.
    pub(super) fn share(self, index: u16, senders: u16) -> u64 {
        match self {
            Self::Time(_) => u64::MAX,
            Self::Count(count) => {
                let (index, senders) = (u64::from(index), u64::from(senders));
                count / senders + u64::from(index < count % senders)
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Phase {
    WarmingUp,
    Measuring,
    Stopping,
}

/// What peers count.
#[derive(Debug)]
pub(super) struct Tally {
    /// Calls answered with the right result; events delivered in order.
    pub(super) completed: u64,
    /// Calls and deliveries that should have been, known at the end.
    pub(super) expected: u64,
    /// Events behind a later one, or twice there; answers to nothing.
    pub(super) disordered: u64,
    /// Calls that ended with ERROR; messages with a harmed payload.
    pub(super) failed: u64,
    latency: Histogram<u64>,
}

impl Tally {
    fn new() -> anyhow::Result<Self> {
        Ok(Self { completed: 0, expected: 0, disordered: 0, failed: 0, latency: latencies()? })
    }
}

/// Room for latencies in nanoseconds.
pub(super) fn latencies() -> anyhow::Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(LATENCY_MIN, LATENCY_MAX, LATENCY_DIGITS)?)
}

/// What all tasks of a run share.
#[derive(Debug)]
pub(super) struct Run {
    amount: Amount,
    phase: AtomicU8,
    epoch: Instant,
    tallies: Vec<Mutex<Tally>>,
}

impl Run {
    pub(super) fn new(amount: Amount) -> anyhow::Result<Arc<Self>> {
        let tallies = (0..TALLIES).map(|_| Ok(Mutex::new(Tally::new()?)));
        let phase = match amount {
            Amount::Time(_) => Phase::WarmingUp,
            // The tasks may be done before anybody looks at them: everything counts from the start.
            Amount::Count(_) => Phase::Measuring,
        };
        Ok(Arc::new(Self {
            amount,
            phase: AtomicU8::new(phase as u8),
            epoch: Instant::now(),
            tallies: tallies.collect::<anyhow::Result<_>>()?,
        }))
    }

    pub(super) fn amount(&self) -> Amount {
        self.amount
    }

    /// Nanoseconds since the run began.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Whether nothing new is to be sent.
    pub(super) fn is_stopping(&self) -> bool {
        self.phase.load(Ordering::Relaxed) == Phase::Stopping as u8
    }

    /// Counts what the peer of that number got at once.
    pub(super) fn count(&self, peer: usize) -> Count<'_> {
        let latency_counts = self.phase.load(Ordering::Relaxed) == Phase::Measuring as u8;
        let tally = self.tallies.get(peer % TALLIES).map(Mutex::lock);
        Count { tally, latency_counts, now: self.now() }
    }

    fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    fn completed(&self) -> u64 {
        self.tallies.iter().map(|tally| tally.lock().completed).sum()
    }
}

/// The tally of a few peers, held while one of them counts.
pub(super) struct Count<'a> {
    tally: Option<parking_lot::MutexGuard<'a, Tally>>,
    latency_counts: bool,
    now: u64,
}

impl Count<'_> {
    /// One call or delivery that began at `since`.
    pub(super) fn completed(&mut self, since: u64) {
        let Some(tally) = &mut self.tally else { return };
        tally.completed += 1;
        if self.latency_counts {
            tally.latency.saturating_record(self.now.saturating_sub(since));
        }
    }

    /// So many calls or deliveries should complete.
    pub(super) fn expected(&mut self, count: u64) {
        if let Some(tally) = &mut self.tally {
            tally.expected += count;
        }
    }

    /// Something came twice, late or unasked.
    pub(super) fn disordered(&mut self) {
        if let Some(tally) = &mut self.tally {
            tally.disordered += 1;
        }
    }

    /// A call failed, or a payload was harmed.
    pub(super) fn failed(&mut self) {
        if let Some(tally) = &mut self.tally {
            tally.failed += 1;
        }
    }
}

/// The tasks that make a load.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    /// Those that send, and end when everything they sent has arrived or is given up.
    pub(super) senders: JoinSet<anyhow::Result<()>>,
    /// Those that answer or receive, and go on until they are dropped.
    pub(super) receivers: JoinSet<anyhow::Result<()>>,
}

impl Tasks {
    /// Lets the tasks work for that long, or until the senders are done.
    async fn work(&mut self, time: Option<Duration>) -> anyhow::Result<()> {
        let time_is_up = async {
            match time {
                Some(time) => tokio::time::sleep(time).await,
                None => pending().await,
            }
        };
        tokio::pin!(time_is_up);
        loop {
            tokio::select! {
                () = &mut time_is_up => return Ok(()),
                Some(ended) = self.receivers.join_next() => {
                    ended?.context("a receiving peer failed")?;
                    bail!("a receiving peer ended before its time");
                }
                ended = self.senders.join_next() => match ended {
                    Some(ended) => ended?.context("a sending peer failed")?,
                    None => return Ok(()),
                },
            }
        }
    }
}

/// What was used up to some moment.
struct Sample {
    at: Instant,
    completed: u64,
    own_cpu: Option<Duration>,
    router_cpu: Option<Duration>,
}

impl Sample {
    fn take(run: &Run, router: Option<u32>) -> anyhow::Result<Self> {
        Ok(Self {
            completed: run.completed(),
            // Without /proc the load can be made all the same.
            own_cpu: process::cpu_time("self").ok(),
            router_cpu: router.map(|router| process::cpu_time(&router.to_string())).transpose()?,
            at: Instant::now(),
        })
    }
}

/// Lets the tasks make their load, and says what came of it.
pub(super) async fn measure(run: &Run, mut tasks: Tasks, router: Option<u32>) -> anyhow::Result<Report> {
    let (start, end) = match run.amount {
        Amount::Time(time) => {
            tasks.work(Some(WARM_UP)).await?;
            let start = Sample::take(run, router)?;
            run.enter(Phase::Measuring);
            tasks.work(Some(time)).await?;
            let end = Sample::take(run, router)?;
            run.enter(Phase::Stopping);
            tasks.work(None).await?;
            (start, end)
        }
        Amount::Count(_) => {
            // The tasks are at it already.
            let start = Sample { completed: 0, ..Sample::take(run, router)? };
            tasks.work(None).await?;
            (start, Sample::take(run, router)?)
        }
    };
    let resident = router.map(|router| process::resident(&router.to_string())).transpose()?;
    let mut report = Report::default();
    let completed = end.completed - start.completed;
    let seconds = (end.at - start.at).as_secs_f64();
    report.add("seconds", seconds);
    report.add("completed", completed as f64);
    report.add("rate", completed as f64 / seconds);
    let mut total = Tally::new()?;
    for tally in &run.tallies {
        let tally = tally.lock();
        total.completed += tally.completed;
        total.expected += tally.expected;
        total.disordered += tally.disordered;
        total.failed += tally.failed;
        total.latency.add(&tally.latency)?;
    }
    report.add("lost", total.expected.saturating_sub(total.completed + total.failed) as f64);
    report.add("disordered", total.disordered as f64);
    report.add("failed", total.failed as f64);
    report.add_latency(&total.latency);
    report.add_cpu("load", start.own_cpu, end.own_cpu, completed);
    report.add_cpu("router", start.router_cpu, end.router_cpu, completed);
    if let Some(resident) = resident {
        report.add("router_rss_bytes", resident as f64);
    }
    Ok(report)
}
