//! An undo of what has come again meanwhile: the same content is back, another one stays, and neither is ever put anywhere by a later run.

use super::hub::repository;
use super::*;

/// Two revisions of which the second goes with its content and its reference.
fn second(room: &Room) -> (PathBuf, Vec<Victim>) {
    let at = repository(room);
    let victims = of_second(room, &at);
    (at, victims)
}

fn of_second(room: &Room, at: &Path) -> Vec<Victim> {
    vec![
        room.victim(&at.join("refs/refs/pr/1"), Role::Reference),
        room.victim(&at.join("snapshots").join(OTHER), Role::Snapshot),
        room.victim(&at.join("blobs/second"), Role::Blob),
    ]
}

/// What fetches the second revision once more.
fn fetch(room: &Room) {
    room.put("hub/models--o--m/blobs/shared", "shared");
    room.put("hub/models--o--m/blobs/second", "second");
    room.put("hub/models--o--m/refs/refs/pr/1", &format!("{OTHER}\n"));
    room.link(&format!("hub/models--o--m/snapshots/{OTHER}/sub/a"), "../../../blobs/shared");
    room.link(&format!("hub/models--o--m/snapshots/{OTHER}/b"), "../../blobs/second");
}

#[test]
fn the_same_content_is_back_and_its_copy_in_the_trash_goes() {
    let room = Room::new();
    let at = repository(&room);
    let (file, tree) = (room.put("assets/a.pth", "weights"), room.home.join("assets/tree"));
    room.put("assets/tree/deep/x", "x");
    let before = room.tree();
    for turn in 0..3 {
        let mut victims = vec![room.victim(&file, Role::File), room.victim(&tree, Role::Tree)];
        match turn {
            0 => {}
            1 => victims.extend(of_second(&room, &at)),
            _ => victims.push(room.victim(&at, Role::Tree)),
        }
        let gone = victims.len();
        assert_eq!(room.remove(victims, HOUR).gone, gone);
        if !at.exists() {
            repository(&room);
        }
        if !at.join("snapshots").join(OTHER).exists() {
            fetch(&room);
        }
        room.put("assets/a.pth", "weights");
        room.put("assets/tree/deep/x", "x");
        let restored = room.remover.undo().unwrap().unwrap();
        assert_eq!((restored.back.len(), restored.stayed, restored.is_whole), (gone, vec![], true));
        assert_eq!((room.tree(), room.is_clean()), (before.clone(), true));
        assert_eq!(room.remover.sweep_all().unwrap(), Swept::default());
    }
}

#[test]
fn another_content_stays_and_what_waits_is_trash_with_a_time_of_its_own() {
    let room = Room::new();
    let (file, same) = (room.put("assets/a.pth", "one"), room.put("assets/b.pth", "x"));
    let victims = || vec![room.victim(&file, Role::File), room.victim(&same, Role::File)];
    for by_time in [true, false] {
        room.put("assets/a.pth", "one");
        room.put("assets/b.pth", "x");
        let trashed = room.remove(victims(), HOUR).trashed;
        room.put("assets/a.pth", "two");
        let restored = room.remover.undo().unwrap().unwrap();
        assert_eq!((restored.back, restored.stayed.len(), restored.is_whole), (vec![same.clone()].into(), 1, false));
        assert!(restored.stayed[0].1.starts_with("something stands there again; it waits in"));
        assert_eq!(room.remover.sweep_now().unwrap(), Swept::default(), "nothing is said of it");
        assert_eq!(room.remover.waiting().unwrap(), trashed / 2);
        assert_eq!(room.remover.removed().unwrap().len(), 2);
        let swept = match by_time {
            true => room.remover.sweep(time::seconds() + 3700),
            false => room.remover.sweep_all(),
        };
        assert_eq!(swept.unwrap(), Swept { freed: trashed / 2, ..Swept::default() });
        assert_eq!(fs::read_to_string(&file).unwrap(), "two");
        assert!(room.is_clean());
    }
}

