//! `modelstrap models lock`: asks the sources what the models are, and writes `modelstrap.lock`.

use anyhow::Result;

use super::super::context::Context;
use super::super::{Exit, Usage, notes};
use super::Session;
use super::delivery::tell;
use super::relock;
use super::session::Pick;
use super::settle::{Ask, describe, merged, settle};
use crate::cli::LockArgs;
use crate::models::diff::{Lack, diff, weigh};
use crate::models::locked::{File, Model, Part};
use crate::models::placement::{self, FileState};
use crate::support::escape::printable;
use crate::support::interrupt;
use crate::support::units;

pub(super) fn run(context: &Context, arguments: &LockArgs) -> Result<Exit> {
    if arguments.check {
        return check(&Session::open(context)?);
    }
    let session = Session::open_anew(context)?;
    lock(&session, &[], Ask::AboutTheMissing, arguments.consent.dry_run)
}

/// Locks what `words` name, or everything, and shows what changed.
pub(super) fn lock(session: &Session<'_>, words: &[String], ask: Ask, dry_run: bool) -> Result<Exit> {
    interrupt::watch();
    let output = &session.context.output;
    let picks = session.picks(words, true)?;
    if let Some(stranger) = picks.iter().find(|pick| !pick.in_manifest) {
        let name = printable(&stranger.choice.name);
        return Err(Usage(format!("the manifest does not name {name}\n  `modelstrap models add {name}` does")).into());
    }
    let settled = settle(session, picks, ask, &|name| output.detail(format!("asking about {}", printable(name))))?;
    tell(session, &settled.resolutions);
    tell_unpinned(session, &settled.models);
    for (pick, error) in &settled.failures {
        let name = printable(&pick.choice.name);
        let locked = session.lock.as_ref().is_some_and(|lock| lock.find(&pick.choice.name).is_some());
        let how = if locked { "stays as it is locked" } else { "is not locked" };
        match pick.request.optional {
            true => output.warn(format!("{name} (optional) {how}: {error:#}")),
            false => output.error(format!("{name} {how}: {error:#}")),
        }
    }
    // What nobody could answer for is no news: an empty lock would only hide the failure.
    if settled.failures.is_empty() || !settled.models.is_empty() {
        show(session, &settled.models, dry_run)?;
    }
    let failed = settled.failures.iter().any(|(pick, _)| !pick.request.optional);
    Ok(if failed { Exit::Of(1) } else { Exit::Done })
}

/// Says of which files the lock gives up the digest that an earlier download taught.
fn tell_unpinned(session: &Session<'_>, fresh: &[(Pick, Model)]) {
    for (_, model) in fresh {
        let Some(old) = session.lock.as_ref().and_then(|lock| lock.find(&model.name)) else { continue };
        let files =
            |model: &'_ Model| model.parts.iter().flat_map(|part| part.files.iter().cloned()).collect::<Vec<_>>();
        let known: Vec<String> =
            files(old).into_iter().filter(|file| file.digest.is_some()).map(|file| file.path).collect();
        let given_up = files(model).into_iter().filter(|file| file.digest.is_none() && known.contains(&file.path));
        let names: Vec<String> = given_up.map(|file| printable(&file.path)).collect();
        if !names.is_empty() {
            session.context.output.tell(format!(
                "{}: nobody publishes the digest of {}; the next download writes down what it finds",
                printable(&model.name),
                units::listed(&names)
            ));
        }
    }
}

/// Shows what changed since the lock was written, and writes it.
fn show(session: &Session<'_>, fresh: &[(Pick, Model)], dry_run: bool) -> Result<()> {
    let output = &session.context.output;
    let path = session.shown(&session.lock_path());
    let lock = merged(session, fresh);
    let moved = diff(session.lock.as_ref(), &lock);
    let weight = weigh(session.lock.as_ref(), &lock, |part, file| lack(session, part, file))?;
    for line in moved.lines(&weight) {
        output.say(line);
    }
    if session.lock.is_none() && lock.models.is_empty() {
        output.say("The manifest names no models: there is nothing to lock.");
        return Ok(());
    }
    if dry_run {
        output.say(format!("{path} was left as it is."));
        return Ok(());
    }
    let written = relock::write(session, session.lock.as_ref(), fresh)?;
    notes::register(session.context, &session.project, &session.layout.cache_root);
    match written.changed {
        true => output.say(format!("{path} has {} now. Commit it.", units::count(written.count, "model"))),
        false => output.say(format!("{path} is up to date.")),
    }
    Ok(())
}

/// How much of a file would have to be fetched.
fn lack(session: &Session<'_>, part: &Part, file: &File) -> Result<Lack> {
    let state = placement::state(&session.world, part, file)?;
    Ok(match (state, file.size) {
        (FileState::Here, _) => Lack::Nothing,
        (_, None) => Lack::Unknown,
        (FileState::Partly(have), Some(size)) => Lack::Bytes(size.saturating_sub(have)),
        (FileState::Missing | FileState::Changed, Some(size)) => Lack::Bytes(size),
    })
}

fn check(session: &Session<'_>) -> Result<Exit> {
    let output = &session.context.output;
    let path = session.shown(&session.lock_path());
    let Some(lock) = &session.lock else {
        if session.requests.is_empty() {
            output.say("The manifest names no models: there is nothing to lock.");
            return Ok(Exit::Done);
        }
        output.say(format!("There is no {path}."));
        return Ok(Exit::Found);
    };
    let found = lock.disagreements(&session.requests);
    for disagreement in &found {
        output.say(describe(disagreement));
    }
    if found.is_empty() {
        output.say(format!("{path} fits the manifest."));
    }
    Ok(if found.is_empty() { Exit::Done } else { Exit::Found })
}
