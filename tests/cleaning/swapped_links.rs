//! Somebody swaps folders of the cache for links to what lies outside, to and fro, while a verb is at work: whatever comes of the
//! verb, nothing outside changes by a byte.
#![cfg(target_os = "linux")]

use std::cell::Cell;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::bytes::{flip, noise, sha256};
use crate::support::lived::{HUB, MAIN, repository};
use crate::support::project;
use crate::support::project::{Ran, Room, Tree};
use crate::support::zoo::Zoo;

/// Rounds end after so long.
const TIME: Duration = Duration::from_secs(4);

/// Lets each of `pairs`, a folder and a link, change their names until the work is done.
fn swapping<T>(pairs: &[(PathBuf, PathBuf)], work: impl FnOnce() -> T) -> T {
    let stop = AtomicBool::new(false);
    let exchange = |one: &Path, other: &Path| {
        let flags = rustix::fs::RenameFlags::EXCHANGE;
        rustix::fs::renameat_with(rustix::fs::CWD, one, rustix::fs::CWD, other, flags).is_ok()
    };
    thread::scope(|scope| {
        let swapper = scope.spawn(|| {
            let mut odd = vec![false; pairs.len()];
            while !stop.load(Ordering::Relaxed) {
                for (at, (one, other)) in pairs.iter().enumerate() {
                    odd[at] ^= exchange(one, other);
                }
                thread::sleep(Duration::from_micros(150));
            }
            // As they were, for the next look.
            for (at, (one, other)) in pairs.iter().enumerate() {
                if odd[at] {
                    exchange(one, other);
                }
            }
        });
        let done = work();
        stop.store(true, Ordering::Relaxed);
        swapper.join().unwrap();
        done
    })
}

/// What lies outside: every byte, inode and time.
fn outside(room: &Room) -> (Tree, Vec<(u64, i64, i64)>) {
    let folder = room.path().join("outside");
    let tree = Tree::of(&folder);
    let stamps = tree.names().into_iter().map(|name| {
        let found = fs::symlink_metadata(folder.join(name)).unwrap();
        (found.ino(), found.mtime(), found.mtime_nsec())
    });
    let stamps = stamps.collect();
    (tree, stamps)
}

/// A room with a cache, and the same names outside.
fn room() -> Room {
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    repository(&room, "org/asr", &[(MAIN, &[("new", 300), ("other", 200)])]);
    room.write(&format!("{HUB}/models--org--asr/refs/main"), MAIN);
    room.write(".cache/torch/hub/checkpoints/a.pth", vec![3; 300_000]);
    project::copy(&room.place(".cache"), &room.path().join("outside"));
    for name in ["huggingface/hub/models--org--asr/blobs/new", "torch/hub/checkpoints/a.pth"] {
        fs::write(room.path().join("outside").join(name), "precious").unwrap();
    }
    room
}

/// For each of `folders` of the cache a link beside it that leads to the same folder outside.
fn pairs(room: &Room, folders: &[&str]) -> Vec<(PathBuf, PathBuf)> {
    let pair = |folder: &&str| {
        let one = room.place(".cache").join(folder);
        let link = one.with_file_name(format!("{} link", one.file_name().unwrap().to_str().unwrap()));
        if link.symlink_metadata().is_err() {
            fs::create_dir_all(&one).unwrap();
            symlink(room.path().join("outside").join(folder), &link).unwrap();
        }
        (one, link)
    };
    folders.iter().map(pair).collect()
}

/// Rounds of `work` while `folders` are swapped; how many of them did something and how many did not.
fn rounds(room: &Room, folders: &[&str], ready: impl Fn(), work: impl Fn() -> Ran) -> (usize, usize) {
    rounds_for(TIME, room, folders, ready, work)
}

