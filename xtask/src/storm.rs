//! Task `storm`: what thousands of connections that come and go do to the latency of others.
//!
//! The executable `storm` of the workspace member `path` measures and reports; it fails if anything was lost, and never
//! for a time. Not part of `ci`: its figures mean something on a quiet machine alone.

use crate::command::run as run_command;
use crate::workspace::Workspace;

/// Runs the storm against the debug build, or the release build with `--release`.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> anyhow::Result<()> {
    let (profile, options): (_, &[&str]) = match args {
        [] => ("debug", &[]),
        [arg] if arg == "--release" => ("release", &["--release"]),
        _ => anyhow::bail!("usage: cargo xtask storm [--release]"),
    };
    let mut build = workspace.cargo();
    build.args(["build", "--locked", "--package", "trunkline", "--package", "trunkline-path"]);
    build.args(["--bin", "trunkline", "--bin", "storm"]).args(options);
    run_command(&mut build)?;
    let directory = workspace.target_dir().join(profile);
    run_command(workspace.command(directory.join("storm")).arg(directory.join("trunkline")))
}
