//! Task `interop`: third-party clients against the router, alone and against each other.
//!
//! `clients` provisions them, `process` runs and ends children, tests/interop/README.md says what the
//! clients' scripts do. Here: which client meets which, in which serializers, and what came of it.

mod clients;
mod process;

use std::time::Duration;

use anyhow::Context as _;

use crate::command;
use crate::workspace::Workspace;
use clients::{Client, Transport};

pub(crate) use clients::provision_node;
pub(crate) use process::Child;

const SERIALIZERS: [&str; 3] = ["json", "msgpack", "cbor"];

/// For one line of a peer. Its own deadlines of 20 seconds end first and say more.
const LINE_DEADLINE: Duration = Duration::from_secs(30);

/// What one client did in one serializer.
struct Score {
    label: String,
    passed: usize,
    failed: usize,
}

pub(crate) fn run(workspace: &Workspace, _args: &[String]) -> anyhow::Result<()> {
    let clients = clients::provision(workspace)?;
    command::run(workspace.cargo().args(["build", "--locked", "--package", "trunkline"]))?;
    let (router, url) = start_router(workspace)?;

    let served = serve_all(&clients, &url)?;
    let mut scores = Vec::new();
    for client in &clients {
        for serializer in SERIALIZERS {
            scores.push(check(client, serializer, &url, &served)?);
        }
    }
    for (_, child) in served {
        child.close_stdin_and_wait(LINE_DEADLINE)?;
    }
    router.terminate_and_wait(LINE_DEADLINE)?;

    println!("\n{:<42} {:>6} {:>6}", "client and serializer", "passed", "failed");
    for score in &scores {
        println!("{:<42} {:>6} {:>6}", score.label, score.passed, score.failed);
    }
    let failed: usize = scores.iter().map(|score| score.failed).sum();
    let passed: usize = scores.iter().map(|score| score.passed).sum();
    anyhow::ensure!(
        failed == 0,
        "{failed} of {} scenarios failed; their lines above say why",
        passed + failed
    );
    Ok(())
}

/// On a port of the system's choice, which its first lines name.
fn start_router(workspace: &Workspace) -> anyhow::Result<(Child, String)> {
    let program = workspace.target_dir().join("debug").join("trunkline");
    let mut command = workspace.command(program);
    command.args(["start", "--listen", "127.0.0.1:0"]);
    let mut router = Child::spawn("trunkline", &mut command)?;
    loop {
        let line = router.line(LINE_DEADLINE)?.context("the router ended before it named a ws:// address")?;
        if let Some(url) = websocket_url(&line) {
            return Ok((router, url));
        }
    }
}

fn websocket_url(line: &str) -> Option<String> {
    let start = line.split("ws://").nth(1)?;
    let address = start.split(|c: char| c.is_whitespace() || "\"'`,)".contains(c)).next()?;
    Some(format!("ws://{address}"))
}

/// A serving peer for each WebSocket client and serializer, under a prefix that names both.
fn serve_all(clients: &[Client], url: &str) -> anyhow::Result<Vec<(String, Child)>> {
    let mut served = Vec::new();
    for client in clients.iter().filter(|client| client.transport == Transport::WebSocket) {
        for serializer in SERIALIZERS {
            let prefix = format!("served.{}.{serializer}", client.key);
            let peer = Child::spawn(&prefix, client.command("serve", url, serializer).arg(&prefix))?;
            served.push((prefix, peer));
        }
    }
    for (prefix, peer) in &mut served {
        let line = peer.line(LINE_DEADLINE)?;
        anyhow::ensure!(line.as_deref() == Some("ready"), "{prefix} did not get ready; its error is above");
    }
    Ok(served)
}

/// The client alone, then against what the other client serves in every serializer.
fn check(client: &Client, serializer: &str, url: &str, served: &[(String, Child)]) -> anyhow::Result<Score> {
    let label = format!("{}, {serializer}", client.name);
    println!("\n--- {label}");
    let own = format!("served.{}.", client.key);
    let others = served.iter().map(|(prefix, _)| prefix).filter(|prefix| !prefix.starts_with(&own));
    let prefix = format!("check.{}.{}.{serializer}", client.key, client.transport.key());
    let mut command = client.command("check", url, serializer);
    let mut peer = Child::spawn(&label, command.arg(prefix).args(others))?;

    let mut score = Score { label, passed: 0, failed: 0 };
    loop {
        let Some(line) = peer.line(LINE_DEADLINE)? else {
            println!("ended before it was done");
            score.failed += 1;
            return Ok(score);
        };
        println!("{line}");
        match line.split(' ').next() {
            Some("ok") => score.passed += 1,
            Some("failed") => score.failed += 1,
            Some("done") => break,
            _ => {}
        }
    }
    peer.close_stdin_and_wait(LINE_DEADLINE)?;
    Ok(score)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_address_of_a_banner_line_is_taken() {
        let line = "  WebSocket  ws://127.0.0.1:4711/ws  (realm realm1)";
        assert_eq!(websocket_url(line).as_deref(), Some("ws://127.0.0.1:4711/ws"));
        assert_eq!(websocket_url("Wampy('ws://127.0.0.1:1/ws', {").as_deref(), Some("ws://127.0.0.1:1/ws"));
        assert_eq!(websocket_url("trunkline 0.1.0"), None);
    }
}
