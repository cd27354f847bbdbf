//! A second run judges a folder as the first one did, although the parts by which the first one knew it are gone: what was said to
//! stay stays, in whichever mix of libraries' parts and of what is nobody's.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use serde_json::Value;

use crate::support::project::Room;
use crate::support::stray::{LOCAL, NEW, Repo, age, git, local_dir, sha256};
use crate::support::strike::{aim, everywhere, nothing_can_be_struck};

/// The folder of an earlier layout.
const OLD: &str = "shared/model-cache";

/// The size of Whisper's `tiny.pt`, by which it is known.
const TINY: u64 = 75_572_083;

#[test]
fn what_a_first_run_leaves_in_a_folder_of_several_libraries_a_second_one_leaves() {
    let room = Room::bare();
    room.write("modelstrap.toml", format!("[legacy]\npaths = [\"{OLD}\"]\n"));
    let repo = Repo::new(&room, &format!("{OLD}/hub"), "models--o--m");
    repo.file(NEW, "model.bin", "weights", sha256("weights"));
    repo.reference("main", NEW);
    room.write(&format!("{OLD}/hub/checkpoints/a.pth"), "torch");
    room.write(&format!("{OLD}/hub/checkpoints/b.pth.abc.partial"), "part");
    room.write(&format!("{OLD}/hub/my-notes/diary.txt"), "private");
    room.write(&format!("{OLD}/hub/plain.txt"), "1");
    let stays = "  shared/model-cache/hub/my-notes: 1 file in it: nothing says which library reads them\n  \
                 shared/model-cache/hub: 1 file in it: nothing says which library reads them\n  \
                 shared/model-cache/hub/checkpoints/b.pth.abc.partial: is an unfinished download\n";
    let ran = room.run(&["migrate", "--yes"]).expect(0);
    assert!(ran.err.ends_with(&format!("Stayed where it was:\n{stays}")), "{}", ran.err);
    let after = room.tree();
    let ran = room.run(&["migrate", "--yes"]).expect(0);
    assert_eq!(ran.out, "Nothing to move: what stays is named, with the reason.\n");
    assert!(ran.err.ends_with(stays), "{}", ran.err);
    room.tree().assert_eq(&after, "a second run");
}

#[test]
fn what_a_killed_run_leaves_of_a_hub_goes_with_the_next_one() {
    let tag = "Signature: 8a477f597d28d172789f06886806bc55\n# This file is a cache directory tag.\n";
    let (tag, store) = (("CACHEDIR.TAG", tag), ("blobs/.huggingface-shared-blobs", "1\n"));
    for left in [&[store][..], &[store, (".locks/models--o--m/x.lock", ""), tag], &[tag]] {
        for hub in [OLD, &format!("{OLD}/hub"), &format!("{OLD}/mine/deep"), "out/cache"] {
            // Of a folder that nobody named only a note of the killed run says that it was a hub.
            if hub.starts_with("out") && *left == [tag] {
                continue;
            }
            let room = Room::bare();
            room.write("modelstrap.toml", format!("[legacy]\npaths = [\"{OLD}\"]\n"));
            left.iter().for_each(|(name, text)| room.write(&format!("{hub}/{name}"), text));
            let ran = room.run(&["migrate", "--yes"]).expect(0);
            assert_eq!(ran.out, "Nothing to move: what belongs into the cache is there.\n", "{hub}: {left:?}");
            assert!(!room.exists(hub), "{hub}: {:?}", room.tree().names());
        }
    }
}

