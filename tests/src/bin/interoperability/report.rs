//! What came of each scenario over each connection, told line by line as it comes.
//!
//! `NAME<tab>CONNECTION<tab>OUTCOME<tab>ABOUT<tab>WHY`, where the outcome is `ok`, `failed`, or `not had`. The last two have a
//! reason.
#![allow(clippy::print_stdout, reason = "the report goes to stdout")]

use crate::scenario::Scenario;

#[derive(Default)]
pub(crate) struct Report {
    failed: Vec<String>,
}

impl Report {
    pub(crate) fn ok(scenario: &Scenario, connection: &str) {
        line(scenario, connection, "ok", "");
    }

    pub(crate) fn not_had(scenario: &Scenario, connection: &str, why: &str) {
        line(scenario, connection, "not had", why);
    }

    pub(crate) fn fail(&mut self, scenario: &Scenario, connection: &str, why: &str) {
        line(scenario, connection, "failed", why);
        self.failed.push(format!("{} over {connection}: {why}", scenario.name));
    }

    /// How many failed.
    pub(crate) fn failures(&self) -> usize {
        self.failed.len()
    }

    /// What failed, a line each.
    #[cfg(test)]
    pub(crate) fn failed(&self) -> String {
        self.failed.join("\n")
    }
}

fn line(scenario: &Scenario, connection: &str, outcome: &str, why: &str) {
    // A reason may be somebody else's text.
    let why = why.replace(['\t', '\n'], " ");
    println!("{}\t{connection}\t{outcome}\t{}\t{why}", scenario.name, scenario.about);
}
