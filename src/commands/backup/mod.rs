//! `modelstrap backup`: the cache, or some models of it, in one archive.

mod choice;
pub(in crate::commands) mod listing;

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use serde::Serialize;
use serde_json::json;

use super::cleaning::Beyond;
use super::context::Context;
use super::survey::Survey;
use super::{Exit, Usage, consent};
use crate::cache::archive::gather::{self, Gathered};
use crate::cache::archive::output;
use crate::cache::archive::pack::Method;
use crate::cache::archive::plan::{self, About, Plan};
use crate::cache::archive::read;
use crate::cache::archive::table::Kind;
use crate::cache::archive::write::{self, Failure};
use crate::cli::{BackupArgs, Compress};
use crate::models::hub::store;
use crate::platform::{Os, disk};
use crate::support::interrupt::{self, Interrupted};
use crate::support::{escape, paths, quoted, time, units};
use crate::ui::document::Each;
use choice::Choice;
use listing::Listing;

pub(super) fn run(context: &Context, arguments: &BackupArgs) -> Result<Exit> {
    let method = method(arguments)?;
    let pipe = arguments.archive.as_os_str() == "-";
    if pipe && context.global.json && !arguments.dry_run {
        return Err(Usage("the archive itself goes to standard output: `--json` has no place there".to_owned()).into());
    }
    if pipe && !arguments.dry_run && io::stdout().is_terminal() {
        return Err(Usage("an archive is nothing for a terminal: send it into a pipe or a file".to_owned()).into());
    }
    interrupt::watch();
    let survey = Survey::of(context)?;
    // What lies in a home folder's `.cache` is every program's, with its cookies.
    survey.check_project()?;
    let target = paths::absolute(&context.start()?, &arguments.archive);
    let roots = choice::roots(&survey);
    let choice = Choice::of(context, &survey, &roots, &arguments.models)?;
    let stores: Vec<Vec<u8>> = roots
        .iter()
        .flat_map(|root| {
            let inside = [root.prefix.clone(), [&root.prefix[..], b"/hub"].concat()];
            let folders = [root.path.clone(), root.path.join("hub")];
            inside.into_iter().zip(folders).filter(|(_, folder)| store::folder(folder).is_some()).map(|(name, _)| name)
        })
        .collect();
    let never = if pipe { Vec::new() } else { output::files(&target).to_vec() };
    let mut found = gather::gather(&roots, &stores, &|name| choice.wants(name, &stores), &never)?;
    let left_out = std::mem::take(&mut found.left_out);
    let plan = order(context, arguments, found)?;
    let is_empty = plan.index.members.is_hollow() && plan.problems.is_empty();
    show(context, &plan, &left_out);
    let stream = pipe || is_stream(&target);
    if !stream && !is_empty {
        room(context, &target, &plan);
    }
    if is_empty {
        if arguments.dry_run {
            report(context, arguments, &plan, &left_out, None)?;
        }
        return Err(nothing(&survey));
    }
    if arguments.dry_run {
        if !context.global.json {
            Listing::of(&plan.index).show(&context.output)?;
        }
        report(context, arguments, &plan, &left_out, None)?;
        return end(context, &plan);
    }
    let size = if pipe {
        write_pipe(context, &plan, method)?
    } else {
        write_file(context, arguments, &target, &plan, method)?
    };
    report(context, arguments, &plan, &left_out, Some(size))?;
    end(context, &plan)
}

/// How it is compressed: as asked, else by its name.
fn method(arguments: &BackupArgs) -> Result<Method> {
    let name = arguments.archive.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let by_name = || match () {
        () if name == "-" || [".zst", ".zstd", ".tzst"].iter().any(|end| name.ends_with(end)) => Some(Compress::Zstd),
        () if [".gz", ".tgz"].iter().any(|end| name.ends_with(end)) => Some(Compress::Gzip),
        () if name.ends_with(".tar") => Some(Compress::None),
        () => None,
    };
    let level = arguments.level;
    match arguments.compress.or_else(by_name) {
        Some(Compress::Zstd) => Ok(Method::Zstd(i32::from(level.unwrap_or(1)))),
        Some(Compress::Gzip) if level.is_some_and(|level| level > 9) => {
            Err(Usage("`--level`: gzip has levels from 1 to 9".to_owned()).into())
        }
        Some(Compress::Gzip) => Ok(Method::Gzip(u32::from(level.unwrap_or(1)))),
        Some(Compress::None) if level.is_some() => {
            Err(Usage("`--level` says how hard to compress, and nothing is compressed".to_owned()).into())
        }
        Some(Compress::None) => Ok(Method::Plain),
        None => Err(Usage(format!(
            "how {} is to be compressed cannot be told from its name\n  call it NAME.tar.zst, NAME.tar.gz or NAME.tar, or give `--compress`",
            escape::path(&arguments.archive)
        ))
        .into()),
    }
}

