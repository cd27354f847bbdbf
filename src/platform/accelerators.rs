//! Every accelerator of the machine, and which of them variables hide from this process.

use super::commands::{Command, key_values};
use super::facts::{Accelerator, Fact, Host, Kind, Vendor, Visibility};
use super::nvidia::refused;
use super::{Os, Probe, amd, apple, intel, jetson, nvidia, pci};

/// Variables that hide, order or disguise devices, and whose devices they hide.
const VARIABLES: &[(&str, Option<Vendor>)] = &[
    ("CUDA_VISIBLE_DEVICES", Some(Vendor::Nvidia)),
    ("NVIDIA_VISIBLE_DEVICES", None),
    ("CUDA_DEVICE_ORDER", None),
    ("ROCR_VISIBLE_DEVICES", Some(Vendor::Amd)),
    ("HIP_VISIBLE_DEVICES", Some(Vendor::Amd)),
    ("GPU_DEVICE_ORDINAL", None),
    ("HSA_OVERRIDE_GFX_VERSION", None),
    ("ZE_AFFINITY_MASK", Some(Vendor::Intel)),
    ("ONEAPI_DEVICE_SELECTOR", None),
];

/// All accelerators, usable or not.
pub(super) fn accelerators(probe: &Probe, host: &Host, total: Option<u64>) -> Vec<Accelerator> {
    let mut found: Vec<(Accelerator, Option<String>)> = match probe.os {
        Os::Linux | Os::Other => {
            let bus = pci::devices(probe);
            let mut found = nvidia::linux(probe, &bus, host.wsl == Some(2), total);
            if !found.iter().any(|(one, _)| one.usable.value == Some(true))
                && let Some(jetson) = jetson::linux(probe, total)
            {
                found = vec![(jetson, None)];
            }
            found.extend(amd::linux(probe, &bus).into_iter().map(|one| (one, None)));
            found.extend(intel::linux(probe, &bus, total).into_iter().map(|one| (one, None)));
            found
        }
        Os::Macos => apple::macos(probe, host).map(|one| (one, None)).into_iter().collect(),
        Os::Windows => windows(probe),
    };
    for (variable, vendor) in VARIABLES {
        if let (Some(vendor), Some(value)) = (vendor, probe.vars.raw(variable).and_then(|value| value.to_str())) {
            hide(&mut found, variable, *vendor, value);
        }
    }
    found.into_iter().map(|(one, _)| one).collect()
}

/// The visibility variables that are set, with device identifiers shortened to their kind.
pub(super) fn visibility(probe: &Probe) -> Vec<Visibility> {
    VARIABLES
        .iter()
        .filter_map(|(variable, _)| {
            let value = probe.vars.raw(variable)?.to_str()?;
            Some(Visibility { variable, value: plain(value) })
        })
        .collect()
}

/// A list of devices without what identifies one card among all that were made.
pub(super) fn plain(value: &str) -> String {
    let shorten = |part: &str| match part.trim() {
        part if part.starts_with("GPU-") => "GPU-…".to_owned(),
        part if part.starts_with("MIG-") => "MIG-…".to_owned(),
        part => part.to_owned(),
    };
    value.split(',').map(shorten).collect::<Vec<_>>().join(",")
}

