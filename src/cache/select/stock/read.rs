//! Reads, file by file, what an inventory has found.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::git;
use super::tree::{Walk, walk, walk_repository};
use super::{
    Application, Entries, Entry, EntryKind, Holding, HubStock, Lot, Payload, Payloads, Seen, Stock, Thing, ThingKind,
    Whole, is_protected,
};
use crate::cache::hub::Hub;
use crate::cache::inventory::{Found, Inventory, Unit, UnitKind};
use crate::cache::ollama;
use crate::cache::places::{Kind, Place};
use crate::cache::select::ledger::Ledger;
use crate::cache::stamp::Stamp;
use crate::support::{atomic, bounded, interrupt};

/// This tool's own folder in a home, and the trash in it.
const OWN: &str = ".modelstrap";
const TRASH: &str = "trash";

/// No list of the users of a payload is larger.
const LARGEST_LIST: u64 = 4 << 20;

/// Which places are read, and as what.
pub struct Sources<'a> {
    /// Whether a place of the cache is the home of a library that is known: a cache root may be a folder in which other things
    /// lie, too.
    pub is_home: &'a dyn Fn(&Place) -> bool,
    /// Whether what lies outside of the cache is read: for who names a path.
    pub outside: bool,
    /// Whether the files of the application caches are read.
    pub applications: bool,
    /// The files in a folder that Git tracks.
    pub tracked: &'a dyn Fn(&Path) -> HashSet<PathBuf>,
}

/// Reads what `inventory` has found.
pub fn read(inventory: &Inventory, sources: &Sources<'_>) -> Stock {
    let mut stock = Stock { inner: inner(inventory), ..Stock::default() };
    for found in inventory.places.iter().filter(|found| found.exists) {
        if interrupt::requested() {
            break;
        }
        match &found.place.kind {
            Kind::Application { max_age } if sources.applications => {
                application(found, *max_age, (sources.tracked)(&found.place.real), &mut stock);
            }
            // Who shares what a variable of the shell leads to, and what else lies there, nobody knows here.
            Kind::Application { .. } | Kind::Shell { .. } => {}
            Kind::Home | Kind::Stray { .. } | Kind::Legacy => {
                if matches!(found.place.kind, Kind::Home) {
                    stock.trash = stock.trash.saturating_add(trash(&found.place.real));
                }
                let home = matches!(found.place.kind, Kind::Home) && (sources.is_home)(&found.place);
                if !home && sources.outside {
                    stock.tracked.extend((sources.tracked)(&found.place.real));
                }
                if home || sources.outside {
                    Reader { found, home, units: units(found), hubs: HashMap::new(), asked: None }.all(&mut stock);
                }
            }
        }
    }
    for hub in &mut stock.hubs {
        hub.repositories.sort_by(|one, other| one.repository.folder.cmp(&other.repository.folder));
        // A repository that could not be read may use any of them, and so may one that somebody has moved away.
        if hub.repositories.iter().any(|one| one.leads.is_some() || !one.repository.problems.is_empty()) {
            hub.payloads.unlist();
        }
    }
    let homes = inventory.places.iter().filter(|found| matches!(found.place.kind, Kind::Home));
    let homes: Vec<&Path> = homes.map(|found| found.place.real.as_path()).collect();
    stock.things.settle();
    // A million files need not be looked at again: they are no links.
    let links = stock.things.iter().filter(|thing| !thing.first().is_some_and(|one| one.is_plain()));
    let backs = links.filter(|thing| is_link_back(thing, &homes, &stock)).map(|thing| thing.path().into_owned());
    let backs: HashSet<PathBuf> = backs.collect();
    stock.things.retain(|thing| backs.is_empty() || !backs.contains(&*thing.path()));
    stock
}

/// Whether it is a link to a folder in one of `homes`, as a migration leaves them for others: it is no model of its own, and takes nothing.
/// In the cache it is one to a repository; one to what can go, a revision or a folder of a model, has to do with that.
fn is_link_back(thing: &Thing<'_>, homes: &[&Path], stock: &Stock) -> bool {
    let path = thing.path();
    let real = path.is_symlink().then(|| path.canonicalize().ok()).flatten().filter(|real| real.is_dir());
    let Some(real) = real.filter(|real| homes.iter().any(|home| real.starts_with(home))) else { return false };
    let in_repository = |hub: &HubStock| real.strip_prefix(&hub.folder).is_ok_and(|path| path.components().count() > 1);
    !thing.home() || (stock.around(&real).is_none() && !stock.hubs.iter().any(in_repository))
}

