//! The contents, in little room: a cache may have a million, and a person's machine little memory. Measured with a cache of 1.36 million
//! names, of which 380,000 are contents: whole paths and lists for each took 491 MB, and this takes a fifth.
//!
//! A folder's path is kept once; a blob's name is the digest that is kept anyway; what few have, such as a second name or a second
//! word for what it is, lies aside. [`Content`] is what one looks like when it is asked for.

use std::ffi::OsStr;
use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};

use super::folders::{Folders, short};
use super::index::Index;
use super::slot::{Moment, More, Name, Said, Slot, push};
use super::{Claim, Content, Expected, Owner};
use crate::cache::stamp::Stamp;
use crate::fetch::Digest;

/// Contents, each with what is said of it, and the files of which nobody says anything.
#[derive(Debug, Default)]
pub struct Contents {
    slots: Vec<Slot>,
    /// Files of which nothing is known; while it is collected, a lock or a mark may still tell.
    loose: Vec<Loose>,
    folders: Folders,
    owners: Vec<Owner>,
    devices: Vec<u64>,
    index: Index,
    hasher: RandomState,
}

/// A file of which nobody says what it is.
#[derive(Debug)]
struct Loose {
    name: Box<OsStr>,
    inode: u64,
    size: u64,
    folder: u32,
    device: u32,
}

impl Contents {
    /// How many of them are meant.
    pub fn count(&self) -> usize {
        self.meant().count()
    }

    /// The numbers of those that are meant, in their order.
    pub fn meant(&self) -> impl Iterator<Item = u32> {
        self.slots.iter().zip(0..).filter(|(slot, _)| slot.is_meant).map(|(_, at)| at)
    }

    /// Whether that one is meant.
    pub fn is_meant(&self, at: u32) -> bool {
        self.slots.get(at as usize).is_some_and(|slot| slot.is_meant)
    }

    /// The bytes of those that are meant.
    pub fn bytes(&self) -> u64 {
        self.slots.iter().filter(|slot| slot.is_meant).map(|slot| slot.size).sum()
    }

    /// How large the content with this number is.
    pub fn size(&self, at: u32) -> u64 {
        self.slots.get(at as usize).map_or(0, |slot| slot.size)
    }

    /// All, meant or not, by number, with what each must be as a whole, where all agree.
    pub fn digests(&self) -> impl Iterator<Item = (u32, Digest)> {
        self.slots.iter().zip(0..).filter_map(|(slot, at)| {
            let digest = match (&slot.more, slot.expected) {
                (Some(_), _) => self.whole(slot).digest(),
                (None, Expected::Whole(digest)) => Some(digest),
                (None, Expected::Begins(_)) => None,
            };
            Some((at, digest?))
        })
    }

    /// The content with this number.
    pub fn get(&self, at: u32) -> Option<Content> {
        self.slots.get(at as usize).map(|slot| self.whole(slot))
    }

    /// Those that are meant.
    pub fn iter(&self) -> impl Iterator<Item = Content> {
        self.slots.iter().filter(|slot| slot.is_meant).map(|slot| self.whole(slot))
    }

    /// The files of which nobody says what they are, and their bytes.
    pub fn unproven(&self) -> impl Iterator<Item = (PathBuf, u64)> {
        self.loose.iter().map(|loose| (self.folders.path(loose.folder, &loose.name), loose.size))
    }

    /// How many those are, and their bytes.
    pub fn unproven_sum(&self) -> (usize, u64) {
        (self.loose.len(), self.loose.iter().map(|loose| loose.size).sum())
    }

    /// From now on only those are meant that `is` says yes to.
    pub fn mean(&mut self, is: impl Fn(&Content) -> bool) {
        for at in 0..self.slots.len() {
            let is_meant = self.slots.get(at).is_some_and(|slot| is(&self.whole(slot)));
            if let Some(slot) = self.slots.get_mut(at) {
                slot.is_meant = is_meant;
            }
        }
    }

    /// The same for the files of which nobody says what they are.
    pub fn mean_unproven(&mut self, is: impl Fn(&Path) -> bool) {
        let folders = &self.folders;
        self.loose.retain(|loose| is(&folders.path(loose.folder, &loose.name)));
    }

