//! Opens and drops thousands of connections beside a steady workload, and says what that does to its latency. The only
//! argument is the router's executable.
//!
//! One session calls another 200 times a second, each on a thread of its own. Latency counts from the moment at which a
//! call was due, so that a router which stands still does not hide the calls that it delays. Linux only.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "the report goes to stdout")]

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use hdrhistogram::Histogram;
use trunkline_path::{Memory, SocketPeer, TransportKind, Work, sockets_of, with_request, work_message};
use wamp_proto::message::Yield;
use wamp_proto::{Message, MessageCode, Payload, SerializerId, Value};

/// Connections of the storm, all in all.
const CONNECTIONS: usize = 10_000;

/// Threads that open them, each one after the other.
const OPENERS: usize = 4;

/// Connections that each of them keeps open; beyond, the oldest is dropped. Those of all take less than 19,000
/// descriptors, ours and the router's together.
const HELD: usize = 2_250;

/// Between two calls of the steady workload.
const INTERVAL: Duration = Duration::from_millis(5);

/// Octets of a call's argument.
const PAYLOAD_BYTES: usize = 64;

/// How long the steady workload runs alone, before the storm and after it.
const CALM: Duration = Duration::from_secs(5);

/// How long anything may block before the measurement is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at the router's sockets.
const LOOK: Duration = Duration::from_millis(10);

/// An open router for this machine, that takes as many half-open connections from one address as the storm has: with the
/// default of 1,024, it would refuse some of them in a release build, which is faster than their time-out.
const CONFIGURATION: &str = r#"
[[listeners]]
addresses = ["127.0.0.1:0"]
handshakes_per_address_max = 4096
[[realms]]
name = "realm1"
anonymous_role = "anyone"
[[realms.roles]]
name = "anyone"
[[realms.roles.permissions]]
uri = ""
match = "prefix"
allow = ["publish", "subscribe", "call", "register"]
"#;

const PHASES: [&str; 3] = ["before", "during", "after"];

fn main() -> anyhow::Result<()> {
    let executable = std::env::args().nth(1).context("usage: storm ROUTER")?;
    let router = Router::start(&executable)?;
    let mut callee = router.join(TransportKind::RawSocket)?;
    callee.register()?;
    let caller = router.join(TransportKind::WebSocket)?;
    let sockets = sockets_of(router.process.id())?;
    let before = Memory::of(router.process.id())?;
    let (begin, end) = (OnceLock::new(), OnceLock::new());
    let is_over = AtomicBool::new(false);

    // It ends with the router.
    std::thread::spawn(|| answer(callee));
    let (storm, latencies) = scope(|scope| {
        let calling = scope.spawn(|| call(caller, [&begin, &end], &is_over));
        sleep(CALM);
        begin.get_or_init(Instant::now);
        let storm = rage(&router);
        let recovered = router.wait_for_sockets(sockets);
        end.get_or_init(Instant::now);
        sleep(CALM);
        is_over.store(true, Ordering::Relaxed);
        let latencies = calling.join().map_err(|_| anyhow::anyhow!("the caller panicked"))?;
        recovered?;
        anyhow::Ok((storm?, latencies.context("the steady workload failed")?))
    })?;
    let after = Memory::of(router.process.id())?;

    println!("steady workload: a call of {PAYLOAD_BYTES} octets every {INTERVAL:?}, in microseconds");
    println!("  {:8} {:>8} {:>8} {:>8} {:>8}", "storm", "calls", "median", "p99", "max");
    for (name, latency) in PHASES.iter().zip(&latencies) {
        let [median, p99] = [0.5, 0.99].map(|quantile| latency.value_at_quantile(quantile));
        println!("  {name:8} {:>8} {median:>8} {p99:>8} {:>8}", latency.len(), latency.max());
    }
    println!("  errors: 0, each call was answered with its own result");
    println!(
        "storm: {CONNECTIONS} connections, {} of them joined, {} half-open, {:.0} per second, at most {} at a time",
        storm.joined,
        CONNECTIONS - storm.joined,
        CONNECTIONS as f64 / storm.took.as_secs_f64(),
        OPENERS * HELD,
    );
    println!(
        "router's memory: {} KiB before, {} KiB at most, {} KiB at the end",
        before.resident / 1024,
        after.peak / 1024,
        after.resident / 1024
    );
    Ok(())
}

/// Answers calls until the router is gone.
fn answer(mut callee: SocketPeer) {
    while let Ok(Message::Invocation(invocation)) = callee.expect(MessageCode::Invocation) {
        let answer =
            Yield { request: invocation.request, options: Default::default(), payload: invocation.payload };
        let Ok(body) = Message::from(answer).encode(SerializerId::Json) else { break };
        if callee.send(body).is_err() {
            break;
        }
    }
}

