//! Graphics cards and accelerators on the PCI bus: there even without a driver.

use super::Probe;

/// One device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pci {
    pub(super) address: String,
    pub(super) vendor: u64,
    pub(super) device: u64,
    pub(super) driver: Option<String>,
}

impl Pci {
    /// `10de:2330`.
    pub(super) fn id(&self) -> String {
        format!("{:04x}:{:04x}", self.vendor, self.device)
    }
}

const FOLDER: &str = "/sys/bus/pci/devices";

/// Display controllers, and AMD's Instinct, whose class is "processing accelerator".
pub(super) fn devices(probe: &Probe) -> Vec<Pci> {
    probe
        .list(FOLDER, |_| true)
        .into_iter()
        .filter_map(|address| {
            let folder = format!("{FOLDER}/{address}");
            let class = probe.number(&format!("{folder}/class"))? >> 16;
            if class != 0x03 && class != 0x12 {
                return None;
            }
            let vendor = probe.number(&format!("{folder}/vendor"))?;
            let device = probe.number(&format!("{folder}/device"))?;
            let driver = probe.link_name(&format!("{folder}/driver"));
            Some(Pci { address, vendor, device, driver })
        })
        .collect()
}

/// The address as sysfs writes it; NVIDIA's tools pad the domain to eight digits and use capitals.
pub(super) fn normal_address(address: &str) -> String {
    let lower = address.trim().to_ascii_lowercase();
    match lower.split_once(':') {
        Some((domain, rest)) if domain.len() == 8 && domain.is_ascii() => {
            format!("{}:{rest}", domain.get(4..).unwrap_or(domain))
        }
        _ => lower,
    }
}
