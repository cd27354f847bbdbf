//! The proof of a setup is never our own file: the real libraries resolve to our paths, with the network shut.
//!
//! `MODELSTRAP_TEST_PYTHON` names an interpreter with huggingface_hub 2.4.0 (and openai-whisper),
//! `MODELSTRAP_TEST_PYTHON_OLD` one with 0.36.0. Without them whatever the usual Python has is used.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::support::python;
use crate::support::python::{House, NO_NETWORK, STUBBED_WHISPER, good, python_with};
use modelstrap::support::vars::Vars;
use serde_json::Value;

const NEW: &str = "MODELSTRAP_TEST_PYTHON";
const OLD: &str = "MODELSTRAP_TEST_PYTHON_OLD";

/// Runs Python code within `modelstrap run`, and reads the JSON object that it prints.
fn ask(house: &House, python: &Path, code: &str) -> BTreeMap<String, Value> {
    let code = format!("{NO_NETWORK}\n{code}");
    let text = good(&mut house.modelstrap(&["run", "--", python.to_str().unwrap(), "-c", &code]));
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

fn text(house: &House, path: &str) -> Value {
    house.project.join(path).to_str().unwrap().into()
}

fn resolves_to_our_paths(variable: &str) {
    let Some(python) = python_with(variable, "huggingface_hub") else { return };
    let house = House::pipeline("it's a pipeline");
    house.set_up();
    let seen = ask(
        &house,
        &python,
        "from huggingface_hub import constants as c
print(json.dumps({n: str(getattr(c, n)) for n in ('HF_HOME', 'HF_HUB_CACHE', 'HF_XET_CACHE', 'HF_TOKEN_PATH')}))",
    );
    let wanted: BTreeMap<String, Value> = [
        ("HF_HOME", text(&house, ".cache/huggingface")),
        ("HF_HUB_CACHE", text(&house, ".cache/huggingface/hub")),
        ("HF_XET_CACHE", text(&house, ".cache/huggingface/xet")),
        ("HF_TOKEN_PATH", house.at("home/.cache/huggingface/token").to_str().unwrap().into()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    assert_eq!(seen, wanted, "{variable}");

    // The login is found where the user made it, before the project was set up.
    fs::create_dir_all(house.at("home/.cache/huggingface")).unwrap();
    fs::write(house.at("home/.cache/huggingface/token"), "hf_of_the_user\n").unwrap();
    let seen =
        ask(&house, &python, "import huggingface_hub; print(json.dumps({'token': huggingface_hub.get_token()}))");
    assert_eq!(seen["token"], "hf_of_the_user", "{variable}");

    let seen = ask(
        &house,
        &python,
        &format!(
            "{PLACE}
from huggingface_hub import constants, snapshot_download, try_to_load_from_cache
place(constants.HF_HUB_CACHE, 'org/tiny', {{'config.json': (b'{{}}', False), 'model.safetensors': (b'weights', True)}})
found = snapshot_download('org/tiny', local_files_only=True)
weights = try_to_load_from_cache('org/tiny', 'model.safetensors')
print(json.dumps({{'found': found, 'files': sorted(os.listdir(found)), 'weights': open(weights).read()}}))"
        ),
    );
    let found = format!(".cache/huggingface/hub/models--org--tiny/snapshots/{}", "a".repeat(40));
    assert_eq!(seen["found"], text(&house, &found), "{variable}");
    assert_eq!(seen["files"], serde_json::json!(["config.json", "model.safetensors"]), "{variable}");
    assert_eq!(seen["weights"], "weights", "{variable}");
}

/// A repository in the layout of the hub's cache, as a download leaves it.
const PLACE: &str = r#"
import hashlib
def place(cache, repo_id, files, commit="a"*40, kind="model", ref="main"):
    root = os.path.join(cache, f"{kind}s--" + repo_id.replace("/", "--")); snap = os.path.join(root, "snapshots", commit)
    os.makedirs(os.path.join(root, "blobs"), exist_ok=True); os.makedirs(os.path.join(root, "refs"), exist_ok=True)
    for name, (data, lfs) in files.items():
        etag = hashlib.sha256(data).hexdigest() if lfs else hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        dst = os.path.join(snap, *name.split("/")); os.makedirs(os.path.dirname(dst), exist_ok=True)
        blob = os.path.join(root, "blobs", etag); open(blob, "wb").write(data)
        os.symlink(os.path.relpath(blob, os.path.dirname(dst)), dst)
    open(os.path.join(root, "refs", ref), "w").write(commit)  # last, and without a newline
"#;

#[test]
fn the_newest_huggingface_hub_finds_models_and_login_where_setup_says() {
    resolves_to_our_paths(NEW);
}

#[test]
fn an_old_huggingface_hub_finds_models_and_login_where_setup_says() {
    if Vars::from_process().raw(OLD).is_none() {
        return python::skipped(&format!("{OLD} is not set: huggingface_hub 0.36 was not asked"));
    }
    resolves_to_our_paths(OLD);
}

#[test]
fn shared_blobs_are_off_only_while_an_environment_has_an_old_huggingface_hub() {
    let manifest = "[environments.a]\npath = \"venv/a\"\n";
    let package = "venv/a/lib/python3.11/site-packages/huggingface_hub";
    let says = |version: &str| {
        let house = House::bare("p");
        fs::write(house.project.join("modelstrap.toml"), manifest).unwrap();
        fs::create_dir_all(house.project.join(package)).unwrap();
        let dist = house.project.join(format!("{package}-{version}.dist-info"));
        fs::create_dir_all(&dist).unwrap();
        fs::write(dist.join("METADATA"), format!("Name: huggingface_hub\nVersion: {version}\n")).unwrap();
        fs::write(house.project.join(package).join("__init__.py"), format!("__version__ = \"{version}\"\n")).unwrap();
        house.variables().get("HF_HUB_DISABLE_SHARED_BLOBS").cloned()
    };
    assert_eq!(says("0.36.0").as_deref(), Some("1"));
    assert_eq!(says("1.31.9").as_deref(), Some("1"));
    assert_eq!(says("1.32.0"), None);
    assert_eq!(says("2.4.0"), None);
}

/// The real environments, as the project would hold them: links to where they were made.
#[test]
fn the_installed_huggingface_hub_decides_about_shared_blobs() {
    for (variable, wanted) in [(OLD, Some("1")), (NEW, None)] {
        let Some(python) = Vars::from_process().raw(variable).map(std::path::PathBuf::from) else {
            python::skipped(&format!("{variable} is not set: its environment was not looked at"));
            continue;
        };
        let Some(environment) = python.parent().and_then(Path::parent) else { continue };
        let house = House::bare("p");
        fs::write(
            house.project.join("modelstrap.toml"),
            format!("[environments.a]\npath = '{}'\n", environment.display()),
        )
        .unwrap();
        assert_eq!(house.variables().get("HF_HUB_DISABLE_SHARED_BLOBS").map(String::as_str), wanted, "{variable}");
    }
}

/// The package's own `load_model` chooses the folder and its own `_download` checks the bytes; only what computes is stubbed.
const WHISPER: &str = r#"
import hashlib
seen = {}
real = whisper._download
def download(url, root, in_memory):
    seen['root'] = root
    data = b'seventeen bytes!!'
    digest = hashlib.sha256(data).hexdigest()
    with open(os.path.join(root, 'tiny.pt'), 'wb') as file: file.write(data)
    seen['found'] = real(f'https://example.org/{digest}/tiny.pt', root, in_memory)
    raise SystemExit(print(json.dumps(seen)))
whisper._download = download
os.makedirs(os.path.join(os.environ['XDG_CACHE_HOME'], 'whisper'), exist_ok=True)
whisper.load_model('tiny', device='cpu')
"#;

#[test]
fn the_real_openai_whisper_takes_its_model_from_the_cache_within_run() {
    let Some(python) = whisper_python() else { return };
    let house = House::pipeline("speech-pipeline");
    house.set_up();
    let seen = ask(&house, &python, &format!("{STUBBED_WHISPER}{WHISPER}"));
    assert_eq!(seen["root"], text(&house, ".cache/whisper"));
    assert_eq!(seen["found"], text(&house, ".cache/whisper/tiny.pt"));
}

/// Asks where the package is without importing it: it would want torch.
fn whisper_python() -> Option<std::path::PathBuf> {
    let python = python::python()?;
    let code = "import importlib.util as u, sys; s = u.find_spec('whisper'); sys.exit(not (s and s.origin and 'load_model' in open(s.origin).read()))";
    if std::process::Command::new(&python).args(["-c", code]).status().unwrap().success() {
        return Some(python);
    }
    python::skipped(&format!("{} has no openai-whisper (pip install --no-deps openai-whisper)", python.display()));
    None
}

#[test]
fn the_real_torch_hub_keeps_its_checkpoints_in_the_cache() {
    let Some(python) = python_with("MODELSTRAP_TEST_PYTHON_TORCH", "torch") else { return };
    let house = House::pipeline("speech-pipeline");
    house.set_up();
    let seen = ask(&house, &python, "import torch; print(json.dumps({'hub': torch.hub.get_dir()}))");
    assert_eq!(seen["hub"], text(&house, ".cache/torch/hub"));
}
