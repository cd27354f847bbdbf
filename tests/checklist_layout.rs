//! The Hub's checklist, 6 to 17: what lies in the cache after a download, name by name and byte by byte.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so and stops")]

#[path = "support/desk.rs"]
mod desk;
#[path = "support/hub/mod.rs"]
mod hub;
#[path = "support/project.rs"]
mod project;
#[path = "support/python.rs"]
mod python;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::process::Command;

use desk::{CLIENTS, Desk};
use hub::{Content, HOSTILE, Hub, Kind, shared_part, tree};
use project::Tree;
use serde_json::json;

/// Point 6.
#[test]
fn a_data_set_and_a_name_of_one_word_get_their_folders_and_a_name_that_is_none_is_refused() {
    let desk = Desk::with("data = \"hf:datasets/org/name\"\none = \"hf:gpt2\"");
    desk.dataset("org/name").file("train.csv", "a\n").commit();
    desk.model("gpt2").file("config.json", "{}").commit();
    desk.download();
    let folders = ["datasets--org--name/refs/main", "models--gpt2/refs/main"];
    assert!(folders.iter().all(|path| desk.cached(path).is_file()));
    desk.forget();
    for name in ["-a/b", "a/b.", "a--b/c", "a..b/c", "a/b.git", "a/b/c", &format!("a/{}", "x".repeat(97)), "a/é"] {
        let ran = desk.models(&["download", &format!("hf:{name}")]);
        assert!([1, 2].contains(&ran.code), "{name}: {ran:?}");
    }
    assert_eq!(desk.connections(), 0);
}

/// Point 7.
#[test]
fn a_reference_is_forty_bytes_written_by_a_rename_only_when_it_changes() {
    let desk = Desk::with("tiny = \"hf:org/tiny\"\npr = \"hf:org/tiny@refs/pr/1\"");
    let commit = desk::tiny(&desk.hub);
    let pull = desk.model("org/tiny").pull_request(1).file("config.json", "{\"pr\": 1}").commit();
    desk.download();
    let main = desk.cached("models--org--tiny/refs/main");
    assert_eq!(fs::read(&main).unwrap(), commit.as_bytes());
    assert_eq!(fs::read(desk.cached("models--org--tiny/refs/refs/pr/1")).unwrap(), pull.as_bytes());

    let before = fs::metadata(&main).unwrap();
    desk.download();
    let same = fs::metadata(&main).unwrap();
    assert_eq!((before.ino(), before.mtime_nsec()), (same.ino(), same.mtime_nsec()));

    // A line end breaks every offline lookup: it is repaired, by a new file.
    fs::write(&main, format!("{commit}\n")).unwrap();
    let broken = fs::metadata(&main).unwrap().ino();
    desk.download();
    assert_eq!(fs::read(&main).unwrap(), commit.as_bytes());
    assert_ne!(fs::metadata(&main).unwrap().ino(), broken);
}

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
    assert_eq!(shared_part_without_ours(&desk), desk.expected_cache(Kind::Model, "org/tiny", "main", |_| true));
    let git = ["config.json", "empty", "nested/dir/vocab.txt", "we ird #1%+é.txt"].len();
    let lengths: Vec<_> =
        fs::read_dir(folder.join("blobs")).unwrap().map(|one| one.unwrap().file_name().len()).collect();
    assert_eq!(lengths.iter().filter(|length| **length == 40).count(), git);
    assert_eq!(lengths.iter().filter(|length| **length == 64).count(), 2);
}

