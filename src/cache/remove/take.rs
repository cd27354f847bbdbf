//! One victim's way into the trash: whether it is still what the plan saw, whether anybody is at work on it, then the rename, and
//! whether what was renamed is what was looked at.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::hub::{self, Repository};
use super::locks::{self, Held};
use super::run::{Job, Run};
use super::{Role, guard, walk};
use crate::support::folder::{Folder, Found, Kind};

/// What another process holds while a victim goes.
type Locks = Vec<Held>;

/// A victim that may go.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) parent: Rc<Folder>,
    pub(super) path: PathBuf,
    pub(super) found: Found,
    /// Held until it has gone.
    _locks: Locks,
}

/// Moves the victim of the job `at` into its trash; or why it stays.
pub(super) fn take(run: &mut Run<'_>, at: usize) -> Result<(), String> {
    let ready = look(run, at)?;
    let name = ready.path.file_name().unwrap_or_default();
    let job = &run.jobs.get(at);
    let commit = (job.role == Role::Reference).then(|| hub::commit(&ready.parent, name)).flatten();
    rename(run, job, &ready.parent, name, &ready.found)?;
    run.jobs.named_commit(at, commit);
    Ok(())
}

/// Unlinks the victim of the job `at` where it lies, a file alone: one step, which needs no journal. Says what that freed.
pub(super) fn unlink(run: &mut Run<'_>, at: usize) -> Result<u64, String> {
    let ready = look(run, at)?;
    let name = ready.path.file_name().unwrap_or_default();
    ready.parent.unlink(name).map_err(|error| format!("cannot be removed: {error}"))?;
    Ok(ready.found.stamp.alone())
}

/// Whether the victim is what the plan saw, and nobody is at work on it or needs it.
pub(super) fn look(run: &mut Run<'_>, at: usize) -> Result<Ready, String> {
    let ready = look_at_itself(run, at)?;
    used(run, at)?;
    Ok(ready)
}

/// The same, whatever the rest of its repository says.
pub(super) fn look_at_itself(run: &Run<'_>, at: usize) -> Result<Ready, String> {
    let job = &run.jobs.get(at);
    let place = &run.places[job.place()];
    let path = job.path();
    let (parent, name) = place.parent(&path).map_err(|error| way(&error))?;
    let found = parent.find(name).map_err(|error| way(&error))?.ok_or("is not there any more")?;
    if !found.stamp.is_same_content(&job.stamp) {
        return Err("was changed since the plan".to_owned());
    }
    fits(job.role, &found)?;
    let locks = locks(run, job, &parent, name, &found)?;
    if job.role == Role::Tree && parent.enter(name).is_ok_and(|folder| walk::is_git(&folder)) {
        return Err("is a Git work tree".to_owned());
    }
    match job.role {
        Role::Tree | Role::Snapshot => run.limits.refuse_tree(&parent, name, false)?,
        _ => run.limits.refuse(&found, false)?,
    }
    run.refuse_downloads(job)?;
    Ok(Ready { parent, path, found, _locks: locks })
}

/// What an error on the way to a victim means.
pub(super) fn way(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "is not there any more".to_owned(),
        io::ErrorKind::NotADirectory => {
            "is reached through a link or a file: what lies behind is not removed".to_owned()
        }
        _ => format!("cannot be reached: {error}"),
    }
}

fn fits(role: Role, found: &Found) -> Result<(), String> {
    let fits = match role {
        Role::Tree | Role::Snapshot => found.kind == Kind::Folder,
        Role::Payload => found.kind == Kind::File,
        Role::File | Role::Blob | Role::Reference => matches!(found.kind, Kind::File | Kind::Link),
    };
    if fits { Ok(()) } else { Err("is not of the kind that it was taken for".to_owned()) }
}

/// Takes the locks that speak for the victim, where others hold none.
fn locks(run: &Run<'_>, job: &Job, parent: &Folder, name: &OsStr, found: &Found) -> Result<Locks, String> {
    let place = &run.places[job.place()];
    let around = || Repository::around(&place.folder, &place.real, &job.path()).map_err(|error| way(&error));
    let of_blob = |etag: &OsStr| match around()? {
        Some(repository) => Ok(vec![locks::hold_blob(&repository.hub, &repository.name, etag)]),
        None => Err("lies in no repository".to_owned()),
    };
    let held = match job.role {
        Role::Blob => of_blob(name)?,
        Role::File if found.kind == Kind::File => {
            let unfinished = etag(&job.path()).map(of_blob).transpose()?;
            unfinished.into_iter().flatten().chain(locks::of_file(parent, name)).collect()
        }
        Role::Tree if guard::is_repository(name) => {
            let busy = around()?.and_then(|repository| locks::busy(&repository.hub, &repository.name));
            if busy.is_some() { vec![Held::ByAnother] } else { Vec::new() }
        }
        _ => Vec::new(),
    };
    if held.iter().any(|held| matches!(held, Held::ByAnother)) {
        return Err("is locked by another process, which may be fetching it".to_owned());
    }
    Ok(held)
}

/// Of an unfinished download of Python's in a repository's `blobs`, the content that it becomes.
fn etag(path: &Path) -> Option<&OsStr> {
    let (_, repository) = hub::around(path)?;
    let in_blobs = path.parent()?.file_name()? == "blobs" && path.parent()?.parent()?.file_name()? == repository;
    locks::content_of(path.file_name()?).filter(|_| in_blobs)
}

/// Whether the rest of the repository needs the victim.
fn used(run: &mut Run<'_>, at: usize) -> Result<(), String> {
    let job = &run.jobs.get(at);
    let place = &run.places[job.place()];
    let around = || {
        let found = Repository::around(&place.folder, &place.real, &job.path()).map_err(|error| way(&error))?;
        found.ok_or_else(|| "lies in no repository".to_owned())
    };
    let unknown = |error: io::Error| format!("stays, since its repository cannot be read: {error}");
    let (parent, name) = job.split();
    match job.role {
        Role::Snapshot if around()?.named().map_err(unknown)?.contains(name) => {
            Err("is named by a branch or tag".to_owned())
        }
        Role::Blob => {
            let key = (job.place(), parent.to_path_buf());
            if run.contents.as_ref().is_none_or(|(of, _)| *of != key) {
                let contents = around()?.contents().map_err(unknown)?;
                run.contents = Some((key, contents));
            }
            let is_used = run.contents.as_ref().is_some_and(|(_, contents)| contents.contains(name));
            if is_used { Err("is used by a revision".to_owned()) } else { Ok(()) }
        }
        _ => Ok(()),
    }
}

/// Gives it its name in the trash. What was put in its place since it was looked at goes back.
pub(super) fn rename(run: &Run<'_>, job: &Job, parent: &Folder, name: &OsStr, found: &Found) -> Result<(), String> {
    let said = |error: io::Error| match error.kind() {
        io::ErrorKind::CrossesDevices => {
            "lies on another disk than the trash beside it, or in a layer of a container's image".to_owned()
        }
        _ => format!("cannot be moved into the trash: {error}"),
    };
    let trash = run.trashes[job.trash()].make().map_err(said)?;
    let new = &job.number();
    parent.rename(name, &trash, new).map_err(said)?;
    let moved = trash.look(new).map_err(said)?;
    if moved.stamp.is_same_content(&found.stamp) && moved.kind == found.kind {
        return Ok(());
    }
    match trash.rename(new, parent, name) {
        Ok(()) => Err("was replaced by something else meanwhile".to_owned()),
        Err(error) => Err(format!("was replaced by something else meanwhile, which lies in the trash now: {error}")),
    }
}
