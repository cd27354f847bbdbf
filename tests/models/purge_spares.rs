//! `models remove --purge` spares what others need: a lock of another project, a link that `dedupe` made, a running program, a
//! download that is under way. It says who, before anybody is asked.
#![cfg(unix)]

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use crate::support::project::Room;
use crate::support::zoo::Zoo;

const MODELS: &str = "tiny = \"hf:org/tiny\"\nw = \"url:https://files.example.org/weights.bin\"\n";
const HUB: &str = ".cache/huggingface/hub";

/// A project with two models in its cache.
fn downloaded(zoo: &Zoo) -> Room {
    let room = zoo.project(MODELS);
    room.run(&["models", "download"]).expect(0);
    room
}

/// The files of the model that a program opens, with links followed.
fn opened(room: &Room, words: &[&str]) -> PathBuf {
    let path = room.run(&[&["models", "path"], words].concat()).expect(0).out;
    let path = path.trim_end().replace('@', room.path().to_str().unwrap());
    fs::canonicalize(room.root().join(path)).unwrap()
}

/// Both ways to ask: what would be, and what is. Nothing of the cache may go, and each says why.
fn stays(room: &Room, model: &str, why: &str) {
    let files =
        || room.tree().names().iter().filter(|name| is_payload(name)).map(ToString::to_string).collect::<Vec<_>>();
    let before = files();
    assert!(before.len() > 3, "{before:?}");
    let ran = room.run(&["models", "remove", model, "--purge", "--dry-run"]).expect(0);
    assert!(
        ran.err.ends_with(&format!("{model} would leave the manifest and the lock; its files stay: {why}\n")),
        "{ran:?}"
    );
    let ran = room.run(&["models", "remove", model, "--purge", "--yes"]).expect(0);
    assert!(ran.err.contains(&format!("{model}: its files stay: {why}\n")), "{ran:?}");
    assert!(ran.err.ends_with("0 B freed.\n"), "{ran:?}");
    assert_eq!(files(), before);
}

/// Whether a name is one of bytes, or a link to them: not of what the project says of them.
fn is_payload(name: &str) -> bool {
    ["/blobs/", "/snapshots/", "/files/"].iter().any(|part| name.contains(part))
}

#[test]
fn what_the_lock_of_another_project_names_stays() {
    let zoo = Zoo::start();
    let room = downloaded(&zoo);
    let base = room.root().join(".cache");
    let q = room.path().join("q");
    fs::create_dir(&q).unwrap();
    fs::write(q.join("modelstrap.toml"), format!("[cache]\nbase_dir = {base:?}\n[models]\n{MODELS}")).unwrap();
    // It has not downloaded anything yet: no reference in the Hub's cache speaks for it.
    room.run(&["-C", "../q", "models", "lock"]).expect(0);
    for model in ["tiny", "w"] {
        stays(&room, model, &format!("needed by the lock of @/q ({model})"));
    }
    let told = room.run(&["-C", "../q", "models", "list"]).expect(0).out;
    assert!(!told.contains("missing"), "{told}");
}

#[test]
fn what_another_project_needs_of_which_nobody_knows_what_stays_unless_it_is_forced() {
    let zoo = Zoo::start();
    let room = downloaded(&zoo);
    let base = room.root().join(".cache");
    let q = room.path().join("q");
    fs::create_dir(&q).unwrap();
    fs::write(q.join("modelstrap.toml"), format!("[cache]\nbase_dir = {base:?}\n[models]\n{MODELS}")).unwrap();
    // A merge that was left half, before the cache had ever seen what it needs.
    fs::write(q.join("modelstrap.lock"), "<<<<<<< ours\n").unwrap();
    room.run(&["-C", "../q", "setup", "--yes", "--no-models"]);
    let ran = room.run(&["models", "remove", "w", "--purge", "--yes"]).expect(0);
    assert!(ran.err.contains("w: its files stay: what @/q needs is not known: "), "{ran:?}");
    room.run(&["models", "add", "url:https://files.example.org/weights.bin", "--key", "w", "--no-download"]).expect(0);
    room.run(&["models", "remove", "w", "--purge", "--yes", "--force", "--now"]).expect(0).says(&[" kB freed."]);
}

#[test]
fn what_a_link_of_dedupe_leads_to_stays() {
    let zoo = Zoo::start();
    for (model, words) in [("tiny", &["tiny", "model.safetensors"][..]), ("w", &["w", "weights.bin"])] {
        let room = downloaded(&zoo);
        let (link, target) = (room.place("mine.bin"), opened(&room, words));
        symlink(&target, &link).unwrap();
        let line = serde_json::json!({"link": {"text": link}, "target": {"text": target}});
        room.write(".cache/.modelstrap/links.jsonl", format!("{line}\n"));
        stays(
            &room,
            model,
            &format!("needed by the link {}", link.display().to_string().replace(room.path().to_str().unwrap(), "@")),
        );
        assert!(link.exists());
        fs::remove_file(link).unwrap();
        let other = if model == "w" { "tiny" } else { "w" };
        let ran = room.run(&["models", "remove", other, "--purge", "--yes"]).expect(0);
        assert!(!ran.err.contains("stay"), "{ran:?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn what_a_running_program_has_open_stays() {
    let zoo = Zoo::start();
    for (model, words) in [("tiny", &["tiny", "config.json"][..]), ("w", &["w", "weights.bin"])] {
        let room = downloaded(&zoo);
        let open = File::open(opened(&room, words)).unwrap();
        stays(&room, model, "a running program has some of them open");
        drop(open);
    }
}

#[test]
fn a_repository_into_which_somebody_downloads_stays() {
    let zoo = Zoo::start();
    let etag = "ab".repeat(32);
    let why = "a program downloads into their folder";
    for is_locked in [true, false] {
        let room = downloaded(&zoo);
        let unfinished = format!("{HUB}/models--org--tiny/blobs/{etag}.incomplete");
        let lock = room.place(&format!("{HUB}/.locks/models--org--tiny/{etag}.lock"));
        fs::create_dir_all(lock.parent().unwrap()).unwrap();
        let lock = File::create(lock).unwrap();
        room.write(&unfinished, "bytes");
        if is_locked {
            lock.lock().unwrap();
            let old = std::time::SystemTime::now() - std::time::Duration::from_secs(600);
            File::options().write(true).open(room.place(&unfinished)).unwrap().set_modified(old).unwrap();
        }
        stays(&room, "tiny", why);
        assert_eq!(room.text(&unfinished), "bytes");
        drop(lock);
    }
    // What a download left that ended long ago goes with the repository.
    let room = downloaded(&zoo);
    let unfinished = format!("{HUB}/models--org--tiny/blobs/{etag}.incomplete");
    room.write(&unfinished, "bytes");
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(600);
    File::options().write(true).open(room.place(&unfinished)).unwrap().set_modified(old).unwrap();
    room.run(&["models", "remove", "tiny", "--purge", "--yes"]).expect(0);
    assert!(!room.exists(&format!("{HUB}/models--org--tiny")));
}
