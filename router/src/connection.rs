//! One task per connection: handshake, then session after session until the transport ends.
//!
//! The handshake is a boxed future that is gone before the session's small one starts. That one,
//! [`OpenSession`], polls reader, outbox and timer by hand: no split, no second task, no read future that could
//! lose octets when another branch wins.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, Sleep, sleep_until, timeout, timeout_at};
use trunkline_config::{AuthMethod, Listener};
use wamp_proto::message::{Abort, Authenticate, Goodbye};
use wamp_proto::{Message, SessionId, Value, Violation, error_uri};

use crate::authentication::cookies::Issued;
use crate::authentication::{Candidate, Conversation, Gone, Refused, TransportCredentials, Unsuccessful};
use crate::listen::{self, Entrance, OpenError, Opened, Source};
use crate::opening::Opening;
use crate::outbox::Closed;
use crate::pace::Pace;
use crate::realm::Outgoing;
use crate::router::Router;
use crate::session::{Flow, Session};
use crate::transport::{CloseReason, Plain, Received, Transport, TransportError};

/// Frames that are handled before the task turns to its outbox.
///
/// Bounds how far answers to the peer's own requests can grow between two looks at their size.
const FRAMES_PER_TURN: usize = 32;

/// Turns, each of outbox and frames, in one poll of the task, so that one busy peer does not keep a worker from the others.
const TURNS_PER_POLL: usize = 4;

/// Messages taken from the outbox at once; they go out in one write as far as the socket takes them.
const WRITE_BATCH_MESSAGES: usize = 64;

/// Octets taken from the outbox at once, about what a transport queues before it wants to write: what is
/// taken counts in the outbox no longer.
const WRITE_BATCH_BYTES: usize = 16 * 1024;

/// How long a peer gets to take our last words.
pub(crate) const FAREWELL_TIMEOUT: Duration = Duration::from_secs(2);

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
enum End {
    /// The client said GOODBYE; this answers it. The transport may carry another session (WS-05).
    #[error("goodbye")]
    Leave(Goodbye),
    /// The client aborted.
    #[error("aborted")]
    Over,
    /// The client answered our GOODBYE, or had its time for that.
    #[error("ended by the router")]
    Ended(CloseReason),
    /// The client did not even take our GOODBYE in time.
    #[error("goodbye left unread")]
    GoodbyeUnread,
    /// The client broke the protocol.
    #[error("protocol violation")]
    Violation(Violation),
    /// The transport ended, or the peer broke its rules.
    #[error("{0}")]
    Transport(TransportError),
    /// The outbox overflowed.
    #[error("slow consumer")]
    SlowConsumer,
    /// Answers to its own requests were left unread for too long.
    #[error("answers left unread")]
    Stalled,
    /// Nothing came for too long, not even a pong.
    #[error("dead peer")]
    DeadPeer,
}

impl End {
    /// What the peer is told; nothing, to one that does not read.
    fn farewell(self) -> Option<Farewell> {
        match self {
            Self::Leave(_) | Self::Over => Some((None, CloseReason::Normal)),
            Self::Ended(reason) => Some((None, reason)),
            Self::Violation(violation) => Some((Some(violation.abort().into()), CloseReason::ProtocolError)),
            Self::Transport(error) => Some((last_words(&error), error.close_reason())),
            Self::SlowConsumer | Self::Stalled | Self::GoodbyeUnread | Self::DeadPeer => None,
        }
    }
}

