//! A migration killed at every point between two system calls that change something: no content is ever without a name, and the next
//! run ends as if nothing had happened.
//!
//! Covered are three migrations of what a few months leave behind: into a cache on the same disk, into one with a shared store and with
//! links left at the old paths, and to another disk. Each is run once to its end, and its calls are counted that rename, link, unlink,
//! make or remove a folder, or write, and that succeed. Then, for each of these calls in a room of its own, the run gets SIGKILL when it
//! enters that call, and what is on the disk is compared: every content of before can be read, every file of a revision is in a
//! revision, no link of `dedupe` leads nowhere. A second run without a kill then leaves the same tree as the one that was left alone,
//! empty folders included. Not covered are kills before calls that fail (the disk is then as before the next call), between the
//! creation of a file and its first byte, and the loss of power.
//!
//! Rooms lie in memory where there is a disk for that: nothing here waits for a disk.
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::support::memory::{self, in_memory};
use crate::support::project::{Node, Room, Tree};
use crate::support::stray;
use crate::support::stray::{NEW, OLD, Repo, git, lived_in, sha256};
use crate::support::strike::{RENAME, Step, aim, at_each, nothing_can_be_struck, steps};
use modelstrap::cache::link::note_line;

/// What `dedupe` notes of its links.
const NOTES: &str = ".cache/.modelstrap/links.jsonl";

/// The calls that change what others see of a disk.
const CALLS: &[&str] = &[RENAME, "unlink,unlinkat,rmdir", "link,linkat", "mkdir,mkdirat", "symlink,symlinkat", "write"];

/// Every content that can be read, links followed, in the room and in `other`.
fn contents(trees: &[&Path]) -> BTreeSet<Vec<u8>> {
    fn walk(folder: &Path, found: &mut BTreeSet<Vec<u8>>) {
        for entry in fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                walk(&entry.path(), found);
            } else if entry.path().is_file() {
                found.extend(fs::read(entry.path()));
            }
        }
    }
    let mut found = BTreeSet::new();
    trees.iter().for_each(|tree| walk(tree, &mut found));
    found
}

/// What can be opened through a revision of any hub: the path below the repository's folder, and the bytes.
fn opened(trees: &[&Path]) -> BTreeSet<(String, Vec<u8>)> {
    fn walk(folder: &Path, found: &mut BTreeSet<(String, Vec<u8>)>) {
        for entry in fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            if kind.is_dir() {
                walk(&path, found);
            } else if let Some((before, after)) = path.to_str().unwrap().split_once("/snapshots/")
                && let Ok(bytes) = fs::read(&path)
            {
                found.insert((format!("{}/{after}", before.rsplit('/').next().unwrap()), bytes));
            }
        }
    }
    let mut found = BTreeSet::new();
    trees.iter().for_each(|tree| walk(tree, &mut found));
    found
}

/// Strikes everywhere.
fn walk(arguments: &[&str], least: usize, make: impl Fn() -> (Room, Option<tempfile::TempDir>) + Sync) {
    let tree = |room: &Room, far: Option<&Path>| {
        let mut tree = room.tree().0;
        for (name, node) in far.map(|far| Tree::of(far).0).unwrap_or_default() {
            tree.insert(format!("far/{name}"), node);
        }
        if let Some(far) = far {
            // The folder has another name in each room.
            for node in tree.values_mut() {
                let shown = format!("{node:?}").contains(far.to_str().unwrap());
                if let (Node::Link(target), true) = (&mut *node, shown) {
                    *target = Path::new("/far").join(target.strip_prefix(far).unwrap());
                } else if shown {
                    *node = Node::Other;
                }
            }
        }
        for node in tree.values_mut() {
            if let Node::Link(target) = node
                && let Ok(inside) = target.strip_prefix(room.path())
            {
                *target = Path::new("/room").join(inside);
            }
        }
        Tree(tree)
    };
    let make = || in_memory(&make);
    let (calm, steps) = {
        let (room, far) = make();
        let steps = steps(&mut room.command(arguments), CALLS);
        (tree(&room, far.as_ref().map(tempfile::TempDir::path)), steps)
    };
    let strike = |(call, nth): &Step| {
        let (room, far) = make();
        let far = far.as_ref().map(tempfile::TempDir::path);
        let places: Vec<&Path> = [Some(room.path()), far].into_iter().flatten().collect();
        let (all, revisions) = (contents(&places), opened(&places));
        let ran = room.struck(&aim("KILL", call, *nth), arguments);
        assert!([0, 137].contains(&ran.code), "neither killed nor done: {ran:?}");
        let when = format!("{arguments:?} killed at {call} {nth}");
        let lost: Vec<String> = all
            .difference(&contents(&places))
            .filter(|bytes| !bookkeeping(bytes))
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
            .collect();
        assert_eq!(lost, Vec::<String>::new(), "{when}: lost");
        let lost: Vec<_> = revisions.difference(&opened(&places)).map(|(path, _)| path.clone()).collect();
        assert_eq!(lost, Vec::<String>::new(), "{when}: no revision has it");
        assert_eq!(dangling(&room), Vec::<String>::new(), "{when}: leads nowhere");
        room.run(arguments).expect(0);
        let now = tree(&room, far);
        // A registration is called by the project's path, which each room has its own of.
        // So are the links in the notes on them; and of two users of one payload either will do.
        let registered = |name: &str| {
            name.contains("/.modelstrap/projects/")
                || name.ends_with("/links.jsonl")
                || name.ends_with("kept/shared.bin")
        };
        now.without(registered).assert_eq(&calm.clone().without(registered), &when);
        ran.code == 0
    };
    assert!(steps.len() > least, "only {} steps", steps.len());
    assert_eq!(at_each(&steps, strike), 0, "runs differ in what they do");
}

