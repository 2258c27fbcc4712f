//! The task of a client: connects, moves messages between its transport and its session, and connects again.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::sync::CancellationToken;
use wamp_proto::session::Violation;

use crate::client::{Client, Shared};
use crate::command::Commands;
use crate::connector::Connector;
use crate::error::{ConnectError, Error};
use crate::login::Identity;
use crate::reconnect::Reconnect;
use crate::session::{Session, Standing, Terms};
use crate::state::{Ended, Joined, State};
use crate::transport::{Opened, Transport, TransportError};

/// Encoded messages that wait for the transport, beyond which no more commands are taken.
const OUTGOING_MAX: usize = 256;

/// Encoded messages that wait for the transport, beyond which nothing is read: a router that does not read must not
/// have us fill our memory with answers to it.
const OUTGOING_STALL: usize = 16_384;

/// Messages that are read before those that wait are written.
const READ_BURST: usize = 32;

/// Rounds of reading and writing before other tasks have their turn.
const ROUNDS: usize = 8;

/// How long the router has to answer GOODBYE, and the transport to close.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(5);

/// A session that lasted as long was none that the router took by mistake: the next attempt is the first one again.
const STABLE: Duration = Duration::from_secs(10);

/// Everything that [`Builder`](crate::Builder) was told.
pub(crate) struct Plan {
    pub(crate) connector: Connector,
    pub(crate) identity: Identity,
    pub(crate) reconnect: Reconnect,
    pub(crate) waits_for_router: bool,
    pub(crate) timeout: Duration,
    pub(crate) send_max_depth: usize,
}

/// Connects for the first time, and leaves the rest to a task.
pub(crate) async fn start(plan: Plan) -> Result<Client, ConnectError> {
    let (states, state) = watch::channel(State::Connecting);
    let (shared, commands) = Shared::new(plan.connector.serializer(), plan.send_max_depth, state);
    let leave = shared.leave.clone();
    let gone = shared.gone.clone();
    let mut driver = Driver {
        plan,
        shared: Arc::downgrade(&shared),
        commands,
        states,
        leave,
        gone,
        standing: Standing::default(),
    };
    let mut attempt = 0;
    let connection = loop {
        match driver.connect().await {
            Ok(mut connection) => {
                // There is nothing to wait for in a first session.
                if let Some(joined) = connection.joined.take() {
                    driver.states.send_replace(joined);
                }
                break connection;
            }
            Err(error) => {
                attempt += 1;
                let is_patient = driver.plan.waits_for_router && error.is_passing();
                let delay = driver.plan.reconnect.attempt(attempt, rand::random()).filter(|_| is_patient);
                let Some(delay) = delay else { return Err(error) };
                tracing::info!(%error, ?delay, "the router cannot be reached");
                sleep(delay).await;
            }
        }
    };
    tokio::spawn(driver.run(connection));
    Ok(Client { shared })
}

impl ConnectError {
    /// Whether the same attempt may succeed later without anybody changing anything.
    fn is_passing(&self) -> bool {
        match self {
            Self::Transport(error) => match error {
                TransportError::Connect { .. } | TransportError::Io(_) => true,
                // What stands before a router that is not there yet.
                TransportError::Http { status } => *status >= 500,
                _ => false,
            },
            Self::Timeout => true,
            _ => false,
        }
    }
}

struct Driver {
    plan: Plan,
    shared: Weak<Shared>,
    commands: Commands,
    states: watch::Sender<State>,
    /// The application wants to leave.
    leave: CancellationToken,
    /// No handle is left.
    gone: CancellationToken,
    /// What outlives sessions, between two of them.
    standing: Standing,
}

