//! What a folder is, by what lies in it and what it is called: a hub, a library's home, what `local_dir=` made, or none of these.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::mixed::{Whose, is_said_elsewhere};
use super::notes;
use super::owners::Owners;
use super::store::MARKER;
use super::tree::{TRUST, TRUSTS};
use super::work::{Stay, UNFINISHED, is_unfinished};
use super::{Part, Shape, Targets, is_one_place};
use crate::cache::ollama;
use crate::cache::others::Own;
use crate::catalogue::models;
use crate::support::units;

/// Folders in folders of an unknown kind are looked into so deep.
const DEEPEST: usize = 8;

/// Where a hub keeps the locks of its repositories.
pub(super) const LOCKS: &str = ".locks";

/// Why Ollama's models stay.
pub(super) const OLLAMA: &str = "is Ollama's store, which has an order of its own and serves every project: \
                                 OLLAMA_MODELS, in the server's environment, says where it is";

/// What was found in places, and what stays of them.
#[derive(Debug, Default)]
pub struct Found {
    /// What moves.
    pub parts: Vec<Part>,
    /// What stays.
    pub stays: Vec<Stay>,
    /// The places that were looked at: what a killed run left in them goes with the next.
    pub roots: Vec<PathBuf>,
    /// Folders beside such places, in which only its own unfinished links can lie.
    pub beside: Vec<PathBuf>,
    /// How many files of no known library lie in a folder.
    pub(super) unknown: Vec<(PathBuf, usize)>,
}

impl Found {
    /// Whether no such part of the same folder is known yet, found in whichever place.
    pub(super) fn is_new(&self, part: &Part) -> bool {
        !self.parts.iter().any(|known| known.from == part.from && known.shape == part.shape)
    }
}

/// Looks into places.
pub(super) struct Look<'a> {
    pub(super) targets: &'a Targets,
    pub(super) owners: &'a Owners,
    pub(super) own: &'a Own,
    /// The repository that a person named for what `local_dir=` made.
    pub(super) repository: Option<&'a str>,
    /// Why none of its files is known, and whether that is an error, where none is.
    pub(super) unknown: Option<&'a (String, bool)>,
    /// Why the project's lock cannot be read.
    pub(super) unread: Option<&'a str>,
    pub(super) found: Found,
}

impl Look<'_> {
    /// The folder at `path`, which lies in `place`.
    ///
    /// Each part of it is judged by itself, and never by what lies beside it and may be gone when this is asked again: what a first
    /// run left, a second one must not take for something else. Only names of folders say what all of a folder is.
    pub(super) fn folder(&mut self, path: &Path, place: &Path, depth: usize) {
        if depth == 0 {
            self.found.roots.push(path.to_path_buf());
        }
        if let Err(error) = std::fs::read_dir(path)
            && self.tell_denied(path, &error)
        {
            return;
        }
        let folders = folders(path);
        let has = |name: &str| folders.iter().any(|folder| folder == name);
        let whose = Whose::of(path);
        if depth > 0 && self.own.whose(path).is_some() {
            self.stay(path, "is another project's cache");
        } else if notes::is_local(path) {
            self.local(path, place);
        } else if let Some(name) = path.file_name().filter(|name| is_repository(name)) {
            self.part(path, self.targets.hub.join(name), Shape::Repository, place);
        } else if let Some(repository) =
            self.repository.filter(|_| depth == 0 && !is_hub(path) && !holds_known(path, 0))
        {
            self.unnoted(path, place, repository);
        } else if ollama::is_store(has) && !whose.is_named() && !holds_store(path) {
            self.stay(path, OLLAMA);
            self.hub_part(path, place);
        } else if depth >= DEEPEST {
            self.stay(path, "lies too deep");
        } else {
            self.home(path, place, depth, &whose);
        }
        if depth == 0 {
            self.tell_unknown();
        }
    }

    /// Names the folders in which files of no known library lie, and how many.
    fn tell_unknown(&mut self) {
        for (path, count) in std::mem::take(&mut self.found.unknown) {
            let why = format!("{} in it: nothing says which library reads them", units::count(count, "file"));
            self.stay(&path, &why);
        }
    }

    /// What `local_dir=` made.
    pub(super) fn local(&mut self, path: &Path, place: &Path) {
        self.found.roots.push(path.to_path_buf());
        if notes::is_spent(path) {
            return;
        }
        let commits = notes::commits(path);
        if commits.is_empty() {
            self.stay(path, &notes::without_any(path));
            return;
        }
        let folders = match self.repository {
            Some(folder) => vec![folder.to_owned()],
            None => self.owners.folders(&commits),
        };
        match folders.as_slice() {
            [folder] => self.part(path, self.targets.hub.join(folder), Shape::Local, place),
            [] => {
                let unread = self.unread.map(|why| format!(" ({why})")).unwrap_or_default();
                let why = "comes from the Hub, and nothing here says from which repository";
                self.stay(path, &format!("{why}{unread}: name it with --repo ORG/NAME"));
            }
            several => {
                let why = format!("may be of {}: say of which with --repo ORG/NAME", several.join(" or "));
                self.stay(path, &why);
            }
        }
    }

    /// A folder that somebody says is of `repository`, without notes of the client.
    fn unnoted(&mut self, path: &Path, place: &Path, repository: &str) {
        match self.unknown {
            Some((why, grave)) => {
                self.found.stays.push(Stay { path: path.to_path_buf(), why: why.clone(), grave: *grave });
            }
            None => self.part(path, self.targets.hub.join(repository), Shape::Proven, place),
        }
    }

    /// Files that have a name by which a library asks for them, and the size of what it asks for.
    pub(super) fn files(&mut self, path: &Path, place: &Path) {
        let (mut whisper, mut torch, mut others) = (Vec::new(), Vec::new(), 0_usize);
        for entry in std::fs::read_dir(path).into_iter().flatten().filter_map(Result::ok) {
            // A link to a file may be one that `dedupe` put in its place.
            let found = match std::fs::metadata(entry.path()) {
                Ok(found) => found,
                Err(error) => {
                    if entry.file_type().is_ok_and(|kind| kind.is_file()) {
                        self.tell_denied(path, &error);
                    }
                    continue;
                }
            };
            if !found.is_file() || is_said_elsewhere(&entry.file_name()) {
                continue;
            }
            let name = entry.file_name();
            match name.to_str().and_then(|name| reader(name, found.len())) {
                Some("openai-whisper") => whisper.push(name),
                Some("torchaudio") => torch.push(name),
                _ if !entry.file_type().is_ok_and(|kind| kind.is_file()) => {}
                // Said as where a library's folder holds it: what told whose that is may have gone.
                _ if is_unfinished(&name) => self.stay(&entry.path(), UNFINISHED),
                _ if TRUST.iter().any(|trust| name == *trust) => self.stay(&entry.path(), TRUSTS),
                _ => others += 1,
            }
        }
        for (mut names, target) in
            [(whisper, self.targets.whisper.clone()), (torch, self.targets.torch.join("hub/checkpoints"))]
        {
            if !names.is_empty() {
                names.sort_unstable();
                self.part(path, target, Shape::Files(names), place);
            }
        }
        if others > 0 {
            self.found.unknown.push((path.to_path_buf(), others));
        }
    }

    /// A part, unless it lies at its target already.
    pub(super) fn part(&mut self, from: &Path, to: PathBuf, shape: Shape, place: &Path) {
        let is_inside = matches!(shape, Shape::Tree(_)) && (to.starts_with(from) || from.starts_with(&to));
        if is_one_place(from, &to) || is_inside {
            return;
        }
        let part = Part::found(from, to, shape, place, &self.targets.root);
        if self.found.is_new(&part) {
            self.found.parts.push(part);
        }
    }

    pub(super) fn stay(&mut self, path: &Path, why: &str) {
        self.keep(Stay { path: path.to_path_buf(), why: why.to_owned(), grave: false });
    }

    /// Names the folder at `path` where its rights keep this user out of it; whether they do.
    fn tell_denied(&mut self, path: &Path, error: &std::io::Error) -> bool {
        let is_denied = error.kind() == std::io::ErrorKind::PermissionDenied;
        if is_denied {
            self.keep(Stay { path: path.to_path_buf(), why: error.to_string(), grave: true });
        }
        is_denied
    }

    fn keep(&mut self, stay: Stay) {
        if !self.found.stays.contains(&stay) {
            self.found.stays.push(stay);
        }
    }
}

