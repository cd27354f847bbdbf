//! `modelstrap verify`: reads whatever is cached and has a known digest, offline, and with `--fix` fetches what is damaged.

mod cure;
mod finding;
mod fix;
mod present;
mod targets;

use std::collections::HashMap;

use anyhow::{Result, bail};

use super::context::Context;
use super::models::Session;
use super::survey::Survey;
use super::words::Ground;
use super::{Exit, models};
use crate::cache::verify::{self, Collected, Scope, Verdict, Verdicts};
use crate::cli::CacheVerifyArgs;
use crate::support::interrupt::{self, Interrupted};
use crate::support::units;
use cure::Surgery;
use finding::{Desk, Finding};
use targets::Targets;

/// How the reading went.
struct Outcome {
    findings: Vec<Finding>,
    /// Files that the disk does not give, and why.
    unreadable: Vec<(std::path::PathBuf, String)>,
    /// Files that changed while they were read.
    changed: Vec<std::path::PathBuf>,
    contents: usize,
    read: u64,
    time: std::time::Duration,
}

pub(super) fn run(context: &Context, arguments: &CacheVerifyArgs) -> Result<Exit> {
    interrupt::watch();
    let mut survey = Survey::of(context)?;
    if arguments.fix {
        survey.warn_of_homes(&context.output);
        survey.leave_alone();
    }
    if arguments.targets.is_empty() {
        survey.tell_links(&context.output);
    }
    // A lock that is spoilt, or a model that is none, keep nobody from knowing whether the cache is sound.
    let session = match Session::open(context) {
        Ok(session) => Some(session),
        Err(error) => {
            context.output.warn(format!("the project's models are not looked at: {error:#}"));
            None
        }
    };
    let wanted = match session.as_ref().map(Session::wanted) {
        Some(Err(error)) => {
            context.output.warn(format!("which models this machine should have is not known: {error:#}"));
            HashMap::new()
        }
        wanted => wanted.and_then(Result::ok).unwrap_or_default(),
    };
    let lock = session.as_ref().and_then(Session::locked);
    let start = context.start()?;
    let targets = Targets::of(&arguments.targets, &Ground { start: &start, layout: &survey.layout });
    let places = targets.places(survey.places);
    let names = wanted.keys().cloned().collect();
    let mut found = verify::collect(&Scope { places: &places, homes: &survey.homes, lock, wanted: &names });
    targets.restrict(&mut found, lock)?;

    let workers = arguments.transfer.max_workers.unwrap_or_else(cores);
    let gauge = context.gauge("Reading", found.contents.bytes());
    let verdicts = verify::check(&found.contents, workers, &|bytes| gauge.add(bytes));
    let (read, time) = (gauge.done(), gauge.time());
    drop(gauge);
    if interrupt::requested() || verdicts.is_stopped() {
        bail!(Interrupted("stopped; nothing was changed".to_owned()));
    }

    let desk = Desk { found: &found, lock };
    let world = session.as_ref().map(Session::world);
    let surgery = Surgery::new(&desk, world, &places, &verdicts, targets.is_all());
    let outcome = sort(&found, &desk, &surgery, &verdicts, (read, time));
    let view =
        present::View { context, start: &start, project: &survey.project, layout: &survey.layout, found: &found, lock };
    let fixes = arguments.fix && !arguments.consent.dry_run;
    view.show(&outcome, fixes)?;
    if !arguments.fix {
        return end(&outcome);
    }
    let offline = context.global.offline || world.is_some_and(|world| world.hub.offline);
    match session.filter(|_| fixes && !outcome.findings.is_empty()) {
        Some(session) => fix::fix(&session, arguments, &wanted, &outcome, offline),
        None if fixes && !outcome.findings.is_empty() => {
            bail!("nothing is mended before the project's models can be read")
        }
        None => end(&outcome),
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// What is wrong, in the order of the disk.
fn sort(
    found: &Collected,
    desk: &Desk<'_>,
    surgery: &Surgery<'_>,
    verdicts: &Verdicts,
    (read, time): (u64, std::time::Duration),
) -> Outcome {
    let mut outcome = Outcome {
        findings: Vec::new(),
        unreadable: found.problems.clone(),
        changed: Vec::new(),
        contents: found.contents.count(),
        read,
        time,
    };
    for (at, verdict) in verdicts.others() {
        let Some(content) = found.contents.get(at) else { continue };
        match verdict {
            Verdict::Good | Verdict::Stopped => {}
            Verdict::Damaged(damage) => {
                let cure = (surgery.damaged(&content), surgery.own(&content));
                outcome.findings.push(desk.damaged(&content, damage, cure));
            }
            Verdict::Changed => outcome.changed.push(content.path().to_path_buf()),
            Verdict::Unreadable(why) => outcome.unreadable.push((content.path().to_path_buf(), why.clone())),
        }
    }
    let missing = found.missing.iter().map(|missing| desk.missing(missing, surgery.missing(missing)));
    outcome.findings.extend(missing);
    outcome
        .findings
        .sort_by(|one, other| (&one.model, &one.file, &one.path).cmp(&(&other.model, &other.file, &other.path)));
    outcome
}

/// How a run without a repair ends: damage is a finding, and what could not be read is a failure.
fn end(outcome: &Outcome) -> Result<Exit> {
    if !outcome.findings.is_empty() {
        return Ok(Exit::Found);
    }
    if !outcome.unreadable.is_empty() {
        let count = outcome.unreadable.len();
        let are = if count == 1 { "it is" } else { "they are" };
        bail!("{} could not be read: whether {are} sound nobody knows", units::count(count, "path"));
    }
    Ok(Exit::Done)
}
