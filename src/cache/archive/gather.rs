//! What goes into an archive: every file of the homes, each by its name, and what is known of its bytes without reading them.
//!
//! The homes are read once, and nothing is followed: a link is stored as one where it leads to something that is stored too, made
//! relative where it was absolute. What leads elsewhere, or to nothing, and what belongs to this machine alone, is left out.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::found::Found;
use super::names::{self, Name};
use super::settle;
use super::table::Full;
use super::things::{Source, Thing, Things};
use crate::cache::stamp::Stamp;
use crate::platform::Os;
use crate::support::escape;
use crate::support::interrupt::{self, Interrupted};

/// A folder whose content has names in archives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// What names in it begin with: `torch`, `huggingface/hub`.
    pub prefix: Vec<u8>,
    /// Where it is, links followed.
    pub path: PathBuf,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Gathered {
    /// By name.
    pub things: Things,
    /// The folders that were read.
    pub roots: Vec<Root>,
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
) -> Result<Gathered, Interrupted> {
    let found = Gathered { stores: stores.to_vec(), roots: roots.to_vec(), ..Gathered::default() };
    let mut walk = Walk { roots, wanted, never, found };
    for root in roots {
        let number = walk.found.things.folder(&root.prefix);
        walk.folder(&root.path, &root.prefix, number, 0)?;
    }
    let mut found = walk.found;
    found.things.sort();
    settle::settle(&mut found);
    Ok(found)
}

/// The number of a folder; what lies in one without is said to be too much.
type Numbered = Result<u32, Full>;

struct Walk<'a> {
    roots: &'a [Root],
    wanted: Wanted<'a>,
    never: &'a [PathBuf],
    found: Gathered,
}

impl Walk<'_> {
    /// Reads a folder, and then those in it: of a large one nothing is held but what is stored.
    fn folder(&mut self, path: &Path, name: &[u8], number: Numbered, depth: usize) -> Result<(), Interrupted> {
        if interrupt::requested() {
            return Err(Interrupted("stopped; nothing was written".to_owned()));
        }
        if depth > 64 {
            self.found.left_out.push((path.to_path_buf(), "lies absurdly deep".to_owned()));
            return Ok(());
        }
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => {
                self.found.problems.push((path.to_path_buf(), error));
                return Ok(());
            }
        };
        let mut empty = true;
        let mut folders = Vec::new();
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.found.problems.push((path.to_path_buf(), error));
                    break;
                }
            };
            empty = false;
            let inside = names::of_text(&entry.file_name()).map(|text| [name, b"/", &text[..]].concat());
            let inside = inside.ok_or("is no name elsewhere").and_then(|inside| Name::of(&inside, Os::current()));
            match inside {
                Ok(inside) => folders.extend(self.entry(entry.path(), inside, number)),
                Err(flaw) => self.found.left_out.push((entry.path(), format!("its name {flaw}"))),
            }
        }
        for (path, name) in folders {
            let number = number.and_then(|number| self.found.things.inside(number, name.last()));
            self.folder(&path, name.bytes(), number, depth + 1)?;
        }
        // A repository's own folders come with what is in them, and a root is there wherever it is restored to.
        if let (true, Ok(name)) = (empty && depth > 0, Name::of(name, Os::current()))
            && name.repository().is_none()
            && (self.wanted)(&name)
        {
            let above = self.found.things.folder(name.folder());
            self.put(path.to_path_buf(), &name, above, Thing::Folder);
        }
        Ok(())
    }

    /// Takes what stands at `path`; gives it back if it is a folder that is to be read.
    fn entry(&mut self, path: PathBuf, name: Name, folder: Numbered) -> Option<(PathBuf, Name)> {
        // A root within another one, where the libraries look for it.
        if self.roots.iter().any(|root| root.path == path) {
            return None;
        }
        if self.roots.iter().any(|root| root.prefix == name.bytes()) {
            let why = "the libraries look elsewhere, and what is there has its name in the archive".to_owned();
            self.found.left_out.push((path, why));
            return None;
        }
        match name.kept_out() {
            Some(why @ ("a login" | names::GIT | names::HIDDEN)) => {
                self.found.left_out.push((path, why.to_owned()));
                return None;
            }
            Some(_) => return None,
            None => {}
        }
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                self.found.problems.push((path, error));
                return None;
            }
        };
        if metadata.is_dir() {
            return Some((path, name));
        }
        if !(self.wanted)(&name) || self.never.contains(&path) {
            return None;
        }
        // What programs lock is empty; a lock of versions is not.
        if metadata.is_file() && metadata.len() == 0 && name.last().ends_with(b".lock") {
            return None;
        }
        if metadata.is_file() {
            let found = Found::of(&Stamp::of(&metadata));
            self.put(path, &name, folder, Thing::File(Source::Disk(found)));
        } else if metadata.is_symlink() {
            self.take_link(path, &name, folder);
        } else {
            self.found.left_out.push((path, "it is neither a file nor a folder nor a link".to_owned()));
        }
        None
    }

    fn take_link(&mut self, path: PathBuf, name: &Name, folder: Numbered) {
        let target = match fs::read_link(&path) {
            Ok(target) => target,
            Err(error) => return self.found.problems.push((path, error)),
        };
        match self.link(name, &path, &target) {
            Some(to) => self.put(path, name, folder, Thing::Link(to)),
            None => {
                let real = path.canonicalize().ok();
                let is_stored = real.is_some_and(|real| self.roots.iter().any(|root| real.starts_with(&root.path)));
                let what = match is_stored {
                    // The two may lie in other places where they are restored.
                    true => "it is a link from one library's folder to another's, and what it leads to is stored there",
                    false => "it is a link out of the cache",
                };
                self.found.left_out.push((path, format!("{what}, to {}", escape::path(&target))));
            }
        }
    }

    fn put(&mut self, path: PathBuf, name: &Name, folder: Numbered, thing: Thing) {
        let put = folder.and_then(|folder| self.found.things.push(folder, name.last(), thing));
        if let Err(full) = put {
            self.found.problems.push((path, io::Error::other(full)));
        }
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

#[cfg(test)]
#[cfg(unix)]
#[path = "gather_tests.rs"]
mod tests;
