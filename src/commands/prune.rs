//! `modelstrap prune`: deletes what nobody needs, what is old, and what is too much.

use std::cell::RefCell;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::Value;

use super::Exit;
use super::cleaning::{self, Keeping, Manner, Scene, Scope, carry_out, json, undo};
use super::context::Context;
use super::disks::{self, Disk};
use crate::cache::select::prune::{self, Goal, Room, Rules};
use crate::cache::select::{Needs, Selection};
use crate::cli::{Consent, PruneArgs, Trash};
use crate::models::lock;
use crate::platform::disk;
use crate::support::{escape, units};

/// What came or changed more lately stays.
const GRACE: Duration = Duration::from_secs(3600);

/// So many plans are made: what stays of the second is rare, and what stays of the third will not go.
const STEPS: usize = 3;

/// How long nobody must have used a revision that a program may name by its commit.
const PINNED: Duration = Duration::from_secs(7 * 86_400);

pub(super) fn run(context: &Context, arguments: &PruneArgs) -> Result<Exit> {
    if arguments.trash.undo {
        return undo(context, "prune", arguments.consent.dry_run);
    }
    let documents = RefCell::new(Vec::new());
    let end = steps(context, arguments, &documents);
    if let Some(document) = json::joined(documents.into_inner()) {
        context.output.document(format!("{document:#}\n"))?;
    }
    end
}

/// One plan, and what came of it.
struct Step {
    /// How the run ends, if this is all.
    end: Result<Exit>,
    /// What stayed although it was to go, where a goal needs something in its place.
    stayed: Vec<PathBuf>,
    /// Whether anything went.
    has_removed: bool,
}

/// Removes, and where a goal is missed since something stayed when it was to go, plans once more without it. That plan is shown, and
/// asked for, as the first.
fn steps(context: &Context, arguments: &PruneArgs, documents: &RefCell<Vec<Value>>) -> Result<Exit> {
    let mut past: Option<Vec<PathBuf>> = None;
    let mut end = Ok(Exit::Done);
    let mut goes_on = false;
    for _ in 0..STEPS {
        let Some(step) = step(context, arguments, past.as_ref(), goes_on, documents)? else { break };
        end = step.end;
        goes_on |= step.has_removed;
        if step.stayed.is_empty() {
            break;
        }
        past.get_or_insert_default().extend(step.stayed);
    }
    end
}

