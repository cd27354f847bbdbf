//! What is to be moved: the libraries' default places, folders of an earlier layout, a hub split in two, what lies in the project.

use std::collections::{HashSet, VecDeque};
use std::path::{Path, PathBuf};

use super::mixed::holds_others;
use super::notes;
use super::owners::Owners;
pub use super::recognise::Found;
use super::recognise::{Look, OLLAMA, folders, holds_store, is_hub, is_repository};
use super::{Shape, Targets};
use crate::cache::hollow::is_bare_but;
use crate::cache::ollama;
use crate::cache::others::{Led, Own};
use crate::cache::places::{Kind, Place};
use crate::project::root::MANIFEST;
use crate::support::paths;

/// How many folders of a project are looked at.
const LIMIT: usize = 5_000;

/// Why a library's default place stays.
const UNLED: &str = "this project's variables do not lead its library into the cache";

/// Why what no folder of the cache is for stays.
const ORDERED: &str = "keeps its files in an order of its own: its library's own variable says where it looks";

/// Why nothing is taken from there.
const LED: &str = "leads into another project's cache";

/// What a search starts from.
#[derive(Debug)]
pub struct Search<'a> {
    /// Where things belong.
    pub targets: &'a Targets,
    /// The project's folder.
    pub project: &'a Path,
    /// The user's home, which is never moved.
    pub home: Option<&'a Path>,
    /// Every place of the project.
    pub places: &'a [Place],
    /// What would be a place, and leads into another project's cache.
    pub led: &'a [Led],
    /// By what other projects' caches are known.
    pub own: &'a Own,
    /// Which repository a commit is of.
    pub owners: &'a Owners,
    /// The folder of the repository that a person named, `models--org--name`.
    pub repository: Option<&'a str>,
    /// Why none of its files is known, and whether that is an error, where none is.
    pub unknown: Option<&'a (String, bool)>,
    /// Why the project's lock cannot be read.
    pub unread: Option<&'a str>,
    /// Libraries: where each puts things when nothing is set, where its home in the cache root is, and whether the project's
    /// variables lead it there.
    pub libraries: &'a [(PathBuf, PathBuf, bool)],
}

impl<'a> Search<'a> {
    /// Everything that belongs into the cache and lies elsewhere.
    pub fn all(&self) -> Found {
        let mut look = self.look();
        self.in_project(self.project, &mut look);
        for place in self.places {
            match &place.kind {
                Kind::Legacy if place.path.is_dir() => self.legacy(place, &mut look),
                Kind::Stray { .. } => self.stray(&place.path, &mut look),
                Kind::Shell { variable } => look.stay(&place.path, &self.of_the_shell(variable, &place.path)),
                Kind::Home | Kind::Application { .. } | Kind::Legacy => {}
            }
        }
        self.led.iter().for_each(|led| look.stay(&led.path, LED));
        self.split(&mut look);
        let legacy = self.places.iter().filter(|place| place.kind == Kind::Legacy).map(|place| place.path.as_path());
        let defaults = self.libraries.iter().map(|(at, ..)| at.as_path());
        let beside = legacy.chain(defaults).filter_map(Path::parent).chain([self.project]);
        look.found.beside = beside.map(Path::to_path_buf).chain(self.candidates()).collect();
        look.found.beside.sort_unstable();
        look.found.beside.dedup();
        let mut others = self.own.others();
        look.found.beside.retain(|path| others.other(path).is_none());
        ordered(look.found)
    }

    /// What is in the folder at `path`, which a person named.
    ///
    /// # Errors
    /// Why it is none that can be moved.
    pub fn of(&self, path: &Path) -> Result<Found, String> {
        if !path.is_dir() {
            return Err("is no folder".to_owned());
        }
        if let Some(held) = self.held(path) {
            return Err(format!("holds {held}: name a folder in it"));
        }
        let mut look = self.look();
        if self.own.led(path).is_some() {
            look.stay(path, LED);
            return Ok(look.found);
        }
        if self.libraries.iter().any(|(at, ..)| at == path) {
            // What a script put there is found as without the name.
            if path.starts_with(self.project) {
                self.in_project(path, &mut look);
            }
            self.library(path, true, &mut look);
        } else {
            look.folder(path, path, 0);
        }
        Ok(ordered(look.found))
    }

