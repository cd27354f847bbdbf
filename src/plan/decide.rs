//! Decides one change: what we wrote last, what is there, what we want, and so what to do.

use std::path::{Path, PathBuf};

use super::record::{Fragments, Record};
use super::{Change, Edit, Kept, Kind, Obstacle, Plan, State, Want, block, kept};
use crate::project::answers;
use crate::project::root::STATE_FOLDER;
use crate::support::{atomic, digest, escape, paths};

/// What a whole file of ours says on its first lines; such a file may be replaced even when the record is lost.
pub(crate) const GENERATED: &str = "enerated by modelstrap";

/// An edit that makes a folder.
pub(super) fn directory(path: PathBuf, why: String) -> Edit {
    let wrote = Fragments::new();
    Edit { path, why, before: State::Absent, after: State::Directory, wrote, kind: Kind::Directory }
}

/// Adds to `plan` what `change` needs.
pub(super) fn decide(change: &Change, record: &Record, force: bool, plan: &mut Plan) {
    let desk = Desk { change, record, force };
    let outcome = desk.look().and_then(|before| match &change.want {
        Want::Directory => desk.directory(before),
        Want::File { contents } => Ok(desk.file(before, contents)),
        Want::Block { lines } => desk.block(before, lines),
        Want::Json(members) => desk.json(before, members),
        Want::Link { target } => desk.link(before, target),
    });
    match outcome {
        Ok(outcome) => {
            plan.kept.extend(outcome.kept);
            match outcome.edit {
                Some(edit) => match desk.writable(&edit) {
                    Ok(()) => plan.edits.push(edit),
                    Err(obstacle) => plan.obstacles.push(obstacle),
                },
                None if !outcome.settled.is_empty() => plan.settled.push((change.path.clone(), outcome.settled)),
                None => {}
            }
        }
        Err(obstacle) => plan.obstacles.push(obstacle),
    }
}

/// What came of one change.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) edit: Option<Edit>,
    pub(super) kept: Vec<Kept>,
    pub(super) settled: Fragments,
}

/// One change on the desk, with what is needed to decide it.
pub(super) struct Desk<'a> {
    pub(super) change: &'a Change,
    pub(super) record: &'a Record,
    pub(super) force: bool,
}

