//! Which places things may be removed from, and what is never removed.

use std::fs;
use std::path::{Path, PathBuf};

use crate::platform::mounts;
use crate::support::folder::{self, Folder, Kind};
use crate::support::{bounded, escape, paths};

/// Folders at the root of a disk that belong to the system or to its users. A cache may be `/cache` or `/models`.
const SYSTEMS: [&str; 31] = [
    "bin",
    "boot",
    "dev",
    "etc",
    "home",
    "lib",
    "lib32",
    "lib64",
    "media",
    "mnt",
    "opt",
    "proc",
    "root",
    "run",
    "sbin",
    "srv",
    "sys",
    "tmp",
    "usr",
    "var",
    "private",
    "Applications",
    "Library",
    "Network",
    "System",
    "Users",
    "Volumes",
    "Windows",
    "Program Files",
    "Program Files (x86)",
    "ProgramData",
];

/// Below these nothing is a cache.
const NEVER: [&str; 7] = ["boot", "dev", "etc", "proc", "sys", "usr", "Windows"];

/// The first words of a `CACHEDIR.TAG`.
const SIGNATURE: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";

/// Folders that only a cache has: the Hub's, torch's, this tool's own.
const MARKS: [&str; 4] = ["hub", "checkpoints", ".modelstrap", ".locks"];

/// What the Hub's cache calls a repository's folder.
const REPOSITORIES: [&str; 4] = ["models--", "datasets--", "spaces--", "kernels--"];

/// What decides over places.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    /// Links followed.
    cache_root: PathBuf,
    /// What no place may be or hold: the project, the home. As given, and with links followed.
    forbidden: Vec<PathBuf>,
    /// What is no cache.
    left: Vec<PathBuf>,
    /// Where disks are mounted.
    mounts: Vec<PathBuf>,
}

/// Whether a folder of this name is a repository's.
pub fn is_repository(name: &std::ffi::OsStr) -> bool {
    REPOSITORIES.iter().any(|prefix| name.as_encoded_bytes().starts_with(prefix.as_bytes()))
}

/// Whether `real` is a Git repository, or lies in one: in `.git`, or in a bare one by any name. A work tree is none.
pub fn is_in_git(real: &Path) -> bool {
    let bare =
        |folder: &Path| folder.join("HEAD").exists() && folder.join("objects").is_dir() && folder.join("refs").is_dir();
    is_git_name(real) || real.ancestors().any(bare)
}

/// Whether a part of the path is called `.git`, as any disk would have it.
fn is_git_name(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str().eq_ignore_ascii_case(".git"))
}

impl Guard {
    /// For the cache at `cache_root`, on the machine whose `/proc` is below `machine`.
    pub(super) fn new(cache_root: &Path, forbidden: &[PathBuf], machine: &Path) -> Self {
        let real = |path: &Path| paths::real_place(path).unwrap_or_else(|| path.to_path_buf());
        let forbidden = forbidden.iter().flat_map(|path| [path.clone(), real(path)]).collect();
        Self { cache_root: real(cache_root), forbidden, left: Vec::new(), mounts: mounts::points(machine) }
    }

    /// The same, that leaves alone what lies in `left`.
    pub(super) fn leaving(mut self, left: &[PathBuf]) -> Self {
        self.left = left.to_vec();
        self
    }

    /// The same, but not what holds one of `trashes`: there this tool itself, by a journal of this user's, has put something away.
    /// What had said that a folder is a cache may be just what was removed from it.
    pub(super) fn trusting(&self, trashes: &[PathBuf]) -> Self {
        let mut trusting = self.clone();
        trusting.left.retain(|left| !trashes.iter().any(|trash| trash.starts_with(left)));
        trusting
    }

    /// Whether what really is at `path` is left alone.
    pub(super) fn is_left(&self, real: &Path) -> bool {
        self.left.iter().any(|left| real.starts_with(left))
    }

