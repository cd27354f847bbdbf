//! The limits that control groups set on this process: version 1, version 2 and both at once, on every level
//! from the process up to what is mounted. The least limit counts, wherever it is set.

use super::facts::Fact;
use super::mounts::{self, Mount};
use super::{Probe, cpu};

/// A v1 limit above this is the kernel's way to write "none" (the greatest multiple of the page size).
const UNLIMITED: u64 = 1 << 60;

/// What the groups leave of the memory.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct MemoryLimit {
    pub(super) limit: Fact<u64>,
    /// Limit less use, where page cache that can be dropped does not count as used.
    pub(super) available: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// The memory limit, if any level sets one.
pub(super) fn memory(probe: &Probe) -> Option<MemoryLimit> {
    let mut least: Option<(u64, String)> = None;
    let mut available: Option<u64> = None;
    for (version, folder) in levels(probe, "memory") {
        let names: &[&str] = match version {
            Version::One => &["memory.limit_in_bytes"],
            // Above `memory.high` a process is throttled until it hardly runs.
            Version::Two => &["memory.max", "memory.high"],
        };
        let stat = probe.text(&format!("{folder}/memory.stat")).unwrap_or_default();
        let mut limits: Vec<(u64, String)> = names
            .iter()
            .filter_map(|name| Some((probe.number(&format!("{folder}/{name}"))?, (*name).to_owned())))
            .collect();
        if version == Version::One
            && let Some(inherited) = field(&stat, "hierarchical_memory_limit")
        {
            limits.push((inherited, "memory.stat hierarchical_memory_limit".to_owned()));
        }
        let Some((limit, name)) = limits.into_iter().filter(|(limit, _)| *limit < UNLIMITED).min() else { continue };
        let (current, inactive) = match version {
            Version::One => ("memory.usage_in_bytes", "total_inactive_file"),
            Version::Two => ("memory.current", "inactive_file"),
        };
        if let Some(current) = probe.number(&format!("{folder}/{current}")) {
            let used = current.saturating_sub(field(&stat, inactive).unwrap_or(0));
            let left = limit.saturating_sub(used);
            available = Some(available.map_or(left, |other| other.min(left)));
        }
        if least.as_ref().is_none_or(|(other, _)| limit < *other) {
            let version = if version == Version::One { "v1" } else { "v2" };
            least = Some((limit, format!("cgroup {version} {name}")));
        }
    }
    let (limit, source) = least?;
    Some(MemoryLimit { limit: Fact::known(limit, source), available })
}

/// Processors' worth of time, if any level limits it.
pub(super) fn cpu(probe: &Probe) -> Option<Fact<f64>> {
    levels(probe, "cpu")
        .into_iter()
        .filter_map(|(version, folder)| match version {
            Version::Two => {
                let text = probe.line(&format!("{folder}/cpu.max"))?;
                let (quota, period) = text.split_once(' ')?;
                Some((quotient(quota.parse().ok()?, period.trim().parse().ok()?)?, "cgroup v2 cpu.max"))
            }
            Version::One => {
                // -1, which is no u64, means none.
                let quota = probe.number(&format!("{folder}/cpu.cfs_quota_us"))?;
                let period = probe.number(&format!("{folder}/cpu.cfs_period_us"))?;
                Some((quotient(quota, period)?, "cgroup v1 cpu.cfs_quota_us"))
            }
        })
        .min_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(limit, source)| Fact::known(limit, source))
}

/// How many processors the nearest cpuset holds.
pub(super) fn cpuset(probe: &Probe) -> Option<Fact<u32>> {
    levels(probe, "cpuset").into_iter().find_map(|(version, folder)| {
        let (names, source): (&[&str], _) = match version {
            Version::One => (&["cpuset.effective_cpus", "cpuset.cpus"], "cgroup v1 cpuset"),
            Version::Two => (&["cpuset.cpus.effective"], "cgroup v2 cpuset.cpus.effective"),
        };
        let count = names.iter().find_map(|name| cpu::count_list(&probe.line(&format!("{folder}/{name}"))?))?;
        Some(Fact::known(count, source))
    })
}

