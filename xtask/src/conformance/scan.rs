//! Finds the tests that bear row IDs.
//!
//! A test's name starts with one ID in lower case: `fn ser_02_…` proves SER-02. More IDs stand in a comment
//! above it: `/// Conformance: PUB-01, ORD-06`. In a macro that makes tests, the name stands first on its
//! line, followed by `:`, `,` or `=>`. Interop scripts use the comment. An ignored test proves nothing.
//!
//! Where a test stands says whose it is: the client's in `client/` and `tests/tests/client*.rs`.

use std::collections::BTreeMap;

use super::rows::{Checklist, Client, Row};
use crate::workspace::SourceFile;

#[derive(Default)]
pub(crate) struct Proofs {
    /// Places as `file: function`.
    places_by_id: BTreeMap<String, Vec<String>>,
    /// ID and place of what looks like a row and is none.
    pub(crate) unknown: Vec<(String, String)>,
}

/// Whose tests stand in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Client,
    Protocol,
    Router,
}

impl Side {
    fn of(place: &str) -> Self {
        if place.starts_with("client/") || place.starts_with("tests/tests/client") {
            Self::Client
        } else if place.starts_with("wamp-proto/") {
            Self::Protocol
        } else {
            Self::Router
        }
    }
}

impl Proofs {
    /// Whether whoever the row binds beside our client has a test.
    pub(crate) fn has_router(&self, row: &Row) -> bool {
        let places = self.places(&row.id);
        match &*row.binds {
            "C" => true,
            "RC" => places.iter().any(|place| Side::of(place) != Side::Client),
            _ => !places.is_empty(),
        }
    }

    /// Whether our client has the test that the row asks of it, if it asks for one.
    pub(crate) fn has_client(&self, row: &Row) -> bool {
        let has = |sides: &[Side]| self.places(&row.id).iter().any(|place| sides.contains(&Side::of(place)));
        match &row.client {
            None | Some(Client::OutOfScope(_)) => true,
            Some(Client::Due) => has(&[Side::Client]),
            Some(Client::Protocol) => has(&[Side::Client, Side::Protocol]),
        }
    }

    pub(crate) fn places(&self, id: &str) -> &[String] {
        self.places_by_id.get(id).map_or(&[], Vec::as_slice)
    }

    fn add(&mut self, id: String, place: &str, checklist: &Checklist) {
        if !checklist.has(&id) {
            self.unknown.push((id, place.to_owned()));
            return;
        }
        let places = self.places_by_id.entry(id).or_default();
        if !places.iter().any(|known| known == place) {
            places.push(place.to_owned());
        }
    }
}

pub(crate) fn scan(files: &[SourceFile], checklist: &Checklist) -> Proofs {
    let mut proofs = Proofs::default();
    for file in files {
        // The tests of xtask itself plant such names.
        if file.path.ends_with(".rs") && !file.path.starts_with("xtask/") {
            scan_rust(file, checklist, &mut proofs);
        } else if file.path.starts_with("tests/interop/") {
            scan_script(file, checklist, &mut proofs);
        }
    }
    proofs
}

fn scan_rust(file: &SourceFile, checklist: &Checklist, proofs: &mut Proofs) {
    let makes_tests = file.text.contains("fn $");
    let mut above = Above::default();
    for line in file.text.lines().map(str::trim) {
        if let Some(ids) = declared_ids(line, "//") {
            above.ids.extend(ids);
        } else if is_test_attribute(line) {
            above.is_test = true;
        } else if line.starts_with("#[ignore") {
            above.is_ignored = true;
        } else if let Some(name) = function_name(line) {
            if above.is_test && !above.is_ignored {
                record(file, name, std::mem::take(&mut above.ids), checklist, proofs);
            }
            above = Above::default();
        } else if makes_tests && let Some(name) = listed_name(line) {
            if id_of_name(name, checklist).is_some() || !above.ids.is_empty() {
                record(file, name, std::mem::take(&mut above.ids), checklist, proofs);
            }
            above = Above::default();
        } else if !line.starts_with("#[") && !line.starts_with("//") {
            above = Above::default();
        }
    }
}

/// What stands directly above a function.
#[derive(Default)]
struct Above {
    ids: Vec<String>,
    is_test: bool,
    is_ignored: bool,
}

fn record(file: &SourceFile, name: &str, mut ids: Vec<String>, checklist: &Checklist, proofs: &mut Proofs) {
    ids.extend(id_of_name(name, checklist));
    for id in ids {
        proofs.add(id, &format!("{}: {name}", file.path), checklist);
    }
}

/// Comments count for the function that follows, or for the whole script.
fn scan_script(file: &SourceFile, checklist: &Checklist, proofs: &mut Proofs) {
    let mut ids = Vec::new();
    for line in file.text.lines().map(str::trim) {
        if let Some(more) = declared_ids(line, "#").or_else(|| declared_ids(line, "//")) {
            ids.extend(more);
        } else if let Some(name) = function_name(line) {
            for id in ids.drain(..) {
                proofs.add(id, &format!("{}: {name}", file.path), checklist);
            }
        }
    }
    for id in ids {
        proofs.add(id, &file.path, checklist);
    }
}

fn is_test_attribute(line: &str) -> bool {
    let Some(attribute) = line.strip_prefix("#[") else { return false };
    let path = attribute.split(['(', ']']).next().unwrap_or_default();
    path == "test" || path.ends_with("::test")
}

/// `/// Conformance: PUB-01, ORD-06` → the IDs.
fn declared_ids(line: &str, comment: &str) -> Option<Vec<String>> {
    let rest = line.strip_prefix(comment)?.trim_start_matches(['/', '!', ' ']);
    let ids = rest.strip_prefix("Conformance:")?;
    Some(ids.split(',').map(|id| id.trim().trim_end_matches('.').to_owned()).collect())
}

