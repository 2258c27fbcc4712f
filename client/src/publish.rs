//! Publishing, acknowledged or not.

use std::future::IntoFuture;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use wamp_proto::dict::PublishOptions;
use wamp_proto::{EncodeError, Payload, PublicationId, SessionId};

use crate::client::{Shared, checked};
use crate::command::{Command, NewPublication, Reply};
use crate::error::Error;
use crate::passthru::{self, Packing as _, Passthru};
use crate::payload::IntoPayload;

/// A publication that is made when it is awaited. Without [`acknowledge`](Self::acknowledge), that only waits until the
/// event is on its way to the router, and does not learn what becomes of it.
///
/// ```
/// # trunkline_tests::example(async |client| {
/// client.publish("com.example.news", "for admins").eligible_authrole(["admin"]).retain().await?;
/// # Ok(()) });
/// ```
///
/// # Errors
/// Awaiting it fails with the [`Error`] that says why the event was not sent: the topic is no URI, the arguments cannot
/// be encoded, the message is too large, or the client is closed.
#[must_use = "an event is published when this is awaited"]
pub struct Publish {
    shared: Arc<Shared>,
    topic: String,
    payload: Result<Payload, EncodeError>,
    options: PublishOptions,
    passthru: Option<Passthru>,
}

impl Publish {
    pub(crate) fn new(shared: Arc<Shared>, topic: &str, args: impl IntoPayload) -> Self {
        let payload = args.into_payload(shared.serializer());
        Self { shared, topic: topic.to_owned(), payload, options: PublishOptions::default(), passthru: None }
    }

    /// Waits until the router took the event, and learns its publication ID, or why it did not take it (PUB-02).
    ///
    /// ```
    /// # trunkline_tests::example(async |client| {
    /// use trunkline_client::Error;
    ///
    /// match client.publish("wamp.example", ()).acknowledge().await {
    ///     Ok(publication) => println!("published: {publication}"),
    ///     Err(Error::Wamp(error)) => println!("the router refuses it: {error}"),
    ///     Err(error) => return Err(error.into()),
    /// }
    /// # Ok(()) });
    /// ```
    pub fn acknowledge(mut self) -> AcknowledgedPublish {
        self.options.acknowledge = Some(true);
        AcknowledgedPublish(self)
    }

    /// Whether this session is left out, if it is subscribed itself; it is unless one says `false` (EXC-01).
    ///
    /// ```
    /// # trunkline_tests::example(async |client| {
    /// use futures_util::StreamExt as _;
    ///
    /// let mut ticks = client.subscribe::<u32>("com.example.tick").await?;
    /// client.publish("com.example.tick", 1).await?;
    /// client.publish("com.example.tick", 2).exclude_me(false).await?;
    /// assert_eq!(ticks.next().await.unwrap()?.args, 2);
    /// # Ok(()) });
    /// ```
    pub fn exclude_me(mut self, exclude_me: bool) -> Self {
        self.options.exclude_me = Some(exclude_me);
        self
    }

    /// Leaves these sessions out (BWL-02).
    ///
    /// ```
    /// # trunkline_tests::example(async |client| {
    /// # let not_to = client.joined().unwrap().session;
    /// client.publish("com.example.news", "not to everybody").exclude([not_to]).await?;
    /// # Ok(()) });
    /// ```
    pub fn exclude(mut self, sessions: impl IntoIterator<Item = SessionId>) -> Self {
        self.options.exclude = Some(sessions.into_iter().map(SessionId::value).collect());
        self
    }

    /// Leaves the sessions of these authids out (BWL-02).
    ///
    /// ```
    /// # trunkline_tests::example(async |client| {
    /// client.publish("com.example.news", "not to these").exclude_authid(["joe", "jane"]).await?;
    /// # Ok(()) });
    /// ```
    pub fn exclude_authid<S: Into<String>>(mut self, authids: impl IntoIterator<Item = S>) -> Self {
        self.options.exclude_authid = Some(texts(authids));
        self
    }

    /// Leaves the sessions of these roles out (BWL-02).
    ///
    /// ```
    /// # trunkline_tests::example(async |client| {
    /// client.publish("com.example.news", "not to guests").exclude_authrole(["anonymous"]).await?;
    /// # Ok(()) });
    /// ```
    pub fn exclude_authrole<S: Into<String>>(mut self, authroles: impl IntoIterator<Item = S>) -> Self {
        self.options.exclude_authrole = Some(texts(authroles));
        self
    }

    /// Only for these sessions (BWL-02).
    ///
    /// ```
    /// # trunkline_tests::example(async |client| {
    /// # let whoever_asked = client.joined().unwrap().session;
    /// client.publish("com.example.reminder", "tea").eligible([whoever_asked]).await?;
    /// # Ok(()) });
    /// ```
    pub fn eligible(mut self, sessions: impl IntoIterator<Item = SessionId>) -> Self {
        self.options.eligible = Some(sessions.into_iter().map(SessionId::value).collect());
        self
    }

