//! Blobs and the pointers to them: points 8 to 12.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use serde_json::json;

use crate::support::desk::{CLIENTS, Desk};
use crate::support::hub::Content;
use crate::support::project;

/// Point 8.
#[test]
fn a_link_is_relative_and_still_leads_to_the_blob_when_the_cache_is_moved() {
    let (desk, commit) = Desk::tiny();
    desk.download();
    let etag = Content::from("a\nb\n").git_sha1();
    let inner = format!("models--org--tiny/snapshots/{commit}/nested/dir/vocab.txt");
    let target = fs::read_link(desk.cached(&inner)).unwrap();
    assert_eq!(target.to_str().unwrap(), format!("../../../../blobs/{etag}"));
    let moved = desk.room.path().join("elsewhere");
    fs::rename(desk.cache(), &moved).unwrap();
    assert_eq!(fs::read(moved.join(inner)).unwrap(), b"a\nb\n");
}

/// Point 9.
#[test]
fn the_names_of_the_blobs_are_the_digests_of_what_is_in_them() {
    let (desk, _) = Desk::tiny();
    desk.download();
    let folder = desk.cached("models--org--tiny");
    desk.assert_whole();
    let git = ["config.json", "empty", "nested/dir/vocab.txt", "we ird #1%+é.txt"].len();
    let lengths: Vec<_> =
        fs::read_dir(folder.join("blobs")).unwrap().map(|one| one.unwrap().file_name().len()).collect();
    assert_eq!(lengths.iter().filter(|length| **length == 40).count(), git);
    assert_eq!(lengths.iter().filter(|length| **length == 64).count(), 2);
}

/// Point 9, for both kinds of names.
#[test]
fn a_body_that_does_not_hash_to_its_name_never_gets_the_name() {
    let (desk, _) = Desk::tiny();
    desk.hub.on("*config.json").flips_the_byte_at(3);
    desk.cdn().on("*table.dat").flips_the_byte_at(3);
    let ran = desk.models(&["download"]).expect(1);
    assert!(ran.err.contains("config.json has the wrong content") && ran.err.contains("table.dat has"), "{}", ran.err);
    let blobs = desk.cached("models--org--tiny/blobs");
    assert!(!blobs.join(Content::from("{\"model_type\": \"bert\"}").git_sha1()).exists());
    assert!(!blobs.join(Content::pattern(2, 70_000).sha256()).exists());
    assert!(blobs.join(Content::pattern(1, 12 << 20).sha256()).exists());
}

/// Point 10.
#[test]
fn modes_follow_the_umask_folders_keep_the_group_and_locks_can_be_taken_by_it() {
    for umask in [0o002, 0o022, 0o027, 0o077] {
        let (desk, commit) = Desk::tiny();
        let shared = desk.room.root().join(".cache/huggingface");
        fs::create_dir_all(&shared).unwrap();
        fs::set_permissions(&shared, fs::Permissions::from_mode(0o2775)).unwrap();
        let script = format!("umask {umask:03o} && exec '{}' models download", project::PROGRAM);
        desk.room.ran(desk.room.program("sh").args(["-c", &script])).expect(0);
        let repository = desk.cached("models--org--tiny");
        let mode = |path: &str| fs::metadata(repository.join(path)).unwrap().permissions().mode() & 0o7777;
        let file = 0o666 & !umask;
        let etag = Content::pattern(2, 70_000).sha256();
        for path in [format!("blobs/{etag}"), "refs/main".to_owned(), format!("trees/{commit}.json")] {
            assert_eq!(format!("{:o}", mode(&path)), format!("{file:o}"), "{path} with umask {umask:o}");
        }
        let folder = 0o2000 | (0o777 & !umask);
        for path in ["", "blobs", "refs", "trees", "snapshots", &format!("snapshots/{commit}/nested/dir")] {
            assert_eq!(format!("{:o}", mode(path)), format!("{folder:o}"), "{path} with umask {umask:o}");
        }
        let locks = desk.cached(".locks/models--org--tiny");
        let locks: Vec<_> = fs::read_dir(locks).unwrap().map(Result::unwrap).collect();
        assert!(!locks.is_empty(), "Python's locks are taken");
        for lock in locks {
            assert_eq!(lock.metadata().unwrap().permissions().mode() & 0o7777, 0o664, "{lock:?}");
        }
    }
}

/// Point 11.
#[test]
fn a_good_pointer_is_never_rewritten_and_a_dangling_one_is_repaired() {
    let (desk, commit) = Desk::tiny();
    desk.download();
    let pointer = desk.cached(&format!("models--org--tiny/snapshots/{commit}/config.json"));
    let other = desk.cached(&format!("models--org--tiny/snapshots/{commit}/nested/dir/vocab.txt"));
    let before = fs::symlink_metadata(&other).unwrap();
    let target = fs::read_link(&pointer).unwrap();
    fs::remove_file(&pointer).unwrap();
    symlink("../../blobs/nowhere", &pointer).unwrap();
    desk.forget();
    desk.download();
    assert_eq!(fs::read_link(&pointer).unwrap(), target);
    let after = fs::symlink_metadata(&other).unwrap();
    assert_eq!((before.ino(), before.mtime_nsec()), (after.ino(), after.mtime_nsec()));
    assert_eq!(desk.connections(), 0, "the bytes were there");
}

/// Point 12.
#[test]
fn without_symbolic_links_the_files_are_regular_and_every_client_loads_them() {
    let (desk, commit) = Desk::tiny();
    let desk = desk.set("HF_HUB_DISABLE_SYMLINKS", "1");
    desk.download();
    let snapshot = desk.cached(&format!("models--org--tiny/snapshots/{commit}"));
    for path in ["config.json", "model.safetensors", "nested/dir/vocab.txt", "empty"] {
        assert!(fs::symlink_metadata(snapshot.join(path)).unwrap().is_file(), "{path}");
    }
    desk.models(&["verify"]).expect(0);
    desk.forget();
    desk.download();
    assert_eq!(desk.connections(), 0);
    for client in CLIENTS {
        let code = "
from huggingface_hub import hf_hub_download, snapshot_download
said = [open(hf_hub_download('org/tiny', 'config.json')).read(), snapshot_download('org/tiny')]";
        let Some(said) = desk.offline(client, code) else { continue };
        assert_eq!(said, json!(["{\"model_type\": \"bert\"}", snapshot]));
    }
    desk.assert_no_warning(&["model/org/tiny"]);
}

/// Point 12: what Python leaves on such a disk is used as it is.
#[test]
fn files_that_python_put_into_a_snapshot_without_links_are_not_fetched_again() {
    let (desk, commit) = Desk::tiny();
    let desk = desk.set("HF_HUB_DISABLE_SYMLINKS", "1");
    let code = "from huggingface_hub import snapshot_download\nsaid = snapshot_download('org/tiny')";
    if desk.online(CLIENTS[0], code).is_none() {
        return;
    }
    let large = desk.cached(&format!("models--org--tiny/snapshots/{commit}/model.safetensors"));
    let before = fs::symlink_metadata(&large).unwrap();
    assert!(before.is_file());
    desk.forget();
    desk.download();
    assert_eq!(fs::symlink_metadata(&large).unwrap().ino(), before.ino());
    let files = desk.requests_to("GET", "*/resolve/*");
    assert!(files.is_empty(), "{files:#?}");
    desk.models(&["verify"]).expect(0);
}
