//! `modelstrap status`: what the caches hold, what lies outside of them, and whether that is too much.

mod beside;
mod copied;
mod growth;
mod json;
mod lines;
mod linked;
mod tui;
mod unfinished;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use anyhow::{Result, bail};

use super::context::Context;
use super::outside::Outside;
use super::survey::{self, Survey};
use super::{Exit, Usage, disks, notes, reclaim};
use crate::cache::filter::{Filter, Order};
use crate::cache::inventory::{Found, Heap, Unit, UnitKind};
use crate::cache::others::Led;
use crate::cache::places::Aside;
use crate::cache::trust::Distrusted;
use crate::cache::{Inventory, Kind, Sizes, scan};
use crate::cli::{Sort, StatusArgs};
use crate::models::homes::Homes;
use crate::models::hub::layout;
use crate::models::locked::Place;
use crate::platform::{Probe, disk};
use crate::project::Project;
use crate::setup::Layout;
use crate::support::interrupt::{self, Interrupted};
use crate::support::{escape, paths, time, units};

/// What was found, and what it is measured by.
struct Report<'a> {
    arguments: &'a StatusArgs,
    project: Project,
    layout: Layout,
    inventory: Inventory,
    /// What leads into another project's cache.
    led: Vec<Led>,
    /// What looks like a place and is counted elsewhere, or not at all.
    aside: Vec<Aside>,
    filters: Vec<Filter>,
    /// Bytes that are free on the cache's disk.
    free: Option<u64>,
    file_system: Option<String>,
    /// Places outside of the cache that hold nothing but links.
    hollow: Vec<PathBuf>,
    /// How much lies outside of the cache.
    outside: Outside,
    /// Large files in the cache root itself, which are in no place.
    beside: Heap,
    /// Whether `setup` has made the project ready.
    set_up: bool,
    /// What the manifest allows the cache, in bytes.
    budget: Option<u64>,
    /// Seconds since 1970.
    now: i64,
    /// What could be reclaimed, and by which command.
    reclaimable: reclaim::All,
    /// The folders of repositories that the lock names, and what the project calls each.
    named: HashMap<PathBuf, Vec<String>>,
    /// The places in which nothing is deleted.
    distrusted: Vec<Distrusted>,
    /// The models that `--limit` leaves.
    limited: Option<HashSet<PathBuf>>,
}

pub(super) fn run(context: &Context, arguments: &StatusArgs) -> Result<Exit> {
    if arguments.tui {
        return tui::run(context);
    }
    let filters = arguments.filter.iter().map(|text| text.parse());
    let filters = filters.collect::<Result<Vec<Filter>, _>>().map_err(|error| Usage(format!("--filter: {error}")))?;
    interrupt::watch();
    let survey = Survey::of(context)?.without_links();
    super::cleaning::expire(context, &survey);
    let asking = survey.clone();
    let Survey { project, layout, homes, places, led, mut aside, hollow, distrusted, .. } = survey;
    let inventory = scan::scan(places);
    if interrupt::requested() {
        bail!(Interrupted("stopped; nothing was changed".to_owned()));
    }
    aside.extend(inventory.twins.iter().map(|(twin, of)| Aside::twin(twin, of)));
    let probe = Probe::live(context.vars.clone());
    let mut report = Report {
        arguments,
        reclaimable: reclaim::All::default(),
        filters,
        free: disk::free_space(&layout.cache_root),
        file_system: disk::file_system(&probe, &layout.cache_root).map(|found| found.kind),
        budget: project.manifest.cache.budget.as_deref().and_then(units::parse_bytes),
        now: time::seconds(),
        named: named(&project, &homes),
        hollow,
        outside: Outside::default(),
        beside: beside::of(&layout.cache_root),
        set_up: super::setup::shelf(&project).record().is_set_up(),
        inventory,
        led,
        aside,
        project,
        layout,
        distrusted,
        limited: None,
    };
    report.limited = report.limit();
    report.outside = Outside::of(&report.inventory, &report.layout.cache_root);
    report.reclaimable = reclaim::all(context, &asking, &report.inventory);
    if !arguments.check {
        notes::size(context, &report.layout.cache_root, &report.inventory);
    }
    if context.global.json {
        context.output.document(format!("{:#}\n", json::document(&report)))?;
    } else if !context.output.quiet {
        context.output.result(lines::render(&report, &context.output))?;
    }
    report.end(context)
}

