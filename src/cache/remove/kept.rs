//! What lies in the trashes and can still be brought back: bytes that were removed and are not free yet.

use std::fs;
use std::path::Path;

use crate::cache::inventory::Heap;
use crate::cache::stamp::Stamp;

/// How deep a removed tree may lie: deeper ones are a loop of mounts.
const DEEPEST: usize = 128;

/// What the trash of the place `home` holds: how many things were removed, and what they take on the disk. A file that has names
/// elsewhere, too, takes nothing.
pub fn kept(home: &Path) -> Heap {
    let mut heap = Heap::default();
    for run in names(&home.join(".modelstrap/trash")) {
        for removed in names(&run) {
            heap.add(taken(&removed, 0));
        }
    }
    heap
}

fn taken(path: &Path, depth: usize) -> u64 {
    let Ok(stamp) = Stamp::at(path) else { return 0 };
    let is_folder = fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
    match is_folder && depth < DEEPEST {
        true => names(path).map(|path| taken(&path, depth + 1)).fold(stamp.disk, u64::saturating_add),
        false => stamp.alone(),
    }
}

/// What stands in `folder`; nothing where it is a link, or cannot be read.
fn names(folder: &Path) -> impl Iterator<Item = std::path::PathBuf> + use<> {
    let is_folder = fs::symlink_metadata(folder).is_ok_and(|found| found.is_dir());
    let entries = is_folder.then(|| fs::read_dir(folder).ok()).flatten();
    entries.into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_in_a_trash_is_counted_and_no_link_is_followed() {
        let room = tempfile::tempdir().unwrap();
        assert_eq!(kept(room.path()), Heap::default());
        let run = room.path().join(".modelstrap/trash/1-1");
        fs::create_dir_all(run.join("0/sub")).unwrap();
        fs::write(run.join("0/sub/a"), vec![1; 100_000]).unwrap();
        fs::write(run.join("1"), vec![1; 50_000]).unwrap();
        std::os::unix::fs::symlink("/usr", run.join("0/usr")).unwrap();
        let found = kept(room.path());
        assert_eq!(found.files, 2);
        assert!((150_000..200_000).contains(&found.bytes), "{found:?}");
    }
}
