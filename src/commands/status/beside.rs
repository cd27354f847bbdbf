//! Files that lie in the cache root itself, beside the libraries' folders: they are in no place, and no verb takes them. What is small, as marks
//! and notes are, is not worth a line.

use std::fs;
use std::path::Path;

use crate::cache::Stamp;
use crate::cache::inventory::Heap;

/// Less than this is no model, in bytes.
const LEAST: u64 = 1 << 20;

/// The large ones in `root`.
pub(super) fn of(root: &Path) -> Heap {
    let mut heap = Heap::default();
    for entry in fs::read_dir(root).into_iter().flatten().filter_map(Result::ok) {
        let Some(stamp) =
            entry.file_type().ok().filter(fs::FileType::is_file).and_then(|_| Stamp::at(&entry.path()).ok())
        else {
            continue;
        };
        if stamp.size >= LEAST {
            heap.add(stamp.disk);
        }
    }
    heap
}