    /// Says of the file at `path` what it should be.
    pub(super) fn claim(&mut self, path: &Path, stamp: &Stamp, claim: Claim, owner: Owner) {
        let owner = self.owner(owner);
        let device = self.device(stamp.id.0);
        let (folder, name) = self.folders.split(path);
        let hash = self.hash((device, stamp.id.1), (folder, name));
        if let Some(at) = self.find(hash, (device, stamp.id.1), (folder, name)) {
            return self.join(at, (folder, name), claim, owner);
        }
        let at = short(self.slots.len());
        let said = match claim.size {
            None => Said::Nothing,
            Some(size) if size == stamp.size => Said::AsFound,
            Some(_) => Said::Other,
        };
        self.slots.push(Slot {
            name: (Slot::named_by(&claim.expected).as_deref() != Some(name)).then(|| name.into()),
            more: (said == Said::Other).then(|| Box::new(More { size: claim.size, ..More::default() })),
            inode: stamp.id.1,
            size: stamp.size,
            modified: Moment::of(stamp.modified),
            changed: Moment::of(stamp.changed),
            device,
            folder,
            names: u32::try_from(stamp.names).unwrap_or(u32::MAX),
            owner,
            expected: claim.expected,
            by: claim.by,
            said,
            is_meant: true,
        });
        let mut index = std::mem::take(&mut self.index);
        index.insert(hash, at, |at| self.hash_of(at));
        self.index = index;
    }

    /// A file of which nobody has said what it is.
    pub(super) fn unknown(&mut self, path: &Path, stamp: &Stamp) {
        let device = self.device(stamp.id.0);
        let (folder, name) = self.folders.split(path);
        self.loose.push(Loose { name: name.into(), inode: stamp.id.1, size: stamp.size, folder, device });
    }

    /// Nothing more will be said: what is a hard link to what is known by another name is no unknown file.
    pub(super) fn close(&mut self) {
        let mut loose = std::mem::take(&mut self.loose);
        loose.retain(|file| {
            let (id, name) = ((file.device, file.inode), (file.folder, &*file.name));
            let Some(at) = self.find(self.hash(id, name), id, name) else { return true };
            if let Some(slot) = self.slots.get_mut(at as usize).filter(|slot| !slot.has(name)) {
                push(&mut slot.aside().unnamed, (file.folder, file.name.clone()));
            }
            false
        });
        loose.shrink_to_fit();
        (self.loose, self.index) = (loose, Index::default());
        self.folders.close();
    }

    /// What is said once more of a content that is known.
    fn join(&mut self, at: u32, name: (u32, &OsStr), claim: Claim, owner: u32) {
        let owners = &self.owners;
        let Some(slot) = self.slots.get_mut(at as usize) else { return };
        if !slot.has(name) {
            push(&mut slot.aside().paths, (name.0, name.1.into()));
        }
        let is_it = |known: u32| owners.get(known as usize) == owners.get(owner as usize);
        if !is_it(slot.owner) && !slot.more.iter().flat_map(|more| &more.owners).any(|known| is_it(*known)) {
            push(&mut slot.aside().owners, owner);
        }
        // Who says the same says nothing new, but for the size.
        let mut first = slot.claim();
        if first.adopts(&claim) {
            return slot.set_size(first.size);
        }
        let others = slot.more.iter_mut().flat_map(|more| &mut more.claims);
        let is_known = first.expected != claim.expected
            && others
                .into_iter()
                .find(|known| known.expected == claim.expected)
                .is_some_and(|known| known.adopts(&claim));
        if !is_known {
            push(&mut slot.aside().claims, claim);
        }
    }

    fn owner(&mut self, owner: Owner) -> u32 {
        // One after the other they are mostly the same.
        if self.owners.last() != Some(&owner) {
            self.owners.push(owner);
        }
        short(self.owners.len() - 1)
    }

    fn device(&mut self, device: u64) -> u32 {
        let known = self.devices.iter().position(|known| *known == device);
        short(known.unwrap_or_else(|| {
            self.devices.push(device);
            self.devices.len() - 1
        }))
    }

    /// By its number on the disk, or by path where the system has no such numbers.
    fn hash(&self, id: (u32, u64), name: (u32, &OsStr)) -> u64 {
        if self.is_numbered(id) { self.hasher.hash_one(id) } else { self.hasher.hash_one(name) }
    }

    fn hash_of(&self, at: u32) -> u64 {
        let Some(slot) = self.slots.get(at as usize) else { return 0 };
        self.hash((slot.device, slot.inode), (slot.folder, &slot.name()))
    }

    fn find(&self, hash: u64, id: (u32, u64), name: (u32, &OsStr)) -> Option<u32> {
        let is = |slot: &Slot| {
            (slot.device, slot.inode) == id
                && (self.is_numbered(id) || (slot.folder == name.0 && slot.name() == name.1))
        };
        self.index.find(hash, |at| self.slots.get(at as usize).is_some_and(is))
    }

    fn is_numbered(&self, (device, inode): (u32, u64)) -> bool {
        inode != 0 || self.devices.get(device as usize).is_some_and(|device| *device != 0)
    }

