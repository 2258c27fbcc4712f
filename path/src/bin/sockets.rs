//! Watches the router's memory over real sockets: while 1 GiB is published past a subscriber that never
//! reads, and with many idle sessions.
//!
//! The router is a process of its own, this executable with the argument `router`, so that nothing of the
//! clients counts as its memory. Linux only: memory and open sockets are read from `/proc`.
#![forbid(unsafe_code)]

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use trunkline::Server;
use trunkline::config::{Address, Config, Limits, Listener};
use trunkline_path::{Check, Memory, SocketPeer, TransportKind, name, published, report, sockets_of};
use wamp_proto::{Message, MessageCode, Payload, SerializerId, Value};

/// Octets of one event's payload, about.
const EVENT_BYTES: usize = 64 * 1024;

/// Events that make 1 GiB.
const EVENTS: u64 = 16 * 1024;

/// How far the publisher may be ahead of the slowest subscriber that reads.
const WINDOW: u64 = 8;

/// Subscribers that read.
const READERS: usize = 2;

/// What the router's memory may grow by besides one full outbox.
const GROWTH_MAX: usize = 16 * 1024 * 1024;

/// Idle sessions that share what they take; each needs a descriptor here and there.
const IDLE_SESSIONS: usize = 400;

/// How long anything may block before the measurement is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long the router may take to close the socket of the subscriber that never reads, once it overflowed.
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);

fn main() -> anyhow::Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("router") => route(),
        Some(other) => bail!("`{other}`: the only argument is `router`"),
        None => {
            publish_past_one_that_never_reads(TransportKind::WebSocket, SerializerId::Json)?;
            publish_past_one_that_never_reads(TransportKind::RawSocket, SerializerId::MsgPack)?;
            TransportKind::ALL.into_iter().try_for_each(keep_idle_sessions)
        }
    }
}

/// Runs a router until stdin ends; says where it listens, and what it counted.
#[allow(clippy::print_stdout, reason = "stdout is where the parent process reads it")]
fn route() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let config = Config {
        listeners: vec![Listener {
            addresses: vec![Address::Tcp(SocketAddr::from(([127, 0, 0, 1], 0)))],
            ..Listener::default()
        }],
        ..Config::default()
    };
    let server = runtime.block_on(Server::start(&config))?;
    println!("{}", server.addresses().first().context("the server listens nowhere")?);
    std::io::stdin().read_to_end(&mut Vec::new())?;
    for (name, value) in server.router().counters().all() {
        println!("{name} {value}");
    }
    Ok(())
}

fn publish_past_one_that_never_reads(kind: TransportKind, serializer: SerializerId) -> anyhow::Result<()> {
    let mut router = RouterProcess::start()?;
    let join = || SocketPeer::join(kind, serializer, router.address, PATIENCE);
    let mut readers = Vec::new();
    for _ in 0..READERS {
        let mut reader = join()?;
        reader.subscribe()?;
        readers.push(reader);
    }
    // Bound until the end: it keeps its socket open and leaves all in it unread.
    let mut never_reads = join()?;
    never_reads.subscribe()?;
    let publisher = join()?;
    let sockets = router.sockets()?;
    let before = router.memory()?;

    let progress = Progress::default();
    let published = std::thread::scope(|scope| {
        let readers: Vec<_> = readers
            .iter_mut()
            .enumerate()
            .map(|(reader, peer)| {
                let progress = &progress;
                scope.spawn(move || {
                    let result = read_events(peer, serializer, reader, progress);
                    if result.is_err() {
                        progress.give_up();
                    }
                    result
                })
            })
            .collect();
        let published = publish_events(publisher, serializer, &progress);
        if published.is_err() {
            progress.give_up();
        }
        let mut in_order = 0;
        for reader in readers {
            let result = reader.join().map_err(|_| anyhow::anyhow!("a reader panicked"))?;
            result.context("a subscriber that reads did not get every event in order")?;
            in_order += 1;
        }
        published.map(|publisher| (publisher, in_order))
    });
    let (publisher, in_order) = published?;
    let is_closed = router.closes_a_socket(sockets)?;
    let after = router.memory()?;
    drop((publisher, readers, never_reads));
    let slow_consumers = router.stop()?;

    let setup = format!("{}, {}", kind.name(), name(serializer));
    let limit = Limits::default().outbox_max_bytes + GROWTH_MAX;
    let growth = after.peak.saturating_sub(before.resident);
    report(&Check::exactly(
        'e',
        format!("subscribers with all {EVENTS} events in order, {setup}"),
        in_order,
        READERS,
    ));
    report(&Check::exactly('e', format!("slow consumers counted, {setup}"), slow_consumers, 1));
    let what = format!("socket of the one that never reads, {setup}");
    report(&Check::exactly('e', what, if is_closed { "closed" } else { "open" }, "closed"));
    let what = format!("growth of the router's memory, {setup}");
    report(&Check::at_most('e', what, growth as u64 / 1024, limit as u64 / 1024, "KiB"));
    let resident = format!("{} KiB before, {} KiB at the end", before.resident / 1024, after.resident / 1024);
    report(&Check::for_information('e', format!("the router's memory, {setup}"), resident));
    Ok(())
}