/// The archive's index: contents whose digest no name says are read for it.
fn order(context: &Context, arguments: &BackupArgs, found: Gathered) -> Result<Plan> {
    let about = About {
        tool: env!("CARGO_PKG_VERSION").to_owned(),
        now: time::now(&context.vars),
        trust_names: !arguments.allow_damaged,
    };
    let gauge = context.gauge("Reading", 0);
    Ok(plan::plan(found, &about, &|bytes| gauge.add(bytes))?)
}

/// Says what is stored, and what is not.
fn show(context: &Context, plan: &Plan, left_out: &[(PathBuf, String)]) {
    let output = &context.output;
    for (path, why) in left_out.iter().filter(|(_, why)| why != "a login") {
        output.warn(format!("{} is left out: {why}", escape::path(path)));
    }
    let logins = left_out.iter().filter(|(_, why)| why == "a login").count();
    if logins > 0 {
        output.tell(format!("Left out: {}, which belongs to this machine.", units::count(logins, "login")));
    }
    for (path, why) in &plan.problems {
        output.warn(format!("{}: {why}; it is not stored", escape::path(path)));
    }
    let (contents, once) = sums(plan);
    if plan.index.members.is_hollow() {
        return;
    }
    let saved =
        if once > 0 { format!("; {} more are second names of them", units::bytes(once)) } else { String::new() };
    output.tell(format!("{} in {}{saved}.", units::bytes(plan.index.head.bytes), units::count(contents, "content")));
}

/// That there is nothing to store: an archive of nothing is taken for a backup.
fn nothing(survey: &Survey) -> anyhow::Error {
    let outside = Beyond::of(survey).map(|found| format!("; {}: `modelstrap migrate` first", found.said()));
    anyhow!("the cache is empty: nothing was written{}", outside.unwrap_or_default())
}

/// Warns where the archive's disk may not take it. It may get smaller than what it holds, so that nothing is refused.
fn room(context: &Context, target: &Path, plan: &Plan) {
    let folder = target.parent().unwrap_or(target);
    let needed = plan.index.head.bytes;
    if let Some(free) = disk::free_space(folder).filter(|free| *free < needed) {
        let (needed, free) = (units::bytes(needed), units::bytes(free));
        context.output.warn(format!("the archive needs up to {needed}, and {free} are free on its disk"));
    }
}

/// Whether `target` is a device or a named pipe, which takes what comes.
fn is_stream(target: &Path) -> bool {
    std::fs::metadata(target).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

/// How many contents there are, and how many bytes their second names would take.
fn sums(plan: &Plan) -> (usize, u64) {
    let members = &plan.index.members;
    let second = (0..members.len()).filter(|at| members.kind(*at) == Kind::Same);
    (members.contents(), second.filter_map(|at| members.content(at)).map(|(_, size)| size).sum())
}

/// Where an archive goes, and what is left there when it fails.
enum Left {
    /// A file, which is not left behind half.
    Nothing,
    /// A pipe or a device, which has the beginning.
    Beginning,
}

impl Left {
    const fn words(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing was written",
            Self::Beginning => "the stream is cut off here, and `modelstrap restore` refuses it",
        }
    }
}

/// In words for a person: what to do where it failed.
fn failed(error: Failure, archive: &str, left: &Left) -> anyhow::Error {
    let what = left.words();
    match error {
        Failure::Stopped(_) if matches!(left, Left::Beginning) => Interrupted(format!("stopped; {what}")).into(),
        Failure::Stopped(stopped) => stopped.into(),
        Failure::Damaged { ref path, .. } => anyhow!(
            "{error}\n  {what}: `{}` fetches it again, and `--allow-damaged` stores it as it is",
            choice::mending(path)
        ),
        Failure::Changed(_) => {
            anyhow!("{error}\n  {what}: run `modelstrap backup` again when nobody writes into the cache")
        }
        // Who reads the pipe has seen enough.
        Failure::Disk(error) if error.kind() == io::ErrorKind::BrokenPipe => error.into(),
        Failure::Disk(error) => match left {
            Left::Nothing => anyhow!("{archive} cannot be written: {error}\n  nothing of it is left"),
            Left::Beginning => anyhow!("{archive} cannot be written: {error}\n  {what}"),
        },
        Failure::Unreadable { .. } | Failure::Closed(_) => anyhow!("{error}\n  {what}"),
    }
}

