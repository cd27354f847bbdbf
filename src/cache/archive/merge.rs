//! What of an archive a cache needs: decided before a byte of it is read, from the index and from what is there.
//!
//! Blobs merge by their names, which say what they are: one that is there with the right size stays. Revisions are united. Of two
//! branches that disagree, the one that was written last wins. Other files stay as they are unless they are the same, or `force`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::contents::read_all;
use super::gather::Bytes;
use super::index::{Index, Sum, What, hex};
use super::names::{self, Role};
use super::target::{Spot, Target};
use super::twins::{self, Twin};
use crate::cache::stamp::Stamp;
use crate::support::{bounded, interrupt};

/// What becomes of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It is there.
    Here,
    /// The cache has no use for it.
    Unused,
    /// It comes.
    Bring,
    /// It comes in place of what is there, if that is still what was looked at.
    Replace(Stamp),
    /// What is there stays, for this reason.
    Keep(String),
    /// Its bytes are not what its name promises, or it is a link to such a content: it does not come.
    LeftOut,
}

/// What is done with an archive.
#[derive(Debug, Default)]
pub struct Merge {
    /// For each member, what becomes of it.
    pub steps: Vec<Step>,
    /// For each content that is needed, by the member that holds it: the members that get it.
    pub wanted: BTreeMap<usize, Vec<usize>>,
    /// The hubs of the archive whose shared store becomes, or is, one of the cache.
    pub stores: Vec<Vec<u8>>,
    /// The members whose bytes are there under another name, and of what they become one: those are not wanted.
    pub twins: BTreeMap<usize, Twin>,
    /// Branches that were written later in the cache, and stay.
    pub newer: Vec<usize>,
}

/// What a person allows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rules {
    /// Whether files with another content are replaced.
    pub force: bool,
    /// Whether contents may be other than their names promise.
    pub damaged: bool,
}

/// Decides.
///
/// # Errors
/// When the person asked to stop.
pub fn merge(
    index: &Index,
    target: &Target,
    rules: Rules,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Merge, interrupt::Interrupted> {
    let stores = index.stores();
    let mut plan = Merge { steps: Vec::with_capacity(index.entries.len()), ..Merge::default() };
    plan.stores = stores.iter().filter(|hub| keeps_store(&target.spot(hub).path())).cloned().collect();
    let mut look = Look { index, target, rules, stores: &stores, behind: HashMap::new(), compare: Vec::new() };
    for at in 0..index.entries.len() {
        let step = look.step(at);
        plan.steps.push(step);
    }
    let compare = look.compare;
    settle_comparisons(index, rules, &compare, &mut plan, progress)?;
    leave_out_links(index, target, &mut plan);
    want(index, &stores, &mut plan);
    settle_references(index, target, &mut plan);
    twins::find(index, target, &mut plan, progress)?;
    Ok(plan)
}

/// A hub takes over the archive's store if it has one, or nothing at all: an older client that works in a hub without one would
/// delete what others share.
fn keeps_store(hub: &Path) -> bool {
    if crate::models::hub::store::folder(hub).is_some() {
        return true;
    }
    let entries = fs::read_dir(hub).into_iter().flatten().filter_map(Result::ok);
    !entries.map(|entry| entry.file_name()).any(|name| names::is_repository(name.as_encoded_bytes()) || name == "blobs")
}

struct Look<'a> {
    index: &'a Index,
    target: &'a Target,
    rules: Rules,
    stores: &'a [Vec<u8>],
    /// Folders that were looked at, and what is wrong with the way to them.
    behind: HashMap<PathBuf, Option<String>>,
    /// Members with a file of the same size in their place.
    compare: Vec<(usize, PathBuf, Stamp)>,
}