/// What the client notes beside a file, and marks: they go with what they are about.
fn bookkeeping(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    text.is_empty()
        || text == "*"
        || text.contains("4102444800.5")
        || text.starts_with("Signature: ")
        || text == "1\n"
        || text.contains("/blobs/")
}

/// Everything that a migration can meet: old folders, a repository that both hubs have, a shared store, links.
fn prepare(targets_store: bool) -> Room {
    let room = lived_in();
    let mine = Repo::new(&room, ".cache/huggingface/hub", "models--org--m");
    mine.file(OLD, "config.json", "m config", git("m config"));
    mine.file(OLD, "model.bin", "m weights", sha256("m weights"));
    mine.reference("main", OLD);
    let theirs = Repo::new(&room, "~/.cache/huggingface/hub", "models--org--m");
    theirs.file(OLD, "extra.json", "m extra", git("m extra"));
    theirs.file(NEW, "sub/model.bin", "m weights", sha256("m weights"));
    theirs.reference("main", NEW);
    theirs.reference("refs/pr/1", OLD);
    room.write(&format!("~/.cache/huggingface/hub/models--org--m/.no_exist/{NEW}/none.json"), "");
    room.write(
        &format!("~/.cache/huggingface/hub/models--org--m/trees/{NEW}.json"),
        format!("{{\"format_version\":1,\"files\":{{\"sub/model.bin\":{{\"size\":9,\"blob_id\":\"{}\"}}}}}}", git("x")),
    );
    for file in ["config.json", "model.bin"] {
        stray::age(&room.place(&format!(".cache/huggingface/hub/models--org--m/snapshots/{OLD}/{file}")), 1000);
    }
    let hash = "ab".repeat(32);
    for name in ["models--org--s1", "models--org--s2"] {
        let repo = Repo::new(&room, "~/.cache/huggingface/hub", name);
        repo.shared(NEW, "model.bin", "shared weights", &sha256("shared weights"), &hash);
        repo.reference("main", NEW);
    }
    if targets_store {
        room.write(".cache/huggingface/hub/blobs/.huggingface-shared-blobs", "1\n");
    }
    std::os::unix::fs::symlink("resnet.pth", room.place("~/.cache/torch/hub/checkpoints/again.pth")).unwrap();
    links_of_dedupe(&room);
    room
}

/// Links to what moves, and one in what moves.
fn links_of_dedupe(room: &Room) {
    let hub = "~/.cache/huggingface/hub";
    let mut notes = String::new();
    for (link, target) in [
        ("kept/asr.bin", format!("{hub}/models--org--asr/blobs/{}", sha256("weights"))),
        ("kept/m.bin", format!("{hub}/models--org--m/blobs/{}", sha256("m weights"))),
        ("kept/shared.bin", format!("{hub}/blobs/ab/{}", "ab".repeat(32))),
        ("~/.cache/torch/hub/checkpoints/asr.pth", format!("{hub}/models--org--asr/blobs/{}", sha256("new weights"))),
    ] {
        let (link, target) = (room.place(link), room.place(&target));
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        notes += &format!("{}\n", note_line(&link, &target));
    }
    room.write(NOTES, notes);
}