/// Calls at a steady rate; returns the latencies in microseconds of the calls that were due before the first of these
/// moments, between them, and after the last.
fn call(
    mut caller: SocketPeer,
    moments: [&OnceLock<Instant>; 2],
    is_over: &AtomicBool,
) -> anyhow::Result<Vec<Histogram<u64>>> {
    let mut latencies = PHASES.iter().map(|_| Histogram::new(3)).collect::<Result<Vec<_>, _>>()?;
    let payload = Payload::new(SerializerId::Json, &[Value::String("x".repeat(PAYLOAD_BYTES))], &[]);
    let message = work_message(Work::Call, &payload)?;
    let mut due = Instant::now();
    for number in 1.. {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        due += INTERVAL;
        sleep(due.saturating_duration_since(Instant::now()));
        caller.send(with_request(&message, SerializerId::Json, number)?)?;
        let Message::CallResult(result) = caller.expect(MessageCode::CallResult)? else { break };
        ensure!(
            result.request.value() == number && result.payload == payload,
            "another answer came than that of {number}"
        );
        let latency = due.elapsed().as_micros().try_into()?;
        let phase = moments.iter().filter(|moment| moment.get().is_some_and(|moment| *moment <= due)).count();
        if let Some(latencies) = latencies.get_mut(phase) {
            latencies.record(latency)?;
        }
    }
    Ok(latencies)
}

/// What came of the storm.
struct Storm {
    joined: usize,
    took: Duration,
}

/// Opens all connections and drops them. Each has to succeed.
fn rage(router: &Router) -> anyhow::Result<Storm> {
    let start = Instant::now();
    let joined = scope(|scope| {
        let openers: Vec<_> = (0..OPENERS).map(|opener| scope.spawn(move || open(router, opener))).collect();
        let mut joined = 0;
        for opener in openers {
            joined += opener.join().map_err(|_| anyhow::anyhow!("an opener panicked"))??;
        }
        anyhow::Ok(joined)
    })?;
    Ok(Storm { joined, took: start.elapsed() })
}

/// Opens one thread's part of the connections; returns how many of them joined.
fn open(router: &Router, opener: usize) -> anyhow::Result<usize> {
    let mut held = VecDeque::new();
    let mut joined = 0;
    for number in (opener..CONNECTIONS).step_by(OPENERS) {
        if held.len() == HELD {
            held.pop_front();
        }
        let half_open = |octets: &[u8]| -> anyhow::Result<TcpStream> {
            let mut stream = TcpStream::connect_timeout(&router.address, PATIENCE)?;
            stream.write_all(octets)?;
            Ok(stream)
        };
        let mut join = |kind| {
            joined += 1;
            router.join(kind).map(SocketPeer::into_stream)
        };
        // Of every ten, four are WebSockets, four are RawSockets, and one of each stops half-way.
        held.push_back(match number / OPENERS % 10 {
            0..4 => join(TransportKind::WebSocket)?,
            4..8 => join(TransportKind::RawSocket)?,
            8 => half_open(b"GET /ws HTTP/1.1\r\nHost:")?,
            _ => half_open(b"\x7f\xf1")?,
        });
    }
    Ok(joined)
}

/// The router in a process of its own; ended when dropped.
struct Router {
    process: Child,
    address: SocketAddr,
}

impl Router {
    fn start(executable: &str) -> anyhow::Result<Self> {
        let configuration = std::env::temp_dir().join(format!("trunkline-storm-{}.toml", std::process::id()));
        std::fs::write(&configuration, CONFIGURATION)?;
        let started = Self::start_with(executable, &configuration);
        std::fs::remove_file(configuration)?;
        started
    }

    fn start_with(executable: &str, configuration: &Path) -> anyhow::Result<Self> {
        let process = Command::new(executable)
            .args(["start", "--config"])
            .arg(configuration)
            .env("RUST_LOG", "error")
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {executable}"))?;
        let mut router = Self { process, address: SocketAddr::from(([0, 0, 0, 0], 0)) };
        let output = router.process.stdout.take().context("the router has no output")?;
        for line in BufReader::new(output).lines() {
            if let Some((_, address)) = line?.split_once("Address ") {
                router.address = address.trim().parse()?;
                return Ok(router);
            }
        }
        anyhow::bail!("the router did not say where it listens")
    }

    fn join(&self, kind: TransportKind) -> anyhow::Result<SocketPeer> {
        SocketPeer::join(kind, SerializerId::Json, self.address, PATIENCE)
    }

    /// Waits until no more sockets are open than that.
    fn wait_for_sockets(&self, count: usize) -> anyhow::Result<()> {
        let since = Instant::now();
        while sockets_of(self.process.id())? > count {
            ensure!(since.elapsed() < PATIENCE, "the router keeps sockets of the storm");
            sleep(LOOK);
        }
        Ok(())
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _gone = self.process.wait();
    }
}
