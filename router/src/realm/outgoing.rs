//! A message on its way out: encoded at most once per serializer, shared by all its recipients.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use wamp_proto::message::CallResult;
use wamp_proto::{Arity, Message, Payload, RecodeError, SerializerId};

use super::held::Held;

/// Payloads up to this many octets are copied out of their frame at once.
///
/// Larger ones stay a slice of it: the codec sees to it that the frame is not much more than twice the
/// payload, so an outbox that holds the payload does not pin much else, and the copy is left to the first
/// writer, outside any lock.
const COPY_MAX_BYTES: usize = 4096;

/// What an entry of an outbox takes besides its body.
const ENTRY_BYTES: usize = 64;

/// What texts in Details keep alive of their frame at most.
const DETAILS_FRAME_BYTES: usize = 4096;

/// Room that the elements before the payload take, about.
const HEAD_BYTES: usize = 32;

/// Makes the payload of a message in the serializer of its recipient.
pub(super) type MakePayload = dyn Fn(SerializerId) -> Payload + Send + Sync;

struct DeferredPayload(Box<MakePayload>);

impl std::fmt::Debug for DeferredPayload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DeferredPayload")
    }
}

/// A message, and its body in each serializer that a recipient needed so far.
#[derive(Debug)]
pub(crate) struct Outgoing {
    message: Message,
    /// What it costs an outbox: every recipient's asks for it.
    cost: Held,
    is_answer: bool,
    has_reserve: bool,
    /// The payload, if the writer is to make it.
    deferred: Option<DeferredPayload>,
    bodies: [OnceLock<Result<Bytes, RecodeError>>; SerializerId::ALL.len()],
}

impl Outgoing {
    /// A message to be sent, to many perhaps. A small payload is moved out of the frame that it came in, by encoding
    /// the message.
    pub(crate) fn new(mut message: Message) -> Arc<Self> {
        let bodies: [OnceLock<_>; SerializerId::ALL.len()] = Default::default();
        let moves = message.payload().is_some_and(is_small);
        if moves
            && let Ok((serializer, body)) = message.encode_and_rehome(SerializerId::Json)
            && let Some(slot) = bodies.get(serializer.index())
        {
            // The slot is fresh, so setting it cannot fail.
            slot.get_or_init(|| Ok(body));
        }
        Arc::new(Self::with_bodies(message, bodies))
    }

    /// A message to one recipient, whose writer encodes it, outside of any lock. Its payload was [`detach`]ed.
    pub(super) fn to_one(message: Message) -> Arc<Self> {
        Arc::new(Self::with_bodies(message, Default::default()))
    }

    fn with_bodies(
        message: Message,
        bodies: [OnceLock<Result<Bytes, RecodeError>>; SerializerId::ALL.len()],
    ) -> Self {
        let payload = message.payload().map_or(0, |payload| payload.raw().len());
        let head = HEAD_BYTES
            + match &message {
                // The only one that carries Details which a peer wrote.
                Message::Error(error) if error.details.is_empty() => error.error.len(),
                Message::Error(error) => error.error.len() + error.details.footprint() + DETAILS_FRAME_BYTES,
                Message::Event(event) if event.details.is_empty() => 0,
                Message::Event(event) => event.details.footprint() + event.details.text_bytes(),
                Message::Invocation(call) => call.details.footprint() + call.details.text_bytes(),
                Message::CallResult(result) => result.details.footprint() + result.details.text_bytes(),
                _ => 0,
            };
        let has_reserve = !matches!(message, Message::Event(_) | Message::Invocation(_));
        let is_answer = has_reserve && !matches!(message, Message::Interrupt(_));
        let cost = Held::new(payload + head + ENTRY_BYTES);
        Self { cost, is_answer, has_reserve, deferred: None, message, bodies }
    }

    /// A RESULT whose payload the writer makes, outside of any lock: of about that many octets.
    pub(super) fn deferred(
        result: CallResult,
        payload_bytes: usize,
        payload: impl Fn(SerializerId) -> Payload + Send + Sync + 'static,
    ) -> Arc<Self> {
        let mut outgoing = Self::with_bodies(result.into(), Default::default());
        outgoing.cost += payload_bytes;
        outgoing.deferred = Some(DeferredPayload(Box::new(payload)));
        Arc::new(outgoing)
    }

    /// The message's payload, if nobody else has the message.
    pub(super) fn into_payload(self: Arc<Self>) -> Option<Payload> {
        match Arc::into_inner(self)?.message {
            Message::Invocation(invocation) => Some(invocation.payload),
            _ => None,
        }
    }

    /// The message.
    pub(crate) fn message(&self) -> &Message {
        &self.message
    }

    /// The message's octets in that serializer; encoded by the first who asks.
    ///
    /// # Errors
    /// If the payload cannot be carried to that serializer.
    pub(crate) fn body(&self, serializer: SerializerId) -> Result<Bytes, RecodeError> {
        match self.bodies.get(serializer.index()) {
            Some(slot) => slot.get_or_init(|| self.encode(serializer)).clone(),
            None => self.encode(serializer),
        }
    }

    fn encode(&self, serializer: SerializerId) -> Result<Bytes, RecodeError> {
        match (&self.deferred, &self.message) {
            (Some(deferred), Message::CallResult(result)) => {
                let payload = (deferred.0)(serializer);
                Message::from(CallResult { payload, ..result.clone() }).encode(serializer)
            }
            _ => self.message.encode(serializer),
        }
    }

    /// What the message counts for in an outbox, in octets: about its body, or its parts where they take
    /// more memory than that, plus 64 for the entry.
    pub(crate) fn cost(&self) -> usize {
        self.cost.bytes()
    }

    /// Whether the message has the room of an outbox that EVENTs and INVOCATIONs leave free.
    pub(crate) fn has_reserve(&self) -> bool {
        self.has_reserve
    }

    /// Whether the message answers a request of its recipient.
    pub(crate) fn is_answer(&self) -> bool {
        self.is_answer
    }
}

/// Moves a small payload out of the frame that it came in: before the dealer's guard, under which every caller of
/// the realm waits.
pub(super) fn detach(payload: &mut Payload) {
    if is_small(payload) {
        payload.detach();
    }
}

fn is_small(payload: &Payload) -> bool {
    payload.arity() > Arity::None && payload.raw().len() <= COPY_MAX_BYTES
}

#[cfg(test)]
mod tests {
    use wamp_proto::dict::ErrorDetails;
    use wamp_proto::message::Error;
    use wamp_proto::{MessageCode, RequestId, Value};

    use super::*;

    fn error(details: ErrorDetails) -> Arc<Outgoing> {
        Outgoing::new(
            Error {
                request_type: MessageCode::Call as u64,
                request: RequestId::FIRST,
                details: details.into(),
                error: "com.example.failed".into(),
                payload: Payload::EMPTY,
            }
            .into(),
        )
    }

    #[test]
    fn details_that_a_callee_made_up_count_for_what_they_take() {
        let zeros = vec![Value::from(0); 10_000];
        let details =
            ErrorDetails { extra: vec![("zeros".to_owned(), zeros.into())], ..ErrorDetails::default() };
        assert!(error(ErrorDetails::default()).cost() < 200);
        assert!(error(details).cost() > 10_000 * size_of::<Value>());
    }
}
