//! `modelstrap models export`: a bill of materials of the locked models.

use anyhow::{Context as _, Result, bail};

use super::super::Exit;
use super::super::context::Context;
use super::Session;
use crate::catalogue::models as catalogue;
use crate::cli::ExportArgs;
use crate::models::export::cyclonedx::{Listed, render};
use crate::support::{atomic, escape, time};

pub(super) fn run(context: &Context, arguments: &ExportArgs) -> Result<Exit> {
    let session = Session::open(context)?;
    let Some(lock) = &session.lock else {
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
            let path = context.start()?.join(path);
            atomic::replace(&path, text.as_bytes(), None, &session.project.tag())
                .with_context(|| format!("{} cannot be written", escape::path(&path)))?;
            context.output.say(format!("Wrote {}.", session.shown(&path)));
        }
        None => context.output.result(text)?,
    }
    Ok(Exit::Done)
}
