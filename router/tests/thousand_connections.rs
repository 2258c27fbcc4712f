//! A thousand connections that join, get their events in order and leave, again and again: what they took comes back.
#![cfg(all(target_os = "linux", feature = "cli"))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a harness fails the test that uses it")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tokio_tungstenite::tungstenite::client::client;
use tokio_tungstenite::tungstenite::{ClientRequestBuilder, Message, WebSocket};
use wamp_proto::rawsocket::{FramePrefix, FrameType, PREFIX_LENGTH};

/// How long a test waits for what has to come. Only a failure ever waits so long.
const DEADLINE: Duration = Duration::from_secs(20);

const CONNECTIONS: usize = 1000;
const ROUNDS: usize = 3;
const EVENTS: usize = 3;

/// What the router's memory may have grown by from the end of the first round to the end of the last. The allocator
/// keeps up to 7 MiB more or less from round to round, without a trend over ten of them; this is crossed when each
/// session leaves 6 KiB behind.
const GROWTH_MAX_KIB: u64 = 12 * 1024;

const HOST: &str = "router.example";

/// A router in a process of its own, killed with this.
struct Router {
    process: Child,
    folder: PathBuf,
    plain: SocketAddr,
    tls: SocketAddr,
    client: Arc<ClientConfig>,
}

