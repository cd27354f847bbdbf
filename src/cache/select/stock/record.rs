//! One name in 64 bytes: a stamp as numbers that are no wider than what disks hold. A stamp that does not fit is kept whole beside them, so
//! that none comes back as another one.

use super::EntryKind;
use crate::cache::stamp::Stamp;

/// One name; which one, its folder and the place of its name in the list say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record {
    /// The inode; of an odd one, the place of its stamp among those.
    inode: u64,
    size: u64,
    disk: u64,
    modified: i64,
    changed: i64,
    accessed: i64,
    /// Which folder it lies in.
    pub(super) folder: u32,
    /// Where its name begins.
    pub(super) name: u32,
    names: u16,
    mode: u16,
    device: u16,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct What {
    kind: EntryKind,
    is_odd: bool,
}

/// What many stamps have in common, and the odd ones.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    devices: Vec<u64>,
    odd: Vec<Stamp>,
}

impl Shelf {
    /// `stamp` as a record.
    pub(super) fn put(&mut self, stamp: &Stamp, kind: EntryKind, folder: u32, name: u32) -> Record {
        self.fitting(stamp, kind, folder, name).unwrap_or_else(|| {
            self.odd.push(*stamp);
            let inode = (self.odd.len() - 1) as u64;
            let what = What { kind, is_odd: true };
            let (size, disk, modified, changed, accessed) = (0, 0, 0, 0, 0);
            let (names, mode, device) = (0, 0, 0);
            Record { inode, size, disk, modified, changed, accessed, folder, name, names, mode, device, what }
        })
    }

    fn fitting(&mut self, stamp: &Stamp, kind: EntryKind, folder: u32, name: u32) -> Option<Record> {
        Some(Record {
            inode: stamp.id.1,
            size: stamp.size,
            disk: stamp.disk,
            modified: i64::try_from(stamp.modified).ok()?,
            changed: i64::try_from(stamp.changed).ok()?,
            accessed: i64::try_from(stamp.accessed).ok()?,
            folder,
            name,
            names: u16::try_from(stamp.names).ok()?,
            mode: u16::try_from(stamp.mode).ok()?,
            device: self.device(stamp.id.0)?,
            what: What { kind, is_odd: false },
        })
    }

    fn device(&mut self, device: u64) -> Option<u16> {
        let known = self.devices.iter().position(|known| *known == device);
        let at = u16::try_from(known.unwrap_or(self.devices.len())).ok()?;
        if known.is_none() {
            self.devices.push(device);
        }
        Some(at)
    }

    /// The stamp that became `record`.
    pub(super) fn stamp(&self, record: &Record) -> Stamp {
        if record.what.is_odd {
            let at = usize::try_from(record.inode).unwrap_or(usize::MAX);
            return self.odd.get(at).copied().unwrap_or_default();
        }
        Stamp {
            id: (self.devices.get(usize::from(record.device)).copied().unwrap_or_default(), record.inode),
            size: record.size,
            disk: record.disk,
            names: u64::from(record.names),
            mode: u32::from(record.mode),
            modified: i128::from(record.modified),
            changed: i128::from(record.changed),
            accessed: i128::from(record.accessed),
        }
    }
}

impl Record {
    /// What it is.
    pub(super) const fn kind(&self) -> EntryKind {
        self.what.kind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_comes_back_as_it_was_whatever_is_in_it() {
        let plain = Stamp {
            id: (7, u64::MAX),
            size: u64::MAX,
            disk: 1 << 50,
            names: 3,
            mode: 0o120_777,
            modified: -5,
            changed: 1_700_000_000_123_456_789,
            accessed: i128::from(i64::MAX),
        };
        let far = i128::from(i64::MAX) + 1;
        let stamps = [
            plain,
            Stamp { id: (8, 1), names: 1 << 20, ..plain },
            Stamp { modified: far, ..plain },
            Stamp { changed: i128::MIN, ..plain },
            Stamp { accessed: far, ..plain },
            Stamp { mode: 1 << 20, ..plain },
            Stamp::default(),
        ];
        let mut shelf = Shelf::default();
        let records: Vec<Record> = stamps.iter().map(|stamp| shelf.put(stamp, EntryKind::Other, 1, 2)).collect();
        let back: Vec<Stamp> = records.iter().map(|record| shelf.stamp(record)).collect();
        assert_eq!(back, stamps);
        assert_eq!(shelf.odd.len(), 5);
        assert_eq!(size_of::<Record>(), 64);
    }

    #[test]
    fn more_devices_than_there_are_numbers_for_are_told_apart() {
        let mut shelf = Shelf { devices: (10..65_545).collect(), ..Shelf::default() };
        let stamp = |device| Stamp { id: (device, 1), ..Stamp::default() };
        for device in [10, 65_544, 1, 2, 3, 1] {
            let record = shelf.put(&stamp(device), EntryKind::File, 0, 0);
            assert_eq!(shelf.stamp(&record).id.0, device);
        }
    }
}
