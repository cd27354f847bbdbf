//! After `modelstrap migrate` the real libraries find their models offline, and `hf cache ls` agrees.
#![cfg(unix)]

use std::fs;
use std::path::Path;

use crate::support::desk::{CLIENTS, Desk};
use crate::support::hub::{Content, tree};
use crate::support::project::Ran;
use crate::support::python::python_with;
use serde_json::json;

/// Runs `code` as a user does who has set nothing up: what it fetches lands in the home folder, or where `vars` lead.
fn fetch(desk: &Desk, variable: &str, vars: &[(&str, &str)], code: &str) -> Option<Ran> {
    let python = python_with(variable, "huggingface_hub")?;
    let mut command = desk.room.program(python);
    command.env("PYTHONDONTWRITEBYTECODE", "1").envs(vars.iter().copied()).args(["-c", code]);
    Some(desk.room.ran(&mut command).expect(0))
}

/// What `code` prints in a process that `modelstrap run` started, with nobody to reach.
fn run(desk: &Desk, python: &Path, code: &str) -> String {
    let mut command = desk.room.command(&["run", "--", python.to_str().unwrap(), "-c", code]);
    command.env("HF_HUB_OFFLINE", "1").env("HF_ENDPOINT", "http://127.0.0.1:9").env("PYTHONDONTWRITEBYTECODE", "1");
    desk.room.ran(&mut command).expect(0).out.trim().to_owned()
}

fn repositories(desk: &Desk) {
    desk.hub.model("org/home").file("config.json", "{\"a\": 1}").lfs("model.bin", Content::pattern(1, 90_000)).commit();
    desk.hub
        .model("org/local")
        .file("config.json", "{\"b\": 2}")
        .lfs("sub/model.bin", Content::pattern(2, 70_000))
        .commit();
    desk.hub
        .model("org/split")
        .file("config.json", "{\"c\": 3}")
        .lfs("model.bin", Content::pattern(1, 90_000))
        .commit();
    desk.hub.dataset("org/data").file("a.csv", "1,2").commit();
}

/// What a client says of everything, and that it is what the hub has.
const LOADED: &str = "
from huggingface_hub import snapshot_download, hf_hub_download
import os, hashlib
said = []
for repo, kind in (('org/home', 'model'), ('org/local', 'model'), ('org/split', 'model'), ('org/data', 'dataset')):
    folder = snapshot_download(repo, repo_type=kind)
    files = sorted(os.path.relpath(os.path.join(d, f), folder) for d, _, fs in os.walk(folder) for f in fs)
    said.append([repo, [[f, hashlib.sha256(open(os.path.join(folder, f), 'rb').read()).hexdigest()[:12]] for f in files]])";

#[test]
fn every_client_finds_offline_what_any_client_had_left_elsewhere() {
    for writer in [CLIENTS[0], CLIENTS[2]] {
        let desk = Desk::with("");
        repositories(&desk);
        let home = "from huggingface_hub import snapshot_download
snapshot_download('org/home')
snapshot_download('org/data', repo_type='dataset')
snapshot_download('org/local', local_dir='models/local')";
        if fetch(&desk, writer, &[], home).is_none() {
            return;
        }
        fetch(
            &desk,
            writer,
            &[("HF_HOME", ".cache/huggingface")],
            "from huggingface_hub import snapshot_download\nsnapshot_download('org/split', cache_dir='.cache/huggingface')",
        );
        desk.room.write("~/.cache/huggingface/token", "hf_secret");
        let ran = desk.room.run(&["migrate", "--yes"]).expect(0);
        ran.says(&["token: is the login"]);
        let left: Vec<String> = tree(&desk.room.home()).into_keys().collect();
        let expected: &[&str] = &[".cache/huggingface/token"];
        assert_eq!(left, expected, "{writer}");
        assert!(!desk.room.exists("models/local"), "{writer}: {:?}", tree(desk.room.root()));
        let expected = desk.online(writer, LOADED);
        for client in CLIENTS {
            let Some(said) = desk.offline(client, LOADED) else { continue };
            assert_eq!(Some(&said), expected.as_ref(), "{writer}, {client}");
        }
        assert_eq!(expected.unwrap()[1][1][1][0], json!("sub/model.bin"));
        desk.assert_no_warning(&["dataset/org/data", "model/org/home", "model/org/local", "model/org/split"]);
        for repository in ["org/home", "org/local", "org/split"] {
            desk.hf(CLIENTS[0], &["cache", "verify", repository]).map(|ran| ran.expect(0));
        }
        if let Some(python) = python_with(CLIENTS[0], "huggingface_hub") {
            let code = "from huggingface_hub import hf_hub_download; print(open(hf_hub_download('org/local', 'config.json')).read())";
            assert_eq!(run(&desk, &python, code), "{\"b\": 2}");
        }
        let after = tree(desk.room.root());
        desk.room.run(&["migrate", "--yes"]).expect(0);
        assert_eq!(tree(desk.room.root()), after, "a second run");
    }
}

