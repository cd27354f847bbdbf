//! The thread that knows what deleting would free, makes the plan, and carries it out: by the same decisions, and through the same
//! door, as `modelstrap clear`.
//!
//! It does one thing after the other. What was read for weighing is kept until something changes; a plan is made from a fresh look.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use anyhow::{Result, anyhow};

use super::marked::{self, Marked};
use crate::cache::remove::{Order, Outcome};
use crate::cache::select::clear::{self, Needed, Terms};
use crate::cache::select::{Kept, Needs, Selection};
use crate::cli::Trash;
use crate::commands::cleaning::{self, Keeping, Scene, Scope};
use crate::commands::clear::BUSY;
use crate::commands::context::Context;
use crate::commands::survey::Survey;
use crate::commands::{disks, notes};
use crate::support::interrupt::{self, Interrupted};
use crate::support::{escape, units};
use crate::ui::browser::{Dialog, News, Question, Weight};
use crate::ui::table::Tone;

/// What there is to do.
#[derive(Debug)]
pub(super) enum Job {
    /// What deleting these would free; the number goes back with the answer.
    Weigh(u64, Vec<Marked>),
    /// The plan to delete these, for a dialog of so many columns.
    Plan(Vec<Marked>, usize),
    /// What the plan says.
    Remove,
    /// What was deleted last, back.
    Undo,
    /// What was read is not so any more.
    Forget,
}

/// What comes of it.
pub(super) enum Told {
    /// For the browser.
    News(News),
    /// For the person, when the browser is left.
    Said(String),
}

/// A plan that waits for a yes.
struct Plan<'a> {
    selection: Selection<'a>,
    keeping: Keeping,
    /// What of the marked cannot go.
    stays: Vec<Kept>,
}

/// Does the jobs until nobody gives any more.
pub(super) fn work(context: &Context, jobs: &Receiver<Job>, tell: &Sender<Told>) {
    let news = |news: News| drop(tell.send(Told::News(news)));
    let mut known: Option<Scene<'_>> = None;
    let mut waiting = None;
    // Whether anything was deleted or brought back since the browser was opened.
    let mut changed = false;
    while let Some(job) = waiting.take().or_else(|| jobs.recv().ok()) {
        match job {
            Job::Forget => known = None,
            Job::Weigh(serial, marked) => {
                // Of several only the last is looked at: the others are of marks that have changed since.
                waiting = jobs.try_recv().ok();
                if matches!(waiting, Some(Job::Weigh(..))) {
                    continue;
                }
                let weight = weigh(context, &mut known, &marked);
                news(News::Weighed(serial, weight));
            }
            Job::Plan(marked, columns) => {
                // A cache of a million files is held once.
                known = None;
                waiting = offer(context, (jobs, tell), &marked, columns, &mut changed);
            }
            Job::Remove => finish(tell, "Deleted", Err(anyhow!("there is no plan")), &mut changed),
            Job::Undo => {
                known = None;
                finish(tell, "Undo", undo(context), &mut changed);
            }
        }
    }
}

/// Shows the plan to delete these, and does what it says if a person wants that. What is to be done instead is given back: the plan is for
/// the next word alone.
fn offer(
    context: &Context,
    (jobs, tell): (&Receiver<Job>, &Sender<Told>),
    marked: &[Marked],
    columns: usize,
    changed: &mut bool,
) -> Option<Job> {
    let show = |dialog: Dialog| drop(tell.send(Told::News(News::Planned(dialog))));
    let scope = Scope { outside: true, dry_run: false, empty_trash: false, ci: false };
    let scene = Scene::open(context, scope).map_err(|error| show(refused(&error))).ok()?;
    let plan = planned(&scene, marked).map_err(|error| show(refused(&error))).ok()?;
    show(asked(&scene, &plan, columns));
    loop {
        match jobs.recv().ok()? {
            Job::Remove => {
                finish(tell, "Deleted", remove(&scene, plan, marked, tell), changed);
                return None;
            }
            Job::Forget => {}
            other => return Some(other),
        }
    }
}