impl Router {
    /// Starts it with a TCP port, a socket file, and a port for TLS.
    fn start() -> Self {
        // The path of a socket file must be short.
        let folder = std::env::temp_dir().join(format!("trunkline-thousand-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let issued = rcgen::generate_simple_self_signed([HOST.to_owned()]).unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
        write("certificate.pem", &issued.cert.pem());
        write("key.pem", &issued.signing_key.serialize_pem());
        write("trunkline.toml", CONFIGURATION);
        let mut process = Command::new(env!("CARGO_BIN_EXE_trunkline"))
            .args(["start", "--config"])
            .arg(folder.join("trunkline.toml"))
            .env("RUST_LOG", "error")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the executable runs");
        let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines().map_while(Result::ok);
        let mut address = || {
            let line =
                lines.by_ref().find(|line| line.trim_start().starts_with("Address")).expect("a banner");
            line.split_whitespace().nth(1).expect("an address").to_owned()
        };
        let [plain, _unix, tls] = std::array::from_fn(|_| address());
        Self {
            process,
            folder,
            plain: plain.parse().unwrap(),
            tls: tls.parse().unwrap(),
            client: trusting(issued.cert.der()),
        }
    }

    /// Kibibytes in memory.
    fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(self.proc("status")).expect("a running process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        line.trim().strip_suffix(" kB").expect("kibibytes").parse().unwrap()
    }

    /// How many descriptors are open.
    fn descriptors(&self) -> usize {
        std::fs::read_dir(self.proc("fd")).expect("a running process").count()
    }

    fn proc(&self, file: &str) -> PathBuf {
        Path::new("/proc").join(self.process.id().to_string()).join(file)
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

const CONFIGURATION: &str = r#"
[[listeners]]
addresses = ["127.0.0.1:0", "unix:trunkline.sock"]

[[listeners]]
addresses = ["127.0.0.1:0"]

[listeners.tls]
certificate_file = "certificate.pem"
key_file = "key.pem"

[[realms]]
name = "realm1"
anonymous_role = "anybody"

[[realms.roles]]
name = "anybody"

[[realms.roles.permissions]]
uri = ""
match = "prefix"
allow = ["publish", "subscribe"]
"#;

fn trusting(certificate: &CertificateDer<'static>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

trait Duplex: Read + Write {}

impl<S: Read + Write> Duplex for S {}

type Socket = Box<dyn Duplex>;

/// The ways into the router.
#[derive(Clone, Copy)]
enum Way {
    Tcp,
    Unix,
    Tls,
}

/// A session in JSON.
enum Peer {
    RawSocket(Socket),
    WebSocket(Box<WebSocket<Socket>>),
}

impl Peer {
    fn join(router: &Router, way: Way, is_websocket: bool) -> Self {
        let tcp = |address| {
            let socket = TcpStream::connect(address).expect("the router listens");
            socket.set_read_timeout(Some(DEADLINE)).unwrap();
            socket.set_nodelay(true).unwrap();
            socket
        };
        let mut socket: Socket = match way {
            Way::Tcp => Box::new(tcp(router.plain)),
            Way::Unix => {
                let socket = UnixStream::connect(router.folder.join("trunkline.sock")).unwrap();
                socket.set_read_timeout(Some(DEADLINE)).unwrap();
                Box::new(socket)
            }
            Way::Tls => {
                let name = ServerName::try_from(HOST).unwrap();
                let session = ClientConnection::new(router.client.clone(), name).unwrap();
                Box::new(StreamOwned::new(session, tcp(router.tls)))
            }
        };
        let mut peer = if is_websocket {
            let request = ClientRequestBuilder::new(format!("ws://{HOST}/ws").parse().unwrap());
            let request = request.with_sub_protocol("wamp.2.json");
            match client(request, socket) {
                Ok((websocket, _)) => Self::WebSocket(Box::new(websocket)),
                Err(error) => panic!("{error}"),
            }
        } else {
            socket.write_all(b"\x7f\xf1\0\0").expect("the router reads");
            let mut reply = [0; 4];
            socket.read_exact(&mut reply).expect("a reply");
            assert_eq!((reply[0], reply[1] & 0x0f), (0x7f, 1));
            Self::RawSocket(socket)
        };
        peer.send(r#"[1,"realm1",{"roles":{"publisher":{},"subscriber":{}}}]"#);
        assert!(peer.receive().starts_with("[2,"));
        peer
    }

    fn send(&mut self, message: &str) {
        match self {
            Self::WebSocket(websocket) => websocket.send(Message::text(message)).expect("the router reads"),
            Self::RawSocket(socket) => {
                let prefix = FramePrefix::new(FrameType::Wamp, message.len()).expect("a short message");
                let frame = [&prefix.encode(), message.as_bytes()].concat();
                socket.write_all(&frame).expect("the router reads");
            }
        }
    }

    /// The next message. Pings are answered on the way.
    fn receive(&mut self) -> String {
        loop {
            match self {
                Self::WebSocket(websocket) => match websocket.read().expect("a frame") {
                    Message::Text(text) => return text.as_str().to_owned(),
                    Message::Ping(_) => {}
                    other => panic!("{other:?}"),
                },
                Self::RawSocket(socket) => {
                    let mut prefix = [0; PREFIX_LENGTH];
                    socket.read_exact(&mut prefix).expect("a frame");
                    let prefix = FramePrefix::parse(prefix).expect("the router frames well");
                    let mut body = vec![0; prefix.length()];
                    socket.read_exact(&mut body).expect("a whole frame");
                    match prefix.frame_type() {
                        FrameType::Wamp => return String::from_utf8(body).expect("JSON is UTF-8"),
                        _ => {
                            let pong = FramePrefix::new(FrameType::Pong, body.len()).expect("a short ping");
                            socket
                                .write_all(&[&pong.encode(), &body[..]].concat())
                                .expect("the router reads");
                        }
                    }
                }
            }
        }
    }
}

/// Everybody joins and subscribes, gets the events in order and nothing else, and leaves.
fn round(router: &Router) {
    let ways = [Way::Tcp, Way::Unix, Way::Tls];
    let mut subscribers: Vec<Peer> =
        (0..CONNECTIONS).map(|number| Peer::join(router, ways[number % 3], number % 2 == 0)).collect();
    for subscriber in &mut subscribers {
        subscriber.send(r#"[32,1,{},"com.example.tick"]"#);
        assert!(subscriber.receive().starts_with("[33,1,"));
    }
    let mut publisher = Peer::join(router, Way::Tcp, false);
    for number in 1..=EVENTS {
        publisher.send(&format!(r#"[16,{number},{{}},"com.example.tick",[{number}]]"#));
    }
    let mut received = 0;
    for subscriber in &mut subscribers {
        for number in 1..=EVENTS {
            let event = subscriber.receive();
            assert!(event.starts_with("[36,") && event.ends_with(&format!(",{{}},[{number}]]")), "{event}");
            received += 1;
        }
    }
    assert_eq!(received, CONNECTIONS * EVENTS);
    for peer in subscribers.iter_mut().chain([&mut publisher]) {
        peer.send(r#"[6,{},"wamp.close.normal"]"#);
        assert_eq!(peer.receive(), r#"[6,{},"wamp.close.goodbye_and_out"]"#);
    }
}

#[test]
fn a_thousand_connections_come_and_go_and_leave_neither_descriptors_nor_memory_behind() {
    let router = Router::start();
    // Threads and what is made once are there with the first session.
    let _first = Peer::join(&router, Way::Tls, true);
    let idle = router.descriptors();
    let resident: Vec<u64> = (0..ROUNDS)
        .map(|_| {
            round(&router);
            let since = Instant::now();
            while router.descriptors() > idle {
                assert!(since.elapsed() < DEADLINE, "{} descriptors, of {idle}", router.descriptors());
                std::thread::yield_now();
            }
            router.resident()
        })
        .collect();
    let growth = resident[ROUNDS - 1].saturating_sub(resident[0]);
    assert!(growth <= GROWTH_MAX_KIB, "grown by {growth} KiB: {resident:?}");
}
