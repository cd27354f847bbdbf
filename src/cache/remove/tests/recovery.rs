//! Runs that were cut off at each of their steps, and what the next one makes of it.

use super::hub::started;
use super::*;
use crate::support::time;

fn scene(room: &Room) -> Vec<Victim> {
    let file = room.put("assets/a", "x");
    let tree = room.home.join("assets/tree");
    put(&tree.join("b"), "x");
    let payload = room.put(&format!("hub/blobs/cd/{}", "cd".repeat(32)), "p");
    room.put("hub/blobs/.huggingface-shared-blobs", "1\n");
    room.put(&format!("hub/blobs/cd/{}.refs", "cd".repeat(32)), "");
    room.put(&format!("hub/blobs/cd/{}.lock", "cd".repeat(32)), "");
    let blob = room.put("hub/models--o--m/blobs/e", "x");
    vec![
        room.victim(&file, Role::File),
        room.victim(&tree, Role::Tree),
        room.victim(&blob, Role::Blob),
        room.victim(&payload, Role::Payload),
    ]
}

#[test]
fn a_run_that_decided_nothing_has_done_nothing() {
    let room = Room::new();
    let victims = scene(&room);
    let before = room.tree();
    // Before the first rename; among them; before the decision.
    for steps in 0..=4 {
        let mut run = started(&room, victims.clone());
        for at in 0..steps.min(3) {
            take::take(&mut run, at).unwrap();
            run.jobs.set(at, run::State::Gone);
        }
        if steps == 4 {
            run.settle().unwrap();
            assert!(!victims[3].path.exists(), "the payload is in the trash, too");
        }
        drop(run);
        assert_eq!(room.remover.undo().unwrap(), None, "nothing was removed that a person could want back");
        let swept = room.remover.sweep(time::seconds()).unwrap();
        assert_eq!((swept.freed, swept.problems.as_slice()), (0, [].as_slice()), "{steps}");
        assert_eq!(swept.back.len(), steps);
        let now = room.tree().into_iter().map(|(path, text)| (path, text.replace("100666", "100644")));
        assert_eq!(now.collect::<BTreeMap<_, _>>(), before, "{steps}");
    }
}

#[test]
fn a_run_that_had_decided_is_finished() {
    let room = Room::new();
    let victims = scene(&room);
    let outcome = room.remove(victims.clone(), HOUR);
    assert_eq!(outcome.gone, 4);
    // As one with `Keep::Now` leaves it that is killed before it has unlinked anything.
    let mut past = journal::past(&room.top.join("project/.cache")).unwrap();
    past[0].journal.decide(None, None).unwrap();
    drop(past);
    assert_eq!(room.remover.undo().unwrap(), None);
    let swept = room.remover.sweep(time::seconds()).unwrap();
    assert_eq!((swept.freed, swept.back.len()), (outcome.trashed, 0));
    assert!(victims.iter().all(|victim| !victim.path.exists()) && room.is_clean());
}

#[test]
fn an_undo_that_was_cut_off_is_finished_even_when_the_time_of_the_trash_is_over() {
    let room = Room::new();
    let victims = scene(&room);
    let before = room.tree();
    let outcome = room.remove(victims, HOUR);
    let mut past = journal::past(&room.top.join("project/.cache")).unwrap();
    past[0].journal.give_back().unwrap();
    drop(past);
    let swept = room.remover.sweep(outcome.until.unwrap() + 1).unwrap();
    assert_eq!((swept.freed, swept.back.len()), (0, 4));
    let now = room.tree().into_iter().map(|(path, text)| (path, text.replace("100666", "100644")));
    assert_eq!(now.collect::<BTreeMap<_, _>>(), before);
}

#[test]
fn what_somebody_put_into_a_trash_is_neither_put_back_nor_removed() {
    let room = Room::new();
    let file = room.put("assets/a", "x");
    let outcome = room.remove(vec![room.victim(&file, Role::File)], HOUR);
    let run = fs::read_dir(room.home.join(".modelstrap/trash")).unwrap().next().unwrap().unwrap().path();
    fs::remove_file(run.join("0")).unwrap();
    let planted = put(&run.join("0"), "planted");
    assert_eq!(room.remover.undo().unwrap(), None);
    let swept = room.remover.sweep(outcome.until.unwrap()).unwrap();
    assert_eq!(swept, Swept::default());
    assert!(!file.exists());
    assert_eq!(fs::read_to_string(planted).unwrap(), "planted");
}

#[test]
fn a_run_that_is_at_work_is_left_alone() {
    let room = Room::new();
    let file = room.put("assets/a", "x");
    let guard = room.remover.guard();
    let order = order(vec![room.victim(&file, Role::File)], Keep::Now);
    let (mut run, _) = run::Run::plan(&room.remover, &guard, order, "1").unwrap();
    let journal = run.begin(&room.remover, "1", "prune").unwrap();
    take::take(&mut run, 0).unwrap();
    assert_eq!(room.remover.sweep(i64::MAX).unwrap(), Swept::default());
    assert!(!file.exists());
    drop(journal);
    assert_eq!(room.remover.sweep(time::seconds()).unwrap().back, [file][..]);
}
