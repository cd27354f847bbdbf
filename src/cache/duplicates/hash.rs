//! Hashes of parts of files, by which those that differ are told apart. XXH3 runs at the speed of memory; nobody can rely on it
//! against somebody who wants two files to look alike, so nothing is replaced because of it.

use std::cell::RefCell;
use std::fs;
use std::io;

use twox_hash::XxHash3_128;

use super::file;
use super::files::File;
use crate::cache::Stamp;

/// How much is read at each end of a file, and in its middle.
pub(super) const END: u64 = 16 << 10;

/// A file of so many bytes or fewer is read whole at once: to open it three times costs more.
pub(super) const SMALL: u64 = 64 << 10;

/// How much is read of the middle and the end of a larger file: weights that were trained further keep their header and often
/// their last layers, and differ in between.
pub(super) const REST: u64 = 2 * END;

/// Files are hashed in pieces of so many bytes, each by any thread: small enough that at the end no thread waits long for another.
pub(super) const PIECE: u64 = 4 << 20;

/// What is read at once: it stays in the processor's own memory until it is hashed.
const ROOM: usize = 128 << 10;

/// How much is read of the beginning of a file of `size` bytes.
pub(super) const fn first(size: u64) -> u64 {
    if size <= SMALL { size } else { END }
}

/// The hash of the first bytes.
pub(super) fn beginning(file: File<'_>) -> io::Result<u128> {
    piece(file, 0, first(file.size()))
}

/// The hash of bytes in the middle and of the last ones, of a file of more than `SMALL` bytes.
pub(super) fn rest(file: File<'_>) -> io::Result<u128> {
    let size = file.size();
    parts(file, &[(size / 2, END), (size - END.min(size), END.min(size))])
}

/// The hash of `length` bytes at `at`; an error where the file is no longer what was found.
pub(super) fn piece(found: File<'_>, at: u64, length: u64) -> io::Result<u128> {
    parts(found, &[(at, length)])
}

thread_local! {
    /// What a thread reads into. Made anew for each of thousands of small files, it would be filled with zeros each time.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Opens a file if it is still what was found.
pub(super) fn open(found: File<'_>) -> io::Result<fs::File> {
    let open = file::open(&found.name().path())?;
    unchanged(found, &open).map(|()| open)
}

/// An error where an open file is no longer what was found.
pub(super) fn unchanged(found: File<'_>, open: &fs::File) -> io::Result<()> {
    match is_it(&file::stamp(open)?, &found.stamp()) {
        true => Ok(()),
        false => Err(io::Error::other("was changed while it was looked at")),
    }
}

/// The hash of parts of a file, each `(at, length)`.
fn parts(found: File<'_>, parts: &[(u64, u64)]) -> io::Result<u128> {
    let open = open(found)?;
    if parts.iter().any(|(_, length)| *length > SMALL) {
        file::ahead(&open);
    }
    let mut hasher = XxHash3_128::new();
    BUFFER.with_borrow_mut(|room| {
        room.resize(ROOM, 0);
        parts.iter().try_for_each(|(at, length)| add(&mut hasher, &open, *at, *length, room))
    })?;
    Ok(hasher.finish_128())
}

fn add(hasher: &mut XxHash3_128, open: &fs::File, at: u64, length: u64, room: &mut [u8]) -> io::Result<()> {
    let mut done = 0;
    while done < length {
        let wanted = usize::try_from(length - done).unwrap_or(ROOM).min(room.len());
        let count = file::read_at(open, &mut room[..wanted], at + done)?;
        if count < wanted {
            return Err(io::Error::other("became shorter while it was read"));
        }
        hasher.write(&room[..count]);
        done += count as u64;
        if crate::support::interrupt::requested() {
            return Err(io::ErrorKind::Interrupted.into());
        }
    }
    Ok(())
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
