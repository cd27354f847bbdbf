//! A file of the list, and a name of it, as what works with them wants to see them.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ffi::OsStr;
use std::path::PathBuf;

use super::{Files, Role};
use crate::cache::Stamp;
use crate::fetch::Digest;

/// One file on the disk: one inode, with every name of it that was found.
#[derive(Debug, Clone, Copy)]
pub struct File<'a> {
    of: &'a Files,
    at: u32,
}

/// A name of a file.
#[derive(Debug, Clone, Copy)]
pub struct Name<'a> {
    of: &'a Files,
    folder: u32,
    name: u32,
}

impl Files {
    /// The file with this number, one below `len`.
    pub const fn file(&self, at: u32) -> File<'_> {
        File { of: self, at }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = File<'_>> {
        (0..self.len()).map(|at| self.file(at))
    }
}

impl<'a> File<'a> {
    /// Its number in the list.
    pub const fn at(self) -> u32 {
        self.at
    }

    /// As it was when it was found, but for when it was read last.
    pub fn stamp(self) -> Stamp {
        self.of.shelf.stamp(self.of.record(self.at))
    }

    /// Its length in bytes.
    pub fn size(self) -> u64 {
        self.of.record(self.at).size
    }

    /// Its user and group; 0 where the system has none.
    pub fn owner(self) -> (u32, u32) {
        self.of.shelf.owner(self.of.record(self.at))
    }

    /// Its first name: there is one always.
    pub fn name(self) -> Name<'a> {
        let record = self.of.record(self.at);
        Name { of: self.of, folder: record.folder, name: record.name }
    }

    /// Its names, all with the same bytes.
    pub fn names(self) -> impl Iterator<Item = Name<'a>> + Clone {
        let more = self.of.more_of(self.at).iter();
        let more = more.map(move |more| Name { of: self.of, folder: more.folder, name: more.name });
        std::iter::once(self.name()).chain(more)
    }

    /// What its names say of its content, or what stands elsewhere about them.
    pub fn known(self) -> Option<Digest> {
        self.of.told(self.at).or_else(|| self.names().find_map(Name::says))
    }
}

impl<'a> Name<'a> {
    /// The whole path.
    pub fn path(self) -> PathBuf {
        let mut path = self.folder();
        path.push(&*self.file());
        path
    }

    /// The folder, links followed down to the place.
    pub fn folder(self) -> PathBuf {
        self.of.tree.path(self.folder)
    }

    /// Where the list has it.
    pub(super) const fn place_in_tree(self) -> (u32, u32) {
        (self.folder, self.name)
    }

    /// The number of the folder: each folder has one.
    pub const fn folder_number(self) -> u32 {
        self.folder
    }

    /// The name in it.
    pub fn file(self) -> Cow<'a, OsStr> {
        self.of.tree.row.name(self.name)
    }

    /// Which of the places it lies in.
    pub fn place(self) -> usize {
        self.of.tree.place(self.folder)
    }

    /// What it is there.
    pub fn role(self) -> Role {
        self.of.tree.role(self.folder)
    }

    /// Whether it lies in a folder that `local_dir=` of huggingface_hub filled.
    pub(in crate::cache::duplicates) fn is_local(self) -> bool {
        self.of.tree.local(self.folder).is_some()
    }

    /// That folder.
    pub(in crate::cache::duplicates) fn local(self) -> Option<PathBuf> {
        self.of.tree.local(self.folder).map(|at| self.of.tree.path(at))
    }

    /// Of a payload the folder of its store, and where its name stands, which is a number.
    pub(in crate::cache::duplicates) fn payload(self) -> Option<(u32, u32)> {
        self.of.tree.row.number(self.name).filter(|_| self.role() == Role::Payload)?;
        Some((self.of.tree.above(self.folder)?, self.name))
    }

    /// Which of two comes first, part by part, as paths are compared.
    pub fn compare(self, other: Self) -> Ordering {
        self.of.tree.compare((self.folder, self.name), (other.folder, other.name))
    }

    /// What the path alone says of the content.
    fn says(self) -> Option<Digest> {
        match self.role() {
            Role::Blob => Digest::from_hex(self.file().to_str()?),
            Role::Payload | Role::Snapshot => None,
            Role::Plain => {
                let file = self.file();
                let sha256 = |hex: &str| Digest::from_hex(hex).filter(|digest| matches!(digest, Digest::Sha256(_)));
                let ends_with = |parts: &[&str]| self.of.tree.ends_with(self.folder, parts);
                if let Some(hex) = file.to_str()?.strip_prefix("sha256-") {
                    return ends_with(&["blobs"]).then(|| sha256(hex)).flatten();
                }
                ends_with(&["sha256", "blobs"]).then(|| sha256(file.to_str()?)).flatten()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn names_tell_only_where_their_layout_makes_them() {
        let told = |role, folder: &str, name: &str| {
            let mut files = Files::default();
            let at = files.tree.root(Path::new(folder), 0, role).unwrap();
            assert!(files.add(at, OsStr::new(name), &Stamp { size: 1, ..Stamp::default() }, (0, 0)));
            files.file(0).known().map(|digest| digest.to_string())
        };
        let sha256 = Some(format!("sha256:{HEX}"));
        assert_eq!(told(Role::Blob, "/h/models--a/blobs", HEX), sha256);
        assert_eq!(told(Role::Blob, "/h/models--a/blobs", &HEX[..40]), Some(format!("git:{}", &HEX[..40])));
        assert_eq!(told(Role::Payload, "/h/blobs/01", HEX), None, "a payload's name is Xet's hash");
        assert_eq!(told(Role::Plain, "/o/blobs", &format!("sha256-{HEX}")), sha256);
        assert_eq!(told(Role::Plain, "/o/other", &format!("sha256-{HEX}")), None);
        assert_eq!(told(Role::Plain, "/i/blobs/sha256", HEX), sha256);
        assert_eq!(told(Role::Plain, "/i/blobs/sha256", &HEX[..40]), None);
        assert_eq!(told(Role::Plain, "/models", HEX), None);
    }
}
