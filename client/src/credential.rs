//! Who a client is, and how it proves that, each time that it joins.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use wamp_proto::auth::client as proto;
use wamp_proto::auth::cryptosign::{self, CryptosignError};
use wamp_proto::auth::scram::Dialect;
use zeroize::Zeroizing;

use crate::error::ConnectError;

type Ask = Arc<dyn Fn() -> BoxFuture<'static, Result<String, String>> + Send + Sync>;
type Sign = Arc<dyn Fn(String) -> BoxFuture<'static, Result<String, String>> + Send + Sync>;

/// One way in which a client proves who it is. A client may have several; the router takes the first that it can.
///
/// Secrets are not shown by `Debug`.
///
/// ```
/// use trunkline_client::Credential;
///
/// # async fn fetch_token() -> Result<String, std::io::Error> { Ok(String::new()) }
/// let token = Credential::ticket_from(|| fetch_token());
/// let key = Credential::cryptosign([7; 32]).bound_to_channel();
/// assert_eq!(format!("{token:?} {key:?}"), "Credential(ticket) Credential(cryptosign)");
/// ```
#[derive(Clone)]
pub struct Credential(Kind);

#[derive(Clone)]
enum Kind {
    Given(proto::Credential),
    Cryptosign { seed: Zeroizing<[u8; 32]>, is_bound: bool, router: Option<[u8; 32]> },
    TicketFrom(Ask),
    WampcraSigner(Sign),
}

impl Credential {
    /// A ticket. The router sees it: use TLS (AUTH-TKT-01).
    ///
    /// ```
    /// use trunkline_client::{Client, Credential};
    ///
    /// let ticket = Credential::ticket("joe-ticket");
    /// let builder = Client::builder("wss://example.com/ws", "realm1").authid("joe").credential(ticket);
    /// ```
    pub fn ticket(ticket: impl Into<String>) -> Self {
        Self(Kind::Given(proto::Credential::Ticket(ticket.into())))
    }

