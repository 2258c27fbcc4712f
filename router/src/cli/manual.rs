//! `trunkline completions` and `trunkline man`: what shells and `man` know of the command line, made from its definition.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Command, CommandFactory as _};
use clap_complete::Shell;

use super::print;

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
pub(super) fn complete(arguments: &Completions) -> anyhow::Result<()> {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut super::Arguments::command(), "trunkline", &mut text);
    print(&String::from_utf8_lossy(&text))
}

/// Writes the pages.
pub(super) fn write(arguments: &Man) -> anyhow::Result<()> {
    let directory = &arguments.directory;
    let cannot = || format!("cannot write to {}", directory.display());
    std::fs::create_dir_all(directory).with_context(cannot)?;
    let mut command = without_help_commands(super::Arguments::command());
    // Gives commands their full names, which usages have.
    command.build();
    clap_mangen::generate_to(with_usage(command), directory).with_context(cannot)
}

/// There is no page for `trunkline help call`, which is `trunkline call --help`.
fn without_help_commands(command: Command) -> Command {
    command.disable_help_subcommand(true).mut_subcommands(without_help_commands)
}

/// Has the pages show the same usage as the help does: their own would name every option, and no value.
fn with_usage(mut command: Command) -> Command {
    let usage = command.render_usage().to_string();
    let usage = usage.strip_prefix("Usage: ").unwrap_or(&usage).to_owned();
    command.override_usage(usage).mut_subcommands(with_usage)
}
