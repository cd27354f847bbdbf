//! AMD's graphics processors through the kernel's own tables (KFD and DRM), which need no ROCm installed.

use std::collections::BTreeMap;

use super::Probe;
use super::facts::{Accelerator, Fact, Kind, Vendor};
use super::nvidia::refused;
use super::pci::Pci;
use super::probe::Access;

const NODES: &str = "/sys/class/kfd/kfd/topology/nodes";
const GIB: u64 = 1 << 30;

/// The graphics processors that KFD lists, then those that only the bus shows.
pub(super) fn linux(probe: &Probe, bus: &[Pci]) -> Vec<Accelerator> {
    let mut nodes = probe.list(NODES, |name| name.chars().all(|c| c.is_ascii_digit()));
    nodes.sort_by_key(|name| name.parse::<u32>().unwrap_or(u32::MAX));
    let mut found: Vec<Accelerator> = Vec::new();
    for node in nodes {
        let Some(text) = probe.text(&format!("{NODES}/{node}/properties")) else { continue };
        let index = u32::try_from(found.len()).unwrap_or(u32::MAX);
        found.extend(of_node(probe, &properties(&text), bus, index));
    }
    for device in bus.iter().filter(|device| device.vendor == 0x1002) {
        if found.iter().any(|one| one.pci.as_deref() == Some(&device.address)) {
            continue;
        }
        let reason = "the kernel's KFD lists no such device: it has no compute driver here";
        let index = u32::try_from(found.len()).unwrap_or(u32::MAX);
        let mut one = Accelerator::bare(Vendor::Amd, index, reason);
        one.pci = Some(device.address.clone());
        one.pci_id = Some(device.id());
        one.usable = refused(NODES, reason);
        found.push(one);
    }
    found
}

fn of_node(probe: &Probe, values: &BTreeMap<&str, u64>, bus: &[Pci], index: u32) -> Option<Accelerator> {
    let value = |name: &str| values.get(name).copied().filter(|value| *value != 0);
    let (vendor, device, minor) = (value("vendor_id")?, value("device_id")?, value("drm_render_minor")?);
    if vendor != 0x1002 {
        return None;
    }
    let folder = format!("/sys/class/drm/renderD{minor}/device");
    let number = |name: &str| probe.number(&format!("{folder}/{name}"));
    let (vram, gtt) = (number("mem_info_vram_total"), number("mem_info_gtt_total"));
    let mut one = Accelerator::bare(Vendor::Amd, index, "the kernel does not say");
    one.kind = kind(probe, &folder, vram, gtt);
    one.pci = address(values);
    one.pci_id = Some(format!("{vendor:04x}:{device:04x}"));
    one.name = match probe.line(&format!("{folder}/product_name")) {
        Some(name) => Fact::known(name, "sysfs product_name"),
        None => Fact::unknown("the kernel keeps no marketing name for it"),
    };
    one.gfx = Some(Fact::from(
        value("gfx_target_version").and_then(gfx),
        "KFD gfx_target_version",
        "KFD names no gfx target",
    ));
    one.memory = Fact::from(vram, "sysfs mem_info_vram_total", "no mem_info_vram_total for its render node");
    one.gtt = Some(Fact::from(gtt, "sysfs mem_info_gtt_total", "no mem_info_gtt_total for its render node"));
    one.unified = match one.kind {
        Kind::Integrated => Fact::known(true, "sysfs mem_info_vram_total and mem_info_gtt_total"),
        Kind::Discrete => Fact::known(false, "sysfs mem_info_vram_vendor or board_info"),
        _ => Fact::unknown("neither the marks of a card nor those of a chip's part are there"),
    };
    let driver = bus.iter().find(|device| Some(&device.address) == one.pci.as_ref()).and_then(|d| d.driver.clone());
    one.driver = match (probe.line("/sys/module/amdgpu/version"), driver) {
        (Some(version), _) => Fact::known(format!("amdgpu {version}"), "/sys/module/amdgpu/version"),
        // The kernel's own driver has no version but the kernel's.
        (None, Some(driver)) => Fact::known(driver, "the PCI device's driver link"),
        (None, None) => Fact::unknown("no driver link and no /sys/module/amdgpu/version"),
    };
    one.usable = usable(probe, minor);
    Some(one)
}

/// Both nodes must open: the user's group is the most frequent fault there is.
fn usable(probe: &Probe, minor: u64) -> Fact<bool> {
    let render = format!("/dev/dri/renderD{minor}");
    for node in ["/dev/kfd", &render] {
        match probe.device(node) {
            Access::Open => {}
            Access::Absent => return refused(node, &format!("{node} is not visible here")),
            Access::Denied => {
                let hint = "is the user in the groups `render` and `video`?";
                return refused(node, &format!("this process may not open {node}: {hint}"));
            }
        }
    }
    Fact::known(true, format!("/dev/kfd and {render} open"))
}

fn kind(probe: &Probe, folder: &str, vram: Option<u64>, gtt: Option<u64>) -> Kind {
    let card = ["mem_info_vram_vendor", "board_info"].iter().any(|name| probe.exists(&format!("{folder}/{name}")));
    match (vram, gtt) {
        _ if card => Kind::Discrete,
        // A small carve-out beside a large lent part. A larger carve-out is a choice in the firmware's menu.
        (Some(vram), Some(gtt)) if vram <= 4 * GIB && gtt >= 8 * GIB && gtt / 4 >= vram => Kind::Integrated,
        _ if probe.line(&format!("{folder}/uma/carveout")).is_some() => Kind::Integrated,
        _ => Kind::Unknown,
    }
}

/// `key value` lines; what is no number is left out.
fn properties(text: &str) -> BTreeMap<&str, u64> {
    text.lines()
        .filter_map(|line| line.trim().split_once(' '))
        .filter_map(|(key, value)| Some((key, value.trim().parse().ok()?)))
        .collect()
}

/// 110501 is gfx1151 and 90010 is gfx90a: major in decimal, the other two in hexadecimal.
fn gfx(version: u64) -> Option<String> {
    let (major, minor, step) = (version / 10_000, version / 100 % 100, version % 100);
    (major > 0 && minor < 16 && step < 16).then(|| format!("gfx{major}{minor:x}{step:x}"))
}

/// The PCI address in KFD's two numbers.
fn address(values: &BTreeMap<&str, u64>) -> Option<String> {
    let place = *values.get("location_id")?;
    let domain = values.get("domain").copied().unwrap_or(0);
    Some(format!("{domain:04x}:{:02x}:{:02x}.{:x}", place >> 8 & 0xff, place >> 3 & 0x1f, place & 7))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_target_version_becomes_a_gfx_name() {
        assert_eq!(gfx(110_501).as_deref(), Some("gfx1151"));
        assert_eq!(gfx(90_010).as_deref(), Some("gfx90a"));
        assert_eq!(gfx(90_402).as_deref(), Some("gfx942"));
        assert_eq!(gfx(0), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_readers_panic(text in any::<String>(), number in any::<u64>()) {
            let text = format!("{text}\nlocation_id {number}\ndomain {number}");
            let _ = address(&properties(&text));
            let _ = gfx(number);
        }
    }
}
