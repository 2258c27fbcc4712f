//! Task `interop`: third-party clients against the router, alone and against each other.
//!
//! `provision` installs them, `clients` says what each can connect with, `check` runs one of them over one
//! connection. Here: which peers serve, and how the checks share the machine.

mod check;
mod clients;
mod connection;
mod process;
pub(crate) mod provision;
mod router;
mod summary;

use std::num::NonZero;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use check::Score;
use clients::Client;
use connection::{Connection, Transport};

pub(crate) use process::Child;
use router::Listeners;
pub(crate) use router::next_address;

use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace, _args: &[String]) -> anyhow::Result<()> {
    let clients = Client::provision_all(workspace)?;
    let (router, listeners) = router::start(workspace)?;
    let start = Instant::now();

    let served = serve_all(&clients, &listeners)?;
    let prefixes: Vec<String> = served.iter().map(|(prefix, _)| prefix.clone()).collect();
    let scores = check_all(&clients, &listeners, &prefixes)?;
    for (_, child) in served {
        child.close_stdin_and_wait()?;
    }
    router.terminate_and_wait()?;

    summary::print(&clients, &scores);
    let passed: usize = scores.iter().map(|score| score.passed).sum();
    let failed: usize = scores.iter().map(|score| score.failed).sum();
    println!("\n{} connections in {:.0} s\n", scores.len(), start.elapsed().as_secs_f64());
    println!("{passed} passed, {failed} failed");
    anyhow::ensure!(failed == 0, "{failed} scenarios failed; their lines above say why");
    Ok(())
}

/// A serving peer for each client and serializer, under a prefix that names both.
fn serve_all(clients: &[Client], listeners: &Listeners) -> anyhow::Result<Vec<(String, Child)>> {
    let mut served = Vec::new();
    for client in clients {
        for serializer in ["json", "msgpack", "cbor"] {
            let connection = Connection { transport: Transport::WebSocket, serializer };
            let prefix = format!("served.{}.{serializer}", client.key);
            let peer = Child::spawn(&prefix, &mut client.command("serve", connection, listeners, &prefix))?;
            served.push((prefix, peer));
        }
    }
    for (prefix, peer) in &mut served {
        let line = peer.line()?;
        anyhow::ensure!(line.as_deref() == Some("ready"), "{prefix} did not get ready; its error is above");
    }
    Ok(served)
}

/// Every client over every connection that it has, one check for each core at a time: no two of them use the same
/// topics and procedures.
fn check_all(clients: &[Client], listeners: &Listeners, served: &[String]) -> anyhow::Result<Vec<Score>> {
    let checks = clients.iter().flat_map(|client| {
        let possible = Connection::all().filter(|&connection| (client.cannot)(connection).is_none());
        possible.map(move |connection| (client, connection))
    });
    let checks = Mutex::new(checks);
    let next = || checks.lock().unwrap_or_else(PoisonError::into_inner).next();
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        let worker = || {
            let mut scores = Vec::new();
            while let Some((client, connection)) = next() {
                scores.push(check::check(client, connection, listeners, served));
            }
            scores
        };
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(worker)).collect();
        let mut scores = Vec::new();
        for worker in workers {
            scores.append(&mut worker.join().map_err(|_| anyhow::anyhow!("a check panicked"))?);
        }
        Ok(scores)
    })
}
