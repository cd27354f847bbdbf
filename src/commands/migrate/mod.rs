//! `modelstrap migrate`: brings what lies outside of the cache into it.

mod again;
mod json;
mod lines;
mod named;
mod plan;
mod theirs;

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};

use super::cleaning::warn_of_damage;
use super::context::Context;
use super::survey::Survey;
use super::{Exit, consent, notes};
use crate::cache::Stamp;
use crate::cache::inventory::Heap;
use crate::cache::migrate::sources::Found;
use crate::cache::migrate::{self, Copies, Options, Outcome, Part, Sources, Stay, Stop, Tally, begun, copies};
use crate::cache::remove::Remover;
use crate::cli::MigrateArgs;
use crate::platform::disk;
use crate::support::interrupt::{self, Interrupted};
use crate::support::lock::Lock;
use crate::support::{escape, paths, units};

/// How long another run is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// `status` has so many files looked at, one by one, at most: 5,000 take 30 ms.
const MOST: u64 = 5_000;

/// What is to be done, and what came of it.
struct Run<'a> {
    arguments: &'a MigrateArgs,
    project: PathBuf,
    home: Option<PathBuf>,
    cache_root: PathBuf,
    /// What moves, and what becomes of each.
    parts: Vec<(Part, Outcome)>,
    /// What was found: of it, what is known to stay before anything is looked at file by file.
    found: Found,
    /// Who may know what a folder says of itself.
    sources: Sources,
    /// What was said to stay before the question.
    told: Vec<Stay>,
}

pub(super) fn run(context: &Context, arguments: &MigrateArgs) -> Result<Exit> {
    interrupt::watch();
    let mut survey = Survey::of(context)?;
    survey.check_project()?;
    survey.check_root()?;
    survey.warn_of_homes(&context.output);
    survey.leave_alone();
    survey.tell_links(&context.output);
    let cache_root = survey.layout.cache_root.clone();
    let plan::Prepared { mut found, mut options, sources } = plan::prepare(context, &survey, arguments, false)?;
    let parts = std::mem::take(&mut found.parts);
    if !parts.is_empty() {
        options.links = migrate::pointing_out(&cache_root);
    }
    let mut run = Run {
        arguments,
        project: survey.project.root.clone(),
        home: survey.layout.home.clone(),
        cache_root: cache_root.clone(),
        parts: Vec::new(),
        found,
        sources,
        told: Vec::new(),
    };
    let mut counted = Copies::default();
    for part in parts {
        let outcome = migrate::look(&part, &options, &mut counted).map_err(|stop| run.stopped(&stop, false))?;
        run.parts.push((part, outcome));
    }
    run.warn_of_notes(context);
    let nothing = run.tally().files == 0;
    // What a killed run left are empty folders and marks: they go with a word of consent.
    if nothing && (arguments.dry_run || !arguments.yes || !migrate::may_tidy(&run.found, &cache_root, &run.project)) {
        return run.end(context, false, None);
    }
    let text = lines::plan(&run, &context.output);
    if !nothing {
        super::setup::remind(context, &survey.project);
    }
    if arguments.dry_run {
        if !context.global.json && !context.output.quiet {
            context.output.result(text)?;
        }
        run.has_room()?;
        return run.end(context, false, None);
    }
    if !nothing {
        context.output.say(text.trim_end());
    }
    if !nothing && !arguments.yes {
        lines::stays(&run, &context.output, false);
        run.told = run.all_stays().cloned().collect();
    }
    run.has_room()?;
    run.consent(context)?;
    let held = lock(context, &cache_root)?;
    let options = match again::look(&mut run, context) {
        Ok(options) => options,
        Err(error) => {
            migrate::unlock(held, &cache_root);
            return Err(error);
        }
    };
    run.sweep(context);
    if arguments.link_back {
        // Another project that meets the links must see whose cache they lead into, also where setup never ran.
        notes::register(context, &survey.project, &cache_root);
    }
    run.note_begun();
    let stop = run.carry_out(context, &options);
    if stop.is_none() {
        migrate::tidy(&run.found, &options);
        // Last: as long as these are there the next run tidies.
        begun::end(&cache_root, &run.project);
        copies::end(&cache_root, &run.project);
    }
    migrate::unlock(held, &cache_root);
    run.end(context, true, stop)
}

