//! A part's files into the Hub's cache: where each is fetched to, the link by which a library finds it, the refs at the end.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::layout::{Repository, blob_name, pointer_target};
use super::settings::Settings;
use super::symlinks::{self, Link, unique};
use super::{Error, api, marks, no_exist, refs, trees};
use crate::fetch::{Artifact, Credential};
use crate::models::homes::Homes;
use crate::models::locked::{File, HubPlace, RepoType};
use crate::models::names;
use crate::platform::Os;
use crate::support::atomic::can_write;

/// Says to backup programs that this is a cache; any text whose first line is the signature is valid.
const CACHEDIR_TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
    # This file is a cache directory tag created by huggingface_hub.\n\
    # For information about cache directory tags, see:\n\
    #\thttps://bford.info/cachedir/\n";

/// Checks every name of a part before any of them becomes a path: what a lock file says is foreign, too.
///
/// # Errors
/// Which name is refused, and why.
pub fn check(place: &HubPlace, files: &[File]) -> Result<(), Error> {
    let repo = || place.repo.clone();
    names::hub_repo(&place.repo).map_err(|why| Error::Name { repo: repo(), why })?;
    let revision = |revision: &str| Error::Revision { repo: repo(), revision: revision.to_owned() };
    names::revision(&place.requested).map_err(|_| revision(&place.requested))?;
    if !names::is_commit(&place.commit) {
        return Err(revision(&place.commit));
    }
    files.iter().try_for_each(|file| check_file(place, file))
}

fn check_file(place: &HubPlace, file: &File) -> Result<(), Error> {
    let refused = |why| Error::FileName { repo: place.repo.clone(), path: file.path.clone(), why };
    names::file_path(&file.path).map_err(refused)?;
    names::storable(&file.path, Os::current()).map_err(refused)?;
    if file.digest.is_none() {
        return Err(refused("has no known digest"));
    }
    Ok(())
}

/// What the engine must fetch for `file`.
///
/// # Errors
/// When a name cannot become a path.
pub fn artifact(
    place: &HubPlace,
    file: &File,
    homes: &Homes,
    settings: &Settings,
    credential: Option<Arc<Credential>>,
) -> Result<Artifact, Error> {
    check(place, std::slice::from_ref(file))?;
    Ok(checked_artifact(place, file, is_moved(place, file, homes), homes, settings, credential))
}

/// The same for a file whose names were checked, and which [`is_moved`] or not.
pub fn checked_artifact(
    place: &HubPlace,
    file: &File,
    moved: bool,
    homes: &Homes,
    settings: &Settings,
    credential: Option<Arc<Credential>>,
) -> Artifact {
    let repository = Repository::of(place, &homes.hub);
    Artifact {
        label: file.path.clone(),
        group: 0,
        url: api::file_url(settings, place.repo_type, &place.repo, &place.commit, &file.path),
        size: file.size,
        digest: file.digest,
        destination: destination(&repository, place, file, moved),
        partials: repository.partials().into(),
        credential,
        key: 0,
    }
}

/// Makes the part's folders, before its first byte is fetched, and says now whether they can be written.
///
/// With them an interrupted first download is no "corrupt" repository for `hf cache ls`, which misses `snapshots/` otherwise; and
/// a ref keeps, where a project holds the commit, `hf cache prune` from removing the commit, or with its last commit the whole repository, while bytes arrive.
///
/// # Errors
/// What the disk says.
pub fn prepare(place: &HubPlace, homes: &Homes, protect: Option<&str>) -> io::Result<()> {
    check(place, &[]).map_err(invalid)?;
    let repository = Repository::of(place, &homes.hub);
    for folder in [repository.snapshots(), repository.blobs(), repository.private()] {
        fs::create_dir_all(&folder).and_then(|()| can_write(&folder)).map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", crate::support::escape::path(&folder)))
        })?;
    }
    tag(&homes.hub);
    let Some(protect) = protect else { return Ok(()) };
    if refs::read(&repository, &refs::protecting(protect)).as_ref() == Some(&place.commit) {
        // When it was held last is the mark's time: who shares the hub and knows the project not goes by that.
        let mark = fs::File::options().write(true).open(repository.reference(&refs::protecting(protect)));
        let _ = mark.and_then(|mark| mark.set_modified(std::time::SystemTime::now()));
        return Ok(());
    }
    fs::create_dir_all(repository.snapshot(&place.commit))?;
    refs::write(&repository, &refs::awaiting(protect), &place.commit)
}

