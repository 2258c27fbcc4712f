//! Task `vectors`: the official test vectors from a folder outside the repository.
//!
//! The runner is a test of `wamp-proto`, ignored unless this task asks for it.

use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use crate::command;

/// Runs the vectors under `DIR`, the only argument.
pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    let [dir] = args else {
        anyhow::bail!("name the folder of the vectors: cargo xtask vectors DIR");
    };
    run_folder(Path::new(dir))
}

/// Prints how many samples ran, were skipped and failed.
fn run_folder(dir: &Path) -> anyhow::Result<()> {
    // The test runs in its package's folder, where a relative path means something else.
    let dir = dir.canonicalize().with_context(|| format!("no folder {}", dir.display()))?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut test = Command::new(cargo);
    test.args(["test", "--quiet", "-p", "wamp-proto", "--test", "vectors", "official_vectors"]);
    test.args(["--", "--ignored", "--nocapture"]);
    command::run(test.env("WAMP_VECTORS_DIR", dir))
}
