//! Intel's graphics processors: on the PCI bus, with the memory that the `xe` or `i915` driver names.

use super::Probe;
use super::facts::{Accelerator, Fact, Kind, Vendor};
use super::nvidia::refused;
use super::pci::Pci;
use super::probe::Access;

/// Those on the bus.
pub(super) fn linux(probe: &Probe, bus: &[Pci], total: Option<u64>) -> Vec<Accelerator> {
    bus.iter()
        .filter(|device| device.vendor == 0x8086)
        .zip(0..)
        .map(|(device, index)| one(probe, device, index, total))
        .collect()
}

fn one(probe: &Probe, device: &Pci, index: u32, total: Option<u64>) -> Accelerator {
    let folder = format!("/sys/bus/pci/devices/{}", device.address);
    let drm = probe.list(&format!("{folder}/drm"), |name| name.starts_with("card") || name.starts_with("renderD"));
    let mut one = Accelerator::bare(Vendor::Intel, index, "the kernel does not say");
    one.pci = Some(device.address.clone());
    one.pci_id = Some(device.id());
    one.name = Fact::unknown("the kernel keeps no marketing name for it");
    one.driver = Fact::from(device.driver.clone(), "the PCI device's driver link", "no driver is bound to it");
    let own = memory(probe, &folder, &drm);
    // The graphics processor inside Intel's chips has had this address since the first one.
    let inside = device.address.ends_with("00:02.0");
    (one.kind, one.unified, one.memory) = match own {
        Some((bytes, source)) => (Kind::Discrete, Fact::known(false, source), Fact::known(bytes, source)),
        None if inside => (
            Kind::Integrated,
            Fact::known(true, "PCI address 00:02.0"),
            Fact::from(total, "/proc/meminfo MemTotal (unified memory)", "the main memory's size is not known"),
        ),
        None => {
            let reason = "neither physical_vram_size_bytes (xe) nor lmem_total_bytes (i915) is there";
            (Kind::Unknown, Fact::unknown(reason), Fact::unknown(reason))
        }
    };
    let render = drm.iter().find(|name| name.starts_with("renderD")).map(|name| format!("/dev/dri/{name}"));
    one.usable = match render.map(|node| (probe.device(&node), node)) {
        Some((Access::Open, node)) => Fact::known(true, format!("{node} opens")),
        Some((Access::Denied, node)) => {
            refused(&node, &format!("this process may not open {node}: is the user in the group `render`?"))
        }
        Some((Access::Absent, node)) => refused(&node, &format!("{node} is not visible here")),
        None => refused("/sys/bus/pci", "no driver gives it a render node"),
    };
    one
}

/// `xe` has a folder for each tile, `i915` a file beside the card.
fn memory(probe: &Probe, folder: &str, drm: &[String]) -> Option<(u64, &'static str)> {
    let tiles = probe.list(folder, |name| name.starts_with("tile"));
    let sizes: Vec<u64> =
        tiles.iter().filter_map(|tile| probe.number(&format!("{folder}/{tile}/physical_vram_size_bytes"))).collect();
    let sum = sizes.iter().try_fold(0u64, |sum, size| sum.checked_add(*size)).filter(|sum| *sum > 0);
    if let Some(sum) = sum {
        return Some((sum, "sysfs physical_vram_size_bytes"));
    }
    let card = drm.iter().find(|name| name.starts_with("card"))?;
    let size = probe.number(&format!("/sys/class/drm/{card}/lmem_total_bytes")).filter(|size| *size > 0)?;
    Some((size, "sysfs lmem_total_bytes"))
}
