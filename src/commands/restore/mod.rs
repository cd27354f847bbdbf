//! `modelstrap restore`: brings what an archive holds into the cache, beside what is there.

mod list;

use anyhow::Result;
use serde::Serialize;
use serde_json::json;

use super::context::Context;
use super::survey::Survey;
use super::{Exit, consent};
use crate::cache::archive::index::Index;
use crate::cache::archive::members::{Entry, What};
use crate::cache::archive::merge::{self, Merge, Rules};
use crate::cache::archive::place::Outcome;
use crate::cache::archive::target::Target;
use crate::cache::archive::{read, restore, room};
use crate::cli::RestoreArgs;
use crate::platform::disk;
use crate::support::interrupt::{self, Interrupted};
use crate::support::{escape, paths, quoted, units};
use crate::ui::document::Each;

pub(super) fn run(context: &Context, arguments: &RestoreArgs) -> Result<Exit> {
    interrupt::watch();
    let pipe = arguments.archive.as_os_str() == "-";
    let path = if pipe { arguments.archive.clone() } else { paths::absolute(&context.start()?, &arguments.archive) };
    let mut archive = read::open(&path, context.os)?;
    let index = std::sync::Arc::clone(&archive.index);
    if arguments.list {
        let listed = list::list(context, &index)?;
        archive.pass_over();
        return Ok(listed);
    }
    let survey = Survey::of(context)?;
    survey.check_root()?;
    let target = Target::of(&survey.homes);
    let rules = Rules { force: arguments.force, damaged: arguments.allow_damaged };
    let gauge = context.gauge("Comparing", 0);
    let merge = merge::merge(&index, &target, rules, &|bytes| gauge.add(bytes))?;
    drop(gauge);
    show(context, &survey, &target, &index, &merge);
    if arguments.dry_run || merge.is_done() {
        if merge.is_done() {
            if !arguments.dry_run {
                restore::tidy(&index, &target);
            }
            let all = end(&merge, None) == Exit::Done;
            let why = if index.members.is_hollow() {
                "the archive holds no file"
            } else if all {
                "all of it is here"
            } else {
                "what is not named above is here"
            };
            context.output.say(format!("Nothing to bring: {why}."));
        }
        report(context, arguments, &index, &merge, None)?;
        archive.pass_over();
        return Ok(end(&merge, None));
    }
    super::setup::remind(context, &survey.project);
    room::has_room(&index, &merge, &target)?;
    consent(context, arguments, &index, &merge)?;
    let gauge = context.gauge("Restoring", merge.coming(&index).0);
    let outcome = restore::restore(&mut archive, &merge, &target, &|bytes| gauge.add(bytes));
    drop(gauge);
    let outcome = outcome.map_err(|error| match error.is::<Interrupted>() {
        true => error,
        false => {
            let what = if pipe { "what comes from standard input".to_owned() } else { escape::path(&path) };
            broken_off(error, &what)
        }
    })?;
    for (name, why) in &outcome.kept {
        context.output.warn(format!("{name} did not come: {why}"));
    }
    report(context, arguments, &index, &merge, Some(&outcome))?;
    archive.pass_over();
    Ok(end(&merge, Some(&outcome)))
}

