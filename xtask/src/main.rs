//! The developers' front door: `cargo xtask <task>`. CI runs the same tasks.
//!
//! Each task is a function in a module of its own; `TASKS` is the only list of them.

#![allow(clippy::print_stdout, reason = "a command line tool talks on stdout")]

mod cargo_checks;
mod ci;
mod command;
mod conformance;
mod deny;
mod examples;
mod fuzz;
mod interop;
mod interop_full;
mod path;
mod storm;
mod tidy;
mod vectors;
mod venv;
mod websocket;
mod workspace;

use std::process::ExitCode;

use workspace::Workspace;

/// One entry of the front door.
struct Task {
    name: &'static str,
    about: &'static str,
    run: fn(&Workspace, &[String]) -> anyhow::Result<()>,
    in_ci: Ci,
}

/// What a task is to CI.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ci {
    /// It has its turn.
    Yes,
    /// It runs beside those that come after it: what it measures is not time.
    Beside,
    /// It is run by hand.
    No,
}

/// In the order in which `ci` runs them: what fails fast comes first.
const TASKS: &[Task] = &[
    Task { name: "ci", about: "everything CI checks besides the tests", run: ci::run, in_ci: Ci::No },
    Task { name: "fmt", about: "formatting", run: cargo_checks::fmt, in_ci: Ci::Yes },
    Task { name: "tidy", about: "the repository's own rules over its files", run: tidy::run, in_ci: Ci::Yes },
    Task { name: "deny", about: "licences, duplicate versions, sources", run: deny::run, in_ci: Ci::Yes },
    Task {
        name: "advisories",
        about: "known vulnerabilities; needs the advisory database from the network",
        run: deny::advisories,
        in_ci: Ci::No,
    },
    Task {
        name: "conformance",
        about: "rows of the specification against tests [--write]",
        run: conformance::run,
        in_ci: Ci::Yes,
    },
    // Its release build takes longest; what follows uses the other processors, and the debug build.
    Task {
        name: "path",
        about: "the proof of the message path",
        run: |_, args| path::run(args),
        in_ci: Ci::Beside,
    },
    Task { name: "clippy", about: "lints, warnings denied", run: cargo_checks::clippy, in_ci: Ci::Yes },
    Task {
        name: "minimal",
        about: "the libraries without some of their features",
        run: cargo_checks::minimal,
        in_ci: Ci::Yes,
    },
    Task { name: "docs", about: "API docs without broken links", run: cargo_checks::docs, in_ci: Ci::Yes },
    Task {
        name: "websocket",
        about: "the Autobahn|Testsuite against the router's WebSocket",
        run: websocket::run,
        in_ci: Ci::Yes,
    },
    Task {
        name: "interop",
        about: "third-party clients against the router",
        run: interop::run,
        in_ci: Ci::Yes,
    },
    Task {
        name: "interop-full",
        about: "the Rust client against Crossbar.io from PyPI, and against the router [--write]",
        run: interop_full::run,
        in_ci: Ci::No,
    },
    Task {
        name: "examples",
        about: "the programs that the documentation shows [WORD: pages with it in their path]",
        run: examples::run,
        in_ci: Ci::Yes,
    },
    Task {
        name: "fuzz",
        about: "what strangers send, made by libFuzzer [TARGET] [SECONDS for each]",
        run: fuzz::run,
        in_ci: Ci::No,
    },
    Task {
        name: "storm",
        about: "latency beside 10,000 connections that come and go [--release]",
        run: storm::run,
        in_ci: Ci::No,
    },
    Task {
        name: "vectors",
        about: "the official test vectors from a folder DIR",
        run: |_, args| vectors::run(args),
        in_ci: Ci::No,
    },
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(args: &[String]) -> anyhow::Result<()> {
    let Some((name, rest)) = args.split_first() else {
        list_tasks();
        return Ok(());
    };
    let Some(task) = TASKS.iter().find(|task| task.name == name) else {
        list_tasks();
        anyhow::bail!("no task is called `{name}`; take one from the list above");
    };
    (task.run)(&Workspace::find()?, rest)
}

fn list_tasks() {
    println!("cargo xtask <task>\n");
    for task in TASKS {
        println!("  {:<12} {}", task.name, task.about);
    }
}
