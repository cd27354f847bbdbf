//! Where the files of any model go, whatever its source: one question each, answered by the place of the part.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::bounds;
use super::hub::locks::{self, Guard};
use super::hub::place;
use super::hub::state::FileState as HubState;
use super::locked::{File, Model, Part, Place};
use super::rehash::{self, Finding, Item};
use super::sources::{self, FileState as SourceState};
use super::world::World;
use crate::fetch::{self, Artifact};
use crate::support::{delete, digest, escape};

/// What is on the disk of one file. Its bytes are not read: `verify` does that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileState {
    /// There, with the right size.
    Here,
    /// An earlier run left this many bytes of it.
    Partly(u64),
    /// Nothing of it is there.
    Missing,
    /// Something else is there under its name.
    Changed,
}

/// What brings `file`, and where to.
///
/// # Errors
/// When a name in the part is refused, or the file has no URL.
pub fn artifact(world: &World, part: &Part, file: &File, group: usize) -> Result<Artifact> {
    check(part, file)?;
    checked_artifact(world, part, file, group, is_moved(world, part, file))
}

/// Whether the names of `part` and `file` can be paths, where [`checked_artifact`] does not look at them.
///
/// # Errors
/// Which is refused.
pub fn check(part: &Part, file: &File) -> Result<()> {
    match &part.place {
        Place::Hub(hub) => Ok(place::check(hub, std::slice::from_ref(file))?),
        _ => Ok(()),
    }
}

/// Whether the bytes of `file` lie where a program opens them, and not where they are fetched to. It was [`check`]ed.
pub fn is_moved(world: &World, part: &Part, file: &File) -> bool {
    matches!(&part.place, Place::Hub(hub) if place::is_moved(hub, file, &world.homes))
}

/// What brings `file`, which was [`check`]ed, and [`is_moved`] or not: nothing is asked of the disk.
///
/// # Errors
/// When a name in a part of another source is refused, or the file has no URL.
pub fn checked_artifact(world: &World, part: &Part, file: &File, group: usize, moved: bool) -> Result<Artifact> {
    match &part.place {
        Place::Hub(hub) => {
            let token = world.credential.clone();
            let found = place::checked_artifact(hub, file, moved, &world.homes, &world.hub, token);
            Ok(Artifact { group, ..found })
        }
        other => sources::artifact(other, file, group, &world.homes)?.context("a part of the Hub"),
    }
}

/// The path under which a program finds `file`, whether it is there or not.
///
/// # Errors
/// When a name in the part is refused.
pub fn visible(world: &World, part: &Part, file: &File) -> Result<PathBuf> {
    match &part.place {
        Place::Hub(hub) => {
            place::check(hub, std::slice::from_ref(file))?;
            Ok(place::visible(hub, file, &world.homes))
        }
        other => sources::visible(other, file, &world.homes)?.context("a part of the Hub"),
    }
}

/// What is there of `file`.
///
/// # Errors
/// When a name in the part is refused.
pub fn state(world: &World, part: &Part, file: &File) -> Result<FileState> {
    let found = match &part.place {
        Place::Hub(hub) => match super::hub::state::file(hub, file, &world.homes) {
            HubState::Here => FileState::Here,
            HubState::Changed { .. } => FileState::Changed,
            HubState::Unlinked => FileState::Partly(file.size.unwrap_or(0)),
            HubState::Missing => FileState::Missing,
        },
        other => match sources::state(other, file, &world.homes)?.context("a part of the Hub")? {
            SourceState::Here => FileState::Here,
            SourceState::Changed => FileState::Changed,
            SourceState::Missing => FileState::Missing,
        },
    };
    if found != FileState::Missing {
        return Ok(found);
    }
    let resumable = fetch::resumable(&artifact(world, part, file, 0)?);
    Ok(if resumable > 0 { FileState::Partly(resumable) } else { FileState::Missing })
}

/// Makes what goes with a file that has its final name: a link from the snapshot to the blob.
///
/// # Errors
/// What the disk says.
pub fn settle(world: &World, part: &Part, file: &File) -> std::io::Result<()> {
    match &part.place {
        Place::Hub(hub) => place::settle(hub, file, &world.homes, &world.hub),
        _ => Ok(()),
    }
}

/// Makes ready what the files of `part` of `model` need before the first byte comes.
///
/// # Errors
/// That the cache cannot be written to, before anything was fetched.
pub fn prepare(world: &World, model: &Model, part: &Part) -> std::io::Result<()> {
    match &part.place {
        Place::Hub(hub) => place::prepare(hub, &world.homes, claim(world, model).as_deref()),
        other => sources::prepare(other, &world.homes),
    }
}

/// Notes that bytes of `part` were fetched, before they get their final name.
///
/// # Errors
/// What the disk says.
pub fn admit(world: &World, part: &Part, digest: &fetch::Digest) -> std::io::Result<()> {
    sources::admit(&part.place, &world.homes, digest)
}

