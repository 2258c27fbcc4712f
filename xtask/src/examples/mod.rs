//! Task `examples`: the programs that README, tutorial and how-tos show do what these pages say.
//!
//! `page` reads a page, `scene` plays it against a router with the page's configuration, `banner` plays what the
//! router itself shows, `clients` provisions what programs need. docs/README.md tells authors how a page has to
//! look. Here: which pages, and what came of them.

mod banner;
mod clients;
mod page;
mod scene;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;

use crate::workspace::Workspace;
use clients::Clients;
use scene::Scene;

/// What is played besides the pages.
const BANNER: &str = "banner of trunkline start";

/// Plays the pages whose path has one of these words in it, or all of them.
pub(crate) fn run(workspace: &Workspace, words: &[String]) -> anyhow::Result<()> {
    let root = workspace.target_dir().join("examples");
    std::fs::create_dir_all(&root).with_context(|| format!("cannot make {}", root.display()))?;
    let clients = Clients::provision(workspace, &root)?;
    let mut pages = workspace.paths()?;
    pages.retain(|path| {
        let is_how_to = path.starts_with("docs/how-to/") && path.ends_with(".md");
        is_how_to || ["README.md", "docs/tutorial.md"].contains(&path.as_str())
    });
    pages.push(BANNER.to_owned());
    pages.retain(|page| words.is_empty() || words.iter().any(|word| page.contains(word)));
    anyhow::ensure!(!pages.is_empty(), "no page has {} in its path", words.join(" or "));

    let mut failed = Vec::new();
    println!("\n{:<42} {:>6} {:>8}", "page", "lines", "seconds");
    for page in pages {
        let start = Instant::now();
        let played = empty_folder(&root, &page).and_then(|folder| match page.as_str() {
            BANNER => banner::play(&clients, &folder),
            page => Scene::new(&clients, folder).play(page::blocks(&workspace.read(page)?)?),
        });
        let seconds = start.elapsed().as_secs_f64();
        match played {
            Ok(lines) => println!("{page:<42} {lines:>6} {seconds:>8.1}"),
            Err(error) => {
                println!("{page:<42} FAILED {seconds:>8.1}\n{error:#}");
                failed.push(page);
            }
        }
    }
    anyhow::ensure!(failed.is_empty(), "not as the page says: {}", failed.join(", "));
    Ok(())
}

fn empty_folder(root: &Path, page: &str) -> anyhow::Result<PathBuf> {
    let folder = root.join(page.trim_end_matches(".md"));
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}
