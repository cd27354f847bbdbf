//! What `clear` and `prune` say of what they did: bytes that are not free yet, the time that was asked for, what an undo would bring back,
//! and what of a shared store is in use.
#![cfg(unix)]

use std::fs;

use crate::support::lived::{HUB, lived_in};
use crate::support::project::Room;

/// Somebody else who has a file open, until this goes. (What a test itself has open, the programs that other tests start have, too, until
/// they begin.)
#[cfg(target_os = "linux")]
struct Holder(std::process::Child);

#[cfg(target_os = "linux")]
impl Holder {
    fn of(room: &Room, path: &str) -> Self {
        let mut command = std::process::Command::new("sh");
        command.args(["-c", "exec <\"$1\" >&2; echo open; exec sleep 60", "sh"]).arg(room.place(path));
        let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
        let mut said = [0; 5];
        std::io::Read::read_exact(&mut child.stderr.take().unwrap(), &mut said).unwrap();
        while fs::read_to_string(format!("/proc/{}/comm", child.id())).unwrap() != "sleep\n" {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        Self(child)
    }
}

#[cfg(target_os = "linux")]
impl Drop for Holder {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn bytes_that_a_program_has_open_are_said_to_be_free_when_it_closes_them() {
    let room = Room::bare();
    room.write(".cache/whisper/open.pt", vec![7; 800_000]);
    room.write(".cache/whisper/shut.pt", vec![7; 400_000]);
    let open = Holder::of(&room, ".cache/whisper/open.pt");
    let ran = room.run(&["clear", "whisper", "--yes", "--now"]).expect(0);
    let said = format!("1.20 MB freed. 803 kB of it are free when sleep ({}) closes it.\n", open.0.id());
    assert!(ran.out.replace("At most ", "").ends_with(&said), "{}", ran.out);
    drop(open);

