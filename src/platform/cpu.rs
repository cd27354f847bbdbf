//! The processor: its model, its cores, the instruction sets that decide kernels, and what of it we may use.

use std::collections::{BTreeMap, BTreeSet};

use super::commands::{Command, key_values};
use super::facts::{Cpu, Fact};
use super::{Os, Probe, cgroup};

/// Instruction sets that some kernel of an ML library asks for, as Linux names them on x86 and ARM.
const FEATURES: &[&str] = &[
    "sse4_2",
    "avx",
    "avx2",
    "fma",
    "f16c",
    "avx_vnni",
    "avx512f",
    "avx512bw",
    "avx512vl",
    "avx512_vnni",
    "avx512_bf16",
    "avx512_fp16",
    "amx_tile",
    "amx_int8",
    "amx_bf16",
    "asimd",
    "asimdhp",
    "asimddp",
    "i8mm",
    "bf16",
    "sve",
    "sve2",
    "sme",
];

/// ARM processors name themselves by two numbers: implementer and part.
const ARM_PARTS: &[(&str, &str, &str)] = &[
    ("0x41", "0xd08", "Cortex-A72"),
    ("0x41", "0xd0b", "Cortex-A76"),
    ("0x41", "0xd0c", "Neoverse-N1"),
    ("0x41", "0xd40", "Neoverse-V1"),
    ("0x41", "0xd42", "Cortex-A78AE"),
    ("0x41", "0xd49", "Neoverse-N2"),
    ("0x41", "0xd4f", "Neoverse-V2"),
    ("0x41", "0xd85", "Cortex-X925"),
    ("0x41", "0xd87", "Cortex-A725"),
];

/// What is known of the processor.
pub(super) fn cpu(probe: &Probe) -> Cpu {
    match probe.os {
        Os::Linux | Os::Other => linux(probe),
        Os::Macos => macos(probe),
        Os::Windows => windows(probe),
    }
}

fn linux(probe: &Probe) -> Cpu {
    const SOURCE: &str = "/proc/cpuinfo";
    let blocks = cpuinfo(&probe.text(SOURCE).unwrap_or_default());
    let logical = u32::try_from(blocks.len()).ok().filter(|count| *count > 0);
    let first = |key: &str| blocks.first().and_then(|block| block.get(key));
    let model = match first("model name") {
        Some(name) => Fact::known(name.clone(), SOURCE),
        None => Fact::from(arm_model(&blocks), "/proc/cpuinfo CPU part", "/proc/cpuinfo has no name and no known part"),
    };
    let words: BTreeSet<&str> =
        first("flags").or_else(|| first("Features")).map(|flags| flags.split(' ').collect()).unwrap_or_default();
    let (performance, efficiency) = kinds_of_core(probe, &blocks);
    let limit = cgroup::cpu(probe);
    let cpuset = allowed(probe, logical);
    Cpu {
        model,
        physical: physical(probe, &blocks),
        logical: Fact::from(logical, SOURCE, "/proc/cpuinfo lists no processor"),
        performance,
        efficiency,
        features: FEATURES.iter().filter(|name| words.contains(*name)).map(|name| (*name).to_owned()).collect(),
        usable: usable(logical, limit.as_ref(), cpuset.as_ref()),
        limit,
        cpuset,
    }
}

/// The least of what is there, what the quota allows (rounded up) and what the cpuset holds.
fn usable(logical: Option<u32>, limit: Option<&Fact<f64>>, cpuset: Option<&Fact<u32>>) -> Option<u32> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a small positive range")]
    let quota = limit.and_then(|limit| limit.value).map(|cpus| cpus.ceil().clamp(1.0, 65536.0) as u32);
    let set = cpuset.and_then(|cpuset| cpuset.value);
    [logical, quota, set].into_iter().flatten().min()
}

