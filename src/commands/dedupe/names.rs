//! What a person calls a file: a blob is a digest to nobody but a program, so the model and the file in it are looked up.
//!
//! Only links are read, and only of repositories that the plan names.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use crate::cache::Place;
use crate::cache::duplicates::{Name, Role};
use crate::cache::hub;
use crate::support::{escape, paths};

/// Deeper lies no file of a model.
const DEEPEST: usize = 32;

/// The names of files in `places`, as they are asked for.
pub(super) struct Names<'a> {
    places: &'a [Place],
    /// Of each repository, by its folder: the file that a revision calls each blob.
    blobs: HashMap<PathBuf, HashMap<OsString, String>>,
    /// Of each hub's shared store, by the hub's folder: the repository and the blob that leads to each payload.
    payloads: HashMap<PathBuf, HashMap<PathBuf, (PathBuf, OsString)>>,
}

impl<'a> Names<'a> {
    /// Nothing is looked up yet.
    pub(super) fn of(places: &'a [Place]) -> Self {
        Self { places, blobs: HashMap::new(), payloads: HashMap::new() }
    }

    /// `org/name: file` of what lies in a hub; of everything else the path below its place.
    pub(super) fn label(&mut self, name: Name<'_>) -> String {
        let path = name.path();
        let known = match name.role() {
            Role::Blob => repository(&path).map(|folder| self.blob(folder, &name.file())),
            Role::Snapshot => repository(&path).and_then(|folder| snapshot(folder, &path)),
            Role::Payload => self.payload(&path),
            Role::Plain => None,
        };
        known.unwrap_or_else(|| {
            let place = self.places.get(name.place()).map_or(Path::new(""), |place| place.real.as_path());
            let inside = path.strip_prefix(place).unwrap_or(&path);
            escape::path(if inside.as_os_str().is_empty() { &path } else { inside })
        })
    }

    fn blob(&mut self, folder: &Path, blob: &OsStr) -> String {
        let files = self.blobs.entry(folder.to_path_buf()).or_insert_with(|| files(&folder.join("snapshots")));
        match files.get(blob) {
            Some(file) => labelled(folder, file),
            None => {
                let digits: String = blob.to_string_lossy().chars().take(12).collect();
                labelled(folder, &format!("blob {digits} (of no revision)"))
            }
        }
    }

    fn payload(&mut self, path: &Path) -> Option<String> {
        // `HUB/blobs`, with one or two folders below it.
        let hub = path.ancestors().find(|folder| folder.ends_with("blobs"))?.parent()?;
        let users = self.payloads.entry(hub.to_path_buf()).or_insert_with(|| users(hub));
        let (folder, blob) = users.get(path).cloned()?;
        Some(self.blob(&folder, &blob))
    }
}

fn labelled(folder: &Path, file: &str) -> String {
    let name = folder.file_name().and_then(OsStr::to_str).and_then(hub::full_name).unwrap_or_default();
    escape::printable(&format!("{name}: {file}"))
}

/// The folder of the repository that `path` lies in.
fn repository(path: &Path) -> Option<&Path> {
    path.ancestors().find(|folder| folder.file_name().and_then(OsStr::to_str).and_then(hub::full_name).is_some())
}

/// A file below `snapshots/COMMIT`.
fn snapshot(folder: &Path, path: &Path) -> Option<String> {
    let mut inside = path.strip_prefix(folder.join("snapshots")).ok()?.components();
    inside.next()?;
    Some(labelled(folder, &paths::portable(Path::new(""), inside.as_path())))
}

/// Of each blob that a link in a revision leads to, the path of that link below the revision.
fn files(snapshots: &Path) -> HashMap<OsString, String> {
    let mut found = HashMap::new();
    let mut revisions: Vec<PathBuf> = entries(snapshots).map(|entry| entry.path()).collect();
    revisions.sort_unstable();
    for revision in revisions {
        links(&revision, &revision, 0, &mut found);
    }
    found
}

fn links(folder: &Path, revision: &Path, depth: usize, found: &mut HashMap<OsString, String>) {
    for entry in entries(folder) {
        let (path, Ok(kind)) = (entry.path(), entry.file_type()) else { continue };
        if kind.is_dir() && depth < DEEPEST {
            links(&path, revision, depth + 1, found);
        } else if let (true, Ok(target)) = (kind.is_symlink(), fs::read_link(&path)) {
            let inside = path.strip_prefix(revision).unwrap_or(&path);
            let blob = target.file_name().unwrap_or_default().to_owned();
            found.entry(blob).or_insert_with(|| paths::portable(Path::new(""), inside));
        }
    }
}

/// Of each payload, a repository that uses it, and what it is called there.
fn users(hub: &Path) -> HashMap<PathBuf, (PathBuf, OsString)> {
    let mut found = HashMap::new();
    for repository in hub::Hub::at(hub).repositories().unwrap_or_default() {
        let blobs = repository.join("blobs");
        for entry in entries(&blobs).filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_symlink())) {
            if let Ok(payload) = entry.path().canonicalize() {
                found.entry(payload).or_insert_with(|| (repository.clone(), entry.file_name()));
            }
        }
    }
    found
}

fn entries(folder: &Path) -> impl Iterator<Item = fs::DirEntry> {
    fs::read_dir(folder).into_iter().flatten().flatten()
}
