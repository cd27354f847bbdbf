//! Reading the lock that the tool itself wrote, some hundred files at a time.
//!
//! The TOML parser holds a whole document as a tree, some 1.5 KB a file: 30 MB for a lock of 20,000 files, which is more than
//! everything else of a download. What the tool writes has one file a line, so the lines of `files = [ … ]` can be handed to
//! the parser in pieces. Whatever is not written so, or not right, is left to the reader of whole documents, which says where.

use std::ops::Range;

use serde::Deserialize;

use super::parse::{self, Flaw};
use super::{Lock, MAX_FILES, VERSION, raw};
use crate::models::locked::{self, Place};

/// Lines a piece: with fewer it is slower, with more it takes more memory, both by little.
const LINES: usize = 256;

const OPEN: &str = "files = [";
const EMPTY: &str = "files = []";
const CLOSE: &str = "]";

/// Stands after the last line of a piece, so that a line whose comma is missing is found even there.
const LAST: &str = "  { path = \"\" },\n]\n";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Piece {
    files: Vec<raw::File>,
}

/// The lock in `text`; `None` where a reader of the whole has to look.
pub(super) fn read(text: &str) -> Option<Lock> {
    let (skeleton, blocks) = split(text)?;
    let lock = toml::from_str::<raw::Lock>(&skeleton).ok().filter(|lock| lock.version == VERSION)?;
    // Only a part has the key, and every part has it once: as many keys as parts are these parts' in this order.
    if lock.model.iter().map(|model| model.part.len()).sum::<usize>() != blocks.len() {
        return None;
    }
    let mut blocks = blocks.into_iter();
    let mut room = MAX_FILES;
    let mut part = |part: raw::Part| {
        let lines = blocks.next().map(|block| &text[block]).unwrap_or_default();
        let place = part.placed()?;
        let files = files(lines, &place, &mut room).ok_or_else(elsewhere)?;
        Ok(locked::Part { place, files: files.into() })
    };
    let lock = parse::checked(lock, &mut part).ok()?;
    // They are sorted now.
    let mut parts = lock.models.iter().flat_map(|model| &model.parts);
    parts.all(|part| part.files.windows(2).all(|pair| pair[0].path != pair[1].path)).then_some(lock)
}

/// The text with every list of files empty, and where the lines of each list stand.
fn split(text: &str) -> Option<(String, Vec<Range<usize>>)> {
    // In a text of several lines anything can look like a list.
    if text.contains("\"\"\"") || text.contains("'''") {
        return None;
    }
    let (mut skeleton, mut blocks) = (String::new(), Vec::new());
    let mut lines = text.split_inclusive('\n').scan(0, |at, line| {
        let start = *at;
        *at += line.len();
        let line = line.strip_suffix('\n').unwrap_or(line);
        Some((start, line.strip_suffix('\r').unwrap_or(line)))
    });
    while let Some((start, line)) = lines.next() {
        match line {
            EMPTY => blocks.push(start..start),
            OPEN => {
                let (first, mut next) = lines.next()?;
                let mut end = first;
                while next != CLOSE {
                    if !next.starts_with("  { path = ") {
                        return None;
                    }
                    (end, next) = lines.next()?;
                }
                blocks.push(first..end);
            }
            other => {
                skeleton.push_str(other);
                skeleton.push('\n');
                continue;
            }
        }
        skeleton.push_str(EMPTY);
        skeleton.push('\n');
    }
    Some((skeleton, blocks))
}

fn files(block: &str, place: &Place, room: &mut usize) -> Option<Vec<locked::File>> {
    let count = block.lines().count();
    *room = room.checked_sub(count)?;
    let mut files = Vec::with_capacity(count);
    let mut lines = block.split_inclusive('\n').peekable();
    let mut piece = String::new();
    while lines.peek().is_some() {
        piece.clear();
        piece.push_str(OPEN);
        piece.push('\n');
        lines.by_ref().take(LINES).for_each(|line| piece.push_str(line));
        piece.push_str(LAST);
        let mut read = toml::from_str::<Piece>(&piece).ok()?.files;
        read.pop()?;
        for file in read {
            files.push(file.checked(place).ok()?);
        }
    }
    Some(files)
}

/// The reader of whole documents says it with its line.
fn elsewhere() -> Flaw {
    Flaw { at: 0..0, message: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(lines: &str) -> String {
        format!(
            "version = 1\nmanifest = \"sha256:{}\"\n[[model]]\nname = \"a\"\nspec = \"url:https://e.org/x\"\n\
             [[model.part]]\nplace = \"files\"\nhome = \"files\"\nfiles = [\n{lines}]\n# the end of modelstrap.lock\n",
            "03".repeat(32)
        )
    }

    #[test]
    fn a_long_list_reads_in_pieces_as_it_reads_in_whole() {
        for count in [1, LINES - 1, LINES, LINES + 1, 3 * LINES] {
            let lines: String = (0..count).map(|n| format!("  {{ path = \"{n:05}\", size = {n} }},\n")).collect();
            let text = lock(&lines);
            let read = read(&text).unwrap();
            assert_eq!(read.models[0].parts[0].files.len(), count);
            assert_eq!(Some(&read), parse::in_whole(&text).ok().as_ref());
            assert_eq!(read, Lock::parse(&text.replace('\n', "\r\n")).unwrap(), "as a checkout on Windows has it");
        }
    }

    #[test]
    fn what_the_tool_would_not_have_written_is_left_to_the_other_reader() {
        let good = "  { path = \"a\" },\n";
        assert!(read(&lock(good)).is_some());
        for bad in [
            "  { path = \"a\" }\n",
            "  { path = \"a\" } # },\n",
            "  { path = \"a\" } ], [ },\n",
            "  { path = \"../a\" },\n",
            "  { path = \"a\" },\n  { path = \"a\" },\n",
            "  { path = \"a\" },\n # between\n",
            "  { path = \"a\", path = \"b\" },\n",
            "  { path = \"\"\"\na\"\"\" },\n",
        ] {
            assert_eq!(read(&lock(bad)), None, "{bad}");
        }
        let twice = lock(good).replace("files = [\n", "files = []\nfiles = [\n");
        assert_eq!(read(&twice), None);
        let inline = lock(good).replace("files = [\n  { path = \"a\" },\n]", "files = [{ path = \"a\" }]");
        assert_eq!(read(&inline), None);
        assert_eq!(Lock::parse(&inline), Lock::parse(&lock(good)));
    }
}
