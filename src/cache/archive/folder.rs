//! A folder in which things are made, reached from its root by descriptors: a link on the way is refused by the system itself, also
//! when somebody puts it there between two steps.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::names::to_path;
use crate::support::folder;

/// An open folder, whose names are those of an archive.
#[derive(Debug)]
pub struct Folder {
    open: folder::Folder,
    path: PathBuf,
}

impl Folder {
    /// The folder at `path`, which is made where it is missing. Links on the way to it are a person's own.
    ///
    /// # Errors
    /// What the disk says.
    pub fn root(path: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(path)?;
        Ok(Self { open: folder::open(&path.canonicalize()?)?, path: path.to_path_buf() })
    }

    /// The folder `name` in this one, which is made where it is missing, and whether it was.
    ///
    /// # Errors
    /// What the disk says; a link is none.
    pub fn enter(&self, name: &[u8]) -> io::Result<(Self, bool)> {
        let name = to_path(name);
        let path = self.path.join(&name);
        let made = match self.open.make(name.as_os_str(), false) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
            Err(error) => return Err(error),
        };
        let open = self.open.enter(name.as_os_str()).map_err(|error| {
            if path.is_symlink() {
                return io::Error::other("is a link that leads out of the cache, and nothing is written through it");
            }
            error
        })?;
        Ok((Self { open, path }, made))
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A new file.
    ///
    /// # Errors
    /// What the disk says; also when something is called so.
    pub fn create(&self, name: &[u8], mode: u32) -> io::Result<File> {
        self.open.create(to_path(name).as_os_str(), mode & 0o777)
    }

    /// Moves `name` to `to` in `other`. Without `over`, something that is called so already is an error.
    ///
    /// # Errors
    /// What the disk says.
    pub fn rename(&self, name: &[u8], other: &Self, to: &[u8], over: bool) -> io::Result<()> {
        let (name, to) = (to_path(name), to_path(to));
        match over {
            true => self.open.replace_in(name.as_os_str(), &other.open, to.as_os_str()),
            false => self.open.rename(name.as_os_str(), &other.open, to.as_os_str()),
        }
    }

    /// A new symbolic link that says `target`.
    ///
    /// # Errors
    /// What the disk says.
    pub fn symlink(&self, name: &[u8], target: &[u8]) -> io::Result<()> {
        self.open.symlink(to_path(name).as_os_str(), &to_path(target))
    }

    /// A second name, `to` in `other`, for the file `name`.
    ///
    /// # Errors
    /// What the disk says; also when something is called so.
    pub fn hard_link(&self, name: &[u8], other: &Self, to: &[u8]) -> io::Result<()> {
        self.open.hard_link(to_path(name).as_os_str(), &other.open, to_path(to).as_os_str())
    }

    /// Removes the file or link `name`.
    ///
    /// # Errors
    /// What the disk says.
    pub fn unlink(&self, name: &[u8]) -> io::Result<()> {
        self.open.unlink(to_path(name).as_os_str())
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn a_link_on_the_way_is_refused_and_nothing_is_replaced_unasked() {
        let room = tempfile::tempdir().unwrap();
        let out = tempfile::tempdir().unwrap();
        let root = Folder::root(room.path()).unwrap();
        std::os::unix::fs::symlink(out.path(), room.path().join("link")).unwrap();
        assert!(root.enter(b"link").unwrap_err().to_string().contains("leads out of the cache"));
        let (inside, made) = root.enter(b"inside").unwrap();
        assert!(made && !root.enter(b"inside").unwrap().1);
        for name in [b"a", b"b"] {
            drop(inside.create(name, 0o644).unwrap());
        }
        assert_eq!(inside.rename(b"a", &inside, b"b", false).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        inside.rename(b"a", &inside, b"b", true).unwrap();
        inside.hard_link(b"b", &root, b"c").unwrap();
        inside.symlink(b"d", b"../c").unwrap();
        inside.unlink(b"b").unwrap();
        assert_eq!(std::fs::read(room.path().join("inside/d")).unwrap(), b"");
        assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 0);
    }
}
