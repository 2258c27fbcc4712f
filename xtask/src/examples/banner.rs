//! The two programs that the development router prints for its user to copy.

use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use super::clients::{Clients, node};
use super::scene::{start_router, write};
use crate::interop::Child;

/// Runs both as they are printed, and says how many lines they were to print.
pub(super) fn play(clients: &Clients<'_>, folder: &Path) -> anyhow::Result<usize> {
    let mut command = clients.router();
    command.args(["start", "--listen", "127.0.0.1:0"]).env("RUST_LOG", "warn");
    let (router, banner) = start_router(&mut command)?;
    write(&folder.join("add.py"), &program(&banner, "Python ("))?;
    write(&folder.join("add.mjs"), &program(&banner, "JavaScript ("))?;
    // The second calls what the first one registers.
    let _callee = run(clients.python("add.py"), folder, "2 + 3 = 5")?;
    let _caller = run(node("add.mjs"), folder, "20 + 3 = 23")?;
    router.terminate_and_wait()?;
    Ok(2)
}

/// The indented lines below the one that begins with that.
fn program(banner: &[String], heading: &str) -> String {
    let lines = banner.iter().skip_while(|line| !line.starts_with(heading)).skip(2);
    lines.map_while(|line| line.strip_prefix("  ")).map(|line| format!("{line}\n")).collect()
}

/// Waits for that line. Before it, a client may write a log.
fn run(mut command: Command, folder: &Path, wanted: &str) -> anyhow::Result<Child> {
    let mut process = Child::spawn("the banner's program", command.current_dir(folder))?;
    loop {
        let line = process.line()?.with_context(|| format!("ended before it printed {wanted:?}"))?;
        if line == wanted {
            return Ok(process);
        }
    }
}
