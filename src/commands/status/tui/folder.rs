//! What is in a folder, each with the sum of everything below it. Links are counted and never followed.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::cache::{Sizes, Stamp};
use crate::support::{interrupt, quoted};
use crate::ui::browser::{Below, Branch, Kind, Node};
use crate::ui::table::Tone;

/// Deeper than any cache: a loop of mounts, or an attack.
const DEEPEST: usize = 256;

/// What is below a folder.
#[derive(Debug, Default)]
struct Sum {
    sizes: Sizes,
    used: Option<i64>,
    /// Files with several names: what the disk knows, what it takes, and how many of them are below here.
    linked: HashMap<(u64, u64), (u64, u64, u64)>,
    /// How many folders could not be read.
    unread: usize,
}

impl Sum {
    fn add(&mut self, stamp: &Stamp, folder: bool) {
        let alone = if folder { stamp.disk } else { stamp.alone() };
        let (apparent, files) = if folder { (0, 0) } else { (stamp.size, 1) };
        self.sizes += Sizes { apparent, disk: alone, exclusive: alone, files };
        if folder {
            return;
        }
        self.used = self.used.max(Some(stamp.used()));
        if stamp.names > 1 {
            self.linked.entry(stamp.id).or_insert((stamp.names, stamp.disk, 0)).2 += 1;
        }
    }

    fn walk(&mut self, folder: &Path, depth: usize) -> io::Result<()> {
        if depth > DEEPEST {
            return Err(io::Error::other("lies too deep"));
        }
        for entry in fs::read_dir(folder)? {
            if interrupt::requested() {
                return Ok(());
            }
            let Ok(entry) = entry else { continue };
            // What has vanished meanwhile is nothing.
            let (Ok(kind), Ok(stamp)) = (entry.file_type(), Stamp::at(&entry.path())) else { continue };
            self.add(&stamp, kind.is_dir());
            if kind.is_dir() && self.walk(&entry.path(), depth + 1).is_err() {
                self.unread += 1;
            }
        }
        Ok(())
    }

    /// Everything that it has all names of is its own.
    fn settled(mut self) -> Self {
        for (names, disk, seen) in std::mem::take(&mut self.linked).into_values() {
            self.sizes.disk = self.sizes.disk.saturating_add(disk);
            if seen >= names {
                self.sizes.exclusive = self.sizes.exclusive.saturating_add(disk);
            }
        }
        self
    }
}

/// A file or a link by itself.
pub(super) fn leaf(name: String, path: PathBuf, stamp: &Stamp, kind: Kind, stays: Option<&'static str>) -> Branch {
    let sizes = Sizes { apparent: stamp.size, disk: stamp.disk, exclusive: stamp.alone(), files: 1 };
    let about = match (kind, stamp.names) {
        (Kind::Link, _) => fs::read_link(&path).map(|to| format!("link to {}", to.display())).unwrap_or_default(),
        (_, names @ 2..) => format!("{names} names on the disk"),
        _ => String::new(),
    };
    let used = Some(stamp.used());
    Branch { node: Node { name, path, kind, sizes, used, about, tone: Tone::Plain, stays }, below: Below::Nothing }
}

/// What is in `folder`. `stays` says of each, by its path and whether it is a folder, why it cannot be marked.
///
/// # Errors
/// When the folder cannot be read.
pub(super) fn list(
    folder: &Path,
    stays: &(dyn Fn(&Path, bool) -> Option<&'static str> + Sync),
) -> io::Result<Vec<Branch>> {
    let mut branches = Vec::new();
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder)? {
        let Ok(entry) = entry else { continue };
        let (Ok(kind), Ok(stamp)) = (entry.file_type(), Stamp::at(&entry.path())) else { continue };
        let (name, path) = (quoted::shown(entry.file_name()), entry.path());
        if kind.is_dir() {
            folders.push((name, path, stamp));
        } else {
            let kind = if kind.is_symlink() { Kind::Link } else { Kind::File };
            let stays = stays(&path, false);
            branches.push(leaf(name, path, &stamp, kind, stays));
        }
    }
    branches.extend(summed(folders, stays));
    Ok(branches)
}

type Waiting = (String, PathBuf, Stamp);

/// The folders with what is below each, by as many threads as there are cores.
fn summed(folders: Vec<Waiting>, stays: &(dyn Fn(&Path, bool) -> Option<&'static str> + Sync)) -> Vec<Branch> {
    let workers = thread::available_parallelism().map_or(1, |cores| cores.get().min(8));
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(folders.len()));
    let work = || {
        while let Some((name, path, stamp)) = folders.get(next.fetch_add(1, Ordering::Relaxed)) {
            let branch = one(name, path, stamp, stays(path, true));
            done.lock().unwrap_or_else(PoisonError::into_inner).push(branch);
        }
    };
    thread::scope(|scope| {
        for _ in 1..workers.min(folders.len()) {
            let _ = thread::Builder::new().name("sums".into()).spawn_scoped(scope, work);
        }
        work();
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn one(name: &str, path: &Path, stamp: &Stamp, stays: Option<&'static str>) -> Branch {
    let mut sum = Sum::default();
    sum.add(stamp, true);
    let walked = sum.walk(path, 0);
    let Sum { sizes, used, unread, .. } = sum.settled();
    let about = match (walked, unread) {
        (Err(error), _) => format!("cannot be read: {error}"),
        (Ok(()), 0) => String::new(),
        (Ok(()), unread) => format!("{} in it cannot be read", crate::support::units::count(unread, "folder")),
    };
    let tone = if about.is_empty() { Tone::Plain } else { Tone::Bad };
    let node =
        Node { name: name.to_owned(), path: path.to_path_buf(), kind: Kind::Folder, sizes, used, about, tone, stays };
    Branch { node, below: Below::Unread }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_frees_only_what_it_has_every_name_of_and_links_lead_nowhere() {
        let room = tempfile::tempdir().unwrap();
        let at = |name: &str| room.path().join(name);
        fs::create_dir_all(at("a/deep")).unwrap();
        fs::create_dir(at("b")).unwrap();
        fs::write(at("a/one"), vec![1; 8192]).unwrap();
        fs::hard_link(at("a/one"), at("a/deep/two")).unwrap();
        fs::write(at("b/shared"), vec![1; 4096]).unwrap();
        fs::hard_link(at("b/shared"), at("top")).unwrap();
        std::os::unix::fs::symlink("/", at("b/everything")).unwrap();
        let mut found = list(room.path(), &|_, folder| folder.then_some("whole")).unwrap();
        found.sort_by(|one, other| one.node.name.cmp(&other.node.name));
        let folder = |path: &str| Stamp::at(&at(path)).unwrap().disk;
        let link = Stamp::at(&at("b/everything")).unwrap().disk;
        let told: Vec<_> = found
            .iter()
            .map(|Branch { node, .. }| {
                (&*node.name, node.sizes.disk, node.sizes.exclusive, node.sizes.files, node.stays)
            })
            .collect();
        let a = folder("a") + folder("a/deep") + 8192;
        let b = folder("b") + link;
        let whole = Some("whole");
        let expected = [("a", a, a, 2, whole), ("b", b + 4096, b, 2, whole), ("top", 4096, 0, 1, None)];
        assert_eq!(told, expected);
    }
}
