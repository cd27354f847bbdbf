//! NVIDIA's Jetson boards: the device tree and the release file tell what no bus and no library does.

use super::Probe;
use super::facts::{Accelerator, Fact, Kind, Vendor};
use super::nvidia::refused;
use super::probe::Access;

/// A Jetson, whose graphics processor is a part of the chip and on no bus.
pub(super) fn linux(probe: &Probe, total: Option<u64>) -> Option<Accelerator> {
    const COMPATIBLE: &str = "/proc/device-tree/compatible";
    let compatible = probe.text(COMPATIBLE)?;
    let chip =
        compatible.split('\0').find_map(|word| word.strip_prefix("nvidia,").filter(|w| w.starts_with("tegra")))?;
    let mut one = Accelerator::bare(Vendor::Nvidia, 0, "nothing on a Jetson says it");
    one.kind = Kind::Integrated;
    one.name =
        Fact::from(probe.line("/proc/device-tree/model"), "/proc/device-tree/model", "the device tree names no model");
    one.unified = Fact::known(true, COMPATIBLE);
    one.memory = Fact::from(total, "/proc/meminfo MemTotal (unified memory)", "the main memory's size is not known");
    // Compute capability is a property of the chip.
    let capability = match chip {
        "tegra210" => Some("5.3"),
        "tegra186" => Some("6.2"),
        "tegra194" => Some("7.2"),
        "tegra234" => Some("8.7"),
        _ => None,
    };
    one.compute_capability = Some(Fact::from(
        capability.map(str::to_owned),
        format!("{COMPATIBLE}: {chip}"),
        format!("{chip} is not known"),
    ));
    let release = probe.text("/etc/nv_tegra_release");
    let version = release.as_deref().and_then(l4t);
    one.driver =
        Fact::from(version.clone().map(|v| format!("L4T {v}")), "/etc/nv_tegra_release", "no /etc/nv_tegra_release");
    let jetpack = version.as_deref().and_then(|version| match version.split('.').next()? {
        "32" => Some("JetPack 4"),
        "35" => Some("JetPack 5"),
        "36" => Some("JetPack 6"),
        "38" => Some("JetPack 7"),
        _ => None,
    });
    one.tegra = Some(Fact::from(
        jetpack.map(str::to_owned),
        "/etc/nv_tegra_release",
        "no known release in /etc/nv_tegra_release",
    ));
    one.cuda = Some(Fact::unknown("on a Jetson, CUDA comes with JetPack, not with the driver"));
    let nodes = ["/dev/nvmap", "/dev/nvhost-gpu", "/dev/nvgpu/igpu0/ctrl"].map(|node| (node, probe.device(node)));
    one.usable = match (nodes[0].1, nodes[1].1, nodes[2].1) {
        (Access::Open, Access::Open, _) | (Access::Open, _, Access::Open) => Fact::known(true, "/dev/nvmap opens"),
        (Access::Denied, ..) | (_, Access::Denied, _) | (.., Access::Denied) => {
            refused("/dev/nvmap", "this process may not open the GPU's device nodes: is the user in the group `video`?")
        }
        _ => refused("/dev/nvmap", "the GPU's device nodes are not visible here"),
    };
    Some(one)
}

/// `36.4.3` of `# R36 (release), REVISION: 4.3, …`.
fn l4t(release: &str) -> Option<String> {
    let major: String = release.split_once(" R")?.1.chars().take_while(char::is_ascii_digit).collect();
    let revision = release.split_once("REVISION: ")?.1;
    let revision: String = revision.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    (!major.is_empty() && !revision.is_empty()).then(|| format!("{major}.{revision}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_tegra_release_is_read() {
        let text = "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64";
        assert_eq!(l4t(text).as_deref(), Some("36.4.3"));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in any::<String>()) {
            let _ = l4t(&text);
            let _ = l4t(&format!("# R{text}REVISION: {text}"));
        }
    }
}