/// How much `migrate` without a place would bring, in contents and their bytes, and whether it is just so much, and no less. `weigh` says what the scan has
/// seen in a folder: where that is much, no file is looked at, and nothing more than that can come. `None` where nothing may move.
pub(super) fn planned(context: &Context, survey: &Survey, weigh: impl Fn(&Path) -> Heap) -> Option<(Heap, bool)> {
    let mut survey = survey.clone();
    survey.leave_alone();
    if survey.check_project().is_err() || !plan::may_move(context, &survey) {
        return None;
    }
    let arguments =
        MigrateArgs { places: Vec::new(), link_back: false, repo: None, dry_run: true, yes: false, force: false };
    let plan::Prepared { found, options, .. } = plan::prepare(context, &survey, &arguments, false).ok()?;
    let mut seen = Heap::default();
    found.parts.iter().for_each(|part| seen += weigh(&part.from));
    if seen.files > MOST {
        return Some((seen, false));
    }
    let mut sum = Tally::default();
    let mut counted = Copies::default();
    for part in &found.parts {
        match migrate::look(part, &options, &mut counted) {
            Ok(outcome) => sum += outcome.tally,
            Err(_) => return Some((seen, false)),
        }
    }
    // What has the name and the size of something there may be another content, which stays.
    Some((Heap { files: sum.files, bytes: sum.bytes }, sum.same == 0))
}

/// One migration at a time in a cache.
fn lock(context: &Context, cache_root: &Path) -> Result<Lock> {
    let path = migrate::lock_path(cache_root)
        .map_err(|error| anyhow::anyhow!("{}: cannot be written: {error}", escape::path(cache_root)))?;
    let waiting = || context.output.say("Another modelstrap moves things into this cache; waiting for it …");
    Lock::acquire(&path, PATIENCE, waiting).map_err(|error| match error.kind() {
        std::io::ErrorKind::WouldBlock if interrupt::requested() => Interrupted("stopped; nothing was changed".to_owned()).into(),
        std::io::ErrorKind::WouldBlock => anyhow::anyhow!(
            "another modelstrap has moved things into this cache for {} seconds\n  wait for it, or end it, then run this again",
            PATIENCE.as_secs()
        ),
        _ => anyhow::anyhow!("{} cannot be locked: {error}", escape::path(&path)),
    })
}

