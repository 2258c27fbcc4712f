//! The page about limits is true: its keys, defaults, counters and tests are there.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper fails the test that uses it")]

use std::fs;
use std::path::{Path, PathBuf};

use trunkline::Counters;
use trunkline::config::Config;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in a folder").to_owned()
}

/// A row of the page.
struct Row {
    key: String,
    default: String,
    counter: String,
    test: String,
}

fn rows() -> Vec<Row> {
    let page = fs::read_to_string(repository().join("docs/reference/limits.md")).expect("the page");
    let rows = page.lines().filter(|line| line.starts_with('|') && !line.starts_with("|---"));
    let rows = rows.filter(|line| !line.starts_with("| Limit |"));
    rows.map(|line| {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [_, key, default, _, counter, test] = cells[..] else { panic!("{line}") };
        let code =
            |cell: &str| cell.strip_prefix('`').and_then(|cell| cell.strip_suffix('`')).map(str::to_owned);
        Row {
            key: code(key).unwrap_or_default(),
            default: code(default).unwrap_or_default(),
            counter: code(counter).unwrap_or_default(),
            test: code(test).unwrap_or_else(|| panic!("no test: {line}")),
        }
    })
    .collect()
}

/// The text of all sources in that folder.
fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder of the repository") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            *text += &fs::read_to_string(path).expect("a source");
        }
    }
}

#[test]
fn every_limit_has_the_key_the_counter_and_the_test_that_the_page_says() {
    let counters: Vec<_> = Counters::default().all().into_iter().map(|(name, _)| name).collect();
    let mut text = String::new();
    for folder in ["router/src", "router/tests", "tests/tests"] {
        sources(&repository().join(folder), &mut text);
    }
    let rows = rows();
    assert!(rows.len() > 40, "{}", rows.len());
    for Row { key, default, counter, test } in &rows {
        let name = key.rsplit('.').next().unwrap_or_default();
        let value = if default.is_empty() { String::new() } else { format!("{default}\n") };
        let setting = format!("{name} = {value}");
        assert!(key.is_empty() || Config::DEFAULT_FILE.contains(&setting), "{key} = {default}");
        assert!(counter.is_empty() || counters.contains(&counter.as_str()), "{counter}");
        assert!(text.contains(&format!("fn {test}(")), "{test}");
    }
}

#[test]
fn every_limit_of_the_configuration_is_on_the_page() {
    let rows = rows();
    let is_limit = |name: &str| {
        name.contains("_max") || ["limit", "outbox_stall_ms", "memory_budget_bytes"].contains(&name)
    };
    let lines =
        Config::DEFAULT_FILE.lines().filter_map(|line| line.trim_start_matches('#').split_once(" = "));
    // Of events, age is no matter of room.
    for (name, _) in lines.filter(|(name, _)| is_limit(name) && *name != "max_age_s") {
        assert!(rows.iter().any(|row| row.key.ends_with(&format!(".{name}"))), "{name} is not on the page");
    }
}
