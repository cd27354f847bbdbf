//! In which places a project may have things deleted. A manifest and links come with a clone, and whoever made it must not choose
//! among a person's own folders: what lies outside of the project and its cache must say itself that it is a cache.

use std::fs;
use std::path::{Path, PathBuf};

use super::others::Own;
use super::places::{Kind, Place};
use super::remove::{is_in_git, is_repository, is_tagged};
use crate::support::{escape, paths};

/// What is said of a library's home that leads elsewhere and is none.
pub const NO_CACHE: &str = "which is no cache: it is left alone";

/// What is said of one that leads into `~/.cache`: a link that came with a clone must not clear what every project of a person uses.
pub const EVERYBODYS: &str = "where programs of every project keep theirs: it is left alone";

/// This tool's own folder.
const OWN: &str = ".modelstrap";

/// A place in which nothing is deleted, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distrusted {
    /// The place.
    pub place: Place,
    /// Why, for a person: what is wrong with it.
    pub why: String,
}

/// What decides over places.
#[derive(Debug)]
pub struct Trust {
    /// The project's folder, as it is called, and with links followed.
    project: (PathBuf, PathBuf),
    /// The cache root, likewise.
    root: (PathBuf, PathBuf),
    /// Whether the cache root lies in the project, or says itself that it is a cache.
    root_counts: bool,
    /// The home folder, links followed.
    home: Option<PathBuf>,
    /// The libraries' homes, links followed.
    libraries: Vec<PathBuf>,
    /// By what other projects' caches are known.
    own: Own,
}

impl Trust {
    /// Of the project at `project`, whose libraries keep their models in `libraries`.
    pub fn of(project: &Path, cache_root: &Path, home: Option<&Path>, libraries: &[PathBuf]) -> Self {
        let both = |path: &Path| (path.to_path_buf(), real(path));
        let (project, root) = (both(project), both(cache_root));
        let root_counts = root.1.starts_with(&project.1) || is_tagged(&root.1);
        let libraries = libraries.iter().map(|path| real(path)).collect();
        let own = Own::new(cache_root, &project.0);
        Self { project, root, root_counts, home: home.map(real), libraries, own }
    }

    /// Where the cache root leads, if it is called as a folder of the project, and is a link (or lies behind one) to a folder outside
    /// that does not say that it is a cache: then nothing is brought there either.
    pub fn root_leads_out(&self) -> Option<&Path> {
        let (called, real) = (&self.root.0, &self.root.1);
        (called.starts_with(&self.project.0) && !self.root_counts).then_some(real.as_path())
    }

    /// Those of `places` in which nothing is deleted.
    pub fn distrusted(&self, places: &[Place]) -> Vec<Distrusted> {
        let found = places.iter().filter_map(|place| {
            let why = match place.kind {
                Kind::Application { .. } => self.application(place),
                Kind::Home => self.library(place),
                // Only who names a path there deletes in them.
                Kind::Stray { .. } | Kind::Shell { .. } | Kind::Legacy => None,
            };
            why.map(|why| Distrusted { place: place.clone(), why })
        });
        found.collect()
    }

    /// Why nothing is deleted in an application cache.
    fn application(&self, place: &Place) -> Option<String> {
        let real = &place.real;
        if !real.exists() {
            return None;
        }
        let why = self.no_application(real)?;
        let plain = place.path.strip_prefix(&self.project.0).map(|inside| self.project.1.join(inside));
        let shown = escape::path(&place.path);
        Some(match plain.is_ok_and(|plain| plain != *real) {
            true => format!("{shown} leads to {}, which {why}", escape::path(real)),
            false => format!("{shown} {why}"),
        })
    }

    fn no_application(&self, real: &Path) -> Option<&'static str> {
        if is_in_git(real) {
            return Some("is or lies in a Git repository");
        }
        if real.components().any(|part| part.as_os_str() == OWN) {
            return Some("is modelstrap's own");
        }
        let in_root = self.root_counts && real.starts_with(&self.root.1);
        if !in_root && !real.starts_with(&self.project.1) {
            return Some("lies outside of the project and its cache");
        }
        if self.root.1.starts_with(real) {
            return Some("is or holds the cache root");
        }
        if self.libraries.iter().any(|library| real.starts_with(library) || library.starts_with(real)) {
            return Some("is, holds or lies in the home of a library: what is there goes by the library's own rules");
        }
        let inner = real.ancestors().take_while(|above| *above != self.project.1 && *above != self.root.1);
        for above in inner {
            if is_repository(above.file_name().unwrap_or_default()) || holds_repositories(above) {
                return Some("is or lies in a hub");
            }
            if above.join(OWN).join("projects").is_dir() {
                return Some("is or lies in another cache");
            }
        }
        None
    }

    /// Why nothing is deleted in a library's home. What another project's cache holds is that project's, whoever made the link.
    /// Beyond that only one that the project names, and that leads elsewhere, is asked: a cache root elsewhere is a person's own.
    fn library(&self, place: &Place) -> Option<String> {
        if let Some(whose) = self.own.shared(&place.path) {
            return Some(match self.own.led(&place.path) {
                Some(_) => format!("leads into the cache of {}: nothing is taken from there", escape::path(&whose)),
                None => format!("is the cache of {}: nothing is taken from there", escape::path(&whose)),
            });
        }
        if !place.path.starts_with(&self.project.0) {
            return None;
        }
        let in_root = self.root_counts && place.real.starts_with(&self.root.1);
        let beside = !place.path.starts_with(&self.root.0) && place.real.starts_with(&self.project.1);
        if in_root || beside || self.is_a_cache_of_its_own(&place.real) {
            return None;
        }
        let why = if self.is_everybodys(&place.real) { EVERYBODYS } else { NO_CACHE };
        Some(format!("leads to {}, {why}", escape::path(&place.real)))
    }

    /// Whether it lies in `~/.cache`.
    fn is_everybodys(&self, real: &Path) -> bool {
        self.home.as_ref().is_some_and(|home| real.starts_with(home.join(".cache")))
    }

    /// Whether the folder says itself that it is a cache, and is none of those that are never one.
    fn is_a_cache_of_its_own(&self, real: &Path) -> bool {
        if self.project.1.starts_with(real) || is_in_git(real) {
            return false;
        }
        if let Some(home) = &self.home {
            let first = real.strip_prefix(home).ok().and_then(|inside| inside.components().next());
            let dotted = first.is_some_and(|first| first.as_os_str().as_encoded_bytes().starts_with(b"."));
            if dotted || home.starts_with(real) {
                return false;
            }
        }
        let hub = real.join("hub");
        let torch = real.file_name().is_some_and(|name| name == "hub") && real.join("checkpoints").is_dir();
        is_tagged(real)
            || holds_repositories(real)
            || holds_repositories(&hub)
            || hub.join("checkpoints").is_dir()
            || torch
    }
}

