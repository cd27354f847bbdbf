//! The shared store: a payload goes when nobody uses it, and never before.

use super::*;

const HASH: &str = "abababababababababababababababababababababababababababababababab";

/// Two repositories that share one payload, as huggingface_hub 1.32 and later lays them out.
fn shared(room: &Room, repositories: &[&str]) -> PathBuf {
    room.put("hub/blobs/.huggingface-shared-blobs", "1\n");
    let payload = room.put(&format!("hub/blobs/ab/{HASH}"), &"p".repeat(10_000));
    let mut lines = String::new();
    for name in repositories {
        room.link(&format!("hub/{name}/blobs/etag"), &format!("../../blobs/ab/{HASH}"));
        room.link(&format!("hub/{name}/snapshots/{COMMIT}/model.bin"), "../../blobs/etag");
        room.put(&format!("hub/{name}/refs/main"), COMMIT);
        lines += &format!("{name}/blobs/etag\n");
    }
    room.put(&format!("hub/blobs/ab/{HASH}.refs"), &lines);
    payload
}

fn list(room: &Room) -> String {
    fs::read_to_string(room.home.join(format!("hub/blobs/ab/{HASH}.refs")))
        .unwrap_or_else(|error| error.kind().to_string())
}

fn without_lock(room: &Room) -> BTreeMap<PathBuf, String> {
    let _ = fs::remove_file(room.home.join(format!("hub/blobs/ab/{HASH}.lock")));
    // Rewritten by huggingface_hub's rule for everybody.
    room.tree().into_iter().map(|(path, text)| (path, text.replace("file 100666", "file 100644"))).collect()
}

#[test]
fn a_repository_that_goes_leaves_the_list_and_the_payload_stays_for_the_other() {
    let room = Room::new();
    let payload = shared(&room, &["models--o--a", "models--o--b"]);
    let before = without_lock(&room);
    let victims =
        vec![room.victim(&payload, Role::Payload), room.victim(&room.home.join("hub/models--o--a"), Role::Tree)];
    let outcome = room.remove(victims, HOUR);
    assert_eq!(outcome.gone, 1);
    assert_eq!(outcome.stayed, [(payload.clone(), "is used by models--o--b/blobs/etag".to_owned())]);
    assert_eq!(list(&room), "models--o--b/blobs/etag\n");
    assert_eq!(
        fs::read(room.home.join(format!("hub/models--o--b/snapshots/{COMMIT}/model.bin"))).unwrap().len(),
        10_000
    );
    assert!(outcome.trashed < 10_000 + 10 * 4096);

    let restored = room.remover.undo().unwrap().unwrap();
    assert_eq!((restored.back.len(), restored.stayed.len()), (1, 0));
    assert_eq!(list(&room), "models--o--b/blobs/etag\nmodels--o--a/blobs/etag\n", "before its link is back");
    let by_line = |text: &str| {
        text.replace(
            "models--o--b/blobs/etag\\nmodels--o--a/blobs/etag\\n",
            "models--o--a/blobs/etag\\nmodels--o--b/blobs/etag\\n",
        )
    };
    let numbers = |tree: BTreeMap<PathBuf, String>| -> BTreeMap<PathBuf, String> {
        tree.into_iter()
            .filter(|(path, _)| path.extension().is_none_or(|end| end != "refs"))
            .map(|(path, text)| (path, by_line(&text)))
            .collect()
    };
    assert_eq!(numbers(without_lock(&room)), numbers(before));
}

#[test]
fn the_last_user_takes_the_payload_and_its_list_with_it_and_an_undo_brings_all_three_back() {
    let room = Room::new();
    let payload = shared(&room, &["models--o--a"]);
    let before = without_lock(&room);
    let size = fs::metadata(&payload).unwrap().blocks() * 512;
    let at = room.home.join("hub/models--o--a");
    let victims = |room: &Room| {
        vec![
            room.victim(&at.join("refs/main"), Role::Reference),
            room.victim(&at.join("snapshots").join(COMMIT), Role::Snapshot),
            room.victim(&at.join("blobs/etag"), Role::Blob),
            room.victim(&payload, Role::Payload),
        ]
    };
    let outcome = room.remove(victims(&room), HOUR);
    assert_eq!((outcome.gone, outcome.stayed.as_slice()), (4, [].as_slice()));
    assert!(outcome.trashed >= size && !payload.exists());
    assert_eq!(list(&room), "entity not found");
    room.remover.undo().unwrap().unwrap();
    assert_eq!(without_lock(&room), before);

    let outcome = room.remove(victims(&room), Keep::Now);
    assert!(outcome.freed >= size && outcome.gone == 4);
    assert!(room.home.join(format!("hub/blobs/ab/{HASH}.lock")).exists(), "a lock's file stays");
}

