//! What an open transport knows of the peer that TLS brought.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::{env, fs, process};

use crate::router::Router;
use rcgen::{CertificateParams, CertifiedIssuer, DnType, KeyPair};
use rustls::client::ClientConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, SupportedProtocolVersion};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsConnector, client};
use trunkline_config::{Certificate, Config, Listener};

use super::*;
use crate::listen::{Entrance, Source, open};
use crate::transport::Transport;

/// A folder with what a listener needs that asks its clients for certificates of an authority.
struct Files {
    folder: PathBuf,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Files {
    fn new(name: &str) -> Self {
        let folder = env::temp_dir().join(format!("trunkline-listen-{}-{name}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { folder, authority }
    }

    fn file(&self, name: &str, content: String) -> PathBuf {
        let path = self.folder.join(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn listener(&self) -> Listener {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["router.example".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.authority).unwrap();
        let mut tls = Tls::with(Certificate {
            certificate_file: self.file("certificate.pem", certificate.pem()),
            key_file: self.file("key.pem", key.serialize_pem()),
        });
        tls.client_ca_file = Some(self.file("authority.pem", self.authority.pem()));
        Listener { tls: Some(tls), ..Listener::default() }
    }

    fn alice(&self) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["alice.example".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "alice");
        let certificate = params.signed_by(&key, &self.authority).unwrap();
        (certificate.der().clone(), PrivateKeyDer::try_from(key.serialize_der()).unwrap())
    }

    /// Both ends of a RawSocket over TLS.
    async fn open(
        &self,
        version: &'static SupportedProtocolVersion,
        identity: Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>,
    ) -> (Transport, client::TlsStream<TcpStream>) {
        let acceptor = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let socket = TcpStream::connect(acceptor.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = acceptor.accept().await.unwrap();
        let entrance = Entrance::new(&self.listener(), &Router::new(&Config::default())).unwrap();
        let opening = tokio::spawn(async move {
            let mut source = Source::Tcp(SocketAddr::from(([127, 0, 0, 1], 1)));
            open(Plain::Tcp(accepted), &mut source, &entrance).await.map(|opened| opened.transport)
        });

        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().clone()).unwrap();
        let client = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots);
        let client = match identity {
            Some((certificate, key)) => client.with_client_auth_cert(vec![certificate], key).unwrap(),
            None => client.with_no_client_auth(),
        };
        let name = ServerName::try_from("router.example").unwrap();
        let mut socket = TlsConnector::from(Arc::new(client)).connect(name, socket).await.unwrap();
        socket.write_all(&[0x7F, 0xF1, 0, 0]).await.unwrap();
        (opening.await.unwrap().unwrap(), socket)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.folder).ok();
    }
}

#[tokio::test]
async fn an_open_transport_knows_the_certificate_of_its_peer() {
    let files = Files::new("certificate");
    for version in [&TLS12, &TLS13] {
        let (certificate, key) = files.alice();
        let (transport, _socket) = files.open(version, Some((certificate.clone(), key))).await;
        let read = transport.stream().client_certificate().unwrap();
        assert_eq!(read, crate::certificate::Certificate::read(&certificate).unwrap());
        assert_eq!(
            (read.common_name.as_deref(), &read.hosts[..]),
            (Some("alice"), &["alice.example".to_owned()][..])
        );
        let (transport, _socket) = files.open(version, None).await;
        assert_eq!(transport.stream().client_certificate(), None);
    }
}

#[tokio::test]
async fn both_ends_of_tls_1_3_have_the_same_channel_id() {
    let files = Files::new("channel");
    let mut seen = Vec::new();
    for _ in 0..2 {
        let (transport, socket) = files.open(&TLS13, None).await;
        let of_client = socket
            .get_ref()
            .1
            .export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b""))
            .unwrap();
        assert_eq!(transport.stream().channel_id(), Some(of_client));
        seen.push(of_client);
    }
    assert_ne!(seen[0], seen[1], "each connection has one of its own");
    let (transport, _socket) = files.open(&TLS12, None).await;
    assert_eq!(transport.stream().channel_id(), None);
}
