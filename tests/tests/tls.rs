//! Listeners with certificates: what is spoken inside TLS, which one is shown and which ones are taken, who is turned away,
//! what keeps a router from starting.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper fails the test that uses it")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, CertifiedKey,
    IsCa, KeyIdMethod, KeyPair, RevokedCertParams, SanType, SerialNumber, date_time_ymd,
    generate_simple_self_signed,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use trunkline::config::{
    Address, Certificate, CertificateName, ClientCertificates, Config, Principal, Secret, Tls,
};
use trunkline::{Router, check};
use trunkline_tests::{
    DEADLINE, Peer, STRICT, Scratch, TestRouter, Transport, Via, config, event, frame, hello, rawsocket_over,
    within_deadline,
};
use wamp_proto::auth::cryptosign;
use wamp_proto::error_uri::{AUTHENTICATION_DENIED, NO_MATCHING_AUTH_METHOD};
use wamp_proto::rawsocket::{FrameType, MaxLength};
use wamp_proto::{Message, SerializerId};

const HOST: &str = "router.example";
const RAW_JSON: Via = Via(Transport::RawSocket, SerializerId::Json);

/// An authority that nobody but the tests trusts, and files with its one certificate.
struct Authority {
    scratch: Scratch,
    issued: CertifiedKey<KeyPair>,
}

impl Authority {
    fn new() -> Self {
        Self { scratch: Scratch::new(), issued: generate_simple_self_signed([HOST.to_owned()]).unwrap() }
    }

    fn certificate(&self) -> PathBuf {
        self.scratch.file("certificate.pem", self.issued.cert.pem())
    }

    fn key(&self) -> PathBuf {
        self.scratch.file("key.pem", self.issued.signing_key.serialize_pem())
    }

    /// A configuration whose listener has this certificate.
    fn config(&self) -> Config {
        with_tls(&self.certificate(), &self.key())
    }

