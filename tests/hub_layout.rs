//! A cache that is written here, seen by the real `huggingface_hub`, old and new, with the network off.
//!
//! `MODELSTRAP_TEST_PYTHON` names an interpreter with huggingface_hub 2.4.0, `MODELSTRAP_TEST_PYTHON_OLD` one with 0.36.0.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so and stops")]

#[path = "support/python.rs"]
mod python;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use modelstrap::fetch::Digest;
use modelstrap::models::homes::Homes;
use modelstrap::models::hub::{Settings, place};
use modelstrap::models::locked::{File, HubPlace, RepoType};
use modelstrap::platform::Os;
use modelstrap::support::vars::Vars;
use python::{good, python_with};
use sha2::Digest as _;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// Path, content, whether it lies outside Git.
const FILES: [(&str, &str, bool); 5] = [
    ("config.json", "{\"model_type\": \"bert\"}\n", false),
    ("empty.txt", "", false),
    ("model.safetensors", "not really weights", true),
    ("nested/dir/vocab.txt", "a\nb\n", false),
    ("we ird #1%+é.txt", "odd", false),
];

fn digest(content: &str, outside: bool) -> Digest {
    if outside {
        return Digest::Sha256(sha2::Sha256::digest(content).into());
    }
    let header = format!("blob {}\0", content.len());
    Digest::Git(sha1::Sha1::new().chain_update(header).chain_update(content).finalize().into())
}

fn files() -> Vec<File> {
    let file = |&(path, content, outside): &(&str, &str, bool)| File {
        path: path.to_owned(),
        size: Some(content.len() as u64),
        digest: Some(digest(content, outside)),
        url: None,
    };
    FILES.iter().map(file).collect()
}

fn whole() -> HubPlace {
    HubPlace {
        repo_type: RepoType::Model,
        repo: "org/name".to_owned(),
        requested: "main".to_owned(),
        commit: COMMIT.to_owned(),
        complete: true,
    }
}

fn homes(hub: &Path) -> Homes {
    let unused = PathBuf::from("/unused");
    Homes {
        root: unused.clone(),
        hub: hub.to_path_buf(),
        whisper: unused.clone(),
        torch_hub: unused.clone(),
        wheels: unused.clone(),
        files: unused,
    }
}

fn settings(symlinks_wanted: bool) -> Settings {
    let vars: Vars = [("HOME", "/nowhere")].into_iter().collect();
    Settings { symlinks_wanted, ..Settings::of(&vars, Os::current(), None) }
}

/// What a download does: the bytes under their names, the pointers, the refs.
fn install(place: &HubPlace, files: &[File], hub: &Path, symlinks: bool) {
    let (homes, settings) = (homes(hub), settings(symlinks));
    for file in files {
        let artifact = place::artifact(place, file, &homes, &settings, None).unwrap();
        let content = FILES.iter().find(|(path, _, _)| *path == file.path).unwrap().1;
        fs::create_dir_all(artifact.destination.parent().unwrap()).unwrap();
        if !artifact.destination.exists() {
            fs::write(&artifact.destination, content).unwrap();
        }
        place::settle(place, file, &homes, &settings).unwrap();
    }
    place::finish(place, files, &homes, Some("project-1")).unwrap();
}

/// Every file below `root` with its content, every link with what it says.
fn tree(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            match fs::read_link(&path) {
                Ok(target) => drop(found.insert(name, format!("-> {}", target.display()))),
                Err(_) if path.is_dir() => folders.push(path),
                Err(_) => drop(found.insert(name, fs::read_to_string(&path).unwrap())),
            }
        }
    }
    found
}

/// The clients that there are: the variable's name, and the interpreter.
fn pythons() -> Vec<PathBuf> {
    let new = python_with("MODELSTRAP_TEST_PYTHON", "huggingface_hub");
    let old = python_with("MODELSTRAP_TEST_PYTHON_OLD", "huggingface_hub");
    let mut found: Vec<PathBuf> = new.into_iter().chain(old).collect();
    found.dedup();
    found
}

fn client(interpreter: &Path, hub: &Path, script: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(interpreter);
    let home = hub.with_file_name("home");
    fs::create_dir_all(&home).unwrap();
    let path = Vars::from_process().raw("PATH").unwrap_or_default().to_owned();
    command.env_clear().env("PATH", path).env("HOME", &home).env("LC_ALL", "C.UTF-8").env("NO_COLOR", "1");
    command.env("HF_HUB_CACHE", hub).env("HF_HUB_OFFLINE", "1").env("HF_HUB_DISABLE_TELEMETRY", "1");
    command.arg("-c").arg(script).args(arguments);
    command
}

