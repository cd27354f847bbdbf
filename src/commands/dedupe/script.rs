//! The plan as a shell script that a person can read, keep and run: POSIX, each pair compared again before anything is done to it.
//!
//! Names are bytes: whatever they hold, quotes around them make them one word, and all of them are absolute, so that none is
//! taken for a flag.

use std::io::{self, Write as _};
use std::path::Path;

use super::Report;
use crate::cache::duplicates::{Copy, How, Set};
use crate::cache::link;
use crate::support::units;

/// What the script begins with.
const HEAD: &str = include_str!("../../../templates/dedupe.sh");

/// Prints it to stdout.
pub(super) fn print(report: &Report<'_>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(&text(report))?;
    out.flush()
}

fn text(report: &Report<'_>) -> Vec<u8> {
    let mut text = HEAD.as_bytes().to_vec();
    let mut results = report.outcome.iter().flat_map(|outcome| outcome.results.iter().flatten());
    for (set, copy) in report.plan.copies() {
        // What was compared and differs is no pair.
        if !matches!(results.next(), Some(Some(Err(_)))) {
            pair(report, set, copy, &mut text);
        }
    }
    text.extend_from_slice(b"\nexit \"$failed\"\n");
    text
}

fn pair(report: &Report<'_>, set: &Set, copy: &Copy, text: &mut Vec<u8>) {
    let keep = set.keep.name().path();
    let first = copy.file.name().path();
    let frees = units::bytes(copy.saves);
    let by = if copy.by_name { "name" } else { "hash" };
    text.extend_from_slice(format!("\n# frees {frees}, known by its {by}\n").as_bytes());
    for (at, name) in copy.file.names.iter().enumerate() {
        let name = name.path();
        match copy.how {
            How::HardLink => call(text, "hard_link", &[&keep, &name], ""),
            How::Reflink if at == 0 => {
                let (user, group) = copy.file.owner;
                call(
                    text,
                    "reflink",
                    &[&keep, &name],
                    &format!(" {:04o} {user}:{group}", copy.file.stamp.mode & 0o7777),
                );
            }
            How::Reflink => call(text, "same_file", &[&first, &name], ""),
            How::Symlink => {
                let line = link::note_line(&name, &keep);
                text.extend_from_slice(b"note ");
                quote(report.layout.cache_root.join(".modelstrap").as_os_str().as_encoded_bytes(), text);
                text.push(b' ');
                quote(line.as_bytes(), text);
                text.push(b'\n');
                call(text, "symlink", &[&keep, &name], "");
            }
        }
    }
}

fn call(text: &mut Vec<u8>, function: &str, paths: &[&Path], more: &str) {
    text.extend_from_slice(function.as_bytes());
    for path in paths {
        text.push(b' ');
        quote(path.as_os_str().as_encoded_bytes(), text);
    }
    text.extend_from_slice(more.as_bytes());
    text.push(b'\n');
}

/// One word of a shell, whatever is in it.
fn quote(bytes: &[u8], text: &mut Vec<u8>) {
    text.push(b'\'');
    for byte in bytes {
        match byte {
            b'\'' => text.extend_from_slice(b"'\\''"),
            byte => text.push(*byte),
        }
    }
    text.push(b'\'');
}
