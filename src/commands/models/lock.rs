//! `modelstrap models lock`: asks the sources what the models are, and writes `modelstrap.lock`.

use anyhow::Result;

use super::super::Exit;
use super::super::context::Context;
use super::Session;
use super::delivery::tell;
use super::relock;
use super::session::Pick;
use super::settle::{Ask, describe, merged, settle};
use crate::cli::LockArgs;
use crate::models::diff::diff;
use crate::models::locked::Model;
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
    let picks = picks.into_iter().filter(|pick| pick.in_manifest).collect();
    let settled = settle(session, picks, ask, &|name| output.detail(format!("asking about {}", printable(name))))?;
    tell(session, &settled.resolutions);
    for (pick, error) in &settled.failures {
        let name = printable(&pick.choice.name);
        match pick.request.optional {
            true => output.warn(format!("{name} (optional) is not locked: {error:#}")),
            false => output.error(format!("{name} is not locked: {error:#}")),
        }
    }
    // What nobody could answer for is no news: an empty lock would only hide the failure.
    if settled.failures.is_empty() || !settled.models.is_empty() {
        show(session, &settled.models, dry_run)?;
    }
    let failed = settled.failures.iter().any(|(pick, _)| !pick.request.optional);
    Ok(if failed { Exit::Of(1) } else { Exit::Done })
}

/// Shows what changed since the lock was written, and writes it.
fn show(session: &Session<'_>, fresh: &[(Pick, Model)], dry_run: bool) -> Result<()> {
    let output = &session.context.output;
    let path = session.shown(&session.lock_path());
    let lock = merged(session, fresh);
    let moved = diff(session.lock.as_ref(), &lock);
    for line in moved.lines() {
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
    match written.changed {
        true => output.say(format!("{path} has {} now. Commit it.", units::count(written.count, "model"))),
        false => output.say(format!("{path} is up to date.")),
    }
    Ok(())
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
