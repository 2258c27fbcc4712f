//! A transport without a socket: a program that embeds the router talks to it in encoded messages.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::{Sink, Stream};
use trunkline_config::AuthMethod;
use wamp_proto::message::{Abort, Hello, Welcome};
use wamp_proto::{Message, SerializerId, error_uri};

use crate::authentication::{Admitted, Refused, anonymous_authid, authprovider, no_matching_method};
use crate::opening::Opening;
use crate::outbox::Closed;
use crate::realm::Outgoing;
use crate::router::Router;
use crate::session::{Flow, Session};

/// One in-process peer. It speaks WAMP as any other: HELLO first, then what it likes.
///
/// A message is routed on the thread that sends it. The same limits hold as on any transport: a peer that
/// does not receive is disconnected when its outbox is full.
#[derive(Debug)]
pub struct InProcess {
    router: Arc<Router>,
    /// Who the program says that it is.
    principal: Option<Principal>,
    serializer: SerializerId,
    session: Option<Session>,
    /// What the router says beside the session: WELCOME, ABORT, GOODBYE, in front of everything else.
    ready: VecDeque<Bytes>,
    batch: Vec<Arc<Outgoing>>,
    is_closed: bool,
}

#[derive(Debug)]
struct Principal {
    authid: String,
    authrole: String,
}

/// The method of sessions that the embedding program vouches for.
pub(crate) const IN_PROCESS: &str = "in-process";

/// The router ended the session, or the peer did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session is over")]
pub struct SessionOver;

impl Router {
    /// Opens an in-process transport in that serializer, for a session that its realm takes as anonymous.
    pub fn connect(self: &Arc<Self>, serializer: SerializerId) -> InProcess {
        self.open(serializer, None)
    }

    /// Opens an in-process transport for a session that the program vouches for: it has that authid, and that
    /// role of whatever realm it joins.
    pub fn connect_as(
        self: &Arc<Self>,
        serializer: SerializerId,
        authid: impl Into<String>,
        authrole: impl Into<String>,
    ) -> InProcess {
        self.open(serializer, Some(Principal { authid: authid.into(), authrole: authrole.into() }))
    }

    fn open(self: &Arc<Self>, serializer: SerializerId, principal: Option<Principal>) -> InProcess {
        InProcess {
            router: self.clone(),
            principal,
            serializer,
            session: None,
            ready: VecDeque::new(),
            batch: Vec::new(),
            is_closed: false,
        }
    }
}

impl InProcess {
    /// Sends one encoded message, and routes it before this returns; unless the realm's authorizer has to be asked
    /// first: then [`receive`](Self::receive), or sending more, goes on with it when the answer is there. A peer
    /// that sends more than may wait for that is disconnected.
    ///
    /// # Errors
    /// If the session is over. What the router said last can still be received.
    pub fn send(&mut self, frame: &Bytes) -> Result<(), SessionOver> {
        // What waits goes on even for a peer that only sends.
        self.go_on(&mut Context::from_waker(std::task::Waker::noop()));
        if self.is_closed {
            return Err(SessionOver);
        }
        match &mut self.session {
            None => match self.join(frame) {
                Ok((session, welcome)) => {
                    self.session = Some(session);
                    self.say(welcome.into());
                }
                Err(abort) => {
                    if let Some(abort) = abort {
                        self.say(abort.into());
                    }
                    self.is_closed = true;
                }
            },
            Some(session) if session.is_backed_up() => self.end(None),
            Some(session) => match session.receive(frame) {
                Ok(Flow::Continue) => {}
                Ok(Flow::Leave(goodbye)) => {
                    self.take_queued();
                    self.end(Some(goodbye.into()));
                }
                Ok(Flow::Over) => self.end(None),
                Err(violation) => {
                    self.take_queued();
                    self.end(Some(violation.abort().into()));
                }
            },
        }
        Ok(())
    }

