//! What the locks of other projects name in a folder that would move out of the cache that they share: it stays, unless a person says
//! `--force`. `clear` refuses the same.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::super::context::Context;
use super::super::survey::Survey;
use crate::cache::migrate::sources::Found;
use crate::cache::migrate::{Part, Stay};
use crate::cache::notes::projects::{self, Known, Standing};
use crate::models::homes::Homes;
use crate::models::hub::names::repo_folder;
use crate::models::lock::Lock;
use crate::models::locked::Place;
use crate::models::sources;
use crate::support::{escape, time, units};

/// So many who need something are named.
const NAMED: usize = 3;

/// Takes the parts out of `found` that other projects need. That is an error for those that a person `named`.
pub(super) fn hold_back(context: &Context, survey: &Survey, named: bool, found: &mut Found) {
    let mut caches = Caches { context, survey, known: HashMap::new() };
    let mut held = Vec::new();
    found.parts.retain(|part| {
        let holders = caches.holders(part);
        if holders.is_empty() {
            return true;
        }
        let why = format!("{}: `--force` moves it all the same, and `--link-back` leaves links", said(&holders));
        held.push(Stay { path: part.from.clone(), why, grave: named });
        false
    });
    // Nothing is tidied there either.
    found.roots.retain(|root| !held.iter().any(|stay| root.starts_with(&stay.path) || stay.path.starts_with(root)));
    found.stays.extend(held);
}

fn said(holders: &BTreeSet<String>) -> String {
    let mut said: Vec<String> = holders.iter().take(NAMED).cloned().collect();
    let more = holders.len() - said.len();
    if more > 0 {
        said.push(format!("{more} more"));
    }
    format!("is needed by {}", units::listed(&said))
}

/// The caches in which parts lie, each with the projects that are registered there.
struct Caches<'a> {
    context: &'a Context,
    survey: &'a Survey,
    known: HashMap<PathBuf, Vec<Known>>,
}

impl Caches<'_> {
    /// Who needs something of `part`.
    fn holders(&mut self, part: &Part) -> BTreeSet<String> {
        let real = part.from.canonicalize().unwrap_or_else(|_| part.from.clone());
        let own = self.survey.layout.cache_root.canonicalize().unwrap_or_default();
        let mut holders = BTreeSet::new();
        for root in real.ancestors().filter(|root| *root != own) {
            for one in self.projects(root) {
                let project = escape::path(&one.registration.project);
                match (&one.lock, &one.problem) {
                    (Some(lock), _) => {
                        let needed = needed(lock, root, &real);
                        holders.extend(needed.map(|model| format!("the lock of {project} ({model})")));
                    }
                    (None, Some(why)) => {
                        let why = escape::printable(why);
                        holders.insert(format!("{project}, perhaps ({why})"));
                    }
                    (None, None) => {}
                }
            }
        }
        holders
    }

    /// The other projects of the cache at `root` that count.
    fn projects(&mut self, root: &Path) -> &[Known] {
        let (vars, own) = (&self.context.vars, &self.survey.project.root);
        self.known.entry(root.to_path_buf()).or_insert_with(|| {
            let now = time::seconds();
            let dropped = projects::due(root, vars, now);
            let is_own = |one: &Known| one.registration.project == *own && one.standing == Standing::Here;
            let mut known = projects::all(root, vars, now);
            known.retain(|one| !is_own(one) && !dropped.contains(&one.registration));
            known
        })
    }
}

/// The models of `lock` of which something lies in `folder`, a part of the cache at `root`.
fn needed<'a>(lock: &'a Lock, root: &Path, folder: &Path) -> impl Iterator<Item = String> + use<'a> {
    let homes = Homes::under(root);
    let around = folder.parent().unwrap_or(folder);
    let hubs = [&homes.hub, &root.join("huggingface"), root, folder, around].map(Path::to_path_buf);
    let folder = folder.to_path_buf();
    let lies_there = move |path: PathBuf| path.starts_with(&folder) && path.symlink_metadata().is_ok();
    let is_needed = move |model: &&'a crate::models::locked::Model| {
        model.parts.iter().any(|part| match &part.place {
            Place::Hub(place) => {
                let revision =
                    Path::new(&repo_folder(place.repo_type, &place.repo)).join("snapshots").join(&place.commit);
                hubs.iter().any(|hub| lies_there(hub.join(&revision)))
            }
            other => part
                .files
                .iter()
                .filter_map(|file| sources::visible(other, file, &homes).ok().flatten())
                .any(&lies_there),
        })
    };
    lock.models.iter().filter(is_needed).map(|model| escape::printable(&model.name))
}
