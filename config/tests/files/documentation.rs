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
    assert_eq!(samples.len(), 3);
    for text in samples {
        if let Err(problems) = parse(&text) {
            panic!("{problems}");
        }
    }
}