    room.write(".cache/whisper/open.pt", vec![7; 800_000]);
    let open = Holder::of(&room, ".cache/whisper/open.pt");
    let ran = room.run(&["clear", "whisper", "--yes", "--now", "--json"]).expect(0);
    assert_eq!(ran.json()["held_bytes"], 802_816, "{}", ran.out);
    assert_eq!(ran.json()["held_by"][0]["pid"], open.0.id(), "{}", ran.out);
}

#[cfg(target_os = "linux")]
#[test]
fn bytes_that_a_program_has_open_when_the_trash_is_emptied_are_said_so_too() {
    let room = Room::bare();
    let removed = |time: &str| {
        room.write(".cache/whisper/open.pt", vec![7; 800_000]);
        let open = Holder::of(&room, ".cache/whisper/open.pt");
        room.run(&["clear", "open.pt", "--yes", "--undo-for", time]).expect(0);
        open
    };
    let said = |open: &Holder| format!("803 kB of it are free when sleep ({}) closes it.", open.0.id());
    let open = removed("1h");
    let ran = room.run(&["clear", "trash", "--yes"]).expect(0);
    assert!(ran.out.ends_with(&format!(" freed. {}\n", said(&open))), "{}", ran.out);
    drop(open);
    let open = removed("1h");
    let ran = room.run(&["clear", "trash", "--yes", "--json"]).expect(0).json();
    assert_eq!((&ran["held_bytes"], &ran["held_by"][0]["pid"]), (&802_816.into(), &open.0.id().into()));
    drop(open);
    // By the next run, when its time is over.
    let open = removed("1s");
    std::thread::sleep(std::time::Duration::from_millis(2100));
    let ran = room.run(&["prune", "--yes"]).expect(0);
    let words = format!("that earlier runs had removed are free now. {}", said(&open));
    assert!(ran.err.contains(&words), "{}{}", ran.out, ran.err);
    drop(open);
    // With what else goes at once.
    let open = removed("1h");
    let ran = room.run(&["prune", "--until-free", "1kB", "--yes", "--json"]).expect(0).json();
    assert_eq!((&ran["held_bytes"], &ran["held_by"][0]["pid"]), (&802_816.into(), &open.0.id().into()));
}

#[test]
fn an_undo_of_setup_says_that_what_was_removed_comes_back_by_another_one() {
    let room = Room::bare();
    room.setup(&[]);
    room.write(".cache/whisper/base.pt", vec![7; 400_000]);
    let words = "`modelstrap clear --undo` brings it back";
    assert!(!room.run(&["undo", "--dry-run"]).err.contains(words));
    room.run(&["clear", "base.pt", "--yes", "--undo-for", "1h"]).expect(0);
    let ran = room.run(&["undo", "--dry-run"]).expect(0);
    assert!(
        ran.err.starts_with(&format!("What `modelstrap clear` removed is no part of this: {words}.\n")),
        "{}",
        ran.err
    );
    assert!(room.undo(&[]).err.contains(words));
    let ran = room.undo(&[]);
    assert!(ran.err.ends_with("Nothing to undo in @/p.\n") && ran.err.contains(words), "{}", ran.err);
    room.run(&["clear", "trash", "--yes"]).expect(0);
    assert!(!room.undo(&[]).err.contains(words));
}

#[test]
fn to_keep_what_lies_outside_of_the_cache_is_no_mistake_and_speaks_of_no_removal() {
    let room = lived_in();
    for word in ["./models", "./models/copy.safetensors", "~/.cache/whisper/base.pt", "./out"] {
        let ran = room.run(&["prune", "--dry-run", "--keep", word]).expect(0);
        assert!(ran.err.contains(&format!("--keep {word}: prune takes nothing from there")), "{word}: {}", ran.err);
    }
    let ran = room.run(&["prune", "--dry-run", "--keep", "./models/none"]).expect(2);
    assert!(ran.err.starts_with("error: --keep: ./models/none is no model in a place that is known\n"), "{}", ran.err);
    let ran = room.run(&["prune", "--dry-run", "--keep", "."]).expect(2);
    let said = "error: --keep: . holds the whole cache: name a model, or a place in it\n";
    assert!(ran.err.starts_with(said) && !ran.err.contains("clear"), "{}", ran.err);
    assert!(ran.err.contains("\n  ./.cache/whisper\n"), "{}", ran.err);
}

#[test]
fn the_time_to_bring_it_back_is_the_one_that_was_asked_for() {
    let room = Room::bare();
    for (asked, said) in [("10s", "10 s"), ("90m", "1 h 30 min"), ("3d", "3 d")] {
        room.write(".cache/whisper/base.pt", vec![7; 400_000]);
        let ran = room.run(&["clear", "base.pt", "--yes", "--undo-for", asked]).expect(0);
        let times = ran.out.matches(&format!("For {said} `modelstrap clear --undo`")).count();
        assert_eq!(times, 2, "in the plan and after it: {}", ran.out);
    }
}

#[test]
fn a_dry_run_of_an_undo_names_what_would_be_back_and_changes_nothing() {
    let room = lived_in();
    let ran = room.run(&["clear", "--undo", "--dry-run"]).expect(0);
    assert_eq!(ran.err, "There is nothing to bring back: nothing was removed here, or its time is over.\n");
    room.run(&["clear", "base.pt", "resnet.pth", "--yes", "--undo-for", "1h"]).expect(2);
    room.run(&["clear", "resnet.pth", "--yes", "--undo-for", "1h"]).expect(0);
    room.run(&["clear", "large-v3.pt", "org/asr@1111", "--grace", "0", "--yes", "--undo-for", "1h"]).expect(0);
    let before = room.tree();
    let ran = room.run(&["prune", "--undo", "--dry-run"]).expect(0);
    assert!(ran.out.contains("large-v3.pt would be back (1.20 MB).\n"), "{}", ran.out);
    assert!(ran.out.contains("org/asr@111111111111 would be back ("), "{}", ran.out);
    assert_eq!(ran.out.lines().count(), 2, "{}", ran.out);
    let json = room.run(&["clear", "--undo", "--dry-run", "--json"]).expect(0).json();
    assert_eq!((&json["dry_run"], &json["undone"]), (&true.into(), &"clear".into()));
    room.tree().assert_eq(&before, "a dry run");
    let ran = room.run(&["clear", "--undo"]).expect(0);
    assert!(ran.out.contains("large-v3.pt is back (1.20 MB).\n"), "{}", ran.out);
    assert!(room.exists(".cache/whisper/large-v3.pt") && !room.exists(".cache/torch/hub/checkpoints/resnet.pth"));
}

#[test]
fn payloads_that_a_repository_uses_are_left_out_of_the_plan_with_the_reason() {
    let room = Room::bare();
    let payload = |digits: &str| format!("{HUB}/blobs/{digits}/{}", digits.repeat(32));
    room.write(&format!("{HUB}/blobs/.huggingface-shared-blobs"), "1\n");
    for (digits, user) in [("ab", "models--org--name/blobs/e\n"), ("cd", "")] {
        room.write(&payload(digits), vec![7; 400_000]);
        room.write(&format!("{}.refs", payload(digits)), user);
    }
    let repository = room.place(&format!("{HUB}/models--org--name"));
    let commit = "1".repeat(40);
    room.write(&format!("{HUB}/models--org--name/refs/main"), &commit);
    for folder in ["blobs".to_owned(), format!("snapshots/{commit}")] {
        fs::create_dir_all(repository.join(folder)).unwrap();
    }
    let link = |text: &str, at: &str| std::os::unix::fs::symlink(text, repository.join(at)).unwrap();
    link(&format!("../../blobs/ab/{}", "ab".repeat(32)), "blobs/e");
    link("../../blobs/e", &format!("snapshots/{commit}/w.bin"));

    let store = format!("{HUB}/blobs");
    let ran = room.run(&["clear", &store, "--dry-run"]).expect(0);
    let stays = "shared store: 1 payload, in use by a repository, and freed with the last that uses it\n";
    assert!(ran.out.contains("shared store: 1 payload") && ran.out.contains(stays), "{}", ran.out);
    assert!(ran.out.contains("Total") && ran.out.contains("40") && !ran.out.contains("80"), "{}", ran.out);
    let ran = room.run(&["clear", &store, "--yes", "--now"]).expect(1);
    assert!(ran.out.contains("freed.\n") && ran.err.ends_with("error: 1 thing stayed, as said above\n"), "{ran:?}");
    assert!(room.exists(&payload("ab")) && !room.exists(&payload("cd")));
    room.run(&["clear", &store, "org/name", "--yes", "--now"]).expect(0);
    assert!(!room.exists(&payload("ab")));
}
