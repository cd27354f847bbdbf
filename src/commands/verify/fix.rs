//! `--fix`: brings the right bytes of what is damaged or missing, and nothing else.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::PathBuf;

use anyhow::{Result, bail};

use super::cure::Remedy;
use super::finding::{Finding, Kind};
use super::models::{STAYS, Session, fetch_again};
use super::{Exit, Outcome, units};
use crate::cli::CacheVerifyArgs;
use crate::fetch::{Digest, Event, Options};
use crate::models::keeper::Trust;
use crate::models::mend::{self, Cure, Wound};
use crate::support::escape::printable;
use crate::support::interrupt::{self, Interrupted};
use crate::ui::progress::{FileLine, ModelLine, Progress};

/// What is left to do, and what cannot be done.
#[derive(Default)]
struct Work<'a> {
    wounds: Vec<(&'a Finding, Wound)>,
    /// Files for the machinery of `models`, by the name that the manifest gives their model.
    models: Vec<(&'a Finding, String, (usize, usize, usize))>,
    /// What nothing here mends, and why.
    left: Vec<(&'a Finding, String)>,
}

/// Mends what can be mended of `outcome`.
///
/// # Errors
/// When the person stopped it, or the machinery of `models` could not begin.
pub(super) fn fix(
    session: &Session<'_>,
    arguments: &CacheVerifyArgs,
    wanted: &HashMap<String, String>,
    outcome: &Outcome,
    offline: bool,
) -> Result<Exit> {
    let output = session.output();
    let work = sort(session, wanted, outcome, offline);
    let failed = mend(session, arguments, &work)?;
    let mut models_fail = false;
    let mended = work.wounds.len() - failed.len();
    if mended > 0 {
        output.say(format!("{} mended.", units::count(mended, "file")));
    }
    if !work.models.is_empty() {
        let names: BTreeSet<String> = work.models.iter().map(|(_, name, _)| name.clone()).collect();
        let damaged: Vec<_> = work
            .models
            .iter()
            .filter(|(finding, ..)| matches!(finding.kind, Kind::Damaged | Kind::Size))
            .map(|(_, _, at)| *at)
            .collect();
        models_fail = !fetch_again(session, names.into_iter().collect(), &damaged, arguments.transfer.clone())?;
    }
    failed.iter().for_each(|why| output.error(why));
    if !failed.is_empty() || models_fail {
        output.say(STAYS);
    }
    for (finding, why) in &work.left {
        output.error(format!("{} stays as it is: {why}", name(finding)));
    }
    for (path, _) in &outcome.unreadable {
        output.warn(format!("{} could not be read", crate::support::escape::path(path)));
    }
    if !failed.is_empty() || models_fail {
        return Ok(Exit::Of(1));
    }
    if !work.left.is_empty() {
        return Ok(Exit::Found);
    }
    Ok(if outcome.unreadable.is_empty() { Exit::Done } else { Exit::Of(1) })
}

fn sort<'a>(session: &Session<'_>, wanted: &HashMap<String, String>, outcome: &'a Outcome, offline: bool) -> Work<'a> {
    const OFFLINE: &str = "the network is switched off, and no other file here is known to have its bytes";
    let mut work = Work::default();
    for finding in &outcome.findings {
        match &finding.remedy {
            Remedy::Nothing(advice) => work.left.push((finding, advice.clone())),
            remedy if offline && remedy.asks_servers() => work.left.push((finding, OFFLINE.to_owned())),
            Remedy::Wound(wound) => work.wounds.push((finding, (**wound).clone())),
            Remedy::Models(model, part, file) => {
                let locked = session.locked().and_then(|lock| lock.models.get(*model));
                match locked.and_then(|model| wanted.get(&model.name)) {
                    Some(name) => work.models.push((finding, name.clone(), (*model, *part, *file))),
                    None => work.left.push((finding, "its model is for other machines".to_owned())),
                }
            }
        }
    }
    work
}

/// The reasons of what could not be mended.
fn mend(session: &Session<'_>, arguments: &CacheVerifyArgs, work: &Work<'_>) -> Result<Vec<String>> {
    // Bytes that several lack come once: the first has them, and the others get them from it.
    let mut coming = HashSet::new();
    let is_first = |wound: &Wound| !matches!(wound.cure, Cure::Fetch { .. }) || coming.insert(wound.digest);
    let (firsts, mut repeats) = split(&work.wounds, is_first);
    let mut here = HashMap::new();
    let mut failed = at_once(session, arguments, &firsts, &mut here)?;
    for (_, wound) in &mut repeats {
        if let Some(path) = here.get(&wound.digest) {
            wound.cure = Cure::Copy(PathBuf::clone(path));
        }
    }
    failed.extend(at_once(session, arguments, &repeats, &mut here)?);
    Ok(failed)
}

type Cases<'a> = Vec<(&'a Finding, Wound)>;

fn split<'a>(all: &[(&'a Finding, Wound)], mut is_first: impl FnMut(&Wound) -> bool) -> (Cases<'a>, Cases<'a>) {
    all.iter().cloned().partition(|(_, wound)| is_first(wound))
}

