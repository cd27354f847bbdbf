//! How much memory there is, and how much of it this process may have.

use super::commands::{Command, key_values};
use super::facts::{Fact, Memory};
use super::{Os, Probe, cgroup};

/// Total, available and limited memory.
pub(super) fn memory(probe: &Probe) -> Memory {
    match probe.os {
        Os::Linux | Os::Other => linux(probe),
        Os::Macos => macos(probe),
        Os::Windows => windows(probe),
    }
}

fn linux(probe: &Probe) -> Memory {
    let text = probe.text("/proc/meminfo").unwrap_or_default();
    let total = kilobytes(&text, "MemTotal");
    let host = kilobytes(&text, "MemAvailable");
    let group = cgroup::memory(probe);
    let of_group = group.as_ref().and_then(|group| group.available);
    let available = match (host, of_group) {
        (Some(host), Some(group)) if group < host => Fact::known(group, "cgroup limit less use"),
        (None, Some(group)) => Fact::known(group, "cgroup limit less use"),
        (host, _) => Fact::from(host, "/proc/meminfo MemAvailable", "/proc/meminfo has no MemAvailable"),
    };
    Memory {
        total: Fact::from(total, "/proc/meminfo MemTotal", "/proc/meminfo has no MemTotal"),
        available,
        limit: group.map(|group| group.limit),
    }
}

/// A line of `/proc/meminfo`, in bytes.
pub(super) fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

fn macos(probe: &Probe) -> Memory {
    let answer = probe.ask(Command::Sysctl);
    let values = answer.as_deref().map(key_values).unwrap_or_default();
    let number = |key: &str| values.get(key)?.parse::<u64>().ok();
    let reason = |key: &str| answer.as_ref().err().cloned().unwrap_or_else(|| format!("sysctl has no {key}"));
    Memory {
        total: Fact::from(number("hw.memsize"), "sysctl hw.memsize", reason("hw.memsize")),
        // Free pages alone, a small part on every Mac, would mislead.
        available: Fact::unknown("what macOS would give up for a program is in no sysctl"),
        limit: None,
    }
}

fn windows(probe: &Probe) -> Memory {
    let answer = probe.ask(Command::Windows);
    let values = answer.as_deref().map(key_values).unwrap_or_default();
    let of = |key: &str| {
        let reason = answer.as_ref().err().cloned().unwrap_or_else(|| "GlobalMemoryStatusEx failed".to_owned());
        Fact::from(values.get(key).and_then(|value| value.parse().ok()), "GlobalMemoryStatusEx", reason)
    };
    Memory { total: of("memory.total"), available: of("memory.available"), limit: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn meminfo_is_in_kibibytes_whatever_it_says() {
        assert_eq!(kilobytes("MemTotal:       16384 kB\nMemFree: 1 kB\n", "MemTotal"), Some(16384 * 1024));
        assert_eq!(kilobytes("MemTotal: 18446744073709551615 kB", "MemTotal"), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in any::<String>()) {
            let _ = kilobytes(&format!("MemTotal:{text}kB"), "MemTotal");
            let _ = kilobytes(&text, "MemTotal");
        }
    }
}
