//! What stays where it was: another content at the target, links that lead out, downloads under way, what Git tracks.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;

use crate::support::project::{PROGRAM, Room, Tree};
use crate::support::stray::{NEW, OLD, Repo, git, local_dir, sha256};

#[test]
fn what_stands_at_the_target_decides_between_the_same_and_a_conflict() {
    let room = Room::bare();
    room.write("~/.cache/torch/hub/checkpoints/same.pth", "the same");
    room.write("~/.cache/torch/hub/checkpoints/other.pth", "not this");
    room.write("~/.cache/torch/hub/checkpoints/longer.pth", "longer");
    room.write(".cache/torch/hub/checkpoints/same.pth", "the same");
    room.write(".cache/torch/hub/checkpoints/other.pth", "but this");
    room.write(".cache/torch/hub/checkpoints/longer.pth", "long");
    let ran = room.run(&["migrate", "--yes"]).expect(1);
    ran.says(&[
        "~/.cache/torch/hub/checkpoints/other.pth stays: another content stands at",
        "longer.pth stays: another content",
    ]);
    assert!(!room.exists("~/.cache/torch/hub/checkpoints/same.pth"));
    assert_eq!(room.text("~/.cache/torch/hub/checkpoints/other.pth"), "not this");
    assert_eq!(room.text(".cache/torch/hub/checkpoints/other.pth"), "but this");
}

#[test]
fn links_and_strangers_stay_and_nothing_outside_is_touched() {
    let room = Room::bare();
    room.write("secret/key", "key");
    room.write("~/.cache/torch/hub/repo/a.py", "a");
    symlink("a.py", room.place("~/.cache/torch/hub/repo/b.py")).unwrap();
    symlink("../../../../../p/secret", room.place("~/.cache/torch/hub/out")).unwrap();
    symlink("/etc/passwd", room.place("~/.cache/torch/hub/repo/passwd")).unwrap();
    fs::create_dir_all(room.place(".cache/torch/hub")).unwrap();
    symlink(room.place("secret"), room.place(".cache/torch/hub/trap")).unwrap();
    room.write("~/.cache/torch/hub/trap/x", "x");
    room.write("~/.cache/torch/hub/\u{1b}[31mred\n", "red");
    let ran = room.run(&["migrate", "--yes"]).expect(1);
    ran.says(&[
        "hub/out: is a link that leads out",
        "hub/repo/passwd: is a link that leads out",
        "hub/trap stays: a link stands at",
    ]);
    assert!(!ran_contains_escape(&room), "names are shown escaped");
    assert_eq!(room.text(".cache/torch/hub/repo/b.py"), "a");
    assert_eq!(fs::read_link(room.place(".cache/torch/hub/repo/b.py")).unwrap().to_str(), Some("a.py"));
    assert_eq!(Tree::of(&room.place("secret")).names(), ["key"]);
    assert_eq!(room.text(".cache/torch/hub/\u{1b}[31mred\n"), "red");
}

fn ran_contains_escape(room: &Room) -> bool {
    let ran = room.run(&["migrate", "--dry-run", "-v"]);
    ran.out.contains('\u{1b}') || ran.err.contains('\u{1b}')
}