    /// A ticket that is asked for each time that the client joins, such as a token that expires.
    ///
    /// ```
    /// use trunkline_client::Credential;
    ///
    /// let token = Credential::ticket_from(async || std::fs::read_to_string("/run/secrets/token"));
    /// ```
    pub fn ticket_from<F, Fut, E>(ask: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<String, E>> + Send + 'static,
        E: fmt::Display,
    {
        Self(Kind::TicketFrom(Arc::new(move || {
            let ticket = ask();
            Box::pin(async move { ticket.await.map_err(|error| error.to_string()) })
        })))
    }

    /// The secret of WAMP-CRA, which is never sent (AUTH-CRA-02). The same for routers that keep a salted key of it.
    ///
    /// ```
    /// use trunkline_client::{Client, Credential};
    ///
    /// let secret = Credential::wampcra("joe-secret");
    /// let builder = Client::builder("ws://127.0.0.1:8080/ws", "realm1").authid("joe").credential(secret);
    /// ```
    pub fn wampcra(secret: impl Into<String>) -> Self {
        Self(Kind::Given(proto::Credential::Wampcra { secret: secret.into() }))
    }

    /// WAMP-CRA where somebody else has the secret: `sign` is given the challenge, and answers with the signature
    /// (AUTH-CRA-05).
    ///
    /// ```
    /// use trunkline_client::Credential;
    ///
    /// # async fn ask_the_vault(_challenge: String) -> Result<String, std::io::Error> { Ok(String::new()) }
    /// let signer = Credential::wampcra_signer(|challenge| ask_the_vault(challenge));
    /// ```
    pub fn wampcra_signer<F, Fut, E>(sign: F) -> Self
    where
        F: Fn(String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<String, E>> + Send + 'static,
        E: fmt::Display,
    {
        Self(Kind::WampcraSigner(Arc::new(move |challenge| {
            let signature = sign(challenge);
            Box::pin(async move { signature.await.map_err(|error| error.to_string()) })
        })))
    }

    /// A password for WAMP-SCRAM, which is never sent, as the specification has it (AUTH-SCRAM-01).
    ///
    /// ```
    /// use trunkline_client::{Client, Credential};
    ///
    /// let password = Credential::scram("joe-password");
    /// let builder = Client::builder("ws://127.0.0.1:8080/ws", "realm1").authid("joe").credential(password);
    /// ```
    pub fn scram(password: impl Into<String>) -> Self {
        Self(Kind::Given(proto::Credential::Scram { dialect: Dialect::Wamp, password: password.into() }))
    }

    /// A password for SCRAM as Autobahn and Crossbar.io have it, method `scram` (A-37).
    ///
    /// ```
    /// use trunkline_client::{Client, Credential};
    ///
    /// // Whatever the router speaks.
    /// let builder = Client::builder("ws://127.0.0.1:8080/ws", "realm1")
    ///     .authid("joe")
    ///     .credential(Credential::scram("joe-password"))
    ///     .credential(Credential::autobahn_scram("joe-password"));
    /// ```
    pub fn autobahn_scram(password: impl Into<String>) -> Self {
        Self(Kind::Given(proto::Credential::Scram { dialect: Dialect::Autobahn, password: password.into() }))
    }

    /// An Ed25519 key by its seed (AUTH-CS-01).
    ///
    /// ```
    /// use trunkline_client::{Client, Credential};
    ///
    /// # fn key_of_this_device() -> [u8; 32] { [7; 32] }
    /// let key = Credential::cryptosign(key_of_this_device());
    /// let builder = Client::builder("wss://example.com/ws", "realm1").authid("joe").credential(key);
    /// ```
    pub fn cryptosign(seed: [u8; 32]) -> Self {
        Self(Kind::Cryptosign { seed: Zeroizing::new(seed), is_bound: false, router: None })
    }

    /// An Ed25519 key by its seed in 64 hexadecimal digits, as `trunkline keygen` prints it.
    ///
    /// # Errors
    /// If these are no 64 hexadecimal digits.
    ///
    /// ```
    /// use trunkline_client::Credential;
    ///
    /// assert!(Credential::cryptosign_hex(&"07".repeat(32)).is_ok());
    /// assert!(Credential::cryptosign_hex("seven").is_err());
    /// ```
    pub fn cryptosign_hex(seed: &str) -> Result<Self, CryptosignError> {
        cryptosign::parse_seed(seed).map(Self::cryptosign)
    }

    /// The same key, with a signature that is valid on this TLS connection only (`tls-exporter`, AUTH-CB-01). Without
    /// TLS there is nothing to bind to, and the client does not log in. [`Credential`] has an example.
    #[must_use]
    pub fn bound_to_channel(mut self) -> Self {
        if let Kind::Cryptosign { is_bound, .. } = &mut self.0 {
            *is_bound = true;
        }
        self
    }

    /// The same key, for the router that has this public key only: any other is left (AUTH-RTR-01).
    ///
    /// ```
    /// use trunkline_client::Credential;
    ///
    /// # let (seed, public_key_of_the_router) = ([7; 32], [8; 32]);
    /// let key = Credential::cryptosign(seed).expecting_router(public_key_of_the_router);
    /// ```
    #[must_use]
    pub fn expecting_router(mut self, public_key: [u8; 32]) -> Self {
        if let Kind::Cryptosign { router, .. } = &mut self.0 {
            *router = Some(public_key);
        }
        self
    }

    /// The certificate of the TLS client (AUTH-TRN-02); [`Tls`](crate::Tls) has an example.
    pub fn tls() -> Self {
        Self(Kind::Given(proto::Credential::Tls))
    }

    /// The cookie that the router set on an earlier connection of this client (AUTH-TRN-02).
    ///
    /// ```
    /// use trunkline_client::{Client, Credential};
    ///
    /// # async fn ask_somebody() -> Result<String, std::io::Error> { Ok(String::new()) }
    /// // Somebody is asked the first time only.
    /// let builder = Client::builder("wss://example.com/ws", "realm1")
    ///     .authid("joe")
    ///     .credential(Credential::cookie())
    ///     .credential(Credential::ticket_from(ask_somebody));
    /// ```
    pub fn cookie() -> Self {
        Self(Kind::Given(proto::Credential::Cookie))
    }

    /// None: whoever connects is somebody (AUTH-ANON-01). What a client without credentials offers.
    ///
    /// ```
    /// use trunkline_client::{Client, Credential};
    ///
    /// // Where the certificate is nobody's, this will do.
    /// let builder = Client::builder("wss://example.com/ws", "realm1")
    ///     .credential(Credential::tls())
    ///     .credential(Credential::anonymous());
    /// ```
    pub fn anonymous() -> Self {
        Self(Kind::Given(proto::Credential::Anonymous))
    }

    /// What the protocol needs of it for one log-in over that TLS channel.
    pub(crate) async fn prepare(&self, channel: Option<[u8; 32]>) -> Result<proto::Credential, ConnectError> {
        Ok(match &self.0 {
            Kind::Given(credential) => credential.clone(),
            Kind::TicketFrom(ask) => {
                proto::Credential::Ticket(ask().await.map_err(ConnectError::Credential)?)
            }
            Kind::WampcraSigner(_) => proto::Credential::WampcraSigner,
            Kind::Cryptosign { seed, is_bound, router } => {
                let channel = match (is_bound, channel) {
                    (false, _) => None,
                    (true, Some(id)) => Some(proto::Channel { binding: "tls-exporter".to_owned(), id }),
                    (true, None) => {
                        return Err(ConnectError::Credential(
                            "there is no TLS channel to bind to".to_owned(),
                        ));
                    }
                };
                let router =
                    router.map(|public_key| proto::ExpectedRouter { public_key, challenge: rand::random() });
                proto::Credential::Cryptosign { seed: **seed, channel, router }
            }
        })
    }

    /// Has the challenge of WAMP-CRA signed by somebody else, if this is for that.
    pub(crate) async fn sign(&self, challenge: &str) -> Option<Result<String, ConnectError>> {
        match &self.0 {
            Kind::WampcraSigner(sign) => {
                Some(sign(challenge.to_owned()).await.map_err(ConnectError::Credential))
            }
            _ => None,
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Given(credential) => credential.fmt(f),
            Kind::Cryptosign { .. } => f.write_str("Credential(cryptosign)"),
            Kind::TicketFrom(_) => f.write_str("Credential(ticket)"),
            Kind::WampcraSigner(_) => f.write_str("Credential(wampcra)"),
        }
    }
}
