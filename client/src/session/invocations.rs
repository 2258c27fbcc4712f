//! Callees: invocations that run, their answers, and what stops them.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use bytestring::ByteString;
use futures_util::FutureExt as _;
use futures_util::future::{AbortHandle, BoxFuture, abortable};
use wamp_proto::dict::{CancelMode, Dict, ErrorDetails, YieldOptions};
use wamp_proto::message::{self, Interrupt, MessageCode, Yield};
use wamp_proto::{Payload, RequestId, SerializerId, error_uri};

use super::Wire;
use crate::client::Shared;
use crate::command::{Answer, SessionToken};
use crate::error::{Error, WampError};
use crate::invocation::{Control, Invocation, Port, Run};
use crate::passthru::Passthru;
use crate::payload_queue::{PayloadSender, Unqueued, WAITING_MAX_BYTES, payload_queue};

/// Invocations that run or wait for their place at once. More are answered with `wamp.error.unavailable`: not to
/// read on instead would keep the answers away that procedures wait for.
const INVOCATIONS_MAX: usize = 16_384;

/// Progressive invocations that ended before their last part came, of which more parts may come.
const CUT_SHORT_MAX: usize = 1024;

pub(super) struct Invocations {
    pub(super) token: SessionToken,
    shared: Weak<Shared>,
    serializer: SerializerId,
    running: HashMap<RequestId, Running>,
    cut_short: VecDeque<RequestId>,
    work: Vec<BoxFuture<'static, ()>>,
}

struct Running {
    control: Arc<Control>,
    task: AbortHandle,
    passthru: Option<Passthru>,
    /// Where further parts go, until the last one came.
    chunks: Option<PayloadSender>,
}

impl Invocations {
    pub(super) fn new(shared: Weak<Shared>, serializer: SerializerId) -> Self {
        static TOKENS: AtomicU64 = AtomicU64::new(0);
        Self {
            token: TOKENS.fetch_add(1, Ordering::Relaxed),
            shared,
            serializer,
            running: HashMap::new(),
            cut_short: VecDeque::new(),
            work: Vec::new(),
        }
    }

    pub(super) fn invoke(
        &mut self,
        invocation: message::Invocation,
        procedure: Option<&Run>,
        wire: &mut Wire,
    ) {
        let request = invocation.request;
        let is_last = invocation.details.progress != Some(true);
        if self.running.contains_key(&request) {
            return self.chunk(request, invocation.payload, is_last, wire);
        }
        if let Some(position) = self.cut_short.iter().position(|&other| other == request) {
            // It was answered before it was complete (PCI-13).
            if is_last {
                self.cut_short.remove(position);
            }
            return;
        }
        // The registration may just have been taken back: another callee can be asked (RRT-01, RPC-12).
        let Some(run) = procedure else {
            return refuse(request, WampError::new(error_uri::UNAVAILABLE), wire);
        };
        if self.running.len() == INVOCATIONS_MAX {
            return refuse(request, WampError::new(error_uri::UNAVAILABLE), wire);
        }
        let control = Arc::new(Control::default());
        let (chunks, rest) = (!is_last).then(|| payload_queue(WAITING_MAX_BYTES)).unzip();
        let port = Port { shared: self.shared.clone(), token: self.token, request };
        let passthru = run.passthru.clone();
        let run = run.clone();
        let work = run.clone().run(Invocation {
            procedure: run.procedure,
            details: invocation.details,
            payload: invocation.payload,
            serializer: self.serializer,
            port,
            control: control.clone(),
            chunks: rest,
        });
        let (work, task) = abortable(work);
        self.work.push(work.map(drop).boxed());
        self.running.insert(request, Running { control, task, passthru, chunks });
    }

    fn chunk(&mut self, request: RequestId, payload: Payload, is_last: bool, wire: &mut Wire) {
        let Some(running) = self.running.get_mut(&request) else { return };
        let Some(chunks) = &running.chunks else { return };
        let sent = chunks.send(payload);
        if is_last {
            running.chunks = None;
        }
        // A procedure that takes no more parts may still have a result.
        if sent == Err(Unqueued::Full) {
            let error = WampError::with_message(error_uri::UNAVAILABLE, "the parts come too fast");
            self.stop(request);
            refuse(request, error, wire);
        }
    }