/// What an idle session adds to the router's memory: its task with what it boxes, its place in the realm.
fn keep_idle_sessions(kind: TransportKind) -> anyhow::Result<()> {
    let mut router = RouterProcess::start()?;
    let join = || SocketPeer::join(kind, SerializerId::Json, router.address, PATIENCE);
    // The first one also pays for what all share.
    let mut sessions = vec![join()?];
    let before = router.memory()?;
    for _ in 0..IDLE_SESSIONS {
        sessions.push(join()?);
    }
    let grown = router.memory()?.resident.saturating_sub(before.resident);
    drop(sessions);
    router.stop()?;
    let what = format!("the router's memory for an idle session, {}", kind.name());
    report(&Check::for_information('f', what, format!("{} bytes", grown / IDLE_SESSIONS)));
    Ok(())
}

/// An event's arguments: its number, and text that fills it up.
fn arguments(serializer: SerializerId, number: u64) -> Payload {
    Payload::new(serializer, &[number.into(), Value::String("x".repeat(EVENT_BYTES - 16))], &[])
}

/// Publishes all events, and hands the session back so that it stays open.
fn publish_events(
    mut publisher: SocketPeer,
    serializer: SerializerId,
    progress: &Progress,
) -> anyhow::Result<SocketPeer> {
    for number in 1..=EVENTS {
        progress.wait_until(number.saturating_sub(WINDOW))?;
        publisher.send(published(serializer, number, arguments(serializer, number))?)?;
    }
    progress.wait_until(EVENTS)?;
    Ok(publisher)
}

fn read_events(
    peer: &mut SocketPeer,
    serializer: SerializerId,
    reader: usize,
    progress: &Progress,
) -> anyhow::Result<()> {
    for number in 1..=EVENTS {
        let Message::Event(event) = peer.expect(MessageCode::Event)? else { bail!("no EVENT") };
        ensure!(event.payload == arguments(serializer, number), "event {number} is not what came");
        progress.received(reader, number);
    }
    Ok(())
}

/// How many events each reader got.
#[derive(Default)]
struct Progress {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    received: [u64; READERS],
    given_up: bool,
}

impl Progress {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn received(&self, reader: usize, number: u64) {
        if let Some(received) = self.state().received.get_mut(reader) {
            *received = number;
        }
        self.changed.notify_all();
    }

    /// Something failed: nobody needs to wait any more.
    fn give_up(&self) {
        self.state().given_up = true;
        self.changed.notify_all();
    }

    /// Waits until the slowest reader has that many events.
    fn wait_until(&self, number: u64) -> anyhow::Result<()> {
        let waits = |state: &mut State| !state.given_up && state.received.iter().any(|&got| got < number);
        let (state, timeout) = self
            .changed
            .wait_timeout_while(self.state(), PATIENCE, waits)
            .unwrap_or_else(PoisonError::into_inner);
        ensure!(!state.given_up, "a subscriber that reads failed");
        ensure!(!timeout.timed_out(), "a subscriber that reads got no event for {PATIENCE:?}");
        Ok(())
    }
}

/// The router in a process of its own; ended when dropped.
struct RouterProcess {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
    address: SocketAddr,
}

impl RouterProcess {
    fn start() -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("router")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the router")?;
        let output = child.stdout.take().context("the router has no output")?;
        let address = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut router = Self { child, output: BufReader::new(output), address };
        let mut line = String::new();
        router.output.read_line(&mut line)?;
        router.address = line.trim().parse().context("the router did not say where it listens")?;
        Ok(router)
    }

    fn memory(&self) -> anyhow::Result<Memory> {
        Memory::of(self.child.id())
    }

    fn sockets(&self) -> anyhow::Result<usize> {
        sockets_of(self.child.id())
    }

    /// Waits until one socket less is open.
    fn closes_a_socket(&self, before: usize) -> anyhow::Result<bool> {
        let deadline = Instant::now() + CLOSE_PATIENCE;
        while self.sockets()? >= before {
            if Instant::now() > deadline {
                return Ok(false);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(true)
    }

    /// Ends the router; returns how many slow consumers it counted.
    fn stop(&mut self) -> anyhow::Result<u64> {
        drop(self.child.stdin.take());
        let mut counters = String::new();
        self.output.read_to_string(&mut counters)?;
        ensure!(self.child.wait()?.success(), "the router failed");
        let count = counters.lines().find_map(|line| line.strip_prefix("slow_consumers "));
        count.and_then(|count| count.parse().ok()).context("the router did not say what it counted")
    }
}

impl Drop for RouterProcess {
    fn drop(&mut self) {
        // It is gone already if all went well.
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}
