//! Which files stay when a model is removed: what the project's other models need, and what others do.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::others::Others;
use crate::models::locked::{Model, Part, Place};
use crate::models::placement;
use crate::models::world::World;

/// What the models that stay need.
pub(super) struct Needed<'a> {
    parts: Vec<&'a Part>,
    /// Files outside the Hub, in lower case: some disks know no other.
    paths: HashSet<String>,
    others: Option<&'a Others>,
}

impl<'a> Needed<'a> {
    /// By the models that stay, and the others.
    pub(super) fn by(world: &World, models: &'a [Model], others: Option<&'a Others>) -> Result<Self> {
        let parts: Vec<&Part> = models.iter().flat_map(|model| &model.parts).collect();
        let mut paths = HashSet::new();
        for part in parts.iter().filter(|part| !matches!(part.place, Place::Hub(_))) {
            paths.extend(files_of(world, part)?.iter().map(|path| in_lower_case(path)));
        }
        Ok(Self { parts, paths, others })
    }

    /// Whether a model that stays has its files in the same place: of the Hub, the same commit, of which it may be a smaller
    /// part. Elsewhere what counts is the file, whatever address it comes from.
    pub(super) fn has(&self, world: &World, part: &Part) -> Result<bool> {
        let Place::Hub(own) = &part.place else {
            return Ok(files_of(world, part)?.iter().any(|path| self.paths.contains(&in_lower_case(path))));
        };
        Ok(self.parts.iter().any(|other| {
            matches!(&other.place, Place::Hub(other)
                if (other.repo_type, &other.repo, &other.commit) == (own.repo_type, &own.repo, &own.commit))
        }))
    }

    /// Why the files of `part` stay.
    pub(super) fn keeps(&self, world: &World, model: &Model, part: &Part) -> Result<Option<Stays>> {
        if self.has(world, part)? {
            return Ok(Some(Stays::Own));
        }
        let why = self.others.map(|others| others.keep(world, part)).transpose()?.flatten();
        if why.is_some() {
            return Ok(why.map(Stays::Needed));
        }
        let used = placement::is_used(world, model, part)?;
        Ok(used.then_some(Stays::Used))
    }
}

/// Why files stay.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stays {
    /// For another model of the project.
    Own,
    /// For somebody of whom the Hub's cache knows.
    Used,
    /// For whom this says.
    Needed(String),
}

impl fmt::Display for Stays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => f.write_str("another model of the project needs its files; they stay"),
            Self::Used => f.write_str("another project, branch or program uses its files; they stay"),
            Self::Needed(why) => write!(f, "its files stay: {why}"),
        }
    }
}

/// The files of `part` as programs open them.
pub(super) fn files_of(world: &World, part: &Part) -> Result<Vec<PathBuf>> {
    part.files.iter().map(|file| placement::visible(world, part, file)).collect()
}

fn in_lower_case(path: &Path) -> String {
    path.to_string_lossy().to_lowercase()
}
