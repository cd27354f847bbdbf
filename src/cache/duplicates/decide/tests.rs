//! Who stays and who goes, as tables: files are made up, the disk and Git answer as they are told.

use super::*;
use crate::cache::Stamp;
use crate::cache::duplicates::files::made::{self, Made};

/// Answers.
#[derive(Default)]
struct Told {
    shares: bool,
    tracked: Option<&'static str>,
}

impl World for Told {
    fn can_share(&self, _: File<'_>, _: File<'_>) -> bool {
        self.shares
    }

    fn are_shared(&self, _: File<'_>, copy: File<'_>) -> bool {
        *copy.name().file() == *"shared"
    }

    fn is_tracked(&self, name: Name<'_>, _: &Path) -> bool {
        self.tracked.is_some_and(|tracked| *name.file() == *tracked)
    }
}

const HOME: usize = 0;
const STRAY: usize = 1;
const LEGACY: usize = 2;
const APPLICATION: usize = 3;

fn places() -> Vec<Place> {
    let place = |name: &str, kind| Place {
        name: name.into(),
        path: format!("/{name}").into(),
        real: format!("/{name}").into(),
        kind,
    };
    vec![
        place("home", Kind::Home),
        place("stray", Kind::Stray { whose: "x".into() }),
        place("legacy", Kind::Legacy),
        place("app", Kind::Application { max_age: None }),
    ]
}

fn file(inode: u64, place: usize, role: Role, name: &str) -> Made {
    let stamp = Stamp { id: (1, inode), size: 100, disk: 4096, names: 1, mode: 0o100_644, ..Stamp::default() };
    Made { stamp, owner: (1, 1), place, role, path: places()[place].real.join(name) }
}

/// What stays, then what becomes of each other one, then what is left.
fn decided(files: Vec<Made>, world: &Told, symlinks: bool) -> Vec<String> {
    let places = places();
    let rules = Rules { places: &places, cache_root: Path::new("/home"), now: 1_000, grace: 10, symlinks };
    let files = made::list(&files);
    let all: Vec<u32> = (0..files.len()).collect();
    let plan = decide(files, &all.into(), &rules, world);
    let mut said = Vec::new();
    for set in plan.sets() {
        said.push(format!("keep {}", set.keep.name().path().display()));
        said.extend(set.copies().map(|copy| format!("{:?} {}", copy.how, copy.file.name().path().display())));
    }
    said.extend(plan.left().map(|left| format!("{:?} {}", left.why, left.path.display())));
    said
}

#[test]
fn the_hubs_copy_stays_then_the_caches_then_the_legacy_ones() {
    use Role::{Blob, Payload, Plain, Snapshot};
    let all = [
        file(1, STRAY, Plain, "a"),
        file(2, LEGACY, Plain, "b"),
        file(3, HOME, Plain, "c"),
        file(4, STRAY, Blob, "d"),
        file(5, HOME, Snapshot, "e"),
        file(6, HOME, Blob, "f"),
        file(7, HOME, Payload, "g"),
    ];
    let kept = ["/legacy/b", "/home/c", "/stray/d", "/home/e", "/home/f", "/home/g"];
    for (count, kept) in (2..).zip(kept) {
        let said = decided(all[..count].to_vec(), &Told::default(), false);
        assert_eq!(said[0], format!("keep {kept}"));
        assert!(said[1..].iter().all(|line| line.starts_with("HardLink ")) && said.len() == count, "{said:?}");
    }
}

#[test]
fn what_a_hard_link_would_change_stays_and_where_blocks_can_be_shared_it_does_not() {
    let change = |change: fn(&mut Made), name: &str| {
        let mut file = file(9, STRAY, Role::Plain, name);
        change(&mut file);
        file
    };
    let cases = [
        (change(|_| {}, "a"), "HardLink"),
        (change(|file| file.stamp.mode = 0o100_444, "a"), "HardLink"),
        (change(|file| file.stamp.mode = 0o100_664, "a"), "HardLink"),
        (change(|file| file.stamp.mode = 0o100_600, "a"), "Mode"),
        (change(|file| file.owner = (1, 2), "a"), "Owner"),
        (change(|file| file.stamp.names = 2, "a"), "OtherNames"),
        (change(|_| {}, "a.SQLite"), "Mutable"),
        (change(|file| *file = self::file(9, APPLICATION, Role::Plain, "a"), "a"), "Application"),
    ];
    for (copy, expected) in cases {
        let path = copy.path.display().to_string();
        let kept = || file(1, HOME, Role::Blob, "blob");
        let said = decided(vec![copy.clone(), kept()], &Told::default(), true);
        let line = format!("{expected} {path}");
        let wanted = if expected == "HardLink" { vec!["keep /home/blob".to_owned(), line] } else { vec![line] };
        assert_eq!(said, wanted);
        let shares = Told { shares: true, ..Told::default() };
        assert_eq!(
            decided(vec![copy, kept()], &shares, true),
            ["keep /home/blob".to_owned(), format!("Reflink {path}")]
        );
    }
    let shared = vec![file(1, HOME, Role::Blob, "blob"), file(2, HOME, Role::Plain, "shared")];
    assert!(decided(shared, &Told { shares: true, ..Told::default() }, false).is_empty());
}

#[test]
fn young_and_tracked_files_are_neither_kept_nor_replaced() {
    let mut young = file(1, HOME, Role::Blob, "young");
    young.stamp.modified = 995;
    let tracked = file(2, HOME, Role::Plain, "tracked");
    let world = Told { tracked: Some("tracked"), ..Told::default() };
    let others = [file(3, STRAY, Role::Plain, "a"), file(4, STRAY, Role::Plain, "b")];
    let said = decided([&[young.clone(), tracked.clone()], &others[..]].concat(), &world, false);
    assert_eq!(said, ["keep /stray/a", "HardLink /stray/b", "Young /home/young", "Tracked /home/tracked"]);
    assert_eq!(decided(vec![young, others[0].clone()], &world, false), ["Young /home/young"]);
}

#[test]
fn another_disk_gets_links_to_the_hubs_copy_only_when_asked_and_its_own_copies_become_one() {
    let on = |disk: u64, mut file: Made| {
        file.stamp.id.0 = disk;
        file
    };
    let files = || {
        vec![
            file(1, HOME, Role::Blob, "blob"),
            on(2, file(2, STRAY, Role::Plain, "a")),
            on(2, file(3, STRAY, Role::Plain, "b")),
            on(3, file(4, STRAY, Role::Plain, "c")),
            on(3, file(5, STRAY, Role::Blob, "hub")),
        ]
    };
    let said = decided(files(), &Told::default(), false);
    let expected = ["keep /stray/a", "HardLink /stray/b", "keep /stray/hub", "HardLink /stray/c", "OtherDisk /stray/a"];
    assert_eq!(said, expected);
    let said = decided(files(), &Told::default(), true);
    assert_eq!(said, ["keep /home/blob", "Symlink /stray/a", "Symlink /stray/b", "Symlink /stray/c"]);
    // Without a hub there is nothing to link to.
    let plain = vec![file(1, HOME, Role::Plain, "x"), on(2, file(2, STRAY, Role::Plain, "a"))];
    assert!(decided(plain, &Told::default(), true).is_empty());
}
