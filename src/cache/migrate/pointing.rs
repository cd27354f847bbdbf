//! Links in the cache that a person made, and that lead out of it: what they lead to may be what moves.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::interrupt;

/// No cache holds folders more deeply in each other.
const DEEPEST: usize = 64;

/// Links in the cache at `cache_root` that lead to absolute places outside of it, and what each says. Repositories are left out: clients
/// make theirs from one to the other of their own folders.
pub fn pointing_out(cache_root: &Path) -> Vec<(PathBuf, PathBuf)> {
    let Ok(root) = cache_root.canonicalize() else { return Vec::new() };
    let (mut found, mut waiting) = (Vec::new(), vec![(root.clone(), 0)]);
    while let Some((folder, depth)) = waiting.pop().filter(|_| !interrupt::requested()) {
        for entry in fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok) {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && depth < DEEPEST && !is_clients(&entry.file_name()) => {
                    waiting.push((entry.path(), depth + 1));
                }
                Ok(kind) if kind.is_symlink() => {
                    let target = fs::read_link(entry.path()).ok();
                    let target = target.filter(|target| target.is_absolute() && !target.starts_with(&root));
                    found.extend(target.map(|target| (entry.path(), target)));
                }
                _ => {}
            }
        }
    }
    found.sort_unstable();
    found
}

/// Whether a client of the Hub, or this tool, looks after what is in the folder of this name.
fn is_clients(name: &std::ffi::OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name == b".modelstrap" || [&b"models--"[..], b"datasets--", b"spaces--"].iter().any(|kind| name.starts_with(kind))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_links_that_lead_out_are_found_and_none_in_a_repository() {
        let room = tempfile::tempdir().unwrap();
        let room = room.path().canonicalize().unwrap();
        let (cache, old) = (room.join("cache"), room.join("old/x.pt"));
        for folder in ["torch/a", "hub/models--o--m/blobs", ".modelstrap/trash"] {
            fs::create_dir_all(cache.join(folder)).unwrap();
            symlink(&old, cache.join(folder).join("link")).unwrap();
        }
        symlink("../../../old/x.pt", cache.join("torch/a/relative")).unwrap();
        symlink(cache.join("torch/a"), cache.join("torch/inside")).unwrap();
        assert_eq!(pointing_out(&cache), [(cache.join("torch/a/link"), old)]);
        assert_eq!(pointing_out(&room.join("none")), []);
    }
}
