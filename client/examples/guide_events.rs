//! The guide docs/rust-client.md: events. `client/tests/guide.rs` runs it.
#![allow(clippy::print_stdout, reason = "the guide shows what it prints")]

use futures_util::StreamExt as _;
use tokio::sync::mpsc;
use trunkline_client::{Client, EventError, Reply};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("usage: guide_events URL")?;
    let client = trunkline_client::connect(&url, "realm1").await?;
    stream(&client, &trunkline_client::connect(&url, "realm1").await?).await?;
    handler(&client).await?;
    lagged(&client).await?;
    client.leave().await;
    Ok(())
}

async fn stream(client: &Client, other: &Client) -> Result<(), Box<dyn std::error::Error>> {
    // guide: stream
    let mut temperatures = client.subscribe::<(String, f64)>("com.example.temperature").await?;

    other.publish("com.example.temperature", ("kitchen", 21.5)).await?;
    other.publish("com.example.temperature", ("hall", 18.0)).acknowledge().await?;

    for _ in 0..2 {
        let Some(event) = temperatures.next().await else { break };
        let (room, degrees) = event?.args;
        println!("{room}: {degrees} °C");
    }
    temperatures.unsubscribe().await?;
    // guide: end
    Ok(())
}

async fn handler(client: &Client) -> Result<(), Box<dyn std::error::Error>> {
    let (done, mut dones) = mpsc::channel(8);
    // guide: handler
    let handle = move |event: Result<trunkline_client::Event<u32>, EventError>| {
        let done = done.clone();
        async move {
            match event {
                Ok(event) => println!("{}: {}", event.topic, event.args),
                Err(error) => println!("{error}"),
            }
            done.send(()).await.ok();
        }
    };
    let handling = client.subscribe("com.example.tick").prefix().handle(handle).await?;

    client.publish("com.example.tick.fast", 1).exclude_me(false).await?;
    client.publish("com.example.tick.slow", "no number").exclude_me(false).await?;
    // guide: end
    dones.recv().await;
    dones.recv().await;
    // guide: unsubscribe
    handling.unsubscribe().await?;
    // guide: end
    Ok(())
}

async fn lagged(client: &Client) -> Result<(), Box<dyn std::error::Error>> {
    client.register("com.example.ping", async || Reply(())).await?;
    // guide: lagged
    let mut ticks = client.subscribe::<u32>("com.example.tick").capacity(2).await?;
    for tick in 1..=5 {
        client.publish("com.example.tick", tick).exclude_me(false).await?;
    }
    // Messages of a session keep their order: when this call is answered, the events are there.
    client.call::<()>("com.example.ping", ()).await?;

    for _ in 0..3 {
        match ticks.next().await {
            Some(Ok(event)) => println!("tick {}", event.args),
            Some(Err(EventError::Lagged(events))) => println!("{events} left out"),
            Some(Err(error)) => return Err(error.into()),
            None => break,
        }
    }
    // guide: end
    Ok(())
}
