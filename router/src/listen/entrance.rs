//! What the connections of one listener share: its settings, its certificate and its places.

use std::sync::Arc;

use rustls::ServerConfig;
use trunkline_config::{Listener, ProxyHeader};

use super::admission::Admission;
use super::{Source, TlsError, forwarded, tls};
use crate::authentication::Cookies;
use crate::router::Router;

/// One listener, whatever its addresses.
#[derive(Debug)]
pub(crate) struct Entrance {
    pub(crate) listener: Listener,
    /// Octets of one message, in either framing.
    pub(super) message_max_bytes: usize,
    /// With it, TLS is all that is accepted.
    pub(super) tls: Option<Arc<ServerConfig>>,
    pub(super) admission: Arc<Admission>,
    pub(super) cookies: Arc<Cookies>,
}

impl Entrance {
    /// Reads the certificate, if there is to be one.
    ///
    /// # Errors
    /// If the certificate or its key cannot be used.
    pub(crate) fn new(listener: &Listener, router: &Router) -> Result<Self, TlsError> {
        let counters = router.shared_counters().clone();
        Ok(Self {
            message_max_bytes: listener.message_max_bytes.unwrap_or(router.limits().message_max_bytes),
            tls: listener.tls.as_ref().map(tls::server_config).transpose()?,
            admission: Admission::new(listener, counters, router.memory().clone()),
            cookies: router.cookies().clone(),
            listener: listener.clone(),
        })
    }

    /// The header by which that peer says for whom it connects, if it is a proxy that is believed.
    pub(super) fn proxy_header_of(&self, peer: Source) -> Option<ProxyHeader> {
        let is_trusted = forwarded::is_trusted(peer, &self.listener.trusted_proxies);
        self.listener.proxy_header.filter(|_| is_trusted)
    }
}
