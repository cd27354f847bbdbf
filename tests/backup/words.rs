//! What `backup` and `restore` say and ask: before anything is written, when a stream breaks off, and of what would be stored.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::bytes::{noise, sha256};
use crate::support::project::{PROGRAM, Room, may_mount};
use crate::support::terminal::{Terminal, keys};

const COMMIT: &str = "2222222222222222222222222222222222222222";
const HUB: &str = ".cache/huggingface/hub";

/// A cache with a repository of 700 kB, and a checkpoint of 5 kB.
fn lived_in() -> Room {
    let room = Room::bare();
    let weights = noise(1, 700_000);
    let folder = format!("{HUB}/models--org--asr");
    room.write(&format!("{folder}/blobs/{}", sha256(&weights)), &weights);
    let link = room.place(&format!("{folder}/snapshots/{COMMIT}/model.safetensors"));
    fs::create_dir_all(link.parent().unwrap()).unwrap();
    symlink(format!("../../blobs/{}", sha256(&weights)), link).unwrap();
    room.write(&format!("{folder}/refs/main"), COMMIT);
    room.write(".cache/torch/hub/checkpoints/one.pth", noise(3, 5_000));
    room
}

/// An archive of it, beside the project.
fn stored() -> (Room, PathBuf) {
    let room = lived_in();
    let file = room.path().join("a.tar.zst");
    room.run(&["backup", file.to_str().unwrap()]).expect(0);
    (room, file)
}

#[test]
fn a_person_is_asked_before_a_restore_writes_and_told_how_much_comes_and_is_free() {
    let (_room, file) = stored();
    let path = file.to_str().unwrap();
    for (key, code) in [("n", 130), (keys::CTRL_C, 130), ("y", 0)] {
        let other = Room::bare();
        other.write(".cache/torch/hub/checkpoints/one.pth", noise(3, 5_000));
        let before = other.tree();
        let mut terminal = Terminal::open(140, 30, &mut other.command(&["restore", path]));
        terminal.wait_for("700 kB in 2 contents come to .cache; 5.00 kB are here already; ");
        terminal.wait_for(" are free there.").wait_for("? Restore?").press(key);
        let ended = terminal.end();
        assert_eq!(ended.status.code(), Some(code), "{key:?}\n{}", ended.raw);
        assert!(ended.restored, "{}", ended.raw);
        if code == 0 {
            assert!(other.exists(&format!("{HUB}/models--org--asr/refs/main")));
        } else {
            assert!(ended.raw.contains("left; nothing was changed"), "{}", ended.raw);
            other.tree().assert_eq(&before, key);
        }
    }
}

#[test]
fn with_yes_from_a_pipe_and_without_a_terminal_a_restore_goes_on_unasked() {
    let (_room, file) = stored();
    let path = file.to_str().unwrap();
    let there = format!("{HUB}/models--org--asr/refs/main");
    let consented = Room::bare();
    let ended = Terminal::open(140, 30, &mut consented.command(&["restore", path, "--yes"])).end();
    assert!(ended.status.success() && consented.exists(&there), "{}", ended.raw);
    let piped = Room::bare();
    let mut command = piped.program("sh");
    command.args(["-c", "cat \"$1\" | \"$2\" restore -", "sh", path, PROGRAM]);
    let ended = Terminal::open(140, 30, &mut command).end();
    assert!(ended.status.success() && piped.exists(&there), "{}", ended.raw);
    let alone = Room::bare();
    alone.run(&["restore", path]).expect(0);
    assert!(alone.exists(&there));
}

#[test]
fn a_dry_run_lists_what_would_be_stored() {
    let room = lived_in();
    let before = room.tree();
    let ran = room.run(&["backup", "a.tar.zst", "-n"]).expect(0);
    let rows: Vec<Vec<&str>> = ran.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(
        rows,
        [
            vec!["What", "Size", "Files", "Revisions"],
            vec!["huggingface/hub/models--org--asr", "700", "kB", "1", "1"],
            vec!["torch/hub/checkpoints/one.pth", "5.00", "kB", "1"],
        ]
    );
    let json = room.run(&["backup", "a.tar.zst", "-n", "--json", "torch/hub"]).expect(0).json();
    let units: Vec<_> = json["units"].as_array().unwrap().iter().map(|unit| (&unit["name"], &unit["bytes"])).collect();
    assert_eq!(units, [(&"torch/hub/checkpoints/one.pth".into(), &5_000.into())]);
    room.tree().assert_eq(&before, "a dry run");
}

#[test]
fn a_stream_that_breaks_off_is_said_to_be_one_and_restore_refuses_it() {
    let room = Room::bare();
    // 3 MB that are sound, and behind them by name what is not.
    room.write(".cache/alpha/first.bin", noise(4, 3_000_000));
    let mut bytes = noise(5, 2_000_000);
    let path = format!("{HUB}/models--org--asr/blobs/{}", sha256(&bytes));
    bytes[1_000] ^= 1;
    room.write(&path, &bytes);
    for how in ["zstd", "none"] {
        let mut command = room.program("sh");
        command.args(["-c", "exec \"$1\" backup - --compress \"$2\" >out", "sh", PROGRAM, how]);
        room.ran(&mut command).expect(1).says(&[
            "is damaged: its name promises",
            "the stream is cut off here, and `modelstrap restore` refuses it",
            "`modelstrap verify --fix org/asr` fetches it again",
        ]);
        let ran = Room::bare().run(&["restore", room.place("out").to_str().unwrap()]).expect(1);
        ran.says(&["it is cut off"]);
    }
}

