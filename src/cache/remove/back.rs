//! Puts what lies in a trash back where it was, if nothing else stands there meanwhile.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use super::Role;
use super::hub::{self, Repository};
use super::journal::Move;
use super::merge;
use super::place::{Place, Trash};
use super::store::{self, Payload};
use crate::support::folder::{Folder, Kind};

/// Whether something was put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Back {
    /// It is there again.
    Done,
    /// It is, but something that it needs is not.
    Lacking(String),
    /// It was not in the trash.
    WasNotHere,
}

/// Puts one thing back.
///
/// # Errors
/// Why it stays in the trash.
pub(super) fn put(one: &Move, place: &Place, trash: &Trash) -> Result<Back, String> {
    let said = |error: io::Error| error.to_string();
    let Some(from) = trash.find().map_err(said)? else { return Ok(Back::WasNotHere) };
    let name = OsStr::new(&one.name);
    let Some(found) = from.find(name).map_err(said)? else { return Ok(Back::WasNotHere) };
    if !one.is(&found) {
        return Err("something else lies in the trash under its number".to_owned());
    }
    let mut done = Back::Done;
    match (one.role, &one.is_list) {
        (Role::Payload, true) => return list(one, place, &from),
        (Role::Payload, false) => return payload(one, place, &from),
        (Role::Blob, _) if found.kind == Kind::Link => claim(one, place, &from, name)?,
        // Its other files are good without one that has to be fetched again.
        (Role::Tree, _) if found.kind == Kind::Folder => {
            done = claim_all(one, place, &from, name).map_or_else(Back::Lacking, |()| Back::Done);
        }
        _ => {}
    }
    let above = one.path.parent().unwrap_or_else(|| Path::new(""));
    let to = place.folder.descend_making(above).map_err(said)?;
    let last = one.path.file_name().unwrap_or_default();
    match from.rename(name, &to, last) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if merge::onto(&from, name, &to, last, &place.real.join(&one.path)).map_err(said)? {
                return Ok(done);
            }
            let is_folder = to.look(last).is_ok_and(|there| (found.kind, there.kind) == (Kind::Folder, Kind::Folder));
            Err(match is_folder {
                true => "a part of it stands there again; the rest is back".to_owned(),
                false => "something stands there again".to_owned(),
            })
        }
        moved => moved.map(|()| done).map_err(said),
    }
}

fn payload_of(place: &Place, path: &Path) -> Result<Payload, String> {
    let said = |error: io::Error| error.to_string();
    let hub = path.ancestors().nth(3).unwrap_or_else(|| Path::new(""));
    let hash = path.strip_prefix(hub).ok().and_then(store::hash_of).ok_or("is no payload")?;
    let at = place.folder.descend(hub).map_err(said)?;
    let payload = Payload::open(&at, &place.real.join(hub), &hash).map_err(said)?;
    payload.ok_or_else(|| "its store is gone".to_owned())
}

/// A payload goes back under its lock. Of one that came again the name says that it has the same content, and only its bytes prove it.
fn payload(one: &Move, place: &Place, from: &Folder) -> Result<Back, String> {
    let said = |error: io::Error| error.to_string();
    let payload = payload_of(place, &one.path)?;
    let _lock = payload.lock()?;
    let name = OsStr::new(&one.name);
    match from.rename(name, payload.folder(), OsStr::new(&payload.hash)) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if !merge::are_same((from, name), (payload.folder(), OsStr::new(&payload.hash))).map_err(said)? {
                return Err("other bytes stand there under its name".to_owned());
            }
            from.unlink(name).map_err(said)?;
        }
        moved => moved.map_err(said)?,
    }
    Ok(Back::Done)
}

/// A list of users goes back; where there is one again, its lines are added to that.
fn list(one: &Move, place: &Place, from: &Folder) -> Result<Back, String> {
    let said = |error: io::Error| error.to_string();
    let hash = one.path.with_extension("");
    let payload = payload_of(place, &hash)?;
    let lock = payload.lock()?;
    let name = OsStr::new(&one.name);
    match from.rename(name, payload.folder(), &payload.list()) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let bytes = from.read(name, u64::MAX).map_err(said)?;
            for line in String::from_utf8_lossy(&bytes).lines().filter(|line| !line.is_empty()) {
                payload.add(&lock, line).map_err(said)?;
            }
            from.unlink(name).map_err(said)?;
        }
        moved => moved.map_err(said)?,
    }
    Ok(Back::Done)
}

/// Before a link into the store is back, its line is in the list: without it the payload could be removed in between.
fn claim(one: &Move, place: &Place, from: &Folder, name: &OsStr) -> Result<(), String> {
    let said = |error: io::Error| error.to_string();
    let Some(repository) = Repository::around(&place.folder, &place.real, &one.path).map_err(said)? else {
        return Ok(());
    };
    let target = from.target(name).map_err(said)?;
    let Some(hash) = store::led_to(&target, &repository.hub_path) else { return Ok(()) };
    claim_one(&repository, &hash, one.path.file_name().unwrap_or_default())
}

fn claim_all(one: &Move, place: &Place, from: &Folder, name: &OsStr) -> Result<(), String> {
    let said = |error: io::Error| error.to_string();
    let Some((hub, repository)) = hub::around(&one.path) else { return Ok(()) };
    if one.path != hub.join(&repository) {
        return Ok(());
    }
    let hub_path = place.real.join(&hub);
    let claims = hub::payloads(from, name, &hub_path).map_err(said)?;
    let hub = place.folder.descend(&hub).map_err(said)?;
    let repository = Repository { hub, hub_path, name: repository };
    let outcomes: Vec<_> = claims.iter().map(|(etag, hash)| claim_one(&repository, hash, etag)).collect();
    outcomes.into_iter().collect()
}

fn claim_one(repository: &Repository, hash: &str, etag: &OsStr) -> Result<(), String> {
    let said = |error: io::Error| error.to_string();
    let gone = || "its content is gone from the shared store: fetch it again".to_owned();
    let payload = Payload::open(&repository.hub, &repository.hub_path, hash).map_err(said)?.ok_or_else(gone)?;
    let lock = payload.lock()?;
    if payload.find().map_err(said)?.is_none() {
        return Err(gone());
    }
    // A list that names one of several users is worse than none, which every client leaves alone.
    if payload.has_no_list(&lock) {
        return Ok(());
    }
    let (Some(name), Some(etag)) = (repository.name.to_str(), etag.to_str()) else { return Ok(()) };
    payload.add(&lock, &format!("{name}/blobs/{etag}")).map_err(said)
}
