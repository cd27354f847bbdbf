//! What a run takes away and where it puts it, on the disk before the first rename: `CACHE_ROOT/.modelstrap/removals/USER/RUN.jsonl`.
//!
//! A journal is JSON lines: `open`, the places, the trashes, one line for each rename that is intended, and then at most one of
//! `decided` (all were looked at again: from here on they may be freed) and `returning` (from here on they go back; what an undo could
//! not put back is `decided` again, as `tried`). Without
//! either, the run was cut off among its renames, and everything goes back. Which renames were made, the disk itself says: what
//! has its number in the trash, with the inode that was noted, was moved. A journal that is closed is removed.
//!
//! One is believed only in a folder that carries its seal, as a regular file of this user's: a cache can come with a clone, and a
//! cache can have several users. Of a copy, see `copied.rs`.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::clock::Moment;
use super::copied;
use super::moves::Moves;
use super::place;
use super::rows::{Line, Row, Text};
pub(super) use super::rows::{Mark, Move, TrashAt};
use crate::cache::stamp::Stamp;
use crate::support::folder::{self, Folder};
use crate::support::{seal, time};

const SCHEMA: &str = "modelstrap.removal/1";

/// More than the longest last word takes, with its line ends.
const LAST_WORD: usize = 192;

/// A journal that is being written. Its file is locked while this lives.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    path: PathBuf,
    cache_root: PathBuf,
    /// Where room is kept for the last word: on a disk that is full there may be none when it is to be written.
    room: Option<u64>,
}

impl Drop for Journal {
    /// A program that another thread starts in this moment has the file too, until it begins: closing ours would not be enough.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

/// What became of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It was cut off among its renames.
    Undecided,
    /// What it moved may be freed: at once, or when this time has come.
    Decided(Option<i64>),
    /// What it moved goes back.
    Returning,
}

/// A journal that was read back.
#[derive(Debug)]
pub(super) struct Past {
    pub(super) journal: Journal,
    pub(super) verb: String,
    /// When it began, in seconds since 1970, by its own clock.
    pub(super) started: i64,
    pub(super) places: Vec<PathBuf>,
    pub(super) trashes: Vec<TrashAt>,
    pub(super) moves: Moves,
    /// Whether it came with a copy of its cache.
    pub(super) is_copy: bool,
    pub(super) fate: Fate,
    /// Whether an undo put back what it could: what is left is the rest.
    pub(super) is_tried: bool,
    /// When it was decided.
    pub(super) decided: Option<Moment>,
    /// Until when it was to be kept, as it was decided last.
    pub(super) until: Option<i64>,
    /// When it was seen that the date lies before that.
    pub(super) seen_back: Option<i64>,
}

/// What the name of a run has at its end that goes on with what the same process did before.
pub(super) const GOES_ON: &str = "-on";

impl Past {
    /// Whether it goes on with what the run `before` began.
    pub(super) fn goes_on(&self, before: &Self) -> bool {
        // `TIME-NUMBER-PROCESS`, or `TIME-NUMBER-PROCESS-on`, and which file of this name it is.
        let name = |past: &Self| past.journal.path.file_stem().and_then(|name| name.to_str()).map(str::to_owned);
        let process = |past: &Self| name(past).and_then(|name| name.split('-').nth(2).map(str::to_owned));
        let is_on =
            || name(self).is_some_and(|name| name.rsplit_once('-').is_some_and(|(run, _)| run.ends_with(GOES_ON)));
        is_on() && self.verb == before.verb && process(self) == process(before)
    }
}

/// The folder of this user's journals below the cache root (links followed).
pub(super) fn folder_of(cache_root: &Path) -> PathBuf {
    cache_root.join(".modelstrap").join("removals").join(user())
}

#[cfg(unix)]
fn user() -> String {
    rustix::process::geteuid().as_raw().to_string()
}

#[cfg(not(unix))]
fn user() -> String {
    "user".to_owned()
}

