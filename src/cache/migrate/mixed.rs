//! A folder that is a library's home, or several libraries' at once: a script that gives every library one folder for all makes such.
//! What tells whose it is goes last, so that a run that was killed is understood by the next.

use std::ffi::OsStr;
use std::path::Path;

use super::Shape;
use super::notes;
use super::recognise::{Found, Look, folders, holds_repositories, is_repository};

/// Files of the Hub's home that are the user's, and not a cache's.
const LOGINS: [&str; 2] = ["token", "stored_tokens"];

/// Marks that a library or a backup program reads.
const MARKS: [&str; 2] = ["CACHEDIR.TAG", "version.txt"];

/// Whose home a folder is, by its name and by what lies in it.
#[derive(Debug)]
pub(super) struct Whose {
    /// Repositories lie in the folder itself.
    is_hub: bool,
    /// It is the Hub's.
    huggingface: bool,
    /// It is torch's.
    torch: bool,
}

impl Whose {
    pub(super) fn of(path: &Path) -> Self {
        let is_hub = holds_repositories(path);
        let (name, hub) = (path.file_name().unwrap_or_default(), path.join("hub"));
        // A link there leads into the cache: it was left for others.
        let hub = hub.symlink_metadata().is_ok_and(|found| found.is_dir()).then_some(hub);
        Self {
            is_hub,
            huggingface: is_hub || name == "huggingface" || hub.as_deref().is_some_and(holds_repositories),
            torch: name == "torch" || hub.as_deref().is_some_and(holds_torch),
        }
    }

    pub(super) const fn is_known(&self) -> bool {
        self.huggingface || self.torch
    }
}

impl Look<'_> {
    /// The parts of the folder at `path`, which is a home.
    pub(super) fn mixed(&mut self, path: &Path, place: &Path, depth: usize, whose: &Whose) {
        self.files(path, place);
        let (hub, others): (Vec<_>, Vec<_>) = folders(path).into_iter().partition(|name| name == "hub");
        for name in others.iter().filter(|name| !(whose.is_hub && is_repository(name))) {
            self.in_home(&path.join(name), place, depth, whose);
        }
        for name in hub {
            self.hub_of_either(&path.join(name), place, depth, whose);
        }
        if whose.is_hub {
            self.part(path, self.targets.hub.clone(), Shape::Hub, place);
        }
        for login in LOGINS.iter().map(|name| path.join(name)).filter(|_| whose.huggingface) {
            if login.symlink_metadata().is_ok() {
                self.stay(&login, "is the login, which stays with the user");
            }
        }
    }

    /// A folder beside the hub.
    fn in_home(&mut self, path: &Path, place: &Path, depth: usize, whose: &Whose) {
        let name = path.file_name().unwrap_or_default();
        let is = |known: &[&str]| known.iter().any(|known| name == *known);
        if whose.huggingface && is(&["datasets", "modules", "assets", "xet"]) {
            self.part(path, self.targets.hf_home.join(name), Shape::Tree, place);
        } else if whose.torch && is(&["kernels", "datasets"]) {
            self.part(path, self.targets.torch.join(name), Shape::Tree, place);
        } else if whose.huggingface && name == "accelerate" && !notes::is_local(path) {
            self.stay(path, "holds settings of this user, and no models");
        } else if !(whose.huggingface && is(&[".locks", ".modelstrap", "blobs"])) {
            self.stranger(path, place, depth, whose);
        }
    }

    /// `hub` is what both call it: the Hub's client in its home, and torch.
    fn hub_of_either(&mut self, path: &Path, place: &Path, depth: usize, whose: &Whose) {
        if !holds_repositories(path) {
            if whose.torch {
                self.part(path, self.targets.torch.join("hub"), Shape::Tree, place);
            } else {
                self.part(path, self.targets.hub.clone(), Shape::Hub, place);
            }
            return;
        }
        for name in folders(path).iter().filter(|name| !is_repository(name)) {
            let at = path.join(name);
            if is_torch(&at) {
                self.part(&at, self.targets.torch.join("hub").join(name), Shape::Tree, place);
            } else if name != ".locks" && name != "blobs" {
                self.stranger(&at, place, depth + 1, whose);
            }
        }
        self.files(path, place);
        self.part(path, self.targets.hub.clone(), Shape::Hub, place);
    }

    /// A folder that no library has in its home: it may hold one's all the same. Where it holds none that is said once.
    fn stranger(&mut self, path: &Path, place: &Path, depth: usize, whose: &Whose) {
        let before = std::mem::take(&mut self.found);
        self.folder(path, place, depth + 1);
        let found = std::mem::replace(&mut self.found, before);
        // A root that is looked at below is what `local_dir=` made.
        if found.parts.is_empty() && found.roots.is_empty() && self.own.whose(path).is_none() {
            self.stay(
                path,
                match (whose.huggingface, whose.torch) {
                    (true, false) => "is no part of the Hub's home that is known",
                    (false, true) => "is no part of torch's home that is known",
                    _ => "is of no library that is known",
                },
            );
            return;
        }
        let Found { mut parts, stays, roots, .. } = found;
        parts.retain(|part| self.found.is_new(part));
        self.found.parts.extend(parts);
        self.found.stays.extend(stays);
        self.found.roots.extend(roots);
    }
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
    path.file_name().is_some_and(|name| name == "checkpoints") || path.join("hubconf.py").is_file()
}
