//! What `clear` and `prune` share: the project with all that is known of its cache, the plan that a person reads, the question,
//! and what came of it.

mod again;
mod back;
mod beyond;
mod carry;
pub(super) mod json;
mod keep;
mod needs;
mod printed;
mod roots;
mod said;
mod show;
mod tracked;
mod trash;
mod who;

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, Result, bail};

use super::Usage;
use super::context::Context;
use super::survey::Survey;
use crate::cache::inventory::{Found, Inventory, Unit, UnitKind};
use crate::cache::link;
use crate::cache::places::Place;
use crate::cache::remove::{Remover, Swept};
use crate::cache::select::stock::{self, Sources};
use crate::cache::select::words::{self, Meaning, Named, Problem};
use crate::cache::select::{Listed, Needs, Stock, UseLog};
use crate::cache::{Kind, scan, trust};
use crate::models::homes::Homes;
use crate::project::git;
use crate::setup::Layout;
use crate::setup::layout::model_folders;
use crate::support::interrupt::{self, Interrupted};
use crate::support::{escape, paths, quoted, time, units};

pub(super) use again::again;
pub(super) use back::back;
pub(super) use beyond::{Beyond, leavings, no_more};
pub(super) use carry::{FILES_ALONE, Manner, PURGE, carry_out, undo};
pub(super) use needs::{Needed, warn_of_damage};
pub(super) use roots::Keeping;
pub(super) use said::said;
pub(super) use show::plan_in as plan;
pub(super) use trash::clear_trash;
pub(super) use who::Projects;

/// A project, and all that is known of its cache.
pub(super) struct Scene<'a> {
    pub(super) context: &'a Context,
    pub(super) survey: Survey,
    pub(super) inventory: Inventory,
    pub(super) stock: Stock,
    pub(super) needs: Needs,
    pub(super) log: UseLog,
    /// The models of the project's lock.
    pub(super) named: Vec<Named>,
    pub(super) projects: Projects,
    /// The links of dedupe that cannot be seen now, and count.
    pub(super) unseen: Vec<link::Root>,
    pub(super) remover: Remover,
    /// What was left by earlier runs, and is settled.
    pub(super) swept: Swept,
    /// What can still be brought back and is given up with this run, in bytes.
    pub(super) pending: u64,
    /// Before anything was looked at.
    pub(super) planned: SystemTime,
    /// Seconds since 1970.
    pub(super) now: i64,
    scope: Scope,
}

/// What is looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope {
    /// Also what lies outside of the cache.
    pub(super) outside: bool,
    /// Nothing is changed.
    pub(super) dry_run: bool,
    /// What can still be brought back is given up.
    pub(super) empty_trash: bool,
    /// Only what is needed on this machine counts, not what a container left.
    pub(super) ci: bool,
}

/// What deletes in the cache of `layout`.
pub(super) fn remover(survey: &Survey) -> Remover {
    let Layout { root, home, cache_root, .. } = &survey.layout;
    let forbidden: Vec<PathBuf> = std::iter::once(root.clone()).chain(home.clone()).collect();
    let homes = survey.distrusted.iter().filter(|one| one.place.kind == Kind::Home);
    // A home that lies elsewhere, by a link, may be another project's as well.
    let whole = [paths::real_place(cache_root), Some(root.clone())];
    let is_own = |place: &&Place| {
        let is_kept = matches!(place.kind, Kind::Home | Kind::Application { .. });
        is_kept && whole.iter().flatten().any(|whole| place.real.starts_with(whole))
    };
    let own = survey.places.iter().filter(is_own).map(|place| place.real.clone()).collect();
    Remover::new(cache_root, &forbidden).leaving(homes.map(|one| one.place.real.clone()).collect()).owning(own)
}

/// Frees what was removed and whose time is over, and finishes what a killed run left: for verbs that only look. What cannot be
/// done now is said in one line; the next verb that deletes names all of it.
pub(super) fn expire(context: &Context, survey: &Survey) {
    let swept = match remover(survey).sweep_now() {
        Ok(swept) => swept,
        Err(error) => {
            return context.output.warn(format!("what was removed before could not be swept: {error:#}"));
        }
    };
    let Some((path, why)) = swept.problems.first() else { return };
    let Layout { root, home, .. } = &survey.layout;
    let shown = paths::friendly(root, home.as_deref(), path);
    let more = match swept.problems.len() - 1 {
        0 => String::new(),
        more => format!("; the same with {more} more, which `modelstrap prune` names"),
    };
    context.output.warn(format!("{shown}: {}{more}", escape::printable(why)));
}

impl<'a> Scene<'a> {
    /// Looks at everything.
    ///
    /// # Errors
    /// When the manifest is refused, the cache root is none, or the person stops it.
    pub(super) fn open(context: &'a Context, scope: Scope) -> Result<Self> {
        interrupt::watch();
        Self::with(context, Survey::of(context)?, scope, scan::scan)
    }

