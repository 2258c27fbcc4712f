//! What can go wrong: [`WampError`] is an ERROR of the peer, [`Error`] whatever ends a request,
//! [`ConnectError`] whatever keeps a client from joining.

use std::fmt;

use bytestring::ByteString;
use serde::Serialize;
use wamp_proto::auth::client::Refusal;
use wamp_proto::dict::{Dict, ErrorDetails};
use wamp_proto::message::{self, Abort, Goodbye};
use wamp_proto::uri::UriError;
use wamp_proto::{DecodeValueError, EncodeError, Payload, SerializerId, Value, error_uri};

use crate::address::AddressError;
use crate::payload::{FromPayload, IntoPayload, NotDecoded};
use crate::transport::TransportError;

/// In which errors are encoded before it is known where they go.
const SERIALIZER: SerializerId = SerializerId::ALL[SerializerId::ALL.len() - 1];

/// An ERROR message: what a callee, or the router, says went wrong with a request.
///
/// A procedure returns it, a caller gets it as [`Error::Wamp`]. [`ApplicationError`] turns it into a type of the
/// application and back.
///
/// ```
/// use trunkline_client::WampError;
///
/// let error = WampError::of("com.example.error.overflow", &(7, "octets"));
/// assert_eq!(error.args::<(u8, String)>().unwrap(), (7, "octets".to_owned()));
/// assert_eq!(WampError::runtime("out of paper").to_string(), "wamp.error.runtime_error: out of paper");
/// ```
#[derive(Clone, PartialEq)]
pub struct WampError {
    uri: ByteString,
    details: Dict<ErrorDetails>,
    payload: Payload,
}

impl WampError {
    /// An error of that URI without arguments.
    pub fn new(uri: impl Into<String>) -> Self {
        Self { uri: uri.into().into(), details: Dict::new(), payload: Payload::EMPTY }
    }

    /// An error of that URI whose first argument is a message for people, as most WAMP clients show it.
    ///
    /// ```
    /// use trunkline_client::WampError;
    ///
    /// let error = WampError::with_message("com.example.error.sold_out", "no tea today");
    /// assert_eq!(error.message().as_deref(), Some("no tea today"));
    /// ```
    pub fn with_message(uri: impl Into<String>, message: impl fmt::Display) -> Self {
        let message = Value::String(message.to_string());
        let payload = Payload::new(SERIALIZER, &[message], &[]);
        Self { uri: uri.into().into(), details: Dict::new(), payload }
    }

    /// The same error with these arguments; see [`IntoPayload`] for what they can be.
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use trunkline_client::{Kwargs, WampError};
    ///
    /// let most = HashMap::from([("most".to_owned(), 10)]);
    /// let error = WampError::new("com.example.error.too_many").with(Kwargs(&most))?;
    /// assert_eq!(error.args::<Kwargs<HashMap<String, u32>>>()?, Kwargs(most));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the arguments cannot be encoded.
    pub fn with(mut self, payload: impl IntoPayload) -> Result<Self, EncodeError> {
        self.payload = payload.into_payload(SERIALIZER)?;
        Ok(self)
    }

    /// `wamp.error.runtime_error`: a procedure failed, for a reason that is for people to read (RPC-11).
    pub fn runtime(message: impl fmt::Display) -> Self {
        Self::with_message(error_uri::RUNTIME_ERROR, message)
    }

    /// `wamp.error.invalid_argument`: a procedure was called with arguments that it does not take (RPC-11).
    pub fn invalid_argument(message: impl fmt::Display) -> Self {
        Self::with_message(error_uri::INVALID_ARGUMENT, message)
    }

    pub(crate) fn into_parts(self) -> (ByteString, Payload) {
        (self.uri, self.payload)
    }

    /// The error's URI.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// ERROR.Details, of an error that came from a router: how it is packed, and what the router adds of its own. They are not
    /// passed on if a procedure returns the error.
    pub fn details(&self) -> &Dict<ErrorDetails> {
        &self.details
    }

