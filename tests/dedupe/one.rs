//! What becomes one, what stays, and what is said of it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use super::desk::{ALL, COMMIT, GO, ORG, blob, contents, inode, local, sha256, shape, weights};
use crate::support::project::Room;

/// One content in seven places, another in two, and one alone.
fn lived_in() -> Room {
    let room = Room::bare();
    let (one, two) = (weights(1), weights(2));
    blob(&room, ORG, "model.safetensors", &one);
    blob(&room, ".cache/huggingface/hub/models--Org--Name", "model.safetensors", &one);
    blob(&room, "~/.cache/huggingface/hub/models--org--name", "model.safetensors", &one);
    local(&room, "models/name", "model.safetensors", &one);
    room.write(&format!("~/.ollama/models/blobs/sha256-{}", sha256(&one)), &one);
    room.write(".cache/torch/hub/checkpoints/one.pt", &one);
    room.write("~/.cache/whisper/one.pt", &one);
    room.write(".cache/torch/hub/checkpoints/two.pt", &two);
    room.write("~/.cache/whisper/two.pt", &two);
    room.write("~/.cache/whisper/three.pt", weights(3));
    room
}

#[test]
fn equal_content_becomes_one_file_wherever_it_lies_and_the_hubs_stays() {
    let room = lived_in();
    let one = weights(1);
    let kept = room.place(&format!("{ORG}/blobs/{}", sha256(&one)));
    // The blob of `Org/Name` comes first by its name; both are the hub's, and one of them stays.
    let other = room.place(&format!(".cache/huggingface/hub/models--Org--Name/blobs/{}", sha256(&one)));
    let (ours, theirs) = (inode(&kept), inode(&other));
    let before = contents(room.path());
    let ran = room.run(&GO).expect(0);
    assert_eq!(ran.out, "Freed 7.71 MB in 7 files.\n", "{}", ran.err);
    assert_eq!(contents(room.path()), before, "every name has its bytes");
    let copies = [
        "models/name/model.safetensors".to_owned(),
        ".cache/torch/hub/checkpoints/one.pt".to_owned(),
        "~/.cache/whisper/one.pt".to_owned(),
        format!("~/.ollama/models/blobs/sha256-{}", sha256(&one)),
        format!("~/.cache/huggingface/hub/models--org--name/blobs/{}", sha256(&one)),
    ];
    assert_eq!(inode(&kept), inode(&other));
    assert!(inode(&kept) == theirs || inode(&kept) == ours);
    for copy in &copies {
        assert_eq!(inode(&room.place(copy)), inode(&kept), "{copy}");
    }
    assert_eq!(
        inode(&room.place(".cache/torch/hub/checkpoints/two.pt")),
        inode(&room.place("~/.cache/whisper/two.pt"))
    );
    assert_eq!(fs::metadata(&kept).unwrap().mode() & 0o7777, 0o444, "nobody writes to a file with seven names");
    assert_eq!(
        fs::metadata(room.place("~/.cache/whisper/three.pt")).unwrap().mode() & 0o222,
        0o200 | (fs::metadata(room.place("~/.cache/whisper/three.pt")).unwrap().mode() & 0o022)
    );
    // Revisions still lead to blobs, and blobs are still files.
    let link = room.place(&format!("{ORG}/snapshots/{COMMIT}/model.safetensors"));
    assert_eq!(fs::read_link(link).unwrap(), Path::new(&format!("../../blobs/{}", sha256(&one))));
    assert!(fs::symlink_metadata(&kept).unwrap().is_file());

    let again = room.run(&GO).expect(0);
    assert!(again.err.contains("Nothing is stored twice among"), "{}", again.err);
}

