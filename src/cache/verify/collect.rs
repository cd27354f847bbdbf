//! Finds the contents: walks through the places, takes what the layouts say of their files, then what the lock says.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{By, Claim, Collected, Expected, Locked, Missing, Note, Owner, Store, Why};
use super::{local_dir, names, repository};
use crate::cache::hub::Hub;
use crate::cache::ollama;
use crate::cache::places::{Kind, Place};
use crate::cache::stamp::Stamp;
use crate::catalogue::models::{self as catalogue, Known, KnownFile};
use crate::fetch::Digest;
use crate::models::homes::Homes;
use crate::models::hub;
use crate::models::lock::Lock;
use crate::models::locked::{File, Part, Place as ModelPlace};
use crate::models::sources;
use crate::support::interrupt;

/// Deeper than any cache: a loop of mounts, or an attack.
const DEEPEST: usize = 64;

/// What libraries keep beside their models.
const HOUSEKEEPING: [&str; 5] = ["CACHEDIR.TAG", "token", "stored_tokens", "version.txt", "trusted_list"];

/// What is looked at.
#[derive(Debug)]
pub struct Scope<'a> {
    /// Where cached data may lie.
    pub places: &'a [Place],
    /// Where the libraries look.
    pub homes: &'a Homes,
    /// What the project's models are.
    pub lock: Option<&'a Lock>,
    /// Those of them that this machine should have.
    pub wanted: &'a HashSet<String>,
}

/// Everything in `scope` whose bytes can be checked. Nothing is read but names, listings and marks.
pub fn collect(scope: &Scope<'_>) -> Collected {
    let apart = scope.places.iter().map(|place| place.real.clone()).collect();
    let mut collector = Collector { apart, whisper: scope.homes.whisper.clone(), ..Collector::default() };
    for place in scope.places {
        // An application cache is the project's own: nobody says what its files are.
        if matches!(place.kind, Kind::Application { .. }) {
            continue;
        }
        match place.path.try_exists() {
            Ok(true) => collector.walk_from(&place.path),
            Ok(false) => {}
            Err(error) => collector.problem(&place.path, &error),
        }
    }
    if let Some(lock) = scope.lock {
        collector.lock(lock, scope);
    }
    collector.stores();
    collector.sum_up()
}

#[derive(Default)]
pub(super) struct Collector {
    pub(super) found: Collected,
    /// Folders that were read already.
    read: HashSet<PathBuf>,
    /// Places within others.
    apart: HashSet<PathBuf>,
    /// openai-whisper's folder.
    whisper: PathBuf,
    /// Shared stores, whose payloads are told by the repositories' links.
    shared: Vec<PathBuf>,
}

impl Collector {
    /// Says of the file at `path` what it should be.
    pub(super) fn claim(&mut self, path: &Path, stamp: &Stamp, claim: Claim, owner: Owner) {
        self.found.contents.claim(path, stamp, claim, owner);
    }

    pub(super) fn problem(&mut self, path: &Path, error: &io::Error) {
        if error.kind() != io::ErrorKind::NotFound {
            self.found.problems.push((path.to_path_buf(), error.to_string()));
        }
    }

    /// A file of which nobody says what it is; a lock or a mark may still tell.
    pub(super) fn unknown(&mut self, path: &Path, stamp: &Stamp) {
        self.found.contents.unknown(path, stamp);
    }

    /// Reads a place, or what a person named in or outside of one.
    fn walk_from(&mut self, path: &Path) {
        if let Some(repository) = path.ancestors().find(|above| is_repository(above)) {
            let hub = Hub::at(repository.parent().unwrap_or(repository));
            return self.repository(repository, &hub);
        }
        if path.is_dir() {
            self.folder(path, 0);
        } else if let Some(parent) = path.parent() {
            self.file(parent, path);
        }
    }

