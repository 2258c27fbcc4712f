//! A WAMP client for the shell: `trunkline call`, `register`, `publish` and `subscribe`.
//!
//! `connection` says where to and as whom, `words` what arguments mean, `output` how data is shown.

pub(super) mod call;
mod connection;
mod output;
mod profile;
mod program;
pub(super) mod publish;
pub(super) mod register;
pub(super) mod subscribe;
mod template;
mod words;

use anyhow::bail;
use trunkline_client::{Client, Ended, Error, State};

use super::log;
use super::signals::Signals;

/// The procedure, or the router, answered with ERROR. It was shown already.
#[derive(Debug, thiserror::Error)]
#[error("answered with an error")]
pub(super) struct Answered;

/// Runs a command of the client to its end.
fn run<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    log("warn");
    // The connection has threads of its own: it must not wait for whoever reads standard output.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(work)
}

/// Does `work` with that client, and leaves the realm whatever becomes of it. `None` if a signal came first.
///
/// # Errors
/// If another signal comes while the client leaves: whatever still runs is cut short.
async fn until_interrupted<T>(client: &Client, work: impl Future<Output = T>) -> anyhow::Result<Option<T>> {
    let mut signals = Signals::new()?;
    let done = tokio::select! {
        done = work => Some(done),
        _ = signals.next() => None,
    };
    tokio::select! {
        () = client.leave() => Ok(done),
        name = signals.next() => bail!("{name} came while leaving: what still ran was cut short"),
    }
}

/// Shows why a request failed, and says what the exit code is to be. The client has left.
fn failed(error: Error, client: &Client, style: &output::Style) -> anyhow::Error {
    match error {
        Error::Wamp(error) => {
            style.error(&error);
            Answered.into()
        }
        Error::Disconnected | Error::Closed => match cut_short(client) {
            Some(ended) => ended.into(),
            None => error.into(),
        },
        other => other.into(),
    }
}

/// How the session of a client that has left ended before that.
fn cut_short(client: &Client) -> Option<Ended> {
    match client.state() {
        State::Closed(Ended::Left) => None,
        State::Closed(ended) => Some(ended),
        _ => None,
    }
}
