//! The projects of a cache, one file each: where it is, on which machine, whose, and a copy of its lock, so that who prunes the
//! cache elsewhere knows what is still needed.
//!
//! When a project was seen last is the time of its file: a second look writes nothing, and a day later it only sets that time.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{DAY, Who, file, short};
use crate::models::lock::{self, Lock};
use crate::support::vars::Vars;
use crate::support::{bounded, digest, own_folder};

/// Their folder in that of the notes.
pub const FOLDER: &str = "projects";

const SCHEMA: &str = "modelstrap.project/1";

/// The most registrations that are read: far more than people share a disk, and an end for who fills it.
const MOST: usize = 4096;

/// The largest registration, in bytes: a lock, each byte of which takes at most two in JSON but for rare ones.
const LARGEST: u64 = 2 * lock::MAX_SIZE + (1 << 16);

/// How long a project, or the lock that it had, must have been found gone before it is dropped: its disk may only be
/// unplugged, and a lock come back with its branch.
pub const GONE: i64 = 30 * DAY;

/// How long a project of another machine, which cannot be looked for, may stay silent before it is dropped.
pub const SILENT: i64 = 180 * DAY;

/// A project that uses a cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The project's folder.
    pub project: PathBuf,
    /// The machine that it is on; `container` for one that has a new name each time.
    pub host: String,
    /// Whose it is.
    pub user: String,
    /// The SHA-256 of its lock.
    pub lock: Option<String>,
    /// When modelstrap ran in it last, in seconds since 1970.
    pub seen: i64,
}

/// Whether a project is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is.
    Here,
    /// It is on another machine, or cannot be looked at: nobody here can tell.
    Elsewhere,
    /// It is not, and was found so first at this time, in seconds since 1970.
    Gone {
        /// When that was.
        since: i64,
    },
    /// Its folder is, and the lock that it had is not: another branch is checked out, or what is seen is the folder on which its
    /// disk is mounted at other times.
    Unlocked {
        /// When that was seen first, in seconds since 1970.
        since: i64,
    },
}

/// A registration, and what it means now.
#[derive(Debug)]
pub struct Known {
    /// What is registered.
    pub registration: Registration,
    /// Whether the project is still there.
    pub standing: Standing,
    /// What it needs: its own lock where it is there and can be read, else the copy.
    pub lock: Option<Lock>,
    /// Why what it needs is not known, or not certain.
    pub problem: Option<String>,
}

impl Known {
    /// Whether anybody can tell which project it is of.
    pub fn is_read(&self) -> bool {
        !self.registration.host.is_empty()
    }
}

/// A registration as it is written.
#[derive(Debug, Serialize, Deserialize)]
struct Text<'a> {
    schema: Cow<'a, str>,
    project: Cow<'a, str>,
    host: Cow<'a, str>,
    user: Cow<'a, str>,
    lock: Option<Cow<'a, str>>,
    copy: Option<Cow<'a, str>>,
}

/// Registers `project`, whose lock has this text, in the cache. Nothing is written where all of that is known since less than a day.
///
/// # Errors
/// What the disk says: no verb fails for that.
pub fn register(cache_root: &Path, project: &Path, lock_text: Option<&str>, vars: &Vars, now: i64) -> io::Result<()> {
    let who = Who::of(vars);
    let Some(path) = project.to_str() else { return Err(io::Error::other("the project's path is not UTF-8")) };
    let lock = lock_text.map(|text| digest::sha256(text.as_bytes()));
    let text = Text {
        schema: SCHEMA.into(),
        project: path.into(),
        user: who.user.as_str().into(),
        copy: lock_text.map(Into::into),
        host: who.host.as_str().into(),
        lock: lock.map(Into::into),
    };
    let name = name(&who, path, text.lock.as_deref());
    let mut write = |to: &mut dyn io::Write| {
        serde_json::to_writer_pretty(&mut *to, &text)?;
        to.write_all(b"\n")
    };
    let known = super::folder(cache_root).join(FOLDER).join(&name);
    let is_same = file::is_what(&known, LARGEST, &mut write).unwrap_or(false);
    if is_same && file::changed(&known).is_some_and(|seen| (0..DAY).contains(&now.saturating_sub(seen))) {
        return Ok(());
    }
    let at = file::room(cache_root, FOLDER)?.join(&name);
    if !is_same {
        file::replace_with(&at, &mut write)?;
    }
    file::touch(&at, now)?;
    file::remove(&gone_mark(&at));
    Ok(())
}

