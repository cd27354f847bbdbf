//! Removal by path: checked, renamed aside, kept for its time.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use super::{Keep, Order, Outcome, Remover, Restored, Swept, Victim};
use crate::cache::stamp::Stamp;
use crate::support::{delete, escape, seal, time};

#[derive(Debug, Serialize, Deserialize)]
struct Run {
    verb: String,
    seal: String,
    until: Option<i64>,
    moves: Vec<(PathBuf, PathBuf)>,
}

pub(super) fn admit(remover: &Remover, root: &Path) -> Result<PathBuf> {
    let real = root.canonicalize().with_context(|| escape::path(root))?;
    let holds = |other: &PathBuf| other.canonicalize().is_ok_and(|other| other.starts_with(&real));
    if real.parent().is_none() || remover.forbidden.iter().any(holds) || real.join(".git").exists() {
        bail!("{} is no cache: nothing is removed there", escape::path(root));
    }
    Ok(real)
}

fn journals(remover: &Remover) -> PathBuf {
    remover.cache_root.join(".modelstrap").join("removals")
}

pub(super) fn remove(remover: &Remover, order: Order<'_>, progress: &dyn Fn(u64)) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let name = format!("{}-{}", time::seconds(), std::process::id());
    let folder = journals(remover);
    fs::create_dir_all(&folder)?;
    let until = match order.keep {
        Keep::Now => None,
        Keep::For(time) => Some(time::seconds().saturating_add(i64::try_from(time.as_secs()).unwrap_or(i64::MAX))),
    };
    let seal = seal::of(&folder).unwrap_or_default();
    let mut run = Run { verb: order.verb.to_owned(), seal, until, moves: Vec::new() };
    for victim in &order.victims {
        admit(remover, &victim.root)?;
        let trash = victim.root.join(".modelstrap").join("trash").join(&name);
        run.moves.push((victim.path.clone(), trash.join(run.moves.len().to_string())));
    }
    let journal = folder.join(format!("{name}.jsonl"));
    fs::write(&journal, serde_json::to_vec(&run)?)?;
    fs::File::open(&journal)?.sync_all()?;
    for (victim, (from, to)) in order.victims.iter().zip(&run.moves) {
        match take(victim, from, to, order.grace.as_secs()) {
            Ok(()) => {
                outcome.gone += 1;
                outcome.trashed += victim.bytes;
                progress(outcome.trashed);
            }
            Err(why) => outcome.stayed.push((from.clone(), why.to_string())),
        }
    }
    if until.is_none() {
        outcome.freed = std::mem::take(&mut outcome.trashed);
        empty(&journal, &run);
    }
    outcome.until = until;
    Ok(outcome)
}

fn take(victim: &Victim, from: &Path, to: &Path, grace: u64) -> Result<()> {
    let now = Stamp::at(from)?;
    if !now.is_same_content(&victim.stamp) {
        bail!("changed since the plan");
    }
    if time::seconds().saturating_sub(now.touched()) < i64::try_from(grace).unwrap_or(i64::MAX) {
        bail!("changed less than the grace period ago");
    }
    fs::create_dir_all(to.parent().unwrap_or(to))?;
    Ok(fs::rename(from, to)?)
}

fn empty(journal: &Path, run: &Run) {
    for (_, to) in &run.moves {
        let Some(folder) = to.parent() else { continue };
        let _ = delete::tree(to, folder);
        for folder in folder.ancestors().take(3) {
            let _ = fs::remove_dir(folder);
        }
    }
    let _ = fs::remove_file(journal);
}

fn runs(remover: &Remover) -> Vec<(PathBuf, Run)> {
    let folder = journals(remover);
    let entries = fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok);
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort_unstable();
    let read = |path: PathBuf| {
        let run: Run = serde_json::from_slice(&fs::read(&path).ok()?).ok()?;
        seal::holds(&run.seal, &folder).then_some((path, run))
    };
    paths.into_iter().filter_map(read).collect()
}

pub(super) fn undo(remover: &Remover) -> Result<Option<Restored>> {
    let Some((journal, run)) = runs(remover).pop() else { return Ok(None) };
    let mut restored = Restored { verb: run.verb.clone(), ..Restored::default() };
    for (from, to) in run.moves.iter().rev() {
        if fs::symlink_metadata(to).is_err() {
            continue;
        }
        if fs::symlink_metadata(from).is_ok() {
            restored.stayed.push((from.clone(), "something stands there again".to_owned()));
            continue;
        }
        match fs::rename(to, from) {
            Ok(()) => restored.back.push(from.clone()),
            Err(error) => restored.stayed.push((from.clone(), error.to_string())),
        }
    }
    if restored.stayed.is_empty() {
        empty(&journal, &run);
    }
    Ok(Some(restored))
}

pub(super) fn sweep(remover: &Remover, now: i64) -> Result<Swept> {
    let mut swept = Swept::default();
    for (journal, run) in runs(remover) {
        if run.until.is_none_or(|until| until <= now) {
            let sizes = run.moves.iter().filter_map(|(_, to)| Stamp::at(to).ok());
            swept.freed += sizes.map(|stamp| stamp.alone()).sum::<u64>();
            empty(&journal, &run);
        }
    }
    Ok(swept)
}
