//! `modelstrap models remove`: takes models out of the manifest and the lock, and with `--purge` out of the cache.

use anyhow::{Result, anyhow};

use super::super::context::Context;
use super::super::{Exit, Usage};
use super::Session;
use super::add::{manifest_text, write};
use super::settle::merged;
use crate::cli::RemoveArgs;
use crate::models::locked::{File, Model, Part, Place};
use crate::models::placement;
use crate::project::{Manifest, manifest_edit};
use crate::support::escape::{self, printable};
use crate::support::interrupt::{self, Interrupted};
use crate::support::units;
use crate::ui::prompts::Prompts;

pub(super) fn run(context: &Context, arguments: &RemoveArgs) -> Result<Exit> {
    interrupt::watch();
    let session = Session::open(context)?;
    let (path, before) = manifest_text(&session.project)?;
    let mut text = before.clone();
    let (mut gone, mut would): (Vec<Model>, Vec<String>) = (Vec::new(), Vec::new());
    for key in &arguments.models {
        let edited =
            manifest_edit::remove(&text, key).map_err(|problem| anyhow!("{}: {problem}", escape::path(&path)))?;
        let Some(edited) = edited else {
            let keys: Vec<String> = session.project.manifest.models.iter().map(|(key, _)| printable(key)).collect();
            let known =
                if keys.is_empty() { "it names none".to_owned() } else { format!("it names {}", keys.join(", ")) };
            return Err(Usage(format!("the manifest has no model {}; {known}", printable(key))).into());
        };
        text = edited;
        let names = session.requests.iter().filter(|request| request.key == *key);
        let names: Vec<&str> = names.flat_map(|one| &one.choices).map(|choice| choice.name.as_str()).collect();
        let locked = session.lock.iter().flat_map(|lock| &lock.models);
        let locked: Vec<Model> = locked.filter(|model| names.contains(&model.name.as_str())).cloned().collect();
        if locked.is_empty() {
            would.push(format!("{} would leave the manifest; it is not locked", printable(key)));
        }
        let files = if arguments.purge { ", and its files the cache" } else { "" };
        would.extend(
            locked
                .iter()
                .map(|model| format!("{} would leave the manifest and the lock{files}", printable(&model.name))),
        );
        gone.extend(locked);
    }
    if arguments.consent.dry_run {
        would.iter().for_each(|line| context.output.say(line));
        return Ok(Exit::Done);
    }
    if arguments.purge {
        consent(context, arguments, &gone)?;
    }
    let manifest = Manifest::parse(&text).map_err(|problem| anyhow!("{}{problem}", escape::path(&path)))?;
    let mut after = Session::open_with(context, manifest)?;
    let lock = merged(&after, &[]);
    let mut files = vec![(path, text)];
    if after.lock.is_some() {
        files.push((after.lock_path(), lock.render()));
        after.lock = Some(lock.clone());
    }
    write(context, &session.project, &files, "models remove")?;
    let needed: Vec<&Part> = lock.models.iter().flat_map(|model| &model.parts).collect();
    if arguments.purge {
        purge(&after, &gone, &needed)?
    } else {
        release(&after, &gone)?
    }
    Ok(Exit::Done)
}

fn consent(context: &Context, arguments: &RemoveArgs, gone: &[Model]) -> Result<()> {
    if arguments.consent.yes || gone.is_empty() {
        return Ok(());
    }
    if !context.can_ask() {
        return Err(
            Usage("`--purge` deletes files, and there is no terminal to ask on\n  give `--yes`".to_owned()).into()
        );
    }
    let names: Vec<String> = gone.iter().map(|model| printable(&model.name)).collect();
    match Prompts::new(&context.output).yes(&format!("Delete the files of {}?", names.join(", ")))? {
        true => Ok(()),
        false => Err(Interrupted("left; nothing was changed".to_owned()).into()),
    }
}

/// Whether a model that stays has its files in the same place: of the Hub, the same commit, of which it may be a smaller part.
fn is_needed(part: &Part, needed: &[&Part]) -> bool {
    needed.iter().any(|other| match (&other.place, &part.place) {
        (Place::Hub(other), Place::Hub(own)) => {
            (other.repo_type, &other.repo, &other.commit) == (own.repo_type, &own.repo, &own.commit)
        }
        // One folder holds every model of openai-whisper: what counts there is the file.
        (place, own) => {
            let same = |file: &File| part.files.iter().any(|own| (&own.path, &own.url) == (&file.path, &file.url));
            place == own && other.files.iter().any(same)
        }
    })
}

/// Gives up the project's claims, so that `hf cache prune` may take what nobody else names. The files stay.
fn release(session: &Session<'_>, gone: &[Model]) -> Result<()> {
    let parts = gone.iter().flat_map(|model| model.parts.iter().map(move |part| (model, part)));
    parts.into_iter().try_for_each(|(model, part)| placement::release(&session.world, model, part))
}

/// Deletes what no other model of this project needs and no other project claims.
fn purge(session: &Session<'_>, gone: &[Model], needed: &[&Part]) -> Result<()> {
    let mut freed = 0;
    for model in gone {
        for part in &model.parts {
            if is_needed(part, needed) {
                placement::release(&session.world, model, part)?;
                session
                    .context
                    .output
                    .say(format!("{}: another model of the project needs its files", printable(&model.name)));
                continue;
            }
            match placement::remove(&session.world, model, part)? {
                Some(bytes) => freed += bytes,
                None => session
                    .context
                    .output
                    .say(format!("{}: another project or branch uses its files; they stay", printable(&model.name))),
            }
        }
    }
    session.context.output.say(format!("{} freed.", units::bytes(freed)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::locked::FilesHome;

    #[test]
    fn a_whisper_does_not_keep_another_one_in_the_same_folder() {
        let file = |path: &str| File { path: path.to_owned(), size: None, digest: None, url: None };
        let part =
            |path: &str| Part { place: Place::Files { home: FilesHome::Whisper }, files: vec![file(path)].into() };
        assert!(!is_needed(&part("tiny.pt"), &[&part("base.pt")]));
        assert!(is_needed(&part("tiny.pt"), &[&part("base.pt"), &part("tiny.pt")]));
    }
}
