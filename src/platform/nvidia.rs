//! NVIDIA's cards, layer by layer: sysfs and procfs say that there is a driver, NVML tells the details,
//! `nvidia-smi` where NVML cannot, and the PCI bus what neither offers.

use std::collections::BTreeMap;

use super::commands::{Command, key_values};
use super::facts::{Accelerator, Fact, Kind, Vendor};
use super::pci::{self, Pci};
use super::probe::Access;
use super::{Probe, nvidia_smi, nvml};

const NO_DRIVER: &str = "no NVIDIA driver answers here";

/// One card as NVML or `nvidia-smi` tells it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Card {
    pub(super) index: u32,
    pub(super) name: Option<String>,
    pub(super) uuid: Option<String>,
    pub(super) pci: Option<String>,
    pub(super) memory: Option<u64>,
    pub(super) memory_reason: Option<String>,
    pub(super) compute_capability: Option<String>,
    pub(super) driver: Option<String>,
    pub(super) mig: Option<bool>,
    pub(super) slices: Vec<Card>,
}

/// What one layer said of all cards.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Answer {
    pub(super) source: &'static str,
    pub(super) cuda: Option<String>,
    pub(super) cards: Vec<Card>,
}

/// The cards of a Linux machine with their identifiers, which only the visibility variables need.
pub(super) fn linux(probe: &Probe, bus: &[Pci], wsl: bool, total: Option<u64>) -> Vec<(Accelerator, Option<String>)> {
    let bus: Vec<&Pci> = bus.iter().filter(|device| device.vendor == 0x10de).collect();
    let driver = driver(probe);
    let node = if wsl { "/dev/dxg" } else { "/dev/nvidiactl" };
    let access = probe.device(node);
    if driver.is_none() && !(wsl && access != Access::Absent) {
        return bus.into_iter().zip(0..).map(|(device, index)| (off(device, index, NO_DRIVER), None)).collect();
    }
    // The kernel's module is visible in every container; the device nodes decide.
    let answer = match access {
        Access::Open => ask(probe),
        Access::Denied => Err(format!("{node} is there, but this process may not open it")),
        Access::Absent => Err(format!("the driver is loaded, but {node} is not visible here")),
    };
    let (mut found, refusal) = match answer {
        Ok(answer) => {
            (merge(&answer, driver.as_ref(), total), "the driver does not offer it to this process".to_owned())
        }
        Err(reason) => (Vec::new(), reason),
    };
    let told: Vec<String> = found.iter().filter_map(|(one, _)| one.pci.clone()).collect();
    // A card that procfs or the bus shows, and no library does.
    let mut next = found.iter().map(|(one, _)| one.index + 1).max().unwrap_or(0);
    let mut rest: BTreeMap<String, Option<&Pci>> =
        bus.into_iter().map(|device| (device.address.clone(), Some(device))).collect();
    for address in probe.list("/proc/driver/nvidia/gpus", |_| true) {
        rest.entry(pci::normal_address(&address)).or_insert(None);
    }
    for (address, device) in rest {
        if told.contains(&address) {
            for (one, _) in &mut found {
                if one.pci.as_deref() == Some(&address) {
                    one.pci_id = device.map(Pci::id);
                }
            }
            continue;
        }
        let mut one = match device {
            Some(device) => off(device, next, &refusal),
            None => Accelerator { pci: Some(address.clone()), ..Accelerator::bare(Vendor::Nvidia, next, &refusal) },
        };
        one.usable = Fact { value: Some(false), source: Some(node.to_owned()), reason: Some(refusal.clone()) };
        let file = format!("/proc/driver/nvidia/gpus/{address}/information");
        if let Some(name) = probe.text(&file).and_then(|text| Some((*key_values(&text).get("Model")?).to_owned())) {
            one.name = Fact::known(name, "/proc/driver/nvidia/gpus/*/information");
        }
        if let Some(driver) = &driver {
            one.cuda = Some(cuda_of_driver(driver.value.as_deref().unwrap_or_default()));
            one.driver = driver.clone();
        }
        next += 1;
        found.push((one, None));
    }
    found
}

