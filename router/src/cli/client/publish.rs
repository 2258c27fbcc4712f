//! `trunkline publish`: one event.

use anyhow::Context as _;
use clap::Args;
use trunkline_client::SessionId;

use super::connection::Connection;
use super::output::Style;
use super::words::Words;
use super::{Kind, run as run_to_end};

/// What `trunkline publish` takes.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(in crate::cli) struct Arguments {
    /// The topic
    topic: String,
    #[command(flatten)]
    words: Words,
    /// Wait until the router took the event, and print its publication ID
    #[arg(long)]
    acknowledge: bool,
    /// Have the router keep the event for whoever subscribes later
    #[arg(long)]
    retain: bool,
    /// Ask the router to tell subscribers who publishes
    #[arg(long)]
    disclose_me: bool,
    /// Only for these sessions
    #[arg(long, value_name = "SESSION", value_delimiter = ',', value_parser = session)]
    eligible: Vec<SessionId>,
    /// Only for these authids
    #[arg(long, value_name = "AUTHID", value_delimiter = ',')]
    eligible_authid: Vec<String>,
    /// Only for these roles
    #[arg(long, value_name = "ROLE", value_delimiter = ',')]
    eligible_authrole: Vec<String>,
    /// Not for these sessions
    #[arg(long, value_name = "SESSION", value_delimiter = ',', value_parser = session)]
    exclude: Vec<SessionId>,
    /// Not for these authids
    #[arg(long, value_name = "AUTHID", value_delimiter = ',')]
    exclude_authid: Vec<String>,
    /// Not for these roles
    #[arg(long, value_name = "ROLE", value_delimiter = ',')]
    exclude_authrole: Vec<String>,
    #[command(flatten)]
    style: Style,
    #[command(flatten)]
    connection: Connection,
}

const AFTER_HELP: &str = "\
Examples:
  trunkline publish com.example.temperature 21.5 unit=°C
  trunkline publish com.example.state '{\"open\": true}' --retain --acknowledge";

fn session(number: &str) -> anyhow::Result<SessionId> {
    number.parse().ok().and_then(SessionId::new).context("a session ID is a number from 1 to 2^53")
}

/// Publishes the event.
pub(in crate::cli) fn run(arguments: Arguments) -> anyhow::Result<()> {
    let payload = arguments.words.payload()?;
    let style = arguments.style;
    let kind = if arguments.acknowledge { Kind::Request } else { Kind::Message };
    run_to_end(kind, arguments.connection, &style, async |client, lines| {
        let mut publish = client.publish(&arguments.topic, payload);
        // An empty list would be for nobody.
        if !arguments.eligible.is_empty() {
            publish = publish.eligible(arguments.eligible);
        }
        if !arguments.eligible_authid.is_empty() {
            publish = publish.eligible_authid(arguments.eligible_authid);
        }
        if !arguments.eligible_authrole.is_empty() {
            publish = publish.eligible_authrole(arguments.eligible_authrole);
        }
        if !arguments.exclude.is_empty() {
            publish = publish.exclude(arguments.exclude);
        }
        if !arguments.exclude_authid.is_empty() {
            publish = publish.exclude_authid(arguments.exclude_authid);
        }
        if !arguments.exclude_authrole.is_empty() {
            publish = publish.exclude_authrole(arguments.exclude_authrole);
        }
        if arguments.retain {
            publish = publish.retain();
        }
        if arguments.disclose_me {
            publish = publish.disclose_me();
        }
        if arguments.acknowledge {
            let publication = publish.acknowledge().await?;
            lines.print(style.named("publication", publication.value())).await?;
        } else {
            publish.await?;
        }
        Ok(())
    })
}