    /// The same for who has read the places already: `scan` gives what is found in them.
    ///
    /// # Errors
    /// As [`Scene::open`].
    pub(super) fn with(
        context: &'a Context,
        mut survey: Survey,
        scope: Scope,
        scan: impl FnOnce(Vec<Place>) -> Inventory,
    ) -> Result<Self> {
        survey.check_project()?;
        roots::check(context, &survey.layout)?;
        let remover = remover(&survey);
        let is_application = |place: &Place| matches!(place.kind, Kind::Application { .. });
        if let Some(one) = survey.distrusted.iter().find(|one| is_application(&one.place)) {
            return Err(no_application(&one.place, &one.why));
        }
        survey.leave_alone();
        // Before anything is looked at: a manifest may name the whole disk.
        for place in survey.places.iter().filter(|place| is_application(place)) {
            if place.real.exists() {
                remover
                    .admit(&place.real)
                    .with_context(|| format!("[application_caches] {}", escape::printable(&place.name)))?;
            }
        }
        let now = time::seconds();
        let swept = if scope.dry_run { Swept::default() } else { remover.sweep_now()? };
        let pending = if scope.empty_trash { remover.waiting()? } else { 0 };
        let planned = SystemTime::now();
        // What lies outside of the cache is read only for who names a path there.
        let is_read = |place: &&Place| scope.outside || matches!(place.kind, Kind::Home | Kind::Application { .. });
        let inventory = scan(survey.places.iter().filter(is_read).cloned().collect());
        let is_home = |place: &Place| is_home(&survey, place);
        let git_root = survey.project.git_root.clone();
        let tracked = |folder: &Path| {
            // What lies outside may lie in another work tree.
            let root = git_root.clone().filter(|root| folder.starts_with(root)).or_else(|| git::work_tree(folder));
            root.map(|root| tracked::files(context, &root, folder)).unwrap_or_default()
        };
        let sources = Sources { is_home: &is_home, outside: scope.outside, applications: true, tracked: &tracked };
        let mut stock = stock::read(&inventory, &sources);
        // What is left alone keeps the link to it, too.
        let links = survey.links_left_alone();
        stock.things.retain(|thing| !links.iter().any(|link| link.starts_with(thing.path())));
        if interrupt::requested() {
            bail!(Interrupted("stopped; nothing was changed".to_owned()));
        }
        for place in survey.places.iter().filter(|place| is_application(place)) {
            let cache = stock.applications.iter().find(|cache| cache.path == place.real);
            let folders = cache.into_iter().flat_map(|cache| cache.entries.iter()).filter(|entry| entry.is_folder());
            let folders: Vec<PathBuf> = folders.map(|entry| entry.path()).collect();
            if let Some(within) = trust::cache_within(folders.iter().map(PathBuf::as_path)) {
                let why = format!("{} holds a cache of models, {}", escape::path(&place.path), escape::path(within));
                return Err(no_application(place, &why));
            }
        }
        let Needed { mut needs, projects, links, unseen, homes } = Needed::read(context, &survey, now, scope)?;
        stock.tie().into_iter().for_each(|(link, real)| needs.add_link(&link, real));
        let log = who::use_log(&survey.layout.cache_root);
        let named = named(&projects, &homes);
        Ok(Self {
            context,
            survey,
            inventory,
            stock,
            needs,
            log,
            named,
            projects,
            unseen,
            remover: remover.knowing(links),
            swept,
            pending,
            planned,
            now,
            scope,
        })
    }

    /// Frees what waits in the trash, if it is given up with this run.
    ///
    /// # Errors
    /// When the journals cannot be read.
    fn empty_trash(&self) -> Result<Swept> {
        if self.pending == 0 {
            return Ok(Swept::default());
        }
        let emptied = self.remover.sweep_all()?;
        show::swept(self, &emptied);
        Ok(emptied)
    }

    /// Refuses to call a run good in which something of the cache could not be read.
    ///
    /// # Errors
    /// How much it was.
    pub(super) fn end(&self) -> Result<()> {
        let repositories = self.stock.hubs.iter().filter(|hub| hub.home).flat_map(|hub| &hub.repositories);
        let shut = repositories.filter(|one| !one.repository.problems.is_empty()).count() + self.stock.problems.len();
        if shut > 0 {
            bail!("{} could not be read: what lies there stays", units::count(shut, "folder"));
        }
        Ok(())
    }

    /// A path as a person knows it.
    pub(super) fn shown(&self, path: &Path) -> String {
        let Layout { root, home, .. } = &self.survey.layout;
        paths::friendly(root, home.as_deref(), path)
    }

