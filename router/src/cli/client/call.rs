//! `trunkline call`: one call, and its results.

use std::num::NonZeroU64;
use std::time::Duration;

use clap::Args;
use futures_util::TryStreamExt as _;
use trunkline_client::Raw;

use super::connection::Connection;
use super::output::Style;
use super::words::Words;
use super::{Kind, run as run_to_end};

/// What `trunkline call` takes.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(in crate::cli) struct Arguments {
    /// The procedure
    procedure: String,
    #[command(flatten)]
    words: Words,
    /// Give up a call that has no answer after that many milliseconds
    #[arg(long, value_name = "MILLISECONDS")]
    timeout_ms: Option<NonZeroU64>,
    /// Ask for progressive results, and show them as they come
    #[arg(long)]
    progress: bool,
    /// Ask the router to tell the callee who calls
    #[arg(long)]
    disclose_me: bool,
    #[command(flatten)]
    style: Style,
    #[command(flatten)]
    connection: Connection,
}

/// Octets of progressive results that wait to be printed; whoever reads them may be slow.
const WAITING_MAX_BYTES: usize = 256 * 1024 * 1024;

const AFTER_HELP: &str = "\
Examples:
  trunkline call com.example.add 2 3
  trunkline call com.example.greet joe language=fr
  trunkline call com.example.find '{\"name\": \"joe\"}' --json
  trunkline call com.example.export --progress > export.txt
  trunkline call wamp.session.count

Ctrl-C cancels the call.";

/// Calls the procedure.
pub(in crate::cli) fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { procedure, words, timeout_ms, progress, disclose_me, style, connection } = arguments;
    let payload = words.payload()?;
    run_to_end(Kind::Request, connection, &style, async |client, lines| {
        let mut call = client.call::<Raw>(&procedure, payload).waiting_max_bytes(WAITING_MAX_BYTES);
        if let Some(timeout) = timeout_ms {
            call = call.timeout(Duration::from_millis(timeout.get()));
        }
        if disclose_me {
            call = call.disclose_me();
        }
        let Raw(result) = if progress {
            let mut results = call.progressive_results::<Raw>().await?;
            while let Some(Raw(result)) = results.try_next().await? {
                lines.print(style.result(&result, true)).await?;
            }
            results.result().await?
        } else {
            call.await?
        };
        Ok(lines.print(style.result(&result, false)).await?)
    })
}
