//! `${NAME}` and `file:` in strings: where settings come from that do not stand in the file itself.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// Octets that a file named by `file:` may have.
const REFERENCED_MAX_BYTES: usize = 64 * 1024;

/// What a configuration file can refer to.
pub trait Environment {
    /// The value of an environment variable.
    fn variable(&self, name: &str) -> Option<OsString>;

    /// The content of a file.
    ///
    /// # Errors
    /// If it cannot be read, or has more than `max_bytes` octets ([`io::ErrorKind::FileTooLarge`]).
    fn read(&self, path: &Path, max_bytes: usize) -> io::Result<Vec<u8>>;
}

/// The environment of this process.
#[derive(Clone, Copy, Debug)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn variable(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }

    fn read(&self, path: &Path, max_bytes: usize) -> io::Result<Vec<u8>> {
        let mut octets = Vec::new();
        File::open(path)?.take((max_bytes as u64).saturating_add(1)).read_to_end(&mut octets)?;
        if octets.len() > max_bytes {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(octets)
    }
}

/// A string with its references followed.
pub(super) struct Resolved {
    pub(super) text: String,
    /// Whether any of it came from elsewhere, and may not be shown.
    pub(super) is_hidden: bool,
}

/// Why a reference leads nowhere.
pub(super) struct Unresolved {
    pub(super) title: String,
    pub(super) label: String,
    pub(super) help: String,
}

/// Follows the references in a string of the file, which lies in `folder`.
///
/// Only what stands in the file itself is a reference: neither the value of a variable nor the content of a file
/// is looked at again.
pub(super) fn resolve(
    written: &str,
    folder: &Path,
    environment: &dyn Environment,
) -> Result<Resolved, Unresolved> {
    let resolved = substitute(written, environment)?;
    if !written.starts_with("file:") {
        return Ok(resolved);
    }
    let name = resolved.text.strip_prefix("file:").unwrap_or_default();
    let path = folder.join(name);
    let unreadable = |label: String| Unresolved {
        title: "the file that this string stands for cannot be used".to_owned(),
        label,
        help: if resolved.is_hidden {
            "it must be readable UTF-8 text of at most 64 KiB".to_owned()
        } else {
            format!("{} must be readable UTF-8 text of at most 64 KiB", path.display())
        },
    };
    let octets = environment.read(&path, REFERENCED_MAX_BYTES).map_err(|error| match error.kind() {
        io::ErrorKind::FileTooLarge => unreadable("the file is larger than 64 KiB".to_owned()),
        _ => unreadable(error.to_string()),
    })?;
    let mut text = String::from_utf8(octets).map_err(|_| unreadable("the file is not UTF-8".to_owned()))?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(Resolved { text, is_hidden: true })
}

/// Puts the values of variables in the place of `${NAME}`; `$${` stands for `${`.
fn substitute(written: &str, environment: &dyn Environment) -> Result<Resolved, Unresolved> {
    let mut text = String::new();
    let mut is_hidden = false;
    let mut rest = written;
    while let Some((before, after)) = rest.split_once("${") {
        text += before;
        if before.ends_with('$') {
            text += "{";
            rest = after;
            continue;
        }
        let (name, after) =
            after.split_once('}').filter(|(name, _)| is_variable_name(name)).ok_or_else(|| Unresolved {
                title: "`${` must begin the name of an environment variable".to_owned(),
                label: "expected `${NAME}`".to_owned(),
                help: "a name has letters, digits and `_`; write `$${` where you mean `${` itself".to_owned(),
            })?;
        let value = environment.variable(name).ok_or_else(|| Unresolved {
            title: format!("the environment variable `{name}` is not set"),
            label: "wanted here".to_owned(),
            help: "set it for the router's process; write `$${` where you mean `${` itself".to_owned(),
        })?;
        text += value.to_str().ok_or_else(|| Unresolved {
            title: format!("the environment variable `{name}` is not Unicode text"),
            label: "wanted here".to_owned(),
            help: "set it to text in UTF-8".to_owned(),
        })?;
        is_hidden = true;
        rest = after;
    }
    text += rest;
    Ok(Resolved { text, is_hidden })
}

fn is_variable_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_')
}