/// What the project calls the repositories that its lock names, by their folders. A lock that cannot be read names nothing here:
/// `models` says what is wrong with it.
fn named(project: &Project, homes: &Homes) -> HashMap<PathBuf, Vec<String>> {
    let lock = notes::lock(project);
    let mut named: HashMap<PathBuf, Vec<String>> = HashMap::new();
    for model in lock.iter().flat_map(|lock| &lock.models) {
        for part in &model.parts {
            let Place::Hub(place) = &part.place else { continue };
            let names = named.entry(layout::Repository::of(place, &homes.hub).root()).or_default();
            if !names.contains(&model.name) {
                names.push(model.name.clone());
            }
        }
    }
    named
}

impl Report<'_> {
    /// The places that have a row. What was removed has one of its own.
    fn places(&self) -> impl Iterator<Item = &Found> {
        self.inventory.places.iter().filter(|found| !found.is_own())
    }

    /// The libraries' homes.
    fn cached(&self) -> impl Iterator<Item = &Found> {
        self.places().filter(|found| matches!(found.place.kind, Kind::Home))
    }

    fn applications(&self) -> impl Iterator<Item = &Found> {
        self.inventory.places.iter().filter(|found| matches!(found.place.kind, Kind::Application { .. }))
    }

    /// What lies outside of the cache and is there.
    fn strays(&self) -> impl Iterator<Item = &Found> {
        self.inventory.places.iter().filter(|found| found.exists && found.place.kind.is_outside())
    }

    /// What the cache root takes on the disk, in bytes.
    fn taken(&self) -> u64 {
        self.inventory.homes.disk
    }

    /// Whether anything says that this folder is a project.
    fn is_project(&self) -> bool {
        self.set_up || self.project.manifest_path.is_some() || self.project.git_root.is_some()
    }

    /// Whether only some models are asked for.
    fn chooses(&self) -> bool {
        !self.arguments.filter.is_empty() || self.arguments.limit.is_some()
    }

    /// What the models that are shown take together, and how many they are. What several of them share counts once.
    fn chosen(&self) -> (Sizes, usize) {
        let units = self.places().flat_map(|found| self.models(found).0);
        let shown: HashSet<&PathBuf> = units.map(|unit| &unit.path).collect();
        (self.inventory.sum(|unit| shown.contains(&unit.path)), shown.len())
    }

    /// Whether models are asked for, by name or by what chooses among them.
    fn shows_models(&self) -> bool {
        let StatusArgs { models, revisions, sort, filter, limit, .. } = self.arguments;
        *models || *revisions || sort.is_some() || !filter.is_empty() || limit.is_some()
    }

    /// The models that `--limit` leaves, of all places together, by their paths.
    fn limit(&self) -> Option<HashSet<PathBuf>> {
        let limit = self.arguments.limit?;
        let mut units: Vec<&Unit> = self.inventory.places.iter().flat_map(|found| self.admitted(found)).collect();
        order(self.arguments.sort.unwrap_or(Sort::Size)).sort(&mut units);
        Some(units.into_iter().take(limit).map(|unit| unit.path.clone()).collect())
    }

    fn admitted<'a>(&'a self, found: &'a Found) -> impl Iterator<Item = &'a Unit> {
        let is_model = |unit: &&Unit| !matches!(unit.kind, UnitKind::Rest | UnitKind::Own);
        found
            .units
            .iter()
            .filter(is_model)
            .filter(|unit| self.filters.iter().all(|filter| filter.admits(unit, self.now)))
    }

    /// The models of a place that are shown, in order, and how many more there are.
    fn models<'a>(&'a self, found: &'a Found) -> (Vec<&'a Unit>, usize) {
        let mut units: Vec<&Unit> = self.admitted(found).collect();
        let all = units.len();
        units.retain(|unit| self.limited.as_ref().is_none_or(|limited| limited.contains(&unit.path)));
        order(self.arguments.sort.unwrap_or(Sort::Size)).sort(&mut units);
        let more = all - units.len();
        (units, more)
    }

    /// What is too much, or too little; in words for a person.
    fn findings(&self) -> Vec<String> {
        let taken = self.taken();
        let over = |limit: Option<u64>, whose: &str| {
            limit.filter(|limit| taken > *limit).map(|limit| {
                let more = units::bytes(taken - limit);
                let trash = self.reclaimable.all.iter().find(|one| one.command == reclaim::EMPTY_TRASH);
                let trash = trash.map(|one| format!("; `{}` frees {}", one.command, units::bytes(one.bytes)));
                let (taken, limit) = (units::bytes(taken), units::bytes(limit));
                format!("the cache takes {taken}: {more} more than {whose} of {limit}{}", trash.unwrap_or_default())
            })
        };
        let limits = [over(self.budget, "its budget"), over(self.arguments.max_size, "--max-size")];
        limits
            .into_iter()
            .flatten()
            .chain(self.arguments.min_free.into_iter().flat_map(|least| self.scarce(least)))
            .collect()
    }

    /// The disks of the cache root and of the libraries' homes that have less free than `least`.
    fn scarce(&self, least: u64) -> Vec<String> {
        let homes = self.inventory.places.iter().map(|found| &found.place).filter(|place| place.kind == Kind::Home);
        let root = std::iter::once(self.layout.cache_root.as_path());
        let disks = disks::under(root.chain(homes.map(|place| place.path.as_path())));
        let scarce = |(at, disk): (usize, &disks::Disk)| {
            let free = disk::free_space(&disk.folder).filter(|free| *free < least)?;
            let shown = paths::friendly(&self.layout.root, self.layout.home.as_deref(), &disk.folder);
            let of = if at == 0 { "the cache's disk".to_owned() } else { format!("the disk of {shown}") };
            Some(format!("{of} has {} free, less than {}", units::bytes(free), units::bytes(least)))
        };
        disks.iter().enumerate().filter_map(scarce).collect()
    }

    /// Says what is wrong, and with which code the run ends.
    fn end(&self, context: &Context) -> Result<Exit> {
        for Distrusted { place, why } in &self.distrusted {
            context.output.warn(survey::distrust(&self.project.root, self.layout.home.as_deref(), place, why));
        }
        for problem in &self.inventory.problems {
            context.output.warn(format!("{}: {}; it is not counted", escape::path(&problem.path), problem.why));
        }
        let findings = self.findings();
        let limits = [self.budget, self.arguments.max_size, self.arguments.min_free];
        if self.arguments.check && limits.iter().all(Option::is_none) {
            context.output.warn(
                "nothing to check: the manifest has no [cache] budget, and neither --max-size nor --min-free is given",
            );
        }
        // The table says it, where there is one.
        if self.arguments.check && (context.global.json || context.output.quiet) {
            findings.iter().for_each(|finding| context.output.warn(finding));
        }
        let problems = self.inventory.problems.len() + self.inventory.more_problems;
        let unread = || {
            let folders = units::count(problems, "folder");
            format!("{folders} could not be read: the sums are too small by what is in there")
        };
        match (self.arguments.check && !findings.is_empty(), problems > 0) {
            (false, true) => bail!(unread()),
            (false, false) => Ok(Exit::Done),
            (true, is_short) => {
                // What is too much already is no less with what was not read.
                if is_short {
                    context.output.error(unread());
                }
                Ok(Exit::Found)
            }
        }
    }
}

const fn order(sort: Sort) -> Order {
    match sort {
        Sort::Size => Order::Size,
        Sort::Frees => Order::Frees,
        Sort::Name => Order::Name,
        Sort::Used => Order::Used,
        Sort::Files => Order::Files,
    }
}
