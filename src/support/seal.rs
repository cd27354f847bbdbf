//! Tells a folder that this machine made from one that came with a clone, a copy or an archive.
//!
//! A project's own folder holds what `undo` obeys, and a repository can commit such a folder, too. So what modelstrap
//! believes carries a seal made of things that no commit can hold: the folder's inode, the nanosecond in which it was
//! made, and its owner. A moved folder keeps its seal; a copied or cloned one has another.

use std::fs;
use std::path::Path;
use std::time::UNIX_EPOCH;

use super::digest;

/// The seal of `folder`; none when it is not a folder (a link to one is not).
pub fn of(folder: &Path) -> Option<String> {
    let metadata = fs::symlink_metadata(folder).ok().filter(fs::Metadata::is_dir)?;
    let made = metadata.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    let (node, owner) = identity(&metadata);
    Some(digest::sha256(format!("modelstrap.seal/1 {node} {} {owner}", made.as_nanos()).as_bytes()))
}

/// True when `seal` is that of `folder`, and `folder` belongs to this user.
pub fn holds(seal: &str, folder: &Path) -> bool {
    of(folder).is_some_and(|own| own == seal) && is_mine(folder)
}

#[cfg(unix)]
fn identity(metadata: &fs::Metadata) -> (u64, u32) {
    use std::os::unix::fs::MetadataExt;
    (metadata.ino(), metadata.uid())
}

#[cfg(unix)]
fn is_mine(folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(folder).is_ok_and(|found| found.uid() == rustix::process::geteuid().as_raw())
}

#[cfg(not(unix))]
fn identity(_: &fs::Metadata) -> (u64, u32) {
    (0, 0)
}

#[cfg(not(unix))]
fn is_mine(_: &Path) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moved_folder_keeps_its_seal_and_another_folder_has_another() {
        let room = tempfile::tempdir().unwrap();
        let (one, two) = (room.path().join("one"), room.path().join("two"));
        fs::create_dir(&one).unwrap();
        let seal = of(&one).unwrap();
        fs::rename(&one, &two).unwrap();
        fs::create_dir(&one).unwrap();
        assert!(holds(&seal, &two));
        assert!(!holds(&seal, &one));
        assert_eq!(of(&room.path().join("none")), None);
    }
}
