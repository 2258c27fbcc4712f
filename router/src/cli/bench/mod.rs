//! `trunkline bench`: a load for any WAMP router, and what the router needs to carry it.
//!
//! Each kind of work opens its sessions, makes its load while [`run`] measures, and closes everything.
//! With several targets the rounds take turns, so that what else the machine does meets all of them.

mod calls;
mod connection;
mod events;
mod frames;
mod idle;
mod peer;
mod process;
mod report;
mod run;

use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand, ValueEnum};
use wamp_proto::SerializerId;

use super::print;
use calls::Calls;
use events::Events;
use frames::MARK_LENGTH;
use idle::Idle;
use peer::{Joining, Target};
use report::Report;
use run::{Amount, Run};

/// What `trunkline bench` takes.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    #[command(subcommand)]
    work: Work,
    #[command(flatten)]
    common: Common,
}

const AFTER_HELP: &str = "\
Examples:
  trunkline bench calls --router-pid $(pidof trunkline)
  trunkline bench events --awaited --url rs://127.0.0.1:8080 --serializer msgpack
  trunkline bench calls --window 1 --rounds 5 --url ws://127.0.0.1:8080/ws --url relay://127.0.0.1:9100

The last one compares a router with the relay of `cargo run --release --example relay`, in turns.
A router that runs on the same machine competes with the load for its processors: compare CPU time,
which says what a call or a delivery costs, rather than rates.";

#[derive(Clone, Debug, Subcommand)]
enum Work {
    /// Routed calls: callers with a window of open calls, and one callee that echoes
    Calls {
        /// Sessions that call
        #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..10_000))]
        callers: u16,
        /// Calls that each caller has open; 1 is one call at a time
        #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..))]
        window: u32,
    },
    /// Events: publishers with a topic each, and subscribers of each topic
    Events {
        /// Sessions that publish
        #[arg(long, visible_alias = "topics", default_value_t = 4)]
        #[arg(value_parser = clap::value_parser!(u16).range(1..10_000))]
        publishers: u16,
        /// Subscribers of each topic
        #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
        subscribers: u32,
        /// Events that a publisher may be ahead of its slowest subscriber
        #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
        window: u64,
        /// Publish only when every subscriber has the event before: a window of 1
        #[arg(long, conflicts_with = "window")]
        awaited: bool,
    },
    /// One publisher, and many subscribers of its topic
    Fanout {
        /// Sessions that subscribe
        #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
        subscribers: u32,
        /// Events that the publisher may be ahead of its slowest subscriber; 1 awaits every delivery
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
        window: u64,
    },
    /// Sessions that do nothing, and what the router keeps in memory for each
    Idle {
        /// How many; fewer if the descriptors do not suffice
        #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..))]
        sessions: u32,
    },
}

impl Work {
    const fn name(&self) -> &'static str {
        match self {
            Self::Calls { .. } => "calls",
            Self::Events { awaited: true, .. } => "events-awaited",
            Self::Events { .. } => "events",
            Self::Fanout { .. } => "fanout",
            Self::Idle { .. } => "idle",
        }
    }
}