/// The cpuset and the affinity of this process, when they leave less than all.
fn allowed(probe: &Probe, logical: Option<u32>) -> Option<Fact<u32>> {
    let status = probe.text("/proc/self/status").unwrap_or_default();
    let affinity = status
        .lines()
        .find_map(|line| count_list(line.strip_prefix("Cpus_allowed_list:")?.trim()))
        .map(|count| Fact::known(count, "/proc/self/status Cpus_allowed_list"));
    [cgroup::cpuset(probe), affinity]
        .into_iter()
        .flatten()
        .filter(|fact| fact.value < logical)
        .min_by_key(|fact| fact.value)
}

/// The number of processors in a list such as `0-3,8`.
pub(super) fn count_list(list: &str) -> Option<u32> {
    list_members(list).map(|members| u32::try_from(members.len()).unwrap_or(u32::MAX)).filter(|count| *count > 0)
}

fn list_members(list: &str) -> Option<BTreeSet<u32>> {
    let mut members = BTreeSet::new();
    for part in list.trim().split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.trim().parse::<u32>().ok()?, last.trim().parse::<u32>().ok()?);
        // No kernel numbers more; a broken file must not fill the memory.
        if last > 65_535 {
            return None;
        }
        members.extend(first..=last);
    }
    Some(members)
}

/// `/proc/cpuinfo` as one map for each processor.
fn cpuinfo(text: &str) -> Vec<BTreeMap<String, String>> {
    text.split("\n\n")
        .map(|block| {
            let lines = block.lines().filter_map(|line| line.split_once(':'));
            lines.map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned())).collect::<BTreeMap<_, _>>()
        })
        .filter(|block| block.contains_key("processor"))
        .collect()
}

fn arm_model(blocks: &[BTreeMap<String, String>]) -> Option<String> {
    let mut names: Vec<&str> = Vec::new();
    for block in blocks {
        let (implementer, part) = (block.get("CPU implementer")?, block.get("CPU part")?);
        let (_, _, name) = ARM_PARTS.iter().find(|(i, p, _)| i == implementer && p == part)?;
        if !names.contains(name) {
            names.push(name);
        }
    }
    (!names.is_empty()).then(|| names.join(" + "))
}

/// Distinct pairs of socket and core: x86 lists them in cpuinfo, ARM only in sysfs.
fn physical(probe: &Probe, blocks: &[BTreeMap<String, String>]) -> Fact<u32> {
    let listed: Option<BTreeSet<(String, String)>> =
        blocks.iter().map(|block| Some((block.get("physical id")?.clone(), block.get("core id")?.clone()))).collect();
    let (pairs, source) = match listed {
        Some(pairs) => (pairs, "/proc/cpuinfo"),
        None => {
            let pair = |block: &BTreeMap<String, String>| {
                let folder = format!("/sys/devices/system/cpu/cpu{}/topology", block.get("processor")?);
                let package = probe.line(&format!("{folder}/physical_package_id"))?;
                Some((package, probe.line(&format!("{folder}/core_id"))?))
            };
            (blocks.iter().filter_map(pair).collect(), "/sys/devices/system/cpu/cpu*/topology")
        }
    };
    let count = u32::try_from(pairs.len()).ok().filter(|count| *count > 0);
    Fact::from(count, source, "neither /proc/cpuinfo nor sysfs numbers the cores")
}

/// Fast and slow cores: Intel has a folder for each kind, ARM a capacity for each processor.
fn kinds_of_core(probe: &Probe, blocks: &[BTreeMap<String, String>]) -> (Option<u32>, Option<u32>) {
    let cores = |path: &str| {
        let members = list_members(&probe.line(path)?)?;
        let cores: BTreeSet<_> = blocks
            .iter()
            .filter(|b| b.get("processor").and_then(|n| n.parse().ok()).is_some_and(|n: u32| members.contains(&n)))
            .map(|block| (block.get("physical id"), block.get("core id")))
            .collect();
        u32::try_from(cores.len()).ok().filter(|count| *count > 0)
    };
    let slow = cores("/sys/devices/cpu_atom/cpus");
    if slow.is_some() {
        return (cores("/sys/devices/cpu_core/cpus"), slow);
    }
    let arm = blocks.first().is_some_and(|block| block.contains_key("CPU part"));
    if !arm {
        return (None, None);
    }
    let capacities: Vec<u64> = blocks
        .iter()
        .filter_map(|block| {
            probe.number(&format!("/sys/devices/system/cpu/cpu{}/cpu_capacity", block.get("processor")?))
        })
        .collect();
    match (capacities.iter().max(), capacities.iter().min()) {
        (Some(most), Some(least)) if most > least => {
            let fast = capacities.iter().filter(|capacity| *capacity == most).count();
            (u32::try_from(fast).ok(), u32::try_from(capacities.len() - fast).ok())
        }
        _ => (None, None),
    }
}

