//! Callers and publishers: requests that are under way, and whom their answers are for.

use std::collections::HashMap;

use wamp_proto::dict::{CallOptions, CancelMode, CancelOptions, Dict};
use wamp_proto::message::{self, Call, CallResult, Cancel, MessageCode, Publish, Published};
use wamp_proto::{ClientSession, Payload, PublicationId, RequestId, Uri, error_uri};

use super::Wire;
use crate::command::{Key, NewCall, NewPublication, Outcome, Reply};
use crate::error::{Error, WampError};
use crate::passthru::Passthru;
use crate::payload_queue::{PayloadSender, Unqueued};

/// Requests of callers and publishers that wait for their answer.
#[derive(Default)]
pub(super) struct Calls {
    call_by_request: HashMap<RequestId, OpenCall>,
    request_by_key: HashMap<Key, RequestId>,
    publication_by_request: HashMap<RequestId, Reply<PublicationId>>,
}

struct OpenCall {
    key: Key,
    /// For the chunks that follow the first one.
    procedure: Uri,
    passthru: Option<Passthru>,
    /// Its last part was not sent yet.
    takes_chunks: bool,
    answer: Reply<Outcome>,
    progress: Option<PayloadSender>,
}

impl Calls {
    pub(super) fn call(&mut self, call: NewCall, protocol: &mut ClientSession, wire: &mut Wire) {
        let NewCall { key, procedure, mut options, payload, answer, passthru, progress } = call;
        if answer.is_closed() {
            return;
        }
        if options.progress == Some(true) && !wire.dealer_has(|dealer| dealer.progressive_call_invocations) {
            answer.send(Err(Error::Feature("progressive_call_invocations"))).ok();
            return;
        }
        let payload = match wire.packed(passthru.as_ref(), &mut options, payload, wire.passes_calls()) {
            Ok(payload) => payload,
            Err(error) => {
                answer.send(Err(error)).ok();
                return;
            }
        };
        let request = protocol.next_request();
        let takes_chunks = options.progress == Some(true);
        let message = Call { request, options, procedure: procedure.clone(), payload };
        match wire.send(message) {
            Ok(()) => {
                let open = OpenCall { key, procedure, passthru, takes_chunks, answer, progress };
                self.call_by_request.insert(request, open);
                self.request_by_key.insert(key, request);
            }
            Err(error) => {
                protocol.take_back(request);
                answer.send(Err(error)).ok();
            }
        }
    }

    /// A chunk of a progressive call repeats nothing but `progress` (PCI-02, PCI-07): how it is packed, the first one said
    /// (PPT-11).
    pub(super) fn chunk(&mut self, key: Key, payload: Payload, is_last: bool, wire: &mut Wire) {
        let Some(&request) = self.request_by_key.get(&key) else { return };
        let Some(call) = self.call_by_request.get_mut(&request) else { return };
        // A part behind the last one would be a violation (PCI-10).
        if !std::mem::replace(&mut call.takes_chunks, !is_last) {
            return;
        }
        let options = CallOptions { progress: (!is_last).then_some(true), ..CallOptions::default() };
        let options = if is_last { Dict::new() } else { options.into() };
        let procedure = call.procedure.clone();
        let payload = match &call.passthru {
            None => Ok(payload),
            Some(passthru) => passthru.pack(&mut CallOptions::default(), &payload, wire.terms.serializer),
        };
        let sent = payload.and_then(|payload| wire.send(Call { request, options, procedure, payload }));
        if let Err(error) = sent {
            self.give_up(key, error, wire);
        }
    }

    /// The caller has gone.
    pub(super) fn cancel(&mut self, key: Key, wire: &mut Wire) {
        // The results of a progressive invocation may be waited for though its parts are not sent any more.
        self.give_up(key, WampError::new(error_uri::CANCELED).into(), wire);
    }

    /// The callee need not go on (CAN-08). The router's answer, which may never come, is nobody's.
    fn give_up(&mut self, key: Key, error: Error, wire: &mut Wire) {
        let Some(request) = self.request_by_key.remove(&key) else { return };
        if let Some(call) = self.call_by_request.remove(&request) {
            call.answer.send(Err(error)).ok();
        }
        if wire.dealer_has(|dealer| dealer.call_canceling) {
            let options = CancelOptions { mode: Some(CancelMode::KillNoWait), ..CancelOptions::default() };
            wire.tell(Cancel { request, options: options.into() });
        }
    }

    pub(super) fn result(&mut self, result: CallResult, wire: &mut Wire) {
        if result.details.progress != Some(true) {
            if let Some(answer) = self.finish(result.request) {
                answer.send(Ok(Outcome { payload: result.payload, details: result.details })).ok();
            }
            return;
        }
        let Some(call) = self.call_by_request.get_mut(&result.request) else { return };
        let key = call.key;
        let Some(progress) = &call.progress else { return };
        match progress.send(result.payload) {
            Ok(()) => {}
            Err(Unqueued::Closed) => call.progress = None,
            Err(Unqueued::Full) => self.give_up(key, Error::Overrun, wire),
        }
    }

    pub(super) fn publish(
        &mut self,
        publication: NewPublication,
        protocol: &mut ClientSession,
        wire: &mut Wire,
    ) {
        let NewPublication { topic, mut options, payload, passthru, published } = publication;
        let payload = wire.packed(passthru.as_ref(), &mut options, payload, wire.passes_events());
        let request = protocol.next_request();
        let sent = payload.and_then(|payload| wire.send(Publish { request, options, topic, payload }));
        match (sent, published) {
            (Ok(()), Some(published)) => {
                self.publication_by_request.insert(request, published);
            }
            (Ok(()), None) => {}
            (Err(error), published) => {
                protocol.take_back(request);
                tracing::warn!(%error, "an event could not be sent");
                published.map(|published| published.send(Err(error)));
            }
        }
    }

    pub(super) fn published(&mut self, answer: &Published) {
        if let Some(published) = self.publication_by_request.remove(&answer.request) {
            published.send(Ok(answer.publication)).ok();
        }
    }

    /// Takes an ERROR, or gives it back if it is not for a call or a publication.
    pub(super) fn error(&mut self, error: message::Error) -> Option<message::Error> {
        let request = error.request;
        if error.request_type == MessageCode::Call as u64 {
            if let Some(answer) = self.finish(request) {
                answer.send(Err(WampError::from(error).into())).ok();
            }
        } else if error.request_type == MessageCode::Publish as u64 {
            if let Some(published) = self.publication_by_request.remove(&request) {
                published.send(Err(WampError::from(error).into())).ok();
            }
        } else {
            return Some(error);
        }
        None
    }

    /// The call has its answer. Returns who waits for it.
    fn finish(&mut self, request: RequestId) -> Option<Reply<Outcome>> {
        let call = self.call_by_request.remove(&request)?;
        self.request_by_key.remove(&call.key);
        Some(call.answer)
    }

    pub(super) fn end(self, error: &Error) {
        for call in self.call_by_request.into_values() {
            call.answer.send(Err(error.clone())).ok();
        }
        for published in self.publication_by_request.into_values() {
            published.send(Err(error.clone())).ok();
        }
    }
}
