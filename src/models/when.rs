//! For which machines a model is wanted: `when = ["gpu", "!windows"]`, decided from the machine's facts alone.

use std::fmt;

use crate::platform::facts::Vendor;
use crate::platform::{Facts, Os, recommend};
use crate::support::nearest::nearest;

/// A condition: all its words must hold. Without words it always holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct When(Vec<Word>);

/// A word of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Word {
    what: What,
    negated: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum What {
    Gpu,
    Cuda,
    Rocm,
    Apple,
    Mps,
    Mlx,
    Cpu,
    Linux,
    Macos,
    Windows,
    X86,
    Arm,
}

/// Every word, and what it means.
pub const WORDS: [(&str, &str); 12] = [
    ("gpu", "an accelerator that a program started here can use"),
    ("cuda", "an NVIDIA card that a program started here can use"),
    ("rocm", "an AMD card that PyTorch's ROCm wheels have kernels for"),
    ("apple", "Apple silicon"),
    ("mps", "PyTorch can use Metal"),
    ("mlx", "MLX runs"),
    ("cpu", "no `gpu`"),
    ("linux", "Linux"),
    ("macos", "macOS"),
    ("windows", "Windows"),
    ("x86_64", "a 64-bit processor by Intel or AMD"),
    ("arm64", "a 64-bit ARM processor"),
];

const ALL: [What; 12] = [
    What::Gpu,
    What::Cuda,
    What::Rocm,
    What::Apple,
    What::Mps,
    What::Mlx,
    What::Cpu,
    What::Linux,
    What::Macos,
    What::Windows,
    What::X86,
    What::Arm,
];

/// What people write, from other tools, and the word for it here.
const OTHER_NAMES: [(&str, &str); 9] = [
    ("nvidia", "cuda"),
    ("amd", "rocm"),
    ("metal", "mps"),
    ("mac", "macos"),
    ("darwin", "macos"),
    ("win32", "windows"),
    ("amd64", "x86_64"),
    ("x64", "x86_64"),
    ("aarch64", "arm64"),
];

impl When {
    /// Reads the words of a condition; `!` before one turns it round.
    ///
    /// # Errors
    /// With the nearest word.
    pub fn parse<S: AsRef<str>>(words: &[S]) -> Result<Self, String> {
        let mut parsed = words.iter().map(|word| Word::parse(word.as_ref())).collect::<Result<Vec<_>, _>>()?;
        parsed.sort_unstable();
        parsed.dedup();
        Ok(Self(parsed))
    }

    /// True when it holds everywhere.
    pub fn is_always(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it holds on the machine. What is not known about it counts as not there.
    pub fn holds(&self, facts: &Facts) -> bool {
        self.first_missing(facts).is_none()
    }

    /// The first word that does not hold on the machine, as it is written, for a message.
    pub fn first_missing(&self, facts: &Facts) -> Option<String> {
        self.0.iter().find(|word| word.what.holds(facts) == word.negated).map(ToString::to_string)
    }
}

impl fmt::Display for When {
    /// The words with `+` between them: `gpu+!windows`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().map(ToString::to_string).collect::<Vec<_>>().join("+"))
    }
}

impl Word {
    fn parse(text: &str) -> Result<Self, String> {
        let (negated, name) = text.strip_prefix('!').map_or((false, text), |name| (true, name));
        if let Some(at) = WORDS.iter().position(|(word, _)| *word == name) {
            return Ok(Self { what: ALL[at], negated });
        }
        let lower = name.to_ascii_lowercase();
        let other = OTHER_NAMES.iter().find(|(other, _)| *other == lower).map(|(_, word)| *word);
        let nearest = other.or_else(|| nearest(&lower, WORDS.map(|(word, _)| word)));
        let all = || WORDS.map(|(word, _)| format!("`{word}`")).join(", ");
        let hint =
            nearest.map_or_else(|| format!("there are {}", all()), |nearest| format!("the nearest one is `{nearest}`"));
        Err(format!("`when` knows no `{}`\n  {hint}", crate::support::escape::printable(name)))
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = ALL.iter().position(|what| *what == self.what).map_or("", |at| WORDS[at].0);
        write!(f, "{}{name}", if self.negated { "!" } else { "" })
    }
}

