//! `modelstrap models add`: names models in the manifest, locks them, and downloads them.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};

use super::super::context::Context;
use super::super::setup::shelf;
use super::super::{Exit, Usage, notes};
use super::delivery::{hint_at_setup, tell};
use super::relock::merge;
use super::session::{Pick, known};
use super::settle::{Ask, settle};
use super::{Session, Wish, deliver};
use crate::cli::AddArgs;
use crate::models::locked::Model;
use crate::models::request::{self, Request};
use crate::models::spec::Spec;
use crate::plan::apply::ApplyError;
use crate::plan::{Change, Plan, Want, apply};
use crate::project::model_entry::{ModelTable, ModelValue, Words};
use crate::project::root::MANIFEST;
use crate::project::{Manifest, Project, manifest_edit};
use crate::support::interrupt::{self, Interrupted};
use crate::support::own_folder;
use crate::support::{bounded, escape, time};

/// A manifest above this size is not one.
const MAX_SIZE: u64 = 1 << 20;

pub(super) fn run(context: &Context, arguments: &AddArgs) -> Result<Exit> {
    interrupt::watch();
    let project = context.project()?;
    let entries = entries(arguments)?;
    let keys: Vec<String> = entries.iter().map(|(key, _)| key.clone()).collect();
    let (path, before) = manifest_text(&project)?;
    let text = named(&path, &before, &entries)?;
    let manifest = Manifest::parse(&text).map_err(|problem| anyhow!("{}{problem}", escape::path(&path)))?;
    if arguments.consent.dry_run {
        let now = if text == before { "names these already" } else { "would name these" };
        context.output.say(format!("{MANIFEST} {now}: {}", escape::printable(&keys.join(", "))));
        return Ok(Exit::Done);
    }
    if text == before {
        context.output.say(format!("{MANIFEST} names these already: {}", escape::printable(&keys.join(", "))));
    }
    let mut session = Session::open_with(context, manifest)?;
    let fresh = resolve(&session, &keys)?;
    let mut lock = None;
    let path = session.lock_path();
    // Another process may have added a model while the sources were asked about ours.
    write_with(context, &project, "models add", || {
        let (place, text) = manifest_text(&project)?;
        let newest = session.read_newest_lock()?;
        let before = requests_of(&text)?;
        let behind = newest.as_ref().is_some_and(|lock| lock.is_behind(&before));
        let text = named(&place, &text, &entries)?;
        let newest = (newest.as_ref(), behind);
        let merged = lock.insert(merge(&requests_of(&text)?, session.lock.as_ref(), newest, &fresh));
        session.note_unseen(merged)?;
        Ok(vec![(place, text), (path, merged.render())])
    })?;
    session.lock = lock;
    notes::register(context, &project, &session.layout.cache_root);
    if arguments.no_download {
        return Ok(Exit::Done);
    }
    let wish = Wish { words: keys, transfer: arguments.transfer.clone(), ..Wish::default() };
    let delivered = deliver(&session, &wish)?;
    hint_at_setup(&session, &delivered);
    Ok(if delivered.missing > 0 { Exit::Of(1) } else { Exit::Done })
}

/// The keys and values that the arguments mean.
fn entries(arguments: &AddArgs) -> Result<Vec<(String, ModelValue)>> {
    let entry = |word: &String| {
        let spec = read_spec(word)?;
        let key = match &arguments.key {
            Some(key) if arguments.specs.len() == 1 => key.clone(),
            Some(_) => return Err(Usage("`--key` names one model, and several are given".to_owned()).into()),
            None => key_for(&spec),
        };
        Ok((key, value(&spec, arguments)))
    };
    arguments.specs.iter().map(entry).collect()
}

/// The manifest's `text` with `entries` in it, which can be read again and means something.
fn named(path: &Path, text: &str, entries: &[(String, ModelValue)]) -> Result<String> {
    let add = |text: String, (key, value): &(String, ModelValue)| manifest_edit::add(&text, key, value);
    let text = entries.iter().try_fold(text.to_owned(), add);
    let text = text.map_err(|problem| anyhow!("{}: {problem}", escape::path(path)))?;
    requests_of(&text)?;
    Ok(text)
}

/// What the manifest of this text asks for.
fn requests_of(text: &str) -> Result<Vec<Request>> {
    let manifest = Manifest::parse(text).map_err(|problem| anyhow!("{MANIFEST}{problem}"))?;
    request::of_manifest(&manifest, &known()).map_err(|error| Usage(error.to_string()).into())
}

/// What the new models are. What no source knows is not named in the manifest at all.
fn resolve(session: &Session<'_>, keys: &[String]) -> Result<Vec<(Pick, Model)>> {
    let output = &session.context.output;
    let picks = session.picks(keys, true)?;
    let settled = settle(session, picks, Ask::AboutTheMissing, &|name| {
        output.detail(format!("asking about {}", escape::printable(name)));
    })?;
    if let Some((pick, error)) = settled.failures.into_iter().find(|(pick, _)| !pick.request.optional) {
        return Err(error.context(format!("{} was not added", escape::printable(&pick.choice.name))));
    }
    tell(session, &settled.resolutions);
    Ok(settled.models)
}