/// `None` where there is no goal left to be reached in a second step. An undo brings back with it what it `goes_on` with.
fn step(
    context: &Context,
    arguments: &PruneArgs,
    past: Option<&Vec<PathBuf>>,
    goes_on: bool,
    documents: &RefCell<Vec<Value>>,
) -> Result<Option<Step>> {
    let dry_run = arguments.consent.dry_run;
    let at_once = match arguments {
        PruneArgs { ci: true, .. } => Some("--ci"),
        PruneArgs { until_free: Some(_), .. } => Some("--until-free"),
        _ => None,
    };
    // In a second step the trash has what the first has removed.
    let is_second = past.is_some();
    let empty_trash = !is_second && (arguments.trash.now || arguments.until_free.is_some());
    let mut scene = Scene::open(context, Scope { outside: false, dry_run, empty_trash, ci: arguments.ci })?;
    scene.remover = scene.remover.going_on(goes_on);
    if arguments.ci && scene.projects.own.is_none() {
        return Err(no_lock(&scene));
    }
    let keep = scene.kept(&arguments.keep)?;
    let rules = Rules { past: past.cloned(), ..rules(&scene, arguments)? };
    if is_second {
        let Some(goal) = rules.goals.first() else { return Ok(None) };
        context.output.say(format!("For {}, this goes in place of what stayed:", goal.name));
    } else {
        warn_of_no_lock(&scene);
    }
    let choose = |needs: &Needs| Ok(prune::select(&scene.stock, needs, &scene.log, &keep, &rules));
    let selection = choose(&scene.needs)?;
    let keeping = Keeping::of("prune", &arguments.trash, at_once, &disks::touched(&scene.survey, selection.roots()));
    let grace = Duration::from_secs(u64::try_from(rules.grace).unwrap_or(0));
    let is_empty = selection.lines.is_empty();
    let left = (!selection.short.is_empty()).then(|| left(&scene, &selection));
    // Where the run ends with these words as its error and nobody is asked, once is enough.
    let ends_so = arguments.max_size.is_some() || arguments.until_free.is_some();
    let warning = left.clone().filter(|_| !ends_so || !(arguments.consent.yes || dry_run));
    // One that may have a million lines is written as it is made, unless another step may follow.
    let may_go_on = !rules.goals.is_empty() && left.is_none() && !dry_run;
    let document = |document: &json::Document<'_>| {
        if is_second || (may_go_on && document.has_stayed()) {
            documents.borrow_mut().push(serde_json::to_value(document)?);
            return Ok(());
        }
        Ok(context.output.stream_document(document)?)
    };
    let (choose, document, consent) = (&choose, &document, &arguments.consent);
    let notes = Vec::new();
    let manner = Manner { verb: "prune", consent, keeping, grace, notes, warning, choose, document, is_second };
    let outcome = carry_out(&scene, selection, manner)?;
    if is_empty && left.is_none() && !context.output.quiet && !context.global.json {
        cleaning::leavings(&scene).into_iter().for_each(|words| context.output.say(words));
    }
    let has_removed = outcome.as_ref().is_some_and(|outcome| outcome.gone > 0);
    let mut stayed: Vec<PathBuf> =
        outcome.into_iter().flat_map(|outcome| outcome.stayed).map(|(path, _)| path).collect();
    let end = match left.clone() {
        Some(words) if ends_so => Err(anyhow::anyhow!(words)),
        Some(words) => {
            if is_empty {
                context.output.warn(words);
            }
            Ok(Exit::Done)
        }
        None if stayed.is_empty() => scene.end().map(|()| Exit::Done),
        None => Err(anyhow::anyhow!("{} stayed, as said above", units::count(stayed.len(), "thing"))),
    };
    if rules.goals.is_empty() || left.is_some() {
        stayed.clear();
    }
    Ok(Some(Step { end, stayed, has_removed }))
}

/// Which targets cannot be reached, and why not.
fn left(scene: &Scene<'_>, selection: &Selection) -> String {
    let why = match selection.kept.is_empty() {
        true => cleaning::no_more(scene),
        false => "what is left stays for the reasons above".to_owned(),
    };
    format!("{}; {why}", selection.short.join("; "))
}

/// What `prune` without a flag would take.
///
/// # Errors
/// Why it takes nothing.
pub(super) fn planned<'a>(scene: &'a Scene<'_>) -> Result<Selection<'a>> {
    let arguments = PruneArgs {
        older_than: None,
        max_size: None,
        until_free: None,
        keep: Vec::new(),
        ci: false,
        grace: None,
        trash: Trash { undo: false, now: false, undo_for: None },
        consent: Consent { yes: false, dry_run: true },
    };
    let selection = prune::select(&scene.stock, &scene.needs, &scene.log, &[], &rules(scene, &arguments)?);
    for root in selection.roots() {
        scene.remover.admit(root)?;
    }
    Ok(selection)
}

/// What the manifest names and no lock, prune knows nothing of.
fn warn_of_no_lock(scene: &Scene<'_>) {
    let names_models = !scene.survey.project.manifest.models.is_empty();
    if names_models && scene.projects.own.is_none() && scene.projects.unknown.is_empty() {
        scene.context.output.warn(format!(
            "the project has no {}: what its manifest names counts for nothing here\n  run `modelstrap models lock` first",
            lock::FILE
        ));
    }
}

