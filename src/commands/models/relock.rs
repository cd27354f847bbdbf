//! Changes to `modelstrap.lock` while others change it, too: a download that learns something may take hours, and a model that
//! was added, updated or removed meanwhile stays so.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::super::context::Context;
use super::super::setup::lock as lock_project;
use super::session::{Pick, Session, known};
use super::settle::Settled;
use crate::models::bring::Brought;
use crate::models::lock::{self, Lock};
use crate::models::locked::Model;
use crate::models::request::{self, Asked, Request};
use crate::project::Project;
use crate::support::{atomic, bounded, delete, escape, own_folder, units};

/// The project's lock is held for milliseconds; `undo` may take longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came of writing the lock.
#[derive(Debug)]
pub(super) struct Written {
    /// Whether the file has other bytes now.
    pub(super) changed: bool,
    /// How many models it has.
    pub(super) count: usize,
    /// What it has of the models that were to be written.
    pub(super) own: Lock,
}

/// The lock with `fresh` in it: what `newest`, the lock as it is on the disk, says of the other models that `requests` ask for
/// stays. So does what somebody else has locked since `base` was read, from which `fresh` was made. `behind`: `newest` may have
/// models that are wanted with other patterns by now.
pub(super) fn merge(
    requests: &[Request],
    base: Option<&Lock>,
    (newest, behind): (Option<&Lock>, bool),
    fresh: &[(Pick, Model)],
) -> Lock {
    let wanted: HashSet<(&str, String)> = requests
        .iter()
        .flat_map(|request| &request.choices)
        .map(|choice| (choice.name.as_str(), choice.spec.to_string()))
        .collect();
    let is_wanted = |model: &Model| wanted.contains(&(model.name.as_str(), model.spec.clone()));
    let asked = Asked::by(requests);
    let (before, theirs) = (base.map(Lock::by_name).unwrap_or_default(), newest.map(Lock::by_name).unwrap_or_default());
    let mut models: Vec<Model> = Vec::new();
    // What is asked for in other words by now was settled for nothing.
    let is_asked = |pick: &Pick| asked.has(&pick.choice, pick.request.environment.as_deref());
    for (_, model) in fresh.iter().filter(|(pick, _)| pick.in_manifest && is_asked(pick)) {
        let name = model.name.as_str();
        let theirs = theirs.get(name).filter(|theirs| is_wanted(theirs) && before.get(name) != Some(*theirs));
        models.push(theirs.copied().unwrap_or(model).clone());
    }
    let renewed: HashSet<String> = models.iter().map(|model| model.name.clone()).collect();
    let named: HashSet<&str> = wanted.iter().map(|(name, _)| *name).collect();
    let others = newest.into_iter().flat_map(|lock| &lock.models);
    let kept: Vec<&Model> =
        others.filter(|model| named.contains(model.name.as_str()) && !renewed.contains(&model.name)).collect();
    // Where a model that was not asked about may be wanted otherwise now, the lock must go on saying that it is behind.
    let manifest = match newest {
        Some(lock) if !kept.is_empty() && behind => lock.manifest,
        _ => request::digest(requests),
    };
    models.extend(kept.into_iter().cloned());
    Lock::new(manifest, models)
}

/// Writes `fresh`, which was made from `base`, into the lock file as it is now, under the project's lock.
///
/// # Errors
/// When another process does not let go of the project, or the file cannot be read or written.
pub(super) fn write(session: &Session<'_>, base: Option<&Lock>, fresh: &[(Pick, Model)]) -> Result<Written> {
    let path = session.lock_path();
    session.guard_lock()?;
    // Who has nothing to write needs no lock, and may have a project that cannot be written to.
    let planned = merge(&session.requests, base, (base, session.is_behind()), fresh);
    if base == Some(&planned) && is_on_disk(session, &planned)? {
        return Ok(Written { changed: false, count: planned.models.len(), own: own(planned, fresh) });
    }
    let state = session.project.state_folder();
    own_folder::make(&state).with_context(|| format!("{} cannot be made", escape::path(&state)))?;
    let held = lock_project(session.context, &session.project, PATIENCE)?;
    let requests = request::of_manifest(&Project::discover(&session.project.root)?.manifest, &known())?;
    let newest = session.read_newest_lock()?;
    let behind = newest.as_ref().is_some_and(|lock| lock.is_behind(&requests));
    let lock = merge(&requests, base, (newest.as_ref(), behind), fresh);
    let changed = !is_on_disk(session, &lock)?;
    if changed {
        session.note_unseen(&lock)?;
        atomic::replace(&path, lock.render().as_bytes(), None, &session.project.tag())
            .with_context(|| format!("{} cannot be written", escape::path(&path)))?;
    }
    drop(held);
    Ok(Written { changed, count: lock.models.len(), own: own(lock, fresh) })
}

