//! A request that fails while its session lives on: one ERROR (PV-10).

use std::sync::Arc;

use wamp_proto::dict::Dict;
use wamp_proto::message::Error;
use wamp_proto::uri::UriError;
use wamp_proto::{MessageCode, Payload, RequestId, SerializerId, error_uri};

use super::outgoing::Outgoing;
use super::recipient::RecipientKey;
use super::world::{Limit, World};

/// How much of what a peer sent is repeated to it: an explanation has to fit into its smallest frame, the
/// 512 octets of a RawSocket.
const SHOWN_CHARACTERS: usize = 64;

/// A URI for an explanation: quoted, and cut where it gets long.
pub(super) fn shown(uri: &str) -> String {
    let shown: String = uri.chars().take(SHOWN_CHARACTERS).collect();
    let ellipsis = if shown.len() < uri.len() { "…" } else { "" };
    format!("{shown:?}{ellipsis}")
}

/// Why a request is refused.
#[derive(Debug)]
pub(super) struct Refusal {
    error: &'static str,
    explanation: String,
    /// The limit that the request would have gone over, if it was one.
    over: Option<Limit>,
}

impl Refusal {
    /// A refusal with that error URI, and an explanation for people.
    pub(super) fn new(error: &'static str, explanation: String) -> Self {
        Self { error, explanation, over: None }
    }

    /// A refusal of what would go over that limit.
    pub(super) fn over(limit: Limit, error: &'static str, explanation: String) -> Self {
        Self { error, explanation, over: Some(limit) }
    }

    pub(super) fn invalid_uri(error: UriError) -> Self {
        let over =
            matches!(error, UriError::TooLong(_) | UriError::TooManyComponents(_)).then_some(Limit::Uri);
        Self { over, ..Self::new(error_uri::INVALID_URI, error.to_string()) }
    }

    pub(super) fn reserved_uri() -> Self {
        Self::new(error_uri::INVALID_URI, "URIs that begin with \"wamp\" are the router's".to_owned())
    }

    pub(super) fn too_many_shapes() -> Self {
        Self::new(error_uri::UNAVAILABLE, "the realm holds wildcards of too many different shapes".to_owned())
    }

    /// The sender asked to be disclosed, or somebody else asked it, and it may not be (PID-02, CID-03).
    pub(super) fn disclosure() -> Self {
        Self::new(
            error_uri::OPTION_DISALLOWED_DISCLOSE_ME,
            "the realm's rules do not permit disclosure".to_owned(),
        )
    }

    /// The realm keeps as much for open calls as it may.
    pub(super) fn no_room() -> Self {
        Self::over(
            Limit::WaitingCalls,
            error_uri::UNAVAILABLE,
            "the realm has no room for what the call needs to be kept".to_owned(),
        )
    }

    /// The caller canceled the call, whatever its callee says.
    pub(super) fn canceled() -> Self {
        Self::new(error_uri::CANCELED, "the call was canceled".to_owned())
    }

    /// Every callee said that it cannot attend to the call (RRT-03).
    pub(super) fn no_available_callee() -> Self {
        Self::new(error_uri::NO_AVAILABLE_CALLEE, "no callee can attend to the call".to_owned())
    }

    /// A chunk of a progressive invocation has no place to go: what came before it is worthless.
    pub(super) fn chunk_lost() -> Self {
        let explanation = "there is no room for more of the call".to_owned();
        Self::over(Limit::WaitingCalls, error_uri::UNAVAILABLE, explanation)
    }

    /// The error URI.
    pub(super) fn error(&self) -> &'static str {
        self.error
    }

    pub(super) fn callee_full() -> Self {
        Self::new(error_uri::UNAVAILABLE, "the callee takes no more calls now".to_owned())
    }

    /// Refuses a request that nobody wants an answer to (PUB-01).
    pub(super) fn ignore(&self, from: RecipientKey, out: &impl World) {
        out.refused(from, self.error, self.over);
    }

    /// Answers a request with ERROR.
    pub(super) fn answer(
        &self,
        from: RecipientKey,
        request_type: MessageCode,
        request: RequestId,
        out: &impl World,
    ) {
        out.refused(from, self.error, self.over);
        out.answer(from, &self.message(request_type, request));
    }

    fn message(&self, request_type: MessageCode, request: RequestId) -> Arc<Outgoing> {
        Outgoing::new(
            Error {
                request_type: request_type as u64,
                request,
                details: Dict::new(),
                error: self.error.into(),
                payload: Payload::new(SerializerId::Json, &[self.explanation.as_str().into()], &[]),
            }
            .into(),
        )
    }
}
