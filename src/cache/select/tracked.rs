//! What Git tracks of what a person named: that is the project's, and stays. A repository of the Hub stays whole with it, since a part of
//! it is of no use.

use std::path::Path;

use super::picks::Pick;
use super::stock::{Seen, Stock};
use crate::support::units;

/// How many of its files stay for Git, and how many there are.
#[derive(Debug, Default)]
pub(super) struct Tracked {
    stay: usize,
    files: usize,
    /// It goes whole, or not at all.
    is_one: bool,
}

/// Of `pick`.
pub(super) fn of(stock: &Stock, pick: &Pick) -> Tracked {
    let below = |folder: &Path| stock.tracked.iter().filter(|path| path.starts_with(folder)).count();
    let whole = |stay: usize| Tracked { stay, files: stay, is_one: true };
    match pick {
        Pick::Repository(at)
        | Pick::Revision(at, _)
        | Pick::Orphan(at, _)
        | Pick::Unfinished(at, _)
        | Pick::Reference(at, _)
        | Pick::Absences(at) => whole(stock.at(*at).map_or(0, |(_, holding)| below(&holding.repository.folder))),
        Pick::Payload(..) => whole(stock.path(pick).map_or(0, |path| below(&path))),
        Pick::Thing(index) => {
            let thing = stock.things.get(*index);
            let entries = thing.filter(|_| !stock.tracked.is_empty()).into_iter().flat_map(|thing| thing.entries());
            counted(entries, &|entry| stock.is_tracked(entry))
        }
        Pick::Inside(index, _) => {
            let (thing, path) = (stock.things.get(*index), stock.path(pick).unwrap_or_default());
            let entries = thing.filter(|_| !stock.tracked.is_empty()).into_iter().flat_map(|thing| thing.entries());
            counted(entries.filter(|entry| entry.lies_in(&path)), &|entry| stock.is_tracked(entry))
        }
        Pick::Application(number, index) => {
            let Some(cache) = stock.applications.get(*number).filter(|cache| !cache.tracked.is_empty()) else {
                return Tracked::default();
            };
            match cache.entries.get(*index) {
                Some(folder) if folder.is_folder() => {
                    let path = folder.path();
                    let entries = cache.entries.iter().filter(|entry| entry.lies_in(&path));
                    counted(entries, &|entry| cache.is_tracked(entry))
                }
                entry => counted(entry.into_iter(), &|entry| cache.is_tracked(entry)),
            }
        }
    }
}

fn counted<'a>(entries: impl Iterator<Item = Seen<'a>>, is_tracked: &dyn Fn(&Seen<'a>) -> bool) -> Tracked {
    entries.filter(|entry| !entry.is_folder() && !entry.is_protected()).fold(Tracked::default(), |sum, entry| Tracked {
        stay: sum.stay + usize::from(is_tracked(&entry)),
        files: sum.files + 1,
        ..sum
    })
}

impl Tracked {
    /// Why nothing of it goes.
    pub(super) fn all(&self) -> Option<String> {
        let Self { stay, files, is_one } = *self;
        match stay {
            0 => None,
            _ if is_one => Some(format!("Git tracks {} of it", units::count(stay, "file"))),
            1 if files == 1 => Some("Git tracks it".to_owned()),
            _ => (stay == files).then(|| format!("Git tracks it all: {}", units::count(stay, "file"))),
        }
    }

    /// What of it stays although the rest goes, and why.
    pub(super) fn some(&self) -> Option<String> {
        match self.stay {
            0 => None,
            1 => Some("1 file in it stays: Git tracks it".to_owned()),
            stay => Some(format!("{stay} files in it stay: Git tracks them")),
        }
    }
}
