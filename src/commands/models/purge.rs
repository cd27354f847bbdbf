//! What `models remove --purge` takes out of the cache, by the same way as `clear`: what goes with a model is chosen by the same
//! decisions, moved into the trash, looked at again, and can be brought back for a time.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Result, bail};

use super::super::cleaning::{self, Keeping};
use super::super::context::Context;
use super::super::disks;
use super::super::notes;
use super::super::survey::Survey;
use super::needed::files_of;
use super::others::Others;
use super::{Session, hubs};
use crate::cache::Kind;
use crate::cache::places::Place as Home;
use crate::cache::remove::{Keep, Order, Outcome, Role, Victim};
use crate::cache::stamp::Stamp;
use crate::cli::{RemoveArgs, Trash};
use crate::fetch;
use crate::models::bounds;
use crate::models::locked::{FilesHome, Model, Part, Place};
use crate::models::placement::{self, FileState};
use crate::models::sources::torch_hub;
use crate::models::world::World;
use crate::support::{escape, paths, units};

/// The verb that brings back, and names the run until then, too.
const UNDOES: &str = "clear";

/// What is known of the cache before files of it go.
pub(super) struct Purging {
    /// Before anything was looked at: what changes after this stays.
    planned: SystemTime,
    survey: Survey,
    /// Who else needs files.
    pub(super) others: Others,
}

/// What goes, and what stays although it was to go.
#[derive(Default)]
pub(super) struct Chosen {
    pub(super) victims: Vec<Victim>,
    pub(super) stay: Vec<(PathBuf, String)>,
}

/// Finishes, or takes back, what a run left that was killed, and frees what is over: what is looked at then is what there is.
pub(super) fn settle_earlier(context: &Context) -> Result<()> {
    cleaning::expire(context, &Survey::of(context)?);
    Ok(())
}

/// Whether what goes can be brought back.
pub(super) fn keeping(session: &Session<'_>, arguments: &RemoveArgs) -> Keeping {
    let trash = Trash { undo: false, now: arguments.now, undo_for: arguments.undo_for };
    let homes = &session.world.homes;
    let folders = [&homes.root, &homes.hub, &homes.whisper, &homes.torch_hub];
    Keeping::of(UNDOES, &trash, None, &disks::under(folders.into_iter().map(PathBuf::as_path)))
}

impl Purging {
    /// Looks at who needs what; nothing is changed.
    pub(super) fn of(context: &Context, force: bool) -> Result<Self> {
        let planned = SystemTime::now();
        let mut survey = Survey::of(context)?;
        let others = Others::of(context, &survey, force)?;
        survey.leave_alone();
        Ok(Self { planned, survey, others })
    }

    /// Refuses what a link leads elsewhere, or out of any cache: as `clear` does it, a link that came with the project chooses among
    /// nobody's folders.
    pub(super) fn check(&self, session: &Session<'_>, model: &Model, part: &Part) -> Result<()> {
        bounds::check(&session.world, part)?;
        if let Some(path) = files_of(&session.world, part)?.iter().find(|path| self.survey.is_left_alone(path)) {
            bail!(
                "{} was left: {} lies in a folder which is no cache: it is left alone\n  if it is one, put a CACHEDIR.TAG there",
                escape::printable(&model.name),
                session.shown(path)
            );
        }
        Ok(())
    }

    /// Removes the files of `parts`, which nobody needs.
    ///
    /// # Errors
    /// When a folder is refused, a journal cannot be written, or the person stops it: then nothing is removed.
    pub(super) fn remove(&self, session: &Session<'_>, parts: &[&Part], keep: Keep) -> Result<Outcome> {
        let world = &session.world;
        let mut chosen = hubs::chosen(world, &self.survey, &self.others, parts)?;
        for part in parts.iter().filter(|part| !matches!(part.place, Place::Hub(_))) {
            self.files(world, part, &mut chosen)?;
        }
        let Chosen { victims, stay } = chosen;
        let mut outcome = Outcome::default();
        if !victims.is_empty() {
            let remover = cleaning::remover(&self.survey).knowing(self.others.links());
            let order = Order { verb: cleaning::PURGE, victims, keep, grace: Duration::ZERO, planned: self.planned };
            outcome = remover.remove(order, &|_| {})?;
            notes::count(session.context, &self.survey.layout.cache_root);
        }
        outcome.stayed.extend(stay);
        Ok(outcome)
    }

