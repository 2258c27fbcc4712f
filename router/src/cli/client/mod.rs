//! A WAMP client for the shell: `trunkline call`, `register`, `publish` and `subscribe`.
//!
//! `connection` says where to and as whom, `words` what arguments mean, `output` how data is shown, and `printer` has it
//! written.

pub(super) mod call;
mod connection;
mod output;
mod printer;
mod profile;
mod program;
pub(super) mod publish;
pub(super) mod register;
pub(super) mod subscribe;
mod template;
mod words;

use std::time::Duration;

use anyhow::bail;
use futures_util::StreamExt as _;
use trunkline_client::{Client, ConnectError, Ended, Error, Reconnect, State, WampError};

use self::connection::Connection;
use self::output::Style;
use self::printer::{Lines, Printer, Unwritten};
use super::signals::Signals;
use super::{ANSWERED, FAILED, log, written};

/// How long what came before a signal has to be written.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The command failed, and the user was told.
#[derive(Debug, thiserror::Error)]
#[error("failed, and was told")]
pub(super) struct Told {
    pub(super) exit_code: u8,
}

/// Arguments, environment or profile cannot be used: nothing was asked of anybody.
#[derive(Debug, thiserror::Error)]
#[error("{0:#}")]
pub(super) struct WrongArguments(pub(super) anyhow::Error);

/// For `map_err`.
fn wrong_arguments(error: impl Into<anyhow::Error>) -> anyhow::Error {
    WrongArguments(error.into()).into()
}

/// Why the work of a command did not come to its end.
enum Stopped {
    Failed(Error),
    Unwritten,
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Unwritten> for Stopped {
    fn from(Unwritten: Unwritten) -> Self {
        Self::Unwritten
    }
}

/// What a command of the client is about.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// A request that has an answer.
    Request,
    /// A message without an answer: all is well if the session ends well.
    Message,
    /// It goes on, also when the router was away, until somebody ends it.
    Service,
}

/// Joins the realm, does the work there, and leaves. What cannot be done is told to the user.
fn run(
    kind: Kind,
    connection: Connection,
    style: &Style,
    work: impl AsyncFnOnce(&Client, &Lines) -> Result<(), Stopped>,
) -> anyhow::Result<()> {
    log("warn");
    // The session has threads of its own: it must not wait for the command.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let result = runtime.block_on(async {
        let mut signals = Signals::with_terminal()?;
        let printer = Printer::start()?;
        let served = serve(kind, connection, style, printer.lines(), &mut signals, work).await;
        let (line, result) = match served {
            Ok(()) => (None, Ok(())),
            Err(error) => tell(error, style),
        };
        let last_lines = async {
            if let Some(line) = line {
                // What cannot be printed, the printer complains of.
                printer.lines().print(line).await.ok();
            }
            printer.finish().await
        };
        let is_interrupted = signals.have_come();
        tokio::select! {
            written_all = last_lines => written(written_all)?,
            () = tokio::time::sleep(LAST_LINES), if is_interrupted => {}
            signal = signals.next() => bail!("{} came before all was written", signal.name),
        }
        result
    });
    // Programs are killed when their calls go; a thread that writes for them may be stuck.
    runtime.shutdown_timeout(LAST_LINES);
    result
}

/// Joins the realm, does the work there, and leaves the realm whatever becomes of it.
async fn serve(
    kind: Kind,
    connection: Connection,
    style: &Style,
    lines: &Lines,
    signals: &mut Signals,
    work: impl AsyncFnOnce(&Client, &Lines) -> Result<(), Stopped>,
) -> anyhow::Result<()> {
    let reconnect = if kind == Kind::Service { Reconnect::default() } else { Reconnect::never() };
    let client = tokio::select! {
        client = connection.join(reconnect) => client?,
        signal = signals.next() => bail!("{} came before the session was open", signal.name),
    };
    let work = async {
        tokio::select! {
            done = work(&client, lines) => done,
            () = tell_states(&client, style), if kind == Kind::Service => Err(Error::Closed.into()),
        }
    };
    let done = tokio::select! {
        done = work => Ok(done),
        signal = signals.next() => Err(signal),
    };
    if let Err(signal) = &done
        && signal.is_urgent
    {
        bail!("{} came: what still ran was cut short", signal.name);
    }
    tokio::select! {
        () = client.leave() => {}
        signal = signals.next() => bail!("{} came while leaving: what still ran was cut short", signal.name),
    }
    match done {
        Ok(Ok(())) if kind == Kind::Message => cut_short(&client).map_or(Ok(()), |ended| Err(ended.into())),
        // Why nothing can be written, the printer says.
        Ok(Ok(()) | Err(Stopped::Unwritten)) => Ok(()),
        Ok(Err(Stopped::Failed(error))) => Err(reason(error, &client)),
        // That is how it ends.
        Err(_) if kind == Kind::Service => Ok(()),
        Err(signal) => bail!("{} came before the answer", signal.name),
    }
}

/// Says when the session is lost, and when it is back, until it is closed.
async fn tell_states(client: &Client, style: &Style) {
    let mut states = client.states();
    let mut is_away = false;
    let mut session = client.joined().map(|joined| joined.session);
    while let Some(state) = states.next().await {
        match state {
            State::Waiting { ended, .. } if !is_away => {
                is_away = true;
                style.note(&ended.to_string());
            }
            // A short absence may have been skipped.
            State::Joined(joined) if session != Some(joined.session) => {
                session = Some(joined.session);
                is_away = false;
                style.note("joined again");
            }
            _ => {}
        }
    }
}

/// Why a request failed, of a client that has left.
fn reason(error: Error, client: &Client) -> anyhow::Error {
    match error {
        Error::Uri { .. } | Error::Encode(_) | Error::TooDeep { .. } => wrong_arguments(error),
        Error::Wamp(error) => error.into(),
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

/// Tells people why the command failed, or returns the line that tells scripts; and what is left of the error. What is wrong
/// with the arguments, and what is nothing special here, is left to whoever runs commands.
fn tell(error: anyhow::Error, style: &Style) -> (Option<String>, anyhow::Result<()>) {
    let (line, exit_code) = match error.downcast_ref::<WampError>() {
        Some(answer) => (style.error(answer), ANSWERED),
        None if error.is::<WrongArguments>() => return (None, Err(error)),
        None => match style.failure(uri(&error), &format!("{error:#}")) {
            Some(line) => (Some(line), FAILED),
            None => return (None, Err(error)),
        },
    };
    (line, Err(Told { exit_code }.into()))
}

/// The URI by which the router says why there is no session.
fn uri(error: &anyhow::Error) -> Option<&str> {
    match error.downcast_ref() {
        Some(Ended::Goodbye(reason) | Ended::Aborted(reason)) => Some(reason.uri()),
        Some(Ended::Refused(error)) => error.reason(),
        _ => error.downcast_ref::<ConnectError>()?.reason(),
    }
}