#[test]
fn a_download_under_way_and_an_unfinished_one_stay() {
    let room = Room::bare();
    let busy = Repo::new(&room, "~/.cache/huggingface/hub", "models--org--busy");
    busy.file(OLD, "a.bin", "a", sha256("a"));
    room.write("~/.cache/huggingface/hub/models--org--busy/blobs/ff.1a.incomplete", "half");
    let stale = Repo::new(&room, "~/.cache/huggingface/hub", "models--org--stale");
    stale.file(OLD, "b.bin", "b", sha256("b"));
    let locked = Repo::new(&room, "~/.cache/huggingface/hub", "models--org--locked");
    locked.file(OLD, "c.bin", "c", sha256("c"));
    room.write("~/.cache/huggingface/hub/.locks/models--org--locked/ee.lock", "");
    let lock = fs::File::open(room.place("~/.cache/huggingface/hub/.locks/models--org--locked/ee.lock")).unwrap();
    lock.lock().unwrap();
    room.write("~/.cache/torch/hub/checkpoints/x.pth.0a1b.partial", "half");
    room.write("~/.cache/whisper/large.pt", "coming");
    let writer = fs::OpenOptions::new().append(true).open(room.place("~/.cache/whisper/large.pt")).unwrap();
    let ran = room.run(&["migrate", "--yes"]).expect(0);
    ran.says(&[
        "models--org--busy: has a download that went on less than an hour ago",
        "models--org--locked: a download holds one of its locks",
        "x.pth.0a1b.partial: is an unfinished download",
        "large.pt: is open for writing",
    ]);
    assert!(
        room.exists(".cache/huggingface/hub/models--org--stale")
            && !room.exists(".cache/huggingface/hub/models--org--busy")
    );
    drop((lock, writer));
    room.run(&["migrate", "--yes"]).expect(0);
    assert!(room.exists(".cache/whisper/large.pt") && room.exists(".cache/huggingface/hub/models--org--locked"));
}

#[test]
fn what_git_tracks_is_the_project_and_stays() {
    let room = Room::git();
    local_dir(&room, "models/x", OLD, &[("model.bin", "weights", sha256("weights")), ("a.json", "{}", git("{}"))]);
    room.run_git(&["add", "-f", "models/x/a.json"]);
    room.run(&["migrate", "--yes", "models/x", "--repo", "org/x"])
        .expect(0)
        .says(&["models/x/a.json: is tracked by Git"]);
    assert!(room.exists("models/x/a.json") && !room.exists("models/x/model.bin"));
}

#[test]
fn where_git_does_not_say_what_it_tracks_nothing_of_the_work_tree_moves() {
    let room = Room::git();
    local_dir(&room, "models/x", OLD, &[("model.bin", "weights", sha256("weights"))]);
    room.run_git(&["add", "-f", "models/x/model.bin"]);
    room.write(".git/index", "damaged");
    room.run(&["migrate", "--yes", "models/x", "--repo", "org/m"])
        .expect(1)
        .says(&["models/x stays: lies in a Git work tree, and Git does not say what it tracks there"]);
    assert_eq!(room.text("models/x/model.bin"), "weights");
}

#[test]
fn paths_with_odd_names_are_shown_in_one_form_that_is_taken_back() {
    let odd = OsStr::from_bytes(b"caf\xe9\x1b[31m.pt");
    let room = Room::bare();
    let (there, here) = (room.place("~/.cache/whisper"), room.place(".cache/whisper"));
    for (folder, text) in [(&there, "theirs"), (&here, "ours")] {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join(odd), text).unwrap();
    }
    let ran = room.run(&["migrate", "--dry-run"]).expect(1);
    ran.says(&[
        r"warning: ~/$'.cache/whisper/caf\xe9\x1b[31m.pt' stays: another content stands at $'.cache/whisper/caf\xe9\x1b[31m.pt'",
    ]);
    let json = room.run(&["migrate", "--dry-run", "--json"]).expect(1).json();
    assert_eq!(json["stays"][0]["path"], r"$'@/h/.cache/whisper/caf\xe9\x1b[31m.pt'", "{json:#}");
    // As it is shown, as a shell gives that, and as an earlier version showed it.
    let folder = OsStr::from_bytes(b"hub\xff");
    let hub = room.home().join(folder);
    fs::create_dir_all(hub.join("models--org--m/refs")).unwrap();
    let ran = room.ran(room.command(&["migrate", "--dry-run"]).arg(&hub)).expect(0);
    assert_eq!(ran.err, "", "{ran:?}");
    for word in [r"~/$'hub\xff'", r"$'~/hub\xff'"] {
        room.run(&["migrate", "--dry-run", word]).expect(0);
    }
    let script = r#""$0" migrate --dry-run ~/$'hub\xff'"#;
    room.ran(room.program("bash").args(["-c", script, PROGRAM])).expect(0);
    room.run(&["migrate", "--dry-run", r"~/$'none\xff'"]).expect(2).says(&[r"there is no ~/$'none\xff'"]);
}