/// Serves one accepted socket until it closes.
pub(crate) async fn serve(socket: Plain, peer: Source, entrance: Arc<Entrance>, router: Arc<Router>) {
    let listener = &entrance.listener;
    let mut deadline = Instant::now() + listener.handshake_timeout;
    let opening = Box::pin(open(socket, peer, entrance.clone(), router.clone()));
    let (Opened { mut transport, mut place, cookie }, peer) = match timeout_at(deadline, opening).await {
        Ok(Some(opened)) => opened,
        Ok(None) => return,
        Err(_) => {
            router.counters().handshakes_timed_out.increment();
            tracing::debug!(%peer, "no handshake in time");
            return;
        }
    };
    tracing::debug!(
        %peer,
        kind = transport.kind(),
        serializer = ?transport.serializer(),
        certificate = transport.stream().client_certificate().map(display),
        "transport open"
    );
    loop {
        let session =
            match Entry::new(&mut transport, &router, listener, peer, deadline).join(cookie.as_deref()).await
            {
                Ok(session) => session,
                Err(last_words) => return farewell(transport, last_words).await,
            };
        place.end_handshake();
        let id = session.id();
        let end = OpenSession::new(&mut transport, session, listener, &router).await;
        // The session was dropped with its future: it has left its realm before anything is said.
        let counters = router.counters();
        if let End::Leave(goodbye) = end {
            tracing::info!(target: "trunkline::audit", %peer, session = id, reason = "goodbye", "left");
            deadline = Instant::now() + listener.handshake_timeout;
            // The peer may have stopped reading, and no timer runs between two sessions.
            match timeout_at(deadline, Box::pin(say(&mut transport, goodbye.into()))).await {
                Ok(Ok(())) => continue,
                Ok(Err(_)) => return,
                Err(_) => {
                    counters.handshakes_timed_out.increment();
                    return tracing::debug!(%peer, "the answer to GOODBYE was not read in time");
                }
            }
        }
        match &end {
            End::Transport(TransportError::TooLarge { .. }) => counters.messages_too_large.increment(),
            End::Stalled | End::GoodbyeUnread => counters.stalled_sessions.increment(),
            End::DeadPeer => counters.dead_peers.increment(),
            _ => {}
        }
        tracing::info!(target: "trunkline::audit", %peer, session = id, reason = %end, "left");
        if let Some(last_words) = end.farewell() {
            farewell(transport, last_words).await;
        }
        return;
    }
}

async fn open(
    socket: Plain,
    peer: Source,
    entrance: Arc<Entrance>,
    router: Arc<Router>,
) -> Option<(Opened, Source)> {
    let mut source = peer;
    match listen::open(socket, &mut source, &entrance).await {
        Ok(opened) => Some((opened, source)),
        Err(error) => {
            // What is over a limit was counted there.
            if !matches!(error, OpenError::Full) {
                router.counters().handshakes_refused.increment();
            }
            tracing::debug!(peer = %source, %error, "no transport");
            None
        }
    }
}

/// What a peer is told at the end, and how its transport is closed.
type Farewell = (Option<Message>, CloseReason);

/// The way of a session into its realm.
struct Entry<'a> {
    transport: &'a mut Transport,
    router: &'a Arc<Router>,
    listener: &'a Listener,
    peer: Source,
    /// When it has to be there (SES-16, AUTH-GEN-05).
    deadline: Instant,
}

/// A session that is asked who it is.
struct Interview<'a, 'b> {
    entry: &'b mut Entry<'a>,
    opening: Opening<'b>,
    /// AUTHENTICATE has not come yet.
    is_challenged: bool,
    /// What is left to say, if the client went out of the protocol.
    farewell: Option<Farewell>,
}

impl<'a> Entry<'a> {
    fn new(
        transport: &'a mut Transport,
        router: &'a Arc<Router>,
        listener: &'a Listener,
        peer: Source,
        deadline: Instant,
    ) -> Self {
        Self { transport, router, listener, peer, deadline }
    }

