//! `modelstrap setup`: detect, decide, show the plan, ask, apply, and say what to do next.

mod decide;
mod models;
mod outlook;
mod present;

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};

use super::context::Context;
use super::{Exit, consent, detect, notes};
use crate::cli::SetupArgs;
use crate::plan::apply::{ApplyError, settle};
use crate::plan::journal::Shelf;
use crate::plan::{Edit, Plan, SETUP, apply};
use crate::platform::recommend::recommend;
use crate::platform::{self, Options};
use crate::project::Project;
use crate::setup::disk_notes;
use crate::support::interrupt::{self, Interrupted};
use crate::support::lock::Lock;
use crate::support::{escape, time, units};
use crate::ui::plan::PlanView;
use crate::ui::prompts::Prompts;
use decide::{Decided, decide, refuse_home};
use models::Ended;
use outlook::{Outlook, outlook};
use present::{View, next_steps, report, show};

/// How long a second setup waits for the first.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn run(context: &Context, arguments: &SetupArgs) -> Result<Exit> {
    let project = context.project()?;
    refuse_home(context, &project)?;
    models::check(context, arguments, &project)?;
    let probe = detect::probe(context, arguments.from.as_deref())?;
    let facts = platform::detect(&probe, &Options::default());
    let settings = recommend(&facts);
    let only_looks = arguments.dry_run || arguments.check;
    let asks = context.can_ask() && !arguments.yes && !only_looks;
    let mut decided = decide(context, arguments, project, &facts, &settings, asks)?;
    if let Some(file_system) =
        platform::disk::file_system(&probe, &decided.layout.cache_root).filter(|_| probe.is_live())
    {
        let container = facts.host.container.as_ref().map(|container| container.kind.as_str());
        decided.wishes.warnings.extend(disk_notes::notes(&file_system, container));
    }
    let shelf = shelf(&decided.project);
    let plan = decided.plan(&shelf)?;
    let unfinished = shelf.interrupted().is_some();
    let pending = !plan.is_empty() || unfinished;
    // A copy has the original's record, which says nothing of it.
    let copied = !pending && shelf.folder().is_dir() && !shelf.record().is_set_up();
    let models = match outlook(context, arguments, &decided, &facts) {
        // What is wrong with the models is told by their own step, when the project is set up.
        Err(_) if !only_looks => None,
        models => models?,
    };
    let wanting = models.as_ref().is_some_and(Outlook::is_pending);
    let coming = models.as_ref().is_some_and(Outlook::brings_something);

    let copied = only_looks && copied;
    show(context, &decided, &plan, &View { unfinished, wanting, coming, copied, machine: !asks });
    if let Some(models) = models.as_ref().filter(|models| only_looks || models.brings_something()) {
        models.show(context, only_looks, !plan.is_empty());
    }
    if only_looks {
        report(context, &decided, &plan, false, Ended::Skipped, models.as_ref())?;
        return Ok(if arguments.check && (pending || copied || wanting) { Exit::Found } else { Exit::Done });
    }
    if !pending {
        remember(&plan, &shelf)?;
        notes::register(context, &decided.project, &decided.layout.cache_root);
        if asks && coming && !Prompts::new(&context.output).yes("Download now?")? {
            return Err(Interrupted("left; nothing was downloaded".to_owned()).into());
        }
        let ended = bring_models(context, arguments, &decided)?;
        report(context, &decided, &plan, false, ended, None)?;
        return Ok(exit(ended));
    }
    consent(context, arguments, asks)?;
    let before = notes::roots(context, &decided.project);
    let applied = carry_out(context, &decided, &plan, &shelf)?;
    notes::register(context, &decided.project, &decided.layout.cache_root);
    notes::leave(context, &decided.project, &before, &decided.layout);
    let ended = bring_models(context, arguments, &decided)?;
    notes::count(context, &decided.layout.cache_root);
    report(context, &decided, &applied, true, ended, None)?;
    next_steps(context, &decided);
    Ok(exit(ended))
}

