//! What goes into an archive: every file of the homes, each by its name, and what is known of its bytes without reading them.
//!
//! The homes are read once, and nothing is followed: a link is stored as one where it leads to something that is stored too, made
//! relative where it was absolute. What leads elsewhere, or to nothing, and what belongs to this machine alone, is left out.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::names::{self, Name, Role};
use crate::cache::stamp::Stamp;
use crate::platform::Os;
use crate::support::{escape, interrupt};

/// A folder whose content has names in archives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// What names in it begin with: `torch`, `huggingface/hub`.
    pub prefix: Vec<u8>,
    /// Where it is, links followed.
    pub path: PathBuf,
}

/// Where the bytes of a file are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bytes {
    /// In this file, as it was. In a box, since most things of a cache are links, and a million of them have to have room.
    Disk(Box<Found>),
    /// Here: what is made for the archive.
    Memory(Vec<u8>),
}

/// A file on the disk, as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The folder that it lies in, of which those beside it know as well.
    folder: Arc<Path>,
    file: Box<OsStr>,
    /// What it was.
    pub stamp: Stamp,
}

impl Found {
    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.folder.join(&*self.file)
    }
}

impl Bytes {
    /// Those of the file at `path`, which was `stamp`.
    pub fn of(path: &Path, stamp: Stamp) -> Self {
        let folder = Arc::from(path.parent().unwrap_or(Path::new("")));
        Self::Disk(Box::new(Found { folder, file: path.file_name().unwrap_or_default().into(), stamp }))
    }
}

/// What has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Thing {
    /// A file.
    File(Bytes),
    /// A link, and what it says.
    Link(Vec<u8>),
    /// A folder with nothing in it.
    Folder,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Gathered {
    /// By name.
    pub things: BTreeMap<Name, Thing>,
    /// The hubs that have a shared store.
    pub stores: Vec<Vec<u8>>,
    /// What was left out that a person may miss, and why.
    pub left_out: Vec<(PathBuf, String)>,
    /// What could not be read, and why.
    pub problems: Vec<(PathBuf, io::Error)>,
}

/// The folder's names, and whether each is wanted.
pub type Wanted<'a> = &'a dyn Fn(&Name) -> bool;

/// Finds everything in `roots` that is wanted. `stores` are the hubs with a shared store, `never` are files that are not to be stored: the archive itself.
///
/// # Errors
/// When the person asked to stop.
pub fn gather(
    roots: &[Root],
    stores: &[Vec<u8>],
    wanted: Wanted<'_>,
    never: &[PathBuf],
) -> Result<Gathered, interrupt::Interrupted> {
    let mut walk = Walk { roots, wanted, never, found: Gathered { stores: stores.to_vec(), ..Gathered::default() } };
    for root in roots {
        walk.folder(&root.path, &root.prefix, 0)?;
    }
    let mut found = walk.found;
    settle_unreadable(&mut found);
    settle_links(&mut found);
    settle_references(&mut found);
    settle_stores(&mut found);
    Ok(found)
}

struct Walk<'a> {
    roots: &'a [Root],
    wanted: Wanted<'a>,
    never: &'a [PathBuf],
    found: Gathered,
}