/// The cards of a Windows machine, when its driver answers.
pub(super) fn windows(probe: &Probe) -> Vec<(Accelerator, Option<String>)> {
    ask(probe).map(|answer| merge(&answer, None, None)).unwrap_or_default()
}

/// The driver's version, from files.
fn driver(probe: &Probe) -> Option<Fact<String>> {
    if let Some(version) = probe.line("/sys/module/nvidia/version") {
        return Some(Fact::known(version, "/sys/module/nvidia/version"));
    }
    let text = probe.text("/proc/driver/nvidia/version")?;
    let version = text.lines().find(|line| line.starts_with("NVRM version"))?.split("  ").nth(1)?.trim();
    let plain = !version.is_empty() && version.chars().all(|c| c.is_ascii_digit() || c == '.');
    plain.then(|| Fact::known(version.to_owned(), "/proc/driver/nvidia/version"))
}

fn ask(probe: &Probe) -> Result<Answer, String> {
    let library = probe.ask(Command::Nvml).and_then(|text| {
        serde_json::from_str::<nvml::Answer>(&text).map_err(|error| format!("NVML's answer is broken: {error}"))
    });
    match library {
        Ok(answer) => Ok(of_library(answer)),
        Err(reason) => match probe.ask(Command::NvidiaSmi).map(|text| nvidia_smi::parse(&text)) {
            Ok(cards) if !cards.is_empty() => Ok(Answer { source: Command::NvidiaSmi.name(), cuda: None, cards }),
            Ok(_) => Err(format!("{reason}; nvidia-smi lists no card")),
            Err(other) => Err(format!("{reason}; {other}")),
        },
    }
}

fn of_library(answer: nvml::Answer) -> Answer {
    let card = |device: nvml::Device, index: u32| Card {
        index,
        name: device.name,
        uuid: device.uuid,
        pci: device.pci,
        memory: device.memory_total,
        memory_reason: device.memory_error,
        compute_capability: device.compute_capability,
        driver: answer.driver.clone(),
        mig: device.mig_enabled,
        slices: Vec::new(),
    };
    let cards = answer.devices.into_iter().zip(0..).map(|(mut device, index)| {
        let slices = std::mem::take(&mut device.mig).into_iter().map(|slice| card(slice, index)).collect();
        Card { slices, ..card(device, index) }
    });
    Answer {
        source: Command::Nvml.name(),
        cuda: answer.cuda.map(|version| format!("{}.{}", version / 1000, version % 1000 / 10)),
        cards: cards.collect(),
    }
}

fn merge(answer: &Answer, driver: Option<&Fact<String>>, total: Option<u64>) -> Vec<(Accelerator, Option<String>)> {
    let mut found = Vec::new();
    for card in &answer.cards {
        let mut one = accelerator(answer, card, driver, total);
        if card.mig == Some(true) {
            let reason = "the card is in MIG mode: programs get its instances, not the card";
            one.usable =
                Fact { value: Some(false), source: Some(answer.source.to_owned()), reason: Some(reason.to_owned()) };
        }
        found.push((one.clone(), card.uuid.clone()));
        for slice in &card.slices {
            let own = accelerator(answer, slice, driver, None);
            found.push((
                Accelerator {
                    kind: Kind::MigInstance,
                    pci: one.pci.clone(),
                    compute_capability: one.compute_capability.clone(),
                    mig: None,
                    unified: one.unified.clone(),
                    ..own
                },
                slice.uuid.clone(),
            ));
        }
    }
    found
}

