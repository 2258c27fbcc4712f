//! What runs the programs of the pages: the built router, and the pinned clients of the task `interop`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::command::{run, works};
use crate::interop::provision_node;
use crate::venv::Venv;
use crate::workspace::Workspace;

/// Pins the Go client.
const GO_MODULE: &str = "tests/interop/go";

pub(super) struct Clients {
    router: PathBuf,
    python: PathBuf,
    /// Holds `go.mod` and `go.sum`.
    go_module: PathBuf,
}

impl Clients {
    /// Builds the router, and installs what is missing under the target directory. Pages are played in folders
    /// of `folder`.
    pub(super) fn provision(workspace: &Workspace, folder: &Path) -> anyhow::Result<Self> {
        let venv = Venv::provision(workspace, "interop/python", "tests/interop/python/requirements.txt")?;
        let packages = provision_node(workspace)?.with_file_name("node_modules");
        // Where Node looks for packages, going up from the script.
        let link = folder.join("node_modules");
        if !link.exists() {
            std::os::unix::fs::symlink(&packages, &link)
                .with_context(|| format!("cannot link {} to {}", link.display(), packages.display()))?;
        }
        anyhow::ensure!(
            works(workspace.command("go").arg("version")),
            "go is missing: install it from go.dev, or golang (Debian's name), then run again"
        );
        run(workspace.cargo().args(["build", "--locked", "--package", "trunkline"]))?;
        Ok(Self {
            router: workspace.target_dir().join("debug").join("trunkline"),
            python: venv.program("python"),
            go_module: workspace.root.join(GO_MODULE),
        })
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
            std::fs::copy(self.go_module.join(file), folder.join(file))
                .with_context(|| format!("cannot copy {GO_MODULE}/{file}"))?;
        }
        let program = folder.join(script.trim_end_matches(".go"));
        run(Command::new("go").args(["build", "-o"]).arg(&program).arg(script).current_dir(folder))
            .context("go could not build; is a Go module proxy within reach?")?;
        Ok(Command::new(program))
    }
}

/// Node finds its packages by itself.
pub(super) fn node(script: &str) -> Command {
    let mut command = Command::new("node");
    command.arg(script);
    command
}