fn quotient(quota: u64, period: u64) -> Option<f64> {
    // Both are microseconds below 2^53, so the conversion is exact; hundredths are all that anybody sets.
    #[expect(clippy::cast_precision_loss, reason = "microseconds, far below 2^53")]
    let cpus = (period > 0 && quota > 0).then(|| quota as f64 / period as f64)?;
    Some((cpus * 100.0).round() / 100.0)
}

/// A number in a file of `name value` lines.
fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

/// The folders of this process's groups that may limit `controller`, leaf first, in both versions.
fn levels(probe: &Probe, controller: &str) -> Vec<(Version, String)> {
    let Some(groups) = probe.text("/proc/self/cgroup") else { return Vec::new() };
    let mounts = mounts::parse(&probe.text("/proc/self/mountinfo").unwrap_or_default());
    let mut found = Vec::new();
    for (controllers, path) in membership(&groups) {
        let version = if controllers.is_empty() { Version::Two } else { Version::One };
        let mount = mounts.iter().find(|mount| match version {
            Version::Two => mount.kind == "cgroup2",
            Version::One => {
                controllers.split(',').any(|one| one == controller)
                    && mount.kind == "cgroup"
                    && mount.options.split(',').any(|one| one == controller)
            }
        });
        if let Some(mount) = mount {
            found.extend(ancestors(mount, path).into_iter().map(|folder| (version, folder)));
        }
    }
    found
}

/// The lines of `/proc/self/cgroup`: controllers (none for version 2) and path.
fn membership(text: &str) -> Vec<(&str, &str)> {
    text.lines()
        .filter_map(|line| {
            let (number, rest) = line.split_once(':')?;
            let (controllers, path) = rest.split_once(':')?;
            (number == "0" || !controllers.is_empty()).then_some((controllers, path))
        })
        .collect()
}

/// From the group's folder up to the mount point. A path outside what is mounted (a cgroup namespace shows
/// `/..`; a container sees the host's path) is clamped to the mount point.
fn ancestors(mount: &Mount, path: &str) -> Vec<String> {
    let inside = if mount.root == "/" { Some(path) } else { path.strip_prefix(mount.root.as_str()) };
    let parts: Vec<&str> = match inside {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => rest.split('/').filter(|p| !p.is_empty()).collect(),
        _ => Vec::new(),
    };
    let parts = if parts.contains(&"..") { Vec::new() } else { parts };
    (0..=parts.len())
        .rev()
        .map(|length| {
            let tail: String = parts.iter().take(length).map(|part| format!("/{part}")).collect();
            format!("{}{tail}", mount.point.trim_end_matches('/'))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mount(root: &str) -> Mount {
        Mount { root: root.into(), point: "/sys/fs/cgroup".into(), kind: "cgroup2".into(), options: "rw".into() }
    }

    #[test]
    fn levels_run_from_the_leaf_to_the_mount_and_foreign_paths_are_clamped() {
        assert_eq!(ancestors(&mount("/"), "/a/b"), ["/sys/fs/cgroup/a/b", "/sys/fs/cgroup/a", "/sys/fs/cgroup"]);
        assert_eq!(ancestors(&mount("/docker/x"), "/docker/x/in"), ["/sys/fs/cgroup/in", "/sys/fs/cgroup"]);
        assert_eq!(ancestors(&mount("/docker/x"), "/docker/xy"), ["/sys/fs/cgroup"]);
        assert_eq!(ancestors(&mount("/"), "/../../other"), ["/sys/fs/cgroup"]);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_readers_panic(text in any::<String>(), path in any::<String>()) {
            let _ = membership(&text);
            let _ = field(&text, "inactive_file");
            let _ = ancestors(&mount(&text), &path);
        }
    }
}