    /// Where the place really is.
    ///
    /// # Errors
    /// Why nothing is removed there, for a person.
    pub(super) fn admit(&self, root: &Path) -> Result<PathBuf, String> {
        let refuse = |why: &str| Err(format!("nothing is removed from {}: it {why}", escape::path(root)));
        if !root.is_absolute() || paths::has_parent_component(root) {
            return refuse("is no absolute path without `..`");
        }
        let real = match root.canonicalize() {
            Ok(real) if real.is_dir() => real,
            Ok(_) => return refuse("is no folder"),
            Err(error) => return refuse(&format!("cannot be looked at: {error}")),
        };
        let shown = if real == root { String::new() } else { format!("leads to {}, which ", escape::path(&real)) };
        match self.why_not(&real) {
            Some(why) => refuse(&format!("{shown}{why}")),
            None => Ok(real),
        }
    }

    fn why_not(&self, real: &Path) -> Option<&'static str> {
        if real.parent().is_none() {
            return Some("is the root of the disk");
        }
        let names: Vec<_> =
            real.components().skip_while(|part| !matches!(part, std::path::Component::Normal(_))).collect();
        let first = names.first().and_then(|part| part.as_os_str().to_str()).unwrap_or_default();
        let in_memory = names.len() > 2 && real.starts_with("/dev/shm");
        if (NEVER.contains(&first) && !in_memory) || (names.len() == 1 && SYSTEMS.contains(&first)) {
            return Some("belongs to the system");
        }
        if self.forbidden.iter().any(|other| other == real) {
            return Some("is the project or the home folder");
        }
        if self.forbidden.iter().any(|other| other.starts_with(real)) {
            return Some("holds the project or the home folder");
        }
        if self.cache_root != real && self.cache_root.starts_with(real) {
            return Some("holds the cache");
        }
        if self.is_left(real) {
            return Some("is no cache: it is left alone");
        }
        if is_in_git(real) {
            return Some("is or lies in a Git repository");
        }
        if fs::symlink_metadata(real.join(".git")).is_ok() {
            return Some("is a Git work tree");
        }
        let is_own = real != self.cache_root && real.starts_with(&self.cache_root);
        if !is_own && self.is_mount(real) && !is_marked(real) {
            return Some("is where a disk is mounted, and has no CACHEDIR.TAG and no models that say it is a cache");
        }
        None
    }

    /// Whether a disk, or a part of one, is mounted there.
    pub(super) fn is_mount(&self, real: &Path) -> bool {
        self.mounts.iter().any(|point| point == real) || is_on_another_disk_than_its_parent(real)
    }

    /// Why what really is at `path` is never removed, whatever a plan says.
    pub(super) fn keeps(&self, path: &Path) -> Option<&'static str> {
        if self.mounts.iter().any(|point| point.starts_with(path)) {
            return Some("is or holds a place where a disk is mounted");
        }
        if self.forbidden.iter().any(|other| other.starts_with(path)) {
            return Some("is or holds the project or the home folder");
        }
        if self.cache_root.starts_with(path) {
            return Some("is or holds the cache root");
        }
        if is_git_name(path) {
            return Some("lies in a Git repository");
        }
        let own = |part: &str| path.components().rev().skip(1).any(|one| one.as_os_str() == part);
        let name = path.file_name().unwrap_or_default();
        if name == ".modelstrap" || (own(".modelstrap") && (own("trash") || own("removals") || name == "trash")) {
            return Some("is modelstrap's own");
        }
        None
    }

    /// Whether `real` lies in the cache root, or is it.
    pub(super) fn is_ours(&self, real: &Path) -> bool {
        real.starts_with(&self.cache_root)
    }
}

/// Whether the folder holds repositories of the Hub.
pub(super) fn is_hub(folder: &Folder) -> bool {
    folder.names().unwrap_or_default().iter().any(|name| {
        (is_repository(name) || name == ".locks") && folder.look(name).is_ok_and(|found| found.kind == Kind::Folder)
    })
}

/// Whether a tag says that the folder is a cache.
pub fn is_tagged(folder: &Path) -> bool {
    bounded::read(&folder.join("CACHEDIR.TAG"), 4096).is_ok_and(|bytes| bytes.starts_with(SIGNATURE))
}

fn is_marked(real: &Path) -> bool {
    if is_tagged(real) {
        return true;
    }
    let Ok(folder) = folder::open(real) else { return false };
    let names = folder.names().unwrap_or_default();
    let is_mark = |name: &std::ffi::OsString| {
        (is_repository(name) || MARKS.iter().any(|mark| name == mark))
            && folder.look(name).is_ok_and(|found| found.kind == Kind::Folder)
    };
    names.iter().any(is_mark)
}

