//! How much memory may wait and be kept in the process, and what that is if nobody says: outboxes, call queues,
//! requests that wait for an authorizer, event histories, retained events and testaments together.
//!
//! What there is counts itself (`realm::Held`). Who goes when it is too much is the router's business.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::{Mutex, MutexGuard};

use crate::realm::{held_by_process, held_roughly};

/// The part of the budget, as a divisor, by which more must be kept than after the last look before the outboxes are
/// looked through again, if that did not help.
const GROWTH_PART: usize = 64;

/// The part of the budget, as a divisor, that is freed at once.
const RELIEF_PART: usize = 8;

#[derive(Debug)]
pub(crate) struct MemoryBudget {
    max: usize,
    /// More than that is reason to look through the outboxes.
    relief_above: AtomicUsize,
    /// Held by whoever does.
    relieving: Mutex<()>,
}

/// Somebody frees memory, and nobody else meanwhile.
#[derive(Debug)]
pub(crate) struct Relief<'a> {
    budget: &'a MemoryBudget,
    _alone: MutexGuard<'a, ()>,
}

/// No limit.
impl Default for MemoryBudget {
    fn default() -> Self {
        Self::of(usize::MAX)
    }
}

impl MemoryBudget {
    /// That many octets; none stands for half of what the process may use, if that can be found out.
    pub(crate) fn new(max: Option<usize>) -> Self {
        let half = || usable(|path| fs::read_to_string(path).ok()).map(|bytes| bytes / 2);
        Self::of(max.or_else(half).unwrap_or(usize::MAX))
    }

    fn of(max: usize) -> Self {
        Self { max, relief_above: AtomicUsize::new(max), relieving: Mutex::default() }
    }

    /// Whether more is kept than may be.
    pub(crate) fn is_exceeded(&self) -> bool {
        held_by_process() > self.max
    }

    /// Whether outboxes have to go, and nobody sees to it already. Costs two loads otherwise.
    pub(crate) fn relief(&self) -> Option<Relief<'_>> {
        if held_roughly() <= self.relief_above.load(Ordering::Relaxed) {
            return None;
        }
        Some(Relief { budget: self, _alone: self.relieving.try_lock()? })
    }
}

impl Relief<'_> {
    /// Whether more has to go.
    pub(crate) fn is_needed(&self) -> bool {
        held_by_process() > self.budget.max - self.budget.max / RELIEF_PART
    }

    /// An outbox below this is not what the memory went to: a quarter of what each would have if all had as much.
    pub(crate) fn spared_bytes(&self, sessions: usize) -> usize {
        self.budget.max / sessions.max(1) / 4
    }
}

impl Drop for Relief<'_> {
    /// Something else than outboxes may take the memory: not every message is to look through them in vain.
    fn drop(&mut self) {
        let MemoryBudget { max, relief_above, .. } = self.budget;
        let next = held_by_process().saturating_add(max / GROWTH_PART);
        relief_above.store(next.max(*max), Ordering::Relaxed);
    }
}

/// Octets that the process may use: what its control groups allow, or what the machine has. `read` gives a file's text.
fn usable(read: impl Fn(&Path) -> Option<String>) -> Option<usize> {
    let groups = read(Path::new("/proc/self/cgroup")).unwrap_or_default();
    let limits = groups.lines().filter_map(|line| {
        let (_, group) = line.split_once(':')?;
        let (controllers, group) = group.split_once(':')?;
        let (root, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            _ if controllers.split(',').any(|controller| controller == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => return None,
        };
        // The limits of the groups around it hold, too. In a container, its own group may be the root.
        let folders = Path::new(group).ancestors().map(|group| within(root, group));
        // Without a limit it says `max`, or more than any machine has.
        folders.filter_map(|folder| read(&folder.join(file))?.trim().parse().ok()).min()
    });
    limits.chain(installed(&read)).min()
}

/// Octets of memory that the machine has.
fn installed(read: impl Fn(&Path) -> Option<String>) -> Option<usize> {
    let text = read(Path::new("/proc/meminfo"))?;
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: usize = total.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

fn within(root: &str, group: &Path) -> PathBuf {
    Path::new(root).join(group.strip_prefix("/").unwrap_or(group))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMINFO: (&str, &str) =
        ("/proc/meminfo", "MemTotal:       16308888 kB\nMemFree:         1234567 kB\n");
    const INSTALLED: usize = 16_308_888 * 1024;

    fn found(files: &[(&str, &str)]) -> Option<usize> {
        usable(|path| {
            let file = files.iter().find(|(name, _)| Path::new(name) == path);
            file.map(|(_, text)| (*text).to_owned())
        })
    }

    #[test]
    fn without_control_groups_it_is_what_the_machine_has() {
        assert_eq!(found(&[MEMINFO]), Some(INSTALLED));
        assert_eq!(found(&[]), None);
        assert_eq!(found(&[("/proc/meminfo", "MemTotal: much\n")]), None);
    }

    #[test]
    fn the_tightest_of_nested_groups_counts() {
        let files = [
            MEMINFO,
            ("/proc/self/cgroup", "0::/system.slice/trunkline.service\n"),
            ("/sys/fs/cgroup/system.slice/trunkline.service/memory.max", "max\n"),
            ("/sys/fs/cgroup/system.slice/memory.max", "1073741824\n"),
        ];
        assert_eq!(found(&files), Some(1 << 30));
        assert_eq!(found(&files[..3]), Some(INSTALLED));
    }

    #[test]
    fn in_a_container_the_root_is_the_group() {
        let files = [
            MEMINFO,
            ("/proc/self/cgroup", "0::/docker/0123456789ab\n"),
            ("/sys/fs/cgroup/memory.max", "268435456\n"),
        ];
        assert_eq!(found(&files), Some(256 << 20));
    }

    #[test]
    fn control_groups_of_version_1_are_known_by_their_controller() {
        let files = [
            MEMINFO,
            ("/proc/self/cgroup", "5:cpu,cpuacct:/a\n4:memory:/a/b\n0::/\n"),
            ("/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n"),
            ("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "536870912\n"),
        ];
        assert_eq!(found(&files), Some(512 << 20));
        assert_eq!(found(&files[..3]), Some(INSTALLED));
    }
}
