//! What lies outside of the cache, where `prune` and `backup` do not look: said where they find nothing inside.

use super::Scene;
use crate::cache::inventory::{Heap, Inventory};
use crate::cache::scan;
use crate::cache::select::stock::ThingKind;
use crate::commands::reclaim;
use crate::commands::survey::Survey;
use crate::support::{paths, units};

/// What lies outside of the cache, in the places that `status` knows and as it counts it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::commands) struct Beyond {
    /// What is whole, in bytes on the disk.
    whole: u64,
    /// Downloads that were not finished and that `clear` takes.
    unfinished: Heap,
    /// Revisions that no branch and no tag names.
    unnamed: u64,
}

impl Beyond {
    /// Looks there; `None` where nothing is that is whole.
    pub(in crate::commands) fn of(survey: &Survey) -> Option<Self> {
        Some(Self::counted(&all(survey))).filter(|found| found.whole > 0)
    }

    fn counted(inventory: &Inventory) -> Self {
        let mut sum = Self { whole: inventory.outside().whole, ..Self::default() };
        for found in inventory.places.iter().filter(|found| found.place.kind.is_outside()) {
            reclaim::unfinished_outside(found).for_each(|unit| sum.unfinished += unit.partial);
            let revisions = found.units.iter().filter_map(|unit| unit.repository()).flat_map(|one| &one.revisions);
            sum.unnamed += revisions.filter(|one| one.refs.is_empty()).count() as u64;
        }
        sum
    }

    /// `116 MB lie outside of it`
    pub(in crate::commands) fn said(&self) -> String {
        format!("{} lie outside of it", units::bytes(self.whole))
    }

    /// Whether there is anything that `prune` would take inside.
    const fn is_pruned(&self) -> bool {
        self.unfinished.files > 0 || self.unnamed > 0
    }

    /// `outside of it lie 31.5 MB, in which 1 revision has no branch or tag, and 1 unfinished download of 3.15 MB`
    fn named(&self) -> String {
        let Self { whole, unfinished: Heap { files, bytes }, unnamed } = *self;
        let download = format!("{} of {}", units::count(files, "unfinished download"), units::bytes(bytes));
        if whole == 0 {
            return format!("outside of it {} {download}", if files == 1 { "lies" } else { "lie" });
        }
        let have = if unnamed == 1 { "has" } else { "have" };
        let within = format!(", in which {} {have} no branch or tag", units::count(unnamed, "revision"));
        let (within, comma) = if unnamed > 0 { (within.as_str(), ",") } else { ("", "") };
        let download = if files > 0 { format!("{comma} and {download}") } else { String::new() };
        format!("outside of it lie {}{within}{download}", units::bytes(whole))
    }

    /// What does something about it; `brings` says whether `migrate` would move anything.
    fn commands(&self, brings: bool) -> String {
        let names = match self.unnamed {
            1 => "`modelstrap status --revisions` names the revision",
            _ => "`modelstrap status --revisions` names the revisions",
        };
        let removes = match self.unfinished.files {
            1 => "`modelstrap status` names the command that removes the download",
            _ => "`modelstrap status` names the command that removes such a download",
        };
        let all = [
            (brings, "`modelstrap migrate` brings in what is whole"),
            (self.unnamed > 0, names),
            (self.unfinished.files > 0, removes),
        ];
        let said: Vec<&str> = all.into_iter().filter_map(|(is_so, words)| is_so.then_some(words)).collect();
        match said.split_last() {
            Some((last, first)) if !first.is_empty() => format!("{}, and {last}", first.join(", ")),
            _ => said.concat(),
        }
    }
}

/// What lies in all places: what is in the cache, too, counts there, as `status` counts it.
fn all(survey: &Survey) -> Inventory {
    scan::scan(survey.clone().without_links().places)
}

/// The cache root as a person knows it.
fn root(scene: &Scene<'_>) -> String {
    let layout = &scene.survey.layout;
    paths::friendly(&layout.root, layout.home.as_deref(), &layout.cache_root)
}

/// What is said where a target cannot be reached and nothing that stays was named: why there is no more to take.
pub(in crate::commands) fn no_more(scene: &Scene<'_>) -> String {
    let models = scene.stock.hubs.iter().any(|hub| hub.home && !hub.repositories.is_empty());
    let things = scene.stock.things.iter().any(|thing| thing.home() && thing.kind() != ThingKind::Locks);
    let state = if models || things { "nothing more in it can go" } else { "it is empty" };
    let outside = Beyond::of(&scene.survey).map(|found| format!("; {}: see `modelstrap status`", found.said()));
    format!("prune looks at {} only, and {state}{}", root(scene), outside.unwrap_or_default())
}

/// What is said where nothing goes while such things as go inside lie outside.
pub(in crate::commands) fn leavings(scene: &Scene<'_>) -> Option<String> {
    // A large cache is read a second time only where something is said.
    let mut outside = scene.survey.clone().without_links();
    outside.places.retain(|place| place.kind.is_outside());
    if !Beyond::counted(&scan::scan(outside.places)).is_pruned() {
        return None;
    }
    let inventory = all(&scene.survey);
    let found = Beyond::counted(&inventory);
    let brings = reclaim::brings(scene.context, &scene.survey, &inventory);
    Some(format!("prune looks at {} only; {}: {}.", root(scene), found.named(), found.commands(brings)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_outside_is_said_in_one_sentence() {
        let found = |whole, files, unnamed| Beyond { whole, unfinished: Heap { files, bytes: files * 3_000 }, unnamed };
        let said = |one: Beyond| (one.named(), one.commands(true));
        let (named, commands) = said(found(5_000, 2, 2));
        assert_eq!(
            named,
            "outside of it lie 5.00 kB, in which 2 revisions have no branch or tag, and 2 unfinished downloads of 6.00 kB"
        );
        assert_eq!(
            commands,
            "`modelstrap migrate` brings in what is whole, `modelstrap status --revisions` names the revisions, and \
             `modelstrap status` names the command that removes such a download"
        );
        assert_eq!(found(5_000, 1, 0).named(), "outside of it lie 5.00 kB and 1 unfinished download of 3.00 kB");
        assert_eq!(found(5_000, 0, 1).named(), "outside of it lie 5.00 kB, in which 1 revision has no branch or tag");
        assert_eq!(found(0, 1, 0).named(), "outside of it lies 1 unfinished download of 3.00 kB");
        assert_eq!(found(5_000, 0, 1).commands(false), "`modelstrap status --revisions` names the revision");
    }
}
