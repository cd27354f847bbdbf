//! Links in the cache that lead out of it. A project from somebody else can bring them (`.cache/whisper -> ../.git`), and a
//! shared cache can get them from another user: nothing is written or deleted through one.
//!
//! The cache root itself may be a link, and a variable of the user's own may lead a library elsewhere: what counts is what lies
//! below that. A user who wants one library's models elsewhere says so by the library's variable or by `base_dir`.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::homes::Homes;
use super::hub::layout::Repository;
use super::locked::{Part, Place};
use super::world::World;
use super::{hub, placement};
use crate::support::escape;

/// A link that leads out of the cache.
#[derive(Debug, thiserror::Error)]
#[error(
    "{} is a link that leads out of the cache, and nothing is written or deleted through it\n  \
     remove the link; to keep models elsewhere, set `base_dir` in the manifest or the library's own variable",
    escape::path(.0)
)]
pub struct Astray(PathBuf);

/// Looks at every folder that placing, finishing or removing `part` would go through.
///
/// # Errors
/// The first link that leads out of the cache; a name in the part that is refused.
pub fn check(world: &World, part: &Part) -> anyhow::Result<()> {
    let mut folders = BTreeSet::new();
    match &part.place {
        Place::Hub(place) => {
            hub::place::check(place, &part.files)?;
            let repository = Repository::of(place, &world.homes.hub);
            // Of two thousand files in one folder, the folder is looked at once.
            let inner: BTreeSet<&str> =
                part.files.iter().filter_map(|file| Some(file.path.rsplit_once('/')?.0)).collect();
            folders.extend(inner.iter().map(|inner| repository.pointer(&place.commit, inner)));
            folders.extend(written_folders(&repository, place));
        }
        _ => {
            for file in &part.files {
                let artifact = placement::artifact(world, part, file, 0)?;
                let visible = placement::visible(world, part, file)?;
                let above = [artifact.destination.parent(), visible.parent()];
                folders.extend(above.into_iter().flatten().map(Path::to_path_buf));
                folders.insert(artifact.partials.to_path_buf());
            }
        }
    }
    if matches!(part.place, Place::TorchHub { .. }) {
        folders.extend(["trusted_list", ".modelstrap"].map(|name| world.homes.torch_hub.join(name)));
    }
    let mut seen = BTreeSet::new();
    folders.iter().try_for_each(|folder| Ok(stays_inside(folder, boundary(&world.homes, folder), &mut seen)?))
}

fn written_folders(repository: &Repository, place: &super::locked::HubPlace) -> Vec<PathBuf> {
    let mut folders = vec![
        repository.blobs(),
        repository.snapshot(&place.commit),
        repository.no_exist(&place.commit),
        repository.partials(),
    ];
    let files = [
        repository.reference(&place.requested),
        repository.reference(&hub::refs::protecting("any")),
        repository.tree(&place.commit),
        repository.lock("any"),
    ];
    folders.extend(files.iter().filter_map(|file| file.parent()).map(Path::to_path_buf));
    folders
}

/// The folder that `path` must not leave: the cache root, or the home that a variable leads elsewhere.
fn boundary<'a>(homes: &'a Homes, path: &Path) -> &'a Path {
    let all = [&homes.root, &homes.hub, &homes.torch_hub, &homes.whisper, &homes.wheels, &homes.files];
    all.into_iter().find(|home| path.starts_with(home)).unwrap_or(&homes.root)
}

/// Whether no link on the way from `boundary` to `path` leads out of `boundary`. What is in `seen` was found good before.
fn stays_inside(path: &Path, boundary: &Path, seen: &mut BTreeSet<PathBuf>) -> Result<(), Astray> {
    let Ok(below) = path.strip_prefix(boundary) else { return Err(Astray(path.to_path_buf())) };
    let mut place = boundary.to_path_buf();
    for name in below.components() {
        place.push(name);
        if !seen.insert(place.clone()) {
            continue;
        }
        match fs::symlink_metadata(&place) {
            Ok(found) if found.is_symlink() && !leads_inside(&place, boundary) => return Err(Astray(place)),
            Ok(_) => {}
            // Below what is not there, there is nothing. Every other trouble is told by who goes there.
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            Err(_) => {}
        }
    }
    Ok(())
}

fn leads_inside(link: &Path, boundary: &Path) -> bool {
    match (fs::canonicalize(link), fs::canonicalize(boundary)) {
        (Ok(real), Ok(boundary)) => real.starts_with(boundary),
        _ => false,
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn look(boundary: &Path, path: &str) -> Result<(), String> {
        let found = stays_inside(&boundary.join(path), boundary, &mut BTreeSet::new());
        found.map_err(|Astray(link)| link.strip_prefix(boundary).unwrap().display().to_string())
    }

    #[test]
    fn a_link_may_lead_about_in_the_cache_and_not_out_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let cache = dir.path().join("real");
        fs::create_dir_all(cache.join("a/b")).unwrap();
        fs::create_dir(dir.path().join("out")).unwrap();
        symlink("a", cache.join("inside")).unwrap();
        symlink("../out", cache.join("outside")).unwrap();
        symlink("nowhere", cache.join("dangling")).unwrap();
        symlink("real", dir.path().join("cache")).unwrap();
        for boundary in [cache.clone(), dir.path().join("cache")] {
            for good in ["a/b/c", "inside/b", "not/there"] {
                assert_eq!(look(&boundary, good), Ok(()), "{good}");
            }
            for bad in ["outside", "outside/x", "dangling/x"] {
                assert_eq!(look(&boundary, bad), Err(bad.split('/').next().unwrap().to_owned()), "{bad}");
            }
        }
    }
}
