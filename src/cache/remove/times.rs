//! When the folders were changed last from which a run took something: taking and putting back are no use of them, and what an undo
//! brings back is to look as if it had never gone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::clock::Moment;
use super::moves::Moves;
use super::place::Place;

const SECOND: i128 = 1_000_000_000;

/// Folders whose times are to be what they were: by place and path, the time in nanoseconds since 1970. One in which something was
/// changed has none.
#[derive(Debug, Default)]
pub(super) struct Times(BTreeMap<(usize, PathBuf), Option<i64>>);

impl Times {
    /// Those above `moves` in which nothing was changed since the run was `decided`, before anything is put back.
    pub(super) fn of(moves: &Moves, places: &[Result<Place, String>], decided: Option<&Moment>) -> Self {
        let mut times = Self::default();
        let Some(decided) = decided else { return times };
        // The date has whole seconds.
        let limit = i128::from(decided.date).saturating_add(1) * SECOND;
        let is_untouched = |place: usize, folder: &Path| {
            let folder = places.get(place)?.as_ref().ok()?.folder.descend(folder).ok()?;
            folder.own().ok().filter(|found| found.stamp.modified <= limit)
        };
        for one in moves.iter().filter_map(Result::ok) {
            let folder = one.path.parent().unwrap_or_else(|| Path::new("")).to_path_buf();
            let time = |(place, folder): &(usize, PathBuf)| is_untouched(*place, folder).and(one.above);
            times.0.entry((one.place, folder)).or_insert_with_key(time);
        }
        times
    }

    /// Gives each its time again. One that cannot have it keeps the time of the undo.
    pub(super) fn restore(self, places: &[Result<Place, String>]) {
        for ((place, folder), time) in self.0 {
            let place = places.get(place).and_then(|place| place.as_ref().ok());
            let folder = place.and_then(|place| place.folder.descend(&folder).ok());
            if let Some((folder, time)) = folder.zip(time) {
                folder.set_modified(time);
            }
        }
    }
}
