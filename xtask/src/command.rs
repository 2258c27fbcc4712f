//! Running other programs, with errors that name the command.

use std::process::Command;

use anyhow::Context as _;

/// Runs to the end with our own output streams.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| cannot_start(command))?;
    anyhow::ensure!(status.success(), "`{}` ended with {status}", shown(command));
    Ok(())
}

/// Runs to the end and returns what it printed; its errors stay visible.
pub(crate) fn stdout_of(command: &mut Command) -> anyhow::Result<String> {
    let output =
        command.stderr(std::process::Stdio::inherit()).output().with_context(|| cannot_start(command))?;
    anyhow::ensure!(output.status.success(), "`{}` ended with {}", shown(command), output.status);
    String::from_utf8(output.stdout)
        .with_context(|| format!("`{}` printed something else than text", shown(command)))
}

/// Whether the program is there and says that it works.
pub(crate) fn works(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

fn cannot_start(command: &Command) -> String {
    format!("cannot start `{}`: is {} installed?", shown(command), command.get_program().to_string_lossy())
}

fn shown(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy()];
    words.extend(command.get_args().map(|arg| arg.to_string_lossy()));
    words.join(" ")
}
