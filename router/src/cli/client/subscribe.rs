//! `trunkline subscribe`: events as they come.

use std::collections::BTreeSet;
use std::num::NonZeroU64;

use clap::Args;
use futures_util::StreamExt as _;
use trunkline_client::{Error, EventError, Raw};

use super::connection::Connection;
use super::output::Style;
use super::{Kind, run as run_to_end};

/// What `trunkline subscribe` takes.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(in crate::cli) struct Arguments {
    /// The topics, or what they begin with, or patterns of them
    #[arg(required = true, value_name = "TOPIC")]
    topics: Vec<String>,
    /// Every topic that begins so
    #[arg(long, conflicts_with = "wildcard")]
    prefix: bool,
    /// Every topic with as many components, of which an empty one stands for any
    #[arg(long)]
    wildcard: bool,
    /// Ask for what the router keeps of the topics, too
    #[arg(long)]
    retained: bool,
    /// End after that many events
    #[arg(long, value_name = "EVENTS")]
    count: Option<NonZeroU64>,
    #[command(flatten)]
    style: Style,
    #[command(flatten)]
    connection: Connection,
}

const AFTER_HELP: &str = "\
Examples:
  trunkline subscribe com.example.temperature
  trunkline subscribe com.example. --prefix --json | jq .args
  trunkline subscribe com.example.state --retained --count 1

It goes on when the router was away; what was published then is lost. Ctrl-C ends it.";

/// Shows events.
pub(in crate::cli) fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { topics, prefix, wildcard, retained, count, style, connection } = arguments;
    run_to_end(Kind::Service, connection, &style, async |client, lines| {
        let mut subscriptions = Vec::new();
        // Each event is shown once.
        for topic in topics.iter().collect::<BTreeSet<_>>() {
            let mut subscribe = client.subscribe::<Raw>(topic);
            if prefix {
                subscribe = subscribe.prefix();
            }
            if wildcard {
                subscribe = subscribe.wildcard();
            }
            if retained {
                subscribe = subscribe.get_retained();
            }
            subscriptions.push(subscribe.await?);
        }
        style.note("subscribed");
        let mut events = futures_util::stream::select_all(subscriptions);
        let mut left = count.map(NonZeroU64::get);
        while left != Some(0) {
            let next = tokio::select! {
                next = events.next() => next,
                // What could not be written is known before there is more to write.
                unwritten = lines.unwritten() => return Err(unwritten.into()),
            };
            match next {
                Some(Ok(event)) => {
                    lines.print(style.event(event)).await?;
                    left = left.map(|left| left - 1);
                }
                Some(Err(EventError::Lagged(events))) => style.note(&format!("{events} events left out")),
                Some(Err(error)) => style.note(&error.to_string()),
                None => return Err(Error::Closed.into()),
            }
        }
        Ok(())
    })
}
