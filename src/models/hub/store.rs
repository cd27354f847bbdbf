//! The shared store of `huggingface_hub` 1.32 and later, `<hub>/blobs`: recognised and read here, never written.
//!
//! A blob of a repository may be a link to a payload there. Such a blob is present, and used. Payloads are named by a hash that
//! only Python's own transfer can verify, so nothing of ours is published; and they are
//! shared: `cache/remove` alone takes one away, by the store's own list of users.

use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::support::bounded;

/// The file that makes a folder a store, and what it holds.
const MARKER: &str = ".huggingface-shared-blobs";
const MARKED: &[u8] = b"1\n";

/// What the name of a blob leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Blob {
    /// Nothing, or a link to nothing.
    Missing,
    /// The bytes themselves.
    Own {
        /// Their size.
        size: u64,
    },
    /// A payload that other repositories may share.
    Shared {
        /// The payload's path.
        payload: PathBuf,
        /// Its size.
        size: u64,
    },
}

impl Blob {
    /// The size of the bytes, if there are any.
    pub const fn size(&self) -> Option<u64> {
        match self {
            Self::Missing => None,
            Self::Own { size } | Self::Shared { size, .. } => Some(*size),
        }
    }
}

/// The store of the cache `hub`, if it has one: a real folder with the marker in it.
pub fn folder(hub: &Path) -> Option<PathBuf> {
    let folder = hub.join("blobs");
    let marker = folder.join(MARKER);
    let real = fs::symlink_metadata(&folder).is_ok_and(|metadata| metadata.is_dir())
        && fs::symlink_metadata(&marker).is_ok_and(|metadata| metadata.is_file());
    (real && bounded::read(&marker, 64).is_ok_and(|bytes| bytes == MARKED)).then_some(folder)
}

/// Where the payload of the blob at `path` belongs, if that is a link into its hub's store, nothing is there, and the store has the list of its
/// users still, as after a client that knows no store has deleted it. A payload without its list nobody would ever take away.
pub fn gone(path: &Path) -> Option<PathBuf> {
    let repository = path.parent()?.parent()?;
    let store = folder(repository.parent()?)?;
    let leads = fs::read_link(path).ok()?;
    let mut parts = leads.strip_prefix("../../blobs").ok()?.components();
    let (Some(Component::Normal(shard)), Some(Component::Normal(name)), None) =
        (parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let payload = store.join(shard).join(name);
    let list = payload.with_extension("refs");
    let is_listed = fs::symlink_metadata(&list).is_ok_and(|list| list.is_file());
    (is_listed && fs::symlink_metadata(&payload).is_err()).then_some(payload)
}

/// What the blob at `path`, of a repository in the cache `hub`, is.
pub fn look(path: &Path, hub: &Path) -> Blob {
    let Ok(metadata) = fs::metadata(path) else { return Blob::Missing };
    if !metadata.is_file() {
        return Blob::Missing;
    }
    let size = metadata.len();
    let payload = fs::read_link(path).ok().and_then(|_| fs::canonicalize(path).ok());
    let store = folder(hub).and_then(|store| fs::canonicalize(store).ok());
    match (payload, store) {
        (Some(payload), Some(store)) if payload.starts_with(&store) => Blob::Shared { payload, size },
        _ => Blob::Own { size },
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_store_is_known_by_its_marker_and_a_blob_in_it_by_one_hop() {
        let room = tempfile::tempdir().unwrap();
        let hub = room.path().canonicalize().unwrap();
        fs::create_dir_all(hub.join("blobs/ab")).unwrap();
        fs::create_dir_all(hub.join("models--o--n/blobs")).unwrap();
        fs::write(hub.join("blobs/ab/abcd"), "12345").unwrap();
        let link = hub.join("models--o--n/blobs/etag");
        symlink("../../blobs/ab/abcd", &link).unwrap();

        assert_eq!(look(&link, &hub), Blob::Own { size: 5 }, "without the marker it is no store");
        fs::write(hub.join("blobs").join(MARKER), "2\n").unwrap();
        assert_eq!(folder(&hub), None, "of another version");
        fs::write(hub.join("blobs").join(MARKER), MARKED).unwrap();
        assert_eq!(look(&link, &hub), Blob::Shared { payload: hub.join("blobs/ab/abcd"), size: 5 });
        fs::remove_file(hub.join("blobs/ab/abcd")).unwrap();
        assert_eq!((look(&link, &hub), gone(&link)), (Blob::Missing, None));
        fs::write(hub.join("blobs/ab/abcd.refs"), "models--o--n/blobs/etag\n").unwrap();
        assert_eq!(gone(&link), Some(hub.join("blobs/ab/abcd")));
    }
}
