//! A cache that was copied with what lies in its trash: that can be brought back in the copy, and freed there; the one that it was copied
//! from stays as it is.

use std::process::Command;

use super::super::journal;
use super::hub::{self, repository};
use super::*;

/// What was removed of a room, and a copy of its cache.
struct Copy {
    room: Room,
    /// What lay in the cache before.
    before: BTreeMap<PathBuf, String>,
    /// The cache after that, with its trash and journal.
    after: BTreeMap<PathBuf, String>,
    trashed: u64,
    root: PathBuf,
    remover: Remover,
}

fn copy(how: &[&str]) -> Copy {
    let room = Room::new();
    let at = repository(&room);
    let (file, tree) = (room.put("assets/a", "x"), room.put("torch/hub/owner_repo/hubconf.py", "y"));
    let before = inside(&room.top.join("project/.cache"));
    let victims = vec![
        room.victim(&at.join("refs/refs/pr/1"), Role::Reference),
        room.victim(&at.join("snapshots").join(OTHER), Role::Snapshot),
        room.victim(&file, Role::File),
        room.victim(tree.parent().unwrap(), Role::Tree),
        room.victim(&at.join("blobs/second"), Role::Blob),
    ];
    let outcome = room.remove(victims, HOUR);
    assert_eq!(outcome.gone, 5);
    let root = room.top.join("other/.cache");
    fs::create_dir_all(root.parent().unwrap()).unwrap();
    let (command, arguments) = how.split_first().unwrap();
    let copied =
        Command::new(command).args(arguments).arg(room.top.join("project/.cache")).arg(&root).status().unwrap();
    assert!(copied.success());
    let remover = Remover::new(&root, &[room.top.join("other")]);
    let after = inside(&room.top.join("project/.cache"));
    Copy { before, after, trashed: outcome.trashed, root, remover, room }
}

fn inside(root: &Path) -> BTreeMap<PathBuf, String> {
    inventory(root).into_iter().map(|(path, what)| (path.strip_prefix(root).unwrap().to_path_buf(), what)).collect()
}

impl Copy {
    fn original(&self) -> BTreeMap<PathBuf, String> {
        inside(&self.room.top.join("project/.cache"))
    }

    /// Its journal there, with something else in the place of a part of it.
    fn edit(&self, from: &str, to: &str) {
        let folder = journal::folder_of(&self.root);
        let path = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from}");
        fs::write(path, text.replace(from, to)).unwrap();
    }
}

#[test]
fn what_was_copied_is_brought_back_in_the_copy_and_nothing_happens_to_the_original() {
    for how in [&["cp", "-a"][..], &["cp", "-rP"]] {
        let copy = copy(how);
        assert_eq!(copy.remover.would_return().unwrap().unwrap().back.len(), 5);
        let restored = copy.remover.undo().unwrap().unwrap();
        assert_eq!((restored.back.len(), restored.stayed, restored.is_whole), (5, vec![], true));
        assert!(restored.back.iter().all(|path| path.starts_with(&copy.root)));
        assert_eq!((inside(&copy.root), copy.original()), (copy.before.clone(), copy.after.clone()), "{how:?}");
        copy.room.remover.undo().unwrap().unwrap();
        assert_eq!(copy.original(), copy.before);
    }
}

#[test]
fn what_was_copied_ends_with_its_time_and_is_freed_by_who_empties_the_trash() {
    for all in [true, false] {
        let copy = copy(&["cp", "-a"]);
        assert_eq!(copy.remover.waiting().unwrap(), copy.trashed);
        assert_eq!(copy.remover.sweep_now().unwrap(), Swept::default(), "not before its time");
        let swept = if all { copy.remover.sweep_all() } else { copy.remover.sweep(time::seconds() + 4000) };
        assert_eq!(swept.unwrap(), Swept { freed: copy.trashed, ..Swept::default() });
        assert!(!copy.root.join(".modelstrap").exists() && !copy.root.join("huggingface/.modelstrap").exists());
        assert_eq!(copy.original(), copy.after);
    }
}

#[test]
fn a_copy_that_another_number_of_this_user_wrote_is_believed_as_well() {
    let copy = copy(&["cp", "-a"]);
    let own = journal::folder_of(&copy.root);
    fs::rename(&own, own.with_file_name("4711")).unwrap();
    assert_eq!(copy.remover.undo().unwrap().unwrap().back.len(), 5);
    assert_eq!((inside(&copy.root), copy.original()), (copy.before, copy.after));
}

