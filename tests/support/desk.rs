//! What the tests of the Hub's checklist share: a hub, a project that asks it for models, and the real clients with the network off.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::hub::{Content, Hub, Kind, shared_part};
use super::project::{Ran, Room};
use super::python::{good, python_with};

/// The longest that any run may take: a hang fails its test.
const BOUND: Duration = Duration::from_secs(100);

/// The variables that name the clients, the newest first.
pub(crate) const CLIENTS: [&str; 3] =
    ["MODELSTRAP_TEST_PYTHON", "MODELSTRAP_TEST_PYTHON_V1", "MODELSTRAP_TEST_PYTHON_OLD"];

/// A hub, and a project in a room of its own whose environment leads there.
pub(crate) struct Desk {
    pub(crate) hub: Hub,
    pub(crate) room: Room,
}

impl Desk {
    /// A project whose manifest has these lines under `[models]`.
    pub(crate) fn with(models: &str) -> Self {
        Self::at(Hub::start(), models)
    }

    /// The same, at this hub.
    pub(crate) fn at(hub: Hub, models: &str) -> Self {
        let mut room = Room::bare();
        for (name, value) in hub.environment() {
            room = room.with(name, &value);
        }
        room.write("modelstrap.toml", format!("[models]\n{models}\n"));
        Self { hub, room }
    }

    /// `tiny = "hf:org/tiny"`, with [`tiny`] on the hub.
    pub(crate) fn tiny() -> (Self, String) {
        let desk = Self::with("tiny = \"hf:org/tiny\"");
        let commit = tiny(&desk.hub);
        (desk, commit)
    }

    /// The same with a variable set for every run.
    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self.room = self.room.with(name, value);
        self
    }

    /// The Hub's cache of the project.
    pub(crate) fn cache(&self) -> PathBuf {
        self.room.root().join(".cache/huggingface/hub")
    }

    /// A path in the cache.
    pub(crate) fn cached(&self, path: &str) -> PathBuf {
        self.cache().join(path)
    }

    /// `modelstrap models …`, to its end, which must come in time.
    pub(crate) fn models(&self, arguments: &[&str]) -> Ran {
        let begun = Instant::now();
        let mut child = self.start(arguments);
        while child.try_wait().unwrap().is_none() {
            if begun.elapsed() > BOUND {
                child.kill().unwrap();
                panic!("models {arguments:?} does not end");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let text = |name| {
            let bytes = std::fs::read(self.room.path().join(name)).unwrap();
            String::from_utf8_lossy(&bytes).replace(self.room.path().to_str().unwrap(), "@")
        };
        let status = child.wait().unwrap();
        let signal = std::os::unix::process::ExitStatusExt::signal(&status).unwrap_or(0);
        Ran { code: status.code().unwrap_or(128 + signal), out: text("out"), err: text("err") }
    }

    /// `modelstrap models …`, begun; what it says goes to files in the room.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        let file = |name| Stdio::from(std::fs::File::create(self.room.path().join(name)).unwrap());
        let mut command = self.room.command(&[&["models"], arguments].concat());
        command.stdout(file("out")).stderr(file("err")).spawn().unwrap()
    }

    /// `modelstrap models download`, which must succeed.
    pub(crate) fn download(&self) -> Ran {
        self.models(&["download"]).expect(0)
    }

    /// What `code` leaves in `said` in the client that `variable` names, which cannot reach anybody.
    pub(crate) fn offline(&self, variable: &str, code: &str) -> Option<Value> {
        let python = python_with(variable, "huggingface_hub")?;
        Some(self.python(&python, &[("HF_HUB_OFFLINE", "1"), ("HF_ENDPOINT", "http://127.0.0.1:9")], code))
    }

    /// The same with the hub in reach.
    pub(crate) fn online(&self, variable: &str, code: &str) -> Option<Value> {
        let python = python_with(variable, "huggingface_hub")?;
        Some(self.python(&python, &[], code))
    }

    /// What `code` leaves in `said`.
    pub(crate) fn python(&self, python: &Path, vars: &[(&str, &str)], code: &str) -> Value {
        let code = format!("import json, os, sys\nsaid = None\n{code}\nprint()\nprint(json.dumps(said))");
        let mut command = self.room.program(python);
        command.env("HF_HUB_CACHE", self.cache()).env("HF_HOME", self.room.path().join("hf-home"));
        command.env("PYTHONDONTWRITEBYTECODE", "1").envs(vars.iter().copied()).args(["-c", &code]);
        let text = good(&mut command);
        serde_json::from_str(text.lines().last().unwrap()).unwrap_or_else(|error| panic!("{error}:\n{text}"))
    }

    /// The cache of `org/tiny` must be the official one, whole, but for the marks by which projects hold commits.
    #[track_caller]
    pub(crate) fn assert_whole(&self) {
        let mut found = shared_part(&self.cached("models--org--tiny"));
        found.retain(|path, _| !path.starts_with("refs/refs/modelstrap/"));
        assert_eq!(found, self.expected_cache(Kind::Model, "org/tiny", "main", |_| true));
    }

    /// `hf ARGUMENTS` of the client that `variable` names: its exit code and what it said.
    pub(crate) fn hf(&self, variable: &str, arguments: &[&str]) -> Option<Ran> {
        let python = python_with(variable, "huggingface_hub")?;
        let mut command = self.room.program(python.parent().unwrap().join("hf"));
        command.env("HF_HUB_CACHE", self.cache()).env("HF_HOME", self.room.path().join("hf-home"));
        Some(self.room.ran(command.env("NO_COLOR", "1").args(arguments)))
    }

    /// `hf cache ls --show-warnings` of the newest client must show these repositories, and no warning.
    pub(crate) fn assert_no_warning(&self, repositories: &[&str]) {
        let arguments = ["cache", "ls", "--show-warnings", "--format", "json"];
        let Some(ran) = self.hf(CLIENTS[0], &arguments) else { return };
        let ran = ran.expect(0);
        let mut found: Vec<_> = ran.json().as_array().unwrap().iter().map(|one| one["id"].to_string()).collect();
        found.sort();
        assert_eq!(found, repositories.iter().map(|id| format!("\"{id}\"")).collect::<Vec<_>>(), "{ran:?}");
        let said = ran.err.to_lowercase();
        assert!(!said.contains("warn") && !said.contains("corrupt"), "{}", ran.err);
    }
}

impl Deref for Desk {
    type Target = Hub;

    fn deref(&self) -> &Hub {
        &self.hub
    }
}

/// A repository with everything that a real one has: folders, odd names, an empty file, a small and a large one outside Git.
pub(crate) fn tiny(hub: &Hub) -> String {
    hub.model("org/tiny")
        .file("config.json", "{\"model_type\": \"bert\"}")
        .file("we ird #1%+é.txt", "odd")
        .file("nested/dir/vocab.txt", "a\nb\n")
        .file("empty", "")
        .lfs("model.safetensors", Content::pattern(1, 12 << 20))
        .lfs("nested/deep/table.dat", Content::pattern(2, 70_000))
        .commit()
}
