//! Configuration files as operators write them: what they become, and what is said about their mistakes.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a harness fails the test that uses it")]

mod authentication;
mod closed;
mod documentation;
mod mutations;
mod problems;
mod realms;
mod references;
mod schema;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use trunkline_config::{Config, Environment, Problems};

/// Where the configuration file of a test would lie.
const FILE: &str = "etc/trunkline.toml";

/// Variables and files that a test makes up.
#[derive(Default)]
struct MadeUp {
    variables: BTreeMap<&'static str, OsString>,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Environment for MadeUp {
    fn variable(&self, name: &str) -> Option<OsString> {
        self.variables.get(name).cloned()
    }

    fn read(&self, path: &Path, max_bytes: usize) -> io::Result<Vec<u8>> {
        let octets = self.files.get(path).ok_or(io::ErrorKind::NotFound)?;
        if octets.len() > max_bytes { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(octets.clone()) }
    }
}

/// Reads a file in an environment where nothing is.
fn parse(text: &str) -> Result<Config, Problems> {
    Config::parse(text, Path::new(FILE), &MadeUp::default())
}
