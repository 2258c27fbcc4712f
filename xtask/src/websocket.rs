//! Task `websocket`: cases of the Autobahn|Testsuite against a listener that sends every message back.
//!
//! kosoku runs them; `tests/websocket` has the router's configuration, and the script that says what came of each case.

use std::fmt::Write as _;
use std::num::NonZero;

use anyhow::Context as _;

use crate::command::{run as run_command, stdout_of};
use crate::interop::{Child, next_address};
use crate::venv::Venv;
use crate::workspace::Workspace;

/// Where the table must stand that the task prints.
const PAGE: &str = "docs/reference/websocket-conformance.md";

/// Sections of the suite. It has none with the numbers 8 and 11.
const SECTIONS: &[(&str, &str)] = &[
    ("1", "framing"),
    ("2", "pings and pongs"),
    ("3", "reserved bits"),
    ("4", "opcodes"),
    ("5", "fragmentation"),
    ("6", "UTF-8"),
    ("7", "closing"),
    ("9", "large and many messages"),
    ("10", "automatic fragmentation"),
    ("12", "compression"),
    ("13", "compression, parameters"),
];

/// Cases that are about an extension which the router declines.
const DECLINED: &[&str] = &["12", "13"];

/// Cases in which a text message could be refused at its first wrong octet: the router looks at whole frames.
const NON_STRICT: &[&str] = &["6.4.3", "6.4.4"];

pub(crate) fn run(workspace: &Workspace, _args: &[String]) -> anyhow::Result<()> {
    let venv = Venv::provision(workspace, "websocket", "tests/websocket/requirements.txt")?;
    run_command(workspace.cargo().args(["build", "--locked", "--package", "trunkline"]))?;
    let mut start = workspace.command(workspace.target_dir().join("debug/trunkline"));
    start.args(["start", "--config", "tests/websocket/testee.toml"]).env("RUST_LOG", "error");
    let mut router = Child::spawn("trunkline", &mut start)?;
    let url = format!("ws://{}", next_address(&mut router)?);

    let parallel = std::thread::available_parallelism().map_or(1, NonZero::get).to_string();
    let mut cases = workspace.command(venv.program("python"));
    cases.args(["tests/websocket/cases.py", &url, &parallel]).args(SECTIONS.iter().map(|(number, _)| number));
    let printed = stdout_of(&mut cases)?;
    router.terminate_and_wait()?;

    let cases = printed.lines().map(Case::parse).collect::<anyhow::Result<Vec<_>>>()?;
    let table = table(&cases);
    println!("\n{table}");
    let failed: Vec<&Case<'_>> = cases.iter().filter(|case| case.outcome() == Outcome::Failed).collect();
    for Case { id, behavior, close, extensions } in &failed {
        println!("{id}: {behavior}, close {close}, extensions {extensions:?}");
    }
    anyhow::ensure!(failed.is_empty(), "{} cases failed; the lines above say how", failed.len());
    anyhow::ensure!(workspace.read(PAGE)?.contains(&table), "{PAGE} has another table: put this one there");
    Ok(())
}

/// What came of one case.
struct Case<'a> {
    id: &'a str,
    behavior: &'a str,
    close: &'a str,
    extensions: &'a str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    NonStrict,
    Informational,
    Declined,
    Failed,
}

impl<'a> Case<'a> {
    fn parse(line: &'a str) -> anyhow::Result<Self> {
        let mut cells = line.split('\t');
        let mut cell = || cells.next().with_context(|| format!("expected four cells: {line:?}"));
        Ok(Self { id: cell()?, behavior: cell()?, close: cell()?, extensions: cell()? })
    }

    fn section(&self) -> &'a str {
        self.id.split('.').next().unwrap_or_default()
    }

    fn outcome(&self) -> Outcome {
        let is_declined = DECLINED.contains(&self.section());
        match (self.behavior, self.close) {
            _ if !self.extensions.is_empty() => Outcome::Failed,
            ("UNIMPLEMENTED", "OK") if is_declined => Outcome::Declined,
            _ if is_declined => Outcome::Failed,
            ("OK", "OK") => Outcome::Passed,
            ("NON-STRICT", "OK") if NON_STRICT.contains(&self.id) => Outcome::NonStrict,
            ("INFORMATIONAL", "OK" | "INFORMATIONAL") => Outcome::Informational,
            _ => Outcome::Failed,
        }
    }
}

/// A row for each section, in Markdown.
fn table(cases: &[Case<'_>]) -> String {
    let mut table = "| Section | Cases | Passed | Non-strict | Informational | Declined |\n".to_owned();
    table += "|---|---|---|---|---|---|\n";
    let mut row = |name: &str, cases: &[&Case<'_>]| {
        let count = |outcome| cases.iter().filter(|case| case.outcome() == outcome).count();
        let counts =
            [Outcome::Passed, Outcome::NonStrict, Outcome::Informational, Outcome::Declined].map(count);
        let [passed, non_strict, informational, declined] = counts;
        let all = cases.len();
        // Writing to a string cannot fail.
        let _written =
            writeln!(table, "| {name} | {all} | {passed} | {non_strict} | {informational} | {declined} |");
    };
    for (number, name) in SECTIONS {
        let of_section: Vec<_> = cases.iter().filter(|case| case.section() == *number).collect();
        row(&format!("{number}: {name}"), &of_section);
    }
    row("all", &cases.iter().collect::<Vec<_>>());
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(line: &str) -> Outcome {
        Case::parse(line).unwrap().outcome()
    }

    #[test]
    fn only_what_must_be_so_is_no_failure() {
        assert_eq!(outcome("1.1.1\tOK\tOK\t"), Outcome::Passed);
        assert_eq!(outcome("6.4.3\tNON-STRICT\tOK\t"), Outcome::NonStrict);
        assert_eq!(outcome("7.1.6\tINFORMATIONAL\tINFORMATIONAL\t"), Outcome::Informational);
        assert_eq!(outcome("12.1.1\tUNIMPLEMENTED\tOK\t"), Outcome::Declined);
        for line in [
            "1.1.1\tFAILED\tOK\t",
            "1.1.1\tOK\tUNCLEAN\t",
            "1.1.1\tERROR\tOK\t",
            "1.1.1\tUNIMPLEMENTED\tOK\t",
            "1.1.1\tOK\tOK\tpermessage-deflate",
            "6.4.1\tNON-STRICT\tOK\t",
            "7.1.6\tINFORMATIONAL\tUNCLEAN\t",
            "12.1.1\tUNIMPLEMENTED\tUNCLEAN\t",
            "12.1.1\tUNIMPLEMENTED\tOK\tpermessage-deflate",
            "13.1.1\tOK\tOK\tpermessage-deflate",
            "13.1.1\tOK\tOK\t",
        ] {
            assert_eq!(outcome(line), Outcome::Failed, "{line}");
        }
        assert!(Case::parse("1.1.1\tOK\tOK").is_err());
    }
}
