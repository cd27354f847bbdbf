//! What is needed by now: while a person read the plan and thought about it, another project may have come to share the cache, or
//! have locked another model. What it needs does not go with a yes that was given to a plan from before.

use std::cell::RefCell;
use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::{Needed, Scene};
use crate::cache::remove::{Role, Victim};
use crate::cache::select::locked::AsksLocks;
use crate::cache::select::{Needs, Selection};
use crate::models::hub::locks;
use crate::project::Project;
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
    let seen = Goes::of(&selection);
    for line in &mut now.lines {
        line.victims.retain(|path| seen.has(path));
    }
    let goes = Goes::of(&now);
    let is_off = |victim: &Victim| !goes.has(&victim.path);
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

/// What is needed now.
fn needs(scene: &Scene<'_>) -> Result<Needs> {
    let scope = super::Scope { dry_run: true, ..scene.scope };
    let Needed { mut needs, projects, .. } = Needed::read(scene.context, &scene.survey, scene.now, scope)?;
    // Those that were dropped are registered no more: their references count for nothing now as then.
    scene.projects.dropped.iter().for_each(|one| needs.settle(&Project::tag_of(&one.project)));
    if let Some((project, why)) = projects.unknown.iter().find(|one| !scene.projects.unknown.contains(one)) {
        bail!(
            "by now {} shares the cache, and what it needs is not known: {}; nothing was removed",
            escape::path(project),
            escape::printable(why)
        );
    }
    needs.ask_locks(AsksLocks { of_repository: locks::is_any_held, at: locks::is_held });
    Ok(needs)
}

/// The paths of a plan's victims, each as a number of sixteen bytes: there may be a million, and no two paths ever have the same.
struct Goes {
    hashers: [RandomState; 2],
    /// Sorted.
    paths: Vec<[u64; 2]>,
    /// Those with which goes what lies in them.
    folders: HashSet<PathBuf>,
    /// A folder that was asked for last, and whether it goes: many lie in one.
    last: RefCell<(PathBuf, bool)>,
}

impl Goes {
    fn of(selection: &Selection<'_>) -> Self {
        let mut goes = Self {
            hashers: [RandomState::new(), RandomState::new()],
            paths: Vec::new(),
            folders: HashSet::new(),
            last: RefCell::default(),
        };
        for victim in selection.victims() {
            goes.paths.push(goes.number(&victim.path));
            goes.folders.extend(matches!(victim.role, Role::Tree | Role::Snapshot).then_some(victim.path));
        }
        goes.paths.sort_unstable();
        goes
    }

    fn number(&self, path: &Path) -> [u64; 2] {
        self.hashers.each_ref().map(|hasher| hasher.hash_one(path.as_os_str()))
    }

    /// Whether `path` is one of them, or lies in one.
    fn has(&self, path: &Path) -> bool {
        self.paths.binary_search(&self.number(path)).is_ok() || path.parent().is_some_and(|folder| self.takes(folder))
    }

    fn takes(&self, folder: &Path) -> bool {
        let mut last = self.last.borrow_mut();
        if last.0 != folder {
            *last = (folder.to_path_buf(), folder.ancestors().any(|above| self.folders.contains(above)));
        }
        last.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_a_folder_that_goes_goes_with_it_and_nothing_beside_it() {
        let mut goes = Goes::of(&Selection::default());
        goes.paths = ["/c/a/x", "/c/b"].map(|path| goes.number(Path::new(path))).to_vec();
        goes.paths.sort_unstable();
        goes.folders = HashSet::from(["/c/b".into()]);
        let cases =
            [("/c/a/x", true), ("/c/a/y", false), ("/c/b", true), ("/c/b/d/e", true), ("/c/bb", false), ("/c", false)];
        for (path, expected) in cases.into_iter().chain(cases) {
            assert_eq!(goes.has(Path::new(path)), expected, "{path}");
        }
    }
}
