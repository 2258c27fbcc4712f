//! Where a client is between connecting and the end, for whoever wants to watch it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use wamp_proto::message::Welcome;
use wamp_proto::{SerializerId, SessionId, Value};

use crate::error::{ConnectError, Reason};

/// What a client does.
///
/// ```
/// # trunkline_tests::example(async |client| {
/// use futures_util::StreamExt as _;
/// use trunkline_client::State;
///
/// let mut states = client.states();
/// # client.leave().await;
/// while let Some(state) = states.next().await {
///     match state {
///         State::Joined(joined) => println!("session {}", joined.session),
///         State::Waiting { ended, delay, .. } => println!("{ended}; again in {delay:?}"),
///         State::Closed(ended) => println!("{ended}"),
///         _ => {}
///     }
/// }
/// # Ok(()) });
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum State {
    /// It connects, for the first time or again.
    Connecting,
    /// It has a session; after another one, with the subscriptions and registrations that it had, as far as the router
    /// takes them again.
    Joined(Arc<Joined>),
    /// It has none, and waits before it connects again.
    Waiting {
        /// Why it has none.
        ended: Ended,
        /// How long it waits.
        delay: Duration,
        /// Which attempt comes next, counted from 1 since there was a session of 10 s or more.
        attempt: u32,
    },
    /// It was left, or gave up. This is the end.
    Closed(Ended),
}

/// What WELCOME says about the session. [`Client::joined`](crate::Client::joined) and [`State::Joined`] have it.
///
/// ```
/// # trunkline_tests::example(async |client| {
/// if let Some(joined) = client.joined() {
///     let (authid, role) = (joined.authid.as_deref(), joined.authrole.as_deref());
///     println!("session {} as {authid:?} with the role {role:?}", joined.session);
/// #   assert_eq!((authid, role), (Some("ann"), Some("anonymous")));
/// }
/// # Ok(()) });
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Joined {
    /// The session's ID; another one after each reconnect.
    pub session: SessionId,
    /// The realm.
    pub realm: String,
    /// Who the router takes the client for.
    pub authid: Option<String>,
    /// The role that this gives it.
    pub authrole: Option<String>,
    /// How it proved that.
    pub authmethod: Option<String>,
    /// Who vouched.
    pub authprovider: Option<String>,
    /// What else the authentication method says.
    pub authextra: Option<Value>,
    /// Name and version of the router.
    pub agent: Option<String>,
    /// The serializer of the connection.
    pub serializer: SerializerId,
}

impl Joined {
    pub(crate) fn new(realm: &str, welcome: &Welcome, serializer: SerializerId) -> Self {
        let details = &welcome.details;
        let text = |text: &Option<bytestring::ByteString>| text.as_ref().map(ToString::to_string);
        Self {
            session: welcome.session,
            realm: text(&details.realm).unwrap_or_else(|| realm.to_owned()),
            authid: text(&details.authid),
            authrole: text(&details.authrole),
            authmethod: text(&details.authmethod),
            authprovider: text(&details.authprovider),
            authextra: details.authextra.clone(),
            agent: text(&details.agent),
            serializer,
        }
    }
}

/// How a session ended, or why there is none.
///
/// ```
/// # trunkline_tests::example(async |client| {
/// use trunkline_client::Ended;
///
/// # client.leave().await;
/// match client.closed().await {
///     Ended::Left => println!("as it should be"),
///     ended => return Err(ended.into()),
/// }
/// # Ok(()) });
/// ```
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Ended {
    /// The client left.
    #[error("the client left")]
    Left,
    /// The router said GOODBYE: it shuts down, the session was killed, …
    #[error("the router said goodbye: {0}")]
    Goodbye(Reason),
    /// The router sent ABORT.
    #[error("the router aborted the session: {0}")]
    Aborted(Reason),
    /// The router broke the protocol.
    #[error("the router broke the protocol: {0}")]
    Protocol(String),
    /// The connection was lost; without an error if the router just closed it.
    #[error("the connection was lost{}", .0.as_ref().map(|error| format!(": {error}")).unwrap_or_default())]
    Lost(Option<Arc<io::Error>>),
    /// Connecting failed.
    #[error(transparent)]
    Refused(ConnectError),
}
