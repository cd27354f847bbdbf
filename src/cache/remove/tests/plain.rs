//! Files and trees: gone, freed, back.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;

use super::*;

#[test]
fn what_goes_at_once_is_gone_and_what_it_freed_is_what_the_disk_had() {
    let room = Room::new();
    let tree = room.home.join("assets/x");
    put(&tree.join("a/one"), &"1".repeat(70_000));
    put(&tree.join("two"), "2");
    room.link("assets/x/out", "/etc/passwd");
    let kept = room.put("assets/kept", "k");
    fs::hard_link(&kept, tree.join("second name")).unwrap();
    fs::hard_link(tree.join("two"), tree.join("two again")).unwrap();
    let file = room.put("assets/file", "f");
    let disk = |path: &Path| fs::symlink_metadata(path).unwrap().blocks() * 512;
    let expected: u64 =
        ["", "a", "a/one", "two", "out"].iter().map(|name| disk(&tree.join(name))).sum::<u64>() + disk(&file);

    let progress = std::cell::Cell::new(0);
    let victims = vec![room.victim(&tree, Role::Tree), room.victim(&file, Role::File)];
    let outcome = room.remover.remove(order(victims, Keep::Now), &|bytes| progress.set(bytes)).unwrap();

    assert_eq!(outcome, Outcome { gone: 2, freed: expected, may_share: outcome.may_share, ..Outcome::default() });
    assert_eq!(progress.get(), expected);
    assert!(!tree.exists() && !file.exists() && room.is_clean());
    assert_eq!(fs::read_to_string(kept).unwrap(), "k");
    assert_eq!(room.remover.undo().unwrap(), None);
}

#[test]
fn what_is_kept_comes_back_as_it_was_whatever_its_names_are() {
    let room = Room::new();
    let odd = room.home.join("assets").join(OsStr::from_bytes(b"a\nb\xff\x1b[31m"));
    put(&odd.join("x"), "x");
    fs::create_dir(odd.join("empty")).unwrap();
    room.link("assets/link", "nowhere");
    fs::set_permissions(odd.join("x"), fs::Permissions::from_mode(0o640)).unwrap();
    let before = room.tree();
    let victims = vec![room.victim(&odd, Role::Tree), room.victim(&room.home.join("assets/link"), Role::File)];

    let outcome = room.remove(victims, HOUR);
    assert_eq!((outcome.gone, outcome.freed, outcome.stayed.len()), (2, 0, 0));
    assert!(outcome.trashed > 0 && outcome.until.is_some());
    assert!(!odd.exists());
    assert_eq!(room.remover.sweep(time::seconds()).unwrap(), Swept::default(), "its time has not come");

    let restored = room.remover.undo().unwrap().unwrap();
    assert_eq!((restored.verb.as_str(), restored.back.len(), restored.stayed.len()), ("prune", 2, 0));
    assert_eq!(room.tree(), before, "with nothing of ours left behind");
    assert_eq!(room.remover.undo().unwrap(), None);
}

#[test]
fn the_trash_is_freed_when_its_time_is_over_and_its_folders_go_with_it() {
    let room = Room::new();
    let tree = room.home.join("assets/x");
    put(&tree.join("one"), &"1".repeat(9_000));
    let outcome = room.remove(vec![room.victim(&tree, Role::Tree)], HOUR);
    assert!(room.home.join(".modelstrap/trash").exists());
    let swept = room.remover.sweep(outcome.until.unwrap()).unwrap();
    assert_eq!(swept, Swept { freed: outcome.trashed, ..Swept::default() });
    assert!(room.is_clean());
    assert_eq!(room.remover.undo().unwrap(), None);
}

