//! A child process whose lines can be awaited with a deadline, and which never outlives us.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use anyhow::Context as _;

/// For one line of a child. The scenarios' own deadlines of 20 seconds end first and say more.
pub(super) const LINE_DEADLINE: Duration = Duration::from_secs(30);

pub(crate) struct Child {
    name: String,
    process: std::process::Child,
    lines: Receiver<String>,
}

impl Child {
    /// Its standard input stays open, its errors go to ours.
    pub(crate) fn spawn(name: &str, command: &mut Command) -> anyhow::Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {name}: is {program} there?"))?;
        let stdout = process.stdout.take().context("a child without standard output")?;
        let (sender, lines) = sync_channel(1024);
        // Ends with the child. It keeps reading when nobody listens, lest the child block on a full pipe.
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.try_send(line).is_err() {
                    continue;
                }
            }
        });
        Ok(Self { name: name.to_owned(), process, lines })
    }

    /// The next line it prints; `None` when it has ended.
    pub(crate) fn line(&mut self) -> anyhow::Result<Option<String>> {
        match self.lines.recv_timeout(LINE_DEADLINE) {
            Ok(line) => Ok(Some(line)),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => {
                anyhow::bail!("{} printed nothing for {} s", self.name, LINE_DEADLINE.as_secs())
            }
        }
    }

    /// The next line that it has printed already.
    pub(crate) fn try_line(&mut self) -> Option<String> {
        self.lines.try_recv().ok()
    }

    /// Whether it has ended already, and not with success.
    pub(crate) fn has_failed(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(Some(status)) if !status.success())
    }

    /// Ends a peer the way it expects.
    pub(crate) fn close_stdin_and_wait(mut self) -> anyhow::Result<()> {
        drop(self.process.stdin.take());
        self.wait()
    }

    /// Ends the router the way an operator does; it must drain and exit with success.
    pub(crate) fn terminate_and_wait(mut self) -> anyhow::Result<()> {
        // The shell's own `kill`: the standard library only knows SIGKILL.
        let id = self.process.id().to_string();
        crate::command::run(Command::new("sh").args(["-c", "kill -TERM \"$0\"", &id]))?;
        self.wait()
    }

    fn wait(&mut self) -> anyhow::Result<()> {
        let end = Instant::now() + LINE_DEADLINE;
        loop {
            let status =
                self.process.try_wait().with_context(|| format!("cannot learn how {} ended", self.name))?;
            if let Some(status) = status {
                anyhow::ensure!(status.success(), "{} ended with {status}", self.name);
                return Ok(());
            }
            anyhow::ensure!(
                Instant::now() < end,
                "{} did not end within {} s",
                self.name,
                LINE_DEADLINE.as_secs()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It has ended already, unless an error brought us here.
        if self.process.kill().is_ok() {
            let _ignored = self.process.wait();
        }
    }
}
