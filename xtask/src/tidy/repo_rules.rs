//! Rules over names, documents and all text.

use super::Finding;
use crate::workspace::SourceFile;

/// Names that say nothing about what is inside, so that everything ends up there.
const VAGUE_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "common", "types", "manager"];

/// In two parts, so that this file passes its own rule.
const MACHINE_FOLDERS: &[&str] = &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/tm", "p/")];

pub(super) fn vague_names(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        let mut stems = file.path.split('/').map(|part| part.split('.').next().unwrap_or(part));
        if let Some(stem) = stems.find(|stem| VAGUE_NAMES.contains(stem)) {
            findings.push(Finding {
                path: file.path.clone(),
                line: None,
                what: format!("`{stem}` as a name"),
            });
        }
    }
    findings
}

pub(super) fn machine_paths(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.path != "Cargo.lock") {
        for (number, line) in file.text.lines().enumerate() {
            if let Some(folder) = MACHINE_FOLDERS.iter().find(|folder| has_absolute(line, folder)) {
                let what = format!("the path `{folder}…`");
                findings.push(Finding { path: file.path.clone(), line: Some(number + 1), what });
            }
        }
    }
    findings
}

/// Not as the middle of another path.
fn has_absolute(line: &str, folder: &str) -> bool {
    let heads = line.split(folder).collect::<Vec<_>>();
    let is_path_part = |c: char| c.is_alphanumeric() || "._-})".contains(c);
    heads.iter().rev().skip(1).any(|head| !head.ends_with(is_path_part))
}

pub(super) fn changelog(files: &[SourceFile]) -> Vec<Finding> {
    let has_heading = files.iter().any(|file| {
        file.path == "CHANGELOG.md" && file.text.lines().any(|line| line.trim_end() == "## [Unreleased]")
    });
    if has_heading {
        return Vec::new();
    }
    vec![Finding { path: "CHANGELOG.md".into(), line: None, what: "no Unreleased section".into() }]
}

pub(super) fn broken_links(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.path.ends_with(".md")) {
        for (line, target) in relative_links(&file.text) {
            let resolved = resolve(&file.path, &target);
            let folder = format!("{resolved}/");
            let exists = files.iter().any(|other| other.path == resolved || other.path.starts_with(&folder));
            if !exists && !resolved.is_empty() {
                findings.push(Finding {
                    path: file.path.clone(),
                    line: Some(line),
                    what: format!("link to {target}"),
                });
            }
        }
    }
    findings
}

/// Line numbers and targets of the links that stay in the repository, without their anchors.
fn relative_links(text: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    let mut is_fenced = false;
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
        }
        if is_fenced {
            continue;
        }
        // Every second piece stands between backticks: code, not a link.
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("``");
        for rest in prose.split("](").skip(1) {
            let target = rest.split([')', ' ']).next().unwrap_or_default();
            let target = target.split('#').next().unwrap_or_default();
            if !target.is_empty() && !target.contains(':') {
                links.push((number + 1, target.to_owned()));
            }
        }
    }
    links
}

/// `docs/a.md` and `../b/c.md` → `b/c.md`.
fn resolve(from: &str, target: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::findings;

    #[test]
    fn vague_file_names_are_found() {
        assert_eq!(findings(vague_names, "router/src/utils.rs", ""), ["`utils` as a name"]);
        assert_eq!(findings(vague_names, "tests/tests/common/mod.rs", ""), ["`common` as a name"]);
        assert!(findings(vague_names, "router/src/typestate.rs", "").is_empty());
    }

    #[test]
    fn paths_of_one_machine_are_found() {
        let text = format!("cd {}main", MACHINE_FOLDERS[0]);
        assert_eq!(findings(machine_paths, "README.md", &text).len(), 1);
        let inside_another_path = format!("see docs{}x", MACHINE_FOLDERS[0]);
        assert!(findings(machine_paths, "README.md", &inside_another_path).is_empty());
    }

    #[test]
    fn a_changelog_without_unreleased_is_found() {
        assert_eq!(findings(changelog, "CHANGELOG.md", "# Changelog\n\n## 0.1.0\n").len(), 1);
        assert_eq!(findings(changelog, "README.md", "## [Unreleased]\n").len(), 1);
        assert!(findings(changelog, "CHANGELOG.md", "# Changelog\n\n## [Unreleased]\n").is_empty());
    }

    #[test]
    fn broken_links_are_found() {
        let find = |text| findings(broken_links, "docs/guide/start.md", text);
        assert_eq!(find("see [the list](../gone.md#part) and [here](start.md)"), ["link to ../gone.md"]);
        assert!(
            find("[a](https://example.org/x) [b](#part) `[c](gone.md)` [d](..) [e](../guide/)").is_empty()
        );
        assert!(find("```\n[a](gone.md)\n```\n").is_empty());
    }
}
