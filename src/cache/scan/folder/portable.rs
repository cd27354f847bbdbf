//! Folders by path, with the standard library alone: what Windows can do. Hard links are not seen there.

use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::{Kind, Look, Mounted};

/// A name in a folder.
pub(in crate::cache::scan) type Name = OsStr;
/// The same, owned.
pub(in crate::cache::scan) type NameBuf = OsString;

/// A name as paths have it.
pub(in crate::cache::scan) fn text(name: &Name) -> &OsStr {
    name
}

/// A name of ours.
pub(in crate::cache::scan) fn name(text: &str) -> NameBuf {
    text.into()
}

/// A folder that was there when it was opened.
#[derive(Debug)]
pub(in crate::cache::scan) struct Folder(PathBuf);

impl Folder {
    /// The folder at `path`, links in it followed: it was given by a person or by the manifest.
    pub(in crate::cache::scan) fn open(path: &Path, _: Option<&Arc<Mounted>>) -> io::Result<Self> {
        if fs::metadata(path)?.is_dir() {
            Ok(Self(path.to_path_buf()))
        } else {
            Err(io::ErrorKind::NotADirectory.into())
        }
    }

    /// The folder `name` in this one; a link is refused.
    pub(in crate::cache::scan) fn enter(&self, name: &Name) -> io::Result<Self> {
        let path = self.0.join(name);
        if fs::symlink_metadata(&path)?.is_dir() { Ok(Self(path)) } else { Err(io::ErrorKind::NotADirectory.into()) }
    }

    /// Calls `each` for everything in it, in the disk's order.
    pub(in crate::cache::scan) fn each(
        &self,
        _: &mut Vec<u8>,
        mut each: impl FnMut(&Name, Kind) -> io::Result<()>,
    ) -> io::Result<()> {
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            let kind = match (kind.is_symlink(), kind.is_dir(), kind.is_file()) {
                (true, ..) => Kind::Link,
                (_, true, _) => Kind::Folder,
                (.., true) => Kind::File,
                _ => Kind::Other,
            };
            each(&entry.file_name(), kind)?;
        }
        Ok(())
    }

    /// What `name` is; of a link, the link itself.
    pub(in crate::cache::scan) fn look(&self, name: &Name) -> io::Result<Look> {
        Ok(look(&fs::symlink_metadata(self.0.join(name))?))
    }

    /// What it takes on the disk itself; Windows keeps small folders in its table of files.
    pub(in crate::cache::scan) fn own(&self) -> Look {
        Look::default()
    }

    /// Where the link `name` leads, with `/` between folders.
    pub(in crate::cache::scan) fn target<'a>(&self, name: &Name, room: &'a mut [u8]) -> io::Result<&'a [u8]> {
        let target = fs::read_link(self.0.join(name))?.to_string_lossy().replace('\\', "/");
        let count = target.len().min(room.len());
        room[..count].copy_from_slice(&target.as_bytes()[..count]);
        Ok(&room[..count])
    }

    /// The beginning of the file `name`, as much as `room` takes; a link is refused.
    pub(in crate::cache::scan) fn read<'a>(&self, name: &Name, room: &'a mut [u8]) -> io::Result<&'a [u8]> {
        let path = self.0.join(name);
        if !fs::symlink_metadata(&path)?.is_file() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let count = fs::File::open(path)?.read(room)?;
        Ok(&room[..count])
    }
}

fn look(found: &Metadata) -> Look {
    let seconds = |time: io::Result<SystemTime>| {
        let since = time.ok().and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
        since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
    };
    let changed = seconds(found.modified());
    Look {
        size: found.len(),
        disk: found.len(),
        id: (0, 0),
        links: 1,
        used: changed.max(seconds(found.accessed())),
        changed,
    }
}