impl Walk<'_> {
    fn folder(&mut self, path: &Path, name: &[u8], depth: usize) -> Result<(), interrupt::Interrupted> {
        if interrupt::requested() {
            return Err(interrupt::Interrupted("stopped; nothing was written".to_owned()));
        }
        if depth > 64 {
            self.found.left_out.push((path.to_path_buf(), "lies absurdly deep".to_owned()));
            return Ok(());
        }
        let listed = fs::read_dir(path).and_then(|entries| entries.collect::<io::Result<Vec<_>>>());
        let entries = match listed {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => {
                self.found.problems.push((path.to_path_buf(), error));
                return Ok(());
            }
        };
        let empty = entries.is_empty();
        let folder: Arc<Path> = Arc::from(path);
        for entry in entries {
            let inside = names::of_text(&entry.file_name()).map(|text| [name, b"/", &text[..]].concat());
            let inside = inside.ok_or("is no name elsewhere").and_then(|inside| Name::of(&inside, Os::current()));
            match inside {
                Ok(inside) => self.entry(&folder, &entry.file_name(), inside, depth)?,
                Err(flaw) => self.found.left_out.push((entry.path(), format!("its name {flaw}"))),
            }
        }
        // A repository's own folders come with what is in them, and a root is there wherever it is restored to.
        if let (true, Ok(name)) = (empty && depth > 0, Name::of(name, Os::current()))
            && name.repository().is_none()
            && (self.wanted)(&name)
        {
            self.found.things.insert(name, Thing::Folder);
        }
        Ok(())
    }

    fn entry(
        &mut self,
        folder: &Arc<Path>,
        file: &OsStr,
        name: Name,
        depth: usize,
    ) -> Result<(), interrupt::Interrupted> {
        let path = &folder.join(file);
        // A root within another one, where the libraries look for it.
        if self.roots.iter().any(|root| root.path == *path) {
            return Ok(());
        }
        if self.roots.iter().any(|root| root.prefix == name.bytes()) {
            let why = "the libraries look elsewhere, and what is there has its name in the archive".to_owned();
            self.found.left_out.push((path.to_path_buf(), why));
            return Ok(());
        }
        match name.kept_out() {
            Some("a login") => {
                self.found.left_out.push((path.to_path_buf(), "a login".to_owned()));
                return Ok(());
            }
            Some(_) => return Ok(()),
            None => {}
        }
        let metadata = match fs::symlink_metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => {
                self.found.problems.push((path.to_path_buf(), error));
                return Ok(());
            }
        };
        if metadata.is_dir() {
            return self.folder(path, name.bytes(), depth + 1);
        }
        if !(self.wanted)(&name) || self.never.iter().any(|never| never == path) {
            return Ok(());
        }
        // What programs lock is empty; a lock of versions is not.
        if metadata.is_file() && metadata.len() == 0 && name.last().ends_with(b".lock") {
            return Ok(());
        }
        let thing = if metadata.is_file() {
            let found = Found { folder: Arc::clone(folder), file: file.into(), stamp: Stamp::of(&metadata) };
            Thing::File(Bytes::Disk(Box::new(found)))
        } else if metadata.is_symlink() {
            match fs::read_link(path) {
                Ok(target) => match self.link(&name, path, &target) {
                    Some(to) => Thing::Link(to),
                    None => {
                        let why = format!("it is a link out of the cache, to {}", escape::path(&target));
                        self.found.left_out.push((path.to_path_buf(), why));
                        return Ok(());
                    }
                },
                Err(error) => {
                    self.found.problems.push((path.to_path_buf(), error));
                    return Ok(());
                }
            }
        } else {
            self.found.left_out.push((path.to_path_buf(), "it is neither a file nor a folder nor a link".to_owned()));
            return Ok(());
        };
        self.found.things.entry(name).or_insert(thing);
        Ok(())
    }

    /// What the link `name` to `target` says in an archive: a relative path within its root.
    fn link(&self, name: &Name, path: &Path, target: &Path) -> Option<Vec<u8>> {
        let root = self.roots.iter().filter(|root| name.below(&root.prefix).is_some());
        let root = root.max_by_key(|root| root.prefix.len())?;
        if target.is_absolute() {
            let real = path.parent()?.join(target);
            let inside = real.strip_prefix(&root.path).ok().and_then(names::of_path)?;
            let to = names::resolve(&root.prefix, &inside)?;
            return Some(names::relative(name.folder(), &to));
        }
        let to = names::of_path(target)?;
        let leads = names::resolve(name.folder(), &to)?;
        let inside = leads.strip_prefix(&root.prefix[..])?;
        // Not by way of a folder that is a root of its own somewhere else.
        let other = |root: &&Root| leads.starts_with(&root.prefix) && leads.get(root.prefix.len()) == Some(&b'/');
        let same = self.roots.iter().filter(other).max_by_key(|root| root.prefix.len()) == Some(root);
        (inside.starts_with(b"/") && same).then_some(to)
    }
}

/// Leaves out the files that cannot be opened, before the links to them are looked at. The digest of a blob is taken from its name,
/// so that it would be opened for the first time when the archive has begun.
fn settle_unreadable(found: &mut Gathered) {
    let Gathered { things, problems, .. } = found;
    things.retain(|_, thing| {
        let Thing::File(Bytes::Disk(file)) = thing else { return true };
        let path = file.path();
        match super::contents::open(&path) {
            Ok(_) => true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => {
                problems.push((path, error));
                false
            }
        }
    });
}

