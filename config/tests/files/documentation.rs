//! What we show to readers works: the default file, the samples, the examples and tables of the reference.

use std::fs;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};
use trunkline_config::Config;

use super::parse;
use super::schema::keys;

/// The files in a folder of this repository, and in the folders in it, with that ending.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder of the repository") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == ending) {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// The sample files.
pub(crate) fn samples() -> Vec<String> {
    files("samples", "toml").iter().map(|path| fs::read_to_string(path).expect("a sample")).collect()
}

/// A file with every setting that is commented out taken in: those comments have no space behind `#`.
pub(crate) fn uncommented(text: &str) -> String {
    let lines = text.lines().map(|line| match line.strip_prefix('#') {
        Some(rest) if !rest.is_empty() && !rest.starts_with(' ') => rest,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_default_file_is_the_default() {
    assert_eq!(parse(Config::DEFAULT_FILE).unwrap(), Config::default());
}

#[test]
fn the_default_file_has_every_key() {
    fn has(table: &DeTable<'_>, path: &str) -> bool {
        let (key, rest) = path.split_once('.').map_or((path, None), |(key, rest)| (key, Some(rest)));
        let (Some(value), rest) = (table.get(key), rest) else { return false };
        let Some(rest) = rest else { return true };
        match value.get_ref() {
            DeValue::Table(table) => has(table, rest),
            DeValue::Array(items) => {
                items.iter().any(|item| item.get_ref().as_table().is_some_and(|table| has(table, rest)))
            }
            _ => false,
        }
    }
    let text = uncommented(Config::DEFAULT_FILE);
    if let Err(problems) = parse(&text) {
        panic!("{problems}");
    }
    let document = DeTable::parse(&text).unwrap();
    for (key, _) in keys() {
        assert!(has(document.get_ref(), &key), "the default file says nothing about `{key}`");
    }
}

#[test]
fn samples_load() {
    let samples = samples();
    assert_eq!(samples.len(), 4);
    for text in samples {
        if let Err(problems) = parse(&text) {
            panic!("{problems}");
        }
    }
}

/// The pages about configuration files.
const PAGES: &str = "../docs/reference/configuration";

/// The fenced blocks of a page whose language is exactly that.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<(bool, String)> = None;
    for line in page.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(fence)) => open = Some((fence == language, String::new())),
            (Some((is_wanted, block)), Some(_)) => {
                if *is_wanted {
                    blocks.push(std::mem::take(block));
                }
                open = None;
            }
            (Some((_, block)), None) => *block += &format!("{line}\n"),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block without end");
    blocks
}

#[test]
fn the_examples_of_the_documentation_load() {
    let mut examples = 0;
    for path in files("../docs", "md") {
        let page = fs::read_to_string(&path).expect("a page");
        for block in blocks(&page, "toml") {
            examples += 1;
            if let Err(problems) = parse(&block) {
                panic!("{}: {problems}", path.display());
            }
        }
        for block in blocks(&page, "toml invalid") {
            assert!(parse(&block).is_err(), "{} shows no mistake: {block}", path.display());
        }
    }
    assert!(examples >= files(PAGES, "md").len());
}

#[test]
fn the_samples_and_the_examples_of_the_how_tos_let_somebody_into_every_realm() {
    let pages = files("../docs/how-to", "md");
    let examples = pages.iter().flat_map(|path| blocks(&fs::read_to_string(path).expect("a page"), "toml"));
    let mut configurations = 0;
    for text in samples().into_iter().chain(examples) {
        configurations += 1;
        let config = parse(&text).unwrap();
        assert_eq!(config.closed_realms().map(|closed| closed.to_string()).next(), None, "{text}");
    }
    assert!(configurations > samples().len(), "the how-tos have examples");
}

#[test]
fn the_problems_that_the_documentation_shows_are_those_of_its_example() {
    let page =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGES).join("README.md")).unwrap();
    let [example] = &blocks(&page, "toml invalid")[..] else { panic!("one example") };
    let [shown] = &blocks(&page, "text")[..] else { panic!("one output") };
    let problems = parse(example).expect_err("mistakes").to_string();
    assert_eq!(shown.trim_end(), problems.replace(super::FILE, "trunkline.toml"));
}

/// A row of a page's table of keys: table, key, default.
struct Row {
    table: String,
    key: String,
    default: String,
}

/// The tables of keys in all pages. A heading in code names the table that the rows below it are about.
fn documented() -> Vec<Row> {
    let mut rows = Vec::new();
    for path in files(PAGES, "md") {
        let page = fs::read_to_string(path).expect("a page");
        let mut table = None;
        for line in page.lines() {
            if let Some(heading) = line.strip_prefix('#') {
                let name = heading.trim_start_matches('#').trim().trim_matches('`');
                table = name.starts_with('[').then(|| name.trim_matches(['[', ']']).to_owned());
            }
            let mut cells = line.split('|').map(|cell| cell.trim().trim_matches('`').to_owned());
            if let (Some(table), true) = (&table, line.starts_with("| `")) {
                let (Some(key), Some(default)) = (cells.nth(1), cells.nth(1)) else {
                    panic!("cells: {line}")
                };
                rows.push(Row { table: table.clone(), key, default });
            }
        }
    }
    rows
}

#[test]
fn every_key_is_documented_and_no_other() {
    let mut documented: Vec<_> =
        documented().iter().map(|row| format!("{}.{}", row.table, row.key)).collect();
    // What a template has in common with a realm is documented there.
    let is_shared = |key: &str| {
        let tables = [
            "roles",
            "principals",
            "authenticators",
            "jwt",
            "authorizer",
            "call_queues",
            "event_history",
            "retained_events",
        ];
        tables.iter().any(|table| key.starts_with(&format!("realm_templates.{table}.")))
    };
    let mut known: Vec<_> =
        keys().into_iter().map(|(key, _)| key).filter(|key| key.contains('.') && !is_shared(key)).collect();
    documented.sort();
    known.sort();
    assert_eq!(documented, known);
}

#[test]
fn documented_defaults_are_those_of_the_default_file() {
    let document = DeTable::parse(Config::DEFAULT_FILE).unwrap();
    let mut compared = 0;
    for Row { table, key, default } in documented() {
        let first = |table: &str| document.get_ref()[table].get_ref()[0].get_ref().as_table().unwrap();
        let table = match table.as_str() {
            "listeners" => first("listeners"),
            "realms.retained_events" => first("realms")["retained_events"].get_ref().as_table().unwrap(),
            name => match document.get_ref().get(name).map(|value| value.get_ref()) {
                Some(DeValue::Table(table)) => table,
                _ => continue,
            },
        };
        if let Some(value) = table.get(key.as_str()) {
            assert_eq!(Config::DEFAULT_FILE.get(value.span()), Some(default.as_str()), "{key}");
            compared += 1;
        }
    }
    assert!(compared > 20, "{compared}");
}