/// References, snapshots and blobs, without the reference that protects from `hf cache prune`.
fn shared_part_without_ours(desk: &Desk) -> hub::Tree {
    let mut found = shared_part(&desk.cached("models--org--tiny"));
    found.retain(|path, _| !path.starts_with("refs/refs/modelstrap/"));
    found
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
        for lock in fs::read_dir(locks).into_iter().flatten().map(Result::unwrap) {
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

/// Point 13.
#[test]
fn a_name_that_leads_out_of_its_folder_is_refused_before_anything_is_written() {
    for name in HOSTILE {
        let desk = Desk::with("bad = \"hf:org/bad\"");
        desk.model("org/bad").file("config.json", "{}").also(name, "escaped").commit();
        let before = Tree::of(desk.room.root());
        let ran = desk.models(&["download"]).expect(1);
        assert!(ran.err.contains("org/bad"), "{name:?}: {}", ran.err);
        Tree::of(desk.room.root()).assert_eq(&before, name);
        assert!(desk.requests_to("GET", "*/resolve/*").is_empty(), "{name:?}");
        let escaped = [desk.room.path().join("escaped"), desk.room.path().join("p/escaped")];
        assert!(escaped.iter().all(|path| !path.exists()) && fs::metadata("/etc/escaped").is_err());
    }
}

/// Point 13: an odd name is no bad one.
#[test]
fn a_name_with_spaces_signs_and_accents_comes_and_is_found() {
    let (desk, _) = Desk::tiny();
    desk.download();
    let path = desk.models(&["path", "tiny", "we ird #1%+é.txt"]).expect(0).out;
    let path = path.trim().replace('@', desk.room.path().to_str().unwrap());
    assert_eq!(fs::read(path).unwrap(), b"odd");
}

/// Point 14.
#[test]
fn nothing_lies_in_the_cache_but_repositories_locks_and_the_tag() {
    let (desk, commit) = Desk::tiny();
    desk.cdn().on("*safetensors").once().cuts_at(5 << 20);
    desk.download();
    let allowed = [".locks", "CACHEDIR.TAG", "models--org--tiny"];
    for entry in fs::read_dir(desk.cache()).unwrap().map(Result::unwrap) {
        assert!(allowed.contains(&entry.file_name().to_str().unwrap()), "{entry:?}");
    }
    let official = [".modelstrap", ".no_exist", "blobs", "refs", "snapshots", "trees"];
    for entry in fs::read_dir(desk.cached("models--org--tiny")).unwrap().map(Result::unwrap) {
        assert!(official.contains(&entry.file_name().to_str().unwrap()), "{entry:?}");
    }
    let tag = fs::read_to_string(desk.cached("CACHEDIR.TAG")).unwrap();
    assert!(tag.starts_with("Signature: 8a477f597d28d172789f06886806bc55\n"));
    assert!(tree(&desk.cached("models--org--tiny/.modelstrap")).is_empty(), "nothing unfinished is left");
    assert!(desk.cached(&format!("models--org--tiny/snapshots/{commit}")).is_dir());
}

/// Point 15.
#[test]
fn the_official_scanner_has_nothing_to_say_after_any_command() {
    let (desk, _) = Desk::tiny();
    let commands: [&[&str]; 7] = [
        &["lock"],
        &["download", "--dry-run"],
        &["download"],
        &["verify"],
        &["list"],
        &["update"],
        &["download", "--frozen"],
    ];
    for command in commands {
        desk.models(command).expect(0);
        if desk.cache().is_dir() {
            desk.assert_no_warning(&["model/org/tiny"]);
        }
    }
    desk.models(&["remove", "tiny", "--purge", "--yes"]).expect(0);
    if desk.cache().is_dir() {
        desk.assert_no_warning(&[]);
    }
}

/// Point 15, when a run was cut off: by a signal that leaves it no time, and by one that does.
#[test]
fn the_official_scanner_has_nothing_to_say_after_an_interrupted_run_either() {
    for signal in ["KILL", "TERM", "INT"] {
        let (desk, _) = Desk::tiny();
        desk.cdn().on("*safetensors").stalls_at(3 << 20);
        let mut child = desk.start(&["download"]);
        let blob = desk.cached(&format!("models--org--tiny/blobs/{}", Content::pattern(2, 70_000).sha256()));
        wait_for(|| blob.exists());
        Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status().unwrap();
        let status = child.wait().unwrap();
        assert!(!status.success(), "{signal}");
        desk.assert_no_warning(&["model/org/tiny"]);
        desk.cdn().behaves();
        desk.download();
        desk.assert_no_warning(&["model/org/tiny"]);
        assert_eq!(shared_part_without_ours(&desk), desk.expected_cache(Kind::Model, "org/tiny", "main", |_| true));
    }
}

#[track_caller]
fn wait_for(mut holds: impl FnMut() -> bool) {
    for _ in 0..6000 {
        if holds() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("it never comes to that");
}

/// A cache in which the large file is a payload of the shared store, as `huggingface_hub` 1.32 leaves it.
fn shared_store(hub: Hub) -> (Desk, String, std::path::PathBuf) {
    let desk = Desk::at(hub, "tiny = \"hf:org/tiny\"");
    let commit = desk::tiny(&desk.hub);
    let content = Content::pattern(1, 12 << 20);
    let xet = "ab".repeat(32);
    let entry = desk.cached("blobs/ab");
    fs::create_dir_all(&entry).unwrap();
    fs::write(desk.cached("blobs/.huggingface-shared-blobs"), "1\n").unwrap();
    let payload = entry.join(&xet);
    fs::write(&payload, content.bytes()).unwrap();
    let name = format!("models--org--tiny/blobs/{}", content.sha256());
    fs::write(entry.join(format!("{xet}.refs")), format!("{name}\n")).unwrap();
    let blob = desk.cached(&name);
    fs::create_dir_all(blob.parent().unwrap()).unwrap();
    symlink(format!("../../blobs/ab/{xet}"), blob).unwrap();
    (desk, commit, payload)
}

/// Point 16.
#[test]
fn a_payload_of_the_shared_store_outlives_the_model_that_led_to_it() {
    let (desk, _, payload) = shared_store(Hub::start());
    desk.download();
    desk.models(&["remove", "tiny", "--purge", "--yes"]).expect(0);
    assert!(!desk.cached("models--org--tiny").exists());
    assert_eq!(fs::metadata(&payload).unwrap().len(), 12 << 20);
    assert!(desk.cached("blobs/.huggingface-shared-blobs").is_file());
}

/// Point 17.
#[test]
fn a_blob_that_leads_to_the_shared_store_is_present_and_its_bytes_are_what_is_verified() {
    let (desk, commit, payload) = shared_store(Hub::start());
    desk.download();
    assert!(desk.requests_to("GET", "*model.safetensors").is_empty());
    desk.models(&["verify"]).expect(0);
    desk.assert_no_warning(&["model/org/tiny"]);
    let pointer = desk.cached(&format!("models--org--tiny/snapshots/{commit}/model.safetensors"));
    assert_eq!(fs::read(pointer).unwrap(), Content::pattern(1, 12 << 20).bytes());

    fs::write(&payload, Content::pattern(1, 12 << 20).with_flipped_byte(9).bytes()).unwrap();
    let ran = desk.models(&["verify"]).expect(3);
    assert!(format!("{}{}", ran.out, ran.err).contains("model.safetensors"), "{ran:?}");
    desk.models(&["verify", "--fix"]).expect(0);
    assert!(payload.exists(), "what others may share is not removed");
    desk.models(&["verify"]).expect(0);
}