    /// What `word` means.
    ///
    /// # Errors
    /// That it means nothing, or several things.
    pub(super) fn meaning(&self, word: &str) -> Result<Meaning> {
        let path = self.as_path(word)?;
        self.refuse_others(word, path.as_deref())?;
        let root = paths::real_place(&self.survey.layout.cache_root);
        let meaning = |path: Option<&Path>| words::meaning_in(word, path, root.as_deref(), &self.stock, &self.named);
        // What has no other meaning may be a place, as `status` calls it.
        let found = match (meaning(path.as_deref()), self.as_place(word).filter(|_| path.is_none())) {
            (Err(Problem::Unknown(_)), Some(place)) => match meaning(Some(&place)) {
                Err(Problem::Unknown(_)) => Ok(Meaning::NotHere),
                found => found,
            },
            (found, _) => found,
        };
        let is_unknown = matches!(found, Err(Problem::Unknown(_) | Problem::Outside(_)));
        if let Some(printed) = self.as_printed(word).filter(|_| is_unknown && path.is_none()) {
            return self.meaning(&printed);
        }
        if is_unknown && path.as_deref().is_some_and(|path| self.is_spent(path)) {
            return Ok(Meaning::Picks(Listed::default()));
        }
        found.map_err(|problem| {
            let shown = quoted::shown(word);
            let in_trash = || self.remover.removed().is_ok_and(|there| trash::is_called(there.iter(), word));
            let listed = |found: &[PathBuf]| found.iter().map(|path| format!("\n  {}", self.shown(path))).collect::<String>();
            Usage(match problem {
                Problem::Unknown(_) if let Some(command) = self.of_ollama(word, path.as_deref()) => {
                    format!("{shown} is Ollama's, whose models share their layers: {command}")
                }
                Problem::Unknown(_) if path.as_deref().is_some_and(|path| self.lie_in(path).next().is_some()) => {
                    let places = path.iter().flat_map(|path| self.lie_in(path));
                    let commands = places.map(|place| format!("\n  modelstrap clear {}", self.word_for(&place.path)));
                    format!("{shown} is not a place of its own, and may hold other things: nothing was removed\n\
                             these places in it are known, and each can be cleared:{}", commands.collect::<String>())
                }
                Problem::Unknown(_) | Problem::Outside(_) | Problem::NoRevision(_) if in_trash() => {
                    format!("{shown} is in the trash: `modelstrap clear --undo` brings it back, `modelstrap clear trash` frees it")
                }
                Problem::Unknown(_) if let Some(real) = path.as_deref().and_then(|path| self.led(path)) => format!(
                    "{shown} is a link, which takes nothing itself: `modelstrap clear {}` clears what it leads to",
                    self.word_for(&real)
                ),
                Problem::Unknown(_) if path.is_some() => {
                    format!("{shown} is no model in a place that is known\n  `modelstrap status --models` lists them")
                }
                Problem::Unknown(None) => {
                    format!("nothing in the cache is called {shown}\n  `modelstrap status --models` lists what there is")
                }
                Problem::Unknown(Some(near)) => {
                    let does = words::group(&near).map(|does| format!(", which {does}")).unwrap_or_default();
                    let near = escape::printable(&near);
                    format!("nothing in the cache is called {shown}; did you mean `{near}`{does}?\n  `modelstrap status --models` lists what there is")
                }
                Problem::Several(found) => {
                    format!("{} are called {shown}: give the path of the one that you mean{}", units::count(found.len(), "thing"), listed(&found))
                }
                Problem::NoRevision(commits) => {
                    let (repository, revision) = shown.rsplit_once('@').unwrap_or((&shown, ""));
                    let short = |commit: &String| escape::printable(&commit.chars().take(12).collect::<String>());
                    let commits: Vec<String> = commits.iter().map(short).collect();
                    format!("{repository} has no revision {revision}; it has {}", commits.join(", "))
                }
                Problem::Outside(found) => {
                    format!("{shown} lies outside of the cache: give its path if it is to go{}", listed(&found))
                }
            })
            .into()
        })
    }

    /// What removes `word`, or what lies at `path`, if that is Ollama's.
    fn of_ollama(&self, word: &str, path: Option<&Path>) -> Option<String> {
        let is_its = |unit: &&Unit| matches!(unit.kind, UnitKind::Ollama);
        let stores = self.inventory.places.iter().filter(|found| found.units.iter().any(|unit| is_its(&unit)));
        let mut models = stores.clone().flat_map(|found| &found.units).filter(is_its);
        if let Some(name) = models.find_map(|unit| unit.name.to_str().filter(|name| *name == word)) {
            return Some(format!("`ollama rm {}` removes it", escape::printable(name)));
        }
        let path = paths::real_place(path?)?;
        let lies_in = |found: &&Found| path.starts_with(&found.place.real);
        let mut stores = stores.filter(lies_in);
        stores.next().map(|_| "`ollama list` names them, and `ollama rm` removes one".to_owned())
    }

