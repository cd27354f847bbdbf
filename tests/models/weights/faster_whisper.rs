//! faster-whisper: a model in CTranslate2's form, which brings a tokenizer and a vocabulary of its own.

use crate::support::makers::{FASTER_ASKED, bytes, faster_whisper, interpreter};
use crate::support::offline::ask;
use crate::support::zoo::Zoo;

#[test]
fn faster_whisper_loads_a_downloaded_model_by_its_name_and_computes_with_it() {
    let Some(python) = interpreter("MODELSTRAP_TEST_PYTHON_FASTER_WHISPER", "faster_whisper") else { return };
    let zoo = Zoo::start();
    let room = zoo.project("speech = \"faster-whisper:base\"\n");
    let folder = room.path().join("made");
    let made = faster_whisper(&room, &python, &folder);
    zoo.hub
        .model("Systran/faster-whisper-base")
        .file("README.md", "Whisper.\n")
        .file("config.json", bytes(&folder, "config.json"))
        .file("tokenizer.json", bytes(&folder, "tokenizer.json"))
        .file("vocabulary.json", bytes(&folder, "vocabulary.json"))
        .lfs("model.bin", bytes(&folder, "model.bin"))
        .commit();
    room.run(&["models", "download"]).expect(0);
    let code = format!(
        "{FASTER_ASKED}
from faster_whisper import WhisperModel
print(json.dumps([asked(WhisperModel(*name, device='cpu')) for name in (['base'], ['Systran/faster-whisper-base'])]))"
    );
    assert_eq!(ask(&room, &python, &code), serde_json::json!([made, made]));
}