const LOAD: &str = r#"
import json, os, sys
from huggingface_hub import hf_hub_download, scan_cache_dir, snapshot_download, try_to_load_from_cache
wanted, revisions, whole = json.loads(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3] == "whole"
for revision in revisions:
    keywords = {"revision": revision} if revision else {}
    for path, content in wanted.items():
        found = hf_hub_download("org/name", path, **keywords)
        assert open(found, "rb").read().decode() == content, found
        assert try_to_load_from_cache("org/name", path, **keywords) == found, path
    patterns = {} if whole else {"allow_patterns": list(wanted)}
    folder = snapshot_download("org/name", **keywords, **patterns)
    for path, content in wanted.items():
        assert open(os.path.join(folder, path), "rb").read().decode() == content, path
scan = scan_cache_dir()
warnings = [str(warning) for warning in scan.warnings if "CACHEDIR.TAG" not in str(warning)]
assert not warnings, warnings
print(len(scan.repos), sorted(ref for repo in scan.repos for ref in repo.refs))
"#;

fn load(hub: &Path, revisions: &[Option<&str>], wanted: &[File], whole: bool) -> Vec<String> {
    let contents: BTreeMap<&str, &str> = FILES
        .iter()
        .filter(|(path, _, _)| wanted.iter().any(|file| file.path == *path))
        .map(|(path, content, _)| (*path, *content))
        .collect();
    let wanted = serde_json::to_string(&contents).unwrap();
    let revisions = serde_json::to_string(revisions).unwrap();
    let kind = if whole { "whole" } else { "part" };
    let run = |interpreter: &PathBuf| good(&mut client(interpreter, hub, LOAD, &[&wanted, &revisions, kind]));
    pythons().iter().map(run).map(|text| text.trim().to_owned()).collect()
}

fn room() -> (tempfile::TempDir, PathBuf) {
    let room = tempfile::tempdir().unwrap();
    let hub = room.path().canonicalize().unwrap().join("hub");
    (room, hub)
}

#[test]
fn the_cache_is_exactly_this() {
    let (_room, hub) = room();
    install(&whole(), &files(), &hub, true);
    let mut found = tree(&hub);
    let absent: Vec<String> = found.keys().filter(|path| path.contains(".no_exist")).cloned().collect();
    for path in &absent {
        assert_eq!(found.remove(path).as_deref(), Some(""));
    }
    assert!(absent.iter().any(|path| path.ends_with("/tokenizer.json")));
    assert!(!absent.iter().any(|path| path.ends_with("/config.json") || path.ends_with("/model.safetensors")));
    let listing = found.remove(&format!("models--org--name/trees/{COMMIT}.json")).unwrap();
    let listing: serde_json::Value = serde_json::from_str(&listing).unwrap();
    assert_eq!(listing["files"].as_object().unwrap().len(), FILES.len());
    let tag = "Signature: 8a477f597d28d172789f06886806bc55\n# This file is a cache directory tag created by huggingface_hub.\n\
               # For information about cache directory tags, see:\n#\thttps://bford.info/cachedir/\n";
    let mut expected: BTreeMap<String, String> = BTreeMap::new();
    expected.insert("CACHEDIR.TAG".to_owned(), tag.to_owned());
    for revision in ["main", "refs/modelstrap/project-1"] {
        expected.insert(format!("models--org--name/refs/{revision}"), COMMIT.to_owned());
    }
    for (path, content, outside) in FILES {
        let blob = digest(content, outside).hex();
        let up = "../".repeat(path.matches('/').count() + 2);
        expected.insert(format!("models--org--name/blobs/{blob}"), content.to_owned());
        expected.insert(format!("models--org--name/snapshots/{COMMIT}/{path}"), format!("-> {up}blobs/{blob}"));
    }
    assert_eq!(found, expected);
    assert!(expected.contains_key("models--org--name/blobs/e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"));
}

#[test]
fn old_and_new_clients_load_every_file_by_branch_and_by_commit() {
    let (_room, hub) = room();
    install(&whole(), &files(), &hub, true);
    install(&HubPlace { requested: "refs/pr/1".to_owned(), ..whole() }, &files(), &hub, true);
    let said = load(&hub, &[None, Some("main"), Some(COMMIT), Some("refs/pr/1")], &files(), true);
    assert!(said.iter().all(|said| said == "1 ['main', 'refs/modelstrap/project-1', 'refs/pr/1']"), "{said:?}");
}

/// A Hub in a thread, and the official client downloading from it into the folder that it is given.
const DOWNLOAD: &str = r#"
import hashlib, http.server, json, os, sys, threading, urllib.parse
hub, files, commit = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]

