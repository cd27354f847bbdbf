//! Repositories of a hub: what the rest of a repository needs stays, or goes back.

use super::*;

/// A repository with two revisions: `main` names the first; both have `shared`, each has one of its own; one blob has nobody.
pub(super) fn repository(room: &Room) -> PathBuf {
    let at = "hub/models--o--m";
    for blob in ["shared", "first", "second", "orphan"] {
        room.put(&format!("{at}/blobs/{blob}"), blob);
    }
    room.put(&format!("{at}/refs/main"), COMMIT);
    room.put(&format!("{at}/refs/refs/pr/1"), &format!("{OTHER}\n"));
    room.link(&format!("{at}/snapshots/{COMMIT}/a"), "../../blobs/shared");
    room.link(&format!("{at}/snapshots/{COMMIT}/b"), "../../blobs/first");
    room.link(&format!("{at}/snapshots/{OTHER}/sub/a"), "../../../blobs/shared");
    room.link(&format!("{at}/snapshots/{OTHER}/b"), "../../blobs/second");
    room.home.join(at)
}

fn why(outcome: &Outcome) -> Vec<&str> {
    outcome.stayed.iter().map(|(_, why)| why.as_str()).collect()
}

#[test]
fn a_revision_goes_with_its_reference_and_takes_only_the_blobs_that_nobody_else_has() {
    let room = Room::new();
    let at = repository(&room);
    let before = room.tree();
    // In the wrong order on purpose.
    let victims = vec![
        room.victim(&at.join("blobs/second"), Role::Blob),
        room.victim(&at.join("blobs/shared"), Role::Blob),
        room.victim(&at.join("blobs/orphan"), Role::Blob),
        room.victim(&at.join("snapshots").join(OTHER), Role::Snapshot),
        room.victim(&at.join("refs/refs/pr/1"), Role::Reference),
    ];
    let outcome = room.remove(victims.clone(), HOUR);
    assert_eq!((outcome.gone, why(&outcome)), (4, vec!["is used by a revision"]));
    assert_eq!(outcome.stayed[0].0, at.join("blobs/shared"));
    let left: Vec<bool> = victims.iter().map(|victim| victim.path.exists()).collect();
    assert_eq!(left, [false, true, false, false, false]);
    assert!(room.home.join(".modelstrap/trash").is_dir(), "beside the hub");
    assert!(!room.home.join("hub/.modelstrap").exists(), "where its client would warn");
    room.remover.undo().unwrap().unwrap();
    assert_eq!(room.tree(), before);
}

#[test]
fn a_snapshot_that_a_branch_names_stays_and_so_do_its_blobs_and_its_other_references() {
    let room = Room::new();
    let at = repository(&room);
    let tag = room.put("hub/models--o--m/refs/v1", COMMIT);
    let before = room.tree();
    // The tag goes first; the branch was not in the plan.
    let outcome = room.remove(
        vec![
            room.victim(&tag, Role::Reference),
            room.victim(&at.join("snapshots").join(COMMIT), Role::Snapshot),
            room.victim(&at.join("blobs/first"), Role::Blob),
        ],
        Keep::Now,
    );
    let mut said = why(&outcome);
    said.sort_unstable();
    assert_eq!(said, ["is named by a branch or tag", "is used by a revision", "stays with the revision that it names"]);
    assert_eq!((outcome.gone, outcome.freed), (0, 0));
    assert_eq!(room.tree(), before);
}

#[test]
fn a_blob_whose_lock_python_holds_stays_and_so_does_a_repository_with_one() {
    let room = Room::new();
    let at = repository(&room);
    let other = room.put("hub/models--o--free/blobs/e", "x");
    let unfinished = room.put("hub/models--o--m/blobs/orphan.0123abcd.incomplete", "x");
    let lock = room.put("hub/.locks/models--o--m/orphan.lock", "");
    let lock = fs::File::open(lock).unwrap();
    lock.lock().unwrap();
    let victims =
        vec![room.victim(&at, Role::Tree), room.victim(other.parent().unwrap().parent().unwrap(), Role::Tree)];
    let parts = vec![room.victim(&at.join("blobs/orphan"), Role::Blob), room.victim(&unfinished, Role::File)];
    let held = "is locked by another process, which may be fetching it";
    assert_eq!(why(&room.remove(victims, Keep::Now)), [held]);
    assert_eq!(why(&room.remove(parts.clone(), Keep::Now)), [held, held]);
    assert!(at.exists() && !other.exists());
    drop(lock);
    assert_eq!(room.remove(parts, Keep::Now).gone, 2);
    assert!(room.home.join("hub/.locks/models--o--m/orphan.lock").exists(), "a lock's file stays");
}

