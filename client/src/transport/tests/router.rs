//! Transports to a real router, over each kind of socket.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use rustls::version::{TLS12, TLS13};
use tokio::net::{TcpListener, UnixListener};
use tokio_rustls::TlsAcceptor;
use trunkline::config::{self, Certificate, ClientCertificates, Config, Cookie, Listener};
use trunkline_tests::{STRICT, Scratch, TestRouter, frame, hello};
use wamp_proto::SerializerId::{Cbor, Json};
use wamp_proto::rawsocket::FrameType;
use wamp_proto::{DecodeRules, Message, decode};

use super::*;

/// An authority that nobody but the tests trusts.
struct Issuer(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, as PEM.
struct Issued {
    certificate: String,
    key: KeyPair,
}

impl Issuer {
    fn new() -> Self {
        Self::called("Authority")
    }

    fn called(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn issue(&self, name: &str) -> Issued {
        self.issue_with(name, |_| {})
    }

    fn issue_with(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Issued {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        Issued { certificate: params.signed_by(&key, &self.0).unwrap().pem(), key }
    }

    fn trusted(&self) -> Tls {
        Tls::with_roots_pem(self.0.pem().as_bytes()).unwrap()
    }
}

/// The listener's certificate, with its files.
fn tls(scratch: &Scratch, issued: &Issued) -> config::Tls {
    config::Tls::with(Certificate {
        certificate_file: scratch.file("certificate.pem", &issued.certificate),
        key_file: scratch.file("key.pem", issued.key.serialize_pem()),
    })
}

/// A router with one port, whose certificate this is.
async fn start_with(tls: config::Tls) -> TestRouter {
    let mut config = trunkline_tests::config();
    config.listeners[0].tls = Some(tls);
    TestRouter::with(&config).await
}

fn at(scheme: &str, router: &TestRouter) -> Address {
    format!("{scheme}://{}", router.address()).parse().unwrap()
}

fn trusting(tls: &Tls) -> TransportSettings {
    TransportSettings { tls: Some(tls.clone().into_config()), ..settings(&[Json]) }
}

async fn try_open(address: &Address, settings: &TransportSettings) -> Result<Opened, TransportError> {
    within_deadline(&address.to_string(), open(address, settings, None)).await
}

async fn join(opened: Opened) -> Channel {
    let mut channel = opened.transport;
    let hello = decode(Json, &hello(STRICT).into(), &DecodeRules::default()).unwrap();
    send(&mut channel, &hello.encode(opened.serializer).unwrap()).await;
    let answer = receive(&mut channel).await.unwrap().unwrap();
    let answer = decode(opened.serializer, &answer, &DecodeRules::default()).unwrap();
    assert!(matches!(answer, Message::Welcome(_)), "{answer:?}");
    channel
}

/// Conformance: WS-03, RAW-01, RAW-02, TLS-01
#[tokio::test]
async fn ws_01_sessions_join_over_every_transport_in_every_serializer() {
    let (scratch, issuer) = (Scratch::new(), Issuer::new());
    let path = scratch.path("trunkline.sock");
    let mut config: Config = trunkline_tests::config();
    let secure =
        Listener { tls: Some(tls(&scratch, &issuer.issue("127.0.0.1"))), ..config.listeners[0].clone() };
    config.listeners[0].addresses.push(config::Address::Unix(path.clone()));
    config.listeners.push(secure);
    let router = TestRouter::with(&config).await;
    let [plain, _, secure] = &router.addresses()[..] else { panic!("three addresses") };
    for address in [
        format!("ws://{plain}/ws"),
        format!("rs://{plain}"),
        format!("unix:{}", path.display()),
        format!("wss://{secure}/ws"),
        format!("rss://{secure}"),
    ] {
        let address: Address = address.parse().unwrap();
        for serializer in SerializerId::ALL {
            let settings = TransportSettings { serializers: vec![serializer], ..trusting(&issuer.trusted()) };
            let opened = try_open(&address, &settings).await.unwrap();
            assert_eq!(opened.serializer, serializer, "{address}");
            assert_eq!(opened.send_max_bytes, 1 << 20, "{address}");
            assert_eq!(opened.channel.is_some(), address.to_string().contains("ss:"), "{address}");
            let mut channel = join(opened).await;
            assert_eq!(router.router().sessions(), 1);
            within_deadline("closing", channel.close()).await.unwrap();
            router.wait_until_empty().await;
        }
    }
}

#[tokio::test]
async fn dropping_a_transport_ends_the_session() {
    let router = TestRouter::start().await;
    for scheme in ["ws", "rs"] {
        drop(join(try_open(&at(scheme, &router), &settings(&[Cbor])).await.unwrap()).await);
        router.wait_until_empty().await;
    }
}

#[tokio::test]
async fn dropping_an_opening_closes_its_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut settings = settings(&[Json]);
    settings.tls = Some(Issuer::new().trusted().into_config());
    for scheme in ["ws", "wss", "rs", "rss"] {
        let address: Address = format!("{scheme}://{address}").parse().unwrap();
        let mut socket = tokio::select! {
            accepted = async {
                let (mut socket, _) = listener.accept().await.unwrap();
                socket.read_u8().await.unwrap();
                socket
            } => accepted,
            opened = open(&address, &settings, None) => panic!("{:?}", refused(opened)),
        };
        let mut rest = Vec::new();
        // With or without a reset: octets of ours may be on the way.
        within_deadline("the connection ends", socket.read_to_end(&mut rest)).await.ok();
    }
}

#[tokio::test]
async fn a_path_where_nobody_speaks_wamp_is_named_by_its_status() {
    let router = TestRouter::start().await;
    let address = format!("ws://{}/nothing/here", router.address()).parse().unwrap();
    let error = refused(try_open(&address, &settings(&[Json])).await);
    assert_eq!(said(&error), "the WebSocket is refused with the HTTP status 404");
}

#[tokio::test]
async fn a_place_where_nobody_listens_is_named() {
    let scratch = Scratch::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let free = listener.local_addr().unwrap();
    drop(listener);
    let socket = scratch.path("gone.sock");
    drop(UnixListener::bind(&socket).unwrap());
    for address in [format!("ws://{free}/"), format!("rss://{free}"), format!("unix:{}", socket.display())] {
        let parsed = address.parse().unwrap();
        let error = refused(try_open(&parsed, &settings(&[Json])).await);
        assert!(
            matches!(&error, TransportError::Connect { source, .. } if source.kind() == io::ErrorKind::ConnectionRefused),
            "{error:?}"
        );
        assert_eq!(error.to_string(), format!("cannot connect to {address}"));
    }
}

#[tokio::test]
async fn settings_without_a_serializer_open_nothing() {
    let router = TestRouter::start().await;
    for scheme in ["ws", "rs"] {
        let error = refused(try_open(&at(scheme, &router), &settings(&[])).await);
        assert!(matches!(error, TransportError::NoSerializer), "{error:?}");
    }
}

#[tokio::test]
async fn the_cookie_of_the_upgrade_is_handed_out() {
    let mut config = trunkline_tests::config();
    config.listeners[0].cookie = Some(Cookie { max_age: Duration::from_secs(600), cookies_max: 10 });
    let router = TestRouter::with(&config).await;
    let first = try_open(&at("ws", &router), &settings(&[Json])).await.unwrap().cookie.unwrap();
    assert!(first.contains('=') && !first.contains(';'), "{first}");
    assert_eq!(try_open(&at("rs", &router), &settings(&[Json])).await.unwrap().cookie, None);
}

#[tokio::test]
async fn tls_01_a_certificate_that_is_not_to_be_trusted_is_refused_in_words() {
    let (issuer, foreign, namesake) = (Issuer::new(), Issuer::called("Other"), Issuer::new());
    let expired = |params: &mut CertificateParams| params.not_after = date_time_ymd(2020, 1, 1);
    let coming = |params: &mut CertificateParams| params.not_before = date_time_ymd(2500, 1, 1);
    let of_client = |params: &mut CertificateParams| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    };
    for (issued, problem) in [
        (foreign.issue("127.0.0.1"), "nobody whom we trust signed it"),
        (namesake.issue("127.0.0.1"), "its signature is wrong"),
        (issuer.issue("127.0.0.2"), "it is for another name"),
        (issuer.issue("router.example"), "it is for another name"),
        (issuer.issue_with("127.0.0.1", expired), "it has expired"),
        (issuer.issue_with("127.0.0.1", coming), "it is not valid yet: is the clock right?"),
        (issuer.issue_with("127.0.0.1", of_client), "it is not for a server"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let acceptor = acceptor(&issued, &[&TLS13]);
        for scheme in ["wss", "rss"] {
            let address = format!("{scheme}://{}", listener.local_addr().unwrap()).parse().unwrap();
            let settings = trusting(&issuer.trusted());
            let accepting = async {
                let (socket, _) = listener.accept().await.unwrap();
                acceptor.accept(socket).await.is_err()
            };
            let (opened, _) = tokio::join!(try_open(&address, &settings), accepting);
            let said = said(&refused(opened));
            assert_eq!(said, format!("the certificate of 127.0.0.1 is not accepted: {problem}"));
        }
    }
}

/// Without roots of their own, clients trust the system's, among which the test's authority is not.
#[tokio::test]
async fn tls_01_the_system_decides_whom_to_trust_by_default() {
    let (scratch, issuer) = (Scratch::new(), Issuer::new());
    let router = start_with(tls(&scratch, &issuer.issue("127.0.0.1"))).await;
    let error = refused(try_open(&at("wss", &router), &settings(&[Json])).await);
    let has_roots = Tls::system().is_ok();
    assert!(
        match &error {
            TransportError::Certificate { .. } => has_roots,
            TransportError::TlsSettings(_) => !has_roots,
            _ => false,
        },
        "{error:?}"
    );
}

#[tokio::test]
async fn a_router_without_tls_is_no_certificate_problem() {
    let router = TestRouter::start().await;
    let settings = trusting(&Issuer::new().trusted());
    for scheme in ["wss", "rss"] {
        let error = refused(try_open(&at(scheme, &router), &settings).await);
        assert!(matches!(error, TransportError::Tls(_) | TransportError::Io(_)), "{error:?}");
    }
}

#[tokio::test]
async fn a_router_that_requires_a_certificate_is_shown_one() {
    let (scratch, issuer) = (Scratch::new(), Issuer::new());
    let mut demanding = tls(&scratch, &issuer.issue("127.0.0.1"));
    demanding.client_ca_file = Some(scratch.file("authorities.pem", issuer.0.pem()));
    demanding.client_certificates = ClientCertificates::Required;
    let router = start_with(demanding).await;
    let alice = issuer.issue("alice.example");
    let shown = issuer
        .trusted()
        .client_certificate_pem(alice.certificate.as_bytes(), alice.key.serialize_pem().as_bytes())
        .unwrap();
    for scheme in ["wss", "rss"] {
        let address = at(scheme, &router);
        join(try_open(&address, &trusting(&shown)).await.unwrap()).await;
        let error = refused(try_open(&address, &trusting(&issuer.trusted())).await);
        assert!(matches!(error, TransportError::Tls(_)), "{error:?}");
    }
}

#[test]
fn pem_that_is_no_good_is_named() {
    let issuer = Issuer::new();
    let (alice, bob) = (issuer.issue("alice.example"), issuer.issue("bob.example"));
    let said = |result: Result<Tls, TlsError>| result.expect_err("an error").to_string();
    assert_eq!(said(Tls::with_roots_pem(b"")), "there is no certificate in the roots");
    let broken = b"-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n";
    assert_eq!(said(Tls::with_roots_pem(broken)), "the roots cannot be read as PEM");
    let empty = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert_eq!(said(Tls::with_roots_pem(empty)), "a root cannot be used");
    let show = |chain: &str, key: &str| {
        said(issuer.trusted().client_certificate_pem(chain.as_bytes(), key.as_bytes()))
    };
    let (chain, key) = (&alice.certificate, &alice.key.serialize_pem());
    assert_eq!(show("", key), "there is no certificate in the client's certificates");
    assert_eq!(show(chain, chain), "the client's key cannot be read as PEM");
    let other = bob.key.serialize_pem();
    assert_eq!(show(chain, &other), "the client's certificate and key cannot be used");
}

fn acceptor(issued: &Issued, versions: &[&'static rustls::SupportedProtocolVersion]) -> TlsAcceptor {
    use rustls::pki_types::{CertificateDer, pem::PemObject};
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let certificate = CertificateDer::from_pem_slice(issued.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(issued.key.serialize_pem().as_bytes()).unwrap();
    let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    let config = builder.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    TlsAcceptor::from(Arc::new(config))
}

#[tokio::test]
async fn tls_that_ends_between_two_messages_without_its_goodbye_is_no_failure() {
    let issuer = Issuer::new();
    let acceptor = acceptor(&issuer.issue("127.0.0.1"), &[&TLS13]);
    let settings = trusting(&issuer.trusted());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("rss://{}", listener.local_addr().unwrap()).parse().unwrap();
    let script = async {
        let (socket, _) = listener.accept().await.unwrap();
        let mut socket = acceptor.accept(socket).await.unwrap();
        socket.read_exact(&mut [0; 4]).await.unwrap();
        socket.write_all(&[0x7F, 0xF1, 0, 0]).await.unwrap();
        socket.write_all(&frame(FrameType::Wamp, b"[]")).await.unwrap();
        socket.flush().await.unwrap();
    };
    let (opened, ()) = tokio::join!(try_open(&address, &settings), script);
    let mut channel = opened.unwrap().transport;
    expect_message(&mut channel, b"[]").await;
    assert!(receive(&mut channel).await.is_none());
}

/// RFC 9266; with TLS 1.2 it would need an extension that we cannot see.
#[tokio::test]
async fn both_ends_of_tls_1_3_have_the_same_channel_id() {
    let issuer = Issuer::new();
    let issued = issuer.issue("127.0.0.1");
    let settings = trusting(&issuer.trusted());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("rss://{}", listener.local_addr().unwrap()).parse().unwrap();
    for (version, is_bound) in [(&TLS13, true), (&TLS12, false)] {
        let acceptor = acceptor(&issued, &[version]);
        let script = async {
            let (socket, _) = listener.accept().await.unwrap();
            let mut socket = acceptor.accept(socket).await.unwrap();
            socket.write_all(&[0x7F, 0xF1, 0, 0]).await.unwrap();
            let session = socket.get_ref().1;
            session.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b"")).unwrap()
        };
        let (opened, of_router) = tokio::join!(try_open(&address, &settings), script);
        assert_eq!(opened.unwrap().channel, is_bound.then_some(of_router));
    }
}