    /// Where a link leads to, if that is in a place.
    fn led(&self, path: &Path) -> Option<PathBuf> {
        let real = path.is_symlink().then(|| path.canonicalize().ok()).flatten()?;
        self.survey.places.iter().any(|place| real.starts_with(&place.real)).then_some(real)
    }

    /// The places that lie in a folder.
    fn lie_in(&self, folder: &Path) -> impl Iterator<Item = &Place> {
        self.survey.places.iter().filter(move |place| {
            place.real.exists() && (place.path.starts_with(folder) || place.real.starts_with(folder))
        })
    }

    /// A path as a shell takes it for a word of `clear`.
    fn word_for(&self, path: &Path) -> String {
        let home = self.survey.layout.home.as_deref().and_then(|home| path.strip_prefix(home).ok());
        let start = self.context.start().ok();
        let here = start.as_deref().and_then(|start| path.strip_prefix(start).ok());
        let (before, path) = match (here, home) {
            (Some(inside), _) => ("./", inside),
            (_, Some(inside)) => ("~/", inside),
            _ => ("", path),
        };
        format!("{before}{}", quoted::word(path))
    }

    /// Refuses what is another project's: its cache, and links that lead there.
    fn refuse_others(&self, word: &str, path: Option<&Path>) -> Result<()> {
        let Some(whose) = path.and_then(|path| self.survey.own.other(path)) else { return Ok(()) };
        let (word, whose) = (quoted::shown(word), self.shown(&whose));
        Err(Usage(format!(
            "{word} leads into the cache of {whose}: nothing is taken from there\n  clear it in that project"
        ))
        .into())
    }

    /// A home in the cache that is called so, or the folder that a plain name leads to if a home lies there, or below it.
    fn as_place(&self, word: &str) -> Option<PathBuf> {
        let homes = || self.survey.places.iter().filter(|place| is_home(&self.survey, place));
        if let Some(place) = homes().find(|place| place.name == word) {
            return Some(place.real.clone());
        }
        let path = paths::real_place(&self.context.start().ok()?.join(quoted::path(word)))?;
        let root = paths::real_place(&self.survey.layout.cache_root)?;
        (path == root || homes().any(|place| path.starts_with(&place.real))).then_some(path)
    }

    /// Where a word leads that is written like a path.
    fn as_path(&self, word: &str) -> Result<Option<PathBuf>> {
        let given = quoted::path(word);
        let home = self.survey.layout.home.as_deref();
        let in_home = given.strip_prefix("~").ok().filter(|_| word != "~");
        let path = match (in_home, home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ if given.is_absolute() => given,
            _ if given.starts_with(".") || given.starts_with("..") => self.context.start()?.join(given),
            _ => return Ok(None),
        };
        // The last part may be a link: what is named is the link.
        let real = match (path.parent(), path.file_name()) {
            (Some(parent), Some(name)) => paths::real_place(parent).map(|parent| parent.join(name)),
            _ => path.canonicalize().ok(),
        };
        let is_place = self.survey.places.iter().find(|place| place.path == path);
        Ok(is_place.map(|place| place.real.clone()).or(real).or(Some(path)))
    }
}

/// Refuses an application cache that a manifest must not name.
fn no_application(place: &Place, why: &str) -> anyhow::Error {
    let name = escape::printable(&place.name);
    anyhow::anyhow!(
        "[application_caches] {name}: {why}; nothing was removed\n  name a folder of the project that is for this alone, or leave it out of the manifest"
    )
}

/// Whether a place is the home of a library that is known. A cache root may be a folder in which other things lie, too.
fn is_home(survey: &Survey, place: &Place) -> bool {
    let Homes { root, hub, torch_hub, .. } = &survey.homes;
    if place.kind != Kind::Home {
        return false;
    }
    let name = place.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    match place.path.parent() == Some(root) {
        true => model_folders().contains(name),
        false => place.path == *hub || place.path == *torch_hub,
    }
}

fn named(projects: &Projects, homes: &Homes) -> Vec<Named> {
    use crate::models::hub::names;
    use crate::models::locked::Place;
    let models = projects.own.iter().flat_map(|lock| &lock.models);
    let one = |model: &crate::models::locked::Model| {
        let mut named = Named { name: model.name.clone(), spec: model.spec.clone(), ..Named::default() };
        for part in &model.parts {
            match &part.place {
                Place::Hub(place) => {
                    named.revisions.push((names::repo_folder(place.repo_type, &place.repo), place.commit.clone()));
                }
                other => {
                    let found = part
                        .files
                        .iter()
                        .filter_map(|file| crate::models::sources::visible(other, file, homes).ok()?);
                    named.paths.extend(found);
                }
            }
        }
        named
    };
    models.map(one).collect()
}