impl Run<'_> {
    fn tally(&self) -> Tally {
        let mut sum = Tally::default();
        self.parts.iter().for_each(|(_, outcome)| sum += outcome.tally);
        sum
    }

    fn shown(&self, path: &Path) -> String {
        paths::friendly(&self.project, self.home.as_deref(), path)
    }

    /// Says which notes on links of `dedupe` are damaged: such a link to what moves would lead nowhere afterwards.
    fn warn_of_notes(&self, context: &Context) {
        let parts = self.parts.iter().filter(|(_, outcome)| outcome.tally.files > 0);
        let caches: BTreeSet<PathBuf> = parts.flat_map(|(part, _)| part.noting()).collect();
        caches.iter().for_each(|cache| warn_of_damage(context, cache));
    }

    /// Refuses before the first change what a disk cannot take. The homes may lie on several.
    fn has_room(&self) -> Result<()> {
        let mut disks: HashMap<u64, (u64, &Path)> = HashMap::new();
        for (part, outcome) in self.parts.iter().filter(|(_, outcome)| outcome.tally.copied > 0) {
            let there = part.to.ancestors().find_map(|path| path.canonicalize().ok());
            let device = there.and_then(|path| Stamp::at(&path).ok()).map_or(0, |stamp| stamp.id.0);
            disks.entry(device).or_insert((0, &part.to)).0 += outcome.tally.copied;
        }
        for (needed, path) in disks.into_values() {
            let Some(free) = disk::free_space(path).filter(|free| needed > *free) else { continue };
            bail!(
                "{} has to be copied from another disk, and the cache's disk has {} free: {} more is needed\n  make room, or name fewer places",
                units::bytes(needed),
                units::bytes(free),
                units::bytes(needed - free)
            );
        }
        Ok(())
    }

    fn consent(&self, context: &Context) -> Result<()> {
        if self.arguments.yes {
            return Ok(());
        }
        if context.can_ask() {
            context.output.say("There is no undo: what has moved stays in the cache.");
        }
        let alone = ("migrate asks before it moves anything", "`--yes`, or `--dry-run` to look only");
        consent::sure(context, "Move this?", alone)
    }

    /// Ends what a removal in this cache began and did not end.
    fn sweep(&self, context: &Context) {
        let forbidden: Vec<PathBuf> = [Some(self.project.clone()), self.home.clone()].into_iter().flatten().collect();
        if let Err(error) = Remover::new(&self.cache_root, &forbidden).sweep_now() {
            context.output.warn(format!("what was removed before could not be swept: {error:#}"));
        }
    }

    /// Notes which folders this run empties, for the next where this one is killed. Where nothing can be noted that one leaves empty folders.
    fn note_begun(&self) {
        let places = self.parts.iter().map(|(part, _)| &part.place).chain(&self.found.roots);
        let _ = begun::begin(&self.cache_root, &self.project, places);
    }

    /// Moves everything; what came of it replaces what was expected.
    fn carry_out(&mut self, context: &Context, options: &Options<'_>) -> Option<Stop> {
        // What is copied is read, and read back; what is in the cache already is compared. Where a disk makes copies by itself, it is less.
        let whole: u64 = self.parts.iter().map(|(_, outcome)| outcome.tally.same + 2 * outcome.tally.copied).sum();
        let gauge = context.gauge("Reading", whole);
        let progress = |bytes: u64| gauge.add(bytes);
        let options = plan::acting(options, &progress);
        let mut copies = Copies::of(&self.cache_root, &self.project);
        let mut stopped = None;
        let leads = |link: &&(PathBuf, PathBuf)| link.0.metadata().is_ok();
        let before: Vec<&(PathBuf, PathBuf)> = options.links.iter().filter(leads).collect();
        for (part, outcome) in &mut self.parts {
            if stopped.is_some() {
                *outcome = Outcome::default();
                continue;
            }
            let (done, stop) = migrate::carry_out(part, &options, &mut copies);
            *outcome = done;
            stopped = stop;
        }
        let lost = before.into_iter().filter(|link| !leads(link));
        let lost =
            lost.map(|(link, to)| format!("{} leads to nothing now; it said {}", escape::path(link), escape::path(to)));
        if let Some((_, last)) = self.parts.last_mut() {
            last.notes.extend(lost);
        }
        stopped
    }

    fn stopped(&self, stop: &Stop, acted: bool) -> anyhow::Error {
        let tally = self.tally();
        let done = match acted {
            true => format!("{} in {} had come by then", units::bytes(tally.bytes), files(tally.files)),
            false => "nothing was changed".to_owned(),
        };
        match stop {
            Stop::Interrupted => {
                let again = if acted { "\n  run `modelstrap migrate` again to go on" } else { "" };
                Interrupted(format!("stopped; {done}{again}")).into()
            }
            Stop::Full(path, error) => anyhow::anyhow!(
                "{}: {error}; {done}, and nothing is lost or half\n  make room, then run `modelstrap migrate` again to go on",
                self.shown(path)
            ),
        }
    }

    /// Says what came of it, and with which code the run ends.
    fn end(&self, context: &Context, acted: bool, stop: Option<Stop>) -> Result<Exit> {
        if context.global.json {
            context.output.document(format!("{:#}\n", json::document(self, acted)))?;
        } else if (acted || self.parts.is_empty() || self.tally().files == 0) && !context.output.quiet {
            context.output.result(lines::summary(self, &context.output, acted))?;
        }
        lines::stays(self, &context.output, acted);
        if let Some(stop) = stop {
            return Err(self.stopped(&stop, acted));
        }
        let grave = self.all_stays().filter(|stay| stay.grave).count();
        if grave > 0 {
            let would = if acted { "could" } else { "can" };
            bail!("{} {would} not be moved; nothing was lost", units::count(grave, "thing"));
        }
        Ok(Exit::Done)
    }

    fn all_stays(&self) -> impl Iterator<Item = &Stay> {
        self.found.stays.iter().chain(self.parts.iter().flat_map(|(_, outcome)| &outcome.stays))
    }
}

fn files(count: u64) -> String {
    units::count(count, "file")
}
