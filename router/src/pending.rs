//! The requests of one session that wait for its realm's authorizer, in their order (AUTHZ-03).
//!
//! What each of them needs was asked when it came. The first one holds up the others, whoever of them is decided.

use std::collections::VecDeque;
use std::task::{Context, Poll, ready};

use trunkline_config::Limits;
use wamp_proto::RequestId;

use crate::authorizer::{Authorizer, Consultation};
use crate::realm::{Request, Rulings};

/// What an octet in front of a payload takes once it is read, about: Options of many small values take the most.
const HEAD_FACTOR: usize = 16;

/// Requests that wait.
#[derive(Debug)]
pub(crate) struct Pending {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    max: usize,
    max_bytes: usize,
}

#[derive(Debug)]
struct Waiting {
    request: Request,
    consultations: Vec<Consultation>,
    bytes: usize,
}

impl Pending {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            waiting: VecDeque::new(),
            bytes: 0,
            max: limits.pending_authorizations_max,
            max_bytes: limits.pending_authorizations_max_bytes,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether no more may come: stop reading.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting.len() >= self.max || self.bytes >= self.max_bytes
    }

    /// Appends a request that came in a frame of that many octets.
    pub(crate) fn push(&mut self, request: Request, consultations: Vec<Consultation>, frame_bytes: usize) {
        let payload = payload_bytes(&request);
        let bytes = payload + frame_bytes.saturating_sub(payload) * HEAD_FACTOR;
        self.bytes += bytes;
        self.waiting.push_back(Waiting { request, consultations, bytes });
    }

    /// Takes a call out that its caller cancels, and what followed of it. Returns whether it was still to begin.
    pub(crate) fn withdraw(&mut self, canceled: RequestId) -> bool {
        let mut was_to_begin = false;
        let bytes = &mut self.bytes;
        self.waiting.retain(|waiting| {
            let is_of_it = match &waiting.request {
                Request::Call(call) => {
                    was_to_begin |= call.request == canceled;
                    call.request == canceled
                }
                Request::Chunk(call) => call.request == canceled,
                _ => false,
            };
            if is_of_it {
                *bytes -= waiting.bytes;
            }
            !is_of_it
        });
        was_to_begin
    }

    /// The first request, once it is decided, and what the authorizer said about it; none if none waits.
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        authorizer: &Authorizer,
    ) -> Poll<Option<(Request, Rulings)>> {
        if let Some(first) = self.waiting.front_mut() {
            for consultation in &mut first.consultations {
                ready!(consultation.poll(cx, authorizer));
            }
        }
        let Some(Waiting { request, consultations, bytes }) = self.waiting.pop_front() else {
            return Poll::Ready(None);
        };
        self.bytes -= bytes;
        if self.waiting.is_empty() {
            self.waiting = VecDeque::new();
        }
        let rulings = consultations.into_iter().map(Consultation::into_ruling).collect();
        Poll::Ready(Some((request, rulings)))
    }
}

fn payload_bytes(request: &Request) -> usize {
    match request {
        Request::Publish(publish) => publish.payload.raw().len(),
        Request::Call(call) | Request::Chunk(call) => call.payload.raw().len(),
        // The others that wait have none.
        _ => 0,
    }
}
