//! A word that is no folder and no place: the repository that lies somewhere, or a slip of which it is said what may be meant.

use std::path::{Path, PathBuf};

use super::super::Usage;
use super::super::survey::Survey;
use crate::cache::migrate::Shape;
use crate::cache::migrate::sources::Search;
use crate::support::nearest::nearest;
use crate::support::{escape, paths, quoted};

/// So many places are named.
const PLACES: usize = 8;

/// Where the repository lies that is called `folder` in a hub, outside of the cache.
pub(super) fn of_repository(search: &Search<'_>, folder: &str) -> Vec<PathBuf> {
    let parts = search.all().parts.into_iter();
    let mut found: Vec<PathBuf> = parts
        .filter_map(|part| match part.shape {
            Shape::Hub => Some(part.from.join(folder)).filter(|path| path.is_dir()),
            Shape::Repository | Shape::Local => part.to.ends_with(folder).then_some(part.from),
            Shape::Tree(_) | Shape::Proven | Shape::Files(_) => None,
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// That nothing is called `name`, what may be meant, and what could be named.
pub(super) fn unknown(survey: &Survey, start: &Path, name: &str) -> Usage {
    let shown = |path: &Path| paths::friendly(&survey.project.root, survey.layout.home.as_deref(), path);
    // Those that `status` names.
    let survey = survey.clone().without_links();
    let places: Vec<_> = survey.places.iter().filter(|place| place.kind.is_outside() && place.path.is_dir()).collect();
    let called = places.iter().flat_map(|place| [place.name.clone(), shown(&place.path)]);
    let mut text = format!("there is no {}", quoted::shown(name));
    if let Some(near) = nearest(name, called.chain(beside(start, name))) {
        text.push_str(&format!("; did you mean `{}`?", escape::printable(&near)));
    }
    let mut listed: Vec<String> = places.iter().take(PLACES).map(|place| shown(&place.path)).collect();
    if let Some(more) = places.len().checked_sub(PLACES).filter(|more| *more > 0) {
        listed.push(format!("{more} more, which `modelstrap status` names"));
    }
    text.push_str("\n  name a folder, or without any everything is taken");
    if !listed.is_empty() {
        text.push_str(&format!("; outside of the cache there are {}", listed.join(", ")));
    }
    Usage(text)
}

/// The folders that lie where `name` would, as somebody would write them.
fn beside(start: &Path, name: &str) -> Vec<String> {
    let given = quoted::path(name);
    let above = given.parent().unwrap_or(Path::new(""));
    let entries = std::fs::read_dir(paths::absolute(start, above)).into_iter().flatten().filter_map(Result::ok);
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let mut names: Vec<String> = folders.map(|entry| quoted::text(above.join(entry.file_name()).as_os_str())).collect();
    names.sort_unstable();
    names
}
