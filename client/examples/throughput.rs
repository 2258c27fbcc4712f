//! What calls and events cost in this client: calls from one session to another, then events.
//!
//! `cargo run --release -p trunkline-client --example throughput -- ws://127.0.0.1:8080/ws`. Linux only: it asks the
//! system for the processor time of this process, which is caller and callee, publisher and subscriber at once.
#![allow(clippy::print_stdout, reason = "the report goes to stdout")]

use std::error::Error;
use std::future::IntoFuture as _;
use std::time::Instant;

use futures_util::StreamExt as _;
use trunkline_client::{Args, Client, EventError, Reply};

const CALLS: u32 = 100_000;
const EVENTS: u64 = 200_000;
const PAYLOAD_BYTES: usize = 64;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("usage: throughput URL")?;
    let text = "x".repeat(PAYLOAD_BYTES);
    let callee = trunkline_client::connect(&url, "realm1").await?;
    callee.register("com.example.echo", async |Args(text): Args<String>| Reply(text)).await?;
    let caller = trunkline_client::connect(&url, "realm1").await?;
    for in_flight in [1, 16, 64] {
        let clock = Clock::start()?;
        let calls = futures_util::stream::iter(0..CALLS)
            .map(|_| caller.call::<String>("com.example.echo", &text).into_future())
            .buffer_unordered(in_flight);
        let mut calls = std::pin::pin!(calls);
        while let Some(result) = calls.next().await {
            result?;
        }
        println!("calls, {in_flight:2} in flight: {}", clock.stop(CALLS.into())?);
    }

    let clock = Clock::start()?;
    let mut events = callee.subscribe::<String>("com.example.tick").capacity(100_000).await?;
    let (published, left_out) = futures_util::future::join(publish(&caller, &text), async {
        let (mut taken, mut lagged) = (0, 0);
        while taken + lagged < EVENTS {
            match events.next().await {
                Some(Ok(_)) => taken += 1,
                Some(Err(EventError::Lagged(events))) => lagged += events,
                other => return Err(format!("an event is missing: {other:?}")),
            }
        }
        Ok(lagged)
    })
    .await;
    published?;
    println!("events: {}, {} left out", clock.stop(EVENTS)?, left_out?);
    Ok(())
}

async fn publish(publisher: &Client, text: &str) -> Result<(), trunkline_client::Error> {
    for _ in 0..EVENTS {
        publisher.publish("com.example.tick", text).await?;
    }
    Ok(())
}

struct Clock {
    start: Instant,
    processor_seconds: f64,
}

impl Clock {
    fn start() -> Result<Self, Box<dyn Error>> {
        Ok(Self { start: Instant::now(), processor_seconds: processor_seconds()? })
    }

    fn stop(self, count: u64) -> Result<String, Box<dyn Error>> {
        let count = count as f64;
        let rate = count / self.start.elapsed().as_secs_f64();
        let cost = (processor_seconds()? - self.processor_seconds) / count * 1e6;
        Ok(format!("{rate:.0} a second, {cost:.1} µs of processor time each"))
    }
}

/// User and system time of this process. The kernel counts in hundredths of a second.
fn processor_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').ok_or("/proc/self/stat has no name")?;
    let ticks = |index| fields.split_whitespace().nth(index).and_then(|field| field.parse::<f64>().ok());
    let (user, system) = ticks(11).zip(ticks(12)).ok_or("/proc/self/stat is short")?;
    Ok((user + system) / 100.0)
}
