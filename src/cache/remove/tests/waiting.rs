//! What waits in a trash: nothing empties what is to go back, one that is stuck is in nobody's way, and no clock decides alone.

use std::fs::File;

use super::hub::started;
use super::*;
use crate::support::time;

/// A run that was killed when it had taken `file`.
fn killed(room: &Room, file: &Path) {
    let mut run = started(room, vec![room.victim(file, Role::File)]);
    take::take(&mut run, 0).unwrap();
}

fn waits(room: &Room, run: &str, why: &str) -> String {
    let trash = room.home.join(".modelstrap/trash").join(run).join("0");
    let root = room.top.join("project/.cache");
    let past = journal::past(&root).unwrap();
    let past = past.iter().find(|past| past.trashes.iter().any(|trash| trash.below.ends_with(run))).unwrap();
    format!(
        "{why}; it waits in {}, where `prune` put it at {}, until the way is free and the next run puts it back; \
         take it from there, or delete it there, to be done with it",
        trash.display(),
        time::rfc3339(past.started).unwrap(),
    )
}

fn runs(room: &Room) -> Vec<String> {
    let names = fs::read_dir(room.home.join(".modelstrap/trash")).unwrap();
    let mut names: Vec<String> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_a_killed_run_took_is_never_emptied_and_named_each_time_until_it_is_back() {
    let room = Room::new();
    let file = room.put("assets/a", "old");
    killed(&room, &file);
    room.put("assets/a", "new");
    let expected =
        Swept { problems: vec![(file.clone(), waits(&room, "1", "something stands there again"))], ..Swept::default() };
    for now in [0, time::seconds(), time::seconds() + 30 * 86_400, i64::MAX] {
        assert_eq!(room.remover.sweep(now).unwrap(), expected, "{now}");
    }
    assert_eq!(room.remover.sweep_all().unwrap(), expected);
    fs::remove_file(&file).unwrap();
    let swept = room.remover.sweep(i64::MAX).unwrap();
    assert_eq!(swept, Swept { back: vec![file.clone()].into(), ..Swept::default() });
    assert_eq!(fs::read_to_string(&file).unwrap(), "old");
    assert!(room.is_clean());
}

#[test]
fn what_a_killed_run_took_waits_while_its_place_is_refused_or_away() {
    let room = Room::new();
    let file = room.put("assets/a", "old");
    killed(&room, &file);
    let refusing = Remover::new(&room.top.join("project/.cache"), &[room.home.join("assets")]);
    let swept = refusing.sweep(i64::MAX).unwrap();
    assert_eq!((swept.freed, swept.back.len(), swept.problems.len()), (0, 0, 1), "{swept:?}");
    assert!(swept.problems[0].1.contains("it waits in"), "{swept:?}");

    let elsewhere = room.top.join("elsewhere");
    fs::rename(&room.home, &elsewhere).unwrap();
    for _ in 0..2 {
        let swept = room.remover.sweep(i64::MAX).unwrap();
        assert_eq!((swept.freed, swept.back.len(), swept.problems.len()), (0, 0, 1), "{swept:?}");
        assert_eq!(swept.problems[0].0, room.home);
    }
    fs::rename(&elsewhere, &room.home).unwrap();
    assert_eq!(room.remover.sweep(0).unwrap().back, *std::slice::from_ref(&file));
    assert_eq!(fs::read_to_string(&file).unwrap(), "old");
}

#[test]
fn what_was_changed_in_the_trash_of_a_killed_run_is_named_until_a_person_takes_it() {
    let room = Room::new();
    let file = room.put("assets/a", "old");
    killed(&room, &file);
    let there = put(&room.home.join(".modelstrap/trash/1/0"), "longer");
    for _ in 0..2 {
        let why = "something else lies in the trash under its number";
        let problems = vec![(file.clone(), waits(&room, "1", why))];
        assert_eq!(room.remover.sweep(i64::MAX).unwrap(), Swept { problems, ..Swept::default() });
    }
    fs::rename(there, &file).unwrap();
    assert_eq!(room.remover.sweep(0).unwrap(), Swept::default());
    assert!(room.is_clean());
}

#[test]
fn what_is_written_into_while_it_goes_is_back_with_what_was_written() {
    let room = Room::new();
    let file = room.put("assets/a", "old");
    let mut run = started(&room, vec![room.victim(&file, Role::File)]);
    run.take_all().unwrap();
    put(&room.home.join(".modelstrap/trash/1/0"), "longer");
    run.settle().unwrap();
    assert_eq!(run.jobs.state(0), run::State::Stays("was changed meanwhile".to_owned()));
    assert_eq!(fs::read_to_string(&file).unwrap(), "longer");
}

#[test]
fn now_frees_what_was_decided_whatever_its_time_and_nothing_else() {
    let room = Room::new();
    let files = ["a", "b", "c"].map(|name| room.put(&format!("assets/{name}"), name));
    let month = Keep::For(Duration::from_secs(30 * 86_400));
    let mut trashed = room.remove(vec![room.victim(&files[0], Role::File)], month).trashed;
    trashed += room.remove(vec![room.victim(&files[1], Role::File)], HOUR).trashed;
    // As by a clock that was years ahead.
    let mut past = journal::past(&room.top.join("project/.cache")).unwrap();
    past[1].journal.decide(Some(time::seconds() + 5000 * 86_400), None).unwrap();
    drop(past);
    killed(&room, &files[2]);
    fs::create_dir(&files[2]).unwrap();
    let swept = room.remover.sweep(time::seconds() + 29 * 86_400).unwrap();
    assert_eq!((swept.freed, swept.problems.len()), (0, 1), "only what is stuck is spoken of");
    let swept = room.remover.sweep_all().unwrap();
    assert_eq!((swept.freed, swept.problems.len()), (trashed, 1));
    assert_eq!(runs(&room), ["1"]);
    fs::remove_dir(&files[2]).unwrap();
    assert_eq!(room.remover.sweep_all().unwrap().back, *std::slice::from_ref(&files[2]));
    assert!(room.is_clean() && !files[0].exists() && !files[1].exists());
}

#[test]
fn an_undo_that_is_stuck_stands_in_the_way_of_no_older_one() {
    let room = Room::new();
    let [older, middle, newest] = ["a", "b", "c"].map(|name| room.put(&format!("assets/{name}"), name));
    for file in [&older, &middle, &newest] {
        room.remove(vec![room.victim(file, Role::File)], HOUR);
    }
    room.put("assets/c", "again");
    let stuck = runs(&room).pop().unwrap();
    let is_stuck = |stayed: &[(PathBuf, String)]| {
        let [(path, why)] = stayed else { return false };
        let there = format!(
            "something stands there again; it waits in {}",
            room.home.join(".modelstrap/trash").join(&stuck).display()
        );
        *path == newest && why.starts_with(&there) && why.ends_with("`modelstrap clear trash` frees it")
    };
    for back in [vec![], vec![middle], vec![older], vec![]] {
        let found = room.remover.undo().unwrap().unwrap();
        assert_eq!((found.verb.as_str(), found.back), ("prune", back.into()));
        assert!(is_stuck(&found.stayed), "{:?}", found.stayed);
    }
    fs::remove_file(&newest).unwrap();
    let found = room.remover.undo().unwrap().unwrap();
    assert_eq!((found.back, found.stayed), (vec![newest.clone()].into(), vec![]));
    assert_eq!((fs::read_to_string(&newest).unwrap().as_str(), room.remover.undo().unwrap()), ("c", None));
    assert!(room.is_clean());
}

#[test]
fn a_disk_that_has_another_number_now_gives_back_what_it_has() {
    let room = Room::new();
    let file = room.put("assets/a", "x");
    room.remove(vec![room.victim(&file, Role::File)], HOUR);
    let folder = journal::folder_of(&room.top.join("project/.cache"));
    let path = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let device = fs::metadata(&room.home).unwrap().dev();
    let text = fs::read_to_string(&path).unwrap();
    let other = text.replace(&format!("\"id\":[{device},"), &format!("\"id\":[{},", device + 1));
    assert_ne!(text, other);
    fs::write(&path, other).unwrap();
    assert_eq!(room.remover.undo().unwrap().unwrap().back, [file][..]);
    assert!(room.is_clean());
}

#[test]
fn a_time_that_lies_ahead_keeps_nothing_from_being_removed() {
    let far = SystemTime::now() + Duration::from_secs(5000 * 86_400);
    for keep in [Keep::Now, HOUR] {
        let room = Room::new();
        let (file, tree) = (room.put("assets/a", "x"), room.home.join("assets/tree"));
        let inner = put(&tree.join("b"), "x");
        for path in [&file, &inner, &tree] {
            File::open(path).unwrap().set_modified(far).unwrap();
        }
        let outcome = room.remove(vec![room.victim(&file, Role::File), room.victim(&tree, Role::Tree)], keep);
        assert_eq!((outcome.gone, outcome.stayed), (2, vec![]));
        assert!(!file.exists() && !tree.exists());
    }
}

#[test]
fn a_content_that_is_needed_again_and_cannot_go_back_outlives_the_time_of_its_trash() {
    let room = Room::new();
    let at = hub::repository(&room);
    let blob = at.join("blobs/orphan");
    let until = room.remove(vec![room.victim(&blob, Role::Blob)], HOUR).until.unwrap();
    room.link(&format!("hub/models--o--m/snapshots/{COMMIT}/c"), "../../blobs/orphan");
    let (blobs, away) = (at.join("blobs"), at.join("away"));
    fs::rename(&blobs, &away).unwrap();
    put(&blobs, "no folder");
    let swept = room.remover.sweep(until).unwrap();
    assert_eq!((swept.freed, swept.problems.len()), (0, 1), "{swept:?}");
    fs::remove_file(&blobs).unwrap();
    fs::rename(&away, &blobs).unwrap();
    assert_eq!(room.remover.sweep(until).unwrap().back, [blob][..]);
    assert!(room.is_clean());
}

#[test]
fn what_a_link_of_dedupe_leads_to_since_the_plan_is_back_and_what_one_led_to_before_is_not() {
    let room = Room::new();
    let root = room.top.join("project/.cache");
    let files = ["assets/blob", "assets/old", "tree/deep/blob"].map(|name| room.put(name, "weights"));
    let link = |name: &str, target: &Path| {
        let link = room.top.join("project").join(name);
        let line = format!("{}\n", crate::cache::link::note_line(&link, target));
        let notes = root.join(".modelstrap/links.jsonl");
        let known = fs::read_to_string(&notes).unwrap_or_default();
        put(&notes, &(known + &line));
        symlink(target, &link).unwrap();
    };
    link("before", &files[1]);
    let remover = Remover::new(&root, &[room.top.join("project")]).knowing(vec![room.top.join("project/before")]);
    let victims = vec![
        room.victim(&files[0], Role::File),
        room.victim(&files[1], Role::File),
        room.victim(&room.home.join("tree"), Role::Tree),
    ];
    let (mut run, refused) = run::Run::plan(&remover, &remover.guard(), order(victims, Keep::Now), "1").unwrap();
    assert_eq!(refused, []);
    drop(run.begin(&remover, "1", "prune").unwrap());
    run.take_all().unwrap();
    link("since", &files[0]);
    link("inside", &files[2]);
    run.settle().unwrap();
    let states: Vec<_> = (0..run.jobs.len()).map(|at| (run.jobs.get(at).path(), run.jobs.state(at))).collect();
    let stays = |link: &str| {
        let link = room.top.join("project").join(link);
        run::State::Stays(format!("is what {} leads to by now", link.display()))
    };
    let expected = [
        (PathBuf::from("assets/blob"), stays("since")),
        (PathBuf::from("assets/old"), run::State::Gone),
        (PathBuf::from("tree"), stays("inside")),
    ];
    assert_eq!(states, expected);
    assert!(files[0].exists() && !files[1].exists() && files[2].exists());
}