impl Driver {
    async fn connect(&mut self) -> Result<Connection, ConnectError> {
        let Plan { connector, identity, timeout, send_max_depth, .. } = &mut self.plan;
        let attempt = async {
            let mut opened = connector.open().await?;
            let (protocol, welcome) = identity.log_in(&mut opened).await?;
            Ok::<_, ConnectError>((opened, protocol, welcome))
        };
        let (opened, protocol, welcome) =
            tokio::time::timeout(*timeout, attempt).await.or(Err(ConnectError::Timeout))??;
        let Opened { transport, serializer, send_max_bytes, .. } = opened;
        let standing = std::mem::take(&mut self.standing);
        let roles = welcome.details.roles.clone().unwrap_or_default();
        let terms = Terms { serializer, send_max_bytes, send_max_depth: *send_max_depth };
        let session = Session::new(protocol, terms, roles, standing, self.shared.clone());
        if let Some(shared) = self.shared.upgrade() {
            shared.set_terms(serializer, send_max_bytes, session.passes_events());
        }
        let joined = Joined::new(&identity.realm, &welcome, serializer);
        tracing::debug!(session = %joined.session, realm = joined.realm, "joined");
        let joined = Some(State::Joined(Arc::new(joined)));
        Ok(Connection {
            transport,
            session,
            joined,
            backlog: 0,
            needs_flush: false,
            was_refused: false,
            is_closing: false,
        })
    }

    async fn run(mut self, mut connection: Connection) {
        let mut attempt = 0;
        let last = loop {
            let began = Instant::now();
            let mut ended = self.serve(connection).await;
            if matches!(ended, Ended::Left) {
                break ended;
            }
            tracing::info!(%ended, "the session ended");
            if began.elapsed() >= STABLE {
                attempt = 0;
            }
            connection = loop {
                attempt += 1;
                let Some(delay) = self.plan.reconnect.attempt(attempt, rand::random()) else {
                    return self.close(ended);
                };
                self.states.send_replace(State::Waiting { ended, delay, attempt });
                let (leave, gone) = (self.leave.clone(), self.gone.clone());
                let next = async {
                    sleep(delay).await;
                    self.states.send_replace(State::Connecting);
                    self.connect().await
                };
                let next = tokio::select! {
                    next = next => next,
                    () = leave.cancelled() => return self.close(Ended::Left),
                    () = gone.cancelled() => return self.close(Ended::Left),
                };
                match next {
                    Ok(connection) => break connection,
                    Err(error) => {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            attempt,
                            "not connected again yet"
                        );
                        ended = Ended::Refused(error);
                    }
                }
            };
        };
        self.close(last);
    }

    /// Serves one session to its end.
    async fn serve(&mut self, mut connection: Connection) -> Ended {
        let leave = self.leave.clone();
        let mut restore: Option<Pin<Box<Sleep>>> = None;
        let mut refusals = 0;
        let mut goodbye: Option<Pin<Box<Sleep>>> = None;
        let mut is_leaving = false;
        let ended = loop {
            tokio::select! {
                biased;
                () = leave.cancelled(), if !is_leaving => {
                    is_leaving = true;
                    connection.backlog = self.commands.len();
                    connection.session.leave();
                }
                () = over(&mut restore) => {
                    restore = None;
                    connection.was_refused = false;
                    connection.session.restore();
                }
                () = over(&mut goodbye) => break Ended::Left,
                step = std::future::poll_fn(|cx| connection.poll(cx, &mut self.commands)) => match step {
                    Step::Ended(ended) => break ended,
                    Step::Restored(joined) => {
                        self.states.send_replace(joined);
                    }
                    Step::Refused => {
                        refusals += 1;
                        let delay = self.plan.reconnect.delay(refusals, rand::random());
                        restore = Some(Box::pin(sleep(delay)));
                    }
                    Step::Closing => goodbye = Some(Box::pin(sleep(GOODBYE_TIMEOUT))),
                },
            }
        };
        let error = if matches!(ended, Ended::Left) { Error::Closed } else { Error::Disconnected };
        let Connection { mut transport, mut session, .. } = connection;
        let last_words = std::mem::take(session.outgoing());
        self.standing = session.end(&error);
        if !matches!(ended, Ended::Lost(_)) {
            let close = async {
                for body in last_words {
                    transport.feed(body).await?;
                }
                transport.close().await
            };
            // Whoever does not read our last words does not get them.
            tokio::time::timeout(GOODBYE_TIMEOUT, close).await.ok();
        }
        ended
    }

    /// There is no other session.
    fn close(mut self, ended: Ended) {
        std::mem::take(&mut self.standing).close();
        if let Some(shared) = self.shared.upgrade() {
            shared.places.close();
        }
        self.commands.close();
        while let Ok(envelope) = self.commands.try_recv() {
            envelope.command.refuse();
        }
        self.states.send_replace(State::Closed(ended));
    }
}

