//! Task `conformance`: rows of the specification → tests that prove them.
//!
//! `rows` reads the rows, `scan` finds the tests, `report` writes the page. Here they are held against
//! each other.

mod report;
mod rows;
mod scan;

use anyhow::Context as _;

use crate::workspace::Workspace;
use rows::{Checklist, Client, Status};
use scan::Proofs;

const DATA: &str = "tests/conformance.tsv";
const PAGE: &str = "docs/reference/conformance.md";

pub(crate) fn run(workspace: &Workspace, args: &[String]) -> anyhow::Result<()> {
    let write = match args {
        [] => false,
        [flag] if flag == "--write" => true,
        _ => anyhow::bail!("conformance takes no argument but --write"),
    };
    let checklist = Checklist::parse(&workspace.read(DATA)?)
        .with_context(|| format!("{DATA} is not as its head says"))?;
    let proofs = scan::scan(&workspace.sources()?, &checklist);
    let page = report::page(&checklist, &proofs);

    let mut problems = problems(&checklist, &proofs);
    let path = workspace.root.join(PAGE);
    if write {
        std::fs::write(&path, &page).with_context(|| format!("cannot write {PAGE}"))?;
        println!("wrote {PAGE}");
    } else if std::fs::read_to_string(&path).ok().as_deref() != Some(page.as_str()) {
        problems.push(format!("{PAGE} is stale: run `cargo xtask conformance --write` and commit it"));
    }

    let due = || checklist.rows().filter(|row| row.status.needs_test());
    let covered = due().filter(|row| proofs.has_router(row) && proofs.has_client(row)).count();
    println!("{covered} of {} rows that are due have a test", due().count());
    let asked = || due().filter(|row| matches!(row.client, Some(Client::Due | Client::Protocol)));
    let covered = asked().filter(|row| proofs.has_client(row)).count();
    println!("{covered} of {} rows that bind our client have a test of it", asked().count());
    for problem in &problems {
        println!("  {problem}");
    }
    anyhow::ensure!(problems.is_empty(), "{} to mend in the conformance rows", problems.len());
    Ok(())
}

fn problems(checklist: &Checklist, proofs: &Proofs) -> Vec<String> {
    let unknown = proofs.unknown.iter().map(|(id, place)| {
        format!("{place} names {id}, which is no row of {DATA}: mend the name or add the row")
    });
    let missing = checklist.rows().filter(|row| row.status.needs_test()).filter_map(|row| {
        let what = match (proofs.has_router(row), proofs.has_client(row)) {
            (true, true) => return None,
            (false, _) => "no test",
            (true, false) => "no test of our client",
        };
        let missing_words =
            if row.status == Status::Partial { format!(" (but for: {})", row.note) } else { String::new() };
        Some(format!("{} has {what}{missing_words}: {}", row.id, row.statement))
    });
    unknown.chain(missing).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::SourceFile;

    const ROWS: &str = "## 1 Serializers\n\
        SER-01\tR\tMUST\tdue\t\tfirst\n\
        SER-02\tX\tMUST\tpartial\tbytes\tsecond\n\
        SER-03\tX\tMUST\tlater\tBreadth\tthird\n";

    fn problems_with(test: &str) -> Vec<String> {
        let checklist = Checklist::parse(ROWS).unwrap();
        let files = [SourceFile { path: "a.rs".into(), text: test.into() }];
        problems(&checklist, &scan::scan(&files, &checklist))
    }

    #[test]
    fn due_and_partial_rows_need_a_test() {
        let found = problems_with("#[test]\nfn ser_01_works() {}\n");
        assert_eq!(found, ["SER-02 has no test (but for: bytes): second"]);
    }

    #[test]
    fn rows_that_bind_clients_need_a_test_of_ours() {
        let checklist = Checklist::parse("## a\nPV-02\tRC\tMUST\tdue\t\tsecond\n").unwrap();
        let file = |path: &str| SourceFile { path: path.into(), text: "#[test]\nfn pv_02() {}\n".into() };
        let found = problems(&checklist, &scan::scan(&[file("tests/tests/sessions.rs")], &checklist));
        assert_eq!(found, ["PV-02 has no test of our client: second"]);
        let both = [file("tests/tests/sessions.rs"), file("tests/tests/client_protocol.rs")];
        assert!(problems(&checklist, &scan::scan(&both, &checklist)).is_empty());
    }

    #[test]
    fn a_test_that_names_an_unknown_row_is_reported() {
        let test = "#[test]\nfn ser_01_works() {}\n/// Conformance: SER-02\n#[test]\nfn ser_99_works() {}\n";
        let found = problems_with(test);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("a.rs: ser_99_works names SER-99"), "{found:?}");
    }
}