impl Desk<'_> {
    pub(super) fn obstacle(&self, why: impl Into<String>, next: impl Into<String>) -> Obstacle {
        Obstacle { path: self.change.path.clone(), why: why.into(), next: next.into() }
    }

    pub(super) fn edit(&self, before: State, after: State, wrote: Fragments, kind: Kind) -> Outcome {
        let edit = Edit { path: self.change.path.clone(), why: self.change.why.clone(), before, after, wrote, kind };
        Outcome { edit: Some(edit), ..Outcome::default() }
    }

    fn keep(&self, why: impl Into<String>) -> Outcome {
        let kept = Kept { path: self.change.path.clone(), why: why.into(), yields_to_force: true };
        Outcome { kept: vec![kept], ..Outcome::default() }
    }

    /// As `keep`, for what not even `--force` replaces.
    fn stays(&self, why: &str) -> Outcome {
        let mut outcome = self.keep(why);
        outcome.kept.iter_mut().for_each(|kept| kept.yields_to_force = false);
        outcome
    }

    /// Reads what is there, after checking that a link does not lead out of where it may.
    fn look(&self) -> Result<State, Obstacle> {
        let path = &self.change.path;
        if path.to_str().is_none() {
            return Err(self.obstacle("the path is not valid UTF-8", "give the folder a name that JSON can hold"));
        }
        let failed = |error: std::io::Error| {
            let why = match error.kind() {
                std::io::ErrorKind::Other => error.to_string(),
                _ => format!("cannot be read: {error}"),
            };
            self.obstacle(why, "look at what it is, and move it away or leave this part out with `--skip`")
        };
        if matches!(self.change.want, Want::Link { .. }) {
            return State::observe_link(path).map_err(failed);
        }
        if let Some(within) = &self.change.within {
            let target = atomic::resolve(path).map_err(failed)?;
            let (Some(real), Some(root)) = (paths::real_place(&target), paths::real_place(within)) else {
                return Err(self.obstacle(
                    "leads through a link to something that does not exist yet",
                    "remove that link, or leave this part out with `--skip`",
                ));
            };
            if !real.starts_with(&root) {
                return Err(self.obstacle(
                    format!("leads out of the project, to {}", escape::path(&real)),
                    "replace the link by a file, or leave this part out with `--skip`",
                ));
            }
        }
        State::observe(path).map_err(failed)
    }

    fn directory(&self, before: State) -> Result<Outcome, Obstacle> {
        // What is no link and was not there a moment ago, another project that shares the cache has made.
        let link = std::fs::read_link(&self.change.path).ok();
        match (before, link) {
            (State::Directory, _) => Ok(Outcome::default()),
            (State::Absent, Some(target)) => {
                let why = format!("is a symbolic link to {}, which does not exist", escape::path(&target));
                Err(self.obstacle(why, "create that folder (is a disk not mounted?), or remove the link"))
            }
            (State::Absent, None) => Ok(Outcome {
                edit: Some(directory(self.change.path.clone(), self.change.why.clone())),
                ..Outcome::default()
            }),
            _ => Err(self.obstacle("is a file, and a folder is needed there", "move it away, or choose another path")),
        }
    }

    fn file(&self, before: State, contents: &[u8]) -> Outcome {
        let wrote = whole(contents);
        let replace = |before: State| {
            let mode = if let State::File(_, mode) = &before { *mode } else { 0 };
            self.edit(before, State::File(contents.to_vec(), mode), wrote.clone(), Kind::File)
        };
        let State::File(there, _) = &before else {
            return if before == State::Absent {
                replace(before)
            } else {
                self.stays("it is a folder, and a file of modelstrap's belongs there")
            };
        };
        if there == contents {
            return Outcome { settled: wrote, ..Outcome::default() };
        }
        let head = &there[..there.len().min(400)];
        // What stands in our own folder without a record came with a clone or a copy: nobody edited it here.
        let house = self.change.path.parent().is_some_and(|parent| parent.ends_with(STATE_FOLDER));
        // The answers were read before, a person's edit of them included: what is written is what holds.
        let answers = house && self.change.path.ends_with(answers::FILE);
        match self.record.get(&self.change.path, "") {
            _ if self.force || answers => replace(before),
            Some(last) if last == digest::sha256(there) => replace(before),
            None if house || String::from_utf8_lossy(head).contains(GENERATED) => replace(before),
            Some(_) => self.keep("it was edited since modelstrap wrote it"),
            None => self.keep("it was there before modelstrap"),
        }
    }

    fn block(&self, before: State, lines: &[String]) -> Result<Outcome, Obstacle> {
        let (there, mode) = match &before {
            State::Absent if lines.is_empty() => return Ok(Outcome::default()),
            State::Absent => (Vec::new(), 0),
            State::File(bytes, mode) => (bytes.clone(), *mode),
            _ => {
                return Err(self.obstacle(
                    "is a folder, and a file belongs there",
                    "move it away, or leave this part out with `--skip`",
                ));
            }
        };
        if there.starts_with(b"\xff\xfe") || there.starts_with(b"\xfe\xff") {
            return Err(self.obstacle("is UTF-16, which modelstrap does not edit", "save it as UTF-8"));
        }
        let mend = |broken: block::BrokenMarkers| {
            self.obstacle(broken.to_string(), "restore or remove those marker lines by hand, then run this again")
        };
        let body = block::body(lines);
        let wrote = if lines.is_empty() { Fragments::new() } else { whole(&body) };
        let found = block::find(&there).map_err(mend)?;
        match &found {
            None if lines.is_empty() => return Ok(Outcome::default()),
            Some(found) if found.body == body => return Ok(Outcome { settled: wrote, ..Outcome::default() }),
            // Without a record the block came with the project, or from another machine: then it is ours to renew.
            Some(found) if !self.force && self.differs_from_record(kept::own(&found.body)) => {
                return Ok(self.keep("its modelstrap block was edited since modelstrap wrote it"));
            }
            _ => {}
        }
        let after = if lines.is_empty() {
            block::remove(&there, &there[..found.map_or(there.len(), |found| found.span.start)])
        } else {
            block::set(&there, lines)
        };
        Ok(self.edit(before, State::File(after.map_err(mend)?, mode), wrote, Kind::Block))
    }

    fn differs_from_record(&self, bytes: &[u8]) -> bool {
        self.record.get(&self.change.path, "").is_some_and(|last| last != digest::sha256(bytes))
    }

    fn link(&self, before: State, target: &Path) -> Result<Outcome, Obstacle> {
        let wrote = Fragments::from([(String::new(), target.to_string_lossy().into_owned())]);
        let after = State::Link(target.to_path_buf());
        match &before {
            State::Link(there) if there == target => Ok(Outcome { settled: wrote, ..Outcome::default() }),
            State::Absent => Ok(self.edit(before, after, wrote, Kind::Link)),
            State::Link(there) => match self.record.get(&self.change.path, "") {
                Some(last) if self.force || last == there.to_string_lossy() => {
                    Ok(self.edit(before, after, wrote, Kind::Link))
                }
                _ if self.force => Ok(self.edit(before, after, wrote, Kind::Link)),
                _ => Ok(self.keep(format!("it is a link to {}", escape::path(there)))),
            },
            _ => Ok(self.stays("it is there already, and not a link: `modelstrap migrate` will be able to move it")),
        }
    }

    /// Whether the edit can be made at all: found out before anything is written.
    fn writable(&self, edit: &Edit) -> Result<(), Obstacle> {
        if let State::File(_, mode) = edit.before
            && mode & 0o222 == 0
        {
            return Err(self.obstacle("is read-only", "make it writable, or leave this part out with `--skip`"));
        }
        let target = match edit.kind {
            Kind::Link => edit.path.clone(),
            _ => atomic::resolve(&edit.path).unwrap_or_else(|_| edit.path.clone()),
        };
        let folder = target.ancestors().skip(1).find(|folder| folder.exists()).unwrap_or(Path::new("/"));
        if !folder.is_dir() {
            let why = format!("cannot be made: {} is a file", escape::path(folder));
            return Err(self.obstacle(why, "move that file away, or choose another path"));
        }
        atomic::can_write(folder).map_err(|error| {
            let why = format!("cannot be written: {}: {error}", escape::path(folder));
            self.obstacle(
                why,
                "make that folder writable, or choose another path (`--cache-dir`) or leave this part out (`--skip`)",
            )
        })
    }
}

fn whole(bytes: &[u8]) -> Fragments {
    Fragments::from([(String::new(), digest::sha256(bytes))])
}
