//! What handles ask of the connection's task. One queue keeps their order, which is that of the wire (ID-04).

use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use wamp_proto::dict::{CallOptions, Dict, PublishOptions, RegisterOptions, ResultDetails, SubscribeOptions};
use wamp_proto::{Payload, PublicationId, RequestId, Uri};

use crate::error::{Error, WampError};
use crate::event::EventSender;
use crate::invocation::Run;
use crate::passthru::Passthru;
use crate::payload_queue::PayloadSender;

/// Where the answer to a request goes.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, Error>>;

/// What RESULT says of a call.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) payload: Payload,
    pub(crate) details: Dict<ResultDetails>,
}

/// A call, a subscriber or a procedure, as the handles of one client know it; never used twice.
pub(crate) type Key = u64;

/// Queues commands, without waiting: what is dropped cannot wait. [`Shared`](crate::client::Shared) bounds it.
// tidy: allow-unbounded each command has a place of a bounded number, or takes back something that had one
pub(crate) type Commander = mpsc::UnboundedSender<Envelope>;

/// Where the connection's task takes them.
// tidy: allow-unbounded as above
pub(crate) type Commands = mpsc::UnboundedReceiver<Envelope>;

/// The queue of one client.
pub(crate) fn queue() -> (Commander, Commands) {
    // tidy: allow-unbounded as above
    mpsc::unbounded_channel()
}

/// A command, with its place in the queue: whoever waits for a place is slowed down to the pace of the connection.
pub(crate) struct Envelope {
    pub(crate) command: Command,
    pub(crate) _place: Option<OwnedSemaphorePermit>,
}

pub(crate) enum Command {
    Call(Box<NewCall>),
    /// More of a progressive call.
    Chunk {
        call: Key,
        payload: Payload,
        is_last: bool,
    },
    /// Nobody waits for that call any more.
    Cancel {
        call: Key,
    },
    Publish(Box<NewPublication>),
    Subscribe(Box<NewSubscriber>),
    Unsubscribe {
        subscriber: Key,
        done: Option<Reply<()>>,
    },
    Register(Box<NewProcedure>),
    Unregister {
        procedure: Key,
        done: Option<Reply<()>>,
    },
    /// What a procedure says to an invocation of the session that has this token.
    Answer {
        token: SessionToken,
        request: RequestId,
        answer: Answer,
    },
}

/// Tells the sessions of one client apart: request IDs begin anew with each.
pub(crate) type SessionToken = u64;

pub(crate) enum Answer {
    /// A progressive result.
    Progress(Payload),
    /// The result, or the error.
    Final(Result<Payload, WampError>),
}

pub(crate) struct NewCall {
    pub(crate) key: Key,
    pub(crate) procedure: Uri,
    pub(crate) options: Dict<CallOptions>,
    pub(crate) payload: Payload,
    pub(crate) answer: Reply<Outcome>,
    /// How its arguments, and those of further parts, are packed.
    pub(crate) passthru: Option<Passthru>,
    /// Where progressive results go, if the caller wants them.
    pub(crate) progress: Option<PayloadSender>,
}

pub(crate) struct NewPublication {
    pub(crate) topic: Uri,
    pub(crate) options: Dict<PublishOptions>,
    pub(crate) payload: Payload,
    pub(crate) passthru: Option<Passthru>,
    /// Told the publication, if it is to be acknowledged.
    pub(crate) published: Option<Reply<PublicationId>>,
}

pub(crate) struct NewSubscriber {
    pub(crate) key: Key,
    pub(crate) topic: Uri,
    pub(crate) options: Dict<SubscribeOptions>,
    pub(crate) events: EventSender,
    pub(crate) ready: Reply<()>,
}

pub(crate) struct NewProcedure {
    pub(crate) key: Key,
    pub(crate) procedure: Uri,
    pub(crate) options: Dict<RegisterOptions>,
    pub(crate) run: Run,
    pub(crate) ready: Reply<()>,
}

impl Command {
    /// The client takes no more requests.
    pub(crate) fn refuse(self) {
        fn tell<T>(reply: Reply<T>) {
            // Whoever waited may have gone.
            reply.send(Err(Error::Closed)).ok();
        }
        match self {
            Self::Call(call) => tell(call.answer),
            Self::Publish(publication) => {
                if let Some(published) = publication.published {
                    tell(published);
                }
            }
            Self::Subscribe(subscriber) => tell(subscriber.ready),
            Self::Register(procedure) => tell(procedure.ready),
            Self::Unsubscribe { done: Some(done), .. } | Self::Unregister { done: Some(done), .. } => {
                tell(done)
            }
            Self::Chunk { .. }
            | Self::Cancel { .. }
            | Self::Answer { .. }
            | Self::Unsubscribe { done: None, .. }
            | Self::Unregister { done: None, .. } => {}
        }
    }
}