fn finish(tell: &Sender<Told>, title: &str, done: Result<Vec<(String, Tone)>>, changed: &mut bool) {
    let dialog = match done {
        Ok(lines) => {
            *changed |= lines.iter().any(|(_, tone)| *tone == Tone::Good);
            for (line, _) in lines.iter().filter(|(_, tone)| *tone != Tone::Plain) {
                let _ = tell.send(Told::Said(line.clone()));
            }
            Dialog::new(title, lines, Question::None)
        }
        Err(error) => {
            let _ = tell.send(Told::Said(since(&format!("{error:#}"), *changed)));
            refused(&error)
        }
    };
    let _ = tell.send(Told::News(News::Finished(dialog)));
}

/// What is said when the browser is left stands below what was deleted before.
fn since(error: &str, changed: bool) -> String {
    if changed { error.replace("nothing was ", "nothing more was ") } else { error.to_owned() }
}

fn refused(error: &anyhow::Error) -> Dialog {
    let lines = format!("{error:#}").lines().map(|line| (line.to_owned(), Tone::Bad)).collect();
    let title = if error.is::<Interrupted>() { "Stopped" } else { "Not deleted" };
    Dialog::new(title, lines, Question::None)
}

fn weigh<'a>(context: &'a Context, known: &mut Option<Scene<'a>>, marked: &[Marked]) -> Weight {
    if known.is_none() {
        match Scene::open(context, Scope { outside: true, dry_run: true, empty_trash: false, ci: false }) {
            Ok(scene) => *known = Some(scene),
            Err(error) => return Weight::Unknown(format!("{error:#}")),
        }
    }
    let Some(scene) = known else { return Weight::Nothing };
    // What another project needs counts here: the plan says that it is needed.
    match select(scene, &scene.needs, marked, true) {
        Ok((selection, _)) if selection.lines.is_empty() => {
            Weight::Unknown("nothing of it can go now; d says why".to_owned())
        }
        Ok((selection, _)) => Weight::Frees(selection.frees()),
        Err(error) => Weight::Unknown(format!("{error:#}")),
    }
}

/// What would go, and what of the marked cannot.
fn select<'a>(
    scene: &'a Scene<'_>,
    needs: &Needs,
    marked: &[Marked],
    force: bool,
) -> Result<(Selection<'a>, Vec<Kept>)> {
    let busy = i64::try_from(BUSY.as_secs()).unwrap_or(i64::MAX);
    let (wanted, stays) = marked::wanted(scene, marked);
    let terms = Terms { now: scene.now, busy, force };
    let selection = clear::select(&scene.stock, needs, &scene.log, &wanted, terms);
    Ok((selection.map_err(|needed| needed_by(&needed))?, stays))
}

fn needed_by(needed: &[Needed]) -> anyhow::Error {
    let lines = needed.iter().map(|one| {
        let holders: Vec<String> = one.holders.iter().map(|holder| escape::printable(&holder.who())).collect();
        format!("{} is needed by {}", escape::printable(&one.name), units::listed(&holders))
    });
    let lines: Vec<String> = lines.collect();
    anyhow!("{}\n`modelstrap clear --force` deletes it all the same", lines.join("\n"))
}

fn planned<'a>(scene: &'a Scene<'_>, marked: &[Marked]) -> Result<Plan<'a>> {
    let (selection, stays) = select(scene, &scene.needs, marked, false)?;
    for root in selection.roots() {
        scene.remover.admit(root)?;
    }
    let touched = disks::touched(&scene.survey, selection.roots());
    let keeping = Keeping::of("clear", &Trash::default(), None, &touched).in_list();
    Ok(Plan { selection, keeping, stays })
}