impl Journal {
    /// Writes the journal of the run `name`, and brings it to the disk.
    pub(super) fn begin(
        cache_root: &Path,
        name: &str,
        verb: &str,
        places: &[PathBuf],
        trashes: &[TrashAt],
        moves: &mut dyn Iterator<Item = Move>,
    ) -> io::Result<Self> {
        let begun = Self::write(cache_root, name, verb, places, trashes, moves);
        if begun.is_err() {
            tidy(cache_root);
        }
        begun
    }

    fn write(
        cache_root: &Path,
        name: &str,
        verb: &str,
        places: &[PathBuf],
        trashes: &[TrashAt],
        moves: &mut dyn Iterator<Item = Move>,
    ) -> io::Result<Self> {
        let at = folder_of(cache_root);
        let below = at.strip_prefix(cache_root).unwrap_or(&at);
        let folder = folder::open(cache_root)?.descend_making(below)?;
        let (file, path) = create(&at, name)?;
        let mut journal = Self { file, path, cache_root: cache_root.to_path_buf(), room: None };
        let open = Row::Open {
            schema: SCHEMA.to_owned(),
            verb: verb.to_owned(),
            started: time::seconds(),
            tool: env!("CARGO_PKG_VERSION").to_owned(),
            seal: seal::of(&at).unwrap_or_default(),
            root: Text::of(cache_root)?,
            host: host(),
            process: std::process::id(),
        };
        if let Err(error) = journal.rows(open, places, trashes, moves) {
            let _ = fs::remove_file(&journal.path);
            return Err(error);
        }
        folder.sync();
        Ok(journal)
    }