/// The folders in `path`, sorted; links are none.
pub(super) fn folders(path: &Path) -> Vec<OsString> {
    let entries = std::fs::read_dir(path).into_iter().flatten().filter_map(Result::ok);
    let mut names: Vec<OsString> = entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.file_name())
        .collect();
    names.sort_unstable();
    names
}

/// Whether `path` is a hub: repositories lie in it, or what a run that was killed leaves of one when the last of them has gone.
pub(super) fn is_hub(path: &Path) -> bool {
    holds_repositories(path) || holds_store(path) || holds_locks(path)
}

/// Whether the store that a hub's repositories share lies in `path`.
pub(super) fn holds_store(path: &Path) -> bool {
    path.join("blobs").join(MARKER).symlink_metadata().is_ok_and(|found| found.is_file())
}

/// Whether the locks of a hub's repositories lie in `path`.
fn holds_locks(path: &Path) -> bool {
    folders(path).iter().any(|name| name == LOCKS) && folders(&path.join(LOCKS)).iter().any(|name| is_repository(name))
}

/// Whether repositories of the Hub lie in `path` itself.
pub(super) fn holds_repositories(path: &Path) -> bool {
    // There lie the locks of repositories, in folders of the same names.
    if path.file_name().is_some_and(|name| name == LOCKS) {
        return false;
    }
    folders(path).iter().any(|name| is_repository(name))
}

/// Whether something in `path` says itself what it is: a hub, or what `local_dir=` made.
fn holds_known(path: &Path, depth: usize) -> bool {
    let is_known = |path: &Path| notes::is_local(path) || is_hub(path);
    folders(path).iter().map(|name| path.join(name)).any(|path| {
        is_known(&path)
            || (depth < DEEPEST && path.file_name().is_some_and(|name| name != ".git") && holds_known(&path, depth + 1))
    })
}

/// Whether a folder of this name is a repository's.
pub(super) fn is_repository(name: &std::ffi::OsStr) -> bool {
    let name = name.as_encoded_bytes();
    [&b"models--"[..], b"datasets--", b"spaces--"]
        .iter()
        .any(|prefix| name.len() > prefix.len() && name.starts_with(prefix))
}

/// Who reads a file of this name and size, by the catalogue of well-known models.
fn reader(name: &str, size: u64) -> Option<&'static str> {
    models::all().iter().find_map(|known| {
        let file = known.files.iter().find(|file| file.path.rsplit('/').next() == Some(name))?;
        (file.size.is_none_or(|expected| expected == size)).then(|| known.spec.split(':').next()).flatten()
    })
}