impl Look<'_> {
    fn step(&mut self, at: usize) -> Step {
        let entry = &self.index.entries[at];
        let spot = self.target.spot(entry.name.bytes());
        if let Some(why) = self.blocked(&spot) {
            return Step::Keep(why);
        }
        let path = spot.path();
        let there = match fs::symlink_metadata(&path) {
            Ok(found) => Some(found),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Step::Keep(format!("cannot be looked at: {error}")),
        };
        let role = entry.name.role(self.stores);
        if role == Role::Blob {
            return self.blob(at, &path, there);
        }
        let Some(there) = there else {
            let exists = role == Role::NoExist && self.is_in_a_snapshot(at);
            return if exists { Step::Unused } else { Step::Bring };
        };
        let stamp = Stamp::of(&there);
        match (role, &entry.what) {
            // Of these the cache's own are as good.
            (Role::Tree | Role::NoExist | Role::Marker | Role::Payload | Role::Users, _) => Step::Here,
            (Role::Reference, _) => Step::Replace(stamp),
            (_, What::Folder) if there.is_dir() => Step::Here,
            (_, What::Link { to }) => {
                let same =
                    fs::read_link(&path).ok().and_then(|text| names::of_path(&text)).is_some_and(|text| text == **to);
                // A link of a revision that leads to its blob in another way, or the blob itself where there are no links.
                let good = role == Role::Snapshot && fs::metadata(&path).is_ok_and(|found| found.is_file());
                let broken = role == Role::Snapshot && there.is_symlink() && !good;
                match same || good {
                    true => Step::Here,
                    false if broken => Step::Replace(stamp),
                    false => self.conflict(&there, stamp),
                }
            }
            (_, What::File { .. } | What::Same { .. }) => {
                let size = self.index.content(at).map(|(_, size)| size);
                // The archive comes from a system without links: the commit says that it is the same file.
                if role == Role::Snapshot && there.is_symlink() {
                    let found = fs::metadata(&path).ok().filter(fs::Metadata::is_file).map(|found| found.len());
                    return if found == size { Step::Here } else { Step::Replace(stamp) };
                }
                if there.is_file() && Some(stamp.size) == size {
                    self.compare.push((at, path, stamp));
                    return Step::Here;
                }
                self.conflict(&there, stamp)
            }
            (_, What::Folder) => self.conflict(&there, stamp),
        }
    }

    fn conflict(&self, there: &fs::Metadata, stamp: Stamp) -> Step {
        if there.is_dir() {
            return Step::Keep("a folder is there".to_owned());
        }
        if self.rules.force { Step::Replace(stamp) } else { Step::Keep("another content is there".to_owned()) }
    }

    /// A blob: a file, or a link to a payload.
    fn blob(&self, at: usize, path: &Path, there: Option<fs::Metadata>) -> Step {
        let entry = &self.index.entries[at];
        let content = match &entry.what {
            What::Link { to } => {
                let payload = names::resolve(entry.name.folder(), to).and_then(|to| self.index.find(&to));
                payload.and_then(|payload| self.index.content(payload))
            }
            _ => self.index.content(at),
        };
        let Some((holder, size)) = content else { return Step::Keep("it is a link to no content".to_owned()) };
        let promised = std::str::from_utf8(entry.name.last()).ok().and_then(super::index::unhex);
        if let (Some(promised), Some(sum)) = (promised, sum_of(self.index, holder))
            && promised != sum
            && !self.rules.damaged
        {
            return Step::LeftOut;
        }
        let Some(there) = there else { return Step::Bring };
        if there.is_dir() {
            return Step::Keep("a folder is there".to_owned());
        }
        // By its name it is the same content; with another size, what is there is damaged.
        match fs::metadata(path) {
            Ok(found) if found.is_file() && found.len() == size => Step::Here,
            _ => Step::Replace(Stamp::of(&there)),
        }
    }

    /// Whether a file is there that the mark says is none.
    fn is_in_a_snapshot(&self, at: usize) -> bool {
        let name = &self.index.entries[at].name;
        let Some((repository, inside)) = name.repository() else { return false };
        let rest = inside.strip_prefix(b".no_exist").unwrap_or_default();
        fs::symlink_metadata(self.target.spot(&[repository, b"/snapshots", rest].concat()).path()).is_ok()
    }

    /// Why nothing can be put at `spot`: a link, or a file, on the way to it.
    fn blocked(&mut self, spot: &Spot) -> Option<String> {
        let folder = spot.root.join(names::to_path(spot.folder()));
        if let Some(known) = self.behind.get(&folder) {
            return known.clone();
        }
        let mut way = spot.root.clone();
        let mut wrong = None;
        for part in spot.folder().split(|byte| *byte == b'/').filter(|part| !part.is_empty()) {
            way.push(names::to_path(part));
            match fs::symlink_metadata(&way) {
                Ok(found) if found.is_dir() => {}
                Ok(found) => {
                    let what =
                        if found.is_symlink() { "a link, and nothing is written through one" } else { "no folder" };
                    wrong = Some(format!("{} is {what}", crate::support::escape::path(&way)));
                    break;
                }
                Err(_) => break,
            }
        }
        self.behind.insert(folder, wrong.clone());
        wrong
    }
}