/// Takes the lock that other programs take around `file`, where there is one.
pub fn lock(world: &World, part: &Part, file: &File) -> Option<Guard> {
    match &part.place {
        Place::Hub(hub) => Some(locks::lock(hub, file, &world.homes)),
        _ => None,
    }
}

/// The mark by which a model of this project holds its commit in the Hub's cache. One that the project does not name is not
/// held: no verb would ever let it go.
fn claim(world: &World, model: &Model) -> Option<String> {
    world.named.contains(&model.name).then(|| mark(world, &model.name))
}

fn mark(world: &World, name: &str) -> String {
    let mut name = digest::sha256(name.as_bytes());
    name.truncate(8);
    format!("{}-{name}", world.project)
}

/// Which marks go with `model`: its own, and those of this project that no model of the manifest has any more. A key that was
/// renamed leaves one, and nothing else would ever let it go.
fn marks_that_go<'a>(world: &'a World, model: &Model) -> impl Fn(&str) -> bool + use<'a> {
    let own = mark(world, &model.name);
    let kept: HashSet<String> = world.named.iter().map(|name| mark(world, name)).collect();
    let project = format!("{}-", world.project);
    move |held| held == own || (held.starts_with(&project) && !kept.contains(held))
}

/// Does what is left once every file of `model` is here: references, trusted lists, tree files.
///
/// # Errors
/// What the disk says.
pub fn finish(world: &World, model: &Model) -> Result<()> {
    for part in &model.parts {
        match &part.place {
            Place::Hub(hub) => place::finish(hub, &part.files, &world.homes, claim(world, model).as_deref())?,
            _ => sources::finish(part, &world.homes)?,
        }
    }
    Ok(())
}

/// The folder that a person thinks of as the part's own.
///
/// # Errors
/// When a name in the part is refused.
pub fn folder(world: &World, part: &Part) -> Result<Option<PathBuf>> {
    let Some(file) = part.files.first() else { return Ok(None) };
    let path = visible(world, part, file)?;
    let depth = file.path.split('/').count();
    Ok(path.ancestors().nth(depth).map(Path::to_path_buf))
}

/// Makes the name that a program opens anew, where only that is damaged and the bytes behind it are good: on a disk without
/// links the snapshot has its own copy. False where the bytes must be fetched again.
///
/// # Errors
/// What the disk says.
pub fn renew(world: &World, part: &Part, file: &File) -> Result<bool> {
    if !matches!(part.place, Place::Hub(_)) {
        return Ok(false);
    }
    bounds::check(world, &Part { place: part.place.clone(), files: vec![file.clone()].into() })?;
    let (name, blob) = (visible(world, part, file)?, artifact(world, part, file, 0)?.destination);
    if name == blob
        || std::fs::canonicalize(&name).is_ok_and(|name| std::fs::canonicalize(&blob).is_ok_and(|blob| name == blob))
    {
        return Ok(false);
    }
    let item = Item { path: blob, size: file.size, digest: file.digest };
    if !matches!(rehash::verify(&[item], 1, &|_, _| ())[..], [Finding::Good]) {
        return Ok(false);
    }
    delete::tree(&name, &world.homes.hub).with_context(|| format!("{} cannot be removed", escape::path(&name)))?;
    settle(world, part, file).with_context(|| format!("{} cannot be made", escape::path(&name)))?;
    Ok(true)
}

/// Takes away what is there of `file`, so that it is fetched again: its bytes are not what they should be.
///
/// # Errors
/// What the disk says.
pub fn discard(world: &World, part: &Part, file: &File) -> Result<()> {
    bounds::check(world, &Part { place: part.place.clone(), files: vec![file.clone()].into() })?;
    let artifact = artifact(world, part, file, 0)?;
    for path in [visible(world, part, file)?, artifact.destination] {
        let inside = match &part.place {
            Place::Hub(_) => world.homes.hub.as_path(),
            _ => world.homes.root.as_path(),
        };
        // The homes may lie outside the cache root where a variable leads there.
        let inside = if path.starts_with(inside) { inside } else { path.parent().unwrap_or(inside) };
        if std::fs::symlink_metadata(&path).is_ok() {
            delete::tree(&path, inside).with_context(|| format!("{} cannot be removed", escape::path(&path)))?;
        }
    }
    Ok(())
}

/// Gives up the project's claim to a part: its files stay, until a cleaner that nothing tells of them takes them.
///
/// # Errors
/// What the disk says.
pub fn release(world: &World, model: &Model, part: &Part) -> Result<()> {
    bounds::check(world, part)?;
    match &part.place {
        Place::Hub(hub) => Ok(super::hub::remove::release(hub, &world.homes, &marks_that_go(world, model))?),
        _ => Ok(()),
    }
}

/// Whether another project, branch, tag or program uses a part. Only the Hub's cache knows.
///
/// # Errors
/// When a name in the part is refused.
pub fn is_used(world: &World, model: &Model, part: &Part) -> Result<bool> {
    match &part.place {
        Place::Hub(hub) => {
            Ok(super::hub::remove::is_used(hub, &part.files, &world.homes, &marks_that_go(world, model))?)
        }
        _ => Ok(false),
    }
}
