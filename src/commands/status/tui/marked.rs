//! From what is marked in the browser to what `clear` can be asked for.

use std::path::{Path, PathBuf};

use crate::cache::select::clear::Wanted;
use crate::cache::select::picks::{At, Pick};
use crate::cache::select::stock::Holding;
use crate::cache::select::words::{self, Meaning};
use crate::cache::select::{Kept, Listed};
use crate::cache::stamp::Stamp;
use crate::commands::cleaning::Scene;
use crate::ui::browser::{Id, Kind, Tree};

/// What a program may still be about to name, or to write, is younger than so many seconds: `prune` leaves it, too.
const YOUNG: i64 = 3600;

/// Why nothing of a mark comes into the plan.
const GONE: &str = "nothing of it can go by itself, or it is gone: r reads the list again";

/// A node that is marked.
#[derive(Debug, Clone)]
pub(super) struct Marked {
    path: PathBuf,
    kind: Kind,
    name: String,
}

impl Marked {
    pub(super) fn of(tree: &Tree, id: Id) -> Self {
        let node = tree.node(id);
        Self { path: node.path.clone(), kind: node.kind, name: node.name.clone() }
    }
}

/// What the marks ask for, and what of them cannot go.
pub(super) fn wanted(scene: &Scene<'_>, marked: &[Marked]) -> (Vec<Wanted>, Vec<Kept>) {
    let (mut all, mut stays) = (Vec::new(), Vec::new());
    for one in marked {
        let path = real(scene, &one.path);
        let picks = match one.kind {
            Kind::Orphans => orphans(scene, &path),
            Kind::Unfinished => unfinished(scene, &path),
            _ => match words::meaning("", Some(&path), &scene.stock, &scene.named) {
                Ok(Meaning::Picks(picks)) => picks,
                Ok(Meaning::NotHere) | Err(_) => Listed::default(),
            },
        };
        if picks.is_empty() {
            let why = match one.kind {
                Kind::Orphans | Kind::Unfinished => {
                    "it came or changed less than an hour ago, and a program may still need it: wait, or run \
                     `modelstrap prune --grace 0`, which takes whatever nobody needs"
                        .to_owned()
                }
                _ => scene.survey.why_left_alone(&one.path).unwrap_or_else(|| GONE.to_owned()),
            };
            stays.push(Kept { name: one.name.clone(), path, why });
        } else {
            all.push(Wanted::Named(one.name.clone(), Meaning::Picks(picks)));
        }
    }
    (all, stays)
}

/// Where it really lies: a place may be a link.
fn real(scene: &Scene<'_>, path: &Path) -> PathBuf {
    let places = scene.survey.places.iter().filter(|place| path.starts_with(&place.path));
    let place = places.max_by_key(|place| place.path.components().count());
    match place.and_then(|place| Some((place, path.strip_prefix(&place.path).ok()?))) {
        Some((place, inside)) if inside.as_os_str().is_empty() => place.real.clone(),
        Some((place, inside)) => place.real.join(inside),
        None => path.to_path_buf(),
    }
}

fn is_old(scene: &Scene<'_>, stamp: &Stamp) -> bool {
    stamp.touched() < scene.now.saturating_sub(YOUNG)
}

fn repository<T>(scene: &Scene<'_>, folder: &Path, picks: impl Fn(At, &Holding) -> T) -> Option<T> {
    let hubs = scene.stock.hubs.iter().enumerate();
    hubs.flat_map(|(hub, stock)| stock.repositories.iter().enumerate().map(move |(at, one)| (hub, at, one)))
        .find(|(_, _, holding)| holding.repository.folder == folder)
        .map(|(hub, repository, holding)| picks(At { hub, repository }, holding))
}

/// The blobs that no revision has.
fn orphans(scene: &Scene<'_>, folder: &Path) -> Listed {
    let picks = repository(scene, folder, |at, holding| {
        let is_old = |blob: &usize| holding.blob(*blob).is_some_and(|entry| is_old(scene, &entry.stamp));
        holding.orphans().filter(is_old).map(|blob| Pick::Orphan(at, blob)).collect()
    });
    picks.unwrap_or_default()
}

/// The unfinished downloads.
fn unfinished(scene: &Scene<'_>, folder: &Path) -> Listed {
    let picks = repository(scene, folder, |at, holding| {
        let all = holding.repository.unfinished.iter().enumerate().filter(|(_, (_, stamp))| is_old(scene, stamp));
        all.map(|(index, _)| Pick::Unfinished(at, index)).collect()
    });
    picks.unwrap_or_default()
}
