//! Configuration files: from the text of a file to a [`Config`], or to everything that is wrong with it.
//!
//! `tables` says which keys there are, `read` how a value becomes a setting, `check` what settings must be
//! true together, `references` where `${NAME}` and `file:` lead, `secrets` what is never shown, `problem` how mistakes
//! are shown.

mod check;
mod problem;
mod read;
mod references;
mod secrets;
mod tables;

use std::io;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use crate::Config;
use problem::Problem;
use read::Reader;

pub use problem::Problems;
pub use references::{Environment, ProcessEnvironment};

/// Octets that a configuration file may have.
const FILE_MAX_BYTES: usize = 16 * 1024 * 1024;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file can be read, but not be used.
    #[error(transparent)]
    Invalid(#[from] Problems),
}

impl Config {
    /// The commented file that says what [`Config::default`] is, with every key that there is.
    pub const DEFAULT_FILE: &str = include_str!("../../default.toml");

    /// Reads a configuration file.
    ///
    /// `${NAME}` in its strings, and strings that begin with `file:`, are looked up in `environment`. Relative
    /// paths in it start from the file's own folder.
    ///
    /// # Errors
    /// If the file cannot be read, and with everything that is wrong with it.
    pub fn load(path: &Path, environment: &dyn Environment) -> Result<Self, LoadError> {
        let unreadable = |source| LoadError::Unreadable { path: path.to_owned(), source };
        let octets = environment.read(path, FILE_MAX_BYTES).map_err(unreadable)?;
        let text = String::from_utf8(octets)
            .map_err(|error| unreadable(io::Error::new(io::ErrorKind::InvalidData, error.utf8_error())))?;
        Ok(Self::parse(&text, path, environment)?)
    }

    /// Reads the text of a configuration file that lies, or would lie, at `path`.
    ///
    /// # Errors
    /// With everything that is wrong with it.
    pub fn parse(text: &str, path: &Path, environment: &dyn Environment) -> Result<Self, Problems> {
        let (document, errors) = DeTable::parse_recoverable(text);
        // What follows the first error of syntax is mostly its consequence.
        if let Some(error) = errors.iter().min_by_key(|error| error.span().map(|span| span.start)) {
            let problem = Problem::syntax(error.message(), error.span(), text);
            return Err(Problems::new(path, secrets::hide_values(text, &Self::schema()), vec![problem]));
        }
        let mut reader = Reader::new(path.parent().unwrap_or(Path::new("")), environment);
        let config = reader.document::<Self>(&document);
        let problems = reader.finish(|places| check::check(&config, places));
        if problems.is_empty() {
            return Ok(config);
        }
        let secrets = read::document_secrets::<Self>(document.get_ref());
        Err(Problems::new(path, secrets.hide(text), problems))
    }

    /// A JSON Schema (draft 2020-12) of configuration files, for editors.
    pub fn schema() -> serde_json::Value {
        read::document_schema::<Self>()
    }
}
