//! What the clients leave behind: the project's own download, two versions of huggingface_hub with the shared store, a cache split by
//! `TRANSFORMERS_CACHE`, a `local_dir`, and what lies in the home folder and in the project's legacy folder.

use std::path::PathBuf;
use std::process::Command;

use super::libraries::{self, Made};
use crate::support::hub::Content;
use crate::support::project::Room;
use crate::support::python::{good, python_with};
use crate::support::zoo::Zoo;

/// The content that most of them have.
pub(crate) fn weights() -> Content {
    Content::pattern(1, 6 << 20)
}

/// A project after a few months.
pub(crate) struct Filled {
    pub(crate) room: Room,
    pub(crate) zoo: Zoo,
    pub(crate) new: PathBuf,
    pub(crate) old: PathBuf,
    pub(crate) made: Made,
}

impl Filled {
    /// None where a client is not installed.
    pub(crate) fn by_real_clients() -> Option<Self> {
        let new = python_with("MODELSTRAP_TEST_PYTHON", "huggingface_hub.utils._shared_blobs")?;
        let old = python_with("MODELSTRAP_TEST_PYTHON_OLD", "huggingface_hub")?;
        let zoo = Zoo::start();
        let room = zoo.leading(Room::fixture());
        let made = Made::by_the_libraries(&room, &zoo);
        let filled = Self { room, zoo, new, old, made };
        filled.serve();
        filled.by_us();
        filled.by_the_old_client();
        filled.by_the_new_client();
        filled.beside_the_cache();
        Some(filled)
    }

    fn serve(&self) {
        let hub = &self.zoo.hub;
        let small = |name: &str| format!("{{\"name\": \"{name}\"}}");
        hub.model("org/asr")
            .file("config.json", small("asr"))
            .file("nested/vocab.txt", "a\nb\n")
            .lfs("model.safetensors", weights())
            .commit();
        hub.model("org/old").file("config.json", small("old")).lfs("model.bin", Content::pattern(2, 2 << 20)).commit();
        hub.model("org/twin").file("config.json", small("twin")).lfs("weights.bin", weights()).commit();
        hub.model("org/home").file("config.json", small("home")).lfs("home.bin", Content::pattern(3, 3 << 20)).commit();
    }

    /// `setup`, and the models of the manifest.
    fn by_us(&self) {
        let models =
            "\n[models]\nasr = \"hf:org/asr\"\nspeech = \"faster-whisper:base\"\nwhisper = \"openai-whisper:tiny\"\n";
        self.room.run(&["setup", "--yes"]).expect(0);
        self.room.append("modelstrap.toml", models);
        self.room.run(&["models", "lock"]).expect(0);
        self.made.lock_our_own(&self.room);
        self.room.run(&["models", "download", "--frozen", "asr", "speech"]).expect(0);
    }

    /// 0.36: into the cache, beside it as with `TRANSFORMERS_CACHE=$HF_HOME`, and into the home folder.
    fn by_the_old_client(&self) {
        let into_the_cache = "
import os
from huggingface_hub import snapshot_download
snapshot_download('org/old')
snapshot_download('org/asr', cache_dir=os.environ['HF_HOME'])";
        good(&mut self.in_the_project(&self.old, into_the_cache));
        let at_home = "
from huggingface_hub import snapshot_download
snapshot_download('org/home'); snapshot_download('org/old')";
        good(&mut self.anywhere(&self.old, at_home));
    }

    /// 2.x: what it moves into the store that repositories share, and a `local_dir`.
    fn by_the_new_client(&self) {
        let code = format!(
            "
import os
from huggingface_hub import constants, hf_hub_download, snapshot_download
from huggingface_hub.utils._shared_blobs import publish_blob_to_shared_store
snapshot_download('org/twin')
blob = os.path.join(constants.HF_HUB_CACHE, 'models--org--twin', 'blobs', {:?})
assert publish_blob_to_shared_store(blob_path=blob, xet_hash='ab' * 32, cache_dir=constants.HF_HUB_CACHE, expected_size={})
snapshot_download('org/asr', local_dir='models/asr')",
            weights().sha256(),
            weights().size()
        );
        good(&mut self.in_the_project(&self.new, &code));
    }

    /// What no client keeps track of: a download that was killed, whisper's own place, torch's in the legacy folder.
    fn beside_the_cache(&self) {
        let repository = ".cache/huggingface/hub/models--org--old";
        self.room.write(&format!("{repository}/blobs/{}.12345678.incomplete", "0".repeat(64)), vec![0; 1 << 20]);
        self.room.write("~/.cache/whisper/tiny.pt", self.made.whisper());
        let checkpoint = Content::pattern(4, 2 << 20);
        let name = format!("net-{}.pth", &checkpoint.sha256()[..8]);
        self.room.write(&format!("shared/model-cache/torch/hub/checkpoints/{name}"), checkpoint.bytes());
    }

    /// Python as `modelstrap run` starts it.
    fn in_the_project(&self, python: &std::path::Path, code: &str) -> Command {
        self.room.command(&["run", "--", python.to_str().unwrap(), "-c", code])
    }

    /// Python in a shell that knows nothing of the project.
    fn anywhere(&self, python: &std::path::Path, code: &str) -> Command {
        let mut command = self.room.program(python);
        command.args(["-c", code]);
        command
    }

    /// `verify` knows the digests of Whisper's real weights: what stands in for them in `tiny.pt` and in the fixture's `base.pt` is
    /// what it finds, and nothing else.
    pub(crate) fn all_but_the_stand_ins_is_whole(&self) {
        let found = self.room.run(&["verify", "--json"]).expect(3).json();
        let mut damaged: Vec<_> =
            found["findings"].as_array().unwrap().iter().map(|one| one["path"].to_string()).collect();
        damaged.sort();
        assert_eq!(damaged, ["base.pt", "tiny.pt"].map(|name| format!("\"@/p/.cache/whisper/{name}\"")), "{found:#}");
    }

    pub(crate) fn everything_loads_offline(&self) {
        let code = "
from huggingface_hub import snapshot_download
paths = {name: snapshot_download('org/' + name) for name in ('asr', 'twin', 'home', 'old')}
assert open(paths['asr'] + '/nested/vocab.txt').read() == 'a\\nb\\n'
print(json.dumps(sorted(paths)))";
        for python in [&self.new, &self.old] {
            let found = crate::support::offline::ask(&self.room, python, code);
            assert_eq!(found, serde_json::json!(["asr", "home", "old", "twin"]), "{}", python.display());
        }
        libraries::load(&self.room, &self.made);
    }

    /// `hf cache ls` shows every repository without a warning, and `hf cache verify` finds each as the hub has it.
    pub(crate) fn the_official_tool_agrees(&self) {
        let hf = self.new.parent().unwrap().join("hf");
        let hf = |arguments: &[&str]| {
            let all = [&["run", "--", hf.to_str().unwrap()], arguments].concat();
            self.room.ran(self.room.command(&all).env("NO_COLOR", "1")).expect(0)
        };
        let listed = hf(&["cache", "ls", "--show-warnings", "--format", "json"]);
        let mut ids: Vec<_> = listed.json().as_array().unwrap().iter().map(|one| one["id"].to_string()).collect();
        ids.sort();
        let wanted = ["Systran/faster-whisper-base", "org/asr", "org/home", "org/old", "org/twin"];
        assert_eq!(ids, wanted.map(|id| format!("\"model/{id}\"")), "{listed:?}");
        assert!(!listed.err.to_lowercase().contains("warn"), "{}", listed.err);
        for id in wanted {
            hf(&["cache", "verify", id]);
        }
    }
}
