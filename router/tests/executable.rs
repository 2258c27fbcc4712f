//! The executable as a user meets it: what it prints, how signals end it, and its exit codes.
#![cfg(all(unix, feature = "cli"))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a harness fails the test that uses it")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use wamp_proto::rawsocket::{FramePrefix, FrameType, PREFIX_LENGTH};

/// How long a test waits for what has to come. Only a failure ever waits so long.
const DEADLINE: Duration = Duration::from_secs(20);

/// The last line of what `start` prints.
const END_OF_BANNER: &str = "Ctrl-C stops the router.";

const BYE: &str = r#"[6,{},"wamp.close.goodbye_and_out"]"#;
const SHUTDOWN: &str = r#"[6,{},"wamp.close.system_shutdown"]"#;

/// Writes a file for one test, and says where it is.
fn file(name: &str, text: &str) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).expect("a folder for tests");
    path.to_str().expect("UTF-8").to_owned()
}

/// Runs the executable to its end.
fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_trunkline")).args(arguments).output().expect("the executable runs")
}

/// A router in a process of its own. It is killed with the test.
struct Running {
    pid: u32,
    banner: String,
    address: SocketAddr,
    end: Receiver<ExitStatus>,
    log: Arc<Mutex<String>>,
    /// Writes the log as it comes; none once the end was waited for.
    logging: Option<JoinHandle<()>>,
}

impl Running {
    /// Starts a development router on a free port.
    fn start() -> Self {
        Self::start_with(&["--listen", "127.0.0.1:0"])
    }

    /// Starts a router with that configuration file.
    fn start_configured(name: &str, text: &str) -> Self {
        Self::start_with(&["--config", &file(name, text)])
    }

    /// Starts a router, and waits until it says that it listens.
    fn start_with(arguments: &[&str]) -> Self {
        Self::start_as(Command::new(env!("CARGO_BIN_EXE_trunkline")).arg("start").args(arguments))
    }

    /// The same, with a command that becomes the router.
    fn start_as(command: &mut Command) -> Self {
        let mut child = command
            .env_remove("RUST_LOG")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the executable runs");
        let pid = child.id();
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let stderr = BufReader::new(child.stderr.take().expect("piped"));
        let (lines, line) = sync_channel(1024);
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| lines.send(line)));
        let log = Arc::new(Mutex::new(String::new()));
        let written = log.clone();
        let logging = thread::spawn(move || {
            for line in stderr.lines() {
                *written.lock().expect("a log") += &format!("{}\n", line.expect("UTF-8"));
            }
        });
        let (ended, end) = sync_channel(1);
        thread::spawn(move || ended.send(child.wait().expect("our own child")));
        let mut banner = String::new();
        while !banner.contains(END_OF_BANNER) {
            banner += &line.recv_timeout(DEADLINE).expect("a banner");
            banner += "\n";
        }
        let mut words = banner.split([' ', '\n', '/']);
        let address = words.find_map(|word| word.parse().ok()).expect("an address");
        Self { pid, banner, address, end, log, logging: Some(logging) }
    }

    /// Sends a signal, by its name for the shell.
    fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.pid);
        let status = Command::new("sh").args(["-c", &kill]).status().expect("a shell");
        assert!(status.success(), "{kill}");
    }

    /// Waits for the end of the process: its exit code, and what it logged.
    fn wait(mut self) -> (Option<i32>, String) {
        let status = self.end.recv_timeout(DEADLINE).expect("the process ends");
        self.logging.take().expect("waited for once").join().expect("a log");
        (status.code(), std::mem::take(&mut *self.log.lock().expect("a log")))
    }

    /// Waits until the log has these words.
    fn wait_for_log(&self, words: &str) {
        let since = Instant::now();
        while !self.log.lock().expect("a log").contains(words) {
            assert!(since.elapsed() < DEADLINE, "no {words:?} in:\n{}", self.log.lock().expect("a log"));
            thread::yield_now();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Nothing to do once it has ended, and the process's number may be somebody else's by then.
        if self.logging.is_some() && self.end.try_recv().is_err() {
            self.signal("KILL");
        }
    }
}

