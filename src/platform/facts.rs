//! The facts about a machine as data: what the card shows, `--json` prints and decisions are made from.

use std::path::PathBuf;

use serde::Serialize;

use super::disk::Disk;
use super::{Os, python};

/// One value with the layer that said it, or the reason why it is not known.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fact<T> {
    /// The value; none means unknown, never zero.
    pub value: Option<T>,
    /// The file, library or command that said it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Why there is no value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl<T> Fact<T> {
    /// A value and the layer that said it.
    pub fn known(value: T, source: impl Into<String>) -> Self {
        Self { value: Some(value), source: Some(source.into()), reason: None }
    }

    /// No value, and why.
    pub fn unknown(reason: impl Into<String>) -> Self {
        Self { value: None, source: None, reason: Some(reason.into()) }
    }

    /// `value` if there is one, or else unknown for `reason`.
    pub fn from(value: Option<T>, source: impl Into<String>, reason: impl Into<String>) -> Self {
        match value {
            Some(value) => Self::known(value, source),
            None => Self::unknown(reason),
        }
    }

    /// This fact, or the one that `next` finds when it is unknown.
    #[must_use]
    pub fn or(self, next: impl FnOnce() -> Self) -> Self {
        if self.value.is_some() { self } else { next() }
    }
}

/// What a machine is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Facts {
    /// The operating system and what surrounds it.
    pub host: Host,
    /// The processor.
    pub cpu: Cpu,
    /// The main memory.
    pub memory: Memory,
    /// The disk that the caller asked about.
    pub disk: Option<Disk>,
    /// Every accelerator found, usable or not.
    pub accelerators: Vec<Accelerator>,
    /// Variables that hide or change accelerators.
    pub visibility: Vec<Visibility>,
    /// Python interpreters on the PATH.
    pub pythons: Vec<python::Python>,
    /// The `uv` program on the PATH.
    pub uv: Option<PathBuf>,
}

/// The operating system and what surrounds it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Host {
    /// The family.
    pub os: Os,
    /// The system's own name, such as `Debian GNU/Linux 12 (bookworm)`.
    pub name: Fact<String>,
    /// Its version.
    pub version: Fact<String>,
    /// The kernel's release.
    pub kernel: Fact<String>,
    /// The architecture of the machine, as the system writes it.
    pub machine: Fact<String>,
    /// The product, board or virtual machine.
    pub model: Fact<String>,
    /// The C library (Linux only).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub libc: Option<Fact<Libc>>,
    /// 1 or 2 under the Windows Subsystem for Linux.
    pub wsl: Option<u8>,
    /// The container around this process.
    pub container: Option<Container>,
    /// True when this is an Intel process on Apple silicon.
    pub rosetta: bool,
    /// The CI service that runs this.
    pub ci: Option<&'static str>,
}

/// A C library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Libc {
    /// `glibc` or `musl`.
    pub name: String,
    /// Its version, where its file says it.
    pub version: Option<String>,
}

/// A container, with what gave it away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Container {
    /// `docker`, `podman`, `kubernetes`, `lxc` and so on; `unknown` when the evidence does not say.
    pub kind: String,
    /// The marks that were found.
    pub evidence: Vec<String>,
}

/// The processor.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cpu {
    /// The name that the processor gives itself.
    pub model: Fact<String>,
    /// Cores.
    pub physical: Fact<u32>,
    /// Hardware threads.
    pub logical: Fact<u32>,
    /// Fast cores, on a processor with two kinds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub performance: Option<u32>,
    /// Slow cores, on a processor with two kinds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub efficiency: Option<u32>,
    /// Instruction sets that decide which kernels run.
    pub features: Vec<String>,
    /// Processors' worth of time that a cgroup allows.
    pub limit: Option<Fact<f64>>,
    /// Processors that a cpuset allows.
    pub cpuset: Option<Fact<u32>>,
    /// Threads worth starting: the least of all above.
    pub usable: Option<u32>,
}

/// The main memory, in bytes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Memory {
    /// Installed.
    pub total: Fact<u64>,
    /// Free for a new program now, inside the limit if there is one.
    pub available: Fact<u64>,
    /// What a cgroup allows.
    pub limit: Option<Fact<u64>>,
}

