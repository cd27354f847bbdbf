//! What this machine is. Detection takes the root of the file system and the environment as arguments.

mod accelerators;
mod amd;
mod apple;
pub mod blocks;
pub mod boot;
mod cgroup;
pub mod ci;
mod commands;
mod container;
mod cpu;
pub mod disk;
pub mod dump;
mod elf;
pub mod facts;
mod hardware;
pub mod holders;
pub mod home;
mod host;
mod intel;
mod jetson;
pub mod locks;
pub mod mapped_files;
mod memory;
pub mod mounts;
mod nvidia;
mod nvidia_smi;
mod nvml;
pub mod open_files;
mod pci;
pub mod probe;
pub mod python;
pub mod recommend;
mod sys;
mod wheels;

use std::path::PathBuf;

use serde::Serialize;

pub use facts::Facts;
pub use probe::Probe;

/// The operating-system family that decides paths and shells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Os {
    /// Linux, WSL included.
    Linux,
    /// macOS.
    Macos,
    /// Windows.
    Windows,
    /// Another Unix.
    Other,
}

impl Os {
    /// The family that this binary was built for.
    pub const fn current() -> Self {
        if cfg!(target_os = "linux") {
            Self::Linux
        } else if cfg!(target_os = "macos") {
            Self::Macos
        } else if cfg!(windows) {
            Self::Windows
        } else {
            Self::Other
        }
    }
}

/// What detection should do beyond reading.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The folder, existing or not, whose disk to look at.
    pub disk_at: Option<PathBuf>,
    /// Run each Python interpreter for its exact version.
    pub run_pythons: bool,
}

/// Finds out what the machine is. Whatever cannot be found out is left unknown, with the reason.
pub fn detect(probe: &Probe, options: &Options) -> Facts {
    let host = host::host(probe);
    let memory = memory::memory(probe);
    Facts {
        cpu: cpu::cpu(probe),
        disk: options.disk_at.as_deref().map(|path| disk::disk(probe, path)),
        accelerators: accelerators::accelerators(probe, &host, memory.total.value),
        visibility: accelerators::visibility(probe),
        pythons: python::pythons(probe, options.run_pythons),
        uv: python::uv(probe),
        host,
        memory,
    }
}
