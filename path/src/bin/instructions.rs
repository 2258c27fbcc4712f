//! Does one kind of work again and again, for callgrind to count what happens inside `path_measured`.
//!
//! `path-instructions publish-1000 json 40 0`: the work, the serializer, the rounds, and how many subscriptions
//! or registrations of patterns there are that do not match. Making frames and emptying outboxes stays outside.
//! The keys of the tables are fixed.
#![forbid(unsafe_code)]

use std::hint::black_box;
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use trunkline::config::Config;
use trunkline::{InProcess, Router};
use trunkline_path::{Peer, Work, hold_patterns, join_subscribers, payload, with_request, work_message};
use wamp_proto::{MessageCode, SerializerId};

/// Rounds before those that count: queues and tables have their room afterwards.
const WARM_UP: u64 = 2;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [work, serializer, rounds, patterns] = arguments.as_slice() else {
        bail!("usage: path-instructions publish-<subscribers>|call json|msgpack|cbor <rounds> <patterns>");
    };
    let serializer = SerializerId::from_subprotocol(&format!("wamp.2.{serializer}"))
        .with_context(|| format!("no serializer is called {serializer}"))?;
    let rounds = rounds.parse().context("the rounds are a number")?;
    let router = Router::with_table_key(&Config::default(), [0; 16]);
    let code = if work == "call" { MessageCode::Register } else { MessageCode::Subscribe };
    let _holders = hold_patterns(&router, code, patterns.parse().context("the patterns are a number")?)?;
    match work.strip_prefix("publish-") {
        Some(subscribers) => {
            publish(&router, serializer, subscribers.parse().context("the subscribers are a number")?, rounds)
        }
        None if work == "call" => call(&router, serializer, rounds),
        None => bail!("no work is called {work}"),
    }
}

/// What is counted: from the frame's octets to the outboxes. Found by its name.
#[inline(never)]
fn path_measured(transport: &mut InProcess, frame: &Bytes) -> bool {
    // More than the call in its tail: that would become a jump, and the function vanish from the stack.
    black_box(transport.send(black_box(frame))).is_ok()
}

fn send(peer: &mut Peer, frame: &Bytes, round: u64) -> anyhow::Result<()> {
    let is_open = if round > WARM_UP {
        path_measured(&mut peer.transport, frame)
    } else {
        peer.transport.send(frame).is_ok()
    };
    ensure!(is_open, "the session is over");
    Ok(())
}

fn publish(
    router: &Arc<Router>,
    serializer: SerializerId,
    subscribers: usize,
    rounds: u64,
) -> anyhow::Result<()> {
    let mut subscribers = join_subscribers(router, serializer, subscribers)?;
    let mut publisher = Peer::join(router, serializer)?;
    let message = work_message(Work::Publish, &payload(serializer)?)?;
    for round in 1..=rounds + WARM_UP {
        send(&mut publisher, &with_request(&message, serializer, round)?, round)?;
        ensure!(publisher.drain() == 1, "PUBLISHED did not come");
        for subscriber in &mut subscribers {
            ensure!(subscriber.drain() == 1, "an EVENT did not come");
        }
    }
    Ok(())
}

fn call(router: &Arc<Router>, serializer: SerializerId, rounds: u64) -> anyhow::Result<()> {
    let mut callee = Peer::join(router, serializer)?;
    callee.register()?;
    let mut caller = Peer::join(router, serializer)?;
    let payload = payload(serializer)?;
    let call = work_message(Work::Call, &payload)?;
    let answer = work_message(Work::Yield, &payload)?;
    for round in 1..=rounds + WARM_UP {
        send(&mut caller, &with_request(&call, serializer, round)?, round)?;
        ensure!(callee.drain() == 1, "the INVOCATION did not come");
        // INVOCATIONs are numbered from 1 too.
        send(&mut callee, &with_request(&answer, serializer, round)?, round)?;
        ensure!(caller.drain() == 1, "the RESULT did not come");
    }
    Ok(())
}
