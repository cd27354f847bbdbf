//! What the projects of a cache note in it: who they are and what they need, what they used, how large it was. And when they do not.
#![cfg(unix)]
#![allow(clippy::disallowed_methods, reason = "what a test made it may remove")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::project;
use crate::support::project::{Room, Tree, may_mount};
use crate::support::zoo::Zoo;
use modelstrap::cache::notes::projects::{self, Known, Standing};
use modelstrap::cache::notes::{history, uses};
use modelstrap::support::time;
use modelstrap::support::vars::Vars;

const TINY: &str = "tiny = \"hf:org/tiny\"\n";

fn known(cache: &Path) -> Vec<Known> {
    projects::all(cache, &Vars::default(), time::seconds())
}

/// Where the registered projects are, sorted.
fn registered(cache: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = known(cache).into_iter().map(|one| one.registration.project).collect();
    found.sort();
    found
}

#[test]
fn every_way_of_setup_registers_and_none_that_only_looks() {
    let ways: [&[&str]; 4] = [&[], &["--force"], &["--quiet"], &["--json"]];
    for way in ways {
        let room = Room::git();
        room.run(&["setup", "--dry-run"]).expect(0);
        room.run(&["setup", "--check"]).expect(3);
        assert!(!room.exists(".cache"));
        room.setup(way);
        assert_eq!(registered(&room.place(".cache")), [room.root()], "{way:?}");
        // What another tool cleaned away comes back, but not from who only looks.
        fs::remove_dir_all(room.place(".cache/.modelstrap")).unwrap();
        room.run(&["setup", "--dry-run"]).expect(0);
        room.run(&["setup", "--check"]).expect(0);
        room.run(&["status"]).expect(0);
        assert!(!room.exists(".cache/.modelstrap"));
        room.setup(way);
        assert_eq!(registered(&room.place(".cache")), [room.root()], "{way:?}, again");
        room.undo(&["--all"]);
        assert!(!room.exists(".cache"), "{way:?}");
    }
    let ci = Room::git().with("CI", "true");
    ci.run(&["setup"]).expect(0);
    assert_eq!(known(&ci.place(".cache"))[0].registration.host, "container");
    ci.undo(&[]);
    assert!(!ci.exists(".cache"));
    let without = Room::git();
    without.setup(&["--skip", "cache"]);
    assert!(!without.exists(".cache"), "a cache root that nobody wanted is not made for a note");
}

#[test]
fn the_lock_is_registered_by_each_verb_that_changes_it() {
    let zoo = Zoo::start();
    let room = zoo.project(TINY);
    let cache = room.place(".cache");
    room.run(&["models", "lock", "--dry-run"]).expect(0);
    room.run(&["models", "download", "--dry-run"]).expect(0);
    assert!(!room.exists(".cache"));
    room.run(&["models", "download"]).expect(0);
    let lock = || known(&cache)[0].registration.lock.clone();
    let first = lock();
    assert!(first.is_some());
    room.run(&["models", "add", "hf:org/quants", "--weights", "gguf:Q8_0", "--no-download"]).expect(0);
    let second = lock();
    assert_ne!(first, second);
    room.edit("modelstrap.toml", TINY, "");
    room.run(&["models", "lock"]).expect(0);
    assert_ne!(lock(), second);
    let models = known(&cache).remove(0).lock.unwrap().models.len();
    assert_eq!((models, known(&cache).len()), (1, 1));
    // Another machine, which cannot see the project, knows as much.
    fs::rename(room.root(), room.path().join("away")).unwrap();
    let away = known(&room.path().join("away/.cache")).remove(0);
    assert!(matches!(away.standing, Standing::Gone { .. }) && away.lock.unwrap().models.len() == 1);
}

#[test]
fn what_is_downloaded_and_what_is_run_with_is_used_now() {
    let zoo = Zoo::start();
    let room = zoo.project(TINY);
    let cache = room.place(".cache");
    room.run(&["models", "download"]).expect(0);
    let folder = Path::new("huggingface/hub/models--org--tiny");
    let used = uses::last(&cache)[folder];
    assert!((0..100).contains(&(time::seconds() - used)));
    fs::remove_dir_all(cache.join(".modelstrap/uses")).unwrap();
    room.run(&["env"]).expect(0);
    assert!(uses::last(&cache).is_empty(), "a prompt asks for the variables each time");
    room.run(&["run", "--", "true"]).expect(0);
    assert!(uses::last(&cache).contains_key(folder));
    let before = room.tree();
    room.run(&["run", "--", "true"]).expect(0);
    room.tree().assert_eq(&before, "an hour has not gone by");
}