    /// Arguments and keyword arguments as they came.
    pub fn payload(&self) -> &Payload {
        &self.payload
    }

    /// Its arguments; see [`FromPayload`] for what they can be taken as.
    ///
    /// # Errors
    /// If they are something else.
    pub fn args<T: FromPayload>(&self) -> Result<T, NotDecoded> {
        T::from_payload(&self.payload)
    }

    /// The first argument, if it is text: by custom a message for people.
    pub fn message(&self) -> Option<String> {
        match self.payload.values().ok()?.0.into_iter().next()? {
            Value::String(message) => Some(message),
            _ => None,
        }
    }
}

impl From<message::Error> for WampError {
    fn from(error: message::Error) -> Self {
        Self { uri: error.error, details: error.details, payload: error.payload }
    }
}

impl fmt::Display for WampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message() {
            Some(message) => write!(f, "{}: {message}", self.uri),
            None => f.write_str(&self.uri),
        }
    }
}

impl fmt::Debug for WampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (args, kwargs) = self.payload.values().unwrap_or_default();
        f.debug_struct("WampError")
            .field("uri", &&*self.uri)
            .field("args", &args)
            .field("kwargs", &kwargs)
            .finish()
    }
}

impl std::error::Error for WampError {}

/// An error type of an application that has a URI on the wire, mapped both ways: procedures return it, callers
/// recognize it by [`Error::application`].
///
/// ```
/// use trunkline_client::{ApplicationError, WampError};
///
/// #[derive(Debug)]
/// enum MathError {
///     DivisionByZero,
///     Overflow(i64),
/// }
///
/// impl ApplicationError for MathError {
///     fn to_wamp(&self) -> WampError {
///         match self {
///             Self::DivisionByZero => WampError::new("com.example.error.division_by_zero"),
///             Self::Overflow(by) => WampError::of("com.example.error.overflow", by),
///         }
///     }
///
///     fn from_wamp(error: &WampError) -> Option<Self> {
///         match error.uri() {
///             "com.example.error.division_by_zero" => Some(Self::DivisionByZero),
///             "com.example.error.overflow" => error.args().ok().map(Self::Overflow),
///             _ => None,
///         }
///     }
/// }
///
/// let error = MathError::Overflow(7).to_wamp();
/// assert!(matches!(MathError::from_wamp(&error), Some(MathError::Overflow(7))));
/// ```
pub trait ApplicationError: Sized {
    /// The ERROR that says this.
    fn to_wamp(&self) -> WampError;

    /// What the ERROR says, if it is one of these.
    fn from_wamp(error: &WampError) -> Option<Self>;
}

impl WampError {
    /// An error of that URI with these arguments. Arguments that cannot be encoded are left out, and the error says
    /// why in their place.
    pub fn of<T: Serialize + ?Sized>(uri: impl Into<String>, args: &T) -> Self {
        let uri = uri.into();
        match Payload::from_args(SERIALIZER, args) {
            Ok(payload) => Self { uri: uri.into(), details: Dict::new(), payload },
            Err(error) => Self::with_message(uri, error),
        }
    }
}

impl<E: ApplicationError> From<E> for WampError {
    fn from(error: E) -> Self {
        error.to_wamp()
    }
}

/// A procedure that calls others may pass their errors on with `?`: an ERROR stays what it is, whatever else went
/// wrong is a [`WampError::runtime`].
///
/// ```
/// use trunkline_client::{Error, WampError};
///
/// let error = WampError::from(Error::Timeout);
/// assert_eq!(error.to_string(), "wamp.error.runtime_error: no answer in time");
/// ```
impl From<Error> for WampError {
    fn from(error: Error) -> Self {
        match error {
            Error::Wamp(error) => error,
            other => Self::runtime(other),
        }
    }
}