#[test]
fn a_blob_that_is_linked_again_while_it_waits_in_the_trash_goes_back_before_that_is_emptied() {
    let room = Room::new();
    let at = repository(&room);
    let blob = at.join("blobs/orphan");
    let outcome = room.remove(vec![room.victim(&blob, Role::Blob)], HOUR);
    assert!(!blob.exists());
    // Python had seen it there, and now makes the link without a second look.
    room.link(&format!("hub/models--o--m/snapshots/{COMMIT}/c"), "../../blobs/orphan");
    let swept = room.remover.sweep(outcome.until.unwrap()).unwrap();
    assert_eq!((swept.freed, &swept.back), (0, &vec![blob.clone()].into()));
    assert_eq!(fs::read_to_string(at.join("snapshots").join(COMMIT).join("c")).unwrap(), "orphan");
    assert!(room.is_clean());
}

#[test]
fn the_second_look_brings_back_what_was_linked_or_named_between_the_renames_and_it() {
    let room = Room::new();
    let at = repository(&room);
    let victims = vec![
        room.victim(&at.join("refs/refs/pr/1"), Role::Reference),
        room.victim(&at.join("snapshots").join(OTHER), Role::Snapshot),
        room.victim(&at.join("blobs/orphan"), Role::Blob),
        room.victim(&at.join("blobs/second"), Role::Blob),
    ];
    let before = room.tree();
    let mut run = started(&room, victims);
    run.take_all().unwrap();
    assert!((0..run.jobs.len()).all(|at| run.jobs.is(at, &run::State::Gone)));
    // Meanwhile Python names the commit again, and links a blob that it saw before.
    let name = room.put("hub/models--o--m/refs/feature", OTHER);
    let link = room.link(&format!("hub/models--o--m/snapshots/{COMMIT}/c"), "../../blobs/orphan");
    run.settle().unwrap();
    let mut said: Vec<String> = (0..run.jobs.len()).map(|at| format!("{:?}", run.jobs.state(at))).collect();
    said.sort();
    assert_eq!(
        said,
        [
            "Stays(\"is named by a branch or tag again\")",
            "Stays(\"is used by a revision again\")",
            "Stays(\"is used by a revision again\")",
            "Stays(\"stays with the revision that it names\")",
        ]
    );
    fs::remove_file(name).unwrap();
    fs::remove_file(link).unwrap();
    drop(run);
    room.remover.sweep(time::seconds()).unwrap();
    assert_eq!(room.tree(), before);
}

/// A run whose journal is written, and nothing more.
pub(super) fn started(room: &Room, victims: Vec<Victim>) -> run::Run<'static> {
    let guard = room.remover.guard();
    let (run, refused) = run::Run::plan(&room.remover, &guard, order(victims, Keep::Now), "1").unwrap();
    assert_eq!(refused, []);
    drop(run.begin(&room.remover, "1", "prune").unwrap());
    run
}

#[test]
fn a_hub_alone_on_its_disk_gets_its_trash_where_no_client_looks() {
    let room = Room::new();
    let hub = room.top.join("elsewhere/hub");
    let blob = put(&hub.join("models--o--m/blobs/e"), "x");
    let before = room.tree();
    let outcome = room.remove(vec![victim(&hub, &blob, Role::Blob)], HOUR);
    assert_eq!(outcome.gone, 1);
    assert!(hub.join(".locks/.modelstrap/trash").is_dir());
    room.remover.undo().unwrap().unwrap();
    fs::remove_dir(hub.join(".locks")).unwrap();
    assert_eq!(room.tree(), before);
}
