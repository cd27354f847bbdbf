//! `modelstrap restore`: brings what an archive holds into the cache, beside what is there.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::{Value, json};

use super::backup::progress::Meter;
use super::context::Context;
use super::survey::Survey;
use super::{Exit, Usage};
use crate::cache::archive::index::{Index, What, hex};
use crate::cache::archive::merge::{self, Merge, Rules};
use crate::cache::archive::names::{self, Name, Role};
use crate::cache::archive::place::Outcome;
use crate::cache::archive::target::Target;
use crate::cache::archive::{read, restore};
use crate::cli::RestoreArgs;
use crate::support::interrupt::{self, Interrupted};
use crate::support::{escape, paths, time, units};
use crate::ui::prompts::Prompts;
use crate::ui::table::{self, Cell, Column};

pub(super) fn run(context: &Context, arguments: &RestoreArgs) -> Result<Exit> {
    interrupt::watch();
    let pipe = arguments.archive.as_os_str() == "-";
    let path = if pipe { arguments.archive.clone() } else { paths::absolute(&context.start()?, &arguments.archive) };
    let mut archive = read::open(&path, context.os)?;
    let index = std::sync::Arc::clone(&archive.index);
    if arguments.list {
        return list(context, &index);
    }
    let survey = Survey::of(context)?;
    let target = Target::of(&survey.homes);
    let rules = Rules { force: arguments.force, damaged: arguments.allow_damaged };
    let meter = Meter::new(&context.output, context.global.json, "Comparing", 0);
    let merge = merge::merge(&index, &target, rules, &|bytes| meter.add(bytes))?;
    drop(meter);
    show(context, &survey, &index, &merge);
    if arguments.dry_run || merge.is_done() {
        if merge.is_done() {
            if !arguments.dry_run {
                restore::tidy(&index, &target);
            }
            context.output.say("Nothing to bring: all of it is here.");
        }
        report(context, arguments, &index, &merge, None)?;
        return Ok(end(&merge, None));
    }
    consent(context, arguments, &index, &merge)?;
    let meter = Meter::new(&context.output, context.global.json, "Restoring", merge.coming(&index).0);
    let outcome = restore::restore(&mut archive, &merge, &target, &|bytes| meter.add(bytes));
    meter.end();
    drop(meter);
    let outcome = outcome.map_err(|error| match error.is::<Interrupted>() {
        true => error,
        false => error.context(format!(
            "{} cannot be restored; what came until then is whole",
            if pipe { "what comes from standard input".to_owned() } else { escape::path(&path) }
        )),
    })?;
    for (name, why) in &outcome.kept {
        context.output.warn(format!("{name} did not come: {why}"));
    }
    report(context, arguments, &index, &merge, Some(&outcome))?;
    Ok(end(&merge, Some(&outcome)))
}

/// Something in the archive did not come: that is found, and said by the exit code.
fn end(merge: &Merge, outcome: Option<&Outcome>) -> Exit {
    let kept = merge.steps.iter().any(|step| matches!(step, merge::Step::Keep(_)));
    if kept || outcome.is_some_and(|outcome| !outcome.kept.is_empty()) { Exit::Found } else { Exit::Done }
}

/// Says what comes, and what stays.
fn show(context: &Context, survey: &Survey, index: &Index, merge: &Merge) {
    const NAMED: usize = 20;
    let output = &context.output;
    let (bytes, contents) = merge.coming(index);
    let root = paths::friendly(&survey.layout.root, survey.layout.home.as_deref(), &survey.homes.root);
    let here = merge.here(index);
    let beside = if here > 0 { format!("; {} are here already", units::bytes(here)) } else { String::new() };
    output.tell(format!("{} in {} come to {root}{beside}.", units::bytes(bytes), units::count(contents, "content")));
    let kept: Vec<(&Name, &str)> = merge.kept(index).collect();
    for (name, why) in kept.iter().take(NAMED) {
        output.warn(format!("{name} stays as it is: {why}"));
    }
    if kept.len() > NAMED {
        output.warn(format!("{} more stay as they are; `--json` names them", kept.len() - NAMED));
    }
    for at in merge.newer.iter().take(NAMED) {
        output.tell(format!("{} was written later than the archive's, and stays.", index.entries[*at].name));
    }
    for name in merge.replaced(index).take(NAMED) {
        output.tell(format!("{name} is replaced."));
    }
}

fn consent(context: &Context, arguments: &RestoreArgs, index: &Index, merge: &Merge) -> Result<()> {
    let replaced = merge.replaced(index).count();
    if arguments.yes || replaced == 0 {
        return Ok(());
    }
    let files = units::count(replaced, "file");
    if !context.can_ask() {
        return Err(
            Usage(format!("{files} would be replaced, and there is no terminal to ask on\n  give `--yes`")).into()
        );
    }
    if !Prompts::new(&context.output).yes(&format!("Replace {files}?"))? {
        return Err(Interrupted("left; nothing was changed".to_owned()).into());
    }
    Ok(())
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
        let mut kept: Vec<Value> =
            merge.kept(index).map(|(name, why)| json!({"name": name.encoded(), "why": why})).collect();
        kept.extend(
            outcome.iter().flat_map(|outcome| &outcome.kept).map(|(name, why)| json!({"name": name, "why": why})),
        );
        let document = json!({
            "schema": "modelstrap.restore/1",
            "archive": arguments.archive.to_string_lossy(),
            "dry_run": arguments.dry_run,
            "coming_contents": contents,
            "coming_bytes": bytes,
            "here_bytes": merge.here(index),
            "files": outcome.map(|outcome| outcome.files),
            "bytes": outcome.map(|outcome| outcome.bytes),
            "links": outcome.map(|outcome| outcome.links),
            "references": outcome.map(|outcome| outcome.references),
            "replaced": merge.replaced(index).map(Name::encoded).collect::<Vec<_>>(),
            "kept": kept,
            "newer": merge.newer.iter().map(|at| index.entries[*at].name.encoded()).collect::<Vec<_>>(),
        });
        context.output.document(format!("{document:#}\n"))?;
    } else if let Some(outcome) = outcome {
        context.output.say(format!(
            "Restored {} in {} and {}; every byte is what the index says.",
            units::bytes(outcome.bytes),
            units::count(usize::try_from(outcome.files).unwrap_or(usize::MAX), "file"),
            units::count(usize::try_from(outcome.links).unwrap_or(usize::MAX), "link"),
        ));
    }
    Ok(())
}

