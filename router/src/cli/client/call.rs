//! `trunkline call`: one call, and its results.

use std::time::Duration;

use clap::Args;
use futures_util::StreamExt as _;
use trunkline_client::Raw;

use super::connection::Connection;
use super::output::{Style, written};
use super::words::Words;
use super::{failed, run as run_to_end, until_interrupted};

/// What `trunkline call` takes.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(in crate::cli) struct Arguments {
    /// The procedure
    procedure: String,
    #[command(flatten)]
    words: Words,
    /// Give up after that many milliseconds
    #[arg(long, value_name = "MILLISECONDS")]
    timeout_ms: Option<u64>,
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
    run_to_end(async {
        let client = connection.join_once().await?;
        let mut call = client.call::<Raw>(&procedure, payload);
        if let Some(timeout) = timeout_ms {
            call = call.timeout(Duration::from_millis(timeout));
        }
        if disclose_me {
            call = call.disclose_me();
        }
        let work = async {
            if !progress {
                let Raw(payload) = call.await?;
                return Ok(style.result(&payload, false));
            }
            let mut results = call.progressive_results::<Raw>().await?;
            while let Some(result) = results.next().await {
                let shown = style.result(&result?.0, true);
                if shown.is_err() {
                    return Ok(shown);
                }
            }
            let Raw(payload) = results.result().await?;
            Ok(style.result(&payload, false))
        };
        match until_interrupted(&client, work).await? {
            Some(Ok(shown)) => written(shown),
            Some(Err(error)) => Err(failed(error, &client, &style)),
            None => anyhow::bail!("canceled"),
        }
    })
}
