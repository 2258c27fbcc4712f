//! `trunkline subscribe`: events as they come.

use clap::Args;
use futures_util::StreamExt as _;
use trunkline_client::{Client, Error, EventError, Raw, State};

use super::connection::Connection;
use super::output::{Style, written};
use super::{failed, run as run_to_end, until_interrupted};

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
    count: Option<u64>,
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
    run_to_end(async {
        let client = connection.join().await?;
        let work = async {
            let mut subscriptions = Vec::new();
            for topic in &topics {
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
            let mut left = count;
            while left != Some(0) {
                match events.next().await {
                    Some(Ok(event)) => {
                        let shown = style.event(event);
                        if shown.is_err() {
                            return Ok(shown);
                        }
                        left = left.map(|left| left - 1);
                    }
                    Some(Err(EventError::Lagged(events))) => style.note(&format!("{events} events left out")),
                    Some(Err(error)) => style.note(&error.to_string()),
                    None => return Err(Error::Closed),
                }
            }
            Ok(Ok(()))
        };
        let watched = async {
            tokio::select! {
                done = work => done,
                () = tell_states(&client, &style) => Err(Error::Closed),
            }
        };
        match until_interrupted(&client, watched).await? {
            Some(Err(error)) => Err(failed(error, &client, &style)),
            Some(Ok(shown)) => written(shown),
            // Ctrl-C is how it ends.
            None => Ok(()),
        }
    })
}

/// Says when the session is lost, and when it is back, until it is closed.
pub(super) async fn tell_states(client: &Client, style: &Style) {
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
