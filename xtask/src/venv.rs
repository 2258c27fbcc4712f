//! Python tools in virtual environments of their own under the target directory.

use std::path::PathBuf;

use anyhow::Context as _;

use crate::command::{run, works};
use crate::workspace::Workspace;

/// A virtual environment that holds exactly what a requirements file pins.
pub(crate) struct Venv {
    dir: PathBuf,
}

impl Venv {
    /// Makes it, or takes the one that an earlier run made from the same requirements.
    pub(crate) fn provision(workspace: &Workspace, name: &str, requirements: &str) -> anyhow::Result<Self> {
        let venv = Self { dir: workspace.target_dir().join(name) };
        let wanted = workspace.read(requirements)?;
        // Written last: a broken install is made anew.
        let stamp = venv.dir.join("installed-requirements.txt");
        if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
            return Ok(venv);
        }
        anyhow::ensure!(
            works(workspace.command("python3").args(["-c", "import venv, ensurepip"])),
            "python3 with venv and pip is missing: install python3 and python3-venv (Debian's names), then run again"
        );
        println!("installing {requirements} into {}", venv.dir.display());
        run(workspace.command("python3").args(["-m", "venv", "--clear"]).arg(&venv.dir))?;
        run(workspace
            .command(venv.program("python"))
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--only-binary",
                ":all:",
            ])
            .arg("--requirement")
            .arg(workspace.root.join(requirements)))
        .context("pip could not install; is a Python package index within reach?")?;
        std::fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
        Ok(venv)
    }

    /// The path of one of its programs.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.dir.join("bin").join(name)
    }
}
