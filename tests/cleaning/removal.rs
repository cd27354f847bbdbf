//! Removal seen from outside: killed at every call that changes the disk, and beside the real `huggingface_hub`.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use modelstrap::cache::Stamp;
use modelstrap::cache::remove::{Keep, Order, Outcome, Remover, Role, Victim};
use modelstrap::support::time;

use crate::support::itself;
use crate::support::python::python_with;
use crate::support::strike::{RENAME, aim, nothing_can_be_struck};

const COMMIT: &str = "1111111111111111111111111111111111111111";
const OTHER: &str = "2222222222222222222222222222222222222222";
const HOUR: Keep = Keep::For(Duration::from_secs(3600));

/// A cache root with a home in it.
struct Cache {
    room: tempfile::TempDir,
    root: PathBuf,
    hub: PathBuf,
}

impl Cache {
    fn new() -> Self {
        let room = tempfile::tempdir().unwrap();
        let cache = Self::at(&room.path().canonicalize().unwrap());
        fs::create_dir_all(&cache.1).unwrap();
        Self { room, root: cache.0, hub: cache.1 }
    }

    fn at(room: &Path) -> (PathBuf, PathBuf) {
        let root = room.join("cache");
        let hub = root.join("huggingface/hub");
        (root, hub)
    }

    fn remover(&self) -> Remover {
        Remover::new(&self.root, &[])
    }

    fn sweep(&self) {
        let swept = self.remover().sweep(time::seconds()).unwrap();
        assert_eq!(swept.problems, []);
    }
}

fn put(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn link(path: &Path, target: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    symlink(target, path).unwrap();
}

fn victim(hub: &Path, name: &str, role: Role) -> Victim {
    let (root, path) = (hub.parent().unwrap().to_path_buf(), hub.join(name));
    Victim { stamp: Stamp::at(&path).unwrap(), path, root, role, bytes: 0, why: "test".to_owned() }
}

fn remove(root: &Path, victims: Vec<Victim>, keep: Keep) -> Outcome {
    let planned = SystemTime::now() + Duration::from_secs(5);
    let order = Order { verb: "prune", victims, keep, grace: Duration::ZERO, planned };
    Remover::new(root, &[]).remove(order, &|_| {}).unwrap()
}

/// Every name and what is there. What is bookkeeping is left out: locks, and lines of a list that the disk does not bear out.
fn tree(top: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![top.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let known = fs::symlink_metadata(&path).unwrap();
            let text = if known.is_symlink() {
                format!("link {}", fs::read_link(&path).unwrap().display())
            } else if known.is_dir() {
                folders.push(path.clone());
                "folder".to_owned()
            } else if path.extension().is_some_and(|end| end == "refs") {
                let hub = path.ancestors().nth(3).unwrap();
                let text = fs::read_to_string(&path).unwrap();
                let mut lines: Vec<&str> = text.lines().filter(|line| hub.join(line).is_symlink()).collect();
                lines.sort_unstable();
                lines.join(" ")
            } else {
                fs::read_to_string(&path).unwrap()
            };
            if path.extension().is_none_or(|end| end != "lock") {
                found.insert(path.strip_prefix(top).unwrap().to_path_buf(), text);
            }
        }
    }
    found
}

/// Two repositories that share a payload, one that has its own; what goes: the first with its own payload, a revision of the other.
fn scene(hub: &Path) {
    let (both, own) = ("ab".repeat(32), "cd".repeat(32));
    put(&hub.join("blobs/.huggingface-shared-blobs"), "1\n");
    for (hash, lines) in
        [(&both, "models--o--a/blobs/both\nmodels--o--b/blobs/both\n"), (&own, "models--o--a/blobs/own\n")]
    {
        put(&hub.join(format!("blobs/{}/{hash}", &hash[..2])), hash);
        put(&hub.join(format!("blobs/{}/{hash}.refs", &hash[..2])), lines);
    }
    link(&hub.join("models--o--a/blobs/both"), &format!("../../blobs/ab/{both}"));
    link(&hub.join("models--o--a/blobs/own"), &format!("../../blobs/cd/{own}"));
    link(&hub.join("models--o--b/blobs/both"), &format!("../../blobs/ab/{both}"));
    put(&hub.join("models--o--b/blobs/plain"), "plain");
    put(&hub.join("models--o--b/refs/main"), COMMIT);
    put(&hub.join("models--o--b/refs/old"), OTHER);
    link(&hub.join(format!("models--o--a/snapshots/{COMMIT}/x")), "../../blobs/both");
    link(&hub.join(format!("models--o--a/snapshots/{COMMIT}/y")), "../../blobs/own");
    link(&hub.join(format!("models--o--b/snapshots/{COMMIT}/x")), "../../blobs/both");
    link(&hub.join(format!("models--o--b/snapshots/{OTHER}/z")), "../../blobs/plain");
}

