//! In which folders nothing is deleted, whatever a manifest says; and whether what is deleted can be brought back.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::cache::remove::Keep;
use crate::cli::Trash;
use crate::commands::context::Context;
use crate::commands::disks::Disk;
use crate::platform::{Probe, disk};
use crate::setup::Layout;
use crate::setup::layout::model_folders;
use crate::support::{escape, units};

/// How long what was removed can be brought back.
const UNDO: Duration = Duration::from_secs(3600);

/// Below both of these a disk is scarce: then nobody keeps what was removed on it.
const SCARCE: u64 = 10_000_000_000;
const SCARCE_SHARE: u64 = 10;

/// So is one that takes fewer files than this.
const SCARCE_FILES: u64 = 100;

/// Refuses a cache root at which a disk is mounted that holds other things. The other refusals are
/// [`crate::setup::cache_root::resolve`]'s, and the remover's own.
///
/// # Errors
/// What else lies there.
pub(super) fn check(context: &Context, layout: &Layout) -> Result<()> {
    let root = &layout.cache_root;
    let Ok(real) = root.canonicalize() else { return Ok(()) };
    let probe = Probe::live(context.vars.clone());
    let mounted = disk::file_system(&probe, &real).is_some_and(|found| found.mount_point == real);
    if !mounted || is_cache(&real) {
        return Ok(());
    }
    let others = others(&real);
    if others.is_empty() {
        return Ok(());
    }
    bail!(
        "the cache root {} is where a disk is mounted, and other things lie there: {}; nothing is deleted in it\n  \
         choose a folder on it: [cache] base_dir in the manifest",
        escape::path(root),
        units::listed(&others.into_iter().take(3).collect::<Vec<_>>())
    )
}

/// Whether a tag says that the folder is a cache: setup writes it only where there is nothing else.
fn is_cache(root: &Path) -> bool {
    root.join("CACHEDIR.TAG").is_file()
}

/// What lies in the folder and is no library's home.
fn others(root: &Path) -> BTreeSet<String> {
    let known = model_folders();
    let names = std::fs::read_dir(root).into_iter().flatten().filter_map(Result::ok);
    let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let is_other = |name: &String| !known.contains(name.as_str()) && name != "lost+found" && !name.starts_with('.');
    names.filter(is_other).map(|name| escape::printable(&name)).collect()
}

/// Whether what goes can be brought back, and why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::commands) struct Keeping {
    pub(in crate::commands) keep: Keep,
    /// Before the question.
    pub(in crate::commands) says: String,
}

impl Keeping {
    /// By the flags of `verb`, and by how full the disks are from which something goes, that of the cache root the first. `at_once` is the flag that wants the room now.
    pub(in crate::commands) fn of(verb: &str, trash: &Trash, at_once: Option<&str>, disks: &[Disk]) -> Self {
        let now = |says: String| Self { keep: Keep::Now, says };
        if trash.now || trash.undo_for == Some(Duration::ZERO) {
            return now("It is freed at once, and cannot be brought back.".to_owned());
        }
        if let Some(time) = trash.undo_for {
            return Self::for_time(verb, time);
        }
        if let Some(flag) = at_once {
            return now(format!("It is freed at once because of {flag}, and cannot be brought back."));
        }
        if let Some((at, free)) = disks.iter().enumerate().find_map(|(at, disk)| Some((at, scarce(&disk.folder)?))) {
            let of = if at == 0 { String::new() } else { format!(" of {}", escape::path(&disks[at].folder)) };
            return now(format!(
                "It is freed at once, since the disk{of} has only {free}, and cannot be brought back."
            ));
        }
        Self::for_time(verb, UNDO)
    }

    fn for_time(verb: &str, time: Duration) -> Self {
        let says = format!(
            "For {} `modelstrap {verb} --undo` brings it back, and it still takes its room; `--now` frees it at once.",
            words(time)
        );
        Self { keep: Keep::For(time), says }
    }

    /// The same for the list of `status`, in which nobody can type a flag.
    pub(in crate::commands) fn in_list(mut self) -> Self {
        if let Keep::For(time) = self.keep {
            self.says = format!(
                "For {} `u` in this list, or `modelstrap clear --undo`, brings it back, and it still takes its room; \
                 `modelstrap clear trash` frees it at once.",
                words(time)
            );
        }
        self
    }
}

/// `1 h`, `1 min 30 s`.
pub(super) fn words(time: Duration) -> String {
    let mut left = time.as_secs();
    let mut words = Vec::new();
    for (unit, seconds) in [("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)] {
        if left >= seconds {
            words.push(format!("{} {unit}", left / seconds));
            left %= seconds;
        }
    }
    if words.is_empty() { "0 s".to_owned() } else { words.join(" ") }
}

/// How much is free, where that is little: less than 10 GB, and less than a tenth of the disk; or room for fewer files than a
/// journal and a trash may need.
fn scarce(cache_root: &Path) -> Option<String> {
    let (free, total) = (disk::free_space(cache_root)?, disk::total_space(cache_root)?);
    if free < SCARCE && free < total / SCARCE_SHARE {
        return Some(format!("{} free", units::bytes(free)));
    }
    let (files, all) = disk::free_files(cache_root)?;
    (files < SCARCE_FILES && files < all / SCARCE_SHARE)
        .then(|| format!("room for {} more", units::count(files, "file")))
}