/// The places that lie in others.
fn inner(inventory: &Inventory) -> Vec<PathBuf> {
    let places = || inventory.places.iter().map(|found| &found.place.real);
    let lies_in_another = |inner: &&PathBuf| places().any(|outer| outer != *inner && inner.starts_with(outer));
    places().filter(lies_in_another).cloned().collect()
}

fn application(found: &Found, max_age: Option<i64>, mut tracked: HashSet<PathBuf>, stock: &mut Stock) {
    let Walk { mut entries, problems } = walk(&found.place.real);
    // This tool's own folder holds what can still be brought back.
    let own = found.place.real.join(OWN);
    entries.retain(|path| path != found.place.real && !path.starts_with(&own));
    let git = git::repositories(&entries);
    let in_git = |entry: &Seen<'_>| git.iter().any(|git| entry.lies_in(git));
    tracked.extend(entries.iter().filter(in_git).map(|entry| entry.path()));
    stock.applications.push(Application {
        name: found.place.name.clone(),
        path: found.place.real.clone(),
        max_age,
        shut: shut(&entries, &found.place.real),
        tracked,
        git,
        obscure: !problems.is_empty(),
        entries,
    });
    stock.problems.extend(problems);
}

/// The folders, of `root` and those among `entries`, in which this user may not delete.
fn shut(entries: &Entries, root: &Path) -> HashSet<PathBuf> {
    let folders = entries.iter().filter(|entry| entry.is_folder()).map(|entry| entry.path());
    folders.chain([root.to_path_buf()]).filter(|folder| atomic::can_write(folder).is_err()).collect()
}

/// What the trash of a home takes.
fn trash(home: &Path) -> u64 {
    let own = if home.ends_with(OWN) { home.to_path_buf() } else { home.join(OWN) };
    let mut ledger = Ledger::default();
    let trash = own.join(TRASH);
    let entries = if trash.is_dir() { walk(&trash).entries } else { Entries::default() };
    ledger.take_all(entries.iter().map(|entry| entry.stamp))
}

/// The units of a place by where they really lie.
fn units(found: &Found) -> HashMap<PathBuf, &Unit> {
    let real = |path: &Path| match path.strip_prefix(&found.place.path) {
        Ok(inside) => found.place.real.join(inside),
        Err(_) => path.to_path_buf(),
    };
    let own = |unit: &&Unit| !matches!(unit.kind, UnitKind::Rest);
    found.units.iter().filter(own).map(|unit| (real(&unit.path), unit)).collect()
}

struct Reader<'a> {
    found: &'a Found,
    home: bool,
    units: HashMap<PathBuf, &'a Unit>,
    /// Which hub of the stock lies in a folder.
    hubs: HashMap<PathBuf, usize>,
    /// The folder of which it was asked last whether files may be deleted in it.
    asked: Option<PathBuf>,
}

