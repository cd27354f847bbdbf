//! The libraries with weights: what they make before, they must load and compute with after.

use std::path::PathBuf;

use serde_json::Value;

use crate::support::hub::Content;
use crate::support::makers::{self, FASTER_ASKED, WHISPER_ASKED, bytes, interpreter};
use crate::support::offline::ask;
use crate::support::project::Room;
use crate::support::zoo::Zoo;

/// What the libraries made, and what it computes.
pub(crate) struct Made {
    whisper: (Content, String, Option<(PathBuf, Value)>),
    faster: Option<(PathBuf, Value)>,
}

impl Made {
    /// Whisper's checkpoint and faster-whisper's model, served where their libraries look; stand-ins where one is not installed.
    pub(crate) fn by_the_libraries(room: &Room, zoo: &Zoo) -> Self {
        let folder = |name: &str| room.path().join("made").join(name);
        let python = interpreter("MODELSTRAP_TEST_PYTHON_WHISPER", "whisper, torch");
        let said = python.map(|python| {
            let (_, said) = makers::whisper(room, &python, &folder("whisper"));
            (python, said)
        });
        let content = match &said {
            Some(_) => Content::from(bytes(&folder("whisper"), "tiny.pt")),
            None => Content::pattern(5, 2 << 20),
        };
        let url = zoo.whisper.whisper_model("tiny.pt", &content);
        let python = interpreter("MODELSTRAP_TEST_PYTHON_FASTER_WHISPER", "faster_whisper");
        let faster = python.map(|python| {
            let said = makers::faster_whisper(room, &python, &folder("faster"));
            (python, said)
        });
        let file = |name: &str| match &faster {
            Some(_) => Content::from(bytes(&folder("faster"), name)),
            None => Content::pattern(6, 100_000),
        };
        zoo.hub
            .model("Systran/faster-whisper-base")
            .file("config.json", file("config.json"))
            .file("tokenizer.json", file("tokenizer.json"))
            .file("vocabulary.json", file("vocabulary.json"))
            .lfs("model.bin", file("model.bin"))
            .commit();
        modelstrap::support::delete::tree(&room.path().join("made"), room.path()).unwrap();
        Self { whisper: (content, url, said), faster }
    }

    pub(crate) fn whisper(&self) -> Vec<u8> {
        self.whisper.0.bytes()
    }

    /// The lock is written as it would be if the catalogue had our checkpoint.
    pub(crate) fn lock_our_own(&self, room: &Room) {
        makers::lock_our_own(room, &self.whisper.0);
    }
}

/// Each library that is installed loads its model by its name and computes what it computed when it was made.
pub(crate) fn load(room: &Room, made: &Made) {
    let (_, url, whisper) = &made.whisper;
    if let Some((python, said)) = whisper {
        let code = format!(
            "{WHISPER_ASKED}
whisper._MODELS['tiny'] = {url:?}
print(json.dumps(asked(whisper.load_model('tiny', device='cpu'))))"
        );
        assert_eq!(&ask(room, python, &code), said);
    }
    if let Some((python, said)) = &made.faster {
        let code = format!(
            "{FASTER_ASKED}\nfrom faster_whisper import WhisperModel\nprint(json.dumps(asked(WhisperModel('base', device='cpu'))))"
        );
        assert_eq!(&ask(room, python, &code), said);
    }
    if let Some(python) = interpreter("MODELSTRAP_TEST_PYTHON_TORCH", "torch") {
        let code = "
import torch
folder = os.path.join(torch.hub.get_dir(), 'checkpoints')
name, = os.listdir(folder)
import torch.hub
assert torch.hub.HASH_REGEX.search(name), name
print(json.dumps(os.path.getsize(os.path.join(folder, name))))";
        assert_eq!(ask(room, &python, code), Value::from(2 << 20));
    }
}
