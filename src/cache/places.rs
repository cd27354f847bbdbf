//! Where cached data may lie: the cache root, what the libraries' variables lead to, application caches, and strays.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use super::notes;
use super::others::{Led, Own};
use super::stamp::Stamp;
use super::weights::{self, UNEXPANDED};
use crate::support::{paths, quoted};

/// What this tool keeps for itself in a place. The notes' folder of a cache root is a place where something was removed.
pub const OWN: &str = notes::FOLDER;

/// What lies in the notes' folder of a cache root and may be large.
const TRASH: &str = "trash";

/// A folder that is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// What it is called: the library's folder, the application cache's name, or where it is.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// The same with links followed.
    pub real: PathBuf,
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
    /// Where a variable of the user's shell leads a library: perhaps for other projects, too, so that nothing is taken from there
    /// unless a person names it.
    Shell {
        /// The variable.
        variable: String,
    },
    /// A folder of an earlier layout that the manifest names.
    Legacy,
}

/// What looks like a place and is none: what lies there is counted elsewhere, or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aside {
    /// What it would be called.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Why it is none.
    pub why: Why,
}

impl Aside {
    /// A folder within a place that is the one at `of` by another path.
    pub fn twin(path: &Path, of: &Path) -> Self {
        Self { name: named(path), path: path.to_path_buf(), why: Why::Same(of.to_path_buf()) }
    }
}

/// Why something is no place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// It is the folder at this path by another name: a link, or a disk that is mounted twice.
    Same(PathBuf),
    /// It leads into the place at this path.
    Within(PathBuf),
    /// It leads to a folder that holds the cache or the project.
    Above,
    /// It leads to nothing.
    Nowhere,
    /// It is a link out of the project, to this folder, and nobody has said that it is to be followed.
    Unfollowed(PathBuf),
}

/// Where a project's data may lie.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// Each folder once.
    pub places: Vec<Place>,
    /// What leads into another project's cache: nothing is taken from there.
    pub led: Vec<Led>,
    /// What is no place, and why.
    pub aside: Vec<Aside>,
}

impl Kind {
    /// Whether it lies outside of the cache.
    pub const fn is_outside(&self) -> bool {
        matches!(self, Self::Stray { .. } | Self::Shell { .. } | Self::Legacy)
    }

    /// An application cache's `max_age`, in seconds.
    pub fn max_age(&self) -> Option<i64> {
        match self {
            Self::Application { max_age } => *max_age,
            Self::Home | Self::Stray { .. } | Self::Shell { .. } | Self::Legacy => None,
        }
    }
}

impl Place {
    /// A place at `path`.
    pub fn at(name: String, path: PathBuf, kind: Kind) -> Self {
        let real = paths::real_place(&path).unwrap_or_else(|| path.clone());
        Self { name, path, real, kind }
    }

    /// The smaller, the more is known of it: who lies in another one of a greater rank is counted apart.
    const fn rank(&self) -> u8 {
        match self.kind {
            Kind::Application { .. } => 0,
            Kind::Home => 1,
            Kind::Legacy => 2,
            Kind::Stray { .. } => 3,
            Kind::Shell { .. } => 4,
        }
    }
}

/// Each folder once, links followed: of two places that are one folder the one is kept of which more is known, and of two in each
/// other the outer one, unless more is known of the inner: the scan leaves that out of the outer.
pub fn disjoint(places: Vec<Place>) -> Vec<Place> {
    apart(places).0
}

