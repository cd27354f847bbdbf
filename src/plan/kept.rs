//! The ignore lines that outlive a setup: a cache that is still there after `undo` must not be seen by the next
//! `git add -A`, with gigabytes of models in it.
//!
//! Such lines stand last in the block, behind a remark that says why. Nothing else knows of them: a block that undo
//! compares or restores is the one without them.

use std::io;
use std::path::{Path, PathBuf};

use super::{Kind, State, block, touch};
use crate::support::{bounded, paths};

/// The file that the lines are in.
pub const FILE: &str = ".gitignore";

const REMARK: &str = "# kept by `modelstrap undo`: these folders still hold files";

/// A kept line, and the folder that it keeps from Git.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The pattern, as it stands in the file.
    pub pattern: String,
    /// The folder.
    pub folder: PathBuf,
}

/// The folder of the project at `root` that an anchored `pattern` of ours names.
pub fn folder(root: &Path, pattern: &str) -> Option<PathBuf> {
    let inside = pattern.strip_prefix('/')?.strip_suffix('/')?;
    let mut plain = String::new();
    let mut characters = inside.chars();
    while let Some(character) = characters.next() {
        plain.push(if character == '\\' { characters.next()? } else { character });
    }
    let folder = root.join(plain);
    (!paths::has_parent_component(&folder)).then_some(folder)
}

/// The kept lines in the ignore file of the project at `root`.
pub fn lines(root: &Path) -> Vec<Line> {
    let text = bounded::read(&root.join(FILE), bounded::CONFIGURATION).unwrap_or_default();
    named(root, split(&text).1)
}

/// Takes out the kept lines of folders that are gone, and says which those were. With `only_look`, nothing is changed.
///
/// # Errors
/// What the disk says.
pub fn drop_stale(root: &Path, tag: &str, only_look: bool) -> io::Result<Vec<Line>> {
    let path = root.join(FILE);
    // Whoever made a link of it takes care of what it leads to.
    if !std::fs::symlink_metadata(&path).is_ok_and(|found| found.is_file()) {
        return Ok(Vec::new());
    }
    let State::File(bytes, mode) = State::observe(&path)? else { return Ok(Vec::new()) };
    let (rest, kept) = split(&bytes);
    let (there, gone): (Vec<Line>, Vec<Line>) = named(root, kept).into_iter().partition(|line| line.folder.is_dir());
    if only_look || gone.is_empty() {
        return Ok(gone);
    }
    let patterns: Vec<String> = there.into_iter().map(|line| line.pattern).collect();
    let text = join(&rest, &patterns);
    let state = if text.is_empty() { State::Absent } else { State::File(text, mode) };
    touch::write(&path, Kind::Block, &state, tag)?;
    Ok(gone)
}

fn named(root: &Path, patterns: Vec<String>) -> Vec<Line> {
    let line = |pattern: String| Some(Line { folder: folder(root, &pattern)?, pattern });
    patterns.into_iter().filter_map(line).collect()
}

/// What is modelstrap's own of a block's `body`: all but the kept lines.
pub(super) fn own(body: &[u8]) -> &[u8] {
    let remark = REMARK.as_bytes();
    let mut start = 0;
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        if line.trim_ascii_end() == remark {
            return body[..start].strip_suffix(b"\n").unwrap_or(&body[..start]);
        }
        start += line.len();
    }
    body
}

/// `file` without the kept lines, and those lines. Where there are none it is the same, byte for byte.
pub(super) fn split(file: &[u8]) -> (Vec<u8>, Vec<String>) {
    let Ok(Some(found)) = block::find(file) else { return (file.to_vec(), Vec::new()) };
    let own = own(&found.body);
    if own.len() == found.body.len() {
        return (file.to_vec(), Vec::new());
    }
    let kept = text_lines(&found.body[own.len()..]).into_iter().filter(|line| line.starts_with('/')).collect();
    let rest = match own {
        [] => block::remove(file, &file[..found.span.start]),
        own => block::set(file, &text_lines(own)),
    };
    (rest.unwrap_or_else(|_| file.to_vec()), kept)
}

/// `file` with `kept` as the last lines of its block. The opposite of [`split`].
pub(super) fn join(file: &[u8], kept: &[String]) -> Vec<u8> {
    let Ok(found) = block::find(file) else { return file.to_vec() };
    if kept.is_empty() {
        return file.to_vec();
    }
    let mut lines = found.map(|found| text_lines(&found.body)).unwrap_or_default();
    lines.push(REMARK.to_owned());
    lines.extend(kept.iter().cloned());
    block::set(file, &lines).unwrap_or_else(|_| file.to_vec())
}

/// The lines to keep, when `now` is what stands in the ignore file and `before` (itself without its kept lines) what is
/// to stand there: those of `now`'s own whose folder one of `left` lies in, and those that were kept until now.
pub(super) fn worth_keeping(
    root: &Path,
    now: &[u8],
    before: &[u8],
    earlier: &[String],
    left: &[PathBuf],
) -> Vec<String> {
    let (rest, mut kept) = split(now);
    kept.extend(earlier.iter().cloned());
    let own = block::find(&rest).ok().flatten().map(|found| text_lines(&found.body)).unwrap_or_default();
    let bears = |folder: &Path| left.iter().any(|left| left.starts_with(folder));
    kept.extend(own.into_iter().filter(|line| folder(root, line).is_some_and(|folder| bears(&folder))));
    let said = text_lines(before);
    kept.retain(|line| folder(root, line).is_some_and(|folder| folder.is_dir()) && !said.contains(line));
    kept.sort();
    kept.dedup();
    kept
}

fn text_lines(bytes: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(bytes).lines().map(|line| line.trim_end().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn strings(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn kept_lines_stand_last_in_the_block_and_come_out_again() {
        let plain = block::set(b"*.pyc\n", &strings(&["/a/", "/.env"])).unwrap();
        let kept = join(&plain, &strings(&["/b/"]));
        let text = String::from_utf8(kept.clone()).unwrap();
        assert!(text.contains(&format!("\n/a/\n/.env\n{REMARK}\n/b/\n# <<<")), "{text}");
        assert_eq!(split(&kept), (plain, strings(&["/b/"])));
        let alone = join(b"*.pyc\n", &strings(&["/b/"]));
        assert_eq!(split(&alone), (b"*.pyc\n".to_vec(), strings(&["/b/"])));
        assert_eq!(own(&block::find(&alone).unwrap().unwrap().body), b"");
    }

    #[test]
    fn a_pattern_names_its_folder_and_no_folder_above_the_project() {
        let root = Path::new("/p");
        assert_eq!(folder(root, "/models here/").unwrap(), root.join("models here"));
        assert_eq!(folder(root, "/\\[a\\]\\\\b/").unwrap(), root.join("[a]\\b"));
        assert_eq!((folder(root, "/.env"), folder(root, "/../x/"), folder(root, "x/")), (None, None, None));
    }

    proptest! {
        #[test]
        fn any_file_without_kept_lines_is_left_as_it_is(file: Vec<u8>, own in proptest::collection::vec("/[a-z]{1,5}/", 0..3)) {
            prop_assume!(block::find(&file).is_ok_and(|found| found.is_none()));
            prop_assert_eq!(split(&file), (file.clone(), Vec::new()));
            let with = block::set(&file, &own).unwrap();
            prop_assert_eq!(split(&with), (with.clone(), Vec::new()));
        }
    }
}