#[test]
fn status_and_setup_note_how_large_the_cache_is_once_an_hour() {
    let zoo = Zoo::start();
    let room = zoo.project(TINY);
    let cache = room.place(".cache");
    room.setup(&[]);
    let first = history::all(&cache);
    assert!(first.len() == 1 && first[0].homes["huggingface"] > 3_000_000, "{first:?}");
    room.run(&["status"]).expect(0);
    assert_eq!(history::all(&cache), first);
    let file = cache.join(".modelstrap/history.jsonl");
    let text = fs::read_to_string(&file).unwrap();
    let (_, rest) = text.split_once("Z\"").unwrap();
    fs::write(&file, format!("{{\"time\":\"2025-11-25T15:20:46Z\"{rest}")).unwrap();
    let before = Tree::of(&cache);
    room.run(&["status", "--check", "--max-size", "1GB"]).expect(0);
    Tree::of(&cache).assert_eq(&before, "a check");
    room.run(&["status"]).expect(0);
    assert_eq!(history::all(&cache).len(), 2);
}

#[test]
fn projects_that_share_a_cache_register_beside_each_other_and_leave_one_by_one() {
    let room = Room::bare();
    let cache = room.path().join("shared");
    fs::create_dir(&cache).unwrap();
    let before = room.tree();
    let places: Vec<PathBuf> = (0..6).map(|n| room.path().join(format!("project {n}"))).collect();
    let shared = cache.to_str().unwrap();
    let begin = |place: &PathBuf| {
        fs::create_dir(place).unwrap();
        let mut command = room.command(&["setup", "--yes", "--cache-dir", shared, "-C", place.to_str().unwrap()]);
        command.stderr(std::process::Stdio::null()).spawn().unwrap()
    };
    // The first makes the libraries' folders; what the others do at the same time is to register.
    let (first, others) = places.split_first().unwrap();
    assert!(begin(first).wait().unwrap().success());
    let running: Vec<_> = others.iter().map(begin).collect();
    for mut one in running {
        assert!(one.wait().unwrap().success());
    }
    assert_eq!(registered(&cache), places);
    for (at, place) in places.iter().enumerate() {
        room.run(&["undo", "--yes", "-C", place.to_str().unwrap()]).expect(0);
        assert_eq!(registered(&cache), places[at + 1..]);
        let _ = fs::remove_dir(place);
    }
    room.tree().assert_eq(&before, "all have gone");
}

#[test]
fn first_setups_at_the_same_time_in_one_cache_all_succeed() {
    let room = Room::bare();
    for round in 0..6 {
        let cache = room.path().join(format!("shared {round}"));
        let places: Vec<PathBuf> = (0..8).map(|n| room.path().join(format!("project {round}.{n}"))).collect();
        let begin = |place: &PathBuf| {
            fs::create_dir(place).unwrap();
            let shared = ["--cache-dir", cache.to_str().unwrap(), "-C", place.to_str().unwrap()];
            let mut command = room.command(&[&["setup", "--yes"][..], &shared].concat());
            command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped()).spawn().unwrap()
        };
        let running: Vec<_> = places.iter().map(begin).collect();
        for one in running {
            let ended = one.wait_with_output().unwrap();
            assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        }
        assert_eq!(registered(&cache), places);
        assert!(cache.join("CACHEDIR.TAG").exists());
    }
}

#[test]
fn undo_takes_the_registration_back_from_where_the_cache_was_and_keeps_the_other() {
    let room = Room::git();
    room.setup(&[]);
    room.setup(&["--cache-dir", "other"]);
    assert_eq!(registered(&room.place("other")), [room.root()]);
    room.undo(&[]);
    assert!(!room.exists("other"));
    assert_eq!(registered(&room.place(".cache")), [room.root()]);
}

