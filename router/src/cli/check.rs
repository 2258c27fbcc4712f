//! `trunkline check`: whether a router could start with a configuration file.

use std::path::{Path, PathBuf};

use clap::Args;
use thiserror::Error;
use trunkline::config::{Config, LoadError, ProcessEnvironment};

use super::{descriptors, print};

/// What `trunkline check` takes.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The configuration file
    file: PathBuf,
}

/// Says what is in a configuration file, unless something is wrong with it, and what may be an oversight.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let file = &arguments.file;
    let config = load(file)?;
    let mut counts = vec![count(config.listeners.len(), "listener"), count(config.realms.len(), "realm")];
    if !config.realm_templates.is_empty() {
        counts.push(count(config.realm_templates.len(), "realm template"));
    }
    print(&format!("{}: ok: {}\n", file.display(), counts.join(", ")))?;
    for closed in config.closed_realms() {
        print(&format!("warning: {closed}\n"))?;
    }
    Ok(())
}

/// Why no router is started with a configuration file.
#[derive(Debug, Error)]
pub(super) enum Refused {
    /// The file itself is of no use.
    #[error(transparent)]
    File(#[from] LoadError),
    /// This system has not what the file names: certificates, keys, owners of socket files, descriptors.
    #[error("{}", .0.join("\n"))]
    System(Vec<String>),
}

impl Refused {
    /// What standard error is told.
    pub(super) fn to_text(&self, in_color: bool) -> String {
        match self {
            Self::File(LoadError::Invalid(problems)) if in_color => problems.to_colored_string(),
            Self::File(LoadError::Unreadable { source, .. }) => format!("trunkline: {self}: {source}"),
            _ => self.to_string(),
        }
    }
}

/// Everything that starting needs from the configuration: `check` and `start` accept the same files.
pub(super) fn load(file: &Path) -> Result<Config, Refused> {
    let config = Config::load(file, &ProcessEnvironment)?;
    let missing = trunkline::check(&config).into_iter();
    let missing =
        missing.map(|error| format!("{:#}", anyhow::Error::from(error))).chain(few_descriptors(&config));
    let missing: Vec<_> = missing.map(|what| format!("{}: {what}", file.display())).collect();
    if missing.is_empty() { Ok(config) } else { Err(Refused::System(missing)) }
}

/// What to say of more sessions than the process can have.
fn few_descriptors(config: &Config) -> Option<String> {
    let (wanted, max) = (config.limits.sessions_max?, descriptors::sessions_max(config)?);
    (wanted > max).then(|| {
        format!(
            "`sessions_max` of `[limits]` is {wanted}, but the hard limit of open files is enough for {max} sessions: \
             raise that (`ulimit -Hn`, `LimitNOFILE=`), or lower this"
        )
    })
}

fn count(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
