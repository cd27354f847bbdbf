//! `modelstrap report`: one HTML page that says where the bytes are and what could go.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use super::context::Context;
use super::outside::Outside;
use super::reclaim::{self, Bound, Reclaimable};
use super::survey::Survey;
use super::{Exit, Usage, notes};
use crate::cache::notes::{history, projects, uses};
use crate::cache::report::{self, Claim, MARK, Needs, Subject};
use crate::cache::{Inventory, scan};
use crate::cli::ReportArgs;
use crate::platform::{Os, disk};
use crate::support::interrupt::{self, Interrupted};
use crate::support::{atomic, escape, paths, quoted, time, units};

/// What finds no browser says so within that time.
const PATIENCE: Duration = Duration::from_secs(2);

/// The page's name in a project.
const FILE: &str = "modelstrap-report.html";

pub(super) fn run(context: &Context, arguments: &ReportArgs) -> Result<Exit> {
    interrupt::watch();
    let survey = Survey::of(context)?.without_links();
    let to_stdout = arguments.output.as_deref() == Some(Path::new("-"));
    if to_stdout && (context.global.json || arguments.open) {
        let flag = if arguments.open { "--open" } else { "--json" };
        return Err(Usage(format!("`--output -` and `{flag}` do not go together")).into());
    }
    let target = target(context, arguments, &survey)?;
    if !to_stdout {
        check(&target, arguments)?;
    }
    let inventory = scan::scan(survey.places.clone());
    if interrupt::requested() {
        bail!(Interrupted("stopped; nothing was written".to_owned()));
    }
    notes::size(context, &survey.layout.cache_root, &inventory);
    let page = page(context, &survey, &inventory);
    for problem in &inventory.problems {
        context.output.warn(format!("{}: {}; it is not counted", escape::path(&problem.path), problem.why));
    }
    if to_stdout {
        context.output.exact(&page)?;
    } else {
        write(&target, &page, &survey)?;
        tell(context, &survey, &inventory, (&target, page.len()), arguments.open)?;
    }
    if arguments.open {
        open(context, &target);
    }
    let problems = inventory.problems.len() + inventory.more_problems;
    if problems > 0 {
        bail!("{} could not be read: the sums are too small by what is in there", units::count(problems, "folder"));
    }
    Ok(Exit::Done)
}

/// Where the page goes.
fn target(context: &Context, arguments: &ReportArgs, survey: &Survey) -> Result<PathBuf> {
    match &arguments.output {
        Some(path) => Ok(paths::absolute(&context.start()?, path)),
        None => Ok(survey.project.root.join(FILE)),
    }
}

/// Refuses to replace what is no report. Who asks for a file by name may mean a link; a link of the usual name came with a project.
fn check(target: &Path, arguments: &ReportArgs) -> Result<()> {
    let shown = escape::path(target);
    let Ok(found) = std::fs::symlink_metadata(target) else {
        match target.parent() {
            Some(folder) if !folder.is_dir() => bail!("{}: there is no such folder", escape::path(folder)),
            _ => return Ok(()),
        }
    };
    if found.is_symlink() && arguments.output.is_none() {
        bail!("{shown} is a link: it is not written through\n  remove it, or name a file with `--output`");
    }
    if target.is_dir() {
        bail!("{shown} is a folder\n  name a file in it");
    }
    if target.exists() && !target.is_file() {
        bail!("{shown} is no regular file\n  name another, or `-` for stdout");
    }
    if arguments.force || !target.exists() || is_ours(target) {
        return Ok(());
    }
    bail!(
        "{shown} is no report of modelstrap's, and is left as it is\n  give `--force` to replace it, or name another file with `--output`"
    );
}

fn is_ours(path: &Path) -> bool {
    if !path.is_file() {
        return false;
    }
    let mut begin = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(MARK.len() as u64).read_to_end(&mut begin));
    read.is_ok() && begin == MARK.as_bytes()
}

fn page(context: &Context, survey: &Survey, inventory: &Inventory) -> String {
    let Survey { project, layout, homes, .. } = survey;
    let cache_root = &layout.cache_root;
    // The same second in a page that is made twice, where that is asked for.
    let now = humantime::parse_rfc3339(&time::now(&context.vars)).ok();
    let now = now.and_then(|now| now.duration_since(std::time::UNIX_EPOCH).ok()).map(|since| since.as_secs());
    let now = now.and_then(|now| i64::try_from(now).ok()).unwrap_or_else(time::seconds);
    let known = projects::all(cache_root, &context.vars, time::seconds());
    let reclaimable = reclaim::all(context, survey, inventory);
    let outside = Outside::of(inventory, cache_root);
    let twice = twice(outside).filter(|_| !reclaimable.no_project);
    let claims: Vec<Claim> = reclaimable.all.iter().map(claim).chain(twice).collect();
    report::render(&Subject {
        project: &project.name(),
        root: &project.root,
        home: layout.home.as_deref(),
        cache_root,
        inventory,
        contents: &report::read(inventory),
        needs: &Needs::of(&known, &project.root, notes::lock(project).as_ref(), homes),
        claims: &claims,
        refused: reclaimable.refused.as_deref(),
        no_project: reclaimable.no_project,
        known: &known,
        uses: &uses::last(cache_root),
        history: &history::all(cache_root),
        budget: project.manifest.cache.budget.as_deref().and_then(units::parse_bytes),
        // What changes by itself has no place in a page that is to be the same each time.
        free: context.vars.get("SOURCE_DATE_EPOCH").map_or_else(|| disk::free_space(cache_root), |_| None),
        now,
    })
}

