//! The answers of all callees of one registration to one CALL: the invocation policy `all`.

use std::sync::Arc;

use wamp_proto::dict::{Dict, ResultDetails};
use wamp_proto::message::CallResult;
use wamp_proto::{Payload, RequestId, SerializerId, Uri, Value, error_uri};

use super::registration::Callee;
use crate::realm::outgoing::Outgoing;
use crate::realm::recipient::{Identity, RecipientKey};

/// Callees that one registration with the policy `all` may have.
pub(super) const CALLEES_MAX: usize = 256;

/// What an answer takes in a RESULT besides its payload, about.
const ANSWER_BYTES: usize = 64;

/// The callees of one call, in the order of their registration, and what they answered.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    members: Vec<Member>,
    missing: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Member {
    callee: RecipientKey,
    /// None, if it was not invoked.
    invocation: Option<RequestId>,
    /// Who it is, if it may be disclosed.
    disclosed: Option<Disclosed>,
    answer: Option<Answer>,
}

#[derive(Clone, Debug)]
struct Disclosed {
    session: u64,
    authid: Box<str>,
    authrole: Box<str>,
}

/// What one callee answered.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) error: Option<Uri>,
    pub(super) payload: Payload,
}

impl Answer {
    /// An error of the router's own, instead of an answer.
    pub(super) fn error(error: &'static str) -> Self {
        Self { error: Some(error.into()), payload: Payload::EMPTY }
    }
}

impl Gathering {
    /// Adds a callee that was invoked, or the reason why it was not.
    pub(super) fn add(
        &mut self,
        callee: &Callee,
        identity: Option<&Identity>,
        invoked: Result<RequestId, Answer>,
    ) {
        let disclosed = identity.filter(|_| callee.is_disclosed).map(|identity| Disclosed {
            session: identity.session.value(),
            authid: identity.authid.clone(),
            authrole: identity.role.name.clone(),
        });
        let (invocation, answer) = match invoked {
            Ok(invocation) => (Some(invocation), None),
            Err(answer) => (None, Some(answer)),
        };
        self.missing += usize::from(answer.is_none());
        self.bytes += ANSWER_BYTES;
        self.members.push(Member { callee: callee.key, invocation, disclosed, answer });
    }

    /// Takes the answer of a callee. Returns it as a progressive result may tell it.
    pub(super) fn answered(
        &mut self,
        callee: RecipientKey,
        invocation: RequestId,
        answer: Answer,
    ) -> Option<GatheredAnswer> {
        let member =
            self.members.iter_mut().find(|it| it.callee == callee && it.invocation == Some(invocation))?;
        if member.answer.is_none() {
            self.missing -= 1;
            self.bytes += answer.payload.raw().len();
        }
        member.answer = Some(answer.clone());
        Some(GatheredAnswer { disclosed: member.disclosed.clone(), answer })
    }

    pub(super) fn is_complete(&self) -> bool {
        self.missing == 0
    }

    /// Octets of all answers so far, about.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whom an answer is still missing of.
    pub(super) fn missing(&self) -> Vec<(RecipientKey, RequestId)> {
        let missing = self.members.iter().filter(|member| member.answer.is_none());
        missing.filter_map(|member| Some((member.callee, member.invocation?))).collect()
    }

    /// The RESULT that tells all answers.
    pub(super) fn into_result(self, request: RequestId) -> Arc<Outgoing> {
        let bytes = self.bytes;
        let answers: Vec<_> = self
            .members
            .into_iter()
            .filter_map(|member| Some(GatheredAnswer { disclosed: member.disclosed, answer: member.answer? }))
            .collect();
        result(request, Dict::new(), bytes, answers)
    }
}

/// One answer, and whose it is.
#[derive(Debug)]
pub(super) struct GatheredAnswer {
    disclosed: Option<Disclosed>,
    answer: Answer,
}

impl GatheredAnswer {
    /// The progressive RESULT that tells it.
    pub(super) fn into_progress(self, request: RequestId) -> Arc<Outgoing> {
        let details = ResultDetails { progress: Some(true), ..ResultDetails::default() };
        let bytes = self.answer.payload.raw().len() + ANSWER_BYTES;
        result(request, details.into(), bytes, vec![self])
    }

    fn dict(&self) -> Value {
        let mut dict: Vec<(String, Value)> = Vec::new();
        if let Some(Disclosed { session, authid, authrole }) = &self.disclosed {
            dict.push(("session".to_owned(), (*session).into()));
            dict.push(("authid".to_owned(), (&**authid).into()));
            dict.push(("authrole".to_owned(), (&**authrole).into()));
        }
        let (error, args, kwargs) = match self.answer.payload.values() {
            Ok((args, kwargs)) => (self.answer.error.as_deref(), args, kwargs),
            // Well-formed, and still nothing that another serializer can say.
            Err(_) => (Some(error_uri::INVALID_ARGUMENT), Vec::new(), Vec::new()),
        };
        if let Some(error) = error {
            dict.push(("error".to_owned(), error.into()));
        }
        dict.push(("args".to_owned(), args.into()));
        dict.push(("kwargs".to_owned(), kwargs.into()));
        dict.into()
    }
}

fn result(
    request: RequestId,
    details: Dict<ResultDetails>,
    bytes: usize,
    answers: Vec<GatheredAnswer>,
) -> Arc<Outgoing> {
    let payload = move |serializer: SerializerId| {
        let dicts: Vec<_> = answers.iter().map(GatheredAnswer::dict).collect();
        Payload::new(serializer, &dicts, &[])
    };
    Outgoing::deferred(CallResult { request, details, payload: Payload::EMPTY }, bytes, payload)
}
