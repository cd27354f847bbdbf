//! The projects that share the cache: whose locks are read, which are gone, of which nobody knows what they need.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::Scope;
use crate::cache::notes::projects::{self, Known, Registration, Standing};
use crate::cache::notes::uses;
use crate::cache::select::{Needs, UseLog};
use crate::commands::context::Context;
use crate::commands::notes;
use crate::commands::survey::Survey;
use crate::models::homes::Homes;
use crate::models::hub::claims;
use crate::models::lock::{self, Lock};
use crate::project::Project;
use crate::support::{bounded, escape, paths, time};

/// The projects that share a cache.
#[derive(Debug, Default)]
pub(in crate::commands) struct Projects {
    /// The lock of the project that asks; `None` where it has none, or none that can be read.
    pub(in crate::commands) own: Option<Lock>,
    /// Those that are gone, and since when.
    pub(super) gone: Vec<(PathBuf, i64)>,
    /// Those that are there without the lock that they had, and when that was seen last.
    pub(super) unlocked: Vec<(PathBuf, i64)>,
    /// Those that were gone, or silent, for so long that they count no more.
    pub(super) dropped: Vec<Registration>,
    /// The other projects that are still there, as a person knows them, and whether they have a lock.
    pub(in crate::commands) others: Vec<(String, bool)>,
    /// Of whom nobody knows what they need, and why.
    pub(in crate::commands) unknown: Vec<(PathBuf, String)>,
}

