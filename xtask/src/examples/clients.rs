//! What runs the programs of the pages: the built router, and the pinned clients of the task `interop`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::command::run;
use crate::interop::provision;
use crate::workspace::Workspace;

/// Pins the Go client.
const GO_MODULE: &str = "tests/interop/go";

pub(super) struct Clients<'a> {
    workspace: &'a Workspace,
    router: PathBuf,
    python: PathBuf,
}

impl<'a> Clients<'a> {
    /// Builds the router, and installs what is missing under the target directory. Pages are played in folders
    /// of `folder`.
    pub(super) fn provision(workspace: &'a Workspace, folder: &Path) -> anyhow::Result<Self> {
        let python = provision::python(workspace)?;
        let packages = provision::node(workspace)?.join("node_modules");
        // Where Node looks for packages, going up from the script.
        let link = folder.join("node_modules");
        if !link.exists() {
            std::os::unix::fs::symlink(&packages, &link)
                .with_context(|| format!("cannot link {} to {}", link.display(), packages.display()))?;
        }
        run(workspace.cargo().args(["build", "--locked", "--package", "trunkline"]))?;
        Ok(Self { workspace, router: workspace.target_dir().join("debug/trunkline"), python })
    }

    pub(super) fn router(&self) -> Command {
        Command::new(&self.router)
    }

    pub(super) fn python(&self, script: &str) -> Command {
        let mut command = Command::new(&self.python);
        // Into a pipe it would print when it ends.
        command.arg(script).env("PYTHONUNBUFFERED", "1");
        command
    }

    /// Compiles the program. `go run` would leave it behind when it is killed.
    pub(super) fn go(&self, folder: &Path, script: &str) -> anyhow::Result<Command> {
        for file in ["go.mod", "go.sum"] {
            std::fs::copy(self.workspace.root.join(GO_MODULE).join(file), folder.join(file))
                .with_context(|| format!("cannot copy {GO_MODULE}/{file}"))?;
        }
        let program = folder.join(script.trim_end_matches(".go"));
        provision::go_build(self.workspace, folder, script, &program)?;
        Ok(Command::new(program))
    }
}

/// Node finds its packages by itself.
pub(super) fn node(script: &str) -> Command {
    let mut command = Command::new("node");
    command.arg(script);
    command
}