    /// Waits for HELLO, finds out who it is, and opens the session that it asks for.
    ///
    /// # Errors
    /// With what there is to say to a peer that cannot join.
    async fn join(mut self, cookie: Option<&Issued>) -> Result<Session, Farewell> {
        let peer = self.peer;
        let frame = match timeout_at(self.deadline, Box::pin(self.receive())).await {
            Ok(frame) => frame?,
            Err(_) => return Err(self.too_late("no HELLO in time", None)),
        };
        let serializer = self.transport.serializer();
        let opens = |realm: &str| self.listener.opens(realm);
        let (opening, hello, plan) =
            Opening::hello(self.router, opens, serializer, &frame, &peer).map_err(aborted)?;
        let candidate = Candidate {
            router: self.router,
            listener: self.listener,
            source: peer,
            transport: &TransportCredentials::of(self.transport.stream()),
            cookie,
            hello: &hello,
            plan: &plan,
            session: SessionId::from_bits(rand::random()),
        };
        let deadline = self.deadline;
        let mut interview = Interview { entry: &mut self, opening, is_challenged: false, farewell: None };
        let admitted = timeout_at(deadline, Box::pin(candidate.authenticate(&mut interview))).await;
        let Interview { opening, is_challenged, farewell, .. } = interview;
        let (session, welcome) = match admitted {
            Ok(Ok(admitted)) => opening.join(&admitted).map_err(|abort| aborted(Some(abort)))?,
            Ok(Err(Unsuccessful::Refused(refused))) => return Err(aborted(Some(opening.refuse(&refused)))),
            Ok(Err(Unsuccessful::Gone)) => return Err(farewell.unwrap_or((None, CloseReason::Normal))),
            Err(_) => {
                let what = if is_challenged {
                    "no AUTHENTICATE in time"
                } else {
                    "who this is could not be found out in time"
                };
                let refused = Refused::new(error_uri::AUTHENTICATION_FAILED, what);
                let abort = opening.refuse(&refused);
                return Err(self.too_late(what, Some(abort.into())));
            }
        };
        let body = Message::from(welcome).encode(serializer).unwrap_or_default();
        self.transport.queue(body).map_err(|error| (None, error.close_reason()))?;
        Ok(session)
    }

    fn too_late(&self, what: &str, last_words: Option<Message>) -> Farewell {
        self.router.counters().handshakes_timed_out.increment();
        tracing::debug!(peer = %self.peer, "{what}");
        (last_words, CloseReason::Normal)
    }

    /// The next frame. What was queued goes out meanwhile: a pong, CHALLENGE.
    async fn receive(&mut self) -> Result<Bytes, Farewell> {
        let error = loop {
            let next = poll_fn(|cx| match self.transport.poll_flush(cx) {
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                Poll::Ready(Ok(())) | Poll::Pending => self.transport.poll_receive(cx),
            });
            match next.await {
                Ok(Received::Activity) => {}
                Ok(Received::Message(frame)) => return Ok(frame),
                Err(error) => break error,
            }
        };
        tracing::debug!(peer = %self.peer, %error, "no session");
        if let TransportError::TooLarge { .. } = error {
            self.router.counters().messages_too_large.increment();
        }
        if violation(&error).is_some() {
            self.router.counters().protocol_violations.increment();
        }
        Err((last_words(&error), error.close_reason()))
    }
}

impl Conversation for Interview<'_, '_> {
    async fn challenge(
        &mut self,
        method: AuthMethod,
        extra: Vec<(String, Value)>,
    ) -> Result<Authenticate, Gone> {
        let challenge = self.opening.challenge(method, extra);
        self.is_challenged = true;
        let answer = self.exchange(challenge).await;
        self.is_challenged = false;
        answer.map_err(|farewell| {
            self.farewell = Some(farewell);
            Gone
        })
    }
}

impl Interview<'_, '_> {
    async fn exchange(&mut self, challenge: Message) -> Result<Authenticate, Farewell> {
        let transport = &mut self.entry.transport;
        let body = challenge.encode(transport.serializer()).unwrap_or_default();
        transport.queue(body).map_err(|error| (None, error.close_reason()))?;
        let frame = self.entry.receive().await?;
        self.opening.authenticate(&frame).map_err(aborted)
    }
}

/// What a peer is told whose session does not come about.
fn aborted(abort: Option<Abort>) -> Farewell {
    let close = match &abort {
        Some(abort) if abort.reason == error_uri::PROTOCOL_VIOLATION => CloseReason::ProtocolError,
        _ => CloseReason::Normal,
    };
    (abort.map(Message::from), close)
}

/// The protocol violation that an error of the transport is, if it is one.
fn violation(error: &TransportError) -> Option<Violation> {
    match error {
        TransportError::Violation(what) => Some(Violation::Transport(what)),
        TransportError::InvalidUtf8 => Some(Violation::Transport("a text message is not valid UTF-8")),
        TransportError::Closed | TransportError::TooLarge { .. } | TransportError::Io(_) => None,
    }
}

/// What a peer that broke the transport's rules is told in WAMP's words.
fn last_words(error: &TransportError) -> Option<Message> {
    violation(error).map(|violation| violation.abort().into())
}

