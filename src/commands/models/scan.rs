//! `modelstrap models scan`: looks into weights for code that would run when they are loaded.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use super::super::Exit;
use super::super::context::Context;
use super::super::words::Ground;
use super::Session;
use super::settle::{Ask, by_reason, settle};
use crate::cli::ScanArgs;
use crate::models::pickle::{self, Verdict};
use crate::models::placement;
use crate::support::{escape, interrupt, quoted, units};

/// A folder's tree is not followed deeper.
const DEEPEST: usize = 64;

pub(super) fn run(context: &Context, arguments: &ScanArgs) -> Result<Exit> {
    interrupt::watch();
    let session = Session::open(context)?;
    if arguments.targets.is_empty() && session.requests.is_empty() && !context.global.json {
        context.output.say("The manifest names no models; give files or folders to look into.");
        return Ok(Exit::Done);
    }
    let files = targets(&session, &arguments.targets)?;
    let (mut refused, mut pickles) = (0, 0);
    let mut listed = Vec::new();
    for path in &files {
        if interrupt::requested() {
            return Err(interrupt::Interrupted("stopped; nothing was changed".to_owned()).into());
        }
        let report = match pickle::scan(path) {
            Ok(report) => report,
            Err(error) => {
                refused += 1;
                context.output.error(format!("{} cannot be read: {error}", session.shown(path)));
                continue;
            }
        };
        pickles += usize::from(report.verdict != Verdict::NotAPickle);
        if report.is_acceptable() {
            context.output.detail(format!("{} is {report}", session.shown(path)));
        } else {
            refused += 1;
        }
        if context.global.json {
            let accepted = report.is_acceptable();
            listed.push(json!({"path": quoted::text(path), "accepted": accepted, "report": report.to_string()}));
        } else if !report.is_acceptable() {
            context.output.result(format!("{} is {report}\n", session.shown(path)))?;
        }
    }
    if context.global.json {
        let document = json!({"schema": "modelstrap.scan/1", "files": listed});
        context.output.document(format!("{document:#}\n"))?;
    }
    context.output.say(format!(
        "{} looked into, {} found, {refused} refused.",
        units::count(files.len(), "file"),
        units::count(pickles, "pickle")
    ));
    Ok(if refused > 0 { Exit::Found } else { Exit::Done })
}

/// The files to look into: those of models, files by path, and all below folders.
fn targets(session: &Session<'_>, words: &[OsString]) -> Result<Vec<PathBuf>> {
    let start = session.context.start()?;
    let ground = Ground { start: &start, layout: &session.layout };
    let (mut files, mut models) = (Vec::new(), Vec::new());
    for word in words {
        // A word that looks quoted may be a name that is written so: what could be meant is looked into.
        let found: Vec<PathBuf> =
            quoted::readings(word).filter_map(|name| ground.at(&name)).filter(|path| path.exists()).collect();
        for path in &found {
            walk(path, 0, &mut files)?;
        }
        match quoted::given(word) {
            _ if !found.is_empty() => {}
            gone if word.to_str().is_none() || gone.starts_with(['/', '.', '~']) || gone.contains('\\') => {
                bail!("there is no file or folder {}", quoted::shown(gone))
            }
            model => models.push(model),
        }
    }
    if !models.is_empty() || words.is_empty() {
        let settled = settle(session, session.picks(&models, false)?, Ask::Nobody, &|_| ())?;
        for (names, why) in by_reason(&settled.failures) {
            session.context.output.warn(format!("{names} cannot be looked into: {why}"));
        }
        let (mut lacking, mut absent) = (Vec::new(), 0);
        for (_, model) in &settled.models {
            let before = absent;
            for part in &model.parts {
                for file in &part.files {
                    let path = placement::visible(&session.world, part, file)?;
                    if path.exists() { files.push(path) } else { absent += 1 }
                }
            }
            if absent > before {
                lacking.push(escape::printable(&model.name));
            }
        }
        if absent > 0 {
            let (files, was) =
                (units::count(absent, "file"), if absent == 1 { ("is", "was") } else { ("are", "were") });
            let (names, (is, was)) = (units::listed(&lacking), was);
            session.context.output.warn(format!("{names}: {files} {is} not here, and {was} not looked into"));
        }
    }
    files.sort();
    files.dedup();
    Ok(files)
}

fn walk(path: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<()> {
    if path.is_file() {
        files.push(path.to_path_buf());
        return Ok(());
    }
    if depth > DEEPEST {
        return Ok(());
    }
    let entries = std::fs::read_dir(path).with_context(|| format!("{} cannot be read", escape::path(path)))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("{} cannot be read", escape::path(path)))?;
        // A link to a folder may lead round in circles; a link to a blob is what a snapshot is made of.
        if entry.path().is_dir() && entry.file_type().is_ok_and(|kind| kind.is_symlink()) {
            continue;
        }
        walk(&entry.path(), depth + 1, files)?;
    }
    Ok(())
}
