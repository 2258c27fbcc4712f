//! Task `interop-full`: the Rust client against this router and Crossbar.io, scenario by scenario, as a table for people.
//!
//! The program `interoperability` of `trunkline-tests` has the scenarios and starts the routers. Here: installing
//! Crossbar.io, and the table. Not part of `ci`: the install is large, and `cargo test` runs the scenarios against our router.

use std::path::Path;
use std::process::Stdio;

use anyhow::Context as _;

use crate::command::run as run_command;
use crate::venv::Venv;
use crate::workspace::Workspace;

const REQUIREMENTS: &str = "tests/crossbar/requirements.txt";
const CONFIG: &str = "tests/crossbar/config.json";
const PAGE: &str = "docs/reference/interoperability.md";

/// The table stands between these lines of the page.
const BEGIN: &str = "<!-- written by `cargo xtask interop-full --write` -->\n";
const END: &str = "<!-- end -->\n";

pub(crate) fn run(workspace: &Workspace, args: &[String]) -> anyhow::Result<()> {
    let is_writing = match args {
        [] => false,
        [arg] if arg == "--write" => true,
        _ => anyhow::bail!("usage: cargo xtask interop-full [--write]"),
    };
    let crossbar = format!("Crossbar.io {}", version(&workspace.read(REQUIREMENTS)?)?);
    let venv = Venv::provision(workspace, "interop/crossbar", REQUIREMENTS)?;
    let mut build = workspace.cargo();
    run_command(build.args([
        "build",
        "--locked",
        "--package",
        "trunkline-tests",
        "--bin",
        "interoperability",
    ]))?;

    let (program, config) = (venv.program("crossbar"), workspace.root.join(CONFIG));
    let ours = play(workspace, &["trunkline".as_ref()])?;
    let theirs = play(workspace, &["crossbar".as_ref(), &program, &config])?;
    let columns = [Column::parse("Trunkline", &ours)?, Column::parse(&crossbar, &theirs)?];
    let table = table(&columns)?;
    println!("\n{table}");
    let failures: Vec<String> = columns.iter().flat_map(Column::failures).collect();
    anyhow::ensure!(failures.is_empty(), "failed:\n{}", failures.join("\n"));

    let page = workspace.read(PAGE)?;
    let renewed = renewed(&page, &table)?;
    if is_writing {
        std::fs::write(workspace.root.join(PAGE), renewed).with_context(|| format!("cannot write {PAGE}"))?;
    } else {
        anyhow::ensure!(page == renewed, "{PAGE} is stale: run `cargo xtask interop-full --write`");
    }
    Ok(())
}

/// What it prints, whether or not all goes well: its lines say that.
fn play(workspace: &Workspace, arguments: &[&Path]) -> anyhow::Result<String> {
    let mut program = workspace.command(workspace.target_dir().join("debug/interoperability"));
    let output = program.args(arguments).stderr(Stdio::inherit()).output().context("cannot start it")?;
    let printed = String::from_utf8(output.stdout)?;
    // Failures have an exit code, too; without one of their own the program itself has failed.
    let has_failed = printed.contains("\tfailed\t");
    anyhow::ensure!(output.status.success() != has_failed, "interoperability ended with {}", output.status);
    Ok(printed)
}

/// The version that the requirements pin.
fn version(requirements: &str) -> anyhow::Result<&str> {
    let mut lines = requirements.lines();
    lines.find_map(|line| line.strip_prefix("crossbar==")).context("no version of crossbar is pinned")
}

/// What came of one scenario over one connection.
struct Line<'a> {
    name: &'a str,
    connection: &'a str,
    outcome: &'a str,
    about: &'a str,
    why: &'a str,
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> anyhow::Result<Self> {
        let mut cells = line.splitn(5, '\t');
        let mut cell = || cells.next().with_context(|| format!("expected five cells: {line:?}"));
        Ok(Self { name: cell()?, connection: cell()?, outcome: cell()?, about: cell()?, why: cell()? })
    }
}

/// Everything about one router.
struct Column<'a> {
    router: &'a str,
    lines: Vec<Line<'a>>,
}

impl<'a> Column<'a> {
    fn parse(router: &'a str, printed: &'a str) -> anyhow::Result<Self> {
        Ok(Self { router, lines: printed.lines().map(Line::parse).collect::<Result<_, _>>()? })
    }

