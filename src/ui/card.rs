//! The machine's card: what `detect` shows on a terminal.

use std::fmt::Write;

use console::{Style, measure_text_width};

use crate::platform::facts::{Accelerator, Fact, Facts, Kind, Vendor};
use crate::platform::recommend::{Choice, Settings, human};

/// Labels are padded to this, values start behind it.
const LABEL: usize = 12;
/// Recommended values are padded to this, their reasons start behind it.
const VALUE: usize = 10;
/// Longer parts of a line may be broken between words, shorter ones stay whole.
const WHOLE: usize = 32;

/// The machine in one line: for logs, where a card would be in the way.
pub fn line(facts: &Facts, settings: &Settings) -> String {
    let offered = facts.accelerators.iter().filter(|one| one.offered());
    let names: Vec<String> =
        offered.map(|one| one.name.value.clone().unwrap_or_else(|| format!("{:?}", one.vendor))).collect();
    let accelerators = if names.is_empty() { "no accelerator".to_owned() } else { names.join(", ") };
    let memory = facts.memory.usable().map(human);
    let device = format!("models run on {}", settings.device.value);
    let line = joined(vec![Some(system(facts)), memory, Some(accelerators), Some(device)]);
    crate::support::escape::printable(&line)
}

/// The card, good from 60 columns on.
pub fn render(facts: &Facts, settings: &Settings, colour: bool, width: usize) -> String {
    let mut card = Card { text: String::new(), colour, width: width.clamp(40, 120) };
    card.heading("Machine");
    card.row("System", &system(facts), "");
    card.row("Host", &host(facts), "");
    card.row("Processor", &processor(facts), "");
    card.row("Memory", &memory(facts), "");
    if let Some(disk) = &facts.disk {
        let kind = disk.file_system.value.as_ref().map_or_else(
            || "file system unknown".to_owned(),
            |fs| format!("{}{}", fs.kind, if fs.network { ", a network disk" } else { "" }),
        );
        let able = disk.capabilities.value.as_ref().map_or_else(String::new, |can| {
            let all = [
                ("symlinks", can.symlinks),
                ("hard links", can.hard_links),
                ("reflinks", can.reflinks),
                ("locks", can.locks),
            ];
            let names = |wanted: bool| {
                all.iter().filter(|(_, can)| *can == wanted).map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
            };
            match (names(true), names(false)) {
                (yes, no) if no.is_empty() => format!(" · {yes}"),
                (yes, no) if yes.is_empty() => format!(" · no {no}"),
                (yes, no) => format!(" · {yes}; no {no}"),
            }
        });
        card.row(
            "Disk",
            &format!(
                "{} · {kind}{able}",
                disk.free.value.map_or_else(|| "free space unknown".to_owned(), |b| format!("{} free", human(b)))
            ),
            "",
        );
    }
    if facts.accelerators.is_empty() {
        card.row("GPU", "none found", "");
    }
    for one in &facts.accelerators {
        let reason = if one.offered() { None } else { one.visible.reason.as_ref().or(one.usable.reason.as_ref()) };
        card.row("GPU", &accelerator(one), &reason.map_or_else(String::new, |reason| format!("not used: {reason}")));
    }
    card.row("Python", &python(facts), "");
    card.text.push('\n');
    card.heading("Recommended");
    card.choice("Device", &settings.device);
    card.choice("PyTorch", &settings.torch_backend);
    card.choice("Numbers", &settings.compute_type);
    card.pair("Batch size", &settings.batch_size.value.to_string(), &settings.batch_size.reason);
    let model = settings.whisper_model.value.as_deref().unwrap_or("none");
    card.pair("Whisper", model, &settings.whisper_model.reason);
    card.text
}

fn known<T: Clone>(fact: &Fact<T>) -> Option<T> {
    fact.value.clone()
}

fn size(fact: &Fact<u64>) -> String {
    fact.value.map_or_else(|| "unknown".to_owned(), human)
}

