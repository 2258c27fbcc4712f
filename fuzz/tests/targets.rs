//! Each target with its corpus, then with random changes of it.
//!
//! `FUZZ_CASES` says how many changes, for a longer run.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/changes.rs"]
mod changes;

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

fn run(name: &str, cases: u32) {
    let target = target(name).expect("a target of that name");
    let pieces = pieces(target.corpora);
    pieces.iter().for_each(|piece| (target.run)(piece));
    let cases = std::env::var("FUZZ_CASES").map_or(cases, |cases| cases.parse().expect("a number"));
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let result = TestRunner::new(config).run(&changed(pieces), |octets| {
        (target.run)(&octets);
        Ok(())
    });
    match result {
        Ok(()) => {}
        Err(TestError::Fail(reason, octets)) => panic!("{reason}\nof octets: \"{}\"", octets.escape_ascii()),
        Err(error) => panic!("{error}"),
    }
}

macro_rules! targets {
    ($($name:ident: $cases:expr,)*) => {
        $(#[test]
        fn $name() {
            run(stringify!($name), $cases);
        })*

        #[test]
        fn every_target_is_run() {
            let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(names, [$(stringify!($name)),*]);
        }
    };
}

targets! {
    decode_json: 2000,
    decode_msgpack: 2000,
    decode_cbor: 2000,
    scan_against_decode: 2000,
    transcode: 1000,
    batches: 2000,
    rawsocket_prefixes: 1000,
    rawsocket: 100,
    http_upgrade: 100,
    session: 1000,
    authentication: 200,
    realm_inputs: 300,
    config: 100,
}
