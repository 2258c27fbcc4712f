//! The TLS of a listener: its files, checked before anything listens, and the handshake.
//!
//! `files` reads them, `hosts` picks the certificate that a client is shown, `clients` says which of theirs are taken.

mod clients;
mod files;
mod hosts;

#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem;
use rustls::server::VerifierBuilderError;
use rustls::{Error, ServerConfig, ServerConnection};
use thiserror::Error;
use tokio_rustls::TlsAcceptor;
use trunkline_config::Tls;

use super::OpenError;
use crate::transport::{HIGH_WATER, Plain, Stream};
use hosts::Hosts;

/// First octet of a TLS handshake.
const HANDSHAKE_RECORD: u8 = 22;

/// Why a listener's certificates and keys, or those of its clients' authorities, cannot be used.
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
    /// A certificate that is to be chosen by the host that a client names is for none.
    #[error("the first certificate in {} is for no host", file.display())]
    NoHost {
        /// The file.
        file: PathBuf,
    },
    /// Two certificates are for the same host.
    #[error("the certificates in {} and {} are both for {host:?}", first.display(), second.display())]
    SameHost {
        /// The host, perhaps with a wildcard.
        host: String,
        /// The file with one of them.
        first: PathBuf,
        /// The file with the other.
        second: PathBuf,
    },
    /// The PEM file holds no revocation list.
    #[error("there is no revocation list in {}", file.display())]
    NoRevocationList {
        /// The file.
        file: PathBuf,
    },
    /// A revocation list cannot be used.
    #[error("cannot use the revocation list in {}", file.display())]
    RevocationList {
        /// The file.
        file: PathBuf,
        /// Why.
        source: VerifierBuilderError,
    },
}

/// The server's side of TLS 1.2 and 1.3 with what is in those files.
pub(super) fn server_config(tls: &Tls) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(default_provider());
    let hosts = Hosts::read(tls, &provider)?;
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(unusable(&tls.default_certificate.certificate_file))?;
    let builder = match &tls.client_ca_file {
        Some(file) => builder.with_client_cert_verifier(clients::verifier(file, tls, &provider)?),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(hosts));
    // A browser would otherwise not know that the WebSocket is to be had by HTTP/1.1.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// What went wrong with the content of that file.
fn unusable(file: &Path) -> impl FnOnce(Error) -> TlsError + use<> {
    let file = file.to_owned();
    |source| TlsError::Unusable { file, source }
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