#[test]
fn names_pair_contents_without_a_byte_being_read() {
    let room = Room::bare();
    let one = weights(1);
    blob(&room, ORG, "a.safetensors", &one);
    blob(&room, "~/.cache/huggingface/hub/models--org--name", "a.safetensors", &one);
    local(&room, "models/name", "a.safetensors", &one);
    room.write(&format!("~/.ollama/models/blobs/sha256-{}", sha256(&one)), &one);
    // Of the same size, and another content: the name says so.
    blob(&room, ORG, "b.safetensors", &weights(9));
    let found = room.run(&[&ALL[..], &["--dry-run", "--json"]].concat()).expect(0).json();
    assert_eq!((found["read_bytes"].as_u64(), found["can_free_bytes"].as_u64()), (Some(0), Some(3 * 1_101_824)));
    let pairs = found["pairs"].as_array().unwrap();
    assert!(pairs.len() == 3 && pairs.iter().all(|pair| pair["known_by"] == "name"), "{found:#}");
}

#[test]
fn a_note_older_than_its_file_tells_nothing() {
    let room = Room::bare();
    let one = weights(1);
    blob(&room, ORG, "a.safetensors", &one);
    let name = local(&room, "models/name", "a.safetensors", &weights(2));
    // As if somebody had trained on.
    room.write(
        "models/name/.cache/huggingface/download/a.safetensors.metadata",
        format!("{COMMIT}\n{}\n1000.0\n", sha256(&one)),
    );
    let found = room.run(&[&ALL[..], &["--dry-run", "--json"]].concat()).expect(0).json();
    assert_eq!(found["pairs"].as_array().unwrap().len(), 0, "{name}: {found:#}");
}

#[test]
fn files_of_a_revision_without_links_are_known_by_the_commits_listing() {
    let room = Room::bare();
    let one = weights(1);
    blob(&room, ORG, "a.bin", &one);
    let other = ".cache/huggingface/hub/models--org--other";
    room.write(&format!("{other}/snapshots/{COMMIT}/sub/a.bin"), &one);
    let listing = format!(
        r#"{{"format_version":1,"files":{{"sub/a.bin":{{"size":{},"blob_id":"{COMMIT}","lfs_sha256":"{}","lfs_size":1}}}}}}"#,
        one.len(),
        sha256(&one)
    );
    room.write(&format!("{other}/trees/{COMMIT}.json"), listing);
    let found = room.run(&[&ALL[..], &["--dry-run", "--json"]].concat()).expect(0).json();
    assert_eq!(
        (found["read_bytes"].as_u64(), found["pairs"][0]["known_by"].as_str()),
        (Some(0), Some("name")),
        "{found:#}"
    );
}

#[test]
fn a_payload_of_the_shared_store_stays_where_it_is() {
    let room = Room::bare();
    let one = weights(1);
    let hub = ".cache/huggingface/hub";
    let payload = format!("{hub}/blobs/ab/{}", "ab".repeat(32));
    room.write(&format!("{hub}/blobs/.huggingface-shared-blobs"), "1\n");
    room.write(&payload, &one);
    fs::set_permissions(room.place(&payload), fs::Permissions::from_mode(0o444)).unwrap();
    let name = format!("{ORG}/blobs/{}", sha256(&one));
    fs::create_dir_all(room.place(&format!("{ORG}/blobs"))).unwrap();
    symlink(format!("../../blobs/ab/{}", "ab".repeat(32)), room.place(&name)).unwrap();
    room.write(&format!("{payload}.refs"), format!("models--org--name/blobs/{}\n", sha256(&one)));
    local(&room, "models/name", "a.safetensors", &one);
    let before = inode(&room.place(&payload));
    let found = room.run(&[&ALL[..], &["--dry-run", "--json"]].concat()).expect(0).json();
    assert_eq!(found["read_bytes"], 0, "the blob's name says what the payload is");
    let snapshot = room.place(&format!("{ORG}/snapshots/{COMMIT}/onnx"));
    fs::create_dir_all(&snapshot).unwrap();
    symlink(format!("../../../blobs/{}", sha256(&one)), snapshot.join("a.safetensors")).unwrap();
    let ran = room.run(&[&ALL[..], &["--dry-run"]].concat()).expect(0);
    assert!(ran.err.contains("stays      org/name: onnx/a.safetensors in .cache/huggingface\n"), "{}", ran.err);
    room.run(&GO).expect(0);
    assert_eq!(inode(&room.place(&payload)), before);
    assert_eq!(inode(&room.place("models/name/a.safetensors")), before);
    assert!(room.place(&name).symlink_metadata().unwrap().is_symlink());
}