/// The same, and what was left out although it does not lie below a place by its own path.
fn apart(places: Vec<Place>) -> (Vec<Place>, Vec<Aside>) {
    let mut kept: Vec<Place> = Vec::new();
    let mut aside: Vec<Aside> = Vec::new();
    let mut ids: Vec<(u64, u64)> = Vec::new();
    let mut twins: Vec<(PathBuf, u8)> = Vec::new();
    let mut order: Vec<(usize, Place)> = places.into_iter().enumerate().collect();
    order.sort_by_key(|(at, place)| (place.real.components().count(), place.rank(), *at));
    let mut numbers = Vec::new();
    for (at, place) in order {
        let swallowed = |outer: &Place| {
            place.real.starts_with(&outer.real) && (outer.real == place.real || outer.rank() <= place.rank())
        };
        // The outer come first: what lies below a folder's other name lies in that folder.
        if twins.iter().any(|(twin, rank)| place.real.starts_with(twin) && *rank <= place.rank()) {
            continue;
        }
        let id = Stamp::at(&place.real).map_or((0, 0), |stamp| stamp.id);
        // A disk that is mounted at two paths, or a folder: where the system has no such numbers, paths have to do.
        let twin = |at: usize| (id != (0, 0) && ids.get(at) == Some(&id)).then_some(at);
        let outer = kept.iter().position(swallowed).or_else(|| (0..kept.len()).find_map(twin));
        let Some(outer) = outer.and_then(|outer| kept.get(outer)) else {
            numbers.push(at);
            ids.push(id);
            kept.push(place);
            continue;
        };
        if place.path.starts_with(&outer.path) {
            continue;
        }
        let of = outer.path.clone();
        if !place.real.starts_with(&outer.real) {
            twins.push((place.real.clone(), place.rank()));
        }
        let is_inside = place.real != outer.real && place.real.starts_with(&outer.real);
        let why = if is_inside { Why::Within(of) } else { Why::Same(of) };
        aside.push(Aside { name: place.name, path: place.path, why });
    }
    aside.sort_by(|one, other| one.path.cmp(&other.path));
    // What lies below such a path goes without saying.
    aside.dedup_by(|one, other| one.path.starts_with(&other.path));
    let mut kept: Vec<(usize, Place)> = numbers.into_iter().zip(kept).collect();
    kept.sort_by_key(|(at, _)| *at);
    (kept.into_iter().map(|(_, place)| place).collect(), aside)
}

/// What a project knows of where its data may lie.
#[derive(Debug, Default)]
pub struct Known {
    /// The cache root.
    pub cache_root: PathBuf,
    /// The project's folder.
    pub project: PathBuf,
    /// The user's home folder, where that is known.
    pub home: Option<PathBuf>,
    /// Homes that the libraries' variables lead elsewhere than into the cache root: the library, and where.
    pub elsewhere: Vec<(String, PathBuf)>,
    /// The application caches of the manifest: name, folder, and `max_age` in seconds.
    pub applications: Vec<(String, PathBuf, Option<i64>)>,
    /// Where libraries put things when nothing is set: the library, and where.
    pub defaults: Vec<(String, PathBuf)>,
    /// Where the variables of the user's shell lead the libraries: the variable, and where.
    pub shell: Vec<(String, PathBuf)>,
    /// Folders of an earlier layout.
    pub legacy: Vec<PathBuf>,
}