fn macos(probe: &Probe) -> Cpu {
    let answer = probe.ask(Command::Sysctl);
    let values = answer.as_deref().map(key_values).unwrap_or_default();
    let number = |key: &str| values.get(key).and_then(|value| value.parse::<u32>().ok());
    let fact = |key: &str| Fact::from(number(key), format!("sysctl {key}"), format!("sysctl has no {key}"));
    let two_kinds = number("hw.nperflevels") == Some(2);
    let name = values.get("machdep.cpu.brand_string").map(|name| (*name).to_owned());
    let features = values
        .iter()
        .filter(|(_, value)| **value == "1")
        .filter_map(|(key, _)| key.strip_prefix("hw.optional.arm.FEAT_").or_else(|| key.strip_prefix("hw.optional.")))
        .filter(|name| {
            matches!(*name, "DotProd" | "FP16" | "I8MM" | "BF16" | "SME" | "SME2" | "avx2_0" | "avx512f" | "neon")
        })
        .map(str::to_ascii_lowercase)
        .collect();
    Cpu {
        model: Fact::from(name, "sysctl machdep.cpu.brand_string", "sysctl has no machdep.cpu.brand_string"),
        physical: fact("hw.physicalcpu"),
        logical: fact("hw.logicalcpu"),
        performance: two_kinds.then(|| number("hw.perflevel0.physicalcpu")).flatten(),
        efficiency: two_kinds.then(|| number("hw.perflevel1.physicalcpu")).flatten(),
        features,
        limit: None,
        cpuset: None,
        usable: number("hw.logicalcpu"),
    }
}

fn windows(probe: &Probe) -> Cpu {
    let answer = probe.ask(Command::Windows);
    let values = answer.as_deref().map(key_values).unwrap_or_default();
    let number = |key: &str| values.get(key).and_then(|value| value.parse::<u32>().ok());
    let name = values.get("cpu.name").map(|name| (*name).to_owned());
    Cpu {
        model: Fact::from(name, "registry ProcessorNameString", "the registry has no ProcessorNameString"),
        physical: Fact::from(number("cpu.physical"), "GetLogicalProcessorInformationEx", "Windows does not say"),
        logical: Fact::from(number("cpu.logical"), "GetActiveProcessorCount", "Windows does not say"),
        performance: None,
        efficiency: None,
        features: values.get("cpu.features").map_or_else(Vec::new, |f| f.split(' ').map(str::to_owned).collect()),
        limit: None,
        cpuset: None,
        usable: number("cpu.logical"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lists_of_processors_are_counted_and_broken_ones_refused() {
        assert_eq!(count_list("0-3,8"), Some(5));
        assert_eq!(count_list("0"), Some(1));
        assert_eq!(count_list(""), None);
        assert_eq!(count_list("0-4294967295"), None);
        assert_eq!(count_list("a-b"), None);
    }

    #[test]
    fn a_quota_is_rounded_up_and_the_least_limit_counts() {
        assert_eq!(usable(Some(64), Some(&Fact::known(1.5, "")), None), Some(2));
        assert_eq!(usable(Some(64), Some(&Fact::known(8.0, "")), Some(&Fact::known(4, ""))), Some(4));
        assert_eq!(usable(None, None, None), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_readers_panic(text in any::<String>(), list in "[0-9,-]{0,20}") {
            let _ = cpuinfo(&text);
            let _ = arm_model(&cpuinfo(&format!("processor: 0\n{text}")));
            let _ = list_members(&list);
        }
    }
}
