//! `modelstrap dedupe`: finds what is stored twice, shows what becomes of it, and does it.

mod json;
mod lines;
mod names;
mod script;

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Result, bail};

use super::context::Context;
use super::survey::Survey;
use super::{Exit, consent};
use crate::cache::Place;
use crate::cache::duplicates::world::Live;
use crate::cache::duplicates::{self, Found, Memory, Plan, Rules, Search, decide, memory};
use crate::cache::link::{self, Job, Outcome};
use crate::cache::places::Kind;
use crate::cli::DedupeArgs;
use crate::platform::open_files::open_files;
use crate::project::Project;
use crate::setup::Layout;
use crate::support::interrupt::{self, Interrupted};
use crate::support::lock::Lock;
use crate::support::{escape, units};
use crate::ui::gauge::Gauge;

/// How long another run is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was found, what becomes of it, and what became of it.
struct Report<'a> {
    arguments: &'a DedupeArgs,
    project: Project,
    layout: Layout,
    places: Vec<Place>,
    found: Found,
    plan: Plan,
    outcome: Option<Outcome>,
}

pub(super) fn run(context: &Context, arguments: &DedupeArgs) -> Result<Exit> {
    interrupt::watch();
    let survey = Survey::of(context)?.without_links();
    survey.check_project()?;
    survey.warn(&context.output);
    survey.tell_links(&context.output);
    let Survey { project, layout, mut places, distrusted, .. } = survey;
    // Who shares what a variable of the shell leads to, nobody knows here.
    let is_shared = |place: &Place| matches!(place.kind, Kind::Shell { .. });
    places.retain(|place| !is_shared(place) && !distrusted.iter().any(|one| one.place == *place));
    let note = layout.cache_root.join(".modelstrap").join(memory::FILE);
    let mut memory = Memory::load(&note);
    let prefix = link::prefix(&layout.cache_root);
    let now = now();
    let mut has_hashed = false;
    let mut find = || {
        let search = Search {
            places: &places,
            min_size: arguments.min_size,
            memory: &memory,
            // A dry run writes nothing.
            remembers: !arguments.dry_run,
            leftover: &prefix,
        };
        let mut found = duplicates::find(&search);
        for (at, hash) in std::mem::take(&mut found.hashed) {
            has_hashed = true;
            memory.note(&found.files.file(at).stamp(), hash, now);
        }
        unless_stopped().map(|()| found)
    };
    let mut found = find()?;
    if !found.leftovers.is_empty() && !arguments.dry_run {
        sweep(context, &layout, &found, &prefix)?;
        found = find()?;
    }
    let grace = i128::try_from(arguments.grace.as_nanos()).unwrap_or(i128::MAX);
    let cache_root = &layout.cache_root;
    let rules = Rules { places: &places, cache_root, now, grace, symlinks: arguments.symlinks };
    let groups = std::mem::take(&mut found.groups);
    let plan = decide::decide(std::mem::take(&mut found.files), &groups, &rules, &Live::default());
    drop(groups);
    unless_stopped()?;
    let mut report = Report { arguments, project, layout, places, found, plan, outcome: None };
    if arguments.dry_run {
        return report.dry_run(context);
    }
    lines::plan(&report, &context.output);
    let stopped = report.apply(context);
    if has_hashed {
        // Without it the next run reads the files again, and nothing is lost.
        let _ = link::remember(&report.layout.cache_root, &memory.text());
    }
    stopped?;
    report.end(context)
}

fn guard(context: &Context, layout: &Layout) -> Result<Lock> {
    let waiting = || context.output.say("Waiting for another modelstrap that works on this cache …");
    link::guard(&layout.cache_root, PATIENCE, waiting).map_err(|error| {
        let is_full = matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded);
        let said = format!("{} cannot be worked on", escape::path(&layout.cache_root));
        match is_full {
            true => anyhow::anyhow!(
                "{said}: {error}\n  nothing was changed; make a little room (`modelstrap prune` needs none), and run this again"
            ),
            false => anyhow::Error::new(error).context(said),
        }
    })
}

/// Removes what a run that was killed left: names of this tool's own, each equal to the file beside it.
fn sweep(context: &Context, layout: &Layout, found: &Found, prefix: &str) -> Result<()> {
    let held = guard(context, layout)?;
    for (path, why) in link::leftovers::sweep(&found.leftovers, prefix) {
        context.output.warn(format!("{}, which a run that was killed left, stays: {why}", escape::path(&path)));
    }
    held.remove();
    Ok(())
}

