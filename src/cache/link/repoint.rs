//! A link that this tool made, led to where its content is from now on: who moves contents asks for that before the old name goes,
//! so that there is no moment in which the link leads nowhere.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use super::roots::note;
use crate::support::folder::{self, Folder, Kind};

/// Leads `link`, which leads to `old`, to `new`: noted first, then in one step.
///
/// # Errors
/// What the disk says; where the link is another one by now. Then it is as it was.
pub fn repoint(cache_root: &Path, link: &Path, old: &Path, new: &Path) -> io::Result<()> {
    led(cache_root, link, old, new, || note(cache_root, link, new))
}

/// The same for a link that somebody else made: nothing is noted.
///
/// # Errors
/// What the disk says; where the link is another one by now. Then it is as it was.
pub fn lead(cache_root: &Path, link: &Path, old: &Path, new: &Path) -> io::Result<()> {
    led(cache_root, link, old, new, || Ok(()))
}

fn led(
    cache_root: &Path,
    link: &Path,
    old: &Path,
    new: &Path,
    note: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    let (parent, name) = link.parent().zip(link.file_name()).ok_or(io::ErrorKind::NotFound)?;
    let parent = folder::open(&parent.canonicalize()?)?;
    if !leads(&parent, name, old) {
        return Err(changed());
    }
    note()?;
    let temporary = super::temporary(&super::prefix(cache_root), name);
    let temporary = OsStr::new(&temporary);
    remove_link(&parent, temporary);
    parent.symlink(temporary, new)?;
    let swapped = swap(&parent, temporary, name, old);
    remove_link(&parent, temporary);
    swapped
}

/// Removes what a killed run left beside `link`: the new link that had not its place yet, or the old one that had lost it.
pub fn tidy_beside(cache_root: &Path, link: &Path) {
    let Some((parent, name)) = link.parent().zip(link.file_name()) else { return };
    let Ok(parent) = parent.canonicalize().and_then(|parent| folder::open(&parent)) else { return };
    remove_link(&parent, OsStr::new(&super::temporary(&super::prefix(cache_root), name)));
}

/// A file of that name is one that `dedupe` replaced: it compares it with the other before that one goes.
fn remove_link(parent: &Folder, temporary: &OsStr) {
    if parent.find(temporary).is_ok_and(|found| found.is_some_and(|found| found.kind == Kind::Link)) {
        let _ = parent.unlink(temporary);
    }
}

fn swap(parent: &Folder, temporary: &OsStr, name: &OsStr, old: &Path) -> io::Result<()> {
    match parent.exchange(temporary, name) {
        Ok(()) if leads(parent, temporary, old) => Ok(()),
        Ok(()) => parent.exchange(temporary, name).and_then(|()| Err(changed())),
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {
            if leads(parent, name, old) {
                parent.replace(temporary, name)
            } else {
                Err(changed())
            }
        }
        Err(error) => Err(error),
    }
}

fn leads(parent: &Folder, name: &OsStr, target: &Path) -> bool {
    parent.target(name).is_ok_and(|text| text == target)
}

fn changed() -> io::Error {
    io::Error::other("it is another link by now")
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_leads_to_the_new_place_and_is_noted_there() {
        let room = tempfile::tempdir().unwrap();
        let room = room.path().canonicalize().unwrap();
        let [link, old, new] = ["link", "old", "new"].map(|name| room.join(name));
        symlink(&old, &link).unwrap();
        fs::write(&new, "bytes").unwrap();
        repoint(&room, &link, &old, &new).unwrap();
        assert_eq!(fs::read_link(&link).unwrap(), new);
        let roots = super::super::roots(&room).unwrap();
        assert_eq!(roots.iter().map(|root| (&root.link, &root.target)).collect::<Vec<_>>(), [(&link, &new)]);
        assert_eq!(fs::read_dir(&room).unwrap().count(), 3, "link, new, notes");
    }

    #[test]
    fn what_is_no_such_link_stays() {
        let room = tempfile::tempdir().unwrap();
        let room = room.path().canonicalize().unwrap();
        let [link, old, other] = ["link", "old", "other"].map(|name| room.join(name));
        symlink(&other, &link).unwrap();
        assert!(repoint(&room, &link, &old, &room).is_err());
        assert_eq!(fs::read_link(&link).unwrap(), other);
        fs::remove_file(&link).unwrap();
        fs::write(&link, "mine").unwrap();
        assert!(repoint(&room, &link, &old, &room).is_err());
        assert_eq!(fs::read(&link).unwrap(), b"mine");
    }
}
