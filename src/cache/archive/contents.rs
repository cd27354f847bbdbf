//! The digests of files, read on all cores.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use sha2::{Digest as _, Sha256};

use super::found::Found;
use super::members::Sum;
use crate::cache::stamp::Stamp;
use crate::support::interrupt;

/// How much is read at once.
const ROOM: usize = 256 << 10;

/// The digests of `count` files, on all cores, the largest first: `file` says where each is and how it was found, `take` gets what was
/// read. Those that were not read when the person asked to stop are not taken.
pub fn read_all(
    count: usize,
    file: &(dyn Fn(usize) -> (PathBuf, Found) + Sync),
    progress: &(dyn Fn(u64) + Sync),
    take: &mut (dyn FnMut(usize, io::Result<Sum>) + Send),
) {
    let mut order: Vec<u32> = (0..count).filter_map(|at| u32::try_from(at).ok()).collect();
    order.sort_by_cached_key(|at| std::cmp::Reverse(file(*at as usize).1.size));
    let next = AtomicUsize::new(0);
    let take = Mutex::new(take);
    let work = || {
        let mut buffer = vec![0; ROOM];
        while let Some(at) = order.get(next.fetch_add(1, Ordering::Relaxed)).map(|at| *at as usize) {
            let (path, found) = file(at);
            let sum = sum(&path, &found, &mut buffer, progress);
            if interrupt::requested() {
                return;
            }
            (*take.lock().unwrap_or_else(PoisonError::into_inner))(at, sum);
        }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from).min(count.div_ceil(16).max(count.min(4)));
    thread::scope(|scope| {
        for _ in 1..cores {
            scope.spawn(work);
        }
        work();
    });
}

fn sum(path: &std::path::Path, found: &Found, buffer: &mut [u8], progress: &dyn Fn(u64)) -> io::Result<Sum> {
    let mut sum = Sha256::new();
    let mut file = open(path)?;
    loop {
        if interrupt::requested() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        match file.read(buffer) {
            Ok(0) => break,
            Ok(count) => {
                sum.update(&buffer[..count]);
                progress(count as u64);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    match found.is_still(&Stamp::of(&file.metadata()?)) {
        true => Ok(sum.finalize().into()),
        false => Err(io::Error::other("it was changed while it was read")),
    }
}

/// Opens a file that was one when it was looked at: nothing else that stands there now is waited for or followed.
///
/// # Errors
/// What the disk says.
#[cfg(unix)]
pub fn open(path: &std::path::Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = File::from(crate::support::quiet::open(|quiet| rustix::fs::open(path, flags | quiet, Mode::empty()))?);
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no file any more")) }
}

/// Opens a file that was one when it was looked at.
///
/// # Errors
/// What the disk says.
#[cfg(not(unix))]
pub fn open(path: &std::path::Path) -> io::Result<File> {
    File::open(path)
}
