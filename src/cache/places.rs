//! Where cached data may lie: the cache root, what the libraries' variables lead to, application caches, and strays.

use std::path::{Path, PathBuf};

use super::weights;
use crate::support::paths;

/// A folder that is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// What it is called: the library's folder, the application cache's name, or where it is.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Why it is looked at.
    pub kind: Kind,
}

/// Why a folder is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A library's home in the cache root, or where its variables lead it.
    Home,
    /// An application cache of the manifest.
    Application {
        /// Files that were changed last before so many seconds may go.
        max_age: Option<i64>,
    },
    /// Data outside of the cache root, in a place where a library puts it when nothing is set.
    Stray {
        /// Who puts it there.
        whose: String,
    },
    /// A folder of an earlier layout that the manifest names.
    Legacy,
}

impl Kind {
    /// An application cache's `max_age`, in seconds.
    pub fn max_age(&self) -> Option<i64> {
        match self {
            Self::Application { max_age } => *max_age,
            Self::Home | Self::Stray { .. } | Self::Legacy => None,
        }
    }
}

/// Drops places that are or lie in one that was named before, links followed: nothing is counted twice.
pub fn disjoint(places: Vec<Place>) -> Vec<Place> {
    let mut kept: Vec<(PathBuf, Place)> = Vec::new();
    for place in places {
        let real = paths::real_place(&place.path).unwrap_or_else(|| place.path.clone());
        let inside = |outer: &Path| real.starts_with(outer);
        if !kept.iter().any(|(outer, _)| inside(outer)) {
            kept.push((real, place));
        }
    }
    kept.into_iter().map(|(_, place)| place).collect()
}

/// What a project knows of where its data may lie.
#[derive(Debug, Default)]
pub struct Known {
    /// The cache root.
    pub cache_root: PathBuf,
    /// The project's folder.
    pub project: PathBuf,
    /// Homes that the libraries' variables lead elsewhere than into the cache root: the library, and where.
    pub elsewhere: Vec<(String, PathBuf)>,
    /// The application caches of the manifest: name, folder, and `max_age` in seconds.
    pub applications: Vec<(String, PathBuf, Option<i64>)>,
    /// Where libraries put things when nothing is set: the library, and where.
    pub defaults: Vec<(String, PathBuf)>,
    /// Folders of an earlier layout.
    pub legacy: Vec<PathBuf>,
}

impl Known {
    /// Every place, each once: what lies within another one is counted there.
    pub fn places(self) -> Vec<Place> {
        let Self { cache_root, project, elsewhere, applications, mut defaults, legacy } = self;
        let mut places = homes(&cache_root);
        let elsewhere = elsewhere.into_iter().filter(|(_, path)| path.is_dir());
        places.extend(elsewhere.map(|(name, path)| Place { name, path, kind: Kind::Home }));
        places.extend(applications.into_iter().map(|(name, path, max_age)| Place {
            name,
            path,
            kind: Kind::Application { max_age },
        }));
        places.extend(legacy.into_iter().map(|path| Place { name: named(&path), path, kind: Kind::Legacy }));
        // The shorter first: `~/.cache/huggingface` before `~/.cache/huggingface/hub`.
        defaults.sort_by_key(|(_, path)| path.components().count());
        let there = defaults.into_iter().filter(|(_, path)| path.is_dir() && !project.starts_with(path));
        places.extend(there.map(|(whose, path)| Place { name: named(&path), path, kind: Kind::Stray { whose } }));
        let within = weights::folders(&project, &cache_root);
        let whose = || "this project".to_owned();
        places.extend(within.into_iter().map(|path| Place {
            name: named(&path),
            path,
            kind: Kind::Stray { whose: whose() },
        }));
        disjoint(places)
    }
}

/// The folders of the cache root: one for each library, and what else lies there.
fn homes(cache_root: &Path) -> Vec<Place> {
    let Ok(entries) = std::fs::read_dir(cache_root) else { return Vec::new() };
    let mut places: Vec<Place> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().is_dir())
        .map(|entry| Place { name: named(&entry.path()), path: entry.path(), kind: Kind::Home })
        .collect();
    places.sort_by(|one, other| one.path.cmp(&other.path));
    places
}

fn named(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stray(path: &Path) -> Place {
        Place { name: named(path), path: path.to_path_buf(), kind: Kind::Stray { whose: "x".into() } }
    }

    #[test]
    fn a_place_within_another_is_counted_there() {
        let room = tempfile::tempdir().unwrap();
        let outer = room.path().join("a");
        std::fs::create_dir_all(outer.join("b")).unwrap();
        let beside = room.path().join("ab");
        let kept = disjoint(vec![stray(&outer), stray(&outer.join("b")), stray(&beside), stray(&outer)]);
        assert_eq!(kept, [stray(&outer), stray(&beside)]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_a_place_is_that_place() {
        let room = tempfile::tempdir().unwrap();
        let outer = room.path().join("a");
        std::fs::create_dir_all(outer.join("b")).unwrap();
        std::os::unix::fs::symlink(outer.join("b"), room.path().join("link")).unwrap();
        assert_eq!(disjoint(vec![stray(&outer), stray(&room.path().join("link"))]), [stray(&outer)]);
    }

    #[test]
    fn a_project_inside_a_librarys_default_place_is_no_stray() {
        let room = tempfile::tempdir().unwrap();
        let project = room.path().join("home/p");
        std::fs::create_dir_all(project.join(".cache/torch")).unwrap();
        std::fs::create_dir_all(room.path().join("home/other")).unwrap();
        let known = Known {
            cache_root: project.join(".cache"),
            project: project.clone(),
            defaults: vec![
                ("A".into(), room.path().join("home")),
                ("B".into(), room.path().join("home/other")),
                ("C".into(), room.path().join("home/missing")),
            ],
            ..Known::default()
        };
        let names: Vec<_> = known.places().into_iter().map(|place| (place.name, place.kind)).collect();
        let b = Kind::Stray { whose: "B".into() };
        assert_eq!(names, [("torch".to_owned(), Kind::Home), ("other".to_owned(), b)]);
    }
}
