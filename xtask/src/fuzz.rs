//! Task `fuzz`: targets of the crate `trunkline-fuzz` under libFuzzer, which keeps what takes new paths.
//!
//! The compiler marks the branches itself, on the stable toolchain. What was found stays under the target directory.

use std::ffi::OsString;
use std::path::Path;

use anyhow::Context as _;

use crate::command::run as run_command;
use crate::workspace::Workspace;

/// How long each target runs if nobody says so.
const SECONDS: u32 = 60;

/// What makes the compiler mark branches for libFuzzer, and look for overflows.
const RUSTFLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Cdebug-assertions -Ccodegen-units=16";

/// Runs all targets, or the one that is named, one after the other for so many seconds each.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> anyhow::Result<()> {
    let targets = targets(workspace)?;
    let (names, seconds): (Vec<_>, Vec<_>) = args.iter().partition(|arg| arg.parse::<u32>().is_err());
    let seconds = match seconds.as_slice() {
        [] => SECONDS,
        [seconds] => seconds.parse()?,
        _ => anyhow::bail!("one number is enough: cargo xtask fuzz [TARGET] [SECONDS]"),
    };
    for name in &names {
        let is_known = targets.iter().any(|(target, _)| target == *name);
        let known: Vec<_> = targets.iter().map(|(target, _)| target.as_str()).collect();
        anyhow::ensure!(is_known, "no target is called `{name}`; there are {}", known.join(", "));
    }
    let executable = build(workspace)?;
    for (target, corpora) in targets.iter().filter(|(target, _)| names.is_empty() || names.contains(&target))
    {
        fuzz(workspace, &executable, target, corpora, seconds)?;
    }
    Ok(())
}

/// Names and corpora of the targets, from the only list of them.
fn targets(workspace: &Workspace) -> anyhow::Result<Vec<(String, Vec<String>)>> {
    let text = workspace.read("fuzz/src/lib.rs")?;
    let list = text.split_once("const TARGETS").and_then(|(_, behind)| behind.split_once("];"));
    let (list, _) = list.context("fuzz/src/lib.rs has no list of targets")?;
    // What stands in quotes before `run` is the name, then the corpora.
    let rows = list.split("run:").filter_map(|row| {
        let mut quoted = row.split('"').skip(1).step_by(2).map(str::to_owned);
        Some((quoted.next()?, quoted.collect()))
    });
    Ok(rows.collect())
}

/// In a target directory of its own, since every crate is built with other flags.
fn build(workspace: &Workspace) -> anyhow::Result<OsString> {
    let folder = workspace.target_dir().join("fuzz");
    let rustc = crate::command::stdout_of(workspace.command("rustc").arg("-vV"))?;
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?;
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--package", "trunkline-fuzz", "--features", "coverage", "--release", "--locked"]);
    // With a target named, flags do not reach what runs during the build.
    cargo.args(["--config", "profile.release.lto=false", "--target", host]);
    run_command(cargo.env("RUSTFLAGS", RUSTFLAGS).env("CARGO_TARGET_DIR", &folder))?;
    Ok(folder.join(host).join("release").join("trunkline-fuzz").into())
}

fn fuzz(
    workspace: &Workspace,
    executable: &OsString,
    target: &str,
    corpora: &[String],
    seconds: u32,
) -> anyhow::Result<()> {
    eprintln!("=== {target}");
    let found = workspace.target_dir().join("fuzz-found").join(target);
    let grown = found.join("corpus");
    std::fs::create_dir_all(&grown).with_context(|| format!("cannot make {}", grown.display()))?;
    let mut fuzzer = workspace.command(executable);
    fuzzer.arg(&grown).args(corpora.iter().map(|corpus| Path::new("fuzz/corpus").join(corpus)));
    fuzzer.arg(format!("-max_total_time={seconds}")).arg(format!("-artifact_prefix={}/", found.display()));
    fuzzer.args(["-max_len=4096", "-timeout=30", "-print_final_stats=1", "-print_funcs=0", "-verbosity=0"]);
    run_command(fuzzer.env("FUZZ_TARGET", target))
        .with_context(|| format!("target `{target}` failed; its input lies in {}", found.display()))
}
