//! What is asked for, and what is known before anything is looked at file by file.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::super::Usage;
use super::super::context::Context;
use super::super::survey::Survey;
use super::{named, theirs};
use crate::cache::Place;
use crate::cache::hub::full_name;
use crate::cache::migrate::sources::{Found, Search};
use crate::cache::migrate::{Known, Options, Owners, Shape, Sources, Stay, Targets, begun};
use crate::cache::places::{Aside, Why};
use crate::catalogue;
use crate::cli::MigrateArgs;
use crate::models::hub::names::repo_folder;
use crate::models::lock::{self, Lock};
use crate::models::locked::RepoType;
use crate::models::names;
use crate::platform::open_files::open_files;
use crate::project::git;
use crate::support::{bounded, escape, paths, quoted, time};

/// What moves, and how.
pub(super) struct Prepared {
    pub(super) found: Found,
    pub(super) options: Options<'static>,
    pub(super) sources: Sources,
}

/// The same options for a run that changes things.
pub(super) fn acting<'a>(options: &Options<'_>, progress: &'a dyn Fn(u64)) -> Options<'a> {
    Options {
        act: true,
        link_back: options.link_back,
        project: options.project.clone(),
        tracked: options.tracked.clone(),
        writers: options.writers.clone(),
        known: options.known.clone(),
        links: options.links.clone(),
        now: options.now,
        progress: Some(progress),
    }
}

/// What is to be done now. In a second look (`again`) a place that was named and is gone is nobody's mistake.
pub(super) fn prepare(context: &Context, survey: &Survey, arguments: &MigrateArgs, again: bool) -> Result<Prepared> {
    let targets = targets(context, survey);
    if arguments.repo.is_some() && arguments.places.len() != 1 {
        return Err(Usage("--repo is about one folder: name that one alone".to_owned()).into());
    }
    let repository = arguments.repo.as_deref().map(repository).transpose()?;
    let libraries = libraries(context, survey);
    let sources = sources(survey, &targets, &libraries);
    let owners = Owners::of(&sources);
    let known = repository.as_deref().map(|folder| Known::of(&sources, folder)).unwrap_or_default();
    let unknown =
        repository.as_deref().and_then(|folder| known.lacks(&full_name(folder).unwrap_or_else(|| folder.to_owned())));
    let search = Search {
        repository: repository.as_deref(),
        unknown: unknown.as_ref(),
        unread: sources.lock.as_ref().err().map(String::as_str),
        ..search(survey, &targets, &libraries, &owners)
    };
    let mut found =
        if arguments.places.is_empty() { search.all() } else { named(context, survey, arguments, &search, again)? };
    if arguments.places.is_empty() {
        found.stays.extend(survey.aside.iter().filter_map(|aside| unfollowed(survey, aside)));
    }
    found.roots.extend(begun::begun(&targets.root, &survey.project.root));
    found.roots.sort_unstable();
    found.roots.dedup();
    found.parts.retain(|part| !survey.is_left_alone(&part.from) && !survey.is_left_alone(&part.to));
    found.roots.retain(|root| !survey.is_left_alone(root));
    if !arguments.force {
        theirs::hold_back(context, survey, !arguments.places.is_empty(), &mut found);
    }
    let options = Options {
        act: false,
        link_back: arguments.link_back,
        project: survey.project.root.clone(),
        tracked: tracked(&mut found),
        writers: open_files(Path::new("/")).map(|open| open.written).unwrap_or_default(),
        known,
        // `status` asks for a plan, too, and has no use for what a walk through the whole cache finds.
        links: Vec::new(),
        now: time::seconds(),
        progress: None,
    };
    Ok(Prepared { found, options, sources })
}

/// That nothing is taken from where a link of the project leads.
fn unfollowed(survey: &Survey, aside: &Aside) -> Option<Stay> {
    let Why::Unfollowed(of) = &aside.why else { return None };
    let of = paths::friendly(&survey.project.root, survey.layout.home.as_deref(), of);
    let why = format!("is a link to {of}, which is not followed: `modelstrap migrate {of}` moves what is there");
    Some(Stay { path: aside.path.clone(), why, grave: false })
}

/// Whether anything lies outside that may move: without a look at whose repositories commits are of, which takes longest.
pub(super) fn may_move(context: &Context, survey: &Survey) -> bool {
    let targets = targets(context, survey);
    let libraries = libraries(context, survey);
    let found = search(survey, &targets, &libraries, &Owners::default()).all();
    !found.parts.is_empty() || !found.stays.is_empty()
}

/// The libraries' default places, their homes in the cache root, and whether this project's variables lead them there.
type Libraries = Vec<(PathBuf, PathBuf, bool)>;

