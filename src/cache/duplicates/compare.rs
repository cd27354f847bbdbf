//! Whether two open files have the same bytes: read from both, in pieces, by all cores. What a name or a hash says is no proof.

use std::cell::RefCell;
use std::fs;
use std::io;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};

use super::file;
use super::work;
use crate::support::interrupt;

/// A piece for one thread, in bytes.
const PIECE: u64 = 4 << 20;

/// What is read of each at once: both stay in the processor's own memory until they are compared.
const ROOM: usize = 192 << 10;

thread_local! {
    /// What a thread reads into, one of each.
    static BUFFERS: RefCell<(Vec<u8>, Vec<u8>)> = const { RefCell::new((Vec::new(), Vec::new())) };
}

/// Two open files of one length.
#[derive(Debug, Clone, Copy)]
pub struct Two<'a> {
    /// The one.
    pub one: &'a fs::File,
    /// The other.
    pub other: &'a fs::File,
    /// The length of both, in bytes.
    pub size: u64,
}

/// Whether each of `pairs` is equal. `read` is told how many bytes of each were compared.
pub fn equal(pairs: &[Two<'_>], read: &(dyn Fn(u64) + Sync)) -> Vec<io::Result<bool>> {
    let differs: Vec<AtomicBool> = pairs.iter().map(|_| AtomicBool::new(false)).collect();
    let errors: Mutex<Vec<(usize, io::Error)>> = Mutex::default();
    let pieces: Vec<(usize, u64)> = pairs
        .iter()
        .enumerate()
        .flat_map(|(pair, two)| (0..two.size.div_ceil(PIECE)).map(move |number| (pair, number * PIECE)))
        .collect();
    let done = work::map(&pieces, |(pair, at)| {
        let (Some(two), Some(differs)) = (pairs.get(*pair), differs.get(*pair)) else { return };
        if differs.load(Ordering::Relaxed) {
            return;
        }
        let length = PIECE.min(two.size - at);
        match piece(two, *at, length) {
            Ok(true) => read(length),
            Ok(false) => differs.store(true, Ordering::Relaxed),
            Err(error) => errors.lock().unwrap_or_else(PoisonError::into_inner).push((*pair, error)),
        }
    });
    let mut results: Vec<io::Result<bool>> = differs.into_iter().map(|differs| Ok(!differs.into_inner())).collect();
    let stopped = || io::Error::from(io::ErrorKind::Interrupted);
    let missing = pieces.iter().zip(&done).filter(|(_, done)| done.is_none()).map(|((pair, _), _)| (*pair, stopped()));
    let errors = errors.into_inner().unwrap_or_else(PoisonError::into_inner);
    for (pair, error) in missing.chain(errors) {
        if let Some(result) = results.get_mut(pair) {
            *result = Err(error);
        }
    }
    results
}

fn piece(two: &Two<'_>, at: u64, length: u64) -> io::Result<bool> {
    if at == 0 && length == PIECE {
        file::ahead(two.one);
        file::ahead(two.other);
    }
    BUFFERS.with_borrow_mut(|(one, other)| {
        one.resize(ROOM, 0);
        other.resize(ROOM, 0);
        let mut done = 0;
        while done < length {
            let wanted = usize::try_from(length - done).unwrap_or(ROOM).min(ROOM);
            let here = file::read_at(two.one, &mut one[..wanted], at + done)?;
            let there = file::read_at(two.other, &mut other[..wanted], at + done)?;
            if here < wanted || there < wanted || one[..wanted] != other[..wanted] {
                return Ok(false);
            }
            done += wanted as u64;
            if interrupt::requested() {
                return Err(io::ErrorKind::Interrupted.into());
            }
        }
        Ok(true)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_that_differs_anywhere_is_seen() {
        let room = tempfile::tempdir().unwrap();
        let size = 2 * PIECE + 12_345;
        let make = |name: &str, at: Option<u64>| {
            let mut bytes = vec![7_u8; usize::try_from(size).unwrap()];
            at.into_iter().for_each(|at| bytes[usize::try_from(at).unwrap()] = 8);
            fs::write(room.path().join(name), bytes).unwrap();
            fs::File::open(room.path().join(name)).unwrap()
        };
        let original = make("original", None);
        let others = [None, Some(0), Some(PIECE), Some(size - 1)].map(|at| make(&format!("{at:?}"), at));
        let pairs: Vec<Two<'_>> = others.iter().map(|other| Two { one: &original, other, size }).collect();
        let equal: Vec<bool> = equal(&pairs, &|_| {}).into_iter().map(Result::unwrap).collect();
        assert_eq!(equal, [true, false, false, false]);
        // Shorter than it should be is no equal.
        let two = Two { one: &original, other: &original, size: size + 1 };
        assert!(!super::equal(&[two], &|_| {})[0].as_ref().unwrap());
    }
}
