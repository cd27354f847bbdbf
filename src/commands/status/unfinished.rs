//! The line about unfinished downloads, with the command that removes them: `prune` in the cache, and outside of it `clear`, which
//! wants a path.

use std::path::{Path, PathBuf};

use super::Report;
use crate::cache::hub::{Hub, Repository};
use crate::cache::inventory::{Found, Heap, Unit, UnitKind};
use crate::support::{paths, quoted, units};

/// What there is of them, if anything is.
pub(super) fn line(report: &Report<'_>, all: Heap) -> Option<String> {
    if all.files == 0 {
        return None;
    }
    let outside = || report.strays().flat_map(units_of).filter(|unit| unit.partial.files > 0);
    let mut beyond = Heap::default();
    outside().for_each(|unit| beyond += unit.partial);
    let mut line = format!("unfinished downloads: {}", said(all));
    if beyond.files < all.files {
        line.push_str("; `modelstrap prune` removes what nobody writes");
    }
    if beyond.files > 0 {
        let path = outside().find_map(path).map_or_else(|| "PATH".to_owned(), |path| word(report, &path));
        line.push_str(&format!(
            "; outside of the cache, {}, `modelstrap clear {path}` removes {}",
            said(beyond),
            if beyond.files == 1 { "it" } else { "one" }
        ));
    }
    Some(line)
}

fn units_of(found: &Found) -> impl Iterator<Item = &Unit> {
    found.units.iter()
}

fn said(heap: Heap) -> String {
    let files = units::count(heap.files, "file");
    format!("{} in {files}", units::bytes(heap.bytes))
}

/// The first of a unit.
fn path(unit: &Unit) -> Option<PathBuf> {
    let UnitKind::Repository(_) = unit.kind else { return None };
    let repository = Repository::read(&unit.path, &Hub::at(unit.path.parent()?));
    repository.unfinished.into_iter().next().map(|(path, _)| path)
}

/// As a shell takes it.
fn word(report: &Report<'_>, path: &Path) -> String {
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./~".contains(c));
    let shown = paths::friendly(&report.layout.root, report.layout.home.as_deref(), path);
    if plain(&shown) { shown } else { quoted::word(path) }
}