    fn rows(
        &mut self,
        open: Row,
        places: &[PathBuf],
        trashes: &[TrashAt],
        moves: &mut dyn Iterator<Item = Move>,
    ) -> io::Result<()> {
        let mut out = io::BufWriter::new(&self.file);
        let mut put = |row: &Row| -> io::Result<()> {
            serde_json::to_writer(&mut out, row)?;
            out.write_all(b"\n")
        };
        put(&open)?;
        places.iter().try_for_each(|place| put(&Row::Place(Text::of(place)?)))?;
        for trash in trashes {
            put(&Row::Trash { base: Text::of(&trash.base)?, below: Text::of(&trash.below)?, id: trash.id })?;
        }
        for one in moves {
            let Move { place, path, trash, name, mark, role, is_list: list, above } = one;
            let path = Text::of(&path)?;
            put(&Row::Move(Line { place, path, trash, name, mark, role, list, above }))?;
        }
        out.flush()?;
        drop(out);
        self.room = Some(self.file.metadata()?.len());
        self.file.write_all(&[b' '; LAST_WORD])?;
        self.file.sync_all()
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Notes that all was looked at again.
    pub(super) fn decide(&mut self, until: Option<i64>, at: Option<Moment>) -> io::Result<()> {
        self.note(&Row::Decided { until, at, tried: false })
    }

    /// Notes that what is left is what an undo could not put back.
    pub(super) fn keep_rest(&mut self, until: i64, at: Moment) -> io::Result<()> {
        self.note(&Row::Decided { until: Some(until), at: Some(at), tried: true })
    }

    /// Notes that the date lies before that of the decision.
    pub(super) fn seen_back(&mut self, at: i64) -> io::Result<()> {
        self.note(&Row::SeenBack { at })
    }

    /// Notes that all goes back.
    pub(super) fn give_back(&mut self) -> io::Result<()> {
        self.note(&Row::Returning)
    }

    fn note(&mut self, row: &Row) -> io::Result<()> {
        // A line of its own, also after one that was cut off.
        let line = format!("\n{}\n", serde_json::to_string(row)?);
        if let Some(room) = self.room.take() {
            self.file.seek(SeekFrom::Start(room))?;
        }
        self.file.write_all(line.as_bytes())?;
        self.file.sync_all()
    }

    /// Removes it, and its folders where nothing else is in them.
    pub(super) fn close(self) {
        let _ = fs::remove_file(&self.path);
        self.path.parent().into_iter().for_each(|folder| tidy_at(&self.cache_root, folder));
    }
}

/// Takes away the folders of the journals, where nothing is in them: also those that a run left that was killed right then.
pub(super) fn tidy(cache_root: &Path) {
    tidy_at(cache_root, &folder_of(cache_root));
}

fn tidy_at(cache_root: &Path, folder: &Path) {
    place::drop_empty(cache_root, folder.strip_prefix(cache_root).unwrap_or(folder), 3);
}

/// A new file, locked. One without a word in it may be taken for what a killed run left, and be removed, before it is locked.
fn create(at: &Path, name: &str) -> io::Result<(File, PathBuf)> {
    for turn in 0..8 {
        let path = at.join(format!("{name}-{turn}.jsonl"));
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        // Where the disk has no locks, the name of the process has to do.
        let is_taken = matches!(file.try_lock(), Err(TryLockError::WouldBlock));
        if !is_taken && is_alone_and_mine(&file.metadata()?) {
            return Ok((file, path));
        }
    }
    Err(io::Error::other("another process removes what is written there"))
}

/// This user's runs that are not closed, oldest first. One that is at work now is left out.
///
/// # Errors
/// What the disk says of the folder.
pub(super) fn past(cache_root: &Path) -> io::Result<Vec<Past>> {
    let own = folder_of(cache_root);
    let mut found = past_in(&own, cache_root)?;
    // Where a copy came from, this user may have had another number.
    let others = own.parent().and_then(|all| fs::read_dir(all).ok()).into_iter().flatten().filter_map(Result::ok);
    for other in others.map(|entry| entry.path()).filter(|other| *other != own) {
        if folder::open(&other).is_ok_and(|other| other.is_mine()) {
            found.extend(past_in(&other, cache_root).unwrap_or_default());
        }
    }
    found.sort_by(|one, other| one.journal.path.file_name().cmp(&other.journal.path.file_name()));
    Ok(found)
}

fn past_in(at: &Path, cache_root: &Path) -> io::Result<Vec<Past>> {
    let names = match fs::read_dir(at) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        names => names?,
    };
    let folder = folder::open(at)?;
    let mut paths: Vec<PathBuf> = names.filter_map(Result::ok).map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "jsonl"));
    paths.sort_unstable();
    Ok(paths.into_iter().filter_map(|path| read(&folder, at, path, cache_root)).collect())
}

fn read(folder: &Folder, at: &Path, path: PathBuf, cache_root: &Path) -> Option<Past> {
    // By its name in the opened folder first: no link is followed, no pipe waited for.
    let name = path.file_name()?;
    let found = folder.look(name).ok()?;
    let looked = folder.open_file(name).ok()?;
    if !looked.metadata().is_ok_and(|found| found.is_file() && is_alone_and_mine(&found)) {
        return None;
    }
    let file = OpenOptions::new().read(true).append(true).open(&path).ok()?;
    if Stamp::of(&file.metadata().ok()?).id != found.stamp.id {
        return None;
    }
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => return None,
        Ok(()) | Err(TryLockError::Error(_)) => {}
    }
    let journal = Journal { file, path, cache_root: cache_root.to_path_buf(), room: None };
    let length = looked.metadata().ok()?.len();
    if length == 0 && locks_work(&journal.path) {
        // Its run was killed before it had written a word.
        let _ = fs::remove_file(&journal.path);
        return None;
    }
    let mut rows = Rows { file: BufReader::new(looked.try_clone().ok()?), line: String::new(), at: 0 };
    let (Row::Open { schema, verb, started, seal, root, host, process, .. }, _) = rows.next()? else { return None };
    let is_alive = || !locks_work(&journal.path) && may_be_alive(&host, process, started);
    if schema != SCHEMA || is_alive() {
        return None;
    }
    let (old, is_copy) = (root.path()?, !seal::holds(&seal, at));
    let mut past = Past {
        journal,
        verb,
        started,
        places: Vec::new(),
        trashes: Vec::new(),
        moves: Moves::of(looked, is_copy),
        is_copy,
        fate: Fate::Undecided,
        is_tried: false,
        decided: None,
        until: None,
        seen_back: None,
    };
    let now = |path: PathBuf| match is_copy {
        true => copied::rebase(&old, cache_root, &path),
        false => Some(rebase(&old, cache_root, path)),
    };
    rows.try_for_each(|(row, at)| past.add(row, at, &now))?;
    (!is_copy || copied::is_of_its_own(&past, &past.journal.path)).then_some(past)
}