def git(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()

def entry(path, content, lfs):
    data = content.encode()
    if not lfs:
        return {"type": "file", "path": path, "size": len(data), "oid": git(data)}
    sha256 = hashlib.sha256(data).hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {len(data)}\n".encode()
    return {"type": "file", "path": path, "size": len(data), "oid": git(pointer),
            "lfs": {"oid": sha256, "size": len(data), "pointerSize": len(pointer)}}

class Hub(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_):
        pass
    def answer(self, body, **headers):
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)
    def do_GET(self):
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        if "/tree/" in path:
            return self.answer(json.dumps([entry(*file) for file in files]).encode(), Content_Type="application/json")
        if "/revision/" in path:
            siblings = [{"rfilename": file[0]} for file in files]
            body = json.dumps({"id": "org/name", "sha": commit, "siblings": siblings})
            return self.answer(body.encode(), Content_Type="application/json")
        name = path.split(f"/resolve/{commit}/")[1]
        content, lfs = next((file[1], file[2]) for file in files if file[0] == name)
        about = entry(name, content, lfs)
        etag = about["lfs"]["oid"] if lfs else about["oid"]
        self.answer(content.encode(), ETag=f'"{etag}"', X_Repo_Commit=commit)
    do_HEAD = do_GET

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
threading.Thread(target=server.serve_forever, daemon=True).start()
os.environ["HF_ENDPOINT"] = f"http://127.0.0.1:{server.server_port}"
os.environ["HF_HUB_OFFLINE"] = "0"
from huggingface_hub import snapshot_download
snapshot_download("org/name", cache_dir=hub)
"#;

#[test]
fn the_official_client_writes_the_same() {
    let Some(interpreter) = python_with("MODELSTRAP_TEST_PYTHON", "huggingface_hub") else { return };
    let (_room, hub) = room();
    let theirs = hub.with_file_name("theirs");
    let listed = serde_json::to_string(&FILES).unwrap();
    good(&mut client(&interpreter, &hub, DOWNLOAD, &[theirs.to_str().unwrap(), &listed, COMMIT]));
    install(&whole(), &files(), &hub, true);
    let ours_alone = |path: &str| path.contains("/.no_exist/") || path.contains("/refs/modelstrap/");
    let comparable = |root: &Path| -> BTreeMap<String, String> {
        let parsed = |text: String| -> String {
            let value: BTreeMap<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
            format!("{value:?}")
        };
        tree(root)
            .into_iter()
            .filter(|(path, _)| !path.starts_with(".locks/") && !ours_alone(path))
            .map(|(path, text)| if path.contains("/trees/") { (path, parsed(text)) } else { (path, text) })
            .collect()
    };
    assert_eq!(comparable(&hub), comparable(&theirs));
    // Into what Python wrote, nothing but our own refs and marks is added.
    let before = tree(&theirs);
    install(&whole(), &files(), &theirs, true);
    let after: BTreeMap<String, String> = tree(&theirs).into_iter().filter(|(path, _)| !ours_alone(path)).collect();
    assert_eq!(after, before);
}

#[test]
fn a_filtered_snapshot_loads_with_and_without_patterns() {
    let (_room, hub) = room();
    let some: Vec<File> = files().into_iter().filter(|file| file.path.ends_with(".json")).collect();
    install(&HubPlace { complete: false, ..whole() }, &some, &hub, true);
    assert!(!hub.join("models--org--name/trees").exists());
    load(&hub, &[None, Some(COMMIT)], &some, true);
    load(&hub, &[None, Some(COMMIT)], &some, false);
}

#[test]
fn a_cache_that_was_moved_still_loads() {
    let (room, hub) = room();
    install(&whole(), &files(), &hub, true);
    let moved = room.path().canonicalize().unwrap().join("elsewhere/deeper/hub");
    fs::create_dir_all(moved.parent().unwrap()).unwrap();
    fs::rename(&hub, &moved).unwrap();
    load(&moved, &[None, Some(COMMIT)], &files(), true);
}

#[test]
fn a_cache_without_symbolic_links_loads() {
    let (_room, hub) = room();
    install(&whole(), &files(), &hub, false);
    assert!(tree(&hub).values().all(|content| !content.starts_with("-> ")));
    load(&hub, &[None, Some(COMMIT)], &files(), true);
}

