//! Subscriptions and registrations that match nothing which is measured, but nearly so.

use std::sync::Arc;

use bytes::Bytes;
use trunkline::Router;
use wamp_proto::{MessageCode, SerializerId};

use crate::peer::Peer;

/// Sessions that hold the patterns.
const HOLDERS: usize = 20;

/// Patterns that share as much as they can with the measured topic and procedure, `com.example.path.…`. `#`
/// stands for the pattern's number.
const SHAPES: [(&str, &str); 7] = [
    ("prefix", "com.example.path.topic#"),
    ("prefix", "com.example.path.procedure#"),
    ("prefix", "com.example.p#."),
    ("wildcard", "com.example..s#"),
    ("wildcard", "com..path.t#"),
    ("wildcard", ".example.path.u#"),
    ("wildcard", "com.example.w#."),
];

/// Has 20 sessions hold so many patterns of mixed shapes, by SUBSCRIBE or REGISTER as `code` says. The sessions
/// have to be kept for as long as the patterns shall be there.
///
/// # Errors
/// If the router does not take one.
pub fn hold_patterns(router: &Arc<Router>, code: MessageCode, count: usize) -> anyhow::Result<Vec<Peer>> {
    let answer =
        if code == MessageCode::Subscribe { MessageCode::Subscribed } else { MessageCode::Registered };
    let serializer = SerializerId::Json;
    let mut holders = Vec::new();
    if count > 0 {
        holders = (0..HOLDERS).map(|_| Peer::join(router, serializer)).collect::<Result<Vec<_>, _>>()?;
    }
    let mut requests = vec![0_u64; holders.len()];
    for number in 0..count {
        let Some((holder, request)) = holders.iter_mut().zip(&mut requests).nth(number % HOLDERS) else {
            break;
        };
        let Some((policy, shape)) = SHAPES.get(number % SHAPES.len()) else { break };
        let uri = shape.replace('#', &number.to_string());
        *request += 1;
        let message = format!(r#"[{},{request},{{"match":"{policy}"}},"{uri}"]"#, code as u64);
        holder.transport.send(&Bytes::from(message))?;
        holder.expect(answer)?;
    }
    Ok(holders)
}
