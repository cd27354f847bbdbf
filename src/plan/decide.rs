//! Decides one change: what we wrote last, what is there, what we want, and so what to do.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::record::{Fragments, Record};
use super::{Change, Edit, JsonMembers, Kept, Kind, Obstacle, Plan, State, Want, block, json};
use crate::project::answers;
use crate::project::root::STATE_FOLDER;
use crate::support::{atomic, digest, escape, paths, units};

/// A `hardware_cache.json` above this size is not one.
const MAX_JSON: usize = 16 << 20;

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
struct Outcome {
    edit: Option<Edit>,
    kept: Vec<Kept>,
    settled: Fragments,
}

/// One change on the desk, with what is needed to decide it.
struct Desk<'a> {
    change: &'a Change,
    record: &'a Record,
    force: bool,
}

impl Desk<'_> {
    fn obstacle(&self, why: impl Into<String>, next: impl Into<String>) -> Obstacle {
        Obstacle { path: self.change.path.clone(), why: why.into(), next: next.into() }
    }

    fn edit(&self, before: State, after: State, wrote: Fragments, kind: Kind) -> Outcome {
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
        match before {
            State::Directory => Ok(Outcome::default()),
            State::Absent if std::fs::symlink_metadata(&self.change.path).is_ok() => {
                let target = std::fs::read_link(&self.change.path).unwrap_or_default();
                let why = format!("is a symbolic link to {}, which does not exist", escape::path(&target));
                Err(self.obstacle(why, "create that folder (is a disk not mounted?), or remove the link"))
            }
            State::Absent => Ok(Outcome {
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
            Some(found) if !self.force && self.differs_from_record(&found.body) => {
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

    fn json(&self, before: State, members: &JsonMembers) -> Result<Outcome, Obstacle> {
        let (there, mode) = match &before {
            State::Absent => ("{}\n".to_owned(), 0),
            State::File(bytes, mode) => (self.json_text(bytes)?, *mode),
            _ => {
                return Err(self.obstacle(
                    "is a folder, and a JSON file belongs there",
                    "move it away, or leave it out with `--skip machine-config`",
                ));
            }
        };
        let broken = |error: serde_json::Error| {
            self.obstacle(
                format!("is not valid JSON: {error}"),
                "mend it at that place, or move the file away: setup writes a new one",
            )
        };
        if !matches!(json::get(&there, &[]).map_err(broken)?, Some(Value::Object(_))) {
            return Err(self.obstacle("is JSON, but not an object", "move the file away: setup writes a new one"));
        }
        let mut text = there.clone();
        let mut wrote = Fragments::new();
        let mut kept = Vec::new();
        // What is left alone stays ours, if it was.
        let held = |wrote: &mut Fragments, name: String| {
            if let Some(last) = self.record.get(&self.change.path, &name) {
                wrote.insert(name, last.to_owned());
            }
        };
        for (pointer, value) in &members.set {
            let name = fragment_name(pointer);
            if let Some(other) = another_kind_on_the_way(&text, pointer).map_err(broken)? {
                return Err(self.obstacle(
                    format!("`{other}` is there, but is not an object"),
                    "move what it holds elsewhere in the file, or leave this part out with `--skip machine-config`",
                ));
            }
            let current = json::get(&text, pointer).map_err(broken)?;
            let last = self.record.get(&self.change.path, &name);
            match current {
                Some(current) if current == *value => {}
                Some(current) if !self.force && last.is_some_and(|last| last != value_digest(&current)) => {
                    let why = format!("`{}` in it was edited since modelstrap wrote it", pointer.join("."));
                    kept.push(Kept { path: self.change.path.clone(), why, yields_to_force: true });
                    if let Some(last) = last {
                        wrote.insert(name, last.to_owned());
                    }
                    continue;
                }
                _ => text = json::set(&text, pointer, value, None).map_err(broken)?,
            }
            wrote.insert(name, value_digest(value));
        }
        for (pointer, value) in &members.defaults {
            if json::get(&text, pointer).map_err(broken)?.is_none() {
                text = json::set(&text, pointer, value, None).map_err(broken)?;
                wrote.insert(fragment_name(pointer), value_digest(value));
            } else {
                held(&mut wrote, fragment_name(pointer));
            }
        }
        if let Some((key, value)) = &members.stamp {
            let pointer = [key.clone()];
            if text != there || json::get(&text, &pointer).map_err(broken)?.is_none() {
                let first = members.set.first().and_then(|(pointer, _)| pointer.first()).map(String::as_str);
                text = json::set(&text, &pointer, value, first).map_err(broken)?;
                wrote.insert(fragment_name(&pointer), value_digest(value));
            } else {
                held(&mut wrote, fragment_name(&pointer));
            }
        }
        if text == there && before != State::Absent {
            return Ok(Outcome { settled: wrote, kept, edit: None });
        }
        let outcome = self.edit(before, State::File(text.into_bytes(), mode), wrote, Kind::Json);
        Ok(Outcome { kept, ..outcome })
    }

    fn json_text(&self, bytes: &[u8]) -> Result<String, Obstacle> {
        if bytes.len() > MAX_JSON {
            let why = format!("is {}, far too large for a machine config", units::bytes(bytes.len() as u64));
            return Err(self.obstacle(why, "move the file away: setup writes a new one"));
        }
        if bytes.starts_with(b"\xef\xbb\xbf") {
            let why = "begins with a byte order mark, which Python's json module refuses";
            return Err(self.obstacle(why, "save it as UTF-8 without a byte order mark"));
        }
        String::from_utf8(bytes.to_vec()).map_err(|error| {
            let why = format!("is not UTF-8 (first bad byte at offset {})", error.utf8_error().valid_up_to());
            self.obstacle(why, "save it as UTF-8, or move the file away: setup writes a new one")
        })
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

/// The first member on the way to `pointer` that is something other than an object: it is a person's.
fn another_kind_on_the_way(text: &str, pointer: &[String]) -> serde_json::Result<Option<String>> {
    for end in 1..pointer.len() {
        if json::get(text, &pointer[..end])?.is_some_and(|found| !found.is_object() && !found.is_null()) {
            return Ok(Some(pointer[..end].join(".")));
        }
    }
    Ok(None)
}

/// How a member's path names its fragment in the record: a JSON array, since a key may hold any character.
pub(super) fn fragment_name(pointer: &[String]) -> String {
    Value::from(pointer.to_vec()).to_string()
}

/// The digest of a JSON value, whatever its spelling in the file.
pub(super) fn value_digest(value: &Value) -> String {
    digest::sha256(value.to_string().as_bytes())
}
