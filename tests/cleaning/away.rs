//! What is not seen at the moment is needed all the same: a project without the lock that it had, a link of `dedupe` whose disk is
//! unplugged or that has another name. And what nobody looks after is not made to be needed.
#![cfg(unix)]
#![allow(clippy::disallowed_methods, reason = "what a test made it may remove")]

use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::support::project::{Ran, Room, Tree};
use crate::support::stray::{NEW, OLD, Repo, age, sha256};
use modelstrap::cache::link::note_line;

const HUB: &str = ".cache/huggingface/hub";
const ASR: &str = ".cache/huggingface/hub/models--org--asr";
const PRUNE: [&str; 5] = ["prune", "--grace", "0", "--yes", "--now"];

/// Puts a project's lock out of sight.
type Hide = fn(&Path);

/// Puts a link out of sight.
type Take<'a> = &'a dyn Fn(&Room, &Path);

/// A project `p` whose cache has two revisions, of which a branch names the later one.
fn lived_in() -> Room {
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    let repo = Repo::new(&room, HUB, "models--org--asr");
    repo.file(OLD, "model.bin", "old weights", sha256("old weights"));
    repo.file(NEW, "model.bin", "new weights", sha256("new weights"));
    repo.reference("main", NEW);
    room.run(&["setup", "--yes", "--no-models"]).expect(0);
    room
}

/// Beside it a project `q` with the same cache, whose lock names the earlier revision.
fn shared() -> (Room, PathBuf) {
    let room = lived_in();
    let q = room.path().join("q");
    fs::create_dir(&q).unwrap();
    let manifest = format!("[cache]\nbase_dir = {:?}\n[models]\nasr = \"hf:org/asr\"\n", room.place(".cache"));
    fs::write(q.join("modelstrap.toml"), manifest).unwrap();
    let lock = format!(
        "version = 1\nmanifest = \"sha256:{}\"\n\n[[model]]\nname = \"asr\"\nspec = \"hf:org/asr\"\n\n[[model.part]]\n\
         place = \"hub\"\ntype = \"model\"\nrepo = \"org/asr\"\nrequested = \"main\"\ncommit = \"{OLD}\"\ncomplete = true\n\
         files = [\n  {{ path = \"model.bin\", size = 11, digest = \"sha256:{}\" }},\n]\n\n# the end of modelstrap.lock\n",
        "0".repeat(64),
        sha256("old weights")
    );
    fs::write(q.join("modelstrap.lock"), lock).unwrap();
    room.ran(room.command(&["setup", "--yes", "--no-models"]).current_dir(&q)).expect(0);
    (room, q)
}

fn has_old(room: &Room) -> bool {
    room.exists(&format!("{ASR}/snapshots/{OLD}")) && room.exists(&format!("{ASR}/blobs/{}", sha256("old weights")))
}

fn without_lock(ran: &Ran) -> bool {
    let words = "warning: the project @/q has no modelstrap.lock now; what the one names that it had on 2";
    ran.err.contains(words) && ran.err.contains(" is kept until 30 days have passed\n")
}

#[test]
fn what_a_lock_names_that_is_not_there_now_is_kept_for_a_month_and_then_by_no_plan() {
    let ways: [(&str, Hide); 3] = [
        ("another branch", |q| fs::remove_file(q.join("modelstrap.lock")).unwrap()),
        ("a link to nothing", |q| {
            fs::remove_file(q.join("modelstrap.lock")).unwrap();
            symlink("nowhere", q.join("modelstrap.lock")).unwrap();
        }),
        ("the folder on which its disk was mounted", |q| {
            fs::rename(q, q.with_file_name("unplugged")).unwrap();
            fs::create_dir(q).unwrap();
        }),
    ];
    for (way, hide) in ways {
        let (room, q) = shared();
        assert!(!without_lock(&room.run(&PRUNE).expect(0)) && has_old(&room), "{way}");
        hide(&q);
        let before = room.tree();
        assert!(without_lock(&room.run(&["prune", "--grace", "0", "--dry-run"]).expect(0)), "{way}");
        room.tree().assert_eq(&before, way);
        for _ in 0..2 {
            let ran = room.run(&PRUNE).expect(0);
            assert!(without_lock(&ran) && has_old(&room), "{way}: {ran:?}");
        }
        room.run(&["clear", &format!("org/asr@{}", &OLD[..8]), "--yes", "--now"]).expect(1);
        // A month later, the plan and the run say the same.
        let then = SystemTime::now() - Duration::from_secs(31 * 86_400);
        let notes = fs::read_dir(room.place(".cache/.modelstrap/projects")).unwrap();
        let mark =
            notes.map(|entry| entry.unwrap().path()).find(|path| path.extension().is_some_and(|end| end == "gone"));
        fs::File::options().write(true).open(mark.unwrap()).unwrap().set_modified(then).unwrap();
        let before = room.tree();
        let plan = room.run(&["prune", "--grace", "0", "--dry-run"]).expect(0);
        room.tree().assert_eq(&before, way);
        let ran = room.run(&PRUNE).expect(0);
        for ran in [&plan, &ran] {
            assert!(ran.err.contains("the project @/q on ") && ran.err.contains(" counts no more: "), "{way}: {ran:?}");
            assert!(ran.out.contains("org/asr@111111111111") && !without_lock(ran), "{way}: {ran:?}");
        }
        assert!(!has_old(&room) && room.exists(&format!("{ASR}/snapshots/{NEW}")), "{way}");
    }
}

