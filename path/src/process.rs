//! What a process takes: its memory and its sockets, read from `/proc`. Linux only.

use anyhow::Context as _;

/// Octets of a process in memory, now and at most so far.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Now.
    pub resident: usize,
    /// At most so far.
    pub peak: usize,
}

impl Memory {
    /// Looks at the process of that number.
    ///
    /// # Errors
    /// If there is none, or the system has no `/proc`.
    pub fn of(process: u32) -> anyhow::Result<Self> {
        let path = format!("/proc/{process}/status");
        let status = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {path}: this is measured on Linux only"))?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<usize>().ok());
            kibibytes.map(|kibibytes| kibibytes * 1024).with_context(|| format!("no {name} in {path}"))
        };
        Ok(Self { resident: field("VmRSS:")?, peak: field("VmHWM:")? })
    }
}

/// How many sockets a process has open.
///
/// # Errors
/// If there is none of that number, or the system has no `/proc`.
pub fn sockets_of(process: u32) -> anyhow::Result<usize> {
    let mut count = 0;
    for entry in std::fs::read_dir(format!("/proc/{process}/fd"))? {
        // A descriptor that was closed meanwhile has no link any more.
        let link = std::fs::read_link(entry?.path()).unwrap_or_default();
        count += usize::from(link.to_string_lossy().starts_with("socket:"));
    }
    Ok(count)
}