/// Whether Python, unable to make links, has moved the blob of `file` into the snapshot.
pub fn is_moved(place: &HubPlace, file: &File, homes: &Homes) -> bool {
    let repository = Repository::of(place, &homes.hub);
    blob_name(file).is_some_and(|name| !repository.blob(&name).exists())
        && file.size.is_some()
        && fs::symlink_metadata(repository.pointer(&place.commit, &file.path))
            .is_ok_and(|found| found.is_file() && Some(found.len()) == file.size)
}

/// The blob, or the file of the snapshot.
fn destination(repository: &Repository, place: &HubPlace, file: &File, moved: bool) -> PathBuf {
    match blob_name(file).filter(|_| !moved) {
        Some(name) => repository.blob(&name),
        None => repository.pointer(&place.commit, &file.path),
    }
}

/// The path that a program opens.
pub fn visible(place: &HubPlace, file: &File, homes: &Homes) -> PathBuf {
    Repository::of(place, &homes.hub).pointer(&place.commit, &file.path)
}

/// Makes the file visible in its snapshot. A good pointer is left as it is; a dangling or wrong one is replaced.
///
/// # Errors
/// What the disk says.
pub fn settle(place: &HubPlace, file: &File, homes: &Homes, settings: &Settings) -> io::Result<()> {
    check(place, std::slice::from_ref(file)).map_err(invalid)?;
    let repository = Repository::of(place, &homes.hub);
    let pointer = repository.pointer(&place.commit, &file.path);
    let name = blob_name(file).unwrap_or_default();
    let blob = repository.blob(&name);
    let target = pointer_target(&file.path, &name);
    let private = repository.private();
    // The usual case of a download, first: nothing is there, and how links are made here is known.
    if symlinks::known(&private, settings.symlinks_wanted) == Some(Link::Symbolic) {
        fs::metadata(&blob)?;
        match symlinks::symbolic(&target, &pointer) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                fs::create_dir_all(pointer.parent().unwrap_or(&pointer))?;
                if symlinks::symbolic(&target, &pointer).is_ok() {
                    return Ok(());
                }
            }
            Err(_) => {}
            Ok(()) => return Ok(()),
        }
    }
    if is_good(&pointer, &target, &blob, file) {
        return Ok(());
    }
    // A pointer to nothing makes the whole repository "corrupt" for Python.
    fs::metadata(&blob)?;
    fs::create_dir_all(pointer.parent().unwrap_or(&pointer))?;
    fs::create_dir_all(&private)?;
    let link = symlinks::best(&private, settings.symlinks_wanted);
    if link == Link::Symbolic && symlinks::symbolic(&target, &pointer).is_ok() {
        return Ok(());
    }
    let temporary = private.join(unique("link"));
    let done = make(link, &target, &blob, &temporary).and_then(|()| fs::rename(&temporary, &pointer));
    // Renaming one of two names of a file onto the other leaves both.
    let _ = fs::remove_file(&temporary);
    done
}

fn make(link: Link, target: &Path, blob: &Path, at: &Path) -> io::Result<()> {
    match link {
        // Windows can refuse single links after the probe went well (error 1314).
        Link::Symbolic => symlinks::symbolic(target, at).or_else(|_| make(Link::Hard, target, blob, at)),
        // A link's own bytes are not the content: the payload of a shared store is linked itself.
        Link::Hard => fs::hard_link(fs::canonicalize(blob)?, at).or_else(|_| make(Link::Copy, target, blob, at)),
        Link::Copy => fs::copy(blob, at).map(|_| ()),
    }
}

/// Whether the pointer leads to the right content: by its text, by being the same file, or by holding the right number of bytes itself.
pub fn is_good(pointer: &Path, target: &Path, blob: &Path, file: &File) -> bool {
    match fs::read_link(pointer) {
        // The usual case, first: it is asked for every file of every run.
        Ok(text) if text == target => blob.exists(),
        Ok(_) => match (fs::canonicalize(pointer), fs::canonicalize(blob)) {
            (Ok(pointer), Ok(blob)) => pointer == blob,
            _ => false,
        },
        Err(_) => fs::symlink_metadata(pointer)
            .is_ok_and(|found| found.is_file() && file.size.is_none_or(|size| size == found.len())),
    }
}