fn search<'a>(survey: &'a Survey, targets: &'a Targets, libraries: &'a Libraries, owners: &'a Owners) -> Search<'a> {
    Search {
        targets,
        project: &survey.project.root,
        home: survey.layout.home.as_deref(),
        places: &survey.places,
        led: &survey.led,
        own: &survey.own,
        owners,
        repository: None,
        unknown: None,
        unread: None,
        libraries,
    }
}

/// Who says which repositories commits are of, and what is in them: the lock and every hub that is known. In a cache outside of the project
/// only hubs that the project has not brought are believed: those of the cache, and the libraries' own.
fn sources(survey: &Survey, targets: &Targets, libraries: &Libraries) -> Sources {
    let mut own = vec![targets.hub.clone(), targets.hf_home.clone()];
    own.extend(libraries.iter().flat_map(|(at, ..)| [at.join("hub"), at.clone()]));
    let places = survey.places.iter();
    let mut brought: Vec<PathBuf> = places
        .flat_map(|place| [place.path.clone(), place.path.join("hub"), place.path.join("huggingface/hub")])
        .filter(|hub| !own.contains(hub))
        .collect();
    let real = |path: &Path| paths::real_place(path).unwrap_or_else(|| path.to_path_buf());
    let (project, root) = (real(&survey.project.root), real(&targets.root));
    // Most of them are not there: where those would lead was half of all that a run asked the disk. Their own words have to do.
    let is_in = |hub: &Path, folder: &Path| match hub.is_dir() {
        true => real(hub).starts_with(folder),
        false => hub.starts_with(folder),
    };
    let is_own_cache = root.starts_with(&project);
    if is_own_cache {
        own.append(&mut brought);
    } else {
        // A variable of the project may lead a library into it.
        let (theirs, left) = own.into_iter().partition(|hub| is_in(hub, &project));
        own = left;
        brought.extend::<Vec<PathBuf>>(theirs);
        own.extend(brought.extract_if(.., |hub| is_in(hub, &root)));
    }
    for hubs in [&mut own, &mut brought] {
        hubs.sort_unstable();
        hubs.dedup();
    }
    Sources { lock: read_lock(&survey.project.root), hubs: own, doubted: (!is_own_cache).then_some(brought) }
}

/// The places that were named: as `status` calls them, or by their paths.
fn named(
    context: &Context,
    survey: &Survey,
    arguments: &MigrateArgs,
    search: &Search<'_>,
    again: bool,
) -> Result<Found> {
    let mut found = Found::default();
    let start = context.start()?;
    for word in &arguments.places {
        let (name, path) = read(&start, survey.layout.home.as_deref(), word)?;
        let is_named = |place: &&Place| place.name == name && place.path.is_dir();
        let outside =
            |place: &&Place| !matches!(place.kind, crate::cache::Kind::Home | crate::cache::Kind::Application { .. });
        let paths: Vec<PathBuf> =
            match survey.places.iter().filter(is_named).filter(outside).map(|place| place.path.clone()).collect() {
                found @ Vec::<PathBuf> { .. } if !found.is_empty() && !path.is_dir() => found,
                _ => vec![path],
            };
        let is_missing =
            |path: &PathBuf| path.symlink_metadata().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
        let paths = match repository(&name).ok().filter(|_| paths.iter().all(is_missing)) {
            Some(folder) if arguments.repo.is_none() => named::of_repository(search, &folder),
            _ => paths,
        };
        if !again && (paths.is_empty() || paths.iter().any(is_missing)) {
            return Err(named::unknown(survey, &start, &name).into());
        }
        for path in paths.into_iter().filter(|path| !again || path.is_dir()) {
            let part = search.of(&path).map_err(|why| Usage(format!("{}: {why}", escape::path(&path))))?;
            found.parts.extend(part.parts);
            found.stays.extend(part.stays);
            found.roots.extend(part.roots);
        }
    }
    found.parts.sort_by_key(|part| part.shape != Shape::Local);
    found.parts.dedup();
    Ok(found)
}

/// The name that a word is, and the path: of two that it can be read as the one that is there.
fn read(start: &Path, home: Option<&Path>, word: &OsStr) -> Result<(String, PathBuf)> {
    let name = quoted::given(word);
    let given = quoted::path(&name);
    let is_there = |path: &Path| path.symlink_metadata().is_ok();
    let at = |path: &Path| paths::without_parents(&paths::absolute(start, path));
    let mut path = at(&given);
    // As paths in the home are shown, where no shell has read it; a folder that is called `~` is that.
    if let (false, Some(home), Ok(inside)) = (is_there(&path), home, given.strip_prefix("~")) {
        path = home.join(inside);
    }
    let literal = quoted::literal(word).map(|literal| (at(Path::new(word)), literal));
    match literal.filter(|(path, _)| is_there(path)) {
        Some(_) if is_there(&path) => {
            let word = escape::printable(&word.to_string_lossy());
            let why = "can be read as two names, and something has each: write ./ before the one that you mean";
            Err(Usage(format!("{word} {why}")).into())
        }
        Some((path, literal)) => Ok((literal, path)),
        None => Ok((name, path)),
    }
}

