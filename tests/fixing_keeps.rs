//! `verify --fix` and `models verify --fix` take nothing away: not a person's own file that shares its bytes with a blob, not what was
//! saved while the bytes came, and no damaged file before the right bytes are here.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so and stops")]

#[path = "support/hub/mod.rs"]
mod hub;
mod support;
#[path = "support/zoo.rs"]
mod zoo;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use support::bytes::{flip, sha256};
use support::project::{Ran, Room};
use zoo::Zoo;

const TINY: &str = ".cache/huggingface/hub/models--org--tiny";

/// A project with `org/tiny` in its cache, and the path of its weights.
fn weights(zoo: &Zoo, manifest: &str) -> (Room, PathBuf) {
    let room = zoo.room();
    room.write("modelstrap.toml", manifest);
    room.run(&["models", "download", if manifest.is_empty() { "hf:org/tiny" } else { "asr" }]).expect(0);
    let snapshots = room.place(&format!("{TINY}/snapshots"));
    let commit = fs::read_dir(snapshots).unwrap().next().unwrap().unwrap().path();
    let blob = fs::canonicalize(commit.join("model.safetensors")).unwrap();
    (room, blob)
}

/// The note that `local_dir=` leaves beside a file.
fn mark(room: &Room, folder: &str, file: &str, bytes: &[u8], seconds: u64) {
    let note = format!("{}\n{}\n{seconds}.5\n", "1".repeat(40), sha256(bytes));
    room.write(&format!("{folder}/.cache/huggingface/download/{file}.metadata"), note);
}

/// Runs it while no server is there.
fn without_servers(zoo: &Zoo, room: &Room, arguments: &[&str]) -> Ran {
    let mut command = room.command(arguments);
    for (name, value) in zoo.environment() {
        let mut pieces = value.split("127.0.0.1:");
        let mut dead = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            dead.push_str("127.0.0.1:9");
            dead.push_str(piece.trim_start_matches(|c: char| c.is_ascii_digit()));
        }
        command.env(name, dead);
    }
    room.ran(&mut command)
}

#[test]
fn a_persons_own_file_keeps_the_edits_that_damaged_the_blob_it_was_one_with() {
    let zoo = Zoo::start();
    for offline in [false, true] {
        let (room, blob) = weights(&zoo, "");
        fs::create_dir_all(room.place("models")).unwrap();
        fs::hard_link(&blob, room.place("models/mine.safetensors")).unwrap();
        let good = fs::read(&blob).unwrap();
        let mut own = good.clone();
        own[1000..1011].copy_from_slice(b"MY OWN WORK");
        fs::write(room.place("models/mine.safetensors"), &own).unwrap();
        if offline {
            room.write(&format!(".cache/huggingface/hub/models--a--b/blobs/{}", sha256(&good)), &good);
        }
        let arguments: &[&str] = if offline { &["verify", "--fix", "--offline"] } else { &["verify", "--fix"] };
        room.run(arguments).expect(0).says(&["models/mine.safetensors keeps the bytes that it has"]);
        assert!(fs::read(room.place("models/mine.safetensors")).unwrap() == own, "what the person wrote");
        assert!(fs::read(&blob).unwrap() == good, "the blob");
        room.run(&["verify"]).expect(0);
    }
}

#[test]
fn what_is_saved_under_a_second_name_while_the_bytes_come_stays() {
    let zoo = Zoo::start();
    let (room, blob) = weights(&zoo, "");
    let good = fs::read(&blob).unwrap();
    fs::create_dir_all(room.place("models")).unwrap();
    fs::hard_link(&blob, room.place("models/mine.safetensors")).unwrap();
    mark(&room, "models", "mine.safetensors", &good, 4_000_000_000);
    flip(&blob);
    zoo.hub.forget();
    zoo.hub.cdn().on("*").once().waits(Duration::from_secs(3));
    let ran = std::thread::scope(|scope| {
        let ran = scope.spawn(|| room.run(&["verify", "--fix"]));
        while zoo.hub.requests_to("GET", "/org/*").is_empty() && !ran.is_finished() {
            std::thread::sleep(Duration::from_millis(10));
        }
        // As long and as old as the damaged one: only its number on the disk tells.
        let mut new = vec![b'N'; good.len()];
        new[0] = b'n';
        room.write("models/.new", new);
        let time = fs::metadata(&blob).unwrap().modified().unwrap();
        fs::File::options().write(true).open(room.place("models/.new")).unwrap().set_modified(time).unwrap();
        fs::rename(room.place("models/.new"), room.place("models/mine.safetensors")).unwrap();
        ran.join().unwrap()
    });
    assert!(fs::read(room.place("models/mine.safetensors")).unwrap()[..2] == *b"nN", "{ran:?}");
    ran.expect(0).says(&["models/mine.safetensors keeps the bytes that it has"]);
    assert!(fs::read(&blob).unwrap() == good);
}

