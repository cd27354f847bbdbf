//! What a person may not delete, since it lies in another user's folder or in one without write permission, is in no plan: it is named.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::support::project::{PROGRAM, Ran, Room};

const TORCH: &str = ".cache/torch/hub";
const REPOSITORY: &str = ".cache/huggingface/hub/models--org--old";
const WHY: &str = "another user's, or read-only";

fn owned(whose: &str, path: &Path) {
    assert!(Command::new("chown").args(["-hR", whose]).arg(path).status().unwrap().success());
}

/// Runs it as somebody whom modes bind; these places are left to root.
fn run(room: &Room, roots: &[&str], arguments: &[&str]) -> Ran {
    owned("65534:65534", room.path());
    roots.iter().for_each(|name| owned("0:0", &room.place(name)));
    let mut command = room.program("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", PROGRAM]).args(arguments);
    room.ran(&mut command)
}

fn is_root(room: &Room) -> bool {
    fs::metadata(room.path()).unwrap().uid() == 0
}

fn ready(manifest: &str) -> Room {
    let room = Room::bare();
    room.write("modelstrap.toml", format!("[project]\nname = \"p\"\n{manifest}"));
    room.setup(&[]);
    room
}

#[test]
fn a_folder_that_cannot_be_emptied_is_in_no_plan() {
    let room = ready("");
    if !is_root(&room) {
        return;
    }
    for name in ["root", "deep/sub", "fixed", "mine"] {
        room.write(&format!("{TORCH}/{name}/w.bin"), vec![7; 1_000_000]);
    }
    fs::set_permissions(room.place(&format!("{TORCH}/fixed")), fs::Permissions::from_mode(0o555)).unwrap();
    let roots = [&format!("{TORCH}/root")[..], &format!("{TORCH}/deep/sub")];
    for verb in [&["clear", "models"][..], &["prune", "--max-size", "1kB", "--grace", "0"]] {
        let plan = run(&room, &roots, &[verb, &["--dry-run", "--json"]].concat()).json();
        let names: Vec<_> = plan["plan"].as_array().unwrap().iter().map(|line| line["name"].clone()).collect();
        assert_eq!(names, ["mine"], "{plan:#}");
        let ran = run(&room, &roots, &[verb, &["--dry-run"]].concat());
        let said = format!("{}{}", ran.out, ran.err);
        for name in ["root", "deep", "fixed"] {
            assert!(said.lines().any(|line| line.contains(name) && line.contains(WHY)), "{name}: {said}");
        }
    }
    run(&room, &roots, &["clear", "models", "--yes", "--now"]).expect(0);
    let left = ["root", "deep/sub", "fixed", "mine"].map(|name| room.exists(&format!("{TORCH}/{name}/w.bin")));
    assert_eq!(left, [true, true, true, false]);
}

#[test]
fn what_nobody_needs_in_the_folder_of_another_is_named_and_not_promised() {
    let room = ready("[application_caches]\napp = { path = \"out/app\", max_age = \"1d\" }\n");
    if !is_root(&room) {
        return;
    }
    room.write(&format!("{REPOSITORY}/blobs/{}", "d".repeat(64)), vec![7; 1_000_000]);
    for name in ["theirs", "mine"] {
        let name = format!("out/app/{name}/old.bin");
        room.write(&name, vec![7; 100_000]);
        let then = SystemTime::now() - Duration::from_secs(9 * 86_400);
        fs::File::options().write(true).open(room.place(&name)).unwrap().set_modified(then).unwrap();
    }
    let roots = [REPOSITORY, "out/app/theirs"];
    let ran = run(&room, &roots, &["prune", "--grace", "0", "--yes", "--now"]).expect(0);
    let said = format!("{}{}", ran.out, ran.err);
    for name in ["org/old", "app"] {
        assert!(said.lines().any(|line| line.trim_start().starts_with(name) && line.contains(WHY)), "{name}: {said}");
    }
    let left = ["theirs", "mine"].map(|name| room.exists(&format!("out/app/{name}/old.bin")));
    assert_eq!((left, room.exists(REPOSITORY)), ([true, false], true), "{said}");
    let status = run(&room, &roots, &["status"]);
    assert!(!status.out.contains("`modelstrap prune`"), "{}", status.out);
}
