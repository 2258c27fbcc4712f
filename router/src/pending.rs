//! The requests of one session that wait for its realm's authorizer, in their order (AUTHZ-03).
//!
//! What each of them needs was asked when it came. The first one holds up the others, whoever of them is decided.

use std::collections::VecDeque;
use std::task::{Context, Poll, ready};

use trunkline_config::Limits;
use wamp_proto::RequestId;

use crate::authorizer::{Authorizer, Consultation};
use crate::realm::{Held, Request, Rulings};

/// What an octet in front of a payload takes once it is read, about: Options of many small values take the most.
const HEAD_FACTOR: usize = 16;

/// Requests that wait.
#[derive(Debug)]
pub(crate) struct Pending {
    waiting: VecDeque<Waiting>,
    bytes: Held,
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
            bytes: Held::default(),
            max: limits.pending_authorizations_max,
            max_bytes: limits.pending_authorizations_max_bytes,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether no more may come: stop reading.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting.len() >= self.max || self.bytes.bytes() >= self.max_bytes
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Waker;
    use std::time::Duration;

    use wamp_proto::dict::Dict;
    use wamp_proto::message::{Call, CallResult, Publish};
    use wamp_proto::uri::UriRules;
    use wamp_proto::{Action, MatchPolicy, Payload, Profile, SerializerId, SessionId};

    use super::*;
    use crate::clock::Clock;
    use crate::inquiry::Inquiries;
    use crate::realm::{Features, Identity, Outgoing, Role, Subject};

    /// A queue, and whom its requests wait for.
    struct Scene {
        pending: Pending,
        authorizer: Authorizer,
        inquiries: Inquiries,
        identity: Identity,
    }

    fn request_id(number: u64) -> RequestId {
        RequestId::new(number).expect("a request ID")
    }

    impl Scene {
        fn new(limits: &Limits) -> Self {
            let settings = trunkline_config::Authorizer {
                procedure: "com.example.authorize".to_owned(),
                realm: None,
                timeout: Duration::from_secs(1),
                cache_max: 0,
                cache_age: Duration::ZERO,
            };
            let clock = Arc::new(Clock::standing_still());
            Self {
                pending: Pending::new(limits),
                authorizer: Authorizer::new(settings, Profile::Default, Arc::default(), clock),
                inquiries: Inquiries::default(),
                identity: Identity {
                    session: SessionId::from_bits(1),
                    authid: "alice".into(),
                    role: Arc::new(Role::new("guest", None, &[], &UriRules::loose(), &[0; 16])),
                    authmethod: "anonymous",
                    authprovider: "static",
                    features: Features::default(),
                },
            }
        }

        /// A request for which that many questions are asked; returns what these are known by.
        fn push(&mut self, request: Request, questions: usize) -> Vec<RequestId> {
            let asked: Vec<_> = (0..questions).map(|_| self.inquiries.begin()).collect();
            let (ids, inquiries): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
            let subject =
                Subject { action: Action::Call, uri: "a.b".into(), match_policy: MatchPolicy::Exact };
            let consultation = |inquiry| Consultation::of(&self.identity, subject.clone(), inquiry);
            self.pending.push(request, inquiries.into_iter().map(consultation).collect(), 100);
            ids
        }

        fn answer(&self, question: RequestId) {
            let payload = Payload::new(SerializerId::Json, &[true.into()], &[]);
            let result = CallResult { request: question, details: Dict::new(), payload };
            self.inquiries.answer(&Outgoing::new(result.into()));
        }

        /// The request that is next, by its ID; none if it has to wait, or there is none.
        fn next(&mut self) -> Option<u64> {
            let mut cx = Context::from_waker(Waker::noop());
            match self.pending.poll_next(&mut cx, &self.authorizer) {
                Poll::Ready(Some((Request::Publish(publish), _))) => Some(publish.request.value()),
                Poll::Ready(Some((Request::Call(call) | Request::Chunk(call), _))) => {
                    Some(call.request.value())
                }
                Poll::Ready(Some(other)) => panic!("{other:?}"),
                Poll::Ready(None) | Poll::Pending => None,
            }
        }
    }

    fn call(request: u64) -> Call {
        let (request, options) = (request_id(request), Dict::new());
        Call { request, options, procedure: "a.b".into(), payload: Payload::EMPTY }
    }

    fn publish(request: u64) -> Request {
        let (request, options) = (request_id(request), Dict::new());
        Request::Publish(Publish { request, options, topic: "a.b".into(), payload: Payload::EMPTY })
    }

    #[test]
    fn authz_03_requests_go_on_in_their_order_when_all_is_said_about_the_first() {
        let mut scene = Scene::new(&Limits::default());
        let first = scene.push(publish(1), 2);
        scene.push(publish(2), 0);
        let third = scene.push(publish(3), 1);
        scene.answer(third[0]);
        scene.answer(first[1]);
        assert_eq!(scene.next(), None);
        scene.answer(first[0]);
        assert_eq!([scene.next(), scene.next(), scene.next()], [Some(1), Some(2), Some(3)]);
        assert_eq!(scene.next(), None);
        assert!(scene.pending.is_empty());
    }

    #[test]
    fn authz_03_a_canceled_call_takes_its_parts_along() {
        let mut scene = Scene::new(&Limits::default());
        let first = scene.push(publish(1), 1);
        scene.push(Request::Call(call(2)), 1);
        scene.push(Request::Chunk(call(2)), 0);
        scene.push(Request::Chunk(call(9)), 0);
        scene.push(publish(3), 0);
        assert!(!scene.pending.withdraw(request_id(1)), "a PUBLISH");
        assert!(scene.pending.withdraw(request_id(2)));
        assert!(!scene.pending.withdraw(request_id(2)), "no more");
        assert!(!scene.pending.withdraw(request_id(9)), "it began before");
        scene.answer(first[0]);
        assert_eq!([scene.next(), scene.next(), scene.next()], [Some(1), Some(3), None]);
        assert_eq!(scene.pending.bytes.bytes(), 0);
    }

    #[test]
    fn the_queue_is_full_in_messages_or_in_octets() {
        let limits = |messages, bytes| Limits {
            pending_authorizations_max: messages,
            pending_authorizations_max_bytes: bytes,
            ..Limits::default()
        };
        // Each counts for 16 times the 100 octets that stand in front of no payload.
        for limits in [limits(2, usize::MAX), limits(usize::MAX, 3200)] {
            let mut scene = Scene::new(&limits);
            let first = scene.push(publish(1), 1);
            assert!(!scene.pending.is_full());
            scene.push(publish(2), 0);
            assert!(scene.pending.is_full());
            scene.answer(first[0]);
            assert_eq!(scene.next(), Some(1));
            assert!(!scene.pending.is_full());
        }
    }
}
