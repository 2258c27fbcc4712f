//! What a process used so far, as `/proc` tells it.

use std::fs;
use std::time::Duration;

use anyhow::Context as _;

/// Clock ticks in a second of `/proc/PID/stat`; Linux has no other value for user space.
const TICKS_PER_SECOND: u64 = 100;

/// Descriptors that a load needs besides its connections.
const SPARE_DESCRIPTORS: usize = 64;

/// Processor time, user and system, of all threads of a process since it started.
///
/// # Errors
/// If there is no such process, or no `/proc`.
pub(super) fn cpu_time(process: &str) -> anyhow::Result<Duration> {
    let stat = read(process, "stat")?;
    // The name of the program stands in parentheses and may contain anything; what follows may not.
    let (_, fields) = stat.rsplit_once(')').context("no program name in /proc/PID/stat")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    let ticks: u64 = ticks.sum::<Result<_, _>>()?;
    Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

/// Octets of memory that a process has resident.
///
/// # Errors
/// If there is no such process, or no `/proc`.
pub(super) fn resident(process: &str) -> anyhow::Result<u64> {
    let status = read(process, "status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()).context("no VmRSS")?;
    Ok(kilobytes.parse::<u64>()? * 1024)
}

/// Connections that the descriptors of a process suffice for, if there is a limit.
pub(super) fn connections_max(process: &str) -> Option<usize> {
    let limits = read(process, "limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let soft: usize = line.split_whitespace().next()?.parse().ok()?;
    Some(soft.saturating_sub(SPARE_DESCRIPTORS))
}

fn read(process: &str, file: &str) -> anyhow::Result<String> {
    let path = format!("/proc/{process}/{file}");
    fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))
}