fn accelerator(answer: &Answer, card: &Card, driver: Option<&Fact<String>>, total: Option<u64>) -> Accelerator {
    let source = answer.source;
    let not_said = format!("{source} does not say");
    let mut one = Accelerator::bare(Vendor::Nvidia, card.index, &not_said);
    let name = card.name.as_deref().unwrap_or_default();
    // These share the main memory, and their driver therefore names none: GB10 (DGX Spark), GB20x, Jetson.
    let shares = card.memory.is_none() && ["GB10", "GB20", "(nvgpu)"].iter().any(|part| name.contains(part));
    (one.kind, one.unified, one.memory) = if shares {
        (
            Kind::Integrated,
            Fact::known(true, format!("{source}: no memory of its own")),
            Fact::from(total, "/proc/meminfo MemTotal (unified memory)", "the main memory's size is not known"),
        )
    } else {
        let reason = card.memory_reason.clone().unwrap_or_else(|| not_said.clone());
        let unified = match card.memory {
            Some(_) => Fact::known(false, format!("{source}: memory of its own")),
            None => Fact::unknown(not_said.clone()),
        };
        let kind = if card.memory.is_some() { Kind::Discrete } else { Kind::Unknown };
        (kind, unified, Fact::from(card.memory, source, reason))
    };
    one.name = Fact::from(card.name.clone(), source, not_said.clone());
    one.pci = card.pci.as_deref().map(pci::normal_address);
    one.driver = driver.cloned().unwrap_or_else(|| Fact::from(card.driver.clone(), source, not_said.clone()));
    one.cuda = Some(match &answer.cuda {
        Some(cuda) => Fact::known(cuda.clone(), source),
        None => cuda_of_driver(one.driver.value.as_deref().unwrap_or_default()),
    });
    one.compute_capability = Some(Fact::from(card.compute_capability.clone(), source, not_said));
    one.mig = Some(Fact::from(card.mig, source, "the card or its driver has no MIG mode"));
    one.usable = Fact::known(true, format!("{source} lists it"));
    one
}

/// A card that nothing but the bus shows.
fn off(device: &Pci, index: u32, reason: &str) -> Accelerator {
    let mut one = Accelerator::bare(Vendor::Nvidia, index, reason);
    one.pci = Some(device.address.clone());
    one.pci_id = Some(device.id());
    one.usable = Fact { value: Some(false), source: Some("/sys/bus/pci".to_owned()), reason: Some(reason.to_owned()) };
    if let Some(driver) = &device.driver {
        one.driver = Fact::known(driver.clone(), "the PCI device's driver link");
    }
    one
}

/// The CUDA release that each driver branch came with (NVIDIA's CUDA toolkit release notes, table 3).
const BRANCHES: &[(u32, &str)] = &[
    (580, "13.0"),
    (575, "12.9"),
    (570, "12.8"),
    (565, "12.7"),
    (560, "12.6"),
    (555, "12.5"),
    (550, "12.4"),
    (545, "12.3"),
    (535, "12.2"),
    (530, "12.1"),
    (525, "12.0"),
    (520, "11.8"),
    (515, "11.7"),
    (510, "11.6"),
    (495, "11.5"),
    (470, "11.4"),
    (465, "11.3"),
    (460, "11.2"),
    (455, "11.1"),
    (450, "11.0"),
];

fn cuda_of_driver(driver: &str) -> Fact<String> {
    let branch = driver.split('.').next().and_then(|major| major.parse::<u32>().ok());
    match branch.and_then(|branch| BRANCHES.iter().find(|(first, _)| branch >= *first).map(|(_, cuda)| (branch, cuda)))
    {
        // A newer branch supports at least the newest release of this table.
        Some((_, cuda)) => Fact::known((*cuda).to_owned(), "the driver's branch"),
        None => Fact::unknown("the driver's branch is not known"),
    }
}

/// A device that this process cannot reach.
pub(super) fn refused(source: &str, reason: &str) -> Fact<bool> {
    Fact { value: Some(false), source: Some(source.to_owned()), reason: Some(reason.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_drivers_branch_tells_the_newest_cuda() {
        let of = |driver| cuda_of_driver(driver).value;
        assert_eq!(of("550.144.03").as_deref(), Some("12.4"));
        assert_eq!(of("580.65.06").as_deref(), Some("13.0"));
        assert_eq!(of("390.1"), None);
        assert_eq!(of(""), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_readers_panic(text in any::<String>()) {
            let _ = cuda_of_driver(&text);
            let _ = pci::normal_address(&text);
        }
    }
}
