//! `modelstrap clear`: deletes models and application caches, all or those that a person names.

use std::time::Duration;

use anyhow::{Result, bail};

use super::cleaning::{Keeping, Manner, Scene, Scope, carry_out, clear_trash, undo};
use super::context::Context;
use super::disks;
use super::{Exit, Usage};
use crate::cache::select::Needs;
use crate::cache::select::clear::{self, Needed, Terms, Wanted};
use crate::cache::select::words::Meaning;
use crate::cli::ClearArgs;
use crate::support::{escape, quoted, units};

/// What is being downloaded was changed less than so long ago. Who stops a download and clears it at once is told; what another
/// process writes stays in any case.
pub(super) const BUSY: Duration = Duration::from_secs(60);

pub(super) fn run(context: &Context, arguments: &ClearArgs) -> Result<Exit> {
    if arguments.trash.undo {
        if !arguments.what.is_empty() {
            return Err(
                Usage("`--undo` brings back all that the last run removed: it takes no names".to_owned()).into()
            );
        }
        return undo(context, "clear", arguments.consent.dry_run);
    }
    let words: Vec<String> = arguments.what.iter().map(|word| quoted::given(word)).collect();
    if words.iter().any(|word| word == "trash") {
        if words.len() > 1 || arguments.trash.undo_for.is_some() {
            return Err(
                Usage("`clear trash` frees what was removed before: it takes nothing else with it".to_owned()).into()
            );
        }
        return clear_trash(context, &arguments.consent);
    }
    let group = |word: &str| matches!(word, "models" | "app" | "all");
    let outside = words.iter().any(|word| !group(word));
    let dry_run = arguments.consent.dry_run;
    let scope = Scope { outside, dry_run, empty_trash: arguments.trash.now, ci: false };
    let scene = Scene::open(context, scope)?;
    let mut wanted = Vec::new();
    for (word, given) in words.iter().zip(&arguments.what) {
        match word.as_str() {
            "models" => wanted.push(Wanted::Models),
            "app" => wanted.push(Wanted::Applications),
            "all" => wanted.extend([Wanted::Models, Wanted::Applications]),
            word => {
                let meaning = scene.meaning_of(given)?;
                if meaning == Meaning::NotHere {
                    context.output.say(format!("{}: nothing of it is in the cache.", escape::printable(word)));
                }
                wanted.push(Wanted::Named(word.to_owned(), meaning));
            }
        }
    }
    if wanted.contains(&Wanted::Models) && !arguments.force {
        others_are_known(&scene)?;
    }
    let busy = i64::try_from(arguments.grace.unwrap_or(BUSY).as_secs()).unwrap_or(i64::MAX);
    let terms = Terms { now: scene.now, busy, force: arguments.force };
    let choose = |needs: &Needs| {
        let selection = clear::select(&scene.stock, needs, &scene.log, &wanted, terms);
        selection.map_err(|needed| refusal(&needed))
    };
    let selection = choose(&scene.needs)?;
    // What a person names goes, however young it is; what another program has open or locked stays in any case.
    let keeping = Keeping::of("clear", &arguments.trash, None, &disks::touched(&scene.survey, selection.roots()));
    let notes = if wanted.contains(&Wanted::Models) { every_model(&scene, arguments.force) } else { Vec::new() };
    let grace = Duration::ZERO;
    let consent = &arguments.consent;
    let document = |document| Ok(context.output.document(format!("{document:#}\n"))?);
    let (choose, document) = (&choose, &document);
    let manner =
        Manner { verb: "clear", consent, keeping, grace, notes, warning: None, choose, document, is_second: false };
    let is_named = |kept: &crate::cache::select::Kept| outside && !kept.name.is_empty();
    let left = selection.kept.iter().filter(|kept| is_named(kept)).count();
    let outcome = carry_out(&scene, selection, manner)?;
    let stayed = outcome.map_or(0, |outcome| outcome.stayed.len());
    if stayed + left > 0 && !dry_run {
        bail!("{} stayed, as said above", units::count(stayed + left, "thing"));
    }
    scene.end()?;
    Ok(Exit::Done)
}

/// Refuses to take every model while nobody knows what another project needs.
fn others_are_known(scene: &Scene<'_>) -> Result<()> {
    let own = &scene.survey.project.root;
    match scene.projects.unknown.iter().find(|(project, _)| project != own) {
        Some((project, why)) => bail!(
            "what {} needs is not known: {}; nothing was removed\n  mend that first, name what is to go, or give `--force` to remove it all the same",
            escape::path(project),
            escape::printable(why)
        ),
        None => Ok(()),
    }
}

/// What who takes every model must know: whose cache it is, too, and what a folder with that name has to do with it.
fn every_model(scene: &Scene<'_>, force: bool) -> Vec<String> {
    /// So many projects are named.
    const NAMED: usize = 5;
    let mut notes = Vec::new();
    let survey = &scene.survey;
    let folder = survey.project.root.join("models");
    if folder.is_dir() && !survey.layout.cache_root.starts_with(&folder) {
        let root = scene.shown(&survey.layout.cache_root);
        notes.push(format!("This is every model of {root}, not the folder ./models."));
    }
    let others = &scene.projects.others;
    let mut unknown: Vec<&str> = others.iter().filter(|(_, known)| !known).map(|(name, _)| name.as_str()).collect();
    let count = match others.len() {
        0 => return notes,
        1 => "Another project uses".to_owned(),
        count => format!("{count} other projects use"),
    };
    let more = unknown.len().saturating_sub(NAMED);
    unknown.truncate(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    notes.push(match unknown.len() {
        0 if force => format!("{count} this cache, and `--force` takes what their locks name."),
        0 => format!("{count} this cache; what their locks name stays."),
        1 => format!("{count} this cache; {}{more} has no lock, so nobody knows what it needs.", unknown.join(", ")),
        _ => format!("{count} this cache; {}{more} have no lock, so nobody knows what they need.", unknown.join(", ")),
    });
    notes
}

/// Names the projects that need what was to go.
fn refusal(needed: &[Needed]) -> anyhow::Error {
    let lines = needed.iter().map(|one| {
        let holders: Vec<String> = one.holders.iter().map(|holder| escape::printable(&holder.who())).collect();
        format!("{} is needed by {}", escape::printable(&one.name), units::listed(&holders))
    });
    let lines: Vec<String> = lines.collect();
    anyhow::anyhow!("{}; nothing was removed\n  give `--force` to remove it all the same", lines.join("\n  "))
}