#[test]
fn a_cache_that_is_a_projects_no_more_keeps_nothing_for_it_and_everything_for_others() {
    let room = Room::bare();
    let shared = room.path().join("shared");
    let other = room.path().join("other project");
    fs::create_dir(&other).unwrap();
    let there = ["setup", "--yes", "--cache-dir", shared.to_str().unwrap()];
    room.run(&there).expect(0);
    room.run(&[&there[..], &["-C", other.to_str().unwrap()]].concat()).expect(0);
    assert_eq!(registered(&shared), [other.as_path(), room.root()]);
    let spoilt = shared.join(".modelstrap/projects/spoilt.json");
    fs::write(&spoilt, "{}").unwrap();
    room.run(&["setup", "--yes", "--cache-dir", "own", "--dry-run"]).expect(0);
    assert!(registered(&shared).contains(&room.root().to_path_buf()));
    room.run(&["setup", "--yes", "--cache-dir", "own"]).expect(0).says(&[
        "@/shared is this project's cache no more, and does not keep models for it any longer; what lies there stays\n",
    ]);
    assert_eq!(registered(&room.place("own")), [room.root()]);
    fs::remove_file(&spoilt).unwrap();
    assert_eq!(registered(&shared), [other.as_path()]);
    // Once more changes nothing there, and says nothing.
    let again = room.run(&["setup", "--yes", "--force"]).expect(0);
    assert!(!again.err.contains("cache no more"), "{}", again.err);
    room.run(&["undo", "--yes", "--all"]).expect(0);
    assert_eq!(registered(&shared), [other.as_path()]);
}

#[test]
fn a_cache_that_is_read_only_fails_no_verb() {
    if !may_mount() {
        return;
    }
    let zoo = Zoo::start();
    let room = zoo.project(TINY);
    room.run(&["models", "download"]).expect(0);
    fs::remove_dir_all(room.place(".cache/.modelstrap")).unwrap();
    let before = Tree::of(&room.place(".cache"));
    let script = "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\" && shift && for verb in 'status' 'run -- true' \
                  'models lock' 'models download' 'models download --frozen' 'setup --yes --no-models --skip cache'; do \"$0\" $verb >/dev/null || exit 9; done";
    let mut command = room.program("unshare");
    command.args(["-m", "--propagation", "private", "sh", "-c", script, project::PROGRAM]);
    room.ran(command.arg(room.place(".cache"))).expect(0);
    Tree::of(&room.place(".cache")).assert_eq(&before, "read only");
}

#[test]
fn what_is_all_here_needs_no_cache_that_can_be_written_to() {
    if !may_mount() {
        return;
    }
    let zoo = Zoo::start();
    let models = "asr = \"hf:org/tiny\"\nvad = \"torch-hub:owner/tiny-repo\"\nw = \"url:https://files.example.org/weights.bin\"\n";
    let room = zoo.project(models);
    room.run(&["models", "download"]).expect(0);
    // Another project, that has noted nothing in the cache yet.
    let manifest = format!("[cache]\nbase_dir = {:?}\n{}", room.place(".cache"), room.text("modelstrap.toml"));
    room.write("../other/modelstrap.toml", manifest);
    room.write("../other/modelstrap.lock", room.read("modelstrap.lock"));
    let before = Tree::of(&room.place(".cache"));
    for (folder, verb) in [
        (".", "models download"),
        (".", "models download --locked"),
        (".", "models download --frozen"),
        (".", "--offline models download"),
        ("../other", "models download --frozen"),
        ("../other", "models download"),
    ] {
        let script = "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\" && cd \"$2\" && exec \"$0\" $3";
        let mut command = room.program("unshare");
        command.args(["-m", "--propagation", "private", "sh", "-c", script, project::PROGRAM]);
        let ran = room.ran(command.arg(room.place(".cache")).arg(folder).arg(verb)).expect(0);
        assert!(ran.err.starts_with("Nothing to fetch: 3 models here, "), "{folder} {verb}: {ran:?}");
    }
    Tree::of(&room.place(".cache")).assert_eq(&before, "read only");
    // A cache of somebody else's, which has no bit for writing.
    let shut = Command::new("chmod").args(["-R", "a-w"]).arg(room.place(".cache")).status().unwrap();
    let given = Command::new("chown").args(["-R", "65534:65534"]).arg(room.place("../other")).status().unwrap();
    let opened = Command::new("chmod").args(["a+rx"]).arg(room.path()).status().unwrap();
    assert!(shut.success() && given.success() && opened.success());
    let before = Tree::of(&room.place(".cache"));
    for verb in [&["models", "download"][..], &["models", "download", "--frozen"]] {
        let mut command = room.program("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", project::PROGRAM]).args(verb);
        let ran = room.ran(command.current_dir(room.place("../other"))).expect(0);
        assert!(ran.err.starts_with("Nothing to fetch: 3 models here, "), "{verb:?}: {ran:?}");
    }
    Tree::of(&room.place(".cache")).assert_eq(&before, "without the bit for writing");
}