#[test]
fn nothing_is_put_into_a_repository_that_was_removed_since() {
    let room = Room::new();
    let (at, victims) = second(&room);
    room.remove(victims, HOUR);
    fetch(&room);
    room.put("hub/models--o--m/refs/refs/pr/1", COMMIT);
    fs::remove_file(at.join("snapshots").join(OTHER).join("b")).unwrap();
    room.put(&format!("hub/models--o--m/snapshots/{OTHER}/b"), "a file, and no link");
    assert_eq!(room.remover.undo().unwrap().unwrap().stayed.len(), 2, "the reference, and a part of the snapshot");
    // The repository goes, and comes back before what was stuck.
    let before = room.tree();
    room.remove(vec![room.victim(&at, Role::Tree)], HOUR);
    assert_eq!(room.remover.would_return().unwrap().unwrap().back, [at.clone()][..]);
    let restored = room.remover.undo().unwrap().unwrap();
    assert_eq!((restored.back, restored.stayed, room.tree()), (vec![at.clone()].into(), vec![], before));
    // It goes for good: nothing of it comes back.
    room.remove(vec![room.victim(&at, Role::Tree)], Keep::Now);
    let there = room.remover.would_return().unwrap().unwrap();
    assert_eq!((there.back.len(), there.stayed.len()), (0, 2), "a dry run says what is in the way");
    assert_eq!(room.remover.sweep_now().unwrap(), Swept::default());
    let restored = room.remover.undo().unwrap().unwrap();
    assert_eq!((restored.back.len(), restored.stayed.len(), restored.is_whole), (0, 2, false));
    assert!(!at.exists() && room.remover.sweep_all().unwrap().freed > 0 && room.is_clean());
}

#[test]
fn the_rest_of_a_whole_repository_goes_into_no_other_one() {
    let room = Room::new();
    let at = repository(&room);
    room.remove(vec![room.victim(&at, Role::Tree)], HOUR);
    room.put("hub/models--o--m/refs/main", OTHER);
    let restored = room.remover.undo().unwrap().unwrap();
    assert!(restored.stayed[0].1.starts_with("a part of it stands there again; the rest is back; it waits in"));
    assert!(restored.stayed[0].1.ends_with("Z; `modelstrap clear trash` frees it"), "nothing tries it again");
    room.remove(vec![room.victim(&at, Role::Tree)], Keep::Now);
    room.put("hub/models--o--m/refs/refs/pr/2", COMMIT);
    let now = room.tree();
    let restored = room.remover.undo().unwrap().unwrap();
    assert!(restored.stayed[0].1.starts_with("a part of it was brought back, and this is the rest; it waits in"));
    assert_eq!((restored.back.len(), room.tree()), (0, now));
}

#[test]
fn a_content_that_came_again_in_the_other_layout_is_back_and_one_of_another_size_is_not() {
    for (text, is_back) in [("second", true), ("other bytes", false)] {
        let room = Room::new();
        let (at, victims) = second(&room);
        room.remove(victims, HOUR);
        fetch(&room);
        fs::remove_file(at.join("blobs/second")).unwrap();
        room.put("hub/blobs/ab/payload", text);
        room.link("hub/models--o--m/blobs/second", "../../blobs/ab/payload");
        let restored = room.remover.undo().unwrap().unwrap();
        assert_eq!((restored.is_whole, room.is_clean()), (is_back, is_back), "{:?}", restored.stayed);
        assert!(at.join("blobs/second").is_symlink());
    }
}

#[test]
fn a_content_of_the_same_size_with_other_bytes_is_another_one() {
    let room = Room::new();
    let at = repository(&room);
    room.remove(vec![room.victim(&at, Role::Tree)], HOUR);
    room.put("hub/models--o--m/blobs/second", "sec0nd");
    let restored = room.remover.undo().unwrap().unwrap();
    assert!(!restored.is_whole, "{restored:?}");
    assert_eq!(fs::read_to_string(at.join("blobs/second")).unwrap(), "sec0nd");
    fs::remove_file(at.join("blobs/second")).unwrap();
    // What it had is still in the trash.
    let mut left = room.tree().into_keys().filter(|path| path.ends_with("blobs/second"));
    let waits = left.next().expect("it waits in the trash");
    assert_eq!(fs::read_to_string(waits).unwrap(), "second");
}