#[derive(Debug, Args)]
struct Common {
    /// Where to: ws://… for WebSocket, rs://… for RawSocket, relay://… for a relay without WAMP. Give it
    /// several times to compare
    #[arg(long = "url", value_name = "URL", global = true, default_value = "ws://127.0.0.1:8080/ws")]
    targets: Vec<Target>,
    /// Process of the router, to report its processor time and memory; once per URL, in the same order
    #[arg(long = "router-pid", value_name = "PID", global = true)]
    router_pids: Vec<u32>,
    /// Realm to join
    #[arg(long, global = true, default_value = "realm1")]
    realm: String,
    /// Serializer of all sessions
    #[arg(long, global = true, value_enum, default_value_t = Serializer::Json)]
    serializer: Serializer,
    /// Octets of the argument of each call or event
    #[arg(long, value_name = "OCTETS", global = true, default_value_t = 64)]
    payload: usize,
    /// How long to measure
    #[arg(long, global = true, default_value_t = 5.0, conflicts_with = "count")]
    seconds: f64,
    /// Make that many calls, or publish that many events, instead of measuring for a time
    #[arg(long, global = true)]
    count: Option<u64>,
    /// How often to measure each URL; with several rounds the medians are reported, too
    #[arg(long, global = true, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Print one line of JSON for each round
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Serializer {
    Json,
    Msgpack,
    Cbor,
}

impl Serializer {
    const fn id(self) -> SerializerId {
        match self {
            Self::Json => SerializerId::Json,
            Self::Msgpack => SerializerId::MsgPack,
            Self::Cbor => SerializerId::Cbor,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Msgpack => "msgpack",
            Self::Cbor => "cbor",
        }
    }
}

/// Makes the load, and prints what came of it.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let common = &arguments.common;
    ensure!(common.payload >= MARK_LENGTH, "a payload has at least {MARK_LENGTH} octets");
    ensure!(
        common.router_pids.is_empty() || common.router_pids.len() == common.targets.len(),
        "give --router-pid once for each --url"
    );
    ensure!(
        common.rounds == 1 || !matches!(arguments.work, Work::Idle { .. }),
        "idle sessions cost what a router takes the first time: start it anew for another round"
    );
    let time = Duration::try_from_secs_f64(common.seconds).context("--seconds")?;
    let amount = common.count.map_or(Amount::Time(time), Amount::Count);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let mut rounds: Vec<Vec<Report>> = vec![Vec::new(); common.targets.len()];
    for round in 1..=common.rounds {
        for ((index, target), reports) in common.targets.iter().enumerate().zip(&mut rounds) {
            let joining = Joining {
                target: target.clone(),
                realm: common.realm.clone(),
                serializer: common.serializer.id(),
            };
            let router = common.router_pids.get(index).copied();
            // Sessions of an earlier round, or of another load, may still hold their procedures.
            let prefix = format!("com.example.bench.p{}.r{round}", std::process::id());
            let work = arguments.work.clone();
            let report = runtime
                .block_on(one_round(work, common.payload, amount, time, &prefix, &joining, router))
                .with_context(|| format!("{target} does not do"))?;
            show(arguments, target, &format!("{round}"), &report)?;
            reports.push(report);
        }
    }
    if common.rounds > 1 {
        for (target, reports) in common.targets.iter().zip(&rounds) {
            show(arguments, target, "median", &Report::medians(reports))?;
        }
    }
    Ok(())
}

async fn one_round(
    work: Work,
    payload: usize,
    amount: Amount,
    time: Duration,
    prefix: &str,
    joining: &Joining,
    router: Option<u32>,
) -> anyhow::Result<Report> {
    let run = Run::new(amount)?;
    let prefix = prefix.to_owned();
    let tasks = match work {
        Work::Calls { callers, window } => {
            let (window, procedure) = (window as usize, prefix + ".echo");
            Calls { callers, window, payload, procedure }.start(&run, joining).await?
        }
        Work::Events { publishers, subscribers, window, awaited } => {
            let (subscribers, window) = (subscribers as usize, if awaited { 1 } else { window });
            Events { publishers, subscribers, window, payload, prefix }.start(&run, joining).await?
        }
        Work::Fanout { subscribers, window } => {
            let (publishers, subscribers) = (1, subscribers as usize);
            Events { publishers, subscribers, window, payload, prefix }.start(&run, joining).await?
        }
        Work::Idle { sessions } => {
            let sessions = sessions as usize;
            return Idle { sessions, time }.measure(joining, router).await;
        }
    };
    run::measure(&run, tasks, router).await
}

fn show(arguments: &Arguments, target: &Target, round: &str, report: &Report) -> anyhow::Result<()> {
    let Common { serializer, payload, json, .. } = &arguments.common;
    let (work, serializer) = (arguments.work.name(), serializer.name());
    if *json {
        let texts =
            [("work", work), ("url", &target.to_string()), ("serializer", serializer), ("round", round)];
        print(&report.json(&texts))
    } else {
        print(&report.text(&format!("{work} at {target}, {serializer}, {payload} octets, round {round}")))
    }
}
