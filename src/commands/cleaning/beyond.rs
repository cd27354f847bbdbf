//! What lies outside of the cache, where `prune` and `backup` do not look: said where they find nothing inside.

use super::Scene;
use crate::cache::inventory::{Inventory, UnitKind};
use crate::cache::select::stock::ThingKind;
use crate::cache::{Kind, scan};
use crate::commands::survey::Survey;
use crate::support::{paths, units};

/// What lies outside of the cache, in the places that `status` knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::commands) struct Beyond {
    bytes: u64,
    unfinished: u64,
    /// Revisions that no branch and no tag names.
    unnamed: u64,
}

impl Beyond {
    /// Looks there; `None` where nothing is.
    pub(in crate::commands) fn of(survey: &Survey) -> Option<Self> {
        let places = survey.clone().without_links().places.into_iter();
        let inventory = scan::scan(places.filter(|place| !is_inside(&place.kind)).collect());
        Some(Self::counted(&inventory)).filter(|found| found.bytes > 0)
    }

    fn counted(inventory: &Inventory) -> Self {
        let mut sum = Self { bytes: inventory.total.disk.saturating_sub(inventory.trash.disk), ..Self::default() };
        for unit in inventory.places.iter().flat_map(|found| &found.units) {
            sum.unfinished += unit.partial.files;
            if let UnitKind::Repository(repository) = &unit.kind {
                sum.unnamed += repository.revisions.iter().filter(|one| one.refs.is_empty()).count() as u64;
            }
        }
        sum
    }

    /// `116 MB lie outside of it`
    pub(in crate::commands) fn said(&self) -> String {
        format!("{} lie outside of it", units::bytes(self.bytes))
    }

    /// What of it `prune` would take inside.
    fn leavings(&self) -> Option<String> {
        let named = [(self.unfinished, "unfinished download"), (self.unnamed, "revision without a branch or tag")];
        let counted = |(count, what): (u64, &str)| match (count, what.split_once(' ')) {
            (0, _) => None,
            (count, Some(("revision", rest))) if count > 1 => Some(format!("{count} revisions {rest}")),
            (count, _) => Some(units::count(count, what)),
        };
        let named: Vec<String> = named.into_iter().filter_map(counted).collect();
        (!named.is_empty()).then(|| units::listed(&named))
    }
}

const fn is_inside(kind: &Kind) -> bool {
    matches!(kind, Kind::Home | Kind::Application { .. })
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
    let found = Beyond::of(&scene.survey)?;
    Some(format!(
        "prune looks at {} only; {}, with {}: `modelstrap migrate` brings in what is whole, and `modelstrap status` names the rest.",
        root(scene),
        found.said(),
        found.leavings()?
    ))
}