async fn say(transport: &mut Transport, message: Message) -> Result<(), TransportError> {
    if let Ok(body) = message.encode(transport.serializer()) {
        transport.queue(body)?;
    }
    poll_fn(|cx| transport.poll_flush(cx)).await
}

async fn close_after(transport: &mut Transport, last_words: Option<Message>, reason: CloseReason) {
    if let Some(message) = last_words
        && say(transport, message).await.is_err()
    {
        return;
    }
    poll_fn(|cx| transport.poll_close(cx, reason)).await;
}

async fn farewell(mut transport: Transport, (last_words, reason): Farewell) {
    let closing = Box::pin(async move { close_after(&mut transport, last_words, reason).await });
    // A peer that does not even take this has lost its connection: dropping the socket is all that is left.
    if timeout(FAREWELL_TIMEOUT, closing).await.is_err() {
        tracing::debug!("the peer did not take our last words in time");
    }
}

thread_local! {
    /// Where a batch passes from an outbox to a transport. Taken while in use, so it can be reused.
    static BATCH: Cell<Vec<Arc<Outgoing>>> = const { Cell::new(Vec::new()) };
}

/// An open session on its transport: a future that ends with the session.
struct OpenSession<'a> {
    transport: &'a mut Transport,
    session: Session,
    timer: Pin<Box<Sleep>>,
    ping_interval: Duration,
    ping_timeout: Duration,
    outbox_stall: Duration,
    /// Something came since the timer went off last.
    is_alive: bool,
    /// A ping went out that nothing came after.
    is_pinged: bool,
    /// Since when nothing is read because the session leaves its answers unread.
    paused_since: Option<Instant>,
    /// What the session may still send, if that is limited.
    pace: Option<Box<Pace>>,
    /// Until when nothing is read because the session sent too fast.
    rests_until: Option<Instant>,
    close_timeout: Duration,
    /// The router ends the session.
    ending: Option<Ending>,
}

/// A session that the router ends: it left its realm already, or the router goes down.
#[derive(Clone, Copy, Debug)]
struct Ending {
    /// When the client has had its time to answer GOODBYE.
    until: Instant,
    reason: CloseReason,
    /// GOODBYE went out, as far as the transport's own queue.
    is_said: bool,
}

impl<'a> OpenSession<'a> {
    fn new(transport: &'a mut Transport, session: Session, listener: &Listener, router: &Router) -> Self {
        let now = Instant::now();
        Self {
            transport,
            timer: Box::pin(sleep_until(now + listener.ping_interval)),
            ping_interval: listener.ping_interval,
            ping_timeout: listener.ping_timeout,
            outbox_stall: router.limits().outbox_stall,
            is_alive: true,
            is_pinged: false,
            paused_since: None,
            pace: session.rate().begin(now),
            rests_until: None,
            session,
            close_timeout: router.close_timeout(),
            ending: None,
        }
    }

    /// Moves messages from the outbox to the socket as far as it takes them.
    fn poll_deliver(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        let mut batch = BATCH.take();
        let result = self.poll_deliver_through(cx, &mut batch);
        batch.clear();
        BATCH.set(batch);
        match result {
            Poll::Ready(end) => Poll::Ready(end.unwrap_or_else(End::Transport)),
            Poll::Pending => Poll::Pending,
        }
    }

    fn poll_deliver_through(
        &mut self,
        cx: &mut Context<'_>,
        batch: &mut Vec<Arc<Outgoing>>,
    ) -> Poll<Result<End, TransportError>> {
        loop {
            if self.transport.poll_ready(cx)?.is_pending() {
                // The peer takes nothing: the outbox may be closed meanwhile, which must not go unseen.
                return match ready!(self.session.outbox().poll_closed(cx)) {
                    Closed::Overflow => Poll::Ready(Ok(End::SlowConsumer)),
                    Closed::Goodbye(goodbye) => {
                        self.begin_to_end(&goodbye);
                        Poll::Pending
                    }
                };
            }
            match self.session.outbox().poll_take(cx, batch, WRITE_BATCH_MESSAGES, WRITE_BATCH_BYTES) {
                Poll::Ready(Ok(())) => {
                    for message in batch.drain(..) {
                        if let Some(body) = self.session.body(&message, self.transport.send_max_bytes()) {
                            self.transport.queue(body)?;
                        }
                    }
                }
                Poll::Ready(Err(Closed::Overflow)) => return Poll::Ready(Ok(End::SlowConsumer)),
                Poll::Ready(Err(Closed::Goodbye(goodbye))) => {
                    let max_bytes = self.transport.send_max_bytes();
                    if let Some(body) = self.session.say_goodbye(&goodbye, max_bytes) {
                        self.transport.queue(body)?;
                    }
                    self.begin_to_end(&goodbye).is_said = true;
                    break;
                }
                Poll::Pending => break,
            }
        }
        ready!(self.transport.poll_flush(cx))?;
        Poll::Pending
    }

