//! The lines in which an executable tells `cargo xtask path` what it found.

use std::fmt::Display;

/// One thing that was measured.
#[derive(Debug)]
pub struct Check {
    /// The letter under which issue and documentation name the proof.
    pub letter: char,
    /// What was measured.
    pub what: String,
    /// What came out.
    pub measured: String,
    /// What had to come out.
    pub limit: String,
    /// Whether it did.
    pub holds: bool,
}

impl Check {
    /// A count that may not be above its limit.
    pub fn at_most(letter: char, what: impl Into<String>, measured: u64, limit: u64, unit: &str) -> Self {
        Self {
            letter,
            what: what.into(),
            measured: format!("{measured} {unit}"),
            limit: format!("≤ {limit}"),
            holds: measured <= limit,
        }
    }

    /// A value that has to be exactly that one.
    pub fn exactly<T: Display + PartialEq>(
        letter: char,
        what: impl Into<String>,
        measured: T,
        wanted: T,
    ) -> Self {
        Self {
            letter,
            what: what.into(),
            measured: measured.to_string(),
            limit: format!("= {wanted}"),
            holds: measured == wanted,
        }
    }

    /// A number worth knowing, to which no limit applies.
    pub fn for_information(letter: char, what: impl Into<String>, measured: impl Display) -> Self {
        Self { letter, what: what.into(), measured: measured.to_string(), limit: "-".to_owned(), holds: true }
    }
}

/// Prints a check as `cargo xtask path` reads it: five fields with tabs between them.
#[allow(clippy::print_stdout, reason = "stdout is where the task reads it")]
pub fn report(check: &Check) {
    let Check { letter, what, measured, limit, holds } = check;
    println!("{letter}\t{what}\t{measured}\t{limit}\t{}", if *holds { "ok" } else { "FAILED" });
}
