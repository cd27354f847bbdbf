//! From the plan to what came of it: shown, agreed to, removed, reported. And back.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use super::again::{Choose, again};
use super::back::back;
use super::json::{Document, Undone};
use super::roots::Keeping;
use super::said::said;
use super::{Scene, remover, show};
use crate::cache::remove::{Keep, Order, Outcome, Restored, Swept};
use crate::cache::select::Selection;
use crate::cli::Consent;
use crate::commands::context::Context;
use crate::commands::survey::Survey;
use crate::commands::{Exit, consent, notes};
use crate::support::{escape, units};

/// How the journal calls a removal of models from the project with their files.
pub(in crate::commands) const PURGE: &str = "models remove --purge";

/// What an undo of that does not do.
pub(in crate::commands) const FILES_ALONE: &str = "That brings back the files alone: `modelstrap undo` takes back what was written into modelstrap.toml and modelstrap.lock.";

/// What it has not done.
const NOT_NAMED: &str = "modelstrap.toml and modelstrap.lock do not name it again by this: `modelstrap undo` takes back what was \
                         written into them, or `modelstrap models add` names it.";

/// How a plan is carried out.
pub(in crate::commands) struct Manner<'a> {
    pub(in crate::commands) verb: &'a str,
    pub(in crate::commands) consent: &'a Consent,
    pub(in crate::commands) keeping: Keeping,
    pub(in crate::commands) grace: Duration,
    /// What else must be known before the question.
    pub(in crate::commands) notes: Vec<String>,
    /// What the plan does not reach.
    pub(in crate::commands) warning: Option<String>,
    /// Makes the plan anew, by what is needed after the answer.
    pub(in crate::commands) choose: &'a Choose<'a>,
    /// Takes the document, with `--json`.
    pub(in crate::commands) document: &'a dyn Fn(&Document<'_>) -> Result<()>,
    /// Whether this is a second step of one run: what is known of the projects was said.
    pub(in crate::commands) is_second: bool,
}

/// Shows the plan, asks, removes, and says what came of it. What stayed of it, where anything was removed.
///
/// # Errors
/// When a folder is refused, nobody can be asked, or the disk says no.
pub(in crate::commands) fn carry_out<'a>(
    scene: &Scene<'_>,
    selection: Selection<'a>,
    manner: Manner<'a>,
) -> Result<Option<Outcome>> {
    let context = scene.context;
    if !manner.is_second {
        show::projects(scene);
    }
    for root in selection.roots() {
        scene.remover.admit(root)?;
    }
    let shown = selection;
    let print = |outcome: Option<&Outcome>, emptied: &Swept| match context.global.json {
        true => (manner.document)(&Document { scene, verb: manner.verb, plan: &shown, outcome, emptied }),
        false => Ok(()),
    };
    let (dry_run, is_empty) = (manner.consent.dry_run, shown.lines.is_empty());
    if !is_empty && !context.global.json && !context.output.quiet {
        let asks = !dry_run && !manner.consent.yes && context.can_ask();
        context
            .output
            .plan(|out, colour, width| show::write(scene, &shown, &manner.keeping, (colour, width), out), asks)?;
    }
    if !is_empty {
        manner.notes.iter().filter(|_| !context.global.json).for_each(|note| context.output.say(note));
        manner.warning.iter().for_each(|warning| context.output.warn(warning));
    }
    let pending = show::pending(scene, dry_run);
    if let Some(pending) = pending.as_ref().filter(|_| !context.global.json) {
        context.output.say(pending);
    }
    if !dry_run && (!is_empty || pending.is_some()) {
        consent(context, manner.consent, if is_empty { None } else { Some(manner.keeping.keep) })?;
    }
    let anew = match !dry_run && !is_empty && !manner.consent.yes {
        true => again(scene, &shown, manner.choose)?,
        false => None,
    };
    let (anew, off) = anew.unzip();
    let selection = anew.as_ref().unwrap_or(&shown);
    let emptied = if dry_run { Swept::default() } else { scene.empty_trash()? };
    if is_empty && !context.global.json {
        context.output.say(show::nothing(scene, selection));
    }
    if is_empty || dry_run {
        let nothing = Outcome::default();
        print(Some(&nothing).filter(|_| !dry_run), &emptied)?;
        return Ok(None);
    }
    let order = Order {
        verb: manner.verb,
        victims: selection.queue(),
        keep: manner.keeping.keep,
        grace: manner.grace,
        planned: scene.planned,
    };
    let mut outcome = scene.remover.remove(order, &|_| {})?;
    outcome.stayed.extend(off.unwrap_or_default());
    for (path, why) in &outcome.stayed {
        context.output.warn(format!("{} stays: {}", scene.shown(path), escape::printable(why)));
    }
    notes::count(context, &scene.survey.layout.cache_root);
    print(Some(&outcome), &emptied)?;
    if !context.global.json && !context.output.quiet {
        context.output.result(format!("{}\n", said(&outcome, manner.verb)))?;
    }
    Ok(Some(outcome))
}

