//! The handle: cheap to clone, and all that an application needs.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};

use futures_util::Stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use wamp_proto::uri::{UriRules, check_pattern, check_uri};
use wamp_proto::{MatchPolicy, SerializerId, Uri};

use crate::builder::Builder;
use crate::call::Call;
use crate::command::{Command, Commander, Commands, Envelope, Key, queue};
use crate::error::{ConnectError, Error};
use crate::invocation::Handler;
use crate::payload::{FromPayload, IntoPayload};
use crate::publish::Publish;
use crate::register::Register;
use crate::state::{Ended, Joined, State};
use crate::subscribe::Subscribe;

/// Commands that wait to be written. Who would add more waits.
const COMMANDS_MAX: usize = 1024;

/// A WAMP session that is kept up: one connection, made anew when it is lost.
///
/// Clones, subscriptions and registrations are handles of the same session. The last one that goes ends it; [`Client::leave`]
/// does so in good order. A clone that a procedure or a handler of events owns is a handle, too, and does not go before
/// the client ends: then `leave`.
///
/// While there is no session, requests wait for the next one. A request that was under way when the session ended fails
/// with [`Error::Disconnected`]. Subscriptions and registrations come back by themselves.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let client = trunkline_client::connect("ws://127.0.0.1:8080/ws", "realm1").await?;
/// let sum: i64 = client.call("com.example.add", (2, 3)).await?;
/// client.publish("com.example.sums", sum).await?;
/// client.leave().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    pub(crate) shared: Arc<Shared>,
}

/// Connects to the router at that URL, and joins the realm without credentials. [`Client::builder`] does so with
/// credentials and other settings, and says which URLs there are.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let client = trunkline_client::connect("ws://127.0.0.1:8080/ws", "realm1").await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// If the session cannot be opened.
pub async fn connect(url: &str, realm: &str) -> Result<Client, ConnectError> {
    Client::builder(url, realm).connect().await
}

