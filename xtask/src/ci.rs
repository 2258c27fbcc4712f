//! Task `ci`: runs the other tasks, times them, and names what failed.

use std::time::{Duration, Instant};

use crate::workspace::Workspace;
use crate::{TASKS, Task};

/// Every task runs even if an earlier one failed, so that one run shows all there is to mend.
pub(crate) fn run(workspace: &Workspace, _args: &[String]) -> anyhow::Result<()> {
    let mut results = Vec::new();
    for task in TASKS.iter().filter(|task| task.in_ci) {
        println!("\n=== {}: {}", task.name, task.about);
        let start = Instant::now();
        let result = (task.run)(workspace, &[]);
        if let Err(error) = &result {
            println!("error: {error:#}");
        }
        results.push((task, start.elapsed(), result.is_ok()));
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

fn print_table(results: &[(&Task, Duration, bool)]) {
    println!("\n{:<12} {:>8}", "task", "seconds");
    for (task, elapsed, ok) in results {
        println!("{:<12} {:>8.1}  {}", task.name, elapsed.as_secs_f64(), if *ok { "ok" } else { "FAILED" });
    }
}
