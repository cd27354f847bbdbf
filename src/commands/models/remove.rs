//! `modelstrap models remove`: takes models out of the manifest and the lock, and with `--purge` out of the cache.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};

use super::super::cleaning::Keeping;
use super::super::context::Context;
use super::super::{Exit, Usage, consent};
use super::add::{key_for, manifest_text, write_between};
use super::needed::{Needed, Stays, files_of};
use super::purge::{self, Purging};
use super::settle::merged;
use super::{Session, known};
use crate::cache::remove::{Keep, Outcome};
use crate::cli::RemoveArgs;
use crate::models::lock::Lock;
use crate::models::locked::{Model, Place};
use crate::models::placement;
use crate::models::placement::FileState;
use crate::models::request::{self, Request};
use crate::models::spec::Spec;
use crate::project::{Manifest, manifest_edit};
use crate::support::escape::{self, printable};
use crate::support::interrupt;
use crate::support::{paths, units};

pub(super) fn run(context: &Context, arguments: &RemoveArgs) -> Result<Exit> {
    interrupt::watch();
    if arguments.purge && !arguments.consent.dry_run {
        purge::settle_earlier(context)?;
    }
    let planned = Removal::of(context, arguments)?;
    if arguments.consent.dry_run {
        planned.would(arguments.purge)?.iter().for_each(|line| context.output.say(line));
        return Ok(Exit::Done);
    }
    let keeping = purge::keeping(&planned.after, arguments);
    let agreed = if arguments.purge { consent(&planned, &keeping, arguments)? } else { Agreed::default() };
    // Another process may have changed the manifest and the lock, while a person was asked at the latest.
    let make = || {
        let newest = Removal::of(context, arguments)?;
        if arguments.purge && newest.what() != planned.what() {
            bail!("the manifest or the lock was changed meanwhile; nothing was removed\n  run this again");
        }
        Ok((newest.files(), newest))
    };
    let purged = Cell::new(None);
    // Before the manifest forgets them: a run that is cut off in between is finished by the same command. No other process can name
    // them meanwhile, nor ask for them without seeing that they are gone.
    let first = |newest: &Removal<'_>| {
        if let Some(purging) = &newest.purging {
            purged.set(Some(purge(newest, purging, &agreed, keeping.keep)?));
        }
        Ok(())
    };
    let then = |newest: Removal<'_>| {
        if arguments.purge {
            return give_up(&newest, &agreed);
        }
        release(&newest.after, &newest.gone);
        tell_what_stays(&newest.after, &newest.gone, &newest.needed()?)
    };
    let written = write_between(context, &planned.after.project, "models remove", make, first, then);
    let stayed = purged.into_inner().map_or(0, |outcome| purge::tell(&planned.after, &outcome));
    written?;
    purge::end(stayed)?;
    Ok(Exit::Done)
}

/// What is removed, of the manifest and the lock as they are.
struct Removal<'a> {
    path: PathBuf,
    /// The manifest's text without it.
    text: String,
    /// What of it was locked.
    gone: Vec<Model>,
    /// The words for what was not.
    unlocked: Vec<String>,
    /// The project without it.
    after: Session<'a>,
    /// The lock without it.
    lock: Lock,
    /// What is known of the cache, where files are to go.
    purging: Option<Purging>,
}

impl<'a> Removal<'a> {
    fn of(context: &'a Context, arguments: &RemoveArgs) -> Result<Self> {
        let session = Session::open(context)?;
        let (path, mut text) = manifest_text(&session.project)?;
        let (mut gone, mut unlocked): (Vec<Model>, Vec<String>) = (Vec::new(), Vec::new());
        for word in &arguments.models {
            let found = taken_out(&session, &path, &text, word, arguments.purge)?;
            text = found.text;
            let locked = session.lock.iter().flat_map(|lock| &lock.models);
            let locked: Vec<Model> = locked.filter(|model| found.names.contains(&model.name)).cloned().collect();
            if locked.is_empty() {
                unlocked.push(word.clone());
            }
            gone.extend(locked);
        }
        let manifest = Manifest::parse(&text).map_err(|problem| anyhow!("{}{problem}", escape::path(&path)))?;
        let after = Session::open_with(context, manifest)?;
        let lock = merged(&after, &[]);
        let mut removal = Self { path, text, gone, unlocked, after, lock, purging: None };
        // Before anything is written: what is refused leaves the manifest and the lock as they were.
        if arguments.purge {
            let purging = Purging::of(context, arguments.force)?;
            refuse_purge(&removal.after, &purging, &removal.gone, &removal.needed()?, arguments.force)?;
            removal.purging = Some(purging);
        }
        Ok(removal)
    }

