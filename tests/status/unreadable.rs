//! Files and folders without read permission: each is named, the rest goes on, the exit code is 1, and nothing that cannot be seen
//! is called missing or unused.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

use crate::support::bytes::{noise, sha256};
use crate::support::project::{PROGRAM, Ran, Room};

const COMMIT: &str = "2222222222222222222222222222222222222222";
const HUB: &str = ".cache/huggingface/hub";

fn repository(room: &Room, name: &str, files: &[(&str, &[u8])]) {
    let folder = format!("{HUB}/models--org--{name}");
    for (path, bytes) in files {
        let blob = sha256(bytes);
        room.write(&format!("{folder}/blobs/{blob}"), bytes);
        room.link(&format!("{folder}/snapshots/{COMMIT}/{path}"), &format!("../../blobs/{blob}"));
    }
    room.write(&format!("{folder}/refs/main"), COMMIT);
}

fn lived_in() -> Room {
    let room = Room::bare();
    room.write("modelstrap.toml", "[application_caches]\ntmdb = { path = \"out/tmdb\", max_age = \"90d\" }\n");
    room.write("out/tmdb/film.json", noise(9, 5_000));
    repository(&room, "one", &[("m.bin", &noise(1, 300_000)), ("a.json", b"{}")]);
    repository(&room, "two", &[("n.bin", &noise(2, 200_000))]);
    room
}

fn shut(room: &Room, name: &str) {
    fs::set_permissions(room.place(name), fs::Permissions::from_mode(0o000)).unwrap();
}

/// Runs it as somebody whom modes bind, which they do not bind root.
fn run(room: &Room, arguments: &[&str]) -> Ran {
    if fs::metadata(room.path()).unwrap().uid() != 0 {
        return room.run(arguments);
    }
    let owned = |path: &Path| Command::new("chown").args(["-hR", "65534:65534"]).arg(path).status().unwrap().success();
    assert!(owned(room.path()));
    let mut command = room.program("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", PROGRAM]).args(arguments);
    let ran = room.ran(&mut command);
    assert!(Command::new("chown").args(["-hR", "0:0"]).arg(room.path()).status().unwrap().success());
    ran
}

#[test]
fn a_blob_that_cannot_be_read_is_left_out_of_a_backup_with_what_links_to_it_and_the_rest_goes_on() {
    let room = lived_in();
    let blob = sha256(&noise(1, 300_000));
    shut(&room, &format!("{HUB}/models--org--one/blobs/{blob}"));
    let file = room.path().join("a.tar.zst");
    let ran = run(&room, &["backup", file.to_str().unwrap()]).expect(1);
    let ran = ran.says(&[
        &format!("@/p/{HUB}/models--org--one/blobs/{blob}: Permission denied (os error 13); it is not stored"),
        &format!("models--org--one/snapshots/{COMMIT}/m.bin is left out: it is a link to nothing that is stored"),
        "1 path could not be read, and is not in the archive",
    ]);
    assert!(!ran.err.contains("nothing was written"), "{}", ran.err);
    let other = Room::bare();
    other.run(&["restore", file.to_str().unwrap()]).expect(0);
    let there = |name: &str| other.exists(&format!("{HUB}/{name}"));
    assert!(there(&format!("models--org--two/snapshots/{COMMIT}/n.bin")));
    assert!(there(&format!("models--org--one/snapshots/{COMMIT}/a.json")));
    assert!(!there(&format!("models--org--one/snapshots/{COMMIT}/m.bin")));
    assert_eq!(other.run(&["verify"]).code, 0);
}

