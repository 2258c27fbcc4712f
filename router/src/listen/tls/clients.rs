//! Which certificates of clients a listener takes.

use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use trunkline_config::{ClientCertificates, Tls};

use super::{TlsError, files, unusable};

/// Takes certificates of the authorities in that file, unless they are revoked.
pub(super) fn verifier(
    authorities: &Path,
    tls: &Tls,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in files::certificates(authorities)? {
        roots.add(certificate).map_err(unusable(authorities))?;
    }
    let roots = Arc::new(roots);
    let builder = || WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone());
    let mut verifier = builder();
    for file in &tls.client_crl_files {
        let lists = files::revocation_lists(file)?;
        let revocation = |source| TlsError::RevocationList { file: file.clone(), source };
        // Alone first: of many, the error would not say which one it means.
        builder().with_crls(lists.clone()).build().map_err(revocation)?;
        verifier = verifier.with_crls(lists);
    }
    if tls.client_certificates == ClientCertificates::Optional {
        verifier = verifier.allow_unauthenticated();
    }
    verifier.build().map_err(|source| TlsError::RevocationList { file: authorities.to_owned(), source })
}