/// Takes the registration of `project` back, of this machine and person. The last one takes all notes with it. In a cache that lies
/// in the project itself, so does what was registered there and is gone: the project had another name then.
pub fn withdraw(cache_root: &Path, project: &Path, vars: &Vars) {
    let own = super::folder(cache_root);
    if !file::is_folder(&own) {
        return;
    }
    if let Some(folder) = folder(cache_root) {
        withdraw_from(&folder, cache_root, project, &Who::of(vars));
        if listed(&folder).0.is_empty() {
            file::remove_unfinished(&folder);
            file::remove_bare(&folder);
        }
    }
    if fs::symlink_metadata(own.join(FOLDER)).is_err() {
        super::uses::forget(cache_root);
        super::history::forget(cache_root);
        file::remove_unfinished(&own);
        own_folder::remove_if_bare(&own);
    }
}

/// Takes the registration of `project`, of this machine and person, out of a cache that it uses no more. All other notes there stay. Whether
/// there was one.
pub fn leave(cache_root: &Path, project: &Path, vars: &Vars) -> bool {
    let Some(folder) = folder(cache_root) else { return false };
    let who = Who::of(vars);
    let ours: Vec<PathBuf> = listed(&folder).0.into_iter().map(|name| folder.join(name)).collect();
    let ours = ours.into_iter().filter(|at| read(at).is_ok_and(|(found, _)| is_ours(&found, project, &who)));
    let gone = ours.filter(|at| {
        file::remove(at);
        file::remove(&gone_mark(at));
        !at.exists()
    });
    let is_gone = gone.count() > 0;
    file::remove_bare(&folder);
    is_gone
}

fn is_ours(found: &Registration, project: &Path, who: &Who) -> bool {
    (&*found.project, &found.host, &found.user) == (project, &who.host, &who.user)
}

fn withdraw_from(folder: &Path, cache_root: &Path, project: &Path, who: &Who) {
    for name in listed(folder).0 {
        let at = folder.join(&name);
        let is_moved = |found: &Registration| {
            cache_root.starts_with(project) && matches!(standing(&at, found, who, 0), Standing::Gone { .. })
        };
        if read(&at).is_ok_and(|(found, _)| is_ours(&found, project, who) || is_moved(&found)) {
            file::remove(&at);
            file::remove(&gone_mark(&at));
        }
    }
}

/// Every project that is registered in the cache. `now` in seconds since 1970.
pub fn all(cache_root: &Path, vars: &Vars, now: i64) -> Vec<Known> {
    let Some(folder) = folder(cache_root) else { return Vec::new() };
    let who = Who::of(vars);
    let (files, more) = listed(&folder);
    let mut found: Vec<Known> = files.iter().map(|name| known(&folder.join(name), &who, now)).collect();
    if more {
        found.push(unread(folder, format!("more than {MOST} projects are registered: the others are not read"), now));
    }
    found
}

/// The folders of the projects that are registered in the cache; of a registration that nobody can read its own path.
pub fn registered(cache_root: &Path) -> Vec<PathBuf> {
    let Some(folder) = folder(cache_root) else { return Vec::new() };
    let project = |at: PathBuf| read(&at).map_or(at, |(found, _)| found.project);
    listed(&folder).0.iter().map(|name| project(folder.join(name))).collect()
}

