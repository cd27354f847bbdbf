//! From a manifest to models that the real libraries load with the network shut: one `setup --yes`, then Python in a process
//! that `modelstrap run` started.
//!
//! `MODELSTRAP_TEST_PYTHON` names an interpreter with huggingface_hub 2.4.0 and openai-whisper, `MODELSTRAP_TEST_PYTHON_OLD` one
//! with 0.36.0, `MODELSTRAP_TEST_PYTHON_TORCH` one with torch, `MODELSTRAP_TEST_PYTHON_TRANSFORMERS` one with transformers, and
//! `MODELSTRAP_TEST_PYTHON_FASTER_WHISPER` one with faster-whisper. What is not there is skipped, aloud.
//!
//! What this cannot prove: that Whisper's real weights come, since their digests are in the catalogue and nobody can make other
//! bytes with them. So other bytes must be refused, and the library is shown a small file at the path that is meant for them.
//! Weights that the libraries load, made by themselves, are in `real_weights.rs`.
#![cfg(unix)]

use std::path::Path;
use std::process::Command;

use crate::support::hub::Content;
use crate::support::offline::ask;
use crate::support::project::Room;
use crate::support::python::{STUBBED_WHISPER, python as usual, python_with, skipped};
use crate::support::zoo::Zoo;
use modelstrap::support::digest;
use serde_json::{Value, json};

const TOKEN: &str = "hf_reader_of_pyannote";

const MODELS: &str = r#"
[models]
bert = { source = "hf:org/bert", exclude = ["*.h5"] }
whisper = "faster-whisper:tiny"
diarize = { source = "pyannote:speaker-diarization-3.1", gated = true }
vad = "torch-hub:owner/tiny-repo"
data = "hf:datasets/org/speech"
weights = "url:https://files.example.org/weights.bin"
"#;

const NLP: &str = "nlp = { source = \"spacy:xx_tiny_model\", environment = \"common\" }\n";

/// A tokenizer of five words, as transformers saves one.
fn tokenizer() -> Value {
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null,
        "model": {"type": "WordLevel", "vocab": {"[UNK]": 0, "hello": 1, "world": 2}, "unk_token": "[UNK]"},
    })
}