fn rounds_for(
    time: Duration,
    room: &Room,
    folders: &[&str],
    ready: impl Fn(),
    work: impl Fn() -> Ran,
) -> (usize, usize) {
    let before = outside(room);
    let (mut good, mut bad) = (0, 0);
    let begin = Instant::now();
    while begin.elapsed() < time {
        ready();
        let pairs = pairs(room, folders);
        let ran = swapping(&pairs, &work);
        let when = format!("round {}: {ran:?}", good + bad);
        let after = outside(room);
        after.0.assert_eq(&before.0, &when);
        assert_eq!(after.1, before.1, "{when}");
        if ran.code == 0 { good += 1 } else { bad += 1 }
    }
    (good, bad)
}

#[test]
fn a_folder_that_is_swapped_while_an_archive_is_unpacked() {
    let room = room();
    room.run(&["backup", "../all.tar.gz", "--quiet"]).expect(0);
    let folders = ["huggingface/hub/models--org--asr", "torch/hub"];
    let ready = || {
        for folder in [
            "huggingface/hub/models--org--asr/blobs",
            "huggingface/hub/models--org--asr/snapshots",
            "torch/hub/checkpoints",
        ] {
            let folder = room.place(".cache").join(folder);
            if folder.symlink_metadata().is_ok_and(|found| found.is_dir()) {
                fs::rename(&folder, room.path().join(format!("gone {:?}", Instant::now()))).unwrap();
            }
        }
    };
    let (good, bad) = rounds(&room, &folders, ready, || room.run(&["restore", "../all.tar.gz", "--quiet"]));
    assert!(good + bad > 10, "{good} {bad}");
}

#[test]
fn a_folder_that_is_swapped_while_equal_files_are_made_one() {
    let room = room();
    let folders = ["whisper/sub", "torch/hub"];
    fs::create_dir_all(room.path().join("outside/whisper/sub")).unwrap();
    fs::write(room.path().join("outside/whisper/sub/copy.pt"), vec![3; 300_000]).unwrap();
    let ready = || {
        for name in [".cache/whisper/sub/copy.pt", ".cache/torch/hub/copy.pth"] {
            let _ = fs::remove_file(room.place(name));
            room.write(name, vec![3; 300_000]);
        }
    };
    let work = || room.run(&["dedupe", "--yes", "--grace", "0", "--min-size", "1kB"]);
    let (good, bad) = rounds(&room, &folders, ready, work);
    assert!(good + bad > 10, "{good} {bad}");
}

#[test]
fn a_folder_that_is_swapped_while_things_move_into_the_cache() {
    let room = room();
    let (split, third) = (".cache/huggingface/models--org--asr", noise(3, 200_000));
    let etag = sha256(&third);
    let twin = room.path().join("outside/huggingface/models--org--asr/blobs");
    fs::create_dir_all(&twin).unwrap();
    fs::write(twin.join(&etag), "precious").unwrap();
    let pointer = format!("snapshots/{MAIN}/third.bin");
    let moved = [room.place(&format!("{HUB}/models--org--asr/{pointer}")), room.place(".cache/torch/hub/new.pth")];
    let old = [room.place(&format!("{split}/{pointer}")), room.place("~/.cache/torch/hub/new.pth")];
    let ready = || {
        for path in moved.iter().chain(&old) {
            let _ = fs::remove_file(path);
        }
        let _ = fs::remove_file(room.place(&format!("{HUB}/models--org--asr/blobs/{etag}")));
        room.write(&format!("{split}/blobs/{etag}"), &third);
        room.link(&format!("{split}/{pointer}"), &format!("../../blobs/{etag}"));
        room.write("~/.cache/torch/hub/new.pth", "new");
        room.write("~/.cache/torch/hub/checkpoints/a.pth", vec![3; 300_000]);
    };
    let is_first = Cell::new(true);
    let (mut good, mut bad) = (0, 0);
    let folders: [&[&str]; 4] = [
        &["torch/hub"],
        &["huggingface/hub/models--org--asr"],
        &["huggingface/hub/models--org--asr/blobs", "huggingface/hub/models--org--asr/snapshots"],
        &["huggingface/models--org--asr/blobs"],
    ];
    for folders in folders {
        let work = || room.run(&["migrate", "--yes"]);
        let ready = || {
            // The round before may have lost neither.
            let blobs = [format!("{HUB}/models--org--asr/blobs/{etag}"), format!("{split}/blobs/{etag}")];
            let has_blob = blobs.iter().any(|blob| fs::read(room.place(blob)).is_ok_and(|bytes| bytes == third));
            let has_file = moved[1].is_file() || old[1].is_file();
            assert!(is_first.replace(false) || (has_blob && has_file), "{:?}", room.tree().names());
            ready();
        };
        let (one, other) = rounds_for(TIME / 4, &room, folders, ready, work);
        (good, bad) = (good + one, bad + other);
    }
    assert!(good > 2 && good + bad > 10, "{good} {bad}");
}