#[test]
fn a_hub_with_a_shared_store_killed_at_any_removal_is_gone_after_the_next_run() {
    if nothing_can_be_struck() {
        return;
    }
    let hub = format!("{OLD}/mine");
    let points = everywhere(
        &["unlink,unlinkat,rmdir"],
        || (),
        |(), call, nth| {
            let room = Room::bare();
            room.write("modelstrap.toml", format!("[legacy]\npaths = [\"{OLD}\"]\n"));
            put(&room, &hub, 4, 1);
            room.write(&format!("{hub}/.locks/models--o--m1/x.lock"), "");
            room.write(&format!("{hub}/CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc55\n");
            let code = room.struck(&aim("KILL", call, nth), &["migrate", "--yes"]).code;
            let ran = room.run(&["migrate", "--yes"]).expect(0);
            let when = format!("killed at {call} {nth}: {ran:?}\n{:?}", room.tree().names());
            assert!(!ran.err.contains("Stay") && !room.exists(OLD), "{when}");
            let file = format!(".cache/huggingface/hub/models--o--m1/snapshots/{NEW}/model.bin");
            assert_eq!(room.text(&file), "bytes of 1", "{when}");
            code == 0
        },
    );
    assert!(points > 8, "{points}");
}

/// Numbers that look random, the same in each run of the test.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

/// Folders in which something may lie.
const PLACES: [&str; 16] = [
    "",
    "hub",
    "hub/hub",
    "huggingface",
    "huggingface/hub",
    "torch",
    "torch/hub",
    "whisper",
    "whisper/hub",
    "mine",
    "mine/hub",
    "mine/deep/er",
    "datasets",
    "kernels",
    "accelerate",
    "hub/checkpoints",
];

/// One thing of the many that are met, at `at`, called by `number`.
fn put(room: &Room, at: &str, what: usize, number: usize) {
    let name = format!("models--o--m{number}");
    let text = format!("bytes of {number}");
    let write = |below: &str| room.write(&format!("{at}/{below}"), &text);
    match what {
        0 | 1 => repository(room, at, &name, &text),
        2 => {
            repository(room, at, &name, &text);
            write(&format!("{name}/my-notes/diary.txt"));
        }
        3 => {
            repository(room, at, &name, &text);
            write(&format!("{name}/blobs/ff.1a.incomplete"));
            age(&room.place(&format!("{at}/{name}/blobs/ff.1a.incomplete")), 100_000);
        }
        4 => {
            let repo = Repo::new(room, at, &name);
            repo.shared(NEW, "model.bin", &text, &sha256(&text), &format!("{number:02x}").repeat(32));
            repo.reference("main", NEW);
        }
        5 => room.write(&format!("{at}/blobs/.huggingface-shared-blobs"), "1\n"),
        6 => write(&format!("checkpoints/c{number}.pth")),
        7 => write(&format!("checkpoints/c{number}.pth.0a1b.partial")),
        8 => {
            write(&format!("o_r{number}_main/hubconf.py"));
            write(&format!("o_r{number}_main/a/model.py"));
        }
        9 => write(&format!("my-notes-{number}/a/diary.txt")),
        10 => write(&format!("plain-{number}.txt")),
        11 => {
            write("tiny.pt");
            fs::File::options().write(true).open(room.place(&format!("{at}/tiny.pt"))).unwrap().set_len(TINY).unwrap();
        }
        12 => write(&format!("datasets/d{number}/x.arrow")),
        13 => write(&format!("datasets/d{number}/x.arrow.incomplete")),
        14 => write("token"),
        15 => write("accelerate/default_config.yaml"),
        16 => write(&format!("kernels/k{number}.so")),
        17 => {
            write("manifests/registry/library/m/latest");
            write(&format!("blobs/sha256-{number}"));
        }
        18 => {
            let tag = git(&text);
            local_dir(room, &format!("{at}/d{number}"), LOCAL, &[("config.json", &text, tag)]);
            // What the client notes of it in the hub.
            room.write(".cache/huggingface/hub/models--o--local/refs/main", LOCAL);
        }
        19 => {
            put(room, at, 18, number);
            put(room, &format!("{at}/d{number}"), 11, number);
            put(room, &format!("{at}/d{number}/own"), 0, number);
        }
        20 => write(&format!(".locks/{name}/x.lock.txt")),
        21 => write("version.txt"),
        22 => write(&format!("{name}/plain.txt")),
        23 => write("trusted_list"),
        _ => fs::create_dir_all(room.place(&format!("{at}/empty-{number}/er"))).unwrap(),
    }
}

const THINGS: usize = 25;

fn repository(room: &Room, at: &str, name: &str, text: &str) {
    let repo = Repo::new(room, at, name);
    repo.file(NEW, "model.bin", text, sha256(text));
    repo.reference("main", NEW);
}

/// What lies in `folder`, without the notes of this tool: each name, and what tells whether it is still the same.
fn names(folder: &Path) -> BTreeMap<String, (u64, u64)> {
    fn walk(folder: &Path, found: &mut BTreeMap<String, (u64, u64)>) {
        for entry in fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
            if entry.file_name() == ".modelstrap" {
                continue;
            }
            let metadata = entry.metadata().unwrap();
            found.insert(entry.path().display().to_string(), (metadata.ino(), metadata.len()));
            if metadata.is_dir() {
                walk(&entry.path(), found);
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(folder, &mut found);
    found
}

/// What stays, and why; without what a folder of the project is looked at for that holds models: when they have gone it is the project's.
fn stays(document: &Value) -> BTreeSet<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let stays = document["stays"].as_array().unwrap().iter().map(|stay| (text(&stay["path"]), text(&stay["why"])));
    stays.filter(|(path, _)| !path.starts_with("@/p/models/")).collect()
}

#[test]
fn a_second_run_takes_nothing_and_says_the_same_whatever_lies_together() {
    for seed in 0..40 {
        let room = Room::bare();
        room.write("modelstrap.toml", format!("[legacy]\npaths = [\"{OLD}\"]\n"));
        let mut dice = Dice(seed);
        let mut made = Vec::new();
        // Few places, so that much lies together.
        let roots = [OLD, OLD, "~/.cache", "models"];
        let places: Vec<String> = (0..3)
            .map(|_| {
                let below = PLACES[dice.roll(PLACES.len())];
                let root = match roots[dice.roll(roots.len())] {
                    // Only what the libraries call theirs is looked at there.
                    "~/.cache" if ["huggingface", "torch", "whisper"].iter().any(|name| below.starts_with(name)) => {
                        "~/.cache"
                    }
                    "models" => "models",
                    _ => OLD,
                };
                if below.is_empty() { root.to_owned() } else { format!("{root}/{below}") }
            })
            .collect();
        for number in 0..4 + dice.roll(8) {
            let (at, what) = (&places[dice.roll(places.len())], dice.roll(THINGS));
            put(&room, at, what, number);
            made.push(format!("{what} in {at}"));
        }
        let first = room.run(&["migrate", "--yes", "--json"]);
        assert!(first.code < 2, "{seed}: {made:?}: {first:?}");
        let after = names(room.path());
        for run in ["second", "third"] {
            let next = room.run(&["migrate", "--yes", "--json"]);
            let when = format!("{run} run of {seed}: {made:#?}\n{}", next.err);
            assert_eq!(next.json()["total"]["files"], 0, "{when}\n{:#}", next.json()["parts"]);
            assert_eq!(names(room.path()), after, "{when}");
            assert_eq!(stays(&next.json()), stays(&first.json()), "{when}");
            assert_eq!(next.code, first.code, "{when}");
        }
    }
}
