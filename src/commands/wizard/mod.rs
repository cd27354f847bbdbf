//! The questions of `modelstrap setup` on a terminal: where, which libraries, which models, which shells. Short, each with a default.

pub(super) mod models;

use anyhow::Result;

use super::context::Context;
use crate::catalogue;
use crate::platform::{disk, home};
use crate::project::Project;
use crate::project::answers::Answers;
use crate::setup::parts::profile;
use crate::setup::{Layout, Overrides, cache_root};
use crate::support::{paths, units};
use crate::ui::prompts::Prompts;
use crate::ui::text;

/// Asks what flags did not say, and gives the answers that differ from the manifest.
pub(super) fn ask(context: &Context, project: &Project, overrides: &Overrides, given: &Answers) -> Result<Answers> {
    let prompts = Prompts::new(&context.output);
    let mut answers = given.clone();
    let default = |answers: &Answers| Layout::settle(project, answers, overrides, &context.vars, context.os);
    if overrides.cache_dir.is_none() {
        answers.cache_dir = place(context, project, &default(&answers)?, &prompts)?;
    }
    if overrides.libraries.is_none() {
        answers.libraries = libraries(&default(&answers)?, project, &prompts)?;
    }
    if answers.profile.is_none() && project.manifest.setup.profile.is_none() {
        answers.profile = Some(shells(context, project, &prompts)?);
    }
    if answers.link_whisper.is_none() && !project.manifest.cache.link_whisper {
        answers.link_whisper = link(context, project, &default(&answers)?, &prompts)?;
    }
    Ok(answers)
}

/// Asks which of the offered models to download; `None` where there is nothing to offer.
pub(super) fn models(context: &Context, offers: &[models::Offer]) -> Result<Option<Vec<usize>>> {
    if offers.is_empty() {
        return Ok(None);
    }
    models::ask(offers, &Prompts::new(&context.output)).map(Some)
}

fn place(context: &Context, project: &Project, current: &Layout, prompts: &Prompts) -> Result<Option<String>> {
    let manifest = project.manifest.cache.base_dir.as_deref();
    let home = home::home_dir(&context.vars, context.os);
    let mut choices = vec![current.base_dir.clone()];
    choices.extend([manifest.unwrap_or(".cache").to_owned(), cache_root::USER.to_owned()]);
    let mut seen: Vec<String> = Vec::new();
    choices.retain(|choice| {
        !seen.contains(choice) && {
            seen.push(choice.clone());
            true
        }
    });
    let places: Vec<(String, String)> = choices
        .iter()
        .map(|choice| {
            let Ok(path) = cache_root::resolve(choice, &project.root, home.as_deref(), &context.vars, context.os)
            else {
                return (choice.clone(), String::new());
            };
            let free =
                disk::free_space(&path).map_or_else(String::new, |free| format!(" · {} free", units::bytes(free)));
            let what = match choice == cache_root::USER {
                true => "one cache for all your projects",
                false if path.starts_with(&project.root) => "this project's own",
                false => "where it is now",
            };
            (paths::friendly(&project.root, home.as_deref(), &path), format!("{what}{free}"))
        })
        .collect();
    let mut items = text::columns(&places);
    items.push("another folder …".to_owned());
    let picked = prompts.one("Where should the models be kept?", &items, 0)?;
    let chosen = match choices.get(picked) {
        Some(choice) => choice.clone(),
        None => loop {
            let text = prompts.text("Folder")?;
            match cache_root::resolve(text.trim(), &project.root, home.as_deref(), &context.vars, context.os) {
                Ok(_) => break text.trim().to_owned(),
                Err(error) => context.output.error(format!("{error:#}")),
            }
        },
    };
    Ok((chosen != manifest.unwrap_or(".cache")).then_some(chosen))
}

fn libraries(current: &Layout, project: &Project, prompts: &Prompts) -> Result<Option<Vec<String>>> {
    let chosen: Vec<&str> = current.libraries.iter().map(|library| library.id).collect();
    let mut ids = chosen.clone();
    let common = [
        "huggingface",
        "torch",
        "mlx",
        "openai-whisper",
        "faster-whisper",
        "whisperx",
        "pyannote-audio-3",
        "spacy",
        "nltk",
        "tiktoken",
    ];
    ids.extend(common.into_iter().filter(|id| !chosen.contains(id) && catalogue::library(id).is_some()));
    let known = ids.iter().filter_map(|id| catalogue::library(id));
    let items =
        text::columns(&known.map(|library| (library.id.to_owned(), library.name.to_owned())).collect::<Vec<_>>());
    let marks: Vec<bool> = ids.iter().map(|id| chosen.contains(id)).collect();
    let picked = prompts.some("Which libraries does the project use?  space marks, enter goes on", &items, &marks)?;
    let picked: Vec<String> =
        picked.into_iter().filter_map(|index| ids.get(index)).map(|id| (*id).to_owned()).collect();
    let manifest = project.manifest.cache.libraries.clone();
    let usual = manifest.unwrap_or_else(|| catalogue::DEFAULT_LIBRARIES.iter().map(|id| (*id).to_owned()).collect());
    Ok((picked != usual).then_some(picked))
}

/// openai-whisper reads no variable of its own. Where its folder is taken already, there is nothing to offer.
fn link(context: &Context, project: &Project, current: &Layout, prompts: &Prompts) -> Result<Option<bool>> {
    let link = current.whisper_link(&context.vars).filter(|link| link.at.symlink_metadata().is_err());
    let Some(link) = link else { return Ok(None) };
    let shown = paths::friendly(&project.root, current.home.as_deref(), &link.at);
    let items = [
        "no   only `modelstrap run` leads it into the cache".to_owned(),
        format!("yes  make {shown} a link into the cache"),
    ];
    Ok(Some(prompts.one("Should openai-whisper use the cache everywhere?", &items, 0)? == 1))
}

fn shells(context: &Context, project: &Project, prompts: &Prompts) -> Result<String> {
    let Some(home) = home::home_dir(&context.vars, context.os) else { return Ok(profile::NONE.to_owned()) };
    let files = profile::in_use(&home, &context.vars, context.os);
    if files.is_empty() {
        return Ok(profile::NONE.to_owned());
    }
    let names: Vec<String> = files.iter().map(|file| paths::friendly(&project.root, Some(&home), &file.path)).collect();
    let items = [
        "no   `modelstrap run`, the hook and .env are enough".to_owned(),
        format!("yes  one block in {}", names.join(", ")),
    ];
    let picked = prompts.one("Should new shells load the variables by themselves?", &items, 0)?;
    Ok(if picked == 1 { profile::AUTO } else { profile::NONE }.to_owned())
}
