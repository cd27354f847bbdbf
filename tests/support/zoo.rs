//! A hub with a model of every kind on it, and rooms whose programs are led to it.
//!
//! `cargo test --test models_lock serve -- --ignored --nocapture` serves it for a look by hand.

#![allow(dead_code, reason = "each test program uses its part")]

use super::hub::{Content, GitHub, Hub, mirrors};
use super::support::project::Room;

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

    /// A project with these models.
    pub(crate) fn project(&self, models: &str) -> Room {
        let room = self.room();
        room.write("modelstrap.toml", format!("[models]\n{models}"));
        room
    }
}