#[test]
fn what_must_not_be_touched_is_not() {
    let room = Room::git();
    let one = weights(1);
    blob(&room, ORG, "a.safetensors", &one);
    let untouchable = [
        format!("{ORG}/blobs/{}.incomplete", sha256(&one)),
        format!("{ORG}/blobs/{}.0a1b2c3d.incomplete", sha256(&one)),
        format!("{ORG}/refs/strange"),
        format!("{ORG}/.no_exist/{COMMIT}/x.bin"),
        format!("{ORG}/.modelstrap/partials/x.part"),
        ".cache/huggingface/hub/.locks/models--org--name/x.lock".to_owned(),
        ".cache/huggingface/token".to_owned(),
        ".cache/torch/x.lock".to_owned(),
        ".cache/torch/x.part".to_owned(),
        ".cache/torch/state.sqlite3".to_owned(),
        "models/.cache/huggingface/download/x.safetensors".to_owned(),
        "models/tracked.safetensors".to_owned(),
        format!("~/.ollama/models/blobs/sha256-{}-partial-0", sha256(&one)),
        "out/app/answer.bin".to_owned(),
        "~/.cache/whisper/secret.pt".to_owned(),
    ];
    for name in &untouchable {
        room.write(name, &one);
    }
    room.write("modelstrap.toml", "[application_caches]\napp = \"out/app\"\n");
    room.run_git(&["add", "models/tracked.safetensors"]);
    fs::set_permissions(room.place("~/.cache/whisper/secret.pt"), fs::Permissions::from_mode(0o600)).unwrap();
    let before = shape(room.path());
    let ran = room.run(&GO).expect(0);
    assert_eq!(shape(room.path()), before, "{}", ran.err);
    for words in [
        "models/tracked.safetensors stays: tracked by Git",
        "other access rights",
        "a program writes to files like this one",
        "an application writes to its cache",
    ] {
        assert!(ran.err.contains(words), "{words:?} is not in {}", ran.err);
    }
}

#[test]
fn young_and_small_files_stay_unless_they_are_asked_for() {
    let room = Room::bare();
    blob(&room, ORG, "a.safetensors", &weights(1));
    local(&room, "models/name", "a.safetensors", &weights(1));
    blob(&room, ORG, "config.json", b"{}");
    local(&room, "models/name", "config.json", b"{}");
    let young = room.run(&["dedupe", "--yes"]).expect(0);
    assert!(young.err.contains("2 files with 2.20 MB stay: changed within the time of grace"), "{}", young.err);
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(7200);
    for path in [format!("{ORG}/blobs/{}", sha256(&weights(1))), "models/name/a.safetensors".to_owned()] {
        fs::File::options().write(true).open(room.place(&path)).unwrap().set_modified(old).unwrap();
    }
    let ran = room.run(&["dedupe", "--yes"]).expect(0);
    assert_eq!(ran.out, "Freed 1.10 MB in 1 file.\n", "{}", ran.err);
    assert_ne!(
        inode(&room.place(&format!("{ORG}/blobs/{}", sha256(b"{}")))),
        inode(&room.place("models/name/config.json"))
    );
}

