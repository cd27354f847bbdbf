//! What files are, in numbers that are no wider than what disks hold, and what many of them have in common written once. What does not fit is
//! kept whole beside it, so that no file comes back as another one.

use std::collections::HashMap;

use crate::cache::Stamp;

/// One file: 48 bytes for each of a million, instead of a stamp of 112 with an owner and a path.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record {
    pub(super) size: u64,
    pub(super) inode: u64,
    modified: i64,
    changed: i64,
    /// What it takes on the disk, in blocks.
    blocks: u32,
    /// What it has in common with others, on the shelf.
    common: u32,
    /// The folder of its first name.
    pub(super) folder: u32,
    /// Where in the row that name begins.
    pub(super) name: u32,
}

/// The unit in which disks count.
const BLOCK: u64 = 512;

/// What many files have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Common {
    device: u64,
    mode: u32,
    owner: (u32, u32),
    names: u64,
    /// What does not fit a record.
    odd: Option<Odd>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Odd {
    modified: i128,
    changed: i128,
    disk: u64,
}

/// Each set of such traits once.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    all: Vec<Common>,
    known: HashMap<Common, u32>,
    last: u32,
}

impl Shelf {
    /// A file as a record. `None` where there is no room for one more.
    pub(super) fn put(&mut self, stamp: &Stamp, owner: (u32, u32), folder: u32, name: u32) -> Option<Record> {
        let fits = || {
            let blocks = u32::try_from(stamp.disk / BLOCK).ok().filter(|_| stamp.disk.is_multiple_of(BLOCK))?;
            Some((i64::try_from(stamp.modified).ok()?, i64::try_from(stamp.changed).ok()?, blocks))
        };
        let fitting = fits();
        let odd = Odd { modified: stamp.modified, changed: stamp.changed, disk: stamp.disk };
        let common = Common {
            device: stamp.id.0,
            mode: stamp.mode,
            owner,
            names: stamp.names,
            odd: fitting.is_none().then_some(odd),
        };
        let (modified, changed, blocks) = fitting.unwrap_or_default();
        let common = self.number(common)?;
        Some(Record { size: stamp.size, inode: stamp.id.1, modified, changed, blocks, common, folder, name })
    }

    fn number(&mut self, common: Common) -> Option<u32> {
        if self.all.get(self.last as usize) == Some(&common) {
            return Some(self.last);
        }
        let next = u32::try_from(self.all.len()).ok()?;
        self.last = *self.known.entry(common).or_insert(next);
        if self.last == next {
            self.all.push(common);
        }
        Some(self.last)
    }

    /// The stamp of a file; when it was read last is not kept.
    pub(super) fn stamp(&self, record: &Record) -> Stamp {
        let common = self.common(record);
        let Odd { modified, changed, disk } = common.odd.unwrap_or(Odd {
            modified: record.modified.into(),
            changed: record.changed.into(),
            disk: u64::from(record.blocks) * BLOCK,
        });
        Stamp {
            id: (common.device, record.inode),
            size: record.size,
            disk,
            names: common.names,
            mode: common.mode,
            modified,
            changed,
            accessed: 0,
        }
    }

    /// Its device and inode.
    pub(super) fn id(&self, record: &Record) -> (u64, u64) {
        (self.common(record).device, record.inode)
    }

    /// Its user and group.
    pub(super) fn owner(&self, record: &Record) -> (u32, u32) {
        self.common(record).owner
    }

    fn common(&self, record: &Record) -> &Common {
        &self.all[record.common as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_comes_back_as_it_was_whatever_its_numbers() {
        assert_eq!(size_of::<Record>(), 48);
        let usual = Stamp { id: (7, 8), size: 9, disk: 4096, names: 2, mode: 0o100_644, ..Stamp::default() };
        let far = i128::from(i64::MAX) + 5;
        let mut shelf = Shelf::default();
        for stamp in [
            usual,
            Stamp { modified: 1, changed: -2, ..usual },
            Stamp { modified: far, ..usual },
            Stamp { changed: far, names: u64::MAX, ..usual },
            Stamp { disk: 4097, ..usual },
            Stamp { disk: BLOCK << 32, ..usual },
            Stamp { id: (u64::MAX, u64::MAX), size: u64::MAX, mode: u32::MAX, ..usual },
        ] {
            let record = shelf.put(&stamp, (1, 2), 3, 4).unwrap();
            assert_eq!((shelf.stamp(&record), shelf.owner(&record)), (stamp, (1, 2)));
            assert_eq!((shelf.id(&record), record.folder, record.name), (stamp.id, 3, 4));
        }
        assert_eq!(shelf.all.len(), 6, "the first two have everything in common");
    }
}