    pub(super) fn answer(
        &mut self,
        token: SessionToken,
        request: RequestId,
        answer: Answer,
        wire: &mut Wire,
    ) {
        if token != self.token {
            return;
        }
        let Some(running) = self.running.get(&request) else { return };
        let passthru = running.passthru.clone();
        let (mut options, payload) = match answer {
            Answer::Progress(payload) => {
                (YieldOptions { progress: Some(true), ..YieldOptions::default() }.into(), payload)
            }
            Answer::Final(answer) => {
                self.forget(request);
                match answer {
                    Ok(payload) => (Dict::new(), payload),
                    Err(error) => return fail(request, error, passthru.as_ref(), wire),
                }
            }
        };
        let packed = wire.packed(passthru.as_ref(), &mut options, payload, wire.passes_calls());
        let sent = packed.and_then(|payload| wire.send(Yield { request, options, payload }));
        if let Err(error) = sent {
            self.stop(request);
            refuse(request, unsent(&error), wire);
        }
    }

    pub(super) fn interrupt(&mut self, interrupt: &Interrupt, wire: &mut Wire) {
        let Some(running) = self.running.get(&interrupt.request) else { return };
        running.control.cancellation.cancel();
        if running.control.is_cooperative() {
            return;
        }
        self.stop(interrupt.request);
        if interrupt.options.mode != Some(CancelMode::KillNoWait) {
            let reason = interrupt.options.reason.as_deref();
            let reason = reason.filter(|&reason| reason == error_uri::TIMEOUT).unwrap_or(error_uri::CANCELED);
            refuse(interrupt.request, WampError::new(reason), wire);
        }
    }

    fn stop(&mut self, request: RequestId) {
        if let Some(running) = self.forget(request) {
            running.control.cancellation.cancel();
            running.task.abort();
        }
    }

    fn forget(&mut self, request: RequestId) -> Option<Running> {
        let running = self.running.remove(&request)?;
        if running.chunks.is_some() {
            if self.cut_short.len() == CUT_SHORT_MAX {
                self.cut_short.pop_front();
            }
            self.cut_short.push_back(request);
        }
        Some(running)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.running.is_empty()
    }

    pub(super) fn take_work(&mut self) -> impl Iterator<Item = BoxFuture<'static, ()>> {
        self.work.drain(..)
    }

    /// Nobody waits for what runs any more.
    pub(super) fn end(self) {
        for running in self.running.into_values() {
            running.control.cancellation.cancel();
            if !running.control.is_cooperative() {
                running.task.abort();
            }
        }
    }
}

/// What a caller learns of an answer that could not be sent.
fn unsent(error: &Error) -> WampError {
    let uri = match error {
        Error::TooLarge { .. } => error_uri::PAYLOAD_SIZE_EXCEEDED,
        Error::Feature(_) => error_uri::FEATURE_NOT_SUPPORTED,
        Error::TooDeep { .. } => error_uri::RUNTIME_ERROR,
        _ => error_uri::INVALID_ARGUMENT,
    };
    WampError::with_message(uri, error)
}

/// Answers an invocation with ERROR.
fn refuse(request: RequestId, error: WampError, wire: &mut Wire) {
    let (error, payload) = error.into_parts();
    say_error(request, Dict::new(), error, payload, wire);
}

/// Answers an invocation with the ERROR of its procedure, packed as its results are.
fn fail(request: RequestId, error: WampError, passthru: Option<&Passthru>, wire: &mut Wire) {
    let (error, payload) = error.into_parts();
    let mut details = Dict::new();
    match wire.packed(passthru, &mut details, payload, wire.passes_calls()) {
        Ok(payload) => say_error(request, details, error, payload, wire),
        Err(error) => refuse(request, unsent(&error), wire),
    }
}

fn say_error(
    request: RequestId,
    details: Dict<ErrorDetails>,
    error: ByteString,
    payload: Payload,
    wire: &mut Wire,
) {
    let request_type = MessageCode::Invocation as u64;
    let message = message::Error { request_type, request, details, error, payload };
    // What cannot be said in full is said in short.
    if wire.send(message.clone()).is_err() {
        wire.tell(message::Error { details: Dict::new(), payload: Payload::EMPTY, ..message });
    }
}
