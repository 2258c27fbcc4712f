//! Where the repository is, and which files belong to it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::command::stdout_of;

/// The repository this xtask was built from.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
}

/// A text file of the repository; `path` is relative to its root, with `/`.
pub(crate) struct SourceFile {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Workspace {
    pub(crate) fn find() -> anyhow::Result<Self> {
        let manifest_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest_dir.parent().context("xtask must lie in a folder of the workspace")?;
        Ok(Self { root: root.to_path_buf() })
    }

    /// Cargo's target directory, where tools and clients are provisioned too.
    pub(crate) fn target_dir(&self) -> PathBuf {
        match std::env::var_os("CARGO_TARGET_DIR") {
            Some(dir) => self.root.join(dir),
            None => self.root.join("target"),
        }
    }

    /// A command that runs in the root.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        command
    }

    /// The very cargo that runs us, so that `cargo +toolchain xtask` keeps its toolchain.
    pub(crate) fn cargo(&self) -> Command {
        self.command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
    }

    pub(crate) fn read(&self, path: &str) -> anyhow::Result<String> {
        std::fs::read_to_string(self.root.join(path)).with_context(|| format!("cannot read {path}"))
    }

    /// Paths of all files that git tracks or would track, so that a new file is judged before it is
    /// committed; sorted.
    pub(crate) fn paths(&self) -> anyhow::Result<Vec<String>> {
        let mut git = self.command("git");
        git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let listing = stdout_of(&mut git).context("listing the repository's files needs git and a clone")?;
        let mut paths: Vec<String> = listing
            .split('\0')
            .filter(|path| !path.is_empty() && self.root.join(path).is_file())
            .map(str::to_owned)
            .collect();
        paths.sort();
        paths.dedup();
        Ok(paths)
    }

    /// All text files; what is not UTF-8 is not a source file.
    pub(crate) fn sources(&self) -> anyhow::Result<Vec<SourceFile>> {
        let mut files = Vec::new();
        for path in self.paths()? {
            let bytes =
                std::fs::read(self.root.join(&path)).with_context(|| format!("cannot read {path}"))?;
            if let Ok(text) = String::from_utf8(bytes) {
                files.push(SourceFile { path, text });
            }
        }
        Ok(files)
    }
}