#[test]
fn an_archive_is_not_written_to_a_terminal() {
    let room = lived_in();
    let mut terminal = Terminal::open(100, 30, &mut room.command(&["backup", "-"]));
    terminal.wait_for("an archive is nothing for a terminal: send it into a pipe or a file");
    assert_eq!(terminal.end().status.code(), Some(2));
}

fn remove(path: &Path) {
    assert!(Command::new("rm").arg("-rf").arg(path).status().unwrap().success());
}

/// Two repositories with the same blob of 700 kB.
fn twice() -> (Room, String) {
    let room = lived_in();
    let weights = noise(1, 700_000);
    let blob = sha256(&weights);
    let folder = format!("{HUB}/models--org--copy");
    room.write(&format!("{folder}/blobs/{blob}"), &weights);
    room.link(&format!("{folder}/snapshots/{COMMIT}/model.safetensors"), &format!("../../blobs/{blob}"));
    room.write(&format!("{folder}/refs/main"), COMMIT);
    (room, blob)
}

#[test]
fn a_blob_that_another_repository_of_the_cache_has_is_linked_to_it_and_counts_as_here() {
    let (room, blob) = twice();
    let path = |name: &str| room.place(&format!("{HUB}/models--org--{name}/blobs/{blob}"));
    let one = room.path().join("one.tar.zst");
    let all = room.path().join("all.tar.zst");
    room.run(&["backup", all.to_str().unwrap()]).expect(0);
    room.run(&["backup", one.to_str().unwrap(), "org/copy"]).expect(0);
    for (archive, here) in [(&all, "705 kB are here already"), (&one, "700 kB are here already")] {
        remove(&room.place(&format!("{HUB}/models--org--copy")));
        let ran = room.run(&["restore", archive.to_str().unwrap()]).expect(0);
        assert!(ran.err.contains("40 B in 1 content come") && ran.err.contains(here), "{}", ran.err);
        let inode = |name: &str| fs::metadata(path(name)).unwrap().ino();
        assert_eq!(inode("copy"), inode("asr"));
        assert!(room.exists(&format!("{HUB}/models--org--copy/snapshots/{COMMIT}/model.safetensors")));
        assert!(!room.exists(&format!("{HUB}/.locks")));
    }
    room.run(&["verify"]).expect(0);
}

#[test]
fn a_blob_of_the_cache_with_other_bytes_than_its_name_says_is_no_source() {
    let (room, blob) = twice();
    let archive = room.path().join("all.tar.zst");
    room.run(&["backup", archive.to_str().unwrap()]).expect(0);
    let path = |name: &str| room.place(&format!("{HUB}/models--org--{name}/blobs/{blob}"));
    remove(&room.place(&format!("{HUB}/models--org--copy")));
    fs::write(path("asr"), noise(8, 700_000)).unwrap();
    room.run(&["restore", archive.to_str().unwrap()]).expect(0).says(&["700 kB in 2 contents come"]);
    assert_eq!(fs::read(path("copy")).unwrap(), noise(1, 700_000));
}

#[test]
fn a_disk_with_room_for_exactly_what_comes_is_taken_and_the_number_that_is_told_is_what_it_takes() {
    if !may_mount() {
        return;
    }
    let room = Room::bare();
    // One file under two names, and another file with the same bytes under two names: two copies, not four.
    let at = |name: &str| room.place(&format!(".cache/torch/hub/checkpoints/{name}"));
    for (first, second) in [("one.pth", "two.pth"), ("three.pth", "four.pth")] {
        room.write(&format!(".cache/torch/hub/checkpoints/{first}"), noise(3, 3_000_000));
        fs::hard_link(at(first), at(second)).unwrap();
    }
    for small in 0..40_u32 {
        room.write(&format!(".cache/whisper/{small}.json"), format!("{small}"));
    }
    let file = room.path().join("a.tar.zst");
    room.run(&["backup", file.to_str().unwrap()]).expect(0);
    // 2 × 3,002,368 bytes, 40 blocks of 4,096 bytes for the small files, and 8 kB for the lock and what surprises.
    for (kilobytes, code) in [(6032, 0), (5900, 1)] {
        let script = format!(
            "mkdir -p \"$2/small\"; mount -t tmpfs -o size={kilobytes}k none \"$2/small\"; cd \"$2/small\"; \"$1\" restore \"$3\""
        );
        let other = Room::bare();
        let mut command = other.program("unshare");
        command.args(["-m", "--propagation", "private", "sh", "-eu", "-c", &script, "sh", PROGRAM]);
        let ran = other.ran(command.arg(other.path()).arg(&file)).expect(code);
        let ran = ran.says(&["3.00 MB in 41 contents come to .cache, where they take 6.17 MB; "]);
        assert_eq!(ran.err.contains("what comes takes 6.17 MB there"), code == 1, "{}", ran.err);
    }
}
