//! What names tell of contents, without a byte of them being read.
//!
//! A blob of a hub is called by its SHA-256 or by Git's SHA-1, a blob of ollama `sha256-HEX`, one of an OCI layout lies in
//! `blobs/sha256`. Of a file that `local_dir=` brought a note says the same, and of a file in a revision the commit's listing. A
//! name can lie: what it says makes two files a pair, and only their bytes make them equal.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

use super::files::{File, Files, Name, Role};
use super::{file, work};
use crate::fetch::Digest;
use crate::support::bounded;

/// Where `local_dir=` keeps its notes, below the folder that it filled.
pub(super) const LOCAL: &str = ".cache/huggingface/download";

/// The most bytes of a note: a commit, an entity tag, a time.
const NOTE: usize = 4096;

/// The most bytes of a commit's listing.
const LISTING: u64 = 64 << 20;

/// How much later than the note a file may have been changed, in nanoseconds: huggingface_hub's own rule, one second.
const SLACK: i128 = 1_000_000_000;

/// Adds what notes and listings say of files of which no name says enough. Each note is a file to open, and read by all cores.
pub(super) fn tell(files: &mut Files) {
    let unknown = |file: &File<'_>| file.known().is_none();
    let asked: Vec<u32> = {
        let is_local = |file: &File<'_>| file.names().any(Name::is_local);
        files.iter().filter(is_local).filter(unknown).map(File::at).collect()
    };
    let told = work::map(&asked, |at| noted(files.file(*at)));
    let told = asked.iter().zip(told).filter_map(|(at, told)| Some((*at, told.flatten()?))).collect();
    files.tell(told);
    let mut listings = Listings::default();
    let is_snapshot = |file: &File<'_>| file.names().any(|name| name.role() == Role::Snapshot);
    let asked = files.iter().filter(is_snapshot).filter(unknown);
    let told = asked.filter_map(|file| Some((file.at(), listings.of(file)?))).collect();
    files.tell(told);
}

/// What the note beside a file that `local_dir=` brought says of it.
fn noted(file: File<'_>) -> Option<Digest> {
    file.names().filter(|name| name.role() == Role::Plain).find_map(|name| note(name, file))
}

/// Listings that were read already.
#[derive(Default)]
struct Listings(HashMap<PathBuf, HashMap<String, (u64, Digest)>>);

impl Listings {
    /// What the listing of a commit says of `file`, if it is a file of a revision.
    fn of(&mut self, file: File<'_>) -> Option<Digest> {
        let mut revisions = file.names().filter(|name| name.role() == Role::Snapshot);
        revisions.find_map(|name| self.listed(name, file))
    }

    fn listed(&mut self, name: Name<'_>, file: File<'_>) -> Option<Digest> {
        let path = name.path();
        let snapshots = path.parent()?.ancestors().find(|folder| folder.ends_with("snapshots"))?;
        let mut inside = path.strip_prefix(snapshots).ok()?.components();
        let Component::Normal(commit) = inside.next()? else { return None };
        let listing = snapshots.parent()?.join("trees").join(format!("{}.json", commit.to_str()?));
        let files = self.0.entry(listing.clone()).or_insert_with(|| read(&listing).unwrap_or_default());
        let (size, digest) = files.get(&crate::support::paths::portable(Path::new(""), inside.as_path()))?;
        (*size == file.size()).then_some(*digest)
    }
}

/// What the note of `local_dir=` says: a commit, an entity tag, a time, one a line.
fn note(name: Name<'_>, found: File<'_>) -> Option<Digest> {
    let local = name.local()?;
    let path = name.path();
    let mut note = local.join(LOCAL).join(path.strip_prefix(&local).ok()?).into_os_string();
    note.push(".metadata");
    // Notes are as many as files, and to look at each before it is opened would be half of what reading them takes.
    let mut room = [0; NOTE];
    let count = file::read_at(&file::open(Path::new(&note)).ok()?, &mut room, 0).ok().filter(|count| *count < NOTE)?;
    let (digest, time) = parse_note(std::str::from_utf8(&room[..count]).ok()?)?;
    (found.stamp().modified <= time + SLACK).then_some(digest)
}

fn parse_note(text: &str) -> Option<(Digest, i128)> {
    let mut lines = text.lines().skip(1);
    let digest = Digest::from_hex(lines.next()?.trim())?;
    let time: f64 = lines.next()?.trim().parse().ok()?;
    (time.is_finite() && (0.0..1e12).contains(&time)).then_some((digest, (time * 1e6) as i128 * 1000))
}

/// A commit's listing.
fn read(path: &Path) -> Option<HashMap<String, (u64, Digest)>> {
    #[derive(Deserialize)]
    struct Tree {
        format_version: u32,
        files: HashMap<String, Node>,
    }
    #[derive(Deserialize)]
    struct Node {
        size: u64,
        blob_id: String,
        lfs_sha256: Option<String>,
    }
    let tree: Tree = serde_json::from_slice(&bounded::read(path, LISTING).ok()?).ok()?;
    let digest = |node: &Node| Digest::from_hex(node.lfs_sha256.as_deref().unwrap_or(&node.blob_id));
    let files = tree.files.into_iter().filter_map(|(path, node)| Some((path, (node.size, digest(&node)?))));
    (tree.format_version == 1).then(|| files.collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn a_note_is_read_as_huggingface_hub_writes_it() {
        let text = format!("c0ffee\n{HEX}\n1700000000.25\n");
        let (digest, time) = parse_note(&text).unwrap();
        assert_eq!((digest.hex().as_str(), time), (HEX, 1_700_000_000_250_000_000));
        for broken in ["", "c\n", "c\nnot hex\n1\n", &format!("c\n{HEX}\nnan\n"), &format!("c\n{HEX}\n")] {
            assert_eq!(parse_note(broken), None, "{broken:?}");
        }
    }

    proptest! {
        #[test]
        fn no_note_or_listing_makes_the_reader_panic(text in any::<String>(), bytes in any::<Vec<u8>>()) {
            let _ = parse_note(&text);
            let _ = parse_note(&format!("a\n{HEX}\n{text}"));
            let room = tempfile::tempdir().unwrap();
            let path = room.path().join("tree.json");
            std::fs::write(&path, bytes).unwrap();
            let _ = read(&path);
        }
    }
}
