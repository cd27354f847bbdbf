//! What the verbs note in the cache: that this project uses it, what it used, and how large the cache was.
//!
//! None of it is what a person asked for. A cache that cannot be written to (read only, another user's) works as well without, so
//! nothing here fails a verb.

use std::path::{Path, PathBuf};

use super::context::Context;
use super::survey::Survey;
use crate::cache::notes::{history, projects, uses};
use crate::cache::{Inventory, Kind, scan};
use crate::models::footprint;
use crate::models::homes::Homes;
use crate::models::hub::claims;
use crate::models::lock::{self, Lock};
use crate::models::locked::Model;
use crate::plan;
use crate::project::Project;
use crate::project::answers::Answers;
use crate::setup::{Layout, Overrides};
use crate::support::{bounded, escape, paths, time};

/// A lock above this size is not read before each command that is run, in bytes.
const MOST: u64 = 2 << 20;

/// Registers the project in its cache, with its lock as it is on the disk now.
pub(super) fn register(context: &Context, project: &Project, cache_root: &Path) {
    if !cache_root.is_dir() {
        return;
    }
    let text = lock_text(project);
    let registered = projects::register(cache_root, &project.root, text.as_deref(), &context.vars, time::seconds());
    tell(context, cache_root, registered);
}

/// The cache roots that the project may be registered in, as it is set up now: the one of its answers, and what setup has made.
pub(super) fn roots(context: &Context, project: &Project) -> Vec<PathBuf> {
    let past = super::setup::shelf(project).past();
    if past.is_empty() {
        return Vec::new();
    }
    let answers = Answers::load(&project.state_folder());
    let layout = Layout::settle(project, &answers, &Overrides::default(), &context.vars, context.os);
    let made = past.into_iter().flat_map(|run| run.entries).filter(|entry| entry.kind == plan::Kind::Directory);
    layout.ok().map(|layout| layout.cache_root).into_iter().chain(made.map(|entry| entry.path)).collect()
}

/// Takes the project's registration out of those of `roots` that are not its cache any more, and says so: whoever cleans them would keep
/// what its lock needs.
pub(super) fn leave(context: &Context, project: &Project, roots: &[PathBuf], layout: &Layout) {
    let now = paths::real_place(&layout.cache_root);
    for root in roots.iter().filter(|root| root.is_dir() && paths::real_place(root) != now) {
        if projects::leave(root, &project.root, &context.vars) {
            release(context, root, std::iter::once(project.root.as_path()));
            let shown = paths::friendly(&project.root, layout.home.as_deref(), root);
            context.output.tell(format!(
                "{shown} is this project's cache no more, and does not keep models for it any longer; what lies there stays"
            ));
        }
    }
}

/// Notes that the models of the project's lock are used now, if the cache has notes.
pub(super) fn used_lock(context: &Context, project: &Project, homes: &Homes) {
    // Who runs a command does not wait for a lock of tens of thousands of files to be read.
    let is_small = std::fs::metadata(project.root.join(lock::FILE)).is_ok_and(|found| found.len() <= MOST);
    if let Some(lock) = is_small.then(|| lock(project)).flatten() {
        used(context, homes, lock.models.iter());
    }
}

/// Notes that `models` are used now, if the cache has notes.
pub(super) fn used<'a>(context: &Context, homes: &Homes, models: impl IntoIterator<Item = &'a Model>) {
    let paths: Vec<_> = models.into_iter().flat_map(|model| footprint::paths(model, homes)).collect();
    tell(context, &homes.root, uses::note(&homes.root, &paths, &context.vars, time::seconds()));
}

/// The project's lock, where it has one that can be read.
pub(super) fn lock(project: &Project) -> Option<Lock> {
    lock_text(project).and_then(|text| Lock::parse(&text).ok())
}

/// Notes how large the cache is, and forgets the projects that are gone since long.
pub(super) fn size(context: &Context, cache_root: &Path, inventory: &Inventory) {
    let now = time::seconds();
    tell(context, cache_root, history::note(cache_root, inventory, now));
    let dropped = projects::sweep(cache_root, &context.vars, now);
    for gone in &dropped {
        context.output.detail(format!("forgot the project {}", escape::path(&gone.project)));
    }
    release(context, cache_root, dropped.iter().map(|gone| gone.project.as_path()));
}

/// Takes back by what these projects, whose registrations are gone, held models in the cache: all but those that another machine or
/// person has registered by the same path. Nothing is done through a link that leads out of the cache.
pub(super) fn release<'a>(context: &Context, cache_root: &Path, gone: impl Iterator<Item = &'a Path>) {
    let mut gone = gone.peekable();
    let hub = Homes::under(cache_root).hub;
    let real = paths::real_place(&hub).zip(paths::real_place(cache_root));
    if gone.peek().is_none() || !real.is_some_and(|(hub, root)| hub.starts_with(root)) {
        return;
    }
    let registered = projects::registered(cache_root);
    for project in gone.filter(|project| !registered.iter().any(|known| known == project)) {
        tell(context, cache_root, claims::release(&hub, &Project::tag_of(project)));
    }
}

/// The same for who has not counted it.
pub(super) fn count(context: &Context, cache_root: &Path) {
    if !history::is_due(cache_root, time::seconds()) {
        return;
    }
    let Ok(survey) = Survey::of(context) else { return };
    let homes = survey.places.into_iter().filter(|place| place.kind == Kind::Home).collect();
    size(context, cache_root, &scan::scan(homes));
}

fn lock_text(project: &Project) -> Option<String> {
    let bytes = bounded::read(&project.root.join(lock::FILE), lock::MAX_SIZE).ok()?;
    String::from_utf8(bytes).ok()
}

fn tell(context: &Context, cache_root: &Path, noted: std::io::Result<()>) {
    if let Err(error) = noted {
        context.output.detail(format!("nothing is noted in {}: {error}", escape::path(cache_root)));
    }
}
