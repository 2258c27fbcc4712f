//! The pinned clients: where they are installed and how a peer of each is started.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::command::{run, works};
use crate::venv::Venv;
use crate::workspace::Workspace;

pub(super) struct Client {
    pub(super) name: &'static str,
    /// Part of the URIs that its peers serve.
    pub(super) key: &'static str,
    pub(super) transport: Transport,
    program: PathBuf,
    script: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    WebSocket,
    RawSocket,
}

impl Transport {
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::WebSocket => "ws",
            Self::RawSocket => "rs",
        }
    }
}

impl Client {
    /// A peer in `mode`, without its prefixes yet.
    pub(super) fn command(&self, mode: &str, websocket_url: &str, serializer: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(&self.script).arg(mode);
        match self.transport {
            Transport::WebSocket => command.arg(websocket_url),
            // RawSocket is spoken on the same port.
            Transport::RawSocket => command.arg(websocket_url.replacen("ws://", "rs://", 1)),
        };
        command.arg(serializer);
        command
    }
}

/// Installs what is missing under the target directory.
pub(super) fn provision(workspace: &Workspace) -> anyhow::Result<Vec<Client>> {
    let python = Venv::provision(workspace, "interop/python", "tests/interop/python/requirements.txt")?;
    let autobahn = |name, transport| Client {
        name,
        key: "autobahn",
        transport,
        program: python.program("python"),
        script: workspace.root.join("tests/interop/python/peer.py"),
    };
    Ok(vec![
        autobahn("Autobahn|Python over WebSocket", Transport::WebSocket),
        autobahn("Autobahn|Python over RawSocket", Transport::RawSocket),
        Client {
            name: "wampy.js over WebSocket",
            key: "wampy",
            transport: Transport::WebSocket,
            program: "node".into(),
            script: provision_node(workspace)?,
        },
    ])
}

/// Node looks for packages beside the script, so the script is copied to where they are installed.
pub(crate) fn provision_node(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let source = workspace.root.join("tests/interop");
    let target = workspace.target_dir().join("interop");
    let folder = target.join("js");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    copy(&source.join("payload.json"), &target.join("payload.json"))?;
    copy(&source.join("js/peer.mjs"), &folder.join("peer.mjs"))?;
    copy(&source.join("js/package.json"), &folder.join("package.json"))?;

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
    Ok(folder.join("peer.mjs"))
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::copy(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(())
}
