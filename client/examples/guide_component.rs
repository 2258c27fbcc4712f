//! The guide docs/rust-client.md: a whole component. `client/tests/guide.rs` runs it, and restarts its router.
#![allow(clippy::print_stdout, reason = "the guide shows what it prints")]

// guide: component
use std::time::Duration;

use futures_util::StreamExt as _;
use trunkline_client::{Args, Client, Credential, Ended, Error, Progress, Reconnect, State};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).unwrap_or("ws://127.0.0.1:8080/ws".to_owned());
    let secret = std::env::var("COMPONENT_SECRET")?;

    let client = Client::builder(&url, "realm1")
        .authid("carl")
        .credential(Credential::wampcra(secret))
        .reconnect(Reconnect::default().max_delay(Duration::from_secs(5)))
        .wait_for_router()
        .connect()
        .await?;

    client.register("com.example.count", count).await?;

    let mut states = client.states();
    while let Some(state) = states.next().await {
        match state {
            State::Joined(joined) => println!("joined as {}", joined.authid.as_deref().unwrap_or("nobody")),
            State::Closed(Ended::Left) => break,
            State::Closed(ended) => return Err(ended.into()),
            _ => println!("no session"),
        }
    }
    Ok(())
}

async fn count(Args(to): Args<u64>, progress: Progress<u64>) -> Result<u64, Error> {
    for number in 1..to {
        progress.send(number).await?;
    }
    Ok(to)
}
// guide: end
