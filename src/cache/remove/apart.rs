//! A victim in which its own trash would lie: the locks of a hub, beside which there is no place for one. What is in it goes one by
//! one, and it stays itself, with what earlier runs have put there.

use std::ffi::{OsStr, OsString};

use super::guard::Guard;
use super::place::Place;
use super::{Role, Victim};
use crate::support::folder::{Folder, Kind};

/// This tool's own folder in it.
const OWN: &str = ".modelstrap";

/// What goes for `victim`.
pub(super) fn split(place: &Place, victim: Victim, run: &str, guard: &Guard) -> Vec<Victim> {
    // A trash lies below the hub, or in its locks; nowhere else can one lie in what goes.
    let is_locks = victim.role == Role::Tree && victim.path.file_name().is_some_and(|name| name == ".locks");
    let inside = is_locks.then(|| place.inside(&victim.path)).flatten();
    let Some(inside) = inside else { return vec![victim] };
    let around = place.real.join(&inside);
    let holds_trash =
        place.trash(&inside, run, guard).is_ok_and(|trash| trash.base.join(&trash.below).starts_with(&around));
    match place.folder.descend(&inside).and_then(|folder| Ok((folder.names()?, folder))) {
        Ok((names, folder)) if holds_trash => names.iter().filter_map(|name| one(&folder, name, &victim)).collect(),
        _ => vec![victim],
    }
}

fn one(folder: &Folder, name: &OsString, victim: &Victim) -> Option<Victim> {
    let found = folder.look(name).ok().filter(|_| name.as_os_str() != OsStr::new(OWN))?;
    let role = if found.kind == Kind::Folder { Role::Tree } else { Role::File };
    Some(Victim { path: victim.path.join(name), stamp: found.stamp, role, bytes: 0, ..victim.clone() })
}