#[test]
fn a_payload_whose_list_is_not_there_or_cannot_be_read_stays() {
    let room = Room::new();
    let payload = shared(&room, &["models--o--a"]);
    let refs = room.home.join(format!("hub/blobs/ab/{HASH}.refs"));
    let ask = |room: &Room| room.remove(vec![room.victim(&payload, Role::Payload)], Keep::Now).stayed.remove(0).1;
    assert_eq!(ask(&room), "is used by models--o--a/blobs/etag");
    let unreadable = "stays, since the list of its users cannot be read";
    fs::write(&refs, b"\xff\xfe").unwrap();
    assert_eq!(ask(&room), unreadable);
    fs::remove_file(&refs).unwrap();
    assert_eq!(ask(&room), "is used by a repository");
    fs::create_dir(&refs).unwrap();
    assert_eq!(ask(&room), unreadable);
    fs::remove_dir(&refs).unwrap();
    fs::write(&refs, "").unwrap();
    fs::remove_file(room.home.join("hub/blobs/.huggingface-shared-blobs")).unwrap();
    assert_eq!(ask(&room), "lies in no store");
    assert!(payload.exists());
}

#[test]
fn a_payload_that_came_again_with_other_bytes_costs_nobody_the_good_ones() {
    let room = Room::new();
    let payload = shared(&room, &["models--o--a"]);
    let repository = room.home.join("hub/models--o--a");
    let victims = || vec![room.victim(&repository, Role::Tree), room.victim(&payload, Role::Payload)];
    assert_eq!(room.remove(victims(), HOUR).gone, 2);
    shared(&room, &["models--o--b"]);
    let other = "q".repeat(10_000);
    fs::write(&payload, &other).unwrap();
    let restored = room.remover.undo().unwrap().unwrap();
    assert!(!restored.is_whole, "{restored:?}");
    assert_eq!(fs::read_to_string(&payload).unwrap(), other);
    fs::remove_file(&payload).unwrap();
    room.remover.undo().unwrap();
    assert_eq!(fs::read_to_string(&payload).unwrap(), "p".repeat(10_000));
}

#[test]
fn an_undo_makes_no_list_that_names_some_users_of_a_payload_that_had_none() {
    let room = Room::new();
    let payload = shared(&room, &["models--o--a", "models--o--b"]);
    let refs = room.home.join(format!("hub/blobs/ab/{HASH}.refs"));
    fs::remove_file(&refs).unwrap();
    room.remove(vec![room.victim(&room.home.join("hub/models--o--a"), Role::Tree)], HOUR);
    let restored = room.remover.undo().unwrap().unwrap();
    assert!(restored.is_whole && payload.exists() && !refs.exists(), "{restored:?}");
}

#[test]
fn a_payload_whose_lock_is_held_stays_until_it_is_free_and_a_repository_that_came_again_keeps_it() {
    let room = Room::new();
    let payload = shared(&room, &["models--o--a"]);
    let at = room.home.join("hub/models--o--a");
    let mut run = hub::started(&room, vec![room.victim(&at, Role::Tree), room.victim(&payload, Role::Payload)]);
    run.take_all().unwrap();
    // Python fetches the repository again: the payload is good, so it adds itself to the list and links to it.
    room.link("hub/models--o--a/blobs/etag", &format!("../../blobs/ab/{HASH}"));
    run.settle().unwrap();
    assert!(payload.exists());
    assert_eq!(run.jobs.state(1), run::State::Stays("is used by models--o--a/blobs/etag".to_owned()));
    assert_eq!(list(&room), "models--o--a/blobs/etag\n");
}

#[test]
fn a_link_that_came_back_into_use_in_the_trash_brings_its_payload_with_it() {
    let room = Room::new();
    let payload = shared(&room, &["models--o--a"]);
    let at = room.home.join("hub/models--o--a");
    fs::remove_file(at.join("snapshots").join(COMMIT).join("model.bin")).unwrap();
    let victims = vec![room.victim(&at.join("blobs/etag"), Role::Blob), room.victim(&payload, Role::Payload)];
    let outcome = room.remove(victims, HOUR);
    assert_eq!(outcome.gone, 2);
    room.link(&format!("hub/models--o--a/snapshots/{COMMIT}/model.bin"), "../../blobs/etag");
    let swept = room.remover.sweep(outcome.until.unwrap()).unwrap();
    assert_eq!(swept.back, [at.join("blobs/etag")][..]);
    assert_eq!(fs::read(at.join("snapshots").join(COMMIT).join("model.bin")).unwrap().len(), 10_000);
    assert_eq!(list(&room), "models--o--a/blobs/etag\n");
}

