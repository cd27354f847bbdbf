//! Removal on real folders: a cache with a hub, and beside it what must not change.

mod again;
mod copied;
mod hub;
mod journals;
mod plain;
mod race;
mod recovery;
mod store;
mod waiting;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::*;

pub(super) const COMMIT: &str = "1111111111111111111111111111111111111111";
pub(super) const OTHER: &str = "2222222222222222222222222222222222222222";

/// A project with a cache in a folder of its own.
pub(super) struct Room {
    _room: tempfile::TempDir,
    pub(super) top: PathBuf,
    pub(super) home: PathBuf,
    pub(super) remover: Remover,
}

impl Room {
    pub(super) fn new() -> Self {
        Self::inside(tempfile::tempdir().unwrap())
    }

    /// One that costs no disk, where the system has such a thing: for what is done many times.
    pub(super) fn in_memory() -> Self {
        Self::inside(tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap())
    }

    fn inside(room: tempfile::TempDir) -> Self {
        let top = room.path().canonicalize().unwrap();
        let home = top.join("project/.cache/huggingface");
        fs::create_dir_all(&home).unwrap();
        let remover = Remover::new(&top.join("project/.cache"), &[top.join("project")]);
        Self { _room: room, top, home, remover }
    }

    /// A file in the cache's home.
    pub(super) fn put(&self, path: &str, text: &str) -> PathBuf {
        put(&self.home.join(path), text)
    }

    pub(super) fn link(&self, path: &str, target: &str) -> PathBuf {
        let path = self.home.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, &path).unwrap();
        path
    }

    pub(super) fn victim(&self, path: &Path, role: Role) -> Victim {
        victim(&self.home, path, role)
    }

    pub(super) fn remove(&self, victims: Vec<Victim>, keep: Keep) -> Outcome {
        self.remover.remove(order(victims, keep), &|_| {}).unwrap()
    }

    /// What is in the cache, without what is ours.
    pub(super) fn tree(&self) -> BTreeMap<PathBuf, String> {
        inventory(&self.top)
    }

    pub(super) fn is_clean(&self) -> bool {
        let ours = |folder: &Path| folder.join(".modelstrap").exists();
        !ours(&self.home) && !ours(&self.top.join("project/.cache")) && !ours(&self.home.join("hub"))
    }
}

pub(super) fn put(path: &Path, text: &str) -> PathBuf {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    path.to_path_buf()
}

pub(super) fn victim(root: &Path, path: &Path, role: Role) -> Victim {
    let stamp = Stamp::at(path).unwrap_or_default();
    Victim {
        path: path.to_path_buf(),
        root: root.to_path_buf(),
        stamp,
        role,
        bytes: stamp.disk,
        why: "test".to_owned(),
    }
}

pub(super) fn order(victims: Vec<Victim>, keep: Keep) -> Order<'static> {
    let planned = SystemTime::now() + Duration::from_secs(5);
    Order { verb: "prune", victims, keep, grace: Duration::ZERO, planned }
}

pub(super) const HOUR: Keep = Keep::For(Duration::from_secs(3600));

/// Every name below `folder`, what it is, and the bytes or the target.
pub(super) fn inventory(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let known = fs::symlink_metadata(&path).unwrap();
            let text = if known.is_symlink() {
                format!("link {}", fs::read_link(&path).unwrap().display())
            } else if known.is_dir() {
                folders.push(path.clone());
                format!("folder {:o}", known.mode())
            } else {
                format!("file {:o} {:?}", known.mode(), fs::read(&path).unwrap())
            };
            found.insert(path, text);
        }
    }
    found
}
