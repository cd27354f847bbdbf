//! `modelstrap undo`: takes back the last change that modelstrap made to the project, or all of them.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use super::cleaning;
use super::context::Context;
use super::setup::{lock as lock_project, shelf};
use super::survey::Survey;
use super::{Exit, consent, notes};
use crate::cache::notes::projects;
use crate::cli::UndoArgs;
use crate::models::lock::unseen::{self, Unseen};
use crate::models::lock::{self, Lock};
use crate::plan::Kind;
use crate::plan::journal::{Past, Shelf};
use crate::plan::kept;
use crate::plan::undo::{UndoError, Undone, undo};
use crate::platform::home;
use crate::project::Project;
use crate::project::answers::Answers;
use crate::setup::{Layout, Overrides};
use crate::support::interrupt::{self, Interrupted};
use crate::support::{bounded, escape, paths, quoted, units};

pub(super) fn run(context: &Context, arguments: &UndoArgs) -> Result<Exit> {
    let project = context.project()?;
    let shelf = shelf(&project);
    let mut past = shelf.past();
    if !arguments.all {
        past = past.split_off(past.len().saturating_sub(1));
    }
    past.reverse();
    let show = |path: &std::path::Path| {
        paths::friendly(&project.root, home::home_dir(&context.vars, context.os).as_deref(), path)
    };
    other_trash(context);
    if past.is_empty() {
        if drop_ignore_lines(context, &project, arguments)? {
            return report(context, &project, &Undone::default(), false);
        }
        tidy(context, &project, &shelf, arguments.dry_run)?;
        let home = home::home_dir(&context.vars, context.os);
        let root = paths::friendly(std::path::Path::new("/nowhere"), home.as_deref(), &project.root);
        context.output.say(format!("Nothing to undo in {root}."));
        if shelf.foreign() > 0 {
            context.output.warn(format!(
                "{} in .modelstrap/journal came with a copy, a clone or another version, and is not obeyed",
                units::count(shelf.foreign(), "journal")
            ));
        }
        return report(context, &project, &Undone::default(), false);
    }
    for run in &past {
        let entries = units::count(run.entries.len(), "change");
        let ended = if run.closed { "" } else { ", which did not end" };
        context.output.say(format!(
            "{} of {}{ended}: {entries}",
            escape::printable(&run.verb),
            escape::printable(&run.started_at)
        ));
        for entry in run.entries.iter().rev().filter(|_| context.output.verbose > 0 || arguments.dry_run) {
            context.output.say(format!("  {}", show(&entry.path)));
        }
    }
    if arguments.dry_run {
        let paths = past.iter().flat_map(|run| run.entries.iter().rev().map(|entry| entry.path.clone()));
        return report(context, &project, &Undone { restored: paths.collect(), ..Undone::default() }, false);
    }
    consent(context, arguments)?;
    interrupt::watch();
    let held = lock_project(context, &project, Duration::from_secs(60))?;
    let now: Vec<u32> = shelf.past().iter().map(|past| past.number).collect();
    let last = past.first().map(|past| past.number);
    if now.last().copied() != last || (arguments.all && now.len() != past.len()) {
        drop(held);
        bail!(
            "another modelstrap came first, and what was shown is no longer what there is\n  run `modelstrap undo` again"
        );
    }
    let left = withdraw(context, &project, &past, now.len() == past.len());
    let mut record = shelf.record();
    let mut total = Undone::default();
    for run in &past {
        let undone = undo(run, &shelf, &mut record).map_err(|error| match error {
            UndoError::Interrupted => anyhow::Error::from(Interrupted(error.to_string())),
            UndoError::Failed { .. } => error.into(),
        })?;
        total.restored.extend(undone.restored);
        total.parted.extend(undone.parted);
        total.left.extend(undone.left);
    }
    // The cache of the run before is the project's again.
    if record.is_set_up()
        && let Ok(layout) = settled(context, &project)
    {
        notes::register(context, &project, &layout.cache_root);
    }
    left.iter().for_each(|root| notes::release(context, root, std::iter::once(project.root.as_path())));
    fit_lock(context, &project, &mut total);
    let noted = forget_models(&project);
    if shelf.past().is_empty() {
        held.remove();
        shelf.remove_state_folder();
        // It holds the journal until here, and is a change like any other.
        let own = project.state_folder();
        if past.iter().any(|run| run.entries.iter().any(|entry| entry.path == own)) && !own.exists() {
            total.restored.push(own);
        }
    }
    noted?;
    // Several runs may have worked on one path: what became of it is said once.
    let mut seen = BTreeSet::new();
    total.parted.retain(|path| seen.insert(path.clone()));
    seen.clear();
    total.left.retain(|(path, _)| seen.insert(path.clone()));
    for path in &total.parted {
        context
            .output
            .remark(format!("{}: only modelstrap's part was taken out; what you changed since stays", show(path)));
    }
    for (path, why) in &total.left {
        context.output.warn(format!("{} stays: {why}", show(path)));
    }
    for line in kept::lines(&project.root) {
        context.output.remark(format!(
            ".gitignore: the line for {} stays, as the folder does; `modelstrap undo` takes it once the folder is gone",
            show(&line.folder)
        ));
    }
    report(context, &project, &total, true)
}

/// Says of what `clear` and `prune` removed, which is no change to the project, what brings it back.
fn other_trash(context: &Context) {
    let Ok(survey) = Survey::of(context) else { return };
    let there = cleaning::remover(&survey).would_return().ok().flatten();
    if let Some(there) = there.filter(|there| !there.back.is_empty()) {
        context.output.say(format!(
            "What `modelstrap {}` removed is no part of this: `modelstrap clear --undo` brings it back.",
            escape::printable(&there.verb)
        ));
    }
}

