//! The line about unfinished downloads, with the command that removes them: `prune` in the cache, and outside of it `clear`, which
//! wants a path.

use std::fs;
use std::path::{Path, PathBuf};

use super::Report;
use crate::cache::hub::{Hub, Repository};
use crate::cache::inventory::{Heap, Unit, UnitKind};
use crate::cache::scan::LLAMA_PART;
use crate::commands::reclaim;
use crate::support::{paths, quoted, units};

/// What there is of them, if anything is.
pub(super) fn line(report: &Report<'_>, all: Heap) -> Option<String> {
    if all.files == 0 {
        return None;
    }
    let beyond = report.reclaimable.all.iter().find(|one| one.what == reclaim::UNFINISHED_OUTSIDE);
    let beyond = beyond.map(|one| Heap { files: one.count, bytes: one.bytes });
    let mut line = format!("unfinished downloads: {}", said(all));
    if report.reclaimable.no_project {
        return Some(line);
    }
    if report.cached().flat_map(|found| &found.units).any(|unit| unit.partial.files > 0) {
        line.push_str("; `modelstrap prune` removes what nobody writes");
    }
    if let Some(beyond) = beyond {
        let mut units = report.strays().flat_map(reclaim::unfinished_outside);
        let path = units.find_map(path).map_or_else(|| "PATH".to_owned(), |path| word(report, &path));
        let (it, lies) = if beyond.files == 1 { ("it", "lies") } else { ("one", "lie") };
        line.push_str(&match beyond == all {
            true => " outside of the cache;".to_owned(),
            false => format!("; of that, {} {lies} outside of the cache, and", said(beyond)),
        });
        line.push_str(&format!(" `modelstrap clear {path}` removes {it} if nobody writes it"));
    }
    Some(line)
}

fn said(heap: Heap) -> String {
    let files = units::count(heap.files, "file");
    format!("{} in {files}", units::bytes(heap.bytes))
}

/// The first of a unit: of a repository, or of llama.cpp's folder.
fn path(unit: &Unit) -> Option<PathBuf> {
    if let UnitKind::Repository(_) = unit.kind {
        let repository = Repository::read(&unit.path, &Hub::at(unit.path.parent()?));
        return repository.unfinished.into_iter().next().map(|(path, _)| path);
    }
    let below = fs::read_dir(&unit.path).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    below.filter(|path| path.as_os_str().as_encoded_bytes().ends_with(LLAMA_PART)).min()
}

/// As a shell takes it.
fn word(report: &Report<'_>, path: &Path) -> String {
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./~".contains(c));
    let shown = paths::friendly(&report.layout.root, report.layout.home.as_deref(), path);
    if plain(&shown) { shown } else { quoted::word(path) }
}
