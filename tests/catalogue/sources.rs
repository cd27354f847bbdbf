//! What a source places, the real library takes, with the network shut; and the catalogue of models refuses each mistake.
//!
//! `MODELSTRAP_TEST_PYTHON` names an interpreter with openai-whisper, `MODELSTRAP_TEST_PYTHON_TORCH` one with torch. Without them
//! whatever the usual Python has is used, and what it lacks is skipped, aloud.

#[path = "../../build/models.rs"]
mod build;

use super::texts;
use modelstrap::catalogue::{libraries, models};
use modelstrap::models::sources::{expand, openai_whisper, torchaudio};

const GOOD: &str = r#"
[common]
reader = "torch"
license = "MIT"
evidence = ["one 1.0 a.py:1"]

[[model]]
name = "one"
aliases = ["uno"]
spec = "torchaudio:ONE"
files = [{ path = "one.pt", url = "https://example.org/one.pt", size = 3, sha256 = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" }]

[[model]]
name = "two"
spec = "pyannote:two"
gated = true
size = 10
[[model.part]]
repo = "owner/two"
commit = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
gated = true
files = [{ path = "a/two.bin", size = 4 }]
"#;

/// What the build says about [`GOOD`] after `from` became `to`.
fn complaint(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from} is not in the example");
    build::parse(&[("test".to_owned(), GOOD.replacen(from, to, 1))], &["torch"]).expect_err(to)
}

#[test]
fn good_entries_are_written_down_as_rust_with_their_size() {
    let models = build::parse(&[("test".to_owned(), GOOD.to_owned())], &["torch"]).unwrap();
    let text = build::render(&models);
    let one = r#"Known { name: "one", aliases: &["uno"], spec: "torchaudio:ONE", reader: "torch", size: Some(3), license: Some("MIT"),"#;
    assert!(text.contains(one), "{text}");
    assert!(
        text.contains(r#"name: "two", aliases: &[], spec: "pyannote:two", reader: "torch", size: Some(10),"#),
        "{text}"
    );
}

#[test]
fn each_mistake_in_the_catalogue_of_models_is_named() {
    let cases = [
        ("name = \"two\"", "name = \"Uno\"", "two twice", "Uno: the name, alias or spec \"Uno\" is there twice"),
        ("name = \"two\"", "name = \"a:b\"", "spec", "a:b: a bare name has no `:`, `/` or `@`"),
        ("\"pyannote:two\"", "\"nobody:two\"", "source", "two: \"nobody:two\" is no spec"),
        ("reader = \"torch\"", "reader = \"tensor\"", "reader", "one: the reader Some(\"tensor\") is no library"),
        ("evidence = [\"one 1.0 a.py:1\"]", "evidence = []", "evidence", "catalogue/models/test.toml: has no evidence"),
        ("https://example.org", "http://example.org", "url", "one: one.pt: has no https URL"),
        ("https://example.org", "https://me@example.org", "url", "one: one.pt: has no https URL"),
        ("size = 3", "size = 0", "size", "one: one.pt: is empty"),
        ("size = 10", "size = 1", "size", "two: is smaller than its files"),
        ("\"aaaa", "\"AAAA", "digest", "one: one.pt: sha256 is 64 lower-case hexadecimal digits"),
        ("\"bbbb", "\"bbb", "commit", "two: Some(\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\") is no commit"),
        ("a/two.bin", "../two.bin", "path", "two: \"../two.bin\" is no plain path"),
        ("\"owner/two\"", "\"owner/two/three\"", "repo", "two: \"owner/two/three\" is no repository of the Hub"),
        ("gated = true\nsize", "size", "gated", "two: `gated` says the same as its parts"),
        ("size = 10", "size = 10\nwhisper = \"huge\"", "whisper", "two: \"huge\" is not among the recommended sizes"),
        ("aliases", "alias", "field", "unknown field `alias`"),
    ];
    for (from, to, what, wanted) in cases {
        let said = complaint(from, to);
        assert!(said.contains(wanted), "{what}: {said}");
    }
}

#[test]
fn what_the_program_knows_is_what_the_files_say() {
    let ids: Vec<_> = libraries().iter().map(|library| library.id).collect();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/catalogue/models");
    let text = build::render(&build::parse(&texts::read(&folder).unwrap(), &ids).unwrap());
    assert_eq!(text.lines().count(), models::all().len() + 2);
}

#[test]
fn every_well_known_model_of_a_source_resolves_by_each_of_its_specs() {
    for known in models::all() {
        assert!(libraries().iter().any(|library| library.id == known.reader), "{}", known.name);
        for spec in known.names() {
            let resolved = match spec.split_once(':') {
                Some(("openai-whisper", name)) => openai_whisper::resolve(name).map(|_| ()),
                Some(("torchaudio", name)) => torchaudio::resolve(name).map(|_| ()),
                Some(("faster-whisper", name)) => expand::faster_whisper(name).map(|_| ()),
                Some(("mlx-whisper", name)) => expand::mlx_whisper(name).map(|_| ()),
                Some(("pyannote", name)) => expand::pyannote(name).map(|_| ()),
                Some(("sentence-transformers", name)) => expand::sentence_transformers(name).map(|_| ()),
                _ => Ok(()),
            };
            assert!(resolved.is_ok(), "{spec}: {resolved:?}");
        }
    }
}

#[cfg(unix)]
mod real {
    use crate::support::python::{STUBBED_WHISPER, good, python as usual, python_with, skipped};
    use modelstrap::environments::packages;
    use modelstrap::fetch::Digest;
    use modelstrap::models::homes::Homes;
    use modelstrap::models::locked::{File, FilesHome, Part, Place};
    use modelstrap::models::sources;
    use modelstrap::models::sources::{FileState, finish, state, torch_hub, visible, wheel};
    use modelstrap::support::digest;
    use modelstrap::support::vars::Vars;
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::process::Command;

    const TORCH: &str = "MODELSTRAP_TEST_PYTHON_TORCH";

    /// No network, as a machine without one answers: an `OSError`.
    const NO_NETWORK: &str = "
import json, os, socket, sys
def refuse(*arguments, **more): raise OSError('the network is shut')
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
";

    /// Runs `code` with the network shut and only the library's own variables set.
    fn ask(python: &Path, variables: &[(&str, &Path)], code: &str) -> serde_json::Value {
        let mut command = Command::new(python);
        let path = Vars::from_process().raw("PATH").unwrap_or_default().to_owned();
        command
            .env_clear()
            .env("PATH", path)
            .env("HOME", "/nonexistent")
            .args(["-c", &format!("{NO_NETWORK}\n{code}")]);
        command.envs(variables.iter().copied());
        serde_json::from_str(good(&mut command).lines().last().unwrap()).unwrap()
    }

    /// Does what the download does: each artifact's bytes under its destination, then what comes after.
    fn place(part: &Part, homes: &Homes, content: impl Fn(&str) -> Vec<u8>) {
        for file in &part.files {
            let artifact = sources::artifact(&part.place, file, 0, homes).unwrap().unwrap();
            fs::create_dir_all(artifact.destination.parent().unwrap()).unwrap();
            fs::write(&artifact.destination, content(&file.path)).unwrap();
        }
        finish(part, homes).unwrap();
        for file in &part.files {
            assert_eq!(state(&part.place, file, homes).unwrap(), Some(FileState::Here), "{}", file.path);
        }
    }

    fn file(path: &str, url: &str, bytes: &[u8]) -> File {
        let digest = Digest::from_hex(&digest::sha256(bytes));
        File { path: path.to_owned(), size: Some(bytes.len() as u64), digest, url: Some(url.to_owned()) }
    }

    /// The package's own `load_model` and `_download`; only what computes is stubbed, and the digest is a small file's.
    const WHISPER: &str = r#"
import urllib.request
whisper._MODELS['turbo'] = os.environ['URL']
real = whisper._download
def download(*arguments):
    try: answer = real(*arguments)
    except OSError as error: answer = 'asked the network: ' + type(error).__name__
    raise SystemExit(print(json.dumps(answer)))
whisper._download = download
whisper.load_model('turbo', device='cpu')
"#;

    #[test]
    fn the_real_openai_whisper_accepts_the_placed_file_by_its_digest_without_network() {
        let python = usual();
        let Some(python) = python.filter(|python| {
            let code = "import importlib.util as u, sys; sys.exit(not u.find_spec('whisper'))";
            Command::new(python).args(["-c", code]).status().unwrap().success()
        }) else {
            return skipped("there is no Python with openai-whisper (set MODELSTRAP_TEST_PYTHON)");
        };
        let room = tempfile::tempdir().unwrap();
        let homes = Homes::under(room.path());
        let bytes = b"seventeen bytes!!";
        let mut part = super::openai_whisper::resolve("turbo").unwrap();
        let name = part.files[0].path.clone();
        let url = format!("https://openaipublic.azureedge.net/main/whisper/models/{}/{name}", digest::sha256(bytes));
        part.files = vec![file(&name, &url, bytes)].into();
        place(&part, &homes, |_| bytes.to_vec());
        let path = visible(&part.place, &part.files[0], &homes).unwrap().unwrap();

        let seen = || {
            ask(
                &python,
                &[("XDG_CACHE_HOME", room.path()), ("URL", Path::new(&url))],
                &format!("{STUBBED_WHISPER}{WHISPER}"),
            )
        };
        assert_eq!(seen(), path.to_str().unwrap());
        fs::write(&path, b"seventeen bytes!?").unwrap();
        assert_eq!(seen(), "asked the network: URLError", "the library does look at the bytes");
    }

    #[test]
    fn the_real_torch_hub_loads_a_placed_repository_without_network_and_trusts_it() {
        let Some(python) = python_with(TORCH, "torch") else { return };
        let room = tempfile::tempdir().unwrap();
        let homes = Homes::under(room.path());
        let hubconf =
            b"dependencies = ['torch']\nfrom tiny.model import answer\ndef model(pretrained=True): return answer()\n";
        let model = b"def answer(): return 42\n";
        let contents: &[(&str, &[u8])] =
            &[("hubconf.py", hubconf), ("tiny/__init__.py", b""), ("tiny/model.py", model)];
        let files = contents.iter().map(|(path, bytes)| File { url: None, ..file(path, "", bytes) });
        let place_of = |reference: &str| Place::TorchHub {
            owner: "owner".to_owned(),
            repo: "tiny-repo".to_owned(),
            reference: reference.to_owned(),
            commit: "c".repeat(40),
        };
        let content = |wanted: &str| contents.iter().find(|(path, _)| *path == wanted).unwrap().1.to_vec();
        let mut part = Part { place: place_of("main"), files: files.collect() };
        place(&part, &homes, content);
        part.place = place_of("feature_x");
        place(&part, &homes, content);

        let seen = ask(
            &python,
            &[("TORCH_HOME", &room.path().join("torch"))],
            "
import builtins, inspect, torch
def asked(*a): raise AssertionError('a person was asked')
builtins.input = asked
seen = {name: torch.hub.load(name, 'model', trust_repo='check') for name in ('owner/tiny-repo:main', 'owner/tiny-repo:feature/x')}
# Only newer versions choose among the folders when they cannot ask which branch is the main one.
if 'URLError' in inspect.getsource(torch.hub._parse_repo_info):
    assert torch.hub.load('owner/tiny-repo', 'model', trust_repo='check') == 42
# A branch whose folder is not there: only the list can make it trusted.
torch.hub._check_repo_is_trusted('owner', 'tiny-repo', 'owner_tiny-repo_other', trust_repo='check')
try:
    torch.hub._check_repo_is_trusted('owner', 'unknown', 'owner_unknown_main', trust_repo='check')
    seen['unknown'] = 'trusted'
except AssertionError as error:
    seen['unknown'] = str(error)
print(json.dumps(seen))",
        );
        assert_eq!(
            seen,
            serde_json::json!({
                "owner/tiny-repo:main": 42, "owner/tiny-repo:feature/x": 42,
                "unknown": "a person was asked",
            })
        );
        // Python has left its own files in the folder; ours are still whole.
        let repo = torch_hub::Repo::of(&part.place).unwrap();
        assert_eq!(torch_hub::state(&repo, &part.files[0], &homes).unwrap(), FileState::Here);
    }

    #[test]
    fn the_real_torch_hub_loads_a_placed_checkpoint_by_its_url_without_network() {
        let Some(python) = python_with(TORCH, "torch") else { return };
        let room = tempfile::tempdir().unwrap();
        let homes = Homes::under(&room.path().join("cache"));
        let made = room.path().join("made.pth");
        let code = format!(
            "import torch; torch.save({{'weight': torch.tensor([1.0, 2.0])}}, {:?}); print(0)",
            made.to_str().unwrap()
        );
        ask(&python, &[], &code);
        let bytes = fs::read(&made).unwrap();
        let name = format!("tiny-{}.pth", &digest::sha256(&bytes)[..8]);
        let url = format!("https://download.pytorch.org/models/{name}");
        let place_of = Place::Files { home: FilesHome::TorchCheckpoints };
        place(&Part { place: place_of, files: vec![file(&name, &url, &bytes)].into() }, &homes, |_| bytes.clone());

        let seen = ask(
            &python,
            &[("TORCH_HOME", &room.path().join("cache/torch")), ("URL", Path::new(&url))],
            "
import torch
state = torch.hub.load_state_dict_from_url(os.environ['URL'], map_location='cpu', check_hash=True)
print(json.dumps(state['weight'].tolist()))",
        );
        assert_eq!(seen, serde_json::json!([1.0, 2.0]));
    }

    /// A virtual environment with pip in it.
    fn environment(python: &Path, at: PathBuf) -> Option<PathBuf> {
        let output = Command::new(python).args(["-m", "venv"]).arg(&at).env_remove("PYTHONPATH").output().unwrap();
        if !output.status.success() {
            skipped(&format!("{} cannot make a virtual environment", python.display()));
        }
        output.status.success().then_some(at)
    }

    /// A wheel of two modules and what the format demands.
    const WHEEL: &str = r#"
import zipfile
version = os.environ['VERSION']
info = f'xx_tiny_model-{version}.dist-info/'
files = {
    'xx_tiny_model/__init__.py': f'__version__ = "{version}"\n',
    'xx_tiny_model/meta.json': '{"lang": "xx", "name": "tiny_model"}',
    info + 'METADATA': f'Metadata-Version: 2.1\nName: xx_tiny_model\nVersion: {version}\nRequires-Dist: not-there-at-all>=3\n',
    info + 'WHEEL': 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
}
record = ''.join(f'{name},,\n' for name in [*files, info + 'RECORD'])
with zipfile.ZipFile(os.environ['WHEEL'], 'w') as wheel:
    for name, text in {**files, info + 'RECORD': record}.items(): wheel.writestr(name, text)
print(0)
"#;

    /// The wheel of `version`, in the cache.
    fn placed_wheel(python: &Path, room: &Path, homes: &Homes, version: &str) -> File {
        let made = room.join("made.whl");
        ask(python, &[("WHEEL", &made), ("VERSION", Path::new(version))], WHEEL);
        let bytes = fs::read(&made).unwrap();
        let name = format!("xx_tiny_model-{version}-py3-none-any.whl");
        let url = format!("https://github.com/explosion/spacy-models/releases/download/xx_tiny_model-{version}/{name}");
        let place_of = Place::Wheel { environment: Some("nlp".to_owned()) };
        let part = Part { place: place_of, files: vec![file(&name, &url, &bytes)].into() };
        place(&part, homes, |_| bytes.clone());
        sources::admit(&part.place, homes, &part.files[0].digest.unwrap()).unwrap();
        part.files[0].clone()
    }

    #[test]
    fn a_wheel_from_the_cache_is_installed_offline_once_and_its_package_imports() {
        let Some(python) = usual() else { return };
        let room = tempfile::tempdir().unwrap();
        let homes = Homes::under(&room.path().join("cache"));
        let Some(environment) = environment(&python, room.path().join("venv")) else { return };
        let seen = || {
            let code = "import xx_tiny_model as m; print(json.dumps([m.__version__, m.__file__]))";
            ask(&environment.join("bin/python"), &[], code)
        };
        for version in ["1.2.0", "1.3.0"] {
            let wheel_file = placed_wheel(&python, room.path(), &homes, version);
            assert!(!wheel::is_installed(&wheel_file, &environment).unwrap());
            assert!(wheel::install(&wheel_file, &homes, &environment).unwrap());
            assert!(!wheel::install(&wheel_file, &homes, &environment).unwrap(), "it is there already");
            assert_eq!(seen()[0], version);
            assert!(seen()[1].as_str().unwrap().contains("/venv/lib/"), "{}", seen());
        }
        // The installer that people use knows all of its files.
        let pip = ["-m", "pip", "uninstall", "--yes", "--quiet", "xx_tiny_model"];
        assert!(Command::new(environment.join("bin/python")).args(pip).status().unwrap().success());
        let site = packages::own_site(&environment).unwrap();
        let left = fs::read_dir(&site).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        assert_eq!(left.filter(|name| name.contains("xx_tiny")).collect::<Vec<_>>(), Vec::<String>::new());
        fs::remove_file(homes.wheels.join("xx_tiny_model-1.2.0-py3-none-any.whl")).unwrap();
        let gone =
            File { path: "xx_tiny_model-1.2.0-py3-none-any.whl".to_owned(), size: None, digest: None, url: None };
        let said = wheel::install(&gone, &homes, &environment).unwrap_err().to_string();
        assert!(said.contains("could not be installed into"), "{said}");
    }
}