/// What [`sweep`] would drop; nothing is written.
pub fn due(cache_root: &Path, vars: &Vars, now: i64) -> Vec<Registration> {
    let Some(folder) = folder(cache_root) else { return Vec::new() };
    let who = Who::of(vars);
    let files = listed(&folder).0.into_iter().map(|name| folder.join(name));
    let is_over = |at: PathBuf| {
        let (found, _) = read(&at).ok()?;
        is_over(standing(&at, &found, &who, now), &found, now).then_some(found)
    };
    files.filter_map(is_over).collect()
}

/// Marks the projects that are gone, and drops the registrations whose time is over. Gives what was dropped.
pub fn sweep(cache_root: &Path, vars: &Vars, now: i64) -> Vec<Registration> {
    let Some(folder) = folder(cache_root) else { return Vec::new() };
    let who = Who::of(vars);
    let mut dropped = Vec::new();
    for name in listed(&folder).0 {
        let at = folder.join(name);
        let Ok((registration, _)) = read(&at) else { continue };
        let mark = gone_mark(&at);
        let standing = standing(&at, &registration, &who, now);
        if is_over(standing, &registration, now) {
            file::remove(&at);
            file::remove(&mark);
            if !at.exists() {
                dropped.push(registration);
            }
            continue;
        }
        let is_here = standing == Standing::Here;
        if is_here && mark.exists() {
            file::remove(&mark);
        }
        let is_marked = is_here || standing == Standing::Elsewhere || mark.exists();
        if !is_marked && file::append(&mark, "").is_ok() {
            let _ = file::touch(&mark, now);
        }
    }
    dropped
}

/// Whether a registration counts no more.
fn is_over(standing: Standing, registration: &Registration, now: i64) -> bool {
    match standing {
        Standing::Here => false,
        Standing::Gone { since } | Standing::Unlocked { since } => now.saturating_sub(since) >= GONE,
        Standing::Elsewhere => now.saturating_sub(registration.seen) >= SILENT,
    }
}

/// The folder of registrations, where it is one.
fn folder(cache_root: &Path) -> Option<PathBuf> {
    file::is_folder(&super::folder(cache_root))
        .then(|| super::folder(cache_root).join(FOLDER))
        .filter(|at| file::is_folder(at))
}

/// The name of a registration. What has a new name each time is known by what it needs.
fn name(who: &Who, project: &str, lock: Option<&str>) -> String {
    let needs = if who.passing { lock.unwrap_or("nothing") } else { "" };
    format!("{}.json", short(&["modelstrap.project", &who.host, &who.user, project, needs]))
}

/// What says since when a project is gone, by its own time.
fn gone_mark(registration: &Path) -> PathBuf {
    registration.with_extension("gone")
}

/// The names of registrations in `folder`, sorted, and whether there are more than are read.
fn listed(folder: &Path) -> (BTreeSet<String>, bool) {
    let mut names = BTreeSet::new();
    let is_one = |name: &str| {
        let stem = name.strip_suffix(".json").unwrap_or_default();
        stem.len() == 16 && stem.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    for entry in fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
        let Ok(name) = entry.file_name().into_string() else { continue };
        if is_one(&name) {
            if names.len() >= MOST {
                return (names, true);
            }
            names.insert(name);
        }
    }
    (names, false)
}

/// The registration at `path`, and the copy of the lock.
fn read(path: &Path) -> Result<(Registration, Option<String>), String> {
    let bytes = file::read(path, LARGEST).map_err(|error| error.to_string())?;
    let text: Text<'_> = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    if text.schema != SCHEMA {
        return Err("it is of another version".to_owned());
    }
    let project = PathBuf::from(&*text.project);
    let plain = project.components().all(|part| !matches!(part, Component::ParentDir | Component::CurDir));
    let foreign = |text: &str| text.len() > 4096 || text.contains('\0');
    if !plain || foreign(&text.project) || foreign(&text.host) || foreign(&text.user) {
        return Err("it names no folder".to_owned());
    }
    if text.lock.as_deref().is_some_and(|lock| lock.len() != 64 || !lock.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        return Err("it names no lock".to_owned());
    }
    let seen = file::changed(path).unwrap_or(0);
    let (host, user) = (text.host.into_owned(), text.user.into_owned());
    let lock = text.lock.map(Cow::into_owned);
    Ok((Registration { project, host, user, lock, seen }, text.copy.map(Cow::into_owned)))
}

