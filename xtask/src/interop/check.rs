//! One client over one connection: runs a peer through its scenarios, and sees to it that none is missing.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Instant;

use super::clients::Client;
use super::connection::Connection;
use super::process::Child;
use super::router::Listeners;

/// What every client does, or says that it cannot; tests/interop/README.md describes them.
const ALONE: [&str; 37] = [
    "events",
    "publisher_exclusion",
    "own_events",
    "unsubscribe",
    "prefix_subscription",
    "wildcard_subscription",
    "receiver_lists",
    "calls",
    "application_errors",
    "unregister",
    "second_registration",
    "prefix_registration",
    "wildcard_registration",
    "roundrobin",
    "concurrency",
    "denied_actions",
    "progressive_results",
    "canceling",
    "interrupts",
    "timeouts",
    "progressive_invocations",
    "disclosure_on_request",
    "disclosure_by_configuration",
    "packed_payload",
    "transparent_payload",
    "session_meta",
    "session_kill",
    "registration_meta",
    "subscription_meta",
    "testaments",
    "retained_events",
    "event_history",
    "ticket",
    "wampcra",
    "salted_wampcra",
    "scram",
    "cryptosign",
];

/// What every client does with each peer that serves.
const WITH_SERVED: [&str; 3] = ["calls_served", "events_to_served", "events_from_served"];

/// What came of it.
pub(super) struct Score {
    pub(super) client: &'static str,
    pub(super) connection: Connection,
    pub(super) passed: usize,
    pub(super) failed: usize,
    /// Scenarios that the client has no means for, and why.
    pub(super) cannot: Vec<(String, String)>,
}

/// Runs and reports, with one line for each failure.
pub(super) fn check(
    client: &Client,
    connection: Connection,
    listeners: &Listeners,
    served: &[String],
) -> Score {
    let start = Instant::now();
    let mut sheet = Sheet::new(served);
    if let Err(error) = run(client, connection, listeners, served, &mut sheet) {
        sheet.fail(&format!("{error:#}"));
    }
    let (score, failures) = sheet.close(client.name, connection);
    println!(
        "{:<16} {:<15} {:<15} {:>3} passed, {} failed, {:.1} s{failures}",
        client.name,
        connection.transport.name(),
        connection.serializer,
        score.passed,
        score.failed,
        start.elapsed().as_secs_f64(),
    );
    score
}

fn run(
    client: &Client,
    connection: Connection,
    listeners: &Listeners,
    served: &[String],
    sheet: &mut Sheet,
) -> anyhow::Result<()> {
    let prefix = format!("check.{}.{}", client.key, connection.key());
    let mut peer =
        Child::spawn(client.name, client.command("check", connection, listeners, &prefix).args(served))?;
    while let Some(line) = peer.line()? {
        if line == "done" {
            return peer.close_stdin_and_wait();
        }
        sheet.note(&line);
    }
    anyhow::bail!("the peer ended before it was done")
}

/// Which scenarios are still open, and what came of the others.
struct Sheet {
    open: BTreeSet<String>,
    passed: usize,
    cannot: Vec<(String, String)>,
    failures: Vec<String>,
}

impl Sheet {
    fn new(served: &[String]) -> Self {
        let with_served = served
            .iter()
            .flat_map(|prefix| WITH_SERVED.iter().map(move |name| format!("{name} by {prefix}")));
        Self {
            open: ALONE.iter().map(|&name| name.to_owned()).chain(with_served).collect(),
            passed: 0,
            cannot: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// Takes one line of a peer.
    fn note(&mut self, line: &str) {
        let (outcome, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (name, why) = rest.split_once(": ").unwrap_or((rest, ""));
        if !self.open.remove(name) {
            return self.fail(&format!("not a line of an open scenario: {line}"));
        }
        match outcome {
            "ok" => self.passed += 1,
            "cannot" => self.cannot.push((name.to_owned(), why.to_owned())),
            _ => self.fail(rest),
        }
    }

    fn fail(&mut self, why: &str) {
        self.failures.push(why.to_owned());
    }

    /// The score, and the failures as lines of text. What nobody reported has failed.
    fn close(mut self, client: &'static str, connection: Connection) -> (Score, String) {
        for name in std::mem::take(&mut self.open) {
            self.fail(&format!("{name}: not reported"));
        }
        let mut text = String::new();
        for failure in &self.failures {
            let _infallible = write!(text, "\n  failed {failure}");
        }
        let score = Score {
            client,
            connection,
            passed: self.passed,
            failed: self.failures.len(),
            cannot: self.cannot,
        };
        (score, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interop::connection::Transport;

    const CONNECTION: Connection = Connection { transport: Transport::WebSocket, serializer: "json" };

    #[test]
    fn what_nobody_reports_has_failed() {
        let mut sheet = Sheet::new(&["served.a".to_owned()]);
        sheet.note("ok events");
        sheet.note("cannot concurrency: has no such option");
        sheet.note("failed calls_served by served.a: 1 instead of 2: really");
        let (score, failures) = sheet.close("a client", CONNECTION);
        assert_eq!((score.passed, score.cannot.len()), (1, 1));
        assert_eq!(score.failed, ALONE.len() + WITH_SERVED.len() - 2);
        assert!(failures.contains("\n  failed calls_served by served.a: 1 instead of 2: really"));
        assert!(failures.contains("\n  failed denied_actions: not reported"));
    }

    #[test]
    fn a_scenario_counts_once_and_an_unknown_one_fails() {
        let mut sheet = Sheet::new(&[]);
        for line in ["ok events", "ok events", "ok invented", "Traceback (most recent call last):"] {
            sheet.note(line);
        }
        assert_eq!((sheet.passed, sheet.failures.len()), (1, 3));
    }
}