impl Reader<'_> {
    fn all(&mut self, stock: &mut Stock) {
        let root = self.found.place.real.clone();
        self.folder(&root, stock);
    }

    /// A folder that leads to units, and holds small files beside them.
    fn folder(&mut self, folder: &Path, stock: &mut Stock) {
        // Its layers belong to several models, as its manifests say: `ollama rm` knows which of them may go.
        if ollama::is_store(|name| folder.join(name).is_dir()) {
            return;
        }
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    stock.problems.push((folder.to_path_buf(), error.to_string()));
                }
                return;
            }
        };
        // Before the repositories, which then say of it alone which payloads they lead to.
        if self.is_store(&folder.join("blobs"), folder) {
            self.store(folder, stock);
        }
        for entry in entries.filter_map(Result::ok) {
            let (path, Ok(kind)) = (entry.path(), entry.file_type()) else { continue };
            let name = entry.file_name();
            // A store that lost its marker: of what lies there, nobody knows who uses it.
            if name == "blobs" && is_unmarked_store(&Hub::at(folder)) {
                continue;
            }
            match self.units.get(&path).map(|unit| &unit.kind) {
                Some(UnitKind::Repository(found)) => match &found.leads {
                    Some(leads) => self.linked(&path, leads, folder, stock),
                    None => self.repository(&path, folder, stock),
                },
                _ if self.is_store(&path, folder) => {}
                Some(UnitKind::File) => self.file(folder, &name, ThingKind::File, stock),
                Some(UnitKind::Folder) => self.thing(&path, ThingKind::Folder, stock),
                Some(UnitKind::Own) if name == ".locks" => self.thing(&path, ThingKind::Locks, stock),
                Some(UnitKind::Own) if name == OWN => self.partials(&path, stock),
                Some(UnitKind::Own | UnitKind::Rest | UnitKind::Ollama | UnitKind::Store) => {}
                None if kind.is_dir() => self.folder(&path, stock),
                None => {
                    let hidden = name.as_encoded_bytes().first() == Some(&b'.');
                    if !hidden && !is_protected(&name) {
                        self.file(folder, &name, ThingKind::File, stock);
                    }
                }
            }
        }
    }

    /// Whether `path` is what the repositories of a hub share: as the scan says, or as its mark does, where the hub has no repository and is
    /// not known as one.
    fn is_store(&self, path: &Path, folder: &Path) -> bool {
        match self.units.get(path).map(|unit| &unit.kind) {
            Some(UnitKind::Store) => true,
            Some(UnitKind::Folder) => path.ends_with("blobs") && Hub::at(folder).store.is_some(),
            _ => false,
        }
    }

    fn hub<'s>(&mut self, folder: &Path, stock: &'s mut Stock) -> Option<&'s mut HubStock> {
        let at = *self.hubs.entry(folder.to_path_buf()).or_insert_with(|| {
            stock.hubs.push(HubStock {
                folder: folder.to_path_buf(),
                root: self.found.place.real.clone(),
                home: self.home,
                repositories: Vec::new(),
                payloads: Payloads::default(),
            });
            stock.hubs.len() - 1
        });
        stock.hubs.get_mut(at)
    }

    fn linked(&mut self, path: &Path, leads: &Path, folder: &Path, stock: &mut Stock) {
        if let Some(hub) = self.hub(folder, stock) {
            hub.repositories.push(Holding::linked(path, leads));
        }
    }

    fn repository(&mut self, path: &Path, folder: &Path, stock: &mut Stock) {
        let Walk { entries, problems } = walk_repository(path);
        let unread = problems.into_iter().map(|(path, why)| (path, io::Error::other(why)));
        let may_delete = |name: &str| match atomic::can_write(&path.join(name)) {
            Err(error) => error.kind() == io::ErrorKind::NotFound,
            Ok(()) => true,
        };
        if !(may_delete("blobs") && may_delete("snapshots")) {
            stock.fixed.insert(path.to_path_buf());
        }
        // It goes by being moved into the trash, which changes both folders.
        if atomic::can_write(path).is_err() || atomic::can_write(folder).is_err() {
            stock.rooted.insert(path.to_path_buf());
        }
        if let Some(hub) = self.hub(folder, stock) {
            let mut holding = Holding::read(path, &Hub::at(folder), entries, &hub.payloads);
            holding.repository.problems.extend(unread);
            hub.repositories.push(holding);
        }
    }

    fn thing(&mut self, path: &Path, kind: ThingKind, stock: &mut Stock) {
        let Walk { mut entries, problems } = walk(path);
        if kind == ThingKind::Locks {
            // The trash of a hub beside which there is no place for one: not the locks', and more than nothing must be left.
            let own = path.join(OWN);
            entries.retain(|path| !path.starts_with(&own));
            if entries.len() < 2 {
                return;
            }
        }
        if entries.is_empty() && problems.is_empty() {
            return;
        }
        self.ask(path.parent(), stock);
        // What is moved into the trash must let go of its own name there, and of what is in it.
        if entries.iter().any(|entry| entry.is_folder() && atomic::can_write(&entry.path()).is_err()) {
            stock.fixed.insert(path.to_path_buf());
        }
        stock.things.push(Whole {
            name: path.file_name().unwrap_or_default().to_owned(),
            path: path.to_path_buf(),
            lot: self.lot(kind),
            obscure: !problems.is_empty(),
            git: git::repositories(&entries).pop(),
            entries,
        });
        stock.problems.extend(problems);
    }

    /// A file, or a link, of which a folder may hold a million.
    fn file(&mut self, folder: &Path, name: &OsStr, kind: ThingKind, stock: &mut Stock) {
        let path = folder.join(name);
        let looked = fs::symlink_metadata(&path).ok().filter(|looked| !looked.is_dir());
        // What is called so says that its folder is a work tree.
        let looked = looked.filter(|_| !name.eq_ignore_ascii_case(".git"));
        let added = looked.is_some_and(|looked| {
            let entry = if looked.is_file() { EntryKind::File } else { EntryKind::Other };
            stock.things.file(&self.lot(kind), folder, name, &Stamp::of(&looked), entry)
        });
        match added {
            true => self.ask(Some(folder), stock),
            false => self.thing(&path, kind, stock),
        }
    }

    fn lot(&self, kind: ThingKind) -> Lot {
        let Place { real, name, .. } = &self.found.place;
        Lot { root: real.clone(), place: name.clone(), kind, home: self.home }
    }

    /// Whether files may be deleted in `folder`.
    fn ask(&mut self, folder: Option<&Path>, stock: &mut Stock) {
        if let Some(folder) = folder.filter(|folder| self.asked.as_deref() != Some(folder)) {
            if atomic::can_write(folder).is_err() {
                stock.fixed.insert(folder.to_path_buf());
            }
            self.asked = Some(folder.to_path_buf());
        }
    }

    /// What this tool has not finished, elsewhere than in a repository.
    fn partials(&mut self, own: &Path, stock: &mut Stock) {
        let partials = own.join("partials");
        for entry in fs::read_dir(&partials).into_iter().flatten().filter_map(Result::ok) {
            if entry.file_type().is_ok_and(|kind| kind.is_file()) {
                self.file(&partials, &entry.file_name(), ThingKind::Unfinished, stock);
            }
        }
    }

    fn store(&mut self, folder: &Path, stock: &mut Stock) {
        let Some(store) = Hub::at(folder).store else { return };
        let is_folder = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
        let shards = fs::read_dir(&store).into_iter().flatten().filter_map(Result::ok).filter(is_folder);
        let mut shards: Vec<PathBuf> = shards.map(|shard| shard.path()).collect();
        shards.sort_unstable();
        let mut payloads = Payloads::default();
        for shard in shards {
            let Walk { entries, problems } = walk(&shard);
            stock.problems.extend(problems);
            if !shard_of(&entries, &shard, folder, &mut payloads) {
                stock.problems.push((shard, "holds more names than can be counted".to_owned()));
            }
        }
        payloads.settle();
        if let Some(hub) = self.hub(folder, stock) {
            hub.payloads = payloads;
        }
    }
}