/// The same for the page, and what is to be known before.
fn claim(one: &Reclaimable) -> Claim {
    let note = match one.what {
        "outside" => "`modelstrap migrate PATH` brings what lies in one place; the table of places below says where",
        "trash" => "until then `modelstrap clear --undo` brings it back",
        "broken_repositories" => "`hf cache ls` does not show such a repository",
        "unfinished_downloads" => "those that nobody is writing",
        "unfinished_downloads_outside" => "each by its path, if nobody is writing it; `modelstrap status` names one",
        "orphan_blobs" => "other tools do not show them",
        "unreferenced_revisions" => "no branch, no tag and no lock of a registered project names them",
        "expired_files" => "in application caches",
        _ => "",
    };
    let mut what = one.words.to_owned();
    if let Some(first) = what.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let (bound, command) = (one.bound.words(), one.command.to_owned());
    Claim { what, count: one.count, bytes: one.bytes, bound, command, note: note.to_owned() }
}

/// What may lie outside of the cache and in it, as `status` says it.
fn twice(outside: Outside) -> Option<Claim> {
    let note = match outside.twice {
        _ if outside.whole == 0 => return None,
        Some(0) => return None,
        Some(_) => "by their sizes; it compares the bytes, and links what is the same",
        None => "whether some of it is, it says: there are too many files to compare their sizes for this page",
    };
    Some(Claim {
        what: "What lies outside of the cache and may be there twice".to_owned(),
        count: 0,
        bytes: outside.twice.unwrap_or(0),
        bound: Bound::AtMost.words(),
        command: "modelstrap dedupe".to_owned(),
        note: note.to_owned(),
    })
}

fn write(target: &Path, page: &str, survey: &Survey) -> Result<()> {
    atomic::replace(target, page.as_bytes(), None, &survey.project.tag())
        .with_context(|| format!("{} cannot be written", escape::path(target)))
}

fn tell(context: &Context, survey: &Survey, inventory: &Inventory, page: (&Path, usize), opens: bool) -> Result<()> {
    let (target, size) = page;
    if context.global.json {
        let document = json!({
            "schema": "modelstrap.report/1",
            "project": quoted::text(&survey.project.root),
            "cache_root": quoted::text(&survey.layout.cache_root),
            "path": quoted::text(target),
            "bytes": size,
            "cache_bytes": inventory.homes.disk,
            "total_bytes": inventory.total.disk,
        });
        context.output.document(format!("{document:#}\n"))?;
    } else {
        let shown = paths::friendly(&survey.project.root, survey.layout.home.as_deref(), target);
        let hint = if opens { "" } else { ": open it in a browser, or give `--open`" };
        context.output.say(format!("Wrote {shown} ({}){hint}.", units::bytes(size as u64)));
    }
    Ok(())
}

/// Hands the page to whatever shows pages here. That there is nothing is worth a warning: the page is written.
fn open(context: &Context, target: &Path) {
    let program = match context.os {
        Os::Macos => "open",
        Os::Windows => "explorer.exe",
        Os::Linux | Os::Other => "xdg-open",
    };
    let mut command = Command::new(program);
    command.arg(target).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let failed = match command.spawn() {
        Err(error) => Some(format!("`{program}` could not be started: {error}")),
        // Explorer ends with 1 whatever it did.
        Ok(_) if context.os == Os::Windows => None,
        Ok(mut child) => {
            gave_up(&mut child).map(|status| format!("`{program}` found nothing to open it with ({status})"))
        }
    };
    if let Some(why) = failed {
        context.output.warn(format!("the page was not opened: {why}; open it by hand"));
    }
}

/// How it ended, if it did so with an error. One that is still at work after a while shows the page: some browsers end with their last window.
fn gave_up(child: &mut Child) -> Option<ExitStatus> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status).filter(|status| !status.success()),
            Ok(None) => std::thread::sleep(Duration::from_millis(20)),
            Err(_) => return None,
        }
    }
    None
}
