//! A listener and all that stands behind it, over sockets: what comes before the first message, and framing.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::runtime::Runtime;
use tokio::task::yield_now;
use tokio::time::timeout;
use trunkline::Server;
use trunkline_config::{Address, Config, Listener, ListenerKind, Realm};
use wamp_proto::rawsocket::{FramePrefix, FrameType, MAGIC};
use wamp_proto::{DecodeRules, Message, MessageCode, SerializerId, decode};

/// No peer that closes its half waits longer for the other one.
const DEADLINE: Duration = Duration::from_secs(20);

/// Turns that the server gets between two parts of what a peer writes.
const TURNS: usize = 4;

/// A server of this thread: one listener for WAMP, and one that sends back what comes over WebSocket.
struct Served {
    runtime: Runtime,
    folder: PathBuf,
    _server: Server,
}

thread_local! {
    static SERVED: Served = Served::start();
}

impl Served {
    fn start() -> Self {
        let name = format!("trunkline-fuzz-{}-{:?}", std::process::id(), std::thread::current().id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("a folder for sockets");
        let listener = |kind, name| Listener {
            kind,
            addresses: vec![Address::Unix(folder.join(name))],
            ..Listener::default()
        };
        let config = Config {
            listeners: vec![
                listener(ListenerKind::Router, "router"),
                listener(ListenerKind::WebsocketTestee, "testee"),
            ],
            realms: vec![Realm::open("realm1")],
            ..Config::default()
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let server = runtime.block_on(Server::start(&config)).expect("a server on new sockets");
        Self { runtime, folder, _server: server }
    }

    /// All that the server says to a peer that writes this in parts of that length, and then nothing more; none if the
    /// server was done with it earlier, and what it said is lost.
    fn answer(&self, listener: &str, octets: &[u8], part: usize) -> Option<Vec<u8>> {
        let talk = async {
            let mut stream =
                UnixStream::connect(self.folder.join(listener)).await.expect("the server listens");
            let is_written = write(&mut stream, octets, part).await.is_ok();
            let mut answer = Vec::new();
            let is_read = stream.read_to_end(&mut answer).await.is_ok();
            (is_written && is_read).then_some(answer)
        };
        let talk = async { timeout(DEADLINE, talk).await };
        self.runtime.block_on(talk).expect("the server lets go of a peer that closed")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            eprintln!("{} stays: {error}", self.folder.display());
        }
    }
}

async fn write(stream: &mut UnixStream, octets: &[u8], part: usize) -> io::Result<()> {
    for part in octets.chunks(part.max(1)) {
        stream.write_all(part).await?;
        for _ in 0..TURNS {
            yield_now().await;
        }
    }
    stream.shutdown().await
}

/// [`Served::answer`], or something like it.
type Answer = fn(&Served, &str, &[u8], usize) -> Option<Vec<u8>>;

/// Short enough that every frame is cut.
fn part_of(octets: &[u8]) -> usize {
    1 + octets.len() / 40
}

/// Any octets as all that a peer says over HTTP and WebSocket: the answer is HTTP or nothing, and behind an upgrade the same
/// if it all comes in small parts.
pub(crate) fn http_upgrade(octets: &[u8]) {
    talk_http(octets, Served::answer);
}

fn talk_http(octets: &[u8], answer: Answer) {
    SERVED.with(|served| {
        for listener in ["router", "testee"] {
            let whole = answer(served, listener, octets, octets.len());
            if octets.first() == Some(&MAGIC) {
                continue;
            }
            if let Some(answer) = &whole {
                assert!(answer.is_empty() || answer.starts_with(b"HTTP/1."), "{}", answer.escape_ascii());
            }
            let parts = answer(served, listener, octets, part_of(octets));
            if let (Some(whole), Some(parts)) = (whole, parts)
                && listener == "testee"
                && undated(&whole).contains("HTTP/1.1 101 ")
            {
                assert_eq!(undated(&whole), undated(&parts), "the same in parts");
            }
        }
    });
}

/// The answer as text, without the headers that tell the time.
fn undated(answer: &[u8]) -> String {
    let lines = answer.split_inclusive(|octet| *octet == b'\n');
    lines.filter(|line| !line.starts_with(b"date: ")).map(|line| line.escape_ascii().to_string()).collect()
}

/// Any octets as all that a peer says over RawSocket, behind a handshake if they do not begin with one: the router says the
/// same if it all comes in small parts.
pub(crate) fn rawsocket(octets: &[u8]) {
    talk_rawsocket(octets, Served::answer);
}

fn talk_rawsocket(octets: &[u8], answer: Answer) {
    let octets = match octets.first() {
        Some(&MAGIC) => octets.to_vec(),
        _ => [&[MAGIC, 0xF1, 0, 0], octets].concat(),
    };
    SERVED.with(|served| {
        let whole = answer(served, "router", &octets, octets.len());
        let parts = answer(served, "router", &octets, part_of(&octets));
        if let (Some(whole), Some(parts)) = (whole, parts) {
            Said::new(&whole).assert_like(&Said::new(&parts));
        }
    });
}

/// What a router said over RawSocket. IDs are drawn anew in each session: of messages only the type counts.
#[derive(Debug, Default)]
struct Said {
    handshake: Vec<u8>,
    messages: Vec<MessageCode>,
    is_aborted: bool,
    pongs: Vec<Bytes>,
}

impl Said {
    fn new(answer: &[u8]) -> Self {
        let Some((handshake, mut rest)) = answer.split_first_chunk::<4>() else {
            assert!(answer.is_empty(), "half a handshake: {answer:?}");
            return Self::default();
        };
        let mut said = Self { handshake: handshake.to_vec(), ..Self::default() };
        while let Some((prefix, behind)) = rest.split_first_chunk::<4>() {
            let prefix = FramePrefix::parse(*prefix).expect("the router writes good prefixes");
            let (body, behind) =
                behind.split_at_checked(prefix.length()).expect("the router writes whole frames");
            let body = Bytes::copy_from_slice(body);
            match prefix.frame_type() {
                FrameType::Wamp => match said.read(&body).code() {
                    MessageCode::Abort => said.is_aborted = true,
                    code => said.messages.push(code),
                },
                FrameType::Ping => {}
                FrameType::Pong => said.pongs.push(body),
            }
            rest = behind;
        }
        assert!(rest.is_empty(), "half a prefix: {rest:?}");
        said
    }

