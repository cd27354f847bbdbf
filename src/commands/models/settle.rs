//! Decides what each wanted model is: as the lock says, or as its source says now.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Error, Result, anyhow, bail};

use super::relock::merge;
use super::session::{Pick, Session};
use crate::fetch::Digest;
use crate::models::lock::{Disagreement, Lock};
use crate::models::locked::{File, Model};
use crate::models::resolve::{Resolution, resolve};
use crate::support::escape::printable;
use crate::support::interrupt::{self, Interrupted};
use crate::support::units;

/// Servers are asked about this many models at once.
const AT_ONCE: usize = 8;

/// Which models a server is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    /// None: the lock is all there is.
    Nobody,
    /// Those that the manifest does not name: of its own models the lock is all there is.
    AboutStrangers,
    /// Those that the lock does not have as they are wanted, at the commit that it has.
    AboutTheMissing,
    /// All of them, afresh. What nobody publishes and an earlier download taught, such as a digest, stays.
    AboutAll,
    /// All of them, as if nothing were locked.
    Anew,
}

/// What each wanted model is.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// In the order of the picks, without those that failed.
    pub(super) models: Vec<(Pick, Model)>,
    /// What was learnt from the sources.
    pub(super) resolutions: Vec<Resolution>,
    /// What could not be settled, and why.
    pub(super) failures: Vec<(Pick, Error)>,
}

/// Settles what `picks` are.
///
/// # Errors
/// When the lock is needed and does not fit, or the person stopped it.
pub(super) fn settle(
    session: &Session<'_>,
    picks: Vec<Pick>,
    ask: Ask,
    told: &(dyn Fn(&str) + Sync),
) -> Result<Settled> {
    let stale = session.lock.as_ref().is_some_and(|lock| lock.is_behind(&session.requests));
    let locked = |pick: &Pick| {
        let lock = session.lock.as_ref().filter(|_| pick.in_manifest)?;
        lock.find(&pick.choice.name).filter(|model| model.spec == pick.choice.spec.to_string())
    };
    let fits = |pick: &Pick| match ask {
        Ask::Nobody | Ask::AboutStrangers => locked(pick).is_some(),
        Ask::AboutTheMissing => !stale && locked(pick).is_some(),
        Ask::AboutAll | Ask::Anew => false,
    };
    let mut settled = Settled::default();
    let mut open: Vec<(usize, &Pick, Option<&Model>)> = Vec::new();
    for (at, pick) in picks.iter().enumerate().filter(|(_, pick)| !fits(pick)) {
        if ask == Ask::Nobody || (ask == Ask::AboutStrangers && pick.in_manifest) {
            settled.failures.push((pick.clone(), not_locked(session, pick)));
        } else {
            open.push((at, pick, locked(pick).filter(|_| ask == Ask::AboutTheMissing)));
        }
    }
    if !open.is_empty() {
        session.world.hub.notes.iter().for_each(|note| session.context.output.warn(note));
    }
    let mut answers = ask_sources(session, &open, told)?;
    for (at, pick) in picks.iter().enumerate() {
        match answers.iter().position(|(index, _)| *index == at) {
            Some(found) => match answers.swap_remove(found).1 {
                Ok(mut resolution) => {
                    if let Some(old) = locked(pick) {
                        if ask != Ask::Anew {
                            keep_digests(&mut resolution.model, old);
                        }
                        keep_sizes(&mut resolution.model, old);
                    }
                    settled.models.push((pick.clone(), resolution.model.clone()));
                    settled.resolutions.push(resolution);
                }
                Err(error) => settled.failures.push((pick.clone(), error)),
            },
            None => {
                settled.models.extend(locked(pick).filter(|_| fits(pick)).map(|model| (pick.clone(), model.clone())))
            }
        }
    }
    Ok(settled)
}

fn not_locked(session: &Session<'_>, pick: &Pick) -> Error {
    if !pick.in_manifest {
        let add = format!("`modelstrap models add {}`", printable(&pick.choice.name));
        return anyhow!("the manifest does not name it, so the lock does not have it; {add} changes that");
    }
    anyhow!(match session.lock {
        None => "there is no modelstrap.lock; run `modelstrap models lock`",
        Some(_) => "modelstrap.lock does not have it as the manifest asks for it; run `modelstrap models lock`",
    })
}

/// What could not be settled, each reason once, with the names that it is the reason of.
pub(super) fn by_reason(failures: &[(Pick, Error)]) -> Vec<(String, String)> {
    let mut grouped: Vec<(Vec<String>, String)> = Vec::new();
    for (pick, error) in failures {
        let (name, why) = (printable(&pick.choice.name), format!("{error:#}"));
        match grouped.iter_mut().find(|(_, other)| *other == why) {
            Some((names, _)) => names.push(name),
            None => grouped.push((vec![name], why)),
        }
    }
    grouped.into_iter().map(|(names, why)| (units::listed(&names), why)).collect()
}