/// Takes the project's registration out of the cache roots that go with these runs; with the last run, out of the one that stays. Gives
/// those.
fn withdraw(context: &Context, project: &Project, past: &[Past], all: bool) -> Vec<PathBuf> {
    let layout = settled(context, project);
    let made = past.iter().flat_map(|run| &run.entries).filter(|entry| entry.kind == Kind::Directory);
    let made = made.map(|entry| entry.path.clone());
    let roots: Vec<_> = layout.ok().filter(|_| all).map(|layout| layout.cache_root).into_iter().chain(made).collect();
    roots.iter().for_each(|root| projects::withdraw(root, &project.root, &context.vars));
    roots
}

fn settled(context: &Context, project: &Project) -> Result<Layout> {
    let answers = Answers::load(&project.state_folder());
    Layout::settle(project, &answers, &Overrides::default(), &context.vars, context.os)
}

fn consent(context: &Context, arguments: &UndoArgs) -> Result<()> {
    if arguments.yes || context.ci().is_some() {
        return Ok(());
    }
    consent::yes(context, "Take this back?", ("undo asks before it changes anything", "`--yes`"))
}

/// Takes out the ignore lines that an earlier undo kept for folders that are gone now. True when there was one.
fn drop_ignore_lines(context: &Context, project: &Project, arguments: &UndoArgs) -> Result<bool> {
    let tag = project.tag();
    let failed = || format!("{} cannot be changed", escape::path(&project.root.join(kept::FILE)));
    let gone = kept::drop_stale(&project.root, &tag, true).with_context(failed)?;
    if gone.is_empty() {
        return Ok(false);
    }
    for line in &gone {
        let folder = paths::friendly(&project.root, None, &line.folder);
        context.output.remark(format!(".gitignore: the line for {folder} was kept, and the folder is gone"));
    }
    if arguments.dry_run {
        return Ok(true);
    }
    consent(context, arguments)?;
    let held = lock_project(context, project, Duration::from_secs(60))?;
    let dropped = kept::drop_stale(&project.root, &tag, false).with_context(failed);
    held.remove();
    shelf(project).remove_state_folder();
    context.output.say(format!("Took back {}.", units::count(dropped?.len(), "line")));
    Ok(true)
}

/// A lock that learnt something since the run that wrote it is not what that run wrote. What the run added goes from it all the same.
fn fit_lock(context: &Context, project: &Project, undone: &mut Undone) {
    let path = project.root.join(lock::FILE);
    let Some(at) = undone.left.iter().position(|(left, _)| *left == path) else { return };
    // Whoever wonders is told by `models lock`, which says more than could be said here.
    if path.symlink_metadata().is_ok() && super::models::prune(context).unwrap_or(false) {
        undone.left.remove(at);
        undone.restored.push(path);
    } else if path.symlink_metadata().is_ok() {
        undone.left[at].1 = "it was changed since; `modelstrap models lock` makes it fit the manifest".to_owned();
    }
}

/// Forgets what is noted of files that the lock, as it is now, does not have.
fn forget_models(project: &Project) -> Result<()> {
    let note = project.state_folder().join(unseen::FILE);
    // A link was made by somebody else, and leads who knows where.
    if !std::fs::symlink_metadata(note).is_ok_and(|found| found.is_file()) {
        return Ok(());
    }
    let lock = match bounded::read(&project.root.join(lock::FILE), lock::MAX_SIZE) {
        Ok(bytes) => Some(Lock::parse(&String::from_utf8_lossy(&bytes))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(_) => return Ok(()),
    };
    match lock.transpose() {
        Ok(lock) => Unseen::load(&project.state_folder()).keep_only(lock.as_ref()),
        // Whoever mends it decides.
        Err(_) => Ok(()),
    }
}

/// Removes what a run that was killed before its first change, or an undo killed after its last, left of itself.
fn tidy(context: &Context, project: &Project, shelf: &Shelf, dry_run: bool) -> Result<()> {
    if dry_run {
        return Ok(());
    }
    if !shelf.lock_path().exists() && !shelf.folder().exists() {
        shelf.remove_state_folder();
        return Ok(());
    }
    let held = lock_project(context, project, Duration::from_secs(60))?;
    // A journal that this version cannot read needs what stands beside it.
    if shelf.is_bare() {
        shelf.tidy();
        held.remove();
        shelf.remove_state_folder();
    }
    Ok(())
}

fn report(context: &Context, project: &Project, undone: &Undone, said: bool) -> Result<Exit> {
    if context.global.json {
        let list = |paths: &[PathBuf]| paths.iter().map(quoted::text).collect::<Vec<_>>();
        let left: Vec<_> =
            undone.left.iter().map(|(path, why)| json!({"path": quoted::text(path), "why": why})).collect();
        let document = json!({
            "schema": "modelstrap.undo/1",
            "project": quoted::text(&project.root),
            "restored": list(&undone.restored),
            "parted": list(&undone.parted),
            "left": left,
            "still_ignored": list(&kept::lines(&project.root).into_iter().map(|line| line.folder).collect::<Vec<_>>()),
        });
        context.output.document(format!("{document:#}\n"))?;
    } else if said {
        context
            .output
            .say(format!("Took back {}.", units::count(undone.restored.len() + undone.parted.len(), "change")));
    }
    Ok(Exit::Done)
}
