//! Questions of the router itself to procedures of a realm: who is that, may it do this?
//!
//! For the dealer they are CALLs of a caller that is no member and has no outbox. What the answers mean is the
//! asker's business.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use wamp_proto::{Message, RequestId, Value, error_uri};

use crate::realm::Outgoing;

/// How much of a callee's words appears in logs.
const SHOWN_CHARACTERS: usize = 200;

/// The questions to procedures of one realm that are not answered yet.
#[derive(Debug, Default)]
pub(crate) struct Inquiries(Mutex<Open>);

#[derive(Debug)]
struct Open {
    next: RequestId,
    by_request: HashMap<RequestId, oneshot::Sender<Arc<Outgoing>>>,
}

/// An answer that is to come. Dropping it leaves the call to its time-out.
#[derive(Debug)]
pub(crate) struct Inquiry(oneshot::Receiver<Arc<Outgoing>>);

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoAnswer {
    /// The procedure says no: an error of its own.
    #[error("refused with {error}{explanation}")]
    Refused { error: String, explanation: String },
    /// Nobody answers: no such procedure, no time left, the callee is gone.
    #[error("no answer: {0}{1}")]
    Failed(String, String),
    /// What came is no answer to this question.
    #[error("the answer is not understood: {0}")]
    Unreadable(&'static str),
}

impl Default for Open {
    fn default() -> Self {
        Self { next: RequestId::FIRST, by_request: HashMap::new() }
    }
}

impl Inquiries {
    /// Begins a question. Its CALL has to have that request ID.
    pub(crate) fn begin(&self) -> (RequestId, Inquiry) {
        let (sender, receiver) = oneshot::channel();
        let mut open = self.0.lock();
        let request = open.next;
        open.next = request.next();
        open.by_request.insert(request, sender);
        (request, Inquiry(receiver))
    }

    /// Nobody will answer that one.
    pub(crate) fn forget(&self, request: RequestId) {
        self.0.lock().by_request.remove(&request);
    }

    /// Takes what the dealer has for the caller.
    pub(crate) fn answer(&self, message: &Arc<Outgoing>) {
        let request = match message.message() {
            Message::CallResult(result) => result.request,
            Message::Error(error) => error.request,
            _ => return,
        };
        if let Some(asker) = self.0.lock().by_request.remove(&request) {
            // Who asked may have lost interest.
            drop(asker.send(message.clone()));
        }
    }
}

impl Inquiry {
    /// Whether the answer can be had at once, or what to wait with.
    pub(crate) fn poll(
        &mut self,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<Value, NoAnswer>> {
        use std::future::Future as _;
        std::pin::Pin::new(&mut self.0).poll(cx).map(|answer| match answer {
            Ok(message) => read(&message),
            Err(_) => Err(NoAnswer::Failed(error_uri::CANCELED.to_owned(), String::new())),
        })
    }

    /// The first positional result, null if there is none.
    ///
    /// # Errors
    /// If there is no such answer.
    pub(crate) async fn answer(mut self) -> Result<Value, NoAnswer> {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }
}

fn read(message: &Outgoing) -> Result<Value, NoAnswer> {
    match message.message() {
        Message::CallResult(result) => {
            let (args, _) =
                result.payload.values().or(Err(NoAnswer::Unreadable("its values are none of WAMP's")))?;
            Ok(args.into_iter().next().unwrap_or(Value::Null))
        }
        Message::Error(error) => {
            let first = error.payload.values().ok().and_then(|(args, _)| args.into_iter().next());
            let text = first.as_ref().and_then(Value::as_str).map_or_else(String::new, |text| {
                format!(": {:?}", text.chars().take(SHOWN_CHARACTERS).collect::<String>())
            });
            let uri = error.error.chars().take(SHOWN_CHARACTERS).collect();
            Err(if is_failure(&error.error) {
                NoAnswer::Failed(uri, text)
            } else {
                NoAnswer::Refused { error: uri, explanation: text }
            })
        }
        _ => Err(NoAnswer::Unreadable("it is neither RESULT nor ERROR")),
    }
}

/// Whether the dealer or a callee's library says that, rather than the procedure.
fn is_failure(error: &str) -> bool {
    const FAILURES: [&str; 8] = [
        error_uri::NO_SUCH_PROCEDURE,
        error_uri::TIMEOUT,
        error_uri::CANCELED,
        error_uri::UNAVAILABLE,
        error_uri::NO_AVAILABLE_CALLEE,
        error_uri::NETWORK_FAILURE,
        error_uri::INVALID_ARGUMENT,
        error_uri::PAYLOAD_SIZE_EXCEEDED,
    ];
    FAILURES.contains(&error)
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use wamp_proto::dict::Dict;
    use wamp_proto::message::{CallResult, Error};
    use wamp_proto::{MessageCode, Payload, SerializerId};

    use super::*;

    fn result(request: RequestId, results: &[Value]) -> Arc<Outgoing> {
        let payload = Payload::new(SerializerId::Json, results, &[]);
        Outgoing::new(CallResult { request, details: Dict::new(), payload }.into())
    }

    fn error(request: RequestId, error: &str, args: &[Value]) -> Arc<Outgoing> {
        let payload = Payload::new(SerializerId::Json, args, &[]);
        let request_type = MessageCode::Call as u64;
        Outgoing::new(
            Error { request_type, request, details: Dict::new(), error: error.into(), payload }.into(),
        )
    }

    fn poll(inquiry: &mut Inquiry) -> Poll<Result<Value, NoAnswer>> {
        inquiry.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn an_answer_goes_to_the_question_with_its_request_id() {
        let inquiries = Inquiries::default();
        let (first, mut one) = inquiries.begin();
        let (second, mut other) = inquiries.begin();
        assert_ne!(first, second);
        inquiries.answer(&result(second, &["yes".into(), "ignored".into()]));
        assert!(poll(&mut one).is_pending());
        assert_eq!(poll(&mut other), Poll::Ready(Ok("yes".into())));
        inquiries.answer(&result(first, &[]));
        assert_eq!(poll(&mut one), Poll::Ready(Ok(Value::Null)));
        // Nobody asked that.
        inquiries.answer(&result(first, &[]));
    }

    #[test]
    fn an_error_of_the_procedure_is_told_from_one_of_the_way_there() {
        let inquiries = Inquiries::default();
        let answer = |uri: &str, args: &[Value]| {
            let (request, mut inquiry) = inquiries.begin();
            inquiries.answer(&error(request, uri, args));
            poll(&mut inquiry)
        };
        assert_eq!(
            answer("com.example.no", &["why\n".into()]),
            Poll::Ready(Err(NoAnswer::Refused {
                error: "com.example.no".to_owned(),
                explanation: r#": "why\n""#.to_owned()
            }))
        );
        assert_eq!(
            answer(error_uri::NO_SUCH_PROCEDURE, &[]),
            Poll::Ready(Err(NoAnswer::Failed(error_uri::NO_SUCH_PROCEDURE.to_owned(), String::new())))
        );
    }

    #[test]
    fn of_a_question_that_nobody_waits_for_nothing_is_left_when_it_is_answered() {
        let inquiries = Inquiries::default();
        let (request, inquiry) = inquiries.begin();
        drop(inquiry);
        inquiries.answer(&error(request, error_uri::TIMEOUT, &[]));
        assert!(inquiries.0.lock().by_request.is_empty());
        let (request, mut forgotten) = inquiries.begin();
        inquiries.forget(request);
        assert!(matches!(poll(&mut forgotten), Poll::Ready(Err(NoAnswer::Failed(..)))));
        assert!(inquiries.0.lock().by_request.is_empty());
    }
}
