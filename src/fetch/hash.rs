//! Digests of files, with the processor's own instructions: `sha2` and `sha1` find those out when they run (SHA-NI on x86-64,
//! the SHA-2 extension on arm64).

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use super::{Digest, Proof};

/// How much of a file is best read at once, in bytes: it stays in the second-level cache between the kernel's copy and the hash.
pub const BLOCK: usize = 256 << 10;

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

/// The digest of the file at `path`, of the same kind as `like`, and its size in bytes; `None` if the person stopped it. `block`
/// is where it is read to, a block at a time; `progress` gets the number of bytes of each.
///
/// # Errors
/// What the disk says; also when the file changes its size meanwhile.
pub fn hash_file(path: &Path, like: &Digest, block: &mut [u8], progress: &dyn Fn(u64)) -> io::Result<Option<Proof>> {
    // Asked before it is opened: opening a pipe would wait for its writer.
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("is not a regular file"));
    }
    let file = crate::support::quiet::file(path)?;
    read_ahead(&file);
    let read = match like {
        Digest::Sha256(_) => digest_of(file, Sha256::new(), block, progress)?
            .map(|(bytes, size)| Proof { digest: Digest::Sha256(bytes.into()), size }),
        Digest::Git(_) => {
            let hasher = Sha1::new_with_prefix(format!("blob {}\0", metadata.len()));
            digest_of(file, hasher, block, progress)?
                .map(|(bytes, size)| Proof { digest: Digest::Git(bytes.into()), size })
        }
    };
    if read.as_ref().is_some_and(|proof| proof.size != metadata.len()) {
        return Err(io::Error::other("changed while it was read"));
    }
    Ok(read)
}

/// The digest of what `file` holds and its size; `None` if the person stopped it.
fn digest_of<H: sha2::Digest>(
    mut file: File,
    mut hasher: H,
    block: &mut [u8],
    progress: &dyn Fn(u64),
) -> io::Result<Option<(sha2::digest::Output<H>, u64)>> {
    let mut size = 0;
    loop {
        if crate::support::interrupt::requested() {
            return Ok(None);
        }
        match file.read(block) {
            Ok(0) => return Ok(Some((hasher.finalize(), size))),
            Ok(count) => {
                hasher.update(&block[..count]);
                size += count as u64;
                progress(count as u64);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Tells the kernel that the file is read from one end to the other: Linux then reads twice as far ahead.
#[cfg(target_os = "linux")]
fn read_ahead(file: &File) {
    // Advice only: nothing depends on it.
    let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::Sequential);
}

#[cfg(not(target_os = "linux"))]
fn read_ahead(_: &File) {}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA256: Digest = Digest::Sha256([0; 32]);
    const GIT: Digest = Digest::Git([0; 20]);

    fn digest(path: &Path, like: &Digest) -> (String, u64) {
        let proof = hash_file(path, like, &mut [0; 5], &|_| {}).unwrap().unwrap();
        (proof.digest.hex(), proof.size)
    }

    #[test]
    fn a_file_has_the_names_that_git_and_sha256sum_give_it() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("f");
        std::fs::write(&path, "what is up, doc?").unwrap();
        let sha256 = "af4e812d13b4eae6da91024f15f7679dae49d40aee3fb4c7216b56d04193f46c";
        assert_eq!(digest(&path, &GIT), ("bd9dbf5aae1a3862dd1526723246b20206e5fc37".to_owned(), 16));
        assert_eq!(digest(&path, &SHA256), (sha256.to_owned(), 16));
        let read = std::cell::RefCell::new(Vec::new());
        hash_file(&path, &SHA256, &mut [0; 5], &|count| read.borrow_mut().push(count)).unwrap();
        assert_eq!(*read.borrow(), [5, 5, 5, 1]);
        std::fs::write(&path, "").unwrap();
        let sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(digest(&path, &GIT), ("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391".to_owned(), 0));
        assert_eq!(digest(&path, &SHA256), (sha256.to_owned(), 0));
    }

    #[test]
    fn a_folder_is_not_hashed() {
        assert!(hash_file(tempfile::tempdir().unwrap().path(), &GIT, &mut [0; 5], &|_| {}).is_err());
    }
}