#[test]
fn a_blob_that_is_not_what_its_name_says_is_no_equal() {
    let room = Room::bare();
    let one = weights(1);
    let mut damaged = one.clone();
    damaged[777_777] ^= 1;
    let name = blob(&room, ORG, "a.safetensors", &one);
    room.write(&name, &damaged);
    local(&room, "models/name", "a.safetensors", &one);
    let before = shape(room.path());
    let ran = room.run(&GO).expect(1);
    assert_eq!(shape(room.path()), before);
    assert!(
        ran.err.contains(&format!(
            "models/name/a.safetensors stays: @/p/{name} is damaged, and this one is sound; `modelstrap verify --fix` mends it"
        )),
        "{}",
        ran.err
    );
    let ran = room.run(&[&ALL[..], &["--dry-run"]].concat()).expect(0);
    assert!(
        ran.err.contains("1 file looks like a copy of another one. To store each once frees 1.10 MB."),
        "{}",
        ran.err
    );
    let ran = room.run(&[&ALL[..], &["--dry-run", "--compare"]].concat()).expect(1);
    assert!(ran.err.contains("Nothing is stored twice among 2 files") && !ran.err.contains("frees"), "{}", ran.err);
    let found = room.run(&[&ALL[..], &["-n", "--json", "--compare"]].concat()).expect(1).json();
    assert_eq!(found["pairs"][0]["state"], "stays");
    assert_eq!(fs::read(room.place("models/name/a.safetensors")).unwrap(), one);
    // The other one, and then both.
    room.write(&name, &one);
    local(&room, "models/name", "a.safetensors", &one);
    room.write("models/name/a.safetensors", &damaged);
    let says = |what: &str| {
        let ran = room.run(&GO).expect(1);
        assert!(
            ran.err.contains(&format!("models/name/a.safetensors stays: {what}; `modelstrap verify")),
            "{}",
            ran.err
        );
    };
    says("it is damaged: its bytes are not what its name says");
    damaged[5] ^= 1;
    room.write(&name, &damaged);
    says(&format!("it is damaged, and so is @/p/{name}"));
}

#[test]
fn a_file_that_a_process_has_open_for_writing_stays() {
    let room = Room::bare();
    blob(&room, ORG, "a.safetensors", &weights(1));
    let name = local(&room, "models/name", "a.safetensors", &weights(1));
    let open = fs::File::options().append(true).open(room.place(&name)).unwrap();
    let ran = room.run(&GO);
    if cfg!(target_os = "linux") {
        assert!(ran.code == 1 && ran.err.contains("a process has it open for writing"), "{ran:?}");
        drop(open);
        assert_eq!(room.run(&GO).expect(0).out, "Freed 1.10 MB in 1 file.\n");
    }
}

#[test]
fn a_file_with_names_elsewhere_stays_since_nothing_would_be_freed() {
    let room = Room::bare();
    blob(&room, ORG, "a.safetensors", &weights(1));
    let name = local(&room, "models/name", "a.safetensors", &weights(1));
    fs::hard_link(room.place(&name), room.path().join("kept elsewhere")).unwrap();
    let ran = room.run(&GO).expect(0);
    assert!(ran.err.contains("with names outside of these places too"), "{}", ran.err);
    // Two names that are both in places go both.
    fs::rename(room.path().join("kept elsewhere"), room.place("models/name/second.safetensors")).unwrap();
    let ran = room.run(&GO).expect(0);
    assert_eq!(ran.out, "Freed 1.10 MB in 1 file.\n", "{}", ran.err);
    assert_eq!(inode(&room.place(&name)), inode(&room.place("models/name/second.safetensors")));
    assert_eq!(inode(&room.place(&name)), inode(&room.place(&format!("{ORG}/blobs/{}", sha256(&weights(1))))));
}

