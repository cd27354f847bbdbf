//! What the client of the Hub notes beside the files that `local_dir=` made: commit, entity tag and time of each.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::contents::small;
use super::dir::{Dir, Kind};
use crate::models::names;
use crate::support::units;

/// Where the notes lie.
pub(super) const NOTES: &str = ".cache/huggingface/download";

/// Where the listings of commits lie.
pub(super) const TREES: &str = ".cache/huggingface/trees";

/// What the Hub said of a file.
pub(super) struct Note {
    /// Below the folder, and below `download/`.
    pub(super) file: PathBuf,
    /// 40 digits.
    pub(super) commit: String,
    /// The content's name.
    pub(super) etag: String,
}

/// Whether `folder` was made by `local_dir=`.
pub(super) fn is_local(folder: &Path) -> bool {
    std::fs::symlink_metadata(folder.join(NOTES)).is_ok_and(|found| found.is_dir())
}

/// Whether nothing but empty folders and the client's own marks is left of it, by a run that was killed.
pub(super) fn is_spent(folder: &Path) -> bool {
    fn holds_files(dir: &Dir, depth: usize) -> bool {
        dir.names_or_none().iter().any(|name| match dir.look(name).ok().flatten().map(|look| look.kind) {
            Some(Kind::Folder) => depth >= 64 || dir.sub(name).is_ok_and(|sub| holds_files(&sub, depth + 1)),
            Some(Kind::File) => name != ".gitignore" && name != "CACHEDIR.TAG",
            _ => true,
        })
    }
    Dir::open(folder).is_ok_and(|dir| !holds_files(&dir, 0))
}

/// That files in `dir` have no note, if there are any: nobody downloaded them.
pub(super) fn without_note(dir: &Dir) -> Option<String> {
    fn count(dir: &Dir, depth: usize) -> usize {
        let mut files = 0;
        for name in dir.names_or_none() {
            match dir.look(&name).ok().flatten().map(|look| look.kind) {
                Some(Kind::File) => files += 1,
                Some(Kind::Folder) if depth < 64 && !(depth == 0 && name == ".cache") => {
                    files += dir.sub(&name).map_or(0, |sub| count(&sub, depth + 1));
                }
                _ => {}
            }
        }
        files
    }
    let noted: Vec<Note> = notes(dir);
    let is_file = |note: &&Note| dir.look_below(&note.file).ok().flatten().is_some_and(|look| look.kind == Kind::File);
    let others = count(dir, 0).saturating_sub(noted.iter().filter(is_file).count());
    (others > 0).then(|| format!("{} in it did not come from the Hub", units::count(others, "file")))
}

/// Why a folder stays that has no note that can be read: the one of a migration before has taken what had one.
pub(super) fn without_any(folder: &Path) -> String {
    fn holds_notes(dir: &Dir, depth: usize) -> bool {
        dir.names_or_none().iter().any(|name| match dir.sub(name) {
            Ok(sub) => depth >= 64 || holds_notes(&sub, depth + 1),
            Err(_) => name.as_encoded_bytes().ends_with(b".metadata"),
        })
    }
    let others = Dir::open(folder)
        .ok()
        .filter(|dir| dir.below(Path::new(NOTES)).is_ok_and(|notes| notes.is_none_or(|notes| !holds_notes(&notes, 0))));
    let others = others.and_then(|dir| without_note(&dir));
    others.unwrap_or_else(|| "has notes of the Hub, none of which can be read".to_owned())
}

/// The commits that the notes in `folder` name.
pub(super) fn commits(folder: &Path) -> Vec<String> {
    let Ok(dir) = Dir::open(folder) else { return Vec::new() };
    let mut commits: Vec<String> = notes(&dir).into_iter().map(|note| note.commit).collect();
    commits.sort_unstable();
    commits.dedup();
    commits
}

