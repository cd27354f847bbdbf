//! `trees/COMMIT.json`, read without belief: what huggingface_hub 1.22 and later (and this tool) write down of a whole commit.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use serde::Deserialize;

use crate::fetch::Digest;
use crate::support::bounded;

/// A listing of a million files.
const LARGEST: u64 = 256 << 20;

/// A file of the commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cache) struct Node {
    pub(in crate::cache) size: u64,
    pub(in crate::cache) digest: Option<Digest>,
}

#[derive(Deserialize)]
struct Tree {
    format_version: u32,
    files: HashMap<String, Raw>,
}

#[derive(Deserialize)]
struct Raw {
    size: u64,
    blob_id: Option<String>,
    lfs_sha256: Option<String>,
    lfs_size: Option<u64>,
}

/// The files of the commit by their paths; `None` where there is no listing, or none that this version understands.
///
/// # Errors
/// When it is there and cannot be read.
pub(in crate::cache) fn read(path: &Path) -> io::Result<Option<HashMap<String, Node>>> {
    match bounded::read(path, LARGEST) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        bytes => Ok(parse(&bytes?)),
    }
}

fn parse(bytes: &[u8]) -> Option<HashMap<String, Node>> {
    let tree: Tree = serde_json::from_slice(bytes).ok()?;
    let node = |raw: &Raw| {
        // Git's name of a large file is that of the text that stands for it.
        let hex = raw.lfs_sha256.as_ref().or(raw.blob_id.as_ref());
        Node { size: raw.lfs_size.unwrap_or(raw.size), digest: hex.and_then(|hex| Digest::from_hex(hex)) }
    };
    (tree.format_version == 1).then(|| tree.files.iter().map(|(path, raw)| (path.clone(), node(raw))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_file_is_named_by_its_bytes_and_a_small_one_by_git() {
        let (git, sha) = ("ab".repeat(20), "cd".repeat(32));
        let text = format!(
            r#"{{"format_version":1,"files":{{"a":{{"size":9,"blob_id":"{git}"}},
            "b":{{"size":9,"blob_id":"{git}","lfs_sha256":"{sha}","lfs_size":9,"xet_hash":"x"}}}}}}"#
        );
        let tree = parse(text.as_bytes()).unwrap();
        let hex = |path: &str| tree[path].digest.map(|digest| digest.hex());
        assert_eq!((hex("a"), hex("b")), (Some(git), Some(sha)));
        assert_eq!(parse(br#"{"format_version":2,"files":{}}"#), None);
    }

    proptest::proptest! {
        #[test]
        fn no_listing_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200), text in ".{0,80}") {
            let _ = parse(&bytes);
            let json = format!(r#"{{"format_version":1,"files":{{{text:?}:{{"size":1,"blob_id":{text:?}}}}}}}"#);
            let _ = parse(json.as_bytes());
        }
    }
}
