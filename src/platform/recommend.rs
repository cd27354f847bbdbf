//! What to run on this machine, decided from its facts alone. Each value comes with its reason in words.

use serde::Serialize;

use super::Os;
use super::facts::{Accelerator, Facts, Kind, Vendor};
use super::wheels::{backend, numbers};

/// A value and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Choice<T> {
    /// The value.
    pub value: T,
    /// Why this one.
    pub reason: String,
}

/// Settings for the machine-learning programs of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Settings {
    /// PyTorch's device: `cuda`, `xpu`, `mps` or `cpu`, with `:N` when it is not the first.
    pub device: Choice<String>,
    /// The tag of PyTorch's wheel index, such as `cu128`; `jetson` where that index has no wheel.
    pub torch_backend: Choice<String>,
    /// The index behind the tag.
    pub torch_index_url: Option<String>,
    /// The numbers' type, as faster-whisper and CTranslate2 name it.
    pub compute_type: Choice<String>,
    /// Pieces of sound or text that go through a model at once.
    pub batch_size: Choice<u32>,
    /// The largest Whisper model that fits; none when not even `tiny` does.
    pub whisper_model: Choice<Option<String>>,
}

/// openai-whisper's published needs, in its README's "Required VRAM" column; largest first.
const WHISPER: &[(&str, u64)] =
    &[("large-v3", 10), ("turbo", 6), ("medium", 5), ("small", 2), ("base", 1), ("tiny", 1)];
const GB: u64 = 1_000_000_000;

/// What programs get: a sort of accelerator, or the processor.
struct Pick<'a> {
    device: String,
    backend: Choice<String>,
    card: Option<&'a Accelerator>,
    reason: String,
}

/// Settings for the machine.
pub fn recommend(facts: &Facts) -> Settings {
    let pick = pick(facts);
    let (budget, whose) = budget(facts, &pick);
    let index = match pick.backend.value.as_str() {
        "jetson" => None,
        // PyPI's own wheels are the right ones on macOS.
        _ if facts.host.os == Os::Macos => None,
        tag => Some(format!("https://download.pytorch.org/whl/{tag}")),
    };
    Settings {
        compute_type: compute_type(&pick),
        batch_size: batch_size(&pick, facts, budget),
        whisper_model: whisper(budget, &whose, pick.card.is_none()),
        device: Choice { value: pick.device, reason: pick.reason },
        torch_backend: pick.backend,
        torch_index_url: index,
    }
}

/// The accelerator with the most memory for which there is a wheel; else the processor, with what is missing.
fn pick(facts: &Facts) -> Pick<'_> {
    let mut refusals: Vec<String> = Vec::new();
    let mut best: Option<((bool, u64), Pick<'_>)> = None;
    let mut slice_taken = false;
    for card in &facts.accelerators {
        let name = label(card);
        if !card.offered() {
            let reason = card.visible.reason.as_ref().or(card.usable.reason.as_ref());
            refusals.push(format!("{name}: {}", reason.map_or("it is not usable here", String::as_str)));
            continue;
        }
        let sliced = card.kind == Kind::MigInstance;
        if sliced && std::mem::replace(&mut slice_taken, true) {
            refusals.push(format!("{name}: a process gets one MIG instance, the first that it sees"));
            continue;
        }
        match backend(facts, card) {
            Ok((device, backend)) => {
                // A card of its own before a part of the processor, then the one with the most memory.
                let rank = (card.unified.value != Some(true), card.memory.value.unwrap_or(0));
                // Of equals the first: numbering starts there.
                if best.as_ref().is_none_or(|(most, _)| rank > *most) {
                    let place = position(facts, card);
                    let (device, reason) = if place > 0 {
                        let order = "numbered by PCI address: set CUDA_DEVICE_ORDER=PCI_BUS_ID with it";
                        let order = if card.vendor == Vendor::Nvidia { format!(" ({order})") } else { String::new() };
                        (format!("{device}:{place}"), format!("{name} is usable and has the most memory{order}"))
                    } else {
                        (device.to_owned(), format!("{name} is usable"))
                    };
                    best = Some((rank, Pick { device, backend, card: Some(card), reason }));
                }
            }
            Err(reason) => refusals.push(format!("{name}: {reason}")),
        }
    }
    if let Some((_, pick)) = best {
        return pick;
    }
    let reason = if refusals.is_empty() { "no accelerator was found".to_owned() } else { refusals.join("; ") };
    Pick {
        device: "cpu".to_owned(),
        backend: Choice { value: "cpu".to_owned(), reason: "the processor does the work".to_owned() },
        card: None,
        reason,
    }
}

/// A program counts only the devices that it is shown.
fn position(facts: &Facts, card: &Accelerator) -> usize {
    facts
        .accelerators
        .iter()
        .filter(|one| one.vendor == card.vendor && one.offered())
        .position(|one| std::ptr::eq(one, card))
        .unwrap_or(0)
}

/// A name for messages.
fn label(card: &Accelerator) -> String {
    let vendor = match card.vendor {
        Vendor::Nvidia => "NVIDIA",
        Vendor::Amd => "AMD",
        Vendor::Intel => "Intel",
        Vendor::Apple => "Apple",
    };
    match (&card.name.value, card.gfx.as_ref().and_then(|gfx| gfx.value.as_ref()), &card.pci_id) {
        (Some(name), ..) if name.starts_with(vendor) => name.clone(),
        (Some(name), ..) => format!("{vendor} {name}"),
        (None, Some(gfx), _) => format!("{vendor} {gfx}"),
        (None, None, Some(id)) => format!("{vendor} device {id}"),
        _ => format!("{vendor} GPU"),
    }
}

