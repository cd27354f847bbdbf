//! Makes a plan's edits, one after the other, with the journal ahead of them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::journal::{Entry, Past, Shelf};
use super::{Edit, Kind, Plan, Record, State, touch};
use crate::support::{atomic, escape, interrupt};

/// What came of applying a plan.
#[derive(Debug, Clone, Default)]
pub struct Applied {
    /// How many edits were made.
    pub made: usize,
    /// How many edits of an earlier, interrupted run were found done and are part of this run's journal now.
    pub adopted: usize,
}

/// Why applying stopped.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// A person asked for it; what was done stands, and the next run or `undo` deals with it.
    #[error(
        "stopped after {made} of {total} changes\n  run `modelstrap setup` again to finish, or `modelstrap undo` to take back what was done"
    )]
    Interrupted {
        /// Changes made.
        made: usize,
        /// Changes intended.
        total: usize,
    },
    /// An edit failed; those before it were taken back.
    #[error("{path}: {cause}{}", if *restored { "\n  every change of this run was taken back" } else { "\n  not everything could be taken back: make room or mend the disk, then run `modelstrap undo`" })]
    Failed {
        /// Where.
        path: String,
        /// Why.
        cause: io::Error,
        /// Whether the disk is as it was.
        restored: bool,
    },
}

/// Applies `plan`, calling `progress` after each edit, and brings `record` up to date. Work that an interrupted run
/// did is taken into this run's journal, so that one `undo` takes back both.
///
/// # Errors
/// [`ApplyError`]; the disk is as it was, or the journal knows how far it is from that.
pub fn apply(
    plan: &Plan,
    shelf: &Shelf,
    record: &mut Record,
    verb: &str,
    now: &str,
    mut progress: impl FnMut(&Edit),
) -> Result<Applied, ApplyError> {
    let failed = |path: &Path, cause: io::Error, restored: bool| ApplyError::Failed {
        path: escape::path(path),
        cause,
        restored,
    };
    shelf.sweep();
    let earlier = shelf.interrupted();
    if plan.is_empty() && earlier.is_none() {
        // Another run was quicker. A journal of nothing would only be in the way of the next `undo`.
        settle(plan, record);
        if shelf.folder().is_dir() {
            record.save(shelf.folder(), shelf.tag()).map_err(|cause| failed(shelf.folder(), cause, true))?;
        }
        return Ok(Applied::default());
    }
    let adopted: Vec<Entry> = earlier.iter().flat_map(|past| adopt(past, shelf)).collect();
    let number = earlier.as_ref().map_or_else(|| shelf.next_number(), |past| past.number);
    let entries = merge(&adopted, &plan.edits, record);

    let prepared = prepare(plan, shelf).and_then(|()| shelf.open(number, verb, now, &entries));
    let mut journal = prepared.map_err(|cause| {
        shelf.tidy();
        failed(shelf.folder(), cause, true)
    })?;
    let first = entries.len() - plan.edits.len();
    let noted = (0..first).try_for_each(|index| journal.done(index));
    noted.map_err(|cause| failed(shelf.folder(), cause, true))?;
    for entry in &adopted {
        record.note(&entry.path, &entry.wrote);
    }
    let mut folders: Vec<PathBuf> = Vec::new();
    for (index, edit) in plan.edits.iter().enumerate() {
        if interrupt::requested() {
            return Err(ApplyError::Interrupted { made: index, total: plan.edits.len() });
        }
        let made = make(edit, shelf.tag()).and_then(|()| journal.done(first + index));
        if let Err(cause) = made {
            // A network disk keeps an open file that is removed under another name, and with it the folder.
            drop(journal);
            let restored = take_back(plan, index, number, shelf, adopted.is_empty());
            return Err(failed(&edit.path, cause, restored));
        }
        folders.extend(edit.path.parent().map(Path::to_path_buf));
        record.note(&edit.path, &edit.wrote);
        progress(edit);
    }
    folders.sort();
    folders.dedup();
    folders.iter().for_each(|folder| atomic::sync_directory(folder));
    settle(plan, record);
    let closed = record.save(shelf.folder(), shelf.tag()).and_then(|()| shelf.close(number));
    drop(journal);
    if let Err(cause) = closed {
        let restored = take_back(plan, plan.edits.len(), number, shelf, adopted.is_empty());
        return Err(failed(shelf.folder(), cause, restored));
    }
    Ok(Applied { made: plan.edits.len(), adopted: adopted.len() })
}

