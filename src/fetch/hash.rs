//! Digests of files, with the processor's own instructions: `sha2` and `sha1` find those out when they run (SHA-NI on x86-64,
//! the SHA-2 extension on arm64).

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use super::{Digest, Proof};

/// Read in blocks that stay in the second-level cache.
const BLOCK: usize = 256 << 10;

/// What is known of a content while it is read from its beginning.
#[derive(Clone)]
pub(super) struct Hasher {
    kind: Kind,
    size: u64,
}

/// One of the two: both for each of 2,000 small files were a sixth of the work.
#[derive(Clone)]
enum Kind {
    Sha256(Sha256),
    Git(Sha1),
}

impl Hasher {
    /// For a content of unknown name, or one that has its SHA-256.
    pub(super) fn new() -> Self {
        Self { kind: Kind::Sha256(Sha256::new()), size: 0 }
    }

    /// For Git's name. Git puts the size before the bytes, so that it has to be known.
    pub(super) fn with_git(size: u64) -> Self {
        let mut git = Sha1::new();
        git.update(format!("blob {size}\0"));
        Self { kind: Kind::Git(git), size: 0 }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match &mut self.kind {
            Kind::Sha256(hash) => hash.update(bytes),
            Kind::Git(hash) => hash.update(bytes),
        }
        self.size += bytes.len() as u64;
    }

    /// How many bytes it has seen.
    pub(super) fn position(&self) -> u64 {
        self.size
    }

    pub(super) fn finish(self) -> Proof {
        let digest = match self.kind {
            Kind::Sha256(hash) => Digest::Sha256(hash.finalize().into()),
            Kind::Git(hash) => Digest::Git(hash.finalize().into()),
        };
        Proof { digest, size: self.size }
    }
}

/// The digest of the file at `path`: SHA-256, or Git's name when `git` is true. `progress` gets the number of bytes of
/// each block that was read.
///
/// # Errors
/// What the disk says; also when the file changes its size meanwhile, or when the person stops the program.
pub fn hash_file(path: &Path, git: bool, progress: &dyn Fn(u64)) -> io::Result<Proof> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("is not a regular file"));
    }
    let size = metadata.len();
    let mut hasher = if git { Hasher::with_git(size) } else { Hasher::new() };
    let mut block = vec![0; BLOCK.min(usize::try_from(size).unwrap_or(BLOCK).max(1))];
    loop {
        if crate::support::interrupt::requested() {
            return Err(io::Error::other("stopped"));
        }
        match file.read(&mut block) {
            Ok(0) => break,
            Ok(count) => {
                hasher.update(&block[..count]);
                progress(count as u64);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    if git && hasher.position() != size {
        return Err(io::Error::other("changed while it was read"));
    }
    Ok(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_the_names_that_git_and_sha256sum_give_it() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("f");
        std::fs::write(&path, "what is up, doc?").unwrap();
        let read = std::cell::Cell::new(0);
        let proof = hash_file(&path, true, &|count| read.set(read.get() + count)).unwrap();
        let plain = hash_file(&path, false, &|_| {}).unwrap();
        assert_eq!(proof.digest.hex(), "bd9dbf5aae1a3862dd1526723246b20206e5fc37");
        assert_eq!(plain.digest.hex(), "af4e812d13b4eae6da91024f15f7679dae49d40aee3fb4c7216b56d04193f46c");
        assert_eq!((proof.size, read.get()), (16, 16));
        std::fs::write(&path, "").unwrap();
        let empty = hash_file(&path, true, &|_| {}).unwrap();
        assert_eq!(empty.digest.hex(), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
    }

    #[test]
    fn a_folder_is_not_hashed() {
        assert!(hash_file(tempfile::tempdir().unwrap().path(), false, &|_| {}).is_err());
    }
}