/// Parts in one line. Short ones are kept whole by spaces that do not break.
fn joined(parts: Vec<Option<String>>) -> String {
    let whole = |part: String| if part.chars().count() <= WHOLE { part.replace(' ', "\u{a0}") } else { part };
    parts.into_iter().flatten().map(whole).collect::<Vec<_>>().join("\u{a0}· ")
}

fn system(facts: &Facts) -> String {
    let host = &facts.host;
    let libc = host.libc.as_ref().and_then(|libc| libc.value.as_ref());
    joined(vec![
        Some(known(&host.name).unwrap_or_else(|| "unknown system".to_owned())),
        known(&host.machine),
        libc.map(|libc| format!("{} {}", libc.name, libc.version.as_deref().unwrap_or("of unknown version"))),
        host.rosetta.then(|| "this process runs under Rosetta".to_owned()),
    ])
}

fn host(facts: &Facts) -> String {
    let host = &facts.host;
    joined(vec![
        known(&host.model),
        known(&host.kernel).map(|kernel| format!("kernel {kernel}")),
        host.wsl.map(|version| format!("WSL {version}")),
        host.container.as_ref().map(|container| format!("in a container ({})", container.kind)),
        host.ci.map(|ci| format!("run by {ci}")),
    ])
}

fn processor(facts: &Facts) -> String {
    let cpu = &facts.cpu;
    let count = |fact: &Fact<u32>| fact.value.map_or_else(|| "?".to_owned(), |count| count.to_string());
    let kinds = cpu.performance.zip(cpu.efficiency).map(|(fast, slow)| format!(" ({fast} fast, {slow} slow)"));
    let limited = cpu.usable.filter(|usable| Some(*usable) != cpu.logical.value);
    joined(vec![
        Some(known(&cpu.model).unwrap_or_else(|| "unknown model".to_owned())),
        Some(format!("{} cores{}, {} threads", count(&cpu.physical), kinds.unwrap_or_default(), count(&cpu.logical))),
        limited.map(|usable| format!("{usable} usable here")),
    ])
}

fn memory(facts: &Facts) -> String {
    let memory = &facts.memory;
    joined(vec![
        Some(size(&memory.total)),
        memory.available.value.map(|bytes| format!("{} available", human(bytes))),
        memory.limit.as_ref().and_then(|limit| limit.value).map(|bytes| format!("limited to {}", human(bytes))),
    ])
}

fn accelerator(one: &Accelerator) -> String {
    let value = |fact: &Option<Fact<String>>| fact.as_ref().and_then(|fact| fact.value.clone());
    let vendor = match one.vendor {
        Vendor::Nvidia => "NVIDIA",
        Vendor::Amd => "AMD",
        Vendor::Intel => "Intel",
        Vendor::Apple => "Apple",
    };
    let name = match (&one.name.value, &one.pci_id) {
        (Some(name), _) if name.starts_with(vendor) => name.clone(),
        (Some(name), _) => format!("{vendor} {name}"),
        (None, Some(id)) => format!("{vendor} device {id}"),
        (None, None) => format!("{vendor} device"),
    };
    let shared = if one.unified.value == Some(true) { " shared" } else { "" };
    joined(vec![
        Some(name),
        Some(one.memory.value.map_or_else(|| "memory unknown".to_owned(), |bytes| format!("{}{shared}", human(bytes)))),
        one.gtt.as_ref().and_then(|gtt| gtt.value).map(|bytes| format!("{} lent", human(bytes))),
        value(&one.gfx),
        value(&one.compute_capability).map(|cc| format!("compute {cc}")),
        value(&one.cuda).map(|cuda| format!("CUDA {cuda}")),
        (one.kind != Kind::MigInstance).then(|| known(&one.driver).map(|driver| format!("driver {driver}"))).flatten(),
        value(&one.tegra),
    ])
}

