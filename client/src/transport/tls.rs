//! TLS (TLS-01): which certificates are trusted, which one is shown, and the handshake.

use std::io;
use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{CertificateError, ClientConfig, ClientConnection, ProtocolVersion, RootCertStore};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::socket::Socket;
use super::{Connection, TransportError};

/// Which routers are trusted, and the certificate that they may ask for.
///
/// The router's certificate is always verified. Whoever needs other rules builds a [`rustls::ClientConfig`].
///
/// ```no_run
/// # async fn example(client: trunkline_client::Client) -> Result<(), Box<dyn std::error::Error>> {
/// use trunkline_client::{Client, Credential, Tls};
///
/// let tls = Tls::with_roots_pem(&std::fs::read("authority.pem")?)?
///     .client_certificate_pem(&std::fs::read("client.pem")?, &std::fs::read("client.key")?)?;
/// let builder = Client::builder("wss://example.com/ws", "realm1").tls(tls).credential(Credential::tls());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Tls(Arc<ClientConfig>);

/// Why TLS can't be set up.
///
/// ```
/// use trunkline_client::{Tls, TlsError};
///
/// assert!(matches!(Tls::with_roots_pem(b"no certificate"), Err(TlsError::NoCertificate(_))));
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The system's roots can't be read, or there are none.
    #[error("the system has no roots to trust: {0}")]
    NoSystemRoots(String),
    /// What should be PEM is not.
    #[error("{what} cannot be read as PEM")]
    Pem {
        /// What was read.
        what: &'static str,
        /// Why not.
        source: pem::Error,
    },
    /// The PEM has none of what it is for.
    #[error("there is no certificate in {0}")]
    NoCertificate(&'static str),
    /// A root is no certificate that can sign others.
    #[error("a root cannot be used")]
    Root(#[source] rustls::Error),
    /// The client's certificate and key don't fit together, or the key is of a kind that is not supported.
    #[error("the client's certificate and key cannot be used")]
    Client(#[source] rustls::Error),
    /// The library refuses its own defaults.
    #[error("TLS is not available")]
    Library(#[source] rustls::Error),
}

const ROOTS: &str = "the roots";
const CHAIN: &str = "the client's certificates";
const KEY: &str = "the client's key";

impl Tls {
    /// Trusts what the system trusts. Reads files: not for a task that others wait for.
    ///
    /// # Errors
    /// There is not one usable root.
    ///
    /// ```no_run
    /// # fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use trunkline_client::{Client, Credential, Tls};
    ///
    /// let tls = Tls::system()?.client_certificate_pem(&std::fs::read("joe.pem")?, &std::fs::read("joe.key")?)?;
    /// let builder = Client::builder("wss://example.com/ws", "realm1").tls(tls).credential(Credential::tls());
    /// # Ok(())
    /// # }
    /// ```
    pub fn system() -> Result<Self, TlsError> {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        // Systems have roots that nobody can read any more. That is no reason to do without the others.
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            let errors: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
            let reason = if errors.is_empty() { "none was found".to_owned() } else { errors.join(", ") };
            return Err(TlsError::NoSystemRoots(reason));
        }
        Self::with_roots(roots)
    }

    /// Trusts these certificates, and no others: those of authorities, or the router's own if it signed it itself.
    ///
    /// # Errors
    /// One of them is unusable, or there is none.
    pub fn with_roots_pem(roots: &[u8]) -> Result<Self, TlsError> {
        let mut store = RootCertStore::empty();
        for root in certificates(roots, ROOTS)? {
            store.add(root).map_err(TlsError::Root)?;
        }
        Self::with_roots(store)
    }

    fn with_roots(roots: RootCertStore) -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = builder.map_err(TlsError::Library)?.with_root_certificates(roots).with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }

    /// Shows this certificate to a router that asks for one: `chain` begins with it and goes on with those that
    /// signed it, without the root.
    ///
    /// # Errors
    /// They can't be read, or the key is not the certificate's.
    pub fn client_certificate_pem(self, chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain = certificates(chain, CHAIN)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|source| TlsError::Pem { what: KEY, source })?;
        let mut config = Arc::unwrap_or_clone(self.0);
        config.client_auth_cert_resolver = shown(chain, key, config.crypto_provider())?;
        Ok(Self(Arc::new(config)))
    }

    /// What transports are opened with.
    pub(crate) fn into_config(self) -> Arc<ClientConfig> {
        self.0
    }
}

impl From<Arc<ClientConfig>> for Tls {
    /// Takes the configuration as it is, verification of certificates included.
    fn from(config: Arc<ClientConfig>) -> Self {
        Self(config)
    }
}

fn shown(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    provider: &CryptoProvider,
) -> Result<Arc<dyn ResolvesClientCert>, TlsError> {
    let certified = CertifiedKey::from_der(chain, key, provider).map_err(TlsError::Client)?;
    Ok(Arc::new(SingleCertAndKey::from(certified)))
}

fn certificates(pem: &[u8], what: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match certificates {
        Ok(certificates) if certificates.is_empty() => Err(TlsError::NoCertificate(what)),
        Ok(certificates) => Ok(certificates),
        Err(source) => Err(TlsError::Pem { what, source }),
    }
}

/// The handshake with the router that is called `host`.
pub(super) async fn connect(
    stream: TcpStream,
    host: &str,
    config: Option<&Arc<ClientConfig>>,
) -> Result<Connection, TransportError> {
    let invalid = |error| TransportError::Tls(Arc::new(io::Error::new(io::ErrorKind::InvalidInput, error)));
    let name = ServerName::try_from(host.to_owned()).map_err(invalid)?;
    let config = match config {
        Some(config) => Arc::clone(config),
        None => system_config().await?,
    };
    let stream =
        TlsConnector::from(config).connect(name, stream).await.map_err(|error| refused(host, error))?;
    let channel = channel_id(stream.get_ref().1);
    Ok(Connection { socket: Socket::new(stream), channel })
}

/// Anew for each connection: a process that runs for months should not trust what the system no longer does.
async fn system_config() -> Result<Arc<ClientConfig>, TransportError> {
    match tokio::task::spawn_blocking(Tls::system).await {
        Ok(Ok(tls)) => Ok(tls.0),
        Ok(Err(error)) => Err(TransportError::TlsSettings(Arc::new(error))),
        Err(error) => Err(TransportError::Io(Arc::new(error.into()))),
    }
}

fn channel_id(connection: &ClientConnection) -> Option<[u8; 32]> {
    let is_bound = connection.protocol_version() == Some(ProtocolVersion::TLSv1_3);
    let export = || connection.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b""));
    is_bound.then(export)?.ok()
}

fn refused(host: &str, error: io::Error) -> TransportError {
    use rustls::Error::{InvalidCertificate, NoCertificatesPresented};
    let problem = match error.get_ref().and_then(|cause| cause.downcast_ref()) {
        Some(InvalidCertificate(problem)) => in_words(problem),
        Some(NoCertificatesPresented) => "there is none".to_owned(),
        Some(_) => return TransportError::Tls(Arc::new(error)),
        None => return TransportError::Io(Arc::new(error)),
    };
    TransportError::Certificate { host: host.to_owned(), problem }
}

fn in_words(problem: &CertificateError) -> String {
    let words = match problem {
        CertificateError::UnknownIssuer => "nobody whom we trust signed it",
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet: is the clock right?"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another name"
        }
        CertificateError::Revoked => "it has been revoked",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "it is not for a server"
        }
        CertificateError::BadEncoding => "it is damaged",
        CertificateError::BadSignature => "its signature is wrong",
        other => return other.to_string(),
    };
    words.to_owned()
}