/// When that time is over; never, if there is none.
async fn over(time: &mut Option<Pin<Box<Sleep>>>) {
    match time {
        Some(time) => time.await,
        None => std::future::pending().await,
    }
}

/// A session on its transport.
struct Connection {
    transport: Box<dyn Transport>,
    session: Session,
    /// The state to be told once the session has what an earlier one had.
    joined: Option<State>,
    /// Commands that were queued when the application left, and still are. That the queue is empty is nothing to wait
    /// for: others may go on, and tokio says it as well when a task had its share.
    backlog: usize,
    needs_flush: bool,
    was_refused: bool,
    is_closing: bool,
}

enum Step {
    Ended(Ended),
    /// The router did not take again what an earlier session had.
    Refused,
    /// The router answered for all that an earlier session had.
    Restored(State),
    /// GOODBYE goes out.
    Closing,
}

impl Connection {
    /// Moves messages in both directions until there is something that needs the clock.
    fn poll(&mut self, cx: &mut Context<'_>, commands: &mut Commands) -> Poll<Step> {
        for _ in 0..ROUNDS {
            let mut moved = false;
            match self.read(cx) {
                Ok(read) => moved |= read,
                Err(ended) => return Poll::Ready(Step::Ended(ended)),
            }
            for work in self.session.take_work() {
                tokio::spawn(work);
            }
            while self.session.outgoing().len() < OUTGOING_MAX {
                match commands.poll_recv(cx) {
                    Poll::Ready(Some(envelope)) => self.session.command(envelope.command),
                    Poll::Ready(None) => {
                        self.session.say_goodbye(true);
                        break;
                    }
                    Poll::Pending => break,
                }
                self.backlog = self.backlog.saturating_sub(1);
                moved = true;
            }
            // What was asked for before the application left still goes out.
            if self.backlog == 0 {
                self.session.say_goodbye(false);
            }
            match self.write(cx) {
                Ok(wrote) => moved |= wrote,
                Err(error) => return Poll::Ready(Step::Ended(Ended::Lost(Some(Arc::new(error))))),
            }
            if let Some(joined) = self.joined.take_if(|_| !self.session.is_restoring()) {
                return Poll::Ready(Step::Restored(joined));
            }
            if self.session.is_to_restore() && !std::mem::replace(&mut self.was_refused, true) {
                return Poll::Ready(Step::Refused);
            }
            if self.session.is_closing() && !std::mem::replace(&mut self.is_closing, true) {
                return Poll::Ready(Step::Closing);
            }
            if !moved {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn read(&mut self, cx: &mut Context<'_>) -> Result<bool, Ended> {
        for count in 0..READ_BURST {
            if self.session.outgoing().len() > OUTGOING_STALL {
                return Ok(false);
            }
            match self.transport.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(frame))) => self.session.receive(&frame)?,
                Poll::Ready(Some(Err(error))) if error.kind() == io::ErrorKind::InvalidData => {
                    tracing::debug!(%error, "the router broke the rules of the transport");
                    return Err(self.session.violated(&Violation::Transport("a frame against the rules")));
                }
                Poll::Ready(Some(Err(error))) => return Err(Ended::Lost(Some(Arc::new(error)))),
                Poll::Ready(None) => return Err(Ended::Lost(None)),
                Poll::Pending => return Ok(count > 0),
            }
        }
        Ok(true)
    }

    fn write(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        let mut moved = false;
        while !self.session.outgoing().is_empty() {
            match self.transport.poll_ready_unpin(cx)? {
                Poll::Pending => break,
                Poll::Ready(()) => {
                    if let Some(body) = self.session.outgoing().pop_front() {
                        self.transport.start_send_unpin(body)?;
                        self.needs_flush = true;
                        moved = true;
                    }
                }
            }
        }
        if self.needs_flush && self.transport.poll_flush_unpin(cx)?.is_ready() {
            self.needs_flush = false;
        }
        Ok(moved)
    }
}
