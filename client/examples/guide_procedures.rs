//! The guide docs/rust-client.md: what procedures take, progress, cancelling. `client/tests/guide.rs` runs it.
#![allow(clippy::print_stdout, reason = "the guide shows what it prints")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::sync::mpsc;
use trunkline_client::{Args, Caller, Cancellation, Chunks, Client, Error, Procedure, Progress, Reply};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("usage: guide_procedures URL")?;
    let client = trunkline_client::connect(&url, "realm1").await?;
    parameters(&client).await?;
    state(&client).await?;
    progress(&client).await?;
    chunks(&client).await?;
    cancelling(&client).await?;
    client.leave().await;
    Ok(())
}

async fn parameters(client: &Client) -> Result<(), Error> {
    // guide: parameters
    let greet = async |Args(name): Args<String>, caller: Caller, Procedure(uri): Procedure| {
        let known = if caller.session.is_some() { "known" } else { "unknown" };
        Reply(format!("{name}, by {uri}, from a {known} session"))
    };
    client.register("com.example.greet", greet).prefix().disclose_caller().await?;

    let greeting: String = client.call("com.example.greet.loudly", "Ann").await?;
    println!("{greeting}");
    // guide: end
    Ok(())
}

async fn state(client: &Client) -> Result<(), Error> {
    // guide: state
    let visits = Arc::new(AtomicU64::new(0));
    let visit = move || {
        let visits = visits.clone();
        async move { Reply(visits.fetch_add(1, Ordering::Relaxed) + 1) }
    };
    client.register("com.example.visit", visit).concurrency(4).await?;

    client.call::<u64>("com.example.visit", ()).await?;
    println!("visit {}", client.call::<u64>("com.example.visit", ()).await?);
    // guide: end
    Ok(())
}

async fn progress(client: &Client) -> Result<(), Error> {
    // guide: progress
    let count = async |Args(to): Args<u64>, progress: Progress<u64>| {
        for number in 1..to {
            progress.send(number).await?;
        }
        Ok::<_, Error>(to)
    };
    client.register("com.example.count", count).await?;

    let mut results = client.call::<u64>("com.example.count", 3).progressive_results::<u64>().await?;
    while let Some(number) = results.next().await {
        println!("progress: {}", number?);
    }
    println!("result: {}", results.result().await?);
    // guide: end
    Ok(())
}

async fn chunks(client: &Client) -> Result<(), Error> {
    // guide: chunks
    let upload = async |mut lines: Chunks<String>| {
        let mut octets = 0;
        while let Some(line) = lines.next().await {
            octets += line?.len();
        }
        Ok::<_, Error>(octets)
    };
    client.register("com.example.upload", upload).await?;

    let call = client.call::<usize>("com.example.upload", "one");
    let (mut lines, results) = call.progressive_invocation::<&str, ()>().await?;
    lines.send("two").await?;
    lines.finish("three").await?;
    println!("{} octets", results.result().await?);
    // guide: end
    Ok(())
}

async fn cancelling(client: &Client) -> Result<(), Error> {
    // guide: cancel
    let (stopped, mut stops) = mpsc::channel(1);
    let work = move |Cancellation(canceled): Cancellation| {
        let stopped = stopped.clone();
        async move {
            canceled.cancelled().await;
            stopped.send("put the tools away").await.ok();
            Reply(())
        }
    };
    client.register("com.example.work", work).await?;

    let call = client.call::<()>("com.example.work", ()).timeout(Duration::from_millis(50));
    if let Err(error) = call.await {
        println!("{error}");
    }
    println!("{:?}", stops.recv().await);
    // guide: end
    Ok(())
}