#[test]
fn what_lies_in_a_folder_that_cannot_be_read_is_not_called_missing() {
    for part in ["blobs", "snapshots", &format!("snapshots/{COMMIT}"), "refs", ""] {
        let room = lived_in();
        let folder = format!("{HUB}/models--org--one/{part}");
        shut(&room, folder.trim_end_matches('/'));
        for flags in [&["verify"][..], &["verify", "--fix", "--yes"]] {
            let ran = run(&room, flags).expect(1);
            assert!(ran.err.contains("Permission denied"), "{part}: {}", ran.err);
            let said = format!("{}{}", ran.out, ran.err).replace(" 0 missing", "");
            assert!(!said.contains("missing") && !said.contains("not here"), "{part}: {said}");
            assert!(!said.contains("--fix`"), "{part}: {said}");
        }
        let ran = run(&room, &["status", "--models"]).expect(1);
        let said = format!("{}{}", ran.out, ran.err).replace(" 0 missing", "");
        assert!(said.contains("Permission denied") && said.contains("org/one"), "{part}: {said}");
        assert!(
            !said.contains("dangling") && !said.contains("verify --fix") && !said.contains("broken"),
            "{part}: {said}"
        );
    }
}

#[test]
fn an_application_cache_that_cannot_be_read_is_there() {
    let room = lived_in();
    shut(&room, "out/tmdb");
    let ran = run(&room, &["status"]).expect(1);
    assert!(ran.err.contains("@/p/out/tmdb: Permission denied"), "{}", ran.err);
    let line = ran.out.lines().find(|line| line.contains("tmdb")).unwrap();
    assert!(!line.contains("not there"), "{}", ran.out);
}

#[test]
fn a_payload_of_a_repository_that_cannot_be_read_is_not_called_unused() {
    let bytes = noise(5, 400_000);
    let blob = sha256(&bytes);
    for part in ["", "/blobs"] {
        let room = lived_in();
        let payload = format!("{}/{blob}", &blob[..2]);
        room.write(&format!("{HUB}/blobs/.huggingface-shared-blobs"), "1\n");
        room.write(&format!("{HUB}/blobs/{payload}"), &bytes);
        room.write(&format!("{HUB}/blobs/{payload}.refs"), format!("models--org--three/blobs/{blob}\n"));
        room.link(&format!("{HUB}/models--org--three/blobs/{blob}"), &format!("../../blobs/{payload}"));
        room.link(&format!("{HUB}/models--org--three/snapshots/{COMMIT}/w.bin"), &format!("../../blobs/{blob}"));
        room.write(&format!("{HUB}/models--org--three/refs/main"), COMMIT);
        shut(&room, &format!("{HUB}/models--org--three{part}"));
        for flags in [&["prune", "--dry-run", "--grace", "0"][..], &["clear", "all", "--dry-run", "--grace", "0"]] {
            let ran = run(&room, flags);
            let said = format!("{}{}", ran.out, ran.err).replace(" 0 missing", "");
            assert_eq!(ran.code, 1, "{flags:?} {part}: {said}");
            assert!(!said.contains("shared store"), "{flags:?} {part}: {said}");
            assert!(said.contains("Permission denied"), "{flags:?} {part}: {said}");
        }
    }
}

#[test]
fn a_shared_store_that_cannot_be_read_makes_no_link_into_it_dangle() {
    let bytes = noise(5, 400_000);
    let blob = sha256(&bytes);
    for part in ["", &format!("/{}", &blob[..2])] {
        let room = lived_in();
        let payload = format!("{}/{blob}", &blob[..2]);
        room.write(&format!("{HUB}/blobs/.huggingface-shared-blobs"), "1\n");
        room.write(&format!("{HUB}/blobs/{payload}"), &bytes);
        room.write(&format!("{HUB}/blobs/{payload}.refs"), format!("models--org--three/blobs/{blob}\n"));
        room.link(&format!("{HUB}/models--org--three/blobs/{blob}"), &format!("../../blobs/{payload}"));
        room.link(&format!("{HUB}/models--org--three/snapshots/{COMMIT}/w.bin"), &format!("../../blobs/{blob}"));
        room.write(&format!("{HUB}/models--org--three/refs/main"), COMMIT);
        shut(&room, &format!("{HUB}/blobs{part}"));
        for flags in [&["verify"][..], &["status", "--models"]] {
            let ran = run(&room, flags);
            let said = format!("{}{}", ran.out, ran.err).replace(" 0 missing", "");
            assert_eq!(ran.code, 1, "{flags:?} {part}: {said}");
            assert!(
                !said.contains("dangling") && !said.contains("missing") && !said.contains("gone"),
                "{part}: {said}"
            );
        }
    }
}

