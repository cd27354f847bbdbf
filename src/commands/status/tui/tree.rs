//! What the scan has found, as the tree that the browser walks through: down to the revisions. Below them somebody reads when it
//! is opened.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::cache::inventory::{Found, Heap, Repository, Revision, Unit, UnitKind};
use crate::cache::places::OWN;
use crate::cache::{Inventory, Kind as PlaceKind, Sizes};
use crate::commands::status::lines;
use crate::setup::Layout;
use crate::support::{paths, quoted};
use crate::ui::browser::{Below, Branch, Kind, Node, Tree};
use crate::ui::table::Tone;

/// What is said where something cannot be marked.
pub(super) mod why {
    pub(in super::super) const OWN: &str = "a library or this tool keeps this for itself: it is not deleted";
    pub(in super::super) const REST: &str = "mark what is in it: these are files that belong to no model";
    pub(in super::super) const TRASH: &str =
        "this goes by itself within the hour, or with `modelstrap clear trash`; `u` brings it back";
    pub(in super::super) const STORE: &str =
        "these go with the last repository that uses them, or with `modelstrap prune`";
    pub(in super::super) const OLLAMA: &str = "models of Ollama have layers in common: `ollama rm` removes them";
    pub(in super::super) const LINK: &str = "this is a link to elsewhere: neither it nor what is there is deleted";
    pub(in super::super) const TOGETHER: &str = "mark all of them, one level up";
    pub(in super::super) const PART: &str = "a model goes whole: what is left of it would be taken for all of it";
    pub(in super::super) const KEPT: &str = "this stays whatever is deleted around it";
    pub(in super::super) const BESIDE: &str = "this place is counted by itself, at the top";
    pub(in super::super) const EMPTY: &str = "there is nothing in it to delete";
}

/// The tree of everything that was found; `named` is what the project calls the repositories that its lock names.
pub(super) fn of(inventory: &Inventory, named: &HashMap<PathBuf, Vec<String>>, layout: &Layout) -> Tree {
    // What was removed has a row of its own.
    let is_shown = |found: &&Found| found.exists && !found.place.path.ends_with(OWN);
    let places = inventory.places.iter().filter(is_shown).map(|found| place(found, named, layout));
    let places = places.chain(trash(inventory, layout));
    Tree::new(Branch {
        node: Node {
            name: "caches".to_owned(),
            path: PathBuf::new(),
            kind: Kind::Root,
            sizes: inventory.total,
            used: None,
            about: String::new(),
            tone: Tone::Plain,
            stays: Some(why::EMPTY),
        },
        below: Below::Here(places.collect()),
    })
}

/// What was removed and can be brought back.
fn trash(inventory: &Inventory, layout: &Layout) -> Option<Branch> {
    let node = Node {
        name: "trash".to_owned(),
        path: layout.cache_root.join(OWN).join("trash"),
        kind: Kind::Place,
        sizes: inventory.trash,
        used: None,
        about: "what was removed and can be brought back".to_owned(),
        tone: Tone::Pending,
        stays: Some(why::TRASH),
    };
    (inventory.trash.disk > 0).then_some(Branch { node, below: Below::Nothing })
}

fn place(found: &Found, named: &HashMap<PathBuf, Vec<String>>, layout: &Layout) -> Branch {
    let path = &found.place.path;
    // Outside of the cache two libraries may have folders of one name.
    let name = match found.place.kind {
        PlaceKind::Home | PlaceKind::Application { .. } => found.place.name.clone(),
        PlaceKind::Stray { .. } | PlaceKind::Shell { .. } | PlaceKind::Legacy => {
            paths::friendly(&layout.root, layout.home.as_deref(), path)
        }
    };
    let (about, tone) = match &found.place.kind {
        PlaceKind::Home => ("in the cache".to_owned(), Tone::Plain),
        PlaceKind::Application { .. } => {
            (format!("application cache{}", lines::policy(found).unwrap_or_default()), Tone::Plain)
        }
        PlaceKind::Stray { whose } => (format!("outside of the cache ({whose})"), Tone::Bad),
        PlaceKind::Shell { variable } => (format!("outside of the cache ({variable} of this shell)"), Tone::Bad),
        PlaceKind::Legacy => ("outside of the cache (an earlier layout)".to_owned(), Tone::Bad),
    };
    let below = match found.place.kind {
        PlaceKind::Application { .. } => Below::Unread,
        _ => Below::Here(found.units.iter().filter_map(|unit| self::unit(unit, named)).collect()),
    };
    let node = Node {
        name,
        path: found.place.path.clone(),
        kind: Kind::Place,
        sizes: found.sizes,
        used: found.units.iter().filter_map(|unit| unit.used).max(),
        about,
        tone,
        stays: None,
    };
    Branch { node, below }
}

