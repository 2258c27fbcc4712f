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

/// What embedders get: the libraries without some or all of their features.
pub(crate) fn minimal(workspace: &Workspace, _args: &[String]) -> anyhow::Result<()> {
    const CHOICES: [(&str, &str); 6] = [
        ("trunkline", ""),
        ("wamp-proto", "json"),
        ("wamp-proto", "msgpack,serde"),
        ("wamp-proto", "cbor,auth"),
        ("trunkline-client", "json,websocket"),
        ("trunkline-client", "cbor,rawsocket,tls"),
    ];
    for (package, features) in CHOICES {
        run(workspace.cargo().args([
            "clippy",
            "--package",
            package,
            "--no-default-features",
            "--features",
            features,
            "--locked",
            "--",
            "-D",
            "warnings",
        ]))?;
    }
    Ok(())
}

/// Private items too: a link that breaks in a comment misleads the next reader.
pub(crate) fn docs(workspace: &Workspace, _args: &[String]) -> anyhow::Result<()> {
    run(workspace
        .cargo()
        .args(["doc", "--workspace", "--no-deps", "--locked", "--document-private-items"])
        .env("RUSTDOCFLAGS", "-D warnings"))
}
