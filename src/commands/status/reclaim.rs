//! What could be reclaimed, and by which command: sums of what the scan has seen. The commands themselves look closer, and ask.

use std::collections::HashSet;
use std::path::PathBuf;

use super::Report;
use crate::cache::inventory::{Heap, Unit, UnitKind};
use crate::cache::remove::kept;
use crate::support::units;

/// `prune` leaves a revision without a name alone for so long after its last use: a program may name it by its commit.
const PINNED: i64 = 7 * 86_400;

/// Something that could go, or move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reclaimable {
    /// What it is, for programs.
    pub(super) what: &'static str,
    /// What it is, for people.
    pub(super) words: &'static str,
    /// How many files, revisions or places.
    pub(super) count: u64,
    /// What that frees at most, in bytes.
    pub(super) bytes: u64,
    /// What does it.
    pub(super) command: &'static str,
}

const PRUNE: &str = "modelstrap prune";
const EMPTY_TRASH: &str = "modelstrap prune --now";

/// Everything that could be reclaimed. `needed` gives the revisions that the locks of known projects name; it is asked only where
/// there is one that no branch names.
pub(super) fn all(report: &Report<'_>, needed: impl FnOnce() -> HashSet<(PathBuf, String)>) -> Vec<Reclaimable> {
    let inside: Vec<&Unit> = report.cached().flat_map(|found| &found.units).collect();
    let (mut partial, mut orphans, mut unused, mut broken) =
        (Heap::default(), Heap::default(), Heap::default(), Heap::default());
    for unit in &inside {
        match &unit.kind {
            UnitKind::Repository(repository) => {
                orphans += repository.orphans;
                broken.files += u64::from(repository.dangling > 0 || !repository.broken_refs.is_empty());
            }
            UnitKind::Store => unused += Heap { files: unit.sizes.files, bytes: unit.sizes.exclusive },
            _ => {}
        }
        // What Ollama has not finished, it goes on with, or removes when it starts.
        if !is_ollamas(unit) {
            partial += unit.partial;
        }
    }
    let mut expired = Heap::default();
    for found in report.applications() {
        expired += Heap { files: found.expired.files, bytes: found.expired.disk };
    }
    let mut trash = Heap::default();
    report.cached().chain(report.applications()).for_each(|found| trash += kept(&found.place.real));
    let mut outside = Heap::default();
    report.strays().for_each(|found| outside.add(found.sizes.disk));
    let heap = |what, words, heap: Heap, command| {
        (heap.files > 0).then_some(Reclaimable { what, words, count: heap.files, bytes: heap.bytes, command })
    };
    [
        heap("unfinished_downloads", "unfinished downloads", partial, PRUNE),
        heap("orphan_blobs", "blobs that no revision has", orphans, PRUNE),
        heap("unused_payloads", "shared payloads that no repository has", unused, PRUNE),
        heap("unreferenced_revisions", "revisions that nothing names", unreferenced(report, &inside, needed), PRUNE),
        heap("expired_files", "files past their max_age", expired, PRUNE),
        heap("broken_repositories", "repositories with links or refs to nothing", broken, "modelstrap verify --fix"),
        heap("trash", "what was removed and can be brought back", trash, EMPTY_TRASH),
        heap("outside", "places outside of the cache", outside, "modelstrap migrate"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn is_ollamas(unit: &Unit) -> bool {
    matches!(unit.kind, UnitKind::Own) && unit.name == "blobs"
}

/// Revisions that no branch, no lock and no use of the last days speaks for.
fn unreferenced(report: &Report<'_>, units: &[&Unit], needed: impl FnOnce() -> HashSet<(PathBuf, String)>) -> Heap {
    let mut found = Vec::new();
    for unit in units {
        let UnitKind::Repository(repository) = &unit.kind else { continue };
        let free = repository
            .revisions
            .iter()
            .filter(|one| one.refs.is_empty() && one.used.is_none_or(|used| report.now.saturating_sub(used) > PINNED));
        found.extend(free.map(|revision| (*unit, revision)));
    }
    let needed = if found.is_empty() { HashSet::new() } else { needed() };
    let mut heap = Heap::default();
    for (unit, revision) in found {
        let commit = revision.commit.to_string_lossy().into_owned();
        if !needed.contains(&(unit.path.clone(), commit)) {
            heap.add(revision.sizes.exclusive);
        }
    }
    heap
}

/// The same in a few words for a person, command by command.
pub(super) fn lines(reclaimable: &[Reclaimable]) -> Vec<String> {
    let mut lines = Vec::new();
    let pruned: Vec<&Reclaimable> = reclaimable.iter().filter(|one| one.command == PRUNE).collect();
    let bytes = pruned.iter().fold(0_u64, |sum, one| sum.saturating_add(one.bytes));
    if bytes > 0 {
        let what: Vec<String> = pruned.iter().map(|one| one.words.to_owned()).collect();
        lines.push(format!("`{PRUNE}` frees up to {}: {}", units::bytes(bytes), units::listed(&what)));
    }
    for one in reclaimable.iter().filter(|one| one.command != PRUNE) {
        lines.push(match one.what {
            "outside" => format!(
                "`modelstrap migrate` brings into the cache what belongs there of {} outside; `modelstrap dedupe` links what is there twice",
                units::bytes(one.bytes)
            ),
            "trash" => format!(
                "`{EMPTY_TRASH}` frees {} of what was removed; until then `modelstrap clear --undo` brings it back",
                units::bytes(one.bytes)
            ),
            _ => format!("`{}` mends {}", one.command, one.words),
        });
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_has_a_line_and_nothing_has_none() {
        let one = |what, words, bytes, command| Reclaimable { what, words, count: 2, bytes, command };
        assert_eq!(lines(&[]), [""; 0]);
        assert_eq!(
            lines(&[
                one("unfinished_downloads", "unfinished downloads", 1_000_000, PRUNE),
                one("orphan_blobs", "blobs that no revision has", 2_000_000, PRUNE),
                one("broken_repositories", "repositories with links or refs to nothing", 0, "modelstrap verify --fix"),
                one("trash", "what was removed and can be brought back", 7_000, EMPTY_TRASH),
                one("outside", "places outside of the cache", 5_000, "modelstrap migrate"),
            ]),
            [
                "`modelstrap prune` frees up to 3.00 MB: unfinished downloads and blobs that no revision has",
                "`modelstrap verify --fix` mends repositories with links or refs to nothing",
                "`modelstrap prune --now` frees 7.00 kB of what was removed; until then `modelstrap clear --undo` brings it back",
                "`modelstrap migrate` brings into the cache what belongs there of 5.00 kB outside; `modelstrap dedupe` links what is there twice",
            ]
        );
    }
}