fn unit(unit: &Unit, named: &HashMap<PathBuf, Vec<String>>) -> Option<Branch> {
    let flaws = lines::flaws(unit);
    let tone = if flaws.is_empty() { Tone::Plain } else { Tone::Bad };
    let called = named.get(&unit.path).map(|names| format!("model {}", names.join(", ")));
    let about = called.into_iter().chain(flaws).collect::<Vec<_>>().join("; ");
    let name = quoted::shown(&unit.name);
    let (name, kind, tone, stays, below) = match &unit.kind {
        UnitKind::File => (name, Kind::File, tone, None, Below::Nothing),
        UnitKind::Folder => (name, Kind::Folder, tone, None, Below::Unread),
        UnitKind::Store => (name, Kind::Folder, Tone::Pending, Some(why::STORE), Below::Unread),
        UnitKind::Own if name == OWN => {
            ("notes of modelstrap".to_owned(), Kind::Folder, Tone::Pending, Some(why::OWN), Below::Unread)
        }
        UnitKind::Own => (name, Kind::Folder, Tone::Pending, Some(why::OWN), Below::Unread),
        UnitKind::Ollama => (name, Kind::File, tone, Some(why::OLLAMA), Below::Nothing),
        UnitKind::Rest if unit.sizes.files == 0 => return None,
        UnitKind::Rest => ("other files".to_owned(), Kind::Rest, Tone::Pending, Some(why::REST), Below::Unread),
        UnitKind::Repository(repository) if repository.leads.is_some() => {
            (name, Kind::Repository, tone, Some(why::LINK), Below::Nothing)
        }
        UnitKind::Repository(repository) => {
            (name, Kind::Repository, tone, None, Below::Here(parts(unit, repository).collect()))
        }
    };
    let node = Node { name, path: unit.path.clone(), kind, sizes: unit.sizes, used: unit.used, about, tone, stays };
    Some(Branch { node, below })
}

/// The revisions, and what belongs to none.
fn parts<'a>(unit: &'a Unit, repository: &'a Repository) -> impl Iterator<Item = Branch> {
    let revisions = repository.revisions.iter().map(|one| revision(&unit.path, one));
    let orphans = heap(&unit.path, "blobs of no revision", Kind::Orphans, repository.orphans);
    let unfinished = heap(&unit.path, "unfinished downloads", Kind::Unfinished, unit.partial);
    revisions.chain(orphans).chain(unfinished)
}

fn revision(repository: &Path, revision: &Revision) -> Branch {
    let node = Node {
        name: revision.commit.to_string_lossy().into_owned(),
        path: repository.join("snapshots").join(&revision.commit),
        kind: Kind::Revision,
        sizes: revision.sizes,
        used: revision.used,
        about: lines::references(revision),
        tone: Tone::Plain,
        stays: None,
    };
    Branch { node, below: Below::Unread }
}

fn heap(repository: &Path, name: &str, kind: Kind, heap: Heap) -> Option<Branch> {
    let sizes = Sizes { apparent: heap.bytes, disk: heap.bytes, exclusive: heap.bytes, files: heap.files };
    let node = Node {
        name: name.to_owned(),
        path: repository.to_path_buf(),
        kind,
        sizes,
        used: None,
        about: String::new(),
        tone: Tone::Bad,
        stays: None,
    };
    (heap.files > 0).then_some(Branch { node, below: Below::Unread })
}
