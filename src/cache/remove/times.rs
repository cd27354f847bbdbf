//! When the folders were changed last from which a run took something: taking and putting back are no use of them, and what an undo
//! brings back is to look as if it had never gone.

use std::collections::HashSet;
use std::path::Path;

use super::clock::Moment;
use super::place::Place;
use super::rows::Move;
use crate::support::folder::Folder;

const SECOND: i128 = 1_000_000_000;

/// Folders whose times are to be what they were, each open, and its time in nanoseconds since 1970.
#[derive(Debug)]
pub(super) struct Times(Vec<(Folder, i64)>);

impl Times {
    /// Those above `moves` in which nothing was changed since the run was `decided`, before anything is put back.
    pub(super) fn of(moves: &[Move], places: &[Result<Place, String>], decided: Option<&Moment>) -> Self {
        let Some(decided) = decided else { return Self(Vec::new()) };
        // The date has whole seconds.
        let limit = i128::from(decided.date).saturating_add(1) * SECOND;
        let mut seen: HashSet<(usize, &Path)> = HashSet::new();
        let folder = |one: &Move| {
            let place = places.get(one.place)?.as_ref().ok()?;
            let folder = place.folder.descend(one.path.parent()?).ok()?;
            let is_untouched = folder.own().is_ok_and(|found| found.stamp.modified <= limit);
            is_untouched.then_some((folder, one.above?))
        };
        let mut times = Vec::new();
        for one in moves {
            if seen.insert((one.place, one.path.parent().unwrap_or_else(|| Path::new("")))) {
                times.extend(folder(one));
            }
        }
        Self(times)
    }

    /// Gives each its time again. One that cannot have it keeps the time of the undo.
    pub(super) fn restore(self) {
        self.0.iter().for_each(|(folder, at)| folder.set_modified(*at));
    }
}
