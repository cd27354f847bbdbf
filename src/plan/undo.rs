//! Takes back what a journal says was done: byte for byte where nobody touched it since, and only our part where
//! somebody did.

use std::io;
use std::path::{Path, PathBuf};

use super::journal::{Entry, Past, Shelf};
use super::members::value_digest;
use super::state::Trace;
use super::{Kind, Record, SETUP, State, block, json, kept, record, touch};
use crate::support::interrupt;

/// What came of taking back one run.
#[derive(Debug, Clone, Default)]
pub struct Undone {
    /// Paths that are as they were before the run.
    pub restored: Vec<PathBuf>,
    /// Paths where only our part was taken out, because a person changed the rest.
    pub parted: Vec<PathBuf>,
    /// Paths that stay as they are, and why.
    pub left: Vec<(PathBuf, String)>,
}

/// Why taking back stopped; running it again goes on where it was.
#[derive(Debug, thiserror::Error)]
pub enum UndoError {
    /// A person asked for it.
    #[error("stopped before everything was taken back\n  run `modelstrap undo` again to go on")]
    Interrupted,
    /// The disk refused.
    #[error("{path}: {cause}\n  mend that, then run `modelstrap undo` again: it goes on where it was")]
    Failed {
        /// Where.
        path: String,
        /// Why.
        cause: io::Error,
    },
}

/// Takes back the run of `past`, and forgets its journal.
///
/// # Errors
/// [`UndoError`]; the journal stays, and a second call goes on.
pub fn undo(past: &Past, shelf: &Shelf, record: &mut Record) -> Result<Undone, UndoError> {
    let mut undone = Undone::default();
    let failed = |entry: &Entry, cause| UndoError::Failed { path: crate::support::escape::path(&entry.path), cause };
    shelf
        .reopen(past.number)
        .map_err(|cause| UndoError::Failed { path: crate::support::escape::path(shelf.folder()), cause })?;
    let root = record::Place::of(shelf.folder()).root;
    let ignore = root.join(kept::FILE);
    let is_ignore = |entry: &&Entry| entry.kind == Kind::Block && entry.path == ignore;
    // The ignore file comes last: by then it is known which folders stay.
    let (last, first): (Vec<&Entry>, Vec<&Entry>) = past.entries.iter().rev().partition(is_ignore);
    for entry in first.into_iter().chain(last) {
        touch::remove_temporary(entry, shelf.tag());
        if interrupt::requested() {
            return Err(UndoError::Interrupted);
        }
        let taken = match is_ignore(&entry) {
            true => take_back_ignore(entry, shelf, &root, &undone.folders_left()),
            false => take_back(entry, shelf),
        };
        match taken.map_err(|cause| failed(entry, cause))? {
            Outcome::Already => {}
            Outcome::Restored => undone.restored.push(entry.path.clone()),
            Outcome::Parted => undone.parted.push(entry.path.clone()),
            Outcome::Left(why) => undone.left.push((entry.path.clone(), why)),
        }
        record.note(&entry.path, &entry.held);
    }
    let mut others = shelf.past().into_iter().filter(|other| other.number != past.number);
    record.note_set_up(record.is_set_up() && others.any(|other| other.verb == SETUP));
    let finished = record.save(shelf.folder(), shelf.tag()).and_then(|()| shelf.discard(past.number));
    finished.map_err(|cause| UndoError::Failed { path: crate::support::escape::path(shelf.folder()), cause })?;
    if shelf.past().is_empty() {
        shelf.tidy();
    }
    Ok(undone)
}

impl Undone {
    /// The folders that stay because they are not empty.
    fn folders_left(&self) -> Vec<PathBuf> {
        self.left.iter().map(|(path, _)| path.clone()).filter(|path| path.is_dir()).collect()
    }
}

enum Outcome {
    Already,
    Restored,
    Parted,
    Left(String),
}

/// What is to be done at a path.
enum Step {
    Already,
    Restore(State),
    Part(State),
    Leave(String),
}

fn take_back(entry: &Entry, shelf: &Shelf) -> io::Result<Outcome> {
    // The folder with the journal in it goes last, as bookkeeping.
    if entry.kind == Kind::Directory && shelf.folder().starts_with(&entry.path) {
        return Ok(Outcome::Already);
    }
    let (state, outcome) = match step(entry, &entry.observe()?, shelf)? {
        Step::Already => return Ok(Outcome::Already),
        Step::Leave(why) => return Ok(Outcome::Left(why)),
        Step::Restore(state) => (state, Outcome::Restored),
        Step::Part(state) => (state, Outcome::Parted),
    };
    match touch::write(&entry.path, entry.kind, &state, shelf.tag()) {
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
            Ok(Outcome::Left("it holds files that modelstrap did not make".to_owned()))
        }
        written => written.map(|()| outcome),
    }
}

