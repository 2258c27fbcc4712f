//! How a client is to connect.

use std::fmt;
use std::io;
use std::time::Duration;

use wamp_proto::{DecodeRules, SerializerId};

use crate::address::Address;
use crate::client::Client;
use crate::connector::Connector;
use crate::credential::Credential;
use crate::driver;
use crate::error::ConnectError;
use crate::login::Identity;
use crate::reconnect::Reconnect;
use crate::transport::{Transport, TransportSettings};

/// A client that is still to be connected. [`Client::builder`] makes one.
///
/// ```no_run
/// # async fn example(client: trunkline_client::Client) -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use trunkline_client::{Client, Credential, Reconnect};
///
/// let client = Client::builder("wss://example.com/ws", "realm1")
///     .authid("joe")
///     .credential(Credential::wampcra("joe-secret"))
///     .reconnect(Reconnect::default().max_delay(Duration::from_secs(5)))
///     .wait_for_router()
///     .connect()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is connected before `connect`"]
pub struct Builder {
    way: Way,
    pub(crate) identity: Identity,
    settings: TransportSettings,
    reconnect: Reconnect,
    waits_for_router: bool,
    timeout: Duration,
    send_max_depth: usize,
}

enum Way {
    Url(String),
    Own(Connector),
}

impl Builder {
    pub(crate) fn new(url: &str, realm: &str) -> Self {
        Self::on(Way::Url(url.to_owned()), realm)
    }

    fn on(way: Way, realm: &str) -> Self {
        Self {
            way,
            identity: Identity::new(realm),
            settings: TransportSettings::default(),
            reconnect: Reconnect::default(),
            waits_for_router: false,
            timeout: Duration::from_secs(20),
            send_max_depth: DecodeRules::default().max_depth,
        }
    }

    /// A client over transports that the application opens itself, each time that the client connects: to a router in
    /// the same process, through a proxy, …
    ///
    /// ```
    /// # async fn example(router: std::sync::Arc<trunkline::Router>) -> Result<(), trunkline_client::ConnectError> {
    /// use trunkline_client::{Builder, SerializerId};
    ///
    /// let open = move || {
    ///     let router = router.clone();
    ///     async move { Ok(router.connect(SerializerId::Cbor)) }
    /// };
    /// let client = Builder::over(SerializerId::Cbor, open, "realm1").connect().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn over<F, Fut, T>(serializer: SerializerId, open: F, realm: &str) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = io::Result<T>> + Send + 'static,
        T: Transport + 'static,
    {
        Self::on(Way::Own(Connector::own(serializer, open)), realm)
    }

    /// Who the client claims to be.
    pub fn authid(mut self, authid: impl Into<String>) -> Self {
        self.identity.authid = Some(authid.into());
        self
    }

    /// A way to prove that. Several are offered in their order; without any, the client is anonymous.
    ///
    /// ```
    /// use trunkline_client::{Client, Credential};
    ///
    /// let builder = Client::builder("wss://example.com/ws", "realm1")
    ///     .authid("joe")
    ///     .credential(Credential::scram("joe-password"))
    ///     .credential(Credential::wampcra("joe-password"));
    /// ```
    pub fn credential(mut self, credential: Credential) -> Self {
        self.identity.credentials.push(credential);
        self
    }

    /// Name and version of the application, for the router's log (SES-04).
    ///
    /// ```
    /// # let builder = trunkline_client::Client::builder("ws://127.0.0.1:8080/ws", "realm1");
    /// let builder = builder.agent(concat!("thermometer ", env!("CARGO_PKG_VERSION")));
    /// ```
    pub fn agent(mut self, agent: impl Into<String>) -> Self {
        self.identity.agent = agent.into();
        self
    }

    /// The serializers to offer, the preferred first: CBOR, MessagePack, JSON, unless one says otherwise. Over RawSocket,
    /// the first one is asked for.
    ///
    /// ```
    /// use trunkline_client::{Client, SerializerId};
    ///
    /// let builder = Client::builder("ws://127.0.0.1:8080/ws", "realm1").serializers([SerializerId::ALL[0]]);
    /// ```
    pub fn serializers(mut self, serializers: impl IntoIterator<Item = SerializerId>) -> Self {
        self.settings.serializers = serializers.into_iter().collect();
        self
    }