impl Client {
    /// A client that is still to be connected, to the router at that URL:
    ///
    /// - `ws://host:port/path`, `wss://…`: WebSocket, plain and over TLS;
    /// - `rs://host:port`, `rss://…`: RawSocket over TCP, plain and over TLS;
    /// - `unix:///path/to/socket`: RawSocket over a Unix domain socket.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), trunkline_client::ConnectError> {
    /// use trunkline_client::{Client, Credential};
    ///
    /// let builder = Client::builder("unix:///run/trunkline.sock", "realm1");
    /// let client = builder.authid("joe").credential(Credential::ticket("secret")).connect().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder(url: &str, realm: &str) -> Builder {
        Builder::new(url, realm)
    }

    /// Calls a procedure. What comes back can be awaited, after options were set; its type says what the result is
    /// taken as.
    ///
    /// ```
    /// # trunkline_tests::example(async |client| {
    /// use std::time::Duration;
    /// # use trunkline_client::{Args, Reply};
    /// # client.register("com.example.add", async |Args((a, b)): Args<(i64, i64)>| Reply(a + b)).await?;
    ///
    /// let sum: i64 = client.call("com.example.add", (2, 3)).await?;
    /// let sum = client.call::<i64>("com.example.add", (sum, 4)).timeout(Duration::from_secs(5)).await?;
    /// assert_eq!(sum, 9);
    /// # Ok(()) });
    /// ```
    pub fn call<T: FromPayload>(&self, procedure: impl AsRef<str>, args: impl IntoPayload) -> Call<T> {
        Call::new(self.shared.clone(), procedure.as_ref(), args)
    }

    /// Publishes an event. What comes back can be awaited, after options were set.
    ///
    /// ```
    /// # trunkline_tests::example(async |client| {
    /// client.publish("com.example.temperature", ("kitchen", 21.5)).await?;
    /// let publication = client.publish("com.example.temperature", ("hall", 19.0)).acknowledge().await?;
    /// # Ok(()) });
    /// ```
    pub fn publish(&self, topic: impl AsRef<str>, args: impl IntoPayload) -> Publish {
        Publish::new(self.shared.clone(), topic.as_ref(), args)
    }

    /// Subscribes to a topic, or to a pattern of topics. Await what comes back for a stream of events, or give it a
    /// handler.
    ///
    /// ```
    /// # trunkline_tests::example(async |client| {
    /// use futures_util::StreamExt as _;
    ///
    /// let mut temperatures = client.subscribe::<(String, f64)>("com.example.temperature").await?;
    /// # client.publish("com.example.temperature", ("hall", 19.0)).exclude_me(false).await?;
    /// while let Some(event) = temperatures.next().await {
    ///     let (room, degrees) = event?.args;
    ///     println!("{room}: {degrees} °C");
    /// #   break;
    /// }
    /// # Ok(()) });
    /// ```
    pub fn subscribe<T: FromPayload>(&self, topic: impl AsRef<str>) -> Subscribe<T> {
        Subscribe::new(self.shared.clone(), topic.as_ref())
    }

    /// Registers a procedure: an asynchronous function or closure whose parameters are taken out of the
    /// invocation. See [`Handler`].
    ///
    /// ```
    /// # trunkline_tests::example(async |client| {
    /// use trunkline_client::{Args, Reply};
    ///
    /// client.register("com.example.add", async |Args((a, b)): Args<(i64, i64)>| Reply(a + b)).await?;
    /// # Ok(()) });
    /// ```
    pub fn register<Parameters>(
        &self,
        procedure: impl AsRef<str>,
        handler: impl Handler<Parameters>,
    ) -> Register {
        Register::new(self.shared.clone(), procedure.as_ref(), handler)
    }

    /// The session, if there is one now. [`Joined`] has an example.
    pub fn joined(&self) -> Option<Arc<Joined>> {
        match &*self.shared.state.borrow() {
            State::Joined(joined) => Some(joined.clone()),
            _ => None,
        }
    }

    /// What the client does now.
    ///
    /// ```
    /// # trunkline_tests::example(async |client| {
    /// use trunkline_client::State;
    ///
    /// let is_healthy = matches!(client.state(), State::Joined(_));
    /// assert!(is_healthy);
    /// # Ok(()) });
    /// ```
    pub fn state(&self) -> State {
        self.shared.state.borrow().clone()
    }

    /// What the client does, from now on: the present state first, then each change. A state that lasts shorter than
    /// the stream is away may be skipped. The stream ends with [`State::Closed`]. [`State`] has an example.
    pub fn states(&self) -> impl Stream<Item = State> + Send + Unpin + use<> {
        let states = self.shared.state.clone();
        Box::pin(futures_util::stream::unfold((states, true), |(mut states, is_first)| async move {
            if !is_first {
                states.changed().await.ok()?;
            }
            let state = states.borrow_and_update().clone();
            Some((state, (states, false)))
        }))
    }

    /// Waits until the client is closed, and says why. [`Ended`] has an example.
    pub async fn closed(&self) -> Ended {
        let mut states = self.shared.state.clone();
        loop {
            if let State::Closed(ended) = &*states.borrow_and_update() {
                return ended.clone();
            }
            if states.changed().await.is_err() {
                return Ended::Left;
            }
        }
    }

    /// Leaves the realm in good order: takes its procedures back, lets those that run finish, says GOODBYE, and
    /// closes the connection. Whoever still waits for an answer then gets [`Error::Closed`].
    ///
    /// If procedures may take longer than anybody wants to wait, put a time-out around it, and drop the client:
    ///
    /// ```
    /// # trunkline_tests::example(async |client| {
    /// use std::time::Duration;
    ///
    /// if tokio::time::timeout(Duration::from_secs(5), client.leave()).await.is_err() {
    ///     println!("a procedure still runs");
    /// }
    /// # Ok(()) });
    /// ```
    ///
    /// A procedure that waits for this itself waits for its own end, and so for ever: have it spawn a task that leaves.
    pub async fn leave(&self) {
        self.shared.leave.cancel();
        self.closed().await;
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("state", &self.state()).finish_non_exhaustive()
    }
}

