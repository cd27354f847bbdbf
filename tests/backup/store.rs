//! The Hub's shared store and a restore that breaks off: what came has a list of its users, as the official client would write it, and
//! what nobody can tell a user of can be taken away.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::support::bytes::{noise, sha256};
use crate::support::project::Room;

const MAIN: &str = "2222222222222222222222222222222222222222";
const HUB: &str = ".cache/huggingface/hub";
const SIZE: usize = 40_000;

fn payload(digits: &str) -> String {
    format!("{HUB}/blobs/{digits}/{}", digits.repeat(32))
}

/// Puts a payload into the store of a hub, which two repositories use.
fn shared(room: &Room, digits: &str, bytes: &[u8]) {
    let etag = sha256(bytes);
    room.write(&format!("{HUB}/blobs/.huggingface-shared-blobs"), "1\n");
    room.write(&payload(digits), bytes);
    for repository in ["models--a", "models--b"] {
        let folder = room.place(&format!("{HUB}/{repository}"));
        fs::create_dir_all(folder.join("blobs")).unwrap();
        fs::create_dir_all(folder.join("snapshots").join(MAIN)).unwrap();
        let hash = digits.repeat(32);
        symlink(format!("../../blobs/{digits}/{hash}"), folder.join("blobs").join(&etag)).unwrap();
        symlink(format!("../../blobs/{etag}"), folder.join("snapshots").join(MAIN).join(digits)).unwrap();
        room.write(&format!("{HUB}/{repository}/refs/main"), MAIN);
    }
}

/// An archive of such a hub with the payloads `ab` and `cd`, and one that ends right after the first of them.
fn cut() -> (Room, PathBuf, PathBuf) {
    let room = Room::bare();
    let first = noise(9, SIZE);
    shared(&room, "ab", &first);
    shared(&room, "cd", &noise(8, SIZE));
    let (whole, part) = (room.path().join("a.tar"), room.path().join("cut.tar"));
    room.run(&["backup", whole.to_str().unwrap()]).expect(0);
    let bytes = fs::read(&whole).unwrap();
    let begin = bytes.windows(64).position(|window| window == &first[..64]).unwrap();
    fs::write(&part, &bytes[..begin + SIZE + 600]).unwrap();
    (room, whole, part)
}

fn restore(room: &Room, archive: &Path, code: i32) {
    room.run(&["restore", archive.to_str().unwrap()]).expect(code);
}

#[test]
fn what_a_restore_that_is_cut_off_brings_has_its_users_and_goes_or_is_completed_like_anything_else() {
    let (_from, whole, part) = cut();
    let etag = sha256(&noise(9, SIZE));
    let users = format!("models--a/blobs/{etag}\nmodels--b/blobs/{etag}\n");

    let room = Room::bare();
    restore(&room, &part, 1);
    assert_eq!(room.read(&payload("ab")), noise(9, SIZE));
    assert_eq!(room.text(&format!("{}.refs", payload("ab"))), users);
    for repository in ["models--a", "models--b"] {
        let repository = room.place(&format!("{HUB}/{repository}"));
        assert_eq!(fs::read(repository.join("blobs").join(&etag)).unwrap(), noise(9, SIZE));
        assert!(repository.join("snapshots").is_dir(), "or the official client calls it corrupt");
    }
    restore(&room, &whole, 0);
    assert_eq!(room.text(&format!("{}.refs", payload("ab"))), users);
    assert_eq!(room.read(&format!("{HUB}/models--b/snapshots/{MAIN}/cd")), noise(8, SIZE));
    room.run(&["restore", whole.to_str().unwrap()]).expect(0).says(&["Nothing to bring"]);

    let room = Room::bare();
    restore(&room, &part, 1);
    room.run(&["prune", "--grace", "0", "--yes", "--now"]).expect(0);
    assert!(!room.exists(&payload("ab")), "nobody needs it");
}

#[test]
fn a_payload_without_a_list_stays_until_somebody_clears_it() {
    let room = Room::bare();
    shared(&room, "ab", &noise(9, SIZE));
    room.write(&payload("cd"), noise(8, SIZE));
    room.write(&payload("ef"), noise(7, SIZE));
    room.write(&format!("{}.refs", payload("ef")), [0xff, 0xfe]);
    let young = room.run(&["prune", "--dry-run"]).expect(0);
    assert!(!young.out.contains("shared store"), "{}", young.out);
    let ran = room.run(&["prune", "--grace", "0", "--yes", "--now"]).expect(0);
    let said = ["nobody can say who uses it", &format!("/{}` takes it", payload("cd"))];
    assert!(said.iter().all(|said| ran.err.contains(said)), "{}", ran.err);
    assert!(["ab", "cd", "ef"].iter().all(|name| room.exists(&payload(name))), "{}", ran.out);
    let path = payload("cd");
    room.run(&["clear", &path, "--yes", "--now"]).expect(0);
    assert!(room.exists(&payload("ab")), "repositories lead to it, whatever its list says");
    assert!(room.exists(&payload("ef")), "a list that cannot be read may name anybody");
    assert!(!room.exists(&payload("cd")));

    room.run(&["clear", "models", "--yes", "--now"]).expect(0);
    assert!(!room.exists(&payload("ab")));
}