    /// Octets of the longest message that the client takes, 16 MiB unless one says otherwise. A longer one ends the
    /// connection.
    ///
    /// ```
    /// # let builder = trunkline_client::Client::builder("ws://127.0.0.1:8080/ws", "realm1");
    /// let small = builder.message_max_bytes(64 * 1024);
    /// ```
    pub fn message_max_bytes(mut self, octets: usize) -> Self {
        self.settings.message_max_bytes = octets;
        self
    }

    /// How deep the arguments of a message may be nested that the client sends, the message itself included: 64 unless one
    /// says otherwise, and at most 256. A router ends the session of whoever sends what is deeper than its own limit, so
    /// here it is [`Error::TooDeep`](crate::Error::TooDeep).
    ///
    /// ```
    /// # let builder = trunkline_client::Client::builder("ws://127.0.0.1:8080/ws", "realm1");
    /// // For a router whose configuration says `message_max_depth = 128`.
    /// let builder = builder.send_max_depth(128);
    /// ```
    pub fn send_max_depth(mut self, levels: usize) -> Self {
        self.send_max_depth = levels;
        self
    }

    /// After how long a silence the router is asked for a sign of life, 30 s unless one says otherwise. After as long
    /// again without one, the connection is lost.
    ///
    /// ```
    /// # let builder = trunkline_client::Client::builder("ws://127.0.0.1:8080/ws", "realm1");
    /// let watchful = builder.keep_alive(std::time::Duration::from_secs(5));
    /// ```
    pub fn keep_alive(mut self, silence: Duration) -> Self {
        self.settings.keep_alive = Some(silence);
        self
    }

    /// A header of the HTTP upgrade of WebSocket connections, such as `Origin`, or what a proxy wants to see.
    ///
    /// ```
    /// use trunkline_client::Client;
    ///
    /// let builder = Client::builder("wss://example.com/ws", "realm1").header("Origin", "https://example.com");
    /// ```
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.headers.push((name.into(), value.into()));
        self
    }

    /// How TLS verifies the router, and what certificate the client shows; [`Tls`](crate::Tls) has an example.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: crate::transport::Tls) -> Self {
        self.settings.tls = Some(tls.into_config());
        self
    }

    /// What to do when the session ends; [`Reconnect`] has examples.
    pub fn reconnect(mut self, reconnect: Reconnect) -> Self {
        self.reconnect = reconnect;
        self
    }

    /// Whether the first attempt to connect, too, is repeated as [`reconnect`](Self::reconnect) says, if the router
    /// cannot be reached: it may start later than the component.
    ///
    /// ```
    /// use trunkline_client::{Client, Reconnect};
    ///
    /// # async fn example() -> Result<(), trunkline_client::ConnectError> {
    /// let three_times = Reconnect::default().attempts(3);
    /// let builder = Client::builder("ws://127.0.0.1:1/ws", "realm1");
    /// let client = builder.reconnect(three_times).wait_for_router().connect().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait_for_router(mut self) -> Self {
        self.waits_for_router = true;
        self
    }

    /// How long one attempt may take from the first octet to WELCOME, 20 s unless one says otherwise.
    ///
    /// ```
    /// # let builder = trunkline_client::Client::builder("ws://127.0.0.1:8080/ws", "realm1");
    /// let hasty = builder.connect_timeout(std::time::Duration::from_secs(2));
    /// ```
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Connects, and joins the realm. [`Builder`] has an example; [`ConnectError`] tells what may go wrong.
    ///
    /// # Errors
    /// If the session cannot be opened. An answer of the router is final, whatever
    /// [`wait_for_router`](Self::wait_for_router) says.
    pub async fn connect(self) -> Result<Client, ConnectError> {
        let connector = match self.way {
            Way::Url(url) => Connector::to(url.parse::<Address>()?, self.settings),
            Way::Own(connector) => connector,
        };
        let plan = driver::Plan {
            connector,
            identity: self.identity,
            reconnect: self.reconnect,
            waits_for_router: self.waits_for_router,
            timeout: self.timeout,
            send_max_depth: self.send_max_depth,
        };
        driver::start(plan).await
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("identity", &self.identity).finish_non_exhaustive()
    }
}
