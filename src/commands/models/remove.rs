//! `modelstrap models remove`: takes models out of the manifest and the lock, and with `--purge` out of the cache.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};

use super::super::context::Context;
use super::super::{Exit, Usage};
use super::add::{key_for, manifest_text, write};
use super::settle::merged;
use super::{Session, known};
use crate::cli::RemoveArgs;
use crate::models::locked::{Model, Part, Place};
use crate::models::placement::FileState;
use crate::models::request::{self, Request};
use crate::models::spec::Spec;
use crate::models::world::World;
use crate::models::{bounds, placement};
use crate::project::{Manifest, manifest_edit};
use crate::support::escape::{self, printable};
use crate::support::interrupt::{self, Interrupted};
use crate::support::{paths, units};
use crate::ui::prompts::Prompts;

pub(super) fn run(context: &Context, arguments: &RemoveArgs) -> Result<Exit> {
    interrupt::watch();
    let session = Session::open(context)?;
    let (path, mut text) = manifest_text(&session.project)?;
    let (mut gone, mut would): (Vec<Model>, Vec<String>) = (Vec::new(), Vec::new());
    for word in &arguments.models {
        let found = taken_out(&session, &path, &text, word, arguments.purge)?;
        text = found.text;
        let locked = session.lock.iter().flat_map(|lock| &lock.models);
        let locked: Vec<Model> = locked.filter(|model| found.names.contains(&model.name)).cloned().collect();
        if locked.is_empty() {
            would.push(format!("{} would leave the manifest; it is not locked", printable(word)));
        }
        gone.extend(locked);
    }
    let manifest = Manifest::parse(&text).map_err(|problem| anyhow!("{}{problem}", escape::path(&path)))?;
    let mut after = Session::open_with(context, manifest)?;
    let lock = merged(&after, &[]);
    let needed = Needed::by(&after.world, &lock.models)?;
    // Before anything is written: what is refused leaves the manifest and the lock as they were.
    if arguments.purge {
        refuse_purge(&after, &gone, &needed, arguments.force)?;
    }
    if arguments.consent.dry_run {
        for model in &gone {
            let mut goes = arguments.purge;
            for part in model.parts.iter().filter(|_| arguments.purge) {
                goes &= needed.keeps(&after.world, model, part)?.is_none();
            }
            let files = match (arguments.purge, goes) {
                (false, _) => "",
                (_, true) => ", and its files the cache",
                (_, false) => "; its files are used elsewhere and stay",
            };
            would.push(format!("{} would leave the manifest and the lock{files}", printable(&model.name)));
        }
        would.iter().for_each(|line| context.output.say(line));
        return Ok(Exit::Done);
    }
    if arguments.purge {
        consent(&after, arguments, &gone, &needed)?;
    }
    let mut files = vec![(path, text)];
    if after.lock.is_some() {
        files.push((after.lock_path(), lock.render()));
        after.lock = Some(lock.clone());
    }
    write(context, &session.project, &files, "models remove")?;
    if arguments.purge {
        purge(&after, &gone, &needed)?;
    } else {
        release(&after, &gone);
        tell_what_stays(&after, &gone, &needed)?;
    }
    Ok(Exit::Done)
}

/// A manifest without what a word means.
struct TakenOut {
    text: String,
    /// What the lock calls it.
    names: Vec<String>,
}

