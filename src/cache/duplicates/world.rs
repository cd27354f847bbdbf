//! What the disk and Git answer about files that may become one.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::decide::World;
use super::file::{self, File, Name};
use crate::platform::blocks;
use crate::project::git;

/// This machine's answers, each asked for once.
#[derive(Debug, Default)]
pub struct Live {
    /// By device.
    shares: RefCell<HashMap<u64, bool>>,
    /// By folder or file: whether Git tracks anything there.
    tracked: RefCell<HashMap<PathBuf, bool>>,
    /// By folder: the work tree around it.
    trees: RefCell<HashMap<PathBuf, Option<PathBuf>>>,
}

impl World for Live {
    fn can_share(&self, keep: &File, copy: &File) -> bool {
        let device = keep.stamp.id.0;
        if let Some(known) = self.shares.borrow().get(&device) {
            return *known;
        }
        // Two files that cannot be opened say nothing about the disk.
        let Some((keep, copy)) = both(keep, copy) else { return false };
        let can = blocks::can_share(&keep, &copy);
        self.shares.borrow_mut().insert(device, can);
        can
    }

    fn are_shared(&self, keep: &File, copy: &File) -> bool {
        both(keep, copy).is_some_and(|(one, other)| blocks::are_shared(&one, &other, keep.stamp.size))
    }

    fn is_tracked(&self, name: &Name, place: &Path) -> bool {
        let Some(tree) = self.tree(&name.folder) else { return false };
        // Most places hold nothing that Git knows: one question then answers for all their files.
        let inside = |path: &Path| path == tree || !path.starts_with(&tree) || self.asks(&tree, path);
        inside(place) && inside(&name.folder) && inside(&name.path())
    }
}

impl Live {
    fn tree(&self, folder: &Path) -> Option<PathBuf> {
        if let Some(known) = self.trees.borrow().get(folder) {
            return known.clone();
        }
        let tree = git::work_tree(folder);
        self.trees.borrow_mut().insert(folder.to_path_buf(), tree.clone());
        tree
    }

    /// Whether Git tracks anything at `path`; where it cannot be asked, it may.
    fn asks(&self, tree: &Path, path: &Path) -> bool {
        if let Some(known) = self.tracked.borrow().get(path) {
            return *known;
        }
        let tracked = git::tracked(tree, &[path.to_path_buf()]).is_none_or(|tracked| !tracked.is_empty());
        self.tracked.borrow_mut().insert(path.to_path_buf(), tracked);
        tracked
    }
}

fn both(one: &File, other: &File) -> Option<(std::fs::File, std::fs::File)> {
    Some((file::open(&one.name().path()).ok()?, file::open(&other.name().path()).ok()?))
}