impl What {
    fn holds(self, facts: &Facts) -> bool {
        let host = &facts.host;
        let machine = |names: &[&str]| {
            host.machine.value.as_deref().is_some_and(|machine| names.contains(&machine.to_ascii_lowercase().as_str()))
        };
        match self {
            Self::Gpu => facts.has_cuda() || facts.has_mps() || recommend::recommend(facts).device.value != "cpu",
            Self::Cpu => !Self::Gpu.holds(facts),
            Self::Cuda => facts.has_cuda(),
            // Asked of the AMD cards alone: beside an NVIDIA card the recommendation may be about that one.
            Self::Rocm => {
                let amd = facts.accelerators.iter().filter(|card| card.vendor == Vendor::Amd).cloned().collect();
                let alone = Facts { accelerators: amd, ..facts.clone() };
                recommend::recommend(&alone).torch_backend.value.starts_with("rocm")
            }
            Self::Apple => facts.accelerators.iter().any(|card| card.vendor == Vendor::Apple),
            Self::Mps => facts.has_mps(),
            Self::Mlx => facts.has_mlx(),
            Self::Linux => host.os == Os::Linux,
            Self::Macos => host.os == Os::Macos,
            Self::Windows => host.os == Os::Windows,
            Self::X86 => machine(&["x86_64", "amd64", "x64"]),
            Self::Arm => machine(&["arm64", "aarch64"]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::facts::{Accelerator, Fact};
    use crate::platform::{Options, Probe, detect};

    fn machine(os: &str) -> Facts {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("os"), os).unwrap();
        let mut facts = detect(&Probe::recorded(dir.path()).unwrap(), &Options::default());
        facts.accelerators.clear();
        facts
    }

    fn holding(facts: &Facts) -> Vec<&'static str> {
        WORDS.map(|(word, _)| word).into_iter().filter(|word| When::parse(&[word]).unwrap().holds(facts)).collect()
    }

    #[test]
    fn a_bare_machine_is_a_cpu_with_a_system() {
        let mut facts = machine("linux");
        facts.host.machine = Fact::known("x86_64".to_owned(), "");
        assert_eq!(holding(&facts), ["cpu", "linux", "x86_64"]);
        assert!(When::parse(&["!gpu", "linux"]).unwrap().holds(&facts));
        assert!(!When::parse(&["linux", "gpu"]).unwrap().holds(&facts));
        assert_eq!(When::parse(&["linux", "gpu"]).unwrap().first_missing(&facts).as_deref(), Some("gpu"));
        assert!(When::default().holds(&facts));
        facts.host.machine = Fact::unknown("");
        assert_eq!(holding(&facts), ["cpu", "linux"]);
    }

    #[test]
    fn cards_count_when_a_program_can_use_them() {
        let mut facts = machine("linux");
        facts.host.machine = Fact::known("aarch64".to_owned(), "");
        facts.accelerators = vec![card(Vendor::Nvidia)];
        assert_eq!(holding(&facts), ["gpu", "cuda", "linux", "arm64"]);
        facts.accelerators[0].visible = Fact::known(false, "");
        assert_eq!(holding(&facts), ["cpu", "linux", "arm64"]);
        let mut apple = card(Vendor::Apple);
        apple.mps = Some(Fact::known(true, ""));
        apple.mlx = Some(Fact::known(true, ""));
        facts.host.os = Os::Macos;
        facts.accelerators = vec![apple];
        assert_eq!(holding(&facts), ["gpu", "apple", "mps", "mlx", "macos", "arm64"]);
        let mut amd = card(Vendor::Amd);
        facts.host.os = Os::Linux;
        facts.accelerators = vec![amd.clone()];
        assert_eq!(holding(&facts), ["cpu", "linux", "arm64"], "no wheel for a card without a known target");
        amd.gfx = Some(Fact::known("gfx1151".to_owned(), ""));
        facts.accelerators = vec![amd.clone()];
        assert_eq!(holding(&facts), ["gpu", "rocm", "linux", "arm64"]);
        facts.accelerators = vec![card(Vendor::Nvidia), amd];
        assert_eq!(holding(&facts), ["gpu", "cuda", "rocm", "linux", "arm64"]);
    }

    fn card(vendor: Vendor) -> Accelerator {
        Accelerator {
            kind: crate::platform::facts::Kind::Discrete,
            usable: Fact::known(true, ""),
            ..Accelerator::bare(vendor, 0, "")
        }
    }

    #[test]
    fn a_condition_reads_in_any_order_and_a_wrong_word_names_the_right_one() {
        assert_eq!(When::parse(&["!windows", "gpu", "gpu"]).unwrap().to_string(), "gpu+!windows");
        assert_eq!(When::parse(&["gpu", "!windows"]), When::parse(&["!windows", "gpu"]));
        assert_eq!(When::parse(&["gpus"]).unwrap_err(), "`when` knows no `gpus`\n  the nearest one is `gpu`");
        assert_eq!(When::parse(&["!aarch64"]).unwrap_err(), "`when` knows no `aarch64`\n  the nearest one is `arm64`");
        assert!(When::parse(&["quantum-computer"]).unwrap_err().contains("there are `gpu`, `cuda`"));
    }
}
