//! Who is at work on a file, as the locks say: Python's in `.locks/REPOSITORY/ETAG.lock`, those on our own unfinished files.
//!
//! They are asked for, never made, and never believed alone: on some network disks everybody gets every lock.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::platform::locks;
use crate::support::folder::Folder;

/// The endings of files that carry a lock.
const LOCKS: [&str; 3] = [".lock", ".part", ".soft"];

/// Whether a file of this name carries a lock.
pub fn is_lock(name: &OsStr) -> bool {
    LOCKS.iter().any(|end| name.as_encoded_bytes().ends_with(end.as_bytes()))
}

/// Whether another process holds the lock on the file `name`. What cannot be opened might be held.
pub(super) fn is_held(folder: &Folder, name: &OsStr) -> bool {
    matches!(hold(folder, name), Held::ByAnother)
}

/// What came of asking for a lock.
#[derive(Debug)]
pub(super) enum Held {
    /// We have it while this lives; `None` where there is no such lock.
    ByUs(#[allow(dead_code, reason = "it is held, not used")] Option<File>),
    /// Somebody else has it, or it cannot be told.
    ByAnother,
}

/// Takes the lock on the file `name` in common with other readers: who writes cannot have it meanwhile.
pub(super) fn hold(folder: &Folder, name: &OsStr) -> Held {
    let file = match folder.open_file(name) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Held::ByUs(None),
        Err(_) => return Held::ByAnother,
    };
    if locks::is_free(&file, name) { Held::ByUs(Some(file)) } else { Held::ByAnother }
}

/// Takes Python's lock on the content `etag` of the repository `repository` in `hub`.
pub(super) fn hold_blob(hub: &Folder, repository: &OsStr, etag: &OsStr) -> Held {
    let mut name = etag.to_os_string();
    name.push(".lock");
    match hub.descend(&Path::new(".locks").join(repository)) {
        Ok(folder) => hold(&folder, &name),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Held::ByUs(None),
        Err(_) => Held::ByAnother,
    }
}

/// Whether somebody fetches anything of the repository: the name of the first lock that is held.
pub(super) fn busy(hub: &Folder, repository: &OsStr) -> Option<OsString> {
    let folder = match hub.descend(&Path::new(".locks").join(repository)) {
        Ok(folder) => folder,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(_) => return Some(".locks".into()),
    };
    match folder.names() {
        Ok(names) => names.into_iter().find(|name| is_lock(name) && is_held(&folder, name)),
        Err(_) => Some(".locks".into()),
    }
}

/// The names of the locks that speak for the plain file `name` beside them: on itself, on the unfinished bytes that it describes.
pub fn names_for(name: &OsStr) -> Vec<OsString> {
    let path = Path::new(name);
    let mut beside = name.to_os_string();
    beside.push(".lock");
    let mut names = vec![beside];
    names.extend(is_lock(name).then(|| name.to_os_string()));
    if path.extension().is_some_and(|end| end == "state" || end == "part") {
        names.extend(["part", "lock"].map(|end| path.with_extension(end).into_os_string()));
    }
    names
}

/// Of an unfinished download of Python's, the content that it becomes: `ETAG.incomplete`, `ETAG.12345678.incomplete`.
pub fn content_of(name: &OsStr) -> Option<&OsStr> {
    let is_unfinished = Path::new(name).extension().is_some_and(|end| end == "incomplete");
    is_unfinished.then(|| OsStr::new(name.to_str().and_then(|name| name.split('.').next()).unwrap_or_default()))
}

/// Where the lock on the content `etag` lies of the repository in `folder`, `…/models--org--name`.
pub fn of_content(folder: &Path, etag: &OsStr) -> Option<PathBuf> {
    let mut name = etag.to_os_string();
    name.push(".lock");
    Some(folder.parent()?.join(".locks").join(folder.file_name()?).join(name))
}

/// The locks in `folder` that speak for the plain file `name` there.
pub(super) fn of_file(folder: &Folder, name: &OsStr) -> Vec<Held> {
    names_for(name).iter().map(|name| hold(folder, name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::folder;

    #[test]
    fn a_lock_that_somebody_holds_is_seen_and_one_that_nobody_made_is_not_made() {
        let room = tempfile::tempdir().unwrap();
        let hub = room.path().canonicalize().unwrap();
        let at = folder::open(&hub).unwrap();
        let repository = OsStr::new("models--o--m");
        assert!(matches!(hold_blob(&at, repository, OsStr::new("e")), Held::ByUs(None)));
        assert_eq!(busy(&at, repository), None);
        assert!(!hub.join(".locks").exists());

        std::fs::create_dir_all(hub.join(".locks/models--o--m")).unwrap();
        let lock = File::create(hub.join(".locks/models--o--m/e.lock")).unwrap();
        assert_eq!(busy(&at, repository), None);
        lock.lock().unwrap();
        assert!(matches!(hold_blob(&at, repository, OsStr::new("e")), Held::ByAnother));
        assert_eq!(busy(&at, repository), Some("e.lock".into()));

        let part = File::create(hub.join("a.part")).unwrap();
        std::fs::write(hub.join("a.state"), "").unwrap();
        let is_held = |name: &str| of_file(&at, OsStr::new(name)).iter().any(|held| matches!(held, Held::ByAnother));
        assert!(!is_held("a.state"));
        part.lock().unwrap();
        assert!(is_held("a.state") && is_held("a.part"));
    }
}
