//! What of an archive a cache needs: decided before a byte of it is read, from the index and from what is there.
//!
//! Blobs merge by their names, which say what they are: one that is there with the right size stays, unless `force` reads other bytes in it.
//! Revisions are united. Of two branches that disagree, the one that was written last wins. Other files stay unless they are the same, or `force`.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::Path;
use std::thread;

use super::contents::read_all;
use super::found::Found;
use super::index::Index;
use super::look::{self, Compared, OTHER};
use super::members::{Members, Sum, hex};
use super::names::{self, Role};
use super::table::Kind;
use super::target::Target;
use super::twins::{self, Twins};
use super::wanted::Wanted;
use crate::support::bounded;
use crate::support::interrupt::{self, Interrupted};

/// What becomes of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It is there.
    Here,
    /// The cache has no use for it.
    Unused,
    /// It comes.
    Bring,
    /// It comes in place of what is there, if that is still what was looked at: [`Merge::replaces`].
    Replace(u32),
    /// What is there stays, for the reason of this number.
    Keep(u32),
    /// Its bytes are not what its name promises, or it is a link to such a content: it does not come.
    LeftOut,
}

/// What is done with an archive.
#[derive(Debug, Default)]
pub struct Merge {
    /// For each member, what becomes of it.
    pub steps: Vec<Step>,
    /// Which contents are needed, and by whom.
    pub wanted: Wanted,
    /// The hubs of the archive whose shared store becomes, or is, one of the cache.
    pub stores: Vec<Vec<u8>>,
    /// The members whose bytes are there under another name, and of what they become one: those are not wanted.
    pub twins: Twins,
    /// Branches that were written later in the cache, and stay.
    pub newer: Vec<usize>,
    /// Why something stays: a few reasons for any number of members.
    pub(super) reasons: Vec<String>,
    /// What is replaced, as it was.
    before: Vec<Found>,
}

impl Merge {
    /// What the member `at` replaces, as it was.
    pub(super) fn replaces(&self, at: usize) -> Option<&Found> {
        match self.steps[at] {
            Step::Replace(number) => self.before.get(number as usize),
            _ => None,
        }
    }

    pub(super) fn replace(&mut self, found: Found) -> Step {
        self.before.push(found);
        Step::Replace(u32::try_from(self.before.len() - 1).unwrap_or(u32::MAX))
    }

