//! Which of a listener's certificates a client is shown: that of the host that it names.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};
use trunkline_config::{Certificate as Files, Tls};

use super::{TlsError, files, unusable};
use crate::certificate::Certificate;

/// The certificates of a listener.
#[derive(Debug)]
pub(super) struct Hosts {
    default: Arc<CertifiedKey>,
    /// By the names in them, in lower case; `*.` stands before what a wildcard is within.
    by_name: HashMap<String, Arc<CertifiedKey>>,
}

impl Hosts {
    /// Reads the certificates and their keys.
    pub(super) fn read(tls: &Tls, provider: &CryptoProvider) -> Result<Self, TlsError> {
        let default = certified(&tls.default_certificate, provider)?;
        let mut by_name = HashMap::new();
        // Who names no host in it gets it all the same, so that it need have none.
        let mut taken: HashMap<String, PathBuf> = HashMap::new();
        for name in names(&default) {
            taken.insert(name, tls.default_certificate.certificate_file.clone());
        }
        for files in &tls.certificates {
            let file = &files.certificate_file;
            let certified = certified(files, provider)?;
            let names = names(&certified);
            if names.is_empty() {
                return Err(TlsError::NoHost { file: file.clone() });
            }
            for name in names {
                // A certificate may have a name twice, but not two certificates the same one.
                match taken.insert(name.clone(), file.clone()) {
                    Some(first) if &first != file => {
                        return Err(TlsError::SameHost { host: name, first, second: file.clone() });
                    }
                    _ => by_name.insert(name, certified.clone()),
                };
            }
        }
        Ok(Self { default, by_name })
    }

    /// The certificate for that host, which is in lower case: its own before one with a wildcard, which stands for
    /// one label (RFC 6125, 6.4.3).
    fn of(&self, host: Option<&str>) -> &Arc<CertifiedKey> {
        let named = host.and_then(|host| {
            let wildcard = || host.split_once('.').map(|(_, within)| format!("*.{within}"));
            self.by_name.get(host).or_else(|| self.by_name.get(&wildcard()?))
        });
        named.unwrap_or(&self.default)
    }
}

impl ResolvesServerCert for Hosts {
    fn resolve(&self, client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.of(client_hello.server_name()).clone())
    }
}

/// The hosts that a certificate is for, in lower case.
fn names(certified: &CertifiedKey) -> Vec<String> {
    let read = certified.cert.first().and_then(|certificate| Certificate::read(certificate).ok());
    let hosts = read.map(|certificate| certificate.hosts).unwrap_or_default();
    hosts.iter().map(|host| host.to_ascii_lowercase()).collect()
}

fn certified(files: &Files, provider: &CryptoProvider) -> Result<Arc<CertifiedKey>, TlsError> {
    let Files { certificate_file, key_file } = files;
    let chain = files::certificates(certificate_file)?;
    let key = files::private_key(key_file)?;
    let key = provider.key_provider.load_private_key(key).map_err(unusable(key_file))?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(Arc::new(certified)),
        Err(Error::InconsistentKeys(_)) => {
            Err(TlsError::KeyMismatch { key: key_file.clone(), certificate: certificate_file.clone() })
        }
        Err(source) => Err(unusable(certificate_file)(source)),
    }
}