    /// Only for sessions of these authids (BWL-02).
    ///
    /// ```
    /// # trunkline_tests::example(async |client| {
    /// use futures_util::StreamExt as _;
    ///
    /// let mut news = client.subscribe::<String>("com.example.news").await?;
    /// let to_ann = client.publish("com.example.news", "to ann").eligible_authid(["ann"]);
    /// to_ann.exclude_me(false).await?;
    /// assert_eq!(news.next().await.unwrap()?.args, "to ann");
    /// # Ok(()) });
    /// ```
    pub fn eligible_authid<S: Into<String>>(mut self, authids: impl IntoIterator<Item = S>) -> Self {
        self.options.eligible_authid = Some(texts(authids));
        self
    }

    /// Only for sessions of these roles (BWL-02).
    ///
    /// ```
    /// # trunkline_tests::example(async |client| {
    /// client.publish("com.example.alarm", "the door is open").eligible_authrole(["guard"]).await?;
    /// # Ok(()) });
    /// ```
    pub fn eligible_authrole<S: Into<String>>(mut self, authroles: impl IntoIterator<Item = S>) -> Self {
        self.options.eligible_authrole = Some(texts(authroles));
        self
    }

    /// Has the router keep the event for whoever subscribes later and asks for it (RET-01) by
    /// [`get_retained`](crate::Subscribe::get_retained), where there is an example.
    pub fn retain(mut self) -> Self {
        self.options.retain = Some(true);
        self
    }

    /// Asks the router to disclose the publisher to subscribers (PID-01); [`Event`](crate::Event) has an example.
    pub fn disclose_me(mut self) -> Self {
        self.options.disclose_me = Some(true);
        self
    }

    /// Packs the arguments, so that no router looks into them; [`Passthru`] has an example. Publishing fails with
    /// [`Error::Feature`] where the router does not pass them on (PPT-06).
    pub fn passthru(mut self, passthru: Passthru) -> Self {
        self.passthru = Some(passthru);
        self
    }

    /// Sets options for which there is no method of its own, such as routing keys.
    ///
    /// ```
    /// # trunkline_tests::example(async |client| {
    /// let job = client.publish("com.example.jobs", "paint the door");
    /// job.options(|options| options.rkey = Some("doors".into())).await?;
    /// # Ok(()) });
    /// ```
    pub fn options(mut self, set: impl FnOnce(&mut PublishOptions)) -> Self {
        set(&mut self.options);
        self
    }

    async fn make(self, published: Option<Reply<PublicationId>>) -> Result<(), Error> {
        let (topic, payload) = (checked(self.topic)?, self.payload?);
        // Nobody is told later.
        if published.is_none() {
            let (octets, limit) = (payload.raw().len(), self.shared.send_max_bytes());
            if octets > limit {
                return Err(Error::TooLarge { octets, limit });
            }
            let limit = self.shared.send_max_depth;
            if self.passthru.is_none() && payload.is_deeper_than(limit) {
                return Err(Error::TooDeep { limit });
            }
        }
        if self.passthru.is_some() || self.options.is_packed() {
            passthru::check_router(self.shared.passes_events())?;
        }
        let (options, passthru) = (self.options.into(), self.passthru);
        let publication = NewPublication { topic, options, payload, passthru, published };
        self.shared.send(Command::Publish(Box::new(publication))).await
    }
}

fn texts<S: Into<String>>(texts: impl IntoIterator<Item = S>) -> Vec<bytestring::ByteString> {
    texts.into_iter().map(|text| text.into().into()).collect()
}

impl IntoFuture for Publish {
    type Output = Result<(), Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        self.make(None).boxed()
    }
}

/// A publication of which the router says that it took it. [`Publish::acknowledge`] makes it.
///
/// ```
/// # trunkline_tests::example(async |client| {
/// use trunkline_client::{AcknowledgedPublish, PublicationId};
///
/// let publish: AcknowledgedPublish = client.publish("com.example.tick", 1).acknowledge();
/// let publication: PublicationId = publish.await?;
/// # Ok(()) });
/// ```
///
/// # Errors
/// Awaiting it fails with the [`Error`] that says why the event was not sent, or why the router did not take it.
#[must_use = "an event is published when this is awaited"]
pub struct AcknowledgedPublish(Publish);

impl IntoFuture for AcknowledgedPublish {
    type Output = Result<PublicationId, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        async move {
            let (published, answer) = oneshot::channel();
            self.0.make(Some(published)).await?;
            answer.await.unwrap_or(Err(Error::Closed))
        }
        .boxed()
    }
}
