//! What an undo could not put back, since something else stands there. From then on it is trash like any other, with its own time; only
//! another undo tries it again, and only where that leaves nothing half: what it belongs to may have been removed on purpose since.

use std::ffi::OsStr;
use std::fs;
use std::io;

use super::Role;
use super::clock::Moment;
use super::hub::{self, Repository};
use super::journal::{Fate, Move, Past};
use super::merge;
use super::place::{Place, Trash};
use crate::support::folder::Kind;

/// For how long it waits when its journal does not say for how long all of it was kept, in seconds.
const HOUR: i64 = 3600;

/// Until when what `past` cannot put back waits: for as long as it was kept at first, from `now` on.
pub(super) fn until(past: &Past, now: &Moment) -> i64 {
    if let (Fate::Decided(Some(until)), true) = (past.fate, past.is_tried) {
        return until;
    }
    let kept = past.until.zip(past.decided.as_ref()).map(|(until, made)| until.saturating_sub(made.date));
    now.date.saturating_add(kept.filter(|kept| *kept > 0).unwrap_or(HOUR))
}

/// Whether `one`, which an undo could not put back, may go back now.
///
/// # Errors
/// Why it may not.
pub(super) fn may_return(one: &Move, place: &Place, trash: &Trash) -> Result<(), String> {
    let said = |error: io::Error| error.to_string();
    let name = OsStr::new(&one.name);
    let Some(from) = trash.find().map_err(said)? else { return Ok(()) };
    let Some(found) = from.find(name).map_err(said)? else { return Ok(()) };
    let around = hub::around(&one.path);
    if !merge::is_whole(one, &found) && (around.is_some() || !stands(one, place)) {
        return Err("a part of it was brought back, and this is the rest".to_owned());
    }
    let Some((hub, repository)) = around.filter(|(hub, repository)| one.path != hub.join(repository)) else {
        return Ok(());
    };
    let top = hub.join(&repository);
    let inside = |path: &str| place.folder.descend(&top.join(path)).ok();
    if inside("").is_none() {
        return Err("its repository is gone".to_owned());
    }
    let is_there = match one.role {
        Role::Reference => {
            let commit = hub::commit(&from, name);
            commit.is_none_or(|commit| inside("snapshots").is_some_and(|all| matches!(all.find(&commit), Ok(Some(_)))))
        }
        Role::Snapshot if found.kind == Kind::Folder => {
            let blobs = place.real.join(&top).join("blobs");
            let names = hub::linked(&from.enter(name).map_err(said)?).map_err(said)?;
            names.iter().all(|name| fs::metadata(blobs.join(name)).is_ok())
        }
        Role::Blob => {
            let repository = Repository::around(&place.folder, &place.real, &one.path).map_err(said)?;
            let contents = repository.map(|repository| repository.contents()).transpose().map_err(said)?;
            contents.is_some_and(|contents| contents.contains(one.path.file_name().unwrap_or_default()))
        }
        _ => true,
    };
    if is_there { Ok(()) } else { Err("what it belongs to is gone".to_owned()) }
}

/// Whether something is where it was.
pub(super) fn stands(one: &Move, place: &Place) -> bool {
    let found = place.parent(&one.path).and_then(|(parent, name)| parent.find(name));
    found.is_ok_and(|found| found.is_some())
}