    pub(super) fn keep(&mut self, why: &str) -> Step {
        let known = self.reasons.iter().rposition(|reason| reason == why);
        let number = known.unwrap_or_else(|| {
            self.reasons.push(why.to_owned());
            self.reasons.len() - 1
        });
        Step::Keep(u32::try_from(number).unwrap_or(u32::MAX))
    }
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
) -> Result<Merge, Interrupted> {
    let stores = index.stores();
    let mut plan = Merge { steps: Vec::with_capacity(index.members.len()), ..Merge::default() };
    plan.stores = stores.iter().filter(|hub| keeps_store(&target.spot(hub).path())).cloned().collect();
    let mut compare = look::look(index, target, rules, &mut plan);
    if rules.force {
        // What is replaced is wanted.
        let others = others(index, target, &std::mem::take(&mut compare), progress);
        others.into_iter().for_each(|other| settle_other(other, rules, &mut plan));
    }
    leave_out_links(index, target, &mut plan);
    want(index, &stores, &mut plan);
    settle_references(index, target, &mut plan);
    // What is in the places of members, and what may be their twins, is read at once: each of them may be one large file.
    let (others, twins) = thread::scope(|scope| {
        let others = scope.spawn(|| others(index, target, &compare, progress));
        let twins = twins::find(index, target, &plan, progress);
        (others.join().unwrap_or_default(), twins)
    });
    if interrupt::requested() {
        return Err(Interrupted("stopped; nothing was changed".to_owned()));
    }
    others.into_iter().for_each(|other| settle_other(other, rules, &mut plan));
    plan.wanted.retain(|taker| twins.get(taker).is_none());
    plan.twins = twins;
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

/// A file of the size of the member in whose place it is, with other bytes, or why it cannot be read.
type Other = (Compared, Option<io::Error>);

/// Reads the files that have the size of the member in whose place they are; gives those that are not the same.
fn others(index: &Index, target: &Target, compare: &[Compared], progress: &(dyn Fn(u64) + Sync)) -> Vec<Other> {
    let members = &index.members;
    let file = |at: usize| (target.spot(members.name(compare[at].at as usize).bytes()).path(), compare[at].found);
    let mut others = Vec::new();
    read_all(compare.len(), &file, progress, &mut |at, sum| {
        let expected = members.content(compare[at].at as usize).and_then(|(holder, _)| members.sum(holder));
        match sum {
            Ok(sum) if Some(sum) == expected => {}
            other => others.push((compare[at], other.err())),
        }
    });
    others
}

/// The same bytes stay, others are a conflict.
fn settle_other((Compared { at, found }, error): Other, rules: Rules, plan: &mut Merge) {
    plan.steps[at as usize] = match error {
        None if rules.force => plan.replace(found),
        None => plan.keep(OTHER),
        Some(why) => plan.keep(&format!("what is there cannot be read: {why}")),
    };
}

/// Whether a member comes, with this step.
pub const fn comes(step: &Step) -> bool {
    matches!(step, Step::Bring | Step::Replace(_))
}

/// Leaves out the links to contents that are left out: they would lead to nothing. Where the cache has the content, they come.
fn leave_out_links(index: &Index, target: &Target, plan: &mut Merge) {
    let members = &index.members;
    if !plan.steps.contains(&Step::LeftOut) {
        return;
    }
    // A link may lead to a link; as many as a system follows.
    for _ in 0..40 {
        let to_nothing = |at: &usize| {
            members.led_to(*at).is_some_and(|to| {
                plan.steps[to] == Step::LeftOut && fs::metadata(target.spot(members.name(to).bytes()).path()).is_err()
            })
        };
        let found: Vec<usize> = (0..members.len()).filter(|at| comes(&plan.steps[*at])).filter(to_nothing).collect();
        if found.is_empty() {
            return;
        }
        found.into_iter().for_each(|at| plan.steps[at] = Step::LeftOut);
    }
}

/// Which contents are needed, and by whom. A payload is needed by the blobs that lead to it.
fn want(index: &Index, stores: &[Vec<u8>], plan: &mut Merge) {
    let members = &index.members;
    let users = users(members, stores, plan);
    let mut wanted = Vec::new();
    let mut want = |holder: usize, taker: usize| {
        wanted.extend(u32::try_from(holder).ok().zip(u32::try_from(taker).ok()));
    };
    for at in 0..members.len() {
        let name = members.name(at);
        match name.role(stores) {
            Role::Payload => {
                let stays = plan.stores.iter().any(|hub| name.below(hub).is_some());
                let first = users.partition_point(|(payload, _)| (*payload as usize) < at);
                let links = users[first..].iter().take_while(|(payload, _)| *payload as usize == at);
                let Some((holder, _)) = members.content(at) else { continue };
                if stays && links.clone().next().is_some() && comes(&plan.steps[at]) {
                    want(holder, at);
                } else {
                    plan.steps[at] = if stays && plan.steps[at] == Step::Here { Step::Here } else { Step::Unused };
                    if !stays {
                        links.for_each(|(_, link)| want(holder, *link as usize));
                    }
                }
            }
            // Who uses what is written down link by link, as the links are made.
            Role::Users => plan.steps[at] = Step::Unused,
            Role::Marker if !plan.stores.iter().any(|hub| name.below(hub).is_some()) => plan.steps[at] = Step::Unused,
            _ => {
                if let (Some((holder, _)), true) = (members.content(at), comes(&plan.steps[at])) {
                    want(holder, at);
                }
            }
        }
    }
    plan.wanted = Wanted::of(wanted);
}

/// The payloads to which blobs lead that come, and the numbers of those.
fn users(members: &Members, stores: &[Vec<u8>], plan: &Merge) -> Vec<(u32, u32)> {
    let all = if stores.is_empty() { 0 } else { members.len() };
    let user = |at: usize| {
        let comes = members.kind(at) == Kind::Link && comes(&plan.steps[at]);
        let payload = (comes && members.name(at).role(stores) == Role::Blob).then(|| members.led_to(at))??;
        let is_one = members.name(payload).role(stores) == Role::Payload;
        u32::try_from(payload).ok().filter(|_| is_one).zip(u32::try_from(at).ok())
    };
    let mut users: Vec<(u32, u32)> = (0..all).filter_map(user).collect();
    users.sort_unstable();
    users
}

/// Of two branches that disagree, the one that was written last wins.
fn settle_references(index: &Index, target: &Target, plan: &mut Merge) {
    let members = &index.members;
    let mut kept = HashSet::new();
    for at in 0..members.len() {
        let Some(found) = plan.replaces(at).copied() else { continue };
        let entry = members.get(at);
        if entry.name.role(&[]) != Role::Reference {
            continue;
        }
        let path = target.spot(entry.name.bytes()).path();
        let same = || {
            let found = bounded::read(&path, 4096).unwrap_or_default();
            let (_, size) = members.content(at)?;
            use sha2::Digest as _;
            let sum: Sum = sha2::Sha256::digest(&found).into();
            Some(found.len() as u64 == size && members.sum(at) == Some(sum))
        };
        if same() == Some(true) {
            plan.steps[at] = Step::Here;
        } else if found.seconds() >= entry.mtime {
            plan.steps[at] = Step::Here;
            plan.newer.push(at);
        } else {
            continue;
        }
        kept.insert(at);
    }
    plan.wanted.retain(|taker| !kept.contains(&taker));
}

/// How a content that is wrong is named.
pub fn wrong(name: &names::Name, expected: &Sum, found: &Sum) -> String {
    format!("the content of {name} is damaged: the index says {}, and it is {}", hex(expected), hex(found))
}
