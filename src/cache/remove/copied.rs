//! A journal that came with a copy of its cache: to another disk, out of an archive, from a CI's store. Its seal is another folder's, so that
//! nothing proves what it says. It is believed of the trashes that lie in the same cache root, below which all of its paths are read anew;
//! one that speaks of any other place is not believed at all, since that may be the cache that it was copied from.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::journal::{Past, TrashAt};
use crate::support::paths;

/// Where `path` is in the copy at `cache_root`, if it lay in the root that the journal names.
pub(super) fn rebase(old: &Path, cache_root: &Path, path: &Path) -> Option<PathBuf> {
    let inside = path.strip_prefix(old).ok()?;
    let at = if inside.as_os_str().is_empty() { cache_root.to_path_buf() } else { cache_root.join(inside) };
    // No link leads out of the copy, and no `..`.
    (!paths::has_parent_component(&at) && paths::real_place(&at).as_ref() == Some(&at)).then_some(at)
}

/// Whether the journal with this name speaks of its own trashes alone.
pub(super) fn is_of_its_own(past: &Past, journal: &Path) -> bool {
    let name = journal.file_stem().and_then(OsStr::to_str).unwrap_or_default();
    let Some((run, turn)) = name.rsplit_once('-') else { return false };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let own = Path::new(".modelstrap").join("trash").join(run);
    let is_own = |trash: &TrashAt| trash.below == own || trash.below == Path::new(".locks").join(&own);
    run.split('-').all(is_number) && is_number(turn) && past.trashes.iter().all(is_own)
}
