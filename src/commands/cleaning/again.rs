//! What is needed by now: while a person read the plan and thought about it, another project may have come to share the cache, or
//! have locked another model. What it needs does not go with a yes that was given to a plan from before.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::needs::add_links;
use super::who::tag;
use super::{Projects, Scene};
use crate::cache::remove::Victim;
use crate::cache::select::needs::real_homes;
use crate::cache::select::{Needs, Selection};
use crate::models::hub::locks::is_any_held;
use crate::support::escape;

/// How a plan is made, by what is needed.
pub(in crate::commands) type Choose<'a> = dyn Fn(&Needs) -> Result<Selection<'a>> + 'a;

/// Of `selection` what `choose` takes by what is needed now, and what of it stays for that. Nothing comes in that a person has not
/// seen.
///
/// # Errors
/// When nobody knows by now what another project needs, or `choose` refuses.
pub(in crate::commands) fn again<'a>(
    scene: &Scene<'_>,
    selection: Selection<'a>,
    choose: &Choose<'a>,
) -> Result<(Selection<'a>, Vec<(PathBuf, String)>)> {
    let mut now = choose(&needs(scene)?)?;
    let seen: HashSet<PathBuf> = paths(&selection);
    for line in &mut now.lines {
        line.victims.retain(|path| lies_in(path, &seen));
    }
    let goes = paths(&now);
    let is_off = |victim: &Victim| !lies_in(&victim.path, &goes);
    let off = selection.lines.iter().filter_map(|line| line.victims.iter().find(is_off).map(|victim| (line, victim)));
    let stays: Vec<(PathBuf, String)> = off
        .map(|(line, victim)| {
            let kept = now.kept.iter().find(|kept| kept.path.starts_with(&line.path) || victim.path == kept.path);
            let why = kept.map_or_else(|| "another project needs it by now".to_owned(), |kept| kept.why.clone());
            (line.path.clone(), why)
        })
        .collect();
    Ok(if stays.is_empty() { (selection, stays) } else { (now, stays) })
}

/// What is needed now, as it was read when the scene was.
fn needs(scene: &Scene<'_>) -> Result<Needs> {
    let homes = real_homes(&scene.survey.homes);
    let mut needs = Needs::default();
    let scope = super::Scope { dry_run: true, ..scene.scope };
    let projects = Projects::read(scene.context, &scene.survey, &homes, scene.now, scope, &mut needs);
    // Those that were dropped are registered no more: their references count for nothing now as then.
    scene.projects.dropped.iter().for_each(|one| needs.settle(&tag(&one.project)));
    if let Some((project, why)) = projects.unknown.iter().find(|one| !scene.projects.unknown.contains(one)) {
        bail!(
            "by now {} shares the cache, and what it needs is not known: {}; nothing was removed",
            escape::path(project),
            escape::printable(why)
        );
    }
    add_links(&scene.survey, &mut needs)?;
    needs.add_open_of(&scene.needs);
    needs.ask_locks(is_any_held);
    Ok(needs)
}

fn paths(selection: &Selection<'_>) -> HashSet<PathBuf> {
    selection.victims().map(|victim| victim.path).collect()
}

/// Whether it is one of `paths`, or lies in one.
fn lies_in(path: &Path, paths: &HashSet<PathBuf>) -> bool {
    path.ancestors().any(|above| paths.contains(above))
}
