//! PEM files: what is in them, or what is missing there.

use std::fs;
use std::path::Path;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

use super::TlsError;

/// All certificates of a file, of which there is at least one.
pub(super) fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates = all(file)?;
    if certificates.is_empty() {
        return Err(TlsError::NoCertificate { file: file.to_owned() });
    }
    Ok(certificates)
}

/// All revocation lists of a file, of which there is at least one.
pub(super) fn revocation_lists(file: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    let lists = all(file)?;
    if lists.is_empty() {
        return Err(TlsError::NoRevocationList { file: file.to_owned() });
    }
    Ok(lists)
}

/// The first private key of a file.
pub(super) fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(&read(file)?).map_err(|error| match error {
        pem::Error::NoItemsFound => TlsError::NoKey { file: file.to_owned() },
        source => TlsError::Pem { file: file.to_owned(), source },
    })
}

fn all<T: PemObject>(file: &Path) -> Result<Vec<T>, TlsError> {
    let items = T::pem_slice_iter(&read(file)?).collect::<Result<_, _>>();
    items.map_err(|source| TlsError::Pem { file: file.to_owned(), source })
}

fn read(file: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(file).map_err(|source| TlsError::Read { file: file.to_owned(), source })
}