#[test]
fn a_client_finds_offline_what_was_proven_to_be_its_files() {
    let desk = Desk::with("");
    repositories(&desk);
    let code = "from huggingface_hub import snapshot_download
snapshot_download('org/local', local_dir='models/local')";
    if fetch(&desk, CLIENTS[0], &[], code).is_none() {
        return;
    }
    // As a copy, an archive or an old client leaves such a folder: without a word of where it comes from.
    fs::rename(desk.room.place("models/local/.cache"), desk.room.path().join("notes")).unwrap();
    fs::rename(desk.room.place("~/.cache"), desk.room.path().join("old")).unwrap();
    desk.room.write("models/local/mine.txt", "mine");
    let words = ["migrate", "--yes", "models/local", "--repo", "org/local"];
    desk.room.run(&words).expect(0).says(&["`modelstrap models add hf:org/local --no-download`"]);
    desk.room.run(&["models", "add", "hf:org/local", "--no-download"]).expect(0);
    desk.hub.forget();
    desk.room.run(&words).expect(0).says(&["models/local/mine.txt: no file of org/local that is known here"]);
    assert_eq!(tree(&desk.room.place("models")).into_keys().collect::<Vec<_>>(), ["local/mine.txt"]);
    assert!(desk.hub.requests_to("*", "*").is_empty(), "nobody was asked");
    desk.assert_no_warning(&["model/org/local"]);
    desk.hf(CLIENTS[0], &["cache", "verify", "org/local"]).map(|ran| ran.expect(0));
    let code = "
from huggingface_hub import snapshot_download, try_to_load_from_cache
import os
found = [try_to_load_from_cache('org/local', name) for name in ('config.json', 'sub/model.bin', 'mine.txt')]
said = [[path and os.path.getsize(path) for path in found], sorted(os.listdir(snapshot_download('org/local')))]";
    for client in CLIENTS {
        let Some(said) = desk.offline(client, code) else { continue };
        assert_eq!(said, json!([[8, 70_000, null], ["config.json", "sub"]]), "{client}");
    }
}

#[test]
fn a_folder_that_is_called_tilde_is_emptied() {
    let desk = Desk::with("");
    repositories(&desk);
    // 0.36 expands no `~`, and then fails at its own links: as a whole path the same folder is one that works.
    let code = "from huggingface_hub import snapshot_download
import os
os.makedirs('~/.cache/huggingface/hub')
snapshot_download('org/home', cache_dir=os.path.abspath('~/.cache/huggingface/hub'))";
    if fetch(&desk, CLIENTS[2], &[], code).is_none() {
        return;
    }
    assert!(desk.room.root().join("~/.cache/huggingface/hub/models--org--home").is_dir());
    desk.room.run(&["migrate", "--yes"]).expect(0);
    assert!(!desk.room.root().join("~").exists());
    desk.assert_no_warning(&["model/org/home"]);
}

