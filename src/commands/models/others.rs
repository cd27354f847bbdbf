//! Who else needs the files that a purge would delete, by the same notes and the same look at the machine as `clear` and `prune`.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::super::cleaning::{Needed, Scope};
use super::super::context::Context;
use super::super::survey::Survey;
use crate::cache::select::Needs;
use crate::cache::stamp::Stamp;
use crate::models::hub::{names, remove};
use crate::models::locked::{Part, Place};
use crate::models::sources;
use crate::models::world::World;
use crate::support::{escape, paths, time};

/// What must stay in the cache, and for whom.
pub(super) struct Others {
    needed: Needed,
    project: PathBuf,
    /// What a project needs that cannot be asked is passed over.
    force: bool,
}

impl Others {
    /// As it is now. Nothing is changed, not even in the notes.
    ///
    /// # Errors
    /// As of [`Needed::read`].
    pub(super) fn of(context: &Context, survey: &Survey, force: bool) -> Result<Self> {
        let scope = Scope { outside: false, dry_run: true, empty_trash: false, ci: false };
        let needed = Needed::read(context, survey, time::seconds(), scope)?;
        Ok(Self { needed, project: survey.project.root.clone(), force })
    }

    /// The same for the decisions of `clear`.
    pub(super) const fn needs(&self) -> &Needs {
        &self.needed.needs
    }

    /// The links of `dedupe` that are known: what another one leads to stays.
    pub(super) fn links(&self) -> Vec<PathBuf> {
        self.needed.links.clone()
    }

    /// Why the files of `part` must stay, if they must.
    ///
    /// # Errors
    /// When a name in the part is refused, or its folder cannot be read.
    pub(super) fn keep(&self, world: &World, part: &Part) -> Result<Option<String>> {
        if let Some(why) = self.lock(part)? {
            return Ok(Some(why));
        }
        let is_busy = matches!(&part.place, Place::Hub(place) if remove::is_busy(place, &world.homes));
        if is_busy {
            return Ok(Some("a program downloads into their folder".to_owned()));
        }
        let going = match &part.place {
            Place::Hub(place) => remove::going(place, &part.files, &world.homes)?,
            other => {
                let visible = |file| sources::visible(other, file, &world.homes);
                part.files.iter().filter_map(|file| visible(file).transpose()).collect::<Result<_, _>>()?
            }
        };
        if let Some(why) = going.iter().find_map(|path| self.file(path)) {
            return Ok(Some(why));
        }
        let mut unknown = self.needed.projects.unknown.iter().filter(|(project, _)| *project != self.project);
        let unknown = unknown.next().filter(|_| !self.force && !going.is_empty());
        Ok(unknown.map(|(project, why)| {
            format!("what {} needs is not known: {}", escape::path(project), escape::printable(why))
        }))
    }

    /// The other project whose lock names the part, or a file of it.
    fn lock(&self, part: &Part) -> Result<Option<String>> {
        let needs = &self.needed.needs;
        let mut holders = Vec::new();
        match &part.place {
            Place::Hub(place) => {
                holders = needs.of_commit(&names::repo_folder(place.repo_type, &place.repo), &place.commit);
            }
            other => {
                for file in &part.files {
                    let path = sources::visible(other, file, &self.needed.homes)?;
                    holders.extend(path.into_iter().flat_map(|path| needs.of_path(&path)));
                }
            }
        }
        let holder = holders.into_iter().find(|holder| !holder.own);
        Ok(holder.map(|holder| format!("needed by {}", escape::printable(&holder.who()))))
    }

    /// The link that leads to this file, or the program that has it open.
    fn file(&self, path: &Path) -> Option<String> {
        let needs = &self.needed.needs;
        let real = paths::real_place(path)?;
        if let Some(link) = needs.links_to(&real).next() {
            return Some(format!("needed by {}", escape::printable(&link.who())));
        }
        let id = Stamp::of(&std::fs::metadata(&real).ok()?).id;
        needs.has_open(id).then(|| "a running program has some of them open".to_owned())
    }
}