    /// The files of a part that lies in no hub, with what an earlier download left of them. A folder that is the model's own goes
    /// whole, unless something else lies in it.
    fn files(&self, world: &World, part: &Part, chosen: &mut Chosen) -> Result<()> {
        let mut ours: HashSet<PathBuf> = HashSet::new();
        let mut folders: HashSet<PathBuf> = HashSet::new();
        let mut left: Vec<PathBuf> = Vec::new();
        for file in &part.files {
            let (path, artifact) = (placement::visible(world, part, file)?, placement::artifact(world, part, file, 0)?);
            left.extend(fetch::left(&artifact));
            if artifact.destination != path {
                left.push(artifact.destination);
            }
            // Under this name another one's may lie.
            if matches!(placement::state(world, part, file)?, FileState::Here | FileState::Changed) {
                let own = path.ancestors().nth(file.path.split('/').count()).filter(|_| has_own_folder(&part.place));
                folders.extend(own.map(Path::to_path_buf));
                ours.insert(path);
            }
        }
        folders.retain(|folder| holds_nothing_but(folder, &ours, 0));
        folders.iter().for_each(|folder| self.add(folder, Role::Tree, chosen));
        let alone = ours.iter().filter(|path| !path.ancestors().any(|above| folders.contains(above)));
        alone.chain(&left).for_each(|path| self.add(path, Role::File, chosen));
        Ok(())
    }

    /// Adds what stands at `path`, if anything does.
    fn add(&self, path: &Path, role: Role, chosen: &mut Chosen) {
        let parent = path.parent().and_then(paths::real_place);
        let Some(real) = parent.and_then(|parent| Some(parent.join(path.file_name()?))) else { return };
        let Ok(stamp) = Stamp::at(&real) else { return };
        match home(&self.survey, &real) {
            Some(home) => {
                let (root, why) = (home.real.clone(), "its model was removed".to_owned());
                chosen.victims.push(Victim { path: real, root, stamp, role, bytes: 0, why });
            }
            None => chosen.stay.push((real, ELSEWHERE.to_owned())),
        }
    }
}

/// Why something stays that no home holds.
pub(super) const ELSEWHERE: &str = "lies in no folder of this project's cache";

/// The home, of those in which things may be removed, that `real` lies in.
pub(super) fn home<'a>(survey: &'a Survey, real: &Path) -> Option<&'a Home> {
    let homes = survey.places.iter().filter(|place| place.kind == Kind::Home && real.starts_with(&place.real));
    homes.max_by_key(|place| place.real.components().count())
}

/// Whether each file of such a part, or the part, has a folder that nothing else is put into.
const fn has_own_folder(place: &Place) -> bool {
    matches!(place, Place::TorchHub { .. } | Place::Files { home: FilesHome::Files })
}

/// Whether in `folder` there is nothing but these files, and what Python, the Finder and we write beside them.
fn holds_nothing_but(folder: &Path, ours: &HashSet<PathBuf>, depth: usize) -> bool {
    /// No repository has folders in folders in so many folders.
    const DEEPEST: usize = 64;
    let Ok(mut entries) = fs::read_dir(folder) else { return false };
    depth < DEEPEST
        && entries.all(|entry| {
            let Ok(entry) = entry else { return false };
            let (path, name) = (entry.path(), entry.file_name());
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => name == "__pycache__" || holds_nothing_but(&path, ours, depth + 1),
                Ok(_) => ours.contains(&path) || name == ".DS_Store" || (depth == 0 && name == torch_hub::MARKER),
                Err(_) => false,
            }
        })
}

/// Says what stayed, and what went and until when it can be brought back. How many things stayed.
pub(super) fn tell(session: &Session<'_>, outcome: &Outcome) -> usize {
    let output = &session.context.output;
    for (path, why) in &outcome.stayed {
        output.warn(format!("{} stays: {}", session.shown(path), escape::printable(why)));
    }
    output.say(cleaning::said(outcome, UNDOES));
    if outcome.until.is_some() {
        output.say(cleaning::FILES_ALONE);
    }
    outcome.stayed.len()
}

/// Ends with an error where something stayed.
pub(super) fn end(stayed: usize) -> Result<()> {
    if stayed > 0 {
        bail!("{} stayed, as said above", units::count(stayed, "thing"));
    }
    Ok(())
}