fn known(path: &Path, who: &Who, now: i64) -> Known {
    let (mut registration, copy) = match read(path) {
        Ok(read) => read,
        Err(why) => return unread(path.to_path_buf(), why, now),
    };
    let standing = standing(path, &registration, who, now);
    // A clock that was wrong.
    registration.seen = registration.seen.min(now);
    let mut found = Known { registration, standing, lock: None, problem: None };
    if standing == Standing::Here {
        match own_lock(&found.registration.project) {
            Ok(Some(lock)) => {
                found.lock = Some(lock);
                return found;
            }
            // It went since it was looked for, or there never was one.
            Ok(None) => {}
            Err(why) => found.problem = Some(format!("its {}: {why}", lock::FILE)),
        }
    }
    match (&found.registration.lock, copy) {
        (None, _) => {}
        (Some(digest), Some(text)) if digest::sha256(text.as_bytes()) == *digest => match Lock::parse(&text) {
            Ok(lock) => found.lock = Some(lock),
            Err(problem) => found.problem = Some(format!("the copy of its lock{problem}")),
        },
        (Some(_), _) => found.problem = Some("the copy of its lock is not the one that was registered".to_owned()),
    }
    found
}

/// What stands for a file that cannot be read.
fn unread(path: PathBuf, why: String, now: i64) -> Known {
    let seen = file::changed(&path).unwrap_or(0).min(now);
    let registration = Registration { project: path, host: String::new(), user: String::new(), lock: None, seen };
    Known { registration, standing: Standing::Elsewhere, lock: None, problem: Some(why) }
}

/// The project's own lock, where it has one.
fn own_lock(project: &Path) -> Result<Option<Lock>, String> {
    let bytes = match bounded::read(&project.join(lock::FILE), lock::MAX_SIZE) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let text = String::from_utf8(bytes).map_err(|error| error.to_string())?;
    Lock::parse(&text).map(Some).map_err(|problem| problem.to_string())
}

fn standing(path: &Path, registration: &Registration, who: &Who, now: i64) -> Standing {
    let project = &registration.project;
    if !project.is_absolute() {
        return Standing::Elsewhere;
    }
    if who.passing || registration.host != who.host {
        // The machine may have another name by now, or the project lies on a disk that both see.
        let same = registration.lock.is_some() && own_digest(project) == registration.lock;
        return if same { Standing::Here } else { Standing::Elsewhere };
    }
    match fs::metadata(project) {
        Ok(found) if found.is_dir() => match registration.lock.is_some() && has_no_lock(project) {
            true => Standing::Unlocked { since: gone_since(path, now) },
            false => Standing::Here,
        },
        Ok(_) => Standing::Gone { since: gone_since(path, now) },
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Standing::Gone { since: gone_since(path, now) }
        }
        Err(_) => Standing::Elsewhere,
    }
}

/// Whether nothing is there by the lock's name, or a link to nothing.
fn has_no_lock(project: &Path) -> bool {
    fs::metadata(project.join(lock::FILE)).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

fn own_digest(project: &Path) -> Option<String> {
    let bytes = bounded::read(&project.join(lock::FILE), lock::MAX_SIZE).ok()?;
    Some(digest::sha256(&bytes))
}

fn gone_since(registration: &Path, now: i64) -> i64 {
    file::changed(&gone_mark(registration)).unwrap_or(now).min(now)
}

#[cfg(test)]
mod tests;