pub(super) fn choice(value: &str, reason: impl Into<String>) -> Choice<String> {
    Choice { value: value.to_owned(), reason: reason.into() }
}

/// Bytes that a model may take, and in whose memory.
fn budget(facts: &Facts, pick: &Pick<'_>) -> (Option<u64>, String) {
    let main = facts.memory.usable();
    let Some(card) = pick.card else {
        let limited = facts.memory.limit.is_some();
        let whose = if limited { "half of the memory that the cgroup allows" } else { "half of the memory" };
        return (main.map(|bytes| bytes / 2), whose.to_owned());
    };
    let own = card.memory.value;
    if card.unified.value != Some(true) {
        return (own, "the GPU's memory".to_owned());
    }
    // Carve-out and lent part are pools of the same memory: the larger one counts, never their sum.
    let pool = own.max(card.gtt.as_ref().and_then(|gtt| gtt.value));
    let share = main.map(|bytes| bytes / 3 * 2);
    let least = match (pool, share) {
        (Some(pool), Some(share)) => Some(pool.min(share)),
        // A carve-out need not show in the main memory at all.
        (pool, share) => pool.or(share),
    };
    let carved = card.vendor == Vendor::Amd && own > least;
    if carved {
        return (own, "the memory set aside for graphics".to_owned());
    }
    let whose = if pool == least && pool < share {
        "what the driver lends it of the processor's memory"
    } else {
        "two thirds of the memory that it shares with the processor"
    };
    (least, whose.to_owned())
}

fn compute_type(pick: &Pick<'_>) -> Choice<String> {
    let Some(card) = pick.card else {
        return choice("int8", "the usual choice on a processor: a quarter of the memory of float32");
    };
    match card.vendor {
        Vendor::Nvidia => match card.compute_capability.as_ref().and_then(|fact| fact.value.as_deref()) {
            Some(cc) if numbers(cc)[0] >= 8 => {
                choice("bfloat16", format!("compute capability {cc} has it in hardware"))
            }
            Some(cc) if numbers(cc)[0] == 7 => {
                choice("float16", format!("compute capability {cc} has tensor cores for it, none for bfloat16"))
            }
            Some(cc) => choice("float32", format!("compute capability {cc} is slow in half precision")),
            None => choice("float16", "the compute capability is not known; half precision runs on all of them"),
        },
        Vendor::Amd => match card.gfx.as_ref().and_then(|gfx| gfx.value.as_deref()) {
            Some(gfx) if ["gfx90a", "gfx94", "gfx95", "gfx11", "gfx12"].iter().any(|one| gfx.starts_with(one)) => {
                choice("bfloat16", format!("{gfx} has it in hardware"))
            }
            _ => choice("float16", "half the memory of float32"),
        },
        Vendor::Intel => choice("bfloat16", "Intel's cards have it in hardware"),
        Vendor::Apple => choice("float32", "some operations on Metal lack half precision"),
    }
}

fn batch_size(pick: &Pick<'_>, facts: &Facts, budget: Option<u64>) -> Choice<u32> {
    let Some(bytes) = budget else {
        return Choice { value: 1, reason: "the memory's size is not known".to_owned() };
    };
    let size = human(bytes);
    if pick.card.is_none() {
        let threads = facts.cpu.usable.unwrap_or(1);
        let value = if threads >= 8 && bytes >= 8 * GB { 4 } else { 1 };
        return Choice { value, reason: format!("{threads} threads, {size} to use") };
    }
    let value = match bytes / GB {
        40.. => 32,
        20.. => 16,
        10.. => 8,
        6.. => 4,
        3.. => 2,
        _ => 1,
    };
    Choice { value, reason: format!("{size} to use") }
}

fn whisper(budget: Option<u64>, whose: &str, on_processor: bool) -> Choice<Option<String>> {
    let Some(bytes) = budget else {
        return Choice { value: None, reason: "the memory's size is not known".to_owned() };
    };
    let size = human(bytes);
    match WHISPER.iter().find(|(_, need)| need * GB <= bytes) {
        Some((name, need)) => {
            let slow = if on_processor { "; on a processor a smaller one is faster" } else { "" };
            let reason = format!("it needs about {need} GB; {whose} is {size}{slow}");
            Choice { value: Some((*name).to_owned()), reason }
        }
        None => Choice { value: None, reason: format!("even `tiny` needs about 1 GB; {whose} is {size}") },
    }
}

/// Bytes as people read them: `23.6 GB`.
pub(crate) fn human(bytes: u64) -> String {
    let tenths = bytes / (GB / 10);
    match tenths {
        0 => format!("{} MB", bytes / 1_000_000),
        100.. => format!("{} GB", tenths / 10),
        _ => format!("{}.{} GB", tenths / 10, tenths % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_as_people_read_them() {
        assert_eq!([human(536_870_912), human(8_589_934_592), human(85_520_809_984)], ["0.5 GB", "8.5 GB", "85 GB"]);
        assert_eq!(human(64_000_000), "64 MB");
    }
}
