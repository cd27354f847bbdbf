//! `prune --max-size`, a budget, `--until-free`: they take as much as they must and no more, and pass over what cannot go.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::support::aged::{four, linked, there};
use crate::support::large::filled;
use crate::support::lived::HUB;
use crate::support::project::{PROGRAM, Ran, Room};
use crate::support::terminal::Terminal;

#[test]
fn what_has_another_name_outside_leaves_the_cache_all_the_same() {
    let room = linked();
    room.run(&["prune", "--max-size", "17MB", "--grace", "0", "--yes", "--now"]).expect(0);
    assert_eq!(there(&room), "bcd");
    room.run(&["status", "--check", "--max-size", "17MB"]).expect(0);
    // A budget in the manifest counts as the flag does.
    let room = linked();
    room.append("modelstrap.toml", "[cache]\nbudget = \"17MB\"\n");
    room.run(&["prune", "--grace", "0", "--yes", "--now"]).expect(0);
    assert_eq!(there(&room), "bcd");
    // And a size that is reached is not called missed.
    let ran = room.run(&["prune", "--max-size", "1MB", "--grace", "0", "--yes", "--now"]).expect(0);
    assert!(!ran.err.contains("cannot be reached"), "{}", ran.err);
    assert_eq!((there(&room).as_str(), room.exists("models/a.safetensors")), ("", true));
}

#[test]
fn a_disk_has_no_more_room_while_a_file_has_another_name() {
    let room = linked();
    let plan = room.run(&["prune", "--until-free", "900TB", "--grace", "0", "--dry-run", "--json"]).expect(1).json();
    let frees = plan["frees_bytes"].as_u64().or_else(|| plan["total_bytes"].as_u64());
    assert!(frees.is_none_or(|bytes| bytes < 16_000_000), "{plan}");
    assert_eq!(there(&room), "abcd");
}

/// Runs it as somebody whom modes bind, if this is root, and leaves the repository `a` to root.
fn run(room: &Room, arguments: &[&str]) -> Option<Ran> {
    if fs::metadata(room.path()).unwrap().uid() != 0 {
        return None;
    }
    let owned = |whose: &str, path: &Path| {
        assert!(Command::new("chown").args(["-hR", whose]).arg(path).status().unwrap().success())
    };
    owned("65534:65534", room.path());
    owned("0:0", &room.place(&format!("{HUB}/models--org--a")));
    let mut command = room.program("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", PROGRAM]).args(arguments);
    let ran = room.ran(&mut command);
    owned("0:0", room.path());
    Some(ran)
}

#[test]
fn what_another_user_holds_is_passed_over_and_the_next_goes() {
    let room = four();
    let prune = ["prune", "--max-size", "17MB", "--grace", "0", "--yes", "--now"];
    let Some(ran) = run(&room, &prune) else { return };
    let ran = ran.expect(0);
    assert_eq!(there(&room), "acd", "{}{}", ran.out, ran.err);
    let Some(ran) = run(&room, &["prune", "--max-size", "1MB", "--grace", "0", "--yes", "--now"]) else { return };
    let ran = ran.expect(1);
    assert_eq!(there(&room), "a");
    assert!(ran.err.contains("--max-size 1.00 MB cannot be reached: 4."), "{}", ran.err);
    let said = ran.out + &ran.err;
    assert!(said.contains("org/a@222222222222: you may not delete in its folder"), "{said}");
}

#[test]
fn the_lists_of_a_shared_store_go_with_its_payloads_and_count() {
    let room = Room::bare();
    room.write("modelstrap.toml", "[project]\nname = \"p\"\n");
    room.setup(&[]);
    filled(&room, 1);
    let arguments = ["prune", "--max-size", "1kB", "--grace", "0", "--now", "--json"];
    let plan = room.run(&[&arguments[..], &["--dry-run"]].concat()).json();
    let ran = room.run(&[&arguments[..], &["--yes"]].concat()).json();
    assert!(ran["freed_bytes"].as_u64().unwrap() > 0, "{ran:#}");
    assert_eq!(plan["exclusive_bytes"], ran["freed_bytes"]);
    assert!(!room.exists(&format!("{HUB}/models--org--model-0")));
}

/// Holds the lock on the file that it makes at `place`, as a program does that is at work there.
fn held(room: &Room, place: &str) -> fs::File {
    room.write(place, "");
    let lock = fs::File::open(room.place(place)).unwrap();
    lock.lock().unwrap();
    lock
}