#[test]
fn a_projects_own_lock_that_is_not_there_counts_and_does_not_keep_it_from_clearing_what_is_its_own() {
    let (room, q) = shared();
    let there = |arguments: &[&str]| room.ran(room.command(arguments).current_dir(&q));
    fs::remove_file(q.join("modelstrap.lock")).unwrap();
    assert!(without_lock(&there(&PRUNE).expect(0)) && has_old(&room));
    there(&["clear", &format!("org/asr@{}", &OLD[..8]), "--yes", "--now"]).expect(0);
    assert!(!has_old(&room));
}

#[test]
fn a_time_of_grace_protects_no_less_what_a_program_may_ask_for_by_its_commit() {
    let room = Room::bare();
    let repo = Repo::new(&room, HUB, "models--org--asr");
    repo.file(OLD, "model.bin", "old weights", sha256("old weights"));
    for name in ["blobs", "snapshots"] {
        for entry in fs::read_dir(room.place(&format!("{ASR}/{name}"))).unwrap() {
            age(&entry.unwrap().path(), 2 * 86_400);
        }
    }
    age(&room.place(&format!("{ASR}/snapshots/{OLD}/model.bin")), 2 * 86_400);
    let goes = |grace: &[&str]| {
        let ran = room.run(&[&["prune", "--dry-run"], grace].concat()).expect(0);
        ran.out.contains("org/asr")
    };
    assert_eq!([&[][..], &["--grace", "2h"], &["--grace", "8d"]].map(goes), [false; 3]);
    assert!(goes(&["--grace", "0"]));
}

#[test]
fn what_dedupes_link_led_to_stays_when_the_link_has_another_name_or_its_disk_is_away() {
    let gone = |room: &Room, link: &Path| {
        fs::remove_dir_all(link.parent().unwrap()).unwrap();
        let notes = ".cache/.modelstrap/links.jsonl";
        let device = fs::metadata(room.home()).unwrap().dev();
        room.edit(notes, &format!("\"device\":{device}"), &format!("\"device\":{}", device + 1));
    };
    let renamed = |_: &Room, link: &Path| fs::rename(link, link.with_file_name("renamed.bin")).unwrap();
    let taken = |_: &Room, link: &Path| fs::remove_dir_all(link.parent().unwrap()).unwrap();
    let free = "is not there (today); what it led to is kept until 30 days have passed";
    let ways: [(&str, Take); 3] = [
        ("cannot be looked at: the disk that it is on is not there; what it leads to is kept", &gone),
        (free, &renamed),
        (free, &taken),
    ];
    for (says, hide) in ways {
        let room = lived_in();
        room.write("~/models/keep", "");
        let (blob, link) =
            (room.place(&format!("{ASR}/blobs/{}", sha256("old weights"))), room.place("~/models/copy.bin"));
        symlink(&blob, &link).unwrap();
        room.write(".cache/.modelstrap/links.jsonl", format!("{}\n", note_line(&link, &blob)));
        hide(&room, &link);
        let words = format!("warning: the link @/h/models/copy.bin, which dedupe made, {says}\n");
        for verb in [&["prune", "--grace", "0", "--older-than", "0", "--dry-run"][..], &PRUNE, &PRUNE] {
            let ran = room.run(verb).expect(0);
            assert!(ran.err.contains(&words), "{verb:?}: {ran:?}");
            assert_eq!(fs::read(&blob).unwrap(), b"old weights", "{verb:?}");
        }
        let ran = room.run(&["clear", "org/asr", "--yes", "--now", "--grace", "0"]).expect(1);
        ran.says(&["org/asr is needed by the link @/h/models/copy.bin"]);
        room.run(&["clear", "org/asr", "--yes", "--now", "--grace", "0", "--force"]).expect(0);
        assert!(!blob.exists());
        assert!(!room.run(&PRUNE).expect(0).err.contains("which dedupe made"), "what is gone is not kept");
    }
}

