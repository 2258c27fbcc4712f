//! What a test needs: a router on a Unix socket, and the executable beside it.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

/// How long a test waits for what has to come. Only a failure ever waits so long.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) const OPEN: &str = r#"
[[listeners]]
addresses = ["ADDRESS"]
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

/// A router on a Unix socket, in a folder for one test, and the shell beside it.
pub(crate) struct Scene {
    pub(crate) folder: PathBuf,
    pub(crate) router: Process,
}

impl Scene {
    /// With a router of that configuration, in which `ADDRESS` is where it listens.
    pub(crate) fn new(name: &str, configuration: &str) -> Self {
        let folder = Self::folder(name);
        let address = format!("unix:{}", folder.join("router.sock").display());
        std::fs::write(folder.join("trunkline.toml"), configuration.replace("ADDRESS", &address)).unwrap();
        let router = Self::start(&folder);
        Self { folder, router }
    }

    /// An empty folder.
    pub(crate) fn folder(name: &str) -> PathBuf {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("shell-{name}"));
        std::fs::remove_dir_all(&folder).ok();
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    pub(crate) fn start(folder: &Path) -> Process {
        Self::start_and_read(folder).0
    }

    /// The same, with what it printed.
    pub(crate) fn start_and_read(folder: &Path) -> (Process, Vec<String>) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
        command.args(["start", "--config"]).arg(folder.join("trunkline.toml")).env("RUST_LOG", "off");
        let router = Process::start(&mut command);
        let printed = router.lines_up_to("Ctrl-C stops the router.");
        (router, printed)
    }

    /// The executable with these arguments, in an environment of its own.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.folder)
            .env("TRUNKLINE_URL", format!("unix:{}", self.folder.join("router.sock").display()));
        command
    }

    /// Runs it to its end: exit code, standard output, standard error.
    pub(crate) fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        finished(&mut self.command(arguments))
    }

    /// Runs it to its end, which has to be good, without a complaint. Returns what it printed.
    #[track_caller]
    pub(crate) fn good(&self, arguments: &[&str]) -> String {
        let (code, output, complaints) = self.run(arguments);
        assert_eq!((code, &*complaints), (Some(0), ""), "{arguments:?}");
        output
    }

    /// Starts it, and waits until it complains, or notes, that.
    pub(crate) fn begin(&self, arguments: &[&str], note: &str) -> Process {
        let process = Process::start(&mut self.command(arguments));
        process.wait_for_note(note);
        process
    }
}

/// The same command, started by another one.
pub(crate) fn started_by(starter: &[&str], command: &Command) -> Command {
    let [starter, options @ ..] = starter else { panic!("somebody starts it") };
    let mut started = Command::new(starter);
    started.args(options).arg(command.get_program()).args(command.get_args());
    started.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(folder) = command.get_current_dir() {
        started.current_dir(folder);
    }
    started
}

pub(crate) fn finished(command: &mut Command) -> (Option<i32>, String, String) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |octets| String::from_utf8(octets).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A process that runs beside the test, and ends with it.
pub(crate) struct Process {
    pub(crate) child: Child,
    pub(crate) lines: Receiver<String>,
    pub(crate) notes: Receiver<String>,
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the executable runs");
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        Self { child, lines: lines(stdout), notes: lines(stderr) }
    }

    pub(crate) fn line(&self) -> String {
        self.lines.recv_timeout(DEADLINE).expect("a line")
    }

    /// What it prints before that line.
    pub(crate) fn lines_up_to(&self, last: &str) -> Vec<String> {
        std::iter::repeat_with(|| self.line()).take_while(|line| line != last).collect()
    }

    pub(crate) fn wait_for_note(&self, text: &str) {
        while !self.notes.recv_timeout(DEADLINE).expect(text).contains(text) {}
    }

    /// Sends a signal, by its name for the shell.
    pub(crate) fn signal(&self, name: &str) {
        send(&self.child, name);
    }

    /// Interrupts it as Ctrl-C does; returns its exit code.
    pub(crate) fn interrupt(self) -> Option<i32> {
        self.signal("INT");
        self.end()
    }

    pub(crate) fn end(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

/// Sends a signal, by its name for the shell.
pub(crate) fn send(child: &Child, signal: &str) {
    let kill = format!("kill -{signal} {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

pub(crate) fn lines(output: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = sync_channel(1024);
    std::thread::spawn(move || {
        BufReader::new(output).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
    });
    receiver
}

pub(crate) fn wait_until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(since.elapsed() < DEADLINE, "in vain: {what}");
        std::thread::yield_now();
    }
}