    /// The client broke the protocol: answers to what came before go out in front of ABORT, as far as the socket takes
    /// them.
    fn deliver_rest(&mut self, cx: &mut Context<'_>) {
        // How the session ends is decided, whatever becomes of them.
        drop(self.poll_deliver(cx));
    }

    /// From now on, the client has a limited time to answer GOODBYE, whether or not it reads.
    fn begin_to_end(&mut self, goodbye: &Goodbye) -> &mut Ending {
        let Self { timer, close_timeout, ending, .. } = self;
        ending.get_or_insert_with(|| {
            let until = Instant::now() + *close_timeout;
            timer.as_mut().reset(until);
            let is_shutdown = goodbye.reason == error_uri::SYSTEM_SHUTDOWN;
            let reason = if is_shutdown { CloseReason::GoingAway } else { CloseReason::Normal };
            Ending { until, reason, is_said: false }
        })
    }

    /// Handles frames until none is left, the session is too fast, or it is the outbox's turn; ready with `None` in the
    /// last two cases.
    fn poll_receive(&mut self, cx: &mut Context<'_>, handled: &mut usize) -> Poll<Option<End>> {
        while *handled < FRAMES_PER_TURN && !self.session.is_backed_up() {
            let received = match ready!(self.transport.poll_receive(cx)) {
                Ok(received) => received,
                Err(error) => {
                    if let Some(ending) = self.ending.filter(|ending| ending.is_said)
                        && violation(&error).is_some()
                    {
                        // Behind our GOODBYE nothing more is said, whatever comes (SES-08).
                        return Poll::Ready(Some(End::Ended(ending.reason)));
                    }
                    if let Some(violation) = violation(&error) {
                        self.session.violated(&violation);
                        self.deliver_rest(cx);
                    }
                    return Poll::Ready(Some(End::Transport(error)));
                }
            };
            *handled += 1;
            self.is_alive = true;
            self.is_pinged = false;
            let Received::Message(frame) = received else { continue };
            if let Some(pace) = &mut self.pace {
                self.rests_until = pace.count(frame.len(), Instant::now());
            }
            match self.session.receive(&frame) {
                Ok(Flow::Continue) => {}
                Ok(Flow::Leave(goodbye)) => {
                    // Answers to what came before GOODBYE go out first, as far as the socket takes them.
                    if let Poll::Ready(end @ End::Transport(_)) = self.poll_deliver(cx) {
                        return Poll::Ready(Some(end));
                    }
                    return Poll::Ready(Some(End::Leave(goodbye)));
                }
                Ok(Flow::Over) => {
                    let ended = self.ending.map(|ending| End::Ended(ending.reason));
                    return Poll::Ready(Some(ended.unwrap_or(End::Over)));
                }
                Err(violation) => {
                    self.deliver_rest(cx);
                    return Poll::Ready(Some(End::Violation(violation)));
                }
            }
            if self.rests_until.is_some() {
                self.session.counters().reads_delayed.increment();
                break;
            }
        }
        Poll::Ready(None)
    }

    /// Whether reading pauses. The outbox is looked at first: who reads nothing must not hide behind its rate.
    fn is_paused(&mut self) -> bool {
        self.is_congested() || self.rests()
    }

    /// Whether reading pauses because the peer sent too fast.
    fn rests(&mut self) -> bool {
        let Some(until) = self.rests_until else { return false };
        // Of a session that the router ends nothing is routed any more, and its GOODBYE must not come late.
        if self.ending.is_some() || until <= Instant::now() {
            self.rests_until = None;
            self.is_alive = true;
            return false;
        }
        if until < self.timer.deadline() {
            self.timer.as_mut().reset(until);
        }
        true
    }

