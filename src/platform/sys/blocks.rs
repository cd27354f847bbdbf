//! Linux' two calls about blocks that files share: FIDEDUPERANGE, by which the kernel itself compares two ranges and lets one
//! have the other's blocks, and FIEMAP, which says where a file's blocks lie.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use rustix::ioctl::{self, Direction, Opcode, Updater, opcode};

/// `struct file_dedupe_range` with room for one target (linux/fs.h).
#[repr(C)]
struct Range {
    source_offset: u64,
    source_length: u64,
    targets: u16,
    reserved: u16,
    reserved_too: u32,
    target: i64,
    target_offset: u64,
    shared: u64,
    status: i32,
    reserved_last: u32,
}

/// The number of the call counts the structure without its targets: 24 bytes.
const DEDUPE: Opcode = opcode::from_components(Direction::ReadWrite, 0x94, 54, 24);

/// `FILE_DEDUPE_RANGE_DIFFERS`.
const DIFFERS: i32 = 1;

/// Lets the `length` bytes at `offset` of `to` have the blocks of `from`, if they are equal: how many bytes the kernel
/// took on, or `None` where they differ.
pub(in crate::platform) fn share(from: &File, to: &File, offset: u64, length: u64) -> io::Result<Option<u64>> {
    let mut range = Range {
        source_offset: offset,
        source_length: length,
        targets: 1,
        reserved: 0,
        reserved_too: 0,
        target: i64::from(to.as_raw_fd()),
        target_offset: offset,
        shared: 0,
        status: 0,
        reserved_last: 0,
    };
    // SAFETY: `Range` is what the kernel expects of this call with one target, and lives until it returns.
    unsafe { ioctl::ioctl(from, Updater::<DEDUPE, Range>::new(&mut range)) }?;
    match range.status {
        DIFFERS => Ok(None),
        error if error < 0 => Err(io::Error::from_raw_os_error(-error)),
        _ => Ok(Some(range.shared)),
    }
}

/// `struct fiemap` with room for one extent (linux/fiemap.h).
#[repr(C)]
#[derive(Default)]
struct Map {
    start: u64,
    length: u64,
    flags: u32,
    mapped: u32,
    room: u32,
    reserved: u32,
    logical: u64,
    physical: u64,
    extent_length: u64,
    reserved_wide: [u64; 2],
    extent_flags: u32,
    reserved_last: [u32; 3],
}

/// The number of the call counts the structure without its extents: 32 bytes.
const FIEMAP: Opcode = opcode::from_components(Direction::ReadWrite, b'f', 11, 32);

/// `FIEMAP_EXTENT_UNKNOWN`, `_DELALLOC`, `_DATA_INLINE`: there is no place on the disk to compare.
const NOWHERE: u32 = 0x2 | 0x4 | 0x200;

/// Where on the disk the byte at `offset` of `file` lies; `None` where the file system does not say.
pub(in crate::platform) fn place(file: &File, offset: u64) -> Option<u64> {
    let mut map = Map { start: offset, length: 1, room: 1, ..Map::default() };
    // SAFETY: `Map` is what the kernel expects of this call with room for one extent, and lives until it returns.
    unsafe { ioctl::ioctl(file, Updater::<FIEMAP, Map>::new(&mut map)) }.ok()?;
    let within = map.logical <= offset && offset - map.logical < map.extent_length;
    (map.mapped == 1 && within && map.extent_flags & NOWHERE == 0).then(|| map.physical + (offset - map.logical))
}
