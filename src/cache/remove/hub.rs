//! What the rest of a repository says of a victim in it, read anew each time: which contents its snapshots have, which commits
//! its references name.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::path::{Component, Path, PathBuf};

use super::guard;
use super::store;
use crate::support::folder::{Folder, Kind};

/// No repository has folders in folders in so many folders.
const DEEPEST: usize = 64;

/// A reference holds 40 digits; this is room for a line's end, and to see that it is no reference.
const REFERENCE: u64 = 256;

/// A repository around a victim.
#[derive(Debug)]
pub(super) struct Repository {
    pub(super) hub: Folder,
    /// Where the hub is, links followed.
    pub(super) hub_path: PathBuf,
    /// `models--org--name`.
    pub(super) name: OsString,
}

/// Where the repository is that `path`, below a place, lies in (or is): the hub below the place, and the repository's name.
pub(super) fn around(path: &Path) -> Option<(PathBuf, OsString)> {
    let mut hub = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) if guard::is_repository(name) => return Some((hub, name.to_os_string())),
            part => hub.push(part),
        }
    }
    None
}

/// Names of contents or commits, as numbers of eight bytes: one that is not among them is not there for sure. Should two names ever have one
/// number, one stays that could go.
#[derive(Debug, Default)]
pub(super) struct Names {
    hasher: RandomState,
    /// Sorted.
    hashes: Vec<u64>,
}

impl Names {
    fn add(&mut self, name: &OsStr) {
        self.hashes.push(self.hasher.hash_one(name));
    }

    fn sorted(mut self) -> Self {
        self.hashes.sort_unstable();
        self.hashes.dedup();
        self
    }

    /// Whether one is called so.
    pub(super) fn contains(&self, name: &OsStr) -> bool {
        self.hashes.binary_search(&self.hasher.hash_one(name)).is_ok()
    }
}

impl Repository {
    /// The repository around `path`, which lies below `place`, a folder that really is at `real`.
    pub(super) fn around(place: &Folder, real: &Path, path: &Path) -> io::Result<Option<Self>> {
        let Some((hub, name)) = around(path) else { return Ok(None) };
        Ok(Some(Self { hub: place.descend(&hub)?, hub_path: real.join(hub), name }))
    }

    fn part(&self, name: &str) -> io::Result<Option<Folder>> {
        match self.hub.descend(&Path::new(&self.name).join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            folder => folder.map(Some),
        }
    }

    /// The names of the contents that its snapshots have, whatever their links look like.
    pub(super) fn contents(&self) -> io::Result<Names> {
        let mut names = Names::default();
        if let Some(snapshots) = self.part("snapshots")? {
            files(&snapshots, 0, &mut |folder, name, kind| {
                if kind == Kind::Link {
                    folder.target(name)?.file_name().iter().for_each(|name| names.add(name));
                }
                Ok(())
            })?;
        }
        Ok(names.sorted())
    }

    /// What its references hold.
    pub(super) fn named(&self) -> io::Result<Names> {
        let mut commits = Names::default();
        if let Some(references) = self.part("refs")? {
            files(&references, 0, &mut |folder, name, kind| {
                // What cannot be read names nothing for any client either.
                if kind == Kind::File {
                    commit(folder, name).iter().for_each(|commit| commits.add(commit));
                }
                Ok(())
            })?;
        }
        Ok(commits.sorted())
    }
}

/// The last names of what the links below `folder` lead to.
pub(super) fn linked(folder: &Folder) -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    files(folder, 0, &mut |folder, name, kind| {
        if kind == Kind::Link {
            names.extend(folder.target(name)?.file_name().map(OsStr::to_os_string));
        }
        Ok(())
    })?;
    Ok(names)
}

/// What the reference `name` holds.
pub(super) fn commit(folder: &Folder, name: &OsStr) -> Option<OsString> {
    let bytes = folder.read(name, REFERENCE).ok()?;
    Some(String::from_utf8(bytes).ok()?.trim().to_owned().into())
}

/// The payloads that the blobs of the repository `name` in `parent` lead to, and the blobs' names; none if it has no such folder.
pub(super) fn payloads(parent: &Folder, name: &OsStr, hub: &Path) -> io::Result<Vec<(OsString, String)>> {
    let blobs = match parent.descend(&Path::new(name).join("blobs")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        blobs => blobs?,
    };
    let mut found = Vec::new();
    for name in blobs.names()? {
        if blobs.look(&name)?.kind == Kind::Link {
            let hash = store::led_to(&blobs.target(&name)?, hub);
            found.extend(hash.map(|hash| (name, hash)));
        }
    }
    Ok(found)
}

/// The payloads that any repository of the hub leads to.
pub(super) fn all_payloads(hub: &Folder, path: &Path) -> io::Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for name in hub.names()?.iter().filter(|name| guard::is_repository(name)) {
        found.extend(payloads(hub, name, path)?.into_iter().map(|(_, hash)| hash));
    }
    Ok(found)
}

fn files(
    folder: &Folder,
    depth: usize,
    each: &mut dyn FnMut(&Folder, &OsStr, Kind) -> io::Result<()>,
) -> io::Result<()> {
    if depth > DEEPEST {
        return Err(io::Error::other(format!("lies more than {DEEPEST} folders deep")));
    }
    for name in folder.names()? {
        match folder.find(&name)?.map(|found| found.kind) {
            Some(Kind::Folder) => files(&folder.enter(&name)?, depth + 1, each)?,
            Some(kind) => each(folder, &name, kind)?,
            None => {}
        }
    }
    Ok(())
}
