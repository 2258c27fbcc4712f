//! Writes `docs/reference/conformance.md`.

use super::rows::{Area, Checklist, Client, Row, Status};
use super::scan::Proofs;

const INTRO: &str = "\
# Conformance

<!-- Written by `cargo xtask conformance --write` from tests/conformance.tsv and the tests. Do not edit. -->

What WAMP version 2 asks for, row by row, and the tests that prove it. The rows were derived from the
specification (draft 04, Basic and Advanced Profile). A row without a test is a claim we do not make.

- **Binds**: R router (B broker, D dealer), C client, X codec or transport, RC both peers. Rows that bind both
  peers need a test of each.
- **Strength**: MUST, SHOULD, MAY; `*` = only when the feature is announced; α alpha, β beta, sk sketch (the
  specification's own status); `df` = de facto, not in the specification's text; [A-nn] = see the last table.
- **Status**: *done* has a test; *partial* has one for all but the words that are named; *missing* is due and
  has none yet; *later* names what it comes with; *out of scope* says why.
- **Client**: what our Rust client does about rows that bind clients: *done* has a test of the client, *wamp-proto* one of
  the protocol's functions, which alone decide; *missing* has none yet; *out of scope* says why.
- `we.x` stands for `wamp.error.x`, `wc.x` for `wamp.close.x`. PV = protocol violation: send
  `[3, {\"message\":…}, \"wamp.error.protocol_violation\"]`, dispose the session's subscriptions and
  registrations, process nothing further, then drop the transport.
- In the last table: XB Crossbar.io, AB Autobahn (Python or JavaScript), NX nexus v3.
";

pub(crate) fn page(checklist: &Checklist, proofs: &Proofs) -> String {
    let mut page = String::from(INTRO);
    page.push_str(
        "\n| Area | done | partial | missing | later | out of scope |\n|---|---|---|---|---|---|\n",
    );
    for area in checklist.areas.iter().filter(|area| !is_ambiguities(area)) {
        page.push_str(&summary_line(area, proofs));
    }
    for area in &checklist.areas {
        page.push_str(&format!("\n## {}\n\n", area.title));
        if is_ambiguities(area) {
            page.push_str("| Ref | Issue | What others do → what we do |\n|---|---|---|\n");
            for row in &area.rows {
                let [statement, note] = [&row.statement, &row.note].map(|text| cell(text));
                page.push_str(&format!("| {} | {statement} | {note} |\n", row.id));
            }
        } else {
            page.push_str(
                "| ID | Statement | Binds | Strength | Status | Client | Tests |\n|---|---|---|---|---|---|---|\n",
            );
            for row in &area.rows {
                page.push_str(&row_line(row, proofs));
            }
        }
    }
    page
}

fn is_ambiguities(area: &Area) -> bool {
    area.rows.first().is_some_and(|row| row.status == Status::Ambiguity)
}

fn summary_line(area: &Area, proofs: &Proofs) -> String {
    let labels = ["done", "partial", "missing", "later", "out of scope"];
    let counts = labels
        .map(|label| area.rows.iter().filter(|row| status_label(row, proofs) == label).count().to_string());
    format!("| {} | {} |\n", area.title, counts.join(" | "))
}

fn row_line(row: &Row, proofs: &Proofs) -> String {
    let status = match status_label(row, proofs) {
        "partial" => format!("partial, without {}", row.note),
        "missing" if row.status == Status::Partial => format!("missing (due without {})", row.note),
        label if row.note.is_empty() => label.to_owned(),
        label => format!("{label}: {}", row.note),
    };
    let tests: Vec<String> = proofs.places(&row.id).iter().map(|place| format!("`{place}`")).collect();
    format!(
        "| {} | {} | {} | {} | {} | {} | {} |\n",
        row.id,
        cell(&row.statement),
        row.binds,
        row.strength,
        cell(&status),
        cell(&client_label(row, proofs)),
        tests.join("<br>")
    )
}

fn status_label(row: &Row, proofs: &Proofs) -> &'static str {
    match row.status {
        Status::Due | Status::Partial if !proofs.has_router(row) || !proofs.has_client(row) => "missing",
        Status::Due => "done",
        Status::Partial => "partial",
        Status::Later => "later",
        Status::OutOfScope => "out of scope",
        Status::Ambiguity => "ambiguity",
    }
}

fn client_label(row: &Row, proofs: &Proofs) -> String {
    match &row.client {
        None => String::new(),
        Some(Client::OutOfScope(reason)) => format!("out of scope: {reason}"),
        Some(_) if !proofs.has_client(row) => "missing".to_owned(),
        Some(Client::Due) => "done".to_owned(),
        Some(Client::Protocol) => "wamp-proto".to_owned(),
    }
}

/// A `|` would end the cell, inside code as well.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