fn serve(zoo: &Zoo) {
    zoo.hub
        .model("org/bert")
        .file(
            "config.json",
            json!({"model_type": "bert", "hidden_size": 24, "num_attention_heads": 2, "vocab_size": 3}),
        )
        .file("tokenizer.json", tokenizer())
        .file("tokenizer_config.json", json!({"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "[UNK]"}))
        .lfs("model.safetensors", Content::pattern(20, 12 << 20))
        .lfs("tf_model.h5", Content::pattern(21, 12 << 20))
        .commit();
    let gated = |id: &str| zoo.hub.model(id).gated().readable_with(TOKEN);
    gated("pyannote/speaker-diarization-3.1").file("config.yaml", "pipeline: {}\n").commit();
    gated("pyannote/segmentation-3.0")
        .file("config.yaml", "task: {}\n")
        .lfs("pytorch_model.bin", Content::pattern(22, 50_000))
        .commit();
    zoo.hub
        .model("pyannote/wespeaker-voxceleb-resnet34-LM")
        .lfs("pytorch_model.bin", Content::pattern(23, 60_000))
        .commit();
    gated("pyannote/speaker-diarization-community-1")
        .lfs("plda/plda.npz", Content::pattern(24, 9_000))
        .lfs("plda/xvec_transform.npz", Content::pattern(25, 9_000))
        .lfs("embedding/pytorch_model.bin", Content::pattern(26, 60_000))
        .commit();
}

/// A wheel of one module and what the format demands.
const WHEEL: &str = r#"
import sys, zipfile
info = 'xx_tiny_model-1.2.0.dist-info/'
files = {
    'xx_tiny_model/__init__.py': '__version__ = "1.2.0"\n',
    'xx_tiny_model/meta.json': '{"lang": "xx", "name": "tiny_model"}',
    info + 'METADATA': 'Metadata-Version: 2.1\nName: xx_tiny_model\nVersion: 1.2.0\n',
    info + 'WHEEL': 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
}
record = ''.join(f'{name},,\n' for name in [*files, info + 'RECORD'])
with zipfile.ZipFile(sys.argv[1], 'w') as wheel:
    for name, text in {**files, info + 'RECORD': record}.items(): wheel.writestr(name, text)
"#;

/// The environment `common`, and a wheel for it on GitHub; false where there is no Python that can make them.
fn environment(zoo: &Zoo, room: &Room) -> bool {
    let Some(python) = usual() else { return false };
    let made = room.path().join("made.whl");
    let run = |arguments: &[&str]| Command::new(&python).args(arguments).output().unwrap().status.success();
    if !run(&["-m", "venv", room.place("venv/common").to_str().unwrap()]) {
        skipped(&format!("{} cannot make a virtual environment", python.display()));
        return false;
    }
    assert!(run(&["-c", WHEEL, made.to_str().unwrap()]));
    zoo.github.spacy_model("3.8", "xx_tiny_model", "1.2.0", std::fs::read(&made).unwrap());
    true
}

/// Everything that huggingface_hub is asked by libraries: whole snapshots, single files, nested repositories.
const HUB: &str = "
from huggingface_hub import hf_hub_download, snapshot_download
seen = {
    'bert': sorted(os.listdir(snapshot_download('org/bert', ignore_patterns=['*.h5']))),
    'weights': os.path.getsize(hf_hub_download('org/bert', 'model.safetensors')),
    'whisper': sorted(os.listdir(snapshot_download('Systran/faster-whisper-tiny'))),
    'data': os.path.getsize(hf_hub_download('org/speech', 'data/train.parquet', repo_type='dataset')),
    'diarize': [os.path.getsize(hf_hub_download(*one)) for one in (
        ('pyannote/speaker-diarization-3.1', 'config.yaml'),
        ('pyannote/segmentation-3.0', 'pytorch_model.bin'),
        ('pyannote/wespeaker-voxceleb-resnet34-LM', 'pytorch_model.bin'),
        ('pyannote/speaker-diarization-community-1', 'plda/plda.npz'),
    )],
}
print(json.dumps(seen))";

fn hub_finds_them(room: &Room, variable: &str) {
    let Some(python) = python_with(variable, "huggingface_hub") else { return };
    let expected = json!({
        "bert": ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"],
        "weights": 12 << 20,
        "whisper": ["config.json", "model.bin", "tokenizer.json", "vocabulary.txt"],
        "data": 50_000,
        "diarize": [13, 50_000, 60_000, 9_000],
    });
    assert_eq!(ask(room, &python, HUB), expected, "{variable}");
}

fn torch_loads_the_repository(room: &Room) {
    let Some(python) = python_with("MODELSTRAP_TEST_PYTHON_TORCH", "torch") else { return };
    let code = "
import torch
print(json.dumps(torch.hub.load('owner/tiny-repo:main', 'model', trust_repo='check')))";
    assert_eq!(ask(room, &python, code), 42);
}

fn transformers_loads_configuration_and_tokenizer(room: &Room) {
    let Some(python) = python_with("MODELSTRAP_TEST_PYTHON_TRANSFORMERS", "transformers") else { return };
    let code = "
from transformers import AutoConfig, AutoTokenizer
print(json.dumps([AutoConfig.from_pretrained('org/bert').hidden_size, AutoTokenizer.from_pretrained('org/bert')('hello world')['input_ids']]))";
    assert_eq!(ask(room, &python, code), json!([24, [1, 2]]));
}

/// The package's own `download_model`: that it loads what has weights is in `real_weights.rs`.
fn faster_whisper_finds_its_model(room: &Room) {
    let Some(python) = python_with("MODELSTRAP_TEST_PYTHON_FASTER_WHISPER", "faster_whisper") else { return };
    let code = "
from faster_whisper import download_model
print(json.dumps(sorted(os.listdir(download_model('tiny', local_files_only=True)))))";
    let expected = json!(["config.json", "model.bin", "tokenizer.json", "vocabulary.txt"]);
    assert_eq!(ask(room, &python, code), expected);
}

#[test]
fn one_setup_brings_every_model_to_where_the_real_libraries_load_it_without_network() {
    let zoo = Zoo::start();
    serve(&zoo);
    let room = zoo.leading(Room::fixture());
    room.append("modelstrap.toml", MODELS);
    room.write("config/secrets.json", json!({"pyannote_token": TOKEN}).to_string());
    let with_environment = environment(&zoo, &room);
    if with_environment {
        room.append("modelstrap.toml", NLP);
    }

    let ran = room.run(&["setup", "--yes"]).expect(0);
    for name in ["bert", "whisper", "diarize", "vad", "data", "weights"] {
        assert!(ran.err.lines().any(|line| line.starts_with(&format!("{name}: done, "))), "{name}\n{}", ran.err);
    }

    hub_finds_them(&room, "MODELSTRAP_TEST_PYTHON");
    hub_finds_them(&room, "MODELSTRAP_TEST_PYTHON_OLD");
    torch_loads_the_repository(&room);
    transformers_loads_configuration_and_tokenizer(&room);
    faster_whisper_finds_its_model(&room);
    if with_environment {
        let python = room.place("venv/common/bin/python");
        let code = "import xx_tiny_model as m; print(json.dumps(m.__version__))";
        assert_eq!(ask(&room, &python, code), "1.2.0");
    }
    let path = room.run(&["models", "path", "weights"]).expect(0).out;
    let path = path.trim_end().replace('@', room.path().to_str().unwrap());
    assert_eq!(std::fs::read(path).unwrap(), Content::pattern(11, 5_000).bytes());

    // Everything is locked and here: nobody is asked anything, and no file changes.
    zoo.hub.forget();
    let before = room.tree();
    for arguments in [&["setup", "--yes"][..], &["models", "download", "--frozen"], &["models", "download", "--locked"]]
    {
        room.run(arguments).expect(0);
        let asked: Vec<String> = zoo.hub.requests().iter().map(|seen| format!("{seen:?}")).collect();
        assert_eq!(asked, Vec::<String>::new(), "{arguments:?}");
    }
    room.tree().assert_eq(&before, "a second setup");
}

/// Real weights cannot be made; the way of everything but their bytes can be shown.
const WHISPER: &str = r"
whisper._MODELS['tiny'] = os.environ['URL']
real = whisper._download
def download(*arguments): raise SystemExit(print(json.dumps(real(*arguments))))
whisper._download = download
whisper.load_model('tiny', device='cpu')
";

#[test]
fn other_bytes_than_whispers_are_refused_and_the_library_looks_where_its_own_would_lie() {
    let zoo = Zoo::start();
    let room = zoo.leading(Room::fixture());
    room.append(
        "modelstrap.toml",
        "[models]\nwhisper = \"openai-whisper:tiny\"\nvad = \"torch-hub:owner/tiny-repo\"\n",
    );
    let sha256 = "65147644a518d12f04e32d6f3b26facc3f8dd46e5390956a9424a650c0ce22b9";
    zoo.whisper.file(&format!("/main/whisper/models/{sha256}/tiny.pt"), Content::pattern(30, 75_572_083));

    let ran = room.run(&["setup", "--yes"]).expect(1);
    let told = format!("expected sha256:{sha256}");
    assert!(ran.err.contains("error: whisper is not here: ") && ran.err.contains(&told), "{}", ran.err);
    assert!(ran.err.contains("vad: done"), "the other one came:\n{}", ran.err);
    assert!(room.exists("config/hardware_cache.json") && !room.exists(".cache/whisper/tiny.pt"), "the setup is done");

    let missing = room.run(&["models", "verify", "whisper", "--json"]).expect(3).json();
    let shown = missing["findings"][0]["path"].as_str().unwrap();
    let path = shown.replace('@', room.path().to_str().unwrap());
    let bytes = b"seventeen bytes!!";
    std::fs::create_dir_all(Path::new(&path).parent().unwrap()).unwrap();
    std::fs::write(&path, bytes).unwrap();
    let python = usual().filter(|python| {
        let code = "import importlib.util as u, sys; sys.exit(not u.find_spec('whisper'))";
        Command::new(python).args(["-c", code]).status().unwrap().success()
    });
    let Some(python) = python else {
        return skipped("there is no Python with openai-whisper (set MODELSTRAP_TEST_PYTHON)");
    };
    let url = format!("https://openaipublic.azureedge.net/main/whisper/models/{}/tiny.pt", digest::sha256(bytes));
    let room = room.with("URL", &url);
    assert_eq!(ask(&room, &python, &format!("{STUBBED_WHISPER}{WHISPER}")), shown);
}