/// Why a request failed.
///
/// ```
/// # trunkline_tests::example(async |client| {
/// use trunkline_client::Error;
///
/// match client.call::<i64>("com.example.add", (2, 3)).await {
///     Ok(sum) => println!("{sum}"),
///     Err(Error::Wamp(error)) if error.uri() == "wamp.error.no_such_procedure" => println!("nobody adds"),
///     Err(Error::Disconnected) => println!("nobody knows whether it was added"),
///     Err(other) => return Err(other.into()),
/// }
/// # Ok(()) });
/// ```
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The callee or the router answered with ERROR. Match its [`uri`](WampError::uri), or use
    /// [`Error::application`].
    #[error(transparent)]
    Wamp(WampError),
    /// The time given with [`timeout`](crate::Call::timeout) ran out, at the router or here. Whether the procedure
    /// ran, nobody knows.
    #[error("no answer in time")]
    Timeout,
    /// The session ended while the request was under way. Whether it was carried out, nobody knows; it is never
    /// sent again by itself.
    #[error("the session ended before the answer")]
    Disconnected,
    /// The client was left, or gave up: it takes no more requests.
    #[error("the client is closed")]
    Closed,
    /// The arguments cannot be encoded.
    #[error("the arguments cannot be encoded: {0}")]
    Encode(#[from] EncodeError),
    /// The answer is not of the type that was asked for.
    #[error("the answer is of another type than expected: {0}")]
    Decode(#[from] DecodeValueError),
    /// A URI that breaks the rules of URIs; nothing was sent (URI-01).
    #[error("{uri:?} is no URI: {error}")]
    Uri {
        /// The URI.
        uri: String,
        /// What is wrong with it.
        error: UriError,
    },
    /// Progressive results came faster than they were taken: the call was canceled.
    /// [`Call::waiting_max_bytes`](crate::Call::waiting_max_bytes) says how much of them may wait.
    #[error("progressive results came faster than they were taken")]
    Overrun,
    /// The message is longer than the router takes; it was not sent (RAW-13).
    #[error("a message of {octets} octets is above the router's limit of {limit}")]
    TooLarge {
        /// Octets of the message.
        octets: usize,
        /// Octets that the router takes.
        limit: usize,
    },
    /// The arguments are nested deeper than routers take; the message was not sent (SER-08). It counts the message itself,
    /// and its list or dict of arguments. [`Builder::send_max_depth`](crate::Builder::send_max_depth) sets the limit.
    #[error("the arguments are nested deeper than the {limit} levels of a message that routers take")]
    TooDeep {
        /// Levels of lists and dicts.
        limit: usize,
    },
    /// The router did not announce a feature without which the request makes no sense.
    #[error("the router does not have the feature {0}")]
    Feature(&'static str),
}

impl Error {
    /// The URI of an ERROR of the callee or the router; none if the failure has another cause.
    ///
    /// ```
    /// # trunkline_tests::example(async |client| {
    /// let error = client.call::<()>("com.example.nowhere", ()).await.unwrap_err();
    /// assert_eq!(error.uri(), Some("wamp.error.no_such_procedure"));
    ///
    /// let error = client.call::<()>("no URI", ()).await.unwrap_err();
    /// assert_eq!(error.uri(), None);
    /// # Ok(()) });
    /// ```
    pub fn uri(&self) -> Option<&str> {
        match self {
            Self::Wamp(error) => Some(error.uri()),
            _ => None,
        }
    }

    /// The application's own error, if it is one.
    ///
    /// ```
    /// # trunkline_tests::example(async |client| {
    /// use trunkline_client::{ApplicationError, WampError};
    ///
    /// struct SoldOut;
    ///
    /// impl ApplicationError for SoldOut {
    ///     fn to_wamp(&self) -> WampError {
    ///         WampError::new("com.example.error.sold_out")
    ///     }
    ///
    ///     fn from_wamp(error: &WampError) -> Option<Self> {
    ///         (error.uri() == "com.example.error.sold_out").then_some(Self)
    ///     }
    /// }
    ///
    /// client.register("com.example.buy", async || Err::<(), _>(SoldOut)).await?;
    /// let error = client.call::<()>("com.example.buy", ()).await.unwrap_err();
    /// assert!(matches!(error.application(), Some(SoldOut)));
    /// # Ok(()) });
    /// ```
    pub fn application<E: ApplicationError>(&self) -> Option<E> {
        match self {
            Self::Wamp(error) => E::from_wamp(error),
            _ => None,
        }
    }
}

impl From<WampError> for Error {
    fn from(error: WampError) -> Self {
        // The router's word for what a timer here would say.
        if error.uri() == error_uri::TIMEOUT { Self::Timeout } else { Self::Wamp(error) }
    }
}

impl From<NotDecoded> for Error {
    fn from(error: NotDecoded) -> Self {
        Self::Decode(error.0)
    }
}

/// Why a client does not join its realm.
///
/// ```
/// # trunkline_tests::example(async |_| {
/// use trunkline_client::ConnectError;
///
/// // Nobody listens at this port.
/// match trunkline_client::connect("ws://127.0.0.1:1/ws", "realm1").await {
///     Ok(_) => println!("joined"),
///     Err(ConnectError::Refused(reason)) => println!("the router does not want us: {reason}"),
///     Err(ConnectError::Transport(error)) => println!("there is no router: {error}"),
///     Err(error) => return Err(error.into()),
/// }
/// # Ok(()) });
/// ```
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL is none that a router could be at.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The transport could not be opened: nobody listens there, TLS failed, the HTTP upgrade was refused, …
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The router answered HELLO or AUTHENTICATE with ABORT: no such realm, wrong credentials, …
    #[error("the router refuses: {0}")]
    Refused(Reason),
    /// What the router asked of the client, or proved to it, is not what the client is content with.
    #[error(transparent)]
    Login(#[from] Refusal),
    /// A credential could not be had, for the given reason.
    #[error("no credential: {0}")]
    Credential(String),
    /// The router broke the protocol before the session was open.
    #[error("the router broke the protocol: {0}")]
    Protocol(String),
    /// The transport was open, but the session not in time.
    #[error("the router did not open the session in time")]
    Timeout,
    /// The client was left while it connected.
    #[error("the client is closed")]
    Closed,
}

impl ConnectError {
    /// Why the router refused, as a URI: `wamp.error.no_such_realm`, `wamp.error.authentication_denied`, …; none if the
    /// failure has another cause.
    ///
    /// ```
    /// # use trunkline::{Router, config::Config};
    /// # use trunkline_client::{Builder, SerializerId};
    /// # let router = Router::new(&Config::default());
    /// # let open = move || std::future::ready(Ok(router.connect(SerializerId::Cbor)));
    /// # trunkline_tests::example(async |_| {
    /// # let builder = Builder::over(SerializerId::Cbor, open, "nowhere");
    /// let error = builder.connect().await.unwrap_err();
    /// assert_eq!(error.reason(), Some("wamp.error.no_such_realm"));
    /// # Ok(()) });
    /// ```
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Refused(reason) => Some(reason.uri()),
            _ => None,
        }
    }
}

/// Why a session was refused, or ended: the URI of ABORT or GOODBYE, and its message for people.
///
/// [`ConnectError::Refused`] and [`Ended`](crate::Ended) have one.
///
/// ```
/// use trunkline_client::{Ended, Reason};
///
/// fn report(ended: &Ended) {
///     if let Ended::Goodbye(reason) | Ended::Aborted(reason) = ended {
///         println!("{}: {}", reason.uri(), reason.message().unwrap_or("no more is said"));
///     }
/// }
/// # report(&Ended::Left);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    uri: ByteString,
    message: Option<ByteString>,
}

impl Reason {
    /// The URI.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// The message for people, if there is one.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            Some(message) => write!(f, "{}: {message}", self.uri),
            None => f.write_str(&self.uri),
        }
    }
}

impl From<&Abort> for Reason {
    fn from(abort: &Abort) -> Self {
        Self { uri: abort.reason.clone(), message: abort.details.message.clone() }
    }
}

impl From<&Goodbye> for Reason {
    fn from(goodbye: &Goodbye) -> Self {
        Self { uri: goodbye.reason.clone(), message: goodbye.details.message.clone() }
    }
}