impl Memory {
    /// What programs here can have at most: installed memory or the cgroup's limit.
    pub fn usable(&self) -> Option<u64> {
        let limit = self.limit.as_ref().and_then(|limit| limit.value);
        match (self.total.value, limit) {
            (Some(total), Some(limit)) => Some(total.min(limit)),
            (total, limit) => total.or(limit),
        }
    }
}

/// Who made an accelerator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Vendor {
    /// NVIDIA.
    Nvidia,
    /// AMD.
    Amd,
    /// Intel.
    Intel,
    /// Apple.
    Apple,
}

/// What sort of accelerator one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A card with memory of its own.
    Discrete,
    /// A part of the processor.
    Integrated,
    /// A slice of a card.
    MigInstance,
    /// No layer said.
    Unknown,
}

/// One accelerator. A field that does not apply to its vendor is absent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Accelerator {
    /// Who made it.
    pub vendor: Vendor,
    /// What sort it is.
    pub kind: Kind,
    /// Its place among those of its vendor, as the driver counts; slices of one card share it.
    pub index: u32,
    /// The name that the driver gives.
    pub name: Fact<String>,
    /// The PCI address.
    pub pci: Option<String>,
    /// PCI vendor and device, such as `10de:2330`.
    pub pci_id: Option<String>,
    /// Memory of its own, or the shared memory where it is unified; bytes.
    pub memory: Fact<u64>,
    /// Main memory that the driver lends it (AMD's GTT); bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gtt: Option<Fact<u64>>,
    /// True when it shares the main memory.
    pub unified: Fact<bool>,
    /// The driver.
    pub driver: Fact<String>,
    /// The newest CUDA that the driver supports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cuda: Option<Fact<String>>,
    /// CUDA's compute capability.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compute_capability: Option<Fact<String>>,
    /// AMD's instruction set, such as `gfx1151`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gfx: Option<Fact<String>>,
    /// JetPack or L4T release of a Jetson.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tegra: Option<Fact<String>>,
    /// True on a card that is cut into slices: programs must use those.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mig: Option<Fact<bool>>,
    /// Metal through PyTorch (Apple).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mps: Option<Fact<bool>>,
    /// MLX (Apple).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mlx: Option<Fact<bool>>,
    /// True when this process can reach the device: nodes open, not cut into slices.
    pub usable: Fact<bool>,
    /// True unless a visibility variable hides it.
    pub visible: Fact<bool>,
}

impl Accelerator {
    /// One of which nothing but the vendor is known yet.
    pub(crate) fn bare(vendor: Vendor, index: u32, reason: &str) -> Self {
        Self {
            vendor,
            kind: Kind::Unknown,
            index,
            name: Fact::unknown(reason),
            pci: None,
            pci_id: None,
            memory: Fact::unknown(reason),
            gtt: None,
            unified: Fact::unknown(reason),
            driver: Fact::unknown(reason),
            cuda: None,
            compute_capability: None,
            gfx: None,
            tegra: None,
            mig: None,
            mps: None,
            mlx: None,
            usable: Fact::unknown(reason),
            visible: Fact::known(true, "no variable hides it"),
        }
    }

    /// True when a program started here would get it.
    pub fn offered(&self) -> bool {
        self.usable.value == Some(true) && self.visible.value != Some(false)
    }
}

/// A variable that hides or changes accelerators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Visibility {
    /// Its name.
    pub variable: &'static str,
    /// Its value; device identifiers are shortened to their kind.
    pub value: String,
}

impl Facts {
    /// True when a program started here can use CUDA.
    pub fn has_cuda(&self) -> bool {
        self.accelerators.iter().any(|one| one.vendor == Vendor::Nvidia && one.offered())
    }

    /// True when PyTorch can use Metal here.
    pub fn has_mps(&self) -> bool {
        self.accelerators.iter().any(|one| one.mps.as_ref().is_some_and(|fact| fact.value == Some(true)))
    }

    /// True when MLX runs here.
    pub fn has_mlx(&self) -> bool {
        self.accelerators.iter().any(|one| one.mlx.as_ref().is_some_and(|fact| fact.value == Some(true)))
    }
}
