//! A project whose models lie in many places, and what can be asked of its files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

pub(crate) use crate::support::bytes::sha256;
use crate::support::project::Room;

pub(crate) const COMMIT: &str = "1111111111111111111111111111111111111111";
pub(crate) const ORG: &str = ".cache/huggingface/hub/models--org--name";

/// Flags by which everything counts, however small or young.
pub(crate) const ALL: [&str; 5] = ["dedupe", "--min-size", "1B", "--grace", "0"];
/// The same, without a question.
pub(crate) const GO: [&str; 6] = ["dedupe", "--min-size", "1B", "--grace", "0", "--yes"];

/// Bytes that are the same for the same `seed`, and large enough for `./models` to count.
pub(crate) fn weights(seed: u8) -> Vec<u8> {
    (0..1_100_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8 ^ seed).collect()
}

/// Puts `bytes` into a repository: a blob by its name, a link in a revision, a reference.
pub(crate) fn blob(room: &Room, repository: &str, file: &str, bytes: &[u8]) -> String {
    let name = format!("{repository}/blobs/{}", sha256(bytes));
    room.write(&name, bytes);
    room.write(&format!("{repository}/refs/main"), COMMIT);
    let link = room.place(&format!("{repository}/snapshots/{COMMIT}/{file}"));
    fs::create_dir_all(link.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(format!("../../blobs/{}", sha256(bytes)), link).unwrap();
    name
}

/// Puts `bytes` where `local_dir=` would, with the note that it leaves.
pub(crate) fn local(room: &Room, folder: &str, file: &str, bytes: &[u8]) -> String {
    let name = format!("{folder}/{file}");
    room.write(&name, bytes);
    let note = format!("{COMMIT}\n{}\n{}.5\n", sha256(bytes), now());
    room.write(&format!("{folder}/.cache/huggingface/download/{file}.metadata"), note);
    name
}

pub(crate) fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

pub(crate) fn inode(path: &Path) -> u64 {
    path.symlink_metadata().unwrap().ino()
}

/// Every file below `root` and its bytes, links by what is read through them.
pub(crate) fn contents(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    walk(root, &mut |path| {
        if let Ok(bytes) = fs::read(path) {
            found.insert(path.strip_prefix(root).unwrap().to_path_buf(), bytes);
        }
    });
    found
}

/// What is one file, by names; each file's mode; where each link leads.
pub(crate) type Shape = (BTreeSet<Vec<PathBuf>>, BTreeMap<PathBuf, u32>, BTreeMap<PathBuf, PathBuf>);

pub(crate) fn shape(root: &Path) -> Shape {
    let mut inodes: BTreeMap<(u64, u64), Vec<PathBuf>> = BTreeMap::new();
    let (mut modes, mut links) = (BTreeMap::new(), BTreeMap::new());
    walk(root, &mut |path| {
        let found = path.symlink_metadata().unwrap();
        let name = path.strip_prefix(root).unwrap().to_path_buf();
        if found.is_symlink() {
            links.insert(name, fs::read_link(path).unwrap());
        } else {
            inodes.entry((found.dev(), found.ino())).or_default().push(name.clone());
            modes.insert(name, found.mode());
        }
    });
    let mut one: BTreeSet<Vec<PathBuf>> = BTreeSet::new();
    for mut names in inodes.into_values() {
        names.sort();
        one.insert(names);
    }
    (one, modes, links)
}

/// Files that the tool keeps for itself in the cache root are left out.
fn walk(folder: &Path, see: &mut impl FnMut(&Path)) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.symlink_metadata().unwrap().is_dir() {
            if !path.ends_with(".cache/.modelstrap") {
                walk(&path, see);
            }
        } else {
            see(&path);
        }
    }
}
