//! `clear` and `prune` while somebody downloads into the cache: a repository that a program fetches into keeps all its revisions, by the
//! system's locks and by those that are files alone.
#![cfg(unix)]

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use crate::support::desk::{CLIENTS, Desk};
use crate::support::hub::Content;
use crate::support::project::Room;
use crate::support::python::python_with;

const REPOSITORY: &str = ".cache/huggingface/hub/models--org--name";
const COMMIT: &str = "1111111111111111111111111111111111111111";
const LOCK: &str = ".cache/huggingface/hub/.locks/models--org--name/e2.lock";

/// Everything that takes a revision, whatever its age.
const WAYS: [&[&str]; 4] = [
    &["prune", "--max-size", "0kB", "--grace", "0", "--yes"],
    &["prune", "--until-free", "900TB", "--grace", "0", "--yes"],
    &["prune", "--older-than", "0", "--grace", "0", "--yes"],
    &["clear", "org/name@main", "--grace", "0", "--yes"],
];

/// A repository with one revision.
fn room() -> Room {
    let room = Room::bare();
    room.write(&format!("{REPOSITORY}/blobs/e1"), vec![1; 50_000]);
    room.write(&format!("{REPOSITORY}/refs/main"), COMMIT);
    let snapshot = room.place(&format!("{REPOSITORY}/snapshots/{COMMIT}"));
    fs::create_dir_all(&snapshot).unwrap();
    std::os::unix::fs::symlink("../../blobs/e1", snapshot.join("model.bin")).unwrap();
    room
}

fn assert_stays(room: &Room, why: &str) {
    let before = room.tree().without(|name| name.contains(".cache/.modelstrap"));
    for way in WAYS {
        let ran = room.run(way);
        let said = format!("{}{}", ran.out, ran.err);
        assert!(said.contains(why), "{way:?}: {said}");
        let after = room.tree().without(|name| name.contains(".cache/.modelstrap"));
        after.assert_eq(&before, &format!("{way:?}"));
    }
}

fn assert_goes(room: &Room) {
    room.run(WAYS[3]).expect(0);
    assert!(!room.exists(&format!("{REPOSITORY}/snapshots/{COMMIT}")));
}

#[test]
fn a_revision_stays_while_a_lock_of_its_repository_is_held_and_goes_when_it_is_given_back() {
    let room = room();
    room.write(LOCK, "");
    let lock = File::open(room.place(LOCK)).unwrap();
    lock.lock().unwrap();
    assert_stays(&room, "a program downloads into it");
    drop(lock);
    assert_goes(&room);
}

#[test]
fn a_revision_stays_while_a_soft_lock_of_its_repository_is_held() {
    let room = room();
    // As filelock writes it: who has it, on which host.
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    room.write(LOCK, format!("{}\n{}\n", std::process::id(), host.trim()));
    assert_stays(&room, "a program downloads into it");
    room.run(&["clear", "org/name", "--grace", "0", "--yes"])
        .expect(1)
        .says(&["org/name: a program downloads into it"]);
    room.write(LOCK, "12\nanother-host\n");
    assert_stays(&room, "a program downloads into it");
    let lock = File::options().write(true).open(room.place(LOCK)).unwrap();
    lock.set_modified(SystemTime::now() - Duration::from_secs(2 * 86_400)).unwrap();
    assert_goes(&room);
}

#[cfg(target_os = "linux")]
#[test]
fn a_revision_stays_while_an_unfinished_download_of_its_repository_is_open() {
    let room = room();
    let unfinished = format!("{REPOSITORY}/blobs/e2.incomplete");
    room.write(&unfinished, vec![1; 9000]);
    let open = File::options().append(true).open(room.place(&unfinished)).unwrap();
    assert_stays(&room, "a program downloads into it");
    drop(open);
    let ran = room.run(&["clear", "org/name@main", "--yes"]).expect(1);
    ran.says(&["a download into it began or went on less than 1 min ago; `--grace 0` takes it"]);
    assert_goes(&room);
}

