//! `trunkline completions` and `trunkline man`: what shells and `man` know of the command line, made from its definition.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::say;

/// What `trunkline completions` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  trunkline completions bash > ~/.local/share/bash-completion/completions/trunkline
  trunkline completions fish > ~/.config/fish/completions/trunkline.fish
  trunkline completions zsh > ~/.zfunc/_trunkline")]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

/// What `trunkline man` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  trunkline man ~/.local/share/man/man1 && man trunkline-call")]
pub(super) struct Man {
    /// The folder in which the pages go, one for each command
    directory: PathBuf,
}

/// Prints completions.
pub(super) fn complete(arguments: &Completions) {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut super::Arguments::command(), "trunkline", &mut text);
    say(&String::from_utf8_lossy(&text));
}

/// Writes the pages.
pub(super) fn write(arguments: &Man) -> anyhow::Result<()> {
    let directory = &arguments.directory;
    let cannot = || format!("cannot write to {}", directory.display());
    std::fs::create_dir_all(directory).with_context(cannot)?;
    clap_mangen::generate_to(super::Arguments::command(), directory).with_context(cannot)
}