fn chosen(hub: &Path) -> Vec<Victim> {
    vec![
        victim(hub, "models--o--b/refs/old", Role::Reference),
        victim(hub, &format!("models--o--b/snapshots/{OTHER}"), Role::Snapshot),
        victim(hub, "models--o--a", Role::Tree),
        victim(hub, "models--o--b/blobs/plain", Role::Blob),
        victim(hub, &format!("blobs/cd/{}", "cd".repeat(32)), Role::Payload),
    ]
}

/// The other end of the walk: does in the working folder what the file `task` says. Without one there is nothing to do.
#[test]
#[ignore = "run by the walk"]
fn the_work_that_is_struck() {
    let room = std::env::current_dir().unwrap();
    let Ok(task) = fs::read_to_string(room.join("task")) else { return };
    let (root, hub) = Cache::at(&room);
    fs::create_dir_all(&hub).unwrap();
    let remover = Remover::new(&root, &[]);
    match task.trim() {
        "now" => drop(remove(&root, chosen(&hub), Keep::Now)),
        "keep" => drop(remove(&root, chosen(&hub), HOUR)),
        "full" => full(&root, &hub),
        "undo" => drop(remover.undo().unwrap()),
        "sweep" => drop(remover.sweep(time::seconds() + 7200).unwrap()),
        other => panic!("{other}"),
    }
}

/// The name of the work, for this program's own command line.
fn work() -> String {
    itself::test(module_path!(), "the_work_that_is_struck")
}

/// Runs `task` with a SIGKILL at its `nth` call of `calls`; whether it came to its end.
fn struck(cache: &Cache, task: &str, calls: &str, nth: usize) -> bool {
    fs::write(cache.room.path().join("task"), task).unwrap();
    let mut command = Command::new(itself::program());
    command.args(["--exact", &work(), "--ignored", "--test-threads=1"]);
    let output = aim("KILL", calls, nth).output(command.current_dir(cache.room.path().canonicalize().unwrap()));
    let killed = !output.status.success();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(killed || text.contains("1 passed"), "{text}");
    assert!(!text.contains("FAILED"), "{text}");
    !killed
}

const CALLS: [&str; 5] = [RENAME, "mkdir,mkdirat", "rmdir,unlink,unlinkat", "fsync,fdatasync", "openat"];

/// Strikes `task` everywhere; `prepare` makes what it works on, `check` looks at what is left. Gives how often it was killed.
fn walk(task: &str, calls: &[&str], prepare: &dyn Fn(&Cache), check: &dyn Fn(&Cache, &str)) -> usize {
    let mut kills = 0;
    for calls in calls {
        // Opening is done a great deal by the loader and the test's own harness: every fifth is enough.
        let step = if *calls == "openat" { 5 } else { 1 };
        for nth in (1..).step_by(step) {
            let cache = Cache::new();
            prepare(&cache);
            let done = struck(&cache, task, calls, nth);
            check(&cache, &format!("{task}: {calls} {nth}"));
            if done {
                break;
            }
            kills += 1;
        }
    }
    kills
}

