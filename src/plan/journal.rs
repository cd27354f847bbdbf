//! What was applied, written before it is applied: enough for the next run to finish it and for `undo` to take it back.
//!
//! A journal is a file of JSON lines, `NNNN.jsonl`: a header, one line for each intended edit (all of these reach the
//! disk before the first change), a line after each edit that was made, and a closing line. Contents that an edit
//! replaces are kept beside it, in `objects/`, named by their SHA-256.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::rows::{Row, SCHEMA, line, read};
use super::state::Trace;
use super::{Record, record};
use crate::support::lock::Lock;
use crate::support::own_folder;
use crate::support::{atomic, bounded, digest, seal};

pub use super::rows::{Entry, Past};

/// The folder of a project's journals, `.modelstrap/journal`.
#[derive(Debug, Clone)]
pub struct Shelf {
    folder: PathBuf,
    tag: String,
}

/// A journal that is being written.
#[derive(Debug)]
pub struct Journal {
    file: File,
}

impl Shelf {
    /// The shelf in `folder`; `tag` marks this project's temporary files.
    pub fn new(folder: PathBuf, tag: String) -> Self {
        Self { folder, tag }
    }

    /// The mark of this project's temporary files.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The project's lock file.
    pub fn lock_path(&self) -> PathBuf {
        self.state_folder().join("lock")
    }

    /// Takes the project's lock, making the folder for it. `waiting` is called once while somebody else holds it.
    ///
    /// # Errors
    /// `ErrorKind::WouldBlock` when `patience` is over; otherwise what the disk says.
    pub fn lock(&self, patience: Duration, waiting: impl FnMut()) -> io::Result<Lock> {
        let mut waiting = waiting;
        loop {
            fs::create_dir_all(self.state_folder())?;
            self.guard()?;
            match Lock::acquire(&self.lock_path(), patience, &mut waiting) {
                // An undo that ended in between took the folder with it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                locked => return locked,
            }
        }
    }

    /// Refuses a shelf that a link leads elsewhere: everything on it is written, and some of it removed.
    ///
    /// # Errors
    /// When one of its folders or files is a symbolic link.
    pub fn guard(&self) -> io::Result<()> {
        let parts = [self.state_folder().to_path_buf(), self.folder.clone(), self.folder.join("objects")];
        for part in parts.iter().chain(&[self.lock_path(), self.folder.join(record::FILE)]) {
            if fs::symlink_metadata(part).is_ok_and(|found| found.is_symlink()) {
                let part = crate::support::escape::path(part);
                return Err(io::Error::other(format!(
                    "{part} is a symbolic link, and modelstrap never made one; remove it"
                )));
            }
        }
        Ok(())
    }

    /// How many journals stand on the shelf that this machine did not write for this folder.
    pub fn foreign(&self) -> usize {
        self.count().saturating_sub(self.past().len())
    }