    fn needed(&self) -> Result<Needed<'_>> {
        Needed::by(&self.after.world, &self.lock.models, self.purging.as_ref().map(|purging| &purging.others))
    }

    /// The models that somebody is asked about.
    fn what(&self) -> Vec<(&str, &str)> {
        self.gone.iter().map(|model| (model.name.as_str(), model.spec.as_str())).collect()
    }

    /// The files of the project without it.
    fn files(&self) -> Vec<(PathBuf, String)> {
        let lock = self.after.lock.as_ref().map(|_| (self.after.lock_path(), self.lock.render()));
        std::iter::once((self.path.clone(), self.text.clone())).chain(lock).collect()
    }

    /// What would be done, a line for each model.
    fn would(&self, purge: bool) -> Result<Vec<String>> {
        let unlocked = self.unlocked.iter().map(|word| printable(word));
        let mut would: Vec<String> =
            unlocked.map(|word| format!("{word} would leave the manifest; it is not locked")).collect();
        let needed = self.needed()?;
        for model in &self.gone {
            let mut stays = None;
            for part in model.parts.iter().filter(|_| purge) {
                stays = stays.or(needed.keeps(&self.after.world, model, part)?);
            }
            let files = match (purge, stays) {
                (false, _) => String::new(),
                (_, None) => ", and its files the cache".to_owned(),
                (_, Some(Stays::Needed(why))) => format!("; its files stay: {why}"),
                (_, Some(_)) => "; its files are used elsewhere and stay".to_owned(),
            };
            would.push(format!("{} would leave the manifest and the lock{files}", printable(&model.name)));
        }
        Ok(would)
    }
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
    // A run that was cut off may have written the manifest, and not the lock.
    if session.lock.iter().any(|lock| lock.find(word).is_some()) {
        return Ok(TakenOut { text: text.to_owned(), names: vec![word.to_owned()] });
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

/// What a person agreed to.
#[derive(Default)]
struct Agreed {
    /// The models whose files may go.
    names: HashSet<String>,
    /// What the person was told of files that stay.
    told: RefCell<HashSet<String>>,
}

impl Agreed {
    /// Says why files of `model` stay, once.
    fn tell(&self, context: &Context, model: &Model, why: &Stays) {
        let line = format!("{}: {why}", printable(&model.name));
        if self.told.borrow_mut().insert(line.clone()) {
            context.output.say(line);
        }
    }
}

/// Says whose files stay, and asks about those of the others.
fn consent(removal: &Removal<'_>, keeping: &Keeping, arguments: &RemoveArgs) -> Result<Agreed> {
    let (session, needed) = (&removal.after, removal.needed()?);
    let context = session.context;
    let mut agreed = Agreed::default();
    let mut names: Vec<String> = Vec::new();
    for model in &removal.gone {
        let mut kept = Vec::new();
        for part in &model.parts {
            kept.push(needed.keeps(&session.world, model, part)?);
        }
        if arguments.consent.yes || kept.iter().any(Option::is_none) {
            agreed.names.insert(model.name.clone());
            names.push(printable(&model.name));
        }
        kept.sort_unstable();
        kept.iter().flatten().for_each(|why| agreed.tell(context, model, why));
    }
    if arguments.consent.yes || names.is_empty() {
        return Ok(agreed);
    }
    context.output.say(&keeping.says);
    let question = format!("Delete the files of {}?", names.join(", "));
    consent::sure(context, &question, ("`--purge` deletes files", "`--yes`"))?;
    Ok(agreed)
}

/// Refuses what must not be deleted: what a link leads elsewhere, and what other projects may use. In the Hub's cache projects
/// leave a mark on what they use; outside it nothing says who does.
fn refuse_purge(
    session: &Session<'_>,
    purging: &Purging,
    gone: &[Model],
    needed: &Needed<'_>,
    force: bool,
) -> Result<()> {
    let world = &session.world;
    let root = paths::real_place(&session.project.root);
    let is_own = |path: &PathBuf| match (&root, paths::real_place(path)) {
        (Some(root), Some(real)) => real.starts_with(root),
        _ => false,
    };
    for (model, part) in gone.iter().flat_map(|model| model.parts.iter().map(move |part| (model, part))) {
        purging.check(session, model, part)?;
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

/// Removes the files that no other model of this project needs, and nobody else does.
fn purge(removal: &Removal<'_>, purging: &Purging, agreed: &Agreed, keep: Keep) -> Result<Outcome> {
    let needed = removal.needed()?;
    let mut going = Vec::new();
    for model in removal.gone.iter().filter(|model| agreed.names.contains(&model.name)) {
        for part in &model.parts {
            if needed.keeps(&removal.after.world, model, part)?.is_none() {
                going.push(part);
            }
        }
    }
    purging.remove(&removal.after, &going, keep)
}

/// Gives up the project's claims to what stays, and says why it does.
fn give_up(removal: &Removal<'_>, agreed: &Agreed) -> Result<()> {
    let (session, needed) = (&removal.after, removal.needed()?);
    for model in &removal.gone {
        for part in &model.parts {
            // What began to be used while a person was asked was not told yet.
            let kept = needed.keeps(&session.world, model, part)?;
            kept.iter().for_each(|why| agreed.tell(session.context, model, why));
            placement::release(&session.world, model, part)?;
        }
    }
    Ok(())
}
