//! Hashes of parts of files, by which those that differ are told apart. XXH3 runs at the speed of memory; nobody can rely on it
//! against somebody who wants two files to look alike, so nothing is replaced because of it.

use std::io;

use twox_hash::XxHash3_128;

use super::file::{self, File};
use crate::cache::Stamp;

/// How much is read at each end of a file.
pub(super) const END: u64 = 16 << 10;

/// A file of so many bytes or fewer is its own beginning.
pub(super) const SMALL: u64 = END;

/// Files are hashed in pieces of so many bytes, each by any thread.
pub(super) const PIECE: u64 = 16 << 20;

/// What is read at once: it stays in the processor's own memory until it is hashed.
const ROOM: usize = 128 << 10;

/// The hash of the first bytes.
pub(super) fn beginning(file: &File) -> io::Result<u128> {
    piece(file, 0, END.min(file.stamp.size))
}

/// The hash of the last bytes.
pub(super) fn end(file: &File) -> io::Result<u128> {
    let length = END.min(file.stamp.size);
    piece(file, file.stamp.size - length, length)
}

/// The hash of `length` bytes at `at`; an error where the file is no longer what was found.
pub(super) fn piece(found: &File, at: u64, length: u64) -> io::Result<u128> {
    let open = file::open(&found.name().path())?;
    if !is_it(&file::stamp(&open)?, &found.stamp) {
        return Err(io::Error::other("was changed while it was looked at"));
    }
    if length > END {
        file::ahead(&open);
    }
    let mut room = vec![0; ROOM.min(usize::try_from(length).unwrap_or(ROOM))];
    let mut hasher = XxHash3_128::new();
    let mut done = 0;
    while done < length {
        let wanted = usize::try_from(length - done).unwrap_or(ROOM).min(room.len());
        let count = file::read_at(&open, &mut room[..wanted], at + done)?;
        if count < wanted {
            return Err(io::Error::other("became shorter while it was read"));
        }
        hasher.write(&room[..count]);
        done += count as u64;
        if crate::support::interrupt::requested() {
            return Err(io::ErrorKind::Interrupted.into());
        }
    }
    Ok(hasher.finish_128())
}

/// The hash of a whole file from those of its pieces.
pub(super) fn whole(pieces: &[u128]) -> u128 {
    let bytes: Vec<u8> = pieces.iter().flat_map(|piece| piece.to_le_bytes()).collect();
    XxHash3_128::oneshot(&bytes)
}

/// Where the pieces of a file of `size` bytes begin, and how long they are.
pub(super) fn pieces(size: u64) -> impl Iterator<Item = (u64, u64)> {
    (0..size.div_ceil(PIECE)).map(move |number| (number * PIECE, PIECE.min(size - number * PIECE)))
}

/// The same file with the same content, as far as the disk tells; reading it makes no difference.
pub(super) fn is_it(now: &Stamp, then: &Stamp) -> bool {
    now.is_same_content(then) && now.changed == then.changed
}