/// `keep`: of what is removed, if anything but the trash is.
fn consent(context: &Context, agreed: &Consent, keep: Option<Keep>) -> Result<()> {
    if agreed.yes {
        return Ok(());
    }
    let question = match keep {
        None => "Empty the trash for good?",
        Some(Keep::Now) => "Delete this for good?",
        Some(Keep::For(_)) => "Remove this?",
    };
    consent::sure(context, question, ("this deletes files", "`--yes`, or `--dry-run` to see what would go"))
}

/// Brings back what the last run removed.
///
/// # Errors
/// When the trash cannot be read, or something of it could not be put back.
pub(in crate::commands) fn undo(context: &Context, verb: &str, dry_run: bool) -> Result<Exit> {
    crate::support::interrupt::watch();
    let survey = Survey::of(context)?;
    let remover = remover(&survey);
    if dry_run {
        return would_undo(context, verb, &survey, remover.would_return()?.as_ref());
    }
    // A run that was killed before it had decided anything is the last one, and goes back by itself.
    let swept = remover.sweep_now()?;
    let restored = match swept.back.is_empty() {
        true => remover.undo()?,
        false => Some(Restored { verb: verb.to_owned(), back: swept.back, is_whole: true, ..Restored::default() }),
    };
    // What the undo has tried again, it says itself.
    let is_said = |problem: &&(PathBuf, String)| restored.iter().any(|restored| restored.stayed.contains(problem));
    for (path, why) in swept.problems.iter().filter(|problem| !is_said(problem)) {
        context.output.warn(format!("{}: {}", escape::path(path), escape::printable(why)));
    }
    let shown = |path: &Path| crate::support::paths::friendly(&survey.layout.root, survey.layout.home.as_deref(), path);
    if context.global.json {
        context.output.stream_document(&Undone { verb, restored: restored.as_ref(), dry_run: false })?;
    }
    let Some(restored) = restored else {
        context.output.say(NOTHING_BACK);
        return Ok(Exit::Done);
    };
    for (path, why) in &restored.stayed {
        context.output.warn(format!("{} could not be brought back: {}", shown(path), escape::printable(why)));
    }
    if !context.global.json && !context.output.quiet {
        context
            .output
            .result(back(&survey, &restored, "is back").iter().map(|line| format!("{line}\n")).collect::<String>())?;
    }
    if restored.verb == PURGE && !restored.back.is_empty() {
        context.output.say(NOT_NAMED);
    }
    if restored.is_whole {
        return Ok(Exit::Done);
    }
    anyhow::bail!(
        "{} could not be brought back, as said above: the trash has what is left",
        units::count(restored.stayed.len(), "thing")
    )
}

const NOTHING_BACK: &str = "There is nothing to bring back: nothing was removed here, or its time is over.";

/// Says what an undo would bring back; nothing is changed.
fn would_undo(context: &Context, verb: &str, survey: &Survey, restored: Option<&Restored>) -> Result<Exit> {
    if context.global.json {
        context.output.stream_document(&Undone { verb, restored, dry_run: true })?;
        return Ok(Exit::Done);
    }
    match restored {
        None => context.output.say(NOTHING_BACK),
        Some(restored) if !context.output.quiet => {
            for (path, why) in &restored.stayed {
                let shown = crate::support::paths::friendly(&survey.layout.root, survey.layout.home.as_deref(), path);
                context.output.warn(format!("{shown} may not be brought back: {why}"));
            }
            let lines = back(survey, restored, "would be back");
            context.output.result(lines.iter().map(|line| format!("{line}\n")).collect::<String>())?;
        }
        Some(_) => {}
    }
    Ok(Exit::Done)
}