#[test]
fn the_clients_own_commands_find_nothing_to_complain_about_and_nothing_to_prune() {
    let Some(interpreter) = python_with("MODELSTRAP_TEST_PYTHON", "huggingface_hub.cli.cache") else { return };
    let (_room, hub) = room();
    // By commit, where no branch names it but our own refs do.
    let pinned = HubPlace { requested: COMMIT.to_owned(), ..whole() };
    install(&pinned, &files(), &hub, true);
    fs::remove_file(hub.join("models--org--name/refs/main")).unwrap();
    fs::create_dir_all(hub.join("models--org--name/.modelstrap/partials")).unwrap();
    fs::write(hub.join("models--org--name/.modelstrap/partials/half"), "ha").unwrap();
    // And one whose first download was interrupted.
    let interrupted = HubPlace { repo: "org/other".to_owned(), ..whole() };
    place::prepare(&interrupted, &homes(&hub), Some("p")).unwrap();
    fs::create_dir_all(hub.join("models--org--other/.modelstrap/partials")).unwrap();
    fs::write(hub.join("models--org--other/.modelstrap/partials/half"), "ha").unwrap();
    let before = tree(&hub);
    let run = |arguments: &[&str]| {
        let script = "import sys; sys.argv[0] = 'hf'; from huggingface_hub.cli.hf import main; main()";
        let output = client(&interpreter, &hub, script, arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", python::both(&output));
        python::both(&output)
    };
    let listed = run(&["cache", "ls", "--show-warnings", "--format", "human"]);
    assert!(listed.contains("org/name") && !listed.to_lowercase().contains("warning"), "{listed}");
    let pruned = run(&["cache", "prune", "--yes", "--format", "human"]);
    assert_eq!(tree(&hub), before, "{pruned}");
}

mod unix {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A process has one umask, so another process writes: this test, started again.
    #[test]
    fn modes_are_what_the_umask_gives() {
        if let Some(hub) = Vars::from_process().get("MODELSTRAP_TEST_WRITE_TO").map(PathBuf::from) {
            install(&whole(), &files(), &hub, true);
            let patience = modelstrap::models::hub::locks::PATIENCE;
            drop(modelstrap::models::hub::locks::lock_within(&whole(), &files()[0], &homes(&hub), patience));
            return;
        }
        for (umask, file, folder) in
            [("002", 0o664, 0o775), ("022", 0o644, 0o755), ("027", 0o640, 0o750), ("077", 0o600, 0o700)]
        {
            let (_room, hub) = room();
            let mut shell = Command::new("sh");
            shell.args(["-c", "umask $1; shift; exec \"$@\"", "sh", umask]).arg(std::env::current_exe().unwrap());
            shell.args(["--exact", "unix::modes_are_what_the_umask_gives"]).env("MODELSTRAP_TEST_WRITE_TO", &hub);
            good(&mut shell);
            check(&hub, file, folder);
        }
    }

    fn check(hub: &Path, file: u32, folder: u32) {
        let mut folders = vec![hub.to_path_buf()];
        let mut locks = 0;
        while let Some(at) = folders.pop() {
            for entry in fs::read_dir(at).unwrap().map(Result::unwrap) {
                let metadata = fs::symlink_metadata(entry.path()).unwrap();
                let mode = metadata.permissions().mode() & 0o7777;
                let path = entry.path().display().to_string();
                if metadata.is_dir() {
                    assert_eq!(mode, folder, "{path}");
                    folders.push(entry.path());
                } else if path.ends_with(".lock") {
                    assert_eq!(mode, 0o664, "{path}");
                    locks += 1;
                } else if metadata.is_file() {
                    assert_eq!(mode, file, "{path}");
                }
            }
        }
        assert_eq!(locks, 1);
    }

    #[test]
    fn a_lock_that_python_holds_is_waited_for_and_then_passed_by() {
        let Some(interpreter) = python_with("MODELSTRAP_TEST_PYTHON", "filelock") else { return };
        let (_room, hub) = room();
        let file = &files()[0];
        let lock = hub.join(".locks/models--org--name").join(format!("{}.lock", file.digest.unwrap().hex()));
        fs::create_dir_all(lock.parent().unwrap()).unwrap();
        let script = "import sys, filelock\nwith filelock.FileLock(sys.argv[1], mode=0o664):\n  print('held', flush=True); sys.stdin.read()";
        let mut command = client(&interpreter, &hub, script, &[lock.to_str().unwrap()]);
        let mut child =
            command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
        assert_eq!(line, "held\n");
        let take = |millis| {
            let patience = std::time::Duration::from_millis(millis);
            modelstrap::models::hub::locks::lock_within(&whole(), file, &homes(&hub), patience).is_held()
        };
        assert!(!take(100));
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
        assert!(take(100));
    }
}