/// Notes in `record` what a plan found to be as it should.
pub fn settle(plan: &Plan, record: &mut Record) {
    for (path, fragments) in &plan.settled {
        record.note(path, fragments);
    }
}

/// Everything that must be safe before the first change: the contents that are about to be replaced.
fn prepare(plan: &Plan, shelf: &Shelf) -> io::Result<()> {
    fs::create_dir_all(shelf.folder())?;
    plan.edits.iter().filter_map(|edit| edit.before.bytes()).try_for_each(|bytes| shelf.keep(bytes))
}

/// The entries of an interrupted run that were made, and its leftovers cleaned up. An entry that was noted as done
/// stays ours even if a person has edited the file since: `undo` takes out our part of it.
fn adopt(past: &Past, shelf: &Shelf) -> Vec<Entry> {
    past.entries.iter().for_each(|entry| touch::remove_temporary(entry, shelf.tag()));
    let ours = |(index, entry): &(usize, &Entry)| {
        entry
            .observe()
            .is_ok_and(|now| !entry.before.matches(&now) && (entry.after.matches(&now) || past.done.contains(index)))
    };
    past.entries.iter().enumerate().filter(ours).map(|(_, entry)| entry.clone()).collect()
}

/// This run's journal: what an interrupted run did, then this run's edits. Where both touched a path and nobody else did
/// in between, they are one edit; otherwise undo takes them back one after the other, and so keeps what came between.
fn merge(adopted: &[Entry], edits: &[Edit], record: &Record) -> Vec<Entry> {
    let continues = |old: &Entry, edit: &Edit| edit.path == old.path && old.after.matches(&edit.before);
    let mut entries: Vec<Entry> =
        adopted.iter().filter(|old| !edits.iter().any(|edit| continues(old, edit))).cloned().collect();
    entries.extend(edits.iter().map(|edit| {
        let mut entry = Entry::of(edit, record.fragments(&edit.path));
        if let Some(old) = adopted.iter().find(|old| continues(old, edit)) {
            entry.before = old.before.clone();
            entry.held = old.held.clone();
        }
        entry
    }));
    entries
}

/// Makes one edit, after looking once more that the disk is as the plan saw it.
fn make(edit: &Edit, tag: &str) -> io::Result<()> {
    let now = if edit.kind == Kind::Link { State::observe_link(&edit.path)? } else { State::observe(&edit.path)? };
    // Another project that shares the cache may have made it meanwhile.
    if edit.after.is_reached_by(&now) {
        return Ok(());
    }
    if now != edit.before {
        return Err(io::Error::other("changed while the plan was being applied; run `modelstrap setup` again"));
    }
    touch::write(&edit.path, edit.kind, &edit.after, tag)
}

/// Undoes the first `made` edits of a plan that failed, and the one that failed, if one did. True when all of them went.
fn take_back(plan: &Plan, made: usize, number: u32, shelf: &Shelf, alone: bool) -> bool {
    let mut whole = true;
    for edit in plan.edits.iter().take(made + 1).rev() {
        let now = if edit.kind == Kind::Link { State::observe_link(&edit.path) } else { State::observe(&edit.path) };
        if now.is_ok_and(|now| now == edit.before) {
            continue;
        }
        // The state folder itself still holds the journal; it goes with the bookkeeping below.
        whole &= touch::write(&edit.path, edit.kind, &edit.before, shelf.tag()).is_ok()
            || shelf.folder().starts_with(&edit.path);
    }
    if whole && alone {
        whole = shelf.discard(number).is_ok();
        shelf.tidy();
    }
    // Otherwise the journal stays open: the next run finds in it what an earlier one did.
    whole
}
