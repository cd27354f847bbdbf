//! What the official cache must look like after a download, to be compared with what a client has left.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::Hub;
use super::content::{Content, hex};
use super::repository::{File, Kind};

/// A folder as text: the path of each file and link, and `N bytes, sha256 …` or `-> target` for it.
pub(crate) type Tree = BTreeMap<String, String>;

/// Everything below `folder`.
pub(crate) fn tree(folder: &Path) -> Tree {
    let mut found = Tree::new();
    walk(folder, "", &mut found);
    found
}

/// The files of a repository's folder in a cache that every client writes alike: references, snapshots and blobs.
pub(crate) fn shared_part(folder: &Path) -> Tree {
    let shared = |path: &String| ["refs/", "snapshots/", "blobs/"].iter().any(|part| path.starts_with(part));
    tree(folder).into_iter().filter(|(path, _)| shared(path)).collect()
}

fn walk(folder: &Path, prefix: &str, found: &mut Tree) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (kind, name) = (entry.file_type().unwrap(), entry.file_name().into_string().unwrap());
        let path = format!("{prefix}{name}");
        if kind.is_symlink() {
            found.insert(path, format!("-> {}", fs::read_link(entry.path()).unwrap().to_str().unwrap()));
        } else if kind.is_dir() {
            walk(&entry.path(), &format!("{path}/"), found);
        } else {
            found.insert(path, described(&fs::read(entry.path()).unwrap()));
        }
    }
}

fn described(bytes: &[u8]) -> String {
    use sha2::{Digest as _, Sha256};
    format!("{} bytes, sha256 {}", bytes.len(), hex(&Sha256::digest(bytes)))
}

impl Hub {
    /// What [`shared_part`] must say of `models--org--name` after `revision` was downloaded, as far as `kept` wants it.
    pub(crate) fn expected_cache(&self, kind: Kind, id: &str, revision: &str, kept: impl Fn(&str) -> bool) -> Tree {
        let store = self.world.store();
        let commit = store.find(kind, id).and_then(|repository| repository.commit(revision)).unwrap();
        let mut expected = Tree::new();
        for file in commit.files.iter().filter(|file| kept(&file.path)) {
            expected.insert(format!("snapshots/{}/{}", commit.id, file.path), format!("-> {}", pointer(file)));
            expected.insert(format!("blobs/{}", file.etag()), content(&file.content));
        }
        if revision != commit.id {
            expected.insert(format!("refs/{revision}"), described(commit.id.as_bytes()));
        }
        expected
    }
}

fn pointer(file: &File) -> String {
    format!("{}blobs/{}", "../".repeat(2 + file.path.matches('/').count()), file.etag())
}

fn content(content: &Content) -> String {
    format!("{} bytes, sha256 {}", content.size(), content.sha256())
}