#[test]
fn a_removal_that_is_killed_anywhere_is_taken_back_or_finished_by_the_next_run() {
    if nothing_can_be_struck() {
        return;
    }
    let model = Cache::new();
    scene(&model.hub);
    let before = tree(&model.root);
    assert_eq!(remove(&model.root, chosen(&model.hub), Keep::Now).gone, 5);
    let after = tree(&model.root);
    assert!(after.keys().all(|path| !path.to_string_lossy().contains("modelstrap")));
    let ends = std::cell::Cell::new((0, 0));
    walk("now", &CALLS, &|cache| scene(&cache.hub), &|cache, when| {
        cache.sweep();
        let now = tree(&cache.root);
        let (back, done) = ends.get();
        ends.set(if now == before { (back + 1, done) } else { (back, done + 1) });
        if now != before {
            assert_eq!(now, after, "{when}");
        }
    });
    let kills = walk("keep", &CALLS[..1], &|cache| scene(&cache.hub), &|cache, when| {
        cache.sweep();
        let undone = cache.remover().undo().unwrap();
        assert!(undone.is_none_or(|undone| undone.stayed.is_empty()), "{when}");
        assert_eq!(tree(&cache.root), before, "{when}");
    });
    assert!(kills > 5, "{kills}");
    let (back, done) = ends.get();
    assert!(back > 5 && done > 5, "{back} went back, {done} were finished");
}

#[test]
fn an_undo_and_a_sweep_that_are_killed_anywhere_come_to_the_same_end() {
    if nothing_can_be_struck() {
        return;
    }
    let model = Cache::new();
    scene(&model.hub);
    let before = tree(&model.root);
    remove(&model.root, chosen(&model.hub), Keep::Now);
    let after = tree(&model.root);
    let removed = |cache: &Cache| {
        scene(&cache.hub);
        remove(&cache.root, chosen(&cache.hub), HOUR);
    };
    let undone = walk("undo", &CALLS[..4], &removed, &|cache, when| {
        let undone = cache.remover().undo().unwrap();
        assert!(undone.is_none_or(|undone| undone.stayed.is_empty()), "{when}");
        assert_eq!(tree(&cache.root), before, "{when}");
    });
    let swept = walk("sweep", &CALLS[..4], &removed, &|cache, when| {
        assert_eq!(cache.remover().sweep(time::seconds() + 7200).unwrap().problems, [], "{when}");
        assert_eq!(tree(&cache.root), after, "{when}");
    });
    assert!(undone > 10 && swept > 10, "{undone} {swept}");
}

/// In the walk's other end, on a disk of its own: fills it, and removes from it.
fn full(root: &Path, hub: &Path) {
    scene(hub);
    let half = hub.join("models--o--b/blobs/half.0123abcd.incomplete");
    put(&half, &"h".repeat(20_000));
    let filler = root.join("filler");
    let mut size = 1 << 20;
    let mut text = Vec::new();
    while size > 0 {
        text.resize(size, b'f');
        let done = fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(&filler)
            .and_then(|mut file| std::io::Write::write_all(&mut file, &text));
        if done.is_err() {
            size /= 2;
        }
    }
    fs::write(root.join("one more"), "x").unwrap_err();
    fs::remove_file(root.join("one more")).unwrap();
    let before = tree(root);
    let mut victims = chosen(hub);
    victims.push(victim(hub, "models--o--b/blobs/half.0123abcd.incomplete", Role::File));
    let order = |keep: Keep, victims: &[Victim]| {
        let planned = SystemTime::now() + Duration::from_secs(5);
        Order { verb: "prune", victims: victims.to_vec(), keep, grace: Duration::ZERO, planned }
    };
    let remover = Remover::new(root, &[]);
    let error = remover.remove(order(HOUR, &victims), &|_| {}).unwrap_err();
    assert!(error.to_string().starts_with("nothing was removed: "), "{error:#}");
    assert_eq!(tree(root), before, "nothing is half");
    let outcome = remover.remove(order(Keep::Now, &victims), &|_| {}).unwrap();
    assert_eq!((outcome.gone, outcome.stayed.as_slice()), (6, [].as_slice()));
    assert!(outcome.freed >= 20_000, "{}", outcome.freed);
    assert!(!root.join(".modelstrap").exists() && !hub.join("../.modelstrap").exists());
}

#[test]
#[cfg(target_os = "linux")]
fn on_a_full_disk_the_first_file_makes_room_for_the_journal_of_the_others() {
    let cache = Cache::new();
    let room = cache.room.path().canonicalize().unwrap();
    let script = "mount -t tmpfs -o size=1m,nr_inodes=200 none . && cd \"$PWD\" && printf full > task && exec \"$1\" --exact \"$2\" --ignored";
    let output = Command::new("unshare")
        .args(["-m", "--propagation", "private", "sh", "-c", script, "sh"])
        .arg(itself::program())
        .arg(work())
        .current_dir(&room)
        .output();
    let Ok(output) = output else { return eprintln!("skipped: there is no unshare") };
    let (text, wrong) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !text.contains("running 1 test") {
        return eprintln!("skipped: nothing can be mounted here: {wrong}");
    }
    assert!(text.contains("1 passed"), "{text}{wrong}");
}