/// The links of `dedupe` below `kept` that lead nowhere.
fn dangling(room: &Room) -> Vec<String> {
    let kept = fs::read_dir(room.place("kept")).into_iter().flatten().map(|entry| entry.unwrap().path());
    let own = kept.filter(|path| path.extension().is_some_and(|ending| ending == "bin"));
    own.filter(|path| !path.is_file()).map(|path| path.display().to_string()).collect()
}

#[test]
fn a_migration_killed_anywhere_is_finished_by_the_next() {
    if nothing_can_be_struck() {
        return;
    }
    walk(&["migrate", "--yes", "--quiet"], 100, || (prepare(false), None));
}

#[test]
fn a_migration_that_leaves_links_killed_anywhere_is_finished_by_the_next() {
    if nothing_can_be_struck() {
        return;
    }
    walk(&["migrate", "--yes", "--quiet", "--link-back"], 100, || (prepare(true), None));
}

#[test]
fn a_migration_to_another_disk_killed_anywhere_is_finished_by_the_next() {
    if nothing_can_be_struck() {
        return;
    }
    let (disk, memory) = (std::env::temp_dir(), Path::new(memory::MEMORY));
    let number = |path: &Path| fs::metadata(path).map(|found| found.dev()).ok();
    if [None, number(&disk)].contains(&number(memory)) {
        eprintln!("skipped: there is no second disk");
        return;
    }
    // The rooms are in memory where that is large enough.
    let other = if memory::is_there() { &disk } else { memory };
    let make = || {
        let room = prepare(false);
        let far = tempfile::Builder::new().prefix("modelstrap-test-").tempdir_in(other).unwrap();
        room.write(
            "modelstrap.toml",
            format!("[cache]\nbase_dir = \"{}\"\n[legacy]\npaths = [\"shared/model-cache\"]\n", far.path().display()),
        );
        // The cache of before is one more place to move from.
        fs::rename(room.place(".cache"), room.place("old-cache")).unwrap();
        fs::create_dir(far.path().join(".modelstrap")).unwrap();
        fs::copy(room.place("old-cache/.modelstrap/links.jsonl"), far.path().join(".modelstrap/links.jsonl")).unwrap();
        fs::remove_file(room.place("old-cache/.modelstrap/links.jsonl")).unwrap();
        fs::remove_dir(room.place("old-cache/.modelstrap")).unwrap();
        (room, Some(far))
    };
    walk(&["migrate", "--yes", "--quiet"], 100, make);
}

/// Two downloads of `local_dir` that come as a whole, of commits that no branch names: one of all files of its commit, one of some.
fn whole_downloads() -> Room {
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    // It stays, so that each run looks again.
    room.write("~/.cache/huggingface/token", "hf_secret");
    for (name, commit, listed) in [("all", OLD, &["a.json", "sub/w.bin"][..]), ("some", NEW, &["a.json", "more.bin"])] {
        let files = [
            ("a.json", &*format!("{name} a"), git(&format!("{name} a"))),
            ("sub/w.bin", &*format!("{name} w"), sha256(&format!("{name} w"))),
        ];
        let own = format!("models/{name}/.cache/huggingface");
        stray::local_dir(&room, &format!("models/{name}"), commit, &files);
        room.write(&format!("{own}/CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc55\n# x\n");
        let files: Vec<String> = listed.iter().map(|file| format!("\"{file}\":{{\"size\":1}}")).collect();
        let listing = format!("{{\"format_version\":1,\"files\":{{{}}}}}", files.join(","));
        room.write(&format!("{own}/trees/{commit}.json"), listing);
        // What the client keeps of it in the hub.
        let repo = Repo::new(&room, ".cache/huggingface/hub", &format!("models--org--{name}"));
        repo.file(commit, "b.json", "b", git("b"));
    }
    room
}

#[test]
fn a_migration_of_whole_downloads_killed_anywhere_is_finished_by_the_next() {
    if nothing_can_be_struck() {
        return;
    }
    walk(&["migrate", "--yes", "--quiet"], 30, || (whole_downloads(), None));
    let room = whole_downloads();
    let ran = room.run(&["migrate", "--yes", "--quiet"]).expect(0);
    let left: Vec<String> = Tree::of(&room.place("models")).names().into_iter().map(str::to_owned).collect();
    let listing = format!("some/.cache/huggingface/trees/{NEW}.json");
    assert!(left.iter().all(|name| listing.starts_with(name)), "{left:?} {}", ran.err);
}