fn no_lock(scene: &Scene<'_>) -> anyhow::Error {
    if scene.projects.unknown.is_empty() && scene.survey.project.manifest.models.is_empty() {
        return anyhow::anyhow!(
            "`--ci` keeps exactly what the lock names, and there is none: the manifest names no models\n  \
             name them with `modelstrap models add`, or let `modelstrap clear models` take all"
        );
    }
    let why = match scene.projects.unknown.first() {
        Some((_, why)) => escape::printable(why),
        None => format!("the project has no {}", lock::FILE),
    };
    anyhow::anyhow!("`--ci` keeps exactly what the lock names, and {why}\n  run `modelstrap models lock` first")
}

fn rules(scene: &Scene<'_>, arguments: &PruneArgs) -> Result<Rules> {
    let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    let grace = match (arguments.grace, arguments.ci) {
        (Some(grace), _) => grace,
        (None, true) => Duration::ZERO,
        (None, false) => GRACE,
    };
    // What needs are not known, what would go by its age or size may be needed.
    let beyond = arguments.ci
        || arguments.older_than.is_some()
        || arguments.max_size.is_some()
        || arguments.until_free.is_some();
    let blind = !scene.projects.unknown.is_empty();
    if let Some((project, why)) = scene.projects.unknown.first().filter(|_| beyond) {
        bail!(
            "what {} needs is not known: {}; nothing was removed\n  mend that first, or leave out what takes models by age or size",
            escape::path(project),
            escape::printable(why)
        );
    }
    let goals = if blind || arguments.ci { Vec::new() } else { goals(scene, arguments) };
    Ok(Rules {
        now: scene.now,
        grace: seconds(grace),
        pinned: seconds(pinned(arguments.grace)),
        older_than: arguments.older_than.map(seconds),
        ci: arguments.ci,
        blind,
        goals,
        past: None,
    })
}

/// A time of grace that somebody gives protects no less than none would; only that of 0 lifts all.
fn pinned(grace: Option<Duration>) -> Duration {
    grace.map_or(PINNED, |grace| if grace.is_zero() { grace } else { grace.max(PINNED) })
}

/// How much more must go: the cache may take no more than `--max-size` or the budget, and so much is to be free.
fn goals(scene: &Scene<'_>, arguments: &PruneArgs) -> Vec<Goal> {
    let mut goals = Vec::new();
    let budget = scene.survey.project.manifest.cache.budget.as_deref().and_then(units::parse_bytes);
    let limit = arguments.max_size.map(|size| (size, format!("--max-size {}", units::bytes(size))));
    let limit = limit.or_else(|| budget.map(|size| (size, format!("the budget of {}", units::bytes(size)))));
    if let Some((size, name)) = limit {
        // What can still be brought back goes by itself.
        let taken = scene.inventory.homes.disk.saturating_sub(scene.stock.trash);
        let bytes = taken.saturating_sub(size);
        if bytes > 0 {
            goals.push(Goal { name, bytes, room: Room::Homes });
        }
    }
    if let Some(wanted) = arguments.until_free {
        goals.extend(until_free(scene, wanted));
    }
    goals
}

/// How much must go from each disk that the cache lies on. One other than the cache root's that is smaller than that is not meant.
fn until_free(scene: &Scene<'_>, wanted: u64) -> Vec<Goal> {
    let disks = disks::of(&scene.survey).into_iter().enumerate();
    let meant =
        disks.filter(|(at, found)| *at == 0 || disk::total_space(&found.folder).is_some_and(|all| all >= wanted));
    let goal = |(at, found): (usize, Disk)| {
        let free = disk::free_space(&found.folder).unwrap_or(0);
        // What the trash gives up may lie on any of them: rather too little goes than too much.
        let bytes = wanted.saturating_sub(free.saturating_add(scene.pending));
        let of = if at == 0 { String::new() } else { format!(" on the disk of {}", scene.shown(&found.folder)) };
        let name = format!("--until-free {}{of}", units::bytes(wanted));
        (bytes > 0).then_some(Goal { name, bytes, room: Room::Disk(found.device) })
    };
    meant.filter_map(goal).collect()
}