/// The name that `fn`, `def`, `func` or `function` declares on this line.
fn function_name(line: &str) -> Option<&str> {
    let mut rest = line;
    for word in ["export ", "pub ", "pub(crate) ", "async "] {
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }
    let rest = ["fn ", "def ", "func ", "function "].iter().find_map(|word| rest.strip_prefix(word))?;
    leading_name(rest)
}

/// `ser_02_lone_nul => …` in the call of a macro that makes tests.
fn listed_name(line: &str) -> Option<&str> {
    let name = leading_name(line)?;
    let after = line.strip_prefix(name)?.trim_start();
    [":", ",", "=>"].iter().any(|mark| after.starts_with(mark)).then_some(name)
}

fn leading_name(text: &str) -> Option<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().filter(|name| !name.is_empty())
}

/// `ser_02_bytes` → SER-02; a known prefix with another number is returned too, so that a slip is seen.
fn id_of_name(name: &str, checklist: &Checklist) -> Option<String> {
    let mut prefix = String::new();
    for word in name.split('_') {
        if word.len() == 2 && word.bytes().all(|b| b.is_ascii_digit()) {
            return checklist.has_prefix(&prefix).then(|| format!("{prefix}-{word}"));
        }
        if !prefix.is_empty() {
            prefix.push('-');
        }
        prefix.push_str(&word.to_ascii_uppercase());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(path: &str, text: &str, id: &str) -> Vec<String> {
        let rows = ["SER-02", "META-SES-01", "PUB-01"].map(|id| format!("{id}\tR\tMUST\tdue\t\twords\n"));
        let checklist = Checklist::parse(&format!("## a\n{}", rows.concat())).unwrap();
        let files = [SourceFile { path: path.into(), text: text.into() }];
        scan(&files, &checklist).places(id).to_vec()
    }

    #[test]
    fn the_name_of_a_test_starts_with_an_id() {
        let text = "    #[tokio::test(start_paused = true)]\n    async fn meta_ses_01_on_join() {\n";
        assert_eq!(places("a.rs", text, "META-SES-01"), ["a.rs: meta_ses_01_on_join"]);
    }

    #[test]
    fn a_comment_adds_ids() {
        let text = "/// Says why.\n/// Conformance: PUB-01, SER-02\n#[test]\nfn quiet() {}\n";
        assert_eq!(places("a.rs", text, "PUB-01"), ["a.rs: quiet"]);
        assert_eq!(places("a.rs", text, "SER-02"), ["a.rs: quiet"]);
    }

    #[test]
    fn a_comment_counts_for_the_next_function_only() {
        let text = "/// Conformance: PUB-01\nstruct Other;\n#[test]\nfn quiet() {}\n";
        assert!(places("a.rs", text, "PUB-01").is_empty());
    }

    #[test]
    fn functions_that_are_no_tests_and_ignored_ones_prove_nothing() {
        assert!(places("a.rs", "fn ser_02_case() {}\n", "SER-02").is_empty());
        assert!(places("a.rs", "#[test]\n#[ignore = \"slow\"]\nfn ser_02_case() {}\n", "SER-02").is_empty());
    }

    #[test]
    fn a_macro_may_make_the_tests() {
        let text =
            "macro_rules! cases { () => { #[test] fn $name() {} } }\ncases! {\n    ser_02_nul => 1,\n}\n";
        assert_eq!(places("a.rs", text, "SER-02"), ["a.rs: ser_02_nul"]);
    }

    #[test]
    fn what_binds_both_peers_needs_a_test_of_each() {
        let row = |binds: &str, more: &str| {
            let text = format!("## a\nSER-02\t{binds}\tMUST\tdue\t\twords{more}\n");
            Checklist::parse(&text).unwrap()
        };
        let sides = |paths: &[&str], binds: &str, more: &str| {
            let checklist = row(binds, more);
            let text = "#[test]\nfn ser_02_bytes() {}\n".to_owned();
            let file = |path: &&str| SourceFile { path: (*path).into(), text: text.clone() };
            let proofs = scan(&paths.iter().map(file).collect::<Vec<_>>(), &checklist);
            let row = checklist.rows().next().unwrap();
            [proofs.has_router(row), proofs.has_client(row)]
        };
        let (client, suite) = ("client/src/session/tests.rs", "tests/tests/client_rpc.rs");
        let (protocol, router) = ("wamp-proto/src/uri.rs", "tests/tests/rpc.rs");
        assert_eq!(sides(&[router, protocol], "RC", ""), [true, false]);
        assert_eq!(sides(&[client], "RC", ""), [false, true]);
        assert_eq!(sides(&[router, suite], "RC", ""), [true, true]);
        assert_eq!(sides(&[protocol], "RC", "\twamp-proto"), [true, true]);
        assert_eq!(sides(&[router], "RC", "\twamp-proto"), [true, false]);
        assert_eq!(sides(&[router], "RC", "\tout-of-scope: so"), [true, true]);
        assert_eq!(sides(&[router, protocol], "C", ""), [true, false]);
        assert_eq!(sides(&[suite], "C", ""), [true, true]);
        assert_eq!(sides(&[suite], "R", ""), [true, true]);
        assert_eq!(sides(&[], "R", ""), [false, true]);
    }

    #[test]
    fn scripts_declare_ids_in_comments() {
        let text = "# Conformance: PUB-01\nasync def events(session):\n";
        assert_eq!(
            places("tests/interop/python/a.py", text, "PUB-01"),
            ["tests/interop/python/a.py: events"]
        );
    }
}