pub(super) fn notes(dir: &Dir) -> Vec<Note> {
    fn walk(dir: &Dir, below: &Path, depth: usize, found: &mut Vec<Note>) {
        for name in dir.names_or_none() {
            match dir.look(&name).ok().flatten().map(|look| look.kind) {
                Some(Kind::Folder) if depth < 64 => {
                    if let Ok(sub) = dir.sub(&name) {
                        walk(&sub, &below.join(&name), depth + 1, found);
                    }
                }
                Some(Kind::File) => found.extend(note(dir, &name, below)),
                _ => {}
            }
        }
    }
    let mut found = Vec::new();
    if let Ok(Some(dir)) = dir.below(Path::new(NOTES)) {
        walk(&dir, Path::new(""), 0, &mut found);
    }
    found
}

fn note(dir: &Dir, name: &OsStr, below: &Path) -> Option<Note> {
    let file = below.join(name.to_str()?.strip_suffix(".metadata")?);
    names::file_path(&file.to_str()?.replace(std::path::MAIN_SEPARATOR, "/")).ok()?;
    let text = String::from_utf8(small(dir, name, 4096).ok()?).ok()?;
    let (commit, etag) = parse(&text)?;
    Some(Note { file, commit, etag })
}

/// Commit and entity tag; the third line is a time, in seconds.
fn parse(text: &str) -> Option<(String, String)> {
    let mut lines = text.lines().map(str::trim);
    let (commit, etag, time) = (lines.next()?, lines.next()?, lines.next()?);
    let _: f64 = time.parse().ok()?;
    names::is_commit(commit).then(|| (commit.to_owned(), etag.to_owned()))
}

/// Removes the marks that the client puts beside its notes, of which none is left.
pub(super) fn forget(dir: &Dir) {
    let Ok(Some(own)) = dir.below(Path::new(".cache/huggingface")) else { return };
    if small(&own, OsStr::new(".gitignore"), 16).is_ok_and(|bytes| bytes.trim_ascii() == b"*") {
        let _ = own.unlink(OsStr::new(".gitignore"));
    }
    if small(&own, OsStr::new("CACHEDIR.TAG"), 64).is_ok_and(|bytes| bytes.starts_with(b"Signature: ")) {
        let _ = own.unlink(OsStr::new("CACHEDIR.TAG"));
    }
}

/// Removes the locks of files that have no note any more; nobody holds them.
pub(super) fn drop_empty_locks(own: &Dir, below: &Path, depth: usize) {
    let Ok(Some(dir)) = own.below(below) else { return };
    let has_note = |lock: &OsStr| {
        let note = Path::new(lock).with_extension("metadata");
        dir.look(note.as_os_str()).is_ok_and(|look| look.is_some())
    };
    for name in dir.names_or_none() {
        match dir.look(&name).ok().flatten() {
            Some(look) if look.kind == Kind::Folder && depth < 64 => {
                drop_empty_locks(own, &below.join(&name), depth + 1)
            }
            Some(look)
                if look.kind == Kind::File
                    && look.stamp.size == 0
                    && name.as_encoded_bytes().ends_with(b".lock")
                    && !has_note(&name)
                    && dir.append(&name).is_ok_and(|file| file.try_lock().is_ok()) =>
            {
                let _ = dir.unlink(&name);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::parse;

    #[test]
    fn a_note_is_a_commit_a_tag_and_a_time() {
        let commit = "a1".repeat(20);
        let note = |text: &str| parse(text).map(|(_, etag)| etag);
        assert_eq!(note(&format!("{commit}\nabc\n1700000000.25\n")).as_deref(), Some("abc"));
        assert_eq!(note(&format!("{commit}\r\nabc\r\n1\r\n")).as_deref(), Some("abc"));
        for bad in ["", "main\nabc\n1\n", &format!("{commit}\nabc\n"), &format!("{commit}\nabc\nsoon\n")] {
            assert_eq!(note(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_note_makes_the_reader_panic(text in any::<String>(), lines in proptest::collection::vec("[0-9a-f.\n]{0,50}", 0..5)) {
            let _ = parse(&text);
            let _ = parse(&lines.join("\n"));
        }
    }
}