#[test]
fn what_was_changed_since_the_plan_or_is_too_young_stays() {
    let room = Room::new();
    let victims: Vec<Victim> = ["grown", "replaced", "gone", "became a link"]
        .iter()
        .map(|name| {
            let path = room.put(&format!("assets/{name}"), "x");
            room.victim(&path, Role::File)
        })
        .collect();
    let tree = room.home.join("assets/tree");
    put(&tree.join("deep/down/old"), "x");
    let inner = room.victim(&tree, Role::Tree);
    room.put("assets/grown", "xx");
    fs::remove_file(room.home.join("assets/replaced")).unwrap();
    room.put("assets/replaced", "y");
    fs::remove_file(room.home.join("assets/gone")).unwrap();
    fs::rename(room.home.join("assets/became a link"), room.home.join("assets/away")).unwrap();
    room.link("assets/became a link", "away");
    let before = room.tree();

    let outcome = room.remove(victims, HOUR);
    let why: Vec<&str> = outcome.stayed.iter().map(|(_, why)| why.as_str()).collect();
    let changed = "was changed since the plan";
    assert_eq!(why, [changed, changed, "is not there any more", changed]);
    assert_eq!((outcome.gone, outcome.until), (0, None));
    assert_eq!(room.tree(), before);

    let young = |planned: SystemTime, grace: u64| {
        let order = Order { planned, grace: Duration::from_secs(grace), ..order(vec![inner.clone()], HOUR) };
        room.remover.remove(order, &|_| {}).unwrap().stayed
    };
    let stays = |why: &str| vec![(tree.clone(), why.to_owned())];
    assert_eq!(young(SystemTime::now(), 3600), stays("was made, changed or linked too lately"));
    std::thread::sleep(Duration::from_millis(20));
    let planned = SystemTime::now();
    std::thread::sleep(Duration::from_millis(20));
    put(&tree.join("deep/down/new"), "x");
    assert_eq!(young(planned, 0), stays("down in it was made, changed or linked too lately"));
    assert!(young(SystemTime::now() + Duration::from_secs(1), 0).is_empty());
}

#[test]
fn what_somebody_writes_or_has_locked_stays() {
    let room = Room::new();
    let locked = room.put("tree/a.part", "x");
    let part = room.put("parts/b.part", "x");
    let state = room.put("parts/b.state", "x");
    let open = room.put("open/file", "x");
    let handles = [&locked, &part].map(|path| fs::File::open(path).unwrap());
    handles.iter().for_each(|file| file.lock().unwrap());
    let _writer = fs::OpenOptions::new().append(true).open(&open).unwrap();
    let tree = |name: &str| room.victim(&room.home.join(name), Role::Tree);
    let victims = [
        tree("tree"),
        room.victim(&part, Role::File),
        room.victim(&state, Role::File),
        tree("open"),
        room.victim(&open, Role::File),
    ];
    let before = room.tree();
    let outcome = room.remove(victims[..4].to_vec(), Keep::Now);
    let held = "is locked by another process, which may be fetching it";
    let mut expected = vec!["a.part in it is locked by another process", held, held];
    if cfg!(target_os = "linux") {
        expected.push("file in it is open for writing in another process");
        let outcome = room.remove(victims[4..].to_vec(), Keep::Now);
        assert_eq!(outcome.stayed[0].1, "is open for writing in another process");
        assert_eq!(room.tree(), before);
    }
    assert_eq!(outcome.stayed.iter().map(|(_, why)| why.as_str()).collect::<Vec<_>>(), expected);
    drop(handles);
    assert_eq!(room.remove(victims[..3].to_vec(), Keep::Now).gone, 3);
}

#[test]
#[cfg(target_os = "linux")]
fn what_a_process_still_reads_goes_and_is_said_to_be_free_only_when_that_ends() {
    let room = Room::new();
    let (open, shut) = (room.put("a/open", &"x".repeat(5_000)), room.put("a/shut", "x"));
    let disk = |path: &Path| fs::metadata(path).unwrap().blocks() * 512;
    let (read, all) = (disk(&open), disk(&open) + disk(&shut));
    let _reader = fs::File::open(&open).unwrap();
    let outcome = room.remove(vec![room.victim(&open, Role::File), room.victim(&shut, Role::File)], Keep::Now);
    assert_eq!((outcome.gone, outcome.freed, outcome.held), (2, all, read));
}