/// The manifest `text` without the key `word`, or without the one source of a list that is called so, or that is this source.
fn taken_out(session: &Session<'_>, path: &Path, text: &str, word: &str, purge: bool) -> Result<TakenOut> {
    let by_name = |request: &&Request| request.key == word || request.name == word;
    let spec = Spec::parse(word, known().find).ok();
    let by_spec = |request: &&Request| request.choices.iter().all(|choice| Some(&choice.spec) == spec.as_ref());
    let meant = session.requests.iter().find(by_name).map(|_| word);
    let word = meant.or_else(|| session.requests.iter().find(by_spec).map(|one| one.name.as_str())).unwrap_or(word);
    let problem = |problem| anyhow!("{}: {problem}", escape::path(path));
    let all = |requests: &[&Request]| {
        requests.iter().flat_map(|request| &request.choices).map(|choice| choice.name.clone()).collect()
    };
    if let Some(text) = manifest_edit::remove(text, word).map_err(problem)? {
        let own: Vec<&Request> = session.requests.iter().filter(|request| request.key == word).collect();
        return Ok(TakenOut { text, names: all(&own) });
    }
    // As the text is now: another source of the same list may have been taken out before.
    let manifest = Manifest::parse(text).map_err(|problem| anyhow!("{}{problem}", escape::path(path)))?;
    let requests = request::of_manifest(&manifest, &known())?;
    if let Some(found) = requests.iter().find(|request| request.name == word) {
        let mut list = requests.iter().filter(|request| request.key == found.key);
        let index = list.position(|request| request.name == word).unwrap_or_default();
        let text = manifest_edit::remove_from_list(text, &found.key, index).map_err(problem)?;
        return Ok(TakenOut { text, names: all(&[found]) });
    }
    let keys: Vec<String> = session.requests.iter().map(|request| printable(&request.name)).collect();
    let known = if keys.is_empty() { "it names none".to_owned() } else { format!("it names {}", keys.join(", ")) };
    let way_out = match (purge, spec) {
        (false, _) => String::new(),
        (true, Some(spec)) => format!("\n  {}", way_out(&spec)),
        (true, None) => "\n  to delete what it left, say its source, such as hf:OWNER/NAME".to_owned(),
    };
    Err(Usage(format!("the manifest has no model {}; {known}{way_out}", printable(word))).into())
}

/// Says whose files stay, and asks about those of the others.
fn consent(session: &Session<'_>, arguments: &RemoveArgs, gone: &[Model], needed: &Needed<'_>) -> Result<()> {
    let context = session.context;
    let mut names: Vec<String> = Vec::new();
    for model in gone {
        let mut kept = Vec::new();
        for part in &model.parts {
            kept.push(needed.keeps(&session.world, model, part)?);
        }
        if kept.iter().any(Option::is_none) {
            names.push(printable(&model.name));
        }
        kept.sort_unstable();
        kept.dedup();
        for why in kept.into_iter().flatten() {
            context.output.say(format!("{}: {why}", printable(&model.name)));
        }
    }
    if arguments.consent.yes || names.is_empty() {
        return Ok(());
    }
    if !context.can_ask() {
        return Err(
            Usage("`--purge` deletes files, and there is no terminal to ask on\n  give `--yes`".to_owned()).into()
        );
    }
    match Prompts::new(&context.output).yes(&format!("Delete the files of {}?", names.join(", ")))? {
        true => Ok(()),
        false => Err(Interrupted("left; nothing was changed".to_owned()).into()),
    }
}

/// What the models that stay need.
struct Needed<'a> {
    parts: Vec<&'a Part>,
    /// Files outside the Hub, in lower case: some disks know no other.
    paths: HashSet<String>,
}

impl<'a> Needed<'a> {
    fn by(world: &World, models: &'a [Model]) -> Result<Self> {
        let parts: Vec<&Part> = models.iter().flat_map(|model| &model.parts).collect();
        let mut paths = HashSet::new();
        for part in parts.iter().filter(|part| !matches!(part.place, Place::Hub(_))) {
            paths.extend(files_of(world, part)?.iter().map(|path| in_lower_case(path)));
        }
        Ok(Self { parts, paths })
    }

    /// Whether a model that stays has its files in the same place: of the Hub, the same commit, of which it may be a smaller
    /// part. Elsewhere what counts is the file, whatever address it comes from.
    fn has(&self, world: &World, part: &Part) -> Result<bool> {
        let Place::Hub(own) = &part.place else {
            return Ok(files_of(world, part)?.iter().any(|path| self.paths.contains(&in_lower_case(path))));
        };
        Ok(self.parts.iter().any(|other| {
            matches!(&other.place, Place::Hub(other)
                if (other.repo_type, &other.repo, &other.commit) == (own.repo_type, &own.repo, &own.commit))
        }))
    }

