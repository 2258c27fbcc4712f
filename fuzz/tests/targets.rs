//! Each target with its corpus, then with random changes of it.
//!
//! `FUZZ_CASES` says how many changes, for a longer run.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/changes.rs"]
mod changes;

use std::panic::catch_unwind;
use std::path::Path;

use changes::changed;
use proptest::test_runner::{Config, TestError, TestRunner};
use trunkline_fuzz::{TARGETS, target};

/// What lies in the corpora of a target.
fn pieces(corpora: &[&str]) -> Vec<Vec<u8>> {
    let mut paths = Vec::new();
    for corpus in corpora {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(corpus);
        paths.extend(folder.read_dir().expect("the target has a corpus").map(|entry| entry.unwrap().path()));
    }
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// The first failure of a target, with octets of its corpora, then with that many changes of these.
fn failure(run: fn(&[u8]), corpora: &[&str], cases: u32) -> Option<String> {
    let pieces = pieces(corpora);
    for piece in &pieces {
        if let Err(panic) = catch_unwind(|| run(piece)) {
            let said = panic.downcast_ref::<String>().map(String::as_str);
            let said = said.or(panic.downcast_ref::<&str>().copied()).unwrap_or_default();
            return Some(format!("{said}\nof octets: \"{}\"", piece.escape_ascii()));
        }
    }
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let result = TestRunner::new(config).run(&changed(pieces), |octets| {
        run(&octets);
        Ok(())
    });
    match result {
        Ok(()) => None,
        Err(TestError::Fail(reason, octets)) => {
            Some(format!("{reason}\nof octets: \"{}\"", octets.escape_ascii()))
        }
        Err(error) => panic!("{error}"),
    }
}

fn run(name: &str, cases: u32) {
    let target = target(name).expect("a target of that name");
    let cases = std::env::var("FUZZ_CASES").map_or(cases, |cases| cases.parse().expect("a number"));
    if let Some(failure) = failure(target.run, target.corpora, cases) {
        panic!("{failure}");
    }
}

/// A target that finds nothing proves nothing.
fn finds_its_fault(name: &str, cases: u32, says: &str) {
    let target = target(name).expect("a target of that name");
    // The fault is not there for everything.
    (target.faulty)(b"");
    let failure = failure(target.faulty, target.corpora, cases).expect("the fault is found");
    assert!(failure.contains(says), "another failure than {says:?}: {failure}");
}

macro_rules! targets {
    ($($name:ident: $cases:expr, $says:expr;)*) => {
        $(#[test]
        fn $name() {
            run(stringify!($name), $cases);
        })*

        mod finds_a_fault {
            $(#[test]
            fn $name() {
                super::finds_its_fault(stringify!($name), $cases, $says);
            })*
        }

        #[test]
        fn every_target_is_run() {
            let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(names, [$(stringify!($name)),*]);
        }
    };
}

// How many changes of the corpus, and what the target says to something that is wrong on purpose.
targets! {
    decode_json: 2000, "octets of memory";
    decode_msgpack: 2000, "octets of memory";
    decode_cbor: 2000, "written twice";
    scan_against_decode: 2000, "but not scanned";
    transcode: 1000, "to MsgPack";
    batches: 2000, "whole unless there is a fault";
    rawsocket_prefixes: 1000, "written as it was";
    rawsocket: 100, "the same in parts";
    http_upgrade: 100, "the same in parts";
    session: 1000, "not over after";
    authentication: 200, "eq_ignore_ascii_case";
    realm_inputs: 300, "is answered 2 times";
    config: 100, "Pencil-4711";
}
