//! `modelstrap models export`: a bill of materials of the locked models.

use anyhow::{Context as _, Result, bail};

use super::super::context::Context;
use super::super::{Exit, Usage};
use super::Session;
use crate::catalogue::models as catalogue;
use crate::cli::ExportArgs;
use crate::models::export::cyclonedx::{Listed, render};
use crate::support::{atomic, escape, time};

pub(super) fn run(context: &Context, arguments: &ExportArgs) -> Result<Exit> {
    let session = Session::open(context)?;
    let Some(lock) = &session.lock else {
        if session.requests.is_empty() {
            bail!("the manifest names no models: there is nothing to export");
        }
        bail!("there is no {}\n  run `modelstrap models lock` first", session.shown(&session.lock_path()));
    };
    let listed: Vec<Listed<'_>> = lock
        .models
        .iter()
        .map(|model| Listed { model, licence: catalogue::find(&model.spec).and_then(|known| known.license) })
        .collect();
    // Only where somebody asks for reproducible times is there one: the same lock gives the same bytes.
    let timestamp = context.vars.text("SOURCE_DATE_EPOCH").map(|_| time::now(&context.vars));
    let text = render(&listed, &session.world.hub.endpoint, timestamp.as_deref())?;
    match &arguments.output {
        Some(path) => {
            let given = path;
            let path = context.start()?.join(given);
            if path.is_dir() {
                let given = escape::path(given);
                return Err(Usage(format!(
                    "`--output {given}` is a folder\n  give the name of a file, as in `--output {given}/models.cdx.json`"
                ))
                .into());
            }
            atomic::replace(&path, text.as_bytes(), None, &session.project.tag())
                .with_context(|| format!("{} cannot be written", escape::path(&path)))?;
            context.output.say(format!("Wrote {}.", session.shown(&path)));
        }
        None => context.output.document(text)?,
    }
    Ok(Exit::Done)
}
