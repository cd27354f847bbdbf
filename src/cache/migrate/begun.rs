//! Which of the project's folders a run has begun to empty, noted in the cache while it works: a folder of which everything has come
//! is like any other empty folder, and the run that would have removed it may have been killed.
//!
//! The cache may have come with a clone, so a note is believed of folders in the project alone, to which no link leads, and what it
//! names goes only where it is empty.

use std::io;
use std::path::{Component, Path, PathBuf};

use super::note;
use super::work::link_on_the_way;
use crate::cache::notes::file;
use crate::support::quoted;

/// The most bytes that a note can have: ten thousand paths.
const LARGEST: u64 = 4 << 20;

/// Notes which of `places`, that a run empties, lie in the project.
///
/// # Errors
/// What the disk says: then a killed run may leave an empty folder, and nothing else is worse.
pub fn begin<'a>(cache_root: &Path, project: &Path, places: impl Iterator<Item = &'a PathBuf>) -> io::Result<()> {
    let mut names: Vec<String> =
        places.filter_map(|place| Some(quoted::text(place.strip_prefix(project).ok()?.as_os_str()))).collect();
    names.retain(|name| !name.is_empty());
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return Ok(());
    }
    let note = path(cache_root, project);
    // The folder is there, with the lock in it; a link to one came with a clone.
    if !note.parent().is_some_and(file::is_folder) {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    file::replace(&note, &serde_json::to_vec(&names)?)
}

/// The folders that a run noted which did not come to its end, and that are there.
pub fn begun(cache_root: &Path, project: &Path) -> Vec<PathBuf> {
    let bytes = file::read(&path(cache_root, project), LARGEST).unwrap_or_default();
    let names: Vec<String> = serde_json::from_slice(&bytes).unwrap_or_default();
    let folders = names.iter().filter_map(|name| {
        let below = quoted::path(name);
        let is_plain = below.components().all(|part| matches!(part, Component::Normal(name) if name != ".git"));
        let folder = project.join(&below);
        let is_ours = is_plain && !below.as_os_str().is_empty() && !cache_root.starts_with(&folder);
        (is_ours && folder.is_dir() && link_on_the_way(project, &folder).is_none()).then_some(folder)
    });
    folders.collect()
}

/// Whether there is a note: a run did not come to its end, or was killed in its last moment.
pub fn is_left(cache_root: &Path, project: &Path) -> bool {
    path(cache_root, project).symlink_metadata().is_ok()
}

/// Removes the note: the run has come to its end.
pub fn end(cache_root: &Path, project: &Path) {
    let _ = std::fs::remove_file(path(cache_root, project));
}

fn path(cache_root: &Path, project: &Path) -> PathBuf {
    note(cache_root, project, ".json")
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_note_names_folders_of_the_project_and_is_believed_of_no_others() {
        let room = tempfile::tempdir().unwrap();
        let (project, root) = (room.path().join("p"), room.path().join("p/.cache"));
        for folder in ["p/models/x", "p/.cache/hub", "p/.cache/.modelstrap", "p/.git/refs", "out/empty"] {
            fs::create_dir_all(room.path().join(folder)).unwrap();
        }
        assert!(begin(&project, &project, [project.join("models")].iter()).is_err(), "there is no folder for notes");
        symlink("../out", project.join("link")).unwrap();
        let roots = ["p/models/x", "p/gone", "out/empty", "p"].map(|name| room.path().join(name)).to_vec();
        begin(&root, &project, roots.iter()).unwrap();
        assert_eq!(begun(&root, &project), [project.join("models/x")]);
        let forged = ["models", "../out/empty", "/out", "link/empty", ".cache", ".git", ".git/refs", "", ".", "~"];
        fs::write(path(&root, &project), serde_json::to_vec(&forged).unwrap()).unwrap();
        assert_eq!(begun(&root, &project), [project.join("models")]);
        fs::write(path(&root, &project), "{half").unwrap();
        assert!(begun(&root, &project).is_empty());
        end(&root, &project);
        assert_eq!(fs::read_dir(root.join(".modelstrap")).unwrap().count(), 0);
    }
}
