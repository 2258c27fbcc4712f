//! Idle sessions: what a router keeps in memory for a client that does nothing.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures_util::StreamExt as _;
use tokio::task::JoinSet;

use super::peer::{Joining, Part, Peer, unexpected};
use super::process;
use super::report::Report;
use super::run::latencies;

/// Sessions that are being opened at once.
const OPENING_AT_ONCE: usize = 32;

/// How many sessions, and for how long.
#[derive(Clone, Debug)]
pub(super) struct Idle {
    pub(super) sessions: usize,
    /// How long the sessions stay open before the memory is looked at.
    pub(super) time: Duration,
}

impl Idle {
    /// Opens the sessions, waits, and says what they cost.
    pub(super) async fn measure(&self, joining: &Joining, router: Option<u32>) -> anyhow::Result<Report> {
        let name = router.map(|router| router.to_string());
        let router_max = name.as_deref().and_then(process::connections_max);
        let max = process::connections_max("self").into_iter().chain(router_max).min();
        let sessions = max.map_or(self.sessions, |max| self.sessions.min(max));
        let resident = || name.as_deref().map(process::resident).transpose();
        let router_cpu = || name.as_deref().map(process::cpu_time).transpose();

        // The first sessions also pay for what all sessions share.
        drop(open(joining, OPENING_AT_ONCE.min(sessions)).await?);
        let (before, cpu_before, own_before) = (resident()?, router_cpu()?, process::cpu_time("self").ok());
        let start = Instant::now();
        let opened = open(joining, sessions).await?;
        let seconds = start.elapsed().as_secs_f64();
        let mut latency = latencies()?;
        let mut peers = JoinSet::new();
        for (peer, time) in opened {
            latency.saturating_record(u64::try_from(time.as_nanos())?);
            peers.spawn(stay(peer));
        }
        tokio::select! {
            () = tokio::time::sleep(self.time) => {}
            Some(ended) = peers.join_next() => ended?.context("an idle session did not last")?,
        }
        let mut report = Report::default();
        report.add("seconds", seconds);
        report.add("completed", sessions as f64);
        report.add("rate", sessions as f64 / seconds);
        report.add("sessions", sessions as f64);
        if sessions < self.sessions {
            report.add("sessions_wanted", self.sessions as f64);
        }
        report.add_latency(&latency);
        report.add_cpu("load", own_before, process::cpu_time("self").ok(), sessions as u64);
        report.add_cpu("router", cpu_before, router_cpu()?, sessions as u64);
        if let (Some(before), Some(after)) = (before, resident()?) {
            report.add("router_rss_bytes_before", before as f64);
            report.add("router_rss_bytes", after as f64);
            report.add("router_rss_bytes_per_session", (after as f64 - before as f64) / sessions as f64);
        }
        Ok(report)
    }
}

/// Opens sessions, and says how long each took.
async fn open(joining: &Joining, count: usize) -> anyhow::Result<Vec<(Peer, Duration)>> {
    let opening = (0..count).map(|_| timed(Peer::join(joining, Part::Idler)));
    let mut opening = futures_util::stream::iter(opening).buffer_unordered(OPENING_AT_ONCE);
    let mut opened = Vec::with_capacity(count);
    while let Some(result) = opening.next().await {
        opened.push(result?);
    }
    Ok(opened)
}

async fn timed<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<(T, Duration)> {
    let start = Instant::now();
    Ok((work.await?, start.elapsed()))
}

/// Answers pings and does nothing else.
async fn stay(mut peer: Peer) -> anyhow::Result<()> {
    loop {
        peer.receive().await?;
        if let Some(message) = peer.next_message()? {
            return Err(unexpected(&message));
        }
    }
}