    fn folder(&mut self, folder: &Path, depth: usize) {
        let real = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf());
        if interrupt::requested() || !self.read.insert(real) {
            return;
        }
        if depth > DEEPEST {
            return self.problem(folder, &io::Error::other(format!("lies more than {DEEPEST} folders deep")));
        }
        let (folders, files) = match listed(folder) {
            Ok(listed) => listed,
            Err(error) => return self.problem(folder, &error),
        };
        let has = |name: &str| folders.iter().any(|own| own == name);
        let is_ollama = ollama::is_store(has);
        if is_ollama {
            self.ollama(folder);
        }
        if has(".cache") {
            local_dir::read(self, folder);
        }
        for file in files {
            self.file(folder, &folder.join(file));
        }
        let hub = folders.iter().any(|name| is_repository(Path::new(name))).then(|| Hub::at(folder));
        for name in folders {
            if !(is_ollama && name == "manifests") {
                self.inner(&folder.join(name), hub.as_ref(), depth);
            }
        }
    }

    fn inner(&mut self, path: &Path, hub: Option<&Hub>, depth: usize) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_apart = || fs::canonicalize(path).is_ok_and(|real| self.apart.contains(&real));
        match hub {
            Some(hub) if is_repository(path) => self.repository(path, hub),
            Some(hub) if hub.store.as_deref() == Some(path) => self.shared.push(path.to_path_buf()),
            // What this tool has not finished, locks, trash.
            _ if name == ".modelstrap" || name == ".locks" || is_apart() => {}
            // The marks of a download, which were read with the folder that they lie in.
            _ if name == "download" && path.parent().is_some_and(|up| up.ends_with(".cache/huggingface")) => {}
            _ => self.folder(path, depth + 1),
        }
    }

    fn repository(&mut self, folder: &Path, hub: &Hub) {
        let real = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf());
        if !interrupt::requested() && self.read.insert(real) {
            repository::read(self, folder, hub);
        }
    }

    fn ollama(&mut self, folder: &Path) {
        let read = ollama::read(folder);
        for (path, error) in &read.problems {
            self.problem(path, error);
        }
        let number = self.found.stores.len();
        let mut told = HashSet::new();
        for layer in read.models.iter().flat_map(|model| &model.layers).filter(|layer| told.insert(layer.digest)) {
            let path = ollama::blob(folder, &layer.digest);
            let (digest, size) = (Some(layer.digest), Some(layer.size));
            match Stamp::at(&path) {
                Ok(stamp) if path.is_file() => {
                    let claim = Claim { expected: Expected::Whole(layer.digest), size, by: By::Manifest };
                    self.claim(&path, &stamp, claim, Owner::Ollama(number));
                }
                Err(error) if error.kind() != io::ErrorKind::NotFound => self.problem(&path, &error),
                _ => {
                    let owner = Owner::Ollama(number);
                    self.found.missing.push(Missing { path, owner, digest, size, why: Why::Manifest });
                }
            }
        }
        self.found.stores.push(Store { folder: folder.to_path_buf(), models: read.models });
    }

    /// A file in a folder that is no repository.
    fn file(&mut self, folder: &Path, path: &Path) {
        let own = path.file_name().unwrap_or_default();
        if own.as_encoded_bytes().starts_with(b".") || HOUSEKEEPING.iter().any(|name| own == *name) {
            return;
        }
        let stamp = match Stamp::at(path) {
            Ok(stamp) => stamp,
            Err(error) => return self.problem(path, &error),
        };
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return self.unknown(path, &stamp);
        };
        let parent = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let by_name = |expected| Some(Claim { expected, size: None, by: By::Name });
        let (claim, owner) = match parent {
            "blobs" if name.starts_with("sha256-") => {
                let store = self.found.stores.iter().rposition(|store| folder.parent() == Some(&store.folder));
                let digest = ollama::digest(name).map(Expected::Whole);
                (digest.and_then(by_name), store.map_or(Owner::Checkpoint, Owner::Ollama))
            }
            // Elsewhere the digits may be anything: a training run's commit.
            "checkpoints" if folder.ends_with("hub/checkpoints") => {
                (names::checkpoint(name).and_then(by_name), Owner::Checkpoint)
            }
            // In another folder of that name, somebody may keep models of their own.
            "whisper" if folder == self.whisper || folder.ends_with(".cache/whisper") => match whisper(name) {
                Some((known, file)) => (catalogued(file), Owner::Whisper(known, file)),
                None => (None, Owner::Checkpoint),
            },
            _ => (None, Owner::Checkpoint),
        };
        match claim {
            Some(claim) => self.claim(path, &stamp, claim, owner),
            None => self.unknown(path, &stamp),
        }
    }

    /// What the lock says. A file that is missing is told only where others of a model that this machine should have are here.
    fn lock(&mut self, lock: &Lock, scope: &Scope<'_>) {
        for (model, one) in lock.models.iter().enumerate() {
            let (mut here, mut missing) = (0_usize, Vec::new());
            for (part, whole) in one.parts.iter().enumerate() {
                for (file, entry) in whole.files.iter().enumerate() {
                    let Some(path) = visible(whole, entry, scope.homes) else { continue };
                    let owner = Owner::Locked(Locked { model, part, file });
                    let real = fs::canonicalize(&path);
                    match real.and_then(|real| Stamp::at(&real).map(|stamp| (real, stamp))) {
                        Ok((real, stamp)) => {
                            here += 1;
                            let claim = entry.digest.map(|digest| Claim {
                                expected: Expected::Whole(digest),
                                size: entry.size,
                                by: By::Lock,
                            });
                            if let Some(claim) = claim {
                                self.claim(&real, &stamp, claim, owner);
                            }
                        }
                        Err(error) if error.kind() == io::ErrorKind::NotFound => {
                            let (digest, size) = (entry.digest, entry.size);
                            missing.push(Missing { path, owner, digest, size, why: Why::Locked });
                        }
                        Err(error) => self.problem(&path, &error),
                    }
                }
            }
            match here {
                _ if !scope.wanted.contains(&one.name) => {}
                0 => self.found.notes.push(Note::Absent(model)),
                _ => self.missing_of_lock(missing),
            }
        }
    }

    /// One that its repository told already gets the lock's word for it.
    fn missing_of_lock(&mut self, missing: Vec<Missing>) {
        for one in missing {
            match self.found.missing.iter_mut().find(|known| known.path == one.path) {
                Some(known) => *known = Missing { why: known.why, ..one },
                None => self.found.missing.push(one),
            }
        }
    }

    /// Payloads of shared stores that no link leads to: their names cannot be checked.
    fn stores(&mut self) {
        for store in std::mem::take(&mut self.shared) {
            let shards = self.listed(&store);
            for shard in shards.into_iter().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
                for entry in self.listed(&shard.path()) {
                    let plain = entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_alphanumeric);
                    if let (true, Ok(stamp)) = (plain, Stamp::at(&entry.path())) {
                        self.unknown(&entry.path(), &stamp);
                    }
                }
            }
        }
    }

    fn listed(&mut self, folder: &Path) -> Vec<fs::DirEntry> {
        let listed = fs::read_dir(folder).and_then(Iterator::collect);
        listed.unwrap_or_else(|error| {
            self.problem(folder, &error);
            Vec::new()
        })
    }

    fn sum_up(mut self) -> Collected {
        self.found.contents.close();
        self.found.missing.sort_by(|one, other| one.path.cmp(&other.path));
        self.found
    }
}

