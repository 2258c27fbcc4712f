//! Scenarios about what travels: values of every kind, large ones, and many.

use std::collections::BTreeMap;

use futures_util::StreamExt as _;
use trunkline_client::proto::Value;
use trunkline_client::{Args, Raw, Reply};

use crate::place::{Place, check_eq, next, within};

/// Events of which the last is acknowledged, so that the publisher is never further ahead.
const EVENTS_AHEAD: u64 = 100;

/// Sends it to a callee and back, and as an event.
async fn travel(place: &Place, value: Value) -> anyhow::Result<()> {
    let (alice, bob) = (place.join().await?, place.join().await?);
    bob.register(place.uri("echo"), async |Raw(payload): Raw| Reply(Raw(payload))).await?;
    bob.register(place.uri("decoded"), async |Args(value): Args<Value>| Reply((value,))).await?;
    let mut events = bob.subscribe::<Value>(place.uri("event")).await?;
    for procedure in ["echo", "decoded"] {
        let back = within("RESULT", alice.call::<Value>(place.uri(procedure), (&value,))).await??;
        anyhow::ensure!(back == value, "{procedure} gave something else back: {:.200}", format!("{back:?}"));
    }
    within("PUBLISHED", alice.publish(place.uri("event"), (&value,)).acknowledge()).await??;
    anyhow::ensure!(next(&mut events).await?.args == value, "the event has something else");
    Ok(())
}

pub(crate) async fn values(place: &Place) -> anyhow::Result<()> {
    let integers = [0, 1, -1, 1 << 32, (1 << 32) + 1, 1 << 53, -(1 << 53), i128::from(i64::MAX)];
    let texts = ["", "\u{1F680} ünïcödé \u{4E2D}\u{6587}", "quote \" and \\ and \n\t", "\u{7F}\u{2028}"];
    let mut list = vec![Value::Null, Value::Bool(true), Value::Float(2.5), Value::Float(-1e300)];
    list.extend(integers.map(Value::Integer));
    list.extend(texts.map(|text| Value::String(text.to_owned())));
    let dict =
        Value::Dict(vec![("list".to_owned(), Value::List(list)), ("empty".to_owned(), Value::Dict(vec![]))]);
    travel(place, Value::List(vec![dict, Value::List(vec![])])).await
}

pub(crate) async fn octets(place: &Place) -> anyhow::Result<()> {
    let all: Vec<u8> = (0..=255).collect();
    travel(place, Value::List(vec![Value::Bytes(all), Value::Bytes(Vec::new())])).await
}

pub(crate) async fn large(place: &Place) -> anyhow::Result<()> {
    travel(place, Value::String("0123456789abcdef".repeat(64 * 1024))).await
}

pub(crate) async fn many_events(place: &Place) -> anyhow::Result<()> {
    const EVENTS: u64 = 10_000;
    let (alice, bob) = (place.join().await?, place.join().await?);
    let topic = place.uri("tick");
    let mut ticks = bob.subscribe::<u64>(&topic).capacity(EVENTS as usize).await?;
    for tick in 0..EVENTS {
        let publish = alice.publish(&topic, tick);
        if tick % EVENTS_AHEAD == EVENTS_AHEAD - 1 {
            within("PUBLISHED", publish.acknowledge()).await??;
        } else {
            publish.await?;
        }
    }
    for tick in 0..EVENTS {
        check_eq!(next(&mut ticks).await?.args, tick);
    }
    Ok(())
}

pub(crate) async fn many_calls(place: &Place) -> anyhow::Result<()> {
    const CALLS: u64 = 1000;
    let (alice, bob) = (place.join().await?, place.join().await?);
    // Nobody is answered before all have called.
    let all = std::sync::Arc::new(tokio::sync::Barrier::new(CALLS as usize));
    let square = move |Args(number): Args<u64>| {
        let all = all.clone();
        async move {
            all.wait().await;
            Reply(number * number)
        }
    };
    bob.register(place.uri("square"), square).await?;
    let calls = (0..CALLS).map(|number| {
        let call = alice.call::<u64>(place.uri("square"), number);
        async move { (number, call.await) }
    });
    let calls =
        futures_util::stream::iter(calls).buffer_unordered(CALLS as usize).collect::<BTreeMap<_, _>>();
    for (number, result) in within("all results", calls).await? {
        check_eq!(result?, number * number);
    }
    Ok(())
}
