//! Tasks that cargo does itself: `fmt`, `clippy`, `minimal`, `docs`.
//!
//! They share profile, features and target directory with the tests, so that nothing is built twice.

use crate::command::run;
use crate::workspace::Workspace;

/// Says which files are not formatted; `cargo fmt` formats them.
pub(crate) fn fmt(workspace: &Workspace, _args: &[String]) -> anyhow::Result<()> {
    run(workspace.cargo().args(["fmt", "--all", "--check"]))
}

pub(crate) fn clippy(workspace: &Workspace, _args: &[String]) -> anyhow::Result<()> {
    run(workspace.cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ]))
}

/// What embedders get: the library without command line and allocator.
pub(crate) fn minimal(workspace: &Workspace, _args: &[String]) -> anyhow::Result<()> {
    run(workspace.cargo().args([
        "clippy",
        "--package",
        "trunkline",
        "--no-default-features",
        "--locked",
        "--",
        "-D",
        "warnings",
    ]))
}

/// Private items too: a link that breaks in a comment misleads the next reader.
pub(crate) fn docs(workspace: &Workspace, _args: &[String]) -> anyhow::Result<()> {
    run(workspace
        .cargo()
        .args(["doc", "--workspace", "--no-deps", "--locked", "--document-private-items"])
        .env("RUSTDOCFLAGS", "-D warnings"))
}