/// Reads the files that have the size of the member in whose place they are: the same bytes stay, others are a conflict.
fn settle_comparisons(
    index: &Index,
    rules: Rules,
    compare: &[(usize, PathBuf, Stamp)],
    plan: &mut Merge,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<(), interrupt::Interrupted> {
    let sources: Vec<Bytes> = compare.iter().map(|(_, path, stamp)| Bytes::of(path, *stamp)).collect();
    let sums = read_all(&sources.iter().collect::<Vec<_>>(), progress);
    if interrupt::requested() {
        return Err(interrupt::Interrupted("stopped; nothing was changed".to_owned()));
    }
    for ((at, _, stamp), sum) in compare.iter().zip(sums) {
        let expected = index.content(*at).and_then(|(holder, _)| sum_of(index, holder));
        plan.steps[*at] = match sum {
            Ok(sum) if Some(sum) == expected => Step::Here,
            Ok(_) if rules.force => Step::Replace(*stamp),
            Ok(_) => Step::Keep("another content is there".to_owned()),
            Err(why) => Step::Keep(format!("what is there cannot be read: {why}")),
        };
    }
    Ok(())
}

/// The digest of the content that the member `holder` holds.
pub fn sum_of(index: &Index, holder: usize) -> Option<Sum> {
    match &index.entries.get(holder)?.what {
        What::File { sum, .. } => Some(*sum),
        _ => None,
    }
}

/// Whether a member comes, with this step.
pub const fn comes(step: &Step) -> bool {
    matches!(step, Step::Bring | Step::Replace(_))
}

/// Leaves out the links to contents that are left out: they would lead to nothing. Where the cache has the content, they come.
fn leave_out_links(index: &Index, target: &Target, plan: &mut Merge) {
    if !plan.steps.contains(&Step::LeftOut) {
        return;
    }
    // A link may lead to a link; as many as a system follows.
    for _ in 0..40 {
        let to_nothing = |at: &usize| {
            let entry = &index.entries[*at];
            let What::Link { to } = &entry.what else { return false };
            let to = names::resolve(entry.name.folder(), to).and_then(|to| index.find(&to));
            to.is_some_and(|to| {
                plan.steps[to] == Step::LeftOut
                    && fs::metadata(target.spot(index.entries[to].name.bytes()).path()).is_err()
            })
        };
        let found: Vec<usize> =
            (0..index.entries.len()).filter(|at| comes(&plan.steps[*at])).filter(to_nothing).collect();
        if found.is_empty() {
            return;
        }
        found.into_iter().for_each(|at| plan.steps[at] = Step::LeftOut);
    }
}

/// Which contents are needed, and by whom. A payload is needed by the blobs that lead to it.
fn want(index: &Index, stores: &[Vec<u8>], plan: &mut Merge) {
    let mut users: HashMap<usize, Vec<usize>> = HashMap::new();
    for (at, entry) in index.entries.iter().enumerate() {
        let (What::Link { to }, Role::Blob) = (&entry.what, entry.name.role(stores)) else { continue };
        let Some(payload) = names::resolve(entry.name.folder(), to).and_then(|to| index.find(&to)) else { continue };
        if comes(&plan.steps[at]) && index.entries[payload].name.role(stores) == Role::Payload {
            users.entry(payload).or_default().push(at);
        }
    }
    for at in 0..index.entries.len() {
        let name = &index.entries[at].name;
        match name.role(stores) {
            Role::Payload => {
                let stays = plan.stores.iter().any(|hub| name.below(hub).is_some());
                let links = users.remove(&at).unwrap_or_default();
                let Some((holder, _)) = index.content(at) else { continue };
                if stays && !links.is_empty() && comes(&plan.steps[at]) {
                    plan.wanted.entry(holder).or_default().push(at);
                } else {
                    plan.steps[at] = if stays && plan.steps[at] == Step::Here { Step::Here } else { Step::Unused };
                    if !stays && !links.is_empty() {
                        plan.wanted.entry(holder).or_default().extend(links);
                    }
                }
            }
            // Who uses what is written down link by link, as the links are made.
            Role::Users => plan.steps[at] = Step::Unused,
            Role::Marker if !plan.stores.iter().any(|hub| name.below(hub).is_some()) => plan.steps[at] = Step::Unused,
            _ => {
                if let (Some((holder, _)), true) = (index.content(at), comes(&plan.steps[at])) {
                    plan.wanted.entry(holder).or_default().push(at);
                }
            }
        }
    }
}

/// Of two branches that disagree, the one that was written last wins.
fn settle_references(index: &Index, target: &Target, plan: &mut Merge) {
    let mut kept = HashSet::new();
    for (at, entry) in index.entries.iter().enumerate() {
        let (Role::Reference, Step::Replace(stamp)) = (entry.name.role(&[]), &plan.steps[at]) else { continue };
        let path = target.spot(entry.name.bytes()).path();
        let same = || {
            let found = bounded::read(&path, 4096).unwrap_or_default();
            let (_, size) = index.content(at)?;
            use sha2::Digest as _;
            let sum: Sum = sha2::Sha256::digest(&found).into();
            Some(found.len() as u64 == size && sum_of(index, at) == Some(sum))
        };
        let written = i64::try_from(stamp.modified.div_euclid(1_000_000_000)).unwrap_or(i64::MAX);
        if same() == Some(true) {
            plan.steps[at] = Step::Here;
        } else if written >= entry.mtime {
            plan.steps[at] = Step::Here;
            plan.newer.push(at);
        } else {
            continue;
        }
        kept.insert(at);
    }
    plan.wanted.values_mut().for_each(|takers| takers.retain(|taker| !kept.contains(taker)));
    plan.wanted.retain(|_, takers| !takers.is_empty());
}

/// How a content that is wrong is named.
pub fn wrong(name: &names::Name, expected: &Sum, found: &Sum) -> String {
    format!("the content of {name} is damaged: the index says {}, and it is {}", hex(expected), hex(found))
}