    /// Why the files of `part` stay.
    fn keeps(&self, world: &World, model: &Model, part: &Part) -> Result<Option<&'static str>> {
        if self.has(world, part)? {
            return Ok(Some("another model of the project needs its files; they stay"));
        }
        let used = placement::is_used(world, model, part)?;
        Ok(used.then_some("another project or branch uses its files; they stay"))
    }
}

fn files_of(world: &World, part: &Part) -> Result<Vec<PathBuf>> {
    part.files.iter().map(|file| placement::visible(world, part, file)).collect()
}

fn in_lower_case(path: &Path) -> String {
    path.to_string_lossy().to_lowercase()
}

/// Refuses what must not be deleted: what a link leads elsewhere, and what other projects may use. In the Hub's cache projects
/// leave a mark on what they use; outside it nothing says who does.
fn refuse_purge(session: &Session<'_>, gone: &[Model], needed: &Needed<'_>, force: bool) -> Result<()> {
    let world = &session.world;
    let root = paths::real_place(&session.project.root);
    let is_own = |path: &PathBuf| match (&root, paths::real_place(path)) {
        (Some(root), Some(real)) => real.starts_with(root),
        _ => false,
    };
    for (model, part) in gone.iter().flat_map(|model| model.parts.iter().map(move |part| (model, part))) {
        bounds::check(world, part)?;
        if force || matches!(part.place, Place::Hub(_)) || needed.has(world, part)? {
            continue;
        }
        let there = files_of(world, part)?.into_iter().filter(|path| path.symlink_metadata().is_ok());
        if let Some(path) = there.into_iter().find(|path| !is_own(path)) {
            bail!(
                "{} was left: {} lies outside the project, where other projects may use it and nothing says who does\n  \
                 give `--force` to delete it all the same, or leave out `--purge` to keep it",
                printable(&model.name),
                session.shown(&path)
            );
        }
    }
    Ok(())
}

/// How to delete the files of what the manifest names no more: without a lock nobody knows which those are.
fn way_out(spec: &Spec) -> String {
    let (source, key) = (printable(&spec.to_string()), key_for(spec));
    format!(
        "to delete its files: `modelstrap models add {source} --no-download`, then `modelstrap models remove {key} --purge`"
    )
}

/// Says which files stay in the cache, and how to delete them.
fn tell_what_stays(session: &Session<'_>, gone: &[Model], needed: &Needed<'_>) -> Result<()> {
    for model in gone {
        let mut bytes = 0;
        for part in &model.parts {
            if needed.has(&session.world, part)? {
                continue;
            }
            for file in &part.files {
                bytes += match placement::state(&session.world, part, file)? {
                    FileState::Here | FileState::Changed => file.size.unwrap_or(0),
                    FileState::Partly(have) => have,
                    FileState::Missing => 0,
                };
            }
        }
        if bytes > 0 {
            let way_out = Spec::parse(&model.spec, known().find).map(|spec| way_out(&spec)).unwrap_or_default();
            let (name, bytes) = (printable(&model.name), units::bytes(bytes));
            let output = &session.context.output;
            output.say(format!(
                "{name}: its files stay in the cache, {bytes}; `remove --purge` deletes them, too\n  {way_out}"
            ));
        }
    }
    Ok(())
}

/// Gives up the project's claims, so that `hf cache prune` may take what nobody else names. The files stay, and so does a claim
/// that cannot be given up.
fn release(session: &Session<'_>, gone: &[Model]) {
    for (model, part) in gone.iter().flat_map(|model| model.parts.iter().map(move |part| (model, part))) {
        if let Err(error) = placement::release(&session.world, model, part) {
            session.context.output.warn(format!("{}: {error:#}", printable(&model.name)));
        }
    }
}

/// Deletes what no other model of this project needs and no other project claims.
fn purge(session: &Session<'_>, gone: &[Model], needed: &Needed<'_>) -> Result<()> {
    let mut freed = 0;
    for model in gone {
        for part in &model.parts {
            match needed.has(&session.world, part)? {
                true => placement::release(&session.world, model, part)?,
                // Why files stay was said before anybody was asked.
                false => freed += placement::remove(&session.world, model, part)?.unwrap_or(0),
            }
        }
    }
    session.context.output.say(format!("{} freed.", units::bytes(freed)));
    Ok(())
}
