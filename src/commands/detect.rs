//! `modelstrap detect`: what this machine is, and what it should run.

use anyhow::{Context as _, Result};
use serde_json::json;

use super::Exit;
use super::context::Context;
use crate::cli::DetectArgs;
use crate::platform::recommend::recommend;
use crate::platform::{self, Options, Probe};
use crate::project::answers::Answers;
use crate::setup::{Layout, Overrides};
use crate::support::{escape, paths};
use crate::ui::card;

pub(super) fn run(context: &Context, arguments: &DetectArgs) -> Result<Exit> {
    let probe = probe(context, arguments.from.as_deref())?;
    if let Some(folder) = &arguments.dump {
        let folder = paths::absolute(&context.start()?, folder);
        platform::dump::dump(&probe, &folder)?;
        context.output.say(format!(
            "Wrote what detection reads to {}. Look through it before you share it:\n  it should hold nothing personal. `modelstrap detect --from DIR` reads it again.",
            escape::path(&folder)
        ));
        return Ok(Exit::Done);
    }
    let disk_at = if probe.is_live() { disk(context) } else { None };
    let facts = platform::detect(&probe, &Options { disk_at, run_pythons: arguments.python });
    let settings = recommend(&facts);
    if context.global.json {
        let document = json!({"schema": "modelstrap.detect/1", "facts": facts, "recommended_settings": settings});
        context.output.document(format!("{document:#}\n"))?;
    } else {
        context.output.result(card::render(&facts, &settings, context.output.colour_out, context.output.width))?;
    }
    Ok(Exit::Done)
}

/// This machine, or the one that was recorded in `from`.
pub(super) fn probe(context: &Context, from: Option<&std::path::Path>) -> Result<Probe> {
    match from {
        Some(folder) => {
            let folder = paths::absolute(&context.start()?, folder);
            Probe::recorded(&folder)
                .with_context(|| format!("{} is no folder that `detect --dump` made", escape::path(&folder)))
        }
        None => Ok(Probe::live(context.vars.clone())),
    }
}

/// The disk that matters: where the project's cache is, or the folder asked about when there is no sound project.
fn disk(context: &Context) -> Option<std::path::PathBuf> {
    let start = context.start().ok()?;
    let cache = context.project().ok().and_then(|project| {
        let answers = Answers::load(&project.state_folder());
        Layout::settle(&project, &answers, &Overrides::default(), &context.vars, context.os).ok()
    });
    Some(cache.map_or(start, |layout| layout.cache_root))
}
