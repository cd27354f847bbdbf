//! Files with several names: each name as a few numbers, put in order now and then, so that many names of one file in one row take
//! the room of one. A map from each file to its rows took three times as much.

use super::folder::Look;
use super::state::RowId;

/// A name of such a file, or several of its names in one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    inode: u64,
    /// What the file takes on the disk, in bytes.
    pub(super) disk: u64,
    /// Its device, by its place in [`Links::devices`].
    device: u32,
    /// How many names the disk knows.
    pub(super) names: u32,
    /// Whose name it is.
    pub(super) row: RowId,
    /// How many of its names the row has.
    pub(super) count: u32,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// A cache lies on one disk, or on a few.
    devices: Vec<u64>,
    all: Vec<Link>,
}

impl Links {
    /// Notes a name that `row` has.
    pub(super) fn add(&mut self, look: &Look, row: RowId) {
        let device = self.device(look.id.0);
        let names = u32::try_from(look.links).unwrap_or(u32::MAX);
        let same = |link: &&mut Link| (link.device, link.inode, link.row) == (device, look.id.1, row);
        if let Some(last) = self.all.last_mut().filter(same) {
            last.count = last.count.saturating_add(1);
            last.names = last.names.max(names);
            return;
        }
        if self.all.len() == self.all.capacity() {
            self.settle();
            // Where that gave little room, the next time is not soon.
            self.all.reserve(self.all.len().max(64));
        }
        self.all.push(Link { inode: look.id.1, disk: look.disk, device, names, row, count: 1 });
    }

    fn device(&mut self, device: u64) -> u32 {
        let at = self.devices.iter().position(|known| *known == device).unwrap_or_else(|| {
            self.devices.push(device);
            self.devices.len() - 1
        });
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    /// Puts them in order, each row once for each file.
    fn settle(&mut self) {
        self.all.sort_unstable_by_key(|link| (link.device, link.inode, link.row));
        self.all.dedup_by(|next, kept| {
            let same = next.file() == kept.file() && next.row == kept.row;
            if same {
                kept.count = kept.count.saturating_add(next.count);
                kept.names = kept.names.max(next.names);
            }
            same
        });
    }

    /// The names of each file together, one entry for each row.
    pub(super) fn files(&mut self) -> impl Iterator<Item = &[Link]> {
        self.settle();
        self.all.chunk_by(|one, other| one.file() == other.file())
    }
}

impl Link {
    const fn file(&self) -> (u32, u64) {
        (self.device, self.inode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_counted_by_file_and_row_however_they_come() {
        let look = |device, inode| Look { id: (device, inode), links: 9, disk: 4096, ..Look::default() };
        let mut links = Links::default();
        for turn in 0..1000 {
            links.add(&look(7, 1), turn % 3);
            links.add(&look(8, 1), 5);
        }
        assert!(links.all.capacity() < 300, "{}", links.all.capacity());
        let found: Vec<Vec<(RowId, u32)>> =
            links.files().map(|file| file.iter().map(|link| (link.row, link.count)).collect()).collect();
        assert_eq!(found, [vec![(0, 334), (1, 333), (2, 333)], vec![(5, 1000)]]);
    }
}