#[test]
fn what_is_locked_when_the_plan_is_made_is_passed_over_and_the_next_goes() {
    let room = four();
    let lock = held(&room, &format!("{HUB}/.locks/models--org--a/b.lock"));
    let prune = ["prune", "--max-size", "17MB", "--grace", "0", "--yes", "--now"];
    room.run(&prune).expect(0);
    assert_eq!(there(&room), "acd");
    drop(lock);
    // A file of another library has its lock beside it, a folder in it, and the oldest of all stays for it.
    for (file, lock) in [
        (".cache/whisper/large.pt", ".cache/whisper/large.pt.lock"),
        (".cache/torch/hub/org_model/weights.pt", ".cache/torch/hub/org_model/fetch.lock"),
    ] {
        let room = four();
        room.write(file, vec![7; 5_000_000]);
        let lock = held(&room, lock);
        let then = SystemTime::now() - Duration::from_secs(120 * 86_400);
        for place in [file, Path::new(file).parent().unwrap().to_str().unwrap()] {
            fs::File::open(room.place(place)).unwrap().set_modified(then).unwrap();
        }
        lock.set_modified(then).unwrap();
        let file = fs::File::open(room.place(file)).unwrap();
        file.set_times(fs::FileTimes::new().set_accessed(then).set_modified(then)).unwrap();
        drop(file);
        let ran = room.run(&["prune", "--max-size", "21MB", "--grace", "0", "--yes", "--now"]).expect(0);
        assert_eq!(there(&room), "bcd", "{}{}", ran.out, ran.err);
        // Where no other is left, it is named with its reason.
        let ran = room.run(&["prune", "--max-size", "1MB", "--grace", "0", "--yes", "--now"]).expect(1);
        let said = ran.out + &ran.err;
        // Who sees that a program has the lock's file open says that.
        let whys = ["another process holds a lock on it", "a running program has it open"];
        assert!(whys.iter().any(|why| said.contains(why)), "{said}");
        assert!(there(&room).is_empty());
        drop(lock);
        room.run(&["prune", "--max-size", "1MB", "--grace", "0", "--yes", "--now"]).expect(0);
    }
}

#[test]
fn a_payload_that_is_locked_does_not_count_for_a_size_and_its_model_is_passed_over() {
    let room = four();
    let hash = "ab".repeat(32);
    let payload = format!("{HUB}/blobs/ab/{hash}");
    room.write(&format!("{HUB}/blobs/.huggingface-shared-blobs"), "1\n");
    fs::create_dir_all(room.place(&format!("{HUB}/blobs/ab"))).unwrap();
    let blob = format!("{HUB}/models--org--a/blobs/a");
    fs::rename(room.place(&blob), room.place(&payload)).unwrap();
    room.write(&format!("{payload}.refs"), "models--org--a/blobs/a\n");
    room.link(&blob, &format!("../../blobs/ab/{hash}"));
    let lock = held(&room, &format!("{payload}.lock"));
    room.run(&["prune", "--max-size", "17MB", "--grace", "0", "--yes", "--now"]).expect(0);
    assert_eq!(there(&room), "acd");
    drop(lock);
}

#[test]
fn unfinished_downloads_and_orphans_that_are_locked_stay_and_count_for_nothing() {
    let room = four();
    let begin = format!("{HUB}/models--org--d/blobs");
    room.write(&format!("{begin}/e.1a2b3c4d.incomplete"), vec![7; 5_000_000]);
    room.write(&format!("{begin}/f"), vec![7; 5_000_000]);
    let locks = ["e", "f"].map(|etag| held(&room, &format!("{HUB}/.locks/models--org--d/{etag}.lock")));
    let ran = room.run(&["prune", "--max-size", "21MB", "--grace", "0", "--yes", "--now"]).expect(0);
    assert_eq!(there(&room), "cd", "{}{}", ran.out, ran.err);
    assert!(room.exists(&format!("{begin}/f")) && room.exists(&format!("{begin}/e.1a2b3c4d.incomplete")));
    drop(locks);
    room.run(&["prune", "--grace", "0", "--yes", "--now"]).expect(0);
    assert!(!room.exists(&format!("{begin}/f")) && !room.exists(&format!("{begin}/e.1a2b3c4d.incomplete")));
}

/// Makes the repository `a` stay when it is to go, which nothing in the plan says: where its locks lie there is a file.
fn obscured() -> Room {
    let room = four();
    room.write(&format!("{HUB}/.locks/models--org--a"), "");
    room
}