/// What the lines of a journal say, and where each begins and ends; what is no word of ours is left out.
struct Rows {
    file: BufReader<File>,
    line: String,
    /// Where the next line begins.
    at: u64,
}

impl Iterator for Rows {
    type Item = (Row, (u64, u64));

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.line.clear();
            let length = self.file.read_line(&mut self.line).ok().filter(|length| *length > 0)?;
            let begin = self.at;
            self.at = begin.saturating_add(length as u64);
            if let Ok(row) = serde_json::from_str(&self.line) {
                return Some((row, (begin, self.at)));
            }
        }
    }
}

impl Past {
    /// `None` when the row cannot be one of ours.
    fn add(&mut self, row: Row, at: (u64, u64), now: &dyn Fn(PathBuf) -> Option<PathBuf>) -> Option<()> {
        match row {
            Row::Open { .. } => return None,
            Row::Place(path) => self.places.push(now(path.path()?)?),
            Row::Trash { base, below, id } => {
                self.trashes.push(TrashAt { base: now(base.path()?)?, below: below.path()?, id });
            }
            Row::Move(line) => {
                let bounds = (self.places.len(), self.trashes.len());
                self.moves.see(&line.checked(bounds.0, bounds.1)?, at, bounds);
            }
            Row::Decided { until, at: moment, tried } => {
                self.fate = Fate::Decided(until);
                (self.decided, self.is_tried) = (moment, tried);
                self.until = until.or(self.until);
            }
            Row::SeenBack { at } => self.seen_back = Some(at),
            Row::Returning => self.fate = Fate::Returning,
        }
        Some(())
    }
}

/// Where `path` is now, when the cache root was at `old` then.
fn rebase(old: &Path, cache_root: &Path, path: PathBuf) -> PathBuf {
    match path.strip_prefix(old) {
        Ok(inside) if inside.as_os_str().is_empty() => cache_root.to_path_buf(),
        Ok(inside) => cache_root.join(inside),
        Err(_) => path,
    }
}

/// Whether a lock on this disk keeps anybody out: the file at `path` is locked by us.
fn locks_work(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}

/// Where locks say nothing: whether the process that wrote the journal may still be at work.
fn may_be_alive(host: &str, process: u32, started: i64) -> bool {
    const DAY: i64 = 86_400;
    if host == self::host() { is_alive(process) } else { time::seconds().saturating_sub(started) < DAY }
}

#[cfg(unix)]
fn is_alive(process: u32) -> bool {
    let process = i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw);
    process.is_some_and(|process| match rustix::process::test_kill_process(process) {
        Ok(()) | Err(rustix::io::Errno::PERM) => process != rustix::process::getpid(),
        Err(_) => false,
    })
}

#[cfg(not(unix))]
fn is_alive(_: u32) -> bool {
    false
}

#[cfg(unix)]
fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(not(unix))]
fn host() -> String {
    String::new()
}

#[cfg(unix)]
fn is_alone_and_mine(found: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    found.nlink() == 1 && found.uid() == rustix::process::geteuid().as_raw()
}

#[cfg(not(unix))]
fn is_alone_and_mine(_: &fs::Metadata) -> bool {
    true
}
