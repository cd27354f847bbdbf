//! `models verify`: reads every file again and compares its digest. One file is one core's work, since SHA-256 cannot
//! be split; many files are the work of all cores, the largest first, so that none is left with a large one at the end.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::fetch::{self, Digest};
use crate::support::interrupt;

/// One file, and what it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Where it lies; links are followed.
    pub path: PathBuf,
    /// Its size in bytes, where it is known.
    pub size: Option<u64>,
    /// What its bytes must be, where it is known.
    pub digest: Option<Digest>,
}

/// What a file turned out to be.
#[derive(Debug)]
pub enum Finding {
    /// The right bytes.
    Good,
    /// It is there, with the right size where one is known; no digest is known, so it was not read.
    Unproven,
    /// It is not there.
    Missing,
    /// It is too short or too long; it was not read.
    Size {
        /// What it must be.
        expected: u64,
        /// What it is.
        found: u64,
    },
    /// Other bytes.
    Content {
        /// What they must be.
        expected: Digest,
        /// What they are.
        found: Digest,
    },
    /// The disk does not give it.
    Unreadable(io::Error),
    /// The person stopped the run before it was read to its end.
    Stopped,
}

/// Reads `items` again, `workers` at once, and says what each is, in their order. `progress` gets an item's index and how
/// many bytes more of it were read, from the threads that read.
pub fn verify(items: &[Item], workers: usize, progress: &(dyn Fn(usize, u64) + Sync)) -> Vec<Finding> {
    let found: Vec<Mutex<Option<Finding>>> = items.iter().map(|_| Mutex::new(None)).collect();
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(items[*index].size.unwrap_or(u64::MAX)));
    each(&order, workers, &|index: usize, buffer: &mut [u8]| {
        let finding = check(&items[index], buffer, &|bytes| progress(index, bytes));
        *found[index].lock().unwrap_or_else(PoisonError::into_inner) = Some(finding);
    });
    found
        .into_iter()
        .map(|f| f.into_inner().unwrap_or_else(PoisonError::into_inner).unwrap_or(Finding::Stopped))
        .collect()
}

/// Does `work` to each of `order`, `workers` at once, from the first to the last; each thread has a buffer.
pub fn each<T: Copy + Sync>(order: &[T], workers: usize, work: &(dyn Fn(T, &mut [u8]) + Sync)) {
    let next = AtomicUsize::new(0);
    let thread = || {
        let mut buffer = vec![0; fetch::BLOCK];
        while let Some(one) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            work(*one, &mut buffer);
        }
    };
    thread::scope(|scope| {
        for _ in 1..workers.clamp(1, order.len().max(1)) {
            // A thread that cannot be had is one fewer; this one works in any case.
            let _ = thread::Builder::new().name("verify".into()).spawn_scoped(scope, thread);
        }
        thread();
    });
}

/// Reads `item` again, and says what it is. `progress` gets how many bytes more of it were read.
pub fn check(item: &Item, buffer: &mut [u8], progress: &dyn Fn(u64)) -> Finding {
    match compare(item, buffer, progress) {
        Ok(finding) => finding,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Finding::Missing,
        Err(error) => Finding::Unreadable(error),
    }
}

fn compare(item: &Item, buffer: &mut [u8], progress: &dyn Fn(u64)) -> io::Result<Finding> {
    if interrupt::requested() {
        return Ok(Finding::Stopped);
    }
    // Asked before it is opened: opening a pipe would wait for its writer.
    let metadata = std::fs::metadata(&item.path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("is not a regular file"));
    }
    let found = metadata.len();
    if let Some(expected) = item.size.filter(|expected| *expected != found) {
        return Ok(Finding::Size { expected, found });
    }
    let Some(expected) = item.digest else { return Ok(Finding::Unproven) };
    let hashed = fetch::hash_file(&item.path, &expected, buffer, progress)?;
    Ok(match hashed {
        None => Finding::Stopped,
        Some(proof) if proof.digest == expected => Finding::Good,
        Some(proof) => Finding::Content { expected, found: proof.digest },
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    fn sha256(hex: &str) -> Option<Digest> {
        Digest::from_hex(hex)
    }

    #[test]
    fn each_file_gets_its_own_verdict_in_the_order_of_the_list() {
        let dir = tempfile::tempdir().unwrap();
        let put = |name: &str, bytes: &[u8]| {
            std::fs::write(dir.path().join(name), bytes).unwrap();
        };
        put("good", b"abc");
        put("git", b"hello\n");
        put("flipped", b"abd");
        put("short", b"ab");
        put("unknown", b"abc");
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let item = |name: &str, size: u64, hex: &str| Item {
            path: dir.path().join(name),
            size: Some(size),
            digest: sha256(hex),
        };
        let items = [
            item("good", 3, abc),
            item("git", 6, "ce013625030ba8dba906f756967f9e9ca394464a"),
            item("flipped", 3, abc),
            item("short", 3, abc),
            item("gone", 3, abc),
            item("unknown", 3, ""),
            Item { path: dir.path().to_owned(), size: None, digest: sha256(abc) },
        ];
        let read = AtomicU64::new(0);
        for workers in [0, 1, 3, 99] {
            read.store(0, Ordering::Relaxed);
            let found = verify(&items, workers, &|_, bytes| {
                read.fetch_add(bytes, Ordering::Relaxed);
            });
            let flipped = "a52d159f262b2c6ddb724a61840befc36eb30c88877a4030b65cbe86298449c9";
            let told: Vec<String> = found
                .iter()
                .map(|finding| match finding {
                    Finding::Content { expected, found } => format!("{expected} {found}"),
                    Finding::Size { expected, found } => format!("{expected} {found}"),
                    other => format!("{other:?}").split('(').next().unwrap().to_owned(),
                })
                .collect();
            let content = format!("sha256:{abc} sha256:{flipped}");
            assert_eq!(told, ["Good", "Good", &content, "3 2", "Missing", "Unproven", "Unreadable"]);
            assert_eq!(read.load(Ordering::Relaxed), 12);
        }
    }

    #[test]
    fn a_file_longer_than_the_buffer_is_hashed_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("long");
        let bytes: Vec<u8> = (0..3 * fetch::BLOCK + 17).map(|n| (n % 251) as u8).collect();
        std::fs::write(&path, &bytes).unwrap();
        let digest = Digest::from_hex(&crate::support::digest::sha256(&bytes));
        let found = verify(&[Item { path, size: None, digest }], 2, &|_, _| {});
        assert!(matches!(found[..], [Finding::Good]), "{found:?}");
    }
}