/// Takes out of the lock what the manifest does not name any more; whoever calls this holds the project's lock. True when the
/// lock fits the manifest then.
pub(in crate::commands) fn prune(context: &Context) -> Result<bool> {
    let session = Session::open(context)?;
    session.guard_lock()?;
    let Some(lock) = &session.lock else { return Ok(true) };
    let pruned = merge(&session.requests, Some(lock), (Some(lock), session.is_behind()), &[]);
    if !pruned.disagreements(&session.requests).is_empty() {
        return Ok(false);
    }
    let path = session.lock_path();
    match pruned.models.is_empty() && session.requests.is_empty() {
        true => delete::tree(&path, &session.project.root),
        false => atomic::replace(&path, pruned.render().as_bytes(), None, &session.project.tag()),
    }
    .with_context(|| format!("{} cannot be written", escape::path(&path)))?;
    Ok(true)
}

/// The models of the manifest of which a download taught a size or a digest.
pub(super) fn learnt(settled: &Settled, brought: &[Brought]) -> Vec<(Pick, Model)> {
    let pairs = settled.models.iter().zip(brought);
    let learnt = pairs.filter(|((pick, model), one)| pick.in_manifest && *model != one.model);
    learnt.map(|((pick, _), one)| (pick.clone(), one.model.clone())).collect()
}

/// Says of which files the lock goes on knowing no digest, since it was not to be written.
pub(super) fn tell_unpinned(session: &Session<'_>, learnt: &[(Pick, Model)]) {
    let has = |name: &str, path: &str| {
        let locked = session.lock.as_ref().and_then(|lock| lock.find(name));
        let mut files = locked.into_iter().flat_map(|model| &model.parts).flat_map(|part| &part.files);
        files.any(|file| file.path == path && file.digest.is_some())
    };
    for (_, model) in learnt {
        let files = model.parts.iter().flat_map(|part| &part.files).filter(|file| !has(&model.name, &file.path));
        let open: Vec<String> = files.map(|file| escape::printable(&file.path)).collect();
        if !open.is_empty() {
            session.context.output.warn(format!(
                "{} has no digest of {}: {}, so nobody else can check it\n  \
                 `modelstrap models download` without `--locked` and `--frozen` writes it down",
                session.shown(&session.lock_path()),
                escape::printable(&model.name),
                open.join(", ")
            ));
        }
    }
}

/// Whether the file has these bytes already.
fn is_on_disk(session: &Session<'_>, lock: &Lock) -> Result<bool> {
    let text = lock.render();
    let files: usize = lock.models.iter().flat_map(|model| &model.parts).map(|part| part.files.len()).sum();
    if files > lock::MAX_FILES || text.len() as u64 > lock::MAX_SIZE {
        bail!(
            "{} would have {}, and {} is the most that it can hold\n  choose fewer with `include` and `exclude`",
            session.shown(&session.lock_path()),
            units::count(files, "file"),
            lock::MAX_FILES
        );
    }
    Ok(bounded::read(&session.lock_path(), lock::MAX_SIZE).is_ok_and(|bytes| bytes == text.as_bytes()))
}

fn own(mut lock: Lock, fresh: &[(Pick, Model)]) -> Lock {
    let names: HashSet<&str> = fresh.iter().map(|(_, model)| model.name.as_str()).collect();
    lock.models.retain(|model| names.contains(model.name.as_str()));
    lock
}
