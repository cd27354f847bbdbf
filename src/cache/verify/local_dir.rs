//! A folder that was filled with `snapshot_download(local_dir=…)`: beside it, in `.cache/huggingface/download`, a mark for each file
//! says its commit, its digest, and when it came (huggingface_hub, `_local_folder.py`).

use std::fs;
use std::path::{Path, PathBuf};

use super::collect::Collector;
use super::{By, Claim, Expected, Owner};
use crate::cache::stamp::Stamp;
use crate::fetch::Digest;
use crate::support::bounded;

/// Three short lines.
const LARGEST: u64 = 4096;

/// Deeper than any repository.
const DEEPEST: usize = 64;

/// Takes what the marks say of the files in `folder`.
pub(super) fn read(collector: &mut Collector, folder: &Path) {
    below(collector, folder, &folder.join(".cache/huggingface/download"), &mut PathBuf::new(), 0);
}

fn below(collector: &mut Collector, folder: &Path, marks: &Path, inner: &mut PathBuf, depth: usize) {
    let Ok(entries) = fs::read_dir(marks.join(&*inner)) else { return };
    for entry in entries.filter_map(Result::ok) {
        let Ok(kind) = entry.file_type() else { continue };
        let name = entry.file_name();
        if kind.is_dir() && depth < DEEPEST {
            inner.push(&name);
            below(collector, folder, marks, inner, depth + 1);
            inner.pop();
        } else if let (true, Some(file)) =
            (kind.is_file(), name.to_str().and_then(|name| name.strip_suffix(".metadata")))
        {
            let path = folder.join(&*inner).join(file);
            let (Some((digest, came)), Ok(stamp)) = (mark(&entry.path()), Stamp::at(&path)) else { continue };
            // The library itself takes no notice of the mark of a file that somebody edited since.
            if path.is_file() && stamp.mode_is_file() && stamp.modified <= came + SECOND {
                let claim = Claim { expected: Expected::Whole(digest), size: None, by: By::Mark };
                collector.claim(&path, &stamp, claim, Owner::LocalDir);
            }
        }
    }
}

const SECOND: i128 = 1_000_000_000;

impl Stamp {
    /// Whether it is a file and no link, as far as the mode tells.
    fn mode_is_file(&self) -> bool {
        self.mode == 0 || self.mode & 0o170_000 == 0o100_000
    }
}

/// The digest, and when the file came, in nanoseconds since 1970.
fn mark(path: &Path) -> Option<(Digest, i128)> {
    let bytes = bounded::read(path, LARGEST).ok()?;
    parse(std::str::from_utf8(&bytes).ok()?)
}

fn parse(text: &str) -> Option<(Digest, i128)> {
    let mut lines = text.lines();
    let (_, etag, time) = (lines.next()?, lines.next()?, lines.next()?);
    let seconds: f64 = time.trim().parse().ok()?;
    // Below the year 10,000; what is no number of a date is no mark.
    (0.0..253_402_300_800.0).contains(&seconds).then_some(())?;
    Some((Digest::from_hex(etag.trim())?, (seconds * 1e9) as i128))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_has_a_digest_and_a_time() {
        let etag = "ab".repeat(20);
        assert_eq!(
            parse(&format!("{}\n{etag}\n1700000000.5\n", "c".repeat(40))),
            Some((Digest::from_hex(&etag).unwrap(), 1_700_000_000_500_000_000))
        );
        for text in ["", "a\nb\nc", &format!("c\n{etag}\nNaN\n"), &format!("c\n{etag}\n1e300\n")] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_mark_panics(text in "(.|\n){0,200}", time in proptest::num::f64::ANY) {
            let _ = parse(&text);
            let _ = parse(&format!("c\n{}\n{time}\n", "ab".repeat(20)));
        }
    }
}