/// Leaves out the links that lead to nothing that is stored, until none is left.
fn settle_links(found: &mut Gathered) {
    loop {
        let dangling: Vec<Name> = found
            .things
            .iter()
            .filter_map(|(name, thing)| {
                let Thing::Link(to) = thing else { return None };
                let to = names::resolve(name.folder(), to)?;
                (!leads(&found.things, &to)).then(|| name.clone())
            })
            .collect();
        if dangling.is_empty() {
            return;
        }
        for name in dangling {
            found.things.remove(&name);
            found.left_out.push((names::to_path(name.bytes()), "it is a link to nothing that is stored".to_owned()));
        }
    }
}

/// Whether something is called `name`, or lies in a folder of that name.
fn leads(things: &BTreeMap<Name, Thing>, name: &[u8]) -> bool {
    let Ok(exact) = Name::of(name, Os::current()) else { return false };
    let Ok(first) = Name::of(&[name, b"/!"].concat(), Os::current()) else { return false };
    let inside = [name, b"/"].concat();
    let below = |name: &Name| name.bytes().starts_with(&inside);
    // `!` is the first character after the space; what begins with less is a name that nobody gives.
    things.contains_key(&exact) || things.range(first..).next().is_some_and(|(name, _)| below(name))
}

/// Leaves out the references to commits of which nothing is stored, marks for files that are there after all, and listings of
/// commits that are not: each would make the official client complain.
fn settle_references(found: &mut Gathered) {
    let mut commits: HashSet<Vec<u8>> = HashSet::new();
    for name in found.things.keys().filter(|name| name.role(&[]) == Role::Snapshot) {
        if let Some((repository, inside)) = name.repository() {
            let commit: Vec<&[u8]> = inside.split(|byte| *byte == b'/').take(2).collect();
            commits.insert([repository, b"/", &commit.join(&b'/')].concat());
        }
    }
    let stays = |name: &Name, thing: &Thing| {
        let Some((repository, inside)) = name.repository() else { return true };
        match name.role(&[]) {
            Role::Reference => {
                let Thing::File(Bytes::Disk(file)) = thing else { return false };
                let commit = crate::support::bounded::read(&file.path(), 64).unwrap_or_default();
                commits.contains(&[repository, b"/snapshots/", commit.trim_ascii()].concat())
            }
            Role::NoExist => {
                let rest = inside.strip_prefix(b".no_exist/").unwrap_or_default();
                let there = [repository, b"/snapshots/", rest].concat();
                Name::of(&there, Os::current()).is_ok_and(|there| !found.things.contains_key(&there))
            }
            _ => true,
        }
    };
    let gone: Vec<Name> =
        found.things.iter().filter(|(name, thing)| !stays(name, thing)).map(|(name, _)| name.clone()).collect();
    for name in gone {
        found.things.remove(&name);
    }
}

/// Of each shared store, what the stored repositories use of it, with the lists of who uses what made anew.
fn settle_stores(found: &mut Gathered) {
    let stores = found.stores.clone();
    let mut users: HashMap<Name, Vec<Vec<u8>>> = HashMap::new();
    for (name, thing) in &found.things {
        let (Thing::Link(to), Role::Blob) = (thing, name.role(&stores)) else { continue };
        let Some(to) = names::resolve(name.folder(), to).and_then(|to| Name::of(&to, Os::current()).ok()) else {
            continue;
        };
        let hub = stores.iter().find_map(|hub| name.below(hub));
        if let (Role::Payload, Some(inside)) = (to.role(&stores), hub) {
            users.entry(to).or_default().push(inside.to_vec());
        }
    }
    // Payloads that nobody uses are garbage, and lists are made for what is stored.
    let stays = |name: &Name| match name.role(&stores) {
        Role::Payload => users.contains_key(name),
        Role::Users => false,
        _ => true,
    };
    found.things.retain(|name, _| stays(name));
    for (payload, lines) in &users {
        let list = [&lines.join(&b'\n')[..], b"\n"].concat();
        if let Ok(name) = Name::of(&[payload.bytes(), b".refs"].concat(), Os::current()) {
            found.things.insert(name, Thing::File(Bytes::Memory(list)));
        }
    }
    let used = |hub: &Vec<u8>| users.keys().any(|payload| payload.below(hub).is_some());
    found.stores.retain(used);
    let stores = found.stores.clone();
    let marker = |name: &Name| name.last() == b".huggingface-shared-blobs" && name.role(&stores) != Role::Marker;
    found.things.retain(|name, _| !marker(name));
}

#[cfg(test)]
#[cfg(unix)]
#[path = "gather_tests.rs"]
mod tests;
