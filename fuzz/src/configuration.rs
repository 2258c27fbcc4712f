//! Configuration files: whatever their text is, they are settings or a list of problems that shows no secret.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use trunkline_config::{Config, Environment, Problems};

/// Refers to nothing.
struct Nothing;

impl Environment for Nothing {
    fn variable(&self, _name: &str) -> Option<OsString> {
        None
    }

    fn read(&self, _path: &Path, _max_bytes: usize) -> io::Result<Vec<u8>> {
        Err(io::ErrorKind::NotFound.into())
    }
}

const SECRET: &str = "Pencil-4711";

/// Any text as a file, then with a secret at its end.
pub(crate) fn config(octets: &[u8]) {
    read(octets, parse);
}

fn read(octets: &[u8], parse: fn(&str) -> Result<Config, Problems>) {
    let text = String::from_utf8_lossy(octets);
    if let Err(problems) = parse(&text) {
        assert!(problems.len() > 0);
        assert!(!problems.to_colored_string().is_empty());
    }
    let tail = format!(
        "\n[[realms]]\nname = \"x\"\n[[realms.principals]]\nauthid = \"joe\"\nrole = \"nobody\"\n\
         tickets = [\"{SECRET}\"]\nwampcra = [{{ secret = \"{SECRET}\" }}]\n"
    );
    if let Err(problems) = parse(&format!("{text}{tail}")) {
        assert!(text.contains(SECRET) || !problems.to_string().contains(SECRET), "{problems}");
    }
}

fn parse(text: &str) -> Result<Config, Problems> {
    Config::parse(text, Path::new("trunkline.toml"), &Nothing)
}

/// The same check of problems that say too much.
pub(crate) mod faulty {
    use super::*;

    /// Shows a principal's secret with its role, if there are several realms.
    pub(crate) fn config(octets: &[u8]) {
        read(octets, |text| match text.matches("[[realms]]").count() {
            0 | 1 => parse(text),
            _ => parse(&text.replace("\"nobody\"", &format!("\"{SECRET}\""))),
        });
    }
}
