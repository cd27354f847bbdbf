//! `modelstrap models path`: the local path that a program should open.

use anyhow::{Result, bail};
use std::path::PathBuf;

use super::super::context::Context;
use super::super::{Exit, Usage};
use super::Session;
use super::settle::{Ask, settle};
use crate::cli::PathArgs;
use crate::models::locked::{Model, Part, Place};
use crate::models::placement::{self, FileState};
use crate::support::escape::{self, printable};
use crate::support::nearest::nearest;

pub(super) fn run(context: &Context, arguments: &PathArgs) -> Result<Exit> {
    let session = Session::open(context)?;
    let picks = session.picks(std::slice::from_ref(&arguments.model), false)?;
    let name = printable(&arguments.model);
    let Some(pick) = picks.first().cloned() else {
        bail!("{name} is not for this machine\n  its `when` in the manifest does not hold here");
    };
    if picks.len() > 1 {
        let names: Vec<String> = picks.iter().map(|pick| printable(&pick.choice.name)).collect();
        return Err(Usage(format!("{name} means several models: {}", names.join(", "))).into());
    }
    let named = pick.in_manifest;
    let settled = settle(&session, vec![pick], Ask::Nobody, &|_| ())?;
    let Some((_, model)) = settled.models.first() else {
        if !named {
            bail!(
                "the manifest does not name {name}, so nobody noted which files it has\n  run `modelstrap models add {name}`"
            );
        }
        bail!("{name} is not locked, so nobody knows which files it has\n  run `modelstrap models download {name}`");
    };
    let path = match &arguments.file {
        Some(file) => one_file(&session, model, file)?,
        None => whole(&session, model)?,
    };
    let Some(path) = path else {
        let which =
            arguments.file.as_ref().map_or_else(|| name.clone(), |file| format!("{} of {name}", printable(file)));
        bail!("{which} is not here\n  run `modelstrap models download {name}`");
    };
    let Some(text) = path.to_str() else {
        bail!("{} is not valid UTF-8 and cannot be printed", escape::path(&path));
    };
    context.output.exact(format!("{text}\n"))?;
    Ok(Exit::Done)
}

fn one_file(session: &Session<'_>, model: &Model, wanted: &str) -> Result<Option<PathBuf>> {
    let wanted = wanted.trim_start_matches("./");
    let found =
        model.parts.iter().find_map(|part| part.files.iter().find(|file| file.path == wanted).map(|file| (part, file)));
    let Some((part, file)) = found else {
        let all = model.parts.iter().flat_map(|part| &part.files).map(|file| file.path.as_str());
        let hint =
            nearest(wanted, all).map_or_else(String::new, |path| format!("\n  the nearest is {}", printable(path)));
        bail!("{} has no file {}{hint}", printable(&model.name), printable(wanted));
    };
    let here = placement::state(&session.world, part, file)? == FileState::Here;
    Ok(if here { Some(placement::visible(&session.world, part, file)?) } else { None })
}

/// One file's own path, a repository's folder; of several parts, the first.
fn whole(session: &Session<'_>, model: &Model) -> Result<Option<PathBuf>> {
    for part in &model.parts {
        for file in &part.files {
            if placement::state(&session.world, part, file)? != FileState::Here {
                return Ok(None);
            }
        }
    }
    match model.parts.first() {
        Some(Part { place: Place::Files { .. } | Place::Wheel { .. }, files }) if files.len() == 1 => {
            Ok(Some(placement::visible(&session.world, &model.parts[0], &files[0])?))
        }
        Some(part) => placement::folder(&session.world, part),
        None => Ok(None),
    }
}