/// A repository, or a file, of an archive.
#[derive(Default)]
struct Line {
    bytes: u64,
    files: usize,
    revisions: std::collections::BTreeSet<Vec<u8>>,
    used: i64,
}

/// What the archive holds, repository by repository and file by file; nothing but its index is read.
fn list(context: &Context, index: &Index) -> Result<Exit> {
    let stores = index.stores();
    let mut lines: BTreeMap<String, Line> = BTreeMap::new();
    for (at, entry) in index.entries.iter().enumerate() {
        let role = entry.name.role(&stores);
        if matches!(role, Role::Users | Role::Marker | Role::Payload) {
            continue;
        }
        let unit = match entry.name.repository() {
            Some((repository, _)) => names::shown(repository),
            None => entry.name.to_string(),
        };
        let line = lines.entry(unit).or_default();
        line.used = line.used.max(entry.mtime);
        if let (Role::Snapshot, Some((_, inside))) = (role, entry.name.repository()) {
            line.revisions.extend(inside.split(|byte| *byte == b'/').nth(1).map(<[u8]>::to_vec));
        }
        if matches!(role, Role::Blob | Role::Plain) {
            let content = match &entry.what {
                What::Link { to } => {
                    names::resolve(entry.name.folder(), to).and_then(|to| index.content(index.find(&to)?))
                }
                _ => index.content(at),
            };
            line.bytes += content.map_or(0, |(_, size)| size);
            line.files += usize::from(content.is_some());
        }
    }
    if context.global.json {
        context.output.document(format!("{:#}\n", listed(index, &lines)))?;
        return Ok(Exit::Done);
    }
    if context.output.verbose > 0 {
        let text: String = index.entries.iter().enumerate().map(|(at, entry)| member(index, at, &entry.name)).collect();
        context.output.result(text)?;
        return Ok(Exit::Done);
    }
    const COLUMNS: [Column; 4] = [
        Column { heading: "What", right: false },
        Column { heading: "Size", right: true },
        Column { heading: "Files", right: true },
        Column { heading: "Revisions", right: true },
    ];
    let row = |(name, line): (&String, &Line)| {
        let revisions = if line.revisions.is_empty() { String::new() } else { line.revisions.len().to_string() };
        vec![Cell::new(name), Cell::size(Some(line.bytes)), Cell::new(line.files.to_string()), Cell::new(revisions)]
    };
    let rows: Vec<Vec<Cell>> = lines.iter().map(row).collect();
    let output = &context.output;
    output.say(format!(
        "Written {} by modelstrap {}: {} of contents.",
        escape::printable(&index.head.created_at),
        escape::printable(&index.head.tool),
        units::bytes(index.head.bytes)
    ));
    output.result(table::render(&COLUMNS, &rows, output.colour_out, output.room_out()))?;
    Ok(Exit::Done)
}

/// A line of the long list.
fn member(index: &Index, at: usize, name: &Name) -> String {
    let what = match &index.entries[at].what {
        What::File { size, sum } => format!("{size:>15} {}", hex(sum)),
        What::Same { of, .. } => format!("{:>15} = {}", "", index.entries[*of].name),
        What::Link { to } => format!("{:>15} -> {}", "", names::shown(to)),
        What::Folder => format!("{:>15}", ""),
    };
    format!("{name} {what}\n")
}

fn listed(index: &Index, lines: &BTreeMap<String, Line>) -> Value {
    let unit = |(name, line): (&String, &Line)| {
        let revisions: Vec<String> = line.revisions.iter().map(|commit| names::encode(commit)).collect();
        json!({"name": name, "bytes": line.bytes, "files": line.files, "revisions": revisions, "changed_at": time::rfc3339(line.used)})
    };
    let entry = |at: usize| {
        let entry = &index.entries[at];
        let mut value = json!({"name": entry.name.encoded()});
        match &entry.what {
            What::File { size, sum } => (value["size"], value["sha256"]) = (json!(size), json!(hex(sum))),
            What::Same { of, .. } => value["same_as"] = json!(index.entries[*of].name.encoded()),
            What::Link { to } => value["to"] = json!(names::encode(to)),
            What::Folder => value["folder"] = json!(true),
        }
        value
    };
    json!({
        "schema": "modelstrap.archive-list/1",
        "tool": index.head.tool,
        "created_at": index.head.created_at,
        "content_bytes": index.head.bytes,
        "units": lines.iter().map(unit).collect::<Vec<_>>(),
        "members": (0..index.entries.len()).map(entry).collect::<Vec<_>>(),
    })
}