#[test]
fn an_unfinished_download_and_a_payload_stay_while_a_soft_lock_on_them_is_held() {
    let room = room();
    let unfinished = format!("{REPOSITORY}/blobs/e2.incomplete");
    room.write(&unfinished, vec![1; 9000]);
    room.write(LOCK, "12\nanother-host\n");
    let hash = "ab".repeat(32);
    let payload = format!(".cache/huggingface/hub/blobs/ab/{hash}");
    room.write(".cache/huggingface/hub/blobs/.huggingface-shared-blobs", "1\n");
    room.write(&payload, vec![1; 9000]);
    room.write(&format!("{payload}.refs"), "");
    room.write(&format!("{payload}.lock"), "");
    room.write(&format!("{payload}.lock.soft"), "12\nanother-host\n");
    // They are no leavings: the plan has them among what stays.
    let ran = room.run(&["prune", "--grace", "0", "--yes", "--json"]).expect(0).json();
    let kept: Vec<&str> = ran["kept"].as_array().unwrap().iter().filter_map(|kept| kept["path"].as_str()).collect();
    assert!([&payload, &unfinished].iter().all(|place| kept.iter().any(|path| path.ends_with(*place))), "{ran:#}");
    assert!(ran["kept"].as_array().unwrap().iter().all(|kept| kept["why"] == "another process holds a lock on it"));
    assert!(room.exists(&payload) && room.exists(&unfinished));
    // Who names one is told, too.
    let ran = room.run(&["clear", &format!("./{unfinished}"), "--grace", "0", "--yes"]).expect(1);
    ran.says(&["e2.incomplete stays: is locked by another process, which may be fetching it"]);
    let ran = room.run(&["clear", &format!("./{payload}"), "--grace", "0", "--yes"]).expect(1);
    ran.says(&[&format!("{hash} stays: another process holds its lock")]);
    fs::remove_file(room.place(&format!("{payload}.lock.soft"))).unwrap();
    fs::remove_file(room.place(LOCK)).unwrap();
    room.run(&["prune", "--grace", "0", "--yes"]).expect(0);
    assert!(!room.exists(&payload) && !room.exists(&unfinished));
}

#[test]
fn a_download_of_the_newest_client_ends_well_whatever_is_cleaned_beside_it() {
    disturbed(CLIENTS[0]);
}

#[test]
fn a_download_of_the_oldest_client_ends_well_whatever_is_cleaned_beside_it() {
    disturbed(CLIENTS[2]);
}

/// A real client downloads a second commit while everything else is to go.
fn disturbed(client: &str) {
    let Some(python) = python_with(client, "huggingface_hub") else { return };
    let desk = Desk::with("");
    desk.model("org/name").file("config.json", "1").lfs("a.bin", Content::pattern(1, 60_000)).commit();
    let fetch = "from huggingface_hub import snapshot_download\nsaid = snapshot_download('org/name')";
    desk.online(client, fetch).unwrap();
    desk.model("org/name").file("config.json", "2").lfs("b.bin", Content::pattern(2, 8 << 20)).commit();
    desk.cdn().on("*").crawls_at(400_000);
    let mut command = desk.room.program(&python);
    command.env("HF_HUB_CACHE", desk.cache()).env("HF_HOME", desk.room.path().join("hf-home"));
    let errors = File::create(desk.room.path().join("client")).unwrap();
    let mut child = command.args(["-c", fetch]).stderr(errors).spawn().unwrap();
    let blobs = desk.cached("models--org--name/blobs");
    let start = Instant::now();
    while !is_fetching(&blobs) {
        assert!(start.elapsed() < Duration::from_secs(30), "{client}: it does not begin");
        std::thread::sleep(Duration::from_millis(20));
    }
    for way in WAYS {
        let ran = desk.room.run(way);
        let said = format!("{}{}", ran.out, ran.err);
        assert!(child.try_wait().unwrap().is_some() || said.contains("a program downloads into it"), "{way:?} {said}");
    }
    assert!(child.try_wait().unwrap().is_none(), "{client}: it was over too soon to be disturbed");
    desk.cdn().behaves();
    let status = child.wait().unwrap();
    assert!(status.success(), "{client}: {}", fs::read_to_string(desk.room.path().join("client")).unwrap());
    desk.assert_no_warning(&["model/org/name"]);
    desk.room.run(WAYS[3]).expect(0);
}

/// Whether an unfinished download is there.
fn is_fetching(blobs: &Path) -> bool {
    let mut entries = fs::read_dir(blobs).into_iter().flatten().flatten();
    entries.any(|entry| entry.file_name().to_string_lossy().ends_with(".incomplete"))
}
