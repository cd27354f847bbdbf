//! What a project held in a shared cache by marks of ours, once its registration is dropped or taken back: nothing any more. And what
//! counts as long as somebody may need it.
#![cfg(unix)]

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::project::{Ran, Room};
use crate::support::stray::{OLD, Repo, age, sha256};
use modelstrap::support::digest;

const DAY: u64 = 86_400;
const HUB: &str = "../shared/huggingface/hub";

/// Two projects that share a cache, `left` and `here`; each holds a revision of its own model, which nobody used for 60 days.
fn two() -> Room {
    let room = Room::bare();
    for project in ["left", "here"] {
        fs::create_dir(room.path().join(project)).unwrap();
        let shared = room.path().join("shared");
        at(&room, project, &["setup", "--yes", "--cache-dir", shared.to_str().unwrap(), "--no-models"]).expect(0);
        let repo = Repo::new(&room, HUB, &format!("models--org--{project}"));
        repo.file(OLD, "model.bin", project, sha256(project));
        repo.reference("main", OLD);
        repo.reference(&claim(&room, project), OLD);
    }
    room
}

fn at(room: &Room, project: &str, arguments: &[&str]) -> Ran {
    room.ran(room.command(arguments).current_dir(room.path().join(project)))
}

/// The reference by which a project holds something.
fn claim(room: &Room, project: &str) -> String {
    let path = room.path().join(project);
    format!("refs/modelstrap/{}-12345678", &digest::sha256(path.to_str().unwrap().as_bytes())[..8])
}

fn holds(room: &Room, project: &str) -> bool {
    room.exists(&format!("{HUB}/models--org--{project}/refs/{}", claim(room, project)))
}

/// The mark of the project that is gone.
fn gone(room: &Room) -> PathBuf {
    let names =
        fs::read_dir(room.path().join("shared/.modelstrap/projects")).unwrap().map(|entry| entry.unwrap().path());
    names.into_iter().find(|path| path.extension().is_some_and(|end| end == "gone")).unwrap()
}

/// What a prune of old models would take, by the words of its plan.
fn goes(room: &Room, project: &str) -> Vec<String> {
    fn old(path: &Path) {
        if path.is_dir() && !path.is_symlink() {
            fs::read_dir(path).unwrap().for_each(|entry| old(&entry.unwrap().path()));
        }
        age(path, 60 * DAY);
    }
    old(&room.path().join("shared/huggingface/hub"));
    goes_by(room, project)
}

/// The same, with the times that are there.
fn goes_by(room: &Room, project: &str) -> Vec<String> {
    let plan =
        at(room, project, &["prune", "--dry-run", "--grace", "0", "--older-than", "30d", "--json"]).expect(0).json();
    let plan = plan["plan"].as_array().unwrap().iter();
    plan.map(|line| line["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_a_project_held_goes_when_its_registration_is_dropped() {
    let room = two();
    fs::rename(room.path().join("left"), room.path().join("away")).unwrap();
    at(&room, "here", &["status"]).expect(0);
    assert!(holds(&room, "left"), "its disk may only be unplugged");
    age(&gone(&room), 40 * DAY);
    at(&room, "here", &["status", "--dry-run"]);
    at(&room, "here", &["status"]).expect(0);
    assert!(!holds(&room, "left") && holds(&room, "here"));
    assert_eq!(goes(&room, "here"), ["org/left@111111111111"]);
}

#[test]
fn what_a_project_held_goes_when_its_registration_is_taken_back() {
    let room = two();
    at(&room, "left", &["undo", "--all", "--yes"]).expect(0);
    assert!(!holds(&room, "left") && holds(&room, "here"));
    assert!(room.exists(&format!("{HUB}/models--org--left/refs/main")), "models stay");
    // Or when the project takes another cache.
    at(&room, "here", &["setup", "--yes", "--cache-dir", "own", "--no-models"]).expect(0);
    assert!(!holds(&room, "here"));
}

#[test]
fn what_nobody_has_registered_counts_until_it_is_old_and_what_somebody_has_always() {
    let room = two();
    let projects = room.path().join("shared/.modelstrap/projects");
    let registration = |project: &str| {
        let path = room.path().join(project);
        let is_its = |file: &PathBuf| fs::read_to_string(file).unwrap().contains(&format!("\"{}\"", path.display()));
        let files = fs::read_dir(&projects).unwrap().map(|entry| entry.unwrap().path());
        files.into_iter().find(is_its).unwrap()
    };
    let file = registration("left");
    let text = fs::read_to_string(&file).unwrap();
    // Of another machine, and nobody knows what it needs.
    let elsewhere = text.replacen("\"lock\": null", &format!("\"lock\": \"{}\"", "0".repeat(64)), 1);
    let host = elsewhere.split("\"host\": ").nth(1).unwrap().split(',').next().unwrap().to_owned();
    fs::write(&file, elsewhere.replacen(&host, "\"elsewhere\"", 1)).unwrap();
    let ran = at(&room, "here", &["clear", "org/left", "--dry-run"]);
    assert_ne!(ran.code, 0, "{ran:?}");
    goes_not(&room);
    // Of nobody: a project that an earlier modelstrap set up.
    fs::remove_file(&file).unwrap();
    let claim = room.place(&format!("{HUB}/models--org--left/refs/{}", claim(&room, "left")));
    age(&claim, DAY);
    at(&room, "here", &["clear", "org/left", "--dry-run"]).expect(1);
    let silent = || {
        let planned = goes(&room, "here");
        age(&claim, 200 * DAY);
        (planned, goes_by(&room, "here"))
    };
    assert_eq!(silent(), (vec![], vec!["org/left@111111111111".to_owned()]));
    // A hub that lies elsewhere is known to other cache roots as well: nobody here knows what is gone.
    let (hub, elsewhere) = (room.path().join("shared/huggingface"), room.path().join("disk"));
    fs::rename(&hub, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &hub).unwrap();
    fs::write(elsewhere.join("CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc55\n").unwrap();
    assert_eq!(goes_by(&room, "here"), Vec::<String>::new());
    at(&room, "here", &["clear", "org/left", "--dry-run"]).expect(1);
    fs::remove_file(&hub).unwrap();
    fs::rename(&elsewhere, &hub).unwrap();
    at(&room, "here", &["clear", "org/left", "--yes"]).expect(0);
}

/// Nothing of the other project goes, for whatever reason.
fn goes_not(room: &Room) {
    let ran = at(room, "here", &["prune", "--yes", "--grace", "0"]);
    assert!(ran.code == 0 && room.exists(&format!("{HUB}/models--org--left/snapshots/{OLD}")), "{ran:?}");
}