/// After the last file of a part: marks, listings, and the refs, by which libraries find the commit.
///
/// To be called when all of them are there: with a ref to it, a library takes the snapshot for good.
/// `protect` names the project that holds the commit, for the ref that keeps `hf cache prune` away.
///
/// # Errors
/// What the disk says.
pub fn finish(place: &HubPlace, files: &[File], homes: &Homes, protect: Option<&str>) -> io::Result<()> {
    check(place, files).map_err(invalid)?;
    let repository = Repository::of(place, &homes.hub);
    // A ref to a commit that is not there would hide the whole repository from `hf cache ls`.
    fs::metadata(repository.snapshot(&place.commit))?;
    if !files.iter().any(|file| repository.pointer(&place.commit, &file.path).exists()) {
        return Err(io::Error::new(ErrorKind::NotFound, "none of its files is in the snapshot"));
    }
    tag(&homes.hub);
    marks::note(&repository, place, files);
    no_exist::clear(&repository, &place.commit, files);
    if place.complete && files.iter().all(|file| repository.pointer(&place.commit, &file.path).exists()) {
        unless_shut(trees::write(&repository, &place.commit, files))?;
        // No library looks for an optional file of a dataset.
        if place.repo_type == RepoType::Model {
            unless_shut(no_exist::write(&repository, &place.commit, files))?;
        }
    } else {
        trees::remove_if_wider(&repository, &place.commit)?;
    }
    let ours = protect.map(refs::protecting);
    if place.requested == "main" {
        marks::write_main(&repository, &place.commit)?;
    } else if place.requested != place.commit {
        refs::write(&repository, &place.requested, &place.commit)?;
    } else {
        // hf-hub (Rust) up to 0.4 finds a commit only by a ref of that name, which it writes itself. Nobody else needs it, so that
        // a cache that cannot be written is as good without it.
        let _ = refs::write(&repository, &place.commit, &place.commit);
        if main_may_follow(&repository, ours.as_deref()) {
            // Libraries ask for `main` unless they are told otherwise: without this ref they find nothing offline.
            marks::write_main(&repository, &place.commit)?;
        }
    }
    let (Some(ours), Some(protect)) = (ours, protect) else { return Ok(()) };
    unless_shut(claim(&repository, &ours, protect, &place.commit))
}

/// Notes that the project holds the commit, and no other one any more.
fn claim(repository: &Repository, ours: &str, protect: &str, commit: &str) -> io::Result<()> {
    let before = refs::read(repository, ours).filter(|before| before != commit);
    refs::write(repository, ours, commit)?;
    if let Some(before) = before {
        refs::unname(repository, &before)?;
    }
    refs::remove(repository, &refs::awaiting(protect))
}

/// What only notes something about files that are here may fail in a cache that this user cannot write to: it is as good without,
/// and whoever can prune it is somebody else.
fn unless_shut(noted: io::Result<()>) -> io::Result<()> {
    match noted {
        Err(error) if matches!(error.kind(), ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied) => Ok(()),
        noted => noted,
    }
}

fn invalid(error: Error) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, error.to_string())
}

/// `main` follows a pinned commit where there is no `main`, where it leads nowhere, or where it followed our last one.
fn main_may_follow(repository: &Repository, ours: Option<&str>) -> bool {
    match refs::read(repository, "main") {
        None => true,
        Some(main) => {
            !repository.snapshot(&main).is_dir() || ours.and_then(|ours| refs::read(repository, ours)) == Some(main)
        }
    }
}

fn tag(hub: &Path) {
    let tag = hub.join("CACHEDIR.TAG");
    if let Ok(mut file) = fs::OpenOptions::new().write(true).create_new(true).open(tag) {
        // A cache is a cache without it, too.
        let _ = io::Write::write_all(&mut file, CACHEDIR_TAG.as_bytes());
    }
}

#[cfg(test)]
#[cfg(unix)]
#[path = "place/tests.rs"]
pub(super) mod tests;