impl Known {
    /// Every place, each once: what lies within another one is counted there.
    pub fn places(self, own: &Own) -> Places {
        let Self { cache_root, project, home, elsewhere, applications, mut defaults, shell, legacy } = self;
        let (mut places, mut links) = homes(&cache_root, &project);
        let elsewhere = elsewhere.into_iter().filter(|(_, path)| path.is_dir());
        places.extend(elsewhere.map(|(name, path)| Place::at(name, path, Kind::Home)));
        let applications = applications.into_iter();
        places.extend(applications.map(|(name, path, max_age)| Place::at(name, path, Kind::Application { max_age })));
        places.extend(legacy.into_iter().map(|path| Place::at(named(&path), path, Kind::Legacy)));
        // The shorter first: `~/.cache/huggingface` before `~/.cache/huggingface/hub`.
        defaults.sort_by_key(|(_, path)| path.components().count());
        // A dozen libraries share the hub: one of them names it, and it is looked at once.
        let mut seen = HashSet::new();
        defaults.retain(|(_, path)| seen.insert(path.clone()));
        // What holds the project, the home folder or another library's place is no library's alone: `TORCH_HOME=~/.cache`.
        let holds = |path: &Path| {
            let another = |place: &Path| place != path && place.starts_with(path);
            [&project, &cache_root].into_iter().chain(&home).any(|own| own.starts_with(path))
                || defaults.iter().any(|(_, place)| another(place))
        };
        let shell = shell.into_iter().filter(|(_, path)| path.is_dir() && !holds(path));
        let shell: Vec<Place> =
            shell.map(|(variable, path)| Place::at(named(&path), path, Kind::Shell { variable })).collect();
        defaults.extend(home.map(|home| unexpanded(&defaults, &home, &project)).unwrap_or_default());
        let there = defaults.into_iter().filter(|(_, path)| path.is_dir() && !project.starts_with(path));
        places.extend(there.map(|(whose, path)| Place::at(named(&path), path, Kind::Stray { whose })));
        places.extend(shell);
        let within = weights::folders(&project, &cache_root);
        let whose = || Kind::Stray { whose: "this project".to_owned() };
        places.extend(within.into_iter().map(|path| Place::at(named(&path), path, whose())));
        let mut led: Vec<Led> = Vec::new();
        let mut others = own.others();
        places.retain(|place| {
            let Some(whose) = place.kind.is_outside().then(|| others.other(&place.path)).flatten() else { return true };
            if !led.iter().any(|outer| place.path.starts_with(&outer.path)) {
                led.push(Led { path: place.path.clone(), whose });
            }
            false
        });
        let models = weights::linked(&project, &cache_root);
        if let Some((path, whose)) = models.iter().find_map(|path| Some((path.clone(), own.other(path)?))) {
            led.push(Led { path, whose });
        }
        let (places, mut aside) = apart(places);
        // Which place a link in the cache root leads into is known only now.
        links.retain(|link| !places.iter().any(|place| place.path == link.path));
        for link in &mut links {
            let Some(real) = link.path.canonicalize().ok().filter(|_| link.why == Why::Above) else { continue };
            if let Some(place) = places.iter().find(|place| real.starts_with(&place.real)) {
                let of = place.path.clone();
                link.why = if real == place.real { Why::Same(of) } else { Why::Within(of) };
            }
        }
        links.retain(|link| !aside.iter().any(|known| known.path == link.path));
        let is_led = |path: &PathBuf| led.iter().any(|led| led.path == *path);
        links.extend(models.filter(|path| !is_led(path)).map(|path| unfollowed(path, &places)));
        aside.splice(0..0, links);
        Places { places, led, aside }
    }
}

/// The folders of the cache root: one for each library, and what else lies there but the notes. A link counts where it leads out of the root to a
/// folder that holds neither it nor the project: a library's home on a larger disk. A root that cannot be listed is a place itself, so
/// that the scan says why.
fn homes(cache_root: &Path, project: &Path) -> (Vec<Place>, Vec<Aside>) {
    let home = |path: PathBuf| Place::at(named(&path), path, Kind::Home);
    let listed = std::fs::read_dir(cache_root).and_then(|entries| entries.collect::<io::Result<Vec<_>>>());
    let entries = match listed {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound) => return (Vec::new(), Vec::new()),
        Err(_) => return (vec![home(cache_root.to_path_buf())], Vec::new()),
    };
    let root = paths::real_place(cache_root).unwrap_or_else(|| cache_root.to_path_buf());
    let (mut places, mut aside) = (Vec::new(), Vec::new());
    for entry in entries {
        let place = home(entry.path());
        // What cannot be asked is opened by the scan, which says why it cannot.
        let is = |what: fn(&std::fs::FileType) -> bool| entry.file_type().is_ok_and(|kind| what(&kind));
        let inside = place.real.starts_with(&root);
        let above = root.starts_with(&place.real) || project.starts_with(&place.real);
        let leads_out = is(std::fs::FileType::is_symlink) && !inside && !above && place.real.is_dir();
        let notes = entry.file_name() == notes::FOLDER && !place.path.join(TRASH).exists();
        if (is(std::fs::FileType::is_dir) || leads_out) && !notes {
            places.push(place);
        } else if is(std::fs::FileType::is_symlink) && !place.path.is_file() {
            let why = if place.path.is_dir() { Why::Above } else { Why::Nowhere };
            aside.push(Aside { name: place.name, path: place.path, why });
        }
    }
    places.sort_by(|one, other| one.path.cmp(&other.path));
    aside.sort_by(|one: &Aside, other| one.path.cmp(&other.path));
    (places, aside)
}

