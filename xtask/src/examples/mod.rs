//! Task `examples`: the programs that README, tutorial and how-tos show do what these pages say.
//!
//! `page` reads a page, `scene` plays it against a router with the page's configuration, `clients` provisions
//! what its programs need. docs/README.md tells authors how a page has to look. Here: which pages, and what
//! came of them.

mod clients;
mod page;
mod scene;

use std::time::Instant;

use anyhow::Context as _;

use crate::workspace::Workspace;
use clients::Clients;
use scene::Scene;

/// Plays the pages whose path has one of these words in it, or all of them.
pub(crate) fn run(workspace: &Workspace, words: &[String]) -> anyhow::Result<()> {
    let root = workspace.target_dir().join("examples");
    std::fs::create_dir_all(&root).with_context(|| format!("cannot make {}", root.display()))?;
    let clients = Clients::provision(workspace, &root)?;
    let is_wanted = |path: &String| {
        let is_page =
            path.starts_with("docs/how-to/") || ["README.md", "docs/tutorial.md"].contains(&&**path);
        is_page && path.ends_with(".md") && (words.is_empty() || words.iter().any(|word| path.contains(word)))
    };
    let mut failed = Vec::new();
    println!("\n{:<42} {:>6} {:>8}", "page", "lines", "seconds");
    for path in workspace.paths()?.into_iter().filter(is_wanted) {
        let start = Instant::now();
        let folder = root.join(path.trim_end_matches(".md"));
        let played = play(workspace, &clients, &path, folder);
        let seconds = start.elapsed().as_secs_f64();
        match played {
            Ok(lines) => println!("{path:<42} {lines:>6} {seconds:>8.1}"),
            Err(error) => {
                println!("{path:<42} FAILED {seconds:>8.1}\n{error:#}");
                failed.push(path);
            }
        }
    }
    anyhow::ensure!(failed.is_empty(), "not as the page says: {}", failed.join(", "));
    Ok(())
}

/// How many lines were as the page shows them.
fn play(
    workspace: &Workspace,
    clients: &Clients,
    path: &str,
    folder: std::path::PathBuf,
) -> anyhow::Result<usize> {
    let blocks = page::blocks(&workspace.read(path)?)?;
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Scene::new(clients, folder).play(blocks)
}