fn python(facts: &Facts) -> String {
    let mut parts: Vec<String> = facts
        .pythons
        .iter()
        .take(3)
        .map(|python| match &python.version.value {
            Some(version) => format!("{version} ({})", python.path.display()),
            None => python.path.display().to_string(),
        })
        .collect();
    if facts.pythons.len() > 3 {
        parts.push(format!("{} more", facts.pythons.len() - 3));
    }
    if parts.is_empty() {
        parts.push("none on the PATH".to_owned());
    }
    parts.push(if facts.uv.is_some() { "uv" } else { "no uv" }.to_owned());
    parts.iter().map(|part| part.replace(' ', "\u{a0}")).collect::<Vec<_>>().join("\u{a0}· ")
}

struct Card {
    text: String,
    colour: bool,
    width: usize,
}

impl Card {
    fn heading(&mut self, title: &str) {
        let style = Style::new().bold().force_styling(self.colour);
        let _ = writeln!(self.text, "{}", style.apply_to(title));
    }

    fn choice(&mut self, label: &str, choice: &Choice<String>) {
        self.pair(label, &choice.value, &choice.reason);
    }

    /// A label and its value, with a dimmed remark below.
    fn row(&mut self, label: &str, value: &str, remark: &str) {
        let room = self.room();
        let mut lines: Vec<(String, String)> =
            fold(&printable(value), room).into_iter().map(|line| (line, String::new())).collect();
        if !remark.is_empty() {
            lines.extend(fold(&printable(remark), room).into_iter().map(|line| (String::new(), line)));
        }
        self.lines(label, &lines);
    }

    /// A label, a short value, and a dimmed reason in a column of its own.
    fn pair(&mut self, label: &str, value: &str, reason: &str) {
        let value = format!("{:<VALUE$}", printable(value));
        let used = measure_text_width(&value);
        let reasons = fold(&printable(reason), self.room().saturating_sub(used).max(20));
        let lines: Vec<(String, String)> = reasons
            .into_iter()
            .enumerate()
            .map(|(number, line)| (if number == 0 { value.clone() } else { " ".repeat(used) }, line))
            .collect();
        self.lines(label, &lines);
    }

    /// Columns right of the label.
    fn room(&self) -> usize {
        self.width.saturating_sub(LABEL + 2).max(20)
    }

    fn lines(&mut self, label: &str, lines: &[(String, String)]) {
        let names = Style::new().cyan().force_styling(self.colour);
        let dim = Style::new().dim().force_styling(self.colour);
        for (number, (plain, dimmed)) in lines.iter().enumerate() {
            let label = format!("{:<LABEL$}", if number == 0 { label } else { "" });
            let dimmed = if dimmed.is_empty() { String::new() } else { dim.apply_to(dimmed).to_string() };
            let _ = writeln!(self.text, "  {}{plain}{dimmed}", names.apply_to(label));
        }
    }
}

/// Names of devices and systems are foreign text: control characters could move the cursor or hide words,
/// and so could the marks that turn the direction of writing.
fn printable(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if c.is_control() || turns(c) { '\u{fffd}' } else { c }).collect()
}

/// Lines of at most `room` columns, broken between words; a longer word stands alone.
fn fold(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let Some(line) = lines.last_mut() else { break };
        if line.is_empty() {
            line.push_str(word);
        } else if measure_text_width(line) + 1 + measure_text_width(word) <= room {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines.into_iter().map(|line| line.replace('\u{a0}', " ")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_move_the_cursor() {
        assert_eq!(printable("GPU\x1b[2J\u{202e}x"), "GPU\u{fffd}[2J\u{fffd}x");
    }

    #[test]
    fn long_values_are_folded_between_words() {
        assert_eq!(fold("one two three", 8), ["one two", "three"]);
        assert_eq!(fold("unbreakable", 4), ["unbreakable"]);
        assert_eq!(fold("", 4), [""]);
    }
}
