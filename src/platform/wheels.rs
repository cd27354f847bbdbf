//! Which of PyTorch's wheel indexes has kernels for an accelerator, and runs with its driver.

use super::Os;
use super::facts::{Accelerator, Facts, Kind, Vendor};
use super::recommend::{Choice, choice};

/// The AMD targets that the newest ROCm wheels have kernels for (`torch.cuda.get_arch_list()`).
const ROCM: &str = "rocm7.2";
const ROCM_TARGETS: &[&str] = &[
    "gfx900", "gfx906", "gfx908", "gfx90a", "gfx942", "gfx950", "gfx1030", "gfx1100", "gfx1101", "gfx1102", "gfx1150",
    "gfx1151", "gfx1200", "gfx1201",
];

/// The device and the index for one accelerator, or why there is none.
pub(super) fn backend(facts: &Facts, card: &Accelerator) -> Result<(&'static str, Choice<String>), String> {
    match card.vendor {
        Vendor::Nvidia if card.tegra.is_some() => {
            let reason = "PyTorch's index has no wheel for this chip: take NVIDIA's own for the JetPack release";
            Ok(("cuda", choice("jetson", reason)))
        }
        Vendor::Nvidia => cuda_backend(facts, card).map(|backend| ("cuda", backend)),
        Vendor::Amd if facts.host.os != Os::Linux => {
            Err("PyTorch's index has no ROCm wheel for this system".to_owned())
        }
        Vendor::Amd => match card.gfx.as_ref().and_then(|gfx| gfx.value.as_deref()) {
            Some(gfx) if ROCM_TARGETS.contains(&gfx) => {
                Ok(("cuda", choice(ROCM, format!("its wheels have kernels for {gfx} (PyTorch calls ROCm `cuda`)"))))
            }
            Some(gfx) => Err(format!("no ROCm wheel has kernels for {gfx}")),
            None => Err("its gfx target is not known".to_owned()),
        },
        // Any chip of Intel has a graphics part; most are too old or too slow for XPU wheels.
        Vendor::Intel if card.kind == Kind::Discrete => {
            Ok(("xpu", choice("xpu", "a card of its own with Intel's driver: PyTorch's XPU wheels")))
        }
        Vendor::Intel if card.kind == Kind::Unknown => Err("nothing says that it is a card of its own".to_owned()),
        Vendor::Intel => Err("a graphics part of the processor is not taken for XPU".to_owned()),
        Vendor::Apple if facts.has_mps() => {
            Ok(("mps", choice("cpu", "PyTorch's plain macOS wheel has Metal built in")))
        }
        Vendor::Apple => Err("macOS is older than 12.3, which Metal in PyTorch needs".to_owned()),
    }
}

/// The newest index that the driver runs and that still has kernels for the card.
fn cuda_backend(facts: &Facts, card: &Accelerator) -> Result<Choice<String>, String> {
    let driver = card.driver.value.as_deref().unwrap_or_default();
    let version = numbers(driver);
    let windows = facts.host.os == Os::Windows;
    let capability = card.compute_capability.as_ref().and_then(|fact| fact.value.as_deref());
    // Without a known capability only wheels that have kernels for everything in between are safe.
    let cc = capability.map(|text| numbers(text)[..2].to_vec());
    let at_least = |least: [u32; 2]| cc.as_ref().is_some_and(|cc| cc.as_slice() >= least.as_slice());
    let says =
        capability.map_or_else(|| "compute capability unknown".to_owned(), |cc| format!("compute capability {cc}"));
    let newest_twelve = if windows { [528, 33, 0] } else { [525, 60, 13] };
    let oldest_eleven = if windows { [452, 39, 0] } else { [450, 80, 2] };
    let old_card = cc.is_some() && !at_least([5, 0]);
    if old_card {
        return Err(format!("{says}: no current wheel has kernels for it"));
    }
    if version >= [580, 0, 0] && at_least([7, 5]) {
        return Ok(choice("cu130", format!("driver {driver} runs CUDA 13, and {says} has kernels in its wheels")));
    }
    if version >= [570, 0, 0] && at_least([7, 5]) {
        return Ok(choice("cu128", format!("driver {driver} came with CUDA 12.8 or later, {says}")));
    }
    if at_least([10, 0]) {
        return Err(format!("{says} needs driver 570 or newer, this is {driver}"));
    }
    if version >= newest_twelve {
        let why = if version >= [580, 0, 0] && cc.is_some() {
            format!("{says}: CUDA 13 dropped it, the 12.6 wheels have its kernels")
        } else {
            format!("driver {driver} runs CUDA 12, {says}")
        };
        return Ok(choice("cu126", why));
    }
    if version >= oldest_eleven {
        return Ok(choice("cu118", format!("driver {driver} is too old for CUDA 12")));
    }
    if version == [0, 0, 0] {
        return Err("its driver's version is not known".to_owned());
    }
    Err(format!("driver {driver} is older than any wheel of PyTorch supports"))
}

/// The first three numbers of a version.
pub(super) fn numbers(version: &str) -> [u32; 3] {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    std::array::from_fn(|_| parts.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::facts::Fact;
    use crate::platform::{Options, Probe, detect};

    /// A Linux machine with one NVIDIA card.
    fn backend_of(driver: &str, capability: &str) -> Result<String, String> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("os"), "linux").unwrap();
        let facts = detect(&Probe::recorded(dir.path()).unwrap(), &Options::default());
        let mut card = Accelerator::bare(Vendor::Nvidia, 0, "");
        card.driver = Fact::known(driver.to_owned(), "");
        card.compute_capability = Some(Fact::known(capability.to_owned(), ""));
        cuda_backend(&facts, &card).map(|choice| choice.value)
    }

    #[test]
    fn the_wheel_follows_the_driver_and_the_cards_capability() {
        let tag = |tag: &str| Ok(tag.to_owned());
        assert_eq!(backend_of("580.65.06", "8.9"), tag("cu130"));
        assert_eq!(backend_of("580.65.06", "7.5"), tag("cu130"));
        assert_eq!(backend_of("580.65.06", "7.0"), tag("cu126"));
        assert_eq!(backend_of("570.1", "12.0"), tag("cu128"));
        assert_eq!(backend_of("550.144.03", "9.0"), tag("cu126"));
        assert_eq!(backend_of("525.60.13", "8.0"), tag("cu126"));
        assert_eq!(backend_of("525.60.12", "8.0"), tag("cu118"));
        assert!(backend_of("560.1", "12.0").unwrap_err().contains("needs driver 570"));
        assert!(backend_of("580.1", "3.5").unwrap_err().contains("no current wheel"));
        assert!(backend_of("440.1", "7.0").unwrap_err().contains("older than any wheel"));
    }
}
