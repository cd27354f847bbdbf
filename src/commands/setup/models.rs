//! The last step of setup: the models. What fails here leaves the setup done.

use anyhow::Result;

use super::super::Usage;
use super::super::context::Context;
use super::super::models::{Session, Wish, deliver, name_in_manifest};
use super::super::wizard;
use crate::catalogue::models as catalogue;
use crate::cli::{SetupArgs, Transfer};
use crate::commands::wizard::models::Offer;
use crate::models::request;
use crate::platform::Facts;
use crate::platform::recommend::Settings;
use crate::project::Project;
use crate::project::answers::Answers;
use crate::setup::Layout;

/// How the models' step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// No model was wanted.
    Skipped,
    /// Every needed model is here.
    Whole,
    /// So many needed models are not.
    Missing(usize),
}

/// Which models a setup downloads.
#[derive(Debug, Clone, Default)]
pub(super) struct Choice {
    /// Names or specs; all of the manifest when empty.
    pub(super) words: Vec<String>,
    /// Specs that the person chose and the manifest does not name yet.
    pub(super) new: Vec<String>,
}

/// Downloads what flags, the person and the manifest ask for.
///
/// # Errors
/// When nothing could be begun, or the person stopped it.
pub(super) fn download(context: &Context, arguments: &SetupArgs, answers: &Answers, choice: &Choice) -> Result<Ended> {
    if arguments.skips_models(&context.vars) {
        return Ok(Ended::Skipped);
    }
    let project = context.project()?;
    if !choice.new.is_empty() {
        name_in_manifest(context, &project, &choice.new)?;
    }
    let session = Session::open(context)?;
    let words = words(arguments, answers, choice, &session);
    if words.is_empty() && (session.requests.is_empty() || answers.models_left_out.is_some()) {
        return Ok(Ended::Skipped);
    }
    let transfer =
        Transfer { max_workers: arguments.max_workers, limit_rate: None, allow_pickle: arguments.allow_pickle };
    let delivered = deliver(&session, &Wish { words, transfer, ..Wish::default() })?;
    Ok(match delivered.missing {
        0 => Ended::Whole,
        missing => Ended::Missing(missing),
    })
}

/// Refuses words of `--models` that mean nothing, before anything is done.
///
/// # Errors
/// With the nearest name.
pub(super) fn check(context: &Context, arguments: &SetupArgs, project: &Project) -> Result<()> {
    if arguments.skips_models(&context.vars) {
        return Ok(());
    }
    let words: Vec<&String> = arguments.models.iter().flatten().filter(|word| !word.trim().is_empty()).collect();
    if words.is_empty() {
        return Ok(());
    }
    let known = super::super::models::known();
    let requests = request::of_manifest(&project.manifest, &known)?;
    let chosen = request::select(&words, &requests, &known);
    chosen.map(drop).map_err(|error| Usage(format!("--models: {error}")).into())
}

/// The flag's models, else those that the person did not leave out.
pub(super) fn words(arguments: &SetupArgs, answers: &Answers, choice: &Choice, session: &Session<'_>) -> Vec<String> {
    let given = arguments.models.iter().flatten().filter(|word| !word.trim().is_empty());
    let given: Vec<String> = given.chain(&choice.words).cloned().collect();
    if !given.is_empty() {
        return given;
    }
    let Some(left_out) = &answers.models_left_out else { return Vec::new() };
    let names = session.requests.iter().map(|request| request.name.clone());
    names.filter(|name| !left_out.contains(name)).collect()
}

/// Asks which models to download, and notes in `answers` which of the manifest's are left out on this machine.
///
/// # Errors
/// When the manifest's models cannot be understood, or the person leaves.
pub(super) fn ask(
    context: &Context,
    project: &Project,
    layout: &Layout,
    facts: &Facts,
    settings: &Settings,
    answers: &mut Answers,
) -> Result<Choice> {
    let (names, offers): (Vec<String>, Vec<Offer>) = offers(project, layout, facts, settings)?.into_iter().unzip();
    let Some(picked) = wizard::models(context, &offers)? else { return Ok(Choice::default()) };
    let in_manifest = !project.manifest.models.is_empty();
    let (mut taken, mut left) = (Vec::new(), Vec::new());
    for (at, name) in names.into_iter().enumerate() {
        if picked.contains(&at) { taken.push(name) } else { left.push(name) }
    }
    if !in_manifest {
        return Ok(Choice { words: Vec::new(), new: taken });
    }
    answers.models_left_out = (!left.is_empty()).then_some(left);
    Ok(Choice { words: taken, new: Vec::new() })
}

/// What the wizard offers: the manifest's models; without any, the well-known ones that the project's libraries read and
/// that are made for a machine like this.
fn offers(project: &Project, layout: &Layout, facts: &Facts, settings: &Settings) -> Result<Vec<(String, Offer)>> {
    let requests = request::of_manifest(&project.manifest, &super::super::models::known())?;
    let mut offers = Vec::new();
    for request in &requests {
        let Some(choice) = request.chosen(facts) else { continue };
        let spec = choice.spec.to_string();
        let known = catalogue::find(&spec);
        let fits = known.is_none_or(|known| fits(known, settings));
        let offer = Offer {
            name: request.name.clone(),
            size: known.and_then(|known| known.size),
            note: if request.gated { format!("{spec} · gated") } else { spec },
            fits,
            chosen: fits,
        };
        offers.push((request.name.clone(), offer));
    }
    if requests.is_empty() {
        offers.extend(layout.libraries.iter().filter_map(|library| {
            // Among the usual libraries whatever the machine is.
            if library.id == "mlx" && !facts.has_mlx() {
                return None;
            }
            let known = catalogue::whisper_for(settings, library.id)?;
            let note = format!("{} · the largest that fits here", known.reader);
            let offer = Offer { name: known.name.to_owned(), size: known.size, note, fits: true, chosen: false };
            Some((known.spec.to_owned(), offer))
        }));
    }
    Ok(offers)
}

/// Whether a Whisper is no larger than the largest that this machine should run; of other models nobody knows.
fn fits(known: &catalogue::Known, settings: &Settings) -> bool {
    let (Some(size), true) = (known.size, known.whisper.is_some()) else { return true };
    match catalogue::whisper_for(settings, known.reader).and_then(|largest| largest.size) {
        Some(largest) => size <= largest,
        None => settings.whisper_model.value.is_some(),
    }
}