/// Where the project's link leads: into one of `places`, in which it is counted, or to a folder that nobody looks into.
fn unfollowed(path: PathBuf, places: &[Place]) -> Aside {
    let real = path.canonicalize().unwrap_or_else(|_| path.clone());
    let why = match places.iter().find(|place| real.starts_with(&place.real)) {
        Some(place) if place.real == real => Why::Same(place.path.clone()),
        Some(place) => Why::Within(place.path.clone()),
        None => Why::Unfollowed(real),
    };
    Aside { name: named(&path), path, why }
}

/// The default places of libraries below a folder of the project that is called `~`. What a link there leads to is somebody else's: it may
/// have come with a clone.
fn unexpanded(defaults: &[(String, PathBuf)], home: &Path, project: &Path) -> Vec<(String, PathBuf)> {
    let tilde = project.join(UNEXPANDED);
    let Ok(real) = tilde.canonicalize() else { return Vec::new() };
    if project.canonicalize().is_ok_and(|project| project.join(UNEXPANDED) != real) {
        return Vec::new();
    }
    let below = |(whose, path): &(String, PathBuf)| {
        let inside = path.strip_prefix(home).ok()?;
        let is_plain = tilde.join(inside).canonicalize().is_ok_and(|found| found == real.join(inside));
        is_plain.then(|| (whose.clone(), tilde.join(inside)))
    };
    defaults.iter().filter_map(below).collect()
}

fn named(path: &Path) -> String {
    quoted::text(path.file_name().unwrap_or(path.as_os_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stray(path: &Path) -> Place {
        Place::at(named(path), path.to_path_buf(), Kind::Stray { whose: "x".into() })
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
    fn the_outer_of_two_places_counts_whichever_was_named_first_unless_more_is_known_of_the_inner() {
        let room = tempfile::tempdir().unwrap();
        let outer = room.path().join("data");
        let inner = outer.join("cache");
        std::fs::create_dir_all(&inner).unwrap();
        let application = Place::at("app".into(), inner.clone(), Kind::Application { max_age: None });
        let legacy = Place::at("data".into(), outer.clone(), Kind::Legacy);
        let kept = disjoint(vec![application.clone(), legacy.clone()]);
        assert_eq!(kept, [application.clone(), legacy.clone()], "the scan leaves one out of the other");
        assert_eq!(disjoint(vec![stray(&inner), legacy.clone()]), [legacy]);
        let home = Place::at("cache".into(), inner, Kind::Home);
        assert_eq!(disjoint(vec![home, application.clone()]), [application], "its max_age would be lost");
    }

    #[cfg(unix)]
    #[test]
    fn a_linked_home_counts_only_where_it_leads_out_to_a_folder_of_its_own() {
        let room = tempfile::tempdir().unwrap();
        let project = room.path().join("p");
        let root = project.join(".cache");
        std::fs::create_dir_all(root.join("huggingface/hub")).unwrap();
        std::fs::create_dir_all(room.path().join("large/torch")).unwrap();
        let link = |target: &Path, name: &str| std::os::unix::fs::symlink(target, root.join(name)).unwrap();
        link(Path::new("huggingface/hub"), "again");
        link(Path::new("/"), "everything");
        link(&project, "project");
        link(Path::new("nowhere"), "dangling");
        link(&room.path().join("large/torch"), "torch");
        let names: Vec<_> = homes(&root, &project).0.into_iter().map(|place| place.name).collect();
        assert_eq!(names, ["huggingface", "torch"]);
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
        let own = Own::new(&known.cache_root, &known.project);
        let names: Vec<_> = known.places(&own).places.into_iter().map(|place| (place.name, place.kind)).collect();
        let b = Kind::Stray { whose: "B".into() };
        assert_eq!(names, [("torch".to_owned(), Kind::Home), ("other".to_owned(), b)]);
    }
}