const PUBLISH: &str = r#"
import os, sys
from pathlib import Path
from huggingface_hub.utils import _shared_blobs as store
hub, commit, hash = Path(sys.argv[1]), "1" * 40, "ab" * 32
for repo in ("models--o--a", "models--o--b"):
    blob = hub / repo / "blobs" / "etag"
    blob.parent.mkdir(parents=True)
    if repo.endswith("a"):
        blob.write_bytes(b"p" * 10000)
        assert store.publish_blob_to_shared_store(blob_path=str(blob), xet_hash=hash, cache_dir=hub, expected_size=10000)
    else:
        assert store.try_link_from_shared_store(blob_path=str(blob), xet_hash=hash, cache_dir=hub, expected_size=10000)
    (hub / repo / "refs").mkdir()
    (hub / repo / "refs/main").write_text(commit)
    (hub / repo / "snapshots" / commit).mkdir(parents=True)
    (hub / repo / "snapshots" / commit / "model.bin").symlink_to("../../blobs/etag")
"#;

const LOOK: &str = r#"
import sys, warnings
from huggingface_hub import scan_cache_dir, hf_hub_download
from huggingface_hub.utils import _shared_blobs as store
hub = sys.argv[1]
found = scan_cache_dir(hub)
print(sorted(repo.repo_id for repo in found.repos), found.size_on_disk, [str(one) for one in found.warnings])
print(len(store.shared_store_blob_paths(hub)), len(store.unreferenced_shared_blobs(hub)))
for repo in found.repos:
    path = hf_hub_download(repo.repo_id, "model.bin", cache_dir=hub, local_files_only=True)
    assert open(path, "rb").read() == b"p" * 10000
if len(sys.argv) > 2:
    found.delete_revisions("1" * 40).execute()
    print(len(store.shared_store_blob_paths(hub)))
"#;

#[test]
fn huggingface_hub_finds_its_shared_store_whole_after_a_repository_has_gone_and_after_it_is_back() {
    let Some(python) = python_with("MODELSTRAP_TEST_PYTHON", "huggingface_hub.utils._shared_blobs") else { return };
    let cache = Cache::new();
    let run = |script: &str, more: &[&str]| {
        let output = Command::new(&python)
            .env("HF_HUB_OFFLINE", "1")
            .args(["-c", script])
            .arg(&cache.hub)
            .args(more)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    run(PUBLISH, &[]);
    let payload = format!("blobs/ab/{}", "ab".repeat(32));
    let take = |name: &str| {
        let victims = vec![victim(&cache.hub, name, Role::Tree), victim(&cache.hub, &payload, Role::Payload)];
        remove(&cache.root, victims, HOUR)
    };
    assert_eq!(run(LOOK, &[]), "['o/a', 'o/b'] 10000 []\n1 0\n");
    let outcome = take("models--o--a");
    assert_eq!(outcome.stayed, [(cache.hub.join(&payload), "is used by models--o--b/blobs/etag".to_owned())]);
    assert_eq!(run(LOOK, &[]), "['o/b'] 10000 []\n1 0\n");
    let outcome = take("models--o--b");
    assert_eq!((outcome.gone, outcome.stayed.len()), (2, 0));
    assert_eq!(run(LOOK, &[]), "[] 0 []\n0 0\n");

    for _ in 0..2 {
        assert_eq!(cache.remover().undo().unwrap().unwrap().stayed, []);
    }
    assert_eq!(run(LOOK, &[]), "['o/a', 'o/b'] 10000 []\n1 0\n");
    // Its own removal believes the list that we gave back: the payload goes with its last user, and not before.
    take("models--o--a");
    assert_eq!(run(LOOK, &["delete"]), "['o/b'] 10000 []\n1 0\n0\n");
    // What can come back without its content says so.
    let restored = cache.remover().undo().unwrap().unwrap();
    let lacking = "is back, but its content is gone from the shared store: fetch it again";
    assert_eq!(restored.stayed, [(cache.hub.join("models--o--a"), lacking.to_owned())]);
}
