//! Task `path`: the proof of the message path, by counts and sizes and never by time.
//!
//! (a) allocations, (b) instructions, (c) encodings, (d) fences, (e) a subscriber that never reads, (f) the
//! size of an idle session, (g) instructions beside patterns that do not match. The executables of the workspace member `path` measure a release build, the only
//! one in CI: core and codec without the features of the router's executable. `--record` renews the counts
//! of (b) in the repository and does nothing else.

mod instructions;

use std::path::PathBuf;

use anyhow::Context as _;

use crate::command::{run as run_command, stdout_of};
use crate::tidy;
use crate::workspace::Workspace;

/// Octets that the future of an idle session may have.
const FUTURE_MAX_BYTES: u64 = 2048;

/// What came out of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Holds,
    Failed,
    /// Not counted as a failure; the table and a line above it say so.
    NotChecked,
}

/// A line of the table.
#[derive(Debug)]
struct Row {
    letter: char,
    what: String,
    measured: String,
    limit: String,
    verdict: Verdict,
}

impl Row {
    /// What could not be measured has not been proven.
    fn not_measured(letter: char, what: &str, error: &anyhow::Error) -> Self {
        let measured = format!("not measured: {error:#}");
        Self { letter, what: what.to_owned(), measured, limit: "-".to_owned(), verdict: Verdict::Failed }
    }
}

/// Builds what is measured. Not all executables of the package: each one with a server in it is a minute of
/// optimization at link time.
fn build(workspace: &Workspace) -> anyhow::Result<()> {
    let executables = ["--bin", "path-heap", "--bin", "path-instructions", "--bin", "path-sockets"];
    let build = ["build", "--release", "--locked", "--package", "trunkline-path"];
    run_command(workspace.cargo().args(build).args(executables))
}

/// Runs the proof.
pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    let records = match args {
        [] => false,
        [arg] if arg == "--record" => true,
        _ => anyhow::bail!("usage: cargo xtask path [--record]"),
    };
    let workspace = Workspace::find()?;
    build(&workspace)?;
    if records {
        return instructions::record(&workspace);
    }
    let mut rows = Vec::new();
    let mut add = |letter, what, measured: anyhow::Result<Vec<Row>>| match measured {
        Ok(measured) => rows.extend(measured),
        Err(error) => rows.push(Row::not_measured(letter, what, &error)),
    };
    add('a', "allocations", reported(&workspace, "path-heap"));
    add('b', "instructions", instructions::compare(&workspace));
    add('g', "patterns that do not match", instructions::beside_patterns(&workspace));
    add('d', "fences", Ok(vec![fences(&workspace)]));
    add('e', "a subscriber that never reads", reported(&workspace, "path-sockets"));
    add('f', "future of an idle session", idle_future(&workspace));
    rows.sort_by_key(|row| row.letter);
    print(&rows);
    let failed = rows.iter().filter(|row| row.verdict == Verdict::Failed).count();
    anyhow::ensure!(failed == 0, "{failed} checks of the path failed");
    Ok(())
}

/// An executable of the release build.
fn executable(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.target_dir().join("release").join(name)
}

/// What an executable says that it measured and judged.
fn reported(workspace: &Workspace, name: &str) -> anyhow::Result<Vec<Row>> {
    let output = stdout_of(&mut workspace.command(executable(workspace, name)))?;
    let rows: Option<Vec<Row>> = output.lines().map(row).collect();
    rows.filter(|rows| !rows.is_empty()).with_context(|| format!("{name} printed no report: {output}"))
}

/// Five fields with tabs between them.
fn row(line: &str) -> Option<Row> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [letter, what, measured, limit, verdict] = fields.as_slice() else { return None };
    let verdict = if *verdict == "ok" { Verdict::Holds } else { Verdict::Failed };
    Some(Row {
        letter: letter.parse().ok()?,
        what: (*what).to_owned(),
        measured: (*measured).to_owned(),
        limit: (*limit).to_owned(),
        verdict,
    })
}

/// Bounded channels everywhere; in the core no runtime, clock, chance or values.
fn fences(workspace: &Workspace) -> Row {
    let (measured, verdict) = match tidy::run(workspace, &[]) {
        Ok(()) => ("no findings".to_owned(), Verdict::Holds),
        Err(error) => (error.to_string(), Verdict::Failed),
    };
    Row {
        letter: 'd',
        what: "the rules of `xtask tidy`".to_owned(),
        measured,
        limit: "no findings".to_owned(),
        verdict,
    }
}

/// A unit test prints and judges it: the future is private. The command builds what `cargo test` has built.
fn idle_future(workspace: &Workspace) -> anyhow::Result<Vec<Row>> {
    let mut test = workspace.cargo();
    test.args(["test", "--workspace", "--lib", "--locked", "--quiet", "idle_session_future"]);
    test.args(["--", "--nocapture"]);
    let output = stdout_of(&mut test)?;
    let rows: Vec<Row> = output
        .lines()
        .filter_map(|line| {
            let (what, bytes) = line.trim().strip_prefix("idle session: ")?.split_once(" = ")?;
            let bytes: u64 = bytes.strip_suffix(" bytes")?.parse().ok()?;
            let is_future = what.starts_with("future");
            let holds = !is_future || bytes <= FUTURE_MAX_BYTES;
            Some(Row {
                letter: 'f',
                what: what.to_owned(),
                measured: format!("{bytes} bytes"),
                limit: if is_future { format!("≤ {FUTURE_MAX_BYTES}") } else { "-".to_owned() },
                verdict: if holds { Verdict::Holds } else { Verdict::Failed },
            })
        })
        .collect();
    anyhow::ensure!(!rows.is_empty(), "the test printed no size: {output}");
    Ok(rows)
}

fn print(rows: &[Row]) {
    let width = |text: fn(&Row) -> &str| rows.iter().map(|row| text(row).chars().count()).max().unwrap_or(0);
    let (what, measured, limit) =
        (width(|row| &row.what), width(|row| &row.measured), width(|row| &row.limit));
    println!();
    for row in rows {
        let verdict = match row.verdict {
            Verdict::Holds if row.limit == "-" => "",
            Verdict::Holds => "ok",
            Verdict::Failed => "FAILED",
            Verdict::NotChecked => "NOT CHECKED",
        };
        println!(
            "({}) {:what$}  {:measured$}  {:limit$}  {verdict}",
            row.letter, row.what, row.measured, row.limit
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reported_line_becomes_a_row() {
        let row = row("a\tallocations, JSON\t9 allocations\t≤ 8\tFAILED").expect("five fields");
        assert_eq!((row.letter, row.what.as_str()), ('a', "allocations, JSON"));
        assert_eq!(row.verdict, Verdict::Failed);
        assert!(super::row("a\tallocations").is_none());
    }
}