/// Of files that come from where they came from before, and of which nobody publishes a digest, what the first download found stays.
fn keep_digests(model: &mut Model, old: &Model) {
    let open = |part: &&mut crate::models::locked::Part| part.files.iter().any(|file| file.digest.is_none());
    let parts = model.parts.iter_mut().filter(open);
    for file in parts.flat_map(|part| part.files.to_mut()).filter(|file| file.digest.is_none()) {
        if let Some(old) = files(old).find(|old| (&old.path, &old.url) == (&file.path, &file.url)) {
            (file.digest, file.size) = (old.digest, file.size.or(old.size));
        }
    }
}

/// Of files that are the same bytes still, what was learnt of their size stays: not every source says it.
fn keep_sizes(model: &mut Model, old: &Model) {
    let known: HashMap<(&str, Digest), u64> =
        files(old).filter_map(|file| Some(((file.path.as_str(), file.digest?), file.size?))).collect();
    let open = |part: &&mut crate::models::locked::Part| part.files.iter().any(|file| file.size.is_none());
    let parts = model.parts.iter_mut().filter(open);
    for file in parts.flat_map(|part| part.files.to_mut()).filter(|file| file.size.is_none()) {
        file.size = file.digest.and_then(|digest| known.get(&(file.path.as_str(), digest)).copied());
    }
}

fn files(model: &Model) -> impl Iterator<Item = &File> {
    model.parts.iter().flat_map(|part| &part.files)
}

/// Asks about several models at once: each needs two or three answers, one after the other.
fn ask_sources(
    session: &Session<'_>,
    open: &[(usize, &Pick, Option<&Model>)],
    told: &(dyn Fn(&str) + Sync),
) -> Result<Vec<(usize, Result<Resolution>)>> {
    let next = AtomicUsize::new(0);
    let answers = Mutex::new(Vec::new());
    let work = || {
        while let Some((at, pick, pin)) = open.get(next.fetch_add(1, Ordering::Relaxed)) {
            if interrupt::requested() {
                return;
            }
            told(&pick.choice.name);
            let answer = resolve(&session.world, &pick.choice, pick.request.environment.as_deref(), *pin);
            if let Ok(mut answers) = answers.lock() {
                answers.push((*at, answer));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..open.len().min(AT_ONCE) {
            scope.spawn(work);
        }
        // The only one is asked about here: the memory of a listing of 100,000 files then serves what comes after it.
        work();
    });
    if interrupt::requested() {
        return Err(Interrupted("stopped; nothing was changed".to_owned()).into());
    }
    answers.into_inner().map_err(|_| anyhow!("a thread ended before its work"))
}

/// The lock after `fresh` was settled: what it says of the manifest's other models stays.
pub(super) fn merged(session: &Session<'_>, fresh: &[(Pick, Model)]) -> Lock {
    let lock = session.lock.as_ref();
    merge(&session.requests, lock, (lock, session.is_behind()), fresh)
}

/// Refuses to go on when the manifest and the lock disagree. An optional model that is not locked is left out later, and said to be.
///
/// # Errors
/// With every disagreement.
pub(super) fn insist(session: &Session<'_>) -> Result<()> {
    let Some(lock) = &session.lock else {
        if session.requests.is_empty() {
            return Ok(());
        }
        bail!("there is no {}\n  run `modelstrap models lock` and commit it", session.shown(&session.lock_path()));
    };
    let found = lock.disagreements(&session.requests);
    if found.is_empty() || (!session.is_behind() && found.iter().all(|one| is_needless(session, one))) {
        return Ok(());
    }
    let lines: Vec<String> = found.iter().map(describe).collect();
    bail!(
        "{} does not fit the manifest\n  {}\n  run `modelstrap models lock` and commit it",
        session.shown(&session.lock_path()),
        lines.join("\n  ")
    );
}

/// Whether all that is wrong is that a model is not locked which the project works without.
fn is_needless(session: &Session<'_>, disagreement: &Disagreement) -> bool {
    let Disagreement::Missing(name) = disagreement else { return false };
    let mut optional = session.requests.iter().filter(|request| request.optional);
    optional.any(|request| request.choices.iter().any(|choice| choice.name == *name))
}

/// A disagreement in words.
pub(super) fn describe(disagreement: &Disagreement) -> String {
    match disagreement {
        Disagreement::Missing(name) => format!("{} is not locked", printable(name)),
        Disagreement::Superfluous(name) => {
            format!("{} is locked, and the manifest does not ask for it", printable(name))
        }
        Disagreement::Changed { name, locked, wanted } => {
            format!(
                "{} is locked as {}, and the manifest asks for {}",
                printable(name),
                printable(locked),
                printable(wanted)
            )
        }
        Disagreement::Details => "patterns, weights or environments have changed since".to_owned(),
    }
}