/// Marks what a variable leaves out. Programs stop at the first entry that names no device, so we do.
fn hide(found: &mut [(Accelerator, Option<String>)], variable: &str, vendor: Vendor, value: &str) {
    let candidates: Vec<(u32, Option<String>)> =
        found.iter().filter(|(one, _)| one.vendor == vendor).map(|(one, uuid)| (one.index, uuid.clone())).collect();
    let mut shown: Vec<(u32, Option<String>)> = Vec::new();
    for entry in value.split(',').map(str::trim) {
        // ZE_AFFINITY_MASK may name a tile: `0.1`.
        let number = entry.split('.').next().and_then(|number| number.parse::<u32>().ok());
        let chosen: Vec<_> = match number {
            Some(number) => candidates.iter().filter(|(index, _)| *index == number).cloned().collect(),
            None if entry.starts_with("GPU-") || entry.starts_with("MIG-") => candidates
                .iter()
                .filter(|(_, uuid)| uuid.as_ref().is_some_and(|uuid| uuid.starts_with(entry)))
                .cloned()
                .collect(),
            None => Vec::new(),
        };
        if chosen.is_empty() {
            break;
        }
        shown.extend(chosen);
    }
    for (one, uuid) in found.iter_mut().filter(|(one, _)| one.vendor == vendor) {
        if !shown.contains(&(one.index, uuid.clone())) {
            one.visible = refused(variable, &format!("{variable} leaves it out"));
        } else if one.visible.value == Some(true) {
            one.visible = Fact::known(true, variable);
        }
    }
}

/// What the registry lists; NVIDIA's own library replaces its entries where it answers.
fn windows(probe: &Probe) -> Vec<(Accelerator, Option<String>)> {
    let text = probe.ask(Command::Windows).unwrap_or_default();
    let values = key_values(&text);
    let mut found = Vec::new();
    for number in 0..64 {
        let of = |key: &str| values.get(format!("gpu.{number}.{key}").as_str()).map(|value| (*value).to_owned());
        let Some(id) = of("id") else { break };
        let vendor = match id.split(':').next() {
            Some("10de") => Vendor::Nvidia,
            Some("1002") => Vendor::Amd,
            Some("8086") => Vendor::Intel,
            _ => continue,
        };
        let index = found.iter().filter(|(one, _): &&(Accelerator, _)| one.vendor == vendor).count();
        let mut one = Accelerator::bare(vendor, u32::try_from(index).unwrap_or(0), "the registry does not say");
        one.kind = Kind::Unknown;
        one.pci_id = Some(id);
        one.name = Fact::from(of("name"), "registry DriverDesc", "the registry has no DriverDesc");
        one.driver = Fact::from(of("driver"), "registry DriverVersion", "the registry has no DriverVersion");
        // `AdapterRAM` and `MemorySize` end at 4 GB; this one does not.
        one.memory = Fact::from(
            of("memory").and_then(|bytes| bytes.parse().ok()),
            "registry HardwareInformation.qwMemorySize",
            "the registry has no HardwareInformation.qwMemorySize",
        );
        one.usable = Fact::known(true, "the display class in the registry");
        found.push((one, None));
    }
    if found.iter().any(|(one, _)| one.vendor == Vendor::Nvidia) {
        let told = nvidia::windows(probe);
        if told.is_empty() {
            for (one, _) in found.iter_mut().filter(|(one, _)| one.vendor == Vendor::Nvidia) {
                one.usable = refused("NVML", "neither NVML nor nvidia-smi answers");
            }
        } else {
            found.retain(|(one, _)| one.vendor != Vendor::Nvidia);
            found.splice(0..0, told);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> Vec<(Accelerator, Option<String>)> {
        (0..2).map(|index| (Accelerator::bare(Vendor::Nvidia, index, ""), Some(format!("GPU-{index}abc")))).collect()
    }

    fn shown(value: &str) -> Vec<u32> {
        let mut cards = two();
        hide(&mut cards, "CUDA_VISIBLE_DEVICES", Vendor::Nvidia, value);
        cards.iter().filter(|(one, _)| one.visible.value == Some(true)).map(|(one, _)| one.index).collect()
    }

    #[test]
    fn a_list_of_devices_ends_at_its_first_mistake() {
        assert_eq!(shown("0,1"), [0, 1]);
        assert_eq!(shown("1,7,0"), [1]);
        assert_eq!(shown("GPU-1"), [1]);
        assert_eq!(shown("-1"), [] as [u32; 0]);
        assert_eq!(shown(""), [] as [u32; 0]);
    }
}