#[cfg(unix)]
fn is_on_another_disk_than_its_parent(real: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let disk = |path: &Path| fs::metadata(path).map(|found| found.dev());
    let above = real.parent().map(disk);
    above.is_some_and(|above| matches!((disk(real), above), (Ok(own), Ok(above)) if own != above))
}

#[cfg(not(unix))]
fn is_on_another_disk_than_its_parent(_: &Path) -> bool {
    false
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn roots_that_are_no_caches_are_refused_and_a_link_is_shown_where_it_leads() {
        let room = tempfile::tempdir().unwrap();
        let room = room.path().canonicalize().unwrap();
        for folder in [
            "home/project/.git/hooks",
            "home/bare/objects",
            "home/bare/refs/heads",
            "home/project/.cache/huggingface",
            "home/project/clone/.git",
            "mnt/data",
            "mnt/cache/models--o--m",
            "proc/self",
        ] {
            fs::create_dir_all(room.join(folder)).unwrap();
        }
        fs::write(room.join("file"), "").unwrap();
        fs::write(room.join("home/bare/HEAD"), "").unwrap();
        symlink("home/project", room.join("link")).unwrap();
        symlink("home/project/.cache", room.join("good")).unwrap();
        let at = |name: &str| room.join(name);
        let mounted = format!(
            "1 0 8:1 / / rw - ext4 /dev/a rw\n2 1 8:2 / {0}/mnt/data rw - ext4 /dev/b rw\n3 1 8:2 / {0}/mnt/cache rw - ext4 /dev/b rw\n4 1 8:2 / {0}/home/project/.cache/huggingface rw - ext4 /dev/b rw\n",
            room.display()
        );
        fs::write(at("proc/self/mountinfo"), mounted).unwrap();
        let guard = Guard::new(&at("home/project/.cache"), &[at("home/project"), at("home")], &room);
        let why = |root: &Path| guard.admit(root).map(|real| real.display().to_string()).unwrap_or_else(|why| why);
        for (root, words) in [
            (PathBuf::from("/"), "it is the root of the disk"),
            (PathBuf::from("/usr/share"), "it belongs to the system"),
            (PathBuf::from("/dev"), "it belongs to the system"),
            (PathBuf::from("/tmp"), "it belongs to the system"),
            (PathBuf::from("relative"), "is no absolute path"),
            (at("home"), "it is the project or the home folder"),
            (at("home/project"), "it is the project or the home folder"),
            (room.clone(), "it holds the project or the home folder"),
            (at("home/project/../project"), "without `..`"),
            (at("home/project/clone"), "is a Git work tree"),
            (at("home/project/.git"), "Git repository"),
            (at("home/project/.git/hooks"), "Git repository"),
            (at("home/bare/refs/heads"), "Git repository"),
            (at("link"), "home/project, which is the project or the home folder"),
            (at("mnt/data"), "is where a disk is mounted"),
            (at("file"), "is no folder"),
            (at("nothing"), "cannot be looked at"),
        ] {
            assert!(why(&root).contains(words), "{}: {}", root.display(), why(&root));
        }
        for root in ["home/project/.cache", "mnt/cache", "home/project/.cache/huggingface"] {
            assert_eq!(guard.admit(&at(root)), Ok(at(root)), "{root}");
        }
        assert_eq!(guard.admit(&at("good")), Ok(at("home/project/.cache")));

        let keeps = |name: &str| guard.keeps(&at(name));
        assert_eq!(keeps("home/project/.cache"), Some("is or holds a place where a disk is mounted"));
        assert_eq!(keeps("home/project/.cache/huggingface"), keeps("home/project/.cache"));
        assert_eq!(keeps("home/project/.cache/x/.modelstrap"), Some("is modelstrap's own"));
        assert_eq!(keeps("home/project/.cache/.modelstrap/trash/1/0"), Some("is modelstrap's own"));
        assert_eq!(keeps("home/project/.cache/huggingface/hub/models--o--m/.modelstrap/partials/a.part"), None);
        assert_eq!(keeps("home/project/.cache/x/.GIT/hooks"), Some("lies in a Git repository"));
        assert_eq!(keeps("home/project/.cache/torch"), None);
    }
}