    /// Nobody proves anything here: the program vouches for the session, or it is anonymous.
    fn join(&self, frame: &Bytes) -> Result<(Session, Welcome), Option<Abort>> {
        let (opening, hello, plan) =
            Opening::hello(&self.router, |_| true, self.serializer, frame, &IN_PROCESS)?;
        let (authid, authrole, authmethod) = match &self.principal {
            Some(Principal { authid, authrole }) => (authid.clone(), Some(&**authrole), IN_PROCESS),
            None if !offers_anonymous(&hello) => (String::new(), None, AuthMethod::Anonymous.as_str()),
            None => (anonymous_authid(), plan.anonymous_role(), AuthMethod::Anonymous.as_str()),
        };
        let Some(authrole) = authrole else {
            let refused = no_matching_method(&plan, "this realm takes no anonymous sessions here");
            return Err(Some(opening.refuse(&refused)));
        };
        let Some(role) = plan.role(authrole).cloned() else {
            let refused =
                Refused::new(error_uri::NO_SUCH_ROLE, format!("the realm has no role {authrole:?}"));
            return Err(Some(opening.refuse(&refused)));
        };
        let admitted = Admitted {
            realm: hello.realm.to_string(),
            plan,
            authid,
            role,
            authmethod,
            authprovider: authprovider::STATIC,
            authextra: None,
            session: None,
            expires: None,
            login: None,
        };
        opening.join(&admitted).map_err(Some)
    }

    /// The next encoded message for this peer, or `None` once the session is over and all was received.
    ///
    /// Send HELLO first: before it, there is nothing to wait for.
    pub async fn receive(&mut self) -> Option<Bytes> {
        poll_fn(|cx| self.poll_receive(cx)).await
    }

    /// The next encoded message if there is one already.
    pub fn try_receive(&mut self) -> Option<Bytes> {
        match self.poll_receive(&mut Context::from_waker(std::task::Waker::noop())) {
            Poll::Ready(message) => message,
            Poll::Pending => None,
        }
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            self.go_on(cx);
            if let Some(body) = self.ready.pop_front() {
                return Poll::Ready(Some(body));
            }
            let Some(session) = &mut self.session else {
                return if self.is_closed { Poll::Ready(None) } else { Poll::Pending };
            };
            match session.outbox().poll_take(cx, &mut self.batch, usize::MAX, usize::MAX) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) => {
                    for message in self.batch.drain(..) {
                        self.ready.extend(session.body(&message, usize::MAX));
                    }
                }
                Poll::Ready(Err(Closed::Overflow)) => self.end(None),
                Poll::Ready(Err(Closed::Goodbye(goodbye))) => {
                    match session.say_goodbye(&goodbye, usize::MAX) {
                        Some(body) => self.ready.push_back(body),
                        None => self.end(None),
                    }
                }
            }
        }
    }

    /// Routes what waited for the authorizer and is decided.
    fn go_on(&mut self, cx: &mut Context<'_>) {
        if let Some(session) = &mut self.session
            && let Err(violation) = session.poll_pending(cx)
        {
            self.take_queued();
            self.end(Some(violation.abort().into()));
        }
    }

    /// Keeps what was queued before GOODBYE or ABORT: it can still be received.
    fn take_queued(&mut self) {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        if let Some(session) = &mut self.session
            && session.outbox().poll_take(&mut cx, &mut self.batch, usize::MAX, usize::MAX).is_ready()
        {
            for message in self.batch.drain(..) {
                self.ready.extend(session.body(&message, usize::MAX));
            }
        }
    }

    fn say(&mut self, message: Message) {
        self.ready.extend(message.encode(self.serializer));
    }

    fn end(&mut self, last_words: Option<Message>) {
        self.session = None;
        self.is_closed = true;
        if let Some(message) = last_words {
            self.say(message);
        }
    }
}

/// Encoded messages for this peer. One task polls both directions.
impl Stream for InProcess {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_receive(cx).map(|message| message.map(Ok))
    }
}

/// Encoded messages of this peer, as [`InProcess::send`] takes them; except that it is not ready for more while the
/// realm's authorizer has to be asked about too many.
impl Sink<Bytes> for InProcess {
    type Error = io::Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.go_on(cx);
        let is_backed_up = self.session.as_ref().is_some_and(Session::is_backed_up);
        if is_backed_up { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    fn start_send(mut self: Pin<&mut Self>, frame: Bytes) -> io::Result<()> {
        self.send(&frame).map_err(|over| io::Error::new(io::ErrorKind::BrokenPipe, over))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end(None);
        Poll::Ready(Ok(()))
    }
}

/// No list, or an empty one, offers no proof (AUTH-GEN-01).
fn offers_anonymous(hello: &Hello) -> bool {
    let methods = hello.details.authmethods.as_deref().unwrap_or_default();
    methods.is_empty() || methods.iter().any(|method| *method == AuthMethod::Anonymous.as_str())
}
