//! A million names without a million paths: a folder is written once, a name is some bytes in one long row, and the rest a
//! [`Record`]. A blob of a repository takes 130 bytes so, instead of the 600 that a path, a stamp and their heaps took.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering as Order};

use super::record::{Record, Shelf};
use super::{Entry, EntryKind};
use crate::cache::stamp::Stamp;
use crate::support::letters;

/// Names, in the order in which they were added.
#[derive(Debug)]
pub struct Entries {
    /// No other list has it.
    number: u32,
    folders: Vec<PathBuf>,
    /// Each with its length before it.
    names: Vec<u8>,
    records: Vec<Record>,
    shelf: Shelf,
}

/// One of the names.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// As it was.
    pub stamp: Stamp,
    /// What it is.
    pub kind: EntryKind,
    of: &'a Entries,
    at: usize,
}

/// How many bytes say how long a name is.
const LENGTH: usize = 2;

impl Default for Entries {
    fn default() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Order::Relaxed);
        Self { number, folders: Vec::new(), names: Vec::new(), records: Vec::new(), shelf: Shelf::default() }
    }
}

impl Entries {
    /// One name more; false where there is no room for its number.
    pub fn push(&mut self, entry: &Entry) -> bool {
        let (folder, name) = match (entry.path.parent(), entry.path.file_name()) {
            (Some(folder), Some(name)) => (folder, name),
            _ => (entry.path.as_path(), OsStr::new("")),
        };
        let last = self.folders.len().checked_sub(1).filter(|last| self.folders[*last] == folder);
        let folder = last.or_else(|| self.folder(folder));
        folder.is_some_and(|folder| self.add(folder, name, &entry.stamp, entry.kind))
    }

    /// The number of a folder that something is to be added to; `None` where there is none left.
    pub(super) fn folder(&mut self, path: &Path) -> Option<usize> {
        u32::try_from(self.folders.len()).ok()?;
        self.folders.push(path.to_path_buf());
        Some(self.folders.len() - 1)
    }

    /// The folder with this number.
    pub(super) fn folder_at(&self, number: usize) -> &Path {
        self.folders.get(number).map_or(Path::new(""), PathBuf::as_path)
    }

    /// The number of the folder that the name at `at` lies in.
    pub(super) fn folder_of_name(&self, at: usize) -> Option<usize> {
        usize::try_from(self.records.get(at)?.folder).ok()
    }

    /// `name` in that folder.
    pub(super) fn add(&mut self, folder: usize, name: &OsStr, stamp: &Stamp, kind: EntryKind) -> bool {
        let bytes = letters::bytes(name);
        let place = (u32::try_from(folder), u32::try_from(self.names.len()), u16::try_from(bytes.len()));
        let (Ok(folder), Ok(begin), Ok(length)) = place else { return false };
        if u32::try_from(self.records.len()).is_err() {
            return false;
        }
        self.names.extend_from_slice(&length.to_le_bytes());
        self.names.extend_from_slice(&bytes);
        let record = self.shelf.put(stamp, kind, folder, begin);
        self.records.push(record);
        true
    }

    /// The name at `at` is what `stamp` says.
    pub(super) fn restamp(&mut self, at: usize, stamp: &Stamp) {
        let Some(record) = self.records.get(at) else { return };
        let record = self.shelf.put(stamp, record.kind(), record.folder, record.name);
        self.records[at] = record;
    }

    /// Leaves out those for which `keep` says so.
    pub(super) fn retain(&mut self, keep: impl Fn(&Path) -> bool) {
        let kept: Vec<bool> = self.iter().map(|entry| keep(&entry.path())).collect();
        let mut kept = kept.into_iter();
        self.records.retain(|_| kept.next().unwrap_or(true));
    }

    /// Gives back the room that nothing needs any more.
    pub(super) fn settle(&mut self) {
        self.folders.shrink_to_fit();
        self.names.shrink_to_fit();
        self.records.shrink_to_fit();
    }

    /// How many they are.
    pub const fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// What tells it from other lists.
    pub(in crate::cache::select) const fn number(&self) -> u32 {
        self.number
    }

    /// The one at `at`.
    pub fn get(&self, at: usize) -> Option<Seen<'_>> {
        let record = self.records.get(at)?;
        Some(Seen { stamp: self.shelf.stamp(record), kind: record.kind(), of: self, at })
    }

    /// The first: of a walk, what was walked.
    pub fn first(&self) -> Option<Seen<'_>> {
        self.get(0)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = Seen<'_>> {
        (0..self.records.len()).filter_map(|at| self.get(at))
    }

    /// Those in `folder`, with the folder, of a list that is sorted.
    pub(super) fn below<'a>(&'a self, folder: &'a Path) -> impl Iterator<Item = Seen<'a>> {
        // Paths are compared part by part: what lies below a folder follows it.
        let first = self.records.partition_point(|record| self.compare(record, folder).is_lt());
        (first..self.records.len()).filter_map(|at| self.get(at)).take_while(|entry| entry.lies_in(folder))
    }

    /// The one at `path`, of a list that is sorted.
    pub(super) fn find(&self, path: &Path) -> Option<Seen<'_>> {
        self.get(self.records.binary_search_by(|record| self.compare(record, path)).ok()?)
    }

    fn compare(&self, record: &Record, path: &Path) -> Ordering {
        let (folder, name) = (self.folder_of(record), self.name_of(record));
        let parts = folder.components().chain(Path::new(&name).components());
        // What has no name of its own are the links in a folder: they follow it.
        let after = if name.is_empty() { Ordering::Greater } else { Ordering::Equal };
        parts.cmp(path.components()).then(after)
    }

    fn folder_of(&self, record: &Record) -> &Path {
        usize::try_from(record.folder).map_or(Path::new(""), |at| self.folder_at(at))
    }

    fn name_of(&self, record: &Record) -> Cow<'_, OsStr> {
        let found = || {
            let begin = usize::try_from(record.name).ok()?;
            let (length, rest) = self.names.get(begin..)?.split_at_checked(LENGTH)?;
            rest.get(..usize::from(u16::from_le_bytes(length.try_into().ok()?)))
        };
        letters::name(found().unwrap_or_default())
    }
}

