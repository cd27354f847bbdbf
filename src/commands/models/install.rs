//! Puts models that are Python packages into the environments that the manifest names.

use std::path::Path;

use super::session::Session;
use crate::models::bring::Brought;
use crate::models::locked::{File, Model, Place};
use crate::models::sources::wheel;
use crate::support::escape::printable;

/// Installs what is a package. A model whose package could not be installed is not whole.
pub(super) fn install(session: &Session<'_>, brought: &mut [Brought]) {
    for one in brought.iter_mut().filter(|one| one.is_whole()) {
        one.unfinished = all_of(session, &one.model).err();
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
    if wheel::install(file, homes, folder).map_err(|error| format!("{error:#}"))? {
        let (package, version) = wheel::parts(&file.path).map_err(|error| error.to_string())?;
        let (package, version, name) = (printable(package), printable(version), printable(name));
        session.context.output.say(format!("Installed {package} {version} into {name} ({}).", session.shown(folder)));
    }
    Ok(())
}

/// Where the environment is, if it is there.
fn folder<'s>(session: &'s Session<'_>, name: &str) -> Option<&'s Path> {
    let known = session.world.environments.iter().find(|(known, _)| known == name);
    known.map(|(_, path)| path.as_path()).filter(|folder| folder.is_dir())
}