#[test]
fn a_folder_of_models_that_is_a_link_is_named_and_not_looked_into() {
    let room = Room::bare();
    room.write("~/big/hub/models--o--m/refs/main", OLD);
    room.write("~/.cache/whisper/base.pt", "base");
    symlink("../h/big", room.place("models")).unwrap();
    let says = "models is a link to ~/big, into which nothing here looks: `modelstrap migrate ~/big` does";
    let status = room.run(&["status"]).expect(0);
    assert!(status.out.contains(says), "{}", status.out);
    let json = room.run(&["status", "--json"]).expect(0).json();
    let one = serde_json::json!({"name": "models", "path": "@/p/models", "why": "not_followed", "of": "@/h/big"});
    assert_eq!(json["elsewhere"], serde_json::json!([one]));
    let stays = "models: is a link to ~/big, which is not followed: `modelstrap migrate ~/big` moves what is there";
    room.run(&["migrate", "--yes"]).expect(0).says(&[stays]);
    assert!(room.exists("~/big/hub/models--o--m/refs/main"));
    // What is counted is said where it is: a place, the project's own folder, this project's cache.
    fs::remove_file(room.place("models")).unwrap();
    room.write("~/.cache/torch/hub/a.pth", "a");
    room.write("data/x.txt", "x");
    for (target, says) in [
        ("../h/.cache/torch", Some("models is the same folder as ~/.cache/torch: it is counted once")),
        ("../h/.cache/torch/hub", Some("models leads into ~/.cache/torch: it is counted there")),
        ("data", None),
        (".cache/whisper", None),
    ] {
        symlink(target, room.place("models")).unwrap();
        let status = room.run(&["status"]).expect(0);
        let said: Vec<&str> = status.out.lines().filter(|line| line.starts_with("models ")).collect();
        assert_eq!(said, Vec::from_iter(says), "{target}");
        fs::remove_file(room.place("models")).unwrap();
    }
}

#[test]
fn a_librarys_folder_in_which_nothing_of_its_own_lies_is_not_named() {
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    fs::create_dir_all(room.place("weights")).unwrap();
    fs::create_dir_all(room.place("~/.cache/torch/hub")).unwrap();
    let nothing = "Nothing to move: what belongs into the cache is there.\n";
    for arguments in [&["migrate", "-n"][..], &["migrate", "-n", "weights"]] {
        let ran = room.run(arguments).expect(0);
        assert_eq!((&*ran.out, &*ran.err), (nothing, ""), "{arguments:?}");
    }
    let ran = room.run(&["migrate", "nosuch"]).expect(2);
    assert!(!ran.err.contains("weights") && !ran.err.contains("torch"), "nothing is there: {}", ran.err);
    let repo = Repo::new(&room, "~/.cache/huggingface/hub", "models--org--m");
    repo.reference("main", NEW);
    local_dir(&room, "weights/x", NEW, &[("model.bin", "weights", sha256("weights"))]);
    let ordered = "weights: keeps its files in an order of its own";
    for arguments in [&["migrate", "-n"][..], &["migrate", "-n", "weights"]] {
        let ran = room.run(arguments).expect(0);
        assert!(ran.out.contains("weights/x ") && !ran.err.contains(ordered), "{arguments:?}\n{}{}", ran.out, ran.err);
    }
    room.write("weights/yolo.pt", "its own");
    for arguments in [&["migrate", "-n"][..], &["migrate", "-n", "weights"]] {
        let ran = room.run(arguments).expect(0);
        assert!(ran.out.contains("weights/x ") && ran.err.contains(ordered), "{arguments:?}\n{}{}", ran.out, ran.err);
    }
}