/// As [`take_back`], but the lines of folders that stay, `left` and those that were kept before, stay as well.
fn take_back_ignore(entry: &Entry, shelf: &Shelf, root: &Path, left: &[PathBuf]) -> io::Result<Outcome> {
    let now = entry.observe()?;
    let text = now.bytes().unwrap_or_default();
    let (bare, _) = kept::split(text);
    let without = match &now {
        State::File(_, mode) if !bare.is_empty() || entry.before != Trace::Absent => State::File(bare, *mode),
        State::File(..) if text.is_empty() => now.clone(),
        State::File(..) => State::Absent,
        other => other.clone(),
    };
    let (target, outcome) = match step(entry, &without, shelf)? {
        Step::Leave(why) => return Ok(Outcome::Left(why)),
        Step::Already => (without, Outcome::Already),
        Step::Restore(state) => (state, Outcome::Restored),
        Step::Part(state) => (state, Outcome::Parted),
    };
    let (bare, earlier) = kept::split(target.bytes().unwrap_or_default());
    let lines = kept::worth_keeping(root, text, &bare, &earlier, left);
    let target = match target {
        State::File(_, mode) => State::File(kept::join(&bare, &lines), mode),
        State::Absent if !lines.is_empty() => State::File(kept::join(&[], &lines), 0),
        other => other,
    };
    if target != now {
        touch::write(&entry.path, entry.kind, &target, shelf.tag())?;
    }
    Ok(outcome)
}

fn step(entry: &Entry, now: &State, shelf: &Shelf) -> io::Result<Step> {
    if entry.before.matches(now) {
        return Ok(Step::Already);
    }
    if entry.after.matches(now) {
        return Ok(Step::Restore(match &entry.before {
            Trace::Absent => State::Absent,
            Trace::Directory => State::Directory,
            Trace::File { sha256, mode } => State::File(shelf.kept(sha256)?, *mode),
            Trace::Link { target } => State::Link(PathBuf::from(target)),
        }));
    }
    if *now == State::Absent {
        return Ok(Step::Leave("it was removed since".to_owned()));
    }
    match entry.kind {
        Kind::Block => part_block(entry, now, shelf),
        Kind::Json => part_json(entry, now, shelf),
        _ => Ok(Step::Leave("it was changed since modelstrap wrote it".to_owned())),
    }
}

/// The bytes that stood there before; none when there was no file.
fn bytes_before(entry: &Entry, shelf: &Shelf) -> io::Result<Vec<u8>> {
    match &entry.before {
        Trace::File { sha256, .. } => shelf.kept(sha256),
        _ => Ok(Vec::new()),
    }
}

fn part_block(entry: &Entry, now: &State, shelf: &Shelf) -> io::Result<Step> {
    let edited = || Ok(Step::Leave("its modelstrap block was changed since".to_owned()));
    let State::File(bytes, mode) = now else { return edited() };
    let Ok(found) = block::find(bytes) else { return edited() };
    let (before, _) = kept::split(&bytes_before(entry, shelf)?);
    let old = block::find(&before).ok().flatten();
    if found.as_ref().map(|found| &found.body) == old.as_ref().map(|old| &old.body) {
        // Taken out already, by an undo that was stopped or by the person.
        return Ok(Step::Already);
    }
    let ours = entry.wrote.get("");
    let unchanged = match &found {
        Some(found) => ours.is_some_and(|ours| *ours == crate::support::digest::sha256(&found.body)),
        None => ours.is_none(),
    };
    if !unchanged {
        return edited();
    }
    let rest = match old {
        Some(old) => {
            let lines: Vec<String> = String::from_utf8_lossy(&old.body).lines().map(str::to_owned).collect();
            block::set(bytes, &lines)
        }
        None => block::remove(bytes, &before),
    };
    let Ok(rest) = rest else { return edited() };
    Ok(Step::Part(State::File(rest, *mode)))
}

fn part_json(entry: &Entry, now: &State, shelf: &Shelf) -> io::Result<Step> {
    let text = now.bytes().and_then(|bytes| String::from_utf8(bytes.to_vec()).ok());
    let (Some(text), State::File(_, mode)) = (text, now) else {
        return Ok(Step::Leave("it was changed since, and is no longer JSON".to_owned()));
    };
    let before = String::from_utf8_lossy(&bytes_before(entry, shelf)?).into_owned();
    let mut edited = text.clone();
    for (name, digest) in &entry.wrote {
        let pointer: Vec<String> = serde_json::from_str(name)?;
        let Ok(current) = json::get(&edited, &pointer) else {
            return Ok(Step::Leave("it was changed since, and is no longer valid JSON".to_owned()));
        };
        if current.is_none_or(|current| value_digest(&current) != *digest) {
            continue;
        }
        edited = match json::get(&before, &pointer).ok().flatten() {
            Some(old) => json::set(&edited, &pointer, &old, None)?,
            None => json::remove(&edited, &pointer)?,
        };
    }
    if edited == text {
        return Ok(Step::Leave("what modelstrap wrote in it was changed since".to_owned()));
    }
    Ok(Step::Part(State::File(edited.into_bytes(), *mode)))
}