fn is_unmarked_store(hub: &Hub) -> bool {
    hub.store.is_none() && hub.links_into_store()
}

/// Adds the payloads of one folder of the store: `HASH`, with `HASH.refs` and `HASH.lock` beside it. False where there is no room for them.
fn shard_of(entries: &Entries, shard: &Path, hub: &Path, payloads: &mut Payloads) -> bool {
    let mut here: BTreeMap<OsString, Seen<'_>> = BTreeMap::new();
    let mut beside: HashMap<OsString, Vec<Entry>> = HashMap::new();
    for entry in entries.iter().filter(|entry| entry.folder() == shard) {
        let name = entry.name();
        match Path::new(&name).extension().and_then(|ending| ending.to_str()) {
            Some("refs" | "lock") => {
                let payload = Path::new(&name).with_extension("").into_os_string();
                beside.entry(payload).or_default().push(whole(&entry));
            }
            None if entry.is_plain() => drop(here.insert(name.into_owned(), entry)),
            _ => {}
        }
    }
    here.iter().all(|(name, entry)| {
        let beside = beside.remove(name).unwrap_or_default();
        let entry = whole(entry);
        let users = users(&entry.path.with_extension("refs"));
        let used = users.iter().flatten().any(|user| leads_to(&hub.join(user), &entry.path));
        payloads.push(&Payload { listed: users.is_some(), used, entry, beside })
    })
}

fn whole(entry: &Seen<'_>) -> Entry {
    Entry { path: entry.path(), stamp: entry.stamp, kind: entry.kind }
}

/// The paths that a payload's list holds, one a line, below the hub; `None` where it cannot be read, or holds what no client
/// writes. Without a list, which every client writes first, whose it is the repositories' own links say.
fn users(list: &Path) -> Option<HashSet<PathBuf>> {
    match fs::symlink_metadata(list) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Some(HashSet::new()),
        Ok(found) if found.is_file() => {}
        _ => return None,
    }
    let text = String::from_utf8(bounded::read(list, LARGEST_LIST).ok()?).ok()?;
    let plain = |path: &Path| path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    text.lines()
        .filter(|line| !line.is_empty())
        .map(|line| Some(PathBuf::from(line)).filter(|path| plain(path)))
        .collect()
}

/// Whether the link at `blob` leads, in one hop, to `payload`.
fn leads_to(blob: &Path, payload: &Path) -> bool {
    let Ok(target) = fs::read_link(blob) else { return false };
    let Ok(rest) = target.strip_prefix("../../blobs") else { return false };
    payload.ends_with(Path::new("blobs").join(rest))
}
