//! What the disk and Git answer about files that may become one.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::decide::World;
use super::file;
use super::files::{File, Name};
use crate::platform::blocks;
use crate::project::git;

/// This machine's answers about one list of files, each asked for once.
#[derive(Debug, Default)]
pub struct Live {
    /// By device.
    shares: RefCell<HashMap<u64, bool>>,
    /// By folder or file: whether Git tracks anything there.
    tracked: RefCell<HashMap<PathBuf, bool>>,
    /// By the number of a folder: the work tree around it.
    trees: RefCell<HashMap<u32, Option<Arc<Path>>>>,
}

impl World for Live {
    fn can_share(&self, keep: File<'_>, copy: File<'_>) -> bool {
        let device = keep.stamp().id.0;
        if let Some(known) = self.shares.borrow().get(&device) {
            return *known;
        }
        // Two files that cannot be opened say nothing about the disk.
        let Some((keep, copy)) = both(keep, copy) else { return false };
        let can = blocks::can_share(&keep, &copy);
        self.shares.borrow_mut().insert(device, can);
        can
    }

    fn are_shared(&self, keep: File<'_>, copy: File<'_>) -> bool {
        both(keep, copy).is_some_and(|(one, other)| blocks::are_shared(&one, &other, keep.size()))
    }

    fn is_tracked(&self, name: Name<'_>, place: &Path) -> bool {
        let Some(tree) = self.tree(name) else { return false };
        // Most places hold nothing that Git knows: one question then answers for all their files.
        let inside = |path: &Path| path == &*tree || !path.starts_with(&tree) || self.asks(&tree, path);
        inside(place) && inside(&name.folder()) && inside(&name.path())
    }
}

impl Live {
    fn tree(&self, name: Name<'_>) -> Option<Arc<Path>> {
        if let Some(known) = self.trees.borrow().get(&name.folder_number()) {
            return known.clone();
        }
        let tree: Option<Arc<Path>> = git::work_tree(&name.folder()).map(Arc::from);
        // One path for all the folders of a tree.
        let known = |tree: &Arc<Path>| self.trees.borrow().values().flatten().find(|known| *known == tree).cloned();
        let tree = tree.map(|tree| known(&tree).unwrap_or(tree));
        self.trees.borrow_mut().insert(name.folder_number(), tree.clone());
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

fn both(one: File<'_>, other: File<'_>) -> Option<(std::fs::File, std::fs::File)> {
    Some((file::open(&one.name().path()).ok()?, file::open(&other.name().path()).ok()?))
}