#[test]
fn what_is_too_much_already_is_no_less_with_a_folder_that_cannot_be_read() {
    let room = lived_in();
    room.write(".cache/torch/hub/checkpoints/resnet.pth", noise(3, 100_000));
    shut(&room, ".cache/torch/hub/checkpoints");
    let unread = "error: 1 folder could not be read: the sums are too small by what is in there\n";
    for (limit, says, code) in [
        (&["--max-size", "300kB"][..], Some("more than --max-size"), 3),
        (&["--min-free", "1000TB"], Some("less than"), 3),
        (&["--max-size", "1GB"], None, 1),
    ] {
        for more in [&["--quiet"][..], &["--json"], &[]] {
            let ran = run(&room, &[&["status", "--check"], limit, more].concat()).expect(code);
            assert!(ran.err.ends_with(unread), "{limit:?}: {}", ran.err);
            let said = format!("{}{}", ran.out, ran.err);
            assert!(says.is_none_or(|says| said.contains(says)), "{limit:?} {more:?}: {said}");
        }
    }
    // Without the check nothing is too much.
    let ran = run(&room, &["status"]).expect(1);
    assert!(ran.err.ends_with(unread), "{}", ran.err);
}

#[test]
fn a_folder_at_or_below_models_that_cannot_be_read_is_named_by_all_who_look_there() {
    for (folder, file) in [
        ("models", "models/w.bin"),
        ("models/secret", "models/secret/w.bin"),
        ("models/a/b", "models/a/b/w.bin"),
        ("models/mine/deep", "models/mine/deep/w.bin"),
    ] {
        let room = lived_in();
        if folder != "models" {
            room.write("models/mine/a.bin", noise(4, 2_000_000));
        }
        room.write(file, noise(5, 2_000_000));
        shut(&room, folder);
        let says = |arguments: &[&str], words: &str| {
            let ran = run(&room, arguments).expect(1);
            let said = format!("@/p/{folder}: Permission denied (os error 13); {words}\n");
            assert!(ran.err.contains(&said), "{arguments:?} {folder}: {}", ran.err);
        };
        says(&["status"], "it is not counted");
        says(&["status", "--models", "--json"], "it is not counted");
        says(&["dedupe", "--dry-run", "--min-size", "1kB"], "it is not compared");
        let ran = run(&room, &["migrate", "--dry-run"]).expect(1);
        let said = format!("warning: {folder} stays: Permission denied (os error 13)\n");
        assert!(ran.err.contains(&said), "{folder}: {}", ran.err);
        let ran = run(&room, &["migrate", "--yes"]).expect(1);
        assert!(ran.err.contains(&said), "{folder}: {}", ran.err);
        let ran = run(&room, &["clear", "all", "--yes"]);
        assert!(room.exists(file), "{folder}: {}{}", ran.out, ran.err);
    }
}

#[test]
fn a_folder_of_which_only_the_names_can_be_read_is_named() {
    let room = lived_in();
    room.write("models/secret/w.bin", noise(5, 2_000_000));
    fs::set_permissions(room.place("models/secret"), fs::Permissions::from_mode(0o444)).unwrap();
    for arguments in [&["status"][..], &["dedupe", "--dry-run", "--min-size", "1kB"], &["migrate", "--dry-run"]] {
        let ran = run(&room, arguments).expect(1);
        assert!(
            ran.err.contains("models/secret") && ran.err.contains("Permission denied"),
            "{arguments:?}: {}",
            ran.err
        );
    }
}

#[test]
fn folders_of_the_project_that_nobody_can_read_are_no_weights_elsewhere() {
    let room = lived_in();
    room.write("postgres/data/w.bin", noise(5, 2_000_000));
    shut(&room, "postgres/data");
    assert_eq!(run(&room, &["status"]).expect(0).err, "");
}
