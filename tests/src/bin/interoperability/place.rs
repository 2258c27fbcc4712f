//! What one scenario has: a way to the router, and URIs of its own.

use std::time::Duration;

use anyhow::Context as _;
use futures_util::StreamExt as _;
use tokio::time::timeout;
use trunkline_client::{Builder, Client, Event, FromPayload, Reconnect, SerializerId, Subscription};

use crate::router::Router;

/// The realm of the scenarios.
pub(crate) const REALM: &str = "realm1";

/// URIs that begin like this have publishers and callers disclosed.
pub(crate) const DISCLOSED: &str = "com.example.disclosed.";

/// For what has to come. Only a failure waits so long.
const DEADLINE: Duration = Duration::from_secs(20);

/// Transport and serializer.
#[derive(Clone, Copy)]
pub(crate) struct Connection {
    scheme: &'static str,
    serializer: SerializerId,
}

impl Connection {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        ["ws", "rs"].into_iter().flat_map(|scheme| {
            SerializerId::ALL.into_iter().map(move |serializer| Self { scheme, serializer })
        })
    }

    pub(crate) fn name(self) -> String {
        let transport = if self.scheme == "ws" { "WebSocket" } else { "RawSocket" };
        format!("{transport} {:?}", self.serializer)
    }
}

/// Where one scenario takes place.
pub(crate) struct Place {
    pub(crate) router: Router,
    pub(crate) connection: Connection,
    number: usize,
}

impl Place {
    /// `number` is another one for each place.
    pub(crate) fn new(router: &Router, connection: Connection, number: usize) -> Self {
        Self { router: router.clone(), connection, number }
    }

    /// A client that is still to be connected, to any realm.
    pub(crate) fn client_of(&self, realm: &str) -> Builder {
        let Connection { scheme, serializer } = self.connection;
        let path = if scheme == "ws" { "/ws" } else { "" };
        let url = format!("{scheme}://{}{path}", self.router.address);
        let reconnect = Reconnect::default().min_delay(Duration::from_millis(20)).max_delay(LONGEST_WAIT);
        Client::builder(&url, realm).serializers([serializer]).reconnect(reconnect)
    }

    /// A client that is still to be connected.
    pub(crate) fn client(&self) -> Builder {
        self.client_of(REALM)
    }

    /// A session of somebody anonymous.
    pub(crate) async fn join(&self) -> anyhow::Result<Client> {
        within("WELCOME", self.client().connect()).await?.context("cannot join")
    }

    /// A URI that only this scenario uses.
    pub(crate) fn uri(&self, name: &str) -> String {
        format!("com.example.n{}.{name}", self.number)
    }

    /// The same, where publishers and callers are disclosed.
    pub(crate) fn disclosed_uri(&self, name: &str) -> String {
        format!("{DISCLOSED}n{}.{name}", self.number)
    }
}

/// Between two attempts to connect again.
const LONGEST_WAIT: Duration = Duration::from_millis(200);

/// Waits, but not for ever.
pub(crate) async fn within<T>(what: &str, future: impl IntoFuture<Output = T>) -> anyhow::Result<T> {
    timeout(DEADLINE, future).await.with_context(|| format!("in vain: {what}"))
}

/// The next event of a subscription.
pub(crate) async fn next<T: FromPayload>(events: &mut Subscription<T>) -> anyhow::Result<Event<T>> {
    let event = within("EVENT", events.next()).await?;
    Ok(event.context("the subscription has ended")??)
}

/// The session of a client.
pub(crate) fn session(client: &Client) -> anyhow::Result<trunkline_client::SessionId> {
    Ok(client.joined().context("no session")?.session)
}

/// Fails unless both are the same.
macro_rules! check_eq {
    ($left:expr, $right:expr $(,)?) => {{
        match (&$left, &$right) {
            (left, right) => {
                anyhow::ensure!(left == right, "{} is {left:?}, not {right:?}", stringify!($left))
            }
        }
    }};
}
pub(crate) use check_eq;

/// Fails unless it is an ERROR of that URI.
pub(crate) fn check_error<T: std::fmt::Debug>(
    result: Result<T, trunkline_client::Error>,
    uri: &str,
) -> anyhow::Result<()> {
    match &result {
        Err(error) if error.uri() == Some(uri) => Ok(()),
        other => anyhow::bail!("{other:?} in place of {uri}"),
    }
}