/// Mends `work`, and notes where the bytes are that came: the reasons of what could not be mended.
fn at_once(
    session: &Session<'_>,
    arguments: &CacheVerifyArgs,
    work: &[(&Finding, Wound)],
    here: &mut HashMap<Digest, PathBuf>,
) -> Result<Vec<String>> {
    if work.is_empty() {
        return Ok(Vec::new());
    }
    let wounds: Vec<Wound> = work.iter().map(|(_, wound)| wound.clone()).collect();
    let fetched: Vec<&(&Finding, Wound)> =
        work.iter().filter(|(_, wound)| matches!(wound.cure, Cure::Fetch { .. })).collect();
    let names: BTreeSet<&str> = fetched.iter().map(|(finding, _)| finding.model.as_str()).collect();
    let models = names.iter().map(|name| ModelLine { name: (*name).to_owned() }).collect();
    let files: Vec<FileLine> = fetched
        .iter()
        .map(|(finding, wound)| FileLine {
            label: wound.label.clone(),
            model: names.iter().position(|name| *name == finding.model).unwrap_or(0),
            size: wound.size,
        })
        .collect();
    let options = Options {
        max_workers: arguments.transfer.max_workers,
        limit_rate: arguments.transfer.limit_rate,
        ..Options::default()
    };
    let trust = Trust { known: session.trusted(), allow_pickle: arguments.transfer.allow_pickle, ..Trust::default() };
    let progress = (!files.is_empty()).then(|| Progress::new(session.output(), session.json(), models, files));
    let events = |event: Event| {
        if let Some(progress) = &progress {
            progress.event(event);
        }
    };
    let results = mend::mend(session.world(), &wounds, &trust, &options, &events);
    drop(progress);
    if interrupt::requested() {
        bail!(Interrupted("stopped; what is mended stays, and the same command does the rest".to_owned()));
    }
    let mut failed = Vec::new();
    for ((finding, wound), result) in work.iter().zip(results) {
        match result {
            Err(why) => failed.push(format!("{} is not mended: {why}", name(finding))),
            Ok(changed) => {
                here.extend(wound.paths.first().map(|path| (wound.digest, path.clone())));
                for path in changed.iter().chain(&finding.own) {
                    session.output().warn(format!("{} keeps the bytes that it has", session.shown(path)));
                }
                elsewhere(session, finding);
            }
        }
    }
    Ok(failed)
}

/// Tells of the names that nobody has found.
fn elsewhere(session: &Session<'_>, finding: &Finding) {
    if finding.elsewhere > 0 {
        session.output().warn(format!(
            "{} had {} elsewhere, which still {} the damaged bytes",
            name(finding),
            units::count(finding.elsewhere, "other name"),
            if finding.elsewhere == 1 { "has" } else { "have" },
        ));
    }
}

fn name(finding: &Finding) -> String {
    let (model, file) = (printable(&finding.model), printable(&finding.file));
    if model == file { model } else { format!("{model} {file}") }
}