#[test]
fn what_stays_when_it_is_to_go_is_replaced_by_the_next_in_the_same_run() {
    let room = obscured();
    let prune = ["prune", "--max-size", "17MB", "--grace", "0", "--yes"];
    let ran = room.run(&[&prune[..], &["--now"]].concat()).expect(0);
    assert_eq!(there(&room), "acd");
    assert!(ran.err.contains("models--org--a stays: "), "{}", ran.err);
    assert!(ran.err.contains("For --max-size 17.0 MB, this goes in place of what stayed:\n"), "{}", ran.err);
    room.run(&["status", "--check", "--max-size", "17MB"]).expect(0);
    // Where nothing else is left, the size is missed, and that is said.
    let ran = room.run(&["prune", "--max-size", "1MB", "--grace", "0", "--yes", "--now"]).expect(1);
    assert_eq!(there(&room), "a");
    assert!(ran.err.contains("--max-size 1.00 MB cannot be reached"), "{}", ran.err);
    assert!((ran.out + &ran.err).contains("it stayed when it was to go"));
}

#[test]
fn what_goes_in_two_steps_is_one_document_and_comes_back_by_one_undo() {
    let room = obscured();
    room.write(".cache/whisper/old.pt.lock", "");
    let before = room.tree().without(|name| name.contains(".cache/.modelstrap"));
    // Two go in the first step, one in the second.
    let prune = ["prune", "--max-size", "7MB", "--grace", "0", "--yes", "--undo-for", "1h", "--json"];
    let ran = room.run(&prune).expect(0).json();
    assert_eq!(there(&room), "a", "{ran:#}");
    let names = |member: &str| {
        let all = ran[member].as_array().unwrap();
        all.iter().map(|one| one["path"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("stayed"), ["models--org--a"], "{ran:#}");
    assert_eq!(names("plan").len(), 4, "{ran:#}");
    assert_eq!(ran["removed"], 3, "{ran:#}");
    assert!(ran["trashed_bytes"].as_u64().unwrap() > 15_000_000 && ran["undo_until"].is_string(), "{ran:#}");
    let would = room.run(&["prune", "--undo", "--dry-run"]).expect(0);
    assert_eq!(would.out.lines().count(), 3, "{}", would.out);
    room.run(&["prune", "--undo"]).expect(0);
    assert_eq!(there(&room), "abcd");
    room.tree().without(|name| name.contains(".cache/.modelstrap")).assert_eq(&before, "undone");
    let nothing = room.run(&["prune", "--undo"]).expect(0);
    assert!(nothing.err.starts_with("There is nothing to bring back"), "{}", nothing.err);
}

#[test]
fn what_is_locked_while_a_person_thinks_is_replaced_only_by_what_that_person_agrees_to() {
    for (answer, left, code) in [("y", "acd", 0), ("n", "abcd", 130)] {
        let room = four();
        let arguments = ["prune", "--max-size", "17MB", "--grace", "0", "--now"];
        let mut terminal = Terminal::open(120, 40, &mut room.command(&arguments));
        terminal.wait_for("Delete this for good?");
        let lock = held(&room, &format!("{HUB}/.locks/models--org--a/b.lock"));
        terminal.press("y");
        terminal.wait_for("in place of what stayed");
        terminal.wait_for("org/b");
        terminal.wait_for("Delete this for good?");
        terminal.press(answer);
        let ended = terminal.end();
        assert_eq!(ended.status.code(), Some(code), "{}", ended.raw);
        assert_eq!(there(&room), left, "{}", ended.raw);
        drop(lock);
    }
}

#[test]
fn who_keeps_a_link_keeps_what_it_leads_to() {
    let room = Room::bare();
    room.setup(&[]);
    let folder = ".cache/torch/hub/checkpoints";
    for name in ["real.pt", "other.pt"] {
        room.write(&format!("{folder}/{name}"), vec![7; 50_000]);
        let file = fs::File::options().write(true).open(room.place(&format!("{folder}/{name}"))).unwrap();
        let then = SystemTime::now() - Duration::from_secs(90 * 86_400);
        file.set_times(fs::FileTimes::new().set_accessed(then).set_modified(then)).unwrap();
    }
    room.link(&format!("{folder}/best.pt"), "real.pt");
    room.run(&["prune", "--older-than", "30d", "--grace", "0", "--yes", "--now", "--keep", "best.pt"]).expect(0);
    assert!(room.exists(&format!("{folder}/real.pt")) && !room.exists(&format!("{folder}/other.pt")));
}
