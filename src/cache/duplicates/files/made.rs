//! Lists of files that are made up, for tests.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::{Files, Role};
use crate::cache::Stamp;

/// A name that is made up.
#[derive(Debug, Clone)]
pub(in crate::cache::duplicates) struct Made {
    pub(in crate::cache::duplicates) stamp: Stamp,
    pub(in crate::cache::duplicates) owner: (u32, u32),
    pub(in crate::cache::duplicates) place: usize,
    pub(in crate::cache::duplicates) role: Role,
    pub(in crate::cache::duplicates) path: PathBuf,
}

/// The list of these, in their order.
pub(in crate::cache::duplicates) fn list(names: &[Made]) -> Files {
    let mut files = Files::default();
    let mut folders = Vec::new();
    for made in names {
        let parent = made.path.parent().unwrap_or(Path::new("/"));
        let key = (parent, made.place, made.role);
        // A folder has one place and one role: where tests want more, there are more of its name.
        let known = folders.iter().find(|(known, _)| *known == key).map(|(_, at)| *at);
        let folder = known.unwrap_or_else(|| {
            let (above, name) = (parent.parent().unwrap(), parent.file_name().unwrap());
            let above = files.tree.root(above, made.place, made.role).unwrap();
            files.tree.folder(above, name, made.role).unwrap()
        });
        folders.push((key, folder));
        assert!(files.add(folder, made.path.file_name().unwrap_or(OsStr::new("")), &made.stamp, made.owner));
    }
    files
}
