//! A folder that is a library's home, or several libraries' at once: a script that gives every library one folder for all makes such.
//! What tells whose it is goes last, so that a run that was killed is understood by the next.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::Shape;
use super::recognise::{LOCKS, Look, folders, holds_store, is_hub, is_repository};
use super::tree::TORCH;

/// Files of the Hub's home that are the user's, and not a cache's.
const LOGINS: [&str; 2] = ["token", "stored_tokens"];

/// Marks that a library or a backup program reads.
const MARKS: [&str; 2] = ["CACHEDIR.TAG", "version.txt"];

/// Whose home a folder is, by its name and by what lies in it.
#[derive(Debug)]
pub(super) struct Whose {
    /// By its name it is one library's.
    name: Name,
    /// Repositories lie in it, or in the hub in it.
    huggingface: bool,
    /// Something of torch lies in the hub in it.
    torch: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Name {
    Huggingface,
    Torch,
    Whisper,
    Other,
}

impl Whose {
    pub(super) fn of(path: &Path) -> Self {
        let hub = path.join("hub");
        // A link there leads into the cache: it was left for others.
        let hub = hub.symlink_metadata().is_ok_and(|found| found.is_dir()).then_some(hub);
        Self {
            name: match path.file_name().and_then(OsStr::to_str) {
                Some("huggingface") => Name::Huggingface,
                Some("torch") => Name::Torch,
                Some("whisper") => Name::Whisper,
                _ => Name::Other,
            },
            huggingface: is_hub(path) || hub.as_deref().is_some_and(is_hub),
            torch: hub.as_deref().is_some_and(holds_torch),
        }
    }

    pub(super) fn is_named(&self) -> bool {
        self.name != Name::Other
    }

    /// Whether a folder beside the hub that has this name is the Hub's client's. A folder that is called torch's has its own
    /// `datasets`, whatever else lies in it.
    fn has_of_huggingface(&self, name: &OsStr) -> bool {
        let is = |known: &[&str]| known.iter().any(|known| name == *known);
        match self.name {
            Name::Huggingface => is(&["datasets", "modules", "assets", "xet"]),
            Name::Torch => self.huggingface && is(&["modules", "assets", "xet"]),
            Name::Whisper | Name::Other => self.huggingface && is(&["datasets", "modules", "assets", "xet"]),
        }
    }

    /// The same for torch. Whose `datasets` are where only what lies beside them could say it, nobody knows.
    fn has_of_torch(&self, name: &OsStr) -> bool {
        name == "kernels" && (self.torch || self.name == Name::Torch) || name == "datasets" && self.name == Name::Torch
    }
}

impl Look<'_> {
    /// The parts of the folder at `path`, which may be a home.
    pub(super) fn home(&mut self, path: &Path, place: &Path, depth: usize, whose: &Whose) {
        let names = folders(path);
        if whose.name == Name::Whisper {
            // It keeps files alone.
            self.rest_but(names.clone(), path, &self.targets.whisper, place);
        } else {
            self.files(path, place);
        }
        let (hub, others): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| name == "hub");
        for name in others.iter().filter(|name| !is_of_a_hub(path, name)) {
            let at = path.join(name);
            if whose.has_of_huggingface(name) {
                self.rest(&at, &self.targets.hf_home.join(name), place);
            } else if whose.has_of_torch(name) {
                self.rest(&at, &self.targets.torch.join(name), place);
            } else if whose.name == Name::Huggingface && name == "accelerate" {
                self.settings(&at, place, depth);
            } else {
                self.stranger(&at, place, depth);
            }
        }
        for name in hub {
            self.hub_of_either(&path.join(name), place, depth, whose);
        }
        self.hub_part(path, place);
        self.logins(path);
    }

    /// `hub` is what both call it: the Hub's client in its home, and torch.
    fn hub_of_either(&mut self, path: &Path, place: &Path, depth: usize, whose: &Whose) {
        if whose.name == Name::Torch {
            self.rest(path, &self.targets.torch.join("hub"), place);
            return;
        }
        for name in folders(path).iter().filter(|name| !is_of_a_hub(path, name)) {
            let at = path.join(name);
            if is_torch(&at) {
                self.rest(&at, &self.targets.torch.join("hub").join(name), place);
            } else {
                self.stranger(&at, place, depth + 1);
            }
        }
        self.files(path, place);
        self.part(path, self.targets.hub.clone(), Shape::Hub, place);
    }

    /// A folder of which a library's name says that all of it is that library's, but for repositories of the Hub.
    pub(super) fn rest(&mut self, path: &Path, home: &Path, place: &Path) {
        let hubs = folders(path).into_iter().filter(|name| is_of_a_hub(path, name)).collect();
        self.rest_but(hubs, path, home, place);
        self.hub_part(path, place);
        self.logins(path);
    }

    fn rest_but(&mut self, mut others: Vec<OsString>, path: &Path, home: &Path, place: &Path) {
        others.extend(LOGINS.map(OsString::from));
        self.part(path, home.to_path_buf(), Shape::Tree(others), place);
    }

    fn logins(&mut self, path: &Path) {
        for login in LOGINS.iter().map(|name| path.join(name)) {
            if login.symlink_metadata().is_ok() {
                self.stay(&login, "is the login, which stays with the user");
            }
        }
    }

    /// The repositories in `path` itself, or what is left of a hub there.
    pub(super) fn hub_part(&mut self, path: &Path, place: &Path) {
        if is_hub(path) {
            self.part(path, self.targets.hub.clone(), Shape::Hub, place);
        }
    }

    /// What accelerate keeps in the Hub's home.
    fn settings(&mut self, path: &Path, place: &Path, depth: usize) {
        let before = self.found.unknown.len();
        self.stranger(path, place, depth);
        if self.found.unknown.len() > before {
            self.found.unknown.truncate(before);
            self.stay(path, "holds settings of this user, and no models");
        }
    }

    /// A folder that no library has in its home: it may hold one's all the same. How many files of it are nobody's is said in one sum.
    fn stranger(&mut self, path: &Path, place: &Path, depth: usize) {
        let before = self.found.unknown.len();
        self.folder(path, place, depth + 1);
        let count: usize = self.found.unknown.drain(before..).map(|(_, count)| count).sum();
        if count > 0 {
            self.found.unknown.push((path.to_path_buf(), count));
        }
    }
}

/// Whether a folder of this name in `path` is a hub's, or this tool's own: what moves there is said by the hub.
fn is_of_a_hub(path: &Path, name: &OsStr) -> bool {
    is_repository(name) || name == LOCKS || name == ".modelstrap" || name == "blobs" && holds_store(path)
}

/// Whether anything lies in `path` that is no hub's.
pub(super) fn holds_others(path: &Path) -> bool {
    let entries = std::fs::read_dir(path).into_iter().flatten().filter_map(Result::ok);
    let mut names = entries.map(|entry| entry.file_name());
    names.any(|name| !is_of_a_hub(path, &name) && !is_said_elsewhere(&name))
}

/// Whether it is said of a file apart from those around it, or goes without saying.
pub(super) fn is_said_elsewhere(name: &OsStr) -> bool {
    LOGINS.iter().chain(&MARKS).any(|known| name == *known)
}

/// Whether something of torch lies in a folder that is called `hub`.
fn holds_torch(hub: &Path) -> bool {
    folders(hub).iter().any(|name| is_torch(&hub.join(name)))
}

/// Whether torch makes such a folder in its hub: weights, or the files of a repository of GitHub.
fn is_torch(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "checkpoints") || path.join(TORCH).is_file()
}