    fn failures(&self) -> Vec<String> {
        let failed = self.lines.iter().filter(|line| !matches!(line.outcome, "ok" | "not had"));
        failed
            .map(|line| format!("{}: {} over {}: {}", self.router, line.name, line.connection, line.why))
            .collect()
    }

    /// One word for all connections, or the reason.
    fn cell(&self, name: &str) -> String {
        let mut lines = self.lines.iter().filter(|line| line.name == name);
        let Some(first) = lines.next() else { return "not run".to_owned() };
        match first.outcome {
            outcome if lines.any(|line| line.outcome != outcome) => {
                "**not over every connection**".to_owned()
            }
            "ok" => "yes".to_owned(),
            "not had" => format!("no: {}", first.why),
            _ => "**failed**".to_owned(),
        }
    }
}

/// A row for each scenario, in Markdown.
fn table(columns: &[Column<'_>]) -> anyhow::Result<String> {
    let [first, ..] = columns else { anyhow::bail!("no router was asked") };
    let mut rows: Vec<(&str, &str)> = first.lines.iter().map(|line| (line.name, line.about)).collect();
    // Another connection has the same scenarios again.
    let one = first.lines.first().map(|line| line.connection);
    rows.truncate(first.lines.iter().take_while(|line| Some(line.connection) == one).count());
    anyhow::ensure!(!rows.is_empty(), "no scenario was run");

    let routers: Vec<&str> = columns.iter().map(|column| column.router).collect();
    let mut table = format!("| Scenario | What must happen | {} |\n", routers.join(" | "));
    table += &"|---".repeat(columns.len() + 2);
    table += "|\n";
    for (name, about) in rows {
        let cells: Vec<String> = columns.iter().map(|column| column.cell(name)).collect();
        table += &format!("| `{name}` | {about} | {} |\n", cells.join(" | "));
    }
    Ok(table)
}

/// The page with that table in the place of the one before.
fn renewed(page: &str, table: &str) -> anyhow::Result<String> {
    let marks = || format!("{PAGE} has no table between its marks");
    let (before, rest) = page.split_once(BEGIN).with_context(marks)?;
    let (_, after) = rest.split_once(END).with_context(marks)?;
    Ok(format!("{before}{BEGIN}\n{table}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "join\tWebSocket Json\tok\tone joins\t\nleave\tWebSocket Json\tok\tone leaves\t\n\
                        join\tRawSocket Json\tok\tone joins\t\nleave\tRawSocket Json\tok\tone leaves\t";

    #[test]
    fn a_scenario_is_a_row_with_one_word_for_all_connections() {
        let theirs = OURS.replace("ok\tone leaves\t", "not had\tone leaves\tit stays (A-99)");
        let columns = [Column::parse("Ours", OURS).unwrap(), Column::parse("Theirs 1.2", &theirs).unwrap()];
        let table = table(&columns).unwrap();
        assert_eq!(
            table,
            "| Scenario | What must happen | Ours | Theirs 1.2 |\n|---|---|---|---|\n| `join` | one joins | yes | yes |\n\
             | `leave` | one leaves | yes | no: it stays (A-99) |\n"
        );
        assert!(columns.iter().all(|column| column.failures().is_empty()));
    }

    #[test]
    fn what_fails_somewhere_is_said() {
        let printed =
            OURS.replace("RawSocket Json\tok\tone leaves\t", "RawSocket Json\tfailed\tone leaves\tit hangs");
        let column = Column::parse("Theirs", &printed).unwrap();
        assert_eq!(column.cell("leave"), "**not over every connection**");
        assert_eq!(column.cell("stay"), "not run");
        assert_eq!(column.failures(), ["Theirs: leave over RawSocket Json: it hangs"]);
        assert!(Column::parse("Theirs", "thread 'main' panicked").is_err());
        assert!(table(&[Column::parse("Theirs", "").unwrap()]).is_err());
    }

    #[test]
    fn the_table_takes_the_place_of_the_one_before() {
        let page = format!("# Title\n\n{BEGIN}\n| old |\n\n{END}\nmore\n");
        let wanted = format!("# Title\n\n{BEGIN}\n| new |\n\n{END}\nmore\n");
        assert_eq!(renewed(&page, "| new |\n").unwrap(), wanted);
        assert!(renewed("# Title\n", "| new |\n").is_err());
    }

    #[test]
    fn the_version_is_the_pinned_one() {
        assert_eq!(version("crossbarhttp==1.0\ncrossbar==26.10.1\n").unwrap(), "26.10.1");
        assert!(version("autobahn==1.0\n").is_err());
    }
}
