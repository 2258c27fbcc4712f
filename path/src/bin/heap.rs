//! Counts the allocations of one PUBLISH and of one CALL round, and the encodings of one event.
//!
//! A round counts on the thread that takes it from the frame's octets to the outboxes, here the only one.
//! Before it, one round went through the same sessions and their outboxes were emptied.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;

use allocation_counter::{AllocationInfo, measure};
use bytes::Bytes;
use trunkline::config::Config;
use trunkline::{InProcess, Router};
use trunkline_path::{
    Check, Peer, Work, join_subscribers, name, payload, report, with_request, work_message,
};
use wamp_proto::{MessageCode, SerializerId};

/// Subscribers of the one topic.
const SUBSCRIBERS: usize = 1000;

/// Allocations that an acknowledged PUBLISH to all of them may cost.
const PUBLISH_MAX: u64 = 8;

/// Allocations that a CALL with its YIELD may cost.
const CALL_MAX: u64 = 12;

/// Subscribers of each serializer that share what is encoded.
const SHARING: usize = 2;

fn main() -> anyhow::Result<()> {
    for serializer in SerializerId::ALL {
        let spent = publish(serializer)?;
        let what = format!("allocations, PUBLISH to {SUBSCRIBERS}, {}", name(serializer));
        report(&Check::at_most('a', what, spent.count_total, PUBLISH_MAX, "allocations"));
    }
    for serializer in SerializerId::ALL {
        let spent = call(serializer)?;
        let what = format!("allocations, CALL and YIELD, {}", name(serializer));
        report(&Check::at_most('a', what, spent.count_total, CALL_MAX, "allocations"));
    }
    let bodies = distinct_bodies()?;
    let what = format!("bodies of one event for {SHARING} subscribers of each serializer");
    report(&Check::exactly('c', what, bodies, SerializerId::ALL.len()));
    Ok(())
}

fn counted(transport: &mut InProcess, frame: &Bytes) -> anyhow::Result<AllocationInfo> {
    let mut sent = Ok(());
    let spent = measure(|| sent = transport.send(frame));
    sent?;
    Ok(spent)
}

/// What the second of two rounds costs.
fn publish(serializer: SerializerId) -> anyhow::Result<AllocationInfo> {
    let router = Router::new(&Config::default());
    let mut subscribers = join_subscribers(&router, serializer, SUBSCRIBERS)?;
    let mut publisher = Peer::join(&router, serializer)?;
    let message = work_message(Work::Publish, &payload(serializer)?)?;
    let mut spent = AllocationInfo::default();
    for round in 1..=2 {
        let frame = with_request(&message, serializer, round)?;
        spent = counted(&mut publisher.transport, &frame)?;
        publisher.expect(MessageCode::Published)?;
        for subscriber in &mut subscribers {
            subscriber.expect(MessageCode::Event)?;
        }
    }
    Ok(spent)
}

/// What the second of two rounds costs.
fn call(serializer: SerializerId) -> anyhow::Result<AllocationInfo> {
    let router = Router::new(&Config::default());
    let mut callee = Peer::join(&router, serializer)?;
    callee.register()?;
    let mut caller = Peer::join(&router, serializer)?;
    let payload = payload(serializer)?;
    let call = work_message(Work::Call, &payload)?;
    let answer = work_message(Work::Yield, &payload)?;
    let mut spent = AllocationInfo::default();
    for round in 1..=2 {
        let frame = with_request(&call, serializer, round)?;
        spent = counted(&mut caller.transport, &frame)?;
        callee.expect(MessageCode::Invocation)?;
        let frame = with_request(&answer, serializer, round)?;
        spent += counted(&mut callee.transport, &frame)?;
        caller.expect(MessageCode::CallResult)?;
    }
    Ok(spent)
}

/// How many different allocations the bodies of one event lie in, over subscribers of all serializers.
fn distinct_bodies() -> anyhow::Result<usize> {
    let router = Router::new(&Config::default());
    let mut subscribers = Vec::new();
    for serializer in SerializerId::ALL {
        subscribers.append(&mut join_subscribers(&router, serializer, SHARING)?);
    }
    let mut publisher = Peer::join(&router, SerializerId::Json)?;
    let message = work_message(Work::Publish, &payload(SerializerId::Json)?)?;
    publisher.transport.send(&with_request(&message, SerializerId::Json, 1)?)?;
    // Kept until all are compared, so that no address is used twice.
    let bodies = subscribers
        .iter_mut()
        .map(|subscriber| subscriber.expect_body(MessageCode::Event).map(|(_, body)| body))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let addresses: BTreeSet<*const u8> = bodies.iter().map(|body| body.as_ptr()).collect();
    Ok(addresses.len())
}
