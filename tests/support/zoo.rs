//! A hub with a model of every kind on it, and rooms whose programs are led to it.
//!
//! `cargo test --test tests models::lock::serve -- --ignored --nocapture` serves it for a look by hand.

use super::hub::{Content, GitHub, Hub, mirrors};
use super::project::{Ran, Room};

/// Code that would run when it is loaded: `os.system("id")`.
pub(crate) const MALICIOUS: &[u8] = b"cos\nsystem\n(S'id'\ntR.";

/// The hub, GitHub and the host of Whisper's weights.
pub(crate) struct Zoo {
    pub(crate) hub: Hub,
    pub(crate) github: GitHub,
    pub(crate) whisper: super::hub::StaticOrigin,
    pub(crate) files: super::hub::StaticOrigin,
}

impl Zoo {
    pub(crate) fn start() -> Self {
        let hub = Hub::start();
        let (github, whisper) = (hub.github(), hub.whisper_host());
        let files = hub.further_origin("https://files.example.org");
        let weights = |seed, size| Content::pattern(seed, size);
        hub.model("org/tiny")
            .file("config.json", "{\"model_type\": \"bert\"}")
            .file("README.md", "A model.\n")
            .lfs("model.safetensors", weights(1, 3 << 20))
            .lfs("pytorch_model.bin", weights(2, 3 << 20))
            .lfs("onnx/model.onnx", weights(3, 2 << 20))
            .commit();
        hub.model("org/quants")
            .file("config.json", "{}")
            .lfs("quants-Q4_K_M.gguf", weights(4, 400_000))
            .lfs("quants-Q8_0.gguf", weights(5, 800_000))
            .lfs("quants-F16.gguf", weights(6, 1_600_000))
            .commit();
        hub.model("org/gated").gated().file("config.json", "{}").lfs("model.safetensors", weights(7, 10_000)).commit();
        hub.model("org/evil").file("config.json", "{}").lfs("pytorch_model.bin", MALICIOUS).commit();
        hub.model("org/evil-twin")
            .file("config.json", "{}")
            .lfs("pytorch_model.bin", MALICIOUS)
            .lfs("model.safetensors", weights(8, 10_000))
            .commit();
        hub.dataset("org/speech").file("README.md", "Speech.\n").lfs("data/train.parquet", weights(9, 50_000)).commit();
        hub.model("Systran/faster-whisper-tiny")
            .file("config.json", "{}")
            .file("tokenizer.json", "{}")
            .file("vocabulary.txt", "a\nb\n")
            .lfs("model.bin", weights(10, 70_000))
            .commit();
        github.commit(
            "owner/tiny-repo",
            "main",
            [
                (
                    "hubconf.py",
                    "dependencies = ['torch']\nfrom tiny.model import answer\ndef model(): return answer()\n",
                ),
                ("tiny/__init__.py", ""),
                ("tiny/model.py", "def answer(): return 42\n"),
            ],
        );
        files.file("/weights.bin", weights(11, 5_000));
        Self { hub, github, whisper, files }
    }

    /// What leads the program to these servers.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let mirrors = format!("{},{}", self.github.mirrors(), mirrors(&[&self.whisper, &self.files]));
        let mut vars = self.hub.environment();
        vars.push(("MODELSTRAP_MIRRORS", mirrors));
        vars
    }

    /// An empty project whose programs come here.
    pub(crate) fn room(&self) -> Room {
        self.leading(Room::bare())
    }

    /// `room`, whose programs come here.
    pub(crate) fn leading(&self, room: Room) -> Room {
        self.environment().iter().fold(room, |room, (name, value)| room.with(name, value))
    }

    /// What a run told a person, without what differs from run to run: times, speeds, ports, and blanks between columns. Lines of
    /// models that came at the same time are in the order of their names.
    pub(crate) fn told(&self, ran: &Ran) -> String {
        let text = ran.err.replace(self.hub.url(), "HUB");
        let mut lines: Vec<String> = text.lines().filter(|line| !line.starts_with("Fetched ")).map(steady).collect();
        let came = |line: &String| line.contains(": done, ");
        let first = lines.iter().position(came).unwrap_or(0);
        let last = lines.iter().rposition(came).map_or(first, |last| last + 1);
        lines[first..last].sort();
        lines.into_iter().map(|line| line + "\n").collect()
    }

    /// A project with these models.
    pub(crate) fn project(&self, models: &str) -> Room {
        let room = self.room();
        room.write("modelstrap.toml", format!("[models]\n{models}"));
        room
    }
}

/// A line with one blank between words, `T` for a time and `V` for a speed.
fn steady(line: &str) -> String {
    let indent: String = line.chars().take_while(|c| *c == ' ').collect();
    let mut words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    let number = |word: &str| word.trim_start_matches('(').parse::<f64>().is_ok();
    let mut at = 0;
    while at + 1 < words.len() {
        let (this, next) = (words[at].clone(), words[at + 1].clone());
        if number(&this) && matches!(next.as_str(), "ms" | "s") {
            words.splice(at..at + 2, ["T".to_owned()]);
        } else if this.starts_with('(') && number(&this) && next.ends_with("/s):") {
            words.splice(at..at + 2, ["(V):".to_owned()]);
        }
        at += 1;
    }
    let time = |word: &str| word.strip_suffix('s').is_some_and(|rest| rest.parse::<f64>().is_ok());
    for word in words.iter_mut().filter(|word| time(word)) {
        *word = "T".to_owned();
    }
    format!("{indent}{}", words.join(" "))
}
