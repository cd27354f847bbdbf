//! How large the cache was: a line at most once an hour, when a verb has counted it anyway.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::file;
use crate::cache::inventory::Inventory;
use crate::cache::places::Kind;
use crate::support::time;

/// The file, in the notes' folder.
const FILE: &str = "history.jsonl";

/// At most one line in so many seconds.
const HOUR: i64 = 3600;

/// With more lines the file is thinned.
const MOST: usize = 1000;

/// So many of the newest lines stay when it is.
const NEWEST: usize = 300;

/// The largest file that is read, in bytes: with fifty homes a line has 2 kB.
const LARGEST: u64 = 8 << 20;

/// How large the cache was at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// When, in seconds since 1970.
    pub time: i64,
    /// What programs see, in bytes.
    pub apparent: u64,
    /// What lay on the disk, in bytes.
    pub disk: u64,
    /// The same of each home.
    pub homes: BTreeMap<String, u64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    time: String,
    apparent: u64,
    disk: u64,
    homes: BTreeMap<String, u64>,
}

/// Whether an hour has gone by since the last line.
pub fn is_due(cache_root: &Path, now: i64) -> bool {
    if !file::is_folder(&super::folder(cache_root)) {
        return false;
    }
    all(cache_root).last().is_none_or(|last| now.saturating_sub(last.time) >= HOUR)
}

/// Notes how large the cache is, by `inventory`, if that is due. The cache's notes must be there already, which registering
/// makes; of a cache that never held a file nothing is noted.
///
/// # Errors
/// What the disk says: no verb fails for that.
pub fn note(cache_root: &Path, inventory: &Inventory, now: i64) -> io::Result<()> {
    if !file::is_folder(&super::folder(cache_root)) {
        return Ok(());
    }
    let mut past = all(cache_root);
    let is_due = past.last().is_none_or(|last| now.saturating_sub(last.time) >= HOUR);
    if !is_due || (past.is_empty() && inventory.homes.files == 0) {
        return Ok(());
    }
    let mut homes = BTreeMap::new();
    for found in inventory.places.iter().filter(|found| found.exists && found.place.kind == Kind::Home) {
        let disk = homes.entry(found.place.name.clone()).or_insert(0_u64);
        *disk = disk.saturating_add(found.sizes.disk);
    }
    let moment = Moment { time: now, apparent: inventory.homes.apparent, disk: inventory.homes.disk, homes };
    let at = file::room(cache_root, "")?.join(FILE);
    if past.len() < MOST {
        return file::append(&at, &line(&moment)?);
    }
    past.push(moment);
    let lines: io::Result<String> = thinned(past).iter().map(line).collect();
    file::replace(&at, lines?.as_bytes())
}

/// What was noted, the oldest first.
pub fn all(cache_root: &Path) -> Vec<Moment> {
    let own = super::folder(cache_root);
    if !file::is_folder(&own) {
        return Vec::new();
    }
    let bytes = file::read(&own.join(FILE), LARGEST).unwrap_or_default();
    // Nobody writes more than `MOST`, but somebody may have.
    let mut found: Vec<Moment> = bytes.split(|byte| *byte == b'\n').take(4 * MOST).filter_map(moment).collect();
    found.sort_by_key(|moment| moment.time);
    found
}

/// Forgets it.
pub(super) fn forget(cache_root: &Path) {
    let at = super::folder(cache_root).join(FILE);
    if fs::symlink_metadata(&at).is_ok_and(|found| found.is_file()) {
        file::remove(&at);
    }
}

fn line(moment: &Moment) -> io::Result<String> {
    let Moment { apparent, disk, homes, .. } = moment;
    let time = time::rfc3339(moment.time).ok_or_else(|| io::Error::other("the clock is wrong"))?;
    let line = Line { time, apparent: *apparent, disk: *disk, homes: homes.clone() };
    Ok(serde_json::to_string(&line).map_err(io::Error::other)? + "\n")
}

fn moment(line: &[u8]) -> Option<Moment> {
    let line: Line = serde_json::from_slice(line).ok()?;
    let time = humantime::parse_rfc3339(&line.time).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    let time = i64::try_from(time.as_secs()).ok()?;
    Some(Moment { time, apparent: line.apparent, disk: line.disk, homes: line.homes })
}

/// The newest as they are, of the older every second one and the first.
fn thinned(past: Vec<Moment>) -> Vec<Moment> {
    let newest = past.len().saturating_sub(NEWEST);
    past.into_iter().enumerate().filter(|(at, _)| *at >= newest || at % 2 == 0).map(|(_, moment)| moment).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::Sizes;
    use crate::cache::inventory::Found;
    use crate::cache::places::Place;

    const NOW: i64 = 1_764_084_046;

    fn inventory(disk: u64) -> Inventory {
        let sizes = Sizes { apparent: disk * 2, disk, exclusive: disk, files: 1 };
        let place = Place::at("torch".into(), "/c/torch".into(), Kind::Home);
        let found = Found { place, exists: true, sizes, expired: Sizes::default(), units: Vec::new() };
        Inventory { places: vec![found], homes: sizes, ..Inventory::default() }
    }

    fn cache() -> tempfile::TempDir {
        let room = tempfile::tempdir().unwrap();
        fs::create_dir(room.path().join(".modelstrap")).unwrap();
        room
    }

    #[test]
    fn a_moment_an_hour_is_noted_and_read_again() {
        let room = cache();
        let root = room.path();
        note(root, &Inventory::default(), NOW).unwrap();
        assert!(all(root).is_empty() && is_due(root, NOW), "nothing was ever there");
        for (at, disk) in [(NOW, 5), (NOW + 3599, 6), (NOW + 3600, 7)] {
            note(root, &inventory(disk), at).unwrap();
        }
        let moment =
            |time, disk| Moment { time, apparent: disk * 2, disk, homes: BTreeMap::from([("torch".to_owned(), disk)]) };
        assert_eq!(all(root), [moment(NOW, 5), moment(NOW + 3600, 7)]);
        assert!(!is_due(root, NOW + 3601));
        note(root, &Inventory::default(), NOW + 9000).unwrap();
        assert_eq!(all(root).last().map(|last| last.disk), Some(0), "that it is empty now is news");
        forget(root);
        assert!(all(root).is_empty());
    }

    #[test]
    fn a_long_history_is_thinned_and_keeps_its_beginning_and_its_end() {
        let room = cache();
        let root = room.path();
        let at = |n: usize| NOW + i64::try_from(n).unwrap() * HOUR;
        let lines: String = (0..MOST)
            .map(|n| line(&Moment { time: at(n), apparent: 1, disk: 1, homes: BTreeMap::new() }).unwrap())
            .collect();
        fs::write(root.join(".modelstrap/history.jsonl"), lines).unwrap();
        note(root, &inventory(9), at(MOST)).unwrap();
        let found = all(root);
        assert_eq!((found.len(), found[0].time, found[found.len() - 1].time), (651, NOW, at(MOST)));
        note(root, &inventory(9), at(MOST + 1)).unwrap();
        assert_eq!(all(root).len(), 652);
    }

    proptest::proptest! {
        #[test]
        fn no_history_panics(bytes: Vec<u8>, time in ".{0,30}") {
            let room = cache();
            let text = format!("{{\"time\":{:?},\"apparent\":1,\"disk\":2,\"homes\":{{}}}}\n", time);
            fs::write(room.path().join(".modelstrap/history.jsonl"), [bytes, text.into_bytes()].concat()).unwrap();
            let _ = all(room.path());
            note(room.path(), &inventory(3), NOW).unwrap();
        }
    }
}