#[test]
fn no_copied_journal_leads_out_of_its_root() {
    let outside = |copy: &Copy| copy.room.top.join("project/.cache/huggingface").to_str().unwrap().to_owned();
    let edits: [&dyn Fn(&Copy); 6] = [
        // The root that it names is another one: its places lie outside.
        &|copy| {
            copy.edit(
                &format!("\"root\":\"{}\"", copy.room.top.join("project/.cache").display()),
                "\"root\":\"/nowhere\"",
            )
        },
        &|copy| copy.edit("\"below\":\".modelstrap/trash/", "\"below\":\"hub/"),
        &|copy| copy.edit("\"below\":\".modelstrap/trash/", "\"below\":\"hub/.modelstrap/trash/"),
        &|copy| copy.edit("/.cache/huggingface\"", "/.cache/../.cache/huggingface\""),
        &|copy| {
            fs::rename(copy.root.join("huggingface"), copy.root.join("away")).unwrap();
            symlink(outside(copy), copy.root.join("huggingface")).unwrap();
        },
        // The whole root is the one that it was copied from, by a link.
        &|copy| copy.edit("\"base\":\"", "\"base\":\"/x"),
    ];
    for (number, edit) in edits.iter().enumerate() {
        let copy = copy(&["cp", "-a"]);
        edit(&copy);
        let now = inside(&copy.root);
        assert_eq!(copy.remover.would_return().unwrap(), None, "{number}");
        assert_eq!(copy.remover.undo().unwrap(), None, "{number}");
        assert_eq!(copy.remover.sweep(i64::MAX).unwrap(), Swept::default(), "{number}");
        assert_eq!(copy.remover.sweep_all().unwrap(), Swept::default(), "{number}");
        assert_eq!((inside(&copy.root), copy.original()), (now, copy.after.clone()), "{number}");
    }
}

/// The files in the trash of a home are old enough for nobody to want them back.
fn week() -> i64 {
    time::seconds() + 8 * 86_400
}

#[test]
fn what_no_journal_tells_of_is_freed_by_who_empties_the_trash_and_by_time_and_never_put_anywhere() {
    for (all, is_refused) in [(true, true), (true, false), (false, false)] {
        let mut copy = copy(&["cp", "-a"]);
        let home = copy.root.join("huggingface");
        match is_refused {
            true => copy.edit("/.cache/huggingface\"", "/elsewhere/huggingface\""),
            false => crate::support::delete::tree(&copy.root.join(".modelstrap"), &copy.root).unwrap(),
        }
        copy.remover = copy.remover.owning(vec![home.clone()]);
        assert_eq!((copy.remover.waiting().unwrap(), copy.remover.removed().unwrap().len()), (copy.trashed, 1));
        assert_eq!((copy.remover.undo().unwrap(), copy.remover.would_return().unwrap()), (None, None));
        assert_eq!(copy.remover.sweep(time::seconds() + 86_400).unwrap(), Swept::default());
        let swept = if all { copy.remover.sweep_all() } else { copy.remover.sweep(week()) };
        assert_eq!(swept.unwrap(), Swept { freed: copy.trashed, ..Swept::default() });
        assert!(!home.join(".modelstrap").exists() && copy.remover.waiting().unwrap() == 0);
        assert_eq!(copy.original(), copy.after);
    }
}

#[test]
fn the_trash_of_a_run_that_a_journal_tells_of_is_no_lost_one() {
    let room = Room::new();
    let file = room.put("assets/a", "x");
    let mut run = hub::started(&room, vec![room.victim(&file, Role::File)]);
    take::take(&mut run, 0).unwrap();
    // As if the journal of a run at work: its name is the trash's.
    let folder = journal::folder_of(&room.top.join("project/.cache"));
    let held = fs::File::open(folder.join("1-0.jsonl")).unwrap();
    held.lock().unwrap();
    for name in ["1", "00000000001-00000-1"] {
        let trash = room.home.join(".modelstrap/trash");
        let run = fs::read_dir(&trash).unwrap().next().unwrap().unwrap().path();
        fs::rename(run, trash.join(name)).unwrap();
        let journal = fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
        fs::rename(journal, folder.join(format!("{name}-0.jsonl"))).unwrap();
        let remover = Remover::new(&room.top.join("project/.cache"), &[]).owning(vec![room.home.clone()]);
        assert_eq!((remover.sweep_all().unwrap(), remover.sweep(week()).unwrap()), Default::default(), "{name}");
        assert!(trash.join(name).join("0").exists());
    }
    // Somebody put a folder there that is no run's.
    drop(held);
    let other = put(&room.home.join(".modelstrap/trash/notes/0"), "mine");
    let remover = Remover::new(&room.top.join("project/.cache"), &[]).owning(vec![room.home.clone()]);
    remover.sweep_all().unwrap();
    assert!(other.exists());
}