    /// Whether reading pauses because the peer leaves the answers to its own requests unread, or because the authorizer
    /// has too much to decide.
    fn is_congested(&mut self) -> bool {
        if !self.session.outbox().is_congested() {
            // The pause was ours, so it does not count against the peer.
            if self.paused_since.take().is_some() {
                self.is_alive = true;
            }
            let is_backed_up = self.session.is_backed_up();
            self.is_alive |= is_backed_up;
            return is_backed_up;
        }
        if self.paused_since.is_none() {
            self.session.counters().reading_paused.increment();
            let now = Instant::now();
            self.paused_since = Some(now);
            let stalled_at = now + self.outbox_stall;
            if stalled_at < self.timer.deadline() {
                self.timer.as_mut().reset(stalled_at);
            }
        }
        true
    }

    /// Pings a silent peer, and finds out whether it is dead or stalled, or leaves our GOODBYE unanswered.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let now = Instant::now();
            let next = if let Some(Ending { until, reason, is_said }) = self.ending {
                if until <= now {
                    return Poll::Ready(if is_said { End::Ended(reason) } else { End::GoodbyeUnread });
                }
                until
            } else if let Some(since) = self.paused_since {
                // We do not read: whether the peer is alive cannot be seen now.
                let stalled_at = since + self.outbox_stall;
                if stalled_at <= now {
                    return Poll::Ready(End::Stalled);
                }
                stalled_at
            } else if let Some(until) = self.rests_until {
                // The same holds here.
                if until <= now {
                    cx.waker().wake_by_ref();
                    now + self.ping_interval
                } else {
                    until
                }
            } else if self.is_alive || self.transport.took_octets() {
                self.is_alive = false;
                self.is_pinged = false;
                now + self.ping_interval
            } else if self.is_pinged {
                return Poll::Ready(End::DeadPeer);
            } else {
                if let Err(error) = self.transport.queue_ping() {
                    return Poll::Ready(End::Transport(error));
                }
                if let Poll::Ready(Err(error)) = self.transport.poll_flush(cx) {
                    return Poll::Ready(End::Transport(error));
                }
                self.is_pinged = true;
                now + self.ping_timeout
            };
            self.timer.as_mut().reset(next);
        }
    }
}

impl Future for OpenSession<'_> {
    type Output = End;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<End> {
        let this = &mut *self;
        let mut turns = 0;
        loop {
            if let Poll::Ready(end) = this.poll_deliver(cx) {
                return Poll::Ready(end);
            }
            if let Err(violation) = this.session.poll_pending(cx) {
                this.deliver_rest(cx);
                return Poll::Ready(End::Violation(violation));
            }
            if this.is_paused() {
                break;
            }
            if turns == TURNS_PER_POLL {
                cx.waker().wake_by_ref();
                break;
            }
            turns += 1;
            let mut handled = 0;
            match this.poll_receive(cx, &mut handled) {
                Poll::Ready(Some(end)) => return Poll::Ready(end),
                // Once more: the answers to what was handled go out.
                Poll::Ready(None) => {}
                Poll::Pending if handled > 0 => {}
                Poll::Pending => break,
            }
        }
        this.poll_timer(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::{RawSocket, WebSocket};

    /// Octets that the task of an idle session may take, apart from what it boxes.
    const FUTURE_MAX: usize = 2048;

    /// The size of what an asynchronous function returns, which has room for its largest state.
    fn size_of_future<A, B, C, D, F: Future>(_: impl FnOnce(A, B, C, D) -> F) -> usize {
        size_of::<F>()
    }

    /// `cargo xtask path` reads what this prints.
    #[test]
    fn idle_session_future_is_at_most_2_kib() {
        let future = size_of_future(serve);
        println!("idle session: future, WebSocket = {future} bytes");
        println!("idle session: future, RawSocket = {future} bytes");
        println!("idle session: of it the transport, WebSocket = {} bytes", size_of::<WebSocket>());
        println!("idle session: of it the transport, RawSocket = {} bytes", size_of::<RawSocket>());
        println!("idle session: boxed timer = {} bytes", size_of::<Sleep>());
        assert!(future <= FUTURE_MAX, "{future} bytes are more than {FUTURE_MAX}");
    }
}
