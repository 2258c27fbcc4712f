//! The TLS of a listener: its certificate and key, checked before anything listens, and the handshake.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{Error, InconsistentKeys, ServerConfig, ServerConnection};
use thiserror::Error;
use tokio_rustls::TlsAcceptor;
use trunkline_config::Tls;

use super::OpenError;
use crate::transport::{HIGH_WATER, Plain, Stream};

/// First octet of a TLS handshake.
const HANDSHAKE_RECORD: u8 = 22;

/// Why a listener's certificate and key cannot be used.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file is not there, or not for us.
    #[error("cannot read {}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is not in PEM.
    #[error("{} is not a PEM file", file.display())]
    Pem {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// The PEM file holds no certificate.
    #[error("there is no certificate in {}", file.display())]
    NoCertificate {
        /// The file.
        file: PathBuf,
    },
    /// The PEM file holds no private key.
    #[error("there is no private key in {}", file.display())]
    NoKey {
        /// The file.
        file: PathBuf,
    },
    /// The file's first certificate, or its key, is of no use here.
    #[error("cannot use what is in {}", file.display())]
    Unusable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: Error,
    },
    /// The key belongs to another certificate.
    #[error("the key in {} is not the key of the first certificate in {}", key.display(), certificate.display())]
    KeyMismatch {
        /// The file with the key.
        key: PathBuf,
        /// The file with the certificate.
        certificate: PathBuf,
    },
}

/// The server's side of TLS 1.2 and 1.3 with the certificate and the key of those files.
pub(super) fn server_config(files: &Tls) -> Result<Arc<ServerConfig>, TlsError> {
    let (certificate_file, key_file) = (&files.certificate_file, &files.key_file);
    let provider = Arc::new(default_provider());
    let chain = certificates(certificate_file)?;
    let unusable = |file: &Path| {
        let file = file.to_owned();
        |source| TlsError::Unusable { file, source }
    };
    let key = provider.key_provider.load_private_key(private_key(key_file)?).map_err(unusable(key_file))?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
        Err(Error::InconsistentKeys(_)) => {
            return Err(TlsError::KeyMismatch {
                key: key_file.clone(),
                certificate: certificate_file.clone(),
            });
        }
        Err(source) => return Err(unusable(certificate_file)(source)),
    }
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unusable(certificate_file))?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    // A browser would otherwise not know that the WebSocket is to be had by HTTP/1.1.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Takes a connection through the TLS handshake.
///
/// Who does not begin with one is told nothing, and costs nothing: they took this port for a plain one.
pub(super) async fn accept(socket: Plain, config: &Arc<ServerConfig>) -> Result<Stream, OpenError> {
    match socket.peek().await? {
        None => return Err(OpenError::Closed),
        Some(HANDSHAKE_RECORD) => {}
        Some(octet) => return Err(OpenError::NotTls(octet)),
    }
    let limit_buffer = |connection: &mut ServerConnection| connection.set_buffer_limit(Some(HIGH_WATER));
    let stream =
        TlsAcceptor::from(config.clone()).accept_with(socket, limit_buffer).await.map_err(OpenError::Tls)?;
    Ok(Stream::Tls(Box::new(stream)))
}

fn read(file: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(file).map_err(|source| TlsError::Read { file: file.to_owned(), source })
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain = CertificateDer::pem_slice_iter(&read(file)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| TlsError::Pem { file: file.to_owned(), source })?;
    if chain.is_empty() { Err(TlsError::NoCertificate { file: file.to_owned() }) } else { Ok(chain) }
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(&read(file)?).map_err(|error| match error {
        pem::Error::NoItemsFound => TlsError::NoKey { file: file.to_owned() },
        source => TlsError::Pem { file: file.to_owned(), source },
    })
}