#[test]
fn a_script_that_looks_at_the_old_place_goes_on_with_a_link() {
    let desk = Desk::with("");
    repositories(&desk);
    let code = "from huggingface_hub import snapshot_download
snapshot_download('org/home')
snapshot_download('org/local', local_dir='models/local')";
    if fetch(&desk, CLIENTS[0], &[], code).is_none() {
        return;
    }
    let before = (
        tree_of_bytes(&desk, "models/local"),
        tree_of_bytes(&desk, "~/.cache/huggingface/hub/models--org--home/snapshots"),
    );
    desk.room.run(&["migrate", "--yes", "--link-back"]).expect(0);
    assert!(fs::symlink_metadata(desk.room.place("~/.cache/huggingface/hub")).unwrap().is_symlink());
    let after = (
        tree_of_bytes(&desk, "models/local"),
        tree_of_bytes(&desk, "~/.cache/huggingface/hub/models--org--home/snapshots"),
    );
    assert_eq!(before, after);
    // The same calls again, in a project that knows nothing of this one: nothing is fetched.
    desk.hub.forget();
    fetch(&desk, CLIENTS[0], &[], code);
    let bodies = desk.hub.requests_to("GET", "/org/*/resolve/*");
    assert_eq!(bodies.len(), 0, "{bodies:?}");
}

fn tree_of_bytes(desk: &Desk, folder: &str) -> Vec<(String, Vec<u8>)> {
    fn walk(root: &Path, at: &Path, found: &mut Vec<(String, Vec<u8>)>) {
        let mut paths: Vec<_> = fs::read_dir(at).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                if !path.ends_with(".cache") {
                    walk(root, &path, found);
                }
            } else {
                found.push((path.strip_prefix(root).unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    let root = desk.room.place(folder);
    walk(&root, &root, &mut found);
    found
}

#[test]
fn openai_whisper_and_torch_find_their_files_where_they_look() {
    let desk = Desk::with("");
    let weights = Content::pattern(7, 50_000);
    fs::create_dir_all(desk.room.place("~/.cache/whisper")).unwrap();
    fs::create_dir_all(desk.room.place("~/.cache/torch/hub/checkpoints")).unwrap();
    let bytes: Vec<u8> = (0..50_000_u32).map(|number| (number % 251) as u8).collect();
    let digest = modelstrap::support::digest::sha256(&bytes);
    drop(weights);
    fs::write(desk.room.place("~/.cache/whisper/tiny.pt"), &bytes).unwrap();
    if let Some(python) = python_with("MODELSTRAP_TEST_PYTHON_TORCH", "torch") {
        let made = "import torch, os; torch.save({'w': torch.ones(3)}, os.path.expanduser('~/.cache/torch/hub/checkpoints/net-0123abcd.pth'))";
        let mut command = desk.room.program(&python);
        desk.room.ran(command.args(["-c", made])).expect(0);
    }
    desk.room.run(&["migrate", "--yes"]).expect(0);
    assert!(!desk.room.exists("~/.cache/whisper") && !desk.room.exists("~/.cache/torch"));
    if let Some(python) = python_with("MODELSTRAP_TEST_PYTHON_WHISPER", "whisper") {
        let code = format!(
            "import os, whisper\nroot = os.path.join(os.getenv('XDG_CACHE_HOME', os.path.expanduser('~/.cache')), 'whisper')\nprint(whisper._download('http://127.0.0.1:9/{digest}/tiny.pt', root, False))"
        );
        assert_eq!(run(&desk, &python, &code), "@/p/.cache/whisper/tiny.pt");
    }
    if let Some(python) = python_with("MODELSTRAP_TEST_PYTHON_TORCH", "torch") {
        let code = "import torch; print(torch.hub.load_state_dict_from_url('http://127.0.0.1:9/net-0123abcd.pth', check_hash=True)['w'].sum().item())";
        assert_eq!(run(&desk, &python, code), "3.0");
    }
}
