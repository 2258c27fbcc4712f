//! Subscribing: a stream of events, or a handler that is given each.

use std::future::IntoFuture;
use std::marker::PhantomData;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, Stream};
use tokio::sync::oneshot;
use wamp_proto::dict::SubscribeOptions;
use wamp_proto::{MatchPolicy, Uri};

use crate::client::{Shared, checked_pattern};
use crate::command::{Command, Key, NewSubscriber};
use crate::error::Error;
use crate::event::{Event, EventError, EventReceiver, buffer};
use crate::guard::Guard;
use crate::payload::FromPayload;

/// Events that wait for their subscriber, unless it says otherwise.
const CAPACITY: usize = 1024;

/// A subscription that is made when it is awaited. The arguments of its events are taken as a `T`.
///
/// Awaiting it gives a [`Subscription`], a stream. [`handle`](Self::handle) has a handler called instead.
///
/// ```
/// # trunkline_tests::example(async |client| {
/// use futures_util::StreamExt as _;
///
/// let news = client.subscribe::<String>("com.example.news.").prefix().capacity(64);
/// // Nothing is sent before this line.
/// let mut news = news.await?;
/// # client.publish("com.example.news.sports", "1:0").exclude_me(false).await?;
/// if let Some(event) = news.next().await {
///     println!("{}", event?.args);
/// }
/// # Ok(()) });
/// ```
///
/// # Errors
/// Awaiting it fails with the [`Error`] that says why there is no subscription: the router refuses it, the topic is no
/// URI, the session ended before the answer, or the client is closed.
#[must_use = "a subscription is made when it is awaited"]
pub struct Subscribe<T> {
    shared: Arc<Shared>,
    topic: String,
    options: SubscribeOptions,
    capacity: usize,
    type_of_args: PhantomData<fn() -> T>,
}

impl<T: FromPayload> Subscribe<T> {
    pub(crate) fn new(shared: Arc<Shared>, topic: &str) -> Self {
        Self {
            shared,
            topic: topic.to_owned(),
            options: SubscribeOptions::default(),
            capacity: CAPACITY,
            type_of_args: PhantomData,
        }
    }

    /// All topics that begin with this one, as plain text (PBS-02): `com.example.t` has `com.example.tick`, too.
    /// [`Event::topic`] says which one it is.
    pub fn prefix(mut self) -> Self {
        self.options.match_policy = Some(MatchPolicy::Prefix);
        self
    }

    /// All topics with as many components, of which an empty one stands for any (PBS-03).
    ///
    /// ```
    /// # trunkline_tests::example(async |client| {
    /// use futures_util::StreamExt as _;
    ///
    /// let mut doors = client.subscribe::<()>("com.example..door").wildcard().await?;
    /// client.publish("com.example.kitchen.door", ()).exclude_me(false).await?;
    /// assert_eq!(doors.next().await.unwrap()?.topic, "com.example.kitchen.door");
    /// # Ok(()) });
    /// ```
    pub fn wildcard(mut self) -> Self {
        self.options.match_policy = Some(MatchPolicy::Wildcard);
        self
    }

    /// Asks for the event that the router keeps of the topic, if there is one (RET-02).
    ///
    /// ```
    /// # trunkline_tests::example(async |client| {
    /// use futures_util::StreamExt as _;
    ///
    /// // A retained event, too, is not for the session that published it, unless that says so.
    /// client.publish("com.example.door", "open").retain().exclude_me(false).acknowledge().await?;
    ///
    /// let mut door = client.subscribe::<String>("com.example.door").get_retained().await?;
    /// let event = door.next().await.unwrap()?;
    /// assert_eq!((event.args.as_str(), event.details.retained), ("open", Some(true)));
    /// # Ok(()) });
    /// ```
    pub fn get_retained(mut self) -> Self {
        self.options.get_retained = Some(true);
        self
    }

    /// How many events wait for the subscriber, 1,024 unless one says otherwise. When the buffer is full, newer events
    /// are left out, and [`EventError::Lagged`] comes in their place; it has an example.
    pub fn capacity(mut self, events: usize) -> Self {
        self.capacity = events;
        self
    }

    /// Sets options for which there is no method of its own.
    ///
    /// ```
    /// # trunkline_tests::example(async |client| {
    /// let jobs = client.subscribe::<String>("com.example.jobs");
    /// let jobs = jobs.options(|options| options.nkey = Some("worker-1".into())).await?;
    /// # Ok(()) });
    /// ```
    pub fn options(mut self, set: impl FnOnce(&mut SubscribeOptions)) -> Self {
        set(&mut self.options);
        self
    }