impl Projects {
    /// Reads them, and adds to `needs` what their locks name.
    pub(super) fn read(
        context: &Context,
        survey: &Survey,
        homes: &Homes,
        now: i64,
        scope: Scope,
        needs: &mut Needs,
    ) -> Self {
        let (root, cache_root) = (&survey.project.root, &survey.layout.cache_root);
        let mut found = Self::default();
        let own = bounded::read(&root.join(lock::FILE), lock::MAX_SIZE);
        match own.map(|bytes| String::from_utf8(bytes).map_err(|_| "it is no text".to_owned())) {
            Ok(Ok(text)) => match Lock::parse(&text) {
                Ok(lock) => found.own = Some(lock),
                Err(problem) => found.unknown.push((root.clone(), format!("its {}{problem}", lock::FILE))),
            },
            Ok(Err(why)) => found.unknown.push((root.clone(), format!("its {}: {why}", lock::FILE))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => found.unknown.push((root.clone(), format!("its {}: {error}", lock::FILE))),
        }
        found.dropped = match scope.dry_run {
            true => projects::due(cache_root, &context.vars, now),
            false => projects::sweep(cache_root, &context.vars, now),
        };
        if !scope.dry_run {
            notes::release(context, cache_root, found.dropped.iter().map(|gone| gone.project.as_path()));
        }
        let mut known = projects::all(cache_root, &context.vars, now);
        known.retain(|one| !found.dropped.contains(&one.registration));
        let is_own = |one: &&Known| one.registration.project == *root && one.standing == Standing::Here;
        let others: Vec<&Known> = known.iter().filter(|one| !is_own(one)).filter(|one| counts(one, scope)).collect();
        for one in &others {
            found.add(one, root, homes, needs);
        }
        found.settle(root, &others, needs);
        if known.iter().all(Known::is_read) {
            let registered = known.iter().map(|one| one.registration.project.as_path());
            settle_strangers(registered.chain([root.as_path()]), homes, now, needs);
        }
        if let Some(lock) = &found.own {
            needs.add_lock(lock, &shown(root), true, homes);
        }
        found
    }

    fn add(&mut self, one: &Known, own: &Path, homes: &Homes, needs: &mut Needs) {
        let registration = &one.registration;
        if let Some(lock) = &one.lock {
            let is_unlocked = matches!(one.standing, Standing::Unlocked { .. });
            needs.add_lock(lock, &project(one), is_unlocked && registration.project == own, homes);
            if is_unlocked && !lock.models.is_empty() {
                self.unlocked.push((registration.project.clone(), registration.seen));
            }
        } else if let Some(problem) = &one.problem {
            self.unknown.push((registration.project.clone(), problem.clone()));
        }
        if !matches!(one.standing, Standing::Gone { .. }) && registration.project != own {
            let has_lock = one.lock.is_some() || one.problem.is_some();
            let project = project(one);
            match self.others.iter_mut().find(|(known, _)| *known == project) {
                Some((_, known)) => *known |= has_lock,
                None => self.others.push((project, has_lock)),
            }
        }
        if let Standing::Gone { since } = one.standing {
            self.gone.push((registration.project.clone(), since));
        }
    }

    /// Of which projects only the lock counts, and no reference by which they held something.
    fn settle(&self, own: &Path, others: &[&Known], needs: &mut Needs) {
        let mut whole: HashMap<&Path, bool> = HashMap::new();
        for one in others {
            let known = one.lock.is_some() || one.problem.is_none();
            let entry = whole.entry(&one.registration.project).or_insert(true);
            *entry &= known;
        }
        for one in &self.dropped {
            whole.entry(&one.project).or_insert(true);
        }
        needs.own(&Project::tag_of(own));
        let own_is_known = self.own.is_some();
        let entry = whole.entry(own).or_insert(true);
        *entry &= own_is_known;
        for (project, _) in whole.into_iter().filter(|(_, known)| *known) {
            needs.settle(&Project::tag_of(project));
        }
    }
}

/// What a project holds that nobody has registered counts for as long as one may be silent that cannot be looked for: it may have been set
/// up by an earlier modelstrap, or its registration was dropped by one that left its marks. In a hub outside of the cache root it counts for
/// ever: whose it is, another cache root knows.
fn settle_strangers<'a>(registered: impl Iterator<Item = &'a Path>, homes: &Homes, now: i64, needs: &mut Needs) {
    let real = paths::real_place(&homes.hub).zip(paths::real_place(&homes.root));
    if !real.is_some_and(|(hub, root)| hub.starts_with(root)) {
        return;
    }
    let known: HashSet<String> = registered.map(Project::tag_of).collect();
    let old =
        claims::newest(&homes.hub).into_iter().filter(|(_, newest)| now.saturating_sub(*newest) >= projects::SILENT);
    old.filter(|(mark, _)| !known.contains(mark)).for_each(|(mark, _)| needs.settle(&mark));
}

/// A project as a person knows it.
fn project(one: &Known) -> String {
    let registration = &one.registration;
    match one.standing {
        Standing::Here | Standing::Gone { .. } | Standing::Unlocked { .. } => shown(&registration.project),
        Standing::Elsewhere => format!("{} on {}", shown(&registration.project), escape::printable(&registration.host)),
    }
}

/// In CI each run may be a machine of its own: what an earlier one registered says nothing of what is needed now.
fn counts(one: &Known, scope: Scope) -> bool {
    !(scope.ci && one.registration.host == "container" && one.standing == Standing::Elsewhere)
}

fn shown(path: &Path) -> String {
    escape::path(path)
}

/// The use log with whole paths, links followed: what is looked at is named by where it really lies.
pub(super) fn use_log(cache_root: &Path) -> UseLog {
    let mut folders: HashMap<PathBuf, PathBuf> = HashMap::new();
    let mut log = UseLog::new();
    for (path, used) in uses::last(cache_root) {
        let mut parts = path.components();
        let Some(first) = parts.next() else { continue };
        let first = PathBuf::from(first.as_os_str());
        let real = folders.entry(first.clone()).or_insert_with(|| {
            let home = cache_root.join(&first);
            paths::real_place(&home).unwrap_or(home)
        });
        // A clock that was wrong does not make it young for ever.
        log.insert(real.join(parts.as_path()), used.min(time::seconds()));
    }
    log
}