/// Whether `entries`, which are folders below an application cache, show that it holds a cache of models: a part of that would go
/// without regard to who needs it. Gives the folder.
pub fn cache_within<'a>(mut entries: impl Iterator<Item = &'a Path>) -> Option<&'a Path> {
    entries.find(|path| {
        let name = path.file_name().unwrap_or_default();
        let layout = || ["snapshots", "blobs", "refs"].iter().any(|part| path.join(part).is_dir());
        (is_repository(name) && layout())
            || (name == "projects" && path.parent().is_some_and(|above| above.ends_with(OWN)))
    })
}

fn real(path: &Path) -> PathBuf {
    paths::real_place(path).unwrap_or_else(|| path.to_path_buf())
}

fn holds_repositories(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let is_one =
        |entry: fs::DirEntry| is_repository(&entry.file_name()) && entry.file_type().is_ok_and(|kind| kind.is_dir());
    entries.into_iter().any(is_one)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn room() -> (tempfile::TempDir, PathBuf) {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().canonicalize().unwrap();
        for folder in [
            "p/.cache/whisper",
            "p/out",
            "h/docs",
            "h/.ssh",
            "h/.cache/huggingface/hub/models--o--m",
            "disk/plain",
            "disk/hf/hub/models--o--m",
            "disk/tagged",
        ] {
            fs::create_dir_all(path.join(folder)).unwrap();
        }
        fs::write(path.join("disk/tagged/CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc55\n").unwrap();
        fs::copy(path.join("disk/tagged/CACHEDIR.TAG"), path.join("h/.ssh/CACHEDIR.TAG")).unwrap();
        (room, path)
    }

    fn trust(room: &Path) -> Trust {
        let (project, root) = (room.join("p"), room.join("p/.cache"));
        Trust::of(&project, &root, Some(&room.join("h")), &[root.join("whisper"), root.join("huggingface")])
    }

    #[test]
    fn a_home_that_leads_out_counts_only_where_it_says_itself_that_it_is_a_cache() {
        let (_kept, room) = room();
        for (target, counts) in [
            ("disk/plain", false),
            ("disk/hf", true),
            ("disk/hf/hub", true),
            ("disk/tagged", true),
            ("h/docs", false),
            ("h/.ssh", false),
            ("h/.cache/huggingface", false),
            ("h", false),
            ("p/out", false),
        ] {
            let link = room.join("p/.cache/linked");
            let _ = fs::remove_file(&link);
            symlink(room.join(target), &link).unwrap();
            let place = Place::at("linked".into(), link, Kind::Home);
            assert_eq!(trust(&room).distrusted(&[place]).is_empty(), counts, "{target}");
        }
        let own = Place::at("whisper".into(), room.join("p/.cache/whisper"), Kind::Home);
        assert_eq!(trust(&room).distrusted(&[own]), []);
    }

    #[test]
    fn an_application_cache_lies_in_the_project_and_apart_from_models() {
        let (_kept, room) = room();
        symlink("../h/docs", room.join("p/led")).unwrap();
        for folder in
            ["p/.git/hooks", "p/bare/objects", "p/bare/refs", "p/other/.modelstrap/projects", "p/x/models--o--m/blobs"]
        {
            fs::create_dir_all(room.join(folder)).unwrap();
        }
        fs::write(room.join("p/bare/HEAD"), "ref: refs/heads/main\n").unwrap();
        let outside = "lies outside of the project and its cache";
        let home = "home of a library";
        for (path, words) in [
            ("p/led", outside),
            ("h/docs", outside),
            ("p/.git/hooks", "Git repository"),
            ("p/bare/refs", "Git repository"),
            ("p/.cache", "holds the cache root"),
            ("p/.cache/whisper", home),
            ("p/other", "another cache"),
            ("p/x/models--o--m/blobs", "in a hub"),
            ("p/x", "in a hub"),
        ] {
            let place = Place::at("x".into(), room.join(path), Kind::Application { max_age: None });
            let why = trust(&room).distrusted(&[place]).pop().map(|found| found.why).unwrap_or_default();
            assert!(why.contains(words), "{path}: {why}");
        }
        for path in ["p/out", "p/missing"] {
            let place = Place::at("x".into(), room.join(path), Kind::Application { max_age: None });
            assert_eq!(trust(&room).distrusted(&[place]), [], "{path}");
        }
    }
}
