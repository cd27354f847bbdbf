//! The script of `--dry-run`: run, it makes the tree that the run itself makes, whatever names hold.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::desk::{ALL, GO, ORG, blob, contents, local, shape, weights};
use crate::support::project::Room;

/// A copy that keeps names, links, hard links, modes and times.
fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}

fn strange() -> Room {
    let room = Room::bare();
    blob(&room, ORG, "model.safetensors", &weights(1));
    local(&room, "models/name", "model.safetensors", &weights(1));
    fs::hard_link(room.place("models/name/model.safetensors"), room.place("models/name/again.bin")).unwrap();
    let folder = room.place(".cache/torch/it's $HOME `id` \"new\"");
    fs::create_dir_all(&folder).unwrap();
    let names: [&[u8]; 9] = [
        b"-rf",
        b"a\nb \\ c",
        b"\xff\xfe not text",
        b"'; rm -rf nothing; '",
        b"*?[a-z]{1,2}",
        b"  spaces  ",
        b"\x1b[2Jdrives",
        b"\n\nends\n\n",
        b"\xc2\x9b31m\x7f%s\\033",
    ];
    for name in names {
        fs::write(folder.join(OsStr::from_bytes(name)), weights(1)).unwrap();
    }
    room.write("~/.cache/whisper/a.pt", weights(2));
    room.write("~/.cache/whisper/b.pt", weights(2));
    room
}

fn script(room: &Room) -> Vec<u8> {
    let mut command = room.command(&[&ALL[..], &["--dry-run"]].concat());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!output.stderr.contains(&0x1b), "nothing drives the terminal");
    let text = str::from_utf8(&output.stdout).unwrap();
    assert_eq!(text.chars().find(|one| *one != '\n' && one.is_control()), None, "nor does the script");
    output.stdout
}

fn run(shell: &str, script: &Path) -> std::process::Output {
    Command::new(shell).arg(script).stdin(Stdio::null()).output().unwrap()
}

#[test]
fn the_script_makes_the_tree_that_dedupe_makes() {
    let room = strange();
    let script = script(&room);
    let keep = tempfile::tempdir().unwrap();
    let path = keep.path().join("dedupe.sh");
    fs::write(&path, &script).unwrap();
    let saved = keep.path().join("saved");
    copy(room.path(), &saved);
    let before = contents(room.path());
    room.run(&GO).expect(0);
    let expected = shape(room.path());
    assert!(expected.0.iter().any(|names| names.len() == 12), "{:?}", expected.0);
    // yash is left out: it keeps no bytes that are no text.
    for shell in ["sh", "dash", "bash", "busybox", "ksh", "mksh", "zsh"] {
        let there = Command::new(shell).arg("--help").stdin(Stdio::null()).output().is_ok();
        if !there || shell == "busybox" {
            continue;
        }
        for name in ["p", "h"] {
            modelstrap::support::delete::tree(&room.path().join(name), room.path()).unwrap();
            copy(&saved.join(name), &room.path().join(name));
        }
        let output = run(shell, &path);
        assert!(output.status.success(), "{shell}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(shape(room.path()), expected, "{shell}");
        assert_eq!(contents(room.path()), before, "{shell}");
        // A second time it finds nothing to do.
        assert!(run(shell, &path).status.success(), "{shell}, again");
        assert_eq!(shape(room.path()), expected, "{shell}, again");
    }
}

#[test]
fn the_script_leaves_what_differs_by_now() {
    let room = strange();
    let keep = tempfile::tempdir().unwrap();
    let path = keep.path().join("dedupe.sh");
    fs::write(&path, script(&room)).unwrap();
    room.write("~/.cache/whisper/b.pt", weights(7));
    fs::remove_file(room.place("models/name/again.bin")).unwrap();
    let output = run("sh", &path);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("left, since it differs") && said.contains("left, since one of the two is no file"),
        "{said}"
    );
    assert_eq!(room.read("~/.cache/whisper/b.pt"), weights(7));
}