#[test]
fn what_is_no_business_of_a_removal_is_refused() {
    let room = Room::new();
    let file = room.put("assets/a", "x");
    let before = room.tree();
    let in_place = |root: &Path| room.remover.remove(order(vec![victim(root, &file, Role::File)], Keep::Now), &|_| {});
    for root in [Path::new("/"), &room.top, &room.top.join("project")] {
        assert!(in_place(root).is_err(), "{}", root.display());
    }
    fs::create_dir_all(room.home.join("clone/.git")).unwrap();
    room.link("led", "assets");
    let outside = put(&room.top.join("outside/x"), "x");
    let before = {
        drop(before);
        room.tree()
    };
    let victims = [
        (room.home.clone(), Role::Tree),
        (room.home.join("assets/../assets/a"), Role::File),
        (outside.clone(), Role::File),
        (room.home.join("led/a"), Role::File),
        (room.home.join("clone"), Role::Tree),
        (room.home.join("assets/a"), Role::Tree),
        (room.home.join("assets"), Role::File),
    ];
    let victims = victims.iter().map(|(path, role)| room.victim(path, *role)).collect();
    let outcome = room.remove(victims, Keep::Now);
    let mut why: Vec<String> = outcome
        .stayed
        .into_iter()
        .map(|(path, why)| format!("{}: {why}", path.strip_prefix(&room.top).unwrap().display()))
        .collect();
    why.sort();
    let home = room.home.display();
    let mut expected = vec![
        format!("outside/x: does not lie in {home}"),
        format!("project/.cache/huggingface/assets/../assets/a: does not lie in {home}"),
        format!("project/.cache/huggingface: does not lie in {home}"),
        "project/.cache/huggingface/led/a: is reached through a link or a file: what lies behind is not removed"
            .to_owned(),
        "project/.cache/huggingface/clone: is a Git work tree".to_owned(),
        "project/.cache/huggingface/assets/a: is not of the kind that it was taken for".to_owned(),
        "project/.cache/huggingface/assets: is not of the kind that it was taken for".to_owned(),
    ];
    expected.sort();
    assert_eq!(why, expected);
    assert_eq!(room.tree(), before);
}

#[test]
fn a_home_that_is_a_link_to_another_disk_is_followed_once_and_its_trash_lies_there() {
    let room = Room::new();
    let real = room.top.join("big/torch");
    put(&real.join("checkpoints/a.pt"), "x");
    let home = room.top.join("project/.cache/torch");
    symlink(&real, &home).unwrap();
    assert_eq!(room.remover.admit(&home).unwrap(), real);
    let before = room.tree();
    let outcome = room.remove(vec![victim(&home, &home.join("checkpoints/a.pt"), Role::File)], HOUR);
    assert_eq!((outcome.gone, outcome.stayed.len()), (1, 0));
    assert!(real.join(".modelstrap/trash").is_dir());
    room.remover.undo().unwrap().unwrap();
    assert_eq!(room.tree(), before);
}

#[test]
fn what_came_again_meanwhile_is_not_overwritten_by_an_undo() {
    let room = Room::new();
    let (file, tree) = (room.put("a/file", "old"), room.home.join("a/tree"));
    put(&tree.join("sub/one"), "old");
    put(&tree.join("sub/two"), "old");
    room.remove(vec![room.victim(&file, Role::File), room.victim(&tree, Role::Tree)], HOUR);
    room.put("a/file", "new");
    room.put("a/tree/sub/two", "new");
    let restored = room.remover.undo().unwrap().unwrap();
    let why =
        |(path, why): &'_ (PathBuf, String)| (path.clone(), why.split("; it waits in").next().unwrap().to_owned());
    let said: Vec<(PathBuf, String)> = restored.stayed.iter().map(why).collect();
    assert_eq!(
        said,
        [
            (tree, "a part of it stands there again; the rest is back".to_owned()),
            (file.clone(), "something stands there again".to_owned())
        ]
    );
    let read = |path: &str| fs::read_to_string(room.home.join(path)).unwrap();
    assert_eq!(
        (read("a/file"), read("a/tree/sub/one"), read("a/tree/sub/two")),
        ("new".into(), "old".into(), "new".into())
    );
    // What could not be put back waits as trash does, and goes back when it can and a person wants it.
    assert_eq!(room.remover.sweep(time::seconds()).unwrap(), Swept::default());
    fs::remove_file(&file).unwrap();
    fs::remove_file(room.home.join("a/tree/sub/two")).unwrap();
    assert_eq!(room.remover.sweep(time::seconds()).unwrap(), Swept::default());
    let restored = room.remover.undo().unwrap().unwrap();
    assert_eq!((restored.back.len(), restored.stayed.len()), (2, 0));
    assert_eq!((read("a/file"), read("a/tree/sub/two")), ("old".into(), "old".into()));
    assert!(room.is_clean());
}