/// The plan as `clear` shows it, and the question.
fn asked(scene: &Scene<'_>, plan: &Plan<'_>, columns: usize) -> Dialog {
    let Plan { selection, keeping, stays } = plan;
    let text = cleaning::plan(scene, selection, keeping, columns);
    let mut lines: Vec<(String, Tone)> = text.lines().map(|line| (line.to_owned(), Tone::Plain)).collect();
    for one in stays {
        lines.push((format!("{} stays: {}", one.name, one.why), Tone::Pending));
    }
    if selection.lines.is_empty() {
        lines.insert(0, ("Nothing of it can be deleted.".to_owned(), Tone::Bad));
        return Dialog::new("Delete", lines, Question::None);
    }
    let title = format!("Delete: frees {}", units::bytes(selection.frees()));
    Dialog::new(title, lines, Question::Remove)
}

fn remove(scene: &Scene<'_>, plan: Plan<'_>, marked: &[Marked], tell: &Sender<Told>) -> Result<Vec<(String, Tone)>> {
    let Plan { selection, keeping, .. } = plan;
    let choose = |needs: &Needs| Ok(select(scene, needs, marked, false)?.0);
    let (anew, off) = cleaning::again(scene, &selection, &choose)?.unzip();
    let selection = anew.unwrap_or(selection);
    let order = Order {
        verb: "clear",
        victims: selection.queue(),
        keep: keeping.keep,
        // What a person names goes, however young it is; what another program has open or locked stays in any case.
        grace: Duration::ZERO,
        planned: scene.planned,
    };
    let mut outcome = scene.remover.remove(order, &|bytes| drop(tell.send(Told::News(News::Done(bytes)))))?;
    outcome.stayed.extend(off.unwrap_or_default());
    notes::count(scene.context, &scene.survey.layout.cache_root);
    Ok(done(&outcome, &|path| scene.shown(path)))
}

fn done(outcome: &Outcome, shown: &dyn Fn(&Path) -> String) -> Vec<(String, Tone)> {
    let mut lines = Vec::new();
    if outcome.gone > 0 || outcome.stayed.is_empty() {
        lines.push((cleaning::said(outcome, "clear"), Tone::Good));
    }
    stayed(&outcome.stayed, "stays", shown, &mut lines);
    lines
}

fn stayed(stayed: &[(PathBuf, String)], word: &str, shown: &dyn Fn(&Path) -> String, lines: &mut Vec<(String, Tone)>) {
    lines.extend(
        stayed.iter().map(|(path, why)| (format!("{} {word}: {}", shown(path), escape::printable(why)), Tone::Bad)),
    );
}

fn undo(context: &Context) -> Result<Vec<(String, Tone)>> {
    interrupt::watch();
    let survey = Survey::of(context)?;
    let layout = &survey.layout;
    let shown = |path: &Path| crate::support::paths::friendly(&layout.root, layout.home.as_deref(), path);
    let Some(restored) = cleaning::remover(&survey).undo()? else {
        let nothing = "There is nothing to bring back: nothing was deleted here, or its time is over.";
        return Ok(vec![(nothing.to_owned(), Tone::Plain)]);
    };
    let back = cleaning::back(&survey, &restored, "is back");
    let mut lines: Vec<(String, Tone)> = back.into_iter().map(|line| (line, Tone::Good)).collect();
    stayed(&restored.stayed, "could not be brought back", &shown, &mut lines);
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_is_stopped_after_another_has_deleted_does_not_say_that_nothing_was_changed() {
        let (tell, told) = std::sync::mpsc::channel();
        let said = || {
            let lines = told.try_iter().filter_map(|one| match one {
                Told::Said(line) => Some(line),
                Told::News(_) => None,
            });
            lines.collect::<Vec<_>>()
        };
        let stopped = || Err(Interrupted("stopped: nothing was removed".to_owned()).into());
        let mut changed = false;
        finish(&tell, "Deleted", stopped(), &mut changed);
        assert_eq!(said(), ["stopped: nothing was removed"]);
        finish(&tell, "Deleted", Ok(vec![("1.20 MB removed.".to_owned(), Tone::Good)]), &mut changed);
        finish(&tell, "Deleted", stopped(), &mut changed);
        assert_eq!(said(), ["1.20 MB removed.", "stopped: nothing more was removed"]);
    }
}
