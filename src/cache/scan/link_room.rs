//! What symbolic links take on the disk. ext4 keeps up to 59 bytes of a link's text in its inode and gives a longer one a block of
//! 4 KiB: a hub's links are longer, and with small files take more than their contents. Other systems have other rules: xfs keeps
//! some hundred bytes in the inode, tmpfs 127, btrfs counts a block for each. So one link of each disk and kind is asked, and the
//! others of it are taken to be like it: their lengths are known, since where they lead is read. The very long ones are asked
//! each, and so is every link whose text nobody reads.

use std::sync::{Mutex, PoisonError};

use super::folder::{Folder, Name};

/// The longest text that ext4 keeps in an inode.
const SHORT: usize = 59;

/// The longest text for which the systems that are known do as with one of 60 bytes.
const LONG: usize = 127;

/// A disk, and whether the text is long.
type Sort = (u64, bool);

/// What is known of links, for all threads.
#[derive(Debug, Default)]
pub(super) struct LinkRoom(Mutex<Vec<(Sort, u64)>>);

/// The same for one thread, which asks the others only when it comes to another disk.
pub(super) struct Taken<'a> {
    all: &'a LinkRoom,
    own: Vec<(Sort, u64)>,
}

impl<'a> Taken<'a> {
    pub(super) const fn of(all: &'a LinkRoom) -> Self {
        Self { all, own: Vec::new() }
    }

    /// What the link `name` in `folder`, on this device and with a text of so many bytes, takes on the disk.
    pub(super) fn by(&mut self, folder: &Folder, device: u64, name: &Name, length: usize) -> u64 {
        let ask = || folder.look(name).map_or(0, |look| look.disk);
        if length > LONG {
            return ask();
        }
        let sort = (device, length > SHORT);
        let known = |list: &[(Sort, u64)]| list.iter().find(|(one, _)| *one == sort).map(|(_, taken)| *taken);
        if let Some(taken) = known(&self.own) {
            return taken;
        }
        let mut all = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = known(&all).unwrap_or_else(|| {
            let taken = ask();
            all.push((sort, taken));
            taken
        });
        self.own.push((sort, taken));
        taken
    }
}