    /// A number that no journal on the shelf has.
    pub fn next_number(&self) -> u32 {
        let listing = fs::read_dir(&self.folder).into_iter().flatten().filter_map(Result::ok);
        let numbers =
            listing.filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".jsonl")?.parse::<u32>().ok());
        // A number near the end of its range is nobody's honest journal; those below it are still free.
        numbers.filter(|number| *number < u32::MAX / 2).max().map_or(1, |number| number + 1)
    }

    /// Removes the folder that the shelf stands in, if nothing else is left in it.
    pub fn remove_state_folder(&self) {
        own_folder::remove_if_bare(self.state_folder());
    }

    fn state_folder(&self) -> &Path {
        self.folder.parent().unwrap_or(&self.folder)
    }

    /// What was written last, by path: the record, brought up to date with a run (or an undo) that did not end.
    /// Without that, what such an undo restored would look like a person's edit.
    pub fn record(&self) -> Record {
        let mut record = Record::load(&self.folder);
        let Some(past) = self.interrupted() else { return record };
        for entry in past.done.iter().filter_map(|index| past.entries.get(*index)) {
            record.note(&entry.path, &entry.wrote);
        }
        for entry in &past.entries {
            match entry.observe() {
                Ok(now) if entry.before.matches(&now) => record.note(&entry.path, &entry.held),
                Ok(now) if entry.after.matches(&now) => record.note(&entry.path, &entry.wrote),
                _ => {}
            }
        }
        record
    }

    /// The journals, oldest first. One that cannot be read at all is left out: it never began.
    pub fn past(&self) -> Vec<Past> {
        let Ok(listing) = fs::read_dir(&self.folder) else { return Vec::new() };
        let mut past: Vec<Past> = listing
            .filter_map(Result::ok)
            .filter_map(|entry| {
                let number = entry.file_name().to_str()?.strip_suffix(".jsonl")?.parse().ok()?;
                read(&entry.path(), number, &record::Place::of(&self.folder))
            })
            .collect();
        past.sort_by_key(|past| past.number);
        past
    }

    /// True when no journal stands on the shelf, readable or not.
    pub fn is_bare(&self) -> bool {
        self.count() == 0
    }

    fn count(&self) -> usize {
        let is_journal = |entry: &fs::DirEntry| entry.path().extension().is_some_and(|end| end == "jsonl");
        fs::read_dir(&self.folder).into_iter().flatten().filter_map(Result::ok).filter(is_journal).count()
    }

    /// The journal of a run that did not end, if the last one is such.
    pub fn interrupted(&self) -> Option<Past> {
        self.past().pop().filter(|past| !past.closed)
    }

    /// Writes a journal for `entries` under `number`, with every content that they replace, durably.
    ///
    /// # Errors
    /// What the disk says; then nothing of the plan may be applied.
    pub fn open(&self, number: u32, verb: &str, now: &str, entries: &[Entry]) -> io::Result<Journal> {
        fs::create_dir_all(&self.folder)?;
        let open = Row::Open {
            schema: SCHEMA.to_owned(),
            verb: verb.to_owned(),
            started_at: now.to_owned(),
            tool: env!("CARGO_PKG_VERSION").to_owned(),
            seal: seal::of(self.state_folder()).unwrap_or_default(),
            root: record::Place::of(&self.folder).root.to_string_lossy().into_owned(),
        };
        let mut text = line(&open)?;
        for entry in entries {
            text.push_str(&line(&Row::Entry(entry.clone()))?);
        }
        let path = self.path(number);
        atomic::replace(&path, text.as_bytes(), None, &self.tag)?;
        atomic::sync_directory(&self.folder);
        Ok(Journal { file: OpenOptions::new().append(true).open(path)? })
    }

    /// Removes what killed runs left half-written in the shelf itself.
    pub fn sweep(&self) {
        let mark = format!(".modelstrap-{}", self.tag);
        for folder in [self.folder.clone(), self.folder.join("objects")] {
            for entry in fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
                if entry.file_name().to_string_lossy().ends_with(&mark) {
                    let _ = fs::remove_file(entry.path());
                }
            }
        }
    }

    /// Keeps `bytes` for undo, named by their digest.
    ///
    /// # Errors
    /// What the disk says.
    pub fn keep(&self, bytes: &[u8]) -> io::Result<()> {
        let folder = self.folder.join("objects");
        let path = folder.join(digest::sha256(bytes));
        if path.exists() {
            return Ok(());
        }
        fs::create_dir_all(&folder)?;
        // What is kept may be a `.env` with secrets in it: only its owner reads the copy.
        atomic::replace(&path, bytes, Some(0o600), &self.tag)
    }

    /// A content that was kept.
    ///
    /// # Errors
    /// When it is gone or is not what its name says.
    pub fn kept(&self, sha256: &str) -> io::Result<Vec<u8>> {
        let bytes = bounded::read(&self.folder.join("objects").join(sha256), bounded::CONFIGURATION)?;
        if digest::sha256(&bytes) == sha256 {
            Ok(bytes)
        } else {
            Err(io::Error::other(format!("the copy {sha256} kept for undo is damaged")))
        }
    }

    /// Removes the journal `number`, and the kept contents that no other journal needs.
    ///
    /// # Errors
    /// What the disk says.
    pub fn discard(&self, number: u32) -> io::Result<()> {
        fs::remove_file(self.path(number))?;
        self.remove_unneeded();
        Ok(())
    }

    /// Removes the kept contents that no journal needs: a killed run may have kept some before it had one.
    pub fn remove_unneeded(&self) {
        let past = self.past();
        if past.len() != self.count() {
            // A journal that this version cannot read may need any of them.
            return;
        }
        let needed: Vec<String> = past.iter().flat_map(|past| &past.entries).filter_map(|e| sha(&e.before)).collect();
        let Ok(listing) = fs::read_dir(self.folder.join("objects")) else { return };
        for object in listing.filter_map(Result::ok) {
            let is_object = object.file_name().len() == 64;
            if is_object && !needed.iter().any(|name| object.file_name() == name.as_str()) {
                let _ = fs::remove_file(object.path());
            }
        }
    }

    /// Removes the shelf, as far as it holds nothing but bookkeeping. With a journal on it, only what no journal needs goes.
    pub fn tidy(&self) {
        self.sweep();
        self.remove_unneeded();
        if !self.is_bare() {
            return;
        }
        let _ = fs::remove_file(self.folder.join(record::FILE));
        let _ = fs::remove_dir(self.folder.join("objects"));
        let _ = fs::remove_dir(&self.folder);
    }

    /// Marks the journal `number` as ended.
    ///
    /// # Errors
    /// What the disk says.
    pub fn close(&self, number: u32) -> io::Result<()> {
        self.mark(number, true)
    }

    /// Marks the journal `number` as one whose edits are no longer all there, before the first is taken back: should
    /// that be cut short, the next setup or undo goes on from there.
    ///
    /// # Errors
    /// What the disk says.
    pub fn reopen(&self, number: u32) -> io::Result<()> {
        self.mark(number, false)
    }

    fn mark(&self, number: u32, closed: bool) -> io::Result<()> {
        let mut file = OpenOptions::new().append(true).open(self.path(number))?;
        // After a last line that was cut short, this one must not be read as a part of it.
        let text = fs::read(self.path(number))?;
        let end = if text.ends_with(b"\n") { "" } else { "\n" };
        file.write_all((end.to_owned() + &line(&Row::Closed(closed))?).as_bytes())?;
        file.sync_all()
    }

    fn path(&self, number: u32) -> PathBuf {
        self.folder.join(format!("{number:04}.jsonl"))
    }
}

impl Journal {
    /// Notes that entry `index` is done.
    ///
    /// # Errors
    /// What the disk says.
    pub fn done(&mut self, index: usize) -> io::Result<()> {
        self.file.write_all(line(&Row::Done(index))?.as_bytes())
    }
}

fn sha(trace: &Trace) -> Option<String> {
    match trace {
        Trace::File { sha256, .. } => Some(sha256.clone()),
        _ => None,
    }
}
