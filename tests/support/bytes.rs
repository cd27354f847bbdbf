//! Contents and what they are called: digests as the Hub and Git say them, bytes that do not shrink, and damage.

use std::fs;
use std::path::Path;

use modelstrap::fetch::{BLOCK, Digest, hash_file};
use modelstrap::support::digest;

/// The name of a large file's content.
pub(crate) fn sha256(bytes: &(impl AsRef<[u8]> + ?Sized)) -> String {
    digest::sha256(bytes.as_ref())
}

/// The name of a small file's content: Git's.
pub(crate) fn git(bytes: &(impl AsRef<[u8]> + ?Sized)) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    let proof = hash_file(file.path(), &Digest::Git([0; 20]), &mut vec![0; BLOCK], &|_| {}).unwrap().unwrap();
    proof.digest.hex()
}

/// Bytes that do not shrink, the same for the same `seed`.
pub(crate) fn noise(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(size).collect()
}

/// Changes a byte in the middle of a file, read-only or not, and not its time.
pub(crate) fn flip(path: &Path) {
    let mut permissions = fs::metadata(path).unwrap().permissions();
    if permissions.readonly() {
        #[allow(clippy::permissions_set_readonly_false, reason = "a payload is read-only, and this is a test's own")]
        permissions.set_readonly(false);
        fs::set_permissions(path, permissions).unwrap();
    }
    let time = fs::metadata(path).unwrap().modified().unwrap();
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
    fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}