    fn client(&self, versions: &[&'static SupportedProtocolVersion], protocols: &[&str]) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.issued.cert.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        TlsConnector::from(Arc::new(config))
    }

    async fn over<S: AsyncRead + AsyncWrite + Unpin>(&self, socket: S) -> TlsStream<S> {
        let name = ServerName::try_from(HOST).unwrap();
        let connecting = self.client(&[&TLS13, &TLS12], &[]).connect(name, socket);
        within_deadline("the TLS handshake", connecting).await.unwrap()
    }

    async fn connect(&self, router: &TestRouter) -> TlsStream<TcpStream> {
        self.over(TcpStream::connect(router.address()).await.unwrap()).await
    }
}

fn with_tls(certificate_file: &Path, key_file: &Path) -> Config {
    let mut config = config();
    config.listeners[0].tls = Some(Tls::with(Certificate {
        certificate_file: certificate_file.to_owned(),
        key_file: key_file.to_owned(),
    }));
    config
}

#[tokio::test]
async fn tls_01_sessions_over_tls_speak_both_transports_by_tcp_and_by_unix_socket() {
    let authority = Authority::new();
    let path = authority.scratch.path("trunkline.sock");
    let mut config = authority.config();
    config.listeners[0].addresses.push(Address::Unix(path.clone()));
    let router = TestRouter::with(&config).await;
    for via in Via::sockets() {
        let mut alice = Peer::join_over(authority.connect(&router).await, "alice", via).await;
        let socket = authority.over(UnixStream::connect(&path).await.unwrap()).await;
        let mut bob = Peer::join_over(socket, "bob", via).await;
        let tick = bob.subscribe("com.example.tick").await;
        let payload = format!("[\"{}\"]", "x".repeat(900_000));
        alice.publish("com.example.tick", &payload).await;
        let [_] = bob.expect(&event(tick, &payload)).await;
        alice.expect_pong(b"still there?").await;
        bob.register("com.example.add").await;
        let call = alice.call("com.example.add", "[1,2]").await;
        let invocation = bob.expect_invocation().await;
        bob.answer(&invocation, "[3]").await;
        alice.expect_message(&format!("[50,{call},{{}},[3]]")).await;
    }
    router.wait_until_empty().await;
}

#[tokio::test]
async fn a_subscriber_over_tls_that_pauses_and_reads_on_misses_nothing() {
    const EVENTS: usize = 300;
    let authority = Authority::new();
    let mut config = authority.config();
    config.limits.outbox_max_bytes = 1 << 26;
    let router = TestRouter::with(&config).await;
    for via in Via::json() {
        let mut bob = Peer::join_over(authority.connect(&router).await, "bob", via).await;
        let tick = bob.subscribe("com.example.tick").await;
        let mut alice = Peer::join_over(authority.connect(&router).await, "alice", via).await;
        for number in 0..EVENTS {
            let payload = format!("[{number},\"{}\"]", "x".repeat(60_000));
            alice.publish_acknowledged("com.example.tick", &payload).await;
        }
        for number in 0..EVENTS {
            let [_] = bob.expect(&event(tick, &format!("[{number},\"{}\"]", "x".repeat(60_000)))).await;
        }
    }
}

/// What the kernel does not take waits in the TLS session. The number of events at which that is all that waits is the
/// system's affair, so that many are tried.
#[tokio::test]
async fn the_last_octets_reach_a_subscriber_over_tls_that_paused() {
    let authority = Authority::new();
    let path = authority.scratch.path("trunkline.sock");
    let mut config = authority.config();
    config.listeners[0].addresses.push(Address::Unix(path.clone()));
    // A ping would push out what was forgotten.
    config.listeners[0].ping_interval = DEADLINE * 4;
    let router = TestRouter::with(&config).await;
    let mut alice = Peer::join_over(authority.connect(&router).await, "alice", Via::json()[1]).await;
    let payload = format!("[\"{}\"]", "x".repeat(1000));
    for events in (100..320).step_by(4) {
        let socket = authority.over(UnixStream::connect(&path).await.unwrap()).await;
        let mut bob = Peer::join_over(socket, "bob", Via::json()[1]).await;
        let tick = bob.subscribe("com.example.tick").await;
        for _ in 0..events {
            alice.publish_acknowledged("com.example.tick", &payload).await;
        }
        for _ in 0..events {
            let [_] = bob.expect(&event(tick, &payload)).await;
        }
    }
}

#[tokio::test]
async fn plain_text_is_refused_at_its_first_octet() {
    let authority = Authority::new();
    let router = TestRouter::with(&authority.config()).await;
    for octets in [&b"\x7f\xf1\0\0"[..], b"GET /ws HTTP/1.1\r\nHost: router.example\r\n\r\n", b"\x7f"] {
        let mut socket = TcpStream::connect(router.address()).await.unwrap();
        socket.write_all(octets).await.unwrap();
        let mut answer = Vec::new();
        // What was not read resets the connection.
        within_deadline("the end", socket.read_to_end(&mut answer)).await.ok();
        assert_eq!(answer, b"");
    }
    router.wait_until("all are counted", |router| router.counters().handshakes_refused.value() == 3).await;
    // And the other way round.
    let plain = TestRouter::start().await;
    let name = ServerName::try_from(HOST).unwrap();
    let socket = TcpStream::connect(plain.address()).await.unwrap();
    let connecting = authority.client(&[&TLS13], &[]).connect(name, socket);
    assert!(within_deadline("the end", connecting).await.is_err());
}

#[tokio::test]
async fn a_full_listener_spends_no_tls_handshake_on_who_cannot_stay() {
    let authority = Authority::new();
    let mut config = authority.config();
    config.listeners[0].connections_max = 0;
    let router = TestRouter::with(&config).await;
    let socket = TcpStream::connect(router.address()).await.unwrap();
    let connecting = authority.client(&[&TLS13], &[]).connect(ServerName::try_from(HOST).unwrap(), socket);
    assert!(within_deadline("the end", connecting).await.is_err());
    assert_eq!(router.router().counters().connections_refused.value(), 1);
}

#[tokio::test]
async fn half_a_tls_handshake_times_out() {
    let authority = Authority::new();
    let mut config = authority.config();
    config.listeners[0].handshake_timeout = DEADLINE / 200;
    let router = TestRouter::with(&config).await;
    let mut socket = TcpStream::connect(router.address()).await.unwrap();
    // A record of 512 octets that never come.
    socket.write_all(&[22, 3, 1, 2, 0, 1]).await.unwrap();
    within_deadline("the end", socket.read_to_end(&mut Vec::new())).await.ok();
    router.wait_until("it is counted", |router| router.counters().handshakes_timed_out.value() == 1).await;
}

#[tokio::test]
async fn versions_1_2_and_1_3_are_spoken_and_http_1_1_is_what_is_inside() {
    let authority = Authority::new();
    let router = TestRouter::with(&authority.config()).await;
    for (versions, version) in [(&[&TLS12], ProtocolVersion::TLSv1_2), (&[&TLS13], ProtocolVersion::TLSv1_3)]
    {
        let name = ServerName::try_from(HOST).unwrap();
        let socket = TcpStream::connect(router.address()).await.unwrap();
        let connector = authority.client(versions, &["h2", "http/1.1"]);
        let socket = within_deadline("the handshake", connector.connect(name, socket)).await.unwrap();
        assert_eq!(socket.get_ref().1.protocol_version(), Some(version));
        assert_eq!(socket.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        let via = Via(Transport::WebSocket, SerializerId::Json);
        Peer::join_over(socket, "alice", via).await.publish_acknowledged("com.example.tick", "").await;
    }
}

#[tokio::test]
async fn the_router_ends_tls_with_close_notify() {
    let authority = Authority::new();
    let router = TestRouter::with(&authority.config()).await;
    // Without it, reading fails with an unexpected end.
    let socket = Box::new(authority.connect(&router).await);
    let mut raw = rawsocket_over(socket, SerializerId::Json, MaxLength::MAX).await;
    raw.stream.write_all(&frame(FrameType::Wamp, hello("com.example.nowhere").as_bytes())).await.unwrap();
    let mut octets = Vec::new();
    within_deadline("the end", raw.stream.read_to_end(&mut octets)).await.unwrap();
    assert!(octets.ends_with(b"wamp.error.no_such_realm\"]"));

    let mut socket = authority.connect(&router).await;
    socket.write_all(b"GET /nothing HTTP/1.0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    within_deadline("the end", socket.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.contains(" 404 Not Found"), "{answer}");

    let mut socket = authority.connect(&router).await;
    socket.write_all(b"GET /ws HTTP/1.0\r\nHost: router.example\r\n\r\n").await.unwrap();
    answer.clear();
    within_deadline("the end", socket.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.contains("connect to wss://router.example/ws "), "{answer}");
}

#[tokio::test]
async fn a_session_whose_tls_ends_without_close_notify_is_gone() {
    let authority = Authority::new();
    let router = TestRouter::with(&authority.config()).await;
    let socket = authority.connect(&router).await;
    let mut raw = rawsocket_over(Box::new(socket), SerializerId::Json, MaxLength::MAX).await;
    raw.send(FrameType::Wamp, hello(STRICT).as_bytes()).await;
    within_deadline("WELCOME", raw.receive()).await.unwrap();
    assert_eq!(router.router().sessions(), 1);
    drop(raw);
    router.wait_until_empty().await;
}

/// An authority that signs certificates for others.
struct Issuer(CertifiedIssuer<'static, KeyPair>);

/// A certificate, its serial number and its key.
struct Identity {
    certificate: CertificateDer<'static>,
    serial: SerialNumber,
    pem: String,
    key: KeyPair,
}

impl Issuer {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, key.public_key_pem());
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    fn issue(&self, names: &[&str]) -> Identity {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        let key = KeyPair::generate().unwrap();
        let serial = SerialNumber::from_slice(&key.public_key_raw()[1..9]);
        params.serial_number = Some(serial.clone());
        params.subject_alt_names.push(SanType::URI("urn:example".try_into().unwrap()));
        let issued = params.signed_by(&key, &self.0).unwrap();
        Identity { certificate: issued.der().clone(), serial, pem: issued.pem(), key }
    }

    fn revocation_list(&self, revoked: &[&Identity]) -> String {
        let revoked = revoked.iter().map(|identity| RevokedCertParams {
            serial_number: identity.serial.clone(),
            revocation_time: date_time_ymd(2026, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 1, 1),
            // Long ago: an old list still says what is revoked.
            next_update: date_time_ymd(2026, 1, 2),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.0).unwrap().pem().unwrap()
    }

    /// A client that trusts this authority, and shows that certificate.
    fn client(
        &self,
        version: &'static SupportedProtocolVersion,
        identity: Option<&Identity>,
    ) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder =
            ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
        let builder = builder.with_root_certificates(roots);
        TlsConnector::from(Arc::new(match identity {
            Some(Identity { certificate, key, .. }) => {
                let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
                builder.with_client_auth_cert(vec![certificate.clone()], key).unwrap()
            }
            None => builder.with_no_client_auth(),
        }))
    }
}

impl Identity {
    /// Writes the certificate and its key to files.
    fn files(&self, scratch: &Scratch, name: &str) -> Certificate {
        Certificate {
            certificate_file: scratch.file(format!("{name}.pem"), &self.pem),
            key_file: scratch.file(format!("{name}-key.pem"), self.key.serialize_pem()),
        }
    }
}

#[tokio::test]
async fn clients_are_shown_the_certificate_of_the_host_that_they_name() {
    let (scratch, issuer) = (Scratch::new(), Issuer::new());
    let default = issuer.issue(&["default.example", "127.0.0.1"]);
    let shop = issuer.issue(&["SHOP.example", "www.shop.example"]);
    let tenants = issuer.issue(&["*.tenants.example", "xn--bcher-kva.example"]);
    let own = issuer.issue(&["own.tenants.example"]);
    let mut tls = Tls::with(default.files(&scratch, "default"));
    for (name, identity) in [("shop", &shop), ("tenants", &tenants), ("own", &own)] {
        tls.certificates.push(identity.files(&scratch, name));
    }
    let mut config = config();
    config.listeners[0].tls = Some(tls);
    let router = TestRouter::with(&config).await;
    let connect = async |host: &str, version| {
        let socket = TcpStream::connect(router.address()).await.unwrap();
        let name = ServerName::try_from(host.to_owned()).unwrap();
        within_deadline("the handshake", issuer.client(version, None).connect(name, socket)).await
    };
    for (host, shown) in [
        ("default.example", &default),
        // Without a name: addresses are not sent.
        ("127.0.0.1", &default),
        ("shop.example", &shop),
        ("WWW.shop.example", &shop),
        ("a.tenants.example", &tenants),
        ("xn--bcher-kva.example", &tenants),
        ("own.tenants.example", &own),
    ] {
        for version in [&TLS12, &TLS13] {
            let socket = connect(host, version).await.unwrap();
            assert_eq!(socket.get_ref().1.peer_certificates().unwrap()[0], shown.certificate, "{host}");
        }
    }
    for host in ["unknown.example", "a.b.tenants.example", "tenants.example", "a.shop.example"] {
        // The client's own check is what fails, and says what it was shown.
        let error = connect(host, &TLS13).await.unwrap_err().to_string();
        assert!(error.contains("default.example") && error.contains(host), "{host}: {error}");
    }
}

/// Whether that client gets as far as WAMP.
async fn is_let_in(router: &TestRouter, client: &TlsConnector) -> bool {
    let name = ServerName::try_from("default.example").unwrap();
    let socket = TcpStream::connect(router.address()).await.unwrap();
    // In TLS 1.3 a client is done before it hears what the router thinks of its certificate.
    let Ok(mut socket) = within_deadline("the handshake", client.connect(name, socket)).await else {
        return false;
    };
    let mut reply = [0; 4];
    let talk = async {
        socket.write_all(&[0x7F, 0xF1, 0, 0]).await?;
        socket.read_exact(&mut reply).await
    };
    within_deadline("the reply", talk).await.is_ok_and(|_| reply == [0x7F, 0xB1, 0, 0])
}

#[tokio::test]
async fn a_client_certificate_must_be_good_and_may_be_required() {
    let (scratch, issuer, foreign) = (Scratch::new(), Issuer::new(), Issuer::new());
    let (good, revoked) = (issuer.issue(&["good.example"]), issuer.issue(&["revoked.example"]));
    let stranger = foreign.issue(&["good.example"]);
    let mut tls = Tls::with(issuer.issue(&["default.example"]).files(&scratch, "default"));
    tls.client_ca_file = Some(scratch.file("authorities.pem", issuer.0.pem()));
    tls.client_crl_files = vec![scratch.file("revoked.pem", issuer.revocation_list(&[&revoked]))];
    for (demand, may_have_none) in
        [(ClientCertificates::Optional, true), (ClientCertificates::Required, false)]
    {
        tls.client_certificates = demand;
        let mut config = config();
        config.listeners[0].tls = Some(tls.clone());
        let router = TestRouter::with(&config).await;
        for version in [&TLS12, &TLS13] {
            let is_let_in = async |identity| is_let_in(&router, &issuer.client(version, identity)).await;
            assert_eq!(is_let_in(None).await, may_have_none, "{demand:?}, {version:?}");
            assert!(is_let_in(Some(&good)).await, "{demand:?}, {version:?}");
            assert!(!is_let_in(Some(&revoked)).await, "{demand:?}, {version:?}");
            assert!(!is_let_in(Some(&stranger)).await, "{demand:?}, {version:?}");
        }
        let refused = if may_have_none { 4 } else { 6 };
        let are_counted = |router: &Router| router.counters().handshakes_refused.value() == refused;
        router.wait_until("all are counted", are_counted).await;
    }
}

#[tokio::test]
async fn certificates_of_an_authority_without_a_revocation_list_are_taken_only_if_there_is_none_at_all() {
    let (scratch, listed, unlisted) = (Scratch::new(), Issuer::new(), Issuer::new());
    let mut tls = Tls::with(listed.issue(&["default.example"]).files(&scratch, "default"));
    tls.client_ca_file = Some(scratch.file("authorities.pem", listed.0.pem() + &unlisted.0.pem()));
    let (of_listed, of_unlisted) = (listed.issue(&["a.example"]), unlisted.issue(&["b.example"]));
    for has_list in [false, true] {
        if has_list {
            tls.client_crl_files = vec![scratch.file("revoked.pem", listed.revocation_list(&[]))];
        }
        let mut config = config();
        config.listeners[0].tls = Some(tls.clone());
        let router = TestRouter::with(&config).await;
        assert!(is_let_in(&router, &listed.client(&TLS13, Some(&of_listed))).await);
        assert_eq!(is_let_in(&router, &listed.client(&TLS13, Some(&of_unlisted))).await, !has_list);
    }
}

#[tokio::test]
async fn who_is_asked_for_no_certificate_need_have_none() {
    let (scratch, issuer) = (Scratch::new(), Issuer::new());
    let mut config = config();
    config.listeners[0].tls = Some(Tls::with(issuer.issue(&["default.example"]).files(&scratch, "default")));
    let router = TestRouter::with(&config).await;
    let stranger = Issuer::new().issue(&["stranger.example"]);
    assert!(is_let_in(&router, &issuer.client(&TLS13, Some(&stranger))).await);
}

/// Why that configuration does not start; `check` says the same.
async fn start_error(config: &Config) -> String {
    let said = |error: &dyn std::error::Error| match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    let line = said(&TestRouter::try_with(config).await.expect_err("no start"));
    assert_eq!(check(config).iter().map(|error| said(error)).collect::<Vec<_>>(), [line.as_str()]);
    assert!(!line.contains('\n'), "{line}");
    line
}

#[tokio::test]
async fn nothing_listens_without_a_certificate_and_its_key() {
    let (authority, other) = (Authority::new(), Authority::new());
    let (certificate, key) = (authority.certificate(), authority.key());
    let missing = authority.scratch.path("missing.pem");
    let damaged = authority.scratch.file("damaged.pem", "-----BEGIN CERTIFICATE-----\nMII");
    let nonsense = authority
        .scratch
        .file("nonsense.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
    let show = |path: &Path| path.display().to_string();
    for (tls, expected) in [
        ((&missing, &key), format!("cannot read {}: No such file", show(&missing))),
        ((&certificate, &missing), format!("cannot read {}: No such file", show(&missing))),
        ((&key, &key), format!("there is no certificate in {}", show(&key))),
        ((&certificate, &certificate), format!("there is no private key in {}", show(&certificate))),
        ((&damaged, &key), format!("{} is not a PEM file: ", show(&damaged))),
        ((&nonsense, &key), format!("cannot use what is in {}: ", show(&nonsense))),
        (
            (&certificate, &other.key()),
            format!(
                "the key in {} is not the key of the first certificate in {}",
                show(&other.key()),
                show(&certificate)
            ),
        ),
    ] {
        let socket = authority.scratch.path("trunkline.sock");
        let mut config = with_tls(tls.0, tls.1);
        config.listeners[0].addresses.insert(0, Address::Unix(socket.clone()));
        let error = start_error(&config).await;
        assert!(error.starts_with(&expected), "{error}\n{expected}");
        assert!(!socket.exists());
    }
    assert!(check(&authority.config()).is_empty());
}

#[tokio::test]
async fn nothing_listens_with_certificates_that_contradict_each_other_or_say_nothing() {
    let (scratch, issuer) = (Scratch::new(), Issuer::new());
    let files = |name: &str, hosts: &[&str]| issuer.issue(hosts).files(&scratch, name);
    let default = Tls::with(files("default", &["default.example", "a.example"]));
    let one = files("one", &["b.example", "B.example", "*.c.example"]);
    let same = files("same", &["x.example", "*.C.example"]);
    let as_default = files("as-default", &["a.example"]);
    let nobody = files("nobody", &[]);
    let show = |files: &Certificate| files.certificate_file.display().to_string();
    let crl = scratch.file("crl.pem", issuer.revocation_list(&[]));
    let nonsense = scratch.file("nonsense.pem", "-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----\n");
    let authorities = scratch.file("authorities.pem", issuer.0.pem());
    let both = |first, second, host| {
        format!("the certificates in {} and {} are both for \"{host}\"", show(first), show(second))
    };
    let with = |certificates: &[&Certificate]| Tls {
        certificates: certificates.iter().map(|&files| files.clone()).collect(),
        ..default.clone()
    };
    let clients = |client_ca_file: &Path, lists: &[&Path]| Tls {
        client_ca_file: Some(client_ca_file.to_owned()),
        client_crl_files: lists.iter().map(|&list| list.to_owned()).collect(),
        ..default.clone()
    };
    for (tls, expected) in [
        (with(&[&one, &same]), both(&one, &same, "*.c.example")),
        (with(&[&as_default]), both(&default.default_certificate, &as_default, "a.example")),
        (with(&[&one, &nobody]), format!("the first certificate in {} is for no host", show(&nobody))),
        (clients(&crl, &[]), format!("there is no certificate in {}", crl.display())),
        (
            clients(&authorities, &[&authorities]),
            format!("there is no revocation list in {}", authorities.display()),
        ),
        (
            clients(&authorities, &[&crl, &nonsense]),
            format!("cannot use the revocation list in {}: ", nonsense.display()),
        ),
    ] {
        let mut config = config();
        config.listeners[0].tls = Some(tls);
        let error = start_error(&config).await;
        assert!(error.starts_with(&expected), "{error}\n{expected}");
    }
    for tls in [with(&[&one]), clients(&authorities, &[&crl])] {
        let mut config = config();
        config.listeners[0].tls = Some(tls);
        assert!(check(&config).is_empty());
    }
}

/// A router that takes certificates of that authority, and knows principals by them and by a key.
fn with_certified_principals(scratch: &Scratch, issuer: &Issuer, known: &Identity) -> Config {
    let mut tls = Tls::with(issuer.issue(&["default.example"]).files(scratch, "default"));
    tls.client_ca_file = Some(scratch.file("authorities.pem", issuer.0.pem()));
    let mut config = config();
    config.listeners[0].tls = Some(tls);
    let fingerprint = sha256(&known.certificate);
    let principal = |authid: &str, certificates, cryptosign| Principal {
        cryptosign,
        certificates,
        ..Principal::new(authid, "anonymous")
    };
    config.realms[0].rules.principals = vec![
        principal("fred", vec![CertificateName::Fingerprint(fingerprint)], Vec::new()),
        principal("dora", vec![CertificateName::AlternativeName("dns:dora.example".to_owned())], Vec::new()),
        principal("kate", Vec::new(), vec![cryptosign::public_key(&[7; 32])]),
    ];
    config
}

fn sha256(octets: &[u8]) -> [u8; 32] {
    use sha2::Digest as _;
    sha2::Sha256::digest(octets).into()
}

async fn connect_as(router: &TestRouter, client: &TlsConnector) -> TlsStream<TcpStream> {
    let name = ServerName::try_from("default.example").unwrap();
    let socket = TcpStream::connect(router.address()).await.unwrap();
    within_deadline("the handshake", client.connect(name, socket)).await.unwrap()
}

fn hello_by(method: &str, more: &str) -> String {
    format!(r#"[1,"{STRICT}",{{"roles":{{"caller":{{}}}},"authmethods":["{method}"]{more}}}]"#)
}

#[tokio::test]
async fn auth_trn_02_a_client_certificate_says_who_it_is() {
    let (scratch, issuer) = (Scratch::new(), Issuer::new());
    let (fred, dora, nobody) =
        (issuer.issue(&["x.example"]), issuer.issue(&["dora.example"]), issuer.issue(&["y.example"]));
    let router = TestRouter::with(&with_certified_principals(&scratch, &issuer, &fred)).await;
    let join = async |identity: Option<&Identity>, more: &str| {
        let socket = connect_as(&router, &issuer.client(&TLS13, identity)).await;
        let mut peer = Peer::connect_over(socket, "client", RAW_JSON).await;
        peer.send(&hello_by("tls", more)).await;
        peer
    };
    for (identity, authid) in [(&fred, "fred"), (&dora, "dora")] {
        for more in [String::new(), format!(r#","authid":"{authid}""#)] {
            let welcome = join(Some(identity), &more).await.expect_welcome().await;
            assert_eq!(welcome.details.authid.as_deref(), Some(authid));
            assert_eq!(welcome.details.authmethod.as_deref(), Some("tls"));
        }
    }
    // Somebody else, nobody that is known, and nobody at all.
    for (identity, more) in [(Some(&fred), r#","authid":"dora""#), (Some(&nobody), ""), (None, "")] {
        let mut peer = join(identity, more).await;
        let reason = if more.is_empty() { NO_MATCHING_AUTH_METHOD } else { AUTHENTICATION_DENIED };
        peer.expect_abort(reason).await;
    }
}

/// Conformance: AUTH-CB-02
#[tokio::test]
async fn auth_cb_01_the_signature_is_of_this_channel_and_no_other() {
    let (scratch, issuer) = (Scratch::new(), Issuer::new());
    let known = issuer.issue(&["x.example"]);
    let mut config = with_certified_principals(&scratch, &issuer, &known);
    config.authentication.router_key = Some(Secret(cryptosign::to_hex(&[9; 32])));
    let router = TestRouter::with(&config).await;
    let channel_of = |socket: &TlsStream<TcpStream>| {
        socket.get_ref().1.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(&[])).unwrap()
    };
    let (seed, wanted) = ([7; 32], [5; 32]);
    let more = format!(
        r#","authextra":{{"pubkey":"{}","channel_binding":"tls-exporter","challenge":"{}"}}"#,
        cryptosign::to_hex(&cryptosign::public_key(&seed)),
        cryptosign::to_hex(&wanted)
    );
    let foreign = channel_of(&connect_as(&router, &issuer.client(&TLS13, None)).await);
    for (is_foreign, is_bound) in [(false, true), (true, true), (false, false)] {
        let socket = connect_as(&router, &issuer.client(&TLS13, None)).await;
        let own = channel_of(&socket);
        let mut peer = Peer::connect_over(socket, "client", RAW_JSON).await;
        peer.send(&hello_by("cryptosign", &more)).await;
        let Message::Challenge(challenge) = peer.receive().await else { panic!("no CHALLENGE") };
        let text = |key: &str| {
            let found = challenge.extra.extra.iter().find(|(name, _)| name == key);
            found.and_then(|(_, value)| value.as_str()).unwrap()
        };
        assert_eq!(text("channel_binding"), "tls-exporter");
        // The router's own proof is bound as well (AUTH-RTR-01).
        let key = cryptosign::parse_public_key(text("pubkey")).unwrap();
        assert_eq!(cryptosign::verify(&key, &wanted, Some(&own), text("signature")), Ok(()));
        let octets = cryptosign::parse_challenge(text("challenge")).unwrap();
        let channel = if is_foreign { &foreign } else { &own };
        let signature = cryptosign::sign(&seed, &octets, is_bound.then_some(channel));
        peer.send(&format!(r#"[5,"{signature}",{{}}]"#)).await;
        if is_bound && !is_foreign {
            assert_eq!(peer.expect_welcome().await.details.authid.as_deref(), Some("kate"));
        } else {
            peer.expect_abort(AUTHENTICATION_DENIED).await;
        }
    }
}
