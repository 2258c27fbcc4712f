//! Task `ci`: runs the other tasks, times them, and names what failed.

use std::fs::File;
use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::workspace::Workspace;
use crate::{Ci, TASKS, Task};

/// Every task runs even if an earlier one failed, so that one run shows all there is to mend.
pub(crate) fn run(workspace: &Workspace, _args: &[String]) -> anyhow::Result<()> {
    let mut results = Vec::new();
    let mut beside = Vec::new();
    for task in TASKS {
        match task.in_ci {
            Ci::No => continue,
            Ci::Beside => {
                beside.push(Beside::start(workspace, task)?);
                continue;
            }
            Ci::Yes => println!("\n=== {}: {}", task.name, task.about),
        }
        let start = Instant::now();
        let result = (task.run)(workspace, &[]);
        if let Err(error) = &result {
            println!("error: {error:#}");
        }
        results.push((task, start.elapsed(), result.is_ok()));
    }
    for task in beside {
        results.push(task.finish()?);
    }
    print_table(&results);
    let failed: Vec<&str> = results.iter().filter(|(_, _, ok)| !ok).map(|(task, ..)| task.name).collect();
    anyhow::ensure!(
        failed.is_empty(),
        "failed: {}; run `cargo xtask <task>` for one alone",
        failed.join(", ")
    );
    Ok(())
}

/// A task that runs while others do, in a process of its own, which says nothing before they are done.
struct Beside {
    task: &'static Task,
    process: Child,
    output: PathBuf,
    start: Instant,
}

impl Beside {
    fn start(workspace: &Workspace, task: &'static Task) -> anyhow::Result<Self> {
        let output = workspace.target_dir().join(format!("ci-{}.log", task.name));
        let file = File::create(&output).with_context(|| format!("cannot write {}", output.display()))?;
        let mut command = workspace.command(std::env::current_exe()?);
        command.arg(task.name).stderr(file.try_clone()?).stdout(file);
        Ok(Self { task, process: command.spawn()?, output, start: Instant::now() })
    }

    fn finish(mut self) -> anyhow::Result<(&'static Task, Duration, bool)> {
        let status = self.process.wait()?;
        let elapsed = self.start.elapsed();
        println!("\n=== {}: {}, beside the tasks above", self.task.name, self.task.about);
        println!("{}", String::from_utf8_lossy(&std::fs::read(&self.output)?));
        Ok((self.task, elapsed, status.success()))
    }
}

fn print_table(results: &[(&Task, Duration, bool)]) {
    println!("\n{:<12} {:>8}", "task", "seconds");
    for (task, elapsed, ok) in results {
        println!("{:<12} {:>8.1}  {}", task.name, elapsed.as_secs_f64(), if *ok { "ok" } else { "FAILED" });
    }
}
