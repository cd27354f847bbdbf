//! What stands in the places of an archive's members, and what becomes of each by that.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;

use super::found::Found;
use super::index::Index;
use super::members::{Entry, What, unhex};
use super::merge::{Merge, Rules, Step};
use super::names::{self, Role};
use super::target::{Spot, Target};
use crate::cache::stamp::Stamp;

/// Why a file stays.
pub(super) const OTHER: &str = "another content is there";
/// Why a folder stays.
const FOLDER: &str = "a folder is there";

/// A member with a file of the same size in its place: it is read before it is decided.
#[derive(Debug, Clone, Copy)]
pub(super) struct Compared {
    pub(super) at: u32,
    pub(super) found: Found,
}

/// Gives `plan` a step for each member, and says which files are to be compared.
pub(super) fn look(index: &Index, target: &Target, rules: Rules, plan: &mut Merge) -> Vec<Compared> {
    let (stores, behind, compare) = (index.stores(), HashMap::new(), Vec::new());
    let mut look = Look { index, target, rules, stores, plan, behind, compare };
    for at in 0..index.members.len() {
        let step = look.step(at);
        look.plan.steps.push(step);
    }
    look.compare
}

struct Look<'a> {
    index: &'a Index,
    target: &'a Target,
    rules: Rules,
    stores: Vec<Vec<u8>>,
    plan: &'a mut Merge,
    /// Folders of the index that were looked at, and what is wrong with the way to them.
    behind: HashMap<u32, Option<Step>>,
    compare: Vec<Compared>,
}

impl Look<'_> {
    fn step(&mut self, at: usize) -> Step {
        let entry = self.index.members.get(at);
        let spot = self.target.spot(entry.name.bytes());
        if let Some(step) = self.blocked(at, &spot) {
            return step;
        }
        let path = spot.path();
        let there = match fs::symlink_metadata(&path) {
            Ok(found) => Some(found),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return self.plan.keep(&format!("cannot be looked at: {error}")),
        };
        let role = entry.name.role(&self.stores);
        if role == Role::Blob {
            return self.blob(at, &entry, &path, there);
        }
        let Some(there) = there else {
            let exists = role == Role::NoExist && self.is_in_a_snapshot(at);
            return if exists { Step::Unused } else { Step::Bring };
        };
        let found = Found::of(&Stamp::of(&there));
        match (role, &entry.what) {
            // Of these the cache's own are as good.
            (Role::Tree | Role::NoExist | Role::Marker | Role::Payload | Role::Users, _) => Step::Here,
            (Role::Reference, _) => self.plan.replace(found),
            (_, What::Folder) if there.is_dir() => Step::Here,
            (_, What::Link { to }) => {
                let same =
                    fs::read_link(&path).ok().and_then(|text| names::of_path(&text)).is_some_and(|text| text == **to);
                // A link of a revision that leads to its blob in another way, or the blob itself where there are no links.
                let good = role == Role::Snapshot && fs::metadata(&path).is_ok_and(|found| found.is_file());
                let broken = role == Role::Snapshot && there.is_symlink() && !good;
                match same || good {
                    true => Step::Here,
                    false if broken => self.plan.replace(found),
                    false => self.conflict(&there, found),
                }
            }
            (_, What::File { .. } | What::Same { .. }) => {
                let size = self.index.members.content(at).map(|(_, size)| size);
                // The archive comes from a system without links: the commit says that it is the same file.
                if role == Role::Snapshot && there.is_symlink() {
                    let behind = fs::metadata(&path).ok().filter(fs::Metadata::is_file).map(|behind| behind.len());
                    return if behind == size { Step::Here } else { self.plan.replace(found) };
                }
                if there.is_file() && Some(found.size) == size {
                    self.compare.extend(u32::try_from(at).map(|at| Compared { at, found }));
                    return Step::Here;
                }
                self.conflict(&there, found)
            }
            (_, What::Folder) => self.conflict(&there, found),
        }
    }

    fn conflict(&mut self, there: &fs::Metadata, found: Found) -> Step {
        if there.is_dir() {
            return self.plan.keep(FOLDER);
        }
        if self.rules.force { self.plan.replace(found) } else { self.plan.keep(OTHER) }
    }

    /// A blob: a file, or a link to a payload.
    fn blob(&mut self, at: usize, entry: &Entry, path: &Path, there: Option<fs::Metadata>) -> Step {
        let members = &self.index.members;
        let content = match &entry.what {
            What::Link { .. } => members.led_to(at).and_then(|payload| members.content(payload)),
            _ => members.content(at),
        };
        let Some((holder, size)) = content else { return self.plan.keep("it is a link to no content") };
        let promised = std::str::from_utf8(entry.name.last()).ok().and_then(unhex);
        if let (Some(promised), Some(sum)) = (promised, members.sum(holder))
            && promised != sum
            && !self.rules.damaged
        {
            return Step::LeftOut;
        }
        let Some(there) = there else { return Step::Bring };
        if there.is_dir() {
            return self.plan.keep(FOLDER);
        }
        let found = Found::of(&Stamp::of(&there));
        // By its name it is the same content; with another size, what is there is damaged.
        match fs::metadata(path) {
            Ok(behind) if behind.is_file() && behind.len() == size => {
                let is_promised = promised.is_none() || promised == members.sum(holder);
                let is_content = there.is_file() && !matches!(entry.what, What::Link { .. });
                if self.rules.force && is_promised && is_content {
                    self.compare.extend(u32::try_from(at).map(|at| Compared { at, found }));
                }
                Step::Here
            }
            _ => self.plan.replace(found),
        }
    }

    /// Whether a file is there that the mark says is none.
    fn is_in_a_snapshot(&self, at: usize) -> bool {
        let name = self.index.members.name(at);
        let Some((repository, inside)) = name.repository() else { return false };
        let rest = inside.strip_prefix(b".no_exist").unwrap_or_default();
        fs::symlink_metadata(self.target.spot(&[repository, b"/snapshots", rest].concat()).path()).is_ok()
    }

    /// Why nothing can be put at `spot`, the place of the member `at`: a link, or a file, on the way to it.
    fn blocked(&mut self, at: usize, spot: &Spot) -> Option<Step> {
        // What is called as a home that lies elsewhere lies there alone, and not beside the others of its folder.
        let folder = (!spot.below.is_empty()).then(|| self.index.members.folder_of(at));
        if let Some(known) = folder.and_then(|folder| self.behind.get(&folder)) {
            return *known;
        }
        let wrong = obstacle(spot).map(|why| self.plan.keep(&why));
        self.behind.extend(folder.map(|folder| (folder, wrong)));
        wrong
    }
}

/// What stands on the way to `spot` and is no folder.
fn obstacle(spot: &Spot) -> Option<String> {
    let mut way = spot.root.clone();
    for part in spot.folder().split(|byte| *byte == b'/').filter(|part| !part.is_empty()) {
        way.push(names::to_path(part));
        let found = fs::symlink_metadata(&way).ok()?;
        if !found.is_dir() {
            let what = if found.is_symlink() { "a link, and nothing is written through one" } else { "no folder" };
            return Some(format!("{} is {what}", crate::support::escape::path(&way)));
        }
    }
    None
}