    fn look(&self) -> Look<'a> {
        Look {
            targets: self.targets,
            owners: self.owners,
            own: self.own,
            repository: self.repository,
            unknown: self.unknown,
            unread: self.unread,
            found: Found::default(),
        }
    }

    /// What must not be moved, if it lies in `path`.
    fn held(&self, path: &Path) -> Option<&'static str> {
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        let path = real(path);
        let within = |inner: &Path| real(inner).starts_with(&path);
        let root = self.targets.root.as_path();
        if within(self.project) {
            Some("the project")
        } else if self.home.is_some_and(within) {
            Some("the home folder")
        } else if within(root) {
            Some("the cache itself")
        } else {
            None
        }
    }

    /// A folder of an earlier layout. One in the project that is a link out of it may lead anywhere: a manifest comes with a clone.
    fn legacy(&self, place: &Place, look: &mut Look<'_>) {
        let project = self.project.canonicalize().unwrap_or_else(|_| self.project.to_path_buf());
        if let Some(held) = self.held(&place.path) {
            look.stay(&place.path, &format!("holds {held}"));
        } else if place.path.starts_with(self.project) && !place.real.starts_with(&project) {
            look.stay(&place.path, "leads out of the project: name the folder itself");
        } else {
            look.folder(&place.path, &place.path, 0);
        }
    }

    /// Why what a variable of the shell leads to stays, and how it moves.
    fn of_the_shell(&self, variable: &str, path: &Path) -> String {
        let path = paths::friendly(self.project, self.home, path);
        format!(
            "{variable} of this shell leads there, for other projects as well, perhaps: `modelstrap migrate {path}` moves it"
        )
    }

    fn stray(&self, path: &Path, look: &mut Look<'_>) {
        if self.held(path).is_some() {
            return;
        }
        if self.libraries.iter().any(|(at, ..)| at == path) {
            self.library(path, false, look);
        } else if !look.found.parts.iter().any(|part| path.starts_with(&part.from) && part.shape != Shape::Hub) {
            look.folder(path, path, 0);
        }
    }

    /// A library's default place. One whose library this project does not lead into the cache stays, unless a person named it.
    fn library(&self, path: &Path, named: bool, look: &mut Look<'_>) {
        let known =
            ["huggingface", "torch", "whisper"].iter().any(|known| path.file_name().is_some_and(|name| name == *known));
        let of_path = || self.libraries.iter().filter(|(at, ..)| at == path);
        let led = |(_, _, led): &&(PathBuf, PathBuf, bool)| *led || named;
        let home = of_path().filter(led).map(|(_, home, _)| home).find(|home| !home.as_os_str().is_empty());
        if ollama::is_store(|name| path.join(name).is_dir()) && !holds_store(path) {
            look.stay(path, OLLAMA);
        } else if !known && of_path().all(|(_, home, _)| home.as_os_str().is_empty()) {
            if !is_hub(path) || holds_others(path) {
                leave(path, ORDERED, look);
            }
            if of_path().any(|place| led(&place)) {
                look.hub_part(path, path);
            } else if is_hub(path) {
                leave(path, UNLED, look);
            }
        } else if !of_path().any(|place| led(&place)) {
            leave(path, UNLED, look);
        } else if known {
            look.folder(path, path, 0);
        } else if let Some(home) = home {
            look.rest(path, home, path);
        } else {
            leave(path, UNLED, look);
        }
    }

    /// Hubs in the cache root that are not the hub: `TRANSFORMERS_CACHE=$HF_HOME`, `cache_dir=.cache`.
    fn split(&self, look: &mut Look<'_>) {
        for hub in self.candidates().into_iter().filter(|path| is_hub(path)) {
            look.part(&hub, self.targets.hub.clone(), Shape::Hub, &hub);
        }
    }

    /// Folders of the cache in which a client may have put repositories.
    fn candidates(&self) -> Vec<PathBuf> {
        let root = &self.targets.root;
        let mut at = vec![root.clone(), self.targets.hf_home.clone()];
        for folder in folders(root).into_iter().filter(|name| name != ".modelstrap") {
            let folder = root.join(folder);
            at.extend(folders(&folder).into_iter().map(|name| folder.join(name)));
            at.push(folder);
        }
        at
    }

    /// What scripts left in `start`, which is the project or a folder of it: `local_dir=` and `cache_dir=` folders, and a folder that is
    /// called `~` since nobody expanded it.
    fn in_project(&self, start: &Path, look: &mut Look<'_>) {
        let mut waiting = VecDeque::from([start.to_path_buf()]);
        let mut left = LIMIT;
        while let Some(folder) = waiting.pop_front() {
            let Some(rest) = left.checked_sub(1) else { return };
            left = rest;
            if folder != self.project && notes::is_local(&folder) {
                look.local(&folder, &folder);
                continue;
            }
            // What else lies there is the project's: a script that names a folder puts repositories beside it.
            if folder != self.project && is_hub(&folder) {
                look.found.roots.push(folder.clone());
                look.part(&folder, self.targets.hub.clone(), Shape::Hub, &folder);
            }
            for name in folders(&folder).into_iter().filter(|name| folder == self.project || !is_repository(name)) {
                let path = folder.join(&name);
                if name == "~" && folder == self.project {
                    look.folder(&path, &path, 0);
                } else if !self.is_foreign(&path) {
                    waiting.push_back(path);
                }
            }
        }
    }

    fn is_foreign(&self, path: &Path) -> bool {
        const SKIPPED: [&str; 6] = ["node_modules", "site-packages", "target", "venv", "env", "__pycache__"];
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with('.')
            || SKIPPED.contains(&&*name)
            || path == self.targets.root
            || path.join("pyvenv.cfg").exists()
            // Another project's, which is for itself.
            || path.join(MANIFEST).is_file()
            || self
                .places
                .iter()
                .any(|place| place.path == path && matches!(place.kind, Kind::Application { .. } | Kind::Legacy))
    }
}

/// Says why a library's place stays, where anything is in it that is not said by itself.
fn leave(path: &Path, why: &str, look: &mut Look<'_>) {
    let Found { parts, stays, roots, .. } = &look.found;
    let known = parts.iter().map(|part| &part.from).chain(stays.iter().map(|stay| &stay.path)).chain(roots);
    let known: HashSet<&Path> = known.map(PathBuf::as_path).collect();
    // What `local_dir=` made of the place itself has said what stays.
    let is_said = notes::is_local(path) && known.contains(path);
    if !is_said && !is_bare_but(path, |below| known.contains(below)) {
        look.stay(path, why);
    }
}

/// What `local_dir=` made comes first: a branch that names its commit may lie in a hub that moves after it.
fn ordered(mut found: Found) -> Found {
    found.parts.sort_by_key(|part| part.shape != Shape::Local);
    found
}
