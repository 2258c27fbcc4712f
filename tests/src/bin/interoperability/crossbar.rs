//! Crossbar.io as a process: its node directory, its start and its end; and what it does not have.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{interval, timeout};
use trunkline_tests::Scratch;

/// How long it may take to start or stop. It forks Python interpreters.
const DEADLINE: Duration = Duration::from_secs(60);

/// Between two looks whether it listens.
const LOOK: Duration = Duration::from_millis(20);

/// The port in the configuration, for which a free one is put.
const PORT: &str = "\"port\": 8080";

/// Scenarios that it does not have, and what it does instead.
pub(crate) const NOT_HAD: &[(&str, &str)] = &[
    ("wamp_scram", "it has SCRAM as Autobahn has it alone, method `scram` (A-37)"),
    ("denied_reason", "it says `wamp.error.not_authorized` (A-15)"),
    ("timeout_option", "it hands the time on to the callee, and minds none itself (A-26)"),
    ("progressive_invocation", "it does not announce the feature: `Error::Feature` (PCI-01)"),
    ("caller_on_request", "it goes by permissions alone, `disclose_me` is ignored (A-27)"),
    ("publisher_on_request", "it goes by permissions alone, `disclose_me` is ignored (A-27)"),
    ("retained_publication", "it gives the event a new publication ID for each delivery (A-19)"),
    ("retained_pattern", "it delivers retained events to exact subscriptions only (A-19)"),
    ("who_left", "it names the session alone (A-32)"),
];

pub(crate) struct Crossbar {
    program: PathBuf,
    node: Scratch,
    address: SocketAddr,
    process: Child,
}

impl Crossbar {
    pub(crate) async fn start(program: &Path, config: &Path) -> anyhow::Result<Self> {
        let config =
            fs::read_to_string(config).with_context(|| format!("cannot read {}", config.display()))?;
        ensure!(config.matches(PORT).count() == 1, "the configuration must have {PORT} once");
        // It takes no port 0. Whoever takes this one in between makes the start fail, and that is told.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let node = Scratch::new();
        node.file("config.json", config.replace(PORT, &format!("\"port\": {}", address.port())));
        let process = spawn(program, &node)?;
        let mut crossbar = Self { program: program.to_owned(), node, address, process };
        crossbar.wait_until_it_listens().await?;
        Ok(crossbar)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) async fn restart(&mut self) -> anyhow::Result<()> {
        self.stop().await?;
        self.process = spawn(&self.program, &self.node)?;
        self.wait_until_it_listens().await
    }

    pub(crate) async fn stop(&mut self) -> anyhow::Result<()> {
        if let Some(id) = self.process.id() {
            // The shell's own `kill`: the standard library only knows SIGKILL, which would leave the workers.
            Command::new("sh").args(["-c", "kill -TERM \"$0\"", &id.to_string()]).status().await?;
        }
        let ended = timeout(DEADLINE, self.process.wait()).await;
        ended.context("Crossbar.io does not stop")??;
        Ok(())
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.node.path("log")).unwrap_or_default()
    }

    async fn wait_until_it_listens(&mut self) -> anyhow::Result<()> {
        let listens = async {
            let mut look = interval(LOOK);
            while TcpStream::connect(self.address).await.is_err() {
                if let Some(status) = self.process.try_wait()? {
                    bail!("Crossbar.io ended with {status}");
                }
                look.tick().await;
            }
            Ok(())
        };
        let result =
            timeout(DEADLINE, listens).await.unwrap_or_else(|_| bail!("Crossbar.io does not listen"));
        result.with_context(|| self.log())
    }
}

fn spawn(program: &Path, node: &Scratch) -> anyhow::Result<Child> {
    let log = File::options().create(true).append(true).open(node.path("log"))?;
    Command::new(program)
        .args(["start", "--loglevel", "warn", "--cbdir"])
        .arg(node.path(""))
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))
}