fn targets(context: &Context, survey: &Survey) -> Targets {
    let set = survey.layout.variables(&context.vars).set;
    let hf_home = set.iter().find(|one| one.name == "HF_HOME").map(|one| PathBuf::from(&one.value));
    let root = survey.layout.cache_root.clone();
    let homes = &survey.homes;
    Targets {
        hf_home: hf_home.unwrap_or_else(|| root.join("huggingface")),
        hub: homes.hub.clone(),
        torch: homes.torch_hub.parent().unwrap_or(&homes.torch_hub).to_path_buf(),
        whisper: homes.whisper.clone(),
        root,
    }
}

/// Each library's default places, its home in the cache root where that has the same name, and whether this project's variables
/// lead it there.
fn libraries(context: &Context, survey: &Survey) -> Libraries {
    let used = catalogue::with_inherited(&survey.layout.libraries);
    let root = &survey.layout.cache_root;
    let mut found = Vec::new();
    for (library, at) in survey.layout.default_locations(&context.vars) {
        let name = at.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let same = library.homes.iter().any(|home| *home == name);
        let home = if same { root.join(&name) } else { PathBuf::new() };
        let led = used.iter().any(|one| one.id == library.id) && !library.env.is_empty() || inherits(library, &used);
        found.push((at, home, led));
    }
    found
}

/// A library without variables of its own that reads another one's home.
fn inherits(library: &catalogue::Library, used: &[&'static catalogue::Library]) -> bool {
    used.iter().any(|one| one.id == library.id) && !library.inherits.is_empty()
}

/// `ORG/NAME`, with `datasets/` before it for a dataset, as its folder in a hub.
fn repository(text: &str) -> Result<String> {
    let (kind, name) = match text.strip_prefix("datasets/") {
        Some(name) => (RepoType::Dataset, name),
        None => (RepoType::Model, text.strip_prefix("models/").unwrap_or(text)),
    };
    names::hub_repo(name).map_err(|why| Usage(format!("--repo {}: {why}", escape::printable(text))))?;
    Ok(repo_folder(kind, name))
}

/// The project's lock, if it has one; else why it cannot be read.
fn read_lock(project: &Path) -> Result<Option<Lock>, String> {
    let bytes = match bounded::read(&project.join(lock::FILE), lock::MAX_SIZE) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("{}: {error}", lock::FILE)),
        Ok(bytes) => bytes,
    };
    let text = String::from_utf8(bytes).map_err(|_| format!("{}: is not valid UTF-8", lock::FILE))?;
    // What to do stands in a line of its own there.
    Lock::parse(&text).map(Some).map_err(|problem| format!("{}{problem}", lock::FILE).replace("\n  ", "; "))
}

/// Files of the parts that Git tracks, in whatever repository they lie: they are a project, not a cache. A part of which Git does not
/// say it stays.
fn tracked(found: &mut Found) -> HashSet<PathBuf> {
    let mut tracked = HashSet::new();
    let stays = &mut found.stays;
    found.parts.retain(|part| {
        let files = tracked_in(&part.from);
        let is_known = files.is_some();
        tracked.extend(files.unwrap_or_default());
        if !is_known {
            stays.push(Stay { path: part.from.clone(), why: UNASKED.to_owned(), grave: true });
        }
        is_known
    });
    tracked
}

/// The files in `folder` that Git tracks, below the path by which it was found: a link may lead into another work tree.
fn tracked_in(folder: &Path) -> Option<HashSet<PathBuf>> {
    let real = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
    let Some(root) = work_tree(&real) else { return Some(HashSet::new()) };
    let files = git::tracked_files(&root, &real)?;
    Some(files.iter().filter_map(|file| Some(folder.join(file.strip_prefix(&real).ok()?))).collect())
}

/// The work tree that holds `folder`. A `.git` without a head is none to Git, and what lies above it counts.
fn work_tree(folder: &Path) -> Option<PathBuf> {
    let root = git::work_tree(folder)?;
    let own = root.join(".git");
    if own.is_dir() && own.join("HEAD").symlink_metadata().is_err() { work_tree(root.parent()?) } else { Some(root) }
}

/// Why a folder of a work tree stays.
const UNASKED: &str =
    "lies in a Git work tree, and Git does not say what it tracks there: see what `git ls-files` says in it";