#[test]
fn a_server_that_cannot_be_reached_takes_nothing_away() {
    let zoo = Zoo::start();
    let room = zoo.project(
        "asr = \"hf:org/tiny\"\nvad = \"torch-hub:owner/tiny-repo\"\nw = \"url:https://files.example.org/weights.bin\"\n",
    );
    room.run(&["models", "download"]).expect(0);
    let ours = |name: &str| name.contains(".modelstrap") || name.contains(".locks");
    // The tree has the time of a large file.
    let whole = room.tree().without(ours).without(|name| name.contains("/blobs/"));
    let file = |model: &str, file: &str| {
        let path = room.run(&["models", "path", model, file]).expect(0).out;
        fs::canonicalize(path.trim_end().replace('@', room.path().to_str().unwrap())).unwrap()
    };
    flip(&file("asr", "model.safetensors"));
    flip(&file("w", "weights.bin"));
    let code = file("vad", "hubconf.py");
    let patched = fs::read_to_string(&code).unwrap().replace("torch'", "mine!'");
    fs::write(&code, patched).unwrap();
    let damaged = room.tree().without(ours);
    for arguments in [
        &["models", "verify", "--fix"][..],
        &["models", "verify", "--fix", "--offline"],
        &["verify", "--fix"],
        &["verify", "--fix", "--offline"],
    ] {
        let ran = without_servers(&zoo, &room, arguments);
        assert!(ran.code == 1 || ran.code == 3, "{ran:?}");
        room.tree().without(ours).assert_eq(&damaged, &format!("{arguments:?}: {ran:?}"));
    }
    room.run(&["models", "verify", "--fix", "asr", "w"]).expect(0);
    room.run(&["verify", "--fix"]).expect(0);
    room.tree().without(ours).without(|name| name.contains("/blobs/")).assert_eq(&whole, "mended");
    room.run(&["verify"]).expect(0);
}

#[test]
fn a_second_name_in_the_snapshot_is_mended_with_its_blob() {
    let zoo = Zoo::start();
    let room = zoo.project("asr = \"hf:org/tiny\"\n").with("HF_HUB_DISABLE_SYMLINKS", "1");
    room.run(&["models", "download"]).expect(0);
    let path = room.run(&["models", "path", "asr", "model.safetensors"]).expect(0).out;
    let path = PathBuf::from(path.trim_end().replace('@', room.path().to_str().unwrap()));
    let good = fs::read(&path).unwrap();
    flip(&path);
    room.run(&["models", "verify"]).expect(3);
    room.run(&["models", "verify", "--fix"]).expect(0);
    assert!(fs::read(&path).unwrap() == good);
    room.run(&["verify"]).expect(0);
}

/// When it was changed last, in nanoseconds since 1970.
fn time(path: &Path) -> u128 {
    fs::metadata(path).unwrap().modified().unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos()
}

#[test]
fn a_copy_of_local_dir_is_mended_by_the_command_that_is_advised_and_its_mark_holds() {
    let zoo = Zoo::start();
    let (room, blob) = weights(&zoo, "[models]\nasr = \"hf:org/tiny\"\n");
    let good = fs::read(&blob).unwrap();
    let copy = room.place("models/asr/model.safetensors");
    room.write("models/asr/model.safetensors", &good);
    let came = u64::try_from(time(&copy) / 1_000_000_000).unwrap() + 1;
    mark(&room, "models/asr", "model.safetensors", &good, came);
    for arguments in [&["verify", "--fix", "models/asr/model.safetensors"][..], &["verify", "--fix", "./models/asr"]] {
        flip(&copy);
        let day = SystemTime::now() - Duration::from_secs(86_400);
        fs::File::options().append(true).open(&copy).unwrap().set_modified(day).unwrap();
        let before = time(&copy);
        let advised = "    `modelstrap verify --fix models/asr/model.safetensors` copies it from where it is sound\n";
        let ran = room.run(&["verify", "--offline"]).expect(3);
        assert!(ran.out.contains(advised), "{}", ran.out);
        let ran = room.run(&["verify", "--offline", "./models/asr"]).expect(3);
        assert!(ran.out.contains(advised), "{}", ran.out);
        room.run(&[arguments, &["--offline"]].concat()).expect(0);
        assert!(fs::read(&copy).unwrap() == good);
        assert_eq!(time(&copy), before, "the library does not believe its mark of a later file");
        room.run(&["verify"]).expect(0);
    }
}

#[test]
fn a_checkpoint_that_is_here_twice_is_damaged_once_and_the_advice_names_the_sound_one() {
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    let bytes = vec![3; 1 << 20];
    let name = format!("net-{}.pth", &sha256(&bytes)[..8]);
    room.write(&format!("~/.cache/torch/hub/checkpoints/{name}"), &bytes);
    let blob = format!(".cache/huggingface/hub/models--a--b/blobs/{}", sha256(&bytes));
    room.write(&blob, &bytes);
    flip(&room.place(&format!("~/.cache/torch/hub/checkpoints/{name}")));
    let ran = room.run(&["verify"]).expect(3);
    assert!(
        ran.out.contains(&format!("; or copy {} there, which has the right bytes", format_args!("@/p/{blob}"))),
        "{}",
        ran.out
    );
    room.run(&["verify", "--fix"]).expect(3);
}