    /// What was not written yet when the peer broke the rules is not written any more: the one may end earlier.
    fn assert_like(&self, other: &Self) {
        let ends = |said: &Self| (said.handshake.clone(), said.is_aborted, said.pongs.clone());
        assert_eq!(ends(self), ends(other), "the same in parts");
        let is_like =
            self.messages.starts_with(&other.messages) || other.messages.starts_with(&self.messages);
        assert!(is_like, "the same in parts: {self:?}, {other:?}");
    }

    fn read(&self, body: &Bytes) -> Message {
        let id = self.handshake.get(1).map_or(0, |octet| octet & 0x0F);
        let serializer = SerializerId::from_rawsocket_id(id).expect("the handshake names a serializer");
        decode(serializer, body, &DecodeRules::default()).expect("the router writes messages")
    }
}

/// The same checks of a listener that is wrong.
pub(crate) mod faulty {
    use super::*;

    pub(crate) fn http_upgrade(octets: &[u8]) {
        talk_http(octets, answer);
    }

    pub(crate) fn rawsocket(octets: &[u8]) {
        talk_rawsocket(octets, answer);
    }

    /// Loses the last octet of what comes in parts, and is more than a handshake.
    fn answer(served: &Served, listener: &str, octets: &[u8], part: usize) -> Option<Vec<u8>> {
        let is_hurt = part < octets.len() && octets.len() > 4;
        let heard = octets.get(..octets.len() - usize::from(is_hurt)).unwrap_or(octets);
        served.answer(listener, heard, part)
    }
}