#[test]
fn lines_of_the_notes_of_dedupes_links_that_are_damaged_are_told_of_and_the_others_count() {
    let room = lived_in();
    let (blob, link) = (room.place(&format!("{ASR}/blobs/{}", sha256("old weights"))), room.place("~/models/copy.bin"));
    room.write("~/models/keep", "");
    symlink(&blob, &link).unwrap();
    let line = note_line(&link, &blob);
    let notes = ".cache/.modelstrap/links.jsonl";
    let warns = |text: String, says: &str| {
        room.write(notes, text);
        for verb in [&["prune", "--grace", "0", "--older-than", "0", "--dry-run"][..], &PRUNE] {
            let ran = room.run(verb).expect(0);
            let said: Vec<&str> = ran.err.lines().filter(|line| line.contains("damaged")).collect();
            assert_eq!(said, says.lines().collect::<Vec<_>>(), "{verb:?}: {ran:?}");
            assert_eq!(fs::read(&blob).unwrap(), b"old weights", "{verb:?}");
        }
    };
    warns(format!("\n{line}\n"), "");
    warns(
        format!("\n{line}\n{}\n", &line[..line.len() / 2]),
        "warning: line 3 of @/p/.cache/.modelstrap/links.jsonl is damaged, and nobody knows what the link that it was about needs; put it right, or delete it",
    );
    warns(
        format!("x\n{{}}\n{line}\n\"\""),
        "warning: lines 1, 2 and 4 of @/p/.cache/.modelstrap/links.jsonl are damaged, and nobody knows what the links that they were about need; put them right, or delete them",
    );
}

#[test]
fn nothing_goes_while_the_notes_of_dedupes_links_cannot_be_read() {
    let room = lived_in();
    room.write(".cache/.modelstrap/links.jsonl/x", "");
    let before = room.tree();
    let ran = room.run(&PRUNE).expect(1);
    ran.says(&["error: what dedupe noted of its links cannot be read, so that nobody knows what they need; nothing was removed: "]);
    room.tree().assert_eq(&before, "prune");
}

#[test]
fn no_link_leads_into_a_hub_outside_of_the_cache_which_another_project_may_clear() {
    let shm = tempfile::tempdir_in("/dev/shm");
    let room = Room::bare();
    let device = |path: &Path| fs::metadata(path).map(|found| found.dev()).ok();
    let Some(shm) = shm.ok().filter(|shm| device(shm.path()) != device(room.path())) else {
        eprintln!("skipped: there is no second file system at /dev/shm");
        return;
    };
    let there = shm.path().canonicalize().unwrap();
    room.write("modelstrap.toml", format!("[legacy]\npaths = [{there:?}]\n"));
    let weights = "weights ".repeat(200_000);
    Repo::new(&room, "~/.cache/huggingface/hub", "models--org--m").file(NEW, "m.bin", &weights, sha256(&weights));
    fs::write(there.join("m.bin"), &weights).unwrap();
    let outside = [Tree::of(&there), Tree::of(&room.home())];
    let ran = room.run(&["dedupe", "--symlinks", "--grace", "0", "--yes"]).expect(0);
    ran.says(&["on another disk than the hub's copy, which lies outside of the cache"]);
    Tree::of(&there).assert_eq(&outside[0], "the other disk");
    Tree::of(&room.home()).assert_eq(&outside[1], "the home");
}

#[test]
fn nothing_is_restored_into_a_root_that_leads_out_of_the_project_to_no_cache() {
    let room = Room::bare();
    room.write(".cache/whisper/own.pt", "own weights");
    room.run(&["backup", "a.tar.zst"]).expect(0);
    fs::remove_dir_all(room.place(".cache")).unwrap();
    room.write("~/docs/whisper/own.pt", "mine");
    symlink(room.place("~/docs"), room.place(".cache")).unwrap();
    let before = Tree::of(&room.home());
    for flags in [&["--dry-run"][..], &["--force", "--yes"]] {
        let ran = room.run(&[&["restore", "a.tar.zst"], flags].concat()).expect(1);
        ran.says(&["the cache root .cache leads to @/h/docs, which is no cache: it is left alone"]);
        Tree::of(&room.home()).assert_eq(&before, "outside");
    }
    room.write("~/docs/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n");
    room.run(&["restore", "a.tar.zst", "--force", "--yes"]).expect(0);
    assert_eq!(room.text("~/docs/whisper/own.pt"), "own weights");
}