/// The names of the folders and of the files in a folder, sorted. Links are other names of what is found where it lies, or lead out.
fn listed(folder: &Path) -> io::Result<(Vec<OsString>, Vec<OsString>)> {
    let (mut folders, mut files) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => folders.push(entry.file_name()),
            Ok(kind) if kind.is_file() => files.push(entry.file_name()),
            _ => {}
        }
    }
    folders.sort_unstable();
    files.sort_unstable();
    Ok((folders, files))
}

fn is_repository(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    [&b"models--"[..], b"datasets--", b"spaces--"]
        .iter()
        .any(|prefix| name.len() > prefix.len() && name.starts_with(prefix))
}

/// The model of openai-whisper that is kept under this name.
fn whisper(name: &str) -> Option<(&'static Known, &'static KnownFile)> {
    let own = catalogue::all().iter().filter(|known| known.reader == "openai-whisper");
    own.flat_map(|known| known.files.iter().map(move |file| (known, file))).find(|(_, file)| file.path == name)
}

fn catalogued(file: &KnownFile) -> Option<Claim> {
    let digest: Digest = file.digest?.parse().ok()?;
    Some(Claim { expected: Expected::Whole(digest), size: file.size, by: By::Catalogue })
}

/// The path under which a program finds a file of the lock; `None` where a name is refused, which `models` says.
fn visible(part: &Part, file: &File, homes: &Homes) -> Option<PathBuf> {
    match &part.place {
        ModelPlace::Hub(place) => {
            hub::place::check(place, std::slice::from_ref(file)).ok()?;
            Some(hub::place::visible(place, file, homes))
        }
        other => sources::visible(other, file, homes).ok().flatten(),
    }
}
