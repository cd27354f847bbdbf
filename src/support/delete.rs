//! The one way to delete a tree of ours. It never follows a link, and refuses what cannot be a folder of ours.

use std::fs;
use std::io;
use std::path::Path;

/// Removes the tree at `path`, which must lie strictly inside `inside`; a link in it is removed, not followed.
///
/// # Errors
/// When `path` is not strictly inside `inside`, is reached through `..`, or cannot be removed.
pub fn tree(path: &Path, inside: &Path) -> io::Result<()> {
    let strictly_inside = path.strip_prefix(inside).is_ok_and(|rest| rest.components().next().is_some());
    if !strictly_inside || super::paths::has_parent_component(path) {
        return Err(io::Error::other(format!(
            "refusing to remove {}: not inside {}",
            path.display(),
            inside.display()
        )));
    }
    if fs::symlink_metadata(path)?.is_dir() {
        #[expect(clippy::disallowed_methods, reason = "this is the one place; std's version does not follow links")]
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_outside_is_refused_and_a_link_out_is_not_followed() {
        let room = tempfile::tempdir().unwrap();
        let ours = room.path().join("ours");
        let theirs = room.path().join("theirs");
        fs::create_dir_all(ours.join("sub")).unwrap();
        fs::create_dir_all(&theirs).unwrap();
        fs::write(theirs.join("keep"), "x").unwrap();
        std::os::unix::fs::symlink(&theirs, ours.join("sub/link")).unwrap();

        assert!(tree(&theirs, &ours).is_err());
        assert!(tree(&ours, &ours).is_err());
        assert!(tree(&ours.join("../theirs"), &ours).is_err());
        tree(&ours.join("sub"), &ours).unwrap();

        assert!(!ours.join("sub").exists());
        assert!(theirs.join("keep").exists());
    }
}
