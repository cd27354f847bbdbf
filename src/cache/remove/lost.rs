//! Trash of which no journal tells: a home was copied without the root that it lay in, or the journal that came with it speaks of other
//! places. Nobody can say where it lay, so that nothing of it is ever put back; who empties the trash frees it, and so does time.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, TryLockError};
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use super::guard::Guard;
use super::journal::{self, Past, TrashAt};
use super::place::{self, Trash};
use super::rows::Row;
use super::walk::{self, Tally};
use super::{Remover, Swept};
use crate::cache::stamp::Stamp;
use crate::support::seal;

/// For so long what nobody can bring back waits for who wants to look at it, in seconds: a week.
const WAITS: i64 = 7 * 86_400;

/// Where a trash lies in a place, or in a hub that has none beside it.
const TRASHES: [&str; 2] = [".modelstrap/trash", ".locks/.modelstrap/trash"];

/// The first line of a journal is not longer.
const LINE: u64 = 1 << 16;

/// What lies in such a trash.
#[derive(Debug)]
pub(super) struct Lost {
    trash: Trash,
    /// When its run began, in seconds since 1970.
    pub(super) began: i64,
}

/// Those in the places that are this project's alone. The journals are read after the trashes: a run writes its journal first.
pub(super) fn all(remover: &Remover, guard: &Guard) -> io::Result<Vec<Lost>> {
    let mut found = Vec::new();
    for place in &remover.own {
        let bases = [place.clone(), place.join("hub")];
        let runs = bases.iter().flat_map(|base| TRASHES.iter().flat_map(|below| runs(base, below)));
        let runs: Vec<Lost> = runs.collect();
        let is_place = || guard.admit(place).is_ok_and(|real| real == *place && !guard.is_left(&real));
        if !runs.is_empty() && is_place() {
            found.extend(runs);
        }
    }
    if found.is_empty() {
        return Ok(found);
    }
    let known = known(&remover.cache_root, &journal::past(&remover.cache_root)?);
    found.retain(|lost| !known.iter().any(|run| lost.trash.at.below.ends_with(run)));
    Ok(found)
}

/// The runs that have a trash there.
fn runs(base: &Path, below: &str) -> Vec<Lost> {
    let folder = crate::support::folder::open(base).and_then(|base| base.descend(Path::new(below)));
    let names = folder.and_then(|folder| folder.names()).unwrap_or_default();
    let lost = |name: OsString| {
        let began = began(name.to_str()?)?;
        let trash = Trash::new(TrashAt { base: base.to_path_buf(), below: Path::new(below).join(name), id: None });
        // Somebody else's is theirs to empty.
        matches!(trash.find(), Ok(Some(_))).then_some(Lost { trash, began })
    };
    names.into_iter().filter_map(lost).collect()
}

/// When the run of this name began, if it is one.
fn began(run: &str) -> Option<i64> {
    let mut parts = run.split('-');
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let began = parts.next().filter(|part| is_number(part))?.parse().ok()?;
    (parts.next().is_some_and(is_number) && parts.next().is_some_and(is_number) && parts.next().is_none())
        .then_some(began)
}

/// The runs of which a journal tells that is believed, or that is somebody else's to read, or at work.
fn known(cache_root: &Path, past: &[Past]) -> Vec<OsString> {
    let own = journal::folder_of(cache_root);
    let folders = own.parent().and_then(|all| fs::read_dir(all).ok()).into_iter().flatten().filter_map(Result::ok);
    let mut known = Vec::new();
    for folder in folders.map(|entry| entry.path()) {
        for path in fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path()) {
            let is_read = || past.iter().any(|past| past.journal.path() == path);
            if is_read() || may_tell(&folder, &path) {
                let name = path.file_stem().and_then(OsStr::to_str).unwrap_or_default();
                known.extend(name.rsplit_once('-').map(|(run, _)| run.into()));
            }
        }
    }
    known
}

/// Whether the journal may be one that somebody reads: all but that of a copy which is not believed.
fn may_tell(folder: &Path, path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return true };
    if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
        return true;
    }
    let mut line = String::new();
    let read = BufReader::new((&file).take(LINE)).read_line(&mut line);
    let _ = file.unlock();
    match read.ok().and_then(|_| serde_json::from_str(&line).ok()) {
        Some(Row::Open { seal, .. }) => seal::of(folder).is_some_and(|own| own == seal),
        _ => true,
    }
}

impl Lost {
    /// Whether its time is over at `now`, in seconds since 1970.
    pub(super) fn is_over(&self, now: i64) -> bool {
        now.saturating_sub(self.began) >= WAITS
    }

    /// Where it is.
    pub(super) fn path(&self) -> PathBuf {
        self.trash.at.base.join(&self.trash.at.below)
    }

    /// What it takes, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        let mut tally = Tally::default();
        if let Ok(Some(folder)) = self.trash.find() {
            self.names().iter().for_each(|name| drop(tally.add(&folder, name)));
        }
        tally.bytes()
    }

    /// What a run has put there: by its number.
    fn names(&self) -> Vec<OsString> {
        let folder = self.trash.find().ok().flatten();
        let mut names = folder.and_then(|folder| folder.names().ok()).unwrap_or_default();
        names.retain(|name| name.as_encoded_bytes().iter().all(u8::is_ascii_digit));
        names
    }

    /// Frees it.
    pub(super) fn empty(&self, swept: &mut Swept) {
        let Ok(Some(folder)) = self.trash.find() else { return };
        for name in self.names() {
            let freed = &mut |stamp: &Stamp| swept.freed += stamp.disk;
            if let Err(error) = walk::erase(&folder, &name, freed) {
                swept.problems.push((self.path().join(&name), format!("cannot be freed: {error}")));
            }
        }
        place::drop_empty(&self.trash.at.base, &self.trash.at.below, 3);
    }
}