/// The last step. It may take hours: what was written before stands, whatever comes of it.
fn bring_models(context: &Context, arguments: &SetupArgs, decided: &Decided) -> Result<Ended> {
    let ended = models::download(context, arguments, &decided.answers, &decided.models);
    let ended = ended.map_err(|error| match error.downcast::<Interrupted>() {
        Ok(stopped) => Interrupted(format!("{stopped}\nThe project itself is set up.")).into(),
        Err(error) => error.context("the project is set up, its models are not"),
    })?;
    if let Ended::Missing(missing) = ended {
        context.output.tell(format!(
            "The project is set up; {} could not be brought. `modelstrap models download` tries again.",
            units::count(missing, "model")
        ));
    }
    Ok(ended)
}

fn exit(ended: Ended) -> Exit {
    if matches!(ended, Ended::Missing(_)) { Exit::Of(1) } else { Exit::Done }
}

/// The journals of `project`.
pub(super) fn shelf(project: &Project) -> Shelf {
    Shelf::new(project.state_folder().join("journal"), project.tag())
}

/// Reminds whoever brings models into the cache of a project that nothing leads its programs there yet.
pub(super) fn remind(context: &Context, project: &Project) {
    if !shelf(project).record().is_set_up() {
        context.output.warn(
            "this project is not set up: run `modelstrap setup` first, or nothing leads your programs to the cache",
        );
    }
}

/// Takes the project's lock, telling the person when that takes a while.
pub(super) fn lock(context: &Context, project: &Project, patience: Duration) -> Result<Lock> {
    let shelf = shelf(project);
    shelf.lock(patience, || context.output.say("Another modelstrap is at work in this project; waiting for it …")).map_err(|error| {
        match error.kind() {
            std::io::ErrorKind::WouldBlock if interrupt::requested() => Interrupted("stopped; nothing was changed".to_owned()).into(),
            std::io::ErrorKind::WouldBlock => anyhow!(
                "another modelstrap has been at work in this project for {} seconds\n  wait for it, or end it, then run this again",
                patience.as_secs()
            ),
            _ => anyhow::Error::from(error).context(format!("{} cannot be locked", escape::path(&shelf.lock_path()))),
        }
    })
}

fn consent(context: &Context, arguments: &SetupArgs, asks: bool) -> Result<()> {
    if arguments.yes {
        return Ok(());
    }
    let alone = ("setup asks before it changes anything", "`--yes` to apply the plan, or `--dry-run` to look at it");
    match context.ci() {
        _ if asks => consent::yes(context, "Apply this plan?", alone),
        Some(provider) => {
            context.output.tell(format!("This is a CI run ({provider}): going on without asking."));
            Ok(())
        }
        None => Err(consent::nobody(alone)),
    }
}

/// Applies the plan under the project's lock: the plan is made again there, because another run may have been quicker.
fn carry_out(context: &Context, decided: &Decided, shown: &Plan, shelf: &Shelf) -> Result<Plan> {
    interrupt::watch();
    let held = lock(context, &decided.project, PATIENCE)?;
    let view = PlanView { output: &context.output, root: &decided.project.root, home: decided.layout.home.as_deref() };
    let applied = decided.plan(shelf).and_then(|mut plan| {
        // The lock lies in the tool's own folder, and had to make it: what was shown as a change counts as one.
        let own = decided.project.state_folder();
        if let Some(edit) = shown.edits.first().filter(|edit| edit.path == own && !plan.is_empty()) {
            plan.edits.insert(0, edit.clone());
        }
        let mut record = shelf.record();
        record.note_set_up(true);
        let now = time::now(&context.vars);
        let tick = |edit: &Edit| view.tick(edit).into_iter().for_each(|line| context.output.say(line));
        match apply(&plan, shelf, &mut record, SETUP, &now, tick) {
            Ok(_) => Ok(plan),
            Err(error @ ApplyError::Interrupted { .. }) => Err(Interrupted(error.to_string()).into()),
            Err(error) => Err(error.into()),
        }
    });
    if applied.is_err() && shelf.past().is_empty() {
        held.remove();
        shelf.remove_state_folder();
    }
    applied
}

/// Brings the record up to date where nothing had to be written: a teammate's equal block is ours from now on.
fn remember(plan: &Plan, shelf: &Shelf) -> Result<()> {
    if !shelf.folder().is_dir() {
        return Ok(());
    }
    shelf.guard()?;
    let mut record = shelf.record();
    let before = record.clone();
    settle(plan, &mut record);
    record.note_set_up(true);
    if record != before {
        record
            .save(shelf.folder(), shelf.tag())
            .with_context(|| format!("{} cannot be written", escape::path(shelf.folder())))?;
    }
    Ok(())
}
