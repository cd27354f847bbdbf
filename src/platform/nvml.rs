//! NVIDIA's management library, loaded at run time; its answers become JSON so that they can be recorded.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Everything asked of NVML. Each value is optional: every call can fail by itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Answer {
    /// The driver's version.
    pub(super) driver: Option<String>,
    /// The newest CUDA that the driver supports, as `1000 * major + 10 * minor`.
    pub(super) cuda: Option<i32>,
    /// The cards.
    #[serde(default)]
    pub(super) devices: Vec<Device>,
}

/// One card or slice.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Device {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) uuid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pci: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) memory_total: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) memory_error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) compute_capability: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mig_enabled: Option<bool>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) mig: Vec<Device>,
}

/// Asks in a thread, since a driver that is stuck never comes back; the thread is then left behind.
pub(super) fn ask(limit: Duration) -> Result<String, String> {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let _ = sender.send(library::answer());
    });
    match receiver.recv_timeout(limit) {
        Ok(answer) => serde_json::to_string_pretty(&answer?).map_err(|error| error.to_string()),
        Err(_) => Err(format!("NVML gave no answer in {} s", limit.as_secs())),
    }
}

#[cfg(all(any(target_os = "linux", windows), not(target_env = "musl")))]
mod library {
    use nvml_wrapper::{Device as Handle, Nvml, error::NvmlError};

    use super::{Answer, Device};

    /// The most slices that a card can have; newer cards have 7, the bound is for a broken driver.
    const MOST_SLICES: u32 = 64;

    pub(super) fn answer() -> Result<Answer, String> {
        let nvml = Nvml::init()
            .or_else(|error| {
                let wsl = std::ffi::OsStr::new("/usr/lib/wsl/lib/libnvidia-ml.so.1");
                if std::path::Path::new(wsl).exists() { Nvml::builder().lib_path(wsl).init() } else { Err(error) }
            })
            .map_err(|error| format!("NVML does not start: {error}"))?;
        let count = nvml.device_count().map_err(|error| format!("NVML cannot count the cards: {error}"))?;
        Ok(Answer {
            driver: nvml.sys_driver_version().ok(),
            cuda: nvml.sys_cuda_driver_version().ok(),
            devices: (0..count).filter_map(|index| nvml.device_by_index(index).ok()).map(|one| card(&one)).collect(),
        })
    }

    fn card(handle: &Handle<'_>) -> Device {
        let mut device = one(handle);
        device.pci = handle.pci_info().ok().map(|info| info.bus_id);
        device.compute_capability =
            handle.cuda_compute_capability().ok().map(|version| format!("{}.{}", version.major, version.minor));
        device.mig_enabled = handle.mig_mode().ok().map(|mode| mode.current != 0);
        if device.mig_enabled == Some(true) {
            let slots = handle.mig_device_count().unwrap_or(0).min(MOST_SLICES);
            // A slot may be empty: NotFound.
            device.mig = (0..slots).filter_map(|slot| handle.mig_device_by_index(slot).ok()).map(|h| one(&h)).collect();
        }
        device
    }

    fn one(handle: &Handle<'_>) -> Device {
        let memory = handle.memory_info();
        Device {
            name: handle.name().ok(),
            uuid: handle.uuid().ok(),
            memory_error: memory.as_ref().err().map(|error: &NvmlError| error.to_string()),
            memory_total: memory.ok().map(|memory| memory.total),
            ..Device::default()
        }
    }
}

#[cfg(not(all(any(target_os = "linux", windows), not(target_env = "musl"))))]
mod library {
    pub(super) fn answer() -> Result<super::Answer, String> {
        Err("this build cannot load libraries at run time".to_owned())
    }
}