    fn whole(&self, slot: &Slot) -> Content {
        let path = |(folder, name): &Name| self.folders.path(*folder, name);
        let owner = |at: &u32| self.owners.get(*at as usize).cloned();
        let more = slot.more.as_deref();
        let first = self.folders.path(slot.folder, &slot.name());
        let stamp = Stamp {
            id: (self.devices.get(slot.device as usize).copied().unwrap_or(0), slot.inode),
            size: slot.size,
            names: u64::from(slot.names),
            modified: slot.modified.time(),
            changed: slot.changed.time(),
            ..Stamp::default()
        };
        Content {
            paths: std::iter::once(first).chain(more.iter().flat_map(|more| &more.paths).map(path)).collect(),
            unnamed: more.iter().flat_map(|more| &more.unnamed).map(path).collect(),
            stamp,
            claims: std::iter::once(slot.claim()).chain(more.iter().flat_map(|more| &more.claims).copied()).collect(),
            owners: std::iter::once(&slot.owner)
                .chain(more.iter().flat_map(|more| &more.owners))
                .filter_map(owner)
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::verify::{By, Digits};

    const GIT: &str = "f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f";

    fn stamp(inode: u64, size: u64) -> Stamp {
        let (modified, changed) = (-1_500_000_001, 1_700_000_000_123_456_789);
        Stamp { id: (7, inode), size, names: 2, modified, changed, ..Stamp::default() }
    }

    fn claim(digits: &str, size: Option<u64>, by: By) -> Claim {
        let whole = Digest::from_hex(digits).map(Expected::Whole);
        Claim { expected: whole.unwrap_or_else(|| Expected::Begins(Digits::of(digits).unwrap())), size, by }
    }

    #[test]
    fn what_is_kept_in_little_comes_back_whole() {
        let sha = "ab".repeat(32);
        let (blob, other, third) = (format!("/c/blobs/{sha}"), "/d/e/second", "/d/third");
        let mut contents = Contents::default();
        let mut say =
            |path: &str, inode, claim, owner| contents.claim(Path::new(path), &stamp(inode, 10), claim, owner);
        say(&blob, 1, claim(&sha, None, By::Name), Owner::Repository(3));
        say("/c/net-0123abcd.pth", 2, claim("0123abcd", None, By::Name), Owner::Checkpoint);
        say(&blob, 1, claim(&sha, Some(11), By::Tree), Owner::Repository(3));
        say(&blob, 1, claim(&sha, Some(10), By::Lock), Owner::Repository(4));
        say(other, 1, claim(GIT, Some(10), By::Mark), Owner::LocalDir);
        say(other, 1, claim(GIT, None, By::Mark), Owner::Repository(3));
        contents.unknown(Path::new(third), &stamp(1, 10));
        contents.unknown(Path::new(other), &stamp(1, 10));
        contents.unknown(Path::new("/d/loose"), &stamp(9, 5));
        contents.close();
        let content = contents.get(0).unwrap();
        let paths = |all: &[&str]| all.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert_eq!(content.paths, paths(&[&blob, other]));
        assert_eq!(content.unnamed, paths(&[third]));
        assert_eq!(content.stamp, stamp(1, 10));
        let said = [
            claim(&sha, Some(11), By::Name),
            claim(&sha, Some(10), By::Lock),
            claim(GIT, Some(10), By::Mark),
            claim(GIT, None, By::Mark),
        ];
        assert_eq!(content.claims, said);
        assert_eq!(content.owners, [Owner::Repository(3), Owner::Repository(4), Owner::LocalDir]);
        let net = contents.get(1).unwrap();
        assert_eq!((net.paths, net.claims), (paths(&["/c/net-0123abcd.pth"]), vec![claim("0123abcd", None, By::Name)]));
        assert_eq!(contents.digests().collect::<Vec<_>>(), [(0, Digest::from_hex(&sha).unwrap())]);
        assert_eq!(contents.unproven().collect::<Vec<_>>(), [("/d/loose".into(), 5)]);
        contents.mean(|content| content.paths.len() == 1);
        assert_eq!((contents.meant().collect::<Vec<_>>(), contents.bytes()), (vec![1], 10));
    }

    #[test]
    fn without_numbers_on_the_disk_a_path_is_a_content() {
        let (mut contents, none) = (Contents::default(), Stamp { id: (0, 0), ..stamp(0, 1) });
        for path in ["/a/x", "/b/x", "/a/x", "/a/y"] {
            contents.claim(Path::new(path), &none, claim(GIT, None, By::Mark), Owner::LocalDir);
        }
        contents.unknown(Path::new("/a/y"), &none);
        contents.unknown(Path::new("/a/z"), &none);
        contents.close();
        let paths: Vec<_> = contents.iter().flat_map(|content| content.paths).collect();
        assert_eq!(paths, ["/a/x", "/b/x", "/a/y"].map(PathBuf::from));
        assert_eq!(contents.unproven_sum(), (1, 1));
    }

    #[test]
    fn a_content_takes_120_bytes() {
        assert!(size_of::<Slot>() <= 120, "{}", size_of::<Slot>());
        assert!(size_of::<Loose>() <= 40, "{}", size_of::<Loose>());
    }
}
