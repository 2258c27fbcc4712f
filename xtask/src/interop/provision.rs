//! Installs the pinned clients under the target directory.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::command::{run, works};
use crate::venv::Venv;
use crate::workspace::Workspace;

/// The Python that has the client.
pub(crate) fn python(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let venv = Venv::provision(workspace, "interop/python", "tests/interop/python/requirements.txt")?;
    Ok(venv.program("python"))
}

/// The folder of the scripts. Node looks for packages beside a script, so they are copied to where the packages
/// are installed.
pub(crate) fn node(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let source = workspace.root.join("tests/interop");
    let target = workspace.target_dir().join("interop");
    let folder = target.join("js");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    copy(&source.join("payload.json"), &target.join("payload.json"))?;
    for name in ["peer.mjs", "autobahn.mjs", "wampy.mjs", "package.json"] {
        copy(&source.join("js").join(name), &folder.join(name))?;
    }

    // Written last, as in `Venv`.
    let stamp = folder.join("installed-package-lock.json");
    let wanted = workspace.read("tests/interop/js/package-lock.json")?;
    if !std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        anyhow::ensure!(
            works(workspace.command("node").arg("--version"))
                && works(workspace.command("npm").arg("--version")),
            "node or npm is missing: install nodejs and npm (Debian's names), then run again"
        );
        println!("installing tests/interop/js/package.json into {}", folder.display());
        copy(&source.join("js/package-lock.json"), &folder.join("package-lock.json"))?;
        // Not `npm ci`: it insists on the optional native parts, which we neither want nor compile.
        let options =
            ["install", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund", "--loglevel=error"];
        run(Command::new("npm").args(options).current_dir(&folder))
            .context("npm could not install; is an npm registry within reach?")?;
        std::fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
    }
    Ok(folder)
}

/// The peer, compiled.
pub(super) fn go(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let peer = workspace.target_dir().join("interop/go/peer");
    println!("building tests/interop/go into {}", peer.display());
    go_build(workspace, &workspace.root.join("tests/interop/go"), ".", &peer)?;
    Ok(peer)
}

/// Compiles a package or file of a folder that has a `go.mod`. Go's own cache knows what is new.
pub(crate) fn go_build(
    workspace: &Workspace,
    folder: &Path,
    source: &str,
    program: &Path,
) -> anyhow::Result<()> {
    anyhow::ensure!(
        works(workspace.command("go").arg("version")),
        "go is missing: install golang-go (Debian's name), 1.20 or later, then run again"
    );
    let kept = workspace.target_dir().join("interop/go");
    // Modules are read-only otherwise, and nobody could delete the target directory.
    let mut build = Command::new("go");
    build.args(["build", "-modcacherw", "-mod=readonly", "-buildvcs=false", "-o"]).arg(program).arg(source);
    build.current_dir(folder).env("GOMODCACHE", kept.join("modules")).env("GOCACHE", kept.join("cache"));
    run(&mut build).context("go could not build; is it 1.20 or later, and a Go module proxy within reach?")
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::copy(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(())
}