#[test]
fn links_that_came_with_a_project_lead_no_note_out_of_the_cache() {
    let zoo = Zoo::start();
    let room = zoo.project(TINY);
    room.write("~/secret/keep", "mine");
    room.write(".cache/whisper/base.pt", "x");
    std::os::unix::fs::symlink(room.place("~/secret"), room.place(".cache/.modelstrap")).unwrap();
    let before = Tree::of(&room.home());
    room.setup(&[]);
    for verb in [&["status"][..], &["run", "--", "true"], &["models", "download"], &["undo", "--all", "--yes"]] {
        room.run(verb).expect(0);
    }
    Tree::of(&room.home()).assert_eq(&before, "a link of the notes' folder");
    fs::remove_file(room.place(".cache/.modelstrap")).unwrap();
    fs::create_dir(room.place(".cache/.modelstrap")).unwrap();
    for name in ["projects", "uses", "history.jsonl"] {
        std::os::unix::fs::symlink(room.place("~/secret"), room.place(&format!(".cache/.modelstrap/{name}"))).unwrap();
    }
    room.setup(&[]);
    for verb in [&["status"][..], &["run", "--", "true"], &["models", "download"], &["undo", "--all", "--yes"]] {
        room.run(verb).expect(0);
    }
    Tree::of(&room.home()).assert_eq(&before, "links in the notes' folder");
}

#[test]
fn a_project_that_is_gone_is_marked_by_who_looks_and_dropped_a_month_later() {
    let room = Room::bare();
    let cache = room.path().join("shared");
    fs::create_dir(&cache).unwrap();
    let (one, two) = (room.path().join("one"), room.path().join("two"));
    for place in [&one, &two] {
        fs::create_dir(place).unwrap();
        let place = place.to_str().unwrap();
        room.run(&["setup", "--yes", "--cache-dir", cache.to_str().unwrap(), "-C", place]).expect(0);
    }
    fs::rename(&two, room.path().join("away")).unwrap();
    let status = ["status", "-C", one.to_str().unwrap()];
    let marks = || {
        fs::read_dir(cache.join(".modelstrap/projects"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|end| end == "gone"))
            .collect::<Vec<_>>()
    };
    let before = room.tree();
    room.run(&[&status[..], &["--check", "--max-size", "1GB"]].concat()).expect(0);
    room.tree().assert_eq(&before, "a check");
    room.run(&status).expect(0);
    let [mark] = &marks()[..] else { panic!() };
    assert_eq!(registered(&cache), [one.clone(), two.clone()]);
    let then = std::time::SystemTime::now() - std::time::Duration::from_secs(31 * 86_400);
    fs::File::options().write(true).open(mark).unwrap().set_modified(then).unwrap();
    room.run(&[&["-v"], &status[..]].concat()).expect(0).says(&["forgot the project @/two"]);
    assert_eq!((registered(&cache), marks()), (vec![one], vec![]));
}

#[test]
fn nobodys_environment_registers_as_well() {
    let room = Room::bare();
    fs::set_permissions(room.root(), fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(project::PROGRAM);
    command.current_dir(room.root()).env_clear().args(["setup", "--yes"]);
    room.ran(&mut command).expect(0);
    assert_eq!(registered(&room.place(".cache")), [room.root()]);
}