#[test]
fn a_payload_waits_in_the_trash_while_what_leads_to_it_can_be_brought_back_and_comes_back_with_it() {
    let room = Room::new();
    let payload = shared(&room, &["models--o--a", "models--o--b"]);
    let size = fs::metadata(&payload).unwrap().blocks() * 512;
    let read =
        |name: &str| fs::read(room.home.join(format!("hub/{name}/snapshots/{COMMIT}/model.bin"))).map(|it| it.len());
    let take = |name: &str, keep| {
        let victims =
            vec![room.victim(&room.home.join("hub").join(name), Role::Tree), room.victim(&payload, Role::Payload)];
        room.remove(victims, keep)
    };
    let week = Keep::For(Duration::from_secs(7 * 86_400));
    // The last user goes for good, and the time of its trash is over; what went before it is still undone whole.
    for last in [Keep::Now, HOUR] {
        take("models--o--a", week);
        let outcome = take("models--o--b", last);
        assert_eq!((outcome.gone, outcome.stayed.len()), (2, 0));
        if last == Keep::Now {
            assert_eq!(outcome.trashed, size, "{outcome:?}");
        }
        let swept = room.remover.sweep(time::seconds() + 7200).unwrap();
        assert!(swept.problems.is_empty() && !payload.exists(), "{swept:?}");
        let restored = room.remover.undo().unwrap().unwrap();
        assert_eq!((restored.stayed.as_slice(), restored.is_whole), ([].as_slice(), true));
        assert_eq!(read("models--o--a").unwrap(), 10_000);
        assert!(list(&room).ends_with("models--o--a/blobs/etag\n"), "before its link is back");
        assert!(room.remover.undo().unwrap().is_none(), "the last user is gone for good");
        assert!(!room.home.join(".modelstrap").exists(), "nothing waits any more");
        room.link("hub/models--o--b/blobs/etag", &format!("../../blobs/ab/{HASH}"));
        room.link(&format!("hub/models--o--b/snapshots/{COMMIT}/model.bin"), "../../blobs/etag");
        fs::write(
            room.home.join(format!("hub/blobs/ab/{HASH}.refs")),
            "models--o--a/blobs/etag\nmodels--o--b/blobs/etag\n",
        )
        .unwrap();
    }
    // It goes with what leads to it, once that cannot be undone any more.
    take("models--o--a", week);
    take("models--o--b", Keep::Now);
    let swept = room.remover.sweep(time::seconds() + 8 * 86_400).unwrap();
    assert!(swept.freed >= size && swept.problems.is_empty(), "{swept:?}");
    assert!(!room.home.join(".modelstrap").exists() && room.remover.undo().unwrap().is_none());
}

#[test]
fn a_payload_that_waits_goes_with_the_trash_when_all_of_it_is_emptied() {
    let room = Room::new();
    let payload = shared(&room, &["models--o--a", "models--o--b"]);
    for (name, keep) in [("models--o--a", HOUR), ("models--o--b", Keep::Now)] {
        let victims =
            vec![room.victim(&room.home.join("hub").join(name), Role::Tree), room.victim(&payload, Role::Payload)];
        room.remove(victims, keep);
    }
    let waiting = room.remover.waiting().unwrap();
    let swept = room.remover.sweep_all().unwrap();
    assert_eq!(swept.freed, waiting);
    assert!(waiting > 10_000 && !room.home.join(".modelstrap").exists());
}

#[test]
fn a_payload_waits_for_what_an_undo_could_not_put_back_too() {
    let room = Room::new();
    let payload = shared(&room, &["models--o--a", "models--o--b"]);
    let read =
        |name: &str| fs::read(room.home.join(format!("hub/{name}/snapshots/{COMMIT}/model.bin"))).map(|it| it.len());
    let at = |name: &str| room.home.join("hub").join(name);
    // A link that a revision has would stay.
    fs::remove_file(at("models--o--a").join("snapshots").join(COMMIT).join("model.bin")).unwrap();
    let outcome = room.remove(vec![room.victim(&at("models--o--a").join("blobs/etag"), Role::Blob)], HOUR);
    assert_eq!(outcome.gone, 1);
    // Something stands in its way, so that the undo leaves it in the trash.
    room.put("hub/models--o--a/blobs/etag", "in the way");
    let restored = room.remover.undo().unwrap().unwrap();
    assert!(!restored.is_whole);
    let victims = vec![room.victim(&at("models--o--b"), Role::Tree), room.victim(&payload, Role::Payload)];
    let outcome = room.remove(victims, Keep::Now);
    assert_eq!((outcome.gone, outcome.stayed.len()), (2, 0));
    assert!(!payload.exists());
    assert_eq!(room.remover.sweep_now().unwrap(), Swept::default());
    fs::remove_file(at("models--o--a").join("blobs/etag")).unwrap();
    room.link(&format!("hub/models--o--a/snapshots/{COMMIT}/model.bin"), "../../blobs/etag");
    let restored = room.remover.undo().unwrap().unwrap();
    assert_eq!((restored.back.len(), restored.stayed.as_slice(), restored.is_whole), (1, [].as_slice(), true));
    assert_eq!(read("models--o--a").unwrap(), 10_000);
    assert!(room.is_clean());
}
