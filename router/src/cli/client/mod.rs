//! A WAMP client for the shell: `trunkline call`, `register`, `publish` and `subscribe`.
//!
//! `connection` says where to and as whom, `words` what arguments mean, `output` how data is shown.

pub(super) mod call;
mod connection;
mod output;
mod profile;
pub(super) mod publish;
pub(super) mod register;
pub(super) mod subscribe;
mod template;
mod words;

use trunkline_client::{Client, Error};

/// The procedure, or the router, answered with ERROR. It was shown already.
#[derive(Debug, thiserror::Error)]
#[error("answered with an error")]
pub(super) struct Answered;

/// Runs a command of the client to its end, or until Ctrl-C; then it leaves in good order.
fn run<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(work)
}

/// Does `work` with that client, and leaves the realm whatever becomes of it. `None` if Ctrl-C came first.
async fn until_interrupted<T>(client: &Client, work: impl Future<Output = T>) -> Option<T> {
    let done = tokio::select! {
        done = work => Some(done),
        _ = tokio::signal::ctrl_c() => None,
    };
    client.leave().await;
    done
}

/// Shows why a request failed, and says what the exit code is to be.
fn failed(error: Error, style: &output::Style) -> anyhow::Error {
    match error {
        Error::Wamp(error) => {
            style.error(&error);
            Answered.into()
        }
        other => other.into(),
    }
}