impl<'a> Seen<'a> {
    /// Its list, and its place there.
    pub(in crate::cache::select) const fn place(&self) -> (&'a Entries, usize) {
        (self.of, self.at)
    }

    /// The folder that it lies in.
    pub fn folder(&self) -> &'a Path {
        self.of.records.get(self.at).map_or(Path::new(""), |record| self.of.folder_of(record))
    }

    /// Its name there.
    pub fn name(&self) -> Cow<'a, OsStr> {
        self.of.records.get(self.at).map_or_else(Cow::default, |record| self.of.name_of(record))
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        let name = self.name();
        if name.is_empty() { self.folder().to_path_buf() } else { self.folder().join(name) }
    }

    /// Whether it stands at `path`.
    pub fn is_at(&self, path: &Path) -> bool {
        let name = self.name();
        path.file_name() == Some(&*name) && path.parent() == Some(self.folder())
    }

    /// Whether it is `folder`, or lies below it.
    pub fn lies_in(&self, folder: &Path) -> bool {
        self.folder().starts_with(folder) || self.is_at(folder)
    }

    /// A folder.
    pub fn is_folder(&self) -> bool {
        self.kind == EntryKind::Folder
    }

    /// When it was changed last, in seconds since 1970. Of a folder `changed` alone says no more than that it was renamed or got
    /// another mode, as when `undo` brought it back: what comes into it or goes is in `modified`.
    pub(in crate::cache::select) fn touched(&self) -> i64 {
        let Stamp { modified, .. } = self.stamp;
        if self.is_folder() { Stamp { changed: modified, ..self.stamp }.touched() } else { self.stamp.touched() }
    }

    /// A file with content: neither folder nor link.
    pub fn is_plain(&self) -> bool {
        self.kind == EntryKind::File
    }

    /// Whether it is a file that stays.
    pub fn is_protected(&self) -> bool {
        !self.stamp.is_folder() && super::is_protected(&self.name())
    }
}

#[cfg(test)]
impl From<Vec<Entry>> for Entries {
    fn from(entries: Vec<Entry>) -> Self {
        let mut found = Self::default();
        assert!(entries.iter().all(|entry| found.push(entry)));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry;
    use super::*;

    #[test]
    fn names_are_found_by_their_path_and_by_the_folder_that_they_lie_in() {
        let paths = ["/c/r", "/c/r/a", "/c/r/a/x", "/c/r/a/y", "/c/r/a.b", "/c/r/b", "/c/s"];
        let made: Vec<Entry> = (0..).zip(paths).map(|(inode, path)| entry(path, inode, 1, 2, 3)).collect();
        let found = Entries::from(made);
        assert_eq!(found.iter().map(|one| one.path()).collect::<Vec<_>>(), paths.map(PathBuf::from));
        for (inode, path) in (0..).zip(paths) {
            let one = found.find(Path::new(path)).unwrap();
            assert_eq!((one.stamp.id.1, one.is_at(Path::new(path))), (inode, true), "{path}");
        }
        assert!(["/c", "/c/r/a/z", "/c/t"].iter().all(|path| found.find(Path::new(path)).is_none()));
        let below = |folder: &str| found.below(Path::new(folder)).map(|one| one.stamp.id.1).collect::<Vec<_>>();
        assert_eq!([below("/c/r/a"), below("/c/r"), below("/c/q")], [vec![1, 2, 3], vec![0, 1, 2, 3, 4, 5], vec![]]);
    }

    #[cfg(unix)]
    #[test]
    fn a_name_that_is_no_text_comes_back_as_it_was_and_the_others_stay_when_some_go() {
        use std::os::unix::ffi::OsStrExt as _;
        let strange = Path::new("/c").join(OsStr::from_bytes(b"a\xff\n"));
        let mut found = Entries::default();
        for path in [Path::new("/"), &strange, Path::new("/c/x/y"), Path::new("/c/z")] {
            assert!(found.push(&Entry { path: path.to_path_buf(), ..entry("/", 1, 1, 1, 1) }));
        }
        found.retain(|path| !path.starts_with("/c/x"));
        assert_eq!(
            found.iter().map(|one| one.path()).collect::<Vec<_>>(),
            [Path::new("/"), &strange, Path::new("/c/z")]
        );
    }
}
