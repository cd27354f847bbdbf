//! Unfinished downloads outside of the cache: `prune` leaves alone what is not the cache's, `clear` takes each by its path.

use super::{Bound, Grounds, Reclaimable};
use crate::cache::Kind;
use crate::cache::inventory::{Found, Heap, Unit, UnitKind};

/// What programs read.
pub(in crate::commands) const OUTSIDE: &str = "unfinished_downloads_outside";

/// What of it `clear` takes.
pub(super) fn outside(grounds: &Grounds<'_>) -> Option<Reclaimable> {
    let mut all = Heap::default();
    grounds.inventory.places.iter().flat_map(units).for_each(|unit| all += unit.partial);
    let words = "unfinished downloads outside of the cache";
    let found = || Reclaimable::new(OUTSIDE, words, all.files, all.bytes, "modelstrap clear PATH");
    (all.files > 0).then(|| Reclaimable { bound: Bound::AtMost, ..found() })
}

/// The units of a place outside of the cache that hold such downloads, and in which `clear` works: not where a variable of the shell leads,
/// and not what Ollama goes on with, or removes when it starts.
pub(in crate::commands) fn units(found: &Found) -> impl Iterator<Item = &Unit> {
    let is_ours = found.exists && found.place.kind.is_outside() && !matches!(found.place.kind, Kind::Shell { .. });
    let units = found.units.iter().filter(move |unit| is_ours && unit.partial.files > 0);
    units.filter(|unit| !matches!(unit.kind, UnitKind::Own | UnitKind::Ollama))
}