    /// Subscribes, and has `handler` called for each event, one after the other in their order, though it panics. The
    /// subscription lasts as long as the client, unless it is [stopped](Handling::unsubscribe).
    ///
    /// ```
    /// # trunkline_tests::example(async |client| {
    /// client
    ///     .subscribe::<(String, f64)>("com.example.temperature")
    ///     .handle(async |event| match event {
    ///         Ok(event) => println!("{:?}", event.args),
    ///         Err(error) => eprintln!("{error}"),
    ///     })
    ///     .await?;
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// As if it were awaited: if there is no subscription.
    pub async fn handle<F, Fut>(self, mut handler: F) -> Result<Handling, Error>
    where
        T: Send + 'static,
        F: FnMut(Result<Event<T>, EventError>) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let Subscription { topic, mut events, mut guard, .. } = self.make().await?;
        guard.disarm();
        let handling = Handling { shared: guard.shared.clone(), subscriber: guard.key };
        tokio::spawn(async move {
            while let Some(event) = std::future::poll_fn(|cx| events.poll_next(cx, &topic)).await {
                let handled = AssertUnwindSafe(async { handler(event).await });
                if handled.catch_unwind().await.is_err() {
                    tracing::error!(topic = &*topic, "a handler of events panicked");
                }
            }
        });
        Ok(handling)
    }

    async fn make(self) -> Result<Subscription<T>, Error> {
        let topic = checked_pattern(self.topic, self.options.match_policy.unwrap_or_default())?;
        let (sender, receiver) = buffer(self.capacity);
        let (ready, answer) = oneshot::channel();
        let (shared, key) = (self.shared.clone(), self.shared.new_key());
        let options = self.options.into();
        let new = NewSubscriber { key, topic: topic.clone(), options, events: sender, ready };
        shared.send(Command::Subscribe(Box::new(new))).await?;
        let guard = Guard::new(shared, key, |subscriber| Command::Unsubscribe { subscriber, done: None });
        answer.await.unwrap_or(Err(Error::Closed))?;
        Ok(Subscription { topic, events: receiver, guard, type_of_args: PhantomData })
    }
}

impl<T: FromPayload + 'static> IntoFuture for Subscribe<T> {
    type Output = Result<Subscription<T>, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        self.make().boxed()
    }
}

/// The events of a topic, as a stream. It outlives sessions; events between two sessions are lost. Dropping it
/// unsubscribes.
///
/// ```
/// # trunkline_tests::example(async |client| {
/// use futures_util::StreamExt as _;
/// use trunkline_client::Subscription;
///
/// let mut ticks: Subscription<u64> = client.subscribe("com.example.tick").await?;
/// client.publish("com.example.tick", 7).exclude_me(false).await?;
/// assert_eq!(ticks.next().await.unwrap()?.args, 7);
/// ticks.unsubscribe().await?;
/// # Ok(()) });
/// ```
#[must_use = "dropping it unsubscribes"]
pub struct Subscription<T> {
    topic: Uri,
    events: EventReceiver,
    guard: Guard,
    type_of_args: PhantomData<fn() -> T>,
}

impl<T: FromPayload> Subscription<T> {
    /// The topic, or the pattern, that is subscribed.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Unsubscribes, and waits until the router did.
    ///
    /// # Errors
    /// If the client is closed.
    pub async fn unsubscribe(mut self) -> Result<(), Error> {
        self.guard.disarm();
        unsubscribe(&self.guard.shared, self.guard.key).await
    }
}

impl<T: FromPayload> Stream for Subscription<T> {
    type Item = Result<Event<T>, EventError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { events, topic, .. } = &mut *self;
        events.poll_next(cx, topic)
    }
}

/// A subscription whose events go to a handler. Dropping it changes nothing. [`Subscribe::handle`] makes it.
///
/// ```
/// # trunkline_tests::example(async |client| {
/// use trunkline_client::Handling;
///
/// let ticks = client.subscribe::<u64>("com.example.tick");
/// let handling: Handling = ticks.handle(async |event| println!("{event:?}")).await?;
/// // Whoever wants no more events:
/// handling.unsubscribe().await?;
/// # Ok(()) });
/// ```
#[derive(Clone)]
pub struct Handling {
    shared: Arc<Shared>,
    subscriber: Key,
}

impl Handling {
    /// Unsubscribes, and waits until the router did. Events that are there already are still handled.
    ///
    /// # Errors
    /// If the client is closed.
    pub async fn unsubscribe(self) -> Result<(), Error> {
        unsubscribe(&self.shared, self.subscriber).await
    }
}

async fn unsubscribe(shared: &Shared, subscriber: Key) -> Result<(), Error> {
    let (done, answer) = oneshot::channel();
    shared.send_now(Command::Unsubscribe { subscriber, done: Some(done) });
    answer.await.unwrap_or(Err(Error::Closed))
}
