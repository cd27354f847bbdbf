//! Apple's chips: one memory for processor and graphics, Metal, MLX.

use super::Probe;
use super::commands::{Command, key_values};
use super::facts::{Accelerator, Fact, Host, Kind, Vendor};

/// The chip's graphics processor, on Apple silicon.
pub(super) fn macos(probe: &Probe, host: &Host) -> Option<Accelerator> {
    let text = probe.ask(Command::Sysctl).ok()?;
    let values = key_values(&text);
    if host.machine.value.as_deref() != Some("arm64") {
        return None;
    }
    let number = |key: &str| values.get(key).and_then(|value| value.parse::<u64>().ok());
    let mut one = Accelerator::bare(Vendor::Apple, 0, "sysctl does not say");
    one.kind = Kind::Integrated;
    let name = values.get("machdep.cpu.brand_string").map(|name| (*name).to_owned());
    one.name = Fact::from(name, "sysctl machdep.cpu.brand_string", "sysctl has no machdep.cpu.brand_string");
    one.unified = Fact::known(true, "sysctl hw.optional.arm64");
    // 0 is the default, whose share of the memory only Metal itself tells.
    one.memory = match number("iogpu.wired_limit_mb").filter(|limit| *limit > 0).and_then(|l| l.checked_mul(1 << 20)) {
        Some(limit) => Fact::known(limit, "sysctl iogpu.wired_limit_mb (unified memory)"),
        None => Fact::from(number("hw.memsize"), "sysctl hw.memsize (unified memory)", "sysctl has no hw.memsize"),
    };
    one.driver = Fact::from(host.version.value.clone().map(|v| format!("macOS {v}")), "the system", "no version");
    // A guest sees a paravirtual device; PyTorch and MLX start there, but not everywhere.
    let version = host.version.value.as_deref().unwrap_or_default();
    one.mps = Some(Fact::known(at_least(version, (12, 3)), "Apple silicon and macOS 12.3"));
    // MLX has no build for Intel processes, so one under Rosetta needs an arm64 Python.
    one.mlx = Some(Fact::known(at_least(version, (13, 5)), "Apple silicon and macOS 13.5"));
    one.usable = Fact::known(true, "Metal is open to every process");
    Some(one)
}

fn at_least(version: &str, least: (u32, u32)) -> bool {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= least
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        assert!(at_least("12.3", (12, 3)) && at_least("26.0.1", (13, 5)));
        assert!(!at_least("12.2.9", (12, 3)) && !at_least("", (12, 3)));
    }
}
