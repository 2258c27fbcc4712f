//! The router under test: its configuration and certificate, and the addresses that it says it listens on.

use std::path::PathBuf;

use anyhow::Context as _;

use super::connection::Transport;
use super::process::Child;
use crate::command::{run, stdout_of};
use crate::workspace::Workspace;

/// Where it can be reached.
pub(super) struct Listeners {
    tcp: String,
    tls: String,
    unix: String,
    /// What its TLS listener shows, for clients to trust.
    pub(super) certificate: PathBuf,
}

/// Builds it, and starts it with tests/interop/router.toml, in a folder of its own under the target directory.
pub(super) fn start(workspace: &Workspace) -> anyhow::Result<(Child, Listeners)> {
    run(workspace.cargo().args(["build", "--locked", "--package", "trunkline"]))?;
    let program = workspace.target_dir().join("debug/trunkline");
    let folder = workspace.target_dir().join("interop/router");
    // `trunkline init` overwrites nothing.
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    stdout_of(workspace.command(&program).args(["init", "--dir"]).arg(&folder))?;
    let config = folder.join("interop.toml");
    let text = workspace.read("tests/interop/router.toml")? + &logins(workspace)?;
    std::fs::write(&config, text).with_context(|| format!("cannot write {}", config.display()))?;

    let mut start = workspace.command(&program);
    start.args(["start", "--config"]).arg(&config).env("RUST_LOG", "warn");
    let mut process = Child::spawn("trunkline", &mut start)?;
    let mut address = || next_address(&mut process);
    // In the order of the file.
    let (tcp, tls, unix) = (address()?, address()?, address()?);
    Ok((process, Listeners { tcp, tls, unix, certificate: folder.join("certificate.pem") }))
}

/// The realm of the sample with a principal for each method, under another name.
fn logins(workspace: &Workspace) -> anyhow::Result<String> {
    let sample = workspace.read("config/samples/authentication.toml")?;
    let realm =
        sample.find("[[realms]]").and_then(|start| sample.get(start..)).context("a sample without realms")?;
    anyhow::ensure!(realm.matches("[[realms]]").count() == 1, "the sample has several realms");
    Ok(format!("\n{}", realm.replacen("name = \"realm1\"", "name = \"logins\"", 1)))
}

impl Listeners {
    /// As peers take it.
    pub(super) fn url(&self, transport: Transport) -> String {
        let Self { tcp, tls, unix, .. } = self;
        match transport {
            Transport::WebSocket => format!("ws://{tcp}/ws"),
            Transport::WebSocketTls => format!("wss://{tls}/ws"),
            Transport::WebSocketUnix => format!("ws+{unix}"),
            Transport::RawSocket => format!("rs://{tcp}"),
            Transport::RawSocketTls => format!("rss://{tls}"),
            Transport::RawSocketUnix => format!("rs+{unix}"),
        }
    }
}

/// The next address that a router prints which starts with a configuration file.
pub(crate) fn next_address(router: &mut Child) -> anyhow::Result<String> {
    loop {
        let line = router.line()?.context("the router ended before it named its addresses")?;
        if let Some(address) = address(&line) {
            return Ok(address.to_owned());
        }
    }
}

fn address(line: &str) -> Option<&str> {
    line.trim_start().strip_prefix("Address ").map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_from_what_the_router_prints() {
        assert_eq!(address("  Address     127.0.0.1:4711"), Some("127.0.0.1:4711"));
        assert_eq!(address("  Address     unix:/run/a b.sock"), Some("unix:/run/a b.sock"));
        assert_eq!(address("  Realm       realm1"), None);
    }
}