/// Standard output, and whether anything went there.
struct Counted {
    out: io::Stdout,
    any: bool,
}

impl io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.any |= count > 0;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn write_pipe(context: &Context, plan: &Plan, method: Method) -> Result<u64> {
    let gauge = context.gauge("Storing", plan.index.head.bytes);
    let mut out = Counted { out: io::stdout(), any: false };
    let written = write::write(plan, &mut out, method, &|bytes| gauge.add(bytes));
    let left = if out.any { Left::Beginning } else { Left::Nothing };
    written.map_err(|error| match error {
        // A pipe that breaks off left an archive that is none: no success, as it is for words.
        Failure::Disk(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            anyhow!("whoever reads the archive stopped before its end")
        }
        other => failed(other, "standard output", &left),
    })
}

fn write_file(context: &Context, arguments: &BackupArgs, target: &Path, plan: &Plan, method: Method) -> Result<u64> {
    let shown = escape::path(target);
    if target.is_file() {
        only_an_archive(target, &shown)?;
        consent(context, arguments, &shown)?;
    }
    let gauge = context.gauge("Storing", plan.index.head.bytes);
    let left = if is_stream(target) { Left::Beginning } else { Left::Nothing };
    output::write(plan, target, method, &|bytes| gauge.add(bytes)).map_err(|error| failed(error, &shown, &left))
}

/// Refuses to replace what is no archive, whatever was agreed to: a slip of the keyboard must not cost a manifest, or a model.
fn only_an_archive(target: &Path, shown: &str) -> Result<()> {
    let is_empty = std::fs::metadata(target).is_ok_and(|found| found.len() == 0);
    if !is_empty && read::open(target, Os::current()).is_err() {
        bail!(
            "{shown} is there, and is no archive of modelstrap: it is not replaced\n  name another file, or remove it first"
        );
    }
    Ok(())
}

fn consent(context: &Context, arguments: &BackupArgs, shown: &str) -> Result<()> {
    if arguments.yes {
        return Ok(());
    }
    let there = format!("{shown} is there already");
    consent::sure(context, &format!("{there}. Replace it?"), (&there, "`--yes` to replace it"))
}

/// What is printed for programs.
#[derive(Serialize)]
struct Document<Units, LeftOut, Problems> {
    schema: &'static str,
    archive: String,
    dry_run: bool,
    names: usize,
    contents: usize,
    content_bytes: u64,
    second_name_bytes: u64,
    archive_bytes: Option<u64>,
    units: Units,
    left_out: LeftOut,
    problems: Problems,
}

fn report(
    context: &Context,
    arguments: &BackupArgs,
    plan: &Plan,
    left_out: &[(PathBuf, String)],
    size: Option<u64>,
) -> Result<()> {
    if context.global.json {
        let (contents, second) = sums(plan);
        let listing = Listing::of(&plan.index);
        let listed = |path: &Path, why: String| json!({"path": quoted::text(path), "why": why});
        let document = Document {
            schema: "modelstrap.backup/1",
            archive: quoted::text(&arguments.archive),
            dry_run: arguments.dry_run,
            names: plan.index.members.len(),
            contents,
            content_bytes: plan.index.head.bytes,
            second_name_bytes: second,
            archive_bytes: size,
            units: Each(|| listing.units()),
            left_out: Each(|| left_out.iter().map(|(path, why)| listed(path, why.clone()))),
            problems: Each(|| plan.problems.iter().map(|(path, why)| listed(path, why.to_string()))),
        };
        context.output.stream_document(&document)?;
    } else if let Some(size) = size {
        let shown = if arguments.archive.as_os_str() == "-" {
            "standard output".into()
        } else {
            escape::path(&arguments.archive)
        };
        context.output.say(format!("Wrote {} to {shown}.", units::bytes(size)));
    }
    Ok(())
}

fn end(context: &Context, plan: &Plan) -> Result<Exit> {
    if plan.problems.is_empty() {
        return Ok(Exit::Done);
    }
    let (count, are) = (plan.problems.len(), if plan.problems.len() == 1 { "is" } else { "are" });
    context.output.error(format!("{} could not be read, and {are} not in the archive", units::count(count, "path")));
    Ok(Exit::Of(1))
}
