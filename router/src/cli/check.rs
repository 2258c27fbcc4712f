//! `trunkline check`: whether a router could start with a configuration file.

use std::path::{Path, PathBuf};

use clap::Args;
use trunkline::config::{Config, LoadError, ProcessEnvironment};

use super::say;

/// What `trunkline check` takes.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The configuration file
    file: PathBuf,
}

/// Says what is in a configuration file, unless something is wrong with it.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let file = &arguments.file;
    let config = load(file)?;
    let mut counts = vec![count(config.listeners.len(), "listener"), count(config.realms.len(), "realm")];
    if !config.realm_templates.is_empty() {
        counts.push(count(config.realm_templates.len(), "realm template"));
    }
    say(&format!("{}: ok: {}\n", file.display(), counts.join(", ")));
    Ok(())
}

/// Everything that starting needs from the configuration: `check` and `start` accept the same files.
pub(super) fn load(file: &Path) -> Result<Config, LoadError> {
    Config::load(file, &ProcessEnvironment)
}

fn count(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