/// A peer in JSON over RawSocket, as plain as can be.
struct Peer<S = TcpStream> {
    socket: S,
    last_request: u64,
}

/// What opens a session, in one go.
fn opening(realm: &str) -> Vec<u8> {
    let hello = format!(r#"[1,"{realm}",{{"roles":{{"caller":{{}},"callee":{{}}}}}}]"#);
    let prefix = FramePrefix::new(FrameType::Wamp, hello.len()).expect("a short message");
    [b"\x7f\xf1\0\0", &prefix.encode()[..], hello.as_bytes()].concat()
}

impl Peer {
    fn join(router: &Running) -> Self {
        Self::join_realm(router, "realm1")
    }

    fn join_realm(router: &Running, realm: &str) -> Self {
        let socket = TcpStream::connect(router.address).expect("the router listens");
        socket.set_read_timeout(Some(DEADLINE)).expect("a TCP socket");
        socket.set_nodelay(true).expect("a TCP socket");
        Self::join_over(socket, realm)
    }
}

impl<S: Read + Write> Peer<S> {
    fn join_over(mut socket: S, realm: &str) -> Self {
        socket.write_all(&opening(realm)).expect("the router reads");
        Self::joined(socket)
    }

    /// The peer of a socket on which a session was opened.
    fn joined(mut socket: S) -> Self {
        let mut reply = [0; 4];
        socket.read_exact(&mut reply).expect("a reply");
        let mut peer = Self { socket, last_request: 0 };
        assert!(peer.receive().starts_with("[2,"));
        peer
    }

    fn send(&mut self, message: &str) {
        let prefix = FramePrefix::new(FrameType::Wamp, message.len()).expect("a short message");
        let frame = [&prefix.encode(), message.as_bytes()].concat();
        self.socket.write_all(&frame).expect("the router reads");
    }

    fn receive(&mut self) -> String {
        let mut prefix = [0; PREFIX_LENGTH];
        self.socket.read_exact(&mut prefix).expect("a frame");
        let prefix = FramePrefix::parse(prefix).expect("the router frames well");
        assert_eq!(prefix.frame_type(), FrameType::Wamp);
        let mut body = vec![0; prefix.length()];
        self.socket.read_exact(&mut body).expect("a whole frame");
        String::from_utf8(body).expect("JSON is UTF-8")
    }

    fn expect_closed(&mut self) {
        let mut rest = Vec::new();
        self.socket.read_to_end(&mut rest).expect("the end of the stream");
        assert_eq!(rest, b"");
    }

    fn call(&mut self, procedure: &str) -> u64 {
        self.last_request += 1;
        let request = self.last_request;
        self.send(&format!(r#"[48,{request},{{}},"{procedure}"]"#));
        request
    }

    fn expect_error(&mut self, request: u64, uri: &str) {
        let answer = self.receive();
        assert!(answer.starts_with(&format!(r#"[8,48,{request},{{}},"{uri}""#)), "{answer}");
    }

    /// Calls what nobody has until the router says that it goes down.
    fn wait_for_drain(&mut self) {
        loop {
            let call = self.call("com.example.none");
            let answer = self.receive();
            let is_answer = |uri| answer.starts_with(&format!(r#"[8,48,{call},{{}},"wamp.error.{uri}""#));
            if is_answer("unavailable") {
                return;
            }
            assert!(is_answer("no_such_procedure"), "{answer}");
        }
    }

    fn part(mut self) {
        assert_eq!(self.receive(), SHUTDOWN);
        self.send(BYE);
        self.expect_closed();
    }
}

#[test]
fn the_banner_says_what_to_connect_to_and_how() {
    let router = Running::start();
    let Running { banner, address, .. } = &router;
    assert!(address.ip().is_loopback() && address.port() != 0);
    for line in [
        format!("  WebSocket   ws://{address}/ws\n"),
        format!("  RawSocket   rs://{address}\n"),
        "  Realm       realm1".to_owned(),
        "pip install autobahn".to_owned(),
        format!("component = Component(transports=\"ws://{address}/ws\", realm=\"realm1\")\n"),
        "npm install wampy".to_owned(),
        format!("new Wampy(\"ws://{address}/ws\", {{ realm: \"realm1\""),
    ] {
        assert!(banner.contains(&line), "no {line:?} in:\n{banner}");
    }
    // What it says is true.
    Peer::join(&router);
}

const CONFIGURED: &str = r#"
[node]
worker_threads = 3

[[listeners]]
addresses = ["127.0.0.1:0", "127.0.0.1:0"]

[[realms]]
name = "com.example.shop"
anonymous_role = "anybody"

[[realms.roles]]
name = "anybody"

[[realms.roles.permissions]]
uri = ""
match = "prefix"
allow = ["call", "register"]

[[realm_templates]]
uri = "com.example.tenant."
"#;

#[test]
fn a_configured_router_says_what_it_listens_on_and_which_realms_it_has() {
    let router = Running::start_configured("configured.toml", CONFIGURED);
    let Running { banner, address, .. } = &router;
    let (_, second) = banner.split_once(&format!("  Address     {address}\n")).expect("the first address");
    assert!(second.starts_with("  Address     127.0.0.1:"), "{banner}");
    assert!(banner.contains("  Realm       com.example.shop\n"), "{banner}");
    assert!(banner.contains("  Realms      com.example.tenant.   (wildcard)\n"), "{banner}");
    assert!(!banner.contains("for development") && !banner.contains("realm1"), "{banner}");
    Peer::join_realm(&router, "com.example.shop");
}

#[test]
fn a_configured_router_warns_of_realms_that_nobody_can_join() {
    let router = Running::start_configured("closed.toml", CONFIGURED);
    router.signal("TERM");
    let (code, log) = router.wait();
    assert_eq!(code, Some(0), "{log}");
    let warnings: Vec<_> = log.lines().filter(|line| line.contains("WARN")).collect();
    let [warning] = warnings[..] else { panic!("{log}") };
    assert!(warning.contains("nobody can join realms of the template \"com.example.tenant.\": "), "{log}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_configured_router_has_the_threads_it_was_given() {
    let router = Running::start_configured("threads.toml", CONFIGURED);
    let workers = || {
        let threads = std::fs::read_dir(format!("/proc/{}/task", router.pid)).expect("a running process");
        let names =
            threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("comm")).ok());
        names.filter(|name| name.starts_with("tokio")).count()
    };
    // A thread names itself once it runs.
    let since = Instant::now();
    while workers() != 3 {
        assert!(since.elapsed() < DEADLINE, "{} workers", workers());
    }
}

/// The executable with few descriptors: 64, and 128 if it raises its limit.
fn with_few_descriptors(arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    let limited = r#"ulimit -S -n 64 && ulimit -H -n 128 && exec "$0" "$@""#;
    command.args(["-c", limited, env!("CARGO_BIN_EXE_trunkline")]).args(arguments);
    command
}

#[test]
fn a_router_raises_its_descriptor_limit_and_survives_it() {
    const CONNECTIONS: usize = 200;
    let router = Running::start_as(&mut with_few_descriptors(&["start", "--listen", "127.0.0.1:0"]));
    let connect = |_| {
        let mut socket = TcpStream::connect(router.address).expect("the system completes connections");
        socket.set_read_timeout(Some(DEADLINE)).expect("a TCP socket");
        socket.write_all(&opening("realm1")).expect("the system takes octets");
        socket
    };
    let mut sockets: Vec<_> = (0..CONNECTIONS).map(connect).collect();
    router.wait_for_log("there are descriptors for 95 sessions");
    router.wait_for_log("accepting rests until there is room");
    // They came in one after the other: the first ones make room for the last ones.
    let last = sockets.split_off(CONNECTIONS - 90);
    let first = sockets.drain(..90).map(Peer::joined).collect::<Vec<_>>();
    drop((first, sockets));
    for mut peer in last.into_iter().map(Peer::joined).collect::<Vec<_>>() {
        let call = peer.call("com.example.none");
        peer.expect_error(call, "wamp.error.no_such_procedure");
    }
}

#[test]
fn more_sessions_than_there_are_descriptors_for_are_refused() {
    let limited = |max: usize| format!("limits.sessions_max = {max}\n{CONFIGURED}");
    let path = file("too-many.toml", &limited(95));
    for command in [&["check", &path][..], &["start", "--config", &path]] {
        let Output { status, stdout, stderr } = with_few_descriptors(command).output().expect("a shell");
        assert_eq!(status.code(), Some(3));
        assert!(stdout.is_empty());
        let stderr = String::from_utf8(stderr).unwrap();
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(
            stderr.contains("`sessions_max` of `[limits]` is 95") && stderr.contains("94 sessions"),
            "{stderr}"
        );
    }
    // There are two addresses.
    let path = file("enough.toml", &limited(94));
    Running::start_as(&mut with_few_descriptors(&["start", "--config", &path]));
}

#[test]
fn what_init_writes_lets_backends_in_through_the_socket_file() {
    // The path of a socket file must be short.
    let folder = std::env::temp_dir().join(format!("trunkline-init-{}", std::process::id()));
    let output = run(&["init", "--dir", folder.to_str().expect("UTF-8")]);
    assert_eq!(output.status.code(), Some(0));
    let path = folder.join("trunkline.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("127.0.0.1:8443"));
    std::fs::write(&path, text.replace("127.0.0.1:8443", "127.0.0.1:0")).unwrap();

    let router = Running::start_with(&["--config", path.to_str().expect("UTF-8")]);
    let socket_file = folder.join("trunkline.sock");
    assert!(
        router.banner.contains(&format!("  Address     unix:{}\n", socket_file.display())),
        "{}",
        router.banner
    );
    let socket = UnixStream::connect(&socket_file).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut backend = Peer::join_over(socket, "com.example");
    backend.send(r#"[64,1,{},"com.example.public.add"]"#);
    assert_eq!(backend.receive(), "[65,1,1]");
    backend.send(r#"[64,2,{},"com.elsewhere.add"]"#);
    assert!(backend.receive().contains("wamp.error.not_authorized"));

    drop(router);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_router_with_an_invalid_configuration_does_not_start() {
    let path = file("invalid.toml", "[[realms]]\nnam = 'a'\n");
    let Output { status, stdout, stderr } = run(&["start", "--config", &path]);
    assert_eq!(status.code(), Some(3));
    assert!(stdout.is_empty());
    let stderr = String::from_utf8(stderr).unwrap();
    assert!(stderr.contains("did you mean `name`?") && stderr.contains(": 2 problems\n"), "{stderr}");
    assert!(!stderr.contains('\x1b'), "colours without a terminal: {stderr:?}");
}

#[test]
fn a_configuration_that_is_not_there_is_one_clear_line() {
    for command in [&["start", "--config", "nowhere.toml"][..], &["check", "nowhere.toml"]] {
        let Output { status, stdout, stderr } = run(command);
        assert_eq!(status.code(), Some(3));
        assert!(stdout.is_empty());
        let stderr = String::from_utf8(stderr).unwrap();
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.starts_with("trunkline: cannot read nowhere.toml: "), "{stderr}");
    }
}

/// Goes down with a call open, which is answered, while later ones are refused.
fn drains_on(signal: &str) {
    let router = Running::start();
    let mut alice = Peer::join(&router);
    let mut bob = Peer::join(&router);
    bob.send(r#"[64,1,{},"com.example.add"]"#);
    assert_eq!(bob.receive(), "[65,1,1]");
    let open = alice.call("com.example.add");
    assert_eq!(bob.receive(), "[68,1,1,{}]");

    router.signal(signal);
    alice.wait_for_drain();
    let late = alice.call("com.example.add");
    alice.expect_error(late, "wamp.error.unavailable");
    // The listener closes at its own pace.
    let since = Instant::now();
    while TcpStream::connect(router.address).is_ok() {
        assert!(since.elapsed() < DEADLINE, "somebody still listens");
    }
    bob.send("[70,1,{},[5]]");
    assert_eq!(alice.receive(), format!("[50,{open},{{}},[5]]"));
    alice.part();
    bob.part();
    let (code, log) = router.wait();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains(&format!("SIG{signal}")), "{log}");
}

/// Conformance: SES-10
#[test]
fn sigterm_drains_and_exits_with_0() {
    drains_on("TERM");
}

#[test]
fn sigint_drains_and_exits_with_0() {
    drains_on("INT");
}

#[test]
fn an_idle_router_goes_down_at_once() {
    let router = Running::start();
    let alice = Peer::join(&router);
    router.signal("TERM");
    alice.part();
    assert_eq!(router.wait().0, Some(0));
}

#[test]
fn a_second_signal_exits_at_once() {
    let router = Running::start();
    let mut alice = Peer::join(&router);
    alice.send(r#"[64,1,{},"com.example.add"]"#);
    assert_eq!(alice.receive(), "[65,1,1]");
    alice.last_request = 1;
    alice.call("com.example.add");
    assert_eq!(alice.receive(), "[68,1,1,{}]");
    router.signal("TERM");
    // The open call would hold the router for a while.
    alice.wait_for_drain();
    router.signal("INT");
    let (code, log) = router.wait();
    assert_eq!(code, Some(1), "{log}");
    assert!(
        log.trim_end().ends_with("trunkline: SIGINT came while going down: sessions were cut off"),
        "{log}"
    );
    // Neither the call's answer nor GOODBYE: the connection is just gone.
    let mut rest = Vec::new();
    alice.socket.read_to_end(&mut rest).ok();
    assert_eq!(rest, b"");
}

#[test]
fn an_address_in_use_is_one_clear_line_and_exit_code_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let Output { status, stdout, stderr } = run(&["start", "--listen", &address]);
    assert_eq!(status.code(), Some(1));
    assert!(stdout.is_empty());
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.starts_with(&format!("trunkline: cannot listen on {address}: ")), "{stderr}");
    assert!(stderr.contains("in use"), "{stderr}");
}

#[test]
fn version_is_printed_in_either_way() {
    for argument in ["version", "--version"] {
        let Output { status, stdout, .. } = run(&[argument]);
        assert_eq!(status.code(), Some(0));
        assert_eq!(stdout, concat!("trunkline ", env!("CARGO_PKG_VERSION"), "\n").as_bytes());
    }
}

#[test]
fn help_teaches() {
    let Output { status, stdout, .. } = run(&["--help"]);
    assert_eq!(status.code(), Some(0));
    let help = String::from_utf8(stdout).unwrap();
    for words in [
        "A WAMP router",
        "start",
        "check",
        "config",
        "init",
        "version",
        "Examples:",
        "--listen 127.0.0.1:9000",
        "RUST_LOG",
        "Exit codes:",
    ] {
        assert!(help.contains(words), "no {words:?} in:\n{help}");
    }
    let Output { status, stdout, .. } = run(&["start", "--help"]);
    assert_eq!(status.code(), Some(0));
    let help = String::from_utf8(stdout).unwrap();
    assert!(help.contains("--listen <ADDRESS:PORT>") && help.contains("--config <FILE>"), "{help}");
}

#[test]
fn wrong_arguments_exit_with_2() {
    for arguments in [
        &["--nonsense"][..],
        &["nonsense"],
        &["start", "--listen"],
        &["start", "--listen", "nowhere"],
        &["start", "--listen", "127.0.0.1"],
        &["start", "extra"],
        &["start", "--config"],
        &["start", "--config", "a.toml", "--listen", "127.0.0.1:0"],
        &["check"],
        &["config"],
        &["config", "nonsense"],
        &["init", "extra"],
        &["version", "extra"],
    ] {
        let Output { status, stdout, stderr } = run(arguments);
        assert_eq!(status.code(), Some(2), "{arguments:?}");
        assert!(stdout.is_empty() && !stderr.is_empty(), "{arguments:?}");
    }
}