/// Why a restore ended before its end, and on a full disk what to do.
fn broken_off(error: anyhow::Error, what: &str) -> anyhow::Error {
    let full = |cause: &std::io::Error| {
        matches!(cause.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
    };
    let is_full = error.chain().filter_map(|cause| cause.downcast_ref()).any(full);
    let said = format!("{what} cannot be restored; what came until then is whole");
    match is_full {
        true => anyhow::anyhow!("{said}: {error:#}\n  make room, and run this again: it goes on from there"),
        false => error.context(said),
    }
}

/// Something in the archive did not come: that is found, and said by the exit code.
fn end(merge: &Merge, outcome: Option<&Outcome>) -> Exit {
    let kept = merge.steps.iter().any(|step| matches!(step, merge::Step::Keep(_) | merge::Step::LeftOut));
    if kept || outcome.is_some_and(|outcome| !outcome.kept.is_empty()) { Exit::Found } else { Exit::Done }
}

/// Says what comes, and what stays.
fn show(context: &Context, survey: &Survey, target: &Target, index: &Index, merge: &Merge) {
    const NAMED: usize = 20;
    let output = &context.output;
    let (bytes, contents) = merge.coming(index);
    let root = paths::friendly(&survey.layout.root, survey.layout.home.as_deref(), &survey.homes.root);
    let here = merge.here(index);
    let beside = if here > 0 { format!("; {} are here already", units::bytes(here)) } else { String::new() };
    let free = disk::free_space(target.root()).filter(|_| contents > 0);
    let free = free.map_or_else(String::new, |free| format!("; {} are free there", units::bytes(free)));
    let takes = room::needs(index, merge, target).iter().map(|(_, need)| need).sum();
    // Copies where links cannot be, and many small files: what the contents are says little of it then.
    let is_much = takes > bytes.saturating_add(bytes / 20).saturating_add(1 << 20);
    let takes = if is_much { format!(", where they take {}", units::bytes(takes)) } else { String::new() };
    output.tell(format!(
        "{} in {} come to {root}{takes}{beside}{free}.",
        units::bytes(bytes),
        units::count(contents, "content")
    ));
    for (name, why) in merge.kept(index).take(NAMED) {
        output.warn(format!("{name} stays as it is: {why}"));
    }
    let kept = merge.kept(index).count();
    if kept > NAMED {
        output.warn(format!("{} more stay as they are; `--json` names them", kept - NAMED));
    }
    left_out(context, index, merge, NAMED);
    for at in merge.newer.iter().take(NAMED) {
        output.tell(format!("{} was written later than the archive's, and stays.", index.members.name(*at)));
    }
    for name in merge.replaced(index).take(NAMED) {
        output.tell(format!("{name} has other bytes here, and is to be replaced."));
    }
}

/// Names the damaged contents that do not come.
fn left_out(context: &Context, index: &Index, merge: &Merge, named: usize) {
    let is_link = |entry: &Entry| matches!(entry.what, What::Link { .. });
    let links = merge.left_out(index).filter(is_link).count();
    let contents = merge.left_out(index).count() - links;
    if contents + links == 0 {
        return;
    }
    let links = match links {
        0 => String::new(),
        count => format!(", and {} to them", units::count(count, "link")),
    };
    context.output.warn(format!(
        "{} of the archive are left out: damaged{links}; `--allow-damaged` takes them",
        units::bytes(merge.left_out_bytes(index))
    ));
    for entry in merge.left_out(index).filter(|entry| !is_link(entry)).take(named) {
        context.output.warn(format!("{}: its bytes are not what its name promises", entry.name));
    }
    if contents > named {
        context.output.warn(format!("and {} more, which `--json` names", contents - named));
    }
}

/// Asks before anything is written, where somebody is there to be asked; without, only what would be replaced needs a word.
fn consent(context: &Context, arguments: &RestoreArgs, index: &Index, merge: &Merge) -> Result<()> {
    if arguments.yes {
        return Ok(());
    }
    let replaced = merge.replaced(index).count();
    let files = units::count(replaced, "file");
    // Who sends an archive through a pipe has said what is to be done.
    let can_ask = context.can_ask() && arguments.archive.as_os_str() != "-";
    let alone = (&*format!("{files} would be replaced"), "`--yes`");
    match replaced {
        0 if can_ask => consent::sure(context, "Restore?", alone),
        0 => Ok(()),
        _ if can_ask => consent::sure(context, &format!("Restore, and replace {files}?"), alone),
        _ => Err(consent::nobody(alone)),
    }
}

/// What is printed for programs.
#[derive(Serialize)]
struct Document<LeftOut, Replaced, Kept, Newer> {
    schema: &'static str,
    archive: String,
    dry_run: bool,
    coming_contents: usize,
    coming_bytes: u64,
    here_bytes: u64,
    left_out_bytes: u64,
    left_out: LeftOut,
    files: Option<u64>,
    bytes: Option<u64>,
    links: Option<u64>,
    references: Option<u64>,
    replaced: Replaced,
    kept: Kept,
    newer: Newer,
}

fn report(
    context: &Context,
    arguments: &RestoreArgs,
    index: &Index,
    merge: &Merge,
    outcome: Option<&Outcome>,
) -> Result<()> {
    let (bytes, contents) = merge.coming(index);
    if context.global.json {
        let kept = |name: String, why: &str| json!({"name": name, "why": why});
        let late = || outcome.iter().flat_map(|outcome| &outcome.kept).map(|(name, why)| kept(name.text(), why));
        let document = Document {
            schema: "modelstrap.restore/1",
            archive: quoted::text(&arguments.archive),
            dry_run: arguments.dry_run,
            coming_contents: contents,
            coming_bytes: bytes,
            here_bytes: merge.here(index),
            left_out_bytes: merge.left_out_bytes(index),
            left_out: Each(|| merge.left_out(index).map(|entry| entry.name.text())),
            files: outcome.map(|outcome| outcome.files),
            bytes: outcome.map(|outcome| outcome.bytes),
            links: outcome.map(|outcome| outcome.links),
            references: outcome.map(|outcome| outcome.references),
            replaced: Each(|| merge.replaced(index).map(|name| name.text())),
            kept: Each(|| merge.kept(index).map(|(name, why)| kept(name.text(), why)).chain(late())),
            newer: Each(|| merge.newer.iter().map(|at| index.members.name(*at).text())),
        };
        context.output.stream_document(&document)?;
    } else if let Some(outcome) = outcome {
        let unread = if merge.here(index) > 0 && !arguments.force {
            " Blobs that were here already were not read: `modelstrap verify` does that."
        } else {
            ""
        };
        context.output.say(format!(
            "Restored {} in {} and {}; every byte of it is what the index says.{unread}",
            units::bytes(outcome.bytes),
            units::count(outcome.files, "file"),
            units::count(outcome.links, "link"),
        ));
    }
    Ok(())
}