fn now() -> i128 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| i128::try_from(since.as_nanos()).unwrap_or(i128::MAX))
}

fn unless_stopped() -> Result<()> {
    if interrupt::requested() {
        bail!(Interrupted("stopped; nothing was changed".to_owned()));
    }
    Ok(())
}

impl Report<'_> {
    fn job<'b>(&'b self, written: &'b dyn Fn() -> HashSet<(u64, u64)>, progress: &'b (dyn Fn(u64) + Sync)) -> Job<'b> {
        Job { plan: &self.plan, places: &self.places, cache_root: &self.layout.cache_root, written, progress }
    }

    fn gauge(&self, context: &Context) -> Gauge {
        let sizes = self.plan.copies().map(|(_, copy)| copy.file.size());
        context.gauge("Comparing", sizes.sum())
    }

    fn dry_run(mut self, context: &Context) -> Result<Exit> {
        if self.arguments.compare {
            let gauge = self.gauge(context);
            let outcome = link::compare(&self.job(&Default::default, &|bytes| gauge.add(bytes)));
            drop(gauge);
            unless_stopped()?;
            self.outcome = Some(outcome);
        }
        lines::plan(&self, &context.output);
        if context.global.json {
            context.output.stream_document(&json::Document(&self))?;
        } else if context.output.shows_results() {
            // A person who looks at the plan wants no screens full of script.
            lines::script(&self, &context.output);
        } else {
            script::print(&self)?;
        }
        self.refuse(context)
    }

    /// Asks, and does it.
    fn apply(&mut self, context: &Context) -> Result<()> {
        if self.plan.contents() == 0 {
            return Ok(());
        }
        self.consent(context)?;
        let held = guard(context, &self.layout)?;
        let written = || open_files(Path::new("/")).map(|open| open.written).unwrap_or_default();
        let gauge = self.gauge(context);
        let outcome = link::replace(&self.job(&written, &|bytes| gauge.add(bytes)));
        drop(gauge);
        held.remove();
        self.outcome = Some(outcome);
        Ok(())
    }

    fn consent(&self, context: &Context) -> Result<()> {
        if self.arguments.yes {
            return Ok(());
        }
        if context.can_ask() {
            context.output.tell(lines::no_undo(self));
        }
        let alone = ("dedupe asks before it changes anything", "`--yes`, or `--dry-run` to see what it would do");
        consent::sure(context, "Store these once?", alone)
    }

    /// Says what came of it, and with which code the run ends.
    fn end(&self, context: &Context) -> Result<Exit> {
        if context.global.json {
            context.output.stream_document(&json::Document(self))?;
        } else if !context.output.quiet {
            context.output.result(lines::result(self))?;
        }
        if let Some(outcome) = self.outcome.as_ref().filter(|outcome| outcome.stopped) {
            bail!(Interrupted(format!(
                "stopped after {} of {}, of which each is whole\n  run `modelstrap dedupe` again to go on",
                outcome.done(),
                units::count(self.plan.count(), "file")
            )));
        }
        self.refuse(context)
    }

    /// What could not be read or replaced.
    fn refuse(&self, context: &Context) -> Result<Exit> {
        let mut refused = 0;
        for (copy, why) in self.refused() {
            refused += 1;
            context.output.warn(format!("{} stays: {why}", escape::path(&copy.file.name().path())));
        }
        for problem in &self.found.problems {
            context.output.warn(format!("{}: {}; it is not compared", escape::path(&problem.path), problem.why));
        }
        let problems = self.found.problems.len();
        match (refused, problems) {
            (0, 0) => Ok(Exit::Done),
            (0, _) => bail!("{} could not be read", units::count(problems, "path")),
            _ => bail!("{} of {} could not be made one", refused, units::count(self.plan.count(), "file")),
        }
    }

    /// The copies of the plan that stay, and why.
    fn refused(&self) -> impl Iterator<Item = (duplicates::Copy<'_>, &str)> {
        self.plan.copies().filter_map(|(_, copy)| Some((copy, self.refusal(copy)?)))
    }

    /// Why a copy of the plan stays, if it was compared or was to be replaced, and stays.
    fn refusal(&self, copy: duplicates::Copy<'_>) -> Option<&str> {
        self.outcome.as_ref()?.result(copy.number)?.err()
    }
}
