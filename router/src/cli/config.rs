//! `trunkline config`: what configuration files look like, for people and for editors.

use clap::Subcommand;
use trunkline::config::Config;

use super::print;

/// What `trunkline config` takes.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(super) enum Command {
    /// Print the default configuration, with every key that there is
    Default,
    /// Print a JSON Schema of configuration files, for editors
    Schema,
}

/// Prints what was asked for.
pub(super) fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Default => print(Config::DEFAULT_FILE),
        Command::Schema => print(&format!("{:#}\n", Config::schema())),
    }
}
