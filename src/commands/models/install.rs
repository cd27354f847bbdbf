//! Puts models that are Python packages into the environments that the manifest names.

use std::path::Path;

use anyhow::Result;

use super::session::Session;
use crate::environments::packages;
use crate::models::bring::Brought;
use crate::models::locked::{File, Model, Place};
use crate::models::placement;
use crate::models::sources::wheel;
use crate::support::escape::{self, printable};
use crate::support::paths;

/// Takes away the wheels that would be installed now and that this machine has not fetched, so that they are fetched: a project
/// from somebody else can bring its own. Without a network they stay, and are not installed.
///
/// # Errors
/// What the disk says.
pub(super) fn distrust<'m>(session: &Session<'_>, models: impl IntoIterator<Item = &'m Model>) -> Result<()> {
    if session.context.global.offline || session.world.hub.offline {
        return Ok(());
    }
    let homes = &session.world.homes;
    for part in models.into_iter().flat_map(|model| &model.parts) {
        let Place::Wheel { environment: Some(name) } = &part.place else { continue };
        let Some(folder) = folder(session, name) else { continue };
        for file in &part.files {
            // What cannot be looked at is told by who installs it.
            if wheel::is_installed(file, folder).unwrap_or(true) || wheel::is_vouched(file, homes).unwrap_or(true) {
                continue;
            }
            let name = printable(&file.path);
            session.context.output.tell(format!("{name} was not fetched by this machine, so it is fetched again"));
            placement::discard(&session.world, part, file)?;
        }
    }
    Ok(())
}

/// Installs what is a package. A model whose package could not be installed is not whole.
pub(super) fn install<'m>(session: &Session<'_>, wanted: impl IntoIterator<Item = &'m Model>, brought: &mut [Brought]) {
    for (wanted, one) in wanted.into_iter().zip(brought.iter_mut()) {
        unlearn(session, wanted, one);
    }
    for one in brought.iter_mut().filter(|one| one.is_whole()) {
        one.unfinished = all_of(session, &one.model).err();
    }
}

/// Forgets the digest of a wheel that only lay there: the lock must not take it from who brought the wheel.
fn unlearn(session: &Session<'_>, wanted: &Model, one: &mut Brought) {
    let strange = |file: &File| !wheel::is_vouched(file, &session.world.homes).is_ok_and(|vouched| vouched);
    for (before, part) in wanted.parts.iter().zip(&mut one.model.parts) {
        let learnt = matches!(part.place, Place::Wheel { .. }) && before.files != part.files;
        if learnt && part.files.iter().any(strange) {
            part.files = before.files.clone();
        }
    }
}

fn all_of(session: &Session<'_>, model: &Model) -> Result<(), String> {
    for part in &model.parts {
        let Place::Wheel { environment: Some(name) } = &part.place else { continue };
        let Some(folder) = folder(session, name) else {
            session.context.output.warn(format!(
                "{}: the environment {} does not exist yet, so the package is only in the cache\n  create it and run this again",
                printable(&model.name),
                printable(name)
            ));
            continue;
        };
        part.files.iter().try_for_each(|file| one(session, file, name, folder))?;
    }
    Ok(())
}

fn one(session: &Session<'_>, file: &File, name: &str, folder: &Path) -> Result<(), String> {
    let homes = &session.world.homes;
    let vouched = || wheel::is_vouched(file, homes).is_ok_and(|vouched| vouched);
    // The first question is of the wheel: nobody is told to install by hand what may have come with the project.
    if !is_inside(session, folder) && !wheel::is_installed(file, folder).is_ok_and(|there| there) && vouched() {
        return Err(format!(
            "the environment {} lies outside the project, which may come from somebody else, so nothing is installed there\n  \
             install it yourself: {} -m pip install --no-deps {}",
            escape::path(folder),
            escape::path(&packages::python(folder)),
            wheel::visible(file, homes).map_or_else(|_| String::new(), |wheel| escape::path(&wheel)),
        ));
    }
    if wheel::install(file, homes, folder).map_err(|error| format!("{error:#}"))? {
        let (package, version) = wheel::parts(&file.path).map_err(|error| error.to_string())?;
        let (package, version, name) = (printable(package), printable(version), printable(name));
        session.context.output.say(format!("Installed {package} {version} into {name} ({}).", session.shown(folder)));
    }
    Ok(())
}

/// Whether the environment really lies in the project.
fn is_inside(session: &Session<'_>, folder: &Path) -> bool {
    let root = paths::real_place(&session.project.root);
    paths::real_place(folder).zip(root).is_some_and(|(folder, root)| folder.starts_with(root))
}

/// Where the environment is, if it is there.
fn folder<'s>(session: &'s Session<'_>, name: &str) -> Option<&'s Path> {
    let known = session.world.environments.iter().find(|(known, _)| known == name);
    known.map(|(_, path)| path.as_path()).filter(|folder| folder.is_dir())
}
