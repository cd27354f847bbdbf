//! The links into a hub that this tool made: whoever deletes in the hub must know of them, since what they lead to is used.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::notes::room;
use crate::cache::notes::{FOLDER, file};

/// The file: a JSON document a line.
const FILE: &str = "links.jsonl";

/// The most bytes that are read of it: 100,000 links.
const LARGEST: u64 = 64 << 20;

/// A link that stands, and the file in the hub that it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// The link.
    pub link: PathBuf,
    /// What it leads to.
    pub target: PathBuf,
}

/// A path as text where it is text, else its bytes in hexadecimal.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Written {
    Text(String),
    Bytes(String),
}

#[derive(Serialize, Deserialize)]
struct Line {
    link: Written,
    target: Written,
}

/// The links into the hubs of the cache at `cache_root` that still stand as they were made.
pub fn roots(cache_root: &Path) -> Vec<Root> {
    let folder = cache_root.join(FOLDER);
    let bytes = match file::is_folder(&folder) {
        true => file::read(&folder.join(FILE), LARGEST).unwrap_or_default(),
        false => Vec::new(),
    };
    let mut roots: Vec<Root> = parse(&bytes).filter(stands).collect();
    roots.sort_unstable_by(|one, other| one.link.cmp(&other.link));
    roots.dedup();
    roots
}

fn stands(root: &Root) -> bool {
    fs::read_link(&root.link).is_ok_and(|target| target == root.target)
}

/// Notes that `link` is about to lead to `target`: before it does, so that there is no moment in which nobody knows of it.
#[cfg_attr(not(unix), allow(dead_code, reason = "nothing is replaced there"))]
pub(super) fn note(cache_root: &Path, link: &Path, target: &Path) -> io::Result<()> {
    // A line of its own, should the last one have been cut short.
    let text = format!("\n{}\n", line(link, target));
    file::append_durably(&room(cache_root)?.join(FILE), &text)
}

/// The line that says that `link` leads to `target`.
pub fn line(link: &Path, target: &Path) -> String {
    // Nothing in it can fail to be JSON.
    serde_json::to_string(&Line { link: write(link), target: write(target) }).unwrap_or_default()
}

fn parse(bytes: &[u8]) -> impl Iterator<Item = Root> {
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.filter_map(|line| {
        let line: Line = serde_json::from_slice(line).ok()?;
        let (link, target) = (read(line.link)?, read(line.target)?);
        (link.is_absolute() && target.is_absolute()).then_some(Root { link, target })
    })
}

fn write(path: &Path) -> Written {
    match path.to_str() {
        Some(text) => Written::Text(text.to_owned()),
        None => {
            let bytes = path.as_os_str().as_encoded_bytes();
            Written::Bytes(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
        }
    }
}

fn read(written: Written) -> Option<PathBuf> {
    match written {
        Written::Text(text) => Some(text.into()),
        Written::Bytes(hex) => {
            let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
            let bytes = pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect::<Option<Vec<u8>>>()?;
            of_bytes(bytes)
        }
    }
}

#[cfg(unix)]
fn of_bytes(bytes: Vec<u8>) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt as _;
    Some(std::ffi::OsString::from_vec(bytes).into())
}

#[cfg(not(unix))]
fn of_bytes(bytes: Vec<u8>) -> Option<PathBuf> {
    String::from_utf8(bytes).ok().map(Into::into)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::ffi::OsStrExt as _;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_link_is_a_root_while_it_leads_where_it_did() {
        let room = tempfile::tempdir().unwrap();
        let target = room.path().join("blob");
        let strange = room.path().join(std::ffi::OsStr::from_bytes(b"a\n\xff\"b"));
        let other = room.path().join("other");
        for link in [&strange, &other] {
            std::os::unix::fs::symlink(&target, link).unwrap();
            note(room.path(), link, &target).unwrap();
        }
        note(room.path(), &room.path().join("never made"), &target).unwrap();
        let root = |link: &Path| Root { link: link.to_path_buf(), target: target.clone() };
        let mut expected = vec![root(&strange), root(&other)];
        expected.sort_unstable_by(|one, other| one.link.cmp(&other.link));
        assert_eq!(roots(room.path()), expected);
        fs::remove_file(&other).unwrap();
        std::os::unix::fs::symlink("elsewhere", &other).unwrap();
        assert_eq!(roots(room.path()), [root(&strange)]);
    }

    #[test]
    fn nothing_is_noted_through_a_link() {
        let room = tempfile::tempdir().unwrap();
        let (root, victim) = (room.path().join("cache"), room.path().join("victim"));
        fs::create_dir_all(root.join(FOLDER)).unwrap();
        fs::create_dir(&victim).unwrap();
        fs::write(victim.join(FILE), "mine").unwrap();
        let linked = root.join(FOLDER).join(FILE);
        std::os::unix::fs::symlink(victim.join(FILE), &linked).unwrap();
        let error = note(&root, Path::new("/a"), Path::new("/b")).unwrap_err().to_string();
        let expected = format!("{} is a link, and nothing is written through one: remove it", linked.display());
        assert_eq!(error, expected);
        crate::support::delete::tree(&root.join(FOLDER), &root).unwrap();
        std::os::unix::fs::symlink(&victim, root.join(FOLDER)).unwrap();
        assert!(note(&root, Path::new("/a"), Path::new("/b")).is_err());
        assert!(super::super::remember(&root, "hashes").is_err());
        assert!(super::super::guard(&root, std::time::Duration::ZERO, || {}).is_err());
        assert_eq!(fs::read(victim.join(FILE)).unwrap(), b"mine");
        assert_eq!(fs::read_dir(&victim).unwrap().count(), 1);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in any::<Vec<u8>>(), text in any::<String>()) {
            parse(&bytes).for_each(drop);
            let line = format!("{{\"link\":{{\"bytes\":{text:?}}},\"target\":{{\"text\":\"/a\"}}}}");
            parse(line.as_bytes()).for_each(drop);
        }
    }
}