/// Names `specs` in the manifest, each by its own key.
///
/// # Errors
/// When the manifest cannot be read or written.
pub(in crate::commands) fn name_in_manifest(context: &Context, project: &Project, specs: &[String]) -> Result<()> {
    let entry = |word: &String| {
        let spec = read_spec(word)?;
        Ok((key_for(&spec), ModelValue::One(spec.to_string())))
    };
    let entries: Vec<_> = specs.iter().map(entry).collect::<Result<_>>()?;
    write_with(context, project, "models add", || {
        let (path, text) = manifest_text(project)?;
        let text = named(&path, &text, &entries)?;
        Ok(vec![(path, text)])
    })
}

/// The manifest's path and text; an empty text where there is none yet.
pub(super) fn manifest_text(project: &Project) -> Result<(PathBuf, String)> {
    let path = project.root.join(MANIFEST);
    match bounded::read(&path, MAX_SIZE) {
        Ok(bytes) => {
            let text = String::from_utf8(bytes).map_err(|_| anyhow!("{} is not UTF-8", escape::path(&path)))?;
            Ok((path, text))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok((path, String::new())),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", escape::path(&path))),
    }
}

/// Writes the manifest, and the lock with it, through a plan, so that `undo` takes both back: what `make` makes of them as they
/// are when no other process can change them any more.
pub(super) fn write_with(
    context: &Context,
    project: &Project,
    verb: &str,
    make: impl FnOnce() -> Result<Vec<(PathBuf, String)>>,
) -> Result<()> {
    write_between(context, project, verb, || Ok((make()?, ())), |()| Ok(()), |()| Ok(()))
}

/// The same, and does `first` with what `make` found out, once it is known that the files can be written, and `then` when they are,
/// before another process can change them again.
pub(super) fn write_between<T>(
    context: &Context,
    project: &Project,
    verb: &str,
    make: impl FnOnce() -> Result<(Vec<(PathBuf, String)>, T)>,
    first: impl FnOnce(&T) -> Result<()>,
    then: impl FnOnce(T) -> Result<()>,
) -> Result<()> {
    let own = project.state_folder();
    own_folder::make(&own).with_context(|| format!("{} cannot be made", escape::path(&own)))?;
    let held = super::super::setup::lock(context, project, std::time::Duration::from_secs(60))?;
    let (files, found) = make()?;
    let change = |(path, text): &(PathBuf, String)| Change {
        path: path.clone(),
        why: "the models of the project".to_owned(),
        want: Want::File { contents: text.as_bytes().to_vec() },
        within: Some(project.root.clone()),
    };
    let changes: Vec<Change> = files.iter().map(change).collect();
    let shelf = shelf(project);
    let mut record = shelf.record();
    // The manifest belongs to people: what was in it is kept for `undo`.
    let plan = Plan::build(&changes, &record, true);
    if let Some(obstacle) = plan.obstacles.first() {
        bail!("{obstacle}");
    }
    first(&found)?;
    if !plan.is_empty() {
        let now = time::now(&context.vars);
        match apply(&plan, &shelf, &mut record, verb, &now, |_| ()) {
            Ok(_) => {
                let names = files.iter().filter_map(|(path, _)| path.file_name());
                let names: Vec<_> = names.map(|name| escape::printable(&name.to_string_lossy())).collect();
                context.output.say(format!("Wrote {}.", names.join(" and ")));
            }
            Err(error @ ApplyError::Interrupted { .. }) => return Err(Interrupted(error.to_string()).into()),
            Err(error) => return Err(error.into()),
        }
    }
    then(found)?;
    drop(held);
    Ok(())
}

fn read_spec(word: &str) -> Result<Spec> {
    let known = known();
    Spec::parse(word, known.find)
        .map_err(|error| Usage(error.with_nearest(|name| (known.nearest)(name)).to_string()).into())
}

/// A key that says what the model is: the last word of its spec, in letters that need no quotes.
pub(super) fn key_for(spec: &Spec) -> String {
    let name: String = spec
        .short_name()
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' })
        .collect();
    let name = name.trim_matches('-');
    match spec {
        Spec::OpenaiWhisper(_) => format!("whisper-{name}"),
        Spec::FasterWhisper(_) | Spec::MlxWhisper(_) => format!("{}-{name}", spec.kind()),
        _ if name.is_empty() => "model".to_owned(),
        _ => name.to_owned(),
    }
}

fn value(spec: &Spec, arguments: &AddArgs) -> ModelValue {
    let words = |list: &[String]| Words(list.to_vec());
    let some = |list: &[String]| (!list.is_empty()).then(|| words(list));
    let table = ModelTable {
        source: Some(spec.to_string()),
        revision: arguments.revision.clone(),
        include: some(&arguments.include),
        exclude: words(&arguments.exclude),
        weights: some(&arguments.weights),
        when: words(&arguments.when),
        optional: arguments.optional,
        gated: arguments.gated,
        environment: arguments.environment.clone(),
        alternatives: Vec::new(),
    };
    let plain = ModelTable { source: table.source.clone(), ..ModelTable::default() };
    if table == plain { ModelValue::One(spec.to_string()) } else { ModelValue::Table(Box::new(table)) }
}
