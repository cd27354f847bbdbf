//! Payloads of a shared store that went with their last user, while something that went before and can still be brought back leads to
//! them: they wait in the trash for as long as that can be, and come back with it. In the store itself nothing could keep them: a line of
//! their list counts for a repository that stands there alone.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use super::journal::{self, Fate, Move};
use super::opened::Opened;
use super::{Remover, Role, hub, store};

/// A payload: the hub, links followed, and its hash.
type Key = (PathBuf, String);

/// What is led to from trashes.
#[derive(Debug, Default)]
pub(super) struct Wanted(HashSet<Key>);

impl Wanted {
    /// By what can be brought back now.
    ///
    /// # Errors
    /// When the journals cannot be read: then nobody knows.
    pub(super) fn by_all(remover: &Remover) -> io::Result<Self> {
        let mut wanted = Self::default();
        for past in journal::past(&remover.cache_root)? {
            if past.fate != Fate::Decided(None) {
                wanted.add(&Opened::open(past, &remover.guard()));
            }
        }
        Ok(wanted)
    }

    /// Adds what the links lead to that lie in the trash of `run`.
    pub(super) fn add(&mut self, run: &Opened) {
        let moves = run.past.moves.iter().filter_map(Result::ok);
        for one in moves.filter(|one| matches!(one.role, Role::Blob | Role::Tree)) {
            let Some((hub, hashes)) = led_to(run, &one) else { continue };
            self.0.extend(hashes.into_iter().map(|hash| (hub.clone(), hash)));
        }
    }

    /// Whether the payload at `path` below `place`, or the one whose list of users this is, is among them.
    pub(super) fn has(&self, place: &Path, path: &Path) -> bool {
        !self.0.is_empty() && key(place, path).is_some_and(|key| self.0.contains(&key))
    }

    /// Puts those of them back that lie in the trash of `run`, and are not in their store. What cannot go there is missed by who needs it,
    /// and told then.
    pub(super) fn give_back(&self, run: &Opened) {
        for one in run.past.moves.rev().filter_map(Result::ok) {
            let place = run.past.places.get(one.place);
            if one.role == Role::Payload && place.is_some_and(|place| self.has(place, &one.path)) {
                let _ = run.put(&one);
            }
        }
    }
}

fn key(place: &Path, path: &Path) -> Option<Key> {
    let hub = path.ancestors().nth(3)?;
    let path = if path.extension().is_some_and(|end| end == "refs") { &path.with_extension("") } else { path };
    Some((place.join(hub), store::hash_of(path.strip_prefix(hub).ok()?)?))
}

/// The hub that a link or a repository in the trash lay in, and which payloads it leads to.
fn led_to(run: &Opened, one: &Move) -> Option<(PathBuf, Vec<String>)> {
    let (hub, repository) = hub::around(&one.path)?;
    let is_whole = one.path == hub.join(&repository);
    if !run.holds(one).ok()? || (one.role == Role::Tree && !is_whole) {
        return None;
    }
    let trash = run.trashes[one.trash].find().ok()??;
    let (name, hub) = (OsStr::new(&one.name), run.past.places.get(one.place)?.join(hub));
    let hashes = match one.role {
        Role::Blob => trash.target(name).ok().and_then(|target| store::led_to(&target, &hub)).into_iter().collect(),
        _ => hub::payloads(&trash, name, &hub).ok()?.into_iter().map(|(_, hash)| hash).collect(),
    };
    Some((hub, hashes))
}
