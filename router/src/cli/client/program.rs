//! Programs that answer calls: one process for each, asked on its standard input.
//!
//! Which call it is about, `register` says.

use std::io::{self, Write as _};
use std::process::Stdio;

use futures_util::future::try_join3;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};
use trunkline_client::proto::{Payload, Value};
use trunkline_client::{Progress, Raw, WampError};

use super::words::json_or_text;

/// Octets of a result, or of one progressive result. Routers take less of one message.
const RESULT_MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Octets of the end of standard error in which its last line is looked for.
const COMPLAINT_MAX_BYTES: usize = 4096;

/// Runs a program for one call. It is killed if this is dropped.
///
/// With `progress`, each line but the last is a progressive result.
///
/// # Errors
/// If it cannot be run, fails, or prints too much.
pub(super) async fn run(
    command: &[String],
    question: &str,
    progress: Option<&Progress<Raw>>,
) -> Result<Raw, WampError> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(WampError::runtime("there is no program"));
    };
    let process = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // What it starts itself ends with it; and Ctrl-C is for the client, which lets it finish.
        .process_group(0)
        .spawn()
        .map_err(|error| {
            let problem = format!("cannot run {program}: {error}");
            // Whoever started this is the one who can mend it.
            writeln!(io::stderr(), "trunkline: {problem}").ok();
            WampError::runtime(problem)
        })?;
    let mut running = Running(process);
    let Child { stdin, stdout, stderr, .. } = &mut running.0;
    let (stdin, stdout, stderr) = (stdin.take(), stdout.take(), stderr.take());
    let ask = async {
        if let Some(mut stdin) = stdin {
            // A program that does not read is no mistake.
            stdin.write_all(question.as_bytes()).await.ok();
        }
        Ok(())
    };
    let read = async {
        match (stdout, progress) {
            (None, _) => Ok(Vec::new()),
            (Some(stdout), None) => whole(stdout).await,
            (Some(stdout), Some(progress)) => lines(stdout, progress).await,
        }
    };
    let complaints = async {
        match stderr {
            None => Ok(Vec::new()),
            Some(stderr) => Ok(last_words(stderr).await),
        }
    };
    let ((), printed, complaints) = try_join3(ask, read, complaints).await?;
    let status = running.0.wait().await.map_err(WampError::runtime)?;
    if !status.success() {
        // Its last line is none that says how it ended.
        if let Some(progress) = progress.filter(|_| !printed.is_empty()) {
            progress.send(result(printed)).await?;
        }
        let complaints = String::from_utf8_lossy(&complaints);
        let last = complaints.lines().rev().find(|line| !line.trim().is_empty());
        let reason = last.map_or_else(|| format!("{program} ended with {status}"), str::to_owned);
        return Err(WampError::runtime(reason));
    }
    Ok(result(printed))
}

/// All that it prints.
async fn whole(stdout: impl AsyncRead + Unpin) -> Result<Vec<u8>, WampError> {
    let mut printed = Vec::new();
    stdout.take(RESULT_MAX_BYTES + 1).read_to_end(&mut printed).await.map_err(WampError::runtime)?;
    within_limit(printed)
}

/// Sends each line as a progressive result, but the last one, which it returns.
async fn lines(stdout: impl AsyncRead + Unpin, progress: &Progress<Raw>) -> Result<Vec<u8>, WampError> {
    let mut output = BufReader::new(stdout);
    let mut last: Option<Vec<u8>> = None;
    loop {
        let mut line = Vec::new();
        let mut bounded = (&mut output).take(RESULT_MAX_BYTES + 1);
        if bounded.read_until(b'\n', &mut line).await.map_err(WampError::runtime)? == 0 {
            return Ok(last.unwrap_or_default());
        }
        let mut line = within_limit(line)?;
        // Of text, it is taken off later.
        if std::str::from_utf8(&line).is_err() {
            line.pop_if(|end| *end == b'\n');
        }
        if let Some(line) = last.replace(line) {
            progress.send(result(line)).await?;
        }
    }
}

fn within_limit(printed: Vec<u8>) -> Result<Vec<u8>, WampError> {
    if printed.len() as u64 > RESULT_MAX_BYTES {
        return Err(WampError::runtime(format!("a result of more than {RESULT_MAX_BYTES} octets")));
    }
    Ok(printed)
}

/// Passes on what it complains about, and returns the end of it.
async fn last_words(mut stderr: impl AsyncRead + Unpin) -> Vec<u8> {
    let (mut buffer, mut tail) = ([0; 1024], Vec::new());
    while let Ok(length @ 1..) = stderr.read(&mut buffer).await {
        let words = buffer.get(..length).unwrap_or_default().to_vec();
        tail.extend_from_slice(&words);
        tail.drain(..tail.len().saturating_sub(COMPLAINT_MAX_BYTES));
        // Whoever is slow to read them keeps nobody waiting but this program. If nobody does, the caller still gets the last
        // line.
        tokio::task::spawn_blocking(move || io::stderr().write_all(&words)).await.ok();
    }
    tail
}

/// What it printed: JSON, or text, or octets if it is no text. Nothing is no argument.
fn result(printed: Vec<u8>) -> Raw {
    let value = match String::from_utf8(printed) {
        Ok(text) if text.is_empty() => return Raw(Payload::EMPTY),
        Ok(text) => json_or_text(text.trim_end_matches(['\n', '\r'])),
        Err(error) => Value::Bytes(error.into_bytes()),
    };
    super::register::result(value)
}

/// A program that is killed, with all that it started, if nobody waits for it any more.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It has no number once its end was waited for: then that may be somebody else's.
        let Some(group) = self.0.id().and_then(|id| i32::try_from(id).ok()) else { return };
        // It may be gone.
        killpg(Pid::from_raw(group), Signal::SIGKILL).ok();
    }
}