/// What the handles of one client share.
pub(crate) struct Shared {
    commands: Commander,
    pub(crate) places: Arc<Semaphore>,
    serializer: AtomicU8,
    send_max_bytes: AtomicUsize,
    /// How deep a message may be nested that routers take.
    pub(crate) send_max_depth: usize,
    passes_events: AtomicBool,
    keys: AtomicU64,
    state: watch::Receiver<State>,
    /// The application wants to leave.
    pub(crate) leave: CancellationToken,
    /// Canceled when the last handle goes.
    pub(crate) gone: CancellationToken,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.gone.cancel();
    }
}

impl Shared {
    pub(crate) fn new(
        serializer: SerializerId,
        send_max_depth: usize,
        state: watch::Receiver<State>,
    ) -> (Arc<Self>, Commands) {
        let (commands, receiver) = queue();
        let shared = Self {
            commands,
            places: Arc::new(Semaphore::new(COMMANDS_MAX)),
            serializer: AtomicU8::new(serializer as u8),
            send_max_bytes: AtomicUsize::new(usize::MAX),
            send_max_depth,
            passes_events: AtomicBool::new(false),
            keys: AtomicU64::new(0),
            state,
            leave: CancellationToken::new(),
            gone: CancellationToken::new(),
        };
        (Arc::new(shared), receiver)
    }

    /// The serializer of the session, or of the last one: what is encoded in it goes out as it is, anything else is
    /// transcoded.
    pub(crate) fn serializer(&self) -> SerializerId {
        let index = usize::from(self.serializer.load(Ordering::Relaxed));
        SerializerId::ALL.get(index).copied().unwrap_or(SerializerId::ALL[0])
    }

    /// The terms of a new session.
    pub(crate) fn set_terms(&self, serializer: SerializerId, send_max_bytes: usize, passes_events: bool) {
        self.serializer.store(serializer as u8, Ordering::Relaxed);
        self.send_max_bytes.store(send_max_bytes, Ordering::Relaxed);
        self.passes_events.store(passes_events, Ordering::Relaxed);
    }

    /// Octets of the longest message that the router takes, as far as it is known.
    pub(crate) fn send_max_bytes(&self) -> usize {
        self.send_max_bytes.load(Ordering::Relaxed)
    }

    /// Whether the router passes packed events on (PPT-06), as far as it is known.
    pub(crate) fn passes_events(&self) -> bool {
        self.passes_events.load(Ordering::Relaxed)
    }

    pub(crate) fn new_key(&self) -> Key {
        self.keys.fetch_add(1, Ordering::Relaxed)
    }

    /// Queues a command as soon as there is place.
    ///
    /// # Errors
    /// If the client is closed.
    pub(crate) async fn send(&self, command: Command) -> Result<(), Error> {
        let place = self.places.clone().acquire_owned().await.or(Err(Error::Closed))?;
        self.commands.send(Envelope { command, _place: Some(place) }).or(Err(Error::Closed))
    }

    /// Queues a command in that place. A client that is closed has nobody to tell.
    pub(crate) fn send_in(&self, command: Command, place: Option<OwnedSemaphorePermit>) {
        self.commands.send(Envelope { command, _place: place }).ok();
    }

    /// Queues a command of which there are no more than of something that is bounded.
    pub(crate) fn send_now(&self, command: Command) {
        self.send_in(command, None);
    }
}

/// A URI that the client may send.
pub(crate) fn checked(uri: String) -> Result<Uri, Error> {
    match check_uri(&uri, &UriRules::loose()) {
        Ok(()) => Ok(uri.into()),
        Err(error) => Err(Error::Uri { uri, error }),
    }
}

/// A URI, or a pattern of URIs, that the client may send.
pub(crate) fn checked_pattern(uri: String, policy: MatchPolicy) -> Result<Uri, Error> {
    match check_pattern(&uri, policy, &UriRules::loose()) {
        Ok(()) => Ok(uri.into()),
        Err(error) => Err(Error::Uri { uri, error }),
    }
}