/// The folders of a repository, each of which is swapped for a while: the repository itself, and what is written below it.
const OF_A_REPOSITORY: [&str; 4] = ["", "/blobs", "/.modelstrap", "/snapshots"];

/// Rounds in which the folders of `repository` are swapped while it is mended; what `damaged` is is damaged before each.
fn mending(room: &Room, repository: &str, damaged: &[PathBuf], words: &[&str]) -> (usize, usize) {
    let whole: Vec<Vec<u8>> = damaged.iter().map(|path| fs::read(path).unwrap()).collect();
    let ready = || {
        for (path, bytes) in damaged.iter().zip(&whole) {
            fs::write(path, bytes).unwrap();
            flip(path);
        }
    };
    let (mut good, mut bad) = (0, 0);
    for folder in OF_A_REPOSITORY {
        let folder = format!("huggingface/hub/{repository}{folder}");
        let work = || room.run(words);
        let time = TIME / u32::try_from(OF_A_REPOSITORY.len()).unwrap();
        let (one, other) = rounds_for(time, room, &[&folder], ready, work);
        (good, bad) = (good + one, bad + other);
    }
    (good, bad)
}

/// The cache once more, outside, with a person's own bytes under the same names.
fn precious_twin(room: &Room, damaged: &[PathBuf]) {
    let outside = room.path().join("outside");
    project::copy(&room.place(".cache"), &outside);
    for path in damaged {
        fs::write(outside.join(path.strip_prefix(room.place(".cache")).unwrap()), "precious").unwrap();
    }
}

#[test]
fn a_folder_that_is_swapped_while_a_damaged_file_is_mended_from_a_copy() {
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    let mut damaged = Vec::new();
    for seed in 0..6 {
        let bytes = noise(seed, 100_000);
        let name = sha256(&bytes);
        for repository in ["models--org--asr", "models--org--twin"] {
            room.write(&format!("{HUB}/{repository}/blobs/{name}"), &bytes);
            room.link(&format!("{HUB}/{repository}/snapshots/{MAIN}/{seed}.bin"), &format!("../../blobs/{name}"));
            room.write(&format!("{HUB}/{repository}/refs/main"), MAIN);
        }
        damaged.push(room.place(&format!("{HUB}/models--org--asr/blobs/{name}")));
    }
    precious_twin(&room, &damaged);
    let (good, bad) = mending(&room, "models--org--asr", &damaged, &["verify", "--fix", "--offline"]);
    assert!(good > 2 && good + bad > 10, "{good} {bad}");
}

#[test]
fn a_folder_that_is_swapped_while_a_damaged_file_is_fetched_again() {
    let zoo = Zoo::start();
    let room = zoo.room();
    room.write("modelstrap.toml", "");
    room.run(&["models", "download", "hf:org/tiny", "--weights", "all"]).expect(0);
    let blobs = room.place(&format!("{HUB}/models--org--tiny/blobs"));
    let damaged: Vec<PathBuf> = fs::read_dir(&blobs).unwrap().map(|entry| entry.unwrap().path()).collect();
    precious_twin(&room, &damaged);
    let (good, bad) = mending(&room, "models--org--tiny", &damaged, &["verify", "--fix"]);
    assert!(good + bad > 4, "{good} {bad}");
}