#[test]
fn nothing_is_done_without_consent_and_a_dry_run_writes_nothing() {
    let room = lived_in();
    let before = room.tree();
    let ran = room.run(&ALL).expect(2);
    assert!(ran.err.contains("give `--yes`, or `--dry-run` to see what it would do"), "{}", ran.err);
    room.run(&[&ALL[..], &["--dry-run"]].concat()).expect(0);
    room.run(&[&ALL[..], &["--dry-run", "--compare"]].concat()).expect(0);
    // A run without consent keeps what it hashed, and nothing else.
    room.tree().without(|name| name.contains(".cache/.modelstrap")).assert_eq(&before, "no consent");
}

#[test]
fn weights_with_equal_ends_are_told_apart_by_a_glance_at_their_middle() {
    let room = Room::bare();
    let mut trained = weights(1);
    let middle = trained.len() / 2;
    trained[middle] ^= 1;
    room.write(".cache/torch/a.pt", weights(1));
    room.write(".cache/torch/b.pt", trained);
    let found = room.run(&[&ALL[..], &["--dry-run", "--json"]].concat()).expect(0).json();
    assert_eq!(found["read_bytes"], 2 * 3 * (16 << 10), "{found:#}");
    assert_eq!(found["pairs"].as_array().unwrap().len(), 0, "{found:#}");
}

#[test]
fn a_dry_run_pairs_what_is_equal_and_nothing_else_by_twos_and_threes() {
    let room = Room::bare();
    // Equal but for what no glance sees.
    let mut other = weights(1);
    other[500_000] ^= 1;
    let pairs = |flag: &str| {
        let found = room.run(&[&ALL[..], &[flag, "--json"]].concat()).expect(0).json();
        let pairs = found["pairs"].as_array().unwrap().iter();
        let told = |pair: &serde_json::Value| (pair["names"].to_string(), pair["known_by"].to_string());
        pairs.map(told).collect::<BTreeSet<_>>()
    };
    room.write(".cache/torch/a.pt", weights(1));
    room.write(".cache/torch/b.pt", &other);
    assert_eq!(pairs("--dry-run"), BTreeSet::new());
    room.write(".cache/torch/c.pt", &other);
    let by_hash = pairs("--dry-run");
    assert_eq!(by_hash.len(), 1);
    fs::remove_file(room.place(".cache/torch/a.pt")).unwrap();
    assert_eq!(pairs("--dry-run"), by_hash);
    assert_eq!(pairs("--yes"), by_hash);
}

#[test]
fn what_was_hashed_is_not_read_again() {
    let room = Room::bare();
    // Equal but for the middle: only the whole tells.
    let mut other = weights(1);
    other[500_000] ^= 1;
    room.write(".cache/torch/a.pt", weights(1));
    room.write(".cache/torch/b.pt", other);
    std::thread::sleep(std::time::Duration::from_millis(2100));
    let read = |flags: &[&str]| {
        room.run(&[&ALL[..], flags, &["--json"]].concat()).expect(0).json()["read_bytes"].as_u64().unwrap()
    };
    assert!(read(&["--yes"]) > 2_200_000);
    assert_eq!(read(&["--yes"]), 0);
    assert_eq!(read(&["--dry-run"]), 0);
    let hashes = room.text(".cache/.modelstrap/hashes");
    assert!(hashes.starts_with("modelstrap.hashes/1\n") && hashes.lines().count() == 3, "{hashes}");
    // A changed file is read again, although its size is the same.
    room.write(".cache/torch/b.pt", weights(1));
    assert!(read(&["--dry-run"]) > 1_000_000);
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_goes_on() {
    let room = lived_in();
    let shut = room.place("~/.cache/whisper");
    fs::set_permissions(&shut, fs::Permissions::from_mode(0o000)).unwrap();
    let refused = fs::read_dir(&shut).is_err();
    let ran = room.run(&GO);
    fs::set_permissions(&shut, fs::Permissions::from_mode(0o755)).unwrap();
    if refused {
        assert!(ran.code == 1 && ran.err.contains("/.cache/whisper: Permission denied"), "{ran:?}");
    }
    assert!(ran.out.starts_with("Freed "), "{ran:?}");
}
